/* Windows of config.json that llama.cpp's models do not have, under the engines that load checkpoints. Expected figures: by the rules of
 * vLLM 0.33.0 (vllm/engine/arg_utils.py, v1/kv_cache_interface.py) and mlx-lm 0.32.2 (models/cache.py), worked out beside them. */
#include "plan_fixture.h"

#define SHAPE "\"hidden_size\": 4096, \"intermediate_size\": 14336, \"num_hidden_layers\": 32, \"num_attention_heads\": 32, " \
              "\"num_key_value_heads\": 8, \"vocab_size\": 32000, \"max_position_embeddings\": 32768"
#define MISTRAL "{\"architectures\": [\"MistralForCausalLM\"], \"model_type\": \"mistral\", " SHAPE
#define QWEN2   "{\"architectures\": [\"Qwen2ForCausalLM\"], \"model_type\": \"qwen2\", \"sliding_window\": 4096, " SHAPE
#define MIXED   ", \"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\", \"full_attention\", " \
                "\"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\"], \"num_hidden_layers\": 8}"
#define BLOCK (UINT64_C(16) * 8 * 256 * 2) /* of one layer: 16 tokens, 8 heads, K and V of 128, 16 bits */

static ctxfit_model *from_json(const char *json)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static ctxfit_plan_options under(const char *engine, uint64_t ctx)
{
    ctxfit_plan_options o = options_with(ctx, 1);

    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    o.batch_tokens = 2048;
    return o;
}

/* Bytes of the first device's caches for one request. */
static uint64_t cache_of(const char *json, const char *engine, const char *hardware, uint64_t ctx, bool promote)
{
    ctxfit_model       *model = from_json(json);
    ctxfit_hw          *hw = machine(hardware);
    ctxfit_plan_options o = under(engine, ctx);
    ctxfit_plan        *plan;
    ctxfit_plan_device  d = CTXFIT_PLAN_DEVICE_INIT;

    if (promote)
        o.swa_full = CTXFIT_CHOICE_ON;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return d.kv_bytes + d.kv_swa_bytes;
}

static uint64_t vllm_cache(const char *json, const char *version)
{
    return cache_of(json, version, "h200 host:256GiB", 32768, false);
}

/* A request of 32768 tokens: full 2048 blocks; a window of 4096 with two batches of 2048 in flight (one before 0.26):
 * ceil((4095 + 4096) / 16) + 1 = 513, before 385; since 0.29 a block more that is never handed out. */
static void a_stated_window_is_that_of_every_layer(void **state)
{
    (void)state;
    assert_int_equal(vllm_cache(MISTRAL ", \"sliding_window\": 4096}", "vllm@0.33.0"), 32 * BLOCK * (513 + 1));
    assert_int_equal(vllm_cache(MISTRAL ", \"sliding_window\": 4096}", "vllm@0.25.1"), 32 * BLOCK * 385);
    assert_int_equal(vllm_cache(MISTRAL ", \"sliding_window\": null}", "vllm@0.33.0"), 32 * BLOCK * (2048 + 1));
    assert_int_equal(vllm_cache(MISTRAL "}", "vllm@0.33.0"), 32 * BLOCK * (513 + 1)); /* the default of the class */
    /* No engine but vLLM: SGLang and TensorRT-LLM keep every token, llama.cpp's model has no window. */
    assert_int_equal(cache_of(MISTRAL ", \"sliding_window\": 4096}", "sglang", "h200 host:256GiB", 32768, false), 2048 * 32 * BLOCK);
    assert_int_equal(cache_of(MISTRAL ", \"sliding_window\": 4096}", "llama.cpp", "h200 host:256GiB", 32768, false), 2048 * 32 * BLOCK);
    /* --disable-hybrid-kv-cache-manager changes nothing where there is one kind of layers. */
    assert_int_equal(cache_of(MISTRAL ", \"sliding_window\": 4096}", "vllm@0.33.0", "h200 host:256GiB", 32768, true),
                     32 * BLOCK * (513 + 1));
}

static bool tells(const ctxfit_model *model, const char *engine, const char *words)
{
    ctxfit_hw          *hw = machine("h200 host:256GiB");
    ctxfit_plan_options o = under(engine, 32768);
    ctxfit_plan        *plan = planned(model, hw, &o);
    const char         *warning;
    bool                told = false;

    for (uint32_t i = 0; (warning = ctxfit_plan_warning(plan, i)) != NULL; i++)
        told = told || strstr(warning, words) != NULL;
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    return told;
}

