/* vLLM: from options to a run with a paged cache. vLLM 0.33.0, and 0.14.0 to 0.25.1 where vllm.def says so. */
#include "engine_internal.h"

#define VLLM_BLOCK_TOKENS        16u /* DEFAULT_BLOCK_SIZE, config/cache.py */
#define VLLM_LATENT_BLOCK_TOKENS 64u /* FlashMLA, platforms/cuda.py */
#define VLLM_SPARSE_LATENT_BYTES 656u /* a token of fp8_ds_mla: v1/attention/backends/mla/flashmla_sparse.py */
#define VLLM_INDEX_GROUP         128u /* elements of an indexer key that share an F32 scale: models/deepseek_v2.py */
#define GIB (UINT64_C(1) << 30)

static const uint32_t vllm_changes[] = {
#define CFI_VLLM_CHANGE(name, release, source) release,
#include "vllm.def"
#undef CFI_VLLM_CHANGE
};

static bool vllm_changed(uint32_t release, cfi_vllm_change change)
{
    return release >= vllm_changes[change];
}

static uint32_t vllm_state_bytes(const ctxfit_model *model)
{
    static const struct {
        char     arch[20];
        uint32_t bytes;
    } rows[] = {
#define CFI_VLLM_STATE(arch, bytes) {arch, bytes},
#include "vllm_states.def"
#undef CFI_VLLM_STATE
    };

    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        if (strcmp(model->arch_name, rows[i].arch) == 0)
            return rows[i].bytes;
    }
    return 2;
}

double cfi_vllm_fraction(const ctxfit_plan_options *options, uint32_t release)
{
    if (options->memory_fraction > 0)
        return options->memory_fraction;
    return vllm_changed(release, CFI_VLLM_UTILIZATION_92) ? 0.92 : 0.9;
}

/* ---- batches: engine/arg_utils.py, get_batch_defaults() ---- */
static void vllm_batches(const ctxfit_plan_options *options, const cfi_engine_machine *machine, uint64_t tokens, cfi_run *run)
{
    const cfi_engine_memory *first = machine->memory;
    bool                     large = first != NULL && first->total_bytes >= 70 * GIB && !first->a100;
    uint64_t                 batch = options->batch_tokens, sequences = options->batch_sequences;

    if (sequences == 0)
        sequences = large ? 1024 : 256;
    if (batch == 0)
        batch = cfi_min_u64(large ? 8192 : 2048, tokens <= UINT32_MAX ? sequences * tokens : UINT64_MAX);
    run->paged.batch_sequences = (uint32_t)cfi_min_u64(sequences, batch);
    run->n_batch = (uint32_t)batch;
    run->n_ubatch = run->n_batch;
}

/* ---- specs of layers ---- */
typedef struct vllm_specs {
    const ctxfit_model *model;
    cfi_run            *run;
    uint32_t            element_bytes; /* of keys and values */
    uint32_t            block_tokens;
    uint32_t            state_pages;
    uint32_t            draft_tokens;
    bool                sparse_fp8;
    bool                promote;       /* windows are cached as if they were the whole context */
} vllm_specs;

static uint32_t vllm_kv_heads(const ctxfit_layer_info *layer, uint32_t ranks)
{
    uint32_t heads = layer->kv_heads / ranks;

    return heads > 0 ? heads : 1;
}

static uint64_t vllm_token_bytes(const vllm_specs *s, const ctxfit_layer_info *layer)
{
    uint64_t heads = vllm_kv_heads(layer, s->run->paged.tensor_ranks);

    if (layer->attention == CTXFIT_ATTENTION_LATENT)
        return s->sparse_fp8 && layer->indexer_size != 0 ? VLLM_SPARSE_LATENT_BYTES : (uint64_t)layer->cache_k_elems * s->element_bytes;
    return heads * ((uint64_t)layer->key_size + layer->value_size) * s->element_bytes;
}

/* Width of the convolution's state that a rank has: groups that do not divide are repeated (extra_groups_for_head_shards). */
static uint64_t vllm_conv_width(const ctxfit_layer_info *layer, uint32_t ranks)
{
    uint64_t width = layer->conv_kernel > 1 ? layer->conv_state_elems / (layer->conv_kernel - 1) : 0;

    if (layer->state == CTXFIT_STATE_MAMBA2 && layer->state_groups % ranks != 0 && layer->state_groups < ranks)
        width += 2 * (uint64_t)(ranks - layer->state_groups) * layer->state_size;
    return width / ranks;
}

