#include "test_support.h"

#include <locale.h>

#include "base/base_internal.h"

static void every_status_has_its_own_name_and_message(void **state)
{
    static const ctxfit_status all[] = {
#define CFI_STATUS(id, message) id,
#include "base/status.def"
#undef CFI_STATUS
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(all); i++) {
        assert_string_not_equal(ctxfit_status_name(all[i]), "CTXFIT_E_UNKNOWN");
        assert_true(ctxfit_status_message(all[i])[0] != '\0');
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(all[i], all[j]);
    }
    assert_string_equal(ctxfit_status_name(-9999), "CTXFIT_E_UNKNOWN");
}

static void checked_arithmetic_refuses_overflow(void **state)
{
    uint64_t out = 7;

    (void)state;
    assert_false(cfi_add_u64(UINT64_MAX, 1, &out));
    assert_false(cfi_mul_u64(UINT64_C(1) << 33, UINT64_C(1) << 31, &out));
    assert_false(cfi_align_u64(UINT64_MAX - 3, 32, &out));
    assert_int_equal(out, 7);
    assert_true(cfi_align_u64(33, 32, &out));
    assert_int_equal(out, 64);
    assert_true(cfi_mul_u64(0, UINT64_MAX, &out));
    assert_int_equal(out, 0);
}

typedef struct small_options {
    uint32_t struct_size;
    uint32_t a;
    uint64_t b;
} small_options;

typedef struct large_options {
    uint32_t struct_size;
    uint32_t a;
    uint64_t b;
    uint64_t c;
} large_options;

