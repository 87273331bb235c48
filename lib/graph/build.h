/* Building the graph of one micro-batch: an architecture's program (graphs.def) runs over these registers, a step (steps.def) at a
 * time. Internal to lib/graph. */
#ifndef CFI_BUILD_H
#define CFI_BUILD_H

#include "net.h"

/* What a cache hands to the graph: the rows to write, and who sees what. Made when a layer first asks. */
typedef struct cfi_cache_inputs {
    cfi_node *k_rows;
    cfi_node *v_rows;
    cfi_node *mask;
    cfi_node *k_rotation; /* NULL: the cache is not quantized */
    cfi_node *v_rotation;
    uint64_t  cells;      /* of one stream */
    bool      made;
} cfi_cache_inputs;

#define CFI_BUILD_SLOTS 16
#define CFI_CACHES_PER_LAYER 8 /* K, V, the indexer's keys; those of block_deepseek4.c */

typedef struct cfi_build {
    cfi_net             *net;
    const cfi_graph_setup *setup;
    const ctxfit_model  *model;
    const cfi_run       *run;
    uint32_t             flags;     /* of the architecture's row: CFI_PROGRAM_* */
    uint64_t             tokens;    /* of the micro-batch */
    uint64_t             sequences;
    uint64_t             outputs;   /* rows of logits */
    cfi_node           **weights;   /* nodes of the model's tensors, made when first asked for */
    cfi_node           **caches;    /* K, V and the indexer's keys of each layer */
    cfi_node           **states;    /* of convolution and recurrence of each layer */
    cfi_cache_inputs     full;      /* the cache of the whole context */
    cfi_cache_inputs     window;    /* of sliding and chunked layers */
    struct cfi_entry_inputs *entries[3]; /* of compressed caches: block_deepseek4.c */
    cfi_node            *token_ids; /* of the batch */
    cfi_node            *positions; /* inputs, made when first asked for */
    cfi_node            *output_ids;
    cfi_node            *query_scale;
    cfi_node            *embedded;  /* what the layers start from, before it is scaled */
    cfi_node            *state_ids; /* which states the sequences go on with */
    cfi_node            *state_main;/* the ids of the sequences in the batch, and of the others */
    cfi_node            *state_rest;
    /* the layer that is being built */
    const ctxfit_layer_info *layer;
    uint32_t             index;     /* of the layer; the number of layers before and behind them */
    bool                 first;
    bool                 last;      /* of the trunk */
    /* registers */
    cfi_node *x;                    /* what the next step works on */
    cfi_node *r;                    /* kept for a residual */
    cfi_node *q, *k, *v;
    cfi_node *slot[CFI_BUILD_SLOTS];/* for steps that need more; named in the file that uses them */
} cfi_build;

/* ---- weights: NULL where the model has none ---- */
cfi_node *cfi_build_tensor(cfi_build *b, uint32_t layer, cfi_weight_stack stack, cfi_weight name, cfi_weight_part part);
cfi_node *cfi_weight_here(cfi_build *b, cfi_weight name);  /* of this layer, or of no layer outside of layers */
cfi_node *cfi_bias_here(cfi_build *b, cfi_weight name);
cfi_node *cfi_scale_here(cfi_build *b, cfi_weight name);
cfi_node *cfi_weight_global(cfi_build *b, cfi_weight name);
bool      cfi_has_weight(cfi_build *b, cfi_weight name);

/* ---- facts ---- */
double cfi_build_fact(const cfi_build *b, cfi_fact fact, double otherwise);
bool   cfi_build_changed(const cfi_build *b, cfi_engine_change change);
bool   cfi_build_uncached(const cfi_build *b); /* attends to the batch itself */

/* ---- inputs ---- */
cfi_node *cfi_input_positions(cfi_build *b);
cfi_node *cfi_input_output_ids(cfi_build *b);
cfi_cache_inputs *cfi_input_cache(cfi_build *b, bool window);

