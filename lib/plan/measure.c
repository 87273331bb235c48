#include "plan_internal.h"

ctxfit_status cfi_plan_answer(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error)
{
    ctxfit_plan_options options = q->options;
    ctxfit_status       status;

    options.ctx_tokens = ctx_tokens;
    options.sequences = sequences;
    status = cfi_engine_resolve(q->model, &options, q->engine_device, q->device_count, &out->run, error);
    if (status != CTXFIT_OK)
        return status;
    /* The run borrows the overrides: they must live as long as the question, not as this copy. */
    out->run.overrides = q->options.overrides;
    return cfi_memory_measure(q->model, q->engine_device, &out->run, &out->memory, error);
}
