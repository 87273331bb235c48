/* Graphs of DeepSeek-OCR, whose encoder stands behind another one that sees pixels in windows: llama.cpp b11118
 * tools/mtmd/models/deepseekocr.cpp, deepseekocr2.cpp. */
#include "clip_build.h"

typedef struct sam_rel {
    cfi_node *window;  /* distances within a window */
    cfi_node *whole;
} sam_rel;

static cfi_clip_name sam_part(uint32_t layer, const char *part) { return cfi_clip_numbered("v.sam.blk", layer, part); }

static uint64_t sam_width(const cfi_clip_build *b) { return b->clip->sense->value[CFI_CLIP_SAM_EMBEDDING]; }
static uint64_t sam_heads(const cfi_clip_build *b) { return cfi_max_u64(1, b->clip->sense->value[CFI_CLIP_SAM_HEADS]); }

/* clip-model.h:215, is_global_attn() */
static bool sees_whole(uint32_t layer) { return layer == 2 || layer == 5 || layer == 8 || layer == 11; }

/* Columns as wide as the kernel's numbers. */
static cfi_node *exact_conv(cfi_clip_build *b, const char *name, cfi_node *x, uint64_t stride, uint64_t pad)
{
    cfi_net  *net     = b->net;
    cfi_node *kernel  = cfi_clip_need(b, name);
    uint32_t  quant   = kernel->quant == CFI_QUANT_F16 ? CFI_QUANT_F16 : CFI_QUANT_F32;
    cfi_node *columns = cfi_im2col(net, kernel, kernel, x, stride, pad, true, quant);

    x = cfi_mul_mat(net, cfi_reshape_2d(net, columns, columns->ne[0], columns->ne[1] * columns->ne[2] * columns->ne[3]),
                    cfi_reshape_2d(net, kernel, kernel->ne[0] * kernel->ne[1] * kernel->ne[2], kernel->ne[3]));
    x = cfi_reshape_4d(net, x, columns->ne[1], columns->ne[2], columns->ne[3], kernel->ne[3]);
    return cfi_cont(net, cfi_permute(net, x, 0, 1, 3, 2));
}

static cfi_node *channels_in(cfi_net *net, cfi_node *x) { return cfi_cont(net, cfi_permute(net, x, 1, 2, 0, 3)); }
static cfi_node *channels_out(cfi_net *net, cfi_node *x) { return cfi_cont(net, cfi_permute(net, x, 2, 0, 1, 3)); }

/* ---- windows ---- */
static uint64_t windows(uint64_t side, uint64_t window) { return (side + window - 1) / window; }

static cfi_node *into_windows(cfi_net *net, cfi_node *x, uint64_t window)
{
    uint64_t c = x->ne[0], across = windows(x->ne[1], window), down = windows(x->ne[2], window), images = x->ne[3];

    if (across * window > x->ne[1] || down * window > x->ne[2])
        x = cfi_pad(net, x, 0, across * window - x->ne[1], down * window - x->ne[2], 0);
    x = cfi_cont(net, cfi_permute(net, cfi_reshape_4d(net, x, c * window, across, window, down * images), 0, 2, 1, 3));
    return cfi_reshape_4d(net, x, c, window, window, across * down * images);
}

static cfi_node *out_of_windows(cfi_net *net, cfi_node *x, uint64_t width, uint64_t height, uint64_t window)
{
    uint64_t c = x->ne[0], across = windows(width, window), down = windows(height, window);
    uint64_t images = x->ne[3] / cfi_max_u64(1, across * down);

    x = cfi_cont(net, cfi_permute(net, cfi_reshape_4d(net, x, c * window, window, across, down * images), 0, 2, 1, 3));
    x = cfi_reshape_4d(net, x, c, across * window, down * window, images);
    return cfi_cont(net, cfi_view_4d(net, x, c, width, height, images, x->nb[1], x->nb[2], x->nb[3]));
}

/* ---- attention, with a mask by distance ---- */
/* What a distance along a side adds, [head size, keys, queries]. */
static cfi_node *by_distances(cfi_clip_build *b, cfi_node *table, cfi_node *indices, uint64_t side)
{
    cfi_net *net  = b->net;
    uint64_t size = table->ne[0], length = table->ne[1], need = side > 0 ? 2 * side - 1 : 0;

    if (need != length) {
        table = cfi_reshape_3d(net, cfi_cont_swapped(net, table), length, 1, size);
        table = cfi_reshape_4d(net, cfi_upscale(net, table, need, 1, size, 1), need, size, 1, 1);
        table = cfi_cont_swapped(net, table);
    }
    table = cfi_get_rows(net, table, cfi_reshape_1d(net, indices, side * side));
    return cfi_reshape_3d(net, table, size, side, side);
}

