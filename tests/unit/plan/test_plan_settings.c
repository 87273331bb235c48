/* Every setting of a request under every engine: it changes the plan, or a warning tells that it does not, or it is refused by name. */
#include "plan_fixture.h"

#include "engine/engine_internal.h"

#define GIB (UINT64_C(1) << 30)

/* ---- machines and models on which settings can work ---- */
typedef struct scene {
    const char *model;
    const char *file_type;
    const char *machine;
    uint64_t    ctx_tokens;
    uint64_t    limit_tokens;
} scene;

static const scene scenes[] = {
    {"qwen3-8b", "BF16", "2*rtx-4090 host:128GiB", 1000, 0},
    {"qwen3-8b", "BF16", "host:128GiB", 8192, 500},
    {"qwen3-coder:30b", "Q4_K_M", "2*rtx-4090 host:128GiB", 0, 500},
    {"qwen3-coder:30b", "Q4_K_M", "rtx-3060-12gb host:128GiB", 16384, 0},
    {"qwen3-next-80b-a3b", "BF16", "4*h100-sxm-80gb host:512GiB", 65536, 0},
    {"qwen3-next-80b-a3b", "BF16", "mac-studio-m3-ultra-512gb", 65536, 500},
    {"gemma-3-27b", "BF16", "h100-sxm-80gb host:256GiB", 0, 0},
    {"gemma-3-27b", "BF16", "mac-studio-m3-ultra-512gb", 0, 0},
    {"qwen3-8b", "BF16", "h200-sxm-141gb host:256GiB", 1000, 500},
    {"qwen3-coder:30b", "exl3-4.0bpw", "2*rtx-4090 host:128GiB", 16384, 500},
    {"qwen3-8b", "exl3-4.0bpw", "rtx-4090 host:128GiB", 0, 0},
};

static const char *const engines[] = {
#define CFI_ENGINE(id, name, ...) name,
#include "engine/engines.def"
#undef CFI_ENGINE
};

/* ---- a value of every member ---- */
typedef struct probe {
    const char *name; /* as a message has it */
    size_t      offset;
    size_t      size;
    uint64_t    number;
    double      real;
    const char *text;
} probe;

#define MEMBER(member) #member, offsetof(ctxfit_plan_options, member), sizeof((ctxfit_plan_options *)NULL)->member
#define FLAG(flag) "flags", offsetof(ctxfit_plan_options, flags), sizeof(uint32_t), (flag), 0, NULL

