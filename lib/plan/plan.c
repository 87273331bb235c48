#include <stddef.h>

#include "plan_internal.h"

static bool is_rate(double value)
{
    return cfi_is_finite(value) && value >= 0;
}

/* A negative number of bytes that was stored in these members. */
static bool is_negative(uint64_t bytes)
{
    return bytes > INT64_MAX && bytes != CTXFIT_RESERVE_NONE;
}

static ctxfit_status check_reserves(const ctxfit_plan_options *o, ctxfit_error *error)
{
    static const char expected[] = "expected a number of bytes, 0 for the default, or CTXFIT_RESERVE_NONE";

    if (is_negative(o->reserve_bytes))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "reserve_bytes: %lld is negative; %s", (long long)o->reserve_bytes, expected);
    if (is_negative(o->host_reserve_bytes))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "host_reserve_bytes: %lld is negative; %s", (long long)o->host_reserve_bytes,
                        expected);
    for (unsigned i = 0; i < CTXFIT_MAX_SPLIT; i++)
        if (is_negative(o->device_reserve_bytes[i]))
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "device_reserve_bytes[%u]: %lld is negative; %s", i,
                            (long long)o->device_reserve_bytes[i], expected);
    return CTXFIT_OK;
}

/* What the engine does not check itself. */
ctxfit_status cfi_plan_check_options(ctxfit_plan_options *o, ctxfit_error *error)
{
    if (!is_rate(o->measured_prefill_tokens_per_s) || !is_rate(o->measured_decode_tokens_per_s))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "measured rate: expected a finite number of tokens per second, 0 or more");
    if ((o->flags & ~(uint32_t)(CTXFIT_PLAN_F_NO_LIMITS | CTXFIT_PLAN_F_BOUND | CTXFIT_PLAN_F_SPREAD | CTXFIT_PLAN_F_VISION |
                                 CTXFIT_PLAN_F_EAGER | CTXFIT_PLAN_F_NO_PREFIX_CACHE | CTXFIT_PLAN_F_PREFIX_CACHE |
                                 CTXFIT_PLAN_F_TEXT_ONLY)) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "flags: 0x%x has unknown bits", (unsigned)o->flags);
    if (o->reserved0 != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "reserved0: expected 0");
    if (!(o->memory_fraction >= 0 && o->memory_fraction <= 1))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "memory_fraction: expected a part of the memory, above 0 and at most 1");
    o->engine[sizeof o->engine - 1] = '\0';
    o->overrides[sizeof o->overrides - 1] = '\0';
    o->limit_source[sizeof o->limit_source - 1] = '\0';
    return check_reserves(o, error);
}

/* Fills limit[] with the largest context per sequence that each device allows, and returns the least of them. */
static ctxfit_status device_limits(const cfi_question *q, uint32_t sequences, uint64_t *limit, uint64_t *out_least, ctxfit_error *error)
{
    *out_least = CFI_NO_LIMIT;
    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++) {
        ctxfit_status status = CTXFIT_OK;

        limit[i] = CFI_NO_LIMIT;
        if (q->usable[i] != CFI_NO_LIMIT)
            status = cfi_plan_device_limit(q, i, sequences, &limit[i], error);
        if (status != CTXFIT_OK)
            return status;
        *out_least = cfi_min_u64(*out_least, limit[i]);
    }
    return CTXFIT_OK;
}

static void fill_devices(ctxfit_plan *plan, const cfi_question *q)
{
    const cfi_memory *memory = &plan->answer.memory;

    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++) {
        const cfi_memory_device *m = &memory->device[i];
        const ctxfit_device     *hw = cfi_plan_hw_device(q, i);
        ctxfit_plan_device      *d = &plan->device[i];

        d->struct_size = (uint32_t)sizeof *d;
        d->kind = hw->kind;
        d->backend = hw->backend;
        d->layers = m->layers;
        d->capacity_bytes = q->capacity[i];
        d->usable_bytes = cfi_plan_usable(q, memory, i);
        d->weights_bytes = m->weights;
        d->kv_bytes = m->kv;
        d->kv_swa_bytes = m->kv_swa;
        d->recurrent_bytes = m->recurrent;
        d->kv_other_bytes = m->kv_other;
        d->compute_bytes = m->compute;
        d->compute_low_bytes = m->compute_low;
        d->output_bytes = m->output;
        d->beside_bytes = m->beside;
        d->tower_bytes = m->towers;
        d->total_bytes = cfi_memory_device_total(m);
        d->free_bytes = cfi_plan_slack(q, memory, i);
        if (i == q->device_count)
            memcpy(d->name, "host", sizeof "host");
        else
            cfi_memory_device_name(q->engine_device, i, d->name, sizeof d->name);
        memcpy(d->id, hw->id, sizeof d->id);
    }
}

