/* What an engine makes of a request: context, slots, batch, cache layout, placement of layers. */
#ifndef CFI_ENGINE_INTERNAL_H
#define CFI_ENGINE_INTERNAL_H

#include "ctxfit/engine.h"
#include "ctxfit/plan.h"
#include "model/arch_internal.h"

#define CFI_MAX_DEVICES 64u
#define CFI_ALL_DEVICES(count) ((count) >= 64 ? UINT64_MAX : (UINT64_C(1) << (count)) - 1)
#define CFI_CTX_STEP      256u /* llama.cpp pads contexts to it: b10472 src/llama-context.cpp:285 */
#define CFI_OLLAMA_VISION_CTX 2048u /* server/sched.go:174 */
#define CFI_LAYERS_ESTIMATED (UINT32_MAX - 1)
#define CFI_MAX_SEQUENCES 256u /* LLAMA_MAX_SEQ, llama.cpp b10472 src/llama-cparams.h:8 */

typedef enum cfi_engine_id {
#define CFI_ENGINE(id, name, per_sequence, step, sequences, source) CFI_ENGINE_##id,
#include "engines.def"
#undef CFI_ENGINE
    CFI_ENGINE_COUNT
} cfi_engine_id;

typedef struct cfi_engine_traits {
    char     name[16];
    bool     per_sequence;   /* its context option is that of one sequence */
    uint32_t ctx_step;       /* contexts are padded to a multiple */
    uint32_t most_sequences;
} cfi_engine_traits;

/* An engine in a version, as a name says: "ollama@0.32.1". */
typedef struct cfi_engine_choice {
    cfi_engine_id      id;
    uint32_t           release; /* of the rules that are taken: 0.32.0 is 3200; 0 for a build of llama.cpp */
    char               rules[16]; /* the known version that they are of */
    ctxfit_engine_info info;
} cfi_engine_choice;

/* What the engine needs to know of a device. The memory module fills it from the machine; the host is not among them. */
typedef struct cfi_engine_device {
    uint32_t backend;    /* CTXFIT_BACKEND_* */
    uint64_t free_bytes; /* decides the default split */
} cfi_engine_device;

/* What some engines hold their defaults against, beside the devices. */
typedef struct cfi_engine_memory {
    uint64_t total_bytes; /* that the driver reports; the GPU's budget of unified memory */
    bool     shared;      /* with the host */
    bool     a100;        /* vLLM takes smaller batches on it than on others of its size */
    uint32_t capability;  /* of CUDA: 90 for sm_90; 0: not known */
} cfi_engine_memory;

/* What drafts for the model. */
typedef struct cfi_engine_speculation {
    uint32_t draft_tokens; /* that a sequence verifies at once, beside the one that it has */
    bool     rolls_back;   /* the drafter reads hidden states of the model, whose recurrent states are then kept to go back to */
    const ctxfit_model *draft; /* that runs in the pool of the model; NULL: its own blocks, or a draft with caches of its own */
} cfi_engine_speculation;

typedef struct cfi_engine_machine cfi_engine_machine;
struct cfi_engine_machine {
    const cfi_engine_device *device;
    const cfi_engine_memory *memory;    /* one per device; NULL: all of it is free and none is shared */
    uint32_t                 count;
    uint64_t                 host_free; /* 0: not stated */
    const cfi_engine_machine *whole;    /* where these are only the devices that take part; NULL: these are all */
    uint32_t                 fit_gpu_layers;        /* what the fitter of a llama-server leaves on GPUs; 0: all, as gpu_layers;
                                                     * CFI_LAYERS_ESTIMATED: as many as the engine's own estimate says */
    uint32_t                 fit_cpu_expert_layers; /* and of how many front layers it keeps the experts on the host */
    const cfi_engine_speculation *speculation;      /* NULL: nothing drafts */
    bool                     projector;             /* a file of one is beside the model */
};

/* What engines say of their own choices, beside the run. */
typedef struct cfi_engine_notes {
    uint32_t ctx_source;      /* CTXFIT_CTX_FROM_* */
    bool     serial;          /* sequences were asked for that the engine does not run at the same time */
    bool     no_flash;        /* flash attention was asked for that the engine does not have for the model or a GPU */
    bool     cache_plain;     /* a quantized cache was asked for that the engine does not make */
    bool     ctx_default;     /* CTXFIT_CTX_FROM_SERVER, where nothing is set for the server */
    uint64_t ctx_tokens;      /* its setting, of one sequence where its option is, before llama.cpp pads it */
    uint64_t default_memory;  /* that its default context was chosen by */
    uint64_t predicted;       /* bytes, its own estimate of the model with its cache */
    uint64_t available;       /* that it holds the estimate against */
} cfi_engine_notes;

/* ---- paged caches ---- */
#define CFI_MAX_PAGE_SPECS 16u
#define CFI_MAX_STAGES     16u

