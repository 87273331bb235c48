/* Graphs of conformers, which attend by distance and convolve: llama.cpp b11118 tools/mtmd/models/conformer.cpp,
 * granite-speech.cpp. */
#include "build.h"
#include "clip_build.h"

#define DISTANCE_WIDTH 512u /* conformer.cpp:10 */
#define SIDE_FRAMES    4u   /* conformer.cpp:175 */

static cfi_node *feed(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *norm, const char *up, const char *down)
{
    x = cfi_clip_block_norm(b, x, CFI_OP_NORM, layer, norm);
    x = cfi_clip_act(b, cfi_clip_block_linear(b, x, layer, up), NULL, 0);
    return cfi_op_same(b->net, CFI_OP_SCALE, cfi_clip_block_linear(b, x, layer, down));
}

static cfi_node *heads_apart(cfi_clip_build *b, cfi_node *x)
{
    return cfi_reshape_3d(b->net, x, b->clip->head_size, b->clip->heads, x->ne[1]);
}

/* Scores by distance become scores by position: padded, rolled, and read as rows of another length. */
static cfi_node *by_position(cfi_clip_build *b, cfi_node *x, uint64_t width)
{
    cfi_net *net = b->net;
    uint64_t distances = x->ne[0], positions = x->ne[1], heads = x->ne[2];

    x = cfi_op_same(net, CFI_OP_ROLL, cfi_pad(net, x, 1, 0, 0, 0));
    x = cfi_reshape_3d(net, x, positions, distances + 1, heads);
    x = cfi_view_3d(net, x, positions, distances, heads, x->nb[1], x->nb[2]);
    x = cfi_cont_4d(net, x, distances, positions, heads, 1);
    return cfi_view_3d(net, x, width, positions, heads, x->nb[1], x->nb[2]);
}

static cfi_node *attend(cfi_clip_build *b, cfi_node *x, uint32_t layer, cfi_node *distances)
{
    cfi_net  *net = b->net;
    cfi_node *q = heads_apart(b, cfi_clip_block_linear(b, x, layer, "attn_q"));
    cfi_node *k = heads_apart(b, cfi_clip_block_linear(b, x, layer, "attn_k"));
    cfi_node *v = heads_apart(b, cfi_clip_block_linear(b, x, layer, "attn_v"));
    cfi_node *u = cfi_permute(net, cfi_clip_plus(b, q, cfi_clip_block(b, layer, "pos_bias_u")), 0, 2, 1, 3);
    cfi_node *p;

    q = cfi_permute(net, cfi_clip_plus(b, q, cfi_clip_block(b, layer, "pos_bias_v")), 0, 2, 1, 3);
    k = cfi_cont(net, cfi_permute(net, k, 0, 2, 1, 3));
    v = cfi_cont(net, cfi_permute(net, v, 1, 2, 0, 3));
    x = cfi_cont_swapped(net, cfi_mul_mat(net, u, k));
    p = cfi_permute(net, heads_apart(b, cfi_clip_mm(b, cfi_clip_block(b, layer, "linear_pos.weight"), distances)), 0, 2, 1, 3);
    p = by_position(b, cfi_cont_swapped(net, cfi_mul_mat(net, q, p)), x->ne[0]);
    x = cfi_soft_max(net, cfi_op_same(net, CFI_OP_SCALE, cfi_add(net, x, p)), NULL, NULL);
    x = cfi_permute(net, cfi_mul_mat(net, x, v), 2, 0, 1, 3);
    return cfi_clip_block_linear(b, cfi_cont_2d(net, x, x->ne[0] * x->ne[1], x->ne[2]), layer, "attn_out");
}

static cfi_node *padded_sides(cfi_clip_build *b, cfi_node *x, uint64_t side)
{
    if (cfi_engine_changed(b->clip->build, CFI_CHANGE_CLIP_PADS_ONCE))
        return cfi_pad(b->net, x, 2 * side, 0, 0, 0);
    x = cfi_op_same(b->net, CFI_OP_ROLL, cfi_pad(b->net, x, side, 0, 0, 0));
    return cfi_pad(b->net, x, side, 0, 0, 0);
}

