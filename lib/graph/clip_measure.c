/* What an encoder computes with: the buffers that are reserved for pictures of a size. Rules: llama.cpp b11118 tools/mtmd/clip.cpp
 * (clip_ctx, warmup, reserve_compute_meta, clip_encode). */
#include "clip_build.h"

typedef cfi_node *(*clip_graph)(cfi_clip_build *b);

/* Of kinds that nobody read. */
cfi_node *cfi_clip_graph_none(cfi_clip_build *b) { return cfi_missing(b->net); }

static clip_graph graph_of(cfi_clip_type type)
{
    switch (type) {
#define CFI_CLIP_TYPE(id, name, since, graph, ...) \
    case CFI_CLIP_TYPE_##id: return cfi_clip_graph_##graph;
#define CFI_CLIP_BEFORE(id, ...)
#include "clip_types.def"
#undef CFI_CLIP_BEFORE
#undef CFI_CLIP_TYPE
    case CFI_CLIP_TYPE_UNKNOWN: break;
    }
    return cfi_clip_graph_none;
}

static bool has_device(const cfi_clip_setup *s) { return s->backend != CTXFIT_BACKEND_DEFAULT && s->backend != CTXFIT_BACKEND_CPU; }

static cfi_padding clip_padding(uint32_t backend)
{
    return backend == CTXFIT_BACKEND_CUDA || backend == CTXFIT_BACKEND_ROCM ? CFI_PADDING_CUDA : CFI_PADDING_32;
}

/* Whether the device has a kernel for every attention of the graph. */
static bool attends(const cfi_net *net, const cfi_schedule *schedule)
{
    for (uint32_t i = 0; i < net->nodes.count; i++) {
        if (net->nodes.item[i]->op == CFI_OP_FLASH_ATTN_EXT && !cfi_schedule_supports(schedule, 0, net->nodes.item[i]))
            return false;
    }
    return true;
}

static ctxfit_status build_graph(const cfi_clip_setup *s, bool flash, cfi_allocation *out, bool *attending, uint64_t *width,
                                 ctxfit_error *error)
{
    cfi_node         *result   = NULL;
    cfi_engine_device device   = {.backend = s->backend};
    cfi_padding       pads[2]  = {clip_padding(s->backend), CFI_PADDING_32};
    uint32_t          host     = has_device(s) ? 1 : 0;
    cfi_schedule      schedule = {.devices = &device, .padding = host == 1 ? pads : &pads[1], .build = s->clip->build, .host = host,
                                  .used = host, .copies = 1, .op_offload = true, .encoder = true};
    cfi_clip_build    b        = {.clip = s->clip, .nx = s->width, .ny = s->height, .images = s->images, .overview = s->overview,
                              .flash = flash};
    ctxfit_status     status   = CTXFIT_OK;
    cfi_net           net;

    cfi_arena_reset(s->scratch);
    cfi_net_init(&net, s->scratch);
    b.net     = &net;
    b.px      = s->width / s->clip->patch;
    b.py      = s->height / s->clip->patch;
    b.patches = b.px * b.py;
    b.weights = cfi_arena_array(&net.arena, (size_t)s->clip->projector->tensor_count + 1, sizeof(*b.weights));
    if (b.weights == NULL)
        net.no_memory = true;
    else
        result = graph_of(s->clip->type)(&b);
    if (result != NULL)
        cfi_net_expand(&net, result);
    *width = result != NULL ? result->ne[0] : 0;
    *attending = attends(&net, &schedule);
    if (!net.overflow && !net.no_memory && !net.incomplete && cfi_schedule_make(&net, &schedule) && !cfi_allocate(&net, &schedule, out))
        status = cfi_fail(error, CTXFIT_E_LIMIT, "projector: the engine's allocator runs out of free blocks");
    if (net.no_memory)
        status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "projector: out of memory");
    else if (net.incomplete)
        status = CTXFIT_E_INCOMPLETE;
    else if (net.overflow)
        status = cfi_fail(error, CTXFIT_E_OVERFLOW, "projector: a size exceeds 64 bits");
    cfi_net_end(&net, s->scratch);
    return status;
}

/* ---- where no graph is known ---- */
/* The widest rows that a matrix of the encoder makes. */
static uint64_t widest(const cfi_clip *clip)
{
    uint64_t most = clip->embedding;

    for (uint32_t i = 0; i < clip->projector->tensor_count; i++) {
        const cfi_tensor *t = &clip->projector->tensor[i];

        if (t->n_dims >= 2)
            most = cfi_max_u64(most, t->n_dims == 2 ? t->dims[1] : t->dims[t->n_dims - 1]);
    }
    return most;
}

