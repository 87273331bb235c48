/* Where each operation of a graph runs, and which inputs are copied there. Rules: llama.cpp b10472 ggml/src/ggml-backend.cpp:1055,
 * ggml_backend_sched_split_graph. The highest place is the host: it runs everything and is chosen last. */
#include "net.h"

#define SPLIT_INPUTS 30u /* that fit a split at first: GGML_SCHED_MAX_SPLIT_INPUTS */

typedef struct split {
    uint32_t   place;
    uint32_t   start;
    uint32_t   end;
    uint32_t   inputs;
    uint32_t   room;        /* for inputs: a split that is full ends, one that a single operation overfills is enlarged */
    uint32_t   ahead;       /* inputs that it has more in the first graph of a run, whose norms are not pinned: it may be enlarged there */
    bool       decided;     /* whether that graph enlarged it */
    uint32_t   first_input; /* in splitter.inputs */
} split;

typedef struct splitter {
    cfi_net        *net;
    cfi_schedule   *s;
    split          *splits;
    uint32_t        split_count;
    size_t          split_room;
    cfi_list        inputs;       /* of all splits, one after another */
    cfi_list        graph_inputs; /* pipelines: inputs that are kept in several copies at home */
    cfi_kept        kept;
} splitter;

/* ---- what a place can do ---- */
static bool is_device(const cfi_schedule *s, uint32_t place) { return place < s->host; }

/* What CUDA lacks of the operations of encoders (ggml-cuda.cu:4885, ggml_backend_cuda_device_supports_op). */
static bool cuda_has(const cfi_schedule *s, const cfi_node *node)
{
    if (s->encoder && node->op == CFI_OP_UNARY)
        return cfi_node_contiguous(node->src[0]);
    switch (node->op) {
    case CFI_OP_IM2COL:
    case CFI_OP_CONV_2D: return cfi_node_contiguous(node->src[0]) && cfi_node_contiguous(node->src[1]);
    case CFI_OP_CONV_2D_DW: return node->src[0]->quant == CFI_QUANT_F32;
    case CFI_OP_POOL_1D: return false;
    default: return true;
    }
}

bool cfi_schedule_supports(const cfi_schedule *s, uint32_t place, const cfi_node *node)
{
    if (!is_device(s, place))
        return true;
    if (node->op != CFI_OP_FLASH_ATTN_EXT)
        return (s->devices[place].backend != CTXFIT_BACKEND_CUDA && s->devices[place].backend != CTXFIT_BACKEND_ROCM) || cuda_has(s, node);
    return cfi_engine_flash_kernel(s->devices[place].backend, (uint32_t)node->src[1]->ne[0], (uint32_t)node->src[2]->ne[0],
                                   (uint32_t)(node->src[0]->ne[2] / (node->src[1]->ne[2] > 0 ? node->src[1]->ne[2] : 1)),
                                   (ctxfit_quant)node->src[1]->quant, (ctxfit_quant)node->src[2]->quant);
}

/* Rows by which a device decides whether to fetch weights from the host (ggml-cuda.cu, get_op_batch_size). */
static bool wants_offload(const cfi_schedule *s, uint32_t place, const cfi_node *node)
{
    uint32_t batch = cfi_engine_get_backend(s->devices[place].backend, s->build).offload_batch;
    uint64_t rows;

    switch (node->op) {
    case CFI_OP_GET_ROWS: rows = 0; break;
    case CFI_OP_MUL_MAT: rows = node->ne[1]; break;
    case CFI_OP_MUL_MAT_ID:
    case CFI_OP_ROPE: rows = node->ne[2]; break;
    default: rows = cfi_node_rows(node); break;
    }
    return batch != 0 && rows >= batch;
}

/* ---- pass 1: by the memory that is given ---- */
static uint8_t place_of_weights(const cfi_schedule *s, const cfi_node *node)
{
    if (node->op == CFI_OP_ROPE || node->op == CFI_OP_FLASH_ATTN_EXT)
        return CFI_UNPLACED; /* factors and sinks are too small to decide */
    for (uint32_t i = 0; i < node->sources; i++) {
        const cfi_node *w = node->src[i];

        if ((w->flags & CFI_NODE_WEIGHT) == 0)
            continue;
        if (w->place == s->host && s->op_offload) {
            for (uint32_t p = 0; p < s->used; p++) {
                if (cfi_schedule_supports(s, p, node) && wants_offload(s, p, node))
                    return (uint8_t)p;
            }
        }
        return cfi_schedule_supports(s, w->place, node) ? w->place : CFI_UNPLACED;
    }
    return CFI_UNPLACED;
}

