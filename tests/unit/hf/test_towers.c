/* Eyes and ears of a bare config.json: counted by the rule of their kind, told where they are of none. */
#include <stdbool.h>

#include "test_support.h"

#include "ctxfit/model.h"
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

/* Classes that transformers has not: the tensors of published repositories less those of the decoder alone, which is one, too. Source:
 * llmfit hf_models.json of 2026-05-12. */
static void towers_are_what_published_models_have_beside_their_decoder(void **state)
{
    static const struct {
        const char *json;
        uint64_t    whole;
        uint64_t    decoder;
    } cases[] = {
        /* InternVL3_5-8B, Qwen3-8B */
        {"{\"model_type\": \"internvl_chat\", \"llm_config\": {\"model_type\": \"qwen3\", \"hidden_size\": 4096}, \"vision_config\": "
         "{\"model_type\": \"intern_vit_6b\", \"hidden_size\": 1024, \"intermediate_size\": 4096, \"image_size\": 448, "
         "\"num_hidden_layers\": 24, \"norm_type\": \"layer_norm\", \"qkv_bias\": true, \"qk_normalization\": false}}",
         8528318464, 8190735360},
        /* Kimi-VL-A3B-Instruct, Moonlight-16B-A3B */
        {"{\"model_type\": \"kimi_vl\", \"text_config\": {\"model_type\": \"deepseek_v3\", \"hidden_size\": 2048}, \"vision_config\": "
         "{\"model_type\": \"moonvit\", \"hidden_size\": 1152, \"intermediate_size\": 4304, \"num_hidden_layers\": 27, "
         "\"merge_kernel_size\": [2, 2], \"init_pos_emb_height\": 64, \"init_pos_emb_width\": 64, \"patch_size\": 14}}",
         16407657776, 15960111936},
        /* MiniCPM-V-4_5, and Qwen3-8B with 151,748 rows of its vocabulary of 151,936 */
        {"{\"model_type\": \"minicpmv\", \"hidden_size\": 4096, \"query_num\": 64, \"vision_config\": {\"model_type\": "
         "\"siglip_vision_model\", \"hidden_size\": 1152, \"intermediate_size\": 4304, \"num_hidden_layers\": 27, \"image_size\": 980, "
         "\"patch_size\": 14}}",
         8695895280, UINT64_C(8190735360) - UINT64_C(2) * (151936 - 151748) * 4096},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        towers t;

        find(&t, cases[i].json);
        assert_int_equal(t.found.count.matrices + t.found.count.rest, cases[i].whole - cases[i].decoder);
        forget(&t);
    }
}

static uint64_t parameters_of(const char *json)
{
    ctxfit_model     *model = NULL;
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_error      error;

    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    (void)ctxfit_model_get_info(model, &info);
    ctxfit_model_free(model);
    return info.parameters;
}

/* Decoder and towers are all that the repository has, by the same list. */
static void decoder_and_towers_are_the_published_total(void **state)
{
    static const struct {
        const char *file;
        uint64_t    total;
    } cases[] = {
        {"Qwen__Qwen3-VL-235B-A22B-Instruct", 235670022896}, {"Qwen__Qwen3-VL-2B-Instruct", 2127532032},
        {"Qwen__Qwen3-VL-30B-A3B-Instruct", 31070754032},    {"Qwen__Qwen3-VL-32B-Instruct", 33357390064},
        {"Qwen__Qwen3-VL-4B-Instruct", 4437815808},          {"Qwen__Qwen3-VL-8B-Instruct", 8767123696},
        {"google__gemma-3-27b-it", 27432406640},             {"google__gemma-3-4b-it", 4300079472},
        {"zai-org__GLM-4.1V-9B-Thinking", 10292777472},
    };
    static char json[65536];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char   path[512];
        towers t;
        FILE  *file;
        size_t size;

        (void)snprintf(path, sizeof path, REFERENCE_DATA "/configs/%s.json", cases[i].file);
        file = fopen(path, "rb");
        assert_non_null(file);
        size = fread(json, 1, sizeof json - 1, file);
        (void)fclose(file);
        json[size] = '\0';
        find(&t, json);
        assert_int_equal(parameters_of(json) + t.found.count.matrices + t.found.count.rest, cases[i].total);
        forget(&t);
    }
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

