/* What follows from the layers and tensors of a model. */
#include "arch_internal.h"

static ctxfit_status too_large(ctxfit_error *error, const cfi_tensor *tensor)
{
    return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensor '%.64s': the sizes of the model exceed 64 bits", tensor->name);
}

static bool elements(const cfi_tensor *tensor, uint64_t *out)
{
    uint64_t product = 1;

    for (size_t i = 0; i < CFI_COUNT(tensor->dims); i++)
        if (!cfi_mul_u64(product, tensor->dims[i], &product))
            return false;
    *out = product;
    return true;
}

static bool add_tensor(cfi_tensor_sums *sums, const cfi_tensor *tensor, uint64_t parameters)
{
    size_t part = (tensor->flags & CFI_TENSOR_F_EXPERT) != 0;

    for (int padding = 0; padding < CFI_PADDING_COUNT; padding++) {
        uint64_t padded;

        if (!cfi_model_padded_bytes(tensor, (cfi_padding)padding, &padded) ||
            !cfi_add_u64(sums->padded[padding][part], padded, &sums->padded[padding][part]))
            return false;
    }
    return cfi_add_u64(sums->bytes[part], tensor->bytes, &sums->bytes[part]) &&
           cfi_add_u64(sums->parameters[part], parameters, &sums->parameters[part]);
}

static cfi_tensor_sums *sums_of(ctxfit_model *model, const cfi_tensor *tensor)
{
    switch (tensor->role) {
    case CFI_ROLE_INPUT:
        return &model->input_sums;
    case CFI_ROLE_LAYER:
        return &model->layer_sums[tensor->layer];
    case CFI_ROLE_ROPE:
        return &model->rope_sums;
    default:
        return &model->output_sums;
    }
}

/* Of routed experts, whose number is the last dimension, a token uses some. */
static uint64_t active_parameters(const ctxfit_model *model, const cfi_tensor *tensor, uint64_t parameters)
{
    uint64_t experts;

    if ((tensor->flags & CFI_TENSOR_F_EXPERT) == 0 || tensor->n_dims < 2 || tensor->n_dims > CFI_COUNT(tensor->dims))
        return parameters;
    experts = tensor->dims[tensor->n_dims - 1];
    if (experts == 0)
        return 0;
    return parameters / experts * cfi_min_u64(experts, model->layer[tensor->layer].experts_used);
}

static ctxfit_status add_up(ctxfit_model *model, cfi_tensor *tensor, ctxfit_error *error)
{
    ctxfit_model_info *info = &model->info;
    uint64_t           padded;
    uint64_t           parameters;

    if (!elements(tensor, &parameters) || !cfi_add_u64(info->tensor_bytes, tensor->bytes, &info->tensor_bytes) ||
        !cfi_align_u64(tensor->bytes, model->alignment, &padded) || !cfi_add_u64(info->data_bytes, padded, &info->data_bytes))
        return too_large(error, tensor);
    if (tensor->role == CFI_ROLE_UNUSED)
        return CTXFIT_OK;
    if (!add_tensor(sums_of(model, tensor), tensor, parameters) || !cfi_add_u64(info->parameters, parameters, &info->parameters))
        return too_large(error, tensor);
    info->parameters_active += active_parameters(model, tensor, parameters); /* at most `parameters` */
    return CTXFIT_OK;
}

/* Scaling by a factor for each frequency needs no key: the tensor is enough. Gemma-4's only switches frequencies off. */
static void note_rope(ctxfit_model *model, const cfi_tensor *tensor)
{
    if (model->info.rope_scaling != CTXFIT_ROPE_SCALING_NONE || (model->arch->flags & CFI_ARCH_ROPE_FULL_ONLY) != 0)
        return;
    model->info.rope_scaling =
        strcmp(tensor->name, "rope_freqs.weight") == 0 ? CTXFIT_ROPE_SCALING_LLAMA3 : CTXFIT_ROPE_SCALING_LONGROPE;
}

