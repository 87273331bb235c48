/* How much context do other file types, cache types and numbers of sequences leave? ./largest_context [MODEL [HARDWARE]] */
#include <inttypes.h>
#include <stdio.h>

#include <ctxfit.h>

typedef struct setup {
    ctxfit_file_type file_type;
    ctxfit_quant     kv;
    uint32_t         sequences;
} setup;

static const setup setups[] = {
    {CTXFIT_FILE_TYPE_Q8_0, CTXFIT_QUANT_F16, 1},    {CTXFIT_FILE_TYPE_Q6_K, CTXFIT_QUANT_F16, 1},
    {CTXFIT_FILE_TYPE_Q4_K_M, CTXFIT_QUANT_F16, 1},  {CTXFIT_FILE_TYPE_Q4_K_M, CTXFIT_QUANT_Q8_0, 1},
    {CTXFIT_FILE_TYPE_Q4_K_M, CTXFIT_QUANT_Q8_0, 4}, {CTXFIT_FILE_TYPE_IQ4_XS, CTXFIT_QUANT_Q8_0, 1},
};

/* What stops the context from being longer: of the limits the first is the smallest. */
static void print_limit(const ctxfit_plan *plan)
{
    ctxfit_constraint first = CTXFIT_CONSTRAINT_INIT;

    if (ctxfit_plan_get_constraint(plan, 0, &first) == CTXFIT_OK)
        printf("  limited by %s: %s\n", ctxfit_limit_name(first.kind), first.source);
}

static ctxfit_status try_setup(const ctxfit_model *original, const ctxfit_hw *hw, const setup *s, ctxfit_error *error)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_model       *model = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_status       status;

    options.ctx_tokens = CTXFIT_CTX_LARGEST;
    options.sequences = s->sequences;
    options.kv_key = s->kv;
    options.kv_value = s->kv;
    status = ctxfit_model_requantize(original, s->file_type, NULL, &model, error);
    if (status == CTXFIT_OK)
        status = ctxfit_plan_make(model, hw, &options, NULL, &plan, error);
    if (status == CTXFIT_OK)
        status = ctxfit_plan_get_summary(plan, &summary);
    if (status == CTXFIT_OK) {
        printf("%-7s cache %-5s %" PRIu32 " x %7" PRIu64 " tokens", ctxfit_file_type_name(s->file_type), ctxfit_quant_name(s->kv),
               s->sequences, summary.max_ctx_seq_tokens);
        print_limit(plan);
    }
    ctxfit_plan_free(plan);
    ctxfit_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    ctxfit_model *model = NULL;
    ctxfit_hw    *hw = NULL;
    ctxfit_error  error;
    ctxfit_status status;

    status = ctxfit_model_from_catalog(argc > 1 ? argv[1] : "qwen3-32b", 0, NULL, &model, &error);
    if (status == CTXFIT_OK)
        status = ctxfit_hw_parse(argc > 2 ? argv[2] : "rtx-5090 host:64GiB", NULL, &hw, &error);
    for (size_t i = 0; status == CTXFIT_OK && i < sizeof setups / sizeof setups[0]; i++)
        status = try_setup(model, hw, &setups[i], &error);
    if (status != CTXFIT_OK)
        fprintf(stderr, "%s\n", error.message);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return status == CTXFIT_OK ? 0 : 3;
}
