/* Memory of a run with a paged cache: weights of a rank, the cache that was asked for, and what profiling finds. */
#include "memory_internal.h"

#define MIB (UINT64_C(1) << 20)

/* What the log of vLLM calls peak activation, other and CUDA graphs is measured when it starts; no formula of it is in its source. The
 * band: tests/data/engines/vllm.csv, docs/accuracy.md. */
#define RANKS_HIGH_BYTES    (1024 * MIB) /* NCCL's buffers where ranks work together */
#define MOST_PEAK           (UINT64_MAX / 8) /* twice that and the rest are within 64 bits */

static const char replicated_names[][16] = {
#define CFI_VLLM_REPLICATED(name) name,
#include "engine/vllm_weights.def"
#undef CFI_VLLM_REPLICATED
};

static bool name_matches(const char *name, const char *pattern)
{
    size_t n = 0;

    while (pattern[n] != '\0' && pattern[n] != '*' && pattern[n] == name[n])
        n++;
    return pattern[n] == '*' || (pattern[n] == '\0' && name[n] == '\0');
}

static bool is_replicated(const char *name)
{
    for (size_t i = 0; i < CFI_COUNT(replicated_names); i++) {
        if (name_matches(name, replicated_names[i]))
            return true;
    }
    return strstr(name, "norm") != NULL;
}

/* Blocks that predict further tokens are loaded where they draft, and none of their tensors elsewhere. They share the output matrix, and
 * on one stage the embeddings, with the trunk: vLLM 0.33.0 v1/spec_decode/llm_base_proposer.py:1418. */
static bool is_loaded(const ctxfit_model *model, const cfi_tensor *tensor, const cfi_paged *paged)
{
    if (tensor->layer >= 0 && (uint32_t)tensor->layer >= model->info.layers)
        return paged->drafts && (paged->most_blocks == 0 || (uint32_t)tensor->layer < model->info.layers + paged->most_blocks) &&
               strstr(tensor->name, "nextn.shared_head_head") == NULL &&
               (paged->stages > 1 || strstr(tensor->name, "nextn.embed_tokens") == NULL);
    return tensor->role != CFI_ROLE_UNUSED && tensor->role != CFI_ROLE_ROPE;
}

/* Weights are copied into matrices of the model's type: F32 files become 16 bits, where config.json says F32 in the engines that go below
 * it. vLLM 0.33.0 config/model.py, _resolve_auto_dtype(); SGLang 0.5.23 configs/model_config.py, _get_and_verify_dtype(); TensorRT-LLM
 * _torch/modules/linear.py, copy_weight(), and _torch/model_config.py, torch_dtype. */
static bool narrows(const ctxfit_model *model, const cfi_paged *paged)
{
    return paged->narrows_stated || model->info.file_type != CFI_FILE_F32;
}

static uint64_t loaded_bytes(const ctxfit_model *model, const cfi_tensor *tensor, const cfi_paged *paged)
{
    return narrows(model, paged) ? cfi_model_narrowed_bytes(model, tensor) : cfi_model_stored_bytes(model, tensor);
}

static uint64_t steps_up(uint64_t n, uint32_t step)
{
    return step == 0 ? n : (n + step - 1) / step * step;
}

/* Embeddings and the output matrix: rows of the padded vocabulary. */
static uint64_t vocabulary_share(const ctxfit_model *model, const cfi_tensor *tensor, const cfi_paged *paged)
{
    uint64_t rows = steps_up(model->info.vocabulary, paged->vocabulary_step);

    if (strstr(tensor->name, "norm") != NULL || model->info.vocabulary == 0 ||
        (paged->embedding_whole && tensor->role == CFI_ROLE_INPUT))
        return loaded_bytes(model, tensor, paged);
    return loaded_bytes(model, tensor, paged) / model->info.vocabulary * (rows / paged->tensor_ranks);
}

/* Experts in MXFP4, each matrix padded on both sides; their own width is the one that is divided. Gate and up in one matrix are padded
 * each. */
static uint64_t expert_share(const ctxfit_model *model, const cfi_tensor *tensor, uint64_t block, const cfi_paged *paged)
{
    const cfi_quant_format *format = cfi_quant_format_of(tensor->quant);
    const uint64_t          width = model->info.embedding, own = model->layer[block].expert_width;
    uint64_t                padded, elements = 0;

    padded = steps_up(own / paged->tensor_ranks, paged->expert_step);
    if (own == 0 || !cfi_mul_u64(tensor->dims[0] * tensor->dims[1] / (own * width), tensor->dims[2], &elements) ||
        elements * own * width != tensor->dims[0] * tensor->dims[1] * tensor->dims[2])
        return loaded_bytes(model, tensor, paged) / paged->tensor_ranks;
    return elements * padded * steps_up(width, paged->expert_step) / format->block_elems * format->block_bytes;
}

/* The part of a tensor that a rank has. */
static uint64_t rank_share(const ctxfit_model *model, const cfi_tensor *tensor, const cfi_paged *paged)
{
    uint64_t    block;
    const char *name = cfi_model_split_name(tensor->name, &block);
    uint32_t    split = paged->tensor_ranks;

    if (paged->expert_step != 0 && name != NULL && (tensor->flags & CFI_TENSOR_F_EXPERT) != 0 && tensor->quant == CFI_QUANT_MXFP4)
        return expert_share(model, tensor, block, paged);
    if (split == 1)
        return loaded_bytes(model, tensor, paged);
    if (name == NULL || strstr(tensor->name, "nextn.embed_tokens") != NULL)
        return vocabulary_share(model, tensor, paged);
    if (is_replicated(name))
        return loaded_bytes(model, tensor, paged);
    if (strncmp(name, "attn_k.", 7) == 0 || strncmp(name, "attn_v.", 7) == 0) {
        const ctxfit_layer_info *layer = &model->layer[block];

        if (layer->kv_heads > 0 && layer->kv_heads < split)
            split = layer->kv_heads;
    }
    return loaded_bytes(model, tensor, paged) / split;
}

