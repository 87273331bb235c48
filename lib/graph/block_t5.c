/* T5's attention: scores are biased by how far tokens are apart, and a decoder also attends to what the encoder gave. Source: llama.cpp
 * b10472 src/models/t5.cpp; src/llama-graph.cpp, build_pos_bias, build_inp_cross_embd. */
#include "build.h"

/* Slots: inputs that all layers share. */
enum {
    SLOT_BUCKETS = CFI_BUILD_SLOTS - 3,
    SLOT_ENCODED,
    SLOT_CROSS_MASK
};

/* Of each token and cell: [cells, tokens, heads]. Layers without a table take the first one's. */
static cfi_node *distance_bias(cfi_build *b)
{
    cfi_net  *n     = b->net;
    cfi_node *table = cfi_weight_here(b, CFI_W_ATTN_REL_B);
    uint64_t  cells = cfi_build_uncached(b) ? b->tokens : b->run->kv_cells;
    uint32_t  index = b->index;
    cfi_node *x;

    if (table == NULL) {
        b->index = 0;
        table    = cfi_weight_here(b, CFI_W_ATTN_REL_B);
        b->index = index;
    }
    if (b->slot[SLOT_BUCKETS] == NULL)
        b->slot[SLOT_BUCKETS] = cfi_tensor_input(cfi_tensor_2d(n, CFI_QUANT_I32, cells, b->tokens));
    x = cfi_get_rows(n, table, cfi_reshape_1d(n, b->slot[SLOT_BUCKETS], cells * b->tokens));
    x = cfi_reshape_3d(n, x, x->ne[0], cells, b->tokens);
    return cfi_cont(n, cfi_permute(n, x, 2, 0, 1, 3));
}

void cfi_step_attend_distances(cfi_build *b, uint32_t arg)
{
    (void)arg;
    b->x = cfi_block_linear(b, cfi_block_attention(b, b->q, b->k, b->v, distance_bias(b), NULL), CFI_W_ATTN_O);
}

/* The encoder is taken to have given as many rows as the model was trained for. */
void cfi_step_attend_encoded(cfi_build *b, uint32_t arg)
{
    const ctxfit_layer_info *info = b->layer;
    cfi_net  *n    = b->net;
    uint64_t  rows = b->model->info.trained_tokens;
    cfi_node *q;
    cfi_node *k;
    cfi_node *v;

    (void)arg;
    if (b->slot[SLOT_ENCODED] == NULL) {
        b->slot[SLOT_ENCODED]    = cfi_tensor_input(cfi_tensor_2d(n, CFI_QUANT_F32, b->model->info.embedding, rows));
        b->slot[SLOT_CROSS_MASK] = cfi_tensor_input(cfi_tensor_2d(n, b->run->flash ? CFI_QUANT_F16 : CFI_QUANT_F32, rows, b->tokens));
    }
    q = cfi_reshape_3d(n, cfi_block_times(b, CFI_W_CROSS_ATTN_Q, b->x), info->key_size, info->heads, b->tokens);
    k = cfi_block_times(b, CFI_W_CROSS_ATTN_K, b->slot[SLOT_ENCODED]);
    v = cfi_block_times(b, CFI_W_CROSS_ATTN_V, b->slot[SLOT_ENCODED]);
    k = cfi_reshape_3d(n, k, info->key_size, info->kv_heads, rows);
    v = cfi_reshape_3d(n, v, info->value_size, info->kv_heads, rows);
    cfi_net_expand(n, q);
    cfi_net_expand(n, k);
    cfi_net_expand(n, v);
    b->x = cfi_block_times(b, CFI_W_CROSS_ATTN_O, cfi_block_scores(b, q, k, v, NULL, b->slot[SLOT_CROSS_MASK], NULL, NULL));
}
