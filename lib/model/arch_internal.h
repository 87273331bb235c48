/* Architectures: what their metadata mean (layout), and which tensors they have (recipe). Internal to the model module, but for
 * the flags, which the engines read. */
#ifndef CFI_ARCH_INTERNAL_H
#define CFI_ARCH_INTERNAL_H

#include "model_internal.h"

/* Metadata of a model, from a GGUF header or from a line of text. Keys carry no architecture prefix, but for "general.*",
 * "tokenizer.*" and "split.*". The first failure sticks, so that readers need not check each call. */
typedef struct cfi_meta {
    const ctxfit_gguf *gguf; /* or NULL: */
    const char        *text; /* key=value words */
    const char        *arch;
    ctxfit_error      *error;
    ctxfit_status      status;
} cfi_meta;

/* A key that may be absent: `fallback` then. */
uint32_t    cfi_meta_u32(cfi_meta *meta, const char *key, uint32_t fallback);
double      cfi_meta_f64(cfi_meta *meta, const char *key, double fallback);
bool        cfi_meta_bool(cfi_meta *meta, const char *key, bool fallback);
bool        cfi_meta_has(const cfi_meta *meta, const char *key);
/* A key that must be there: E_INCOMPLETE otherwise. */
uint32_t    cfi_meta_need_u32(cfi_meta *meta, const char *key);
/* One value for all layers, or an array with one per layer (llama.cpp get_key_or_arr). */
uint32_t    cfi_meta_layer_u32(cfi_meta *meta, const char *key, uint32_t layer, uint32_t fallback);
/* NULL when absent; *len without the NUL. Borrowed from the source. */
const char *cfi_meta_string(cfi_meta *meta, const char *key, size_t *len);
/* Elements of an array; 0 when absent or no array. */
uint64_t    cfi_meta_count(cfi_meta *meta, const char *key);

enum {
    CFI_ARCH_OUTPUT_FIRST   = 1u << 0, /* makes the output before the embedding: when tied, two copies even on the host */
    CFI_ARCH_NO_CACHE       = 1u << 1, /* encoders, diffusion models */
    CFI_ARCH_RECURRENT      = 1u << 2,
    CFI_ARCH_HYBRID         = 1u << 3,
    CFI_ARCH_NO_FLASH       = 1u << 4, /* never gets flash attention (grok) */
    CFI_ARCH_NEXTN_CACHED   = 1u << 5, /* before NextN layers were filtered for all, its NextN block has a cache too (glm4moe) */
    CFI_ARCH_ROPE_FULL_ONLY = 1u << 6, /* rope_freqs is used by full-attention layers only (gemma4) */
    CFI_ARCH_SAME_KV_TYPE   = 1u << 7  /* K and V cache types must be equal though it is not plain latent attention (deepseek4) */
};

/* Fills every layer from the metadata. info->layers, nextn_layers, embedding are set before; it may refine info. */
typedef void (*cfi_layout_fn)(cfi_meta *meta, ctxfit_model_info *info, ctxfit_layer_info *layers);

typedef struct cfi_recipe cfi_recipe; /* recipe_internal.h */

struct cfi_arch {
    const char       *name;
    uint32_t          flags; /* CFI_ARCH_* */
    cfi_layout_fn     layout;
    const cfi_recipe *recipe; /* NULL: tensors only from a GGUF */
};

const cfi_arch *cfi_arch_find(const char *name); /* NULL when unknown */
const cfi_arch *cfi_arch_generic(void);

#endif