static uint8_t place_of_memory(const cfi_schedule *s, const cfi_node *node)
{
    const cfi_node *root = node->view != NULL ? node->view : node;

    if ((root->flags & CFI_NODE_EXTERNAL) != 0)
        return root->place;
    if ((node->flags & CFI_NODE_INPUT) != 0)
        return (uint8_t)s->host;
    return place_of_weights(s, node);
}

static void place_given(cfi_net *net, const cfi_schedule *s)
{
    for (uint32_t i = 0; i < net->leafs.count; i++) {
        if (net->leafs.item[i]->place == CFI_UNPLACED)
            net->leafs.item[i]->place = place_of_memory(s, net->leafs.item[i]);
    }
    for (uint32_t i = 0; i < net->nodes.count; i++) {
        if (net->nodes.item[i]->place == CFI_UNPLACED)
            net->nodes.item[i]->place = place_of_memory(s, net->nodes.item[i]);
    }
}

/* ---- pass 2: neighbours follow ---- */
static void spread_over(const cfi_schedule *s, cfi_node *node, bool from_host, uint8_t *current)
{
    if (cfi_op_empty(node->op))
        return;
    if (node->place != CFI_UNPLACED)
        *current = node->place == s->host && !from_host ? CFI_UNPLACED : node->place;
    else if (*current != CFI_UNPLACED && cfi_schedule_supports(s, *current, node))
        node->place = *current;
}

static void spread(cfi_net *net, const cfi_schedule *s, bool from_host)
{
    uint8_t current = CFI_UNPLACED;

    for (uint32_t i = 0; i < net->nodes.count; i++)
        spread_over(s, net->nodes.item[i], from_host, &current);
    current = CFI_UNPLACED;
    for (uint32_t i = net->nodes.count; i-- > 0;)
        spread_over(s, net->nodes.item[i], from_host, &current);
}

/* Whether a place can read a tensor where it is. */
static bool readable(const cfi_node *node, uint32_t place)
{
    uint8_t at = node->view != NULL && (node->view->flags & CFI_NODE_EXTERNAL) != 0 ? node->view->place : node->place;

    if (at == CFI_UNPLACED && node->view != NULL)
        at = node->view->place;
    return at == place;
}

/* ---- passes 3 and 4: what is left ---- */
static void place_by_sources(const cfi_schedule *s, cfi_node *node)
{
    int best = -1;

    for (uint32_t p = 0; p <= s->host; p++) {
        int near = 0;

        if (p >= s->used && p < s->host)
            continue;
        if (!cfi_schedule_supports(s, p, node))
            continue;
        for (uint32_t j = 0; j < node->sources; j++)
            near += readable(node->src[j], p);
        if (near > best) {
            best        = near;
            node->place = (uint8_t)p;
        }
    }
}

static void place_rest(cfi_net *net, const cfi_schedule *s)
{
    for (uint32_t i = 0; i < net->nodes.count; i++) {
        cfi_node *node = net->nodes.item[i];

        if (!cfi_op_empty(node->op) && node->place == CFI_UNPLACED)
            place_by_sources(s, node);
    }
    for (uint32_t i = 0; i < net->nodes.count; i++) {
        cfi_node *node = net->nodes.item[i];

        if (node->view != NULL && node->place == CFI_UNPLACED)
            node->place = node->view->place;
        for (uint32_t j = 0; j < node->sources; j++) {
            cfi_node *src = node->src[j];

            if (src->place == CFI_UNPLACED)
                src->place = src->view != NULL ? src->view->place : node->place;
        }
        if (node->place == CFI_UNPLACED)
            node->place = 0;
    }
}

/* ---- pass 5: splits and copies ---- */
static split *new_split(splitter *sp, uint32_t place, uint32_t start)
{
    split *grown = cfi_arena_grown(&sp->net->arena, sp->splits, sp->split_count, &sp->split_room, 64, sizeof(*grown));
    split *made;

    if (grown == NULL) {
        sp->net->no_memory = true;
        return NULL;
    }
    sp->splits = grown;
    made  = &sp->splits[sp->split_count++];
    *made = (split){.place = place, .start = start, .end = start, .room = SPLIT_INPUTS, .first_input = sp->inputs.count};
    return made;
}

