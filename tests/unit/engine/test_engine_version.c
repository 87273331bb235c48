#include "test_support.h"

#include "engine/engine_internal.h"

static ctxfit_engine_info read_name(const char *name)
{
    ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

    assert_int_equal(ctxfit_engine_from_name(name, &info, NULL), CTXFIT_OK);
    assert_string_equal(info.name, "llama.cpp");
    return info;
}

static void no_name_is_the_newest_known_version(void **state)
{
    const char *const names[] = {NULL, "", "llama.cpp", "LLAMA.CPP"};
    ctxfit_engine_info newest = CTXFIT_ENGINE_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_engine_get(0, &newest), CTXFIT_OK);
    for (size_t i = 0; i < CFI_COUNT(names); i++) {
        ctxfit_engine_info info = read_name(names[i]);

        assert_int_equal(info.build, newest.build);
        assert_int_equal(info.known, 1);
        assert_string_equal(info.version, newest.version);
    }
}

static void versions_of_an_engine_are_listed_newest_first(void **state)
{
    uint32_t before = UINT32_MAX;
    char     engine[32] = "";

    (void)state;
    for (uint32_t i = 0; i < ctxfit_engine_count(); i++) {
        ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

        assert_int_equal(ctxfit_engine_get(i, &info), CTXFIT_OK);
        if (strcmp(engine, info.name) != 0 || info.build == 0)
            before = UINT32_MAX;
        memcpy(engine, info.name, sizeof engine);
        assert_true(info.build <= before);
        assert_int_equal(info.known, 1);
        before = info.build;
    }
    assert_int_equal(ctxfit_engine_get(ctxfit_engine_count(), &(ctxfit_engine_info)CTXFIT_ENGINE_INFO_INIT), CTXFIT_E_NOT_FOUND);
}

static void a_version_is_a_build_or_a_release(void **state)
{
    ctxfit_engine_info info;

    (void)state;
    info = read_name("llama.cpp@0.7.0");
    assert_int_equal(info.build, 11669);
    assert_int_equal(info.known, 1);
    info = read_name("llama.cpp@11669");
    assert_string_equal(info.version, "0.7.0");
    info = read_name("llama.cpp@b10472");
    assert_int_equal(info.build, 10472);
    info = read_name("llama.cpp@11000");
    assert_int_equal(info.build, 11000);
    assert_int_equal(info.known, 0);
    assert_string_equal(info.version, "b11000");
    info = read_name("llama.cpp@b9000");
    assert_int_equal(info.build, 9000);
    assert_int_equal(info.known, 0);
}

static void an_unknown_release_takes_the_newest_rules(void **state)
{
    ctxfit_engine_info info = read_name("llama.cpp@0.8.1");

    (void)state;
    assert_int_equal(info.build, read_name("llama.cpp").build);
    assert_int_equal(info.known, 0);
    assert_string_equal(info.version, "0.8.1");
}

static void a_release_takes_the_rules_of_the_newest_known_one_before_it(void **state)
{
    static const struct {
        const char *name;
        uint32_t    build;
        uint32_t    known;
    } cases[] = {
        {"ollama@0.33.0", 10488, 1}, {"ollama@v0.33.0", 10488, 1}, {"ollama@0.32.0", 9888, 1},     {"Ollama@0.32.13", 10380, 0},
        {"ollama@0.31", 9840, 1},    {"ollama@0.17.4", 7437, 1},   {"ollama@0.33.0-rc2", 10488, 0}, {"ollama@1.0", 10488, 0},
        {"ollama@0.13.5", 7437, 1},  {"ollama@0.13.5-rc1", 7437, 0}, {"ollama@0.29.0", 7437, 0},  {"ollama@0.1.0", 3862, 0},
        {"ollama@0.100.0", 10488, 0}, {"ollama@0.32.0.post1", 9888, 0}, {"ollama@0.32.0.dev3+g12", 9888, 0},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

        assert_int_equal(ctxfit_engine_from_name(cases[i].name, &info, NULL), CTXFIT_OK);
        assert_string_equal(info.name, "ollama");
        assert_int_equal(info.build, cases[i].build);
        assert_int_equal(info.known, cases[i].known);
    }
}

