/* Tensors that CUDA keeps longer than the graph needs them, to run several operations as one: the choice of experts, and the sum of what
 * experts return. Rules: llama.cpp 0c1e57098 (in llama-cpp-python 0.3.36) ggml/src/ggml-cuda/ggml-cuda.cu:2813, :3046, :4525,
 * ggml/src/ggml.c:7769 and ggml/src/ggml-backend.cpp:1461. */
#include "net.h"

#define SUMMED_MIN 2u  /* experts used */
#define SUMMED_MAX 15u /* MOE_WEIGHTED_REDUCTION_MAX_EXPERTS */

/* The nodes of a split from one on. */
typedef struct window {
    cfi_node *const *node;
    uint32_t         count;
} window;

static bool follows(const window *w, uint32_t at, cfi_op op, const cfi_node *source)
{
    return at < w->count && w->node[at]->op == op && w->node[at]->sources > 0 && w->node[at]->src[0] == source;
}

/* Whether nothing outside reads the first `count` nodes, but for two results. `users` counts every reader. */
static bool only_inside(const window *w, uint32_t count, uint32_t result, uint32_t other)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t users = 0;

        if (i == result || i == other)
            continue;
        for (uint32_t j = i + 1; j < count; j++) {
            for (uint32_t s = 0; s < w->node[j]->sources; s++)
                users += w->node[j]->src[s] == w->node[i];
        }
        if (users != w->node[i]->users || (w->node[i]->flags & CFI_NODE_OUTPUT) != 0)
            return false;
    }
    return true;
}

/* ---- the choice of experts ---- */
/* Numbers of experts for which a kernel is made (ggml-cuda/topk-moe.cu:403). */
static bool has_router(uint64_t experts)
{
    return experts == 288 || experts == 576 || (experts <= 512 && (experts & (experts - 1)) == 0);
}

/* Nodes from the scores' activation to the weights of the chosen experts; 0: something else is there. */
static uint32_t match_router(const window *w)
{
    const cfi_node *first = w->node[0];
    const cfi_node *scores;
    const cfi_node *row;
    uint32_t        at = 0;
    uint32_t        ids;

    if ((first->op != CFI_OP_SOFT_MAX && first->op != CFI_OP_UNARY) || first->sources != 1)
        return 0;
    if (first->op == CFI_OP_UNARY && follows(w, 1, CFI_OP_SQRT, first))
        at = 1;
    scores = w->node[at++];
    if (!follows(w, at, CFI_OP_RESHAPE, scores))
        return 0;
    row = w->node[at++];
    if (follows(w, at, CFI_OP_ADD, scores))
        scores = w->node[at++];
    if (!follows(w, at, CFI_OP_ARGSORT, scores) || !follows(w, at + 1, CFI_OP_VIEW, w->node[at]) ||
        !follows(w, at + 2, CFI_OP_GET_ROWS, row) || w->node[at + 2]->src[1] != w->node[at + 1])
        return 0;
    ids = at + 1;
    at += 3;
    if (follows(w, at, CFI_OP_RESHAPE, w->node[at - 1]) && follows(w, at + 1, CFI_OP_SUM_ROWS, w->node[at]) &&
        follows(w, at + 2, CFI_OP_CLAMP, w->node[at + 1]) && follows(w, at + 3, CFI_OP_DIV, w->node[at]) &&
        w->node[at + 3]->src[1] == w->node[at + 2] && follows(w, at + 4, CFI_OP_RESHAPE, w->node[at + 3]))
        at += 5;
    if (follows(w, at, CFI_OP_SCALE, w->node[at - 1]))
        at++;
    if (!has_router(w->node[ids]->nb[1] / w->node[ids]->nb[0]) || !cfi_node_contiguous(first->src[0]) ||
        !cfi_node_contiguous(w->node[at - 1]))
        return 0;
    return only_inside(w, at, ids, at - 1) ? at : 0;
}

/* ---- the sum of what experts return ---- */
typedef struct product {
    cfi_node *experts;
    cfi_node *weights;
} product;

static bool plain_f32(const cfi_node *node) { return node->quant == CFI_QUANT_F32 && cfi_node_contiguous(node); }

