/* Checkpoints of other formats than 16 bits, under the engines that load checkpoints. */
#include "plan_fixture.h"

/* A small decoder of Llama's shape. */
static ctxfit_model *decoder(const char *type, const char *quantization)
{
    static const char text[] = "{\"architectures\": [\"%s\"], \"model_type\": \"%s\", \"num_hidden_layers\": 8, \"hidden_size\": 2048, "
                               "\"num_attention_heads\": 16, \"num_key_value_heads\": 8, \"head_dim\": 128, \"intermediate_size\": 1024, "
                               "\"vocab_size\": 32000, \"max_position_embeddings\": 32768, \"rms_norm_eps\": 1e-6, "
                               "\"num_experts_per_tok\": 2, \"num_local_experts\": 8, \"rotary_dim\": 64, "
                               "\"torch_dtype\": \"bfloat16\"%s%s}";
    char              json[1024];
    ctxfit_model     *model;
    ctxfit_error      error;
    const char       *class_name = strcmp(type, "minimax_m2") == 0 ? "MiniMaxM2ForCausalLM" : "LlamaForCausalLM";
    const int         len = snprintf(json, sizeof json, text, class_name, type, *quantization != '\0' ? ", " : "", quantization);

    assert_in_range(len, 1, sizeof json - 1);
    if (ctxfit_model_from_hf(json, (size_t)len, NULL, 0, NULL, &model, &error) == CTXFIT_E_UNSUPPORTED)
        skip(); /* a library without JSON */
    assert_non_null(model);
    return model;
}

static uint64_t weights_of(const char *type, const char *quantization, const char *engine, const char *spec)
{
    ctxfit_model       *model = decoder(type, quantization);
    ctxfit_hw          *hw = machine(spec);
    ctxfit_plan_options o = options_with(4096, 1);
    uint64_t            bytes;

    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    bytes = plan_once(model, hw, &o).weights_bytes;
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return bytes;
}

static void is_refused(const char *type, const char *quantization, const char *engine, const char *spec, const char *word)
{
    ctxfit_model       *model = decoder(type, quantization);
    ctxfit_hw          *hw = machine(spec);
    ctxfit_plan_options o = options_with(4096, 1);
    ctxfit_plan        *plan;
    ctxfit_error        error;

    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
    assert_null(plan);
    if (strstr(error.message, word) == NULL)
        fail_msg("'%s' is not in: %s", word, error.message);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static const char mac[] = "mac-studio-m3-ultra-512gb";
static const char fp8_blocks[] = "\"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}";
static const char mxfp8[] =
    "\"quantization_config\": {\"quant_method\": \"fp8\", \"scale_fmt\": \"ue8m0\", \"weight_block_size\": [32, 32]}";
static const char bnb[] = "\"quantization_config\": {\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}";
static const char awq[] = "\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 128}";
static const char gptq8[] = "\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 8, \"group_size\": 128}";
static const char modelopt_fp8[] = "\"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\"}";
static const char modelopt_nvfp4[] = "\"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\"}";
static const char mlx[] = "\"quantization\": {\"bits\": 4, \"group_size\": 64}";
static const char nameless[] = "\"quantization_config\": {\"bits\": 4, \"group_size\": 64}";
static const char unknown[] = "\"quantization_config\": {\"quant_method\": \"fp99\"}";

static void mlx_makes_16_bits_of_fp8_where_the_class_does(void **state)
{
    const uint64_t plain = weights_of("minimax_m2", "", "mlx-lm", mac);

    (void)state;
    assert_int_equal(weights_of("minimax_m2", fp8_blocks, "mlx-lm", mac), plain);
    assert_true(weights_of("minimax_m2", fp8_blocks, "vllm", "8x h200 host:1TiB") < plain / 4 * 3);
    assert_true(weights_of("minimax_m2", mxfp8, "mlx-lm", mac) < plain / 4 * 3); /* kept packed */
    is_refused("llama", fp8_blocks, "mlx-lm", mac, "fp8");
}

static void mlx_refuses_what_it_does_not_load(void **state)
{
    const uint64_t plain = weights_of("llama", "", "mlx-lm", mac);

    (void)state;
    assert_true(weights_of("llama", awq, "mlx-lm", mac) < plain / 2);
    assert_true(weights_of("llama", mlx, "mlx-lm", mac) < plain / 2);
    assert_true(weights_of("mistral", modelopt_nvfp4, "mlx-lm", mac) < plain / 2);
    is_refused("llama", bnb, "mlx-lm", mac, "bitsandbytes");
    is_refused("llama", gptq8, "mlx-lm", mac, "gptq");
    is_refused("llama", modelopt_fp8, "mlx-lm", mac, "modelopt");
    is_refused("llama", unknown, "mlx-lm", mac, "fp99");
    is_refused("llama_of_tomorrow", "", "mlx-lm", mac, "Model type llama_of_tomorrow not supported");
}

static void vllm_and_sglang_refuse_methods_that_they_do_not_know(void **state)
{
    static const char *const engines[] = {"vllm", "sglang"};

    (void)state;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        is_refused("llama", mlx, engines[i], "h200 host:64GiB", "Unknown quantization method");
        is_refused("llama", nameless, engines[i], "h200 host:64GiB", "Unknown quantization method");
        is_refused("llama", unknown, engines[i], "h200 host:64GiB", "fp99");
        assert_true(weights_of("llama", modelopt_fp8, engines[i], "rtx-4090 host:64GiB") > 0);
        assert_true(weights_of("llama", modelopt_nvfp4, engines[i], "rtx-3090 host:64GiB") > 0); /* Marlin */
        assert_true(weights_of("llama", awq, engines[i], "rtx-5090 host:64GiB") > 0);
    }
    is_refused("llama", bnb, "vllm@0.27.1", "tesla-p40 host:64GiB", "minimum capability 70, it has 61");
}