static uint32_t stage_of(const cfi_paged *paged, uint32_t layer)
{
    uint32_t stage = 0;

    while (stage + 1 < paged->stages && layer >= paged->stage_first[stage + 1])
        stage++;
    return stage;
}

/* Adds to every rank of a stage. */
static bool add_to_stage(const cfi_paged *paged, uint32_t stage, uint64_t bytes, cfi_memory *out)
{
    for (uint32_t r = 0; r < paged->tensor_ranks; r++) {
        cfi_memory_device *device = &out->device[stage * paged->tensor_ranks + r];

        if (!cfi_add_u64(device->weights, bytes, &device->weights))
            return false;
    }
    return true;
}

/* Blocks that draft and are none of the layers: the tensors of the last one, two norms, the head's norm and the projection, whole and in
 * 16 bits; on several stages the embeddings too. vLLM 0.33.0 model_executor/models/deepseek_mtp.py. */
static bool add_dropped_nextn(const ctxfit_model *model, const cfi_paged *paged, cfi_memory *out)
{
    const uint32_t dropped = paged->drafts ? cfi_engine_dropped_nextn(model) : 0, last = paged->stages - 1;
    const uint64_t width = model->info.embedding;
    uint64_t       one, all;

    if (dropped == 0)
        return true;
    if (!cfi_mul_u64(2 * (2 * width + 3), width, &one)) /* the width has 32 bits */
        return false;
    if (paged->stages > 1 && model->token_embd != NULL && !cfi_add_u64(one, rank_share(model, model->token_embd, paged), &one))
        return false;
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];

        if (tensor->layer >= 0 && (uint32_t)tensor->layer + 1 == model->info.layers && is_loaded(model, tensor, paged) &&
            !cfi_add_u64(one, rank_share(model, tensor, paged), &one))
            return false;
    }
    return cfi_mul_u64(one, dropped, &all) && add_to_stage(paged, last, all, out);
}

/* A drafter's copies of embeddings and output matrix: cfi_paged.vocabulary_copies. */
static bool add_vocabulary_copies(const ctxfit_model *model, const cfi_run *run, cfi_memory *out)
{
    const cfi_paged *paged = &run->paged;
    uint64_t         rows = steps_up(model->info.vocabulary, paged->vocabulary_step) / paged->tensor_ranks, bytes;

    return cfi_mul_u64(rows, (uint64_t)model->info.embedding * 2 * paged->vocabulary_copies, &bytes) &&
           add_to_stage(paged, paged->stages - 1, bytes, out);
}

/* Eyes and ears are on the first stage. */
static bool add_towers(const ctxfit_model *model, const cfi_paged *paged, cfi_memory *out)
{
    const cfi_tower_bytes towers = cfi_model_towers_bytes(model, narrows(model, paged));
    uint64_t              share = paged->towers_whole ? towers.divided : towers.divided / paged->tensor_ranks;

    if (paged->text_only)
        return true;
    if (!cfi_add_u64(share, towers.whole, &share))
        return false;
    for (uint32_t r = 0; r < paged->tensor_ranks; r++)
        out->device[r].towers = share;
    return add_to_stage(paged, 0, share, out);
}

static bool add_rank_weights(const ctxfit_model *model, const cfi_run *run, cfi_memory *out)
{
    const cfi_paged *paged = &run->paged;
    const uint32_t   last = paged->stages - 1;

    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];
        uint32_t          stage = 0;

        if (!is_loaded(model, tensor, paged))
            continue;
        if (tensor->layer >= 0)
            stage = stage_of(paged, (uint32_t)tensor->layer);
        else if (tensor->role == CFI_ROLE_OUTPUT)
            stage = last;
        if (!add_to_stage(paged, stage, rank_share(model, tensor, paged), out))
            return false;
    }
    if (!add_dropped_nextn(model, paged, out))
        return false;
    if (!add_towers(model, paged, out))
        return false;
    if (!add_vocabulary_copies(model, run, out))
        return false;
    /* A tied output is the same tensor on one stage, a copy on the last of several. */
    return model->has_output || model->token_embd == NULL || last == 0 ||
           add_to_stage(paged, last, rank_share(model, model->token_embd, paged), out);
}

ctxfit_status cfi_memory_add_draft(const ctxfit_model *draft, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    cfi_paged      paged = run->paged;
    const uint32_t last = paged.stages - 1;

    paged.drafts = false;
    for (uint64_t i = 0; i < draft->info.tensor_count; i++) {
        const cfi_tensor *tensor = &draft->tensor[i];

        if (is_loaded(draft, tensor, &paged) && !add_to_stage(&paged, last, rank_share(draft, tensor, &paged), out))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "draft: more than 64 bits");
    }
    for (uint32_t r = 0; r < paged.tensor_ranks; r++)
        out->device[last * paged.tensor_ranks + r].layers = draft->info.layers;
    return CTXFIT_OK;
}

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
    if (!add_rank_weights(model, run, out) || !add_cache(run, out))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "paged cache: more than 64 bits");
    add_profile(model, run, out);
    for (uint32_t d = 0; d < paged->tensor_ranks * paged->stages; d++) {
        uint32_t stage = d / paged->tensor_ranks;

        out->device[d].layers = paged->stage_first[stage + 1] - paged->stage_first[stage];
    }
    return CTXFIT_OK;
}
