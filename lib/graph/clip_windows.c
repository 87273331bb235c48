/* Graphs of encoders whose layers attend in windows, each kind in its own: llama.cpp b11118 tools/mtmd/models/youtuvl.cpp, mimovl.cpp,
 * muse-glimmer.cpp, minicpmv.cpp. */
#include "clip_build.h"

static uint64_t quads(const cfi_clip_build *b) { return b->patches / 4; }

/* Groups of four patches in another order. */
static cfi_node *in_order(cfi_clip_build *b, cfi_node *x, cfi_node *order)
{
    x = cfi_get_rows(b->net, cfi_reshape_2d(b->net, x, (uint64_t)b->clip->embedding * 4, quads(b)), order);
    return cfi_reshape_3d(b->net, x, b->clip->embedding, b->patches, 1);
}

/* ---- youtuvl.cpp ---- */
/* Pixels of a patch in a row, patches of four neighbours behind each other; the convolution is a product. */
static cfi_node *patches_as_rows(cfi_clip_build *b)
{
    cfi_net  *net  = b->net;
    uint64_t  side = b->clip->patch, across = b->px / 2, down = b->py / 2;
    cfi_node *x    = cfi_reshape_4d(net, cfi_clip_raw(b, 3), across * 2 * side, 2 * side, down, 3);

    x = cfi_cont_4d(net, cfi_permute(net, x, 1, 2, 3, 0), 2 * side * 3, across, 2 * side, down);
    x = cfi_cont_4d(net, cfi_permute(net, x, 0, 2, 1, 3), 2 * side * 3, side, 2, down * across);
    x = cfi_cont_4d(net, cfi_permute(net, x, 1, 0, 2, 3), side, 3, side, down * across * 4);
    x = cfi_cont_4d(net, cfi_permute(net, x, 2, 0, 1, 3), 3 * side * side, down * across * 4, 1, 1);
    x = cfi_clip_linear(b, x, "v.patch_embd");
    return cfi_reshape_2d(net, x, b->clip->embedding, b->patches);
}

static cfi_node *youtu_block(cfi_clip_build *b, cfi_node *residual, uint32_t layer, cfi_node *mask)
{
    static const char *const names[3] = {"attn_q", "attn_k", "attn_v"};
    cfi_node *x = cfi_clip_block_norm(b, residual, CFI_OP_NORM, layer, "ln1");
    cfi_node *part[3];

    for (uint32_t i = 0; i < 3; i++)
        part[i] = cfi_reshape_3d(b->net, cfi_clip_block_linear(b, x, layer, names[i]), b->clip->head_size, b->clip->heads, b->patches);
    for (uint32_t i = 0; i < 2; i++)
        part[i] = cfi_clip_rotate(b, part[i]);
    x        = cfi_clip_block_attention(b, layer, part[0], part[1], part[2], mask);
    residual = cfi_add(b->net, x, residual);
    x        = cfi_clip_block_ffn(b, cfi_clip_block_norm(b, residual, CFI_OP_NORM, layer, "ln2"), layer);
    return cfi_add(b->net, residual, x);
}