typedef enum cfi_page_kind {
    CFI_PAGE_FULL = 0,
    CFI_PAGE_SLIDING,
    CFI_PAGE_CHUNKED,
    CFI_PAGE_STATE /* recurrent: some pages a request, whatever its length */
} cfi_page_kind;

/* Layers that cache alike. A page is what one block takes in one layer. */
typedef struct cfi_page_spec {
    cfi_page_kind kind;
    uint32_t      layers;
    uint32_t      groups; /* that they are divided into: set by cfi_pages_group */
    uint32_t      block_tokens;
    uint32_t      window;
    uint32_t      state_pages;
    bool          latent;
    uint64_t      page_bytes;
} cfi_page_spec;

typedef enum cfi_shares {
    CFI_SHARES_NONE = 0, /* one pool */
    CFI_SHARES_EQUAL,
    CFI_SHARES_BY_WINDOW /* by tokens of the window x bytes of a token */
} cfi_shares;

typedef struct cfi_page_plan {
    uint32_t      count;
    uint32_t      groups;
    uint32_t      group_layers; /* 0 where all layers are one group */
    bool          uniform;      /* they are */
    bool          promotes;     /* windows are cached as the whole context where pages of latent attention cannot be made one size */
    uint32_t      extra_tokens; /* that a request takes beyond its length */
    cfi_shares    shares;       /* a pool for each window, and how its bytes are divided */
    cfi_page_spec spec[CFI_MAX_PAGE_SPECS];
} cfi_page_plan;

/* Place of the spec, with those it is like; UINT32_MAX: too many. */
uint32_t      cfi_pages_add(cfi_page_plan *plan, const cfi_page_spec *spec);
/* Gives all pages one size and divides layers into groups of one size. E_REFUSED where pages cannot be made one size. */
ctxfit_status cfi_pages_group(cfi_page_plan *plan, bool pads, ctxfit_error *error);
/* Bytes of a block of the pool. stage_layers: of each spec, those of one pipeline stage; NULL for all. False on overflow. */
bool          cfi_pages_block_bytes(const cfi_page_plan *plan, const uint32_t *stage_layers, uint64_t *out);
uint64_t      cfi_pages_request_blocks(const cfi_page_plan *plan, uint64_t tokens, uint64_t in_flight);
/* The longest request that so many blocks hold. */
uint64_t      cfi_pages_longest(const cfi_page_plan *plan, uint64_t blocks, uint64_t in_flight, uint64_t most_tokens);
uint64_t      cfi_pages_tokens(const cfi_page_plan *plan, uint64_t blocks, uint64_t tokens, uint64_t in_flight, bool by_groups);

#define CFI_VLLM_VOCABULARY_STEP 64u /* vLLM 0.33.0 model_executor/layers/vocab_parallel_embedding.py:36; SGLang the same */
#define CFI_RANKS_GRAPHS_HIGH (UINT64_C(1536) << 20) /* CUDA graphs of a batch of 512 or less: tests/data/engines/vllm_profile.csv */
#define CFI_RANKS_CONTEXT_LOW  (UINT64_C(40) << 20) /* driver and communication of a rank of vLLM or SGLang, beside torch's memory */
#define CFI_RANKS_CONTEXT_HIGH (UINT64_C(160) << 20)

/* Pools of one rank for a context, in order of their windows: windows.c. */
typedef struct cfi_windows {
    uint32_t   count;
    uint32_t   block_tokens;
    uint64_t   tokens; /* of a request */
    cfi_shares shares;
    struct {
        uint64_t window;
        uint64_t token_bytes; /* of a token in all layers with that window */
    } pool[CFI_MAX_PAGE_SPECS];
} cfi_windows;

/* stage_layers: of each spec, those of one pipeline stage. False on overflow. */
bool     cfi_windows_of(const cfi_page_plan *plan, const uint32_t *stage_layers, uint64_t tokens, cfi_windows *out);
/* Blocks that a request takes of a pool. */
uint64_t cfi_windows_blocks(const cfi_windows *w, uint32_t at);
/* Blocks of each pool, of so many bytes together. */
bool     cfi_windows_divide(const cfi_windows *w, uint64_t bytes, uint64_t blocks[CFI_MAX_PAGE_SPECS]);
/* The fewest bytes that hold so many requests. False where that is more than any memory. */
bool     cfi_windows_bytes(const cfi_windows *w, uint64_t sequences, uint64_t *out);
/* What the engine makes of windows that so few bytes do not hold for one request; the widest that is left. */
uint64_t cfi_windows_adjust(cfi_windows *w, uint64_t bytes);

