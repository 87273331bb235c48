/* What Gemma-3n and Gemma-4 add to a layer: an embedding of its own, cached keys and values of other layers, streams beside the one that
 * is worked on (AltUp), routers that see the residual. Source: llama.cpp b10472 src/models/gemma3n.cpp, gemma4.cpp; 0.7.0 measured. */
#include "build.h"

enum {
    SLOT_LAUREL      = 4, /* the low-rank branch beside attention */
    SLOT_PREDICTIONS = 5, /* of all streams */
    SLOT_PER_LAYER   = 6  /* [size, tokens, layers] */
};

static cfi_node *by_weight(cfi_build *b, cfi_node *x, cfi_node *weight)
{
    return cfi_mul(b->net, x, weight != NULL ? weight : cfi_missing(b->net));
}

static cfi_node *normed(cfi_build *b, cfi_node *x, cfi_weight name)
{
    return cfi_block_norm(b, x, cfi_weight_here(b, name), NULL, CFI_OP_RMS_NORM, true);
}

/* One of the matrices that x is a stack of. */
static cfi_node *slice(cfi_build *b, cfi_node *x) { return cfi_view_2d(b->net, x, x->ne[0], x->ne[1], x->nb[1]); }

/* All but the first. */
static cfi_node *others(cfi_build *b, cfi_node *x)
{
    return cfi_view_3d(b->net, x, x->ne[0], x->ne[1], x->ne[2] > 0 ? x->ne[2] - 1 : 0, x->nb[1], x->nb[2]);
}

/* ---- q, k, v ---- */
static cfi_node *heads(cfi_build *b, cfi_node *x, uint64_t size, uint64_t count)
{
    return cfi_reshape_3d(b->net, x, size, count, b->tokens);
}

/* Only layers without a window have frequency factors; a layer without a cache has queries only; without values they are the keys. */
void cfi_step_qkv_shared(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info    = b->layer;
    cfi_node                *factors = cfi_engine_layer_windowed(info) ? NULL : cfi_block_rope_factors(b);
    cfi_node                *at      = cfi_input_positions(b);

    (void)arg;
    b->q = heads(b, cfi_block_linear(b, b->x, CFI_W_ATTN_Q), info->key_size, info->heads);
    b->q = cfi_rope(b->net, normed(b, b->q, CFI_W_ATTN_Q_NORM), at, factors);
    b->k = NULL;
    b->v = NULL;
    if ((info->flags & CTXFIT_LAYER_F_CACHE) == 0)
        return;
    b->k = cfi_block_linear(b, b->x, CFI_W_ATTN_K);
    b->v = cfi_has_weight(b, CFI_W_ATTN_V) ? cfi_block_linear(b, b->x, CFI_W_ATTN_V) : b->k;
    b->k = normed(b, heads(b, b->k, info->key_size, info->kv_heads), CFI_W_ATTN_K_NORM);
    b->v = cfi_op_same(b->net, CFI_OP_RMS_NORM, heads(b, b->v, info->value_size, info->kv_heads));
    b->k = cfi_rope(b->net, b->k, at, factors);
}

/* ---- embeddings of layers ---- */
void cfi_step_layer_rows(cfi_build *b, uint32_t arg)
{
    cfi_node *table = cfi_weight_global(b, CFI_W_PER_LAYER_TOKEN_EMBD);
    cfi_node *rows;

    (void)arg;
    if (table == NULL)
        return;
    rows = cfi_get_rows(b->net, table, cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I32, b->tokens)));
    b->slot[SLOT_PER_LAYER] = rows;
    cfi_net_expand(b->net, rows);
}

/* Rows of the layers' own table, and a projection of the model's embedding. Rows that were looked up before are scaled as they are. */
void cfi_step_layer_inputs(cfi_build *b, uint32_t arg)
{
    cfi_net  *n      = b->net;
    uint64_t  layers = b->model->info.layers;
    bool      early  = b->slot[SLOT_PER_LAYER] != NULL;
    cfi_node *rows;
    cfi_node *x;

    if (!early)
        cfi_step_layer_rows(b, arg);
    rows = b->slot[SLOT_PER_LAYER];
    if (rows == NULL)
        return;
    if (early)
        rows = cfi_op_same(n, CFI_OP_SCALE, rows);
    rows = cfi_reshape_3d(n, rows, rows->ne[0] / layers, layers, b->tokens);
    if (!early) {
        rows = cfi_op_same(n, CFI_OP_SCALE, rows);
        cfi_net_expand(n, rows);
    }
    x = cfi_op_same(n, CFI_OP_SCALE, cfi_block_times(b, CFI_W_PER_LAYER_MODEL_PROJ, b->x));
    x = cfi_reshape_3d(n, x, rows->ne[0], layers, b->tokens);
    x = cfi_op_same(n, CFI_OP_SCALE, cfi_add(n, normed(b, x, CFI_W_PER_LAYER_PROJ_NORM), rows));
    b->slot[SLOT_PER_LAYER] = cfi_cont(n, cfi_permute(n, x, 0, 2, 1, 3));
}

