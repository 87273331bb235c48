/* mlx-lm 0.32.2 and LM Studio. Peaks: guruswami-ai/mlx-benchmarks results/qwen25-32b, M3 Ultra,
 * 4 bits (GB of 10^9 bytes). */
#include "plan_fixture.h"

static ctxfit_plan *under(const char *engine, const ctxfit_model *model, const ctxfit_hw *hw, ctxfit_plan_options o)
{
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    return planned(model, hw, &o);
}

/* 4.5 bits a parameter: 4 bits, and a scale and a bias of 16 for each 64 */
static void measured_peaks_are_inside_the_band(void **state)
{
    static const struct {
        uint64_t prompt;
        double   peak_gb;
    } rows[] = {{1024, 19.2}, {4096, 20.4}, {16384, 23.5}};
    ctxfit_model     *model = catalog_model("qwen2.5-32b", "BF16");
    ctxfit_hw        *hw = machine("mac-studio-m3-ultra-512gb");
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ctxfit_plan       *plan = under("mlx-lm", model, hw, options_with(rows[i].prompt, 1));
        ctxfit_plan_device d = device_of(plan, 0);
        double             rest = rows[i].peak_gb * 1e9 - (double)info.parameters * 4.5 / 8 - (double)d.kv_bytes;

        if (rest + 5e7 < (double)d.compute_low_bytes || rest - 5e7 > (double)d.compute_bytes) /* figures of one digit */
            fail_msg("%llu tokens: %.0f bytes beside weights and cache, band %llu to %llu", (unsigned long long)rows[i].prompt, rest,
                     (unsigned long long)d.compute_low_bytes, (unsigned long long)d.compute_bytes);
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void caches_grow_in_steps_and_windows_do_not(void **state)
{
    ctxfit_model       *dense = catalog_model("qwen2.5-32b", "BF16"), *windows = catalog_model("gemma-3-27b", "BF16");
    ctxfit_hw          *hw = machine("mac-studio-m3-ultra-512gb");
    ctxfit_plan_options o = options_with(1000, 2);
    ctxfit_plan        *plan = under("mlx-lm", dense, hw, o);

    (void)state;
    assert_int_equal(device_of(plan, 0).kv_bytes, UINT64_C(2) * 64 * 1024 * 8 * 256 * 2); /* two sequences of four steps */
    ctxfit_plan_free(plan);
    o = options_with(1024, 1);
    o.kv_key = o.kv_value = ctxfit_quant_from_name("Q8_0");
    plan = under("mlx-lm", dense, hw, o);
    assert_int_equal(device_of(plan, 0).kv_bytes, UINT64_C(64) * 1024 * 8 * 256 * 17 / 16); /* 8 bits and 32 for each 64 */
    ctxfit_plan_free(plan);
    /* 52 windows of 1,024 and 10 full layers, 16 heads of 128 */
    plan = under("mlx-lm", windows, hw, options_with(32768, 1));
    assert_int_equal(device_of(plan, 0).kv_swa_bytes, UINT64_C(52) * (1023 + 2048) * 16 * 256 * 2);
    assert_int_equal(device_of(plan, 0).kv_bytes, UINT64_C(10) * 32768 * 16 * 256 * 2);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(windows);
    ctxfit_model_free(dense);
}

static void what_mlx_cannot_do_is_refused(void **state)
{
    ctxfit_model *windows = catalog_model("gemma-3-27b", "BF16");
    ctxfit_hw    *mac = machine("mac-studio-m3-ultra-512gb"), *card = machine("rtx-4090 host:64GiB");

    (void)state;
    for (int i = 0; i < 4; i++) {
        ctxfit_plan_options o = options_with(4096, 1);
        ctxfit_plan        *plan;

        memcpy(o.engine, "mlx-lm", sizeof "mlx-lm");
        if (i == 0)
            o.kv_key = o.kv_value = ctxfit_quant_from_name("Q8_0"); /* windows are not quantized */
        if (i == 1)
            o.kv_key = o.kv_value = ctxfit_quant_from_name("Q5_0");
        if (i == 2)
            o.gpu_layers = 3;
        assert_int_equal(ctxfit_plan_make(windows, i == 3 ? card : mac, &o, NULL, &plan, NULL),
                         i == 3 ? CTXFIT_E_UNSUPPORTED : CTXFIT_E_REFUSED);
    }
    ctxfit_hw_free(card);
    ctxfit_hw_free(mac);
    ctxfit_model_free(windows);
}

static void lm_studio_loads_with_its_own_defaults(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(0, 0);
    ctxfit_plan        *plan = under("lm-studio", model, hw, o);
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_constraint   c = CTXFIT_CONSTRAINT_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.n_ctx, 4096);
    assert_int_equal(s.n_seq, 4);
    assert_int_equal(s.kv_unified, 1);
    assert_true(s.max_sequences < 256);
    assert_int_equal(ctxfit_plan_get_constraint(plan, 0, &c), CTXFIT_OK);
    assert_int_equal(c.limit_tokens, 4096);
    ctxfit_plan_free(plan);
    o.model_ctx_tokens = 16384;
    o.default_ctx_tokens = 8192;
    plan = under("lm-studio", model, hw, o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.n_ctx, 16384);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_peaks_are_inside_the_band),
        cmocka_unit_test(caches_grow_in_steps_and_windows_do_not),
        cmocka_unit_test(what_mlx_cannot_do_is_refused),
        cmocka_unit_test(lm_studio_loads_with_its_own_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