static void a_window_that_only_llama_cpp_leaves_out_is_told_under_its_kin_alone(void **state)
{
    static const struct {
        const char *engine;
        bool        told;
    } engines[] = {{"llama.cpp", true}, {"ollama", true},        {"lm-studio", true}, {"vllm", false},
                   {"sglang", false},   {"tensorrt-llm", false}, {"exllamav3", false}};
    ctxfit_model *model = from_json(MISTRAL ", \"sliding_window\": 4096}"), *copy = NULL;

    (void)state;
    assert_int_equal(ctxfit_model_requantize(model, ctxfit_file_type_from_name("Q4_K_M"), NULL, &copy, NULL), CTXFIT_OK);
    assert_true(tells(copy, "llama.cpp", "llama.cpp's llama has no window"));
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (tells(model, engines[i].engine, "has no window") != engines[i].told)
            fail_msg("%s", engines[i].engine);
    ctxfit_model_free(copy);
    ctxfit_model_free(model);
}

static void qwen_asks_for_its_window(void **state)
{
    ctxfit_model       *model = from_json(QWEN2 ", \"use_sliding_window\": true, \"max_window_layers\": 16}");
    ctxfit_hw          *hw = machine("h200 host:256GiB");
    ctxfit_plan_options o = under("vllm", 32768);
    ctxfit_plan        *plan = NULL;
    ctxfit_error        error = {0};

    (void)state;
    assert_int_equal(vllm_cache(QWEN2 "}", "vllm@0.33.0"), 32 * BLOCK * (2048 + 1));
    assert_int_equal(vllm_cache(QWEN2 ", \"use_sliding_window\": false}", "vllm@0.33.0"), 32 * BLOCK * (2048 + 1));
    /* max_window_layers: from there on. All of them, then none, which before 0.27 was all. */
    assert_int_equal(vllm_cache(QWEN2 ", \"use_sliding_window\": true, \"max_window_layers\": 0}", "vllm@0.33.0"), 32 * BLOCK * (513 + 1));
    assert_int_equal(vllm_cache(QWEN2 ", \"use_sliding_window\": true, \"max_window_layers\": 32}", "vllm@0.33.0"),
                     32 * BLOCK * (2048 + 1));
    assert_int_equal(vllm_cache(QWEN2 ", \"use_sliding_window\": true, \"max_window_layers\": 32}", "vllm@0.25.1"), 32 * BLOCK * 385);
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "Sliding window for some but all layers"));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Eight layers, of which the fourth and the eighth have no rope: the same groups as below. */
static void smollm_has_its_window_where_it_has_no_rope(void **state)
{
#define SMOLLM "{\"architectures\": [\"SmolLM3ForCausalLM\"], \"model_type\": \"smollm3\", \"sliding_window\": 4096, " \
               "\"hidden_size\": 4096, \"intermediate_size\": 14336, \"num_hidden_layers\": 8, \"num_attention_heads\": 32, " \
               "\"num_key_value_heads\": 8, \"vocab_size\": 32000, \"max_position_embeddings\": 32768"
    (void)state;
    assert_int_equal(vllm_cache(SMOLLM "}", "vllm@0.33.0"), 8 * BLOCK * (2048 + 1));
    assert_int_equal(vllm_cache(SMOLLM ", \"use_sliding_window\": true}", "vllm@0.33.0"), 2 * BLOCK * (3 * 2048 + 513 + 1));
    assert_int_equal(vllm_cache(SMOLLM ", \"use_sliding_window\": true, \"no_rope_layer_interval\": 100}", "vllm@0.33.0"),
                     8 * BLOCK * (2048 + 1));
    assert_int_equal(vllm_cache(SMOLLM ", \"use_sliding_window\": true, \"no_rope_layer_interval\": 0}", "vllm@0.33.0"),
                     8 * BLOCK * (2048 + 1));
    assert_int_equal(vllm_cache(SMOLLM ", \"use_sliding_window\": true, \"no_rope_layers\": [0, 0, 1, 1, 1, 1, 1, 1]}", "vllm@0.33.0"),
                     2 * BLOCK * (3 * 2048 + 513 + 1));
    assert_int_equal(vllm_cache(SMOLLM ", \"use_sliding_window\": true, \"no_rope_layers\": [1, 1, 1, 1, 1, 1, 1, 1]}", "vllm@0.33.0"),
                     8 * BLOCK * (2048 + 1));
}

