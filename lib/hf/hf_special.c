/* What no row of hf_rules.def can say of a family: a function each, the table of them at the end.
 * Source, unless stated: llama.cpp b10472 (2026-08-18) conversion/<name>.py. */
#include <inttypes.h>

#include "hf_internal.h"

static bool is_full(const char *kind) { return kind != NULL && (strcmp(kind, "full_attention") == 0 || strcmp(kind, "attention") == 0); }

/* Most drafters are published without embeddings: engines give them those of the model. */
static void special_eagle3(cfi_hf_line *line)
{
    if (line->c->embeddings)
        cfi_hf_set(line, "token_embeddings", "true");
}

/* Layers beyond the list of full layers keep a state: their KV heads are 0. Layers are counted from 1 there; transformers 5 writes
 * layer_types instead (5.23.0 configuration_kimi_linear.py). */
static void special_kimi_linear(cfi_hf_line *line)
{
    const cfi_json_value *full = cfi_hf_get(line->c, "linear_attn_config.full_attn_layers");
    cfi_json_iter         kinds = cfi_json_items(full == NULL ? cfi_hf_get_stated(line->c, "layer_types") : NULL);
    uint64_t             *list = cfi_hf_layer_list(line, line->c->layers);
    uint64_t              layer;

    if (list == NULL)
        return;
    for (cfi_json_iter it = cfi_json_items(full); cfi_json_next(&it);)
        if (cfi_json_as_u64(it.value, &layer) && layer >= 1 && layer <= line->c->layers)
            list[layer - 1] = 1;
    for (layer = 0; layer < line->c->layers && cfi_json_next(&kinds); layer++)
        list[layer] = is_full(cfi_json_as_text(kinds.value, NULL));
    cfi_hf_set_list(line, "attention.head_count_kv", list, line->c->layers);
}

static char nemotron_block(const char *name)
{
    static const struct {
        char name[20];
        char letter;
    } blocks[] = {{"mamba", 'M'}, {"linear_attention", 'M'}, {"attention", '*'}, {"full_attention", '*'}, {"moe", 'E'}, {"mlp", '-'}};

    for (size_t i = 0; i < CFI_COUNT(blocks); i++)
        if (strcmp(name, blocks[i].name) == 0)
            return blocks[i].letter;
    return '?';
}

static bool has_expert_block(const char *letters, cfi_json_iter it)
{
    bool found = strchr(letters, 'E') != NULL;

    while (!found && cfi_json_next(&it)) {
        const char *name = cfi_json_as_text(it.value, NULL);

        found = name != NULL && strcmp(name, "moe") == 0;
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
    uint64_t       width = cfi_hf_u64_or(c, moe ? "moe_intermediate_size" : "intermediate_size", 0);
    uint64_t       heads = cfi_hf_u64_or(c, "num_key_value_heads", cfi_hf_u64_or(c, "num_attention_heads", 0));
    bool           mlp = false;
    uint64_t      *ff = count > 0 ? cfi_hf_layer_list(line, count) : NULL;
    uint64_t      *kv = ff != NULL ? cfi_hf_layer_list(line, count) : NULL;

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
    cfi_hf_set_list(line, "feed_forward_length", ff, count);
    cfi_hf_set_list(line, "attention.head_count_kv", kv, count);
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
    uint64_t              heads = cfi_hf_u64_or(c, "num_attention_heads", 0);
    uint64_t             *list = count > 0 ? cfi_hf_layer_list(line, 3 * count) : NULL;
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
            list[2 * count + i] = ((uint64_t)(2 * multiplier * (double)cfi_hf_u64_or(c, "hidden_size", 0) / 3) + 255) / 256 * 256;
    }
    cfi_hf_set_list(line, "attention.head_count", list, count);
    cfi_hf_set_list(line, "attention.head_count_kv", list + count, count);
    cfi_hf_set_list(line, "feed_forward_length", list + 2 * count, count);
}

