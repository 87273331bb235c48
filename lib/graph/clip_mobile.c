/* The graph of Gemma-3n's eyes, convolutions in four stages: llama.cpp b11118 tools/mtmd/models/mobilenetv5.cpp. */
#include "clip_build.h"

#define STAGES   4u
#define OUT_SIDE 16u /* target_out_res, mobilenetv5.cpp:378 */

typedef struct mobile_block {
    uint32_t stage;
    uint32_t index;
    uint64_t stride;
} mobile_block;

static cfi_node *stage_tensor(cfi_clip_build *b, const mobile_block *block, const char *name)
{
    static const char stages[STAGES][8] = {"v.blk.0", "v.blk.1", "v.blk.2", "v.blk.3"};

    return cfi_clip_tensor(b, cfi_clip_numbered(stages[block->stage], block->index, name).text);
}

/* Over channels (rms_norm_2d). */
static cfi_node *channel_norm(cfi_clip_build *b, cfi_node *x, cfi_node *weight)
{
    cfi_net *net = b->net;

    if (weight == NULL)
        return x;
    x = cfi_cont(net, cfi_permute(net, x, 2, 1, 0, 3));
    x = cfi_mul(net, cfi_op_same(net, CFI_OP_RMS_NORM, x), weight);
    return cfi_cont(net, cfi_permute(net, x, 2, 1, 0, 3));
}

static uint64_t same_pad(uint64_t in, uint64_t kernel, uint64_t stride)
{
    uint64_t need = ((in + stride - 1) / stride - 1) * stride + kernel;

    return need > in ? need - in : 0;
}

static cfi_node *padded_for(cfi_clip_build *b, cfi_node *x, uint64_t kernel, uint64_t stride)
{
    uint64_t right = same_pad(x->ne[0], kernel, stride), below = same_pad(x->ne[1], kernel, stride);

    return right > 0 || below > 0 ? cfi_pad(b->net, x, right, below, 0, 0) : x;
}

static cfi_node *edge_residual(cfi_clip_build *b, const mobile_block *k, cfi_node *in)
{
    cfi_node *kernel = stage_tensor(b, k, "conv_exp.weight");
    bool      halves = k->stride == 2;
    cfi_node *x      = cfi_conv_2d_direct(b->net, kernel, halves ? padded_for(b, in, 3, 2) : in, halves ? 2 : 1, halves ? 0 : 1);

    x = cfi_clip_act(b, channel_norm(b, x, stage_tensor(b, k, "bn1.weight")), NULL, 0);
    x = channel_norm(b, cfi_conv_2d_direct(b->net, stage_tensor(b, k, "conv_pwl.weight"), x, 1, 0), stage_tensor(b, k, "bn2.weight"));
    return k->stride == 1 && in->ne[2] == x->ne[2] && in->ne[0] == x->ne[0] ? cfi_add(b->net, x, in) : x;
}

static cfi_node *inverted_residual(cfi_clip_build *b, const mobile_block *k, cfi_node *in)
{
    cfi_net  *net   = b->net;
    cfi_node *start = stage_tensor(b, k, "dw_start.conv.weight"), *wide = stage_tensor(b, k, "pw_exp.conv.weight");
    cfi_node *mid   = stage_tensor(b, k, "dw_mid.conv.weight"), *narrow = stage_tensor(b, k, "pw_proj.conv.weight");
    cfi_node *scale = stage_tensor(b, k, "layer_scale.gamma");
    cfi_node *x     = in;

    if (start != NULL)
        x = channel_norm(b, cfi_conv_2d_dw(net, start, x, 1, start->ne[0] / 2), stage_tensor(b, k, "dw_start.bn.weight"));
    if (wide != NULL)
        x = cfi_clip_act(b, channel_norm(b, cfi_conv_2d_direct(b->net, wide, x, 1, 0), stage_tensor(b, k, "pw_exp.bn.weight")), NULL, 0);
    if (mid != NULL) {
        x = k->stride > 1 ? cfi_conv_2d_dw(net, mid, padded_for(b, x, mid->ne[0], k->stride), k->stride, 0)
                          : cfi_conv_2d_dw(net, mid, x, 1, mid->ne[0] / 2);
        x = cfi_clip_act(b, channel_norm(b, x, stage_tensor(b, k, "dw_mid.bn.weight")), NULL, 0);
    }
    if (narrow != NULL)
        x = channel_norm(b, cfi_conv_2d_direct(b->net, narrow, x, 1, 0), stage_tensor(b, k, "pw_proj.bn.weight"));
    if (scale != NULL)
        x = cfi_mul(net, x, scale);
    return in->ne[0] == x->ne[0] && in->ne[1] == x->ne[1] && in->ne[2] == x->ne[2] ? cfi_add(net, x, in) : x;
}

