/* Multi-head latent attention, and the indexer that chooses what it attends to. Sources: llama.cpp b10472 src/models/deepseek2.cpp,
 * deepseek32.cpp, glm-dsa.cpp; src/llama-graph.cpp:2848 and :2906. From b11118 rotation leaves the other elements of a head in place,
 * where before both parts were cut out and joined again. */
#include "build.h"

/* Slots: inputs, and the tokens that the indexer chose, which layers without an indexer use too. */
enum {
    SLOT_TEMPER = CFI_BUILD_SLOTS - 5,
    SLOT_INDEXER_ROWS,
    SLOT_INDEXER_MASK,
    SLOT_INDEXER_ROTATION,
    SLOT_CHOSEN
};

/* `rope` elements of every head, `at` its start or end, are rotated: of x as [head, heads, tokens]. */
static cfi_node *rope_part(cfi_build *b, cfi_node *x, uint64_t head, uint64_t heads, uint64_t rope, bool at_end, cfi_node *factors)
{
    cfi_net  *n = b->net;
    cfi_node *rotated;
    cfi_node *plain;

    if (cfi_build_changed(b, CFI_CHANGE_ROPE_IN_PLACE))
        return cfi_rope(n, cfi_reshape_3d(n, x, head, heads, b->tokens), cfi_input_positions(b), factors);
    rotated = cfi_view_3d(n, x, rope, heads, b->tokens, cfi_row_bytes(x->quant, head), cfi_row_bytes(x->quant, head) * heads);
    plain   = cfi_view_3d(n, x, head - rope, heads, b->tokens, cfi_row_bytes(x->quant, head), cfi_row_bytes(x->quant, head) * heads);
    rotated = cfi_rope(n, rotated, cfi_input_positions(b), factors);
    return at_end ? cfi_concat(n, plain, rotated, 0) : cfi_concat(n, rotated, plain, 0);
}

/* ---- the indexer ---- */
static void make_indexer_inputs(cfi_build *b)
{
    const cfi_run *run  = b->run;
    uint64_t       size = 64;

    if (b->slot[SLOT_INDEXER_ROWS] != NULL)
        return;
    while (b->layer->indexer_size % (size * 2) == 0)
        size *= 2;
    b->slot[SLOT_INDEXER_ROWS] = cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I64, b->tokens));
    b->slot[SLOT_INDEXER_MASK] =
        cfi_tensor_input(cfi_tensor_4d(b->net, CFI_QUANT_F16, run->kv_cells, b->tokens / run->streams, 1, run->streams));
    b->slot[SLOT_INDEXER_ROTATION] = cfi_tensor_input(cfi_tensor_2d(b->net, CFI_QUANT_F32, size, size));
}

/* The tokens that score best. x: the layer's input, q: the compressed query. */
static cfi_node *indexer_choice(cfi_build *b, cfi_node *x, cfi_node *q)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net  *n    = b->net;
    uint64_t  size = info->indexer_size;
    uint64_t  rope = info->rope_size;
    uint64_t  top  = (uint64_t)cfi_build_fact(b, CFI_FACT_INDEXER_TOP_K, 0);
    uint64_t  streams = b->run->streams;
    cfi_node *cache;
    cfi_node *k;
    cfi_node *w;

    make_indexer_inputs(b);
    q = rope_part(b, cfi_mul_mat(n, cfi_weight_here(b, CFI_W_INDEXER_ATTN_Q_B), q), size, info->indexer_heads, rope, false, NULL);
    k = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_INDEXER_ATTN_K), x);
    k = cfi_block_norm(b, k, cfi_weight_here(b, CFI_W_INDEXER_K_NORM), cfi_bias_here(b, CFI_W_INDEXER_K_NORM), CFI_OP_NORM, true);
    k = rope_part(b, k, size, 1, rope, false, NULL);
    q = cfi_mul_mat(n, b->slot[SLOT_INDEXER_ROTATION], q);
    k = cfi_mul_mat(n, b->slot[SLOT_INDEXER_ROTATION], k);
    cache = cfi_indexer_cache_node(b, b->index);
    cfi_block_store_k(b, cache, k, b->slot[SLOT_INDEXER_ROWS]);
    w = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_INDEXER_PROJ), x);
    k = cfi_block_load_k(b, cache, 1);
    q = cfi_view_4d(n, q, q->ne[0], q->ne[1], q->ne[2] / streams, streams, q->nb[1], q->nb[2], q->nb[3] / streams);
    w = cfi_view_4d(n, w, w->ne[0], w->ne[1] / streams, w->ne[2], streams, w->nb[1], w->nb[2] / streams, w->nb[3] / streams);
    w = cfi_op_same(n, CFI_OP_SCALE, w);
    x = cfi_op_new(n, CFI_OP_LIGHTNING_INDEXER, CFI_QUANT_F32, (const uint64_t[4]){k->ne[2], q->ne[2], 1, q->ne[3]});
    cfi_op_source(x, q);
    cfi_op_source(x, k);
    cfi_op_source(x, w);
    cfi_op_source(x, b->slot[SLOT_INDEXER_MASK]);
    return cfi_cont(n, cfi_top_k(n, x, cfi_min_u64(x->ne[0], top)));
}

