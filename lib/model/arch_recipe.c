#include "recipe_internal.h"

typedef struct recipe_row {
    const char *name;
    uint8_t     kind; /* cfi_recipe_class */
    uint8_t     when[3];
    uint8_t     unless;
    uint8_t     dim[4];
} recipe_row;

#define CFI_BLOCK(name) static const recipe_row block_##name[] = {
#define CFI_ROW(name, kind, when, and1, and2, unless, d0, d1, d2, d3)                                \
    { name, CFI_CLASS_##kind, { CFI_BIT_##when, CFI_BIT_##and1, CFI_BIT_##and2 }, CFI_BIT_##unless,  \
      { CFI_DIM_##d0, CFI_DIM_##d1, CFI_DIM_##d2, CFI_DIM_##d3 } },
#define CFI_END };
#include "recipe_blocks.def"
#undef CFI_BLOCK
#undef CFI_ROW
#undef CFI_END

static const struct {
    const recipe_row *row;
    uint32_t          count;
} blocks[CFI_BLOCK_COUNT] = {
#define CFI_BLOCK(name) [CFI_BLOCK_##name] = { block_##name, (uint32_t)CFI_COUNT(block_##name) },
#define CFI_ROW(name, kind, when, and1, and2, unless, d0, d1, d2, d3)
#define CFI_END
#include "recipe_blocks.def"
#undef CFI_BLOCK
#undef CFI_ROW
#undef CFI_END
};

#define B(name) CFI_BLOCK_##name,
#define F(name) (1u << CFI_BIT_##name)
static const cfi_recipe recipes[] = {
#define CFI_RECIPE(arch, features, list) { arch, features, { list CFI_BLOCK_END } },
#include "recipes.def"
#undef CFI_RECIPE
};

/* Every block guards its tensors by what the layer is, so a list of all kinds gives those that the layer's numbers imply. */
static const cfi_recipe generic = {
    "", F(SSM_NORM),
    { B(EMBED) B(OUT_NORM) B(HEAD) B(ATTN_NORM) B(QKV) B(OUT) B(LATENT) B(INDEXER) B(MAMBA) B(MAMBA2) B(DELTA) B(DELTA_B_A) B(KDA)
      B(SHORT_CONV) B(FFN_NORM) B(FF) B(MOE) B(NEXTN) CFI_BLOCK_END }
};
#undef B
#undef F

/* The keys that state a feature, in the order of the bits. */
static const char *const feature_keys[] = {
#define CFI_FEATURE(name, key) key,
#define CFI_DEFAULT(name)
#define CFI_PLACE(name)
#include "recipe_bits.def"
#undef CFI_FEATURE
#undef CFI_DEFAULT
#undef CFI_PLACE
};
#define FIRST_FEATURE 2u /* behind ANY and NONE */

/* In words, for messages. */
static const char *const dim_words[CFI_DIM_COUNT] = {
#define CFI_DIM(name, elements, words) words,
#include "recipe_dims.def"
#undef CFI_DIM
};

/* Quantities that are not facts of a model or a layer, but decide shapes. 0 when nothing says them. */
typedef struct recipe_keys {
    uint64_t context;
    uint64_t rope_half;
    uint64_t indexer_heads;
    uint64_t indexer_size;
    uint64_t expert_in;
    uint64_t chunk_width;
    uint64_t chunk_experts;
    uint64_t plamo_dt;
    uint64_t altup;
    uint64_t laurel;
    uint64_t out_groups;
    uint64_t out_rank;
    uint64_t streams;
    uint64_t hashed_layers;
    uint64_t ratio; /* of the layer at hand */
} recipe_keys;

typedef struct recipe_run {
    const cfi_recipe *recipe;
    ctxfit_model     *model;
    cfi_meta         *meta;
    ctxfit_error     *error;
    ctxfit_quant      source;
    uint32_t          layers;
    uint64_t          features;
    recipe_keys       keys;
    uint32_t         *ratios; /* per layer, or NULL */
    cfi_tensor       *tensor;   /* NULL while counting */
    char             *names;
    uint64_t          count;
    size_t            name_bytes;
} recipe_run;

const cfi_recipe *cfi_recipe_find(const char *arch)
{
    size_t low = 0;
    size_t high = CFI_COUNT(recipes);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int    order = strcmp(arch, recipes[middle].arch);

        if (order == 0)
            return &recipes[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const cfi_recipe *cfi_recipe_generic(void) { return &generic; }
uint32_t          cfi_recipe_count(void) { return (uint32_t)CFI_COUNT(recipes); }
const cfi_recipe *cfi_recipe_at(uint32_t index) { return index < CFI_COUNT(recipes) ? &recipes[index] : NULL; }

ctxfit_status cfi_recipe_unknown(const char *arch, ctxfit_error *error)
{
    char        hint[160];
    cfi_suggest suggest;
    uint32_t    i;

    cfi_suggest_init(&suggest, arch);
    for (i = 0; i < cfi_recipe_count(); i++)
        cfi_suggest_offer(&suggest, cfi_recipe_at(i)->arch);
    cfi_suggest_write(&suggest, hint, sizeof hint);
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "architecture '%s' has no recipe: its tensors are known from a file only; %s", arch, hint);
}

bool cfi_recipe_publishes_mxfp4(const cfi_recipe *recipe)
{
    return (recipe->features & (1u << CFI_BIT_MXFP4_EXPERTS)) != 0;
}

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
static uint64_t dim_size(cfi_recipe_dim dim, const ctxfit_model_info *m, const ctxfit_layer_info *l, const recipe_keys *k)
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

/* llama.cpp b10472 src/llama-hparams.h:40-52, LLAMA_EXPERT_GATING_FUNC_TYPE_SIGMOID */
#define GATING_SIGMOID 2u

static uint64_t read_features(const cfi_recipe *recipe, cfi_meta *meta, const ctxfit_model_info *info)
{
    uint64_t features = bit(CFI_BIT_ANY) | recipe->features;
    uint32_t i;

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
    for (i = 0; i < CFI_COUNT(feature_keys); i++) {
        uint64_t mask = bit((cfi_recipe_bit)(FIRST_FEATURE + i));

        if (cfi_meta_bool(meta, feature_keys[i], (features & mask) != 0))
            features |= mask;
        else
            features &= ~mask;
    }
    return features;
}

/* llama.cpp b10472 src/llama-hparams.h:209 n_altup and :211 laurel_rank; no key states the rank */
#define ALTUP_INPUTS 4u
#define LAUREL_RANK  64u

static void read_keys(recipe_run *run)
{
    const ctxfit_model_info *info = &run->model->info;
    recipe_keys             *k = &run->keys;
    cfi_meta                *meta = run->meta;
    uint64_t                 experts = 0;
    uint32_t                 groups;

    for (uint32_t i = 0; i < run->layers; i++) {
        const ctxfit_layer_info *l = &run->model->layer[i];

        k->rope_half = cfi_max_u64(k->rope_half, l->rope_size / 2);
        k->indexer_heads = cfi_max_u64(k->indexer_heads, l->indexer_heads);
        k->indexer_size = cfi_max_u64(k->indexer_size, l->indexer_size);
        experts = cfi_max_u64(experts, l->experts);
    }
    k->plamo_dt = cfi_max_u64(64, info->embedding / 16); /* llama.cpp b10472 src/models/plamo2.cpp, dt_dim */
    k->altup = ALTUP_INPUTS;
    k->laurel = LAUREL_RANK;
    k->context = info->trained_tokens;
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
    k->hashed_layers = cfi_meta_u32(meta, "hash_layer_count", 0);
}

static ctxfit_status read_ratios(recipe_run *run)
{
    static const char key[] = "attention.compress_ratios";

    if (run->meta == NULL || !cfi_meta_has(run->meta, key))
        return CTXFIT_OK;
    run->ratios = cfi_arena_array(&run->model->arena, run->layers, sizeof *run->ratios);
    if (run->ratios == NULL)
        return cfi_fail(run->error, CTXFIT_E_NO_MEMORY, "no memory for the ratios of %u layers", (unsigned)run->layers);
    (void)cfi_meta_layers_u32(run->meta, key, run->layers, 0, run->ratios, sizeof *run->ratios);
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

static uint64_t layer_bits(const recipe_run *run, uint32_t index)
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

static bool row_holds(const recipe_row *row, uint64_t bits)
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

static ctxfit_quant published_format(const recipe_run *run, const recipe_row *row, const cfi_tensor *t)
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

static ctxfit_status fill_tensor(const recipe_run *run, const recipe_row *row, int64_t layer, cfi_tensor *t)
{
    static const ctxfit_layer_info no_layer = CTXFIT_LAYER_INFO_INIT;
    const ctxfit_layer_info       *l = layer < 0 ? &no_layer : &run->model->layer[layer];
    uint32_t                       i;

    t->layer = (int32_t)layer;
    for (i = 0; i < 4; i++) {
        t->dims[i] = 1;
        if (row->dim[i] == CFI_DIM_NONE)
            continue;
        t->dims[i] = dim_size((cfi_recipe_dim)row->dim[i], &run->model->info, l, &run->keys);
        t->n_dims = i + 1;
        if (t->dims[i] == 0)
            return cfi_fail(run->error, CTXFIT_E_INCOMPLETE, "tensor '%s' needs a size that is not given: %s", t->name,
                            dim_words[row->dim[i]]);
        if (t->dims[i] == UINT64_MAX)
            return cfi_fail(run->error, CTXFIT_E_OVERFLOW, "tensor '%s': %s is too large", t->name, dim_words[row->dim[i]]);
    }
    t->quant = published_format(run, row, t);
    return CTXFIT_OK;
}

/* Counts (run->tensor == NULL) or makes the tensors of one place: layer -1 those outside of layers. */
static ctxfit_status walk_place(recipe_run *run, int64_t layer, uint64_t bits)
{
    const uint8_t *block;
    uint32_t       i;

    for (block = run->recipe->block; *block != CFI_BLOCK_END; block++) {
        for (i = 0; i < blocks[*block].count; i++) {
            const recipe_row *row = &blocks[*block].row[i];
            bool              once = row->when[0] == CFI_BIT_ONCE;

            if (once != (layer < 0) || !row_holds(row, bits))
                continue;
            if (run->tensor != NULL) {
                cfi_tensor   *t = &run->tensor[run->count];
                ctxfit_status status;

                t->name = run->names + run->name_bytes;
                (void)write_name(run->names + run->name_bytes, row->name, layer);
                status = fill_tensor(run, row, layer, t);
                if (status != CTXFIT_OK)
                    return status;
            }
            run->name_bytes += write_name(NULL, row->name, layer);
            run->count++;
        }
    }
    return CTXFIT_OK;
}

static ctxfit_status walk(recipe_run *run)
{
    ctxfit_status status;
    uint32_t      i;

    run->count = 0;
    run->name_bytes = 0;
    status = walk_place(run, -1, run->features | bit(CFI_BIT_ONCE));
    for (i = 0; i < run->layers && status == CTXFIT_OK; i++) {
        run->keys.ratio = run->ratios != NULL ? run->ratios[i] : 0;
        status = walk_place(run, i, layer_bits(run, i));
    }
    return status;
}

ctxfit_status cfi_recipe_make_tensors(const cfi_recipe *recipe, cfi_meta *meta, ctxfit_model *model, ctxfit_quant source,
                                      ctxfit_error *error)
{
    recipe_run    run;
    ctxfit_status status;

    memset(&run, 0, sizeof run);
    run.recipe = recipe;
    run.model = model;
    run.meta = meta;
    run.error = error;
    run.source = source;
    run.layers = meta != NULL ? meta->blocks : model->info.layers + model->info.nextn_layers; /* blocks may be passed several times */
    run.features = read_features(recipe, meta, &model->info);
    read_keys(&run);
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
