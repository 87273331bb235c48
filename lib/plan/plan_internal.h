/* From a question to a plan: measurements at any context, limits, rates, text. */
#ifndef CFI_PLAN_INTERNAL_H
#define CFI_PLAN_INTERNAL_H

#include "ctxfit/beside.h"
#include "graph/clip_internal.h"
#include "ctxfit/plan.h"
#include "memory/memory_internal.h"
#include "speed/speed_internal.h"

#define CFI_MAX_PLAN_DEVICES (CFI_MAX_DEVICES + 1)
#define CFI_MAX_WARNINGS 32u
#define CFI_NO_LIMIT UINT64_MAX

/* ---- what runs beside a model ---- */

/* A matrix of the model, by name, and the two of an adapter that are added to it. */
typedef struct cfi_beside_pair {
    const char *name;
    uint64_t    a[3];                      /* dimensions of .lora_a, */
    uint64_t    b[3];                      /* and of .lora_b */
    uint32_t    quant_a;
    uint32_t    quant_b;
    uint64_t    padded[CFI_PADDING_COUNT]; /* bytes of both */
} cfi_beside_pair;

typedef struct cfi_beside_item {
    uint32_t             kind;                      /* CTXFIT_BESIDE_* */
    const ctxfit_model  *draft;                     /* borrowed */
    ctxfit_draft_options draft_options;
    ctxfit_companion     companion;                 /* of an adapter */
    ctxfit_projector     projector;
    ctxfit_projector_options projector_options;
    cfi_beside_pair     *pair;                      /* of an adapter, by name */
    uint32_t             pair_count;
    char                 name[64];                  /* "": as the entry itself says */
} cfi_beside_item;

/* What comes with the model and is not counted. */
typedef struct cfi_left_out {
    uint32_t part;  /* CTXFIT_PART_* */
    uint64_t bytes; /* 0: not known */
    char     name[64];
} cfi_left_out;

struct ctxfit_beside {
    cfi_arena       arena;
    uint32_t        count;
    uint32_t        left_count;
    cfi_beside_item item[CTXFIT_MAX_BESIDE];
    cfi_left_out    left[CTXFIT_MAX_BESIDE];
};

/* What stays the same while the context and the number of sequences vary. */
typedef struct cfi_question {
    const ctxfit_model *model;
    const ctxfit_hw    *hw;
    ctxfit_plan_options options;
    cfi_engine_choice   engine;
    cfi_engine_length   length;                         /* that the engine takes of the model */
    uint32_t            device_count;                   /* without the host */
    cfi_engine_device   engine_device[CFI_MAX_DEVICES];
    cfi_engine_memory   engine_memory[CFI_MAX_DEVICES];
    uint32_t            hw_device[CFI_MAX_PLAN_DEVICES]; /* index in the machine; the host last */
    cfi_arena          *scratch;                        /* cfi_run.scratch of every answer; NULL: none */
    cfi_rank_weights   *weighed;                        /* cfi_run.weighed of every answer; NULL: none */
    uint64_t            capacity[CFI_MAX_PLAN_DEVICES];
    uint64_t            usable[CFI_MAX_PLAN_DEVICES];    /* CFI_NO_LIMIT: not stated */
    uint32_t            fit_gpu_layers;                  /* see cfi_engine_machine */
    uint32_t            fit_cpu_expert_layers;
    uint64_t            only_devices;                    /* bit n: device n may take part; 0: the engine decides */
    const ctxfit_beside *beside;                         /* NULL: nothing */
    const ctxfit_beside *left_out;                       /* the list that says what is not counted; NULL: none */
    cfi_engine_speculation speculation;                  /* draft_tokens 0: nothing of it drafts */
    const cfi_tensor  **beside_tensor[CTXFIT_MAX_BESIDE]; /* of an adapter: the model's, a pair each; see cfi_plan_meet_beside() */
    const cfi_adapted  *adapted;                          /* all adapters, for the graph; NULL: none */
    ctxfit_projector_memory projector;                    /* of the list's projector, on projector_device */
    uint32_t             projector_device;               /* device_count: the host */
    bool                 takes_images;                   /* there is a projector */
    bool                 projector_kept;                 /* on the host by the engine's own choice */
} cfi_question;

typedef struct cfi_answer {
    cfi_run    run;
    cfi_memory memory;
} cfi_answer;

/* The rates of a plan as polynomials, so that a check needs no walk over devices. Seconds of a prompt from position c to n:
 * fixed + linear (n - c) + quadratic (n^2 - c^2); of one generated token at depth d: decode_fixed + decode_linear d. */
typedef struct cfi_plan_cost {
    double fixed;
    double linear;
    double quadratic;
    double decode_fixed;
    double decode_linear;
} cfi_plan_cost;

enum { CFI_COST_EXPECTED = 0, CFI_COST_LOW, CFI_COST_HIGH, CFI_COST_COUNT };