static void structs_of_other_versions_are_read(void **state)
{
    small_options small = {sizeof small, 1, 2}, known_small;
    large_options large = {sizeof large, 1, 2, 0}, known_large;

    (void)state;
    assert_int_equal(cfi_copy_in(&known_large, sizeof known_large, sizeof small, &small), CTXFIT_OK);
    assert_int_equal(known_large.b, 2);
    assert_int_equal(known_large.c, 0);
    assert_int_equal(cfi_copy_in(&known_small, sizeof known_small, sizeof small, &large), CTXFIT_OK);
    large.c = 1;
    assert_int_equal(cfi_copy_in(&known_small, sizeof known_small, sizeof small, &large), CTXFIT_E_NEWER_STRUCT);
    small.struct_size = 0;
    assert_int_equal(cfi_copy_in(&known_small, sizeof known_small, sizeof small, &small), CTXFIT_E_STRUCT_SIZE);
    small.struct_size = 17;
    assert_int_equal(cfi_copy_in(&known_small, sizeof known_small, sizeof small, &small), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(cfi_copy_in(&known_small, sizeof known_small, sizeof small, NULL), CTXFIT_OK);
    assert_int_equal(known_small.a, 0);
}

static void structs_of_other_versions_are_written(void **state)
{
    small_options small = {sizeof small, 0, 0}, answer_small = {0, 5, 6};
    large_options large = {sizeof large, 9, 9, 9}, answer_large = {0, 5, 6, 7};

    (void)state;
    assert_int_equal(cfi_copy_out(&small, &answer_large, sizeof answer_large, sizeof small), CTXFIT_OK);
    assert_int_equal(small.struct_size, sizeof small);
    assert_int_equal(small.b, 6);
    assert_int_equal(cfi_copy_out(&large, &answer_small, sizeof answer_small, sizeof small), CTXFIT_OK);
    assert_int_equal(large.c, 0);
    assert_int_equal(large.struct_size, sizeof large);
}

static void arena_survives_a_failing_allocator(void **state)
{
    test_allocator   t;
    ctxfit_allocator a = test_allocator_make(&t, 2);
    cfi_arena        arena;

    (void)state;
    cfi_arena_init(&arena, &a);
    assert_non_null(cfi_arena_alloc(&arena, 100));
    assert_null(cfi_arena_alloc(&arena, 1000000));
    assert_non_null(cfi_arena_alloc(&arena, 100));
    assert_null(cfi_arena_array(&arena, SIZE_MAX / 2, 16));
    cfi_arena_free(&arena);
    assert_int_equal(t.live_blocks, 0);
    assert_int_equal(t.live_bytes, 0);
}

static void a_list_in_an_arena_grows_and_keeps_what_it_has(void **state)
{
    cfi_arena arena;
    uint32_t *item = NULL;
    size_t    room = 0, most = SIZE_MAX / 2 + 1;

    (void)state;
    cfi_arena_init(&arena, NULL);
    for (uint32_t i = 0; i < 1000; i++) {
        item = cfi_arena_grown(&arena, item, i, &room, 3, sizeof *item);
        assert_non_null(item);
        item[i] = i;
    }
    assert_int_equal(room, 1536);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(item[i], i);
    assert_null(cfi_arena_grown(&arena, item, most, &most, 3, 1));
    assert_int_equal(most, SIZE_MAX / 2 + 1);
    cfi_arena_free(&arena);
}

static void writer_counts_past_the_end_of_the_buffer(void **state)
{
    char       buf[6];
    size_t     len;
    cfi_writer w;

    (void)state;
    cfi_writer_init(&w, buf, sizeof buf);
    cfi_write(&w, "%s", "hello world");
    assert_int_equal(cfi_writer_finish(&w, &len), CTXFIT_E_BUFFER_SIZE);
    assert_int_equal(len, 11);
    assert_string_equal(buf, "hello");
    cfi_writer_init(&w, NULL, 0);
    cfi_write(&w, "abc");
    assert_int_equal(cfi_writer_finish(&w, &len), CTXFIT_E_BUFFER_SIZE);
    assert_int_equal(len, 3);
}

static void sizes_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        uint64_t    bytes;
    } good[] = {
        {"24GiB", UINT64_C(25769803776)}, {"64 GB", UINT64_C(64000000000)}, {"1.5KiB", 1536},
        {"4096", 4096}, {"18446744073709551615", UINT64_MAX}, {"1e3", 1000},
    };
    static const char *bad[] = {"", "GiB", "-1GiB", "18446744073709551616", "99999999999TiB"};
    uint64_t           bytes;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(good); i++) {
        assert_true(cfi_parse_bytes(good[i].text, NULL, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < CFI_COUNT(bad); i++)
        assert_false(cfi_parse_bytes(bad[i], NULL, &bytes));
}

static void slugs_ignore_case_and_separators(void **state)
{
    char slug[32];

    (void)state;
    cfi_slug("Qwen/Qwen3_Coder  30B:A3B", slug, sizeof slug);
    assert_string_equal(slug, "qwen-qwen3-coder-30b-a3b");
    cfi_slug("--GeForce RTX 4090--", slug, sizeof slug);
    assert_string_equal(slug, "geforce-rtx-4090");
    cfi_slug("abcdef", slug, 4);
    assert_string_equal(slug, "abc");
}

static void suggestions_keep_the_three_nearest(void **state)
{
    cfi_suggest s;
    char        text[128];

    (void)state;
    cfi_suggest_init(&s, "rtx-409");
    cfi_suggest_offer(&s, "h100");
    cfi_suggest_offer(&s, "rtx-3090");
    cfi_suggest_offer(&s, "rtx-4090");
    cfi_suggest_offer(&s, "rtx-4080");
    cfi_suggest_offer(&s, "rtx-4090");
    cfi_suggest_write(&s, text, sizeof text);
    assert_string_equal(text, "did you mean rtx-4090, rtx-3090 or rtx-4080?");
}

/* A long name that was begun, with a mistake in it, is meant before a short one that has as many letters. */
static void suggestions_take_what_was_typed_for_a_beginning(void **state)
{
    static const struct {
        const char *typed, *nearest;
    } cases[] = {
        {"qwen3-codr", "qwen3-coder-next, qwen3-coder-30b-a3b or qwen3-14b"}, {"qwen3-coder-30b-a3c", "qwen3-coder-30b-a3b, "},
        {"QWEN3-41b", "qwen3-14b, "}, {"lama-3.1-8", "llama-3.1-8b, "}, {"qwen", "qwen3-14b, "}, {"xqwen3-14bb", "qwen3-14b, "},
        {"deepseek-r1-0528-qwen3", "deepseek-r1-0528-qwen3-8b, deepseek-r1 or "},
    };
    static const char *const names[] = {"qwen3-14b", "llama-3.1-8b", "qwen3-coder-30b-a3b", "deepseek-r1", "qwen3-coder-next",
                                        "deepseek-r1-0528-qwen3-8b"};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        cfi_suggest s;
        char        text[160];

        cfi_suggest_init(&s, cases[i].typed);
        for (size_t n = 0; n < CFI_COUNT(names); n++)
            cfi_suggest_offer(&s, names[n]);
        cfi_suggest_write(&s, text, sizeof text);
        if (strncmp(text + strlen("did you mean "), cases[i].nearest, strlen(cases[i].nearest)) != 0)
            fail_msg("%s: %s", cases[i].typed, text);
    }
}

