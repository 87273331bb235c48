/* Ollama's rules against the tables of its own tests: fb30760 server/sched_test.go, TestAutomaticGenerationBatch (:1077),
 * TestAvailableMemoryForLoadUsesWorstSharedMemoryMeasurement (:1352), TestSelectLlamaServerPlacement (:1437),
 * TestSchedVisionContextFloor (:174). Sizes there: GigaByte is 10^9. */
#include "test_support.h"

#include "engine_case.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define GB  UINT64_C(1000000000)

static void batches_follow_context_and_headroom(void **state)
{
    static const struct {
        uint64_t ctx, predicted, available;
        bool     flash;
        uint64_t cuda; /* free memory of a CUDA device; 0: no device */
        uint32_t batch;
    } cases[] = {
        {4096, 0, 0, true, 0, 512},
        {32768, 0, 0, true, 0, 1024},
        {131072, 8 * GIB, 14 * GIB, true, 0, 2048},
        {131072, 9 * GIB, 14 * GIB, true, 0, 1024},
        {131072, 8 * GIB, 11 * GIB, true, 0, 1024},
        {32768, 8500 * MIB, 11 * GIB, true, 0, 512},
        {131072, 8 * GIB, 14 * GIB, false, 14 * GIB, 512},
        {131072, 3 * GIB, 6 * GIB, false, 6 * GIB, 256},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        const cfi_engine_device  device = {CTXFIT_BACKEND_CUDA, cases[i].cuda};
        const cfi_engine_machine machine = {&device, NULL, cases[i].cuda != 0, 0, NULL, 0, 0, NULL, false};

        assert_int_equal(cfi_ollama_batch(cases[i].ctx, cases[i].predicted, cases[i].available, cases[i].flash, &machine, 1),
                         cases[i].batch);
    }
}

/* A machine of up to three devices: backend, free bytes and whether it is integrated. */
typedef struct ollama_machine {
    uint64_t host_free;
    uint32_t count;
    cfi_engine_device device[3];
    cfi_engine_memory memory[3];
} ollama_machine;

static cfi_engine_machine as_machine(const ollama_machine *m)
{
    return (cfi_engine_machine){m->device, m->memory, m->count, m->host_free, NULL, 0, 0, NULL, false};
}

static void shared_memory_counts_at_most_as_the_host_has_free(void **state)
{
    static const struct {
        ollama_machine machine;
        uint64_t       available;
    } cases[] = {
        {{80 * GB, 1, {{CTXFIT_BACKEND_METAL, 300 * GB}}, {{0, true, false, 0}}}, 80 * GB},
        {{6 * GB, 1, {{CTXFIT_BACKEND_VULKAN, 12 * GB}}, {{0, true, false, 0}}}, 6 * GB},
        {{6 * GB, 1, {{CTXFIT_BACKEND_METAL, 12 * GB}}, {{0, false, false, 0}}}, 12 * GB},
        {{6 * GB, 1, {{CTXFIT_BACKEND_CUDA, 12 * GB}}, {{0, false, false, 0}}}, 12 * GB},
        {{6 * GB, 2, {{CTXFIT_BACKEND_CUDA, 12 * GB}, {CTXFIT_BACKEND_VULKAN, 10 * GB}}, {{0, false, false, 0}, {0, true, false, 0}}},
         18 * GB},
        {{20 * GB, 1, {{CTXFIT_BACKEND_METAL, 12 * GB}}, {{0, true, false, 0}}}, 12 * GB},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        cfi_engine_machine machine = as_machine(&cases[i].machine);

        assert_int_equal(cfi_ollama_available(&machine, CFI_ALL_DEVICES(machine.count)), cases[i].available);
    }
}

