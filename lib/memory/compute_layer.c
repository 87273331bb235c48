/* What is alive at the worst moment of a layer: docs/compute-bound.md. */
#include "compute_internal.h"

static uint64_t query_bytes(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    return cfi_bound_tokens(graph, (uint64_t)layer->heads * layer->key_size);
}

static uint64_t result_bytes(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    return cfi_bound_tokens(graph, (uint64_t)layer->heads * layer->value_size);
}

static uint64_t layer_cells(const cfi_bound *graph, const ctxfit_layer_info *layer)
{
    if (graph->model->arch->flags & CFI_ARCH_NO_CACHE)
        return graph->tokens;
    return cfi_engine_layer_windowed(layer) ? graph->run->swa_cells : graph->run->kv_cells;
}

static bool is_quantized(ctxfit_quant quant)
{
    const cfi_quant_format *format = cfi_quant_format_of(quant);

    return format == NULL || format->block_elems > 1;
}

static uint64_t row_bytes(cfi_bound *graph, ctxfit_quant quant, uint64_t elems, uint64_t rows)
{
    const cfi_quant_format *format = cfi_quant_format_of(quant);

    if (format == NULL)
        return cfi_bound_bytes(graph, elems, rows, 4);
    return cfi_bound_bytes(graph, elems / format->block_elems * format->block_bytes, rows, 1);
}

uint64_t cfi_bound_cache(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    const cfi_run *run = graph->run;
    uint64_t       rows = cfi_bound_mul(graph, layer_cells(graph, layer), run->streams);
    uint64_t       values = run->flash || layer->cache_v_elems == 0 ? layer->cache_v_elems : graph->model->max_cache_v;

    return cfi_bound_add(graph, row_bytes(graph, run->type_k, layer->cache_k_elems, rows),
                         row_bytes(graph, run->type_v, values, rows));
}

/* What brought weights add to `parts` inner tensors of `one` byte each, of which `earlier` are there when the last weights come. */
static uint64_t with_weights(cfi_bound *graph, const uint64_t parts, uint64_t earlier, const cfi_bound_weights *weights, int kind)
{
    if (weights == NULL)
        return parts;
    earlier = cfi_bound_add(graph, earlier, weights->hole[kind]);
    return cfi_bound_add(graph, cfi_max_u64(parts, earlier), weights->largest[kind]);
}

/* Gate, up and their product: nothing is done in place. Without a gate the activation is, and the result needs room. */
static uint64_t feed_forward(cfi_bound *graph, const ctxfit_layer_info *layer, const cfi_bound_weights *weights)
{
    uint64_t one = cfi_bound_tokens(graph, layer->ff_width);
    uint64_t result = cfi_bound_mul(graph, 2, graph->hidden);

    if (layer->ff_width == 0)
        return 0;
    if (layer->feed_forward == CTXFIT_FF_PLAIN)
        return with_weights(graph, cfi_bound_add(graph, one, result), cfi_bound_add(graph, one, result), weights, 0);
    return with_weights(graph, cfi_bound_mul(graph, 3, one), cfi_bound_mul(graph, 2, one), weights, 0);
}

/* The same for the experts that a token uses; the result of every one of them goes where gate and up were, if it fits. Scores,
 * probabilities, their order and the choice are small beside that. Shared experts and dense parts keep their input. */
static uint64_t experts(cfi_bound *graph, const ctxfit_layer_info *layer, const cfi_bound_weights *weights)
{
    uint64_t one = cfi_bound_tokens(graph, (uint64_t)layer->expert_width * layer->experts_used);
    uint64_t down = cfi_bound_tokens(graph, (uint64_t)graph->model->info.embedding * layer->experts_used);
    uint64_t shared = cfi_bound_mul(graph, 3, cfi_bound_tokens(graph, layer->shared_width));
    uint64_t inner = cfi_bound_mul(graph, 3, one);
    uint64_t total;

    if (layer->experts == 0)
        return 0;
    if (down / 2 >= one)
        inner = cfi_bound_add(graph, inner, down);
    total = with_weights(graph, inner, cfi_bound_add(graph, one, cfi_max_u64(one, down)), weights, 1);
    total = cfi_bound_add(graph, cfi_max_u64(total, shared), cfi_bound_mul(graph, 4, cfi_bound_tokens(graph, layer->experts)));
    return layer->shared_width != 0 || layer->ff_width != 0 ? cfi_bound_add(graph, total, graph->hidden) : total;
}

