/**
 * @file place.h
 * @brief Choosing how to run a model: which layers, experts and caches go where, with how much context, in which file type.
 *
 * plan.h answers what options mean; this header finds the options. A caller states what is fixed (#ctxfit_plan_options), what may be
 * chosen and what it is chosen for (#ctxfit_goal):
 *
 *     ctxfit_place       *place;
 *     ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
 *     ctxfit_goal         goal = CTXFIT_GOAL_INIT;
 *
 *     goal.objective = CTXFIT_OBJECTIVE_LARGEST_CONTEXT;
 *     ctxfit_place_solve(model, hw, &options, &goal, NULL, &place, NULL);
 *     ctxfit_place_get_options(place, &options);
 *     ctxfit_place_write_line(&options, "llama-server", "model.gguf", text, sizeof text, NULL);
 *
 * What comes out is a complete plan whose bytes were evaluated like those of any other plan: it is within every device's usable bytes
 * and within the host's. Where nothing fits, the answer says which memory lacks how many bytes, and the least change of each kind
 * that helps, each of them evaluated too.
 */
#ifndef CTXFIT_PLACE_H
#define CTXFIT_PLACE_H

#include "ctxfit/beside.h"
#include "ctxfit/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A chosen placement, or the reason why there is none. Immutable. @since 0.1.0 */
typedef struct ctxfit_place ctxfit_place;

/** What a choice is made for. */
enum {
    CTXFIT_OBJECTIVE_DEFAULT         = 0, /**< FASTEST_DECODE, or LARGEST_CONTEXT where the context is open */
    CTXFIT_OBJECTIVE_LARGEST_CONTEXT = 1, /**< of one sequence. Nothing goes to the host for it unless `least_decode_tokens_per_s` allows */
    CTXFIT_OBJECTIVE_FASTEST_DECODE  = 2, /**< at the context that is asked for */
    CTXFIT_OBJECTIVE_BEST_QUALITY    = 3, /**< the best file type, then the best cache type, that holds context and rate */
    CTXFIT_OBJECTIVE_MOST_SEQUENCES  = 4  /**< of the context that is asked for */
};

/** What may be chosen; bits of ctxfit_goal::open. What is not open stays as the options say, or the engine's default. */
enum {
    CTXFIT_OPEN_CONTEXT      = 1u << 0, /**< ctx_tokens */
    CTXFIT_OPEN_SEQUENCES    = 1u << 1, /**< sequences */
    CTXFIT_OPEN_FILE_TYPE    = 1u << 2, /**< of the model */
    CTXFIT_OPEN_CACHE_TYPE   = 1u << 3, /**< kv_key and kv_value */
    CTXFIT_OPEN_GPU_LAYERS   = 1u << 4, /**< gpu_layers */
    CTXFIT_OPEN_TENSOR_SPLIT = 1u << 5, /**< tensor_split */
    CTXFIT_OPEN_HOST_TENSORS = 1u << 6, /**< cpu_expert_layers and overrides: experts, or feed-forward matrices, on the host */
    CTXFIT_OPEN_UBATCH       = 1u << 7, /**< ubatch_tokens */
    CTXFIT_OPEN_FLASH        = 1u << 8, /**< flash_attention */
    CTXFIT_OPEN_NOTHING      = 1u << 30 /**< alone: evaluate the options as they stand */
};

/** Flags of #ctxfit_goal. */
enum { CTXFIT_GOAL_F_NO_CHANGES = 1u << 0 /**< where nothing fits, do not look for changes that would help (fastest) */ };

