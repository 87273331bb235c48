/* EXL3: names, bytes of a stored matrix, and what the converter gives each (tests/data/engines/exllamav3_bits.csv: exllamav3 1.6.5
 * conversion/allocation.py, create_q_strategy() over the matrices that modules/ and architecture/ declare). */
#include "test_support.h"

#include <stdbool.h>

#include "csv_reader.h"
#include "ctxfit.h"

static void names_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        const char *name; /* NULL: none */
    } rows[] = {
        {"exl3-4.25bpw-h8", "EXL3-4.25bpw-h8"}, {"EXL3_4.0bpw_h6", "EXL3-4.00bpw-h6"}, {"4.0bpw", "EXL3-4.00bpw-h6"},
        {"4.0bpw_H8", "EXL3-4.00bpw-h8"},       {"exl3:3", "EXL3-3.00bpw-h6"},         {"exl3-1", "EXL3-1.00bpw-h6"},
        {"exl3-8.00bpw-h1", "EXL3-8.00bpw-h1"}, {"exl3-2.27", "EXL3-2.27bpw-h6"},      {"exl3", NULL},
        {"exl3-0.99bpw", NULL},                 {"exl3-8.01bpw", NULL},                {"exl3-9bpw", NULL},
        {"exl3-4.251bpw", NULL},                {"exl3-4bpw-h9", NULL},                {"exl3-4bpw-h0", NULL},
        {"exl3-4bpw-h", NULL},                  {"exl3--4bpw", NULL},                  {"4", NULL},
        {"4.25", NULL},                         {"exl3-4 bpw", NULL},                  {"exl3-4.bpw", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ctxfit_file_type      type = ctxfit_file_type_from_name(rows[i].text);
        ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;
        char                  text[32];
        size_t                len = 0;

        if (rows[i].name == NULL) {
            if (type != 0)
                fail_msg("'%s' is read", rows[i].text);
            continue;
        }
        assert_int_equal(ctxfit_file_type_write_name(type, text, sizeof text, &len), CTXFIT_OK);
        assert_string_equal(text, rows[i].name);
        assert_int_equal(len, strlen(text));
        assert_int_equal(ctxfit_file_type_from_name(text), type);
        assert_string_equal(ctxfit_file_type_name(type), "EXL3");
        assert_int_equal(ctxfit_file_type_get_info(type, &info), CTXFIT_OK);
        assert_int_equal(info.file_type, type);
        assert_int_equal(info.ggml_ftype, UINT32_MAX);
        assert_true((info.flags & CTXFIT_FILE_TYPE_F_EXL3) != 0);
        assert_int_equal(ctxfit_file_type_write_name(type, text, 4, &len), CTXFIT_E_BUFFER_SIZE);
    }
    assert_int_equal(ctxfit_file_type_write_name(CTXFIT_FILE_TYPE_Q4_K_M, NULL, 1, NULL), CTXFIT_E_INVALID_ARG);
}

