/* Models and machines that the tests of the plan share. */
#ifndef PLAN_FIXTURE_H
#define PLAN_FIXTURE_H

#include "test_support.h"

#include <math.h>
#include <stdbool.h>

#include "ctxfit.h"

#define assert_near(a, b, distance) assert_true(fabs((double)(a) - (double)(b)) <= (distance))

/* Qwen3-Coder-30B-A3B: 48 layers, 4 KV heads of 128, 128 experts of which 8 are used, trained for 262,144 tokens. */
static inline ctxfit_model *coder(const char *file_type)
{
    ctxfit_model *model;
    ctxfit_error  error;

    if (ctxfit_model_from_catalog("qwen3-coder:30b", ctxfit_file_type_from_name(file_type), NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static inline ctxfit_model *catalog_model(const char *name, const char *file_type)
{
    ctxfit_model *model;
    ctxfit_error  error;

    if (ctxfit_model_from_catalog(name, ctxfit_file_type_from_name(file_type), NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static inline ctxfit_hw *machine(const char *spec)
{
    ctxfit_hw   *hw;
    ctxfit_error error;

    if (ctxfit_hw_parse(spec, NULL, &hw, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return hw;
}

static inline ctxfit_plan_options options_with(uint64_t ctx_tokens, uint32_t sequences)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    o.ctx_tokens = ctx_tokens;
    o.sequences = sequences;
    return o;
}

static inline ctxfit_plan *planned(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options)
{
    ctxfit_plan *plan;
    ctxfit_error error;

    if (ctxfit_plan_make(model, hw, options, NULL, &plan, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return plan;
}

static inline ctxfit_plan_summary summary_of(const ctxfit_plan *plan)
{
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;

    assert_int_equal(ctxfit_plan_get_summary(plan, &s), CTXFIT_OK);
    return s;
}

static inline ctxfit_plan_device device_of(const ctxfit_plan *plan, uint32_t index)
{
    ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

    assert_int_equal(ctxfit_plan_get_device(plan, index, &d), CTXFIT_OK);
    return d;
}

static inline ctxfit_plan_summary plan_once(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options)
{
    ctxfit_plan        *plan = planned(model, hw, options);
    ctxfit_plan_summary s = summary_of(plan);

    ctxfit_plan_free(plan);
    return s;
}

static inline ctxfit_constraint constraint_at(const ctxfit_plan *plan, uint32_t index)
{
    ctxfit_constraint c = CTXFIT_CONSTRAINT_INIT;

    assert_int_equal(ctxfit_plan_get_constraint(plan, index, &c), CTXFIT_OK);
    return c;
}

/* The first constraint of a kind; limit_tokens 0 when there is none. */
static inline ctxfit_constraint constraint_of(const ctxfit_plan *plan, uint32_t kind)
{
    ctxfit_constraint c = CTXFIT_CONSTRAINT_INIT, none = CTXFIT_CONSTRAINT_INIT;

    for (uint32_t i = 0; ctxfit_plan_get_constraint(plan, i, &c) == CTXFIT_OK; i++)
        if (c.kind == kind)
            return c;
    return none;
}

#endif