struct ctxfit_plan {
    cfi_arena           arena;
    ctxfit_plan_summary summary;
    ctxfit_plan_device *device;
    ctxfit_constraint  *constraint;
    const char         *warning[CFI_MAX_WARNINGS];
    const char         *model_name;
    const char         *model_arch;
    ctxfit_model_info   model;
    ctxfit_checkpoint_info stored; /* a quantized checkpoint that the engine loads as it is; quant NONE: weights are not that */
    uint64_t            stored_bytes; /* of its tensors; UINT64_MAX: not known */
    cfi_answer          answer;
    ctxfit_plan_engine  engine;
    cfi_speed_part     *part;   /* one per device */
    cfi_plan_cost       cost[CFI_COST_COUNT];
    bool                prompt_known;
    bool                decode_known;
    bool                prompt_measured;
    bool                decode_measured;
    uint64_t            limit_tokens;   /* that requests are held against */
    uint32_t            limit_kind;
    ctxfit_plan_beside *beside;         /* summary.beside_count times: each device, then the sum */
    bool                limits_known;   /* false: the options left them out */
    bool                largest_asked;  /* the context is the largest that fits */
    uint32_t            longest_kind;   /* CTXFIT_LIMIT_*: what the largest context is limited by; 0: not looked for */
    uint32_t            longest_device; /* of a memory limit */
    uint32_t            sequences_kind; /* the same of the most sequences */
    uint32_t            sequences_device;
    bool                fitted;         /* the engine keeps on the host what is too much for the GPUs */
};

/* Inline for the request check, which costs little more than these. */
static inline double cfi_plan_prompt_seconds(const ctxfit_plan *plan, int which, double prompt_tokens, double cached_tokens)
{
    const cfi_plan_cost *c = &plan->cost[which];
    double               rest = prompt_tokens - cached_tokens;

    return rest > 0 ? c->fixed + rest * (c->linear + (prompt_tokens + cached_tokens) * c->quadratic) : 0;
}

static inline double cfi_plan_token_seconds(const ctxfit_plan *plan, int which, double depth_tokens)
{
    return plan->cost[which].decode_fixed + plan->cost[which].decode_linear * depth_tokens;
}

/* plan.c: what the engine does not check itself; ends every text. E_INVALID_ARG. */
ctxfit_status cfi_plan_check_options(ctxfit_plan_options *options, ctxfit_error *error);

/* best_file_type.c: whether people publish models in it, and llama-quantize makes it */
bool cfi_plan_is_published(ctxfit_file_type file_type);

/* capacity.c: q->options is set by the caller. E_NOT_FOUND for the engine. */
ctxfit_status cfi_plan_question(cfi_question *q, const ctxfit_model *model, const ctxfit_hw *hw, ctxfit_error *error);
uint32_t      cfi_plan_device_count(const cfi_question *q); /* host included */
const ctxfit_device *cfi_plan_hw_device(const cfi_question *q, uint32_t device);
/* Bytes of a rank's pool of cache blocks: stated, or what weights, states and `compute` leave of the engine's part. */
uint64_t      cfi_plan_pool_bytes(const cfi_question *q, const cfi_memory *memory, uint32_t device, uint64_t compute);
/* Bytes that a run may take of a device: where the cache has a part of what the rest leaves, or a stated size, the rest and that. */
uint64_t      cfi_plan_usable(const cfi_question *q, const cfi_memory *memory, uint32_t device);
/* usable - total, with unified memory counted against its host; INT64_MAX where nothing is stated. */
int64_t       cfi_plan_slack(const cfi_question *q, const cfi_memory *memory, uint32_t device);
int64_t       cfi_plan_margin(const cfi_question *q, const cfi_memory *memory);

/* measure.c */
/* Compute buffers by the graph, by their bound, or by the graph with what CUDA keeps, or of a full cache. */
typedef enum cfi_compute_as { CFI_AS_GRAPH, CFI_AS_BOUND, CFI_AS_FUSED, CFI_AS_FILLED } cfi_compute_as;

/* The model without what runs beside it. */
ctxfit_status cfi_plan_answer_alone(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_compute_as as, cfi_answer *out,
                                    ctxfit_error *error);
ctxfit_status cfi_plan_answer(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error);
/* `bound`: compute buffers by their bound, which takes a microsecond. */
ctxfit_status cfi_plan_answer_by(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, bool bound, cfi_answer *out,
                                 ctxfit_error *error);

/* What the engine knows of the machine. */
cfi_engine_machine cfi_plan_machine(const cfi_question *q);
/* With what CUDA keeps to run several operations as one. */
ctxfit_status cfi_plan_answer_fused(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error);
/* As it is when the cache is full. */
ctxfit_status cfi_plan_answer_filled(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error);

/* Whether the engine's graph can be measured: model, engine and devices are known in every detail. */
bool          cfi_plan_exact(const cfi_question *q);

/* beside_meet.c: whether the engine runs the model with these; finds the tensors that adapters belong to. E_REFUSED, E_UNSUPPORTED,
 * E_INVALID_ARG, E_NO_MEMORY. */
