/* SGLang 0.5.23: its memory fraction by the arithmetic of arg_groups/memory_hook.py, its pools against logs
 * (tests/data/engines/sglang.csv). */
#include "plan_fixture.h"

#include "csv_reader.h"
#include "engine/engine_internal.h"

#define GIB (UINT64_C(1) << 30)

static ctxfit_plan_options sglang_options(void)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    memcpy(o.engine, "sglang", sizeof "sglang");
    return o;
}

static ctxfit_plan_engine pool_of(const char *model_name, const char *hw_spec, const ctxfit_plan_options *options)
{
    ctxfit_model      *model = catalog_model(model_name, "BF16");
    ctxfit_hw         *hw = machine(hw_spec);
    ctxfit_plan       *plan = planned(model, hw, options);
    ctxfit_plan_engine e = CTXFIT_PLAN_ENGINE_INIT;

    assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return e;
}

/* Bytes of tokens as logs print them, K and V together, to a hundredth of a GiB; a page more than the tokens is allocated. */
static void tokens_take_the_bytes_of_the_logs(void **state)
{
    csv_reader csv;
    int        rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/sglang.csv"));
    for (; csv_read(&csv); rows++) {
        ctxfit_plan_options o = sglang_options();
        ctxfit_plan_engine  e;
        double              tokens = strtod(csv_text(&csv, "tokens"), NULL) + strtod(csv_text(&csv, "page"), NULL), gib;

        o.tensor_parallel = (uint32_t)strtoul(csv_text(&csv, "tp"), NULL, 10);
        o.ctx_tokens = 4096;
        o.kv_cache_bytes = GIB;
        if (csv_text(&csv, "fp8")[0] == '1')
            o.kv_key = o.kv_value = ctxfit_quant_from_name("FP8_E4M3");
        e = pool_of(csv_text(&csv, "model"), "8*h200 host:2TiB", &o);
        gib = (double)e.block_bytes / e.block_tokens * tokens / (double)GIB;
        if (fabs(gib - strtod(csv_text(&csv, "cache_gib"), NULL)) > 0.0101)
            fail_msg("%s: %.3f GiB, the log says %s", csv_text(&csv, "source"), gib, csv_text(&csv, "cache_gib"));
    }
    assert_true(rows >= 13);
    csv_close(&csv);
}

