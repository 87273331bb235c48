/* What engines have in common that divide a model among ranks and keep a paged cache: vLLM, SGLang and TensorRT-LLM. */
#include "engine_internal.h"

bool cfi_ranks_engine(cfi_engine_id id)
{
    return id == CFI_ENGINE_VLLM || id == CFI_ENGINE_SGLANG || id == CFI_ENGINE_TRTLLM;
}

bool cfi_ranks_latent(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT)
            return true;
    }
    return false;
}

uint32_t cfi_engine_dropped_nextn(const ctxfit_model *model)
{
    const ctxfit_layer_info *last = &model->layer[model->info.layers - 1];
    const uint32_t           blocks = cfi_fact_u32(model->fact, CFI_FACT_CONFIG_NEXTN);
    /* Blocks of Nemotron-H are not. */
    const bool               whole = last->attention != CTXFIT_ATTENTION_NONE && last->feed_forward != CTXFIT_FF_NONE;

    return model->info.nextn_layers == 0 && whole && last->state == CTXFIT_STATE_NONE && blocks <= CFI_MAX_LAYERS ? blocks : 0;
}

uint32_t cfi_ranks_kv_heads(const ctxfit_layer_info *layer, uint32_t ranks)
{
    uint32_t heads = layer->kv_heads / ranks;

    return heads > 0 ? heads : 1;
}

/* Groups that do not divide are repeated: extra_groups_for_head_shards() of vLLM and SGLang. */
uint64_t cfi_ranks_conv_width(const ctxfit_layer_info *layer, uint32_t ranks)
{
    uint64_t width = layer->conv_kernel > 1 ? layer->conv_state_elems / (layer->conv_kernel - 1) : 0;

    if (layer->state == CTXFIT_STATE_MAMBA2 && layer->state_groups % ranks != 0 && layer->state_groups < ranks)
        width += 2 * (uint64_t)(ranks - layer->state_groups) * layer->state_size;
    return width / ranks;
}

/* The cache that a checkpoint has scales for is its default. vLLM 0.33.0: resolve_kv_cache_dtype_string() of utils/torch_utils.py for
 * ModelOpt, layers/attention/attention.py for compressed-tensors; what it makes of NVFP4 is not modelled, and a warning says so. SGLang
 * 0.5.23: configure_kv_cache_dtype() takes FP8 of ModelOpt. TensorRT-LLM: validate_and_set_kv_cache_quant() keeps what ModelOpt stated. */
ctxfit_quant cfi_ranks_cache_type(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_run *run)
{
    const ctxfit_checkpoint_info *c = model->checkpoint;
    bool                          modelopt;

    if (options->kv_key != CTXFIT_QUANT_DEFAULT || c == NULL || !model->as_stored || c->kv_quant == CTXFIT_QUANT_DEFAULT)
        return options->kv_key;
    modelopt = strncmp(c->quant_method, "modelopt", 8) == 0;
    switch (run->id) {
    case CFI_ENGINE_VLLM:
        if (c->kv_quant != CFI_QUANT_FP8_E4M3)
            return CTXFIT_QUANT_DEFAULT;
        return cfi_vllm_changed(run->release, modelopt ? CFI_VLLM_CACHE_OF_MODELOPT : CFI_VLLM_CACHE_OF_SCHEME) ? c->kv_quant
                                                                                                                 : CTXFIT_QUANT_DEFAULT;
    case CFI_ENGINE_SGLANG: return modelopt && c->kv_quant == CFI_QUANT_FP8_E4M3 ? c->kv_quant : CTXFIT_QUANT_DEFAULT;
    case CFI_ENGINE_TRTLLM: return modelopt ? c->kv_quant : CTXFIT_QUANT_DEFAULT;
    default: return CTXFIT_QUANT_DEFAULT;
    }
}

ctxfit_status cfi_ranks_element_bytes(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_run *run, uint32_t *out,
                                      ctxfit_error *error)
{
    if (options->kv_key != options->kv_value)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s has one type for K and V (--kv-cache-dtype)", run->engine.name);
    switch (cfi_ranks_cache_type(model, options, run)) {
    case CTXFIT_QUANT_DEFAULT:
    case CTXFIT_QUANT_F16:
    case CTXFIT_QUANT_BF16:
        *out = 2;
        return CTXFIT_OK;
    case CFI_QUANT_FP8_E4M3:
        *out = 1;
        return CTXFIT_OK;
    }
    return cfi_fail(error, CTXFIT_E_REFUSED, "%s: cache type %s: expected the model's own (auto), bfloat16, float16%s",
                    run->engine.name, ctxfit_quant_name(options->kv_key), run->id == CFI_ENGINE_TRTLLM ? ", fp8 or nvfp4" : " or fp8");
}

/* The rest of the layers: vLLM gives it to the stages before the last (distributed/utils.py, get_pp_indices()), TensorRT-LLM to the first
 * ones (mapping.py, pp_layers()). */
static void ranks_stages(uint32_t layers, bool first, cfi_paged *paged)
{
    uint32_t each = layers / paged->stages, rest = layers % paged->stages, at = 0;

    for (uint32_t s = 0; s < paged->stages; s++) {
        bool more = first ? s < rest : rest > 0 && s + 2 <= paged->stages && s + 1 + rest >= paged->stages;

        paged->stage_first[s] = at;
        at += each + (more ? 1 : 0);
    }
    paged->stage_first[paged->stages] = layers;
}

