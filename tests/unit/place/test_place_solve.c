/* What the solver must hold to: every answer fits, what is fixed stays, more than the answer does not fit, and faults are named. */
#include "place_fixture.h"

static const char *const machines[] = {
    "gpu(backend=cuda,mem=24GiB,bw=936GB/s) gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:128GiB(bw=80GB/s)",
    "3*rtx-3090 host:128GiB(bw=80GB/s)",
    "gpu(backend=cuda,mem=8GiB,bw=400GB/s) rtx-3090 gpu(backend=cuda,mem=48GiB,bw=768GB/s) host:256GiB(bw=80GB/s)",
    "gpu(backend=cuda,mem=8GiB,bw=256GB/s) host:64GiB(bw=80GB/s)",
    "host:64GiB(bw=80GB/s)",
    "mac-studio-m2-ultra-64gb",
    "dgx-spark",
    "mac-studio-m3-ultra-512gb",
    "2*dgx-spark",
};
static const char *const models[] = {"llama-3.1-8b-instruct", "llama-3.1-70b-instruct", "qwen3-coder:30b", "qwen3-next-80b-a3b-instruct",
                                     "gemma-3-27b-it",        "deepseek-v2-lite",       "gpt-oss-120b"};

/* Every device of a plan that was made anew is within its usable bytes, or the answer says that nothing fits, and what is short. */
static void check_answer(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_place *place)
{
    ctxfit_place_summary s = place_summary(place);
    ctxfit_plan_summary  plan = plan_again(model, hw, place);

    assert_int_equal(s.found, plan.fit != CTXFIT_FIT_NONE);
    assert_int_equal(s.ctx_seq_tokens, plan.n_ctx_seq);
    if (s.found) {
        assert_true(plan.margin_bytes >= 0);
        assert_int_equal(s.short_bytes, 0);
        assert_int_equal(s.change_count, 0);
    } else {
        assert_true(s.short_bytes > 0);
        assert_int_equal((int64_t)s.short_bytes, -plan.margin_bytes);
    }
    assert_non_null(ctxfit_place_reason(place, 0) != NULL || s.found ? "" : NULL);
}

static void every_answer_fits_or_says_what_is_short(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        ctxfit_model *model = catalog_model(models[m], "Q4_K_M");

        for (size_t h = 0; h < sizeof machines / sizeof machines[0]; h++) {
            ctxfit_hw          *hw = machine(machines[h]);
            ctxfit_plan_options o = options_with(0, 0);

            for (uint32_t objective = CTXFIT_OBJECTIVE_LARGEST_CONTEXT; objective <= CTXFIT_OBJECTIVE_MOST_SEQUENCES; objective++) {
                ctxfit_goal   goal = goal_for(objective);
                ctxfit_place *place;

                goal.flags = CTXFIT_GOAL_F_NO_CHANGES;
                o.flags = CTXFIT_PLAN_F_NO_LIMITS;
                o.ctx_tokens = objective == CTXFIT_OBJECTIVE_LARGEST_CONTEXT ? 0 : 16384;
                place = placed(model, hw, &o, &goal);
                check_answer(model, hw, place);
                ctxfit_place_free(place);
            }
            ctxfit_hw_free(hw);
        }
        ctxfit_model_free(model);
    }
}

