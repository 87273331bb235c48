/* What no row of hf_rules.def can say: rope scaling, the output matrix, blocks behind the trunk, and a few families.
 * Source, unless stated: llama.cpp b10472 (2026-08-18) conversion/base.py and conversion/<name>.py. */
#include "hf_internal.h"

/* ---- all families ---- */

static bool is_text(const char *text, const char *wanted) { return strcmp(text, wanted) == 0; }

/* Rope types of transformers 5.23.0 modeling_rope_utils.py, ROPE_INIT_FUNCTIONS, and what files had before or beside them: models with
 * eyes name "mrope", GLM and Hunyuan what they always have. */
static bool is_rope_type(const char *type)
{
    static const char types[][16] = {"default", "linear", "dynamic", "yarn", "longrope", "su", "llama3", "proportional", "mrope", "xdrope",
                                     "none", "deepseek_yarn", "ntk", "telechat"};

    for (size_t i = 0; i < CFI_COUNT(types); i++)
        if (is_text(types[i], type))
            return true;
    return false;
}

static void read_rope_scaling(cfi_hf_line *line)
{
    cfi_hf_config       *c = line->c;
    const char          *type = cfi_json_as_text(cfi_json_get(c->rope, "rope_type"), NULL);
    double               factor = 0;
    uint64_t             original;

    if (type == NULL)
        type = cfi_json_as_text(cfi_json_get(c->rope, "type"), NULL);
    if (type != NULL && !is_rope_type(type))
        cfi_hf_note(c, "rope type '%.40s' is not known: positions are counted as without it", type);
    if (type == NULL || (cfi_hf_word_of(line, "rope.scaling.type") != NULL))
        return;
    if ((is_text(type, "linear") || is_text(type, "yarn")) && cfi_json_as_number(cfi_json_get(c->rope, "factor"), &factor) && factor > 0) {
        char      *text = cfi_arena_alloc(c->arena, 32);
        cfi_writer w;

        if (text == NULL) {
            cfi_hf_fail(line->c, CTXFIT_E_NO_MEMORY, "out of memory");
            return;
        }
        cfi_writer_init(&w, text, 32);
        cfi_write_number(&w, factor, 9);
        (void)cfi_writer_finish(&w, NULL);
        cfi_hf_set(line, "rope.scaling.type", is_text(type, "yarn") ? "yarn" : "linear");
        cfi_hf_set(line, "rope.scaling.factor", text);
        if (is_text(type, "yarn") && cfi_hf_u64(c, "@original_max_position_embeddings", &original))
            cfi_hf_set_u64(line, "rope.scaling.original_context_length", original);
    } else if (is_text(type, "su") || is_text(type, "longrope")) {
        cfi_hf_set(line, "rope.scaling.type", "longrope");
    } else if (is_text(type, "llama3") && cfi_hf_writes_rope_factors(c->family)) { /* as a tensor, without type and length */
        cfi_hf_set(line, "rope_freqs", "true");
        if (cfi_hf_u64(c, "@original_max_position_embeddings", &original))
            cfi_hf_set_u64(line, "rope.scaling.original_context_length", original);
    }
}

/* How experts are chosen: gguf-py's ExpertGatingFuncType. */
static void read_gating(cfi_hf_line *line)
{
    static const char keys[][28] = {"score_function", "scoring_func", "score_func", "moe_router_activation_func"};
    const char       *name = "";

    for (size_t i = 0; i < CFI_COUNT(keys) && *name == '\0'; i++)
        name = cfi_hf_text(line->c, keys[i]);
    if (is_text(name, "softmax"))
        cfi_hf_set(line, "expert_gating_func", "1");
    else if (is_text(name, "sigmoid"))
        cfi_hf_set(line, "expert_gating_func", "2");
    else if (is_text(name, "sqrtsoftplus"))
        cfi_hf_set(line, "expert_gating_func", "4");
}

/* Elements of the recurrent state, where the model asks engines of checkpoints for a type other than its own. */
static void read_state_bytes(cfi_hf_line *line)
{
    const char *name = cfi_hf_text(line->c, "mamba_ssm_cache_dtype");

    if (*name == '\0')
        name = cfi_hf_text(line->c, "mamba_ssm_dtype");
    if (is_text(name, "float32"))
        cfi_hf_set(line, "ssm.state_bytes", "4");
    else if (is_text(name, "float16") || is_text(name, "bfloat16"))
        cfi_hf_set(line, "ssm.state_bytes", "2");
}

