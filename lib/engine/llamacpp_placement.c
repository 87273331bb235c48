/* Which device gets which layer: llama.cpp b10472 src/llama-model.cpp, load_tensors. */
#include "engine_internal.h"

uint32_t cfi_engine_layer_device(const cfi_run *run, uint32_t layer)
{
    uint32_t device = run->device_count;

    for (uint32_t d = 0; d < run->device_count && layer >= run->first_layer[d]; d++)
        device = d;
    return device;
}

uint32_t cfi_engine_device_end(const cfi_run *run, uint32_t layer)
{
    for (uint32_t d = 0; d < run->device_count; d++)
        if (run->first_layer[d] > layer)
            return run->first_layer[d];
    return UINT32_MAX;
}

uint32_t cfi_engine_layer_run(const ctxfit_model *model, const cfi_run *run, uint32_t layer)
{
    uint32_t count = model->layer_run[layer], rest = cfi_engine_device_end(run, layer) - layer;

    return count < rest ? count : rest;
}

/* The cumulative share of each device, in float as there (:1286-1317): by tensor_split, by free memory when that is all zero. */
static void placement_splits(const ctxfit_plan_options *options, const cfi_engine_device *devices, uint32_t count,
                             float splits[CFI_MAX_DEVICES])
{
    float sum = 0.0f;
    bool  given = false;
    bool  reported = false;

    for (uint32_t d = 0; d < count && d < CTXFIT_MAX_SPLIT; d++)
        given = given || (float)options->tensor_split[d] > 0.0f;
    for (uint32_t d = 0; d < count; d++)
        reported = reported || devices[d].free_bytes > 0;
    for (uint32_t d = 0; d < count; d++) {
        if (given)
            sum += d < CTXFIT_MAX_SPLIT ? (float)options->tensor_split[d] : 0.0f;
        else /* devices that report nothing all count as the host's memory, so alike */
            sum += reported ? (float)devices[d].free_bytes : 1.0f;
        splits[d] = sum;
    }
    for (uint32_t d = 0; d < count; d++)
        splits[d] /= sum;
}

/* Layer `place` of the `count` that are on devices is beyond the devices up to one of share `split`: std::upper_bound of :1326. */
static bool placement_beyond(uint32_t place, uint32_t count, float split)
{
    float fraction = (float)place / (float)count;

    return !(fraction < split);
}

/* The first place that is. The fraction grows with the place, so that halving finds it. */
static uint32_t placement_first_beyond(uint32_t count, float split)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (placement_beyond(middle, count, split))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* One layer of every tensor list is the output layer, which counts as the last (:1318, :1709). */
static uint32_t placement_wanted(const ctxfit_plan_options *options, uint32_t all)
{
    if (options->gpu_layers == CTXFIT_GPU_LAYERS_NONE)
        return 0;
    return options->gpu_layers == 0 || options->gpu_layers > all ? all : options->gpu_layers;
}

/* :424 and src/llama-context.cpp:424-451 */
static bool placement_pipelines(const ctxfit_plan_options *options, const cfi_engine_device *devices, const cfi_run *run, uint32_t all)
{
    if (run->split_devices < 2 || run->gpu_layers < all || options->kv_offload == CTXFIT_CHOICE_OFF ||
        options->cpu_expert_layers != 0 || options->overrides[0] != '\0')
        return false;
    for (uint32_t d = 0; d < run->split_devices; d++) {
        if (!cfi_engine_get_backend(devices[d].backend, run->build).pipeline)
            return false;
    }
    return true;
}

ctxfit_status cfi_engine_resolve_placement(const ctxfit_model *model, const ctxfit_plan_options *options,
                                           const cfi_engine_device *devices, uint32_t device_count, cfi_run *run, ctxfit_error *error)
{
    const uint32_t all = model->info.layers + model->info.nextn_layers + 1;
    float          splits[CFI_MAX_DEVICES];
    uint32_t       start;
    bool           output;

    if (options->split_mode == CTXFIT_SPLIT_ROW)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "split_mode row: not modelled yet; layer and none are");
    if (device_count > CFI_MAX_DEVICES)
        return cfi_fail_at(error, CTXFIT_E_LIMIT, CFI_NO_OFFSET, CFI_MAX_DEVICES, "%u devices: at most %u", (unsigned)device_count,
                           CFI_MAX_DEVICES);
    run->device_count = device_count;
    run->split_devices = options->split_mode == CTXFIT_SPLIT_NONE && device_count > 1 ? 1 : device_count;
    run->gpu_layers = device_count == 0 ? 0 : placement_wanted(options, all);
    output = run->gpu_layers == all || (run->gpu_layers > 0 && cfi_engine_changed(run->build, CFI_CHANGE_OUTPUT_FIRST));
    start = all - run->gpu_layers - (output ? 0 : 1);
    for (uint32_t d = 0; d <= device_count; d++)
        run->first_layer[d] = all;
    run->output_device = device_count;
    if (run->gpu_layers > 0) {
        placement_splits(options, devices, run->split_devices, splits);
        run->first_layer[0] = start;
        for (uint32_t d = 1; d < run->split_devices; d++)
            run->first_layer[d] = start + placement_first_beyond(run->gpu_layers, splits[d - 1]);
        run->output_device = output ? cfi_engine_layer_device(run, all - 1) : device_count;
    }
    run->pipeline = placement_pipelines(options, devices, run, all);
    return CTXFIT_OK;
}
