/* Which part of a model a tensor of a checkpoint belongs to, by its name: names follow the modules of transformers.
 * Source: transformers 5.23 modeling_<model>.py (2026-11); MLX keeps its names. */
#include <inttypes.h>

#include "checkpoint_internal.h"

static bool has(const char *name, const char *part) { return strstr(name, part) != NULL; }

/* The number behind the last part of a path that lists blocks: "model.layers.7.mlp.up_proj.weight" is 7. */
static bool find_block(const char *name, uint64_t *out)
{
    static const char lists[][10] = {"layers.", "blocks.", "h.", "block.", "layer."}; /* T5 has layers within its blocks */

    for (size_t i = 0; i < CFI_COUNT(lists); i++)
        for (const char *at = strstr(name, lists[i]); at != NULL; at = strstr(at + 1, lists[i])) {
            const char *rest;

            if ((at == name || at[-1] == '.') && cfi_parse_u64(at + strlen(lists[i]), &rest, out) && *rest == '.')
                return true;
        }
    return false;
}

static bool is_of_a_tower(const char *name)
{
    static const char towers[][20] = {"vision", "visual", "audio", "multi_modal", "projector", "connector", "vpm.", "resampler", "aligner",
                                      "speech", "talker", "token2wav", "patch_embed", "img_", "image_", "mlp1."};

    for (size_t i = 0; i < CFI_COUNT(towers); i++)
        if (has(name, towers[i]))
            return true;
    return false;
}

cfi_checkpoint_part cfi_checkpoint_part_of(const char *name, uint32_t layers, uint64_t *block)
{
    /* positions and types of tokens, and what is looked up for each layer, stand beside the embeddings in a recipe, too */
    static const char embeddings[][16] = {"embed_tokens", "wte.", "wpe.", "embeddings.", "embedding.", "tok_embeddings", "embed_in.",
                                          "embed_positions", "shared.weight"};

    if (is_of_a_tower(name))
        return CFI_CHECKPOINT_OTHER;
    if (has(name, "mtp.") || has(name, "nextn") || has(name, "mtp_"))
        return CFI_CHECKPOINT_NEXTN;
    if (has(name, "midlayer.")) { /* the one of an EAGLE-3 head */
        *block = 0;
        return CFI_CHECKPOINT_LAYER;
    }
    if (find_block(name, block))
        return *block < layers ? CFI_CHECKPOINT_LAYER : CFI_CHECKPOINT_NEXTN; /* DeepSeek and GLM count on behind the trunk */
    for (size_t i = 0; i < CFI_COUNT(embeddings); i++)
        if (has(name, embeddings[i]))
            return CFI_CHECKPOINT_EMBEDDING;
    return CFI_CHECKPOINT_OUTPUT;
}

/* Routed ones; shared experts are used by every token. */
bool cfi_checkpoint_is_expert(const char *name) { return has(name, ".experts."); }

/* Engines take the embeddings for it and pass over the copy: vLLM 0.33.0 model_executor/models/utils.py AutoWeightsLoader, SGLang 0.5.23
 * srt/models/llama.py load_weights(), mlx-lm 0.32.2 models/qwen3.py sanitize(). */
bool cfi_checkpoint_is_tied_head(const ctxfit_model *model, const char *name)
{
    return !model->has_output && model->token_embd != NULL && has(name, "lm_head.");
}

/* States, choices of experts and scales of a quantized checkpoint, which engines that make 16 bits of all else keep in F32 (of routers some
 * models): vLLM 0.33.0 model_executor/layers/mamba/, model_executor/models/. */
static bool stays_wide(const char *name, bool quantized)
{
    return cfi_ends_with(name, "A_log") || cfi_ends_with(name, "e_score_correction_bias") || cfi_ends_with(name, ".gate.weight") ||
           has(name, ".router.") || (quantized && !cfi_ends_with(name, "weight") && !cfi_ends_with(name, "bias"));
}

/* What a tensor loses where an engine makes 16 bits of it. */
static uint64_t lost_bytes(const cfi_hf_entry *e, bool quantized)
{
    if ((e->info.dtype != CTXFIT_DTYPE_F32 && e->info.dtype != CTXFIT_DTYPE_F64) || stays_wide(e->name, quantized))
        return 0;
    return e->info.dtype == CTXFIT_DTYPE_F32 ? e->info.bytes / 2 : e->info.bytes / 4 * 3;
}

