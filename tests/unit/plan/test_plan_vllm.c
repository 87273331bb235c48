/* vLLM against what its logs print (tests/data/engines/vllm.csv): from the bytes of the cache to blocks, tokens and requests. */
#include "plan_fixture.h"

#include "csv_reader.h"

static ctxfit_plan_options vllm_options(const char *version)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    (void)snprintf(o.engine, sizeof o.engine, "vllm%s%s", version[0] != '\0' ? "@" : "", version);
    return o;
}

static ctxfit_plan_engine pool_of(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options)
{
    ctxfit_plan       *plan = planned(model, hw, options);
    ctxfit_plan_engine e = CTXFIT_PLAN_ENGINE_INIT;

    assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
    ctxfit_plan_free(plan);
    return e;
}

/* The bytes of a row are rounded to a hundredth of a GiB: tokens and requests at both ends of that enclose what the log says. */
static void check_row(const csv_reader *csv, const ctxfit_hw *hw)
{
    ctxfit_model       *model = catalog_model(csv_text(csv, "model"), "BF16");
    ctxfit_plan_options o = vllm_options(csv_text(csv, "version"));
    ctxfit_plan_engine  low, high;
    double              tokens = csv_real(csv, "tokens"), concurrency = csv_real(csv, "concurrency");

    o.tensor_parallel = (uint32_t)csv_real(csv, "tp");
    o.ctx_tokens = (uint64_t)csv_real(csv, "context");
    o.batch_sequences = (uint32_t)csv_real(csv, "batch_sequences");
    o.batch_tokens = (uint32_t)csv_real(csv, "batch_tokens");
    o.draft_tokens = (uint32_t)csv_real(csv, "draft");
    if (csv_real(csv, "prefix") > 0)
        o.flags |= CTXFIT_PLAN_F_PREFIX_CACHE;
    if (csv_real(csv, "fp8") > 0)
        o.kv_key = o.kv_value = ctxfit_quant_from_name("FP8_E4M3");
    o.kv_cache_bytes = (uint64_t)((csv_real(csv, "cache_gib") - 0.005) * 1073741824.0);
    low = pool_of(model, hw, &o);
    o.kv_cache_bytes = (uint64_t)((csv_real(csv, "cache_gib") + 0.005) * 1073741824.0);
    high = pool_of(model, hw, &o);
    if ((double)low.pool_tokens > tokens || (double)high.pool_tokens < tokens ||
        (concurrency > 0 && (low.concurrency > concurrency + 0.005001 || high.concurrency < concurrency - 0.005001)))
        fail_msg("%s: %llu to %llu tokens, %.3f to %.3f requests; the log says %.0f, %.2f", csv_text(csv, "id"),
                 (unsigned long long)low.pool_tokens, (unsigned long long)high.pool_tokens, low.concurrency, high.concurrency, tokens,
                 concurrency);
    ctxfit_model_free(model);
}

static void blocks_and_tokens_of_a_byte_budget_are_those_of_the_log(void **state)
{
    csv_reader csv;
    ctxfit_hw *hw = machine("8*h200 host:2TiB");
    int        rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/vllm.csv"));
    for (; csv_read(&csv); rows++)
        check_row(&csv, hw);
    assert_true(rows >= 60);
    csv_close(&csv);
    ctxfit_hw_free(hw);
}

/* Weights of a rank as loaded: within 2 %. */
static void weights_of_a_rank_are_near_what_was_loaded(void **state)
{
    csv_reader csv;
    ctxfit_hw *hw = machine("8*h200 host:2TiB");
    int        rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/vllm.csv"));
    while (csv_read(&csv)) {
        ctxfit_model       *model;
        ctxfit_plan_options o;
        ctxfit_plan        *plan;
        ctxfit_plan_device  device = CTXFIT_PLAN_DEVICE_INIT;
        double              loaded = csv_real(&csv, "weights_gib") * 1073741824.0;

        if (loaded == 0)
            continue;
        model = catalog_model(csv_text(&csv, "model"), "BF16");
        o = vllm_options(csv_text(&csv, "version"));
        o.ctx_tokens = 1024;
        o.tensor_parallel = (uint32_t)csv_real(&csv, "tp");
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_device(plan, 0, &device), CTXFIT_OK);
        if (fabs((double)device.weights_bytes / loaded - 1) > 0.02)
            fail_msg("%s: %.3f of what was loaded", csv_text(&csv, "id"), (double)device.weights_bytes / loaded);
        rows++;
        ctxfit_plan_free(plan);
        ctxfit_model_free(model);
    }
    assert_true(rows >= 10);
    csv_close(&csv);
    ctxfit_hw_free(hw);
}