/* The next entry of a list of flags or, where there is none, of one of words: is it set, is it the word? */
static bool next_is(cfi_json_iter *flags, cfi_json_iter *words, const char *word)
{
    const char *text;
    uint64_t    flag = 0;

    if (cfi_json_next(flags))
        return cfi_json_as_u64(flags->value, &flag) && flag != 0;
    text = cfi_json_next(words) ? cfi_json_as_text(words->value, NULL) : NULL;
    return text != NULL && strcmp(text, word) == 0;
}

/* Lists of the trunk, and the same for three blocks behind it that the checkpoint has (model.mtp.layers.0-2) and the file does not
 * mention; they attend to the window and have no experts. transformers 5 writes words in the place of flags, a window that counts the
 * token itself, and window layers always have twice the KV heads there: 5.23.0 configuration_mimo_v2_flash.py, MiMoV2FlashAttention. */
static void special_mimo2(cfi_hf_line *line)
{
    enum { NEXTN = 3 };
    const cfi_hf_config *c = line->c;
    uint64_t             kv = cfi_hf_u64_or(c, "num_key_value_heads", 0), kv_window = cfi_hf_u64_or(c, "swa_num_key_value_heads", 2 * kv);
    uint64_t             trunk = c->layers, count = trunk + NEXTN, window;
    uint64_t            *list = trunk > 0 ? cfi_hf_layer_list(line, 3 * count) : NULL;
    cfi_json_iter        windows = cfi_json_items(cfi_hf_get(c, "hybrid_layer_pattern"));
    cfi_json_iter        experts = cfi_json_items(cfi_hf_get(c, "moe_layer_freq"));
    cfi_json_iter        kinds = cfi_json_items(cfi_hf_get_stated(c, "layer_types"));
    cfi_json_iter        feeds = cfi_json_items(cfi_hf_get_stated(c, "mlp_layer_types"));

    if (list == NULL)
        return;
    if (windows.left == 0 && kinds.left > 0 && cfi_hf_get_stated(c, "sliding_window_size") == NULL &&
        cfi_hf_word_u64(line, "attention.sliding_window", &window) && window > 0)
        cfi_hf_set_u64(line, "attention.sliding_window", window - 1);
    for (uint64_t i = 0; i < count; i++) {
        list[i] = i >= trunk || next_is(&windows, &kinds, "sliding_attention");
        list[count + i] = list[i] != 0 ? kv_window : kv;
        list[2 * count + i] = i < trunk && next_is(&experts, &feeds, "sparse");
    }
    cfi_hf_set_u64(line, "nextn_predict_layers", NEXTN);
    cfi_hf_set_list(line, "attention.sliding_window_pattern", list, count);
    cfi_hf_set_list(line, "attention.head_count_kv", list + count, count);
    cfi_hf_set_list(line, "expert_layers", list + 2 * count, count);
}

/* The first of "3,4,5" is where experts begin; window layers may have heads of their own. */
static void special_step35(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    uint64_t             nextn = cfi_hf_u64_or(c, "num_nextn_predict_layers", 0);
    uint64_t             trunk = c->layers, count = trunk + cfi_min_u64(nextn, trunk);
    uint64_t            *list = trunk > 0 ? cfi_hf_layer_list(line, 4 * count) : NULL;
    cfi_json_iter        kinds = cfi_json_items(cfi_hf_get(c, "layer_types"));
    const char          *enumerated = cfi_hf_text(c, "moe_layers_enum");
    const char          *end;
    cfi_json_iter        behind = cfi_json_items(cfi_hf_get(c, "mtp_layer_types"));
    uint64_t             dense = cfi_hf_u64_or(c, "first_k_dense_replace", 0);
    uint64_t             heads = cfi_hf_u64_or(c, "num_attention_heads", 0);
    uint64_t             window_heads = cfi_hf_u64_or(c, "num_sliding_attention_heads", heads);
    uint64_t             kv = cfi_hf_u64_or(c, "num_attention_groups", cfi_hf_u64_or(c, "num_key_value_heads", heads));

    if (list == NULL)
        return;
    (void)cfi_hf_word_u64(line, "leading_dense_block_count", &dense);
    if (cfi_parse_u64(enumerated, &end, &dense))
        cfi_hf_set_u64(line, "leading_dense_block_count", dense);
    for (uint64_t i = 0; i < count; i++) {
        cfi_json_iter *of = kinds.left > 0 ? &kinds : &behind; /* transformers 5 has the blocks behind the trunk in a list of their own */
        const char    *kind = cfi_json_next(of) ? cfi_json_as_text(of->value, NULL) : NULL;
        bool        window = kind != NULL && strcmp(kind, "sliding_attention") == 0;

        list[i] = window;
        list[count + i] = i >= dense && i < trunk;
        list[2 * count + i] = window ? cfi_hf_u64_or(c, "attention_other_setting.num_attention_heads", window_heads) : heads;
        list[3 * count + i] = window ? cfi_hf_u64_or(c, "attention_other_setting.num_attention_groups", kv) : kv;
    }
    cfi_hf_set_list(line, "attention.sliding_window_pattern", list, count);
    cfi_hf_set_list(line, "expert_layers", list + count, count);
    cfi_hf_set_list(line, "attention.head_count", list + 2 * count, count);
    cfi_hf_set_list(line, "attention.head_count_kv", list + 3 * count, count);
}

