/* A getter that fails leaves nothing of its caller's struct but its size: for every kind of handle. */
#include "plan_fixture.h"

static void assert_zero(const void *data, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        assert_int_equal(((const unsigned char *)data)[i], 0);
}

/* Fills a struct `out` with rubbish and calls. */
#define ASSERT_ZEROED(type, expected, call)                    \
    do {                                                       \
        type out;                                              \
        memset(&out, 0xa5, sizeof out);                        \
        out.struct_size = (uint32_t)sizeof out;                \
        assert_int_equal(call, expected);                      \
        assert_int_equal(out.struct_size, sizeof out);         \
        assert_zero(&out, sizeof out.struct_size, sizeof out); \
    } while (0)

static void getters_of_tables_zero_what_is_not_found(void **state)
{
    (void)state;
    ASSERT_ZEROED(ctxfit_quant_info, CTXFIT_E_NOT_FOUND, ctxfit_quant_get_info(UINT32_MAX, &out));
    ASSERT_ZEROED(ctxfit_file_type_info, CTXFIT_E_NOT_FOUND, ctxfit_file_type_get_info(UINT32_MAX, &out));
    ASSERT_ZEROED(ctxfit_engine_info, CTXFIT_E_NOT_FOUND, ctxfit_engine_get(UINT32_MAX, &out));
    ASSERT_ZEROED(ctxfit_engine_info, CTXFIT_E_NOT_FOUND, ctxfit_engine_from_name("no such engine", &out, NULL));
    ASSERT_ZEROED(ctxfit_engine_info, CTXFIT_E_NOT_FOUND, ctxfit_engine_from_name("llama.cpp@no version", &out, NULL));
}

static void getters_of_a_header_zero_what_is_not_there(void **state)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf;

    (void)state;
    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    assert_int_equal(ctxfit_gguf_open(TEST_DATA "/gguf/qwen-dense.gguf", &options, NULL, &gguf, NULL), CTXFIT_OK);
    ASSERT_ZEROED(ctxfit_gguf_key, CTXFIT_E_NOT_FOUND, ctxfit_gguf_get_key(gguf, UINT64_MAX, &out));
    ASSERT_ZEROED(ctxfit_gguf_key, CTXFIT_E_INVALID_ARG, ctxfit_gguf_get_key(NULL, 0, &out));
    ASSERT_ZEROED(ctxfit_tensor_info, CTXFIT_E_NOT_FOUND, ctxfit_gguf_get_tensor(gguf, UINT64_MAX, &out));
    ASSERT_ZEROED(ctxfit_tensor_info, CTXFIT_E_INVALID_ARG, ctxfit_gguf_get_tensor(NULL, 0, &out));
    ctxfit_gguf_free(gguf);
}

static void getters_of_a_model_zero_what_is_not_there(void **state)
{
    ctxfit_model *model = coder("Q4_K_M");

    (void)state;
    ASSERT_ZEROED(ctxfit_model_info, CTXFIT_E_INVALID_ARG, ctxfit_model_get_info(NULL, &out));
    ASSERT_ZEROED(ctxfit_layer_info, CTXFIT_E_NOT_FOUND, ctxfit_model_get_layer(model, 48, &out));
    ASSERT_ZEROED(ctxfit_layer_info, CTXFIT_E_INVALID_ARG, ctxfit_model_get_layer(NULL, 0, &out));
    ASSERT_ZEROED(ctxfit_tensor_info, CTXFIT_E_NOT_FOUND, ctxfit_model_get_tensor(model, UINT64_MAX, &out));
    ASSERT_ZEROED(ctxfit_tensor_info, CTXFIT_E_INVALID_ARG, ctxfit_model_get_tensor(NULL, 0, &out));
    ctxfit_model_free(model);
}

static void getters_of_a_machine_zero_what_is_not_there(void **state)
{
    ctxfit_hw *hw = machine("rtx-4090 host:64GiB");

    (void)state;
    ASSERT_ZEROED(ctxfit_device, CTXFIT_E_NOT_FOUND, ctxfit_hw_get_device(hw, 2, &out));
    ASSERT_ZEROED(ctxfit_device, CTXFIT_E_INVALID_ARG, ctxfit_hw_get_device(NULL, 0, &out));
    ctxfit_hw_free(hw);
}

static void getters_of_a_plan_zero_what_is_not_there(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_plan        *plan = planned(model, hw, &options);
    ctxfit_request      request = CTXFIT_REQUEST_INIT;

    (void)state;
    ASSERT_ZEROED(ctxfit_plan_summary, CTXFIT_E_INVALID_ARG, ctxfit_plan_get_summary(NULL, &out));
    ASSERT_ZEROED(ctxfit_plan_device, CTXFIT_E_NOT_FOUND, ctxfit_plan_get_device(plan, 2, &out));
    ASSERT_ZEROED(ctxfit_plan_device, CTXFIT_E_INVALID_ARG, ctxfit_plan_get_device(NULL, 0, &out));
    ASSERT_ZEROED(ctxfit_constraint, CTXFIT_E_NOT_FOUND, ctxfit_plan_get_constraint(plan, UINT32_MAX, &out));
    ASSERT_ZEROED(ctxfit_estimate, CTXFIT_E_INVALID_ARG, ctxfit_plan_get_decode_rate(NULL, 0, &out));
    ASSERT_ZEROED(ctxfit_estimate, CTXFIT_E_INVALID_ARG, ctxfit_plan_get_prompt_time(plan, 1, 2, &out));
    request.cached_tokens = 1; /* more than the prompt */
    ASSERT_ZEROED(ctxfit_check, CTXFIT_E_INVALID_ARG, ctxfit_plan_check(plan, &request, &out));
    request.struct_size = 4;
    ASSERT_ZEROED(ctxfit_check, CTXFIT_E_STRUCT_SIZE, ctxfit_plan_check(plan, &request, &out));
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(getters_of_tables_zero_what_is_not_found),   cmocka_unit_test(getters_of_a_header_zero_what_is_not_there),
        cmocka_unit_test(getters_of_a_model_zero_what_is_not_there),  cmocka_unit_test(getters_of_a_machine_zero_what_is_not_there),
        cmocka_unit_test(getters_of_a_plan_zero_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
