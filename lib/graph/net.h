/* A graph: tensors, the order in which operations run, where each runs, and what memory all of it takes. Internal to lib/graph. */
#ifndef CFI_NET_H
#define CFI_NET_H

#include "graph_internal.h"

#define CFI_NODE_SOURCES 10
#define CFI_NET_COPIES   4 /* of each input in a pipeline: GGML_SCHED_MAX_COPIES, llama.cpp b10472 ggml/src/ggml-backend.cpp:762 */
#define CFI_UNPLACED     0xff

typedef enum cfi_op {
#define CFI_OP(name, in_place, empty) CFI_OP_##name,
#include "ops.def"
#undef CFI_OP
    CFI_OP_COUNT
} cfi_op;

enum {
    CFI_NODE_INPUT    = 1u << 0, /* filled from outside: placed first, on the host */
    CFI_NODE_OUTPUT   = 1u << 1, /* never freed */
    CFI_NODE_EXTERNAL = 1u << 2, /* a weight or a cache: its memory is not this graph's */
    CFI_NODE_WEIGHT   = 1u << 3,
    CFI_NODE_VISITED  = 1u << 4,
    CFI_NODE_OWN      = 1u << 5, /* holds memory now */
    CFI_NODE_USED     = 1u << 6  /* a cache's rows: read before, so that flash attention is asked for */
};

typedef struct cfi_node cfi_node;
struct cfi_node {
    uint64_t   ne[4];    /* elements */
    uint64_t   nb[4];    /* bytes from one to the next */
    cfi_node  *view;     /* whose memory it names; never itself a view */
    cfi_node  *src[CFI_NODE_SOURCES];
    cfi_node **copies;   /* [place * CFI_NET_COPIES + copy], NULL: none */
    uint64_t   offset;
    uint32_t   users;
    uint32_t   views;
    uint32_t   adapted;  /* of a weight: 1 + the first pair that an adapter adds to it, 0: none */
    uint32_t   boundary; /* 1 + the number of the layer end behind it, 0: none */
    uint16_t   quant;
    uint8_t    op;
    uint8_t    flags;
    uint8_t    place;    /* device, the host behind them; CFI_UNPLACED */
    uint8_t    buffer;   /* that holds its memory */
    uint8_t    sources;
    uint8_t    expanded; /* sources that are in the order: cfi_net_expand() */
};

/* One step of the scheduled order: a node, or (dependency) nothing but a reading of it. */
typedef struct cfi_step {
    cfi_node *node;
    uint8_t   place;
    bool      dependency;
} cfi_step;

typedef struct cfi_list {
    cfi_node **item;
    uint32_t   count;
    size_t     room;
} cfi_list;

typedef struct cfi_net {
    cfi_arena  arena;
    cfi_list   nodes;      /* in the order in which they run */
    cfi_list   leafs;
    cfi_node  *block;      /* room for new nodes */
    uint32_t   block_left;
    uint32_t   boundaries;
    bool       overflow;
    bool       no_memory;
    bool       incomplete; /* a tensor that the graph needs is not in the model */
    cfi_node   sink;       /* what stands for a tensor that could not be made */
} cfi_net;

/* The net takes the arena over and hands it back with what it took from it; nothing is freed. */
void cfi_net_init(cfi_net *net, cfi_arena *arena);
void cfi_net_end(cfi_net *net, cfi_arena *arena);
void cfi_list_add(cfi_net *net, cfi_list *list, cfi_node *node);
/* Everything that the node needs, then the node, if they are not in the order yet. */
void cfi_net_expand(cfi_net *net, cfi_node *node);
/* A layer ends here. */
void cfi_net_boundary(cfi_net *net);

/* ---- tensors ---- */
cfi_node *cfi_tensor_1d(cfi_net *net, uint32_t quant, uint64_t ne0);
cfi_node *cfi_tensor_2d(cfi_net *net, uint32_t quant, uint64_t ne0, uint64_t ne1);
cfi_node *cfi_tensor_4d(cfi_net *net, uint32_t quant, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3);
cfi_node *cfi_tensor_input(cfi_node *node);
uint64_t  cfi_node_bytes(const cfi_node *node);      /* from its first element to its last */
uint64_t  cfi_node_rows(const cfi_node *node);
uint64_t  cfi_node_elems(const cfi_node *node);
bool      cfi_node_contiguous(const cfi_node *node);
uint64_t  cfi_row_bytes(uint32_t quant, uint64_t elems);

