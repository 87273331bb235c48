/* Ollama before 0.30: its own runners, one around the llama.cpp that it vendored, one around graphs of its own. Read by tag: llm/server.go,
 * llama/llama.go, runner/llamarunner, runner/ollamarunner, kvcache. */
#include "engine_internal.h"

#define RUNNER_BATCH  512u /* num_batch: api/types.go, DefaultOptions */
#define RUNNER_UBATCH 512u /* of llama.cpp where it is not set: llama_context_default_params */

typedef struct own_arch {
    char     name[16];
    uint16_t from;
    uint16_t until;
    uint16_t kept;
} own_arch;

static const own_arch own_archs[] = {
#define CFI_OLLAMA_OWN(name, release, until, kept) {name, release, until, kept},
#include "ollama.def"
};

static const struct {
    char     name[16];
    uint16_t from;
} flash_archs[] = {
#define CFI_OLLAMA_FLASH(name, release) {name, release},
#include "ollama.def"
};

/* NewLlamaServer: its own engine where the list says so, but not with a projector in a file of its own. NULL: llama.cpp. */
static const own_arch *runner_own(const ctxfit_model *model, const cfi_engine_machine *machine, uint32_t release)
{
    for (size_t i = 0; i < CFI_COUNT(own_archs) && !machine->projector; i++)
        if (strcmp(model->arch_name, own_archs[i].name) == 0 && release >= own_archs[i].from && release < own_archs[i].until)
            return &own_archs[i];
    return NULL;
}

static bool runner_arch_is(const ctxfit_model *model, const char *a, const char *b, const char *c)
{
    return strcmp(model->arch_name, a) == 0 || strcmp(model->arch_name, b) == 0 || strcmp(model->arch_name, c) == 0;
}

/* GGML.SupportsFlashAttention: keys as wide as values, no model that embeds, no Gemma 2. */
static bool runner_can_flash(const ctxfit_model *model)
{
    if (runner_arch_is(model, "qwen35", "qwen35moe", "qwen3next"))
        return true;
    return (model->info.flags & CTXFIT_MODEL_F_NO_CACHE) == 0 && !runner_arch_is(model, "gemma2", "grok", "gemma2") &&
           model->stated_key_size != 0 && model->stated_key_size == model->stated_value_size;
}

/* NewLlamaServer. CTXFIT_CHOICE_DEFAULT: llama.cpp decides. */
static uint32_t runner_flash(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                             uint32_t release, bool own)
{
    bool flash = options->flash_attention == CTXFIT_CHOICE_ON;

    if (options->flash_attention == CTXFIT_CHOICE_DEFAULT && !own && cfi_ollama_changed(release, CFI_OLLAMA_FLASH_AUTO))
        return CTXFIT_CHOICE_DEFAULT;
    for (size_t i = 0; i < CFI_COUNT(flash_archs) && options->flash_attention == CTXFIT_CHOICE_DEFAULT; i++)
        flash = flash || (strcmp(model->arch_name, flash_archs[i].name) == 0 && release >= flash_archs[i].from);
    machine = machine->whole != NULL ? machine->whole : machine; /* whether they take part or not */
    return flash && runner_can_flash(model) && cfi_ollama_gpus_flash(machine, release) ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
}

/* GGML.SupportsKVCacheType; a quantized cache needs flash attention that is known to be on. gpt-oss has none until 0.12.4. */
static ctxfit_quant runner_cache_type(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release, uint32_t flash)
{
    const bool known = options->kv_key == CTXFIT_QUANT_Q8_0 || options->kv_key == CTXFIT_QUANT_Q4_0;
    const bool plain = runner_arch_is(model, "gpt-oss", "gptoss", "gptoss") && !cfi_ollama_changed(release, CFI_OLLAMA_FLASH_BY_ARCH);

    return known && !plain && flash == CTXFIT_CHOICE_ON && cfi_ollama_changed(release, CFI_OLLAMA_CACHE_TYPES) ? options->kv_key
                                                                                                               : CTXFIT_QUANT_F16;
}

