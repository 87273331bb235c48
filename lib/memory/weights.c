/* Weights per device: llama.cpp b10472 src/llama-model.cpp (load_tensors), src/llama-model-loader.cpp (create_tensor). */
#include "memory_internal.h"

cfi_padding cfi_memory_padding(uint32_t backend)
{
    switch (backend) {
    case CTXFIT_BACKEND_CUDA: /* ggml-cuda/ggml-cuda.cu:900, :906 */
    case CTXFIT_BACKEND_ROCM:
    case CTXFIT_BACKEND_SYCL: /* ggml-sycl/ggml-sycl.cpp:921, :932: the same numbers */
        return CFI_PADDING_CUDA;
    default: /* ggml-metal.cpp:259; Vulkan aligns to what the driver asks for (ggml-vulkan.cpp:15997), at most 256 by its standard */
        return CFI_PADDING_32;
    }
}

uint64_t cfi_memory_alignment(cfi_padding padding)
{
    return padding == CFI_PADDING_CUDA ? 128 : 32;
}

static cfi_padding weights_padding(const cfi_engine_device *devices, const cfi_run *run, uint32_t device)
{
    return device < run->device_count ? cfi_memory_padding(devices[device].backend) : CFI_PADDING_32;
}

static bool weights_add(cfi_memory *out, uint32_t device, uint64_t bytes)
{
    return cfi_add_u64(out->device[device].weights, bytes, &out->device[device].weights);
}

static bool weights_add_tensor(const cfi_engine_device *devices, const cfi_run *run, const cfi_tensor *tensor, uint32_t device,
                               cfi_memory *out)
{
    uint64_t bytes;

    return cfi_model_padded_bytes(tensor, weights_padding(devices, run, device), &bytes) && weights_add(out, device, bytes);
}

/* ---- the output matrix of a model that has none ---- */
static bool weights_repacks(const cfi_tensor *tensor, bool arm)
{
    static const struct {
        uint16_t format;
        uint8_t  x86;
        uint8_t  arm;
    } rows[] = {
#define CFI_REPACK(format, x86, arm) {CTXFIT_QUANT_##format, x86, arm},
#include "repack.def"
#undef CFI_REPACK
    };

    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        uint32_t multiple = arm ? rows[i].arm : rows[i].x86;

        if (rows[i].format == tensor->quant)
            return multiple != 0 && tensor->dims[1] % multiple == 0;
    }
    return false;
}

/* Pinned memory comes before repacked in the loader's list, and mapped files take its place by plain memory: no repacking beside such
 * GPUs (src/llama-model.cpp:896, src/llama-model-loader.cpp:1206). */
static bool weights_repack_on_host(const cfi_engine_device *devices, const cfi_run *run)
{
    for (uint32_t d = 0; d < run->device_count; d++) {
        if (cfi_engine_get_backend(devices[d].backend, run->build).host_buffer)
            return false;
    }
    return run->repack;
}

static bool weights_tied(const ctxfit_model *model)
{
    return (model->info.flags & CTXFIT_MODEL_F_TIED) != 0 && model->token_embd != NULL && !(model->arch->flags & CFI_ARCH_TIED_IN_PLACE);
}

/* The token embedding is also the output matrix: the output's device gets a copy of its own, unless that is the host, the architecture
 * makes the embedding first and both lie in buffers of one type (src/models/llama.cpp:45, src/llama-model-loader.cpp:1104). Ollama's own
 * engine makes a copy in any case (ml/backend/ggml/ggml.go). */
static bool weights_copy_for_output(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run)
{
    if (!weights_tied(model))
        return false;
    return run->output_device != run->device_count || (model->arch->flags & CFI_ARCH_OUTPUT_FIRST) != 0 || run->own_graph ||
           (weights_repack_on_host(devices, run) && weights_repacks(model->token_embd, false));
}

uint64_t cfi_memory_repacked_on_arm(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run)
{
    if (!weights_tied(model) || weights_copy_for_output(model, devices, run) || !weights_repack_on_host(devices, run) ||
        !weights_repacks(model->token_embd, true))
        return 0;
    return model->token_embd->bytes;
}

/* Memories that hold a layer which uses the frequency factors: bit d is device d, the host is device_count. */
static uint64_t weights_rope_memories(const ctxfit_model *model, const cfi_run *run, bool *host)
{
    uint64_t devices = 0;

    *host = false;
    for (uint32_t i = 0; i < model->info.layers; i += cfi_engine_layer_run(model, run, i)) {
        uint32_t device = cfi_engine_layer_device(run, i);

        if ((model->arch->flags & CFI_ARCH_ROPE_FULL_ONLY) && cfi_engine_layer_windowed(&model->layer[i]))
            continue;
        if (device == run->device_count)
            *host = true;
        else
            devices |= UINT64_C(1) << device;
    }
    return devices;
}

/* ---- without overrides: sums that the model keeps ---- */
static bool weights_add_sums(const cfi_engine_device *devices, const cfi_run *run, const cfi_tensor_sums *sums, uint32_t device,
                             cfi_memory *out)
{
    const uint64_t *padded = sums->padded[weights_padding(devices, run, device)];

    return weights_add(out, device, padded[0]) && weights_add(out, device, padded[1]);
}

