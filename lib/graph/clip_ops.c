/* Operations that only encoders have, and what they make of pictures. Shapes: llama.cpp b11118 ggml/src/ggml.c, functions of the same
 * names; tools/mtmd/clip.cpp, clip_graph. */
#include "clip_build.h"

static uint64_t conv_size(uint64_t in, uint64_t kernel, uint64_t stride, uint64_t pad)
{
    return in + 2 * pad >= kernel && stride > 0 ? (in + 2 * pad - kernel) / stride + 1 : 0;
}

/* `flat`: pictures; else rows. `source` is the tensor that is named as the kernel, whose shape `kernel` has. */
cfi_node *cfi_im2col(cfi_net *net, const cfi_node *kernel, cfi_node *source, cfi_node *x, uint64_t stride, uint64_t pad, bool flat,
                     uint32_t quant)
{
    uint64_t  ne[4] = {kernel->ne[0] * kernel->ne[1] * (flat ? kernel->ne[2] : 1), conv_size(x->ne[0], kernel->ne[0], stride, pad),
                       flat ? conv_size(x->ne[1], kernel->ne[1], stride, pad) : x->ne[2], flat ? x->ne[3] : 1};
    cfi_node *node;

    if (ne[1] == 0 || ne[2] == 0)
        net->incomplete = true; /* the engine stops there */
    node = cfi_op_new(net, CFI_OP_IM2COL, quant, ne);
    cfi_op_source(node, source);
    cfi_op_source(node, x);
    return node;
}

static uint32_t columns_of(const cfi_node *kernel) { return kernel->quant == CFI_QUANT_BF16 ? CFI_QUANT_F32 : CFI_QUANT_F16; }

cfi_node *cfi_conv_2d(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad)
{
    cfi_node *columns = cfi_im2col(net, kernel, kernel, x, stride, pad, true, columns_of(kernel));
    cfi_node *rows    = cfi_reshape_2d(net, columns, columns->ne[0], columns->ne[1] * columns->ne[2] * columns->ne[3]);
    cfi_node *flat    = cfi_reshape_2d(net, kernel, kernel->ne[0] * kernel->ne[1] * kernel->ne[2], kernel->ne[3]);

    x = cfi_mul_mat(net, rows, flat);
    x = cfi_reshape_4d(net, x, columns->ne[1], columns->ne[2], columns->ne[3], kernel->ne[3]);
    return cfi_cont(net, cfi_permute(net, x, 0, 1, 3, 2));
}

cfi_node *cfi_conv_2d_dw(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad)
{
    cfi_node *one     = cfi_reshape_4d(net, kernel, kernel->ne[0], kernel->ne[1], 1, kernel->ne[2] * kernel->ne[3]);
    cfi_node *planes  = cfi_reshape_4d(net, x, x->ne[0], x->ne[1], 1, x->ne[2] * x->ne[3]);
    cfi_node *columns = cfi_im2col(net, one, one, planes, stride, pad, true, columns_of(kernel));
    cfi_node *rows    = cfi_reshape_4d(net, columns, columns->ne[0], columns->ne[1] * columns->ne[2], x->ne[2], x->ne[3]);
    cfi_node *flat    = cfi_reshape_4d(net, one, one->ne[0] * one->ne[1], one->ne[2], one->ne[3], 1);

    return cfi_reshape_4d(net, cfi_mul_mat(net, flat, rows), columns->ne[1], columns->ne[2], x->ne[2], x->ne[3]);
}

/* Without columns. */
static cfi_node *conv_direct(cfi_net *net, cfi_op op, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad, uint64_t channels)
{
    cfi_node *node;
    uint64_t  ne[4];

    if (kernel == NULL || x->ne[0] + 2 * pad < kernel->ne[0] || x->ne[1] + 2 * pad < kernel->ne[1])
        return cfi_missing(net);
    for (uint32_t i = 0; i < 2; i++)
        ne[i] = conv_size(x->ne[i], kernel->ne[i], stride, pad);
    ne[2] = channels;
    ne[3] = x->ne[3];
    node  = cfi_op_new(net, op, x->quant, ne);
    cfi_op_source(node, kernel);
    cfi_op_source(node, x);
    return node;
}

