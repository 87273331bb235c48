/* The engine's graph allocator: what is placed when, and where it lands. Rules: llama.cpp b10472 ggml/src/ggml-alloc.c (the same
 * at b11118 and, by measurement, at 0.7.0). A free block is chosen by best fit, the last of equals; the open end of the buffer
 * only when no other block fits. */
#include "net.h"

#define FREE_BLOCKS 256u /* MAX_FREE_BLOCKS, ggml-alloc.c:93 */

typedef struct block {
    uint64_t offset;
    uint64_t size;
} block;

typedef struct buffer {
    block    free[FREE_BLOCKS + 1]; /* by address; the last is the open end */
    uint32_t count;
    uint64_t mask; /* alignment - 1 */
    uint64_t peak;
} buffer;

typedef struct allocator {
    cfi_net            *net;
    const cfi_schedule *schedule;
    buffer             *buffers;
    uint32_t            range_start; /* steps of the layer that is being placed */
    bool                failed;
} allocator;

static void take_block(buffer *b, uint32_t index)
{
    memmove(&b->free[index], &b->free[index + 1], (b->count - index - 1) * sizeof(b->free[0]));
    b->count--;
}

static uint64_t place_bytes(buffer *b, uint64_t size)
{
    uint32_t best = b->count - 1;
    uint64_t best_size = UINT64_MAX;
    uint64_t offset;

    for (uint32_t i = 0; i + 1 < b->count; i++) {
        if (b->free[i].size >= size && b->free[i].size <= best_size) {
            best      = i;
            best_size = b->free[i].size;
        }
    }
    offset = b->free[best].offset;
    b->free[best].offset += size;
    b->free[best].size -= size;
    if (b->free[best].size == 0)
        take_block(b, best);
    b->peak = cfi_max_u64(b->peak, offset + size);
    return offset;
}

/* Grows the first block that it touches; else it is a block of its own. */
static bool release_bytes(buffer *b, uint64_t offset, uint64_t size)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        block *f = &b->free[i];

        if (f->offset + f->size == offset) {
            f->size += size;
            if (i + 1 < b->count && f->offset + f->size == f[1].offset) {
                f->size += f[1].size;
                take_block(b, i + 1);
            }
            return true;
        }
        if (offset + size == f->offset) {
            f->offset = offset;
            f->size += size;
            if (i > 0 && f[-1].offset + f[-1].size == offset) {
                f[-1].size += f->size;
                take_block(b, i);
            }
            return true;
        }
    }
    if (b->count >= FREE_BLOCKS)
        return false;
    while (at < b->count && b->free[at].offset < offset)
        at++;
    memmove(&b->free[at + 1], &b->free[at], (b->count - at) * sizeof(b->free[0]));
    b->free[at] = (block){offset, size};
    b->count++;
    return true;
}

/* Bytes that a tensor takes in a buffer. CUDA pads quantized rows to 512 elements and keeps F16 copies of a cache of another
 * format behind the result of flash attention (ggml-cuda.cu:906, fattn.cu). */
static uint64_t cuda_extra(const cfi_node *node, uint32_t build)
{
    const cfi_quant_format *format = cfi_quant_format_of((ctxfit_quant)node->quant);
    uint64_t                extra  = 0;

    if (node->op == CFI_OP_FLASH_ATTN_EXT && node->sources >= 3 && cfi_engine_changed(build, CFI_CHANGE_FLASH_COPIES)) {
        const cfi_node *k = node->src[1];
        const cfi_node *v = node->src[2];

        if (k->quant != CFI_QUANT_F16)
            extra += cfi_node_elems(k) * 2;
        if (v->quant != CFI_QUANT_F16 && (v->view == NULL || v->view != k->view)) /* else the copy of the keys serves for both */
            extra += cfi_node_elems(v) * 2;
    }
    if (format != NULL && format->block_elems > 1 && node->ne[0] % 512 != 0)
        extra += cfi_row_bytes(node->quant, 512 - node->ne[0] % 512);
    return extra;
}

static uint64_t needed(const allocator *a, const cfi_node *node, uint32_t place)
{
    uint64_t bytes = cfi_node_bytes(node);

    if (a->schedule->padding[place] == CFI_PADDING_CUDA)
        bytes += cuda_extra(node, a->schedule->build);
    return bytes;
}

static uint64_t padded(const buffer *b, uint64_t bytes) { return (bytes + b->mask) & ~b->mask; }

/* A source whose memory the node may take over. */
static cfi_node *heir_of(const cfi_node *node)
{
    for (uint32_t i = 0; i < node->sources; i++) {
        cfi_node *p = node->src[i];

        if ((p->flags & CFI_NODE_OWN) != 0 && (p->flags & CFI_NODE_OUTPUT) == 0 && p->users == 1 && p->views == 0 &&
            p->quant == node->quant && memcmp(p->ne, node->ne, sizeof(p->ne)) == 0 && memcmp(p->nb, node->nb, sizeof(p->nb)) == 0)
            return p;
    }
    return NULL;
}