/* ---- llama.cpp as it is vendored ---- */
/* llama/llama.go, NewContextParams; what it does not set is as llama_context_default_params has it: windows have the whole length. */
static ctxfit_status resolve_vendored(const ctxfit_model *model, ctxfit_plan_options *server, const cfi_engine_machine *machine,
                                      cfi_run *run, ctxfit_error *error)
{
    const bool    embeds = (model->info.flags & CTXFIT_MODEL_F_NO_CACHE) != 0;
    uint64_t      batch = server->batch_tokens, ctx = server->ctx_tokens / server->sequences;
    ctxfit_status status;

    server->ubatch_tokens = RUNNER_UBATCH;
    if (cfi_ollama_changed(run->release, CFI_OLLAMA_BATCH_IS_UBATCH)) {
        batch = embeds ? cfi_max_u64(batch, ctx) : batch;
        server->ubatch_tokens = (uint32_t)batch;
    }
    server->batch_tokens = (uint32_t)cfi_min_u64(batch * server->sequences, UINT32_MAX);
    server->kv_unified = CTXFIT_CHOICE_OFF;
    server->swa_full = CTXFIT_CHOICE_ON;
    run->outputs_states = true; /* params.embeddings */
    status = cfi_engine_resolve_llamacpp(model, server, machine, run, error);
    if (status == CTXFIT_OK && run->unified) {
        run->n_ctx_seq = run->n_ctx / run->n_seq; /* one cache, of which a slot has its part: runner/llamarunner/cache.go */
        run->unified = false;
    }
    return status;
}

/* ---- its own engine ---- */
static uint64_t own_padded(uint64_t cells, const cfi_run *run)
{
    uint64_t step = run->flash || cfi_ollama_changed(run->release, CFI_OLLAMA_CACHE_OF_256) ? 256 : 32;

    return (cells + step - 1) / step * step; /* of 41 bits at most */
}

/* kvcache/causal.go, Init: one cache for all sequences. Chunks of Llama 4 are masked, and kept whole. */
static uint64_t own_window_cells(const ctxfit_model *model, const own_arch *arch, const cfi_run *run)
{
    const bool more = cfi_ollama_changed(run->release, CFI_OLLAMA_WINDOW_OR_MORE);
    uint64_t   window = 0, kept;

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (model->layer[i].attention == CTXFIT_ATTENTION_SLIDING)
            window = cfi_max_u64(window, model->layer[i].window_tokens);
    kept = cfi_max_u64(window, arch->kept);
    if (more && run->n_seq > 1)
        kept = cfi_max_u64(kept, window + 1);
    if (window == 0 || kept > run->n_ctx_seq || (more && kept == run->n_ctx_seq) || !cfi_ollama_changed(run->release, CFI_OLLAMA_WINDOWED))
        return run->kv_cells;
    return own_padded(kept * run->n_seq + run->n_ubatch, run);
}

static bool own_has_windows(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (cfi_engine_layer_windowed(&model->layer[i]))
            return true;
    return false;
}

/* runner/ollamarunner: NewInputCache, reserveWorstCaseGraph */
static ctxfit_status own_context(const ctxfit_model *model, const ctxfit_plan_options *server, const own_arch *arch, cfi_run *run,
                                 ctxfit_error *error)
{
    run->n_seq = server->sequences;
    run->n_ctx = server->ctx_tokens;
    run->n_ctx_seq = server->ctx_tokens / server->sequences;
    run->n_batch = run->n_ubatch = server->batch_tokens;
    if (run->n_ctx > UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens %llu: at most %lu", (unsigned long long)run->n_ctx,
                        (unsigned long)UINT32_MAX);
    run->unified = false; /* a sequence has its part of the one cache */
    run->streams = 1;
    run->kv_cells = (model->info.flags & CTXFIT_MODEL_F_NO_CACHE) != 0 ? 0 : own_padded(run->n_ctx, run);
    run->swa_cells = own_has_windows(model) ? own_window_cells(model, arch, run) : 0;
    run->graph_tokens = run->n_ubatch;
    run->outputs_graph = run->n_seq;
    run->outputs_buffer = 0;
    return CTXFIT_OK;
}

