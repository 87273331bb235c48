#include "plan_internal.h"

uint64_t cfi_plan_whole_ctx(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t sequences)
{
    if (cfi_engine_traits_of(q->engine.id)->per_sequence || q->options.kv_unified == CTXFIT_CHOICE_ON)
        return ctx_seq_tokens;
    return ctx_seq_tokens * sequences;
}

/* llama.cpp counts the whole context in 32 bits. LM Studio's is at most the trained length: sequences that divide it have a part of that,
 * which llama.cpp rounds up. */
uint64_t cfi_plan_most_ctx(const cfi_question *q, uint32_t sequences)
{
    const uint64_t step = cfi_engine_traits_of(q->engine.id)->ctx_step;
    uint64_t       most = q->options.kv_unified == CTXFIT_CHOICE_ON ? UINT32_MAX : UINT32_MAX / sequences;

    if (q->engine.id == CFI_ENGINE_LMSTUDIO && q->options.kv_unified == CTXFIT_CHOICE_OFF && q->length.most != 0)
        most = cfi_min_u64(most, q->length.most / sequences + step - 1);
    return cfi_max_u64(step, most / step * step);
}

/* How compute buffers are counted: by their bound, by the other end of the band, or by the engine's graph. */
typedef enum slack_mode { BY_BOUND, BY_LOW, BY_GRAPH } slack_mode;

