/* Gated delta nets, and the gated attention beside them. Order of operations: llama.cpp b10472 src/models/qwen3next.cpp, qwen35.cpp,
 * delta-net-base.cpp; the recurrence is one fused operation wherever the device of the layer has it (src/llama-context.cpp:500). */
#include "build.h"

/* A head's elements divided by their length: from b11118 by operations that more devices have (src/models/models.h:14). */
cfi_node *cfi_block_unit_length(cfi_build *b, cfi_node *x)
{
    if (!cfi_build_changed(b, CFI_CHANGE_UNIT_LENGTH))
        return cfi_op_same(b->net, CFI_OP_L2_NORM, x);
    return cfi_op_same(b->net, CFI_OP_SCALE, cfi_op_same(b->net, CFI_OP_RMS_NORM, x));
}

/* Results of all tokens, and the states behind them. Shape: ggml_gated_delta_net, with a snapshot for each state that is kept. */
cfi_node *cfi_block_gated_delta(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *gate, cfi_node *beta, cfi_node *state)
{
    cfi_node *node = cfi_op_new(b->net, CFI_OP_GATED_DELTA_NET, CFI_QUANT_F32,
                                (const uint64_t[4]){v->ne[0] * v->ne[1],
                                                    v->ne[2] * v->ne[3] + v->ne[0] * v->ne[3] * (1 + (uint64_t)b->run->rollback), 1, 1});

    cfi_op_source(node, q);
    cfi_op_source(node, k);
    cfi_op_source(node, v);
    cfi_op_source(node, gate);
    cfi_op_source(node, beta);
    cfi_op_source(node, state);
    return node;
}

/* The two parts of that as [head, heads, tokens, sequences] and [head, head, heads, sequences]. */
cfi_node *cfi_block_delta_output(cfi_build *b, cfi_node *result, const cfi_node *v)
{
    uint64_t row = cfi_row_bytes(CFI_QUANT_F32, v->ne[0]);

    return cfi_view_4d(b->net, result, v->ne[0], v->ne[1], v->ne[2], v->ne[3], row, row * v->ne[1], row * v->ne[1] * v->ne[2]);
}

cfi_node *cfi_block_delta_state(cfi_build *b, cfi_node *result, const cfi_node *v)
{
    uint64_t row = cfi_row_bytes(CFI_QUANT_F32, v->ne[0]);

    return cfi_view_4d(b->net, result, v->ne[0], v->ne[0], v->ne[1], v->ne[3], row, row * v->ne[0], row * v->ne[0] * v->ne[1]);
}

typedef struct delta_shape {
    uint64_t key;     /* elements of a head */
    uint64_t keys;    /* heads */
    uint64_t value;
    uint64_t values;
    uint64_t tokens;  /* of a sequence */
    uint64_t seqs;
} delta_shape;

static cfi_node *need(cfi_build *b, cfi_node *node) { return node != NULL ? node : cfi_missing(b->net); }

/* One matrix for query, key, value and output gate: its rows are put in the order of the two. */
static void split_joined(cfi_build *b, const delta_shape *s, cfi_node **mixed, cfi_node **z)
{
    cfi_net  *n      = b->net;
    uint64_t  wide   = s->value * s->values / s->keys;
    cfi_node *all    = cfi_block_times(b, CFI_W_SSM_IN, b->x);
    cfi_node *query;
    cfi_node *key;
    cfi_node *value;

    all   = cfi_reshape_4d(n, all, 2 * s->key + 2 * wide, s->keys, s->tokens, s->seqs);
    query = cfi_view_4d(n, all, s->key, s->keys, s->tokens, s->seqs, all->nb[1], all->nb[2], all->nb[3]);
    key   = cfi_view_4d(n, all, s->key, s->keys, s->tokens, s->seqs, all->nb[1], all->nb[2], all->nb[3]);
    value = cfi_view_4d(n, all, wide, s->keys, s->tokens, s->seqs, all->nb[1], all->nb[2], all->nb[3]);
    *z    = cfi_cont(n, cfi_view_4d(n, all, wide, s->keys, s->tokens, s->seqs, all->nb[1], all->nb[2], all->nb[3]));
    query = cfi_cont_4d(n, query, s->key * s->keys, s->tokens, s->seqs, 1);
    key   = cfi_cont_4d(n, key, s->key * s->keys, s->tokens, s->seqs, 1);
    value = cfi_cont_4d(n, value, s->value * s->values, s->tokens, s->seqs, 1);
    *mixed = cfi_concat(n, cfi_concat(n, query, key, 0), value, 0);
}

