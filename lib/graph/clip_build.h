/* Building the graphs of encoders of images and sound (libmtmd). Internal to lib/graph. */
#ifndef CFI_CLIP_BUILD_H
#define CFI_CLIP_BUILD_H

#include "clip_internal.h"
#include "net.h"

typedef struct cfi_clip_build cfi_clip_build;
typedef cfi_node *(*cfi_clip_rotation)(cfi_clip_build *b, cfi_node *x);

struct cfi_clip_build {
    cfi_net        *net;
    const cfi_clip *clip;
    cfi_node      **weights;   /* nodes of the file's tensors, made when first asked for */
    uint64_t        nx, ny;    /* pixels of the picture; frames and bins of sound */
    uint64_t        images;    /* encoded at once */
    uint64_t        px, py;    /* patches a row, rows */
    uint64_t        patches;
    bool            overview;  /* the whole image, of those of which tiles come too */
    bool            flash;
    bool            clamped;   /* every product is clamped before and behind */
    bool            values_normed;
    const char     *last_norm; /* of the layers; NULL: the usual one */
    cfi_node       *mask;      /* of the layers; NULL: none */
    uint32_t        mask_every; /* so many layers one sees all, and the last; 0: none */
    cfi_node       *sinks;     /* of the attention that is built */
    cfi_node       *position[2]; /* what rotations go by */
};

/* ---- the file's tensors: NULL where there is none ---- */
cfi_node *cfi_clip_tensor(cfi_clip_build *b, const char *name);
cfi_node *cfi_clip_block(cfi_clip_build *b, uint32_t layer, const char *name); /* "attn_q.weight" of the encoder's block */
cfi_node *cfi_clip_need(cfi_clip_build *b, const char *name);                   /* the graph is incomplete without it */

typedef struct cfi_clip_name {
    char text[96];
} cfi_clip_name;

cfi_clip_name cfi_clip_numbered(const char *prefix, uint32_t number, const char *part); /* "prefix.number.part" */

/* ---- pieces; names are without ".weight" and ".bias" ---- */
cfi_node *cfi_clip_input(cfi_clip_build *b, uint32_t quant, uint64_t ne0, uint64_t ne1);
cfi_node *cfi_clip_plus(cfi_clip_build *b, cfi_node *x, cfi_node *bias);          /* x where there is no bias */
cfi_node *cfi_clip_mm(cfi_clip_build *b, cfi_node *weight, cfi_node *x);
cfi_node *cfi_clip_linear(cfi_clip_build *b, cfi_node *x, const char *name);
cfi_node *cfi_clip_norm(cfi_clip_build *b, cfi_node *x, cfi_op op, const char *name); /* NULL: without weights */
/* `act`: 0 or CFI_CLIP_RELU_SQR; a NULL gate: none. */
cfi_node *cfi_clip_ffn(cfi_clip_build *b, cfi_node *x, const char *up, const char *gate, const char *down, uint32_t act);
cfi_node *cfi_clip_act(cfi_clip_build *b, cfi_node *x, cfi_node *gated, uint32_t act);
cfi_node *cfi_clip_attention(cfi_clip_build *b, const char *out, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask);
cfi_node *cfi_clip_block_ffn(cfi_clip_build *b, cfi_node *x, uint32_t layer);
cfi_node *cfi_clip_layer_scaled(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *name); /* by what may be there */
cfi_node *cfi_clip_block_norm(cfi_clip_build *b, cfi_node *x, cfi_op op, uint32_t layer, const char *name);
cfi_node *cfi_clip_block_linear(cfi_clip_build *b, cfi_node *x, uint32_t layer, const char *name);
cfi_node *cfi_clip_block_attention(cfi_clip_build *b, uint32_t layer, cfi_node *q, cfi_node *k, cfi_node *v, cfi_node *mask);
/* Queries, keys or values of a block, [head size, heads, positions]: of one joint matrix, or of their own. */
cfi_node *cfi_clip_part(cfi_clip_build *b, cfi_node *joint, uint64_t heads, uint64_t n_pos, uint64_t images);

/* ---- pictures ---- */
cfi_node *cfi_clip_raw(cfi_clip_build *b, uint64_t channels);
cfi_node *cfi_clip_patches(cfi_clip_build *b, cfi_node *raw);                     /* build_inp: [width, patches, images] */
cfi_node *cfi_clip_patches_plain(cfi_clip_build *b, cfi_node *raw);               /* without a bias */
cfi_node *cfi_clip_paired_patches(cfi_clip_build *b);                             /* two frames, patches of four neighbours in a row */
cfi_node *cfi_clip_mask_of(cfi_clip_build *b, uint64_t positions);
cfi_node *cfi_clip_mask(cfi_clip_build *b);                                       /* of all patches */
cfi_node *cfi_clip_window_mask(cfi_clip_build *b);
bool      cfi_clip_lists(const cfi_clip_list *list, uint32_t number);
cfi_node *cfi_clip_neighbours(cfi_clip_build *b, cfi_node *x);
cfi_node *cfi_clip_resized_positions(cfi_clip_build *b);
cfi_node *cfi_clip_merge(cfi_clip_build *b, cfi_node *x, uint64_t factor);        /* build_patch_merge_permute */
cfi_node *cfi_clip_stack(cfi_clip_build *b, cfi_node *x, uint64_t factor);
cfi_node *cfi_clip_rotate_2d(cfi_clip_build *b, cfi_node *x);                     /* by position[0] and position[1] */
cfi_node *cfi_clip_rotate(cfi_clip_build *b, cfi_node *x);                        /* by position[0] */
void      cfi_clip_positions_2d(cfi_clip_build *b, uint64_t count);
/* The encoder's layers (build_vit); `learned` NULL: none. */
cfi_node *cfi_clip_vit(cfi_clip_build *b, cfi_node *x, uint64_t n_pos, cfi_op norm, cfi_node *learned, cfi_clip_rotation rotate);

/* ---- operations that only encoders have ---- */
cfi_node *cfi_im2col(cfi_net *net, const cfi_node *kernel, cfi_node *source, cfi_node *x, uint64_t stride, uint64_t pad, bool flat,
                     uint32_t quant);
cfi_node *cfi_conv_2d(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad);
cfi_node *cfi_conv_2d_dw(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad);
cfi_node *cfi_conv_2d_direct(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad);    /* NULL: missing */
cfi_node *cfi_conv_2d_dw_direct(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride, uint64_t pad);
cfi_node *cfi_conv_1d_ph(cfi_net *net, cfi_node *kernel, cfi_node *x, uint64_t stride);
cfi_node *cfi_pool_2d(cfi_net *net, cfi_node *x, uint64_t width, uint64_t height);
cfi_node *cfi_upscale(cfi_net *net, cfi_node *x, uint64_t ne0, uint64_t ne1, uint64_t ne2, uint64_t ne3);

/* ---- towers: the whole graph of an encoder; the result is expanded by the caller ---- */
#define CFI_CLIP_TYPE(id, name, since, graph, ...) cfi_node *cfi_clip_graph_##graph(cfi_clip_build *b);
#define CFI_CLIP_BEFORE(id, ...)
#include "clip_types.def"
#undef CFI_CLIP_BEFORE
#undef CFI_CLIP_TYPE

#endif
