/* RWKV 6 and 7: mixing over time and over channels, each with the token before. Order of operations: llama.cpp b10472
 * src/models/rwkv6-base.cpp, rwkv7-base.cpp, and rwkv6.cpp, rwkv6qwen2.cpp, rwkv7.cpp, arwkv7.cpp for the layer around them. */
#include "build.h"

enum { SLOT_FIRST_VALUE = CFI_BUILD_SLOTS - 1 }; /* of layer 0, which later layers of RWKV 7 mix in */

/* Without what adapters add, which mixing leaves out. */
static cfi_node *times_weight(cfi_build *b, cfi_weight name, cfi_node *x) { return cfi_mul_mat(b->net, cfi_weight_here(b, name), x); }

static cfi_node *unary(cfi_build *b, cfi_node *x) { return cfi_op_same(b->net, CFI_OP_UNARY, x); }

static cfi_node *vector(cfi_build *b, cfi_weight name)
{
    cfi_node *w = cfi_weight_here(b, name);

    return w != NULL ? w : cfi_missing(b->net);
}

static cfi_node *biased(cfi_build *b, cfi_weight name, cfi_node *x)
{
    cfi_node *bias = cfi_bias_here(b, name);

    x = cfi_block_times(b, name, x);
    return bias != NULL ? cfi_add(b->net, x, bias) : x;
}

static uint64_t head_size(const cfi_build *b) { return cfi_max_u64(b->layer->state_size, 1); }

static cfi_node *by_head(cfi_build *b, cfi_node *x)
{
    return cfi_reshape_3d(b->net, x, head_size(b), b->model->info.embedding / head_size(b), b->tokens);
}

/* Stores the state behind the results, answers these. */
static cfi_node *take_results(cfi_build *b, cfi_node *cache, cfi_node *mixed)
{
    uint64_t  width  = b->model->info.embedding;
    cfi_node *result = cfi_view_1d(b->net, mixed, width * b->tokens);

    cfi_state_store(b, cache, cfi_view_1d(b->net, mixed, width * head_size(b) * b->sequences), false);
    return result;
}

static cfi_node *mixing(cfi_build *b, cfi_op op)
{
    uint64_t rows = b->tokens + head_size(b) * b->sequences;

    return cfi_op_new(b->net, op, CFI_QUANT_F32, (const uint64_t[4]){b->model->info.embedding, rows, 1, 1});
}

/* Each head by its mean and variance. */
static cfi_node *norm_groups(cfi_build *b, cfi_node *x)
{
    cfi_node *bias = cfi_bias_here(b, CFI_W_TIME_MIX_LN);

    x = cfi_op_same(b->net, CFI_OP_NORM, by_head(b, x));
    x = cfi_mul(b->net, cfi_reshape_2d(b->net, x, b->model->info.embedding, b->tokens), vector(b, CFI_W_TIME_MIX_LN));
    return cfi_add(b->net, x, bias != NULL ? bias : cfi_missing(b->net));
}

/* ---- RWKV 6 ---- */
enum { MIX_W, MIX_K, MIX_V, MIX_R, MIX_G, MIX_COUNT };

/* The inputs of decay, key, value, receptance and gate: how much of the token before each takes depends on the token. */
static void mix_inputs(cfi_build *b, cfi_node *x, cfi_node *before, cfi_node *in[MIX_COUNT])
{
    static const uint8_t lerps[MIX_COUNT] = {CFI_W_TIME_MIX_LERP_W, CFI_W_TIME_MIX_LERP_K, CFI_W_TIME_MIX_LERP_V, CFI_W_TIME_MIX_LERP_R,
                                             CFI_W_TIME_MIX_LERP_G};
    cfi_net  *n     = b->net;
    uint64_t  width = b->model->info.embedding;
    cfi_node *first = vector(b, CFI_W_TIME_MIX_W1);
    cfi_node *second = vector(b, CFI_W_TIME_MIX_W2);
    cfi_node *fused = cfi_weight_here(b, CFI_W_TIME_MIX_LERP_FUSED);
    cfi_node *shift = cfi_reshape_2d(n, cfi_op_pair(n, CFI_OP_SUB, before, x), width, b->tokens);
    cfi_node *all;

    x   = cfi_reshape_2d(n, x, width, b->tokens);
    all = cfi_add(n, cfi_mul(n, shift, vector(b, CFI_W_TIME_MIX_LERP_X)), x);
    all = cfi_reshape_4d(n, unary(b, cfi_mul_mat(n, first, all)), first->ne[1] / MIX_COUNT, 1, MIX_COUNT, b->tokens);
    all = cfi_cont(n, cfi_permute(n, all, 0, 1, 3, 2));
    all = cfi_mul_mat(n, cfi_reshape_4d(n, second, second->ne[0], second->ne[1], 1, MIX_COUNT), all);
    if (fused != NULL) {
        shift = cfi_reshape_3d(n, shift, width, 1, b->tokens);
        x     = cfi_reshape_3d(n, x, width, 1, b->tokens);
        all   = cfi_add(n, cfi_mul(n, cfi_add(n, all, fused), shift), x);
    }
    for (int i = 0; i < MIX_COUNT; i++) {
        in[i] = cfi_view_2d(n, all, width, b->tokens, all->nb[1]);
        if (fused == NULL)
            in[i] = cfi_add(n, cfi_mul(n, cfi_add(n, in[i], vector(b, (cfi_weight)lerps[i])), shift), x);
    }
}

