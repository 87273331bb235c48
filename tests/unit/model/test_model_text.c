/* ctxfit_model_from_text and ctxfit_model_requantize: formats, and every way to fail. */
#include "test_support.h"

#include "model/recipe_internal.h"

#define LLAMA                                                                                                                      \
    "llama block_count=2 context_length=4096 embedding_length=256 feed_forward_length=512 attention.head_count=4 "                 \
    "attention.head_count_kv=2 vocab_size=1000"
#define GPT_OSS                                                                                                                    \
    "gpt-oss block_count=2 context_length=4096 embedding_length=256 feed_forward_length=512 attention.head_count=4 "               \
    "attention.head_count_kv=2 attention.sliding_window=128 expert_count=4 expert_used_count=2 expert_feed_forward_length=256 "    \
    "vocab_size=1000"

#define GPT_OSS_WIDE                                                                                                               \
    "gpt-oss block_count=2 context_length=4096 embedding_length=4096 feed_forward_length=512 attention.head_count=4 "              \
    "attention.head_count_kv=2 attention.sliding_window=128 expert_count=32 expert_used_count=2 "                                  \
    "expert_feed_forward_length=2048 vocab_size=1000"

#define DEEPSEEK4                                                                                                                  \
    "deepseek4 block_count=2 embedding_length=256 attention.head_count=4 attention.head_count_kv=1 attention.key_length=64 "       \
    "attention.value_length=64 attention.q_lora_rank=64 attention.sliding_window=128 attention.compress_ratios=[0,4] "             \
    "attention.indexer.head_count=2 attention.indexer.key_length=32 attention.output_group_count=2 attention.output_lora_rank=32 "  \
    "hyper_connection.count=4 hash_layer_count=1 expert_count=4 expert_used_count=2 expert_feed_forward_length=64 "                \
    "expert_shared_count=1 vocab_size=1000"

static ctxfit_model *make(const char *text, const char *type)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_text(text, ctxfit_file_type_from_name(type), NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", text, error.message);
    return model;
}

static ctxfit_quant format_of(const ctxfit_model *model, const char *name)
{
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (strcmp(model->tensor[i].name, name) == 0)
            return model->tensor[i].quant;
    fail_msg("no tensor %s", name);
    return 0;
}

static void facts_come_from_the_text(void **state)
{
    ctxfit_model     *model = make(LLAMA " general.name=\"A small one\" rope.scaling.type=yarn rope.scaling.factor=4", NULL);
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    (void)state;
    assert_string_equal(ctxfit_model_name(model), "A small one");
    assert_string_equal(ctxfit_model_arch(model), "llama");
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    assert_int_equal(info.layers, 2);
    assert_int_equal(info.embedding, 256);
    assert_int_equal(info.vocabulary, 1000);
    assert_int_equal(info.trained_tokens, 4096);
    assert_int_equal(info.rope_scaling, CTXFIT_ROPE_SCALING_YARN);
    assert_int_equal(info.flags & (CTXFIT_MODEL_F_TIED | CTXFIT_MODEL_F_UNKNOWN_ARCH | CTXFIT_MODEL_F_FROM_FILE), 0);
    /* embedding, head, output norm, and per layer two norms, attention and three matrices */
    assert_int_equal(info.parameters, 2 * 256 * 1000 + 256 + 2 * (2 * 256 + 256 * (256 + 2 * 128 + 256) + 3 * 256 * 512));
    ctxfit_model_free(model);
}

static void tensors_follow_each_other_in_the_file(void **state)
{
    ctxfit_model *model = make(LLAMA " vocab_size_note", "Q4_K_M");
    uint64_t      offset = 0;

    (void)state;
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        assert_int_equal(model->tensor[i].offset, offset);
        offset += model->tensor[i].bytes;
        assert_true(cfi_align_u64(offset, model->alignment, &offset));
    }
    assert_int_equal(model->info.data_bytes, offset);
    ctxfit_model_free(model);
}

static void published_weights_are_bf16_unless_the_text_says_otherwise(void **state)
{
    static const struct {
        const char      *text;
        ctxfit_quant     format;
        ctxfit_file_type type;
    } rows[] = {
        {LLAMA, CTXFIT_QUANT_BF16, CFI_FILE_BF16},
        {LLAMA " general.file_type=1", CTXFIT_QUANT_F16, CFI_FILE_F16},
        {LLAMA " general.file_type=0", CTXFIT_QUANT_F32, CFI_FILE_F32},
        {LLAMA " general.file_type=7", CTXFIT_QUANT_Q8_0, CFI_FILE_Q8_0},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        ctxfit_model *model = make(rows[i].text, NULL);

        assert_int_equal(format_of(model, "blk.1.ffn_up.weight"), rows[i].format);
        assert_int_equal(format_of(model, "blk.1.ffn_norm.weight"), CTXFIT_QUANT_F32);
        assert_int_equal(model->info.file_type, rows[i].type);
        ctxfit_model_free(model);
    }
}

