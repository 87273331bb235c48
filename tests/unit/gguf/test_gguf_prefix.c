/* The prefix contract, and what parsing costs: requests, memory. */
#include "test_support.h"

#include "gguf/gguf_internal.h"
#include "gguf_writer.h"

/* Follows the contract from `size` bytes on; returns the number of further prefixes that it took. */
static unsigned follow(const gguf_writer *w, size_t size, uint64_t file_bytes, ctxfit_gguf **out)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_error        error;
    unsigned            rounds = 0;

    options.file_bytes = file_bytes;
    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    for (;; rounds++) {
        ctxfit_status status = ctxfit_gguf_parse(w->data, size, &options, NULL, out, &error);

        if (status == CTXFIT_OK)
            return rounds;
        if (status != CTXFIT_E_TRUNCATED)
            fail_msg("%s: %s", ctxfit_status_name(status), error.message);
        assert_null(*out);
        assert_true(error.detail > size);
        assert_true(file_bytes == 0 || error.detail <= file_bytes);
        assert_true(size < w->size);
        size = error.detail < w->size ? (size_t)error.detail : w->size;
    }
}

static void every_prefix_of_a_good_file_leads_to_it(void **state)
{
    (void)state;
    for (int big_endian = 0; big_endian <= 1; big_endian++)
        for (int known = 0; known <= 1; known++) {
            gguf_writer w;
            gw_places   at = gw_good(&w, 3, big_endian != 0);

            for (size_t size = 0; size <= w.size; size++) {
                ctxfit_gguf *gguf = NULL;
                unsigned     rounds = follow(&w, size, known ? w.size : 0, &gguf);

                assert_int_equal(rounds > 0, size < at.tensors_end); /* padding is not needed */
                assert_int_equal(ctxfit_gguf_data_offset(gguf, 0), w.size);
                ctxfit_gguf_free(gguf);
            }
            gw_free(&w);
        }
}

/* Exactly the least: with the size of the file at the end of the header, no prefix may ask for more. */
static void a_known_file_size_bounds_what_is_wanted(void **state)
{
    gguf_writer         w;
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf = NULL;
    ctxfit_error        error;

    (void)state;
    gw_good(&w, 3, false);
    options.file_bytes = w.size;
    assert_int_equal(ctxfit_gguf_parse(w.data, 24, &options, NULL, &gguf, &error), CTXFIT_E_TRUNCATED);
    assert_int_equal(error.detail, w.size);
    options.file_bytes = 0;
    assert_int_equal(ctxfit_gguf_parse(w.data, 24, &options, NULL, &gguf, &error), CTXFIT_E_TRUNCATED);
    assert_int_equal(error.detail, 65536);
    options.max_header_bytes = 5000;
    assert_int_equal(ctxfit_gguf_parse(w.data, 24, &options, NULL, &gguf, &error), CTXFIT_E_TRUNCATED);
    assert_int_equal(error.detail, 5000);
    gw_free(&w);
}

static void an_array_of_strings_asks_for_its_lengths_at_least(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    gw_begin(&w, 3, false);
    gw_key_array(&w, "tokens", CTXFIT_GGUF_STRING, 1000000);
    gw_text(&w, "abc", 3);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, &error), CTXFIT_E_TRUNCATED);
    assert_int_equal(error.detail, w.size + 999999 * 8);
    gw_free(&w);
}

static void an_array_of_numbers_asks_for_all_of_them(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    gw_begin(&w, 3, false);
    gw_patch(&w, GW_AT_TENSORS, 2, 8);
    gw_key_array(&w, "numbers", CTXFIT_GGUF_UINT64, 1000000);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, &error), CTXFIT_E_TRUNCATED);
    /* too short for the two tensors that follow: seen before the key is */
    assert_int_equal(error.detail, 65536);
    for (int i = 0; i < 6; i++)
        gw_u64(&w, 0);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, &error), CTXFIT_E_TRUNCATED);
    assert_int_equal(error.detail, w.size - 6 * 8 + 1000000 * 8 + 2 * CFI_GGUF_MIN_TENSOR_BYTES);
    gw_free(&w);
}

static void a_real_vocabulary_takes_few_requests(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    unsigned     rounds;

    (void)state;
    gw_vocabulary(&w, 150000, 280000);
    rounds = follow(&w, 65536, 0, &gguf);
    assert_in_range(rounds, 1, 5);
    ctxfit_gguf_free(gguf);
    gw_free(&w);
}

/* ---- memory ---- */

typedef struct byte_counter {
    size_t live, peak, calls;
} byte_counter;

static void *count_alloc(void *user, size_t size)
{
    byte_counter *c = user;

    c->calls++;
    c->live += size;
    if (c->live > c->peak)
        c->peak = c->live;
    return malloc(size);
}