/* `device` UINT32_MAX: the least slack of all. More bytes than 64 bits hold do not fit. */
static ctxfit_status slack_at(const cfi_question *q, uint32_t device, uint32_t sequences, uint64_t ctx_tokens, slack_mode mode,
                              int64_t *out, ctxfit_error *error)
{
    cfi_answer    answer;
    ctxfit_error  found;
    ctxfit_status status = cfi_plan_answer_by(q, ctx_tokens, sequences, mode != BY_GRAPH, &answer, &found);

    *out = -INT64_MAX;
    if (status == CTXFIT_E_OVERFLOW)
        return CTXFIT_OK;
    if (status != CTXFIT_OK && error != NULL)
        *error = found;
    for (uint32_t d = 0; mode == BY_LOW && status == CTXFIT_OK && d < cfi_plan_device_count(q); d++) {
        answer.memory.device[d].compute = answer.memory.device[d].compute_low;
        answer.memory.device[d].beside = answer.memory.device[d].beside_low;
    }
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

/* A search for the largest context: what fits and what does not. */
typedef struct limit_search {
    const cfi_question *q;
    uint32_t            device;
    uint32_t            sequences;
    slack_mode          mode;
    uint64_t            fits; /* 0: nothing that is known */
    uint64_t            too_large;
    int64_t             slack_fits;
    int64_t             slack_too_large;
    ctxfit_error       *error;
} limit_search;

static ctxfit_status slack_of(const limit_search *s, uint64_t ctx_seq_tokens, int64_t *out)
{
    return slack_at(s->q, s->device, s->sequences, cfi_plan_whole_ctx(s->q, ctx_seq_tokens, s->sequences), s->mode, out, s->error);
}

/* Until what fits and what does not are neighbours. */
static ctxfit_status close_in(limit_search *s)
{
    const uint64_t step = cfi_engine_traits_of(s->q->engine.id)->ctx_step;

    for (bool halve = false; s->too_large - s->fits > step; halve = !halve) {
        uint64_t      guess = next_guess(step, s->fits, s->slack_fits, s->too_large, s->slack_too_large, halve);
        int64_t       slack;
        ctxfit_status status = slack_of(s, guess, &slack);

        if (status != CTXFIT_OK)
            return status;
        if (slack >= 0) {
            s->fits       = guess;
            s->slack_fits = slack;
        } else {
            s->too_large       = guess;
            s->slack_too_large = slack;
        }
    }
    return CTXFIT_OK;
}

/* `*out`: CFI_NO_LIMIT, 0 or the largest. */
static ctxfit_status search_all(limit_search *s, uint64_t *out)
{
    ctxfit_status status;

    s->too_large = cfi_plan_most_ctx(s->q, s->sequences);
    s->fits      = cfi_engine_traits_of(s->q->engine.id)->ctx_step;
    status       = slack_of(s, s->too_large, &s->slack_too_large);
    *out         = CFI_NO_LIMIT;
    if (status != CTXFIT_OK || s->slack_too_large >= 0)
        return status;
    status = slack_of(s, s->fits, &s->slack_fits);
    *out   = 0;
    if (status != CTXFIT_OK || s->slack_fits < 0)
        return status;
    status = close_in(s);
    *out   = s->fits;
    return status;
}

/* What the engine allocates does not grow steadily with the context: where tensors land depends on all sizes, and a larger context may
 * need less. Above a context that fits, others are tried at growing distances, up to the one that fits by no count. */
static ctxfit_status climb(limit_search *s, uint64_t ceiling)
{
    const uint64_t step = cfi_engine_traits_of(s->q->engine.id)->ctx_step;

    for (uint64_t distance = 2; s->fits + distance * step <= ceiling; distance *= 2) {
        uint64_t      guess = s->fits + distance * step;
        int64_t       slack;
        ctxfit_status status = slack_of(s, guess, &slack);

        if (status != CTXFIT_OK)
            return status;
        if (slack < 0) {
            s->too_large       = guess;
            s->slack_too_large = slack;
            continue;
        }
        s->fits            = guess;
        s->slack_fits      = slack;
        s->too_large       = ceiling + step;
        s->slack_too_large = -1;
        status             = close_in(s);
        if (status != CTXFIT_OK)
            return status;
        distance = 1;
    }
    return CTXFIT_OK;
}

/* Between what fits by the bound and what does not by the other end of the band, the graph decides. */
static ctxfit_status search_exact(limit_search *s, uint64_t floor, uint64_t ceiling, uint64_t *out)
{
    const uint64_t step = cfi_engine_traits_of(s->q->engine.id)->ctx_step;
    uint64_t       most = cfi_plan_most_ctx(s->q, s->sequences);
    ctxfit_status  status;

    s->fits      = floor != 0 ? floor : step;
    s->too_large = ceiling == CFI_NO_LIMIT ? most : ceiling + step;
    status       = slack_of(s, s->too_large, &s->slack_too_large);
    *out         = CFI_NO_LIMIT;
    if (status != CTXFIT_OK || (s->slack_too_large >= 0 && s->too_large == most))
        return status;
    if (s->slack_too_large >= 0) /* beyond the band: search as if nothing were known */
        return search_all(s, out);
    status = slack_of(s, s->fits, &s->slack_fits);
    *out   = 0;
    if (status != CTXFIT_OK)
        return status;
    if (s->slack_fits < 0)
        return s->fits == step ? CTXFIT_OK : search_all(s, out);
    status = close_in(s);
    if (status == CTXFIT_OK)
        status = climb(s, ceiling == CFI_NO_LIMIT ? most : ceiling);
    *out = s->fits;
    return status;
}

ctxfit_status cfi_plan_device_limit(const cfi_question *q, uint32_t device, uint32_t sequences, uint64_t *out, ctxfit_error *error)
{
    limit_search  s = {.q = q, .device = device, .sequences = sequences, .mode = BY_BOUND, .error = error};
    uint64_t      ceiling;
    ctxfit_status status = search_all(&s, out);

    if (status != CTXFIT_OK || *out == CFI_NO_LIMIT || (q->options.flags & CTXFIT_PLAN_F_BOUND) != 0 || !cfi_plan_exact(q))
        return status;
    if (*out >= q->length.most && q->length.most != 0) /* memory is not what limits: the bound will do */
        return status;
    s.mode = BY_LOW;
    status = search_all(&s, &ceiling);
    if (status != CTXFIT_OK || ceiling == *out)
        return status;
    s.mode = BY_GRAPH;
    return search_exact(&s, *out, ceiling, out);
}

/* Most sequences in [fits, too_many) by that count of compute buffers; `fits` is known to fit, `too_many` not to. */
static ctxfit_status most_by(const cfi_question *q, uint64_t ctx_seq_tokens, slack_mode mode, uint32_t fits, uint32_t too_many,
                             uint32_t *out, ctxfit_error *error)
{
    const bool per_sequence = cfi_engine_traits_of(q->engine.id)->per_sequence;

    while (too_many - fits > 1) {
        uint32_t      middle = fits + (too_many - fits) / 2;
        int64_t       slack;
        ctxfit_status status =
            slack_at(q, UINT32_MAX, middle, per_sequence ? ctx_seq_tokens : ctx_seq_tokens * middle, mode, &slack, error);

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

/* One more than the engine runs at once, whatever the memory. */
static uint32_t sequences_end(const cfi_question *q, uint64_t ctx_seq_tokens)
{
    uint32_t too_many = cfi_engine_most_sequences(q->model, &q->engine) + 1;

    if ((q->engine.id == CFI_ENGINE_EXLLAMAV3 || cfi_ranks_engine(q->engine.id)) && q->options.batch_sequences != 0) /* others wait */
        too_many = (uint32_t)cfi_min_u64(too_many, (uint64_t)q->options.batch_sequences + 1);
    /* Each has all its tokens at once, also in a cache that they share. */
    if (ctx_seq_tokens > 0)
        too_many = (uint32_t)cfi_min_u64(too_many, UINT32_MAX / ctx_seq_tokens + 1);
    if (ctx_seq_tokens > 0 && q->engine.id == CFI_ENGINE_LMSTUDIO && q->model->info.trained_tokens > 0) /* of what they share */
        too_many = (uint32_t)cfi_min_u64(too_many, q->model->info.trained_tokens / ctx_seq_tokens + 1);
    return too_many;
}

ctxfit_status cfi_plan_sequences_device(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t sequences, uint32_t *out,
                                        ctxfit_error *error)
{
    const bool    per_sequence = cfi_engine_traits_of(q->engine.id)->per_sequence;
    cfi_answer    answer;
    int64_t       least = INT64_MAX;
    ctxfit_status status;

    *out = UINT32_MAX;
    if (sequences + 1 >= sequences_end(q, ctx_seq_tokens))
        return CTXFIT_OK;
    status = cfi_plan_answer_by(q, per_sequence ? ctx_seq_tokens : ctx_seq_tokens * (sequences + 1), sequences + 1, true, &answer, error);
    for (uint32_t d = 0; status == CTXFIT_OK && d < cfi_plan_device_count(q); d++) {
        int64_t slack = cfi_plan_slack(q, &answer.memory, d);

        if (slack < least) {
            least = slack;
            *out = d;
        }
    }
    return status;
}

ctxfit_status cfi_plan_most_sequences(const cfi_question *q, uint64_t ctx_seq_tokens, uint32_t *out, ctxfit_error *error)
{
    const uint32_t too_many = sequences_end(q, ctx_seq_tokens);
    uint32_t       ceiling;
    ctxfit_status  status;

    status = most_by(q, ctx_seq_tokens, BY_BOUND, 0, too_many, out, error);
    if (status != CTXFIT_OK || (q->options.flags & CTXFIT_PLAN_F_BOUND) != 0 || !cfi_plan_exact(q))
        return status;
    status = most_by(q, ctx_seq_tokens, BY_LOW, *out, too_many, &ceiling, error);
    return status == CTXFIT_OK ? most_by(q, ctx_seq_tokens, BY_GRAPH, *out, ceiling + 1, out, error) : status;
}
