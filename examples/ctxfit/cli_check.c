#include "cli.h"

#include <math.h>

static const char request_heading[] = "What to change for this request";

void cli_render_check(const cli_request *request, const ctxfit_plan *plan, const ctxfit_check *check, FILE *out)
{
    const ctxfit_request *r = &request->check;
    bool                  named = check->limit_kind == CTXFIT_LIMIT_CONFIGURED && request->options.limit_source[0] != '\0';
    ctxfit_constraint     c = CTXFIT_CONSTRAINT_INIT;
    char                  text[320];

    (void)ctxfit_plan_get_constraint(plan, 0, &c);
    fprintf(out, "\n  Request: %s tokens of prompt", cli_count(r->prompt_tokens));
    if (r->cached_tokens > 0)
        fprintf(out, " (%s of them cached)", cli_count(r->cached_tokens));
    if (r->output_tokens > 0)
        fprintf(out, ", %s of output", cli_count(r->output_tokens));
    if (r->deadline_s > 0)
        fprintf(out, ", within %s", cli_seconds(r->deadline_s));
    fputc('\n', out);
    if (check->outcome == CTXFIT_CHECK_OK)
        fputs("    OK\n", out);
    if ((check->outcome & CTXFIT_CHECK_NO_FIT) != 0)
        fputs("    NO FIT: the model does not fit with this context\n", out);
    if ((check->outcome & CTXFIT_CHECK_OVERFLOW) != 0) {
        (void)snprintf(text, sizeof text, "OVERFLOW by %s tokens: the limit is %s (%s%s)", cli_count(check->overflow_tokens),
                       cli_count(check->limit_tokens), named ? "configured, " : "", c.source);
        fputs("    ", out);
        cli_wrap(out, cli_style_of(out).width, 4, text);
    }
    if ((check->outcome & CTXFIT_CHECK_TOO_SLOW) != 0)
        fprintf(out, "    TOO SLOW by %s: it takes %s\n", cli_seconds(check->late_s),
                cli_time_band(check->expected_s, check->expected_low_s, check->expected_high_s));
    else if (check->expected_s > 0)
        fprintf(out, "    takes %s\n", cli_time_band(check->expected_s, check->expected_low_s, check->expected_high_s));
    if (check->largest_prompt_tokens != UINT64_MAX)
        fprintf(out, "    largest prompt that passes: %s tokens\n", cli_count(check->largest_prompt_tokens));
}

static bool is_memory(uint32_t kind)
{
    return kind == CTXFIT_LIMIT_DEVICE || kind == CTXFIT_LIMIT_GPU_BUDGET || kind == CTXFIT_LIMIT_HOST;
}

/* "; the model is made for M tokens, memory allows K" */
static void describe_room(const ctxfit_plan *plan, char *out, size_t cap)
{
    ctxfit_constraint c = CTXFIT_CONSTRAINT_INIT;
    uint64_t          trained = UINT64_MAX, memory = UINT64_MAX;
    char              words[2][80] = {"", ""};

    for (uint32_t i = 0; ctxfit_plan_get_constraint(plan, i, &c) == CTXFIT_OK; i++) {
        if (c.kind == CTXFIT_LIMIT_TRAINED)
            trained = c.limit_tokens;
        else if (is_memory(c.kind) && c.limit_tokens < memory)
            memory = c.limit_tokens;
    }
    if (trained != UINT64_MAX)
        (void)snprintf(words[0], sizeof words[0], "; the model is made for %s", cli_count(trained));
    if (memory != UINT64_MAX)
        (void)snprintf(words[1], sizeof words[1], "; memory allows %s", cli_count(memory));
    (void)snprintf(out, cap, "%s%s", words[0], words[1]);
}

/* Whether the request fits into the context of another plan. */
static bool passes(const ctxfit_plan *plan, const ctxfit_request *request)
{
    ctxfit_check check = CTXFIT_CHECK_INIT;

    return ctxfit_plan_check(plan, request, &check) == CTXFIT_OK && (check.outcome & (CTXFIT_CHECK_OVERFLOW | CTXFIT_CHECK_NO_FIT)) == 0;
}

