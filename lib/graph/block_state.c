/* States of constant size: a row per sequence, read at the layer's start and written behind it. Order of operations: llama.cpp b10472
 * src/llama-graph.cpp:3343, build_rs. */
#include "build.h"

/* All states of the layer, [elements, sequences]: what its convolution keeps, or its recurrence. */
cfi_node *cfi_state_cache(cfi_build *b, bool recurrence)
{
    cfi_node **made;

    if (b->states == NULL)
        b->states = cfi_arena_array(&b->net->arena, ((size_t)b->model->info.layers + 1) * 2, sizeof(*b->states));
    if (b->states == NULL) {
        b->net->no_memory = true;
        return cfi_missing(b->net);
    }
    made = &b->states[(size_t)b->index * 2 + recurrence];
    if (*made == NULL) {
        *made = cfi_tensor_2d(b->net, CFI_QUANT_F32, recurrence ? b->layer->recurrent_elems : b->layer->conv_state_elems, b->run->n_seq);
        (*made)->flags |= CFI_NODE_EXTERNAL;
        (*made)->place = (uint8_t)(b->run->kv_offload ? cfi_engine_layer_device(b->run, b->index) : b->run->device_count);
    }
    return *made;
}

uint64_t cfi_state_kept(const cfi_build *b) { return b->layer->conv_kernel > 0 ? b->layer->conv_kernel - 1u : 0; }

static void make_ids(cfi_build *b)
{
    cfi_net *n    = b->net;
    bool     once = cfi_build_changed(b, CFI_CHANGE_STATE_ROWS_ONCE);

    if (b->state_ids != NULL)
        return;
    b->state_ids  = cfi_tensor_input(cfi_tensor_1d(n, CFI_QUANT_I32, b->run->n_seq));
    b->state_main = cfi_view_1d(n, b->state_ids, b->sequences);
    b->state_rest = cfi_view_1d(n, b->state_ids, b->run->n_seq - (once ? 1 : b->sequences));
}

/* The states as rows; that of a sequence which begins is cleared. */
cfi_node *cfi_state_open(cfi_build *b, cfi_node *cache)
{
    cfi_net  *n    = b->net;
    cfi_node *rows = cfi_reshape_2d(n, cache, cache->ne[0], cache->ne[1]);

    make_ids(b);
    cfi_net_expand(n, cfi_op_over(n, CFI_OP_SCALE, cfi_view_1d(n, rows, cache->ne[0])));
    return rows;
}

/* Keeps the states of sequences that are not in the batch, rows of `from`. */
static void keep_rest(cfi_build *b, cfi_node *cache, cfi_node *from)
{
    uint64_t  rows = b->run->n_seq - b->sequences;
    cfi_node *rest = from;
    cfi_node *to   = cfi_view_2d(b->net, cache, cache->ne[0], rows, cache->nb[1]);

    if (cfi_build_changed(b, CFI_CHANGE_STATE_ROWS_ONCE))
        rest = cfi_view_2d(b->net, from, from->ne[0], rows, from->nb[1]);
    cfi_net_expand(b->net, cfi_cpy(b->net, rest, to));
}

/* After an operation that looks up its states by state_main itself. */
void cfi_state_used(cfi_build *b, cfi_node *cache, cfi_node *rows, cfi_node *result)
{
    cfi_net_expand(b->net, result);
    keep_rest(b, cache, cfi_get_rows(b->net, rows, b->state_rest));
}

/* The states of the batch's sequences, [elements, sequences]. */
cfi_node *cfi_state_load(cfi_build *b, cfi_node *cache)
{
    cfi_net  *n    = b->net;
    cfi_node *rows = cfi_state_open(b, cache);
    cfi_node *all;
    cfi_node *main;

    if (!cfi_build_changed(b, CFI_CHANGE_STATE_ROWS_ONCE)) {
        main = cfi_get_rows(n, rows, b->state_main);
        cfi_state_used(b, cache, rows, main);
        return main;
    }
    all  = cfi_get_rows(n, rows, b->state_ids);
    main = cfi_view_2d(n, all, all->ne[0], b->sequences, all->nb[1]);
    cfi_net_expand(n, main);
    keep_rest(b, cache, all);
    return main;
}

/* Overwrites the states of the batch's sequences; the newer form has a row for each. */
void cfi_state_store(cfi_build *b, cfi_node *cache, cfi_node *state, bool by_row)
{
    cfi_node *to = by_row ? cfi_view_2d(b->net, cache, cache->ne[0], b->sequences, cache->nb[1])
                          : cfi_view_1d(b->net, cache, cache->ne[0] * b->sequences);

    cfi_net_expand(b->net, cfi_cpy(b->net, state, to));
}

/* x [channels, tokens of a sequence, sequences] behind what the convolution kept: [kept + tokens, channels, sequences]. */
cfi_node *cfi_state_conv_input(cfi_build *b, cfi_node *kept, cfi_node *x)
{
    return cfi_concat(b->net, kept, cfi_transpose(b->net, x), 0);
}

/* The last columns of that, which the next batch begins with. */
cfi_node *cfi_state_conv_last(cfi_build *b, cfi_node *input)
{
    uint64_t kept = cfi_state_kept(b);

    return cfi_view_3d(b->net, input, kept, input->ne[1], input->ne[2], input->nb[1], input->nb[2]);
}

cfi_node *cfi_ssm_conv(cfi_net *net, cfi_node *input, cfi_node *kernel)
{
    cfi_node *node;

    if (kernel == NULL || kernel->ne[0] > input->ne[0])
        return cfi_missing(net);
    node = cfi_op_new(net, CFI_OP_SSM_CONV, CFI_QUANT_F32,
                      (const uint64_t[4]){kernel->ne[1], input->ne[0] - kernel->ne[0] + 1, input->ne[2], 1});
    cfi_op_source(node, input);
    cfi_op_source(node, kernel);
    return node;
}
