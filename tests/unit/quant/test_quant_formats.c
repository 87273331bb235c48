#include "test_support.h"

#include "quant/quant_internal.h"

typedef struct format_fact {
    const char *name;
    uint32_t    id;
    uint32_t    number; /* UINT32_MAX: none */
    uint32_t    elems;
    uint32_t    bytes;
    uint32_t    flags; /* of its kind of row */
    const char *source;
    const char *as_of;
} format_fact;

enum { KIND_GGML = CTXFIT_QUANT_F_GGML, KIND_IK = CTXFIT_QUANT_F_GGML | CTXFIT_QUANT_F_IK, KIND_HF = CTXFIT_QUANT_F_HF };
enum { KIND_RETIRED = CTXFIT_QUANT_F_GGML | CTXFIT_QUANT_F_RETIRED };

static const format_fact facts[] = {
#define CFI_GGML(id, name, number, elems, bytes, layout, flags, source, as_of) {#name, id, number, elems, bytes, KIND_GGML, source, as_of},
#define CFI_IK(id, name, number, elems, bytes, row, matrix, layout, source, as_of) \
    {#name, id, number, elems, bytes, KIND_IK, source, as_of},
#define CFI_HF(id, name, elems, bytes, row, matrix, column, columns, rows, tile, layout, source, as_of) \
    {#name, id, UINT32_MAX, elems, bytes, KIND_HF, source, as_of},
#define CFI_TRELLIS(id, name, halves, source, as_of) {#name, id, UINT32_MAX, 128, 8 * (halves), KIND_HF, source, as_of},
#define CFI_KV(id, name, bits, source, as_of) {#name, id, UINT32_MAX, 32, 2 + 4 * (bits), KIND_HF, source, as_of},
#define CFI_CACHE(id, name, elems, bytes, row, layout, source, as_of) {#name, id, UINT32_MAX, elems, bytes, KIND_HF, source, as_of},
#define CFI_RETIRED(id, name, number, source, as_of) {#name, id, number, 0, 0, KIND_RETIRED, source, as_of},
#include "quant/formats.def"
};

static void every_row_is_ordered_unique_and_sourced(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(facts); i++) {
        assert_true(i == 0 || facts[i].id > facts[i - 1].id);
        assert_true(facts[i].source[0] != '\0');
        assert_int_equal(strlen(facts[i].as_of), strlen("2026-08"));
        assert_in_range(facts[i].id, 1, UINT8_MAX);
        assert_in_range(facts[i].elems, 0, 576);
        assert_int_equal(facts[i].elems == 0, facts[i].bytes == 0);
        for (size_t j = 0; j < i; j++) {
            assert_false(cfi_equal_nocase(facts[i].name, facts[j].name));
            assert_false(facts[i].number == facts[j].number && facts[i].number != UINT32_MAX &&
                         (facts[i].flags & CTXFIT_QUANT_F_IK) == (facts[j].flags & CTXFIT_QUANT_F_IK));
        }
    }
}

static void ids_of_the_header_are_frozen(void **state)
{
    static const struct {
        ctxfit_quant id;
        const char  *name;
    } named[] = {
        {CTXFIT_QUANT_F32, "F32"},   {CTXFIT_QUANT_F16, "F16"},   {CTXFIT_QUANT_BF16, "BF16"},     {CTXFIT_QUANT_Q4_0, "Q4_0"},
        {CTXFIT_QUANT_Q4_1, "Q4_1"}, {CTXFIT_QUANT_Q5_0, "Q5_0"}, {CTXFIT_QUANT_Q5_1, "Q5_1"},     {CTXFIT_QUANT_Q8_0, "Q8_0"},
        {CTXFIT_QUANT_Q2_K, "Q2_K"}, {CTXFIT_QUANT_Q3_K, "Q3_K"}, {CTXFIT_QUANT_Q4_K, "Q4_K"},     {CTXFIT_QUANT_Q5_K, "Q5_K"},
        {CTXFIT_QUANT_Q6_K, "Q6_K"}, {CTXFIT_QUANT_MXFP4, "MXFP4"}, {CTXFIT_QUANT_IQ4_NL, "IQ4_NL"},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(named); i++)
        assert_string_equal(ctxfit_quant_name(named[i].id), named[i].name);
}

static void names_numbers_and_info_agree_with_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(facts); i++) {
        const format_fact *f    = &facts[i];
        ctxfit_quant_info  info = CTXFIT_QUANT_INFO_INIT;

        assert_string_equal(ctxfit_quant_name(f->id), f->name);
        assert_int_equal(ctxfit_quant_from_name(f->name), f->id);
        assert_int_equal(ctxfit_quant_get_info(f->id, &info), CTXFIT_OK);
        assert_int_equal(info.quant, f->id);
        assert_int_equal(info.block_elems, f->elems);
        assert_int_equal(info.block_bytes, f->bytes);
        assert_int_equal(info.ggml_type, f->number);
        assert_int_equal(info.flags & f->flags, f->flags);
        if (f->number != UINT32_MAX)
            assert_int_equal(ctxfit_quant_from_ggml(f->number, (f->flags & CTXFIT_QUANT_F_IK) != 0), f->id);
    }
}

