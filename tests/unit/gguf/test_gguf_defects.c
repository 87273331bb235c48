/* Every defect is a good file with one thing broken: status, place and message. */
#include "test_support.h"

#include "gguf/gguf_internal.h"
#include "gguf_writer.h"

typedef struct broken_file {
    gguf_writer         w;
    gw_places           at;
    ctxfit_gguf_options options;
} broken_file;

static int make_good_file(void **state)
{
    broken_file               *b = calloc(1, sizeof *b);
    static ctxfit_gguf_options defaults = CTXFIT_GGUF_OPTIONS_INIT;

    if (b == NULL)
        return -1;
    b->at = gw_good(&b->w, 3, false);
    b->options = defaults;
    *state = b;
    return 0;
}

static int free_file(void **state)
{
    broken_file *b = *state;

    gw_free(&b->w);
    free(b);
    return 0;
}

/* `offset` CFI_NO_OFFSET: any. `words`: in the message. */
static void expect_failure(const broken_file *b, ctxfit_status status, uint64_t offset, const char *words)
{
    ctxfit_gguf  *gguf = NULL;
    ctxfit_error  error;
    ctxfit_status found = ctxfit_gguf_parse(b->w.data, b->w.size, &b->options, NULL, &gguf, &error);

    if (found != status)
        fail_msg("%s (%s), expected %s", ctxfit_status_name(found), found != CTXFIT_OK ? error.message : "", ctxfit_status_name(status));
    assert_null(gguf);
    assert_int_equal(error.status, status);
    if (offset != CFI_NO_OFFSET)
        assert_int_equal(error.offset, offset);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' lacks '%s'", error.message, words);
}

static void expect_success(const broken_file *b)
{
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    if (ctxfit_gguf_parse(b->w.data, b->w.size, &b->options, NULL, &gguf, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_gguf_free(gguf);
}

static void start_over(broken_file *b)
{
    gw_free(&b->w);
    gw_begin(&b->w, 3, false);
}

/* ---- start of the file ---- */

static void parse_rejects_wrong_magic(void **state)
{
    broken_file *b = *state;

    b->w.data[3] = 'f';
    expect_failure(b, CTXFIT_E_MALFORMED, 3, "'GGUf', expected 'GGUF'");
    b->w.size = 4; /* known from the first bytes on */
    expect_failure(b, CTXFIT_E_MALFORMED, 3, "expected 'GGUF'");
    b->w.size = 3;
    expect_failure(b, CTXFIT_E_TRUNCATED, CFI_NO_OFFSET, "");
}

/* What a clone without Git LFS has in the place of a file. */
static void parse_names_a_pointer_of_git_lfs(void **state)
{
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    broken_file      *b = *state;

    memcpy(b->w.data, pointer, sizeof pointer - 1);
    b->w.size = sizeof pointer - 1;
    expect_failure(b, CTXFIT_E_MALFORMED, 0, "a pointer of Git LFS");
}

static void parse_rejects_version_0(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, GW_AT_VERSION, 0, 4);
    expect_failure(b, CTXFIT_E_MALFORMED, 4, "version 0");
}

static void parse_does_not_support_version_1(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, GW_AT_VERSION, 1, 4);
    expect_failure(b, CTXFIT_E_UNSUPPORTED, 4, "version 1");
}

static void parse_does_not_support_version_4(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, GW_AT_VERSION, 4, 4);
    expect_failure(b, CTXFIT_E_UNSUPPORTED, 4, "version 4");
    b->w.big_endian = true;
    gw_patch(&b->w, GW_AT_VERSION, 4, 4);
    expect_failure(b, CTXFIT_E_UNSUPPORTED, 4, "version 4");
}

static void huge_key_count_hits_the_limit(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, GW_AT_KEYS, UINT64_MAX, 8);
    expect_failure(b, CTXFIT_E_LIMIT, GW_AT_KEYS, "18446744073709551615 keys");
}

static void huge_tensor_count_hits_the_limit(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, GW_AT_TENSORS, UINT64_C(1) << 63, 8);
    expect_failure(b, CTXFIT_E_LIMIT, GW_AT_TENSORS, "tensors");
}

static void more_keys_than_the_file_has_run_into_its_end(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, GW_AT_KEYS, 60000, 8);
    b->options.file_bytes = b->w.size;
    expect_failure(b, CTXFIT_E_MALFORMED, 24, "file is truncated");
}

/* ---- keys ---- */

static void parse_rejects_empty_key(void **state)
{
    broken_file *b = *state;

    start_over(b);
    gw_key_u32(&b->w, "", 1);
    gw_u64(&b->w, 0); /* so that the least size of a key is there */
    expect_failure(b, CTXFIT_E_MALFORMED, 24, "is empty");
}

