/*
 * The largest context and the most sequences. First everything on the devices, as far as that goes; only where not even the least does, or
 * where a rate is stated that the host may cost, parts go to the host.
 */
#include "place_internal.h"

/* Something whole that memory grows with: steps of context, or sequences. */
typedef struct search_axis {
    cfi_solver          *solver;
    ctxfit_plan_options *options;
    bool                 sequences;
    uint64_t             ctx_seq_tokens; /* of each sequence, where these are counted */
    uint64_t             last_tokens;    /* what the last step stands for, when that is no multiple of a step */
    uint64_t             last;
} search_axis;

static void search_set(const search_axis *axis, uint64_t at)
{
    ctxfit_plan_options *o = axis->options;
    uint32_t             sequences = o->sequences != 0 ? o->sequences : 1;

    if (axis->sequences) {
        o->sequences = (uint32_t)at;
        o->ctx_tokens = axis->ctx_seq_tokens; /* each has all its tokens at once, also in a cache that they share */
        if (!cfi_engine_traits_of(axis->solver->q.engine.id)->per_sequence)
            o->ctx_tokens *= at;
        return;
    }
    axis->solver->q.options.kv_unified = o->kv_unified;
    o->ctx_tokens = cfi_plan_whole_ctx(&axis->solver->q, at == axis->last ? axis->last_tokens : at * CFI_CTX_STEP, sequences);
}

static ctxfit_status search_place(const search_axis *axis, uint64_t at, bool all_on_devices, cfi_placed *out, ctxfit_error *error)
{
    ctxfit_error  found;
    ctxfit_status status;

    search_set(axis, at);
    status = cfi_solver_place(axis->solver, axis->options, all_on_devices, out, &found);
    if (status == CTXFIT_E_OVERFLOW) {
        memset(out, 0, sizeof *out);
        out->surplus = -1e30;
        out->lack = 1e30;
        out->options = *axis->options;
        out->margin = INT64_MIN;
        return CTXFIT_OK;
    }
    if (status != CTXFIT_OK && error != NULL)
        *error = found;
    return status;
}

/* Bytes are nearly linear in the axis: the straight line through both ends, and every second time the middle. */
static uint64_t search_guess(uint64_t fits, double surplus_fits, uint64_t too_much, double surplus_too_much, bool halve)
{
    uint64_t steps = too_much - fits, guess = steps / 2;
    double   range = surplus_fits - surplus_too_much;

    if (!halve && range > 0 && surplus_fits > 0)
        guess = (uint64_t)((double)steps * (surplus_fits / range));
    if (guess < 1)
        guess = 1;
    return fits + (guess > steps - 1 ? steps - 1 : guess);
}

/* The largest place from `least` to axis->last that is accepted; *found_at 0: not even the least, of which `out` then tells. */
static ctxfit_status search_largest(const search_axis *axis, uint64_t least, bool all_on_devices, cfi_placed *out, uint64_t *found_at,
                                    ctxfit_error *error)
{
    uint64_t      fits = least, too_much = axis->last;
    double        surplus_too_much;
    cfi_placed    tried;
    ctxfit_status status = search_place(axis, axis->last, all_on_devices, &tried, error);

    *found_at = 0;
    if (status != CTXFIT_OK)
        return status;
    *out = tried;
    if (cfi_solver_accepts(axis->solver, &tried)) {
        *found_at = axis->last;
        return CTXFIT_OK;
    }
    surplus_too_much = tried.surplus;
    if (least >= axis->last)
        return CTXFIT_OK;
    status = search_place(axis, least, all_on_devices, &tried, error);
    if (status != CTXFIT_OK)
        return status;
    *out = tried;
    if (!cfi_solver_accepts(axis->solver, &tried))
        return CTXFIT_OK;
    for (bool halve = false; too_much - fits > 1; halve = !halve) {
        uint64_t guess = search_guess(fits, out->surplus, too_much, surplus_too_much, halve || !all_on_devices);

        status = search_place(axis, guess, all_on_devices, &tried, error);
        if (status != CTXFIT_OK)
            return status;
        if (cfi_solver_accepts(axis->solver, &tried)) {
            fits = guess;
            *out = tried;
        } else {
            too_much = guess;
            surplus_too_much = tried.surplus;
        }
    }
    *found_at = fits;
    return CTXFIT_OK;
}

static ctxfit_status search_axis_largest(const search_axis *axis, uint64_t least, cfi_placed *out, ctxfit_error *error)
{
    cfi_placed    with_host;
    uint64_t      at, host_at;
    bool          may_use_host = axis->solver->goal.least_decode_tokens_per_s > 0;
    ctxfit_status status = search_largest(axis, least, true, out, &at, error);

    if (status != CTXFIT_OK || axis->solver->q.device_count == 0 || (at != 0 && (at == axis->last || !may_use_host)))
        return status;
    if (may_use_host) {
        status = search_largest(axis, cfi_max_u64(at, least), false, &with_host, &host_at, error);
        if (status == CTXFIT_OK && (host_at > at || at == 0))
            *out = with_host;
        return status;
    }
    return search_place(axis, least, false, out, error);
}

ctxfit_status cfi_search_context(cfi_solver *s, ctxfit_plan_options *options, cfi_placed *out, ctxfit_error *error)
{
    uint32_t    sequences = options->sequences != 0 ? options->sequences : 1;
    uint64_t    trained = s->q.model->info.trained_tokens, most, least;
    search_axis axis = {.solver = s, .options = options};

    s->q.options = *options;
    most = cfi_plan_most_ctx(&s->q, sequences);
    if (trained != 0)
        most = cfi_min_u64(most, trained);
    axis.last_tokens = most;
    axis.last = (most + CFI_CTX_STEP - 1) / CFI_CTX_STEP;
    least = (s->goal.least_ctx_seq_tokens + CFI_CTX_STEP - 1) / CFI_CTX_STEP;
    return search_axis_largest(&axis, cfi_min_u64(least, axis.last), out, error);
}

ctxfit_status cfi_search_sequences(cfi_solver *s, ctxfit_plan_options *options, cfi_placed *out, ctxfit_error *error)
{
    search_axis axis = {.solver = s, .options = options, .sequences = true};

    axis.ctx_seq_tokens = options->ctx_tokens != 0 ? options->ctx_tokens : cfi_place_default_ctx(options, s->q.model);
    if (axis.ctx_seq_tokens == 0 || axis.ctx_seq_tokens > UINT32_MAX)
        return cfi_solver_place(s, options, false, out, error); /* the engine's own message */
    axis.last = cfi_min_u64(cfi_engine_most_sequences(s->q.model, &s->q.engine), UINT32_MAX / axis.ctx_seq_tokens);
    return search_axis_largest(&axis, 1, out, error);
}
