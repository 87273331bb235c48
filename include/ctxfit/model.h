/**
 * @file model.h
 * @brief Model descriptors: layers, attention, caches, experts, and every tensor with its format.
 *
 * A descriptor says what must be stored and computed, and nothing about where. It is made from a GGUF header (its tensor list is
 * then the truth for weights), from a catalog name, from a line of text, or from a caller's own flat structs; the last three get
 * their tensors from the architecture's recipe, in the formats that llama-quantize would give them for a file type.
 * An architecture that the library does not know still gives exact weights and a generic cache from a GGUF;
 * CTXFIT_MODEL_F_UNKNOWN_ARCH says so.
 */
#ifndef CTXFIT_MODEL_H
#define CTXFIT_MODEL_H

#include "ctxfit/gguf.h"
#include "ctxfit/hf.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A model. Immutable. @since 0.1.0 */
typedef struct ctxfit_model ctxfit_model;

/** How a layer attends. */
enum {
    CTXFIT_ATTENTION_NONE    = 0,
    CTXFIT_ATTENTION_FULL    = 1, /**< every earlier token (multi-head, grouped-query, multi-query) */
    CTXFIT_ATTENTION_SLIDING = 2, /**< the last `window_tokens` */
    CTXFIT_ATTENTION_CHUNKED = 3, /**< the current chunk of `window_tokens` */
    CTXFIT_ATTENTION_LATENT  = 4  /**< multi-head latent attention: one compressed vector per token is cached */
};

/** What keeps a state of constant size in a layer, beside or instead of attention. */
enum {
    CTXFIT_STATE_NONE       = 0,
    CTXFIT_STATE_MAMBA      = 1,
    CTXFIT_STATE_MAMBA2     = 2,
    CTXFIT_STATE_DELTA_NET  = 3, /**< gated delta net (Qwen3-Next, Qwen3.5) */
    CTXFIT_STATE_KDA        = 4, /**< Kimi delta attention */
    CTXFIT_STATE_SHORT_CONV = 5, /**< LFM2 */
    CTXFIT_STATE_RWKV       = 6
};

/** Feed-forward part of a layer. */
enum {
    CTXFIT_FF_NONE  = 0,
    CTXFIT_FF_PLAIN = 1, /**< up, down */
    CTXFIT_FF_GATED = 2, /**< gate, up, down */
    CTXFIT_FF_MOE   = 3  /**< experts (gated or not), perhaps with shared ones */
};

/** Flags of a layer. */
enum {
    CTXFIT_LAYER_F_CACHE      = 1u << 0, /**< owns a KV cache; without it attention reuses an earlier layer's, or caches nothing */
    CTXFIT_LAYER_F_NEXTN      = 1u << 1, /**< a next-token-prediction block behind the trunk; not loaded unless drafting */
    CTXFIT_LAYER_F_PLAIN_EXPERTS = 1u << 2 /**< experts have no gate matrix */
};

