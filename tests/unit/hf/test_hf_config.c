/* What is read out of a config.json, case by case. */
#include <math.h>
#include <stdbool.h>

#include "test_support.h"

#include "ctxfit.h"

#define SHAPE "\"hidden_size\": 4096, \"intermediate_size\": 11008, \"num_hidden_layers\": 4, \"num_attention_heads\": 32, " \
              "\"vocab_size\": 32000, \"max_position_embeddings\": 4096"
#define LLAMA "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", " SHAPE

static ctxfit_model *open_text(const char *json)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", json, error.message);
    return model;
}

static ctxfit_model_info info_of(const ctxfit_model *model)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    return info;
}

static ctxfit_layer_info layer_of(const ctxfit_model *model, uint32_t index)
{
    ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

    assert_int_equal(ctxfit_model_get_layer(model, index, &layer), CTXFIT_OK);
    return layer;
}

static ctxfit_status refused(const char *json, ctxfit_error *error)
{
    ctxfit_model *model = (ctxfit_model *)1;
    ctxfit_status status = ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, error);

    assert_null(model);
    return status;
}

static void a_plain_file_gives_its_shape(void **state)
{
    ctxfit_model     *model = open_text(LLAMA ", \"num_key_value_heads\": 8, \"torch_dtype\": \"float16\"}");
    ctxfit_model_info info = info_of(model);

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "llama");
    assert_int_equal(info.layers, 4);
    assert_int_equal(info.trained_tokens, 4096);
    assert_int_equal(layer_of(model, 0).kv_heads, 8);
    assert_int_equal(layer_of(model, 0).cache_k_elems, 8 * 128);
    assert_string_equal(ctxfit_file_type_name(info.file_type), "F16");
    assert_string_equal(ctxfit_model_name(model), "llama");
    assert_null(ctxfit_model_note(model, 0));
    ctxfit_model_free(model);
}

static void a_name_is_what_the_file_was_saved_from(void **state)
{
    ctxfit_model *model = open_text(LLAMA ", \"_name_or_path\": \"meta-llama/Llama-2-7b-hf\"}");

    (void)state;
    assert_string_equal(ctxfit_model_name(model), "Llama-2-7b-hf");
    ctxfit_model_free(model);
}

/* A LLaVA says of its decoder what differs from the defaults of its class. */
static void what_a_decoder_leaves_out_is_the_default_of_its_class(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"LlavaForConditionalGeneration\"], \"model_type\": \"llava\", \"text_config\": "
                                    "{\"model_type\": \"mistral\", \"vocab_size\": 32064}, \"vision_config\": {\"hidden_size\": 1024}}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "llama");
    assert_int_equal(info_of(model).embedding, 4096);
    assert_int_equal(info_of(model).vocabulary, 32064);
    assert_int_equal(layer_of(model, 31).kv_heads, 8);
    ctxfit_model_free(model);
}

/* 71 heads are the class's default, n_head is what an old file states. */
static void a_stated_key_comes_before_a_default_under_another_name(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"GPT2LMHeadModel\"], \"model_type\": \"gpt2\", \"n_embd\": 1024, "
                                    "\"n_head\": 16, \"n_layer\": 24, \"n_ctx\": 1024, \"vocab_size\": 50257}");

    (void)state;
    assert_int_equal(info_of(model).embedding, 1024);
    assert_int_equal(info_of(model).layers, 24);
    assert_true((info_of(model).flags & CTXFIT_MODEL_F_TIED) != 0);
    ctxfit_model_free(model);
}

static void rope_scaling_is_read_under_both_names(void **state)
{
    static const char *const forms[] = {
        LLAMA ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 1024}}",
        LLAMA ", \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024}}",
        LLAMA ", \"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024}}",
        LLAMA ", \"rope_parameters\": {\"full_attention\": {\"rope_type\": \"yarn\", \"factor\": 4}}, "
              "\"original_max_position_embeddings\": 1024}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        ctxfit_model     *model = open_text(forms[i]);
        ctxfit_model_info info = info_of(model);

        assert_int_equal(info.rope_scaling, CTXFIT_ROPE_SCALING_YARN);
        assert_true(info.rope_factor == 4.0);
        assert_int_equal(info.rope_original_tokens, 1024);
        ctxfit_model_free(model);
    }
}

#define OLMO3  "{\"architectures\": [\"Olmo3ForCausalLM\"], \"model_type\": \"olmo3\", \"sliding_window\": 512, " SHAPE

#define QWEN3NEXT "{\"architectures\": [\"Qwen3NextForCausalLM\"], \"model_type\": \"qwen3_next\", \"num_key_value_heads\": 2, " SHAPE

static void windows_follow_layer_types(void **state)
{
    ctxfit_model *model = open_text(OLMO3 ", \"layer_types\": [\"full_attention\", \"sliding_attention\", \"full_attention\", "
                                          "\"sliding_attention\"]}");

    (void)state;
    assert_int_equal(layer_of(model, 0).attention, CTXFIT_ATTENTION_FULL);
    assert_int_equal(layer_of(model, 1).attention, CTXFIT_ATTENTION_SLIDING);
    assert_int_equal(layer_of(model, 1).window_tokens, 512);
    ctxfit_model_free(model);
}