ctxfit_status cfi_ranks_parallel(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                 cfi_run *run, ctxfit_error *error)
{
    cfi_paged *paged = &run->paged;
    uint64_t   ranks;

    paged->tensor_ranks = options->tensor_parallel != 0 ? options->tensor_parallel : 1;
    paged->stages = options->pipeline_parallel != 0 ? options->pipeline_parallel : 1;
    ranks = (uint64_t)paged->tensor_ranks * paged->stages;
    if (machine->count == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s needs a GPU; the machine has none", run->engine.name);
    if (ranks > machine->count)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s: tensor_parallel %lu x pipeline_parallel %lu needs %llu GPUs, the machine has %lu",
                        run->engine.name, (unsigned long)paged->tensor_ranks, (unsigned long)paged->stages, (unsigned long long)ranks,
                        (unsigned long)machine->count);
    if (paged->stages > model->info.layers || paged->stages > CFI_MAX_STAGES)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s: pipeline_parallel %lu: at most the number of layers, and %u here",
                        run->engine.name, (unsigned long)paged->stages, CFI_MAX_STAGES);
    if (model->info.heads % paged->tensor_ranks != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "Total number of attention heads (%lu) must be divisible by tensor parallel size (%lu).",
                        (unsigned long)model->info.heads, (unsigned long)paged->tensor_ranks);
    for (uint32_t d = 0; d < ranks; d++)
        if (machine->device[d].backend != CTXFIT_BACKEND_CUDA &&
            (run->id == CFI_ENGINE_TRTLLM || machine->device[d].backend != CTXFIT_BACKEND_ROCM))
            return cfi_fail(error, CTXFIT_E_REFUSED, "%s runs on CUDA%s; device %lu has another backend", run->engine.name,
                            run->id == CFI_ENGINE_TRTLLM ? "" : " and ROCm", (unsigned long)d);
    ranks_stages(model->info.layers, run->id == CFI_ENGINE_TRTLLM, paged);
    return CTXFIT_OK;
}

/* ---- drafts ---- */
const ctxfit_model *cfi_ranks_draft(const cfi_engine_machine *machine)
{
    return machine->speculation != NULL ? machine->speculation->draft : NULL;
}

ctxfit_status cfi_ranks_check_draft(const ctxfit_model *draft, const cfi_run *run, ctxfit_error *error)
{
    if (draft->info.heads % run->paged.tensor_ranks != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "draft: Total number of attention heads (%lu) must be divisible by tensor parallel size (%lu).",
                        (unsigned long)draft->info.heads, (unsigned long)run->paged.tensor_ranks);
    for (uint32_t i = 0; i < draft->info.layers; i += draft->layer_run[i]) {
        if (draft->layer[i].state != CTXFIT_STATE_NONE || draft->layer[i].compress_ratio != 0)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "draft: what %s does with the states of '%s' is not modelled", run->engine.name,
                            draft->arch_name);
    }
    return CTXFIT_OK;
}

void cfi_ranks_place(const ctxfit_model *model, const cfi_engine_machine *machine, cfi_run *run)
{
    const cfi_paged *paged = &run->paged;

    run->device_count = machine->count;
    run->split_devices = machine->count;
    run->gpu_layers = model->info.layers + model->info.nextn_layers + 1;
    for (uint32_t d = 0; d <= machine->count; d++)
        run->first_layer[d] = run->gpu_layers;
    for (uint32_t d = 0; d < paged->tensor_ranks * paged->stages; d++)
        run->first_layer[d] = paged->stage_first[d / paged->tensor_ranks + (d % paged->tensor_ranks != 0 ? 1 : 0)];
    run->output_device = paged->tensor_ranks * (paged->stages - 1);
}

ctxfit_status cfi_ranks_context(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run, ctxfit_error *error)
{
    uint64_t length = cfi_engine_length_of(model, run->id, run->release).by_default;
    uint64_t tokens = options->ctx_tokens;

    run->notes.ctx_source = tokens != 0 ? CTXFIT_CTX_FROM_REQUEST : CTXFIT_CTX_FROM_MODEL;
    tokens = tokens != 0 ? tokens : length;
    if (tokens == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s: the model states no length, and none was asked for", run->engine.name);
    if (tokens > UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens %llu: at most %lu", (unsigned long long)tokens, (unsigned long)UINT32_MAX);
    run->notes.ctx_tokens = tokens;
    run->n_ctx_seq = tokens;
    run->n_seq = options->sequences != 0 ? options->sequences : 1;
    if (run->n_seq > cfi_engine_traits_of(run->id)->most_sequences)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s: %lu sequences at the same time: at most %lu here", run->engine.name,
                        (unsigned long)run->n_seq, (unsigned long)cfi_engine_traits_of(run->id)->most_sequences);
    run->n_ctx = tokens * run->n_seq; /* both 32 bits */
    run->streams = run->n_seq;
    run->kv_cells = tokens;
    return CTXFIT_OK;
}