cfi_node *cfi_clip_graph_youtuvl(cfi_clip_build *b)
{
    const cfi_clip_list *full    = &b->clip->sense->full_layers;
    bool                 windows = full->count > 0;
    cfi_node            *x       = patches_as_rows(b);
    cfi_node            *mask    = NULL;

    if (b->px % 2 != 0 || b->py % 2 != 0)
        b->net->incomplete = true; /* the engine stops there */
    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    if (cfi_clip_tensor(b, "v.pre_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.pre_ln");
    if (windows) {
        mask = cfi_clip_window_mask(b);
        x    = in_order(b, x, cfi_clip_input(b, CFI_QUANT_I32, quads(b), 1));
    }
    for (uint32_t i = 0; i < b->clip->layers; i++)
        x = youtu_block(b, x, i, cfi_clip_lists(full, i) ? NULL : mask);
    if (windows)
        x = in_order(b, x, cfi_clip_input(b, CFI_QUANT_I32, quads(b), 1));
    if (cfi_clip_tensor(b, "v.post_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.post_ln");
    x = cfi_mul(b->net, cfi_op_same(b->net, CFI_OP_RMS_NORM, x), cfi_clip_need(b, "mm.input_norm.weight"));
    x = cfi_reshape_3d(b->net, x, (uint64_t)b->clip->embedding * 4, quads(b), 1);
    return cfi_clip_ffn(b, x, "mm.0", NULL, "mm.2", 0);
}

/* ---- mimovl.cpp: windows by rows or by columns, with sinks ---- */
enum { ALL_PATCHES = -1, BY_COLUMNS = 1 };

static cfi_node *mimo_attention(cfi_clip_build *b, cfi_node *x, uint32_t layer, int32_t mode, cfi_node *mask)
{
    uint64_t  heads[3] = {b->clip->heads, b->clip->kv_heads, b->clip->kv_heads};
    uint64_t  head;
    cfi_node *part[3];

    x    = cfi_clip_block_linear(b, x, layer, "attn_qkv");
    head = x->ne[0] / (heads[0] + 2 * heads[1]); /* not the width by the heads */
    for (uint32_t i = 0; i < 3; i++)
        part[i] = cfi_view_3d(b->net, x, head, heads[i], b->patches, cfi_row_bytes(x->quant, head), x->nb[1]);
    for (uint32_t i = 0; i < 2; i++)
        part[i] = cfi_rope(b->net, part[i], b->position[mode == BY_COLUMNS ? 1 : 0], NULL);
    b->sinks = mode != ALL_PATCHES ? cfi_clip_block(b, layer, "attn_sinks") : NULL;
    if (mode != ALL_PATCHES && b->sinks == NULL)
        b->net->incomplete = true;
    x        = cfi_clip_block_attention(b, layer, part[0], part[1], part[2], mode != ALL_PATCHES ? mask : NULL);
    b->sinks = NULL;
    return x;
}

static cfi_node *mimo_block(cfi_clip_build *b, cfi_node *residual, uint32_t layer, int32_t mode, cfi_node *mask)
{
    cfi_node *x = mimo_attention(b, cfi_clip_block_norm(b, residual, CFI_OP_RMS_NORM, layer, "ln1"), layer, mode, mask);

    residual = cfi_add(b->net, x, residual);
    x        = cfi_clip_block_ffn(b, cfi_clip_block_norm(b, residual, CFI_OP_RMS_NORM, layer, "ln2"), layer);
    return cfi_add(b->net, residual, x);
}

cfi_node *cfi_clip_graph_mimovl(cfi_clip_build *b)
{
    cfi_net             *net   = b->net;
    const cfi_clip_list *modes = &b->clip->sense->window_modes;
    cfi_node            *x     = cfi_clip_paired_patches(b);
    cfi_node            *sorted = cfi_clip_input(b, CFI_QUANT_F32, quads(b), 1);
    cfi_node            *order[2] = {cfi_argsort_top_k(net, sorted, quads(b)), cfi_cast(net, sorted, CFI_QUANT_I32)};
    cfi_node            *mask  = cfi_clip_window_mask(b);
    bool                 turned = false;

    if (modes->count != b->clip->layers)
        return cfi_missing(net);
    for (uint32_t i = 0; i < 2; i++)
        b->position[i] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    for (uint32_t i = 0; i < b->clip->layers; i++) {
        bool turn = modes->value[i] == BY_COLUMNS;

        if (turn != turned)
            x = in_order(b, x, order[turn]);
        turned = turn;
        x      = mimo_block(b, x, i, modes->value[i], mask);
    }
    if (turned)
        x = in_order(b, x, order[0]);
    x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.post_ln");
    x = cfi_reshape_3d(net, x, (uint64_t)b->clip->embedding * 4, quads(b), 1);
    x = cfi_clip_act(b, cfi_clip_mm(b, cfi_clip_tensor(b, "mm.0.weight"), x), NULL, 0);
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.2.weight"), x);
}

/* ---- muse-glimmer.cpp ---- */
#define SPARSE_LAYERS 4u /* one of so many sees all, clip.cpp:1699 */

cfi_node *cfi_clip_graph_glimmer(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    uint64_t  merge = b->clip->merge, squares = merge * merge, out = (b->px / merge) * (b->py / merge);
    cfi_node *order[3];
    cfi_node *x = cfi_clip_patches(b, cfi_clip_raw(b, 3));

    cfi_clip_positions_2d(b, b->patches);
    for (uint32_t i = 0; i < 3; i++)
        order[i] = cfi_clip_input(b, CFI_QUANT_I32, b->patches, 1);
    x = cfi_add(net, x, cfi_clip_resized_positions(b));
    x = cfi_get_rows(net, x, order[0]);
    b->mask       = cfi_clip_mask(b);
    b->mask_every = SPARSE_LAYERS;
    x = cfi_clip_vit(b, x, b->patches, CFI_OP_NORM, NULL, cfi_clip_rotate_2d);
    x = cfi_get_rows(net, cfi_get_rows(net, x, order[1]), order[2]);
    x = cfi_permute(net, cfi_reshape_3d(net, x, b->clip->embedding, squares, out), 1, 0, 2, 3);
    x = cfi_reshape_2d(net, cfi_cont(net, x), b->clip->embedding * squares, out);
    x = cfi_clip_act(b, cfi_clip_mm(b, cfi_clip_tensor(b, "mm.0.weight"), x), NULL, 0);
    x = cfi_clip_act(b, cfi_clip_mm(b, cfi_clip_tensor(b, "mm.1.weight"), x), NULL, 0);
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.2.weight"), x);
}

/* ---- minicpmv.cpp, clip_graph_minicpmv4_6: four neighbours become one behind a layer, and again at the end ---- */
static cfi_node *plain_layers(cfi_clip_build *b, cfi_node *x, uint32_t first, uint32_t end, uint64_t n_pos)
{
    static const char *const names[3] = {"attn_q", "attn_k", "attn_v"};

    for (uint32_t il = first; il < end; il++) {
        cfi_node *y = cfi_clip_block_norm(b, x, CFI_OP_NORM, il, "ln1");
        cfi_node *part[3];

        for (uint32_t i = 0; i < 3; i++)
            part[i] = cfi_reshape_3d(b->net, cfi_clip_block_linear(b, y, il, names[i]), b->clip->head_size, b->clip->heads, n_pos);
        y = cfi_clip_block_attention(b, il, part[0], part[1], part[2], NULL);
        x = cfi_add(b->net, cfi_clip_layer_scaled(b, y, il, "ls1.weight"), x);
        y = cfi_clip_block_ffn(b, cfi_clip_block_norm(b, x, CFI_OP_NORM, il, "ln2"), il);
        x = cfi_add(b->net, x, cfi_clip_layer_scaled(b, y, il, "ls2.weight"));
    }
    return x;
}

static cfi_node *window_step(cfi_clip_build *b, cfi_node *x)
{
    static const char *const names[3] = {"v.vit_merger.attn_q", "v.vit_merger.attn_k", "v.vit_merger.attn_v"};
    cfi_node *mask = cfi_clip_window_mask(b);
    cfi_node *y    = cfi_clip_norm(b, x, CFI_OP_NORM, "v.vit_merger.ln1");
    cfi_node *part[3];

    y = cfi_get_rows(b->net, y, cfi_clip_input(b, CFI_QUANT_I32, b->patches, 1));
    for (uint32_t i = 0; i < 3; i++)
        part[i] = cfi_reshape_3d(b->net, cfi_clip_linear(b, y, names[i]), b->clip->head_size, b->clip->heads, b->patches);
    y = cfi_clip_attention(b, "v.vit_merger.attn_out", part[0], part[1], part[2], mask);
    return cfi_add(b->net, cfi_get_rows(b->net, y, cfi_clip_input(b, CFI_QUANT_I32, b->patches, 1)), x);
}

/* Four neighbours side by side, and (NULL: not wanted) their mean. */
static cfi_node *four_in_one(cfi_clip_build *b, cfi_node *x, uint64_t out, cfi_node **mean)
{
    cfi_node *part[4], *wide;

    for (uint32_t i = 0; i < 4; i++)
        part[i] = cfi_get_rows(b->net, x, cfi_clip_input(b, CFI_QUANT_I32, out, 1));
    if (mean != NULL) {
        *mean = part[0];
        for (uint32_t i = 1; i < 4; i++)
            *mean = cfi_add(b->net, *mean, part[i]);
        *mean = cfi_op_same(b->net, CFI_OP_SCALE, *mean);
    }
    wide = part[0];
    for (uint32_t i = 1; i < 4; i++)
        wide = cfi_concat(b->net, wide, part[i], 0);
    return wide;
}

cfi_node *cfi_clip_graph_minicpmv46(cfi_clip_build *b)
{
    const cfi_clip_list *at     = &b->clip->sense->full_layers;
    cfi_node            *table  = cfi_clip_need(b, "v.position_embd.weight");
    cfi_node            *places = cfi_get_rows(b->net, table, cfi_clip_input(b, CFI_QUANT_I32, b->patches, 1));
    cfi_node            *x      = cfi_add(b->net, cfi_clip_patches(b, cfi_clip_raw(b, 3)), places);
    uint64_t             half   = (b->px / 2) * (b->py / 2), out = half;
    uint32_t             behind = at->count > 0 && at->value[0] > 0 ? (uint32_t)at->value[0] : 0;
    cfi_node            *mean, *wide;

    if (behind >= b->clip->layers)
        return cfi_missing(b->net); /* the engine stops there */
    if (cfi_clip_tensor(b, "v.pre_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.pre_ln");
    if (b->clip->merge == 2) {
        x = plain_layers(b, x, 0, b->clip->layers, b->patches);
    } else {
        out  = (b->px / 4) * (b->py / 4);
        x    = window_step(b, plain_layers(b, x, 0, behind + 1, b->patches));
        wide = cfi_clip_norm(b, four_in_one(b, x, half, &mean), CFI_OP_NORM, "v.vit_merger.ds_ln");
        x    = cfi_add(b->net, cfi_clip_ffn(b, wide, "v.vit_merger.ds_ffn_up", NULL, "v.vit_merger.ds_ffn_down", 0), mean);
        x    = plain_layers(b, x, behind + 1, b->clip->layers, half);
    }
    if (cfi_clip_tensor(b, "v.post_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.post_ln");
    x = cfi_clip_norm(b, four_in_one(b, x, out, NULL), CFI_OP_NORM, "mm.input_norm");
    return cfi_clip_ffn(b, x, "mm.up", NULL, "mm.down", 0);
}