static void read_sections(cfi_hf_line *line)
{
    const cfi_json_value *sections = cfi_json_get(line->c->rope, "mrope_section");
    uint64_t              four[4] = {0};
    uint32_t              i = 0;

    for (cfi_json_iter it = cfi_json_items(sections); i < 4 && cfi_json_next(&it); i++)
        if (!cfi_json_as_u64(it.value, &four[i]))
            return;
    if (i > 0)
        cfi_hf_set_list(line, "rope.dimension_sections", four, 4);
}

/* Gemma has no output matrix, whatever its copies say, and neither have decoders without a head (embedding models). */
static void read_tied(cfi_hf_line *line)
{
    static const char keys[][24] = {"tie_word_embeddings", "tie_embedding"};

    if (line->c->headless) {
        cfi_hf_set(line, "tie_word_embeddings", "true");
        return;
    }
    if (strncmp(line->c->arch, "gemma", 5) == 0)
        return;
    for (size_t i = 0; i < CFI_COUNT(keys); i++)
        if (cfi_hf_get(line->c, keys[i]) != NULL) {
            cfi_hf_set(line, "tie_word_embeddings", cfi_hf_true(line->c, keys[i]) ? "true" : "false");
            return;
        }
}

/* What file_type 0 gives; BF16 where it is not said. */
static void read_precision(cfi_hf_line *line)
{
    const char *type = cfi_hf_text(line->c, "torch_dtype");

    if (*type == '\0')
        type = cfi_hf_text(line->c, "dtype");
    if (is_text(type, "float16"))
        cfi_hf_set(line, "general.file_type", "1");
    else if (is_text(type, "float32"))
        cfi_hf_set(line, "general.file_type", "0");
    else if (*type != '\0' && !is_text(type, "bfloat16") && !is_text(type, "auto"))
        cfi_hf_note(line->c, "dtype '%.40s' is none that weights are stored in: bfloat16 is counted", type);
}

/* gpt-oss and DeepSeek-V4 are published with experts in MXFP4; copies that were made plain, or quantized otherwise, have none, and engines
 * and converters take them as they are (llama.cpp b10472 conversion/base.py:827, conversion/deepseek.py:782). */
static void read_mxfp4(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    const char          *experts = cfi_hf_text(c, "expert_dtype");
    cfi_hf_quant         quant;
    bool                 packed;

    cfi_hf_read_quant(c, &quant);
    if (strcmp(c->family, "gpt_oss") == 0)
        packed = quant.kind == CTXFIT_CHECKPOINT_QUANT_MXFP4 || quant.kind == CTXFIT_CHECKPOINT_QUANT_MLX;
    else if (strcmp(c->family, "deepseek4") == 0)
        packed = *experts != '\0' ? is_text(experts, "fp4") : quant.kind != CTXFIT_CHECKPOINT_QUANT_NONE;
    else
        return;
    if (!packed)
        cfi_hf_set(line, "mxfp4_experts", "false");
}

/* Where a file was saved from, or its type: a name for people. Names with blanks would need quotes; there are none on the hub. */
static void read_name(cfi_hf_line *line)
{
    const char *path = cfi_hf_text(line->c, "_name_or_path");
    const char *last = strrchr(path, '/');
    const char *name = last != NULL ? last + 1 : path;

    if (*name == '\0' || strpbrk(name, " \t\r\n\"") != NULL)
        name = line->c->model_type;
    if (*name != '\0' && strpbrk(name, " \t\r\n\"") == NULL)
        cfi_hf_set(line, "general.name", name);
}

static bool says_false(const cfi_hf_config *c, const char *key)
{
    return cfi_json_kind_of(cfi_hf_get(c, key)) == CFI_JSON_BOOL && !cfi_hf_true(c, key);
}