/* Keys or values: of every second pixel where the file has a kernel for it. */
static cfi_node *one_head(cfi_clip_build *b, const mobile_block *k, cfi_node *x, const char *down, const char *norm, const char *proj)
{
    cfi_node *kernel = stage_tensor(b, k, down);

    if (kernel != NULL) {
        x = cfi_conv_2d_dw(b->net, kernel, padded_for(b, x, kernel->ne[0], 2), 2, 0);
        x = channel_norm(b, x, stage_tensor(b, k, norm));
    }
    return cfi_conv_2d_direct(b->net, stage_tensor(b, k, proj), x, 1, 0);
}

static cfi_node *mobile_attention(cfi_clip_build *b, const mobile_block *p, cfi_node *in)
{
    cfi_net  *net   = b->net;
    cfi_node *x     = channel_norm(b, in, stage_tensor(b, p, "norm.weight"));
    cfi_node *q     = cfi_conv_2d_direct(b->net, stage_tensor(b, p, "attn.query.proj.weight"), x, 1, 0);
    cfi_node *k     = one_head(b, p, x, "attn.key.down_conv.weight", "attn.key.norm.weight", "attn.key.proj.weight");
    cfi_node *v     = one_head(b, p, x, "attn.value.down_conv.weight", "attn.value.norm.weight", "attn.value.proj.weight");
    cfi_node *scale = stage_tensor(b, p, "layer_scale.gamma");
    uint64_t  head  = cfi_max_u64(1, k->ne[2]), heads = q->ne[2] / head, pixels = x->ne[0] * x->ne[1], fewer = k->ne[0] * k->ne[1];

    q = cfi_reshape_4d(net, cfi_reshape_3d(net, q, pixels, head * heads, x->ne[3]), pixels, head, heads, x->ne[3]);
    q = cfi_cont_swapped(net, q);
    k = cfi_reshape_4d(net, cfi_reshape_3d(net, k, fewer, head, x->ne[3]), fewer, head, 1, x->ne[3]);
    k = cfi_cont_swapped(net, k);
    v = cfi_cont(net, cfi_reshape_4d(net, cfi_reshape_3d(net, v, fewer, head, x->ne[3]), fewer, head, 1, x->ne[3]));
    q = cfi_soft_max(net, cfi_op_same(net, CFI_OP_SCALE, cfi_mul_mat(net, k, q)), NULL, NULL);
    q = cfi_cont_swapped(net, cfi_mul_mat(net, v, q));
    q = cfi_reshape_4d(net, cfi_reshape_3d(net, q, pixels, head * heads, x->ne[3]), x->ne[0], x->ne[1], head * heads, x->ne[3]);
    x = cfi_conv_2d_direct(b->net, stage_tensor(b, p, "attn.output.proj.weight"), cfi_cont(net, q), 1, 0);
    if (in->ne[0] != x->ne[0] || in->ne[2] != x->ne[2])
        return x;
    return cfi_add(net, scale != NULL ? cfi_mul(net, x, scale) : x, in);
}

static cfi_node *mobile_step(cfi_clip_build *b, const mobile_block *k, cfi_node *x)
{
    if (stage_tensor(b, k, "conv_exp.weight") != NULL)
        return edge_residual(b, k, x);
    if (stage_tensor(b, k, "attn.query.proj.weight") != NULL)
        return mobile_attention(b, k, x);
    return inverted_residual(b, k, x);
}

