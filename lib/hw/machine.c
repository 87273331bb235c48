/* The handle, and how a list of devices becomes a machine. */
#include <stdio.h>

#include "hw_internal.h"

static ctxfit_status refuse_machine(char reason[CFI_HW_REASON], const char *why)
{
    (void)snprintf(reason, CFI_HW_REASON, "%s", why);
    return CTXFIT_E_INVALID_ARG;
}

ctxfit_status cfi_hw_draft_begin(cfi_hw_draft *draft, const ctxfit_allocator *allocator)
{
    memset(draft, 0, sizeof *draft);
    draft->hw = cfi_handle_new(sizeof *draft->hw, offsetof(ctxfit_hw, arena), allocator);
    if (draft->hw != NULL)
        draft->hw->devices = cfi_arena_array(&draft->hw->arena, CTXFIT_HW_MAX_DEVICES, sizeof *draft->hw->devices);
    if (draft->hw == NULL || draft->hw->devices == NULL) {
        ctxfit_hw_free(draft->hw);
        draft->hw = NULL;
        return CTXFIT_E_NO_MEMORY;
    }
    return CTXFIT_OK;
}

ctxfit_status cfi_hw_draft_add(cfi_hw_draft *draft, const ctxfit_device *device, bool auto_node, char reason[CFI_HW_REASON])
{
    ctxfit_device  added = *device;
    ctxfit_status  status = cfi_hw_device_complete(&added, reason);
    const uint64_t one = 1;

    if (status != CTXFIT_OK)
        return status;
    if (added.kind == CTXFIT_DEVICE_HOST) {
        if (draft->host_stated)
            return refuse_machine(reason, "a machine has one host");
        draft->host = added;
        draft->host_stated = true;
        return CTXFIT_OK;
    }
    if (draft->hw->count + 1 >= CTXFIT_HW_MAX_DEVICES) {
        (void)snprintf(reason, CFI_HW_REASON, "more than %d devices with the host", CTXFIT_HW_MAX_DEVICES);
        return CTXFIT_E_LIMIT;
    }
    if (added.kind == CTXFIT_DEVICE_UNIFIED) {
        if (auto_node)
            added.node = draft->unified;
        if ((draft->nodes_taken & one << added.node) != 0)
            return refuse_machine(reason, "two unified devices in one node");
        draft->nodes_taken |= one << added.node;
        draft->unified++;
    }
    draft->hw->devices[draft->hw->count++] = added;
    return CTXFIT_OK;
}

/* The host device of a machine whose memory is unified. */
static ctxfit_device host_of(const ctxfit_device *unified)
{
    ctxfit_device host = CTXFIT_DEVICE_INIT;

    host.kind = CTXFIT_DEVICE_HOST;
    host.backend = CTXFIT_BACKEND_CPU;
    host.memory_bytes = unified->memory_bytes;
    host.free_bytes = unified->free_bytes;
    host.budget_bytes = unified->memory_bytes;
    host.budget_recent_bytes = unified->memory_bytes;
    host.reserve_bytes = unified->reserve_bytes;
    host.bandwidth_bytes_per_s = unified->bandwidth_bytes_per_s;
    (void)snprintf(host.id, sizeof host.id, "host");
    (void)snprintf(host.name, sizeof host.name, "Host");
    return host;
}

static const ctxfit_device *unified_host(const ctxfit_hw *hw)
{
    for (uint32_t i = 0; i < hw->count; i++)
        if (hw->devices[i].kind == CTXFIT_DEVICE_UNIFIED && hw->devices[i].node == 0)
            return &hw->devices[i];
    return NULL;
}

bool cfi_hw_host_is_unified(const ctxfit_hw *hw)
{
    return unified_host(hw) != NULL;
}

static bool same_host(const ctxfit_device *stated, const ctxfit_device *derived)
{
    return strcmp(stated->id, "host") == 0 && stated->memory_bytes == derived->memory_bytes &&
           (stated->free_bytes == 0 || stated->free_bytes == derived->free_bytes) &&
           (stated->bandwidth_bytes_per_s == 0 || stated->bandwidth_bytes_per_s == derived->bandwidth_bytes_per_s) &&
           (stated->reserve_bytes == cfi_hw_reserve(stated->memory_bytes) || stated->reserve_bytes == derived->reserve_bytes) &&
           !(stated->fp16_flops_per_s > 0) && !(stated->int8_ops_per_s > 0);
}

