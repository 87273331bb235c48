/* An upper bound of the compute buffers: docs/compute-buffer.md. */
#include "compute_internal.h"

#define PIPELINE_COPIES 4u /* GGML_SCHED_MAX_COPIES, llama.cpp b10472 ggml/CMakeLists.txt */
#define OFFLOAD_OUTPUTS 32u

/* Where operations run that do not run where their layer is. */
typedef struct compute_place {
    uint32_t host;
    uint32_t offload;        /* the device that computes with weights of the host; UINT32_MAX for none */
    uint32_t host_layers;    /* layers below are on the host */
    uint32_t host_experts;   /* layers below have their routed experts there */
    bool     split;          /* some layers are here, some there */
    bool     moved;          /* overrides: any tensor may be anywhere */
} compute_place;

/* ggml_backend_sched_backend_id_from_cur: the first device that takes operations over weights of the host. */
static compute_place find_place(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run)
{
    compute_place place = {run->device_count, UINT32_MAX, model->info.layers, run->cpu_expert_layers, false, false};

    place.moved = run->overrides != NULL && run->overrides[0] != '\0';
    if (run->device_count > 0)
        place.host_layers = (uint32_t)cfi_min_u64(run->first_layer[0], model->info.layers);
    place.split = run->device_count > 0 && (place.host_layers > 0 || run->split_devices > 1);
    for (uint32_t d = run->device_count; run->op_offload && d-- > 0;) {
        uint32_t batch = cfi_engine_get_backend(devices[d].backend, run->build).offload_batch;

        if (batch != 0 && run->graph_tokens >= batch)
            place.offload = d;
    }
    return place;
}

static uint64_t input_copies(const cfi_graph *graph)
{
    return graph->run->pipeline ? PIPELINE_COPIES : 1;
}

/* ---- layers ---- */
/* The worst of layers [first, end), each with `extra` of its K and V copied beside it. */
static uint64_t layers_peak(cfi_graph *graph, uint32_t first, uint32_t end, bool cache)
{
    uint64_t peak = 0;

    end = (uint32_t)cfi_min_u64(end, graph->model->info.layers);
    for (uint32_t i = first; i < end; i += graph->model->layer_run[i]) {
        const ctxfit_layer_info *layer = &graph->model->layer[i];
        uint64_t                 bytes = cfi_graph_layer(graph, layer);

        peak = cfi_max_u64(peak, cache ? cfi_graph_add(graph, bytes, cfi_graph_mul(graph, 3, cfi_graph_cache(graph, layer)) / 2) : bytes);
    }
    return peak;
}

/* Two tensors of weights at once: while one is used, the hole of the one before may be too small for the next. */
static uint64_t weight_copies(cfi_graph *graph, bool dense)
{
    const cfi_model_extent *extent = &graph->model->extent;
    uint64_t                bytes = dense ? cfi_max_u64(extent->largest_pair[0], extent->largest_pair[1]) : extent->largest_pair[1];

    return cfi_graph_add(graph, bytes, 4 * graph->alignment);
}

/* Queries, keys, values and results of layers whose attention runs on the host cross over; results of experts there come back. */
static uint64_t crossing(cfi_graph *graph, const compute_place *place, const cfi_engine_device *devices, uint32_t d)
{
    const cfi_run *run = graph->run;
    const uint32_t all = graph->model->info.layers;
    uint64_t       worst = 0;

    for (uint32_t i = 0; i < all; i += graph->model->layer_run[i]) {
        const ctxfit_layer_info *layer = &graph->model->layer[i];
        uint64_t                 bytes = 0;

        if (!run->kv_offload || (run->flash && !cfi_engine_flash_possible(devices[d].backend, layer, run->type_k, run->type_v)))
            bytes = cfi_graph_mul(graph, 2 * input_copies(graph), cfi_graph_attended(graph, layer));
        if (layer->experts != 0 && (i < place->host_experts || place->moved))
            bytes = cfi_graph_add(graph, bytes, cfi_graph_expert_results(graph, layer));
        worst = cfi_max_u64(worst, bytes);
    }
    return worst;
}

