#include "recipe_internal.h"

/* What a tensor is in full precision: matrices are F16 (or still F32, in a file of that type), vectors and tables as they are, and
 * experts that were published in MXFP4 are so there too. llama-quantize also quantizes a few that conversion keeps in F32: the recipe
 * knows them. */
static ctxfit_quant full_precision(const cfi_tensor *tensor, const cfi_recipe *recipe, bool plain_experts)
{
    const cfi_quant_format *format = cfi_quant_format_of(tensor->quant);
    const cfi_quant_format *mxfp4 = cfi_quant_format_of(CTXFIT_QUANT_MXFP4);
    bool                    matrix = tensor->quant == CTXFIT_QUANT_F16 || tensor->quant == CTXFIT_QUANT_BF16;
    bool                    expert = (tensor->flags & CFI_TENSOR_F_EXPERT) != 0;

    if (format != NULL && format->block_elems == 1 && !matrix)
        return tensor->quant;
    if (recipe == NULL)
        return CTXFIT_QUANT_F16;
    if (cfi_recipe_is_vector(recipe, tensor->name))
        return CTXFIT_QUANT_F32;
    if (expert && !plain_experts && cfi_recipe_publishes_mxfp4(recipe) && tensor->dims[0] % mxfp4->block_elems == 0)
        return CTXFIT_QUANT_MXFP4;
    return CTXFIT_QUANT_F16;
}

static ctxfit_status copy_tensors(ctxfit_model *copy, const ctxfit_model *model, ctxfit_error *error)
{
    uint64_t count = model->info.tensor_count;
    size_t   bytes = 0;
    char    *names;

    for (uint64_t n = 0; n < count; n++)
        bytes += strlen(model->tensor[n].name) + 1;
    copy->tensor = cfi_arena_array(&copy->arena, (size_t)count, sizeof *copy->tensor);
    names = cfi_arena_alloc(&copy->arena, bytes);
    if (count > 0 && (copy->tensor == NULL || names == NULL))
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for %llu tensors", (unsigned long long)count);
    for (uint64_t n = 0; n < count; n++) {
        size_t len = strlen(model->tensor[n].name) + 1;

        copy->tensor[n] = model->tensor[n];
        copy->tensor[n].name = names;
        copy->tensor[n].shard = 0;
        memcpy(names, model->tensor[n].name, len);
        names += len;
    }
    copy->info.tensor_count = count;
    return CTXFIT_OK;
}

/* NULL stays NULL. */
static bool keep_text_or_null(ctxfit_model *copy, const char *text, const char **out)
{
    *out = text != NULL ? cfi_arena_copy(&copy->arena, text, strlen(text)) : NULL;
    return text == NULL || *out != NULL;
}

static ctxfit_status copy_facts(ctxfit_model *copy, const ctxfit_model *model, ctxfit_error *error)
{
    uint32_t      count = model->info.layers + model->info.nextn_layers;
    uint32_t      notes = 0;
    ctxfit_status status = cfi_model_new_layers(copy, model->info.layers, model->info.nextn_layers, error);

    if (status != CTXFIT_OK)
        return status;
    memcpy(copy->layer, model->layer, count * sizeof *copy->layer);
    memcpy(copy->layer_marks, model->layer_marks, count * sizeof *copy->layer_marks);
    copy->info = model->info;
    copy->plain_experts = model->plain_experts;
    copy->info.tensor_bytes = 0;
    copy->info.data_bytes = 0;
    copy->info.parameters = 0;
    copy->info.parameters_active = 0;
    memcpy(copy->fact, model->fact, sizeof copy->fact);
    copy->arch = model->arch;
    copy->name = cfi_arena_copy(&copy->arena, model->name, strlen(model->name));
    copy->arch_name = cfi_arena_copy(&copy->arena, model->arch_name, strlen(model->arch_name));
    copy->stated_heads = model->stated_heads;
    copy->stated_kv_heads = model->stated_kv_heads;
    copy->stated_key_size = model->stated_key_size;
    copy->stated_value_size = model->stated_value_size;
    for (uint32_t i = 0; i < CFI_MODEL_NOTES && model->note[i] != NULL && status == CTXFIT_OK; i++) {
        if (model->note[i] == model->format_note)
            continue;
        copy->note[notes] = cfi_arena_copy(&copy->arena, model->note[i], strlen(model->note[i]));
        if (model->note[i] == model->window_note)
            copy->window_note = copy->note[notes];
        status = copy->note[notes++] != NULL ? CTXFIT_OK : CTXFIT_E_NO_MEMORY;
    }
    copy->tower_matrices = model->tower_matrices;
    copy->tower_rest = model->tower_rest;
    if (!keep_text_or_null(copy, model->towers, &copy->towers) || !keep_text_or_null(copy, model->towers_counted, &copy->towers_counted))
        status = CTXFIT_E_NO_MEMORY;
    if (model->checkpoint != NULL) {
        copy->checkpoint = cfi_arena_alloc(&copy->arena, sizeof *copy->checkpoint);
        if (copy->checkpoint == NULL)
            return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
        *copy->checkpoint = *model->checkpoint;
    }
    if (model->checkpoint_layer != NULL) {
        copy->checkpoint_layer = cfi_arena_array(&copy->arena, model->info.layers, sizeof *copy->checkpoint_layer);
        if (copy->checkpoint_layer == NULL)
            return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
        memcpy(copy->checkpoint_layer, model->checkpoint_layer, model->info.layers * sizeof *copy->checkpoint_layer);
    }
    if (copy->name == NULL || copy->arch_name == NULL || status != CTXFIT_OK)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for the names of a model");
    return CTXFIT_OK;
}

static ctxfit_status make_copy(ctxfit_model *copy, const ctxfit_model *model, ctxfit_file_type file_type, ctxfit_error *error)
{
    const cfi_recipe *recipe = cfi_recipe_find(model->arch_name);
    ctxfit_file_type  source = model->info.file_type == CFI_FILE_F32 ? CFI_FILE_F32 : CFI_FILE_F16;
    ctxfit_status     status = copy_facts(copy, model, error);

    if (status == CTXFIT_OK)
        status = copy_tensors(copy, model, error);
    if (status != CTXFIT_OK)
        return status;
    for (uint64_t n = 0; n < copy->info.tensor_count; n++)
        copy->tensor[n].quant = full_precision(&copy->tensor[n], recipe, copy->plain_experts);
    status = cfi_model_apply_file_type(copy, file_type, source, error);
    if (status != CTXFIT_OK)
        return status;
    copy->info.file_type = file_type;
    return cfi_model_finish(copy, error);
}

ctxfit_status ctxfit_model_requantize(const ctxfit_model *model, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                      ctxfit_model **out, ctxfit_error *error)
{
    ctxfit_model *copy;
    ctxfit_status status;

    if (out != NULL)
        *out = NULL;
    if (model == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_model_requantize: %s",
                        model == NULL ? "model is NULL" : out == NULL ? "out is NULL" : "the allocator lacks a function");
    if (file_type == 0)
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "file type 0 is none to quantize to");
    status = cfi_model_check_file_type(file_type, error);
    if (status != CTXFIT_OK)
        return status;
    copy = cfi_model_new(allocator);
    if (copy == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a model");
    status = make_copy(copy, model, file_type, error);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(copy);
        return status;
    }
    *out = copy;
    return CTXFIT_OK;
}
