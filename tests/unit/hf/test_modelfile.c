/* Modelfiles, and Ollama's store. */
#include <stdbool.h>

#include "test_support.h"

#include "ctxfit/model.h"
#include "ctxfit/modelfile.h"

static ctxfit_modelfile *open_text(const char *text)
{
    ctxfit_modelfile *file = NULL;
    ctxfit_error      error = {0};

    if (ctxfit_modelfile_parse(text, strlen(text), NULL, &file, &error) != CTXFIT_OK)
        fail_msg("%s: %s", text, error.message);
    return file;
}

static void parts_and_parameters_are_read(void **state)
{
    ctxfit_modelfile *file = open_text("# a comment\n"
                                       "from ./model.gguf\r\n"
                                       "ADAPTER \"a folder/lora.gguf\"\n"
                                       "\n"
                                       "PARAMETER num_ctx 4096\n"
                                       "PARAMETER NUM_GPU -1\n"
                                       "PARAMETER stop \"<|im_end|>\"\n"
                                       "PARAMETER use_mmap false\n"
                                       "TEMPLATE \"\"\"{{ .Prompt }}\n"
                                       "PARAMETER num_ctx 1\n"
                                       "\"\"\"\n"
                                       "LICENSE \"\"\"\nall rights\n\"\"\"\n"
                                       "MESSAGE user \"\"\"two\nlines\"\"\"\n"
                                       "parameter num_ctx 8192");
    int64_t           value = 7;

    (void)state;
    assert_string_equal(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0), "./model.gguf");
    assert_null(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 1));
    assert_string_equal(ctxfit_modelfile_part(file, CTXFIT_PART_ADAPTER, 0), "a folder/lora.gguf");
    assert_string_equal(ctxfit_modelfile_part(file, CTXFIT_PART_TEMPLATE, 0), "{{ .Prompt }}\nPARAMETER num_ctx 1\n");
    assert_int_equal(ctxfit_modelfile_parameter_count(file), 5);
    assert_string_equal(ctxfit_modelfile_parameter_name(file, 2), "stop");
    assert_string_equal(ctxfit_modelfile_parameter_value(file, 2), "<|im_end|>");
    assert_null(ctxfit_modelfile_parameter_name(file, 5));
    assert_int_equal(ctxfit_modelfile_get_i64(file, "num_ctx", &value), CTXFIT_OK);
    assert_int_equal(value, 8192);
    assert_int_equal(ctxfit_modelfile_get_i64(file, "num_gpu", &value), CTXFIT_OK);
    assert_int_equal(value, -1);
    assert_int_equal(ctxfit_modelfile_get_i64(file, "use_mmap", &value), CTXFIT_OK);
    assert_int_equal(value, 0);
    assert_int_equal(ctxfit_modelfile_get_i64(file, "stop", &value), CTXFIT_E_TYPE);
    assert_int_equal(ctxfit_modelfile_get_i64(file, "num_batch", &value), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_modelfile_get_i64(NULL, "num_batch", &value), CTXFIT_E_INVALID_ARG);
    ctxfit_modelfile_free(file);
    ctxfit_modelfile_free(NULL);
}

/* "FROM " with characters of two, three and four bytes, and a half of a pair that is none */
static void utf16_is_read_by_its_byte_order_mark(void **state)
{
    static const unsigned short units[] = {0xfeff, 'F', 'R', 'O', 'M', ' ', 0xe9, 0x20ac, 0xd834, 0xdd1e, 0xd834, '.', 'g', 'g', 'u', 'f'};
    char text[2 * (sizeof units / sizeof units[0]) + 1] = {0}; /* the last byte is half a character */

    (void)state;
    for (int big = 0; big < 2; big++) {
        ctxfit_modelfile *file = NULL;

        for (size_t i = 0; i < (sizeof units / sizeof units[0]); i++) {
            text[2 * i + (size_t)big] = (char)(units[i] & 0xff);
            text[2 * i + (size_t)!big] = (char)(units[i] >> 8);
        }
        assert_int_equal(ctxfit_modelfile_parse(text, sizeof text, NULL, &file, NULL), CTXFIT_OK);
        assert_string_equal(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0), "\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\xef\xbf\xbd.gguf");
        ctxfit_modelfile_free(file);
    }
}

