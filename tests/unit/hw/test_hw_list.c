/* A caller's own hardware from JSON. */
#include "hw_support.h"

#define GIB (UINT64_C(1) << 30)

static const char good[] =
    "{\"hardware\": ["
    "{\"id\": \"x9000\", \"name\": \"Example X9000\", \"kind\": \"gpu\", \"backend\": \"cuda\", \"memory_bytes\": 51539607552,"
    " \"bandwidth_bytes_per_s\": 2000000000000, \"bf16_flops_per_s\": 400e12, \"int8_ops_per_s\": 8e14,"
    " \"host_link_bytes_per_s\": 63010000000,"
    " \"price_usd\": 2500, \"price_year\": 2027, \"confidence\": \"single\", \"form\": \"card\", \"vendor\": \"Example\"},"
    "{\"id\": \"box\", \"kind\": \"unified\", \"backend\": \"vulkan\", \"memory_bytes\": 137438953472, \"budget_bytes\": 103079215104},"
    "{\"id\": \"board\", \"kind\": \"host\", \"memory_bytes\": 68719476736, \"bandwidth_bytes_per_s\": 89600000000},"
    "{\"id\": \"rtx-4090\", \"kind\": \"gpu\", \"backend\": \"cuda\", \"memory_bytes\": 51539607552},"
    "{\"id\": \"rig\", \"spec\": \"2*x9000 board\", \"is_machine\": true}]}";

static ctxfit_status read_list(const char *text, const ctxfit_allocator *allocator, ctxfit_hw_list **out, ctxfit_error *error)
{
    memset(error, 0, sizeof *error);
    return ctxfit_hw_list_from_json(text, strlen(text), allocator, out, error);
}

