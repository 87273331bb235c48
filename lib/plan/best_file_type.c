#include "plan_internal.h"

/* `*out_fits` stays false for a file that llama-quantize does not make of this model. */
static ctxfit_status fits_as(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                             const ctxfit_beside *beside, ctxfit_file_type file_type, const ctxfit_allocator *allocator, bool *out_fits,
                             ctxfit_error *error)
{
    ctxfit_model       *other;
    ctxfit_plan        *plan;
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_status       status = ctxfit_model_requantize(model, file_type, allocator, &other, error);

    if (status == CTXFIT_E_REFUSED)
        return CTXFIT_OK;
    if (status != CTXFIT_OK)
        return status;
    status = ctxfit_plan_make_beside(other, hw, options, beside, allocator, &plan, error);
    ctxfit_model_free(other);
    if (status != CTXFIT_OK)
        return status;
    status = ctxfit_plan_get_summary(plan, &summary);
    *out_fits = summary.fit != CTXFIT_FIT_NONE && !plan->fitted; /* a file that spills is no better */
    ctxfit_plan_free(plan);
    return status;
}

/* Types that people publish. Models are published in 16 bits: F32 holds no more. */
bool cfi_plan_is_published(ctxfit_file_type file_type)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

    return ctxfit_file_type_get_info(file_type, &info) == CTXFIT_OK && info.base != CTXFIT_QUANT_F32 &&
           (info.flags & (CTXFIT_FILE_TYPE_F_UNCOMMON | CTXFIT_FILE_TYPE_F_NO_RECIPE | CTXFIT_FILE_TYPE_F_RETIRED)) == 0;
}

/* Largest first; 0 past the end. ExLlamaV3 runs 16 bits and its own. */
static ctxfit_file_type candidate(bool exl3, uint32_t index)
{
    if (!exl3)
        return ctxfit_file_type_at(index);
    return index == 0 ? CTXFIT_FILE_TYPE_BF16 : cfi_exl3_published(index - 1);
}

ctxfit_status ctxfit_plan_best_file_type(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                         const ctxfit_allocator *allocator, ctxfit_file_type *out_file_type, ctxfit_error *error)
{
    return ctxfit_plan_best_file_type_beside(model, hw, options, NULL, allocator, out_file_type, error);
}

ctxfit_status ctxfit_plan_best_file_type_beside(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                                const ctxfit_beside *beside, const ctxfit_allocator *allocator,
                                                ctxfit_file_type *out_file_type, ctxfit_error *error)
{
    ctxfit_plan_options only_this_context;
    cfi_engine_choice   engine;
    ctxfit_error        found;
    ctxfit_file_type    type;
    ctxfit_status       status;

    if (out_file_type == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out_file_type is NULL");
    *out_file_type = 0;
    status = cfi_copy_in(&only_this_context, sizeof only_this_context, CFI_V1_PLAN_OPTIONS, options);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    only_this_context.struct_size = (uint32_t)sizeof only_this_context;
    /* A largest context asks nothing of a file type: the limits are then still needed, and every type that loads fits. */
    if (only_this_context.ctx_tokens != CTXFIT_CTX_LARGEST)
        only_this_context.flags |= CTXFIT_PLAN_F_NO_LIMITS;
    only_this_context.engine[sizeof only_this_context.engine - 1] = '\0';
    status = cfi_engine_choose(only_this_context.engine, &engine, error);
    if (status != CTXFIT_OK)
        return status;
    /* From the largest to the smallest: the first that fits is the best. */
    for (uint32_t i = 0; (type = candidate(engine.id == CFI_ENGINE_EXLLAMAV3, i)) != 0; i++) {
        bool fits = false;

        if (!cfi_exl3_is(type) && !cfi_plan_is_published(type))
            continue;
        status = fits_as(model, hw, &only_this_context, beside, type, allocator, &fits, &found);
        if (status != CTXFIT_OK) {
            if (error != NULL)
                *error = found;
            return status;
        }
        if (fits) {
            *out_file_type = type;
            return CTXFIT_OK;
        }
    }
    return CTXFIT_OK;
}
