/* Overrides of where tensors go: -ot, --n-cpu-moe, --cpu-moe (llama.cpp b10472 common/arg.cpp:252, common/common.h:1091,
 * src/llama-model-loader.cpp:1170). The first that matches wins; those given as text come first. */
#include "memory_internal.h"

typedef struct backend_name {
    uint32_t    backend;
    const char *name;
} backend_name;

static const backend_name backend_names[] = {
    {CTXFIT_BACKEND_CUDA, "CUDA"},     {CTXFIT_BACKEND_METAL, "MTL"}, {CTXFIT_BACKEND_ROCM, "ROCm"},
    {CTXFIT_BACKEND_VULKAN, "Vulkan"}, {CTXFIT_BACKEND_SYCL, "SYCL"}, {CTXFIT_BACKEND_RPC, "RPC"},
};

void cfi_memory_device_name(const cfi_engine_device *devices, uint32_t index, char *out, size_t cap)
{
    const char *name = "GPU";
    uint32_t    place = 0;
    cfi_writer  w;
    size_t      len;

    for (size_t i = 0; i < CFI_COUNT(backend_names); i++) {
        if (backend_names[i].backend == devices[index].backend)
            name = backend_names[i].name;
    }
    for (uint32_t d = 0; d < index; d++)
        place += devices[d].backend == devices[index].backend ? 1 : 0;
    cfi_writer_init(&w, out, cap);
    cfi_write(&w, "%s%lu", name, (unsigned long)place);
    (void)cfi_writer_finish(&w, &len);
}

static bool overrides_find_buffer(const cfi_engine_device *devices, const cfi_run *run, const char *name, size_t len, uint8_t *out)
{
    char known[24];

    if (len == 3 && memcmp(name, "CPU", 3) == 0) {
        *out = (uint8_t)run->device_count;
        return true;
    }
    for (uint32_t d = 0; d < run->device_count; d++) {
        cfi_memory_device_name(devices, d, known, sizeof known);
        if (strlen(known) == len && memcmp(known, name, len) == 0) {
            *out = (uint8_t)d;
            return true;
        }
    }
    return false;
}

ctxfit_status cfi_overrides_read(const cfi_engine_device *devices, const cfi_run *run, cfi_overrides *out, ctxfit_error *error)
{
    const char *text = run->overrides != NULL ? run->overrides : "";
    const char *at = text;

    cfi_pattern_set_init(&out->patterns, text);
    while (*at != '\0') {
        size_t        len = strcspn(at, ",;");
        const char   *equals = memchr(at, '=', len);
        size_t        pattern_len;
        ctxfit_status status;

        if (equals == NULL)
            return cfi_fail_at(error, CTXFIT_E_INVALID_ARG, (uint64_t)(at - text), 0, "overrides: expected pattern=buffer at %lu",
                               (unsigned long)(at - text));
        if (out->patterns.patterns == CFI_MAX_OVERRIDES)
            return cfi_fail_at(error, CTXFIT_E_LIMIT, (uint64_t)(at - text), CFI_MAX_OVERRIDES, "overrides: more than %u",
                               CFI_MAX_OVERRIDES);
        pattern_len = (size_t)(equals - at);
        if (!overrides_find_buffer(devices, run, equals + 1, len - pattern_len - 1, &out->device[out->patterns.patterns]))
            return cfi_fail_at(error, CTXFIT_E_INVALID_ARG, (uint64_t)(equals + 1 - text), 0, "overrides: unknown buffer type '%.*s'",
                               (int)cfi_min_u64(len - pattern_len - 1, 40), equals + 1);
        status = cfi_pattern_set_add(&out->patterns, at, pattern_len, error);
        if (status != CTXFIT_OK)
            return status;
        at += len;
        if (*at != '\0')
            at++;
    }
    return CTXFIT_OK;
}

uint32_t cfi_overrides_device(const cfi_overrides *overrides, const cfi_run *run, const cfi_tensor *tensor, uint32_t device)
{
    uint32_t found = cfi_pattern_set_search(&overrides->patterns, tensor->name);

    if (found != CFI_PATTERN_NONE)
        return overrides->device[found];
    if ((tensor->flags & CFI_TENSOR_F_EXPERT) && tensor->layer >= 0 && (uint32_t)tensor->layer < run->cpu_expert_layers)
        return run->device_count;
    return device;
}
