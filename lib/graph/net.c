#include "net.h"

#define NODE_BLOCK 64u

/* ---- the net ---- */
void cfi_net_init(cfi_net *net, cfi_arena *arena)
{
    memset(net, 0, sizeof(*net));
    net->arena = *arena;
    net->sink = (cfi_node){.ne = {1, 1, 1, 1}, .nb = {4, 4, 4, 4}, .quant = CFI_QUANT_F32, .place = CFI_UNPLACED};
}

void cfi_net_end(cfi_net *net, cfi_arena *arena) { *arena = net->arena; }

void cfi_list_add(cfi_net *net, cfi_list *list, cfi_node *node)
{
    cfi_node **items = cfi_arena_grown(&net->arena, list->item, list->count, &list->room, 512, sizeof(*items));

    if (items == NULL) {
        net->no_memory = true;
        return;
    }
    list->item                = items;
    list->item[list->count++] = node;
}

/* Sources first, each in its order. The way back stands in the sources themselves: a graph is as deep as a file makes it. */
void cfi_net_expand(cfi_net *net, cfi_node *node)
{
    cfi_node *asker = NULL, *next;

    if ((node->flags & CFI_NODE_VISITED) != 0)
        return;
    node->flags |= CFI_NODE_VISITED;
    while (node != NULL) {
        if (node->expanded < node->sources) {
            next = node->src[node->expanded];
            if ((next->flags & CFI_NODE_VISITED) != 0) {
                node->expanded++;
                continue;
            }
            next->flags |= CFI_NODE_VISITED;
            node->src[node->expanded] = asker;
            asker = node;
            node  = next;
            continue;
        }
        cfi_list_add(net, node->op == CFI_OP_NONE ? &net->leafs : &net->nodes, node);
        next = asker;
        if (asker != NULL) {
            asker = next->src[next->expanded];
            next->src[next->expanded++] = node;
        }
        node = next;
    }
}

void cfi_net_boundary(cfi_net *net)
{
    if (net->nodes.count > 0)
        net->nodes.item[net->nodes.count - 1]->boundary = ++net->boundaries;
}

/* ---- tensors ---- */
static cfi_node *new_node(cfi_net *net)
{
    cfi_node *node;

    if (net->block_left == 0) {
        net->block = cfi_arena_array(&net->arena, NODE_BLOCK, sizeof(*net->block));
        if (net->block == NULL) {
            net->no_memory = true;
            return &net->sink;
        }
        net->block_left = NODE_BLOCK;
    }
    node        = net->block++;
    node->place = CFI_UNPLACED;
    net->block_left--;
    return node;
}

static uint64_t times(cfi_net *net, uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    if ((a | b) <= UINT32_MAX) /* spares the division of the check */
        return a * b;
    if (!cfi_mul_u64(a, b, &product) || product > UINT64_MAX / 4)
        net->overflow = true;
    return product;
}

uint64_t cfi_row_bytes(uint32_t quant, uint64_t elems)
{
    const cfi_quant_format *format = cfi_quant_format_of((ctxfit_quant)quant);

    if (format == NULL || format->block_elems == 0)
        return elems;
    return (format->block_elems == 1 ? elems : elems / format->block_elems) * format->block_bytes;
}

static void set_shape(cfi_net *net, cfi_node *node, uint32_t quant, const uint64_t ne[4])
{
    const cfi_quant_format *format = cfi_quant_format_of((ctxfit_quant)quant);
    uint64_t                blocks = ne[0];

    node->quant = (uint16_t)quant;
    memcpy(node->ne, ne, sizeof(node->ne));
    if (format == NULL || format->block_elems == 0) {
        net->overflow = true;
        return;
    }
    if (format->block_elems > 1)
        blocks /= format->block_elems;
    node->nb[0] = format->block_bytes;
    node->nb[1] = times(net, node->nb[0], blocks);
    node->nb[2] = times(net, node->nb[1], ne[1]);
    node->nb[3] = times(net, node->nb[2], ne[2]);
    (void)times(net, node->nb[3], ne[3]);
}

cfi_node *cfi_op_new(cfi_net *net, cfi_op op, uint32_t quant, const uint64_t ne[4])
{
    cfi_node *node = new_node(net);

    node->op = (uint8_t)op;
    set_shape(net, node, quant, ne);
    return node;
}

void cfi_op_source(cfi_node *node, cfi_node *source)
{
    if (source != NULL && node->sources < CFI_NODE_SOURCES)
        node->src[node->sources++] = source;
}

