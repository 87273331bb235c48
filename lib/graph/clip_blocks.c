/* Pieces that the encoders share: llama.cpp b11118 tools/mtmd/clip.cpp, functions of clip_graph. */
#include "clip_build.h"

/* ---- the file's tensors ---- */
cfi_node *cfi_clip_tensor(cfi_clip_build *b, const char *name)
{
    const cfi_tensor *tensor = cfi_projector_tensor(b->clip->projector, name);
    cfi_node        **node;

    if (tensor == NULL)
        return NULL;
    node = &b->weights[tensor - b->clip->projector->tensor];
    if (*node == NULL) {
        *node = cfi_tensor_4d(b->net, tensor->quant, tensor->dims[0], tensor->dims[1], tensor->dims[2], tensor->dims[3]);
        (*node)->flags |= CFI_NODE_EXTERNAL | CFI_NODE_WEIGHT;
        (*node)->place = 0; /* the device, or the host where there is none */
    }
    return *node;
}

cfi_node *cfi_clip_need(cfi_clip_build *b, const char *name)
{
    cfi_node *node = cfi_clip_tensor(b, name);

    return node != NULL ? node : cfi_missing(b->net);
}

static cfi_node *named(cfi_clip_build *b, const char *name, const char *end)
{
    cfi_clip_name full;
    cfi_writer    w;

    cfi_writer_init(&w, full.text, sizeof full.text);
    cfi_write(&w, "%s.%s", name, end);
    (void)cfi_writer_finish(&w, NULL);
    return cfi_clip_tensor(b, full.text);
}

cfi_clip_name cfi_clip_numbered(const char *prefix, uint32_t number, const char *part)
{
    cfi_clip_name full;
    cfi_writer    w;

    cfi_writer_init(&w, full.text, sizeof full.text);
    cfi_write(&w, "%s.%u.%s", prefix, (unsigned)number, part);
    (void)cfi_writer_finish(&w, NULL);
    return full;
}

static cfi_clip_name named_block(const cfi_clip_build *b, uint32_t layer, const char *name)
{
    return cfi_clip_numbered(b->clip->ears ? "a.blk" : "v.blk", layer, name);
}

cfi_node *cfi_clip_block(cfi_clip_build *b, uint32_t layer, const char *name)
{
    return cfi_clip_tensor(b, named_block(b, layer, name).text);
}

/* clip.cpp:2314, is_ffn_swapped */
static bool swapped(cfi_clip_build *b, uint32_t layer)
{
    const cfi_node *down = b->clip->apart == CFI_CLIP_OLD ? cfi_clip_block(b, layer, "ffn_down.weight") : NULL;

    return down != NULL && down->ne[0] == b->clip->embedding;
}

/* ---- pieces ---- */
cfi_node *cfi_clip_input(cfi_clip_build *b, uint32_t quant, uint64_t ne0, uint64_t ne1)
{
    return cfi_tensor_input(cfi_tensor_2d(b->net, quant, ne0, ne1));
}

cfi_node *cfi_clip_plus(cfi_clip_build *b, cfi_node *x, cfi_node *bias) { return bias != NULL ? cfi_add(b->net, x, bias) : x; }

cfi_node *cfi_clip_mm(cfi_clip_build *b, cfi_node *weight, cfi_node *x)
{
    if (!b->clamped)
        return cfi_mul_mat(b->net, weight, x);
    return cfi_clamp(b->net, b->clip->build, cfi_mul_mat(b->net, weight, cfi_clamp(b->net, b->clip->build, x)));
}

cfi_node *cfi_clip_linear(cfi_clip_build *b, cfi_node *x, const char *name)
{
    return cfi_clip_plus(b, cfi_clip_mm(b, named(b, name, "weight"), x), named(b, name, "bias"));
}

cfi_node *cfi_clip_norm(cfi_clip_build *b, cfi_node *x, cfi_op op, const char *name)
{
    cfi_node *weight = name != NULL ? named(b, name, "weight") : NULL;

    x = cfi_op_same(b->net, op, x);
    if (weight != NULL)
        x = cfi_mul(b->net, x, weight);
    return cfi_clip_plus(b, x, name != NULL ? named(b, name, "bias") : NULL);
}

cfi_node *cfi_clip_act(cfi_clip_build *b, cfi_node *x, cfi_node *gated, uint32_t act)
{
    if (act == CFI_CLIP_RELU_SQR)
        return cfi_op_same(b->net, CFI_OP_SQR, cfi_op_same(b->net, CFI_OP_UNARY, x));
    return gated != NULL ? cfi_glu_split(b->net, x, gated) : cfi_op_same(b->net, CFI_OP_UNARY, x);
}

