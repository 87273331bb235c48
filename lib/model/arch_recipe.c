/* From a recipe and layers to tensors: one walk to count, one to fill. */
#include "recipe_internal.h"

typedef struct recipe_walk {
    const cfi_recipe *recipe;
    ctxfit_model     *model;
    cfi_meta         *meta;
    ctxfit_error     *error;
    ctxfit_quant      source;
    uint32_t          layers;
    uint64_t          features;
    cfi_recipe_keys   keys;
    uint32_t         *ratios; /* per layer, or NULL */
    cfi_tensor       *tensor; /* NULL while counting */
    char             *names;
    uint64_t          count;
    size_t            name_bytes;
} recipe_walk;

static uint64_t bit(cfi_recipe_bit which)
{
    return (uint64_t)1 << which;
}

static bool is_string(cfi_meta *meta, const char *key, const char *wanted)
{
    size_t      len;
    const char *text = cfi_meta_string(meta, key, &len);

    return text != NULL && len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

/* llama.cpp b10472 src/llama-hparams.h:15, LLAMA_EXPERT_GATING_FUNC_TYPE_SIGMOID */
#define GATING_SIGMOID 2u

static uint64_t read_features(const cfi_recipe *recipe, cfi_meta *meta, const ctxfit_model_info *info)
{
    uint64_t       features = bit(CFI_BIT_ANY) | recipe->features;
    cfi_recipe_bit which = CFI_BIT_ANY;
    const char    *key;

    if ((info->flags & CTXFIT_MODEL_F_TIED) != 0)
        features |= bit(CFI_BIT_TIED);
    if (info->per_layer_embedding != 0)
        features |= bit(CFI_BIT_PER_LAYER);
    if (meta == NULL)
        return features;
    if ((features & bit(CFI_BIT_BIAS_BY_GATING)) != 0 && cfi_meta_u32(meta, "expert_gating_func", 0) == GATING_SIGMOID)
        features |= bit(CFI_BIT_EXPERT_BIAS);
    if (is_string(meta, "rope.scaling.type", "longrope"))
        features |= bit(CFI_BIT_ROPE_FACTORS);
    for (uint32_t i = 0; (key = cfi_recipe_feature_key(i, &which)) != NULL; i++) {
        if (cfi_meta_bool(meta, key, (features & bit(which)) != 0))
            features |= bit(which);
        else
            features &= ~bit(which);
    }
    return features;
}

static ctxfit_status read_ratios(recipe_walk *run)
{
    cfi_meta_list list;
    int64_t       ratio;

    if (run->meta == NULL || !cfi_meta_list_open(&list, run->meta, "attention.compress_ratios"))
        return CTXFIT_OK;
    run->ratios = cfi_arena_array(&run->model->arena, run->layers, sizeof *run->ratios);
    if (run->ratios == NULL)
        return cfi_fail(run->error, CTXFIT_E_NO_MEMORY, "no memory for the ratios of %u layers", (unsigned)run->layers);
    /* The list may go on with those of blocks that the file does not have (layout_latent.c holds its length against the layers). */
    for (uint32_t i = 0; i < run->layers && cfi_meta_list_next(&list, &ratio); i++)
        run->ratios[i] = ratio > 0 && ratio <= (int64_t)UINT32_MAX ? (uint32_t)ratio : 0;
    return CTXFIT_OK;
}

static uint64_t state_bit(uint32_t state)
{
    switch (state) {
    case CTXFIT_STATE_MAMBA:      return bit(CFI_BIT_MAMBA);
    case CTXFIT_STATE_MAMBA2:     return bit(CFI_BIT_MAMBA2);
    case CTXFIT_STATE_DELTA_NET:  return bit(CFI_BIT_DELTA);
    case CTXFIT_STATE_KDA:        return bit(CFI_BIT_KDA);
    case CTXFIT_STATE_SHORT_CONV: return bit(CFI_BIT_SHORT_CONV);
    default:                      return 0;
    }
}

static uint64_t attention_bits(const ctxfit_layer_info *l)
{
    switch (l->attention) {
    case CTXFIT_ATTENTION_FULL:    return bit(CFI_BIT_HEADS);
    case CTXFIT_ATTENTION_SLIDING:
    case CTXFIT_ATTENTION_CHUNKED: return bit(CFI_BIT_HEADS) | bit(CFI_BIT_WINDOW);
    case CTXFIT_ATTENTION_LATENT:  return bit(CFI_BIT_LATENT);
    default:                       return l->state == CTXFIT_STATE_NONE && l->heads != 0 ? bit(CFI_BIT_LINEAR) : 0;
    }
}

static uint64_t feed_forward_bits(const ctxfit_layer_info *l)
{
    uint64_t bits = l->ff_width != 0 ? bit(CFI_BIT_WIDTH) : 0;

    switch (l->feed_forward) {
    case CTXFIT_FF_PLAIN: return bits | bit(CFI_BIT_DENSE);
    case CTXFIT_FF_GATED: return bits | bit(CFI_BIT_DENSE) | bit(CFI_BIT_GATED);
    case CTXFIT_FF_MOE:   break;
    default:              return bits;
    }
    bits |= bit(CFI_BIT_MOE);
    if ((l->flags & CTXFIT_LAYER_F_PLAIN_EXPERTS) != 0)
        bits |= bit(CFI_BIT_PLAIN_EXPERTS);
    if (l->shared_width != 0)
        bits |= bit(CFI_BIT_SHARED);
    return bits;
}

static uint64_t layer_bits(const recipe_walk *run, uint32_t index)
{
    const ctxfit_layer_info *l = &run->model->layer[index];
    uint64_t                 bits = run->features | state_bit(l->state) | attention_bits(l) | feed_forward_bits(l);

    if (index == 0)
        bits |= bit(CFI_BIT_FIRST);
    if (l->q_rank != 0)
        bits |= bit(CFI_BIT_Q_RANK);
    if (l->indexer_heads != 0)
        bits |= bit(CFI_BIT_INDEXER);
    if ((l->flags & CTXFIT_LAYER_F_NEXTN) != 0) {
        bits |= bit(CFI_BIT_NEXTN);
        if (run->keys.indexer_heads != 0) /* in the file, though nothing runs it there */
            bits |= bit(CFI_BIT_INDEXER);
    }
    if (run->keys.expert_in != 0)
        bits |= bit(CFI_BIT_LATENT_MOE);
    if (run->keys.ratio != 0)
        bits |= bit(CFI_BIT_COMPRESSED);
    if (index < run->keys.hashed_layers)
        bits |= bit(CFI_BIT_HASHED);
    return bits;
}

static bool row_holds(const cfi_recipe_row *row, uint64_t bits)
{
    return ((bits >> row->when[0]) & (bits >> row->when[1]) & (bits >> row->when[2]) & ~(bits >> row->unless) & 1) != 0;
}

/* "blk.N.NAME" or NAME; the bytes written, or needed when `out` is NULL, with the NUL. */
static size_t write_name(char *out, const char *name, int64_t layer)
{
    char   digits[20];
    size_t count = 0;
    size_t len = strlen(name) + 1;
    size_t at = 4;

    if (layer < 0) {
        if (out != NULL)
            memcpy(out, name, len);
        return len;
    }
    do {
        digits[count++] = (char)('0' + layer % 10);
        layer /= 10;
    } while (layer != 0);
    if (out != NULL) {
        memcpy(out, "blk.", 4);
        while (count > 0)
            out[at++] = digits[--count];
        out[at++] = '.';
        memcpy(out + at, name, len);
        return at + len;
    }
    return at + count + 1 + len;
}

static ctxfit_quant published_format(const recipe_walk *run, const cfi_recipe_row *row, const cfi_tensor *t)
{
    uint64_t features = run->features;
    uint32_t mxfp4_block = cfi_quant_format_of(CTXFIT_QUANT_MXFP4)->block_elems;
    uint32_t q8_block = cfi_quant_format_of(CTXFIT_QUANT_Q8_0)->block_elems;

    switch ((cfi_recipe_class)row->kind) {
    case CFI_CLASS_VECTOR: return CTXFIT_QUANT_F32;
    case CFI_CLASS_TABLE:  return CFI_QUANT_I32;
    case CFI_CLASS_EXPERT:
        return (features & bit(CFI_BIT_MXFP4_EXPERTS)) != 0 && t->dims[0] % mxfp4_block == 0 ? CTXFIT_QUANT_MXFP4 : run->source;
    case CFI_CLASS_MATRIX: break;
    }
    return (features & bit(CFI_BIT_Q8_MATRICES)) != 0 && t->layer >= 0 && t->dims[0] % q8_block == 0 ? CTXFIT_QUANT_Q8_0 : run->source;
}

/* The next tensor. */
static ctxfit_status fill_tensor(const recipe_walk *run, const cfi_recipe_row *row, int64_t layer)
{
    static const ctxfit_layer_info no_layer = CTXFIT_LAYER_INFO_INIT;
    const ctxfit_layer_info       *l = layer < 0 ? &no_layer : &run->model->layer[layer];
    cfi_tensor                    *t = &run->tensor[run->count];

    t->name = run->names + run->name_bytes;
    (void)write_name(run->names + run->name_bytes, row->name, layer);
    t->layer = (int32_t)layer;
    for (uint32_t i = 0; i < CFI_COUNT(t->dims); i++) {
        cfi_recipe_dim dim = (cfi_recipe_dim)row->dim[i];

        t->dims[i] = 1;
        if (dim == CFI_DIM_NONE)
            continue;
        t->dims[i] = cfi_recipe_size(dim, &run->model->info, l, &run->keys);
        t->n_dims = i + 1;
        if (t->dims[i] == 0)
            return cfi_fail(run->error, CTXFIT_E_INCOMPLETE, "tensor '%s' needs a size that is not given: %s", t->name,
                            cfi_recipe_words(dim));
        if (t->dims[i] == UINT64_MAX)
            return cfi_fail(run->error, CTXFIT_E_OVERFLOW, "tensor '%s': %s is too large", t->name, cfi_recipe_words(dim));
    }
    t->quant = published_format(run, row, t);
    return CTXFIT_OK;
}

/* Counts (run->tensor == NULL) or makes the tensors of one place: layer -1 those outside of layers. */
static ctxfit_status walk_place(recipe_walk *run, int64_t layer, uint64_t bits)
{
    for (const uint8_t *block = run->recipe->block; *block != CFI_BLOCK_END; block++) {
        uint32_t              count;
        const cfi_recipe_row *row = cfi_recipe_rows((cfi_recipe_block)*block, &count);

        for (const cfi_recipe_row *end = row + count; row < end; row++) {
            bool          once = row->when[0] == CFI_BIT_ONCE;
            ctxfit_status status;

            if (once != (layer < 0) || !row_holds(row, bits))
                continue;
            status = run->tensor != NULL ? fill_tensor(run, row, layer) : CTXFIT_OK;
            if (status != CTXFIT_OK)
                return status;
            run->name_bytes += write_name(NULL, row->name, layer);
            run->count++;
        }
    }
    return CTXFIT_OK;
}

static ctxfit_status walk(recipe_walk *run)
{
    ctxfit_status status;

    run->count = 0;
    run->name_bytes = 0;
    status = walk_place(run, -1, run->features | bit(CFI_BIT_ONCE));
    for (uint32_t i = 0; i < run->layers && status == CTXFIT_OK; i++) {
        run->keys.ratio = run->ratios != NULL ? run->ratios[i] : 0;
        status = walk_place(run, i, layer_bits(run, i));
    }
    return status;
}

ctxfit_status cfi_recipe_make_tensors(const cfi_recipe *recipe, cfi_meta *meta, ctxfit_model *model, ctxfit_quant source,
                                      bool as_published, ctxfit_error *error)
{
    recipe_walk    run;
    ctxfit_status status;

    memset(&run, 0, sizeof run);
    run.recipe = recipe;
    run.model = model;
    run.meta = meta;
    run.error = error;
    run.source = source;
    run.layers = meta != NULL ? meta->blocks : model->info.layers + model->info.nextn_layers; /* blocks may be passed several times */
    run.features = read_features(recipe, meta, &model->info);
    if (!as_published)
        run.features &= ~bit(CFI_BIT_Q8_MATRICES);
    model->plain_experts = (run.features & bit(CFI_BIT_MXFP4_EXPERTS)) == 0;
    cfi_recipe_read_keys(&run.keys, model, run.layers, meta);
    status = read_ratios(&run);
    if (status == CTXFIT_OK && meta != NULL)
        status = meta->status;
    if (status == CTXFIT_OK)
        status = walk(&run);
    if (status != CTXFIT_OK)
        return status;
    run.tensor = cfi_arena_array(&model->arena, (size_t)run.count, sizeof *run.tensor);
    run.names = cfi_arena_alloc(&model->arena, run.name_bytes);
    if (run.tensor == NULL || run.names == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for %llu tensors", (unsigned long long)run.count);
    model->tensor = run.tensor;
    model->info.tensor_count = run.count;
    return walk(&run);
}
