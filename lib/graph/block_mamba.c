/* Selective state spaces. Order of operations: llama.cpp b10472 src/models/mamba-base.cpp, build_mamba_layer and build_mamba2_layer. */
#include "build.h"

static cfi_node *must(cfi_build *b, cfi_node *node) { return node != NULL ? node : cfi_missing(b->net); }

/* Results of all tokens, and the states behind them. */
static cfi_node *scan(cfi_build *b, cfi_node *states, cfi_node *x, cfi_node *dt, cfi_node *decay, cfi_node *in, cfi_node *out)
{
    uint64_t  size   = states->ne[0] * states->ne[1] * states->ne[2];
    cfi_node *result = cfi_op_new(b->net, CFI_OP_SSM_SCAN, CFI_QUANT_F32,
                                  (const uint64_t[4]){cfi_node_elems(x) + size * b->sequences, 1, 1, 1});

    cfi_op_source(result, states);
    cfi_op_source(result, x);
    cfi_op_source(result, dt);
    cfi_op_source(result, decay);
    cfi_op_source(result, in);
    cfi_op_source(result, out);
    cfi_op_source(result, b->state_main);
    return result;
}

static cfi_node *scan_states(cfi_build *b, uint64_t head, uint64_t heads, cfi_node *x, cfi_node *dt, cfi_node *decay, cfi_node *in,
                             cfi_node *out)
{
    cfi_node *cache  = cfi_state_cache(b, true);
    cfi_node *rows   = cfi_state_open(b, cache);
    cfi_node *states = cfi_reshape_4d(b->net, rows, b->layer->state_size, head, heads, cache->ne[1]);
    cfi_node *result = scan(b, states, x, dt, decay, in, out);

    cfi_state_used(b, cache, rows, result);
    return result;
}

/* What the convolution makes of x, a slice of `all`; the states are stored before. */
static cfi_node *convolve(cfi_build *b, cfi_node *kept, cfi_node *x, bool by_row)
{
    cfi_net  *n     = b->net;
    cfi_node *cache = cfi_state_cache(b, false);
    cfi_node *input = cfi_state_conv_input(b, kept, x);
    cfi_node *bias  = cfi_bias_here(b, CFI_W_SSM_CONV1D);

    cfi_state_store(b, cache, cfi_state_conv_last(b, input), by_row);
    x = cfi_ssm_conv(n, input, cfi_weight_here(b, CFI_W_SSM_CONV1D));
    if (bias != NULL)
        x = cfi_add(n, x, bias);
    return cfi_op_same(n, CFI_OP_UNARY, x);
}

static cfi_node *kept_columns(cfi_build *b, uint64_t channels)
{
    cfi_node *state = cfi_state_load(b, cfi_state_cache(b, false));

    return cfi_reshape_3d(b->net, state, cfi_state_kept(b), channels, b->sequences);
}

static cfi_node *project(cfi_build *b, cfi_node *x, cfi_weight name)
{
    return cfi_has_weight(b, name) ? cfi_block_linear(b, x, name) : cfi_missing(b->net);
}

void cfi_step_mamba(cfi_build *b, uint32_t arg)
{
    cfi_net  *n      = b->net;
    uint64_t  inner  = b->layer->state_inner;
    uint64_t  size   = b->layer->state_size;
    uint64_t  rank   = b->layer->state_heads;
    uint64_t  tokens = b->tokens / b->sequences;
    bool      norms  = cfi_build_fact(b, CFI_FACT_SSM_NORMS, 0) != 0 || (cfi_has_weight(b, CFI_W_SSM_DT_NORM) &&
                      cfi_has_weight(b, CFI_W_SSM_B_NORM) && cfi_has_weight(b, CFI_W_SSM_C_NORM));
    cfi_node *kept   = kept_columns(b, inner);
    cfi_node *xz     = project(b, cfi_reshape_3d(n, b->x, b->x->ne[0], tokens, b->sequences), CFI_W_SSM_IN);
    cfi_node *x      = cfi_view_3d(n, xz, inner, xz->ne[1], xz->ne[2], xz->nb[1], xz->nb[2]);
    cfi_node *z      = cfi_view_3d(n, xz, inner, xz->ne[1], xz->ne[2], xz->nb[1], xz->nb[2]);
    cfi_node *parts;
    cfi_node *dt;
    cfi_node *in;
    cfi_node *out;
    cfi_node *heads;
    cfi_node *y;

    (void)arg;
    x     = convolve(b, kept, x, false);
    parts = cfi_block_times(b, CFI_W_SSM_X, x);
    dt    = cfi_view_3d(n, parts, rank, tokens, b->sequences, parts->nb[1], parts->nb[2]);
    in    = cfi_view_4d(n, parts, size, 1, tokens, b->sequences, size * 4, parts->nb[1], parts->nb[2]);
    out   = cfi_view_4d(n, parts, size, 1, tokens, b->sequences, size * 4, parts->nb[1], parts->nb[2]);
    if (norms) {
        dt  = cfi_block_norm(b, dt, cfi_weight_here(b, CFI_W_SSM_DT_NORM), NULL, CFI_OP_RMS_NORM, true);
        in  = cfi_block_norm(b, in, cfi_weight_here(b, CFI_W_SSM_B_NORM), NULL, CFI_OP_RMS_NORM, true);
        out = cfi_block_norm(b, out, cfi_weight_here(b, CFI_W_SSM_C_NORM), NULL, CFI_OP_RMS_NORM, true);
    } else if (cfi_build_changed(b, CFI_CHANGE_MAMBA_ROLLBACK)) {
        dt = cfi_cont(n, dt);
    }
    dt    = cfi_add(n, cfi_block_times(b, CFI_W_SSM_DT, dt), must(b, cfi_bias_here(b, CFI_W_SSM_DT)));
    heads = cfi_reshape_4d(n, x, 1, inner, tokens, b->sequences);
    y     = scan_states(b, 1, inner, heads, dt, must(b, cfi_weight_here(b, CFI_W_SSM_A)), in, out);
    cfi_state_store(b, cfi_state_cache(b, true), cfi_view_1d(n, y, size * inner * b->sequences), false);
    y    = cfi_view_3d(n, y, inner, tokens, b->sequences, heads->nb[2], heads->nb[3]);
    y    = cfi_add(n, y, cfi_mul(n, x, must(b, cfi_weight_here(b, CFI_W_SSM_D))));
    y    = cfi_glu_split(n, cfi_cont(n, z), y);
    y    = project(b, y, CFI_W_SSM_OUT);
    b->x = cfi_reshape_2d(n, y, y->ne[0], b->tokens);
}