/* Two layers with a window and six without: groups of two layers, so three for the six and one for the two, of 16 tokens each. */
static void layer_types_name_the_layers(void **state)
{
    static const char json[] = "{\"architectures\": [\"MistralForCausalLM\"], \"model_type\": \"ministral3\", \"sliding_window\": 4096, "
                               "\"hidden_size\": 4096, \"intermediate_size\": 14336, \"num_attention_heads\": 32, \"vocab_size\": 32000, "
                               "\"num_key_value_heads\": 8, \"max_position_embeddings\": 32768" MIXED;

    (void)state;
    assert_int_equal(vllm_cache(json, "vllm@0.33.0"), 2 * BLOCK * (3 * 2048 + 513 + 1));
    assert_int_equal(cache_of(json, "vllm@0.33.0", "h200 host:256GiB", 32768, true), 8 * BLOCK * (2048 + 1));
    /* mlx-lm: 4095 + 2048 tokens in each of the two */
    assert_int_equal(cache_of(json, "mlx-lm", "mac-studio-m3-ultra-512gb", 32768, false), (UINT64_C(6) * 32768 + 2 * 6143) * 8 * 256 * 2);
}

/* mlx-lm has rotating caches where its model makes them: not for Mistral's one window, nor for Gemma 2. */
static void mlx_rotates_where_its_models_do(void **state)
{
    ctxfit_model       *gemma2 = catalog_model("gemma-2-9b", "BF16");
    ctxfit_hw          *hw = machine("mac-studio-m3-ultra-512gb");
    ctxfit_plan_options o = under("mlx-lm", 8192);
    ctxfit_plan        *plan = planned(gemma2, hw, &o);
    ctxfit_plan_device  d = CTXFIT_PLAN_DEVICE_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    assert_int_equal(d.kv_swa_bytes, 0);
    assert_int_equal(d.kv_bytes, UINT64_C(42) * 8192 * 8 * 512 * 2);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(gemma2);
    assert_int_equal(cache_of(MISTRAL ", \"sliding_window\": 4096}", "mlx-lm", "mac-studio-m3-ultra-512gb", 32768, false),
                     UINT64_C(32) * 32768 * 8 * 256 * 2);
}

#define LLAMA4 "{\"architectures\": [\"Llama4ForCausalLM\"], \"model_type\": \"llama4_text\", \"hidden_size\": 4096, " \
               "\"num_hidden_layers\": 8, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"head_dim\": 128, " \
               "\"vocab_size\": 32000, \"max_position_embeddings\": 32768"

/* Six layers of chunks and two that see everything: three groups of chunks. With two batches of 2048 in flight a chunk of 4096 takes
 * (4096 + 4096) / 16 blocks, one of 8192 takes (8192 + 4096) / 16. */
static void chunks_are_as_long_as_the_file_says(void **state)
{
    (void)state;
    assert_int_equal(vllm_cache(LLAMA4 ", \"attention_chunk_size\": 4096}", "vllm@0.33.0"), 2 * BLOCK * (2048 + 3 * 512 + 1));
    assert_int_equal(vllm_cache(LLAMA4 "}", "vllm@0.33.0"), 2 * BLOCK * (2048 + 3 * 768 + 1));
    assert_int_equal(vllm_cache(LLAMA4 ", \"attention_chunk_size\": null}", "vllm@0.33.0"), 8 * BLOCK * (2048 + 1));
}

/* Granite 4: llama.cpp's converter writes 1048576. */
static void the_limit_is_what_the_engine_reads(void **state)
{
    ctxfit_model       *model = catalog_model("granite-4.0-h-tiny", "BF16");
    ctxfit_hw          *hw = machine("h200 host:256GiB");
    ctxfit_plan_options o = under("vllm", 0);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.n_ctx_seq, 131072);
    assert_int_equal(s.max_ctx_seq_tokens, 131072);
    ctxfit_plan_free(plan);
    o = under("llama.cpp", 0);
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.n_ctx_seq, 1048576);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stated_window_is_that_of_every_layer), cmocka_unit_test(qwen_asks_for_its_window),
        cmocka_unit_test(a_window_that_only_llama_cpp_leaves_out_is_told_under_its_kin_alone),
        cmocka_unit_test(smollm_has_its_window_where_it_has_no_rope),
        cmocka_unit_test(layer_types_name_the_layers),            cmocka_unit_test(chunks_are_as_long_as_the_file_says),
        cmocka_unit_test(mlx_rotates_where_its_models_do),
        cmocka_unit_test(the_limit_is_what_the_engine_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
