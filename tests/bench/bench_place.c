/*
 * The solver beside llama.cpp's own fitter, over the fits that it made (tests/data/place). Prints a line a fit:
 * model, file type, devices, what was asked, both contexts, both numbers of bytes on devices, whether compute is exact, what theirs
 * takes too much, what ours leaves, both times in ms, evaluations
 *
 * bench_place                               medians only, over the rows of tests/data
 * bench_place FITS.CSV MODELS.TXT [ROUNDS]
 */
#include "bench_support.h"
#include "fit_case.h"

#define MOST_ROUNDS 101
#define MOST_FITS   512

static double ours[MOST_FITS], theirs[MOST_FITS];
static size_t fits;

static double solve_ms(const fit_case *c, const ctxfit_model *model, const ctxfit_hw *hw, int rounds)
{
    double times[MOST_ROUNDS];

    for (int i = 0; i < rounds; i++) {
        double        start = bench_now_s();
        ctxfit_place *place;

        if (ctxfit_place_solve(model, hw, &c->options, &c->goal, NULL, &place, NULL) == CTXFIT_OK)
            ctxfit_place_free(place);
        times[i] = (bench_now_s() - start) * 1e3;
    }
    return bench_median(times, (size_t)rounds);
}

static int compare(const fit_case *c, const char *models, int rounds, int all)
{
    double               ms;
    ctxfit_model        *model;
    ctxfit_hw           *hw;
    ctxfit_place        *place;
    ctxfit_error         error = {0};
    ctxfit_place_summary s = CTXFIT_PLACE_SUMMARY_INIT;
    ctxfit_plan_summary  plan = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_model_info    info = CTXFIT_MODEL_INFO_INIT;
    int                  good = fit_solve(c, models, &model, &hw, &place, &error) == CTXFIT_OK;

    if (good) {
        (void)ctxfit_place_get_summary(place, &s);
        (void)ctxfit_plan_get_summary(ctxfit_place_plan(place), &plan);
        (void)ctxfit_model_get_info(model, &info);
        ms = solve_ms(c, model, hw, rounds);
        if (fits < MOST_FITS) {
            ours[fits] = ms;
            theirs[fits++] = c->their_cpu_ms;
        }
    }
    if (good && all) {
        printf("%s,%s,%u,\"%s\",%llu,%u,%llu,%llu,%llu,%llu,%u,%llu,%lld,%.1f,%.3f,%u\n", c->model, c->file_type, c->devices, c->machine,
               (unsigned long long)c->asked_ctx, c->options.sequences,
               (unsigned long long)(c->their_ctx != 0 ? c->their_ctx : info.trained_tokens), (unsigned long long)s.ctx_seq_tokens,
               (unsigned long long)c->their_device_held, (unsigned long long)fit_our_held(place), plan.compute_exact,
               (unsigned long long)fit_their_excess(c), (long long)plan.margin_bytes, c->their_cpu_ms, ms, s.evaluations);
    } else if (!good) {
        fprintf(stderr, "%s: %s\n", c->model, error.message);
    }
    ctxfit_place_free(place);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return good;
}

int main(int argc, char **argv)
{
    const char *rows = argc > 2 ? argv[1] : TEST_DATA "/place/fits.csv";
    const char *models = argc > 2 ? argv[2] : TEST_DATA "/models/reference_models.txt";
    int         rounds = argc > 3 ? atoi(argv[3]) : 5, good = 1;
    csv_reader  csv;
    fit_case    c;

    if (rounds < 1 || rounds > MOST_ROUNDS || !csv_open(&csv, rows))
        return 1;
    if (argc > 2)
        printf("model,file_type,devices,machine,asked_ctx,sequences,their_ctx,our_ctx,their_held,our_held,exact,their_excess,our_margin,"
               "their_ms,our_ms,evaluations\n");
    while (csv_read(&csv)) {
        fit_read(&csv, &c);
        good = compare(&c, models, rounds, argc > 2) && good;
    }
    csv_close(&csv);
    if (argc <= 2 && fits > 0)
        printf("%zu placements: median %.2f ms; llama.cpp's own fitter %.0f ms of CPU time\n", fits, bench_median(ours, fits),
               bench_median(theirs, fits));
    return !good;
}
