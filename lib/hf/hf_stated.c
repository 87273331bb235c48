/* What engines of checkpoints read of a config.json by themselves, beside what llama.cpp's converter makes of it: words `config.*`
 * (lib/model/facts.def). Which engine goes by which: lib/engine/lengths.c, lib/engine/checkpoint_windows.c. */
#include "hf_internal.h"

/* ---- lengths ---- */

static void state_lengths(cfi_hf_line *line)
{
    static const char keys[][48] = {"config.max_position_embeddings", "config.n_positions",  "config.max_seq_len",
                                    "config.seq_length",              "config.seq_len",      "config.max_target_positions",
                                    "config.max_sequence_length",     "config.max_seq_length", "config.model_max_length",
                                    "config.original_max_position_embeddings"};
    uint64_t          value;

    for (size_t i = 0; i < CFI_COUNT(keys); i++)
        if (cfi_hf_u64(line->c, keys[i] + strlen("config."), &value) && value > 0 && value <= UINT32_MAX)
            cfi_hf_set_u64(line, keys[i], value);
    /* attribute_map of transformers: the classes that have n_positions call it so too. */
    if (cfi_hf_word_of(line, "config.max_position_embeddings") == NULL && cfi_hf_word_u64(line, "config.n_positions", &value))
        cfi_hf_set_u64(line, "config.max_position_embeddings", value);
}

/* The kinds of rope scaling that engines tell apart; every other one multiplies the length by its factor. */
static const char *rope_kind_of(const char *type)
{
    static const char kinds[][24] = {"deepseek_llama_scaling", "deepseek_yarn", "llama3", "longrope", "yarn"};

    if (strcmp(type, "su") == 0)
        return "longrope";
    for (size_t i = 0; i < CFI_COUNT(kinds); i++)
        if (strcmp(type, kinds[i]) == 0)
            return kinds[i];
    return "other";
}

static void state_rope(cfi_hf_line *line)
{
    const cfi_json_value *rope = line->c->rope;
    const char           *type = cfi_hf_rope_type(line->c);
    double                factor;
    uint64_t              original;

    if (type == NULL)
        return;
    cfi_hf_set(line, "config.rope_type", rope_kind_of(type));
    if (cfi_json_as_u64(cfi_json_get(rope, "original_max_position_embeddings"), &original) && original > 0 && original <= UINT32_MAX)
        cfi_hf_set_u64(line, "config.rope_original", original);
    if (cfi_json_as_number(cfi_json_get(rope, "factor"), &factor) && factor > 0 && factor <= 65536)
        cfi_hf_set_number(line, "config.rope_factor", factor);
}

/* ---- windows ---- */

enum { LAYERS_ALL, LAYERS_FROM, LAYERS_ODD, LAYERS_UNROTATED };

typedef struct hf_window_rule {
    char     type[20];
    uint8_t  layers;
    uint8_t  asked;
    uint16_t by_default;
} hf_window_rule;

static const hf_window_rule window_rules[] = {
#define CFI_HF_WINDOW(type, layers, asked, by_default) {type, LAYERS_##layers, asked, by_default},
#include "hf_windows.def"
#undef CFI_HF_WINDOW
};

static const hf_window_rule *window_rule_of(const char *type)
{
    static const hf_window_rule all = {"", LAYERS_ALL, 0, 0};

    for (size_t i = 0; i < CFI_COUNT(window_rules); i++)
        if (strcmp(window_rules[i].type, type) == 0)
            return &window_rules[i];
    return &all;
}

static bool has_window(uint8_t layers, uint32_t layer, uint64_t from)
{
    switch (layers) {
    case LAYERS_FROM: return layer >= from;
    case LAYERS_ODD: return layer % 2 == 0 && layer < from;
    case LAYERS_UNROTATED: return from > 0 && (layer + 1) % from == 0;
    default: return false;
    }
}

static void state_window_layers(cfi_hf_line *line, const hf_window_rule *rule)
{
    static const char key[] = "config.sliding_window_layers";
    cfi_json_iter     it = cfi_json_items(cfi_hf_get_stated(line->c, "layer_types"));
    cfi_json_iter     rotated = cfi_json_items(rule->layers == LAYERS_UNROTATED ? cfi_hf_get_stated(line->c, "no_rope_layers") : NULL);
    uint64_t          from = rule->by_default, *list;

    if ((it.left == 0 && rule->layers == LAYERS_ALL) || line->c->layers > CFI_HF_MAX_LAYERS)
        return; /* no such list: all have it; so many layers are refused later */
    list = cfi_arena_array(line->c->arena, (size_t)line->c->layers + 1, sizeof *list);
    if (list == NULL) {
        cfi_hf_fail(line->c, CTXFIT_E_NO_MEMORY, "out of memory");
        return;
    }
    (void)cfi_hf_u64(line->c, rule->layers == LAYERS_UNROTATED ? "no_rope_layer_interval" : "max_window_layers", &from);
    for (uint32_t i = 0; i < line->c->layers; i++) {
        const char *kind = cfi_json_next(&it) ? cfi_json_as_text(it.value, NULL) : NULL;
        uint64_t    rotates;

        list[i] = cfi_json_next(&rotated) && cfi_json_as_u64(rotated.value, &rotates) ? rotates == 0 : has_window(rule->layers, i, from);
        if (kind != NULL)
            list[i] = strcmp(kind, "sliding_attention") == 0;
    }
    cfi_hf_set_list(line, key, list, line->c->layers);
}

/* Of architectures whose windows llama.cpp has too, its own words say them. */
static void state_windows(cfi_hf_line *line)
{
    const cfi_hf_config  *c = line->c;
    const hf_window_rule *rule = window_rule_of(c->model_type);
    uint64_t              window;
    bool                  off = cfi_hf_get(c, "use_sliding_window") == NULL ? rule->asked != 0 : !cfi_hf_true(c, "use_sliding_window");

    if (off || c->layers == 0 || !cfi_hf_u64(c, "sliding_window", &window) || window == 0 || window > UINT32_MAX)
        return;
    cfi_hf_set_u64(line, "config.sliding_window", window);
    state_window_layers(line, rule);
}

/* Of DeepSeek-V3 and its kin the converter leaves the blocks out that draft. */
static void state_nextn(cfi_hf_line *line)
{
    uint64_t blocks;

    if (cfi_hf_word_of(line, "nextn_predict_layers") == NULL && cfi_hf_u64(line->c, "num_nextn_predict_layers", &blocks) && blocks > 0 &&
        blocks <= CFI_HF_MAX_LAYERS)
        cfi_hf_set_u64(line, "config.nextn_predict_layers", blocks);
}

void cfi_hf_state(cfi_hf_line *line)
{
    state_nextn(line);
    state_lengths(line);
    state_rope(line);
    state_windows(line);
}