static void a_window_that_is_not_used_is_none(void **state)
{
    ctxfit_model *model = open_text(OLMO3 ", \"use_sliding_window\": false}");

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(layer_of(model, i).attention, CTXFIT_ATTENTION_FULL);
    ctxfit_model_free(model);
}

static void a_window_that_llamacpp_does_not_have_is_noted(void **state)
{
    ctxfit_model *used = open_text(LLAMA ", \"sliding_window\": 1024}");
    ctxfit_model *unused = open_text(LLAMA ", \"sliding_window\": 1024, \"use_sliding_window\": false}");
    ctxfit_model *null = open_text(LLAMA ", \"sliding_window\": null}");

    (void)state;
    assert_non_null(strstr(ctxfit_model_note(used, 0), "sliding_window is 1024"));
    assert_null(ctxfit_model_note(unused, 0));
    assert_null(ctxfit_model_note(null, 0));
    ctxfit_model_free(used);
    ctxfit_model_free(unused);
    ctxfit_model_free(null);
}

static void an_unknown_type_is_read_as_a_plain_transformer_and_says_what_it_lacks(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"novel\", \"ssm_state_size\": 128, "
                                    "\"layers_block_type\": [\"mamba\", \"attention\"], \"use_cache\": true, " SHAPE "}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "novel");
    assert_true((info_of(model).flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0);
    assert_non_null(strstr(ctxfit_model_note(model, 0), "'novel' is not known"));
    assert_non_null(strstr(ctxfit_model_note(model, 1), "ssm_state_size, layers_block_type"));
    assert_null(strstr(ctxfit_model_note(model, 1), "use_cache"));
    assert_non_null(strstr(ctxfit_model_note(model, 2), "num_key_value_heads is missing"));
    assert_null(ctxfit_model_note(model, 3));
    ctxfit_model_free(model);
}

#define LATENT "\"kv_lora_rank\": 512, \"q_lora_rank\": 1536, \"qk_rope_head_dim\": 64, \"qk_nope_head_dim\": 128"

static void an_unknown_type_that_states_latents_has_latent_attention(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"novel\", " SHAPE ", " LATENT
                                    ", \"v_head_dim\": 128}");
    ctxfit_model *lacks = open_text("{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"novel\", " SHAPE ", " LATENT "}");

    (void)state;
    assert_true((info_of(model).flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0);
    assert_int_equal(layer_of(model, 3).attention, CTXFIT_ATTENTION_LATENT);
    assert_int_equal(layer_of(model, 3).cache_k_elems, 512 + 64);
    assert_int_equal(layer_of(model, 3).cache_v_elems, 0);
    assert_non_null(strstr(ctxfit_model_note(model, 0), "transformer with latent attention"));
    assert_null(ctxfit_model_note(model, 1));
    assert_int_equal(layer_of(lacks, 3).attention, CTXFIT_ATTENTION_FULL);
    assert_non_null(strstr(ctxfit_model_note(lacks, 1), "kv_lora_rank, q_lora_rank"));
    ctxfit_model_free(lacks);
    ctxfit_model_free(model);
}

/* LongCat-Flash-Chat has "560 billion total parameters" (its README): each of its 28 layers has two attentions and two dense parts, and
 * experts beside the first. Of its router the 256 experts that do nothing are not counted: 44 million. */
static void each_layer_of_longcat_flash_counts_as_two(void **state)
{
    ctxfit_model *model =
        open_text("{\"architectures\": [\"LongcatFlashForCausalLM\"], \"model_type\": \"longcat_flash\", \"vocab_size\": 131072, "
                  "\"hidden_size\": 6144, \"ffn_hidden_size\": 12288, \"expert_ffn_hidden_size\": 2048, \"num_layers\": 28, "
                  "\"num_attention_heads\": 64, " LATENT ", \"v_head_dim\": 128, \"n_routed_experts\": 512, "
                  "\"max_position_embeddings\": 131072, \"zero_expert_num\": 256, \"moe_topk\": 12, \"torch_dtype\": \"bfloat16\"}");

    (void)state;
    assert_int_equal(info_of(model).layers, 56);
    assert_in_range(info_of(model).parameters, UINT64_C(560) * 1000000000, UINT64_C(561) * 1000000000);
    assert_int_equal(layer_of(model, 0).experts, 512);
    assert_int_equal(layer_of(model, 1).experts, 0);
    assert_int_equal(layer_of(model, 1).cache_k_elems, 576);
    ctxfit_model_free(model);
}

static void notes_outlive_requantizing(void **state)
{
    ctxfit_model *model = open_text(LLAMA ", \"sliding_window\": 1024}");
    ctxfit_model *copy = NULL;

    (void)state;
    assert_int_equal(ctxfit_model_requantize(model, ctxfit_file_type_from_name("Q4_K_M"), NULL, &copy, NULL), CTXFIT_OK);
    ctxfit_model_free(model);
    assert_non_null(strstr(ctxfit_model_note(copy, 0), "sliding_window"));
    assert_null(ctxfit_model_note(copy, 1));
    assert_null(ctxfit_model_note(NULL, 0));
    ctxfit_model_free(copy);
}

/* "Endless" lengths of tokenizers, and windows of -1, stand for none. */
static void numbers_that_are_no_sizes_are_told(void **state)
{
    static const char *const said[] = {"-8", "1e30", "99999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        char          json[1024];
        ctxfit_model *model;

        (void)snprintf(json, sizeof json, OLMO3 ", \"sliding_window\": %s}", said[i]);
        model = open_text(json);
        assert_non_null(ctxfit_model_note(model, 0));
        assert_non_null(strstr(ctxfit_model_note(model, 0), "'sliding_window' is no size"));
        assert_int_equal(layer_of(model, 0).window_tokens, 0);
        ctxfit_model_free(model);
    }
}

/* `key` of a whole file is another value: the answer names both. */
static void refused_value(const char *json_class, const char *key, const char *value, ctxfit_status status, const char *said)
{
    static const char *const keys[][2] = {{"hidden_size", "4096"},       {"intermediate_size", "11008"},   {"num_hidden_layers", "4"},
                                          {"num_attention_heads", "32"}, {"num_key_value_heads", "8"},     {"vocab_size", "32000"},
                                          {"num_experts", "8"},          {"num_experts_per_tok", "2"},
                                          {"max_position_embeddings", "4096"}};
    char         json[2048];
    size_t       used = (size_t)snprintf(json, sizeof json, "{%s", json_class);
    ctxfit_error error = {0};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i][0], key) != 0)
            used += (size_t)snprintf(json + used, sizeof json - used, ", \"%s\": %s", keys[i][0], keys[i][1]);
    (void)snprintf(json + used, sizeof json - used, ", \"%s\": %s}", key, value);
    if (refused(json, &error) != status || strstr(error.message, key) == NULL || strstr(error.message, said) == NULL)
        fail_msg("%s: %s, expected '%s' and '%s'", json, error.message, key, said);
}

