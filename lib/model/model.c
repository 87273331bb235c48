#include "arch_internal.h"

void ctxfit_model_free(ctxfit_model *model)
{
    cfi_handle_free(model, offsetof(ctxfit_model, arena));
}

const char *ctxfit_model_name(const ctxfit_model *model)
{
    return model != NULL ? model->name : "";
}

const char *ctxfit_model_arch(const ctxfit_model *model)
{
    return model != NULL ? model->arch_name : "";
}

const char *ctxfit_model_note(const ctxfit_model *model, uint32_t index)
{
    return model != NULL && index < CFI_MODEL_NOTES ? model->note[index] : NULL;
}

ctxfit_status ctxfit_model_get_checkpoint(const ctxfit_model *model, ctxfit_checkpoint_info *out)
{
    if (model == NULL || out == NULL || model->checkpoint == NULL)
        return cfi_copy_none(out, CFI_V1_CHECKPOINT, model == NULL || out == NULL ? CTXFIT_E_INVALID_ARG : CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, model->checkpoint, sizeof *model->checkpoint, CFI_V1_CHECKPOINT);
}

ctxfit_status ctxfit_model_get_checkpoint_layer(const ctxfit_model *model, uint32_t index, ctxfit_checkpoint_layer *out)
{
    if (model == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_CHECKPOINT_LAYER, CTXFIT_E_INVALID_ARG);
    if (model->checkpoint_layer == NULL || index >= model->info.layers)
        return cfi_copy_none(out, CFI_V1_CHECKPOINT_LAYER, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &model->checkpoint_layer[index], sizeof model->checkpoint_layer[index], CFI_V1_CHECKPOINT_LAYER);
}

ctxfit_status ctxfit_model_get_info(const ctxfit_model *model, ctxfit_model_info *out)
{
    if (model == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_MODEL_INFO, CTXFIT_E_INVALID_ARG);
    return cfi_copy_out(out, &model->info, sizeof model->info, CFI_V1_MODEL_INFO);
}

ctxfit_status ctxfit_model_get_layer(const ctxfit_model *model, uint32_t index, ctxfit_layer_info *out)
{
    if (model == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_LAYER_INFO, CTXFIT_E_INVALID_ARG);
    if (index >= model->info.layers + model->info.nextn_layers)
        return cfi_copy_none(out, CFI_V1_LAYER_INFO, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &model->layer[index], sizeof model->layer[index], CFI_V1_LAYER_INFO);
}

const char *ctxfit_model_tensor_name(const ctxfit_model *model, uint64_t index)
{
    return model != NULL && index < model->info.tensor_count ? model->tensor[index].name : NULL;
}

ctxfit_status ctxfit_model_get_tensor(const ctxfit_model *model, uint64_t index, ctxfit_tensor_info *out)
{
    ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;
    const cfi_tensor  *tensor;

    if (model == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_TENSOR_INFO, CTXFIT_E_INVALID_ARG);
    if (index >= model->info.tensor_count)
        return cfi_copy_none(out, CFI_V1_TENSOR_INFO, CTXFIT_E_NOT_FOUND);
    tensor = &model->tensor[index];
    info.n_dims = tensor->n_dims;
    memcpy(info.dims, tensor->dims, sizeof info.dims);
    info.offset = tensor->offset;
    info.bytes = tensor->bytes;
    info.quant = tensor->quant;
    info.ggml_type = tensor->ggml_type;
    info.shard = tensor->shard;
    return cfi_copy_out(out, &info, sizeof info, CFI_V1_TENSOR_INFO);
}
