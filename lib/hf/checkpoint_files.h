/* What lies in the folder of a checkpoint. */
#ifndef CFI_CHECKPOINT_FILES_H
#define CFI_CHECKPOINT_FILES_H

#include "safetensors.h"

typedef struct cfi_hf_files {
    const char               *config; /* text of config.json */
    size_t                    config_size;
    const char               *quant_name; /* of a file beside it that says how weights are quantized, or NULL */
    const char               *quant;
    size_t                    quant_size;
    const ctxfit_safetensors *weights; /* with notes where a file is missing, cut off, or none that can be read; NULL: not asked for */
} cfi_hf_files;

/* `path`: the folder, a file of its weights, or their index. Texts are in the arena; ctxfit_safetensors_free() of *weights is due, whatever
 * the answer. E_NOT_FOUND (no folder, no config.json), E_IO, E_LIMIT, and all of ctxfit_safetensors_open() but what a download that
 * did not end leaves behind. */
ctxfit_status cfi_hf_open_files(const char *path, cfi_arena *arena, cfi_hf_files *out, ctxfit_safetensors **weights,
                                ctxfit_error *error);

/* "model-00001-of-00002.safetensors": length of "model", and 2; false for other names. */
bool cfi_shard_name_read(const char *name, size_t *prefix_len, uint32_t *count);

#endif
