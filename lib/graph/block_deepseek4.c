/* DeepSeek-V4: several streams of rows in place of one residual, and attention to a window and to entries that each stand for 4 or 128
 * tokens. Entries of 4 overlap, and an indexer chooses among them. Source: llama.cpp b10472 src/models/deepseek4.cpp; sizes of inputs
 * src/llama-kv-cache-dsv4.cpp:789, dsv4_build_reserve_comp_plan. The fused operations are taken to be there. */
#include "build.h"

#define STREAMS       4u /* the only number that the engine's graph takes */
#define RATIO_OVERLAP 4u
#define CELLS_PADDED  256u

/* Slots. */
enum {
    SLOT_RESIDUAL = 2,
    SLOT_POST,
    SLOT_COMBINE
};

/* Caches of a layer, behind K, V and the indexer's. */
enum {
    CACHE_ENTRIES = 3,
    CACHE_ROWS,
    CACHE_SCORES,
    CACHE_INDEX_ROWS,
    CACHE_INDEX_SCORES
};

/* What makes entries: of the overlapping kind, the other, and the indexer's. */
enum { KIND_OVERLAP = 0, KIND_LONG, KIND_INDEX, KINDS };

struct cfi_entry_inputs {
    cfi_node *positions, *keep_from, *keep_to, *read, *write, *write_positions;
    cfi_node *mask;
    cfi_node *rotation; /* NULL: none */
};

typedef struct cfi_entry_inputs entry_inputs;

typedef struct entry_kind {
    uint32_t   kind;
    uint64_t   ratio, overlap, size; /* of an entry */
    uint32_t   cache, rows, scores;  /* CACHE_* */
    cfi_weight kv, gate, ape, norm;
} entry_kind;

static entry_kind kind_of_entries(const cfi_build *b, bool index)
{
    uint64_t ratio   = b->layer->compress_ratio;
    uint64_t overlap = ratio == RATIO_OVERLAP ? 2 : 1;

    if (index)
        return (entry_kind){KIND_INDEX, ratio, overlap, b->layer->indexer_size, 2, CACHE_INDEX_ROWS, CACHE_INDEX_SCORES,
                            CFI_W_INDEXER_COMPRESSOR_KV, CFI_W_INDEXER_COMPRESSOR_GATE, CFI_W_INDEXER_COMPRESSOR_APE,
                            CFI_W_INDEXER_COMPRESSOR_NORM};
    return (entry_kind){overlap > 1 ? KIND_OVERLAP : KIND_LONG, ratio, overlap, b->layer->key_size, CACHE_ENTRIES, CACHE_ROWS,
                        CACHE_SCORES, CFI_W_ATTN_COMPRESSOR_KV, CFI_W_ATTN_COMPRESSOR_GATE, CFI_W_ATTN_COMPRESSOR_APE,
                        CFI_W_ATTN_COMPRESSOR_NORM};
}

/* ---- inputs and caches ---- */
static cfi_node *ids(cfi_build *b, uint32_t quant, uint64_t count) { return cfi_tensor_input(cfi_tensor_1d(b->net, quant, count)); }

static cfi_node *entry_rotation(cfi_build *b, const entry_kind *e)
{
    const cfi_node *of_window = cfi_input_cache(b, true)->k_rotation;
    uint64_t        size      = 64;

    if (e->kind != KIND_INDEX)
        return of_window != NULL ? cfi_tensor_input(cfi_tensor_2d(b->net, CFI_QUANT_F32, of_window->ne[0], of_window->ne[1])) : NULL;
    while (e->size % (size * 2) == 0)
        size *= 2;
    return cfi_tensor_input(cfi_tensor_2d(b->net, CFI_QUANT_F32, size, size));
}

static uint64_t cells_of(const cfi_build *b, const entry_kind *e)
{
    uint64_t cells = cfi_max_u64(1, (b->run->kv_cells + e->ratio - 1) / e->ratio);

    return (cells + CELLS_PADDED - 1) / CELLS_PADDED * CELLS_PADDED;
}