/* kvcache/recurrent.go, model/models/qwen3next/checkpoints.go of 0.15.5: copies of a request's states, to come back to. */
static uint32_t own_checkpoints(const ctxfit_model *model, uint32_t release)
{
    if (cfi_ollama_changed(release, CFI_OLLAMA_CHECKPOINTS_24))
        return 24;
    return strcmp(model->arch_name, "qwen3next") == 0 ? 32 : 0;
}

static ctxfit_status resolve_own(const ctxfit_model *model, const ctxfit_plan_options *server, const cfi_engine_machine *machine,
                                 const own_arch *arch, cfi_run *run, ctxfit_error *error)
{
    ctxfit_status status;

    run->own_graph = true;
    run->kv_offload = run->mmap = true;
    run->op_offload = cfi_ollama_changed(run->release, CFI_OLLAMA_OP_OFFLOAD);
    run->checkpoints = own_checkpoints(model, run->release);
    status = cfi_engine_resolve_placement(model, server, machine->device, machine->count, run, error);
    if (status == CTXFIT_OK)
        status = cfi_engine_resolve_cache_types(model, server, machine->device, run, error);
    run->pipeline = false; /* ggml_backend_sched_new_ext(..., parallel false) */
    return status == CTXFIT_OK ? own_context(model, server, arch, run, error) : status;
}

/* ---- both ---- */
/* A request as the runners get it. */
typedef struct runner_request {
    const own_arch     *own; /* NULL: llama.cpp */
    ctxfit_plan_options server;
    cfi_engine_notes    notes;
} runner_request;

static void runner_request_of(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                              uint32_t release, runner_request *out)
{
    ctxfit_plan_options *server = &out->server;
    uint64_t             ctx;

    memset(&out->notes, 0, sizeof out->notes);
    ctx = cfi_ollama_ctx(model, options, machine, release, &out->notes);
    out->own = runner_own(model, machine, release);
    *server = *options;
    server->sequences = cfi_ollama_sequences(model, options, release);
    server->outputs_max = 0;
    server->batch_tokens = options->batch_tokens != 0 ? options->batch_tokens : RUNNER_BATCH;
    if (cfi_ollama_changed(release, CFI_OLLAMA_BATCH_IN_CTX))
        server->batch_tokens = (uint32_t)cfi_min_u64(server->batch_tokens, ctx);
    server->flash_attention = runner_flash(model, options, machine, release, out->own != NULL);
    server->kv_key = server->kv_value = runner_cache_type(model, options, release, server->flash_attention);
    out->notes.serial = options->sequences > server->sequences;
    out->notes.no_flash = options->flash_attention == CTXFIT_CHOICE_ON && server->flash_attention != CTXFIT_CHOICE_ON;
    out->notes.cache_plain = options->kv_key != CTXFIT_QUANT_DEFAULT && options->kv_key != server->kv_key;
    if (!cfi_mul_u64(ctx, server->sequences, &server->ctx_tokens))
        server->ctx_tokens = UINT64_MAX;
}