/* Recurrent states in slots, which share the pool of a rank with its cache: state_slots.c. */
typedef struct cfi_state_slots {
    uint64_t slot_bytes;    /* of one state, in the layers of the largest stage; 0: none */
    uint32_t fixed;         /* slots; 0: by percent */
    uint32_t percent;       /* of the cache's bytes, for states */
    uint32_t padding;       /* slots that no request has, and that count */
    uint32_t each;          /* slots for each request at once */
    uint32_t drafted;       /* tokens after each of which a running request has a state */
    uint32_t most_requests; /* at once, where tokens are drafted */
    bool     together;      /* states of drafted tokens are in the part of the states, else beside both */
} cfi_state_slots;

/* Slots in a pool of so many bytes, and what they leave to the cache: 0 where the engine does not start. */
uint64_t cfi_slots_of(const cfi_state_slots *s, uint64_t bytes);
uint64_t cfi_slots_cache(const cfi_state_slots *s, uint64_t bytes);
/* A pool whose cache has so many bytes and that has slots for so many requests. False where that is more than 64 bits. */
bool     cfi_slots_pool(const cfi_state_slots *s, uint64_t cache, uint32_t requests, uint64_t *out);

/* A run whose cache is a pool of blocks on each rank. */
typedef struct cfi_paged {
    uint32_t      tensor_ranks; /* 0: no such run */
    uint32_t      stages;
    uint32_t      batch_sequences;
    uint32_t      null_blocks;
    uint64_t      graphs_low;       /* band of what CUDA graphs take, for which memory is kept free; 0: none is */
    uint64_t      graphs_high;
    bool          tokens_by_groups;
    bool          drafts;           /* the blocks behind the trunk are loaded and cached */
    uint32_t      most_blocks;      /* of them; 0: all */
    uint32_t      vocabulary_copies; /* of embeddings or the output matrix, that the last stage has of a drafter while the pool is sized */
    uint64_t      in_flight;
    uint64_t      cache_bytes;      /* of the pool, where it is stated */
    cfi_state_slots slots;          /* of recurrent state in the pool */
    uint32_t      logit_copies;     /* of all sequences, in the widest step of the profiling run */
    bool          profiled;         /* activations are inside the part of the memory that the engine takes */
    uint32_t      peak_sequences;   /* whose logits the profiling run has */
    uint64_t      context_low;      /* band of what driver, libraries and workspaces take of a rank */
    uint64_t      context_high;
    uint32_t      vocabulary_step;  /* to a multiple of which the vocabulary is padded before it is divided */
    uint32_t      expert_step;      /* and the sides of experts in MXFP4, after they are divided; 0: not */
    bool          narrows_stated;   /* 16 bits are made of F32 even where config.json says F32 */
    bool          text_only;        /* eyes and ears are not loaded */
    bool          towers_whole;     /* every rank of the first stage has all of them */
    bool          embedding_whole;  /* every rank of the first stage has all of it */
    bool          blocks_up;        /* tokens that fill a block in part have it */
    double        rest_fraction;    /* of what weights, states and activations leave, for the pool; 0: all of it */
    uint64_t      state_bytes[CFI_MAX_STAGES]; /* recurrent state of each rank, beside the pool */
    uint32_t      stage_first[CFI_MAX_STAGES + 1];
    uint32_t      stage_layers[CFI_MAX_STAGES][CFI_MAX_PAGE_SPECS];
    cfi_page_plan pages;
} cfi_paged;

/* ExLlamaV3: one cache for all requests, and states in slots. */
typedef struct cfi_exllama {
    uint32_t k_bits; /* of an element of the cache: 16, or 2 to 8; 0: no such run */
    uint32_t v_bits;
    uint32_t slots;
    uint32_t history; /* drafted tokens that a state can be taken back by */
    bool     window_states; /* layers with a window keep it in a slot */
} cfi_exllama;

/* A matrix that an adapter adds to: the dimensions and formats of its two halves. */
typedef struct cfi_adapted_pair {
    uint64_t a[3];
    uint64_t b[3];
    uint32_t quant_a;
    uint32_t quant_b;
    uint32_t next;          /* 1 + the next pair of the same tensor, 0: none */
    uint32_t reserved;
} cfi_adapted_pair;

/* What adapters add to the matrices of a model. */
typedef struct cfi_adapted {
    const cfi_adapted_pair *pair;
    const uint32_t         *first; /* of each tensor of the model: 1 + its first pair, 0: none */
} cfi_adapted;

/* Weights of the ranks of a paged run, and what they depend on. */
#define CFI_RANK_KEYS (7u + CFI_MAX_STAGES)

typedef struct cfi_rank_weights {
    const ctxfit_model *model; /* NULL: nothing is known yet */
    uint64_t            stage[CFI_MAX_STAGES]; /* of each of its ranks */
    uint64_t            towers;                /* of those of the first stage */
    uint32_t            key[CFI_RANK_KEYS];
} cfi_rank_weights;

