/**
 * @file plan.h
 * @brief The answer: does this model fit this machine under this engine, with how much context, how fast, and what limits it.
 *
 * In ten lines:
 *
 *     ctxfit_model *model;
 *     ctxfit_hw    *hw;
 *     ctxfit_plan  *plan;
 *     ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
 *     ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
 *
 *     ctxfit_model_from_catalog("qwen3-coder-30b-a3b", ctxfit_file_type_from_name("Q4_K_M"), NULL, &model, NULL);
 *     ctxfit_hw_parse("mac-studio-m2-ultra-64gb", NULL, &hw, NULL);
 *     ctxfit_plan_make(model, hw, &options, NULL, &plan, NULL);
 *     ctxfit_plan_get_summary(plan, &summary);
 *     printf("%s, largest context %llu\n", summary.fit == CTXFIT_FIT_ALL ? "fits" : "does not", summary.max_ctx_seq_tokens);
 *
 * (Check every status in a real program; free what was made.) A plan is immutable: it can be asked from many threads, and it
 * does not need the model, the machine or the options after it was made.
 *
 * Bytes of weights, caches, state and output are exact for the engine's build. Compute buffers are exact or an upper bound that is
 * not exceeded (`compute_low_bytes` is the other end of the band). Speeds are estimates with a low and a high end.
 */
#ifndef CTXFIT_PLAN_H
#define CTXFIT_PLAN_H

#include "ctxfit/engine.h"
#include "ctxfit/hw.h"
#include "ctxfit/model.h"
#include "ctxfit/modelfile.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A plan. Immutable. @since 0.1.0 */
typedef struct ctxfit_plan ctxfit_plan;

/** A choice that an engine leaves open; 0 is the engine's default. */
enum { CTXFIT_CHOICE_DEFAULT = 0, CTXFIT_CHOICE_ON = 1, CTXFIT_CHOICE_OFF = 2 };

/** How several devices share a model. */
enum {
    CTXFIT_SPLIT_DEFAULT = 0,
    CTXFIT_SPLIT_LAYER   = 1, /**< whole layers to each */
    CTXFIT_SPLIT_NONE    = 2, /**< the first device has all */
    CTXFIT_SPLIT_ROW     = 3  /**< rows of each matrix: not modelled, CTXFIT_E_UNSUPPORTED */
};

#define CTXFIT_CTX_LARGEST     UINT64_MAX /**< ctx_tokens: the most that fits, up to the trained length */
#define CTXFIT_RESERVE_NONE    UINT64_MAX /**< reserve_bytes: keep nothing free */
#define CTXFIT_GPU_LAYERS_NONE UINT32_MAX /**< gpu_layers: everything on the host */
#define CTXFIT_ALL_LAYERS      UINT32_MAX /**< cpu_expert_layers: the experts of every layer */
#define CTXFIT_MAX_SPLIT       16         /**< devices that tensor_split can name */

/** Flags of #ctxfit_plan_options. */
enum {
    CTXFIT_PLAN_F_NO_LIMITS = 1u << 0, /**< only this context: no search for the largest one or for more sequences (fastest) */
    CTXFIT_PLAN_F_BOUND     = 1u << 1, /**< compute buffers by an upper bound: microseconds instead of hundreds of them, for sweeps */
    CTXFIT_PLAN_F_SPREAD    = 1u << 8, /**< Ollama: use every GPU, also where one would do (OLLAMA_SCHED_SPREAD) */
    CTXFIT_PLAN_F_EAGER     = 1u << 10, /**< vLLM: no CUDA graphs (--enforce-eager) */
    CTXFIT_PLAN_F_NO_PREFIX_CACHE = 1u << 11, /**< vLLM: --no-enable-prefix-caching, SGLang: --disable-radix-cache; of hybrid models */
    CTXFIT_PLAN_F_PREFIX_CACHE    = 1u << 12, /**< vLLM: --enable-prefix-caching, for hybrid models the default from 0.26 on */
    CTXFIT_PLAN_F_TEXT_ONLY = 1u << 13, /**< vLLM: eyes and ears beside the decoder are not loaded (--language-model-only,
                                             --limit-mm-per-prompt with 0 for all that the model takes) */
    CTXFIT_PLAN_F_VISION    = 1u << 9  /**< Ollama: the model takes images, for which the context is at least 2,048 */
};

