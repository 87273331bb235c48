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
    assert_non_null(strstr(d.reason, "ollama: F16, 32768 tokens of 96.0 KiB; vllm: BF16, 262144 tokens of 96.0 KiB, in 16384 blocks"));
    d = find(ollama, vllm, CTXFIT_DIFFERS_USABLE);
    assert_int_equal(d.a, UINT64_C(23) << 30);
    ctxfit_plan_free(vllm);
    ctxfit_plan_free(ollama);
    ctxfit_plan_free(llama);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void check_compute(const char *hw_text, const char *a, const char *b, const char *reason)
{
    ctxfit_model     *model = catalog_model("qwen3-8b", "BF16");
    ctxfit_hw        *hw = machine(hw_text);
    ctxfit_plan      *pa = under(model, hw, a, 0), *pb = under(model, hw, b, 0);
    ctxfit_difference d = find(pa, pb, CTXFIT_DIFFERS_COMPUTE);

    assert_string_equal(d.reason, reason);
    ctxfit_plan_free(pb);
    ctxfit_plan_free(pa);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Upper ends are twice the widest step. Of 2,048 tokens in 16 bits, three times 12,288 and two times 4,096 elements each: 176 MiB; of
 * 8,192: 704 MiB. Logits of 256 sequences, 151,936 tokens in F32: 148.4 MiB, and ten copies of them before 0.12. */
static void what_is_reserved_for_a_pass_is_told_by_the_rule_of_each_engine(void **state)
{
    (void)state;
    check_compute("rtx-4090 host:64GiB", "vllm@0.33.0", "sglang",
                  "vllm: at most 352.0 MiB activations of 2048 tokens, 1.7 GiB driver and buffers, 1.5 GiB graphs; "
                  "sglang: at most 160.0 MiB driver and buffers, activations are outside of its part");
    check_compute("rtx-4090 host:64GiB", "vllm@0.10.2", "vllm@0.33.0",
                  "vllm 0.10.2: at most 2.9 GiB logits (10 x 256 sequences), 160.0 MiB driver and buffers; "
                  "vllm 0.33.0: at most 352.0 MiB activations of 2048 tokens, 1.7 GiB driver and buffers, 1.5 GiB graphs");
    check_compute("h100-sxm5-80gb host:64GiB", "vllm@0.19.1", "tensorrt-llm",
                  "vllm: at most 1.4 GiB activations of 8192 tokens, 160.0 MiB driver and buffers; "
                  "tensorrt-llm: at most 1.4 GiB activations of 8192 tokens, 1.0 GiB driver and buffers, 1.5 GiB graphs");
}

/* FIT to BATCH, parts, TOTAL, USABLE, MAX_CONTEXT, MAX_SEQUENCES */
static uint32_t rank_of(uint32_t kind)
{
    if (kind <= CTXFIT_DIFFERS_BATCH)
        return kind;
    if (kind == CTXFIT_DIFFERS_TOTAL || kind == CTXFIT_DIFFERS_USABLE)
        return kind == CTXFIT_DIFFERS_TOTAL ? 6 : 7;
    return kind == CTXFIT_DIFFERS_MAX_CONTEXT ? 8 : kind == CTXFIT_DIFFERS_MAX_SEQUENCES ? 9 : 5;
}

static void differences_come_in_order_and_once(void **state)
{
    ctxfit_model     *model = coder("Q4_K_M");
    ctxfit_hw        *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan      *a = under(model, hw, "ollama", 1), *b = under(model, hw, "ollama", 2);
    ctxfit_difference d = CTXFIT_DIFFERENCE_INIT;
    uint32_t          before = 0, seen = 0, count = 0;

    (void)state;
    for (; ctxfit_plan_compare(a, b, count, &d) == CTXFIT_OK; count++) {
        assert_true(rank_of(d.kind) >= before);
        assert_true((seen >> d.kind & 1) == 0);
        assert_true(d.a != d.b);
        before = rank_of(d.kind);
        seen |= 1u << d.kind;
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

/* ---- every pair of engines ---- */

static const char *const engines[] = {"llama.cpp", "llama.cpp@b10472", "ollama", "lm-studio", "vllm", "vllm@0.19.0", "sglang",
                                      "tensorrt-llm", "exllamav3", "mlx-lm"};
#define ENGINES (sizeof engines / sizeof engines[0])

static bool is_part(uint32_t kind)
{
    return (kind >= CTXFIT_DIFFERS_WEIGHTS && kind <= CTXFIT_DIFFERS_OUTPUT) || kind == CTXFIT_DIFFERS_BESIDE;
}

/* "a 1.0: words; b 2.0: words": the words differ, whatever the names. */
static void check_words(const char *reason, const char *what)
{
    const char *middle = strstr(reason, "; "), *wa = strstr(reason, ": "), *wb;

    if (middle == NULL || wa == NULL || wa > middle)
        fail_msg("%s: '%s' is not of two plans", what, reason);
    wb = strstr(middle, ": ");
    if (wb == NULL || strstr(middle + 2, "; ") != NULL)
        fail_msg("%s: '%s' is not of two plans", what, reason);
    wa += 2;
    wb += 2;
    if (strspn(wa, "0123456789") > 6 || strspn(wb, "0123456789") > 6)
        fail_msg("%s: '%s' counts in bytes", what, reason);
    if (strlen(wb) == 0 || wa == middle || ((size_t)(middle - wa) == strlen(wb) && strncmp(wa, wb, strlen(wb)) == 0))
        fail_msg("%s: '%s' says the same of both", what, reason);
    if (strlen(reason) + 1 >= sizeof((ctxfit_difference *)0)->reason)
        fail_msg("%s: '%s' is cut off", what, reason);
}

static void check_pair(const ctxfit_plan *a, const ctxfit_plan *b, const char *what)
{
    ctxfit_difference d = CTXFIT_DIFFERENCE_INIT;
    int64_t           parts = 0, total = 0, before = INT64_MAX;

    for (uint32_t i = 0; ctxfit_plan_compare(a, b, i, &d) == CTXFIT_OK; i++) {
        if (d.kind != CTXFIT_DIFFERS_TOTAL)
            check_words(d.reason, what);
        if (is_part(d.kind)) {
            int64_t size = d.bytes < 0 ? -d.bytes : d.bytes;

            assert_true(size <= before && size > 0);
            before = size;
            parts += d.bytes;
        }
        if (d.kind == CTXFIT_DIFFERS_TOTAL)
            total = d.bytes;
        if (is_part(d.kind) || d.kind == CTXFIT_DIFFERS_TOTAL || d.kind == CTXFIT_DIFFERS_USABLE)
            assert_int_equal(d.bytes, (int64_t)(d.b - d.a));
        else
            assert_int_equal(d.bytes, 0);
    }
    if (parts != total || total != (int64_t)(summary_of(b).total_bytes - summary_of(a).total_bytes))
        fail_msg("%s: parts of %lld bytes, a total of %lld", what, (long long)parts, (long long)total);
}

/* What is said to limit the largest context does: of memory, a step more lacks bytes there; otherwise there is room. */
static void check_longest(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options, const ctxfit_plan *a,
                          const ctxfit_plan *b, const char *what)
{
    ctxfit_difference   d = CTXFIT_DIFFERENCE_INIT;
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_plan_options more = *options;
    uint32_t            i = 0;
    ctxfit_plan_summary s;
    const char         *words;

    while (ctxfit_plan_compare(a, b, i, &d) == CTXFIT_OK && d.kind != CTXFIT_DIFFERS_MAX_CONTEXT)
        i++;
    if (d.kind != CTXFIT_DIFFERS_MAX_CONTEXT)
        return;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    words = strstr(d.reason, ": "); /* of the first; of one engine and version there is no name */
    words = words != NULL ? words + 2 : d.reason;
    if (strncmp(words, "memory of ", strlen("memory of ")) != 0) {
        if (d.a != info.trained_tokens)
            fail_msg("%s: %llu tokens, but '%s'", what, (unsigned long long)d.a, d.reason);
        return;
    }
    more.ctx_tokens = (d.a + 256) * (strcmp(summary_of(a).engine.name, "llama.cpp") == 0 ? summary_of(a).n_seq : 1);
    more.flags = CTXFIT_PLAN_F_NO_LIMITS;
    s = plan_once(model, hw, &more); /* an engine may keep on the host what is too much: then it fits in another way */
    if (s.fit == CTXFIT_FIT_ALL)
        fail_msg("%s: 256 more than %llu tokens fit, but '%s'", what, (unsigned long long)d.a, d.reason);
}

static void reasons_differ_and_their_bytes_add_up_for_every_pair_of_engines(void **state)
{
    static const struct {
        const char *name, *file_type, *hw;
    } cases[] = {
        {"qwen3-8b", "BF16", "rtx-4090 host:64GiB"},          {"qwen3-coder:30b", "Q4_K_M", "rtx-4090 host:64GiB"},
        {"gemma-3-27b", "Q4_K_M", "2*rtx-3090 host:64GiB"},   {"deepseek-v2-lite", "Q8_0", "gpu(backend=cuda,mem=80GiB) host:128GiB"},
        {"qwen3-next-80b-a3b", "Q4_K_M", "2*h100-sxm5-80gb host:256GiB"}, {"gpt-oss-20b", "", "rtx-4090 host:64GiB"},
        {"qwen3-coder:30b", "Q4_K_M", "mac-studio-m2-ultra-64gb"}, {"gemma-3-27b", "BF16", "mac-studio-m2-ultra-64gb"},
        {"llama-3.2-1b", "F16", "gpu(backend=cuda,mem=2GiB) host:8GiB"},
    };
    static const ctxfit_plan_options shapes[] = {
        {.struct_size = (uint32_t)sizeof(ctxfit_plan_options)},
        {.struct_size = (uint32_t)sizeof(ctxfit_plan_options), .ctx_tokens = 5000, .sequences = 4},
        {.struct_size = (uint32_t)sizeof(ctxfit_plan_options), .ctx_tokens = CTXFIT_CTX_LARGEST},
    };
    unsigned pairs = 0;

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0] * 3; c++) {
        ctxfit_model *model = catalog_model(cases[c / 3].name, cases[c / 3].file_type);
        ctxfit_hw    *hw = machine(cases[c / 3].hw);
        ctxfit_plan  *plans[ENGINES] = {NULL};
        char          what[128];

        for (size_t e = 0; e < ENGINES; e++) {
            ctxfit_plan_options o = shapes[c % 3];

            (void)snprintf(o.engine, sizeof o.engine, "%s", engines[e]);
            (void)ctxfit_plan_make(model, hw, &o, NULL, &plans[e], NULL);
        }
        for (size_t e = 0; e < ENGINES * ENGINES; e++) {
            ctxfit_plan_options o = shapes[c % 3];
            ctxfit_plan        *a = plans[e / ENGINES], *b = plans[e % ENGINES];

            (void)snprintf(what, sizeof what, "%s, %s and %s", cases[c / 3].name, engines[e / ENGINES], engines[e % ENGINES]);
            (void)snprintf(o.engine, sizeof o.engine, "%s", engines[e / ENGINES]);
            if (a == NULL || b == NULL)
                continue;
            check_pair(a, b, what);
            check_longest(model, hw, &o, a, b, what);
            pairs++;
        }
        for (size_t e = 0; e < ENGINES; e++)
            ctxfit_plan_free(plans[e]);
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
    assert_true(pairs > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engines_differ_in_context_and_say_why),
        cmocka_unit_test(what_is_reserved_for_a_pass_is_told_by_the_rule_of_each_engine),
        cmocka_unit_test(differences_come_in_order_and_once),
        cmocka_unit_test(reasons_differ_and_their_bytes_add_up_for_every_pair_of_engines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
