/* What a good file says, in both versions and byte orders. */
#include "test_support.h"

#include "gguf/gguf_internal.h"
#include "gguf_writer.h"

static ctxfit_gguf *parse_good(uint32_t version, bool big_endian)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    gw_good(&w, version, big_endian);
    if (ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    gw_free(&w); /* the handle must not need it */
    return gguf;
}

/* Runs `check` on the good file in every version and byte order. */
static void on_every_good_file(void (*check)(const ctxfit_gguf *gguf))
{
    for (uint32_t version = 2; version <= 3; version++)
        for (int big_endian = 0; big_endian <= 1; big_endian++) {
            ctxfit_gguf *gguf = parse_good(version, big_endian != 0);

            assert_int_equal(ctxfit_gguf_version(gguf), version);
            assert_int_equal(ctxfit_gguf_is_big_endian(gguf), big_endian);
            check(gguf);
            ctxfit_gguf_free(gguf);
        }
}

static void check_whole(const ctxfit_gguf *gguf)
{
    gguf_writer w;
    gw_places   at = gw_good(&w, 3, false);

    assert_int_equal(ctxfit_gguf_shard_count(gguf), 1);
    assert_int_equal(ctxfit_gguf_split_count(gguf), 1);
    assert_int_equal(ctxfit_gguf_alignment(gguf), 32);
    assert_int_equal(ctxfit_gguf_data_offset(gguf, 0), w.size);
    assert_true(at.tensors_end <= w.size && w.size - at.tensors_end < 32);
    assert_int_equal(ctxfit_gguf_data_offset(gguf, 1), 0);
    assert_int_equal(ctxfit_gguf_key_count(gguf), GW_GOOD_KEYS);
    assert_int_equal(ctxfit_gguf_tensor_count(gguf), GW_GOOD_TENSORS);
    gw_free(&w);
}

static void parse_reads_both_versions_and_byte_orders(void **state)
{
    (void)state;
    on_every_good_file(check_whole);
}

static void check_integers(const ctxfit_gguf *gguf)
{
    static const struct {
        const char *key;
        int64_t     value;
    } fits[] = {{"t.u8", 200}, {"t.i8", -100}, {"t.u16", 60000}, {"t.i16", -30000}, {"test.block_count", 2}, {"t.i32", -2000000000},
                {"t.i64", INT64_MIN}, {"t.bool", 1}};
    int64_t  i64 = 0;
    uint64_t u64 = 0;
    double   f64 = 0;

    for (size_t i = 0; i < CFI_COUNT(fits); i++) {
        assert_int_equal(ctxfit_gguf_get_i64(gguf, fits[i].key, &i64), CTXFIT_OK);
        assert_true(i64 == fits[i].value);
        assert_int_equal(ctxfit_gguf_get_u64(gguf, fits[i].key, &u64), fits[i].value >= 0 ? CTXFIT_OK : CTXFIT_E_TYPE);
        assert_true(u64 == (fits[i].value >= 0 ? (uint64_t)fits[i].value : 0));
        if (strcmp(fits[i].key, "t.bool") != 0) {
            assert_int_equal(ctxfit_gguf_get_f64(gguf, fits[i].key, &f64), CTXFIT_OK);
            assert_true(f64 == (double)fits[i].value);
        }
    }
    assert_int_equal(ctxfit_gguf_get_u64(gguf, "t.u64", &u64), CTXFIT_OK);
    assert_true(u64 == UINT64_MAX);
    assert_int_equal(ctxfit_gguf_get_i64(gguf, "t.u64", &i64), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_f64(gguf, "t.u64", &f64), CTXFIT_OK);
    assert_true(f64 == (double)UINT64_MAX);
}

static void integers_convert_when_they_fit(void **state)
{
    (void)state;
    on_every_good_file(check_integers);
}

