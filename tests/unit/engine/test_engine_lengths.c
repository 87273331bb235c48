/* Lengths and windows of published config.json files against what the functions of vLLM 0.29.0, vLLM 0.33.0 and SGLang 0.5.23 answer for
 * them (tests/reference/engine_lengths.py), and single cases of the same rules. */
#include "csv_reader.h"
#include "engine/engine_internal.h"
#include "test_support.h"

#define SHAPE "\"hidden_size\": 4096, \"intermediate_size\": 11008, \"num_hidden_layers\": 4, \"num_attention_heads\": 32, " \
              "\"vocab_size\": 32000"

static size_t faults; /* all are printed */

static ctxfit_model *model_of(const char *json)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static ctxfit_model *published(const char *file)
{
    char   path[512];
    FILE  *f;
    char  *text = calloc(1, 1 << 20);
    size_t size;
    ctxfit_model *model;

    (void)snprintf(path, sizeof path, "%s/configs/%s", REFERENCE_DATA, file);
    f = fopen(path, "rb");
    if (f == NULL || text == NULL)
        fail_msg("%s: not there", path);
    size = fread(text, 1, (1 << 20) - 1, f);
    text[size] = '\0';
    (void)fclose(f);
    model = model_of(text);
    free(text);
    return model;
}

static cfi_engine_length length_of(const ctxfit_model *model, const char *engine)
{
    cfi_engine_choice choice;

    assert_int_equal(cfi_engine_choose(engine, &choice, NULL), CTXFIT_OK);
    return cfi_engine_length_of(model, choice.id, choice.release);
}

static void check(const csv_reader *csv, const char *column, uint64_t got)
{
    uint64_t wanted = strtoull(csv_text(csv, column), NULL, 10);

    if (got != wanted) {
        print_error("%s: %s is %llu, expected %llu\n", csv_text(csv, "file"), column, (unsigned long long)got, (unsigned long long)wanted);
        faults++;
    }
}

static void published_files_have_the_length_that_the_engines_derive(void **state)
{
    csv_reader csv;
    int        rows = 0;

    (void)state;
    faults = 0;
    assert_true(csv_open(&csv, TEST_DATA "/engines/lengths.csv"));
    for (; csv_read(&csv); rows++) {
        ctxfit_model      *model = published(csv_text(&csv, "file"));
        cfi_engine_length  old = length_of(model, "vllm@0.29.0"), latest = length_of(model, "vllm@0.33.0");
        cfi_config_windows windows = cfi_engine_config_windows(model);

        check(&csv, "vllm_0_29", old.by_default);
        check(&csv, "vllm_0_29_most", old.most);
        check(&csv, "vllm", latest.by_default);
        check(&csv, "vllm_most", latest.most);
        check(&csv, "sglang", length_of(model, "sglang").by_default);
        check(&csv, "vllm_window", windows.layers == model->info.layers ? windows.tokens : 0);
        ctxfit_model_free(model);
    }
    csv_close(&csv);
    assert_true(rows > 200);
    assert_int_equal(faults, 0);
}

/* Qwen2.5 as its page says it is to be stretched. */
static void yarn_is_whole_in_the_file_since_0_30(void **state)
{
    ctxfit_model *model = model_of("{\"model_type\": \"qwen2\", \"max_position_embeddings\": 32768, \"rope_scaling\": {\"factor\": 4.0, "
                                   "\"original_max_position_embeddings\": 32768, \"type\": \"yarn\"}, " SHAPE "}");

    (void)state;
    assert_int_equal(length_of(model, "vllm@0.29.0").most, 131072);
    assert_int_equal(length_of(model, "vllm@0.30.0").most, 32768);
    assert_int_equal(length_of(model, "sglang").most, 32768);
    assert_int_equal(length_of(model, "tensorrt-llm").most, 32768);
    assert_int_equal(length_of(model, "llama.cpp").most, 32768);
    ctxfit_model_free(model);
}

