/* Does a model fit a machine? ./fit_in_ten_lines [MODEL [HARDWARE [TOKENS]]] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <ctxfit.h>

static int fail(const ctxfit_error *error)
{
    fprintf(stderr, "%s\n", error->message); /* what is wrong, where, and the nearest names */
    return 3;
}

static int answer(const ctxfit_plan *plan)
{
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT; /* says how much of the struct we know */

    if (ctxfit_plan_get_summary(plan, &summary) != CTXFIT_OK)
        return 3;
    printf("%s: %" PRIu64 " bytes for %" PRIu64 " tokens, margin %" PRIi64 "\n",
           summary.fit == CTXFIT_FIT_NONE ? "does not fit" : "fits", summary.total_bytes, summary.n_ctx, summary.margin_bytes);
    printf("largest context: %" PRIu64 " tokens\n", summary.max_ctx_seq_tokens);
    return summary.fit == CTXFIT_FIT_NONE ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char         *name = argc > 1 ? argv[1] : "qwen3-coder-30b-a3b";
    const char         *spec = argc > 2 ? argv[2] : "mac-studio-m2-ultra-64gb";
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT; /* all zero: the engine's defaults */
    ctxfit_error        error;                              /* needs no initialisation */
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;
    int                 result;

    options.ctx_tokens = argc > 3 ? strtoull(argv[3], NULL, 10) : 0; /* 0: as long as the model is trained for */

    if (ctxfit_model_from_catalog(name, CTXFIT_FILE_TYPE_Q4_K_M, NULL, &model, &error) != CTXFIT_OK ||
        ctxfit_hw_parse(spec, NULL, &hw, &error) != CTXFIT_OK ||
        ctxfit_plan_make(model, hw, &options, NULL, &plan, &error) != CTXFIT_OK)
        result = fail(&error);
    else
        result = answer(plan);

    ctxfit_plan_free(plan); /* NULL is fine */
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return result;
}