/* Fewer keys than heads: each serves several. */
static cfi_node *for_all_heads(cfi_build *b, cfi_node *x)
{
    uint64_t size  = head_size(b);
    uint64_t heads = b->model->info.embedding / size;
    uint64_t given = cfi_max_u64(x->ne[0] / size, 1);

    if (given == heads)
        return x;
    x = cfi_reshape_4d(b->net, x, size, 1, given, b->tokens);
    return cfi_repeat_4d(b->net, x, size, heads / given, given, b->tokens);
}

static cfi_node *time_mix6(cfi_build *b, cfi_node *x, cfi_node *before)
{
    cfi_net  *n     = b->net;
    cfi_node *first = cfi_weight_here(b, CFI_W_TIME_MIX_FIRST); /* without: a Qwen2 made linear */
    cfi_node *cache = cfi_state_cache(b, true);
    cfi_node *in[MIX_COUNT];
    cfi_node *r;
    cfi_node *k;
    cfi_node *v;
    cfi_node *w;
    cfi_node *gate;
    cfi_node *state;

    mix_inputs(b, x, before, in);
    r    = by_head(b, biased(b, CFI_W_TIME_MIX_RECEPTANCE, in[MIX_R]));
    k    = by_head(b, for_all_heads(b, biased(b, CFI_W_TIME_MIX_KEY, in[MIX_K])));
    v    = by_head(b, for_all_heads(b, biased(b, CFI_W_TIME_MIX_VALUE, in[MIX_V])));
    gate = unary(b, cfi_block_times(b, CFI_W_TIME_MIX_GATE, in[MIX_G]));
    w    = times_weight(b, CFI_W_TIME_MIX_DECAY_W2, unary(b, times_weight(b, CFI_W_TIME_MIX_DECAY_W1, in[MIX_W])));
    w    = cfi_add(n, w, vector(b, CFI_W_TIME_MIX_DECAY));
    w    = by_head(b, unary(b, unary(b, unary(b, w))));
    if (first == NULL)
        k = cfi_op_pair(n, CFI_OP_SUB, k, cfi_mul(n, k, w));
    state = cfi_state_load(b, cache);
    x     = mixing(b, first != NULL ? CFI_OP_RWKV_WKV6 : CFI_OP_GATED_LINEAR_ATTN);
    cfi_op_source(x, k);
    cfi_op_source(x, v);
    cfi_op_source(x, r);
    cfi_op_source(x, first);
    cfi_op_source(x, w);
    cfi_op_source(x, state);
    x = take_results(b, cache, x);
    x = first != NULL ? norm_groups(b, x) : cfi_reshape_2d(n, x, b->model->info.embedding, b->tokens);
    return cfi_block_times(b, CFI_W_TIME_MIX_OUTPUT, cfi_mul(n, x, gate));
}

/* ---- RWKV 7 ---- */
static cfi_node *mixed_value(cfi_build *b, cfi_node *x, cfi_node *in)
{
    cfi_net  *n     = b->net;
    cfi_node *first = b->slot[SLOT_FIRST_VALUE];
    cfi_node *weigh;

    if (first == NULL) {
        b->slot[SLOT_FIRST_VALUE] = x;
        return x;
    }
    weigh = times_weight(b, CFI_W_TIME_MIX_V2, times_weight(b, CFI_W_TIME_MIX_V1, in));
    weigh = unary(b, cfi_add(n, weigh, vector(b, CFI_W_TIME_MIX_V0)));
    return cfi_add(n, x, cfi_mul(n, cfi_op_pair(n, CFI_OP_SUB, first, x), weigh));
}

