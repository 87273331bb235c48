/* An upper bound of the compute buffers: docs/compute-bound.md. */
#include "compute_internal.h"

#define PIPELINE_COPIES 4u  /* GGML_SCHED_MAX_COPIES, llama.cpp b10472 ggml/src/ggml-backend.cpp */
#define LAYER_KINDS     8u  /* that are told apart before a layer is looked at again */
#define NO_DEVICE       UINT32_MAX

/* Where operations run that do not run where their layer is. */
typedef struct compute_place {
    const cfi_engine_device *devices;
    uint32_t                 host;
    uint32_t                 offload;       /* the device that computes with weights of the host, or NO_DEVICE */
    uint32_t                 offload_batch; /* rows from which it does */
    uint32_t                 host_layers;   /* layers below are on the host */
    uint32_t                 host_experts;  /* layers below have their routed experts there */
    bool                     split;         /* some layers are here, some there */
    bool                     host_parts;    /* overrides: of some layers, parts beside routed experts are on the host */
    bool                     crossed;       /* overrides: of some layers, parts are on another device */
    uint32_t                 output_device; /* of the output matrix */
} compute_place;

/* ggml_backend_sched_backend_id_from_cur: the first device that takes operations over weights of the host. */
static compute_place find_place(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run)
{
    compute_place place = {devices, run->device_count, NO_DEVICE, 0, model->info.layers, run->cpu_expert_layers, false, false, false,
                           run->output_device};

    if (run->device_count > 0)
        place.host_layers = (uint32_t)cfi_min_u64(run->first_layer[0], model->info.layers);
    place.host_experts = (uint32_t)cfi_min_u64(place.host_experts, model->info.layers);
    place.split = run->device_count > 0 && (place.host_layers > 0 || run->split_devices > 1);
    for (uint32_t d = run->split_devices; run->op_offload && d-- > 0;) {
        uint32_t batch = cfi_engine_get_backend(devices[d].backend, run->build).offload_batch;

        if (batch != 0 && run->graph_tokens >= batch) {
            place.offload = d;
            place.offload_batch = batch;
        }
    }
    return place;
}

/* What overrides move: experts or other tensors to the host, anything to another device, the output matrix. */
static ctxfit_status find_moved(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, compute_place *place,
                                ctxfit_error *error)
{
    cfi_overrides overrides;
    ctxfit_status status = cfi_overrides_read(devices, run, &overrides, error);

    for (uint64_t i = 0; status == CTXFIT_OK && i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];
        uint32_t          home = run->output_device;
        uint32_t          at;

        if (tensor->role == CFI_ROLE_LAYER)
            home = cfi_engine_layer_device(run, tensor->layer > 0 ? (uint32_t)tensor->layer : 0);
        else if (tensor->role != CFI_ROLE_OUTPUT)
            continue;
        at = cfi_overrides_device(&overrides, run, tensor, home);
        if (at == home)
            continue;
        if (tensor->role == CFI_ROLE_OUTPUT)
            place->output_device = strcmp(tensor->name, "output.weight") == 0 ? at : place->output_device;
        else if (at != place->host)
            place->crossed = true;
        else if (tensor->flags & CFI_TENSOR_F_EXPERT)
            place->host_experts = model->info.layers;
        else
            place->host_parts = true;
    }
    if (status == CTXFIT_OK && model->token_embd != NULL && !model->has_output)
        place->output_device = cfi_overrides_device(&overrides, run, model->token_embd, run->output_device);
    place->split = place->split || (place->crossed || place->host_parts);
    return status;
}

static uint64_t input_copies(const cfi_bound *graph)
{
    return graph->run->pipeline ? PIPELINE_COPIES : 1;
}

/* ---- layers ---- */
typedef uint64_t (*layer_size)(cfi_bound *graph, const compute_place *place, uint32_t device, const ctxfit_layer_info *layer);