/* One KV head, whatever num_kv_heads says: transformers 5.23.0 modeling_falcon.py FalconAttention. Files of the former class (RW) have
 * n_head_kv instead. */
static void special_falcon(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;

    if (cfi_hf_true(c, "multi_query") && !cfi_hf_true(c, "new_decoder_architecture") && cfi_hf_get_stated(c, "n_head_kv") == NULL)
        cfi_hf_set_u64(line, "attention.head_count_kv", 1);
    if (cfi_hf_u64_or(c, "num_ln_in_parallel_attn", 2) == 1) /* Falcon-11B */
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
    uint64_t             width = cfi_hf_u64_or(c, "block_ff_dim", cfi_hf_u64_or(c, "intermediate_size", 0));
    uint64_t             multiple = cfi_hf_u64_or(c, "block_multiple_of", 256);
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
    const char *type = cfi_hf_rope_type(line->c);

    if (type == NULL || strcmp(type, "dynamic") != 0)
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
    uint64_t             shared = cfi_hf_u64_or(c, "num_kv_shared_layers", 0);
    uint64_t             width = cfi_hf_u64_or(c, "intermediate_size", 0);
    uint64_t            *list = c->layers > 0 && cfi_hf_true(c, "use_double_wide_mlp") ? cfi_hf_layer_list(line, c->layers) : NULL;

    if (list == NULL)
        return;
    for (uint64_t i = 0; i < c->layers; i++)
        list[i] = i + shared < c->layers ? width : 2 * width;
    cfi_hf_set_list(line, "feed_forward_length", list, c->layers);
}

/* Factors of LongRoPE are tensors; the scaling has no name in such files. */
static void special_longrope(cfi_hf_line *line)
{
    const char *type = cfi_hf_word_of(line, "rope.scaling.type");

    if (type != NULL && strcmp(type, "longrope") == 0) {
        cfi_hf_set(line, "rope_factors", "true");
        cfi_hf_set(line, "rope.scaling.type", NULL);
    }
}

/* Engines of checkpoints go by the file, and null is no chunk there; llama.cpp takes 8192 whatever it says. */
static void special_llama4(cfi_hf_line *line)
{
    static const char     key[] = "config.attention_chunk_size";
    const cfi_json_value *own = cfi_json_get(line->c->inner != NULL ? line->c->inner : line->c->outer, key + strlen("config."));
    uint64_t              tokens = 0;

    if (own != NULL && (cfi_json_kind_of(own) == CFI_JSON_NULL || cfi_json_as_u64(own, &tokens)) && tokens <= UINT32_MAX)
        cfi_hf_set_u64(line, key, tokens);
}