static bool count_tensor(ctxfit_model *model, const cfi_hf_entry *e)
{
    ctxfit_checkpoint_info *info = model->checkpoint;
    const uint32_t          layers = model->info.layers;
    uint64_t                block = 0;
    uint64_t               *sum = &info->other_bytes, *lost = &model->lost[CFI_LOST_OTHER(layers)];

    switch (cfi_checkpoint_part_of(e->name, layers, &block)) {
    case CFI_CHECKPOINT_LAYER: {
        bool      expert = cfi_checkpoint_is_expert(e->name);
        uint64_t *of_layer = expert ? &model->checkpoint_layer[block].expert_bytes : &model->checkpoint_layer[block].dense_bytes;

        *of_layer += e->info.bytes; /* at most the sum of all, which fits */
        sum = expert ? &info->expert_bytes : &info->layer_bytes;
        lost = &model->lost[2 * block + expert];
        break;
    }
    case CFI_CHECKPOINT_EMBEDDING:
        sum = &info->embedding_bytes;
        lost = &model->lost[CFI_LOST_INPUT(layers)];
        break;
    case CFI_CHECKPOINT_OUTPUT:
        if (cfi_checkpoint_is_tied_head(model, e->name)) {
            model->tied_head_bytes += e->info.bytes; /* at most output_bytes */
            return cfi_add_u64(info->output_bytes, e->info.bytes, &info->output_bytes);
        }
        model->head_missing = model->head_missing && e->info.n_dims < 2;
        sum = &info->output_bytes;
        lost = &model->lost[CFI_LOST_OUTPUT(layers)];
        break;
    case CFI_CHECKPOINT_NEXTN:
        sum = &info->nextn_bytes;
        lost = &model->lost[CFI_LOST_NEXTN(layers)];
        break;
    case CFI_CHECKPOINT_OTHER: break;
    }
    *lost += lost_bytes(e, info->quant != CTXFIT_CHECKPOINT_QUANT_NONE); /* less than the sum */
    return cfi_add_u64(*sum, e->info.bytes, sum);
}

static ctxfit_status measure_checkpoint(ctxfit_model *model, const ctxfit_safetensors *weights, ctxfit_error *error)
{
    ctxfit_checkpoint_info *info = model->checkpoint;

    model->checkpoint_layer = cfi_arena_array(&model->arena, model->info.layers, sizeof *model->checkpoint_layer);
    model->lost = cfi_arena_array(&model->arena, CFI_LOST_COUNT(model->info.layers), sizeof *model->lost);
    if (model->checkpoint_layer == NULL || model->lost == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    for (uint32_t i = 0; i < model->info.layers; i++)
        model->checkpoint_layer[i].struct_size = (uint32_t)sizeof *model->checkpoint_layer;
    info->flags |= CTXFIT_CHECKPOINT_F_MEASURED;
    info->shards = weights->shards;
    info->tensors = weights->count;
    info->total_bytes = weights->bytes;
    model->head_missing = model->has_output;
    for (uint64_t i = 0; i < weights->count; i++)
        if (!count_tensor(model, &weights->entry[i]))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "the tensors exceed 64 bits");
    return cfi_model_share_stored(model, error);
}

/* What the configuration alone makes of it stands beside what is missing. */
static ctxfit_status take_weights(ctxfit_model *model, cfi_hf_config *c, const ctxfit_safetensors *weights, ctxfit_error *error)
{
    ctxfit_checkpoint_info *info = model->checkpoint;
    ctxfit_status           status = CTXFIT_OK;

    if (!model->as_stored && weights->count == 0 && !weights->cut) /* a file type is planned of a configuration alone: nothing is missing */
        return CTXFIT_OK;
    for (uint32_t i = 0; i < weights->note_count; i++)
        cfi_hf_note_files(c, "%s", weights->note[i]);
    info->flags |= weights->cut ? CTXFIT_CHECKPOINT_F_INCOMPLETE : 0;
    if (weights->unknown) {
        if (model->as_stored)
            cfi_hf_note_files(c, "weights are counted as config.json describes them, %" PRIu64 " bytes", cfi_model_all_stored_bytes(model));
    } else {
        status = measure_checkpoint(model, weights, error);
        if (status == CTXFIT_OK)
            status = cfi_checkpoint_compare(model, c, weights, error);
    }
    return status == CTXFIT_OK ? c->status : status;
}

ctxfit_status cfi_model_set_checkpoint(ctxfit_model *model, cfi_hf_config *c, const ctxfit_safetensors *weights, ctxfit_error *error)
{
    const bool    estimated = model->as_stored && (weights == NULL || weights->unknown);
    cfi_hf_quant  quant;
    cfi_writer    w;
    ctxfit_status status;

    model->checkpoint = cfi_arena_alloc(&model->arena, sizeof *model->checkpoint);
    if (model->checkpoint == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    cfi_hf_read_quant(c, &quant);
    model->checkpoint->struct_size = (uint32_t)sizeof *model->checkpoint;
    model->checkpoint->quant = quant.kind;
    model->checkpoint->quant_bits = quant.bits;
    model->checkpoint->quant_group = quant.group;
    model->checkpoint->quant_bits_hundredths = quant.hundredths;
    model->checkpoint->output_bits = quant.output_bits;
    model->checkpoint->kv_quant = quant.cache == CFI_HF_CACHE_FP8     ? CFI_QUANT_FP8_E4M3
                                  : quant.cache == CFI_HF_CACHE_NVFP4 ? CFI_QUANT_NVFP4_G16
                                                                      : CTXFIT_QUANT_DEFAULT;
    cfi_writer_init(&w, model->checkpoint->quant_method, sizeof model->checkpoint->quant_method);
    cfi_write(&w, "%s", quant.method);
    (void)cfi_writer_finish(&w, NULL);
    cfi_make_printable(model->checkpoint->quant_method);
    cfi_hf_note_quant(c);
    model->mlx_group_bytes = quant.group_bytes;
    status = cfi_model_read_modules(model, c, &quant, estimated, error);
    if (status == CTXFIT_OK && estimated)
        status = cfi_model_read_rules(model, c, &quant, error);
    if (status != CTXFIT_OK)
        return status;
    return weights != NULL ? take_weights(model, c, weights, error) : CTXFIT_OK;
}
