/* Feed-forward widths. llama.cpp b10472 src/models/<name>.cpp, load_arch_tensors; rules by architecture in archs.def. */
#include "arch_internal.h"

typedef struct feed_keys {
    uint32_t experts;
    uint32_t used;
    uint32_t width;  /* of an expert, 0 = not stated */
    uint32_t shared; /* of the shared experts together, 0 = not stated */
    uint32_t shared_count;
    uint32_t lead;  /* dense layers before the first with experts */
    uint32_t step;  /* experts in the last of so many layers, 0 = in all */
    uint32_t every; /* experts in the second of so many layers */
} feed_keys;

static feed_keys read_feed_keys(cfi_layout *l)
{
    cfi_meta *meta = l->meta;
    feed_keys keys = {0};

    keys.experts = cfi_meta_u32(meta, "expert_count", 0);
    /* One expert is a dense layer; llama.cpp b10472 src/llama-model.cpp:1105 */
    if (keys.experts <= 1) {
        keys.experts = 0;
        return keys;
    }
    keys.used = cfi_meta_need_u32(meta, "expert_used_count");
    if (keys.used == 0 || keys.used > keys.experts)
        cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "expert_used_count: %u, expected 1 to the %u experts", (unsigned)keys.used,
                      (unsigned)keys.experts);
    keys.width = cfi_meta_u32(meta, "expert_feed_forward_length", 0);
    keys.shared = cfi_meta_u32(meta, "expert_shared_feed_forward_length", 0);
    keys.shared_count = cfi_meta_u32(meta, "expert_shared_count", 0);
    keys.lead = cfi_meta_u32(meta, "leading_dense_block_count", 0);
    keys.step = cfi_meta_u32(meta, "interleave_moe_layer_step", 0);
    keys.every = cfi_meta_u32(meta, "moe_every_n_layers", 0);
    return keys;
}

static uint32_t expert_width(cfi_layout *l, const feed_keys *keys, uint32_t dense)
{
    if (keys->width > 0)
        return keys->width;
    if (l->arch->experts == CFI_EXPERTS_WHOLE && dense > 0)
        return dense;
    if (l->arch->experts == CFI_EXPERTS_SHARE && dense >= keys->used && keys->used > 0)
        return dense / keys->used;
    (void)cfi_meta_need_u32(l->meta, "expert_feed_forward_length");
    return 0;
}

static uint32_t shared_width(cfi_layout *l, const feed_keys *keys, uint32_t width, uint32_t dense)
{
    static const char what[] = "width of the shared experts";

    switch (l->arch->shared) {
    case CFI_SHARED_NONE:
        return 0;
    case CFI_SHARED_EACH:
        return cfi_layout_product(l, keys->shared > 0 ? keys->shared : width, keys->shared_count, what);
    case CFI_SHARED_ONE:
        return keys->shared > 0 ? keys->shared : cfi_layout_product(l, width, keys->shared_count > 0 ? keys->shared_count : 1, what);
    case CFI_SHARED_DENSE:
        return keys->shared > 0 ? keys->shared : dense;
    default:
        return keys->shared > 0 ? keys->shared : cfi_layout_product(l, width, keys->shared_count, what);
    }
}

static uint32_t beside_width(const cfi_layout *l, const feed_keys *keys, uint32_t dense)
{
    switch (l->arch->beside) {
    case CFI_BESIDE_DENSE: return dense;
    case CFI_BESIDE_EMBEDDING: return l->info->embedding;
    case CFI_BESIDE_STATED: return keys->width > 0 ? dense : 0;
    default: return 0;
    }
}

static void set_experts(cfi_layout *l, ctxfit_layer_info *layer, const feed_keys *keys)
{
    uint32_t dense = layer->ff_width;

    layer->feed_forward = CTXFIT_FF_MOE;
    layer->experts = keys->experts;
    layer->experts_used = keys->used;
    layer->expert_width = expert_width(l, keys, dense);
    layer->shared_width = shared_width(l, keys, layer->expert_width, dense);
    layer->ff_width = beside_width(l, keys, dense);
    if ((l->arch->flags & CFI_ARCH_PLAIN_FF) != 0)
        layer->flags |= CTXFIT_LAYER_F_PLAIN_EXPERTS;
}

static bool has_experts(const feed_keys *keys, uint32_t layer)
{
    if (keys->experts == 0 || layer < keys->lead)
        return false;
    if (keys->every > 0)
        return layer % keys->every == 1;
    return keys->step == 0 || (layer + 1) % keys->step == 0;
}

void cfi_layout_feed_forward(cfi_layout *l)
{
    feed_keys keys = read_feed_keys(l);
    bool      list = cfi_meta_count(l->meta, "feed_forward_length") > 0; /* then 0 means that a layer has no such part */
    bool      marked; /* the layers with experts are listed, docs/model-text.md */

    l->info->experts_used = keys.used;
    (void)cfi_meta_layers_u32(l->meta, "feed_forward_length", l->count, 0, &l->layer[0].ff_width, sizeof(ctxfit_layer_info));
    marked = cfi_meta_layers_u32(l->meta, "expert_layers", l->count, 0, &l->layer[0].experts, sizeof(ctxfit_layer_info));
    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];
        bool               experts = marked ? keys.experts > 0 && layer->experts != 0 : has_experts(&keys, i);

        layer->experts = 0;
        if (experts && !(list && layer->ff_width == 0))
            set_experts(l, layer, &keys);
        else if (layer->ff_width > 0)
            layer->feed_forward = (l->arch->flags & CFI_ARCH_PLAIN_FF) != 0 ? CTXFIT_FF_PLAIN : CTXFIT_FF_GATED;
    }
}
