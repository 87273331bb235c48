/* The story of DESIGN section 1, number by number. */
#include "plan_fixture.h"

#define STORY_CTX 262144u
#define STORY_LIMIT 131072u
#define STORY_PROMPT 146760u

static ctxfit_plan *story(const ctxfit_plan_options *options)
{
    ctxfit_model *model = coder("Q4_K_M");
    ctxfit_hw    *hw = machine("mac-studio-m2-ultra-64gb");
    ctxfit_plan  *plan = planned(model, hw, options);

    ctxfit_hw_free(hw); /* a plan needs neither afterwards */
    ctxfit_model_free(model);
    return plan;
}

static void coder_with_its_whole_context_fits_the_mac_studio(void **state)
{
    ctxfit_plan_options o = options_with(STORY_CTX, 1);
    ctxfit_plan        *plan = story(&o);
    ctxfit_plan_summary s = summary_of(plan);
    ctxfit_plan_device  gpu = CTXFIT_PLAN_DEVICE_INIT;

    (void)state;
    assert_int_equal(s.fit, CTXFIT_FIT_ALL);
    assert_true(s.margin_bytes >= 0);
    assert_int_equal(s.n_ctx_seq, STORY_CTX);
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &gpu), CTXFIT_OK);
    /* 48 layers, K and V, 4 heads of 128, two bytes. */
    assert_int_equal(gpu.kv_bytes, UINT64_C(48) * 2 * 4 * 128 * 2 * STORY_CTX);
    assert_int_equal(gpu.kv_bytes, UINT64_C(25769803776));
    assert_int_equal(gpu.kind, CTXFIT_DEVICE_UNIFIED);
    /* Three quarters of the memory above 32 GB: 49,152 MiB of 65,536. */
    assert_int_equal(gpu.capacity_bytes, UINT64_C(49152) << 20);
    ctxfit_plan_free(plan);
}

static void weights_are_those_of_the_file_to_the_byte(void **state)
{
    ctxfit_model     *model = coder("Q4_K_M");
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    /* llama-quantize --dry-run of Qwen3-30B-A3B, which has the same tensors: tests/data/quant/Qwen3-30B-A3B.txt. */
    assert_int_equal(info.tensor_bytes, UINT64_C(18550716416));
    ctxfit_model_free(model);
}

static void overflow_is_the_configured_number_not_memory_and_not_the_model(void **state)
{
    ctxfit_plan_options o = options_with(STORY_CTX, 1);
    ctxfit_request      request = CTXFIT_REQUEST_INIT;
    ctxfit_check        check = CTXFIT_CHECK_INIT;
    ctxfit_plan        *plan;

    (void)state;
    o.limit_tokens = STORY_LIMIT;
    strcpy(o.limit_source, "agent.yaml: context_length");
    plan = story(&o);
    request.prompt_tokens = STORY_PROMPT;
    assert_int_equal(ctxfit_plan_check(plan, &request, &check), CTXFIT_OK);
    assert_int_equal(check.outcome, CTXFIT_CHECK_OVERFLOW);
    assert_int_equal(check.overflow_tokens, 15688);
    assert_int_equal(check.limit_kind, CTXFIT_LIMIT_CONFIGURED);
    assert_int_equal(check.largest_prompt_tokens, STORY_LIMIT);
    assert_int_equal(constraint_at(plan, 0).kind, CTXFIT_LIMIT_CONFIGURED);
    assert_string_equal(constraint_at(plan, 0).source, "agent.yaml: context_length");
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_TRAINED).limit_tokens, STORY_CTX);
    assert_true(constraint_of(plan, CTXFIT_LIMIT_GPU_BUDGET).limit_tokens >= STORY_CTX);
    ctxfit_plan_free(plan);
}

static void measured_prefill_misses_the_deadline_by_67_seconds(void **state)
{
    ctxfit_plan_options o = options_with(STORY_CTX, 1);
    ctxfit_request      request = CTXFIT_REQUEST_INIT;
    ctxfit_check        check = CTXFIT_CHECK_INIT;
    ctxfit_plan        *plan;

    (void)state;
    o.measured_prefill_tokens_per_s = 400;
    plan = story(&o);
    request.prompt_tokens = STORY_PROMPT;
    request.deadline_s = 300;
    assert_int_equal(ctxfit_plan_check(plan, &request, &check), CTXFIT_OK);
    assert_int_equal(check.outcome, CTXFIT_CHECK_TOO_SLOW);
    assert_near(check.expected_s, STORY_PROMPT / 400.0, 0.01); /* 366.9 s */
    assert_near(check.late_s, STORY_PROMPT / 400.0 - 300, 0.01);
    assert_in_range(check.largest_prompt_tokens, 119999, 120000); /* 300 s at 400 tokens/s */
    ctxfit_plan_free(plan);
}

static void both_faults_are_told_apart(void **state)
{
    ctxfit_plan_options o = options_with(STORY_CTX, 1);
    ctxfit_request      request = CTXFIT_REQUEST_INIT;
    ctxfit_check        check = CTXFIT_CHECK_INIT;
    ctxfit_plan        *plan;

    (void)state;
    o.limit_tokens = STORY_LIMIT;
    o.measured_prefill_tokens_per_s = 400;
    plan = story(&o);
    request.prompt_tokens = STORY_PROMPT;
    request.deadline_s = 300;
    assert_int_equal(ctxfit_plan_check(plan, &request, &check), CTXFIT_OK);
    assert_int_equal(check.outcome, CTXFIT_CHECK_OVERFLOW | CTXFIT_CHECK_TOO_SLOW);
    request.prompt_tokens = check.largest_prompt_tokens;
    assert_int_equal(ctxfit_plan_check(plan, &request, &check), CTXFIT_OK);
    assert_int_equal(check.outcome, CTXFIT_CHECK_OK);
    ctxfit_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coder_with_its_whole_context_fits_the_mac_studio),
        cmocka_unit_test(weights_are_those_of_the_file_to_the_byte),
        cmocka_unit_test(overflow_is_the_configured_number_not_memory_and_not_the_model),
        cmocka_unit_test(measured_prefill_misses_the_deadline_by_67_seconds),
        cmocka_unit_test(both_faults_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
