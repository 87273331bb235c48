/* Graphs of encoders that take two frames and merge four neighbours (the Qwen family and those after it): llama.cpp b11118
 * tools/mtmd/models/qwen2vl.cpp, qwen3vl.cpp, exaone4_5.cpp, glm4v.cpp, minimax-m3.cpp. */
#include "clip_build.h"

typedef struct pairs_window {
    cfi_node *order;   /* of groups of four, for windows */
    cfi_node *back;
    cfi_node *mask;
    uint32_t  every;   /* so many layers one sees all */
} pairs_window;

static uint64_t groups(const cfi_clip_build *b) { return b->patches / 4; }

/* The order that the inputs are made in does not count: leafs are placed as the graph reads them. */
static pairs_window open_window(cfi_clip_build *b)
{
    pairs_window w = {NULL, NULL, NULL, b->clip->sense->value[CFI_CLIP_WINDOW_PATTERN]};

    if (w.every == 0)
        return w;
    w.order = cfi_clip_input(b, CFI_QUANT_I32, groups(b), 1);
    w.back  = cfi_clip_input(b, CFI_QUANT_I32, groups(b), 1);
    w.mask  = cfi_clip_window_mask(b);
    return w;
}

static cfi_node *by_groups(cfi_clip_build *b, cfi_node *x, cfi_node *order, uint64_t width, uint64_t rows)
{
    x = cfi_get_rows(b->net, cfi_reshape_2d(b->net, x, width, groups(b)), order);
    return cfi_reshape_3d(b->net, x, rows > 0 ? width * groups(b) / rows : 0, rows, 1);
}

static cfi_node *qkv_part(cfi_clip_build *b, cfi_node *joint, uint64_t heads)
{
    return cfi_view_3d(b->net, joint, b->clip->head_size, heads, b->patches, cfi_row_bytes(joint->quant, b->clip->head_size), joint->nb[1]);
}

static cfi_node *pairs_attention(cfi_clip_build *b, cfi_node *x, uint32_t layer, cfi_node *mask)
{
    static const char *const names[3] = {"attn_q", "attn_k", "attn_v"};
    const cfi_clip *clip = b->clip;
    cfi_node       *part[3];

    if (cfi_clip_block(b, layer, "attn_qkv.weight") != NULL) {
        x = cfi_clip_block_linear(b, x, layer, "attn_qkv");
        for (uint32_t i = 0; i < 3; i++)
            part[i] = qkv_part(b, x, i == 0 || clip->type == CFI_CLIP_TYPE_QWEN3VL ? clip->heads : clip->kv_heads);
    } else {
        for (uint32_t i = 0; i < 3; i++)
            part[i] = cfi_reshape_3d(b->net, cfi_clip_block_linear(b, x, layer, names[i]), clip->head_size, clip->heads, b->patches);
    }
    for (uint32_t i = 0; i < 2; i++)
        part[i] = cfi_clip_rotate(b, part[i]);
    return cfi_clip_block_attention(b, layer, part[0], part[1], part[2], mask);
}

static cfi_node *pairs_block(cfi_clip_build *b, cfi_node *residual, uint32_t layer, cfi_op norm, cfi_node *mask)
{
    cfi_node *x = pairs_attention(b, cfi_clip_block_norm(b, residual, norm, layer, "ln1"), layer, mask);

    residual = cfi_add(b->net, x, residual);
    x        = cfi_clip_block_ffn(b, cfi_clip_block_norm(b, residual, norm, layer, "ln2"), layer);
    return cfi_add(b->net, residual, x);
}