static ctxfit_status sum_devices(ctxfit_plan *plan, const cfi_question *q, ctxfit_error *error)
{
    ctxfit_plan_summary *s = &plan->summary;

    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++) {
        const ctxfit_plan_device *d = &plan->device[i];

        /* The parts are within the total, so they do not overflow either. */
        if (!cfi_add_u64(s->total_bytes, d->total_bytes, &s->total_bytes) || d->total_bytes == UINT64_MAX)
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "plan: the bytes of all devices are more than 64 bits hold");
        s->weights_bytes += d->weights_bytes;
        s->kv_bytes += d->kv_bytes + d->kv_swa_bytes + d->kv_other_bytes;
        s->recurrent_bytes += d->recurrent_bytes;
        s->compute_bytes += d->compute_bytes;
        s->output_bytes += d->output_bytes;
        s->beside_bytes += d->beside_bytes;
    }
    return CTXFIT_OK;
}

/* Nothing of the layers and the output on the host, but for the input tensors, which llama.cpp keeps there unless an override moves
 * them. */
static bool all_on_gpus(const cfi_question *q, const cfi_answer *answer)
{
    const cfi_memory_device *host = &answer->memory.device[q->device_count];
    const uint64_t          *inputs = q->model->input_sums.padded[CFI_PADDING_32];

    return answer->run.gpu_layers > q->model->info.layers + q->model->info.nextn_layers &&
           (host->weights == 0 || host->weights == inputs[0] + inputs[1]) && host->kv == 0 && host->kv_swa == 0 &&
           host->kv_other == 0 && host->recurrent == 0;
}

static void fill_summary(ctxfit_plan *plan, const cfi_question *q)
{
    const cfi_run       *run = &plan->answer.run;
    ctxfit_plan_summary *s = &plan->summary;

    s->struct_size = (uint32_t)sizeof *s;
    s->n_ctx = run->n_ctx;
    s->n_ctx_seq = run->n_ctx_seq;
    s->n_seq = run->n_seq;
    s->n_batch = run->n_batch;
    s->n_ubatch = run->n_ubatch;
    s->flash_attention = run->flash;
    s->kv_unified = run->unified;
    s->streams = run->streams;
    s->kv_cells = run->kv_cells;
    s->swa_cells = run->swa_cells;
    s->gpu_layers = run->gpu_layers;
    s->output_device = run->output_device;
    s->device_count = cfi_plan_device_count(q);
    s->pipeline = run->pipeline;
    s->margin_bytes = cfi_plan_margin(q, &plan->answer.memory);
    s->compute_exact = plan->answer.memory.compute_exact;
    s->engine = run->engine;
    if (s->margin_bytes < 0)
        s->fit = CTXFIT_FIT_NONE;
    else
        s->fit = q->device_count == 0 || all_on_gpus(q, &plan->answer) ? CTXFIT_FIT_ALL : CTXFIT_FIT_SPLIT;
}

/* The context that is planned: what was asked for, or the largest that memory and training allow. */
static uint64_t planned_ctx(const cfi_question *q, uint32_t sequences, uint64_t max_ctx_seq)
{
    if (q->options.ctx_tokens != CTXFIT_CTX_LARGEST)
        return q->options.ctx_tokens;
    return cfi_plan_whole_ctx(q, max_ctx_seq > 0 ? max_ctx_seq : cfi_engine_traits_of(q->engine.id)->ctx_step, sequences);
}

static uint64_t largest_ctx(const cfi_question *q, uint32_t sequences, uint64_t memory_limit)
{
    uint64_t trained = q->length.most, most = cfi_min_u64(memory_limit, cfi_plan_most_ctx(q, sequences));

    return trained != 0 ? cfi_min_u64(trained, most) : most;
}

/* A context below the batch makes the batch smaller too: what is planned may fit where the search, which goes in steps, found nothing. */
static void raise_limits(ctxfit_plan *plan, const cfi_question *q, uint64_t *limit)
{
    uint64_t least = CFI_NO_LIMIT;

    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++) {
        if (cfi_plan_slack(q, &plan->answer.memory, i) >= 0)
            limit[i] = cfi_max_u64(limit[i], plan->summary.n_ctx_seq);
        least = cfi_min_u64(least, limit[i]);
    }
    plan->summary.max_ctx_seq_tokens = largest_ctx(q, plan->summary.n_seq, least);
    if (cfi_ranks_engine(q->engine.id) && q->options.batch_sequences != 0 && plan->summary.n_seq > q->options.batch_sequences)
        return; /* the others wait, whatever fits */
    if (plan->summary.fit != CTXFIT_FIT_NONE && plan->summary.max_sequences < plan->summary.n_seq && !plan->summary.kv_unified)
        plan->summary.max_sequences = plan->summary.n_seq;
}

