/* The small parts of which layers are made, and the steps that need no more. Source: llama.cpp b10472 src/llama-graph.cpp. */
#include "build.h"

/* The engine pins the norms of a layer to the layer's device, when all is offloaded or the batch is small (src/llama-context.cpp:2473). */
void cfi_block_pin(cfi_build *b, cfi_node *node)
{
    uint32_t all = b->model->info.layers + b->model->info.nextn_layers;

    if (b->index < all && (b->tokens < 32 || b->run->gpu_layers > all))
        node->place = (uint8_t)cfi_engine_layer_device(b->run, b->index);
}

cfi_node *cfi_block_norm(cfi_build *b, cfi_node *x, cfi_node *weight, cfi_node *bias, cfi_op op, bool layer_op)
{
    x = cfi_op_same(b->net, op, x);
    if (layer_op && (weight != NULL || bias != NULL))
        cfi_block_pin(b, x);
    if (weight != NULL)
        x = cfi_mul(b->net, x, weight);
    if (bias != NULL)
        x = cfi_add(b->net, x, bias);
    return x;
}

/* ---- products ---- */
/* It is where the matrix is that it belongs to, and decides nothing about where an operation runs: its buffer is none of weights
 * (src/llama-adapter.cpp:264). */
static cfi_node *adapter_half(cfi_build *b, const cfi_node *weight, const uint64_t ne[3], uint32_t quant)
{
    cfi_node *node = cfi_tensor_4d(b->net, quant, ne[0], ne[1], ne[2], 1);

    node->flags |= CFI_NODE_EXTERNAL;
    node->place = weight->place;
    return node;
}

/* src/llama-graph.cpp:1486, :1517, behind the product and its scale. */
cfi_node *cfi_block_adapted(cfi_build *b, cfi_node *y, cfi_node *weight, cfi_node *x, cfi_node *ids)
{
    cfi_net *n = b->net;

    for (uint32_t at = weight != NULL ? weight->adapted : 0; at != 0; at = b->run->adapted->pair[at - 1].next) {
        const cfi_adapted_pair *pair = &b->run->adapted->pair[at - 1];
        cfi_node               *first = adapter_half(b, weight, pair->a, pair->quant_a);
        cfi_node               *second = adapter_half(b, weight, pair->b, pair->quant_b);
        cfi_node               *more;

        if (ids != NULL)
            more = cfi_mul_mat_id(n, second, cfi_mul_mat_id(n, first, x, ids), ids);
        else
            more = cfi_mul_mat(n, second, cfi_mul_mat(n, first, x));
        y = cfi_add(n, y, cfi_op_same(n, CFI_OP_SCALE, more));
    }
    return y;
}

cfi_node *cfi_block_product(cfi_build *b, cfi_node *weight, cfi_node *x)
{
    return cfi_block_adapted(b, cfi_mul_mat(b->net, weight, x), weight, x, NULL);
}

cfi_node *cfi_block_times(cfi_build *b, cfi_weight name, cfi_node *x) { return cfi_block_product(b, cfi_weight_here(b, name), x); }

cfi_node *cfi_block_linear(cfi_build *b, cfi_node *x, cfi_weight name)
{
    cfi_node *weight = cfi_weight_here(b, name);
    cfi_node *scale  = cfi_scale_here(b, name);
    cfi_node *y;

    if (weight == NULL)
        return x;
    y = cfi_mul_mat(b->net, weight, x);
    if (scale != NULL)
        y = cfi_mul(b->net, y, scale);
    return cfi_block_adapted(b, y, weight, x, NULL);
}

cfi_node *cfi_block_linear_bias(cfi_build *b, cfi_node *x, cfi_weight name)
{
    cfi_node *bias = cfi_bias_here(b, name);

    x = cfi_block_linear(b, x, name);
    return bias != NULL ? cfi_add(b->net, x, bias) : x;
}

/* ---- embeddings ---- */
/* With what adapters add to it, whose halves are the other way round there: rows of the first one, times the second one
 * (src/llama-graph.cpp:2293). */