/* Copies in F16 of what the kernel does not read as it is: of F32 everywhere (a cast in the graph), of other types on CUDA
 * (ggml-cuda/fattn-common.cuh, inside the result's allocation). */
static uint64_t flash_copy(cfi_bound *graph, ctxfit_quant quant, uint64_t elems, uint64_t rows)
{
    if (quant != CTXFIT_QUANT_F32 && (!graph->cuda || quant == CTXFIT_QUANT_F16))
        return 0;
    return cfi_bound_bytes(graph, elems, rows, 2);
}

#define INDEXER_TOKENS 4096u /* that an indexer chooses at most: 16 or 32 blocks of 128 */

/* Masks that an indexer's choice is made into: two in F16, or four halves without flash attention. MiniMax-M3 makes them in F32 for
 * each group of heads, transposed on the way (src/models/minimax-m3.cpp). */
static uint64_t sparse_masks(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    uint64_t mask = cfi_bound_bytes(graph, layer_cells(graph, layer), graph->tokens, 2);

    if (graph->model->arch->flags & CFI_ARCH_INDEXER_VALUES) {
        /* one token a sequence: the chosen K and V themselves, in F32 and then F16 */
        uint64_t chosen = cfi_bound_mul(graph, cfi_min_u64(layer_cells(graph, layer), INDEXER_TOKENS), graph->run->n_seq);
        uint64_t rows = cfi_bound_bytes(graph, (uint64_t)layer->cache_k_elems + layer->cache_v_elems, chosen, 6);

        return cfi_bound_add(graph, rows, cfi_bound_mul(graph, mask, 6 + 5 * (uint64_t)layer->indexer_heads));
    }
    return layer->indexer_size != 0 ? cfi_bound_mul(graph, mask, graph->run->flash ? 3 : 4) : 0;
}

/* The copies, or the matrix of scores in F32 without flash attention (and V of latent attention made contiguous). */
static uint64_t attention_products(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    const cfi_run *run = graph->run;
    uint64_t       cells = layer_cells(graph, layer);
    uint64_t       rows = cfi_bound_mul(graph, cells, run->streams);
    uint64_t       values = layer->cache_v_elems;

    if (!run->flash)
        return cfi_bound_add(graph, cfi_bound_tokens(graph, cfi_bound_mul(graph, layer->heads, cells)),
                             cfi_bound_bytes(graph, layer->kv_rank, rows, 2));
    if (!cfi_engine_flash_possible(graph->backend, layer, run->type_k, run->type_v)) /* it runs on the host */
        return 0;
    if (layer->attention == CTXFIT_ATTENTION_LATENT && run->type_k == CTXFIT_QUANT_F32) /* V is a part of K, and cast too */
        values = layer->kv_rank;
    return cfi_bound_add(graph, flash_copy(graph, run->type_k, layer->cache_k_elems, rows),
                         flash_copy(graph, run->type_v, values, rows));
}

static uint64_t attention_matrix(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    return cfi_bound_add(graph, sparse_masks(graph, layer), attention_products(graph, layer));
}

/* The query absorbed into the compressed space, and put together with its rotated part. */
static uint64_t latent_attention(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    uint64_t       width = (uint64_t)layer->kv_rank + layer->rope_size;
    const uint64_t part[] = {
        cfi_bound_mul(graph, 2, graph->hidden),
        cfi_bound_tokens(graph, layer->q_rank),
        cfi_bound_mul(graph, 2, cfi_bound_tokens(graph, cfi_bound_mul(graph, layer->heads, width))),
        attention_matrix(graph, layer),
        graph->run->type_k == CTXFIT_QUANT_F16 ? 0 : cfi_bound_tokens(graph, (uint64_t)layer->heads * layer->kv_rank),
    };

    return cfi_bound_sum(graph, part, CFI_COUNT(part));
}