static void store_scanned(cfi_build *b, cfi_node *result)
{
    cfi_net  *n     = b->net;
    cfi_node *cache = cfi_state_cache(b, true);
    uint64_t  size  = cache->ne[0];

    if (!cfi_build_changed(b, CFI_CHANGE_MAMBA_ROLLBACK)) {
        cfi_state_store(b, cache, cfi_view_1d(n, result, size * b->sequences), false);
        return;
    }
    result = cfi_view_3d(n, result, size, b->sequences, 1, size * 4, size * 4 * b->sequences);
    cfi_net_expand(n, cfi_cpy(n, result, cfi_view_3d(n, cache, size, b->sequences, 1, cache->nb[1], cache->nb[1] * cache->ne[1])));
}

void cfi_step_mamba2(cfi_build *b, uint32_t arg)
{
    cfi_net  *n        = b->net;
    bool      flat     = cfi_build_changed(b, CFI_CHANGE_MAMBA_ROLLBACK);
    uint64_t  inner    = b->layer->state_inner;
    uint64_t  size     = b->layer->state_size;
    uint64_t  heads    = cfi_max_u64(b->layer->state_heads, 1);
    uint64_t  groups   = cfi_max_u64(b->layer->state_groups, 1);
    uint64_t  head     = inner / heads;
    uint64_t  seqs     = b->sequences;
    uint64_t  tokens   = b->tokens / seqs;
    uint64_t  channels = inner + 2 * groups * size;
    cfi_node *kept     = kept_columns(b, channels);
    cfi_node *all      = b->x;
    cfi_node *z;
    cfi_node *x;
    cfi_node *dt;
    cfi_node *in;
    cfi_node *out;
    cfi_node *result;
    cfi_node *y;

    (void)arg;
    if (!flat)
        all = cfi_reshape_3d(n, all, all->ne[0], tokens, seqs);
    all = project(b, all, CFI_W_SSM_IN);
    if (flat)
        all = cfi_reshape_3d(n, all, all->ne[0], tokens, seqs);
    z      = cfi_view_4d(n, all, head, heads, tokens, seqs, head * 4, all->nb[1], all->nb[2]);
    x      = cfi_view_3d(n, all, channels, tokens, seqs, all->nb[1], all->nb[2]);
    dt     = cfi_view_3d(n, all, heads, tokens, seqs, all->nb[1], all->nb[2]);
    all    = convolve(b, kept, x, flat);
    x      = cfi_view_4d(n, all, head, heads, tokens, seqs, head * 4, all->nb[1], all->nb[2]);
    in     = cfi_view_4d(n, all, size, groups, tokens, seqs, size * 4, all->nb[1], all->nb[2]);
    out    = cfi_view_4d(n, all, size, groups, tokens, seqs, size * 4, all->nb[1], all->nb[2]);
    dt     = cfi_add(n, cfi_cont(n, dt), must(b, cfi_bias_here(b, CFI_W_SSM_DT)));
    result = scan_states(b, head, heads, x, dt, must(b, cfi_weight_here(b, CFI_W_SSM_A)), in, out);
    store_scanned(b, result);
    y = cfi_view_4d(n, result, head, heads, tokens, seqs, x->nb[1], heads * x->nb[1], tokens * heads * x->nb[1]);
    y = cfi_add(n, y, cfi_mul(n, x, must(b, cfi_weight_here(b, CFI_W_SSM_D))));
    y = cfi_glu_split(n, cfi_cont(n, z), y);
    if (cfi_has_weight(b, CFI_W_SSM_NORM)) {
        y = cfi_reshape_4d(n, y, inner / groups, groups, tokens, seqs);
        y = cfi_block_norm(b, y, cfi_weight_here(b, CFI_W_SSM_NORM), NULL, CFI_OP_RMS_NORM, true);
    }
    if (flat) {
        b->x = project(b, cfi_reshape_2d(n, y, inner, b->tokens), CFI_W_SSM_OUT);
        return;
    }
    y    = project(b, cfi_reshape_3d(n, y, inner, tokens, seqs), CFI_W_SSM_OUT);
    b->x = cfi_reshape_2d(n, y, y->ne[0], b->tokens);
}

