/* Modules that a method of quantization lists count in their own formats: bytes worked out from the shapes of Qwen3-8B and of a model with
 * experts, as vLLM loads them. */
#include "test_support.h"

#include "ctxfit.h"

#define QWEN "\"architectures\": [\"Qwen3ForCausalLM\"], \"model_type\": \"qwen3\", \"hidden_size\": 4096, \"intermediate_size\": 12288, " \
             "\"num_hidden_layers\": 36, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"head_dim\": 128, " \
             "\"vocab_size\": 151936, \"max_position_embeddings\": 40960, \"tie_word_embeddings\": false"
#define EXPERTS "\"architectures\": [\"Qwen3MoeForCausalLM\"], \"model_type\": \"qwen3_moe\", \"hidden_size\": 2048, " \
                "\"num_hidden_layers\": 4, \"num_attention_heads\": 32, \"num_key_value_heads\": 4, \"head_dim\": 128, " \
                "\"intermediate_size\": 6144, \"moe_intermediate_size\": 768, \"num_experts\": 128, \"num_experts_per_tok\": 8, " \
                "\"vocab_size\": 151936, \"max_position_embeddings\": 40960, \"tie_word_embeddings\": false"

static uint64_t weights_of(const char *shape, const char *config, const char *words)
{
    char                json[4096];
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan_device  d = CTXFIT_PLAN_DEVICE_INIT;
    ctxfit_error        error = {0};
    const char         *text;
    bool                said = words == NULL;

    (void)snprintf(json, sizeof json, "{%s, \"quantization_config\": %s}", shape, config);
    (void)snprintf(o.engine, sizeof o.engine, "vllm@0.20.2"); /* that has all of the methods */
    o.ctx_tokens = 1024;
    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK ||
        ctxfit_hw_parse("b200 host:64GiB", NULL, &hw, &error) != CTXFIT_OK ||
        ctxfit_plan_make(model, hw, &o, NULL, &plan, &error) != CTXFIT_OK)
        fail_msg("%s: %s", config, error.message);
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    for (uint32_t i = 0; (text = ctxfit_plan_warning(plan, i)) != NULL; i++) {
        said = said || strstr(text, words) != NULL;
        if (words == NULL && strstr(text, "not followed") != NULL)
            fail_msg("%s: %s", config, text);
    }
    if (!said)
        fail_msg("%s: nothing says '%s'", config, words);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return d.weights_bytes;
}

/* Weights of the layers by what they are in, and all others in 16 bits. */
#define ATTENTION (2.0 * 4096 * 4096 + 2.0 * 4096 * 1024)
#define MLP       (3.0 * 4096 * 12288)
#define ALL       36.0
#define OUTSIDE   (2.0 * 151936 * 4096 * 2)

#define GROUP(targets, bits, type, size) \
    "{\"targets\": [" targets "], \"weights\": {\"num_bits\": " #bits ", \"type\": \"" type "\", \"group_size\": " size "}}"
#define COMPRESSED(groups, ignore) \
    "{\"quant_method\": \"compressed-tensors\", \"format\": \"mixed-precision\", \"config_groups\": {" groups "}, \"ignore\": [" ignore "]}"
#define INT4  (0.5 + 2.0 / 128)
#define NVFP4 (0.5 + 1.0 / 16)