static const probe probes[] = {
    {FLAG(CTXFIT_PLAN_F_SPREAD)},
    {FLAG(CTXFIT_PLAN_F_EAGER)},
    {FLAG(CTXFIT_PLAN_F_VISION)},
    {FLAG(CTXFIT_PLAN_F_PREFIX_CACHE)},
    {FLAG(CTXFIT_PLAN_F_NO_PREFIX_CACHE)},
    {FLAG(CTXFIT_PLAN_F_TEXT_ONLY)},
    {MEMBER(ctx_tokens), 3000, 0, NULL},
    {MEMBER(reserve_bytes), 3 * GIB, 0, NULL},
    {MEMBER(limit_tokens), 700, 0, NULL},
    {MEMBER(sequences), 2, 0, NULL},
    {MEMBER(batch_tokens), 96, 0, NULL},
    {MEMBER(ubatch_tokens), 64, 0, NULL},
    {MEMBER(outputs_max), 50, 0, NULL},
    {MEMBER(kv_key), CTXFIT_QUANT_Q8_0, 0, NULL},
    {MEMBER(kv_value), CTXFIT_QUANT_Q8_0, 0, NULL},
    {MEMBER(flash_attention), CTXFIT_CHOICE_OFF, 0, NULL},
    {MEMBER(kv_unified), CTXFIT_CHOICE_ON, 0, NULL},
    {MEMBER(kv_unified), CTXFIT_CHOICE_OFF, 0, NULL},
    {MEMBER(swa_full), CTXFIT_CHOICE_ON, 0, NULL},
    {MEMBER(swa_full), CTXFIT_CHOICE_OFF, 0, NULL},
    {MEMBER(kv_offload), CTXFIT_CHOICE_OFF, 0, NULL},
    {MEMBER(op_offload), CTXFIT_CHOICE_OFF, 0, NULL},
    {MEMBER(mmap), CTXFIT_CHOICE_OFF, 0, NULL},
    {MEMBER(repack), CTXFIT_CHOICE_OFF, 0, NULL},
    {MEMBER(split_mode), CTXFIT_SPLIT_NONE, 0, NULL},
    {MEMBER(split_mode), CTXFIT_SPLIT_ROW, 0, NULL},
    {MEMBER(gpu_layers), 5, 0, NULL},
    {MEMBER(cpu_expert_layers), 3, 0, NULL},
    {MEMBER(tensor_split), 0, 0.25, NULL},
    {MEMBER(measured_prefill_tokens_per_s), 0, 123, NULL},
    {MEMBER(measured_decode_tokens_per_s), 0, 12, NULL},
    {MEMBER(engine), 0, 0, "llama.cpp@b10256"},
    {MEMBER(overrides), 0, 0, "blk\\.1\\.ffn.*=CPU"},
    {MEMBER(limit_source), 0, 0, "a label"},
    {MEMBER(model_ctx_tokens), 3000, 0, NULL},
    {MEMBER(default_ctx_tokens), 3000, 0, NULL},
    {MEMBER(overhead_bytes), 60 * GIB, 0, NULL},
    {MEMBER(device_reserve_bytes), 3 * GIB, 0, NULL},
    {MEMBER(host_reserve_bytes), 50 * GIB, 0, NULL},
    {MEMBER(memory_fraction), 0, 0.5, NULL},
    {MEMBER(kv_cache_bytes), 2 * GIB, 0, NULL},
    {MEMBER(tensor_parallel), 2, 0, NULL},
    {MEMBER(pipeline_parallel), 2, 0, NULL},
    {MEMBER(block_tokens), 128, 0, NULL},
    {MEMBER(batch_sequences), 33, 0, NULL},
    {MEMBER(draft_tokens), 2, 0, NULL},
    {MEMBER(reserved0), 1, 0, NULL},
};

#define OF_DRAFT(member) #member, offsetof(ctxfit_draft_options, member), sizeof((ctxfit_draft_options *)NULL)->member

static const probe draft_probes[] = {
    {OF_DRAFT(draft_tokens), 7, 0, NULL},
    {OF_DRAFT(ctx_tokens), 2048, 0, NULL},
    {OF_DRAFT(devices), CTXFIT_DEVICES_NONE, 0, NULL},
    {OF_DRAFT(gpu_layers), 3, 0, NULL},
    {OF_DRAFT(cpu_expert_layers), 2, 0, NULL},
    {OF_DRAFT(kv_key), CTXFIT_QUANT_Q8_0, 0, NULL},
    {OF_DRAFT(kv_value), CTXFIT_QUANT_Q8_0, 0, NULL},
    {OF_DRAFT(overrides), 0, 0, "blk\\.1\\..*=CPU"},
};

static void set_bytes(void *options, const probe *p)
{
    unsigned char *at = (unsigned char *)options + p->offset;
    uint32_t       number = (uint32_t)p->number;

    if (p->text != NULL)
        memcpy(at, p->text, strlen(p->text) + 1);
    else if (p->real > 0)
        memcpy(at, &p->real, sizeof p->real);
    else if (p->size == sizeof number)
        memcpy(at, &number, sizeof number);
    else
        memcpy(at, &p->number, sizeof p->number);
}

static void set(ctxfit_plan_options *o, const probe *p)
{
    if (p->offset == offsetof(ctxfit_plan_options, flags))
        o->flags |= (uint32_t)p->number;
    else
        set_bytes(o, p);
}

/* ---- what a plan says ---- */
#define TEXT_BYTES 65536u

