/* llama.cpp: from options to a run. */
#include <float.h>

#include "engine_internal.h"

static ctxfit_status check_choice(uint32_t choice, const char *name, ctxfit_error *error)
{
    if (choice <= CTXFIT_CHOICE_OFF)
        return CTXFIT_OK;
    return cfi_fail(error, CTXFIT_E_INVALID_ARG, "%s: %lu is no choice, expected default (0), on (1) or off (2)", name,
                    (unsigned long)choice);
}

static ctxfit_status check_choices(const ctxfit_plan_options *options, ctxfit_error *error)
{
    const struct {
        uint32_t    choice;
        const char *name;
    } choices[] = {
        {options->flash_attention, "flash_attention"},
        {options->kv_unified, "kv_unified"},
        {options->swa_full, "swa_full"},
        {options->kv_offload, "kv_offload"},
        {options->op_offload, "op_offload"},
        {options->mmap, "mmap"},
        {options->repack, "repack"},
    };
    ctxfit_status status = CTXFIT_OK;

    for (size_t i = 0; i < CFI_COUNT(choices) && status == CTXFIT_OK; i++)
        status = check_choice(choices[i].choice, choices[i].name, error);
    return status;
}

/* Proportions are summed up in single precision. */
static ctxfit_status check_splits(const ctxfit_plan_options *options, ctxfit_error *error)
{
    for (size_t i = 0; i < CTXFIT_MAX_SPLIT; i++)
        if (!(options->tensor_split[i] >= 0.0 && options->tensor_split[i] <= (double)FLT_MAX / CFI_MAX_DEVICES))
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "tensor_split[%u]: expected a proportion, 0 or more and below 5e36",
                            (unsigned)i);
    return CTXFIT_OK;
}

ctxfit_status cfi_engine_resolve_llamacpp(const ctxfit_model *model, const ctxfit_plan_options *options,
                                          const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error)
{
    ctxfit_status status = check_choices(options, error);

    if (status == CTXFIT_OK)
        status = check_splits(options, error);
    if (status != CTXFIT_OK)
        return status;
    run->kv_offload = options->kv_offload != CTXFIT_CHOICE_OFF;
    run->op_offload = options->op_offload != CTXFIT_CHOICE_OFF;
    run->mmap = options->mmap != CTXFIT_CHOICE_OFF;
    run->repack = options->repack != CTXFIT_CHOICE_OFF;
    run->cpu_expert_layers = options->cpu_expert_layers;
    run->overrides = options->overrides;
    run->notes.ctx_source = options->ctx_tokens != 0 ? CTXFIT_CTX_FROM_REQUEST : CTXFIT_CTX_FROM_MODEL;
    run->notes.ctx_tokens = options->ctx_tokens != 0 ? options->ctx_tokens : model->info.trained_tokens;
    cfi_engine_resolve_speculation(model, machine->speculation, run);
    status = cfi_engine_resolve_placement(model, options, machine->device, machine->count, run, error);
    if (status == CTXFIT_OK)
        status = cfi_engine_resolve_cache_types(model, options, machine->device, run, error);
    if (status == CTXFIT_OK)
        status = cfi_engine_resolve_context(model, options, run, error);
    return status;
}