/* arg_groups/overrides.py, _mla_backend_page_constraints(), _fa4_page_constraint(); get_default_attn_backend(); model_overrides */
static void pages_are_those_of_the_kernels(void **state)
{
    static const struct {
        const char *engine, *model, *hw;
        uint32_t    stated, tokens;
    } cases[] = {
        {"sglang", "llama-3.1-8b", "h200", 0, 1},       {"sglang", "llama-3.1-8b", "b200", 0, 64},
        {"sglang", "llama-3.1-8b", "b300", 32, 32},     {"sglang", "llama-3.1-8b", "b200", 8, 64},
        {"sglang", "llama-3.1-8b", "h200", 8, 8},       {"sglang", "llama-3.1-8b", "rtx-pro-6000-blackwell", 0, 1},
        {"sglang", "deepseek-v2-lite", "b200", 0, 1},   {"sglang", "deepseek-v3", "8*b200 host:1TiB", 0, 64},
        {"sglang", "deepseek-v3", "8*h200 host:1TiB", 0, 1}, {"sglang", "deepseek-v3.2", "8*h200 host:1TiB", 0, 64},
        {"sglang", "mimo-v2-flash", "b200", 0, 128},    {"sglang@0.5.16", "mimo-v2-flash", "b200", 0, 64},
        {"sglang", "qwen3.5-27b", "b200", 0, 64},       {"sglang@0.5.13", "qwen3.5-27b", "b200", 0, 1},
        {"sglang", "nemotron-3-nano-30b-a3b", "b200", 0, 64}, {"sglang@0.5.18", "nemotron-3-nano-30b-a3b", "b200", 0, 1},
        {"sglang", "granite-4.0-h-micro", "b200", 0, 1}, {"sglang", "llama-3.1-8b", "mi300x", 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = sglang_options();
        ctxfit_plan_engine  e;

        (void)snprintf(o.engine, sizeof o.engine, "%s", cases[i].engine);
        o.ctx_tokens = 4096;
        o.block_tokens = cases[i].stated;
        o.tensor_parallel = cases[i].hw[0] == '8' ? 8 : 1;
        o.kv_cache_bytes = GIB;
        e = pool_of(cases[i].model, cases[i].hw, &o);
        if (e.block_tokens != cases[i].tokens)
            fail_msg("%s, %s on %s: pages of %u", cases[i].engine, cases[i].model, cases[i].hw, (unsigned)e.block_tokens);
        assert_int_equal(e.pool_tokens % cases[i].tokens, 0);
    }
}

/* configs/model_config.py, is_hybrid_swa_model: of all others the windows are cached as full attention. */
static void only_some_architectures_have_a_pool_of_windows(void **state)
{
    static const struct {
        const char *model;
        uint64_t    bytes;
    } cases[] = {
        {"gemma-3-27b", UINT64_C(62) * 16 * 256 * 2},                         /* 62 layers of 16 heads of 128 */
        {"gemma-2-9b", UINT64_C(42) * 8 * 512 * 2},
        {"gemma-4-31b", (UINT64_C(10) * 4 * 1024 * 10 + UINT64_C(50) * 16 * 512 * 8) * 2 / 10},
        {"llama-4-scout", (UINT64_C(12) * 10 + UINT64_C(36) * 8) * 8 * 256 * 2 / 10}, /* chunks count as windows */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = sglang_options();
        uint64_t            bytes;

        o.ctx_tokens = 4096;
        bytes = pool_of(cases[i].model, "h200", &o).block_bytes;
        if (bytes / 4 != cases[i].bytes / 4) /* rounded up to whole bytes */
            fail_msg("%s: %llu bytes a token", cases[i].model, (unsigned long long)bytes);
    }
}

/* GLM-5, 78 layers with an indexer of 128 (132 B): BF16 on Hopper, raw FP8 on Blackwell, FP8 with four scales and rotated parts of 16
 * bits on Hopper and for GLM on the consumer cards of Blackwell. arg_groups/overrides.py, _dsa_kv_cache_dtype_default. */
static void sparse_latent_caches_go_by_the_gpu(void **state)
{
    static const struct {
        const char *hw, *kv;
        uint64_t    bytes;
    } cases[] = {
        {"h200", "", 576 * 2},
        {"h200", "FP8_E4M3", 512 + 16 + 128},
        {"b200", "", 576},
        {"b200", "BF16", 576 * 2},
        {"rtx-pro-6000-blackwell", "", 512 + 16 + 128},
        {"mi300x", "", 576 * 2},
        {"mi300x", "FP8_E4M3", 576},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = sglang_options();
        ctxfit_plan_engine  e;

        o.ctx_tokens = 4096;
        if (cases[i].kv[0] != '\0')
            o.kv_key = o.kv_value = ctxfit_quant_from_name(cases[i].kv);
        e = pool_of("glm-5", cases[i].hw, &o);
        assert_int_equal(e.block_bytes, 78 * (cases[i].bytes + 132) * e.block_tokens);
    }
}

/* EAGLE with the model's own block: one layer more in the cache (pool_configurator.py, eagle_draft_num_layers), and its weights but for
 * the matrices that it shares. Of these SGLang has copies while it sizes its pool. */
static void a_block_that_drafts_is_loaded_and_cached(void **state)
{
    static const char *const engines[] = {"sglang", "vllm"};
    ctxfit_model            *model = catalog_model("glm-4.5-air", "BF16");
    ctxfit_hw               *hw = machine("4*h200 host:2TiB");

    (void)state;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
        uint64_t            weights[2], kv[2], copies = i == 0 ? UINT64_C(2) * 151552 / 4 * 4096 * 2 : 0;

        (void)snprintf(o.engine, sizeof o.engine, "%s", engines[i]);
        o.ctx_tokens = 4096;
        o.tensor_parallel = 4;
        for (uint32_t drafts = 0; drafts < 2; drafts++) {
            ctxfit_plan        *plan;
            ctxfit_plan_device  device = CTXFIT_PLAN_DEVICE_INIT;

            o.draft_tokens = drafts;
            plan = planned(model, hw, &o);
            assert_int_equal(ctxfit_plan_get_device(plan, 0, &device), CTXFIT_OK);
            weights[drafts] = device.weights_bytes;
            kv[drafts] = device.kv_bytes;
            ctxfit_plan_free(plan);
        }
        assert_int_equal(kv[1] * 46, kv[0] * 47);
        /* a quarter of 3 x 128 experts and a shared one of 4096 x 1408, of Q, K, V and O, and all of 8192 x 4096 for the join */
        assert_near(weights[1] - weights[0] - copies,
                    2 * (3.0 * 129 * 4096 * 1408 / 4 + 4096.0 * (2 * 12288 + 2 * 1024) / 4 + 8192.0 * 4096), 3e6);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
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
        assert_near(cfi_sglang_fraction(model, &o, 523, cases[i].mib << 20), cases[i].fraction, 0.00051);
    }
    ctxfit_model_free(model);
}

