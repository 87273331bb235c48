/* Tokens of a block in vLLM: what attention takes where none are asked for, and of what those of hybrid models are multiples. */
#include "engine_internal.h"

#define BLOCK_TOKENS        16u /* DEFAULT_BLOCK_SIZE, config/cache.py */
#define SPARSE_BLOCK_TOKENS 64u /* the indexer's kernels: v1/attention/backends/mla/indexer.py */
#define NOPE_STEP           64u
#define NOPE_ANY            0u
#define NOPE(size)          (1u << ((size) / NOPE_STEP))

typedef struct block_row {
    uint16_t from, below;
    uint8_t  least, most; /* compute capabilities */
    bool     fp8;
    uint8_t  nope;
    uint8_t  tokens;
} block_row;

static const ctxfit_layer_info *first_latent(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT)
            return &model->layer[i];
    return NULL;
}

static bool in_nope(uint8_t set, const ctxfit_layer_info *layer)
{
    const uint32_t nope = layer->key_size > layer->rope_size ? layer->key_size - layer->rope_size : 0;

    return set == NOPE_ANY || (nope % NOPE_STEP == 0 && nope / NOPE_STEP < 8 && (set & NOPE(nope)) != 0);
}

/* MLACommonBackend.get_supported_head_sizes(); TRITON_MLA takes any. Before 0.18 the platform does not ask. */
static bool kernels_take(const ctxfit_layer_info *layer, uint32_t release)
{
    const uint32_t width = layer->kv_rank + layer->rope_size;

    return !cfi_vllm_changed(release, CFI_VLLM_BLOCK_OF_BACKEND) || width == 320 || width == 576 ||
           (width == 512 && cfi_vllm_changed(release, CFI_VLLM_LATENT_512));
}

static uint32_t latent_block(const ctxfit_layer_info *layer, uint32_t capability, bool fp8, uint32_t release)
{
    enum { ANY = 0, FP8 = 1 };
    static const block_row rows[] = {
#define CFI_VLLM_BLOCK(from, below, least, most, type, nope, tokens, source) {from, below, least, most, type, nope, tokens},
#include "vllm_blocks.def"
#undef CFI_VLLM_BLOCK
    };

    if (!kernels_take(layer, release))
        return BLOCK_TOKENS;
    for (size_t i = 0; i < CFI_COUNT(rows); i++)
        if (release >= rows[i].from && (rows[i].below == 0 || release < rows[i].below) && capability >= rows[i].least &&
            capability <= rows[i].most && (!rows[i].fp8 || fp8) && in_nope(rows[i].nope, layer))
            return rows[i].tokens;
    return BLOCK_TOKENS;
}

uint32_t cfi_vllm_block_tokens(const ctxfit_model *model, const cfi_engine_machine *machine, bool latent, bool fp8, uint32_t release)
{
    const ctxfit_layer_info *layer = latent ? first_latent(model) : NULL;
    const uint32_t           capability = machine->memory != NULL ? machine->memory[0].capability : 0;

    if (layer == NULL)
        return BLOCK_TOKENS;
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT && model->layer[i].indexer_size != 0)
            return SPARSE_BLOCK_TOKENS;
    return machine->device[0].backend == CTXFIT_BACKEND_CUDA ? latent_block(layer, capability, fp8, release) : BLOCK_TOKENS;
}

/* Before 0.20 models/config.py, HybridAttentionMambaModelConfig; since platforms/interface.py, _align_hybrid_block_size(). */
uint32_t cfi_vllm_state_tokens(const ctxfit_model *model, const cfi_engine_machine *machine, bool latent, uint32_t block, uint32_t release)
{
    const uint32_t capability = machine->memory != NULL ? machine->memory[0].capability : 0;
    bool           wide = false; /* heads of 256, which FlashInfer does not take in blocks of 16 there */

    if (cfi_vllm_changed(release, CFI_VLLM_HYBRID_BY_BACKEND))
        return latent && cfi_vllm_changed(release, CFI_VLLM_LATENT_BLOCK_128) && block < 128 ? 128 : block;
    if (latent)
        return 64;
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        wide |= model->layer[i].attention != CTXFIT_ATTENTION_NONE && model->layer[i].key_size == 256;
    if (!wide || !cfi_vllm_changed(release, CFI_VLLM_HYBRID_WIDE))
        return BLOCK_TOKENS;
    return capability == 100 || (capability / 10 == 10 && cfi_vllm_changed(release, CFI_VLLM_FAMILY_100)) ? 32 : BLOCK_TOKENS;
}
