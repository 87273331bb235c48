/* Which format each tensor gets when llama-quantize makes a file type. The rules are rows of recipe.def. */
#include "quant_internal.h"

/* ---- words of recipe.def ---- */
#define BIT(file_type) (UINT64_C(1) << CFI_FILE_##file_type)
#define ALL UINT64_MAX
/* File types below 3 bits that share one set of rules. */
#define TINY (BIT(IQ1_S) | BIT(IQ1_M) | BIT(IQ2_XXS) | BIT(IQ2_XS) | BIT(IQ2_S) | BIT(IQ2_M))

/* Conditions. Ordinal: how many quantizable tensors of the category came before. Place: the same, but the block's number for
 * feed-forward tensors of a model with experts. */
enum {
    NONE         = 0,
    GQA4         = 1 << 0, /* 4 query heads or more share a key head */
    EXPERTS4     = 1 << 1, /* 4 experts or more */
    EXPERTS8     = 1 << 2, /* exactly 8 experts */
    NOT_EXPERTS8 = 1 << 3,
    IMATRIX      = 1 << 4, /* with an importance matrix */
    NO_IMATRIX   = 1 << 5,
    FALCON       = 1 << 6, /* the architecture of that name */
    NOT_FALCON   = 1 << 7,
    STACKED      = 1 << 8,  /* a matrix per expert */
    UNEVEN       = 1 << 9,  /* rows are no multiple of the base format's block */
    ORDINAL_2    = 1 << 10, /* the first two */
    ORDINAL_4    = 1 << 11,
    ORDINAL_8TH  = 1 << 12, /* the first eighth of the blocks */
    PLACE_8TH    = 1 << 13,
    PLACE_16TH   = 1 << 14,
    PLACE_MIDDLE = 1 << 15, /* neither the first nor the last eighth */
    MORE_BITS    = 1 << 16  /* the first and last eighth, and every third between them */
};

typedef struct recipe_rule {
    uint64_t file_types;
    uint32_t conditions;
    uint8_t  category;
    uint8_t  format;
} recipe_rule;

/* Everything that stays the same from tensor to tensor. */
typedef struct recipe_run {
    const cfi_quant_facts *facts;
    uint64_t               type_bit;
    ctxfit_quant           base;
    uint32_t               conditions;  /* those that hold for the whole model */
    bool                   is_70b;
    bool                   tied;        /* no output matrix */
    uint32_t               value_count; /* tensors of category ATTN_VALUE */
    uint32_t               ordinal[CFI_CATEGORY_COUNT];
} recipe_run;

static bool is_quantized_format(ctxfit_quant quant)
{
    const cfi_quant_format *f = cfi_quant_format_of(quant);

    return f != NULL && (f->flags & (CTXFIT_QUANT_F_FLOAT | CTXFIT_QUANT_F_INT)) == 0;
}

static bool rows_suit(ctxfit_quant quant, const cfi_quant_tensor *tensor)
{
    return tensor->dims[0] % cfi_quant_format_of(quant)->block_elems == 0;
}

static bool counts_as_70b(const cfi_quant_facts *facts)
{
    static const struct {
        const char *arch;
        uint32_t    layers;
        bool        grouped;
    } sizes[] = {
#define CFI_SIZE_70B(arch, layers, grouped) {arch, layers, grouped},
#include "recipe.def"
    };

    for (size_t i = 0; i < CFI_COUNT(sizes); i++)
        if (strcmp(facts->arch, sizes[i].arch) == 0 && facts->block_count - facts->nextn == sizes[i].layers)
            return !sizes[i].grouped || facts->heads != facts->kv_heads;
    return false;
}

static uint32_t model_conditions(const cfi_quant_facts *facts)
{
    uint32_t holds = 0;

    if (facts->kv_heads != 0 && facts->heads / facts->kv_heads >= 4)
        holds |= GQA4;
    if (facts->experts >= 4)
        holds |= EXPERTS4;
    holds |= facts->experts == 8 ? EXPERTS8 : NOT_EXPERTS8;
    holds |= facts->imatrix ? IMATRIX : NO_IMATRIX;
    holds |= strcmp(facts->arch, "falcon") == 0 ? FALCON : NOT_FALCON;
    return holds;
}

static uint32_t place_conditions(uint64_t place, uint64_t count)
{
    const uint64_t first = count / 8, last = 7 * count / 8;
    uint32_t       holds = 0;

    if (place < first)
        holds |= PLACE_8TH;
    if (place < count / 16)
        holds |= PLACE_16TH;
    if (place >= first && place < last)
        holds |= PLACE_MIDDLE;
    if (place < first || place >= last || (place - first) % 3 == 2)
        holds |= MORE_BITS;
    return holds;
}

static bool is_feed_forward(uint32_t category)
{
    return category == CFI_CATEGORY_FFN_UP || category == CFI_CATEGORY_FFN_GATE || category == CFI_CATEGORY_FFN_DOWN;
}