/* `side`: frames on both sides that a frame is convolved with. */
static cfi_node *conformer_convolve(cfi_clip_build *b, cfi_node *x, uint32_t layer, uint64_t side)
{
    cfi_net  *net = b->net;
    cfi_node *gate;
    uint64_t  wide;

    x    = cfi_clip_block_linear(b, cfi_clip_block_norm(b, x, CFI_OP_NORM, layer, "norm_conv"), layer, "conv_pw1");
    wide = x->ne[0] / 2;
    gate = cfi_op_same(net, CFI_OP_UNARY, cfi_view_2d(net, x, wide, x->ne[1], x->nb[1]));
    x    = cfi_mul(net, cfi_view_2d(net, x, wide, x->ne[1], x->nb[1]), gate);
    x    = padded_sides(b, cfi_cont(net, cfi_transpose(net, x)), side);
    x    = cfi_ssm_conv(net, x, cfi_clip_block(b, layer, "conv_dw.weight"));
    x    = cfi_clip_plus(b, x, cfi_clip_block(b, layer, "conv_dw.bias"));
    if (cfi_clip_block(b, layer, "conv_norm.weight") != NULL)
        x = cfi_mul(net, x, cfi_clip_block(b, layer, "conv_norm.weight"));
    x = cfi_clip_act(b, cfi_clip_plus(b, x, cfi_clip_block(b, layer, "conv_norm.bias")), NULL, 0);
    return cfi_clip_block_linear(b, x, layer, "conv_pw2");
}

static cfi_node *conformer_layer(cfi_clip_build *b, cfi_node *x, uint32_t layer, cfi_node *distances)
{
    x = cfi_add(b->net, x, feed(b, x, layer, "ffn_norm", "ffn_up", "ffn_down"));
    x = cfi_add(b->net, x, attend(b, cfi_clip_block_norm(b, x, CFI_OP_NORM, layer, "ln1"), layer, distances));
    x = cfi_add(b->net, x, conformer_convolve(b, x, layer, SIDE_FRAMES));
    x = cfi_add(b->net, x, feed(b, x, layer, "ffn_norm_1", "ffn_up_1", "ffn_down_1"));
    return cfi_clip_block_norm(b, x, CFI_OP_NORM, layer, "ln2");
}

/* Three times every second frame and bin. */
static cfi_node *eighth(cfi_clip_build *b)
{
    static const char *const names[][2] = {{"a.conv1d.2.weight", "a.conv1d.2.bias"}, {"a.conv1d.3.weight", "a.conv1d.3.bias"},
                                           {"a.conv1d.5.weight", "a.conv1d.5.bias"}, {"a.conv1d.6.weight", "a.conv1d.6.bias"}};
    cfi_net  *net = b->net;
    cfi_node *x   = cfi_cont(net, cfi_transpose(net, cfi_clip_raw(b, 1)));

    x = cfi_clip_plus(b, cfi_conv_2d(net, cfi_clip_need(b, "a.conv1d.0.weight"), x, 2, 1), cfi_clip_tensor(b, "a.conv1d.0.bias"));
    x = cfi_op_over(net, CFI_OP_UNARY, x);
    for (uint32_t i = 0; i < CFI_COUNT(names); i += 2) {
        x = cfi_conv_2d_dw_direct(net, cfi_clip_tensor(b, names[i][0]), x, 2, 1);
        x = cfi_conv_2d_direct(net, cfi_clip_tensor(b, names[i + 1][0]), cfi_clip_plus(b, x, cfi_clip_tensor(b, names[i][1])), 1, 0);
        x = cfi_op_over(net, CFI_OP_UNARY, cfi_clip_plus(b, x, cfi_clip_tensor(b, names[i + 1][1])));
    }
    x = cfi_cont(net, cfi_permute(net, x, 0, 2, 1, 3));
    return cfi_reshape_2d(net, x, x->ne[0] * x->ne[1], x->ne[2]);
}

cfi_node *cfi_clip_graph_conformer(cfi_clip_build *b)
{
    uint64_t  frames    = cfi_clip_tokens(b->clip, b->nx, b->ny);
    cfi_node *distances = cfi_clip_input(b, CFI_QUANT_F32, DISTANCE_WIDTH, frames > 0 ? 2 * frames - 1 : 0);
    cfi_node *x;

    cfi_net_expand(b->net, distances);
    x = cfi_clip_linear(b, eighth(b), "a.pre_encode.out");
    for (uint32_t i = 0; i < b->clip->layers; i++)
        x = conformer_layer(b, x, i, distances);
    return cfi_clip_ffn(b, cfi_clip_norm(b, x, CFI_OP_NORM, "mm.a.mlp.0"), "mm.a.mlp.1", NULL, "mm.a.mlp.3", 0);
}

/* ---- granite-speech.cpp: blocks that attend to themselves, then queries that look at windows ---- */
#define QUERY_LAYERS 2u /* n_proj_layers, clip.cpp:3499 */