/* A run, resolved: every choice is made. */
typedef struct cfi_run {
    cfi_engine_id      id;
    uint32_t           release; /* of the rules, where the engine goes by releases */
    cfi_paged          paged;
    uint32_t           grown_bits; /* of an element of a cache that grows (mlx-lm); 0: no such run */
    bool               widened; /* weights of 16 bits are made of the checkpoint's when it is loaded */
    cfi_exllama        exllama;
    cfi_engine_notes   notes;
    ctxfit_engine_info engine;
    uint32_t build;
    uint64_t n_ctx;
    uint64_t n_ctx_seq;
    uint32_t n_seq;
    uint32_t n_batch;
    uint32_t n_ubatch;
    uint32_t streams;       /* 1 when sequences share the cells */
    bool     flash;
    bool     unified;
    bool     swa_full;
    bool     kv_offload;
    bool     op_offload;
    bool     mmap;
    bool     repack;
    ctxfit_quant type_k;
    ctxfit_quant type_v;
    uint64_t kv_cells;      /* 0: no cache that spans the context */
    uint64_t swa_cells;     /* 0: no window cache */
    uint32_t graph_tokens;  /* tokens of the worst graph */
    uint32_t outputs_graph; /* rows of logits in the worst graph */
    uint32_t outputs_buffer;/* rows of the host's output buffer: at the start, or what a batch of drafts asks for */
    uint32_t draft_tokens;  /* that a sequence verifies at once, beside its own; 0: nothing drafts */
    uint32_t rollback;      /* recurrent states that a sequence keeps beside the last */
    uint32_t checkpoints;   /* the same, of which the graph knows nothing */
    bool     own_graph;     /* Ollama's own engine: graphs that are not llama.cpp's, and no output buffer */
    bool     outputs_states; /* rows of the output buffer hold the state behind the last layer beside the logits */
    uint32_t gpu_layers;    /* output layer included */
    /* Layers are placed in one run per device: device d holds [first_layer[d], first_layer[d + 1]); what is below
     * first_layer[0] is on the host. Index info.layers + nextn_layers is the output layer. */
    uint32_t device_count;
    uint32_t first_layer[CFI_MAX_DEVICES + 1];
    uint32_t output_device; /* device_count: the host */
    uint32_t split_devices; /* devices that take part: 1 with CTXFIT_SPLIT_NONE */
    bool     pipeline;
    uint32_t cpu_expert_layers;
    const char *overrides;  /* the caller's text, borrowed; NULL or "" for none */
    const cfi_adapted *adapted; /* borrowed as the overrides; NULL: none */
    bool     bound_compute; /* compute buffers by their upper bound, not by their graphs */
    bool     filled_compute; /* as when the cache is full, where a graph grows with what is in it */
    bool     fused_compute; /* with what CUDA keeps to run several operations as one */
    cfi_arena *scratch;     /* memory that measurements share, one after another; borrowed; NULL: each takes its own */
    cfi_rank_weights *weighed; /* what measurements of one question keep of their weights; borrowed; NULL: nothing */
} cfi_run;

/* Reads "name[@version]"; NULL or "" is the newest llama.cpp. E_NOT_FOUND. */
ctxfit_status cfi_engine_choose(const char *name, cfi_engine_choice *out, ctxfit_error *error);
const cfi_engine_traits *cfi_engine_traits_of(cfi_engine_id id);

/* ---- settings.c: which settings of a request an engine hears ---- */
/* What a setting can only work with. */
typedef enum cfi_setting_needs {
    CFI_NEEDS_NOTHING         = 0,
    CFI_NEEDS_GPU             = 1u << 0,
    CFI_NEEDS_GPUS            = 1u << 1, /* two at least */
    CFI_NEEDS_HOST            = 1u << 2, /* something computes on the host */
    CFI_NEEDS_GPU_AND_HOST    = CFI_NEEDS_GPU | CFI_NEEDS_HOST,
    CFI_NEEDS_EXPERTS         = 1u << 3,
    CFI_NEEDS_GPU_AND_EXPERTS = CFI_NEEDS_GPU | CFI_NEEDS_EXPERTS,
    CFI_NEEDS_WINDOWS         = 1u << 4,
    CFI_NEEDS_STATES          = 1u << 5,
    CFI_NEEDS_NO_CTX          = 1u << 6, /* the request leaves the context open, */
    CFI_NEEDS_NO_MODEL_CTX    = 1u << 7, /* and so does the model's file, */
    CFI_NEEDS_NO_DEFAULT_CTX  = 1u << 8, /* and the server */
    CFI_NEEDS_HOST_STATED     = 1u << 9, /* the host's memory is */
    CFI_NEEDS_LIMIT           = 1u << 10,
    CFI_NEEDS_SPEEDS          = 1u << 11,
    CFI_NEEDS_TOWERS          = 1u << 13, /* a checkpoint with eyes or ears */
    CFI_NEEDS_SHORT_CTX       = 1u << 12 /* it is no longer than Ollama's least of models with eyes */
} cfi_setting_needs;

