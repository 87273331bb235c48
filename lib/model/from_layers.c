#include "recipe_internal.h"

static ctxfit_status check_layer(const ctxfit_layer_info *layer, size_t index, bool behind_nextn, ctxfit_error *error)
{
    bool nextn = (layer->flags & CTXFIT_LAYER_F_NEXTN) != 0;

    if (layer->attention > CTXFIT_ATTENTION_LATENT || layer->state > CTXFIT_STATE_RWKV || layer->feed_forward > CTXFIT_FF_MOE)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "layer %zu: no such kind of attention, state or feed-forward part", index);
    if (behind_nextn && !nextn)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "layer %zu: a layer of the trunk behind a block for next-token prediction", index);
    if ((layer->flags & CTXFIT_LAYER_F_CACHE) != 0 && layer->cache_k_elems == 0)
        return cfi_fail(error, CTXFIT_E_INCOMPLETE, "layer %zu: cache_k_elems is 0, though the layer owns a cache", index);
    if (layer->feed_forward == CTXFIT_FF_MOE && (layer->experts_used == 0 || layer->experts_used > layer->experts))
        return cfi_fail(error, CTXFIT_E_INCOMPLETE, "layer %zu: experts_used is %u, expected 1 to the %u experts", index,
                        (unsigned)layer->experts_used, (unsigned)layer->experts);
    return CTXFIT_OK;
}

static const void *layer_at(const ctxfit_layer_info *layers, size_t stride, size_t index)
{
    return (const char *)layers + index * stride;
}

/* Counts trunk and next-token-prediction blocks of a caller's array, which may be of another version. */
static ctxfit_status check_layers(const ctxfit_layer_info *layers, size_t count, uint32_t *trunk, ctxfit_error *error)
{
    size_t        stride = 0; /* known from the first on */
    ctxfit_status status = CTXFIT_OK;

    *trunk = 0;
    for (size_t i = 0; i < count && status == CTXFIT_OK; i++) {
        ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;
        uint32_t          size = 0;

        status = cfi_struct_size(layer_at(layers, stride, i), CFI_V1_LAYER_INFO, &size);
        if (i == 0)
            stride = size;
        if (status == CTXFIT_OK && size != stride)
            status = CTXFIT_E_STRUCT_SIZE;
        if (status == CTXFIT_OK)
            status = cfi_copy_in(&layer, sizeof layer, CFI_V1_LAYER_INFO, layer_at(layers, stride, i));
        if (status != CTXFIT_OK)
            return cfi_fail(error, status, "layer %zu: struct_size is not one that this library knows, or not that of layer 0", i);
        status = check_layer(&layer, i, i > *trunk, error);
        if (status == CTXFIT_OK && (layer.flags & CTXFIT_LAYER_F_NEXTN) == 0)
            ++*trunk;
    }
    if (status == CTXFIT_OK && *trunk == 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "no layer of the trunk");
    return status;
}

static ctxfit_status copy_layers(ctxfit_model *model, const ctxfit_layer_info *layers, size_t count, uint32_t trunk, ctxfit_error *error)
{
    uint32_t      stride = layers->struct_size;
    ctxfit_status status = cfi_model_new_layers(model, trunk, (uint32_t)count - trunk, error);

    for (size_t i = 0; i < count && status == CTXFIT_OK; i++) {
        status = cfi_copy_in(&model->layer[i], sizeof model->layer[i], CFI_V1_LAYER_INFO, layer_at(layers, stride, i));
        model->layer[i].struct_size = (uint32_t)sizeof model->layer[i];
    }
    return status;
}

/* Heads as a file would state them: of the first layer, and of latent attention the size of the compressed head. */
static void state_heads(ctxfit_model *model, size_t count)
{
    model->stated_heads = model->layer[0].heads;
    model->stated_kv_heads = model->layer[0].kv_heads;
    for (size_t i = 0; i < count; i++) {
        const ctxfit_layer_info *layer = &model->layer[i];

        if (layer->attention == CTXFIT_ATTENTION_NONE)
            continue;
        model->stated_key_size = layer->attention == CTXFIT_ATTENTION_LATENT ? layer->cache_k_elems : layer->key_size;
        model->stated_value_size = layer->attention == CTXFIT_ATTENTION_LATENT ? layer->kv_rank : layer->value_size;
        return;
    }
}

