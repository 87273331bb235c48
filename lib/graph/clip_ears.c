/* Graphs of encoders of sound: llama.cpp b11118 tools/mtmd/models/whisper-enc.cpp, qwen3a.cpp, dots3note.cpp,
 * gemma4a.cpp, gemma4ua.cpp. */
#include "build.h"
#include "clip_build.h"

#define CHUNK_FRAMES 100u /* qwen3a.cpp:16 */

static cfi_node *heard(cfi_clip_build *b, cfi_node *x, const char *weight, const char *bias, uint64_t stride)
{
    x = cfi_conv_1d_ph(b->net, cfi_clip_need(b, weight), x, stride);
    return cfi_clip_act(b, cfi_clip_plus(b, x, cfi_clip_tensor(b, bias)), NULL, 0);
}

static cfi_node *meralion_projector(cfi_clip_build *b, cfi_node *x)
{
    cfi_node *gate;
    cfi_node *pool;

    x    = cfi_clip_act(b, cfi_clip_linear(b, cfi_clip_norm(b, x, CFI_OP_NORM, "mm.a.norm_pre"), "mm.a.mlp.0"), NULL, 0);
    gate = cfi_clip_act(b, cfi_clip_linear(b, x, "mm.a.mlp.1"), NULL, 0);
    pool = cfi_clip_linear(b, x, "mm.a.mlp.2");
    return cfi_clip_linear(b, cfi_mul(b->net, gate, pool), "mm.a.mlp.3");
}

static cfi_node *ultravox_projector(cfi_clip_build *b, cfi_node *x)
{
    x = cfi_clip_mm(b, cfi_clip_tensor(b, "mm.a.mlp.1.weight"), cfi_clip_norm(b, x, CFI_OP_RMS_NORM, "mm.a.norm_pre"));
    x = cfi_clip_norm(b, cfi_glu(b->net, x), CFI_OP_RMS_NORM, "mm.a.norm_mid");
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.a.mlp.2.weight"), x);
}

static cfi_node *glma_projector(cfi_clip_build *b, cfi_node *x)
{
    x = cfi_clip_norm(b, x, CFI_OP_NORM, "mm.a.norm_pre");
    x = cfi_clip_stack(b, x, b->clip->sense->value[CFI_CLIP_STACK_FACTOR]);
    x = cfi_clip_ffn(b, x, "mm.a.mlp.1", NULL, "mm.a.mlp.2", 0);
    x = cfi_concat(b->net, cfi_clip_need(b, "v.boi"), x, 1);
    return cfi_concat(b->net, x, cfi_clip_need(b, "v.eoi"), 1);
}

cfi_node *cfi_clip_graph_whisper(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    uint64_t  n_pos = b->nx / 2;
    cfi_node *table = cfi_clip_need(b, "a.position_embd.weight");
    cfi_node *x     = heard(b, cfi_clip_raw(b, 1), "a.conv1d.1.weight", "a.conv1d.1.bias", 1);

    x = heard(b, x, "a.conv1d.2.weight", "a.conv1d.2.bias", 2);
    x = cfi_cont(net, cfi_transpose(net, x));
    if (table->ne[1] < n_pos)
        net->incomplete = true; /* the engine stops there */
    x = cfi_clip_vit(b, x, n_pos, CFI_OP_NORM, cfi_view_2d(net, table, table->ne[0], n_pos, table->nb[1]), NULL);
    switch (b->clip->type) {
    case CFI_CLIP_TYPE_ULTRAVOX: return ultravox_projector(b, cfi_clip_stack(b, x, b->clip->sense->value[CFI_CLIP_STACK_FACTOR]));
    case CFI_CLIP_TYPE_MERALION: return meralion_projector(b, cfi_clip_stack(b, x, b->clip->sense->value[CFI_CLIP_STACK_FACTOR]));
    case CFI_CLIP_TYPE_VOXTRAL: x = cfi_clip_stack(b, x, b->clip->sense->value[CFI_CLIP_STACK_FACTOR]); break;
    case CFI_CLIP_TYPE_QWEN2A: return cfi_clip_linear(b, x, "mm.a.fc");
    case CFI_CLIP_TYPE_GLMA: return glma_projector(b, x);
    default: break;
    }
    return cfi_clip_ffn(b, x, "mm.a.mlp.1", NULL, "mm.a.mlp.2", 0);
}