/* The largest of layers [first, end); equal ones are looked at once. */
static uint64_t layers_peak(cfi_bound *graph, const compute_place *place, uint32_t d, uint32_t first, uint32_t end, layer_size size)
{
    const ctxfit_model      *model = graph->model;
    const ctxfit_layer_info *kind[LAYER_KINDS];
    uint32_t                 kinds = 0;
    uint64_t                 peak = 0;

    for (uint32_t i = first; i < end && i < model->info.layers; i += model->layer_run[i]) {
        const ctxfit_layer_info *layer = &model->layer[i];
        uint32_t                 k = 0;

        while (k < kinds && k < LAYER_KINDS && memcmp(kind[k], layer, sizeof *layer) != 0)
            k++;
        if (k < kinds && k < LAYER_KINDS)
            continue;
        kind[kinds % LAYER_KINDS] = layer;
        kinds++;
        peak = cfi_max_u64(peak, size(graph, place, d, layer));
    }
    return peak;
}

static uint64_t own_layer(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    (void)place;
    (void)d;
    return cfi_bound_layer(graph, layer, NULL);
}

/* Weights that are brought, and what stands beside the last: a hole that the tensor before has left, as large as any, unless one device
 * has layers that all have experts, so that copies follow each other in the same place. */
static cfi_bound_weights brought_weights(const cfi_bound *graph, const compute_place *place, bool dense)
{
    const cfi_model_extent *extent = &graph->model->extent;
    const bool              mixed = place->split || extent->expert_gaps != 0 || (graph->model->info.flags & CTXFIT_MODEL_F_HYBRID) != 0;
    const uint64_t          expert = extent->largest[1];

    return (cfi_bound_weights){{dense ? extent->largest[0] : 0, expert}, {dense ? extent->largest[0] : 0, mixed ? expert : 0}};
}

static uint64_t guest_layer(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    const cfi_bound_weights weights = brought_weights(graph, place, true);

    (void)d;
    return cfi_bound_layer(graph, layer, &weights);
}

/* The layer is on a device, its routed experts are not. */
static uint64_t guest_experts(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    const cfi_bound_weights weights = brought_weights(graph, place, false);

    (void)d;
    if (layer->experts == 0)
        return 0;
    return cfi_bound_add(graph, cfi_bound_layer(graph, layer, &weights), cfi_bound_expert_results(graph, layer));
}

/* What all used experts return, computed on the host. */
static uint64_t expert_results(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    (void)place;
    (void)d;
    return layer->experts != 0 ? cfi_bound_expert_results(graph, layer) : 0;
}

/* Queries, keys, values and results of attention that runs on the host cross over. */
static uint64_t crossing(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    const cfi_run *run = graph->run;

    if (run->kv_offload &&
        (!run->flash || cfi_engine_flash_possible(place->devices[d].backend, layer, run->type_k, run->type_v)))
        return 0;
    return cfi_bound_mul(graph, 2 * input_copies(graph), cfi_bound_attended(graph, layer));
}

static uint64_t state_input(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    (void)place;
    (void)d;
    return cfi_bound_state_input(graph, layer);
}

/* Layers of its own, and those of the host that it computes, with their weights brought along. */
static uint64_t device_layers(cfi_bound *graph, const compute_place *place, uint32_t d)
{
    const cfi_run          *run = graph->run;
    const cfi_model_extent *extent = &graph->model->extent;
    const uint32_t          all = graph->model->info.layers;
    const uint32_t          first = place->crossed ? 0 : run->first_layer[d];
    const uint32_t          end = place->crossed ? all : run->first_layer[d + 1];
    const uint32_t          brought = place->host_parts ? all : place->host_layers; /* layers below have weights on the host */
    uint64_t                peak = layers_peak(graph, place, d, first, end, own_layer);
    uint64_t                guest;
    uint64_t                hole;

    graph->crossing = layers_peak(graph, place, d, 0, all, crossing);
    peak = cfi_bound_add(graph, peak, graph->crossing);
    if (place->host_experts > 0 && d != place->offload)
        peak = cfi_bound_add(graph, peak, layers_peak(graph, place, d, 0, place->host_experts, expert_results));
    if (d != place->offload || (brought == 0 && place->host_experts == 0))
        return peak;
    guest = layers_peak(graph, place, d, 0, brought, guest_layer);
    guest = cfi_max_u64(guest, layers_peak(graph, place, d, 0, place->host_experts, guest_experts));
    /* weights leave a hole that the largest tensor of a later layer may not fit into */
    hole = run->flash && run->type_k == CTXFIT_QUANT_F16 ? extent->largest[0] : cfi_max_u64(extent->largest[0], extent->largest[1]);
    return cfi_bound_add(graph, cfi_max_u64(peak, guest), hole);
}

