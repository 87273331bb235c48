/* The compute buffer: what the graph of one micro-batch keeps in memory at its worst moment. Internal to lib/memory/compute*.c. */
#ifndef CFI_COMPUTE_INTERNAL_H
#define CFI_COMPUTE_INTERNAL_H

#include "memory_internal.h"

enum {
    CFI_BOUND_PARALLEL    = 1u << 0, /* feed-forward beside attention: both results wait for the sum */
    CFI_BOUND_GATED_QUERY = 1u << 1, /* queries carry a gate as wide as they are */
    CFI_BOUND_PLAIN       = 1u << 2, /* the usual layer and nothing else: where logits land is known */
    CFI_BOUND_LOW_LOGITS  = 1u << 3, /* logits land close above the inputs, though layers keep states */
    CFI_BOUND_ENCODER     = 1u << 4, /* attends in both directions */
    CFI_BOUND_UNKNOWN     = 1u << 5  /* an architecture without rules */
};

/* Weights of the host that a layer's operations bring to the device, tensor by tensor. */
typedef struct cfi_bound_weights {
    uint64_t largest[2]; /* [0] all but routed experts, [1] routed experts */
    uint64_t hole[2];    /* that an earlier one may have left beside it */
} cfi_bound_weights;

/* One buffer's view of the worst prompt graph. A size beyond 64 bits sets `overflow` and counts as 0. */
typedef struct cfi_bound {
    const ctxfit_model *model;
    const cfi_run      *run;
    uint64_t            tokens;    /* of the graph */
    uint64_t            outputs;   /* rows of logits */
    uint64_t            alignment; /* of tensors in this buffer */
    uint64_t            hidden;    /* bytes of one hidden state of all tokens */
    uint64_t            kept;      /* hidden states alive throughout a layer */
    uint32_t            flags;     /* CFI_BOUND_* */
    uint32_t            backend;   /* CTXFIT_BACKEND_* */
    uint64_t            crossing;  /* bytes that go to attention on the host and come back */
    bool                mixed;     /* the graph prepares batches of tokens and embedding rows */
    bool                cuda;      /* kernels of CUDA */
    bool                host;      /* the buffer of the host */
    bool                overflow;
} cfi_bound;

/* ---- sizes ---- */
static inline uint64_t cfi_bound_add(cfi_bound *graph, uint64_t a, uint64_t b)
{
    uint64_t sum = 0;

    if (!cfi_add_u64(a, b, &sum))
        graph->overflow = true;
    return sum;
}

static inline uint64_t cfi_bound_mul(cfi_bound *graph, uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    if ((a | b) <= UINT32_MAX) /* spares the division of the check */
        return a * b;
    if (!cfi_mul_u64(a, b, &product))
        graph->overflow = true;
    return product;
}

static inline uint64_t cfi_bound_sum(cfi_bound *graph, const uint64_t *part, size_t count)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++)
        total = cfi_bound_add(graph, total, part[i]);
    return total;
}

/* `rows` rows of `elems` elements of `size` bytes, padded; alignments are powers of two. */
static inline uint64_t cfi_bound_bytes(cfi_bound *graph, uint64_t elems, uint64_t rows, uint64_t size)
{
    uint64_t bytes = cfi_bound_mul(graph, cfi_bound_mul(graph, elems, rows), size);

    return cfi_bound_add(graph, bytes, graph->alignment - 1) & ~(graph->alignment - 1);
}

/* The same in F32 for every token. */
static inline uint64_t cfi_bound_tokens(cfi_bound *graph, uint64_t elems)
{
    return cfi_bound_bytes(graph, elems, graph->tokens, sizeof(float));
}

/* What all buffers share; then the view of one. */
void cfi_bound_init(cfi_bound *graph, const ctxfit_model *model, const cfi_run *run);
void cfi_bound_enter(cfi_bound *graph, uint32_t backend, bool host);

/* ---- compute_inputs.c ---- */
/* Masks, positions, cache rows, output ids: what layers read. */
uint64_t cfi_bound_inputs(cfi_bound *graph);
/* Embeddings: `rows` as they enter, what a mixed batch adds, per-layer embeddings, learned positions. */
uint64_t cfi_bound_input_rows(cfi_bound *graph);
uint64_t cfi_bound_per_layer_rows(cfi_bound *graph);
uint64_t cfi_bound_position_rows(cfi_bound *graph);

/* ---- compute_layer.c ---- */
/* Everything that is alive at the worst moment of a layer, the inputs above left out; weights may be NULL: they are here. */
uint64_t cfi_bound_layer(cfi_bound *graph, const ctxfit_layer_info *layer, const cfi_bound_weights *weights);
/* The part of it that no placement avoids: inner tensors of the feed-forward part, or what attention makes beside its result. */
uint64_t cfi_bound_layer_low(cfi_bound *graph, const ctxfit_layer_info *layer);
/* Query, key, value and result of a layer's attention. */
uint64_t cfi_bound_attended(cfi_bound *graph, const ctxfit_layer_info *layer);
/* What all used experts of a layer return, and two of their inner tensors. */
uint64_t cfi_bound_expert_results(cfi_bound *graph, const ctxfit_layer_info *layer);
/* A recurrent layer's projections. */
uint64_t cfi_bound_state_input(cfi_bound *graph, const ctxfit_layer_info *layer);
/* A layer's K and V as they are cached, for when they are copied to where attention runs. */
uint64_t cfi_bound_cache(cfi_bound *graph, const ctxfit_layer_info *layer);

#endif
