/* Files by path, split models, joining. Files are written into the directory that the test runs in. */
#include "test_support.h"

#include "gguf/gguf_internal.h"
#include "gguf_writer.h"

#define SHARDS 3

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A shard with one tensor, "t<no>"; the data is there. */
static void write_shard(gguf_writer *w, uint32_t no, uint32_t count, uint32_t tensors_in_all)
{
    static const uint64_t      dims[] = {8};
    static const unsigned char data[32];
    char                       name[8];

    gw_begin(w, 3, false);
    gw_key_u16(w, "split.no", no);
    gw_key_u16(w, "split.count", count);
    gw_key(w, "split.tensors.count", CTXFIT_GGUF_INT32);
    gw_u32(w, tensors_in_all);
    gw_key_text(w, "general.name", no == 0 ? "first" : "later");
    gw_key_array(w, "list", CTXFIT_GGUF_UINT8, 2);
    gw_number(w, 5, 1);
    gw_number(w, 6, 1);
    (void)snprintf(name, sizeof name, "t%u", (unsigned)no);
    gw_tensor(w, name, 0, 1, dims, sizeof data);
    gw_end(w);
    gw_bytes(w, data, sizeof data);
}

static void shard_path(char *out, size_t cap, const char *stem, uint32_t no, uint32_t count)
{
    (void)snprintf(out, cap, "%s-%05u-of-%05u.gguf", stem, (unsigned)(no + 1), (unsigned)count);
}

static void write_split_model(const char *stem)
{
    for (uint32_t no = 0; no < SHARDS; no++) {
        gguf_writer w;
        char        path[64];

        write_shard(&w, no, SHARDS, SHARDS);
        shard_path(path, sizeof path, stem, no, SHARDS);
        write_file(path, w.data, w.size);
        gw_free(&w);
    }
}

static void remove_split_model(const char *stem)
{
    for (uint32_t no = 0; no < SHARDS; no++) {
        char path[64];

        shard_path(path, sizeof path, stem, no, SHARDS);
        (void)remove(path);
    }
}

static void check_joined(const ctxfit_gguf *gguf)
{
    ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;
    const char        *text;
    int64_t            element;

    assert_int_equal(ctxfit_gguf_shard_count(gguf), SHARDS);
    assert_int_equal(ctxfit_gguf_split_count(gguf), SHARDS);
    assert_int_equal(ctxfit_gguf_tensor_count(gguf), SHARDS);
    assert_int_equal(ctxfit_gguf_get_string(gguf, "general.name", &text, NULL), CTXFIT_OK);
    assert_string_equal(text, "first");
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "list", 1, &element), CTXFIT_OK);
    assert_int_equal(element, 6);
    for (uint32_t i = 0; i < SHARDS; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "t%u", (unsigned)i);
        assert_string_equal(ctxfit_gguf_tensor_name(gguf, i), name);
        assert_int_equal(ctxfit_gguf_get_tensor(gguf, i, &info), CTXFIT_OK);
        assert_int_equal(info.shard, i);
        assert_int_equal(info.offset, 0);
        assert_true(ctxfit_gguf_data_offset(gguf, i) > 0);
        assert_int_equal(ctxfit_gguf_data_offset(gguf, i) % 32, 0);
    }
    assert_int_equal(ctxfit_gguf_data_offset(gguf, SHARDS), 0);
}

/* ---- one file ---- */