/* ---- the host ---- */
/* Of a layer on the host whose products a device computes: K and V on their way to the cache; states stay. */
static uint64_t kept_on_host(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    uint64_t kv = cfi_bound_mul(graph, layer->kv_heads, (uint64_t)layer->key_size + layer->value_size);

    (void)d;
    if (graph->model->info.flags & (CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT))
        return cfi_bound_layer(graph, layer, NULL);
    if (graph->run->flash &&
        !cfi_engine_flash_possible(place->devices[place->offload].backend, layer, graph->run->type_k, graph->run->type_v))
        return cfi_bound_mul(graph, 2, cfi_bound_layer(graph, layer, NULL));
    if (graph->model->extent.fused_qkv) /* views of all three */
        kv = cfi_bound_mul(graph, 2, cfi_bound_add(graph, kv, cfi_bound_mul(graph, layer->heads, layer->key_size)));
    return layer->attention == CTXFIT_ATTENTION_NONE ? 0 : cfi_bound_tokens(graph, kv);
}

/* Attention of a device's layer that has no kernel there, with the layer's cache brought over. */
static uint64_t attention_guest(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    const cfi_run *run = graph->run;
    uint64_t       cache;

    if (layer->attention == CTXFIT_ATTENTION_NONE ||
        cfi_engine_flash_possible(place->devices[d].backend, layer, run->type_k, run->type_v))
        return 0;
    cache = cfi_bound_cache(graph, layer);
    if (layer->attention == CTXFIT_ATTENTION_LATENT) /* V is a part of K, and copied again */
        cache = cfi_bound_mul(graph, 2, cache);
    return cfi_bound_add(graph, cfi_bound_mul(graph, 2, cfi_bound_attended(graph, layer)), cache);
}

/* In a pipeline what is brought over stands in copies for every layer. */
static uint64_t attention_guests(cfi_bound *graph, const compute_place *place)
{
    uint64_t total = 0;

    for (uint32_t d = 0; graph->run->flash && d < place->host; d++) {
        uint32_t first = graph->run->first_layer[d];
        uint32_t end = (uint32_t)cfi_min_u64(graph->run->first_layer[d + 1], graph->model->info.layers);
        uint64_t peak = layers_peak(graph, place, d, first, end, attention_guest);

        if (!graph->run->pipeline)
            total = cfi_max_u64(total, peak);
        else if (first < end)
            total = cfi_bound_add(graph, total, cfi_bound_mul(graph, PIPELINE_COPIES * (uint64_t)(end - first), peak));
    }
    return total;
}

static uint64_t host_layers(cfi_bound *graph, const compute_place *place)
{
    const uint32_t all = graph->model->info.layers;
    const bool     offloads = place->offload != NO_DEVICE;
    uint64_t       peak;

    if (!graph->run->kv_offload)
        peak = layers_peak(graph, place, place->host, 0, all, own_layer);
    else
        peak = layers_peak(graph, place, place->host, 0, place->host_parts ? all : place->host_layers, offloads ? kept_on_host : own_layer);
    if (place->host_experts > 0 && !offloads)
        peak = cfi_max_u64(peak, layers_peak(graph, place, place->host, 0, place->host_experts, own_layer));
    return cfi_max_u64(peak, attention_guests(graph, place));
}

/* ---- buffers ---- */
/* Every layer that is not where the per-layer embeddings are gets a copy of all of them: its part is no contiguous piece. */
static uint64_t per_layer_views(const cfi_bound *graph, const compute_place *place, uint32_t d)
{
    const cfi_run *run = graph->run;

    if ((place->crossed || place->host_parts) && !graph->host)
        return 2 + (uint64_t)graph->model->info.layers;
    if (graph->host || run->first_layer[d] == 0)
        return 2;
    return 6 + (uint64_t)(run->first_layer[d + 1] - run->first_layer[d]);
}

/* DeepSeek-V3.2: every layer has a leaf for the choice of its indexer, which no one frees. */
#define INDEXER_CHOICE 2048u

static uint64_t indexer_leaves(cfi_bound *graph)
{
    const cfi_model_extent *extent = &graph->model->extent;

    if (extent->indexer_layers == 0)
        return 0;
    return cfi_bound_mul(graph, extent->full_layers,
                         cfi_bound_tokens(graph, cfi_min_u64(INDEXER_CHOICE, graph->run->kv_cells)));
}

