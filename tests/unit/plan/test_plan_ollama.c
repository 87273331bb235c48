/* What Ollama leaves to llama-server: as much on the GPUs as they hold. */
#include "plan_fixture.h"

static ctxfit_plan *under(const char *engine, const ctxfit_model *model, const ctxfit_hw *hw, ctxfit_plan_options o)
{
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    return planned(model, hw, &o);
}

/* The same run of the same llama.cpp, placed by hand. */
static uint32_t fit_by_hand(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_summary *s, uint32_t gpu_layers,
                            uint32_t cpu_expert_layers)
{
    ctxfit_plan_options o = options_with(s->n_ctx, s->n_seq);
    ctxfit_plan        *plan;
    ctxfit_plan_summary by_hand;

    o.batch_tokens = s->n_batch;
    o.ubatch_tokens = s->n_ubatch;
    o.gpu_layers = gpu_layers;
    o.cpu_expert_layers = cpu_expert_layers;
    o.flags = CTXFIT_PLAN_F_NO_LIMITS;
    plan = under("llama.cpp@b10488", model, hw, o);
    by_hand = summary_of(plan);
    ctxfit_plan_free(plan);
    return by_hand.fit;
}

static void layers_beyond_the_gpu_stay_on_the_host(void **state)
{
    ctxfit_model       *model = catalog_model("llama-3.1-70b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:128GiB");
    ctxfit_plan        *plan = under("ollama", model, hw, options_with(8192, 1));
    ctxfit_plan_summary s = summary_of(plan);

    (void)state;
    assert_int_equal(s.fit, CTXFIT_FIT_SPLIT);
    assert_in_range(s.gpu_layers, 30, 50);
    assert_int_equal(fit_by_hand(model, hw, &s, s.gpu_layers, 0), CTXFIT_FIT_SPLIT);
    assert_int_equal(fit_by_hand(model, hw, &s, s.gpu_layers + 1, 0), CTXFIT_FIT_NONE);
    assert_non_null(strstr(ctxfit_plan_warning(plan, 0), "of 81 layers on the host"));
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void old_gpus_have_no_flash_attention_by_themselves(void **state)
{
    static const struct {
        char     machine[40];
        uint32_t asked;
        bool     refused;
    } cases[] = {
        {"m40-24gb host:64GiB", CTXFIT_CHOICE_DEFAULT, true}, {"jetson-agx-xavier-32gb", CTXFIT_CHOICE_DEFAULT, true},
        {"m40-24gb host:64GiB", CTXFIT_CHOICE_ON, false},     {"p40 host:64GiB", CTXFIT_CHOICE_DEFAULT, false},
        {"v100-pcie-32gb host:64GiB", CTXFIT_CHOICE_DEFAULT, false},
    };
    ctxfit_model *model = catalog_model("qwen3-8b", "Q4_K_M");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_hw          *hw = machine(cases[i].machine);
        ctxfit_plan_options o = options_with(8192, 1);
        ctxfit_plan        *plan = NULL;

        (void)snprintf(o.engine, sizeof o.engine, "ollama");
        o.flash_attention = cases[i].asked;
        o.kv_key = o.kv_value = CTXFIT_QUANT_Q8_0; /* of values: only with flash attention */
        assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL), cases[i].refused ? CTXFIT_E_REFUSED : CTXFIT_OK);
        ctxfit_plan_free(plan);
        ctxfit_hw_free(hw);
    }
    ctxfit_model_free(model);
}

static void experts_stay_on_the_host_before_layers_do(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-3060-12gb host:64GiB");
    ctxfit_plan        *plan = under("ollama", model, hw, options_with(16384, 1));
    ctxfit_plan_summary s = summary_of(plan);
    const char         *kept = strstr(ctxfit_plan_warning(plan, 0), "experts of ");
    uint32_t            layers;

    (void)state;
    assert_int_equal(s.fit, CTXFIT_FIT_SPLIT);
    assert_int_equal(s.gpu_layers, 49);
    assert_non_null(kept);
    layers = (uint32_t)strtoul(kept + strlen("experts of "), NULL, 10);
    assert_in_range(layers, 10, 40);
    assert_int_equal(fit_by_hand(model, hw, &s, 0, layers), CTXFIT_FIT_SPLIT);
    assert_int_equal(fit_by_hand(model, hw, &s, 0, layers - 1), CTXFIT_FIT_NONE);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void a_number_of_layers_that_is_asked_for_is_kept(void **state)
{
    ctxfit_model       *model = catalog_model("llama-3.1-70b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:128GiB"), *small = machine("rtx-4090 host:16GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_plan        *plan;

    (void)state;
    o.gpu_layers = 81;
    plan = under("ollama", model, hw, o);
    assert_int_equal(summary_of(plan).fit, CTXFIT_FIT_NONE);
    ctxfit_plan_free(plan);
    o.gpu_layers = 0;
    plan = under("ollama", model, small, o); /* what the GPU does not hold, this host does not either */
    assert_int_equal(summary_of(plan).fit, CTXFIT_FIT_NONE);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(small);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Releases before llama-server: what its estimate keeps on the host stays there, with as many sequences as fit beside it. */
static void an_estimate_decides_on_layers_and_sequences_before_llama_server(void **state)
{
    ctxfit_model       *large = catalog_model("llama-3.1-70b", "Q4_K_M"), *small = catalog_model("llama-3.1-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:128GiB"), *two = machine("rtx-3060-12gb rtx-4090 host:128GiB");
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan        *plan = under("ollama@0.13.5", large, hw, o);
    ctxfit_plan_summary s = summary_of(plan);
    ctxfit_plan_device  device = CTXFIT_PLAN_DEVICE_INIT;

    (void)state;
    assert_int_equal(s.fit, CTXFIT_FIT_SPLIT);
    assert_in_range(s.gpu_layers, 40, 48);
    assert_int_equal(s.output_device, 1); /* the output layer is the last that goes to a GPU */
    assert_non_null(strstr(ctxfit_plan_warning(plan, 0), "ollama keeps"));
    assert_in_range(s.max_sequences, 1, 4);
    ctxfit_plan_free(plan);
    plan = under("ollama@0.5.4", small, hw, o); /* four requests fit: server/sched.go */
    assert_int_equal(summary_of(plan).n_seq, 4);
    assert_int_equal(summary_of(plan).n_ctx, 8192);
    assert_int_equal(summary_of(plan).n_ctx_seq, 2048);
    ctxfit_plan_free(plan);
    plan = under("ollama@0.5.4", large, hw, o);
    assert_int_equal(summary_of(plan).n_seq, 1);
    ctxfit_plan_free(plan);
    plan = under("ollama@0.9.3", small, two, o); /* the larger GPU alone */
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &device), CTXFIT_OK);
    assert_int_equal(device.total_bytes, 0);
    assert_int_equal(summary_of(plan).n_seq, 2);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(two);
    ctxfit_hw_free(hw);
    ctxfit_model_free(small);
    ctxfit_model_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_beyond_the_gpu_stay_on_the_host),
        cmocka_unit_test(old_gpus_have_no_flash_attention_by_themselves),
        cmocka_unit_test(experts_stay_on_the_host_before_layers_do),
        cmocka_unit_test(a_number_of_layers_that_is_asked_for_is_kept),
        cmocka_unit_test(an_estimate_decides_on_layers_and_sequences_before_llama_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
