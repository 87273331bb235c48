/* One run resolved and measured, without the plan around it: what a search over contexts repeats. */
#include <stdio.h>

#include "bench_support.h"
#include "memory/memory_internal.h"

#define ROUNDS  31
#define REPEATS 300

static const struct {
    const char *name;
    const char *file_type;
    uint32_t    devices;
    const char *overrides;
} cases[] = {
    {"llama-3.1-8b-instruct", "Q4_K_M", 1, ""},
    {"qwen3-coder-30b-a3b-instruct", "Q4_K_M", 1, ""},
    {"llama-3.1-405b-instruct", "Q4_K_M", 4, ""},
    {"qwen3-coder-30b-a3b-instruct", "Q4_K_M", 2, ""},
    {"qwen3-235b-a22b", "Q4_K_M", 2, ""},
    {"qwen3-coder-30b-a3b-instruct", "Q4_K_M", 1, "blk\\.[0-9]\\.ffn_.*_exps=CPU"},
};

static void run_case(size_t index)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_engine_device   devices[4];
    ctxfit_model       *model = NULL;
    ctxfit_error        error;
    cfi_run             run;
    cfi_memory          memory;
    cfi_arena           scratch;
    double              resolve_s[ROUNDS];
    double              measure_s[ROUNDS];
    size_t              repeats = cases[index].overrides[0] != '\0' ? REPEATS / 10 : REPEATS;
    uint64_t            sink = 0;

    if (ctxfit_model_from_catalog(cases[index].name, ctxfit_file_type_from_name(cases[index].file_type), NULL, &model, &error) !=
        CTXFIT_OK) {
        fprintf(stderr, "%s: %s\n", cases[index].name, error.message);
        return;
    }
    for (uint32_t d = 0; d < cases[index].devices; d++) {
        devices[d].backend = CTXFIT_BACKEND_CUDA;
        devices[d].free_bytes = UINT64_C(80) << 30;
    }
    options.ctx_tokens = 32768;
    snprintf(options.overrides, sizeof options.overrides, "%s", cases[index].overrides);
    cfi_arena_init(&scratch, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        double start = bench_now_s();
        double middle;

        for (size_t i = 0; i < repeats; i++)
            sink += (uint64_t)cfi_engine_resolve(model, &options, devices, cases[index].devices, &run, NULL);
        run.scratch = &scratch;
        middle = bench_now_s();
        for (size_t i = 0; i < repeats; i++) {
            sink += (uint64_t)cfi_memory_measure(model, devices, &run, &memory, NULL);
            sink += memory.device[0].weights;
        }
        resolve_s[round] = (middle - start) / (double)repeats;
        measure_s[round] = (bench_now_s() - middle) / (double)repeats;
    }
    printf("%-30s %u devices%s: resolve %.2f us, measure %.2f us (%llu)\n", cases[index].name, (unsigned)cases[index].devices,
           cases[index].overrides[0] != '\0' ? " with overrides" : "", bench_median(resolve_s, ROUNDS) * 1e6,
           bench_median(measure_s, ROUNDS) * 1e6, (unsigned long long)(sink & 1));
    cfi_arena_free(&scratch);
    ctxfit_model_free(model);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(i);
    return 0;
}