static cfi_node **copies_at(splitter *sp, cfi_node *node, uint32_t place)
{
    if (node->copies == NULL) {
        node->copies = cfi_arena_array(&sp->net->arena, (size_t)(sp->s->host + 1) * CFI_NET_COPIES, sizeof(*node->copies));
        if (node->copies == NULL) {
            sp->net->no_memory = true;
            return NULL;
        }
    }
    return &node->copies[(size_t)place * CFI_NET_COPIES];
}

static bool copied(const cfi_node *node, uint32_t place)
{
    return node->copies != NULL && node->copies[(size_t)place * CFI_NET_COPIES] != NULL;
}

static cfi_node *twin(splitter *sp, const cfi_node *node, uint32_t place)
{
    cfi_node *made = cfi_tensor_1d(sp->net, node->quant, 1);

    memcpy(made->ne, node->ne, sizeof(made->ne));
    memcpy(made->nb, node->nb, sizeof(made->nb));
    made->place = (uint8_t)place;
    return made;
}

/* A pipeline keeps several copies of every input at home; the first is the input itself. */
static void keep_input(splitter *sp, cfi_node *input)
{
    cfi_node **copy;

    if (copied(input, input->place) || (copy = copies_at(sp, input, input->place)) == NULL)
        return;
    for (uint32_t c = 0; c < sp->s->copies; c++) {
        copy[c] = c == 0 ? input : twin(sp, input, input->place);
        copy[c]->flags |= CFI_NODE_INPUT | CFI_NODE_OUTPUT;
    }
    cfi_list_add(sp->net, &sp->graph_inputs, input);
}

static void copy_source(splitter *sp, split *at, cfi_node *node, uint32_t j)
{
    cfi_node  *src = node->src[j];
    cfi_node **copy;

    if (!copied(src, at->place)) {
        copy = copies_at(sp, src, at->place);
        if (copy == NULL)
            return;
        for (uint32_t c = 0; c < sp->s->copies; c++) {
            copy[c] = twin(sp, src, at->place);
            if (sp->s->copies > 1)
                copy[c]->flags |= CFI_NODE_INPUT | CFI_NODE_OUTPUT;
        }
        cfi_list_add(sp->net, &sp->inputs, src);
        if (!at->decided && at->ahead > 0 && at->inputs + at->ahead >= SPLIT_INPUTS)
            at->room = 2 * SPLIT_INPUTS;
        if (at->inputs++ >= at->room)
            at->room *= 2;
    }
    node->src[j] = src->copies[(size_t)at->place * CFI_NET_COPIES];
}

/* Weights that were fetched before make room for these, and a full list of inputs ends a split. */
static bool starts_split(const splitter *sp, split *at, const cfi_node *node)
{
    if (node->place != at->place)
        return true;
    if (at->inputs == 0)
        return false;
    for (uint32_t j = 0; j < node->sources; j++) {
        const cfi_node *src = node->src[j];

        if ((src->flags & CFI_NODE_WEIGHT) != 0 && src->place != at->place)
            return true;
        if (src->place == at->place || copied(src, at->place) || readable(src, at->place))
            continue;
        at->decided |= at->inputs + at->ahead >= SPLIT_INPUTS;
        if (at->inputs >= at->room && !cfi_engine_changed(sp->s->build, CFI_CHANGE_SPLIT_UNLIMITED))
            return true;
    }
    return false;
}

static void make_splits(splitter *sp)
{
    cfi_net *net       = sp->net;
    split   *at        = NULL;
    bool     from_list = cfi_engine_changed(sp->s->build, CFI_CHANGE_INPUTS_FROM_LEAFS);

    for (uint32_t i = 0; from_list && sp->s->copies > 1 && i < net->leafs.count; i++) {
        if ((net->leafs.item[i]->flags & CFI_NODE_INPUT) != 0)
            keep_input(sp, net->leafs.item[i]);
    }
    for (uint32_t i = 0; i < net->nodes.count && !net->no_memory; i++) {
        cfi_node *node = net->nodes.item[i];

        if (cfi_op_empty(node->op))
            continue;
        if (at == NULL) {
            at = new_split(sp, node->place, 0);
        } else if (starts_split(sp, at, node)) {
            uint32_t before = at->place;

            at->end = i;
            at      = new_split(sp, node->place, i);
            if (at != NULL)
                at->ahead = sp->s->pinned && before != at->place && is_device(sp->s, before) && is_device(sp->s, at->place);
        }
        if (at == NULL)
            return;
        for (uint32_t j = 0; j < node->sources; j++) {
            cfi_node *src = node->src[j];

            if ((src->flags & CFI_NODE_INPUT) != 0 && sp->s->copies > 1 && !from_list)
                keep_input(sp, src);
            if (src->place != at->place && !readable(src, at->place))
                copy_source(sp, at, node, j);
        }
    }
    if (at != NULL)
        at->end = net->nodes.count;
}

