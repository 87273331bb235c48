/* Graphs of encoders whose layers end before the last or have an order of their own, and of resamplers: llama.cpp b11118
 * tools/mtmd/models/llava.cpp, cogvlm.cpp, minicpmv.cpp, hunyuanvl.cpp. */
#include "clip_build.h"

/* ---- llava.cpp ---- */
/* The deepest layer that is wanted; else the last but one. */
static uint32_t last_layer(const cfi_clip *clip)
{
    const cfi_clip_list *list    = &clip->sense->feature_layers;
    int32_t              deepest = -1;

    for (uint32_t i = 0; i < list->count; i++)
        deepest = list->value[i] > deepest ? list->value[i] : deepest;
    if (deepest >= 0)
        return (uint32_t)cfi_min_u64((uint64_t)deepest, clip->layers);
    return clip->type == CFI_CLIP_TYPE_GLM_EDGE ? clip->layers : clip->layers - 1;
}

static cfi_node *llava_attention(cfi_clip_build *b, cfi_node *x, uint32_t layer, uint64_t n_pos)
{
    static const char *const names[3] = {"attn_q", "attn_k", "attn_v"};
    cfi_node *part[3];

    for (uint32_t i = 0; i < 3; i++)
        part[i] = cfi_reshape_3d(b->net, cfi_clip_block_linear(b, x, layer, names[i]), b->clip->head_size, b->clip->heads, n_pos);
    return cfi_clip_block_attention(b, layer, part[0], part[1], part[2], NULL);
}

static cfi_node *kept_features(cfi_clip_build *b, cfi_node *kept, cfi_node *x, uint32_t layer)
{
    if (!cfi_clip_lists(&b->clip->sense->feature_layers, layer))
        return kept;
    return kept != NULL ? cfi_concat(b->net, kept, x, 0) : x;
}

