/* Steps around attention that a few architectures need. Source: llama.cpp b10472 src/models. */
#include "build.h"

/* ---- projections without the scales and biases that others add ---- */
static cfi_node *bare(cfi_build *b, cfi_weight name) { return cfi_block_times(b, name, b->x); }

/* From 0.7.0 on norms over all heads stand behind the usual projections. */
static cfi_node *before_norm(cfi_build *b, cfi_weight name)
{
    return cfi_build_changed(b, CFI_CHANGE_NORMED_USUAL) ? cfi_block_linear_bias(b, b->x, name) : bare(b, name);
}

/* CFI_SPLIT_HEADS: reshaped into heads before it is taken apart. */
static void take_apart(cfi_build *b, cfi_node *all, uint32_t arg)
{
    const ctxfit_layer_info *info  = b->layer;
    uint64_t                 row_k = cfi_row_bytes(all->quant, info->key_size);
    uint64_t                 row_v = cfi_row_bytes(all->quant, info->value_size);
    uint64_t                 next  = all->nb[1];

    if (arg == CFI_SPLIT_HEADS)
        all = cfi_reshape_3d(b->net, all, info->key_size, (uint64_t)info->heads + 2 * (uint64_t)info->kv_heads, b->tokens);
    b->q = cfi_view_3d(b->net, all, info->key_size, info->heads, b->tokens, row_k, next);
    b->k = cfi_view_3d(b->net, all, info->key_size, info->kv_heads, b->tokens, row_k, next);
    b->v = cfi_view_3d(b->net, all, info->value_size, info->kv_heads, b->tokens, row_v, next);
}

void cfi_step_qkv_bare(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;

    if (cfi_has_weight(b, CFI_W_ATTN_QKV)) {
        take_apart(b, bare(b, CFI_W_ATTN_QKV), arg);
        return;
    }
    b->q = cfi_reshape_3d(b->net, bare(b, CFI_W_ATTN_Q), info->key_size, info->heads, b->tokens);
    b->k = cfi_reshape_3d(b->net, bare(b, CFI_W_ATTN_K), info->key_size, info->kv_heads, b->tokens);
    b->v = cfi_reshape_3d(b->net, bare(b, CFI_W_ATTN_V), info->value_size, info->kv_heads, b->tokens);
}

void cfi_step_qkv_normed(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_node *q = cfi_block_norm(b, before_norm(b, CFI_W_ATTN_Q), cfi_weight_here(b, CFI_W_ATTN_Q_NORM), NULL, CFI_OP_RMS_NORM, true);
    cfi_node *k = cfi_block_norm(b, before_norm(b, CFI_W_ATTN_K), cfi_weight_here(b, CFI_W_ATTN_K_NORM), NULL, CFI_OP_RMS_NORM, true);

    (void)arg;
    b->q = cfi_reshape_3d(b->net, q, info->key_size, info->heads, b->tokens);
    b->k = cfi_reshape_3d(b->net, k, info->key_size, info->kv_heads, b->tokens);
    b->v = cfi_reshape_3d(b->net, before_norm(b, CFI_W_ATTN_V), info->value_size, info->kv_heads, b->tokens);
}

/* ---- norms of q and k ---- */
static cfi_node *wide_norm(cfi_build *b, cfi_node *x, cfi_weight name)
{
    cfi_node *wide = cfi_reshape_2d(b->net, x, x->ne[0] * x->ne[1], x->ne[2]);

    wide = cfi_block_norm(b, wide, cfi_weight_here(b, name), cfi_bias_here(b, name), CFI_OP_NORM, true);
    return cfi_reshape_3d(b->net, wide, x->ne[0], x->ne[1], x->ne[2]);
}

void cfi_step_norm_wide(cfi_build *b, uint32_t arg)
{
    if (arg == CFI_ALWAYS || cfi_has_weight(b, CFI_W_ATTN_Q_NORM))
        b->q = wide_norm(b, b->q, CFI_W_ATTN_Q_NORM);
    if (arg == CFI_ALWAYS || cfi_has_weight(b, CFI_W_ATTN_K_NORM))
        b->k = wide_norm(b, b->k, CFI_W_ATTN_K_NORM);
}