static void check_other_values(const ctxfit_gguf *gguf)
{
    double      f64 = 0;
    uint32_t    flag = 0;
    uint64_t    u64 = 7;
    const char *text = NULL;
    size_t      len = 0;

    assert_int_equal(ctxfit_gguf_get_f64(gguf, "t.f32", &f64), CTXFIT_OK);
    assert_true(f64 == 1.5);
    assert_int_equal(ctxfit_gguf_get_f64(gguf, "t.f64", &f64), CTXFIT_OK);
    assert_true(f64 == -2.25);
    assert_int_equal(ctxfit_gguf_get_u64(gguf, "t.f32", &u64), CTXFIT_E_TYPE);
    assert_int_equal(u64, 0);
    assert_int_equal(ctxfit_gguf_get_f64(gguf, "t.bool", &f64), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_f64(gguf, "general.architecture", &f64), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_bool(gguf, "t.bool", &flag), CTXFIT_OK);
    assert_int_equal(flag, 1);
    assert_int_equal(ctxfit_gguf_get_bool(gguf, "t.u8", &flag), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_string(gguf, "general.architecture", &text, NULL), CTXFIT_OK);
    assert_string_equal(text, "test");
    assert_int_equal(ctxfit_gguf_get_string(gguf, "t.blob", &text, &len), CTXFIT_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    assert_int_equal(ctxfit_gguf_get_string(gguf, "t.u8", &text, &len), CTXFIT_E_TYPE);
    assert_null(text);
    assert_int_equal(len, 0);
}

static void floats_bools_and_strings_read_back(void **state)
{
    (void)state;
    on_every_good_file(check_other_values);
}

static void check_arrays(const ctxfit_gguf *gguf)
{
    int64_t  i64 = 7;
    double   f64 = 7;
    uint64_t count = 7;

    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "test.heads", 1, &i64), CTXFIT_OK);
    assert_int_equal(i64, 4);
    assert_int_equal(ctxfit_gguf_get_array_f64(gguf, "test.heads", 0, &f64), CTXFIT_OK);
    assert_true(f64 == 8);
    assert_int_equal(ctxfit_gguf_get_array_f64(gguf, "t.floats", 0, &f64), CTXFIT_OK);
    assert_true(f64 == 0.5);
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "t.floats", 0, &i64), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "t.flags", 1, &i64), CTXFIT_OK);
    assert_int_equal(i64, 1);
    assert_int_equal(ctxfit_gguf_get_array_f64(gguf, "t.flags", 1, &f64), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "test.heads", 2, &i64), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "t.empty", 0, &i64), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "test.block_count", 0, &i64), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "tokenizer.ggml.tokens", 0, &i64), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(i64, 0);
    assert_int_equal(ctxfit_gguf_get_array_count(gguf, "tokenizer.ggml.tokens", &count), CTXFIT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(ctxfit_gguf_get_array_count(gguf, "t.empty", &count), CTXFIT_OK);
    assert_int_equal(count, 0);
    assert_int_equal(ctxfit_gguf_get_array_count(gguf, "t.u8", &count), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_gguf_get_array_count(gguf, "none", &count), CTXFIT_E_NOT_FOUND);
}

static void arrays_read_back_by_element(void **state)
{
    (void)state;
    on_every_good_file(check_arrays);
}

static void arrays_of_up_to_4096_numbers_are_kept(void **state)
{
    static const uint32_t sizes[] = {4096, 4097};
    gguf_writer           w;
    ctxfit_gguf          *gguf = NULL;
    int64_t               value = 0;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(sizes); i++) {
        gw_begin(&w, 3, false);
        gw_key_array(&w, "a", CTXFIT_GGUF_INT16, sizes[i]);
        for (uint32_t j = 0; j < sizes[i]; j++)
            gw_number(&w, j, 2);
        assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
        assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "a", 4095, &value), sizes[i] == 4096 ? CTXFIT_OK : CTXFIT_E_UNSUPPORTED);
        assert_int_equal(value, sizes[i] == 4096 ? 4095 : 0);
        ctxfit_gguf_free(gguf);
        gw_free(&w);
    }
}

