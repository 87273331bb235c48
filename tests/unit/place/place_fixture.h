/* What the tests of placement share. */
#ifndef PLACE_FIXTURE_H
#define PLACE_FIXTURE_H

#include "../plan/plan_fixture.h"

static inline ctxfit_goal goal_for(uint32_t objective)
{
    ctxfit_goal goal = CTXFIT_GOAL_INIT;

    goal.objective = objective;
    return goal;
}

static inline ctxfit_place *placed(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                   const ctxfit_goal *goal)
{
    ctxfit_place *place;
    ctxfit_error  error;

    if (ctxfit_place_solve(model, hw, options, goal, NULL, &place, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return place;
}

static inline ctxfit_place_summary place_summary(const ctxfit_place *place)
{
    ctxfit_place_summary s = CTXFIT_PLACE_SUMMARY_INIT;

    assert_int_equal(ctxfit_place_get_summary(place, &s), CTXFIT_OK);
    return s;
}

static inline ctxfit_plan_options place_options(const ctxfit_place *place)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    assert_int_equal(ctxfit_place_get_options(place, &o), CTXFIT_OK);
    return o;
}

/* A plan made anew of the options that came out; of the model as it was placed. */
static inline ctxfit_plan_summary plan_again(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_place *place)
{
    ctxfit_plan_options  options = place_options(place);
    ctxfit_place_summary s = place_summary(place);
    ctxfit_model        *other = NULL;
    ctxfit_plan_summary  plan;

    if (s.file_type != 0)
        assert_int_equal(ctxfit_model_requantize(model, s.file_type, NULL, &other, NULL), CTXFIT_OK);
    plan = plan_once(other != NULL ? other : model, hw, &options);
    ctxfit_model_free(other);
    return plan;
}

#endif