/* ---- operations: the result's shape follows the rules of ggml (b10472 ggml/src/ggml.c, functions of the same names) ---- */
cfi_node *cfi_op_same(cfi_net *net, cfi_op op, cfi_node *a);                /* of a's shape: silu, norms, scale, ... */
cfi_node *cfi_op_pair(cfi_net *net, cfi_op op, cfi_node *a, cfi_node *b);   /* of a's shape: add, mul, ... */
cfi_node *cfi_op_over(cfi_net *net, cfi_op op, cfi_node *a);                /* written over a's memory */
cfi_node *cfi_op_new(cfi_net *net, cfi_op op, uint32_t quant, const uint64_t ne[4]); /* sources follow by cfi_op_source */
void      cfi_op_source(cfi_node *node, cfi_node *source);                  /* NULL: none */
/* For a tensor that should be there: the graph is incomplete and is not measured. Products and look-ups of a NULL weight answer it. */
cfi_node *cfi_missing(cfi_net *net);
cfi_node *cfi_add(cfi_net *net, cfi_node *a, cfi_node *b);
cfi_node *cfi_mul(cfi_net *net, cfi_node *a, cfi_node *b);
cfi_node *cfi_clamp(cfi_net *net, uint32_t build, cfi_node *a);
cfi_node *cfi_mul_mat(cfi_net *net, cfi_node *weight, cfi_node *x);
cfi_node *cfi_mul_mat_id(cfi_net *net, cfi_node *experts, cfi_node *x, cfi_node *ids);
cfi_node *cfi_add_id(cfi_net *net, cfi_node *a, cfi_node *b, cfi_node *ids);
cfi_node *cfi_get_rows(cfi_net *net, cfi_node *from, cfi_node *ids);
cfi_node *cfi_set_rows(cfi_net *net, cfi_node *to, cfi_node *rows, cfi_node *ids);
cfi_node *cfi_cpy(cfi_net *net, cfi_node *from, cfi_node *to);
cfi_node *cfi_cast(cfi_net *net, cfi_node *a, uint32_t quant);
cfi_node *cfi_cont(cfi_net *net, cfi_node *a);
cfi_node *cfi_cont_swapped(cfi_net *net, cfi_node *a); /* its first two axes: of a permuted view, as ggml_transpose() makes none */
cfi_node *cfi_cont_2d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1);
cfi_node *cfi_cont_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3);
cfi_node *cfi_reshape_1d(cfi_net *net, cfi_node *a, uint64_t ne0);
cfi_node *cfi_reshape_2d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1);
cfi_node *cfi_reshape_3d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2);
cfi_node *cfi_reshape_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3);
cfi_node *cfi_view_1d(cfi_net *net, cfi_node *a, uint64_t ne0);
cfi_node *cfi_view_2d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t nb1);
cfi_node *cfi_view_3d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t nb1, uint64_t nb2);
cfi_node *cfi_view_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3, uint64_t nb1, uint64_t nb2,
                      uint64_t nb3);
/* Dimension i of a becomes dimension to_i. */
cfi_node *cfi_permute(cfi_net *net, cfi_node *a, uint32_t to0, uint32_t to1, uint32_t to2, uint32_t to3);
cfi_node *cfi_transpose(cfi_net *net, cfi_node *a);
cfi_node *cfi_concat(cfi_net *net, cfi_node *a, cfi_node *b, uint32_t dim);
cfi_node *cfi_repeat_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3);
cfi_node *cfi_glu(cfi_net *net, cfi_node *a);                               /* gate and value are halves of a's rows */
cfi_node *cfi_glu_split(cfi_net *net, cfi_node *gate, cfi_node *up);
cfi_node *cfi_sum_rows(cfi_net *net, cfi_node *a);
cfi_node *cfi_argsort_top_k(cfi_net *net, cfi_node *a, uint64_t k);         /* a full argsort, and a view of its first k */
cfi_node *cfi_top_k(cfi_net *net, cfi_node *a, uint64_t k);
cfi_node *cfi_rope(cfi_net *net, cfi_node *a, cfi_node *positions, cfi_node *factors);
cfi_node *cfi_soft_max(cfi_net *net, cfi_node *a, cfi_node *mask, cfi_node *sinks);
cfi_node *cfi_flash_attn(cfi_net *net, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask, cfi_node *sinks);
cfi_node *cfi_pad(cfi_net *net, cfi_node *a, uint64_t p0, uint64_t p1, uint64_t p2, uint64_t p3);

typedef struct cfi_op_traits {
    bool in_place;
    bool empty;
} cfi_op_traits;

static const cfi_op_traits cfi_ops[] = {
#define CFI_OP(name, in_place, empty) {in_place, empty},
#include "ops.def"
#undef CFI_OP
};

static inline bool cfi_op_in_place(uint8_t op) { return cfi_ops[op].in_place; }
static inline bool cfi_op_empty(uint8_t op) { return cfi_ops[op].empty; }

/* ---- schedule.c ---- */
typedef struct cfi_schedule {
    const cfi_engine_device *devices;
    const cfi_padding       *padding; /* of each place's buffer */
    uint32_t  build;
    uint32_t  host;        /* the place behind the devices */
    uint32_t  used;        /* devices that take part */
    uint32_t  copies;      /* of inputs: 1, or CFI_NET_COPIES in a pipeline */
    bool      op_offload;
    bool      fuses;       /* devices keep what they run as one operation: cfi_kept_find() */
    bool      pinned;      /* norms run where their layer is */
    bool      encoder;     /* of images or sound: CUDA lacks what its code says; models were measured with a stand-in that lacks nothing */
    cfi_step *step;        /* scheduled order */
    uint32_t  step_count;
    cfi_step *leaf;
    uint32_t  leaf_count;
} cfi_schedule;

/* Places every node and makes the order with the copies of each split's inputs. False: net->no_memory. */
bool cfi_schedule_make(cfi_net *net, cfi_schedule *schedule);
bool cfi_schedule_supports(const cfi_schedule *schedule, uint32_t place, const cfi_node *node);

/* ---- kept.c ---- */
/* Nodes that are not freed before another has run, in the order of the latter. */
typedef struct cfi_kept {
    cfi_list node;
    cfi_list until;
} cfi_kept;

/* Adds what a device keeps of the nodes [start, end); every node's `users` must count its readers. */
void cfi_kept_find(cfi_net *net, uint32_t start, uint32_t end, cfi_kept *kept);

/* ---- allocate.c ---- */
#define CFI_STEADY_STATES 64u /* the newest layer ends whose state is remembered */

typedef struct cfi_allocation {
    uint64_t peak[CFI_MAX_DEVICES + 1];
    uint64_t *state;       /* per boundary: what is held where, as a hash; room for net->boundaries */
} cfi_allocation;

/* False: more free blocks than the engine's allocator bears, or net->no_memory. */
bool cfi_allocate(cfi_net *net, const cfi_schedule *schedule, cfi_allocation *allocation);

#endif
