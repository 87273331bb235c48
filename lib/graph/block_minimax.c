/* MiniMax-M3's attention to blocks of positions: an indexer with one head for each group of heads scores the keys, and only the blocks
 * that score best are attended to. Source: llama.cpp b10472 src/models/minimax-m3.cpp. Without flash attention, or where sequences share
 * one cache, its layers attend to everything. */
#include "build.h"

#define POSITIONS_RESERVED 256u /* of a cache that is still empty: b10472 src/llama-kv-cache-msa.cpp, get_n_pos */

/* Slots: inputs that all layers share. */
enum {
    SLOT_BLOCK_ROWS = CFI_BUILD_SLOTS - 7,
    SLOT_BLOCK_BIAS,
    SLOT_POSITION_MASK,
    SLOT_POSITION_CELLS,
    SLOT_POSITION_VALUES, /* the same as numbers, where each stream has one token */
    SLOT_CELL_BLOCKS,     /* where it has more */
    SLOT_MASK_FLOAT
};

typedef struct block_sizes {
    uint64_t block, positions, blocks, best;
    uint64_t streams, tokens; /* of each stream */
    uint64_t size, groups;    /* of the indexer */
} block_sizes;

static bool blocks_used(const cfi_build *b)
{
    return b->run->flash && (b->run->n_seq == 1 || b->run->streams > 1);
}

static bool read_sizes(cfi_build *b, const cfi_node *mask, block_sizes *s)
{
    s->block   = (uint64_t)cfi_build_fact(b, CFI_FACT_INDEXER_BLOCK, 0);
    s->best    = (uint64_t)cfi_build_fact(b, CFI_FACT_INDEXER_TOP_K, 0);
    s->size    = b->layer->indexer_size;
    s->groups  = b->layer->indexer_heads;
    s->tokens  = mask->ne[1];
    s->streams = mask->ne[3];
    if (s->block == 0 || s->best == 0 || s->size == 0 || s->groups == 0 || s->groups != b->layer->kv_heads ||
        b->layer->heads < s->groups || b->layer->heads % s->groups != 0)
        return false;
    s->positions = b->run->filled_compute ? b->run->n_ctx_seq : POSITIONS_RESERVED;
    s->positions = (s->positions + s->block - 1) & ~(s->block - 1); /* GGML_PAD, whatever the block */
    s->blocks    = s->positions / s->block;
    s->best      = cfi_min_u64(s->best, s->blocks);
    return true;
}

static cfi_node *block_input(cfi_build *b, uint32_t quant, uint64_t ne0, uint64_t ne1)
{
    return cfi_tensor_input(cfi_tensor_2d(b->net, quant, ne0, ne1));
}

static void make_block_inputs(cfi_build *b, const block_sizes *s, cfi_node *mask)
{
    if (b->slot[SLOT_BLOCK_ROWS] != NULL)
        return;
    b->slot[SLOT_BLOCK_ROWS]     = cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I64, b->tokens));
    b->slot[SLOT_BLOCK_BIAS]     = block_input(b, CFI_QUANT_F32, s->blocks, b->tokens);
    b->slot[SLOT_POSITION_MASK]  = block_input(b, CFI_QUANT_F32, s->positions, b->tokens);
    b->slot[SLOT_POSITION_CELLS] = block_input(b, CFI_QUANT_I32, s->positions, s->streams);
    if (s->tokens == 1) {
        b->slot[SLOT_POSITION_VALUES] = block_input(b, CFI_QUANT_F32, s->positions, s->streams);
    } else {
        b->slot[SLOT_CELL_BLOCKS] = block_input(b, CFI_QUANT_I32, mask->ne[0], s->streams);
        b->slot[SLOT_MASK_FLOAT]  = cfi_cast(b->net, mask, CFI_QUANT_F32);
    }
}

/* One flash attention for all groups of heads: they are its sequences. q: [head, heads, tokens], k, v: [head, keys, 1, groups]. */
static cfi_node *grouped_attention(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask, uint64_t heads_of_group)
{
    cfi_net  *n      = b->net;
    uint64_t  head   = q->ne[0];
    uint64_t  heads  = q->ne[1];
    uint64_t  tokens = q->ne[2];
    uint64_t  groups = k->ne[3];
    cfi_node *x;

    q = cfi_reshape_4d(n, q, head, heads_of_group, groups, heads * tokens / (heads_of_group * groups));
    x = cfi_flash_attn(n, cfi_permute(n, q, 0, 2, 3, 1), k, v, mask, NULL);
    x = cfi_permute(n, x, 0, 1, 3, 2);
    if (!cfi_node_contiguous(x))
        x = cfi_cont(n, x);
    return cfi_reshape_2d(n, x, head * heads, tokens);
}

