/* vLLM: from options to a run with a paged cache. vLLM 0.33.0, and from 0.9 on where vllm.def says so. */
#include "engine_internal.h"

#define VLLM_BLOCK_STEP          16u /* of which every kernel takes multiples */
#define VLLM_GB10                121u /* its compute capability: sm_121 */
#define VLLM_RUNNER_2_BYTES      (UINT64_C(1536) << 20) /* beside the widest step, most that a log found: vllm.def */
#define VLLM_DELTA_ALIGNMENT     64u /* FLASHINFER_GDN_CHECKPOINT_ALIGNMENT, v1/attention/backends/gdn_attn.py */
#define VLLM_INDEX_GROUP         128u /* elements of an indexer key that share an F32 scale: models/deepseek_v2.py */
#define GIB (UINT64_C(1) << 30)

static const uint32_t vllm_changes[] = {
#define CFI_VLLM_CHANGE(name, release, source) release,
#include "vllm.def"
#undef CFI_VLLM_CHANGE
};

bool cfi_vllm_changed(uint32_t release, cfi_vllm_change change)
{
    return release >= vllm_changes[change];
}

/* Its eyes and ears are modules of transformers, which ranks do not share. */
static bool vllm_towers_whole(const ctxfit_model *model)
{
    static const char types[][16] = {
#define CFI_VLLM_WHOLE_TOWERS(type) type,
#include "vllm_towers.def"
#undef CFI_VLLM_WHOLE_TOWERS
    };

    for (size_t i = 0; i < CFI_COUNT(types); i++)
        if (model->config_type != NULL && strcmp(model->config_type, types[i]) == 0)
            return true;
    return false;
}

/* An element of the recurrent state: as the configuration says, as those of its kind do, or by default. */
static uint32_t vllm_state_bytes(const ctxfit_model *model, uint32_t release)
{
    static const struct {
        char     arch[20];
        uint16_t published, by_default, from, default_from;
    } rows[] = {
#define CFI_VLLM_STATE(arch, published, by_default, from, default_from) {arch, published, by_default, from, default_from},
#include "vllm_states.def"
#undef CFI_VLLM_STATE
    };
    const double stated = model->fact[CFI_FACT_SSM_STATE_BYTES];

    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        if (strcmp(model->arch_name, rows[i].arch) != 0 || release < rows[i].from)
            continue;
        if (stated == 2 || stated == 4)
            return (uint32_t)stated;
        if (rows[i].published != 0)
            return rows[i].published;
        return release >= rows[i].default_from ? rows[i].by_default : 2;
    }
    return 2;
}

double cfi_vllm_fraction(const ctxfit_plan_options *options, uint32_t release)
{
    if (options->memory_fraction > 0)
        return options->memory_fraction;
    return cfi_vllm_changed(release, CFI_VLLM_UTILIZATION_92) ? 0.92 : 0.9;
}

/* ---- batches: engine/arg_utils.py, get_batch_defaults() ---- */
static ctxfit_status vllm_batches(const ctxfit_plan_options *options, const cfi_engine_machine *machine, uint64_t tokens, cfi_run *run,
                                  ctxfit_error *error)
{
    const cfi_engine_memory *first = machine->memory;
    bool                     small = first != NULL && first->capability == VLLM_GB10 && cfi_vllm_changed(run->release, CFI_VLLM_GB10_SMALL);
    bool                     large = first != NULL && first->total_bytes >= 70 * GIB && !first->a100 && !small;
    bool                     largest = large && first->total_bytes >= 160 * GIB && cfi_vllm_changed(run->release, CFI_VLLM_BATCH_16384);
    uint64_t                 batch = options->batch_tokens, sequences = options->batch_sequences;

    if (sequences == 0)
        sequences = large ? 1024 : 256;
    if (batch == 0)
        batch = cfi_min_u64(largest ? 16384 : large ? 8192 : 2048, tokens <= UINT32_MAX ? sequences * tokens : UINT64_MAX);
    if (options->batch_sequences > batch) /* config/scheduler.py, verify_max_model_len() */
        return cfi_fail(error, CTXFIT_E_REFUSED, "vllm: max_num_batched_tokens (%lu) must be greater than or equal to max_num_seqs (%lu).",
                        (unsigned long)batch, (unsigned long)options->batch_sequences);
    run->paged.batch_sequences = (uint32_t)cfi_min_u64(sequences, batch);
    run->n_batch = (uint32_t)batch;
    run->n_ubatch = run->n_batch;
    return CTXFIT_OK;
}