/* What crosses from one device to another: hidden states, tensors of a layer that is cut in two, and holes between them. */
static uint64_t cut(cfi_bound *graph, const compute_place *place, uint32_t d)
{
    uint64_t total;
    uint64_t holes;

    if (!place->split)
        return 0;
    total = cfi_bound_add(graph, cfi_bound_mul(graph, graph->kept - 1, graph->hidden),
                          layers_peak(graph, place, d, 0, graph->model->info.layers, state_input));
    if (graph->run->pipeline)
        return cfi_bound_mul(graph, PIPELINE_COPIES, total);
    holes = graph->flags & CFI_BOUND_UNKNOWN ? 4 : graph->host ? 0 : graph->run->flash ? 1 : 2;
    return cfi_bound_add(graph, total, cfi_bound_mul(graph, holes, graph->hidden));
}

#define SMALL_TENSORS 16384u /* sums, weights and choices of a few tokens */

/* What comes from outside and stays: inputs, embeddings, and their further copies. */
static uint64_t standing(cfi_bound *graph, const compute_place *place, uint32_t d, uint64_t inputs)
{
    const bool     first = graph->host || graph->run->first_layer[d] == 0 || d == place->offload;
    const uint64_t copies = input_copies(graph);
    const uint64_t rows = cfi_bound_input_rows(graph);
    const uint64_t mixed = graph->mixed && first ? (copies > 1 ? 9 : graph->host ? 2 : 1) : 0;
    const uint64_t part[] = {
        cfi_bound_mul(graph, copies, inputs),
        copies > 1 ? cfi_bound_mul(graph, copies, rows) : 0,
        graph->host ? rows : 0,
        cfi_bound_mul(graph, mixed, rows),
        mixed != 0 ? cfi_bound_bytes(graph, 16, graph->tokens, copies) : 0,
        cut(graph, place, d),
        cfi_bound_mul(graph, copies * per_layer_views(graph, place, d), cfi_bound_per_layer_rows(graph)),
        cfi_bound_mul(graph, copies, cfi_bound_position_rows(graph)),
        indexer_leaves(graph),
        SMALL_TENSORS,
    };

    return cfi_bound_sum(graph, part, CFI_COUNT(part));
}

/* Looked-up embeddings and inputs when layers are elsewhere. */
static uint64_t host_inputs(cfi_bound *graph, uint64_t inputs)
{
    const uint64_t copies = input_copies(graph);
    const uint64_t rows = cfi_bound_input_rows(graph);
    const uint64_t part[] = {
        rows,
        graph->hidden,
        cfi_bound_mul(graph, copies, inputs),
        cfi_bound_bytes(graph, 4, graph->tokens, copies),
        cfi_bound_per_layer_rows(graph),
        cfi_bound_mul(graph, copies, cfi_bound_position_rows(graph)),
        graph->mixed && graph->model->info.per_layer_embedding != 0 ? graph->hidden : 0,
        graph->mixed ? cfi_bound_mul(graph, 2 * copies, rows) : 0,
        graph->mixed ? cfi_bound_bytes(graph, 16, graph->tokens, copies) : 0,
    };

    return cfi_bound_sum(graph, part, CFI_COUNT(part));
}

/* ---- logits ---- */
/* Hidden states below the logits, in the usual layer: none where the feed-forward tensors are so wide that a hidden state always goes
 * to the hole at the bottom. Simulated for llama and qwen3moe graphs in 2,000 sizes: docs/compute-bound.md. */
static uint64_t plain_logits_hidden(const cfi_bound *graph)
{
    const ctxfit_layer_info *layer = &graph->model->layer[graph->model->info.layers - 1];
    const uint64_t           embedding = graph->model->info.embedding;
    const uint64_t           query = (uint64_t)layer->heads * layer->key_size;
    const uint64_t           inner = layer->experts != 0 ? (uint64_t)layer->expert_width * layer->experts_used : layer->ff_width;

    if (layer->experts != 0)
        return query >= embedding && graph->run->flash ? 2 : 5;
    if (graph->model->extent.window_layers != 0) /* holes of two masks */
        return 5 * inner >= 19 * embedding ? 2 : 5;
    return 5 * inner >= 19 * embedding || (query >= embedding && 5 * inner >= 13 * embedding) ? 0 : 5;
}

