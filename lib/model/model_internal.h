/* Descriptors as the modules above read them, and the pieces that make them. */
#ifndef CFI_MODEL_INTERNAL_H
#define CFI_MODEL_INTERNAL_H

#include "base/base_internal.h"
#include "ctxfit/model.h"
#include "gguf/gguf_internal.h"
#include "quant/quant_internal.h"

#define CFI_MAX_LAYERS  4096u
#define CFI_MODEL_NOTES 16u

/* Where llama.cpp keeps a tensor (b10472 src/llama-arch.cpp:635, LLM_TENSOR_INFOS): beside the input, in its block, at the output. */
typedef enum cfi_tensor_role {
    CFI_ROLE_INPUT = 0, /* token embeddings and the like: always on the host */
    CFI_ROLE_LAYER,     /* of block `layer` (tensors of that class without a number: of block 0) */
    CFI_ROLE_OUTPUT,    /* output norm and head */
    CFI_ROLE_ROPE,      /* frequency factors: one copy in every memory that has a layer which uses them */
    CFI_ROLE_UNUSED     /* in the file, but not loaded (next-token-prediction blocks) */
} cfi_tensor_role;

enum { CFI_TENSOR_F_EXPERT = 1u << 0 }; /* weights of routed experts, one slice per expert: the last dimension counts them */

typedef struct cfi_tensor {
    const char  *name;
    uint64_t     dims[4]; /* unused ones are 1 */
    uint64_t     bytes;   /* unpadded */
    uint64_t     offset;  /* in the data section of its shard */
    uint32_t     n_dims;
    ctxfit_quant quant;
    uint32_t     ggml_type;
    uint32_t     shard;
    int32_t      layer;  /* block number, -1 for none */
    uint32_t     role;   /* cfi_tensor_role */
    uint32_t     flags;  /* CFI_TENSOR_F_* */
    uint32_t     parts;  /* matrices of an EXL3 checkpoint that are one here; 0, 1: it is one */
} cfi_tensor;

/* How a backend pads a tensor in its buffers. */
typedef enum cfi_padding {
    CFI_PADDING_32 = 0, /* CPU, RPC, Metal: alignment 32 */
    CFI_PADDING_CUDA,   /* CUDA, ROCm: alignment 128, quantized rows as if a multiple of 512 elements */
    CFI_PADDING_COUNT
} cfi_padding;

/* Sums over tensors, so that a plan need not walk them. Index [0]: everything but routed experts, [1]: routed experts. */
typedef struct cfi_tensor_sums {
    uint64_t padded[CFI_PADDING_COUNT][2];
    uint64_t bytes[2];
    uint64_t parameters[2];
} cfi_tensor_sums;

/* What the compute buffer needs to know of all layers and tensors together. */
typedef struct cfi_model_extent {
    uint64_t largest[2];       /* bytes of the largest tensor of a layer: [0] all but routed experts, [1] routed experts */
    uint64_t output_bytes;     /* of the output matrix */
    uint64_t logit_elems;      /* per output: rows of the output matrix, and what they are padded to where that differs */
    uint32_t full_layers;      /* of the trunk that attend to the whole context */
    uint32_t window_layers;    /* to a window or chunk */
    uint32_t indexer_layers;
    uint32_t window_tokens;    /* of the widest */
    uint32_t full_head;        /* widest key of a head in these */
    uint32_t window_head;
    uint32_t indexer_size;
    uint32_t position_rows;    /* 1: learned positions, looked up like embeddings */
    uint32_t fused_qkv;        /* 1: one matrix for query, key and value */
    uint32_t expert_layers;
    uint32_t expert_gaps;      /* layers without experts behind one that has them */
} cfi_model_extent;

/* Names of tensors without block and suffix. */
typedef enum cfi_weight {
#define CFI_WEIGHT(name, text) CFI_W_##name,
#include "model/weights.def"
#undef CFI_WEIGHT
    CFI_W_COUNT
} cfi_weight;

typedef enum cfi_weight_part { CFI_PART_WEIGHT = 0, CFI_PART_BIAS, CFI_PART_SCALE, CFI_PART_INPUT_SCALE } cfi_weight_part;
typedef enum cfi_weight_stack { CFI_STACK_MAIN = 0, CFI_STACK_ENCODER, CFI_STACK_DECODER } cfi_weight_stack;

/* A tensor of one block, found by its name. */
typedef struct cfi_weight_entry {
    uint32_t key;    /* stack, name, part */
    uint32_t tensor; /* place in model->tensor */
} cfi_weight_entry;

/* Metadata of the graph alone. */
typedef enum cfi_fact {
#define CFI_FACT(name, key) CFI_FACT_##name,
#include "model/facts.def"
#undef CFI_FACT
    CFI_FACT_COUNT
} cfi_fact;

#define CFI_FACT_UNSTATED (-1.0)

