/* Which device gets which layer, and where flash attention and pipelines are possible. */
#include <math.h>

#include "test_support.h"

#include "engine_case.h"

#define GIB (UINT64_C(1) << 30)

static const cfi_engine_device two_cuda[] = {{CTXFIT_BACKEND_CUDA, 24 * GIB}, {CTXFIT_BACKEND_CUDA, 8 * GIB}};

static ctxfit_model *dense;

static void layers_count_from_the_end_and_the_output_is_one(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run;

    (void)state;
    options.gpu_layers = 1;
    run = engine_run(dense, &options, two_cuda, 1);
    assert_int_equal(cfi_engine_layer_device(&run, 3), 1);
    assert_int_equal(run.output_device, 0);
    options.gpu_layers = 3;
    run = engine_run(dense, &options, two_cuda, 1);
    assert_int_equal(cfi_engine_layer_device(&run, 1), 1);
    assert_int_equal(cfi_engine_layer_device(&run, 2), 0);
    assert_int_equal(run.gpu_layers, 3);
    options.gpu_layers = 99;
    run = engine_run(dense, &options, two_cuda, 1);
    assert_int_equal(cfi_engine_layer_device(&run, 0), 0);
    assert_int_equal(run.gpu_layers, 5);
    options.gpu_layers = CTXFIT_GPU_LAYERS_NONE;
    run = engine_run(dense, &options, two_cuda, 1);
    assert_int_equal(run.output_device, 1);
    assert_int_equal(cfi_engine_layer_device(&run, 3), 1);
    assert_int_equal(engine_run(dense, &options, NULL, 0).output_device, 0);
}

/* 5 with the output: fractions 0, .2, .4, .6, .8 of which those below .75 are on the first of 24 and 8 GiB. */
static void the_default_split_is_by_free_memory(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run = engine_run(dense, &options, two_cuda, 2);

    (void)state;
    assert_int_equal(cfi_engine_layer_device(&run, 3), 0);
    assert_int_equal(cfi_engine_layer_device(&run, 4), 1);
    assert_int_equal(run.output_device, 1);
    assert_true(run.pipeline);
}

static void a_device_with_no_share_gets_nothing(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run;

    (void)state;
    options.tensor_split[1] = 1.0;
    run = engine_run(dense, &options, two_cuda, 2);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(cfi_engine_layer_device(&run, i), 1);
    options.tensor_split[0] = 1.0;
    options.tensor_split[1] = 0.0;
    run = engine_run(dense, &options, two_cuda, 2);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(cfi_engine_layer_device(&run, i), 0);
    assert_int_equal(run.output_device, 0);
}

static void a_share_is_a_number_of_at_least_zero(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    const double        bad[] = {-1.0, 1e300, NAN};
    cfi_run             run;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(bad); i++) {
        options.tensor_split[1] = bad[i];
        assert_int_equal(cfi_engine_resolve(dense, &options, two_cuda, 2, &run, NULL), CTXFIT_E_INVALID_ARG);
    }
}

static void without_a_split_the_first_device_gets_all(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_run             run;

    (void)state;
    options.split_mode = CTXFIT_SPLIT_NONE;
    run = engine_run(dense, &options, two_cuda, 2);
    assert_int_equal(cfi_engine_layer_device(&run, 4), 0);
    assert_int_equal(run.device_count, 2);
    assert_false(run.pipeline);
}