ctxfit_status cfi_plan_meet_beside(cfi_question *q, const ctxfit_beside *beside, cfi_arena *arena, ctxfit_error *error);
/* beside_measure.c */
/* Most that an entry drafts at once; 0 where it does not draft. */
uint32_t      cfi_beside_draft_tokens(const cfi_beside_item *item);
/* beside_measure.c: as plans name it. */
const char   *cfi_beside_item_name(const ctxfit_model *model, const cfi_beside_item *item);
/* beside_nextn.c: the context of the model's own prediction blocks, whose weights the model does not load otherwise; devices as in the
 * question. `run`: that of the model. */
ctxfit_status cfi_beside_size_nextn(const cfi_question *q, const cfi_beside_item *item, uint32_t sequences, const cfi_run *run,
                                    cfi_memory *out, ctxfit_error *error);
/* Adds what runs beside to an answer. */
ctxfit_status cfi_plan_add_beside(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_compute_as as, cfi_answer *out,
                                  ctxfit_error *error);
/* The entries of a plan, at its context. E_NO_MEMORY, and as the above. */
ctxfit_status cfi_plan_list_beside(ctxfit_plan *plan, const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences,
                                   ctxfit_error *error);

/* fitted.c: the same, where the engine keeps what is too much for the GPUs on the host by itself */
ctxfit_status cfi_plan_answer_fitted(cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error);

/* limits.c */
/* The whole context that gives one sequence `ctx_seq_tokens`: sequences with one cache share all of it. */
uint64_t      cfi_plan_whole_ctx(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t sequences);
/* The largest context of one sequence that the engine can count. */
uint64_t      cfi_plan_most_ctx(const cfi_question *q, uint32_t sequences);
/* Largest context of one sequence for which the device's slack is not negative, CFI_NO_LIMIT if it never is, 0 if always. */
ctxfit_status cfi_plan_device_limit(const cfi_question *q, uint32_t device, uint32_t sequences, uint64_t *out, ctxfit_error *error);
ctxfit_status cfi_plan_most_sequences(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t *out, ctxfit_error *error);
/* The device on which one sequence more does not fit; UINT32_MAX: it would, but the engine does not run it. */
ctxfit_status cfi_plan_sequences_device(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t sequences, uint32_t *out,
                                        ctxfit_error *error);

/* constraints.c */
ctxfit_status cfi_plan_constraints(ctxfit_plan *plan, const cfi_question *q, const uint64_t *device_limit, ctxfit_error *error);

/* cuda_notes.c: what layers on CUDA and ROCm devices take beside what is counted */
typedef struct cfi_cuda_notes {
    bool     has_experts;
    bool     fuses;         /* experts are run as one operation, for which tensors are kept */
    bool     scan_refused;  /* some layer's ssm_a stays on the CPU */
    uint32_t fused_device;  /* that needs most for it */
    uint64_t fused_bytes;
    uint64_t indexer_bytes; /* of scores that are written out; 0: they are not */
    uint64_t pool_bytes;    /* of scratch memory at the end of the context, without flash attention */
    uint64_t copied_bytes;  /* of F16 copies of a quantized cache, in the pool too */
} cfi_cuda_notes;

ctxfit_status cfi_plan_cuda_notes(const cfi_question *q, const cfi_answer *answer, cfi_cuda_notes *out, ctxfit_error *error);
bool          cfi_cuda_refuses_scan(const ctxfit_model *model, uint32_t build, uint32_t layer);
bool          cfi_cuda_refuses_indexer(const ctxfit_model *model, const cfi_run *run, uint32_t layer);

/* compare_words.c: why a plan has its value of that kind (CTXFIT_DIFFERS_*), behind `bytes` unless NULL; sizes in units
 * so much finer */
void          cfi_compare_words(const ctxfit_plan *plan, uint32_t kind, unsigned finer, const uint64_t *bytes, char *out, size_t cap);

/* warnings.c */
typedef struct cfi_warning_list {
    ctxfit_plan *plan;
    bool         out_of_memory;
} cfi_warning_list;

void          cfi_plan_warn(cfi_warning_list *list, const char *text);
/* unheard.c: settings that the engine does not have, or that have nothing to work on */
void          cfi_plan_warn_of_settings(cfi_warning_list *list, const cfi_question *q);
ctxfit_status cfi_plan_warnings(ctxfit_plan *plan, const cfi_question *q, ctxfit_error *error);

/* parts.c: what each memory reads and computes */
uint32_t      cfi_plan_parts(const cfi_answer *answer, const cfi_question *q, cfi_speed_part parts[CFI_MAX_PLAN_DEVICES]);

/* pool.c: what is known of a paged cache; nothing for other runs */
void          cfi_plan_pool(const cfi_question *q, const cfi_answer *answer, ctxfit_plan_engine *out);

/* rates.c */
ctxfit_status cfi_plan_rates(ctxfit_plan *plan, const cfi_question *q, ctxfit_error *error);

#endif