static void place_node(allocator *a, cfi_node *node, uint32_t place)
{
    cfi_node *from;

    if ((node->flags & (CFI_NODE_EXTERNAL | CFI_NODE_OWN)) != 0 || node->view != NULL)
        return;
    node->flags |= CFI_NODE_OWN;
    from = cfi_op_in_place(node->op) ? heir_of(node) : NULL;
    if (from != NULL) {
        buffer  *b    = &a->buffers[from->buffer];
        uint64_t had  = padded(b, needed(a, from, from->buffer));
        uint64_t want = padded(b, needed(a, node, from->buffer));

        node->buffer = from->buffer;
        node->offset = from->offset;
        from->flags &= (uint8_t)~CFI_NODE_OWN;
        if (had > want && !release_bytes(b, from->offset + want, had - want))
            a->failed = true;
        return;
    }
    node->buffer = (uint8_t)place;
    node->offset = place_bytes(&a->buffers[place], padded(&a->buffers[place], needed(a, node, place)));
}

static void free_node(allocator *a, cfi_node *node)
{
    buffer *b = &a->buffers[node->buffer];

    if ((node->flags & CFI_NODE_OUTPUT) != 0)
        return;
    node->flags &= (uint8_t)~CFI_NODE_OWN;
    if (!release_bytes(b, node->offset, padded(b, needed(a, node, node->buffer))))
        a->failed = true;
}

static void drop_user(allocator *a, cfi_node *node)
{
    if (--node->users > 0 || node->views > 0)
        return;
    if (node->view != NULL) {
        cfi_node *root = node->view;

        if (--root->views == 0 && root->users == 0 && (root->flags & CFI_NODE_OWN) != 0)
            free_node(a, root);
    } else if ((node->flags & CFI_NODE_OWN) != 0) {
        free_node(a, node);
    }
}

/* Leafs first, then inputs where a node reads them first; counts who reads what. */
static void count_users(allocator *a)
{
    const cfi_schedule *s = a->schedule;

    for (uint32_t i = 0; i < s->leaf_count; i++)
        place_node(a, s->leaf[i].node, s->leaf[i].place);
    for (uint32_t i = 0; i < s->step_count; i++) {
        cfi_node *node  = s->step[i].node;
        uint32_t  place = s->step[i].place;

        if (s->step[i].dependency) {
            node->users++;
            if ((node->flags & CFI_NODE_INPUT) != 0)
                place_node(a, node, place);
            continue;
        }
        if (node->view != NULL && node->op != CFI_OP_NONE)
            node->view->views++;
        if ((node->flags & CFI_NODE_INPUT) != 0)
            place_node(a, node, place);
        for (uint32_t j = 0; j < node->sources; j++) {
            node->src[j]->users++;
            if ((node->src[j]->flags & CFI_NODE_INPUT) != 0)
                place_node(a, node->src[j], place);
        }
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

/* What a later layer can see of the state at a layer's end: the free blocks, and where the tensors of this layer that are still
 * needed lie. Equal states are followed by equal placements. */
static uint64_t state_hash(const allocator *a, uint32_t end)
{
    uint64_t hash = 0;

    for (uint32_t p = 0; p <= a->schedule->host; p++) {
        const buffer *b = &a->buffers[p];

        for (uint32_t i = 0; i < b->count; i++)
            hash = mix(hash, b->free[i].offset);
        for (uint32_t i = 0; i + 1 < b->count; i++)
            hash = mix(hash, b->free[i].size);
        hash = mix(hash, b->count);
    }
    for (uint32_t i = a->range_start; i < end; i++) {
        const cfi_node *node = a->schedule->step[i].node;

        if ((node->flags & CFI_NODE_OWN) != 0 && !a->schedule->step[i].dependency)
            hash = mix(mix(mix(hash, i - a->range_start), node->offset), node->buffer);
    }
    return hash;
}

static void run_step(allocator *a, const cfi_step *step)
{
    cfi_node *node = step->node;

    if (step->dependency) {
        place_node(a, node, step->place);
        drop_user(a, node);
        return;
    }
    for (uint32_t j = 0; j < node->sources; j++)
        place_node(a, node->src[j], step->place);
    place_node(a, node, step->place);
    for (uint32_t j = 0; j < node->sources; j++)
        drop_user(a, node->src[j]);
}

bool cfi_allocate(cfi_net *net, const cfi_schedule *schedule, cfi_allocation *out)
{
    allocator a = {.net = net, .schedule = schedule};

    a.buffers = cfi_arena_array(&net->arena, schedule->host + 1, sizeof(*a.buffers));
    if (a.buffers == NULL) {
        net->no_memory = true;
        return false;
    }
    for (uint32_t p = 0; p <= schedule->host; p++) {
        a.buffers[p].count   = 1;
        a.buffers[p].free[0] = (block){0, UINT64_MAX / 2};
        a.buffers[p].mask    = (schedule->padding[p] == CFI_PADDING_CUDA ? 128u : 32u) - 1;
    }
    count_users(&a);
    for (uint32_t i = 0; i < schedule->step_count; i++) {
        run_step(&a, &schedule->step[i]);
        if (schedule->step[i].node->boundary != 0 && !schedule->step[i].dependency) {
            out->state[schedule->step[i].node->boundary - 1] = state_hash(&a, i + 1);
            a.range_start                                    = i + 1;
        }
    }
    for (uint32_t p = 0; p <= schedule->host; p++)
        out->peak[p] = a.buffers[p].peak;
    return !a.failed;
}
