/* The graph of Reka Edge's eyes, convolutions in stages (ConvNeXt): llama.cpp b11118 tools/mtmd/models/yasa2.cpp. */
#include "clip_build.h"

#define POOLED_SIDE 8u /* yasa2.cpp:164 */

static cfi_node *stage_part(cfi_clip_build *b, uint32_t stage, const char *part)
{
    return cfi_clip_tensor(b, cfi_clip_numbered("v.stage", stage, part).text);
}

static cfi_node *block_part(cfi_clip_build *b, const uint32_t at[2], const char *part)
{
    return stage_part(b, at[0], cfi_clip_numbered("blk", at[1], part).text);
}

static cfi_node *plus_channels(cfi_clip_build *b, cfi_node *x, cfi_node *bias)
{
    return bias != NULL ? cfi_add(b->net, x, cfi_reshape_4d(b->net, bias, 1, 1, bias->ne[0], 1)) : x;
}

static cfi_node *times_channels(cfi_clip_build *b, cfi_node *x, cfi_node *weight)
{
    return weight != NULL ? cfi_mul(b->net, x, cfi_reshape_4d(b->net, weight, 1, 1, weight->ne[0], 1)) : x;
}

static cfi_node *mean(cfi_net *net, cfi_node *x)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_MEAN, CFI_QUANT_F32, (const uint64_t[4]){1, x->ne[1], x->ne[2], x->ne[3]});

    cfi_op_source(node, x);
    return node;
}

/* Over channels, step by step. */
static cfi_node *normed_channels(cfi_clip_build *b, cfi_node *x, cfi_node *weight, cfi_node *bias)
{
    cfi_net  *net = b->net;
    cfi_node *square;

    x      = cfi_cont(net, cfi_permute(net, x, 2, 1, 0, 3));
    x      = cfi_op_pair(net, CFI_OP_SUB, x, mean(net, x));
    square = cfi_clamp(net, b->clip->build, mean(net, cfi_mul(net, x, x)));
    x      = cfi_op_pair(net, CFI_OP_DIV, x, cfi_op_same(net, CFI_OP_SQRT, square));
    x      = cfi_cont(net, cfi_permute(net, x, 2, 1, 0, 3));
    return plus_channels(b, times_channels(b, x, weight), bias);
}

/* Each channel by its share of all (convnext_grn). */
static cfi_node *by_response(cfi_clip_build *b, cfi_node *x, cfi_node *weight, cfi_node *bias)
{
    cfi_net  *net = b->net;
    cfi_node *share = cfi_reshape_4d(net, cfi_mul(net, x, x), x->ne[0] * x->ne[1], x->ne[2], 1, x->ne[3]);
    cfi_node *all;

    share = cfi_op_same(net, CFI_OP_SQRT, cfi_sum_rows(net, share));
    all   = cfi_clamp(net, b->clip->build, mean(net, cfi_cont_swapped(net, share)));
    share = cfi_op_pair(net, CFI_OP_DIV, share, all);
    share = cfi_mul(net, x, cfi_cont(net, cfi_permute(net, share, 0, 2, 1, 3)));
    return cfi_add(net, x, plus_channels(b, times_channels(b, share, weight), bias));
}

/* A matrix over the channels of each pixel. */
static cfi_node *pointwise(cfi_clip_build *b, cfi_node *x, cfi_node *weight, cfi_node *bias)
{
    cfi_net *net = b->net;
    uint64_t w = x->ne[0], h = x->ne[1], images = x->ne[3], wide;

    x = cfi_mul_mat(net, weight, cfi_cont_swapped(net, cfi_reshape_3d(net, x, w * h, x->ne[2], images)));
    if (bias != NULL)
        x = cfi_add(net, x, cfi_reshape_3d(net, bias, bias->ne[0], 1, 1));
    wide = x->ne[0];
    return cfi_reshape_4d(net, cfi_cont_swapped(net, x), w, h, wide, images);
}

static cfi_node *stage_block(cfi_clip_build *b, cfi_node *residual, const uint32_t at[2])
{
    cfi_node *x = cfi_conv_2d_dw(b->net, block_part(b, at, "dw.weight"), residual, 1, 3);

    x = plus_channels(b, x, block_part(b, at, "dw.bias"));
    x = normed_channels(b, x, block_part(b, at, "ln.weight"), block_part(b, at, "ln.bias"));
    x = pointwise(b, x, block_part(b, at, "pw1.weight"), block_part(b, at, "pw1.bias"));
    x = by_response(b, cfi_clip_act(b, x, NULL, 0), block_part(b, at, "grn.weight"), block_part(b, at, "grn.bias"));
    x = pointwise(b, x, block_part(b, at, "pw2.weight"), block_part(b, at, "pw2.bias"));
    return cfi_add(b->net, residual, x);
}

/* NULL: there is no such stage. */
static cfi_node *one_stage(cfi_clip_build *b, cfi_node *x, uint32_t stage)
{
    cfi_node *down  = stage_part(b, stage, "down.conv.weight");
    uint32_t  at[2] = {stage, 0};

    if (down == NULL && block_part(b, at, "dw.weight") == NULL)
        return NULL;
    if (down != NULL) {
        x = normed_channels(b, x, stage_part(b, stage, "down.ln.weight"), stage_part(b, stage, "down.ln.bias"));
        x = plus_channels(b, cfi_conv_2d(b->net, down, x, 2, 0), stage_part(b, stage, "down.conv.bias"));
    }
    for (; block_part(b, at, "dw.weight") != NULL; at[1]++)
        x = stage_block(b, x, at);
    return x;
}

static uint64_t pool_side(uint64_t side) { return side > POOLED_SIDE ? side / POOLED_SIDE : 1; }

cfi_node *cfi_clip_graph_yasa2(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    cfi_node *table = cfi_clip_tensor(b, "v.vision_pos_embed");
    cfi_node *x     = cfi_conv_2d(net, cfi_clip_need(b, "v.patch_embd.weight"), cfi_clip_raw(b, 3), b->clip->patch, 0);
    cfi_node *next, *tokens;
    uint64_t  w, h;

    x = plus_channels(b, x, cfi_clip_tensor(b, "v.patch_embd.bias"));
    x = normed_channels(b, x, cfi_clip_tensor(b, "v.patch_ln.weight"), cfi_clip_tensor(b, "v.patch_ln.bias"));
    for (uint32_t stage = 0; (next = one_stage(b, x, stage)) != NULL; stage++)
        x = next;
    w      = x->ne[0];
    h      = x->ne[1];
    tokens = cfi_cont_swapped(net, cfi_reshape_3d(net, x, w * h, x->ne[2], x->ne[3]));
    if (table != NULL && table->ne[1] == tokens->ne[1])
        tokens = cfi_add(net, tokens, cfi_reshape_3d(net, table, table->ne[0], table->ne[1], 1));
    tokens = cfi_cont_swapped(net, tokens);
    x      = cfi_reshape_4d(net, tokens, w, h, tokens->ne[1], tokens->ne[2]);
    x      = cfi_pool_2d(net, x, pool_side(w), pool_side(h));
    x      = cfi_cont_swapped(net, cfi_reshape_3d(net, x, x->ne[0] * x->ne[1], x->ne[2], x->ne[3]));
    return cfi_clip_ffn(b, x, "mm.0", NULL, "mm.2", 0);
}