static void drop_what_does_not_hold(cfi_hf_line *line)
{
    static const char zero[][40] = {"attention.sliding_window", "nextn_predict_layers", "attention.shared_kv_layers",
                                    "embedding_length_per_layer_input", "expert_shared_feed_forward_length"};
    uint64_t          value;

    if (says_false(line->c, "use_sliding_window"))
        cfi_hf_set(line, "attention.sliding_window", NULL);
    for (size_t i = 0; i < CFI_COUNT(zero); i++)
        if (cfi_hf_word_u64(line, zero[i], &value) && value == 0)
            cfi_hf_set(line, zero[i], NULL);
    if (cfi_hf_word_of(line, "attention.sliding_window") == NULL)
        cfi_hf_set(line, "attention.sliding_window_pattern", NULL);
    if (cfi_hf_word_u64(line, "expert_count", &value) && value <= 1) { /* of a dense model */
        cfi_hf_set(line, "expert_count", NULL);
        cfi_hf_set(line, "expert_used_count", NULL);
    }
    if (cfi_hf_word_u64(line, "expert_group_count", &value) && value <= 1) {
        cfi_hf_set(line, "expert_group_count", NULL);
        cfi_hf_set(line, "expert_group_used_count", NULL);
    }
}

/* "dense" or "sparse" for each layer, as transformers 5 writes what was first_k_dense_replace; transformers 5.23.0
 * configuration_hy_v3.py, configuration_glm4_moe_lite.py. */
static void read_dense_layers(cfi_hf_line *line)
{
    cfi_json_iter it = cfi_json_items(cfi_hf_get_stated(line->c, "mlp_layer_types"));
    uint64_t      dense = 0;

    if (it.left == 0 || cfi_hf_get_stated(line->c, "first_k_dense_replace") != NULL)
        return;
    while (cfi_json_next(&it)) {
        const char *kind = cfi_json_as_text(it.value, NULL);

        if (kind == NULL || !is_text(kind, "dense"))
            break;
        dense++;
    }
    cfi_hf_set_u64(line, "leading_dense_block_count", dense);
}

/* Blocks for next-token prediction are blocks behind the trunk. */
static void add_nextn(cfi_hf_line *line)
{
    uint64_t nextn;

    if (cfi_hf_word_u64(line, "nextn_predict_layers", &nextn))
        cfi_hf_set_u64(line, "block_count", line->c->layers + nextn);
}

/* ---- lists ---- */

static uint64_t *layer_list(cfi_hf_line *line, uint64_t count)
{
    uint64_t *list = count > 0 && count <= 2 * 4096u ? cfi_arena_array(line->c->arena, (size_t)count, sizeof *list) : NULL;

    if (list == NULL)
        cfi_hf_fail(line->c, count == 0 || count > 2 * 4096u ? CTXFIT_E_MALFORMED : CTXFIT_E_NO_MEMORY, "%llu layers",
                    (unsigned long long)count);
    return list;
}

static void set_same(cfi_hf_line *line, const char *key, const uint64_t *list, uint64_t count)
{
    cfi_hf_set_list(line, key, list, (uint32_t)count);
}

static uint64_t number_or(const cfi_hf_config *c, const char *key, uint64_t fallback)
{
    uint64_t value;

    return cfi_hf_u64(c, key, &value) ? value : fallback;
}

/* What single layers have otherwise, as transformers 5 writes it: {"05": {"head_dim": 512, "num_key_value_heads": 2}}. */
static void set_of_layers(cfi_hf_line *line, const char *name, const char *key)
{
    const uint32_t layers = line->c->layers;
    uint64_t       usual, layer, number;
    uint64_t      *list = NULL;

    for (cfi_json_iter it = cfi_json_items(cfi_hf_get_stated(line->c, "per_layer_config")); cfi_json_next(&it);) {
        const char *end;

        if (!cfi_json_as_u64(cfi_json_get(it.value, name), &number))
            continue;
        if (!cfi_parse_u64(it.key, &end, &layer) || *end != '\0' || layer >= layers) {
            cfi_hf_fail(line->c, CTXFIT_E_MALFORMED, "'per_layer_config' has '%.20s': expected layers from 0 to %u", it.key, layers - 1);
            return;
        }
        if (list == NULL) {
            list = cfi_hf_word_u64(line, key, &usual) ? layer_list(line, layers) : NULL;
            if (list == NULL)
                return;
            for (uint32_t i = 0; i < layers; i++)
                list[i] = usual;
        }
        list[layer] = number;
    }
    if (list != NULL)
        set_same(line, key, list, layers);
}