void cfi_step_norm_heads(cfi_build *b, uint32_t arg)
{
    (void)arg;
    if (cfi_has_weight(b, CFI_W_ATTN_Q_NORM))
        b->q = cfi_block_norm(b, b->q, cfi_weight_here(b, CFI_W_ATTN_Q_NORM), cfi_bias_here(b, CFI_W_ATTN_Q_NORM), CFI_OP_NORM, true);
    if (cfi_has_weight(b, CFI_W_ATTN_K_NORM))
        b->k = cfi_block_norm(b, b->k, cfi_weight_here(b, CFI_W_ATTN_K_NORM), cfi_bias_here(b, CFI_W_ATTN_K_NORM), CFI_OP_NORM, true);
}

/* ---- positions ---- */
static cfi_node *position_rows(cfi_build *b)
{
    return cfi_get_rows(b->net, cfi_weight_here(b, CFI_W_POSITION_EMBD), cfi_input_positions(b));
}

void cfi_step_add_positions(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_add(b->net, b->x, position_rows(b));
}

void cfi_step_position_rows(cfi_build *b, uint32_t arg)
{
    b->slot[arg % CFI_BUILD_SLOTS] = position_rows(b);
    if (cfi_build_changed(b, CFI_CHANGE_POSITIONS_FIRST))
        cfi_net_expand(b->net, b->slot[arg % CFI_BUILD_SLOTS]);
}

/* Every token is taken to be of the first type (bert.cpp:101). */
void cfi_step_add_type(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_add(b->net, b->x, cfi_view_1d(b->net, cfi_weight_here(b, CFI_W_TOKEN_TYPES), b->model->info.embedding));
}

/* Whether q and k of this layer are rotated: llama4.cpp:133, smollm3.cpp:66, smallthinker.cpp:105. */
bool cfi_layer_roped(const cfi_build *b, uint32_t rule)
{
    bool     windows = b->model->extent.window_layers > 0;
    uint32_t all     = b->model->info.layers;
    uint32_t step    = rule == CFI_BUT_FOURTH || windows ? 4 : all;

    if (rule == CFI_WINDOWS)
        return !windows || cfi_engine_layer_windowed(b->layer);
    if (rule == CFI_BUT_FIRST_WINDOWED)
        return step == all || b->index % step != 0;
    return (b->index + 1) % step != 0;
}

/* By an input of one factor a token. */
void cfi_step_scale_query_rows(cfi_build *b, uint32_t arg)
{
    (void)arg;
    if (b->query_scale == NULL)
        b->query_scale = cfi_tensor_input(cfi_tensor_4d(b->net, CFI_QUANT_F32, 1, 1, b->tokens, 1));
    b->q = cfi_mul(b->net, b->q, b->query_scale);
}

/* ---- what attention gives ---- */
void cfi_step_attend_bare(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_block_attention(b, b->q, b->k, b->v, NULL, NULL);
}

/* By an activation of the saved layer input: a factor for each head, or for each element. */
void cfi_step_gate_heads(cfi_build *b, uint32_t arg)
{
    cfi_net  *n    = b->net;
    uint64_t  all  = b->x->ne[0];
    uint64_t  rows = b->x->ne[1];
    cfi_node *gate = cfi_block_times(b, CFI_W_ATTN_GATE, b->slot[arg % CFI_BUILD_SLOTS]);

    gate = cfi_op_same(n, CFI_OP_UNARY, gate);
    if (gate->ne[0] != b->layer->heads) {
        b->x = cfi_mul(n, b->x, gate);
        return;
    }
    b->x = cfi_reshape_3d(n, b->x, b->layer->value_size, b->layer->heads, rows);
    b->x = cfi_mul(n, b->x, cfi_reshape_3d(n, gate, 1, b->layer->heads, rows));
    b->x = cfi_reshape_2d(n, b->x, all, rows);
}

void cfi_step_value_scale(cfi_build *b, uint32_t arg)
{
    double scale = cfi_build_fact(b, CFI_FACT_VALUE_SCALE, 1.0);

    (void)arg;
    if (scale != 0 && scale != 1.0)
        b->x = cfi_op_same(b->net, CFI_OP_SCALE, b->x);
}