static bool weights_add_rope(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out)
{
    bool     host;
    uint64_t memories;

    if (model->rope_sums.bytes[0] == 0)
        return true;
    memories = weights_rope_memories(model, run, &host);
    for (uint32_t d = 0; d < run->device_count; d++) {
        if ((memories >> d & 1) && !weights_add_sums(devices, run, &model->rope_sums, d, out))
            return false;
    }
    return !host || weights_add_sums(devices, run, &model->rope_sums, run->device_count, out);
}

/* The layers from first on, before end, which are all on one device. */
static bool weights_add_layers(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, uint32_t first,
                               uint32_t end, uint32_t device, cfi_memory *out)
{
    const cfi_tensor_sums *before = &model->sums_before[first], *through = &model->sums_before[end];
    uint32_t               moved = run->cpu_expert_layers < first ? first : run->cpu_expert_layers;
    const cfi_tensor_sums *kept = &model->sums_before[moved < end ? moved : end];
    cfi_padding            here = weights_padding(devices, run, device);

    return weights_add(out, device, through->padded[here][0] - before->padded[here][0]) &&
           weights_add(out, device, through->padded[here][1] - kept->padded[here][1]) &&
           weights_add(out, run->device_count, kept->padded[CFI_PADDING_32][1] - before->padded[CFI_PADDING_32][1]);
}

static bool weights_from_sums(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out)
{
    const uint32_t host = run->device_count;
    const uint32_t all = model->info.layers + model->info.nextn_layers;

    if (!weights_add_sums(devices, run, &model->input_sums, host, out) ||
        !weights_add_sums(devices, run, &model->output_sums, run->output_device, out) || !weights_add_rope(model, devices, run, out))
        return false;
    for (uint32_t first = 0, end; first < all; first = end) {
        end = cfi_engine_device_end(run, first);
        end = end < all ? end : all;
        if (!weights_add_layers(model, devices, run, first, end, cfi_engine_layer_device(run, first), out))
            return false;
    }
    return !weights_copy_for_output(model, devices, run) || weights_add_tensor(devices, run, model->token_embd, run->output_device, out);
}

/* ---- with overrides: tensor by tensor ---- */
static bool weights_add_factor(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run,
                               const cfi_overrides *overrides, const cfi_tensor *tensor, cfi_memory *out)
{
    bool     host;
    uint64_t memories = weights_rope_memories(model, run, &host);
    uint64_t chosen = 0;
    bool     chosen_host = false;

    for (uint32_t d = 0; d <= run->device_count; d++) {
        bool     used = d < run->device_count ? (memories >> d & 1) != 0 : host;
        uint32_t to = cfi_overrides_device(overrides, run, tensor, d);

        if (used && to == run->device_count)
            chosen_host = true;
        else if (used)
            chosen |= UINT64_C(1) << to;
    }
    for (uint32_t d = 0; d < run->device_count; d++) {
        if ((chosen >> d & 1) && !weights_add_tensor(devices, run, tensor, d, out))
            return false;
    }
    return !chosen_host || weights_add_tensor(devices, run, tensor, run->device_count, out);
}

static bool weights_add_placed(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run,
                               const cfi_overrides *overrides, const cfi_tensor *tensor, cfi_memory *out)
{
    uint32_t device = run->device_count;

    switch ((cfi_tensor_role)tensor->role) {
    case CFI_ROLE_UNUSED: return true;
    case CFI_ROLE_ROPE: return weights_add_factor(model, devices, run, overrides, tensor, out);
    case CFI_ROLE_LAYER: device = cfi_engine_layer_device(run, tensor->layer > 0 ? (uint32_t)tensor->layer : 0); break;
    case CFI_ROLE_OUTPUT: device = run->output_device; break;
    case CFI_ROLE_INPUT: break;
    }
    device = cfi_overrides_device(overrides, run, tensor, device);
    return weights_add_tensor(devices, run, tensor, device, out);
}

static bool weights_from_tensors(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run,
                                 const cfi_overrides *overrides, cfi_memory *out)
{
    uint32_t device;

    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        if (!weights_add_placed(model, devices, run, overrides, &model->tensor[i], out))
            return false;
    }
    if (!weights_copy_for_output(model, devices, run))
        return true;
    device = cfi_overrides_device(overrides, run, model->token_embd, run->output_device);
    return weights_add_tensor(devices, run, model->token_embd, device, out);
}

ctxfit_status cfi_memory_add_weights(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                     ctxfit_error *error)
{
    cfi_overrides overrides;
    ctxfit_status status;
    bool          fits;

    if (run->overrides == NULL || run->overrides[0] == '\0') {
        fits = weights_from_sums(model, devices, run, out);
    } else {
        status = cfi_overrides_read(devices, run, &overrides, error);
        if (status != CTXFIT_OK)
            return status;
        fits = weights_from_tensors(model, devices, run, &overrides, out);
    }
    for (uint32_t first = 0, end; first < model->info.layers; first = end) {
        end = cfi_engine_device_end(run, first);
        end = end < model->info.layers ? end : model->info.layers;
        out->device[cfi_engine_layer_device(run, first)].layers += end - first;
    }
    return fits ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_OVERFLOW, "weights: more than 64 bits");
}
