/* A caller that was compiled with the first version of a struct is served for ever; one with less set no size. */
#include "plan_fixture.h"

#include "base/base_internal.h"

/* Structs grow behind the release that brings them; until then the first size is that of today. All came with 0.1.0. */
#define ASSERT_FIRST_SIZE(type, v1) \
    _Static_assert((v1) % 8 == 0 && (CTXFIT_VERSION_NUMBER > 0x000100 ? sizeof(type) >= (v1) : sizeof(type) == (v1)), \
                   #type " has another size than base_internal.h says: " #v1)

ASSERT_FIRST_SIZE(ctxfit_change, CFI_V1_CHANGE);
ASSERT_FIRST_SIZE(ctxfit_check, CFI_V1_CHECK);
ASSERT_FIRST_SIZE(ctxfit_checkpoint_info, CFI_V1_CHECKPOINT);
ASSERT_FIRST_SIZE(ctxfit_checkpoint_layer, CFI_V1_CHECKPOINT_LAYER);
ASSERT_FIRST_SIZE(ctxfit_companion, CFI_V1_COMPANION);
ASSERT_FIRST_SIZE(ctxfit_constraint, CFI_V1_CONSTRAINT);
ASSERT_FIRST_SIZE(ctxfit_device, CFI_V1_DEVICE);
ASSERT_FIRST_SIZE(ctxfit_difference, CFI_V1_DIFFERENCE);
ASSERT_FIRST_SIZE(ctxfit_draft_options, CFI_V1_DRAFT_OPTIONS);
ASSERT_FIRST_SIZE(ctxfit_engine_info, CFI_V1_ENGINE_INFO);
ASSERT_FIRST_SIZE(ctxfit_estimate, CFI_V1_ESTIMATE);
ASSERT_FIRST_SIZE(ctxfit_file_type_info, CFI_V1_FILE_TYPE_INFO);
ASSERT_FIRST_SIZE(ctxfit_gguf_key, CFI_V1_GGUF_KEY);
ASSERT_FIRST_SIZE(ctxfit_gguf_options, CFI_V1_GGUF_OPTIONS);
ASSERT_FIRST_SIZE(ctxfit_goal, CFI_V1_GOAL);
ASSERT_FIRST_SIZE(ctxfit_hf_tensor, CFI_V1_HF_TENSOR);
ASSERT_FIRST_SIZE(ctxfit_hw_detect_options, CFI_V1_HW_DETECT);
ASSERT_FIRST_SIZE(ctxfit_hw_entry, CFI_V1_HW_ENTRY);
ASSERT_FIRST_SIZE(ctxfit_hw_filter, CFI_V1_HW_FILTER);
ASSERT_FIRST_SIZE(ctxfit_layer_info, CFI_V1_LAYER_INFO);
ASSERT_FIRST_SIZE(ctxfit_line, CFI_V1_LINE);
ASSERT_FIRST_SIZE(ctxfit_model_info, CFI_V1_MODEL_INFO);
ASSERT_FIRST_SIZE(ctxfit_place_summary, CFI_V1_PLACE_SUMMARY);
ASSERT_FIRST_SIZE(ctxfit_plan_beside, CFI_V1_PLAN_BESIDE);
ASSERT_FIRST_SIZE(ctxfit_plan_device, CFI_V1_PLAN_DEVICE);
ASSERT_FIRST_SIZE(ctxfit_plan_engine, CFI_V1_PLAN_ENGINE);
ASSERT_FIRST_SIZE(ctxfit_plan_options, CFI_V1_PLAN_OPTIONS);
ASSERT_FIRST_SIZE(ctxfit_plan_part, CFI_V1_PLAN_PART);
ASSERT_FIRST_SIZE(ctxfit_plan_summary, CFI_V1_PLAN_SUMMARY);
ASSERT_FIRST_SIZE(ctxfit_projector_memory, CFI_V1_PROJECTOR_MEMORY);
ASSERT_FIRST_SIZE(ctxfit_projector_options, CFI_V1_PROJECTOR_OPTIONS);
ASSERT_FIRST_SIZE(ctxfit_quant_info, CFI_V1_QUANT_INFO);
ASSERT_FIRST_SIZE(ctxfit_rank_row, CFI_V1_RANK_ROW);
ASSERT_FIRST_SIZE(ctxfit_request, CFI_V1_REQUEST);
ASSERT_FIRST_SIZE(ctxfit_stored_info, CFI_V1_STORED);
ASSERT_FIRST_SIZE(ctxfit_tensor_info, CFI_V1_TENSOR_INFO);

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
