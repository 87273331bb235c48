/* Ollama before 0.30: how many layers go to which GPUs, by its own estimate. llm/memory.go of 0.9.0 (EstimateGPULayers), llm/server.go
 * of 0.13.5 (buildLayout, assignLayers), server/sched.go of 0.9.0 and llm/memory.go of 0.12.2 (pickBestFullFitByLibrary). */
#include "engine_internal.h"

#define MIB (UINT64_C(1) << 20)

#define MINIMUM_MEMORY       (457 * MIB) /* of a GPU: ml/device.go, MinimumMemory */
#define MINIMUM_MEMORY_METAL (512 * MIB)

typedef struct estimate {
    const cfi_ollama_load    *load;
    const cfi_engine_machine *machine;
    uint64_t                  output;
    uint64_t                  caches;
    uint64_t                  full;    /* the graph, with all layers on GPUs, */
    uint64_t                  partial; /* and with some */
} estimate;

/* GPUs of one backend, by free memory. */
typedef struct gpu_list {
    uint32_t count;
    uint32_t at[CFI_MAX_DEVICES];
} gpu_list;

/* Sizes stop at the largest number, which fits nowhere. */
static uint64_t plus(uint64_t a, uint64_t b) { return a <= UINT64_MAX - b ? a + b : UINT64_MAX; }

static uint64_t multiplied(uint64_t a, uint64_t b)
{
    uint64_t out;

    return cfi_mul_u64(a, b, &out) ? out : UINT64_MAX;
}

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* kvCacheBytesPerElement: q8_0 and q4_0 count as one byte and a half */
static uint64_t cache_bytes(const cfi_ollama_load *load, uint64_t elems)
{
    return load->kv == CTXFIT_QUANT_Q8_0 ? elems : load->kv == CTXFIT_QUANT_Q4_0 ? elems / 2 : multiplied(2, elems);
}

/* GraphSize: of one layer, with its window or without */
static uint64_t layer_cache(const cfi_ollama_load *load, uint32_t i, bool windows)
{
    const ctxfit_model      *model = load->model;
    const ctxfit_layer_info *layer = &model->layer[i];
    const uint64_t           width = (uint64_t)model->stated_key_size + model->stated_value_size;
    const bool               by_layer = cfi_ollama_changed(load->release, CFI_OLLAMA_ESTIMATE_BY_LAYER);
    uint64_t                 cells = load->ctx_tokens;

    if (by_layer && layer->attention == CTXFIT_ATTENTION_NONE)
        return multiplied(sizeof(float), plus(layer->conv_state_elems, layer->recurrent_elems));
    if (windows && layer->attention == CTXFIT_ATTENTION_SLIDING && load->window_tokens > 0)
        cells = plus(multiplied(load->sequences, load->window_tokens), load->batch);
    return cache_bytes(load, multiplied(multiplied(cells, width), by_layer ? cfi_max_u64(1, layer->kv_heads) : model->stated_kv_heads));
}

static uint64_t layer_size(const cfi_ollama_load *load, uint32_t i)
{
    const cfi_tensor_sums *sums = &load->model->layer_sums[i];

    return plus(plus(sums->bytes[0], sums->bytes[1]), layer_cache(load, i, true));
}

static void estimate_init(estimate *e, const cfi_ollama_load *load, const cfi_engine_machine *machine)
{
    const ctxfit_model *model = load->model;
    uint64_t            whole = 0;

    *e = (estimate){.load = load, .machine = machine};
    e->output = plus(model->output_sums.bytes[0], model->output_sums.bytes[1]);
    if (!model->has_output && model->token_embd != NULL)
        e->output = plus(e->output, model->token_embd->bytes);
    for (uint32_t i = 0; i < model->info.layers; i++) {
        e->caches = plus(e->caches, layer_cache(load, i, true));
        whole = plus(whole, layer_cache(load, i, false));
    }
    if (!load->measured)
        cfi_ollama_graph(load, whole, &e->full, &e->partial);
    if (machine->count > 0 && machine->device[0].backend == CTXFIT_BACKEND_METAL)
        e->partial = e->full;
}

uint64_t cfi_ollama_reserve(uint32_t backend, uint64_t overhead_bytes)
{
    return plus(backend == CTXFIT_BACKEND_METAL ? MINIMUM_MEMORY_METAL : MINIMUM_MEMORY, overhead_bytes);
}

static uint64_t minimum_of(const estimate *e, uint32_t d)
{
    return cfi_ollama_reserve(e->machine->device[d].backend, e->load->overhead);
}

/* ByFreeMemory, reversed: memory of its own before any that is shared */
static bool gpu_goes_first(const cfi_engine_machine *machine, uint32_t a, uint32_t b)
{
    const cfi_engine_memory *memory = machine->memory;

    if (memory != NULL && memory[a].shared != memory[b].shared)
        return !memory[a].shared;
    return machine->device[a].free_bytes > machine->device[b].free_bytes;
}

