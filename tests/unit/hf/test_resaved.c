/* What transformers writes of a published file that it has read is a file of the same model: other keys (per_layer_config,
 * mlp_layer_types, rope_parameters), other words for layers, and what equals the class's defaults left out.
 * tests/reference/resave_configs.py writes them. */
#include "test_support.h"

#include "csv_reader.h"
#include "ctxfit/model.h"

static size_t faults; /* all are printed */

#define FAULT(...) (print_error(__VA_ARGS__), (void)faults++)

/* NULL: there is no such file. */
static ctxfit_model *open_file(const char *folder, const char *file)
{
    char          path[512];
    FILE         *f;
    char         *text = malloc(1 << 20);
    size_t        size;
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    (void)snprintf(path, sizeof path, REFERENCE_DATA "/%s/%s", folder, file);
    f = fopen(path, "rb");
    if (f != NULL && text != NULL) {
        size = fread(text, 1, 1 << 20, f);
        (void)fclose(f);
        if (ctxfit_model_from_config(text, size, 0, NULL, &model, &error) != CTXFIT_OK)
            FAULT("%s: %s\n", path, error.message);
    }
    free(text);
    return model;
}

static void compare(const char *file, const ctxfit_model *published, const ctxfit_model *resaved)
{
    ctxfit_model_info a = CTXFIT_MODEL_INFO_INIT, b = CTXFIT_MODEL_INFO_INIT;

    (void)ctxfit_model_get_info(published, &a);
    (void)ctxfit_model_get_info(resaved, &b);
    if (strcmp(ctxfit_model_arch(published), ctxfit_model_arch(resaved)) != 0)
        FAULT("%s: %s published, %s resaved\n", file, ctxfit_model_arch(published), ctxfit_model_arch(resaved));
    if (a.parameters != b.parameters || a.vocabulary != b.vocabulary || a.embedding != b.embedding || a.experts != b.experts ||
        a.layers != b.layers || a.data_bytes != b.data_bytes)
        FAULT("%s: %llu parameters published, %llu resaved\n", file, (unsigned long long)a.parameters, (unsigned long long)b.parameters);
    if (a.trained_tokens != b.trained_tokens || a.rope_scaling != b.rope_scaling || a.rope_factor != b.rope_factor ||
        a.rope_original_tokens != b.rope_original_tokens)
        FAULT("%s: %llu tokens, rope %u published, %llu and %u resaved\n", file, (unsigned long long)a.trained_tokens, a.rope_scaling,
              (unsigned long long)b.trained_tokens, b.rope_scaling);
    for (uint32_t i = 0; i < a.layers && i < b.layers; i++) {
        ctxfit_layer_info of_a = CTXFIT_LAYER_INFO_INIT, of_b = CTXFIT_LAYER_INFO_INIT;

        (void)ctxfit_model_get_layer(published, i, &of_a);
        (void)ctxfit_model_get_layer(resaved, i, &of_b);
        if (memcmp(&of_a, &of_b, sizeof of_a) != 0)
            FAULT("%s: layer %u: %u heads, %u KV heads, window %u published, %u, %u and %u resaved\n", file, i, of_a.heads, of_a.kv_heads,
                  of_a.window_tokens, of_b.heads, of_b.kv_heads, of_b.window_tokens);
    }
}

static void a_configuration_that_transformers_writes_again_is_of_the_same_model(void **state)
{
    csv_reader csv;
    size_t     count = 0;

    (void)state;
    if (!csv_open(&csv, REFERENCE_DATA "/configs/expect.csv"))
        fail_msg("no list of configurations");
    while (csv_read(&csv)) {
        ctxfit_model *resaved = open_file("resaved", csv_text(&csv, "file"));
        ctxfit_model *published = resaved != NULL ? open_file("configs", csv_text(&csv, "file")) : NULL;

        if (published != NULL)
            compare(csv_text(&csv, "file"), published, resaved);
        count += published != NULL;
        ctxfit_model_free(published);
        ctxfit_model_free(resaved);
    }
    csv_close(&csv);
    printf("reference: %zu published config.json files and what transformers writes of them are the same models\n", count);
    assert_in_range(count, 200, 2000);
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_configuration_that_transformers_writes_again_is_of_the_same_model)};
    ctxfit_model           *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