/** What to choose, and what for; every field: 0 = the default. @since 0.1.0 */
typedef struct ctxfit_goal {
    uint32_t         struct_size;           /**< sizeof of this struct, as CTXFIT_GOAL_INIT sets it */
    uint32_t         flags;                 /**< CTXFIT_GOAL_F_* */
    uint32_t         objective;             /**< CTXFIT_OBJECTIVE_* */
    uint32_t         open;                  /**< CTXFIT_OPEN_* bits; 0 = where the tensors go, and what the objective asks for */
    uint64_t         least_ctx_seq_tokens;  /**< of an open context: the least that is worth having; 0 = 4096 */
    uint64_t         depth_tokens;          /**< in the context when decode is judged; 0 = all of it */
    double           least_decode_tokens_per_s; /**< slower is no answer; 0 = any rate */
    ctxfit_file_type worst_file_type;       /**< of an open file type; 0 = Q4_K_M */
    ctxfit_quant     worst_cache_type;      /**< of an open cache type: F16, Q8_0 or Q4_0; 0 = Q8_0 */
} ctxfit_goal;
#define CTXFIT_GOAL_INIT { (uint32_t)sizeof(ctxfit_goal), 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Chooses. "Nothing fits" is an answer (summary.found is 0), not an error. Margins are the options' `reserve_bytes`,
 * `device_reserve_bytes` and `host_reserve_bytes`.
 * @param options what is fixed; NULL = defaults. An option may not be fixed and open at once.
 * @param goal    NULL = defaults
 * @return OK; E_INVALID_ARG (an unknown objective or bit, an option that is fixed and open, a tensor_split that names more devices
 *         than there are; the message names it); E_NOT_FOUND (a file type or cache type that is none); and what ctxfit_plan_make()
 *         and, with an open file type, ctxfit_model_requantize() return.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_solve(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                            const ctxfit_goal *goal, const ctxfit_allocator *allocator, ctxfit_place **out,
                                            ctxfit_error *error);