/* CFI_FACT_CONFIG_ROPE_TYPE: the kinds of rope scaling that engines of checkpoints tell apart. */
typedef enum cfi_config_rope {
    CFI_CONFIG_ROPE_OTHER = 0, /* linear, dynamic, ...: the length grows by the factor */
    CFI_CONFIG_ROPE_LLAMA3,
    CFI_CONFIG_ROPE_LONGROPE,
    CFI_CONFIG_ROPE_YARN,
    CFI_CONFIG_ROPE_YARN_LIKE  /* deepseek_yarn, deepseek_llama_scaling */
} cfi_config_rope;

typedef struct cfi_arch cfi_arch; /* arch_internal.h */

/* What only the engine's graph asks of a layer, and engines of checkpoints. */
enum {
    CFI_LAYER_CLAMPS_EXPERTS = 1u << 0, /* a limit of what enters the last matrix of the experts */
    CFI_LAYER_CLAMPS_DENSE   = 1u << 1, /* of the feed-forward without routing */
    CFI_LAYER_STREAM         = 1u << 2, /* adds a part of the embedding rows */
    CFI_LAYER_CONFIG_WINDOW  = 1u << 3  /* named in CFI_FACT_CONFIG_WINDOW_LAYERS */
};

struct ctxfit_model {
    cfi_arena          arena;
    ctxfit_model_info  info;
    const char        *name;
    const char        *arch_name;
    const cfi_arch    *arch;        /* never NULL: the generic one for an unknown name */
    ctxfit_layer_info *layer;       /* info.layers + info.nextn_layers */
    uint8_t           *layer_marks; /* per layer: CFI_LAYER_* */
    cfi_tensor        *tensor;      /* info.tensor_count, in file order */
    uint32_t          *layer_run;   /* per layer: how many equal ones stand here in a row, this one the first */
    cfi_tensor_sums   *layer_sums;  /* per layer; tensors of role LAYER only */
    cfi_tensor_sums   *sums_before; /* of all layers before a layer; one more than there are layers */
    cfi_tensor_sums    input_sums;  /* role INPUT */
    cfi_tensor_sums    output_sums; /* role OUTPUT */
    cfi_tensor_sums    rope_sums;   /* role ROPE, one copy */
    const cfi_tensor  *token_embd;  /* NULL if there is none */
    cfi_weight_entry  *weight;      /* by block, then by key; those outside of blocks stand last */
    uint32_t          *weight_first;/* of a block; info.layers + nextn_layers: those outside; one more for the end */
    uint32_t          *layer_shape; /* the first layer whose tensors have the same names and shapes and whose info is the same */
    uint32_t          *layer_format;/* the first of these whose tensors have the same formats, too */
    uint32_t           blocks_from; /* a view of the prediction blocks of a model with so many layers; 0: a whole model */
    double             fact[CFI_FACT_COUNT];
    uint64_t           alignment;   /* of tensor data in the file */
    bool               has_output;  /* an output matrix of its own */
    bool               plain_experts; /* published with experts in another form than the architecture's usual MXFP4 */
    bool               as_stored;   /* no file type was asked for: engines of checkpoints load what the checkpoint has */
    uint32_t           stated_heads;      /* attention heads of the first block as its file says: llama-quantize goes by them, */
    uint32_t           stated_kv_heads;   /* though the block may not attend */
    uint32_t           stated_key_size;   /* head sizes by attention.key_length and value_length, or embedding / heads, */
    uint32_t           stated_value_size; /* before latent attention changes them: cache blocks are held against these */
    cfi_model_extent   extent;
    const char        *config_type;   /* model_type of the configuration, "" if unstated, NULL: made of something else */
    const char        *decoder_type;  /* that of the decoder within it, or the same */
    ctxfit_checkpoint_info  *checkpoint;        /* NULL: made of something else */
    ctxfit_checkpoint_layer *checkpoint_layer;  /* info.layers, NULL: not measured */
    uint64_t                *stored;            /* bytes of each tensor in the files, NULL: not measured */
    uint64_t                *narrowed;          /* the same where 16 bits are made of F32; NULL: none is there, or not measured */
    float                   *module_bytes;      /* of a weight of tensors that MLX stores in a format of their own, else 0; NULL: none */
    uint32_t                 mlx_group_bytes;   /* beside the weights of a group of MLX */
    uint64_t                *lost;              /* bytes of each part that go then: CFI_LOST_*; NULL: not measured */
    uint64_t                 tied_head_bytes;   /* in the files, of an output matrix that the configuration ties to the embeddings */
    bool                     head_missing;      /* the files have no output matrix, though the configuration has one */
    const char        *note[CFI_MODEL_NOTES]; /* what its source left open, NULL behind the last */
    const char        *towers;                /* said where engines load eyes and ears that are not counted; NULL: none */
    const char        *towers_counted;        /* the parts of the configuration that these two are of; NULL: none */
    uint64_t           tower_matrices;        /* parameters of linear layers */
    uint64_t           tower_rest;            /* all others */
    float              tower_matrix_bytes;    /* of each of the first in the checkpoint; 0: as of the others */
    const char        *format_note;           /* of them, what holds for its file type only; NULL: none */
    const char        *window_note;           /* and what holds where llama.cpp loads it; NULL: none */
    uint32_t           max_cache_v; /* widest V of all layers, those without a cache of their own and NextN blocks included */
};

