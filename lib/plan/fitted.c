#include "plan_internal.h"

/* Ollama leaves the number of layers to llama-server (-ngl is not given), whose fitter keeps on the host what is too much: of a model with
 * experts first those of the front layers, then layers from the front (llama.cpp b10472 common/fit.cpp; its margin is the reserve). */

static bool fits_gpus(const cfi_question *q, const cfi_answer *answer)
{
    for (uint32_t d = 0; d < q->device_count; d++) {
        if (cfi_plan_slack(q, &answer->memory, d) < 0)
            return false;
    }
    return true;
}

typedef struct fit_search {
    cfi_question *q;
    uint64_t      ctx_tokens;
    uint32_t      sequences;
    cfi_answer   *out;
    ctxfit_error *error;
} fit_search;

static ctxfit_status try_fit(const fit_search *s, uint32_t gpu_layers, uint32_t cpu_expert_layers, bool *out_fits)
{
    ctxfit_status status;

    s->q->fit_gpu_layers = gpu_layers;
    s->q->fit_cpu_expert_layers = cpu_expert_layers;
    status = cfi_plan_answer(s->q, s->ctx_tokens, s->sequences, s->out, s->error);
    *out_fits = status == CTXFIT_OK && fits_gpus(s->q, s->out);
    return status;
}

/* The fewest layers whose experts must stay on the host; `*out_fits` false where even all of them are not enough. */
static ctxfit_status fit_experts(const fit_search *s, bool *out_fits)
{
    uint32_t      few = 0, enough = s->q->model->info.layers;
    bool          fits;
    ctxfit_status status = try_fit(s, 0, enough, out_fits);

    if (status != CTXFIT_OK || !*out_fits)
        return status;
    while (enough - few > 1) {
        uint32_t middle = few + (enough - few) / 2;

        status = try_fit(s, 0, middle, &fits);
        if (status != CTXFIT_OK)
            return status;
        if (fits)
            enough = middle;
        else
            few = middle;
    }
    return try_fit(s, 0, enough, out_fits);
}

/* The most layers that the GPUs hold, none at worst. */
static ctxfit_status fit_layers(const fit_search *s, uint32_t cpu_expert_layers)
{
    uint32_t      fits_at = 0, too_many = s->q->model->info.layers + s->q->model->info.nextn_layers + 1;
    bool          fits;
    ctxfit_status status;

    while (too_many - fits_at > 1) {
        uint32_t middle = fits_at + (too_many - fits_at) / 2;

        status = try_fit(s, middle, cpu_expert_layers, &fits);
        if (status != CTXFIT_OK)
            return status;
        if (fits)
            fits_at = middle;
        else
            too_many = middle;
    }
    return try_fit(s, fits_at > 0 ? fits_at : CTXFIT_GPU_LAYERS_NONE, cpu_expert_layers, &fits);
}

/* What ran models before llama-server: layers alone, and those by an estimate, where its own engine did not measure them. */
static bool estimates(const cfi_question *q, const cfi_answer *answer)
{
    return !cfi_ollama_changed(q->engine.release, CFI_OLLAMA_LLAMA_SERVER) &&
           !(answer->run.own_graph && cfi_ollama_changed(q->engine.release, CFI_OLLAMA_MEASURED));
}

static bool moves_experts(const cfi_question *q)
{
    return q->model->info.experts > 0 && cfi_ollama_changed(q->engine.release, CFI_OLLAMA_LLAMA_SERVER);
}

ctxfit_status cfi_plan_answer_fitted(cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_answer *out, ctxfit_error *error)
{
    const fit_search s = {q, ctx_tokens, sequences, out, error};
    bool             fits = false;
    ctxfit_status    status = cfi_plan_answer(q, ctx_tokens, sequences, out, error);

    if (status != CTXFIT_OK || q->engine.id != CFI_ENGINE_OLLAMA || q->options.gpu_layers != 0)
        return status;
    if (estimates(q, out)) {
        const uint32_t all = out->run.gpu_layers;

        status = try_fit(&s, CFI_LAYERS_ESTIMATED, 0, &fits);
        q->fit_gpu_layers = out->run.gpu_layers == all ? 0 : out->run.gpu_layers > 0 ? out->run.gpu_layers : CTXFIT_GPU_LAYERS_NONE;
        return status;
    }
    if (fits_gpus(q, out))
        return status;
    if (moves_experts(q)) {
        status = fit_experts(&s, &fits);
        if (status != CTXFIT_OK || fits)
            return status;
    }
    return fit_layers(&s, moves_experts(q) ? q->model->info.layers : 0);
}