/* vLLM 0.27.1 and 0.29.0: layers/quantization/modelopt.py, __init__.py. */
static void methods_come_and_go_with_releases_of_vllm(void **state)
{
    static const char a100[] = "a100-sxm-80gb host:64GiB";

    (void)state;
    is_refused("llama", modelopt_fp8, "vllm@0.25.1", a100, "minimum capability 89, it has 80");
    is_refused("llama", modelopt_fp8, "sglang", a100, "minimum capability 89, it has 80");
    assert_true(weights_of("llama", modelopt_fp8, "vllm@0.27.1", a100) > 0);
    assert_true(weights_of("llama", modelopt_fp8, "vllm", a100) > 0);
    assert_true(weights_of("llama", bnb, "vllm@0.27.1", a100) > 0);
    is_refused("llama", bnb, "vllm@0.28.0", a100, "Unknown quantization method: 'bitsandbytes'");
    is_refused("llama", bnb, "vllm", a100, "Unknown quantization method: 'bitsandbytes'");
}

static bool is_deprecated(const char *method, const char *engine)
{
    char                config[128], json[1024];
    ctxfit_model       *model = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_hw          *hw = machine("b200 host:64GiB");
    ctxfit_plan_options o = options_with(1024, 1);
    ctxfit_error        error = {0};
    bool                told = false;

    (void)snprintf(config, sizeof config, "\"quantization_config\": {\"quant_method\": \"%s\", \"bits\": 4, \"group_size\": 32}", method);
    (void)snprintf(json, sizeof json,
                   "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"intermediate_size\": 11008, \"num_hidden_layers\": 4, "
                   "\"num_attention_heads\": 32, \"vocab_size\": 32000, \"max_position_embeddings\": 4096, %s}", config);
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    assert_int_equal(ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error), CTXFIT_OK);
    if (ctxfit_plan_make(model, hw, &o, NULL, &plan, &error) != CTXFIT_OK)
        fail_msg("%s %s: %s", engine, method, error.message);
    for (uint32_t i = 0; ctxfit_plan_warning(plan, i) != NULL; i++)
        told = told || strstr(ctxfit_plan_warning(plan, i), "with --allow-deprecated-quantization alone") != NULL;
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return told;
}

/* DEPRECATED_QUANTIZATION_METHODS of 0.12.0 (none), 0.14.0, 0.19.1, 0.20.0 and 0.33.0 */
static void methods_that_vllm_lets_go_are_told(void **state)
{
    static const char fp_quant[] = "\"quantization_config\": {\"quant_method\": \"fp_quant\"}";
    static const char hqq[] = "\"quantization_config\": {\"quant_method\": \"hqq\"}";

    (void)state;
    assert_true(is_deprecated("fp_quant", "vllm@0.33.0"));
    assert_true(is_deprecated("fbgemm_fp8", "vllm@0.14.0"));
    assert_false(is_deprecated("fbgemm_fp8", "vllm@0.12.0"));
    assert_false(is_deprecated("fbgemm_fp8", "sglang"));
    assert_true(is_deprecated("experts_int8", "vllm@0.19.1"));
    assert_false(is_deprecated("experts_int8", "vllm@0.20.0"));
    assert_true(is_deprecated("hqq", "vllm@0.14.0"));
    assert_false(is_deprecated("gptq", "vllm@0.14.0"));
    is_refused("llama", fp_quant, "vllm@0.10.2", "b200 host:64GiB", "Unknown quantization method: 'fp_quant'");
    is_refused("llama", hqq, "vllm@0.16.0", "b200 host:64GiB", "Unknown quantization method: 'hqq'");
}

static void trtllm_refuses_by_the_checkpoint_and_by_the_gpu(void **state)
{
    static const char fp8_whole[] = "\"quantization_config\": {\"quant_method\": \"fp8\"}";

    (void)state;
    is_refused("llama", modelopt_nvfp4, "tensorrt-llm", "rtx-4090 host:64GiB", "sm_89");
    is_refused("llama", fp8_blocks, "tensorrt-llm", "a100-sxm-80gb host:64GiB", "sm_80");
    is_refused("llama", fp8_whole, "tensorrt-llm", "h200 host:64GiB", "fp8");
    is_refused("llama", bnb, "tensorrt-llm", "h200 host:64GiB", "bitsandbytes");
    is_refused("llama", awq, "tensorrt-llm", "h200 host:64GiB", "awq");
    is_refused("llama", mlx, "tensorrt-llm", "h200 host:64GiB", "mlx");
    assert_true(weights_of("llama", modelopt_nvfp4, "tensorrt-llm", "b200 host:64GiB") > 0);
    assert_true(weights_of("llama", modelopt_fp8, "tensorrt-llm", "rtx-4090 host:64GiB") > 0);
    assert_true(weights_of("llama", fp8_blocks, "tensorrt-llm", "h200 host:64GiB") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mlx_makes_16_bits_of_fp8_where_the_class_does),
        cmocka_unit_test(mlx_refuses_what_it_does_not_load),
        cmocka_unit_test(vllm_and_sglang_refuse_methods_that_they_do_not_know),
        cmocka_unit_test(methods_come_and_go_with_releases_of_vllm),
        cmocka_unit_test(methods_that_vllm_lets_go_are_told),
        cmocka_unit_test(trtllm_refuses_by_the_checkpoint_and_by_the_gpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