static void names_differ_in_marks_and_capitals(void **state)
{
    static const char *const names[][2] = {
        {"llamacpp", "llama.cpp"}, {"llama-cpp", "llama.cpp"},   {"LLaMA_cpp@v0.7.0", "llama.cpp"}, {"llama-server", "llama.cpp"},
        {"LM Studio", "lm-studio"}, {"lmstudio", "lm-studio"},   {"mlxlm", "mlx-lm"},               {"mlx_lm", "mlx-lm"},
        {"mlx", "mlx-lm"},         {"TensorRT_LLM", "tensorrt-llm"}, {"trt-llm", "tensorrt-llm"},   {"exl3@1.6.5", "exllamav3"},
        {"ExLlama-V3", "exllamav3"},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(names); i++) {
        ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

        assert_int_equal(ctxfit_engine_from_name(names[i][0], &info, NULL), CTXFIT_OK);
        assert_string_equal(info.name, names[i][1]);
        assert_int_equal(info.known, 1);
    }
    assert_string_equal(read_name("llamacpp@v0.7.0").version, "0.7.0");
}

static void a_choice_says_whose_rules_are_taken(void **state)
{
    static const char *const cases[][2] = {{"vllm@9.9.9", "0.33.0"},   {"vllm@0.25.2rc1", "0.25.1"},   {"vllm@0.1.0", "0.14.0"},
                                           {"llama.cpp@b11500", "b11118"}, {"llama.cpp@b99999", "0.7.0"}, {"llama.cpp@b5000", "b10256"},
                                           {"ollama@0.32.5", "0.32.3"}};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        cfi_engine_choice choice;

        assert_int_equal(cfi_engine_choose(cases[i][0], &choice, NULL), CTXFIT_OK);
        assert_int_equal(choice.info.known, 0);
        assert_string_equal(choice.rules, cases[i][1]);
    }
}

static void what_is_no_engine_is_not_found(void **state)
{
    const char *const names[] = {"vvllm", "ollama@", "ollama@b10488", "ollama@1", "ollama@1.x", "ollama@0.10000.0", "vllm@0.25.1@2",
                                 "ollama@0.33 0", "llama.cpp@", "llama.cpp@b", "llama.cpp@0", "llama.cpp@b99999999999", "llama.cpp@latest",
                                 "llama.cppx", "llama.cpp@0.", "llama.cpp@1.2.3.4.5", "llama", "llama.cpp@b10472x"};
    ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(names); i++) {
        ctxfit_error error;

        assert_int_equal(ctxfit_engine_from_name(names[i], &info, &error), CTXFIT_E_NOT_FOUND);
        assert_int_not_equal(strlen(error.message), 0);
    }
    assert_int_equal(ctxfit_engine_from_name("llama.cpp", NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_engine_get(0, NULL), CTXFIT_E_INVALID_ARG);
    info.struct_size = 0;
    assert_int_equal(ctxfit_engine_from_name("llama.cpp", &info, NULL), CTXFIT_E_STRUCT_SIZE);
}

static void rules_change_with_the_build(void **state)
{
    (void)state;
    assert_false(cfi_engine_changed(10472, CFI_CHANGE_NEXTN_UNCACHED));
    assert_true(cfi_engine_changed(11118, CFI_CHANGE_NEXTN_UNCACHED));
    assert_false(cfi_engine_changed(11118, CFI_CHANGE_MIXED_BATCH));
    assert_true(cfi_engine_changed(11669, CFI_CHANGE_MIXED_BATCH));
    assert_false(cfi_engine_get_backend(CTXFIT_BACKEND_RPC, 10472).pipeline);
    assert_true(cfi_engine_get_backend(CTXFIT_BACKEND_RPC, 11669).pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_name_is_the_newest_known_version),
        cmocka_unit_test(versions_of_an_engine_are_listed_newest_first),
        cmocka_unit_test(a_release_takes_the_rules_of_the_newest_known_one_before_it),
        cmocka_unit_test(a_version_is_a_build_or_a_release),
        cmocka_unit_test(an_unknown_release_takes_the_newest_rules),
        cmocka_unit_test(names_differ_in_marks_and_capitals),
        cmocka_unit_test(a_choice_says_whose_rules_are_taken),
        cmocka_unit_test(what_is_no_engine_is_not_found),
        cmocka_unit_test(rules_change_with_the_build),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