static cfi_node *pooled(cfi_build *b, cfi_node *scores, uint64_t block)
{
    cfi_node *x = cfi_op_new(b->net, CFI_OP_POOL_2D, CFI_QUANT_F32,
                             (const uint64_t[4]){scores->ne[0] / block, scores->ne[1], scores->ne[2], scores->ne[3]});

    cfi_op_source(x, scores);
    return x;
}

static cfi_node *add_over(cfi_build *b, cfi_node *x, cfi_node *y)
{
    x = cfi_op_over(b->net, CFI_OP_ADD, x);
    cfi_op_source(x, y);
    return x;
}

static cfi_node *counted(cfi_build *b, uint64_t count, uint64_t ne0, uint64_t ne1, uint64_t ne2)
{
    return cfi_reshape_3d(b->net, cfi_op_new(b->net, CFI_OP_ARANGE, CFI_QUANT_F32, (const uint64_t[4]){count, 1, 1, 1}), ne0, ne1, ne2);
}

/* ---- one token a stream: the chosen rows of the cache are copied out ---- */
/* Of all streams at once; `index`: the indexer's cache. */
static cfi_node *best_blocks(cfi_build *b, const block_sizes *s, cfi_node *q, cfi_node *index)
{
    cfi_net  *n = b->net;
    cfi_node *x = cfi_view_3d(n, index, s->size, index->ne[2], s->streams, index->nb[2], index->nb[3]);

    x = cfi_get_rows(n, x, b->slot[SLOT_POSITION_CELLS]);
    q = cfi_reshape_4d(n, q, s->size, s->groups, 1, s->streams);
    x = cfi_mul_mat(n, cfi_reshape_4d(n, x, s->size, s->positions, 1, s->streams), q);
    x = add_over(b, x, cfi_reshape_4d(n, b->slot[SLOT_POSITION_MASK], s->positions, 1, 1, s->streams));
    x = pooled(b, x, s->block);
    x = cfi_add(n, x, cfi_reshape_4d(n, b->slot[SLOT_BLOCK_BIAS], s->blocks, 1, 1, s->streams));
    return cfi_top_k(n, x, s->best);
}

static cfi_node *gathered(cfi_build *b, const block_sizes *s, cfi_node *cache, cfi_node *rows, uint32_t quant)
{
    cfi_net  *n    = b->net;
    uint64_t  head = cache->ne[0];
    cfi_node *x    = cfi_view_3d(n, cache, head, s->groups * cache->ne[2], s->streams, cache->nb[1], cache->nb[3]);

    x = cfi_reshape_4d(n, cfi_get_rows(n, x, rows), head, s->block * s->best, 1, s->groups * s->streams);
    return quant == CFI_QUANT_F32 ? x : cfi_cast(n, x, quant);
}

static uint32_t gathered_quant(ctxfit_quant cached)
{
    return cfi_quant_format_of(cached)->block_elems > 1 ? CFI_QUANT_F16 : (uint32_t)cached;
}