static void parse_rejects_nul_in_a_key(void **state)
{
    broken_file *b = *state;

    b->w.data[b->at.key_layers + 8 + 4] = '\0';
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.key_layers, "'test?block_count': NUL");
}

static void key_of_2_to_the_63_bytes_hits_the_limit(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.key_layers, UINT64_C(1) << 63, 8);
    expect_failure(b, CTXFIT_E_LIMIT, b->at.key_layers, "name of a key of 9223372036854775808 bytes");
}

static void value_of_2_to_the_63_bytes_hits_the_limit(void **state)
{
    broken_file *b = *state;
    size_t       at = b->at.key_name + 8 + strlen("general.architecture") + 4;

    gw_patch(&b->w, at, UINT64_C(1) << 63, 8);
    expect_failure(b, CTXFIT_E_LIMIT, at, "value of a key");
}

static void token_of_2_to_the_63_bytes_hits_the_limit(void **state)
{
    broken_file *b = *state;
    size_t       at = b->at.key_tokens + 8 + strlen("tokenizer.ggml.tokens") + 4 + 4 + 8 + 8 + strlen("<s>");

    gw_patch(&b->w, at, UINT64_C(1) << 63, 8);
    expect_failure(b, CTXFIT_E_LIMIT, at, "string 1 of an array");
}

static void parse_rejects_unknown_value_types(void **state)
{
    broken_file *b = *state;
    size_t       at = b->at.key_layers + 8 + strlen("test.block_count");

    gw_patch(&b->w, at, 13, 4);
    expect_failure(b, CTXFIT_E_MALFORMED, at, "key 'test.block_count': type 13, expected 0 to 12");
    gw_patch(&b->w, at, UINT32_MAX, 4);
    expect_failure(b, CTXFIT_E_MALFORMED, at, "type 4294967295");
}

static void parse_rejects_unknown_element_types(void **state)
{
    broken_file *b = *state;
    size_t       at = b->at.key_heads + 8 + strlen("test.heads") + 4;

    gw_patch(&b->w, at, 13, 4);
    expect_failure(b, CTXFIT_E_MALFORMED, at, "key 'test.heads': type 13");
}

static void nested_arrays_are_unsupported(void **state)
{
    broken_file *b = *state;
    size_t       at = b->at.key_heads + 8 + strlen("test.heads") + 4;

    gw_patch(&b->w, at, CTXFIT_GGUF_ARRAY, 4);
    expect_failure(b, CTXFIT_E_UNSUPPORTED, at, "array of arrays");
}

static void huge_arrays_hit_the_limit(void **state)
{
    static const uint64_t counts[] = {UINT64_MAX, UINT64_C(1) << 62, (UINT64_C(1) << 30) + 1};
    broken_file          *b = *state;
    size_t                at = b->at.key_heads + 8 + strlen("test.heads") + 4 + 4;

    for (size_t i = 0; i < CFI_COUNT(counts); i++) {
        gw_patch(&b->w, at, counts[i], 8);
        expect_failure(b, CTXFIT_E_LIMIT, at, "key 'test.heads': array of");
    }
    gw_patch(&b->w, at, UINT64_C(1) << 30, 8);
    expect_failure(b, CTXFIT_E_LIMIT, CFI_NO_OFFSET, "max_header_bytes"); /* 4 GiB of numbers */
}

static void parse_rejects_duplicate_keys(void **state)
{
    broken_file *b = *state;

    start_over(b);
    gw_key_u32(&b->w, "a", 1);
    gw_key_u32(&b->w, "b", 1);
    gw_key_u32(&b->w, "a", 2);
    expect_failure(b, CTXFIT_E_MALFORMED, b->w.size - 4, "key 'a' is there twice");
}

static void parse_rejects_alignments_that_are_no_power_of_two(void **state)
{
    static const uint32_t wrong[] = {0, 33, UINT32_MAX};
    broken_file          *b = *state;

    for (size_t i = 0; i < CFI_COUNT(wrong); i++) {
        start_over(b);
        gw_key_u32(&b->w, "general.alignment", wrong[i]);
        expect_failure(b, CTXFIT_E_MALFORMED, b->w.size - 4, "is no power of two");
    }
}

static void parse_rejects_alignment_of_another_type(void **state)
{
    broken_file *b = *state;

    start_over(b);
    gw_key_text(&b->w, "general.alignment", "32");
    expect_failure(b, CTXFIT_E_MALFORMED, CFI_NO_OFFSET, "key 'general.alignment': type string, expected uint32");
    start_over(b);
    gw_key(&b->w, "general.alignment", CTXFIT_GGUF_UINT64);
    gw_u64(&b->w, 32);
    expect_failure(b, CTXFIT_E_MALFORMED, b->w.size - 8, "type uint64");
}