/* ---- blocks that other blocks use; each returns its result and leaves the registers alone ---- */
/* `layer_op`: pinned to the layer's device. A norm without weights is only the operation. */
cfi_node *cfi_block_norm(cfi_build *b, cfi_node *x, cfi_node *weight, cfi_node *bias, cfi_op op, bool layer_op);
void      cfi_block_pin(cfi_build *b, cfi_node *node);
/* Products with what adapters add to them. y: weight times x; ids: of experts, or NULL. */
cfi_node *cfi_block_adapted(cfi_build *b, cfi_node *y, cfi_node *weight, cfi_node *x, cfi_node *ids);
cfi_node *cfi_block_product(cfi_build *b, cfi_node *weight, cfi_node *x);
cfi_node *cfi_block_times(cfi_build *b, cfi_weight name, cfi_node *x);
cfi_node *cfi_block_linear(cfi_build *b, cfi_node *x, cfi_weight name);             /* weight, scale */
cfi_node *cfi_block_linear_bias(cfi_build *b, cfi_node *x, cfi_weight name);        /* and bias */
cfi_node *cfi_block_scores(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *bias, cfi_node *mask, cfi_node *sinks,
                           cfi_node *decompress);                                   /* build_attn_mha */
/* Stores K and V in the layer's cache (NULL: reads only), attends to it. */
cfi_node *cfi_block_attention(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *bias, cfi_node *sinks);
cfi_node *cfi_cache_node(cfi_build *b, uint32_t layer, bool values);
cfi_node *cfi_indexer_cache_node(cfi_build *b, uint32_t layer);
cfi_node *cfi_block_cap_scores(cfi_build *b, cfi_node *x);
void      cfi_block_store_k(cfi_build *b, cfi_node *cache, cfi_node *k, cfi_node *rows);
void      cfi_block_store_v(cfi_build *b, cfi_node *cache, cfi_node *v, cfi_node *rows);
cfi_node *cfi_block_load_k(cfi_build *b, cfi_node *cache, uint64_t heads);                 /* [head size, heads, cells, streams] */
cfi_node *cfi_block_load_v(cfi_build *b, cfi_node *cache, uint64_t heads, uint64_t head);
cfi_node *cfi_block_rotated(cfi_build *b, cfi_node *x, cfi_node *by); /* NULL: x */
/* A cache of this layer: `which` below CFI_CACHES_PER_LAYER. */
cfi_node *cfi_layer_cache(cfi_build *b, uint32_t which, ctxfit_quant type, uint64_t width, uint64_t cells, uint64_t streams);
/* A mask that leaves only the chosen tokens; `quant` of the zeros that are written. */
cfi_node *cfi_block_chosen_mask(cfi_build *b, cfi_node *mask, cfi_node *chosen, uint32_t quant);
cfi_node *cfi_block_rope_factors(cfi_build *b);                                             /* NULL: none */
/* ---- states of constant size (block_state.c) ---- */
cfi_node *cfi_state_cache(cfi_build *b, bool recurrence);
uint64_t  cfi_state_kept(const cfi_build *b); /* columns that the convolution keeps */
cfi_node *cfi_state_open(cfi_build *b, cfi_node *cache);
void      cfi_state_used(cfi_build *b, cfi_node *cache, cfi_node *rows, cfi_node *result);
cfi_node *cfi_state_load(cfi_build *b, cfi_node *cache);
void      cfi_state_store(cfi_build *b, cfi_node *cache, cfi_node *state, bool by_row);
cfi_node *cfi_state_conv_input(cfi_build *b, cfi_node *kept, cfi_node *x);
cfi_node *cfi_state_conv_last(cfi_build *b, cfi_node *input);
/* ---- gated delta nets (block_delta_net.c) ---- */
cfi_node *cfi_block_unit_length(cfi_build *b, cfi_node *x);
cfi_node *cfi_block_gated_delta(cfi_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *gate, cfi_node *beta, cfi_node *state);
cfi_node *cfi_block_delta_output(cfi_build *b, cfi_node *result, const cfi_node *v);
cfi_node *cfi_block_delta_state(cfi_build *b, cfi_node *result, const cfi_node *v);
cfi_node *cfi_ssm_conv(cfi_net *net, cfi_node *input, cfi_node *kernel);

