/**
 * @file beside.h
 * @brief What runs beside a model in the same process, counted in its plan: a draft, LoRA adapters, a projector.
 *
 *     ctxfit_beside *beside;
 *     ctxfit_plan   *plan;
 *
 *     ctxfit_beside_new(NULL, &beside, NULL);
 *     ctxfit_beside_add_draft(beside, small_model, NULL, NULL);
 *     ctxfit_plan_make_beside(model, hw, &options, beside, NULL, &plan, NULL);
 *     ctxfit_beside_free(beside);
 *
 * Totals, free bytes, the verdict, limits, the largest context and the most sequences of such a plan hold everything that runs: the cache
 * of a draft grows with the context of the model that it drafts for. ctxfit_plan_get_beside() tells the parts apart.
 *
 * A list is filled by one thread, and read by any number of them afterwards. Of GGUF headers it keeps a copy of what it needs; draft models
 * are borrowed, and must live as long as plans are made with the list. A plan needs neither once it is made.
 */
#ifndef CTXFIT_BESIDE_H
#define CTXFIT_BESIDE_H

#include "ctxfit/gguf.h"
#include "ctxfit/plan.h"
#include "ctxfit/projector.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A list of what runs beside a model. @since 0.1.0 */
typedef struct ctxfit_beside ctxfit_beside;

/** What runs beside a model. */
enum {
    CTXFIT_BESIDE_DRAFT     = 1, /**< a smaller model that drafts tokens */
    CTXFIT_BESIDE_NEXTN     = 2, /**< the model's own next-token-prediction blocks, drafting */
    CTXFIT_BESIDE_ADAPTER   = 3, /**< LoRA */
    CTXFIT_BESIDE_PROJECTOR = 4  /**< eyes or ears */
};

#define CTXFIT_MAX_BESIDE   16         /**< entries of a list */
#define CTXFIT_DEVICES_NONE UINT64_MAX /**< devices of a draft: the host alone, which computes everything of it */

/** An empty list. @param allocator NULL = malloc @return OK, E_INVALID_ARG, E_NO_MEMORY. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_beside_new(const ctxfit_allocator *allocator, ctxfit_beside **out, ctxfit_error *error);
/** Frees a list; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_beside_free(ctxfit_beside *beside);
/** Entries of a list; 0 for NULL. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_beside_count(const ctxfit_beside *beside);

/** How a draft runs; every field: 0 = the engine's default. Names in brackets are llama-server's. @since 0.1.0 */
typedef struct ctxfit_draft_options {
    uint32_t     struct_size;       /**< sizeof of this struct, as CTXFIT_DRAFT_OPTIONS_INIT sets it */
    uint32_t     draft_tokens;      /**< most tokens that are drafted at once (--spec-draft-n-max); 0 = 3; at most 65535 */
    uint64_t     ctx_tokens;        /**< context of its own (-cd of older builds); 0 = that of the model, as newer builds have it */
    uint64_t     devices;           /**< (-devd) bit n: it may use device n of the plan; 0 = all; CTXFIT_DEVICES_NONE */
    uint32_t     gpu_layers;        /**< (-ngld) 0 = all; CTXFIT_GPU_LAYERS_NONE */
    uint32_t     cpu_expert_layers; /**< (-ncmoed) CTXFIT_ALL_LAYERS (-cmoed) */
    ctxfit_quant kv_key;            /**< (-ctkd) 0 = F16, whatever the model has */
    ctxfit_quant kv_value;          /**< (-ctvd) the same */
    char         overrides[1024];   /**< (-otd) as ctxfit_plan_options::overrides */
} ctxfit_draft_options;
#define CTXFIT_DRAFT_OPTIONS_INIT { (uint32_t)sizeof(ctxfit_draft_options), 0, 0, 0, 0, 0, 0, 0, {0} }

