/* A checkpoint's tensors against the model that its config.json describes. Bytes are those of the files; what caches and speeds follow
 * from is the configuration: where the two differ, one of them is not of this model. */
#include <inttypes.h>

#include "checkpoint_internal.h"

/* The part of a layer's bytes that may differ: tables and vectors that no engine reads. With it none of the checkpoints that transformers
 * makes of 222 published configurations was taken for another's. */
#define TOLERANCE 4096u

/* Weights of a layer: routed experts, and the rest. */
enum { DENSE, EXPERT, KINDS };

/* What the files have of it. */
typedef struct layer_look {
    uint64_t weights[KINDS];
    bool     unclear[KINDS]; /* there are tensors whose types do not say how many weights are in them */
} layer_look;

typedef struct checkpoint_look {
    layer_look         *layer;     /* of the trunk */
    const cfi_hf_entry *embedding; /* token embeddings */
    const cfi_hf_entry *norm;      /* a vector as wide as the model */
    const cfi_hf_entry *tied_head; /* an output matrix, though it is tied */
    const cfi_hf_entry *beyond;    /* of the highest block behind the trunk */
    uint64_t            highest;   /* that block */
    uint64_t            packed_bytes;
    uint64_t            wide_bytes; /* in 32 bits a weight */
    const cfi_hf_entry *packed;
} checkpoint_look;

static bool is_real(uint32_t dtype)
{
    return dtype == CTXFIT_DTYPE_F16 || dtype == CTXFIT_DTYPE_BF16 || dtype == CTXFIT_DTYPE_F32 || dtype == CTXFIT_DTYPE_F64;
}

/* Tables that transformers saved with the weights, and that no engine loads: masks of GPT-2 and its kin, angles of rope. */
static bool is_table(const char *name)
{
    static const char endings[][24] = {".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", "inv_freq"};

    for (size_t i = 0; i < CFI_COUNT(endings); i++)
        if (cfi_ends_with(name, endings[i]))
            return true;
    return false;
}

static void count_weights(layer_look *layer, const cfi_hf_entry *e, uint32_t kind)
{
    uint64_t elements = 1;

    for (uint32_t i = 0; i < e->info.n_dims; i++)
        elements *= e->info.dims[i]; /* held against 64 bits when the header was read */
    if (!is_real(e->info.dtype) || !cfi_add_u64(layer->weights[kind], elements, &layer->weights[kind]))
        layer->unclear[kind] = true;
}

static bool names_embeddings(const char *name)
{
    static const char endings[][24] = {"embed_tokens.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight",
                                       "embed_in.weight", "embeddings.weight", "embedding.weight"};

    for (size_t i = 0; i < CFI_COUNT(endings); i++)
        if (cfi_ends_with(name, endings[i]))
            return strstr(name, "position") == NULL && strstr(name, "type") == NULL;
    return false;
}

static void look_at(checkpoint_look *look, const cfi_hf_entry *e, const ctxfit_model *model)
{
    uint64_t block = UINT64_MAX;

    if (e->info.dtype == CTXFIT_DTYPE_F32)
        look->wide_bytes += e->info.bytes;
    if (!is_real(e->info.dtype)) {
        look->packed_bytes += e->info.bytes; /* at most the sum of all */
        if (look->packed == NULL || e->info.bytes > look->packed->info.bytes)
            look->packed = e;
    }
    switch (cfi_checkpoint_part_of(e->name, model->info.layers, &block)) {
    case CFI_CHECKPOINT_LAYER:
        if (is_table(e->name))
            break;
        count_weights(&look->layer[block], e, cfi_checkpoint_is_expert(e->name) ? EXPERT : DENSE);
        break;
    case CFI_CHECKPOINT_NEXTN:
        if (block != UINT64_MAX && (look->beyond == NULL || block > look->highest)) {
            look->beyond = e;
            look->highest = block;
        }
        break;
    case CFI_CHECKPOINT_EMBEDDING:
        if (names_embeddings(e->name) && e->info.n_dims == 2)
            look->embedding = e;
        break;
    case CFI_CHECKPOINT_OUTPUT:
        if (e->info.n_dims == 1 && cfi_ends_with(e->name, "norm.weight"))
            look->norm = e;
        if (e->info.n_dims > 1 && cfi_checkpoint_is_tied_head(model, e->name))
            look->tied_head = e;
        break;
    case CFI_CHECKPOINT_OTHER: break;
    }
}