static ctxfit_status walk_tensors(ctxfit_model *model, ctxfit_error *error)
{
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        cfi_tensor   *tensor = &model->tensor[i];
        ctxfit_status status;

        if (!cfi_model_classify(model, tensor))
            return cfi_fail(error, CTXFIT_E_MALFORMED, "tensor '%.64s': block beyond the model's %u", tensor->name,
                            (unsigned)(model->info.layers + model->info.nextn_layers));
        status = add_up(model, tensor, error);
        if (status != CTXFIT_OK)
            return status;
        if (strcmp(tensor->name, "token_embd.weight") == 0)
            model->token_embd = tensor;
        if (strcmp(tensor->name, "output.weight") == 0)
            model->has_output = true;
        if (tensor->role == CFI_ROLE_ROPE)
            note_rope(model, tensor);
    }
    return CTXFIT_OK;
}

/* Without flash attention every V is as wide as the widest; llama.cpp b10472 src/llama-kv-cache.cpp:208. */
static uint32_t value_width(const ctxfit_layer_info *layer)
{
    uint64_t width = (uint64_t)layer->kv_heads * layer->value_size;

    if (layer->attention == CTXFIT_ATTENTION_LATENT || width > UINT32_MAX)
        width = 0;
    return width > layer->cache_v_elems ? (uint32_t)width : layer->cache_v_elems;
}

static void walk_layers(ctxfit_model *model)
{
    ctxfit_model_info *info = &model->info;
    bool               attends = false;
    bool               keeps = false;
    bool               caches = false;

    info->experts = 0;
    info->experts_used = 0;
    for (uint32_t i = 0; i < info->layers + info->nextn_layers; i++) {
        const ctxfit_layer_info *layer = &model->layer[i];
        uint32_t                 width = value_width(layer);

        model->max_cache_v = width > model->max_cache_v ? width : model->max_cache_v;
        info->heads = layer->heads > info->heads ? layer->heads : info->heads;
        if (layer->experts > info->experts) {
            info->experts = layer->experts;
            info->experts_used = layer->experts_used;
        }
        if (i >= info->layers)
            continue;
        attends = attends || layer->attention != CTXFIT_ATTENTION_NONE;
        keeps = keeps || layer->state != CTXFIT_STATE_NONE;
        caches = caches || (layer->flags & CTXFIT_LAYER_F_CACHE) != 0;
    }
    if (keeps)
        info->flags |= attends ? CTXFIT_MODEL_F_HYBRID : CTXFIT_MODEL_F_RECURRENT;
    if (!keeps && !caches)
        info->flags |= CTXFIT_MODEL_F_NO_CACHE;
}

static void extend_by_layer(cfi_model_extent *extent, const ctxfit_layer_info *layer)
{
    if (layer->indexer_size != 0) {
        extent->indexer_layers++;
        extent->indexer_size = layer->indexer_size > extent->indexer_size ? layer->indexer_size : extent->indexer_size;
    }
    extent->expert_layers += layer->experts != 0;
    extent->expert_gaps += layer->experts == 0 && extent->expert_layers != 0;
    switch (layer->attention) {
    case CTXFIT_ATTENTION_NONE:
        break;
    case CTXFIT_ATTENTION_SLIDING:
    case CTXFIT_ATTENTION_CHUNKED:
        extent->window_layers++;
        extent->window_tokens = layer->window_tokens > extent->window_tokens ? layer->window_tokens : extent->window_tokens;
        extent->window_head = layer->key_size > extent->window_head ? layer->key_size : extent->window_head;
        break;
    default:
        extent->full_layers++;
        extent->full_head = layer->key_size > extent->full_head ? layer->key_size : extent->full_head;
    }
}

static void extend_by_tensor(cfi_model_extent *extent, const cfi_tensor *tensor)
{
    size_t part = (tensor->flags & CFI_TENSOR_F_EXPERT) != 0;

    if (tensor->role == CFI_ROLE_LAYER) {
        extent->largest[part] = cfi_max_u64(extent->largest[part], tensor->bytes);
        if (tensor->layer == 0 && strcmp(tensor->name, "blk.0.attn_qkv.weight") == 0)
            extent->fused_qkv = 1;
    } else if (strcmp(tensor->name, "position_embd.weight") == 0) {
        extent->position_rows = 1;
    } else if (strcmp(tensor->name, "output.weight") == 0) {
        extent->output_bytes = tensor->bytes;
        extent->logit_elems = tensor->dims[1];
    }
}