static ctxfit_hw_list *good_list(void)
{
    ctxfit_hw_list *list = NULL;
    ctxfit_error    error;

    if (read_list(good, NULL, &list, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return list;
}

static bool has_json(void)
{
    ctxfit_hw_list *list = NULL;
    ctxfit_error    error;
    ctxfit_status   status = read_list("[]", NULL, &list, &error);

    ctxfit_hw_list_free(list);
    return status != CTXFIT_E_UNSUPPORTED;
}

static void entries_are_what_the_text_says(void **state)
{
    ctxfit_hw_list *list;
    ctxfit_hw_entry e = CTXFIT_HW_ENTRY_INIT;

    (void)state;
    if (!has_json())
        skip();
    list = good_list();
    assert_int_equal(ctxfit_hw_list_count(list), 5);
    assert_int_equal(ctxfit_hw_list_get(list, 0, &e), CTXFIT_OK);
    assert_string_equal(e.id, "x9000");
    assert_string_equal(e.name, "Example X9000");
    assert_int_equal(e.kind, CTXFIT_DEVICE_GPU);
    assert_int_equal(e.form, CTXFIT_FORM_CARD);
    assert_int_equal(e.confidence, CTXFIT_CONFIDENCE_SINGLE);
    assert_int_equal(e.advertised_bytes, 48 * GIB);
    assert_int_equal(e.price_usd, 2500);
    assert_true(e.matrix_flops_per_s > 3.99e14 && e.matrix_flops_per_s < 4.01e14);
    assert_int_equal(ctxfit_hw_list_get(list, 1, &e), CTXFIT_OK);
    assert_string_equal(e.name, "box");
    assert_int_equal(e.budget_bytes, 96 * GIB);
    assert_int_equal(ctxfit_hw_list_get(list, 5, &e), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_hw_list_get(NULL, 0, &e), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_list_count(NULL), 0);
    ctxfit_hw_list_free(list);
}

/* A machine of the list writes itself without it. */
static void specs_name_entries_of_the_list_first(void **state)
{
    static const struct {
        const char *spec;
        const char *written;
    } cases[] = {
        {"x9000 host:64GiB", "gpu(backend=cuda,mem=48GiB,bw=2000GB/s,fp16=400T,int8=800T,link=63010MB/s) host:64GiB"},
        {"2*X9000(free=40GiB) board", "2*gpu(backend=cuda,mem=48GiB,free=40GiB,bw=2000GB/s,fp16=400T,int8=800T,link=63010MB/s) "
                                      "host:64GiB(bw=89600MB/s)"},
        {"rig", "2*gpu(backend=cuda,mem=48GiB,bw=2000GB/s,fp16=400T,int8=800T,link=63010MB/s) host:64GiB(bw=89600MB/s)"},
        {"box", "unified(backend=vulkan,mem=128GiB,budget=96GiB)"},
        {"box(budget=64GiB)", "unified(backend=vulkan,mem=128GiB)"}, /* what the rule says of it: a half */
        {"rtx-4090 host:8GiB", "gpu(backend=cuda,mem=48GiB) host:8GiB"}, /* not the catalog's */
        {"rtx-3090 host:8GiB", "rtx-3090 host:8GiB"},
    };
    ctxfit_hw_list *list;

    (void)state;
    if (!has_json())
        skip();
    list = good_list();
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_hw   *hw = NULL, *again;
        ctxfit_error error;
        char         written[512];

        memset(&error, 0, sizeof error);
        if (ctxfit_hw_parse_with(cases[i].spec, list, NULL, &hw, &error) != CTXFIT_OK)
            fail_msg("%s: %s", cases[i].spec, error.message);
        assert_int_equal(ctxfit_hw_write_spec(hw, written, sizeof written, NULL), CTXFIT_OK);
        assert_string_equal(written, cases[i].written);
        again = must_parse(written);
        ctxfit_hw_free(again);
        ctxfit_hw_free(hw);
    }
    ctxfit_hw_list_free(list);
}

static void without_the_list_the_catalog_is_meant(void **state)
{
    ctxfit_hw   *hw = NULL;
    ctxfit_error error;

    (void)state;
    assert_int_equal(ctxfit_hw_parse_with("rtx-4090 host:8GiB", NULL, NULL, &hw, NULL), CTXFIT_OK);
    ctxfit_hw_free(hw);
    assert_int_equal(ctxfit_hw_parse_with("x9000", NULL, NULL, &hw, &error), CTXFIT_E_NOT_FOUND);
}

static void faults_name_the_entry_and_the_member(void **state)
{
    static const struct {
        const char   *text;
        ctxfit_status status;
        const char   *message;
    } cases[] = {
        {"", CTXFIT_E_MALFORMED, ""},
        {"[{\"id\": \"a\"", CTXFIT_E_MALFORMED, ""},
        {"7", CTXFIT_E_TYPE, "expected an array of objects"},
        {"{\"hardwear\": []}", CTXFIT_E_TYPE, "expected an array of objects"},
        {"[7]", CTXFIT_E_TYPE, "entry 0: expected an object"},
        {"[{}]", CTXFIT_E_INCOMPLETE, "member 'id'"},
        {"[{\"id\": \"a\"}]", CTXFIT_E_INCOMPLETE, "member 'kind'"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\"}]", CTXFIT_E_INCOMPLETE, "member 'memory_bytes'"},
        {"[{\"id\": \"a\", \"kind\": \"cpu\", \"memory_bytes\": 1}]", CTXFIT_E_MALFORMED, "expected one of host, gpu, unified"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_byte\": 1}]", CTXFIT_E_MALFORMED, "did you mean memory_bytes"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": \"24GiB\"}]", CTXFIT_E_TYPE, "expected a whole number"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": -1}]", CTXFIT_E_TYPE, "expected a whole number"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1.5}]", CTXFIT_E_TYPE, "expected a whole number"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9, \"fp8_flops_per_s\": 1e30}]", CTXFIT_E_MALFORMED, "fp8_flops_per_s"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9, \"bf16_flops_per_s\": NaN}]", CTXFIT_E_MALFORMED, "bf16_flops_per_s"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9, \"price_usd\": 5000000000}]", CTXFIT_E_MALFORMED, "too large"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9, \"is_machine\": 1}]", CTXFIT_E_TYPE, "expected true or false"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9, \"backend\": \"cpu\"}]", CTXFIT_E_MALFORMED, "backend cpu"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9, \"device_count\": 2}]", CTXFIT_E_MALFORMED, "need a spec"},
        {"[{\"id\": \"a b\", \"kind\": \"gpu\", \"memory_bytes\": 1e9}]", CTXFIT_E_MALFORMED, "expected a word"},
        {"[{\"id\": \"9a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9}]", CTXFIT_E_MALFORMED, "expected a word"},
        {"[{\"id\": \"GPU\", \"kind\": \"gpu\", \"memory_bytes\": 1e9}]", CTXFIT_E_MALFORMED, "mean themselves"},
        {"[{\"id\": \"a\", \"kind\": \"gpu\", \"memory_bytes\": 1e9}, {\"id\": \"A\", \"kind\": \"gpu\", \"memory_bytes\": 1e9}]",
         CTXFIT_E_MALFORMED, "entry 1, member 'id': another entry"},
        {"[{\"id\": \"a\", \"spec\": \"2*b\"}]", CTXFIT_E_MALFORMED, "member 'spec'"},
        {"[{\"id\": \"a\", \"spec\": \"2*a\"}]", CTXFIT_E_MALFORMED, "member 'spec'"}, /* itself */
        {"[{\"id\": \"a\", \"spec\": \"rtx-4090\", \"kind\": \"gpu\"}]", CTXFIT_E_MALFORMED, "has none"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", CTXFIT_E_LIMIT, ""},
    };

    (void)state;
    if (!has_json())
        skip();
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_hw_list *list = (ctxfit_hw_list *)&list;
        ctxfit_error    error;
        ctxfit_status   status = read_list(cases[i].text, NULL, &list, &error);

        if (status != cases[i].status || strstr(error.message, cases[i].message) == NULL)
            fail_msg("%s: %s '%s'", cases[i].text, ctxfit_status_name(status), error.message);
        assert_null(list);
    }
}

