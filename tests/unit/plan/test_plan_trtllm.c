/* TensorRT-LLM: pools against what its logs print (tests/data/engines/tensorrt_llm.csv), rules against the arithmetic of its sources. */
#include "plan_fixture.h"

#include "csv_reader.h"

#define GIB (UINT64_C(1) << 30)
#define BIG_GPU "gpu(backend=cuda,mem=4096GiB)"

static ctxfit_plan_options trtllm_options(const char *version)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    (void)snprintf(o.engine, sizeof o.engine, "tensorrt-llm%s%s", version[0] != '\0' ? "@" : "", version);
    return o;
}

static ctxfit_plan_engine pool_of(const ctxfit_model *model, const char *hw, const ctxfit_plan_options *options)
{
    ctxfit_hw         *machine_of = machine(hw);
    ctxfit_plan       *plan = planned(model, machine_of, options);
    ctxfit_plan_engine e = CTXFIT_PLAN_ENGINE_INIT;

    assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(machine_of);
    return e;
}

/* The bytes of a row are rounded to a hundredth of a GiB: the tokens at both ends of that enclose what the log says, and are a multiple of
 * the block. */
static void check_row(const csv_reader *csv)
{
    ctxfit_model       *model = catalog_model(csv_text(csv, "model"), "BF16");
    ctxfit_plan_options o = trtllm_options(csv_text(csv, "version"));
    ctxfit_plan_engine  low, high;
    uint64_t            tokens = (uint64_t)csv_real(csv, "tokens");

    o.tensor_parallel = (uint32_t)csv_real(csv, "tp");
    o.ctx_tokens = (uint64_t)csv_real(csv, "context");
    if (csv_real(csv, "block") != 32)
        o.block_tokens = (uint32_t)csv_real(csv, "block");
    if (csv_real(csv, "fp8") > 0)
        o.kv_key = o.kv_value = ctxfit_quant_from_name("FP8_E4M3");
    o.kv_cache_bytes = (uint64_t)((csv_real(csv, "cache_gib") - 0.005) * (double)GIB);
    low = pool_of(model, "2*" BIG_GPU " host:2TiB", &o);
    o.kv_cache_bytes = (uint64_t)((csv_real(csv, "cache_gib") + 0.005) * (double)GIB);
    high = pool_of(model, "2*" BIG_GPU " host:2TiB", &o);
    assert_int_equal(low.block_tokens, (uint32_t)csv_real(csv, "block"));
    if (low.pool_tokens > tokens || high.pool_tokens < tokens || tokens % low.block_tokens != 0)
        fail_msg("%s: %llu to %llu tokens; the log says %llu", csv_text(csv, "id"), (unsigned long long)low.pool_tokens,
                 (unsigned long long)high.pool_tokens, (unsigned long long)tokens);
    ctxfit_model_free(model);
}

static void tokens_of_a_byte_budget_are_those_of_the_log(void **state)
{
    csv_reader csv;
    int        rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/tensorrt_llm.csv"));
    for (; csv_read(&csv); rows++)
        check_row(&csv);
    assert_true(rows >= 10);
    csv_close(&csv);
}

/* The log of gpt-oss-120b (1.1.0rc3): "kv size is 73728", 86711 tokens, a cache of 86720. From 1.2 on a block that is not full is left. */
static void tokens_become_blocks_as_the_version_rounds(void **state)
{
    ctxfit_model       *model = catalog_model("gpt-oss-120b", "BF16");
    ctxfit_plan_options o = trtllm_options("1.1.0rc3");
    ctxfit_plan_engine  e;

    (void)state;
    o.kv_cache_bytes = UINT64_C(86711) * 73728;
    e = pool_of(model, BIG_GPU, &o);
    assert_int_equal(e.block_bytes, 32 * 73728);
    assert_int_equal(e.pool_tokens, 86720);
    assert_int_equal(e.longest_tokens, 86719); /* the overlap scheduler needs one more than the length */
    o = trtllm_options("1.2.1");
    o.kv_cache_bytes = UINT64_C(86711) * 73728;
    e = pool_of(model, BIG_GPU, &o);
    assert_int_equal(e.pool_tokens, 86688);
    ctxfit_model_free(model);
}

