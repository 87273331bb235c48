#include <inttypes.h>
#include <stdio.h>

#include "plan_internal.h"

/* Constraints that are not memory: configured, trained, rope scaling, engine, requested or slots. */
#define OTHER_KINDS 5u

/* A list under construction; the plan's array has room for every kind. */
typedef struct constraint_list {
    ctxfit_plan *plan;
    uint32_t     count;
} constraint_list;

static ctxfit_constraint *add(constraint_list *list, uint32_t kind, uint64_t limit_tokens)
{
    ctxfit_constraint *c = &list->plan->constraint[list->count++];

    c->struct_size = (uint32_t)sizeof *c;
    c->kind = kind;
    c->device = UINT32_MAX;
    c->limit_tokens = limit_tokens;
    return c;
}

static void add_configured(constraint_list *list, const ctxfit_plan_options *options)
{
    ctxfit_constraint *c;

    if (options->limit_tokens == 0)
        return;
    c = add(list, CTXFIT_LIMIT_CONFIGURED, options->limit_tokens);
    (void)snprintf(c->source, sizeof c->source, "%s", options->limit_source[0] != '\0' ? options->limit_source : "configured limit");
}

/* Of a context that all sequences have together, what one gets. */
static void add_divided(constraint_list *list, uint64_t tokens)
{
    const ctxfit_plan_summary *s = &list->plan->summary;
    ctxfit_constraint         *c = add(list, CTXFIT_LIMIT_SLOTS, s->n_ctx_seq);

    (void)snprintf(c->source, sizeof c->source, "a context of %" PRIu64 " tokens divided among %" PRIu32 " sequences", tokens, s->n_seq);
}

/* What was asked for, as one sequence gets it. One sequence with the engine's default or the largest context asked for nothing. */
static void add_requested(constraint_list *list, const ctxfit_plan_options *options)
{
    const ctxfit_plan_summary *s = &list->plan->summary;
    bool                       stated = options->ctx_tokens != 0 && options->ctx_tokens != CTXFIT_CTX_LARGEST;
    uint64_t                   asked = stated ? options->ctx_tokens : s->n_ctx;
    ctxfit_constraint         *c;

    if (s->n_seq > 1 && !s->kv_unified) {
        add_divided(list, asked);
    } else if (s->n_seq > 1) {
        c = add(list, CTXFIT_LIMIT_SLOTS, s->n_ctx_seq);
        (void)snprintf(c->source, sizeof c->source, "a context of %" PRIu64 " tokens shared by %" PRIu32 " sequences", asked, s->n_seq);
    } else if (stated) {
        c = add(list, CTXFIT_LIMIT_REQUESTED, s->n_ctx_seq);
        (void)snprintf(c->source, sizeof c->source, "the context that was asked for");
    }
}

/* Engines that set the context of one sequence, and the place that the setting comes from. */
static void add_setting(constraint_list *list, const cfi_engine_notes *notes)
{
    const char        *engine = list->plan->summary.engine.name;
    ctxfit_constraint *c;

    switch (notes->ctx_source) {
    case CTXFIT_CTX_FROM_REQUEST:
        c = add(list, CTXFIT_LIMIT_REQUESTED, notes->ctx_tokens);
        (void)snprintf(c->source, sizeof c->source, "the context that was asked for");
        return;
    case CTXFIT_CTX_FROM_FILE:
        c = add(list, CTXFIT_LIMIT_REQUESTED, notes->ctx_tokens);
        (void)snprintf(c->source, sizeof c->source, "num_ctx of the model's own file");
        return;
    case CTXFIT_CTX_FROM_SERVER:
        if (notes->ctx_default) {
            c = add(list, CTXFIT_LIMIT_ENGINE, notes->ctx_tokens);
            (void)snprintf(c->source, sizeof c->source, "default of %s, as no context length is set", engine);
            return;
        }
        c = add(list, CTXFIT_LIMIT_REQUESTED, notes->ctx_tokens);
        (void)snprintf(c->source, sizeof c->source, "the context length that the %s server is set to", engine);
        return;
    case CTXFIT_CTX_FROM_MEMORY:
        c = add(list, CTXFIT_LIMIT_ENGINE, notes->ctx_tokens);
        (void)snprintf(c->source, sizeof c->source,
                       "default of %s for %" PRIu64 " MiB of GPU memory; a request, the model's file or the server can ask for more",
                       engine, notes->default_memory >> 20);
        return;
    default: /* the trained length, which is a limit of its own */
        return;
    }
}

