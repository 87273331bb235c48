/* Ollama: its defaults and checks, and the llama-server that it starts with them. fb30760 (v0.33.0-rc2); the same rules from v0.30.0 on.
 * What older ones run is in ollama_runner.c. */
#include "engine_internal.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

#define OLLAMA_LEAST_CTX  4u    /* server/sched.go:170 */
#define OLLAMA_GPTOSS_CTX 8192u /* server/routes.go of 0.11.0 */
#define OLLAMA_EMBEDDING_BATCH 2048u /* DefaultEmbeddingNumBatch, llm/llama_server.go:77 */

/* server/routes.go:2043: a little below 48 and 24 GiB, for cards that report less than is on the box */
uint64_t cfi_ollama_default_ctx(uint64_t total_bytes)
{
    if (total_bytes >= 47 * GIB)
        return 262144;
    return total_bytes >= 23 * GIB ? 32768 : 4096;
}

/* The least attention.head_count_kv, 0 counting as 1. Where one number holds for all blocks, those that do not attend have it too: the
 * first block shows it. */
static uint64_t ollama_kv_heads(const ctxfit_model *model, uint32_t blocks)
{
    uint64_t least = model->stated_kv_heads;

    for (uint32_t i = 0; i < blocks; i += model->layer_run[i]) {
        const ctxfit_layer_info *layer = &model->layer[i];

        if (layer->attention != CTXFIT_ATTENTION_NONE && layer->attention != CTXFIT_ATTENTION_LATENT)
            least = cfi_min_u64(least, layer->kv_heads);
    }
    return cfi_max_u64(1, least);
}

/* PredictServerVRAM, llm/llama_server.go:2681. The file counts without its header here. */
uint64_t cfi_ollama_predicted(const ctxfit_model *model, uint64_t ctx_tokens)
{
    uint32_t blocks = model->info.layers + model->info.nextn_layers;
    uint64_t head = model->info.heads > 0 ? model->info.embedding / model->info.heads : 0;
    uint64_t bytes;

    if (!cfi_mul_u64(4 * (uint64_t)blocks, ollama_kv_heads(model, blocks) * head, &bytes) || !cfi_mul_u64(bytes, ctx_tokens, &bytes) ||
        !cfi_add_u64(bytes, model->info.data_bytes, &bytes))
        return UINT64_MAX;
    return bytes;
}

static bool ollama_shared(const cfi_engine_machine *machine, uint32_t device)
{
    return machine->memory != NULL && machine->memory[device].shared;
}

/* availableMemoryForLoad, server/sched.go:928 */
uint64_t cfi_ollama_available(const cfi_engine_machine *machine, uint64_t mask)
{
    uint64_t shared = 0;
    uint64_t own = 0;

    for (uint32_t d = 0; d < machine->count; d++) {
        uint64_t *sum = ollama_shared(machine, d) ? &shared : &own;

        if ((mask >> d & 1) && !cfi_add_u64(*sum, machine->device[d].free_bytes, sum))
            return UINT64_MAX;
    }
    if (machine->host_free > 0 && machine->host_free < shared)
        shared = machine->host_free;
    return cfi_add_u64(own, shared, &own) ? own : UINT64_MAX;
}

/* The percentage is taken of the whole number, as there. */
static uint64_t ollama_percent(uint64_t bytes, uint32_t percent)
{
    return bytes <= UINT64_MAX / 100 ? bytes * percent / 100 : bytes / 100 * percent;
}

/* betterPlacementGPU, betterPlacementGroup: memory of its own before any that is shared, then the larger one; of equals the first. */
static bool ollama_better(bool shared, uint64_t available, bool best_shared, uint64_t best_available)
{
    return shared != best_shared ? !shared : available > best_available;
}

/* bestSingleGPUFit, server/sched.go:1047; 0 when none is large enough */
static uint64_t ollama_single(const cfi_engine_machine *machine, uint64_t predicted)
{
    uint64_t best = 0, best_available = 0;
    bool     best_shared = false;

    for (uint32_t d = 0; d < machine->count; d++) {
        uint64_t mask = UINT64_C(1) << d, available = cfi_ollama_available(machine, mask);
        bool     shared = ollama_shared(machine, d);

        if (predicted > ollama_percent(available, 80))
            continue;
        if (best == 0 || ollama_better(shared, available, best_shared, best_available)) {
            best = mask;
            best_available = available;
            best_shared = shared;
        }
    }
    return best;
}