static void a_model_goes_to_one_gpu_where_one_is_enough(void **state)
{
    static const struct {
        ollama_machine machine;
        uint64_t       predicted;
        bool           spread;
        uint64_t       mask;
    } cases[] = {
        {{14 * GB, 2, {{CTXFIT_BACKEND_CUDA, 10 * GB}, {CTXFIT_BACKEND_CUDA, 20 * GB}},
          {{0, false, false, 0}, {0, false, false, 0}}}, 8 * GB, false, 2},
        {{14 * GB, 2, {{CTXFIT_BACKEND_METAL, 32 * GB}, {CTXFIT_BACKEND_METAL, 16 * GB}},
          {{0, true, false, 0}, {0, false, false, 0}}}, 12 * GB, false, 2},
        {{14 * GB, 2, {{CTXFIT_BACKEND_VULKAN, 32 * GB}, {CTXFIT_BACKEND_VULKAN, 10 * GB}},
          {{0, true, false, 0}, {0, false, false, 0}}}, 8 * GB, false, 2},
        {{14 * GB, 2, {{CTXFIT_BACKEND_CUDA, 10 * GB}, {CTXFIT_BACKEND_CUDA, 20 * GB}},
          {{0, false, false, 0}, {0, false, false, 0}}}, 8 * GB, true, 3},
        {{14 * GB, 3, {{CTXFIT_BACKEND_CUDA, 10 * GB}, {CTXFIT_BACKEND_CUDA, 18 * GB}, {CTXFIT_BACKEND_ROCM, 12 * GB}},
          {{0, false, false, 0}, {0, false, false, 0}, {0, false, false, 0}}}, 30 * GB, false, 3},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        cfi_engine_machine machine = as_machine(&cases[i].machine);

        assert_int_equal(cfi_ollama_participants(&machine, cases[i].predicted, cases[i].spread), cases[i].mask);
    }
}

/* server/routes.go:2043 */
static void default_contexts_have_three_tiers(void **state)
{
    (void)state;
    assert_int_equal(cfi_ollama_default_ctx(0), 4096);
    assert_int_equal(cfi_ollama_default_ctx(23 * GIB - 1), 4096);
    assert_int_equal(cfi_ollama_default_ctx(23 * GIB), 32768);
    assert_int_equal(cfi_ollama_default_ctx(47 * GIB - 1), 32768);
    assert_int_equal(cfi_ollama_default_ctx(47 * GIB), 262144);
}

