/* From a goal to a choice: every combination of what is open beside the placement, in the order of what it costs. */
#include "place_internal.h"


#define SOLVE_PLACEMENT (CTXFIT_OPEN_GPU_LAYERS | CTXFIT_OPEN_TENSOR_SPLIT | CTXFIT_OPEN_HOST_TENSORS)
#define SOLVE_ALL_BITS  (CTXFIT_OPEN_FLASH * 2 - 1)
#define SOLVE_LEAST_CTX 4096u /* as llama.cpp's --fit-ctx: b10472 common/common.h */
#define SOLVE_MAX_TYPES 64u

static const ctxfit_quant solve_cache_types[] = {CTXFIT_QUANT_F16, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_Q4_0};
static const uint32_t     solve_ubatches[] = {2048, 1024, 512, 256, 128};
static const uint32_t     solve_flash[] = {CTXFIT_CHOICE_DEFAULT, CTXFIT_CHOICE_ON, CTXFIT_CHOICE_OFF};

/* ---- the wish ---- */
static ctxfit_status solve_conflict(const char *name, ctxfit_error *error)
{
    return cfi_fail(error, CTXFIT_E_INVALID_ARG, "%s is stated and open: leave it 0 where it is to be chosen, or take its bit from `open`",
                    name);
}

static bool solve_split_stated(const ctxfit_plan_options *o)
{
    for (uint32_t i = 0; i < CTXFIT_MAX_SPLIT; i++)
        if (o->tensor_split[i] > 0)
            return true;
    return false;
}

static ctxfit_status solve_check_conflicts(const cfi_wish *wish, ctxfit_error *error)
{
    const ctxfit_plan_options *o = &wish->options;
    const struct {
        uint32_t    bit;
        bool        stated;
        const char *name;
    } members[] = {
        {CTXFIT_OPEN_CONTEXT, o->ctx_tokens != 0, "ctx_tokens"},
        {CTXFIT_OPEN_SEQUENCES, o->sequences != 0, "sequences"},
        {CTXFIT_OPEN_CACHE_TYPE, o->kv_key != 0 || o->kv_value != 0, "kv_key, kv_value"},
        {CTXFIT_OPEN_GPU_LAYERS, o->gpu_layers != 0, "gpu_layers"},
        {CTXFIT_OPEN_TENSOR_SPLIT, solve_split_stated(o), "tensor_split"},
        {CTXFIT_OPEN_HOST_TENSORS, o->cpu_expert_layers != 0, "cpu_expert_layers"},
        {CTXFIT_OPEN_HOST_TENSORS, o->overrides[0] != '\0', "overrides"},
        {CTXFIT_OPEN_UBATCH, o->ubatch_tokens != 0, "ubatch_tokens"},
        {CTXFIT_OPEN_FLASH, o->flash_attention != 0, "flash_attention"},
    };

    for (size_t i = 0; i < CFI_COUNT(members); i++)
        if ((wish->goal.open & members[i].bit) != 0 && members[i].stated)
            return solve_conflict(members[i].name, error);
    return CTXFIT_OK;
}