/* All conditions that hold for a tensor that is the next of its category. */
static uint32_t tensor_conditions(const recipe_run *run, const cfi_quant_slot *slot, const cfi_quant_tensor *tensor, uint32_t category)
{
    const uint32_t ordinal = run->ordinal[category];
    const uint32_t count = category == CFI_CATEGORY_ATTN_VALUE ? run->value_count : run->facts->block_count;
    const bool     by_block = is_feed_forward(category) && run->facts->experts > 1;
    uint32_t       holds = run->conditions | place_conditions(by_block ? (uint32_t)slot->layer : ordinal, count);

    if (ordinal < 2)
        holds |= ORDINAL_2;
    if (ordinal < 4)
        holds |= ORDINAL_4;
    if (ordinal < count / 8)
        holds |= ORDINAL_8TH;
    if (tensor->dims[2] > 1)
        holds |= STACKED;
    if (!rows_suit(run->base, tensor))
        holds |= UNEVEN;
    return holds;
}

static ctxfit_quant format_by_rule(const recipe_run *run, uint32_t category, uint32_t holds)
{
    static const recipe_rule rules[] = {
#define CFI_RULE(category, file_types, conditions, format) {file_types, conditions, CFI_CATEGORY_##category, CFI_QUANT_##format},
#include "recipe.def"
    };

    for (size_t i = 0; i < CFI_COUNT(rules); i++)
        if ((rules[i].file_types & run->type_bit) != 0 && (rules[i].conditions & ~holds) == 0 &&
            (rules[i].category == category || rules[i].category == CFI_CATEGORY_EVERY))
            return rules[i].format;
    return run->base;
}

/* llama.cpp b10472 src/llama-quant.cpp:550: the value matrix of a 70B is small, so it gets more bits. */
static ctxfit_quant raise_value_of_70b(const recipe_run *run, uint32_t category, ctxfit_quant format)
{
    const bool own_rules = (run->type_bit & (TINY | BIT(MXFP4_MOE))) != 0;

    if (run->is_70b && category == CFI_CATEGORY_ATTN_VALUE && !own_rules && (format == CFI_QUANT_Q3_K || format == CFI_QUANT_Q4_K))
        return CFI_QUANT_Q5_K;
    return format;
}

#define SMALL_BLOCK_ELEMS 32u

/* 0: none is defined. Formats of small blocks have none of smaller blocks, and give way to F16 (b11118; b10472 refuses these rows). */
static ctxfit_quant fallback_of(ctxfit_quant format, const cfi_quant_tensor *tensor)
{
    static const struct {
        uint8_t format;
        uint8_t substitute;
    } fallbacks[] = {
#define CFI_FALLBACK(format, substitute) {CFI_QUANT_##format, CFI_QUANT_##substitute},
#include "recipe.def"
    };

    for (size_t i = 0; i < CFI_COUNT(fallbacks); i++)
        if (fallbacks[i].format == format)
            return rows_suit(fallbacks[i].substitute, tensor) ? fallbacks[i].substitute : CFI_QUANT_F16;
    return cfi_quant_format_of(format)->block_elems <= SMALL_BLOCK_ELEMS ? CFI_QUANT_F16 : CFI_QUANT_NONE;
}

static bool wants_imatrix(const recipe_run *run, uint32_t category, ctxfit_quant format)
{
    static const struct {
        uint64_t file_types;
        uint32_t format;
    } low_bit[] = {
#define CFI_IMATRIX(format, file_types) {file_types, CFI_QUANT_##format},
#include "recipe.def"
    };

    if (category == CFI_CATEGORY_TOKEN_EMBD || category == CFI_CATEGORY_OUTPUT)
        return false;
    for (size_t i = 0; i < CFI_COUNT(low_bit); i++)
        if (low_bit[i].format == format)
            return (low_bit[i].file_types & run->type_bit) != 0;
    return false;
}

/* llama.cpp b10472 src/llama-quant.cpp:434: with experts, a feed-forward tensor must name a block of the model. */
static bool has_bad_block(const recipe_run *run, const cfi_quant_slot *slot, uint32_t category)
{
    const bool asked = is_feed_forward(category) && run->facts->experts > 1 && (run->type_bit & (TINY | BIT(MXFP4_MOE))) == 0;

    return asked && (slot->layer < 0 || (uint32_t)slot->layer >= run->facts->block_count);
}

