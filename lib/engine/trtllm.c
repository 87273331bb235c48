/* TensorRT-LLM as trtllm-serve starts it, with the PyTorch backend: from options to a run with a paged cache. 1.2, and 1.0 and 1.1 where
 * trtllm.def says so. */
#include "engine_internal.h"

#define TRTLLM_FRACTION        0.9   /* KvCacheConfig.free_gpu_memory_fraction, llmapi/llm_args.py */
#define TRTLLM_BATCH_TOKENS    8192u /* max_num_tokens */
#define TRTLLM_BATCH_SEQUENCES 2048u /* max_batch_size */
#define TRTLLM_GRAPH_SEQUENCES 128u  /* CudaGraphConfig.max_batch_size: the widest step but for the prompts of the dry run */
#define TRTLLM_GRAPHS_LOW      (UINT64_C(64) << 20)
#define TRTLLM_BLOCK_TOKENS    32u   /* KvCacheConfig.tokens_per_block */
#define TRTLLM_LATENT_BLOCK    64u   /* FlashMLA (py_executor_creator.py), and the indexer of DeepSeek-V3.2 (sparse/dsa.py) */
#define TRTLLM_LATENT_WIDTH    576u  /* enable_flash_mla, _torch/model_config.py: on sm_90 */
#define TRTLLM_INDEX_GROUP     128u  /* elements of an indexer key that share an F32 scale: sparse/dsa.py */
#define TRTLLM_EXPERT_STEP     128u  /* weight_alignment of MXFP4 experts, modules/fused_moe/quantization.py */
#define MIB (UINT64_C(1) << 20)

static const uint32_t trtllm_changes[] = {
#define CFI_TRTLLM_CHANGE(name, release, source) release,
#include "trtllm.def"
#undef CFI_TRTLLM_CHANGE
};

static bool trtllm_changed(uint32_t release, cfi_trtllm_change change)
{
    return release >= trtllm_changes[change];
}

/* ---- what it does not run ---- */
static const char trtllm_states[][16] = {
#define CFI_TRTLLM_STATE(arch) arch,
#include "trtllm_states.def"
#undef CFI_TRTLLM_STATE
};

static bool trtllm_keeps_state(const ctxfit_model *model)
{
    for (size_t i = 0; i < CFI_COUNT(trtllm_states); i++) {
        if (strcmp(model->arch_name, trtllm_states[i]) == 0)
            return true;
    }
    return false;
}

#define TRTLLM_TARGETS 5u

/* The column of a compute capability; TRTLLM_TARGETS: none that is known. */
static uint32_t trtllm_target(uint32_t capability)
{
    static const uint32_t from[TRTLLM_TARGETS] = {80, 89, 90, 100, 120};
    uint32_t              target = TRTLLM_TARGETS;

    for (uint32_t i = 0; i < TRTLLM_TARGETS; i++)
        target = capability >= from[i] ? i : target;
    return target;
}

static bool trtllm_runs_format(ctxfit_quant quant, uint32_t target)
{
    static const struct {
        uint16_t quant;
        bool     on[TRTLLM_TARGETS];
    } formats[] = {
#define CFI_TRTLLM_FORMAT(name, sm80, sm89, sm90, sm100, sm120) {CFI_QUANT_##name, {sm80, sm89, sm90, sm100, sm120}},
#include "trtllm_formats.def"
#undef CFI_TRTLLM_FORMAT
    };

    for (size_t i = 0; i < CFI_COUNT(formats); i++) {
        if (formats[i].quant == quant)
            return target >= TRTLLM_TARGETS || formats[i].on[target];
    }
    return false;
}

/* What the weights of a checkpoint are, as load_hf_quant_config() and update_quant_config_from_compressed_tensors() read it
 * (_torch/model_config.py); BF16 where they are of no method, CTXFIT_QUANT_DEFAULT where it knows none. */