static void parse_rejects_wrong_split_numbers(void **state)
{
    broken_file *b = *state;

    start_over(b);
    gw_key_u32(&b->w, "split.count", 70000);
    expect_failure(b, CTXFIT_E_MALFORMED, b->w.size - 4, "key 'split.count': expected an integer from 0 to 65535");
    start_over(b);
    gw_key_text(&b->w, "split.count", "2");
    expect_failure(b, CTXFIT_E_MALFORMED, CFI_NO_OFFSET, "split.count");
    start_over(b);
    gw_key_u16(&b->w, "split.count", 2);
    expect_failure(b, CTXFIT_E_MALFORMED, CFI_NO_OFFSET, "'split.no' is missing");
    gw_key_u16(&b->w, "split.no", 2);
    expect_failure(b, CTXFIT_E_MALFORMED, b->w.size - 2, "key 'split.no': expected an integer from 0 to 1");
    start_over(b);
    gw_key_u16(&b->w, "split.count", 0); /* not split, as for llama.cpp */
    expect_success(b);
}

/* ---- tensors ---- */

static void parse_rejects_zero_dimension(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_dims + 4 + 8, 0, 8);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.q_dims + 4 + 8, "tensor 'blk.0.attn_q.weight': dimension 1 is 0");
}

static void parse_rejects_negative_dimension(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_dims + 4, UINT64_C(1) << 63, 8);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.q_dims + 4, "dimension 0 is 9223372036854775808");
}

static void parse_rejects_five_dimensions(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_dims, 5, 4);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.q_dims, "5 dimensions, expected at most 4");
    gw_patch(&b->w, b->at.q_dims, UINT32_MAX, 4);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.q_dims, "dimensions");
}

static void product_of_dimensions_overflows(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_dims + 4, UINT64_C(1) << 32, 8);
    gw_patch(&b->w, b->at.q_dims + 4 + 8, UINT64_C(1) << 31, 8);
    expect_failure(b, CTXFIT_E_OVERFLOW, b->at.q_dims, "number of elements of 4294967296 x 2147483648 x 1 x 1 overflows");
}

static void bytes_of_a_tensor_overflow(void **state)
{
    static const uint64_t dims[] = {UINT64_C(1) << 31, UINT64_C(1) << 31};
    broken_file          *b = *state;

    start_over(b);
    gw_tensor(&b->w, "a", 0, 2, dims, 0); /* 2^62 elements of 4 bytes */
    expect_failure(b, CTXFIT_E_OVERFLOW, b->w.size - 12, "tensor 'a': bytes overflow");
}

static void sum_of_tensors_overflows(void **state)
{
    static const uint64_t dims[] = {UINT64_C(1) << 31, (UINT64_C(1) << 31) - 1};
    const uint64_t        bytes = dims[0] * dims[1] * 2;
    broken_file          *b = *state;

    start_over(b);
    gw_tensor(&b->w, "a", 1, 2, dims, bytes);
    gw_tensor(&b->w, "b", 1, 2, dims, bytes);
    expect_success(b); /* 2^64 - 2^33 */
    gw_tensor(&b->w, "c", 1, 2, dims, bytes);
    expect_failure(b, CTXFIT_E_OVERFLOW, b->w.size - 8, "tensor 'c': end of its data overflows");
}

static void parse_rejects_rows_that_are_no_multiple_of_the_block(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_dims + 4, 33, 8);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.q_type, "row of 33 elements is no multiple of Q4_0's block");
}

static void retired_formats_are_unsupported(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_type, 4, 4); /* Q4_2, gone from ggml since 2023 */
    expect_failure(b, CTXFIT_E_UNSUPPORTED, b->at.q_type, "was retired");
}

static void unknown_formats_are_kept_without_bytes(void **state)
{
    broken_file           *b = *state;
    ctxfit_gguf           *gguf = NULL;
    const cfi_gguf_tensor *tensor;

    gw_patch(&b->w, b->at.q_type, 60000, 4);
    assert_int_equal(ctxfit_gguf_parse(b->w.data, b->w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    tensor = cfi_gguf_find_tensor(gguf, "blk.0.attn_q.weight");
    assert_int_equal(tensor->quant, 0);
    assert_int_equal(tensor->bytes, 0);
    assert_int_equal(tensor->ggml_type, 60000);
    ctxfit_gguf_free(gguf);
}

static void offsets_after_an_unknown_format_must_grow_and_be_aligned(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_type, 60000, 4);
    gw_patch(&b->w, b->at.norm_offset, 128, 8);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.norm_offset, "offset 128, expected a multiple of 32 above 128");
    gw_patch(&b->w, b->at.norm_offset, 1001, 8);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.norm_offset, "offset 1001");
    gw_patch(&b->w, b->at.norm_offset, 1024, 8);
    expect_success(b);
}

