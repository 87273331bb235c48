/* The compute buffers of a run: its worst prompt graph and its one-token graph, each built, placed and allocated. Layers that are
 * alike repeat what they do: a run of them is cut short once the memory's state at their ends repeats. */
#include "build.h"

#define PERIODS_KEPT 3u  /* of a run of like layers, at first; doubled until the states repeat */
#define PERIOD_MAX   16u /* layers after which kinds may repeat */

/* A run of layers whose kinds repeat. */
typedef struct stretch {
    uint32_t first;   /* in the list of layers */
    uint32_t period;
    uint32_t kept;    /* periods in the list */
    bool     whole;   /* nothing was left out */
} stretch;

typedef struct plan_layers {
    uint32_t *index;  /* layers that are built */
    uint32_t  count;
    stretch  *run;
    uint32_t  runs;
} plan_layers;

typedef struct measuring {
    const cfi_graph_setup *setup;
    uint32_t               flags;
    uint64_t              *kind; /* of each layer of the trunk */
    uint32_t               layers;
    cfi_arena             *arena;
} measuring;

bool cfi_graph_known(const ctxfit_model *model)
{
    uint32_t flags;

    return model->weight_first != NULL && cfi_program_find(model, &flags) && (model->blocks_from == 0 || cfi_nextn_known(model));
}

/* ---- layers that are alike ---- */
#define KIND_STEP UINT64_C(0x9e3779b97f4a7c15)

/* What adapters add to a layer, and to which matrices. */
static uint64_t kind_adapted(const measuring *m, uint32_t layer, uint64_t kind)
{
    const ctxfit_model *model   = m->setup->model;
    const cfi_adapted  *adapted = m->setup->run->adapted;

    for (uint32_t i = model->weight_first[layer]; i < model->weight_first[layer + 1]; i++) {
        for (uint32_t at = adapted->first[model->weight[i].tensor]; at != 0; at = adapted->pair[at - 1].next) {
            const cfi_adapted_pair *pair = &adapted->pair[at - 1];

            kind = (kind ^ ((uint64_t)model->weight[i].key << 32 | pair->a[1])) * KIND_STEP;
            kind = (kind ^ ((uint64_t)pair->quant_a << 32 | pair->quant_b)) * KIND_STEP;
        }
    }
    return kind;
}

/* What distinguishes layers in a graph: shapes, the program's branches, the device, and on the host formats too, since weights may be
 * fetched from there. */
static uint64_t kind_of(const measuring *m, uint32_t layer)
{
    const ctxfit_model *model  = m->setup->model;
    const cfi_run      *run    = m->setup->run;
    uint32_t            device = cfi_engine_layer_device(run, layer);
    bool                fetched = device == run->device_count && run->device_count > 0;
    uint64_t            kind   = (uint64_t)(fetched ? model->layer_format[layer] : model->layer_shape[layer]) << 8 | device;

    kind ^= cfi_program_branches(model, run, layer) * KIND_STEP;
    if (run->adapted != NULL)
        kind = kind_adapted(m, layer, kind);
    if (layer < run->cpu_expert_layers)
        kind ^= (uint64_t)model->layer_format[layer] << 40 | UINT64_C(1) << 63;
    if (m->setup->tensor_device != NULL) {
        for (uint32_t i = model->weight_first[layer]; i < model->weight_first[layer + 1]; i++) {
            uint8_t at = m->setup->tensor_device[model->weight[i].tensor];

            if (at == device)
                continue;
            kind = (kind ^ ((uint64_t)model->weight[i].key << 8 | at)) * KIND_STEP;
            if (at == run->device_count)
                kind = (kind ^ model->tensor[model->weight[i].tensor].quant) * KIND_STEP;
        }
    }
    return kind;
}

static uint32_t periods_from(const measuring *m, uint32_t from, uint32_t end, uint32_t period)
{
    uint32_t at = from + period;

    while (at < end && m->kind[at] == m->kind[at - period])
        at++;
    return (at - from) / period;
}

/* The last layer is always its own: it computes fewer rows. */
static void choose_layers(const measuring *m, uint32_t kept, plan_layers *out)
{
    uint32_t end = m->layers - 1;
    uint32_t at  = 0;

    out->count = 0;
    out->runs  = 0;
    while (at < end) {
        uint32_t period = 1;
        uint32_t times  = periods_from(m, at, end, 1);
        uint32_t build;

        for (uint32_t p = 2; p <= PERIOD_MAX && times <= kept + 1; p++) {
            uint32_t more = periods_from(m, at, end, p);

            if (more > kept + 1) {
                period = p;
                times  = more;
            }
        }
        build                    = times <= kept + 1 ? times : kept + (times - kept) % 2;
        out->run[out->runs++]    = (stretch){out->count, period, build, build == times};
        for (uint32_t i = 0; i < build * period; i++)
            out->index[out->count++] = at + i;
        at += times * period;
    }
    out->index[out->count++] = end;
}

/* Whether each run that was cut short ends as it would have ended whole. States may alternate between two: as many periods were left
 * out as keep the parity. */
static bool steady(const plan_layers *layers, const uint64_t *state)
{
    for (uint32_t i = 0; i < layers->runs; i++) {
        const stretch *s   = &layers->run[i];
        uint32_t       end = s->first + s->kept * s->period - 1;

        if (s->whole)
            continue;
        if (state[end] != state[end - s->period] && state[end] != state[end - 2 * s->period])
            return false;
    }
    return true;
}