static uint64_t attention(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    uint64_t query = cfi_max_u64(query_bytes(graph, layer), result_bytes(graph, layer));
    uint64_t kv = cfi_bound_tokens(graph, (uint64_t)layer->kv_heads * ((uint64_t)layer->key_size + layer->value_size));

    if (layer->attention == CTXFIT_ATTENTION_NONE)
        return 0;
    if (layer->attention == CTXFIT_ATTENTION_LATENT)
        return latent_attention(graph, layer);
    if (graph->flags & CFI_BOUND_GATED_QUERY)
        query = cfi_bound_mul(graph, 3, query);
    if (is_quantized(graph->run->type_k) || is_quantized(graph->run->type_v)) /* rotated copies of K and V */
        kv = cfi_bound_mul(graph, 2, kv);
    return cfi_bound_add(graph, cfi_bound_add(graph, query, kv), attention_matrix(graph, layer));
}

/* Tensors as wide as the state's inner width, and those of its groups, that live at once. */
typedef struct state_width {
    uint32_t inner;
    uint32_t groups;
} state_width;

static state_width state_widths(uint32_t kind)
{
    switch (kind) {
    case CTXFIT_STATE_MAMBA: return (state_width){6, 4};
    case CTXFIT_STATE_MAMBA2: return (state_width){6, 3};
    case CTXFIT_STATE_DELTA_NET: return (state_width){6, 3};
    case CTXFIT_STATE_KDA: return (state_width){18, 0};
    case CTXFIT_STATE_SHORT_CONV: return (state_width){6, 0};
    case CTXFIT_STATE_RWKV: return (state_width){12, 0};
    default: return (state_width){0, 0};
    }
}

static uint64_t state(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    state_width    width = state_widths(layer->state);
    uint64_t       groups = 2 * (uint64_t)cfi_max_u64(layer->state_groups, 1) * layer->state_size;
    const uint64_t part[] = {
        cfi_bound_mul(graph, width.inner, cfi_bound_tokens(graph, layer->state_inner)),
        cfi_bound_mul(graph, width.groups, cfi_bound_tokens(graph, groups)),
        cfi_bound_mul(graph, 3, cfi_bound_tokens(graph, layer->state_heads)),
        cfi_bound_mul(graph, 2, cfi_bound_bytes(graph, layer->conv_state_elems, graph->run->n_seq, 4)),
        cfi_bound_mul(graph, 2, cfi_bound_bytes(graph, layer->recurrent_elems, graph->run->n_seq, 4)),
    };

    return layer->state == CTXFIT_STATE_NONE ? 0 : cfi_bound_sum(graph, part, CFI_COUNT(part));
}

uint64_t cfi_bound_attended(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    uint64_t heads = cfi_bound_mul(graph, layer->heads, (uint64_t)layer->key_size + layer->value_size);
    uint64_t kv = cfi_bound_mul(graph, layer->kv_heads, (uint64_t)layer->key_size + layer->value_size);

    if (layer->attention == CTXFIT_ATTENTION_NONE)
        return 0;
    if (layer->attention == CTXFIT_ATTENTION_LATENT)
        heads = cfi_bound_mul(graph, layer->heads, 2 * (uint64_t)layer->kv_rank + layer->rope_size);
    heads = cfi_bound_add(graph, cfi_bound_tokens(graph, cfi_bound_add(graph, heads, kv)), graph->hidden);
    return cfi_bound_add(graph, heads, sparse_masks(graph, layer));
}

uint64_t cfi_bound_expert_results(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    uint64_t width = (uint64_t)graph->model->info.embedding + 2 * (uint64_t)layer->expert_width;

    return cfi_bound_tokens(graph, cfi_bound_mul(graph, layer->experts_used, width));
}

uint64_t cfi_bound_state_input(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    return cfi_bound_mul(graph, 3, cfi_bound_tokens(graph, layer->state_inner));
}

