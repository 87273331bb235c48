/* The compute buffer: what the graph of one micro-batch keeps in memory at its worst moment. Internal to lib/memory/compute*.c. */
#ifndef CFI_COMPUTE_INTERNAL_H
#define CFI_COMPUTE_INTERNAL_H

#include "memory_internal.h"

enum {
    CFI_GRAPH_PARALLEL    = 1u << 0, /* feed-forward beside attention: both results wait for the sum */
    CFI_GRAPH_GATED_QUERY = 1u << 1  /* queries carry a gate as wide as they are */
};

/* One buffer's view of the worst prompt graph. A size beyond 64 bits sets `overflow` and counts as 0. */
typedef struct cfi_graph {
    const ctxfit_model *model;
    const cfi_run      *run;
    uint64_t            tokens;    /* of the graph */
    uint64_t            outputs;   /* rows of logits */
    uint64_t            alignment; /* of tensors in this buffer */
    uint64_t            hidden;    /* bytes of one hidden state of all tokens */
    uint64_t            kept;      /* hidden states alive throughout a layer */
    uint32_t            flags;     /* CFI_GRAPH_* */
    bool                mixed;     /* the graph prepares batches of tokens and embedding rows */
    bool                cuda;      /* kernels of CUDA */
    bool                overflow;
} cfi_graph;

/* ---- sizes ---- */
uint64_t cfi_graph_add(cfi_graph *graph, uint64_t a, uint64_t b);
uint64_t cfi_graph_mul(cfi_graph *graph, uint64_t a, uint64_t b);
uint64_t cfi_graph_sum(cfi_graph *graph, const uint64_t *part, size_t count);
/* `rows` rows of `elems` elements of `size` bytes, padded. */
uint64_t cfi_graph_bytes(cfi_graph *graph, uint64_t elems, uint64_t rows, uint64_t size);
/* The same in F32 for every token. */
uint64_t cfi_graph_tokens(cfi_graph *graph, uint64_t elems);

void cfi_graph_init(cfi_graph *graph, const ctxfit_model *model, const cfi_run *run, uint32_t backend);

/* ---- compute_inputs.c ---- */
/* Masks, positions, cache rows, output ids: what layers read. */
uint64_t cfi_graph_inputs(cfi_graph *graph);
/* Embeddings: `rows` as they enter, what a mixed batch adds, per-layer embeddings, learned positions. */
uint64_t cfi_graph_input_rows(cfi_graph *graph);
uint64_t cfi_graph_per_layer_rows(cfi_graph *graph);
uint64_t cfi_graph_position_rows(cfi_graph *graph);

/* ---- compute_layer.c ---- */
/* Everything that is alive at the worst moment of a layer, the inputs above left out. */
uint64_t cfi_graph_layer(cfi_graph *graph, const ctxfit_layer_info *layer);
/* Query, key, value and result of a layer's attention. */
uint64_t cfi_graph_attended(cfi_graph *graph, const ctxfit_layer_info *layer);
/* What all used experts of a layer return, and two of their inner tensors. */
uint64_t cfi_graph_expert_results(cfi_graph *graph, const ctxfit_layer_info *layer);
/* The projections of the widest state in the model. */
uint64_t cfi_graph_state_input(cfi_graph *graph);
/* A layer's K and V as they are cached, for when they are copied to where attention runs. */
uint64_t cfi_graph_cache(cfi_graph *graph, const ctxfit_layer_info *layer);

#endif