static void open_reads_a_file(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;
    gw_places    at = gw_good(&w, 3, true);

    (void)state;
    for (uint64_t i = 0; i < w.data_bytes; i++)
        gw_bytes(&w, "", 1);
    write_file("gguf_open_whole.gguf", w.data, w.size);
    if (ctxfit_gguf_open("gguf_open_whole.gguf", NULL, NULL, &gguf, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ctxfit_gguf_tensor_count(gguf), GW_GOOD_TENSORS);
    ctxfit_gguf_free(gguf);

    write_file("gguf_open_whole.gguf", w.data, at.tensors_end); /* header alone */
    assert_int_equal(ctxfit_gguf_open("gguf_open_whole.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_MALFORMED);
    assert_null(gguf);
    assert_non_null(strstr(error.message, "file is truncated: tensor"));
    {
        ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;

        options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
        assert_int_equal(ctxfit_gguf_open("gguf_open_whole.gguf", &options, NULL, &gguf, &error), CTXFIT_OK);
        ctxfit_gguf_free(gguf);
    }
    write_file("gguf_open_whole.gguf", w.data, at.keys_end);
    assert_int_equal(ctxfit_gguf_open("gguf_open_whole.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "file is truncated: its header"));
    write_file("gguf_open_whole.gguf", w.data, 0);
    assert_int_equal(ctxfit_gguf_open("gguf_open_whole.gguf", NULL, NULL, &gguf, NULL), CTXFIT_E_MALFORMED);
    (void)remove("gguf_open_whole.gguf");
    gw_free(&w);
}

static void open_reads_a_header_larger_than_its_first_read(void **state)
{
    gguf_writer         w;
    ctxfit_gguf        *gguf = NULL;
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    uint64_t            tokens = 0;

    (void)state;
    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    gw_vocabulary(&w, 50000, 50000);
    write_file("gguf_open_large.gguf", w.data, w.size);
    assert_int_equal(ctxfit_gguf_open("gguf_open_large.gguf", &options, NULL, &gguf, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_gguf_get_array_count(gguf, "tokenizer.ggml.tokens", &tokens), CTXFIT_OK);
    assert_int_equal(tokens, 50000);
    assert_int_equal(ctxfit_gguf_data_offset(gguf, 0), w.size);
    ctxfit_gguf_free(gguf);
    (void)remove("gguf_open_large.gguf");
    gw_free(&w);
}

static void open_reports_files_that_cannot_be_read(void **state)
{
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    assert_int_equal(ctxfit_gguf_open("gguf_open_no_such_file.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_IO);
    assert_null(gguf);
    assert_true(error.detail != 0);
    assert_non_null(strstr(error.message, "gguf_open_no_such_file.gguf"));
    assert_int_equal(ctxfit_gguf_open(".", NULL, NULL, &gguf, NULL), CTXFIT_E_IO); /* a directory */
    assert_int_equal(ctxfit_gguf_open(NULL, NULL, NULL, &gguf, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_open(".", NULL, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
}

/* ---- split models ---- */

static void open_reads_all_shards(void **state)
{
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    write_split_model("gguf_open_split");
    if (ctxfit_gguf_open("gguf_open_split-00001-of-00003.gguf", NULL, NULL, &gguf, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    check_joined(gguf);
    ctxfit_gguf_free(gguf);
    remove_split_model("gguf_open_split");
}

static void open_of_a_later_shard_names_the_first(void **state)
{
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    write_split_model("gguf_open_later");
    assert_int_equal(ctxfit_gguf_open("gguf_open_later-00002-of-00003.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_INVALID_ARG);
    assert_non_null(strstr(error.message, "shard 2 of 3, open the first: 'gguf_open_later-00001-of-00003.gguf'"));
    remove_split_model("gguf_open_later");
}

static void open_reports_a_missing_shard(void **state)
{
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    write_split_model("gguf_open_missing");
    (void)remove("gguf_open_missing-00003-of-00003.gguf");
    assert_int_equal(ctxfit_gguf_open("gguf_open_missing-00001-of-00003.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_NOT_FOUND);
    assert_null(gguf);
    assert_non_null(strstr(error.message, "shard 3 of 3: cannot open 'gguf_open_missing-00003-of-00003.gguf'"));
    remove_split_model("gguf_open_missing");
}

static void open_needs_the_pattern_to_find_shards(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    write_shard(&w, 0, SHARDS, SHARDS);
    write_file("gguf_open_renamed.gguf", w.data, w.size);
    assert_int_equal(ctxfit_gguf_open("gguf_open_renamed.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "-00001-of-00003.gguf"));
    (void)remove("gguf_open_renamed.gguf");
    gw_free(&w);
}

/* A shard that is the first again: cyclic. */
static void open_rejects_a_shard_of_another_number(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    write_split_model("gguf_open_cyclic");
    write_shard(&w, 0, SHARDS, SHARDS);
    write_file("gguf_open_cyclic-00002-of-00003.gguf", w.data, w.size);
    assert_int_equal(ctxfit_gguf_open("gguf_open_cyclic-00001-of-00003.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "calls itself shard 1 of 3"));
    remove_split_model("gguf_open_cyclic");
    gw_free(&w);
}

static void open_stops_at_the_first_missing_of_65535_shards(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    (void)state;
    write_shard(&w, 0, 65535, 1);
    write_file("gguf_open_many-00001-of-65535.gguf", w.data, w.size);
    assert_int_equal(ctxfit_gguf_open("gguf_open_many-00001-of-65535.gguf", NULL, NULL, &gguf, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "shard 2 of 65535"));
    (void)remove("gguf_open_many-00001-of-65535.gguf");
    gw_free(&w);
}

static void open_survives_a_failure_of_any_allocation(void **state)
{
    test_failing f = {0};

    (void)state;
    write_split_model("gguf_open_memory");
    while (test_failing_next(&f)) {
        ctxfit_gguf *gguf = NULL;

        f.status = ctxfit_gguf_open("gguf_open_memory-00001-of-00003.gguf", NULL, &f.allocator, &gguf, NULL);
        assert_true((gguf != NULL) == (f.status == CTXFIT_OK));
        ctxfit_gguf_free(gguf);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 2 * SHARDS);
    remove_split_model("gguf_open_memory");
}

/* ---- join ---- */

static ctxfit_gguf *parse_shard(uint32_t no, uint32_t count, uint32_t tensors_in_all)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;

    write_shard(&w, no, count, tensors_in_all);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    gw_free(&w);
    return gguf;
}

static void join_orders_parts_by_their_number(void **state)
{
    ctxfit_gguf *parts[SHARDS], *joined = NULL;

    (void)state;
    for (uint32_t i = 0; i < SHARDS; i++)
        parts[i] = parse_shard(SHARDS - 1 - i, SHARDS, SHARDS);
    assert_int_equal(ctxfit_gguf_join((const ctxfit_gguf *const *)parts, SHARDS, NULL, &joined, NULL), CTXFIT_OK);
    for (uint32_t i = 0; i < SHARDS; i++)
        ctxfit_gguf_free(parts[i]);
    check_joined(joined);
    ctxfit_gguf_free(joined);
}

static void expect_join(ctxfit_gguf *a, ctxfit_gguf *b, ctxfit_status status, const char *words)
{
    const ctxfit_gguf *parts[2];
    ctxfit_gguf       *joined = NULL;
    ctxfit_error       error;

    parts[0] = a;
    parts[1] = b;
    assert_int_equal(ctxfit_gguf_join(parts, 2, NULL, &joined, &error), status);
    assert_null(joined);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' lacks '%s'", error.message, words);
    ctxfit_gguf_free(a);
    ctxfit_gguf_free(b);
}

static void join_refuses_what_is_no_split(void **state)
{
    ctxfit_gguf       *whole = NULL, *joined = NULL;
    gguf_writer        w;
    const ctxfit_gguf *one[1];

    (void)state;
    expect_join(parse_shard(0, 2, 2), NULL, CTXFIT_E_INVALID_ARG, "part 1 is NULL");
    expect_join(parse_shard(0, 2, 2), parse_shard(0, 2, 2), CTXFIT_E_INVALID_ARG, "split.no 0 is given twice");
    expect_join(parse_shard(0, 2, 2), parse_shard(1, 3, 2), CTXFIT_E_INVALID_ARG, "split.count is 3, but 2 parts");
    expect_join(parse_shard(0, 2, 3), parse_shard(1, 2, 3), CTXFIT_E_MALFORMED, "2 tensors, split.tensors.count is 3");
    gw_good(&w, 3, false);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &whole, NULL), CTXFIT_OK);
    gw_free(&w);
    one[0] = whole;
    assert_int_equal(ctxfit_gguf_join(one, 0, NULL, &joined, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_join(NULL, 1, NULL, &joined, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_join(one, 1, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_join(one, 65536, NULL, &joined, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_join(one, 1, NULL, &joined, NULL), CTXFIT_OK); /* a split of one */
    assert_int_equal(ctxfit_gguf_key_count(joined), GW_GOOD_KEYS);
    ctxfit_gguf_free(joined);
    expect_join(whole, parse_shard(1, 2, 2), CTXFIT_E_INVALID_ARG, "part 0: split.count is 1");
}

static ctxfit_gguf *parse_and_free(gguf_writer *w)
{
    ctxfit_gguf *gguf = NULL;

    assert_int_equal(ctxfit_gguf_parse(w->data, w->size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    gw_free(w);
    return gguf;
}

static void join_rejects_broken_splits(void **state)
{
    static const uint64_t dims[] = {8};
    const ctxfit_gguf    *parts[SHARDS];
    ctxfit_gguf          *shards[SHARDS], *joined = NULL;
    gguf_writer           w;

    (void)state;
    gw_begin(&w, 3, false);
    gw_key_u16(&w, "split.no", 1);
    gw_key_u16(&w, "split.count", 2);
    gw_tensor(&w, "t0", 0, 1, dims, 32);
    expect_join(parse_shard(0, 2, 2), parse_and_free(&w), CTXFIT_E_MALFORMED, "tensor 't0' is in two shards");
    gw_begin(&w, 3, false);
    gw_key_u16(&w, "split.no", 0);
    gw_key_u16(&w, "split.count", 2);
    expect_join(parse_and_free(&w), parse_shard(1, 2, 1), CTXFIT_E_MALFORMED, "'split.tensors.count' is missing");
    gw_begin(&w, 3, true);
    gw_key_u16(&w, "split.no", 1);
    gw_key_u16(&w, "split.count", 2);
    expect_join(parse_shard(0, 2, 1), parse_and_free(&w), CTXFIT_E_INVALID_ARG, "another byte order");
    for (uint32_t i = 0; i < SHARDS; i++)
        parts[i] = shards[i] = parse_shard(i, SHARDS, SHARDS);
    assert_int_equal(ctxfit_gguf_join(parts, SHARDS, NULL, &joined, NULL), CTXFIT_OK);
    for (uint32_t i = 0; i < SHARDS; i++)
        ctxfit_gguf_free(shards[i]);
    expect_join(joined, NULL, CTXFIT_E_INVALID_ARG, "part 0 is joined already");
}

static void join_survives_a_failure_of_any_allocation(void **state)
{
    const ctxfit_gguf *parts[2];
    ctxfit_gguf       *shards[2];
    test_failing       f = {0};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        gguf_writer w;

        gw_begin(&w, 3, false);
        gw_key_u16(&w, "split.no", i);
        gw_key_u16(&w, "split.count", 2);
        gw_key_u32(&w, "split.tensors.count", 2 * 4200);
        gw_crowd(&w, 4200 * i, 4200);
        parts[i] = shards[i] = parse_and_free(&w);
    }
    while (test_failing_next(&f)) {
        ctxfit_gguf *joined = NULL;

        f.status = ctxfit_gguf_join(parts, 2, &f.allocator, &joined, NULL);
        assert_int_equal(ctxfit_gguf_tensor_count(joined), f.status == CTXFIT_OK ? 2 * 4200 : 0);
        ctxfit_gguf_free(joined);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 40);
    for (unsigned i = 0; i < 2; i++)
        ctxfit_gguf_free(shards[i]);
}

static void broken_allocators_and_options_are_refused(void **state)
{
    ctxfit_allocator    broken = {NULL, NULL, NULL};
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *shard = parse_shard(0, 1, 1), *out = NULL;
    const ctxfit_gguf  *parts[1];

    (void)state;
    parts[0] = shard;
    options.flags = 1u << 31;
    assert_int_equal(ctxfit_gguf_open(".", NULL, &broken, &out, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_open(".", &options, NULL, &out, NULL), CTXFIT_E_INVALID_ARG);
    options.struct_size = 4;
    assert_int_equal(ctxfit_gguf_open(".", &options, NULL, &out, NULL), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_gguf_join(parts, 1, &broken, &out, NULL), CTXFIT_E_INVALID_ARG);
    ctxfit_gguf_free(shard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_reads_a_file),
        cmocka_unit_test(open_reads_a_header_larger_than_its_first_read),
        cmocka_unit_test(open_reports_files_that_cannot_be_read),
        cmocka_unit_test(open_reads_all_shards),
        cmocka_unit_test(open_of_a_later_shard_names_the_first),
        cmocka_unit_test(open_reports_a_missing_shard),
        cmocka_unit_test(open_needs_the_pattern_to_find_shards),
        cmocka_unit_test(open_rejects_a_shard_of_another_number),
        cmocka_unit_test(open_stops_at_the_first_missing_of_65535_shards),
        cmocka_unit_test(open_survives_a_failure_of_any_allocation),
        cmocka_unit_test(join_orders_parts_by_their_number),
        cmocka_unit_test(join_refuses_what_is_no_split),
        cmocka_unit_test(join_rejects_broken_splits),
        cmocka_unit_test(join_survives_a_failure_of_any_allocation),
        cmocka_unit_test(broken_allocators_and_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
