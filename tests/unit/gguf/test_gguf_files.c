/* Headers that llama.cpp wrote, held against what llama.cpp said of them; see data/gguf/README.md. */
#include "test_support.h"

#include "gguf/gguf_internal.h"

static const struct {
    const char *file, *architecture;
    uint64_t    tensors;
    uint64_t    weights_bytes; /* as llama.cpp b10472 reported them */
} known[] = {
    {"dbrx-moe", "dbrx", 39, 7087744},
    {"lfm2-dense", "lfm2", 45, 4731520},
    {"mamba-dense", "mamba", 31, 5029120},
    {"qwen-dense", "qwen", 39, 3550848},
};

static ctxfit_gguf *open_known(size_t i, uint32_t flags)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf = NULL;
    ctxfit_error        error;
    char                path[512];

    options.flags = flags;
    (void)snprintf(path, sizeof path, "%s/gguf/%s.gguf", TEST_DATA, known[i].file);
    if (ctxfit_gguf_open(path, &options, NULL, &gguf, &error) != CTXFIT_OK && flags != 0)
        fail_msg("%s: %s", path, error.message);
    return gguf;
}

static void headers_of_llama_cpp_sum_up_to_its_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(known); i++) {
        ctxfit_gguf           *gguf = open_known(i, CTXFIT_GGUF_F_HEADER_ONLY);
        size_t                 count = 0;
        const cfi_gguf_tensor *tensors = cfi_gguf_tensors(gguf, &count);
        uint64_t               sum = 0, padded = 0;

        assert_int_equal(count, known[i].tensors);
        for (size_t t = 0; t < count; t++) {
            assert_true(cfi_align_u64(tensors[t].bytes, 32, &padded));
            sum += padded;
        }
        assert_int_equal(sum, known[i].weights_bytes);
        ctxfit_gguf_free(gguf);
    }
}

static void keys_of_llama_cpp_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(known); i++) {
        ctxfit_gguf *gguf = open_known(i, CTXFIT_GGUF_F_HEADER_ONLY);
        const char  *architecture = NULL;
        char         key[64];
        uint64_t     context = 0;

        assert_int_equal(ctxfit_gguf_get_string(gguf, "general.architecture", &architecture, NULL), CTXFIT_OK);
        assert_string_equal(architecture, known[i].architecture);
        (void)snprintf(key, sizeof key, "%s.context_length", architecture);
        assert_int_equal(ctxfit_gguf_get_u64(gguf, key, &context), CTXFIT_OK);
        assert_int_equal(context, 128); /* of all models of test-llama-archs */
        ctxfit_gguf_free(gguf);
    }
}

static void a_header_alone_is_a_truncated_file_unless_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(known); i++)
        assert_null(open_known(i, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_of_llama_cpp_sum_up_to_its_weights),
        cmocka_unit_test(keys_of_llama_cpp_read_back),
        cmocka_unit_test(a_header_alone_is_a_truncated_file_unless_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
