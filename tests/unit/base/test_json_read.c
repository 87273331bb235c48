#include "test_support.h"

#include <math.h>

#include "base/json_read.h"

static cfi_json_doc *read_text(const char *text)
{
    cfi_json_doc *doc = NULL;
    ctxfit_error  error;

    assert_int_equal(cfi_json_read(text, strlen(text), NULL, NULL, &doc, &error), CTXFIT_OK);
    return doc;
}

static ctxfit_status refused(const char *text, const cfi_json_limits *limits, ctxfit_error *error)
{
    cfi_json_doc *doc = (cfi_json_doc *)1;
    ctxfit_status status = cfi_json_read(text, strlen(text), limits, NULL, &doc, error);

    assert_null(doc);
    return status;
}

static void values_are_read_by_kind(void **state)
{
    cfi_json_doc   *doc = read_text("{\"a\": 7, \"b\": [1, 2, 3], \"c\": \"text\", \"d\": true, \"e\": null, \"f\": 0.5, \"g\": -1}");
    const cfi_json_value *root = cfi_json_root(doc);
    uint64_t        whole = 0;
    double          number = 0;
    size_t          len = 0;

    (void)state;
    assert_int_equal(cfi_json_kind_of(root), CFI_JSON_OBJECT);
    assert_int_equal(cfi_json_count(root), 7);
    assert_true(cfi_json_as_u64(cfi_json_get(root, "a"), &whole));
    assert_int_equal(whole, 7);
    assert_int_equal(cfi_json_count(cfi_json_get(root, "b")), 3);
    assert_string_equal(cfi_json_as_text(cfi_json_get(root, "c"), &len), "text");
    assert_int_equal(len, 4);
    assert_true(cfi_json_is_true(cfi_json_get(root, "d")));
    assert_int_equal(cfi_json_kind_of(cfi_json_get(root, "e")), CFI_JSON_NULL);
    assert_true(cfi_json_as_number(cfi_json_get(root, "f"), &number) && number == 0.5);
    assert_false(cfi_json_as_u64(cfi_json_get(root, "f"), &whole));
    assert_false(cfi_json_as_u64(cfi_json_get(root, "g"), &whole));
    assert_true(cfi_json_as_number(cfi_json_get(root, "g"), &number) && number == -1);
    assert_int_equal(cfi_json_kind_of(cfi_json_get(root, "h")), CFI_JSON_NONE);
    assert_string_equal(cfi_json_kind_name(cfi_json_get(root, "b")), "a list");
    cfi_json_free(doc);
}

static void absent_values_answer_nothing(void **state)
{
    uint64_t whole = 1;
    double   number = 1;

    (void)state;
    assert_null(cfi_json_get(NULL, "a"));
    assert_null(cfi_json_as_text(NULL, NULL));
    assert_false(cfi_json_as_u64(NULL, &whole));
    assert_false(cfi_json_as_number(NULL, &number));
    assert_false(cfi_json_is_true(NULL));
    assert_int_equal(cfi_json_count(NULL), 0);
    cfi_json_free(NULL);
}

static void whole_numbers_may_be_written_as_fractions(void **state)
{
    cfi_json_doc       *doc = read_text("[4096.0, 1e6, 18446744073709551615, 18446744073709551616, 1e300, NaN, -0.0]");
    static const bool   whole[] = {true, true, true, false, false, false, true};
    static const double expected[] = {4096, 1e6, 18446744073709551615.0, 0, 0, 0, 0};
    size_t              i = 0;

    (void)state;
    for (cfi_json_iter it = cfi_json_items(cfi_json_root(doc)); cfi_json_next(&it); i++) {
        uint64_t value = 0;

        assert_null(it.key);
        assert_int_equal(cfi_json_as_u64(it.value, &value), whole[i]);
        assert_true((double)value == expected[i]);
    }
    assert_int_equal(i, CFI_COUNT(whole));
    cfi_json_free(doc);
}

/* time_step_limit of Mamba-2 configurations ends in Infinity, which only Python's JSON knows. */
static void infinity_is_a_number(void **state)
{
    cfi_json_doc *doc = read_text("{\"time_step_limit\": [0.0, Infinity]}");
    double        number = 0;

    (void)state;
    for (cfi_json_iter it = cfi_json_items(cfi_json_get(cfi_json_root(doc), "time_step_limit")); cfi_json_next(&it);)
        assert_true(cfi_json_as_number(it.value, &number));
    assert_true(isinf(number));
    cfi_json_free(doc);
}

static void the_last_of_repeated_keys_counts(void **state)
{
    cfi_json_doc *doc = read_text("{\"a\": 1, \"b\": 2, \"a\": 3}");
    uint64_t      value = 0;

    (void)state;
    assert_true(cfi_json_as_u64(cfi_json_get(cfi_json_root(doc), "a"), &value));
    assert_int_equal(value, 3);
    cfi_json_free(doc);
}

static void text_with_a_nul_is_no_text(void **state)
{
    cfi_json_doc *doc = read_text("{\"a\": \"one\\u0000two\", \"b\\u0000c\": 1}");

    (void)state;
    assert_null(cfi_json_as_text(cfi_json_get(cfi_json_root(doc), "a"), NULL));
    assert_null(cfi_json_get(cfi_json_root(doc), "b"));
    cfi_json_free(doc);
}