/* GELU_OR_GLU: GEGLU where the first matrix makes the gate too, else GELU. */
enum { CFI_ACT_SILU = 0, CFI_ACT_GELU, CFI_ACT_RELU, CFI_ACT_RELU_SQR, CFI_ACT_SWIGLU, CFI_ACT_GEGLU, CFI_ACT_OAI, CFI_ACT_GELU_OR_GLU };
cfi_node *cfi_block_ffn(cfi_build *b, cfi_node *x, cfi_weight up, cfi_weight gate, cfi_weight down, uint32_t act, bool parallel);

typedef struct cfi_experts {
    cfi_weight gate_inp, up, gate, down, gate_up, probs_bias;
    uint32_t   count, used;
    uint32_t   act;
    uint32_t   gating;      /* CFI_GATING_* */
    bool       norm;        /* weights of the chosen are made to add up to 1 */
    bool       scale;       /* and scaled */
    uint32_t   shared_by;   /* so many chosen ones are one expert of a smaller set; 0 */
    bool       by_sigmoid;  /* chosen by the logits' sigmoid whatever the gating */
    cfi_node  *logits;      /* given from elsewhere, or NULL */
    cfi_node  *selected;
} cfi_experts;

enum { CFI_GATING_NONE = 0, CFI_GATING_SOFTMAX, CFI_GATING_SIGMOID, CFI_GATING_SOFTMAX_WEIGHT, CFI_GATING_SQRT_SOFTPLUS };
/* Gating that the metadata state, or this without; weights as they state (and scaled), or only scaled. */
enum { CFI_GATING_STATED = 5, CFI_GATING_STATED_SOFTMAX, CFI_GATING_STATED_SIGMOID };
enum { CFI_UNNORMED = 0, CFI_NORMED, CFI_NORM_STATED, CFI_SCALE_STATED };
/* The usual names, CFI_ACT_*, CFI_GATING_*, CFI_NORM*. */
cfi_experts cfi_experts_usual(const cfi_build *b, uint32_t act, uint32_t gating, uint32_t norm);
cfi_node   *cfi_block_experts(cfi_build *b, cfi_node *x, const cfi_experts *experts);

/* ---- the graphs that a run reserves memory for ---- */
typedef struct cfi_batch {
    uint64_t tokens;
    uint64_t outputs;
    uint64_t sequences;
} cfi_batch;

enum { CFI_BATCH_PROMPT = 0, CFI_BATCH_TOKEN, CFI_BATCH_ONE_SEQUENCE, CFI_BATCHES };
/* False: a run of this model has no such graph. */
bool cfi_batch_of(const ctxfit_model *model, const cfi_run *run, uint32_t which, cfi_batch *out);

/* ---- prediction blocks (block_nextn.c): in front of a block's layer, and behind it ---- */
bool cfi_nextn_known(const ctxfit_model *model);
void cfi_nextn_open(cfi_build *b);
void cfi_nextn_close(cfi_build *b);