/* Convolutions over whole pictures: those of stage n see sides of 1 / 2^(n + 1). The columns of a kernel, what goes in and comes out, and
 * what stands beside (models/yasa2.cpp). */
static bool stages_bytes(const cfi_clip_setup *s, uint64_t *out)
{
    const ctxfit_projector *p = s->clip->projector;

    *out = 0;
    for (uint32_t i = 0; i < p->tensor_count; i++) {
        const cfi_tensor *t     = &p->tensor[i];
        const char       *stage = "";
        uint64_t          pixels, columns, beside;

        if (strncmp(t->name, "v.stage.", 8) == 0)
            stage = t->name + 8;
        if (t->n_dims < 4 || *stage < '0' || *stage > '9')
            continue;
        if (!cfi_mul_u64(s->width >> (*stage - '0' + 1), s->height >> (*stage - '0' + 1), &pixels) ||
            !cfi_mul_u64(t->dims[0], t->dims[1], &columns) ||
            !cfi_mul_u64(columns, cfi_max_u64(t->dims[2], t->dims[2] == 1 ? t->dims[3] : 1), &columns) ||
            !cfi_add_u64(t->dims[2], t->dims[3], &beside) || !cfi_mul_u64(beside, 4, &beside) || !cfi_add_u64(columns, beside, &columns) ||
            !cfi_mul_u64(columns, 4, &columns) || !cfi_mul_u64(columns, pixels, &columns))
            return false;
        *out = cfi_max_u64(*out, columns);
    }
    return true;
}

static bool pixels_of(const cfi_clip_setup *s, uint64_t *out)
{
    return cfi_mul_u64(s->width, s->height, out) && cfi_mul_u64(*out, s->clip->ears ? 1 : 3, out);
}

static bool positions_of(const cfi_clip_setup *s, uint64_t *out)
{
    if (!s->clip->ears)
        return cfi_mul_u64(s->width / s->clip->patch, s->height / s->clip->patch, out) && cfi_add_u64(*out, 64, out);
    *out = s->width;
    return true;
}

/* The picture and its columns, each twice; ten rows of the encoder's width and four of the widest for each position; scores without flash
 * attention, three times, and masks. */
static bool bound_bytes(const cfi_clip_setup *s, uint64_t *out)
{
    const cfi_clip *clip   = s->clip;
    uint64_t        pixels, n, rows, scores, stages;

    return stages_bytes(s, &stages) && pixels_of(s, &pixels) && positions_of(s, &n) && cfi_mul_u64(widest(clip), 16, &rows) &&
           cfi_add_u64(rows, 40 * (uint64_t)clip->embedding, &rows) && cfi_mul_u64(n, rows, &rows) && cfi_mul_u64(n, n, &scores) &&
           cfi_mul_u64(scores, 12 * (uint64_t)clip->heads + 8, &scores) && cfi_add_u64(rows, scores, &rows) &&
           cfi_mul_u64(pixels, 16, &pixels) && cfi_add_u64(rows, pixels, &rows) && cfi_add_u64(rows, stages, &rows) &&
           cfi_mul_u64(rows, s->images, out);
}

static void keep_larger(const cfi_clip_setup *s, const cfi_allocation *from, cfi_clip_bytes *out)
{
    out->device = cfi_max_u64(out->device, has_device(s) ? from->peak[0] : 0);
    out->host   = cfi_max_u64(out->host, from->peak[has_device(s) ? 1 : 0]);
}

ctxfit_status cfi_clip_measure(const cfi_clip_setup *s, cfi_clip_bytes *out, ctxfit_error *error)
{
    cfi_allocation allocation = {.state = NULL};
    bool           attending  = true;
    ctxfit_status  status;

    *out   = (cfi_clip_bytes){0, 0, s->flash != CTXFIT_CHOICE_OFF, false, 0};
    status = build_graph(s, out->flash, &allocation, &attending, &out->width, error);
    if (status == CTXFIT_OK)
        keep_larger(s, &allocation, out);
    /* Tried, found slow, and left: what was reserved for it stays. */
    if (status == CTXFIT_OK && !attending && s->flash != CTXFIT_CHOICE_ON) {
        out->flash = false;
        status     = build_graph(s, false, &allocation, &attending, &out->width, error);
        if (status == CTXFIT_OK)
            keep_larger(s, &allocation, out);
    }
    if (status == CTXFIT_E_INCOMPLETE) {
        out->bound = true;
        out->width = 0;
        /* what is copied to the GPU */
        if (!pixels_of(s, &out->host) || !cfi_mul_u64(out->host, 4, &out->host) || !cfi_mul_u64(out->host, s->images, &out->host) ||
            !bound_bytes(s, has_device(s) ? &out->device : &out->host))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "projector: a size exceeds 64 bits");
        return CTXFIT_OK;
    }
    return status;
}