static void list_holds_the_formats_that_can_be_loaded(void **state)
{
    uint32_t live = 0;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(facts); i++)
        if (facts[i].elems != 0)
            assert_int_equal(ctxfit_quant_at(live++), facts[i].id);
    assert_int_equal(ctxfit_quant_count(), live);
    assert_int_equal(ctxfit_quant_at(live), 0);
}

static void dialects_share_the_numbers_that_they_do_not_redefine(void **state)
{
    (void)state;
    assert_string_equal(ctxfit_quant_name(ctxfit_quant_from_ggml(36, CTXFIT_DIALECT_GGML)), "IQ4_NL_4_4");
    assert_string_equal(ctxfit_quant_name(ctxfit_quant_from_ggml(36, CTXFIT_DIALECT_IK)), "I2_S");
    assert_int_equal(ctxfit_quant_from_ggml(12, CTXFIT_DIALECT_IK), CTXFIT_QUANT_Q4_K);
    assert_int_equal(ctxfit_quant_from_ggml(137, CTXFIT_DIALECT_GGML), 0);
    assert_string_equal(ctxfit_quant_name(ctxfit_quant_from_ggml(137, CTXFIT_DIALECT_IK)), "IQ2_K");
    assert_int_equal(ctxfit_quant_from_ggml(400, CTXFIT_DIALECT_IK), 0);
    assert_int_equal(ctxfit_quant_from_ggml(12, 2), 0);
    assert_int_equal(ctxfit_quant_from_ggml(UINT32_MAX, CTXFIT_DIALECT_GGML), 0);
}

static void names_are_found_in_any_case_and_by_alias(void **state)
{
    (void)state;
    assert_int_equal(ctxfit_quant_from_name("q4_k"), CTXFIT_QUANT_Q4_K);
    assert_int_equal(ctxfit_quant_from_name("Fp16"), CTXFIT_QUANT_F16);
    assert_int_equal(ctxfit_quant_from_name("bfloat16"), CTXFIT_QUANT_BF16);
    assert_int_equal(ctxfit_quant_from_name("q4_k_m"), 0);
    assert_int_equal(ctxfit_quant_from_name(""), 0);
    assert_int_equal(ctxfit_quant_from_name(NULL), 0);
    assert_string_equal(ctxfit_quant_name(CTXFIT_QUANT_DEFAULT), "default");
    assert_string_equal(ctxfit_quant_name(UINT32_MAX), "unknown");
}

static void cache_types_are_those_of_llama_cpp(void **state)
{
    static const char *const cache[] = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "IQ4_NL", "Q5_0", "Q5_1"};
    uint32_t                 found   = 0;

    (void)state;
    for (uint32_t i = 0; i < ctxfit_quant_count(); i++)
        found += (cfi_quant_format_of(ctxfit_quant_at(i))->flags & CTXFIT_QUANT_F_CACHE) != 0;
    assert_int_equal(found, CFI_COUNT(cache));
    for (size_t i = 0; i < CFI_COUNT(cache); i++)
        assert_true((cfi_quant_format_of(ctxfit_quant_from_name(cache[i]))->flags & CTXFIT_QUANT_F_CACHE) != 0);
}

