/* Weights of the ranks of a run with a paged cache: what is loaded, how it is divided, and on which stage. */
#include "memory_internal.h"

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

/* Blocks that draft and are none of the layers: the tensors of the last one, two norms, the head's norm and the projection, whole and in
 * 16 bits; on several stages the embeddings too. vLLM 0.33.0 model_executor/models/deepseek_mtp.py. */
static bool add_dropped_nextn(const ctxfit_model *model, const cfi_paged *paged, uint64_t *last_stage)
{
    const uint32_t dropped = paged->drafts ? cfi_engine_dropped_nextn(model) : 0;
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
    return cfi_mul_u64(one, dropped, &all) && cfi_add_u64(*last_stage, all, last_stage);
}

/* A drafter's copies of embeddings and output matrix: cfi_paged.vocabulary_copies. */
static bool add_vocabulary_copies(const ctxfit_model *model, const cfi_paged *paged, uint64_t *last_stage)
{
    uint64_t rows = steps_up(model->info.vocabulary, paged->vocabulary_step) / paged->tensor_ranks, bytes;

    return cfi_mul_u64(rows, (uint64_t)model->info.embedding * 2 * paged->vocabulary_copies, &bytes) &&
           cfi_add_u64(*last_stage, bytes, last_stage);
}

/* Eyes and ears are on the first stage. */
static bool add_towers(const ctxfit_model *model, const cfi_paged *paged, cfi_rank_weights *out)
{
    const cfi_tower_bytes towers = cfi_model_towers_bytes(model, narrows(model, paged));

    if (paged->text_only)
        return true;
    return cfi_add_u64(paged->towers_whole ? towers.divided : towers.divided / paged->tensor_ranks, towers.whole, &out->towers) &&
           cfi_add_u64(out->stage[0], out->towers, &out->stage[0]);
}

static bool weigh(const ctxfit_model *model, const cfi_paged *paged, cfi_rank_weights *out)
{
    const uint32_t last = paged->stages - 1;

    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];
        uint32_t          stage = 0;

        if (!is_loaded(model, tensor, paged))
            continue;
        if (tensor->layer >= 0)
            stage = stage_of(paged, (uint32_t)tensor->layer);
        else if (tensor->role == CFI_ROLE_OUTPUT)
            stage = last;
        if (!cfi_add_u64(out->stage[stage], rank_share(model, tensor, paged), &out->stage[stage]))
            return false;
    }
    if (!add_dropped_nextn(model, paged, &out->stage[last]) || !add_towers(model, paged, out) ||
        !add_vocabulary_copies(model, paged, &out->stage[last]))
        return false;
    /* A tied output is the same tensor on one stage, a copy on the last of several. */
    return model->has_output || model->token_embd == NULL || last == 0 ||
           cfi_add_u64(out->stage[last], rank_share(model, model->token_embd, paged), &out->stage[last]);
}

/* Everything of a run that its weights depend on: neither context nor sequences. */
static void weighed_by(const cfi_paged *paged, uint32_t key[CFI_RANK_KEYS])
{
    key[0] = paged->tensor_ranks;
    key[1] = paged->stages;
    key[2] = (uint32_t)paged->drafts | (uint32_t)paged->narrows_stated << 1 | (uint32_t)paged->text_only << 2 |
             (uint32_t)paged->towers_whole << 3 | (uint32_t)paged->embedding_whole << 4;
    key[3] = paged->most_blocks;
    key[4] = paged->vocabulary_copies;
    key[5] = paged->vocabulary_step;
    key[6] = paged->expert_step;
    for (uint32_t s = 0; s < CFI_MAX_STAGES; s++)
        key[7 + s] = s < paged->stages ? paged->stage_first[s] : 0;
}

/* A plan tries dozens of contexts, each with the same weights: those of the last run are kept. */
static bool rank_weights(const ctxfit_model *model, const cfi_run *run, cfi_rank_weights *out)
{
    uint32_t key[CFI_RANK_KEYS];

    weighed_by(&run->paged, key);
    if (run->weighed != NULL && run->weighed->model == model && memcmp(run->weighed->key, key, sizeof key) == 0) {
        *out = *run->weighed;
        return true;
    }
    memset(out, 0, sizeof *out);
    if (!weigh(model, &run->paged, out))
        return false;
    out->model = model;
    memcpy(out->key, key, sizeof key);
    if (run->weighed != NULL)
        *run->weighed = *out;
    return true;
}

bool cfi_memory_add_ranks(const ctxfit_model *model, const cfi_run *run, cfi_memory *out)
{
    const uint32_t   ranks = run->paged.tensor_ranks;
    cfi_rank_weights weights;

    if (!rank_weights(model, run, &weights))
        return false;
    for (uint32_t d = 0; d < ranks * run->paged.stages; d++) {
        if (!cfi_add_u64(out->device[d].weights, weights.stage[d / ranks], &out->device[d].weights))
            return false;
        out->device[d].towers = d < ranks ? weights.towers : 0;
    }
    return true;
}

ctxfit_status cfi_memory_add_draft(const ctxfit_model *draft, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    cfi_paged          paged = run->paged;
    cfi_memory_device *first = &out->device[(paged.stages - 1) * paged.tensor_ranks]; /* of the last stage */
    uint64_t           bytes = 0;

    paged.drafts = false;
    for (uint64_t i = 0; i < draft->info.tensor_count; i++) {
        const cfi_tensor *tensor = &draft->tensor[i];

        if (is_loaded(draft, tensor, &paged) && !cfi_add_u64(bytes, rank_share(draft, tensor, &paged), &bytes))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "draft: more than 64 bits");
    }
    for (uint32_t r = 0; r < paged.tensor_ranks; r++) {
        if (!cfi_add_u64(first[r].weights, bytes, &first[r].weights))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "draft: more than 64 bits");
        first[r].layers = draft->info.layers;
    }
    return CTXFIT_OK;
}