cfi_node *cfi_clip_ffn(cfi_clip_build *b, cfi_node *x, const char *up, const char *gate, const char *down, uint32_t act)
{
    cfi_node *wide = cfi_clip_linear(b, x, up);
    bool      gated = gate != NULL && named(b, gate, "weight") != NULL;

    x = gated ? cfi_clip_act(b, cfi_clip_linear(b, x, gate), wide, act) : cfi_clip_act(b, wide, NULL, act);
    return cfi_clip_linear(b, x, down);
}

static cfi_node *plain_ffn(cfi_clip_build *b, cfi_node *x, uint32_t layer)
{
    bool          old  = swapped(b, layer);
    cfi_clip_name up   = named_block(b, layer, old ? "ffn_down" : "ffn_up");
    cfi_clip_name gate = named_block(b, layer, "ffn_gate");
    cfi_clip_name down = named_block(b, layer, old ? "ffn_up" : "ffn_down");

    return cfi_clip_ffn(b, x, up.text, gate.text, down.text, 0);
}

/* build_moe_ffn: experts by a sigmoid, weighted by their shares. */
static cfi_node *expert_ffn(cfi_clip_build *b, cfi_node *x, uint32_t layer)
{
    cfi_net  *net    = b->net;
    cfi_node *probs  = cfi_op_same(net, CFI_OP_UNARY, cfi_clip_mm(b, cfi_clip_block(b, layer, "ffn_gate_inp.weight"), x));
    uint64_t  tokens = x->ne[1], experts = probs->ne[0], used = cfi_min_u64(b->clip->sense->value[CFI_CLIP_EXPERTS_USED], experts);
    cfi_node *chosen, *weights, *gate, *sum = NULL;

    if (used == 0 || used > 64)
        return cfi_missing(net);
    chosen  = cfi_top_k(net, cfi_clip_plus(b, probs, cfi_clip_block(b, layer, "exp_probs_b.weight")), used);
    weights = cfi_reshape_2d(net, cfi_get_rows(net, cfi_reshape_3d(net, probs, 1, experts, tokens), chosen), used, tokens);
    weights = cfi_op_pair(net, CFI_OP_DIV, weights, cfi_sum_rows(net, weights));
    weights = cfi_reshape_3d(net, weights, 1, used, tokens);
    x       = cfi_reshape_3d(net, x, x->ne[0], 1, tokens);
    gate    = cfi_mul_mat_id(net, cfi_clip_block(b, layer, "ffn_gate_exps.weight"), x, chosen);
    x       = cfi_mul_mat_id(net, cfi_clip_block(b, layer, "ffn_up_exps.weight"), x, chosen);
    x       = cfi_mul(net, cfi_op_same(net, CFI_OP_UNARY, gate), x);
    x       = cfi_mul_mat_id(net, cfi_clip_block(b, layer, "ffn_down_exps.weight"), x, chosen);
    x       = cfi_mul(net, x, weights);
    for (uint64_t i = 0; i < used; i++) {
        cfi_node *one = cfi_view_2d(net, x, x->ne[0], tokens, x->nb[2]);

        sum = sum != NULL ? cfi_add(net, sum, one) : one;
    }
    return used == 1 ? cfi_cont(net, sum) : sum;
}

cfi_node *cfi_clip_block_ffn(cfi_clip_build *b, cfi_node *x, uint32_t layer)
{
    if (cfi_clip_block(b, layer, "ffn_gate_exps.weight") != NULL)
        return expert_ffn(b, x, layer);
    return plain_ffn(b, x, layer);
}

cfi_node *cfi_clip_block_norm(cfi_clip_build *b, cfi_node *x, cfi_op op, uint32_t layer, const char *name)
{
    return cfi_clip_norm(b, x, op, named_block(b, layer, name).text);
}

cfi_node *cfi_clip_block_linear(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *name)
{
    return cfi_clip_linear(b, x, named_block(b, layer, name).text);
}

/* ---- attention (build_attn) ---- */
static cfi_node *flash(cfi_clip_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask)
{
    cfi_net  *net = b->net;
    cfi_node *x;

    k = cfi_cast(net, k, CFI_QUANT_F16);
    v = cfi_cast(net, cfi_permute(net, v, 0, 2, 1, 3), CFI_QUANT_F16);
    if (mask != NULL && !cfi_engine_changed(b->clip->build, CFI_CHANGE_CLIP_MASK_HALF))
        mask = cfi_cast(net, mask, CFI_QUANT_F16);
    x = cfi_flash_attn(net, q, k, v, mask, b->sinks);
    return cfi_reshape_2d(net, x, x->ne[0] * x->ne[1], x->ne[2] * x->ne[3]);
}