/* Qwen3-TTS: a head of fewer rows than there are tokens, padded to these (b10472 src/models/qwen3vl.cpp). */
static void find_extent(ctxfit_model *model)
{
    cfi_model_extent *extent = &model->extent;

    for (uint32_t i = 0; i < model->info.layers; i++)
        extend_by_layer(extent, &model->layer[i]);
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        extend_by_tensor(extent, &model->tensor[i]);
    if (model->token_embd != NULL && extent->output_bytes == 0)
        extent->output_bytes = model->token_embd->bytes;
    if (extent->logit_elems == 0)
        extent->logit_elems = model->info.vocabulary;
    else if (model->token_embd != NULL && model->token_embd->dims[1] != extent->logit_elems &&
             (!cfi_mul_u64(extent->logit_elems, 2, &extent->logit_elems) ||
              !cfi_add_u64(extent->logit_elems, model->token_embd->dims[1], &extent->logit_elems)))
        extent->logit_elems = UINT64_MAX; /* the size of the logits will be refused */
}

/* a + b */
static bool sum_up(const cfi_tensor_sums *a, const cfi_tensor_sums *b, cfi_tensor_sums *out)
{
    for (int part = 0; part < 2; part++) {
        for (int padding = 0; padding < CFI_PADDING_COUNT; padding++)
            if (!cfi_add_u64(a->padded[padding][part], b->padded[padding][part], &out->padded[padding][part]))
                return false;
        if (!cfi_add_u64(a->bytes[part], b->bytes[part], &out->bytes[part]) ||
            !cfi_add_u64(a->parameters[part], b->parameters[part], &out->parameters[part]))
            return false;
    }
    return true;
}

/* What lets a plan pass over layers without looking at each: sums before a layer, and runs of equal ones. */
static ctxfit_status shorten_walks(ctxfit_model *model, ctxfit_error *error)
{
    uint32_t count = model->info.layers + model->info.nextn_layers;

    for (uint32_t i = 0; i < count; i++)
        if (!sum_up(&model->sums_before[i], &model->layer_sums[i], &model->sums_before[i + 1]))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "layer %u: the sizes of the model exceed 64 bits", (unsigned)i);
    for (uint32_t i = count; i-- > 0;) {
        bool same = i + 1 < count && memcmp(&model->layer[i], &model->layer[i + 1], sizeof *model->layer) == 0;

        model->layer_run[i] = same ? model->layer_run[i + 1] + 1 : 1;
    }
    return CTXFIT_OK;
}

ctxfit_status cfi_model_finish(ctxfit_model *model, ctxfit_error *error)
{
    ctxfit_model_info *info = &model->info;
    ctxfit_status      status;

    model->layer_sums = cfi_arena_array(&model->arena, (size_t)info->layers + info->nextn_layers, sizeof *model->layer_sums);
    model->sums_before = cfi_arena_array(&model->arena, (size_t)info->layers + info->nextn_layers + 1, sizeof *model->sums_before);
    model->layer_run = cfi_arena_array(&model->arena, (size_t)info->layers + info->nextn_layers, sizeof *model->layer_run);
    if (model->layer_sums == NULL || model->sums_before == NULL || model->layer_run == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "model: out of memory");
    status = walk_tensors(model, error);
    if (status != CTXFIT_OK)
        return status;
    walk_layers(model);
    if (model->token_embd != NULL && !model->has_output && (model->arch->flags & CFI_ARCH_NO_HEAD) == 0)
        info->flags |= CTXFIT_MODEL_F_TIED;
    if (info->vocabulary == 0 && model->token_embd != NULL)
        info->vocabulary = (uint32_t)cfi_min_u64(model->token_embd->dims[1], UINT32_MAX);
    find_extent(model);
    status = shorten_walks(model, error);
    return status == CTXFIT_OK ? cfi_model_index_weights(model, error) : status;
}
