/* Eyes and ears of a bare config.json: counted by the rule of their kind, told where they are of none. */
#include <stdbool.h>

#include "test_support.h"

#include "hf/hf_internal.h"

#define MAX_LINE 4096

static size_t faults; /* all are printed */

#define FAULT(...) (print_error(__VA_ARGS__), (void)faults++)

typedef struct towers {
    cfi_arena           arena;
    cfi_hf_config       config;
    cfi_hf_towers_found found;
} towers;

static void find(towers *t, const char *json)
{
    ctxfit_error error = {0};

    cfi_arena_init(&t->arena, NULL);
    if (cfi_hf_config_open(&t->config, json, strlen(json), &t->arena, &error) != CTXFIT_OK ||
        cfi_hf_towers(&t->config, &t->found) != CTXFIT_OK)
        fail_msg("%s: %s", json, error.message);
}

static void forget(towers *t)
{
    cfi_hf_config_close(&t->config);
    cfi_arena_free(&t->arena);
}

/* towers.txt: NAME|MATRICES|REST|JSON */
static void check_row(char *line)
{
    char    *matrices = strchr(line, '|'), *json;
    uint64_t linear, rest;
    towers   t;

    assert_non_null(matrices);
    *matrices++ = '\0';
    linear = strtoull(matrices, &json, 10);
    rest = strtoull(json + 1, &json, 10);
    find(&t, json + 1);
    if (t.found.note != NULL)
        FAULT("%s: %s\n", line, t.found.note);
    else if (t.found.count.matrices != linear || t.found.count.rest != rest)
        FAULT("%s: %llu and %llu parameters, transformers has %llu and %llu\n", line, (unsigned long long)t.found.count.matrices,
              (unsigned long long)t.found.count.rest, (unsigned long long)linear, (unsigned long long)rest);
    forget(&t);
}

static void towers_have_the_parameters_of_their_classes(void **state)
{
    FILE  *file = fopen(TEST_DATA "/models/towers.txt", "r");
    char   line[MAX_LINE];
    size_t rows = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        check_row(line);
        rows++;
    }
    (void)fclose(file);
    assert_true(rows >= 190);
    assert_int_equal(faults, 0);
}

#define GEMMA(part) "{\"model_type\": \"gemma3\", \"text_config\": {\"model_type\": \"gemma3_text\", \"hidden_size\": 2560}, " \
                    "\"vision_config\": {" part "}}"
#define SIGLIP "\"model_type\": \"siglip_vision_model\", \"hidden_size\": 1152, \"intermediate_size\": 4304, \"num_hidden_layers\": 27"

static void what_no_rule_takes_is_told(void **state)
{
    static const char *const cases[] = {
        GEMMA("\"model_type\": \"strange_vision_model\", \"hidden_size\": 1152"),
        GEMMA(SIGLIP ", \"patch_size\": \"14\""),
        GEMMA(SIGLIP ", \"patch_size\": 0"),
        GEMMA(SIGLIP ", \"patch_size\": -14"),
        GEMMA(SIGLIP ", \"patch_size\": [14, 16]"),
        GEMMA(SIGLIP ", \"patch_size\": []"),
        GEMMA(SIGLIP ", \"patch_size\": {\"height\": 14}"),
        GEMMA(SIGLIP ", \"image_size\": 1e300"),
        GEMMA(SIGLIP ", \"image_size\": NaN"),
        GEMMA("\"num_hidden_layers\": 16777216, \"hidden_size\": 16777216"),
        GEMMA("\"num_hidden_layers\": 2.5, \"hidden_size\": 64"),
        "{\"model_type\": \"strange\", \"hidden_size\": 64, \"vision_config\": {" SIGLIP "}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        towers t;

        find(&t, cases[i]);
        if (t.found.counted != NULL || t.found.note == NULL || strstr(t.found.note, "vision_config") == NULL)
            fail_msg("%s: %s", cases[i], t.found.counted != NULL ? "counted" : "not told");
        assert_int_equal(t.found.count.matrices + t.found.count.rest, 0);
        forget(&t);
    }
}

/* A list of equal sizes is one size; null is left to the class. */
static void sizes_may_be_lists_and_null(void **state)
{
    static const char *const same[] = {
        GEMMA(SIGLIP ", \"patch_size\": 14, \"image_size\": 896, \"num_channels\": 3"),
        GEMMA(SIGLIP ", \"patch_size\": [14, 14], \"image_size\": [896, 896], \"num_channels\": null"),
        GEMMA(SIGLIP ", \"patch_size\": 14.0, \"image_size\": 896"),
    };
    uint64_t first = 0;

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        towers t;

        find(&t, same[i]);
        assert_string_equal(t.found.counted, "vision_config");
        first = i == 0 ? t.found.count.rest : first;
        assert_int_equal(t.found.count.rest, first);
        forget(&t);
    }
}

static void a_model_without_them_has_none(void **state)
{
    static const char *const cases[] = {
        "{\"model_type\": \"qwen3\", \"hidden_size\": 64}", GEMMA(""),
        "{\"model_type\": \"gemma4\", \"hidden_size\": 64, \"vision_config\": null, \"audio_config\": []}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        towers t;

        find(&t, cases[i]);
        assert_null(t.found.counted);
        assert_null(t.found.note);
        forget(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(towers_have_the_parameters_of_their_classes),
        cmocka_unit_test(what_no_rule_takes_is_told),
        cmocka_unit_test(sizes_may_be_lists_and_null),
        cmocka_unit_test(a_model_without_them_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
