/* Kimi Linear: delta attention with a decay for each element, and latent attention without positions. Order of operations: llama.cpp
 * b10472 src/models/kimi-linear.cpp. */
#include "build.h"

typedef struct kda_shape {
    uint64_t head;
    uint64_t heads;
    uint64_t inner;
    uint64_t kept;   /* columns of a convolution's state */
    uint64_t tokens; /* of a sequence */
    uint64_t seqs;
} kda_shape;

/* One of query, key and value behind its own convolution; their states lie side by side. */
static cfi_node *convolved(cfi_build *b, const kda_shape *s, cfi_node *states, cfi_node *x, cfi_weight kernel)
{
    cfi_net  *n     = b->net;
    cfi_node *cache = cfi_state_cache(b, false);
    cfi_node *w     = cfi_weight_here(b, kernel);
    cfi_node *kept  = cfi_view_3d(n, states, s->kept, s->inner, s->seqs, s->kept * 4, cache->nb[1]);
    cfi_node *to;

    x    = cfi_reshape_3d(n, x, s->inner, s->tokens, s->seqs);
    x    = cfi_state_conv_input(b, kept, x);
    to   = cfi_view_3d(n, cache, s->kept, s->inner, s->seqs, s->kept * 4, cache->nb[1]);
    cfi_net_expand(n, cfi_cpy(n, cfi_state_conv_last(b, x), to));
    x = cfi_ssm_conv(n, x, w != NULL ? cfi_reshape_2d(n, w, s->kept + 1, s->inner) : NULL);
    x = cfi_op_same(n, CFI_OP_UNARY, cfi_reshape_2d(n, x, s->inner, b->tokens));
    return cfi_reshape_4d(n, x, s->head, s->heads, s->tokens, s->seqs);
}

static void project_three(cfi_build *b, const kda_shape *s, cfi_node *states)
{
    static const uint8_t kernels[3] = {CFI_W_SSM_CONV1D_Q, CFI_W_SSM_CONV1D_K, CFI_W_SSM_CONV1D_V};
    static const uint8_t weights[3] = {CFI_W_ATTN_Q, CFI_W_ATTN_K, CFI_W_ATTN_V};
    cfi_node **out[3] = {&b->q, &b->k, &b->v};
    cfi_net   *n      = b->net;
    cfi_node  *part[3];

    if (cfi_has_weight(b, CFI_W_ATTN_QKV)) {
        cfi_node *all = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_QKV), b->x);

        for (int i = 0; i < 3; i++)
            part[i] = cfi_cont(n, cfi_view_2d(n, all, s->inner, b->tokens, all->nb[1]));
    } else {
        for (int i = 0; i < 3; i++)
            part[i] = cfi_mul_mat(n, cfi_weight_here(b, (cfi_weight)weights[i]), b->x);
    }
    for (int i = 0; i < 3; i++)
        *out[i] = convolved(b, s, states, part[i], (cfi_weight)kernels[i]);
}

static cfi_node *through(cfi_build *b, cfi_weight first, cfi_weight second)
{
    return cfi_mul_mat(b->net, cfi_weight_here(b, second), cfi_mul_mat(b->net, cfi_weight_here(b, first), b->x));
}

static cfi_node *decay_of(cfi_build *b, const kda_shape *s)
{
    cfi_net  *n     = b->net;
    cfi_node *bias  = cfi_bias_here(b, CFI_W_SSM_DT);
    cfi_node *scale = cfi_weight_here(b, CFI_W_SSM_A);
    cfi_node *x     = through(b, CFI_W_SSM_F_A, CFI_W_SSM_F_B);

    if (bias == NULL || scale == NULL)
        return cfi_missing(n);
    x = cfi_op_same(n, CFI_OP_UNARY, cfi_add(n, x, bias));
    x = cfi_reshape_3d(n, x, s->head, s->heads, b->tokens);
    x = cfi_mul(n, x, cfi_reshape_3d(n, scale, 1, s->heads, 1));
    return cfi_reshape_4d(n, x, s->head, s->heads, s->tokens, s->seqs);
}

void cfi_step_kda(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net  *n = b->net;
    kda_shape s = {info->state_size, info->state_heads, info->state_inner, cfi_state_kept(b), b->tokens / b->sequences, b->sequences};
    cfi_node *cache;
    cfi_node *decay;
    cfi_node *beta;
    cfi_node *state;
    cfi_node *x;
    cfi_node *gate;

    (void)arg;
    cfi_net_expand(n, b->x);
    project_three(b, &s, cfi_state_load(b, cfi_state_cache(b, false)));
    decay = decay_of(b, &s);
    beta  = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_SSM_BETA), b->x);
    beta  = cfi_op_same(n, CFI_OP_UNARY, cfi_reshape_4d(n, beta, 1, s.heads, s.tokens, s.seqs));
    x     = cfi_reshape_3d(n, b->x, b->x->ne[0], s.tokens, s.seqs);
    cache = cfi_state_cache(b, true);
    state = cfi_reshape_4d(n, cfi_state_load(b, cache), s.head, s.head, s.heads, s.seqs);
    b->q  = cfi_block_unit_length(b, b->q);
    b->k  = cfi_block_unit_length(b, b->k);
    state = cfi_block_gated_delta(b, b->q, b->k, b->v, decay, beta, state);
    gate  = cfi_cont(n, cfi_block_delta_output(b, state, b->v));
    cfi_state_store(b, cache, cfi_block_delta_state(b, state, b->v), false);
    b->x = cfi_reshape_2d(n, x, x->ne[0], b->tokens);
    x    = cfi_reshape_3d(n, gate, s.head, s.heads, b->tokens);
    gate = cfi_reshape_3d(n, through(b, CFI_W_SSM_G_A, CFI_W_SSM_G_B), s.head, s.heads, b->tokens);
    x    = cfi_block_norm(b, x, cfi_weight_here(b, CFI_W_SSM_NORM), NULL, CFI_OP_RMS_NORM, true);
    x    = cfi_mul(n, x, cfi_op_same(n, CFI_OP_UNARY, gate));
    b->x = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_OUTPUT), cfi_cont_2d(n, x, s.inner, b->tokens));
}