/* ---- what devices keep ---- */
/* Readers in the graph as it was built: copies for other places do not change them. */
static void count_readers(const cfi_net *net)
{
    for (uint32_t i = 0; i < net->nodes.count; i++) {
        for (uint32_t j = 0; j < net->nodes.item[i]->sources; j++)
            net->nodes.item[i]->src[j]->users++;
    }
}

static void forget_readers(const cfi_net *net)
{
    for (uint32_t i = 0; i < net->nodes.count; i++)
        net->nodes.item[i]->users = 0;
    for (uint32_t i = 0; i < net->leafs.count; i++)
        net->leafs.item[i]->users = 0;
}

static void find_kept(splitter *sp)
{
    for (uint32_t i = 0; i < sp->split_count; i++) {
        if (is_device(sp->s, sp->splits[i].place))
            cfi_kept_find(sp->net, sp->splits[i].start, sp->splits[i].end, &sp->kept);
    }
    forget_readers(sp->net);
}

/* ---- the order ---- */
static void add_step(cfi_step *steps, uint32_t *count, cfi_node *node, uint32_t place, bool dependency)
{
    steps[(*count)++] = (cfi_step){node, (uint8_t)place, dependency};
}

static void order_steps(splitter *sp)
{
    cfi_schedule *s    = sp->s;
    uint32_t      kept = 0;

    for (uint32_t i = 0; i < sp->split_count; i++) {
        const split *at = &sp->splits[i];

        for (uint32_t j = 0; j < at->inputs; j++) {
            cfi_node *input = sp->inputs.item[at->first_input + j];

            add_step(s->step, &s->step_count, input, input->place, true);
            add_step(s->step, &s->step_count, input->copies[(size_t)at->place * CFI_NET_COPIES], at->place, false);
        }
        for (uint32_t j = at->start; j < at->end; j++) {
            cfi_node *node = sp->net->nodes.item[j];

            add_step(s->step, &s->step_count, node, node->place, false);
            for (; kept < sp->kept.node.count && sp->kept.until.item[kept] == node; kept++)
                add_step(s->step, &s->step_count, sp->kept.node.item[kept], at->place, true);
        }
    }
}

static void order_leafs(splitter *sp)
{
    cfi_schedule *s = sp->s;

    if (s->copies > 1) {
        for (uint32_t i = 0; i < sp->graph_inputs.count; i++) {
            cfi_node *input = sp->graph_inputs.item[i];

            for (uint32_t c = 0; c < s->copies; c++)
                add_step(s->leaf, &s->leaf_count, input->copies[(size_t)input->place * CFI_NET_COPIES + c], input->place, false);
        }
        for (uint32_t i = 0; i < sp->split_count; i++) {
            const split *at = &sp->splits[i];

            for (uint32_t j = 0; j < at->inputs; j++) {
                cfi_node *input = sp->inputs.item[at->first_input + j];

                for (uint32_t c = 0; c < s->copies; c++)
                    add_step(s->leaf, &s->leaf_count, input->copies[(size_t)at->place * CFI_NET_COPIES + c], at->place, false);
            }
        }
    }
    for (uint32_t i = 0; i < sp->net->leafs.count; i++)
        add_step(s->leaf, &s->leaf_count, sp->net->leafs.item[i], sp->net->leafs.item[i]->place, false);
}

bool cfi_schedule_make(cfi_net *net, cfi_schedule *s)
{
    splitter sp = {.net = net, .s = s};
    size_t   copies;

    place_given(net, s);
    spread(net, s, false);
    spread(net, s, true);
    place_rest(net, s);
    if (s->fuses)
        count_readers(net);
    make_splits(&sp);
    if (s->fuses)
        find_kept(&sp);
    if (net->no_memory)
        return false;
    copies        = (size_t)(sp.inputs.count + sp.graph_inputs.count);
    s->step_count = 0;
    s->leaf_count = 0;
    s->step       = cfi_arena_array(&net->arena, net->nodes.count + sp.kept.node.count + 2 * copies, sizeof(*s->step));
    s->leaf       = cfi_arena_array(&net->arena, net->leafs.count + copies * s->copies, sizeof(*s->leaf));
    net->no_memory = s->step == NULL || s->leaf == NULL;
    if (net->no_memory)
        return false;
    order_steps(&sp);
    order_leafs(&sp);
    return true;
}
