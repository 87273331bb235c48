#include "test_support.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "ctxfit/model.h"
#include "ctxfit/quant.h"

static ctxfit_model *model_of(const char *name, ctxfit_file_type file_type)
{
    ctxfit_error  error;
    ctxfit_model *model;
    ctxfit_status status = ctxfit_model_from_catalog(name, file_type, NULL, &model, &error);

    if (status != CTXFIT_OK)
        fail_msg("%s in file type %u: %s: %s", name, (unsigned)file_type, ctxfit_status_message(status), error.message);
    return model;
}

static ctxfit_model_info info_of(const ctxfit_model *model)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    return info;
}

/* ---- facts ---- */

/* A row of catalog_expect.csv: facts counted elsewhere from the same config.json. Empty cells are NAN. */
typedef struct expectation {
    char   id[64];
    char   arch[32];
    double params_b, active_b, layers, embedding, vocabulary, kv_heads, context;
} expectation;

static bool next_cell(char **at, char *out, size_t cap)
{
    size_t len = strcspn(*at, ",\n");

    if (**at == '\0')
        return false;
    (void)snprintf(out, cap, "%.*s", (int)len, *at);
    *at += len + ((*at)[len] != '\0');
    return true;
}

static bool read_expectation(char *line, expectation *e)
{
    double *numbers[] = {&e->params_b, &e->active_b, &e->layers, &e->embedding, &e->vocabulary, &e->kv_heads, &e->context};
    char    cell[64];

    if (!next_cell(&line, e->id, sizeof e->id) || !next_cell(&line, e->arch, sizeof e->arch))
        return false;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!next_cell(&line, cell, sizeof cell))
            return false;
        *numbers[i] = cell[0] != '\0' ? strtod(cell, NULL) : (double)NAN;
    }
    return true;
}

/* The table is rounded to 0.0001 billion; beyond that, 0.01 % of all parameters. Gemma-3n: the converter pads the rows of the per-layer
 * embedding to the vocabulary (262,400 instead of 262,144), which the count of the config does not do. */
static void check_parameters(const char *what, const expectation *e, double expected_b, uint64_t found)
{
    double tolerance = strcmp(e->arch, "gemma3n") == 0 ? 6e-4 : 1e-4;
    double difference = fabs((double)found - expected_b * 1e9);

    if (!isnan(expected_b) && difference > 0.5e5 + tolerance * e->params_b * 1e9)
        fail_msg("%s: %s: expected %.4f billion, found %.4f", e->id, what, expected_b, (double)found / 1e9);
}

static void check_number(const char *what, const expectation *e, double expected, uint64_t found)
{
    if (!isnan(expected) && (double)found != expected)
        fail_msg("%s: %s: expected %.0f, found %llu", e->id, what, expected, (unsigned long long)found);
}

static uint32_t most_kv_heads(const ctxfit_model *model, uint32_t layers)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < layers; i++) {
        ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

        assert_int_equal(ctxfit_model_get_layer(model, i, &layer), CTXFIT_OK);
        if (layer.kv_heads > most)
            most = layer.kv_heads;
    }
    return most;
}

static void catalog_agrees_with_counts_of_the_configs(void **state)
{
    char     line[512];
    uint32_t rows = 0;
    FILE    *file = fopen(TEST_DATA "/models/catalog_expect.csv", "r");

    (void)state;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    while (fgets(line, sizeof line, file) != NULL) {
        expectation       e;
        ctxfit_model     *model;
        ctxfit_model_info info;

        assert_true(read_expectation(line, &e));
        model = model_of(e.id, 0);
        info = info_of(model);
        assert_string_equal(ctxfit_model_arch(model), e.arch);
        check_parameters("parameters", &e, e.params_b, info.parameters);
        check_parameters("active parameters", &e, e.active_b, info.parameters_active);
        check_number("layers", &e, e.layers, info.layers);
        check_number("embedding", &e, e.embedding, info.embedding);
        check_number("vocabulary", &e, e.vocabulary, info.vocabulary);
        check_number("KV heads", &e, e.kv_heads, most_kv_heads(model, info.layers));
        check_number("context", &e, e.context, info.trained_tokens);
        ctxfit_model_free(model);
        rows++;
    }
    (void)fclose(file);
    assert_true(rows >= 200);
}

