#include "recipe_internal.h"

/* The formats that the published weights are in: general.file_type, BF16 where it is not said. */
static ctxfit_file_type published_file_type(cfi_meta *meta)
{
    uint32_t         number;
    ctxfit_file_type type;

    if (!cfi_meta_has(meta, "general.file_type"))
        return CFI_FILE_BF16;
    number = cfi_meta_u32(meta, "general.file_type", 0);
    type = ctxfit_file_type_from_ggml(number);
    if (type == 0)
        cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "general.file_type=%u: no such file type", (unsigned)number);
    return type;
}

ctxfit_status cfi_model_make_from_text(ctxfit_model *model, const char *text, ctxfit_file_type file_type, ctxfit_error *error)
{
    const cfi_recipe *recipe;
    cfi_meta          meta;
    ctxfit_file_type  published;
    ctxfit_status     status = cfi_meta_open_text(&meta, text, &model->arena, error);

    if (status != CTXFIT_OK)
        return status;
    recipe = cfi_recipe_find(meta.arch);
    if (recipe == NULL)
        return cfi_recipe_unknown(meta.arch, error);
    status = cfi_model_describe(model, &meta);
    if (status != CTXFIT_OK)
        return status;
    published = published_file_type(&meta);
    return cfi_model_build(model, recipe, &meta, published, file_type, error);
}

ctxfit_status ctxfit_model_from_text(const char *text, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                     ctxfit_model **out, ctxfit_error *error)
{
    ctxfit_model *model;
    ctxfit_status status;

    if (out != NULL)
        *out = NULL;
    if (text == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_model_from_text: %s",
                        text == NULL ? "text is NULL" : out == NULL ? "out is NULL" : "the allocator lacks a function");
    status = cfi_model_check_file_type(file_type, error);
    if (status != CTXFIT_OK)
        return status;
    model = cfi_model_new(allocator);
    if (model == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a model");
    status = cfi_model_make_from_text(model, text, file_type, error);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(model);
        return status;
    }
    *out = model;
    return CTXFIT_OK;
}