/* The search of a plan goes to the same length as vLLM's own. */
static void the_largest_context_is_the_longest_request(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-30b-a3b", "BF16");
    ctxfit_hw          *hw = machine("rtx-pro-6000-blackwell host:256GiB");
    ctxfit_plan_options o = vllm_options("");
    ctxfit_plan_engine  e;
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan        *plan;

    (void)state;
    o.kv_cache_bytes = UINT64_C(1) << 30;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.fit, CTXFIT_FIT_NONE);
    ctxfit_plan_free(plan);
    e = pool_of(model, hw, &o);
    /* 1 GiB / (48 layers x 16 tokens x 4 heads x 256 x 2 B) = 682 blocks, one of which is never handed out */
    assert_int_equal(e.pool_blocks, 682);
    assert_int_equal(e.longest_tokens, 681 * 16);
    assert_int_equal(s.max_ctx_seq_tokens, 681 * 16);
    o.ctx_tokens = 681 * 16;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.fit, CTXFIT_FIT_ALL);
    assert_int_equal(s.max_sequences, 1);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* distributed/utils.py get_pp_indices: 61 layers on 4 stages are 15, 15, 16, 15 */
static void stages_divide_the_layers(void **state)
{
    ctxfit_model       *model = catalog_model("deepseek-v3", "BF16");
    ctxfit_hw          *hw = machine("8*h200 host:2TiB");
    ctxfit_plan_options o = vllm_options("");
    const uint32_t      layers[] = {15, 15, 15, 15, 16, 16, 15, 15};
    ctxfit_plan        *plan;

    (void)state;
    o.tensor_parallel = 2;
    o.pipeline_parallel = 4;
    o.ctx_tokens = 4096;
    plan = planned(model, hw, &o);
    for (uint32_t i = 0; i < 8; i++) {
        ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;

        assert_int_equal(ctxfit_plan_get_device(plan, i, &device), CTXFIT_OK);
        assert_int_equal(device.layers, layers[i]);
        /* 16 tokens x 576 x 2 B a block and layer; 256 blocks and the null block */
        assert_int_equal(device.kv_bytes, UINT64_C(257) * layers[i] * 16 * 576 * 2);
    }
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Blocks of a request of 262,144 tokens: those of the full layers, and per group of states one, one more where prefixes are cached
 * (mamba_cache_mode align), one more where prefill writes a checkpoint: vLLM 0.33.0 v1/kv_cache_interface.py, MambaSpec. */
static void prefixes_of_hybrid_models_take_blocks_of_state(void **state)
{
    static const struct {
        const char *model, *version, *hw;
        uint32_t    flags, blocks, block_tokens;
    } cases[] = {
        {"qwen3.5-35b-a3b", "0.14.0", "h200", CTXFIT_PLAN_F_PREFIX_CACHE, 249 + 3, 1056}, /* turned off again */
        {"qwen3.5-35b-a3b", "0.19.1", "h200", 0, 249 + 3, 1056},
        {"qwen3.5-35b-a3b", "0.19.1", "h200", CTXFIT_PLAN_F_PREFIX_CACHE, 249 + 3 * 2, 1056},
        {"qwen3.5-35b-a3b", "0.25.1", "h200", 0, 249 + 3, 1056},
        {"qwen3.5-35b-a3b", "0.26.0", "h200", 0, 249 + 3 * 2, 1056},
        {"qwen3.5-35b-a3b", "0.26.0", "h200", CTXFIT_PLAN_F_NO_PREFIX_CACHE, 249 + 3, 1056},
        {"qwen3.5-35b-a3b", "0.32.0", "h200", 0, 249 + 3 * 2, 1056},
        {"qwen3.5-35b-a3b", "0.33.0", "a100-80gb", 0, 249 + 3 * 2, 1056},
        {"qwen3.5-35b-a3b", "0.33.0", "rtx-6000-ada", 0, 249 + 3 * 2, 1056},
        {"qwen3.5-35b-a3b", "0.33.0", "h200", 0, 241 + 3 * 3, 1088}, /* checkpoints at multiples of 64 */
        {"qwen3.5-35b-a3b", "0.33.0", "rtx-pro-6000-blackwell", 0, 241 + 3 * 3, 1088},
        {"nemotron-3-nano-30b-a3b", "0.27.1", "h200", CTXFIT_PLAN_F_NO_PREFIX_CACHE, 126 + 4, 2096},
        {"nemotron-3-nano-30b-a3b", "0.28.0", "h200", 0, 126 + 4 * 2, 2096},
        {"nemotron-3-nano-30b-a3b", "0.32.0", "h200", 0, 126 + 4 * 3, 2096},
        {"kimi-linear-48b-a3b", "0.26.0", "2*h200", 0, 278 + 3 * 2, 944}, /* latent attention: multiples of 16, */
        {"kimi-linear-48b-a3b", "0.27.0", "2*h200", 0, 256 + 3 * 2, 1024}, /* then of 128 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = catalog_model(cases[i].model, "Q4_K_M");
        ctxfit_hw          *hw = machine(cases[i].hw);
        ctxfit_plan_options o = vllm_options(cases[i].version);
        ctxfit_plan_engine  e;

        o.ctx_tokens = 262144;
        o.flags = cases[i].flags;
        o.tensor_parallel = cases[i].hw[0] == '2' ? 2 : 1;
        e = pool_of(model, hw, &o);
        if (e.request_blocks != cases[i].blocks || e.block_tokens != cases[i].block_tokens)
            fail_msg("%s@%s: %u blocks of %u", cases[i].model, cases[i].version, (unsigned)e.request_blocks, (unsigned)e.block_tokens);
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
}

/* A state at every block: neither the default of 0.26 and 0.27 nor --enable-prefix-caching before is planned for Mamba models. */
static void states_at_every_block_are_refused(void **state)
{
    static const struct {
        const char *version;
        uint32_t    flags;
        int32_t     status;
    } cases[] = {
        {"0.19.1", 0, CTXFIT_OK},
        {"0.19.1", CTXFIT_PLAN_F_PREFIX_CACHE, CTXFIT_E_UNSUPPORTED},
        {"0.27.1", 0, CTXFIT_E_UNSUPPORTED},
        {"0.27.1", CTXFIT_PLAN_F_NO_PREFIX_CACHE, CTXFIT_OK},
        {"0.28.0", CTXFIT_PLAN_F_NO_PREFIX_CACHE | CTXFIT_PLAN_F_PREFIX_CACHE, CTXFIT_E_INVALID_ARG},
    };
    ctxfit_model *model = catalog_model("nemotron-3-nano-30b-a3b", "Q4_K_M");
    ctxfit_hw    *hw = machine("h200");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = vllm_options(cases[i].version);
        ctxfit_plan        *plan;
        ctxfit_error        error;

        o.flags = cases[i].flags;
        assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), cases[i].status);
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* NVIDIA-Nemotron-3-Nano-4B in vLLM 0.13 (a log, text index 55241598681): 2 B where the configuration does not say, 992 tokens a block in
 * FP8. Pages of 8 heads x 128 x 2: a state is 96 x 80 x 128 elements, and 3 x 9,728 of the convolution. */
static void the_state_has_the_type_that_the_configuration_asks_for(void **state)
{
    static const struct {
        const char *version, *stated;
        uint32_t    block_tokens;
    } cases[] = {
        {"0.12.0", " ssm.state_bytes=4", 992}, {"0.13.0", "", 992},   {"0.13.0", " ssm.state_bytes=4", 1952},
        {"0.19.1", "", 992},                   {"0.20.0", "", 1952}, {"0.20.0", " ssm.state_bytes=2", 992},
    };
    ctxfit_hw *hw = machine("h200");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char                text[512];
        ctxfit_model       *model;
        ctxfit_plan_options o = vllm_options(cases[i].version);
        ctxfit_plan_engine  e;
        ctxfit_error        error;

        (void)snprintf(text, sizeof text,
                       "nemotron_h layers=3 ctx=8192 width=3136 ff=[0,12544,0] heads=40 kv_heads=[0,0,8] key_size=128 value_size=128 "
                       "ssm.conv_kernel=4 ssm.group_count=8 ssm.inner_size=7680 ssm.state_size=128 ssm.time_step_rank=96 vocab=131072%s",
                       cases[i].stated);
        if (ctxfit_model_from_text(text, 0, NULL, &model, &error) != CTXFIT_OK)
            fail_msg("%s", error.message);
        o.kv_key = o.kv_value = ctxfit_quant_from_name("FP8_E4M3");
        e = pool_of(model, hw, &o);
        if (e.block_tokens != cases[i].block_tokens)
            fail_msg("%s%s: %u tokens", cases[i].version, cases[i].stated, (unsigned)e.block_tokens);
        ctxfit_model_free(model);
    }
    ctxfit_hw_free(hw);
}

/* What the log calls tokens, and the part of the memory: 0.20.0 counts blocks by groups, 0.20.1 requests. */
static void releases_between_those_read_follow_the_nearest_before(void **state)
{
    ctxfit_model       *model = catalog_model("gemma-4-31b", "Q4_K_M");
    ctxfit_hw          *hw = machine("h200");
    ctxfit_plan_options o = vllm_options("0.20.0");

    (void)state;
    o.ctx_tokens = 262144;
    o.kv_cache_bytes = UINT64_C(50) << 30;
    /* 20,480 blocks of 10 layers x 16 tokens x 4 heads x 512 x 2 x 2 B, 6 groups: "about 55k", vllm-project/vllm#43308 */
    assert_int_equal(pool_of(model, hw, &o).pool_tokens, 20480 / 6 * 16);
    (void)snprintf(o.engine, sizeof o.engine, "vllm@0.20.1");
    assert_true(pool_of(model, hw, &o).pool_tokens > 480000);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* engine/arg_utils.py, get_batch_defaults() */
static void batches_go_by_the_memory_of_the_gpu(void **state)
{
    static const struct {
        const char *version, *hw;
        uint32_t    tokens;
    } cases[] = {
        {"0.33.0", "rtx-4090", 2048},   {"0.33.0", "h100-sxm5-80gb", 8192}, {"0.33.0", "a100-80gb", 2048}, {"0.27.1", "b200", 8192},
        {"0.28.0", "b200", 16384},      {"0.28.0", "mi300x", 16384},        {"0.32.0", "dgx-spark", 8192}, {"0.33.0", "dgx-spark", 2048},
    };
    ctxfit_model *model = catalog_model("qwen3-8b", "BF16");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_hw          *hw = machine(cases[i].hw);
        ctxfit_plan_options o = vllm_options(cases[i].version);
        ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
        ctxfit_plan        *plan;

        o.ctx_tokens = 8192;
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
        if (s.n_batch != cases[i].tokens)
            fail_msg("%s on %s: %u tokens", cases[i].version, cases[i].hw, (unsigned)s.n_batch);
        ctxfit_plan_free(plan);
        ctxfit_hw_free(hw);
    }
    ctxfit_model_free(model);
}

static void what_cannot_run_is_refused(void **state)
{
    static const struct {
        const char *hw;
        uint32_t    tp, pp;
        double      fraction;
        const char *kv;
        int32_t     status;
        const char *says;
    } cases[] = {
        {"mac-studio-m2-ultra-64gb", 0, 0, 0, NULL, CTXFIT_E_REFUSED, "CUDA and ROCm"},
        {"host:64GiB", 0, 0, 0, NULL, CTXFIT_E_REFUSED, "needs a GPU"},
        {"2*rtx-4090 host:64GiB", 2, 2, 0, NULL, CTXFIT_E_REFUSED, "needs 4 GPUs"},
        {"4*rtx-4090 host:64GiB", 3, 0, 0, NULL, CTXFIT_E_REFUSED, "divisible"},
        {"2*rtx-4090 host:64GiB", 0, 0, 0, "Q8_0", CTXFIT_E_REFUSED, "cache type"},
        {"2*rtx-4090 host:64GiB", 0, 0, 1.5, NULL, CTXFIT_E_INVALID_ARG, "memory_fraction"},
        {"2*rtx-4090 host:64GiB", 0, 0, -1, NULL, CTXFIT_E_INVALID_ARG, "memory_fraction"},
    };
    ctxfit_model *model = catalog_model("qwen3-8b", "BF16");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = vllm_options("");
        ctxfit_hw          *hw = machine(cases[i].hw);
        ctxfit_plan        *plan;
        ctxfit_error        error;

        o.tensor_parallel = cases[i].tp;
        o.pipeline_parallel = cases[i].pp;
        o.memory_fraction = cases[i].fraction;
        if (cases[i].kv != NULL)
            o.kv_key = o.kv_value = ctxfit_quant_from_name(cases[i].kv);
        assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), cases[i].status);
        assert_non_null(strstr(error.message, cases[i].says));
        ctxfit_hw_free(hw);
    }
    ctxfit_model_free(model);
}