static void project_mixed(cfi_build *b, const delta_shape *s, bool scaled, cfi_node **mixed, cfi_node **z)
{
    cfi_net *n = b->net;

    if (!cfi_has_weight(b, CFI_W_ATTN_QKV)) {
        split_joined(b, s, mixed, z);
        return;
    }
    *mixed = scaled ? cfi_block_linear(b, b->x, CFI_W_ATTN_QKV) : cfi_block_times(b, CFI_W_ATTN_QKV, b->x);
    *mixed = cfi_reshape_3d(n, *mixed, (*mixed)->ne[0], s->tokens, s->seqs);
    *z     = cfi_block_times(b, CFI_W_ATTN_GATE, b->x);
    if (scaled && cfi_scale_here(b, CFI_W_ATTN_GATE) != NULL)
        *z = cfi_mul(n, *z, cfi_scale_here(b, CFI_W_ATTN_GATE));
}

/* How much each token adds, and how fast the state fades: of one matrix for both, or of one each (Qwen3.5). */
static cfi_node *alpha_and_beta(cfi_build *b, const delta_shape *s, bool apart, cfi_node **beta)
{
    cfi_net  *n = b->net;
    uint64_t  each = s->values / s->keys;
    cfi_node *alpha;
    cfi_node *both;

    if (apart) {
        *beta = need(b, cfi_has_weight(b, CFI_W_SSM_BETA) ? cfi_block_linear(b, b->x, CFI_W_SSM_BETA) : NULL);
        *beta = cfi_op_same(n, CFI_OP_UNARY, cfi_reshape_4d(n, *beta, 1, s->values, s->tokens, s->seqs));
        alpha = need(b, cfi_has_weight(b, CFI_W_SSM_ALPHA) ? cfi_block_linear(b, b->x, CFI_W_SSM_ALPHA) : NULL);
        alpha = cfi_reshape_3d(n, alpha, s->values, s->tokens, s->seqs);
    } else {
        both  = cfi_block_times(b, CFI_W_SSM_BA, b->x);
        both  = cfi_reshape_4d(n, both, 2 * each, s->keys, s->tokens, s->seqs);
        *beta = cfi_view_4d(n, both, each, s->keys, s->tokens, s->seqs, both->nb[1], both->nb[2], both->nb[3]);
        alpha = cfi_view_4d(n, both, each, s->keys, s->tokens, s->seqs, both->nb[1], both->nb[2], both->nb[3]);
        if (!cfi_build_changed(b, CFI_CHANGE_ROWS_IN_LAYER))
            *beta = cfi_cont(n, *beta);
        *beta = cfi_op_same(n, CFI_OP_UNARY, *beta);
        alpha = cfi_cont_4d(n, alpha, s->values, s->tokens, s->seqs, 1);
        *beta = cfi_reshape_4d(n, *beta, 1, s->values, s->tokens, s->seqs);
    }
    alpha = cfi_add(n, alpha, need(b, cfi_bias_here(b, CFI_W_SSM_DT)));
    alpha = cfi_mul(n, cfi_op_same(n, CFI_OP_UNARY, alpha), need(b, cfi_weight_here(b, CFI_W_SSM_A)));
    return cfi_reshape_4d(n, alpha, 1, s->values, s->tokens, s->seqs);
}

/* Each key head for the value heads that it serves, side by side. The operation itself does so for heads in turn (Qwen3.5). */
static cfi_node *repeat_heads(cfi_build *b, const delta_shape *s, cfi_node *x)
{
    x = cfi_reshape_4d(b->net, x, s->key, 1, s->keys, s->tokens * s->seqs);
    x = cfi_repeat_4d(b->net, x, s->key, s->values / s->keys, s->keys, s->tokens * s->seqs);
    return cfi_reshape_4d(b->net, x, s->key, s->values, s->tokens, s->seqs);
}

static cfi_node *head_view(cfi_build *b, cfi_node *x, const delta_shape *s, uint64_t head, uint64_t heads)
{
    return cfi_view_4d(b->net, x, head, heads, s->tokens, s->seqs, cfi_row_bytes(x->quant, head), x->nb[1], x->nb[1] * s->tokens);
}

