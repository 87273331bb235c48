/* What the tensors of a file say about its layers: the truth where they are, whatever the metadata leave open. */
#include "arch_internal.h"

/* Shapes of one block. A matrix [in, out] is stored with `in` first. */
typedef struct block_shapes {
    uint64_t k_out;
    uint64_t v_out;
    uint64_t down_in;
    uint64_t up_out;
    uint64_t expert_down_in;
    uint64_t experts;
    uint64_t shared_down_in;
    bool     gate;
    bool     expert_gate;
} block_shapes;

static void note_feed_forward(block_shapes *shapes, const char *base, const uint64_t dims[4])
{
    if (strcmp(base, "ffn_down.weight") == 0) {
        shapes->down_in = dims[0];
    } else if (strcmp(base, "ffn_up.weight") == 0) {
        shapes->up_out = dims[1];
    } else if (strcmp(base, "ffn_gate.weight") == 0) {
        shapes->gate = true;
    } else if (strcmp(base, "ffn_down_exps.weight") == 0) {
        shapes->expert_down_in = dims[0];
        shapes->experts = dims[2];
    } else if (strcmp(base, "ffn_gate_exps.weight") == 0 || strcmp(base, "ffn_gate_up_exps.weight") == 0) {
        shapes->expert_gate = true;
    } else if (strcmp(base, "ffn_down_shexp.weight") == 0) {
        shapes->shared_down_in = dims[0];
    }
}

static void note(block_shapes *shapes, const char *base, const uint64_t dims[4])
{
    if (strncmp(base, "ffn_", 4) == 0)
        note_feed_forward(shapes, base, dims);
    else if (strcmp(base, "attn_k.weight") == 0)
        shapes->k_out = dims[1];
    else if (strcmp(base, "attn_v.weight") == 0)
        shapes->v_out = dims[1];
}

static uint32_t narrow(uint64_t value)
{
    return (uint32_t)cfi_min_u64(value, UINT32_MAX);
}

static void refine_feed_forward(ctxfit_layer_info *layer, const block_shapes *shapes)
{
    bool gated = shapes->gate || shapes->up_out == 2 * shapes->down_in; /* gate and up in one matrix */

    if (shapes->down_in > 0) {
        layer->ff_width = narrow(shapes->down_in);
        layer->feed_forward = gated ? CTXFIT_FF_GATED : CTXFIT_FF_PLAIN;
    }
    if (shapes->experts == 0)
        return;
    if (shapes->down_in == 0)
        layer->ff_width = 0;
    layer->feed_forward = CTXFIT_FF_MOE;
    layer->experts = narrow(shapes->experts);
    layer->expert_width = narrow(shapes->expert_down_in);
    layer->shared_width = narrow(shapes->shared_down_in);
    layer->flags &= ~(uint32_t)CTXFIT_LAYER_F_PLAIN_EXPERTS;
    if (!shapes->expert_gate)
        layer->flags |= CTXFIT_LAYER_F_PLAIN_EXPERTS;
}

/* A dense layer, by the tensors, of a model with experts. */
static void drop_experts(ctxfit_layer_info *layer)
{
    layer->experts = 0;
    layer->experts_used = 0;
    layer->expert_width = 0;
    layer->shared_width = 0;
    layer->flags &= ~(uint32_t)CTXFIT_LAYER_F_PLAIN_EXPERTS;
}

static void refine_attention(ctxfit_layer_info *layer, const block_shapes *shapes)
{
    if (shapes->k_out == 0)
        return;
    layer->attention = CTXFIT_ATTENTION_FULL;
    layer->flags |= CTXFIT_LAYER_F_CACHE;
    layer->cache_k_elems = narrow(shapes->k_out);
    layer->cache_v_elems = narrow(shapes->v_out > 0 ? shapes->v_out : shapes->k_out);
}

ctxfit_status cfi_model_refine(ctxfit_model *model, ctxfit_error *error)
{
    uint32_t      count = model->info.layers + model->info.nextn_layers;
    uint32_t      used = model->info.experts_used; /* as stated, wherever the metadata expect experts */
    bool          unknown = (model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0;
    cfi_arena     scratch;
    block_shapes *shapes;

    cfi_arena_init(&scratch, &model->arena.allocator);
    shapes = cfi_arena_array(&scratch, count, sizeof *shapes);
    if (shapes == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "model: out of memory");
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        uint64_t    block;
        const char *base = cfi_model_split_name(model->tensor[i].name, &block);

        if (base != NULL && block < count)
            note(&shapes[block], base, model->tensor[i].dims);
    }
    for (uint32_t i = 0; i < count; i++) {
        refine_feed_forward(&model->layer[i], &shapes[i]);
        if (shapes[i].experts > 0)
            model->layer[i].experts_used = used;
        else if (shapes[i].down_in > 0)
            drop_experts(&model->layer[i]);
        if (unknown)
            refine_attention(&model->layer[i], &shapes[i]);
    }
    cfi_arena_free(&scratch);
    return CTXFIT_OK;
}
