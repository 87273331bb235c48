#include "plan_fixture.h"

#include "base/base_internal.h"

static void plan_survives_every_failing_allocation(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    test_failing        f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_plan *plan = NULL;

        f.status = ctxfit_plan_make(model, hw, &o, &f.allocator, &plan, NULL);
        assert_true((plan != NULL) == (f.status == CTXFIT_OK));
        ctxfit_plan_free(plan);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static ctxfit_status status_of(ctxfit_plan_options o, char message[232])
{
    ctxfit_model *model = coder("Q4_K_M");
    ctxfit_hw    *hw = machine("2*rtx-4090 host:64GiB");
    ctxfit_plan  *plan = NULL;
    ctxfit_error  error = {0};
    ctxfit_status status = ctxfit_plan_make(model, hw, &o, NULL, &plan, &error);

    strcpy(message, error.message);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return status;
}

static void options_outside_their_range_are_named(void **state)
{
    ctxfit_plan_options o;
    char                message[232];

    (void)state;
    o = options_with(8192, 1);
    o.flash_attention = 3;
    assert_int_equal(status_of(o, message), CTXFIT_E_INVALID_ARG);
    assert_non_null(strstr(message, "flash_attention"));
    o = options_with(8192, 1);
    o.tensor_split[1] = -1;
    assert_int_equal(status_of(o, message), CTXFIT_E_INVALID_ARG);
    assert_non_null(strstr(message, "tensor_split[1]"));
    o = options_with(8192, 1);
    o.measured_prefill_tokens_per_s = strtod("inf", NULL);
    assert_int_equal(status_of(o, message), CTXFIT_E_INVALID_ARG);
    o = options_with(8192, 1);
    o.flags = 0x80;
    assert_int_equal(status_of(o, message), CTXFIT_E_INVALID_ARG);
    o = options_with(UINT64_C(1) << 33, 1);
    assert_int_equal(status_of(o, message), CTXFIT_E_INVALID_ARG);
    o = options_with(8192, 257); /* llama.cpp runs 256 at most */
    assert_int_not_equal(status_of(o, message), CTXFIT_OK);
    o = options_with(8192, 1);
    strcpy(o.engine, "llama.cqp");
    assert_int_equal(status_of(o, message), CTXFIT_E_NOT_FOUND);
    o = options_with(8192, 1);
    o.struct_size = 12;
    assert_int_equal(status_of(o, message), CTXFIT_E_STRUCT_SIZE);
    o = options_with(CTXFIT_CTX_LARGEST, 1);
    o.flags = CTXFIT_PLAN_F_NO_LIMITS;
    assert_int_equal(status_of(o, message), CTXFIT_E_INVALID_ARG);
}

static void options_of_a_newer_caller_are_refused_only_when_set(void **state)
{
    struct {
        ctxfit_plan_options known;
        uint64_t            unknown;
    } newer = {CTXFIT_PLAN_OPTIONS_INIT, 0};
    ctxfit_model *model = coder("Q4_K_M");
    ctxfit_hw    *hw = machine("rtx-5090 host:64GiB");
    ctxfit_plan  *plan = NULL;

    (void)state;
    newer.known.struct_size = (uint32_t)sizeof newer;
    assert_int_equal(ctxfit_plan_make(model, hw, &newer.known, NULL, &plan, NULL), CTXFIT_OK);
    ctxfit_plan_free(plan);
    newer.unknown = 1;
    assert_int_equal(ctxfit_plan_make(model, hw, &newer.known, NULL, &plan, NULL), CTXFIT_E_NEWER_STRUCT);
    assert_null(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void null_arguments_are_refused(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("host:64GiB");
    ctxfit_plan        *plan = NULL;
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_estimate     e = CTXFIT_ESTIMATE_INIT;
    ctxfit_allocator    half = {0};
    char                text[8] = "rubbish";
    size_t              length = 7;

    (void)state;
    assert_int_equal(ctxfit_plan_make(NULL, hw, NULL, NULL, &plan, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_make(model, NULL, NULL, NULL, &plan, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_make(model, hw, NULL, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_make(model, hw, NULL, &half, &plan, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_make(model, hw, NULL, NULL, &plan, NULL), CTXFIT_OK); /* all defaults */
    assert_int_equal(ctxfit_plan_get_summary(NULL, &s), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_get_summary(plan, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_get_decode_rate(plan, 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_get_prompt_time(plan, 1, 2, &e), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_write_json(NULL, NULL, NULL, 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_write_json(NULL, NULL, text, sizeof text, &length), CTXFIT_E_INVALID_ARG);
    assert_string_equal(text, "");
    assert_int_equal(length, 0);
    assert_int_equal(ctxfit_plan_write_json(plan, NULL, NULL, 5, NULL), CTXFIT_E_INVALID_ARG);
    assert_null(ctxfit_plan_warning(NULL, 0));
    assert_null(ctxfit_plan_warning(plan, 1000));
    ctxfit_plan_free(NULL);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void places_past_the_end_are_not_found(void **state)
{
    ctxfit_model      *model = coder("Q4_K_M");
    ctxfit_hw         *hw = machine("host:64GiB");
    ctxfit_plan       *plan = planned(model, hw, NULL);
    ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;
    ctxfit_constraint  c = CTXFIT_CONSTRAINT_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    assert_int_equal(d.kind, CTXFIT_DEVICE_HOST);
    assert_string_equal(d.name, "host");
    assert_int_equal(ctxfit_plan_get_device(plan, 1, &d), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_plan_get_constraint(plan, 100, &c), CTXFIT_E_NOT_FOUND);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void what_the_engine_refuses_is_refused_with_its_reason(void **state)
{
    ctxfit_plan_options o = options_with(8192, 1);
    char                message[232];

    (void)state;
    o.kv_value = CTXFIT_QUANT_Q8_0;
    o.flash_attention = CTXFIT_CHOICE_OFF; /* llama.cpp: V cache quantization requires flash attention */
    assert_int_equal(status_of(o, message), CTXFIT_E_REFUSED);
    assert_true(message[0] != '\0');
}

static void json_is_the_same_in_any_buffer(void **state)
{
    ctxfit_model *model = coder("Q4_K_M");
    ctxfit_hw    *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan  *plan = planned(model, hw, NULL);
    size_t        length = 0, again = 0;
    char         *whole, small[10];

    (void)state;
    assert_int_equal(ctxfit_plan_write_json(plan, "a \"b\"\n", NULL, 0, &length), CTXFIT_E_BUFFER_SIZE);
    whole = malloc(length + 1);
    assert_non_null(whole);
    assert_int_equal(ctxfit_plan_write_json(plan, "a \"b\"\n", whole, length + 1, &again), CTXFIT_OK);
    assert_int_equal(length, again);
    assert_int_equal(strlen(whole), length);
    assert_non_null(strstr(whole, "\"schema\":\"ctxfit.plan/1\",\"id\":\"a \\\"b\\\"\\u000a\""));
    assert_int_equal(ctxfit_plan_write_json(plan, "a \"b\"\n", small, sizeof small, &again), CTXFIT_E_BUFFER_SIZE);
    assert_int_equal(length, again);
    assert_int_equal(strncmp(small, whole, sizeof small - 1), 0);
    free(whole);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void every_limit_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= CTXFIT_LIMIT_ENGINE; i++) {
        assert_string_not_equal(ctxfit_limit_name(i), "unknown");
        for (uint32_t j = 1; j < i; j++)
            assert_string_not_equal(ctxfit_limit_name(i), ctxfit_limit_name(j));
    }
    assert_string_equal(ctxfit_limit_name(0), "unknown");
}

/* Names come from files and from callers: quotes, control characters, broken and unusual UTF-8. */
static void json_holds_any_name(void **state)
{
    static const char   hostile[] = "\"\\\x01\x7f\xff\xed\xa0\x80\xc3\xbc\xf0\x9f\x98\x80</script>\xe2\x82";
    static const char   escaped[] = "\"name\":\"\\\"\\\\\\u0001\x7f\\ufffd\\ufffd\\ufffd\\ufffd"
                                    "\xc3\xbc\xf0\x9f\x98\x80</script>\\ufffd\\ufffd\"";
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_layer_info   layer = CTXFIT_LAYER_INFO_INIT;
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(1024, 1);
    ctxfit_plan        *plan;
    char               *json = malloc(65536);

    (void)state;
    assert_non_null(json);
    info.embedding = 64;
    info.vocabulary = 512;
    info.trained_tokens = 4096;
    layer.flags = CTXFIT_LAYER_F_CACHE;
    layer.attention = CTXFIT_ATTENTION_FULL;
    layer.feed_forward = CTXFIT_FF_GATED;
    layer.heads = layer.kv_heads = 2;
    layer.key_size = layer.value_size = 32;
    layer.cache_k_elems = layer.cache_v_elems = 64;
    layer.ff_width = 128;
    assert_int_equal(ctxfit_model_from_layers(hostile, NULL, &info, &layer, 1, 0, NULL, &model, NULL), CTXFIT_OK);
    o.limit_tokens = 512;
    memset(o.limit_source, 0xff, sizeof o.limit_source); /* not even terminated */
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_write_json(plan, hostile, json, 65536, NULL), CTXFIT_OK);
    assert_non_null(strstr(json, escaped));
    for (const char *p = json; *p != '\0'; p += cfi_utf8_length(p)) {
        assert_int_not_equal(cfi_utf8_length(p), 0);
        assert_true((unsigned char)*p >= 0x20);
    }
    free(json);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Each device's bytes fit 64 bits, those of both do not. */
static void bytes_beyond_64_bits_are_an_overflow(void **state)
{
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_layer_info   layers[2] = {CTXFIT_LAYER_INFO_INIT, CTXFIT_LAYER_INFO_INIT};
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = machine("2*rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(UINT64_C(4294967040), 1);
    ctxfit_plan        *plan = NULL;
    ctxfit_error        error;

    (void)state;
    info.embedding = 64;
    info.vocabulary = 512;
    for (int i = 0; i < 2; i++) {
        layers[i].flags = CTXFIT_LAYER_F_CACHE;
        layers[i].attention = CTXFIT_ATTENTION_FULL;
        layers[i].feed_forward = CTXFIT_FF_GATED;
        layers[i].heads = layers[i].kv_heads = 2;
        layers[i].key_size = layers[i].value_size = 32;
        layers[i].cache_k_elems = layers[i].cache_v_elems = 1u << 30; /* 2 GiB a token, and as much of V */
        layers[i].ff_width = 128;
    }
    assert_int_equal(ctxfit_model_from_layers("wide", NULL, &info, layers, 2, 0, NULL, &model, NULL), CTXFIT_OK);
    o.flags = CTXFIT_PLAN_F_NO_LIMITS;
    o.tensor_split[0] = o.tensor_split[1] = 1;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_OVERFLOW);
    assert_null(plan);
    o.ctx_tokens = 1024;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_OK);
    assert_int_equal(summary_of(plan).kv_bytes, 2 * 1024 * (UINT64_C(1) << 32));
    assert_int_equal(summary_of(plan).fit, CTXFIT_FIT_NONE);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void best_file_type_survives_every_failing_allocation(void **state)
{
    ctxfit_model       *model = catalog_model("llama-3.1-8b", "BF16");
    ctxfit_hw          *hw = machine("gpu(backend=cuda,mem=12GiB) host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    test_failing        f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_file_type best = 0;

        f.status = ctxfit_plan_best_file_type(model, hw, &o, &f.allocator, &best, NULL);
        assert_true((best != 0) == (f.status == CTXFIT_OK));
    }
    assert_int_equal(f.status, CTXFIT_OK);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_holds_any_name),
        cmocka_unit_test(bytes_beyond_64_bits_are_an_overflow),
        cmocka_unit_test(best_file_type_survives_every_failing_allocation),
        cmocka_unit_test(plan_survives_every_failing_allocation),
        cmocka_unit_test(options_outside_their_range_are_named),
        cmocka_unit_test(options_of_a_newer_caller_are_refused_only_when_set),
        cmocka_unit_test(null_arguments_are_refused),
        cmocka_unit_test(places_past_the_end_are_not_found),
        cmocka_unit_test(what_the_engine_refuses_is_refused_with_its_reason),
        cmocka_unit_test(json_is_the_same_in_any_buffer),
        cmocka_unit_test(every_limit_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