/* test_unify_hybrid_kv_cache_specs: windows become full attention, states do not */
static void without_the_hybrid_manager_there_is_one_kind_of_cache(void **state)
{
    static const struct {
        const char *model;
        int32_t     status;
    } cases[] = {{"gpt-oss-20b", CTXFIT_OK}, {"llama-4-scout", CTXFIT_OK}, {"qwen3-8b", CTXFIT_OK}, {"qwen3.5-27b", CTXFIT_E_REFUSED}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = catalog_model(cases[i].model, "BF16");
        ctxfit_hw          *hw = machine("b200");
        ctxfit_plan_options o = vllm_options("");
        ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
        ctxfit_plan        *plan;
        ctxfit_error        error;

        o.ctx_tokens = 4096;
        o.swa_full = CTXFIT_CHOICE_ON;
        assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), cases[i].status);
        if (cases[i].status == CTXFIT_OK) {
            assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
            assert_int_equal(e.groups, 1);
        } else {
            assert_non_null(strstr(error.message, "failed to convert the KV cache specs to one unified type"));
        }
        ctxfit_plan_free(plan);
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
}

/* Of the three blocks of MiMo-V2-Flash, of 0.33 billion parameters each (README of the model), vLLM loads the first. */
static void of_blocks_that_draft_those_that_are_used_are_loaded(void **state)
{
    ctxfit_model       *model = catalog_model("mimo-v2-flash", "BF16");
    ctxfit_hw          *hw = machine("b200");
    ctxfit_plan_options o = vllm_options("");
    uint64_t            weights[2];

    (void)state;
    o.ctx_tokens = 8192;
    for (uint32_t i = 0; i < 2; i++) {
        ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;
        ctxfit_plan       *plan;

        o.draft_tokens = 3 * i;
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_device(plan, 0, &device), CTXFIT_OK);
        weights[i] = device.weights_bytes;
        ctxfit_plan_free(plan);
    }
    assert_true(fabs((double)(weights[1] - weights[0]) / (2 * 0.33e9) - 1) < 0.02);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* The three blocks of Step 3.7: config/speculative.py, num_speculative_tokens; num_prefill_lookahead_tokens of config/vllm.py, so that a
 * window of 512 and two batches of 2,048 need 289 blocks and one more instead of 288, in each of three groups. */
