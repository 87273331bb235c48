/* Several models on one machine, and several machines for one model. */
#include "place_fixture.h"

static ctxfit_place_set *set_of(const ctxfit_model *const *models, uint32_t count, const char *spec, const ctxfit_plan_options *options)
{
    ctxfit_hw        *hw = machine(spec);
    ctxfit_place_set *set;
    ctxfit_error      error;

    if (ctxfit_place_solve_set(models, count, hw, options, NULL, NULL, &set, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_hw_free(hw); /* the set keeps nothing of it */
    return set;
}

static uint64_t total_of(const ctxfit_place *place, uint32_t device)
{
    ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

    assert_int_equal(ctxfit_plan_get_device(ctxfit_place_plan(place), device, &d), CTXFIT_OK);
    return d.total_bytes;
}

/* A coder and a generalist on 192 GB of unified memory. */
static void models_that_fit_together_take_no_more_than_there_is(void **state)
{
    ctxfit_model       *models[2] = {coder("Q8_0"), catalog_model("llama-3.1-70b-instruct", "Q4_K_M")};
    ctxfit_plan_options options[2] = {options_with(131072, 1), options_with(32768, 1)};
    ctxfit_place_set   *set = set_of((const ctxfit_model *const *)models, 2, "mac-studio-m2-ultra-192gb", options);
    ctxfit_device       gpu = CTXFIT_DEVICE_INIT, rest = CTXFIT_DEVICE_INIT;
    ctxfit_hw          *hw = machine("mac-studio-m2-ultra-192gb");
    uint64_t            used = 0;

    (void)state;
    assert_int_equal(ctxfit_place_set_verdict(set), CTXFIT_SET_TOGETHER);
    assert_int_equal(ctxfit_hw_get_device(hw, 0, &gpu), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_get_device(ctxfit_place_set_rest(set), 0, &rest), CTXFIT_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(place_summary(ctxfit_place_set_at(set, i)).found);
        used += total_of(ctxfit_place_set_at(set, i), 0);
    }
    assert_true(used <= gpu.budget_bytes);
    assert_int_equal(rest.budget_bytes, gpu.budget_bytes - used);
    assert_null(ctxfit_place_set_at(set, 2));
    ctxfit_hw_free(hw);
    ctxfit_place_set_free(set);
    ctxfit_model_free(models[0]);
    ctxfit_model_free(models[1]);
}

static void models_that_do_not_fit_together_swap_or_say_what_to_shrink(void **state)
{
    ctxfit_model       *models[2] = {coder("Q8_0"), catalog_model("llama-3.1-70b-instruct", "Q8_0")};
    ctxfit_plan_options options[2] = {options_with(131072, 1), options_with(65536, 1)};
    ctxfit_place_set   *set = set_of((const ctxfit_model *const *)models, 2, "mac-studio-m2-ultra-128gb", options);
    ctxfit_change       change = CTXFIT_CHANGE_INIT;

    (void)state;
    assert_int_equal(ctxfit_place_set_verdict(set), CTXFIT_SET_SWAP);
    assert_true(place_summary(ctxfit_place_set_at(set, 0)).found);
    assert_false(place_summary(ctxfit_place_set_at(set, 1)).found);
    assert_int_equal(ctxfit_place_get_change(ctxfit_place_set_at(set, 1), 0, &change), CTXFIT_OK);
    assert_true(strlen(change.text) > 0);
    ctxfit_place_set_free(set);
    options[1].ctx_tokens = 131072;
    set = set_of((const ctxfit_model *const *)models, 2, "mac-studio-m2-ultra-64gb", options);
    assert_int_equal(ctxfit_place_set_verdict(set), CTXFIT_SET_NONE); /* the second does not even run alone */
    ctxfit_place_set_free(set);
    ctxfit_model_free(models[0]);
    ctxfit_model_free(models[1]);
}

/* The admission question: what is left is what one more model gets, and no more. */
static void one_more_model_gets_what_is_left(void **state)
{
    ctxfit_model       *running = coder("Q4_K_M"), *next = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_plan_options o = options_with(32768, 1);
    ctxfit_place_set   *set = set_of((const ctxfit_model *const *)&running, 1, "2*rtx-3090 host:64GiB", &o);
    ctxfit_goal         goal = goal_for(CTXFIT_OBJECTIVE_LARGEST_CONTEXT);
    ctxfit_place       *place = placed(next, ctxfit_place_set_rest(set), NULL, &goal);
    uint64_t            usable = (UINT64_C(24) << 30) - (UINT64_C(1) << 30);

    (void)state;
    assert_true(place_summary(place).found);
    for (uint32_t d = 0; d < 2; d++)
        assert_true(total_of(ctxfit_place_set_at(set, 0), d) + total_of(place, d) <= usable);
    ctxfit_place_free(place);
    ctxfit_place_set_free(set);
    ctxfit_model_free(running);
    ctxfit_model_free(next);
}

/* A draft beside the first leaves the second less. */
static void what_runs_beside_a_model_leaves_the_next_one_less(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    const ctxfit_model  *models[2] = {model, model};
    ctxfit_hw           *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options  options[2] = {options_with(8192, 1), options_with(8192, 1)};
    ctxfit_beside       *beside;
    const ctxfit_beside *lists[2];
    ctxfit_place_set    *set, *alone = set_of(models, 2, "rtx-4090 host:64GiB", options);
    ctxfit_device        rest = CTXFIT_DEVICE_INIT, rest_alone = CTXFIT_DEVICE_INIT;
    ctxfit_plan_summary  first = CTXFIT_PLAN_SUMMARY_INIT, second = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan_beside   part = CTXFIT_PLAN_BESIDE_INIT;
    ctxfit_error         error;

    (void)state;
    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    lists[0] = beside;
    lists[1] = NULL;
    if (ctxfit_place_solve_set_beside(models, 2, hw, options, NULL, lists, NULL, &set, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ctxfit_plan_get_summary(ctxfit_place_plan(ctxfit_place_set_at(set, 0)), &first), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_summary(ctxfit_place_plan(ctxfit_place_set_at(set, 1)), &second), CTXFIT_OK);
    assert_int_equal(first.beside_count, 1);
    assert_int_equal(second.beside_count, 0);
    assert_int_equal(ctxfit_plan_get_beside(ctxfit_place_plan(ctxfit_place_set_at(set, 0)), 0, 0, &part), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_get_device(ctxfit_place_set_rest(set), 0, &rest), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_get_device(ctxfit_place_set_rest(alone), 0, &rest_alone), CTXFIT_OK);
    assert_true(part.total_bytes > 0);
    assert_int_equal(rest_alone.free_bytes - rest.free_bytes, part.total_bytes);
    ctxfit_place_set_free(set);
    ctxfit_place_set_free(alone);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void wrong_sets_are_refused(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_model       *models[2] = {model, model};
    ctxfit_hw          *hw = machine("rtx-3090 host:64GiB");
    ctxfit_plan_options options[2] = {options_with(4096, 1), options_with(4096, 1)};
    ctxfit_place_set   *set;
    ctxfit_error        error;

    (void)state;
    assert_int_equal(ctxfit_place_solve_set((const ctxfit_model *const *)models, 0, hw, NULL, NULL, NULL, &set, &error),
                     CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_place_solve_set(NULL, 1, hw, NULL, NULL, NULL, &set, &error), CTXFIT_E_INVALID_ARG);
    options[1].tensor_split[3] = 1;
    assert_int_equal(ctxfit_place_solve_set((const ctxfit_model *const *)models, 2, hw, options, NULL, NULL, &set, &error),
                     CTXFIT_E_INVALID_ARG);
    assert_int_equal(error.detail, 1);
    assert_null(set);
    assert_int_equal(ctxfit_place_set_verdict(NULL), 0);
    assert_null(ctxfit_place_set_at(NULL, 0));
    assert_null(ctxfit_place_set_rest(NULL));
    ctxfit_place_set_free(NULL);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void a_failed_allocation_of_a_set_leaves_nothing(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_model       *models[2] = {model, model};
    ctxfit_hw          *hw = machine("2*rtx-3090 host:64GiB");
    ctxfit_plan_options options[2] = {options_with(4096, 1), options_with(4096, 1)};

    test_failing        f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_place_set *set;

        f.status = ctxfit_place_solve_set((const ctxfit_model *const *)models, 2, hw, options, NULL, &f.allocator, &set, NULL);
        assert_true((set != NULL) == (f.status == CTXFIT_OK));
        ctxfit_place_set_free(set);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* ---- linked machines ---- */
/* llama.cpp counts RPC devices first: they hold the first layers, the first machine the output. */
static void linked_machines_hold_the_first_layers(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3-235b", "Q4_K_M");
    ctxfit_hw           *hw = machine("2*dgx-spark");
    ctxfit_plan_options  o = options_with(32768, 1);
    ctxfit_place        *place = placed(model, hw, &o, NULL);
    ctxfit_place_summary s = place_summary(place);
    ctxfit_plan_device   d = CTXFIT_PLAN_DEVICE_INIT;

    (void)state;
    assert_true(s.found);
    assert_int_equal(s.nodes, 2);
    assert_int_equal(s.alone_found, 0);                 /* 132 GiB of weights do not fit one of them */
    assert_int_equal(s.link_bytes_per_token, 2 * 4096 * 4); /* embeddings there, hidden state back */
    assert_int_equal(ctxfit_plan_get_device(ctxfit_place_plan(place), 0, &d), CTXFIT_OK);
    assert_string_equal(d.name, "RPC0");
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void a_link_that_does_not_help_is_left_out(void **state)
{
    ctxfit_model        *model = coder("Q4_K_M");
    ctxfit_hw           *hw = machine("2*dgx-spark");
    ctxfit_plan_options  o = options_with(32768, 1);
    ctxfit_place        *place = placed(model, hw, &o, NULL);
    ctxfit_place_summary s = place_summary(place);

    (void)state;
    assert_true(s.found && s.alone_found);
    assert_int_equal(s.nodes, 1);
    assert_int_equal(s.link_bytes_per_token, 0);
    assert_true(s.alone_decode_tokens_per_s >= s.decode_tokens_per_s);
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* 24 + 24 GiB hold less context than one device of 48 with the same bandwidth. */
static void two_devices_are_less_than_one_of_their_size(void **state)
{
    ctxfit_model *model = catalog_model("llama-3.1-70b-instruct", "Q4_K_M");
    ctxfit_hw    *two = machine("2*rtx-3090 host:64GiB"), *one = machine("gpu(backend=cuda,mem=48GiB,bw=936GB/s) host:64GiB");
    ctxfit_goal   goal = goal_for(CTXFIT_OBJECTIVE_LARGEST_CONTEXT);
    ctxfit_place *a = placed(model, two, NULL, &goal), *b = placed(model, one, NULL, &goal);
    bool          said = false;

    (void)state;
    assert_true(place_summary(a).ctx_seq_tokens < place_summary(b).ctx_seq_tokens);
    for (uint32_t i = 0; ctxfit_place_reason(a, i) != NULL; i++)
        said = said || strstr(ctxfit_place_reason(a, i), "2 devices are not one of 48 GiB") != NULL;
    assert_true(said);
    ctxfit_place_free(a);
    ctxfit_place_free(b);
    ctxfit_hw_free(two);
    ctxfit_hw_free(one);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_that_fit_together_take_no_more_than_there_is),
        cmocka_unit_test(models_that_do_not_fit_together_swap_or_say_what_to_shrink),
        cmocka_unit_test(one_more_model_gets_what_is_left),
        cmocka_unit_test(what_runs_beside_a_model_leaves_the_next_one_less),
        cmocka_unit_test(wrong_sets_are_refused),
        cmocka_unit_test(a_failed_allocation_of_a_set_leaves_nothing),
        cmocka_unit_test(linked_machines_hold_the_first_layers),
        cmocka_unit_test(a_link_that_does_not_help_is_left_out),
        cmocka_unit_test(two_devices_are_less_than_one_of_their_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