cfi_node *cfi_clip_graph_qwen2vl(cfi_clip_build *b)
{
    cfi_net        *net  = b->net;
    const cfi_clip *clip = b->clip;
    cfi_op          norm = clip->type == CFI_CLIP_TYPE_QWEN2VL ? CFI_OP_NORM : CFI_OP_RMS_NORM;
    cfi_node       *x    = cfi_clip_paired_patches(b);
    pairs_window    w    = open_window(b);

    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    if (clip->type != CFI_CLIP_TYPE_EXAONE4_5 && cfi_clip_tensor(b, "v.pre_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, norm, "v.pre_ln");
    if (w.every > 0)
        x = by_groups(b, x, w.back, (uint64_t)clip->embedding * 4, b->patches);
    for (uint32_t i = 0; i < clip->layers; i++)
        x = pairs_block(b, x, i, norm, w.every == 0 || (i + 1) % w.every == 0 ? NULL : w.mask);
    if (cfi_clip_tensor(b, "v.post_ln.weight") != NULL || clip->type == CFI_CLIP_TYPE_EXAONE4_5)
        x = cfi_clip_norm(b, x, norm, "v.post_ln");
    x = cfi_reshape_3d(net, x, (uint64_t)clip->embedding * 4, groups(b), 1);
    x = cfi_clip_ffn(b, x, "mm.0", NULL, "mm.2", 0);
    return w.every > 0 ? by_groups(b, x, w.order, clip->sense->value[CFI_CLIP_PROJECTION], groups(b)) : x;
}

/* Features of some layers are handed over beside the last. */
static cfi_node *deepstack(cfi_clip_build *b, cfi_node *x, uint32_t layer, cfi_node *before)
{
    uint64_t      merged = (uint64_t)b->clip->merge * b->clip->merge;
    cfi_clip_name norm = cfi_clip_numbered("v.deepstack", layer, "norm");
    cfi_clip_name up = cfi_clip_numbered("v.deepstack", layer, "fc1"), down = cfi_clip_numbered("v.deepstack", layer, "fc2");

    x = cfi_reshape_3d(b->net, x, b->clip->embedding * merged, b->patches / merged, 1);
    x = cfi_clip_ffn(b, cfi_clip_norm(b, x, CFI_OP_NORM, norm.text), up.text, NULL, down.text, 0);
    return before != NULL ? cfi_concat(b->net, before, x, 0) : x;
}

static bool has_deepstack(cfi_clip_build *b, uint32_t layer)
{
    return cfi_clip_tensor(b, cfi_clip_numbered("v.deepstack", layer, "fc1.weight").text) != NULL;
}

cfi_node *cfi_clip_graph_qwen3vl(cfi_clip_build *b)
{
    cfi_net  *net      = b->net;
    cfi_node *x        = cfi_clip_plus(b, cfi_clip_paired_patches(b), cfi_clip_need(b, "v.patch_embd.bias"));
    cfi_node *features = NULL;

    x = cfi_add(net, x, cfi_clip_neighbours(b, cfi_clip_resized_positions(b)));
    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    if (cfi_clip_tensor(b, "v.pre_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.pre_ln");
    for (uint32_t i = 0; i < b->clip->layers; i++) {
        x = pairs_block(b, x, i, CFI_OP_NORM, NULL);
        if (has_deepstack(b, i))
            features = deepstack(b, x, i, features);
    }
    if (cfi_clip_tensor(b, "v.post_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.post_ln");
    x = cfi_reshape_3d(net, x, (uint64_t)b->clip->embedding * 4, groups(b), 1);
    x = cfi_clip_ffn(b, x, "mm.0", NULL, "mm.2", 0);
    return features != NULL ? cfi_concat(net, x, features, 0) : x;
}

cfi_node *cfi_clip_graph_glm4v(cfi_clip_build *b)
{
    cfi_net  *net     = b->net;
    uint64_t  merge   = b->clip->merge;
    cfi_node *x       = cfi_clip_plus(b, cfi_clip_paired_patches(b), cfi_clip_need(b, "v.patch_embd.bias"));
    cfi_node *learned = NULL;

    x = cfi_clip_norm(b, x, CFI_OP_RMS_NORM, "v.norm_embd");
    if (cfi_clip_tensor(b, "v.position_embd.weight") != NULL) /* GLM-OCR has none */
        learned = cfi_clip_neighbours(b, cfi_clip_resized_positions(b));
    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    x = cfi_clip_vit(b, x, b->patches, CFI_OP_RMS_NORM, learned, cfi_clip_rotate);
    x = cfi_reshape_4d(net, x, b->clip->embedding, merge, merge, b->patches / merge / merge);
    x = cfi_cont(net, cfi_permute(net, x, 2, 0, 1, 3));
    x = cfi_conv_2d(net, cfi_clip_need(b, "mm.patch_merger.weight"), x, merge, 0);
    x = cfi_reshape_2d(net, x, x->ne[2], b->patches / merge / merge);
    x = cfi_clip_plus(b, x, cfi_clip_tensor(b, "mm.patch_merger.bias"));
    x = cfi_clip_norm(b, cfi_clip_mm(b, cfi_clip_tensor(b, "mm.model.fc.weight"), x), CFI_OP_NORM, "mm.post_norm");
    return cfi_clip_ffn(b, cfi_clip_act(b, x, NULL, 0), "mm.up", "mm.gate", "mm.down", 0);
}

/* minimax-m3.cpp: of each head a third is for time, which stands still; then rows, then columns */
static cfi_node *rotate_thirds(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net  = b->net;
    uint64_t  axis = 2 * ((2 * (x->ne[0] / 2) / 3) / 2);
    uint64_t  wide[3] = {axis, axis, x->ne[0] - 2 * axis};
    cfi_node *part[3];

    if (cfi_engine_changed(b->clip->build, CFI_CHANGE_CLIP_ROPE_WHOLE))
        return cfi_rope(net, cfi_rope(net, x, b->position[0], NULL), b->position[1], NULL);
    for (uint32_t i = 0; i < 3; i++) {
        part[i] = cfi_cont(net, cfi_view_3d(net, x, wide[i], x->ne[1], x->ne[2], x->nb[1], x->nb[2]));
        if (i > 0)
            part[i] = cfi_rope(net, part[i], b->position[i - 1], NULL);
    }
    return cfi_concat(net, cfi_concat(net, part[0], part[1], 0), part[2], 0);
}

cfi_node *cfi_clip_graph_minimax(cfi_clip_build *b)
{
    uint64_t  merged = (uint64_t)b->clip->merge * b->clip->merge;
    cfi_node *x      = cfi_clip_paired_patches(b);

    cfi_clip_positions_2d(b, b->patches);
    x = cfi_clip_vit(b, x, b->patches, CFI_OP_NORM, NULL, rotate_thirds);
    x = cfi_clip_ffn(b, x, "mm.1", NULL, "mm.2", 0);
    x = cfi_reshape_2d(b->net, x, x->ne[0] * merged, b->patches / merged);
    return cfi_clip_ffn(b, x, "mm.merger.fc1", NULL, "mm.merger.fc2", 0);
}