typedef enum cfi_setting_effect {
    CFI_SETTING_WORKS,    /* or it was not given */
    CFI_SETTING_FOREIGN,  /* the engine has no such setting */
    CFI_SETTING_SIZELESS, /* no size depends on it */
    CFI_SETTING_LACKS     /* what it needs is not there */
} cfi_setting_effect;

uint32_t           cfi_setting_count(void);
/* The effect of a setting by place; `there`: which needs are met. `*out_name`: as users know it; `*out_lacks`: the needs that are not. */
cfi_setting_effect cfi_setting_effect_of(uint32_t index, cfi_engine_id id, const ctxfit_plan_options *options, uint32_t there,
                                         const char **out_name, uint32_t *out_lacks);
/* Values that no engine takes, and settings without which the engine runs: E_INVALID_ARG, E_REFUSED. */
ctxfit_status      cfi_settings_check(const ctxfit_plan_options *options, const cfi_run *run, ctxfit_error *error);

/* Bit d: device d takes part. Engines that place a model by themselves may leave some out. Reads `options` as cfi_engine_resolve_on(). */
uint64_t cfi_engine_participants(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_choice *engine,
                                 const cfi_engine_machine *machine);
/* How many sequences the engine runs at the same time where nothing is said. */
uint32_t cfi_engine_usual_sequences(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_choice *engine,
                                    const cfi_engine_machine *machine);
/* The most that it runs with this model. */
uint32_t cfi_engine_most_sequences(const ctxfit_model *model, const cfi_engine_choice *engine);
/* Resolves a request by the rules of the engine's version. ctx_tokens CTXFIT_CTX_LARGEST is the caller's to replace before. */
ctxfit_status cfi_engine_resolve_on(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                    cfi_run *out, ctxfit_error *error);
/* The same where nothing is known of the machine but its devices. */
ctxfit_status cfi_engine_resolve(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_device *devices,
                                 uint32_t device_count, cfi_run *out, ctxfit_error *error);
/* How long a context the engine takes of the model, by what it reads of it. */
typedef struct cfi_engine_length {
    uint64_t by_default; /* where none is asked for; 0: nothing states one */
    uint64_t most;       /* 0: no length is too long */
} cfi_engine_length;

cfi_engine_length cfi_engine_length_of(const ctxfit_model *model, cfi_engine_id id, uint32_t release);
/* The window that config.json states for a model whose layers have none here, as they have none in llama.cpp. */
typedef struct cfi_config_windows {
    uint32_t tokens; /* 0: there is none */
    bool     listed; /* the configuration says which layers have it, else all of them */
    uint32_t layers; /* that have it */
} cfi_config_windows;

cfi_config_windows cfi_engine_config_windows(const ctxfit_model *model);
bool cfi_engine_config_windowed(const ctxfit_model *model, const cfi_config_windows *windows, uint32_t layer);
/* The window or chunk of a layer as engines of checkpoints have it; 0: none. */
uint32_t cfi_engine_stated_window(const ctxfit_model *model, const ctxfit_layer_info *layer);

/* Blocks of a checkpoint that draft and are not among the model's layers: each is like the last layer, with a projection of two inputs. */
uint32_t cfi_engine_dropped_nextn(const ctxfit_model *model);

/* How an engine of checkpoints lays out the K and V of a model. */
typedef enum cfi_cache_form {
    CFI_CACHE_AS_LAYER = 0, /* as the descriptor has it */
    CFI_CACHE_HEADS,
    CFI_CACHE_PADDED,
    CFI_CACHE_LATENT
} cfi_cache_form;

cfi_cache_form cfi_engine_cache_form(const ctxfit_model *model, cfi_engine_id id, uint32_t release);
/* Elements of a token that a rank caches of a layer. */
uint64_t       cfi_engine_cache_elems(const ctxfit_layer_info *layer, cfi_cache_form form, uint32_t ranks);
/* False: the engine knows no latent attention of a model of an unknown architecture. */
bool           cfi_engine_keeps_latents(const ctxfit_model *model, cfi_engine_id id, uint32_t release);
/* Device of a layer (or of the output layer, index info.layers + nextn_layers); device_count for the host. */
uint32_t cfi_engine_layer_device(const cfi_run *run, uint32_t layer);
/* The first layer behind `layer` that another device has; UINT32_MAX for none. */
uint32_t cfi_engine_device_end(const cfi_run *run, uint32_t layer);
/* How many equal layers stand in a row from `layer` on, all on its device. */
uint32_t cfi_engine_layer_run(const ctxfit_model *model, const cfi_run *run, uint32_t layer);