cfi_node *cfi_conv_2d_direct(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad)
{
    return conv_direct(net, CFI_OP_CONV_2D, kernel, x, stride, pad, kernel != NULL ? kernel->ne[3] : 0);
}

cfi_node *cfi_conv_2d_dw_direct(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad)
{
    return conv_direct(net, CFI_OP_CONV_2D_DW, kernel, x, stride, pad, x->ne[2]);
}

cfi_node *cfi_conv_1d_ph(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride)
{
    cfi_node *columns = cfi_im2col(net, kernel, kernel, x, stride, kernel->ne[0] / 2, false, columns_of(kernel));
    cfi_node *rows    = cfi_reshape_2d(net, columns, columns->ne[0], columns->ne[1] * columns->ne[2]);

    x = cfi_mul_mat(net, rows, cfi_reshape_2d(net, kernel, kernel->ne[0] * kernel->ne[1], kernel->ne[2]));
    return cfi_reshape_3d(net, x, columns->ne[1], kernel->ne[2], columns->ne[2]);
}

cfi_node *cfi_pool_2d(cfi_net *net, cfi_node *x, uint64_t width, uint64_t height)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_POOL_2D, CFI_QUANT_F32,
                                (const uint64_t[4]){conv_size(x->ne[0], width, width, 0), conv_size(x->ne[1], height, height, 0), x->ne[2],
                                                    x->ne[3]});

    cfi_op_source(node, x);
    return node;
}

cfi_node *cfi_upscale(cfi_net *net, cfi_node *x, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3)
{
    cfi_node *node = cfi_op_new(net, CFI_OP_UPSCALE, x->quant, (const uint64_t[4]){ne0, ne1, ne2, ne3});

    cfi_op_source(node, x);
    return node;
}

/* ---- pictures ---- */
cfi_node *cfi_clip_raw(cfi_clip_build *b, uint64_t channels)
{
    return cfi_tensor_input(cfi_tensor_4d(b->net, CFI_QUANT_F32, b->nx, b->ny, channels, b->images));
}

cfi_node *cfi_clip_patches_plain(cfi_clip_build *b, cfi_node *raw)
{
    cfi_net  *net = b->net;
    cfi_node *x   = cfi_conv_2d(net, cfi_clip_need(b, "v.patch_embd.weight"), raw, b->clip->patch, 0);

    x = cfi_reshape_3d(net, x, b->patches, b->clip->embedding, b->images);
    return cfi_cont(net, cfi_transpose(net, x));
}

cfi_node *cfi_clip_patches(cfi_clip_build *b, cfi_node *raw)
{
    return cfi_clip_plus(b, cfi_clip_patches_plain(b, raw), cfi_clip_tensor(b, "v.patch_embd.bias"));
}

/* Four neighbours follow each other. */
cfi_node *cfi_clip_neighbours(cfi_clip_build *b, cfi_node *x)
{
    cfi_net *net   = b->net;
    uint64_t width = b->clip->embedding;

    x = cfi_cont_4d(net, x, width * 2, b->px / 2, b->py, 1);
    x = cfi_reshape_4d(net, x, width * 2, b->px / 2, 2, b->py / 2);
    return cfi_cont_4d(net, cfi_permute(net, x, 0, 2, 1, 3), width, b->px * b->py, 1, 1);
}

