/* What every plan owes its reader, whatever the engine, the machine and the model: numbers that add up. */
#include "plan_fixture.h"

static const char *const engines[] = {"llama.cpp", "llama.cpp@b10472", "ollama", "lm-studio", "vllm", "vllm@0.19.0", "sglang",
                                      "tensorrt-llm", "tensorrt-llm@1.1.0", "exllamav3", "mlx-lm"};

static const char *const machines[] = {
    "rtx-4090 host:64GiB",
    "2*rtx-3090 host:128GiB",
    "gpu(backend=cuda,mem=80GiB,free=60GiB,bw=2TB/s) host:256GiB",
    "4*gpu(backend=cuda,mem=192GiB,bw=8TB/s) host:1TiB",
    "mac-studio-m2-ultra-64gb",
    "dgx-spark",
    "gpu(backend=cuda,mem=2GiB,bw=1TB/s) host:8GiB",
    "gpu(backend=cuda,mem=24GiB)",
    "host:32GiB",
};

static const struct {
    const char *name;
    const char *file_type;
} models[] = {
    {"qwen3-8b", "BF16"},       {"qwen3-coder:30b", "Q4_K_M"}, {"gemma-3-27b", "Q4_K_M"},
    {"deepseek-v2-lite", "Q8_0"}, {"gpt-oss-20b", ""},         {"qwen3-next-80b-a3b", "Q4_K_M"},
};

typedef void (*plan_check)(const ctxfit_plan *plan, const ctxfit_hw *hw, const char *what);

static const ctxfit_plan_options shapes[] = {
    {.struct_size = (uint32_t)sizeof(ctxfit_plan_options)},
    {.struct_size = (uint32_t)sizeof(ctxfit_plan_options), .ctx_tokens = 5000, .sequences = 3},
    {.struct_size = (uint32_t)sizeof(ctxfit_plan_options), .ctx_tokens = 16384, .memory_fraction = 0.7},
    {.struct_size = (uint32_t)sizeof(ctxfit_plan_options), .ctx_tokens = 8192, .kv_cache_bytes = UINT64_C(3) << 30},
    {.struct_size = (uint32_t)sizeof(ctxfit_plan_options), .ctx_tokens = CTXFIT_CTX_LARGEST, .tensor_parallel = 2},
};

/* Every combination that an engine takes; how many these were. */
static unsigned plan_all(plan_check check)
{
    unsigned count = 0;

    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        ctxfit_model *model = catalog_model(models[m].name, models[m].file_type);

        for (size_t h = 0; h < sizeof machines / sizeof machines[0]; h++) {
            ctxfit_hw *hw = machine(machines[h]);

            for (size_t e = 0; e < sizeof engines / sizeof engines[0] * (sizeof shapes / sizeof shapes[0]); e++) {
                ctxfit_plan_options o = shapes[e % (sizeof shapes / sizeof shapes[0])];
                ctxfit_plan        *plan;
                char                what[256];

                (void)snprintf(o.engine, sizeof o.engine, "%s", engines[e / (sizeof shapes / sizeof shapes[0])]);
                (void)snprintf(what, sizeof what, "%s on %s under %s", models[m].name, machines[h], o.engine);
                if (ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL) != CTXFIT_OK)
                    continue;
                check(plan, hw, what);
                ctxfit_plan_free(plan);
                count++;
            }
            ctxfit_hw_free(hw);
        }
        ctxfit_model_free(model);
    }
    return count;
}