/* (free - weights - activations) x fraction, in whole blocks: _util.py, _cal_max_memory() */
static void the_cache_takes_its_part_of_what_the_rest_leaves(void **state)
{
    static const struct {
        const char *hw;
        double      fraction;
        uint64_t    free_bytes;
    } cases[] = {
        {"gpu(backend=cuda,mem=80GiB)", 0, 80 * GIB},
        {"gpu(backend=cuda,mem=80GiB)", 0.5, 80 * GIB},
        {"gpu(backend=cuda,mem=80GiB,free=60GiB)", 0.25, 60 * GIB},
    };
    ctxfit_model *model = catalog_model("qwen3-8b", "BF16");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = trtllm_options("");
        ctxfit_hw          *hw = machine(cases[i].hw);
        ctxfit_plan        *plan;
        ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
        ctxfit_plan_device  d;
        double              rest;

        o.memory_fraction = cases[i].fraction;
        plan = planned(model, hw, &o);
        d = device_of(plan, 0);
        assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
        assert_int_equal(d.usable_bytes, d.weights_bytes + d.compute_bytes + e.pool_bytes);
        rest = (double)(cases[i].free_bytes - d.weights_bytes - d.compute_bytes) * (cases[i].fraction > 0 ? cases[i].fraction : 0.9);
        assert_int_equal(e.pool_blocks, (uint64_t)(rest / 147456.0) / 32);
        assert_int_equal(e.pool_bytes, e.pool_blocks * 32 * 147456);
        ctxfit_plan_free(plan);
        ctxfit_hw_free(hw);
    }
    ctxfit_model_free(model);
}

static void what_fits_is_what_the_pool_holds(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "BF16");
    ctxfit_hw          *hw = machine("gpu(backend=cuda,mem=80GiB)");
    ctxfit_plan_options o = trtllm_options("");
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan        *plan;

    (void)state;
    o.kv_cache_bytes = 100 * UINT64_C(32) * 147456;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.fit, CTXFIT_FIT_NONE);
    assert_int_equal(s.max_ctx_seq_tokens, 3199);
    ctxfit_plan_free(plan);
    o.ctx_tokens = 3199;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.fit, CTXFIT_FIT_ALL);
    assert_int_equal(s.max_sequences, 1);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Bytes of a token: 36 layers x 8 heads x 2 x 128; NVFP4 has two elements a byte and a scale for 16. Heads are divided upwards. A log of
 * two layers of mimo-v2-flash has 59.50 GiB for 6,931,712 tokens: 4 + 8 heads of 2 x 192. */