/* One factor as large as the product, one with a number for each of its rows. */
static bool read_product(const cfi_node *mul, product *out)
{
    if (mul->op != CFI_OP_MUL || mul->sources != 2 || !plain_f32(mul))
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        cfi_node *all = mul->src[i];
        cfi_node *row = mul->src[1 - i];

        if (plain_f32(all) && plain_f32(row) && memcmp(all->ne, mul->ne, sizeof(all->ne)) == 0 && row->ne[0] == 1 &&
            memcmp(row->ne + 1, mul->ne + 1, sizeof(row->ne) - sizeof(row->ne[0])) == 0) {
            *out = (product){all, row};
            return true;
        }
    }
    return false;
}

/* Views of all experts' rows and the sums of them, in any order that computes them: nodes from `at` on, 0: something else. */
static uint32_t match_sums(const window *w, uint32_t at, const cfi_node *weighted)
{
    const cfi_node *view[SUMMED_MAX];
    const cfi_node *sum   = NULL;
    uint64_t        used  = weighted->ne[1];
    uint32_t        views = 0;
    uint32_t        sums  = 0;

    if (used < SUMMED_MIN || used > SUMMED_MAX || w->count - at < 2 * used - 1)
        return 0;
    for (uint32_t end = at + (uint32_t)used * 2 - 1; at < end; at++) {
        const cfi_node *node = w->node[at];

        if (node->op == CFI_OP_VIEW) {
            if (views == used || node->src[0] != weighted || node->ne[0] != weighted->ne[0] || node->nb[1] != weighted->nb[2] ||
                node->ne[1] != weighted->ne[2] * weighted->ne[3] || node->ne[2] != 1 || node->ne[3] != 1)
                return 0;
            view[views++] = node;
            continue;
        }
        if (node->op != CFI_OP_ADD || sums + 1 >= views || node->src[0] != (sums == 0 ? view[0] : sum) ||
            node->src[1] != view[sums + 1])
            return 0;
        sum = node;
        sums++;
    }
    return views == used && sums + 1 == used && plain_f32(sum) ? at : 0;
}

/* ---- what is kept ---- */
static void keep(cfi_net *net, cfi_kept *kept, cfi_node *node, cfi_node *until)
{
    for (uint32_t i = kept->node.count; i-- > 0 && kept->until.item[i] == until;) {
        if (kept->node.item[i] == node)
            return;
    }
    cfi_list_add(net, &kept->node, node);
    cfi_list_add(net, &kept->until, until);
}

static uint32_t keep_sum(cfi_net *net, const window *w, cfi_kept *kept)
{
    product  first;
    product  second;
    bool     scaled;
    uint32_t count;

    if (w->count < 2 || w->node[0]->op != CFI_OP_MUL)
        return 0;
    scaled = read_product(w->node[1], &second) && second.experts == w->node[0];
    if (!read_product(w->node[0], &first))
        return 0;
    count = match_sums(w, scaled ? 2 : 1, w->node[scaled]);
    if (count == 0 || !only_inside(w, count, count - 1, count - 1))
        return 0;
    keep(net, kept, first.experts, w->node[count - 1]);
    keep(net, kept, scaled ? second.weights : first.weights, w->node[count - 1]);
    if (scaled)
        keep(net, kept, first.weights, w->node[count - 1]);
    return count;
}

/* Until the node behind them, which may be another split's. */
static uint32_t keep_router(cfi_net *net, const window *w, uint32_t left, cfi_kept *kept)
{
    uint32_t count = match_router(w);

    if (count == 0 || count >= left)
        return count;
    for (uint32_t i = 0; i < count; i++) {
        keep(net, kept, w->node[i], w->node[count]);
        for (uint32_t j = 0; j < w->node[i]->sources; j++)
            keep(net, kept, w->node[i]->src[j], w->node[count]);
    }
    return count;
}

void cfi_kept_find(cfi_net *net, uint32_t start, uint32_t end, cfi_kept *kept)
{
    for (uint32_t i = start; i < end && !net->no_memory;) {
        window   w     = {net->nodes.item + i, end - i};
        uint32_t count = keep_sum(net, &w, kept);

        if (count == 0)
            count = keep_router(net, &w, net->nodes.count - i, kept);
        i += count > 0 ? count : 1;
    }
}