ctxfit_status cfi_hw_draft_end(cfi_hw_draft *draft, ctxfit_hw **out, char reason[CFI_HW_REASON])
{
    ctxfit_hw           *hw = draft->hw;
    const ctxfit_device *unified = unified_host(hw);
    ctxfit_device        host = draft->host;
    ctxfit_status        status = CTXFIT_OK;

    draft->hw = NULL;
    if (unified != NULL) {
        host = host_of(unified);
        if (draft->host_stated && !same_host(&draft->host, &host))
            status = refuse_machine(reason,
                                    "the unified memory of node 0 is the host's: leave the host out, or give the other machine node=1");
    } else if (!draft->host_stated) {
        host.kind = CTXFIT_DEVICE_HOST;
        status = cfi_hw_device_complete(&host, reason);
    }
    if (status == CTXFIT_OK && hw->count == 0 && host.memory_bytes == 0)
        status = refuse_machine(reason, "a machine needs memory: a device, host:SIZE, or mem= of a CPU");
    if (status != CTXFIT_OK) {
        ctxfit_hw_free(hw);
        return status;
    }
    hw->devices[hw->count++] = host;
    *out = hw;
    return CTXFIT_OK;
}

static ctxfit_status add_from_caller(cfi_hw_draft *draft, const void *device, char reason[CFI_HW_REASON])
{
    ctxfit_device known;
    ctxfit_status status = cfi_copy_in(&known, sizeof known, CFI_V1_DEVICE, device);

    if (status != CTXFIT_OK) {
        (void)snprintf(reason, CFI_HW_REASON, "%s", ctxfit_status_message(status));
        return status;
    }
    if (memchr(known.id, '\0', sizeof known.id) == NULL || memchr(known.name, '\0', sizeof known.name) == NULL)
        return refuse_machine(reason, "id or name has no terminating NUL");
    return cfi_hw_draft_add(draft, &known, false, reason);
}

ctxfit_status ctxfit_hw_from_devices(const ctxfit_device *devices, size_t count, const ctxfit_allocator *allocator, ctxfit_hw **out,
                                     ctxfit_error *error)
{
    char          reason[CFI_HW_REASON] = "";
    cfi_hw_draft  draft;
    uint32_t      stride = 0;
    ctxfit_status status;
    size_t        i;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (devices == NULL || count == 0 || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "devices is NULL or empty, or the allocator lacks a function");
    if (count > CTXFIT_HW_MAX_DEVICES)
        return cfi_fail_at(error, CTXFIT_E_LIMIT, CFI_NO_OFFSET, CTXFIT_HW_MAX_DEVICES, "%zu devices; at most %d", count,
                           CTXFIT_HW_MAX_DEVICES);
    status = cfi_struct_size(devices, CFI_V1_DEVICE, &stride);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "device 0: struct_size is not that of ctxfit_device");
    status = cfi_hw_draft_begin(&draft, allocator);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "out of memory for a machine");
    for (i = 0; i < count && status == CTXFIT_OK; i++)
        status = add_from_caller(&draft, (const char *)devices + i * stride, reason);
    if (status != CTXFIT_OK) {
        ctxfit_hw_free(draft.hw);
        return cfi_fail_at(error, status, CFI_NO_OFFSET, i - 1, "device %zu: %s", i - 1, reason);
    }
    status = cfi_hw_draft_end(&draft, out, reason);
    return status == CTXFIT_OK ? status : cfi_fail(error, status, "%s", reason);
}

void ctxfit_hw_free(ctxfit_hw *hw)
{
    cfi_handle_free(hw, offsetof(ctxfit_hw, arena));
}

uint32_t ctxfit_hw_device_count(const ctxfit_hw *hw)
{
    return hw == NULL ? 0 : hw->count;
}

ctxfit_status ctxfit_hw_get_device(const ctxfit_hw *hw, uint32_t index, ctxfit_device *out)
{
    if (hw == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_DEVICE, CTXFIT_E_INVALID_ARG);
    if (index >= hw->count)
        return cfi_copy_none(out, CFI_V1_DEVICE, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &hw->devices[index], sizeof *out, CFI_V1_DEVICE);
}