static cfi_node *sam_mask(cfi_clip_build *b, cfi_node *q, uint32_t layer, cfi_node *indices, const uint64_t side[2])
{
    cfi_net  *net   = b->net;
    cfi_clip_name across = sam_part(layer, "attn.pos_w.weight"), down = sam_part(layer, "attn.pos_h.weight");
    uint64_t  cells = side[0] * side[1], sets = q->ne[1] * q->ne[3];
    cfi_node *w     = by_distances(b, cfi_clip_need(b, across.text), indices, side[0]);
    cfi_node *h     = by_distances(b, cfi_clip_need(b, down.text), indices, side[1]);
    cfi_node *x     = cfi_cont(net, cfi_permute(net, q, 0, 2, 1, 3));

    x = cfi_reshape_4d(net, x, q->ne[0], side[0], side[1], sets);
    w = cfi_mul_mat(net, w, cfi_cont(net, cfi_permute(net, x, 0, 2, 1, 3)));
    w = cfi_reshape_4d(net, cfi_cont(net, cfi_permute(net, w, 0, 2, 1, 3)), side[0], 1, cells, sets);
    w = cfi_repeat_4d(net, w, side[0], side[1], cells, sets);
    h = cfi_reshape_4d(net, cfi_mul_mat(net, h, x), 1, side[1], cells, sets);
    x = cfi_reshape_4d(net, cfi_add(net, w, h), cells, cells, q->ne[1], q->ne[3]);
    return b->flash ? cfi_cast(net, x, CFI_QUANT_F16) : x;
}

static cfi_node *sam_attention(cfi_clip_build *b, cfi_node *x, uint32_t layer, cfi_node *indices)
{
    cfi_net  *net = b->net;
    uint64_t  width = sam_width(b), heads = sam_heads(b), side[2] = {x->ne[1], x->ne[2]}, cells = side[0] * side[1], sets = x->ne[3];
    cfi_clip_name joint = sam_part(layer, "attn.qkv"), out = sam_part(layer, "attn.out");
    cfi_node *part[3];

    x = cfi_reshape_4d(net, cfi_clip_linear(b, x, joint.text), width, 3, cells, sets);
    for (uint32_t i = 0; i < 3; i++) {
        part[i] = cfi_cont(net, cfi_view_3d(net, x, width, cells, sets, x->nb[2], x->nb[3]));
        part[i] = cfi_reshape_4d(net, part[i], width / heads, heads, cells, sets);
    }
    x = cfi_clip_attention(b, out.text, part[0], part[1], part[2], sam_mask(b, part[0], layer, indices, side));
    return cfi_reshape_4d(net, cfi_cont(net, x), width, side[0], side[1], sets);
}

static cfi_node *sam_layer(cfi_clip_build *b, cfi_node *residual, uint32_t layer, const sam_rel *rel)
{
    cfi_net  *net    = b->net;
    uint64_t  window = b->clip->sense->value[CFI_CLIP_WINDOW_SIZE];
    bool      whole  = sees_whole(layer);
    cfi_clip_name pre = sam_part(layer, "pre_ln"), post = sam_part(layer, "post_ln");
    cfi_clip_name up = sam_part(layer, "mlp.lin1"), down = sam_part(layer, "mlp.lin2");
    cfi_node *x      = cfi_clip_norm(b, residual, CFI_OP_NORM, pre.text);
    uint64_t  width = x->ne[1], height = x->ne[2];

    x = sam_attention(b, whole ? x : into_windows(net, x, window), layer, whole ? rel->whole : rel->window);
    if (!whole)
        x = out_of_windows(net, x, width, height, window);
    x = cfi_add(net, x, residual);
    return cfi_add(net, cfi_clip_ffn(b, cfi_clip_norm(b, x, CFI_OP_NORM, post.text), up.text, NULL, down.text, 0), x);
}