static void place_of_a_tensor_in_the_file_overflows(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.q_type, 60000, 4);
    gw_patch(&b->w, b->at.norm_offset, UINT64_MAX - 31 - 32, 8); /* fits, but not behind a header */
    expect_failure(b, CTXFIT_E_OVERFLOW, CFI_NO_OFFSET, "tensor 'output_norm.weight': end of its data overflows");
}

static void parse_rejects_overlapping_tensors(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.norm_offset, 128, 8);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.norm_offset, "tensor 'output_norm.weight': offset 128, expected 224");
}

static void parse_rejects_gaps_between_tensors(void **state)
{
    broken_file *b = *state;

    gw_patch(&b->w, b->at.norm_offset, 256, 8);
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.norm_offset, "offset 256, expected 224");
}

static void parse_rejects_duplicate_tensors(void **state)
{
    static const uint64_t dims[] = {8};
    broken_file          *b = *state;

    start_over(b);
    gw_tensor(&b->w, "a", 0, 1, dims, 32);
    gw_tensor(&b->w, "b", 0, 1, dims, 32);
    gw_tensor(&b->w, "a", 0, 1, dims, 32);
    expect_failure(b, CTXFIT_E_MALFORMED, CFI_NO_OFFSET, "tensor 'a' is there twice");
}

static void parse_rejects_tensor_names_of_64_bytes(void **state)
{
    static const uint64_t dims[] = {8};
    broken_file          *b = *state;
    char                  name[65];

    memset(name, 'n', sizeof name);
    name[64] = '\0';
    start_over(b);
    gw_tensor(&b->w, name, 0, 1, dims, 32);
    expect_failure(b, CTXFIT_E_MALFORMED, 24, "name of 64 bytes, ggml allows 63");
    start_over(b);
    gw_tensor(&b->w, name + 1, 0, 1, dims, 32);
    expect_success(b);
}

static void parse_rejects_nul_in_a_tensor_name(void **state)
{
    broken_file *b = *state;

    b->w.data[b->at.tensor_embd + 8] = '\0';
    expect_failure(b, CTXFIT_E_MALFORMED, b->at.tensor_embd, "NUL in the name");
}

/* ---- the file as a whole ---- */

static void a_file_that_ends_before_its_data_is_malformed(void **state)
{
    broken_file *b = *state;
    uint64_t     whole = b->w.size + 128 + 96 + 32; /* the last tensor needs no padding */

    b->options.file_bytes = whole;
    expect_success(b);
    b->options.file_bytes = whole - 1;
    expect_failure(b, CTXFIT_E_MALFORMED, whole - 1, "file is truncated: tensor 'output_norm.weight' ends at byte");
    b->options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    expect_success(b);
}

static void a_file_that_ends_inside_its_header_is_malformed(void **state)
{
    broken_file *b = *state;

    b->w.size = b->at.tensors_end - 1;
    b->options.file_bytes = b->w.size;
    expect_failure(b, CTXFIT_E_MALFORMED, CFI_NO_OFFSET, "file is truncated: its header takes at least");
    b->w.size = 24; /* a prefix cannot know yet */
    expect_failure(b, CTXFIT_E_TRUNCATED, 24, "");
    b->w.size = b->at.tensors_end;
    expect_failure(b, CTXFIT_E_INVALID_ARG, CFI_NO_OFFSET, "file_bytes"); /* one byte more than the file */
}

/* ---- options ---- */

static void max_keys_is_a_limit(void **state)
{
    broken_file *b = *state;

    b->options.max_keys = GW_GOOD_KEYS;
    expect_success(b);
    b->options.max_keys = GW_GOOD_KEYS - 1;
    expect_failure(b, CTXFIT_E_LIMIT, GW_AT_KEYS, "18 keys, the limit is 17");
}

static void max_tensors_is_a_limit(void **state)
{
    broken_file *b = *state;

    b->options.max_tensors = GW_GOOD_TENSORS;
    expect_success(b);
    b->options.max_tensors = GW_GOOD_TENSORS - 1;
    expect_failure(b, CTXFIT_E_LIMIT, GW_AT_TENSORS, "3 tensors, the limit is 2");
}

