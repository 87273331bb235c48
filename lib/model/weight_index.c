/* Tensors by their names, and layers that are alike: what a graph asks for. */
#include <stdlib.h>

#include "arch_internal.h"

typedef struct weight_text {
    char text[28];
} weight_text;

static const weight_text weight_texts[] = {
#define CFI_WEIGHT(name, text) {text},
#include "weights.def"
#undef CFI_WEIGHT
};

static uint32_t weight_key(cfi_weight_stack stack, cfi_weight name, cfi_weight_part part)
{
    return (uint32_t)name << 4 | (uint32_t)stack << 2 | (uint32_t)part;
}

static uint32_t cut_part(const char *name, size_t *len)
{
    static const struct {
        char     text[14];
        uint8_t  len;
        uint32_t part;
    } parts[] = {
        {".weight", 7, CFI_PART_WEIGHT},
        {".bias", 5, CFI_PART_BIAS},
        {".input_scale", 12, CFI_PART_INPUT_SCALE},
        {".scales", 7, CFI_PART_SCALE},
        {".scale", 6, CFI_PART_SCALE}};

    for (size_t i = 0; i < CFI_COUNT(parts); i++) {
        if (*len > parts[i].len && memcmp(name + *len - parts[i].len, parts[i].text, parts[i].len) == 0) {
            *len -= parts[i].len;
            return parts[i].part;
        }
    }
    return CFI_PART_WEIGHT;
}

/* UINT32_MAX: a name that no graph asks for. */
static uint32_t key_of(const char *name)
{
    uint64_t         block;
    const char      *base  = cfi_model_split_name(name, &block);
    cfi_weight_stack stack = CFI_STACK_MAIN;
    size_t           len;
    uint32_t         part;
    size_t           low  = 0;
    size_t           high = CFI_W_COUNT;

    if (base == NULL)
        base = name;
    else if (name[0] != 'b')
        stack = name[0] == 'e' ? CFI_STACK_ENCODER : CFI_STACK_DECODER;
    len  = strlen(base);
    part = cut_part(base, &len);
    while (low < high) {
        size_t      mid  = low + (high - low) / 2;
        const char *text = weight_texts[mid].text;
        int         diff = strncmp(base, text, len);

        if (diff == 0 && text[len] == '\0')
            return weight_key(stack, (cfi_weight)mid, (cfi_weight_part)part);
        if (diff > 0)
            low = mid + 1;
        else
            high = mid;
    }
    return UINT32_MAX;
}

