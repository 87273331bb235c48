/* Bytes of tensors as a checkpoint stores them, which is what engines of checkpoints load: measured where the headers of its files were
 * read, else by what its quantization_config says. */
#include "model_internal.h"

#define MOST_BITS 16u /* of a stored weight; what is said above it is no statement */

/* Bytes of one weight of a quantized matrix with its share of scales and zero points; 0: not known. AutoAWQ and AutoGPTQ keep a scale of 16
 * bits and a zero point of the weight's own bits per group, compressed-tensors a scale, MLX a scale and a bias, FP8 one of 32 bits a tile,
 * NF4 one of 32 bits per 64: lib/quant/formats.def has each with its source. */
static double weight_bytes(const ctxfit_checkpoint_info *c)
{
    const double bits = c->quant_bits <= MOST_BITS ? c->quant_bits : 0, group = c->quant_group;

    if (bits == 0)
        return 0;
    switch (c->quant) {
    case CTXFIT_CHECKPOINT_QUANT_FP8: return bits / 8 + (group > 0 ? 4 / (group * group) : 0);
    case CTXFIT_CHECKPOINT_QUANT_MXFP4: return bits / 8 + 1.0 / 32;
    case CTXFIT_CHECKPOINT_QUANT_NVFP4: return bits / 8 + 1.0 / 16;
    case CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES: return bits / 8 + (group > 0 ? 4 / group : 0);
    case CTXFIT_CHECKPOINT_QUANT_MLX: return bits / 8 + (group > 0 ? 4 / group : 0);
    case CTXFIT_CHECKPOINT_QUANT_INTEGER: return bits / 8 + (group > 0 ? 2 / group : 0);
    default: return bits / 8 + (group > 0 ? (2 + bits / 8) / group : 0); /* AWQ, GPTQ and their like */
    }
}

/* Linear matrices of the blocks but routers; MLX also the embeddings and the output. What the recipe has in a format of its own (experts of
 * gpt-oss) is that already. */
static bool is_stored_narrow(const ctxfit_model *model, const cfi_tensor *tensor)
{
    uint64_t    block;
    const char *name = cfi_model_split_name(tensor->name, &block);
    bool        plain = tensor->quant == CTXFIT_QUANT_BF16 || tensor->quant == CTXFIT_QUANT_F16;

    if (!plain || tensor->n_dims < 2 || tensor->dims[1] < 2)
        return false;
    if (name == NULL)
        return model->checkpoint->quant == CTXFIT_CHECKPOINT_QUANT_MLX;
    if (strcmp(model->checkpoint->quant_method, "mxfp4") == 0 && (tensor->flags & CFI_TENSOR_F_EXPERT) == 0) /* of transformers */
        return false;
    return block < model->info.layers && strncmp(name, "ffn_gate_inp", 12) != 0 && strncmp(name, "ssm_conv1d", 10) != 0;
}

/* Headers and configurations may claim anything: what is beyond half of 64 bits fails where it is added up. */
static uint64_t whole(double bytes)
{
    const double most = (double)(UINT64_MAX / 2);

    return bytes < most ? (uint64_t)bytes : UINT64_MAX / 2;
}

static uint64_t part_of_stored(uint64_t bytes, uint64_t stored, uint64_t have)
{
    return have > 0 ? whole((double)bytes * ((double)stored / (double)have)) : bytes;
}

/* Of a layer's bytes in the files each tensor has the part that it has in the recipe, routed experts by themselves. */
static uint64_t measured_bytes(const ctxfit_model *model, const cfi_tensor *tensor)
{
    const ctxfit_checkpoint_info *c = model->checkpoint;

    if (tensor->layer >= 0 && (uint32_t)tensor->layer < model->info.layers) {
        const ctxfit_checkpoint_layer *layer = &model->checkpoint_layer[tensor->layer];
        const uint64_t                *have = model->layer_sums[tensor->layer].bytes;
        bool                           expert = (tensor->flags & CFI_TENSOR_F_EXPERT) != 0;

        if ((layer->expert_bytes == 0) != (have[1] == 0)) /* the names did not tell them apart */
            return part_of_stored(tensor->bytes, layer->dense_bytes + layer->expert_bytes, have[0] + have[1]); /* sums of one file */
        return part_of_stored(tensor->bytes, expert ? layer->expert_bytes : layer->dense_bytes, have[expert]);
    }
    if (tensor == model->token_embd && c->embedding_bytes > 0)
        return c->embedding_bytes;
    if (tensor->role == CFI_ROLE_OUTPUT && c->output_bytes > 0)
        return part_of_stored(tensor->bytes, c->output_bytes, model->output_sums.bytes[0]);
    return tensor->bytes;
}

uint64_t cfi_model_stored_bytes(const ctxfit_model *model, const cfi_tensor *tensor)
{
    double each;

    if (!model->as_stored || model->checkpoint == NULL)
        return tensor->bytes;
    if (model->checkpoint_layer != NULL)
        return measured_bytes(model, tensor);
    each = weight_bytes(model->checkpoint);
    if (each == 0 || !is_stored_narrow(model, tensor))
        return tensor->bytes;
    return whole((double)tensor->bytes / 2 * each);
}

cfi_stored cfi_model_stored(const ctxfit_model *model)
{
    if (!model->as_stored || model->checkpoint == NULL || model->checkpoint->quant == CTXFIT_CHECKPOINT_QUANT_NONE)
        return CFI_STORED_PLAIN;
    if (model->checkpoint_layer != NULL)
        return CFI_STORED_MEASURED;
    return weight_bytes(model->checkpoint) > 0 ? CFI_STORED_ESTIMATED : CFI_STORED_UNKNOWN;
}