#define require(condition, what)                                      \
    do {                                                              \
        if (!(condition))                                             \
            fail_msg("%s: %s does not hold", (what), #condition);     \
    } while (0)

static ctxfit_plan_device device_at(const ctxfit_plan *plan, uint32_t index)
{
    ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

    assert_int_equal(ctxfit_plan_get_device(plan, index, &d), CTXFIT_OK);
    return d;
}

/* GPUs that share the host's memory take it from the host as well. */
static uint64_t taken_of_the_host(const ctxfit_plan *plan, const ctxfit_hw *hw, const ctxfit_plan_device *host)
{
    const ctxfit_plan_summary s = summary_of(plan);
    ctxfit_device             first = CTXFIT_DEVICE_INIT;
    uint64_t                  sum = host->total_bytes;

    assert_int_equal(ctxfit_hw_get_device(hw, 0, &first), CTXFIT_OK);
    for (uint32_t i = 0; i + 1 < s.device_count; i++)
        if (first.kind == CTXFIT_DEVICE_UNIFIED)
            sum += device_at(plan, i).total_bytes;
    return sum;
}

static void check_devices(const ctxfit_plan *plan, const ctxfit_hw *hw, const char *what)
{
    const ctxfit_plan_summary s = summary_of(plan);
    int64_t                   margin = INT64_MAX;
    uint64_t                  total = 0;

    for (uint32_t i = 0; i < s.device_count; i++) {
        const ctxfit_plan_device d = device_at(plan, i);
        const uint64_t           taken = i + 1 == s.device_count ? taken_of_the_host(plan, hw, &d) : d.total_bytes;

        require(d.total_bytes == d.weights_bytes + d.kv_bytes + d.kv_swa_bytes + d.recurrent_bytes + d.kv_other_bytes + d.compute_bytes +
                                     d.output_bytes + d.beside_bytes,
                what);
        require(d.compute_low_bytes <= d.compute_bytes, what);
        if (d.usable_bytes == UINT64_MAX) {
            require(d.free_bytes == INT64_MAX, what);
        } else {
            require(d.usable_bytes <= d.capacity_bytes, what);
            require((int64_t)(d.usable_bytes - taken) == d.free_bytes, what);
        }
        margin = d.free_bytes < margin ? d.free_bytes : margin;
        total += d.total_bytes;
    }
    require(s.margin_bytes == margin, what);
    require((s.fit == CTXFIT_FIT_NONE) == (margin < 0), what);
    require(s.total_bytes == total, what);
    require(s.total_bytes == s.weights_bytes + s.kv_bytes + s.recurrent_bytes + s.compute_bytes + s.output_bytes + s.beside_bytes, what);
}

static void usable_is_total_and_free_on_every_device(void **state)
{
    (void)state;
    assert_true(plan_all(check_devices) > 1000);
}

/* Memory limits say up to where they are known, and the same as the verdict; the binding one is the first and the only one. */
static void check_limits(const ctxfit_plan *plan, const ctxfit_hw *hw, const char *what)
{
    const ctxfit_plan_summary s = summary_of(plan);
    uint64_t                  least = UINT64_MAX;
    ctxfit_constraint         c = CTXFIT_CONSTRAINT_INIT;

    (void)hw;
    for (uint32_t i = 0; ctxfit_plan_get_constraint(plan, i, &c) == CTXFIT_OK; i++) {
        require(c.binding == (i == 0 && c.limit_tokens != UINT64_MAX), what);
        if (c.kind != CTXFIT_LIMIT_ROPE_SCALING && c.kind != CTXFIT_LIMIT_REQUESTED && c.kind != CTXFIT_LIMIT_SLOTS &&
            c.kind != CTXFIT_LIMIT_ENGINE && c.kind != CTXFIT_LIMIT_CONFIGURED && c.limit_tokens < least)
            least = c.limit_tokens;
        if (c.device == UINT32_MAX) {
            require(c.fits_tokens == 0 && c.slack_bytes == 0, what);
            continue;
        }
        require(c.slack_bytes == device_at(plan, c.device).free_bytes, what);
        require(c.limit_tokens == UINT64_MAX ? c.fits_tokens >= s.n_ctx_seq : c.fits_tokens == c.limit_tokens, what);
        require(c.limit_tokens >= s.n_ctx_seq || c.slack_bytes < 0, what);
        require(c.limit_tokens == UINT64_MAX || strstr(c.source, "room for") == NULL, what);
    }
    if (least != UINT64_MAX)
        require(s.max_ctx_seq_tokens <= least, what);
}

static void limits_agree_with_the_verdict_and_say_up_to_where_they_are_known(void **state)
{
    (void)state;
    assert_true(plan_all(check_limits) > 1000);
}

/* A run whose bytes do not depend on the context says so, one that has room for all that the engine takes says up to where. */
static void what_does_not_limit_says_why(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(0, 1);
    ctxfit_plan        *plan;

    (void)state;
    (void)snprintf(o.engine, sizeof o.engine, "ollama"); /* cuts at the trained length */
    plan = planned(model, hw, &o);
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_DEVICE).limit_tokens, UINT64_MAX);
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_DEVICE).fits_tokens, 40960);
    assert_non_null(strstr(constraint_of(plan, CTXFIT_LIMIT_DEVICE).source, "(CUDA0): room for the longest context that ollama takes"));
    ctxfit_plan_free(plan);
    (void)snprintf(o.engine, sizeof o.engine, "vllm"); /* nothing on the host */
    plan = planned(model, hw, &o);
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_HOST).limit_tokens, UINT64_MAX);
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_HOST).fits_tokens, UINT64_MAX);
    assert_non_null(strstr(constraint_of(plan, CTXFIT_LIMIT_HOST).source, "nothing there grows with the context"));
    ctxfit_plan_free(plan);
    o.flags = CTXFIT_PLAN_F_NO_LIMITS; /* limits were not looked for: what is planned is known to fit */
    plan = planned(model, hw, &o);
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_HOST).fits_tokens, 40960);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* No sentence twice, and GPUs that are left over in one. */
static void check_warnings(const ctxfit_plan *plan, const ctxfit_hw *hw, const char *what)
{
    const ctxfit_plan_summary s = summary_of(plan);
    unsigned                  unused = 0;

    (void)hw;
    for (uint32_t i = 0; i < s.warning_count; i++) {
        for (uint32_t k = 0; k < i; k++)
            require(strcmp(ctxfit_plan_warning(plan, i), ctxfit_plan_warning(plan, k)) != 0, what);
        unused += strstr(ctxfit_plan_warning(plan, i), "unused") != NULL;
    }
    require(unused <= 1, what);
}

static void every_warning_is_said_once(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("12*gpu(backend=cuda,mem=24GiB) host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_plan        *plan;
    bool                said = false;

    (void)state;
    assert_true(plan_all(check_warnings) > 1000);
    (void)snprintf(o.engine, sizeof o.engine, "vllm");
    plan = planned(model, hw, &o);
    for (uint32_t i = 0; ctxfit_plan_warning(plan, i) != NULL; i++)
        said = said || strcmp(ctxfit_plan_warning(plan, i), "vllm leaves 11 GPUs unused: CUDA1, CUDA2, CUDA3, CUDA4, CUDA5, CUDA6, CUDA7, "
                                                            "CUDA8, ...") == 0;
    assert_true(said);
    check_warnings(plan, hw, "12 GPUs");
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usable_is_total_and_free_on_every_device),
        cmocka_unit_test(limits_agree_with_the_verdict_and_say_up_to_where_they_are_known),
        cmocka_unit_test(what_does_not_limit_says_why),
        cmocka_unit_test(every_warning_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