/* Entries that a batch may complete. */
static uint64_t entries_of(const cfi_build *b, const entry_kind *e)
{
    if (cfi_build_changed(b, CFI_CHANGE_ENTRIES_BY_SPLIT))
        return b->tokens / e->ratio + b->sequences;
    return b->sequences * ((b->tokens / b->sequences + e->ratio - 1) / e->ratio);
}

static entry_inputs *entry_inputs_of(cfi_build *b, const entry_kind *e)
{
    entry_inputs *in      = b->entries[e->kind];
    uint64_t      streams = b->run->streams > 1 ? b->sequences : 1;
    uint64_t      entries = entries_of(b, e);
    uint64_t      kept    = cfi_min_u64(b->tokens, e->overlap * e->ratio * b->run->n_seq);
    bool          half    = e->kind == KIND_INDEX || b->run->flash;

    if (in != NULL)
        return in;
    in = cfi_arena_array(&b->net->arena, 1, sizeof(*in));
    if (in == NULL) {
        b->net->no_memory = true;
        return NULL;
    }
    in->positions       = ids(b, CFI_QUANT_I32, b->tokens);
    in->keep_from       = ids(b, CFI_QUANT_I32, kept);
    in->keep_to         = ids(b, CFI_QUANT_I32, kept);
    in->read            = ids(b, CFI_QUANT_I32, e->overlap * e->ratio * entries);
    in->write           = ids(b, CFI_QUANT_I64, entries);
    in->write_positions = ids(b, CFI_QUANT_I32, entries);
    in->mask            = cfi_tensor_input(
        cfi_tensor_4d(b->net, half ? CFI_QUANT_F16 : CFI_QUANT_F32, cells_of(b, e), b->tokens / streams, 1, streams));
    in->rotation        = entry_rotation(b, e);
    b->entries[e->kind] = in;
    return in;
}

static cfi_node *entry_cache(cfi_build *b, const entry_kind *e)
{
    return cfi_layer_cache(b, e->cache, b->run->type_k, e->size, cells_of(b, e), b->run->streams);
}

/* All rows of the entries that are not complete yet. */
static cfi_node *open_rows(cfi_build *b, const entry_kind *e, uint32_t which)
{
    uint64_t  rows  = e->overlap * e->ratio;
    cfi_node *state = cfi_layer_cache(b, which, CTXFIT_QUANT_F32, e->overlap * e->size, rows, b->run->n_seq);

    return cfi_view_2d(b->net, state, state->ne[0], rows * b->run->n_seq, state->nb[1]);
}

/* ---- making entries ---- */
/* The last `rope` elements of each head are rotated. */
static cfi_node *tail_rotated(cfi_build *b, cfi_op op, cfi_node *x, cfi_node *positions)
{
    cfi_net  *n     = b->net;
    uint64_t  rope  = b->layer->rope_size;
    bool      whole = cfi_build_changed(b, CFI_CHANGE_ROPE_IN_PLACE);
    cfi_node *tail  = whole ? x : cfi_view_3d(n, x, rope, x->ne[1], x->ne[2], x->nb[1], x->nb[2]);
    cfi_node *y     = cfi_op_pair(n, op, tail, positions);

    return whole ? y : cfi_concat(n, cfi_view_3d(n, x, x->ne[0] - rope, x->ne[1], x->ne[2], x->nb[1], x->nb[2]), y, 0);
}

static cfi_node *with_empty_row(cfi_build *b, cfi_node *x)
{
    cfi_node *row = cfi_op_same(b->net, CFI_OP_SCALE, cfi_view_1d(b->net, x, x->ne[0]));

    return cfi_concat(b->net, x, cfi_reshape_2d(b->net, row, x->ne[0], 1), 1);
}

/* Half of each row, the first of the tokens before, the second of the tokens themselves. */
static cfi_node *half_rows(cfi_build *b, const entry_kind *e, cfi_node *rows)
{
    uint64_t  entries = rows->ne[1] / 2 / e->ratio;
    cfi_node *x       = cfi_cont(b->net, cfi_view_2d(b->net, rows, e->size, e->ratio * entries, rows->nb[1]));

    return cfi_reshape_3d(b->net, x, e->size, e->ratio, entries);
}

