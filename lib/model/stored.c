/* Bytes of tensors as a checkpoint stores them, which is what engines of checkpoints load: measured where the headers of its files were
 * read, else by what its quantization_config says. */
#include "checkpoint_internal.h"
#include "recipe_internal.h"

double cfi_mlx_weight_bytes(uint32_t bits, uint32_t group, uint32_t group_bytes)
{
    return (double)(bits < CFI_HF_MOST_BITS ? bits : CFI_HF_MOST_BITS) / 8 + (group > 0 ? (double)group_bytes / group : 0);
}

static double weight_bytes(const ctxfit_model *model)
{
    const ctxfit_checkpoint_info *c = model->checkpoint;
    const cfi_hf_quant            q = {.kind = c->quant, .bits = c->quant_bits, .group = c->quant_group, .method = ""};

    if (c->quant == CTXFIT_CHECKPOINT_QUANT_MLX)
        return q.bits > 0 && q.bits <= CFI_HF_MOST_BITS ? cfi_mlx_weight_bytes(q.bits, q.group, model->mlx_group_bytes) : 0;
    return cfi_hf_weight_bytes(&q);
}

/* F32 because the configuration says so; vectors always are. */
static bool is_wide(const ctxfit_model *model, const cfi_tensor *tensor)
{
    const cfi_recipe *recipe;

    if (model->info.file_type != CFI_FILE_F32 || tensor->quant != CTXFIT_QUANT_F32)
        return false;
    recipe = cfi_recipe_find(model->arch_name);
    return recipe != NULL ? !cfi_recipe_is_vector(recipe, tensor->name) : tensor->n_dims > 1;
}

/* Linear matrices of the blocks but routers; MLX also the embeddings and the output. What the recipe has in a format of its own (experts of
 * gpt-oss) is that already. */
bool cfi_model_is_stored_narrow(const ctxfit_model *model, const cfi_tensor *tensor)
{
    uint64_t    block;
    const char *name = cfi_model_split_name(tensor->name, &block);
    bool        plain = tensor->quant == CTXFIT_QUANT_BF16 || tensor->quant == CTXFIT_QUANT_F16 || is_wide(model, tensor);

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

static uint64_t estimated_bytes(const ctxfit_model *model, const cfi_tensor *tensor)
{
    const double each = weight_bytes(model);

    if (model->module_bytes != NULL && model->module_bytes[tensor - model->tensor] > 0)
        return whole((double)(tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3]) *
                     (double)model->module_bytes[tensor - model->tensor]);
    if (each > 0 && cfi_model_is_stored_narrow(model, tensor))
        return whole((double)tensor->bytes / (is_wide(model, tensor) ? 4 : 2) * each);
    return tensor->bytes;
}

static uint64_t narrow_estimate(const ctxfit_model *model, const cfi_tensor *tensor)
{
    const uint64_t bytes = estimated_bytes(model, tensor);

    return bytes == tensor->bytes && is_wide(model, tensor) ? bytes / 2 : bytes;
}

/* ---- by the headers ---- */

/* Tensors of the recipe that together are what a part of the files holds. */
typedef struct stored_part {
    uint64_t have;   /* bytes by the recipe */
    uint64_t stored; /* in the files */
    uint64_t before; /* of the tensors that had their share, by the recipe */
    uint64_t given;  /* to them */
} stored_part;

/* In proportion, and all of it when the last one came. */
static uint64_t next_share(stored_part *part, uint64_t bytes)
{
    uint64_t until, share;

    part->before += bytes;
    until = part->before >= part->have ? part->stored : whole((double)part->stored * ((double)part->before / (double)part->have));
    share = until > part->given ? until - part->given : 0;
    part->given += share;
    return share;
}

/* Two for each layer: the rest, and routed experts unless the names did not tell them apart. */
static void fill_layer_parts(const ctxfit_model *model, const uint64_t *lost, stored_part *part)
{
    for (uint32_t i = 0; i < model->info.layers; i++) {
        const uint64_t *have = model->layer_sums[i].bytes;
        const uint64_t  dense = model->checkpoint_layer[i].dense_bytes - (lost != NULL ? lost[2 * i] : 0);
        const uint64_t  expert = model->checkpoint_layer[i].expert_bytes - (lost != NULL ? lost[2 * i + 1] : 0);

        if ((expert == 0) != (have[1] == 0)) {
            part[2 * i].have = have[0] + have[1]; /* sums of one file, and of one model */
            part[2 * i].stored = dense + expert;
            continue;
        }
        part[2 * i].have = have[0];
        part[2 * i].stored = dense;
        part[2 * i + 1].have = have[1];
        part[2 * i + 1].stored = expert;
    }
}

/* What config.json describes stands for it, and a note says so. */
static bool is_missing_head(const ctxfit_model *model, const cfi_tensor *tensor)
{
    return model->head_missing && strcmp(tensor->name, "output.weight") == 0;
}

/* The part that a tensor is of; NULL: the files have nothing that it could be of. */
static stored_part *part_of(const ctxfit_model *model, const cfi_tensor *tensor, stored_part *part)
{
    stored_part *found = NULL;

    if (tensor->layer >= 0 && (uint32_t)tensor->layer < model->info.layers) {
        const uint32_t layer = (uint32_t)tensor->layer;

        if (model->checkpoint_layer[layer].dense_bytes == 0 && model->checkpoint_layer[layer].expert_bytes == 0)
            return NULL; /* a note says so */
        found = &part[2 * layer + ((tensor->flags & CFI_TENSOR_F_EXPERT) != 0 && part[2 * layer + 1].have > 0)];
        return found->have > 0 ? found : NULL;
    }
    if (tensor->role == CFI_ROLE_INPUT)
        found = &part[2 * model->info.layers];
    else if (tensor->role == CFI_ROLE_OUTPUT && !is_missing_head(model, tensor))
        found = &part[2 * model->info.layers + 1];
    return found != NULL && found->have > 0 && found->stored > 0 ? found : NULL;
}