static uint64_t vllm_state_page(const vllm_specs *s, const ctxfit_layer_info *layer)
{
    const uint32_t ranks = s->run->paged.tensor_ranks;
    uint64_t       steps = layer->conv_kernel > 1 ? layer->conv_kernel - 1 + (uint64_t)s->draft_tokens : 0;

    return steps * vllm_conv_width(layer, ranks) * 2 + layer->recurrent_elems / ranks * (uint64_t)vllm_state_bytes(s->model);
}

static bool vllm_attends(const ctxfit_layer_info *layer)
{
    return layer->attention != CTXFIT_ATTENTION_NONE && (layer->flags & CTXFIT_LAYER_F_CACHE) != 0;
}

/* In a hybrid model the block of an attention layer is as large as the state of a recurrent one: platforms/interface.py,
 * update_block_size_for_backend(); before it models/config.py, HybridAttentionMambaModelConfig. */
static void vllm_hybrid_block(vllm_specs *s, uint64_t *padded_state)
{
    uint64_t state = 0, token = 0;

    for (uint32_t i = 0; i < s->model->info.layers; i += s->model->layer_run[i]) {
        const ctxfit_layer_info *layer = &s->model->layer[i];

        if (vllm_attends(layer) && token == 0)
            token = vllm_token_bytes(s, layer);
        if (layer->state != CTXFIT_STATE_NONE)
            state = cfi_max_u64(state, vllm_state_page(s, layer));
    }
    *padded_state = state;
    if (state == 0 || token == 0)
        return;
    s->block_tokens *= (uint32_t)cfi_max_u64(1, (state + s->block_tokens * token - 1) / (s->block_tokens * token));
    *padded_state = s->block_tokens * token;
}

static bool vllm_add_spec(const vllm_specs *s, uint32_t stage, const cfi_page_spec *spec)
{
    uint32_t place = cfi_pages_add(&s->run->paged.pages, spec);

    if (place == UINT32_MAX)
        return false;
    s->run->paged.stage_layers[stage][place]++;
    return true;
}

static bool vllm_add_layer(const vllm_specs *s, const ctxfit_layer_info *layer, uint32_t stage, uint64_t padded_state)
{
    cfi_page_spec spec = {CFI_PAGE_FULL, 1, 0, s->block_tokens, 0, 0, layer->attention == CTXFIT_ATTENTION_LATENT, 0};

    if (layer->state != CTXFIT_STATE_NONE) {
        cfi_page_spec state = {CFI_PAGE_STATE, 1, 0, s->block_tokens, 0, s->state_pages, false, padded_state};

        if (!vllm_add_spec(s, stage, &state))
            return false;
    }
    if (!vllm_attends(layer))
        return true;
    if (layer->attention == CTXFIT_ATTENTION_SLIDING && !s->promote)
        spec.kind = CFI_PAGE_SLIDING;
    else if (layer->attention == CTXFIT_ATTENTION_CHUNKED && !s->promote)
        spec.kind = CFI_PAGE_CHUNKED;
    spec.window = spec.kind != CFI_PAGE_FULL ? layer->window_tokens : 0;
    spec.page_bytes = s->block_tokens * vllm_token_bytes(s, layer);
    if (!vllm_add_spec(s, stage, &spec))
        return false;
    if (layer->indexer_size == 0)
        return true;
    spec.page_bytes = (layer->indexer_size + (uint64_t)(layer->indexer_size + VLLM_INDEX_GROUP - 1) / VLLM_INDEX_GROUP * 4) *
                      s->block_tokens;
    return vllm_add_spec(s, stage, &spec);
}