static bool is_block(cfi_clip_build *b, const mobile_block *k)
{
    return stage_tensor(b, k, "conv_exp.weight") != NULL || stage_tensor(b, k, "dw_start.conv.weight") != NULL ||
           stage_tensor(b, k, "pw_exp.conv.weight") != NULL || stage_tensor(b, k, "attn.query.proj.weight") != NULL;
}

/* What comes out of the last two stages, side by side at the size of the first of them, brought to 16 x 16. */
static cfi_node *fused(cfi_clip_build *b, cfi_node *const feature[2])
{
    cfi_net  *net = b->net;
    cfi_node *x   = feature[0], *last = feature[1];

    if (last != NULL && last->ne[0] > 0 && (last->ne[0] < x->ne[0] || last->ne[1] < x->ne[1])) {
        uint64_t by = x->ne[0] / last->ne[0];

        last = cfi_upscale(net, last, last->ne[0] * by, last->ne[1] * by, last->ne[2], last->ne[3]);
    }
    if (last != NULL)
        x = cfi_concat(net, x, last, 2);
    if (cfi_clip_tensor(b, "v.msfa.ffn.pw_exp.conv.weight") != NULL) {
        x = cfi_conv_2d_direct(b->net, cfi_clip_tensor(b, "v.msfa.ffn.pw_exp.conv.weight"), x, 1, 0);
        x = cfi_clip_act(b, channel_norm(b, x, cfi_clip_tensor(b, "v.msfa.ffn.pw_exp.bn.weight")), NULL, 0);
    }
    if (cfi_clip_tensor(b, "v.msfa.ffn.pw_proj.conv.weight") != NULL) {
        x = cfi_conv_2d_direct(b->net, cfi_clip_tensor(b, "v.msfa.ffn.pw_proj.conv.weight"), x, 1, 0);
        x = channel_norm(b, x, cfi_clip_tensor(b, "v.msfa.ffn.pw_proj.bn.weight"));
    }
    if (x->ne[0] > OUT_SIDE)
        x = cfi_pool_2d(net, x, x->ne[0] / OUT_SIDE, x->ne[0] / OUT_SIDE);
    return channel_norm(b, x, cfi_clip_tensor(b, "v.msfa.norm.weight"));
}

cfi_node *cfi_clip_graph_mobile(cfi_clip_build *b)
{
    cfi_net     *net  = b->net;
    cfi_node    *stem = cfi_clip_need(b, "v.conv_stem.conv.weight");
    cfi_node    *x    = cfi_conv_2d_direct(net, stem, padded_for(b, cfi_clip_raw(b, 3), 3, 2), 2, 0);
    cfi_node    *soft = cfi_clip_tensor(b, "mm.soft_emb_norm.weight");
    cfi_node    *out[STAGES];
    uint32_t     stages = 0;
    mobile_block k;

    x = channel_norm(b, cfi_clip_plus(b, x, cfi_clip_tensor(b, "v.conv_stem.conv.bias")), cfi_clip_tensor(b, "v.conv_stem.bn.weight"));
    x = cfi_clip_act(b, x, NULL, 0);
    for (k.stage = 0; k.stage < STAGES; k.stage++) {
        for (k.index = 0; is_block(b, &k); k.index++) {
            k.stride = k.index == 0 ? 2 : 1;
            x        = mobile_step(b, &k, x);
        }
        if (k.index > 0)
            out[stages++] = x;
    }
    if (stages == STAGES)
        x = fused(b, &out[2]);
    else if (stages > 0)
        x = fused(b, (cfi_node *const[2]){x, NULL});
    x = cfi_cont(net, cfi_permute(net, cfi_permute(net, x, 2, 1, 0, 3), 0, 2, 1, 3));
    x = cfi_cont(net, cfi_reshape_3d(net, x, x->ne[0], x->ne[1] * x->ne[2], x->ne[3]));
    x = cfi_op_same(net, CFI_OP_RMS_NORM, cfi_op_same(net, CFI_OP_SCALE, x));
    x = soft != NULL ? cfi_mul(net, x, soft) : x;
    if (cfi_clip_tensor(b, "mm.input_projection.weight") != NULL)
        x = cfi_clip_mm(b, cfi_clip_tensor(b, "mm.input_projection.weight"), x);
    return cfi_op_same(net, CFI_OP_RMS_NORM, x);
}