/* qwen3a.cpp: chunks of 100 frames through three convolutions */
static cfi_node *conv_block(cfi_clip_build *b, cfi_node *x, const char *weight, const char *bias)
{
    cfi_node *add = cfi_clip_tensor(b, bias);

    x = cfi_conv_2d(b->net, cfi_clip_need(b, weight), x, 2, 1);
    if (add != NULL)
        x = cfi_add(b->net, x, cfi_reshape_4d(b->net, add, 1, 1, x->ne[2], 1));
    return cfi_clip_act(b, x, NULL, 0);
}

cfi_node *cfi_clip_graph_qwen3a(cfi_clip_build *b)
{
    cfi_net  *net    = b->net;
    uint64_t  chunks = b->nx / CHUNK_FRAMES;
    cfi_node *table  = cfi_clip_need(b, "a.position_embd.weight");
    cfi_node *raw    = cfi_clip_raw(b, 1);
    cfi_node *x      = cfi_view_4d(net, raw, CHUNK_FRAMES, b->ny, 1, chunks, b->nx * 4, CHUNK_FRAMES * 4, CHUNK_FRAMES * 4);
    cfi_node *part;

    x    = conv_block(b, cfi_cont(net, x), "a.conv2d.1.weight", "a.conv2d.1.bias");
    x    = conv_block(b, x, "a.conv2d.2.weight", "a.conv2d.2.bias");
    x    = conv_block(b, x, "a.conv2d.3.weight", "a.conv2d.3.bias");
    x    = cfi_cont(net, cfi_permute(net, x, 2, 0, 1, 3));
    x    = cfi_reshape_2d(net, x, x->ne[0] * x->ne[1], x->ne[2] * x->ne[3]);
    x    = cfi_clip_linear(b, x, "a.conv_out");
    part = cfi_view_2d(net, table, table->ne[0], chunks > 0 ? x->ne[1] / chunks : 0, table->nb[1]);
    x    = cfi_add(net, x, cfi_repeat_4d(net, part, table->ne[0], x->ne[1], 1, 1));
    x    = cfi_clip_vit(b, x, x->ne[1], CFI_OP_NORM, NULL, NULL);
    return cfi_clip_ffn(b, x, "mm.a.mlp.1", NULL, "mm.a.mlp.2", 0);
}

/* dots3note.cpp: three convolutions over the whole */
cfi_node *cfi_clip_graph_dots3note(cfi_clip_build *b)
{
    cfi_net  *net = b->net;
    cfi_node *x   = cfi_clip_raw(b, 1);

    x = conv_block(b, x, "a.conv2d.1.weight", "a.conv2d.1.bias");
    x = conv_block(b, x, "a.conv2d.2.weight", "a.conv2d.2.bias");
    x = conv_block(b, x, "a.conv2d.3.weight", "a.conv2d.3.bias");
    x = cfi_cont(net, cfi_permute(net, x, 2, 0, 1, 3));
    x = cfi_clip_linear(b, cfi_reshape_2d(net, x, x->ne[0] * x->ne[1], x->ne[2]), "a.conv_out");
    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, x->ne[1], 1);
    x = cfi_clip_vit(b, x, x->ne[1], CFI_OP_RMS_NORM, NULL, cfi_clip_rotate);
    return cfi_clip_ffn(b, cfi_clip_norm(b, x, CFI_OP_NORM, "mm.a.norm_pre"), "mm.a.mlp.1", NULL, "mm.a.mlp.3", 0);
}

/* ---- gemma4a.cpp: a conformer that attends in blocks of 12 to themselves and the 12 before ---- */
#define BLOCK     12u
#define CONTEXT   24u /* of a block */
#define DISTANCES 13u