/* What is open by default: where tensors go, as far as nothing is stated, and what the objective is about. */
static void solve_default_open(cfi_wish *wish, bool places)
{
    cfi_engine_device          devices[CFI_MAX_DEVICES];
    uint32_t                   count = cfi_memory_engine_devices(wish->hw, devices);
    ctxfit_goal               *goal = &wish->goal;
    const ctxfit_plan_options *o = &wish->options;

    if (goal->open == 0) {
        if (o->gpu_layers == 0 && places)
            goal->open |= CTXFIT_OPEN_GPU_LAYERS;
        if (!solve_split_stated(o) && places)
            goal->open |= CTXFIT_OPEN_TENSOR_SPLIT;
        if (o->cpu_expert_layers == 0 && o->overrides[0] == '\0' && places)
            goal->open |= CTXFIT_OPEN_HOST_TENSORS;
        if (goal->objective == CTXFIT_OBJECTIVE_LARGEST_CONTEXT && o->ctx_tokens == 0)
            goal->open |= CTXFIT_OPEN_CONTEXT;
        if (goal->objective == CTXFIT_OBJECTIVE_MOST_SEQUENCES && o->sequences == 0)
            goal->open |= CTXFIT_OPEN_SEQUENCES;
        if (goal->objective == CTXFIT_OBJECTIVE_BEST_QUALITY)
            goal->open |= CTXFIT_OPEN_FILE_TYPE | (o->kv_key == 0 && o->kv_value == 0 ? CTXFIT_OPEN_CACHE_TYPE : 0u);
    }
    goal->open &= ~(uint32_t)CTXFIT_OPEN_NOTHING;
    if (count > CTXFIT_MAX_SPLIT) /* no option names them all: the engine divides by free memory */
        goal->open &= ~(uint32_t)CTXFIT_OPEN_TENSOR_SPLIT;
    if (goal->objective == CTXFIT_OBJECTIVE_DEFAULT)
        goal->objective = (goal->open & CTXFIT_OPEN_CONTEXT) != 0 ? CTXFIT_OBJECTIVE_LARGEST_CONTEXT : CTXFIT_OBJECTIVE_FASTEST_DECODE;
}

static ctxfit_status solve_check_split(const cfi_wish *wish, ctxfit_error *error)
{
    cfi_engine_device devices[CFI_MAX_DEVICES];
    uint32_t          count = cfi_memory_engine_devices(wish->hw, devices), named = 0;

    for (uint32_t i = 0; i < CTXFIT_MAX_SPLIT; i++)
        if (wish->options.tensor_split[i] != 0)
            named = i + 1;
    if (named > count)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "tensor_split: %u proportions for %u devices", (unsigned)named, (unsigned)count);
    return CTXFIT_OK;
}

static uint32_t solve_cache_place(ctxfit_quant quant)
{
    uint32_t at = 0;

    while (at < CFI_COUNT(solve_cache_types) && solve_cache_types[at] != quant)
        at++;
    return at;
}

static ctxfit_status solve_check_goal(const cfi_wish *wish, ctxfit_error *error)
{
    const ctxfit_goal    *goal = &wish->goal;
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

    if (goal->objective > CTXFIT_OBJECTIVE_MOST_SEQUENCES)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "objective: %u is none, expected CTXFIT_OBJECTIVE_*", (unsigned)goal->objective);
    if ((goal->flags & ~(uint32_t)CTXFIT_GOAL_F_NO_CHANGES) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "flags: 0x%x has unknown bits", (unsigned)goal->flags);
    if ((goal->open & ~(uint32_t)(SOLVE_ALL_BITS | CTXFIT_OPEN_NOTHING)) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "open: 0x%x has unknown bits", (unsigned)goal->open);
    if ((goal->open & CTXFIT_OPEN_NOTHING) != 0 && goal->open != CTXFIT_OPEN_NOTHING)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "open: CTXFIT_OPEN_NOTHING stands alone");
    if (!(goal->least_decode_tokens_per_s >= 0 && cfi_is_finite(goal->least_decode_tokens_per_s)))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "least_decode_tokens_per_s: expected a finite number, 0 or more");
    if (goal->worst_file_type != 0 && ctxfit_file_type_get_info(goal->worst_file_type, &info) != CTXFIT_OK)
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "worst_file_type: %u is no file type", (unsigned)goal->worst_file_type);
    if (goal->worst_cache_type != 0 && solve_cache_place(goal->worst_cache_type) == CFI_COUNT(solve_cache_types))
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "worst_cache_type: expected F16, Q8_0 or Q4_0");
    return CTXFIT_OK;
}