/* bestGPUGroupByAvailableMemory, server/sched.go:1076: devices of one backend */
static uint64_t ollama_group(const cfi_engine_machine *machine)
{
    uint64_t best = 0, best_available = 0;
    bool     best_shared = false;

    for (uint32_t d = 0; d < machine->count; d++) {
        uint64_t mask = 0, available;
        bool     shared = true;

        for (uint32_t i = 0; i < machine->count; i++) {
            if (machine->device[i].backend == machine->device[d].backend) {
                mask |= UINT64_C(1) << i;
                shared = shared && ollama_shared(machine, i);
            }
        }
        available = cfi_ollama_available(machine, mask);
        if (best == 0 || ollama_better(shared, available, best_shared, best_available)) {
            best = mask;
            best_available = available;
            best_shared = shared;
        }
    }
    return best;
}

/* selectLlamaServerPlacement, server/sched.go:985 */
uint64_t cfi_ollama_participants(const cfi_engine_machine *machine, uint64_t predicted, bool spread)
{
    uint64_t single = 0;

    if (machine->count <= 1)
        return CFI_ALL_DEVICES(machine->count);
    if (!spread && predicted > 0)
        single = ollama_single(machine, predicted);
    return single != 0 ? single : ollama_group(machine);
}

/* generationBatchFits, server/sched.go:867 */
static bool ollama_batch_fits(uint32_t batch, uint64_t predicted, uint64_t available)
{
    uint64_t threshold = ollama_percent(available, 80);

    if (predicted == 0 || available == 0)
        return true;
    if (predicted > threshold || predicted > ollama_percent(available, batch >= 2048 ? 60 : 75))
        return false;
    return (batch >= 2048 ? 2 * GIB : 768 * MIB) <= threshold - predicted;
}

/* What is free of a GPU, or where nobody says, what it has. 0: not known. */
static uint64_t ollama_memory(const cfi_engine_machine *machine, uint32_t device)
{
    const uint64_t free_bytes = machine->device[device].free_bytes;
    const uint64_t total = machine->memory != NULL ? machine->memory[device].total_bytes : 0;

    return free_bytes == 0 || (total > 0 && total < free_bytes) ? total : free_bytes;
}

/* constrainedCUDAWithoutFlashAttention, server/sched.go:835 */
static bool ollama_small_cuda(const cfi_engine_machine *machine, uint64_t mask)
{
    for (uint32_t d = 0; d < machine->count; d++) {
        const uint64_t memory = ollama_memory(machine, d);

        if ((mask >> d & 1) && machine->device[d].backend == CTXFIT_BACKEND_CUDA && memory > 0 && memory <= 8 * GIB)
            return true;
    }
    return false;
}

/* automaticGenerationBatch, server/sched.go:822 */
uint32_t cfi_ollama_batch(uint64_t ctx_tokens, uint64_t predicted, uint64_t available, bool flash, const cfi_engine_machine *machine,
                          uint64_t mask)
{
    uint32_t batch = ctx_tokens > 32768 ? 2048 : ctx_tokens > 4096 ? 1024 : 512;

    for (uint32_t d = 0; d < machine->count && !flash; d++) {
        if ((mask >> d & 1) && machine->device[d].backend == CTXFIT_BACKEND_CUDA)
            return ctx_tokens > 4096 && ollama_small_cuda(machine, mask) ? 256 : 512;
    }
    while (batch > 512 && !ollama_batch_fits(batch, predicted, available))
        batch /= 2;
    return batch;
}

/* ---- a request ---- */
static const struct {
    char     name[16];
    uint32_t release;
} serial_archs[] = {
#define CFI_OLLAMA_SERIAL(name, release) {name, release},
#include "ollama.def"
};

static const uint16_t change_releases[] = {
#define CFI_OLLAMA_CHANGE(name, release, source) release,
#include "ollama.def"
};

bool cfi_ollama_changed(uint32_t release, cfi_ollama_change change) { return release >= change_releases[change]; }

/* cudaFlashAttentionSupported, ml/device.go:586; what is not known of a GPU does not count against it. */
static bool ollama_cuda_flash(uint32_t capability, uint32_t release)
{
    if (capability == 72)
        return !cfi_ollama_changed(release, CFI_OLLAMA_FLASH_NOT_72);
    return capability == 0 || capability >= 60 || !cfi_ollama_changed(release, CFI_OLLAMA_FLASH_FROM_60);
}

/* shouldDisableMMProjOffload, llm/llama_server.go:670. Every GPU of the machine counts here, there those that it chose. */
bool cfi_ollama_projector_on_host(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                  uint32_t release, uint64_t projector_bytes)
{
    const bool     by_size = cfi_ollama_changed(release, CFI_OLLAMA_PROJECTOR_BY_SIZE);
    const uint64_t least = by_size ? projector_bytes + GIB : 10 * GIB + 1;

    if (options->gpu_layers != 0 && (options->gpu_layers == CTXFIT_GPU_LAYERS_NONE ||
                                     options->gpu_layers < (uint64_t)model->info.layers + model->info.nextn_layers + 1))
        return true;
    for (uint32_t d = 0; d < machine->count; d++) {
        const uint64_t memory = ollama_memory(machine, d);

        if ((!by_size && ollama_shared(machine, d)) || (memory > 0 && memory < least))
            return true;
    }
    return false;
}