/**
 * Adds a draft model. What it shares with the model that it drafts for (sequences, batch, flash attention, ...) follows that one's options.
 * Under vLLM and SGLang its caches are in the pool of the model, and only `draft_tokens` is its own (0 there: that of the plan's options).
 * @param draft borrowed: it must live until plans are made
 * @param options NULL = defaults
 * @return OK; E_INVALID_ARG (NULL); E_LIMIT (the list drafts already, or is full); E_STRUCT_SIZE; E_NEWER_STRUCT. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_beside_add_draft(ctxfit_beside *beside, const ctxfit_model *draft, const ctxfit_draft_options *options,
                                                 ctxfit_error *error);

/**
 * Lets the model's own next-token-prediction blocks draft (--spec-type draft-mtp): their weights, which are not loaded otherwise, a cache
 * of their own, and a compute buffer. What hybrid models keep of their states to go back to is in the model's own parts.
 * @param options NULL = defaults; only `draft_tokens`, `kv_key` and `kv_value` are theirs
 * @return OK; E_INVALID_ARG (NULL, another option); E_LIMIT (the list drafts already, or is full); E_STRUCT_SIZE; E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_beside_add_nextn(ctxfit_beside *beside, const ctxfit_draft_options *options, ctxfit_error *error);

/**
 * Adds a LoRA adapter: its tensors lie where those of the model lie that they belong to. That it belongs to the model is checked when a
 * plan is made. Where the plan's compute buffers are exact they hold what it adds; where they are a bound, so is its own entry.
 * @return OK; E_UNSUPPORTED (no adapter, another kind than LoRA, a format of unknown size); E_MALFORMED (a name that ends in neither
 *         .lora_a nor .lora_b, half of a pair); E_LIMIT (the list is full); E_INCOMPLETE (no architecture); E_TYPE; E_OVERFLOW;
 *         E_NO_MEMORY; E_INVALID_ARG. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_beside_add_adapter(ctxfit_beside *beside, const ctxfit_gguf *gguf, ctxfit_error *error);

/**
 * Adds a projector, whose weights are all on one device.
 * @param options NULL = defaults
 * @return OK; E_UNSUPPORTED (no projector, a format of unknown size); E_LIMIT (the list has one, or is full); E_INCOMPLETE (no
 *         architecture); E_TYPE; E_OVERFLOW; E_INVALID_ARG (NULL, unknown flags, more than one device); E_STRUCT_SIZE;
 *         E_NEWER_STRUCT. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_beside_add_projector(ctxfit_beside *beside, const ctxfit_gguf *gguf,
                                                     const ctxfit_projector_options *options, ctxfit_error *error);

/**
 * Notes a file that comes with the model and that no plan counts: plans with this list warn of it, with its bytes. It is no entry.
 * @param part  CTXFIT_PART_MODEL, _PROJECTOR, _ADAPTER or _DRAFT
 * @param name  of the file, copied; bytes past the 63rd are left out
 * @param bytes of its tensors; 0 = not known
 * @return OK; E_INVALID_ARG (NULL, an empty name, another part); E_LIMIT (16 are noted already). @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_beside_leave_out(ctxfit_beside *beside, uint32_t part, const char *name, uint64_t bytes,
                                                 ctxfit_error *error);

/**
 * Adds what a model of a store brings along, as Ollama runs it: its projector, its adapters, and its own prediction blocks where its
 * parameters have a draft_num_predict. A draft model is left out (which file of a name would draft is Ollama's to say), as
 * ctxfit_beside_leave_out() notes it, and then its own blocks do not draft either. Headers of the files are read; their paths are those of
 * ctxfit_modelfile_part(), of a Modelfile as it names them.
 * @param file  the model's own
 * @param model that the blocks are of; NULL = none
 * @return OK, also where there is nothing; as ctxfit_gguf_open(), ctxfit_beside_add_projector(), ctxfit_beside_add_adapter() and
 *         ctxfit_beside_add_nextn(); E_INVALID_ARG (NULL). On failure the list has what came before.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_beside_add_parts(ctxfit_beside *beside, const ctxfit_modelfile *file, const ctxfit_model *model,
                                                 ctxfit_error *error);

/**
 * Names an entry for plans, where two of a kind would look alike: by its file, say. Entries have a name without it.
 * @param index of the entry, in the order in which entries were added
 * @param name  copied; bytes past the 63rd are left out
 * @return OK, E_NOT_FOUND (past the last entry), E_INVALID_ARG (NULL, an empty name). @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_beside_set_name(ctxfit_beside *beside, uint32_t index, const char *name, ctxfit_error *error);

/**
 * Plans a run with what runs beside it.
 * @param beside NULL = nothing: ctxfit_plan_make()
 * @return as ctxfit_plan_make(), and: E_REFUSED (the engine does not run the model with this: a draft with another vocabulary, an adapter
 *         of another model; the message is its reason); E_UNSUPPORTED (what this engine does with it is not modelled);
 *         E_INCOMPLETE (the file of a projector lacks a key); E_INVALID_ARG (a device that the machine does not have).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_make_beside(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                                 const ctxfit_beside *beside, const ctxfit_allocator *allocator, ctxfit_plan **out,
                                                 ctxfit_error *error);

/** ctxfit_plan_best_file_type() of the model with what runs beside it. @return as both. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_plan_best_file_type_beside(const ctxfit_model *model, const ctxfit_hw *hw,
                                                           const ctxfit_plan_options *options, const ctxfit_beside *beside,
                                                           const ctxfit_allocator *allocator, ctxfit_file_type *out_file_type,
                                                           ctxfit_error *error);

/** What one entry takes on one device, or on all. @since 0.1.0 */
typedef struct ctxfit_plan_beside {
    uint32_t struct_size;       /**< sizeof of this struct, as CTXFIT_PLAN_BESIDE_INIT sets it */
    uint32_t kind;              /**< CTXFIT_BESIDE_* */
    uint32_t device;            /**< UINT32_MAX = the sum of all */
    uint32_t compute_exact;     /**< 1: compute buffers are exact; 0: an upper bound */
    uint32_t layers;            /**< of a draft whose weights are here */
    uint32_t draft_tokens;      /**< of a draft: most that it drafts at once */
    uint64_t n_ctx_seq;         /**< of a draft: context of one sequence */
    uint64_t weights_bytes;     /**< tensors that are placed here */
    uint64_t kv_bytes;          /**< of a draft: caches of every kind; 0 where they are in the model's pool (vLLM, SGLang) */
    uint64_t recurrent_bytes;   /**< of a draft: state of recurrent layers */
    uint64_t compute_bytes;     /**< buffers of its graph; of an adapter 0 where the model's holds it, else by how much that may grow */
    uint64_t compute_low_bytes; /**< lower end of the band */
    uint64_t output_bytes;      /**< of a draft: logits, on the host */
    uint64_t total_bytes;       /**< sum of the parts above, with `compute_bytes` */
    char     name[64];          /**< as ctxfit_beside_set_name() says; otherwise of the draft, type of the projector, architecture of the
                                     adapter */
} ctxfit_plan_beside;
#define CTXFIT_PLAN_BESIDE_INIT { (uint32_t)sizeof(ctxfit_plan_beside), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0} }

/**
 * What an entry takes, in the order in which entries were added.
 * @param device UINT32_MAX = the sum of all devices
 * @return OK, E_NOT_FOUND (past the last entry or device), E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_plan_get_beside(const ctxfit_plan *plan, uint32_t index, uint32_t device, ctxfit_plan_beside *out);
/** Short name of a kind: "draft", "nextn", "adapter", "projector"; "unknown" otherwise. Never NULL; lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_beside_name(uint32_t kind);

#ifdef __cplusplus
}
#endif
#endif
