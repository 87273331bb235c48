/* What runs beside a model is counted in every placement that is tried, and in what comes out. */
#include "place_fixture.h"

static const struct {
    const char *model, *file_type, *hw;
} cases[] = {
    {"qwen3-14b", "Q4_K_M", "rtx-4070 host:64GiB"},
    {"qwen3-14b", "Q8_0", "2*gpu(backend=cuda,mem=11GiB,bw=500GB/s) host:64GiB"},
    {"qwen3-30b-a3b", "Q4_K_M", "gpu(backend=cuda,mem=16GiB,bw=900GB/s) host:64GiB"},
    {"qwen3-32b", "Q4_K_M", "gpu(backend=cuda,mem=24GiB) gpu(backend=cuda,mem=8GiB) host:32GiB"},
    {"qwen3-8b", "Q4_K_M", "mac-studio-m2-ultra-64gb"},
    {"qwen3-8b", "BF16", "host:32GiB"},
};
#define CASES (sizeof cases / sizeof cases[0])

static ctxfit_beside *draft_list(const ctxfit_model *draft)
{
    ctxfit_beside *beside;

    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    return beside;
}

static ctxfit_place *placed_beside(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                   const ctxfit_goal *goal, const ctxfit_beside *beside)
{
    ctxfit_place *place;
    ctxfit_error  error;

    if (ctxfit_place_solve_beside(model, hw, options, goal, beside, NULL, &place, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return place;
}

/* The options that came out, planned anew with the same list, are the plan; it fits, and holds the draft. */
static void check_again(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_place *place, const ctxfit_beside *beside)
{
    ctxfit_plan_options o = place_options(place);
    ctxfit_plan        *again;
    ctxfit_plan_summary was = summary_of(ctxfit_place_plan(place)), is;

    assert_int_equal(ctxfit_plan_make_beside(model, hw, &o, beside, NULL, &again, NULL), CTXFIT_OK);
    is = summary_of(again);
    assert_int_equal(is.total_bytes, was.total_bytes);
    assert_int_equal(is.beside_bytes, was.beside_bytes);
    assert_int_equal(is.margin_bytes, was.margin_bytes);
    assert_true(was.beside_bytes > UINT64_C(300) << 20);
    assert_int_equal(place_summary(place).found, was.margin_bytes >= 0);
    ctxfit_plan_free(again);
}

static void what_is_placed_leaves_room_for_what_runs_beside(void **state)
{
    ctxfit_model *draft = catalog_model("qwen3-0.6b", "Q8_0");
    unsigned      found = 0, moved = 0;

    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        ctxfit_model       *model = catalog_model(cases[i].model, cases[i].file_type);
        ctxfit_hw          *hw = machine(cases[i].hw);
        ctxfit_beside      *beside = draft_list(draft);
        ctxfit_plan_options o = options_with(16384, 0);
        ctxfit_place       *with = placed_beside(model, hw, &o, NULL, beside), *without = placed(model, hw, &o, NULL);

        check_again(model, hw, with, beside);
        found += place_summary(with).found;
        assert_true(place_summary(without).found >= place_summary(with).found);
        if (place_summary(with).found)
            assert_true(place_summary(with).host_weights_bytes >= place_summary(without).host_weights_bytes);
        moved += place_summary(with).host_weights_bytes > place_summary(without).host_weights_bytes;
        ctxfit_place_free(without);
        ctxfit_place_free(with);
        ctxfit_beside_free(beside);
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
    assert_true(found >= 4 && moved >= 1);
    ctxfit_model_free(draft);
}

static void the_largest_context_is_that_of_both(void **state)
{
    ctxfit_model *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_goal   goal = goal_for(CTXFIT_OBJECTIVE_LARGEST_CONTEXT);
    unsigned      shorter = 0;

    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        ctxfit_model        *model = catalog_model(cases[i].model, cases[i].file_type);
        ctxfit_hw           *hw = machine(cases[i].hw);
        ctxfit_beside       *beside = draft_list(draft);
        ctxfit_place        *with = placed_beside(model, hw, NULL, &goal, beside), *without = placed(model, hw, NULL, &goal);
        ctxfit_place_summary a = place_summary(with), b = place_summary(without);

        if (a.found) {
            check_again(model, hw, with, beside);
            assert_true(b.found && a.ctx_seq_tokens <= b.ctx_seq_tokens);
            shorter += a.ctx_seq_tokens < b.ctx_seq_tokens;
        }
        ctxfit_place_free(without);
        ctxfit_place_free(with);
        ctxfit_beside_free(beside);
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
    assert_true(shorter >= 1);
    ctxfit_model_free(draft);
}

/* Each change is the least of its kind: it is tried with what runs beside. */
static void changes_count_what_runs_beside(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("gpu(backend=cuda,mem=8GiB,bw=500GB/s) host:18GiB");
    ctxfit_beside      *beside = draft_list(draft);
    ctxfit_plan_options o = options_with(40960, 0);
    ctxfit_place       *place = placed_beside(model, hw, &o, NULL, beside);
    ctxfit_change       change = CTXFIT_CHANGE_INIT;
    unsigned            tried = 0;

    (void)state;
    assert_int_equal(place_summary(place).found, 0);
    for (uint32_t i = 0; ctxfit_place_get_change(place, i, &change) == CTXFIT_OK; i++) {
        ctxfit_plan_options changed = o;
        ctxfit_place       *better;

        if (change.kind == CTXFIT_CHANGE_CONTEXT)
            changed.ctx_tokens = change.value;
        else if (change.kind == CTXFIT_CHANGE_CACHE_TYPE)
            changed.kv_key = changed.kv_value = (ctxfit_quant)change.value;
        else
            continue;
        better = placed_beside(model, hw, &changed, NULL, beside);
        assert_int_equal(place_summary(better).found, 1);
        ctxfit_place_free(better);
        tried++;
    }
    assert_true(tried >= 1);
    ctxfit_place_free(place);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void what_the_engine_does_not_run_together_is_refused(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "Q4_K_M"), *other = catalog_model("gemma-3-1b", "Q8_0");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_beside      *beside = draft_list(other);
    ctxfit_plan_options o = options_with(8192, 0);
    ctxfit_place       *place = NULL;
    ctxfit_error        error;

    (void)state;
    assert_int_equal(ctxfit_place_solve_beside(model, hw, &o, NULL, beside, NULL, &place, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "vocab"));
    assert_null(place);
    (void)snprintf(o.engine, sizeof o.engine, "vllm");
    assert_int_equal(ctxfit_place_solve_beside(model, hw, &o, NULL, beside, NULL, &place, &error), CTXFIT_E_UNSUPPORTED);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(other);
    ctxfit_model_free(model);
}

static void an_entry_has_the_name_that_it_is_given(void **state)
{
    ctxfit_model      *model = catalog_model("qwen3-8b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_hw         *hw = machine("rtx-4090 host:64GiB");
    ctxfit_beside     *beside = draft_list(draft);
    ctxfit_plan       *plan;
    ctxfit_plan_beside b = CTXFIT_PLAN_BESIDE_INIT;
    char               longer[100] = {0};

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    assert_int_equal(ctxfit_beside_set_name(beside, 0, longer, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_make_beside(model, hw, NULL, beside, NULL, &plan, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_beside(plan, 0, UINT32_MAX, &b), CTXFIT_OK);
    assert_int_equal(strlen(b.name), sizeof b.name - 1);
    assert_int_equal(ctxfit_beside_set_name(beside, 1, "x", NULL), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_beside_set_name(beside, 0, "", NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_set_name(beside, 0, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_set_name(NULL, 0, "x", NULL), CTXFIT_E_INVALID_ARG);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void every_failed_allocation_is_reported(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_hw          *hw = machine("rtx-4070 host:64GiB");
    ctxfit_beside      *beside = draft_list(draft);
    ctxfit_plan_options o = options_with(8192, 0);
    test_failing        f = {0};

    (void)state;
    o.flags = CTXFIT_PLAN_F_BOUND;
    while (test_failing_next(&f)) {
        ctxfit_place *place = NULL;

        f.status = ctxfit_place_solve_beside(model, hw, &o, NULL, beside, &f.allocator, &place, NULL);
        assert_true((place != NULL) == (f.status == CTXFIT_OK));
        ctxfit_place_free(place);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_placed_leaves_room_for_what_runs_beside),
        cmocka_unit_test(the_largest_context_is_that_of_both),
        cmocka_unit_test(changes_count_what_runs_beside),
        cmocka_unit_test(what_the_engine_does_not_run_together_is_refused),
        cmocka_unit_test(an_entry_has_the_name_that_it_is_given),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