/* ---- what is said ---- */

static void differs(ctxfit_model *model) { model->checkpoint->flags |= CTXFIT_CHECKPOINT_F_DIFFERS; }

static bool is_stored(const ctxfit_model *model, uint32_t layer)
{
    return model->checkpoint_layer[layer].dense_bytes + model->checkpoint_layer[layer].expert_bytes > 0;
}

static void compare_layers(ctxfit_model *model, cfi_hf_config *c, const checkpoint_look *look)
{
    const uint32_t layers = cfi_model_layers_once(model);
    uint64_t       drafting = 0;
    uint32_t       stored = 0, first = 0;

    for (uint32_t i = layers; i-- > 0;) {
        if (is_stored(model, i))
            stored++;
        else
            first = i;
    }
    if (stored < layers) {
        differs(model);
        cfi_hf_note_files(c, "config.json says %" PRIu32 " layers, the files have tensors of %" PRIu32 " of them, none of layer %" PRIu32
                          ": what is missing is counted as config.json describes it", layers, stored, first);
    }
    (void)cfi_hf_u64(c, "num_nextn_predict_layers", &drafting);
    drafting = cfi_max_u64(drafting, model->info.nextn_layers);
    if (look->beyond != NULL && look->highest - model->info.layers >= drafting) {
        differs(model);
        cfi_hf_note_files(c,
                          "config.json says %" PRIu32 " layers, the files have tensors of layer %" PRIu64 " ('%.100s'): those beyond are "
                          "not counted", model->info.layers, look->highest, look->beyond->name);
    }
}

static void compare_widths(ctxfit_model *model, cfi_hf_config *c, const checkpoint_look *look)
{
    const cfi_tensor *embd = model->token_embd;
    const uint64_t   *dims = look->embedding != NULL ? look->embedding->info.dims : NULL;
    const bool        packed = dims != NULL && !is_real(look->embedding->info.dtype); /* rows are whole, their elements not */

    if (embd != NULL && dims != NULL && (dims[0] != embd->dims[1] || (!packed && dims[1] != embd->dims[0]))) {
        differs(model);
        cfi_hf_note_files(c, "config.json says %" PRIu64 " tokens of width %" PRIu64 ", '%.100s' has %" PRIu64 " of %" PRIu64,
                          embd->dims[1],
                          embd->dims[0], look->embedding->name, dims[0], dims[1]);
    } else if ((dims == NULL || packed) && look->norm != NULL && look->norm->info.dims[0] != model->info.embedding) {
        differs(model);
        cfi_hf_note_files(c, "config.json says a width of %" PRIu32 ", '%.100s' has %" PRIu64, model->info.embedding, look->norm->name,
                          look->norm->info.dims[0]);
    }
}

static void compare_heads(ctxfit_model *model, cfi_hf_config *c, const checkpoint_look *look)
{
    if (look->tied_head != NULL)
        cfi_hf_note_files(c, "config.json ties the output matrix to the embeddings, and the files have one, '%.100s': its %" PRIu64
                          " bytes are not counted (exllamav3 alone loads it)", look->tied_head->name, model->tied_head_bytes);
    if (!model->head_missing)
        return;
    differs(model);
    cfi_hf_note_files(c, "config.json has an output matrix beside the embeddings (tie_word_embeddings is false or missing), the files have "
                      "none: it is counted as config.json describes it");
}

/* Weights of a layer by the recipe. */
typedef struct layer_size {
    uint64_t weights[KINDS];
    uint64_t shared; /* of the dense ones keys and values that an earlier layer's stand in for: not every file has them */
} layer_size;

static layer_size *size_layers(ctxfit_model *model, uint32_t layers)
{
    layer_size *size = cfi_arena_array(&model->arena, layers, sizeof *size);

    for (uint64_t i = 0; size != NULL && i < model->info.tensor_count; i++) {
        const cfi_tensor *t = &model->tensor[i];
        uint64_t          block, weights = t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3]; /* parameters, whose sum fits */
        const char       *name = cfi_model_split_name(t->name, &block);

        if (name == NULL || block >= layers)
            continue;
        size[block].weights[(t->flags & CFI_TENSOR_F_EXPERT) != 0 ? EXPERT : DENSE] += weights;
        if ((model->layer[block].flags & CTXFIT_LAYER_F_CACHE) == 0 && model->layer[block].kv_heads > 0 &&
            (strncmp(name, "attn_k", 6) == 0 || strncmp(name, "attn_v", 6) == 0))
            size[block].shared += weights;
    }
    return size;
}