static void max_header_bytes_is_a_limit(void **state)
{
    broken_file *b = *state;

    b->options.max_header_bytes = b->at.tensors_end;
    expect_success(b);
    b->options.max_header_bytes = b->at.tensors_end - 1;
    expect_failure(b, CTXFIT_E_LIMIT, CFI_NO_OFFSET, "max_header_bytes is");
    b->w.size = 100; /* a prefix is told the same as soon as it shows */
    b->options.max_header_bytes = 101;
    expect_failure(b, CTXFIT_E_LIMIT, CFI_NO_OFFSET, "max_header_bytes is 101");
}

static void max_string_bytes_is_a_limit(void **state)
{
    broken_file *b = *state;

    b->options.max_string_bytes = (uint32_t)strlen("tokenizer.ggml.tokens"); /* the longest */
    expect_success(b);
    b->options.max_string_bytes--;
    expect_failure(b, CTXFIT_E_LIMIT, b->at.key_tokens, "name of a key of 21 bytes, the limit is 20");
}

static void limits_are_told_in_detail(void **state)
{
    broken_file *b = *state;
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    b->options.max_keys = 5;
    assert_int_equal(ctxfit_gguf_parse(b->w.data, b->w.size, &b->options, NULL, &gguf, &error), CTXFIT_E_LIMIT);
    assert_int_equal(error.detail, 5);
}

static void unknown_flags_and_dialects_are_refused(void **state)
{
    broken_file *b = *state;

    b->options.flags = 1u << 31;
    expect_failure(b, CTXFIT_E_INVALID_ARG, CFI_NO_OFFSET, "flag");
    b->options.flags = 0;
    b->options.dialect = 2;
    expect_failure(b, CTXFIT_E_INVALID_ARG, CFI_NO_OFFSET, "dialect");
}

#define DEFECT(test) cmocka_unit_test_setup_teardown(test, make_good_file, free_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFECT(parse_rejects_wrong_magic),
        DEFECT(parse_names_a_pointer_of_git_lfs),
        DEFECT(parse_rejects_version_0),
        DEFECT(parse_does_not_support_version_1),
        DEFECT(parse_does_not_support_version_4),
        DEFECT(huge_key_count_hits_the_limit),
        DEFECT(huge_tensor_count_hits_the_limit),
        DEFECT(more_keys_than_the_file_has_run_into_its_end),
        DEFECT(parse_rejects_empty_key),
        DEFECT(parse_rejects_nul_in_a_key),
        DEFECT(key_of_2_to_the_63_bytes_hits_the_limit),
        DEFECT(value_of_2_to_the_63_bytes_hits_the_limit),
        DEFECT(token_of_2_to_the_63_bytes_hits_the_limit),
        DEFECT(parse_rejects_unknown_value_types),
        DEFECT(parse_rejects_unknown_element_types),
        DEFECT(nested_arrays_are_unsupported),
        DEFECT(huge_arrays_hit_the_limit),
        DEFECT(parse_rejects_duplicate_keys),
        DEFECT(parse_rejects_alignments_that_are_no_power_of_two),
        DEFECT(parse_rejects_alignment_of_another_type),
        DEFECT(parse_rejects_wrong_split_numbers),
        DEFECT(parse_rejects_zero_dimension),
        DEFECT(parse_rejects_negative_dimension),
        DEFECT(parse_rejects_five_dimensions),
        DEFECT(product_of_dimensions_overflows),
        DEFECT(bytes_of_a_tensor_overflow),
        DEFECT(sum_of_tensors_overflows),
        DEFECT(parse_rejects_rows_that_are_no_multiple_of_the_block),
        DEFECT(retired_formats_are_unsupported),
        DEFECT(unknown_formats_are_kept_without_bytes),
        DEFECT(offsets_after_an_unknown_format_must_grow_and_be_aligned),
        DEFECT(place_of_a_tensor_in_the_file_overflows),
        DEFECT(parse_rejects_overlapping_tensors),
        DEFECT(parse_rejects_gaps_between_tensors),
        DEFECT(parse_rejects_duplicate_tensors),
        DEFECT(parse_rejects_tensor_names_of_64_bytes),
        DEFECT(parse_rejects_nul_in_a_tensor_name),
        DEFECT(a_file_that_ends_before_its_data_is_malformed),
        DEFECT(a_file_that_ends_inside_its_header_is_malformed),
        DEFECT(max_keys_is_a_limit),
        DEFECT(max_tensors_is_a_limit),
        DEFECT(max_header_bytes_is_a_limit),
        DEFECT(max_string_bytes_is_a_limit),
        DEFECT(limits_are_told_in_detail),
        DEFECT(unknown_flags_and_dialects_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