/* Rows that make entries, as [rows of an entry, size, entries]. */
static cfi_node *gathered_rows(cfi_build *b, const entry_kind *e, cfi_node *rows, cfi_node *read)
{
    cfi_net *n = b->net;

    if (e->overlap > 1) {
        rows = cfi_get_rows(n, with_empty_row(b, rows), read);
        rows = cfi_concat(n, half_rows(b, e, rows), half_rows(b, e, rows), 1);
    } else {
        rows = cfi_get_rows(n, rows, read);
        rows = cfi_reshape_3d(n, rows, e->size, e->ratio, rows->ne[1] / e->ratio);
    }
    return cfi_cont_swapped(n, rows);
}

/* The rows of the batch: behind those that are kept they make entries, and the last of them are kept. */
static void make_entries(cfi_build *b, const entry_kind *e, const entry_inputs *in)
{
    cfi_net  *n      = b->net;
    cfi_node *rows   = cfi_block_times(b, e->kv, b->x);
    cfi_node *scores = cfi_block_times(b, e->gate, b->x);
    cfi_node *all;
    cfi_node *x;

    scores = cfi_add(n, scores, cfi_get_rows(n, cfi_weight_here(b, e->ape), in->positions));
    all    = open_rows(b, e, e->rows);
    all    = cfi_view_2d(n, all, all->ne[0], all->ne[1], all->nb[1]);
    x      = gathered_rows(b, e, cfi_concat(n, all, rows, 1), in->read);
    all    = open_rows(b, e, e->scores);
    all    = cfi_view_2d(n, all, all->ne[0], all->ne[1], all->nb[1]);
    all    = gathered_rows(b, e, cfi_concat(n, all, scores, 1), in->read);
    x      = cfi_sum_rows(n, cfi_mul(n, x, cfi_soft_max(n, all, NULL, NULL)));
    x      = cfi_cont_swapped(n, x);
    x      = cfi_block_norm(b, x, cfi_weight_here(b, e->norm), NULL, CFI_OP_RMS_NORM, true);
    x      = cfi_block_rotated(b, tail_rotated(b, CFI_OP_ROPE, x, in->write_positions), in->rotation);
    cfi_block_store_k(b, entry_cache(b, e), x, in->write);
    rows   = cfi_get_rows(n, rows, in->keep_from);
    scores = cfi_get_rows(n, scores, in->keep_from);
    cfi_net_expand(n, cfi_set_rows(n, open_rows(b, e, e->rows), rows, in->keep_to));
    cfi_net_expand(n, cfi_set_rows(n, open_rows(b, e, e->scores), scores, in->keep_to));
}

/* ---- attention ---- */
static cfi_node *all_entries(cfi_build *b, const entry_kind *e)
{
    cfi_node *k = cfi_block_load_k(b, entry_cache(b, e), 1);

    return cfi_view_4d(b->net, k, k->ne[0], k->ne[1], k->ne[2], k->ne[3], k->nb[1], k->nb[2], k->nb[3]);
}

/* q: the compressed query. */
static cfi_node *chosen_entries(cfi_build *b, const entry_kind *e, const entry_inputs *in, cfi_node *q)
{
    cfi_net  *n       = b->net;
    uint64_t  top     = (uint64_t)cfi_build_fact(b, CFI_FACT_INDEXER_TOP_K, 0);
    uint64_t  streams = b->run->streams;
    cfi_node *k       = all_entries(b, e);
    cfi_node *w       = cfi_op_same(n, CFI_OP_SCALE, cfi_block_times(b, CFI_W_INDEXER_PROJ, b->x));
    cfi_node *x;

    q = cfi_block_times(b, CFI_W_INDEXER_ATTN_Q_B, q);
    q = cfi_reshape_3d(n, q, e->size, b->layer->indexer_heads, b->tokens);
    q = cfi_block_rotated(b, tail_rotated(b, CFI_OP_ROPE, q, cfi_input_positions(b)), in->rotation);
    q = cfi_view_4d(n, q, q->ne[0], q->ne[1], q->ne[2] / streams, streams, q->nb[1], q->nb[2], q->nb[3] / streams);
    w = cfi_view_4d(n, w, w->ne[0], w->ne[1] / streams, w->ne[2], streams, w->nb[1], w->nb[2] / streams, w->nb[3] / streams);
    x = cfi_op_new(n, CFI_OP_LIGHTNING_INDEXER, CFI_QUANT_F32, (const uint64_t[4]){k->ne[2], q->ne[2], 1, q->ne[3]});
    cfi_op_source(x, q);
    cfi_op_source(x, k);
    cfi_op_source(x, w);
    cfi_op_source(x, in->mask);
    return cfi_cont(n, cfi_top_k(n, x, cfi_min_u64(x->ne[0], top)));
}