/* Embeddings are padded: 8 rows are Mamba's own multiple. */
static void special_mamba(cfi_hf_line *line)
{
    uint64_t vocabulary, multiple = cfi_hf_u64_or(line->c, "pad_vocab_size_multiple", 8);

    if (multiple > 0 && cfi_hf_word_u64(line, "vocab_size", &vocabulary) && cfi_align_u64(vocabulary, multiple, &vocabulary))
        cfi_hf_set_u64(line, "vocab_size", vocabulary);
}

/* transformers 5 writes kinds of layers in the place of ratios, and kinds of experts in that of num_hash_layers: 5.23.0
 * configuration_deepseek_v4.py. */
static void special_deepseek4(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    const uint64_t       sparse = cfi_hf_u64_or(c, "compress_rates.compressed_sparse_attention", 4);
    const uint64_t       heavy = cfi_hf_u64_or(c, "compress_rates.heavily_compressed_attention", 128);
    cfi_json_iter        kinds = cfi_json_items(cfi_hf_get_stated(c, "layer_types"));
    uint64_t             hashed = 0, layers = 0;
    const bool           by_kinds = cfi_hf_get_stated(c, "compress_ratios") == NULL && kinds.left > 0;
    uint64_t            *list = by_kinds ? cfi_hf_layer_list(line, kinds.left) : NULL;

    for (; list != NULL && layers < c->layers && cfi_json_next(&kinds); layers++) {
        const char *kind = cfi_json_as_text(kinds.value, NULL);

        list[layers] = kind == NULL || strcmp(kind, "sliding_attention") == 0 ? 0
                       : strcmp(kind, "compressed_sparse_attention") == 0 ? sparse : heavy;
    }
    if (list != NULL)
        cfi_hf_set_list(line, "attention.compress_ratios", list, layers);
    for (cfi_json_iter it = cfi_json_items(cfi_hf_get_stated(c, "mlp_layer_types")); cfi_json_next(&it);) {
        const char *kind = cfi_json_as_text(it.value, NULL);

        hashed += kind != NULL && strcmp(kind, "hash_moe") == 0;
    }
    if (cfi_hf_get_stated(c, "num_hash_layers") == NULL && hashed > 0)
        cfi_hf_set_u64(line, "hash_layer_count", hashed);
}

/* Only some layers have an indexer of their own; blocks behind the trunk have one each. */
static void special_deepseek32(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    uint64_t             nextn = cfi_hf_u64_or(c, "num_nextn_predict_layers", 0);
    cfi_json_iter        kinds = cfi_json_items(cfi_hf_get(c, "indexer_types"));
    uint64_t             count = kinds.left, total;
    uint64_t            *list;

    if (cfi_hf_word_of(line, "attention.indexer.types") == NULL || !cfi_add_u64(count, nextn, &total))
        return;
    list = cfi_hf_layer_list(line, total);
    if (list == NULL)
        return;
    for (uint64_t i = 0; i < total; i++) {
        const char *kind = cfi_json_next(&kinds) ? cfi_json_as_text(kinds.value, NULL) : "full";

        list[i] = kind != NULL && strcmp(kind, "full") == 0;
    }
    cfi_hf_set_list(line, "attention.indexer.types", list, total);
}

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

/* Every mamba_step-th layer attends, the middle one of each group; of few layers the last: conversion/plamo.py Plamo2Model. */
static void special_plamo2(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    const uint64_t       step = cfi_max_u64(cfi_hf_u64_or(c, "mamba_step", 2), 1);
    const bool           mamba = cfi_hf_get(c, "mamba_enabled") == NULL || cfi_hf_true(c, "mamba_enabled");
    uint64_t            *list = cfi_hf_layer_list(line, 2 * (uint64_t)c->layers);

    if (list == NULL)
        return;
    for (uint32_t i = 0; i < c->layers; i++) {
        const bool attends = !mamba || (c->layers <= step / 2 ? i == c->layers - 1 : i % step == step / 2);

        list[i] = attends ? cfi_hf_u64_or(c, "num_attention_heads", 32) : 0;
        list[c->layers + i] = attends ? cfi_hf_u64_or(c, "num_key_value_heads", 4) : 0;
    }
    cfi_hf_set_list(line, "attention.head_count", list, c->layers);
    cfi_hf_set_list(line, "attention.head_count_kv", list + c->layers, c->layers);
}

