/* Adapters beside a model count in its plan, where the layers lie that they change. */
#include "beside_fixture.h"

static void an_adapter_lies_where_its_layers_lie(void **state)
{
    const uint64_t      pair = UINT64_C(4) * RANK * (WIDTH + WIDTH);
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_beside      *beside = besides();
    ctxfit_plan        *plan;
    gguf_writer         w;
    ctxfit_error        error;

    (void)state;
    adapter_begin(&w, "qwen3");
    for (unsigned layer = 0; layer < 40; layer++)
        adapter_layer(&w, layer);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_count(beside), 1);
    options.gpu_layers = 31; /* the output layer and 30 of 40 */
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).weights_bytes, 30 * pair);
    assert_int_equal(entry_of(plan, 0, 1).weights_bytes, 10 * pair);
    assert_int_equal(entry_of(plan, 0, 0).compute_bytes, 0); /* the model's buffer holds it */
    assert_int_equal(entry_of(plan, 0, 0).compute_exact, 1);
    assert_string_equal(entry_of(plan, 0, UINT32_MAX).name, "qwen3");
    ctxfit_plan_free(plan);
    options.flags |= CTXFIT_PLAN_F_BOUND;
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).compute_bytes, UINT64_C(512) * 4 * (WIDTH + RANK)); /* a micro-batch of both products */
    assert_int_equal(entry_of(plan, 0, 0).compute_exact, 0);
    ctxfit_plan_free(plan);
    options.flags &= ~(uint32_t)CTXFIT_PLAN_F_BOUND;
    memcpy(options.overrides, "blk\\.3[0-9]\\.attn_q=CPU", sizeof "blk\\.3[0-9]\\.attn_q=CPU");
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).weights_bytes, 20 * pair);
    assert_int_equal(entry_of(plan, 0, 1).weights_bytes, 20 * pair);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void the_message_names_the_adapter_that_does_not_fit(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_beside      *beside = besides();
    gguf_writer         w;
    ctxfit_error        error;

    (void)state;
    for (unsigned layer = 39; layer <= 40; layer++) { /* of 40 */
        adapter_begin(&w, "qwen3");
        adapter_layer(&w, layer);
        assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_OK);
    }
    assert_int_equal(ctxfit_beside_set_name(beside, 0, "first.gguf", NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_set_name(beside, 1, "second.gguf", NULL), CTXFIT_OK);
    assert_int_equal(refused(model, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "adapter 'second.gguf': LoRA tensor 'blk.40."));
    ctxfit_beside_free(beside);
    ctxfit_model_free(model);
}

static void an_adapter_of_another_model_is_refused(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M"), *other = catalog_model("qwen3-8b", "Q4_K_M"),
                       *gemma = catalog_model("gemma-3-1b", "Q8_0");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_beside      *beside = besides();
    gguf_writer         w;
    ctxfit_error        error;

    (void)state;
    adapter_begin(&w, "qwen3");
    adapter_layer(&w, 39);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_OK);
    assert_int_equal(refused(gemma, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "arch mismatch"));
    assert_int_equal(refused(other, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "does not exist in base model")); /* 36 layers */
    ctxfit_beside_free(beside);
    beside = besides();
    adapter_begin(&w, "qwen3");
    adapter_layer(&w, 0);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_OK);
    assert_int_equal(refused(other, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "incorrect shape")); /* 4096 wide */
    ctxfit_beside_free(beside);
    beside = besides();
    adapter_begin(&w, "qwen3");
    adapter_half(&w, "blk.0.attn_q.weight.lora_a", WIDTH, RANK);
    adapter_half(&w, "blk.0.attn_q.weight.lora_b", RANK + 1, WIDTH);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_OK);
    assert_int_equal(refused(model, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "not transposed"));
    ctxfit_beside_free(beside);
    ctxfit_model_free(gemma);
    ctxfit_model_free(other);
    ctxfit_model_free(model);
}

static void an_adapter_without_a_half_or_with_another_tensor_is_malformed(void **state)
{
    ctxfit_beside *beside = besides();
    gguf_writer    w;
    ctxfit_error   error;

    (void)state;
    adapter_begin(&w, "qwen3");
    adapter_half(&w, "blk.0.attn_q.weight.lora_a", WIDTH, RANK);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "'blk.0.attn_q.weight' is missing"));
    adapter_begin(&w, "qwen3");
    adapter_layer(&w, 0);
    adapter_half(&w, "blk.1.attn_q.weight.lora_b", RANK, WIDTH);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_E_MALFORMED);
    adapter_begin(&w, "qwen3");
    adapter_half(&w, "blk.0.attn_q.weight", WIDTH, WIDTH);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "unexpected suffix"));
    assert_int_equal(ctxfit_beside_count(beside), 0);
    for (unsigned i = 0; i < CTXFIT_MAX_BESIDE; i++) {
        adapter_begin(&w, "qwen3");
        adapter_layer(&w, 0);
        assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_OK);
    }
    adapter_begin(&w, "qwen3");
    adapter_layer(&w, 0);
    assert_int_equal(add_adapter(beside, &w, &error), CTXFIT_E_LIMIT);
    ctxfit_beside_free(beside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_adapter_lies_where_its_layers_lie),
        cmocka_unit_test(the_message_names_the_adapter_that_does_not_fit),
        cmocka_unit_test(an_adapter_of_another_model_is_refused),
        cmocka_unit_test(an_adapter_without_a_half_or_with_another_tensor_is_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
