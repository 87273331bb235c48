/* The sizes that tensors are made of. */
#include "recipe_internal.h"

/* In words, for messages: one text behind another, and where each begins. */
static const struct dim_texts {
#define CFI_DIM(name, elements, words) char name[sizeof(words)];
#include "recipe_dims.def"
#undef CFI_DIM
} dim_texts = {
#define CFI_DIM(name, elements, words) words,
#include "recipe_dims.def"
#undef CFI_DIM
};

static const uint16_t dim_text_at[CFI_DIM_COUNT] = {
#define CFI_DIM(name, elements, words) offsetof(struct dim_texts, name),
#include "recipe_dims.def"
#undef CFI_DIM
};

static inline uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t saturating_mul(uint64_t a, uint64_t b)
{
    uint64_t product;

    return cfi_mul_u64(a, b, &product) ? product : UINT64_MAX;
}

static inline uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

#define ADD(a, b) saturating_add(a, b)
#define MUL(a, b) saturating_mul(a, b)
#define SUB(a, b) difference(a, b)
uint64_t cfi_recipe_size(cfi_recipe_dim dim, const ctxfit_model_info *m, const ctxfit_layer_info *l, const cfi_recipe_keys *k)
{
    switch (dim) {
#define CFI_DIM(name, elements, words) case CFI_DIM_##name: return elements;
#include "recipe_dims.def"
#undef CFI_DIM
    case CFI_DIM_COUNT: break;
    }
    return 0;
}
#undef ADD
#undef MUL
#undef SUB

const char *cfi_recipe_words(cfi_recipe_dim dim)
{
    return (const char *)&dim_texts + dim_text_at[dim];
}

/* llama.cpp b10472 src/llama-hparams.h:209 n_altup and :211 laurel_rank; no key states the rank */
#define ALTUP_INPUTS 4u
#define LAUREL_RANK  64u

void cfi_recipe_read_keys(cfi_recipe_keys *k, const ctxfit_model *model, uint32_t layers, cfi_meta *meta)
{
    uint64_t experts = 0;
    uint32_t groups;

    for (uint32_t i = 0; i < layers; i++) {
        const ctxfit_layer_info *l = &model->layer[i];

        k->rope_half = cfi_max_u64(k->rope_half, l->rope_size / 2);
        k->indexer_heads = cfi_max_u64(k->indexer_heads, l->indexer_heads);
        k->indexer_size = cfi_max_u64(k->indexer_size, l->indexer_size);
        experts = cfi_max_u64(experts, l->experts);
    }
    k->plamo_dt = cfi_max_u64(64, model->info.embedding / 16); /* llama.cpp b10472 src/models/plamo2.cpp, dt_dim */
    k->altup = ALTUP_INPUTS;
    k->laurel = LAUREL_RANK;
    k->context = model->info.trained_tokens;
    if (meta == NULL)
        return;
    k->context = cfi_meta_u32(meta, "context_length", 0);
    k->expert_in = cfi_meta_u32(meta, "moe_latent_size", 0);
    k->chunk_width = cfi_meta_u32(meta, "expert_chunk_feed_forward_length", 0);
    groups = cfi_meta_u32(meta, "experts_per_group", 0);
    k->chunk_experts = groups != 0 ? experts / groups : 0;
    k->altup = cfi_meta_u32(meta, "altup.num_inputs", ALTUP_INPUTS);
    k->out_groups = cfi_meta_u32(meta, "attention.output_group_count", 0);
    k->out_rank = cfi_meta_u32(meta, "attention.output_lora_rank", 0);
    k->streams = cfi_meta_u32(meta, "hyper_connection.count", 0);
    k->draft_vocab = cfi_meta_u32(meta, "draft_vocab_size", 0);
    k->target_width = cfi_meta_u32(meta, "target_hidden_size", 0);
    k->token_types = cfi_meta_u32(meta, "token_type_count", 0);
    k->labels = cfi_meta_u32(meta, "classifier.labels", 0);
    k->hashed_layers = cfi_meta_u32(meta, "hash_layer_count", 0);
}