static ctxfit_quant trtllm_stored(const ctxfit_model *model)
{
    const ctxfit_checkpoint_info *c = model->checkpoint;
    const bool                    modelopt = c != NULL && strncmp(c->quant_method, "modelopt", 8) == 0;
    const bool                    packed = c != NULL && strcmp(c->quant_method, "compressed-tensors") == 0;

    if (c == NULL || !model->as_stored || c->quant == CTXFIT_CHECKPOINT_QUANT_NONE)
        return CFI_QUANT_BF16;
    switch (c->quant) {
    case CTXFIT_CHECKPOINT_QUANT_FP8:
        if (c->quant_group >= 128)
            return modelopt || packed || strcmp(c->quant_method, "fp8") == 0 ? CFI_QUANT_FP8_E4M3_B128 : CTXFIT_QUANT_DEFAULT;
        return modelopt || packed ? CFI_QUANT_FP8_E4M3 : CTXFIT_QUANT_DEFAULT;
    case CTXFIT_CHECKPOINT_QUANT_MXFP4:
        return modelopt || strcmp(c->quant_method, "mxfp4") == 0 ? CFI_QUANT_MXFP4 : CTXFIT_QUANT_DEFAULT;
    case CTXFIT_CHECKPOINT_QUANT_NVFP4:
        return modelopt || packed ? CFI_QUANT_NVFP4_G16 : CTXFIT_QUANT_DEFAULT;
    case CTXFIT_CHECKPOINT_QUANT_AWQ: return modelopt ? CFI_QUANT_AWQ_4BIT_G128 : CTXFIT_QUANT_DEFAULT;
    case CTXFIT_CHECKPOINT_QUANT_GPTQ: return modelopt ? CFI_QUANT_GPTQ_4BIT_G128 : CTXFIT_QUANT_DEFAULT;
    }
    if (strcmp(c->quant_method, "nvfp4") == 0)
        return CFI_QUANT_NVFP4_G16;
    return strcmp(c->quant_method, "mxfp8") == 0 ? CFI_QUANT_FP8_E4M3 : CTXFIT_QUANT_DEFAULT;
}

static ctxfit_status trtllm_check_stored(const ctxfit_model *model, uint32_t capability, uint32_t target, ctxfit_error *error)
{
    const ctxfit_quant stored = trtllm_stored(model);

    if (stored == CTXFIT_QUANT_DEFAULT)
        return cfi_fail(error, CTXFIT_E_REFUSED, "tensorrt-llm does not load checkpoints of the method '%s'%s: expected ModelOpt's, fp8 of "
                        "128 x 128 blocks, mxfp4, mxfp8, nvfp4, or compressed-tensors of FP8 or NVFP4", model->checkpoint->quant_method,
                        model->checkpoint->quant == CTXFIT_CHECKPOINT_QUANT_MLX ? "" : " in this format");
    if (!trtllm_runs_format(stored, target))
        return cfi_fail(error, CTXFIT_E_REFUSED, "tensorrt-llm has no kernels for weights of %s on sm_%lu (the checkpoint's, %s)",
                        ctxfit_quant_name(stored), (unsigned long)capability, model->checkpoint->quant_method);
    return CTXFIT_OK;
}

static ctxfit_status trtllm_check(const ctxfit_model *model, uint32_t capability, ctxfit_error *error)
{
    const uint32_t target = trtllm_target(capability);
    ctxfit_status  status;

    if (capability != 0 && target == TRTLLM_TARGETS)
        return cfi_fail(error, CTXFIT_E_REFUSED, "tensorrt-llm runs on sm_80 (Ampere) and later; this GPU is sm_%lu",
                        (unsigned long)capability);
    status = trtllm_check_stored(model, capability, target, error);
    if (status != CTXFIT_OK)
        return status;
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];

        if (tensor->role == CFI_ROLE_UNUSED || trtllm_runs_format(tensor->quant, target))
            continue;
        if (trtllm_runs_format(tensor->quant, TRTLLM_TARGETS))
            return cfi_fail(error, CTXFIT_E_REFUSED, "tensorrt-llm has no kernels for weights of %s on sm_%lu ('%.64s')",
                            ctxfit_quant_name(tensor->quant), (unsigned long)capability, tensor->name);
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "tensorrt-llm does not load weights of %s ('%.64s'): expected BF16, F16, FP8, MXFP4, NVFP4, AWQ or GPTQ",
                        ctxfit_quant_name(tensor->quant), tensor->name);
    }
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (model->layer[i].compress_ratio != 0)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "tensorrt-llm: the compressed caches of '%s' are not modelled", model->arch_name);
        if (model->layer[i].state != CTXFIT_STATE_NONE && !trtllm_keeps_state(model))
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "tensorrt-llm: recurrent states of '%s' are not modelled", model->arch_name);
    }
    return CTXFIT_OK;
}