static cfi_node *scores(cfi_clip_build *b, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask)
{
    cfi_net  *net = b->net;
    cfi_node *x;

    v = cfi_cont(net, cfi_permute(net, v, 1, 2, 0, 3));
    x = cfi_soft_max(net, cfi_mul_mat(net, k, q), mask, b->sinks);
    x = cfi_permute(net, cfi_mul_mat(net, v, x), 0, 2, 1, 3);
    return cfi_cont_2d(net, x, x->ne[0] * x->ne[1], x->ne[2] * x->ne[3]);
}

cfi_node *cfi_clip_attention(cfi_clip_build *b, const char *out, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask)
{
    cfi_net  *net = b->net;
    cfi_node *x;

    cfi_net_expand(net, q);
    cfi_net_expand(net, k);
    cfi_net_expand(net, v);
    q = cfi_permute(net, q, 0, 2, 1, 3);
    k = cfi_permute(net, k, 0, 2, 1, 3);
    x = b->flash ? flash(b, q, k, v, mask) : scores(b, q, k, v, mask);
    return cfi_clip_linear(b, x, out);
}

cfi_node *cfi_clip_block_attention(cfi_clip_build *b, uint32_t layer, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask)
{
    return cfi_clip_attention(b, named_block(b, layer, "attn_out").text, q, k, v, mask);
}

cfi_node *cfi_clip_part(cfi_clip_build *b, cfi_node *joint, uint64_t heads, uint64_t n_pos, uint64_t images)
{
    uint64_t head = b->clip->head_size;

    return cfi_view_4d(b->net, joint, head, heads, n_pos, images, cfi_row_bytes(joint->quant, head), joint->nb[1], joint->nb[1] * n_pos);
}

/* ---- rotations ---- */
void cfi_clip_positions_2d(cfi_clip_build *b, uint64_t count)
{
    b->position[0] = cfi_clip_input(b, CFI_QUANT_I32, count, 1);
    b->position[1] = cfi_clip_input(b, CFI_QUANT_I32, count, 1);
}

cfi_node *cfi_clip_rotate(cfi_clip_build *b, cfi_node *x) { return cfi_rope(b->net, x, b->position[0], NULL); }

cfi_node *cfi_clip_rotate_2d(cfi_clip_build *b, cfi_node *x)
{
    cfi_net  *net = b->net;
    cfi_node *half[2];

    if (cfi_engine_changed(b->clip->build, CFI_CHANGE_CLIP_ROPE_WHOLE))
        return cfi_rope(net, cfi_rope(net, x, b->position[0], NULL), b->position[1], NULL);
    for (uint32_t i = 0; i < 2; i++) {
        half[i] = cfi_view_4d(net, x, x->ne[0] / 2, x->ne[1], x->ne[2], x->ne[3], x->nb[1], x->nb[2], x->nb[3]);
        half[i] = cfi_rope(net, half[i], b->position[i], NULL);
    }
    return cfi_concat(net, half[0], half[1], 0);
}

/* ---- the layers (build_vit) ---- */
typedef struct vit_layer {
    uint32_t          index;
    uint64_t          n_pos;
    uint64_t          images;
    cfi_op            norm;
    cfi_clip_rotation rotate;
} vit_layer;

/* A norm of whole rows, or of heads: told by its width. */
static cfi_node *norm_rows(cfi_clip_build *b, const vit_layer *l, cfi_node *x, const char *name, bool heads)
{
    cfi_node *weight = named(b, named_block(b, l->index, name).text, "weight");

    if (weight == NULL || (weight->ne[0] == b->clip->head_size) != heads)
        return x;
    return cfi_mul(b->net, cfi_op_same(b->net, l->norm, x), weight);
}

static cfi_node *heads_of(cfi_clip_build *b, const vit_layer *l, cfi_node *x, uint64_t heads, const char *norm, bool whole)
{
    if (norm != NULL && whole)
        x = norm_rows(b, l, x, norm, false);
    x = cfi_reshape_4d(b->net, x, b->clip->head_size, heads, l->n_pos, l->images);
    return norm != NULL ? norm_rows(b, l, x, norm, true) : x;
}

static void own_parts(cfi_clip_build *b, const vit_layer *l, cfi_node *x, cfi_node *part[3])
{
    /* Whether norms are of heads is told by that of the queries. */
    const cfi_node *norm  = cfi_clip_block(b, l->index, "attn_q_norm.weight");
    bool            whole = norm == NULL || norm->ne[0] != b->clip->head_size;

    part[0] = heads_of(b, l, cfi_clip_block_linear(b, x, l->index, "attn_q"), b->clip->heads, "attn_q_norm", whole);
    part[1] = heads_of(b, l, cfi_clip_block_linear(b, x, l->index, "attn_k"), b->clip->kv_heads, "attn_k_norm", whole);
    part[2] = heads_of(b, l, cfi_clip_block_linear(b, x, l->index, "attn_v"), b->clip->kv_heads, NULL, whole);
}