static void read_layers_of_their_own(cfi_hf_line *line)
{
    const cfi_json_value *layers = cfi_hf_get_stated(line->c, "per_layer_config");
    const bool            full_width = strcmp(line->c->family, "gemma4") == 0; /* layers with full attention have a head_dim of their own */
    uint64_t              width;

    cfi_hf_expect_object(line->c, "per_layer_config");
    for (cfi_json_iter it = cfi_json_items(layers); line->c->status == CTXFIT_OK && cfi_json_next(&it);)
        if (cfi_json_kind_of(it.value) != CFI_JSON_OBJECT)
            cfi_hf_fail(line->c, CTXFIT_E_TYPE, "'per_layer_config' has %s: expected objects", cfi_json_kind_name(it.value));
    if (cfi_json_count(layers) == 0 || line->c->layers == 0 || line->c->status != CTXFIT_OK)
        return;
    set_of_layers(line, "num_attention_heads", "attention.head_count");
    set_of_layers(line, "num_key_value_heads", "attention.head_count_kv");
    for (cfi_json_iter it = cfi_json_items(layers); cfi_json_next(&it);)
        for (cfi_json_iter of = cfi_json_items(it.value); cfi_json_next(&of);)
            if (full_width && is_text(of.key, "head_dim") && cfi_json_as_u64(of.value, &width)) {
                cfi_hf_set_u64(line, "attention.key_length", width);
                cfi_hf_set_u64(line, "attention.value_length", width);
                cfi_hf_set_u64(line, "rope.dimension_count", width);
            } else if (!is_text(of.key, "num_attention_heads") && !is_text(of.key, "num_key_value_heads")) {
                cfi_hf_note(line->c, "per_layer_config has '%.40s' of layer %.20s, which is not counted", of.key, it.key);
                return;
            }
}

/* ---- families ---- */

/* Layers beyond the list of full layers keep a state: their KV heads are 0. Layers are counted from 1 there. */
static void special_kimi_linear(cfi_hf_line *line)
{
    uint64_t *list = layer_list(line, line->c->layers);
    uint64_t  layer;

    if (list == NULL)
        return;
    for (cfi_json_iter it = cfi_json_items(cfi_hf_get(line->c, "linear_attn_config.full_attn_layers")); cfi_json_next(&it);)
        if (cfi_json_as_u64(it.value, &layer) && layer >= 1 && layer <= line->c->layers)
            list[layer - 1] = 1;
    set_same(line, "attention.head_count_kv", list, line->c->layers);
}

static char nemotron_block(const char *name)
{
    static const struct {
        char name[20];
        char letter;
    } blocks[] = {{"mamba", 'M'}, {"linear_attention", 'M'}, {"attention", '*'}, {"full_attention", '*'}, {"moe", 'E'}, {"mlp", '-'}};

    for (size_t i = 0; i < CFI_COUNT(blocks); i++)
        if (is_text(name, blocks[i].name))
            return blocks[i].letter;
    return '?';
}

static bool has_expert_block(const char *letters, cfi_json_iter it)
{
    bool found = strchr(letters, 'E') != NULL;

    while (!found && cfi_json_next(&it)) {
        const char *name = cfi_json_as_text(it.value, NULL);

        found = name != NULL && is_text(name, "moe");
    }
    return found;
}