/* ---- versions ---- */
typedef enum cfi_engine_change {
#define CFI_ENGINE_CHANGE(name, build, source) CFI_CHANGE_##name,
#include "changes.def"
#undef CFI_ENGINE_CHANGE
    CFI_CHANGE_COUNT
} cfi_engine_change;

/* Whether a build has the new form of a rule. */
bool cfi_engine_changed(uint32_t build, cfi_engine_change change);

/* ---- drafting ---- */
typedef enum cfi_ability { CFI_ROLLS_BACK, CFI_DRAFTS_ITSELF } cfi_ability;

/* The first build that has the ability for the model's architecture; UINT32_MAX for none. */
uint32_t cfi_engine_able_from(const ctxfit_model *model, cfi_ability ability);
void     cfi_engine_resolve_speculation(const ctxfit_model *model, const cfi_engine_speculation *speculation, cfi_run *run);

/* ---- backends ---- */
typedef struct cfi_engine_backend {
    bool     pipeline;
    bool     host_buffer;
    uint32_t offload_batch; /* 0: never */
} cfi_engine_backend;

/* An unknown backend has none of these properties. */
cfi_engine_backend cfi_engine_get_backend(uint32_t backend, uint32_t build);
/* Whether the backend computes flash attention over a layer's cache of these types. */
bool cfi_engine_flash_possible(uint32_t backend, const ctxfit_layer_info *layer, ctxfit_quant type_k, ctxfit_quant type_v);

/* The same for heads of these sizes, `ratio` queries for each key. */
bool cfi_engine_flash_kernel(uint32_t backend, uint32_t key, uint32_t value, uint32_t ratio, ctxfit_quant type_k, ctxfit_quant type_v);

/* ---- caches ---- */
/* Whether a layer (next-token-prediction blocks included) owns a KV cache in this build. */
bool cfi_engine_layer_caches(const ctxfit_model *model, const cfi_run *run, uint32_t layer);
/* Whether that cache is the one of sliding-window and chunked layers. */
bool cfi_engine_layer_windowed(const ctxfit_layer_info *layer);

/* ---- engines: options to a run, with `id`, `engine` and `build` of the run set ---- */
ctxfit_status cfi_engine_resolve_llamacpp(const ctxfit_model *model, const ctxfit_plan_options *options,
                                          const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);
ctxfit_status cfi_engine_resolve_ollama(const ctxfit_model *model, const ctxfit_plan_options *options,
                                        const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);
uint64_t      cfi_engine_ollama_participants(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release,
                                             const cfi_engine_machine *machine);

ctxfit_status cfi_engine_resolve_vllm(const ctxfit_model *model, const ctxfit_plan_options *options,
                                      const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);

ctxfit_status cfi_engine_resolve_sglang(const ctxfit_model *model, const ctxfit_plan_options *options,
                                        const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);

ctxfit_status cfi_engine_resolve_trtllm(const ctxfit_model *model, const ctxfit_plan_options *options,
                                        const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);

ctxfit_status cfi_engine_resolve_lmstudio(const ctxfit_model *model, const ctxfit_plan_options *options,
                                          const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);
ctxfit_status cfi_engine_resolve_mlx(const ctxfit_model *model, const ctxfit_plan_options *options,
                                     const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);

ctxfit_status cfi_engine_resolve_exllamav3(const ctxfit_model *model, const ctxfit_plan_options *options,
                                           const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error);

/* What it loads with where nothing else is said. */
void cfi_lmstudio_defaults(ctxfit_plan_options *options);

/* ---- mlx-lm ---- */
/* E_REFUSED: mlx-lm does not load it. `*widened`: it makes 16 bits of the weights. */
ctxfit_status cfi_mlx_check_model(const ctxfit_model *model, bool *widened, ctxfit_error *error);
/* Tokens that the cache of a window layer holds at most. */
uint64_t cfi_grown_window(const cfi_run *run, uint32_t window);
/* Which of the model's windows have caches of their own. */
typedef struct cfi_grown_windows {
    bool               layers; /* those of the layers */
    cfi_config_windows stated; /* and of the configuration */
} cfi_grown_windows;

cfi_grown_windows cfi_grown_windows_of(const ctxfit_model *model);
/* The window of a layer's cache; 0: it holds the whole context. */
uint32_t          cfi_grown_layer_window(const ctxfit_model *model, const cfi_grown_windows *windows, uint32_t layer);

/* ---- ExLlamaV3 ---- */
typedef enum cfi_exl3_change {
#define CFI_EXL3_CHANGE(name, release, source) CFI_EXL3_##name,
#define CFI_EXL3_ARCH(name, release, flags, classes)
#include "exllamav3.def"
#undef CFI_EXL3_CHANGE
#undef CFI_EXL3_ARCH
    CFI_EXL3_CHANGE_COUNT
} cfi_exl3_change;

