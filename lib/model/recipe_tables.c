#include "recipe_internal.h"

#define CFI_BLOCK(name) static const cfi_recipe_row block_##name[] = {
#define CFI_ROW(name, kind, when, and1, and2, unless, d0, d1, d2, d3)                                \
    { name, CFI_CLASS_##kind, { CFI_BIT_##when, CFI_BIT_##and1, CFI_BIT_##and2 }, CFI_BIT_##unless,  \
      { CFI_DIM_##d0, CFI_DIM_##d1, CFI_DIM_##d2, CFI_DIM_##d3 } },
#define CFI_END };
#include "recipe_blocks.def"
#undef CFI_BLOCK
#undef CFI_ROW
#undef CFI_END

static const struct {
    const cfi_recipe_row *row;
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

bool cfi_recipe_is_vector(const cfi_recipe *recipe, const char *name)
{
    uint64_t    number;
    const char *base = cfi_model_split_name(name, &number);

    if (base == NULL)
        base = name;
    for (const uint8_t *block = recipe->block; *block != CFI_BLOCK_END; block++)
        for (uint32_t i = 0; i < blocks[*block].count; i++)
            if (strcmp(blocks[*block].row[i].name, base) == 0)
                return blocks[*block].row[i].kind == CFI_CLASS_VECTOR;
    return false;
}

bool cfi_recipe_publishes_mxfp4(const cfi_recipe *recipe)
{
    return (recipe->features & (1u << CFI_BIT_MXFP4_EXPERTS)) != 0;
}

const cfi_recipe_row *cfi_recipe_rows(cfi_recipe_block block, uint32_t *count)
{
    *count = blocks[block].count;
    return blocks[block].row;
}

const char *cfi_recipe_feature_key(uint32_t index, cfi_recipe_bit *bit)
{
    if (index >= CFI_COUNT(feature_keys))
        return NULL;
    *bit = (cfi_recipe_bit)(CFI_BIT_NONE + 1 + index);
    return feature_keys[index];
}