static void runner_place(const ctxfit_model *model, const runner_request *r, const cfi_engine_machine *machine, uint32_t release,
                         cfi_ollama_layout *out)
{
    cfi_ollama_load load = {.model = model, .release = release, .sequences = r->server.sequences, .ctx_tokens = r->server.ctx_tokens};

    if (cfi_ollama_changed(release, CFI_OLLAMA_ESTIMATE_2048) && !cfi_ollama_changed(release, CFI_OLLAMA_FEWEST_GPUS))
        load.ctx_tokens = cfi_max_u64(load.ctx_tokens, 2048);
    load.batch = cfi_min_u64(r->server.batch_tokens, load.ctx_tokens);
    if (r->own != NULL) /* GraphSize knows the windows of these alone */
        load.window_tokens = runner_arch_is(model, "gpt-oss", "gptoss", "gptoss") ? r->own->kept
                             : runner_arch_is(model, "gemma3", "gemma3", "gemma3") ? model->extent.window_tokens
                                                                                     : 0;
    load.overhead = r->server.overhead_bytes;
    load.kv = r->server.kv_key;
    load.requested = r->server.gpu_layers != 0 ? r->server.gpu_layers : UINT32_MAX;
    load.flash = r->server.flash_attention == CTXFIT_CHOICE_ON;
    load.measured = r->own != NULL && cfi_ollama_changed(release, CFI_OLLAMA_MEASURED);
    load.spread = (r->server.flags & CTXFIT_PLAN_F_SPREAD) != 0;
    cfi_ollama_place(&load, machine, out);
}

uint64_t cfi_ollama_runner_participants(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release,
                                        const cfi_engine_machine *machine)
{
    runner_request    r;
    cfi_ollama_layout layout;

    runner_request_of(model, options, machine, release, &r);
    runner_place(model, &r, machine, release, &layout);
    return layout.mask != 0 ? layout.mask : CFI_ALL_DEVICES(machine->count);
}

/* server/sched.go: 4, then 2 where they fit the GPUs whole, and on a host without GPUs; else 1 */
uint32_t cfi_ollama_usual_sequences(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release,
                                    const cfi_engine_machine *machine)
{
    ctxfit_plan_options several = *options;
    runner_request      r;
    cfi_ollama_layout   layout;

    several.sequences = cfi_ollama_changed(release, CFI_OLLAMA_TWO_PARALLEL) ? 2 : 4;
    if (cfi_ollama_changed(release, CFI_OLLAMA_ONE_PARALLEL) || cfi_ollama_serial(model, release) || options->gpu_layers != 0 ||
        options->ctx_tokens == CTXFIT_CTX_LARGEST)
        return 1;
    runner_request_of(model, &several, machine, release, &r);
    runner_place(model, &r, machine, release, &layout);
    return machine->count == 0 || layout.all ? several.sequences : 1;
}

/* How many layers go to GPUs, and which; where the request says how many, or only some of them fit and that is not asked here, by free
 * memory. */
static void runner_set_layers(const ctxfit_model *model, const cfi_engine_machine *machine, uint32_t release, runner_request *r)
{
    const bool        estimated = machine->fit_gpu_layers == CFI_LAYERS_ESTIMATED;
    cfi_ollama_layout layout;

    if (r->server.gpu_layers != 0 || machine->count == 0)
        return;
    if (machine->fit_gpu_layers != 0 && !estimated)
        r->server.gpu_layers = machine->fit_gpu_layers;
    if (r->server.gpu_layers == CTXFIT_GPU_LAYERS_NONE || (r->own != NULL && cfi_ollama_changed(release, CFI_OLLAMA_MEASURED)))
        return;
    runner_place(model, r, machine, release, &layout);
    r->notes.predicted = layout.bytes;
    r->notes.available = cfi_ollama_available(machine, CFI_ALL_DEVICES(machine->count));
    if (!layout.all && !estimated)
        return;
    r->server.gpu_layers = layout.layers > 0 ? layout.layers : CTXFIT_GPU_LAYERS_NONE;
    for (uint32_t d = 0; d < machine->count && machine->count > 1 && machine->count <= CTXFIT_MAX_SPLIT; d++)
        r->server.tensor_split[d] = layout.count[d];
}

ctxfit_status cfi_ollama_resolve_runner(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                        cfi_run *run, ctxfit_error *error)
{
    runner_request r;
    ctxfit_status  status;

    runner_request_of(model, options, machine, run->release, &r);
    runner_set_layers(model, machine, run->release, &r);
    status = r.own != NULL ? resolve_own(model, &r.server, machine, r.own, run, error)
                           : resolve_vendored(model, &r.server, machine, run, error);
    run->notes = r.notes;
    run->overrides = options->overrides;
    return status;
}
