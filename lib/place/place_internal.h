/* From a goal to a placement: what each layer weighs, how layers are divided among devices, what is searched and in which order. */
#ifndef CFI_PLACE_INTERNAL_H
#define CFI_PLACE_INTERNAL_H

#include "ctxfit/place.h"
#include "plan/plan_internal.h"

/* ---- ledger.c: bytes of layers, summed up, so that a range of layers costs a subtraction ---- */

/* Matrices of a layer that an override can move one by one: of routed experts where a model has them, otherwise of its feed-forward. */
enum { CFI_PIECE_UP = 0, CFI_PIECE_GATE, CFI_PIECE_GATE_UP, CFI_PIECE_DOWN, CFI_PIECE_COUNT };

typedef struct cfi_ledger_layer {
    uint64_t piece[CFI_PIECE_COUNT][CFI_PADDING_COUNT];
} cfi_ledger_layer;

/* Sums of everything before a layer. */
typedef struct cfi_ledger_sum {
    uint64_t kept[CFI_PADDING_COUNT];  /* weights that stay with their layer */
    uint64_t moved[CFI_PADDING_COUNT]; /* pieces */
    uint64_t cache[CFI_PADDING_COUNT];
    double   read_kept;                /* bytes that one token reads */
    double   read_moved;
    double   read_cache;
    uint32_t blocks;
    uint32_t reserved;
} cfi_ledger_sum;

typedef struct cfi_ledger {
    uint32_t          entries; /* layers, next-token-prediction blocks and the output layer, which is the last */
    bool              experts; /* pieces are experts */
    uint64_t          rope[CFI_PADDING_COUNT];
    cfi_ledger_layer *layer;   /* entries */
    cfi_ledger_sum   *sum;     /* entries + 1 */
} cfi_ledger;

/* Weights. Where host tensors are not open, nothing can be moved, and what the options move is on the host. */
ctxfit_status cfi_ledger_init(cfi_ledger *ledger, cfi_arena *arena, const cfi_question *q, bool may_move, ctxfit_error *error);
/* The caches of a run, and what a token reads of them at a depth. */
ctxfit_status cfi_ledger_set_caches(cfi_ledger *ledger, const ctxfit_model *model, const cfi_run *run, uint64_t depth_tokens,
                                    ctxfit_error *error);

/* ---- divide.c: ranges of layers for devices ---- */
typedef struct cfi_divide_device {
    uint64_t    budget;  /* for weights and caches */
    cfi_padding padding;
    double      weight_s; /* per byte */
    double      cache_s;
    double      block_s;  /* per block */
    bool        remote;   /* in another machine: left out where it does not help */
} cfi_divide_device;

typedef struct cfi_divide {
    const cfi_ledger *ledger;
    uint32_t          count;                     /* devices */
    cfi_divide_device device[CFI_MAX_DEVICES + 1]; /* the host is the last; its budget is not looked at */
    bool              all_on_devices;            /* nothing on the host but layers that are fixed there */
    bool              least_host;                /* as few bytes on the host as possible, instead of the shortest time */
    bool              tail;                      /* of a range the last layers' pieces go to the host, not the first layers' */
    bool              whole;                     /* a layer that is on a device has all its pieces there */
    uint32_t          host_layers;               /* UINT32_MAX: open */
    double           *best;                      /* room for (count + 1) x (cfi_divide_points() + 1) */
    uint32_t         *from;
} cfi_divide;

uint32_t cfi_divide_points(const cfi_ledger *ledger);
/* first[d] .. first[d + 1]: layers of a device, first[0] layers being on the host. False when there is no way. */
bool cfi_divide_solve(const cfi_divide *divide, uint32_t first[CFI_MAX_DEVICES + 1]);
/* Seconds (or bytes on the host) of a range on a device; false when it does not fit. */
bool cfi_divide_cost(const cfi_divide *divide, uint32_t device, uint32_t first, uint32_t end, double *out);

/* ---- spread.c: a division as options ---- */
#define CFI_SPREAD_WINDOW 3u

typedef struct cfi_spread_range {
    uint32_t first, end;
    uint32_t moved_first, moved_end;    /* every piece of [moved_first, moved_end) is on the host */
    uint32_t window_first, window;      /* layers of which some pieces may be */
    uint32_t pieces[CFI_SPREAD_WINDOW]; /* which are on the host: bits 1 << CFI_PIECE_* */
} cfi_spread_range;

typedef struct cfi_spread {
    uint32_t         count;
    uint32_t         host_layers;
    uint32_t         moved_layers; /* layers that have pieces on the host, though they are on a device */
    cfi_spread_range range[CFI_MAX_DEVICES];
} cfi_spread;

void cfi_spread_fill(const cfi_divide *divide, const uint32_t first[CFI_MAX_DEVICES + 1], cfi_spread *out);
/* Writes gpu_layers, tensor_split, cpu_expert_layers and overrides, as far as they are open (bits CTXFIT_OPEN_*). False: too long. */
bool cfi_spread_write(const cfi_spread *spread, const cfi_ledger *ledger, uint32_t open, ctxfit_plan_options *options);
/* A pattern that finds the numbers first to last, such as "[0-9]|1[0-4]". */
void cfi_spread_write_numbers(cfi_writer *w, uint32_t first, uint32_t last);

