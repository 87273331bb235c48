/* Latent and sparse attention: what is cached is not heads times head size. */
#include "arch_internal.h"

/* Multi-head latent attention in its absorbed form (with key_length_mla): the compressed vector and the rotated part of the keys are
 * cached as one K head of key_length elements, and no V; llama.cpp b10472 src/llama-hparams.cpp:229 (is_mla),
 * src/llama-kv-cache.cpp:228. Files without these keys keep full K and V. */
static void set_latent(cfi_layout *l)
{
    cfi_meta *meta = l->meta;
    uint32_t  kv_rank = cfi_meta_need_u32(meta, "attention.kv_lora_rank");
    uint32_t  q_rank = cfi_meta_u32(meta, "attention.q_lora_rank", 0);
    uint32_t  key_size = cfi_meta_u32(meta, "attention.key_length_mla", 0);
    uint32_t  value_size = cfi_meta_u32(meta, "attention.value_length_mla", 0);

    if ((key_size == 0) != (value_size == 0))
        cfi_meta_fail(meta, CTXFIT_E_INCOMPLETE, "key '%s' is missing: key_length_mla and value_length_mla go together",
                      key_size == 0 ? "attention.key_length_mla" : "attention.value_length_mla");
    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];

        if (layer->attention == CTXFIT_ATTENTION_NONE)
            continue;
        layer->kv_rank = kv_rank;
        layer->q_rank = q_rank;
        if (key_size == 0)
            continue;
        layer->attention = CTXFIT_ATTENTION_LATENT;
        layer->cache_k_elems = cfi_layout_product(l, layer->kv_heads, layer->key_size, "compressed K of a layer");
        layer->key_size = key_size;
        layer->value_size = value_size;
    }
}

void cfi_layout_latent(cfi_layout *l)
{
    cfi_layout_heads(l);
    set_latent(l);
    cfi_layout_caches(l, l->count);
}

/* ---- sparse attention: an indexer chooses what is attended to, and caches one key per token ---- */

typedef struct indexer {
    uint32_t heads;
    uint32_t size;
} indexer;

static indexer need_indexer(cfi_layout *l)
{
    indexer found;

    found.heads = cfi_meta_need_u32(l->meta, "attention.indexer.head_count");
    found.size = cfi_meta_need_u32(l->meta, "attention.indexer.key_length");
    return found;
}

static void set_indexer(ctxfit_layer_info *layer, const indexer *found)
{
    layer->indexer_heads = found->heads;
    layer->indexer_size = found->size;
}

/* DeepSeek-V3.2: in every layer of the trunk. */
void cfi_layout_deepseek32(cfi_layout *l)
{
    indexer found = need_indexer(l);

    cfi_layout_latent(l);
    for (uint32_t i = 0; i < l->info->layers; i++)
        set_indexer(&l->layer[i], &found);
}

/* GLM-5: where the list says; a layer without one uses the choice of the last that has. Before the files said so, all layers of
 * GLM-5 and 5.1 had one, and of GLM-5.2, known by its context, the first two and every fourth from the third. llama.cpp b10472
 * src/models/glm-dsa.cpp:6. */
#define GLM_5_2_CONTEXT 1048576u

void cfi_layout_glm_dsa(cfi_layout *l)
{
    indexer     found = need_indexer(l);
    bool        all = l->info->trained_tokens < GLM_5_2_CONTEXT;
    const char *key = cfi_meta_has(l->meta, "indexer_layers") ? "indexer_layers" : "attention.indexer.types";
    bool        listed = cfi_meta_layers_u32(l->meta, key, l->count, 0, &l->layer[0].indexer_heads, sizeof(ctxfit_layer_info));

    cfi_layout_latent(l);
    for (uint32_t i = 0; i < l->count; i++) {
        bool own = listed ? l->layer[i].indexer_heads != 0 : all || i < 2 || (i - 2) % 4 == 0;

        l->layer[i].indexer_heads = 0;
        if (own && i < l->info->layers)
            set_indexer(&l->layer[i], &found);
    }
}

/* MiniMax-M3: full attention whose blocks of keys an indexer chooses, but in the leading dense layers; llama.cpp b10472
 * src/llama-model.cpp:2078. */
void cfi_layout_minimax_m3(cfi_layout *l)
{
    indexer  found = need_indexer(l);
    uint32_t lead = cfi_meta_u32(l->meta, "leading_dense_block_count", 0);

    cfi_layout_generic(l);
    for (uint32_t i = lead; i < l->count; i++)
        set_indexer(&l->layer[i], &found);
}

/* DeepSeek-V4: every layer keeps K, which is V too, of a window; most also keep one compressed entry for each 4 or 128 tokens, and
 * those of 4 an indexer over the compressed entries. llama.cpp b10472 src/llama-kv-cache-dsv4.cpp:1158, :18. */
#define DEEPSEEK4_INDEXED_RATIO 4u

void cfi_layout_deepseek4(cfi_layout *l)
{
    indexer       found = need_indexer(l);
    uint32_t      q_rank = cfi_meta_need_u32(l->meta, "attention.q_lora_rank");
    cfi_meta_list ratios;
    int64_t       ratio;
    bool          listed = cfi_meta_list_open(&ratios, l->meta, "attention.compress_ratios");

    if (!listed || ratios.count < l->count)
        cfi_meta_fail(l->meta, CTXFIT_E_INCOMPLETE, "key 'attention.compress_ratios': %llu values, expected one for each of %u layers",
                      (unsigned long long)ratios.count, (unsigned)l->count);
    cfi_layout_heads(l);
    cfi_layout_windows(l);
    for (uint32_t i = 0; i < l->count && cfi_meta_list_next(&ratios, &ratio); i++) {
        ctxfit_layer_info *layer = &l->layer[i];

        layer->q_rank = q_rank;
        layer->cache_k_elems = cfi_layout_product(l, layer->kv_heads, layer->key_size, "K of a layer");
        layer->compress_ratio = ratio > 0 && ratio <= (int64_t)UINT32_MAX ? (uint32_t)ratio : 0;
        if (layer->compress_ratio == DEEPSEEK4_INDEXED_RATIO)
            set_indexer(layer, &found);
    }
    cfi_layout_caches(l, l->count);
}