/* An objective needs what it is about to be open. */
static ctxfit_status solve_check_objective(const cfi_wish *wish, ctxfit_error *error)
{
    const ctxfit_goal *goal = &wish->goal;

    if (goal->objective == CTXFIT_OBJECTIVE_LARGEST_CONTEXT && (goal->open & CTXFIT_OPEN_CONTEXT) == 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "the largest context is asked for, but ctx_tokens is fixed");
    if (goal->objective == CTXFIT_OBJECTIVE_MOST_SEQUENCES && (goal->open & CTXFIT_OPEN_SEQUENCES) == 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "the most sequences are asked for, but sequences is fixed");
    if (goal->objective != CTXFIT_OBJECTIVE_MOST_SEQUENCES && (goal->open & CTXFIT_OPEN_SEQUENCES) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "sequences are open, but only the objective MOST_SEQUENCES chooses them");
    if (goal->objective != CTXFIT_OBJECTIVE_LARGEST_CONTEXT && (goal->open & CTXFIT_OPEN_CONTEXT) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "the context is open, but only the objective LARGEST_CONTEXT chooses it");
    return CTXFIT_OK;
}

ctxfit_status cfi_wish_check(cfi_wish *wish, ctxfit_error *error)
{
    ctxfit_goal      *goal = &wish->goal;
    cfi_engine_choice engine = {0};
    ctxfit_status     status = cfi_plan_check_options(&wish->options, error);

    if (status == CTXFIT_OK)
        status = cfi_engine_choose(wish->options.engine, &engine, error);
    if (status == CTXFIT_OK)
        status = solve_check_goal(wish, error);
    if (status == CTXFIT_OK)
        status = solve_check_split(wish, error);
    if (status != CTXFIT_OK)
        return status;
    if (wish->options.ctx_tokens == CTXFIT_CTX_LARGEST) { /* says the same as the bit */
        wish->options.ctx_tokens = 0;
        if (goal->open != 0)
            goal->open |= CTXFIT_OPEN_CONTEXT;
        if (goal->objective == CTXFIT_OBJECTIVE_DEFAULT)
            goal->objective = CTXFIT_OBJECTIVE_LARGEST_CONTEXT;
    }
    if (engine.id != CFI_ENGINE_LLAMACPP && engine.id != CFI_ENGINE_OLLAMA && engine.id != CFI_ENGINE_LMSTUDIO)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "%s: placements are searched for llama.cpp, Ollama and LM Studio", engine.info.name);
    if (engine.id != CFI_ENGINE_LLAMACPP && (goal->open & SOLVE_PLACEMENT) != 0)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "%s places a model by itself: where its tensors go is not open", engine.info.name);
    solve_default_open(wish, engine.id == CFI_ENGINE_LLAMACPP);
    if (goal->least_ctx_seq_tokens == 0)
        goal->least_ctx_seq_tokens = SOLVE_LEAST_CTX;
    if (goal->worst_file_type == 0)
        goal->worst_file_type = CTXFIT_FILE_TYPE_Q4_K_M;
    if (goal->worst_cache_type == 0)
        goal->worst_cache_type = CTXFIT_QUANT_Q8_0;
    status = solve_check_conflicts(wish, error);
    return status == CTXFIT_OK ? solve_check_objective(wish, error) : status;
}

/* ---- one combination ---- */
static ctxfit_status solve_search(const cfi_wish *wish, cfi_solver *s, ctxfit_plan_options *options, cfi_placed *out, ctxfit_error *error)
{
    if (wish->goal.objective == CTXFIT_OBJECTIVE_LARGEST_CONTEXT)
        return cfi_search_context(s, options, out, error);
    if (wish->goal.objective == CTXFIT_OBJECTIVE_MOST_SEQUENCES)
        return cfi_search_sequences(s, options, out, error);
    return cfi_solver_place(s, options, false, out, error);
}

