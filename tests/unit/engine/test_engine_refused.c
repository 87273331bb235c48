/* What llama.cpp refuses, and its reasons. */
#include "test_support.h"

#include "memory_reference.h"

static reference_models models;

static void read_config(char *config, ctxfit_plan_options *options, char dev[16], char mem[32])
{
    for (char *word = strtok(config, " "); word != NULL; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');

        assert_non_null(value);
        *value++ = '\0';
        if (strcmp(word, "ctk") == 0)
            options->kv_key = ctxfit_quant_from_name(value);
        else if (strcmp(word, "ctv") == 0)
            options->kv_value = ctxfit_quant_from_name(value);
        else if (strcmp(word, "ctx") == 0)
            options->ctx_tokens = strtoull(value, NULL, 10);
        else if (strcmp(word, "fa") == 0)
            options->flash_attention = reference_choice(value);
        else if (strcmp(word, "np") == 0)
            options->sequences = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(word, "ub") == 0)
            options->ubatch_tokens = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(word, "kvu") == 0)
            options->kv_unified = reference_choice(value);
        else if (strcmp(word, "ncmoe") == 0)
            options->cpu_expert_layers = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(word, "cmoe") == 0)
            options->cpu_expert_layers = CTXFIT_ALL_LAYERS;
        else if (strcmp(word, "dev") == 0)
            snprintf(dev, 16, "%s", value);
        else if (strcmp(word, "mem") == 0)
            snprintf(mem, 32, "%s", value);
        else
            fail_msg("unknown word %s", word);
    }
}

static void refused_configurations_get_the_engines_reason(void **state)
{
    csv_reader csv;
    size_t     same = 0;

    (void)state;
    assert_true(csv_open(&csv, REFERENCE_DATA "/memory_refused.csv"));
    while (csv_read(&csv)) {
        ctxfit_plan_options  options = CTXFIT_PLAN_OPTIONS_INIT;
        const ctxfit_model  *model = reference_model_get(&models, csv_text(&csv, "model"), csv_text(&csv, "ftype"));
        const char          *reason = strstr(csv_text(&csv, "error"), ": ");
        cfi_engine_device    devices[CFI_MAX_DEVICES];
        cfi_run              run;
        ctxfit_error         error;
        char                 config[256];
        char                 dev[16] = "none";
        char                 mem[32] = "";
        uint32_t             count;

        assert_non_null(model);
        assert_non_null(reason);
        snprintf(config, sizeof config, "%s", csv_text(&csv, "config"));
        snprintf(options.engine, sizeof options.engine, "llama.cpp@b10472");
        read_config(config, &options, dev, mem);
        count = reference_devices(dev, mem, options.engine, devices);
        assert_int_equal(cfi_engine_resolve(model, &options, devices, count, &run, &error), CTXFIT_E_REFUSED);
        assert_string_equal(error.message, reason + 2);
        same++;
    }
    printf("%zu refused with the same reason\n", same);
    assert_int_equal(same, csv.row);
    assert_int_not_equal(same, 0);
    csv_close(&csv);
}

static int open_models(void **state)
{
    (void)state;
    return reference_models_open(&models, TEST_DATA "/models/reference_models.txt", "") ? 0 : -1;
}

static int close_models(void **state)
{
    (void)state;
    reference_models_close(&models);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_configurations_get_the_engines_reason),
    };

    return cmocka_run_group_tests(tests, open_models, close_models);
}