static cfi_node *time_mix7(cfi_build *b, cfi_node *x, cfi_node *before)
{
    enum { R, W, K, V, A, G };
    cfi_net  *n     = b->net;
    uint64_t  width = b->model->info.embedding;
    bool      gated = cfi_has_weight(b, CFI_W_TIME_MIX_G1) && cfi_has_weight(b, CFI_W_TIME_MIX_G2);
    cfi_node *cache = cfi_state_cache(b, true);
    cfi_node *shift = cfi_op_pair(n, CFI_OP_SUB, before, x);
    cfi_node *in[G + 1];
    cfi_node *r;
    cfi_node *w;
    cfi_node *k;
    cfi_node *v;
    cfi_node *gate = NULL;
    cfi_node *a;
    cfi_node *kk;
    cfi_node *ka;

    shift = cfi_repeat_4d(n, shift, width, b->tokens / b->sequences, b->sequences, gated ? 6 : 5);
    x     = cfi_add(n, cfi_mul(n, shift, vector(b, CFI_W_TIME_MIX_LERP_FUSED)), x);
    for (int i = 0; i <= G; i++)
        in[i] = cfi_view_2d(n, x, width, b->tokens, x->nb[1]);
    r = cfi_block_times(b, CFI_W_TIME_MIX_RECEPTANCE, in[R]);
    w = cfi_add(n, times_weight(b, CFI_W_TIME_MIX_W2, unary(b, times_weight(b, CFI_W_TIME_MIX_W1, in[W]))), vector(b, CFI_W_TIME_MIX_W0));
    w = unary(b, cfi_op_same(n, CFI_OP_SCALE, unary(b, w)));
    k = cfi_block_times(b, CFI_W_TIME_MIX_KEY, in[K]);
    v = mixed_value(b, cfi_block_times(b, CFI_W_TIME_MIX_VALUE, in[V]), in[V]);
    if (gated)
        gate = times_weight(b, CFI_W_TIME_MIX_G2, unary(b, times_weight(b, CFI_W_TIME_MIX_G1, in[G])));
    a  = cfi_add(n, times_weight(b, CFI_W_TIME_MIX_A2, times_weight(b, CFI_W_TIME_MIX_A1, in[A])), vector(b, CFI_W_TIME_MIX_A0));
    a  = unary(b, a);
    kk = cfi_op_same(n, CFI_OP_L2_NORM, by_head(b, cfi_mul(n, k, vector(b, CFI_W_TIME_MIX_K_K))));
    ka = cfi_mul(n, k, vector(b, CFI_W_TIME_MIX_K_A));
    k  = cfi_add(n, k, cfi_op_pair(n, CFI_OP_SUB, cfi_mul(n, a, ka), ka));
    r  = by_head(b, r);
    w  = by_head(b, w);
    k  = by_head(b, k);
    v  = by_head(b, v);
    a  = by_head(b, a);
    ka = cfi_state_load(b, cache);
    x  = mixing(b, CFI_OP_RWKV_WKV7);
    cfi_op_source(x, r);
    cfi_op_source(x, w);
    cfi_op_source(x, k);
    cfi_op_source(x, v);
    cfi_op_source(x, unary(b, kk));
    cfi_op_source(x, cfi_mul(n, kk, a));
    cfi_op_source(x, ka);
    x = take_results(b, cache, x);
    x = cfi_has_weight(b, CFI_W_TIME_MIX_LN) ? norm_groups(b, x) : cfi_reshape_2d(n, x, width, b->tokens);
    a = cfi_reshape_2d(n, vector(b, CFI_W_TIME_MIX_R_K), head_size(b), width / head_size(b));
    a = cfi_sum_rows(n, cfi_mul(n, cfi_mul(n, k, r), a));
    x = cfi_add(n, x, cfi_reshape_2d(n, cfi_mul(n, v, a), width, b->tokens));
    return cfi_block_times(b, CFI_W_TIME_MIX_OUTPUT, gated ? cfi_mul(n, x, gate) : x);
}

/* ---- layers ---- */
/* x [width, tokens of a sequence, sequences] a token later, behind what was kept. */
static cfi_node *token_before(cfi_build *b, cfi_node *kept, cfi_node *x)
{
    return cfi_concat(b->net, kept, cfi_view_3d(b->net, x, x->ne[0], x->ne[1] - 1, x->ne[2], x->nb[1], x->nb[2]), 1);
}

static cfi_node *last_token(cfi_build *b, cfi_node *x) { return cfi_view_3d(b->net, x, x->ne[0], 1, x->ne[2], x->nb[1], x->nb[2]); }