static uint64_t elements_of_checkpoint(const ctxfit_model *model)
{
    uint64_t count = info_of(model).tensor_count;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;

        assert_int_equal(ctxfit_model_get_tensor(model, i, &tensor), CTXFIT_OK);
        if (strncmp(ctxfit_model_tensor_name(model, i), "rope_", 5) != 0)
            sum += tensor.dims[0] * tensor.dims[1] * tensor.dims[2] * tensor.dims[3];
    }
    return sum;
}

static void tensors_are_those_of_the_published_checkpoint(void **state)
{
    char     line[256], id[64];
    uint64_t published;
    uint32_t rows = 0;
    FILE    *file = fopen(TEST_DATA "/models/published_params.csv", "r");

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        ctxfit_model *model;

        if (line[0] == '#' || sscanf(line, "%63[^,],%" SCNu64, id, &published) != 2)
            continue;
        model = model_of(id, 0);
        if (elements_of_checkpoint(model) != published)
            fail_msg("%s: %" PRIu64 " elements, published %" PRIu64, id, elements_of_checkpoint(model), published);
        ctxfit_model_free(model);
        rows++;
    }
    (void)fclose(file);
    assert_true(rows >= 130);
}

static void every_model_states_what_a_plan_needs(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ctxfit_model_catalog_count(); i++) {
        const char       *id = ctxfit_model_catalog_id(i);
        ctxfit_model     *model = model_of(id, 0);
        ctxfit_model_info info = info_of(model);

        if (info.trained_tokens == 0 || info.parameters == 0 || info.parameters_active > info.parameters || info.vocabulary == 0 ||
            info.tensor_bytes > info.data_bytes || (info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0)
            fail_msg("%s: context %llu, parameters %llu, of them active %llu", id, (unsigned long long)info.trained_tokens,
                     (unsigned long long)info.parameters, (unsigned long long)info.parameters_active);
        assert_true(strcmp(strrchr(ctxfit_model_catalog_hf_id(i), '/') + 1, ctxfit_model_name(model)) == 0);
        ctxfit_model_free(model);
    }
}

/* Experts that are published in MXFP4 stay so. */
static bool is_f16(const ctxfit_model *model, uint64_t tensors)
{
    for (uint64_t i = 0; i < tensors; i++) {
        ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;

        assert_int_equal(ctxfit_model_get_tensor(model, i, &tensor), CTXFIT_OK);
        if (tensor.quant == CTXFIT_QUANT_MXFP4)
            return false;
    }
    return true;
}

static void weights_at_f16_are_two_bytes_a_parameter(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ctxfit_model_catalog_count(); i++) {
        const char       *id = ctxfit_model_catalog_id(i);
        ctxfit_model     *model = model_of(id, CTXFIT_FILE_TYPE_F16);
        ctxfit_model_info info = info_of(model);
        double            per_parameter = (double)info.tensor_bytes / (double)info.parameters;

        /* norms and states stay F32; blocks that are not loaded are in the bytes, but not in the parameters */
        if (info.nextn_layers == 0 && is_f16(model, info.tensor_count) && (per_parameter < 2.0 || per_parameter > 2.05))
            fail_msg("%s: %.3f bytes a parameter", id, per_parameter);
        ctxfit_model_free(model);
    }
}