/* ---- CUDA graphs: config/vllm.py, _set_cudagraph_sizes(); the estimate that is kept free: profile_cudagraph_memory() of
 * v1/worker/gpu_model_runner.py ---- */
#define VLLM_GRAPH_TOKENS 512u /* most of a graph, */
#define VLLM_GRAPH_SIZES  51u  /* and how many graphs there are up to it */
#define VLLM_GRAPH_BYTES  (UINT64_C(1) << 20) /* each at least, but for the first, which is measured */

static bool vllm_on_grid(uint32_t tokens)
{
    return tokens == 1 || tokens == 2 || tokens == 4 || tokens % (tokens < 256 ? 8 : 16) == 0;
}

/* Where tokens are drafted, of as many sequences as the grid says. */
static bool vllm_decode_size(uint32_t tokens, uint32_t a_sequence, uint32_t sequences)
{
    const uint32_t requests = tokens / a_sequence;

    return a_sequence > 1 && tokens % a_sequence == 0 && (requests == sequences || (requests < sequences && vllm_on_grid(requests)));
}

static void vllm_graphs(const cfi_engine_machine *machine, uint32_t a_sequence, cfi_run *run)
{
    const cfi_engine_memory *first = machine->memory;
    const bool     wide = first != NULL && first->capability / 10 == 10 && cfi_vllm_changed(run->release, CFI_VLLM_GRAPHS_1024);
    const uint32_t sequences = run->paged.batch_sequences;
    uint64_t       most = cfi_min_u64((uint64_t)sequences * a_sequence * 2, wide ? 2 * VLLM_GRAPH_TOKENS : VLLM_GRAPH_TOKENS);
    uint32_t       count = 0, decoding = 0;

    most = cfi_min_u64(most, run->n_batch);
    for (uint32_t tokens = 1; tokens <= most; tokens++) {
        bool decodes = cfi_vllm_changed(run->release, CFI_VLLM_GRAPHS_OF_DECODES) && vllm_decode_size(tokens, a_sequence, sequences);

        if (!vllm_on_grid(tokens) && !decodes && tokens != run->n_batch)
            continue;
        count++;
        decoding += tokens <= (uint64_t)sequences * a_sequence;
    }
    run->paged.graphs_low = decoding > 1 ? (decoding - 1) * VLLM_GRAPH_BYTES : 0;
    run->paged.graphs_high = count > VLLM_GRAPH_SIZES ? CFI_RANKS_GRAPHS_HIGH / VLLM_GRAPH_SIZES * count : CFI_RANKS_GRAPHS_HIGH;
}

/* ---- specs of layers ---- */
typedef struct vllm_specs {
    const ctxfit_model *model;
    cfi_run            *run;
    cfi_vllm_cache      cache;
    uint32_t            block_tokens;
    uint32_t            state_tokens;  /* of which the blocks of hybrid models are multiples */
    uint32_t            state_pages;
    uint32_t            draft_tokens;
    uint32_t            retained_tokens; /* behind a window */
    bool                promote;       /* windows are cached as if they were the whole context */
    cfi_cache_form      form;
    cfi_config_windows  windows;       /* of the configuration, as far as vLLM follows them */
} vllm_specs;

static bool vllm_latent(const vllm_specs *s)
{
    return s->form != CFI_CACHE_HEADS && cfi_ranks_latent(s->model);
}

/* ---- windows ---- */
enum { FULL = 0, LAYERS, REFUSED };

/* What it does with a model whose configuration names layers with the window and layers without. */
static uint8_t vllm_mixed_windows(const char *arch)
{
    static const struct {
        char    arch[16];
        uint8_t mixed;
    } rows[] = {
#define CFI_VLLM_WINDOWS(arch, mixed, source) {arch, mixed},
#include "vllm_windows.def"
#undef CFI_VLLM_WINDOWS
    };

    for (size_t i = 0; i < CFI_COUNT(rows); i++)
        if (strcmp(arch, rows[i].arch) == 0)
            return rows[i].mixed;
    return FULL;
}