/* One letter, or one name, a block: Mamba, attention, feed-forward, experts. */
static void special_nemotron_h(cfi_hf_line *line)
{
    cfi_hf_config *c = line->c;
    const char    *letters = cfi_hf_text(c, "hybrid_override_pattern");
    cfi_json_iter  it = cfi_json_items(cfi_hf_get(c, "layers_block_type"));
    uint64_t       count = *letters != '\0' ? strlen(letters) : it.left;
    bool           moe = has_expert_block(letters, it);
    uint64_t       width = number_or(c, moe ? "moe_intermediate_size" : "intermediate_size", 0);
    uint64_t       heads = number_or(c, "num_key_value_heads", number_or(c, "num_attention_heads", 0));
    bool           mlp = false;
    uint64_t      *ff = count > 0 ? layer_list(line, count) : NULL;
    uint64_t      *kv = ff != NULL ? layer_list(line, count) : NULL;

    if (count == 0)
        cfi_hf_fail(c, CTXFIT_E_INCOMPLETE, "'hybrid_override_pattern' or 'layers_block_type' is missing");

    if (kv == NULL)
        return;
    for (uint64_t i = 0; i < count; i++) {
        const char *name = *letters == '\0' && cfi_json_next(&it) ? cfi_json_as_text(it.value, NULL) : "";
        char        block = *letters != '\0' ? letters[i] : nemotron_block(name != NULL ? name : "");

        ff[i] = block == '-' || block == 'E' ? width : 0;
        kv[i] = block == '*' ? heads : 0;
        mlp = mlp || block == '-';
        if (strchr("M*E-", block) == NULL)
            cfi_hf_fail(c, CTXFIT_E_MALFORMED, "'hybrid_override_pattern' has '%c' for layer %llu: expected M, *, E or -", block,
                        (unsigned long long)i);
    }
    if (cfi_hf_get_stated(c, "num_hidden_layers") != NULL && c->layers != count) /* transformers 5.23.0 configuration_nemotron_h.py */
        cfi_hf_note(c, "num_hidden_layers is %u, the list of blocks has %llu: transformers goes by the list", c->layers,
                    (unsigned long long)count);
    c->layers = (uint32_t)count;
    cfi_hf_set_u64(line, "block_count", count);
    set_same(line, "feed_forward_length", ff, count);
    set_same(line, "attention.head_count_kv", kv, count);
    if (moe && mlp)
        cfi_hf_note(c, "blocks without experts stand beside some with experts: llama.cpp has no such model, all are counted with experts");
    if (moe) {
        c->arch = "nemotron_h_moe";
        cfi_hf_set_u64(line, "expert_feed_forward_length", width);
        return;
    }
    cfi_hf_set(line, "expert_count", NULL);
    cfi_hf_set(line, "expert_used_count", NULL);
    cfi_hf_set(line, "expert_shared_count", NULL);
    cfi_hf_set(line, "expert_shared_feed_forward_length", NULL);
    cfi_hf_set(line, "moe_latent_size", NULL);
}

/* Every block says which attention and which width it has: heads of a group, a linear map, or neither. */
static void special_deci(cfi_hf_line *line)
{
    const cfi_hf_config  *c = line->c;
    const cfi_json_value *blocks = cfi_hf_get(c, "block_configs");
    uint64_t              count = cfi_json_count(blocks);
    uint64_t              heads = number_or(c, "num_attention_heads", 0);
    uint64_t             *list = count > 0 ? layer_list(line, 3 * count) : NULL;
    uint64_t              i = 0;

    if (list == NULL)
        return;
    for (cfi_json_iter it = cfi_json_items(blocks); cfi_json_next(&it); i++) {
        const cfi_json_value *attention = cfi_json_get(it.value, "attention");
        const cfi_json_value *ffn = cfi_json_get(it.value, "ffn");
        uint64_t              group = 0;
        double                multiplier = 0;

        (void)cfi_json_as_u64(cfi_json_get(attention, "n_heads_in_group"), &group);
        (void)cfi_json_as_number(cfi_json_get(ffn, "ffn_mult"), &multiplier);
        list[i] = group > 0 || cfi_json_is_true(cfi_json_get(attention, "replace_with_linear")) ? heads : 0;
        list[count + i] = group > 0 ? heads / group : 0;
        if (multiplier > 0 && multiplier < 1024)
            list[2 * count + i] = ((uint64_t)(2 * multiplier * (double)number_or(c, "hidden_size", 0) / 3) + 255) / 256 * 256;
    }
    set_same(line, "attention.head_count", list, count);
    set_same(line, "attention.head_count_kv", list + count, count);
    set_same(line, "feed_forward_length", list + 2 * count, count);
}

/* Lists of the trunk, and the same for three blocks behind it that the checkpoint has (model.mtp.layers.0-2) and the file does not
 * mention; they attend to the window and have no experts. */