bool     cfi_exl3_changed(uint32_t release, cfi_exl3_change change);
/* Tokens that a slot of a window layer holds. */
uint64_t cfi_exl3_window(const cfi_run *run, uint32_t window);
/* What it leaves free of a GPU. */
uint64_t cfi_exl3_reserve(uint32_t release, uint32_t device);

/* ---- ranks: what vLLM, SGLang and TensorRT-LLM have in common; run->engine is set ---- */
bool          cfi_ranks_engine(cfi_engine_id id);
/* Whether a layer has latent attention. */
bool          cfi_ranks_latent(const ctxfit_model *model);
/* The least compute capability of the ranks; 0 where one is not known. */
uint32_t      cfi_ranks_capability(const cfi_engine_machine *machine, const cfi_run *run);
/* E_REFUSED: vLLM or SGLang does not know how the checkpoint is quantized, or not on these GPUs. */
/* vLLM loads the method of the checkpoint with --allow-deprecated-quantization alone. */
bool          cfi_ranks_deprecates(const ctxfit_model *model, cfi_engine_id id, uint32_t release);
ctxfit_status cfi_ranks_check_checkpoint(const ctxfit_model *model, const cfi_engine_machine *machine, const cfi_run *run,
                                         ctxfit_error *error);
ctxfit_status cfi_ranks_parallel(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                 cfi_run *run, ctxfit_error *error);
ctxfit_status cfi_ranks_context(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run, ctxfit_error *error);
/* What is asked for, or the cache that the checkpoint states, where the engine heeds it; CTXFIT_QUANT_DEFAULT: 16 bits. */
ctxfit_quant  cfi_ranks_cache_type(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_run *run);
ctxfit_status cfi_ranks_element_bytes(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_run *run, uint32_t *out,
                                      ctxfit_error *error);
/* The draft that shares the pool of the model; NULL: none. */
const ctxfit_model *cfi_ranks_draft(const cfi_engine_machine *machine);
/* Whether ranks divide it, and its caches are such as the pool has. E_REFUSED, E_UNSUPPORTED. */
ctxfit_status cfi_ranks_check_draft(const ctxfit_model *draft, const cfi_run *run, ctxfit_error *error);
void          cfi_ranks_place(const ctxfit_model *model, const cfi_engine_machine *machine, cfi_run *run);
uint32_t      cfi_ranks_kv_heads(const ctxfit_layer_info *layer, uint32_t ranks);
/* Width of the convolution's state that a rank has. */
uint64_t      cfi_ranks_conv_width(const ctxfit_layer_info *layer, uint32_t ranks);

/* ---- SGLang ---- */
/* The part of a GPU's memory that weights and caches may use; by its size and the batch where it is not stated. */
double cfi_sglang_fraction(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release, uint64_t total_bytes);
/* The same for a GPU of that backend. */
double cfi_sglang_part(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t backend, uint32_t release,
                       uint64_t total_bytes);

/* ---- TensorRT-LLM ---- */
typedef enum cfi_trtllm_change {
#define CFI_TRTLLM_CHANGE(name, release, source) CFI_TRTLLM_##name,
#include "trtllm.def"
#undef CFI_TRTLLM_CHANGE
    CFI_TRTLLM_CHANGE_COUNT
} cfi_trtllm_change;

/* ---- vLLM ---- */
typedef enum cfi_vllm_change {
#define CFI_VLLM_CHANGE(name, release, source) CFI_VLLM_##name,
#include "vllm.def"
#undef CFI_VLLM_CHANGE
    CFI_VLLM_CHANGE_COUNT
} cfi_vllm_change;

bool cfi_vllm_changed(uint32_t release, cfi_vllm_change change);

/* The type of the cache, and what it takes. */
typedef struct cfi_vllm_cache {
    ctxfit_quant type;
    uint32_t     block_elems;
    uint32_t     block_bytes;
    uint32_t     head_bytes;   /* beside them, of each head of keys and of values */
    uint32_t     packed_bytes; /* of a token in each layer where latent attention is sparse and packed, 0: it is not */
} cfi_vllm_cache;

/* E_REFUSED: no attention backend has that type for the model on these GPUs. */
ctxfit_status cfi_vllm_cache_of(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                const cfi_run *run, cfi_vllm_cache *out, ctxfit_error *error);
uint64_t      cfi_vllm_token_bytes(const ctxfit_layer_info *layer, const cfi_vllm_cache *cache, cfi_cache_form form, uint32_t ranks);
/* Tokens of a block where none are asked for; latent: compressed vectors are cached. */
uint32_t cfi_vllm_block_tokens(const ctxfit_model *model, const cfi_engine_machine *machine, bool latent, bool fp8, uint32_t release);
/* Of which the blocks of hybrid models are multiples. */
uint32_t cfi_vllm_state_tokens(const ctxfit_model *model, const cfi_engine_machine *machine, bool latent, uint32_t block, uint32_t release);
/* The part of a GPU's memory that it may use. */
double cfi_vllm_fraction(const ctxfit_plan_options *options, uint32_t release);