/* Widths are multiples of the divisor next to the multiplied width, never a tenth below it: conversion/openelm.py _make_divisible(). */
static void special_openelm(cfi_hf_line *line)
{
    const cfi_hf_config *c = line->c;
    const uint64_t       divisor = cfi_hf_u64_or(c, "ffn_dim_divisor", 256);
    cfi_json_iter        it = cfi_json_items(cfi_hf_get(c, "ffn_multipliers"));
    uint64_t            *list = cfi_hf_layer_list(line, c->layers);
    double               width = (double)cfi_hf_u64_or(c, "model_dim", 0), multiplier;

    if (list == NULL || it.left == 0 || divisor == 0 || divisor > UINT32_MAX)
        return;
    for (uint32_t i = 0; i < c->layers; i++) {
        double wanted;

        if (!cfi_json_next(&it) || !cfi_json_as_number(it.value, &multiplier) || !(multiplier > 0 && multiplier < 1024)) {
            cfi_hf_fail(line->c, CTXFIT_E_MALFORMED, "'ffn_multipliers': expected %" PRIu32 " numbers above 0, one for each layer",
                        c->layers);
            return;
        }
        wanted = multiplier * width;
        list[i] = cfi_max_u64(divisor, (uint64_t)(wanted + (double)divisor / 2) / divisor * divisor);
        list[i] += (double)list[i] < 0.9 * wanted ? divisor : 0;
    }
    cfi_hf_set_list(line, "feed_forward_length", list, c->layers);
}

/* Classes of an encoder that classifies; a ranker is one with one class. As many as id2label names, transformers 5 else takes two;
 * llama.cpp b10472 conversion/bert.py. */
static void special_encoder(cfi_hf_line *line)
{
    static const char    classifies[] = "ForSequenceClassification";
    const cfi_hf_config *c = line->c;
    const size_t         len = strlen(c->class_name), suffix = sizeof classifies - 1;
    const uint64_t       named = cfi_json_items(cfi_hf_get(c, "id2label")).left;

    if (len < suffix || strcmp(c->class_name + len - suffix, classifies) != 0)
        return;
    cfi_hf_set(line, "classifier", "true");
    cfi_hf_set_u64(line, "classifier.labels", named > 0 ? named : cfi_hf_u64_or(c, "num_labels", 2));
    if (strcmp(c->family, "bert") != 0)
        cfi_hf_set(line, "classifier.dense", "true");
    if (strcmp(c->family, "modern_bert") == 0)
        cfi_hf_set(line, "classifier.norm", "true");
}

static const struct special {
    char family[16];
    void (*apply)(cfi_hf_line *line);
} specials[] = {
    {"bert", special_encoder},                {"modern_bert", special_encoder},         {"roberta", special_encoder},
    {"deci", special_deci},                   {"deepseek32", special_deepseek32},       {"deepseek4", special_deepseek4},
    {"eagle3", special_eagle3},               {"falcon", special_falcon},               {"gemma4", special_gemma4},
    {"granite_hybrid", special_granite_hybrid}, {"hunyuan", special_hunyuan},             {"hunyuan_moe", special_hunyuan},
    {"kimi_linear", special_kimi_linear},     {"lfm2", special_lfm2},                   {"llama4", special_llama4},
    {"mamba", special_mamba},                 {"mimo2", special_mimo2},                 {"minicpm3", special_longrope},
    {"nemotron_h", special_nemotron_h},       {"openelm", special_openelm},             {"phi3", special_longrope},
    {"plamo2", special_plamo2},               {"qwen_next", special_qwen_next},         {"step35", special_step35},
};

void cfi_hf_apply_special(cfi_hf_line *line)
{
    for (size_t i = 0; i < CFI_COUNT(specials) && line->c->status == CTXFIT_OK; i++)
        if (strcmp(specials[i].family, line->c->family) == 0)
            specials[i].apply(line);
}