static void other_scaling_multiplies(void **state)
{
    ctxfit_model *model = model_of("{\"model_type\": \"llama\", \"max_position_embeddings\": 16384, \"rope_scaling\": {\"factor\": 4.0, "
                                   "\"type\": \"linear\"}, " SHAPE "}");
    ctxfit_model *row;

    (void)state;
    assert_int_equal(length_of(model, "vllm").most, 65536);
    assert_int_equal(length_of(model, "sglang").most, 65536);
    assert_int_equal(length_of(model, "tensorrt-llm").most, 65536);
    assert_int_equal(length_of(model, "exllamav3").by_default, 16384);
    assert_int_equal(length_of(model, "mlx-lm").by_default, 16384);
    ctxfit_model_free(model);
    assert_int_equal(ctxfit_model_from_text("llama layers=4 ctx=16384 width=4096 ff=11008 heads=32 rope.scaling.factor=4 "
                                            "rope.scaling.type=linear vocab=32256", 0, NULL, &row, NULL), CTXFIT_OK);
    assert_int_equal(length_of(row, "vllm").most, 65536);
    assert_int_equal(length_of(row, "llama.cpp").most, 16384);
    ctxfit_model_free(row);
}

static void a_long_rope_is_short_by_default(void **state)
{
    ctxfit_model *model = model_of("{\"architectures\": [\"Phi3ForCausalLM\"], \"model_type\": \"phi3\", \"rope_scaling\": "
                                   "{\"type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]}, "
                                   "\"original_max_position_embeddings\": 4096, \"max_position_embeddings\": 131072, " SHAPE "}");

    (void)state;
    assert_int_equal(length_of(model, "vllm").by_default, 4096);
    assert_int_equal(length_of(model, "vllm").most, 131072);
    assert_int_equal(length_of(model, "sglang").by_default, 131072);
    ctxfit_model_free(model);
}

static void keys_are_read_in_the_order_of_each_engine(void **state)
{
    ctxfit_model *least = model_of("{\"model_type\": \"llama\", \"max_position_embeddings\": 8192, \"seq_length\": 2048, " SHAPE "}");
    ctxfit_model *own = model_of("{\"model_type\": \"llama\", \"max_position_embeddings\": 8192, \"model_max_length\": 131072, " SHAPE "}");
    ctxfit_model *none = model_of("{\"architectures\": [\"MambaForCausalLM\"], \"model_type\": \"mamba\", \"hidden_size\": 2560, "
                                  "\"num_hidden_layers\": 4, \"vocab_size\": 50280, \"intermediate_size\": 5120}");

    (void)state;
    assert_int_equal(length_of(least, "vllm").most, 2048);
    assert_int_equal(length_of(least, "sglang").most, 2048);
    assert_int_equal(length_of(least, "tensorrt-llm").most, 8192);
    assert_int_equal(length_of(own, "vllm").most, 131072); /* goes over the others */
    assert_int_equal(length_of(own, "sglang").most, 131072);
    assert_int_equal(length_of(none, "vllm").by_default, 2048);
    assert_int_equal(length_of(none, "vllm").most, 0);
    assert_int_equal(length_of(none, "sglang").most, 2048);
    assert_int_equal(length_of(none, "llama.cpp").most, 1048576); /* what the converter writes */
    ctxfit_model_free(least);
    ctxfit_model_free(own);
    ctxfit_model_free(none);
}

static void absurd_facts_are_none(void **state)
{
    ctxfit_model *model;

    (void)state;
    assert_int_equal(ctxfit_model_from_text("llama layers=4 ctx=4096 width=4096 ff=11008 heads=32 vocab=32256 "
                                            "config.max_position_embeddings=1e300 config.sliding_window=1e300 config.rope_type=linear "
                                            "config.rope_factor=1e300 config.nextn_predict_layers=1e18", 0, NULL, &model, NULL), CTXFIT_OK);
    assert_int_equal(length_of(model, "sglang").most, 4096);
    assert_int_equal(cfi_engine_config_windows(model).tokens, 0);
    assert_int_equal(cfi_engine_dropped_nextn(model), 0);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_files_have_the_length_that_the_engines_derive),
        cmocka_unit_test(yarn_is_whole_in_the_file_since_0_30),
        cmocka_unit_test(other_scaling_multiplies),
        cmocka_unit_test(a_long_rope_is_short_by_default),
        cmocka_unit_test(absurd_facts_are_none),
        cmocka_unit_test(keys_are_read_in_the_order_of_each_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
