/* A checkpoint's own format beside the tensors of a recipe. */
#ifndef CFI_CHECKPOINT_INTERNAL_H
#define CFI_CHECKPOINT_INTERNAL_H

#include "hf/hf_internal.h"
#include "hf/safetensors.h"
#include "model_internal.h"

/* weights NULL: what the configuration says alone. What disagrees with it becomes notes of `c`. E_NO_MEMORY, E_OVERFLOW. */
ctxfit_status cfi_model_set_checkpoint(ctxfit_model *model, cfi_hf_config *c, const ctxfit_safetensors *weights, ctxfit_error *error);

typedef enum cfi_checkpoint_part {
    CFI_CHECKPOINT_LAYER,
    CFI_CHECKPOINT_EMBEDDING,
    CFI_CHECKPOINT_OUTPUT,
    CFI_CHECKPOINT_NEXTN,
    CFI_CHECKPOINT_OTHER
} cfi_checkpoint_part;

/* Of a model with so many layers, by a tensor's name; *block is set for LAYER and where NEXTN has one, else untouched. */
cfi_checkpoint_part cfi_checkpoint_part_of(const char *name, uint32_t layers, uint64_t *block);
bool cfi_checkpoint_is_expert(const char *name);
bool cfi_checkpoint_is_tied_head(const ctxfit_model *model, const char *name);
/* Holds the tensors of the files against what config.json describes: layers, widths, formats. E_NO_MEMORY. */
ctxfit_status cfi_checkpoint_compare(ctxfit_model *model, cfi_hf_config *c, const ctxfit_safetensors *weights, ctxfit_error *error);
/* Places in ctxfit_model.lost: a layer has two, its experts behind the rest. */
#define CFI_LOST_INPUT(layers)  (2 * (size_t)(layers))
#define CFI_LOST_OUTPUT(layers) (2 * (size_t)(layers) + 1)
#define CFI_LOST_NEXTN(layers)  (2 * (size_t)(layers) + 2)
#define CFI_LOST_OTHER(layers)  (2 * (size_t)(layers) + 3)
#define CFI_LOST_COUNT(layers)  (2 * (size_t)(layers) + 4)

/* Divides the files' bytes, part by part, among the tensors of the recipe. E_NO_MEMORY. */
ctxfit_status cfi_model_share_stored(ctxfit_model *model, ctxfit_error *error);
/* Of an MLX checkpoint the modules with a format of their own; a note of those that no tensor is known for where bytes are estimated.
 * E_NO_MEMORY. */
ctxfit_status cfi_model_read_modules(ctxfit_model *model, cfi_hf_config *c, const cfi_hf_quant *quant, bool estimated, ctxfit_error *error);
/* Of another checkpoint the modules that its method of quantization lists. E_NO_MEMORY. */
ctxfit_status cfi_model_read_rules(ctxfit_model *model, cfi_hf_config *c, const cfi_hf_quant *quant, ctxfit_error *error);
/* Whether its method quantizes the tensor, unless it says otherwise. */
bool   cfi_model_is_stored_narrow(const ctxfit_model *model, const cfi_tensor *tensor);
double cfi_mlx_weight_bytes(uint32_t bits, uint32_t group, uint32_t group_bytes);

#endif