static cfi_node *sam_neck(cfi_clip_build *b, cfi_node *x)
{
    cfi_net *net = b->net;

    x = exact_conv(b, "v.sam.neck.0.weight", channels_out(net, x), 1, 0);
    x = channels_out(net, cfi_clip_norm(b, channels_in(net, x), CFI_OP_NORM, "v.sam.neck.1"));
    x = exact_conv(b, "v.sam.neck.2.weight", x, 1, 1);
    x = channels_out(net, cfi_clip_norm(b, channels_in(net, x), CFI_OP_NORM, "v.sam.neck.3"));
    x = exact_conv(b, "v.sam.net_2.weight", x, 2, 1);
    return exact_conv(b, "v.sam.net_3.weight", x, 2, 1);
}

/* [columns, rows, width, images], a quarter of the patches a side */
static cfi_node *sam_graph(cfi_clip_build *b, cfi_node *raw)
{
    cfi_net        *net    = b->net;
    const cfi_node *kernel = cfi_clip_need(b, "v.sam.patch_embd.weight");
    cfi_node       *bias   = cfi_clip_need(b, "v.sam.patch_embd.bias");
    cfi_node       *table  = cfi_clip_need(b, "v.sam.pos_embd.weight");
    uint64_t        window = b->clip->sense->value[CFI_CLIP_WINDOW_SIZE], side;
    cfi_node       *x      = exact_conv(b, "v.sam.patch_embd.weight", raw, kernel->ne[0], 0);
    sam_rel         rel;

    x    = channels_in(net, cfi_add(net, x, cfi_reshape_3d(net, bias, 1, 1, sam_width(b))));
    side = x->ne[1];
    rel  = (sam_rel){cfi_clip_input(b, CFI_QUANT_I32, window, window), cfi_clip_input(b, CFI_QUANT_I32, side, x->ne[2])};
    if (table->ne[1] != side)
        table = channels_in(net, cfi_upscale(net, channels_out(net, table), side, side, sam_width(b), 1));
    x = cfi_add(net, x, table);
    for (uint32_t i = 0; i < b->clip->sense->value[CFI_CLIP_SAM_LAYERS]; i++)
        x = sam_layer(b, x, i, &rel);
    x = sam_neck(b, x);
    cfi_net_expand(net, x);
    return x;
}

static bool sam_possible(const cfi_clip_build *b)
{
    const uint32_t *value = b->clip->sense->value;

    return value[CFI_CLIP_SAM_LAYERS] > 0 && value[CFI_CLIP_SAM_LAYERS] <= 1024 && value[CFI_CLIP_SAM_HEADS] > 0 &&
           sam_width(b) >= value[CFI_CLIP_SAM_HEADS] && value[CFI_CLIP_WINDOW_SIZE] > 0 && value[CFI_CLIP_WINDOW_SIZE] <= 4096;
}

static cfi_node *flat(cfi_clip_build *b, cfi_node *x)
{
    x = cfi_reshape_3d(b->net, x, x->ne[0] * x->ne[1], x->ne[2], x->ne[3]);
    return cfi_cont_swapped(b->net, x);
}

static cfi_node *counted_up(cfi_net *net, uint64_t n)
{
    return cfi_cast(net, cfi_op_new(net, CFI_OP_ARANGE, CFI_QUANT_F32, (const uint64_t[4]){n, 1, 1, 1}), CFI_QUANT_I32);
}

/* ---- deepseekocr.cpp ---- */
/* The table of positions for so many cells and one before them. */
static cfi_node *ocr_table(cfi_clip_build *b, uint64_t cells)
{
    cfi_net  *net   = b->net;
    cfi_node *table = cfi_clip_need(b, "v.position_embd.weight");
    uint64_t  from  = table->ne[1] > 0 ? cfi_clip_root(table->ne[1] - 1) : 0, to = cfi_clip_root(cells), width = table->ne[0];
    cfi_node *class, *old;

    if (from == to)
        return table;
    old   = cfi_view_2d(net, table, width, from * from, cfi_row_bytes(table->quant, width));
    class = cfi_view_2d(net, table, width, 1, cfi_row_bytes(table->quant, width));
    old   = cfi_reshape_3d(net, cfi_upscale(net, old, to, to, width, 1), b->clip->embedding, to * to, 1);
    return cfi_concat(net, old, class, 1);
}

static cfi_node *ocr_layers(cfi_clip_build *b, cfi_node *seen, uint64_t images)
{
    cfi_net  *net   = b->net;
    cfi_node *class = cfi_clip_need(b, "v.class_embd");
    cfi_node *x     = flat(b, seen);
    cfi_node *table = ocr_table(b, x->ne[1]);

    x = cfi_concat(net, cfi_repeat_4d(net, class, b->clip->embedding, 1, images, 1), x, 1);
    x = cfi_clip_vit(b, x, table->ne[1], CFI_OP_NORM, cfi_get_rows(net, table, counted_up(net, table->ne[1])), NULL);
    cfi_net_expand(net, x);
    return x;
}