/* `q_rank`: the compressed query. */
static cfi_node *attend_entries(cfi_build *b, cfi_node *q, cfi_node *kv, cfi_node *q_rank)
{
    cfi_net          *n     = b->net;
    cfi_cache_inputs *in    = cfi_input_cache(b, true);
    cfi_node         *sinks = cfi_weight_here(b, CFI_W_ATTN_SINKS);
    cfi_node         *cache = cfi_cache_node(b, b->index, false);
    cfi_node         *mask  = in->mask;
    cfi_node         *k;

    q  = cfi_block_rotated(b, q, in->k_rotation);
    kv = cfi_block_rotated(b, kv, in->k_rotation);
    cfi_net_expand(n, q);
    cfi_net_expand(n, kv);
    cfi_block_store_k(b, cache, kv, in->k_rows);
    k = cfi_block_load_k(b, cache, 1);
    if (b->layer->compress_ratio != 0) {
        entry_kind e = kind_of_entries(b, false);
        cfi_node  *m = entry_inputs_of(b, &e)->mask;

        k = cfi_concat(n, k, all_entries(b, &e), 2);
        if (e.overlap > 1) {
            entry_kind index = kind_of_entries(b, true);

            m = cfi_block_chosen_mask(b, m, chosen_entries(b, &index, entry_inputs_of(b, &index), q_rank),
                                      b->run->flash ? CFI_QUANT_F16 : CFI_QUANT_F32);
        }
        mask = cfi_concat(n, mask, m, 0);
    }
    return cfi_block_rotated(b, cfi_block_scores(b, q, k, k, NULL, mask, sinks, NULL), in->k_rotation);
}

static bool make_all_entries(cfi_build *b)
{
    for (uint32_t index = 0; index < 2 && b->layer->compress_ratio != 0; index++) {
        entry_kind    e  = kind_of_entries(b, index != 0);
        entry_inputs *in = index != 0 && e.overlap == 1 ? NULL : entry_inputs_of(b, &e);

        if (e.overlap == 1 && index != 0)
            break;
        if (in == NULL || e.size == 0)
            return false;
        make_entries(b, &e, in);
    }
    return true;
}

/* The heads' results go through one matrix per group of heads, then one for all. */
static cfi_node *grouped_output(cfi_build *b, cfi_node *x)
{
    cfi_net  *n      = b->net;
    uint64_t  groups = (uint64_t)cfi_build_fact(b, CFI_FACT_OUTPUT_GROUPS, 0);
    cfi_node *first  = cfi_weight_here(b, CFI_W_ATTN_OUTPUT_A);
    uint64_t  rank;

    if (first == NULL || groups == 0)
        return cfi_missing(n);
    rank = first->ne[1] * first->ne[2] / groups;
    first->ne[1] = rank;
    first->ne[2] = groups;
    first->nb[2] = first->nb[1] * rank;
    first->nb[3] = first->nb[2] * groups;
    x = cfi_reshape_3d(n, x, x->ne[0] * x->ne[1] / groups, groups, b->tokens);
    x = cfi_mul_mat(n, first, cfi_permute(n, x, 0, 2, 1, 3));
    x = cfi_cont_2d(n, cfi_permute(n, x, 0, 2, 1, 3), rank * groups, b->tokens);
    return cfi_block_times(b, CFI_W_ATTN_OUTPUT_B, x);
}

