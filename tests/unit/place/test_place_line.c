/* Lines of llama-server: what is written is read back, what people paste is understood, what is wrong is named at its place. */
#include "place_fixture.h"

static const char *written(const ctxfit_plan_options *o, const char *program, const char *path)
{
    static char text[4096];
    size_t      len;

    assert_int_equal(ctxfit_place_write_line(o, program, path, text, sizeof text, &len), CTXFIT_OK);
    assert_int_equal(len, strlen(text));
    return text;
}

static void what_is_written_is_read_back(void **state)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT, back = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_line         line = CTXFIT_LINE_INIT;

    (void)state;
    o.ctx_tokens = 65536;
    o.sequences = 3;
    o.batch_tokens = 4096;
    o.ubatch_tokens = 1024;
    o.kv_key = CTXFIT_QUANT_Q8_0;
    o.kv_value = CTXFIT_QUANT_Q4_0;
    o.flash_attention = CTXFIT_CHOICE_ON;
    o.kv_unified = CTXFIT_CHOICE_ON;
    o.swa_full = CTXFIT_CHOICE_ON;
    o.kv_offload = CTXFIT_CHOICE_OFF;
    o.op_offload = CTXFIT_CHOICE_OFF;
    o.mmap = CTXFIT_CHOICE_OFF;
    o.repack = CTXFIT_CHOICE_OFF;
    o.split_mode = CTXFIT_SPLIT_LAYER;
    o.gpu_layers = 30;
    o.cpu_expert_layers = 7;
    o.tensor_split[0] = 12;
    o.tensor_split[2] = 18;
    (void)snprintf(o.overrides, sizeof o.overrides, "%s", "blk\\.(1[0-9]|2)\\.ffn_(up|down)_(ch|)exps=CPU,a'b=CUDA0");
    assert_int_equal(ctxfit_place_read_line(written(&o, "/opt/bin/llama-server", "a folder/it's.gguf"), &back, &line, NULL), CTXFIT_OK);
    assert_memory_equal(&o, &back, sizeof o);
    assert_string_equal(line.model, "a folder/it's.gguf");
    assert_string_equal(line.program, "llama-server");
    assert_int_equal(line.split_count, 3);
    assert_int_equal(line.own_fit, CTXFIT_CHOICE_OFF);
}

static void special_numbers_survive(void **state)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT, back = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    o.sequences = 1;
    o.gpu_layers = CTXFIT_GPU_LAYERS_NONE;
    o.cpu_expert_layers = CTXFIT_ALL_LAYERS;
    assert_int_equal(ctxfit_place_read_line(written(&o, NULL, NULL), &back, NULL, NULL), CTXFIT_OK);
    assert_memory_equal(&o, &back, sizeof o);
}

static void a_pasted_line_is_read_as_a_shell_does(void **state)
{
    static const char text[] = "./build/bin/llama-server --model \"my model.gguf\" \\\n  -c 32768 --temp 0.7 -ot 'exps=CPU' \\\n"
                               "  -fa -ngl=99 --host 0.0.0.0 --mmproj p.gguf --override-kv a=b:c -ts 3,1";
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_line         line = CTXFIT_LINE_INIT;
    ctxfit_error        error;

    (void)state;
    /* "-ngl=99" is no argument of llama.cpp: only long ones take "=" */
    assert_int_equal(ctxfit_place_read_line(text, &o, &line, &error), CTXFIT_E_NOT_FOUND);
    assert_int_equal(error.offset, (uint64_t)(strstr(text, "-ngl=99") - text));
    assert_int_equal(ctxfit_place_read_line("llama-server --model \"my model.gguf\" \\\n -c 32768 --temp 0.7 -ot 'exps=CPU' -fa "
                                            "--n-gpu-layers=99 "
                                            "--host 0.0.0.0 --mmproj p.gguf --override-kv a=b:c -ts 3,1",
                                            &o, &line, NULL),
                     CTXFIT_OK);
    assert_string_equal(line.model, "my model.gguf");
    assert_string_equal(line.not_counted, "--mmproj");
    assert_string_equal(line.not_followed, "--override-kv");
    assert_string_equal(o.overrides, "exps=CPU");
    assert_int_equal(o.ctx_tokens, 32768);
    assert_int_equal(o.gpu_layers, 99);
    assert_int_equal(o.flash_attention, CTXFIT_CHOICE_ON);
    assert_int_equal(line.split_count, 2);
    assert_int_equal(o.sequences, 4); /* llama-server's own choice where -np is not stated */
    assert_int_equal(o.kv_unified, CTXFIT_CHOICE_ON);
}

static void programs_differ_in_their_sequences(void **state)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    assert_int_equal(ctxfit_place_read_line("llama-cli -c 4096", &o, NULL, NULL), CTXFIT_OK);
    assert_int_equal(o.sequences, 0);
    assert_int_equal(ctxfit_place_read_line("llama-server -np 2 -c 4096", &o, NULL, NULL), CTXFIT_OK);
    assert_int_equal(o.sequences, 2);
    assert_int_equal(o.kv_unified, CTXFIT_CHOICE_DEFAULT);
}

static void a_repository_names_model_and_file_type(void **state)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_line         line = CTXFIT_LINE_INIT;

    (void)state;
    assert_int_equal(ctxfit_place_read_line("-hf Qwen/Qwen3-8B-GGUF:Q8_0", &o, &line, NULL), CTXFIT_OK);
    assert_string_equal(line.model, "Qwen/Qwen3-8B-GGUF");
    assert_int_equal(line.file_type, CTXFIT_FILE_TYPE_Q8_0);
}