/* A fact that is a count: 0 where it is not stated, or is none that 32 bits hold. */
static inline uint32_t cfi_fact_u32(const double *fact, cfi_fact key)
{
    return fact[key] > 0 && fact[key] <= UINT32_MAX ? (uint32_t)fact[key] : 0;
}

/* Layers of the trunk that have tensors of their own; fewer than info.layers where the engine passes them several times. */
uint32_t cfi_model_layers_once(const ctxfit_model *model);
/* A tensor of a block by its name, of no block for `layer` = info.layers + nextn_layers. NULL: there is none. */
const cfi_tensor *cfi_model_weight(const ctxfit_model *model, uint32_t layer, cfi_weight_stack stack, cfi_weight name,
                                   cfi_weight_part part);
/* Bytes of a tensor in the checkpoint that the model is, those of the tensor itself for all other models. At most 2^64 with those of every
 * other tensor, as the files' sums are. */
uint64_t cfi_model_stored_bytes(const ctxfit_model *model, const cfi_tensor *tensor);
/* The same in an engine that makes 16 bits of F32 when it loads a checkpoint. */
uint64_t cfi_model_narrowed_bytes(const ctxfit_model *model, const cfi_tensor *tensor);
/* Of all tensors of the recipe, as they are stored. */
uint64_t cfi_model_all_stored_bytes(const ctxfit_model *model);
/* Eyes and ears beside the decoder: what the files have, else what the configuration says. */
typedef struct cfi_tower_bytes {
    uint64_t divided; /* among ranks */
    uint64_t whole;   /* on each of them */
} cfi_tower_bytes;
/* Eyes or ears, whether their weights are counted or not. */
bool            cfi_model_has_towers(const ctxfit_model *model);
cfi_tower_bytes cfi_model_towers_bytes(const ctxfit_model *model, bool narrowed);
/* How these are known. */
typedef enum cfi_stored {
    CFI_STORED_PLAIN,     /* not quantized, or not as a checkpoint */
    CFI_STORED_MEASURED,  /* by the headers of the files */
    CFI_STORED_ESTIMATED, /* by the bits that the configuration states */
    CFI_STORED_UNKNOWN    /* not at all: counted as if plain */
} cfi_stored;
cfi_stored cfi_model_stored(const ctxfit_model *model);
/* Bytes of a tensor in a buffer of that padding, false on overflow. */
bool cfi_model_padded_bytes(const cfi_tensor *tensor, cfi_padding padding, uint64_t *out);

/* ---- making a model ----
 * A maker calls, in this order: cfi_model_new, cfi_model_describe (or fills info and layer itself), makes `tensor`
 * (info.tensor_count records with name, dims, quant and bytes), cfi_model_finish. On failure it frees the model and returns. */
struct cfi_meta;

/* An empty model with its own arena; NULL: out of memory. */
ctxfit_model *cfi_model_new(const ctxfit_allocator *allocator);
/* Architecture, names, layers and whole-model facts from metadata. E_INCOMPLETE, E_MALFORMED, E_TYPE, E_OVERFLOW, E_NO_MEMORY. */
ctxfit_status cfi_model_describe(ctxfit_model *model, struct cfi_meta *meta);
/* Room for `count` layers, struct_size and CTXFIT_LAYER_F_NEXTN set. */
ctxfit_status cfi_model_new_layers(ctxfit_model *model, uint32_t trunk, uint32_t nextn, ctxfit_error *error);
/* Feed-forward facts, and attention of an unknown architecture, as the tensors of a file show them. E_NO_MEMORY. */
ctxfit_status cfi_model_refine(ctxfit_model *model, ctxfit_error *error);
/* Everything that follows from arch, layer[] and tensor[]: roles, sums, parameters, flags and the derived members of info.
 * E_MALFORMED (a block number beyond the layers), E_OVERFLOW, E_NO_MEMORY. */
ctxfit_status cfi_model_finish(ctxfit_model *model, ctxfit_error *error);
/* The index of tensors by name, and layers that are alike; after roles and layers of all tensors are known. E_NO_MEMORY. */
ctxfit_status cfi_model_index_weights(ctxfit_model *model, ctxfit_error *error);
/* Reads facts.def. */
void cfi_model_read_facts(ctxfit_model *model, struct cfi_meta *meta);
/* Role, layer and flags of a tensor by its name. False when its block number is no layer's. */
bool cfi_model_classify(const ctxfit_model *model, cfi_tensor *tensor);
/* "blk.3.ffn_up.weight" -> "ffn_up.weight" and 3; NULL when the name has no block. */
const char *cfi_model_split_name(const char *name, uint64_t *block);

#endif