static gpu_list list_of(const cfi_engine_machine *machine, uint32_t backend)
{
    gpu_list list = {0};

    for (uint32_t d = 0; d < machine->count && d < CFI_MAX_DEVICES; d++) {
        uint32_t place = list.count;

        if (machine->device[d].backend != backend)
            continue;
        for (; place > 0 && gpu_goes_first(machine, d, list.at[place - 1]); place--)
            list.at[place] = list.at[place - 1];
        list.at[place] = d;
        list.count++;
    }
    return list;
}

/* ---- until 0.12.10: EstimateGPULayers ---- */
typedef struct spread {
    uint32_t count;
    uint32_t at[CFI_MAX_DEVICES];
    uint64_t taken[CFI_MAX_DEVICES]; /* by device */
} spread;

static bool spread_holds(const estimate *e, const spread *s, uint32_t d, uint64_t graph, uint64_t more)
{
    return e->machine->device[d].free_bytes > plus(plus(plus(e->load->overhead, s->taken[d]), graph), more);
}

static void spread_take(spread *s, uint32_t d, uint64_t bytes, cfi_ollama_layout *out)
{
    s->taken[d] = plus(s->taken[d], bytes);
    out->count[d]++;
    out->layers++;
}

/* Round by round from the last layer on (until 0.6.8 from the first), each GPU until a layer is too much for it. */
static void spread_layers(const estimate *e, spread *s, uint64_t graph, cfi_ollama_layout *out)
{
    const uint32_t layers = e->load->model->info.layers;
    const bool     last_first = cfi_ollama_changed(e->load->release, CFI_OLLAMA_LAST_LAYER_FIRST);

    for (uint32_t n = 0; n < layers && out->layers < e->load->requested; n++) {
        const uint32_t i = last_first ? layers - 1 - n : n;
        const uint64_t size = layer_size(e->load, i);

        for (uint32_t j = s->count; j > 0; j--) {
            uint32_t place = i % j;

            if (spread_holds(e, s, s->at[place], graph, size)) {
                spread_take(s, s->at[place], size, out);
                break;
            }
            memmove(&s->at[place], &s->at[place + 1], (s->count - place - 1) * sizeof s->at[0]);
            s->count--;
        }
    }
}

static void estimate_over(const estimate *e, const gpu_list *gpus, cfi_ollama_layout *out)
{
    const uint64_t first = layer_size(e->load, 0), buffer = first;
    const uint64_t graph = cfi_max_u64(e->partial, gpus->count > 1 ? e->partial : e->full);
    spread         s = {0};

    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < gpus->count; i++) {
        const uint32_t d = gpus->at[i];

        if (e->machine->device[d].free_bytes < plus(plus(minimum_of(e, d), graph), multiplied(2, first)))
            continue;
        s.taken[d] = plus(less(minimum_of(e, d), e->load->overhead), buffer);
        s.at[s.count++] = d;
    }
    spread_layers(e, &s, graph, out);
    for (uint32_t j = s.count; j > 0 && out->layers < e->load->requested; j--) {
        const uint32_t d = s.at[out->layers % j];

        if (spread_holds(e, &s, d, graph, e->output)) {
            spread_take(&s, d, e->output, out);
            break;
        }
    }
    for (uint32_t d = 0; d < e->machine->count; d++) {
        out->mask |= out->count[d] > 0 ? UINT64_C(1) << d : 0;
        if (out->count[d] > 0)
            out->bytes = plus(out->bytes, plus(s.taken[d], out->layers > e->load->model->info.layers ? e->full : e->partial));
    }
}

static bool is_all(const estimate *e, const cfi_ollama_layout *layout)
{
    return layout->layers >= cfi_min_u64(e->load->requested, (uint64_t)e->load->model->info.layers + 1);
}

/* One GPU, all of them; since 0.11.5 the fewest that are enough. Where none are, as many layers as all of them hold. */
static void choose_spread(const estimate *e, const gpu_list *gpus, cfi_ollama_layout *out)
{
    const bool fewest = cfi_ollama_changed(e->load->release, CFI_OLLAMA_FEWEST_GPUS);

    for (uint32_t i = 0; i < gpus->count && !e->load->spread; i++) {
        gpu_list some = {.count = 1, .at = {gpus->at[i]}};

        if (fewest) {
            some = *gpus;
            some.count = i + 1;
        }
        estimate_over(e, &some, out);
        if (is_all(e, out))
            return;
    }
    estimate_over(e, gpus, out);
}

/* ---- since 0.12.11: assignLayers ---- */
typedef struct pack {
    uint32_t count;
    uint32_t at[CFI_MAX_DEVICES];
    uint64_t space[CFI_MAX_DEVICES];
} pack;

/* In float, as there. */
static uint64_t capacity_part(uint64_t bytes, float capacity)
{
    const float part = (float)bytes * capacity;

    return part < 1.8e19f ? (uint64_t)part : UINT64_MAX;
}

