/* SGLang: from options to a run with a pool of tokens. 0.5.23, sglang/srt, and from 0.5.10 on where sglang.def says so. */
#include "engine_internal.h"

#define SGLANG_WINDOW_TENTHS 8u  /* swa_full_tokens_ratio 0.8, tokens of window to full layers: arg_groups/fields/schedule.py */
#define SGLANG_STATE_PERCENT 90u /* mamba_full_memory_ratio 0.9 */
#define SGLANG_STATE_SLOTS   3u  /* of a request: MAMBA_CACHE_SIZE_MAX_RUNNING_REQUESTS_RATIO, kv_cache_configurator.py */
#define SGLANG_BUFFER_SLOTS  2u  /* and where steps overlap: get_mamba_tracking_slots(), allocation_sizing.py */
#define SGLANG_DRAFT_REQUESTS 48u /* max_running_requests where tokens are drafted: arg_groups/speculative_hook.py:438 */
#define SGLANG_KERNEL_PAGE   64u
#define GATING_SIGMOID       2.0 /* LLAMA_EXPERT_GATING_FUNC_TYPE_SIGMOID: DeepSeek-V3 and its kin, not V2 */
#define SGLANG_PICTURE_BYTES (UINT64_C(100) << 20) /* SGLANG_VLM_CACHE_SIZE_MB: mm_runtime_reservation_gb(), kv_cache_configurator.py */

typedef struct sglang_tier {
    uint32_t below_mib;
    uint32_t until;
    uint32_t chunk_tokens;
    uint32_t graphs[2];
} sglang_tier;

typedef struct sglang_since {
    char     arch[16];
    uint32_t release;
} sglang_since;

static const sglang_tier sglang_tiers[] = {
#define CFI_SGLANG_TIER(below, until, chunk, graphs, graphs_4) {below, until, chunk, {graphs, graphs_4}},
#include "sglang.def"
};

static const sglang_since sglang_buffers[] = {
#define CFI_SGLANG_BUFFERS(arch, release) {arch, release},
#include "sglang.def"
};

static const char sglang_triton[][11] = {
#define CFI_SGLANG_TRITON(arch) arch,
#include "sglang.def"
};

static const sglang_since sglang_windows[] = {
#define CFI_SGLANG_WINDOWS(arch, release) {arch, release},
#include "sglang_windows.def"
#undef CFI_SGLANG_WINDOWS
};

enum {
#define CFI_SGLANG_CHANGE(name, release, source) name = release,
#include "sglang.def"
};

static bool sglang_has(const sglang_since *rows, size_t count, const char *arch, uint32_t release)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(arch, rows[i].arch) == 0)
            return release >= rows[i].release;
    }
    return false;
}

static const sglang_tier *sglang_tier_of(uint64_t total_bytes, uint32_t release)
{
    size_t i = 0;

    while (i + 1 < CFI_COUNT(sglang_tiers) &&
           (total_bytes >> 20 >= sglang_tiers[i].below_mib || (sglang_tiers[i].until != 0 && release >= sglang_tiers[i].until)))
        i++;
    return &sglang_tiers[i];
}

static uint32_t sglang_chunk(const ctxfit_plan_options *options, uint64_t total_bytes, uint32_t release)
{
    return options->batch_tokens != 0 ? options->batch_tokens : sglang_tier_of(total_bytes, release)->chunk_tokens;
}

static uint32_t sglang_graphs(const ctxfit_plan_options *options, uint64_t total_bytes, uint32_t release)
{
    uint32_t most = sglang_tier_of(total_bytes, release)->graphs[options->tensor_parallel >= 4];

    return options->batch_sequences != 0 && options->batch_sequences < most ? options->batch_sequences : most;
}

/* Sizes for which a prefill graph is captured: arg_groups/cuda_graph_hook.py, generate_prefill_cuda_graph_batch_sizes() */
static uint32_t sglang_prefill_graphs(uint32_t most)
{
    static const uint32_t ranges[][3] = {{4, 32, 4},         {48, 256, 16},       {288, 512, 32},
                                         {576, 1024, 64},    {1280, 4096, 256},   {4608, UINT32_MAX, 512}};
    uint32_t              count = 0;

    for (size_t i = 0; i < CFI_COUNT(ranges); i++) {
        uint32_t end = most < ranges[i][1] ? most : ranges[i][1];

        if (end >= ranges[i][0])
            count += (end - ranges[i][0]) / ranges[i][2] + 1;
    }
    return count;
}