static void special_mimo2(cfi_hf_line *line)
{
    enum { NEXTN = 3 };
    const cfi_hf_config *c = line->c;
    uint64_t             trunk = c->layers, count = trunk + NEXTN;
    uint64_t            *list = trunk > 0 ? layer_list(line, 3 * count) : NULL;
    cfi_json_iter        window = cfi_json_items(cfi_hf_get(c, "hybrid_layer_pattern"));
    cfi_json_iter        experts = cfi_json_items(cfi_hf_get(c, "moe_layer_freq"));

    if (list == NULL)
        return;
    for (uint64_t i = 0; i < count; i++) {
        list[i] = i >= trunk;
        if (i < trunk && cfi_json_next(&window))
            (void)cfi_json_as_u64(window.value, &list[i]);
        list[count + i] = number_or(c, list[i] != 0 ? "swa_num_key_value_heads" : "num_key_value_heads", 0);
        if (i < trunk && cfi_json_next(&experts))
            (void)cfi_json_as_u64(experts.value, &list[2 * count + i]);
    }
    cfi_hf_set_u64(line, "nextn_predict_layers", NEXTN);
    set_same(line, "attention.sliding_window_pattern", list, count);
    set_same(line, "attention.head_count_kv", list + count, count);
    set_same(line, "expert_layers", list + 2 * count, count);
}

/* The first of "3,4,5" is where experts begin; window layers may have heads of their own. */
static void special_step35(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    uint64_t             nextn = number_or(c, "num_nextn_predict_layers", 0);
    uint64_t             trunk = c->layers, count = trunk + cfi_min_u64(nextn, trunk);
    uint64_t            *list = trunk > 0 ? layer_list(line, 4 * count) : NULL;
    cfi_json_iter        kinds = cfi_json_items(cfi_hf_get(c, "layer_types"));
    const char          *enumerated = cfi_hf_text(c, "moe_layers_enum");
    const char          *end;
    cfi_json_iter        behind = cfi_json_items(cfi_hf_get(c, "mtp_layer_types"));
    uint64_t             dense = number_or(c, "first_k_dense_replace", 0);
    uint64_t             heads = number_or(c, "num_attention_heads", 0);
    uint64_t             window_heads = number_or(c, "num_sliding_attention_heads", heads);
    uint64_t             kv = number_or(c, "num_attention_groups", number_or(c, "num_key_value_heads", heads));

    if (list == NULL)
        return;
    (void)cfi_hf_word_u64(line, "leading_dense_block_count", &dense);
    if (cfi_parse_u64(enumerated, &end, &dense))
        cfi_hf_set_u64(line, "leading_dense_block_count", dense);
    for (uint64_t i = 0; i < count; i++) {
        cfi_json_iter *of = kinds.left > 0 ? &kinds : &behind; /* transformers 5 has the blocks behind the trunk in a list of their own */
        const char    *kind = cfi_json_next(of) ? cfi_json_as_text(of->value, NULL) : NULL;
        bool        window = kind != NULL && is_text(kind, "sliding_attention");

        list[i] = window;
        list[count + i] = i >= dense && i < trunk;
        list[2 * count + i] = window ? number_or(c, "attention_other_setting.num_attention_heads", window_heads) : heads;
        list[3 * count + i] = window ? number_or(c, "attention_other_setting.num_attention_groups", kv) : kv;
    }
    set_same(line, "attention.sliding_window_pattern", list, count);
    set_same(line, "expert_layers", list + count, count);
    set_same(line, "attention.head_count", list + 2 * count, count);
    set_same(line, "attention.head_count_kv", list + 3 * count, count);
}

/* One KV head, whatever num_kv_heads says: transformers 5.23.0 modeling_falcon.py FalconAttention. Files of the former class (RW) have
 * n_head_kv instead. */
static void special_falcon(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;

    if (cfi_hf_true(c, "multi_query") && !cfi_hf_true(c, "new_decoder_architecture") && cfi_hf_get_stated(c, "n_head_kv") == NULL)
        cfi_hf_set_u64(line, "attention.head_count_kv", 1);
    if (number_or(c, "num_ln_in_parallel_attn", 2) == 1) /* Falcon-11B */
        cfi_hf_set(line, "attention.norm_2", NULL);
}

/* Models whose layers all attend are of the architecture without states. */
static void special_granite_hybrid(cfi_hf_line *line)
{
    static const char of_states[][24] = {"ssm.conv_kernel", "ssm.inner_size", "ssm.state_size", "ssm.time_step_rank", "ssm.group_count",
                                         "rope.scaling.finetuned"};
    uint64_t          every, length;

    if (!cfi_hf_word_u64(line, "attention.head_count_kv", &every) || every == 0)
        return;
    line->c->arch = cfi_hf_true(line->c, "num_experts_per_tok") ? "granitemoe" : "granite";
    for (size_t i = 0; i < CFI_COUNT(of_states); i++)
        cfi_hf_set(line, of_states[i], NULL);
    if (cfi_hf_u64(line->c, "max_position_embeddings", &length))
        cfi_hf_set_u64(line, "context_length", length);
}

