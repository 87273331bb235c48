#include <inttypes.h>
#include <stdio.h>

#include "plan_internal.h"

typedef struct warning_list {
    ctxfit_plan *plan;
    bool         out_of_memory;
} warning_list;

static void warn(warning_list *list, const char *fmt, ...) CFI_PRINTF(2, 3);

static void warn(warning_list *list, const char *fmt, ...)
{
    char        text[256];
    va_list     args;
    const char *copy;

    if (list->plan->summary.warning_count == CFI_MAX_WARNINGS)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    copy = cfi_arena_copy(&list->plan->arena, text, strlen(text));
    if (copy == NULL)
        list->out_of_memory = true;
    else
        list->plan->warning[list->plan->summary.warning_count++] = copy;
}

static void warn_of_model(warning_list *list, const cfi_question *q)
{
    const ctxfit_model_info *m = &q->model->info;

    if ((m->flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0)
        warn(list, "architecture '%s' is unknown: weights are exact, caches follow the generic rule, compute is only a band",
             q->model->arch_name);
    if (m->trained_tokens == 0)
        warn(list, "the model states no trained length: nothing but memory limits the context here");
    else if (list->plan->summary.n_ctx_seq > (m->trained_tokens + CFI_CTX_STEP - 1) / CFI_CTX_STEP * CFI_CTX_STEP)
        warn(list, "the context of %" PRIu64 " tokens is beyond the %" PRIu64 " that the model is made for",
             list->plan->summary.n_ctx_seq, m->trained_tokens);
}

static void warn_of_hardware(warning_list *list, const cfi_question *q)
{
    const ctxfit_device *host = cfi_plan_hw_device(q, q->device_count);

    if (host->memory_bytes == 0)
        warn(list, "host memory is not stated: nothing is held against it (add host:64GiB to the hardware)");
    for (uint32_t i = 0; i < q->device_count; i++) {
        const ctxfit_device *d = cfi_plan_hw_device(q, i);

        if (d->bandwidth_bytes_per_s == 0)
            warn(list, "the memory bandwidth of %s is unknown: no decode rate", d->name);
    }
}

ctxfit_status cfi_plan_warnings(ctxfit_plan *plan, const cfi_question *q, ctxfit_error *error)
{
    warning_list list = {plan, false};

    if (!plan->summary.engine.known)
        warn(&list, "%s %s is not a version whose rules were measured: the nearest known rules are used", plan->summary.engine.name,
             plan->summary.engine.version);
    warn_of_model(&list, q);
    warn_of_hardware(&list, q);
    if (list.out_of_memory)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the warnings of a plan");
    return CTXFIT_OK;
}