/* Everything but the warnings. */
static void fingerprint(const ctxfit_plan *plan, char *out)
{
    ctxfit_estimate rate = CTXFIT_ESTIMATE_INIT, prompt = CTXFIT_ESTIMATE_INIT;
    size_t          len;
    char           *warnings, *end;

    assert_int_equal(ctxfit_plan_write_json(plan, NULL, out, TEXT_BYTES - 256, &len), CTXFIT_OK);
    warnings = strstr(out, "\"warnings\":[");
    assert_non_null(warnings);
    end = strstr(warnings, "]");
    while (end != NULL && end[1] != ',' && end[1] != '}')
        end = strstr(end + 1, "]");
    assert_non_null(end);
    memmove(warnings, end, strlen(end) + 1);
    assert_int_equal(ctxfit_plan_get_decode_rate(plan, 100, &rate), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_prompt_time(plan, 500, 0, &prompt), CTXFIT_OK);
    (void)snprintf(out + strlen(out), 200, " %g %g", rate.value, prompt.value);
}

static bool has_warning(const ctxfit_plan *plan, const char *text)
{
    const char *warning;

    for (uint32_t i = 0; (warning = ctxfit_plan_warning(plan, i)) != NULL; i++)
        if (strcmp(warning, text) == 0)
            return true;
    return false;
}

/* The first warning that the base does not have; NULL for none. */
static const char *new_warning(const ctxfit_plan *plan, const ctxfit_plan *base)
{
    const char *warning;

    for (uint32_t i = 0; (warning = ctxfit_plan_warning(plan, i)) != NULL; i++)
        if (!has_warning(base, warning))
            return warning;
    return NULL;
}

typedef struct outcome {
    bool works;   /* somewhere it changes the plan, or is refused */
    bool told;    /* somewhere it is told to be without effect */
    bool wrong;   /* somewhere it is told to be without effect, and is not */
} outcome;

typedef struct stage {
    ctxfit_model       *model;
    ctxfit_hw          *hw;
    ctxfit_plan_options base_options;
    ctxfit_plan        *base;
    char               *before;
    char               *after;
} stage;

static void try_probe(const stage *s, const probe *p, const char *engine, const scene *at, outcome *out)
{
    ctxfit_plan_options o = s->base_options;
    ctxfit_plan        *plan;
    ctxfit_error        error;
    const char         *warning;
    bool                without;

    set(&o, p);
    if (ctxfit_plan_make(s->model, s->hw, &o, NULL, &plan, &error) != CTXFIT_OK) {
        out->works = true;
        return;
    }
    fingerprint(plan, s->after);
    warning = new_warning(plan, s->base);
    without = warning != NULL && strncmp(warning, "without effect:", 15) == 0;
    out->told = out->told || without;
    out->works = out->works || strcmp(s->before, s->after) != 0;
    if (without && strcmp(s->before, s->after) != 0)
        print_error("%s, %s on %s: '%s', but the plan differs\n", engine, at->model, at->machine, warning), out->wrong = true;
    ctxfit_plan_free(plan);
}

static bool open_stage(stage *s, const scene *at, const char *engine)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    o.flags = CTXFIT_PLAN_F_NO_LIMITS;
    o.ctx_tokens = at->ctx_tokens;
    o.limit_tokens = at->limit_tokens;
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    s->base_options = o;
    s->model = catalog_model(at->model, at->file_type);
    s->hw = machine(at->machine);
    s->base = NULL;
    if (ctxfit_plan_make(s->model, s->hw, &o, NULL, &s->base, NULL) != CTXFIT_OK)
        return false;
    fingerprint(s->base, s->before);
    return true;
}

static void close_stage(stage *s)
{
    ctxfit_plan_free(s->base);
    ctxfit_hw_free(s->hw);
    ctxfit_model_free(s->model);
}

/* A value that the engine has in any case changes nothing and is no surprise: of a choice at least one value must be heard. */
static bool states_what_holds(const probe *p)
{
    return p->size == sizeof(uint32_t) && (strcmp(p->name, "kv_unified") == 0 || strcmp(p->name, "swa_full") == 0 ||
                                           (strcmp(p->name, "flags") == 0 && p->number == CTXFIT_PLAN_F_PREFIX_CACHE));
}

