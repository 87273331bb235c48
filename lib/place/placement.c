/*
 * The best placement at one context: divide by sums, evaluate to the byte, correct the budgets by what compute buffers really take, and
 * again, until the division stays. What is returned was evaluated and fits.
 */
#include "place_internal.h"

#define PLACEMENT_ROUNDS 8
#define PLACEMENT_PRESSES 3

/* Seconds per byte where no bandwidth is known: only their order matters. */
#define PLACEMENT_DEVICE_RATE 5e11
#define PLACEMENT_HOST_RATE   5e10

static bool placement_set_rates(const cfi_solver *s, uint32_t d, cfi_divide_device *out)
{
    const ctxfit_device              *hw = cfi_plan_hw_device(&s->q, d);
    bool                              host = d == s->q.device_count;
    uint32_t                          backend = host ? CTXFIT_BACKEND_CPU : hw->backend;
    const cfi_speed_decode_constants *c = cfi_speed_decode_row(backend, s->q.model->info.experts != 0);
    double                            rate = (double)hw->bandwidth_bytes_per_s;

    if (rate <= 0)
        rate = host ? PLACEMENT_HOST_RATE : PLACEMENT_DEVICE_RATE;
    out->weight_s = 1 / (c->weight_efficiency * rate);
    out->cache_s = 1 / (c->cache_efficiency * rate);
    out->block_s = c->seconds_per_block;
    out->remote = !host && s->q.engine_device[d].backend == CTXFIT_BACKEND_RPC;
    return hw->bandwidth_bytes_per_s > 0;
}