typedef struct speech_blocks {
    cfi_node *distances;
    cfi_node *mask;     /* NULL: the last block is full */
    uint64_t  size;
    uint64_t  count;
} speech_blocks;

static uint32_t speech_number(const cfi_clip_build *b, cfi_clip_key key) { return b->clip->sense->value[key]; }

static cfi_node *in_blocks(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *name, const speech_blocks *s)
{
    x = cfi_clip_mm(b, cfi_clip_block(b, layer, name), x);
    return cfi_reshape_4d(b->net, x, b->clip->head_size, b->clip->heads, s->size, s->count);
}

/* What distances add to the scores of a block. */
static cfi_node *shaw_scores(cfi_clip_build *b, cfi_node *q, uint32_t layer, const speech_blocks *s)
{
    cfi_net  *net  = b->net;
    cfi_node *rows = cfi_get_rows(net, cfi_clip_block(b, layer, "attn_rel_pos_emb"), s->distances);

    rows = cfi_reshape_3d(net, rows, b->clip->head_size, s->size, s->size);
    rows = cfi_reshape_4d(net, rows, b->clip->head_size, s->size, 1, s->size);
    rows = cfi_mul_mat(net, rows, cfi_permute(net, q, 0, 1, 3, 2));
    return cfi_cont(net, cfi_permute(net, rows, 0, 2, 3, 1));
}

static cfi_node *speech_attention(cfi_clip_build *b, cfi_node *x, uint32_t layer, const speech_blocks *s)
{
    cfi_net  *net    = b->net;
    uint64_t  frames = x->ne[1], padded = s->size * s->count, width = b->clip->embedding;
    cfi_node *q, *k, *v;

    if (padded > frames)
        x = cfi_pad(net, x, 0, padded - frames, 0, 0);
    q = in_blocks(b, x, layer, "attn_q.weight", s);
    k = cfi_cont(net, cfi_permute(net, in_blocks(b, x, layer, "attn_k.weight", s), 0, 2, 1, 3));
    v = in_blocks(b, x, layer, "attn_v.weight", s);
    x = cfi_add(net, cfi_mul_mat(net, k, cfi_permute(net, q, 0, 2, 1, 3)), shaw_scores(b, q, layer, s));
    x = cfi_soft_max(net, x, s->mask, NULL);
    v = cfi_cont(net, cfi_permute(net, v, 1, 2, 0, 3));
    x = cfi_cont_2d(net, cfi_permute(net, cfi_mul_mat(net, v, x), 0, 2, 1, 3), width, padded);
    if (padded > frames)
        x = cfi_view_2d(net, x, width, frames, x->nb[1]);
    return cfi_clip_block_linear(b, x, layer, "attn_out");
}

static cfi_node *speech_layer(cfi_clip_build *b, cfi_node *x, uint32_t layer, const speech_blocks *s)
{
    x = cfi_add(b->net, x, feed(b, x, layer, "ffn_norm", "ffn_up", "ffn_down"));
    x = cfi_add(b->net, x, speech_attention(b, cfi_clip_block_norm(b, x, CFI_OP_NORM, layer, "ln1"), layer, s));
    x = cfi_add(b->net, x, conformer_convolve(b, x, layer, speech_number(b, CFI_CLIP_CONV_KERNEL) / 2));
    x = cfi_add(b->net, x, feed(b, x, layer, "ffn_norm_1", "ffn_up_1", "ffn_down_1"));
    return cfi_clip_block_norm(b, x, CFI_OP_NORM, layer, "ln2");
}

/* Half way, what would be heard is added. */
static cfi_node *heard_so_far(cfi_clip_build *b, cfi_node *x)
{
    cfi_node *y = cfi_soft_max(b->net, cfi_clip_linear(b, x, "a.enc_ctc_out"), NULL, NULL);

    return cfi_add(b->net, x, cfi_clip_linear(b, y, "a.enc_ctc_out_mid"));
}

static cfi_node *with_feature(cfi_clip_build *b, cfi_node *kept, cfi_node *x, uint32_t layer)
{
    if (!cfi_clip_lists(&b->clip->sense->feature_layers, layer))
        return kept;
    return kept != NULL ? cfi_concat(b->net, kept, x, 0) : x;
}

static cfi_node *speech_layers(cfi_clip_build *b, cfi_node *x, const speech_blocks *s)
{
    cfi_node *kept = with_feature(b, NULL, x, 0);

    for (uint32_t i = 0; i < b->clip->layers; i++) {
        x    = speech_layer(b, x, i, s);
        kept = with_feature(b, kept, x, i + 1);
        if (i + 1 == b->clip->layers / 2)
            x = heard_so_far(b, x);
    }
    return kept != NULL ? cfi_concat(b->net, kept, x, 0) : x;
}