static cfi_run ollama_run(const ctxfit_model *model, ctxfit_plan_options *options, uint64_t gpu_bytes)
{
    const cfi_engine_device  device = {CTXFIT_BACKEND_CUDA, gpu_bytes};
    const cfi_engine_memory  memory = {gpu_bytes, false, false, 0};
    const cfi_engine_machine machine = {&device, &memory, gpu_bytes > 0, 0, NULL, 0, 0, NULL, false};
    cfi_run                  run;
    ctxfit_error             error;

    memcpy(options->engine, "ollama", sizeof "ollama");
    if (cfi_engine_resolve_on(model, options, &machine, &run, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return run;
}

/* llm/llama_server_test.go, TestAppendFlashAttentionArgs; the batch as TestAutomaticGenerationBatch has it */
static void old_cuda_has_flash_attention_where_it_is_asked_for(void **state)
{
    static const struct {
        uint32_t backend, capability, asked;
        bool     flash;
        uint32_t batch;
    } cases[] = {
        {CTXFIT_BACKEND_CUDA, 52, CTXFIT_CHOICE_DEFAULT, false, 512},  {CTXFIT_BACKEND_CUDA, 72, CTXFIT_CHOICE_DEFAULT, false, 512},
        {CTXFIT_BACKEND_CUDA, 60, CTXFIT_CHOICE_DEFAULT, true, 1024},  {CTXFIT_BACKEND_CUDA, 70, CTXFIT_CHOICE_DEFAULT, true, 1024},
        {CTXFIT_BACKEND_CUDA, 0, CTXFIT_CHOICE_DEFAULT, true, 1024},   {CTXFIT_BACKEND_CUDA, 52, CTXFIT_CHOICE_ON, true, 1024},
        {CTXFIT_BACKEND_CUDA, 86, CTXFIT_CHOICE_OFF, false, 512},      {CTXFIT_BACKEND_VULKAN, 0, CTXFIT_CHOICE_DEFAULT, true, 1024},
    };
    ctxfit_model *model = engine_model(ENGINE_DENSE);

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        const cfi_engine_device  device = {cases[i].backend, 24 * GIB};
        const cfi_engine_memory  memory = {24 * GIB, false, false, cases[i].capability};
        const cfi_engine_machine machine = {&device, &memory, 1, 0, NULL, 0, 0, NULL, false};
        ctxfit_plan_options      options = CTXFIT_PLAN_OPTIONS_INIT;
        cfi_run                  run;

        memcpy(options.engine, "ollama", sizeof "ollama");
        options.ctx_tokens = 8192;
        options.flash_attention = cases[i].asked;
        assert_int_equal(cfi_engine_resolve_on(model, &options, &machine, &run, NULL), CTXFIT_OK);
        assert_int_equal(run.flash, cases[i].flash);
        assert_int_equal(run.n_ubatch, cases[i].batch);
        options.kv_key = options.kv_value = CTXFIT_QUANT_Q8_0;
        assert_int_equal(cfi_engine_resolve_on(model, &options, &machine, &run, NULL), cases[i].flash ? CTXFIT_OK : CTXFIT_E_REFUSED);
    }
    ctxfit_model_free(model);
}

static void a_context_comes_from_the_first_place_that_states_one(void **state)
{
    static const struct {
        uint64_t request, file, server, gpu, overhead;
        uint32_t flags, source;
        uint64_t ctx;
    } cases[] = {
        {2048, 1024, 512, 48 * GIB, 0, 0, CTXFIT_CTX_FROM_REQUEST, 2048},
        {0, 1024, 512, 48 * GIB, 0, 0, CTXFIT_CTX_FROM_FILE, 1024},
        {0, 0, 512, 48 * GIB, 0, 0, CTXFIT_CTX_FROM_SERVER, 512},
        {0, 0, 0, 24 * GIB, 0, 0, CTXFIT_CTX_FROM_MEMORY, 32768},
        {0, 0, 0, 24 * GIB, 2 * GIB, 0, CTXFIT_CTX_FROM_MEMORY, 4096},
        {0, 0, 0, 0, 0, 0, CTXFIT_CTX_FROM_MEMORY, 4096},
        {0, 0, 0, 48 * GIB, 0, 0, CTXFIT_CTX_FROM_MODEL, 65536},
        {100000, 0, 0, 48 * GIB, 0, 0, CTXFIT_CTX_FROM_MODEL, 65536},
        {1, 0, 0, 24 * GIB, 0, 0, CTXFIT_CTX_FROM_REQUEST, 4},
        {128, 0, 0, 24 * GIB, 0, CTXFIT_PLAN_F_VISION, CTXFIT_CTX_FROM_REQUEST, 2048},
    };
    ctxfit_model *model = engine_model("llama block_count=4 context_length=65536 embedding_length=512 feed_forward_length=1024 "
                                       "attention.head_count=8 attention.head_count_kv=2 attention.layer_norm_rms_epsilon=1e-05 "
                                       "rope.dimension_count=64 vocab_size=1000");

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
        cfi_run             run;

        options.ctx_tokens = cases[i].request;
        options.model_ctx_tokens = cases[i].file;
        options.default_ctx_tokens = cases[i].server;
        options.overhead_bytes = cases[i].overhead;
        options.flags = cases[i].flags;
        run = ollama_run(model, &options, cases[i].gpu);
        assert_int_equal(run.notes.ctx_source, cases[i].source);
        assert_int_equal(run.notes.ctx_tokens, cases[i].ctx);
        assert_int_equal(run.n_ctx_seq, (cases[i].ctx + 255) / 256 * 256);
    }
    ctxfit_model_free(model);
}

