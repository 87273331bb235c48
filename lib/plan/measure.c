#include "plan_internal.h"

/* The devices of a question that take part in an answer, as the engine counts them. */
typedef struct participants {
    uint64_t           mask;
    uint32_t           count;
    uint32_t           at[CFI_MAX_DEVICES]; /* in the question */
    cfi_engine_device  device[CFI_MAX_DEVICES];
    cfi_engine_memory  memory[CFI_MAX_DEVICES];
} participants;

static void gather(const cfi_question *q, participants *p)
{
    p->count = 0;
    for (uint32_t d = 0; d < q->device_count; d++) {
        if (!(p->mask >> d & 1))
            continue;
        p->at[p->count] = d;
        p->device[p->count] = q->engine_device[d];
        p->memory[p->count] = q->engine_memory[d];
        p->count++;
    }
}

/* Layers of the run by the devices of the question: one that takes no part has an empty place before the next that does. */
static void scatter_run(const cfi_question *q, const participants *p, cfi_run *run)
{
    const uint32_t end = run->first_layer[p->count];
    uint32_t       first = end;

    run->output_device = run->output_device < p->count ? p->at[run->output_device] : q->device_count;
    run->first_layer[q->device_count] = end;
    for (uint32_t d = q->device_count, i = p->count; d-- > 0;) {
        if (i > 0 && p->at[i - 1] == d)
            first = run->first_layer[--i];
        run->first_layer[d] = first; /* i <= d: what is read is not yet written */
    }
    run->device_count = q->device_count;
}

static void scatter_memory(const cfi_question *q, const participants *p, cfi_memory *memory)
{
    memory->device[q->device_count] = memory->device[p->count];
    for (uint32_t d = q->device_count, i = p->count; d-- > 0;) {
        if (i > 0 && p->at[i - 1] == d)
            memory->device[d] = memory->device[--i];
        else
            memset(&memory->device[d], 0, sizeof memory->device[d]);
    }
    memory->device_count = q->device_count;
}

static uint64_t free_of_host(const cfi_question *q)
{
    const ctxfit_device *host = cfi_plan_hw_device(q, q->device_count);

    return host->free_bytes != 0 ? host->free_bytes : host->memory_bytes;
}

cfi_engine_machine cfi_plan_machine(const cfi_question *q)
{
    return (cfi_engine_machine){q->engine_device,     q->engine_memory,         q->device_count, free_of_host(q), NULL,
                                q->fit_gpu_layers, q->fit_cpu_expert_layers, q->speculation.draft_tokens > 0 ? &q->speculation : NULL,
                                q->takes_images};
}

/* The run borrows the overrides: they must live as long as the question, not as the copy of its options. */
static void lend(const cfi_question *q, cfi_compute_as as, cfi_run *run)
{
    run->overrides     = q->options.overrides;
    run->adapted       = q->adapted;
    run->scratch       = q->scratch;
    run->weighed       = q->weighed;
    run->bound_compute = as == CFI_AS_BOUND;
    run->fused_compute = as == CFI_AS_FUSED;
    run->filled_compute = as == CFI_AS_FILLED;
}

ctxfit_status cfi_plan_answer_alone(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_compute_as as, cfi_answer *out,
                                    ctxfit_error *error)
{
    const cfi_engine_machine whole = cfi_plan_machine(q);
    cfi_engine_machine       part;
    ctxfit_plan_options      options = q->options;
    participants             p;
    ctxfit_status            status;

    options.ctx_tokens = ctx_tokens;
    options.sequences = sequences;
    if (q->takes_images && q->engine.id == CFI_ENGINE_OLLAMA)
        options.flags |= CTXFIT_PLAN_F_VISION;
    p.mask = q->only_devices == CTXFIT_DEVICES_NONE ? 0
             : q->only_devices != 0                 ? q->only_devices
                                                    : cfi_engine_participants(q->model, &options, &q->engine, &whole);
    if (p.mask == CFI_ALL_DEVICES(q->device_count)) {
        status = cfi_engine_resolve_on(q->model, &options, &whole, &out->run, error);
        lend(q, as, &out->run);
        if (status == CTXFIT_OK && out->run.exllama.k_bits > 0)
            status = cfi_memory_split_exllamav3(q->model, q->usable, &out->run, error);
        return status == CTXFIT_OK ? cfi_memory_measure(q->model, q->engine_device, &out->run, &out->memory, error) : status;
    }
    gather(q, &p);
    part = whole;
    part.device = p.device;
    part.memory = p.memory;
    part.count = p.count;
    part.whole = &whole;
    status = cfi_engine_resolve_on(q->model, &options, &part, &out->run, error);
    lend(q, as, &out->run);
    if (status == CTXFIT_OK)
        status = cfi_memory_measure(q->model, p.device, &out->run, &out->memory, error);
    if (status == CTXFIT_OK) {
        scatter_memory(q, &p, &out->memory);
        scatter_run(q, &p, &out->run);
    }
    return status;
}

static ctxfit_status answer_as(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_compute_as as, cfi_answer *out,
                               ctxfit_error *error)
{
    ctxfit_status status = cfi_plan_answer_alone(q, ctx_tokens, sequences, as, out, error);

    if (status != CTXFIT_OK || q->beside == NULL)
        return status;
    return cfi_plan_add_beside(q, ctx_tokens, sequences, as, out, error);
}

ctxfit_status cfi_plan_answer_by(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, bool bound, cfi_answer *out,
                                 ctxfit_error *error)
{
    return answer_as(q, ctx_tokens, sequences, bound ? CFI_AS_BOUND : CFI_AS_GRAPH, out, error);
}

ctxfit_status cfi_plan_answer_fused(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error)
{
    return answer_as(q, ctx_tokens, sequences, CFI_AS_FUSED, out, error);
}

ctxfit_status cfi_plan_answer_filled(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error)
{
    return answer_as(q, ctx_tokens, sequences, CFI_AS_FILLED, out, error);
}

ctxfit_status cfi_plan_answer(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error)
{
    return cfi_plan_answer_by(q, ctx_tokens, sequences, (q->options.flags & CTXFIT_PLAN_F_BOUND) != 0, out, error);
}

bool cfi_plan_exact(const cfi_question *q)
{
    return cfi_memory_exact(q->model, q->engine_device, q->device_count);
}