/* Two thirds of the width, rounded up: transformers 5 modeling_lfm2.py Lfm2MLP. */
static void special_lfm2(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    uint64_t             width = number_or(c, "block_ff_dim", number_or(c, "intermediate_size", 0));
    uint64_t             multiple = number_or(c, "block_multiple_of", 256);
    double               multiplier = 1;

    if (cfi_hf_true(c, "block_auto_adjust_ff_dim") && width < UINT32_MAX && multiple > 0 && multiple < UINT32_MAX) {
        (void)cfi_hf_number(c, "block_ffn_dim_multiplier", &multiplier);
        if (!(multiplier > 0 && multiplier < 1024))
            multiplier = 1;
        width = (uint64_t)(multiplier * (double)(2 * width / 3));
        width = (width + multiple - 1) / multiple * multiple;
    }
    cfi_hf_set_u64(line, "feed_forward_length", width);
}

/* Positions by a scaled base up to 256k tokens, whatever the file says. */
static void special_hunyuan(cfi_hf_line *line)
{
    const char *type = cfi_json_as_text(cfi_json_get(line->c->rope, "rope_type"), NULL);

    if (type == NULL)
        type = cfi_json_as_text(cfi_json_get(line->c->rope, "type"), NULL);
    if (type == NULL || !is_text(type, "dynamic"))
        return;
    cfi_hf_set(line, "rope.scaling.type", "none");
    cfi_hf_set(line, "rope.scaling.factor", "1");
    cfi_hf_set(line, "rope.scaling.original_context_length", "262144");
    cfi_hf_set(line, "context_length", "262144");
}

/* Layers that share a cache are twice as wide. */
static void special_gemma4(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    uint64_t             shared = number_or(c, "num_kv_shared_layers", 0);
    uint64_t             width = number_or(c, "intermediate_size", 0);
    uint64_t            *list = c->layers > 0 && cfi_hf_true(c, "use_double_wide_mlp") ? layer_list(line, c->layers) : NULL;

    if (list == NULL)
        return;
    for (uint64_t i = 0; i < c->layers; i++)
        list[i] = i + shared < c->layers ? width : 2 * width;
    set_same(line, "feed_forward_length", list, c->layers);
}

/* Factors of LongRoPE are tensors; the scaling has no name in such files. */
static void special_longrope(cfi_hf_line *line)
{
    const char *type = cfi_hf_word_of(line, "rope.scaling.type");

    if (type != NULL && is_text(type, "longrope")) {
        cfi_hf_set(line, "rope_factors", "true");
        cfi_hf_set(line, "rope.scaling.type", NULL);
    }
}

/* Embeddings are padded: 8 rows are Mamba's own multiple. */
static void special_mamba(cfi_hf_line *line)
{
    uint64_t vocabulary, multiple = number_or(line->c, "pad_vocab_size_multiple", 8);

    if (multiple > 0 && cfi_hf_word_u64(line, "vocab_size", &vocabulary) && cfi_align_u64(vocabulary, multiple, &vocabulary))
        cfi_hf_set_u64(line, "vocab_size", vocabulary);
}

/* transformers 5 writes kinds of layers in the place of ratios, and kinds of experts in that of num_hash_layers: 5.23.0
 * configuration_deepseek_v4.py. */
static void special_deepseek4(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    const uint64_t       sparse = number_or(c, "compress_rates.compressed_sparse_attention", 4);
    const uint64_t       heavy = number_or(c, "compress_rates.heavily_compressed_attention", 128);
    cfi_json_iter        kinds = cfi_json_items(cfi_hf_get_stated(c, "layer_types"));
    uint64_t             hashed = 0, layers = 0;
    uint64_t            *list = cfi_hf_get_stated(c, "compress_ratios") == NULL && kinds.left > 0 ? layer_list(line, kinds.left) : NULL;

    for (; list != NULL && layers < c->layers && cfi_json_next(&kinds); layers++) {
        const char *kind = cfi_json_as_text(kinds.value, NULL);

        list[layers] = kind == NULL || is_text(kind, "sliding_attention") ? 0
                       : is_text(kind, "compressed_sparse_attention") ? sparse : heavy;
    }
    if (list != NULL)
        set_same(line, "attention.compress_ratios", list, layers);
    for (cfi_json_iter it = cfi_json_items(cfi_hf_get_stated(c, "mlp_layer_types")); cfi_json_next(&it);) {
        const char *kind = cfi_json_as_text(it.value, NULL);

        hashed += kind != NULL && is_text(kind, "hash_moe");
    }
    if (cfi_hf_get_stated(c, "num_hash_layers") == NULL && hashed > 0)
        cfi_hf_set_u64(line, "hash_layer_count", hashed);
}