/* The limit of a configuration file: the number that it needs, and how far it may go. */
static void request_limit(cli_advice *a, uint64_t needed)
{
    ctxfit_plan_options options = a->request->options;
    ctxfit_plan        *plan;
    const char         *name = options.limit_source[0] != '\0' ? options.limit_source : "the configured limit";
    char                effect[320], room[160];

    options.limit_tokens = 0;
    if (!cli_try(a, a->model, &options, &plan))
        return;
    describe_room(plan, room, sizeof room);
    (void)snprintf(effect, sizeof effect, "raise %s to %s%s%s", cli_count(a->request->options.limit_tokens), cli_count(needed), room,
                   passes(plan, &a->request->check) ? "" : "; not enough by itself");
    cli_say(a, request_heading, name, effect);
    ctxfit_plan_free(plan);
}

/* A larger context for each sequence, where the model and the memory allow it. */
static void request_context(cli_advice *a, uint64_t needed)
{
    ctxfit_plan_options options = a->request->options;
    uint64_t            sequences = options.sequences > 1 && options.kv_unified != CTXFIT_CHOICE_ON ? options.sequences : 1;
    ctxfit_plan        *plan;
    char                change[64];

    if (needed > UINT32_MAX / sequences)
        return;
    options.ctx_tokens = needed * sequences;
    if (!cli_try(a, a->model, &options, &plan))
        return;
    (void)snprintf(change, sizeof change, "-c %llu", (unsigned long long)options.ctx_tokens);
    if (passes(plan, &a->request->check))
        cli_say(a, request_heading, change, sequences > 1 ? "a share of this is enough for it" : "enough for it");
    ctxfit_plan_free(plan);
}

/* A smaller cache leaves room for a longer context. */
static void request_cache_type(cli_advice *a, uint64_t needed)
{
    ctxfit_plan_options options = a->request->options;
    uint64_t            sequences = options.sequences > 1 && options.kv_unified != CTXFIT_CHOICE_ON ? options.sequences : 1;
    ctxfit_plan        *plan;
    char                change[96];

    if (options.kv_key != 0 || options.kv_value != 0 || needed > UINT32_MAX / sequences)
        return;
    options.kv_key = options.kv_value = CTXFIT_QUANT_Q8_0;
    options.ctx_tokens = needed * sequences;
    if (!cli_try(a, a->model, &options, &plan))
        return;
    (void)snprintf(change, sizeof change, "-ctk q8_0 -ctv q8_0 -c %llu", (unsigned long long)options.ctx_tokens);
    if (passes(plan, &a->request->check))
        cli_say(a, request_heading, change, "half the KV cache makes room for it");
    ctxfit_plan_free(plan);
}

static void request_overflow(cli_advice *a, const ctxfit_check *check)
{
    uint64_t needed = check->limit_tokens + check->overflow_tokens;

    switch (check->limit_kind) {
    case CTXFIT_LIMIT_CONFIGURED:
        request_limit(a, needed);
        break;
    case CTXFIT_LIMIT_REQUESTED:
    case CTXFIT_LIMIT_SLOTS:
    case CTXFIT_LIMIT_ENGINE:
        request_context(a, needed);
        break;
    case CTXFIT_LIMIT_DEVICE:
    case CTXFIT_LIMIT_GPU_BUDGET:
    case CTXFIT_LIMIT_HOST:
        request_cache_type(a, needed);
        break;
    case CTXFIT_LIMIT_TRAINED:
        cli_say(a, request_heading, "another model", "this one is not made for a context of that length");
        break;
    }
}

static void request_speed(cli_advice *a, const ctxfit_check *check)
{
    char change[64];

    (void)snprintf(change, sizeof change, "a deadline of %.0f s", ceil(check->expected_s));
    cli_say(a, request_heading, change, "the time that it is expected to take");
    (void)snprintf(change, sizeof change, "a deadline of %.0f s", ceil(check->expected_high_s));
    if (ceil(check->expected_high_s) > ceil(check->expected_s))
        cli_say(a, request_heading, change, "the upper end of the band");
}

void cli_advise_request(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_check *check, FILE *out)
{
    cli_advice a = {request, model, hw, out, 0};
    char       change[64];

    if (check->outcome == CTXFIT_CHECK_OK || (check->outcome & CTXFIT_CHECK_NO_FIT) != 0)
        return;
    if ((check->outcome & CTXFIT_CHECK_OVERFLOW) != 0)
        request_overflow(&a, check);
    if ((check->outcome & CTXFIT_CHECK_TOO_SLOW) != 0)
        request_speed(&a, check);
    if (check->largest_prompt_tokens == 0)
        return;
    (void)snprintf(change, sizeof change, "a prompt of %s tokens", cli_count(check->largest_prompt_tokens));
    cli_say(&a, request_heading, change, "or less, with nothing else changed");
}