static cfi_node *looked_up(cfi_build *b, cfi_node *table, cfi_node *ids)
{
    cfi_net  *n = b->net;
    cfi_node *x = cfi_get_rows(n, table, ids);

    for (uint32_t at = table != NULL ? table->adapted : 0; at != 0; at = b->run->adapted->pair[at - 1].next) {
        const cfi_adapted_pair *pair = &b->run->adapted->pair[at - 1];
        cfi_node               *rows = cfi_get_rows(n, adapter_half(b, table, pair->a, pair->quant_a), ids);
        cfi_node               *more = cfi_mul_mat(n, adapter_half(b, table, pair->b, pair->quant_b), rows);

        x = cfi_add(n, x, cfi_op_same(n, CFI_OP_SCALE, more));
    }
    return x;
}

static cfi_node *widened(cfi_build *b, cfi_node *x, uint64_t width)
{
    return x->ne[0] < width ? cfi_pad(b->net, x, width - x->ne[0], 0, 0, 0) : x;
}

/* A batch of token ids and rows of embeddings: the rows replace those of their slots. The graph prepares it whether it is asked for
 * or not (0.7.0, measured; docs/compute-buffer.md). Returns x, padded once all rows are looked up. */
static cfi_node *mixed_batch(cfi_build *b, cfi_node *x, cfi_node *table, uint64_t width)
{
    cfi_net  *n      = b->net;
    cfi_node *tokens = cfi_tensor_input(cfi_tensor_1d(n, CFI_QUANT_I32, b->tokens));
    cfi_node *slots  = cfi_tensor_input(cfi_tensor_1d(n, CFI_QUANT_I64, b->tokens));
    cfi_node *rows   = cfi_tensor_input(cfi_tensor_2d(n, CFI_QUANT_F32, width, b->tokens));
    cfi_node *looked = looked_up(b, table, tokens);
    cfi_node *embd   = cfi_tensor_input(cfi_tensor_2d(n, CFI_QUANT_F32, width, b->tokens));

    cfi_net_expand(n, x);
    cfi_net_expand(n, looked);
    x = widened(b, x, width);
    cfi_net_expand(n, x);
    cfi_net_expand(n, embd);
    cfi_net_expand(n, cfi_set_rows(n, cfi_op_same(n, CFI_OP_DUP, rows), widened(b, looked, width), slots));
    return x;
}

/* Only rows of tokens are scaled: where a batch has both, by an input. */
static cfi_node *scaled_rows(cfi_build *b, cfi_node *x)
{
    if (!cfi_build_changed(b, CFI_CHANGE_MIXED_BATCH))
        return cfi_op_same(b->net, CFI_OP_SCALE, x);
    return cfi_mul(b->net, x, cfi_tensor_input(cfi_tensor_2d(b->net, CFI_QUANT_F32, 1, b->tokens)));
}

void cfi_step_scale_rows(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = scaled_rows(b, b->x);
    if (cfi_build_changed(b, CFI_CHANGE_MIXED_BATCH))
        cfi_net_expand(b->net, b->x);
}

void cfi_step_embed(cfi_build *b, uint32_t arg)
{
    cfi_net  *n      = b->net;
    cfi_node *table  = cfi_weight_global(b, CFI_W_TOKEN_EMBD);
    uint64_t  width  = b->model->info.embedding_inputs;
    uint64_t  hidden = b->model->info.embedding;
    double    scale  = arg == CFI_SCALED_BY_DEFAULT ? 1.0 : 0;
    cfi_node *x;

    b->token_ids = cfi_tensor_input(cfi_tensor_1d(n, CFI_QUANT_I32, b->tokens));
    x            = looked_up(b, table, b->token_ids);
    if (cfi_build_changed(b, CFI_CHANGE_MIXED_BATCH) && (b->flags & CFI_PROGRAM_UNMIXED) == 0) {
        x = mixed_batch(b, x, table, width);
    } else {
        x = widened(b, x, width);
        cfi_net_expand(n, x);
        if (cfi_build_changed(b, CFI_CHANGE_EMBD_ROWS))
            cfi_net_expand(n, cfi_tensor_input(cfi_tensor_2d(n, CFI_QUANT_F32, width, b->tokens)));
    }
    if (width != hidden)
        x = cfi_view_2d(n, x, hidden, b->tokens, x->nb[1]);
    b->embedded = x;
    if (arg != 0 && cfi_build_fact(b, CFI_FACT_EMBEDDING_SCALE, scale) != 0) {
        if (!cfi_node_contiguous(x))
            x = cfi_cont(n, x);
        x = width != hidden ? scaled_rows(b, x) : cfi_op_same(n, CFI_OP_SCALE, x);
    }
    cfi_net_expand(n, x);
    b->x = x;
}