/* ---- the cache ---- */
/* Bytes of 16 elements. */
static ctxfit_status trtllm_cache_type(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_run *run,
                                       uint32_t capability, uint32_t *out, ctxfit_error *error)
{
    ctxfit_status status;

    if (options->kv_key == options->kv_value && cfi_ranks_cache_type(model, options, run) == CFI_QUANT_NVFP4_G16) {
        if (capability != 0 && (capability < 100 || capability >= 120)) /* docs/source/features/quantization.md */
            return cfi_fail(error, CTXFIT_E_REFUSED, "tensorrt-llm: a cache of NVFP4 needs sm_100; this GPU is sm_%lu",
                            (unsigned long)capability);
        if (!trtllm_changed(run->release, CFI_TRTLLM_NVFP4_COUNTED))
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "tensorrt-llm: a cache of NVFP4 is modelled from 1.2.0 on");
        *out = 9; /* two elements a byte, an FP8 scale for 16 */
        return CTXFIT_OK;
    }
    status = cfi_ranks_element_bytes(model, options, run, out, error);
    *out *= 16;
    return status;
}

typedef struct trtllm_cache {
    const ctxfit_model *model;
    cfi_run            *run;
    uint32_t            sixteen;    /* bytes of 16 elements */
    uint32_t            block_tokens;
    bool                windows;    /* max_attention_window is set, as the model has it */
    cfi_config_windows  stated;     /* of the configuration */
} trtllm_cache;

/* KVCacheManager: heads are divided upwards, and K and V have one head size. */
static uint64_t trtllm_token_elements(const ctxfit_layer_info *layer, uint32_t ranks)
{
    uint64_t heads = ((uint64_t)layer->kv_heads + ranks - 1) / ranks;

    if (layer->attention == CTXFIT_ATTENTION_LATENT)
        return layer->cache_k_elems;
    return 2 * heads * cfi_max_u64(layer->key_size, layer->value_size);
}

static uint32_t trtllm_window(const trtllm_cache *c, uint32_t index)
{
    const ctxfit_layer_info *layer = &c->model->layer[index];

    if (!c->windows)
        return 0;
    if (cfi_engine_config_windowed(c->model, &c->stated, index))
        return c->stated.tokens;
    return layer->attention == CTXFIT_ATTENTION_SLIDING ? layer->window_tokens : 0;
}

static ctxfit_status trtllm_add_layer(const trtllm_cache *c, uint32_t index, uint32_t stage, ctxfit_error *error)
{
    const ctxfit_layer_info *layer = &c->model->layer[index];
    const uint32_t window = trtllm_window(c, index);
    cfi_paged    *paged = &c->run->paged;
    cfi_page_spec spec = {CFI_PAGE_FULL, 1, 0, c->block_tokens, 0, 0, layer->attention == CTXFIT_ATTENTION_LATENT, 0};
    uint64_t      elements;
    uint32_t      place;

    if (layer->attention == CTXFIT_ATTENTION_NONE || (layer->flags & CTXFIT_LAYER_F_CACHE) == 0)
        return CTXFIT_OK;
    if (window != 0 && window < c->run->n_ctx_seq) {
        spec.kind = CFI_PAGE_SLIDING;
        spec.window = window;
    }
    elements = trtllm_token_elements(layer, paged->tensor_ranks);
    if (c->sixteen % 16 != 0 && elements % 16 != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "NVFP4 cache size must be divisible by quant vector size: %llu elements a token",
                        (unsigned long long)elements);
    spec.page_bytes = c->block_tokens * (elements * c->sixteen / 16);
    if (layer->indexer_size != 0)
        spec.page_bytes += c->block_tokens * (layer->indexer_size + (uint64_t)layer->indexer_size / TRTLLM_INDEX_GROUP * 4);
    place = spec.page_bytes > 0 ? cfi_pages_add(&paged->pages, &spec) : UINT32_MAX;
    if (place == UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_LIMIT, "tensorrt-llm: more than %u kinds of caches in one model", CFI_MAX_PAGE_SPECS);
    paged->stage_layers[stage][place]++;
    return CTXFIT_OK;
}

/* MambaCacheManager: for every sequence of a batch, in the type of the weights; heads and width are divided. */
static uint64_t trtllm_state_bytes(const ctxfit_layer_info *layer, uint32_t ranks)
{
    if (layer->state == CTXFIT_STATE_NONE)
        return 0;
    return ((uint64_t)layer->conv_state_elems / ranks + layer->recurrent_elems / ranks) * 2;
}