static cfi_node *mask_of(const cfi_clip_build *b, uint32_t layer)
{
    if (b->mask_every > 0 && (layer + 1 == b->clip->layers || (layer + 1) % b->mask_every == 0))
        return NULL;
    return b->mask;
}

static cfi_node *vit_attention(cfi_clip_build *b, const vit_layer *l, cfi_node *x)
{
    static const char *const norms[3] = {"attn_q_norm", "attn_k_norm", NULL};
    cfi_node *part[3];

    if (cfi_clip_block(b, l->index, "attn_qkv.weight") != NULL) {
        x = cfi_clip_block_linear(b, x, l->index, "attn_qkv");
        for (uint32_t i = 0; i < 3; i++) {
            part[i] = cfi_clip_part(b, x, b->clip->heads, l->n_pos, l->images);
            if (norms[i] != NULL)
                part[i] = norm_rows(b, l, part[i], norms[i], true);
        }
    } else {
        own_parts(b, l, x, part);
    }
    if (l->rotate != NULL) {
        part[0] = l->rotate(b, part[0]);
        part[1] = l->rotate(b, part[1]);
    }
    if (b->values_normed)
        part[2] = cfi_op_same(b->net, CFI_OP_RMS_NORM, part[2]);
    return cfi_clip_block_attention(b, l->index, part[0], part[1], part[2], mask_of(b, l->index));
}

cfi_node *cfi_clip_layer_scaled(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *name)
{
    cfi_node *weight = cfi_clip_block(b, layer, name);

    return weight != NULL ? cfi_mul(b->net, x, weight) : x;
}

static cfi_node *normed_after(cfi_clip_build *b, const vit_layer *l, cfi_node *x, const char *name)
{
    cfi_node *w = named(b, named_block(b, l->index, name).text, "weight");

    return w != NULL ? cfi_mul(b->net, cfi_op_same(b->net, l->norm, x), w) : x;
}

static cfi_node *vit_block(cfi_clip_build *b, const vit_layer *l, cfi_node *residual)
{
    cfi_node *x = vit_attention(b, l, cfi_clip_block_norm(b, residual, l->norm, l->index, "ln1"));

    x        = normed_after(b, l, cfi_clip_layer_scaled(b, x, l->index, "ls1.weight"), "attn_post_norm");
    residual = cfi_add(b->net, x, residual);
    x        = cfi_clip_block_ffn(b, cfi_clip_block_norm(b, residual, l->norm, l->index, "ln2"), l->index);
    x        = cfi_clip_layer_scaled(b, normed_after(b, l, x, "ffn_post_norm"), l->index, "ls2.weight");
    return cfi_clip_layer_scaled(b, cfi_add(b->net, residual, x), l->index, "out_scale.weight");
}

/* Two frames become one (nn.AvgPool1d). */
static cfi_node *halved(cfi_clip_build *b, cfi_node *x)
{
    cfi_node *pool;

    x    = cfi_cont(b->net, cfi_transpose(b->net, x));
    pool = cfi_op_new(b->net, CFI_OP_POOL_1D, CFI_QUANT_F32, (const uint64_t[4]){x->ne[0] / 2, x->ne[1], x->ne[2], x->ne[3]});
    cfi_op_source(pool, x);
    return cfi_cont(b->net, cfi_transpose(b->net, pool));
}

cfi_node *cfi_clip_vit(cfi_clip_build *b, cfi_node *x, uint64_t n_pos, cfi_op norm, cfi_node *learned, cfi_clip_rotation rotate)
{
    const cfi_clip *clip = b->clip;
    const char     *pre  = clip->ears ? "a.pre_ln" : "v.pre_ln";
    const char     *post = b->last_norm != NULL ? b->last_norm : clip->ears ? "a.post_ln" : "v.post_ln";
    vit_layer       layer = {0, n_pos, cfi_max_u64(1, x->ne[2]), norm, rotate};

    x = cfi_reshape_2d(b->net, cfi_clip_plus(b, x, learned), clip->embedding, n_pos * layer.images);
    if (named(b, pre, "weight") != NULL)
        x = cfi_clip_norm(b, x, norm, pre);
    for (; layer.index < clip->layers; layer.index++)
        x = vit_block(b, &layer, x);
    if (clip->apart == CFI_CLIP_HALVED)
        x = halved(b, x);
    if (named(b, post, "weight") != NULL)
        x = cfi_clip_norm(b, x, norm, post);
    return cfi_reshape_3d(b->net, x, clip->embedding, x->ne[1] / layer.images, layer.images);
}