static void parallel_requests_have_a_context_each_unless_the_architecture_forbids(void **state)
{
    ctxfit_model       *dense = engine_model(ENGINE_DENSE);
    ctxfit_model       *serial = engine_catalog("qwen3-next-80b-a3b", "Q4_K_M");
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_engine_choice   engine;
    cfi_run             run;

    (void)state;
    options.sequences = 4;
    options.ctx_tokens = 4096;
    run = ollama_run(dense, &options, 24 * GIB);
    assert_int_equal(run.n_seq, 4);
    assert_int_equal(run.n_ctx, 4 * 4096);
    assert_int_equal(run.n_ctx_seq, 4096);
    assert_int_equal(run.n_ubatch, 1024); /* all of it decides: 16,384 tokens */
    assert_int_equal(run.streams, 4);
    assert_false(run.notes.serial);
    assert_int_equal(cfi_engine_choose("ollama", &engine, NULL), CTXFIT_OK);
    assert_int_equal(cfi_engine_most_sequences(dense, &engine), CFI_MAX_SEQUENCES);
    run = ollama_run(serial, &options, 24 * GIB);
    assert_int_equal(run.n_seq, 1);
    assert_true(run.notes.serial);
    assert_int_equal(cfi_engine_most_sequences(serial, &engine), 1);
    assert_int_equal(cfi_engine_choose("ollama@0.15.4", &engine, NULL), CTXFIT_OK); /* not known yet as one that forbids */
    assert_int_equal(cfi_engine_most_sequences(serial, &engine), CFI_MAX_SEQUENCES);
    ctxfit_model_free(serial);
    ctxfit_model_free(dense);
}

/* PredictServerVRAM, llm/llama_server.go:2681: 2 x 2 B x blocks x the least number of KV heads x (embedding / heads) x context */
static void its_estimate_is_the_file_and_a_cache_by_head_counts(void **state)
{
    ctxfit_model *dense = engine_model(ENGINE_DENSE);
    ctxfit_model *hybrid = engine_catalog("qwen3-next-80b-a3b", "Q4_K_M");

    (void)state;
    assert_int_equal(cfi_ollama_predicted(dense, 8192), dense->info.data_bytes + UINT64_C(4) * 4 * 2 * 64 * 8192);
    /* 48 blocks and one that predicts a further token, 2 KV heads, 2048 / 16: blocks that do not attend count too */
    assert_int_equal(cfi_ollama_predicted(hybrid, 4096), hybrid->info.data_bytes + UINT64_C(4) * 49 * 2 * 128 * 4096);
    assert_int_equal(cfi_ollama_predicted(dense, UINT64_MAX), UINT64_MAX);
    ctxfit_model_free(hybrid);
    ctxfit_model_free(dense);
}

static void what_it_has_no_setting_for_is_refused(void **state)
{
    ctxfit_model *model = engine_model(ENGINE_DENSE);

    (void)state;
    for (int i = 0; i < 8; i++) {
        ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
        cfi_run             run;
        ctxfit_error        error;

        memcpy(options.engine, "ollama", sizeof "ollama");
        switch (i) {
        case 0: options.ubatch_tokens = 256; break;
        case 1: options.kv_unified = CTXFIT_CHOICE_ON; break;
        case 2: options.swa_full = CTXFIT_CHOICE_ON; break;
        case 3: options.kv_key = CTXFIT_QUANT_Q8_0; break;
        case 4: options.cpu_expert_layers = 1; break;
        case 5: memcpy(options.overrides, "a=CPU", 6); break;
        case 6: options.tensor_split[1] = 1; break;
        default: options.split_mode = CTXFIT_SPLIT_NONE; break;
        }
        assert_int_equal(cfi_engine_resolve(model, &options, NULL, 0, &run, &error), CTXFIT_E_REFUSED);
        assert_non_null(strstr(error.message, "ollama"));
    }
    ctxfit_model_free(model);
}