/* One device has everything. */
static bool is_whole(const cfi_bound *graph, const compute_place *place)
{
    return !graph->host && !place->split && place->host_experts == 0;
}

/* And no attention goes to the host, and a window's mask, however long the context, is no larger than a hidden state: two large holes
 * compete. */
static bool is_plain(const cfi_bound *graph, const compute_place *place)
{
    const cfi_run *run = graph->run;
    uint64_t       cells = (uint64_t)graph->model->extent.window_tokens * (run->unified ? run->n_seq : 1) + run->n_ubatch;

    return is_whole(graph, place) && (graph->flags & CFI_BOUND_PLAIN) && graph->crossing == 0 &&
           (graph->model->extent.window_layers == 0 || (!run->swa_full && cells <= 2 * (uint64_t)graph->model->info.embedding));
}

/* Whether a buffer holds logits, and whether the output matrix is brought to it for that. */
static bool has_logits(const cfi_bound *graph, const compute_place *place, uint32_t d, bool *guest)
{
    bool taken = place->output_device == place->host && place->offload != NO_DEVICE && graph->outputs >= place->offload_batch;

    *guest = taken && d == place->offload;
    return *guest || (place->output_device == d && !taken);
}

/* What is in the buffer beside or below the logits, `standing` and all it ever held being `below`. */
static uint64_t logits(cfi_bound *graph, const compute_place *place, uint64_t inputs, uint64_t standing, uint64_t below, bool guest)
{
    const ctxfit_model *model = graph->model;
    const bool states = (graph->flags & CFI_BOUND_UNKNOWN) != 0 || model->layer[0].attention == CTXFIT_ATTENTION_LATENT ||
                        (model->info.flags & (CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT)) != 0;
    uint64_t   kept = graph->kept + 2;
    uint64_t   matrix = cfi_bound_bytes(graph, model->extent.logit_elems, graph->outputs, sizeof(float));
    uint64_t   total = cfi_bound_add(graph, matrix, cfi_bound_bytes(graph, model->info.embedding, graph->outputs, sizeof(float)));

    if (is_plain(graph, place)) {
        total = cfi_bound_add(graph, total, cfi_bound_mul(graph, plain_logits_hidden(graph) + graph->kept - 2, graph->hidden));
        return graph->mixed ? cfi_bound_add(graph, cfi_bound_add(graph, total, inputs), cfi_bound_mul(graph, 4, graph->hidden)) : total;
    }
    if (guest)
        total = cfi_bound_add(graph, total, cfi_bound_add(graph, model->extent.output_bytes, model->extent.largest[0]));
    if (states && !(is_whole(graph, place) && (graph->flags & CFI_BOUND_LOW_LOGITS))) {
        /* they lie below the one tensor that is left, or begin behind it */
        return cfi_bound_add(graph, total, place->split ? below : cfi_min_u64(below, cfi_bound_mul(graph, graph->mixed ? 2 : 1, matrix)));
    }
    if (place->split)
        kept += graph->flags & CFI_BOUND_UNKNOWN ? 8 : 4;
    total = cfi_bound_add(graph, total, cfi_bound_mul(graph, kept, graph->hidden));
    return cfi_bound_add(graph, total, standing);
}

/* Per-layer embeddings are looked up, projected, normed and added before the first layer. */
static uint64_t per_layer_phase(cfi_bound *graph)
{
    uint64_t rows = cfi_bound_per_layer_rows(graph);

    return rows == 0 ? 0 : cfi_bound_add(graph, cfi_bound_mul(graph, 2, rows), cfi_bound_mul(graph, graph->kept, graph->hidden));
}

static uint64_t device_bound(cfi_bound *graph, const compute_place *place, uint32_t d)
{
    uint64_t inputs = cfi_bound_inputs(graph);
    uint64_t stands = standing(graph, place, d, inputs);
    uint64_t total = cfi_bound_add(graph, stands, cfi_max_u64(device_layers(graph, place, d), per_layer_phase(graph)));
    bool     guest;

    if (has_logits(graph, place, d, &guest))
        total = cfi_max_u64(total, logits(graph, place, inputs, stands, total, guest));
    return total;
}

