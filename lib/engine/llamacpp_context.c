/* Context, slots, batch and cells: llama.cpp b10472 src/llama-context.cpp, src/llama-kv-cache-iswa.cpp. */
#include "engine_internal.h"

#define BATCH_TOKENS  2048u /* common/common.h:443 */
#define UBATCH_TOKENS 512u  /* common/common.h:444 */
#define CTX_STEP_NO_FLASH 32u /* b5359 src/llama-kv-cache.cpp, get_padding() */

bool cfi_engine_layer_windowed(const ctxfit_layer_info *layer)
{
    return layer->attention == CTXFIT_ATTENTION_SLIDING || layer->attention == CTXFIT_ATTENTION_CHUNKED;
}

bool cfi_engine_layer_caches(const ctxfit_model *model, const cfi_run *run, uint32_t layer)
{
    const ctxfit_layer_info *info = &model->layer[layer];

    if (info->cache_k_elems == 0 && info->cache_v_elems == 0)
        return false;
    /* no filter for these blocks in create_memory, src/llama-model.cpp:2323-2334 */
    if (layer >= model->info.layers)
        return (model->arch->flags & CFI_ARCH_NEXTN_CACHED) != 0 && !cfi_engine_changed(run->build, CFI_CHANGE_NEXTN_UNCACHED);
    return (info->flags & CTXFIT_LAYER_F_CACHE) != 0;
}

/* DeepSeek-V4 keeps each sequence apart even when it is asked not to (src/llama-kv-cache-dsv4.cpp:1192). */
static bool context_is_compressed(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (model->layer[i].compress_ratio != 0)
            return true;
    }
    return false;
}

static uint64_t context_padded(uint64_t tokens, const cfi_run *run)
{
    const uint64_t step = run->flash || cfi_engine_changed(run->build, CFI_CHANGE_CTX_OF_256) ? CFI_CTX_STEP : CTX_STEP_NO_FLASH;

    return (tokens + step - 1) / step * step;
}

/* Cells of one stream: the full cache holds the context of a sequence (src/llama-model.cpp, create_memory), the window cache the
 * window of each sequence that shares it and one micro-batch (src/llama-kv-cache-iswa.cpp:69-80). */
static void context_cells(const ctxfit_model *model, cfi_run *run)
{
    const uint32_t all = model->info.layers + model->info.nextn_layers;
    uint64_t       window = 0;
    bool           full = false;
    bool           windowed = false;

    for (uint32_t i = 0; i < all; i += model->layer_run[i]) {
        if (!cfi_engine_layer_caches(model, run, i))
            continue;
        if (cfi_engine_layer_windowed(&model->layer[i])) {
            windowed = true;
            window = cfi_max_u64(window, model->layer[i].window_tokens);
        } else {
            full = true;
        }
    }
    run->kv_cells = full || windowed ? run->n_ctx_seq : 0;
    run->swa_cells = 0;
    if (!windowed)
        return;
    window = window * (run->n_seq / run->streams) + run->n_ubatch;
    window = cfi_min_u64(run->n_ctx_seq, window);
    run->swa_cells = run->swa_full ? run->n_ctx_seq : context_padded(window, run);
}

/* Rows of logits of the worst graph (src/llama-context.cpp:610, :267); llama-server asks for one per slot
 * (tools/server/server-context.cpp:42). */
static uint32_t context_outputs(const ctxfit_plan_options *options, const cfi_run *run, uint32_t tokens)
{
    uint64_t most = options->outputs_max;

    if (options->outputs_max == UINT32_MAX || (options->outputs_max == 0 && !cfi_engine_changed(run->build, CFI_CHANGE_OUTPUTS_LIMITED)))
        most = run->n_batch;
    else if (options->outputs_max == 0)
        most = (uint64_t)run->n_seq * (1 + (uint64_t)run->draft_tokens);
    return (uint32_t)cfi_min_u64(tokens, most);
}

/* Encoders and diffusion models are not, unless the metadata say so; other models may say that they are not. */
static bool context_is_causal(const ctxfit_model *model)
{
    double stated = model->fact[CFI_FACT_CAUSAL];

    return stated != CFI_FACT_UNSTATED ? stated != 0 : (model->arch->flags & CFI_ARCH_NO_CACHE) == 0;
}

/* src/llama-context.cpp:263-301. The batch follows the context before it is padded; encoders and diffusion models, which
 * attend in both directions, keep theirs. */
static ctxfit_status context_sizes(const ctxfit_model *model, uint64_t asked, const ctxfit_plan_options *options, cfi_run *run,
                                   ctxfit_error *error)
{
    uint64_t batch = options->batch_tokens != 0 ? options->batch_tokens : BATCH_TOKENS;
    uint64_t ubatch = options->ubatch_tokens != 0 ? options->ubatch_tokens : UBATCH_TOKENS;
    uint64_t n_ctx;
    uint64_t per_seq;

    if (context_is_causal(model))
        batch = cfi_min_u64(asked, batch);
    run->n_batch = (uint32_t)batch;
    run->n_ubatch = (uint32_t)cfi_min_u64(batch, ubatch);
    n_ctx = context_padded(asked, run);
    per_seq = n_ctx;
    if (!run->unified) {
        per_seq = context_padded(n_ctx / run->n_seq, run);
        n_ctx = per_seq * run->n_seq;
    }
    if (n_ctx > UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens %llu: padded to more than 32 bits", (unsigned long long)asked);
    if (per_seq == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "n_ctx_seq == 0");
    run->n_ctx = n_ctx;
    run->n_ctx_seq = per_seq;
    return CTXFIT_OK;
}

ctxfit_status cfi_engine_resolve_context(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run,
                                         ctxfit_error *error)
{
    uint64_t      asked = options->ctx_tokens != 0 ? options->ctx_tokens : model->info.trained_tokens;
    ctxfit_status status;
    uint64_t      tokens;

    if (asked == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "n_ctx and model->hparams.n_ctx_train cannot both be zero");
    if (asked > UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens %llu: at most %lu", (unsigned long long)asked,
                        (unsigned long)UINT32_MAX);
    run->n_seq = options->sequences != 0 ? options->sequences : 1;
    if (run->n_seq > CFI_MAX_SEQUENCES)
        return cfi_fail(error, CTXFIT_E_REFUSED, "n_seq_max must be <= %u", CFI_MAX_SEQUENCES);
    run->unified = options->kv_unified == CTXFIT_CHOICE_ON || !cfi_engine_changed(run->build, CFI_CHANGE_STREAMS);
    run->swa_full = options->swa_full == CTXFIT_CHOICE_ON || !cfi_engine_changed(run->build, CFI_CHANGE_WINDOW_CACHE);
    run->streams = run->unified && !context_is_compressed(model) ? 1 : run->n_seq;
    status = context_sizes(model, asked, options, run, error);
    if (status != CTXFIT_OK)
        return status;
    context_cells(model, run);
    /* src/llama-context.cpp:590-612 and graph_reserve, :2378 */
    tokens = cfi_min_u64(run->n_ctx, run->n_ubatch);
    run->outputs_graph = context_outputs(options, run, (uint32_t)tokens);
    run->graph_tokens = (uint32_t)((tokens + run->n_seq - 1) / run->n_seq * run->n_seq);
    run->outputs_buffer = (uint32_t)cfi_min_u64(cfi_max_u64(run->n_seq, run->n_batch), run->n_seq * (1 + (uint64_t)run->draft_tokens));
    return CTXFIT_OK;
}
