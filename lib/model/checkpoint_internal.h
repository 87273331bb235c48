/* A checkpoint's own format beside the tensors of a recipe. */
#ifndef CFI_CHECKPOINT_INTERNAL_H
#define CFI_CHECKPOINT_INTERNAL_H

#include "hf/hf_internal.h"
#include "model_internal.h"

/* weights NULL: what the configuration says alone. E_NO_MEMORY, E_OVERFLOW. */
ctxfit_status cfi_model_set_checkpoint(ctxfit_model *model, const cfi_hf_config *c, const ctxfit_safetensors *weights, ctxfit_error *error);

#endif
