/* Attention: what is cached, and how scores are made. Order of operations: llama.cpp b10472 src/llama-graph.cpp:2499 and on. */
#include "build.h"

/* q, k, v as [head size, heads, tokens]. */
cfi_node *cfi_block_scores(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *bias, cfi_node *mask, cfi_node *sinks,
                           cfi_node *decompress)
{
    cfi_net *n          = b->net;
    bool     transposed = v->nb[1] > v->nb[2];
    uint64_t streams    = cfi_max_u64(k->ne[3], 1);
    cfi_node *x;

    q = cfi_view_4d(n, q, q->ne[0], q->ne[1], q->ne[2] / streams, streams, q->nb[1], q->nb[2], q->nb[3] / streams);
    q = cfi_permute(n, q, 0, 2, 1, 3);
    k = cfi_permute(n, k, 0, 2, 1, 3);
    v = cfi_permute(n, v, 0, 2, 1, 3);
    if (b->run->flash && bias == NULL) {
        if (transposed)
            v = cfi_transpose(n, v);
        if (k->quant == CFI_QUANT_F32)
            k = cfi_cast(n, k, CFI_QUANT_F16);
        if (v->quant == CFI_QUANT_F32)
            v = cfi_cast(n, v, CFI_QUANT_F16);
        x = cfi_flash_attn(n, q, k, v, mask, sinks);
        if (decompress != NULL) {
            x = cfi_mul_mat(n, decompress, cfi_permute(n, x, 0, 2, 1, 3));
            x = cfi_cont(n, cfi_permute(n, x, 0, 2, 1, 3));
        }
        x = cfi_reshape_2d(n, x, x->ne[0] * x->ne[1], x->ne[2] * x->ne[3]);
    } else {
        x = cfi_mul_mat(n, k, q);
        x = cfi_block_cap_scores(b, x);
        if (bias != NULL)
            x = cfi_add(n, x, bias);
        x = cfi_soft_max(n, x, mask, sinks);
        if (!transposed)
            v = cfi_cont(n, cfi_transpose(n, v));
        x = cfi_mul_mat(n, v, x);
        if (decompress != NULL)
            x = cfi_mul_mat(n, decompress, x);
        x = cfi_permute(n, x, 0, 2, 1, 3);
        x = cfi_cont_2d(n, x, x->ne[0] * x->ne[1], x->ne[2] * x->ne[3]);
        if (!b->run->kv_offload)
            x->place = (uint8_t)b->run->device_count;
    }
    cfi_net_expand(n, x);
    return x;
}

/* Grok caps by tanh and scales twice, Gemma-2 always caps (src/llama-graph.cpp:2575). */
cfi_node *cfi_block_cap_scores(cfi_build *b, cfi_node *x)
{
    if ((b->flags & CFI_PROGRAM_CAPS_SCORES) == 0)
        return x;
    x = cfi_op_same(b->net, CFI_OP_SCALE, x);
    x = cfi_op_same(b->net, CFI_OP_UNARY, x);
    x = cfi_op_same(b->net, CFI_OP_SCALE, x);
    return x;
}

cfi_node *cfi_block_rotated(cfi_build *b, cfi_node *x, cfi_node *by)
{
    uint64_t  rows;
    cfi_node *y;

    if (by == NULL)
        return x;
    rows = cfi_node_elems(x) / by->ne[0];
    y    = cfi_node_contiguous(x) ? cfi_reshape_2d(b->net, x, by->ne[0], rows) : cfi_cont_2d(b->net, x, by->ne[0], rows);
    return cfi_reshape_4d(b->net, cfi_mul_mat(b->net, by, y), x->ne[0], x->ne[1], x->ne[2], x->ne[3]);
}

/* ---- the cache ---- */
static cfi_node *merged_streams(cfi_build *b, cfi_node *cache)
{
    return cache->ne[2] > 1 ? cfi_reshape_2d(b->net, cache, cache->ne[0], cache->ne[1] * cache->ne[2]) : cache;
}

