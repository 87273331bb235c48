#include "plan_fixture.h"

static ctxfit_plan *under(const ctxfit_model *model, const ctxfit_hw *hw, const char *engine, uint32_t sequences)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    o.sequences = sequences;
    return planned(model, hw, &o);
}

static ctxfit_difference find(const ctxfit_plan *a, const ctxfit_plan *b, uint32_t kind)
{
    ctxfit_difference d = CTXFIT_DIFFERENCE_INIT;

    for (uint32_t i = 0; ctxfit_plan_compare(a, b, i, &d) == CTXFIT_OK; i++) {
        if (d.kind == kind)
            return d;
    }
    fail_msg("no difference in %s", ctxfit_difference_name(kind));
    return d;
}

/* 24 GiB: Ollama's default is 32,768 tokens, llama.cpp's and vLLM's the trained length of 262,144 */
static void engines_differ_in_context_and_say_why(void **state)
{
    ctxfit_model     *model = coder("Q4_K_M");
    ctxfit_hw        *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan      *llama = under(model, hw, "llama.cpp", 0);
    ctxfit_plan      *ollama = under(model, hw, "ollama", 0), *vllm = under(model, hw, "vllm", 0);
    ctxfit_difference d;

    (void)state;
    d = find(llama, ollama, CTXFIT_DIFFERS_CONTEXT);
    assert_int_equal(d.a, 262144);
    assert_int_equal(d.b, 32768);
    assert_string_equal(d.reason, "llama.cpp: the trained length; ollama: default for 24576 MiB of GPU memory");
    d = find(llama, ollama, CTXFIT_DIFFERS_FIT);
    assert_int_equal(d.a, CTXFIT_FIT_NONE);
    assert_int_equal(d.b, CTXFIT_FIT_ALL);
    d = find(ollama, vllm, CTXFIT_DIFFERS_CACHE);
    assert_non_null(strstr(d.reason, "vllm: BF16, 16384 blocks a request from 16 tokens on"));
    d = find(ollama, vllm, CTXFIT_DIFFERS_USABLE);
    assert_int_equal(d.a, UINT64_C(23) << 30);
    ctxfit_plan_free(vllm);
    ctxfit_plan_free(ollama);
    ctxfit_plan_free(llama);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void differences_come_in_order_and_once(void **state)
{
    ctxfit_model     *model = coder("Q4_K_M");
    ctxfit_hw        *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan      *a = under(model, hw, "ollama", 1), *b = under(model, hw, "ollama", 2);
    ctxfit_difference d = CTXFIT_DIFFERENCE_INIT;
    uint32_t          before = 0, count = 0;

    (void)state;
    for (; ctxfit_plan_compare(a, b, count, &d) == CTXFIT_OK; count++) {
        assert_true(d.kind > before);
        assert_true(d.a != d.b);
        before = d.kind;
    }
    assert_true(count >= 3);
    assert_int_equal(find(a, b, CTXFIT_DIFFERS_SEQUENCES).b, 2);
    assert_int_equal(d.kind, 0);
    assert_int_equal(ctxfit_plan_compare(a, a, 0, &d), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_plan_compare(NULL, a, 0, &d), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_compare(a, NULL, 0, &d), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_compare(a, b, 0, NULL), CTXFIT_E_INVALID_ARG);
    d.struct_size = 8;
    assert_int_equal(ctxfit_plan_compare(a, b, 0, &d), CTXFIT_E_STRUCT_SIZE);
    assert_string_equal(ctxfit_difference_name(0), "unknown");
    assert_string_equal(ctxfit_difference_name(CTXFIT_DIFFERS_CACHE), "kv_bytes");
    ctxfit_plan_free(b);
    ctxfit_plan_free(a);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engines_differ_in_context_and_say_why),
        cmocka_unit_test(differences_come_in_order_and_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