/* Half of a feed-forward. */
static cfi_node *half_step(cfi_clip_build *b, cfi_node *residual, uint32_t layer, const char *const names[4])
{
    cfi_net  *net = b->net;
    cfi_node *x   = cfi_clip_block_norm(b, residual, CFI_OP_RMS_NORM, layer, names[0]);
    cfi_node *post;

    x = cfi_clip_act(b, cfi_clip_mm(b, cfi_clip_block(b, layer, names[1]), x), NULL, 0);
    x = cfi_clip_mm(b, cfi_clip_block(b, layer, names[2]), x);
    post = cfi_clip_block(b, layer, names[3]);
    if (post != NULL)
        x = cfi_mul(net, cfi_op_same(net, CFI_OP_RMS_NORM, x), post);
    return cfi_add(net, residual, cfi_op_same(net, CFI_OP_SCALE, x));
}

static cfi_node *scaled_heads(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *name)
{
    cfi_node *by = cfi_clip_block(b, layer, name);

    x = cfi_op_same(b->net, CFI_OP_SCALE, x);
    return by != NULL ? cfi_mul(b->net, x, cfi_reshape_3d(b->net, by, b->clip->head_size, 1, 1)) : x;
}

/* Each block's context: overlapping windows over what is padded and rolled. */
static cfi_node *windows_of(cfi_clip_build *b, cfi_node *x, uint64_t n_pos, uint64_t blocks)
{
    cfi_net *net = b->net;

    x = cfi_pad(net, x, 0, 0, CONTEXT * blocks - n_pos, 0);
    x = cfi_cont(net, cfi_op_same(net, CFI_OP_ROLL, x));
    x = cfi_view_4d(net, x, b->clip->head_size, b->clip->heads, CONTEXT, blocks, x->nb[1], x->nb[2], BLOCK * x->nb[2]);
    return cfi_cont(net, x);
}

static cfi_node *by_distance(cfi_clip_build *b, cfi_node *q, cfi_node *weight, cfi_node *distances, uint64_t blocks)
{
    cfi_net *net   = b->net;
    uint64_t heads = b->clip->heads, head = b->clip->head_size;

    cfi_node *x = cfi_reshape_3d(net, cfi_mul_mat(net, weight, distances), head, heads, DISTANCES);

    x = cfi_cont(net, cfi_permute(net, x, 0, 2, 1, 3));
    x = cfi_mul_mat(net, x, cfi_reshape_3d(net, q, head, BLOCK * blocks, heads));
    x = cfi_pad(net, cfi_reshape_4d(net, x, DISTANCES, BLOCK, blocks, heads), CONTEXT + 1 - DISTANCES, 0, 0, 0);
    x = cfi_reshape_3d(net, x, (CONTEXT + 1) * BLOCK, blocks, heads);
    x = cfi_cont(net, cfi_view_3d(net, x, BLOCK * CONTEXT, blocks, heads, x->nb[1], x->nb[2]));
    return cfi_reshape_4d(net, x, CONTEXT, BLOCK, blocks, heads);
}