static void defects_are_named_with_their_line(void **state)
{
    static const struct {
        const char   *text;
        ctxfit_status status;
        const char   *words;
    } cases[] = {
        {"", CTXFIT_E_INCOMPLETE, "no FROM"},
        {"PARAMETER num_ctx 1", CTXFIT_E_INCOMPLETE, "no FROM"},
        {"FROM a\nFORM b", CTXFIT_E_MALFORMED, "line 2: unknown command FORM"},
        {"FROM", CTXFIT_E_MALFORMED, "line 1: no value for FROM"},
        {"FROM a\n\nPARAMETER num_ctx", CTXFIT_E_MALFORMED, "line 3: no value for parameter num_ctx"},
        {"FROM a\nPARAMETER", CTXFIT_E_MALFORMED, "line 2: PARAMETER needs"},
        {"FROM a\nSYSTEM \"\"\"never ends", CTXFIT_E_MALFORMED, "line 2: a quotation does not end"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_modelfile *file = (ctxfit_modelfile *)1;
        ctxfit_error      error = {0};
        ctxfit_status     status = ctxfit_modelfile_parse(cases[i].text, strlen(cases[i].text), NULL, &file, &error);

        assert_null(file);
        if (status != cases[i].status || strstr(error.message, cases[i].words) == NULL)
            fail_msg("'%s': %s (%s)", cases[i].text, ctxfit_status_name(status), error.message);
    }
}

static void reading_survives_the_nth_failed_allocation(void **state)
{
    char         text[20000];
    test_failing f = {0};

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, "FROM ", 5);
    while (test_failing_next(&f)) {
        ctxfit_modelfile *file = NULL;

        f.status = ctxfit_modelfile_parse(text, sizeof text, &f.allocator, &file, NULL);
        assert_true((file != NULL) == (f.status == CTXFIT_OK));
        ctxfit_modelfile_free(file);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_in_range(f.rounds, 2, 19);
}

/* ---- the store in tests/data/ollama ---- */

#define STORE TEST_DATA "/ollama"

static void a_name_leads_to_blobs_and_parameters(void **state)
{
    static const char *const names[] = {"tiny", "tiny:latest", "library/tiny", "registry.ollama.ai/library/tiny:latest",
                                        "Tiny:LATEST", "https://registry.ollama.ai/library/tiny"};
    int64_t                  value = 0;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ctxfit_modelfile *file = NULL;
        ctxfit_error      error = {0};

        if (ctxfit_modelfile_from_store(STORE, names[i], NULL, &file, &error) != CTXFIT_OK)
            fail_msg("%s: %s", names[i], error.message);
        assert_non_null(strstr(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0), STORE "/blobs/sha256-"));
        assert_int_equal(ctxfit_modelfile_get_i64(file, "num_ctx", &value), CTXFIT_OK);
        assert_int_equal(value, 16384);
        assert_int_equal(ctxfit_modelfile_get_i64(file, "num_gpu", &value), CTXFIT_OK);
        assert_int_equal(value, -1);
        assert_string_equal(ctxfit_modelfile_parameter_value(file, 2), "<end>");
        ctxfit_modelfile_free(file);
    }
}

static void what_the_store_lacks_is_said(void **state)
{
    static const struct {
        const char   *name;
        ctxfit_status status;
        const char   *words;
    } cases[] = {
        {"none", CTXFIT_E_NOT_FOUND, "manifests/registry.ollama.ai/library/none/latest"},
        {"hf.co/org/repo:Q4_K_M", CTXFIT_E_NOT_FOUND, "manifests/hf.co/org/repo/Q4_K_M"},
        {"tiny:lost", CTXFIT_E_NOT_FOUND, "a blob that is not there"},
        {"tiny:cloud", CTXFIT_E_INCOMPLETE, "no layer has weights"},
        {"tiny:broken", CTXFIT_E_MALFORMED, "library/tiny/broken': JSON"},
        {"tiny:outside", CTXFIT_E_MALFORMED, "is no digest"},
        {"../tiny", CTXFIT_E_INVALID_ARG, "is no name"},
        {"a/b/c/d", CTXFIT_E_INVALID_ARG, "is no name"},
        {"", CTXFIT_E_INVALID_ARG, "is no name"},
        {"tiny:", CTXFIT_E_INVALID_ARG, "is no name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_modelfile *file = (ctxfit_modelfile *)1;
        ctxfit_error      error = {0};
        ctxfit_status     status = ctxfit_modelfile_from_store(STORE, cases[i].name, NULL, &file, &error);

        assert_null(file);
        if (status != cases[i].status || strstr(error.message, cases[i].words) == NULL)
            fail_msg("'%s': %s (%s)", cases[i].name, ctxfit_status_name(status), error.message);
    }
}

int main(void)
{
    const struct CMUnitTest of_text[] = {
        cmocka_unit_test(parts_and_parameters_are_read),
        cmocka_unit_test(utf16_is_read_by_its_byte_order_mark),
        cmocka_unit_test(defects_are_named_with_their_line),
        cmocka_unit_test(reading_survives_the_nth_failed_allocation),
    };
    const struct CMUnitTest of_the_store[] = {
        cmocka_unit_test(a_name_leads_to_blobs_and_parameters),
        cmocka_unit_test(what_the_store_lacks_is_said),
    };
    ctxfit_model *model = NULL;
    int           failed = cmocka_run_group_tests(of_text, NULL, NULL);

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return failed; /* a library without JSON */
    return failed + cmocka_run_group_tests(of_the_store, NULL, NULL);
}