void cfi_block_store_k(cfi_build *b, cfi_node *cache, cfi_node *k, cfi_node *rows)
{
    if (!cfi_build_changed(b, CFI_CHANGE_CACHE_BY_ROWS)) {
        cfi_net_expand(b->net, cfi_cpy(b->net, k, cfi_view_2d(b->net, cache, k->ne[0] * k->ne[1], k->ne[2], cache->nb[1])));
        return;
    }
    k = cfi_view_2d(b->net, k, k->ne[0] * k->ne[1], k->ne[2], k->nb[2]);
    cfi_net_expand(b->net, cfi_set_rows(b->net, merged_streams(b, cache), k, rows));
}

/* As builds did it before rows were named by an input. */
static void copy_values(cfi_build *b, cfi_node *cache, cfi_node *v, uint64_t width, uint64_t count)
{
    cfi_net *n = b->net;

    if (b->run->flash) {
        cfi_net_expand(n, cfi_cpy(n, v, cfi_view_2d(n, cache, width, count, cache->nb[1])));
        return;
    }
    v = cfi_transpose(n, cfi_node_contiguous(v) ? cfi_reshape_2d(n, v, width, count) : cfi_cont_2d(n, v, width, count));
    cfi_net_expand(n, cfi_cpy(n, v, cfi_view_2d(n, cache, count, width, cfi_row_bytes(cache->quant, cache->ne[1]))));
}

/* Without flash attention V is kept transposed, element by element. */
void cfi_block_store_v(cfi_build *b, cfi_node *cache, cfi_node *v, cfi_node *rows)
{
    cfi_net *n     = b->net;
    uint64_t width = v->ne[0] * v->ne[1];
    uint64_t count = v->ne[2];

    if (!cfi_build_changed(b, CFI_CHANGE_CACHE_BY_ROWS)) {
        copy_values(b, cache, v, width, count);
        return;
    }
    if (b->run->flash) {
        v = cfi_view_2d(n, v, width, count, v->nb[2]);
        cfi_net_expand(n, cfi_set_rows(n, merged_streams(b, cache), v, rows));
        return;
    }
    v = cfi_row_bytes(v->quant, width) == v->nb[2] ? cfi_reshape_2d(n, v, width, count) : cfi_cont_2d(n, v, width, count);
    if (width < cache->ne[0])
        v = cfi_pad(n, v, cache->ne[0] - width, 0, 0, 0);
    cache = cfi_reshape_2d(n, cache, 1, cfi_node_elems(cache));
    v     = cfi_reshape_2d(n, v, 1, cfi_node_elems(v));
    cfi_net_expand(n, cfi_set_rows(n, cache, v, rows));
}

/* A cache as [head size, heads, cells, streams]. */
cfi_node *cfi_block_load_k(cfi_build *b, cfi_node *cache, uint64_t heads)
{
    uint64_t head;

    if (heads == 0)
        return cfi_missing(b->net);
    head = cache->ne[0] / heads;
    return cfi_view_4d(b->net, cache, head, heads, cache->ne[1], cache->ne[2], cfi_row_bytes(cache->quant, head), cache->nb[1],
                       cache->nb[2]);
}

cfi_node *cfi_block_load_v(cfi_build *b, cfi_node *cache, uint64_t heads, uint64_t head)
{
    uint64_t cells = cache->ne[1];

    if (b->run->flash)
        return cfi_view_4d(b->net, cache, head, heads, cells, cache->ne[2], cfi_row_bytes(cache->quant, head), cache->nb[1], cache->nb[2]);
    return cfi_view_4d(b->net, cache, cells, heads, head, cache->ne[2], cfi_row_bytes(cache->quant, cells * head),
                       cfi_row_bytes(cache->quant, cells), cfi_row_bytes(cache->quant, cells * cache->ne[0]));
}

