/* What both readers of Ollama models fill. */
#ifndef CFI_MODELFILE_INTERNAL_H
#define CFI_MODELFILE_INTERNAL_H

#include "base/json_read.h"
#include "ctxfit/modelfile.h"

typedef struct cfi_modelfile_item {
    struct cfi_modelfile_item *next;
    uint32_t                   kind; /* CTXFIT_PART_*; 0: a parameter */
    const char                *name; /* of a parameter */
    const char                *value;
} cfi_modelfile_item;

struct ctxfit_modelfile {
    cfi_arena            arena;
    cfi_modelfile_item  *first;
    cfi_modelfile_item **end; /* where the next one is linked */
    uint32_t             parameters;
};

ctxfit_modelfile *cfi_modelfile_new(const ctxfit_allocator *allocator);
/* Copies both texts. E_NO_MEMORY. */
ctxfit_status cfi_modelfile_add(ctxfit_modelfile *file, uint32_t kind, const char *name, const char *value, size_t value_len,
                                ctxfit_error *error);

#endif