static cfi_node *llava_layers(cfi_clip_build *b, cfi_node *x, uint64_t n_pos)
{
    uint32_t  end  = last_layer(b->clip);
    cfi_node *kept = NULL;

    for (uint32_t i = 0; i < end; i++) {
        cfi_node *y;

        kept = kept_features(b, kept, x, i);
        y    = llava_attention(b, cfi_clip_block_norm(b, x, CFI_OP_NORM, i, "ln1"), i, n_pos);
        x    = cfi_add(b->net, y, x);
        y    = cfi_clip_block_ffn(b, cfi_clip_block_norm(b, x, CFI_OP_NORM, i, "ln2"), i);
        x    = cfi_add(b->net, x, y);
    }
    if (cfi_clip_tensor(b, "v.post_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.post_ln");
    kept = kept_features(b, kept, x, end);
    return kept != NULL ? kept : x;
}

/* "mm.1": norm, with weight and bias under one name */
static cfi_node *mlp_projector(cfi_clip_build *b, cfi_node *x)
{
    x = cfi_clip_linear(b, x, "mm.0");
    if (cfi_clip_tensor(b, "mm.3.weight") != NULL) {
        x = cfi_clip_act(b, cfi_clip_norm(b, x, CFI_OP_NORM, "mm.1"), NULL, 0);
        return cfi_clip_norm(b, cfi_clip_linear(b, x, "mm.3"), CFI_OP_NORM, "mm.4");
    }
    x = cfi_clip_act(b, x, NULL, 0);
    return cfi_clip_tensor(b, "mm.2.weight") != NULL ? cfi_clip_linear(b, x, "mm.2") : x;
}

#define LDP_SIDE 24u /* patches a side, llava.cpp:190 */

static cfi_node *channels_first(cfi_net *net, cfi_node *x) { return cfi_cont(net, cfi_permute(net, x, 1, 2, 0, 3)); }
static cfi_node *channels_last(cfi_net *net, cfi_node *x) { return cfi_cont(net, cfi_permute(net, x, 2, 0, 1, 3)); }

static cfi_clip_name ldp_part(uint32_t block, const char *part) { return cfi_clip_numbered("mm.model.mb_block", block, part); }

static cfi_node *ldp_block(cfi_clip_build *b, cfi_node *x, uint32_t block)
{
    cfi_net  *net    = b->net;
    cfi_node *kernel = cfi_clip_need(b, ldp_part(block, "block.0.0.weight").text);
    cfi_node *kept;
    uint64_t  w, h;

    x    = channels_first(net, cfi_conv_2d_dw(net, kernel, x, block, 1));
    x    = channels_last(net, cfi_clip_norm(b, x, CFI_OP_NORM, ldp_part(block, "block.0.1").text));
    kept = cfi_clip_act(b, x, NULL, 0);
    x    = cfi_pool_2d(net, kept, kept->ne[0], kept->ne[1]);
    x    = cfi_reshape_2d(net, x, x->ne[0] * x->ne[1] * x->ne[2], x->ne[3]);
    x    = cfi_clip_act(b, cfi_clip_linear(b, x, ldp_part(block, "block.1.fc1").text), NULL, 0);
    x    = cfi_clip_act(b, cfi_clip_linear(b, x, ldp_part(block, "block.1.fc2").text), NULL, 0);
    x    = cfi_mul(net, kept, cfi_reshape_4d(net, x, 1, 1, x->ne[0], x->ne[1]));
    w    = x->ne[0];
    h    = x->ne[1];
    x    = cfi_cont_swapped(net, cfi_reshape_3d(net, x, w * h, x->ne[2], x->ne[3]));
    x    = cfi_clip_linear(b, x, ldp_part(block, "block.2.0").text);
    return cfi_clip_norm(b, cfi_reshape_4d(net, x, x->ne[0], w, h, x->ne[3]), CFI_OP_NORM, ldp_part(block, "block.2.1").text);
}

static cfi_node *ldp_projector(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net = b->net;
    cfi_node *y;

    x = cfi_clip_ffn(b, x, "mm.model.mlp.1", NULL, "mm.model.mlp.3", 0);
    x = cfi_permute(net, x, 1, 0, 2, 3);
    x = cfi_cont_4d(net, x, LDP_SIDE, LDP_SIDE, x->ne[1], x->ne[2]);
    y = cfi_add(net, x, channels_last(net, ldp_block(b, x, 1)));
    y = ldp_block(b, y, 2);
    return cfi_reshape_3d(net, y, y->ne[0], y->ne[1] * y->ne[2], y->ne[3]);
}

static cfi_node *ldpv2_projector(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net = b->net;
    cfi_node *y;

    x = cfi_clip_ffn(b, x, "mm.model.mlp.0", NULL, "mm.model.mlp.2", 0);
    x = cfi_permute(net, x, 1, 0, 2, 3);
    x = cfi_pool_2d(net, cfi_cont_4d(net, x, LDP_SIDE, LDP_SIDE, x->ne[1], x->ne[2]), 2, 2);
    y = channels_first(net, cfi_conv_2d_dw(net, cfi_clip_need(b, "mm.model.peg.0.weight"), x, 1, 1));
    y = cfi_clip_plus(b, y, cfi_clip_tensor(b, "mm.model.peg.0.bias"));
    y = cfi_add(net, y, channels_first(net, x));
    return cfi_reshape_3d(net, y, y->ne[0], y->ne[1] * y->ne[2], y->ne[3]);
}

static cfi_node *glm_edge_projector(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net  = b->net;
    uint64_t  side = cfi_clip_root(x->ne[1]);
    cfi_node *gate;

    x    = cfi_permute(net, x, 1, 0, 2, 3);
    x    = cfi_cont_4d(net, x, side, side, x->ne[1], 1);
    x    = cfi_conv_2d(net, cfi_clip_need(b, "adapter.conv.weight"), x, 2, 0);
    x    = cfi_reshape_3d(net, x, x->ne[0] * x->ne[1], x->ne[2], 1);
    x    = cfi_cont_swapped(net, x);
    x    = cfi_clip_plus(b, x, cfi_clip_tensor(b, "adapter.conv.bias"));
    x    = cfi_clip_norm(b, cfi_clip_linear(b, x, "adapter.linear.linear"), CFI_OP_NORM, "adapter.linear.norm1");
    x    = cfi_op_over(net, CFI_OP_UNARY, x);
    gate = cfi_clip_linear(b, x, "adapter.linear.gate");
    x    = cfi_clip_act(b, gate, cfi_clip_linear(b, x, "adapter.linear.dense_h_to_4h"), 0);
    x    = cfi_clip_linear(b, x, "adapter.linear.dense_4h_to_h");
    x    = cfi_concat(net, cfi_clip_need(b, "adapter.boi"), x, 1);
    return cfi_concat(net, x, cfi_clip_need(b, "adapter.eoi"), 1);
}

cfi_node *cfi_clip_graph_llava(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    cfi_node *class = cfi_clip_tensor(b, "v.class_embd");
    uint64_t  n_pos = b->patches + (class != NULL);
    cfi_node *x     = cfi_clip_patches(b, cfi_clip_raw(b, 3));

    if (b->px != b->py)
        net->incomplete = true; /* the engine stops there */
    if (class != NULL)
        x = cfi_concat(net, x, class, 1);
    x = cfi_add(net, x, cfi_get_rows(net, cfi_clip_need(b, "v.position_embd.weight"), cfi_clip_input(b, CFI_QUANT_I32, n_pos, 1)));
    if (cfi_clip_tensor(b, "v.pre_ln.weight") != NULL)
        x = cfi_clip_norm(b, x, CFI_OP_NORM, "v.pre_ln");
    x = llava_layers(b, x, n_pos);
    if (b->clip->type == CFI_CLIP_TYPE_GLM_EDGE)
        return glm_edge_projector(b, x);
    x = cfi_get_rows(net, cfi_reshape_2d(net, x, x->ne[0], x->ne[1]), cfi_clip_input(b, CFI_QUANT_I32, b->patches, 1));
    if (b->clip->type == CFI_CLIP_TYPE_MLP)
        return mlp_projector(b, x);
    return b->clip->type == CFI_CLIP_TYPE_LDP ? ldp_projector(b, x) : ldpv2_projector(b, x);
}

/* ---- cogvlm.cpp: norms stand behind ---- */
static cfi_node *cogvlm_block(cfi_clip_build *b, cfi_node *residual, uint32_t layer, uint64_t n_pos)
{
    cfi_node *joint = cfi_clip_block_linear(b, residual, layer, "attn_qkv");
    cfi_node *part[3];
    cfi_node *x;

    for (uint32_t i = 0; i < 3; i++)
        part[i] = cfi_view_3d(b->net, joint, b->clip->head_size, b->clip->heads, n_pos, (uint64_t)b->clip->head_size * 4, joint->nb[1]);
    x        = cfi_clip_block_attention(b, layer, part[0], part[1], part[2], NULL);
    residual = cfi_add(b->net, cfi_clip_block_norm(b, x, CFI_OP_NORM, layer, "ln1"), residual);
    x        = cfi_clip_block_norm(b, cfi_clip_block_ffn(b, residual, layer), CFI_OP_NORM, layer, "ln2");
    return cfi_add(b->net, x, residual);
}

cfi_node *cfi_clip_graph_cogvlm(cfi_clip_build *b)
{
    cfi_net  *net = b->net;
    cfi_node *x   = cfi_concat(net, cfi_clip_patches(b, cfi_clip_raw(b, 3)), cfi_clip_need(b, "v.class_embd"), 1);
    cfi_node *wide;

    x = cfi_add(net, x, cfi_clip_need(b, "v.position_embd.weight"));
    for (uint32_t i = 0; i < b->clip->layers; i++)
        x = cogvlm_block(b, x, i, b->patches + 1);
    x    = cfi_view_2d(net, x, b->clip->embedding, b->patches, cfi_row_bytes(x->quant, b->clip->embedding));
    x    = cfi_clip_norm(b, cfi_clip_linear(b, x, "mm.model.fc"), CFI_OP_NORM, "mm.post_fc_norm");
    x    = cfi_op_over(net, CFI_OP_UNARY, x);
    wide = cfi_clip_linear(b, x, "mm.up");
    x    = cfi_clip_linear(b, cfi_clip_act(b, cfi_clip_linear(b, x, "mm.gate"), wide, 0), "mm.down");
    x    = cfi_concat(net, cfi_clip_need(b, "v.boi"), x, 1);
    return cfi_concat(net, x, cfi_clip_need(b, "v.eoi"), 1);
}

/* ---- minicpmv.cpp: a resampler of its own queries ---- */
cfi_node *cfi_clip_graph_minicpmv(cfi_clip_build *b)
{
    cfi_net        *net     = b->net;
    const cfi_node *proj    = cfi_clip_need(b, "resampler.proj.weight");
    cfi_node       *omega   = cfi_clip_input(b, CFI_QUANT_F32, proj->ne[0] / 4, 1);
    cfi_node       *row     = cfi_clip_input(b, CFI_QUANT_F32, 1, b->patches);
    cfi_node       *column  = cfi_clip_input(b, CFI_QUANT_F32, 1, b->patches);
    cfi_node       *table   = cfi_clip_need(b, "v.position_embd.weight");
    cfi_node       *learned = cfi_get_rows(net, table, cfi_clip_input(b, CFI_QUANT_I32, b->patches, 1));
    cfi_node       *spread  = cfi_repeat_4d(net, omega, omega->ne[0], b->patches, 1, 1);
    cfi_node       *turned[2];
    cfi_node       *part[3];
    cfi_node       *x       = cfi_clip_vit(b, cfi_clip_patches(b, cfi_clip_raw(b, 3)), b->patches, CFI_OP_NORM, learned, NULL);
    uint64_t        heads   = proj->ne[0] / 128; /* of 128, minicpmv.cpp:76 */

    part[0] = cfi_clip_norm(b, cfi_clip_need(b, "resampler.query"), CFI_OP_NORM, "resampler.ln_q");
    part[2] = cfi_clip_norm(b, cfi_clip_mm(b, cfi_clip_tensor(b, "resampler.kv.weight"), x), CFI_OP_NORM, "resampler.ln_kv");
    for (uint32_t i = 0; i < 2; i++) {
        cfi_node *theta = cfi_mul(net, spread, i == 0 ? column : row);

        turned[i] = cfi_concat(net, cfi_op_same(net, CFI_OP_TRIG, theta), cfi_op_same(net, CFI_OP_TRIG, theta), 0);
    }
    part[1] = cfi_add(net, part[2], cfi_concat(net, turned[0], turned[1], 0));
    part[0] = cfi_clip_linear(b, part[0], "resampler.attn.q");
    part[1] = cfi_clip_linear(b, part[1], "resampler.attn.k");
    part[2] = cfi_clip_linear(b, part[2], "resampler.attn.v");
    part[0] = cfi_reshape_3d(net, part[0], 128, heads, cfi_clip_tokens(b->clip, b->nx, b->ny));
    part[1] = cfi_reshape_3d(net, part[1], 128, heads, b->patches);
    part[2] = cfi_reshape_3d(net, part[2], 128, heads, b->patches);
    x = cfi_clip_attention(b, "resampler.attn.out", part[0], part[1], part[2], NULL);
    x = cfi_clip_norm(b, x, CFI_OP_NORM, "resampler.ln_post");
    return cfi_clip_mm(b, cfi_clip_tensor(b, "resampler.proj.weight"), x);
}

/* ---- hunyuanvl.cpp: two convolutions, a token at the end of each row ---- */
static cfi_node *plane_bias(cfi_clip_build *b, cfi_node *x, const char *name)
{
    cfi_node *bias = cfi_clip_tensor(b, name);

    return bias != NULL ? cfi_add(b->net, x, cfi_reshape_3d(b->net, bias, 1, 1, bias->ne[0])) : x;
}

cfi_node *cfi_clip_graph_hunyuanvl(cfi_clip_build *b)
{
    cfi_net  *net     = b->net;
    uint64_t  ow      = b->px / b->clip->merge;
    uint64_t  oh      = b->py / b->clip->merge;
    cfi_node *learned = cfi_clip_input(b, CFI_QUANT_F32, b->clip->embedding, b->patches);
    cfi_node *first   = cfi_clip_need(b, "mm.image_begin");
    cfi_node *last    = cfi_clip_need(b, "mm.image_end");
    cfi_node *x       = cfi_clip_vit(b, cfi_clip_patches(b, cfi_clip_raw(b, 3)), b->patches, CFI_OP_NORM, learned, NULL);
    cfi_node *line;

    x    = cfi_clip_norm(b, x, CFI_OP_RMS_NORM, "mm.pre_norm");
    x    = cfi_cont(net, cfi_permute(net, cfi_reshape_3d(net, x, b->clip->embedding, b->px, b->py), 2, 0, 1, 3));
    x    = plane_bias(b, cfi_conv_2d(net, cfi_clip_need(b, "mm.0.weight"), x, b->clip->merge, 0), "mm.0.bias");
    x    = cfi_conv_2d(net, cfi_clip_need(b, "mm.2.weight"), cfi_clip_act(b, x, NULL, 0), 1, 0);
    x    = plane_bias(b, x, "mm.2.bias");
    line = cfi_reshape_4d(net, cfi_clip_need(b, "v.image_newline"), 1, 1, x->ne[2], 1);
    x    = cfi_concat(net, x, cfi_repeat_4d(net, line, 1, oh, x->ne[2], 1), 0);
    x    = cfi_permute(net, x, 1, 2, 0, 3);
    x    = cfi_clip_linear(b, cfi_cont_2d(net, x, x->ne[0], (ow + 1) * oh), "mm.model.fc");
    x    = cfi_concat(net, cfi_reshape_2d(net, first, first->ne[0], 1), x, 1);
    x    = cfi_concat(net, x, cfi_reshape_2d(net, last, last->ne[0], 1), 1);
    return cfi_clip_norm(b, x, CFI_OP_RMS_NORM, "mm.post_norm");
}