void cfi_step_attend_compressed(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net  *n    = b->net;
    cfi_node *rank = cfi_block_times(b, CFI_W_ATTN_Q_A, b->x);
    cfi_node *kv   = cfi_block_times(b, CFI_W_ATTN_KV, b->x);
    cfi_node *q;
    cfi_node *x;

    (void)arg;
    rank = cfi_block_norm(b, rank, cfi_weight_here(b, CFI_W_ATTN_Q_A_NORM), NULL, CFI_OP_RMS_NORM, true);
    q    = cfi_reshape_3d(n, cfi_block_times(b, CFI_W_ATTN_Q_B, rank), info->key_size, info->heads, b->tokens);
    q    = tail_rotated(b, CFI_OP_ROPE, cfi_op_same(n, CFI_OP_RMS_NORM, q), cfi_input_positions(b));
    kv   = cfi_block_norm(b, kv, cfi_weight_here(b, CFI_W_ATTN_KV_A_NORM), NULL, CFI_OP_RMS_NORM, true);
    kv   = tail_rotated(b, CFI_OP_ROPE, cfi_reshape_3d(n, kv, info->key_size, 1, b->tokens), cfi_input_positions(b));
    if (!make_all_entries(b)) {
        b->x = cfi_missing(n);
        return;
    }
    x    = cfi_reshape_3d(n, attend_entries(b, q, kv, rank), info->key_size, info->heads, b->tokens);
    b->x = grouped_output(b, tail_rotated(b, CFI_OP_ROPE_BACK, x, cfi_input_positions(b)));
}

/* ---- streams ---- */
/* All streams start from the same rows. */
void cfi_step_streams_open(cfi_build *b, uint32_t arg)
{
    (void)arg;
    cfi_net_expand(b->net, cfi_input_cache(b, true)->mask);
    b->x = cfi_reshape_3d(b->net, b->x, b->x->ne[0], 1, b->tokens);
    b->x = cfi_repeat_4d(b->net, b->x, b->x->ne[0], STREAMS, b->tokens, 1);
}

/* x: [rows, streams, tokens]. */
static cfi_node *stream_mixes(cfi_build *b, cfi_node *x, cfi_node *weight)
{
    cfi_node *flat = cfi_reshape_2d(b->net, x, x->ne[0] * x->ne[1], x->ne[2]);

    return cfi_mul_mat(b->net, weight, cfi_op_same(b->net, CFI_OP_RMS_NORM, flat));
}

static cfi_node *activated(cfi_build *b, cfi_node *x, cfi_node *scale, cfi_node *base)
{
    x = cfi_add(b->net, cfi_mul(b->net, x, scale), base);
    return cfi_op_same(b->net, CFI_OP_SCALE, cfi_op_same(b->net, CFI_OP_UNARY, x));
}

static cfi_node *part_of_mixes(cfi_build *b, cfi_node *mixes, cfi_node *scale, cfi_node *base)
{
    cfi_net  *n = b->net;
    cfi_node *x = cfi_view_2d(n, mixes, STREAMS, mixes->ne[1], mixes->nb[1]);

    return activated(b, x, cfi_view_1d(n, scale, 1), cfi_view_1d(n, base, STREAMS));
}