/* ---- Ollama ---- */
typedef enum cfi_ollama_change {
#define CFI_OLLAMA_CHANGE(name, release, source) CFI_OLLAMA_##name,
#include "ollama.def"
    CFI_OLLAMA_CHANGE_COUNT
} cfi_ollama_change;

bool          cfi_ollama_changed(uint32_t release, cfi_ollama_change change);
/* The context of one request, and what says so in `notes`. */
uint64_t      cfi_ollama_ctx(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                             uint32_t release, cfi_engine_notes *notes);
uint32_t      cfi_ollama_sequences(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release);
/* What ran models before llama-server did. The rest of cfi_engine_resolve_ollama(). */
ctxfit_status cfi_ollama_resolve_runner(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                        cfi_run *run, ctxfit_error *error);

/* What an estimate of the releases before llama-server is made for. */
typedef struct cfi_ollama_load {
    const ctxfit_model *model;
    uint32_t     release;
    uint32_t     sequences;
    uint64_t     ctx_tokens;    /* of all sequences */
    uint64_t     batch;
    uint64_t     window_tokens; /* that layers with windows count with; 0: as the others */
    uint64_t     overhead;      /* kept free of each GPU */
    ctxfit_quant kv;
    uint32_t     requested;     /* layers; UINT32_MAX: as many as fit */
    bool         flash;
    bool         measured;      /* its own engine tells what a graph takes: none is estimated */
    bool         spread;
} cfi_ollama_load;

typedef struct cfi_ollama_layout {
    uint64_t mask;                   /* GPUs that have layers */
    uint64_t bytes;                  /* that it takes of them */
    uint64_t kv_bytes;               /* what it counts: caches, */
    uint64_t full_bytes;             /* a graph with all layers on GPUs, */
    uint64_t partial_bytes;          /* and with some */
    uint32_t layers;                 /* on GPUs, the output layer being one */
    uint32_t count[CFI_MAX_DEVICES]; /* of each GPU */
    bool     all;                    /* as many as there are, or were asked for */
} cfi_ollama_layout;

void cfi_ollama_place(const cfi_ollama_load *load, const cfi_engine_machine *machine, cfi_ollama_layout *out);
/* What that keeps free of a GPU. */
uint64_t cfi_ollama_reserve(uint32_t backend, uint64_t overhead_bytes);
/* Bytes of a graph with all layers on GPUs, and with some; `kv_bytes`: of all caches, without windows. */
void cfi_ollama_graph(const cfi_ollama_load *load, uint64_t kv_bytes, uint64_t *out_full, uint64_t *out_partial);
/* GPUs that the runners use, and how many requests they run at the same time where nothing is said. */
uint64_t cfi_ollama_runner_participants(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release,
                                        const cfi_engine_machine *machine);
uint32_t cfi_ollama_usual_sequences(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release,
                                    const cfi_engine_machine *machine);

/* Its rules as its own tests ask for them. */
uint64_t cfi_ollama_default_ctx(uint64_t total_bytes);
/* Its own estimate: the file and a cache of F16, from head counts alone. */
uint64_t cfi_ollama_predicted(const ctxfit_model *model, uint64_t ctx_tokens);
/* Free memory of the devices in `mask`; what is shared counts at most as what the host has free. */
uint64_t cfi_ollama_available(const cfi_engine_machine *machine, uint64_t mask);
uint64_t cfi_ollama_participants(const cfi_engine_machine *machine, uint64_t predicted, bool spread);
/* Whether requests run one after the other. */
bool cfi_ollama_serial(const ctxfit_model *model, uint32_t release);
bool cfi_ollama_gpus_flash(const cfi_engine_machine *machine, uint32_t release);
/* Whether llama-server is told to keep the projector on the host; since 0.30. */
bool cfi_ollama_projector_on_host(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                  uint32_t release, uint64_t projector_bytes);
/* `flash`: not known to be off. */
uint32_t cfi_ollama_batch(uint64_t ctx_tokens, uint64_t predicted, uint64_t available, bool flash, const cfi_engine_machine *machine,
                          uint64_t mask);

/* ---- steps of cfi_engine_resolve_llamacpp, in this order ---- */
ctxfit_status cfi_engine_resolve_placement(const ctxfit_model *model, const ctxfit_plan_options *options,
                                           const cfi_engine_device *devices, uint32_t device_count, cfi_run *run, ctxfit_error *error);
ctxfit_status cfi_engine_resolve_cache_types(const ctxfit_model *model, const ctxfit_plan_options *options,
                                             const cfi_engine_device *devices, cfi_run *run, ctxfit_error *error);
ctxfit_status cfi_engine_resolve_context(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run,
                                         ctxfit_error *error);

#endif