static void elements_and_heads_are_counted_as_the_engine_does(void **state)
{
    static const struct {
        const char *model, *hw, *kv;
        uint32_t    tp;
        uint64_t    token_bytes;
    } cases[] = {
        {"qwen3-8b", "b200-sxm-180gb", NULL, 1, 147456},
        {"qwen3-8b", "b200-sxm-180gb", "FP8_E4M3", 1, 73728},
        {"qwen3-8b", "b200-sxm-180gb", "NVFP4_G16", 1, 36864 + 4608},
        {"qwen3-8b", "4*" BIG_GPU, NULL, 4, 36864},
        {"phi-4", "4*" BIG_GPU, NULL, 4, 40 * 3 * 2 * 128 * 2},        /* 10 heads on 4 ranks: 3 */
        {"mimo-v2-flash", BIG_GPU, NULL, 1, (9 * 4 + 39 * 8) * 192 * 2 * 2}, /* values of 128 are kept as 192 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = catalog_model(cases[i].model, "BF16");
        ctxfit_plan_options o = trtllm_options("");
        ctxfit_plan_engine  e;

        o.tensor_parallel = cases[i].tp;
        o.ctx_tokens = 4096;
        if (cases[i].kv != NULL)
            o.kv_key = o.kv_value = ctxfit_quant_from_name(cases[i].kv);
        e = pool_of(model, cases[i].hw, &o);
        if (e.block_bytes != 32 * cases[i].token_bytes)
            fail_msg("%s, %s: %llu bytes a block, expected 32 x %llu", cases[i].model, cases[i].kv != NULL ? cases[i].kv : "auto",
                     (unsigned long long)e.block_bytes, (unsigned long long)cases[i].token_bytes);
        ctxfit_model_free(model);
    }
}

/* mapping.py, pp_layers(): "first n ranks get one extra layer". FlashMLA of sm_90 has blocks of 64; drafts of 3 need 9 tokens more. */
static void stages_and_latent_blocks(void **state)
{
    ctxfit_model       *model = catalog_model("deepseek-v3", "BF16");
    ctxfit_hw          *hw = machine("8*h200-sxm5-141gb host:2TiB");
    ctxfit_plan_options o = trtllm_options("");
    const uint32_t      layers[] = {16, 16, 15, 15, 15, 15, 15, 15};
    ctxfit_plan        *plan;
    ctxfit_plan_engine  e;

    (void)state;
    o.tensor_parallel = 2;
    o.pipeline_parallel = 4;
    o.ctx_tokens = 4096;
    plan = planned(model, hw, &o);
    for (uint32_t i = 0; i < 8; i++) {
        ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;

        assert_int_equal(ctxfit_plan_get_device(plan, i, &device), CTXFIT_OK);
        assert_int_equal(device.layers, layers[i]);
        assert_int_equal(device.kv_bytes, UINT64_C(65) * layers[i] * 64 * 576 * 2); /* 4,097 tokens */
    }
    ctxfit_plan_free(plan);
    o = trtllm_options("");
    o.ctx_tokens = 64 * 64 - 9;
    o.draft_tokens = 3;
    e = pool_of(model, BIG_GPU, &o);
    assert_int_equal(e.block_tokens, 32); /* nothing is known of that GPU */
    assert_int_equal(e.request_blocks, 128);
    o.ctx_tokens++;
    assert_int_equal(pool_of(model, BIG_GPU, &o).request_blocks, 129);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* MambaCacheManager: 23 layers x (3 x (64 x 64 + 2 x 8 x 128) + 64 x 64 x 128) x 2 B for each sequence of a batch. */
static void states_are_kept_for_a_whole_batch(void **state)
{
    ctxfit_model       *model = catalog_model("nemotron-3-nano-30b-a3b", "BF16");
    ctxfit_hw          *hw = machine("2*h200-sxm5-141gb host:2TiB");
    ctxfit_plan_options o = trtllm_options("");
    ctxfit_plan        *plan;

    (void)state;
    o.ctx_tokens = 4096;
    for (uint32_t tp = 1; tp <= 2; tp++) {
        o.tensor_parallel = tp;
        o.batch_sequences = 64;
        plan = planned(model, hw, &o);
        assert_int_equal(device_of(plan, 0).recurrent_bytes, UINT64_C(64) * 23 * (3 * 6144 + 524288) * 2 / tp);
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* NVIDIA/TensorRT-LLM#8642, 1.2.0rc1: Nemotron-Nano-9B-v2 asks for 135.00 GiB for the states of 27 layers and 2,048 sequences, the default;
 * what the convolutions keep comes beside that. */
static void states_of_the_default_batch_are_those_of_the_report(void **state)
{
    static const char config[] =
        "{\"model_type\":\"nemotron_h\",\"architectures\":[\"NemotronHForCausalLM\"],\"hidden_size\":4480,\"num_hidden_layers\":56,"
        "\"hybrid_override_pattern\":\"M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-\",\"mamba_num_heads\":128,"
        "\"mamba_head_dim\":80,\"ssm_state_size\":128,\"n_groups\":8,\"conv_kernel\":4,\"expand\":2,\"intermediate_size\":15680,"
        "\"num_attention_heads\":40,\"num_key_value_heads\":8,\"head_dim\":128,\"attention_head_dim\":128,\"vocab_size\":131072,"
        "\"max_position_embeddings\":131072,\"torch_dtype\":\"bfloat16\",\"tie_word_embeddings\":false}";
    const uint64_t      convolutions = UINT64_C(27) * 2048 * 3 * (128 * 80 + 2 * 8 * 128) * 2;
    ctxfit_plan_options o = trtllm_options("1.2.0rc1");
    ctxfit_model       *model;
    ctxfit_hw          *hw;
    ctxfit_plan        *plan;
    ctxfit_error        error = {0};
    ctxfit_status       status = ctxfit_model_from_config(config, sizeof config - 1, 0, NULL, &model, &error);

    (void)state;
    if (status == CTXFIT_E_UNSUPPORTED)
        skip();
    if (status != CTXFIT_OK)
        fail_msg("%s", error.message);
    hw = machine(BIG_GPU);
    o.ctx_tokens = 4096;
    plan = planned(model, hw, &o);
    assert_int_equal(device_of(plan, 0).recurrent_bytes, 135 * GIB + convolutions);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* "Use 63.32 GB for model weights" (GiB): experts of MXFP4 are padded to 128; 60.8 GiB in the file. */
static void weights_are_those_that_the_log_counts(void **state)
{
    ctxfit_model       *model = catalog_model("gpt-oss-120b", NULL);
    ctxfit_hw          *hw = machine("dgx-spark");
    ctxfit_plan_options o = trtllm_options("1.1.0rc3");
    ctxfit_plan        *plan = planned(model, hw, &o);

    (void)state;
    assert_near((double)device_of(plan, 0).weights_bytes / (double)GIB, 63.32, 0.003 * 63.32);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* lmontigny/lm7 and farbodtavakkoli/OTel: what 1.2.1 gives the cache of a whole GPU; the band of what profiling finds encloses it. */
static void the_pool_of_a_whole_gpu_is_in_its_band(void **state)
{
    static const struct {
        const char *model, *hw;
        uint64_t    context, tokens;
    } cases[] = {
        {"smollm2-135m", "rtx-4070-super", 2048, 422048},
        {"qwen3-0.6b", "h100-sxm5-80gb", 0, 643136},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = catalog_model(cases[i].model, "BF16");
        ctxfit_plan_options o = trtllm_options("1.2.1");
        ctxfit_plan_engine  e;

        o.ctx_tokens = cases[i].context;
        e = pool_of(model, cases[i].hw, &o);
        assert_in_range(cases[i].tokens, e.pool_tokens, e.pool_most_tokens);
        ctxfit_model_free(model);
    }
}

/* gemma-3-27b: 8,192 B of a token and layer, 10 layers of the whole context and 52 with a window of 1,024. */
static void windows_have_pools_of_their_own_where_they_are_asked_for(void **state)
{
    ctxfit_model       *model = catalog_model("gemma-3-27b", "BF16");
    ctxfit_hw          *hw = machine(BIG_GPU);
    ctxfit_plan_options o = trtllm_options("");
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan        *plan;
    ctxfit_plan_engine  e;
    ctxfit_error        error = {0};
    double              full = 65537.0 * 81920, windows = 1024.0 * 425984, tokens;

    (void)state;
    o.ctx_tokens = 65536;
    o.kv_cache_bytes = 16 * GIB;
    e = pool_of(model, BIG_GPU, &o);
    assert_int_equal(e.groups, 1);
    assert_int_equal(e.block_bytes, 32 * 62 * 8192);
    o.swa_full = CTXFIT_CHOICE_OFF;
    e = pool_of(model, BIG_GPU, &o);
    assert_int_equal(e.groups, 2);
    assert_int_equal(e.pool_tokens, 3277 * 32); /* 8 GiB / 81,920 B is 104,857 */
    assert_int_equal(e.request_blocks, 2049);
    assert_near(e.concurrency, 3277 / 2049.0, 1e-9);
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.max_ctx_seq_tokens, 3277 * 32 - 1);
    assert_int_equal(s.max_sequences, 1);
    ctxfit_plan_free(plan);
    (void)snprintf(o.engine, sizeof o.engine, "tensorrt-llm@1.1.0");
    e = pool_of(model, BIG_GPU, &o);
    tokens = (double)(16 * GIB) * full / (full + windows) / 81920;
    assert_near((double)e.pool_tokens, tokens, 33);
    /* too small: the windows shrink, and the pool of the widest holds less still */
    (void)snprintf(o.engine, sizeof o.engine, "tensorrt-llm");
    o.kv_cache_bytes = GIB;
    e = pool_of(model, BIG_GPU, &o);
    assert_int_equal(e.longest_tokens, 205 * 32);
    ctxfit_hw_free(hw);
    hw = machine("16*" BIG_GPU);
    o.pipeline_parallel = 16;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "Asymmetrical"));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void longer_contexts_are_cut_and_long_prompts_warned_of(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "BF16");
    ctxfit_hw          *hw = machine(BIG_GPU);
    ctxfit_plan_options o = trtllm_options("");
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan        *plan;
    bool                cut = false, prompts = false;

    (void)state;
    o.ctx_tokens = 200000;
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    assert_int_equal(s.n_ctx_seq, 40960);
    assert_int_equal(s.n_batch, 8192);
    for (uint32_t i = 0; i < s.warning_count; i++) {
        cut = cut || strstr(ctxfit_plan_warning(plan, i), "cuts the context of 200000 tokens to the 40960") != NULL;
        prompts = prompts || strstr(ctxfit_plan_warning(plan, i), "prompts of more than 8192 tokens") != NULL;
    }
    assert_true(cut && prompts);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void what_cannot_run_is_refused(void **state)
{
    static const struct {
        const char *model, *quant, *hw;
        uint32_t    tp;
        double      fraction;
        const char *kv, *version;
        int32_t     status;
        const char *says;
    } cases[] = {
        {"qwen3-8b", "BF16", "mac-studio-m2-ultra-64gb", 0, 0, NULL, "", CTXFIT_E_REFUSED, "runs on CUDA;"},
        {"qwen3-8b", "BF16", "mi300x host:64GiB", 0, 0, NULL, "", CTXFIT_E_REFUSED, "runs on CUDA;"},
        {"qwen3-8b", "BF16", "host:64GiB", 0, 0, NULL, "", CTXFIT_E_REFUSED, "needs a GPU"},
        {"qwen3-8b", "BF16", "rtx-2080-ti", 0, 0, NULL, "", CTXFIT_E_REFUSED, "sm_75"},
        {"qwen3-8b", "BF16", "4*rtx-4090", 3, 0, NULL, "", CTXFIT_E_REFUSED, "divisible"},
        {"qwen3-8b", "BF16", "rtx-4090", 0, 1, NULL, "", CTXFIT_E_REFUSED, "smaller than 1"},
        {"qwen3-8b", "BF16", "rtx-4090", 0, 1.5, NULL, "", CTXFIT_E_INVALID_ARG, "memory_fraction"},
        {"qwen3-8b", "BF16", "rtx-4090", 0, 0, "Q8_0", "", CTXFIT_E_REFUSED, "nvfp4"},
        {"qwen3-8b", "BF16", "rtx-4090", 0, 0, "NVFP4_G16", "", CTXFIT_E_REFUSED, "sm_89"},
        {"qwen3-8b", "BF16", "b200-sxm-180gb", 0, 0, "NVFP4_G16", "1.1.0", CTXFIT_E_UNSUPPORTED, "1.2.0"},
        {"qwen3-8b", "Q4_K_M", "rtx-4090", 0, 0, NULL, "", CTXFIT_E_REFUSED, "does not load weights of Q4_K"},
        {"gpt-oss-20b", NULL, "rtx-4090", 0, 0, NULL, "", CTXFIT_E_REFUSED, "MXFP4 on sm_89"},
        {"falcon-h1-7b", "BF16", "h200-sxm5-141gb", 0, 0, NULL, "", CTXFIT_E_UNSUPPORTED, "recurrent states"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = trtllm_options(cases[i].version);
        ctxfit_model       *model = catalog_model(cases[i].model, cases[i].quant);
        ctxfit_hw          *hw = machine(cases[i].hw);
        ctxfit_plan        *plan;
        ctxfit_error        error = {0};

        o.tensor_parallel = cases[i].tp;
        o.memory_fraction = cases[i].fraction;
        if (cases[i].kv != NULL)
            o.kv_key = o.kv_value = ctxfit_quant_from_name(cases[i].kv);
        assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), cases[i].status);
        if (strstr(error.message, cases[i].says) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, error.message, cases[i].says);
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
}

static void its_names_lead_to_it(void **state)
{
    static const struct {
        const char *name, *version;
        uint32_t    known;
    } cases[] = {
        {"tensorrt-llm", "1.2.1", 1}, {"TensorRT-LLM@1.1.0", "1.1.0", 1}, {"trtllm", "1.2.1", 1},
        {"trtllm-serve@v1.2.0", "v1.2.0", 0}, {"trt-llm@1.3.0rc0", "1.3.0rc0", 0},
    };
    ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ctxfit_engine_from_name(cases[i].name, &info, NULL), CTXFIT_OK);
        assert_string_equal(info.name, "tensorrt-llm");
        assert_string_equal(info.version, cases[i].version);
        assert_int_equal(info.known, cases[i].known);
    }
    assert_int_equal(ctxfit_engine_from_name("trtllm-bench", &info, NULL), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_engine_from_name("tensorrt", &info, NULL), CTXFIT_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_a_byte_budget_are_those_of_the_log),
        cmocka_unit_test(tokens_become_blocks_as_the_version_rounds),
        cmocka_unit_test(the_cache_takes_its_part_of_what_the_rest_leaves),
        cmocka_unit_test(what_fits_is_what_the_pool_holds),
        cmocka_unit_test(elements_and_heads_are_counted_as_the_engine_does),
        cmocka_unit_test(stages_and_latent_blocks),
        cmocka_unit_test(states_are_kept_for_a_whole_batch),
        cmocka_unit_test(states_of_the_default_batch_are_those_of_the_report),
        cmocka_unit_test(weights_are_those_that_the_log_counts),
        cmocka_unit_test(the_pool_of_a_whole_gpu_is_in_its_band),
        cmocka_unit_test(windows_have_pools_of_their_own_where_they_are_asked_for),
        cmocka_unit_test(longer_contexts_are_cut_and_long_prompts_warned_of),
        cmocka_unit_test(what_cannot_run_is_refused),
        cmocka_unit_test(its_names_lead_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
