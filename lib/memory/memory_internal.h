/* Bytes per device of a resolved run. */
#ifndef CFI_MEMORY_INTERNAL_H
#define CFI_MEMORY_INTERNAL_H

#include "engine/engine_internal.h"
#include "graph/graph_internal.h"
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
    uint64_t towers;      /* of the weights: eyes and ears of a checkpoint */
    uint64_t beside;      /* everything that runs beside the model; the plan adds it */
    uint64_t beside_low;  /* with the other end of its bands */
    uint64_t block_bytes; /* of a block of a paged cache */
    uint32_t layers;
    uint32_t reserved;
} cfi_memory_device;

/* What a rank of a paged cache keeps for all but weights and cache: the upper ends, of which its compute is the sum. */
typedef struct cfi_profile {
    uint64_t activations; /* of the profiling run */
    uint64_t context;
    uint64_t ranks;
    uint64_t graphs;
    uint64_t seen;        /* what eyes and ears give to the decoder for a batch */
    bool     of_logits;   /* of all its activations, those are the widest */
} cfi_profile;

typedef struct cfi_memory {
    uint32_t          device_count; /* without the host, which is device[device_count] */
    bool              compute_exact;
    uint64_t          cache_limit; /* of a paged cache on each rank, where it is stated; 0: none */
    bool              states_in_pool; /* recurrent states are in the pool of a paged cache */
    double            rest_fraction; /* and its part of what the rest of each rank leaves; 0: none */
    uint32_t          block_tokens;  /* where that is so */
    bool              blocks_up;
    cfi_profile       profile;
    cfi_memory_device device[CFI_MAX_DEVICES + 1];
} cfi_memory;

/* What a driver would report as free. */
uint64_t cfi_memory_engine_free(const ctxfit_device *device);
/* The devices of a machine as the engine counts them, the host left out. */
uint32_t cfi_memory_engine_devices(const ctxfit_hw *hw, cfi_engine_device devices[CFI_MAX_DEVICES]);

/* Bytes of everything. E_OVERFLOW, or E_INVALID_ARG for an override that cannot be read. */
ctxfit_status cfi_memory_measure(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                 ctxfit_error *error);
/* UINT64_MAX when it does not fit 64 bits. */
uint64_t cfi_memory_device_total(const cfi_memory_device *device);

/* The engine's name of a device's memory, as overrides give it ("CUDA0"). */
void cfi_memory_device_name(const cfi_engine_device *devices, uint32_t index, char *out, size_t cap);

/* How a backend pads tensors, and to what it aligns buffers' pieces. The host (any index from device_count) is CFI_PADDING_32. */
cfi_padding cfi_memory_padding(uint32_t backend);
uint64_t    cfi_memory_alignment(cfi_padding padding);

/* ---- parts of cfi_memory_measure; each adds to out->device[] and is false on overflow ---- */
ctxfit_status cfi_memory_add_weights(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                     ctxfit_error *error);
/* What the host holds twice on an ARM CPU and once on an x86 one, for which weights are counted. */
uint64_t      cfi_memory_repacked_on_arm(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run);
ctxfit_status cfi_memory_add_caches(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                    ctxfit_error *error);
/* The caches of one layer in a buffer of that padding, added to `out`. */
ctxfit_status cfi_memory_add_layer_caches(const ctxfit_model *model, const cfi_run *run, uint32_t layer, cfi_padding padding,
                                          cfi_memory_device *out, ctxfit_error *error);
ctxfit_status cfi_memory_add_output(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error);
/* Whether compute buffers on these devices can be exact. */
bool          cfi_memory_exact(const ctxfit_model *model, const cfi_engine_device *devices, uint32_t device_count);
/* Exact where the architecture's graph is known and the backend allocates as its sources say; else the bound, with its band. */
ctxfit_status cfi_memory_add_compute(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                     ctxfit_error *error);
ctxfit_status cfi_memory_add_bound(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                   ctxfit_error *error);

/* All of it, for a run whose caches grow, and one with a paged cache. */
ctxfit_status cfi_memory_measure_grown(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error);
/* Weights of a draft whose caches are in the pool of the model that it drafts for: `run` is that one's. */
ctxfit_status cfi_memory_add_draft(const ctxfit_model *draft, const cfi_run *run, cfi_memory *out, ctxfit_error *error);
bool          cfi_memory_add_ranks(const ctxfit_model *model, const cfi_run *run, cfi_memory *out);
ctxfit_status cfi_memory_measure_paged(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error);
ctxfit_status cfi_memory_measure_exllamav3(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error);
/* Divides a run of ExLlamaV3 among GPUs of which so many bytes may be used. E_OVERFLOW. */
ctxfit_status cfi_memory_split_exllamav3(const ctxfit_model *model, const uint64_t *usable, cfi_run *run, ctxfit_error *error);

/* ---- tensor overrides ---- */
#define CFI_MAX_OVERRIDES 128u

/* The caller's overrides, read: where the tensors go that a pattern finds. */
typedef struct cfi_overrides {
    cfi_pattern_set patterns;
    uint8_t         device[CFI_MAX_OVERRIDES]; /* run->device_count: the host */
} cfi_overrides;

ctxfit_status cfi_overrides_read(const cfi_engine_device *devices, const cfi_run *run, cfi_overrides *out, ctxfit_error *error);
/* Where a tensor goes that would be on `device`. */
uint32_t cfi_overrides_device(const cfi_overrides *overrides, const cfi_run *run, const cfi_tensor *tensor, uint32_t device);

#endif