static void margins_are_read_for_each_device(void **state)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    (void)state;
    assert_int_equal(ctxfit_place_read_line("-fitt 512,0,2048", &o, NULL, NULL), CTXFIT_OK);
    assert_int_equal(o.device_reserve_bytes[0], UINT64_C(512) << 20);
    assert_int_equal(o.device_reserve_bytes[1], CTXFIT_RESERVE_NONE);
    assert_int_equal(o.device_reserve_bytes[2], UINT64_C(2048) << 20);
    assert_int_equal(ctxfit_place_read_line("-fitt 512", &o, NULL, NULL), CTXFIT_OK);
    assert_int_equal(o.reserve_bytes, UINT64_C(512) << 20);
    assert_int_equal(o.device_reserve_bytes[0], 0);
}

static void faults_are_named_at_their_place(void **state)
{
    static const struct {
        const char   *text;
        ctxfit_status status;
        uint64_t      offset;
        const char   *word;
    } rows[] = {
        {"llama-server -c", CTXFIT_E_MALFORMED, 15, "a value behind it"},
        {"llama-server -c many", CTXFIT_E_MALFORMED, 16, "whole number"},
        {"llama-server -ngll 3", CTXFIT_E_NOT_FOUND, 13, "-ngl"},
        {"llama-server -m 'x", CTXFIT_E_MALFORMED, 16, "quote"},
        {"llama-server model.gguf", CTXFIT_E_MALFORMED, 13, "argument"},
        {"llama-server -ctk q9", CTXFIT_E_MALFORMED, 18, "q8_0"},
        {"llama-server -ts 1,x", CTXFIT_E_MALFORMED, 17, "proportions"},
        {"llama-server -ts -1,2", CTXFIT_E_MALFORMED, 17, "proportions"},
        {"llama-server -fitt -5", CTXFIT_E_MALFORMED, 19, "MiB"},
        {"llama-server -ot exps", CTXFIT_E_MALFORMED, 17, "pattern=buffer"},
        {"llama-server -np 0", CTXFIT_E_MALFORMED, 17, "1 or more"},
        {"llama-server -fa perhaps", CTXFIT_E_MALFORMED, 17, "on, off or auto"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
        ctxfit_line         line = CTXFIT_LINE_INIT;
        ctxfit_error        error;

        o.ctx_tokens = 5;
        assert_int_equal(ctxfit_place_read_line(rows[i].text, &o, &line, &error), rows[i].status);
        assert_int_equal(error.offset, rows[i].offset);
        if (strstr(error.message, rows[i].word) == NULL)
            fail_msg("%s: '%s' does not say %s", rows[i].text, error.message, rows[i].word);
        assert_int_equal(o.ctx_tokens, 0); /* zeroed on failure */
        assert_int_equal(o.struct_size, sizeof o);
    }
}

static void arguments_are_known_by_their_names(void **state)
{
    uint32_t words;

    (void)state;
    assert_int_equal(ctxfit_place_find_argument("-ngl", &words), CTXFIT_ARGUMENT_FOLLOWED);
    assert_int_equal(words, 1);
    assert_int_equal(ctxfit_place_find_argument("--host", &words), CTXFIT_ARGUMENT_NO_SIZE);
    assert_int_equal(words, 1);
    assert_int_equal(ctxfit_place_find_argument("--lora", NULL), CTXFIT_ARGUMENT_NOT_COUNTED);
    assert_int_equal(ctxfit_place_find_argument("--rpc", NULL), CTXFIT_ARGUMENT_NOT_FOLLOWED);
    assert_int_equal(ctxfit_place_find_argument("--nothing", &words), CTXFIT_ARGUMENT_UNKNOWN);
    assert_int_equal(words, 0);
    assert_int_equal(ctxfit_place_find_argument(NULL, NULL), CTXFIT_ARGUMENT_UNKNOWN);
    assert_int_equal(ctxfit_place_find_argument("", NULL), CTXFIT_ARGUMENT_UNKNOWN);
}

static void programs_and_buffers_that_are_none_are_refused(void **state)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    char                text[8];
    size_t              len;

    (void)state;
    assert_int_equal(ctxfit_place_write_line(&o, "vllm", NULL, text, sizeof text, &len), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_place_write_line(NULL, NULL, NULL, text, sizeof text, &len), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_place_write_line(&o, NULL, NULL, text, sizeof text, &len), CTXFIT_E_BUFFER_SIZE);
    assert_true(len > sizeof text);
    o.struct_size = 3;
    assert_int_equal(ctxfit_place_write_line(&o, NULL, NULL, text, sizeof text, &len), CTXFIT_E_STRUCT_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(special_numbers_survive),
        cmocka_unit_test(a_pasted_line_is_read_as_a_shell_does),
        cmocka_unit_test(programs_differ_in_their_sequences),
        cmocka_unit_test(a_repository_names_model_and_file_type),
        cmocka_unit_test(margins_are_read_for_each_device),
        cmocka_unit_test(faults_are_named_at_their_place),
        cmocka_unit_test(arguments_are_known_by_their_names),
        cmocka_unit_test(programs_and_buffers_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