static void check_key_facts(const ctxfit_gguf *gguf)
{
    ctxfit_gguf_key key = CTXFIT_GGUF_KEY_INIT;
    gguf_writer     w;
    gw_places       at = gw_good(&w, 3, false);
    uint64_t        place = 0;

    assert_int_equal(ctxfit_gguf_find_key(gguf, "test.block_count", &place), CTXFIT_OK);
    assert_int_equal(place, 0);
    assert_string_equal(ctxfit_gguf_key_name(gguf, 0), "test.block_count");
    assert_int_equal(ctxfit_gguf_get_key(gguf, 0, &key), CTXFIT_OK);
    assert_int_equal(key.type, CTXFIT_GGUF_UINT32);
    assert_int_equal(key.element_type, CTXFIT_GGUF_UINT32);
    assert_int_equal(key.count, 1);
    assert_int_equal(key.offset, at.key_layers + 8 + strlen("test.block_count") + 4);
    assert_int_equal(key.bytes, 4);
    assert_int_equal(ctxfit_gguf_get_key(gguf, 1, &key), CTXFIT_OK);
    assert_int_equal(key.bytes, 8 + 4);
    assert_int_equal(ctxfit_gguf_find_key(gguf, "tokenizer.ggml.tokens", &place), CTXFIT_OK);
    assert_int_equal(ctxfit_gguf_get_key(gguf, place, &key), CTXFIT_OK);
    assert_int_equal(key.type, CTXFIT_GGUF_ARRAY);
    assert_int_equal(key.element_type, CTXFIT_GGUF_STRING);
    assert_int_equal(key.count, 3);
    assert_int_equal(key.offset, at.key_tokens + 8 + strlen("tokenizer.ggml.tokens") + 4 + 4 + 8);
    assert_int_equal(key.bytes, 3 * 8 + strlen("<s>token"));
    assert_int_equal(key.struct_size, sizeof key);
    gw_free(&w);
}

static void keys_keep_type_count_and_place(void **state)
{
    (void)state;
    on_every_good_file(check_key_facts);
}

static void check_key_order(const ctxfit_gguf *gguf)
{
    for (uint64_t i = 0; i < ctxfit_gguf_key_count(gguf); i++) {
        uint64_t place = 0;

        assert_int_equal(ctxfit_gguf_find_key(gguf, ctxfit_gguf_key_name(gguf, i), &place), CTXFIT_OK);
        assert_int_equal(place, i);
    }
    for (uint64_t i = 0; i < ctxfit_gguf_tensor_count(gguf); i++) {
        uint64_t place = 0;

        assert_int_equal(ctxfit_gguf_find_tensor(gguf, ctxfit_gguf_tensor_name(gguf, i), &place), CTXFIT_OK);
        assert_int_equal(place, i);
    }
}

static void every_name_is_found_at_its_place(void **state)
{
    (void)state;
    on_every_good_file(check_key_order);
}

static void check_tensor_facts(const ctxfit_gguf *gguf)
{
    ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;

    assert_string_equal(ctxfit_gguf_tensor_name(gguf, 1), "blk.0.attn_q.weight");
    assert_int_equal(ctxfit_gguf_get_tensor(gguf, 1, &info), CTXFIT_OK);
    assert_int_equal(info.n_dims, 2);
    assert_int_equal(info.dims[0], 32);
    assert_int_equal(info.dims[1], 4);
    assert_int_equal(info.dims[2], 1);
    assert_int_equal(info.dims[3], 1);
    assert_int_equal(info.offset, 8 * 4 * 4);
    assert_int_equal(info.bytes, 4 * 18);
    assert_int_equal(info.quant, CTXFIT_QUANT_Q4_0);
    assert_int_equal(info.ggml_type, 2);
    assert_int_equal(info.shard, 0);
    assert_int_equal(ctxfit_gguf_get_tensor(gguf, 2, &info), CTXFIT_OK);
    assert_int_equal(info.offset, 128 + 96); /* 72 bytes padded to 96 */
    assert_int_equal(info.bytes, 8 * 4);
}

static void tensors_keep_shape_format_and_place(void **state)
{
    (void)state;
    on_every_good_file(check_tensor_facts);
}

static void past_the_end_is_not_found(void **state)
{
    ctxfit_gguf       *gguf = parse_good(3, false);
    ctxfit_gguf_key    key = CTXFIT_GGUF_KEY_INIT;
    ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;

    (void)state;
    key.count = 7;
    info.bytes = 7;
    assert_null(ctxfit_gguf_key_name(gguf, GW_GOOD_KEYS));
    assert_null(ctxfit_gguf_tensor_name(gguf, GW_GOOD_TENSORS));
    assert_int_equal(ctxfit_gguf_get_key(gguf, GW_GOOD_KEYS, &key), CTXFIT_E_NOT_FOUND);
    assert_int_equal(key.count, 0);
    assert_int_equal(ctxfit_gguf_get_tensor(gguf, GW_GOOD_TENSORS, &info), CTXFIT_E_NOT_FOUND);
    assert_int_equal(info.bytes, 0);
    assert_int_equal(ctxfit_gguf_get_key(gguf, UINT64_MAX, &key), CTXFIT_E_NOT_FOUND);
    ctxfit_gguf_free(gguf);
}