#define ENCODER_ROWS 1024u

/* Hidden states and queries that are alive, or holes that nothing fits into, in every part of a layer. */
static uint64_t layer_base(cfi_bound *graph, const ctxfit_layer_info *layer, uint64_t query)
{
    uint64_t total = cfi_bound_add(graph, cfi_bound_mul(graph, graph->kept, graph->hidden), query);

    if (graph->flags & CFI_BOUND_ENCODER) /* measured with 0.7.0: there whatever the batch */
        total = cfi_bound_add(graph, total, cfi_bound_add(graph, cfi_bound_bytes(graph, query, ENCODER_ROWS, 1) / graph->tokens,
                                                          cfi_bound_mul(graph, 6, query)));
    if (graph->host) /* inputs lie below, and leave other holes than copies do */
        total = cfi_bound_add(graph, total, cfi_bound_tokens(graph, (uint64_t)layer->kv_heads * layer->key_size) / 2);
    if (layer->experts != 0 && (!graph->run->flash || query < graph->hidden)) /* holes are cut by what an expert layer keeps */
        total = cfi_bound_add(graph, total, graph->hidden);
    if (query < graph->hidden && (!graph->run->flash || is_quantized(graph->run->type_k))) /* it does not fit where a query was */
        total = cfi_bound_add(graph, total, graph->hidden);
    if (query < graph->hidden || is_quantized(graph->run->type_k)) /* nor does that of the last layer */
        total = cfi_bound_add(graph, total, cfi_bound_bytes(graph, graph->model->info.embedding, graph->outputs, sizeof(float)));
    if (graph->mixed && (query != graph->hidden || !graph->run->flash))
        total = cfi_bound_add(graph, total, graph->hidden);
    return total;
}

uint64_t cfi_bound_layer(cfi_bound *graph, const ctxfit_layer_info *layer, const cfi_bound_weights *weights)
{
    uint64_t query = cfi_max_u64(query_bytes(graph, layer), result_bytes(graph, layer));
    uint64_t mixer = cfi_bound_add(graph, attention(graph, layer), state(graph, layer));
    uint64_t feed = cfi_bound_add(graph, feed_forward(graph, layer, weights), experts(graph, layer, weights));

    if (weights != NULL) { /* K and V of its cache come along, and are used one after the other */
        mixer = cfi_bound_add(graph, mixer, weights->largest[0]);
        mixer = cfi_bound_add(graph, mixer, cfi_bound_mul(graph, 3, cfi_bound_cache(graph, layer)) / 2);
    }
    /* what attention leaves alive, or as a hole that the feed-forward part does not fit into */
    if (graph->flags & CFI_BOUND_PARALLEL)
        feed = cfi_bound_add(graph, feed, cfi_bound_mul(graph, 3, query));
    if (layer->attention == CTXFIT_ATTENTION_LATENT)
        feed = cfi_bound_add(graph, feed, cfi_bound_mul(graph, 2, graph->hidden));
    if (graph->run->flash && ((graph->flags & CFI_BOUND_PARALLEL) || !is_quantized(graph->run->type_k)))
        feed = cfi_bound_add(graph, feed, attention_matrix(graph, layer));
    return cfi_bound_add(graph, layer_base(graph, layer, query), cfi_max_u64(mixer, feed));
}

uint64_t cfi_bound_layer_low(cfi_bound *graph, const ctxfit_layer_info *layer)
{
    bool     gated = layer->feed_forward == CTXFIT_FF_GATED ||
                 (layer->feed_forward == CTXFIT_FF_MOE && (layer->flags & CTXFIT_LAYER_F_PLAIN_EXPERTS) == 0);
    uint64_t width = layer->experts != 0 ? (uint64_t)layer->expert_width * layer->experts_used : layer->ff_width;
    uint64_t feed = cfi_bound_mul(graph, gated ? 3 : 1, cfi_bound_tokens(graph, width));

    if (layer->attention == CTXFIT_ATTENTION_NONE || !graph->run->kv_offload)
        return feed;
    return cfi_max_u64(feed, attention_products(graph, layer));
}
