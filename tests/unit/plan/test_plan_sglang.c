/* SGLang 0.5.23: its memory fraction by the arithmetic of arg_groups/memory_hook.py, its pools against logs of H100 and
 * Ascend machines (the arithmetic of tokens; sources in the rows). */
#include "plan_fixture.h"

#include "engine/engine_internal.h"

#define GIB (UINT64_C(1) << 30)

static ctxfit_plan_options sglang_options(void)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    memcpy(o.engine, "sglang", sizeof "sglang");
    return o;
}

/* Bytes of tokens as logs print them, K and V together, to a hundredth of a GiB. */
static void tokens_take_the_bytes_of_the_logs(void **state)
{
    static const struct {
        const char *source, *model;
        uint32_t    tp, page; /* a page more than the tokens is allocated */
        uint64_t    tokens;
        double      gib;
    } rows[] = {
        {"vllm-project/vllm#21348: Qwen3-235B-A22B-FP8 on H100", "qwen3-235b-a22b", 4, 1, 367404, 2 * 8.23},
        {"shun8686/for_debug qwen3_235b_w8a8, attention on one rank", "qwen3-235b-a22b", 1, 128, 77696, 2 * 6.98},
        {"shun8686/for_debug qwen3_30b_w8a8", "qwen3-30b-a3b", 2, 128, 802688, 2 * 18.38},
        {"shun8686/for_debug qwen3_480b_w8a8, attention on 8 ranks", "qwen3-coder-480b-a35b", 8, 128, 732288, 2 * 10.83},
        {"shun8686/for_debug deepseek_r1_w4a8", "deepseek-v3", 1, 128, 132608, 8.69},
    };
    ctxfit_hw *hw = machine("8*h200 host:2TiB");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ctxfit_model       *model = catalog_model(rows[i].model, "BF16");
        ctxfit_plan_options o = sglang_options();
        ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
        ctxfit_plan        *plan;
        double              gib;

        o.tensor_parallel = rows[i].tp;
        o.ctx_tokens = 4096;
        o.kv_cache_bytes = GIB;
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
        gib = (double)e.block_bytes * (double)(rows[i].tokens + rows[i].page) / (double)GIB;
        if (fabs(gib - rows[i].gib) > 0.0101)
            fail_msg("%s: %.3f GiB, the log says %.2f", rows[i].source, gib, rows[i].gib);
        ctxfit_plan_free(plan);
        ctxfit_model_free(model);
    }
    ctxfit_hw_free(hw);
}

/* reserved = 512 + 1.5 max(chunk, 2048) + 128 ranks + graphs (2 a decode batch, 8 a prefill size); at least 10 GiB above 60 GiB */
static void the_fraction_follows_the_size_of_the_gpu(void **state)
{
    static const struct {
        uint64_t mib;
        uint32_t tp, flags;
        double   fraction;
    } cases[] = {
        /* chunk 4096, 48 graphs, 50 sizes: 512 + 6144 + 128 + 96 + 400 = 7280 of 24564 */
        {24564, 1, 0, 0.704},
        {24564, 1, CTXFIT_PLAN_F_EAGER, 0.724},
        {24564, 4, 0, 0.679}, /* 512 + 6144 + 512 + 320 + 400 */
        {16380, 1, 0, 0.752}, /* chunk 2048, 8 graphs, 42 sizes: 512 + 3072 + 128 + 16 + 336 = 4064 */
        {81559, 1, 0, 0.83},  /* chunk 8192, 256 graphs, 58 sizes: 512 + 12288 + 128 + 512 + 464 = 13904 */
    };
    ctxfit_model *model = catalog_model("qwen3-8b", "BF16");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = sglang_options();

        o.tensor_parallel = cases[i].tp;
        o.flags = cases[i].flags;
        assert_near(cfi_sglang_fraction(model, &o, cases[i].mib << 20), cases[i].fraction, 0.00051);
    }
    ctxfit_model_free(model);
}

/* Laguna's log: 185,897 tokens of full layers, 148,717 of window layers */
static void window_layers_have_eight_tenths_of_the_tokens(void **state)
{
    ctxfit_model       *model = catalog_model("gpt-oss-20b", "BF16");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = sglang_options();
    ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
    ctxfit_plan        *plan;

    (void)state;
    o.ctx_tokens = 4096;
    o.kv_cache_bytes = GIB;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
    /* 12 full and 12 window layers, 8 heads of 64, K and V, 2 B: 24,576 + 0.8 x 24,576 */
    assert_int_equal(e.block_bytes, 44237);
    assert_int_equal(e.pool_tokens, GIB / 44237);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_take_the_bytes_of_the_logs),
        cmocka_unit_test(the_fraction_follows_the_size_of_the_gpu),
        cmocka_unit_test(window_layers_have_eight_tenths_of_the_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