static cfi_node *block_attention(cfi_clip_build *b, cfi_node *x, uint32_t layer, cfi_node *distances, cfi_node *mask)
{
    static const char *const names[3] = {"attn_q.weight", "attn_k.weight", "attn_v.weight"};
    cfi_net  *net    = b->net;
    uint64_t  n_pos  = x->ne[1], blocks = mask->ne[2], heads = b->clip->heads, head = b->clip->head_size;
    cfi_node *weight = cfi_clip_block(b, layer, "attn_k_rel.weight");
    cfi_node *part[3];

    for (uint32_t i = 0; i < 3; i++)
        part[i] = cfi_reshape_3d(net, cfi_clip_mm(b, cfi_clip_block(b, layer, names[i]), x), head, heads, n_pos);
    part[0] = scaled_heads(b, part[0], layer, "per_dim_scale.weight");
    part[1] = scaled_heads(b, part[1], layer, "per_dim_k_scale.weight");
    part[0] = cfi_reshape_4d(net, cfi_pad(net, part[0], 0, 0, BLOCK * blocks - n_pos, 0), head, heads, BLOCK, blocks);
    part[0] = cfi_cont(net, cfi_permute(net, part[0], 0, 3, 1, 2));
    part[1] = cfi_cont(net, cfi_permute(net, windows_of(b, part[1], n_pos, blocks), 0, 3, 1, 2));
    part[2] = cfi_cont(net, cfi_permute(net, windows_of(b, part[2], n_pos, blocks), 1, 3, 0, 2));
    x = cfi_mul_mat(net, part[1], part[0]);
    if (weight != NULL)
        x = cfi_add(net, x, by_distance(b, part[0], weight, distances, blocks));
    x = cfi_op_same(net, CFI_OP_UNARY, cfi_op_same(net, CFI_OP_SCALE, x));
    x = cfi_add(net, cfi_op_same(net, CFI_OP_SCALE, x), mask);
    x = cfi_mul_mat(net, part[2], cfi_soft_max(net, x, NULL, NULL));
    x = cfi_cont(net, cfi_permute(net, x, 0, 2, 3, 1));
    x = cfi_cont_2d(net, x, head * heads, BLOCK * blocks);
    if (BLOCK * blocks > n_pos)
        x = cfi_cont(net, cfi_view_2d(net, x, head * heads, n_pos, x->nb[1]));
    return cfi_clip_plus(b, cfi_clip_mm(b, cfi_clip_block(b, layer, "attn_out.weight"), x), cfi_clip_block(b, layer, "attn_out.bias"));
}

static cfi_node *conv_step(cfi_clip_build *b, cfi_node *residual, uint32_t layer)
{
    cfi_net  *net = b->net;
    cfi_node *x   = cfi_mul(net, cfi_op_same(net, CFI_OP_RMS_NORM, residual), cfi_clip_block(b, layer, "conv_norm.weight"));
    cfi_node *norm = cfi_clip_block(b, layer, "norm_conv.weight");
    cfi_node *gate;
    uint64_t  wide;

    x    = cfi_clip_mm(b, cfi_clip_block(b, layer, "conv_pw1.weight"), x);
    wide = x->ne[0] / 2;
    gate = cfi_op_same(net, CFI_OP_UNARY, cfi_cont(net, cfi_view_2d(net, x, wide, x->ne[1], x->nb[1])));
    x    = cfi_mul(net, cfi_view_2d(net, x, wide, x->ne[1], x->nb[1]), gate);
    x    = cfi_pad(net, cfi_cont(net, cfi_transpose(net, x)), 4, 0, 0, 0);
    x    = cfi_ssm_conv(net, cfi_op_same(net, CFI_OP_ROLL, x), cfi_clip_block(b, layer, "conv_dw.weight"));
    x    = cfi_clip_plus(b, x, cfi_clip_block(b, layer, "conv_dw.bias"));
    if (norm != NULL)
        x = cfi_mul(net, cfi_op_same(net, CFI_OP_RMS_NORM, x), norm);
    x = cfi_clip_mm(b, cfi_clip_block(b, layer, "conv_pw2.weight"), cfi_clip_act(b, x, NULL, 0));
    return cfi_add(net, residual, x);
}

static cfi_node *conformer_block(cfi_clip_build *b, cfi_node *x, uint32_t layer, cfi_node *distances, cfi_node *mask)
{
    static const char *const first[4]  = {"ffn_norm", "ffn_up.weight", "ffn_down.weight", "ffn_post_norm.weight"};
    static const char *const second[4] = {"ffn_norm_1", "ffn_up_1.weight", "ffn_down_1.weight", "ffn_post_norm_1.weight"};
    const char *pre = cfi_clip_block(b, layer, "attn_pre_norm.weight") != NULL ? "attn_pre_norm.weight" : "ln1.weight";
    cfi_node   *y;

    x = half_step(b, x, layer, first);
    y = cfi_clip_block(b, layer, pre) != NULL ? cfi_mul(b->net, cfi_op_same(b->net, CFI_OP_RMS_NORM, x), cfi_clip_block(b, layer, pre)) : x;
    y = block_attention(b, y, layer, distances, mask);
    if (cfi_clip_block(b, layer, "attn_post_norm.weight") != NULL)
        y = cfi_mul(b->net, cfi_op_same(b->net, CFI_OP_RMS_NORM, y), cfi_clip_block(b, layer, "attn_post_norm.weight"));
    x = conv_step(b, cfi_add(b->net, x, y), layer);
    x = half_step(b, x, layer, second);
    return cfi_clip_block(b, layer, "ln2.weight") != NULL
               ? cfi_mul(b->net, cfi_op_same(b->net, CFI_OP_RMS_NORM, x), cfi_clip_block(b, layer, "ln2.weight"))
               : x;
}