/* The tokens of tiles that stand beside each other, row by row; each row and (of the whole image) the end are marked. */
static cfi_node *ocr_rows(cfi_clip_build *b, cfi_node *x, uint64_t tiles, uint64_t images)
{
    cfi_net  *net  = b->net;
    cfi_node *mark = cfi_clip_need(b, "v.image_newline");
    uint64_t  wide = x->ne[0], side = cfi_clip_root(x->ne[1]), across = side * tiles;

    if (!b->overview) {
        x = cfi_reshape_4d(net, x, wide * side, side, tiles, images);
        x = cfi_cont(net, cfi_permute(net, x, 0, 2, 1, 3));
    }
    x = cfi_reshape_4d(net, x, wide, across, side, images);
    x = cfi_concat(net, x, cfi_repeat_4d(net, mark, wide, 1, side, images), 1);
    x = cfi_reshape_3d(net, x, wide, (across + 1) * side, images);
    if (!b->overview)
        return x;
    return cfi_concat(net, x, cfi_repeat_4d(net, cfi_clip_need(b, "v.view_seperator"), wide, 1, images, 1), 1);
}

cfi_node *cfi_clip_graph_dsocr(cfi_clip_build *b)
{
    cfi_net  *net   = b->net;
    uint64_t  tiles = b->overview ? 1 : b->ny / cfi_max_u64(1, b->nx), images = b->images * tiles, cells;
    cfi_node *x     = cfi_clip_raw(b, 3);
    cfi_node *seen;

    if (!sam_possible(b) || tiles == 0 || b->ny % b->nx != 0)
        return cfi_missing(net); /* the engine stops there */
    if (!b->overview) {
        x = cfi_reshape_4d(net, x, b->nx * b->nx, tiles, 3, b->images);
        x = cfi_cont(net, cfi_permute(net, x, 0, 2, 1, 3));
        x = cfi_reshape_4d(net, x, b->nx, b->nx, 3, images);
    }
    seen  = sam_graph(b, x);
    cells = seen->ne[0] * seen->ne[1];
    x     = ocr_layers(b, seen, images);
    seen  = channels_in(net, seen);
    seen  = cfi_reshape_3d(net, seen, seen->ne[0], cells, images);
    x     = cfi_view_3d(net, x, b->clip->embedding, cells, images, x->nb[1], x->nb[2]);
    x     = cfi_clip_linear(b, cfi_concat(net, x, seen, 0), "mm.model.fc");
    return ocr_rows(b, x, tiles, b->images);
}

/* ---- deepseekocr2.cpp: as many queries as cells ---- */
cfi_node *cfi_clip_graph_dsocr2(cfi_clip_build *b)
{
    cfi_net  *net = b->net;
    uint64_t  cells, images;
    cfi_node *x, *query;

    if (!sam_possible(b))
        return cfi_missing(net);
    x      = flat(b, sam_graph(b, cfi_clip_raw(b, 3)));
    cells  = x->ne[1];
    images = x->ne[2];
    query  = cfi_clip_need(b, cells == 144 ? "v.resample_query_768.weight" : "v.resample_query_1024.weight");
    query  = cfi_cast(net, query, x->quant);
    x      = cfi_concat(net, x, cfi_repeat_4d(net, query, query->ne[0], cells, images, 1), 1);
    if (query->ne[1] != cells)
        net->incomplete = true;
    b->mask        = cfi_clip_mask_of(b, x->ne[1]);
    b->mask_every  = 0;
    b->position[0] = counted_up(net, x->ne[1]);
    x = cfi_clip_vit(b, x, x->ne[1], CFI_OP_RMS_NORM, NULL, cfi_clip_rotate);
    x = cfi_cont(net, cfi_view_3d(net, x, x->ne[0], cells, x->ne[2], x->nb[1], x->nb[2]));
    cfi_net_expand(net, x);
    x = cfi_clip_linear(b, x, "mm.model.fc");
    if (!b->overview)
        return x;
    query = cfi_clip_need(b, "v.view_seperator");
    return cfi_concat(net, x, cfi_repeat_4d(net, query, query->ne[0], 1, x->ne[2], 1), 1);
}