static cfi_clip_name query_part(uint32_t layer, const char *part) { return cfi_clip_numbered("a.proj_blk", layer, part); }

static cfi_node *query_heads(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *part)
{
    uint64_t heads = speech_number(b, CFI_CLIP_QUERY_HEADS), length = x->ne[1], count = x->ne[2];

    return cfi_reshape_4d(b->net, cfi_clip_linear(b, x, query_part(layer, part).text), b->clip->embedding / heads, heads, length, count);
}

static cfi_node *query_attention(cfi_clip_build *b, cfi_node *queries, cfi_node *seen, uint32_t layer, const char *const names[5])
{
    cfi_clip_name out = query_part(layer, names[3]), norm = query_part(layer, names[4]);
    cfi_node  *q = query_heads(b, queries, layer, names[0]);
    cfi_node  *k = query_heads(b, seen, layer, names[1]);
    cfi_node  *v = query_heads(b, seen, layer, names[2]);
    cfi_node  *x = cfi_clip_attention(b, out.text, q, k, v, NULL);

    x = cfi_reshape_3d(b->net, x, b->clip->embedding, queries->ne[1], queries->ne[2]);
    return cfi_clip_norm(b, cfi_add(b->net, x, queries), CFI_OP_NORM, norm.text);
}

static cfi_node *query_layer(cfi_clip_build *b, cfi_node *queries, cfi_node *seen, uint32_t layer)
{
    static const char *const self[5]  = {"self_attn_q", "self_attn_k", "self_attn_v", "self_attn_out", "self_attn_norm"};
    static const char *const cross[5] = {"cross_attn_q", "cross_attn_k", "cross_attn_v", "cross_attn_out", "cross_attn_norm"};
    cfi_clip_name up = query_part(layer, "ffn_up"), down = query_part(layer, "ffn_down"), norm = query_part(layer, "ffn_norm");
    cfi_node  *x;

    queries = query_attention(b, queries, queries, layer, self);
    queries = query_attention(b, queries, seen, layer, cross);
    x       = cfi_clip_ffn(b, queries, up.text, NULL, down.text, 0);
    return cfi_clip_norm(b, cfi_add(b->net, x, queries), CFI_OP_NORM, norm.text);
}

static cfi_node *speech_projector(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net    = b->net;
    uint64_t  window = speech_number(b, CFI_CLIP_QUERY_WINDOW), count = (b->nx + window - 1) / window;
    uint64_t  each   = window / speech_number(b, CFI_CLIP_QUERY_RATE), width = b->clip->embedding;
    cfi_node *queries = cfi_clip_norm(b, cfi_clip_need(b, "a.proj_query"), CFI_OP_NORM, "a.proj_norm");

    if (count * window > b->nx)
        x = cfi_pad(net, x, 0, count * window - b->nx, 0, 0);
    x       = cfi_reshape_3d(net, x, x->ne[0], window, count);
    queries = cfi_repeat_4d(net, cfi_reshape_3d(net, queries, width, each, 1), width, each, count, 1);
    for (uint32_t i = 0; i < QUERY_LAYERS; i++)
        queries = query_layer(b, queries, x, i);
    return cfi_clip_linear(b, cfi_reshape_2d(net, queries, width, each * count), "a.proj_linear");
}

cfi_node *cfi_clip_graph_granite(cfi_clip_build *b)
{
    uint64_t      size = speech_number(b, CFI_CLIP_CHUNK_SIZE);
    speech_blocks s    = {NULL, NULL, size, size > 0 ? (b->nx + size - 1) / size : 0};
    cfi_node     *x    = cfi_cont(b->net, cfi_transpose(b->net, cfi_clip_raw(b, 1)));

    if (size == 0 || size > 8192 || speech_number(b, CFI_CLIP_QUERY_WINDOW) == 0 || speech_number(b, CFI_CLIP_QUERY_RATE) == 0 ||
        speech_number(b, CFI_CLIP_QUERY_HEADS) == 0)
        return cfi_missing(b->net);
    s.distances = cfi_clip_input(b, CFI_QUANT_I32, size * size, 1);
    if (b->nx % size > 0)
        s.mask = cfi_tensor_input(cfi_tensor_4d(b->net, CFI_QUANT_F32, size, size, 1, s.count));
    return speech_projector(b, speech_layers(b, cfi_clip_linear(b, x, "a.input_projection"), &s));
}
