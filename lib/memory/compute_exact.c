/* Compute buffers by the engine's own graphs, where those are known. */
#include "memory_internal.h"

/* Backends whose allocations follow their sources to the byte: checked on measured rows and on logs (docs/accuracy.md); ROCm is built
 * from CUDA's sources. Others reorder operations of a graph, or pad by what a driver says. */
static bool exact_backend(uint32_t backend)
{
    return backend == CTXFIT_BACKEND_CUDA || backend == CTXFIT_BACKEND_ROCM || backend == CTXFIT_BACKEND_RPC ||
           backend == CTXFIT_BACKEND_CPU;
}

bool cfi_memory_exact(const ctxfit_model *model, const cfi_engine_device *devices, uint32_t device_count)
{
    for (uint32_t d = 0; d < device_count; d++) {
        if (!exact_backend(devices[d].backend))
            return false;
    }
    return cfi_graph_known(model);
}

/* States that are kept to go back to: read for delta nets and short convolutions. */
static bool exact_states(const ctxfit_model *model, const cfi_run *run)
{
    for (uint32_t i = 0; i < model->info.layers && run->rollback > 0; i += model->layer_run[i]) {
        uint32_t state = model->layer[i].state;

        if (state != CTXFIT_STATE_NONE && state != CTXFIT_STATE_DELTA_NET && state != CTXFIT_STATE_SHORT_CONV)
            return false;
    }
    return true;
}

/* Where the caller's overrides put every tensor. */
static ctxfit_status place_tensors(const cfi_graph_setup *setup, uint8_t *place, ctxfit_error *error)
{
    const ctxfit_model *model = setup->model;
    const cfi_run      *run   = setup->run;
    cfi_overrides       overrides;
    ctxfit_status       status = cfi_overrides_read(setup->devices, run, &overrides, error);

    for (uint64_t i = 0; status == CTXFIT_OK && i < model->info.tensor_count; i++) {
        const cfi_tensor *t  = &model->tensor[i];
        uint32_t          at = run->device_count;

        if (t->role == CFI_ROLE_OUTPUT)
            at = run->output_device;
        else if (t->role == CFI_ROLE_LAYER)
            at = cfi_engine_layer_device(run, (uint32_t)t->layer);
        place[i] = (uint8_t)cfi_overrides_device(&overrides, run, t, at);
    }
    return status;
}

static ctxfit_status measure_exact(cfi_graph_setup *setup, uint64_t *bytes, ctxfit_error *error)
{
    const cfi_run *run = setup->run;
    uint8_t       *place;
    cfi_arena      places;
    ctxfit_status  status;

    if (run->overrides == NULL || run->overrides[0] == '\0')
        return cfi_graph_measure(setup, bytes, error);
    cfi_arena_init(&places, &setup->scratch->allocator);
    place  = cfi_arena_array(&places, (size_t)setup->model->info.tensor_count + 1, 1);
    status = place == NULL ? cfi_fail(error, CTXFIT_E_NO_MEMORY, "compute buffer: out of memory") : place_tensors(setup, place, error);
    setup->tensor_device = place;
    if (status == CTXFIT_OK)
        status = cfi_graph_measure(setup, bytes, error);
    cfi_arena_free(&places);
    return status;
}

/* Ollama's own engine: its graphs differ from llama.cpp's, whose bound logs of it exceed by up to 29 % (tests/data/engines/ollama.csv).
 * With all layers on GPUs the host holds the rows of a batch, and logs print no more. */
static ctxfit_status add_own_bound(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                   ctxfit_error *error)
{
    ctxfit_status status = cfi_memory_add_bound(model, devices, run, out, error);

    for (uint32_t d = 0; status == CTXFIT_OK && d <= run->device_count; d++) {
        uint64_t *compute = &out->device[d].compute;

        if (d == run->device_count && run->gpu_layers > model->info.layers)
            *compute = out->device[d].compute_low;
        else if (!cfi_add_u64(*compute, *compute / 2, compute))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "compute buffers: more than 64 bits");
    }
    return status;
}

ctxfit_status cfi_memory_add_compute(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                     ctxfit_error *error)
{
    cfi_graph_setup setup  = {.model = model, .run = run, .devices = devices, .scratch = run->scratch};
    uint64_t        bytes[CFI_MAX_DEVICES + 1];
    cfi_arena       own;
    ctxfit_status   status;

    if (run->own_graph)
        return add_own_bound(model, devices, run, out, error);
    if (run->bound_compute || !exact_states(model, run) || !cfi_memory_exact(model, devices, run->split_devices))
        return cfi_memory_add_bound(model, devices, run, out, error);
    for (uint32_t d = 0; d < run->device_count; d++)
        setup.padding[d] = cfi_memory_padding(devices[d].backend);
    setup.padding[run->device_count] = CFI_PADDING_32;
    cfi_arena_init(&own, NULL);
    if (setup.scratch == NULL)
        setup.scratch = &own;
    status = measure_exact(&setup, bytes, error);
    cfi_arena_free(&own);
    if (status == CTXFIT_E_INCOMPLETE)
        return cfi_memory_add_bound(model, devices, run, out, error);
    for (uint32_t d = 0; status == CTXFIT_OK && d <= run->device_count; d++)
        out->device[d].compute = out->device[d].compute_low = bytes[d];
    out->compute_exact = status == CTXFIT_OK;
    return status;
}
