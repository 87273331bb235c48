/* What a config.json may not say, and what is said of what it leaves out. */
#include "config_fixture.h"

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
    refused_value(qwen, "quantization", "[4]", CTXFIT_E_TYPE, "is a list: expected an object");
    refused_value(qwen, "quantization", "{\"bits\": \"4\"}", CTXFIT_E_TYPE, "'quantization.bits' is text \"4\": expected a number");
    refused_value(qwen, "tie_word_embeddings", "\"true\"", CTXFIT_E_TYPE, "is text: expected true or false");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_are_no_sizes_are_told),
        cmocka_unit_test(a_value_that_no_model_can_have_is_refused_with_its_key),
        cmocka_unit_test(a_list_of_layers_that_does_not_fit_is_refused),
        cmocka_unit_test(sizes_that_only_the_class_gives_are_noted),
        cmocka_unit_test(a_byte_order_mark_is_named),
        cmocka_unit_test(a_missing_fact_is_named),
        cmocka_unit_test(what_is_no_configuration_is_refused),
        cmocka_unit_test(arguments_are_checked),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