/* ---- programs ---- */
enum {
    CFI_PROGRAM_USUAL        = 0,
    CFI_PROGRAM_MROPE        = 1u << 0, /* four positions per token */
    CFI_PROGRAM_MROPE_STATED = 1u << 1, /* where the model states rope sections */
    CFI_PROGRAM_UNMIXED      = 1u << 2, /* never batches token ids with embedding rows */
    CFI_PROGRAM_FF_SCALED    = 1u << 3, /* scales of the feed-forward's tensors are applied; others have them and leave them out */
    CFI_PROGRAM_MROPE_SCALED = CFI_PROGRAM_MROPE | CFI_PROGRAM_FF_SCALED,
    CFI_PROGRAM_DOWN_SCALED  = 1u << 4, /* the last one's only */
    CFI_PROGRAM_FF_UNBIASED  = 1u << 5, /* biases of the feed-forward's tensors are left out */
    CFI_PROGRAM_RESERVES_ONE = 1u << 8, /* reserves the prompt of one sequence too: decay over a chunk grows with its square */
    CFI_PROGRAM_LIMITS       = 1u << 7, /* layers clamp what enters the last matrix of the feed-forward where the model states it */
    CFI_PROGRAM_UNCACHED     = 1u << 9, /* attends to the batch itself although there is a cache */
    CFI_PROGRAM_VIEWS_INPUTS = 1u << 10, /* each layer takes views of inputs: of each the device gets copies */
    CFI_PROGRAM_ENCODER      = 1u << 12, /* the layers are those of the encoder, which attends to the batch itself */
    CFI_PROGRAM_DECODER      = 1u << 13,
    CFI_PROGRAM_T5           = CFI_PROGRAM_DECODER | CFI_PROGRAM_VIEWS_INPUTS | CFI_PROGRAM_FF_UNBIASED,
    CFI_PROGRAM_T5_ENCODER   = CFI_PROGRAM_ENCODER | CFI_PROGRAM_VIEWS_INPUTS | CFI_PROGRAM_FF_UNBIASED,
    CFI_PROGRAM_LIMITS_FIRST = 1u << 11, /* they clamp what enters the activation instead */
    CFI_PROGRAM_DEEPSEEK4    = CFI_PROGRAM_LIMITS | CFI_PROGRAM_LIMITS_FIRST | CFI_PROGRAM_UNMIXED | CFI_PROGRAM_FF_UNBIASED,
    CFI_PROGRAM_BLOCKS       = CFI_PROGRAM_VIEWS_INPUTS | CFI_PROGRAM_FF_UNBIASED,
    CFI_PROGRAM_WEIGHS_FIRST = 1u << 6,  /* experts get rows times their weights, and are chosen before the gating function */
    CFI_PROGRAM_CAPS_SCORES  = 1u << 14, /* attention's scores are capped; others state a cap that nothing reads */
    CFI_PROGRAM_STREAMS_LIST = 1u << 15, /* a list says which layers take a stream of the embedding; else the first ones do */
    CFI_PROGRAM_JOINT_DELTA  = 1u << 16, /* delta nets have one matrix for q, k, v and z, and repeat keys side by side */
    CFI_PROGRAM_JOINT_SCALED = CFI_PROGRAM_JOINT_DELTA | CFI_PROGRAM_FF_SCALED
};
/* Arguments of steps: metadata that only some architectures read. */
enum { CFI_SCALED_IF_STATED = 1, CFI_SCALED_BY_DEFAULT, CFI_CLAMPED, CFI_UNSCALED, CFI_UNBIASED, CFI_SPLIT_HEADS, CFI_ALWAYS };
/* Which layers rotate q and k: all but each fourth; the same in models with windows, without all but the last; all but the first of
 * four in models with windows; in models with windows those that have one. */
enum { CFI_BUT_FOURTH = 1, CFI_BUT_FOURTH_WINDOWED, CFI_BUT_FIRST_WINDOWED, CFI_WINDOWS };
bool cfi_layer_roped(const cfi_build *b, uint32_t rule);
/* Runs the program of the architecture over the given layers. */
void cfi_build_run(cfi_build *b, const uint32_t *layers, uint32_t count);
/* False: no program. */
bool cfi_program_find(const ctxfit_model *model, uint32_t *flags);
/* A number of which conditions of the program hold for a layer of a model that has one. */
uint64_t cfi_program_branches(const ctxfit_model *model, const cfi_run *run, uint32_t layer);

/* ---- steps ---- */
typedef enum cfi_step_code {
#define CFI_STEP(name, function) CFI_STEP_##name,
#include "steps.def"
#undef CFI_STEP
    CFI_STEP_COUNT
} cfi_step_code;

#define CFI_STEP(name, function) void function(cfi_build *b, uint32_t arg);
#include "steps.def"
#undef CFI_STEP

#endif