/* Blocks that predict further tokens come after the trunk, on the last stage, and only where they draft. */
static ctxfit_status vllm_add_layers(vllm_specs *s, ctxfit_error *error)
{
    const ctxfit_model *model = s->model;
    const uint32_t      end = model->info.layers + (s->draft_tokens > 0 ? model->info.nextn_layers : 0);
    uint64_t            padded;
    uint32_t            stage = 0;

    vllm_hybrid_block(s, &padded);
    for (uint32_t i = 0; i < end; i++) {
        while (stage + 1 < s->run->paged.stages && i >= s->run->paged.stage_first[stage + 1])
            stage++;
        if (model->layer[i].compress_ratio != 0)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "vLLM: the compressed caches of '%s' are not modelled", model->arch_name);
        if (!vllm_add_layer(s, &model->layer[i], stage, padded))
            return cfi_fail(error, CTXFIT_E_LIMIT, "vLLM: more than %u kinds of caches in one model", CFI_MAX_PAGE_SPECS);
    }
    return CTXFIT_OK;
}

static bool vllm_is_latent(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT)
            return true;
    }
    return false;
}

/* ---- options ---- */
static ctxfit_status vllm_element_bytes(const ctxfit_plan_options *options, uint32_t *out, ctxfit_error *error)
{
    if (options->kv_key != options->kv_value)
        return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM has one type for K and V (--kv-cache-dtype)");
    switch (options->kv_key) {
    case CTXFIT_QUANT_DEFAULT:
    case CTXFIT_QUANT_F16:
    case CTXFIT_QUANT_BF16:
        *out = 2;
        return CTXFIT_OK;
    case CFI_QUANT_FP8_E4M3:
        *out = 1;
        return CTXFIT_OK;
    }
    return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM: cache type %s: expected the model's own (auto), bfloat16, float16 or fp8",
                    ctxfit_quant_name(options->kv_key));
}

/* distributed/utils.py, get_pp_indices() */
static void vllm_stages(uint32_t layers, cfi_paged *paged)
{
    uint32_t each = layers / paged->stages, rest = layers % paged->stages, at = 0;

    for (uint32_t s = 0; s < paged->stages; s++) {
        bool more = rest > 0 && s + 2 <= paged->stages && s + 1 + rest >= paged->stages;

        paged->stage_first[s] = at;
        at += each + (more ? 1 : 0);
    }
    paged->stage_first[paged->stages] = layers;
}

static ctxfit_status vllm_parallel(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                   cfi_run *run, ctxfit_error *error)
{
    cfi_paged *paged = &run->paged;
    uint64_t   ranks;

    paged->tensor_ranks = options->tensor_parallel != 0 ? options->tensor_parallel : 1;
    paged->stages = options->pipeline_parallel != 0 ? options->pipeline_parallel : 1;
    ranks = (uint64_t)paged->tensor_ranks * paged->stages;
    if (machine->count == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM needs a GPU; the machine has none");
    if (ranks > machine->count)
        return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM: tensor_parallel %lu x pipeline_parallel %lu needs %llu GPUs, the machine has %lu",
                        (unsigned long)paged->tensor_ranks, (unsigned long)paged->stages, (unsigned long long)ranks,
                        (unsigned long)machine->count);
    if (paged->stages > model->info.layers || paged->stages > CFI_MAX_STAGES)
        return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM: pipeline_parallel %lu: at most the number of layers, and %u here",
                        (unsigned long)paged->stages, CFI_MAX_STAGES);
    if (model->info.heads % paged->tensor_ranks != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "Total number of attention heads (%lu) must be divisible by tensor parallel size (%lu).",
                        (unsigned long)model->info.heads, (unsigned long)paged->tensor_ranks);
    for (uint32_t d = 0; d < ranks; d++)
        if (machine->device[d].backend != CTXFIT_BACKEND_CUDA && machine->device[d].backend != CTXFIT_BACKEND_ROCM)
            return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM runs on CUDA and ROCm; device %lu has another backend", (unsigned long)d);
    vllm_stages(model->info.layers, paged);
    return CTXFIT_OK;
}

static ctxfit_status vllm_check(const ctxfit_plan_options *options, ctxfit_error *error)
{
    const struct {
        bool        given;
        const char *name;
    } without[] = {
        {options->ubatch_tokens != 0 && options->ubatch_tokens != options->batch_tokens, "ubatch_tokens other than batch_tokens"},
        {options->kv_unified == CTXFIT_CHOICE_ON, "kv_unified"},
        {options->flash_attention == CTXFIT_CHOICE_OFF, "flash_attention off"},
        {options->kv_offload == CTXFIT_CHOICE_OFF, "kv_offload off"},
        {options->gpu_layers != 0, "gpu_layers"},
        {options->split_mode != CTXFIT_SPLIT_DEFAULT, "split_mode"},
        {options->cpu_expert_layers != 0, "cpu_expert_layers"},
        {options->overrides[0] != '\0', "overrides"},
        {options->tensor_split[0] > 0.0 || options->tensor_split[1] > 0.0, "tensor_split"},
    };

    for (size_t i = 0; i < CFI_COUNT(without); i++)
        if (without[i].given)
            return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM has no setting for %s", without[i].name);
    if (options->draft_tokens > 64 || options->block_tokens > 65536 || options->batch_sequences > UINT32_MAX / 2)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "draft_tokens, block_tokens, batch_sequences: at most 64, 65536, 2^31");
    return CTXFIT_OK;
}