/* Of the layer whose cache this one reads: its own, or an earlier one's of the same kind. */
static uint32_t cache_owner(const cfi_build *b)
{
    uint32_t owner = b->index;
    bool     window = cfi_engine_layer_windowed(b->layer);

    while (owner > 0 && ((b->model->layer[owner].flags & CTXFIT_LAYER_F_CACHE) == 0 ||
                         cfi_engine_layer_windowed(&b->model->layer[owner]) != window))
        owner--;
    return owner;
}

/* With windows, a model's queries, keys and values are taken up in that order; without, values come before keys. */
static void expand_qkv(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v)
{
    bool windows = b->model->extent.window_layers > 0;

    cfi_net_expand(b->net, q);
    if (windows && k != NULL)
        cfi_net_expand(b->net, k);
    if (v != NULL)
        cfi_net_expand(b->net, v);
    if (!windows && k != NULL)
        cfi_net_expand(b->net, k);
}

/* Encoders and diffusion models attend to the batch itself. */
static cfi_node *attend_uncached(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *bias, cfi_node *sinks)
{
    cfi_cache_inputs *in = cfi_input_cache(b, cfi_engine_layer_windowed(b->layer));

    cfi_net_expand(b->net, q);
    cfi_net_expand(b->net, k);
    cfi_net_expand(b->net, v);
    if (cfi_build_changed(b, CFI_CHANGE_UNCACHED_PADDED)) {
        k = cfi_pad(b->net, k, 0, 0, in->mask->ne[0] - b->tokens, 0);
        v = cfi_pad(b->net, v, 0, 0, in->mask->ne[0] - b->tokens, 0);
        if (bias != NULL)
            bias = cfi_pad(b->net, bias, in->mask->ne[0] - b->tokens, 0, 0, 0);
    }
    return cfi_block_scores(b, q, k, v, bias, in->mask, sinks, NULL);
}

cfi_node *cfi_block_attention(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *bias, cfi_node *sinks)
{
    const ctxfit_layer_info *info  = b->layer;
    cfi_cache_inputs        *in    = cfi_input_cache(b, cfi_engine_layer_windowed(info));
    uint32_t                 owner = k != NULL ? b->index : cache_owner(b);
    cfi_node                *cache_k;
    cfi_node                *cache_v;
    cfi_node                *x;

    if (cfi_build_uncached(b))
        return attend_uncached(b, q, k, v, bias, sinks);
    cache_k = cfi_cache_node(b, owner, false);
    cache_v = cfi_cache_node(b, owner, true);
    q = cfi_block_rotated(b, q, in->k_rotation);
    k = k != NULL ? cfi_block_rotated(b, k, in->k_rotation) : NULL;
    v = v != NULL ? cfi_block_rotated(b, v, in->v_rotation) : NULL;
    expand_qkv(b, q, k, v);
    if (k != NULL)
        cfi_block_store_k(b, cache_k, k, in->k_rows);
    if (v != NULL)
        cfi_block_store_v(b, cache_v, v, in->v_rows);
    x = cfi_block_scores(b, q, cfi_block_load_k(b, cache_k, info->kv_heads), cfi_block_load_v(b, cache_v, info->kv_heads, info->value_size),
                         bias, in->mask, sinks, NULL);
    return cfi_block_rotated(b, x, in->v_rotation);
}

/* ---- steps ---- */
static cfi_node *projected(cfi_build *b, cfi_weight name, uint32_t arg)
{
    cfi_node *x;

    if (arg == CFI_UNSCALED)
        return cfi_block_times(b, name, b->x);
    x = cfi_block_linear_bias(b, b->x, name);
    return arg == CFI_CLAMPED && cfi_build_fact(b, CFI_FACT_CLAMP_KQV, 0) > 0 ? cfi_clamp(b->net, b->run->build, x) : x;
}