/* x: one row of the streams; the weights for putting the result back are set aside. 0: before attention, 1: before the feed-forward. */
void cfi_step_streams_mix(cfi_build *b, uint32_t arg)
{
    cfi_net  *n     = b->net;
    cfi_node *x     = b->x;
    cfi_node *fn    = cfi_weight_here(b, arg == 0 ? CFI_W_HC_ATTN_FN : CFI_W_HC_FFN_FN);
    cfi_node *scale = cfi_weight_here(b, arg == 0 ? CFI_W_HC_ATTN_SCALE : CFI_W_HC_FFN_SCALE);
    cfi_node *base  = cfi_weight_here(b, arg == 0 ? CFI_W_HC_ATTN_BASE : CFI_W_HC_FFN_BASE);
    cfi_node *mixes = stream_mixes(b, x, fn);
    cfi_node *pre;
    cfi_node *combine;

    if (scale == NULL || base == NULL) {
        b->x = cfi_missing(n);
        return;
    }
    pre     = part_of_mixes(b, mixes, scale, base);
    combine = cfi_op_new(n, CFI_OP_DSV4_HC_COMB, CFI_QUANT_F32, (const uint64_t[4]){STREAMS, STREAMS, x->ne[2], 1});
    cfi_op_source(combine, mixes);
    cfi_op_source(combine, scale);
    cfi_op_source(combine, base);
    b->slot[SLOT_RESIDUAL] = x;
    b->slot[SLOT_POST]     = part_of_mixes(b, mixes, scale, base);
    b->slot[SLOT_COMBINE]  = combine;
    b->x = cfi_op_new(n, CFI_OP_DSV4_HC_PRE, CFI_QUANT_F32, (const uint64_t[4]){x->ne[0], x->ne[2], 1, 1});
    cfi_op_source(b->x, x);
    cfi_op_source(b->x, pre);
    if (arg == 0)
        return;
    cfi_net_expand(n, x);
    cfi_net_expand(n, b->slot[SLOT_POST]);
    cfi_net_expand(n, combine);
}

/* x: the streams with x added to each. 1: pinned as the end of the layer. */
void cfi_step_streams_join(cfi_build *b, uint32_t arg)
{
    cfi_node *residual = b->slot[SLOT_RESIDUAL];
    cfi_node *x        = cfi_op_new(b->net, CFI_OP_DSV4_HC_POST, CFI_QUANT_F32, residual->ne);

    if (arg != 0)
        cfi_block_pin(b, x);
    cfi_op_source(x, b->x);
    cfi_op_source(x, residual);
    cfi_op_source(x, b->slot[SLOT_POST]);
    cfi_op_source(x, b->slot[SLOT_COMBINE]);
    b->x = x;
}

/* x: of the output's rows, the weighed sum of the streams. */
void cfi_step_streams_close(cfi_build *b, uint32_t arg)
{
    cfi_net  *n     = b->net;
    uint64_t  width = b->x->ne[0];
    cfi_node *scale = cfi_weight_global(b, CFI_W_OUTPUT_HC_SCALE);
    cfi_node *base  = cfi_weight_global(b, CFI_W_OUTPUT_HC_BASE);
    cfi_node *x     = cfi_reshape_2d(n, b->x, width * STREAMS, b->tokens);
    cfi_node *sum   = NULL;
    cfi_node *by;

    (void)arg;
    if (scale == NULL || base == NULL) {
        b->x = cfi_missing(n);
        return;
    }
    x  = cfi_reshape_3d(n, cfi_get_rows(n, x, cfi_input_output_ids(b)), width, STREAMS, b->outputs);
    by = activated(b, stream_mixes(b, x, cfi_weight_global(b, CFI_W_OUTPUT_HC_FN)), scale, base);
    for (uint32_t i = 0; i < STREAMS; i++) {
        cfi_node *rows = cfi_view_2d(n, x, width, b->outputs, x->nb[2]);
        cfi_node *part = cfi_mul(n, rows, cfi_view_2d(n, by, 1, b->outputs, by->nb[1]));

        sum = sum != NULL ? cfi_add(n, sum, part) : part;
    }
    b->x = sum;
}

/* Experts of the first layers are chosen by the tokens alone. */
void cfi_step_moe_hashed(cfi_build *b, uint32_t arg)
{
    cfi_experts e = cfi_experts_usual(b, arg & 7, arg >> 3 & 7, arg >> 6);

    if (cfi_has_weight(b, CFI_W_FFN_GATE_TID2EID))
        e.selected = cfi_get_rows(b->net, cfi_weight_here(b, CFI_W_FFN_GATE_TID2EID), b->token_ids);
    b->x = cfi_block_experts(b, b->x, &e);
}