/* Bytes of every tensor, without those that are lost; NULL: out of memory. */
static uint64_t *share_parts(ctxfit_model *model, const uint64_t *lost)
{
    const uint32_t layers = model->info.layers;
    stored_part   *part = cfi_arena_array(&model->arena, 2 * (size_t)layers + 2, sizeof *part);
    uint64_t      *bytes = cfi_arena_array(&model->arena, (size_t)model->info.tensor_count, sizeof *bytes);

    if (part == NULL || bytes == NULL)
        return NULL;
    fill_layer_parts(model, lost, part);
    part[2 * layers].have = model->input_sums.bytes[0];
    part[2 * layers].stored = model->checkpoint->embedding_bytes - (lost != NULL ? lost[CFI_LOST_INPUT(layers)] : 0);
    part[2 * layers + 1].have = model->output_sums.bytes[0];
    part[2 * layers + 1].stored = model->checkpoint->output_bytes - model->tied_head_bytes -
                                  (lost != NULL ? lost[CFI_LOST_OUTPUT(layers)] : 0);
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (is_missing_head(model, &model->tensor[i]))
            part[2 * layers + 1].have -= model->tensor[i].bytes;
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];
        stored_part      *of = part_of(model, tensor, part);

        if (of != NULL)
            bytes[i] = next_share(of, tensor->bytes);
        else
            bytes[i] = lost != NULL ? narrow_estimate(model, tensor) : estimated_bytes(model, tensor);
    }
    return bytes;
}

ctxfit_status cfi_model_share_stored(ctxfit_model *model, ctxfit_error *error)
{
    bool loses = false;

    for (size_t i = 0; i < CFI_LOST_COUNT(model->info.layers); i++)
        loses = loses || model->lost[i] > 0;
    model->stored = share_parts(model, NULL);
    model->narrowed = loses ? share_parts(model, model->lost) : NULL;
    if (model->stored == NULL || (loses && model->narrowed == NULL))
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    return CTXFIT_OK;
}

uint64_t cfi_model_stored_bytes(const ctxfit_model *model, const cfi_tensor *tensor)
{
    if (!model->as_stored || model->checkpoint == NULL)
        return tensor->bytes;
    return model->stored != NULL ? model->stored[tensor - model->tensor] : estimated_bytes(model, tensor);
}

uint64_t cfi_model_narrowed_bytes(const ctxfit_model *model, const cfi_tensor *tensor)
{
    if (!model->as_stored || model->checkpoint == NULL)
        return tensor->bytes;
    if (model->stored == NULL)
        return narrow_estimate(model, tensor);
    return (model->narrowed != NULL ? model->narrowed : model->stored)[tensor - model->tensor];
}

uint64_t cfi_model_all_stored_bytes(const ctxfit_model *model)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (model->tensor[i].role != CFI_ROLE_ROPE && /* a GGUF's: engines of checkpoints compute them */
            !cfi_add_u64(sum, cfi_model_stored_bytes(model, &model->tensor[i]), &sum))
            return UINT64_MAX;
    return sum;
}

/* A GGUF has them in a file of its own. */
static bool has_towers(const ctxfit_model *model)
{
    return model->as_stored || model->info.file_type == CFI_FILE_BF16 || model->info.file_type == CFI_FILE_F16 ||
           model->info.file_type == CFI_FILE_F32;
}

cfi_tower_bytes cfi_model_towers_bytes(const ctxfit_model *model, bool narrowed)
{
    const uint64_t  each = model->info.file_type == CFI_FILE_F32 && !narrowed ? 4 : 2; /* counts are below 2^52 */
    cfi_tower_bytes bytes = {0, 0};

    if (model->as_stored && model->stored != NULL) {
        bytes.divided = model->checkpoint->other_bytes - (narrowed ? model->lost[CFI_LOST_OTHER(model->info.layers)] : 0);
    } else if (has_towers(model)) {
        bytes.divided = each * model->tower_matrices;
        if (model->as_stored && model->tower_matrix_bytes > 0)
            bytes.divided = whole((double)model->tower_matrices * (double)model->tower_matrix_bytes);
        bytes.whole = each * model->tower_rest;
    }
    return bytes;
}

bool cfi_model_has_towers(const ctxfit_model *model)
{
    const cfi_tower_bytes bytes = cfi_model_towers_bytes(model, true);

    return bytes.divided + bytes.whole > 0 || (model->towers != NULL && has_towers(model));
}

cfi_stored cfi_model_stored(const ctxfit_model *model)
{
    if (!model->as_stored || model->checkpoint == NULL || model->checkpoint->quant == CTXFIT_CHECKPOINT_QUANT_NONE)
        return CFI_STORED_PLAIN;
    if (model->checkpoint_layer != NULL)
        return CFI_STORED_MEASURED;
    return weight_bytes(model) > 0 ? CFI_STORED_ESTIMATED : CFI_STORED_UNKNOWN;
}