/* x gated by the layer's part of them. `rows`: of the output only, or NULL. */
static cfi_node *by_layer(cfi_build *b, cfi_node *x, cfi_node *rows)
{
    cfi_node *own = b->slot[SLOT_PER_LAYER] != NULL ? b->slot[SLOT_PER_LAYER] : cfi_missing(b->net);

    own = slice(b, own);
    x   = cfi_op_same(b->net, CFI_OP_UNARY, cfi_block_linear(b, x, CFI_W_INP_GATE));
    x   = cfi_mul(b->net, x, rows != NULL ? cfi_get_rows(b->net, own, rows) : own);
    return normed(b, cfi_block_linear(b, x, CFI_W_PROJ), CFI_W_POST_NORM);
}

void cfi_step_layer_gate(cfi_build *b, uint32_t arg)
{
    bool cut = b->last && cfi_build_changed(b, CFI_CHANGE_ROWS_IN_LAYER);

    (void)arg;
    if (b->slot[SLOT_PER_LAYER] != NULL)
        b->x = cfi_add(b->net, b->x, by_layer(b, b->x, cut ? cfi_input_output_ids(b) : NULL));
}

/* ---- Gemma-4 ---- */
/* The router sees the residual, normed and scaled. */
void cfi_step_route_residual(cfi_build *b, uint32_t arg)
{
    cfi_node *x = cfi_op_same(b->net, CFI_OP_SCALE, cfi_op_same(b->net, CFI_OP_RMS_NORM, b->x));

    b->slot[arg % CFI_BUILD_SLOTS] = cfi_block_times(b, CFI_W_FFN_GATE_INP, by_weight(b, x, cfi_scale_here(b, CFI_W_FFN_GATE_INP)));
}

/* ---- Gemma-3n: streams ---- */
static cfi_node *magnitude(cfi_build *b, cfi_node *x)
{
    return cfi_op_same(b->net, CFI_OP_SQRT, cfi_sum_rows(b->net, cfi_op_same(b->net, CFI_OP_SQR, x)));
}

/* x by a projection, made as large as `like`. */
static cfi_node *projected_like(cfi_build *b, cfi_node *x, cfi_weight projection, cfi_node *like)
{
    cfi_node *target = magnitude(b, like);

    x = cfi_mul_mat(b->net, cfi_weight_global(b, projection), x);
    return cfi_op_pair(b->net, CFI_OP_DIV, cfi_mul(b->net, x, target), magnitude(b, x));
}

static uint64_t streams_beside(cfi_build *b)
{
    const cfi_node *w = cfi_weight_global(b, CFI_W_ALTUP_PROJ);

    return w != NULL && w->ne[2] < CFI_BUILD_SLOTS ? w->ne[2] : 0;
}

void cfi_step_altup_stack(cfi_build *b, uint32_t arg)
{
    cfi_node *x = cfi_repeat_4d(b->net, b->x, b->x->ne[0], b->tokens, streams_beside(b), 1);

    (void)arg;
    b->x = cfi_concat(b->net, b->x, projected_like(b, x, CFI_W_ALTUP_PROJ, b->x), 2);
}

static cfi_node *router(cfi_build *b, cfi_node *x)
{
    x = cfi_op_same(b->net, CFI_OP_SCALE, normed(b, x, CFI_W_ALTUP_ROUTER_NORM));
    return cfi_op_same(b->net, CFI_OP_UNARY, cfi_mul_mat(b->net, cfi_weight_here(b, CFI_W_ALTUP_ROUTER), x));
}

