/* A caller that was compiled with the first version of a struct is served for ever; one with less set no size. */
#include "plan_fixture.h"

#include "base/base_internal.h"

#define ASSERT_GROWS(type, v1) _Static_assert(sizeof(type) >= (v1) && (v1) % 8 == 0, #type " is smaller than it was")

ASSERT_GROWS(ctxfit_quant_info, CFI_V1_QUANT_INFO);
ASSERT_GROWS(ctxfit_file_type_info, CFI_V1_FILE_TYPE_INFO);
ASSERT_GROWS(ctxfit_gguf_options, CFI_V1_GGUF_OPTIONS);
ASSERT_GROWS(ctxfit_gguf_key, CFI_V1_GGUF_KEY);
ASSERT_GROWS(ctxfit_tensor_info, CFI_V1_TENSOR_INFO);
ASSERT_GROWS(ctxfit_model_info, CFI_V1_MODEL_INFO);
ASSERT_GROWS(ctxfit_layer_info, CFI_V1_LAYER_INFO);
ASSERT_GROWS(ctxfit_device, CFI_V1_DEVICE);
ASSERT_GROWS(ctxfit_hw_entry, CFI_V1_HW_ENTRY);
ASSERT_GROWS(ctxfit_hw_filter, CFI_V1_HW_FILTER);
ASSERT_GROWS(ctxfit_hw_detect_options, CFI_V1_HW_DETECT);
ASSERT_GROWS(ctxfit_rank_row, CFI_V1_RANK_ROW);
ASSERT_GROWS(ctxfit_engine_info, CFI_V1_ENGINE_INFO);
ASSERT_GROWS(ctxfit_plan_options, CFI_V1_PLAN_OPTIONS);
ASSERT_GROWS(ctxfit_plan_summary, CFI_V1_PLAN_SUMMARY);
ASSERT_GROWS(ctxfit_plan_device, CFI_V1_PLAN_DEVICE);
ASSERT_GROWS(ctxfit_constraint, CFI_V1_CONSTRAINT);
ASSERT_GROWS(ctxfit_estimate, CFI_V1_ESTIMATE);
ASSERT_GROWS(ctxfit_request, CFI_V1_REQUEST);
ASSERT_GROWS(ctxfit_check, CFI_V1_CHECK);

/* Calls with the first size, which must do, one below it, which must not, and a size from the future with rubbish behind. */
#define ASSERT_SIZES(type, v1, call)                                \
    do {                                                            \
        union {                                                     \
            type    out;                                            \
            uint8_t bytes[sizeof(type) + 16];                       \
        } u;                                                        \
        type *const out = &u.out;                                   \
        memset(&u, 0xa5, sizeof u);                                 \
        out->struct_size = (v1);                                    \
        assert_int_equal(call, CTXFIT_OK);                          \
        assert_int_equal(out->struct_size, v1);                     \
        for (size_t i = (v1); i < sizeof u; i++)                    \
            assert_int_equal(u.bytes[i], 0xa5);                     \
        out->struct_size = (v1)-8;                                  \
        assert_int_equal(call, CTXFIT_E_STRUCT_SIZE);               \
        out->struct_size = sizeof u;                                \
        assert_int_equal(call, CTXFIT_OK);                          \
        for (size_t i = sizeof(type); i < sizeof u; i++)            \
            assert_int_equal(u.bytes[i], 0);                        \
    } while (0)

static void callers_of_any_age_get_what_they_have_room_for(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_plan        *plan;
    ctxfit_request      request = CTXFIT_REQUEST_INIT;

    (void)state;
    options.struct_size = CFI_V1_PLAN_OPTIONS;
    plan = planned(model, hw, &options);
    ASSERT_SIZES(ctxfit_quant_info, CFI_V1_QUANT_INFO, ctxfit_quant_get_info(CTXFIT_QUANT_Q4_K, out));
    ASSERT_SIZES(ctxfit_file_type_info, CFI_V1_FILE_TYPE_INFO, ctxfit_file_type_get_info(CTXFIT_FILE_TYPE_Q4_K_M, out));
    ASSERT_SIZES(ctxfit_engine_info, CFI_V1_ENGINE_INFO, ctxfit_engine_get(0, out));
    ASSERT_SIZES(ctxfit_engine_info, CFI_V1_ENGINE_INFO, ctxfit_engine_from_name("llama.cpp@b10472", out, NULL));
    ASSERT_SIZES(ctxfit_model_info, CFI_V1_MODEL_INFO, ctxfit_model_get_info(model, out));
    ASSERT_SIZES(ctxfit_layer_info, CFI_V1_LAYER_INFO, ctxfit_model_get_layer(model, 0, out));
    ASSERT_SIZES(ctxfit_tensor_info, CFI_V1_TENSOR_INFO, ctxfit_model_get_tensor(model, 0, out));
    ASSERT_SIZES(ctxfit_device, CFI_V1_DEVICE, ctxfit_hw_get_device(hw, 0, out));
    ASSERT_SIZES(ctxfit_hw_entry, CFI_V1_HW_ENTRY, ctxfit_hw_catalog_get(0, out));
    ASSERT_SIZES(ctxfit_plan_summary, CFI_V1_PLAN_SUMMARY, ctxfit_plan_get_summary(plan, out));
    ASSERT_SIZES(ctxfit_plan_device, CFI_V1_PLAN_DEVICE, ctxfit_plan_get_device(plan, 0, out));
    ASSERT_SIZES(ctxfit_constraint, CFI_V1_CONSTRAINT, ctxfit_plan_get_constraint(plan, 0, out));
    ASSERT_SIZES(ctxfit_estimate, CFI_V1_ESTIMATE, ctxfit_plan_get_decode_rate(plan, 0, out));
    ASSERT_SIZES(ctxfit_estimate, CFI_V1_ESTIMATE, ctxfit_plan_get_prompt_time(plan, 100, 0, out));
    ASSERT_SIZES(ctxfit_check, CFI_V1_CHECK, ctxfit_plan_check(plan, &request, out));
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_of_any_age_get_what_they_have_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