/* FlashAttentionSupported, ml/device.go:571: every GPU has it; without GPUs since 0.11.8. */
bool cfi_ollama_gpus_flash(const cfi_engine_machine *machine, uint32_t release)
{
    for (uint32_t d = 0; d < machine->count; d++) {
        const uint32_t backend = machine->device[d].backend;
        const bool     cuda = backend == CTXFIT_BACKEND_CUDA &&
                              ollama_cuda_flash(machine->memory != NULL ? machine->memory[d].capability : 0, release);
        const bool     vulkan = backend == CTXFIT_BACKEND_VULKAN && cfi_ollama_changed(release, CFI_OLLAMA_FLASH_VULKAN);

        if (!cuda && !vulkan && backend != CTXFIT_BACKEND_ROCM && backend != CTXFIT_BACKEND_METAL)
            return false;
    }
    return machine->count > 0 || cfi_ollama_changed(release, CFI_OLLAMA_FLASH_CPU);
}

/* server/sched.go:500: models that only embed, and architectures that are not safe */
bool cfi_ollama_serial(const ctxfit_model *model, uint32_t release)
{
    for (size_t i = 0; i < CFI_COUNT(serial_archs); i++) {
        if (strcmp(model->arch_name, serial_archs[i].name) == 0 && release >= serial_archs[i].release)
            return true;
    }
    return (model->info.flags & CTXFIT_MODEL_F_NO_CACHE) != 0;
}

uint32_t cfi_ollama_sequences(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release)
{
    return options->sequences == 0 || cfi_ollama_serial(model, release) ? 1 : options->sequences;
}

static uint64_t ollama_total(const ctxfit_plan_options *options, const cfi_engine_machine *machine)
{
    uint64_t total = 0;

    machine = machine->whole != NULL ? machine->whole : machine;
    for (uint32_t d = 0; d < machine->count; d++) {
        uint64_t bytes = machine->memory != NULL ? machine->memory[d].total_bytes : machine->device[d].free_bytes;

        if (!cfi_add_u64(total, bytes > options->overhead_bytes ? bytes - options->overhead_bytes : 0, &total))
            return UINT64_MAX;
    }
    return total;
}

/* What holds where nothing states a context. */
static uint64_t ollama_usual_ctx(const ctxfit_plan_options *options, const cfi_engine_machine *machine, uint32_t release,
                                 cfi_engine_notes *notes)
{
    if (cfi_ollama_changed(release, CFI_OLLAMA_CTX_BY_VRAM)) {
        notes->ctx_source = CTXFIT_CTX_FROM_MEMORY;
        notes->default_memory = ollama_total(options, machine);
        return cfi_ollama_default_ctx(notes->default_memory);
    }
    notes->ctx_default = true;
    return cfi_ollama_changed(release, CFI_OLLAMA_CTX_4096) ? 4096 : 2048;
}

/* server/routes.go of 0.11.0 and 0.11.4 */
static bool ollama_gptoss_raised(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                 uint32_t release)
{
    if (strcmp(model->arch_name, "gpt-oss") != 0 && strcmp(model->arch_name, "gptoss") != 0)
        return false;
    if (!cfi_ollama_changed(release, CFI_OLLAMA_GPTOSS_8192) || cfi_ollama_changed(release, CFI_OLLAMA_CTX_BY_VRAM))
        return false;
    return !cfi_ollama_changed(release, CFI_OLLAMA_GPTOSS_BY_VRAM) || ollama_total(options, machine) >= 20 * GIB;
}

static uint64_t ollama_least_ctx(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                 uint32_t release)
{
    if (ollama_gptoss_raised(model, options, machine, release))
        return OLLAMA_GPTOSS_CTX;
    if ((options->flags & CTXFIT_PLAN_F_VISION) != 0 && cfi_ollama_changed(release, CFI_OLLAMA_VISION_2048))
        return CFI_OLLAMA_VISION_CTX;
    return OLLAMA_LEAST_CTX;
}

/* Request, Modelfile, server, default (server/routes.go:129-186); then the clamps of server/sched.go:161-177. */
uint64_t cfi_ollama_ctx(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine, uint32_t release,
                        cfi_engine_notes *notes)
{
    uint64_t trained = model->info.trained_tokens;
    uint64_t tokens = options->ctx_tokens;

    notes->ctx_source = CTXFIT_CTX_FROM_REQUEST;
    if (tokens == 0) {
        notes->ctx_source = CTXFIT_CTX_FROM_FILE;
        tokens = options->model_ctx_tokens;
    }
    if (tokens == 0) {
        notes->ctx_source = CTXFIT_CTX_FROM_SERVER;
        tokens = options->default_ctx_tokens;
    }
    if (tokens == 0)
        tokens = ollama_usual_ctx(options, machine, release, notes);
    tokens = cfi_max_u64(tokens, ollama_least_ctx(model, options, machine, release));
    if (trained > 0 && tokens > trained && cfi_ollama_changed(release, CFI_OLLAMA_CUT_TO_TRAINED)) {
        notes->ctx_source = CTXFIT_CTX_FROM_MODEL;
        tokens = trained;
    }
    notes->ctx_tokens = tokens;
    return tokens;
}

