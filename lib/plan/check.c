#include <math.h>

#include "plan_internal.h"

/* Seconds of a request: the prompt beyond what is cached, then every token at the mean depth of the output. */
static double request_seconds(const ctxfit_plan *plan, const ctxfit_request *r, int which)
{
    double seconds = 0, output = (double)r->output_tokens;

    if (r->prompt_tokens > r->cached_tokens) {
        if (!plan->prompt_known)
            return 0;
        seconds += cfi_plan_prompt_seconds(plan, which, (double)r->prompt_tokens, (double)r->cached_tokens);
    }
    if (r->output_tokens > 0) {
        if (!plan->decode_known)
            return 0;
        seconds += output * cfi_plan_token_seconds(plan, which, (double)r->prompt_tokens + output / 2);
    }
    return seconds;
}

/* Times are compared to a billionth, so that the last bits of a platform's arithmetic decide nothing. */
static double deadline_of(const ctxfit_request *r)
{
    return r->deadline_s * (1 + 1e-9);
}

/* The largest n >= 0 with a n^2 + b n + c <= 0, for a, b >= 0; negative when there is none. */
static double largest_root(double a, double b, double c)
{
    if (c > 0)
        return -1;
    if (a <= 0)
        return b > 0 ? -c / b : INFINITY;
    return -2 * c / (b + sqrt(b * b - 4 * a * c)); /* the form without cancellation */
}

/* The longest prompt that is answered in time: request_seconds() solved for the prompt. */
static double prompt_in_time(const ctxfit_plan *plan, const ctxfit_request *r)
{
    const cfi_plan_cost *k = &plan->cost[CFI_COST_EXPECTED];
    double               cached = (double)r->cached_tokens, output = (double)r->output_tokens;
    double               constant = k->fixed - cached * (k->linear + cached * k->quadratic) - deadline_of(r);
    double               slope = k->linear, n;
    ctxfit_request       nothing_new = *r;

    if (!plan->prompt_known || (r->output_tokens > 0 && !plan->decode_known))
        return INFINITY;
    if (r->output_tokens > 0) {
        constant += output * (k->decode_fixed + k->decode_linear * output / 2);
        slope += output * k->decode_linear;
    }
    n = largest_root(k->quadratic, slope, constant);
    if (n > cached)
        return n;
    nothing_new.prompt_tokens = r->cached_tokens;
    return request_seconds(plan, &nothing_new, CFI_COST_EXPECTED) <= deadline_of(r) ? cached : 0;
}

static uint64_t largest_prompt(const ctxfit_plan *plan, const ctxfit_request *r)
{
    uint64_t limit = plan->limit_tokens > r->output_tokens ? plan->limit_tokens - r->output_tokens : 0;
    double   in_time;

    if (plan->summary.fit == CTXFIT_FIT_NONE || r->cached_tokens > limit)
        return 0;
    if (r->deadline_s <= 0)
        return limit;
    in_time = prompt_in_time(plan, r);
    return in_time < (double)limit ? (uint64_t)in_time : limit;
}

static void answer(const ctxfit_plan *plan, const ctxfit_request *r, ctxfit_check *out)
{
    uint64_t total = UINT64_MAX;

    (void)cfi_add_u64(r->prompt_tokens, r->output_tokens, &total);
    out->limit_tokens = plan->limit_tokens;
    out->limit_kind = plan->limit_kind;
    if (plan->summary.fit == CTXFIT_FIT_NONE)
        out->outcome |= CTXFIT_CHECK_NO_FIT;
    if (total > plan->limit_tokens) {
        out->outcome |= CTXFIT_CHECK_OVERFLOW;
        out->overflow_tokens = total - plan->limit_tokens;
    }
    out->expected_s = request_seconds(plan, r, CFI_COST_EXPECTED);
    out->expected_low_s = request_seconds(plan, r, CFI_COST_LOW);
    out->expected_high_s = request_seconds(plan, r, CFI_COST_HIGH);
    if (r->deadline_s > 0 && out->expected_s > deadline_of(r)) {
        out->outcome |= CTXFIT_CHECK_TOO_SLOW;
        out->late_s = out->expected_s - r->deadline_s;
    }
    out->largest_prompt_tokens = largest_prompt(plan, r);
}

ctxfit_status ctxfit_plan_check(const ctxfit_plan *plan, const ctxfit_request *request, ctxfit_check *out)
{
    ctxfit_request r;
    ctxfit_check   check = {0};
    ctxfit_status  status;

    if (plan == NULL || request == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_CHECK, CTXFIT_E_INVALID_ARG);
    status = cfi_copy_in(&r, sizeof r, CFI_V1_REQUEST, request);
    if (status != CTXFIT_OK)
        return cfi_copy_none(out, CFI_V1_CHECK, status);
    if (r.flags != 0 || r.cached_tokens > r.prompt_tokens || !cfi_is_finite(r.deadline_s) || r.deadline_s < 0)
        return cfi_copy_none(out, CFI_V1_CHECK, CTXFIT_E_INVALID_ARG);
    answer(plan, &r, &check);
    return cfi_copy_out(out, &check, sizeof check, CFI_V1_CHECK);
}
