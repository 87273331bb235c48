/* Headers of safetensors files as their makers and the model module see them. */
#ifndef CFI_SAFETENSORS_H
#define CFI_SAFETENSORS_H

#include "base/json_read.h"
#include "ctxfit/hf.h"

typedef struct cfi_hf_entry {
    const char      *name;
    ctxfit_hf_tensor info;
} cfi_hf_entry;

struct ctxfit_safetensors {
    cfi_arena     arena;
    cfi_hf_entry *entry; /* sorted by name */
    uint64_t      count;
    uint64_t      bytes;
    uint32_t      shards;
};

/* Sorts, refuses names that stand twice, and adds up. */
ctxfit_status cfi_safetensors_finish(ctxfit_safetensors *tensors, ctxfit_error *error);

#endif