static ctxfit_status quantize_one(recipe_run *run, const cfi_quant_slot *slot, cfi_quant_tensor *tensor, cfi_quant_outcome *outcome,
                                  ctxfit_error *error)
{
    const bool     is_output = run->tied && slot->category == CFI_CATEGORY_TOKEN_EMBD;
    const uint32_t category = is_output ? CFI_CATEGORY_OUTPUT : slot->category;
    ctxfit_quant   format;

    if (has_bad_block(run, slot, category))
        return cfi_fail(error, CTXFIT_E_REFUSED, "tensor '%.80s': expected a block below %u", tensor->name, run->facts->block_count);
    format = format_by_rule(run, category, tensor_conditions(run, slot, tensor, category));
    format = raise_value_of_70b(run, category, format);
    run->ordinal[category]++;
    if (!rows_suit(format, tensor)) {
        const ctxfit_quant substitute = fallback_of(format, tensor);

        if (substitute == CFI_QUANT_NONE)
            return cfi_fail(error, CTXFIT_E_REFUSED, "tensor '%.80s': rows of %llu elements do not suit %s, which has no substitute",
                            tensor->name, (unsigned long long)tensor->dims[0], ctxfit_quant_name(format));
        format = substitute;
        outcome->fallbacks++;
    }
    outcome->needs_imatrix += wants_imatrix(run, category, format);
    tensor->to = format;
    return CTXFIT_OK;
}

static void keep_all(cfi_quant_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tensors[i].to = tensors[i].from;
}

static ctxfit_status check_type(ctxfit_file_type type, ctxfit_quant *out_base, ctxfit_error *error)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

    if (ctxfit_file_type_get_info(type, &info) != CTXFIT_OK)
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "file type %u is unknown", type);
    if ((info.flags & (CTXFIT_FILE_TYPE_F_RETIRED | CTXFIT_FILE_TYPE_F_NO_RECIPE)) != 0)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "llama-quantize does not make %s files", ctxfit_file_type_name(type));
    *out_base = info.base;
    return CTXFIT_OK;
}

static void start_run(recipe_run *run, ctxfit_file_type type, ctxfit_quant base, const cfi_quant_facts *facts,
                      const cfi_quant_slot *slots, size_t count)
{
    memset(run, 0, sizeof *run);
    run->facts = facts;
    run->type_bit = UINT64_C(1) << type;
    run->base = base;
    run->conditions = model_conditions(facts);
    run->is_70b = counts_as_70b(facts);
    run->tied = true;
    for (size_t i = 0; i < count; i++) {
        if (slots[i].category == CFI_CATEGORY_OUTPUT)
            run->tied = false;
        if (slots[i].category == CFI_CATEGORY_ATTN_VALUE)
            run->value_count++;
    }
}

ctxfit_status cfi_quant_recipe_run(ctxfit_file_type type, const cfi_quant_facts *facts, const cfi_quant_slot *slots,
                                   cfi_quant_tensor *tensors, size_t count, cfi_quant_outcome *outcome, ctxfit_error *error)
{
    const ctxfit_file_type source = facts->source != 0 ? facts->source : CTXFIT_FILE_TYPE_F16;
    cfi_quant_outcome      found = {0, 0, 0};
    ctxfit_quant           base = CFI_QUANT_NONE;
    recipe_run             run;
    ctxfit_status          status;

    if (outcome != NULL)
        *outcome = found;
    keep_all(tensors, count);
    if (type == CTXFIT_FILE_TYPE_DEFAULT || type == source)
        return CTXFIT_OK;
    status = check_type(type, &base, error);
    if (status != CTXFIT_OK)
        return status;
    start_run(&run, type, base, facts, slots, count);
    for (size_t i = 0; i < count; i++) {
        cfi_quant_tensor *tensor = &tensors[slots[i].tensor];

        if (!slots[i].quantizable)
            continue;
        if (is_quantized_format(base)) {
            status = quantize_one(&run, &slots[i], tensor, &found, error);
            if (status != CTXFIT_OK) {
                keep_all(tensors, count);
                return status;
            }
        } else {
            tensor->to = base;
        }
        found.requantized += is_quantized_format(tensor->from) && tensor->to != tensor->from;
    }
    if (outcome != NULL)
        *outcome = found;
    return CTXFIT_OK;
}

ctxfit_status cfi_quant_recipe_apply(ctxfit_file_type type, const cfi_quant_facts *facts, cfi_quant_tensor *tensors, size_t count,
                                     const ctxfit_allocator *allocator, cfi_quant_outcome *outcome, ctxfit_error *error)
{
    const ctxfit_allocator memory = cfi_allocator_or_default(allocator);
    cfi_quant_slot        *slots = NULL;
    ctxfit_status          status;

    if (outcome != NULL)
        memset(outcome, 0, sizeof *outcome);
    if (count > SIZE_MAX / sizeof *slots)
        return cfi_fail(error, CTXFIT_E_LIMIT, "%zu tensors are more than a recipe can order", count);
    if (count != 0) {
        slots = memory.alloc(memory.user, count * sizeof *slots);
        if (slots == NULL)
            return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for %zu tensors", count);
    }
    status = cfi_quant_recipe_prepare(tensors, count, slots, allocator, error);
    if (status == CTXFIT_OK)
        status = cfi_quant_recipe_run(type, facts, slots, tensors, count, outcome, error);
    if (slots != NULL)
        memory.release(memory.user, slots, count * sizeof *slots);
    return status;
}
