/* What a plan says of CUDA beside the bytes that it counts. */
#include "plan_fixture.h"

/* The warning of the plan that has `text` in it; "" for none. */
static void warning_of(const char *model, const char *file_type, const char *spec, const ctxfit_plan_options *options, const char *text,
                       char out[256])
{
    ctxfit_model *m    = catalog_model(model, file_type);
    ctxfit_hw    *hw   = machine(spec);
    ctxfit_plan  *plan = planned(m, hw, options);

    out[0] = '\0';
    for (uint32_t i = 0; ctxfit_plan_warning(plan, i) != NULL; i++) {
        if (strstr(ctxfit_plan_warning(plan, i), text) != NULL)
            snprintf(out, 256, "%s", ctxfit_plan_warning(plan, i));
    }
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(m);
}

static ctxfit_plan_options asked_of(const char *engine, uint64_t ctx_tokens)
{
    ctxfit_plan_options o = options_with(ctx_tokens, 1);

    snprintf(o.engine, sizeof o.engine, "%s", engine);
    return o;
}

/* The product of experts and weights takes memory of its own: 2048 wide, 8 experts, 512 tokens, four bytes: 32 MiB. ggml-cuda 0c1e57098
 * allocates 358,125,568 bytes, 315,359,232 without fusion: 40 MiB. 0.7.0 counts 4 MiB that this build does not have. */
static void tensors_kept_for_experts_are_named_in_mib(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@0.7.0", 8192);
    char                text[256];

    (void)state;
    o.outputs_max = UINT32_MAX;
    warning_of("qwen3:30b", "Q4_K_M", "h200 host:64GiB", &o, "run experts", text);
    assert_non_null(strstr(text, "CUDA0 may be "));
    assert_in_range(strtoul(strstr(text, "may be ") + 7, NULL, 10), 32, 41);
    warning_of("qwen3:30b", "Q4_K_M", "mac-studio-m2-ultra-64gb", &o, "run experts", text);
    assert_string_equal(text, "");
    warning_of("llama-3.1-8b", "Q4_K_M", "h200 host:64GiB", &o, "run experts", text);
    assert_string_equal(text, "");
    o = asked_of("llama.cpp@b10472", 8192);
    warning_of("qwen3:30b", "Q4_K_M", "h200 host:64GiB", &o, "run experts", text);
    assert_string_equal(text, "");
}

/* Beside a card of Vulkan all buffers are a bound: what was measured is all that can be said. */
static void where_buffers_are_a_bound_the_measured_range_is_named(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@0.7.0", 8192);
    char                text[256];

    (void)state;
    warning_of("qwen3:30b", "Q4_K_M", "gpu(backend=cuda,mem=141GiB) gpu(backend=vulkan,mem=24GiB) host:64GiB", &o, "run experts", text);
    assert_non_null(strstr(text, "up to 73 % larger"));
    o.outputs_max = UINT32_MAX;
    warning_of("qwen3:30b", "Q4_K_M", "mi300x host:64GiB", &o, "run experts", text);
    assert_non_null(strstr(text, "ROCm0 may be "));
}

/* 4 KV heads of 256, K and V, 200192 cells, two bytes: 782 MiB. The log of b8946 (docs/accuracy.md) has a buffer without them. */
static void copies_of_a_quantized_cache_are_named_until_they_are_counted(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@b8946", 200192);
    char                text[256];

    (void)state;
    o.kv_key = o.kv_value = CTXFIT_QUANT_Q8_0;
    warning_of("qwen3.6-27b", "Q4_K_M", "rtx-4090 host:64GiB", &o, "F16 copies", text);
    assert_non_null(strstr(text, "about 782 MiB"));
    memcpy(o.engine, "llama.cpp@b10472", sizeof "llama.cpp@b10472");
    warning_of("qwen3.6-27b", "Q4_K_M", "rtx-4090 host:64GiB", &o, "F16 copies", text);
    assert_string_equal(text, "");
}