/* engine/arg_utils.py, create_engine_config(): one window for all layers (CacheConfig.sliding_window), else the model's own. */
static ctxfit_status vllm_windows(vllm_specs *s, ctxfit_error *error)
{
    const uint32_t      layers = s->model->info.layers;
    cfi_config_windows *w = &s->windows;

    *w = cfi_engine_config_windows(s->model);
    if (w->tokens == 0 || !w->listed)
        return CTXFIT_OK;
    if (w->layers == layers || (w->layers == 0 && !cfi_vllm_changed(s->run->release, CFI_VLLM_WINDOW_IF_ALL))) {
        w->listed = false;
        return CTXFIT_OK;
    }
    switch (w->layers != 0 ? vllm_mixed_windows(s->model->arch_name) : FULL) {
    case LAYERS: break;
    case REFUSED:
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "vllm: Sliding window for some but all layers is not supported (%lu of %lu layers of this model have one)",
                        (unsigned long)w->layers, (unsigned long)layers);
    default: w->tokens = 0; break;
    }
    return CTXFIT_OK;
}

/* The window of a layer's cache; 0: it holds the whole context. */
static uint32_t vllm_window(const vllm_specs *s, uint32_t index)
{
    const ctxfit_layer_info *layer = &s->model->layer[index];

    if (cfi_engine_layer_windowed(layer))
        return cfi_engine_stated_window(s->model, layer);
    return cfi_engine_config_windowed(s->model, &s->windows, index) ? s->windows.tokens : 0;
}

static uint64_t vllm_token_bytes(const vllm_specs *s, const ctxfit_layer_info *layer)
{
    return cfi_vllm_token_bytes(layer, &s->cache, s->form, s->run->paged.tensor_ranks);
}

static uint64_t vllm_state_page(const vllm_specs *s, const ctxfit_layer_info *layer)
{
    const uint32_t ranks = s->run->paged.tensor_ranks;
    uint64_t       steps = layer->conv_kernel > 1 ? layer->conv_kernel - 1 + (uint64_t)s->draft_tokens : 0;

    return steps * cfi_ranks_conv_width(layer, ranks) * 2 +
           layer->recurrent_elems / ranks * (uint64_t)vllm_state_bytes(s->model, s->run->release);
}

static bool vllm_attends(const ctxfit_layer_info *layer)
{
    return layer->attention != CTXFIT_ATTENTION_NONE && (layer->flags & CTXFIT_LAYER_F_CACHE) != 0;
}

/* In a hybrid model the block of an attention layer is as large as the state of a recurrent one: platforms/interface.py,
 * update_block_size_for_backend(); before it models/config.py, HybridAttentionMambaModelConfig. */
/* False where that is more than 32 bits hold. */
static bool vllm_hybrid_block(vllm_specs *s, uint64_t *padded_state)
{
    uint64_t state = 0, token = 0, tokens;

    for (uint32_t i = 0; i < s->model->info.layers; i += s->model->layer_run[i]) {
        const ctxfit_layer_info *layer = &s->model->layer[i];

        if (vllm_attends(layer) && token == 0)
            token = vllm_token_bytes(s, layer);
        if (layer->state != CTXFIT_STATE_NONE)
            state = cfi_max_u64(state, vllm_state_page(s, layer));
    }
    *padded_state = state;
    if (state == 0 || token == 0)
        return true;
    tokens = (state + s->state_tokens * token - 1) / (s->state_tokens * token) * s->state_tokens;
    if (tokens > UINT32_MAX)
        return false;
    s->block_tokens = (uint32_t)cfi_max_u64(s->block_tokens, tokens);
    *padded_state = s->block_tokens * token;
    return true;
}

static bool vllm_add_spec(const vllm_specs *s, uint32_t stage, const cfi_page_spec *spec)
{
    uint32_t place = spec->page_bytes > 0 ? cfi_pages_add(&s->run->paged.pages, spec) : 0;

    if (spec->page_bytes == 0) /* nothing to keep */
        return true;
    if (place == UINT32_MAX)
        return false;
    s->run->paged.stage_layers[stage][place]++;
    return true;
}

