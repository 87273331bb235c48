#include "plan_internal.h"

uint64_t cfi_plan_whole_ctx(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t sequences)
{
    if (cfi_engine_traits_of(q->engine.id)->per_sequence || q->options.kv_unified == CTXFIT_CHOICE_ON)
        return ctx_seq_tokens;
    return ctx_seq_tokens * sequences;
}

/* llama.cpp counts the whole context in 32 bits. */
uint64_t cfi_plan_most_ctx(const cfi_question *q, uint32_t sequences)
{
    const uint64_t step = cfi_engine_traits_of(q->engine.id)->ctx_step;
    uint64_t       most = q->options.kv_unified == CTXFIT_CHOICE_ON ? UINT32_MAX : UINT32_MAX / sequences;

    return cfi_max_u64(step, most / step * step);
}

/* `device` UINT32_MAX: the least slack of all. More bytes than 64 bits hold do not fit. */
static ctxfit_status slack_at(const cfi_question *q, uint32_t device, uint32_t sequences, uint64_t ctx_tokens, int64_t *out,
                              ctxfit_error *error)
{
    cfi_answer    answer;
    ctxfit_error  found;
    ctxfit_status status = cfi_plan_answer(q, ctx_tokens, sequences, &answer, &found);

    *out = -INT64_MAX;
    if (status == CTXFIT_E_OVERFLOW)
        return CTXFIT_OK;
    if (status != CTXFIT_OK && error != NULL)
        *error = found;
    if (status == CTXFIT_OK)
        *out = device == UINT32_MAX ? cfi_plan_margin(q, &answer.memory) : cfi_plan_slack(q, &answer.memory, device);
    return status;
}

/* Memory is nearly linear in the context, so the straight line through both ends lands next to the answer; where it does not
 * (a compute buffer is a maximum of lines), halving the interval every second time bounds the steps. */
static uint64_t next_guess(uint64_t step, uint64_t fits, int64_t slack_fits, uint64_t too_large, int64_t slack_too_large, bool halve)
{
    uint64_t steps = (too_large - fits) / step, guess = steps / 2;
    double   range = (double)slack_fits - (double)slack_too_large;

    if (!halve && range > 0)
        guess = (uint64_t)((double)steps * ((double)slack_fits / range));
    if (guess < 1)
        guess = 1;
    if (guess > steps - 1)
        guess = steps - 1;
    return fits + guess * step;
}

ctxfit_status cfi_plan_device_limit(const cfi_question *q, uint32_t device, uint32_t sequences, uint64_t *out, ctxfit_error *error)
{
    const uint64_t step = cfi_engine_traits_of(q->engine.id)->ctx_step;
    uint64_t       fits = step, too_large = cfi_plan_most_ctx(q, sequences);
    int64_t        slack_fits, slack_too_large;
    ctxfit_status  status;

    status = slack_at(q, device, sequences, cfi_plan_whole_ctx(q, too_large, sequences), &slack_too_large, error);
    if (status != CTXFIT_OK)
        return status;
    if (slack_too_large >= 0) {
        *out = CFI_NO_LIMIT;
        return CTXFIT_OK;
    }
    status = slack_at(q, device, sequences, cfi_plan_whole_ctx(q, fits, sequences), &slack_fits, error);
    if (status != CTXFIT_OK)
        return status;
    if (slack_fits < 0) {
        *out = 0;
        return CTXFIT_OK;
    }
    for (bool halve = false; too_large - fits > step; halve = !halve) {
        uint64_t guess = next_guess(step, fits, slack_fits, too_large, slack_too_large, halve);
        int64_t  slack;

        status = slack_at(q, device, sequences, cfi_plan_whole_ctx(q, guess, sequences), &slack, error);
        if (status != CTXFIT_OK)
            return status;
        if (slack >= 0) {
            fits = guess;
            slack_fits = slack;
        } else {
            too_large = guess;
            slack_too_large = slack;
        }
    }
    *out = fits;
    return CTXFIT_OK;
}

ctxfit_status cfi_plan_most_sequences(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t *out, ctxfit_error *error)
{
    uint32_t fits = 0, too_many = cfi_engine_most_sequences(q->model, q->engine.id) + 1;

    const bool per_sequence = cfi_engine_traits_of(q->engine.id)->per_sequence;

    /* Each has all its tokens at once, also in a cache that they share. */
    if (ctx_seq_tokens > 0)
        too_many = (uint32_t)cfi_min_u64(too_many, UINT32_MAX / ctx_seq_tokens + 1);
    while (too_many - fits > 1) {
        uint32_t      middle = fits + (too_many - fits) / 2;
        int64_t       slack;
        ctxfit_status status = slack_at(q, UINT32_MAX, middle, per_sequence ? ctx_seq_tokens : ctx_seq_tokens * middle, &slack,
                                        error);

        if (status != CTXFIT_OK)
            return status;
        if (slack >= 0)
            fits = middle;
        else
            too_many = middle;
    }
    *out = fits;
    return CTXFIT_OK;
}