/* Each entry stands for the one before: reading must not follow them all the way down. */
static void names_within_names_are_bounded(void **state)
{
    static char     text[400000];
    size_t          len;
    ctxfit_hw_list *list = NULL;
    ctxfit_error    error;

    (void)state;
    if (!has_json())
        skip();
    len = (size_t)snprintf(text, sizeof text, "[{\"id\": \"n0\", \"spec\": \"rtx-4090\"}");
    for (int i = 1; i < 4000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ",{\"id\": \"n%d\", \"spec\": \"n%d\"}", i, i - 1);
    (void)snprintf(text + len, sizeof text - len, "]");
    assert_int_equal(read_list(text, NULL, &list, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "more than 8 within each other"));
    len = (size_t)snprintf(text, sizeof text, "[7");
    for (int i = 0; i < CTXFIT_HW_LIST_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ",7");
    (void)snprintf(text + len, sizeof text - len, "]");
    assert_int_equal(read_list(text, NULL, &list, &error), CTXFIT_E_LIMIT);
}

static void any_allocation_of_a_list_may_fail(void **state)
{
    test_failing f = {0};

    (void)state;
    if (!has_json())
        skip();
    while (test_failing_next(&f)) {
        ctxfit_hw_list *list = NULL;
        ctxfit_error    error;

        f.status = read_list(good, &f.allocator, &list, &error);
        assert_true((list != NULL) == (f.status == CTXFIT_OK));
        ctxfit_hw_list_free(list);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 3);
}

static void arguments_of_lists_are_checked(void **state)
{
    ctxfit_allocator broken = {NULL, NULL, NULL};
    ctxfit_hw_list  *list;

    (void)state;
    assert_int_equal(ctxfit_hw_list_from_json("[]", 2, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_list_from_json(NULL, 2, NULL, &list, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_list_from_json("[]", 2, &broken, &list, NULL), CTXFIT_E_INVALID_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_what_the_text_says),
        cmocka_unit_test(specs_name_entries_of_the_list_first),
        cmocka_unit_test(without_the_list_the_catalog_is_meant),
        cmocka_unit_test(faults_name_the_entry_and_the_member),
        cmocka_unit_test(names_within_names_are_bounded),
        cmocka_unit_test(any_allocation_of_a_list_may_fail),
        cmocka_unit_test(arguments_of_lists_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