uint64_t cfi_engine_ollama_participants(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t release,
                                        const cfi_engine_machine *machine)
{
    cfi_engine_notes notes = {0};
    uint64_t         whole;

    if (options->gpu_layers == CTXFIT_GPU_LAYERS_NONE)
        return CFI_ALL_DEVICES(machine->count);
    if (!cfi_ollama_changed(release, CFI_OLLAMA_LLAMA_SERVER))
        return cfi_ollama_runner_participants(model, options, release, machine);
    if (!cfi_mul_u64(cfi_ollama_ctx(model, options, machine, release, &notes), cfi_ollama_sequences(model, options, release), &whole))
        whole = UINT64_MAX;
    return cfi_ollama_participants(machine, cfi_ollama_predicted(model, whole), (options->flags & CTXFIT_PLAN_F_SPREAD) != 0);
}

static ctxfit_status ollama_check(const ctxfit_plan_options *options, const cfi_run *run, ctxfit_error *error)
{
    if (options->kv_key != options->kv_value)
        return cfi_fail(error, CTXFIT_E_REFUSED, "ollama has one cache type for K and V (OLLAMA_KV_CACHE_TYPE)");
    if (options->model_ctx_tokens > UINT32_MAX || options->default_ctx_tokens > UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "model_ctx_tokens, default_ctx_tokens: at most %lu", (unsigned long)UINT32_MAX);
    if (options->default_ctx_tokens != 0 && !cfi_ollama_changed(run->release, CFI_OLLAMA_LENGTH_SET))
        return cfi_fail(error, CTXFIT_E_REFUSED, "ollama %s has no default context to set (OLLAMA_CONTEXT_LENGTH): 0.5.13 has",
                        run->engine.version);
    return CTXFIT_OK;
}

static ctxfit_status resolve_server(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                    cfi_run *run, ctxfit_error *error)
{
    const uint64_t      all = CFI_ALL_DEVICES(machine->count);
    const bool          embeds = (model->info.flags & CTXFIT_MODEL_F_NO_CACHE) != 0;
    ctxfit_plan_options server = *options;
    cfi_engine_notes    notes = {0};
    ctxfit_status       status;

    server.sequences = cfi_ollama_sequences(model, options, run->release);
    server.outputs_max = 0;
    server.kv_unified = CTXFIT_CHOICE_OFF; /* llama-server shares one cache only where -np is not given */
    notes.serial = options->sequences > server.sequences;
    if (!cfi_mul_u64(cfi_ollama_ctx(model, options, machine, run->release, &notes), server.sequences, &server.ctx_tokens))
        server.ctx_tokens = UINT64_MAX;
    notes.predicted = cfi_ollama_predicted(model, server.ctx_tokens);
    notes.available = cfi_ollama_available(machine, all);
    if (server.flash_attention == CTXFIT_CHOICE_DEFAULT && !cfi_ollama_gpus_flash(machine, run->release))
        server.flash_attention = CTXFIT_CHOICE_OFF;
    if (server.batch_tokens == 0 && embeds)
        server.batch_tokens = (uint32_t)cfi_min_u64(OLLAMA_EMBEDDING_BATCH, server.ctx_tokens);
    else if (server.batch_tokens == 0)
        server.batch_tokens = cfi_ollama_batch(server.ctx_tokens, notes.predicted, notes.available,
                                               server.flash_attention != CTXFIT_CHOICE_OFF, machine, all);
    server.ubatch_tokens = server.batch_tokens;
    if (machine->fit_gpu_layers != 0)
        server.gpu_layers = machine->fit_gpu_layers;
    server.cpu_expert_layers = machine->fit_cpu_expert_layers;
    status = cfi_engine_resolve_llamacpp(model, &server, machine, run, error);
    run->notes = notes;
    run->overrides = options->overrides;
    return status;
}

ctxfit_status cfi_engine_resolve_ollama(const ctxfit_model *model, const ctxfit_plan_options *options,
                                        const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error)
{
    ctxfit_status status = ollama_check(options, run, error);

    if (status != CTXFIT_OK)
        return status;
    return cfi_ollama_changed(run->release, CFI_OLLAMA_LLAMA_SERVER) ? resolve_server(model, options, machine, run, error)
                                                                     : cfi_ollama_resolve_runner(model, options, machine, run, error);
}