/* What a published file has beyond the tensors is its header: about 20 to 80 bytes for each entry of the vocabulary. */
static void published_files_are_the_tensors_and_a_header(void **state)
{
    char     line[256], id[64], type[16];
    uint64_t bytes;
    uint32_t rows = 0;
    FILE    *file = fopen(TEST_DATA "/models/published_files.csv", "r");

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        ctxfit_model     *model;
        ctxfit_model_info info;
        double            header;

        if (line[0] == '#' || sscanf(line, "%63[^,],%15[^,],%" SCNu64, id, type, &bytes) != 3)
            continue;
        model = model_of(id, ctxfit_file_type_from_name(type));
        info = info_of(model);
        header = ((double)bytes - (double)info.data_bytes) / info.vocabulary;
        if (header < 20 || header > 100)
            fail_msg("%s %s: %llu bytes of tensors in a file of %llu", id, type, (unsigned long long)info.data_bytes,
                     (unsigned long long)bytes);
        ctxfit_model_free(model);
        rows++;
    }
    (void)fclose(file);
    assert_true(rows >= 25);
}

static void models_of_27_to_40_billion_are_there(void **state)
{
    static const char *const names[] = {"gemma3:27b",     "qwen3:32b",   "qwen2.5:32b", "qwen3-coder:30b", "qwen3:30b-a3b", "qwen3.5:27b",
                                        "exaone-4.0-32b", "olmo-3.1-32b", "command-r",   "yi:34b",          "qwq:32b",       "gemma4:31b"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ctxfit_model     *model = model_of(names[i], 0);
        ctxfit_model_info info = info_of(model);

        if (info.parameters < 26500000000u || info.parameters > 40000000000u)
            fail_msg("%s: %llu parameters", names[i], (unsigned long long)info.parameters);
        ctxfit_model_free(model);
    }
}

static void qwen3_coder_is_the_model_of_the_story(void **state)
{
    ctxfit_model     *model = model_of("qwen3-coder:30b", CTXFIT_FILE_TYPE_Q4_K_M);
    ctxfit_model_info info = info_of(model);
    ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

    (void)state;
    assert_string_equal(ctxfit_model_name(model), "Qwen3-Coder-30B-A3B-Instruct");
    assert_int_equal(ctxfit_model_get_layer(model, 0, &layer), CTXFIT_OK);
    assert_int_equal(info.trained_tokens, 262144);
    assert_int_equal(info.layers, 48);
    assert_int_equal(layer.kv_heads, 4);
    assert_int_equal(layer.key_size, 128);
    assert_int_equal(info.layers * 2u * layer.kv_heads * layer.key_size * 2u * info.trained_tokens, UINT64_C(25769803776));
    ctxfit_model_free(model);
}

/* ---- errors ---- */

static void unknown_name_names_the_nearest(void **state)
{
    ctxfit_error  error;
    ctxfit_model *model;

    (void)state;
    assert_int_equal(ctxfit_model_from_catalog("qwen3-coder-30b-a3", 0, NULL, &model, &error), CTXFIT_E_NOT_FOUND);
    assert_null(model);
    assert_non_null(strstr(error.message, "qwen3-coder-30b-a3b"));
}

static void missing_arguments_are_refused(void **state)
{
    ctxfit_error  error;
    ctxfit_model *model;

    (void)state;
    assert_int_equal(ctxfit_model_from_catalog(NULL, 0, NULL, &model, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_catalog("qwen3-8b", 0, NULL, NULL, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_catalog("qwen3-8b", 0, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_not_equal(ctxfit_model_from_catalog("qwen3-8b", 9999, NULL, &model, &error), CTXFIT_OK);
    assert_null(model);
}

static void survives_failing_allocations(void **state)
{
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model;

        f.status = ctxfit_model_from_catalog("qwen3.5:35b", 0, &f.allocator, &model, NULL);
        assert_true((model != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalog_agrees_with_counts_of_the_configs),
        cmocka_unit_test(tensors_are_those_of_the_published_checkpoint),
        cmocka_unit_test(every_model_states_what_a_plan_needs),
        cmocka_unit_test(weights_at_f16_are_two_bytes_a_parameter),
        cmocka_unit_test(published_files_are_the_tensors_and_a_header),
        cmocka_unit_test(models_of_27_to_40_billion_are_there),
        cmocka_unit_test(qwen3_coder_is_the_model_of_the_story),
        cmocka_unit_test(unknown_name_names_the_nearest),
        cmocka_unit_test(missing_arguments_are_refused),
        cmocka_unit_test(survives_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
