/* Memory of a run with a paged cache: weights of a rank (rank_weights.c), the cache that was asked for, and what profiling finds. */
#include "memory_internal.h"

#define MIB (UINT64_C(1) << 20)

/* What the log of vLLM calls peak activation, other and CUDA graphs is measured when it starts; no formula of it is in its source. The
 * band: tests/data/engines/vllm.csv, docs/accuracy.md. */
#define RANKS_HIGH_BYTES    (1024 * MIB) /* NCCL's buffers where ranks work together */
#define MOST_PEAK           (UINT64_MAX / 8) /* twice that and the rest are within 64 bits */

/* Bytes of a block on the ranks of a stage (0: each window has its own), and of all that the requests take. */
static bool stage_cache(const cfi_run *run, uint32_t stage, uint64_t *block, uint64_t *bytes)
{
    const cfi_paged *paged = &run->paged;
    cfi_windows      windows;
    uint64_t         blocks;

    *block = 0;
    if (paged->pages.shares != CFI_SHARES_NONE)
        return cfi_windows_of(&paged->pages, paged->stage_layers[stage], run->n_ctx_seq, &windows) &&
               cfi_windows_bytes(&windows, run->n_seq, bytes);
    if (!cfi_mul_u64(cfi_pages_request_blocks(&paged->pages, run->n_ctx_seq, paged->in_flight), run->n_seq, &blocks))
        return false;
    blocks += paged->pages.count > 0 ? paged->null_blocks : 0;
    return cfi_pages_block_bytes(&paged->pages, paged->stage_layers[stage], block) && cfi_mul_u64(*block, blocks, bytes);
}

static bool add_cache(const cfi_run *run, cfi_memory *out)
{
    const cfi_paged *paged = &run->paged;

    for (uint32_t stage = 0; stage < paged->stages; stage++) {
        uint64_t block, bytes, pool;

        if (!stage_cache(run, stage, &block, &bytes) || !cfi_slots_pool(&paged->slots, bytes, run->n_seq, &pool))
            return false;
        for (uint32_t r = 0; r < paged->tensor_ranks; r++) {
            cfi_memory_device *device = &out->device[stage * paged->tensor_ranks + r];

            device->kv = bytes;
            device->block_bytes = block;
            device->recurrent = pool - bytes + paged->state_bytes[stage];
        }
    }
    return true;
}

/* The widest step of a pass over a full batch: logits of every sequence, or the feed-forward part of a layer. */
static uint64_t peak_activation(const ctxfit_model *model, const cfi_run *run, bool *of_logits)
{
    const uint64_t tokens = run->n_batch, ranks = run->paged.tensor_ranks;
    uint64_t       logits = 0, widest = 0;

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        const ctxfit_layer_info *layer = &model->layer[i];
        uint64_t                 dense = 3 * ((uint64_t)layer->ff_width + layer->shared_width) / ranks;
        uint64_t                 expert = layer->expert_width / ranks;
        uint64_t                 routed = layer->experts_used * (expert + cfi_max_u64(model->info.embedding, 2 * expert));

        widest = cfi_max_u64(widest, dense + routed);
    }
    if (!cfi_mul_u64((uint64_t)run->paged.peak_sequences * model->info.vocabulary, sizeof(float) * run->paged.logit_copies, &logits) ||
        !cfi_mul_u64(2 * tokens, widest + 2 * (uint64_t)model->info.embedding, &widest))
        return MOST_PEAK;
    *of_logits = logits >= widest;
    return cfi_min_u64(cfi_max_u64(logits, widest), MOST_PEAK);
}

/* vLLM profiles the decoder beside the outputs of its eyes and ears for max_num_batched_tokens, or one picture that is larger
 * (v1/worker/gpu_model_runner.py, profile_run(); v1/core/encoder_cache_manager.py, compute_mm_encoder_budget()). */
static uint64_t seen_bytes(const ctxfit_model *model, const cfi_run *run)
{
    if (run->id != CFI_ENGINE_VLLM || run->paged.text_only || !cfi_model_has_towers(model))
        return 0;
    return 2 * cfi_max_u64(model->info.embedding, model->info.embedding_inputs) * run->n_batch; /* 32 bits each */
}

static void add_profile(const ctxfit_model *model, const cfi_run *run, cfi_memory *out)
{
    const cfi_paged *paged = &run->paged;
    cfi_profile      high = {0, paged->context_high, 0, 0, seen_bytes(model, run), false};
    uint64_t         peak = paged->profiled ? peak_activation(model, run, &high.of_logits) : 0;
    uint64_t         low = peak / 2 + paged->context_low;

    high.activations = 2 * peak;
    if (paged->tensor_ranks > 1 || paged->stages > 1)
        high.ranks = RANKS_HIGH_BYTES;
    low += paged->graphs_low;
    high.graphs = paged->graphs_high;
    out->profile = high;
    for (uint32_t d = 0; d < paged->tensor_ranks * paged->stages; d++) {
        out->device[d].compute = high.activations + high.context + high.ranks + high.graphs + high.seen;
        out->device[d].compute_low = low;
    }
}

ctxfit_status cfi_memory_measure_paged(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    const cfi_paged *paged = &run->paged;

    out->cache_limit = paged->cache_bytes;
    out->rest_fraction = paged->rest_fraction;
    out->block_tokens = paged->pages.count > 0 ? paged->pages.spec[0].block_tokens : 0;
    out->blocks_up = paged->blocks_up;
    out->states_in_pool = paged->slots.slot_bytes != 0;
    if (!cfi_memory_add_ranks(model, run, out) || !add_cache(run, out))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "paged cache: more than 64 bits");
    add_profile(model, run, out);
    for (uint32_t d = 0; d < paged->tensor_ranks * paged->stages; d++) {
        uint32_t stage = d / paged->tensor_ranks;

        out->device[d].layers = paged->stage_first[stage + 1] - paged->stage_first[stage];
    }
    return CTXFIT_OK;
}
