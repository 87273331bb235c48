/* One device: what its id implies, what the catalog and the rules fill in, and what contradicts itself. */
#include <stdio.h>

#include "hw_internal.h"

#define HIGHEST_RATE 1e18 /* FLOP/s; whole numbers to here pass through 64 bits unharmed */

static ctxfit_status refuse_device(char reason[CFI_HW_REASON], const char *why)
{
    (void)snprintf(reason, CFI_HW_REASON, "%s", why);
    return CTXFIT_E_INVALID_ARG;
}

/* Resolves `id`, settles `kind`, and gives what the catalog knows. */
static ctxfit_status identify(ctxfit_device *device, ctxfit_device *base, cfi_hw_rule *rule, char reason[CFI_HW_REASON])
{
    static const char plain[4][8] = {"", "host", "gpu", "unified"};
    static const char names[4][16] = {"", "Host", "GPU", "Unified memory"};
    uint32_t          index;

    memset(base, 0, sizeof *base);
    if (device->kind > CTXFIT_DEVICE_UNIFIED)
        return refuse_device(reason, "kind is none of host, gpu, unified");
    for (uint32_t kind = CTXFIT_DEVICE_HOST; kind <= CTXFIT_DEVICE_UNIFIED; kind++) {
        if (device->id[0] == '\0' ? device->kind != kind : strcmp(device->id, plain[kind]) != 0)
            continue;
        if (device->kind != 0 && device->kind != kind)
            return refuse_device(reason, "id and kind contradict each other");
        device->kind = kind;
        memcpy(device->id, plain[kind], sizeof plain[kind]);
        memcpy(base->name, names[kind], sizeof names[kind]);
        *rule = cfi_hw_default_rule(kind, device->backend);
        return CTXFIT_OK;
    }
    index = device->id[0] == '\0' ? CFI_HW_NONE : cfi_hw_find(device->id);
    if (index == CFI_HW_NONE || cfi_hw_rig_spec(index) != NULL) {
        if (device->id[0] == '\0')
            return refuse_device(reason, "neither kind nor id is set");
        (void)snprintf(reason, CFI_HW_REASON, "id '%s' is neither a device of the catalog nor gpu, unified or host", device->id);
        return CTXFIT_E_NOT_FOUND;
    }
    cfi_hw_catalog_device(index, base);
    *rule = cfi_hw_rule_of(index);
    if (device->kind != 0 && device->kind != base->kind)
        return refuse_device(reason, "id and kind contradict each other");
    device->kind = base->kind;
    return CTXFIT_OK;
}

static bool settle_rate(double *rate, double base)
{
    if (!(*rate >= 0 && *rate <= HIGHEST_RATE)) /* also false for NaN */
        return false;
    *rate = *rate > 0 ? (double)(uint64_t)(*rate + 0.5) : base;
    return true;
}

/* Nothing but zeros after the NUL, so that equal devices are equal bytes. */
static void clean_text(char *text, size_t cap)
{
    size_t n = strlen(text);

    memset(text + n, 0, cap - n);
}

static void inherit(uint64_t *value, uint64_t base)
{
    if (*value == 0)
        *value = base;
}

static ctxfit_status check_backend(ctxfit_device *device, uint32_t base, char reason[CFI_HW_REASON])
{
    bool host = device->kind == CTXFIT_DEVICE_HOST;

    if (device->backend == CTXFIT_BACKEND_DEFAULT)
        device->backend = host ? CTXFIT_BACKEND_CPU : base;
    if (device->backend > CTXFIT_BACKEND_RPC)
        return refuse_device(reason, "backend is none of CTXFIT_BACKEND_*");
    if (host != (device->backend == CTXFIT_BACKEND_CPU))
        return refuse_device(reason, "backend cpu is for the host, and the host's only one");
    return CTXFIT_OK;
}

/* Budget and reserve by kind; memory is settled. */
static ctxfit_status settle_memory(ctxfit_device *device, cfi_hw_rule rule, char reason[CFI_HW_REASON])
{
    uint64_t memory = device->memory_bytes;

    if (memory == 0 && device->kind != CTXFIT_DEVICE_HOST)
        return refuse_device(reason, "memory is missing: expected mem above 0");
    if (device->free_bytes > memory)
        return refuse_device(reason, "free is above the memory");
    if (device->kind == CTXFIT_DEVICE_UNIFIED) {
        inherit(&device->budget_bytes, cfi_hw_budget(rule, memory));
        if (device->budget_bytes > memory)
            return refuse_device(reason, "budget is above the memory");
        device->budget_recent_bytes = cfi_hw_budget_recent(rule, memory, device->budget_bytes);
    } else {
        if (device->budget_bytes != 0 && device->budget_bytes != memory)
            return refuse_device(reason, "budget is for unified memory only");
        device->budget_bytes = memory;
        device->budget_recent_bytes = memory;
    }
    if (device->kind == CTXFIT_DEVICE_GPU) {
        if (device->reserve_bytes != 0)
            return refuse_device(reason, "reserve is for the host and for unified memory only");
        return CTXFIT_OK;
    }
    if (device->reserve_bytes == CTXFIT_HW_RESERVE_NONE)
        device->reserve_bytes = 0;
    else
        inherit(&device->reserve_bytes, cfi_hw_reserve(memory));
    if (device->reserve_bytes > memory)
        return refuse_device(reason, "reserve is above the memory");
    return CTXFIT_OK;
}

ctxfit_status cfi_hw_device_complete(ctxfit_device *device, char reason[CFI_HW_REASON])
{
    ctxfit_device base;
    cfi_hw_rule   rule = CFI_HW_RULE_ALL;
    ctxfit_status status = identify(device, &base, &rule, reason);

    if (status == CTXFIT_OK)
        status = check_backend(device, base.backend, reason);
    if (status != CTXFIT_OK)
        return status;
    device->struct_size = (uint32_t)sizeof *device;
    clean_text(device->id, sizeof device->id);
    clean_text(device->name, sizeof device->name);
    if (device->name[0] == '\0')
        memcpy(device->name, base.name, sizeof device->name);
    inherit(&device->memory_bytes, base.memory_bytes);
    inherit(&device->bandwidth_bytes_per_s, base.bandwidth_bytes_per_s);
    inherit(&device->link_bytes_per_s, base.link_bytes_per_s);
    if (!settle_rate(&device->fp16_flops_per_s, base.fp16_flops_per_s) || !settle_rate(&device->int8_ops_per_s, base.int8_ops_per_s))
        return refuse_device(reason, "rate is negative, above 1e18 or not a number");
    if (device->node >= CTXFIT_HW_MAX_DEVICES)
        return refuse_device(reason, "node is 64 or above");
    if (device->kind == CTXFIT_DEVICE_HOST && device->node != 0)
        return refuse_device(reason, "the host is that of node 0");
    if (device->kind == CTXFIT_DEVICE_HOST && device->link_bytes_per_s != 0)
        return refuse_device(reason, "link is for devices, not for the host");
    return settle_memory(device, rule, reason);
}