/* Whether `a` serves the objective better; between equals the earlier combination, which is the better quality, stays. */
static bool solve_is_better(const cfi_wish *wish, const cfi_placed *a, bool a_good, const cfi_placed *b, bool b_good)
{
    if (a_good != b_good)
        return a_good;
    if (!a_good)
        return a->found != b->found ? a->found : a->lack < b->lack;
    switch (wish->goal.objective) {
    case CTXFIT_OBJECTIVE_LARGEST_CONTEXT: return a->answer.run.n_ctx_seq > b->answer.run.n_ctx_seq;
    case CTXFIT_OBJECTIVE_MOST_SEQUENCES:  return a->answer.run.n_seq > b->answer.run.n_seq;
    case CTXFIT_OBJECTIVE_FASTEST_DECODE:  return a->seconds > 0 && a->seconds < b->seconds;
    default:                               return false;
    }
}

/* Nothing that comes later can be better: the objective is reached, or only quality was left. */
static bool solve_is_best(const cfi_wish *wish, const cfi_solver *s, const cfi_placed *placed)
{
    uint64_t trained = s->q.model->info.trained_tokens;

    switch (wish->goal.objective) {
    case CTXFIT_OBJECTIVE_LARGEST_CONTEXT: return trained != 0 && placed->answer.run.n_ctx_seq >= trained;
    case CTXFIT_OBJECTIVE_MOST_SEQUENCES:  return placed->answer.run.n_seq == CFI_MAX_SEQUENCES;
    case CTXFIT_OBJECTIVE_BEST_QUALITY:    return true;
    default:                               return false;
    }
}

typedef struct solve_state {
    const cfi_wish *wish;
    cfi_solver     *solver;
    cfi_choice     *best;
    bool            any;
    bool            good;
    bool            done;
    bool            improved; /* by the model at hand */
    ctxfit_status   refused;
    ctxfit_error    refusal;  /* the first combination that the engine does not run */
} solve_state;

static ctxfit_status solve_try(solve_state *t, ctxfit_plan_options options, ctxfit_error *error)
{
    cfi_placed    placed;
    ctxfit_error  found;
    ctxfit_status status = solve_search(t->wish, t->solver, &options, &placed, &found);
    bool          good;

    if (status == CTXFIT_E_REFUSED) {
        if (t->refused == CTXFIT_OK)
            t->refusal = found;
        t->refused = status;
        return CTXFIT_OK;
    }
    if (status != CTXFIT_OK) {
        if (error != NULL)
            *error = found;
        return status;
    }
    good = cfi_solver_accepts(t->solver, &placed);
    if (!t->any || solve_is_better(t->wish, &placed, good, &t->best->placed, t->good)) {
        t->best->placed = placed;
        t->any = true;
        t->good = good;
        t->improved = true;
    }
    t->done = t->good && solve_is_best(t->wish, t->solver, &t->best->placed);
    return CTXFIT_OK;
}

/* Cache types, micro-batches and flash attention, each as it is or in the order of its table. */
static ctxfit_status solve_combinations(solve_state *t, ctxfit_error *error)
{
    uint32_t      open = t->wish->goal.open;
    size_t        caches = (open & CTXFIT_OPEN_CACHE_TYPE) != 0 ? solve_cache_place(t->wish->goal.worst_cache_type) + 1 : 1;
    size_t        ubatches = (open & CTXFIT_OPEN_UBATCH) != 0 ? CFI_COUNT(solve_ubatches) : 1;
    size_t        flashes = (open & CTXFIT_OPEN_FLASH) != 0 ? CFI_COUNT(solve_flash) : 1;
    ctxfit_status status = CTXFIT_OK;

    for (size_t n = 0; n < caches * ubatches * flashes && status == CTXFIT_OK && !t->done; n++) {
        ctxfit_plan_options o = t->wish->options;

        if (caches > 1)
            o.kv_key = o.kv_value = solve_cache_types[n / (ubatches * flashes)];
        if (ubatches > 1)
            o.ubatch_tokens = solve_ubatches[n / flashes % ubatches];
        if (flashes > 1)
            o.flash_attention = solve_flash[n % flashes];
        status = solve_try(t, o, error);
    }
    return status;
}

