/* llama.cpp: from options to a run. */
#include "engine_internal.h"

ctxfit_status cfi_engine_resolve_llamacpp(const ctxfit_model *model, const ctxfit_plan_options *options,
                                          const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error)
{
    ctxfit_status status;

    run->kv_offload = options->kv_offload != CTXFIT_CHOICE_OFF;
    run->op_offload = options->op_offload != CTXFIT_CHOICE_OFF;
    run->mmap = options->mmap != CTXFIT_CHOICE_OFF;
    run->repack = options->repack != CTXFIT_CHOICE_OFF;
    run->cpu_expert_layers = model->info.experts > 0 ? options->cpu_expert_layers : 0;
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
