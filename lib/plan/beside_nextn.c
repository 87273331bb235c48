/* The model's own prediction blocks as a drafter: a context of their own over weights of the model. llama.cpp b10472
 * common/speculative.cpp:2322, src/llama-model.cpp (create_memory, LLAMA_CONTEXT_TYPE_MTP: a cache of these blocks alone). */
#include "plan_internal.h"

#define MOST_BLOCKS 16u

/* The blocks as a model of a few layers. Sums over tensors stay those of the whole, and are not used. */
static void view_blocks(const ctxfit_model *model, ctxfit_layer_info *layers, ctxfit_model *out)
{
    const uint32_t trunk = model->info.layers;

    *out = *model;
    out->info.layers = model->info.nextn_layers;
    out->info.nextn_layers = 0;
    out->info.flags &= ~(uint32_t)(CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT);
    out->blocks_from = trunk;
    out->layer = layers;
    out->layer_run = model->layer_run + trunk;
    out->layer_marks = model->layer_marks + trunk;
    if (model->weight_first != NULL) {
        out->weight_first = model->weight_first + trunk;
        out->layer_shape = model->layer_shape + trunk;
        out->layer_format = model->layer_format + trunk;
    }
    for (uint32_t i = 0; i < out->info.layers; i++) {
        layers[i] = model->layer[trunk + i];
        layers[i].flags = (layers[i].flags & ~(uint32_t)CTXFIT_LAYER_F_NEXTN) | CTXFIT_LAYER_F_CACHE;
        layers[i].indexer_size = 0; /* they attend to everything */
        layers[i].compress_ratio = 0;
        layers[i].conv_state_elems = 0;
        layers[i].recurrent_elems = 0;
    }
}

/* Layers of the view are where the model has them. */
static void place_blocks(const ctxfit_model *model, const cfi_run *run, cfi_run *out)
{
    const uint32_t trunk = model->info.layers;

    for (uint32_t d = 0; d <= run->device_count; d++)
        out->first_layer[d] = run->first_layer[d] > trunk ? run->first_layer[d] - trunk : 0;
    out->output_device = run->output_device;
    out->split_devices = run->split_devices;
    out->gpu_layers = run->gpu_layers > trunk ? run->gpu_layers - trunk : 0;
    out->bound_compute = run->bound_compute || (run->overrides != NULL && run->overrides[0] != '\0');
    out->scratch = run->scratch;
    out->pipeline = false;
    out->cpu_expert_layers = run->cpu_expert_layers > trunk ? run->cpu_expert_layers - trunk : 0;
}

/* Tensors that the model leaves in the file while nothing drafts. */
static ctxfit_status add_blocks(const cfi_question *q, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    const ctxfit_model *model = q->model;
    cfi_overrides       overrides;
    cfi_run             with_text = *run;
    ctxfit_status       status = CTXFIT_OK;

    with_text.overrides = q->options.overrides;
    if (q->options.overrides[0] != '\0')
        status = cfi_overrides_read(q->engine_device, &with_text, &overrides, error);
    for (uint64_t i = 0; i < model->info.tensor_count && status == CTXFIT_OK; i++) {
        const cfi_tensor *t = &model->tensor[i];
        uint32_t          device;
        uint64_t          bytes;

        if (t->role != CFI_ROLE_UNUSED || t->layer < (int32_t)model->info.layers)
            continue;
        device = cfi_engine_layer_device(run, (uint32_t)t->layer);
        if ((t->flags & CFI_TENSOR_F_EXPERT) != 0 && (uint32_t)t->layer < run->cpu_expert_layers)
            device = run->device_count;
        if (q->options.overrides[0] != '\0')
            device = cfi_overrides_device(&overrides, run, t, device);
        if (!cfi_model_padded_bytes(
                t, device < q->device_count ? cfi_memory_padding(q->engine_device[device].backend) : CFI_PADDING_32, &bytes) ||
            !cfi_add_u64(out->device[device].weights, bytes, &out->device[device].weights))
            status = cfi_fail(error, CTXFIT_E_OVERFLOW, "nextn: more than 64 bits");
    }
    for (uint32_t i = 0; i < model->info.nextn_layers; i++)
        out->device[cfi_engine_layer_device(run, model->info.layers + i)].layers++;
    return status;
}

/* Devices without a block, which the bound takes for parts of the graph, have none of it. */
static void clear_idle(const cfi_run *run, cfi_memory *out)
{
    for (uint32_t d = 0; d < run->device_count; d++) {
        if (out->device[d].layers == 0 && d != run->output_device)
            out->device[d].compute = out->device[d].compute_low = 0;
    }
}

/* Beside what a layer takes: the hidden states that come in, and those with the embeddings that the first matrix reads. */
static bool add_joined(const ctxfit_model *model, const cfi_run *run, cfi_memory *out)
{
    uint64_t row = 4 * (uint64_t)model->info.embedding * sizeof(float), more;

    for (uint32_t d = 0; d <= run->device_count; d++) {
        if (out->device[d].layers == 0)
            continue;
        if (!cfi_mul_u64(row, run->graph_tokens, &more) || !cfi_add_u64(out->device[d].compute, more, &out->device[d].compute))
            return false;
    }
    return true;
}

ctxfit_status cfi_beside_size_nextn(const cfi_question *q, const cfi_beside_item *item, uint32_t sequences, const cfi_run *run,
                                    cfi_memory *out, ctxfit_error *error)
{
    ctxfit_layer_info   layers[MOST_BLOCKS];
    ctxfit_model        view;
    ctxfit_plan_options options = q->options;
    cfi_engine_machine  machine = cfi_plan_machine(q);
    cfi_run             blocks;
    ctxfit_status       status;

    if (q->model->info.nextn_layers > MOST_BLOCKS)
        return cfi_fail(error, CTXFIT_E_LIMIT, "nextn: %u blocks, at most %u", (unsigned)q->model->info.nextn_layers, MOST_BLOCKS);
    view_blocks(q->model, layers, &view);
    options.ctx_tokens = run->n_ctx;
    options.sequences = sequences;
    options.outputs_max = 0;
    options.kv_key = item->draft_options.kv_key;
    options.kv_value = item->draft_options.kv_value;
    machine.speculation = NULL;
    status = cfi_engine_resolve_on(&view, &options, &machine, &blocks, error);
    if (status != CTXFIT_OK)
        return status;
    place_blocks(q->model, run, &blocks);
    blocks.overrides = NULL;
    status = cfi_memory_add_caches(&view, q->engine_device, &blocks, out, error);
    if (status == CTXFIT_OK)
        status = cfi_memory_add_output(&view, &blocks, out, error);
    out->compute_exact = false;
    if (status == CTXFIT_OK)
        status = cfi_memory_add_compute(&view, q->engine_device, &blocks, out, error);
    if (status == CTXFIT_OK)
        status = add_blocks(q, run, out, error);
    if (out->compute_exact)
        return status;
    clear_idle(&blocks, out);
    if (status == CTXFIT_OK && !add_joined(q->model, &blocks, out))
        status = cfi_fail(error, CTXFIT_E_OVERFLOW, "nextn: more than 64 bits");
    return status;
}