static cfi_node *attend_gathered(cfi_build *b, const block_sizes *s, cfi_node *q, cfi_node *index, cfi_node *k, cfi_node *v)
{
    cfi_net  *n      = b->net;
    uint64_t  chosen = s->block * s->best * s->groups;
    cfi_node *tokens = cfi_op_same(n, CFI_OP_SCALE, cfi_cast(n, best_blocks(b, s, q, index), CFI_QUANT_F32));
    cfi_node *rows;
    cfi_node *mask;

    tokens = cfi_reshape_4d(n, tokens, 1, s->best, s->groups, s->streams);
    tokens = cfi_add(n, cfi_repeat_4d(n, tokens, s->block, s->best, s->groups, s->streams), counted(b, s->block, s->block, 1, 1));
    tokens = cfi_cast(n, cfi_reshape_2d(n, tokens, chosen, s->streams), CFI_QUANT_I32);
    rows   = cfi_get_rows(n, cfi_reshape_3d(n, b->slot[SLOT_POSITION_VALUES], 1, s->positions, s->streams), tokens);
    rows   = cfi_op_same(n, CFI_OP_SCALE, cfi_reshape_4d(n, rows, s->block, s->best, s->groups, s->streams));
    rows   = cfi_add(n, rows, counted(b, s->groups, 1, 1, s->groups));
    rows   = cfi_cast(n, cfi_reshape_2d(n, rows, chosen, s->streams), CFI_QUANT_I32);
    k      = gathered(b, s, k, rows, gathered_quant(b->run->type_k));
    v      = gathered(b, s, v, rows, gathered_quant(b->run->type_v));
    mask   = cfi_get_rows(n, cfi_reshape_3d(n, b->slot[SLOT_POSITION_MASK], 1, s->positions, s->streams), tokens);
    mask   = cfi_cast(n, cfi_reshape_4d(n, mask, s->block * s->best, 1, 1, s->groups * s->streams), CFI_QUANT_F16);
    return grouped_attention(b, b->q, k, v, mask, b->layer->heads / s->groups);
}

/* ---- more tokens: a mask for each group of heads leaves only the chosen blocks; a stream at a time ---- */
static cfi_node *rows_of(cfi_build *b, cfi_node *x, uint64_t ne1, uint64_t tokens)
{
    return cfi_view_3d(b->net, x, x->ne[0], ne1, tokens, x->nb[1], ne1 == 1 ? x->nb[1] : x->nb[2]);
}

static cfi_node *block_scores(cfi_build *b, const block_sizes *s, cfi_node *q, cfi_node *index)
{
    cfi_net  *n     = b->net;
    cfi_node *cells = cfi_view_1d(n, b->slot[SLOT_POSITION_CELLS], s->positions);
    cfi_node *mask  = rows_of(b, b->slot[SLOT_POSITION_MASK], 1, s->tokens);
    cfi_node *x     = cfi_get_rows(n, cfi_view_2d(n, index, s->size, index->ne[2], index->nb[2]), cells);

    q = cfi_reshape_2d(n, rows_of(b, q, s->groups, s->tokens), s->size, s->groups * s->tokens);
    x = cfi_reshape_3d(n, cfi_mul_mat(n, x, q), s->positions, s->groups, s->tokens);
    return pooled(b, add_over(b, x, mask), s->block);
}

/* Of cells, for each token and group: [cells, tokens, 1, groups]. */
static cfi_node *block_mask(cfi_build *b, const block_sizes *s, cfi_node *q, cfi_node *index, uint64_t cells)
{
    cfi_net  *n      = b->net;
    uint64_t  rows   = s->groups * s->tokens;
    cfi_node *bias   = rows_of(b, b->slot[SLOT_BLOCK_BIAS], 1, s->tokens);
    cfi_node *map    = cfi_view_1d(n, b->slot[SLOT_CELL_BLOCKS], cells);
    cfi_node *causal = b->slot[SLOT_MASK_FLOAT];
    cfi_node *chosen = cfi_top_k(n, cfi_add(n, block_scores(b, s, q, index), bias), s->best);
    cfi_node *zero   = cfi_op_same(n, CFI_OP_SCALE, cfi_cast(n, chosen, CFI_QUANT_F32));
    cfi_node *x      = cfi_cast(n, cfi_op_same(n, CFI_OP_SCALE, bias), CFI_QUANT_F16);

    x = cfi_repeat_4d(n, x, s->blocks, s->groups, s->tokens, 1);
    x = cfi_set_rows(n, cfi_reshape_3d(n, x, 1, s->blocks, rows), cfi_reshape_3d(n, zero, 1, s->best, rows),
                     cfi_reshape_2d(n, chosen, s->best, rows));
    x = cfi_cont(n, cfi_permute(n, cfi_reshape_3d(n, x, s->blocks, s->groups, s->tokens), 0, 2, 1, 3));
    x = cfi_cont(n, cfi_transpose(n, cfi_reshape_2d(n, x, s->blocks, rows)));
    x = cfi_cont(n, cfi_transpose(n, cfi_get_rows(n, x, map)));
    x = cfi_reshape_3d(n, x, cells, s->tokens, s->groups);
    x = add_over(b, x, cfi_view_3d(n, causal, cells, s->tokens, 1, causal->nb[1], causal->nb[3]));
    return cfi_cast(n, cfi_reshape_4d(n, x, cells, s->tokens, 1, s->groups), CFI_QUANT_F16);
}