static int by_key(const void *a, const void *b)
{
    const cfi_weight_entry *x = a;
    const cfi_weight_entry *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

uint32_t cfi_model_layers_once(const ctxfit_model *model)
{
    double loops = model->fact[CFI_FACT_LOOPS];

    if (model->arch == NULL || (model->arch->flags & CFI_ARCH_LOOPED) == 0 || loops == CFI_FACT_UNSTATED || loops < 2 ||
        loops > model->info.layers)
        return model->info.layers;
    return model->info.layers / (uint32_t)loops;
}

/* The layer whose tensors a layer has: models that pass their layers several times have one set. */
static uint32_t stored_layer(const ctxfit_model *model, uint32_t layer)
{
    uint32_t once = cfi_model_layers_once(model);

    return layer < model->info.layers ? layer % once : layer;
}

const cfi_tensor *cfi_model_weight(const ctxfit_model *model, uint32_t layer, cfi_weight_stack stack, cfi_weight name,
                                   cfi_weight_part part)
{
    uint32_t key  = weight_key(stack, name, part);
    uint32_t low  = model->weight_first[stored_layer(model, layer)];
    uint32_t high = model->weight_first[stored_layer(model, layer) + 1];

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (model->weight[mid].key == key)
            return &model->tensor[model->weight[mid].tensor];
        if (model->weight[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool same_shapes(const ctxfit_model *model, uint32_t a, uint32_t b)
{
    uint32_t count = model->weight_first[a + 1] - model->weight_first[a];

    if (count != model->weight_first[b + 1] - model->weight_first[b] ||
        model->layer_marks[a] != model->layer_marks[b] || memcmp(&model->layer[a], &model->layer[b], sizeof(model->layer[a])) != 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const cfi_weight_entry *x = &model->weight[model->weight_first[a] + i];
        const cfi_weight_entry *y = &model->weight[model->weight_first[b] + i];

        if (x->key != y->key || memcmp(model->tensor[x->tensor].dims, model->tensor[y->tensor].dims, sizeof(model->tensor->dims)) != 0)
            return false;
    }
    return true;
}

static bool same_formats(const ctxfit_model *model, uint32_t a, uint32_t b)
{
    for (uint32_t i = model->weight_first[a]; i < model->weight_first[a + 1]; i++) {
        uint32_t other = model->weight_first[b] + i - model->weight_first[a];

        if (model->tensor[model->weight[i].tensor].quant != model->tensor[model->weight[other].tensor].quant)
            return false;
    }
    return true;
}

/* Most layers are like the one before, or one of few kinds: the kinds that are known are tried from the newest. */
static void find_kinds(ctxfit_model *model, uint32_t *kinds)
{
    uint32_t layers = model->info.layers + model->info.nextn_layers;
    uint32_t count  = 0;

    for (uint32_t i = 0; i < layers; i++) {
        uint32_t k = count;

        model->layer_shape[i]  = i;
        model->layer_format[i] = i;
        if (stored_layer(model, i) != i) {
            model->layer_shape[i]  = model->layer_shape[stored_layer(model, i)];
            model->layer_format[i] = model->layer_format[stored_layer(model, i)];
            continue;
        }
        while (k > 0 && !same_shapes(model, kinds[k - 1], i))
            k--;
        if (k > 0)
            model->layer_shape[i] = model->layer_shape[kinds[k - 1]];
        for (; k > 0; k--) {
            if (model->layer_shape[kinds[k - 1]] == model->layer_shape[i] && same_formats(model, kinds[k - 1], i)) {
                model->layer_format[i] = kinds[k - 1];
                break;
            }
        }
        if (model->layer_format[i] == i && count < 32) /* beyond that, layers count as all different */
            kinds[count++] = i;
    }
}

/* Of a layer by its name: some that are kept with the first layer belong to none. */
static size_t slot_of(const cfi_tensor *t, size_t slots)
{
    uint64_t block;

    return t->layer >= 0 && cfi_model_split_name(t->name, &block) != NULL ? (size_t)t->layer : slots - 1;
}

ctxfit_status cfi_model_index_weights(ctxfit_model *model, ctxfit_error *error)
{
    size_t    slots  = (size_t)model->info.layers + model->info.nextn_layers + 1;
    uint64_t  count  = model->info.tensor_count;
    uint32_t *next   = NULL;
    uint32_t *keys   = NULL;
    uint32_t  at     = 0;

    model->weight       = cfi_arena_array(&model->arena, (size_t)count + 1, sizeof(*model->weight));
    model->weight_first = cfi_arena_array(&model->arena, slots + 1, sizeof(*model->weight_first));
    model->layer_shape  = cfi_arena_array(&model->arena, slots, sizeof(*model->layer_shape));
    model->layer_format = cfi_arena_array(&model->arena, slots, sizeof(*model->layer_format));
    keys                = cfi_arena_array(&model->arena, (size_t)count + 1, sizeof(*keys));
    next                = cfi_arena_array(&model->arena, slots + 32, sizeof(*next));
    if (model->weight == NULL || model->weight_first == NULL || model->layer_shape == NULL || model->layer_format == NULL || keys == NULL ||
        next == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "model: out of memory");
    for (uint64_t i = 0; i < count; i++) {
        const cfi_tensor *t = &model->tensor[i];

        keys[i] = t->role == CFI_ROLE_UNUSED && t->layer < (int32_t)model->info.layers ? UINT32_MAX : key_of(t->name);
        if (keys[i] != UINT32_MAX)
            next[slot_of(t, slots)]++;
    }
    for (size_t s = 0; s < slots; s++) {
        model->weight_first[s] = at;
        at += next[s];
        next[s] = model->weight_first[s];
    }
    model->weight_first[slots] = at;
    for (uint64_t i = 0; i < count; i++) {
        const cfi_tensor *t = &model->tensor[i];

        if (keys[i] != UINT32_MAX)
            model->weight[next[slot_of(t, slots)]++] = (cfi_weight_entry){keys[i], (uint32_t)i};
    }
    for (size_t s = 0; s < slots; s++) {
        uint32_t here = model->weight_first[s + 1] - model->weight_first[s];

        if (here > 1)
            qsort(&model->weight[model->weight_first[s]], here, sizeof(*model->weight), by_key);
    }
    find_kinds(model, next);
    return CTXFIT_OK;
}

typedef struct fact_key {
    char text[40];
} fact_key;

static const fact_key fact_keys[] = {
#define CFI_FACT(name, key) {key},
#include "facts.def"
#undef CFI_FACT
};

static bool is_flag(size_t fact)
{
    return fact == CFI_FACT_EXPERT_WEIGHTS_NORM || fact == CFI_FACT_PARALLEL_RESIDUAL || fact == CFI_FACT_ROPE_FINETUNED ||
           fact == CFI_FACT_LOOP_UNNORMED || fact == CFI_FACT_SSM_NORMS || fact == CFI_FACT_SWIN_NORM || fact == CFI_FACT_CAUSAL ||
           fact == CFI_FACT_NORM_BEFORE_RESIDUAL;
}

/* Layers whose value in the list, or the one value, is above `least`. */
static void mark_layers_above(ctxfit_model *model, cfi_meta *meta, const char *key, double least, uint8_t mark)
{
    cfi_meta_list list;
    double        value;

    if (!cfi_meta_list_open(&list, meta, key)) {
        value = cfi_meta_has(meta, key) && cfi_meta_count(meta, key) == 0 ? cfi_meta_f64(meta, key, least) : least;
        for (uint32_t i = 0; i < model->info.layers && value > least; i++)
            model->layer_marks[i] |= mark;
        return;
    }
    for (uint32_t i = 0; i < model->info.layers && cfi_meta_list_number(&list, &value); i++)
        model->layer_marks[i] |= value > least ? mark : 0;
}

/* As lib/hf/hf_stated.c writes it. */
static double config_rope_of(cfi_meta *meta, const char *key)
{
    static const struct {
        char    name[24];
        uint8_t kind;
    } kinds[] = {{"llama3", CFI_CONFIG_ROPE_LLAMA3}, {"longrope", CFI_CONFIG_ROPE_LONGROPE}, {"yarn", CFI_CONFIG_ROPE_YARN},
                 {"deepseek_yarn", CFI_CONFIG_ROPE_YARN_LIKE}, {"deepseek_llama_scaling", CFI_CONFIG_ROPE_YARN_LIKE}};
    size_t      len;
    const char *text = cfi_meta_string(meta, key, &len);

    for (size_t i = 0; text != NULL && i < CFI_COUNT(kinds); i++)
        if (len == strlen(kinds[i].name) && memcmp(text, kinds[i].name, len) == 0)
            return kinds[i].kind;
    return CFI_CONFIG_ROPE_OTHER;
}

void cfi_model_read_facts(ctxfit_model *model, cfi_meta *meta)
{
    mark_layers_above(model, meta, "swiglu_clamp_exp", 1e-6, CFI_LAYER_CLAMPS_EXPERTS);
    if ((model->arch->flags & CFI_ARCH_ONE_LIMIT) != 0 && !cfi_meta_has(meta, "swiglu_clamp_shexp"))
        mark_layers_above(model, meta, "swiglu_clamp_exp", 1e-6, CFI_LAYER_CLAMPS_DENSE);
    else
        mark_layers_above(model, meta, "swiglu_clamp_shexp", 1e-6, CFI_LAYER_CLAMPS_DENSE);
    mark_layers_above(model, meta, "deepstack_mapping", -1, CFI_LAYER_STREAM);
    mark_layers_above(model, meta, "config.sliding_window_layers", 0, CFI_LAYER_CONFIG_WINDOW);
    for (size_t i = 0; i < CFI_FACT_COUNT; i++) {
        const char *key = fact_keys[i].text;

        model->fact[i] = CFI_FACT_UNSTATED;
        if (!cfi_meta_has(meta, key))
            continue;
        if (i == CFI_FACT_ROPE_SECTIONS || i == CFI_FACT_CONFIG_WINDOW_LAYERS) /* a list: that it is there counts */
            model->fact[i] = 1.0;
        else if (i == CFI_FACT_CONFIG_ROPE_TYPE)
            model->fact[i] = config_rope_of(meta, key);
        else
            model->fact[i] = is_flag(i) ? (cfi_meta_bool(meta, key, false) ? 1.0 : 0.0) : cfi_meta_f64(meta, key, CFI_FACT_UNSTATED);
    }
}