/* AITER, on GPUs of AMD: two logs of an MI355X with a fraction of 0.85 have pools for 0.7225; arg_groups/attention_hook.py:244. */
static void aiter_takes_its_part_of_long_contexts(void **state)
{
    static const struct {
        const char *model;
        uint32_t    backend, ctx;
        double      part;
    } cases[] = {
        {"qwen3-8b", CTXFIT_BACKEND_ROCM, 0, 0.7225},
        {"qwen3-8b", CTXFIT_BACKEND_ROCM, 8192, 0.85},
        {"qwen3-8b", CTXFIT_BACKEND_CUDA, 0, 0.85},
        {"olmo-2-13b", CTXFIT_BACKEND_ROCM, 16384, 0.85}, /* attention by Triton */
        {"deepseek-v3", CTXFIT_BACKEND_ROCM, 0, 0.7225}, /* latent attention of 128 heads */
        {"glm-4.7-flash", CTXFIT_BACKEND_ROCM, 0, 0.85}, /* of 20 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = catalog_model(cases[i].model, "BF16");
        ctxfit_plan_options o = sglang_options();

        o.memory_fraction = 0.85;
        o.ctx_tokens = cases[i].ctx;
        assert_near(cfi_sglang_part(model, &o, cases[i].backend, 523, UINT64_C(288) << 30), cases[i].part, 1e-6);
        ctxfit_model_free(model);
    }
}

/* Gemma 4 E4B: of 42 layers 18 share the cache of an earlier one; all have a place, 7 of two heads of 512 and 35 of 256 in eight tenths. */
static void layers_that_share_a_cache_have_a_place(void **state)
{
    ctxfit_plan_options o = sglang_options();

    (void)state;
    o.ctx_tokens = 4096;
    assert_int_equal(pool_of("gemma-4-e4b", "h200", &o).block_bytes, (UINT64_C(7) * 2 * 1024 * 10 + UINT64_C(35) * 2 * 512 * 8) * 2 / 10);
}

/* Its block is cached beside the pool: configurations of delta nets do not say num_nextn_predict_layers. */
static void blocks_of_delta_nets_have_no_price(void **state)
{
    ctxfit_plan_options o = sglang_options();

    (void)state;
    o.ctx_tokens = 4096;
    o.draft_tokens = 4;
    assert_int_equal(pool_of("qwen3.5-27b", "h200", &o).block_bytes, 16 * 4 * 512 * 2);
    assert_int_equal(pool_of("glm-4.5-air", "8*h200 host:2TiB", &o).block_bytes, 47 * 8 * 256 * 2);
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
        cmocka_unit_test(aiter_takes_its_part_of_long_contexts),
        cmocka_unit_test(layers_that_share_a_cache_have_a_place),
        cmocka_unit_test(blocks_of_delta_nets_have_no_price),
        cmocka_unit_test(pages_are_those_of_the_kernels),
        cmocka_unit_test(only_some_architectures_have_a_pool_of_windows),
        cmocka_unit_test(sparse_latent_caches_go_by_the_gpu),
        cmocka_unit_test(a_block_that_drafts_is_loaded_and_cached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