static cfi_node *one_stream(cfi_build *b, cfi_node *cache)
{
    cache = cfi_view_4d(b->net, cache, cache->ne[0], cache->ne[1], cache->ne[2], 1, cache->nb[1], cache->nb[2], cache->nb[3]);
    return cfi_permute(b->net, cache, 0, 3, 1, 2);
}

static cfi_node *attend_masked(cfi_build *b, const block_sizes *s, cfi_node *q, cfi_node *index, cfi_node *k, cfi_node *v)
{
    cfi_node *all = NULL;

    for (uint64_t i = 0; i < s->streams; i++) {
        cfi_node *mask = block_mask(b, s, q, index, k->ne[2]);
        cfi_node *x    = grouped_attention(b, rows_of(b, b->q, b->layer->heads, s->tokens), one_stream(b, k), one_stream(b, v), mask,
                                           b->layer->heads / s->groups);

        all = all != NULL ? cfi_concat(b->net, all, x, 1) : x;
    }
    return all;
}

/* ---- the step ---- */
static cfi_node *indexed(cfi_build *b, cfi_node *x, cfi_weight matrix, cfi_weight norm, uint64_t size, uint64_t heads)
{
    x = cfi_reshape_3d(b->net, cfi_block_linear(b, x, matrix), size, heads, b->tokens);
    x = cfi_block_norm(b, x, cfi_weight_here(b, norm), NULL, CFI_OP_RMS_NORM, true);
    return cfi_rope(b->net, x, cfi_input_positions(b), NULL);
}

static cfi_node *attend_blocks(cfi_build *b, const block_sizes *s, cfi_cache_inputs *in)
{
    cfi_node *cache   = cfi_indexer_cache_node(b, b->index);
    cfi_node *cache_k = cfi_cache_node(b, b->index, false);
    cfi_node *cache_v = cfi_cache_node(b, b->index, true);
    cfi_node *q       = indexed(b, b->x, CFI_W_INDEXER_Q_PROJ, CFI_W_INDEXER_Q_NORM, s->size, s->groups);
    cfi_node *k       = indexed(b, b->x, CFI_W_INDEXER_K_PROJ, CFI_W_INDEXER_K_NORM, s->size, 1);
    cfi_node *x;

    cfi_block_store_k(b, cache, k, b->slot[SLOT_BLOCK_ROWS]);
    b->q = cfi_block_rotated(b, b->q, in->k_rotation);
    b->k = cfi_block_rotated(b, b->k, in->k_rotation);
    b->v = cfi_block_rotated(b, b->v, in->v_rotation);
    cfi_net_expand(b->net, b->q);
    cfi_net_expand(b->net, b->k);
    cfi_net_expand(b->net, b->v);
    cfi_block_store_k(b, cache_k, b->k, in->k_rows);
    cfi_block_store_v(b, cache_v, b->v, in->v_rows);
    cache   = cfi_block_load_k(b, cache, 1);
    cache_k = cfi_block_load_k(b, cache_k, b->layer->kv_heads);
    cache_v = cfi_block_load_v(b, cache_v, b->layer->kv_heads, b->layer->value_size);
    x       = s->tokens == 1 ? attend_gathered(b, s, q, cache, cache_k, cache_v) : attend_masked(b, s, q, cache, cache_k, cache_v);
    return cfi_block_rotated(b, x, in->v_rotation);
}

void cfi_step_attend_blocks(cfi_build *b, uint32_t arg)
{
    cfi_cache_inputs *in = cfi_input_cache(b, false);
    block_sizes       s  = {0};

    if (!blocks_used(b) || !cfi_has_weight(b, CFI_W_INDEXER_Q_PROJ)) {
        cfi_step_attend(b, arg);
        return;
    }
    if (!read_sizes(b, in->mask, &s)) {
        b->x = cfi_missing(b->net);
        return;
    }
    make_block_inputs(b, &s, in->mask);
    b->x = cfi_block_linear(b, attend_blocks(b, &s, in), CFI_W_ATTN_OUTPUT);
}