/* Layers of its own, and those of the host that it computes, with their weights brought along. */
static uint64_t device_layers(cfi_graph *graph, const compute_place *place, const cfi_engine_device *devices, uint32_t d)
{
    const cfi_run *run = graph->run;
    const uint32_t all = graph->model->info.layers;
    uint64_t       peak = place->moved ? layers_peak(graph, 0, all, false)
                                       : layers_peak(graph, run->first_layer[d], run->first_layer[d + 1], false);
    uint64_t       guest = 0;

    peak = cfi_graph_add(graph, peak, crossing(graph, place, devices, d));
    if (d != place->offload)
        return peak;
    const uint64_t brought[] = {layers_peak(graph, 0, place->host_experts, false), crossing(graph, place, devices, d),
                                weight_copies(graph, false)};

    if (place->moved || place->host_layers > 0)
        guest = cfi_graph_add(graph, layers_peak(graph, 0, place->moved ? all : place->host_layers, true), weight_copies(graph, true));
    if (place->host_experts > 0)
        guest = cfi_max_u64(guest, cfi_graph_sum(graph, brought, CFI_COUNT(brought)));
    if (guest == 0)
        return peak;
    return cfi_graph_add(graph, cfi_max_u64(peak, guest), weight_copies(graph, true) / 2);
}

/* Layers on the host, and what devices do not compute of theirs. */
static uint64_t host_layers(cfi_graph *graph, const compute_place *place, const cfi_engine_device *devices)
{
    const cfi_run *run = graph->run;
    const uint32_t all = graph->model->info.layers;
    uint64_t       peak = layers_peak(graph, 0, place->host_layers, false);
    uint64_t       guests = 0;
    uint64_t       standing_guests = 0;
    uint32_t       count;

    if (!run->kv_offload || place->moved)
        peak = cfi_max_u64(peak, layers_peak(graph, 0, all, false));
    if (place->host_experts > 0 && place->offload == UINT32_MAX)
        peak = cfi_max_u64(peak, layers_peak(graph, 0, place->host_experts, false));
    for (uint32_t i = place->host_layers; run->flash && i < all; i += count) {
        const ctxfit_layer_info *layer = &graph->model->layer[i];
        uint32_t                 d = cfi_engine_layer_device(run, i);
        uint64_t                 bytes;

        count = cfi_engine_layer_run(graph->model, run, i);
        if (d == place->host || layer->attention == CTXFIT_ATTENTION_NONE ||
            cfi_engine_flash_possible(devices[d].backend, layer, run->type_k, run->type_v))
            continue;
        bytes = cfi_graph_mul(graph, 2, cfi_graph_add(graph, cfi_graph_layer(graph, layer), cfi_graph_cache(graph, layer)));
        guests = cfi_max_u64(guests, bytes);
        if (run->pipeline)
            standing_guests = cfi_graph_add(graph, standing_guests, cfi_graph_mul(graph, PIPELINE_COPIES * (uint64_t)count, bytes));
    }
    return cfi_graph_add(graph, cfi_max_u64(peak, guests), standing_guests);
}

/* ---- output ---- */
static uint64_t logits(cfi_graph *graph, const compute_place *place, uint32_t d, uint64_t layers)
{
    const ctxfit_model *model = graph->model;
    bool                own = graph->run->output_device == d || place->moved;
    bool                guest = d == place->offload && (place->moved || graph->run->output_device == place->host) &&
                 graph->outputs >= OFFLOAD_OUTPUTS;
    uint64_t            total = cfi_graph_bytes(graph, model->extent.logit_elems, graph->outputs, sizeof(float));

    if (!own && !guest)
        return 0;
    if (guest)
        total = cfi_graph_add(graph, total, cfi_graph_add(graph, model->extent.output_bytes, graph->alignment));
    if ((model->info.flags & (CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT)) || model->layer[0].attention == CTXFIT_ATTENTION_LATENT)
        return cfi_graph_add(graph, total, layers);
    if (guest || place->split)
        total = cfi_graph_add(graph, total, cfi_graph_mul(graph, 4, graph->hidden));
    if (guest)
        total = cfi_graph_add(graph, total, weight_copies(graph, true) / 2);
    return cfi_graph_add(graph, total, cfi_graph_mul(graph, graph->kept + 3, graph->hidden));
}

/* ---- buffers ---- */
/* Every layer that is not where the per-layer embeddings are gets a copy of all of them: its part is no contiguous piece. */
static uint64_t per_layer_views(const cfi_graph *graph, const compute_place *place, uint32_t d)
{
    const cfi_run *run = graph->run;

    if (d == place->host || (run->first_layer[d] == 0 && !place->moved))
        return 2;
    return 2 + (uint64_t)graph->model->info.layers;
}