/* What a loader adds or leaves out of a layer is small; a width that differs is not. */
static bool is_about(uint64_t have, uint64_t wanted)
{
    const uint64_t difference = have > wanted ? have - wanted : wanted - have;

    return difference <= wanted / TOLERANCE;
}

static bool is_like(const layer_look *have, const layer_size *size)
{
    const uint64_t dense = size->weights[DENSE], experts = size->weights[EXPERT];

    if ((have->weights[EXPERT] == 0 && !have->unclear[EXPERT]) != (experts == 0)) /* the names did not tell them apart */
        return have->unclear[DENSE] || have->unclear[EXPERT] || is_about(have->weights[DENSE] + have->weights[EXPERT], dense + experts);
    return (have->unclear[DENSE] || is_about(have->weights[DENSE], dense) || is_about(have->weights[DENSE], dense - size->shared)) &&
           (have->unclear[EXPERT] || is_about(have->weights[EXPERT], experts));
}

static ctxfit_status compare_sizes(ctxfit_model *model, cfi_hf_config *c, const checkpoint_look *look, ctxfit_error *error)
{
    const uint32_t    layers = cfi_model_layers_once(model);
    const layer_size *size = size_layers(model, layers);
    uint32_t          count = 0, first = 0;

    if (size == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    for (uint32_t i = layers; i-- > 0;)
        if (is_stored(model, i) && !is_like(&look->layer[i], &size[i])) {
            count++;
            first = i;
        }
    if (count > 0) {
        const uint64_t *have = look->layer[first].weights, *wanted = size[first].weights;

        differs(model);
        cfi_hf_note_files(c,
                          "config.json describes other layers than the files have, %" PRIu32 " of %" PRIu32 ": layer %" PRIu32
                          " has %" PRIu64 " weights by it, %" PRIu64 " in the files", count, layers, first, wanted[DENSE] + wanted[EXPERT],
                          have[DENSE] + have[EXPERT]);
    }
    return CTXFIT_OK;
}

static void compare_formats(ctxfit_model *model, cfi_hf_config *c, const checkpoint_look *look, const ctxfit_safetensors *weights)
{
    const bool quantized = model->checkpoint->quant != CTXFIT_CHECKPOINT_QUANT_NONE;

    if (!quantized && look->packed != NULL && look->packed_bytes > weights->bytes / 4) {
        differs(model);
        cfi_hf_note_files(c,
                          "config.json states no quantization, the files have %" PRIu64 " of %" PRIu64 " bytes in types such as %s "
                          "('%.100s')",
                          look->packed_bytes, weights->bytes, ctxfit_dtype_name(look->packed->info.dtype), look->packed->name);
    } else if (quantized && weights->count > 0 && look->packed == NULL) {
        differs(model);
        cfi_hf_note_files(c, "config.json states a quantization (%s, %" PRIu32 " bits), the files have all weights in 16 bits or more",
                          model->checkpoint->quant_method, model->checkpoint->quant_bits);
    } else if (!quantized && model->as_stored && model->info.file_type == CFI_FILE_F32 && look->wide_bytes < weights->bytes / 2) {
        differs(model); /* the other way round engines load the type that config.json says: lib/memory/paged.c */
        cfi_hf_note_files(c, "config.json means 32 bits a weight, the files have %" PRIu64 " of %" PRIu64 " bytes in F32: their bytes are "
                          "counted", look->wide_bytes, weights->bytes);
    }
}

ctxfit_status cfi_checkpoint_compare(ctxfit_model *model, cfi_hf_config *c, const ctxfit_safetensors *weights, ctxfit_error *error)
{
    checkpoint_look look = {0};

    look.layer = cfi_arena_array(&model->arena, model->info.layers, sizeof *look.layer);
    if (look.layer == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    for (uint64_t i = 0; i < weights->count; i++)
        look_at(&look, &weights->entry[i], model);
    compare_layers(model, c, &look);
    compare_widths(model, c, &look);
    compare_heads(model, c, &look);
    compare_formats(model, c, &look, weights);
    return compare_sizes(model, c, &look, error);
}
