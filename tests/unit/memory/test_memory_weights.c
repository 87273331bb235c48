/* Where tensors go: by layers, by overrides, and twice where an output needs its copy. Sums are taken over the tensors by hand. */
#include "test_support.h"

#include "engine_case.h"

#define GIB (UINT64_C(1) << 30)

static const cfi_engine_device cuda[] = {{CTXFIT_BACKEND_CUDA, 24 * GIB}, {CTXFIT_BACKEND_CUDA, 24 * GIB}};

static ctxfit_model *experts;
static ctxfit_model *tied;

static cfi_memory measure(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t count)
{
    cfi_run      run = engine_run(model, options, cuda, count);
    cfi_memory   memory;
    ctxfit_error error;

    if (cfi_memory_measure(model, cuda, &run, &memory, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return memory;
}

/* Of all tensors whose name has `part`, padded for the host. */
static uint64_t sum_of(const ctxfit_model *model, const char *part)
{
    uint64_t total = 0;

    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        if (strstr(model->tensor[i].name, part) != NULL)
            total += (model->tensor[i].bytes + 31) / 32 * 32;
    }
    return total;
}

static void sums_and_single_tensors_give_the_same(void **state)
{
    static const uint32_t layers[] = {0, 1, 3, CTXFIT_GPU_LAYERS_NONE};
    const ctxfit_model   *models[] = {experts, tied};

    (void)state;
    for (size_t m = 0; m < CFI_COUNT(models); m++) {
        for (size_t i = 0; i < CFI_COUNT(layers); i++) {
            for (uint32_t count = 0; count <= 2; count++) {
                ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
                cfi_memory          by_sums;
                cfi_memory          by_tensors;

                options.gpu_layers = layers[i];
                options.cpu_expert_layers = (uint32_t)i;
                by_sums = measure(models[m], &options, count);
                snprintf(options.overrides, sizeof options.overrides, "no such tensor=CPU");
                by_tensors = measure(models[m], &options, count);
                for (uint32_t d = 0; d <= count; d++)
                    assert_int_equal(by_sums.device[d].weights, by_tensors.device[d].weights);
            }
        }
    }
}

static void experts_of_the_first_layers_can_stay_on_the_host(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    uint64_t            before = measure(experts, &options, 1).device[1].weights;

    (void)state;
    options.cpu_expert_layers = 2;
    assert_int_equal(measure(experts, &options, 1).device[1].weights - before,
                     sum_of(experts, "blk.0.ffn_gate_exps") + sum_of(experts, "blk.0.ffn_up_exps") +
                         sum_of(experts, "blk.0.ffn_down_exps") +
                         sum_of(experts, "blk.1.ffn_gate_exps") + sum_of(experts, "blk.1.ffn_up_exps") +
                         sum_of(experts, "blk.1.ffn_down_exps"));
    options.cpu_expert_layers = CTXFIT_ALL_LAYERS;
    assert_int_equal(measure(experts, &options, 1).device[1].weights - before, sum_of(experts, "_exps."));
}

static void the_first_matching_override_wins(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    uint64_t            before = measure(experts, &options, 1).device[1].weights;

    (void)state;
    snprintf(options.overrides, sizeof options.overrides, "blk\\.0\\..*_exps=CUDA0,_exps=CPU");
    assert_int_equal(measure(experts, &options, 1).device[1].weights - before,
                     sum_of(experts, "_exps.") - sum_of(experts, "blk.0.ffn_gate_exps") - sum_of(experts, "blk.0.ffn_up_exps") -
                         sum_of(experts, "blk.0.ffn_down_exps"));
    snprintf(options.overrides, sizeof options.overrides, "token_embd=CUDA0");
    assert_int_equal(before - measure(experts, &options, 1).device[1].weights, sum_of(experts, "token_embd"));
}

static void overrides_that_cannot_be_read_are_told_with_their_place(void **state)
{
    static const struct {
        const char *text;
        uint64_t    offset;
    } cases[] = {{"blk", 0}, {"a=CPU,blk", 6}, {"a=CUDA7", 2}, {"a=CPU;(b=CPU", 8}, {"a=", 2}};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
        cfi_run             run;
        cfi_memory          memory;
        ctxfit_error        error;

        snprintf(options.overrides, sizeof options.overrides, "%s", cases[i].text);
        run = engine_run(experts, &options, cuda, 1);
        assert_int_equal(cfi_memory_measure(experts, cuda, &run, &memory, &error), CTXFIT_E_INVALID_ARG);
        assert_int_equal(error.offset, cases[i].offset);
    }
}

static void a_tied_output_on_a_device_is_a_copy(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    uint64_t            embedding = sum_of(tied, "token_embd.weight");
    cfi_memory          memory = measure(tied, &options, 1);

    (void)state;
    assert_int_equal(memory.device[1].weights, embedding);
    assert_int_equal(memory.device[0].weights, sum_of(tied, ""));
    memory = measure(tied, &options, 0);
    assert_int_equal(memory.device[0].weights, sum_of(tied, ""));
}

static void devices_are_named_as_the_engine_names_them(void **state)
{
    const cfi_engine_device devices[] = {{CTXFIT_BACKEND_CUDA, 1}, {CTXFIT_BACKEND_VULKAN, 1}, {CTXFIT_BACKEND_CUDA, 1}};
    char                    name[16];

    (void)state;
    cfi_memory_device_name(devices, 0, name, sizeof name);
    assert_string_equal(name, "CUDA0");
    cfi_memory_device_name(devices, 1, name, sizeof name);
    assert_string_equal(name, "Vulkan0");
    cfi_memory_device_name(devices, 2, name, sizeof name);
    assert_string_equal(name, "CUDA1");
}

static int make_models(void **state)
{
    (void)state;
    experts = engine_model(ENGINE_EXPERTS);
    tied = engine_model(ENGINE_DENSE " tie_word_embeddings rope_freqs");
    return 0;
}

static int free_models(void **state)
{
    (void)state;
    ctxfit_model_free(experts);
    ctxfit_model_free(tied);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_single_tensors_give_the_same),
        cmocka_unit_test(experts_of_the_first_layers_can_stay_on_the_host),
        cmocka_unit_test(the_first_matching_override_wins),
        cmocka_unit_test(overrides_that_cannot_be_read_are_told_with_their_place),
        cmocka_unit_test(a_tied_output_on_a_device_is_a_copy),
        cmocka_unit_test(devices_are_named_as_the_engine_names_them),
    };

    return cmocka_run_group_tests(tests, make_models, free_models);
}
