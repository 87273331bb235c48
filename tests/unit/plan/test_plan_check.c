#include "plan_fixture.h"

static ctxfit_plan *plan_of(uint64_t ctx_tokens, double prefill, double decode)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("mac-studio-m2-ultra-64gb");
    ctxfit_plan_options o = options_with(ctx_tokens, 1);
    ctxfit_plan        *plan;

    o.measured_prefill_tokens_per_s = prefill;
    o.measured_decode_tokens_per_s = decode;
    plan = planned(model, hw, &o);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return plan;
}

static ctxfit_check checked(const ctxfit_plan *plan, uint64_t prompt, uint64_t cached, uint64_t output, double deadline)
{
    ctxfit_request r = CTXFIT_REQUEST_INIT;
    ctxfit_check   c = CTXFIT_CHECK_INIT;

    r.prompt_tokens = prompt;
    r.cached_tokens = cached;
    r.output_tokens = output;
    r.deadline_s = deadline;
    assert_int_equal(ctxfit_plan_check(plan, &r, &c), CTXFIT_OK);
    return c;
}

static void output_counts_against_the_context(void **state)
{
    ctxfit_plan *plan = plan_of(32768, 0, 0);

    (void)state;
    assert_int_equal(checked(plan, 32768, 0, 0, 0).outcome, CTXFIT_CHECK_OK);
    assert_int_equal(checked(plan, 32768, 0, 1, 0).outcome, CTXFIT_CHECK_OVERFLOW);
    assert_int_equal(checked(plan, 32768, 0, 1, 0).overflow_tokens, 1);
    assert_int_equal(checked(plan, 30000, 0, 2768, 0).outcome, CTXFIT_CHECK_OK);
    assert_int_equal(checked(plan, 1, 0, 2768, 0).largest_prompt_tokens, 30000);
    assert_int_equal(checked(plan, UINT64_MAX, 0, UINT64_MAX, 0).outcome, CTXFIT_CHECK_OVERFLOW);
    ctxfit_plan_free(plan);
}

static void largest_prompt_passes_and_one_more_does_not(void **state)
{
    static const struct {
        double   prefill, decode, deadline;
        uint64_t cached, output;
    } cases[] = {
        {0, 0, 30, 0, 0}, {0, 0, 60, 1000, 500}, {400, 0, 60, 0, 0}, {400, 50, 60, 4096, 1000}, {0, 0, 1000000, 0, 100},
        {0, 0, 5, 20000, 10},
        {400, 50, 0.001, 0, 0}, {400, 50, 1, 0, 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan *plan = plan_of(131072, cases[i].prefill, cases[i].decode);
        uint64_t     cached = cases[i].cached;
        uint64_t     largest = checked(plan, cached, cached, cases[i].output, cases[i].deadline).largest_prompt_tokens;

        if (largest > 0)
            assert_int_equal(checked(plan, largest, cached, cases[i].output, cases[i].deadline).outcome, CTXFIT_CHECK_OK);
        /* Two more: the last token may be lost to rounding. */
        assert_int_not_equal(checked(plan, (largest > cached ? largest : cached) + 2, cached, cases[i].output, cases[i].deadline).outcome,
                             CTXFIT_CHECK_OK);
        ctxfit_plan_free(plan);
    }
}

static void a_cached_prefix_costs_nothing_again(void **state)
{
    ctxfit_plan *plan = plan_of(131072, 400, 0);

    (void)state;
    assert_near(checked(plan, 40000, 0, 0, 0).expected_s, 100, 0.01);
    assert_near(checked(plan, 40000, 30000, 0, 0).expected_s, 25, 0.01);
    assert_true(checked(plan, 40000, 40000, 0, 0).expected_s <= 0);
    assert_int_equal(checked(plan, 40000, 40000, 0, 0.001).outcome, CTXFIT_CHECK_OK);
    ctxfit_plan_free(plan);
}

/* A prompt cannot be shorter than what is cached of it. */
static void no_prompt_passes_when_the_cached_part_is_too_long(void **state)
{
    ctxfit_plan *plan = plan_of(8192, 400, 50);

    (void)state;
    assert_int_equal(checked(plan, 9000, 8500, 0, 0).largest_prompt_tokens, 0);
    assert_int_equal(checked(plan, 9000, 8192, 0, 0).largest_prompt_tokens, 8192);
    assert_int_equal(checked(plan, 9000, 8192, 1, 0).largest_prompt_tokens, 0);
    assert_int_equal(checked(plan, 9000, 8192, 0, 0.001).largest_prompt_tokens, 8192); /* nothing is left to compute */
    ctxfit_plan_free(plan);
}

static void bands_enclose_what_is_expected(void **state)
{
    ctxfit_plan    *plan = plan_of(131072, 0, 0);
    ctxfit_check    c = checked(plan, 60000, 0, 2000, 0);
    ctxfit_estimate e = CTXFIT_ESTIMATE_INIT;

    (void)state;
    assert_true(c.expected_low_s > 0 && c.expected_low_s < c.expected_s && c.expected_s < c.expected_high_s);
    for (uint64_t depth = 0; depth <= 131072; depth += 32768) {
        assert_int_equal(ctxfit_plan_get_decode_rate(plan, depth, &e), CTXFIT_OK);
        assert_int_equal(e.basis, CTXFIT_BASIS_CALIBRATED);
        assert_true(e.low > 0 && e.low < e.value && e.value < e.high);
    }
    assert_int_equal(ctxfit_plan_get_prompt_time(plan, 60000, 0, &e), CTXFIT_OK);
    assert_true(e.low > 0 && e.low < e.value && e.value < e.high);
    ctxfit_plan_free(plan);
}

static void a_request_adds_up_from_prompt_and_output(void **state)
{
    ctxfit_plan    *plan = plan_of(131072, 0, 0);
    ctxfit_estimate prompt = CTXFIT_ESTIMATE_INIT, decode = CTXFIT_ESTIMATE_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_prompt_time(plan, 60000, 0, &prompt), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_decode_rate(plan, 60500, &decode), CTXFIT_OK); /* the middle of 1,000 tokens */
    assert_near(checked(plan, 60000, 0, 1000, 0).expected_s, prompt.value + 1000 / decode.value, 0.01);
    ctxfit_plan_free(plan);
}

