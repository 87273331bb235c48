/* The steps that all layouts share. llama.cpp b10472 src/llama-model.cpp:1066 (load_hparams), src/llama-hparams.cpp. */
#include "arch_internal.h"

#define FIELD(l, member) &(l)->layer[0].member, sizeof(ctxfit_layer_info)

uint32_t cfi_layout_product(cfi_layout *l, uint64_t a, uint64_t b, const char *what)
{
    uint64_t product;

    if (cfi_mul_u64(a, b, &product) && product <= UINT32_MAX)
        return (uint32_t)product;
    cfi_meta_fail(l->meta, CTXFIT_E_OVERFLOW, "%s: %llu x %llu is too large", what, (unsigned long long)a, (unsigned long long)b);
    return 0;
}

bool cfi_layout_is_state(const ctxfit_layer_info *layer)
{
    return layer->kv_heads == 0;
}

/* The first layer that has heads decides where the size of a head is not stated. */
static uint32_t stated_heads(const cfi_layout *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->layer[i].heads > 0)
            return l->layer[i].heads;
    return 0;
}

void cfi_layout_heads(cfi_layout *l)
{
    cfi_meta *meta = l->meta;
    uint32_t  heads;
    uint32_t  size;
    uint32_t  rope_size;

    if ((l->arch->flags & CFI_ARCH_RECURRENT) == 0 && !cfi_meta_has(meta, "attention.head_count"))
        (void)cfi_meta_need_u32(meta, "attention.head_count");
    (void)cfi_meta_layers_u32(meta, "attention.head_count", l->count, 0, FIELD(l, heads));
    if (!cfi_meta_layers_u32(meta, "attention.head_count_kv", l->count, 0, FIELD(l, kv_heads)))
        for (uint32_t i = 0; i < l->count; i++)
            l->layer[i].kv_heads = l->layer[i].heads;
    heads = stated_heads(l);
    if (heads == 0)
        return;
    size = l->info->embedding / heads;
    l->key_size = cfi_meta_u32(meta, "attention.key_length", size);
    l->value_size = cfi_meta_u32(meta, "attention.value_length", size);
    rope_size = cfi_meta_u32(meta, "rope.dimension_count", l->key_size);
    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];

        if (layer->kv_heads == 0 || layer->heads == 0)
            continue;
        if (layer->heads % layer->kv_heads != 0)
            cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "layer %u: %u heads do not divide by %u KV heads", (unsigned)i,
                          (unsigned)layer->heads, (unsigned)layer->kv_heads);
        layer->attention = CTXFIT_ATTENTION_FULL;
        layer->key_size = l->key_size;
        layer->value_size = l->value_size;
        layer->rope_size = rope_size;
    }
}

/* Layers share the cache of an earlier one from `owners` on. NextN blocks stand outside of the trunk's sharing. */
void cfi_layout_caches(cfi_layout *l, uint32_t owners)
{
    if ((l->arch->flags & CFI_ARCH_NO_CACHE) != 0)
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];

        if (layer->attention == CTXFIT_ATTENTION_NONE || (i >= owners && (layer->flags & CTXFIT_LAYER_F_NEXTN) == 0))
            continue;
        layer->flags |= CTXFIT_LAYER_F_CACHE;
        if (layer->cache_k_elems > 0)
            continue; /* compressed: the layout knows */
        layer->cache_k_elems = cfi_layout_product(l, layer->kv_heads, layer->key_size, "K of a layer");
        layer->cache_v_elems = cfi_layout_product(l, layer->kv_heads, layer->value_size, "V of a layer");
    }
}

void cfi_layout_generic(cfi_layout *l)
{
    cfi_layout_heads(l);
    cfi_layout_windows(l);
    cfi_layout_caches(l, l->count);
}

/* Step-3.5: the layers without a window rotate half of each head; llama.cpp b10472 src/models/step35.cpp:7. */
void cfi_layout_step35(cfi_layout *l)
{
    cfi_layout_generic(l);
    for (uint32_t i = 0; i < l->count; i++)
        if (l->layer[i].attention == CTXFIT_ATTENTION_FULL)
            l->layer[i].rope_size /= 2;
}

/* Vision features join after the first layers; llama.cpp b10472 src/models/qwen3vl.cpp:4, src/llama-hparams.cpp:98 (n_embd_inp). */
static void set_deepstack(cfi_layout *l, uint64_t streams)
{
    l->info->embedding_inputs = cfi_layout_product(l, l->info->embedding, streams + 1, "embedding input");
}

void cfi_layout_deepstack(cfi_layout *l)
{
    cfi_layout_generic(l);
    set_deepstack(l, cfi_meta_u32(l->meta, "n_deepstack_layers", 0));
}

/* Granite 4 vision names the stream of each layer, -1 for none; llama.cpp b10472 src/models/granite.cpp:12 counts the different ones. */
void cfi_layout_granite(cfi_layout *l)
{
    uint64_t      seen[CFI_MAX_LAYERS / 64] = {0};
    cfi_meta_list list;
    int64_t       stream;
    uint64_t      streams = 0;

    cfi_layout_generic(l);
    if (!cfi_meta_list_open(&list, l->meta, "deepstack_mapping"))
        return;
    while (cfi_meta_list_next(&list, &stream)) {
        uint64_t bit = UINT64_C(1) << ((uint64_t)stream % 64);

        if (stream < 0)
            continue;
        if (stream >= CFI_MAX_LAYERS) {
            cfi_meta_fail(l->meta, CTXFIT_E_MALFORMED, "deepstack_mapping: stream %lld, expected at most %u", (long long)stream,
                          CFI_MAX_LAYERS - 1);
            return;
        }
        streams += (seen[stream / 64] & bit) == 0;
        seen[stream / 64] |= bit;
    }
    set_deepstack(l, streams);
}

/* ---- layers that reuse the cache of an earlier one; llama.cpp b10472 src/llama-hparams.cpp:254 (has_kv) ---- */

/* The number of owners is not in the metadata; llama.cpp b10472 src/models/gemma3n.cpp:9. */
#define GEMMA3N_CACHE_LAYERS 20u
/* Nor is the width of the per-layer embeddings; llama.cpp b10472 src/llama-hparams.h (n_embd_altup). */
#define GEMMA3N_PER_LAYER_EMBEDDING 256u

void cfi_layout_gemma3n(cfi_layout *l)
{
    cfi_layout_heads(l);
    cfi_layout_windows(l);
    cfi_layout_caches(l, GEMMA3N_CACHE_LAYERS);
    l->info->per_layer_embedding = GEMMA3N_PER_LAYER_EMBEDDING;
}

void cfi_layout_gemma4(cfi_layout *l)
{
    uint32_t shared = cfi_meta_u32(l->meta, "attention.shared_kv_layers", 0);

    cfi_layout_heads(l);
    cfi_layout_windows(l);
    if (shared > l->info->layers)
        cfi_meta_fail(l->meta, CTXFIT_E_MALFORMED, "attention.shared_kv_layers: %u of %u layers", (unsigned)shared,
                      (unsigned)l->info->layers);
    else
        cfi_layout_caches(l, l->info->layers - shared);
    l->info->per_layer_embedding = cfi_meta_u32(l->meta, "embedding_length_per_layer_input", 0);
}

/* A draft model that reads the cache of its target; llama.cpp b10472 src/llama-model.cpp:2340. */
void cfi_layout_gemma4_assistant(cfi_layout *l)
{
    cfi_layout_heads(l);
    cfi_layout_windows(l);
    cfi_layout_caches(l, 0);
}