static ctxfit_status set_facts(ctxfit_model *model, const char *name, const char *arch, const ctxfit_model_info *given,
                               ctxfit_error *error)
{
    ctxfit_model_info *info = &model->info;
    const cfi_arch    *known = arch != NULL ? cfi_arch_find(arch) : NULL;

    if (given->embedding == 0 || given->vocabulary == 0)
        return cfi_fail(error, CTXFIT_E_INCOMPLETE, "info: %s is 0", given->embedding == 0 ? "embedding" : "vocabulary");
    model->name = cfi_arena_copy(&model->arena, name != NULL ? name : "", name != NULL ? strlen(name) : 0);
    model->arch_name = cfi_arena_copy(&model->arena, arch != NULL ? arch : "", arch != NULL ? strlen(arch) : 0);
    if (model->name == NULL || model->arch_name == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for the names of a model");
    if (known != NULL)
        model->arch = known;
    else
        info->flags |= CTXFIT_MODEL_F_UNKNOWN_ARCH;
    info->embedding = given->embedding;
    info->embedding_inputs = given->embedding_inputs != 0 ? given->embedding_inputs : given->embedding;
    info->vocabulary = given->vocabulary;
    info->per_layer_embedding = given->per_layer_embedding;
    info->trained_tokens = given->trained_tokens;
    info->flags |= given->flags & CTXFIT_MODEL_F_TIED;
    if (info->trained_tokens == 0)
        info->flags |= CTXFIT_MODEL_F_CONTEXT_UNSTATED;
    return CTXFIT_OK;
}

typedef struct description {
    const char              *name;
    const char              *arch;
    const ctxfit_layer_info *layers;
    size_t                   count;
    uint32_t                 trunk;
    ctxfit_model_info        info;
} description;

static ctxfit_status make_from_layers(ctxfit_model *model, const description *d, ctxfit_file_type file_type, ctxfit_error *error)
{
    const cfi_recipe *recipe = d->arch != NULL ? cfi_recipe_find(d->arch) : cfi_recipe_generic();
    ctxfit_status     status;

    if (recipe == NULL)
        return cfi_recipe_unknown(d->arch, error);
    status = set_facts(model, d->name, d->arch, &d->info, error);
    if (status == CTXFIT_OK)
        status = copy_layers(model, d->layers, d->count, d->trunk, error);
    if (status != CTXFIT_OK)
        return status;
    state_heads(model, d->count);
    return cfi_model_build(model, recipe, NULL, CFI_FILE_BF16, file_type, error);
}

ctxfit_status ctxfit_model_from_layers(const char *name, const char *arch, const ctxfit_model_info *info,
                                       const ctxfit_layer_info *layers, size_t count, ctxfit_file_type file_type,
                                       const ctxfit_allocator *allocator, ctxfit_model **out, ctxfit_error *error)
{
    description   d = {name, arch, layers, count, 0, CTXFIT_MODEL_INFO_INIT};
    ctxfit_model *model;
    ctxfit_status status;

    if (out != NULL)
        *out = NULL;
    if (info == NULL || layers == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "info, layers or out is NULL, or the allocator lacks a function");
    if (count == 0 || count > CFI_MAX_LAYERS)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "%zu layers, expected 1 to %u", count, CFI_MAX_LAYERS);
    status = cfi_copy_in(&d.info, sizeof d.info, CFI_V1_MODEL_INFO, info);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "info: struct_size is not one that this library knows");
    status = check_layers(layers, count, &d.trunk, error);
    if (status == CTXFIT_OK)
        status = cfi_model_check_file_type(file_type, error);
    if (status != CTXFIT_OK)
        return status;
    model = cfi_model_new(allocator);
    if (model == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a model");
    status = make_from_layers(model, &d, file_type, error);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(model);
        return status;
    }
    *out = model;
    return CTXFIT_OK;
}