/* Blocks that predict further tokens come after the trunk, on the last stage, and only where they draft. */
static ctxfit_status trtllm_add_layers(const trtllm_cache *c, uint32_t draft_tokens, ctxfit_error *error)
{
    const ctxfit_model *model = c->model;
    cfi_paged          *paged = &c->run->paged;
    const uint32_t      end = model->info.layers + (draft_tokens > 0 ? model->info.nextn_layers : 0);
    uint32_t            stage = 0;

    for (uint32_t i = 0; i < end; i++) {
        ctxfit_status status;
        uint64_t      state;

        while (stage + 1 < paged->stages && i >= paged->stage_first[stage + 1])
            stage++;
        if (!cfi_mul_u64(trtllm_state_bytes(&model->layer[i], paged->tensor_ranks), paged->batch_sequences, &state) ||
            !cfi_add_u64(paged->state_bytes[stage], state, &paged->state_bytes[stage]))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensorrt-llm: states of more than 64 bits");
        status = trtllm_add_layer(c, i, stage, error);
        if (status != CTXFIT_OK)
            return status;
    }
    for (uint32_t i = draft_tokens > 0 ? cfi_engine_dropped_nextn(model) : 0; i > 0; i--) {
        ctxfit_status status = trtllm_add_layer(c, model->info.layers - 1, paged->stages - 1, error);

        if (status != CTXFIT_OK)
            return status;
    }
    return CTXFIT_OK;
}

static ctxfit_status trtllm_overflow(ctxfit_error *error)
{
    return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensorrt-llm: a token of more than 64 bits");
}

/* Every stage needs layers of every window: calculateMaxNumBlocks(), kvCacheManager.cpp. */
static ctxfit_status trtllm_share(cfi_run *run, ctxfit_error *error)
{
    cfi_paged  *paged = &run->paged;
    cfi_windows first, other;
    bool        windows = false;

    for (uint32_t i = 0; i < paged->pages.count; i++)
        windows = windows || paged->pages.spec[i].window != 0;
    if (!windows)
        return cfi_pages_group(&paged->pages, true, error);
    paged->pages.shares = trtllm_changed(run->release, CFI_TRTLLM_EQUAL_SHARES) ? CFI_SHARES_EQUAL : CFI_SHARES_BY_WINDOW;
    if (!cfi_windows_of(&paged->pages, paged->stage_layers[0], run->n_ctx_seq, &first))
        return trtllm_overflow(error);
    for (uint32_t s = 1; s < paged->stages; s++) {
        bool same;

        if (!cfi_windows_of(&paged->pages, paged->stage_layers[s], run->n_ctx_seq, &other))
            return trtllm_overflow(error);
        same = other.count == first.count;
        for (uint32_t i = 0; i < other.count && same; i++)
            same = other.pool[i].window == first.pool[i].window;
        if (!same)
            return cfi_fail(error, CTXFIT_E_REFUSED,
                            "Asymmetrical pipeline parallelism detected: stages either have a different number of window sizes, or "
                            "differing values; not supported with Variable Sliding Window Attention");
    }
    paged->pages.groups = first.count;
    return CTXFIT_OK;
}

static uint32_t trtllm_block(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t capability)
{
    uint32_t block = TRTLLM_BLOCK_TOKENS;

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        const ctxfit_layer_info *layer = &model->layer[i];

        if (layer->attention != CTXFIT_ATTENTION_LATENT)
            continue;
        if (layer->indexer_size != 0 || (capability == 90 && layer->cache_k_elems == TRTLLM_LATENT_WIDTH))
            return TRTLLM_LATENT_BLOCK; /* goes over what is asked for */
    }
    return options->block_tokens != 0 ? options->block_tokens : block;
}

/* ---- the run ---- */
/* _init_max_seq_len(), pyexecutor/model_engine.py: a longer context than the configuration states is cut to it. */
static void trtllm_cut_context(const ctxfit_model *model, cfi_run *run)
{
    const uint64_t most = cfi_engine_length_of(model, run->id, run->release).most;

    if (most == 0 || run->n_ctx_seq <= most)
        return;
    run->n_ctx_seq = most;
    run->n_ctx = run->n_ctx_seq * run->n_seq;
    run->kv_cells = run->n_ctx_seq;
    run->notes.ctx_source = CTXFIT_CTX_FROM_MODEL;
    run->notes.ctx_tokens = run->n_ctx_seq;
}