static void store_shift(cfi_build *b, cfi_node *shift)
{
    cfi_state_store(b, cfi_state_cache(b, false), cfi_view_1d(b->net, shift, cfi_node_elems(shift)), false);
}

static cfi_node *output_rows(cfi_build *b, cfi_node *x)
{
    return b->last ? cfi_get_rows(b->net, x, cfi_input_output_ids(b)) : x;
}

static cfi_node *channel_mix(cfi_build *b, cfi_node *x, cfi_node *before, bool six)
{
    cfi_net  *n     = b->net;
    cfi_node *shift = cfi_op_pair(n, CFI_OP_SUB, before, x);
    cfi_node *k     = cfi_add(n, cfi_mul(n, shift, vector(b, CFI_W_CHANNEL_MIX_LERP_K)), x);
    cfi_node *r     = six ? cfi_add(n, cfi_mul(n, shift, vector(b, CFI_W_CHANNEL_MIX_LERP_R)), x) : NULL;

    if (six)
        r = unary(b, cfi_block_times(b, CFI_W_CHANNEL_MIX_RECEPTANCE, r));
    k = cfi_op_same(n, CFI_OP_SQR, unary(b, cfi_block_times(b, CFI_W_CHANNEL_MIX_KEY, k)));
    k = cfi_block_times(b, CFI_W_CHANNEL_MIX_VALUE, k);
    return six ? cfi_mul(n, r, k) : k;
}

/* Argument: 6 or 7. The state keeps the last token of both mixes. */
void cfi_step_rwkv(cfi_build *b, uint32_t arg)
{
    cfi_net  *n     = b->net;
    uint64_t  width = b->model->info.embedding;
    cfi_node *x     = cfi_reshape_3d(n, b->x, width, b->tokens / b->sequences, b->sequences);
    cfi_node *shift = cfi_reshape_3d(n, cfi_state_load(b, cfi_state_cache(b, false)), width, b->layer->conv_kernel, b->sequences);
    cfi_node *kept  = cfi_view_3d(n, shift, width, 1, b->sequences, shift->nb[1], shift->nb[2]);
    cfi_node *later = cfi_view_3d(n, shift, width, 1, b->sequences, shift->nb[1], shift->nb[2]);
    cfi_node *time  = cfi_block_norm(b, x, vector(b, CFI_W_ATTN_NORM), cfi_bias_here(b, CFI_W_ATTN_NORM), CFI_OP_NORM, true);
    cfi_node *mixed = arg == 6 ? time_mix6(b, time, token_before(b, kept, time)) : time_mix7(b, time, token_before(b, kept, time));
    cfi_node *channel;

    x       = cfi_add(n, cfi_reshape_3d(n, mixed, width, x->ne[1], x->ne[2]), x);
    channel = cfi_block_norm(b, x, vector(b, CFI_W_ATTN_NORM_2), cfi_bias_here(b, CFI_W_ATTN_NORM_2), CFI_OP_NORM, true);
    later   = token_before(b, later, channel);
    store_shift(b, cfi_concat(n, last_token(b, time), last_token(b, channel), 1));
    x       = output_rows(b, cfi_reshape_2d(n, x, width, b->tokens));
    channel = output_rows(b, cfi_reshape_2d(n, channel, width, b->tokens));
    later   = output_rows(b, cfi_reshape_2d(n, later, width, b->tokens));
    b->x    = cfi_add(n, channel_mix(b, channel, later, arg == 6), x);
}

/* Argument: 6 or 7, in a transformer whose feed-forward part follows. */
void cfi_step_rwkv_time(cfi_build *b, uint32_t arg)
{
    cfi_net  *n     = b->net;
    uint64_t  width = b->model->info.embedding;
    cfi_node *x     = cfi_reshape_3d(n, b->x, width, b->tokens / b->sequences, b->sequences);
    cfi_node *kept  = cfi_reshape_3d(n, cfi_state_load(b, cfi_state_cache(b, false)), width, b->layer->conv_kernel, b->sequences);
    cfi_node *time  = cfi_block_norm(b, x, vector(b, CFI_W_ATTN_NORM), cfi_bias_here(b, CFI_W_ATTN_NORM), CFI_OP_RMS_NORM, true);
    cfi_node *mixed = arg == 6 ? time_mix6(b, time, token_before(b, kept, time)) : time_mix7(b, time, token_before(b, kept, time));

    store_shift(b, last_token(b, time));
    x    = cfi_add(n, cfi_reshape_3d(n, mixed, width, x->ne[1], x->ne[2]), x);
    b->x = output_rows(b, cfi_reshape_2d(n, x, width, b->tokens));
}
