/* Graphs of encoders of sound: llama.cpp b11118 tools/mtmd/models/whisper-enc.cpp, qwen3a.cpp. */
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