static void modules_count_in_their_own_formats(void **state)
{
    static const struct {
        const char *config;
        double      bytes; /* of the layers */
        const char *words;
    } cases[] = {
        {COMPRESSED("\"a\": " GROUP("\"Linear\"", 4, "int", "128"), "\"lm_head\""), ALL * (ATTENTION + MLP) * INT4, NULL},
        {COMPRESSED("\"a\": " GROUP("\"re:.*mlp.*\"", 4, "int", "128") ", \"b\": " GROUP("\"re:.*attn.*\"", 8, "int", "null"), ""),
         ALL * (ATTENTION + MLP * INT4), NULL},
        {COMPRESSED("\"a\": " GROUP("\"re:.*self_attn\\\\.(q|k|v|o)_proj$\"", 8, "float", "null") ", \"b\": "
                    GROUP("\"Linear\"", 4, "float", "16"), ""),
         ALL * (ATTENTION + MLP * NVFP4), NULL},
        {COMPRESSED("\"a\": " GROUP("\"re:.*mlp.*\"", 4, "int", "128"), "\"lm_head\""), ALL * (ATTENTION * 2 + MLP * INT4), NULL},
        {COMPRESSED("\"a\": " GROUP("\"Linear\"", 4, "int", "128"), "\"re:.*self_attn.*\", "
                    "\"model.layers.0.mlp.down_proj\", \"re:visual.*\""),
         ALL * (ATTENTION * 2 + MLP * INT4) + MLP / 3 * (2 - INT4), NULL},
        {COMPRESSED("\"a\": " GROUP("\"Linear\"", 4, "int", "128"), "\"re:(?!.*mlp).*\""), ALL * (ATTENTION + MLP) * INT4,
         "1 patterns of modules are not followed (the first: '(?!.*mlp).*')"},
        {"{\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\", \"exclude_modules\": [\"lm_head\", \"*self_attn*\"]}",
         ALL * (ATTENTION * 2 + MLP * NVFP4), NULL},
        {"{\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\", \"exclude_modules\": [\"model.layers.1*\", \"model.layers.35\"]}",
         24 * (ATTENTION + MLP) * NVFP4 + 12 * (ATTENTION + MLP) * 2, NULL}, /* 1, 10 to 19, and 35 */
        {"{\"quant_method\": \"modelopt\", \"quant_algo\": \"MIXED_PRECISION\", \"quantized_layers\": {"
         "\"model.layers.0.mlp.gate_proj\": {\"quant_algo\": \"FP8\"}, \"model.layers.1.mlp\": {\"quant_algo\": \"NVFP4\"}, "
         "\"mtp.layers.2.mlp.gate_proj\": {\"quant_algo\": \"FP8\"}, \"lm_head\": {\"quant_algo\": \"FP8\"}}}",
         ALL * (ATTENTION + MLP) * 2 - MLP / 3 - MLP * (2 - NVFP4) - 151936.0 * 4096, NULL},
        {"{\"quant_method\": \"fp8\", \"modules_to_not_convert\": [\"self_attn\", \"lm_head\", \"gate\"]}",
         ALL * (ATTENTION * 2 + MLP), NULL},
        {"{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 128, \"dynamic\": {\"-:.*self_attn.*\": {}, "
         "\"+:.*\\\\.1[0-9]\\\\.mlp\\\\..*\": {\"bits\": 8, \"group_size\": 64}}}",
         ALL * ATTENTION * 2 + 26 * MLP * (0.5 + 2.5 / 128) + 10 * MLP * (1 + 3.0 / 64), NULL},
        {"{\"quant_method\": \"auto-round\", \"bits\": 4, \"group_size\": 128, \"extra_config\": {"
         "\"model.layers.0.mlp.up_proj\": {\"bits\": 16}, \".*self_attn.*\": {\"bits\": 8}, \"model.layers.3.no_such\": {\"bits\": 8}}}",
         ALL * (ATTENTION * (1 + 3.0 / 128) + MLP * (0.5 + 2.5 / 128)) + MLP / 3 * (2 - 0.5 - 2.5 / 128),
         "1 modules have formats of their own that are not counted (the first: 'model.layers.3.no_such')"},
        {"{\"quant_method\": \"quark\", \"global_quant_config\": {\"weight\": {\"dtype\": \"fp4\", \"group_size\": 32}}, "
         "\"exclude\": [\"lm_head\"], \"layer_quant_config\": {\"*self_attn*\": {\"weight\": {\"dtype\": \"fp8_e4m3\"}}}}",
         ALL * (ATTENTION + MLP * (0.5 + 2.5 / 32)), NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double found = (double)weights_of(QWEN, cases[i].config, cases[i].words), expected = cases[i].bytes + OUTSIDE;

        if (found < expected || found > expected * 1.0004) /* norms */
            fail_msg("%s: %.0f bytes, not %.0f", cases[i].config, found, expected);
    }
}

/* Experts by name, number and all at once; the matrix that chooses them is never narrow. */
static void experts_are_modules(void **state)
{
    static const struct {
        const char *config;
        double      of_experts, of_attention;
    } cases[] = {
        {COMPRESSED("\"a\": " GROUP("\"re:.*mlp\\\\.experts\\\\.\\\\d+\\\\..*\"", 4, "int", "128"), ""), INT4, 2},
        {COMPRESSED("\"a\": " GROUP("\"Linear\"", 4, "int", "128"), "\"re:.*mlp.experts.*\""), 2, INT4},
        {"{\"quant_method\": \"modelopt\", \"quant_algo\": \"MIXED_PRECISION\", \"quantized_layers\": {"
         "\"model.layers.0.mlp.experts\": {\"quant_algo\": \"FP8\"}, \"model.layers.1.mlp.experts\": {\"quant_algo\": \"FP8\"}, "
         "\"model.layers.2.mlp.experts\": {\"quant_algo\": \"FP8\"}, \"model.layers.3.mlp.experts.7.up_proj\": {\"quant_algo\": \"FP8\"}, "
         "\"model.layers.3.mlp.experts.7.gate_proj\": {\"quant_algo\": \"FP8\"}, "
         "\"model.layers.3.mlp.experts.7.down_proj\": {\"quant_algo\": \"FP8\"}}}", 1, 2},
    };
    const double experts = 4.0 * 128 * 3 * 2048 * 768, attention = 4.0 * (2 * 2048 * 4096 + 2 * 2048 * 512);
    const double outside = 2.0 * 151936 * 2048 * 2 + 4.0 * 2048 * 128 * 2;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double found = (double)weights_of(EXPERTS, cases[i].config, NULL);
        const double expected = experts * cases[i].of_experts + attention * cases[i].of_attention + outside;

        if (found < expected || found > expected * 1.001) /* norms, choices in F32 */
            fail_msg("%s: %.0f bytes, not %.0f", cases[i].config, found, expected);
    }
}

/* Each is held against every tensor. */
static void no_number_of_patterns_takes_long(void **state)
{
    char   config[3000];
    size_t at = (size_t)snprintf(config, sizeof config, "{\"quant_method\": \"awq\", \"bits\": 4, \"modules_to_not_convert\": [\"a\"");

    (void)state;
    for (uint32_t i = 0; i < 60; i++)
        at += (size_t)snprintf(config + at, sizeof config - at, ", \"re:.*([a-z.]*q){90}.*%u.*\"", 1000 + i);
    (void)snprintf(config + at, sizeof config - at, "]}");
    (void)weights_of(QWEN, config, "patterns of modules are not followed (the first: '.*([a-z.]*q){90}.*10");
}

static void rules_survive_the_nth_failed_allocation(void **state)
{
    static const char json[] = "{" QWEN ", \"quantization_config\": "
        COMPRESSED("\"a\": " GROUP("\"re:.*mlp.*\"", 4, "int", "128"), "\"re:.*down.*\", \"model.layers.0*\"") "}";
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model = NULL;

        f.status = ctxfit_model_from_config(json, sizeof json - 1, 0, &f.allocator, &model, NULL);
        ctxfit_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_count_in_their_own_formats),
        cmocka_unit_test(experts_are_modules),
        cmocka_unit_test(no_number_of_patterns_takes_long),
        cmocka_unit_test(rules_survive_the_nth_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