void cfi_step_scale(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_op_same(b->net, CFI_OP_SCALE, b->x);
}

/* ---- residuals and norms ---- */
void cfi_step_keep(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->r = b->x;
}

void cfi_step_add(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_add(b->net, b->x, b->r);
}

void cfi_step_add_to(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_add(b->net, b->r, b->x);
}

void cfi_step_restore(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = b->r;
}

void cfi_step_save(cfi_build *b, uint32_t arg) { b->slot[arg % CFI_BUILD_SLOTS] = b->x; }

void cfi_step_load(cfi_build *b, uint32_t arg) { b->x = b->slot[arg % CFI_BUILD_SLOTS]; }

void cfi_step_add_saved(cfi_build *b, uint32_t arg) { b->x = cfi_add(b->net, b->slot[arg % CFI_BUILD_SLOTS], b->x); }

void cfi_step_plus_saved(cfi_build *b, uint32_t arg) { b->x = cfi_add(b->net, b->x, b->slot[arg % CFI_BUILD_SLOTS]); }

void cfi_step_rms(cfi_build *b, uint32_t arg)
{
    b->x = cfi_block_norm(b, b->x, cfi_weight_here(b, (cfi_weight)arg), cfi_bias_here(b, (cfi_weight)arg), CFI_OP_RMS_NORM, true);
}

void cfi_step_rms_output(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_block_norm(b, b->x, cfi_weight_global(b, CFI_W_OUTPUT_NORM), NULL, CFI_OP_RMS_NORM, true);
}

void cfi_step_rms_free(cfi_build *b, uint32_t arg)
{
    b->x = cfi_block_norm(b, b->x, cfi_weight_here(b, (cfi_weight)arg), cfi_bias_here(b, (cfi_weight)arg), CFI_OP_RMS_NORM, false);
}

void cfi_step_layer_norm(cfi_build *b, uint32_t arg)
{
    b->x = cfi_block_norm(b, b->x, cfi_weight_here(b, (cfi_weight)arg), cfi_bias_here(b, (cfi_weight)arg), CFI_OP_NORM, true);
}

/* Pinned as if it were the first layer's (bloom.cpp:77, rwkv6.cpp). */
void cfi_step_norm_embedding(cfi_build *b, uint32_t arg)
{
    cfi_node *weight = cfi_weight_here(b, CFI_W_TOKEN_EMBD_NORM);
    cfi_node *bias   = cfi_bias_here(b, CFI_W_TOKEN_EMBD_NORM);
    uint32_t  index  = b->index;

    (void)arg;
    b->index = 0;
    b->x     = cfi_block_norm(b, b->x, weight != NULL ? weight : cfi_missing(b->net), bias, CFI_OP_NORM, true);
    b->index = index;
}

void cfi_step_times(cfi_build *b, uint32_t arg)
{
    cfi_node *weight = cfi_weight_here(b, (cfi_weight)arg);

    if (weight != NULL)
        b->x = cfi_mul(b->net, b->x, weight);
}

void cfi_step_linear(cfi_build *b, uint32_t arg) { b->x = cfi_block_linear_bias(b, b->x, (cfi_weight)arg); }

/* ---- output ---- */
void cfi_step_last_rows(cfi_build *b, uint32_t arg)
{
    (void)arg;
    if (!b->last)
        return;
    b->x = cfi_get_rows(b->net, b->x, cfi_input_output_ids(b));
    b->r = cfi_get_rows(b->net, b->r, cfi_input_output_ids(b));
}

void cfi_step_rows(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_get_rows(b->net, b->x, cfi_input_output_ids(b));
}

void cfi_step_last_rows_of(cfi_build *b, uint32_t arg)
{
    cfi_node **slot = &b->slot[arg % CFI_BUILD_SLOTS];

    if (b->last)
        *slot = cfi_get_rows(b->net, *slot, cfi_input_output_ids(b));
}

void cfi_step_output(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x->flags |= CFI_NODE_OUTPUT;
}