/* What the largest context and the most sequences are limited by. */
static ctxfit_status name_limits(ctxfit_plan *plan, const cfi_question *q, const uint64_t *limit, ctxfit_error *error)
{
    const uint64_t longest = plan->summary.max_ctx_seq_tokens;
    ctxfit_status  status;
    uint32_t       device;

    plan->longest_kind = CTXFIT_LIMIT_ENGINE;
    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++) {
        if (limit[i] != longest)
            continue;
        plan->longest_kind = CTXFIT_LIMIT_DEVICE;
        plan->longest_device = i;
    }
    if (longest == q->length.most && longest != 0)
        plan->longest_kind = CTXFIT_LIMIT_TRAINED;
    status = cfi_plan_sequences_device(q, plan->summary.n_ctx_seq, plan->summary.max_sequences, &device, error);
    plan->sequences_kind = device != UINT32_MAX ? CTXFIT_LIMIT_DEVICE : CTXFIT_LIMIT_ENGINE;
    plan->sequences_device = device != UINT32_MAX ? device : 0;
    return status == CTXFIT_E_OVERFLOW ? CTXFIT_OK : status;
}

static void fill_engine(ctxfit_plan *plan, const cfi_question *q)
{
    const cfi_engine_notes *notes = &plan->answer.run.notes;
    ctxfit_plan_engine     *e = &plan->engine;

    e->struct_size = (uint32_t)sizeof *e;
    e->ctx_source = notes->ctx_source;
    e->ctx_tokens = notes->ctx_tokens;
    e->default_memory_bytes = notes->default_memory;
    e->predicted_bytes = notes->predicted;
    e->available_bytes = notes->available;
    e->serial = notes->serial;
    e->tensor_ranks = plan->answer.run.paged.tensor_ranks;
    e->stages = plan->answer.run.paged.stages;
    cfi_plan_pool(q, &plan->answer, e);
}

/* Where the engine loads a quantized checkpoint as it is. Engines of GGUF files load its plain form; EXL3 is a file type. */
static void fill_stored(ctxfit_plan *plan, const ctxfit_model *model)
{
    const cfi_run   *run = &plan->answer.run;
    const cfi_stored stored = cfi_model_stored(model);

    if (stored == CFI_STORED_PLAIN || run->widened || (run->paged.tensor_ranks == 0 && run->grown_bits == 0))
        return;
    plan->stored = *model->checkpoint;
    plan->stored_bytes = stored == CFI_STORED_MEASURED ? plan->stored.total_bytes
                         : stored == CFI_STORED_ESTIMATED ? cfi_model_all_stored_bytes(model) : UINT64_MAX;
}

static uint32_t usual_sequences(const cfi_question *q)
{
    const cfi_engine_machine machine = cfi_plan_machine(q);

    return q->options.sequences != 0 ? q->options.sequences : cfi_engine_usual_sequences(q->model, &q->options, &q->engine, &machine);
}

static ctxfit_status fill_plan(ctxfit_plan *plan, cfi_question *q, ctxfit_error *error)
{
    uint64_t      limit[CFI_MAX_PLAN_DEVICES], least = CFI_NO_LIMIT;
    uint32_t      sequences = usual_sequences(q);
    bool          solve = (q->options.flags & CTXFIT_PLAN_F_NO_LIMITS) == 0;
    uint64_t      planned;
    ctxfit_status status = CTXFIT_OK;

    if (q->options.ctx_tokens == CTXFIT_CTX_LARGEST && !solve)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens: the largest context needs the limits that flags leave out");
    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++)
        limit[i] = CFI_NO_LIMIT;
    if (solve)
        status = device_limits(q, sequences, limit, &least, error);
    if (status != CTXFIT_OK)
        return status;
    plan->limits_known = solve;
    plan->largest_asked = q->options.ctx_tokens == CTXFIT_CTX_LARGEST;
    plan->summary.max_ctx_seq_tokens = solve ? largest_ctx(q, sequences, least) : 0;
    planned = planned_ctx(q, sequences, plan->summary.max_ctx_seq_tokens);
    status = cfi_plan_answer_fitted(q, planned, sequences, &plan->answer, error);
    if (status == CTXFIT_OK)
        status = cfi_plan_list_beside(plan, q, planned, sequences, error);
    if (status != CTXFIT_OK)
        return status;
    plan->answer.run.overrides = NULL; /* belongs to the question, which ends here */
    plan->answer.run.scratch = NULL;
    plan->answer.run.weighed = NULL;
    plan->fitted = q->fit_gpu_layers != 0 || q->fit_cpu_expert_layers != 0;
    fill_stored(plan, q->model);
    fill_summary(plan, q);
    fill_engine(plan, q);
    fill_devices(plan, q);
    status = sum_devices(plan, q, error);
    if (status == CTXFIT_OK && solve)
        status = cfi_plan_most_sequences(q, plan->summary.n_ctx_seq, &plan->summary.max_sequences, error);
    if (status == CTXFIT_OK && solve) {
        raise_limits(plan, q, limit);
        status = name_limits(plan, q, limit, error);
    }
    if (status == CTXFIT_OK)
        status = cfi_plan_constraints(plan, q, limit, error);
    if (status == CTXFIT_OK)
        status = cfi_plan_warnings(plan, q, error);
    if (status == CTXFIT_OK)
        status = cfi_plan_rates(plan, q, error);
    return status;
}