/** Whether it fits. */
enum {
    CTXFIT_FIT_UNKNOWN = 0,
    CTXFIT_FIT_ALL     = 1, /**< every part fits, and every layer is on a GPU (or the machine has none) */
    CTXFIT_FIT_SPLIT   = 2, /**< every part fits, with some weights or caches on the host beside a GPU */
    CTXFIT_FIT_NONE    = 3  /**< at least one device has too little memory */
};

/** What to plan for; every field: 0 = the engine's default. Names in brackets are the engine's own options. @since 0.1.0 */
typedef struct ctxfit_plan_options {
    uint32_t     struct_size;       /**< sizeof of this struct, as CTXFIT_PLAN_OPTIONS_INIT sets it */
    uint32_t     flags;             /**< CTXFIT_PLAN_F_* */
    uint64_t     ctx_tokens;        /**< llama.cpp: whole context, shared by the sequences (-c), 0 = trained length; Ollama: of one
                                         sequence (num_ctx), 0 = by `model_ctx_tokens` and what follows there; CTXFIT_CTX_LARGEST */
    uint64_t     reserve_bytes;     /**< kept free on each GPU (--fit-target); 0 = 1 GiB where it has its own memory; CTXFIT_RESERVE_NONE */
    uint64_t     limit_tokens;      /**< a limit from elsewhere (a label in a config file) that requests are held against; 0 = none */
    uint32_t     sequences;         /**< parallel sequences (-np); 0 = 1 */
    uint32_t     batch_tokens;      /**< (-b); 0 = 2048 */
    uint32_t     ubatch_tokens;     /**< (-ub); 0 = 512 */
    uint32_t     outputs_max;       /**< rows of logits of a batch; 0 = one per sequence, as llama-server; UINT32_MAX = every token */
    ctxfit_quant kv_key;            /**< (-ctk); 0 = F16 */
    ctxfit_quant kv_value;          /**< (-ctv); 0 = F16 */
    uint32_t     flash_attention;   /**< CTXFIT_CHOICE_* (-fa); default: on where the engine can */
    uint32_t     kv_unified;        /**< CTXFIT_CHOICE_* (--kv-unified); default off */
    uint32_t     swa_full;          /**< CTXFIT_CHOICE_* (--swa-full); default off; TensorRT-LLM: on, OFF is max_attention_window */
    uint32_t     kv_offload;        /**< CTXFIT_CHOICE_* (--no-kv-offload is OFF); default on */
    uint32_t     op_offload;        /**< CTXFIT_CHOICE_* (--no-op-offload is OFF); default on */
    uint32_t     mmap;              /**< CTXFIT_CHOICE_* (--no-mmap is OFF); default on */
    uint32_t     repack;            /**< CTXFIT_CHOICE_* (--no-repack is OFF); default on */
    uint32_t     split_mode;        /**< CTXFIT_SPLIT_* (-sm) */
    uint32_t     gpu_layers;        /**< (-ngl) layers on GPUs, the output layer being one more; 0 = all; CTXFIT_GPU_LAYERS_NONE */
    uint32_t     cpu_expert_layers; /**< (--n-cpu-moe) the first n layers keep their experts on the host; CTXFIT_ALL_LAYERS (--cpu-moe) */
    double       tensor_split[CTXFIT_MAX_SPLIT]; /**< (-ts) proportions per device; all 0 = by free memory */
    double       measured_prefill_tokens_per_s;  /**< measured on the real machine: used instead of the estimate; 0 = none */
    double       measured_decode_tokens_per_s;   /**< measured at a short context; 0 = none */
    char         engine[64];        /**< "llama.cpp@b10472", "ollama", "vllm", "sglang", "tensorrt-llm", "mlx-lm"; "" = newest llama.cpp */
    char         overrides[1024];   /**< (-ot) `pattern=buffer` pieces separated by commas or semicolons; buffer: CPU or a device (CUDA0) */
    char         limit_source[128]; /**< where limit_tokens comes from, for the answer ("agent.yaml: context_length") */
    uint64_t     model_ctx_tokens;  /**< Ollama: num_ctx of the Modelfile, where ctx_tokens is 0; 0 = none */
    uint64_t     default_ctx_tokens;/**< Ollama: the server's own (OLLAMA_CONTEXT_LENGTH), where both are 0; 0 = by the GPUs' memory */
    uint64_t     overhead_bytes;    /**< Ollama: held back on each GPU when that default is chosen (OLLAMA_GPU_OVERHEAD) */
    uint64_t     device_reserve_bytes[CTXFIT_MAX_SPLIT]; /**< kept free on that GPU; 0 = as reserve_bytes; CTXFIT_RESERVE_NONE */
    uint64_t     host_reserve_bytes; /**< kept free of host memory; 0 = what the machine keeps for the system; CTXFIT_RESERVE_NONE */
    double       memory_fraction;   /**< vLLM, SGLang: of a GPU's memory, TensorRT-LLM: of the rest; 0 = 0.92 (to 0.19 0.9), by size, 0.9 */
    uint64_t     kv_cache_bytes;    /**< these engines: of the cache on each GPU; 0 = what the rest leaves */
    uint32_t     tensor_parallel;   /**< these engines: GPUs that share each layer (-tp); 0 = 1 */
    uint32_t     pipeline_parallel; /**< these engines: stages of layers (-pp), each of `tensor_parallel` GPUs; 0 = 1 */
    uint32_t     block_tokens;      /**< these engines: tokens of a block; 0 = as the engine's release has it on that GPU */
    uint32_t     batch_sequences;   /**< these engines: sequences of a batch; 0 = 256 or 1024; SGLang: by the GPU; TensorRT-LLM: 2048 */
    uint32_t     draft_tokens;      /**< these engines, ExLlamaV3: drafted at once, by own blocks or a draft; 0 = none; at most 64 */
    uint32_t     reserved0;         /**< 0 */
} ctxfit_plan_options;
#define CTXFIT_PLAN_OPTIONS_INIT                                                                                           \
    { (uint32_t)sizeof(ctxfit_plan_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0, {0}, {0}, {0}, \
      0, 0, 0, {0}, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Plans a run. "It does not fit" is an answer (summary.fit), not an error.
 * @param options NULL = defaults
 * @return OK; E_REFUSED (the engine does not run this combination; the message is its reason); E_INVALID_ARG (a value outside its
 *         range; the message names it); E_UNSUPPORTED (a choice that is not modelled yet: CTXFIT_SPLIT_ROW); E_LIMIT (too many or too
 *         large patterns in `overrides`); E_NOT_FOUND (engine); E_OVERFLOW; E_NO_MEMORY; E_STRUCT_SIZE; E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_make(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                          const ctxfit_allocator *allocator, ctxfit_plan **out, ctxfit_error *error);

/** Parameters of a model in Ollama that options of a plan have, bits. */
enum {
    CTXFIT_PARAMETER_NUM_CTX   = 1u << 0, /**< model_ctx_tokens, where ctx_tokens is 0 as well */
    CTXFIT_PARAMETER_NUM_BATCH = 1u << 1, /**< batch_tokens */
    CTXFIT_PARAMETER_NUM_GPU   = 1u << 2, /**< gpu_layers */
    CTXFIT_PARAMETER_USE_MMAP  = 1u << 3  /**< mmap */
};

/**
 * Sets what a model's own parameters say, where the engine of the options is Ollama and they leave it open; nothing under other engines.
 * Values are taken as Ollama takes them: a num_ctx below 4 is 4, a num_batch of 0 and a negative num_gpu are none. What is no whole
 * number is passed over. The last of several counts.
 * @param file the model's own
 * @param base those of the model that it is made from, which count where `file` has none of that name; NULL = none
 * @param out_set which were set, CTXFIT_PARAMETER_* bits; may be NULL
 * @return OK; E_NOT_FOUND (engine); E_INVALID_ARG (NULL); E_STRUCT_SIZE; E_NEWER_STRUCT. On failure the options stay as they are.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_apply_parameters(ctxfit_plan_options *options, const ctxfit_modelfile *file,
                                                      const ctxfit_modelfile *base, uint32_t *out_set, ctxfit_error *error);

/** Frees a plan; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_plan_free(ctxfit_plan *plan);

/** What the engine makes of the options, and the verdict. @since 0.1.0 */
typedef struct ctxfit_plan_summary {
    uint32_t struct_size;        /**< sizeof of this struct, as CTXFIT_PLAN_SUMMARY_INIT sets it */
    uint32_t fit;                /**< CTXFIT_FIT_* */
    uint64_t n_ctx;              /**< whole context after the engine's padding */
    uint64_t n_ctx_seq;          /**< of one sequence */
    uint32_t n_seq;              /**< sequences */
    uint32_t n_batch;            /**< tokens that one call may process */
    uint32_t n_ubatch;           /**< tokens that one pass processes */
    uint32_t flash_attention;    /**< 1 when used */
    uint32_t kv_unified;         /**< 1 when sequences share one cache */
    uint32_t streams;            /**< separate caches: 1 when unified */
    uint64_t kv_cells;           /**< tokens that one stream of the full cache holds; 0 = no such cache */
    uint64_t swa_cells;          /**< tokens that one stream of the window cache holds; 0 = no such cache */
    uint32_t gpu_layers;         /**< on GPUs, output layer included */
    uint32_t output_device;      /**< device of the output layer */
    uint32_t device_count;       /**< host included, which is the last */
    uint32_t constraint_count;   /**< entries of ctxfit_plan_get_constraint() */
    uint32_t warning_count;      /**< entries of ctxfit_plan_warning() */
    uint32_t pipeline;           /**< 1 when inputs are kept four times to overlap devices */
    int64_t  margin_bytes;       /**< smallest usable - total of all devices; negative: bytes missing */
    uint64_t max_ctx_seq_tokens; /**< largest context of one sequence that fits with the other options as given; 0 = none or not asked */
    uint32_t max_sequences;      /**< most sequences of n_ctx_seq each at the same time that fit; 0 = none or not asked */
    uint32_t compute_exact;      /**< 1: compute buffers are exact; 0: an upper bound */
    uint64_t weights_bytes;      /**< sums over all devices */
    uint64_t kv_bytes;           /**< kv + window kv + other caches */
    uint64_t recurrent_bytes;    /**< state of recurrent layers */
    uint64_t compute_bytes;      /**< buffers of the graph; see `compute_exact` */
    uint64_t output_bytes;       /**< logits and embeddings */
    uint64_t total_bytes;        /**< everything above, with `beside_bytes` */
    ctxfit_engine_info engine;   /**< whose rules were followed */
    uint64_t beside_bytes;       /**< what runs beside the model; not in the parts above but in their total */
    uint32_t beside_count;       /**< entries of ctxfit_plan_get_beside() */
    uint32_t reserved0;          /**< 0 */
} ctxfit_plan_summary;
#define CTXFIT_PLAN_SUMMARY_INIT                                                                                           \
    { (uint32_t)sizeof(ctxfit_plan_summary), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
      {0, 0, 0, 0, {0}, {0}}, 0, 0, 0 }

/** The verdict. @return OK, E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_plan_get_summary(const ctxfit_plan *plan, ctxfit_plan_summary *out);

/** Where the context of a plan comes from. */
enum {
    CTXFIT_CTX_FROM_REQUEST = 1, /**< it was asked for (ctx_tokens) */
    CTXFIT_CTX_FROM_FILE    = 2, /**< the Modelfile */
    CTXFIT_CTX_FROM_SERVER  = 3, /**< the server's setting */
    CTXFIT_CTX_FROM_MEMORY  = 4, /**< the engine's default for this much GPU memory */
    CTXFIT_CTX_FROM_MODEL   = 5  /**< the trained length */
};

/** What the engine itself goes by, where it has rules of its own; zero where it has not. @since 0.1.0 */
typedef struct ctxfit_plan_engine {
    uint32_t struct_size;          /**< sizeof of this struct, as CTXFIT_PLAN_ENGINE_INIT sets it */
    uint32_t ctx_source;           /**< CTXFIT_CTX_FROM_* */
    uint64_t ctx_tokens;           /**< its setting for the context, before it is padded; of one sequence where the engine sets that */
    uint64_t default_memory_bytes; /**< GPU memory by which a default context was chosen (CTXFIT_CTX_FROM_MEMORY) */
    uint64_t predicted_bytes;      /**< its own estimate of the model with its cache: what it decides by, not what is taken */
    uint64_t available_bytes;      /**< memory that it holds the estimate against */
    uint32_t serial;               /**< 1 when it does not run the sequences that were asked for at the same time */
    uint32_t groups;               /**< of a paged cache (vLLM): groups of layers that each take blocks */
    uint32_t block_tokens;         /**< of a paged cache: tokens of a block, in the group with the fewest */
    uint32_t tensor_ranks;         /**< GPUs that share each layer */
    uint32_t stages;               /**< pipeline stages */
    uint32_t reserved0;            /**< 0 */
    uint64_t block_bytes;          /**< of a block of the pool, on the first stage */
    uint64_t pool_bytes;           /**< left for the cache on the GPU with the least, at the upper end of what profiling may find */
    uint64_t pool_blocks;          /**< blocks in `pool_bytes` */
    uint64_t pool_most_blocks;     /**< blocks at the lower end of what profiling may find */
    uint64_t pool_tokens;          /**< what the engine's log calls the size of the cache, from `pool_blocks` */
    uint64_t pool_most_tokens;     /**< from `pool_most_blocks` */
    uint64_t request_blocks;       /**< blocks that one request of the planned context takes */
    uint64_t longest_tokens;       /**< the longest request, up to the planned context, that `pool_blocks` hold */
    double   concurrency;          /**< requests of the planned context at the same time, as the log has it; as `state_slots` allow */
    uint64_t state_slots;          /**< of recurrent states in the same pool (SGLang) */
} ctxfit_plan_engine;
#define CTXFIT_PLAN_ENGINE_INIT { (uint32_t)sizeof(ctxfit_plan_engine), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** What the engine goes by. @return OK, E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_plan_get_engine(const ctxfit_plan *plan, ctxfit_plan_engine *out);

/** One device of a plan. @since 0.1.0 */
typedef struct ctxfit_plan_device {
    uint32_t struct_size;       /**< sizeof of this struct, as CTXFIT_PLAN_DEVICE_INIT sets it */
    uint32_t kind;              /**< CTXFIT_DEVICE_* */
    uint32_t backend;           /**< CTXFIT_BACKEND_* */
    uint32_t layers;            /**< of the trunk whose weights are here */
    uint64_t capacity_bytes;    /**< memory of the device, or the GPU's budget of unified memory */
    uint64_t usable_bytes;      /**< that this run may take: capacity (or what is free) less the reserve, or the engine's part of it;
                                     where the cache has a part of what the rest leaves, or a stated size (TensorRT-LLM,
                                     kv_cache_bytes), the rest and that; UINT64_MAX = not stated */
    uint64_t weights_bytes;     /**< tensors that are placed here */
    uint64_t kv_bytes;          /**< cache that spans the context */
    uint64_t kv_swa_bytes;      /**< cache of sliding-window and chunked layers */
    uint64_t recurrent_bytes;   /**< state of recurrent layers, of constant size per sequence */
    uint64_t kv_other_bytes;    /**< indexer */
    uint64_t compute_bytes;     /**< exact or upper bound, see ctxfit_plan_summary::compute_exact */
    uint64_t compute_low_bytes; /**< lower end of the band */
    uint64_t output_bytes;      /**< logits, on the host */
    uint64_t total_bytes;       /**< sum of the parts above, with `compute_bytes`, and of `beside_bytes` */
    int64_t  free_bytes;        /**< usable - total; negative: bytes missing. Of a host whose memory is unified, less what the GPUs take
                                     of the same memory; INT64_MAX = not stated */
    char     name[64];          /**< engine's name ("CUDA0", "Metal", "host") */
    char     id[64];            /**< of the hardware */
    uint64_t beside_bytes;      /**< what runs beside the model here */
    uint64_t tower_bytes;       /**< of the weights: eyes and ears of a checkpoint, and what else its files have beside the decoder */
} ctxfit_plan_device;
#define CTXFIT_PLAN_DEVICE_INIT { (uint32_t)sizeof(ctxfit_plan_device), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}, 0, 0 }

/** One device; the host is the last. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_plan_get_device(const ctxfit_plan *plan, uint32_t index, ctxfit_plan_device *out);

/** What can limit the context of one sequence. */
enum {
    CTXFIT_LIMIT_CONFIGURED   = 1, /**< limit_tokens of the options */
    CTXFIT_LIMIT_REQUESTED    = 2, /**< the context that was asked for */
    CTXFIT_LIMIT_SLOTS        = 3, /**< the context that was asked for, divided among the sequences */
    CTXFIT_LIMIT_TRAINED      = 4, /**< what the model is made for */
    CTXFIT_LIMIT_ROPE_SCALING = 5, /**< length before rope scaling: beyond it quality may fall; never binding */
    CTXFIT_LIMIT_DEVICE       = 6, /**< memory of a device */
    CTXFIT_LIMIT_GPU_BUDGET   = 7, /**< the part of unified memory that a GPU may use */
    CTXFIT_LIMIT_HOST         = 8, /**< host memory */
    CTXFIT_LIMIT_ENGINE       = 9  /**< a rule of the engine */
};

/** One limit. @since 0.1.0 */
typedef struct ctxfit_constraint {
    uint32_t struct_size;  /**< sizeof of this struct, as CTXFIT_CONSTRAINT_INIT sets it */
    uint32_t kind;         /**< CTXFIT_LIMIT_* */
    uint32_t device;       /**< of a memory limit, otherwise UINT32_MAX */
    uint32_t binding;      /**< 1 for the smallest limit, which comes first, unless nothing limits */
    uint64_t limit_tokens; /**< context of one sequence that it allows; UINT64_MAX = it does not limit, or was not looked for */
    int64_t  slack_bytes;  /**< of a memory limit: bytes left (negative: missing) at the planned context; otherwise 0 */
    char     source[192];  /**< where the limit comes from, in words */
    uint64_t fits_tokens;  /**< of a memory limit: the longest context of one sequence that is known to fit there: `limit_tokens`, or
                                the longest that the engine takes; UINT64_MAX = bytes there do not depend on it; 0 = none */
} ctxfit_constraint;
#define CTXFIT_CONSTRAINT_INIT { (uint32_t)sizeof(ctxfit_constraint), 0, 0, 0, 0, 0, {0}, 0 }

/** A limit by index, the binding one first. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_plan_get_constraint(const ctxfit_plan *plan, uint32_t index, ctxfit_constraint *out);
/** Short name of a kind: "trained", "slots", ...; "unknown" otherwise. Never NULL; lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_limit_name(uint32_t kind);

/** A warning in words by index, NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_plan_warning(const ctxfit_plan *plan, uint32_t index);

/** A rate or a time with its band. @since 0.1.0 */
typedef struct ctxfit_estimate {
    uint32_t struct_size; /**< sizeof of this struct, as CTXFIT_ESTIMATE_INIT sets it */
    uint32_t basis; /**< CTXFIT_BASIS_* */
    double   value; /**< 0 = unknown */
    double   low;   /**< lower end of the band */
    double   high;  /**< upper end of the band */
} ctxfit_estimate;
#define CTXFIT_ESTIMATE_INIT { (uint32_t)sizeof(ctxfit_estimate), 0, 0, 0, 0 }
/** Where an estimate comes from. */
enum {
    CTXFIT_BASIS_UNKNOWN    = 0, /**< there is none: the machine lacks a rate */
    CTXFIT_BASIS_CALIBRATED = 1, /**< formulas whose constants are fitted to measurements of other machines */
    CTXFIT_BASIS_MEASURED   = 2  /**< a rate that the options state as measured */
};

/** Decode rate of one sequence, tokens/s, with `depth_tokens` in its context. @return OK, E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_plan_get_decode_rate(const ctxfit_plan *plan, uint64_t depth_tokens, ctxfit_estimate *out);
/** Seconds to process `prompt_tokens` of which the first `cached_tokens` are cached already. @return as above. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_plan_get_prompt_time(const ctxfit_plan *plan, uint64_t prompt_tokens, uint64_t cached_tokens,
                                                     ctxfit_estimate *out);

/** What one decoded token costs on one device. Parts work one after the other: the seconds add up to the decode time. @since 0.1.0 */
typedef struct ctxfit_plan_part {
    uint32_t struct_size;           /**< sizeof of this struct, as CTXFIT_PLAN_PART_INIT sets it */
    uint32_t blocks;                /**< mixers and feed-forwards of the layers here */
    uint64_t weight_bytes;          /**< weights read for a token: of experts those in use */
    uint64_t cache_bytes;           /**< caches read, at that depth */
    uint64_t state_bytes;           /**< recurrent state, read and written */
    uint64_t link_bytes;            /**< hidden states that come from other devices for it, and results of the host's matrices */
    uint64_t copied_bytes_per_pass; /**< of a prompt: the host's weights that each micro-batch brings here */
    double   seconds;               /**< time of the reads and the blocks; 0 = unknown, or nothing here */
    double   link_seconds;          /**< time of link_bytes by the link's bandwidth, not in `seconds`; 0 = no link stated, or nothing */
} ctxfit_plan_part;
#define CTXFIT_PLAN_PART_INIT { (uint32_t)sizeof(ctxfit_plan_part), 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * What a decoded token costs on a device, with `depth_tokens` in its context; the host is the last.
 * @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_get_part(const ctxfit_plan *plan, uint32_t device, uint64_t depth_tokens, ctxfit_plan_part *out);

/** A request to hold against a plan. @since 0.1.0 */
typedef struct ctxfit_request {
    uint32_t struct_size;   /**< sizeof of this struct, as CTXFIT_REQUEST_INIT sets it */
    uint32_t flags;         /**< none yet */
    uint64_t prompt_tokens; /**< whole prompt, cached part included */
    uint64_t cached_tokens; /**< of the prompt, already in the cache */
    uint64_t output_tokens; /**< most that may be generated */
    double   deadline_s;    /**< for prompt and output together; 0 = none */
} ctxfit_request;
#define CTXFIT_REQUEST_INIT { (uint32_t)sizeof(ctxfit_request), 0, 0, 0, 0, 0 }

/** Outcome of a check, bits. */
enum {
    CTXFIT_CHECK_OK       = 0,
    CTXFIT_CHECK_OVERFLOW = 1u << 0, /**< prompt and output are more tokens than the limit */
    CTXFIT_CHECK_TOO_SLOW = 1u << 1, /**< it is expected behind the deadline */
    CTXFIT_CHECK_NO_FIT   = 1u << 2  /**< the plan itself does not fit */
};

/** The answer to a request. @since 0.1.0 */
typedef struct ctxfit_check {
    uint32_t struct_size;          /**< sizeof of this struct, as CTXFIT_CHECK_INIT sets it */
    uint32_t outcome;              /**< CTXFIT_CHECK_* bits */
    uint64_t overflow_tokens;      /**< beyond the limit; 0 = none */
    uint64_t limit_tokens;         /**< that the request was held against */
    uint32_t limit_kind;           /**< CTXFIT_LIMIT_* of that limit */
    uint32_t reserved0;            /**< 0 */
    double   expected_s;           /**< 0 = unknown */
    double   expected_low_s;       /**< lower end of its band */
    double   expected_high_s;      /**< upper end of its band */
    double   late_s;               /**< expected_s - deadline when positive */
    uint64_t largest_prompt_tokens;/**< prompt with the same cached and output tokens that would pass; 0 = none */
} ctxfit_check;
#define CTXFIT_CHECK_INIT { (uint32_t)sizeof(ctxfit_check), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Holds a request against a plan. No allocation, no lock, no system call; any number of threads.
 * @return OK, E_INVALID_ARG (NULL; cached above prompt; a negative or non-finite deadline), E_STRUCT_SIZE, E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_check(const ctxfit_plan *plan, const ctxfit_request *request, ctxfit_check *out);

/** In what two plans can differ. They are listed as settings (FIT to BATCH), parts (WEIGHTS to OUTPUT and BESIDE, the largest difference
 *  first), TOTAL, USABLE, and what the rest allows (MAX_CONTEXT, MAX_SEQUENCES). */
enum {
    CTXFIT_DIFFERS_FIT           = 1,  /**< the verdict: CTXFIT_FIT_* */
    CTXFIT_DIFFERS_CONTEXT       = 2,  /**< of one sequence, tokens */
    CTXFIT_DIFFERS_SEQUENCES     = 3,  /**< at the same time */
    CTXFIT_DIFFERS_BATCH         = 4,  /**< tokens of one pass */
    CTXFIT_DIFFERS_USABLE        = 5,  /**< bytes that may be used, of the GPUs that take part */
    CTXFIT_DIFFERS_WEIGHTS       = 6,  /**< this to TOTAL: bytes on all devices */
    CTXFIT_DIFFERS_CACHE         = 7,  /**< of every kind of cache */
    CTXFIT_DIFFERS_STATE         = 8,  /**< of recurrent layers */
    CTXFIT_DIFFERS_COMPUTE       = 9,  /**< buffers, or what profiling finds */
    CTXFIT_DIFFERS_OUTPUT        = 10, /**< logits on the host */
    CTXFIT_DIFFERS_TOTAL         = 11, /**< everything */
    CTXFIT_DIFFERS_MAX_CONTEXT   = 12, /**< largest context that fits, tokens */
    CTXFIT_DIFFERS_MAX_SEQUENCES = 13, /**< most sequences that fit */
    CTXFIT_DIFFERS_BESIDE        = 14  /**< bytes of what runs beside the model */
};

/** One difference. @since 0.1.0 */
typedef struct ctxfit_difference {
    uint32_t struct_size; /**< sizeof of this struct, as CTXFIT_DIFFERENCE_INIT sets it */
    uint32_t kind;        /**< CTXFIT_DIFFERS_* */
    uint64_t a;           /**< value in the first plan */
    uint64_t b;           /**< value in the second */
    char     reason[256]; /**< why, in words, from the rules of both engines: never the same of both */
    int64_t  bytes;       /**< b - a where these are bytes: those of all parts add up to that of TOTAL; otherwise 0 */
} ctxfit_difference;
#define CTXFIT_DIFFERENCE_INIT { (uint32_t)sizeof(ctxfit_difference), 0, 0, 0, {0}, 0 }

/**
 * What differs between two plans, and why: of the same model and machine under two engines, say. One difference by index; plans
 * that answer alike have none. No allocation; any number of threads.
 * @return OK, E_NOT_FOUND (past the last difference), E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_compare(const ctxfit_plan *a, const ctxfit_plan *b, uint32_t index, ctxfit_difference *out);
/** Name of a difference as keys of the JSON have it ("kv_bytes"); "unknown" otherwise. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_difference_name(uint32_t kind);

/**
 * The best (largest) file type of the model that still fits a context with the given options.
 * @param out_file_type 0 when none fits
 * @return as ctxfit_plan_make(). @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_best_file_type(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                                    const ctxfit_allocator *allocator, ctxfit_file_type *out_file_type,
                                                    ctxfit_error *error);

/**
 * Writes the plan as JSON ("schema":"ctxfit.plan/1"); keys are only ever added. Text rules of base.h.
 * @param id a string to repeat as "id", or NULL
 * @return OK, E_BUFFER_SIZE, E_INVALID_ARG. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_write_json(const ctxfit_plan *plan, const char *id, char *buf, size_t cap, size_t *out_len);

#ifdef __cplusplus
}
#endif
#endif