/* A GGUF may say another length than the config.json that the engine reads. */
static void add_trained(constraint_list *list, const cfi_question *q, const ctxfit_model_info *model)
{
    const uint64_t     most = q->length.most;
    ctxfit_constraint *c;

    if (most != 0) {
        c = add(list, CTXFIT_LIMIT_TRAINED, most);
        if (most == model->trained_tokens)
            (void)snprintf(c->source, sizeof c->source, "the model is made for %" PRIu64 " tokens", most);
        else
            (void)snprintf(c->source, sizeof c->source, "%s takes at most %" PRIu64 " tokens, by the model's configuration",
                           q->engine.info.name, most);
    }
    if (model->rope_original_tokens != 0 && model->rope_original_tokens < most) {
        c = add(list, CTXFIT_LIMIT_ROPE_SCALING, model->rope_original_tokens);
        (void)snprintf(c->source, sizeof c->source,
                       "pre-trained on %" PRIu64 " tokens; rope scaling stretches them, quality may fall beyond",
                       model->rope_original_tokens);
    }
}

static void add_engine(constraint_list *list, const ctxfit_plan_options *options)
{
    const ctxfit_plan_summary *s = &list->plan->summary;
    ctxfit_constraint         *c;

    if (options->ctx_tokens == 0 || options->ctx_tokens == CTXFIT_CTX_LARGEST || s->n_ctx == options->ctx_tokens)
        return;
    c = add(list, CTXFIT_LIMIT_ENGINE, s->n_ctx_seq);
    (void)snprintf(c->source, sizeof c->source, "%s rounds each sequence up to a multiple of %u: %" PRIu64 " tokens become %" PRIu64,
                   s->engine.name, CFI_CTX_STEP, options->ctx_tokens, s->n_ctx);
}

/* What is known of the longest context that the engine takes: that is all that a search without an end says. */
typedef struct longest_context {
    uint64_t tokens;                      /* of one sequence; 0: not looked for */
    bool     grows[CFI_MAX_PLAN_DEVICES]; /* what is left of the device depends on the context */
} longest_context;

static ctxfit_status find_longest(const ctxfit_plan *plan, const cfi_question *q, longest_context *out, ctxfit_error *error)
{
    const uint32_t sequences = plan->summary.n_seq;
    const uint64_t step = cfi_engine_traits_of(q->engine.id)->ctx_step;
    cfi_answer     least, most;
    ctxfit_status  status;

    status = cfi_plan_answer_by(q, cfi_plan_whole_ctx(q, step, sequences), sequences, true, &least, error);
    if (status == CTXFIT_OK)
        status = cfi_plan_answer_by(q, cfi_plan_whole_ctx(q, cfi_plan_most_ctx(q, sequences), sequences), sequences, true, &most, error);
    if (status == CTXFIT_E_OVERFLOW || status == CTXFIT_E_REFUSED || status == CTXFIT_E_UNSUPPORTED)
        return CTXFIT_OK; /* of that context there is no plan: the one that is asked for has its own */
    if (status != CTXFIT_OK)
        return status;
    out->tokens = most.run.n_ctx_seq;
    for (uint32_t d = 0; d < cfi_plan_device_count(q); d++)
        out->grows[d] = cfi_plan_slack(q, &least.memory, d) != cfi_plan_slack(q, &most.memory, d);
    return CTXFIT_OK;
}

/* Where no context is too long, why. */
static void add_fitting(ctxfit_constraint *c, const ctxfit_plan_summary *s, const longest_context *longest)
{
    const size_t used = strlen(c->source);

    if (c->limit_tokens != CFI_NO_LIMIT) {
        c->fits_tokens = c->limit_tokens;
    } else if (longest->tokens == 0) {
        c->fits_tokens = c->slack_bytes >= 0 ? s->n_ctx_seq : 0;
    } else if (longest->grows[c->device]) {
        c->fits_tokens = longest->tokens;
        (void)snprintf(c->source + used, sizeof c->source - used, ": room for the longest context that %s takes", s->engine.name);
    } else {
        c->fits_tokens = UINT64_MAX;
        (void)snprintf(c->source + used, sizeof c->source - used, ": nothing there grows with the context");
    }
}

static void add_memory(constraint_list *list, const cfi_question *q, uint32_t device, uint64_t limit_tokens, const longest_context *longest)
{
    const ctxfit_device *hw = cfi_plan_hw_device(q, device);
    bool                 host = device == q->device_count, budget = hw->kind == CTXFIT_DEVICE_UNIFIED;
    ctxfit_constraint   *c =
        add(list, host ? CTXFIT_LIMIT_HOST : budget ? CTXFIT_LIMIT_GPU_BUDGET : CTXFIT_LIMIT_DEVICE, limit_tokens);

    c->device = device;
    c->slack_bytes = cfi_plan_slack(q, &list->plan->answer.memory, device);
    if (host && hw->free_bytes != 0 && q->usable[device] == hw->free_bytes)
        (void)snprintf(c->source, sizeof c->source, "host memory that is free now");
    else if (host)
        (void)snprintf(c->source, sizeof c->source, "host memory, less %" PRIu64 " MiB %s",
                       (q->capacity[device] - q->usable[device]) >> 20,
                       q->options.host_reserve_bytes != 0 ? "kept free" : "for the operating system");
    else if (budget)
        (void)snprintf(c->source, sizeof c->source, "GPU budget of unified memory of %s", hw->name);
    else
        (void)snprintf(c->source, sizeof c->source, "memory of %s (%s)", hw->name, list->plan->device[device].name);
    add_fitting(c, &list->plan->summary, longest);
}