/* UnstableLlama/Qwen3.6-35B-A3B-DFlash-exl3-3.50bpw, quantization_config.json: n_bytes of trellis, suh, svh, mcg */
static void a_matrix_is_stored_as_a_checkpoint_lists_it(void **state)
{
    static const struct {
        const char *format;
        uint64_t    columns, rows, bytes;
    } stored[] = {
        {"EXL3_4BIT", 10240, 2048, UINT64_C(10485760) + 20480 + 4096 + 4},
        {"EXL3_4BIT", 2048, 4096, UINT64_C(4194304) + 4096 + 8192 + 4},
        {"EXL3_4BIT", 2048, 512, UINT64_C(524288) + 4096 + 1024 + 4},
        {"EXL3_3BIT", 2880, 2880, UINT64_C(2944) * 2944 * 3 / 8 + 4 * 2944 + 4}, /* gpt-oss: both sides padded */
        {"EXL3_2BIT5", 128, 128, UINT64_C(128) * 128 * 5 / 16 + 4 * 128 + 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++) {
        const uint64_t one[4] = {stored[i].columns, stored[i].rows, 1, 1}, experts[4] = {stored[i].columns, stored[i].rows, 32, 1};
        uint64_t       bytes;

        assert_int_equal(ctxfit_quant_tensor_bytes(ctxfit_quant_from_name(stored[i].format), one, &bytes), CTXFIT_OK);
        assert_int_equal(bytes, stored[i].bytes);
        assert_int_equal(ctxfit_quant_tensor_bytes(ctxfit_quant_from_name(stored[i].format), experts, &bytes), CTXFIT_OK);
        assert_int_equal(bytes, 32 * stored[i].bytes);
    }
}

static bool is_matrix(const char *tensor, const char *name, uint32_t *layer)
{
    char *end;

    if (strncmp(tensor, "blk.", 4) != 0)
        return false;
    *layer = (uint32_t)strtoul(tensor + 4, &end, 10);
    return *end == '.' && strncmp(end + 1, name, strlen(name)) == 0 && strcmp(end + 1 + strlen(name), ".weight") == 0;
}

static void check_allocation(const csv_reader *csv, const ctxfit_model *model)
{
    static const char *const by_halves[] = {"", "", "EXL3_1BIT", "EXL3_1BIT5", "EXL3_2BIT", "EXL3_2BIT5", "EXL3_3BIT", "EXL3_3BIT5",
                                            "EXL3_4BIT", "", "EXL3_5BIT", "", "EXL3_6BIT", "", "EXL3_7BIT", "", "EXL3_8BIT"};
    ctxfit_quant             wanted = ctxfit_quant_from_name(by_halves[strtoul(csv_text(csv, "half_bits"), NULL, 10)]);
    ctxfit_model_info        info = CTXFIT_MODEL_INFO_INIT;
    uint64_t                 layers = 0, sum = 0;

    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    for (uint64_t i = 0; i < info.tensor_count; i++) {
        ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;
        uint32_t           layer;

        assert_int_equal(ctxfit_model_get_tensor(model, i, &tensor), CTXFIT_OK);
        if (tensor.quant == wanted && is_matrix(ctxfit_model_tensor_name(model, i), csv_text(csv, "tensor"), &layer) &&
            layer < info.layers) {
            layers++;
            sum += layer;
        }
    }
    if (layers != strtoull(csv_text(csv, "layers"), NULL, 10) || sum != strtoull(csv_text(csv, "layer_sum"), NULL, 10))
        fail_msg("%s at %s: %s in %s: %llu layers, sum %llu", csv_text(csv, "model"), csv_text(csv, "bits"), csv_text(csv, "tensor"),
                 ctxfit_quant_name(wanted), (unsigned long long)layers, (unsigned long long)sum);
}

static void bits_are_those_of_the_converter(void **state)
{
    csv_reader    csv;
    ctxfit_model *model = NULL;
    char          last[64] = "", now[64], type[32];
    int           rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/exllamav3_bits.csv"));
    for (; csv_read(&csv); rows++) {
        (void)snprintf(now, sizeof now, "%s %s", csv_text(&csv, "model"), csv_text(&csv, "bits"));
        if (strcmp(now, last) != 0) {
            ctxfit_model_free(model);
            (void)snprintf(type, sizeof type, "exl3-%sbpw", csv_text(&csv, "bits"));
            assert_int_equal(ctxfit_model_from_catalog(csv_text(&csv, "model"), ctxfit_file_type_from_name(type), NULL, &model, NULL),
                             CTXFIT_OK);
            memcpy(last, now, sizeof last);
        }
        check_allocation(&csv, model);
    }
    assert_true(rows >= 400);
    ctxfit_model_free(model);
    csv_close(&csv);
}

/* phi-4 has q, k, v and gate, up as one matrix each; a checkpoint has them apart: two more inputs' and one more scale of each. */
static void fused_matrices_are_stored_apart(void **state)
{
    ctxfit_model     *model;
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;
    int               found = 0;

    (void)state;
    assert_int_equal(ctxfit_model_from_catalog("phi-4", ctxfit_file_type_from_name("exl3-4.0bpw"), NULL, &model, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    for (uint64_t i = 0; i < info.tensor_count; i++) {
        ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;

        assert_int_equal(ctxfit_model_get_tensor(model, i, &tensor), CTXFIT_OK);
        if (strcmp(ctxfit_model_tensor_name(model, i), "blk.0.attn_qkv.weight") == 0) {
            assert_int_equal(tensor.bytes, UINT64_C(5120) * 7680 / 2 + 7680 * 2 + 3 * (5120 * 2 + 4));
            found++;
        } else if (strcmp(ctxfit_model_tensor_name(model, i), "blk.0.ffn_up.weight") == 0) {
            assert_int_equal(tensor.bytes, UINT64_C(5120) * 35840 / 2 + 35840 * 2 + 2 * (5120 * 2 + 4));
            found++;
        }
    }
    assert_int_equal(found, 2);
    ctxfit_model_free(model);
}

static void every_allocation_may_fail(void **state)
{
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model;

        f.status = ctxfit_model_from_catalog("qwen3-8b", ctxfit_file_type_from_name("exl3-3.5bpw"), &f.allocator, &model, NULL);
        assert_true((model != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_as_people_write_them),
        cmocka_unit_test(a_matrix_is_stored_as_a_checkpoint_lists_it),
        cmocka_unit_test(bits_are_those_of_the_converter),
        cmocka_unit_test(fused_matrices_are_stored_apart),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
