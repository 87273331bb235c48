/* Caches that engines lay out otherwise than llama.cpp: bytes by the sources that lib/engine/cache_forms.def names, worked out from the
 * models' published shapes. */
#include "plan_fixture.h"

static ctxfit_plan_options under(const char *engine, uint64_t ctx)
{
    ctxfit_plan_options o = options_with(ctx, 1);

    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    return o;
}

static uint64_t kv_of(const char *name, const char *engine, const char *hardware, const char *type)
{
    ctxfit_model       *model = catalog_model(name, "BF16");
    ctxfit_hw          *hw = machine(hardware);
    ctxfit_plan_options o = under(engine, 4096);
    ctxfit_plan        *plan;
    ctxfit_plan_device  d = CTXFIT_PLAN_DEVICE_INIT;

    if (type != NULL)
        o.kv_key = o.kv_value = ctxfit_quant_from_name(type);
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return d.kv_bytes;
}

/* deepseek_v2.py: K of 128 + 64 and V of 128 for each of 16 heads; deepseek_v3.py: 512 + 64. */
static void mlx_keeps_the_heads_of_deepseek_2(void **state)
{
    (void)state;
    assert_int_equal(kv_of("deepseek-v2-lite", "mlx-lm", "mac-studio-m3-ultra-512gb", NULL), UINT64_C(27) * 4096 * 16 * (192 + 128) * 2);
    assert_int_equal(kv_of("deepseek-v2-lite", "mlx-lm", "mac-studio-m3-ultra-512gb", "Q8_0"),
                     UINT64_C(27) * 4096 * 16 * (192 + 128) * 17 / 16);
    assert_int_equal(kv_of("deepseek-v3", "mlx-lm", "mac-studio-m3-ultra-512gb", NULL), UINT64_C(61) * 4096 * 576 * 2);
    assert_int_equal(kv_of("deepseek-v2-lite", "sglang", "h200 host:256GiB", NULL), UINT64_C(27) * 4096 * 576 * 2);
}

/* 62 layers, 40 heads of 64 + 32, V of 64; latents of 256 + 32 */
static void minicpm3_is_padded_in_vllm_and_latent_in_sglang(void **state)
{
    (void)state;
    assert_int_equal(kv_of("minicpm3-4b", "vllm@0.33.0", "h200 host:256GiB", NULL), UINT64_C(62) * (4096 + 16) * 40 * (96 + 96) * 2);
    assert_int_equal(kv_of("minicpm3-4b", "sglang", "h200 host:256GiB", NULL), UINT64_C(62) * 4096 * 288 * 2);
    assert_int_equal(kv_of("minicpm3-4b", "mlx-lm", "mac-studio-m3-ultra-512gb", NULL), UINT64_C(62) * 4096 * 40 * (96 + 64) * 2);
}

/* DeepSeek-V3: the module that drafts has 11.5 billion parameters of its own (README of the model) and one more layer of the cache. A row
 * of 1 GiB holds blocks of 16 tokens of 576 in 61 layers, or 62. */
static void blocks_that_the_converter_leaves_out_draft(void **state)
{
    ctxfit_model       *model = catalog_model("deepseek-v3", "BF16");
    ctxfit_hw          *hw = machine("8*h200 host:2TiB");
    ctxfit_plan_options o = under("vllm@0.33.0", 4096);
    ctxfit_plan_device  d[2] = {CTXFIT_PLAN_DEVICE_INIT, CTXFIT_PLAN_DEVICE_INIT};
    ctxfit_plan_engine  e[2] = {CTXFIT_PLAN_ENGINE_INIT, CTXFIT_PLAN_ENGINE_INIT};

    (void)state;
    o.kv_cache_bytes = UINT64_C(1) << 30;
    for (uint32_t draft = 0; draft < 2; draft++) {
        ctxfit_plan *plan;

        o.draft_tokens = draft;
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_device(plan, 0, &d[draft]), CTXFIT_OK);
        assert_int_equal(ctxfit_plan_get_engine(plan, &e[draft]), CTXFIT_OK);
        ctxfit_plan_free(plan);
    }
    assert_near((double)(d[1].weights_bytes - d[0].weights_bytes) / 2 / 1e9, 11.5, 0.15);
    assert_int_equal(e[0].pool_blocks, (UINT64_C(1) << 30) / (61 * 16 * 576 * 2));
    assert_int_equal(e[1].pool_blocks, (UINT64_C(1) << 30) / (62 * 16 * 576 * 2));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static uint64_t blocks_of(const ctxfit_model *model, const char *engine)
{
    ctxfit_hw          *hw = machine("8*h200 host:2TiB");
    ctxfit_plan_options o = under(engine, 4096);
    ctxfit_plan        *plan;
    ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;

    o.tensor_parallel = 4;
    o.kv_cache_bytes = UINT64_C(1) << 34;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    return e.pool_blocks;
}