static bool vllm_add_layer(const vllm_specs *s, uint32_t index, uint32_t stage, uint64_t padded_state)
{
    const ctxfit_layer_info *layer = &s->model->layer[index];
    const uint32_t           window = s->promote ? 0 : vllm_window(s, index);
    const bool               latent = layer->attention == CTXFIT_ATTENTION_LATENT && vllm_latent(s);
    cfi_page_spec            spec = {CFI_PAGE_FULL, 1, 0, s->block_tokens, 0, 0, latent, 0};

    if (layer->state != CTXFIT_STATE_NONE) {
        cfi_page_spec state = {CFI_PAGE_STATE, 1, 0, s->block_tokens, 0, s->state_pages, false, padded_state};

        if (!vllm_add_spec(s, stage, &state))
            return false;
    }
    if (!vllm_attends(layer))
        return true;
    if (window != 0)
        spec.kind = layer->attention == CTXFIT_ATTENTION_CHUNKED ? CFI_PAGE_CHUNKED : CFI_PAGE_SLIDING;
    spec.window = window + (spec.kind == CFI_PAGE_SLIDING ? s->retained_tokens : 0);
    spec.page_bytes = s->block_tokens * vllm_token_bytes(s, layer);
    if (!vllm_add_spec(s, stage, &spec))
        return false;
    if (layer->indexer_size == 0)
        return true;
    spec.page_bytes = (layer->indexer_size + (uint64_t)(layer->indexer_size + VLLM_INDEX_GROUP - 1) / VLLM_INDEX_GROUP * 4) *
                      s->block_tokens;
    return vllm_add_spec(s, stage, &spec);
}

/* A draft's layers are on the last stage, with the type and the blocks of the model's, and all in one group of caches:
 * v1/worker/gpu_model_runner.py, load_model(); v1/spec_decode/llm_base_proposer.py:1689. */
static ctxfit_status vllm_add_draft(const vllm_specs *s, const ctxfit_model *draft, ctxfit_error *error)
{
    vllm_specs    drafting = *s;
    ctxfit_status status;

    drafting.model = draft;
    drafting.form = cfi_engine_cache_form(draft, s->run->id, s->run->release);
    status = vllm_windows(&drafting, error);
    for (uint32_t i = 0; i < draft->info.layers && status == CTXFIT_OK; i++) {
        if (!s->promote && vllm_window(&drafting, i) != vllm_window(&drafting, 0))
            return cfi_fail(error, CTXFIT_E_REFUSED, "draft: All drafting layers should belong to the same kv cache group");
        if (!vllm_add_layer(&drafting, i, s->run->paged.stages - 1, 0))
            status = cfi_fail(error, CTXFIT_E_LIMIT, "vLLM: more than %u kinds of caches in one model", CFI_MAX_PAGE_SPECS);
    }
    return status;
}

/* A model that drafts from tokens has those of the other; one that drafts from hidden states shares embeddings that it lacks, which a
 * second stage does not have: v1/spec_decode/llm_base_proposer.py:1418, config/speculative.py. */
static ctxfit_status vllm_meet_draft(const ctxfit_model *model, const cfi_engine_speculation *speculation, cfi_run *run,
                                     ctxfit_error *error)
{
    const ctxfit_model *draft = speculation->draft;

    if (!speculation->rolls_back && !cfi_vllm_changed(run->release, CFI_VLLM_DRAFT_MODELS))
        return cfi_fail(error, CTXFIT_E_REFUSED, "Speculative decoding with draft model is not supported yet. Please consider using other "
                                                 "speculative decoding methods such as ngram, medusa, eagle, or mtp.");
    if (!speculation->rolls_back && draft->info.vocabulary != model->info.vocabulary)
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "Target and draft model should have the same vocabulary size. Target model vocab_size=%llu. Draft model "
                        "vocab_size=%llu.",
                        (unsigned long long)model->info.vocabulary, (unsigned long long)draft->info.vocabulary);
    run->paged.vocabulary_copies = draft->token_embd == NULL && run->paged.stages > 1;
    return cfi_ranks_check_draft(draft, run, error);
}

/* Of MiMo-V2's blocks only the first: model_executor/models/mimo_v2_mtp.py. */
static uint32_t vllm_most_blocks(const ctxfit_model *model)
{
    return strcmp(model->arch_name, "mimo2") == 0 ? 1 : 0;
}