cfi_node *cfi_clip_paired_patches(cfi_clip_build *b)
{
    cfi_net  *net = b->net;
    cfi_node *raw = cfi_clip_raw(b, 3);
    cfi_node *x   = cfi_add(net, cfi_conv_2d(net, cfi_clip_need(b, "v.patch_embd.weight"), raw, b->clip->patch, 0),
                            cfi_conv_2d(net, cfi_clip_need(b, "v.patch_embd.weight.1"), raw, b->clip->patch, 0));

    if (b->nx % (2 * (uint64_t)b->clip->patch) != 0 || b->ny % (2 * (uint64_t)b->clip->patch) != 0)
        net->incomplete = true;
    return cfi_clip_neighbours(b, cfi_permute(net, x, 1, 2, 0, 3));
}

/* Flash attention takes halves; before a change they were cast, in each layer. */
cfi_node *cfi_clip_mask_of(cfi_clip_build *b, uint64_t positions)
{
    bool half = b->flash && cfi_engine_changed(b->clip->build, CFI_CHANGE_CLIP_MASK_HALF);

    return cfi_clip_input(b, half ? CFI_QUANT_F16 : CFI_QUANT_F32, positions, positions);
}

cfi_node *cfi_clip_mask(cfi_clip_build *b) { return cfi_clip_mask_of(b, b->patches); }

/* The same, which some kinds cast before as well. */
cfi_node *cfi_clip_window_mask(cfi_clip_build *b)
{
    cfi_node *mask = cfi_clip_mask(b);

    return b->flash && mask->quant == CFI_QUANT_F32 ? cfi_cast(b->net, mask, CFI_QUANT_F16) : mask;
}

bool cfi_clip_lists(const cfi_clip_list *list, uint32_t number)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->value[i] == (int32_t)number)
            return true;
    }
    return false;
}

cfi_node *cfi_clip_resized_positions(cfi_clip_build *b)
{
    cfi_net  *net  = b->net;
    cfi_node *x    = cfi_clip_need(b, "v.position_embd.weight");
    uint64_t  side = cfi_clip_root(x->ne[1]);

    if (b->px == side && b->py == side)
        return x;
    x = cfi_permute(net, cfi_reshape_3d(net, x, b->clip->embedding, side, side), 2, 0, 1, 3);
    x = cfi_upscale(net, x, b->px, b->py, b->clip->embedding, 1);
    return cfi_cont_2d(net, cfi_permute(net, x, 1, 2, 0, 3), b->clip->embedding, b->px * b->py);
}

cfi_node *cfi_clip_merge(cfi_clip_build *b, cfi_node *x, uint64_t factor)
{
    cfi_net *net    = b->net;
    uint64_t embd   = x->ne[0];
    uint64_t width  = b->px;
    uint64_t height = b->py;

    x = cfi_reshape_3d(net, x, embd, width, height);
    if (width % factor != 0 || height % factor != 0) {
        uint64_t right = (factor - width % factor) % factor;
        uint64_t below = (factor - height % factor) % factor;

        x = cfi_pad(net, x, 0, right, below, 0);
        width += right;
        height += below;
    }
    x = cfi_permute(net, cfi_reshape_3d(net, x, embd * factor, width / factor, height), 0, 2, 1, 3);
    x = cfi_cont_4d(net, x, embd * factor * factor, height / factor, width / factor, 1);
    x = cfi_permute(net, x, 0, 2, 1, 3);
    return cfi_cont_2d(net, x, x->ne[0], x->ne[1] * x->ne[2]);
}

cfi_node *cfi_clip_stack(cfi_clip_build *b, cfi_node *x, uint64_t factor)
{
    cfi_net *net    = b->net;
    uint64_t elems  = cfi_node_elems(x);
    uint64_t stride = b->clip->embedding * factor;
    uint64_t pad;

    if (factor <= 1)
        return x;
    pad = (stride - elems % stride) % stride;
    if (pad > 0)
        x = cfi_pad(net, cfi_view_1d(net, x, elems), pad, 0, 0, 0);
    return cfi_view_2d(net, x, stride, (elems + pad) / stride, cfi_row_bytes(x->quant, stride));
}