ctxfit_status ctxfit_plan_make(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                               const ctxfit_allocator *allocator, ctxfit_plan **out, ctxfit_error *error)
{
    return ctxfit_plan_make_beside(model, hw, options, NULL, allocator, out, error);
}

ctxfit_status ctxfit_plan_make_beside(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                      const ctxfit_beside *beside, const ctxfit_allocator *allocator, ctxfit_plan **out,
                                      ctxfit_error *error)
{
    cfi_rank_weights weighed = {0};
    cfi_question     q;
    ctxfit_plan     *plan;
    cfi_arena        scratch;
    ctxfit_status    status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (model == NULL || hw == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "model, hw or a function of the allocator is NULL");
    status = cfi_copy_in(&q.options, sizeof q.options, CFI_V1_PLAN_OPTIONS, options);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    status = cfi_plan_check_options(&q.options, error);
    if (status != CTXFIT_OK)
        return status;
    status = cfi_plan_question(&q, model, hw, error);
    if (status != CTXFIT_OK)
        return status;
    plan = cfi_handle_new(sizeof *plan, offsetof(ctxfit_plan, arena), allocator);
    if (plan == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a plan");
    plan->model = model->info;
    plan->device = cfi_arena_array(&plan->arena, cfi_plan_device_count(&q), sizeof *plan->device);
    plan->model_name = cfi_arena_copy(&plan->arena, model->name, strlen(model->name));
    plan->model_arch = cfi_arena_copy(&plan->arena, model->arch_name, strlen(model->arch_name));
    if (plan->device == NULL || plan->model_name == NULL || plan->model_arch == NULL)
        status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a plan");
    cfi_arena_init(&scratch, allocator);
    q.scratch = &scratch;
    q.weighed = &weighed;
    if (status == CTXFIT_OK)
        status = cfi_plan_meet_beside(&q, beside, &plan->arena, error);
    if (status == CTXFIT_OK)
        status = fill_plan(plan, &q, error);
    cfi_arena_free(&scratch);
    if (status != CTXFIT_OK) {
        ctxfit_plan_free(plan);
        return status;
    }
    *out = plan;
    return CTXFIT_OK;
}

void ctxfit_plan_free(ctxfit_plan *plan)
{
    cfi_handle_free(plan, offsetof(ctxfit_plan, arena));
}

ctxfit_status ctxfit_plan_get_summary(const ctxfit_plan *plan, ctxfit_plan_summary *out)
{
    if (plan == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_PLAN_SUMMARY, CTXFIT_E_INVALID_ARG);
    return cfi_copy_out(out, &plan->summary, sizeof plan->summary, CFI_V1_PLAN_SUMMARY);
}

ctxfit_status ctxfit_plan_get_engine(const ctxfit_plan *plan, ctxfit_plan_engine *out)
{
    if (plan == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_PLAN_ENGINE, CTXFIT_E_INVALID_ARG);
    return cfi_copy_out(out, &plan->engine, sizeof plan->engine, CFI_V1_PLAN_ENGINE);
}

ctxfit_status ctxfit_plan_get_device(const ctxfit_plan *plan, uint32_t index, ctxfit_plan_device *out)
{
    if (plan == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_PLAN_DEVICE, CTXFIT_E_INVALID_ARG);
    if (index >= plan->summary.device_count)
        return cfi_copy_none(out, CFI_V1_PLAN_DEVICE, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &plan->device[index], sizeof *plan->device, CFI_V1_PLAN_DEVICE);
}

ctxfit_status ctxfit_plan_get_constraint(const ctxfit_plan *plan, uint32_t index, ctxfit_constraint *out)
{
    if (plan == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_CONSTRAINT, CTXFIT_E_INVALID_ARG);
    if (index >= plan->summary.constraint_count)
        return cfi_copy_none(out, CFI_V1_CONSTRAINT, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &plan->constraint[index], sizeof *plan->constraint, CFI_V1_CONSTRAINT);
}

const char *ctxfit_plan_warning(const ctxfit_plan *plan, uint32_t index)
{
    return plan != NULL && index < plan->summary.warning_count ? plan->warning[index] : NULL;
}
