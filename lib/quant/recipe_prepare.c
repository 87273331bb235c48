/* What a recipe needs to know of a tensor whatever the file type: its category, whether it is quantized at all, its turn. */
#include "quant_internal.h"

typedef struct name_class {
    uint8_t category;
    uint8_t quantizable; /* as far as the name says */
} name_class;

typedef struct name_rule {
    const char *text;
    uint8_t     category;
} name_rule;

static bool keeps_format(const char *name)
{
    static const char *const parts[] = {
#define CFI_KEEP(part) part,
#include "recipe.def"
    };
    static const char *const names[] = {
#define CFI_KEEP_NAMED(name) name,
#include "recipe.def"
    };

    for (size_t i = 0; i < CFI_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    for (size_t i = 0; i < CFI_COUNT(parts); i++)
        if (strstr(name, parts[i]) != NULL)
            return true;
    return false;
}

static uint8_t category_of(const char *name)
{
    static const name_rule names[] = {
#define CFI_NAMED(name, category) {name, CFI_CATEGORY_##category},
#include "recipe.def"
    };
    static const name_rule parts[] = {
#define CFI_NAME_PART(part, category) {part, CFI_CATEGORY_##category},
#include "recipe.def"
    };

    for (size_t i = 0; i < CFI_COUNT(names); i++)
        if (strcmp(name, names[i].text) == 0)
            return names[i].category;
    for (size_t i = 0; i < CFI_COUNT(parts); i++)
        if (strstr(name, parts[i].text) != NULL)
            return parts[i].category;
    return CFI_CATEGORY_OTHER;
}

static name_class classify(const char *name)
{
    static const char ending[] = "weight";
    const size_t      len = strlen(name), ending_len = sizeof ending - 1;
    name_class        result;

    result.category = category_of(name);
    result.quantizable = len >= ending_len && strcmp(name + len - ending_len, ending) == 0 && !keeps_format(name);
    return result;
}

/* Blocks repeat the same names, so what was found for one block serves the others. */
#define MEMO_SLOTS 128u
typedef struct name_memo {
    const char *name[MEMO_SLOTS];
    name_class  result[MEMO_SLOTS];
} name_memo;

static name_class classify_memoized(name_memo *memo, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *p = name; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    hash %= MEMO_SLOTS;
    if (memo->name[hash] == NULL || strcmp(memo->name[hash], name) != 0) {
        memo->name[hash] = name;
        memo->result[hash] = classify(name);
    }
    return memo->result[hash];
}

/* The block's number, -1 without one; *out_rest is the name from the dot after the number, or the whole name. */
static int32_t layer_of(const char *name, const char **out_rest)
{
    static const char prefix[] = "blk.";
    const char       *p = name + sizeof prefix - 1;
    int32_t           layer = 0;

    *out_rest = name;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || *p < '0' || *p > '9')
        return -1;
    for (; *p >= '0' && *p <= '9'; p++)
        layer = layer > (INT32_MAX - 9) / 10 ? INT32_MAX : layer * 10 + (*p - '0');
    if (*p == '.')
        *out_rest = p;
    return layer;
}

/* ggml's number of dimensions: trailing ones do not count. */
static uint32_t dimensions_of(const uint64_t dims[4])
{
    for (uint32_t n = 4; n > 1; n--)
        if (dims[n - 1] > 1)
            return n;
    return 1;
}

/* By block, then by name: llama.cpp b10472 src/llama-model-loader.h:53. */
static bool goes_before(const cfi_quant_tensor *tensors, const cfi_quant_slot *a, const cfi_quant_slot *b)
{
    if (a->layer != b->layer)
        return a->layer < b->layer;
    return strcmp(tensors[a->tensor].name, tensors[b->tensor].name) < 0;
}

static bool is_ordered(const cfi_quant_tensor *tensors, const cfi_quant_slot *slots, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (goes_before(tensors, &slots[i], &slots[i - 1]))
            return false;
    return true;
}

static void merge_runs(const cfi_quant_tensor *tensors, const cfi_quant_slot *from, size_t middle, size_t end, cfi_quant_slot *to)
{
    size_t left = 0, right = middle;

    for (size_t i = 0; i < end; i++) {
        if (right == end || (left < middle && !goes_before(tensors, &from[right], &from[left])))
            to[i] = from[left++];
        else
            to[i] = from[right++];
    }
}

/* Merge sort, bottom up; scratch has room for count slots. */
static void order_slots(const cfi_quant_tensor *tensors, cfi_quant_slot *slots, size_t count, cfi_quant_slot *scratch)
{
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t left = count - start < run ? count - start : run, both = count - start < 2 * run ? count - start : 2 * run;

            merge_runs(tensors, slots + start, left, both, scratch + start);
        }
        memcpy(slots, scratch, count * sizeof *slots);
    }
}

ctxfit_status cfi_quant_recipe_prepare(const cfi_quant_tensor *tensors, size_t count, cfi_quant_slot *slots,
                                       const ctxfit_allocator *allocator, ctxfit_error *error)
{
    const ctxfit_allocator memory = cfi_allocator_or_default(allocator);
    name_memo              memo = {{NULL}, {{0, 0}}};
    cfi_quant_slot        *scratch;

    if (count > UINT32_MAX || count > SIZE_MAX / sizeof *slots)
        return cfi_fail(error, CTXFIT_E_LIMIT, "%zu tensors are more than a recipe can order", count);
    for (size_t i = 0; i < count; i++) {
        cfi_quant_slot *slot = &slots[i];
        const char     *rest;
        name_class      class_of_name;

        if (tensors[i].name == NULL)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "tensor %zu has no name", i);
        memset(slot, 0, sizeof *slot);
        slot->tensor = (uint32_t)i;
        slot->layer = layer_of(tensors[i].name, &rest);
        class_of_name = classify_memoized(&memo, rest);
        slot->category = class_of_name.category;
        slot->quantizable = class_of_name.quantizable && dimensions_of(tensors[i].dims) >= 2;
    }
    if (is_ordered(tensors, slots, count))
        return CTXFIT_OK;
    scratch = memory.alloc(memory.user, count * sizeof *slots);
    if (scratch == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory to order %zu tensors", count);
    order_slots(tensors, slots, count, scratch);
    memory.release(memory.user, scratch, count * sizeof *slots);
    return CTXFIT_OK;
}