static bool sglang_latent(const ctxfit_model *model)
{
    const cfi_cache_form form = cfi_engine_cache_form(model, CFI_ENGINE_SGLANG, 0);

    return form == CFI_CACHE_LATENT || (form != CFI_CACHE_HEADS && cfi_ranks_latent(model));
}

/* Whether attention on a GPU of AMD is AITER's: arg_groups/model_override_base.py, get_default_attn_backend(). */
static bool sglang_aiter(const ctxfit_model *model, const ctxfit_plan_options *options)
{
    const uint32_t heads = model->info.heads / (options->tensor_parallel != 0 ? options->tensor_parallel : 1);

    for (size_t i = 0; i < CFI_COUNT(sglang_triton); i++) {
        if (strcmp(model->arch_name, sglang_triton[i]) == 0)
            return false;
    }
    return !sglang_latent(model) || heads == 16 || heads == 128;
}

/* AITER keeps a part of any fraction for its workspace, for contexts of more than 8,192 tokens: arg_groups/attention_hook.py:244. */
double cfi_sglang_part(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t backend, uint32_t release,
                       uint64_t total_bytes)
{
    const uint64_t length = cfi_engine_length_of(model, CFI_ENGINE_SGLANG, release).by_default;
    const double   fraction = cfi_sglang_fraction(model, options, release, total_bytes);

    if (backend != CTXFIT_BACKEND_ROCM || (options->ctx_tokens != 0 ? options->ctx_tokens : length) <= 8192)
        return fraction;
    return sglang_aiter(model, options) ? fraction * 0.85 : fraction;
}

/* arg_groups/memory_hook.py:281; MiB there as here. Rounded to three digits. */
double cfi_sglang_fraction(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release, uint64_t total_bytes)
{
    uint32_t chunk = sglang_chunk(options, total_bytes, release);
    uint32_t ranks = (options->tensor_parallel != 0 ? options->tensor_parallel : 1) *
                     (options->pipeline_parallel != 0 ? options->pipeline_parallel : 1);
    double   mib = (double)(total_bytes >> 20), reserved = 512 + (chunk > 2048 ? chunk : 2048) * 1.5 + ranks / 8.0 * 1024, fraction;

    if (options->memory_fraction > 0)
        return options->memory_fraction;
    if ((options->flags & CTXFIT_PLAN_F_EAGER) == 0) {
        reserved += sglang_graphs(options, total_bytes, release) * 2.0;
        reserved += sglang_latent(model) ? 1.5 * 1024 : sglang_prefill_graphs(chunk) * 8.0;
    }
    if (mib > 60 * 1024 && reserved < 10 * 1024)
        reserved = 10 * 1024;
    if (release < NO_DRAFT_RESERVE && options->draft_tokens > 0)
        reserved += 4 * 1024;
    if (mib <= reserved)
        return 0;
    fraction = (double)(uint64_t)((mib - reserved) / mib * 1000 + 0.5) / 1000;
    return options->flags & CTXFIT_PLAN_F_VISION ? fraction * 0.95 : fraction; /* adjust_mem_fraction_for_vlm, an encoder of usual size */
}

#define SGLANG_QUANT_BLOCK 128u /* elements that share an F32 scale: DSATokenToKVPool.quant_block_size */

typedef struct sglang_cache {
    uint32_t ranks;
    uint32_t element_bytes;
    cfi_cache_form form;
    bool     caches;
    bool     window_pool; /* window layers have a pool of their own; of all other models they are cached as the rest */
    bool     scaled;      /* sparse latent caches in FP8: scales beside the latents, rotated parts in 16 bits */
} sglang_cache;

static bool sglang_sparse(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT && model->layer[i].indexer_size != 0)
            return true;
    }
    return false;
}

/* FP8 of sparse latent attention: the default from compute capability 10 on, where it is raw, but for GLM on 12; on Hopper with scales.
 * arg_groups/overrides.py:491 and :686, kv_cache_configurator.py, calculate_mla_kv_cache_dim(). */
static void sglang_sparse_type(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                               sglang_cache *cache)
{
    uint32_t major = machine->memory != NULL ? machine->memory[0].capability / 10 : 0;
    bool     cuda = machine->device[0].backend == CTXFIT_BACKEND_CUDA;

    if (!sglang_sparse(model))
        return;
    if (options->kv_key == CTXFIT_QUANT_DEFAULT && major >= 10)
        cache->element_bytes = 1;
    cache->scaled = cache->element_bytes == 1 && cuda && (major < 10 || (major == 12 && strcmp(model->arch_name, "glm-dsa") == 0));
}

