#include "cli.h"

#include <string.h>

/* Where the machine was detected: what is not known of it. */
static void print_detected(const cli_request *request, const ctxfit_hw *hw, FILE *out)
{
    if (request->hw == NULL)
        cli_render_unseen(hw, out);
}

static void print_for_people(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan *plan,
                             const ctxfit_check *check)
{
    cli_render_plan(request, model, hw, plan, stdout);
    print_detected(request, hw, stdout);
    if (check != NULL)
        cli_render_check(request, plan, check, stdout);
    cli_advise_fit(request, model, hw, plan, stdout);
    if (check != NULL)
        cli_advise_request(request, model, hw, check, stdout);
}

static int report(const cli_request *request, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw,
                  const ctxfit_plan *plan)
{
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_check        check = CTXFIT_CHECK_INIT, *checked = request->has_check ? &check : NULL;
    cli_plan_extras     extras = {NULL, parts, true, checked};

    (void)ctxfit_plan_get_summary(plan, &summary);
    if (checked != NULL && ctxfit_plan_check(plan, &request->check, checked) != CTXFIT_OK) {
        fputs("ctxfit: the request is out of range\n", stderr);
        return CLI_USAGE;
    }
    if (!request->json) {
        print_for_people(request, model, hw, plan, checked);
    } else if (!cli_write_plan_json(plan, &extras, stdout)) {
        fputs("ctxfit: out of memory\n", stderr);
        return CLI_BAD_INPUT;
    } else if (request->hw == NULL) {
        fputs("ctxfit: note: no --hw: planned for this machine\n", stderr);
        print_detected(request, hw, stderr);
    }
    return summary.fit == CTXFIT_FIT_NONE || check.outcome != CTXFIT_CHECK_OK ? CLI_DOES_NOT_FIT : CLI_FITS;
}

static int plan_on(const cli_request *request, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw)
{
    ctxfit_plan  *plan;
    ctxfit_error  error;
    ctxfit_status status = ctxfit_plan_make_beside(model, hw, &request->options, request->beside_list, NULL, &plan, &error);
    int           code;

    if (status != CTXFIT_OK) {
        code = cli_fail("plan", request->model, status, &error);
        return status == CTXFIT_E_INVALID_ARG ? CLI_USAGE : code;
    }
    code = request->with[0] != '\0' ? cli_compare(request, parts, model, hw, plan) : report(request, parts, model, hw, plan);
    ctxfit_plan_free(plan);
    return code;
}

static int plan_with(cli_request *request, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw)
{
    cli_beside_list list;
    int             code = cli_gather_beside(request, parts, model, hw, &list);

    request->beside_list = list.beside;
    if (code == CLI_FITS)
        code = plan_on(request, parts, model, hw);
    cli_free_beside(&list);
    return code;
}

int cli_plan(int argc, char **argv)
{
    cli_request      request;
    cli_parts        parts;
    cli_model_source source;
    ctxfit_model    *model;
    ctxfit_hw       *hw;
    ctxfit_error     error;
    ctxfit_status    status;
    int              code;

    if (!cli_parse_plan(argc, argv, &request))
        return CLI_USAGE;
    source = cli_source_of(&request);
    memset(&parts, 0, sizeof parts);
    parts.none_counted = !cli_counts_parts(&request);
    source.parts = &parts;
    status = cli_open_model(&source, &model, &error);
    if (status != CTXFIT_OK)
        return cli_fail("model", request.model, status, &error);
    request.stated = request.options;
    cli_apply_parameters(request.model, &request.options, stderr);
    cli_apply_drafting(request.model, model, &request, stderr);
    status = cli_open_hw(request.hw, request.hw_file, &request.detect, &hw, &error);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(model);
        return cli_fail("hardware", request.hw != NULL ? request.hw : "this machine", status, &error);
    }
    code = plan_with(&request, &parts, model, hw);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return code;
}