static void wrong_struct_sizes_are_refused(void **state)
{
    ctxfit_gguf        *gguf = parse_good(3, false);
    ctxfit_gguf_key     key = CTXFIT_GGUF_KEY_INIT;
    ctxfit_tensor_info  info = CTXFIT_TENSOR_INFO_INIT;
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *none = gguf;
    struct {
        ctxfit_gguf_options known;
        uint64_t            newer;
    } future = {CTXFIT_GGUF_OPTIONS_INIT, 1};

    (void)state;
    key.struct_size = 0;
    info.struct_size = 8;
    options.struct_size = 0;
    future.known.struct_size = sizeof future;
    assert_int_equal(ctxfit_gguf_get_key(gguf, 0, &key), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_gguf_get_tensor(gguf, 0, &info), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_gguf_parse("GGUF", 4, &options, NULL, &none, NULL), CTXFIT_E_STRUCT_SIZE);
    assert_null(none);
    assert_int_equal(ctxfit_gguf_parse("GGUF", 4, &future.known, NULL, &none, NULL), CTXFIT_E_NEWER_STRUCT);
    ctxfit_gguf_free(gguf);
}

static void null_arguments_are_refused(void **state)
{
    ctxfit_gguf       *gguf = parse_good(3, false), *none = NULL;
    ctxfit_allocator   broken = {NULL, NULL, NULL};
    ctxfit_gguf_key    key = CTXFIT_GGUF_KEY_INIT;
    ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;
    uint64_t           u64 = 7;
    const char        *text;

    (void)state;
    assert_int_equal(ctxfit_gguf_parse(NULL, 4, NULL, NULL, &none, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_parse("GGUF", 4, NULL, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_parse("GGUF", 4, NULL, &broken, &none, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_u64(NULL, "t.u8", &u64), CTXFIT_E_INVALID_ARG);
    assert_int_equal(u64, 0);
    assert_int_equal(ctxfit_gguf_get_u64(gguf, NULL, &u64), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_u64(gguf, "t.u8", NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_i64(gguf, "t.u8", NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_f64(gguf, "t.u8", NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_bool(gguf, "t.bool", NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_string(gguf, "t.blob", NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_string(NULL, "t.blob", &text, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_array_i64(gguf, "test.heads", 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_array_f64(gguf, "test.heads", 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_array_count(gguf, "test.heads", NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_find_key(gguf, "t.u8", NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_find_key(gguf, NULL, &u64), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_find_tensor(NULL, "a", &u64), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_find_tensor(gguf, "none", &u64), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_gguf_get_key(NULL, 0, &key), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_key(gguf, 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_tensor(NULL, 0, &info), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_get_tensor(gguf, 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_gguf_version(NULL), 0);
    assert_int_equal(ctxfit_gguf_is_big_endian(NULL), 0);
    assert_int_equal(ctxfit_gguf_shard_count(NULL), 0);
    assert_int_equal(ctxfit_gguf_split_count(NULL), 0);
    assert_int_equal(ctxfit_gguf_alignment(NULL), 0);
    assert_int_equal(ctxfit_gguf_data_offset(NULL, 0), 0);
    assert_int_equal(ctxfit_gguf_key_count(NULL), 0);
    assert_int_equal(ctxfit_gguf_tensor_count(NULL), 0);
    assert_null(ctxfit_gguf_key_name(NULL, 0));
    assert_null(ctxfit_gguf_tensor_name(NULL, 0));
    ctxfit_gguf_free(NULL);
    ctxfit_gguf_free(gguf);
}

static void an_empty_header_is_whole_and_unpadded(void **state)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;

    (void)state;
    gw_begin(&w, 3, false);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_gguf_key_count(gguf), 0);
    assert_int_equal(ctxfit_gguf_tensor_count(gguf), 0);
    assert_int_equal(ctxfit_gguf_data_offset(gguf, 0), 24);
    ctxfit_gguf_free(gguf);
    gw_free(&w);
}

static void alignment_of_the_file_rules_offsets(void **state)
{
    static const uint64_t dims[] = {3};
    gguf_writer           w;
    ctxfit_gguf          *gguf = NULL;
    ctxfit_tensor_info    info = CTXFIT_TENSOR_INFO_INIT;

    (void)state;
    gw_begin(&w, 3, false);
    w.alignment = 128;
    gw_key_u32(&w, "general.alignment", 128);
    gw_tensor(&w, "a", 0, 1, dims, 12);
    gw_tensor(&w, "b", 0, 1, dims, 12);
    gw_end(&w);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_gguf_alignment(gguf), 128);
    assert_int_equal(ctxfit_gguf_data_offset(gguf, 0), w.size);
    assert_int_equal(ctxfit_gguf_get_tensor(gguf, 1, &info), CTXFIT_OK);
    assert_int_equal(info.offset, 128);
    ctxfit_gguf_free(gguf);
    gw_free(&w);
}

static void a_tensor_without_dimensions_is_one_element(void **state)
{
    gguf_writer        w;
    ctxfit_gguf       *gguf = NULL;
    ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;

    (void)state;
    gw_begin(&w, 3, false);
    gw_tensor(&w, "scale", 0, 0, NULL, 4);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_gguf_get_tensor(gguf, 0, &info), CTXFIT_OK);
    assert_int_equal(info.n_dims, 0);
    assert_int_equal(info.dims[0], 1);
    assert_int_equal(info.bytes, 4);
    ctxfit_gguf_free(gguf);
    gw_free(&w);
}

static void accessors_of_the_model_module_agree(void **state)
{
    ctxfit_gguf           *gguf = parse_good(3, false);
    size_t                 count = 0;
    const cfi_gguf_tensor *tensors = cfi_gguf_tensors(gguf, &count);

    (void)state;
    assert_int_equal(count, GW_GOOD_TENSORS);
    assert_string_equal(tensors[0].name, "token_embd.weight");
    assert_ptr_equal(cfi_gguf_find_tensor(gguf, "blk.0.attn_q.weight"), &tensors[1]);
    assert_null(cfi_gguf_find_tensor(gguf, "blk.0.attn_q"));
    assert_int_equal(cfi_gguf_find_key(gguf, "test.heads")->count, 2);
    assert_null(cfi_gguf_find_key(gguf, "test.head"));
    assert_string_equal(cfi_gguf_type_name(CTXFIT_GGUF_FLOAT64), "float64");
    assert_string_equal(cfi_gguf_type_name(13), "unknown");
    ctxfit_gguf_free(gguf);
}

static void names_are_made_fit_for_messages(void **state)
{
    char long_name[100];

    (void)state;
    memset(long_name, 'x', sizeof long_name);
    assert_string_equal(cfi_gguf_label_of("a\n\xff"
                                          "b",
                                          4)
                            .text,
                        "a??b");
    assert_int_equal(strlen(cfi_gguf_label_of(long_name, 64).text), 64);
    assert_int_equal(strlen(cfi_gguf_label_of(long_name, 65).text), 67);
    assert_string_equal(cfi_gguf_label_of(long_name, 65).text + 63, "x...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_both_versions_and_byte_orders),
        cmocka_unit_test(integers_convert_when_they_fit),
        cmocka_unit_test(floats_bools_and_strings_read_back),
        cmocka_unit_test(arrays_read_back_by_element),
        cmocka_unit_test(arrays_of_up_to_4096_numbers_are_kept),
        cmocka_unit_test(keys_keep_type_count_and_place),
        cmocka_unit_test(every_name_is_found_at_its_place),
        cmocka_unit_test(tensors_keep_shape_format_and_place),
        cmocka_unit_test(past_the_end_is_not_found),
        cmocka_unit_test(wrong_struct_sizes_are_refused),
        cmocka_unit_test(null_arguments_are_refused),
        cmocka_unit_test(an_empty_header_is_whole_and_unpadded),
        cmocka_unit_test(alignment_of_the_file_rules_offsets),
        cmocka_unit_test(a_tensor_without_dimensions_is_one_element),
        cmocka_unit_test(accessors_of_the_model_module_agree),
        cmocka_unit_test(names_are_made_fit_for_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