/* Kimi-K2.5 has it there. */
static void a_format_of_the_decoder_is_not_that_of_its_eyes(void **state)
{
    static const char *const places[] = {
        "{\"model_type\": \"kimi_k25\", \"text_config\": {\"model_type\": \"kimi_k2\", \"hidden_size\": 64, %s}, "
        "\"vision_config\": {\"patch_size\": 14}}",
        "{\"model_type\": \"kimi_k25\", %s, \"text_config\": {\"model_type\": \"kimi_k2\", \"hidden_size\": 64}, "
        "\"vision_config\": {\"patch_size\": 14}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char        json[512];
        const char *put = strstr(places[i], "%s");
        towers      t;

        (void)snprintf(json, sizeof json, "%.*s\"quantization_config\": {\"quant_method\": \"fp8\"}%s", (int)(put - places[i]), places[i],
                       put + 2);
        find(&t, json);
        assert_string_equal(t.found.counted, "vision_config");
        assert_true(i == 0 ? t.found.matrix_bytes <= 0 : t.found.matrix_bytes >= 1);
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

static const struct {
    const char *model, *part, *tower;
} rows[] = {
#define CFI_TOWER_OF(model, part, tower, letters, matrices, rest) {model, part, tower},
#include "hf/hf_towers.def"
};

static const char *const kinds[] = {
#define CFI_TOWER(type, letters, matrices, rest) type,
#include "hf/hf_towers.def"
};

static void every_row_counts_by_its_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char   json[256];
        towers t;

        (void)snprintf(json, sizeof json,
                       "{\"model_type\": \"%s\", \"hidden_size\": 64, \"intermediate_size\": 128, \"%s\": {\"dtype\": \"\"}}",
                       rows[i].model, rows[i].part);
        find(&t, json);
        if (t.found.counted == NULL || t.found.count.matrices + t.found.count.rest == 0)
            fail_msg("%s of %s is not counted", rows[i].part, rows[i].model);
        forget(&t);
    }
}

static void rows_are_sorted_and_of_kinds_there_are(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_true(strcmp(kinds[i - 1], kinds[i]) < 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int order = i == 0 ? -1 : strcmp(rows[i - 1].model, rows[i].model);
        bool      known = false;

        assert_true(order < 0 || (order == 0 && strcmp(rows[i - 1].part, rows[i].part) < 0));
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
            known = known || strcmp(rows[i].tower + (*rows[i].tower == '='), kinds[k]) == 0;
        assert_true(known);
    }
}

static void finding_survives_the_nth_failed_allocation(void **state)
{
    static const char json[] = "{\"model_type\": \"gemma3\", \"text_config\": {\"model_type\": \"gemma3_text\", \"num_hidden_layers\": 2}, "
                               "\"vision_config\": {" SIGLIP "}, \"audio_config\": {\"hidden_size\": 64}}";
    test_failing      f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model = NULL, *copy = NULL;

        f.status = ctxfit_model_from_config(json, strlen(json), 0, &f.allocator, &model, NULL);
        if (f.status == CTXFIT_OK)
            f.status = ctxfit_model_requantize(model, ctxfit_file_type_from_name("BF16"), &f.allocator, &copy, NULL);
        assert_true((copy != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(copy);
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(towers_have_the_parameters_of_their_classes),
        cmocka_unit_test(towers_are_what_published_models_have_beside_their_decoder),
        cmocka_unit_test(decoder_and_towers_are_the_published_total),
        cmocka_unit_test(what_no_rule_takes_is_told),
        cmocka_unit_test(sizes_may_be_lists_and_null),
        cmocka_unit_test(a_format_of_the_decoder_is_not_that_of_its_eyes),
        cmocka_unit_test(a_model_without_them_has_none),
        cmocka_unit_test(every_row_counts_by_its_defaults),
        cmocka_unit_test(rows_are_sorted_and_of_kinds_there_are),
        cmocka_unit_test(finding_survives_the_nth_failed_allocation),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* no JSON in this build */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