/* However the experts come to the host, the same bytes are read there. */
static void overrides_are_as_fast_as_the_option_that_moves_the_same(void **state)
{
    static const struct {
        uint32_t    cpu_expert_layers;
        const char *overrides;
    } runs[] = {{CTXFIT_ALL_LAYERS, ""}, {0, "ffn_(up|down|gate)_exps=CPU"}, {0, "no_such_tensor=CPU"}, {0, ""}};
    ctxfit_model   *model = coder("Q4_K_M");
    ctxfit_hw      *hw = machine("rtx-4090 host:64GiB(bw=80GB/s)");
    ctxfit_estimate decode[4], prompt[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        ctxfit_plan_options o = options_with(16384, 1);
        ctxfit_plan        *plan;

        o.cpu_expert_layers = runs[i].cpu_expert_layers;
        strcpy(o.overrides, runs[i].overrides);
        plan = planned(model, hw, &o);
        decode[i].struct_size = prompt[i].struct_size = sizeof decode[i];
        assert_int_equal(ctxfit_plan_get_decode_rate(plan, 4096, &decode[i]), CTXFIT_OK);
        assert_int_equal(ctxfit_plan_get_prompt_time(plan, 8192, 0, &prompt[i]), CTXFIT_OK);
        assert_int_equal(prompt[i].basis, CTXFIT_BASIS_CALIBRATED);
        ctxfit_plan_free(plan);
    }
    assert_near(decode[1].value / decode[0].value, 1, 1e-6);
    assert_near(prompt[1].value / prompt[0].value, 1, 1e-6);
    assert_near(decode[2].value / decode[3].value, 1, 1e-6);
    assert_near(prompt[2].value / prompt[3].value, 1, 1e-6);
    assert_true(decode[0].value < decode[3].value && prompt[0].value > prompt[3].value);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void unknown_speed_is_unknown_and_never_too_slow(void **state)
{
    ctxfit_model       *model = catalog_model("llama-3.1-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("gpu(backend=cuda,mem=24GiB) host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_estimate     e = CTXFIT_ESTIMATE_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_decode_rate(plan, 0, &e), CTXFIT_OK);
    assert_int_equal(e.basis, CTXFIT_BASIS_UNKNOWN);
    assert_int_equal(checked(plan, 4096, 0, 100, 0.001).outcome, CTXFIT_CHECK_OK);
    assert_true(checked(plan, 4096, 0, 100, 0.001).expected_s <= 0);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void what_does_not_fit_passes_no_request(void **state)
{
    ctxfit_model       *model = coder("Q8_0");
    ctxfit_hw          *hw = machine("gpu(backend=cuda,mem=8GiB) host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_plan        *plan = planned(model, hw, &o);

    (void)state;
    assert_true((checked(plan, 10, 0, 0, 0).outcome & CTXFIT_CHECK_NO_FIT) != 0);
    assert_int_equal(checked(plan, 10, 0, 0, 0).largest_prompt_tokens, 0);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void check_rejects_impossible_requests(void **state)
{
    ctxfit_plan   *plan = plan_of(8192, 0, 0);
    ctxfit_request r = CTXFIT_REQUEST_INIT;
    ctxfit_check   c = CTXFIT_CHECK_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_check(NULL, &r, &c), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_check(plan, NULL, &c), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_check(plan, &r, NULL), CTXFIT_E_INVALID_ARG);
    r.cached_tokens = 1;
    assert_int_equal(ctxfit_plan_check(plan, &r, &c), CTXFIT_E_INVALID_ARG);
    r.cached_tokens = 0;
    r.deadline_s = -1;
    assert_int_equal(ctxfit_plan_check(plan, &r, &c), CTXFIT_E_INVALID_ARG);
    r.deadline_s = strtod("nan", NULL);
    assert_int_equal(ctxfit_plan_check(plan, &r, &c), CTXFIT_E_INVALID_ARG);
    r.deadline_s = 0;
    r.struct_size = 0;
    assert_int_equal(ctxfit_plan_check(plan, &r, &c), CTXFIT_E_STRUCT_SIZE);
    ctxfit_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_counts_against_the_context),
        cmocka_unit_test(largest_prompt_passes_and_one_more_does_not),
        cmocka_unit_test(a_cached_prefix_costs_nothing_again),
        cmocka_unit_test(no_prompt_passes_when_the_cached_part_is_too_long),
        cmocka_unit_test(bands_enclose_what_is_expected),
        cmocka_unit_test(a_request_adds_up_from_prompt_and_output),
        cmocka_unit_test(overrides_are_as_fast_as_the_option_that_moves_the_same),
        cmocka_unit_test(unknown_speed_is_unknown_and_never_too_slow),
        cmocka_unit_test(what_does_not_fit_passes_no_request),
        cmocka_unit_test(check_rejects_impossible_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
