#include "cli.h"

#include <string.h>

static const char *value_words(const ctxfit_difference *d, uint64_t value, char *out, size_t cap)
{
    static const char *const fits[] = {"unknown", "fits", "partly", "does not"};

    if (d->kind == CTXFIT_DIFFERS_FIT)
        (void)snprintf(out, cap, "%s", fits[value < CLI_COUNT(fits) ? value : 0]);
    else if (value == UINT64_MAX)
        (void)snprintf(out, cap, "unlimited");
    else if ((d->kind >= CTXFIT_DIFFERS_USABLE && d->kind <= CTXFIT_DIFFERS_TOTAL) || d->kind == CTXFIT_DIFFERS_BESIDE)
        (void)snprintf(out, cap, "%s", cli_bytes(value));
    else
        (void)snprintf(out, cap, "%s", cli_count(value));
    return out;
}

static void print_differences(const ctxfit_plan *a, const ctxfit_plan *b, FILE *out)
{
    ctxfit_plan_summary sa = CTXFIT_PLAN_SUMMARY_INIT, sb = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_difference   d = CTXFIT_DIFFERENCE_INIT;
    cli_style           style = cli_style_of(out);

    (void)ctxfit_plan_get_summary(a, &sa);
    (void)ctxfit_plan_get_summary(b, &sb);
    fprintf(out, "\n  What differs between %s %s and %s %s\n", sa.engine.name, sa.engine.version, sb.engine.name, sb.engine.version);
    for (uint32_t i = 0; ctxfit_plan_compare(a, b, i, &d) == CTXFIT_OK; i++) {
        char va[32], vb[32], change[32];

        (void)snprintf(change, sizeof change, "%s%s", d.bytes > 0 ? "+" : "", cli_signed_bytes(d.bytes));
        fprintf(out, "  %-14s %10s %10s", ctxfit_difference_name(d.kind), value_words(&d, d.a, va, sizeof va),
                value_words(&d, d.b, vb, sizeof vb));
        if (d.bytes != 0)
            fprintf(out, " %11s", change);
        fputs("\n      ", out);
        cli_wrap(out, style.width, 6, d.reason);
    }
    if (ctxfit_plan_compare(a, b, 0, &d) != CTXFIT_OK)
        fputs("  nothing\n", out);
}

/* null: no limit. */
static void put_value(uint64_t value, FILE *out)
{
    if (value == UINT64_MAX)
        fputs("null", out);
    else
        fprintf(out, "%llu", (unsigned long long)value);
}

static bool print_json(const ctxfit_plan *a, const ctxfit_plan *b, const cli_parts *parts, FILE *out)
{
    const cli_plan_extras extras = {NULL, parts, true, NULL};
    ctxfit_difference     d = CTXFIT_DIFFERENCE_INIT;

    fputs("{\"schema\":\"ctxfit.compare/1\",\"plans\":[", out);
    if (!cli_write_plan_json(a, &extras, out))
        return false;
    fputs(",", out);
    if (!cli_write_plan_json(b, &extras, out))
        return false;
    fputs("],\"differences\":[", out);
    for (uint32_t i = 0; ctxfit_plan_compare(a, b, i, &d) == CTXFIT_OK; i++) {
        fprintf(out, "%s{\"key\":\"%s\",\"a\":", i > 0 ? "," : "", ctxfit_difference_name(d.kind));
        put_value(d.a, out);
        fputs(",\"b\":", out);
        put_value(d.b, out);
        fprintf(out, ",\"bytes\":%lld,\"reason\":", (long long)d.bytes);
        cli_write_json_string(d.reason, out);
        fputc('}', out);
    }
    fputs("]}\n", out);
    return true;
}

static bool does_not_fit(const ctxfit_plan *plan)
{
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;

    return ctxfit_plan_get_summary(plan, &s) == CTXFIT_OK && s.fit == CTXFIT_FIT_NONE;
}

static int compare_with(const cli_request *request, const cli_parts *parts, const ctxfit_model *model, const ctxfit_model *other,
                        const ctxfit_hw *hw, const ctxfit_plan *first)
{
    ctxfit_plan_options options = request->stated;
    ctxfit_plan        *second;
    ctxfit_error        error;
    ctxfit_status       status;
    int                 code;

    memcpy(options.engine, request->with, sizeof options.engine);
    cli_apply_parameters(request->model, &options, NULL);
    status = ctxfit_plan_make_beside(other, hw, &options, request->beside_list, NULL, &second, &error);
    if (status != CTXFIT_OK) {
        code = cli_fail("plan", request->model, status, &error);
        return status == CTXFIT_E_INVALID_ARG ? CLI_USAGE : code;
    }
    code = does_not_fit(first) || does_not_fit(second) ? CLI_DOES_NOT_FIT : CLI_FITS;
    if (!request->json) {
        cli_render_plan(request, model, hw, first, stdout);
        cli_render_plan(request, other, hw, second, stdout);
        print_differences(first, second, stdout);
    } else if (!print_json(first, second, parts, stdout)) {
        fputs("ctxfit: out of memory\n", stderr);
        code = CLI_BAD_INPUT;
    }
    ctxfit_plan_free(second);
    return code;
}

int cli_compare(const cli_request *request, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw,
                const ctxfit_plan *first)
{
    cli_model_source source = cli_source_of(request);
    ctxfit_model    *other;
    ctxfit_error     error;
    ctxfit_status    status;
    int              code;

    if (request->with_file_type == 0)
        return compare_with(request, parts, model, model, hw, first);
    source.file_type = request->with_file_type;
    status = cli_open_model(&source, &other, &error);
    if (status != CTXFIT_OK)
        return cli_fail("model", request->model, status, &error);
    code = compare_with(request, parts, model, other, hw, first);
    ctxfit_model_free(other);
    return code;
}
