#include <math.h>

#include "plan_internal.h"

/* llama.cpp's own fitter keeps this free on every device (b10472 common/common.h:472, --fit-target). It also covers the driver's
 * context, which no engine counts (200-500 MB on CUDA). */
#define DEFAULT_RESERVE_BYTES (UINT64_C(1) << 30)

static uint64_t minus_or_zero(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t gpu_reserve(const cfi_question *q, uint32_t at, const ctxfit_device *device)
{
    const ctxfit_plan_options *options = &q->options;
    uint64_t stated = at < CTXFIT_MAX_SPLIT && options->device_reserve_bytes[at] != 0 ? options->device_reserve_bytes[at]
                                                                                      : options->reserve_bytes;

    if (stated != 0)
        return stated == CTXFIT_RESERVE_NONE ? 0 : stated;
    if (q->engine.id == CFI_ENGINE_EXLLAMAV3)
        return cfi_exl3_reserve(q->engine.release, at);
    if (q->engine.id == CFI_ENGINE_OLLAMA && !cfi_ollama_changed(q->engine.release, CFI_OLLAMA_LLAMA_SERVER))
        return cfi_ollama_reserve(device->backend, q->options.overhead_bytes);
    /* The budget of unified memory already leaves room for everything else. */
    return device->kind == CTXFIT_DEVICE_UNIFIED ? 0 : DEFAULT_RESERVE_BYTES;
}

/* vLLM takes a fixed part of a GPU's whole memory (request_memory(), v1/worker/utils.py), and refuses to start where less is free. SGLang
 * takes its part of what is free before loading (mem_cache/kv_cache_configurator.py, _profile_available_bytes).
 * TensorRT-LLM takes its part of what is free when all else is there: cfi_plan_pool_bytes(). */
static void gpu_fraction(cfi_question *q, uint32_t at, const ctxfit_device *device)
{
    uint64_t available = device->free_bytes != 0 ? cfi_min_u64(q->capacity[at], device->free_bytes) : q->capacity[at];

    if (q->engine.id == CFI_ENGINE_TRTLLM)
        q->usable[at] = available;
    else if (q->engine.id == CFI_ENGINE_SGLANG)
        q->usable[at] = (uint64_t)((double)available *
                                   cfi_sglang_part(q->model, &q->options, device->backend, q->engine.release, q->capacity[at]));
    else
        q->usable[at] =
            cfi_min_u64((uint64_t)ceil((double)q->capacity[at] * cfi_vllm_fraction(&q->options, q->engine.release)), available);
}

static void gpu_capacity(cfi_question *q, uint32_t at, const ctxfit_device *device)
{
    uint64_t capacity = device->kind == CTXFIT_DEVICE_UNIFIED && device->budget_bytes != 0 ? device->budget_bytes : device->memory_bytes;
    uint64_t available = device->free_bytes != 0 ? cfi_min_u64(capacity, device->free_bytes) : capacity;

    q->capacity[at] = capacity;
    q->usable[at] = minus_or_zero(available, gpu_reserve(q, at, device));
    if (cfi_ranks_engine(q->engine.id))
        gpu_fraction(q, at, device);
}

static void host_capacity(cfi_question *q, uint32_t at, const ctxfit_device *host)
{
    uint64_t stated = q->options.host_reserve_bytes, free_bytes = host->free_bytes;
    uint64_t available = minus_or_zero(host->memory_bytes, host->reserve_bytes);

    /* What is free is free beside what the system holds already: the reserve is not kept of it once more. */
    if (free_bytes != 0)
        available = cfi_min_u64(available, free_bytes);
    if (stated != 0) /* kept free whatever the system does */
        available = minus_or_zero(free_bytes != 0 ? cfi_min_u64(host->memory_bytes, free_bytes) : host->memory_bytes,
                                  stated == CTXFIT_RESERVE_NONE ? 0 : stated);
    q->capacity[at] = host->memory_bytes;
    q->usable[at] = host->memory_bytes == 0 ? CFI_NO_LIMIT : available;
}

/* In another machine than the host, or said to be. */
static bool is_remote(const ctxfit_device *device)
{
    return device->node != 0 || device->backend == CTXFIT_BACKEND_RPC;
}

/* 90 of "sm_90"; 0: the catalog does not know the device. */
static uint32_t cuda_capability(const ctxfit_device *device)
{
    ctxfit_hw_entry entry;
    uint64_t        number;
    const char     *end;
    uint32_t        index;

    if (device->backend != CTXFIT_BACKEND_CUDA || cfi_hw_resolve(device->id, &index) != CFI_HW_MATCH_ONE)
        return 0;
    cfi_hw_catalog_entry(index, &entry);
    if (strncmp(entry.compute_target, "sm_", 3) != 0 || !cfi_parse_u64(entry.compute_target + 3, &end, &number) || number > 999)
        return 0;
    return (uint32_t)number;
}

/* llama.cpp reaches other machines by RPC, whatever computes there. */
static void question_add(cfi_question *q, uint32_t at, uint32_t index, bool remote)
{
    uint32_t             count;
    const ctxfit_device *device = &cfi_hw_devices(q->hw, &count)[index];

    q->hw_device[at] = index;
    gpu_capacity(q, at, device);
    q->engine_device[at].backend = remote ? CTXFIT_BACKEND_RPC : device->backend;
    q->engine_device[at].free_bytes = cfi_memory_engine_free(device);
    q->engine_memory[at].total_bytes = q->capacity[at];
    q->engine_memory[at].shared = device->kind == CTXFIT_DEVICE_UNIFIED;
    q->engine_memory[at].a100 = strncmp(device->id, "a100", 4) == 0;
    if (cfi_ranks_engine(q->engine.id) || q->engine.id == CFI_ENGINE_OLLAMA)
        q->engine_memory[at].capability = cuda_capability(device);
}

/* llama.cpp counts devices of other machines first (b10472 src/llama.cpp:263): they get the first layers. */
ctxfit_status cfi_plan_question(cfi_question *q, const ctxfit_model *model, const ctxfit_hw *hw, ctxfit_error *error)
{
    uint32_t             count;
    const ctxfit_device *devices = cfi_hw_devices(hw, &count);
    uint32_t             at = 0;
    ctxfit_status        status = cfi_engine_choose(q->options.engine, &q->engine, error);
    bool                 linked = q->engine.id == CFI_ENGINE_LLAMACPP;

    if (status != CTXFIT_OK)
        return status;
    q->scratch = NULL;
    q->weighed = NULL;
    q->fit_gpu_layers = 0;
    q->fit_cpu_expert_layers = 0;
    q->only_devices = 0;
    q->beside = NULL;
    q->left_out = NULL;
    q->adapted = NULL;
    q->takes_images = false;
    q->projector_kept = false;
    q->speculation = (cfi_engine_speculation){0, false, NULL};
    if (q->engine.id == CFI_ENGINE_LMSTUDIO)
        cfi_lmstudio_defaults(&q->options);
    if (q->engine.id == CFI_ENGINE_EXLLAMAV3 && q->options.kv_unified == CTXFIT_CHOICE_DEFAULT)
        q->options.kv_unified = CTXFIT_CHOICE_ON; /* cache_size is of all requests */
    q->model = model;
    q->length = cfi_engine_length_of(model, q->engine.id, q->engine.release);
    q->hw = hw;
    q->device_count = cfi_memory_engine_devices(hw, q->engine_device);
    q->hw_device[q->device_count] = count - 1;
    host_capacity(q, q->device_count, &devices[count - 1]);
    for (int remote = linked ? 1 : 0; remote >= 0; remote--) {
        for (uint32_t i = 0; i + 1 < count; i++)
            if (!linked || is_remote(&devices[i]) == (remote == 1))
                question_add(q, at++, i, linked && remote == 1);
    }
    return CTXFIT_OK;
}

uint32_t cfi_plan_device_count(const cfi_question *q)
{
    return q->device_count + 1;
}

const ctxfit_device *cfi_plan_hw_device(const cfi_question *q, uint32_t device)
{
    uint32_t count;

    return &cfi_hw_devices(q->hw, &count)[q->hw_device[device]];
}

static int64_t signed_difference(uint64_t usable, uint64_t total)
{
    uint64_t distance = usable > total ? usable - total : total - usable;
    int64_t  bounded = (int64_t)cfi_min_u64(distance, INT64_MAX);

    return usable >= total ? bounded : -bounded;
}

/* Bytes that a rank's pool has of whole blocks: KvCacheCreator of TensorRT-LLM, _torch/pyexecutor/_util.py, and calculate_max_num_blocks(),
 * resource_manager.py. */
static uint64_t whole_blocks(const cfi_memory *memory, const cfi_memory_device *m, uint64_t bytes)
{
    uint64_t tokens, blocks;

    if (m->block_bytes == 0 || memory->block_tokens == 0)
        return bytes;
    tokens = bytes / (m->block_bytes / memory->block_tokens);
    blocks = tokens / memory->block_tokens + (memory->blocks_up && tokens % memory->block_tokens != 0);
    return blocks * m->block_bytes;
}

uint64_t cfi_plan_pool_bytes(const cfi_question *q, const cfi_memory *memory, uint32_t device, uint64_t compute)
{
    const cfi_memory_device *m = &memory->device[device];
    uint64_t                 rest = minus_or_zero(minus_or_zero(q->usable[device], m->weights), m->beside);

    if (memory->rest_fraction <= 0)
        return memory->cache_limit != 0 ? memory->cache_limit : minus_or_zero(rest, compute);
    rest = (uint64_t)((double)minus_or_zero(minus_or_zero(rest, m->recurrent), compute) * memory->rest_fraction);
    if (memory->cache_limit != 0)
        rest = cfi_min_u64(rest, memory->cache_limit);
    return whole_blocks(memory, m, rest);
}

uint64_t cfi_plan_usable(const cfi_question *q, const cfi_memory *memory, uint32_t device)
{
    const cfi_memory_device *m = &memory->device[device];
    uint64_t                 usable = q->usable[device], with_pool;

    if (usable == CFI_NO_LIMIT || m->kv == 0 || (memory->cache_limit == 0 && memory->rest_fraction <= 0))
        return usable;
    if (!cfi_add_u64(cfi_memory_device_total(m) - m->kv - (memory->states_in_pool ? m->recurrent : 0),
                     cfi_plan_pool_bytes(q, memory, device, m->compute), &with_pool))
        return usable;
    return cfi_min_u64(usable, with_pool);
}

int64_t cfi_plan_slack(const cfi_question *q, const cfi_memory *memory, uint32_t device)
{
    uint64_t total = cfi_memory_device_total(&memory->device[device]);

    if (q->usable[device] == CFI_NO_LIMIT)
        return INT64_MAX;
    if (device == q->device_count) {
        const ctxfit_device *host = cfi_plan_hw_device(q, device);

        for (uint32_t i = 0; i < q->device_count; i++) {
            const ctxfit_device *gpu = cfi_plan_hw_device(q, i);

            if (gpu->kind == CTXFIT_DEVICE_UNIFIED && gpu->node == host->node &&
                !cfi_add_u64(total, cfi_memory_device_total(&memory->device[i]), &total))
                total = UINT64_MAX;
        }
    }
    return signed_difference(cfi_plan_usable(q, memory, device), total);
}

int64_t cfi_plan_margin(const cfi_question *q, const cfi_memory *memory)
{
    int64_t margin = INT64_MAX;

    for (uint32_t i = 0; i < cfi_plan_device_count(q); i++) {
        int64_t slack = cfi_plan_slack(q, memory, i);

        if (slack < margin)
            margin = slack;
    }
    return margin;
}
