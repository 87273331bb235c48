#include "test_support.h"

#include "quant/quant_internal.h"

typedef struct file_type_fact {
    const char *name;
    uint32_t    id;
    uint32_t    number;
    uint32_t    base;
    const char *source;
    const char *as_of;
} file_type_fact;

static const file_type_fact facts[] = {
#define CFI_FILE_TYPE(id, name, number, base, flags, source, as_of) {#name, id, number, CFI_QUANT_##base, source, as_of},
#define CFI_FILE_TYPE_RETIRED(id, name, number, source, as_of) {#name, id, number, 0, source, as_of},
#include "quant/file_types.def"
#undef CFI_FILE_TYPE
#undef CFI_FILE_TYPE_RETIRED
};

static void every_row_is_unique_and_sourced(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(facts); i++) {
        assert_true(facts[i].source[0] != '\0');
        assert_int_equal(strlen(facts[i].as_of), strlen("2026-08"));
        assert_in_range(facts[i].id, 1, 63); /* recipes keep sets of file types in 64 bits */
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(facts[i].id, facts[j].id);
            assert_int_not_equal(facts[i].number, facts[j].number);
            assert_false(cfi_equal_nocase(facts[i].name, facts[j].name));
        }
    }
}

static void names_numbers_and_info_agree_with_the_table(void **state)
{
    uint32_t live = 0;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(facts); i++) {
        const file_type_fact *f    = &facts[i];
        ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

        assert_string_equal(ctxfit_file_type_name(f->id), f->name);
        assert_int_equal(ctxfit_file_type_from_name(f->name), f->id);
        assert_int_equal(ctxfit_file_type_from_ggml(f->number), f->id);
        assert_int_equal(ctxfit_file_type_get_info(f->id, &info), CTXFIT_OK);
        assert_int_equal(info.file_type, f->id);
        assert_int_equal(info.ggml_ftype, f->number);
        assert_int_equal(info.base, f->base);
        assert_int_equal((info.flags & CTXFIT_FILE_TYPE_F_RETIRED) != 0, f->base == 0);
        if (f->base != 0)
            assert_int_equal(ctxfit_file_type_at(live++), f->id);
    }
    assert_int_equal(ctxfit_file_type_count(), live);
    assert_int_equal(ctxfit_file_type_at(live), 0);
}

static void ids_of_the_header_are_frozen(void **state)
{
    static const struct {
        ctxfit_file_type id;
        const char      *name;
    } named[] = {
        {CTXFIT_FILE_TYPE_F32, "F32"},       {CTXFIT_FILE_TYPE_F16, "F16"},       {CTXFIT_FILE_TYPE_Q4_0, "Q4_0"},
        {CTXFIT_FILE_TYPE_Q8_0, "Q8_0"},     {CTXFIT_FILE_TYPE_Q2_K, "Q2_K"},     {CTXFIT_FILE_TYPE_Q3_K_M, "Q3_K_M"},
        {CTXFIT_FILE_TYPE_Q4_K_S, "Q4_K_S"}, {CTXFIT_FILE_TYPE_Q4_K_M, "Q4_K_M"}, {CTXFIT_FILE_TYPE_Q5_K_M, "Q5_K_M"},
        {CTXFIT_FILE_TYPE_Q6_K, "Q6_K"},     {CTXFIT_FILE_TYPE_IQ4_XS, "IQ4_XS"}, {CTXFIT_FILE_TYPE_BF16, "BF16"},
        {CTXFIT_FILE_TYPE_MXFP4_MOE, "MXFP4_MOE"},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(named); i++)
        assert_string_equal(ctxfit_file_type_name(named[i].id), named[i].name);
}

static void names_are_found_in_any_case_and_by_alias(void **state)
{
    (void)state;
    assert_int_equal(ctxfit_file_type_from_name("q4_k_m"), CTXFIT_FILE_TYPE_Q4_K_M);
    assert_int_equal(ctxfit_file_type_from_name("q4_K"), CTXFIT_FILE_TYPE_Q4_K_M);
    assert_int_equal(ctxfit_file_type_from_name("f16"), CTXFIT_FILE_TYPE_F16);
    assert_int_equal(ctxfit_file_type_from_name("mxfp4"), CTXFIT_FILE_TYPE_MXFP4_MOE);
    assert_int_equal(ctxfit_file_type_from_name("q4"), 0);
    assert_int_equal(ctxfit_file_type_from_name(NULL), 0);
    assert_int_equal(ctxfit_file_type_from_ggml(1024), 0);
    assert_string_equal(ctxfit_file_type_name(CTXFIT_FILE_TYPE_DEFAULT), "default");
    assert_string_equal(ctxfit_file_type_name(UINT32_MAX), "unknown");
}

static void info_follows_the_struct_rules(void **state)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_file_type_get_info(CTXFIT_FILE_TYPE_F16, NULL), CTXFIT_E_INVALID_ARG);
    info.base = 9;
    assert_int_equal(ctxfit_file_type_get_info(CTXFIT_FILE_TYPE_DEFAULT, &info), CTXFIT_E_NOT_FOUND);
    assert_int_equal(info.base, 0);
    info.struct_size = 12;
    assert_int_equal(ctxfit_file_type_get_info(CTXFIT_FILE_TYPE_F16, &info), CTXFIT_E_STRUCT_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_unique_and_sourced),
        cmocka_unit_test(names_numbers_and_info_agree_with_the_table),
        cmocka_unit_test(ids_of_the_header_are_frozen),
        cmocka_unit_test(names_are_found_in_any_case_and_by_alias),
        cmocka_unit_test(info_follows_the_struct_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