cfi_node *cfi_block_chosen_mask(cfi_build *b, cfi_node *mask, cfi_node *chosen, uint32_t quant)
{
    cfi_net  *n   = b->net;
    cfi_node *all = cfi_op_same(n, CFI_OP_FILL, mask);
    cfi_node *zeros;

    all    = cfi_view_4d(n, all, 1, all->ne[0], all->ne[1], all->ne[3], all->nb[0], all->nb[1], all->nb[2]);
    chosen = cfi_view_4d(n, chosen, chosen->ne[0], chosen->ne[1], chosen->ne[3], 1, chosen->nb[1], chosen->nb[2],
                         chosen->ne[3] * chosen->nb[3]);
    zeros  = cfi_op_same(n, CFI_OP_FILL, cfi_tensor_4d(n, quant, 1, chosen->ne[0], chosen->ne[1], chosen->ne[2]));
    all    = cfi_set_rows(n, all, zeros, chosen);
    all    = cfi_view_4d(n, all, all->ne[1], all->ne[2], 1, all->ne[3], all->nb[2], all->nb[3], all->nb[3]);
    return cfi_add(n, all, mask);
}

/* ---- attention ---- */
/* Queries weighed by position, where the model states it (Mistral Large 3). */
static cfi_node *tempered(cfi_build *b, cfi_node *q)
{
    if (cfi_build_fact(b, CFI_FACT_TEMPERATURE_SCALE, 0) == 0)
        return q;
    if (b->slot[SLOT_TEMPER] == NULL)
        b->slot[SLOT_TEMPER] = cfi_tensor_input(cfi_tensor_4d(b->net, CFI_QUANT_F32, 1, 1, b->tokens, 1));
    return cfi_mul(b->net, q, b->slot[SLOT_TEMPER]);
}

/* One vector per token is cached, which is key and value of all heads; queries come in its form, results are decompressed. */
static cfi_node *attend_absorbed(cfi_build *b, cfi_node *q, cfi_node *kv, cfi_node *k_rope, cfi_node *chosen)
{
    const ctxfit_layer_info *info  = b->layer;
    cfi_net                 *n     = b->net;
    cfi_cache_inputs        *in    = cfi_input_cache(b, false);
    cfi_node                *cache = cfi_cache_node(b, b->index, false);
    uint64_t  row   = cfi_row_bytes(q->quant, info->key_size);
    cfi_node *plain;
    cfi_node *rope;
    cfi_node *v;
    cfi_node *k;

    if (chosen == NULL && cfi_build_changed(b, CFI_CHANGE_ROPE_IN_PLACE))
        q = cfi_reshape_3d(n, q, info->key_size, info->heads, b->tokens);
    plain = cfi_view_3d(n, q, info->key_size - info->rope_size, info->heads, b->tokens, row, row * info->heads);
    rope  = cfi_view_3d(n, q, info->rope_size, info->heads, b->tokens, row, row * info->heads);
    rope  = cfi_rope(n, rope, cfi_input_positions(b), NULL);
    plain = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_K_B), cfi_permute(n, plain, 0, 2, 1, 3));
    q     = cfi_concat(n, cfi_permute(n, plain, 0, 2, 1, 3), rope, 0);
    v     = cfi_reshape_3d(n, kv, info->kv_rank, 1, b->tokens);
    k     = cfi_concat(n, v, k_rope, 0);
    q     = tempered(b, q);
    cfi_net_expand(n, q);
    cfi_net_expand(n, v);
    cfi_net_expand(n, k);
    cfi_block_store_k(b, cache, k, in->k_rows);
    if (chosen != NULL)
        chosen = cfi_block_chosen_mask(b, in->mask, chosen, CFI_QUANT_F32);
    k = cfi_block_load_k(b, cache, 1);
    v = cfi_view_4d(n, k, info->kv_rank, k->ne[1], k->ne[2], k->ne[3], k->nb[1], k->nb[2], k->nb[3]);
    return cfi_block_scores(b, q, k, v, NULL, chosen != NULL ? chosen : in->mask, NULL, cfi_weight_here(b, CFI_W_ATTN_V_B));
}