/* What comes from outside and stays: inputs, the hidden state or embeddings, and their further copies. */
static uint64_t standing(cfi_graph *graph, const compute_place *place, uint32_t d, bool first)
{
    uint64_t copies = input_copies(graph);
    uint64_t rows = cfi_graph_input_rows(graph);
    uint64_t total = cfi_graph_mul(graph, copies, cfi_graph_inputs(graph));

    if (copies > 1)
        total = cfi_graph_add(graph, total, cfi_graph_mul(graph, copies, rows));
    if (d == place->host)
        total = cfi_graph_add(graph, total, rows);
    if (graph->mixed && first) {
        total = cfi_graph_add(graph, total, cfi_graph_mul(graph, copies > 1 ? 9 : graph->run->flash ? 2 : 3, rows));
        total = cfi_graph_add(graph, total, cfi_graph_bytes(graph, 16, graph->tokens, copies));
    }
    if (place->split) { /* what crosses when a layer is cut in two */
        uint64_t cut = cfi_graph_add(graph, cfi_graph_mul(graph, graph->kept - 1, graph->hidden), cfi_graph_state_input(graph));

        total = cfi_graph_add(graph, total, cfi_graph_mul(graph, copies, cut));
    }
    if (place->split && copies == 1) /* holes between what crosses */
        total = cfi_graph_add(graph, total, cfi_graph_mul(graph, 4, graph->hidden));
    total = cfi_graph_add(graph, total, cfi_graph_mul(graph, copies * per_layer_views(graph, place, d), cfi_graph_per_layer_rows(graph)));
    return cfi_graph_add(graph, total, cfi_graph_mul(graph, copies, cfi_graph_position_rows(graph)));
}

/* DeepSeek-V3.2: each layer with an indexer has a leaf of its choice, which no one frees. */
#define INDEXER_CHOICE 2048u

static uint64_t indexer_leaves(cfi_graph *graph)
{
    uint64_t one = cfi_graph_tokens(graph, cfi_min_u64(INDEXER_CHOICE, graph->run->kv_cells));
    uint64_t total = cfi_graph_mul(graph, graph->model->extent.full_layers, one);

    return graph->model->extent.indexer_layers != 0 ? total : 0;
}

/* Looked-up embeddings and inputs when layers are elsewhere. */
static uint64_t host_inputs(cfi_graph *graph)
{
    uint64_t       copies = input_copies(graph);
    uint64_t       rows = cfi_graph_input_rows(graph);
    const uint64_t part[] = {
        rows,
        graph->hidden,
        cfi_graph_mul(graph, copies, cfi_graph_inputs(graph)),
        cfi_graph_bytes(graph, 4, graph->tokens, copies),
        cfi_graph_per_layer_rows(graph),
        cfi_graph_mul(graph, copies, cfi_graph_position_rows(graph)),
        graph->mixed && graph->model->info.per_layer_embedding != 0 ? graph->hidden : 0,
        graph->mixed ? cfi_graph_mul(graph, 2 * copies, rows) : 0,
        graph->mixed ? cfi_graph_bytes(graph, 16, graph->tokens, copies) : 0,
    };

    return cfi_graph_sum(graph, part, CFI_COUNT(part));
}

static uint64_t buffer_bound(cfi_graph *graph, const compute_place *place, const cfi_engine_device *devices, uint32_t d)
{
    const bool host = d == place->host;
    uint64_t   layers = host ? host_layers(graph, place, devices) : device_layers(graph, place, devices, d);
    uint64_t   worst = cfi_max_u64(layers, logits(graph, place, d, layers));
    uint64_t   total;

    total = cfi_graph_add(graph, standing(graph, place, d, host || graph->run->first_layer[d] == 0 || d == place->offload), worst);
    total = cfi_graph_add(graph, total, indexer_leaves(graph));
    return host ? cfi_max_u64(worst == 0 ? 0 : total, host_inputs(graph)) : total;
}

ctxfit_status cfi_memory_add_compute(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                     ctxfit_error *error)
{
    const compute_place place = find_place(model, devices, run);
    bool                overflow = false;

    for (uint32_t d = 0; d <= place.host; d++) {
        cfi_graph graph;

        if (d >= run->split_devices && d < place.host) /* takes no part */
            continue;
        cfi_graph_init(&graph, model, run, d < place.host ? devices[d].backend : CTXFIT_BACKEND_CPU);
        out->device[d].compute = buffer_bound(&graph, &place, devices, d);
        out->device[d].compute_low = 0;
        overflow = overflow || graph.overflow;
    }
    return overflow ? cfi_fail(error, CTXFIT_E_OVERFLOW, "compute buffers: more than 64 bits") : CTXFIT_OK;
}