static void broken_text_is_refused_at_its_byte(void **state)
{
    static const struct {
        const char *text;
        uint64_t    offset;
    } cases[] = {
        {"{\"a\": }", 6}, {"{\"a\": 1,}", 7}, {"[1, 2", 5}, {"{\"a\" 1}", 5}, {"[01]", 1}, {"{} {}", 3}, {"[\"\\x\"]", 2},
        {"[\"\xff\"]", 2},
        {"nul", 2}, {"]", 0},
    };
    ctxfit_error error;
    size_t       i;

    (void)state;
    for (i = 0; i < CFI_COUNT(cases); i++) {
        assert_int_equal(refused(cases[i].text, NULL, &error), CTXFIT_E_MALFORMED);
        if (error.offset < cases[i].offset || error.offset > cases[i].offset + 1)
            fail_msg("%s: offset %llu", cases[i].text, (unsigned long long)error.offset);
    }
    assert_int_equal(refused("", NULL, &error), CTXFIT_E_MALFORMED);
    assert_int_equal(refused("  \n", NULL, &error), CTXFIT_E_MALFORMED);
}

static void limits_hold_before_anything_is_allocated(void **state)
{
    const cfi_json_limits limits = {64, 8, 3};
    char                  deep[200];
    test_allocator        counter;
    ctxfit_allocator      allocator = test_allocator_make(&counter, 0);
    cfi_json_doc         *doc = NULL;
    ctxfit_error          error;

    (void)state;
    assert_int_equal(refused("[[[[1]]]]", &limits, &error), CTXFIT_E_LIMIT);
    assert_int_equal(error.offset, 3);
    assert_int_equal(refused("[1,2,3,4,5,6,7,8,9]", &limits, &error), CTXFIT_E_LIMIT);
    memset(deep, ' ', sizeof deep);
    assert_int_equal(cfi_json_read(deep, sizeof deep, &limits, &allocator, &doc, &error), CTXFIT_E_LIMIT);
    memset(deep, '[', sizeof deep);
    assert_int_equal(cfi_json_read(deep, sizeof deep, NULL, &allocator, &doc, &error), CTXFIT_E_LIMIT);
    assert_int_equal(counter.calls, 0);
    /* what is quoted is no nesting */
    assert_int_equal(cfi_json_read("[\"[[[[[[\\\"[[\",{}]", 17, &limits, &allocator, &doc, &error), CTXFIT_OK);
    cfi_json_free(doc);
    assert_int_equal(counter.live_bytes, 0);
}

static void memory_stays_within_a_multiple_of_the_text(void **state)
{
    static const char *const units[] = {"0,", "[],", "\"\",", "{\"\":0},", "         0,"};
    const size_t             len = 60000;
    char                    *text = malloc(len);
    size_t                   i, k;

    (void)state;
    assert_non_null(text);
    for (k = 0; k < CFI_COUNT(units); k++) {
        const size_t     unit = strlen(units[k]);
        test_allocator   counter;
        ctxfit_allocator allocator = test_allocator_make(&counter, 0);
        cfi_json_doc    *doc = NULL;

        text[0] = '[';
        for (i = 1; i + unit + 2 < len; i += unit)
            memcpy(text + i, units[k], unit);
        text[i - 1] = ']';
        assert_int_equal(cfi_json_read(text, i, NULL, &allocator, &doc, NULL), CTXFIT_OK);
        assert_in_range(counter.live_bytes, len, 24 * len);
        cfi_json_free(doc);
        assert_int_equal(counter.live_blocks, 0);
    }
    free(text);
}

static void reading_survives_the_nth_failed_allocation(void **state)
{
    const char *text = "{\"a\": [1, 2, {\"b\": \"c\"}]}";
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        cfi_json_doc *doc = NULL;

        f.status = cfi_json_read(text, strlen(text), NULL, &f.allocator, &doc, NULL);
        assert_true((doc != NULL) == (f.status == CTXFIT_OK));
        cfi_json_free(doc);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds >= 2);
}

static void a_library_without_json_says_so(void **state)
{
    cfi_json_doc *doc = NULL;
    ctxfit_error  error = {0};
    ctxfit_status status = cfi_json_read("{}", 2, NULL, NULL, &doc, &error);

    (void)state;
    assert_int_equal(status, CTXFIT_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "CTXFIT_WITH_JSON"));
}

static bool with_json(void)
{
    cfi_json_doc *doc = NULL;
    ctxfit_status status = cfi_json_read("1", 1, NULL, NULL, &doc, NULL);

    cfi_json_free(doc);
    return status != CTXFIT_E_UNSUPPORTED;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_by_kind),
        cmocka_unit_test(absent_values_answer_nothing),
        cmocka_unit_test(whole_numbers_may_be_written_as_fractions),
        cmocka_unit_test(infinity_is_a_number),
        cmocka_unit_test(the_last_of_repeated_keys_counts),
        cmocka_unit_test(text_with_a_nul_is_no_text),
        cmocka_unit_test(broken_text_is_refused_at_its_byte),
        cmocka_unit_test(limits_hold_before_anything_is_allocated),
        cmocka_unit_test(memory_stays_within_a_multiple_of_the_text),
        cmocka_unit_test(reading_survives_the_nth_failed_allocation),
    };
    const struct CMUnitTest without[] = {
        cmocka_unit_test(a_library_without_json_says_so),
    };

    return with_json() ? cmocka_run_group_tests(tests, NULL, NULL) : cmocka_run_group_tests(without, NULL, NULL);
}