/* v0.33.0-rc2 llm/llama_server_test.go:2155 and its like of v0.30.0:1660: 80 layers and the output, 933 MiB of projector */
static void a_projector_goes_to_the_host_where_its_own_tests_have_it(void **state)
{
    static const struct {
        uint32_t          release, gpu_layers;
        cfi_engine_device device;
        cfi_engine_memory memory;
        bool              host;
    } cases[] = {
        {3300, 0, {CTXFIT_BACKEND_CUDA, 24 * GIB}, {0, false, false, 0}, false},
        {3300, 0, {CTXFIT_BACKEND_ROCM, 7900 * MIB}, {8 * GIB, false, false, 0}, false},
        {3300, 0, {CTXFIT_BACKEND_CUDA, 1500 * MIB}, {8 * GIB, false, false, 0}, true},
        {3300, 0, {CTXFIT_BACKEND_ROCM, 32 * GIB}, {0, true, false, 0}, false},
        {3300, 0, {CTXFIT_BACKEND_METAL, 32 * GIB}, {0, true, false, 0}, false},
        {3300, CTXFIT_GPU_LAYERS_NONE, {CTXFIT_BACKEND_CUDA, 24 * GIB}, {0, false, false, 0}, true},
        {3300, 10, {CTXFIT_BACKEND_CUDA, 24 * GIB}, {0, false, false, 0}, true},
        {3300, 81, {CTXFIT_BACKEND_CUDA, 24 * GIB}, {0, false, false, 0}, false},
        {3000, 0, {CTXFIT_BACKEND_CUDA, 24 * GIB}, {0, false, false, 0}, false},
        {3000, 0, {CTXFIT_BACKEND_CUDA, 0}, {8 * GIB, false, false, 0}, true},
        {3000, 0, {CTXFIT_BACKEND_ROCM, 32 * GIB}, {0, true, false, 0}, true},
        {3000, 10, {CTXFIT_BACKEND_CUDA, 24 * GIB}, {0, false, false, 0}, true},
    };
    ctxfit_model       *model = engine_catalog("llama-3.1-70b", "Q4_K_M");
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        const cfi_engine_machine machine = {&cases[i].device, &cases[i].memory, 1, 0, NULL, 0, 0, NULL, true};

        options.gpu_layers = cases[i].gpu_layers;
        assert_int_equal(cfi_ollama_projector_on_host(model, &options, &machine, cases[i].release, 933 * MIB), cases[i].host);
    }
    ctxfit_model_free(model);
}

/* plan: two unequal GPUs; the model goes to the larger one, whatever its place */
static void a_plan_shows_the_gpu_that_it_chooses(void **state)
{
    ctxfit_model       *model = engine_catalog("qwen3-8b", "Q4_K_M");
    ctxfit_hw          *hw = NULL;
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan        *plan = NULL;
    ctxfit_plan_device  device[3] = {CTXFIT_PLAN_DEVICE_INIT, CTXFIT_PLAN_DEVICE_INIT, CTXFIT_PLAN_DEVICE_INIT};
    ctxfit_plan_engine  engine = CTXFIT_PLAN_ENGINE_INIT;
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;

    (void)state;
    memcpy(options.engine, "ollama", sizeof "ollama");
    options.ctx_tokens = 8192;
    assert_int_equal(ctxfit_hw_parse("rtx-3060-12gb rtx-4090 host:64GiB", NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_make(model, hw, &options, NULL, &plan, NULL), CTXFIT_OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ctxfit_plan_get_device(plan, i, &device[i]), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_summary(plan, &summary), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_engine(plan, &engine), CTXFIT_OK);
    assert_int_equal(device[0].total_bytes, 0);
    assert_int_equal(device[1].layers, 36);
    assert_int_equal(summary.output_device, 1);
    assert_int_equal(summary.fit, CTXFIT_FIT_ALL);
    assert_true(engine.predicted_bytes < engine.available_bytes / 100 * 80);
    assert_non_null(strstr(ctxfit_plan_warning(plan, 0), "CUDA0"));
    ctxfit_plan_free(plan);
    /* four times the context is more than 80 % of either */
    options.flags = CTXFIT_PLAN_F_SPREAD;
    assert_int_equal(ctxfit_plan_make(model, hw, &options, NULL, &plan, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &device[0]), CTXFIT_OK);
    assert_true(device[0].layers > 0);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_follow_context_and_headroom),
        cmocka_unit_test(shared_memory_counts_at_most_as_the_host_has_free),
        cmocka_unit_test(a_model_goes_to_one_gpu_where_one_is_enough),
        cmocka_unit_test(default_contexts_have_three_tiers),
        cmocka_unit_test(old_cuda_has_flash_attention_where_it_is_asked_for),
        cmocka_unit_test(a_context_comes_from_the_first_place_that_states_one),
        cmocka_unit_test(parallel_requests_have_a_context_each_unless_the_architecture_forbids),
        cmocka_unit_test(its_estimate_is_the_file_and_a_cache_by_head_counts),
        cmocka_unit_test(what_it_has_no_setting_for_is_refused),
        cmocka_unit_test(a_projector_goes_to_the_host_where_its_own_tests_have_it),
        cmocka_unit_test(a_plan_shows_the_gpu_that_it_chooses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
