/* Graphs of encoders of images that are the usual layers with something before and behind: llama.cpp b11118 tools/mtmd/models/NAME.cpp. */
#include "clip_build.h"

/* siglip.cpp: a pool over neighbours, a norm, and a matrix that is stored the other way round */
static cfi_node *gemma3_projector(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net    = b->net;
    cfi_node *weight = cfi_clip_need(b, "mm.input_projection.weight");

    x = cfi_cont_4d(net, cfi_transpose(net, x), b->px, b->px, b->clip->embedding, 1);
    x = cfi_pool_2d(net, x, b->clip->merge, b->clip->merge);
    x = cfi_reshape_3d(net, x, x->ne[0] * x->ne[0], b->clip->embedding, 1);
    x = cfi_cont(net, cfi_transpose(net, x));
    x = cfi_clip_norm(b, x, CFI_OP_RMS_NORM, "mm.soft_emb_norm");
    return cfi_mul_mat(net, cfi_cont(net, cfi_transpose(net, weight)), x);
}

cfi_node *cfi_clip_graph_siglip(cfi_clip_build *b)
{
    const cfi_clip *clip    = b->clip;
    cfi_node       *x       = cfi_clip_patches(b, cfi_clip_raw(b, 3));
    bool            resized = clip->type == CFI_CLIP_TYPE_LFM2 || clip->type == CFI_CLIP_TYPE_PHI4;
    cfi_node       *learned = resized ? cfi_clip_resized_positions(b) : cfi_clip_tensor(b, "v.position_embd.weight");

    x = cfi_clip_vit(b, x, b->patches, CFI_OP_NORM, learned, NULL);
    if (clip->type == CFI_CLIP_TYPE_GEMMA3)
        return gemma3_projector(b, x);
    if (clip->type == CFI_CLIP_TYPE_IDEFICS3)
        return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.model.fc.weight"), cfi_clip_merge(b, x, clip->merge));
    if (clip->type == CFI_CLIP_TYPE_JANUS_PRO)
        return cfi_clip_ffn(b, x, "mm.0", NULL, "mm.1", 0);
    if (clip->type == CFI_CLIP_TYPE_PHI4)
        return cfi_clip_ffn(b, x, "mm.0", NULL, "mm.2", 0);
    x = cfi_clip_merge(b, x, clip->merge);
    if (cfi_clip_tensor(b, "mm.input_norm.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "mm.input_norm");
    return cfi_clip_ffn(b, x, "mm.1", NULL, "mm.2", 0);
}

/* gemma4v.cpp: a table for columns, one for rows */
static cfi_node *add_tables(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net   = b->net;
    cfi_node *table = cfi_clip_need(b, "v.position_embd.weight");

    cfi_clip_positions_2d(b, b->patches);
    for (uint32_t i = 0; i < 2; i++) {
        cfi_node *rows = cfi_view_2d(net, table, b->clip->embedding, table->ne[1], table->nb[1]);

        x = cfi_add(net, x, cfi_get_rows(net, rows, b->position[i]));
    }
    return x;
}

cfi_node *cfi_clip_graph_gemma4v(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    uint64_t  width = b->clip->embedding;
    cfi_node *x     = cfi_clip_patches_plain(b, cfi_op_same(net, CFI_OP_SCALE, cfi_clip_raw(b, 3)));
    cfi_node *bias  = cfi_clip_tensor(b, "v.std_bias");
    cfi_node *scale = cfi_clip_tensor(b, "v.std_scale");

    x          = add_tables(b, x);
    b->clamped = b->values_normed = true;
    x          = cfi_clip_vit(b, x, b->patches, CFI_OP_RMS_NORM, NULL, cfi_clip_rotate_2d);
    x          = cfi_cont_4d(net, cfi_transpose(net, x), b->px, b->py, width, b->images);
    x          = cfi_pool_2d(net, x, b->clip->merge, b->clip->merge);
    x          = cfi_reshape_3d(net, x, x->ne[0] * x->ne[1], width, b->images);
    x          = cfi_op_same(net, CFI_OP_SCALE, cfi_cont(net, cfi_transpose(net, x)));
    if (bias != NULL && scale != NULL)
        x = cfi_mul(net, cfi_op_pair(net, CFI_OP_SUB, x, bias), scale);
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.input_projection.weight"), cfi_op_same(net, CFI_OP_RMS_NORM, x));
}

/* gemma4uv.cpp: no layers */
cfi_node *cfi_clip_graph_gemma4uv(cfi_clip_build *b)
{
    cfi_net  *net    = b->net;
    cfi_node *kernel = cfi_tensor_4d(net, CFI_QUANT_F32, b->clip->patch, b->clip->patch, 3, 1);
    cfi_node *x      = cfi_im2col(net, kernel, kernel, cfi_clip_raw(b, 3), b->clip->patch, 0, true, CFI_QUANT_F32);

    x = cfi_clip_norm(b, cfi_reshape_2d(net, x, x->ne[0], x->ne[1] * x->ne[2] * x->ne[3]), CFI_OP_NORM, "v.patch_norm.1");
    x = cfi_clip_norm(b, cfi_clip_linear(b, x, "v.patch_embd"), CFI_OP_NORM, "v.patch_norm.2");
    x = cfi_clip_norm(b, add_tables(b, x), CFI_OP_NORM, "v.patch_norm.3");
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.input_projection.weight"), cfi_op_same(net, CFI_OP_RMS_NORM, x));
}

/* pixtral.cpp: rows end with a token of their own, but for the last */
static cfi_node *with_breaks(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net  = b->net;
    uint64_t  px   = b->px / b->clip->merge;
    uint64_t  py   = b->py / b->clip->merge;
    cfi_node *mark = cfi_clip_tensor(b, "v.token_embd.img_break");
    cfi_node *rows;
    cfi_node *ends;

    if (mark == NULL || px * py == 0)
        return x;
    rows = cfi_reshape_3d(net, x, x->ne[0], px, py);
    ends = cfi_op_same(net, CFI_OP_SCALE, cfi_tensor_4d(net, x->quant, x->ne[0], 1, py, 1));
    rows = cfi_concat(net, rows, cfi_add(net, ends, mark), 1);
    return cfi_view_2d(net, rows, x->ne[0], px * py + py - 1, cfi_row_bytes(rows->quant, x->ne[0]));
}

cfi_node *cfi_clip_graph_pixtral(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    uint64_t  merge = b->clip->merge;
    cfi_node *x;

    cfi_clip_positions_2d(b, b->patches);
    x = cfi_clip_vit(b, cfi_clip_patches(b, cfi_clip_raw(b, 3)), b->patches, CFI_OP_RMS_NORM, NULL, cfi_clip_rotate_2d);
    if (cfi_clip_tensor(b, "mm.patch_merger.weight") != NULL) {
        cfi_node kernel = {.ne = {merge, merge, b->clip->embedding, 1}};
        cfi_node *dummy;

        x     = cfi_clip_norm(b, x, CFI_OP_RMS_NORM, "mm.input_norm");
        x     = cfi_permute(net, cfi_reshape_3d(net, x, b->clip->embedding, b->px, b->py), 2, 0, 1, 3);
        x     = cfi_cont(net, x);
        dummy = cfi_view_3d(net, x, merge, merge, x->ne[2], 0, 0);
        x     = cfi_im2col(net, &kernel, dummy, x, merge, 0, true, CFI_QUANT_F32);
        x     = cfi_reshape_2d(net, x, x->ne[0], x->ne[1] * x->ne[2]);
        x     = cfi_clip_mm(b, cfi_clip_tensor(b, "mm.patch_merger.weight"), x);
    }
    return with_breaks(b, cfi_clip_ffn(b, x, "mm.1", NULL, "mm.2", 0));
}

/* internvl.cpp; the 6B encoder is told by its size */
cfi_node *cfi_clip_graph_internvl(cfi_clip_build *b)
{
    cfi_net  *net    = b->net;
    uint64_t  width  = b->clip->embedding;
    uint64_t  factor = b->clip->merge;
    cfi_node *class  = cfi_clip_need(b, "v.class_embd");
    cfi_op    norm   = width == 3200 && b->clip->layers == 45 ? CFI_OP_RMS_NORM : CFI_OP_NORM;
    cfi_node *x      = cfi_clip_patches(b, cfi_clip_raw(b, 3));

    x = cfi_concat(net, x, cfi_repeat_4d(net, class, class->ne[0], 1, b->images, 1), 1);
    x = cfi_clip_vit(b, x, b->patches + 1, norm, cfi_clip_need(b, "v.position_embd.weight"), NULL);
    x = cfi_cont(net, cfi_view_3d(net, x, width, b->patches, b->images, x->nb[1], x->nb[2]));
    x = cfi_permute(net, cfi_reshape_4d(net, x, width * factor, b->py / factor, b->px, b->images), 0, 2, 1, 3);
    x = cfi_cont_4d(net, x, width * factor * factor, b->py / factor, b->px / factor, b->images);
    x = cfi_permute(net, x, 0, 2, 1, 3);
    x = cfi_cont_4d(net, x, width * factor * factor, x->ne[1] * x->ne[2], x->ne[3], 1);
    return cfi_clip_ffn(b, cfi_clip_norm(b, x, CFI_OP_NORM, "mm.model.mlp.0"), "mm.model.mlp.1", NULL, "mm.model.mlp.3", 0);
}

/* nemotron-v2-vl.cpp: registers stand before the patches */
cfi_node *cfi_clip_graph_nemotron(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    cfi_node *class = cfi_clip_need(b, "v.class_embd");
    cfi_node *x     = cfi_add(net, cfi_clip_patches(b, cfi_clip_raw(b, 3)), cfi_clip_need(b, "v.position_embd.weight"));

    x = cfi_concat(net, class, x, 1);
    x = cfi_clip_vit(b, x, b->patches + class->ne[1], CFI_OP_NORM, NULL, NULL);
    x = cfi_view_2d(net, x, b->clip->embedding, b->patches, cfi_row_bytes(x->quant, b->clip->embedding));
    x = cfi_clip_norm(b, cfi_clip_merge(b, x, b->clip->merge), CFI_OP_RMS_NORM, "mm.model.mlp.0");
    return cfi_clip_ffn(b, x, "mm.model.mlp.1", NULL, "mm.model.mlp.3", CFI_CLIP_RELU_SQR);
}

/* The column decides before the row. */
static void columns_first(cfi_clip_build *b)
{
    cfi_node *row = b->position[0];

    b->position[0] = b->position[1];
    b->position[1] = row;
}

/* llama4.cpp */
cfi_node *cfi_clip_graph_llama4(cfi_clip_build *b)
{
    cfi_net  *net    = b->net;
    uint64_t  width  = b->clip->embedding;
    uint64_t  factor = b->clip->merge;
    cfi_node *weight = cfi_clip_need(b, "v.patch_embd.weight");
    cfi_node *kernel = cfi_reshape_4d(net, weight, b->clip->patch, b->clip->patch, 3, width);
    cfi_node *x;

    cfi_clip_positions_2d(b, b->patches + 1);
    x = cfi_im2col(net, kernel, kernel, cfi_clip_raw(b, 3), b->clip->patch, 0, true, CFI_QUANT_F32);
    x = cfi_reshape_2d(net, cfi_clip_mm(b, weight, x), width, b->patches);
    x = cfi_concat(net, x, cfi_clip_need(b, "v.class_embd"), 1);
    columns_first(b);
    x = cfi_clip_vit(b, x, b->patches + 1, CFI_OP_NORM, cfi_clip_need(b, "v.position_embd.weight"), cfi_clip_rotate_2d);
    x = cfi_view_2d(net, x, width, b->patches, cfi_row_bytes(x->quant, width));
    x = cfi_permute(net, cfi_reshape_4d(net, x, width * factor, b->px / factor, b->py, 1), 0, 2, 1, 3);
    x = cfi_cont_4d(net, x, width * factor * factor, b->px / factor, b->py / factor, 1);
    x = cfi_cont_2d(net, x, width * factor * factor, b->patches / factor / factor);
    x = cfi_clip_act(b, cfi_clip_mm(b, cfi_clip_tensor(b, "mm.model.mlp.1.weight"), x), NULL, 0);
    x = cfi_clip_act(b, cfi_clip_mm(b, cfi_clip_tensor(b, "mm.model.mlp.2.weight"), x), NULL, 0);
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.model.fc.weight"), x);
}

/* kimivl.cpp, kimik25.cpp: neighbours are merged, each of them is normed */
static cfi_node *kimi_projector(cfi_clip_build *b, cfi_node *x)
{
    cfi_net *net    = b->net;
    uint64_t factor = b->clip->merge;
    uint64_t wide;

    x    = cfi_clip_merge(b, x, factor);
    wide = x->ne[0];
    x    = cfi_view_2d(net, x, b->clip->embedding, x->ne[1] * factor * factor, cfi_row_bytes(x->quant, b->clip->embedding));
    x    = cfi_clip_norm(b, x, CFI_OP_NORM, "mm.input_norm");
    x    = cfi_view_2d(net, x, wide, x->ne[1] / factor / factor, cfi_row_bytes(x->quant, wide));
    return cfi_clip_ffn(b, x, "mm.1", NULL, "mm.2", 0);
}

cfi_node *cfi_clip_graph_kimivl(cfi_clip_build *b)
{
    cfi_node *learned;
    cfi_node *x;

    cfi_clip_positions_2d(b, b->patches);
    columns_first(b);
    learned = cfi_clip_resized_positions(b);
    x       = cfi_clip_patches(b, cfi_clip_raw(b, 3));
    return kimi_projector(b, cfi_clip_vit(b, x, b->patches, CFI_OP_NORM, learned, cfi_clip_rotate_2d));
}

cfi_node *cfi_clip_graph_kimik25(cfi_clip_build *b)
{
    cfi_net  *net     = b->net;
    uint64_t  width   = b->clip->embedding;
    cfi_node *learned = cfi_clip_need(b, "v.position_embd.weight");
    cfi_node *x;

    cfi_clip_positions_2d(b, b->patches);
    columns_first(b);
    if (b->px != learned->ne[1] || b->py != learned->ne[2]) {
        learned = cfi_upscale(net, cfi_permute(net, learned, 2, 1, 0, 3), b->py, b->px, width, 1);
        learned = cfi_permute(net, learned, 2, 1, 0, 3);
    }
    learned = cfi_cont_2d(net, learned, width, b->patches);
    x       = cfi_add(net, cfi_clip_patches(b, cfi_clip_raw(b, 3)), learned);
    return kimi_projector(b, cfi_clip_vit(b, x, b->patches, CFI_OP_NORM, NULL, cfi_clip_rotate_2d));
}

/* paddleocr.cpp */
cfi_node *cfi_clip_graph_paddleocr(cfi_clip_build *b)
{
    cfi_node *learned = cfi_clip_resized_positions(b);
    cfi_node *x       = cfi_clip_patches(b, cfi_clip_raw(b, 3));

    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    x = cfi_clip_vit(b, x, b->patches, CFI_OP_NORM, learned, cfi_clip_rotate);
    x = cfi_clip_norm(b, x, CFI_OP_NORM, "mm.input_norm");
    return cfi_clip_ffn(b, cfi_clip_merge(b, x, b->clip->merge), "mm.1", NULL, "mm.2", 0);
}

/* dotsocr.cpp */
cfi_node *cfi_clip_graph_dotsocr(cfi_clip_build *b)
{
    cfi_node *x = cfi_clip_patches(b, cfi_clip_raw(b, 3));

    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    b->last_norm   = "mm.post_norm";
    x = cfi_clip_vit(b, x, b->patches, CFI_OP_RMS_NORM, NULL, cfi_clip_rotate);
    x = cfi_clip_norm(b, x, CFI_OP_NORM, "mm.input_norm");
    return cfi_clip_ffn(b, cfi_clip_merge(b, x, b->clip->merge), "mm.0", NULL, "mm.2", 0);
}

/* step3vl.cpp: two convolutions of every second pixel behind the layers */
static cfi_node *halved_plane(cfi_clip_build *b, cfi_node *x, const char *weight, const char *bias)
{
    cfi_net  *net = b->net;
    cfi_node *add = cfi_clip_tensor(b, bias);
    uint64_t  ne[3];

    x = cfi_conv_2d(net, cfi_clip_need(b, weight), x, 2, 1);
    if (add == NULL)
        return x;
    memcpy(ne, x->ne, sizeof ne);
    x = cfi_cont(net, cfi_transpose(net, cfi_reshape_2d(net, x, ne[0] * ne[1], ne[2])));
    x = cfi_cont(net, cfi_transpose(net, cfi_add(net, x, add)));
    return cfi_reshape_3d(net, x, ne[0], ne[1], ne[2]);
}

cfi_node *cfi_clip_graph_step3vl(cfi_clip_build *b)
{
    cfi_net  *net     = b->net;
    cfi_node *learned = cfi_clip_resized_positions(b);
    cfi_node *x       = cfi_clip_patches(b, cfi_clip_raw(b, 3));

    cfi_clip_positions_2d(b, b->patches);
    columns_first(b);
    x = cfi_clip_vit(b, x, b->patches, CFI_OP_NORM, learned, cfi_clip_rotate_2d);
    x = cfi_cont_4d(net, cfi_permute(net, x, 1, 0, 2, 3), b->px, b->py, b->clip->embedding, 1);
    x = halved_plane(b, x, "mm.0.weight", "mm.0.bias");
    x = halved_plane(b, x, "mm.1.weight", "mm.1.bias");
    x = cfi_reshape_3d(net, x, x->ne[0] * x->ne[1], x->ne[2], x->ne[3]);
    x = cfi_cont_swapped(net, x);
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.model.fc.weight"), x);
}

/* deepseek4v.cpp: marks stand among the tokens, which are put in order at the end */
cfi_node *cfi_clip_graph_deepseek4v(cfi_clip_build *b)
{
    static const char *const marks[] = {"v.token_embd.img_start", "v.token_embd.img_end", "v.image_newline", "v.token_embd.img_pad"};
    cfi_net  *net   = b->net;
    uint64_t  merge = b->clip->merge;
    cfi_node  kernel = {.ne = {merge, merge, b->clip->embedding, 1}};
    cfi_node *x     = cfi_clip_patches(b, cfi_clip_raw(b, 3));
    uint64_t  right = (merge - b->px % merge) % merge, below = (merge - b->py % merge) % merge;

    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, b->patches * 4, 1);
    x = cfi_clip_vit(b, x, b->patches, CFI_OP_RMS_NORM, NULL, cfi_clip_rotate);
    x = cfi_cont(net, cfi_permute(net, cfi_reshape_3d(net, x, b->clip->embedding, b->px, b->py), 2, 0, 1, 3));
    if (right > 0 || below > 0)
        x = cfi_pad(net, x, right, below, 0, 0);
    x = cfi_im2col(net, &kernel, cfi_view_3d(net, x, merge, merge, x->ne[2], 0, 0), x, merge, 0, true, CFI_QUANT_F32);
    x = cfi_reshape_2d(net, x, x->ne[0], x->ne[1] * x->ne[2]);
    x = cfi_clip_ffn(b, x, "mm.1", NULL, "mm.2", 0);
    for (uint32_t i = 0; i < CFI_COUNT(marks); i++)
        x = cfi_concat(net, x, cfi_reshape_2d(net, cfi_clip_need(b, marks[i]), x->ne[0], 1), 1);
    return cfi_get_rows(net, x, cfi_clip_input(b, CFI_QUANT_I32, cfi_clip_tokens(b->clip, b->nx, b->ny), 1));
}