void cfi_step_delta_net(cfi_build *b, uint32_t arg)
{
    bool        apart = (b->flags & CFI_PROGRAM_JOINT_DELTA) == 0; /* Qwen3.5 and on */
    const ctxfit_layer_info *info = b->layer;
    cfi_net    *n = b->net;
    delta_shape s = {info->state_size, cfi_max_u64(info->state_groups, 1), 0, cfi_max_u64(info->state_heads, 1),
                     b->tokens / b->sequences, b->sequences};
    cfi_node   *cache;
    cfi_node   *mixed;
    cfi_node   *z;
    cfi_node   *beta;
    cfi_node   *gate;
    cfi_node   *state;
    cfi_node   *kept;
    cfi_node   *q;
    cfi_node   *k;
    cfi_node   *v;
    cfi_node   *result;

    (void)arg;
    s.value = info->state_inner / s.values;
    cfi_net_expand(n, b->x);
    project_mixed(b, &s, apart, &mixed, &z);
    gate  = alpha_and_beta(b, &s, apart, &beta);
    kept  = cfi_state_load(b, cfi_state_cache(b, false));
    kept  = cfi_reshape_3d(n, kept, cfi_state_kept(b), mixed->ne[0], s.seqs);
    mixed = cfi_state_conv_input(b, kept, mixed);
    cfi_state_store(b, cfi_state_cache(b, false), cfi_state_conv_last(b, mixed), true);
    cache = cfi_state_cache(b, true);
    state = cfi_reshape_4d(n, cfi_state_load(b, cache), s.value, s.value, s.values, s.seqs);
    mixed = cfi_op_same(n, CFI_OP_UNARY, cfi_ssm_conv(n, mixed, cfi_weight_here(b, CFI_W_SSM_CONV1D)));
    q     = cfi_block_unit_length(b, head_view(b, mixed, &s, s.key, s.keys));
    k     = cfi_block_unit_length(b, head_view(b, mixed, &s, s.key, s.keys));
    v     = head_view(b, mixed, &s, s.value, s.values);
    if (s.keys != s.values && !apart) {
        q = repeat_heads(b, &s, q);
        k = repeat_heads(b, &s, k);
    }
    result = cfi_block_gated_delta(b, q, k, v, gate, beta, state);
    cfi_state_store(b, cache, cfi_block_delta_state(b, result, v), true);
    q    = cfi_block_norm(b, cfi_block_delta_output(b, result, v), cfi_weight_here(b, CFI_W_SSM_NORM), NULL, CFI_OP_RMS_NORM, true);
    z    = cfi_op_same(n, CFI_OP_UNARY, cfi_reshape_4d(n, z, s.value, s.values, s.tokens, s.seqs));
    q    = cfi_reshape_3d(n, cfi_mul(n, q, z), s.value * s.values, s.tokens, s.seqs);
    q    = apart && cfi_has_weight(b, CFI_W_SSM_OUT) ? cfi_block_linear(b, q, CFI_W_SSM_OUT)
                                                      : cfi_block_times(b, CFI_W_SSM_OUT, q);
    b->x = cfi_reshape_2d(n, q, b->model->info.embedding, b->tokens);
}

static cfi_node *project_biased(cfi_build *b, cfi_weight name)
{
    if (!cfi_has_weight(b, name))
        return cfi_missing(b->net);
    return cfi_build_changed(b, CFI_CHANGE_UNIT_LENGTH) ? cfi_block_linear_bias(b, b->x, name) : cfi_block_linear(b, b->x, name);
}

/* The query's matrix makes a gate of as many elements too, head by head. */
void cfi_step_gated_attention(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net  *n    = b->net;
    uint64_t  head = info->key_size;
    cfi_node *full;
    cfi_node *gate;

    (void)arg;
    cfi_net_expand(n, b->x);
    full = project_biased(b, CFI_W_ATTN_Q);
    b->k = cfi_reshape_3d(n, project_biased(b, CFI_W_ATTN_K), head, info->kv_heads, b->tokens);
    b->v = cfi_reshape_3d(n, project_biased(b, CFI_W_ATTN_V), head, info->kv_heads, b->tokens);
    if ((b->flags & CFI_PROGRAM_JOINT_DELTA) != 0)
        full = cfi_reshape_4d(n, full, head * 2, info->heads, b->tokens, 1);
    b->q = cfi_view_3d(n, full, head, info->heads, b->tokens, head * 8, head * 8 * info->heads);
    gate = cfi_view_3d(n, full, head, info->heads, b->tokens, head * 8, head * 8 * info->heads);
    cfi_step_rms_heads(b, 0);
    cfi_step_rope(b, 0);
    b->x = cfi_block_attention(b, b->q, b->k, b->v, NULL, NULL);
    gate = cfi_op_same(n, CFI_OP_UNARY, cfi_cont_2d(n, gate, head * info->heads, b->tokens));
    b->x = cfi_block_linear(b, cfi_mul(n, b->x, gate), CFI_W_ATTN_OUTPUT);
}

/* Routed experts, and shared ones weighed by a sigmoid. */
void cfi_step_moe_weighed(cfi_build *b, uint32_t arg)
{
    cfi_net    *n = b->net;
    cfi_experts e = cfi_experts_usual(b, CFI_ACT_SILU, CFI_GATING_SOFTMAX, CFI_NORMED);
    cfi_node   *x = b->x;
    cfi_node   *gate;

    (void)arg;
    b->x = cfi_block_experts(b, x, &e);
    if (!cfi_has_weight(b, CFI_W_FFN_UP_SHEXP))
        return;
    gate = cfi_op_same(n, CFI_OP_UNARY, cfi_block_times(b, CFI_W_FFN_GATE_INP_SHEXP, x));
    x    = cfi_block_ffn(b, x, CFI_W_FFN_UP_SHEXP, CFI_W_FFN_GATE_SHEXP, CFI_W_FFN_DOWN_SHEXP, CFI_ACT_SILU, true);
    b->x = cfi_add(n, b->x, cfi_mul(n, x, gate));
}