/* Several blocks take turns, and each reads a token further than the one before: config/speculative.py, use_multi_module_mtp();
 * config/vllm.py, num_prefill_lookahead_tokens. */
static ctxfit_status vllm_own_blocks(const ctxfit_model *model, const cfi_run *run, vllm_specs *s, ctxfit_error *error)
{
    uint32_t blocks = model->info.nextn_layers + cfi_engine_dropped_nextn(model);

    if (run->paged.most_blocks != 0 && blocks > run->paged.most_blocks)
        blocks = run->paged.most_blocks;
    if (!run->paged.drafts || blocks == 0)
        return CTXFIT_OK;
    if (s->draft_tokens > blocks && s->draft_tokens % blocks != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "vllm: num_speculative_tokens:%lu must be divisible by n_predict=%lu",
                        (unsigned long)s->draft_tokens, (unsigned long)blocks);
    if (blocks > 1 && s->draft_tokens > 1 && cfi_vllm_changed(run->release, CFI_VLLM_WINDOWS_RETAIN))
        s->retained_tokens = s->draft_tokens - 1;
    return CTXFIT_OK;
}

/* Blocks that predict further tokens come after the trunk, on the last stage, and only where they draft. */
static ctxfit_status vllm_add_layers(vllm_specs *s, ctxfit_error *error)
{
    const ctxfit_model *model = s->model;
    const uint32_t      most = s->run->paged.most_blocks != 0 ? s->run->paged.most_blocks : UINT32_MAX;
    const uint32_t      own = most < model->info.nextn_layers ? most : model->info.nextn_layers;
    const uint32_t      end = model->info.layers + (s->run->paged.drafts ? own : 0);
    const uint32_t      dropped = s->run->paged.drafts ? cfi_engine_dropped_nextn(model) : 0;
    uint64_t            padded;
    uint32_t            stage = 0;

    if (!vllm_hybrid_block(s, &padded))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "vllm: blocks as large as the recurrent state are more than 32 bits of tokens");
    for (uint32_t i = 0; i < end; i++) {
        while (stage + 1 < s->run->paged.stages && i >= s->run->paged.stage_first[stage + 1])
            stage++;
        if (model->layer[i].compress_ratio != 0)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "vLLM: the compressed caches of '%s' are not modelled", model->arch_name);
        if (!vllm_add_layer(s, i, stage, padded))
            return cfi_fail(error, CTXFIT_E_LIMIT, "vLLM: more than %u kinds of caches in one model", CFI_MAX_PAGE_SPECS);
    }
    for (uint32_t i = 0; i < dropped; i++)
        if (!vllm_add_layer(s, model->info.layers - 1, s->run->paged.stages - 1, padded))
            return cfi_fail(error, CTXFIT_E_LIMIT, "vLLM: more than %u kinds of caches in one model", CFI_MAX_PAGE_SPECS);
    return CTXFIT_OK;
}

/* kv_cache_planning.py, _promote_local_kv_cache_specs(): only beside layers that see everything. */
static bool vllm_has_full_layers(const vllm_specs *s)
{
    for (uint32_t i = 0; i < s->model->info.layers; i++)
        if (vllm_attends(&s->model->layer[i]) && vllm_window(s, i) == 0)
            return true;
    return false;
}

static uint32_t vllm_state_kind(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (model->layer[i].state != CTXFIT_STATE_NONE)
            return model->layer[i].state;
    }
    return CTXFIT_STATE_NONE;
}

static bool vllm_is_hybrid(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (vllm_attends(&model->layer[i]))
            return vllm_state_kind(model) != CTXFIT_STATE_NONE;
    }
    return false;
}

/* Compute capability 9, 10 or 12. */
static bool vllm_hopper_or_blackwell(uint32_t capability)
{
    return capability / 10 == 9 || capability / 10 == 10 || capability / 10 == 12;
}