static void count_release(void *user, void *ptr, size_t size)
{
    byte_counter *c = user;

    c->live -= size;
    free(ptr);
}

static byte_counter bytes_for(const void *data, size_t size, ctxfit_status expected)
{
    byte_counter     counter = {0, 0, 0};
    ctxfit_allocator allocator = {count_alloc, count_release, &counter};
    ctxfit_gguf     *gguf = NULL;

    assert_int_equal(ctxfit_gguf_parse(data, size, NULL, &allocator, &gguf, NULL), expected);
    ctxfit_gguf_free(gguf);
    assert_int_equal(counter.live, 0);
    return counter;
}

static void a_vocabulary_costs_no_memory_per_entry(void **state)
{
    static const uint32_t sizes[] = {10, 450000};
    byte_counter          counters[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        gguf_writer w;

        gw_vocabulary(&w, sizes[i], sizes[i]);
        counters[i] = bytes_for(w.data, w.size, CTXFIT_OK);
        gw_free(&w);
    }
    assert_int_equal(counters[0].peak, counters[1].peak);
    assert_int_equal(counters[0].calls, counters[1].calls);
}

static void claimed_counts_allocate_nothing_that_the_prefix_cannot_hold(void **state)
{
    gguf_writer  w;
    byte_counter counter;

    (void)state;
    gw_begin(&w, 3, false);
    gw_patch(&w, GW_AT_KEYS, 65536, 8);
    gw_patch(&w, GW_AT_TENSORS, 1048576, 8);
    counter = bytes_for(w.data, w.size, CTXFIT_E_TRUNCATED);
    assert_in_range(counter.calls, 1, 1);
    gw_free(&w);
}

/* The worst that bytes can ask for: the smallest keys, the smallest tensors. */
static void memory_is_a_small_multiple_of_the_input(void **state)
{
    gguf_writer w;
    char        name[8];

    (void)state;
    gw_begin(&w, 3, false);
    for (unsigned i = 0; i < 60000; i++) {
        (void)snprintf(name, sizeof name, "%x", i);
        gw_key(&w, name, CTXFIT_GGUF_BOOL);
        gw_number(&w, 0, 1);
    }
    for (unsigned i = 0; i < 60000; i++) {
        (void)snprintf(name, sizeof name, "%x", i);
        gw_tensor(&w, name, 0, 0, NULL, 4);
    }
    assert_true(bytes_for(w.data, w.size, CTXFIT_OK).peak <= 8 * w.size);
    gw_free(&w);
}

static void sorted_and_colliding_names_are_not_quadratic(void **state)
{
    gguf_writer  w;
    char         name[64];
    ctxfit_gguf *gguf = NULL;
    uint64_t     place;

    (void)state;
    gw_begin(&w, 3, false);
    for (unsigned i = 0; i < 200000; i++) {
        (void)snprintf(name, sizeof name, "a.long.common.prefix.that.every.name.of.this.file.has.%06u", i);
        gw_tensor(&w, name, 0, 0, NULL, 4);
    }
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_gguf_find_tensor(gguf, name, &place), CTXFIT_OK);
    assert_int_equal(place, 199999);
    ctxfit_gguf_free(gguf);
    gw_free(&w);
}

static void parse_survives_a_failure_of_any_allocation(void **state)
{
    gguf_writer  w;
    test_failing f = {0};

    (void)state;
    gw_begin(&w, 3, false);
    gw_crowd(&w, 0, 4200);
    while (test_failing_next(&f)) {
        ctxfit_gguf *gguf = NULL;
        ctxfit_error error = {0};

        f.status = ctxfit_gguf_parse(w.data, w.size, NULL, &f.allocator, &gguf, &error);
        assert_int_equal(error.status, f.status);
        assert_true((gguf != NULL) == (f.status == CTXFIT_OK));
        ctxfit_gguf_free(gguf);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 40);
    gw_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_of_a_good_file_leads_to_it),
        cmocka_unit_test(a_known_file_size_bounds_what_is_wanted),
        cmocka_unit_test(an_array_of_strings_asks_for_its_lengths_at_least),
        cmocka_unit_test(an_array_of_numbers_asks_for_all_of_them),
        cmocka_unit_test(a_real_vocabulary_takes_few_requests),
        cmocka_unit_test(a_vocabulary_costs_no_memory_per_entry),
        cmocka_unit_test(claimed_counts_allocate_nothing_that_the_prefix_cannot_hold),
        cmocka_unit_test(memory_is_a_small_multiple_of_the_input),
        cmocka_unit_test(sorted_and_colliding_names_are_not_quadratic),
        cmocka_unit_test(parse_survives_a_failure_of_any_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
