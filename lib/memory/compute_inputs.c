/* Inputs of the graph: llama.cpp b10472 src/llama-graph.cpp, build_inp_* and build_attn_inp_*. */
#include "compute_internal.h"

/* A quantized cache is rotated: a square as wide as the largest power of two from 64 on that divides the head
 * (src/llama-kv-cache.cpp:1421). */
static uint64_t rotation(cfi_bound *graph, uint32_t head, ctxfit_quant quant)
{
    const cfi_quant_format *format = cfi_quant_format_of(quant);
    uint64_t                side = 64;

    if (format == NULL || format->block_elems == 1)
        return 0;
    while (head != 0 && head % (2 * side) == 0)
        side *= 2;
    return cfi_bound_bytes(graph, side, side, sizeof(float));
}

/* Of one cache: the mask, the rows that K and V go to (V element by element when it is kept transposed), rotations. */
static uint64_t cache_inputs(cfi_bound *graph, uint64_t cells, uint32_t head)
{
    const cfi_run *run = graph->run;
    const uint64_t part[] = {
        cfi_bound_bytes(graph, cells, graph->tokens, !run->flash ? 4 : cfi_engine_changed(run->build, CFI_CHANGE_MASK_HALF) ? 2 : 6),
        cfi_bound_bytes(graph, 1, graph->tokens, 8),
        cfi_bound_bytes(graph, run->flash ? 1 : cfi_max_u64(graph->model->max_cache_v, 1), graph->tokens, 8),
        rotation(graph, head, run->type_k),
        rotation(graph, 0, run->type_v),
    };

    return cfi_bound_sum(graph, part, CFI_COUNT(part));
}

uint64_t cfi_bound_inputs(cfi_bound *graph)
{
    const cfi_model_extent *extent = &graph->model->extent;
    const cfi_run          *run = graph->run;
    const bool              cached = (graph->model->arch->flags & CFI_ARCH_NO_CACHE) == 0;
    uint64_t                total = cfi_bound_bytes(graph, 4, graph->tokens, 4); /* positions, four of them for M-RoPE */

    total = cfi_bound_add(graph, total, cfi_bound_bytes(graph, 1, graph->outputs, 4));
    total = cfi_bound_add(graph, total, cfi_bound_bytes(graph, 2, run->n_seq, 4)); /* rows of states */
    if (extent->full_layers != 0)
        total = cfi_bound_add(graph, total, cache_inputs(graph, cached ? run->kv_cells : graph->tokens, extent->full_head));
    if (extent->window_layers != 0)
        total = cfi_bound_add(graph, total, cache_inputs(graph, cached ? run->swa_cells : graph->tokens, extent->window_head));
    if (extent->indexer_layers != 0) {
        total = cfi_bound_add(graph, total, cache_inputs(graph, run->kv_cells, extent->indexer_size));
        total = cfi_bound_add(graph, total, rotation(graph, extent->indexer_size, CTXFIT_QUANT_Q8_0)); /* always rotated */
        if (graph->model->arch->flags & CFI_ARCH_INDEXER_VALUES) /* by position, F32 */
            total = cfi_bound_add(graph, total, cfi_bound_bytes(graph, 2 * cfi_max_u64(run->kv_cells, 256), graph->tokens, 4));
    }
    return total;
}

uint64_t cfi_bound_input_rows(cfi_bound *graph)
{
    return cfi_bound_tokens(graph, cfi_max_u64(graph->model->info.embedding_inputs, graph->model->info.embedding));
}

uint64_t cfi_bound_per_layer_rows(cfi_bound *graph)
{
    return cfi_bound_tokens(graph, cfi_bound_mul(graph, graph->model->info.per_layer_embedding, graph->model->info.layers));
}

uint64_t cfi_bound_position_rows(cfi_bound *graph)
{
    return graph->model->extent.position_rows != 0 ? graph->hidden : 0;
}
