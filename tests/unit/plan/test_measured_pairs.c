/* A plan of a config.json against what the real llama.cpp allocates for the GGUF of that model: tests/reference/compare_pairs.py. */
#include "plan_fixture.h"

#include "csv_reader.h"

#define MIB (UINT64_C(1) << 20)

static ctxfit_model *open_published(const char *name)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};
    char          path[512];
    FILE         *f;
    char         *text = malloc(1 << 20);
    size_t        size;

    (void)snprintf(path, sizeof path, "%s/configs/%s.json", REFERENCE_DATA, name);
    f = fopen(path, "rb");
    if (f == NULL || text == NULL)
        fail_msg("%s: not there", path);
    size = fread(text, 1, 1 << 20, f);
    (void)fclose(f);
    if (ctxfit_model_from_config(text, size, 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", name, error.message);
    free(text);
    return model;
}

/* As the program was run: --no-repack, every token's logits, the release that was measured. */
static ctxfit_plan_options measured_options(const csv_reader *csv)
{
    ctxfit_plan_options o = options_with(strtoull(csv_text(csv, "ctx"), NULL, 10), (uint32_t)strtoul(csv_text(csv, "sequences"), NULL, 10));

    o.outputs_max = UINT32_MAX;
    o.repack = CTXFIT_CHOICE_OFF;
    (void)snprintf(o.engine, sizeof o.engine, "llama.cpp@0.7.0");
    if (strcmp(csv_text(csv, "kv"), "q8_0") == 0)
        o.kv_key = o.kv_value = CTXFIT_QUANT_Q8_0;
    return o;
}

static size_t check_number(const csv_reader *csv, const char *column, uint64_t bytes)
{
    if (bytes / MIB == strtoull(csv_text(csv, column), NULL, 10))
        return 0;
    print_error("%s, %s cache: %s %llu MiB, llama.cpp says %s\n", csv_text(csv, "config"), csv_text(csv, "kv"), column,
                (unsigned long long)(bytes / MIB), csv_text(csv, column));
    return 1;
}

static void a_plan_of_a_configuration_is_what_llama_cpp_allocates_for_its_gguf(void **state)
{
    ctxfit_hw *hw = machine("host:8TiB");
    csv_reader csv;
    size_t     rows = 0, exact = 0, faults = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/models/pairs_measured.csv"));
    for (; csv_read(&csv); rows++) {
        ctxfit_model       *model = open_published(csv_text(&csv, "config"));
        ctxfit_plan_options o = measured_options(&csv);
        ctxfit_plan        *plan = planned(model, hw, &o);
        ctxfit_plan_summary s = summary_of(plan);
        ctxfit_plan_device  host = CTXFIT_PLAN_DEVICE_INIT;

        assert_int_equal(ctxfit_plan_get_device(plan, s.device_count - 1, &host), CTXFIT_OK);
        faults += check_number(&csv, "weights_mib", host.weights_bytes);
        faults += check_number(&csv, "context_mib", host.kv_bytes + host.kv_swa_bytes + host.recurrent_bytes + host.kv_other_bytes);
        if (s.compute_exact != 0)
            faults += check_number(&csv, "compute_mib", host.compute_bytes);
        else
            assert_true(host.compute_bytes / MIB >= strtoull(csv_text(&csv, "compute_mib"), NULL, 10));
        exact += s.compute_exact != 0;
        ctxfit_plan_free(plan);
        ctxfit_model_free(model);
    }
    csv_close(&csv);
    ctxfit_hw_free(hw);
    printf("reference: %zu plans of a config.json are what llama.cpp allocates for the GGUF, %zu with the compute buffer\n", rows, exact);
    assert_in_range(rows, 200, 2000);
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_of_a_configuration_is_what_llama_cpp_allocates_for_its_gguf),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