static bool sglang_caches(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if ((model->layer[i].flags & CTXFIT_LAYER_F_CACHE) != 0)
            return true;
    }
    return false;
}

/* Tenths of a byte that a token takes in a layer's pools. Layers that share the cache of an earlier one have a place of their own: a log of
 * Gemma 4 E4B, 42 layers of which 18 share; configs/model_config.py, get_hybrid_layer_ids(). */
static uint64_t sglang_layer_tenths(const ctxfit_layer_info *layer, const sglang_cache *cache)
{
    bool     window = layer->attention == CTXFIT_ATTENTION_SLIDING || layer->attention == CTXFIT_ATTENTION_CHUNKED;
    uint64_t bytes;

    if (layer->attention == CTXFIT_ATTENTION_NONE || !cache->caches)
        return 0;
    bytes = cfi_engine_cache_elems(layer, cache->form, cache->ranks) * cache->element_bytes;
    if (layer->attention == CTXFIT_ATTENTION_LATENT && cache->scaled)
        bytes += layer->kv_rank / SGLANG_QUANT_BLOCK * 4 + (layer->cache_k_elems - layer->kv_rank);
    bytes += layer->indexer_size != 0 ? layer->indexer_size + layer->indexer_size / SGLANG_QUANT_BLOCK * 4 : 0;
    return bytes * (window && cache->window_pool ? SGLANG_WINDOW_TENTHS : 10);
}

/* Layers that draft are priced as full layers of the trunk, whatever theirs are: pool_configurator.py, eagle_draft_num_layers. */
static uint64_t sglang_draft_tenths(uint32_t drafting, uint64_t tenths, uint32_t layers)
{
    return layers > 0 ? tenths / 10 * (uint64_t)drafting / layers * 10 : 0;
}

/* model_runner_components/spec_aux_hidden_state.py: the blocks of the model, or of a draft that has some, else its layers. */
static uint32_t sglang_drafting(const ctxfit_model *model, const ctxfit_model *draft, const cfi_run *run)
{
    if (run->release < DRAFTS_COUNTED)
        return 0;
    if (draft == NULL)
        return run->paged.drafts ? model->info.nextn_layers + cfi_engine_dropped_nextn(model) : 0;
    return draft->info.nextn_layers > 0 ? draft->info.nextn_layers : draft->info.layers;
}

/* Blocks of a model with delta nets, whose configuration does not call them num_nextn_predict_layers, have no price: their cache is beside
 * the pool (the same file, and logs of 0.5.17). */
static bool sglang_priced(const ctxfit_model *model, const ctxfit_model *draft)
{
    for (uint32_t i = 0; i < model->info.layers && draft == NULL; i += model->layer_run[i]) {
        if (model->layer[i].state == CTXFIT_STATE_DELTA_NET)
            return false;
    }
    return true;
}

/* A drafter's own embeddings and output matrix, in 16 bits, are there while the pool is sized, and let go for the model's behind it
 * (speculative/eagle_worker_v2.py, init_lm_head() in alloc_memory_pool(); issue 36452). A model that drafts from tokens keeps its own. */
static ctxfit_status sglang_meet_draft(const ctxfit_model *model, const cfi_engine_speculation *speculation, cfi_run *run,
                                       ctxfit_error *error)
{
    const ctxfit_model *draft = speculation != NULL ? speculation->draft : NULL;

    if (draft == NULL) {
        if (sglang_drafting(model, NULL, run) > 0)
            run->paged.vocabulary_copies = model->has_output ? 2 : 1;
        return CTXFIT_OK;
    }
    if (!speculation->rolls_back && draft->info.vocabulary != model->info.vocabulary)
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "STANDALONE speculative decoding requires the draft model to share the same vocabulary as the target model, but "
                        "got target vocab_size=%llu and draft vocab_size=%llu.",
                        (unsigned long long)model->info.vocabulary, (unsigned long long)draft->info.vocabulary);
    run->paged.vocabulary_copies = draft->token_embd == NULL;
    return cfi_ranks_check_draft(draft, run, error);
}

