/* Runs an architecture's program. */
#include "build.h"

enum {
    CODE_LAYER = CFI_STEP_COUNT,
    CODE_AFTER,
    CODE_IF_HAS,    /* the model has that weight here */
    CODE_IF_SINCE,  /* the build has that change */
    CODE_IF_FACT,   /* the metadata state that, and not 0 */
    CODE_IF_UNLESS, /* the metadata do not say that it is 0 */
    CODE_IF_EVERY,  /* every n-th layer, as the metadata state */
    CODE_IF_EXPERTS,/* so many experts */
    CODE_IF_ROPED,  /* the layer rotates q and k, by that rule */
    CODE_IF_STREAM, /* rows of the embedding have a part for the layer */
    CODE_IF_BEFORE, /* of the first so many layers */
    CODE_IF_LAYERS, /* the model has so many layers */
    CODE_IF_AGAIN,  /* behind the layer the layers are passed once more */
    CODE_IF_STATE,  /* the layer keeps a state of constant size */
    CODE_IF_WINDOW, /* the layer attends to a window or chunk */
    CODE_IF_CACHE,  /* the layer has a KV cache of its own */
    CODE_IF_LATENT,
    CODE_IF_LAST,
    CODE_IF_FIRST,
    CODE_IF_NEXTN,  /* it is a prediction block's */
    CODE_ELSE,
    CODE_END
};

#define DO(step)            CFI_STEP_##step, 0
#define BY(step, weight)    CFI_STEP_##step, CFI_W_##weight
#define WITH(step, value)   CFI_STEP_##step, CFI_##value
#define SLOT(step, number)  CFI_STEP_##step, number
#define EXPERTS_BY(step, act, gating, norm) CFI_STEP_##step, CFI_ACT_##act | CFI_GATING_##gating << 3 | CFI_##norm << 6
#define EXPERTS(act, gating, norm) EXPERTS_BY(MOE, act, gating, norm)
/* Of the same rows, routed experts and then the shared ones; slots 0 and 1. */
#define EXPERTS_AND_SHARED(act, gating, norm)                                                                                            \
    SLOT(SAVE, 0), EXPERTS(act, gating, norm), SLOT(SAVE, 1), SLOT(LOAD, 0), WITH(FFN_SHARED, ACT_##act), SLOT(ADD_SAVED, 1)
#define LAYER               CODE_LAYER, 0
#define AFTER               CODE_AFTER, 0
#define IF_HAS(weight)      CODE_IF_HAS, CFI_W_##weight
#define IF_SINCE(change)    CODE_IF_SINCE, CFI_CHANGE_##change
#define IF_FACT(fact)       CODE_IF_FACT, CFI_FACT_##fact
#define IF_UNLESS(fact)     CODE_IF_UNLESS, CFI_FACT_##fact
#define IF_EVERY(fact)      CODE_IF_EVERY, CFI_FACT_##fact
#define IF_EXPERTS(count)   CODE_IF_EXPERTS, count
#define IF_ROPED(rule)      CODE_IF_ROPED, CFI_##rule
#define IF_STREAM           CODE_IF_STREAM, 0
#define IF_BEFORE(count)    CODE_IF_BEFORE, count
#define IF_LAYERS(count)    CODE_IF_LAYERS, count
#define IF_AGAIN            CODE_IF_AGAIN, 0
#define IF_STATE            CODE_IF_STATE, 0
#define IF_WINDOW           CODE_IF_WINDOW, 0
#define IF_CACHE            CODE_IF_CACHE, 0
#define IF_LATENT           CODE_IF_LATENT, 0
#define IF_LAST             CODE_IF_LAST, 0
#define IF_FIRST            CODE_IF_FIRST, 0
#define IF_NEXTN            CODE_IF_NEXTN, 0
#define ELSE                CODE_ELSE, 0
#define END                 CODE_END, 0

/* All programs, one behind another. */
typedef struct program_pool {
#define CFI_GRAPH(name, ...) uint8_t name[sizeof((const uint8_t[]){__VA_ARGS__})];
#define CFI_GRAPH_OF(arch, name, flags)
#include "graphs.def"
#undef CFI_GRAPH
#undef CFI_GRAPH_OF
} program_pool;

static const program_pool programs = {
#define CFI_GRAPH(name, ...) {__VA_ARGS__},
#define CFI_GRAPH_OF(arch, name, flags)
#include "graphs.def"
#undef CFI_GRAPH
#undef CFI_GRAPH_OF
};

typedef struct program_row {
    char     arch[20];
    uint16_t start;
    uint16_t bytes;
    uint32_t flags;
} program_row;

static const program_row rows[] = {
#define CFI_GRAPH(name, ...)
#define CFI_GRAPH_OF(arch, name, flags) {arch, offsetof(program_pool, name), sizeof(((const program_pool *)0)->name), CFI_PROGRAM_##flags},
#include "graphs.def"
#undef CFI_GRAPH
#undef CFI_GRAPH_OF
};

static const program_row *find_row(const ctxfit_model *model)
{
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        if (strcmp(rows[i].arch, model->arch_name) == 0)
            return &rows[i];
    }
    return NULL;
}