cfi_node *cfi_tensor_4d(cfi_net *net, uint32_t quant, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3)
{
    return cfi_op_new(net, CFI_OP_NONE, quant, (const uint64_t[4]){ne0, ne1, ne2, ne3});
}

cfi_node *cfi_tensor_1d(cfi_net *net, uint32_t quant, uint64_t ne0) { return cfi_tensor_4d(net, quant, ne0, 1, 1, 1); }

cfi_node *cfi_tensor_2d(cfi_net *net, uint32_t quant, uint64_t ne0, uint64_t ne1) { return cfi_tensor_4d(net, quant, ne0, ne1, 1, 1); }

cfi_node *cfi_tensor_input(cfi_node *node)
{
    node->flags |= CFI_NODE_INPUT;
    return node;
}

uint64_t cfi_node_elems(const cfi_node *node) { return node->ne[0] * node->ne[1] * node->ne[2] * node->ne[3]; }

uint64_t cfi_node_rows(const cfi_node *node) { return node->ne[1] * node->ne[2] * node->ne[3]; }

uint64_t cfi_node_bytes(const cfi_node *node)
{
    const cfi_quant_format *format = cfi_quant_format_of((ctxfit_quant)node->quant);
    uint64_t                bytes;

    if (format == NULL || cfi_node_elems(node) == 0)
        return 0;
    if (format->block_elems <= 1)
        bytes = format->block_bytes + (node->ne[0] - 1) * node->nb[0];
    else
        bytes = node->ne[0] / format->block_elems * node->nb[0];
    for (int i = 1; i < 4; i++)
        bytes += (node->ne[i] - 1) * node->nb[i];
    return bytes;
}

bool cfi_node_contiguous(const cfi_node *node)
{
    uint64_t bytes = cfi_row_bytes(node->quant, node->ne[0]);

    for (int i = 1; i < 4; i++) {
        if (node->ne[i] != 1 && node->nb[i] != bytes)
            return false;
        bytes *= node->ne[i];
    }
    return true;
}

/* ---- operations ---- */
cfi_node *cfi_op_same(cfi_net *net, cfi_op op, cfi_node *a)
{
    cfi_node *node = cfi_op_new(net, op, a->quant, a->ne);

    cfi_op_source(node, a);
    return node;
}

cfi_node *cfi_op_pair(cfi_net *net, cfi_op op, cfi_node *a, cfi_node *b)
{
    cfi_node *node = cfi_op_same(net, op, a);

    cfi_op_source(node, b);
    return node;
}

/* A name for a's memory, of a's layout. */
static cfi_node *view_of(cfi_net *net, cfi_op op, cfi_node *a)
{
    cfi_node *node = new_node(net);

    node->op    = (uint8_t)op;
    node->quant = a->quant;
    node->view  = a->view != NULL ? a->view : a;
    memcpy(node->ne, a->ne, sizeof(node->ne));
    memcpy(node->nb, a->nb, sizeof(node->nb));
    return node;
}

cfi_node *cfi_op_over(cfi_net *net, cfi_op op, cfi_node *a)
{
    cfi_node *node = view_of(net, op, a);

    cfi_op_source(node, a);
    return node;
}

cfi_node *cfi_add(cfi_net *net, cfi_node *a, cfi_node *b) { return cfi_op_pair(net, CFI_OP_ADD, a, b); }
cfi_node *cfi_mul(cfi_net *net, cfi_node *a, cfi_node *b) { return cfi_op_pair(net, CFI_OP_MUL, a, b); }

cfi_node *cfi_clamp(cfi_net *net, uint32_t build, cfi_node *a)
{
    return cfi_engine_changed(build, CFI_CHANGE_CLAMP_COPIES) ? cfi_op_same(net, CFI_OP_CLAMP, a) : cfi_op_over(net, CFI_OP_CLAMP, a);
}

cfi_node *cfi_missing(cfi_net *net)
{
    net->incomplete = true;
    return &net->sink;
}

cfi_node *cfi_mul_mat(cfi_net *net, cfi_node *weight, cfi_node *x)
{
    cfi_node *node;

    if (weight == NULL)
        return cfi_missing(net);
    node = cfi_op_new(net, CFI_OP_MUL_MAT, CFI_QUANT_F32, (const uint64_t[4]){weight->ne[1], x->ne[1], x->ne[2], x->ne[3]});

    cfi_op_source(node, weight);
    cfi_op_source(node, x);
    return node;
}