/* greedyFit: from the last layer on to the GPU with the least memory, then the next. Layers from `end` on are left out. */
static uint32_t pack_by(const estimate *e, const pack *p, uint32_t end, float capacity, cfi_ollama_layout *out)
{
    const uint32_t layers = e->load->model->info.layers;
    uint32_t       place = p->count - 1;
    uint64_t       space = capacity_part(p->space[place], capacity);

    memset(out, 0, sizeof *out);
    for (uint32_t i = end; i-- > 0 && out->layers < e->load->requested;) {
        const uint64_t size = i < layers ? layer_size(e->load, i) : e->output;

        while (size > space) {
            if (place-- == 0)
                return out->layers;
            space = capacity_part(p->space[place], capacity);
        }
        space -= size;
        out->bytes = plus(out->bytes, size);
        out->count[p->at[place]]++;
        out->layers++;
    }
    return out->layers;
}

/* findBestFit: the most layers, and the smallest part of each GPU's memory that holds so many */
static void pack_evenly(const estimate *e, const pack *p, uint32_t end, cfi_ollama_layout *out)
{
    float             high = e->load->requested != UINT32_MAX ? 1000.0f : 1.0f, low = 0.0f;
    const uint32_t    most = pack_by(e, p, end, high, out);
    cfi_ollama_layout tried;

    while (high - low > 1e-6f) {
        float middle = (low + high) / 2;

        if (middle <= low || middle >= high)
            break;
        if (pack_by(e, p, end, middle, &tried) == most) {
            high = middle;
            *out = tried;
        } else {
            low = middle;
        }
    }
}

/* assignLayers: the fewest GPUs that hold all; where none do, once more without the output layer */
static void assign(const estimate *e, const pack *all, uint32_t last_used, cfi_ollama_layout *out)
{
    const uint32_t layers = e->load->model->info.layers + 1;

    for (uint32_t end = layers; end + 2 > layers; end--) {
        pack some = *all;

        for (uint32_t i = e->load->spread ? all->count - 1 : last_used; i < all->count; i++) {
            some.count = i + 1;
            pack_evenly(e, &some, end, out);
            if (out->layers == end || out->layers == e->load->requested)
                break;
        }
        if (out->layers == layers)
            return;
    }
}

/* Load and buildLayout: graphs are counted on the GPUs that have layers, until no more of them do. */
static void choose_packed(const estimate *e, const gpu_list *gpus, cfi_ollama_layout *out)
{
    const uint64_t graph = cfi_max_u64(e->full, e->partial);
    const uint64_t buffer = e->load->measured ? 0 : layer_size(e->load, 0);
    uint32_t       used = 0, last_used = 0;
    bool           has_graph[CFI_MAX_DEVICES] = {false};

    for (;;) {
        pack     p = {.count = gpus->count};
        uint32_t more = 0;

        for (uint32_t i = 0; i < gpus->count; i++) {
            const uint32_t d = gpus->at[i];

            p.at[i] = d;
            p.space[i] = less(e->machine->device[d].free_bytes, plus(plus(buffer, minimum_of(e, d)), has_graph[d] ? graph : 0));
            last_used = has_graph[d] ? i : last_used;
        }
        assign(e, &p, last_used, out);
        for (uint32_t d = 0; d < e->machine->count; d++) {
            more += out->count[d] > 0;
            has_graph[d] = has_graph[d] || out->count[d] > 0;
        }
        if (more <= used)
            break;
        used = more;
    }
    for (uint32_t d = 0; d < e->machine->count; d++) {
        if (out->count[d] == 0)
            continue;
        out->mask |= UINT64_C(1) << d;
        out->bytes = plus(out->bytes, out->layers > e->load->model->info.layers ? e->full : e->partial);
    }
}

/* ---- all ---- */
void cfi_ollama_place(const cfi_ollama_load *load, const cfi_engine_machine *machine, cfi_ollama_layout *out)
{
    const bool        packs = load->measured || cfi_ollama_changed(load->release, CFI_OLLAMA_PACKED);
    uint64_t          seen = 0;
    cfi_ollama_layout one;
    estimate          e;

    memset(out, 0, sizeof *out);
    estimate_init(&e, load, machine);
    for (uint32_t d = 0; d < machine->count && load->requested > 0; d++) {
        const uint32_t backend = machine->device[d].backend;
        const gpu_list gpus = list_of(machine, backend);

        if (seen >> backend & 1)
            continue;
        seen |= UINT64_C(1) << backend;
        if (packs)
            choose_packed(&e, &gpus, &one);
        else
            choose_spread(&e, &gpus, &one);
        if (one.layers > out->layers)
            *out = one;
    }
    out->all = is_all(&e, out);
    out->kv_bytes = e.caches;
    out->full_bytes = e.full;
    out->partial_bytes = e.partial;
}