/**
 * Chooses with what runs beside the model: every placement that is tried, its plan, reasons and changes count it. What is chosen is of the
 * model alone; a draft's own layers and experts are as its options say.
 * @param beside NULL = nothing: ctxfit_place_solve()
 * @return as ctxfit_place_solve() and ctxfit_plan_make_beside(). @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_solve_beside(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                                   const ctxfit_goal *goal, const ctxfit_beside *beside,
                                                   const ctxfit_allocator *allocator, ctxfit_place **out, ctxfit_error *error);

/** Frees a placement; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_place_free(ctxfit_place *place);

/** What was chosen. @since 0.1.0 */
typedef struct ctxfit_place_summary {
    uint32_t         struct_size;         /**< sizeof of this struct, as CTXFIT_PLACE_SUMMARY_INIT sets it */
    uint32_t         found;               /**< 1 when it fits; otherwise the rest tells of the nearest that was tried */
    uint32_t         objective;           /**< CTXFIT_OBJECTIVE_* that was followed */
    uint32_t         evaluations;         /**< placements that were evaluated to the byte */
    uint64_t         ctx_seq_tokens;      /**< context of one sequence */
    uint32_t         sequences;           /**< at the same time */
    uint32_t         ubatch_tokens;       /**< tokens of one pass */
    ctxfit_file_type file_type;           /**< of the model as placed; 0 = as it was given */
    ctxfit_quant     kv_key;              /**< format of the cache of keys */
    ctxfit_quant     kv_value;            /**< format of the cache of values */
    uint32_t         host_layers;         /**< whole layers on the host */
    uint32_t         host_expert_layers;  /**< further layers with experts, or feed-forward matrices, on the host */
    uint32_t         short_kind;          /**< not found: CTXFIT_LIMIT_DEVICE, _GPU_BUDGET or _HOST; 0 = the rate is too low */
    uint32_t         short_device;        /**< not found: the device that lacks memory; UINT32_MAX = none */
    uint32_t         reason_count;        /**< entries of ctxfit_place_reason() */
    uint32_t         change_count;        /**< entries of ctxfit_place_get_change() */
    uint32_t         reserved0;           /**< 0 */
    uint64_t         short_bytes;         /**< not found: bytes that it lacks */
    uint64_t         device_weights_bytes;/**< weights on devices */
    uint64_t         host_weights_bytes;  /**< weights on the host, token embeddings included */
    double           decode_tokens_per_s; /**< estimate at the depth that was asked for; 0 = unknown */
    double           device_share;        /**< of the bytes that a token reads: what devices read; 0 to 1 */
    uint32_t         nodes;               /**< linked machines that hold layers; 1 without links */
    uint32_t         alone_found;         /**< of linked machines: 1 when the first alone, with its host, does it too */
    uint64_t         alone_ctx_seq_tokens;/**< context that it then has; 0 = not found, or no linked machines */
    double           alone_decode_tokens_per_s; /**< rate that it then has; 0 = unknown, not found, or no linked machines */
    uint64_t         link_bytes_per_token; /**< that cross between linked machines for one decoded token */
} ctxfit_place_summary;
#define CTXFIT_PLACE_SUMMARY_INIT \
    { (uint32_t)sizeof(ctxfit_place_summary), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** What was chosen. @return OK, E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_place_get_summary(const ctxfit_place *place, ctxfit_place_summary *out);

/**
 * The options, complete: ctxfit_plan_make() with them, and with the model in the summary's file type, is the plan.
 * @return OK, E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_get_options(const ctxfit_place *place, ctxfit_plan_options *out);

/**
 * The plan of what was chosen, with its limits and rates; of the nearest that was tried where nothing fits. Borrowed; NULL for NULL.
 * @since 0.1.0
 */
CTXFIT_API const ctxfit_plan *ctxfit_place_plan(const ctxfit_place *place);

/** Why it was chosen, one sentence each, by index; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_place_reason(const ctxfit_place *place, uint32_t index);

/** What a change changes. */
enum {
    CTXFIT_CHANGE_CACHE_TYPE = 1, /**< `value` is a format */
    CTXFIT_CHANGE_CONTEXT    = 2, /**< tokens of one sequence */
    CTXFIT_CHANGE_SEQUENCES  = 3, /**< number */
    CTXFIT_CHANGE_FILE_TYPE  = 4, /**< `value` is a file type */
    CTXFIT_CHANGE_PLACEMENT  = 5, /**< where tensors go: open what was fixed */
    CTXFIT_CHANGE_DEVICE     = 6, /**< bytes of one more GPU */
    CTXFIT_CHANGE_HOST       = 7  /**< bytes of host memory in all */
};

/** The least change of a kind with which it fits. @since 0.1.0 */
typedef struct ctxfit_change {
    uint32_t struct_size; /**< sizeof of this struct, as CTXFIT_CHANGE_INIT sets it */
    uint32_t kind;        /**< CTXFIT_CHANGE_* */
    uint64_t now;         /**< what it is now; 0 where there is none */
    uint64_t value;       /**< what it would be */
    char     text[192];   /**< in words */
} ctxfit_change;
#define CTXFIT_CHANGE_INIT { (uint32_t)sizeof(ctxfit_change), 0, 0, 0, {0} }

/** A change by index. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_place_get_change(const ctxfit_place *place, uint32_t index, ctxfit_change *out);
/** Short name of a kind of change: "context", "cache_type", ...; "unknown" otherwise. Never NULL; lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_change_name(uint32_t kind);

/**
 * Writes the placement as JSON ("schema":"ctxfit.place/1"): what was chosen, why, changes, and the plan. Keys are only ever added. Text
 * rules of base.h.
 * @param id a string to repeat as "id", or NULL
 * @return OK, E_BUFFER_SIZE, E_INVALID_ARG. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_write_json(const ctxfit_place *place, const char *id, char *buf, size_t cap, size_t *out_len);

/* ---- several models on one machine ---- */

/** Several models on one machine. Immutable. @since 0.1.0 */
typedef struct ctxfit_place_set ctxfit_place_set;

/** Whether models run on one machine. */
enum {
    CTXFIT_SET_TOGETHER = 1, /**< all at the same time */
    CTXFIT_SET_SWAP     = 2, /**< each alone, not all at the same time */
    CTXFIT_SET_NONE     = 3  /**< at least one does not even run alone */
};

/**
 * Places several models at the same time, in the order that they are given: each takes of what those before it left, so a model whose
 * context is open leaves little. Margins are kept once.
 * @param models  `count` of them
 * @param options first of `count` (stride is options[0].struct_size), what is fixed of each; NULL = defaults
 * @param goals   first of `count` (stride is goals[0].struct_size); NULL = defaults
 * @return as ctxfit_place_solve(); E_INVALID_ARG also for a count of 0 or above 64. `detail` of the error is the place of the model.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_solve_set(const ctxfit_model *const *models, uint32_t count, const ctxfit_hw *hw,
                                                const ctxfit_plan_options *options, const ctxfit_goal *goals,
                                                const ctxfit_allocator *allocator, ctxfit_place_set **out, ctxfit_error *error);
/**
 * The same with what runs beside the models.
 * @param beside `count` lists, each of which may be NULL; NULL = nothing beside any: ctxfit_place_solve_set()
 * @return as ctxfit_place_solve_set() and ctxfit_place_solve_beside(). @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_solve_set_beside(const ctxfit_model *const *models, uint32_t count, const ctxfit_hw *hw,
                                                       const ctxfit_plan_options *options, const ctxfit_goal *goals,
                                                       const ctxfit_beside *const *beside, const ctxfit_allocator *allocator,
                                                       ctxfit_place_set **out, ctxfit_error *error);
/** Frees a set and its placements; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_place_set_free(ctxfit_place_set *set);
/** CTXFIT_SET_*; 0 for NULL. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_place_set_verdict(const ctxfit_place_set *set);
/**
 * A model's placement by index, NULL past the end. One that did not find room beside those before it says what it lacks there, and its
 * changes say what would help. Borrowed. @since 0.1.0
 */
CTXFIT_API const ctxfit_place *ctxfit_place_set_at(const ctxfit_place_set *set, uint32_t index);
/**
 * The machine with what is left free: ctxfit_place_solve() on it says whether one more model is admitted, and how. Borrowed; NULL for NULL.
 * @since 0.1.0
 */
CTXFIT_API const ctxfit_hw *ctxfit_place_set_rest(const ctxfit_place_set *set);

/* ---- lines: a plan's options as arguments of llama.cpp's programs, and back ---- */

/**
 * Writes the line that runs these options, quoted for a shell: `llama-server -m model.gguf -c 32768 ... -fit off`. What is 0 in the
 * options is left to the program, but for the number of sequences, whose default differs there. Text rules of base.h.
 * @param options    as of ctxfit_place_get_options(); what no argument says (engine, limits, reserves, outputs_max) is left out
 * @param program    "llama-server", "llama-cli" or a path that ends so; NULL = "llama-server"
 * @param model_path NULL = "MODEL.gguf"
 * @return OK, E_BUFFER_SIZE, E_INVALID_ARG (NULL options, another program), E_STRUCT_SIZE, E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_write_line(const ctxfit_plan_options *options, const char *program, const char *model_path,
                                                 char *buf, size_t cap, size_t *out_len);

/** What an argument of llama.cpp's programs is to a plan. */
enum {
    CTXFIT_ARGUMENT_UNKNOWN      = 0,
    CTXFIT_ARGUMENT_FOLLOWED     = 1, /**< a member of the options */
    CTXFIT_ARGUMENT_NO_SIZE      = 2, /**< no byte depends on it */
    CTXFIT_ARGUMENT_NOT_COUNTED  = 3, /**< it takes memory that a plan does not count */
    CTXFIT_ARGUMENT_NOT_FOLLOWED = 4  /**< it changes what is loaded, or where, in a way that options do not state */
};

/**
 * What an argument is, by its name ("--host", "-ngl").
 * @param out_words words of value that follow it; may be NULL
 * @return CTXFIT_ARGUMENT_*; UNKNOWN for NULL too. @since 0.1.0
 */
CTXFIT_API uint32_t ctxfit_place_find_argument(const char *name, uint32_t *out_words);

/** What a line says beside the options. @since 0.1.0 */
typedef struct ctxfit_line {
    uint32_t         struct_size;       /**< sizeof of this struct, as CTXFIT_LINE_INIT sets it */
    uint32_t         split_count;       /**< proportions that -ts states; 0 = none */
    ctxfit_file_type file_type;         /**< of -hf USER/REPOSITORY:TYPE; 0 = none */
    uint32_t         own_fit;           /**< CTXFIT_CHOICE_*: -fit; DEFAULT = not stated, then the program fits what is not stated */
    char             program[64];       /**< its last part ("llama-server"); "" = the line starts with an argument */
    char             model[512];        /**< -m, or the repository of -hf; "" = none */
    char             not_counted[256];  /**< arguments whose memory comes on top, with commas between */
    char             not_followed[256]; /**< arguments that options do not state */
} ctxfit_line;
#define CTXFIT_LINE_INIT { (uint32_t)sizeof(ctxfit_line), 0, 0, 0, {0}, {0}, {0}, {0} }

/**
 * Reads a line of llama-server or llama-cli as a shell would (quotes, backslashes, continued lines). Without -np llama-server runs
 * four sequences that share one cache, and the options say so.
 * @param out_options what it states; the rest is 0
 * @param out_line    may be NULL
 * @param error       `offset` is where the fault is
 * @return OK; E_MALFORMED (a quote without end, a value that is none; the message says what was expected); E_NOT_FOUND (an argument
 *         that llama.cpp does not have; the message has the nearest); E_LIMIT (a text that is too long); E_INVALID_ARG; E_STRUCT_SIZE.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_place_read_line(const char *text, ctxfit_plan_options *out_options, ctxfit_line *out_line,
                                                ctxfit_error *error);

#ifdef __cplusplus
}
#endif
#endif