/* A pattern for pieces (bits 1 << CFI_PIECE_*) of a layer, to a buffer, behind what is written already. */
void cfi_spread_write_pattern(cfi_writer *w, bool experts, uint32_t layer, uint32_t pieces, const char *buffer);

/* ---- bridge.c: layers cut between two devices ---- */
typedef struct cfi_bridge {
    uint32_t first[CFI_MAX_DEVICES + 1];
    uint32_t pieces[CFI_MAX_DEVICES]; /* of the last layer of a device: which are on the next one */
    bool     any;
} cfi_bridge;

/* False: it cannot be, or no layer is cut. */
bool cfi_bridge_solve(const cfi_divide *divide, cfi_bridge *out);
bool cfi_bridge_write(const cfi_bridge *bridge, const cfi_divide *divide, const cfi_engine_device *devices, ctxfit_plan_options *options);

/* ---- placement.c: the best placement at one context, evaluated to the byte ---- */
typedef struct cfi_placed {
    bool                found;
    uint32_t            host_layers;
    uint32_t            moved_layers;
    uint32_t            short_device; /* of what does not fit: the device that lacks most */
    int64_t             margin;       /* the least slack of all devices */
    double              lack;         /* bytes that all devices together lack */
    double              surplus;      /* bytes of devices less bytes of everything that is to be on them: where a search goes on */
    double              seconds;      /* per token, 0 = unknown */
    double              device_share;
    ctxfit_plan_options options;
    cfi_answer          answer;
} cfi_placed;

typedef struct cfi_solver {
    cfi_arena    arena;   /* tables of the model at hand */
    cfi_arena    scratch; /* of evaluations */
    cfi_question q;     /* its options are the trial's */
    cfi_ledger   ledger;
    cfi_divide   divide;
    ctxfit_goal  goal;  /* defaults filled in */
    uint32_t     evaluations;
    bool         rates_known;
    const ctxfit_beside *beside; /* NULL: nothing */
} cfi_solver;

/* Takes a model: makes its tables. The question's machine and fixed options must be there. */
ctxfit_status cfi_solver_take(cfi_solver *s, const ctxfit_model *model, ctxfit_error *error);
/* Places at the options' context, sequences and types. */
/* The context of a request that does not name one: what the model's own settings say (Ollama, LM Studio), what it is made for. */
uint64_t      cfi_place_default_ctx(const ctxfit_plan_options *options, const ctxfit_model *model);
ctxfit_status cfi_solver_place(cfi_solver *s, const ctxfit_plan_options *options, bool all_on_devices, cfi_placed *out,
                               ctxfit_error *error);
/* As least_decode_tokens_per_s: parts may go to the host, however slow that is. */
#define CFI_ANY_RATE 1e-9
/* Found, and fast enough. */
bool          cfi_solver_accepts(const cfi_solver *s, const cfi_placed *placed);

/* ---- search.c: the largest context, the most sequences ---- */
/* Of options whose other members are set. `out` is the best that was found, or (found false) the least that was asked for. */
ctxfit_status cfi_search_context(cfi_solver *s, ctxfit_plan_options *options, cfi_placed *out, ctxfit_error *error);
ctxfit_status cfi_search_sequences(cfi_solver *s, ctxfit_plan_options *options, cfi_placed *out, ctxfit_error *error);

/* ---- solve.c ---- */
struct ctxfit_place {
    cfi_arena            arena;
    ctxfit_place_summary summary;
    ctxfit_plan_options  options;
    ctxfit_plan         *plan;
    const char         **reason;
    ctxfit_change       *change;
};

/* A question without its plan: what is tried for a change, too. */
typedef struct cfi_wish {
    const ctxfit_model  *model;
    const ctxfit_hw     *hw;
    ctxfit_plan_options  options; /* what is fixed */
    ctxfit_goal          goal;    /* defaults filled in */
    ctxfit_allocator     allocator;
    const ctxfit_beside *beside; /* NULL: nothing */
} cfi_wish;

typedef struct cfi_choice {
    cfi_placed       placed;
    ctxfit_file_type file_type;   /* 0: as given */
    ctxfit_model    *model;       /* requantized; NULL: the wish's. The caller frees it */
    uint32_t         evaluations;
} cfi_choice;

ctxfit_status cfi_wish_check(cfi_wish *wish, ctxfit_error *error);
ctxfit_status cfi_wish_solve(const cfi_wish *wish, cfi_choice *out, ctxfit_error *error);
void          cfi_choice_free(cfi_choice *choice);

/* ---- nodes.c: fills the summary's members of linked machines ---- */
ctxfit_status cfi_nodes_compare(ctxfit_place *place, const cfi_wish *wish, const cfi_choice *choice, ctxfit_error *error);

/* ---- changes.c ---- */
#define CFI_MAX_CHANGES 8u
ctxfit_status cfi_changes_find(const cfi_wish *wish, const cfi_choice *nearest, ctxfit_change out[CFI_MAX_CHANGES], uint32_t *count,
                               uint32_t *evaluations, ctxfit_error *error);

/* ---- reasons.c ---- */
#define CFI_MAX_REASONS 12u
ctxfit_status cfi_place_reasons(ctxfit_place *place, const cfi_wish *wish, const cfi_choice *choice, ctxfit_error *error);

#endif