static void every_setting_is_heard_or_told_or_refused_by_every_engine(void **state)
{
    static char before[TEXT_BYTES], after[TEXT_BYTES];
    bool        bad = false;

    (void)state;
    for (size_t e = 0; e < sizeof engines / sizeof engines[0]; e++) {
        outcome  out[sizeof probes / sizeof probes[0]] = {{0}};
        uint32_t played = 0;

        for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
            stage s = {.before = before, .after = after};

            if (open_stage(&s, &scenes[i], engines[e])) {
                played++;
                for (size_t p = 0; p < sizeof probes / sizeof probes[0]; p++)
                    try_probe(&s, &probes[p], engines[e], &scenes[i], &out[p]);
            }
            close_stage(&s);
        }
        assert_true(played >= 2);
        for (size_t p = 0; p < sizeof probes / sizeof probes[0]; p++) {
            bool silent = !out[p].works && !out[p].told && !states_what_holds(&probes[p]);

            if (silent)
                print_error("%s: %s 0x%llx is silent\n", engines[e], probes[p].name, (unsigned long long)probes[p].number);
            bad = bad || silent || out[p].wrong;
        }
    }
    assert_false(bad);
}

static void assert_covered(unsigned char *covered, size_t size, const probe *list, size_t count, const char *name)
{
    memset(covered, 1, sizeof(uint32_t)); /* struct_size */
    for (size_t p = 0; p < count; p++)
        memset(covered + list[p].offset, 1, list[p].size);
    for (size_t i = 0; i < size; i++)
        if (!covered[i])
            fail_msg("byte %lu of %s: a member without a probe", (unsigned long)i, name);
}

static void every_byte_of_the_options_has_a_probe(void **state)
{
    static unsigned char of_plan[sizeof(ctxfit_plan_options)], of_draft[sizeof(ctxfit_draft_options)];

    (void)state;
    assert_covered(of_plan, sizeof of_plan, probes, sizeof probes / sizeof probes[0], "ctxfit_plan_options");
    assert_covered(of_draft, sizeof of_draft, draft_probes, sizeof draft_probes / sizeof draft_probes[0], "ctxfit_draft_options");
}

/* ---- options of a draft ---- */

/* NULL: the engine does not run it so. */
static ctxfit_plan *with_draft(const char *engine, const ctxfit_model *draft, const char *spec, const probe *p)
{
    ctxfit_model        *model = catalog_model("qwen3-32b", "Q4_K_M");
    ctxfit_hw           *hw = machine(spec);
    ctxfit_plan_options  o = options_with(8192, 0);
    ctxfit_draft_options d = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_beside       *beside;
    ctxfit_plan         *plan = NULL;

    o.flags = CTXFIT_PLAN_F_NO_LIMITS;
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    if (p != NULL)
        set_bytes(&d, p);
    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, &d, NULL), CTXFIT_OK);
    (void)ctxfit_plan_make_beside(model, hw, &o, beside, NULL, &plan, NULL);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return plan;
}

/* Whether the option changes the plan, or is refused; a warning where it does not. */
static bool draft_hears(const char *engine, const ctxfit_model *draft, const char *spec, const probe *p)
{
    static char  before[TEXT_BYTES], after[TEXT_BYTES];
    ctxfit_plan *base = with_draft(engine, draft, spec, NULL), *plan;
    bool         heard = true;

    assert_non_null(base);
    plan = with_draft(engine, draft, spec, p);
    if (plan != NULL) {
        fingerprint(base, before);
        fingerprint(plan, after);
        heard = strcmp(before, after) != 0;
        if (!heard && new_warning(plan, base) == NULL)
            fail_msg("%s on %s: %s of a draft is silent", engine, spec, p->name);
        if (heard && new_warning(plan, base) != NULL && strncmp(new_warning(plan, base), "without effect", 14) == 0)
            fail_msg("%s on %s: %s of a draft is not without effect", engine, spec, p->name);
    }
    ctxfit_plan_free(plan);
    ctxfit_plan_free(base);
    return heard;
}