/* src/llama-graph.cpp:1591, build_qkv. CFI_CLAMPED: where the model states a limit. */
void cfi_step_qkv(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net                 *n    = b->net;
    uint64_t                 head = info->key_size;

    if (cfi_has_weight(b, CFI_W_ATTN_QKV)) {
        cfi_node *all = projected(b, CFI_W_ATTN_QKV, arg);
        uint64_t  row = cfi_row_bytes(all->quant, head);

        b->q = cfi_view_3d(n, all, head, info->heads, b->tokens, row, all->nb[1]);
        b->k = cfi_view_3d(n, all, head, info->kv_heads, b->tokens, row, all->nb[1]);
        b->v = cfi_view_3d(n, all, head, info->kv_heads, b->tokens, row, all->nb[1]);
        return;
    }
    b->q = cfi_reshape_3d(n, projected(b, CFI_W_ATTN_Q, arg), head, info->heads, b->tokens);
    b->k = cfi_reshape_3d(n, projected(b, CFI_W_ATTN_K, arg), head, info->kv_heads, b->tokens);
    b->v = cfi_reshape_3d(n, projected(b, CFI_W_ATTN_V, arg), info->value_size, info->kv_heads, b->tokens);
}

void cfi_step_rms_heads(cfi_build *b, uint32_t arg)
{
    if (arg == CFI_ALWAYS || cfi_has_weight(b, CFI_W_ATTN_Q_NORM))
        b->q = cfi_block_norm(b, b->q, cfi_weight_here(b, CFI_W_ATTN_Q_NORM), cfi_bias_here(b, CFI_W_ATTN_Q_NORM), CFI_OP_RMS_NORM, true);
    if (arg == CFI_ALWAYS || cfi_has_weight(b, CFI_W_ATTN_K_NORM))
        b->k = cfi_block_norm(b, b->k, cfi_weight_here(b, CFI_W_ATTN_K_NORM), cfi_bias_here(b, CFI_W_ATTN_K_NORM), CFI_OP_RMS_NORM, true);
}

void cfi_step_rms_heads_bare(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->q = cfi_op_same(b->net, CFI_OP_RMS_NORM, b->q);
    b->k = cfi_op_same(b->net, CFI_OP_RMS_NORM, b->k);
}

void cfi_step_rope(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->q = cfi_rope(b->net, b->q, cfi_input_positions(b), NULL);
    b->k = cfi_rope(b->net, b->k, cfi_input_positions(b), NULL);
}

/* Frequency factors: one set, or one for contexts within the original length and one beyond (src/llama-model.cpp:2039). */
cfi_node *cfi_block_rope_factors(cfi_build *b)
{
    cfi_node *one = cfi_weight_global(b, CFI_W_ROPE_FREQS);

    if (one != NULL)
        return one;
    return cfi_weight_global(b, b->run->n_ctx_seq > b->model->info.rope_original_tokens ? CFI_W_ROPE_FACTORS_LONG
                                                                                       : CFI_W_ROPE_FACTORS_SHORT);
}

void cfi_step_rope_factors(cfi_build *b, uint32_t arg)
{
    cfi_node *factors = cfi_block_rope_factors(b);

    (void)arg;
    b->q = cfi_rope(b->net, b->q, cfi_input_positions(b), factors);
    b->k = cfi_rope(b->net, b->k, cfi_input_positions(b), factors);
}

void cfi_step_scale_query(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->q = cfi_op_same(b->net, CFI_OP_SCALE, b->q);
}

/* CFI_UNBIASED: the model may have a bias that the graph leaves out. */
void cfi_step_attend(cfi_build *b, uint32_t arg)
{
    b->x = cfi_block_attention(b, b->q, b->k, b->v, NULL, cfi_weight_here(b, CFI_W_ATTN_SINKS));
    b->x = arg == CFI_UNBIASED ? cfi_block_linear(b, b->x, CFI_W_ATTN_OUTPUT) : cfi_block_linear_bias(b, b->x, CFI_W_ATTN_OUTPUT);
}