/* What a request takes beyond its length: the overlap scheduler's token, drafts of the step and of the one before, and what one-model
 * drafting keeps (get_num_extra_kv_tokens()). py_executor_creator.py. */
static uint32_t trtllm_extra_tokens(uint32_t draft_tokens)
{
    return 1 + (draft_tokens > 0 ? 3 * draft_tokens - 1 : 0);
}

static void trtllm_settings(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run)
{
    cfi_paged *paged = &run->paged;

    run->flash = true;
    run->kv_offload = true;
    run->type_k = cfi_ranks_cache_type(model, options, run);
    run->type_k = run->type_k != CTXFIT_QUANT_DEFAULT ? run->type_k : CTXFIT_QUANT_BF16;
    run->type_v = run->type_k;
    run->overrides = options->overrides;
    paged->batch_sequences = options->batch_sequences != 0 ? options->batch_sequences : TRTLLM_BATCH_SEQUENCES;
    run->n_batch = (uint32_t)cfi_min_u64(options->batch_tokens != 0 ? options->batch_tokens : TRTLLM_BATCH_TOKENS,
                                         run->n_ctx_seq * paged->batch_sequences); /* _init_max_num_tokens() */
    run->n_ubatch = run->n_batch;
    if ((options->flags & CTXFIT_PLAN_F_EAGER) == 0) {
        paged->graphs_low = TRTLLM_GRAPHS_LOW;
        paged->graphs_high = CFI_RANKS_GRAPHS_HIGH;
    }
    paged->profiled = true;
    paged->logit_copies = 1;
    paged->peak_sequences = (uint32_t)cfi_min_u64(paged->batch_sequences, TRTLLM_GRAPH_SEQUENCES);
    paged->cache_bytes = options->kv_cache_bytes;
    paged->tokens_by_groups = true;
    paged->rest_fraction = options->memory_fraction > 0 ? options->memory_fraction : TRTLLM_FRACTION;
    paged->blocks_up = !trtllm_changed(run->release, CFI_TRTLLM_BLOCKS_DOWN);
    paged->vocabulary_step = paged->tensor_ranks;
    paged->embedding_whole = cfi_ranks_latent(model);
    paged->expert_step = TRTLLM_EXPERT_STEP;
    paged->context_low = 256 * MIB;
    paged->context_high = 1024 * MIB;
    paged->pages.extra_tokens = trtllm_extra_tokens(options->draft_tokens);
    paged->drafts = options->draft_tokens > 0;
}

ctxfit_status cfi_engine_resolve_trtllm(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                        cfi_run *run, ctxfit_error *error)
{
    trtllm_cache  cache = {model, run, 0, 0, options->swa_full == CTXFIT_CHOICE_OFF, cfi_engine_config_windows(model)};
    uint32_t      capability = 0;
    ctxfit_status status = CTXFIT_OK;

    if (options->memory_fraction >= 1)
        status = cfi_fail(error, CTXFIT_E_REFUSED, "tensorrt-llm: free_gpu_memory_fraction must be smaller than 1");
    if (status == CTXFIT_OK && (options->block_tokens & (options->block_tokens - 1)) != 0) /* its own words, kvCacheUtils.h */
        status = cfi_fail(error, CTXFIT_E_REFUSED, "tensorrt-llm: block_tokens %lu: tokensPerBlock must be power of 2",
                          (unsigned long)options->block_tokens);
    if (status == CTXFIT_OK)
        status = cfi_ranks_parallel(model, options, machine, run, error);
    if (status == CTXFIT_OK)
        status = cfi_ranks_context(model, options, run, error);
    if (status != CTXFIT_OK)
        return status;
    capability = cfi_ranks_capability(machine, run);
    trtllm_cut_context(model, run);
    status = trtllm_check(model, capability, error);
    if (status == CTXFIT_OK)
        status = trtllm_cache_type(model, options, run, capability, &cache.sixteen, error);
    if (status != CTXFIT_OK)
        return status;
    trtllm_settings(model, options, run);
    cache.block_tokens = trtllm_block(model, options, capability);
    status = trtllm_add_layers(&cache, options->draft_tokens, error);
    if (status != CTXFIT_OK)
        return status;
    cfi_ranks_place(model, machine, run);
    return trtllm_share(run, error);
}