static void assert_number(double value, int digits, const char *expected)
{
    char       text[64];
    cfi_writer w;

    cfi_writer_init(&w, text, sizeof text);
    cfi_write_number(&w, value, digits);
    assert_int_equal(cfi_writer_finish(&w, NULL), CTXFIT_OK);
    assert_string_equal(text, expected);
}

/* Locales with a comma, and with a decimal point of two bytes; those that the machine has. */
static void numbers_do_not_follow_the_locale(void **state)
{
    static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(locales); i++) {
        double      value = 0;
        const char *end;

        if (setlocale(LC_ALL, locales[i]) == NULL)
            continue;
        assert_number(0, 6, "0");
        assert_number(1234.5, 6, "1234.5");
        assert_number(-0.25, 6, "-0.25");
        assert_number(1.5e-20, 3, "1.5e-20");
        assert_number(1e300, 6, "1e+300");
        assert_true(cfi_parse_number("82.5T", &end, &value));
        assert_true(value == 82.5 && *end == 'T');
    }
    (void)setlocale(LC_ALL, "C");
}

static void numbers_are_finite(void **state)
{
    double      value = 7;
    const char *end;

    (void)state;
    assert_true(cfi_parse_number("12345678e300", &end, &value));
    assert_false(cfi_parse_number("1000000000e300", &end, &value));
    assert_false(cfi_parse_number("inf", &end, &value));
    assert_false(cfi_parse_number("-1", &end, &value));
    assert_false(cfi_parse_number(".", &end, &value));
}

static void messages_are_printable_utf8(void **state)
{
    static const struct {
        const char *given;
        const char *expected;
    } cases[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\x1b[2Jcleared\r\n", "?[2Jcleared??"},
        {"\x7f\x80\xc0\xaf", "????"},
        {"\xed\xa0\x80", "???"},   /* a surrogate */
        {"cut \xe2\x82", "cut ??"}, /* the start of a sequence */
    };
    ctxfit_error error;
    char         long_text[400];

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        assert_int_equal(cfi_fail(&error, CTXFIT_E_MALFORMED, "%s", cases[i].given), CTXFIT_E_MALFORMED);
        assert_string_equal(error.message, cases[i].expected);
    }
    /* Two bytes each: the end of the message falls into one. */
    for (size_t i = 0; i + 2 < sizeof long_text; i += 2)
        memcpy(long_text + i, "\xc3\xbc", 3);
    (void)cfi_fail(&error, CTXFIT_E_MALFORMED, "%s", long_text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    for (const char *p = error.message; *p != '\0'; p += cfi_utf8_length(p))
        assert_int_not_equal(cfi_utf8_length(p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_own_name_and_message),
        cmocka_unit_test(checked_arithmetic_refuses_overflow),
        cmocka_unit_test(structs_of_other_versions_are_read),
        cmocka_unit_test(structs_of_other_versions_are_written),
        cmocka_unit_test(arena_survives_a_failing_allocator),
        cmocka_unit_test(a_list_in_an_arena_grows_and_keeps_what_it_has),
        cmocka_unit_test(writer_counts_past_the_end_of_the_buffer),
        cmocka_unit_test(sizes_are_read_as_people_write_them),
        cmocka_unit_test(slugs_ignore_case_and_separators),
        cmocka_unit_test(suggestions_keep_the_three_nearest),
        cmocka_unit_test(suggestions_take_what_was_typed_for_a_beginning),
        cmocka_unit_test(numbers_do_not_follow_the_locale),
        cmocka_unit_test(numbers_are_finite),
        cmocka_unit_test(messages_are_printable_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