/* ---- one graph ---- */
static ctxfit_status build_once(const measuring *m, const cfi_batch *batch, const plan_layers *layers, cfi_allocation *out,
                                ctxfit_error *error)
{
    const cfi_run *run = m->setup->run;
    uint64_t       all = m->setup->model->info.layers + m->setup->model->info.nextn_layers;
    cfi_net        net;
    cfi_schedule   schedule = {.devices    = m->setup->devices,
                               .padding    = m->setup->padding,
                               .used       = run->split_devices,
                               .build      = run->build,
                               .host       = run->device_count,
                               .copies     = run->pipeline ? CFI_NET_COPIES : 1,
                               .op_offload = run->op_offload,
                               .fuses      = run->fused_compute,
                               .pinned     = run->gpu_layers > all};
    cfi_build      b = {.net = &net, .setup = m->setup, .model = m->setup->model, .run = run, .flags = m->flags};
    ctxfit_status  status = CTXFIT_OK;

    cfi_net_init(&net, m->arena);
    b.tokens    = batch->tokens;
    b.sequences = batch->sequences;
    b.outputs   = batch->outputs;
    b.weights   = cfi_arena_array(&net.arena, (size_t)m->setup->model->info.tensor_count + 1, sizeof(*b.weights));
    b.caches    = cfi_arena_array(&net.arena, (size_t)(all + 1) * CFI_CACHES_PER_LAYER, sizeof(*b.caches));
    if (b.weights == NULL || b.caches == NULL) {
        net.no_memory = true;
    } else {
        cfi_build_run(&b, layers->index, layers->count);
        if (!net.overflow && !net.no_memory && !net.incomplete && cfi_schedule_make(&net, &schedule) && !cfi_allocate(&net, &schedule, out))
            status = cfi_fail(error, CTXFIT_E_LIMIT, "compute buffer: the engine's allocator runs out of free blocks");
    }
    if (net.no_memory)
        status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "compute buffer: out of memory");
    else if (net.incomplete)
        status = CTXFIT_E_INCOMPLETE; /* the caller falls back to the bound: nothing to tell */
    else if (net.overflow)
        status = cfi_fail(error, CTXFIT_E_OVERFLOW, "compute buffer: a size exceeds 64 bits");
    cfi_net_end(&net, m->arena);
    return status;
}

/* Layers that fetch parts of their own, of an embedding or of inputs, which a pipeline keeps: how many they are counts. */
static bool layers_count(const measuring *m)
{
    return m->setup->model->info.per_layer_embedding > 0 || ((m->flags & CFI_PROGRAM_VIEWS_INPUTS) != 0 && m->setup->run->pipeline);
}

static ctxfit_status measure_one(const measuring *m, cfi_batch batch, uint64_t *bytes, ctxfit_error *error)
{
    plan_layers    layers = {cfi_arena_array(m->arena, m->layers, sizeof(*layers.index)), 0,
                             cfi_arena_array(m->arena, m->layers, sizeof(*layers.run)), 0};
    cfi_allocation allocation;

    allocation.state = cfi_arena_array(m->arena, (size_t)m->layers + 1, sizeof(*allocation.state));
    if (layers.index == NULL || layers.run == NULL || allocation.state == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "compute buffer: out of memory");
    for (uint32_t kept = layers_count(m) ? m->layers : PERIODS_KEPT;; kept *= 2) {
        ctxfit_status status;

        choose_layers(m, kept, &layers);
        status = build_once(m, &batch, &layers, &allocation, error);
        if (status != CTXFIT_OK)
            return status;
        if (steady(&layers, allocation.state))
            break;
    }
    for (uint32_t p = 0; p <= m->setup->run->device_count; p++)
        bytes[p] = cfi_max_u64(bytes[p], allocation.peak[p]);
    return CTXFIT_OK;
}

bool cfi_batch_of(const ctxfit_model *model, const cfi_run *run, uint32_t which, cfi_batch *out)
{
    uint32_t flags;

    if (which == CFI_BATCH_TOKEN) {
        *out = (cfi_batch){run->n_seq, run->n_seq, run->n_seq};
        return true;
    }
    *out = (cfi_batch){run->graph_tokens, run->outputs_graph, which == CFI_BATCH_PROMPT ? run->n_seq : 1};
    return which == CFI_BATCH_PROMPT || (run->n_seq > 1 && cfi_program_find(model, &flags) && (flags & CFI_PROGRAM_RESERVES_ONE) != 0 &&
                                         cfi_engine_changed(run->build, CFI_CHANGE_RESERVE_ONE));
}

ctxfit_status cfi_graph_measure(const cfi_graph_setup *setup, uint64_t *bytes, ctxfit_error *error)
{
    const cfi_run *run = setup->run;
    measuring      m = {.setup = setup, .layers = setup->model->blocks_from != 0 ? 1 : setup->model->info.layers, .arena = setup->scratch};
    ctxfit_status  status = CTXFIT_OK;
    cfi_batch      batch;

    if (!cfi_program_find(setup->model, &m.flags))
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "no graph for architecture '%.32s'", setup->model->arch_name);
    memset(bytes, 0, (run->device_count + 1) * sizeof(*bytes));
    cfi_arena_reset(m.arena);
    m.kind = cfi_arena_array(m.arena, m.layers, sizeof(*m.kind));
    if (m.kind == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "compute buffer: out of memory");
    for (uint32_t i = 0; i < m.layers; i++)
        m.kind[i] = kind_of(&m, i);
    for (uint32_t i = 0; i < CFI_BATCHES && status == CTXFIT_OK; i++) {
        if (cfi_batch_of(setup->model, run, i, &batch))
            status = measure_one(&m, batch, bytes, error);
    }
    return status;
}