bool cfi_program_find(const ctxfit_model *model, uint32_t *flags)
{
    const program_row *row = find_row(model);

    *flags = row != NULL ? row->flags : 0;
    return row != NULL;
}

static bool every(const cfi_build *b, cfi_fact fact)
{
    double layers = cfi_build_fact(b, fact, 0);

    return layers >= 1 && layers < UINT32_MAX && (b->index + 1) % (uint32_t)layers == 0;
}

static bool has_stream(const cfi_build *b)
{
    if ((b->flags & CFI_PROGRAM_STREAMS_LIST) != 0)
        return b->index > 0 && (b->model->layer_marks[b->index] & CFI_LAYER_STREAM) != 0;
    return (b->index + 2) * (uint64_t)b->model->info.embedding <= b->model->info.embedding_inputs;
}

static bool holds(cfi_build *b, uint8_t code, uint8_t arg)
{
    switch (code) {
    case CODE_IF_HAS: return cfi_has_weight(b, (cfi_weight)arg);
    case CODE_IF_SINCE: return cfi_build_changed(b, (cfi_engine_change)arg);
    case CODE_IF_FACT: return cfi_build_fact(b, (cfi_fact)arg, 0) != 0;
    case CODE_IF_UNLESS: return cfi_build_fact(b, (cfi_fact)arg, 1) != 0;
    case CODE_IF_EVERY: return every(b, (cfi_fact)arg);
    case CODE_IF_EXPERTS: return b->layer->experts == arg;
    case CODE_IF_ROPED: return cfi_layer_roped(b, arg);
    case CODE_IF_BEFORE: return b->index < arg;
    case CODE_IF_LAYERS: return b->model->info.layers == arg;
    case CODE_IF_STREAM: return has_stream(b);
    case CODE_IF_AGAIN: return !b->last && (b->index + 1) % cfi_model_layers_once(b->model) == 0;
    case CODE_IF_STATE: return b->layer->state != CTXFIT_STATE_NONE;
    case CODE_IF_WINDOW: return cfi_engine_layer_windowed(b->layer);
    case CODE_IF_CACHE: return (b->layer->flags & CTXFIT_LAYER_F_CACHE) != 0;
    case CODE_IF_LATENT: return b->layer->attention == CTXFIT_ATTENTION_LATENT;
    case CODE_IF_LAST: return b->last;
    case CODE_IF_NEXTN: return b->model->blocks_from != 0;
    default: return b->first;
    }
}

static void run(cfi_build *b, uint8_t code, uint8_t arg)
{
    switch (code) {
#define CFI_STEP(name, function) \
    case CFI_STEP_##name: function(b, arg); break;
#include "steps.def"
#undef CFI_STEP
    default: break;
    }
}

