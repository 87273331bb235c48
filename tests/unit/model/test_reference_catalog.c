/* Each model of the catalog in each file type: thousands of models, so it is a program of its own. */
#include "test_support.h"

#include "ctxfit/model.h"
#include "ctxfit/quant.h"

/* llama-quantize refuses rows that no block of an uncommon type fits and that have no substitute (Q1_0). */
static void build_or_be_refused(const char *id, const ctxfit_file_type_info *type)
{
    ctxfit_error  error;
    ctxfit_model *model;
    ctxfit_status status = ctxfit_model_from_catalog(id, type->file_type, NULL, &model, &error);

    if (status != CTXFIT_OK && (status != CTXFIT_E_REFUSED || (type->flags & CTXFIT_FILE_TYPE_F_UNCOMMON) == 0))
        fail_msg("%s as %s: %s", id, ctxfit_file_type_name(type->file_type), error.message);
    ctxfit_model_free(model);
}

static void every_model_builds_in_every_file_type(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ctxfit_file_type_count(); k++) {
        ctxfit_file_type_info type = CTXFIT_FILE_TYPE_INFO_INIT;

        assert_int_equal(ctxfit_file_type_get_info(ctxfit_file_type_at(k), &type), CTXFIT_OK);
        if ((type.flags & (CTXFIT_FILE_TYPE_F_RETIRED | CTXFIT_FILE_TYPE_F_NO_RECIPE)) != 0)
            continue;
        for (uint32_t i = 0; i < ctxfit_model_catalog_count(); i++)
            build_or_be_refused(ctxfit_model_catalog_id(i), &type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_builds_in_every_file_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
