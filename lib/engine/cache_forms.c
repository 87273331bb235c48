/* Caches that an engine lays out otherwise than llama.cpp: cache_forms.def. */
#include "engine_internal.h"

#define GATING_SIGMOID 2.0 /* LLAMA_EXPERT_GATING_FUNC_TYPE_SIGMOID */

bool cfi_engine_keeps_latents(const ctxfit_model *model, cfi_engine_id id, uint32_t release)
{
    static const struct {
        char     type[22];
        uint16_t vllm, sglang;
    } rows[] = {
#define CFI_LATENT_TYPE(type, vllm, sglang) {type, vllm, sglang},
#include "latent_types.def"
#undef CFI_LATENT_TYPE
    };

    if ((id != CFI_ENGINE_VLLM && id != CFI_ENGINE_SGLANG) || (model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) == 0 ||
        !cfi_ranks_latent(model) || (id == CFI_ENGINE_VLLM && cfi_vllm_changed(release, CFI_VLLM_LATENT_BY_SIZES)))
        return true;
    for (size_t i = 0; i < CFI_COUNT(rows); i++)
        if (strcmp(rows[i].type, model->arch_name) == 0)
            return id == CFI_ENGINE_SGLANG ? rows[i].sglang != 0 : rows[i].vllm != 0 && release >= rows[i].vllm;
    return false;
}

cfi_cache_form cfi_engine_cache_form(const ctxfit_model *model, cfi_engine_id id, uint32_t release)
{
    static const struct {
        char     arch[12];
        uint8_t  engine;
        uint8_t  form;
        uint8_t  softmax;
        uint16_t below;
    } rows[] = {
#define CFI_CACHE_FORM(engine, arch, form, softmax, below, source) {arch, CFI_ENGINE_##engine, CFI_CACHE_##form, softmax, below},
#include "cache_forms.def"
#undef CFI_CACHE_FORM
    };

    for (size_t i = 0; i < CFI_COUNT(rows); i++)
        if (rows[i].engine == (uint8_t)id && strcmp(rows[i].arch, model->arch_name) == 0 &&
            (rows[i].below == 0 || release < rows[i].below) &&
            (rows[i].softmax == 0 || model->fact[CFI_FACT_EXPERT_GATING] != GATING_SIGMOID))
            return (cfi_cache_form)rows[i].form;
    return cfi_engine_keeps_latents(model, id, release) ? CFI_CACHE_AS_LAYER : CFI_CACHE_HEADS;
}

uint64_t cfi_engine_cache_elems(const ctxfit_layer_info *layer, cfi_cache_form form, uint32_t ranks)
{
    const uint32_t kv_heads = cfi_ranks_kv_heads(layer, ranks);

    switch (form) {
    case CFI_CACHE_HEADS: return (uint64_t)layer->heads / ranks * ((uint64_t)layer->key_size + layer->value_size);
    case CFI_CACHE_PADDED: return 2 * (uint64_t)kv_heads * cfi_max_u64(layer->key_size, layer->value_size);
    case CFI_CACHE_LATENT: return (uint64_t)layer->kv_rank + layer->rope_size;
    default: break;
    }
    if (layer->attention == CTXFIT_ATTENTION_LATENT)
        return layer->cache_k_elems;
    return (uint64_t)kv_heads * ((uint64_t)layer->key_size + layer->value_size);
}