static void blocks_that_draft_in_turns_keep_tokens_behind_the_window(void **state)
{
    ctxfit_model       *model = catalog_model("step-3.7-flash", "BF16");
    ctxfit_hw          *hw = machine("8*h200");
    ctxfit_plan_options o = vllm_options("0.27.1");
    ctxfit_plan        *plan;
    ctxfit_error        error;
    uint64_t            before, one;

    (void)state;
    o.ctx_tokens = 8192;
    o.batch_tokens = 2048;
    o.tensor_parallel = 8;
    o.draft_tokens = 3;
    before = pool_of(model, hw, &o).request_blocks;
    (void)snprintf(o.engine, sizeof o.engine, "vllm@0.28.0");
    assert_int_equal(pool_of(model, hw, &o).request_blocks, before + 3);
    o.draft_tokens = 1;
    one = pool_of(model, hw, &o).request_blocks;
    assert_int_equal(one, before);
    o.draft_tokens = 4;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "num_speculative_tokens:4 must be divisible by n_predict=3"));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* SchedulerConfig.verify_max_model_len() */
static void a_batch_has_room_for_all_sequences(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "BF16");
    ctxfit_hw          *hw = machine("rtx-4090");
    ctxfit_plan_options o = vllm_options("");
    ctxfit_plan        *plan;
    ctxfit_error        error;

    (void)state;
    o.ctx_tokens = 1024;
    o.batch_sequences = 2049; /* of 2,048 by default */
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "max_num_batched_tokens (2048) must be greater than or equal to max_num_seqs (2049)"));
    o.batch_tokens = 2049;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_OK);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* GLM-5.2: 78 layers, indexers of 128 elements and a scale in 21. AMD counts 47,700 bytes (its recipe of GLM-5.3 on vLLM 0.28: 78 x 576 +
 * 21 x 132); FlashMLA packs 656 in every layer, as those without an indexer attend to what another chose. */
