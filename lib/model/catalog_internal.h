/* Models by name: the table and how names are found in it. */
#ifndef CFI_CATALOG_INTERNAL_H
#define CFI_CATALOG_INTERNAL_H

#include "base/base_internal.h"

typedef struct cfi_catalog_entry {
    const char *id;
    const char *hf_id;
    const char *text; /* docs/model-text.md */
    const char *source;
    const char *as_of;
} cfi_catalog_entry;

typedef struct cfi_catalog_alias {
    const char *name;
    const char *id;
    const char *source;
    const char *as_of;
} cfi_catalog_alias;

const cfi_catalog_entry *cfi_catalog_at(uint32_t index);       /* NULL past the end */
const cfi_catalog_alias *cfi_catalog_alias_at(uint32_t index); /* NULL past the end */

/* The entry of a name as people type it; NULL when there is none. */
const cfi_catalog_entry *cfi_catalog_find(const char *name);
/* "did you mean a, b or c?" over ids and aliases. */
void cfi_catalog_suggest(const char *name, char *out, size_t cap);

#endif