static void a_value_that_no_model_can_have_is_refused_with_its_key(void **state)
{
    static const char qwen[] = "\"architectures\": [\"Qwen3MoeForCausalLM\"], \"model_type\": \"qwen3_moe\"";
    static const char *const sizes[] = {"hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size"};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        refused_value(qwen, sizes[i], "0", CTXFIT_E_MALFORMED, "is 0: expected a whole number from 1 to");
        refused_value(qwen, sizes[i], "-1", CTXFIT_E_MALFORMED, "is -1: expected");
        refused_value(qwen, sizes[i], "2.5", CTXFIT_E_MALFORMED, "is 2.5: expected");
        refused_value(qwen, sizes[i], "NaN", CTXFIT_E_MALFORMED, "is NaN: expected");
        refused_value(qwen, sizes[i], "-Infinity", CTXFIT_E_MALFORMED, "is -Infinity: expected");
        refused_value(qwen, sizes[i], "1e15", CTXFIT_E_MALFORMED, "expected a whole number from 1 to");
        refused_value(qwen, sizes[i], "true", CTXFIT_E_MALFORMED, "is true: expected");
        refused_value(qwen, sizes[i], "\"32\"", CTXFIT_E_TYPE, "is text \"32\": expected a number");
        refused_value(qwen, sizes[i], "{}", CTXFIT_E_TYPE, "is an object: expected a number");
    }
    refused_value(qwen, "num_hidden_layers", "4097", CTXFIT_E_MALFORMED, "1 to 4096");
    refused_value(qwen, "num_key_value_heads", "7", CTXFIT_E_MALFORMED, "'num_attention_heads' is 32");
    refused_value(qwen, "num_key_value_heads", "64", CTXFIT_E_MALFORMED, "'num_attention_heads' is 32");
    refused_value(qwen, "num_attention_heads", "20", CTXFIT_E_MALFORMED, "is 20 and 'num_key_value_heads' is 8");
    refused_value(qwen, "num_experts_per_tok", "9", CTXFIT_E_MALFORMED, "is 9: expected 1 to 8, as 'num_experts' says");
    refused_value(qwen, "num_experts_per_tok", "0", CTXFIT_E_MALFORMED, "is 0: expected 1 to 8");
    refused_value(qwen, "num_experts_per_tok", "-2", CTXFIT_E_MALFORMED, "is -2: expected");
    refused_value(qwen, "head_dim", "-128", CTXFIT_E_MALFORMED, "is -128: expected");
    refused_value(qwen, "num_key_value_heads", "[8, 8]", CTXFIT_E_MALFORMED, "has 2 entries: expected 4");
    refused_value(qwen, "num_key_value_heads", "[8, 8, -1, 8]", CTXFIT_E_MALFORMED, "is -1: expected");
    refused_value(qwen, "rope_scaling", "\"yarn\"", CTXFIT_E_TYPE, "is text \"yarn\": expected an object");
    refused_value(qwen, "rope_parameters", "4", CTXFIT_E_TYPE, "is 4: expected an object");
}