/* Routed experts whose weights add up to 1 and are scaled, and shared ones. */
void cfi_step_moe_kimi(cfi_build *b, uint32_t arg)
{
    cfi_experts e = cfi_experts_usual(b, CFI_ACT_SILU, CFI_GATING_STATED, CFI_SCALE_STATED);
    cfi_node   *x = b->x;

    (void)arg;
    e.norm = true;
    x      = cfi_block_experts(b, x, &e);
    b->x   = cfi_add(b->net, x, cfi_block_ffn(b, b->x, CFI_W_FFN_UP_SHEXP, CFI_W_FFN_GATE_SHEXP, CFI_W_FFN_DOWN_SHEXP, CFI_ACT_SILU, true));
}

/* ---- latent attention ---- */
static cfi_node *attend_latent(cfi_build *b, cfi_node *q, cfi_node *kv, cfi_node *apart)
{
    const ctxfit_layer_info *info  = b->layer;
    cfi_net                 *n     = b->net;
    cfi_cache_inputs        *in    = cfi_input_cache(b, false);
    cfi_node                *cache = cfi_cache_node(b, b->index, false);
    uint64_t  row   = cfi_row_bytes(CFI_QUANT_F32, info->key_size);
    cfi_node *plain = cfi_view_3d(n, q, info->key_size - info->rope_size, info->heads, b->tokens, row, row * info->heads);
    cfi_node *rest  = cfi_view_3d(n, q, info->rope_size, info->heads, b->tokens, row, row * info->heads);
    cfi_node *k;
    cfi_node *v;

    plain = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_K_B), cfi_permute(n, plain, 0, 2, 1, 3));
    q     = cfi_concat(n, cfi_permute(n, plain, 0, 2, 1, 3), rest, 0);
    v     = cfi_reshape_3d(n, kv, info->kv_rank, 1, b->tokens);
    k     = cfi_concat(n, v, apart, 0);
    cfi_net_expand(n, q);
    cfi_net_expand(n, v);
    cfi_net_expand(n, k);
    cfi_block_store_k(b, cache, k, in->k_rows);
    k = cfi_block_load_k(b, cache, 1);
    v = cfi_view_4d(n, k, info->kv_rank, k->ne[1], k->ne[2], k->ne[3], k->nb[1], k->nb[2], k->nb[3]);
    return cfi_block_scores(b, q, k, v, NULL, in->mask, NULL, cfi_weight_here(b, CFI_W_ATTN_V_B));
}

static cfi_node *attend_heads(cfi_build *b, cfi_node *q, cfi_node *kv, cfi_node *apart)
{
    const ctxfit_layer_info *info  = b->layer;
    cfi_net                 *n     = b->net;
    uint64_t                 plain = info->key_size - info->rope_size;
    uint64_t                 row   = cfi_row_bytes(CFI_QUANT_F32, plain + info->value_size);
    cfi_node                *k;
    cfi_node                *v;

    q  = cfi_reshape_3d(n, q, info->key_size, info->heads, b->tokens);
    kv = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_KV_B), kv);
    k  = cfi_view_3d(n, kv, plain, info->heads, b->tokens, row, row * info->heads);
    v  = cfi_cont(n, cfi_view_3d(n, kv, info->value_size, info->heads, b->tokens, row, row * info->heads));
    k  = cfi_concat(n, cfi_repeat_4d(n, apart, info->rope_size, info->heads, b->tokens, 1), k, 0);
    return cfi_block_attention(b, q, k, v, NULL, NULL);
}

void cfi_step_latent_bare(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net  *n   = b->net;
    uint64_t  row = cfi_row_bytes(CFI_QUANT_F32, info->kv_rank + info->rope_size);
    cfi_node *q;
    cfi_node *kv;
    cfi_node *apart;

    (void)arg;
    cfi_net_expand(n, b->x);
    q     = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_Q), b->x);
    kv    = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_KV_A_MQA), b->x);
    apart = cfi_view_3d(n, kv, info->rope_size, 1, b->tokens, row, row);
    kv    = cfi_view_2d(n, kv, info->kv_rank, b->tokens, row);
    kv    = cfi_block_norm(b, kv, cfi_weight_here(b, CFI_W_ATTN_KV_A_NORM), NULL, CFI_OP_RMS_NORM, true);
    b->x  = info->attention == CTXFIT_ATTENTION_LATENT ? attend_latent(b, q, kv, apart) : attend_heads(b, q, kv, apart);
    b->x  = cfi_block_linear(b, b->x, CFI_W_ATTN_OUTPUT);
}
