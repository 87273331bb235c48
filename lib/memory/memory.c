#include "memory_internal.h"

uint64_t cfi_memory_engine_free(const ctxfit_device *device)
{
    if (device->free_bytes != 0)
        return device->free_bytes;
    return device->kind == CTXFIT_DEVICE_UNIFIED ? device->budget_bytes : device->memory_bytes;
}

uint32_t cfi_memory_engine_devices(const ctxfit_hw *hw, cfi_engine_device devices[CFI_MAX_DEVICES])
{
    uint32_t             total;
    uint32_t             count = 0;
    const ctxfit_device *all = cfi_hw_devices(hw, &total);

    for (uint32_t i = 0; i < total && count < CFI_MAX_DEVICES; i++) {
        if (all[i].kind == CTXFIT_DEVICE_HOST)
            continue;
        devices[count].backend = all[i].backend;
        devices[count].free_bytes = cfi_memory_engine_free(&all[i]);
        count++;
    }
    return count;
}

uint64_t cfi_memory_device_total(const cfi_memory_device *device)
{
    const uint64_t parts[] = {device->weights,  device->kv,      device->kv_swa, device->recurrent,
                              device->kv_other, device->compute, device->output, device->beside};
    uint64_t       total = 0;

    for (size_t i = 0; i < CFI_COUNT(parts); i++) {
        if (!cfi_add_u64(total, parts[i], &total))
            return UINT64_MAX;
    }
    return total;
}

ctxfit_status cfi_memory_measure(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                 ctxfit_error *error)
{
    ctxfit_status status;

    memset(out->device, 0, (run->device_count + 1) * sizeof out->device[0]);
    out->device_count = run->device_count;
    out->compute_exact = false;
    out->cache_limit = 0;
    out->rest_fraction = 0;
    if (run->grown_bits > 0)
        return cfi_memory_measure_grown(model, run, out, error);
    if (run->exllama.k_bits > 0)
        return cfi_memory_measure_exllamav3(model, run, out, error);
    if (run->paged.tensor_ranks > 0)
        return cfi_memory_measure_paged(model, run, out, error);
    status = cfi_memory_add_weights(model, devices, run, out, error);
    if (status == CTXFIT_OK)
        status = cfi_memory_add_caches(model, devices, run, out, error);
    if (status == CTXFIT_OK)
        status = cfi_memory_add_output(model, run, out, error);
    if (status == CTXFIT_OK)
        status = cfi_memory_add_compute(model, devices, run, out, error);
    return status;
}