/* Files without the absorbed matrices: keys and values of all heads are made and cached. */
static cfi_node *attend_expanded(cfi_build *b, cfi_node *q, cfi_node *kv, cfi_node *k_rope, cfi_node *factors)
{
    const ctxfit_layer_info *info  = b->layer;
    cfi_net                 *n     = b->net;
    uint64_t  plain = info->key_size - info->rope_size;
    uint64_t  row   = cfi_row_bytes(CFI_QUANT_F32, plain + info->value_size);
    cfi_node *k;
    cfi_node *v;

    kv = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_KV_B), kv);
    k  = cfi_view_3d(n, kv, plain, info->heads, b->tokens, row, row * info->heads);
    v  = cfi_cont(n, cfi_view_3d(n, kv, info->value_size, info->heads, b->tokens, row, row * info->heads));
    q  = rope_part(b, q, info->key_size, info->heads, info->rope_size, true, factors);
    k  = cfi_concat(n, k, cfi_repeat_4d(n, k_rope, info->rope_size, info->heads, b->tokens, 1), 0);
    return cfi_block_attention(b, tempered(b, q), k, v, NULL, NULL);
}

/* Argument: whether rotation has frequency factors. */
void cfi_step_latent(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net  *n      = b->net;
    cfi_node *q      = b->x;
    cfi_node *chosen  = NULL;
    cfi_node *factors = arg != 0 ? cfi_block_rope_factors(b) : NULL;
    cfi_node *kv;
    cfi_node *k_rope;
    uint64_t  row = cfi_row_bytes(CFI_QUANT_F32, info->kv_rank + info->rope_size);

    if (cfi_has_weight(b, CFI_W_ATTN_Q)) {
        q = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_Q), q);
    } else {
        q = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_Q_A), q);
        q = cfi_block_norm(b, q, cfi_weight_here(b, CFI_W_ATTN_Q_A_NORM), NULL, CFI_OP_RMS_NORM, true);
        if (info->indexer_heads != 0)
            b->slot[SLOT_CHOSEN] = indexer_choice(b, b->x, q);
        chosen = b->slot[SLOT_CHOSEN];
        q      = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_Q_B), q);
    }
    kv     = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_ATTN_KV_A_MQA), b->x);
    k_rope = cfi_view_3d(n, kv, info->rope_size, 1, b->tokens, row, row);
    k_rope = cfi_rope(n, k_rope, cfi_input_positions(b), factors);
    kv     = cfi_view_2d(n, kv, info->kv_rank, b->tokens, row);
    kv     = cfi_block_norm(b, kv, cfi_weight_here(b, CFI_W_ATTN_KV_A_NORM), NULL, CFI_OP_RMS_NORM, true);
    if (info->attention == CTXFIT_ATTENTION_LATENT)
        b->x = attend_absorbed(b, q, kv, k_rope, chosen);
    else
        b->x = attend_expanded(b, q, kv, k_rope, factors);
    b->x = cfi_block_linear(b, b->x, CFI_W_ATTN_OUTPUT);
}
