/* Context, slots and batch. Expected numbers follow from the rules of llama.cpp b10472 src/llama-context.cpp:263-301, by hand. */
#include "test_support.h"

#include "engine_case.h"

static ctxfit_model *dense;
static ctxfit_model *windowed;

static void no_context_is_the_trained_length(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run = engine_run(dense, &options, NULL, 0);

    (void)state;
    assert_int_equal(run.n_ctx, 8192);
    assert_int_equal(run.n_seq, 1);
    assert_int_equal(run.n_batch, 2048);
    assert_int_equal(run.n_ubatch, 512);
    assert_int_equal(run.kv_cells, 8192);
    assert_int_equal(run.swa_cells, 0);
    assert_int_equal(run.outputs_graph, 1);
    assert_true(run.flash);
}

static void the_batch_follows_the_context_before_padding(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run;

    (void)state;
    options.ctx_tokens = 300;
    run = engine_run(dense, &options, NULL, 0);
    assert_int_equal(run.n_ctx, 512);
    assert_int_equal(run.n_batch, 300);
    assert_int_equal(run.n_ubatch, 300);
    assert_int_equal(run.graph_tokens, 300);
}

static void slots_round_the_context_up(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run;

    (void)state;
    options.ctx_tokens = 8192;
    options.sequences = 3;
    run = engine_run(dense, &options, NULL, 0);
    assert_int_equal(run.n_ctx_seq, 2816);
    assert_int_equal(run.n_ctx, 8448);
    assert_int_equal(run.streams, 3);
    assert_int_equal(run.graph_tokens, 513);
    options.kv_unified = CTXFIT_CHOICE_ON;
    run = engine_run(dense, &options, NULL, 0);
    assert_int_equal(run.n_ctx_seq, 8192);
    assert_int_equal(run.n_ctx, 8192);
    assert_int_equal(run.streams, 1);
}

static void a_window_cache_holds_the_window_and_a_batch(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    options.ctx_tokens = 8192;
    options.ubatch_tokens = 100;
    assert_int_equal(engine_run(windowed, &options, NULL, 0).swa_cells, 768); /* 512 + 100, padded to 256 */
    options.sequences = 4;
    assert_int_equal(engine_run(windowed, &options, NULL, 0).swa_cells, 768);
    options.kv_unified = CTXFIT_CHOICE_ON;
    assert_int_equal(engine_run(windowed, &options, NULL, 0).swa_cells, 2304); /* 4 x 512 + 100 */
    options.swa_full = CTXFIT_CHOICE_ON;
    assert_int_equal(engine_run(windowed, &options, NULL, 0).swa_cells, 8192);
}

static void outputs_are_bounded_by_the_batch(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    options.sequences = 4;
    assert_int_equal(engine_run(dense, &options, NULL, 0).outputs_graph, 4);
    options.outputs_max = 7;
    assert_int_equal(engine_run(dense, &options, NULL, 0).outputs_graph, 7);
    options.outputs_max = UINT32_MAX;
    assert_int_equal(engine_run(dense, &options, NULL, 0).outputs_graph, 512);
    options.batch_tokens = 100;
    assert_int_equal(engine_run(dense, &options, NULL, 0).outputs_graph, 100);
}

static void hostile_numbers_are_refused_not_wrapped(void **state)
{
    static const uint64_t contexts[] = {UINT64_MAX - 1, (uint64_t)UINT32_MAX + 1, UINT32_MAX, UINT32_MAX - 254};
    ctxfit_plan_options   options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run               run;
    ctxfit_error          error;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(contexts); i++) {
        options.ctx_tokens = contexts[i];
        assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_INVALID_ARG);
    }
    options.ctx_tokens = UINT32_MAX - 255;
    options.batch_tokens = options.ubatch_tokens = UINT32_MAX;
    run = engine_run(dense, &options, NULL, 0);
    assert_int_equal(run.n_ctx, UINT32_MAX - 255);
    assert_int_equal(run.n_ubatch, UINT32_MAX - 255);
    options.sequences = 257;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_REFUSED);
    assert_string_equal(error.message, "n_seq_max must be <= 256");
}

static void choices_outside_their_range_are_named(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run;
    ctxfit_error        error;

    (void)state;
    options.swa_full = 3;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_INVALID_ARG);
    assert_non_null(strstr(error.message, "swa_full"));
    options.swa_full = 0;
    options.split_mode = CTXFIT_SPLIT_ROW;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_UNSUPPORTED);
    options.split_mode = 9;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_INVALID_ARG);
}

static void cache_types_need_what_the_engine_says(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run;
    ctxfit_error        error;

    (void)state;
    options.kv_key = CTXFIT_QUANT_Q4_K;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_REFUSED);
    assert_string_equal(error.message, "Unsupported cache type: q4_k");
    options.kv_key = 4000000000u;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_INVALID_ARG);
    options.kv_key = 0;
    options.kv_value = CTXFIT_QUANT_Q8_0;
    options.flash_attention = CTXFIT_CHOICE_OFF;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_E_REFUSED);
    assert_string_equal(error.message, "quantized V cache requires flash_attn to be enabled");
    options.kv_key = CTXFIT_QUANT_Q8_0;
    options.kv_value = 0;
    assert_int_equal(cfi_engine_resolve(dense, &options, NULL, 0, &run, &error), CTXFIT_OK);
    assert_false(run.flash);
}

static int make_models(void **state)
{
    (void)state;
    dense = engine_model(ENGINE_DENSE);
    windowed = engine_model(ENGINE_WINDOWED);
    return 0;
}

static int free_models(void **state)
{
    (void)state;
    ctxfit_model_free(dense);
    ctxfit_model_free(windowed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_context_is_the_trained_length),
        cmocka_unit_test(the_batch_follows_the_context_before_padding),
        cmocka_unit_test(slots_round_the_context_up),
        cmocka_unit_test(a_window_cache_holds_the_window_and_a_batch),
        cmocka_unit_test(outputs_are_bounded_by_the_batch),
        cmocka_unit_test(hostile_numbers_are_refused_not_wrapped),
        cmocka_unit_test(choices_outside_their_range_are_named),
        cmocka_unit_test(cache_types_need_what_the_engine_says),
    };

    return cmocka_run_group_tests(tests, make_models, free_models);
}