static void every_option_of_a_draft_is_heard_or_told_or_refused(void **state)
{
    ctxfit_model *experts = catalog_model("qwen3-coder:30b", "Q4_K_M"), *dense = catalog_model("qwen3-0.6b", "Q8_0");

    (void)state;
    for (size_t p = 0; p < sizeof draft_probes / sizeof draft_probes[0]; p++) {
        const bool sized = strcmp(draft_probes[p].name, "ctx_tokens") == 0; /* until b9109, 68e7ea3ea common/arg.cpp */

        assert_true(draft_hears("llama.cpp@b9108", experts, "2*rtx-4090 host:128GiB", &draft_probes[p]));
        assert_int_equal(draft_hears("llama.cpp@b9109", experts, "2*rtx-4090 host:128GiB", &draft_probes[p]), !sized);
        assert_int_equal(draft_hears("llama.cpp", experts, "2*rtx-4090 host:128GiB", &draft_probes[p]), !sized);
        (void)draft_hears("mlx-lm", dense, "mac-studio-m2-ultra-64gb", &draft_probes[p]);
        (void)draft_hears("llama.cpp", dense, "rtx-4090 host:128GiB", &draft_probes[p]);
        (void)draft_hears("lm-studio", dense, "host:128GiB", &draft_probes[p]);
    }
    ctxfit_model_free(experts);
    ctxfit_model_free(dense);
}

/* 2,048 tokens take 2 (3 * 14,336 + 2 * 4,096) * 2,048 bytes, 4 * 128,256 of which are the logits of a sequence: 408.8 of them. */
static void a_batch_whose_tokens_are_wider_than_its_logits_is_told(void **state)
{
    ctxfit_model *model = catalog_model("llama-3.1-8b", "BF16");
    ctxfit_hw    *hw = machine("rtx-4090 host:64GiB");
    char          words[64];

    (void)state;
    for (uint32_t sequences = 408; sequences <= 409; sequences++) {
        ctxfit_plan_options o = options_with(8192, 1);
        ctxfit_plan        *plan;
        const char         *warning;
        bool                told = false;

        strcpy(o.engine, "vllm@0.33.0");
        o.batch_sequences = sequences;
        plan = planned(model, hw, &o);
        (void)snprintf(words, sizeof words, "more than the logits of %u sequences", (unsigned)sequences);
        for (uint32_t i = 0; (warning = ctxfit_plan_warning(plan, i)) != NULL; i++)
            told = told || strstr(warning, words) != NULL;
        assert_int_equal(told, sequences == 408);
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void every_flag_has_a_probe(void **state)
{
    uint32_t      probed = CTXFIT_PLAN_F_NO_LIMITS | CTXFIT_PLAN_F_BOUND; /* of the plan, not of an engine */
    ctxfit_model *model = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_hw    *hw = machine("host:64GiB");

    (void)state;
    for (size_t p = 0; p < sizeof probes / sizeof probes[0]; p++)
        if (strcmp(probes[p].name, "flags") == 0)
            probed |= (uint32_t)probes[p].number;
    for (uint32_t bit = 0; bit < 32; bit++) {
        ctxfit_plan_options o = options_with(4096, 0);
        ctxfit_plan        *plan;
        ctxfit_status       status;

        o.flags = UINT32_C(1) << bit;
        status = ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL);
        assert_true((status == CTXFIT_OK) == ((probed & o.flags) != 0));
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_heard_or_told_or_refused_by_every_engine),
        cmocka_unit_test(every_option_of_a_draft_is_heard_or_told_or_refused),
        cmocka_unit_test(every_byte_of_the_options_has_a_probe),
        cmocka_unit_test(a_batch_whose_tokens_are_wider_than_its_logits_is_told),
        cmocka_unit_test(every_flag_has_a_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