/* One spec, whose page is that of all layers of the largest stage. */
static void sglang_pages(const ctxfit_model *model, const sglang_cache *cache, uint32_t page_tokens, uint32_t drafting, cfi_run *run)
{
    cfi_paged    *paged = &run->paged;
    cfi_page_spec spec = {CFI_PAGE_FULL, 1, 0, page_tokens, 0, 0, false, 0};
    uint64_t      most = 0;

    for (uint32_t s = 0; s < paged->stages; s++) {
        uint64_t tenths = 0, full = 0;
        uint32_t layers = 0;

        for (uint32_t i = paged->stage_first[s]; i < paged->stage_first[s + 1]; i++) {
            uint64_t more = sglang_layer_tenths(&model->layer[i], cache);
            bool     as_full = more > 0 && (!cache->window_pool || model->layer[i].attention == CTXFIT_ATTENTION_FULL);

            tenths += more;
            full += as_full ? more : 0;
            layers += as_full;
        }
        tenths += sglang_draft_tenths(drafting, full, layers);
        paged->stage_layers[s][0] = 1;
        most = cfi_max_u64(most, tenths);
    }
    spec.page_bytes = (most * page_tokens + 9) / 10;
    if (spec.page_bytes > 0)
        (void)cfi_pages_add(&paged->pages, &spec);
}

/* A state in the layers of the stage that has most: F32 unless the configuration says otherwise (configs/mamba_utils.py,
 * mamba2_state_dtype(), which does not read mamba_ssm_cache_dtype of Nemotron-H), the convolution in 16 bits. */
static uint64_t sglang_state_bytes(const ctxfit_model *model, const cfi_paged *paged)
{
    bool     stated = model->fact[CFI_FACT_SSM_STATE_BYTES] == 2 && strncmp(model->arch_name, "nemotron_h", 10) != 0;
    uint64_t most = 0;

    for (uint32_t s = 0; s < paged->stages; s++) {
        uint64_t bytes = 0;

        for (uint32_t i = paged->stage_first[s]; i < paged->stage_first[s + 1]; i++) {
            const ctxfit_layer_info *layer = &model->layer[i];

            if (layer->state == CTXFIT_STATE_NONE)
                continue;
            bytes += (layer->conv_kernel > 1 ? layer->conv_kernel - 1 : 0) * cfi_ranks_conv_width(layer, paged->tensor_ranks) * 2;
            bytes += layer->recurrent_elems / paged->tensor_ranks * (uint64_t)(stated ? 2 : 4);
        }
        most = cfi_max_u64(most, bytes);
    }
    return most;
}

/* kv_cache_configurator.py, _handle_max_mamba_cache() and _calculate_mamba_ratio(). */
static void sglang_states(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run)
{
    const bool       prefixes = (options->flags & CTXFIT_PLAN_F_NO_PREFIX_CACHE) == 0;
    cfi_state_slots *s = &run->paged.slots;

    s->slot_bytes = sglang_state_bytes(model, &run->paged);
    if (s->slot_bytes == 0)
        return;
    s->percent = SGLANG_STATE_PERCENT;
    s->padding = run->release >= STATE_PADDING;
    s->together = run->release >= STATES_TOGETHER;
    s->each = prefixes ? SGLANG_STATE_SLOTS : 1;
    if (prefixes && run->release >= STATE_BUFFERS &&
        sglang_has(sglang_buffers, CFI_COUNT(sglang_buffers), model->arch_name, run->release))
        s->each += SGLANG_BUFFER_SLOTS;
    s->drafted = options->draft_tokens;
    s->most_requests = options->batch_sequences;
    if (s->drafted > 0 && s->most_requests == 0)
        s->most_requests = SGLANG_DRAFT_REQUESTS;
    if (!prefixes)
        s->fixed = s->most_requests;
}

static bool sglang_wide_keys(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (model->layer[i].attention != CTXFIT_ATTENTION_NONE && model->layer[i].key_size != model->layer[i].value_size)
            return true;
    return false;
}

/* Pages of kernels: sparse latent attention has 64 tokens. On compute capability 10 trtllm_mha makes of what it does not take 64, as
 * trtllm_mla does of DeepSeek-V3's kin; FA4, for values narrower than keys, 128. Models with states have other kernels there, but those of
 * sglang_pages.def, and where tokens are drafted. arg_groups/overrides.py:1144 and :1273, model_override_base.py:277, model_overrides. */
