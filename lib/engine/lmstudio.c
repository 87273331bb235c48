/* LM Studio: its load defaults over llama.cpp. What it does by itself is published only in part: docs of 2026-07 (parallel requests), and
 * loaded_context_length of a model that was loaded without a setting (zed-industries/zed#33938). Its guardrails have no published
 * threshold and are not modelled. */
#include "engine_internal.h"

#define LMSTUDIO_CTX       4096u
#define LMSTUDIO_SEQUENCES 4u /* Max Concurrent Predictions */

/* Its predictions share one cache of the context that is set. */
void cfi_lmstudio_defaults(ctxfit_plan_options *options)
{
    if (options->sequences == 0)
        options->sequences = LMSTUDIO_SEQUENCES;
    if (options->kv_unified == CTXFIT_CHOICE_DEFAULT)
        options->kv_unified = CTXFIT_CHOICE_ON;
}

/* Its other engine. A file type that is asked for is that of a GGUF. */
static bool runs_by_mlx(const ctxfit_model *model)
{
    return model->as_stored && model->checkpoint != NULL && model->checkpoint->quant == CTXFIT_CHECKPOINT_QUANT_MLX;
}

ctxfit_status cfi_engine_resolve_lmstudio(const ctxfit_model *model, const ctxfit_plan_options *options,
                                          const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error)
{
    ctxfit_plan_options server = *options;
    cfi_engine_notes    notes = {0};
    ctxfit_status       status;
    uint64_t            trained = model->info.trained_tokens;

    if (runs_by_mlx(model))
        return cfi_fail(error, CTXFIT_E_REFUSED, "lm-studio runs MLX models by its mlx engine: plan with --engine mlx-lm");
    cfi_lmstudio_defaults(&server);
    notes.ctx_source = CTXFIT_CTX_FROM_REQUEST;
    if (server.ctx_tokens == 0) {
        notes.ctx_source = CTXFIT_CTX_FROM_FILE;
        server.ctx_tokens = options->model_ctx_tokens; /* per-model defaults */
    }
    if (server.ctx_tokens == 0) {
        notes.ctx_source = CTXFIT_CTX_FROM_SERVER;
        notes.ctx_default = options->default_ctx_tokens == 0;
        server.ctx_tokens = notes.ctx_default ? LMSTUDIO_CTX : options->default_ctx_tokens;
    }
    if (trained > 0 && server.ctx_tokens > trained) {
        notes.ctx_source = CTXFIT_CTX_FROM_MODEL;
        server.ctx_tokens = trained;
    }
    notes.ctx_tokens = server.ctx_tokens;
    status = cfi_engine_resolve_llamacpp(model, &server, machine, run, error);
    run->notes = notes;
    run->overrides = options->overrides;
    return status;
}