/** One layer. Zero where it does not apply. @since 0.1.0 */
typedef struct ctxfit_layer_info {
    uint32_t struct_size;      /**< sizeof of this struct, as CTXFIT_LAYER_INFO_INIT sets it; also the stride of arrays */
    uint32_t flags;            /**< CTXFIT_LAYER_F_* */
    uint32_t attention;        /**< CTXFIT_ATTENTION_* */
    uint32_t state;            /**< CTXFIT_STATE_* */
    uint32_t feed_forward;     /**< CTXFIT_FF_* */
    uint32_t heads;            /**< attention heads (of queries) */
    uint32_t kv_heads;         /**< as cached: 1 for latent attention; 0 without attention */
    uint32_t key_size;         /**< per head, elements, of the computation */
    uint32_t value_size;       /**< per head, elements, of the computation */
    uint32_t window_tokens;    /**< sliding: window; chunked: chunk */
    uint32_t cache_k_elems;    /**< elements of K cached per token */
    uint32_t cache_v_elems;    /**< elements of V cached per token; 0 for latent attention */
    uint32_t kv_rank;          /**< latent attention: compressed width */
    uint32_t q_rank;           /**< latent attention: rank of the query projection, 0 = none */
    uint32_t rope_size;        /**< rotated elements of a head */
    uint32_t indexer_heads;    /**< sparse attention: heads of the indexer, 0 = none */
    uint32_t indexer_size;     /**< sparse attention: key elements that the indexer caches per token */
    uint32_t conv_kernel;      /**< of the state: convolution length */
    uint32_t state_size;       /**< of the state: per head or channel (d_state) */
    uint32_t state_inner;      /**< of the state: inner width (d_inner) */
    uint32_t state_heads;      /**< of the state: heads, or the time-step rank of Mamba */
    uint32_t state_groups;     /**< of the state: groups */
    uint32_t conv_state_elems; /**< kept per sequence for the convolution, F32 elements */
    uint32_t recurrent_elems;  /**< kept per sequence for the recurrence, F32 elements */
    uint32_t ff_width;         /**< dense feed-forward width; with experts: of the dense part beside them, 0 = none */
    uint32_t experts;          /**< routed experts in all */
    uint32_t experts_used;     /**< routed experts per token */
    uint32_t expert_width;     /**< feed-forward width of one routed expert */
    uint32_t shared_width;     /**< feed-forward width of all shared experts together */
    uint32_t compress_ratio;   /**< tokens that share one entry of the layer's compressed cache beside the window (DeepSeek-V4), 0 = none */
} ctxfit_layer_info;
#define CTXFIT_LAYER_INFO_INIT                                                                                             \
    { (uint32_t)sizeof(ctxfit_layer_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** How positions are stretched beyond the length of pre-training. */
enum {
    CTXFIT_ROPE_SCALING_NONE     = 0,
    CTXFIT_ROPE_SCALING_LINEAR   = 1,
    CTXFIT_ROPE_SCALING_YARN     = 2,
    CTXFIT_ROPE_SCALING_LONGROPE = 3,
    CTXFIT_ROPE_SCALING_LLAMA3   = 4  /**< per-frequency factors stored as a tensor */
};

/** Flags of a model. */
enum {
    CTXFIT_MODEL_F_TIED         = 1u << 0, /**< the output matrix is the token embedding */
    CTXFIT_MODEL_F_UNKNOWN_ARCH = 1u << 1, /**< no rules for this architecture: generic cache, compute only as a band */
    CTXFIT_MODEL_F_FROM_FILE    = 1u << 2, /**< tensors were read from a file, not derived from a recipe */
    CTXFIT_MODEL_F_RECURRENT    = 1u << 3, /**< no attention at all */
    CTXFIT_MODEL_F_HYBRID       = 1u << 4, /**< attention and recurrent state */
    CTXFIT_MODEL_F_NO_CACHE     = 1u << 5, /**< encoders and diffusion models: nothing is cached */
    CTXFIT_MODEL_F_CONTEXT_UNSTATED = 1u << 6 /**< the source states no trained length: trained_tokens is 0 */
};

/** The whole model. @since 0.1.0 */
typedef struct ctxfit_model_info {
    uint32_t         struct_size;        /**< sizeof of this struct, as CTXFIT_MODEL_INFO_INIT sets it */
    uint32_t         flags;              /**< CTXFIT_MODEL_F_* */
    uint32_t         layers;             /**< of the trunk */
    uint32_t         nextn_layers;       /**< next-token-prediction blocks behind the trunk */
    uint32_t         embedding;          /**< hidden width */
    uint32_t         embedding_inputs;   /**< width of the embedding input (larger with deepstack vision features) */
    uint32_t         vocabulary;         /**< tokens: rows of the embedding */
    uint32_t         heads;              /**< of the widest layer */
    uint32_t         experts;            /**< of the layer with most */
    uint32_t         experts_used;       /**< per token, in that layer */
    uint32_t         per_layer_embedding;/**< Gemma-3n/4: width of the per-layer embedding, 0 = none */
    uint32_t         rope_scaling;       /**< CTXFIT_ROPE_SCALING_* */
    double           rope_factor;        /**< 0 = none or unstated */
    uint64_t         rope_original_tokens; /**< length before scaling, 0 = unstated */
    uint64_t         trained_tokens;     /**< context that the model is made for, scaling included */
    uint64_t         parameters;         /**< of all tensors that are loaded; tied embeddings count once */
    uint64_t         parameters_active;  /**< without the routed experts that a token does not use */
    uint64_t         tensor_count;       /**< in the file */
    uint64_t         tensor_bytes;       /**< of all tensors in the file, unpadded */
    uint64_t         data_bytes;         /**< of the file's data section: each tensor padded to its alignment */
    ctxfit_file_type file_type;          /**< as stated or as asked for; 0 = unknown */
    uint32_t         reserved0;          /**< 0 */
} ctxfit_model_info;
#define CTXFIT_MODEL_INFO_INIT { (uint32_t)sizeof(ctxfit_model_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Makes a model from a GGUF header, of any architecture. The header may be freed afterwards.
 * @return OK; E_INCOMPLETE (a key that the architecture needs is missing; the message names it); E_TYPE; E_MALFORMED (values that
 *         contradict each other); E_UNSUPPORTED (not a language model: a projector, an adapter); E_OVERFLOW; E_NO_MEMORY;
 *         E_INVALID_ARG.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_from_gguf(const ctxfit_gguf *gguf, const ctxfit_allocator *allocator, ctxfit_model **out,
                                                ctxfit_error *error);

/**
 * Makes a model from the built-in catalog, in the given file type (0 = as published).
 * `name` is an id ("qwen3-coder-30b-a3b"), a Hugging Face id ("Qwen/Qwen3-Coder-30B-A3B-Instruct") or another name that people
 * type ("qwen3-coder:30b"); letters in any case.
 * @return OK; E_NOT_FOUND (the message suggests the three nearest names); E_UNSUPPORTED, E_REFUSED (as ctxfit_model_requantize());
 *         E_INVALID_ARG; E_NO_MEMORY; E_OVERFLOW.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_from_catalog(const char *name, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                                   ctxfit_model **out, ctxfit_error *error);

/**
 * Makes a model from one line of text: the architecture and its GGUF metadata keys without the architecture's prefix, such as
 * `qwen3moe block_count=48 embedding_length=2048 attention.head_count=32 ... vocab_size=151936`. A value per layer is
 * written `[a,b*3]` (b three times; a list shorter than the layers is an error). Flags without a value are true. This is the form
 * of the catalog.
 * @return OK; E_MALFORMED (`offset`); E_INCOMPLETE; E_TYPE; E_NOT_FOUND (an architecture without a recipe, or a file type);
 *         E_UNSUPPORTED, E_REFUSED (as ctxfit_model_requantize()); E_NO_MEMORY; E_INVALID_ARG; E_OVERFLOW.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_from_text(const char *text, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                                ctxfit_model **out, ctxfit_error *error);

/**
 * Makes a model from the text of a Hugging Face config.json; of a model with eyes or ears, its text decoder. The facts become the
 * metadata that llama.cpp's converter would write, what the file leaves out the defaults of its class, and the tensors those of the
 * architecture's recipe in the given file type (0: the precision of the plain checkpoint, `torch_dtype`).
 * A model_type that is unknown is read as the plain transformer that its keys describe: CTXFIT_MODEL_F_UNKNOWN_ARCH, and
 * ctxfit_model_note() says what is missing.
 * @return OK; E_MALFORMED (no JSON, with `offset`; or values that contradict each other); E_INCOMPLETE (the message names the fact);
 *         E_TYPE; E_LIMIT (more than 16 MiB, 32 levels, 262,144 values or 4,096 layers); E_NOT_FOUND (a file type); E_UNSUPPORTED,
 *         E_REFUSED (as ctxfit_model_requantize(); a library without JSON is E_UNSUPPORTED); E_NO_MEMORY; E_INVALID_ARG; E_OVERFLOW.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_from_config(const char *json, size_t size, ctxfit_file_type file_type,
                                                  const ctxfit_allocator *allocator, ctxfit_model **out, ctxfit_error *error);

/**
 * The same, for a checkpoint whose files are at hand: ctxfit_model_get_checkpoint() then has its bytes as they are stored, by part and
 * by layer, experts apart. The model itself is the same, so it can be planned for llama.cpp in a file type.
 * @param weights headers of all files; NULL = ctxfit_model_from_config(). May be freed afterwards.
 * @return as ctxfit_model_from_config().
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_from_hf(const char *json, size_t size, const ctxfit_safetensors *weights,
                                              ctxfit_file_type file_type, const ctxfit_allocator *allocator, ctxfit_model **out,
                                              ctxfit_error *error);

/**
 * The same, of the folder of a checkpoint: config.json, the headers of its weights, and hf_quant_config.json (ModelOpt),
 * quantize_config.json (GPTQ) or quant_config.json (AWQ) where config.json states no quantization. Weights are the files that
 * model.safetensors.index.json names, without one all *.safetensors but adapters, and consolidated*.safetensors where there are no others.
 *
 * A download that did not end is a model still: where a file is missing or its header is cut off, weights are counted as config.json
 * describes them; where only its data are cut off, by its header. Either way, and where the files disagree with config.json,
 * ctxfit_model_note() says what with both figures, and ctxfit_checkpoint_info.flags has it.
 * @param path the folder, one file of the weights (of several that belong together all are read), or their index; encoding of fopen()
 * @return as ctxfit_model_from_config(), and as ctxfit_safetensors_open() for what is no safetensors file; E_NOT_FOUND (no such folder, or
 *         no config.json in it).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_open_checkpoint(const char *path, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                                      ctxfit_model **out, ctxfit_error *error);

/**
 * Makes a model from a caller's own description. Needed in `info`: embedding, vocabulary; trained_tokens, embedding_inputs,
 * per_layer_embedding and flags (TIED) are taken; the rest is derived. Layers are taken as they are: one with
 * CTXFIT_LAYER_F_CACHE states what it caches, one with a state what that keeps. `arch` names the recipe for the tensors ("llama"), with
 * the optional tensors of its usual checkpoints; for NULL the tensors are those that the layers' numbers imply (attention,
 * feed-forward, experts, state, norms).
 * @param layers first of `count` layers, trunk first; stride is layers[0].struct_size
 * @return OK; E_INVALID_ARG (NULL, count 0 or above 4,096, an unknown kind, trunk behind a next-token-prediction block); E_INCOMPLETE
 *         (the message names the missing number); E_NOT_FOUND (an architecture without a recipe, or a file type); E_UNSUPPORTED,
 *         E_REFUSED (as ctxfit_model_requantize()); E_STRUCT_SIZE; E_NEWER_STRUCT; E_NO_MEMORY; E_OVERFLOW.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_from_layers(const char *name, const char *arch, const ctxfit_model_info *info,
                                                  const ctxfit_layer_info *layers, size_t count, ctxfit_file_type file_type,
                                                  const ctxfit_allocator *allocator, ctxfit_model **out, ctxfit_error *error);

/**
 * The same model quantized to another file type, by the rules of llama-quantize, as if from full precision.
 * @return OK; E_NOT_FOUND (file type); E_UNSUPPORTED (llama-quantize does not make that type); E_REFUSED (it stops at a tensor of this
 *         model; the message names it); E_INVALID_ARG; E_NO_MEMORY; E_OVERFLOW.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_requantize(const ctxfit_model *model, ctxfit_file_type file_type,
                                                 const ctxfit_allocator *allocator, ctxfit_model **out, ctxfit_error *error);

/** Files that come beside a model. */
enum {
    CTXFIT_COMPANION_PROJECTOR = 1, /**< eyes or ears (mmproj) */
    CTXFIT_COMPANION_ADAPTER   = 2  /**< LoRA */
};

/** Flags of #ctxfit_companion. */
enum {
    CTXFIT_COMPANION_F_VISION = 1u << 0, /**< a projector that sees */
    CTXFIT_COMPANION_F_AUDIO  = 1u << 1  /**< a projector that hears */
};

/** A projector or an adapter: what it adds to a model. Zero where it does not apply. @since 0.1.0 */
typedef struct ctxfit_companion {
    uint32_t struct_size;             /**< sizeof of this struct, as CTXFIT_COMPANION_INIT sets it */
    uint32_t kind;                    /**< CTXFIT_COMPANION_* */
    uint32_t flags;                   /**< CTXFIT_COMPANION_F_* */
    uint32_t rank;                    /**< of an adapter: the largest of its pairs */
    uint32_t layers;                  /**< of a projector's encoder */
    uint32_t embedding;               /**< of a projector's encoder: width */
    uint32_t output;                  /**< of a projector: width of what it hands to the model */
    uint32_t image_size;              /**< of a projector: pixels a side */
    uint32_t patch_size;              /**< of a projector: pixels a side */
    uint32_t reserved0;               /**< 0 */
    uint64_t tensors;                 /**< in the file */
    uint64_t weight_bytes;            /**< in memory, each tensor padded to 32 */
    uint64_t flops_per_token;         /**< of an adapter: what each token costs on top */
    uint64_t compute_bytes_per_token; /**< of an adapter: most that the compute buffer grows by, per token of the micro-batch */
    char     name[64];                /**< projector type, or the architecture that an adapter is for */
} ctxfit_companion;
#define CTXFIT_COMPANION_INIT { (uint32_t)sizeof(ctxfit_companion), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0} }

/**
 * Reads what a projector or an adapter adds: files that ctxfit_model_from_gguf() refuses. What an encoder computes with while it looks or
 * listens is not counted.
 * @return OK; E_UNSUPPORTED (a model, another kind of adapter, a tensor in a format of unknown size); E_INCOMPLETE (no architecture);
 *         E_TYPE; E_OVERFLOW; E_INVALID_ARG; E_STRUCT_SIZE.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_companion_from_gguf(const ctxfit_gguf *gguf, ctxfit_companion *out, ctxfit_error *error);

/** Frees a model; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_model_free(ctxfit_model *model);

/** Name for people ("Qwen3-Coder-30B-A3B-Instruct"); of a file without one its base name and size, or its architecture; "" if unnamed.
 *  Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_model_name(const ctxfit_model *model);
/** Architecture as in `general.architecture` ("qwen3moe"). Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_model_arch(const ctxfit_model *model);
/**
 * What the source left open or what was read as something else, a sentence each, by index; NULL past the end. Borrowed.
 * @since 0.1.0
 */
CTXFIT_API const char *ctxfit_model_note(const ctxfit_model *model, uint32_t index);
/**
 * The checkpoint that a model was made of by ctxfit_model_from_config() or ctxfit_model_from_hf().
 * @return OK, E_NOT_FOUND (it was made of something else), E_INVALID_ARG, E_STRUCT_SIZE.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_get_checkpoint(const ctxfit_model *model, ctxfit_checkpoint_info *out);
/**
 * What a layer of the trunk holds in the checkpoint.
 * @return OK, E_NOT_FOUND (past the end, or nothing was measured), E_INVALID_ARG, E_STRUCT_SIZE.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_get_checkpoint_layer(const ctxfit_model *model, uint32_t index, ctxfit_checkpoint_layer *out);
/** Facts of the whole model. @return OK, E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_model_get_info(const ctxfit_model *model, ctxfit_model_info *out);
/**
 * Facts of one layer; next-token-prediction blocks follow the trunk.
 * @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_model_get_layer(const ctxfit_model *model, uint32_t index, ctxfit_layer_info *out);
/** Name of a tensor by index, NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_model_tensor_name(const ctxfit_model *model, uint64_t index);
/** Facts of a tensor by index. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_model_get_tensor(const ctxfit_model *model, uint64_t index, ctxfit_tensor_info *out);

/** Number of models in the catalog. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_model_catalog_count(void);
/** Catalog id by index ("qwen3-coder-30b-a3b"), NULL past the end. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_model_catalog_id(uint32_t index);
/** Name on Hugging Face by index, NULL past the end. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_model_catalog_hf_id(uint32_t index);
/** Where the entry's facts come from, NULL past the end. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_model_catalog_source(uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