static uint32_t sglang_page_tokens(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                   uint32_t release)
{
    static const sglang_since paged[] = {
#define CFI_SGLANG_PAGES(arch, release) {arch, release},
#include "sglang_pages.def"
#undef CFI_SGLANG_PAGES
    };
    const uint32_t stated = options->block_tokens != 0 ? options->block_tokens : 1;
    const bool     pages = options->draft_tokens > 0 || sglang_has(paged, CFI_COUNT(paged), model->arch_name, release);
    bool           states = false;

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        states |= model->layer[i].state != CTXFIT_STATE_NONE;
    if (machine->device[0].backend != CTXFIT_BACKEND_CUDA)
        return stated;
    if (sglang_sparse(model))
        return SGLANG_KERNEL_PAGE;
    if (machine->memory == NULL || machine->memory[0].capability / 10 != 10 || (states && !pages))
        return stated;
    if (sglang_latent(model))
        return strcmp(model->arch_name, "deepseek2") == 0 && model->fact[CFI_FACT_EXPERT_GATING] == GATING_SIGMOID && stated != 32
                   ? SGLANG_KERNEL_PAGE
                   : stated;
    if (release >= ASYMMETRIC_BY_FA4 && sglang_wide_keys(model))
        return 2 * SGLANG_KERNEL_PAGE;
    return stated == 16 || stated == 32 || stated == 128 ? stated : SGLANG_KERNEL_PAGE;
}

ctxfit_status cfi_engine_resolve_sglang(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                        cfi_run *run, ctxfit_error *error)
{
    uint64_t      total = 0;
    sglang_cache  cache = {1, 2, cfi_engine_cache_form(model, run->id, run->release), sglang_caches(model),
                          sglang_has(sglang_windows, CFI_COUNT(sglang_windows), model->arch_name, run->release), false};
    const ctxfit_model *draft = cfi_ranks_draft(machine);
    ctxfit_status status = cfi_ranks_parallel(model, options, machine, run, error);

    if (status == CTXFIT_OK)
        status = cfi_ranks_context(model, options, run, error);
    if (status == CTXFIT_OK)
        status = cfi_ranks_element_bytes(model, options, run, &cache.element_bytes, error);
    if (status == CTXFIT_OK)
        status = cfi_ranks_check_checkpoint(model, machine, run, error);
    if (status != CTXFIT_OK)
        return status;
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (model->layer[i].compress_ratio != 0)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "sglang: the compressed caches of '%s' are not modelled", model->arch_name);
    total = machine->memory != NULL ? machine->memory[0].total_bytes : machine->device[0].free_bytes;
    run->flash = true;
    run->kv_offload = true;
    run->type_k = cfi_ranks_cache_type(model, options, run);
    run->type_k = run->type_k != CTXFIT_QUANT_DEFAULT ? run->type_k : CTXFIT_QUANT_BF16;
    run->type_v = run->type_k;
    run->overrides = options->overrides;
    run->n_batch = sglang_chunk(options, total, run->release);
    run->n_ubatch = run->n_batch;
    run->paged.batch_sequences = sglang_graphs(options, total, run->release);
    run->paged.cache_bytes = options->kv_cache_bytes;
    run->paged.tokens_by_groups = true;
    run->paged.vocabulary_step = CFI_VLLM_VOCABULARY_STEP;
    run->paged.narrows_stated = true;
    run->paged.context_low = CFI_RANKS_CONTEXT_LOW;
    run->paged.context_high = CFI_RANKS_CONTEXT_HIGH;
    run->paged.drafts = options->draft_tokens > 0 && draft == NULL && run->release >= DRAFTS_COUNTED;
    if ((options->flags & CTXFIT_PLAN_F_VISION) != 0 && run->release >= PICTURES_RESERVED) {
        run->paged.context_low += SGLANG_PICTURE_BYTES;
        run->paged.context_high += SGLANG_PICTURE_BYTES;
    }
    status = sglang_meet_draft(model, machine->speculation, run, error);
    if (status != CTXFIT_OK)
        return status;
    cache.ranks = run->paged.tensor_ranks;
    sglang_sparse_type(model, options, machine, &cache);
    sglang_states(model, options, run);
    if (cache.element_bytes == 1)
        run->type_k = run->type_v = CFI_QUANT_FP8_E4M3;
    sglang_pages(model, &cache, sglang_page_tokens(model, options, machine, run->release),
                 sglang_priced(model, draft) ? sglang_drafting(model, draft, run) : 0, run);
    cfi_ranks_place(model, machine, run);
    return cfi_pages_group(&run->paged.pages, true, error);
}