/* As transformers' validate_layer_type() refuses them. */
static void a_list_of_layers_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {OLMO3 ", \"layer_types\": [\"full_attention\", \"full_attention\"]}", "'layer_types' has 2 entries: expected 4"},
        {OLMO3 ", \"layer_types\": [\"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\", "
               "\"full_attention\"]}", "'layer_types' has 5 entries: expected 4"},
        {OLMO3 ", \"layer_types\": [\"full_attention\", \"banana\", \"full_attention\", \"full_attention\"]}",
         "'layer_types' is text \"banana\" for layer 1: expected one of: full_attention"},
        {OLMO3 ", \"layer_types\": [\"full_attention\", \"conv\", \"full_attention\", \"full_attention\"]}", "\"conv\" for layer 1"},
        {OLMO3 ", \"layer_types\": [\"full_attention\", 7, \"full_attention\", \"full_attention\"]}", "is 7 for layer 1"},
        {OLMO3 ", \"layer_types\": \"full_attention\"}", "expected a list"},
        {LLAMA ", \"layer_types\": [\"full_attention\", \"full_attention\"]}", "'layer_types' has 2 entries: expected 4"},
        {LLAMA ", \"mlp_layer_types\": [\"dense\", \"sparse\", \"thin\", \"dense\"]}", "\"thin\" for layer 2"},
        {"{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", \"num_key_value_heads\": 8, "
         "\"hybrid_override_pattern\": \"M*X-\", " SHAPE "}", "'hybrid_override_pattern' has 'X' for layer 2"},
        {"{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", \"num_key_value_heads\": 8, "
         "\"layers_block_type\": [\"mamba\", \"sliding\", \"moe\", \"mlp\"], " SHAPE "}", "\"sliding\" for layer 1"},
        {"{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", \"num_key_value_heads\": 8, " SHAPE "}",
         "'hybrid_override_pattern' or 'layers_block_type' is missing"},
        {"{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", \"num_key_value_heads\": 8, "
         "\"hybrid_override_pattern\": \"M*\\u00e9-\", " SHAPE "}", "'hybrid_override_pattern' has '?' for layer 2"},
        {LLAMA ", \"num_key_value_heads\": 8, \"per_layer_config\": {\"07\": {\"num_key_value_heads\": 4}}}",
         "'per_layer_config' has '07': expected layers from 0 to 3"},
        {LLAMA ", \"per_layer_config\": {\"00\": [1, 2]}}", "'per_layer_config' has a list: expected objects"},
        {LLAMA ", \"per_layer_config\": [{\"head_dim\": 4}]}", "'per_layer_config' is a list: expected an object"},
    };
    ctxfit_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (refused(cases[i].text, &error) == CTXFIT_OK || strstr(error.message, cases[i].said) == NULL)
            fail_msg("%s: %s, expected '%s'", cases[i].text, error.message, cases[i].said);
}