void cfi_step_altup_predict(cfi_build *b, uint32_t arg)
{
    cfi_net  *n     = b->net;
    uint64_t  count = streams_beside(b) + 1;
    cfi_node *coefs = cfi_block_linear(b, router(b, slice(b, b->x)), CFI_W_ALTUP_PREDICT_COEF);
    cfi_node *x     = cfi_cont(n, cfi_permute(n, b->x, 1, 2, 0, 3));

    (void)arg;
    x = cfi_mul_mat(n, x, cfi_reshape_3d(n, coefs, count, count, b->tokens));
    x = cfi_add(n, cfi_cont(n, cfi_permute(n, x, 0, 2, 1, 3)), b->x);
    b->slot[SLOT_PREDICTIONS] = x;
    b->x                      = slice(b, x);
}

void cfi_step_altup_correct(cfi_build *b, uint32_t arg)
{
    cfi_net  *n       = b->net;
    cfi_node *predicted = b->slot[SLOT_PREDICTIONS];
    uint64_t  count   = streams_beside(b) + 1;
    cfi_node *x       = cfi_op_pair(n, CFI_OP_SUB, b->x, slice(b, predicted));
    cfi_node *coefs   = cfi_op_same(n, CFI_OP_SCALE, cfi_block_linear(b, router(b, b->x), CFI_W_ALTUP_CORRECT_COEF));
    cfi_node *first;

    (void)arg;
    coefs = cfi_cont_4d(n, cfi_transpose(n, coefs), 1, b->tokens, count, 1);
    x     = cfi_mul(n, cfi_repeat_4d(n, x, x->ne[0], b->tokens, count, 1), coefs);
    x     = cfi_add(n, x, predicted);
    first = by_layer(b, by_weight(b, slice(b, x), cfi_weight_here(b, CFI_W_ALTUP_CORRECT_SCALE)), NULL);
    b->x  = cfi_concat(n, slice(b, x), cfi_add(n, others(b, x), first), 2);
}

void cfi_step_altup_merge(cfi_build *b, uint32_t arg)
{
    cfi_node *rest = projected_like(b, others(b, b->x), CFI_W_ALTUP_UNEMBD_PROJ, slice(b, b->x));
    cfi_node *x    = slice(b, b->x);

    (void)arg;
    for (uint64_t i = 0; i < streams_beside(b); i++)
        x = cfi_add(b->net, x, slice(b, rest));
    b->x = cfi_op_same(b->net, CFI_OP_SCALE, x);
}

/* ---- Gemma-3n: beside attention, and the feed-forward ---- */
void cfi_step_laurel(cfi_build *b, uint32_t arg)
{
    cfi_node *x = cfi_block_linear(b, cfi_block_linear(b, b->x, CFI_W_LAUREL_L), CFI_W_LAUREL_R);

    (void)arg;
    b->slot[SLOT_LAUREL] = cfi_add(b->net, normed(b, x, CFI_W_LAUREL_POST_NORM), b->x);
}

void cfi_step_add_laurel(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_op_same(b->net, CFI_OP_SCALE, cfi_add(b->net, b->x, b->slot[SLOT_LAUREL]));
}

/* What exceeds so many deviations above the mean. */
static cfi_node *largest(cfi_build *b, cfi_node *x)
{
    cfi_net  *n      = b->net;
    cfi_node *mean   = cfi_op_new(n, CFI_OP_MEAN, x->quant, (const uint64_t[4]){1, x->ne[1], x->ne[2], x->ne[3]});
    cfi_node *spread;

    cfi_op_source(mean, x);
    spread = cfi_sum_rows(n, cfi_op_same(n, CFI_OP_SQR, cfi_op_pair(n, CFI_OP_SUB, x, mean)));
    spread = cfi_op_same(n, CFI_OP_SQRT, cfi_op_same(n, CFI_OP_SCALE, spread));
    spread = cfi_add(n, mean, cfi_op_same(n, CFI_OP_SCALE, spread));
    return cfi_op_same(n, CFI_OP_UNARY, cfi_op_pair(n, CFI_OP_SUB, x, spread));
}

/* Argument: only the largest inner values count. */
void cfi_step_ffn_product(cfi_build *b, uint32_t arg)
{
    cfi_node *up   = cfi_block_times(b, CFI_W_FFN_UP, b->x);
    cfi_node *gate = cfi_block_times(b, CFI_W_FFN_GATE, b->x);

    if (arg != 0)
        gate = largest(b, gate);
    gate = cfi_op_same(b->net, CFI_OP_UNARY, gate);
    b->x = cfi_block_times(b, CFI_W_FFN_DOWN, cfi_mul(b->net, up, gate));
}