static cfi_node *halved_twice(cfi_clip_build *b)
{
    static const char *const names[2][3] = {{"a.conv1d.0.weight", "a.conv1d.0.bias", "a.conv1d.0.norm.weight"},
                                            {"a.conv1d.1.weight", "a.conv1d.1.bias", "a.conv1d.1.norm.weight"}};
    cfi_net  *net = b->net;
    cfi_node *x   = cfi_cont(net, cfi_transpose(net, cfi_clip_raw(b, 1)));

    for (uint32_t i = 0; i < 2; i++) {
        cfi_node *norm = cfi_clip_tensor(b, names[i][2]);

        x = cfi_clip_plus(b, cfi_conv_2d(net, cfi_clip_need(b, names[i][0]), x, 2, 1), cfi_clip_tensor(b, names[i][1]));
        if (norm != NULL) {
            x = cfi_op_same(net, CFI_OP_NORM, cfi_cont(net, cfi_permute(net, x, 1, 2, 0, 3)));
            x = cfi_cont(net, cfi_permute(net, cfi_mul(net, x, norm), 2, 0, 1, 3));
        }
        x = cfi_clip_act(b, x, NULL, 0);
    }
    x = cfi_cont(net, cfi_permute(net, x, 1, 2, 0, 3));
    return cfi_reshape_2d(net, x, x->ne[0] * x->ne[1], x->ne[2]);
}

cfi_node *cfi_clip_graph_gemma4a(cfi_clip_build *b)
{
    cfi_net  *net  = b->net;
    cfi_node *x    = halved_twice(b);
    cfi_node *soft = cfi_clip_tensor(b, "mm.a.soft_emb_norm.weight");
    cfi_node *distances, *mask;

    b->clamped = true;
    x          = cfi_clip_linear(b, x, "a.input_projection");
    distances  = cfi_clip_input(b, CFI_QUANT_F32, (uint64_t)b->clip->heads * b->clip->head_size, DISTANCES);
    mask       = cfi_tensor_input(cfi_tensor_4d(net, CFI_QUANT_F32, CONTEXT, BLOCK, (x->ne[1] + BLOCK - 1) / BLOCK, 1));
    for (uint32_t i = 0; i < b->clip->layers; i++)
        x = conformer_block(b, x, i, distances, mask);
    if (cfi_clip_tensor(b, "a.pre_encode.out.weight") != NULL)
        x = cfi_clip_linear(b, x, "a.pre_encode.out");
    x = cfi_op_same(net, CFI_OP_RMS_NORM, x);
    x = soft != NULL ? cfi_mul(net, x, soft) : x;
    return cfi_clip_tensor(b, "mm.a.input_projection.weight") != NULL
               ? cfi_clip_mm(b, cfi_clip_tensor(b, "mm.a.input_projection.weight"), x)
               : x;
}

/* gemma4ua.cpp: no layers */
cfi_node *cfi_clip_graph_gemma4ua(cfi_clip_build *b)
{
    cfi_node *x = cfi_cont_swapped(b->net, cfi_clip_raw(b, 1));

    x = cfi_op_same(b->net, CFI_OP_RMS_NORM, x);
    return cfi_clip_mm(b, cfi_clip_tensor(b, "mm.a.input_projection.weight"), x);
}