static void row_bytes_refuses_what_has_no_size(void **state)
{
    uint64_t bytes = 7;

    (void)state;
    assert_int_equal(ctxfit_quant_row_bytes(CTXFIT_QUANT_Q4_K, 4096, &bytes), CTXFIT_OK);
    assert_int_equal(bytes, 4096 / 256 * 144);
    assert_int_equal(ctxfit_quant_row_bytes(CTXFIT_QUANT_Q4_K, 0, &bytes), CTXFIT_OK);
    assert_int_equal(bytes, 0);
    bytes = 7;
    assert_int_equal(ctxfit_quant_row_bytes(CTXFIT_QUANT_Q4_K, 4097, &bytes), CTXFIT_E_INVALID_ARG);
    assert_int_equal(bytes, 0);
    assert_int_equal(ctxfit_quant_row_bytes(CTXFIT_QUANT_Q4_K, 256, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_quant_row_bytes(CTXFIT_QUANT_DEFAULT, 256, &bytes), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_quant_row_bytes(ctxfit_quant_from_name("Q4_2"), 256, &bytes), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_quant_row_bytes(UINT32_MAX, 256, &bytes), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_quant_row_bytes(CTXFIT_QUANT_F32, UINT64_MAX / 2, &bytes), CTXFIT_E_OVERFLOW);
}

static void tensor_bytes_refuses_what_has_no_size(void **state)
{
    const uint64_t good[4] = {512, 3, 2, 1}, empty[4] = {512, 0, 1, 1}, huge[4] = {UINT64_C(1) << 32, UINT64_C(1) << 31, 1, 1};
    uint64_t       bytes;

    (void)state;
    assert_int_equal(ctxfit_quant_tensor_bytes(CTXFIT_QUANT_Q6_K, good, &bytes), CTXFIT_OK);
    assert_int_equal(bytes, 2 * 210 * 3 * 2);
    assert_int_equal(ctxfit_quant_tensor_bytes(CTXFIT_QUANT_Q6_K, empty, &bytes), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_quant_tensor_bytes(CTXFIT_QUANT_Q6_K, NULL, &bytes), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_quant_tensor_bytes(CTXFIT_QUANT_Q6_K, good, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_quant_tensor_bytes(CTXFIT_QUANT_F32, huge, &bytes), CTXFIT_E_OVERFLOW);
    assert_int_equal(bytes, 0);
    assert_int_equal(ctxfit_quant_tensor_bytes(0, good, &bytes), CTXFIT_E_NOT_FOUND);
}

static uint64_t matrix(const char *format, uint64_t columns, uint64_t rows)
{
    const uint64_t dims[4] = {columns, rows, 1, 1};
    uint64_t       bytes   = 0;

    assert_int_equal(ctxfit_quant_tensor_bytes(ctxfit_quant_from_name(format), dims, &bytes), CTXFIT_OK);
    return bytes;
}

/* A linear layer of 4096 inputs and 14336 outputs; the arrays that each checkpoint holds for it. */
static void checkpoint_formats_count_scales_and_zeros(void **state)
{
    const uint64_t in = 4096, out = 14336, half = in * out / 2, groups = in / 128;

    (void)state;
    assert_int_equal(matrix("FP8_E4M3", in, out), in * out + 4);
    assert_int_equal(matrix("FP8_E4M3_B128", in, out), in * out + in / 128 * (out / 128) * 4);
    assert_int_equal(matrix("FP8_E4M3_B128", 576, 7168), 576 * 7168 + 5 * 56 * 4);
    assert_int_equal(matrix("AWQ_4BIT_G128", in, out), half + groups * out * 2 + groups * (out / 8) * 4);
    assert_int_equal(matrix("GPTQ_4BIT_G128", in, out), half + groups * out * 2 + groups * (out / 8) * 4 + in * 4);
    assert_int_equal(matrix("BNB_INT8", in, out), in * out + out * 4);
    assert_int_equal(matrix("BNB_NF4", in, out), half + in * out / 64 * 4 + 16 * 4);
    assert_int_equal(matrix("BNB_NF4_DQ", in, out), half + in * out / 64 + in * out / 64 / 256 * 4 + (16 + 256) * 4);
    assert_int_equal(matrix("MLX_4BIT_G64", in, out), half + 2 * (in / 64 * out * 2));
    assert_int_equal(matrix("MXFP4", in, out), half + in / 32 * out);
    assert_int_equal(matrix("IQ4_KS", in, out), (in / 256 * 136 + 4) * out);
    assert_int_equal(matrix("I2_S", in, out), in * out / 4 + 32);
}

static void info_follows_the_struct_rules(void **state)
{
    ctxfit_quant_info info = CTXFIT_QUANT_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_quant_get_info(CTXFIT_QUANT_F16, NULL), CTXFIT_E_INVALID_ARG);
    info.block_bytes = 9;
    assert_int_equal(ctxfit_quant_get_info(99, &info), CTXFIT_E_NOT_FOUND);
    assert_int_equal(info.block_bytes, 0);
    assert_int_equal(info.struct_size, sizeof info);
    info.struct_size = 4;
    assert_int_equal(ctxfit_quant_get_info(CTXFIT_QUANT_F16, &info), CTXFIT_E_STRUCT_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_ordered_unique_and_sourced),
        cmocka_unit_test(ids_of_the_header_are_frozen),
        cmocka_unit_test(names_numbers_and_info_agree_with_the_table),
        cmocka_unit_test(list_holds_the_formats_that_can_be_loaded),
        cmocka_unit_test(dialects_share_the_numbers_that_they_do_not_redefine),
        cmocka_unit_test(names_are_found_in_any_case_and_by_alias),
        cmocka_unit_test(cache_types_are_those_of_llama_cpp),
        cmocka_unit_test(row_bytes_refuses_what_has_no_size),
        cmocka_unit_test(tensor_bytes_refuses_what_has_no_size),
        cmocka_unit_test(checkpoint_formats_count_scales_and_zeros),
        cmocka_unit_test(info_follows_the_struct_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