/* transformers 5 writes "linear_attention" and "full_attention" where files had "mamba" and "attention". */
static void both_names_of_a_kind_of_layer_are_one(void **state)
{
    static const char nemotron[] = "{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", "
                                   "\"num_key_value_heads\": 8, \"layers_block_type\": [\"%s\", \"%s\", \"mlp\", \"%s\"], " SHAPE "}";
    static const char granite[] = "{\"architectures\": [\"GraniteMoeHybridForCausalLM\"], \"model_type\": \"granitemoehybrid\", "
                                  "\"num_key_value_heads\": 8, \"num_local_experts\": 0, \"mamba_n_heads\": 128, \"mamba_d_head\": 64, "
                                  "\"layer_types\": [\"%s\", \"%s\", \"%s\", \"%s\"], " SHAPE "}";
    static const char *const kinds[][2] = {{"mamba", "attention"}, {"linear_attention", "full_attention"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char   *m = kinds[i][0], *a = kinds[i][1];
        char          json[2048];
        ctxfit_model *model;

        (void)snprintf(json, sizeof json, nemotron, m, a, m);
        model = open_text(json);
        assert_int_equal(layer_of(model, 0).kv_heads, 0);
        assert_int_equal(layer_of(model, 1).kv_heads, 8);
        assert_true(layer_of(model, 3).cache_k_elems == 0);
        ctxfit_model_free(model);
        (void)snprintf(json, sizeof json, granite, m, m, a, m);
        model = open_text(json);
        assert_int_equal(layer_of(model, 1).kv_heads, 0);
        assert_int_equal(layer_of(model, 2).kv_heads, 8);
        ctxfit_model_free(model);
    }
}

/* Bamba counts its layers with attention, LFM2 did before it had layer_types: of both the sum of parameters is the published one. */
static void layers_with_attention_may_be_counted_up(void **state)
{
    ctxfit_model *bamba = open_text("{\"architectures\": [\"BambaForCausalLM\"], \"model_type\": \"bamba\", \"hidden_size\": 4096, "
                                    "\"intermediate_size\": 14336, \"num_hidden_layers\": 32, \"num_attention_heads\": 32, "
                                    "\"num_key_value_heads\": 8, \"vocab_size\": 128256, \"attn_layer_indices\": [9, 18, 27], "
                                    "\"mamba_d_conv\": 4, \"mamba_d_head\": 64, \"mamba_d_state\": 128, \"mamba_expand\": 2, "
                                    "\"mamba_n_groups\": 1, \"mamba_n_heads\": 128, \"tie_word_embeddings\": false}");
    ctxfit_model *lfm2 = open_text("{\"architectures\": [\"Lfm2ForCausalLM\"], \"model_type\": \"lfm2\", \"hidden_size\": 1024, "
                                   "\"num_hidden_layers\": 16, \"num_attention_heads\": 16, \"num_key_value_heads\": 8, "
                                   "\"vocab_size\": 65536, "
                                   "\"block_ff_dim\": 6656, \"block_auto_adjust_ff_dim\": true, \"block_multiple_of\": 256, "
                                   "\"conv_L_cache\": 3, \"full_attn_idxs\": [2, 5, 8, 10, 12, 14]}");
    ctxfit_error  error = {0};

    (void)state;
    assert_true(fabs((double)info_of(bamba).parameters / 9.78e9 - 1) < 0.001);
    assert_int_equal(layer_of(bamba, 9).kv_heads, 8);
    assert_int_equal(layer_of(bamba, 10).kv_heads, 0);
    assert_true(fabs((double)info_of(lfm2).parameters / 0.354e9 - 1) < 0.002);
    ctxfit_model_free(lfm2);
    ctxfit_model_free(bamba);
    assert_int_equal(refused("{\"architectures\": [\"Lfm2ForCausalLM\"], \"model_type\": \"lfm2\", \"num_key_value_heads\": 8, "
                             "\"full_attn_idxs\": [2, 4], " SHAPE "}", &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "'full_attn_idxs' has 4: expected layers from 0 to 3"));
}

/* Mistral-Small-4 has the class of Mistral-Small-3 around another decoder; 119 billion parameters are published. */
static void a_class_may_wrap_decoders_of_several_architectures(void **state)
{
    ctxfit_model *model = open_text(
        "{\"architectures\": [\"Mistral3ForConditionalGeneration\"], \"model_type\": \"mistral3\", \"tie_word_embeddings\": false, "
        "\"text_config\": {\"model_type\": \"mistral4\", \"hidden_size\": 4096, \"num_hidden_layers\": 36, \"num_attention_heads\": 32, "
        "\"intermediate_size\": 12288, \"moe_intermediate_size\": 2048, \"n_routed_experts\": 128, \"n_shared_experts\": 1, "
        "\"num_experts_per_tok\": 4, \"kv_lora_rank\": 256, \"q_lora_rank\": 1024, \"qk_nope_head_dim\": 64, \"qk_rope_head_dim\": 64, "
        "\"v_head_dim\": 128, \"vocab_size\": 131072, \"max_position_embeddings\": 1048576, \"tie_word_embeddings\": false}}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "mistral4");
    assert_true(fabs((double)info_of(model).parameters / 119e9 - 1) < 0.005);
    assert_int_equal(layer_of(model, 0).cache_k_elems, 256 + 64);
    ctxfit_model_free(model);
}

/* DeepSeek-OCR: 3.34 billion parameters are published, of which 0.4 are the eyes'. */
static void a_whole_may_be_built_otherwise_than_its_decoders_class(void **state)
{
    ctxfit_model *model = open_text(
        "{\"architectures\": [\"DeepseekOCRForCausalLM\"], \"model_type\": \"deepseek_vl_v2\", \"language_config\": {"
        "\"architectures\": [\"DeepseekV2ForCausalLM\"], \"model_type\": \"deepseek_v2\", \"use_mla\": false, \"kv_lora_rank\": null, "
        "\"q_lora_rank\": null, \"qk_nope_head_dim\": 0, \"qk_rope_head_dim\": 0, \"v_head_dim\": 0, \"hidden_size\": 1280, "
        "\"num_hidden_layers\": 12, \"num_attention_heads\": 10, \"num_key_value_heads\": 10, \"intermediate_size\": 6848, "
        "\"moe_intermediate_size\": 896, \"n_routed_experts\": 64, \"n_shared_experts\": 2, \"num_experts_per_tok\": 6, "
        "\"first_k_dense_replace\": 1, \"vocab_size\": 129280, \"max_position_embeddings\": 8192}}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "deepseek2-ocr");
    assert_true(fabs((double)info_of(model).parameters / 2.935e9 - 1) < 0.001);
    assert_int_equal(layer_of(model, 0).cache_k_elems, 1280);
    assert_int_equal(layer_of(model, 0).attention, CTXFIT_ATTENTION_FULL);
    ctxfit_model_free(model);
}

/* Grok-2 has a dense part beside its experts, Grok-1 none: 269.5 and 314 billion parameters are published. */
static void grok_has_a_dense_part_where_experts_have_a_width(void **state)
{
    static const char grok[] = "{\"architectures\": [\"Grok1ForCausalLM\"], \"model_type\": \"git\", \"hidden_size\": %d, "
                               "\"num_hidden_layers\": 64, \"num_attention_heads\": %d, \"num_key_value_heads\": 8, \"head_dim\": 128, "
                               "\"vocab_size\": 131072, \"intermediate_size\": 32768, \"num_local_experts\": 8, "
                               "\"num_experts_per_tok\": 2, \"max_position_embeddings\": 8192%s}";
    char              json[1024];
    ctxfit_model     *model;

    (void)state;
    (void)snprintf(json, sizeof json, grok, 8192, 64, ", \"moe_intermediate_size\": 16384");
    model = open_text(json);
    assert_true(fabs((double)info_of(model).parameters / 269.5e9 - 1) < 0.001);
    ctxfit_model_free(model);
    (void)snprintf(json, sizeof json, grok, 6144, 48, ", \"tie_word_embeddings\": true");
    model = open_text(json);
    assert_true(fabs((double)info_of(model).parameters / 314e9 - 1) < 0.02);
    ctxfit_model_free(model);
}

/* gpt-oss-20b is published in MXFP4; copies in BF16 have 20.9 billion parameters in 2 bytes each, for every engine and as a GGUF. */
static void experts_of_gpt_oss_are_plain_where_nothing_is_packed(void **state)
{
    static const char gpt_oss[] = "{\"architectures\": [\"GptOssForCausalLM\"], \"model_type\": \"gpt_oss\", \"hidden_size\": 2880, "
                                  "\"intermediate_size\": 2880, \"num_hidden_layers\": 24, \"num_attention_heads\": 64, "
                                  "\"num_key_value_heads\": 8, \"head_dim\": 64, \"vocab_size\": 201088, \"num_local_experts\": 32, "
                                  "\"num_experts_per_tok\": 4, \"sliding_window\": 128, \"max_position_embeddings\": 131072%s}";
    static const struct {
        const char *more;
        double      least, most;
        const char *type;
    } cases[] = {
        {", \"quantization_config\": {\"quant_method\": \"mxfp4\"}", 13e9, 14e9, "MXFP4_MOE"},
        {"", 41.7e9, 41.9e9, "BF16"},
        {", \"quantization_config\": {\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}", 41.7e9, 41.9e9, "BF16"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char              json[1024];
        ctxfit_model     *model;
        ctxfit_model_info info;

        (void)snprintf(json, sizeof json, gpt_oss, cases[i].more);
        model = open_text(json);
        info = info_of(model);
        assert_true((double)info.data_bytes > cases[i].least && (double)info.data_bytes < cases[i].most);
        assert_string_equal(ctxfit_file_type_name(info.file_type), cases[i].type);
        ctxfit_model_free(model);
    }
}

/* transformers' FalconAttention: num_kv_heads counts in the later form alone. */
static void falcons_multi_query_is_one_kv_head(void **state)
{
    static const char falcon[] = "{\"architectures\": [\"FalconForCausalLM\"], \"model_type\": \"falcon\", \"num_kv_heads\": 32, "
                                 "\"multi_query\": %s, \"new_decoder_architecture\": %s, " SHAPE "}";
    static const struct {
        const char *multi, *later;
        uint32_t    heads;
    } cases[] = {{"true", "false", 1}, {"true", "true", 32}, {"false", "false", 32}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          json[1024];
        ctxfit_model *model;

        (void)snprintf(json, sizeof json, falcon, cases[i].multi, cases[i].later);
        model = open_text(json);
        assert_int_equal(layer_of(model, 0).kv_heads, cases[i].heads);
        ctxfit_model_free(model);
    }
}

/* The sizes that transformers would take are right; who left them out is told. */
static void sizes_that_only_the_class_gives_are_noted(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_size\": 4096, "
                                    "\"num_attention_heads\": 32, \"intermediate_size\": 11008}");

    (void)state;
    assert_int_equal(info_of(model).layers, 32);
    assert_int_equal(info_of(model).vocabulary, 32000);
    assert_non_null(strstr(ctxfit_model_note(model, 0), "num_hidden_layers 32, vocab_size 32000, max_position_embeddings 2048"));
    assert_null(ctxfit_model_note(model, 1));
    ctxfit_model_free(model);
}

static void what_is_read_as_something_else_is_noted(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {LLAMA ", \"torch_dtype\": \"float3\"}", "dtype 'float3'"},
        {LLAMA ", \"num_attention_heads\": 24, \"num_key_value_heads\": 8}", "a width of 4096 does not divide by 24 heads: 170 each"},
        {"{\"model_type\": \"novel\", \"num_key_value_heads\": 8, \"head_dim\": 0, " SHAPE "}", "'head_dim' is 0: not counted"},
        {"{\"architectures\": [\"LlamaForRewardModel\"], \"model_type\": \"llama\", " SHAPE "}",
         "class 'LlamaForRewardModel' is not known: it is read as one of its model_type 'llama'"},
        {"{\"architectures\": [\"Gemma2ForCausalLM\"], \"model_type\": \"gemma2\", \"head_dim\": 256, \"sliding_window\": 1024, "
         "\"layer_types\": [\"sliding_attention\", \"sliding_attention\", \"full_attention\", \"full_attention\"], " SHAPE "}",
         "layer_types has 'sliding_attention' for layer 1; counted is what llama.cpp's gemma2 always has there, the whole context"},
        {QWEN3NEXT ", \"layer_types\": [\"linear_attention\", \"full_attention\", \"linear_attention\", \"linear_attention\"]}",
         "layer_types is not full attention in every 2th layer"},
        {LLAMA ", \"rope_scaling\": {\"type\": \"spiral\", \"factor\": 4}}", "rope type 'spiral'"},
        {"{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", \"num_key_value_heads\": 8, "
         "\"hybrid_override_pattern\": \"M*-M-\", " SHAPE "}", "num_hidden_layers is 4, the list of blocks has 5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model *model = open_text(cases[i].text);
        uint32_t      n = 0;

        while (ctxfit_model_note(model, n) != NULL && strstr(ctxfit_model_note(model, n), cases[i].said) == NULL)
            n++;
        if (ctxfit_model_note(model, n) == NULL)
            fail_msg("%s: no note says '%s'", cases[i].text, cases[i].said);
        ctxfit_model_free(model);
    }
}

/* attn_layer_period and _offset of Jamba: layer i attends where i % period is the offset, and none does where no remainder is. */
static void a_layer_is_named_by_a_period_and_an_offset(void **state)
{
    static const struct {
        const char *offset;
        uint32_t    attending;
    } cases[] = {{"0", 4}, {"1", 4}, {"2", 0}, {"1.5", 0}, {"-1", 0}, {"1e104", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          json[1024];
        ctxfit_model *model;
        uint32_t      attending = 0;

        (void)snprintf(json, sizeof json,
                       "{\"architectures\": [\"JambaForCausalLM\"], \"model_type\": \"jamba\", \"hidden_size\": 64, "
                       "\"intermediate_size\": 128, \"num_hidden_layers\": 8, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, "
                       "\"vocab_size\": 256, \"mamba_d_conv\": 4, \"mamba_d_state\": 16, \"mamba_dt_rank\": 4, \"mamba_expand\": 2, "
                       "\"num_experts\": 2, \"num_experts_per_tok\": 1, \"expert_layer_period\": 2, \"expert_layer_offset\": 1, "
                       "\"attn_layer_period\": 2, \"attn_layer_offset\": %s}", cases[i].offset);
        model = open_text(json);
        for (uint32_t k = 0; k < 8; k++) {
            ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

            assert_int_equal(ctxfit_model_get_layer(model, k, &layer), CTXFIT_OK);
            attending += layer.attention != CTXFIT_ATTENTION_NONE;
        }
        if (attending != cases[i].attending)
            fail_msg("offset %s: %u layers attend", cases[i].offset, (unsigned)attending);
        ctxfit_model_free(model);
    }
}

/* A plan for vLLM sees it: Qwen3.5 asks for F32 and a checkpoint of it may ask for the model's type. */
static void the_type_of_the_recurrent_state_is_kept(void **state)
{
    static const struct {
        const char *key;
        uint32_t    block_tokens;
    } cases[] = {
        {"\"mamba_ssm_dtype\": \"float32\"", 528},
        {"\"mamba_ssm_dtype\": \"bfloat16\"", 272},
        {"\"mamba_ssm_cache_dtype\": \"float16\"", 272},
        {"\"mamba_ssm_dtype\": 32", 528}, /* not a name: as those of its kind */
    };
    ctxfit_hw   *hw = NULL;
    ctxfit_error error;

    (void)state;
    assert_int_equal(ctxfit_hw_parse("h200", NULL, &hw, &error), CTXFIT_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char                json[1024];
        ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
        ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
        ctxfit_plan        *plan = NULL;
        ctxfit_model       *model;

        (void)snprintf(json, sizeof json,
                       "{\"model_type\": \"qwen3_5_text\", \"architectures\": [\"Qwen3_5ForCausalLM\"], \"hidden_size\": 4096, "
                       "\"intermediate_size\": 12288, \"num_hidden_layers\": 4, \"num_attention_heads\": 16, \"num_key_value_heads\": 4, "
                       "\"head_dim\": 256, \"vocab_size\": 248320, \"max_position_embeddings\": 262144, \"linear_conv_kernel_dim\": 4, "
                       "\"linear_key_head_dim\": 128, \"linear_num_key_heads\": 16, \"linear_num_value_heads\": 32, "
                       "\"linear_value_head_dim\": 128, \"full_attention_interval\": 4, %s}", cases[i].key);
        model = open_text(json);
        (void)snprintf(o.engine, sizeof o.engine, "vllm@0.19.1");
        if (ctxfit_plan_make(model, hw, &o, NULL, &plan, &error) != CTXFIT_OK)
            fail_msg("%s", error.message);
        assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
        assert_int_equal(e.block_tokens, cases[i].block_tokens);
        ctxfit_plan_free(plan);
        ctxfit_model_free(model);
    }
    ctxfit_hw_free(hw);
}

static void a_missing_fact_is_named(void **state)
{
    ctxfit_error error = {0};

    (void)state;
    assert_int_equal(refused("{}", &error), CTXFIT_E_INCOMPLETE);
    assert_non_null(strstr(error.message, "'num_hidden_layers', 'hidden_size', 'num_attention_heads', 'intermediate_size', "
                                          "'vocab_size' are missing"));
    assert_int_equal(refused("{\"model_type\": \"novel\", \"num_hidden_layers\": 2, \"hidden_size\": 64, \"num_attention_heads\": 2, "
                             "\"intermediate_size\": 128}", &error), CTXFIT_E_INCOMPLETE);
    assert_non_null(strstr(error.message, "'vocab_size' is missing"));
    assert_int_equal(refused("{\"model_type\": \"novel\", \"num_experts\": 8, " SHAPE "}", &error), CTXFIT_E_INCOMPLETE);
    assert_non_null(strstr(error.message, "'num_experts_per_tok' is missing"));
}

static void a_byte_order_mark_is_named(void **state)
{
    ctxfit_error error = {0};

    (void)state;
    assert_int_equal(refused("\xEF\xBB\xBF" LLAMA "}", &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "byte order mark"));
    assert_int_equal(refused("\xFF\xFE{", &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "UTF-16"));
    assert_int_equal(refused("", &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "empty"));
}

static void what_is_no_configuration_is_refused(void **state)
{
    static const struct {
        const char   *json;
        ctxfit_status status;
    } cases[] = {
        {"", CTXFIT_E_MALFORMED},
        {"{\"a\": ", CTXFIT_E_MALFORMED},
        {"[1, 2]", CTXFIT_E_TYPE},
        {"7", CTXFIT_E_TYPE},
        {"{\"model_type\": \"llama\", \"num_hidden_layers\": \"many\"}", CTXFIT_E_TYPE},
        {"{\"model_type\": \"llama\", \"num_hidden_layers\": 4294967295}", CTXFIT_E_MALFORMED},
        {"{\"model_type\": \"llama\", \"num_hidden_layers\": 0}", CTXFIT_E_MALFORMED},
        {"{\"model_type\": \"llama\", \"num_attention_heads\": 7, \"num_key_value_heads\": 3}", CTXFIT_E_MALFORMED},
        {"{\"architectures\": [\"MolmoForCausalLM\"], \"hidden_size\": 64, \"num_hidden_layers\": 2, \"num_attention_heads\": 2, "
         "\"vocab_size\": 64, \"intermediate_size\": 1e30}", CTXFIT_E_INCOMPLETE}, /* half of it is no whole number of 64 bits */
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", CTXFIT_E_LIMIT},
    };
    ctxfit_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_status status = refused(cases[i].json, &error);

        if (status != cases[i].status)
            fail_msg("%s: %s (%s)", cases[i].json, ctxfit_status_name(status), error.message);
    }
}

static void arguments_are_checked(void **state)
{
    ctxfit_model *model = NULL;

    (void)state;
    assert_int_equal(ctxfit_model_from_config(NULL, 0, 0, NULL, &model, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_config("{}", 2, 0, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_config("{}", 2, 4095, NULL, &model, NULL), CTXFIT_E_NOT_FOUND);
}

static void making_survives_the_nth_failed_allocation(void **state)
{
    const char *json = "{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"gemma3_text\", \"text_config\": {\"model_type\": "
                       "\"gemma3_text\", \"sliding_window\": 1024}}";
    size_t      n;

    (void)state;
    for (n = 1; n < 500; n++) {
        test_allocator   counter;
        ctxfit_allocator allocator = test_allocator_make(&counter, n);
        ctxfit_model    *model = NULL;
        ctxfit_status    status = ctxfit_model_from_config(json, strlen(json), 0, &allocator, &model, NULL);

        ctxfit_model_free(model);
        assert_int_equal(counter.live_blocks, 0);
        if (status == CTXFIT_OK)
            break;
        assert_int_equal(status, CTXFIT_E_NO_MEMORY);
    }
    assert_in_range(n, 4, 499);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_file_gives_its_shape),
        cmocka_unit_test(a_name_is_what_the_file_was_saved_from),
        cmocka_unit_test(what_a_decoder_leaves_out_is_the_default_of_its_class),
        cmocka_unit_test(a_stated_key_comes_before_a_default_under_another_name),
        cmocka_unit_test(rope_scaling_is_read_under_both_names),
        cmocka_unit_test(windows_follow_layer_types),
        cmocka_unit_test(a_window_that_is_not_used_is_none),
        cmocka_unit_test(a_window_that_llamacpp_does_not_have_is_noted),
        cmocka_unit_test(an_unknown_type_is_read_as_a_plain_transformer_and_says_what_it_lacks),
        cmocka_unit_test(an_unknown_type_that_states_latents_has_latent_attention),
        cmocka_unit_test(each_layer_of_longcat_flash_counts_as_two),
        cmocka_unit_test(notes_outlive_requantizing),
        cmocka_unit_test(numbers_that_are_no_sizes_are_told),
        cmocka_unit_test(a_value_that_no_model_can_have_is_refused_with_its_key),
        cmocka_unit_test(a_list_of_layers_that_does_not_fit_is_refused),
        cmocka_unit_test(both_names_of_a_kind_of_layer_are_one),
        cmocka_unit_test(layers_with_attention_may_be_counted_up),
        cmocka_unit_test(a_class_may_wrap_decoders_of_several_architectures),
        cmocka_unit_test(a_whole_may_be_built_otherwise_than_its_decoders_class),
        cmocka_unit_test(grok_has_a_dense_part_where_experts_have_a_width),
        cmocka_unit_test(experts_of_gpt_oss_are_plain_where_nothing_is_packed),
        cmocka_unit_test(falcons_multi_query_is_one_kv_head),
        cmocka_unit_test(sizes_that_only_the_class_gives_are_noted),
        cmocka_unit_test(what_is_read_as_something_else_is_noted),
        cmocka_unit_test(a_byte_order_mark_is_named),
        cmocka_unit_test(a_layer_is_named_by_a_period_and_an_offset),
        cmocka_unit_test(the_type_of_the_recurrent_state_is_kept),
        cmocka_unit_test(a_missing_fact_is_named),
        cmocka_unit_test(what_is_no_configuration_is_refused),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(making_survives_the_nth_failed_allocation),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
