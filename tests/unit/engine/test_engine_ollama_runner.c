/* Ollama before 0.30, against the arithmetic of its sources by tag: api/types.go, server/routes.go, server/sched.go, llm/server.go,
 * kvcache/causal.go, kvcache/recurrent.go. */
#include "test_support.h"

#include "engine_case.h"

#define GIB (UINT64_C(1) << 30)

static ctxfit_plan_options options_of(const char *version)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;

    (void)snprintf(options.engine, sizeof options.engine, "ollama@%s", version);
    return options;
}

static ctxfit_status resolve(const ctxfit_model *model, const ctxfit_plan_options *options, uint64_t gpu_bytes, bool projector,
                             cfi_run *run, ctxfit_error *error)
{
    const cfi_engine_device  device = {CTXFIT_BACKEND_CUDA, gpu_bytes};
    const cfi_engine_memory  memory = {gpu_bytes, false, false, 0};
    const cfi_engine_machine machine = {&device, &memory, 1, 0, NULL, 0, 0, NULL, projector};

    return cfi_engine_resolve_on(model, options, &machine, run, error);
}

static cfi_run run_of(const ctxfit_model *model, const ctxfit_plan_options *options)
{
    cfi_run      run;
    ctxfit_error error;

    if (resolve(model, options, 48 * GIB, false, &run, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return run;
}

static void the_default_context_follows_the_release(void **state)
{
    static const struct {
        const char *version;
        const char *model;
        uint64_t    gpu;
        uint64_t    tokens;
        uint32_t    source;
    } cases[] = {
        {"0.5.4", "llama-3.1-8b", 48 * GIB, 2048, CTXFIT_CTX_FROM_SERVER},
        {"0.6.6", "llama-3.1-8b", 48 * GIB, 2048, CTXFIT_CTX_FROM_SERVER},
        {"0.6.7", "llama-3.1-8b", 48 * GIB, 4096, CTXFIT_CTX_FROM_SERVER},
        {"0.15.4", "llama-3.1-8b", 48 * GIB, 4096, CTXFIT_CTX_FROM_SERVER},
        {"0.15.5", "llama-3.1-8b", 24 * GIB, 32768, CTXFIT_CTX_FROM_MEMORY},
        {"0.24.0", "llama-3.1-8b", 12 * GIB, 4096, CTXFIT_CTX_FROM_MEMORY},
        {"0.10.0", "gpt-oss-20b", 16 * GIB, 4096, CTXFIT_CTX_FROM_SERVER},
        {"0.11.0", "gpt-oss-20b", 16 * GIB, 8192, CTXFIT_CTX_FROM_SERVER},
        {"0.11.4", "gpt-oss-20b", 16 * GIB, 4096, CTXFIT_CTX_FROM_SERVER},
        {"0.15.4", "gpt-oss-20b", 20 * GIB, 8192, CTXFIT_CTX_FROM_SERVER},
        {"0.15.5", "gpt-oss-20b", 20 * GIB, 4096, CTXFIT_CTX_FROM_MEMORY},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_model       *model = engine_catalog(cases[i].model, "Q4_K_M");
        ctxfit_plan_options options = options_of(cases[i].version);
        cfi_run             run;

        assert_int_equal(resolve(model, &options, cases[i].gpu, false, &run, NULL), CTXFIT_OK);
        assert_int_equal(run.notes.ctx_tokens, cases[i].tokens);
        assert_int_equal(run.notes.ctx_source, cases[i].source);
        ctxfit_model_free(model);
    }
}

static void a_context_is_cut_to_the_trained_length_since_0_9_3(void **state)
{
    ctxfit_model       *model = engine_model(ENGINE_DENSE); /* 8,192 */
    ctxfit_plan_options before = options_of("0.9.2"), since = options_of("0.9.3");

    (void)state;
    before.ctx_tokens = since.ctx_tokens = 16384;
    assert_int_equal(run_of(model, &before).n_ctx, 16384);
    assert_int_equal(run_of(model, &since).n_ctx, 8192);
    ctxfit_model_free(model);
}

static void what_a_release_has_no_setting_for_is_refused(void **state)
{
    ctxfit_model       *model = engine_model(ENGINE_DENSE);
    ctxfit_plan_options before = options_of("0.5.12"), since = options_of("0.5.13");
    ctxfit_error        error;
    cfi_run             run;

    (void)state;
    before.default_ctx_tokens = since.default_ctx_tokens = 4096;
    assert_int_equal(resolve(model, &before, GIB, false, &run, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "OLLAMA_CONTEXT_LENGTH"));
    assert_int_equal(resolve(model, &since, GIB, false, &run, &error), CTXFIT_OK);
    ctxfit_model_free(model);
}

/* llama/llama.go, NewContextParams: num_batch a sequence; micro-batches are those of llama.cpp's default until 0.13.3. */
static void batches_are_of_all_sequences(void **state)
{
    ctxfit_model       *model = engine_model(ENGINE_DENSE);
    ctxfit_plan_options old = options_of("0.13.2"), late = options_of("0.13.3");
    cfi_run             run;

    (void)state;
    old.ctx_tokens = late.ctx_tokens = 4096;
    old.sequences = late.sequences = 2;
    old.batch_tokens = late.batch_tokens = 1024;
    run = run_of(model, &old);
    assert_int_equal(run.n_batch, 2048);
    assert_int_equal(run.n_ubatch, 512);
    run = run_of(model, &late);
    assert_int_equal(run.n_batch, 2048);
    assert_int_equal(run.n_ubatch, 1024);
    assert_true(run.outputs_states);
    ctxfit_model_free(model);
}

/* 225e7a143 of llama.cpp */
static void sequences_share_one_cache_before_there_were_streams(void **state)
{
    ctxfit_model       *model = engine_model(ENGINE_DENSE);
    ctxfit_plan_options shared = options_of("0.11.4"), apart = options_of("0.11.5");
    cfi_run             run;

    (void)state;
    shared.ctx_tokens = apart.ctx_tokens = 2000;
    shared.sequences = apart.sequences = 2;
    run = run_of(model, &shared);
    assert_int_equal(run.streams, 1);
    assert_int_equal(run.kv_cells, 4000); /* a multiple of 32, without flash attention */
    run = run_of(model, &apart);
    assert_int_equal(run.streams, 2);
    assert_int_equal(run.kv_cells, 2016);
    ctxfit_model_free(model);
}

static void flash_attention_follows_release_and_architecture(void **state)
{
    static const struct {
        const char *version, *model;
        uint32_t    asked;
        bool        flash, own;
    } cases[] = {
        {"0.9.3", "llama-3.1-8b", CTXFIT_CHOICE_DEFAULT, false, false},
        {"0.9.3", "llama-3.1-8b", CTXFIT_CHOICE_ON, true, false},
        {"0.13.3", "llama-3.1-8b", CTXFIT_CHOICE_DEFAULT, false, false},
        {"0.13.4", "llama-3.1-8b", CTXFIT_CHOICE_DEFAULT, true, false},
        {"0.13.4", "llama-3.1-8b", CTXFIT_CHOICE_OFF, false, false},
        {"0.13.5", "gemma-2-9b", CTXFIT_CHOICE_ON, false, false},
        {"0.11.5", "gpt-oss-20b", CTXFIT_CHOICE_DEFAULT, false, true},
        {"0.11.8", "gpt-oss-20b", CTXFIT_CHOICE_DEFAULT, true, true},
        {"0.12.4", "gemma-3-27b", CTXFIT_CHOICE_DEFAULT, false, true},
        {"0.12.6", "gemma-3-27b", CTXFIT_CHOICE_DEFAULT, true, true},
        {"0.12.4", "qwen3-8b", CTXFIT_CHOICE_DEFAULT, true, true},
        {"0.12.5", "qwen3-8b", CTXFIT_CHOICE_DEFAULT, true, false},
        {"0.12.6", "qwen3-8b", CTXFIT_CHOICE_DEFAULT, true, true},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_model       *model = engine_catalog(cases[i].model, "Q4_K_M");
        ctxfit_plan_options options = options_of(cases[i].version);
        cfi_run             run;

        options.flash_attention = cases[i].asked;
        run = run_of(model, &options);
        assert_int_equal(run.flash, cases[i].flash);
        assert_int_equal(run.own_graph, cases[i].own);
        ctxfit_model_free(model);
    }
}

/* ml/device.go, discover/types.go */
static void flash_attention_needs_every_gpu_to_have_it(void **state)
{
    static const struct {
        const char *version;
        uint32_t    backend, capability;
        bool        flash;
    } cases[] = {
        {"0.12.9", CTXFIT_BACKEND_VULKAN, 0, false}, {"0.12.10", CTXFIT_BACKEND_VULKAN, 0, true},
        {"0.9.0", CTXFIT_BACKEND_ROCM, 0, true},     {"0.9.0", CTXFIT_BACKEND_CPU, 0, false}, /* none */
        {"0.11.8", CTXFIT_BACKEND_CPU, 0, true},     {"0.12.3", CTXFIT_BACKEND_CUDA, 72, true},
        {"0.12.4", CTXFIT_BACKEND_CUDA, 72, false},  {"0.24.0", CTXFIT_BACKEND_CUDA, 52, true},
    };
    ctxfit_model *model = engine_model(ENGINE_DENSE);

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        const cfi_engine_device  device = {cases[i].backend, 8 * GIB};
        const cfi_engine_memory  memory = {8 * GIB, false, false, cases[i].capability};
        const cfi_engine_machine machine = {&device, &memory, cases[i].backend != CTXFIT_BACKEND_CPU, 0, NULL, 0, 0, NULL, false};
        ctxfit_plan_options      options = options_of(cases[i].version);
        cfi_run                  run;

        options.flash_attention = CTXFIT_CHOICE_ON;
        assert_int_equal(cfi_engine_resolve_on(model, &options, &machine, &run, NULL), CTXFIT_OK);
        assert_int_equal(run.flash, cases[i].flash);
        assert_int_equal(run.notes.no_flash, !cases[i].flash);
    }
    ctxfit_model_free(model);
}

static void a_quantized_cache_needs_flash_attention_that_is_on(void **state)
{
    static const struct {
        const char  *version, *model;
        uint32_t     flash;
        ctxfit_quant asked, made;
    } cases[] = {
        {"0.9.3", "llama-3.1-8b", CTXFIT_CHOICE_DEFAULT, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_F16},
        {"0.9.3", "llama-3.1-8b", CTXFIT_CHOICE_ON, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_Q8_0},
        {"0.4.0", "llama-3.1-8b", CTXFIT_CHOICE_ON, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_F16},
        {"0.13.5", "llama-3.1-8b", CTXFIT_CHOICE_DEFAULT, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_F16}, /* auto is not on */
        {"0.13.5", "qwen3-8b", CTXFIT_CHOICE_DEFAULT, CTXFIT_QUANT_Q4_0, CTXFIT_QUANT_Q4_0},
        {"0.13.5", "qwen3-8b", CTXFIT_CHOICE_DEFAULT, CTXFIT_QUANT_Q5_0, CTXFIT_QUANT_F16},
        {"0.11.8", "gpt-oss-20b", CTXFIT_CHOICE_DEFAULT, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_F16},
        {"0.12.4", "gpt-oss-20b", CTXFIT_CHOICE_DEFAULT, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_Q8_0},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_model       *model = engine_catalog(cases[i].model, "Q4_K_M");
        ctxfit_plan_options options = options_of(cases[i].version);
        cfi_run             run;

        options.flash_attention = cases[i].flash;
        options.kv_key = options.kv_value = cases[i].asked;
        run = run_of(model, &options);
        assert_int_equal(run.type_k, cases[i].made);
        assert_int_equal(run.notes.cache_plain, cases[i].made != cases[i].asked);
        ctxfit_model_free(model);
    }
}

/* kvcache/causal.go, Init: sequences x kept + batch, all of the context where that is no more; padded to 32 or 256 cells */
static void its_own_engine_keeps_a_window_and_a_batch(void **state)
{
    static const struct {
        const char *version, *model;
        uint64_t    ctx;
        uint32_t    sequences;
        uint64_t    kv, swa;
    } cases[] = {
        {"0.6.0", "gemma-3-27b", 8192, 1, 8192, 8192},      /* no windows yet */
        {"0.6.3", "gemma-3-27b", 8192, 1, 8192, 1024 + 512},
        {"0.9.3", "gemma-3-27b", 4096, 2, 8192, 2 * 1024 + 512},
        {"0.9.3", "gemma-3-27b", 1000, 1, 1024, 1024},      /* below the window: all of it, to a multiple of 32 */
        {"0.9.3", "gemma-3-27b", 1024, 1, 1024, 1024 + 512},
        {"0.12.6", "gemma-3-27b", 1024, 1, 1024, 1024},
        {"0.12.6", "gemma-3-27b", 4096, 2, 8192, 2816},     /* 2 x 1,025 + 512 to a multiple of 256 */
        {"0.12.6", "gpt-oss-20b", 8192, 1, 8192, 4096 + 512},
        {"0.15.5", "gpt-oss-20b", 4096, 1, 4096, 4096},
        {"0.20.0", "gemma-4-31b", 32768, 1, 32768, 4096 + 512},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_model       *model = engine_catalog(cases[i].model, "Q4_K_M");
        ctxfit_plan_options options = options_of(cases[i].version);
        cfi_run             run;

        options.ctx_tokens = cases[i].ctx;
        options.sequences = cases[i].sequences;
        run = run_of(model, &options);
        assert_true(run.own_graph);
        assert_int_equal(run.streams, 1);
        assert_int_equal(run.kv_cells, cases[i].kv);
        assert_int_equal(run.swa_cells, cases[i].swa);
        assert_int_equal(run.outputs_buffer, 0);
        ctxfit_model_free(model);
    }
}

/* with a projector in a file of its own llama.cpp runs the model, and keeps windows whole: llama_context_default_params */
static void a_projector_beside_the_model_is_for_llama_cpp(void **state)
{
    ctxfit_model       *model = engine_catalog("gemma-3-27b", "Q4_K_M");
    ctxfit_plan_options options = options_of("0.13.5");
    cfi_run             run;

    (void)state;
    options.ctx_tokens = 8192;
    assert_int_equal(resolve(model, &options, 48 * GIB, true, &run, NULL), CTXFIT_OK);
    assert_false(run.own_graph);
    assert_int_equal(run.swa_cells, 8192);
    ctxfit_model_free(model);
}

/* kvcache/recurrent.go: DefaultCheckpointCount; model/models/qwen3next/checkpoints.go before */
static void recurrent_states_have_copies_to_come_back_to(void **state)
{
    static const struct {
        const char *version, *model;
        uint32_t    copies;
    } cases[] = {
        {"0.15.5", "qwen3-next-80b-a3b", 32}, {"0.17.1", "qwen3-next-80b-a3b", 24}, {"0.17.1", "qwen3.5-27b", 24},
        {"0.24.0", "granite-4.0-h-tiny", 0}, /* llama.cpp runs it */
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_model       *model = engine_catalog(cases[i].model, "Q4_K_M");
        ctxfit_plan_options options = options_of(cases[i].version);

        options.ctx_tokens = 4096;
        assert_int_equal(run_of(model, &options).checkpoints, cases[i].copies);
        ctxfit_model_free(model);
    }
}

/* src/llama-model.cpp before 57c1e0564: layers count from the last, and the output layer comes after them all */
static void a_part_of_the_layers_leaves_the_output_on_the_host(void **state)
{
    ctxfit_model       *model = engine_model(ENGINE_DENSE); /* 4 layers */
    ctxfit_plan_options options = options_of("0.13.5");
    cfi_run             run;

    (void)state;
    options.gpu_layers = 3;
    run = run_of(model, &options);
    assert_int_equal(run.first_layer[0], 1);
    assert_int_equal(run.output_device, run.device_count);
    options.gpu_layers = 5;
    run = run_of(model, &options);
    assert_int_equal(run.first_layer[0], 0);
    assert_int_equal(run.output_device, 0);
    memcpy(options.engine, "ollama@0.30.0", sizeof "ollama@0.30.0");
    options.gpu_layers = 3;
    run = run_of(model, &options);
    assert_int_equal(run.first_layer[0], 2);
    assert_int_equal(run.output_device, 0);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_context_follows_the_release),
        cmocka_unit_test(a_context_is_cut_to_the_trained_length_since_0_9_3),
        cmocka_unit_test(what_a_release_has_no_setting_for_is_refused),
        cmocka_unit_test(batches_are_of_all_sequences),
        cmocka_unit_test(sequences_share_one_cache_before_there_were_streams),
        cmocka_unit_test(flash_attention_follows_release_and_architecture),
        cmocka_unit_test(flash_attention_needs_every_gpu_to_have_it),
        cmocka_unit_test(a_quantized_cache_needs_flash_attention_that_is_on),
        cmocka_unit_test(its_own_engine_keeps_a_window_and_a_batch),
        cmocka_unit_test(a_projector_beside_the_model_is_for_llama_cpp),
        cmocka_unit_test(recurrent_states_have_copies_to_come_back_to),
        cmocka_unit_test(a_part_of_the_layers_leaves_the_output_on_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
