/*
 * How much of a machine's memory is for its work: the GPU's budget of unified memory, and what the operating system keeps.
 */
#include "hw_internal.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* x * percent / 100, rounded down, without overflow */
static uint64_t percent_of(uint64_t x, uint64_t percent)
{
    return x / 100 * percent + x % 100 * percent / 100;
}

/*
 * macOS before about 15: two thirds of the memory up to 32 GiB, three quarters above. Seen as recommendedMaxWorkingSetSize in public
 * llama.cpp logs: 10922.67 of 16384 MiB, 21845.34 of 32768, 49152 of 65536, 73728 of 98304, 147456 of 196608.
 */
static uint64_t apple_legacy(uint64_t memory)
{
    return memory <= 32 * GIB ? memory / 3 * 2 + memory % 3 * 2 / 3 : percent_of(memory, 75);
}

/*
 * Recent macOS, from public logs (2024 to 2026): 74 % at 16, 18 and 24 GiB, 78 % at 32, 36 and 48, 81 % at 64, 84 % at 128. 256 GiB
 * (0.8125) and 512 GiB (0.906) were seen once each with the state of the sysctl unknown, so above 128 GiB the fraction falls back
 * to the lower neighbour of what was seen; other sizes take the fraction of the next smaller one that was seen.
 */
static const struct {
    uint64_t from_bytes;
    uint64_t percent;
} apple_recent_steps[] = {
    {129 * GIB, 81}, {128 * GIB, 84}, {64 * GIB, 81}, {32 * GIB, 78}, {16 * GIB, 74},
};

static uint64_t apple_recent(uint64_t memory)
{
    uint64_t legacy = apple_legacy(memory);

    for (size_t i = 0; i < CFI_COUNT(apple_recent_steps); i++)
        if (memory >= apple_recent_steps[i].from_bytes)
            return cfi_max_u64(legacy, percent_of(memory, apple_recent_steps[i].percent));
    return legacy;
}

uint64_t cfi_hw_budget(cfi_hw_rule rule, uint64_t memory_bytes)
{
    switch (rule) {
    case CFI_HW_RULE_APPLE:
        return apple_legacy(memory_bytes);
    case CFI_HW_RULE_THREE_QUARTERS: /* AMD Strix Halo: Windows variable graphics memory, 96 of 128 GB; Linux with a raised GTT more */
        return percent_of(memory_bytes, 75);
    case CFI_HW_RULE_HALF: /* AMD APUs: the GTT default of recent Linux kernels; also taken where nothing was found */
        return memory_bytes / 2;
    case CFI_HW_RULE_ALL: /* NVIDIA GB10 and Jetson, MI300A: cudaMemGetInfo and hipMemGetInfo count all of it */
        break;
    }
    return memory_bytes;
}

uint64_t cfi_hw_budget_recent(cfi_hw_rule rule, uint64_t memory_bytes, uint64_t budget_bytes)
{
    if (rule == CFI_HW_RULE_APPLE && budget_bytes == apple_legacy(memory_bytes))
        return apple_recent(memory_bytes);
    return budget_bytes; /* stated by the caller, or the same everywhere */
}

cfi_hw_rule cfi_hw_default_rule(uint32_t kind, uint32_t backend)
{
    if (kind != CTXFIT_DEVICE_UNIFIED || backend == CTXFIT_BACKEND_CUDA)
        return CFI_HW_RULE_ALL;
    return backend == CTXFIT_BACKEND_METAL ? CFI_HW_RULE_APPLE : CFI_HW_RULE_HALF;
}

/*
 * What an operating system with its services needs grows with the machine, more slowly than its memory. The published rule of a large
 * operator of Linux machines for exactly this purpose (Google Kubernetes Engine, "plan node sizes", memory reservations): 25 % of the
 * first 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112, 2 % of the rest. Engines state no rule of their own.
 */
static const struct {
    uint64_t slice_bytes;
    uint64_t percent;
} reserve_slices[] = {
    {4 * GIB, 25}, {4 * GIB, 20}, {8 * GIB, 10}, {112 * GIB, 6}, {UINT64_MAX, 2},
};

uint64_t cfi_hw_reserve(uint64_t memory_bytes)
{
    uint64_t reserve = 0;

    for (size_t i = 0; i < CFI_COUNT(reserve_slices) && memory_bytes > 0; i++) {
        uint64_t slice = cfi_min_u64(memory_bytes, reserve_slices[i].slice_bytes);

        reserve += percent_of(slice, reserve_slices[i].percent);
        memory_bytes -= slice;
    }
    return reserve / MIB * MIB;
}