/* Prefill writes a state more than it goes on with, for the cache of prefixes: get_kv_cache_spec() of the mixers. */
static bool vllm_checkpoints(uint32_t kind, const cfi_engine_machine *machine, uint32_t release)
{
    if (kind == CTXFIT_STATE_MAMBA2)
        return cfi_vllm_changed(release, CFI_VLLM_CHECKPOINT_MAMBA2);
    return kind == CTXFIT_STATE_DELTA_NET && cfi_vllm_changed(release, CFI_VLLM_CHECKPOINT_DELTA) &&
           (machine->memory == NULL || vllm_hopper_or_blackwell(machine->memory[0].capability));
}

/* Blocks of states where prefixes are cached (mamba_cache_mode), and of which size: models/config.py, MambaModelConfig. */
static ctxfit_status vllm_state_blocks(const ctxfit_plan_options *options, const cfi_engine_machine *machine, vllm_specs *s,
                                       ctxfit_error *error)
{
    const uint32_t release = s->run->release, kind = vllm_state_kind(s->model);
    const bool     mamba = kind == CTXFIT_STATE_MAMBA || kind == CTXFIT_STATE_MAMBA2;
    const bool     by_default = cfi_vllm_changed(release, CFI_VLLM_STATE_PREFIXES) && vllm_is_hybrid(s->model);

    s->state_pages = 1 + options->draft_tokens;
    s->state_tokens = cfi_vllm_state_tokens(s->model, machine, vllm_latent(s), s->block_tokens, release);
    if (kind == CTXFIT_STATE_NONE || (options->flags & CTXFIT_PLAN_F_NO_PREFIX_CACHE) != 0 ||
        (!by_default && (options->flags & CTXFIT_PLAN_F_PREFIX_CACHE) == 0))
        return CTXFIT_OK;
    if (mamba && !cfi_vllm_changed(release, CFI_VLLM_STATE_ALL_GONE))
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED,
                        "vLLM before 0.28 caches the state of Mamba models at every block where it caches prefixes: not modelled; "
                        "--no-enable-prefix-caching plans without");
    if (!cfi_vllm_changed(release, CFI_VLLM_STATE_ALIGNED)) /* turned off */
        return CTXFIT_OK;
    s->state_pages++;
    if (!vllm_checkpoints(kind, machine, release))
        return CTXFIT_OK;
    s->state_pages++;
    while (kind == CTXFIT_STATE_DELTA_NET && s->state_tokens % VLLM_DELTA_ALIGNMENT != 0) /* least common multiple */
        s->state_tokens += s->block_tokens;
    return CTXFIT_OK;
}

/* Kernels take blocks of 16 tokens and their multiples (get_supported_kernel_block_sizes(), v1/attention/backends); what 16 does not divide
 * leaves no backend. Before 0.18 --block-size is one of a list (BlockSize, config/cache.py), whose 1 and 8 no kernel takes. */
static ctxfit_status vllm_check_block(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_run *run,
                                      ctxfit_error *error)
{
    const uint32_t block = options->block_tokens;
    bool           attends = false;

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        attends = attends || vllm_attends(&model->layer[i]);
    if (block == 0 || !attends)
        return CTXFIT_OK;
    if (!cfi_vllm_changed(run->release, CFI_VLLM_BLOCK_NUMBER) && (block < 16 || block > 256 || (block & (block - 1)) != 0))
        return cfi_fail(error, CTXFIT_E_REFUSED, "vllm before 0.18: block_tokens %lu: expected 16, 32, 64, 128 or 256",
                        (unsigned long)block);
    if (block % VLLM_BLOCK_STEP != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "vllm: block_tokens %lu: no attention backend takes it, expected a multiple of %u",
                        (unsigned long)block, VLLM_BLOCK_STEP);
    return CTXFIT_OK;
}