static void all_layers_are_sparse_where_one_has_an_indexer(void **state)
{
    static const struct {
        const char *version, *spec, *kv;
        uint64_t    bytes; /* of a token in a layer; 0: refused */
    } cases[] = {
        {"0.33.0", "8*h200 host:2TiB", "FP8_E4M3", 656},
        {"0.33.0", "8*h200 host:2TiB", "FP8_DS_MLA", 656},
        {"0.33.0", "8*b200 host:2TiB", "FP8_E4M3", 576},
        {"0.33.0", "8*b200 host:2TiB", "FP8_DS_MLA", 656},
        {"0.33.0", "8*b200 host:2TiB", "NVFP4_DS_MLA", 352},
        {"0.29.0", "8*b200 host:2TiB", "NVFP4_DS_MLA", 0},
        {"0.33.0", "8*h200 host:2TiB", "NVFP4_DS_MLA", 0},
        {"0.33.0", "8*h200 host:2TiB", "NVFP4_G16", 0},
        {"0.18.0", "8*b200 host:2TiB", "FP8_E4M3", 576},
        {"0.17.1", "8*b200 host:2TiB", "FP8_E4M3", 656},
        {"0.14.0", "8*b200 host:2TiB", "FP8_E4M3", 656},
        {"0.32.0", "8*b200 host:2TiB", NULL, 576},
        {"0.31.0", "8*b200 host:2TiB", NULL, 576 * 2},
        {"0.33.0", "8*b200 host:2TiB", "BF16", 576 * 2},
        {"0.28.0", "8*mi300x host:2TiB", "FP8_E4M3", 576},
        {"0.28.0", "8*mi300x host:2TiB", "FP8_DS_MLA", 0},
        {"0.33.0", "8*rtx-pro-6000-workstation host:2TiB", NULL, 656},
        {"0.23.0", "8*rtx-pro-6000-workstation host:2TiB", "FP8_DS_MLA", 0},
        {"0.33.0", "8*h200 host:2TiB", NULL, 576 * 2},
    };
    ctxfit_model *model = catalog_model("glm-5.2", "BF16");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = vllm_options(cases[i].version);
        ctxfit_hw          *hw = machine(cases[i].spec);
        ctxfit_plan_engine  e;

        o.tensor_parallel = 8;
        o.ctx_tokens = 4096;
        o.kv_cache_bytes = UINT64_C(1) << 34;
        if (cases[i].kv != NULL)
            o.kv_key = o.kv_value = ctxfit_quant_from_name(cases[i].kv);
        if (cases[i].bytes == 0) {
            ctxfit_plan *plan = NULL;

            assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL), CTXFIT_E_REFUSED);
            ctxfit_hw_free(hw);
            continue;
        }
        e = pool_of(model, hw, &o);
        if (e.block_bytes != (78 * cases[i].bytes + 21 * 132) * e.block_tokens)
            fail_msg("case %u: %llu bytes a token", (unsigned)i, (unsigned long long)(e.block_bytes / e.block_tokens));
        ctxfit_hw_free(hw);
    }
    ctxfit_model_free(model);
}