/* Only some layers have an indexer of their own; blocks behind the trunk have one each. */
static void special_deepseek32(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    uint64_t             nextn = number_or(c, "num_nextn_predict_layers", 0);
    cfi_json_iter        kinds = cfi_json_items(cfi_hf_get(c, "indexer_types"));
    uint64_t             count = kinds.left, total;
    uint64_t            *list;

    if (cfi_hf_word_of(line, "attention.indexer.types") == NULL || !cfi_add_u64(count, nextn, &total))
        return;
    list = layer_list(line, total);
    if (list == NULL)
        return;
    for (uint64_t i = 0; i < total; i++) {
        const char *kind = cfi_json_next(&kinds) ? cfi_json_as_text(kinds.value, NULL) : "full";

        list[i] = kind != NULL && is_text(kind, "full");
    }
    set_same(line, "attention.indexer.types", list, total);
}

static bool is_full(const char *kind) { return kind != NULL && (is_text(kind, "full_attention") || is_text(kind, "attention")); }

/* A list of kinds comes before the interval, as in transformers; llama.cpp knows the interval alone. */
static void special_qwen_next(cfi_hf_line *line)
{
    const cfi_json_value *kinds = cfi_hf_get(line->c, "layer_types");
    uint64_t              place = 1, interval = 0;

    for (cfi_json_iter it = cfi_json_items(kinds); interval == 0 && cfi_json_next(&it); place++)
        if (is_full(cfi_json_as_text(it.value, NULL)))
            interval = place;
    if (kinds == NULL || line->c->layers == 0)
        return;
    cfi_hf_set_u64(line, "full_attention_interval", interval > 0 ? interval : line->c->layers + 1u);
    place = 1;
    for (cfi_json_iter it = cfi_json_items(kinds); interval > 0 && cfi_json_next(&it); place++)
        if (is_full(cfi_json_as_text(it.value, NULL)) != (place % interval == 0)) {
            cfi_hf_note(line->c, "layer_types is not full attention in every %lluth layer, as llama.cpp's %s has and as is counted",
                        (unsigned long long)interval, line->c->arch);
            return;
        }
}

static const struct special {
    char family[16];
    void (*apply)(cfi_hf_line *line);
} specials[] = {
    {"deci", special_deci},               {"deepseek32", special_deepseek32},         {"deepseek4", special_deepseek4},
    {"falcon", special_falcon},           {"gemma4", special_gemma4},                 {"granite_hybrid", special_granite_hybrid},
    {"hunyuan", special_hunyuan},         {"hunyuan_moe", special_hunyuan},           {"kimi_linear", special_kimi_linear},
    {"lfm2", special_lfm2},               {"mamba", special_mamba},                   {"mimo2", special_mimo2},
    {"minicpm3", special_longrope},       {"nemotron_h", special_nemotron_h},         {"phi3", special_longrope},
    {"qwen_next", special_qwen_next},     {"step35", special_step35},
};

void cfi_hf_apply_special(cfi_hf_line *line)
{
    read_rope_scaling(line);
    if (cfi_hf_word_of(line, "expert_gating_func") == NULL)
        read_gating(line);
    if (strncmp(line->c->family, "qwen", 4) != 0) /* the architectures imply them */
        read_sections(line);
    read_state_bytes(line);
    read_tied(line);
    if (cfi_hf_word_of(line, "expert_count") != NULL)
        read_dense_layers(line);
    read_precision(line);
    read_mxfp4(line);
    read_name(line);
    read_layers_of_their_own(line);
    for (size_t i = 0; i < CFI_COUNT(specials) && line->c->status == CTXFIT_OK; i++)
        if (strcmp(specials[i].family, line->c->family) == 0)
            specials[i].apply(line);
    drop_what_does_not_hold(line);
    add_nextn(line);
}