/* The end of a part that is not run: behind its ELSE or END. */
static const uint8_t *skip(const uint8_t *at, const uint8_t *end)
{
    for (uint32_t depth = 0; at < end; at += 2) {
        if (at[0] == CODE_END && depth-- == 0)
            return at + 2;
        if (at[0] == CODE_ELSE && depth == 0)
            return at + 2;
        if (at[0] >= CODE_IF_HAS && at[0] < CODE_ELSE)
            depth++;
    }
    return end;
}

static void run_part(cfi_build *b, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint8_t code = at[0];
        uint8_t arg  = at[1];

        at += 2;
        if (code < CFI_STEP_COUNT)
            run(b, code, arg);
        else if (code == CODE_ELSE || (code < CODE_ELSE && !holds(b, code, arg)))
            at = skip(at, end);
    }
}

/* Which conditions of the program hold for a layer: layers that differ in one are not alike, whatever their tensors. */
static uint64_t branches(cfi_build *b, const uint8_t *at, const uint8_t *end)
{
    uint64_t taken = 1;

    while (at < end) {
        uint8_t code = at[0];
        uint8_t arg  = at[1];
        bool    into;

        at += 2;
        if (code == CODE_ELSE) {
            at = skip(at, end);
        } else if (code >= CODE_IF_HAS && code < CODE_ELSE) {
            into  = holds(b, code, arg);
            taken = taken * 3 + into;
            at    = into ? at : skip(at, end);
        }
    }
    return taken;
}

static const uint8_t *find_code(const uint8_t *at, const uint8_t *end, uint8_t code)
{
    while (at < end && at[0] != code)
        at += 2;
    return at;
}

static void enter_layer(cfi_build *b, uint32_t index)
{
    b->index = index;
    b->layer = &b->model->layer[index];
    b->first = index == 0;
    b->last  = index + 1 == b->model->info.layers;
}

uint64_t cfi_program_branches(const ctxfit_model *model, const cfi_run *run, uint32_t layer)
{
    const program_row *row   = find_row(model);
    const uint8_t     *start = (const uint8_t *)&programs + row->start;
    const uint8_t     *end   = start + row->bytes;
    cfi_build          b     = {.model = model, .run = run, .flags = row->flags};

    enter_layer(&b, layer);
    return branches(&b, find_code(start, end, CODE_LAYER), find_code(start, end, CODE_AFTER));
}

static void build_nextn(cfi_build *b, const uint8_t *layer, const uint8_t *after)
{
    enter_layer(b, 0);
    cfi_nextn_open(b);
    run_part(b, layer + 2, after);
    cfi_net_boundary(b->net);
    cfi_nextn_close(b);
    cfi_net_expand(b->net, b->x);
}

void cfi_build_run(cfi_build *b, const uint32_t *layers, uint32_t count)
{
    const program_row *row   = find_row(b->model);
    const uint8_t     *start = (const uint8_t *)&programs + row->start;
    const uint8_t     *end   = start + row->bytes;
    const uint8_t     *layer = find_code(start, end, CODE_LAYER);
    const uint8_t     *after = find_code(start, end, CODE_AFTER);

    if (b->model->blocks_from != 0) {
        build_nextn(b, layer, after);
        return;
    }
    b->index = b->model->info.layers + b->model->info.nextn_layers;
    run_part(b, start, layer);
    for (uint32_t i = 0; i < count; i++) {
        enter_layer(b, layers[i]);
        run_part(b, layer + 2, after);
        cfi_net_boundary(b->net);
    }
    b->index = b->model->info.layers + b->model->info.nextn_layers;
    b->layer = &b->model->layer[b->model->info.layers - 1];
    run_part(b, after + 2, end);
    if (b->x != NULL)
        cfi_net_expand(b->net, b->x);
}