static uint64_t host_bound(cfi_bound *graph, const compute_place *place)
{
    uint64_t inputs = cfi_bound_inputs(graph);
    uint64_t least = host_inputs(graph, inputs);
    uint64_t layers = host_layers(graph, place);
    uint64_t stands;
    uint64_t total;
    bool     guest;
    bool     output = has_logits(graph, place, place->host, &guest);
    bool     hybrid = (graph->model->info.flags & (CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT)) != 0;

    if (!output && place->offload != NO_DEVICE && graph->run->kv_offload && !hybrid)
        return cfi_bound_add(graph, least, layers);
    if (layers == 0 && !output)
        return least;
    stands = standing(graph, place, place->host, inputs);
    total = cfi_bound_add(graph, stands, cfi_max_u64(layers, per_layer_phase(graph)));
    if (output)
        total = cfi_max_u64(total, logits(graph, place, inputs, stands, total, guest));
    return cfi_max_u64(total, least);
}

/* ---- the other end of the band ---- */
static uint64_t low_layer(cfi_bound *graph, const compute_place *place, uint32_t d, const ctxfit_layer_info *layer)
{
    (void)place;
    (void)d;
    return cfi_bound_layer_low(graph, layer);
}

/* The largest tensors that are alive together whatever the allocator does. The last layer may work on the outputs only. */
static uint64_t buffer_low(cfi_bound *graph, const compute_place *place, uint32_t d)
{
    const cfi_run *run = graph->run;
    uint32_t       first = graph->host ? 0 : (uint32_t)cfi_max_u64(run->first_layer[d], place->host_experts);
    uint32_t       end = graph->host ? place->host_layers : run->first_layer[d + 1];
    uint64_t       low = 0;
    bool           guest;

    end = (uint32_t)cfi_min_u64(end, graph->model->info.layers - 1);
    if (!place->crossed && !place->host_parts && !(graph->host && place->offload != NO_DEVICE))
        low = layers_peak(graph, place, d, first, end, low_layer);
    if (has_logits(graph, place, d, &guest))
        low = cfi_max_u64(low, cfi_bound_bytes(graph, graph->model->info.vocabulary, graph->outputs, sizeof(float)));
    return graph->host ? cfi_max_u64(low, cfi_bound_input_rows(graph)) : low;
}

static void take_bound(cfi_bound *graph, const compute_place *place, uint32_t d, cfi_memory_device *out)
{
    out->compute = graph->host ? host_bound(graph, place) : device_bound(graph, place, d);
    out->compute_low = cfi_min_u64(out->compute, buffer_low(graph, place, d));
}

/* Where states are kept to go back to, the operation that makes them makes so many more of them at once. */
static bool add_rolled_back(const ctxfit_model *model, const cfi_run *run, cfi_memory *out)
{
    uint64_t largest[CFI_MAX_DEVICES + 1] = {0}, more;

    for (uint32_t i = 0; i < model->info.layers && run->rollback > 0; i += cfi_engine_layer_run(model, run, i)) {
        uint64_t *here = &largest[cfi_engine_layer_device(run, i)];

        *here = cfi_max_u64(*here, model->layer[i].recurrent_elems);
    }
    for (uint32_t d = 0; d <= run->device_count; d++) {
        if (!cfi_mul_u64(largest[d], sizeof(float) * (uint64_t)run->n_seq * run->rollback, &more) ||
            !cfi_add_u64(out->device[d].compute, more, &out->device[d].compute))
            return false;
    }
    return true;
}

ctxfit_status cfi_memory_add_bound(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                   ctxfit_error *error)
{
    compute_place place = find_place(model, devices, run);
    cfi_bound     graph;
    bool          overflow;

    if (run->overrides != NULL && run->overrides[0] != '\0') {
        ctxfit_status status = find_moved(model, devices, run, &place, error);

        if (status != CTXFIT_OK)
            return status;
    }
    cfi_bound_init(&graph, model, run);
    cfi_bound_enter(&graph, CTXFIT_BACKEND_CPU, true);
    take_bound(&graph, &place, place.host, &out->device[place.host]);
    overflow = graph.overflow;
    for (uint32_t d = 0; d < run->split_devices; d++) {
        cfi_bound_enter(&graph, devices[d].backend, false);
        take_bound(&graph, &place, d, &out->device[d]);
        overflow = overflow || graph.overflow;
    }
    overflow = overflow || !add_rolled_back(model, run, out);
    return overflow ? cfi_fail(error, CTXFIT_E_OVERFLOW, "compute buffers: more than 64 bits") : CTXFIT_OK;
}
