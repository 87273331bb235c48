/* Fits that llama.cpp made itself: ours is never above a target, and nearly always holds at least as much. */
#include "place_fixture.h"

#include "fit_case.h"

typedef struct tally {
    int fits, found, compared, shorter, less, their_excess;
} tally;

static void compare_fit(const fit_case *c, tally *t)
{
    ctxfit_model        *model;
    ctxfit_hw           *hw;
    ctxfit_place        *place;
    ctxfit_error         error;
    ctxfit_place_summary s;
    ctxfit_plan_summary  plan;
    ctxfit_model_info    info = CTXFIT_MODEL_INFO_INIT;
    uint64_t             their_ctx;

    if (fit_solve(c, TEST_DATA "/models/reference_models.txt", &model, &hw, &place, &error) != CTXFIT_OK)
        fail_msg("%s: %s", c->model, error.message);
    s = place_summary(place);
    plan = plan_again(model, hw, place);
    t->fits++;
    t->found += s.found != 0;
    if (s.found) {
        assert_true(plan.margin_bytes >= 0);
        for (uint32_t i = 0; i < c->devices; i++) {
            ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

            assert_int_equal(ctxfit_plan_get_device(ctxfit_place_plan(place), i, &d), CTXFIT_OK);
            assert_true(d.total_bytes <= c->target[i]);
        }
    }
    t->their_excess += fit_their_excess(c) > 0;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    their_ctx = c->their_ctx != 0 ? c->their_ctx : info.trained_tokens;
    if (plan.compute_exact && s.found && fit_their_excess(c) == 0) {
        t->compared++;
        t->shorter += s.ctx_seq_tokens < their_ctx;
        t->less += s.ctx_seq_tokens < their_ctx || (s.ctx_seq_tokens == their_ctx && fit_our_held(place) < c->their_device_held);
    }
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void answers_are_within_every_target_and_hold_as_much_as_llamacpp_does(void **state)
{
    csv_reader csv;
    fit_case   c;
    tally      t = {0};

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/place/fits.csv"));
    while (csv_read(&csv)) {
        fit_read(&csv, &c);
        compare_fit(&c, &t);
    }
    csv_close(&csv);
    printf("%d fits, %d found; of %d with exact compute buffers %d hold less than llama.cpp's, which is above its target in %d\n", t.fits,
           t.found, t.compared, t.less, t.their_excess);
    assert_int_equal(t.fits, 240);
    assert_true(t.found >= 239);
    assert_int_equal(t.shorter, 0);
    assert_true(t.less * 20 <= t.compared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_within_every_target_and_hold_as_much_as_llamacpp_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
