/* The graph of a model's own next-token-prediction block: a token and the hidden state of the one before it are joined, pass a layer as
 * the trunk's are, and get logits. Source: llama.cpp b10472 and b11118 src/models/<architecture>.cpp, graph_mtp. */
#include "build.h"

/* Where the rows that are output are picked. */
enum { ROWS_BEHIND_NORM = 0, ROWS_BEFORE_NORM, ROWS_IN_LAYER };

/* Norms are RMS norms and logits are not scaled; or both are as the metadata state. */
enum { LIKE_MOST = 0, AS_STATED };

typedef struct nextn_row {
    char    arch[14];
    uint8_t rows;
    uint8_t stated;
    uint8_t norm; /* CFI_W_* */
} nextn_row;

static const nextn_row nextn_rows[] = {
#define CFI_NEXTN_GRAPH(arch, rows, stated, norm) {arch, ROWS_##rows, stated, CFI_W_##norm},
#include "nextn_graphs.def"
#undef CFI_NEXTN_GRAPH
};

static const nextn_row *nextn_find(const ctxfit_model *model)
{
    for (size_t i = 0; i < CFI_COUNT(nextn_rows); i++) {
        if (strcmp(nextn_rows[i].arch, model->arch_name) == 0)
            return &nextn_rows[i];
    }
    return NULL;
}

bool cfi_nextn_known(const ctxfit_model *model) { return nextn_find(model) != NULL; }

static cfi_node *nextn_normed(cfi_build *b, cfi_node *x, cfi_node *weight, bool layer_op)
{
    bool stated = nextn_find(b->model)->stated == AS_STATED && cfi_build_fact(b, CFI_FACT_RMS_EPSILON, 0) == 0;

    return cfi_block_norm(b, x, weight != NULL ? weight : cfi_missing(b->net), NULL, stated ? CFI_OP_NORM : CFI_OP_RMS_NORM, layer_op);
}

void cfi_nextn_open(cfi_build *b)
{
    cfi_net  *n     = b->net;
    cfi_node *table = cfi_weight_here(b, CFI_W_NEXTN_EMBED_TOKENS);
    cfi_node *state = cfi_tensor_input(cfi_tensor_2d(n, CFI_QUANT_F32, b->model->info.embedding, b->tokens));
    cfi_node *x;

    b->token_ids = cfi_tensor_input(cfi_tensor_1d(n, CFI_QUANT_I32, b->tokens));
    x            = cfi_get_rows(n, table != NULL ? table : cfi_weight_global(b, CFI_W_TOKEN_EMBD), b->token_ids);
    state        = nextn_normed(b, state, cfi_weight_here(b, CFI_W_NEXTN_HNORM), true);
    x            = cfi_concat(n, nextn_normed(b, x, cfi_weight_here(b, CFI_W_NEXTN_ENORM), true), state, 0);
    if (!cfi_has_weight(b, CFI_W_NEXTN_EH_PROJ))
        x = cfi_missing(n);
    b->x    = cfi_block_linear(b, x, CFI_W_NEXTN_EH_PROJ);
    b->last = nextn_find(b->model)->rows == ROWS_IN_LAYER;
}

static cfi_node *head_norm(cfi_build *b)
{
    cfi_node *weight = cfi_weight_here(b, CFI_W_NEXTN_SHARED_HEAD_NORM);

    if (weight == NULL && nextn_find(b->model)->norm == CFI_W_LAYER_OUTPUT_NORM)
        weight = cfi_weight_here(b, CFI_W_LAYER_OUTPUT_NORM);
    if (weight == NULL)
        weight = cfi_weight_global(b, CFI_W_OUTPUT_NORM);
    return nextn_normed(b, b->x, weight, false);
}

/* The hidden state that the next token is drafted from is kept, too. */
void cfi_nextn_close(cfi_build *b)
{
    const nextn_row *row  = nextn_find(b->model);
    uint8_t          rows = row->rows;

    if (rows == ROWS_BEFORE_NORM) {
        cfi_step_rows(b, 0);
        cfi_step_output(b, 0);
    }
    b->x = head_norm(b);
    if (rows != ROWS_BEFORE_NORM)
        cfi_step_output(b, 0);
    if (rows == ROWS_BEHIND_NORM)
        cfi_step_rows(b, 0);
    if (cfi_has_weight(b, CFI_W_NEXTN_SHARED_HEAD_HEAD)) {
        b->x = cfi_block_linear(b, b->x, CFI_W_NEXTN_SHARED_HEAD_HEAD);
        b->x->flags |= CFI_NODE_OUTPUT;
    } else {
        b->index = b->model->info.layers; /* outside of layers */
        cfi_step_head(b, CFI_UNBIASED);
    }
    if (row->stated == AS_STATED)
        cfi_step_logit_scale(b, 0);
}