ctxfit_status cfi_engine_resolve_vllm(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                      cfi_run *run, ctxfit_error *error)
{
    vllm_specs    specs = {model, run, {0}, 0, 0, 1, options->draft_tokens, 0, false,
                            cfi_engine_cache_form(model, run->id, run->release), {0, false, 0}};
    const ctxfit_model *draft = cfi_ranks_draft(machine);
    ctxfit_status status = cfi_ranks_parallel(model, options, machine, run, error);

    if (status == CTXFIT_OK)
        status = cfi_ranks_context(model, options, run, error);
    if (status == CTXFIT_OK)
        status = cfi_vllm_cache_of(model, options, machine, run, &specs.cache, error);
    if (status == CTXFIT_OK)
        status = cfi_ranks_check_checkpoint(model, machine, run, error);
    if (status == CTXFIT_OK)
        status = vllm_check_block(model, options, run, error);
    if (status != CTXFIT_OK)
        return status;
    run->flash = true;
    run->kv_offload = true;
    run->type_k = run->type_v = specs.cache.type;
    run->overrides = options->overrides;
    run->paged.null_blocks = cfi_vllm_changed(run->release, CFI_VLLM_NULL_BLOCK) ? 1 : 0;
    run->paged.tokens_by_groups = !cfi_vllm_changed(run->release, CFI_VLLM_TOKENS_BY_REQUEST);
    run->paged.cache_bytes = options->kv_cache_bytes;
    run->paged.profiled = true;
    run->paged.vocabulary_step = CFI_VLLM_VOCABULARY_STEP;
    run->paged.narrows_stated = true;
    run->paged.text_only = (options->flags & CTXFIT_PLAN_F_TEXT_ONLY) != 0 && cfi_vllm_changed(run->release, CFI_VLLM_TEXT_ONLY);
    run->paged.towers_whole = vllm_towers_whole(model);
    run->paged.context_low = CFI_RANKS_CONTEXT_LOW;
    run->paged.context_high = CFI_RANKS_CONTEXT_HIGH;
    if (cfi_vllm_changed(run->release, CFI_VLLM_RUNNER_2))
        run->paged.context_high += VLLM_RUNNER_2_BYTES;
    run->paged.drafts = options->draft_tokens > 0 && draft == NULL;
    run->paged.most_blocks = vllm_most_blocks(model);
    status = vllm_own_blocks(model, run, &specs, error);
    if (status != CTXFIT_OK)
        return status;
    if (draft != NULL)
        status = vllm_meet_draft(model, machine->speculation, run, error);
    if (status != CTXFIT_OK)
        return status;
    run->paged.logit_copies = cfi_vllm_changed(run->release, CFI_VLLM_SAMPLER_LEAN) ? 1 : 10;
    status = vllm_batches(options, machine, run->n_ctx_seq, run, error);
    if (status != CTXFIT_OK)
        return status;
    run->paged.peak_sequences = run->paged.batch_sequences;
    if ((options->flags & CTXFIT_PLAN_F_EAGER) == 0 && cfi_vllm_changed(run->release, CFI_VLLM_GRAPHS_RESERVED))
        vllm_graphs(machine, 1 + options->draft_tokens, run);
    run->paged.in_flight = run->n_batch;
    if (cfi_vllm_changed(run->release, CFI_VLLM_BATCHES_OVERLAP))
        run->paged.in_flight *= run->paged.stages + 1;
    status = vllm_windows(&specs, error);
    if (status != CTXFIT_OK)
        return status;
    specs.promote = options->swa_full == CTXFIT_CHOICE_ON && vllm_has_full_layers(&specs);
    specs.block_tokens = options->block_tokens;
    if (specs.block_tokens == 0)
        specs.block_tokens = cfi_vllm_block_tokens(model, machine, vllm_latent(&specs), specs.cache.type == CFI_QUANT_FP8_E4M3,
                                                   run->release);
    status = vllm_state_blocks(options, machine, &specs, error);
    if (status == CTXFIT_OK)
        status = vllm_add_layers(&specs, error);
    if (status == CTXFIT_OK && draft != NULL)
        status = vllm_add_draft(&specs, draft, error);
    if (status != CTXFIT_OK)
        return status;
    cfi_ranks_place(model, machine, run);
    run->paged.pages.promotes = cfi_vllm_changed(run->release, CFI_VLLM_WINDOWS_PROMOTED);
    status = cfi_pages_group(&run->paged.pages, cfi_vllm_changed(run->release, CFI_VLLM_PAGES_PADDED), error);
    if (status == CTXFIT_OK && options->swa_full == CTXFIT_CHOICE_ON && run->paged.pages.groups > 1) /* unify_hybrid_kv_cache_specs() */
        return cfi_fail(error, CTXFIT_E_REFUSED, "vllm: Hybrid KV cache manager is disabled but failed to convert the KV cache specs to "
                                                 "one unified type.");
    return status;
}
