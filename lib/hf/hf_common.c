/* What no row of hf_rules.def can say of any family: rope scaling, the output matrix, precision, single layers.
 * Source, unless stated: llama.cpp b10472 (2026-08-18) conversion/base.py. */
#include "hf_internal.h"

/* ---- rope ---- */

/* Rope types of transformers 5.23.0 modeling_rope_utils.py, ROPE_INIT_FUNCTIONS, and what files had before or beside them: models with
 * eyes name "mrope", GLM and Hunyuan what they always have. */
static bool is_rope_type(const char *type)
{
    static const char types[][16] = {"default", "linear", "dynamic", "yarn", "longrope", "su", "llama3", "proportional", "mrope", "xdrope",
                                     "none", "deepseek_yarn", "ntk", "telechat"};

    for (size_t i = 0; i < CFI_COUNT(types); i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

#define MOST_FACTOR 1e6 /* of a rope: a length of 2^32 from one of 4,096 tokens */

static void read_rope_scaling(cfi_hf_line *line)
{
    cfi_hf_config *c = line->c;
    const char    *type = cfi_hf_rope_type(c);
    double         factor = 0;
    uint64_t       original;

    if (type != NULL && !is_rope_type(type))
        cfi_hf_note(c, "rope type '%.40s' is not known: positions are counted as without it", type);
    if (type == NULL || cfi_hf_word_of(line, "rope.scaling.type") != NULL)
        return;
    if ((strcmp(type, "linear") == 0 || strcmp(type, "yarn") == 0) && cfi_json_as_number(cfi_json_get(c->rope, "factor"), &factor)) {
        if (!(factor > 0 && factor <= MOST_FACTOR)) {
            char shown[CFI_HF_SHOWN];

            cfi_hf_show(cfi_json_get(c->rope, "factor"), shown);
            cfi_hf_note(c, "a rope cannot be scaled by %s: positions are counted as without it", shown);
            return;
        }
        cfi_hf_set(line, "rope.scaling.type", strcmp(type, "yarn") == 0 ? "yarn" : "linear");
        cfi_hf_set_number(line, "rope.scaling.factor", factor);
        if (strcmp(type, "yarn") == 0 && cfi_hf_u64(c, "@original_max_position_embeddings", &original))
            cfi_hf_set_u64(line, "rope.scaling.original_context_length", original);
    } else if (strcmp(type, "su") == 0 || strcmp(type, "longrope") == 0) {
        cfi_hf_set(line, "rope.scaling.type", "longrope");
    } else if (strcmp(type, "llama3") == 0 && strcmp(cfi_hf_family(c->family, CFI_HF_FAMILY_LLAMA3), "tensor") == 0) {
        /* as a tensor, without type and length */
        cfi_hf_set(line, "rope_freqs", "true");
        if (cfi_hf_u64(c, "@original_max_position_embeddings", &original))
            cfi_hf_set_u64(line, "rope.scaling.original_context_length", original);
    }
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

/* ---- weights and states ---- */

/* How experts are chosen: gguf-py's ExpertGatingFuncType. */
static void read_gating(cfi_hf_line *line)
{
    static const char keys[][28] = {"score_function", "scoring_func", "score_func", "moe_router_activation_func"};
    const char       *name = "";

    for (size_t i = 0; i < CFI_COUNT(keys) && *name == '\0'; i++)
        name = cfi_hf_text(line->c, keys[i]);
    if (strcmp(name, "softmax") == 0)
        cfi_hf_set(line, "expert_gating_func", "1");
    else if (strcmp(name, "sigmoid") == 0)
        cfi_hf_set(line, "expert_gating_func", "2");
    else if (strcmp(name, "sqrtsoftplus") == 0)
        cfi_hf_set(line, "expert_gating_func", "4");
}

/* Elements of the recurrent state, where the model asks engines of checkpoints for a type other than its own. */
static void read_state_bytes(cfi_hf_line *line)
{
    const char *name = cfi_hf_text(line->c, "mamba_ssm_cache_dtype");

    if (*name == '\0')
        name = cfi_hf_text(line->c, "mamba_ssm_dtype");
    if (strcmp(name, "float32") == 0)
        cfi_hf_set(line, "ssm.state_bytes", "4");
    else if (strcmp(name, "float16") == 0 || strcmp(name, "bfloat16") == 0)
        cfi_hf_set(line, "ssm.state_bytes", "2");
}

/* Classes that share their output matrix, or have none, do so whatever a copy says. */
static void read_tied(cfi_hf_line *line)
{
    static const char keys[][24] = {"tie_word_embeddings", "tie_embedding"};

    if (line->c->headless) {
        cfi_hf_set(line, "tie_word_embeddings", "true");
        return;
    }
    if (line->c->tied)
        return;
    for (size_t i = 0; i < CFI_COUNT(keys); i++)
        if (cfi_hf_get(line->c, keys[i]) != NULL) {
            if (cfi_json_kind_of(cfi_hf_get(line->c, keys[i])) == CFI_JSON_TEXT)
                cfi_hf_fail(line->c, CTXFIT_E_TYPE, "'%s' is text: expected true or false", keys[i]);
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
    if (strcmp(type, "float16") == 0)
        cfi_hf_set(line, "general.file_type", "1");
    else if (strcmp(type, "float32") == 0)
        cfi_hf_set(line, "general.file_type", "0");
    else if (*type != '\0' && strcmp(type, "bfloat16") != 0 && strcmp(type, "auto") != 0)
        cfi_hf_note(line->c, "dtype '%.40s' is none that weights are stored in: bfloat16 is counted", type);
}

/* Copies of models with experts in MXFP4 that were made plain, or quantized otherwise, have none, and engines and converters take them as
 * they are (llama.cpp b10472 conversion/base.py:827, conversion/deepseek.py:782). */
static void read_mxfp4(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    const char          *told_by = cfi_hf_family(c->family, CFI_HF_FAMILY_MXFP4);
    const char          *experts = cfi_hf_text(c, "expert_dtype");
    cfi_hf_quant         quant;
    bool                 packed;

    cfi_hf_read_quant(c, &quant);
    if (strcmp(told_by, "method") == 0)
        packed = quant.kind == CTXFIT_CHECKPOINT_QUANT_MXFP4 || quant.kind == CTXFIT_CHECKPOINT_QUANT_MLX;
    else if (strcmp(told_by, "dtype") == 0)
        packed = *experts != '\0' ? strcmp(experts, "fp4") == 0 : quant.kind != CTXFIT_CHECKPOINT_QUANT_NONE;
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

/* ---- layers ---- */

/* "dense" or "sparse" for each layer, as transformers 5 writes what was first_k_dense_replace; transformers 5.23.0
 * configuration_hy_v3.py, configuration_glm4_moe_lite.py; where a file states both the list counts. A dense layer behind one with experts
 * takes a list, too. */
static void read_dense_layers(cfi_hf_line *line)
{
    cfi_json_iter it = cfi_json_items(cfi_hf_get_stated(line->c, "mlp_layer_types"));
    uint64_t      dense = 0, sparse = 0, count = 0;
    bool          behind = false;
    uint64_t     *list;

    if (it.left == 0)
        return;
    list = cfi_hf_layer_list(line, it.left);
    for (; list != NULL && cfi_json_next(&it); count++) {
        const char *kind = cfi_json_as_text(it.value, NULL);

        list[count] = kind == NULL || strcmp(kind, "dense") != 0;
        sparse += list[count];
        dense += sparse == 0;
        behind = behind || (sparse > 0 && list[count] == 0);
    }
    cfi_hf_set_u64(line, "leading_dense_block_count", dense);
    if (behind && count == line->c->layers)
        cfi_hf_set_list(line, "expert_layers", list, count);
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
            list = cfi_hf_word_u64(line, key, &usual) ? cfi_hf_layer_list(line, layers) : NULL;
            if (list == NULL)
                return;
            for (uint32_t i = 0; i < layers; i++)
                list[i] = usual;
        }
        list[layer] = number;
    }
    if (list != NULL)
        cfi_hf_set_list(line, key, list, layers);
}

static void read_layers_of_their_own(cfi_hf_line *line)
{
    const cfi_json_value *layers = cfi_hf_get_stated(line->c, "per_layer_config");
    const bool            full_width = cfi_hf_reads(line->c->family, "global_head_dim"); /* a head_dim there is that of full attention */
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
            if (full_width && strcmp(of.key, "head_dim") == 0 && cfi_json_as_u64(of.value, &width)) {
                cfi_hf_set_u64(line, "attention.key_length", width);
                cfi_hf_set_u64(line, "attention.value_length", width);
                cfi_hf_set_u64(line, "rope.dimension_count", width);
            } else if (strcmp(of.key, "num_attention_heads") != 0 && strcmp(of.key, "num_key_value_heads") != 0) {
                cfi_hf_note(line->c, "per_layer_config has '%.40s' of layer %.20s, which is not counted", of.key, it.key);
                return;
            }
}

void cfi_hf_apply_common(cfi_hf_line *line)
{
    read_rope_scaling(line);
    if (cfi_hf_word_of(line, "expert_gating_func") == NULL)
        read_gating(line);
    if (strcmp(cfi_hf_family(line->c->family, CFI_HF_FAMILY_SECTIONS), "implied") != 0)
        read_sections(line);
    read_state_bytes(line);
    read_tied(line);
    if (cfi_hf_word_of(line, "expert_count") != NULL)
        read_dense_layers(line);
    read_precision(line);
    read_mxfp4(line);
    read_name(line);
    read_layers_of_their_own(line);
}

/* ---- after all others ---- */

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

static void add_nextn(cfi_hf_line *line)
{
    uint64_t nextn;

    if (cfi_hf_word_u64(line, "nextn_predict_layers", &nextn))
        cfi_hf_set_u64(line, "block_count", line->c->layers + nextn);
}

void cfi_hf_settle(cfi_hf_line *line)
{
    drop_what_does_not_hold(line);
    add_nextn(line);
}
