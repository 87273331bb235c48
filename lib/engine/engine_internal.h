/* What an engine makes of a request: context, slots, batch, cache layout, placement of layers. */
#ifndef CFI_ENGINE_INTERNAL_H
#define CFI_ENGINE_INTERNAL_H

#include "ctxfit/engine.h"
#include "ctxfit/plan.h"
#include "model/arch_internal.h"

#define CFI_MAX_DEVICES 64u

/* What the engine needs to know of a device. The memory module fills it from the machine; the host is not among them. */
typedef struct cfi_engine_device {
    uint32_t backend;    /* CTXFIT_BACKEND_* */
    uint64_t free_bytes; /* decides the default split */
} cfi_engine_device;

/* A run, resolved: every choice is made. */
typedef struct cfi_run {
    ctxfit_engine_info engine;
    uint32_t build;
    uint64_t n_ctx;
    uint64_t n_ctx_seq;
    uint32_t n_seq;
    uint32_t n_batch;
    uint32_t n_ubatch;
    uint32_t streams;       /* 1 when unified */
    bool     flash;
    bool     unified;
    bool     swa_full;
    bool     kv_offload;
    bool     op_offload;
    bool     mmap;
    bool     repack;
    ctxfit_quant type_k;
    ctxfit_quant type_v;
    uint64_t kv_cells;      /* 0: no cache that spans the context */
    uint64_t swa_cells;     /* 0: no window cache */
    uint32_t outputs_graph; /* rows of logits in the worst graph */
    uint32_t outputs_buffer;/* rows of the host's output buffer */
    uint32_t gpu_layers;    /* output layer included */
    /* Layers are placed in one run per device: device d holds [first_layer[d], first_layer[d + 1]); what is below
     * first_layer[0] is on the host. Index info.layers + nextn_layers is the output layer. */
    uint32_t device_count;
    uint32_t first_layer[CFI_MAX_DEVICES + 1];
    uint32_t output_device; /* device_count: the host */
    bool     pipeline;
    uint32_t cpu_expert_layers;
    const char *overrides;  /* the caller's text, borrowed; NULL or "" for none */
} cfi_run;

/* Resolves a request by the rules of the engine's build. ctx_tokens CTXFIT_CTX_LARGEST is the caller's to replace before. */
ctxfit_status cfi_engine_resolve(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_device *devices,
                                 uint32_t device_count, cfi_run *out, ctxfit_error *error);
/* Device of a layer (or of the output layer, index info.layers + nextn_layers); device_count for the host. */
uint32_t cfi_engine_layer_device(const cfi_run *run, uint32_t layer);

#endif