static ctxfit_status solve_model(solve_state *t, const ctxfit_model *model, ctxfit_error *error)
{
    ctxfit_status status;

    cfi_arena_free(&t->solver->arena);
    cfi_arena_init(&t->solver->arena, &t->wish->allocator);
    t->improved = false;
    t->solver->q.options = t->wish->options;
    status = cfi_solver_take(t->solver, model, error);
    return status == CTXFIT_OK ? solve_combinations(t, error) : status;
}

/* ---- file types ---- */
/* From the best to the worst that the goal allows, of those that people publish. */
static uint32_t solve_file_types(const cfi_wish *wish, ctxfit_file_type out[SOLVE_MAX_TYPES])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ctxfit_file_type_count() && count < SOLVE_MAX_TYPES; i++) {
        ctxfit_file_type type = ctxfit_file_type_at(i);

        if (cfi_plan_is_published(type) || type == wish->goal.worst_file_type)
            out[count++] = type;
        if (type == wish->goal.worst_file_type)
            break;
    }
    return count;
}

static ctxfit_status solve_file_type(solve_state *t, ctxfit_file_type type, ctxfit_error *error)
{
    ctxfit_model *model;
    ctxfit_status status = ctxfit_model_requantize(t->wish->model, type, &t->wish->allocator, &model, error);

    if (status == CTXFIT_E_REFUSED)
        return CTXFIT_OK; /* llama-quantize does not make that file of this model */
    if (status != CTXFIT_OK)
        return status;
    status = solve_model(t, model, error);
    if (status == CTXFIT_OK && t->improved) {
        ctxfit_model_free(t->best->model);
        t->best->model = model;
        t->best->file_type = type;
    } else {
        ctxfit_model_free(model);
    }
    return status;
}

ctxfit_status cfi_wish_solve(const cfi_wish *wish, cfi_choice *out, ctxfit_error *error)
{
    cfi_solver       solver = {0};
    solve_state      t = {.wish = wish, .solver = &solver, .best = out};
    ctxfit_file_type types[SOLVE_MAX_TYPES];
    uint32_t         count;
    ctxfit_status    status = CTXFIT_OK;

    memset(out, 0, sizeof *out);
    cfi_arena_init(&solver.arena, &wish->allocator);
    solver.goal = wish->goal;
    solver.beside = wish->beside;
    solver.q.options = wish->options;
    cfi_arena_init(&solver.scratch, &wish->allocator);
    status = cfi_plan_question(&solver.q, wish->model, wish->hw, error);
    solver.q.scratch = &solver.scratch;
    if (status == CTXFIT_OK && (wish->goal.open & CTXFIT_OPEN_FILE_TYPE) == 0) {
        status = solve_model(&t, wish->model, error);
    } else if (status == CTXFIT_OK) {
        count = solve_file_types(wish, types);
        for (uint32_t i = 0; i < count && status == CTXFIT_OK && !t.done; i++)
            status = solve_file_type(&t, types[i], error);
    }
    cfi_arena_free(&solver.arena);
    cfi_arena_free(&solver.scratch);
    out->evaluations = solver.evaluations;
    if (status == CTXFIT_OK && !t.any) {
        if (error != NULL)
            *error = t.refusal;
        status = t.refused;
        if (status == CTXFIT_OK)
            status = cfi_fail(error, CTXFIT_E_REFUSED, "llama-quantize makes no file of this model down to %s",
                              ctxfit_file_type_name(wish->goal.worst_file_type));
    }
    out->placed.found = out->placed.found && t.good;
    if (status != CTXFIT_OK)
        cfi_choice_free(out);
    return status;
}

void cfi_choice_free(cfi_choice *choice)
{
    ctxfit_model_free(choice->model);
    choice->model = NULL;
}
