/* One plan, one largest-context solve, one request check, and a sweep of the catalog over machines and file types. Every figure is
 * the median of rounds in one run, beside a loop of dependent multiplications that tells how fast the machine was. */
#include <ctxfit.h>
#include <stdio.h>
#include <string.h>

#include "bench_support.h"

#define ROUNDS 21

static ctxfit_model *model;
static ctxfit_hw    *one_gpu, *three_gpus;
static ctxfit_plan  *made;
static double        seen; /* printed at the end, so that no work can be left out */

static void yardstick(void)
{
    double x = 1.0000001;

    for (int i = 0; i < 1000; i++)
        x *= 1.0000001;
    seen += x;
}

static void plan_with(const ctxfit_hw *hw, uint64_t ctx_tokens, uint32_t flags)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan        *plan;

    o.ctx_tokens = ctx_tokens;
    o.flags = flags;
    if (ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL) != CTXFIT_OK)
        exit(1);
    ctxfit_plan_free(plan);
}

static void one_plan(void) { plan_with(one_gpu, 32768, CTXFIT_PLAN_F_NO_LIMITS); }
static void plan_on_three(void) { plan_with(three_gpus, 32768, CTXFIT_PLAN_F_NO_LIMITS); }
static void plan_with_limits(void) { plan_with(one_gpu, 32768, 0); }

/* Of an engine with a paged cache, whose limits are found by trying contexts. */
static void plan_under_vllm(void)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan        *plan;

    o.ctx_tokens = 8192;
    (void)snprintf(o.engine, sizeof o.engine, "vllm");
    if (ctxfit_plan_make(model, one_gpu, &o, NULL, &plan, NULL) != CTXFIT_OK)
        exit(1);
    ctxfit_plan_free(plan);
}

static void largest_context(void) { plan_with(one_gpu, CTXFIT_CTX_LARGEST, 0); }

static void check_request(uint64_t prompt_tokens, double deadline_s)
{
    ctxfit_request r = CTXFIT_REQUEST_INIT;
    ctxfit_check   c = CTXFIT_CHECK_INIT;

    r.prompt_tokens = prompt_tokens;
    r.output_tokens = 500;
    r.deadline_s = deadline_s;
    (void)ctxfit_plan_check(made, &r, &c);
    seen += (double)c.largest_prompt_tokens;
}

static void one_check(void) { check_request(20000, 0); }
static void check_with_deadline(void) { check_request(20000, 60); }

static void from_catalog(void)
{
    ctxfit_model *m;

    if (ctxfit_model_from_catalog("qwen3-coder:30b", ctxfit_file_type_from_name("Q4_K_M"), NULL, &m, NULL) != CTXFIT_OK)
        exit(1);
    ctxfit_model_free(m);
}

static double measure(const char *name, void (*run)(void), int repeats, double yard)
{
    double times[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now_s();

        for (int n = 0; n < repeats; n++)
            run();
        times[i] = (bench_now_s() - start) / repeats;
    }
    printf("%-34s %12.1f ns", name, bench_median(times, ROUNDS) * 1e9);
    if (yard > 0)
        printf("  %8.3f x yardstick", times[ROUNDS / 2] / yard);
    printf("\n");
    return times[ROUNDS / 2];
}

/* Every catalog model in 8 file types on 50 machines. Models are made once per file type, as a program would. */
static void sweep(void)
{
    static const char *const types[] = {"BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "IQ3_XXS", "Q2_K"};
    ctxfit_hw               *machines[50];
    uint32_t                 machine_count = 0, plans = 0, fits = 0;
    double                   start;

    for (uint32_t i = 0; i < ctxfit_hw_catalog_count() && machine_count < 50; i += 7)
        if (ctxfit_hw_parse(ctxfit_hw_catalog_id(i), NULL, &machines[machine_count], NULL) == CTXFIT_OK)
            machine_count++;
    start = bench_now_s();
    for (uint32_t m = 0; m < ctxfit_model_catalog_count(); m++) {
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            ctxfit_model *each;

            if (ctxfit_model_from_catalog(ctxfit_model_catalog_id(m), ctxfit_file_type_from_name(types[t]), NULL, &each, NULL) != CTXFIT_OK)
                continue;
            for (uint32_t h = 0; h < machine_count; h++) {
                ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
                ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
                ctxfit_plan        *plan;

                o.ctx_tokens = 8192;
                o.flags = CTXFIT_PLAN_F_NO_LIMITS;
                if (ctxfit_plan_make(each, machines[h], &o, NULL, &plan, NULL) != CTXFIT_OK)
                    continue;
                (void)ctxfit_plan_get_summary(plan, &s);
                ctxfit_plan_free(plan);
                fits += s.fit != CTXFIT_FIT_NONE;
                plans++;
            }
            ctxfit_model_free(each);
        }
    }
    printf("%-34s %12.1f ms  %u plans, %u fit, on %u machines\n", "sweep of the catalog", (bench_now_s() - start) * 1e3, (unsigned)plans,
           (unsigned)fits, (unsigned)machine_count);
    for (uint32_t h = 0; h < machine_count; h++)
        ctxfit_hw_free(machines[h]);
}

int main(void)
{
    double yard;

    if (ctxfit_model_from_catalog("qwen3-coder:30b", ctxfit_file_type_from_name("Q4_K_M"), NULL, &model, NULL) != CTXFIT_OK ||
        ctxfit_hw_parse("rtx-5090 host:64GiB", NULL, &one_gpu, NULL) != CTXFIT_OK ||
        ctxfit_hw_parse("3*rtx-3090 host:64GiB", NULL, &three_gpus, NULL) != CTXFIT_OK ||
        ctxfit_plan_make(model, one_gpu, NULL, NULL, &made, NULL) != CTXFIT_OK)
        return 1;
    yard = measure("yardstick: 1000 multiplications", yardstick, 2000, 0);
    (void)measure("one plan", one_plan, 2000, yard);
    (void)measure("one plan on three devices", plan_on_three, 2000, yard);
    (void)measure("one plan with its limits", plan_with_limits, 500, yard);
    (void)measure("one plan under vLLM, with its limits", plan_under_vllm, 500, yard);
    (void)measure("largest context", largest_context, 500, yard);
    (void)measure("request check", one_check, 20000, yard);
    (void)measure("request check with a deadline", check_with_deadline, 20000, yard);
    (void)measure("model from the catalog", from_catalog, 100, yard);
    sweep();
    printf("(%g)\n", seen);
    ctxfit_plan_free(made);
    ctxfit_hw_free(three_gpus);
    ctxfit_hw_free(one_gpu);
    ctxfit_model_free(model);
    return 0;
}