cfi_node *cfi_mul_mat_id(cfi_net *net, cfi_node *experts, cfi_node *x, cfi_node *ids)
{
    cfi_node *node;

    if (experts == NULL)
        return cfi_missing(net);
    node = cfi_op_new(net, CFI_OP_MUL_MAT_ID, CFI_QUANT_F32, (const uint64_t[4]){experts->ne[1], ids->ne[0], x->ne[2], 1});

    cfi_op_source(node, experts);
    cfi_op_source(node, x);
    cfi_op_source(node, ids);
    return node;
}

cfi_node *cfi_add_id(cfi_net *net, cfi_node *a, cfi_node *b, cfi_node *ids)
{
    cfi_node *node = cfi_op_pair(net, CFI_OP_ADD_ID, a, b);

    cfi_op_source(node, ids);
    return node;
}

cfi_node *cfi_get_rows(cfi_net *net, cfi_node *from, cfi_node *ids)
{
    uint32_t  quant;
    cfi_node *node;

    if (from == NULL)
        return cfi_missing(net);
    quant = from->quant == CFI_QUANT_I32 ? CFI_QUANT_I32 : CFI_QUANT_F32;
    node  = cfi_op_new(net, CFI_OP_GET_ROWS, quant, (const uint64_t[4]){from->ne[0], ids->ne[0], ids->ne[1], ids->ne[2]});

    cfi_op_source(node, from);
    cfi_op_source(node, ids);
    return node;
}

cfi_node *cfi_set_rows(cfi_net *net, cfi_node *to, cfi_node *rows, cfi_node *ids)
{
    cfi_node *node = view_of(net, CFI_OP_SET_ROWS, to);

    cfi_op_source(node, rows);
    cfi_op_source(node, ids);
    cfi_op_source(node, to);
    return node;
}

cfi_node *cfi_cpy(cfi_net *net, cfi_node *from, cfi_node *to)
{
    cfi_node *node = view_of(net, CFI_OP_CPY, to);

    cfi_op_source(node, from);
    cfi_op_source(node, to);
    return node;
}

/* Names itself as its second source. */
cfi_node *cfi_cast(cfi_net *net, cfi_node *a, uint32_t quant)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_CPY, quant, a->ne);

    cfi_op_source(node, a);
    cfi_op_source(node, node);
    return node;
}

cfi_node *cfi_cont_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_CONT, a->quant, (const uint64_t[4]){ne0, ne1, ne2, ne3});

    cfi_op_source(node, a);
    return node;
}

cfi_node *cfi_cont(cfi_net *net, cfi_node *a) { return cfi_cont_4d(net, a, a->ne[0], a->ne[1], a->ne[2], a->ne[3]); }

cfi_node *cfi_cont_swapped(cfi_net *net, cfi_node *a) { return cfi_cont(net, cfi_permute(net, a, 1, 0, 2, 3)); }

cfi_node *cfi_cont_2d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1) { return cfi_cont_4d(net, a, ne0, ne1, 1, 1); }

cfi_node *cfi_reshape_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3)
{
    cfi_node *node = cfi_op_over(net, CFI_OP_RESHAPE, a);

    set_shape(net, node, a->quant, (const uint64_t[4]){ne0, ne1, ne2, ne3});
    return node;
}

cfi_node *cfi_reshape_1d(cfi_net *net, cfi_node *a, uint64_t ne0) { return cfi_reshape_4d(net, a, ne0, 1, 1, 1); }

cfi_node *cfi_reshape_2d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1) { return cfi_reshape_4d(net, a, ne0, ne1, 1, 1); }

cfi_node *cfi_reshape_3d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2)
{
    return cfi_reshape_4d(net, a, ne0, ne1, ne2, 1);
}

cfi_node *cfi_view_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3, uint64_t nb1, uint64_t nb2,
                      uint64_t nb3)
{
    cfi_node *node = cfi_op_over(net, CFI_OP_VIEW, a);

    set_shape(net, node, a->quant, (const uint64_t[4]){ne0, ne1, ne2, ne3});
    node->nb[1] = nb1;
    node->nb[2] = nb2;
    node->nb[3] = nb3;
    return node;
}

cfi_node *cfi_view_1d(cfi_net *net, cfi_node *a, uint64_t ne0)
{
    uint64_t row = cfi_row_bytes(a->quant, ne0);

    return cfi_view_4d(net, a, ne0, 1, 1, 1, row, row, row);
}

cfi_node *cfi_view_2d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t nb1)
{
    return cfi_view_4d(net, a, ne0, ne1, 1, 1, nb1, times(net, nb1, ne1), times(net, nb1, ne1));
}