static void vllm_placement(const ctxfit_model *model, const cfi_engine_machine *machine, cfi_run *run)
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

static ctxfit_status vllm_context(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run, ctxfit_error *error)
{
    uint64_t trained = model->info.trained_tokens;
    uint64_t tokens = options->ctx_tokens;

    run->notes.ctx_source = tokens != 0 ? CTXFIT_CTX_FROM_REQUEST : CTXFIT_CTX_FROM_MODEL;
    tokens = tokens != 0 ? tokens : trained;
    if (tokens == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "vLLM: the model states no length, and none was asked for");
    if (tokens > UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens %llu: at most %lu", (unsigned long long)tokens, (unsigned long)UINT32_MAX);
    run->notes.ctx_tokens = tokens;
    run->n_ctx_seq = tokens;
    run->n_seq = options->sequences != 0 ? options->sequences : 1;
    run->n_ctx = tokens * run->n_seq; /* both 32 bits */
    run->streams = run->n_seq;
    run->kv_cells = tokens;
    return CTXFIT_OK;
}

ctxfit_status cfi_engine_resolve_vllm(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                      cfi_run *run, ctxfit_error *error)
{
    vllm_specs    specs = {model, run, 2, VLLM_BLOCK_TOKENS, 1 + options->draft_tokens, options->draft_tokens, false, false};
    ctxfit_status status = vllm_check(options, error);

    if (status == CTXFIT_OK)
        status = vllm_parallel(model, options, machine, run, error);
    if (status == CTXFIT_OK)
        status = vllm_context(model, options, run, error);
    if (status == CTXFIT_OK)
        status = vllm_element_bytes(options, &specs.element_bytes, error);
    if (status != CTXFIT_OK)
        return status;
    run->flash = true;
    run->kv_offload = true;
    run->type_k = options->kv_key != 0 ? options->kv_key : CTXFIT_QUANT_BF16;
    run->type_v = run->type_k;
    run->overrides = options->overrides;
    run->paged.graphs = (options->flags & CTXFIT_PLAN_F_EAGER) == 0 && vllm_changed(run->release, CFI_VLLM_GRAPHS_RESERVED);
    run->paged.null_blocks = vllm_changed(run->release, CFI_VLLM_NULL_BLOCK) ? 1 : 0;
    run->paged.tokens_by_groups = !vllm_changed(run->release, CFI_VLLM_TOKENS_BY_REQUEST);
    run->paged.cache_bytes = options->kv_cache_bytes;
    vllm_batches(options, machine, run->n_ctx_seq, run);
    run->paged.in_flight = run->n_batch;
    if (vllm_changed(run->release, CFI_VLLM_BATCHES_OVERLAP))
        run->paged.in_flight *= run->paged.stages + 1;
    specs.sparse_fp8 = specs.element_bytes == 1;
    specs.promote = options->swa_full == CTXFIT_CHOICE_ON;
    specs.block_tokens = options->block_tokens != 0 ? options->block_tokens
                         : vllm_is_latent(model)    ? VLLM_LATENT_BLOCK_TOKENS
                                                    : VLLM_BLOCK_TOKENS;
    if (vllm_changed(run->release, CFI_VLLM_STATE_PREFIXES) && (options->flags & CTXFIT_PLAN_F_NO_PREFIX_CACHE) == 0)
        specs.state_pages++;
    status = vllm_add_layers(&specs, error);
    if (status != CTXFIT_OK)
        return status;
    vllm_placement(model, machine, run);
    return cfi_pages_group(&run->paged.pages, vllm_changed(run->release, CFI_VLLM_PAGES_PADDED), error);
}
