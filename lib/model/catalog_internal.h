/* Models by name: the table and how names are found in it. */
#ifndef CFI_CATALOG_INTERNAL_H
#define CFI_CATALOG_INTERNAL_H

#include "base/base_internal.h"

#define CFI_CATALOG_NONE UINT32_MAX

typedef struct cfi_catalog_entry {
    const char *id;
    const char *hf_id;
    const char *text; /* docs/model-text.md */
    const char *source;
} cfi_catalog_entry;

/* False past the end. */
bool cfi_catalog_at(uint32_t index, cfi_catalog_entry *out);
/* The place of a name as people type it, CFI_CATALOG_NONE when there is none. */
uint32_t cfi_catalog_find(const char *name);
/* "did you mean a, b or c?" over ids and aliases. */
void cfi_catalog_suggest(const char *name, char *out, size_t cap);

#endif