cfi_node *cfi_view_3d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t nb1, uint64_t nb2)
{
    return cfi_view_4d(net, a, ne0, ne1, ne2, 1, nb1, nb2, times(net, nb2, ne2));
}

cfi_node *cfi_permute(cfi_net *net, cfi_node *a, uint32_t to0, uint32_t to1, uint32_t to2, uint32_t to3)
{
    cfi_node      *node  = cfi_op_over(net, CFI_OP_PERMUTE, a);
    const uint32_t to[4] = {to0, to1, to2, to3};

    for (int i = 0; i < 4; i++) {
        node->ne[to[i] & 3] = a->ne[i];
        node->nb[to[i] & 3] = a->nb[i];
    }
    return node;
}

cfi_node *cfi_transpose(cfi_net *net, cfi_node *a)
{
    cfi_node *node = cfi_permute(net, a, 1, 0, 2, 3);

    node->op = CFI_OP_TRANSPOSE;
    return node;
}

cfi_node *cfi_concat(cfi_net *net, cfi_node *a, cfi_node *b, uint32_t dim)
{
    uint64_t  ne[4] = {a->ne[0], a->ne[1], a->ne[2], a->ne[3]};
    cfi_node *node;

    ne[dim & 3] += b->ne[dim & 3];
    node = cfi_op_new(net, CFI_OP_CONCAT, a->quant, ne);
    cfi_op_source(node, a);
    cfi_op_source(node, b);
    return node;
}

cfi_node *cfi_repeat_4d(cfi_net *net, cfi_node *a, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_REPEAT, a->quant, (const uint64_t[4]){ne0, ne1, ne2, ne3});

    cfi_op_source(node, a);
    return node;
}

cfi_node *cfi_glu(cfi_net *net, cfi_node *a)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_GLU, a->quant, (const uint64_t[4]){a->ne[0] / 2, a->ne[1], a->ne[2], a->ne[3]});

    cfi_op_source(node, a);
    return node;
}

cfi_node *cfi_glu_split(cfi_net *net, cfi_node *gate, cfi_node *up) { return cfi_op_pair(net, CFI_OP_GLU, gate, up); }

cfi_node *cfi_sum_rows(cfi_net *net, cfi_node *a)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_SUM_ROWS, a->quant, (const uint64_t[4]){1, a->ne[1], a->ne[2], a->ne[3]});

    cfi_op_source(node, a);
    return node;
}

cfi_node *cfi_argsort_top_k(cfi_net *net, cfi_node *a, uint64_t k)
{
    cfi_node *sorted = cfi_op_new(net, CFI_OP_ARGSORT, CFI_QUANT_I32, a->ne);

    cfi_op_source(sorted, a);
    return cfi_view_4d(net, sorted, k, sorted->ne[1], sorted->ne[2], sorted->ne[3], sorted->nb[1], sorted->nb[2], sorted->nb[3]);
}

cfi_node *cfi_top_k(cfi_net *net, cfi_node *a, uint64_t k)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_TOP_K, CFI_QUANT_I32, (const uint64_t[4]){k, a->ne[1], a->ne[2], a->ne[3]});

    cfi_op_source(node, a);
    return node;
}

cfi_node *cfi_rope(cfi_net *net, cfi_node *a, cfi_node *positions, cfi_node *factors)
{
    cfi_node *node = cfi_op_pair(net, CFI_OP_ROPE, a, positions);

    cfi_op_source(node, factors);
    return node;
}

cfi_node *cfi_soft_max(cfi_net *net, cfi_node *a, cfi_node *mask, cfi_node *sinks)
{
    cfi_node *node = cfi_op_pair(net, CFI_OP_SOFT_MAX, a, mask);

    cfi_op_source(node, sinks);
    return node;
}

cfi_node *cfi_flash_attn(cfi_net *net, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask, cfi_node *sinks)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_FLASH_ATTN_EXT, CFI_QUANT_F32, (const uint64_t[4]){v->ne[0], q->ne[2], q->ne[1], q->ne[3]});

    cfi_op_source(node, q);
    cfi_op_source(node, k);
    cfi_op_source(node, v);
    cfi_op_source(node, mask);
    cfi_op_source(node, sinks);
    return node;
}

cfi_node *cfi_pad(cfi_net *net, cfi_node *a, uint64_t p0, uint64_t p1, uint64_t p2, uint64_t p3)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_PAD, a->quant, (const uint64_t[4]){a->ne[0] + p0, a->ne[1] + p1, a->ne[2] + p2, a->ne[3] + p3});

    cfi_op_source(node, a);
    return node;
}