/* src/models/plamo2.cpp, build_plamo2_mamba_layer */
void cfi_step_mamba_plamo2(cfi_build *b, uint32_t arg)
{
    cfi_net  *n      = b->net;
    uint64_t  inner  = b->layer->state_inner;
    uint64_t  size   = b->layer->state_size;
    uint64_t  heads  = cfi_max_u64(b->layer->state_heads, 1);
    uint64_t  head   = inner / heads;
    uint64_t  seqs   = b->sequences;
    uint64_t  tokens = b->tokens / seqs;
    uint64_t  rank   = cfi_max_u64(64, b->model->info.embedding / 16);
    cfi_node *kept   = kept_columns(b, inner);
    cfi_node *zx     = cfi_block_times(b, CFI_W_SSM_IN, cfi_reshape_3d(n, b->x, b->x->ne[0], tokens, seqs));
    cfi_node *decay  = must(b, cfi_weight_here(b, CFI_W_SSM_A));
    cfi_node *skip   = must(b, cfi_weight_here(b, CFI_W_SSM_D));
    cfi_node *x;
    cfi_node *z;
    cfi_node *parts;
    cfi_node *in;
    cfi_node *out;
    cfi_node *dt;
    cfi_node *y;

    (void)arg;
    zx    = cfi_cont_4d(n, cfi_permute(n, zx, 0, 2, 1, 3), head * 2, heads, tokens, seqs);
    x     = cfi_view_4d(n, zx, head, heads, tokens, seqs, zx->nb[1], zx->nb[2], zx->nb[3]);
    x     = cfi_cont_4d(n, x, inner, tokens, seqs, 1);
    z     = cfi_view_4d(n, zx, head, heads, tokens, seqs, zx->nb[1], zx->nb[2], zx->nb[3]);
    x     = convolve(b, kept, x, false);
    parts = cfi_block_times(b, CFI_W_SSM_X, x);
    in    = cfi_view_3d(n, parts, size, tokens, seqs, parts->nb[1], parts->nb[2]);
    out   = cfi_view_3d(n, parts, size, tokens, seqs, parts->nb[1], parts->nb[2]);
    dt    = cfi_view_3d(n, parts, rank, tokens, seqs, parts->nb[1], parts->nb[2]);
    in    = cfi_block_norm(b, in, cfi_weight_here(b, CFI_W_SSM_B_NORM), NULL, CFI_OP_RMS_NORM, true);
    out   = cfi_block_norm(b, out, cfi_weight_here(b, CFI_W_SSM_C_NORM), NULL, CFI_OP_RMS_NORM, true);
    dt    = cfi_block_norm(b, dt, cfi_weight_here(b, CFI_W_SSM_DT_NORM), NULL, CFI_OP_RMS_NORM, true);
    dt    = cfi_add(n, cfi_block_times(b, CFI_W_SSM_DT, dt), must(b, cfi_bias_here(b, CFI_W_SSM_DT)));
    decay = cfi_reshape_2d(n, decay, 1, heads);
    x     = cfi_view_4d(n, x, head, heads, tokens, seqs, head * 4, inner * 4, inner * tokens * 4);
    in    = cfi_view_4d(n, in, size, 1, tokens, seqs, size * 4, in->nb[1], in->nb[2]);
    out   = cfi_view_4d(n, out, size, 1, tokens, seqs, size * 4, out->nb[1], out->nb[2]);
    y     = scan_states(b, head, heads, x, dt, decay, in, out);
    cfi_state_store(b, cfi_state_cache(b, true), cfi_view_1d(n, y, inner * size * seqs), false);
    y    = cfi_view_4d(n, y, head, heads, tokens, seqs, head * 4, inner * 4, inner * tokens * 4);
    y    = cfi_add(n, y, cfi_mul(n, x, cfi_reshape_2d(n, skip, 1, heads)));
    y    = cfi_glu_split(n, cfi_cont(n, z), y);
    y    = cfi_view_3d(n, y, inner, tokens, seqs, y->nb[2], y->nb[3]);
    y    = cfi_block_times(b, CFI_W_SSM_OUT, y);
    b->x = cfi_reshape_2d(n, y, y->ne[0], b->tokens);
}