static void experts_published_in_mxfp4_stay_so(void **state)
{
    ctxfit_model *model = make(GPT_OSS, NULL);

    (void)state;
    assert_int_equal(format_of(model, "blk.0.ffn_up_exps.weight"), CTXFIT_QUANT_MXFP4);
    assert_int_equal(format_of(model, "blk.0.attn_q.weight"), CTXFIT_QUANT_BF16);
    assert_int_equal(model->info.file_type, CFI_FILE_MXFP4_MOE);
    assert_null(ctxfit_model_note(model, 0));
    ctxfit_model_free(model);
}

/* 2 layers of 3 matrices, 4096 x 2048 x 32 each: 34 bytes of 32 elements in Q8_0, 17 in MXFP4. */
static void experts_made_from_mxfp4_say_what_a_file_that_keeps_them_has(void **state)
{
    char          expected[192];
    ctxfit_model *kept = make(GPT_OSS, "MXFP4_MOE");
    ctxfit_model *made = make(GPT_OSS_WIDE, "Q8_0"), *again = NULL;
    double        blocks = 2.0 * 3 * 4096 * 2048 * 32 / 32;

    (void)state;
    assert_null(ctxfit_model_note(kept, 0));
    snprintf(expected, sizeof expected, "take %.2f GiB as llama-quantize --allow-requantize makes them, %.2f GiB in a file that keeps them",
             blocks * 34 / 1073741824.0, blocks * 17 / 1073741824.0);
    assert_non_null(strstr(ctxfit_model_note(made, 0), expected));
    assert_null(ctxfit_model_note(made, 1));
    assert_int_equal(ctxfit_model_requantize(made, CFI_FILE_MXFP4_MOE, NULL, &again, NULL), CTXFIT_OK);
    assert_null(ctxfit_model_note(again, 0));
    ctxfit_model_free(again);
    ctxfit_model_free(made);
    made = make(GPT_OSS " mxfp4_experts=false", "Q8_0");
    assert_null(ctxfit_model_note(made, 0));
    ctxfit_model_free(made);
    ctxfit_model_free(kept);
}

static void requantizing_forgets_the_file_type_before(void **state)
{
    static const char *const texts[] = {LLAMA, GPT_OSS, DEEPSEEK4};
    static const char *const types[] = {"F16", "BF16", "Q8_0", "Q4_K_M", "Q2_K", "MXFP4_MOE"};

    (void)state;
    for (size_t t = 0; t < CFI_COUNT(texts); t++)
        for (size_t i = 0; i < CFI_COUNT(types); i++)
            for (size_t j = 0; j < CFI_COUNT(types); j++) {
                ctxfit_model *from = make(texts[t], types[i]);
                ctxfit_model *to = make(texts[t], types[j]);
                ctxfit_model *again = NULL;

                assert_int_equal(ctxfit_model_requantize(from, to->info.file_type, NULL, &again, NULL), CTXFIT_OK);
                assert_int_equal(again->info.tensor_bytes, to->info.tensor_bytes);
                assert_int_equal(again->info.data_bytes, to->info.data_bytes);
                assert_int_equal(again->info.parameters, to->info.parameters);
                assert_int_equal(again->info.parameters_active, to->info.parameters_active);
                assert_int_equal(again->info.flags, to->info.flags);
                assert_int_equal(again->info.file_type, to->info.file_type);
                assert_string_equal(ctxfit_model_arch(again), ctxfit_model_arch(to));
                ctxfit_model_free(again);
                ctxfit_model_free(to);
                ctxfit_model_free(from);
            }
}

static void a_file_of_f32_becomes_f16(void **state)
{
    ctxfit_model *f32 = make(LLAMA, "F32");
    ctxfit_model *f16 = NULL;

    (void)state;
    assert_int_equal(ctxfit_model_requantize(f32, CFI_FILE_F16, NULL, &f16, NULL), CTXFIT_OK);
    assert_int_equal(format_of(f16, "blk.0.ffn_up.weight"), CTXFIT_QUANT_F16);
    assert_int_equal(format_of(f16, "blk.0.ffn_norm.weight"), CTXFIT_QUANT_F32);
    ctxfit_model_free(f16);
    ctxfit_model_free(f32);
}