static void a_pipeline_needs_everything_on_devices_with_events(void **state)
{
    const cfi_engine_device rpc[] = {{CTXFIT_BACKEND_RPC, GIB}, {CTXFIT_BACKEND_RPC, GIB}};
    ctxfit_plan_options     options = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    assert_false(engine_run(dense, &options, two_cuda, 1).pipeline);
    assert_true(engine_run(dense, &options, rpc, 2).pipeline);
    snprintf(options.engine, sizeof options.engine, "llama.cpp@b10472");
    assert_false(engine_run(dense, &options, rpc, 2).pipeline);
    options.gpu_layers = 4;
    assert_false(engine_run(dense, &options, two_cuda, 2).pipeline);
    options.gpu_layers = 5;
    assert_true(engine_run(dense, &options, two_cuda, 2).pipeline);
    options.kv_offload = CTXFIT_CHOICE_OFF;
    assert_false(engine_run(dense, &options, two_cuda, 2).pipeline);
    options.kv_offload = CTXFIT_CHOICE_ON;
    options.cpu_expert_layers = 1;
    assert_false(engine_run(dense, &options, two_cuda, 2).pipeline);
    options.cpu_expert_layers = 0;
    snprintf(options.overrides, sizeof options.overrides, "x=CPU");
    assert_false(engine_run(dense, &options, two_cuda, 2).pipeline);
}

static void flash_attention_is_left_off_where_no_kernel_is(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    assert_true(engine_run(dense, &options, two_cuda, 1).flash);
    options.kv_key = CTXFIT_QUANT_Q5_1; /* no kernel for K and V of different types */
    assert_false(engine_run(dense, &options, two_cuda, 1).flash);
    assert_true(engine_run(dense, &options, NULL, 0).flash);
    options.flash_attention = CTXFIT_CHOICE_ON;
    assert_true(engine_run(dense, &options, two_cuda, 1).flash);
    options.flash_attention = CTXFIT_CHOICE_OFF;
    options.kv_key = 0;
    assert_false(engine_run(dense, &options, two_cuda, 1).flash);
}

static void head_sizes_decide_on_each_backend(void **state)
{
    static const struct {
        uint32_t backend, heads, kv_heads, key, value;
        bool     possible;
    } cases[] = {
        {CTXFIT_BACKEND_CUDA, 8, 8, 128, 128, true},    {CTXFIT_BACKEND_CUDA, 8, 8, 128, 64, false},
        {CTXFIT_BACKEND_CUDA, 8, 8, 160, 160, false},   {CTXFIT_BACKEND_ROCM, 16, 2, 192, 128, true},
        {CTXFIT_BACKEND_CUDA, 8, 2, 192, 128, false},   {CTXFIT_BACKEND_CUDA, 8, 8, 512, 512, false},
        {CTXFIT_BACKEND_CUDA, 8, 4, 512, 512, true},    {CTXFIT_BACKEND_METAL, 8, 8, 48, 48, true},
        {CTXFIT_BACKEND_METAL, 8, 8, 160, 160, false},  {CTXFIT_BACKEND_VULKAN, 8, 8, 160, 160, true},
        {CTXFIT_BACKEND_VULKAN, 8, 8, 100, 100, false}, {CTXFIT_BACKEND_RPC, 8, 8, 100, 100, true},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

        layer.attention = CTXFIT_ATTENTION_FULL;
        layer.heads = cases[i].heads;
        layer.kv_heads = cases[i].kv_heads;
        layer.key_size = cases[i].key;
        layer.value_size = cases[i].value;
        if (cfi_engine_flash_possible(cases[i].backend, &layer, CTXFIT_QUANT_F16, CTXFIT_QUANT_F16) != cases[i].possible)
            fail_msg("case %zu", i);
    }
}

static int make_models(void **state)
{
    (void)state;
    dense = engine_model(ENGINE_DENSE);
    return 0;
}

static int free_models(void **state)
{
    (void)state;
    ctxfit_model_free(dense);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_count_from_the_end_and_the_output_is_one),
        cmocka_unit_test(the_default_split_is_by_free_memory),
        cmocka_unit_test(a_device_with_no_share_gets_nothing),
        cmocka_unit_test(a_share_is_a_number_of_at_least_zero),
        cmocka_unit_test(without_a_split_the_first_device_gets_all),
        cmocka_unit_test(a_pipeline_needs_everything_on_devices_with_events),
        cmocka_unit_test(flash_attention_is_left_off_where_no_kernel_is),
        cmocka_unit_test(head_sizes_decide_on_each_backend),
    };

    return cmocka_run_group_tests(tests, make_models, free_models);
}