/* A tied head is the token embedding, of which the engine keeps a copy where the output is. */
void cfi_step_head(cfi_build *b, uint32_t arg)
{
    cfi_node *bias = arg == CFI_UNBIASED ? NULL : cfi_bias_here(b, CFI_W_OUTPUT);

    if (cfi_has_weight(b, CFI_W_OUTPUT)) {
        b->x = cfi_block_linear(b, b->x, CFI_W_OUTPUT);
    } else {
        cfi_node *table = cfi_weight_global(b, CFI_W_TOKEN_EMBD);
        cfi_node *tied  = cfi_tensor_2d(b->net, table->quant, table->ne[0], table->ne[1]);

        tied->flags |= CFI_NODE_EXTERNAL | CFI_NODE_WEIGHT;
        tied->place = (uint8_t)b->run->output_device;
        b->x        = cfi_mul_mat(b->net, tied, b->x);
    }
    if (bias != NULL)
        b->x = cfi_add(b->net, b->x, bias);
    b->x->flags |= CFI_NODE_OUTPUT;
}

void cfi_step_softcap(cfi_build *b, uint32_t arg)
{
    if (arg != CFI_ALWAYS && cfi_build_fact(b, CFI_FACT_FINAL_SOFTCAP, 0) == 0)
        return;
    b->x->flags &= (uint8_t)~CFI_NODE_OUTPUT;
    b->x = cfi_op_same(b->net, CFI_OP_SCALE, b->x);
    b->x = cfi_op_same(b->net, CFI_OP_UNARY, b->x);
    b->x = cfi_op_same(b->net, CFI_OP_SCALE, b->x);
    b->x->flags |= CFI_NODE_OUTPUT;
}

void cfi_step_logit_scale(cfi_build *b, uint32_t arg)
{
    if (arg != CFI_ALWAYS && cfi_build_fact(b, CFI_FACT_LOGIT_SCALE, 0) == 0)
        return;
    b->x->flags &= (uint8_t)~CFI_NODE_OUTPUT;
    b->x = cfi_op_same(b->net, CFI_OP_SCALE, b->x);
    b->x->flags |= CFI_NODE_OUTPUT;
}

/* Stands beside the head: a table with more rows than the head has gets logits of its own (qwen3vl.cpp:169). */
void cfi_step_pad_logits(cfi_build *b, uint32_t arg)
{
    cfi_net        *n     = b->net;
    const cfi_node *table = cfi_weight_global(b, CFI_W_TOKEN_EMBD);
    cfi_node       *norm  = cfi_weight_global(b, CFI_W_OUTPUT_NORM);
    cfi_node       *x     = b->x;

    (void)arg;
    if (table == NULL || norm == NULL || table->ne[1] <= x->ne[0])
        return;
    x->flags &= (uint8_t)~CFI_NODE_OUTPUT;
    norm = cfi_op_same(n, CFI_OP_SCALE, cfi_view_1d(n, norm, 1));
    norm = cfi_repeat_4d(n, norm, table->ne[1] - x->ne[0], x->ne[1], 1, 1);
    b->x = cfi_concat(n, norm, x, 0);
    b->x->flags |= CFI_NODE_OUTPUT;
}

/* One more part of the embedding rows (qwen3vl.cpp:148). */
void cfi_step_deepstack(cfi_build *b, uint32_t arg)
{
    uint64_t hidden = b->model->info.embedding;

    (void)arg;
    b->x = cfi_add(b->net, b->x, cfi_view_2d(b->net, b->embedded, hidden, b->tokens, b->embedded->nb[1]));
}

/* x of a layer's saved rows, weighed by the layer's factor (talkie.cpp:143). */
void cfi_step_add_weighed(cfi_build *b, uint32_t arg)
{
    cfi_node *factor = cfi_weight_here(b, CFI_W_LAYER_OUTPUT_SCALE);

    if (factor == NULL)
        factor = cfi_missing(b->net);
    b->x = cfi_add(b->net, b->x, cfi_mul(b->net, b->slot[arg % CFI_BUILD_SLOTS], factor));
}

/* Chameleon never answers with images (chameleon.cpp:194). */
void cfi_step_mask_image_logits(cfi_build *b, uint32_t arg)
{
    cfi_node *none = cfi_clamp(b->net, b->run->build, cfi_tensor_1d(b->net, CFI_QUANT_F32, 8196 - 4));

    (void)arg;
    b->x->flags &= (uint8_t)~CFI_NODE_OUTPUT;
    b->x = cfi_op_pair(b->net, CFI_OP_SET, b->x, none);
    b->x->flags |= CFI_NODE_OUTPUT;
}