/* K of 192 and V of 128, which 0.19 made as wide. */
static void values_of_mimo_have_their_own_width_since_0_20(void **state)
{
    ctxfit_model *model = catalog_model("mimo-v2-flash", "BF16");

    (void)state;
    assert_near((double)blocks_of(model, "vllm@0.20.0") / (double)blocks_of(model, "vllm@0.19.1"), 384.0 / 320.0, 0.001);
    ctxfit_model_free(model);
}

/* 2 layers of 16 heads of 128 + 64 and 128, or latents of 512 + 64, in blocks of 16 or 64 tokens on two ranks. */
static void latents_of_unknown_types_go_by_the_engine(void **state)
{
    static const struct {
        const char *engine, *type;
        bool        latent;
        uint32_t    block;
    } cases[] = {
        {"vllm@0.28.0", "novel", true, 16},       {"vllm@0.27.1", "novel", false, 16},       {"vllm@0.27.1", "sarvam_mla", true, 16},
        {"vllm@0.17.1", "sarvam_mla", false, 16}, {"vllm@0.12.0", "longcat_flash", true, 64}, {"sglang", "novel", false, 1},
        {"sglang", "hy_v4", true, 1},
    };
    ctxfit_hw *hw = machine("2*h200 host:2TiB");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char                json[512];
        ctxfit_model       *model = NULL;
        ctxfit_error        error = {0};
        ctxfit_plan_options o = under(cases[i].engine, 4096);
        ctxfit_plan        *plan;
        ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
        bool                told = false;

        (void)snprintf(json, sizeof json,
                       "{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"%s\", \"hidden_size\": 2048, "
                       "\"intermediate_size\": 8192, \"num_hidden_layers\": 2, \"num_attention_heads\": 16, \"kv_lora_rank\": 512, "
                       "\"q_lora_rank\": null, \"qk_rope_head_dim\": 64, \"qk_nope_head_dim\": 128, \"v_head_dim\": 128, "
                       "\"vocab_size\": 32000, \"max_position_embeddings\": 4096}",
                       cases[i].type);
        if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
            fail_msg("%s", error.message);
        o.tensor_parallel = 2;
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
        if (e.block_tokens != cases[i].block || e.block_bytes / e.block_tokens != 2 * 2 * (cases[i].latent ? 576 : 8 * 320))
            fail_msg("%s %s: %llu B in %u tokens", cases[i].engine, cases[i].type, (unsigned long long)e.block_bytes,
                     (unsigned)e.block_tokens);
        for (uint32_t w = 0; ctxfit_plan_warning(plan, w) != NULL; w++)
            told = told || strstr(ctxfit_plan_warning(plan, w), "knows no latent attention") != NULL;
        assert_int_equal(told, !cases[i].latent);
        ctxfit_plan_free(plan);
        ctxfit_model_free(model);
    }
    ctxfit_hw_free(hw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mlx_keeps_the_heads_of_deepseek_2),
        cmocka_unit_test(minicpm3_is_padded_in_vllm_and_latent_in_sglang),
        cmocka_unit_test(blocks_that_the_converter_leaves_out_draft),
        cmocka_unit_test(values_of_mimo_have_their_own_width_since_0_20),
        cmocka_unit_test(latents_of_unknown_types_go_by_the_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
