/* EAGLE-3 drafts from a token and what the target model's layers gave for the one before; its vocabulary may be a part of the target's.
 * Source: llama.cpp b10472 src/models/eagle3.cpp. A drafter that borrows the target's embedding or head has no graph of its own. */
#include "build.h"

/* x: rows of the target; slot: of the tokens. */
void cfi_step_embed_beside(cfi_build *b, uint32_t arg)
{
    uint64_t width = b->model->info.embedding;

    b->token_ids                   = cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I32, b->tokens));
    b->slot[arg % CFI_BUILD_SLOTS] = cfi_get_rows(b->net, cfi_weight_global(b, CFI_W_TOKEN_EMBD), b->token_ids);
    b->x                           = cfi_tensor_input(cfi_tensor_2d(b->net, CFI_QUANT_F32, width, b->tokens));
}

/* x: the slot's rows and x side by side. */
void cfi_step_join_rows(cfi_build *b, uint32_t arg) { b->x = cfi_concat(b->net, b->slot[arg % CFI_BUILD_SLOTS], b->x, 0); }

/* x: logits of the target's vocabulary, all but the drafted tokens' impossible. */
void cfi_step_draft_head(cfi_build *b, uint32_t arg)
{
    cfi_net  *n     = b->net;
    cfi_node *map   = cfi_build_tensor(b, b->index, CFI_STACK_MAIN, CFI_W_D2T, CFI_PART_WEIGHT);
    uint64_t  vocab = b->model->info.vocabulary;
    cfi_node *x     = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_OUTPUT), b->x);

    (void)arg;
    if (map != NULL) {
        cfi_node *all = cfi_op_same(n, CFI_OP_FILL, cfi_tensor_4d(n, CFI_QUANT_F32, 1, vocab, x->ne[1], 1));

        x = cfi_set_rows(n, all, cfi_reshape_3d(n, x, 1, x->ne[0], x->ne[1]), cfi_reshape_3d(n, map, map->ne[0], 1, 1));
        x = cfi_reshape_2d(n, x, vocab, x->ne[2]);
    }
    x->flags |= CFI_NODE_OUTPUT;
    b->x = x;
}