static void bad_texts_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char   *text;
        ctxfit_status status;
        const char   *reason;
    } rows[] = {
        {"", CTXFIT_E_MALFORMED, "architecture"},
        {"lama block_count=2", CTXFIT_E_NOT_FOUND, "llama"},
        {"llama", CTXFIT_E_INCOMPLETE, "block_count"},
        {"llama block_count=0 embedding_length=256", CTXFIT_E_MALFORMED, "block_count"},
        {"llama block_count=2 block_count=2", CTXFIT_E_MALFORMED, "once"},
        {"llama block_count=2 embedding_length=", CTXFIT_E_MALFORMED, "value"},
        {"llama block_count=2 embedding_length=256 attention.head_count=4 attention.head_count_kv=[2] feed_forward_length=512 "
         "vocab_size=1000",
         CTXFIT_E_MALFORMED, "attention.head_count_kv"},
        {"llama block_count=2 embedding_length=256 attention.head_count=4 feed_forward_length=512", CTXFIT_E_INCOMPLETE, "vocab_size"},
        {"olmo2 block_count=1 embedding_length=0 attention.head_count=4 vocab_size=9", CTXFIT_E_MALFORMED, "embedding_length"},
        {"chameleon block_count=1 embedding_length=256 attention.head_count=4 attention.head_count_kv=4 attention.key_length=0 "
         "attention.value_length=64 feed_forward_length=8 vocab_size=9",
         CTXFIT_E_INCOMPLETE, "key length"},
        {LLAMA " general.file_type=7777", CTXFIT_E_MALFORMED, "general.file_type"},
        {"llama block_count=2 embedding_length=4294967295 attention.head_count=4294967295 attention.key_length=4294967295 "
         "attention.value_length=4294967295 attention.head_count_kv=1 feed_forward_length=4294967295 vocab_size=4294967295",
         CTXFIT_E_OVERFLOW, ""},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        ctxfit_model *model = (ctxfit_model *)&model;
        ctxfit_error  error = {0};
        ctxfit_status status = ctxfit_model_from_text(rows[i].text, 0, NULL, &model, &error);

        if (status != rows[i].status || strstr(error.message, rows[i].reason) == NULL)
            fail_msg("%s: %s: %s", rows[i].text, ctxfit_status_name(status), error.message);
        assert_int_equal(error.status, status);
        assert_null(model);
    }
}

static void bad_arguments_are_refused(void **state)
{
    ctxfit_allocator half = {test_alloc, NULL, NULL};
    ctxfit_model    *model = make(LLAMA, NULL);
    ctxfit_model    *out = NULL;
    ctxfit_file_type unknown = 1000000;

    (void)state;
    assert_int_equal(ctxfit_model_from_text(NULL, 0, NULL, &out, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_text(LLAMA, 0, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_text(LLAMA, 0, &half, &out, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_text(LLAMA, unknown, NULL, &out, NULL), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_model_requantize(NULL, CFI_FILE_F16, NULL, &out, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_requantize(model, CFI_FILE_F16, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_requantize(model, CFI_FILE_F16, &half, &out, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_requantize(model, unknown, NULL, &out, NULL), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_model_requantize(model, 0, NULL, &out, NULL), CTXFIT_E_NOT_FOUND);
    assert_null(out);
    ctxfit_model_free(model);
}

static void out_of_memory_is_reported_and_nothing_leaks(void **state)
{
    ctxfit_model *source = make(GPT_OSS, NULL);

    (void)state;
    for (int what = 0; what < 2; what++) {
        test_failing f = {0};

        while (test_failing_next(&f)) {
            ctxfit_model *model = NULL;
            ctxfit_error  error = {0};

            f.status = what == 0 ? ctxfit_model_from_text(GPT_OSS, CFI_FILE_Q4_K_M, &f.allocator, &model, &error)
                                 : ctxfit_model_requantize(source, CFI_FILE_Q4_K_M, &f.allocator, &model, &error);
            assert_true((model != NULL) == (f.status == CTXFIT_OK));
            assert_true((error.message[0] != '\0') == (f.status != CTXFIT_OK));
            ctxfit_model_free(model);
        }
        assert_int_equal(f.status, CTXFIT_OK);
        assert_true(f.rounds > 2);
    }
    ctxfit_model_free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_come_from_the_text),
        cmocka_unit_test(tensors_follow_each_other_in_the_file),
        cmocka_unit_test(published_weights_are_bf16_unless_the_text_says_otherwise),
        cmocka_unit_test(experts_published_in_mxfp4_stay_so),
        cmocka_unit_test(experts_made_from_mxfp4_say_what_a_file_that_keeps_them_has),
        cmocka_unit_test(requantizing_forgets_the_file_type_before),
        cmocka_unit_test(a_file_of_f32_becomes_f16),
        cmocka_unit_test(bad_texts_are_refused_with_a_reason),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(out_of_memory_is_reported_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