/* 32 heads, 8192 cells, 512 tokens, two bytes: 256 MiB. Measured as 246 MiB after a prompt of 8000 tokens. */
static void without_flash_attention_the_pool_is_named(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@b10472", 8192);
    char                text[256];

    (void)state;
    o.flash_attention = CTXFIT_CHOICE_OFF;
    warning_of("llama-3.1-8b", "Q4_K_M", "rtx-4090 host:64GiB", &o, "pool", text);
    assert_non_null(strstr(text, "about 256 MiB"));
    o.flash_attention = CTXFIT_CHOICE_ON;
    warning_of("llama-3.1-8b", "Q4_K_M", "rtx-4090 host:64GiB", &o, "pool", text);
    assert_string_equal(text, "");
}

static void a_scan_that_cuda_lacks_is_told(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@b10472", 8192);
    char                text[256];

    (void)state;
    warning_of("kimi-linear-48b-a3b", "Q4_K_M", "h200 host:64GiB", &o, "ssm_a", text);
    assert_non_null(strstr(text, "stays on the CPU"));
    o = asked_of("llama.cpp@b11118", 8192);
    warning_of("kimi-linear-48b-a3b", "Q4_K_M", "h200 host:64GiB", &o, "ssm_a", text);
    assert_string_equal(text, "");
}

/* 64 heads, 32768 cells, 512 tokens, twice four bytes: 8192 MiB. CUDA allocates 9,331,353,600 bytes instead of 707,864,576. */
static void an_indexer_that_cuda_lacks_is_told_with_its_bytes(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@b10472", 32768);
    char                text[256];

    (void)state;
    o.kv_key = ctxfit_quant_from_name("iq4_nl");
    o.kv_value = o.kv_key;
    warning_of("deepseek-v3.2", "Q4_K_M", "8*h200 host:64GiB", &o, "indexer", text);
    assert_non_null(strstr(text, "about 8192 MiB"));
    o.kv_key = o.kv_value = ctxfit_quant_from_name("q8_0");
    warning_of("deepseek-v3.2", "Q4_K_M", "8*h200 host:64GiB", &o, "indexer", text);
    assert_string_equal(text, "");
}

/* 64 heads, an entry for each 4 of 32768 tokens, 512 tokens, twice four bytes. */
static void an_indexer_of_entries_is_told_with_its_bytes(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@b10472", 32768);
    char                text[256];

    (void)state;
    o.kv_key = ctxfit_quant_from_name("iq4_nl");
    o.kv_value = o.kv_key;
    warning_of("deepseek-v4-flash", "Q4_K_M", "8*h200 host:64GiB", &o, "indexer", text);
    assert_non_null(strstr(text, "about 2048 MiB"));
}

/* Each of 15 layers of a device gets copies, four in a pipeline, of what of 131072 positions each of 512 tokens sees: 256 MiB each. */
static void a_compute_buffer_that_grows_with_the_cache_is_named(void **state)
{
    ctxfit_plan_options o = asked_of("llama.cpp@b10472", 131072);
    char                text[256];

    (void)state;
    warning_of("minimax-m3", "Q4_K_M", "4*h200 host:64GiB", &o, "until the cache is full", text);
    assert_non_null(strstr(text, "grows by "));
    assert_in_range(strtoul(strstr(text, "grows by ") + 9, NULL, 10), 15 * 4 * 256, 15 * 4 * 256 + 256);
    o.flash_attention = CTXFIT_CHOICE_OFF;
    warning_of("minimax-m3", "Q4_K_M", "4*h200 host:64GiB", &o, "until the cache is full", text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_kept_for_experts_are_named_in_mib),
        cmocka_unit_test(where_buffers_are_a_bound_the_measured_range_is_named),
        cmocka_unit_test(copies_of_a_quantized_cache_are_named_until_they_are_counted),
        cmocka_unit_test(without_flash_attention_the_pool_is_named),
        cmocka_unit_test(a_scan_that_cuda_lacks_is_told),
        cmocka_unit_test(an_indexer_that_cuda_lacks_is_told_with_its_bytes),
        cmocka_unit_test(an_indexer_of_entries_is_told_with_its_bytes),
        cmocka_unit_test(a_compute_buffer_that_grows_with_the_cache_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
