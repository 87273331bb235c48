/* The bound of the compute buffers grows with the context and with the micro-batch: the solver for contexts relies on the first. */
#include "test_support.h"

#include "memory_reference.h"

static reference_models models;

typedef struct growth_case {
    const char *name;
    uint32_t    backend;
    uint32_t    devices;
    uint32_t    flash;
    const char *type; /* of the cache */
    uint32_t    sequences;
    uint32_t    unified;
    uint32_t    outputs;
    uint32_t    gpu_layers;
    uint32_t    cpu_expert_layers;
} growth_case;

static const growth_case growth_cases[] = {
    {"one device", CTXFIT_BACKEND_CUDA, 1, CTXFIT_CHOICE_ON, "f16", 1, CTXFIT_CHOICE_OFF, 0, 0, 0},
    {"every output", CTXFIT_BACKEND_CUDA, 1, CTXFIT_CHOICE_ON, "f16", 1, CTXFIT_CHOICE_OFF, UINT32_MAX, 0, 0},
    {"scores in full", CTXFIT_BACKEND_METAL, 1, CTXFIT_CHOICE_OFF, "f16", 1, CTXFIT_CHOICE_OFF, UINT32_MAX, 0, 0},
    {"a quantized cache", CTXFIT_BACKEND_CUDA, 1, CTXFIT_CHOICE_ON, "q8_0", 4, CTXFIT_CHOICE_ON, 0, 0, 0},
    {"several sequences", CTXFIT_BACKEND_CUDA, 1, CTXFIT_CHOICE_ON, "f16", 3, CTXFIT_CHOICE_OFF, UINT32_MAX, 0, 0},
    {"the host alone", CTXFIT_BACKEND_CPU, 0, CTXFIT_CHOICE_ON, "f16", 1, CTXFIT_CHOICE_OFF, UINT32_MAX, 0, 0},
    {"a pipeline", CTXFIT_BACKEND_CUDA, 2, CTXFIT_CHOICE_ON, "f16", 1, CTXFIT_CHOICE_OFF, UINT32_MAX, 0, 0},
    {"half of the layers", CTXFIT_BACKEND_CUDA, 1, CTXFIT_CHOICE_ON, "f16", 1, CTXFIT_CHOICE_OFF, 0, 12, 0},
    {"experts on the host", CTXFIT_BACKEND_VULKAN, 2, CTXFIT_CHOICE_ON, "f16", 1, CTXFIT_CHOICE_OFF, 0, 0, CTXFIT_ALL_LAYERS},
};

static int measure(const ctxfit_model *model, const growth_case *c, const char *engine, uint64_t context, uint32_t ubatch, cfi_memory *out)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_engine_device   devices[2];
    cfi_run             run;
    ctxfit_error        error;

    for (uint32_t d = 0; d < 2; d++) {
        devices[d].backend = c->backend;
        devices[d].free_bytes = UINT64_C(1) << 36;
    }
    snprintf(options.engine, sizeof options.engine, "%s", engine);
    options.ctx_tokens = context;
    options.ubatch_tokens = ubatch;
    options.batch_tokens = 4096;
    options.flash_attention = c->flash;
    options.kv_key = options.kv_value = ctxfit_quant_from_name(c->type);
    options.sequences = c->sequences;
    options.kv_unified = c->unified;
    options.outputs_max = c->outputs;
    options.gpu_layers = c->gpu_layers;
    options.cpu_expert_layers = c->cpu_expert_layers;
    if (cfi_engine_resolve(model, &options, devices, c->devices, &run, &error) != CTXFIT_OK)
        return 0; /* refused: a cache type that the model cannot have */
    run.bound_compute = true; /* what the engine allocates does not grow steadily: where a tensor lands depends on sizes */
    return cfi_memory_measure(model, devices, &run, out, &error) == CTXFIT_OK;
}

static void expect_growth(const char *name, const growth_case *c, const cfi_memory *before, const cfi_memory *after, uint64_t at)
{
    for (uint32_t d = 0; d <= c->devices; d++) {
        assert_true(after->device[d].compute_low <= after->device[d].compute);
        if (after->device[d].compute < before->device[d].compute)
            fail_msg("%s, %s, device %u at %llu: %llu after %llu", name, c->name, (unsigned)d, (unsigned long long)at,
                     (unsigned long long)after->device[d].compute, (unsigned long long)before->device[d].compute);
    }
}

static void check_model(const char *name, const ctxfit_model *model, const char *engine)
{
    static cfi_memory before;
    static cfi_memory after;

    for (size_t i = 0; i < CFI_COUNT(growth_cases); i++) {
        const growth_case *c = &growth_cases[i];

        if (!measure(model, c, engine, 256, 512, &before))
            continue;
        for (uint64_t context = 300; context <= 1u << 20; context += context / 5) {
            assert_true(measure(model, c, engine, context, 512, &after));
            expect_growth(name, c, &before, &after, context);
            before = after;
        }
        assert_true(measure(model, c, engine, 16384, 32, &before)); /* below 32 rows nothing is brought from the host */
        for (uint32_t ubatch = 33; ubatch <= 4096; ubatch += ubatch / 4) {
            assert_true(measure(model, c, engine, 16384, ubatch, &after));
            expect_growth(name, c, &before, &after, ubatch);
            before = after;
        }
    }
}

static void bound_grows_with_context_and_batch(void **state)
{
    char   name[64];
    size_t count = 0;

    (void)state;
    for (const char *line = models.text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t              len = strcspn(line, "|\n");
        const ctxfit_model *model;

        if (line[len] != '|' || len >= sizeof name || line[0] == '#')
            continue;
        memcpy(name, line, len);
        name[len] = '\0';
        model = reference_model_get(&models, name, "Q4_K_M");
        assert_non_null(model);
        check_model(name, model, "llama.cpp@b10472");
        check_model(name, model, "llama.cpp@0.7.0");
        count++;
    }
    assert_true(count >= 40);
}

static int open_models(void **state)
{
    (void)state;
    return reference_models_open(&models, TEST_DATA "/models/reference_models.txt", REFERENCE_DATA "/archs") ? 0 : -1;
}

static int close_models(void **state)
{
    (void)state;
    reference_models_close(&models);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_grows_with_context_and_batch),
    };

    return cmocka_run_group_tests(tests, open_models, close_models);
}