/* Of every device whose size is stated. */
static ctxfit_status add_memories(constraint_list *list, const cfi_question *q, const uint64_t *device_limit, ctxfit_error *error)
{
    longest_context longest = {0};
    bool            unlimited = false;
    ctxfit_status   status = CTXFIT_OK;

    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++)
        unlimited = unlimited || (q->usable[i] != CFI_NO_LIMIT && device_limit[i] == CFI_NO_LIMIT);
    if (unlimited && list->plan->limits_known)
        status = find_longest(list->plan, q, &longest, error);
    for (uint32_t i = 0; i < cfi_plan_device_count(q) && status == CTXFIT_OK; i++)
        if (q->usable[i] != CFI_NO_LIMIT)
            add_memory(list, q, i, device_limit[i], &longest);
    return status;
}

/* Layers on the host made room for what is planned: its length is what the memory holds, and not a limit of it. */
static bool made_room(const ctxfit_plan *plan, const ctxfit_constraint *c)
{
    return plan->fitted && c->limit_tokens == plan->summary.n_ctx_seq &&
           (c->kind == CTXFIT_LIMIT_DEVICE || c->kind == CTXFIT_LIMIT_GPU_BUDGET || c->kind == CTXFIT_LIMIT_HOST);
}

static bool binds_before(const ctxfit_plan *plan, const ctxfit_constraint *a, const ctxfit_constraint *b)
{
    /* Length before rope scaling is advice: it never binds. */
    bool advice_a = a->kind == CTXFIT_LIMIT_ROPE_SCALING, advice_b = b->kind == CTXFIT_LIMIT_ROPE_SCALING;

    if (advice_a != advice_b)
        return advice_b;
    if (a->limit_tokens == b->limit_tokens)
        return !made_room(plan, a) && made_room(plan, b);
    return a->limit_tokens < b->limit_tokens;
}

/* A handful of entries: insertion keeps equal ones in the order above, where the cause that a user can change comes first. */
static void sort(constraint_list *list)
{
    ctxfit_constraint *all = list->plan->constraint;

    for (uint32_t i = 1; i < list->count; i++) {
        ctxfit_constraint moved = all[i];
        uint32_t          at = i;

        for (; at > 0 && binds_before(list->plan, &moved, &all[at - 1]); at--)
            all[at] = all[at - 1];
        all[at] = moved;
    }
    if (list->count == 0)
        return;
    all[0].binding = all[0].limit_tokens != CFI_NO_LIMIT;
    list->plan->limit_tokens = all[0].limit_tokens;
    list->plan->limit_kind = all[0].kind;
}

ctxfit_status cfi_plan_constraints(ctxfit_plan *plan, const cfi_question *q, const uint64_t *device_limit, ctxfit_error *error)
{
    constraint_list list = {plan, 0};
    ctxfit_status   status;

    plan->constraint = cfi_arena_array(&plan->arena, cfi_plan_device_count(q) + OTHER_KINDS, sizeof *plan->constraint);
    if (plan->constraint == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the constraints of a plan");
    add_configured(&list, &q->options);
    status = add_memories(&list, q, device_limit, error);
    if (status != CTXFIT_OK)
        return status;
    add_trained(&list, q, &plan->model);
    if (cfi_engine_traits_of(q->engine.id)->per_sequence ||
        (plan->answer.run.notes.ctx_source != CTXFIT_CTX_FROM_REQUEST && plan->answer.run.notes.ctx_source != CTXFIT_CTX_FROM_MODEL)) {
        if (q->options.ctx_tokens != CTXFIT_CTX_LARGEST)
            add_setting(&list, &plan->answer.run.notes);
        if (!cfi_engine_traits_of(q->engine.id)->per_sequence && plan->summary.n_seq > 1 && !plan->summary.kv_unified)
            add_divided(&list, plan->answer.run.notes.ctx_tokens);
    } else {
        add_requested(&list, &q->options);
        add_engine(&list, &q->options);
    }
    sort(&list);
    plan->summary.constraint_count = list.count;
    return CTXFIT_OK;
}

const char *ctxfit_limit_name(uint32_t kind)
{
    switch (kind) {
    case CTXFIT_LIMIT_CONFIGURED:   return "configured";
    case CTXFIT_LIMIT_REQUESTED:    return "requested";
    case CTXFIT_LIMIT_SLOTS:        return "slots";
    case CTXFIT_LIMIT_TRAINED:      return "trained";
    case CTXFIT_LIMIT_ROPE_SCALING: return "rope_scaling";
    case CTXFIT_LIMIT_DEVICE:       return "device_memory";
    case CTXFIT_LIMIT_GPU_BUDGET:   return "gpu_budget";
    case CTXFIT_LIMIT_HOST:         return "host_memory";
    case CTXFIT_LIMIT_ENGINE:       return "engine";
    }
    return "unknown";
}
