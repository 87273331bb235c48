/* Bytes per device of a resolved run. */
#ifndef CFI_MEMORY_INTERNAL_H
#define CFI_MEMORY_INTERNAL_H

#include "engine/engine_internal.h"
#include "hw/hw_internal.h"

typedef struct cfi_memory_device {
    uint64_t weights;
    uint64_t kv;
    uint64_t kv_swa;
    uint64_t recurrent;
    uint64_t kv_other;
    uint64_t compute;     /* exact, or an upper bound */
    uint64_t compute_low; /* the other end of the band */
    uint64_t output;
    uint32_t layers;
    uint32_t reserved;
} cfi_memory_device;

typedef struct cfi_memory {
    uint32_t          device_count; /* without the host, which is device[device_count] */
    bool              compute_exact;
    cfi_memory_device device[CFI_MAX_DEVICES + 1];
} cfi_memory;

/* The devices of a machine as the engine counts them, the host left out. */
uint32_t cfi_memory_engine_devices(const ctxfit_hw *hw, cfi_engine_device devices[CFI_MAX_DEVICES]);

/* Bytes of everything. E_OVERFLOW, or E_INVALID_ARG for an override that cannot be read. */
ctxfit_status cfi_memory_measure(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                 ctxfit_error *error);
uint64_t cfi_memory_device_total(const cfi_memory_device *device);

#endif