static void one_step_more_than_the_largest_context_does_not_fit(void **state)
{
    ctxfit_model        *model = coder("Q4_K_M");
    ctxfit_hw           *hw = machine("rtx-4090 host:64GiB");
    ctxfit_goal          goal = goal_for(CTXFIT_OBJECTIVE_LARGEST_CONTEXT);
    ctxfit_place        *place = placed(model, hw, NULL, &goal);
    ctxfit_plan_options  o = place_options(place);
    ctxfit_place_summary s = place_summary(place);

    (void)state;
    assert_true(s.found && s.ctx_seq_tokens > 4096 && s.ctx_seq_tokens < 262144);
    assert_int_equal(s.host_layers, 0);
    o.ctx_tokens = s.ctx_seq_tokens + 256;
    assert_int_equal(plan_once(model, hw, &o).fit, CTXFIT_FIT_NONE);
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* With a rate that the host may cost, more context than devices hold alone; no slower than that. */
static void a_rate_buys_context_on_the_host(void **state)
{
    ctxfit_model        *model = catalog_model("llama-3.1-70b-instruct", "Q4_K_M");
    ctxfit_hw           *hw = machine("2*rtx-3090 host:128GiB(bw=200GB/s)");
    ctxfit_goal          goal = goal_for(CTXFIT_OBJECTIVE_LARGEST_CONTEXT);
    ctxfit_place        *alone = placed(model, hw, NULL, &goal), *with_host;
    ctxfit_place_summary a = place_summary(alone), b;

    (void)state;
    goal.least_decode_tokens_per_s = 4;
    with_host = placed(model, hw, NULL, &goal);
    b = place_summary(with_host);
    assert_true(a.found && b.found);
    assert_true(b.ctx_seq_tokens > a.ctx_seq_tokens);
    assert_true(b.decode_tokens_per_s >= 4);
    assert_true(b.host_layers + b.host_expert_layers > 0 && a.host_layers + a.host_expert_layers == 0);
    ctxfit_place_free(alone);
    ctxfit_place_free(with_host);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void what_is_fixed_stays(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("2*gpu(backend=cuda,mem=8GiB,bw=360GB/s) host:64GiB");
    ctxfit_plan_options o = options_with(32768, 2), out;
    ctxfit_place       *place;

    (void)state;
    o.gpu_layers = 40;
    o.tensor_split[0] = 3;
    o.tensor_split[1] = 2;
    o.kv_key = o.kv_value = CTXFIT_QUANT_Q8_0;
    o.ubatch_tokens = 256;
    place = placed(model, hw, &o, NULL);
    out = place_options(place);
    assert_true(place_summary(place).found);
    assert_int_equal(out.gpu_layers, 40);
    assert_true(out.tensor_split[0] == 3 && out.tensor_split[1] == 2);
    assert_int_equal(out.kv_key, CTXFIT_QUANT_Q8_0);
    assert_int_equal(out.ubatch_tokens, 256);
    assert_int_equal(out.ctx_tokens, 32768);
    assert_int_equal(out.sequences, 2);
    assert_true(out.cpu_expert_layers != 0 || out.overrides[0] != '\0'); /* what was open was chosen */
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Dense tensors first: while experts are on the host, no layer is; and a token's bytes are mostly read on the device. */
static void experts_go_to_the_host_before_anything_else(void **state)
{
    ctxfit_model        *model = coder("Q4_K_M");
    ctxfit_hw           *hw = machine("gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:64GiB(bw=80GB/s)");
    ctxfit_plan_options  o = options_with(16384, 1);
    ctxfit_place        *place = placed(model, hw, &o, NULL);
    ctxfit_place_summary s = place_summary(place);

    (void)state;
    assert_true(s.found && s.host_layers == 0 && s.host_expert_layers > 0 && s.host_expert_layers < 48);
    assert_true(s.device_share > (double)s.device_weights_bytes / (double)(s.device_weights_bytes + s.host_weights_bytes));
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Each of many devices has layers with experts on the host: the options have room for 1,023 characters of patterns. */
static void patterns_of_many_devices_are_short_enough(void **state)
{
    ctxfit_model       *model = catalog_model("deepseek-v3", "Q4_K_M");
    ctxfit_hw          *hw = machine("14*gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:512GiB(bw=200GB/s)");
    ctxfit_plan_options o = options_with(32768, 1);
    ctxfit_place       *place = placed(model, hw, &o, NULL);

    (void)state;
    check_answer(model, hw, place);
    assert_true(place_summary(place).found && place_summary(place).host_expert_layers > 14);
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void quality_is_the_best_that_holds_context_and_rate(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3-8b", "");
    ctxfit_hw           *hw = machine("gpu(backend=cuda,mem=12GiB,bw=360GB/s) host:64GiB(bw=80GB/s)");
    ctxfit_plan_options  o = options_with(16384, 1);
    ctxfit_goal          goal = goal_for(CTXFIT_OBJECTIVE_BEST_QUALITY);
    ctxfit_place        *place;
    ctxfit_place_summary slow, fast;

    (void)state;
    place = placed(model, hw, &o, &goal);
    slow = place_summary(place);
    ctxfit_place_free(place);
    goal.least_decode_tokens_per_s = 25;
    place = placed(model, hw, &o, &goal);
    fast = place_summary(place);
    assert_true(slow.found && fast.found);
    assert_int_equal(slow.file_type, CTXFIT_FILE_TYPE_BF16); /* any rate: as published, partly on the host */
    assert_true(fast.decode_tokens_per_s >= 25 && fast.file_type != slow.file_type);
    assert_int_equal(fast.kv_key, CTXFIT_QUANT_F16);
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void margins_of_each_device_and_of_the_host_are_kept(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("2*rtx-3090 host:64GiB");
    ctxfit_plan_options o = options_with(0, 1);
    ctxfit_goal         goal = goal_for(CTXFIT_OBJECTIVE_LARGEST_CONTEXT);
    ctxfit_place       *place;
    ctxfit_plan_device  d = CTXFIT_PLAN_DEVICE_INIT;
    uint64_t            gib = UINT64_C(1) << 30;

    (void)state;
    o.device_reserve_bytes[0] = 10 * gib;
    o.device_reserve_bytes[1] = CTXFIT_RESERVE_NONE;
    o.host_reserve_bytes = 60 * gib;
    place = placed(model, hw, &o, &goal);
    assert_int_equal(ctxfit_plan_get_device(ctxfit_place_plan(place), 0, &d), CTXFIT_OK);
    assert_true(d.capacity_bytes - d.total_bytes >= 10 * gib);
    assert_int_equal(ctxfit_plan_get_device(ctxfit_place_plan(place), 1, &d), CTXFIT_OK);
    assert_int_equal(d.usable_bytes, d.capacity_bytes);
    assert_int_equal(ctxfit_plan_get_device(ctxfit_place_plan(place), 2, &d), CTXFIT_OK);
    assert_int_equal(d.usable_bytes, 4 * gib);
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* ---- nothing fits ---- */
static ctxfit_change change_of(const ctxfit_place *place, uint32_t kind)
{
    ctxfit_change c = CTXFIT_CHANGE_INIT, none = CTXFIT_CHANGE_INIT;

    for (uint32_t i = 0; ctxfit_place_get_change(place, i, &c) == CTXFIT_OK; i++)
        if (c.kind == kind)
            return c;
    return none;
}

static bool fits_with(const ctxfit_model *model, const char *spec, uint64_t ctx, ctxfit_quant kv)
{
    ctxfit_hw          *hw = machine(spec);
    ctxfit_plan_options o = options_with(ctx, 1);
    ctxfit_goal         goal = goal_for(CTXFIT_OBJECTIVE_FASTEST_DECODE);
    ctxfit_place       *place;
    bool                found;

    o.kv_key = o.kv_value = kv;
    goal.flags = CTXFIT_GOAL_F_NO_CHANGES;
    place = placed(model, hw, &o, &goal);
    found = place_summary(place).found != 0;
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    return found;
}

static void each_change_is_the_least_that_helps(void **state)
{
    const char   *spec = "gpu(backend=cuda,mem=24GiB,bw=936GB/s) host:32GiB(bw=80GB/s)";
    ctxfit_model *model = catalog_model("llama-3.1-70b-instruct", "Q4_K_M"), *other;
    ctxfit_hw    *hw = machine(spec);
    ctxfit_plan_options o = options_with(131072, 1);
    ctxfit_place *place = placed(model, hw, &o, NULL);
    ctxfit_change c;
    char          text[160];

    (void)state;
    assert_int_equal(place_summary(place).found, 0);
    assert_true(place_summary(place).short_bytes > 0);
    c = change_of(place, CTXFIT_CHANGE_CONTEXT);
    assert_true(c.value >= 256 && c.value < 131072);
    assert_true(fits_with(model, spec, c.value, 0));
    assert_false(fits_with(model, spec, c.value + 256, 0));
    c = change_of(place, CTXFIT_CHANGE_DEVICE);
    assert_true(c.value > 0);
    (void)snprintf(text, sizeof text, "gpu(backend=cuda,mem=%lluGiB,bw=936GB/s) %s", (unsigned long long)c.value >> 30, spec);
    assert_true(fits_with(model, text, 131072, 0));
    c = change_of(place, CTXFIT_CHANGE_HOST);
    (void)snprintf(text, sizeof text, "gpu(backend=cuda,mem=24GiB,bw=936GB/s) host:%lluGiB(bw=80GB/s)", (unsigned long long)c.value >> 30);
    assert_true(fits_with(model, text, 131072, 0));
    c = change_of(place, CTXFIT_CHANGE_CACHE_TYPE);
    if (c.kind != 0)
        assert_true(fits_with(model, spec, 131072, (ctxfit_quant)c.value));
    c = change_of(place, CTXFIT_CHANGE_FILE_TYPE);
    if (c.kind != 0) {
        assert_int_equal(ctxfit_model_requantize(model, (ctxfit_file_type)c.value, NULL, &other, NULL), CTXFIT_OK);
        assert_true(fits_with(other, spec, 131072, 0));
        ctxfit_model_free(other);
    }
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void layers_that_cannot_fit_are_kept_and_the_change_is_named(void **state)
{
    ctxfit_model        *model = catalog_model("llama-3.1-70b-instruct", "Q4_K_M");
    ctxfit_hw           *hw = machine("rtx-3090 host:64GiB");
    ctxfit_plan_options  o = options_with(8192, 1);
    ctxfit_goal          goal = goal_for(CTXFIT_OBJECTIVE_FASTEST_DECODE);
    ctxfit_place        *place;
    ctxfit_place_summary s;

    (void)state;
    o.gpu_layers = 81;
    goal.open = CTXFIT_OPEN_NOTHING;
    place = placed(model, hw, &o, &goal);
    s = place_summary(place);
    assert_int_equal(s.found, 0);
    assert_int_equal(place_options(place).gpu_layers, 81);
    assert_int_equal(s.short_kind, CTXFIT_LIMIT_DEVICE);
    assert_int_equal(s.short_device, 0);
    assert_int_equal(change_of(place, CTXFIT_CHANGE_PLACEMENT).kind, CTXFIT_CHANGE_PLACEMENT);
    assert_true(strlen(change_of(place, CTXFIT_CHANGE_PLACEMENT).text) > 0);
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* ---- wrong requests ---- */
static void refuses(const ctxfit_plan_options *o, const ctxfit_goal *goal, ctxfit_status expected, const char *word)
{
    ctxfit_model *model = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_hw    *hw = machine("2*rtx-3090 host:64GiB");
    ctxfit_place *place = (ctxfit_place *)1;
    ctxfit_error  error;

    assert_int_equal(ctxfit_place_solve(model, hw, o, goal, NULL, &place, &error), expected);
    assert_null(place);
    if (strstr(error.message, word) == NULL)
        fail_msg("'%s' does not name %s", error.message, word);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void wrong_requests_are_named(void **state)
{
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_goal         goal = CTXFIT_GOAL_INIT;

    (void)state;
    o.tensor_split[2] = 1;
    refuses(&o, NULL, CTXFIT_E_INVALID_ARG, "3 proportions for 2 devices");
    o = options_with(8192, 1);
    o.device_reserve_bytes[1] = (uint64_t)INT64_C(-5);
    refuses(&o, NULL, CTXFIT_E_INVALID_ARG, "device_reserve_bytes[1]: -5 is negative");
    o = options_with(8192, 1);
    o.host_reserve_bytes = (uint64_t)INT64_C(-7);
    refuses(&o, NULL, CTXFIT_E_INVALID_ARG, "host_reserve_bytes: -7");
    o = options_with(8192, 1);
    goal.open = CTXFIT_OPEN_CONTEXT;
    refuses(&o, &goal, CTXFIT_E_INVALID_ARG, "ctx_tokens");
    goal = goal_for(CTXFIT_OBJECTIVE_LARGEST_CONTEXT);
    refuses(&o, &goal, CTXFIT_E_INVALID_ARG, "ctx_tokens is fixed");
    goal = goal_for(9);
    refuses(&o, &goal, CTXFIT_E_INVALID_ARG, "objective");
    goal = goal_for(0);
    goal.open = 1u << 20;
    refuses(&o, &goal, CTXFIT_E_INVALID_ARG, "open");
    goal.open = CTXFIT_OPEN_NOTHING | CTXFIT_OPEN_UBATCH;
    refuses(&o, &goal, CTXFIT_E_INVALID_ARG, "alone");
    goal = goal_for(0);
    goal.worst_cache_type = CTXFIT_QUANT_Q5_1;
    refuses(&o, &goal, CTXFIT_E_NOT_FOUND, "worst_cache_type");
    goal = goal_for(0);
    goal.worst_file_type = 9999;
    refuses(&o, &goal, CTXFIT_E_NOT_FOUND, "worst_file_type");
    goal = goal_for(0);
    goal.least_decode_tokens_per_s = -1;
    refuses(&o, &goal, CTXFIT_E_INVALID_ARG, "least_decode_tokens_per_s");
    (void)snprintf(o.engine, sizeof o.engine, "no such engine");
    refuses(&o, NULL, CTXFIT_E_NOT_FOUND, "engine");
}

static void a_failed_allocation_leaves_nothing(void **state)
{
    ctxfit_model *model = coder("Q4_K_M");
    ctxfit_hw    *hw = machine("2*rtx-3060-12gb host:64GiB");
    ctxfit_goal   goal = goal_for(CTXFIT_OBJECTIVE_BEST_QUALITY);
    ctxfit_plan_options o = options_with(32768, 1);

    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_place *place;

        f.status = ctxfit_place_solve(model, hw, &o, &goal, &f.allocator, &place, NULL);
        assert_true((place != NULL) == (f.status == CTXFIT_OK));
        ctxfit_place_free(place);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_fits_or_says_what_is_short),
        cmocka_unit_test(one_step_more_than_the_largest_context_does_not_fit),
        cmocka_unit_test(a_rate_buys_context_on_the_host),
        cmocka_unit_test(what_is_fixed_stays),
        cmocka_unit_test(experts_go_to_the_host_before_anything_else),
        cmocka_unit_test(patterns_of_many_devices_are_short_enough),
        cmocka_unit_test(quality_is_the_best_that_holds_context_and_rate),
        cmocka_unit_test(margins_of_each_device_and_of_the_host_are_kept),
        cmocka_unit_test(each_change_is_the_least_that_helps),
        cmocka_unit_test(layers_that_cannot_fit_are_kept_and_the_change_is_named),
        cmocka_unit_test(wrong_requests_are_named),
        cmocka_unit_test(a_failed_allocation_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