/* The least that vLLM estimates: 1 MiB for each graph of a batch that decodes, but the first. Of 32 sequences: 1, 2, 4, 8, 16, 24, 32. */
static void graphs_go_by_the_sequences_of_a_batch(void **state)
{
    static const struct {
        const char *version, *spec;
        uint32_t    sequences, draft, least_mib, most_mib;
    } cases[] = {
        {"0.33.0", "h200", 1, 0, 0, 1536},          {"0.33.0", "h200", 2, 0, 1, 1536},   {"0.33.0", "h200", 32, 0, 6, 1536},
        {"0.20.0", "h200", 32, 0, 6, 1536},         {"0.33.0", "h200", 0, 0, 50, 1536}, /* 1,024: 3, 31, and 17 up to 512 */
        {"0.33.0", "b200", 0, 0, 82, 83 * 1536 / 51}, {"0.27.1", "b200", 0, 0, 50, 1536}, /* and 49 up to 1,024 */
        {"0.28.0", "h200", 2, 2, 2, 1536},          {"0.29.0", "h200", 2, 2, 4, 1536}, /* 1, 2, 4; and 3, 6 of two that draft two */
        {"0.19.1", "h200", 32, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = catalog_model(cases[i].draft > 0 ? "glm-4.5-air" : "qwen3-8b", "BF16");
        ctxfit_hw          *hw = machine(cases[i].spec);
        ctxfit_plan_options o = vllm_options(cases[i].version);
        ctxfit_plan_device  d[2] = {CTXFIT_PLAN_DEVICE_INIT, CTXFIT_PLAN_DEVICE_INIT};

        o.ctx_tokens = 4096;
        o.batch_sequences = cases[i].sequences;
        o.draft_tokens = cases[i].draft;
        for (uint32_t eager = 0; eager < 2; eager++) {
            ctxfit_plan *plan;

            o.flags = eager ? CTXFIT_PLAN_F_EAGER : 0;
            plan = planned(model, hw, &o);
            assert_int_equal(ctxfit_plan_get_device(plan, 0, &d[eager]), CTXFIT_OK);
            ctxfit_plan_free(plan);
        }
        if ((d[0].compute_low_bytes - d[1].compute_low_bytes) >> 20 != cases[i].least_mib ||
            (d[0].compute_bytes - d[1].compute_bytes) >> 20 != cases[i].most_mib)
            fail_msg("%s %s, %u: %u to %u MiB", cases[i].version, cases[i].spec, (unsigned)cases[i].sequences,
                     (unsigned)((d[0].compute_low_bytes - d[1].compute_low_bytes) >> 20),
                     (unsigned)((d[0].compute_bytes - d[1].compute_bytes) >> 20));
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
}

/* Qwen3 8B: 36 layers of 8 heads of 128. A scale in F32 for each head of K and of V; FP4 with a byte for 16 elements. */
static void caches_of_heads_take_what_their_type_says(void **state)
{
    static const struct {
        const char *version, *spec, *kv;
        uint64_t    bytes; /* of a head; 0: refused */
        const char *says;
    } cases[] = {
        {"0.33.0", "h200", "FP8_PER_TOKEN_HEAD", 132, ""},
        {"0.20.0", "h200", "INT8_PER_TOKEN_HEAD", 132, ""},
        {"0.19.1", "h200", "INT8_PER_TOKEN_HEAD", 0, "this release does not have it"},
        {"0.25.1", "h200", "INT4_PER_TOKEN_HEAD", 68, ""},
        {"0.24.0", "h200", "INT4_PER_TOKEN_HEAD", 0, "this release does not have it"},
        {"0.21.0", "b200", "NVFP4_G16", 72, ""},
        {"0.20.2", "b200", "NVFP4_G16", 0, "this release does not have it"},
        {"0.31.0", "h200", "NVFP4_G16", 0, "this release does not have it"},
        {"0.32.0", "h200", "NVFP4_G16", 72, ""},
        {"0.33.0", "mi300x", "NVFP4_G16", 0, "no attention backend of this GPU has it"},
        {"0.33.0", "h200", "FP8_DS_MLA", 0, "only latent attention that chooses tokens"},
        {"0.33.0", "h200", "KV_4BIT", 0, "expected the model's own (auto), bfloat16, float16 or fp8"},
    };
    ctxfit_model *model = catalog_model("qwen3-8b", "BF16");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = vllm_options(cases[i].version);
        ctxfit_hw          *hw = machine(cases[i].spec);
        ctxfit_plan        *plan = NULL;
        ctxfit_error        error = {0};

        o.ctx_tokens = 4096;
        o.kv_key = o.kv_value = ctxfit_quant_from_name(cases[i].kv);
        if (cases[i].bytes != 0) {
            assert_int_equal(pool_of(model, hw, &o).block_bytes, UINT64_C(36) * 8 * 2 * 16 * cases[i].bytes);
        } else {
            assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
            if (strstr(error.message, cases[i].says) == NULL)
                fail_msg("%s %s: %s", cases[i].version, cases[i].kv, error.message);
        }
        ctxfit_hw_free(hw);
    }
    ctxfit_model_free(model);
}

/* The square of a width of 32 bits is no small number. */
static void blocks_that_draft_beyond_64_bits_are_an_error(void **state)
{
    static const char json[] =
        "{\"architectures\": [\"DeepseekV3ForCausalLM\"], \"model_type\": \"deepseek_v3\", \"hidden_size\": 2147483648, "
        "\"num_hidden_layers\": 2, \"num_attention_heads\": 1, \"num_key_value_heads\": 1, \"kv_lora_rank\": 8, \"q_lora_rank\": 8, "
        "\"qk_nope_head_dim\": 8, \"qk_rope_head_dim\": 8, \"v_head_dim\": 8, \"intermediate_size\": 8, \"moe_intermediate_size\": 8, "
        "\"n_routed_experts\": 2, \"num_experts_per_tok\": 1, \"n_shared_experts\": 1, \"first_k_dense_replace\": 1, "
        "\"vocab_size\": 8, \"max_position_embeddings\": 4096, \"num_nextn_predict_layers\": 1}";
    ctxfit_hw          *hw = machine("h100-sxm-80gb host:64GiB");
    ctxfit_plan_options o = vllm_options("");
    ctxfit_model       *model = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_error        error = {0};

    (void)state;
    assert_int_equal(ctxfit_model_from_config(json, sizeof json - 1, 0, NULL, &model, &error), CTXFIT_OK);
    o.ctx_tokens = 2048;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_OK);
    ctxfit_plan_free(plan);
    o.draft_tokens = 1;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_OVERFLOW);
    assert_null(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_draft_beyond_64_bits_are_an_error),
        cmocka_unit_test(blocks_and_tokens_of_a_byte_budget_are_those_of_the_log),
        cmocka_unit_test(all_layers_are_sparse_where_one_has_an_indexer),
        cmocka_unit_test(caches_of_heads_take_what_their_type_says),
        cmocka_unit_test(graphs_go_by_the_sequences_of_a_batch),
        cmocka_unit_test(weights_of_a_rank_are_near_what_was_loaded),
        cmocka_unit_test(the_largest_context_is_the_longest_request),
        cmocka_unit_test(stages_divide_the_layers),
        cmocka_unit_test(prefixes_of_hybrid_models_take_blocks_of_state),
        cmocka_unit_test(states_at_every_block_are_refused),
        cmocka_unit_test(the_state_has_the_type_that_the_configuration_asks_for),
        cmocka_unit_test(releases_between_those_read_follow_the_nearest_before),
        cmocka_unit_test(batches_go_by_the_memory_of_the_gpu),
        cmocka_unit_test(what_cannot_run_is_refused),
        cmocka_unit_test(of_blocks_that_draft_those_that_are_used_are_loaded),
        cmocka_unit_test(blocks_that_draft_in_turns_keep_tokens_behind_the_window),
        cmocka_unit_test(a_batch_has_room_for_all_sequences),
        cmocka_unit_test(without_the_hybrid_manager_there_is_one_kind_of_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