ctxfit_status cfi_solver_take(cfi_solver *s, const ctxfit_model *model, ctxfit_error *error)
{
    bool          may_move = (s->goal.open & CTXFIT_OPEN_HOST_TENSORS) != 0;
    size_t        points;
    ctxfit_status status;

    s->q.model = model;
    status = cfi_plan_meet_beside(&s->q, s->beside, &s->arena, error); /* tensors of adapters belong to the model */
    if (status != CTXFIT_OK)
        return status;
    status = cfi_ledger_init(&s->ledger, &s->arena, &s->q, may_move, error);
    if (status != CTXFIT_OK)
        return status;
    s->divide.ledger = &s->ledger;
    s->divide.count = s->q.device_count;
    points = (size_t)(s->q.device_count + 1) * (cfi_divide_points(&s->ledger) + 1);
    s->divide.best = cfi_arena_array(&s->arena, points, sizeof *s->divide.best);
    s->divide.from = cfi_arena_array(&s->arena, points, sizeof *s->divide.from);
    if (s->divide.best == NULL || s->divide.from == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a placement");
    s->rates_known = true;
    for (uint32_t d = 0; d <= s->q.device_count; d++) {
        bool known = placement_set_rates(s, d, &s->divide.device[d]);

        s->rates_known = s->rates_known && known;
        s->divide.device[d].padding =
            d < s->q.device_count ? cfi_memory_padding(s->q.engine_device[d].backend) : CFI_PADDING_32;
    }
    return CTXFIT_OK;
}

/* ---- one evaluation ---- */
/* Bytes of a device that are neither weights nor caches of the model. */
static uint64_t placement_held(const cfi_memory_device *m)
{
    uint64_t held;

    return cfi_add_u64(m->compute, m->beside, &held) ? held : UINT64_MAX;
}

typedef struct placement_state {
    const ctxfit_plan_options *options;
    uint64_t                   peak[CFI_MAX_DEVICES];  /* compute buffers and what runs beside, the largest of all rounds */
    uint64_t                   extra[CFI_MAX_DEVICES]; /* what earlier rounds showed to be missing in the sums */
    cfi_answer                 answer;                 /* the last evaluation */
    int64_t                    margin;
    uint32_t                   short_device;
    cfi_spread                 spread;
    ctxfit_plan_options        written;
    double                     lack; /* of all devices together */
} placement_state;

uint64_t cfi_place_default_ctx(const ctxfit_plan_options *options, const ctxfit_model *model)
{
    const uint64_t trained = model->info.trained_tokens;

    if (options->model_ctx_tokens == 0)
        return trained;
    return trained > 0 ? cfi_min_u64(options->model_ctx_tokens, trained) : options->model_ctx_tokens;
}

/* More bytes than 64 bits hold fit nowhere. */
static ctxfit_status placement_evaluate(cfi_solver *s, const ctxfit_plan_options *options, placement_state *state, ctxfit_error *error)
{
    uint64_t      ctx = options->ctx_tokens != 0 ? options->ctx_tokens : cfi_place_default_ctx(options, s->q.model);
    uint32_t      sequences = options->sequences != 0 ? options->sequences : 1;
    ctxfit_status status;

    s->q.options = *options;
    s->evaluations++;
    status = cfi_plan_answer(&s->q, ctx, sequences, &state->answer, error);
    if (status != CTXFIT_OK)
        return status;
    state->margin = INT64_MAX;
    state->short_device = UINT32_MAX;
    state->lack = 0;
    for (uint32_t d = 0; d <= s->q.device_count; d++) {
        int64_t slack = cfi_plan_slack(&s->q, &state->answer.memory, d);

        if (slack < 0)
            state->lack -= (double)slack;
        if (slack < state->margin) {
            state->margin = slack;
            state->short_device = d;
        }
    }
    return CTXFIT_OK;
}

static uint64_t placement_depth(const cfi_solver *s, const cfi_run *run)
{
    return s->goal.depth_tokens != 0 ? cfi_min_u64(s->goal.depth_tokens, run->n_ctx_seq) : run->n_ctx_seq;
}

static void placement_rate(cfi_solver *s, cfi_placed *placed)
{
    cfi_speed_part     parts[CFI_MAX_PLAN_DEVICES];
    cfi_speed_input    input = {0};
    cfi_speed_estimate estimate;
    double             read = 0, all = 0;

    s->q.options = placed->options;
    input.parts = parts;
    input.count = cfi_plan_parts(&placed->answer, &s->q, parts);
    input.experts = s->q.model->info.experts;
    input.measured.decode_tokens_per_s = placed->options.measured_decode_tokens_per_s;
    cfi_speed_decode(&input, placement_depth(s, &placed->answer.run), &estimate);
    placed->seconds = estimate.tokens_per_s > 0 ? 1 / estimate.tokens_per_s : 0;
    for (uint32_t d = 0; d <= s->q.device_count; d++) {
        all += (double)parts[d].weight_bytes_active;
        read += d < s->q.device_count ? (double)parts[d].weight_bytes_active : 0;
    }
    placed->device_share = all > 0 ? read / all : 0;
}

/* ---- budgets ---- */
/* After the first rounds budgets only shrink, so that divisions do not take turns. */
static void placement_set_budgets(cfi_solver *s, placement_state *state, int round)
{
    for (uint32_t d = 0; d < s->q.device_count; d++) {
        uint64_t usable = s->q.usable[d], used = placement_held(&state->answer.memory.device[d]);

        if (round > 0)
            state->peak[d] = cfi_max_u64(state->peak[d], used);
        if (round > 1)
            used = state->peak[d];
        if (!cfi_add_u64(used, state->extra[d], &used))
            used = UINT64_MAX;
        s->divide.device[d].budget = usable > used ? usable - used : 0;
        if (s->q.options.split_mode == CTXFIT_SPLIT_NONE && d > 0)
            s->divide.device[d].budget = 0;
    }
}

/* Bytes of devices less bytes of all that is to be on them. */
static double placement_surplus(const cfi_solver *s)
{
    const cfi_ledger_sum *all = &s->ledger.sum[s->ledger.entries];
    double                budget = 0;
    cfi_padding           padding = s->q.device_count > 0 ? s->divide.device[0].padding : CFI_PADDING_32;

    for (uint32_t d = 0; d < s->q.device_count; d++)
        budget += (double)s->divide.device[d].budget;
    return budget - (double)all->kept[padding] - (double)all->moved[padding] - (double)all->cache[padding];
}

/* With fixed proportions the engine divides: only the number of layers on the host is open. */
static bool placement_divide_by_engine(cfi_solver *s, const placement_state *state, uint32_t best_first[CFI_MAX_DEVICES + 1])
{
    ctxfit_plan_options options = *state->options;
    double              best = -1;

    for (uint32_t layers = 0; layers <= s->ledger.entries; layers++) {
        cfi_run run = {.build = state->answer.run.build};
        double  total = 0, cost = 0;
        bool    fits = s->divide.host_layers == UINT32_MAX || s->divide.host_layers == layers;

        fits = fits && !(s->divide.all_on_devices && layers > 0 && s->divide.host_layers == UINT32_MAX);
        options.gpu_layers = layers == s->ledger.entries ? CTXFIT_GPU_LAYERS_NONE : s->ledger.entries - layers;
        if (!fits || cfi_engine_resolve_placement(s->q.model, &options, s->q.engine_device, s->q.device_count, &run, NULL) != CTXFIT_OK)
            continue;
        for (uint32_t d = 0; d < s->q.device_count && fits; d++) {
            fits = cfi_divide_cost(&s->divide, d, run.first_layer[d], run.first_layer[d + 1], &cost);
            total += cost;
        }
        if (!fits)
            continue;
        /* each further layer on the host costs more than it did on a device: the first that fits is the best */
        if (best < 0) {
            best = total;
            memcpy(best_first, run.first_layer, (s->q.device_count + 1) * sizeof *best_first);
        }
    }
    return best >= 0;
}

static bool placement_divide(cfi_solver *s, placement_state *state)
{
    uint32_t first[CFI_MAX_DEVICES + 1];
    bool     fixed_split = (s->goal.open & CTXFIT_OPEN_TENSOR_SPLIT) == 0 && s->q.device_count > 1;
    bool     done = fixed_split ? placement_divide_by_engine(s, state, first) : cfi_divide_solve(&s->divide, first);

    if (!done)
        return false;
    cfi_spread_fill(&s->divide, first, &state->spread);
    state->written = *state->options;
    return cfi_spread_write(&state->spread, &s->ledger, s->goal.open, &state->written);
}

/* What the sums did not foresee, on devices that turned out too small. */
static void placement_learn(cfi_solver *s, placement_state *state, const cfi_memory *before)
{
    for (uint32_t d = 0; d < s->q.device_count; d++) {
        int64_t  slack = cfi_plan_slack(&s->q, &state->answer.memory, d);
        uint64_t missing = slack < 0 ? (uint64_t)-slack : 0;
        uint64_t grown = placement_held(&state->answer.memory.device[d]), held = placement_held(&before->device[d]);

        grown = grown > held ? grown - held : 0;
        if (missing > grown)
            state->extra[d] += missing - grown; /* far below 64 bits: both are parts of a device */
    }
}

static void placement_keep(const placement_state *state, cfi_placed *out)
{
    out->found = state->margin >= 0;
    out->margin = state->margin;
    out->lack = state->lack;
    out->short_device = state->short_device;
    out->host_layers = state->spread.host_layers;
    out->moved_layers = state->spread.moved_layers;
    out->options = state->written;
    out->answer = state->answer;
}

static uint64_t placement_host_bytes(const cfi_solver *s, const cfi_memory *memory)
{
    return cfi_memory_device_total(&memory->device[s->q.device_count]);
}

/* Fewer bytes beside the devices. */
static bool placement_is_better(const cfi_solver *s, const placement_state *state, const cfi_placed *than)
{
    if ((state->margin >= 0) != than->found)
        return state->margin >= 0;
    if (!than->found)
        return state->lack < than->lack;
    return placement_host_bytes(s, &state->answer.memory) < placement_host_bytes(s, &than->answer.memory);
}

static bool placement_is_same(const ctxfit_plan_options *a, const ctxfit_plan_options *b)
{
    return a->gpu_layers == b->gpu_layers && a->cpu_expert_layers == b->cpu_expert_layers && strcmp(a->overrides, b->overrides) == 0 &&
           memcmp(a->tensor_split, b->tensor_split, sizeof a->tensor_split) == 0;
}

static ctxfit_status placement_rounds(cfi_solver *s, placement_state *state, cfi_placed *out, ctxfit_error *error)
{
    for (int round = 0; round < PLACEMENT_ROUNDS; round++) {
        ctxfit_plan_options last = state->written;
        cfi_memory          before = state->answer.memory;
        ctxfit_status       status;

        placement_set_budgets(s, state, round);
        if (round == 0 && !s->divide.tail)
            out->surplus = placement_surplus(s);
        if (!placement_divide(s, state) || (round > 0 && placement_is_same(&last, &state->written)))
            return CTXFIT_OK;
        status = placement_evaluate(s, &state->written, state, error);
        if (status != CTXFIT_OK)
            return status;
        if ((round == 0 && !s->divide.tail) || placement_is_better(s, state, out))
            placement_keep(state, out);
        if (state->margin < 0)
            placement_learn(s, state, &before);
        if (state->short_device == s->q.device_count && state->margin < 0) {
            if (s->divide.least_host)
                return CTXFIT_OK;
            s->divide.least_host = true;
        }
    }
    return CTXFIT_OK;
}

/* The most bytes that a placement moves at once. */
static uint64_t placement_largest_piece(const cfi_solver *s, cfi_padding padding)
{
    uint64_t largest = 0;

    for (uint32_t i = 0; i < s->ledger.entries; i++)
        for (uint32_t p = 0; p < CFI_PIECE_COUNT; p++)
            largest = cfi_max_u64(largest, s->ledger.layer[i].piece[p][padding]);
    return largest;
}

/* A piece that stays needs no room for its copy: up to one more may fit than the sums say. */
static ctxfit_status placement_press(cfi_solver *s, placement_state *state, cfi_placed *out, ctxfit_error *error)
{
    for (int press = 0; press < PLACEMENT_PRESSES; press++) {
        cfi_memory    from = out->answer.memory;
        ctxfit_status status;

        for (uint32_t d = 0; d < s->q.device_count; d++) {
            cfi_divide_device *device = &s->divide.device[d];
            uint64_t           more = placement_largest_piece(s, device->padding) >> press;

            device->budget = cfi_min_u64(s->q.usable[d], s->q.usable[d] - placement_held(&from.device[d]) + more);
        }
        if (!placement_divide(s, state) || placement_is_same(&out->options, &state->written))
            continue;
        status = placement_evaluate(s, &state->written, state, error);
        if (status != CTXFIT_OK)
            return status;
        if (placement_is_better(s, state, out)) {
            placement_keep(state, out);
            press = -1; /* from there once more */
        }
    }
    return CTXFIT_OK;
}

/* Another rule of division, from where the best so far ended. */
static ctxfit_status placement_again(cfi_solver *s, placement_state *state, cfi_placed *out, ctxfit_error *error)
{
    s->divide.least_host = false;
    state->answer = out->answer;
    memset(state->extra, 0, sizeof state->extra);
    memset(state->peak, 0, sizeof state->peak);
    return placement_rounds(s, state, out, error);
}

/* The other half of the layers keeps its pieces; and without experts whole layers, of which nothing has to be fetched. */
static ctxfit_status placement_variants(cfi_solver *s, placement_state *state, cfi_placed *out, ctxfit_error *error)
{
    ctxfit_status status = placement_press(s, state, out, error);

    s->divide.tail = true;
    if (status == CTXFIT_OK)
        status = placement_again(s, state, out, error);
    if (status == CTXFIT_OK)
        status = placement_press(s, state, out, error);
    s->divide.whole = !s->ledger.experts;
    if (status == CTXFIT_OK && s->divide.whole)
        status = placement_again(s, state, out, error);
    s->divide.tail = s->divide.whole = false;
    return status;
}

/* Nothing on the host, and whole layers do not fit: cut them between devices, if the bytes of all devices together are enough. */
static ctxfit_status placement_bridge(cfi_solver *s, placement_state *state, cfi_placed *out, ctxfit_error *error)
{
    static const char nothing[] = "^no such tensor$=CPU"; /* an override that finds none: the pipeline is off */
    cfi_bridge        bridge;
    ctxfit_status     status;

    memset(state->extra, 0, sizeof state->extra);
    memset(state->peak, 0, sizeof state->peak);
    state->written = *state->options;
    memcpy(state->written.overrides, nothing, sizeof nothing);
    status = placement_evaluate(s, &state->written, state, error);
    for (int round = 0; round < PLACEMENT_ROUNDS && status == CTXFIT_OK; round++) {
        ctxfit_plan_options last = state->written;
        cfi_memory          before = state->answer.memory;

        placement_set_budgets(s, state, round);
        if (round == 0)
            out->surplus = placement_surplus(s);
        state->written = *state->options;
        if (!cfi_bridge_solve(&s->divide, &bridge) ||
            !cfi_bridge_write(&bridge, &s->divide, s->q.engine_device, &state->written) || placement_is_same(&last, &state->written))
            return CTXFIT_OK;
        status = placement_evaluate(s, &state->written, state, error);
        if (status == CTXFIT_OK && state->margin >= 0) {
            placement_keep(state, out);
            out->host_layers = 0;
            out->moved_layers = 0;
            return CTXFIT_OK;
        }
        if (status == CTXFIT_OK)
            placement_learn(s, state, &before);
    }
    return status;
}

/* What compute buffers of a pipeline take at most could be enough for what is missing. */
static bool placement_may_bridge(const cfi_solver *s, const cfi_placed *placed, bool all_on_devices)
{
    const uint32_t needed = CTXFIT_OPEN_GPU_LAYERS | CTXFIT_OPEN_TENSOR_SPLIT | CTXFIT_OPEN_HOST_TENSORS;
    double         compute = 0;

    for (uint32_t d = 0; d < s->q.device_count; d++)
        compute += (double)placement_held(&placed->answer.memory.device[d]);
    return all_on_devices && !placed->found && s->q.device_count > 1 && (s->goal.open & needed) == needed &&
           s->q.options.split_mode != CTXFIT_SPLIT_NONE && placed->surplus + compute > 0;
}

/* A run like the one that is looked for, to start from its compute buffers. */
static void placement_first_guess(const cfi_solver *s, const ctxfit_plan_options *options, bool all_on_devices, ctxfit_plan_options *out)
{
    *out = *options;
    if ((s->goal.open & CTXFIT_OPEN_HOST_TENSORS) != 0 && s->ledger.experts && !all_on_devices)
        out->cpu_expert_layers = CTXFIT_ALL_LAYERS;
}

static uint32_t placement_fixed_host_layers(const cfi_solver *s, const ctxfit_plan_options *options)
{
    if ((s->goal.open & CTXFIT_OPEN_GPU_LAYERS) != 0)
        return UINT32_MAX;
    if (options->gpu_layers == CTXFIT_GPU_LAYERS_NONE)
        return s->ledger.entries;
    return options->gpu_layers == 0 || options->gpu_layers > s->ledger.entries ? 0 : s->ledger.entries - options->gpu_layers;
}

ctxfit_status cfi_solver_place(cfi_solver *s, const ctxfit_plan_options *options, bool all_on_devices, cfi_placed *out,
                               ctxfit_error *error)
{
    const uint32_t  placement = CTXFIT_OPEN_GPU_LAYERS | CTXFIT_OPEN_TENSOR_SPLIT | CTXFIT_OPEN_HOST_TENSORS;
    placement_state state;
    ctxfit_status   status;

    memset(&state, 0, sizeof state);
    memset(out, 0, sizeof *out);
    state.options = options;
    placement_first_guess(s, options, all_on_devices, &state.written);
    status = placement_evaluate(s, &state.written, &state, error);
    if (status == CTXFIT_OK)
        status = cfi_ledger_set_caches(&s->ledger, s->q.model, &state.answer.run, placement_depth(s, &state.answer.run), error);
    if (status != CTXFIT_OK)
        return status;
    placement_keep(&state, out);
    out->host_layers = s->ledger.entries - state.answer.run.gpu_layers;
    out->found = false;
    if ((s->goal.open & placement) == 0 || s->q.device_count == 0) {
        out->found = state.margin >= 0;
        out->surplus = (double)state.margin;
    } else {
        s->divide.all_on_devices = all_on_devices;
        s->divide.least_host = false;
        s->divide.host_layers = placement_fixed_host_layers(s, options);
        s->divide.tail = false;
        s->divide.whole = false;
        status = placement_rounds(s, &state, out, error);
        if (status == CTXFIT_OK && out->found && out->moved_layers > 0)
            status = placement_variants(s, &state, out, error);
        if (status == CTXFIT_OK && placement_may_bridge(s, out, all_on_devices))
            status = placement_bridge(s, &state, out, error);
    }
    if (status == CTXFIT_OK)
        placement_rate(s, out);
    return status;
}

/* A rate that is not known is no answer where the host takes part: that is what it would be asked for. */
bool cfi_solver_accepts(const cfi_solver *s, const cfi_placed *placed)
{
    double least = s->goal.least_decode_tokens_per_s;

    if (!placed->found || least <= 0)
        return placed->found;
    if (placed->seconds <= 0)
        return least <= CFI_ANY_RATE || placed->device_share >= 1 || s->q.device_count == 0;
    return 1 / placed->seconds >= least;
}
