/* mlx-lm 0.32.2 and LM Studio. Peaks: tests/data/engines/mlx.csv (GB of 10^9 bytes). */
#include "plan_fixture.h"

#include "csv_reader.h"

static ctxfit_plan *under(const char *engine, const ctxfit_model *model, const ctxfit_hw *hw, ctxfit_plan_options o)
{
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    return planned(model, hw, &o);
}

static void check_peak(const csv_reader *csv)
{
    ctxfit_model       *model = catalog_model(csv_text(csv, "model"), "BF16");
    ctxfit_hw          *hw = machine(csv_text(csv, "hw"));
    ctxfit_plan_options o = options_with((uint64_t)csv_real(csv, "prompt"), 1);
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_plan        *plan;
    ctxfit_plan_device  d;
    double              rest = csv_real(csv, "peak_gb") * 1e9;

    o.batch_tokens = (uint32_t)csv_real(csv, "step");
    plan = under("mlx-lm", model, hw, o);
    d = device_of(plan, 0);
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    rest -= (double)info.parameters * csv_real(csv, "bits_per_parameter") / 8;
    rest -= (double)(d.kv_bytes + d.kv_swa_bytes + d.recurrent_bytes);
    if (rest + 5e7 < (double)d.compute_low_bytes || rest - 5e7 > (double)d.compute_bytes) /* most figures have one digit */
        fail_msg("%s, %s tokens: %.0f bytes beside weights and cache, band %llu to %llu", csv_text(csv, "model"), csv_text(csv, "prompt"),
                 rest, (unsigned long long)d.compute_low_bytes, (unsigned long long)d.compute_bytes);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void measured_peaks_are_inside_the_band(void **state)
{
    csv_reader csv;
    int        rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/mlx.csv"));
    for (; csv_read(&csv); rows++)
        check_peak(&csv);
    assert_true(rows >= 22);
    csv_close(&csv);
}

static ctxfit_plan_device taken(const char *name, uint64_t tokens, uint32_t step, const char *cache)
{
    ctxfit_model       *model = catalog_model(name, "BF16");
    ctxfit_hw          *hw = machine("mac-studio-m3-ultra-512gb");
    ctxfit_plan_options o = options_with(tokens, 1);
    ctxfit_plan        *plan;
    ctxfit_plan_device  d;

    o.batch_tokens = step;
    if (cache != NULL)
        o.kv_key = o.kv_value = ctxfit_quant_from_name(cache);
    plan = under("mlx-lm", model, hw, o);
    d = device_of(plan, 0);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return d;
}

/* 16 bits of each head, token of a step and cell, and a byte of mask */
static void scores_that_no_kernel_saves_are_counted(void **state)
{
    const ctxfit_plan_device narrow = taken("qwen2.5-32b", 32768, 2048, NULL), wide = taken("qwen2.5-32b", 65536, 2048, NULL);
    const ctxfit_plan_device packed = taken("qwen2.5-32b", 32768, 2048, "Q8_0"), packed2 = taken("qwen2.5-32b", 65536, 2048, "Q8_0");
    const ctxfit_plan_device latent = taken("deepseek-v3", 32768, 2048, NULL), latent2 = taken("deepseek-v3", 65536, 2048, NULL);
    const ctxfit_plan_device broad = taken("gemma-4-31b", 32768, 2048, NULL), broad2 = taken("gemma-4-31b", 65536, 2048, NULL);
    const ctxfit_plan_device whole = taken("gemma-4-31b", 24576, 8192, NULL), behind = taken("gemma-4-31b", 28672, 8192, NULL);
    const uint64_t           cells = 32768;

    (void)state;
    assert_int_equal(wide.compute_low_bytes, narrow.compute_low_bytes); /* heads of 128 */
    assert_int_equal(packed2.compute_low_bytes - packed.compute_low_bytes, cells * 2048 * (40 * 2 + 1));
    assert_int_equal(latent2.compute_low_bytes - latent.compute_low_bytes, cells * 2 * (2048 * (128 * 2 + 1) + 128 * (128 + 128) * 2));
    assert_int_equal(broad2.compute_low_bytes - broad.compute_low_bytes, cells * 2048 * (32 * 2 + 1)); /* its full layers: 512 */
    /* 4,096 tokens behind three steps: fewer scores than those of the third step */
    assert_int_equal(behind.compute_bytes - whole.compute_bytes, (behind.kv_bytes - whole.kv_bytes) / 10 * 2);
}

/* "Model context auto-fit" of LM Studio's logs (lmstudio-bug-tracker 2191 and 2250): bytes of a token in caches and scores, states. */
static void lm_studio_measures_the_same_bytes_of_mlx_models(void **state)
{
    static const struct {
        const char *model;
        uint64_t    full_kv, attention;
        double      state_gib;
    } rows[] = {{"qwen3.6-27b", 65536, 98304, 0.14}, {"qwen3.6-35b-a3b", 20480, 65536, 0.06}, {"gemma-4-26b-a4b", 20480, 65536, 0}};
    const uint64_t cells = 32768;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const ctxfit_plan_device once = taken(rows[i].model, cells, 2048, NULL), twice = taken(rows[i].model, 2 * cells, 2048, NULL);
        uint64_t                 of_layer = 2 * (twice.kv_bytes - once.kv_bytes) / (i == 0 ? 16 : i == 1 ? 10 : 5); /* two that grow */

        assert_int_equal(once.kv_bytes, rows[i].full_kv * cells);
        assert_int_equal(twice.compute_bytes - once.compute_bytes - of_layer, (rows[i].attention + 2048) * cells); /* and a mask */
        assert_near((double)once.recurrent_bytes / 1073741824.0, rows[i].state_gib, 0.0051);
    }
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
        cmocka_unit_test(scores_that_no_kernel_saves_are_counted),
        cmocka_unit_test(lm_studio_measures_the_same_bytes_of_mlx_models),
        cmocka_unit_test(caches_grow_in_steps_and_windows_do_not),
        cmocka_unit_test(what_mlx_cannot_do_is_refused),
        cmocka_unit_test(lm_studio_loads_with_its_own_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
