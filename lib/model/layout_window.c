#include "arch_internal.h"

enum { WHEN_NEEDED, WHEN_STATED, WHEN_DEFAULT, WHEN_UNLESS0 };
enum { LAYERS_LAST, LAYERS_FIRST, LAYERS_LIST, LAYERS_ALL, LAYERS_LIST_OR_ALL };
enum {
    FLAG_0 = 0,
    FLAG_FIXED = 1u << 0,
    FLAG_NEXTN = 1u << 1 /* the pattern goes on into the NextN blocks; otherwise they see everything */
};

typedef struct window_rule {
    const char *arch;
    uint32_t    kind;
    uint32_t    when;
    uint32_t    layers;
    uint32_t    period;
    uint32_t    window;
    uint32_t    flags;
    uint32_t    blocks;
} window_rule;

#define CFI_WINDOW(name, kind, when, layers, period, window, flags, blocks) \
    {name, CTXFIT_ATTENTION_##kind, WHEN_##when, LAYERS_##layers, period, window, FLAG_##flags, blocks},
static const window_rule rules[] = {
#include "windows.def"
};
#undef CFI_WINDOW

static const char pattern_key[] = "attention.sliding_window_pattern";

static const window_rule *find_rule(const char *arch)
{
    for (size_t i = 0; i < CFI_COUNT(rules); i++)
        if (strcmp(rules[i].arch, arch) == 0)
            return &rules[i];
    return NULL;
}

/* 0: no layer has a window. */
static uint32_t window_tokens(cfi_layout *l, const window_rule *rule)
{
    uint32_t window = 0;

    if (rule->blocks != 0 && l->count != rule->blocks)
        return 0;
    switch (rule->when) {
    case WHEN_NEEDED:
        window = cfi_meta_need_u32(l->meta, "attention.sliding_window");
        break;
    case WHEN_STATED:
        window = cfi_meta_u32(l->meta, "attention.sliding_window", 0);
        break;
    default:
        window = cfi_meta_u32(l->meta, "attention.sliding_window", rule->window);
        break;
    }
    return window > 0 && (rule->flags & FLAG_FIXED) != 0 ? rule->window : window;
}

/* llama.cpp b10472 src/llama-hparams.cpp:8: period 0 = all, period 1 = none */
static bool in_pattern(const window_rule *rule, uint32_t period, uint32_t layer)
{
    if (rule->layers == LAYERS_ALL || rule->layers == LAYERS_LIST_OR_ALL || period == 0)
        return true;
    if (rule->layers == LAYERS_FIRST)
        return layer % period != 0;
    return layer % period < period - 1;
}

static bool by_list(cfi_layout *l, const window_rule *rule)
{
    switch (rule->layers) {
    case LAYERS_LIST:
        return true;
    case LAYERS_ALL:
        return false;
    default:
        return cfi_meta_count(l->meta, pattern_key) > 0;
    }
}

/* window_tokens holds whether there is one until the window itself is set */
static void mark_layers(cfi_layout *l, const window_rule *rule)
{
    if (by_list(l, rule)) {
        if (!cfi_meta_has(l->meta, pattern_key))
            (void)cfi_meta_need_u32(l->meta, pattern_key);
        (void)cfi_meta_layers_u32(l->meta, pattern_key, l->count, 0, &l->layer[0].window_tokens, sizeof(ctxfit_layer_info));
    } else {
        uint32_t period = cfi_meta_u32(l->meta, pattern_key, rule->period);

        for (uint32_t i = 0; i < l->count; i++)
            l->layer[i].window_tokens = in_pattern(rule, period, i);
    }
    if ((rule->flags & FLAG_NEXTN) == 0)
        for (uint32_t i = l->info->layers; i < l->count; i++)
            l->layer[i].window_tokens = 0;
}

void cfi_layout_windows(cfi_layout *l)
{
    const window_rule *rule = find_rule(l->arch->name);
    uint32_t           window = rule != NULL ? window_tokens(l, rule) : 0;
    uint32_t           key_size;
    uint32_t           value_size;
    uint32_t           rope_size;

    if (window == 0)
        return;
    mark_layers(l, rule);
    key_size = cfi_meta_u32(l->meta, "attention.key_length_swa", 0);
    value_size = cfi_meta_u32(l->meta, "attention.value_length_swa", 0);
    rope_size = cfi_meta_u32(l->meta, "rope.dimension_count_swa", 0);
    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];

        if (layer->window_tokens == 0 || layer->attention == CTXFIT_ATTENTION_NONE) {
            layer->window_tokens = 0;
            continue;
        }
        layer->attention = rule->kind;
        layer->window_tokens = window;
        layer->key_size = key_size > 0 ? key_size : layer->key_size;
        layer->value_size = value_size > 0 ? value_size : layer->value_size;
        layer->rope_size = rope_size > 0 ? rope_size : layer->rope_size;
    }
}
