#include "plan_fixture.h"

/* The margin at a context; negative: does not fit. */
static int64_t margin_at(const ctxfit_model *model, const ctxfit_hw *hw, ctxfit_plan_options o, uint64_t ctx_tokens, uint32_t sequences)
{
    o.ctx_tokens = ctx_tokens;
    o.sequences = sequences;
    o.flags = CTXFIT_PLAN_F_NO_LIMITS;
    return plan_once(model, hw, &o).margin_bytes;
}

/* The answer fits, and 256 tokens more do not (or are more than the model is made for). */
static void assert_largest(const char *name, const char *file_type, const char *spec, ctxfit_plan_options o)
{
    ctxfit_model       *model = catalog_model(name, file_type);
    ctxfit_hw          *hw = machine(spec);
    uint32_t            sequences = o.sequences != 0 ? o.sequences : 1;
    uint64_t            shares = o.kv_unified == CTXFIT_CHOICE_ON ? 1 : sequences; /* of the whole context */
    ctxfit_plan_summary s;
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;

    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    o.ctx_tokens = CTXFIT_CTX_LARGEST;
    s = plan_once(model, hw, &o);
    if (s.max_ctx_seq_tokens == 0) {
        assert_int_equal(s.fit, CTXFIT_FIT_NONE);
        assert_true(margin_at(model, hw, o, 256 * shares, sequences) < 0);
    } else {
        assert_int_not_equal(s.fit, CTXFIT_FIT_NONE);
        assert_true(margin_at(model, hw, o, s.max_ctx_seq_tokens * shares, sequences) >= 0);
        if (s.max_ctx_seq_tokens < info.trained_tokens)
            assert_true(margin_at(model, hw, o, (s.max_ctx_seq_tokens + 256) * shares, sequences) < 0);
        else
            assert_int_equal(s.max_ctx_seq_tokens, info.trained_tokens);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void largest_context_fits_and_the_next_step_does_not(void **state)
{
    static const struct {
        const char *model;
        const char *file_type;
    } models[] = {
        {"qwen3-coder:30b", "Q4_K_M"}, {"llama-3.1-8b", "Q8_0"}, {"gemma-3-27b", "Q4_K_M"}, {"deepseek-v2-lite", "Q4_K_M"},
        {"gpt-oss-20b", "F16"},
    };
    static const char *const machines[] = {
        "rtx-4090 host:64GiB", "gpu(backend=cuda,mem=32GiB) host:64GiB", "mac-studio-m2-ultra-64gb", "host:32GiB", "2*rtx-3090 host:64GiB",
        "gpu(backend=cuda,mem=2GiB) host:8GiB",
    };

    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
            ctxfit_plan_options o = options_with(0, 1);

            assert_largest(models[m].model, models[m].file_type, machines[i], o);
            o.sequences = 3;
            o.kv_key = o.kv_value = CTXFIT_QUANT_Q8_0;
            assert_largest(models[m].model, models[m].file_type, machines[i], o);
            o.kv_unified = CTXFIT_CHOICE_ON;
            o.ubatch_tokens = 2048;
            assert_largest(models[m].model, models[m].file_type, machines[i], o);
        }
    }
}

static void most_sequences_fit_and_one_more_does_not(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-5090 host:64GiB");
    ctxfit_plan_options o = options_with(32768, 1);
    ctxfit_plan_summary s = plan_once(model, hw, &o);

    (void)state;
    assert_in_range(s.max_sequences, 1, 255);
    assert_true(margin_at(model, hw, o, 32768 * (uint64_t)s.max_sequences, s.max_sequences) >= 0);
    assert_true(margin_at(model, hw, o, 32768 * (uint64_t)(s.max_sequences + 1), s.max_sequences + 1) < 0);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void the_smallest_limit_comes_first_and_binds(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(262144, 1);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_plan_summary s = summary_of(plan);

    (void)state;
    assert_int_equal(s.fit, CTXFIT_FIT_NONE);
    assert_int_equal(constraint_at(plan, 0).kind, CTXFIT_LIMIT_DEVICE);
    assert_int_equal(constraint_at(plan, 0).binding, 1);
    assert_true(constraint_at(plan, 0).slack_bytes < 0);
    assert_int_equal(constraint_at(plan, 0).limit_tokens, s.max_ctx_seq_tokens);
    for (uint32_t i = 1; i < s.constraint_count; i++) {
        assert_int_equal(constraint_at(plan, i).binding, 0);
        if (constraint_at(plan, i).kind != CTXFIT_LIMIT_ROPE_SCALING)
            assert_true(constraint_at(plan, i).limit_tokens >= constraint_at(plan, i - 1).limit_tokens);
    }
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void slots_divide_the_context(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("mac-studio-m2-ultra-64gb");
    ctxfit_plan_options o = options_with(131072, 4);
    ctxfit_plan        *plan = planned(model, hw, &o);

    (void)state;
    assert_int_equal(summary_of(plan).n_ctx_seq, 32768);
    assert_int_equal(constraint_at(plan, 0).kind, CTXFIT_LIMIT_SLOTS);
    assert_int_equal(constraint_at(plan, 0).limit_tokens, 32768);
    ctxfit_plan_free(plan);
    o.kv_unified = CTXFIT_CHOICE_ON;
    plan = planned(model, hw, &o);
    assert_int_equal(summary_of(plan).n_ctx_seq, 131072);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Sequences with one cache: each may use all of it, so memory limits the whole context, not a share. */
static void a_shared_cache_is_not_divided(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(16384, 4);
    ctxfit_plan        *plan;
    ctxfit_constraint   memory;

    (void)state;
    o.kv_unified = CTXFIT_CHOICE_ON;
    plan = planned(model, hw, &o);
    memory = constraint_of(plan, CTXFIT_LIMIT_DEVICE);
    assert_int_equal(summary_of(plan).fit, CTXFIT_FIT_ALL);
    assert_true(memory.limit_tokens >= summary_of(plan).n_ctx_seq);
    assert_int_equal(constraint_at(plan, 0).kind, CTXFIT_LIMIT_SLOTS);
    assert_int_equal(constraint_at(plan, 0).limit_tokens, 16384);
    assert_true(margin_at(model, hw, o, memory.limit_tokens, 4) >= 0);
    assert_true(margin_at(model, hw, o, memory.limit_tokens + 256, 4) < 0);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* A context of one token has a batch of one: it may fit where 256 tokens do not. The limits do not deny what was planned. */
static void what_fits_is_within_the_limits(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("gpu(backend=cuda,mem=20GiB) host:64GiB");
    ctxfit_plan_options o = options_with(1, 1);
    ctxfit_plan_summary s;

    (void)state;
    o.reserve_bytes = (UINT64_C(1) << 30) + (uint64_t)plan_once(model, hw, &o).margin_bytes; /* to the byte */
    s = plan_once(model, hw, &o);
    assert_int_equal(s.fit, CTXFIT_FIT_ALL);
    assert_int_equal(s.margin_bytes, 0);
    assert_true(margin_at(model, hw, o, 256, 1) < 0);
    assert_int_equal(s.n_ctx_seq, 256);
    assert_int_equal(s.max_ctx_seq_tokens, 256);
    assert_int_equal(s.max_sequences, 1);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Without flash attention the longest context times the largest micro-batch is beyond 64 bits; the one that is asked for is not. */
static void a_search_that_overflows_is_no_failure(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-5090 host:64GiB");
    ctxfit_plan_options o = options_with(1024, 1);
    ctxfit_plan_summary s;

    (void)state;
    o.batch_tokens = o.ubatch_tokens = UINT32_MAX;
    o.flash_attention = CTXFIT_CHOICE_OFF;
    s = plan_once(model, hw, &o);
    assert_int_equal(s.fit, CTXFIT_FIT_ALL);
    assert_true(s.max_ctx_seq_tokens >= 1024 && s.max_ctx_seq_tokens < 262144);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* No trained length, no cache that grows, no stated memory: the engine's 32 bits are left. */
static void the_largest_context_ends_where_the_engine_stops_counting(void **state)
{
    static const char text[] = "mamba block_count=2 embedding_length=64 feed_forward_length=0 attention.head_count=0 ssm.conv_kernel=4 "
                               "ssm.inner_size=128 ssm.state_size=16 ssm.time_step_rank=4 vocab_size=512";
    ctxfit_model       *model;
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(CTXFIT_CTX_LARGEST, 3);
    ctxfit_plan_summary s;

    (void)state;
    assert_int_equal(ctxfit_model_from_text(text, 0, NULL, &model, NULL), CTXFIT_OK);
    s = plan_once(model, hw, &o);
    assert_int_equal(s.max_ctx_seq_tokens, UINT32_MAX / 3 / 256 * 256);
    assert_int_equal(s.n_ctx_seq, s.max_ctx_seq_tokens);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* `free` is what counts, and both views of unified memory have it. */
static void free_memory_of_a_unified_machine_is_the_limit(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("mac-studio-m2-ultra-64gb(free=30GiB)");
    ctxfit_plan_options o = options_with(131072, 1);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_plan_device  gpu = CTXFIT_PLAN_DEVICE_INIT, host = CTXFIT_PLAN_DEVICE_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &gpu), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_device(plan, 1, &host), CTXFIT_OK);
    assert_int_equal(gpu.usable_bytes, UINT64_C(30) << 30);
    assert_true(host.usable_bytes <= UINT64_C(30) << 30);
    assert_int_equal(gpu.capacity_bytes, UINT64_C(48) << 30); /* three quarters of 64 GiB */
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* Two linked machines: each has its budget, and only the memory of the first is the host's too. llama.cpp counts the other one first. */
static void linked_machines_share_the_layers(void **state)
{
    ctxfit_model       *model = coder("Q8_0");
    ctxfit_hw          *hw = machine("2*dgx-spark");
    ctxfit_plan_options o = options_with(262144, 1);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_plan_device  d[3] = {CTXFIT_PLAN_DEVICE_INIT, CTXFIT_PLAN_DEVICE_INIT, CTXFIT_PLAN_DEVICE_INIT};

    (void)state;
    assert_int_equal(summary_of(plan).device_count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ctxfit_plan_get_device(plan, i, &d[i]), CTXFIT_OK);
    assert_int_equal(d[0].layers + d[1].layers, 48);
    assert_true(d[0].layers > 0 && d[1].layers > 0);
    assert_int_equal(d[0].kv_bytes + d[1].kv_bytes, UINT64_C(25769803776));
    assert_string_equal(d[0].name, "RPC0");
    assert_int_equal(d[2].free_bytes, (int64_t)(d[2].usable_bytes - d[2].total_bytes - d[1].total_bytes));
    assert_int_equal(d[0].free_bytes, (int64_t)(d[0].usable_bytes - d[0].total_bytes));
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* "split" says that something of the layers is on the host, not that an option could have put it there. */
static void options_that_move_nothing_leave_all_on_the_gpu(void **state)
{
    static const struct {
        const char *model;
        uint32_t    cpu_expert_layers;
        const char *overrides;
        uint32_t    fit;
    } cases[] = {
        {"llama-3.1-8b", CTXFIT_ALL_LAYERS, "", CTXFIT_FIT_ALL},   /* no experts */
        {"llama-3.1-8b", 0, "ffn_.*=CUDA0", CTXFIT_FIT_ALL},       /* where they are anyway */
        {"llama-3.1-8b", 0, "no_such_tensor=CPU", CTXFIT_FIT_ALL},
        {"llama-3.1-8b", 0, "token_embd=CUDA0", CTXFIT_FIT_ALL},
        {"llama-3.1-8b", 0, "blk\\.3\\.ffn_up=CPU", CTXFIT_FIT_SPLIT},
        {"qwen3-coder:30b", 1, "", CTXFIT_FIT_SPLIT},
    };
    ctxfit_hw *hw = machine("rtx-5090 host:64GiB");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = catalog_model(cases[i].model, "Q4_K_M");
        ctxfit_plan_options o = options_with(8192, 1);

        o.cpu_expert_layers = cases[i].cpu_expert_layers;
        strcpy(o.overrides, cases[i].overrides);
        assert_int_equal(plan_once(model, hw, &o).fit, cases[i].fit);
        ctxfit_model_free(model);
    }
    ctxfit_hw_free(hw);
}

static void a_default_of_the_engine_is_not_told_as_set_for_its_server(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(0, 1);
    ctxfit_plan        *plan;
    ctxfit_constraint   c;

    (void)state;
    strcpy(o.engine, "lm-studio");
    plan = planned(model, hw, &o);
    c = constraint_of(plan, CTXFIT_LIMIT_ENGINE);
    assert_int_equal(c.limit_tokens, 4096);
    assert_int_equal(c.binding, 1);
    assert_string_equal(c.source, "default of lm-studio, as no context length is set");
    ctxfit_plan_free(plan);
    o.default_ctx_tokens = 4096;
    plan = planned(model, hw, &o);
    c = constraint_of(plan, CTXFIT_LIMIT_REQUESTED);
    assert_int_equal(c.limit_tokens, 4096);
    assert_string_equal(c.source, "the context length that the lm-studio server is set to");
    ctxfit_plan_free(plan);
    o.sequences = 4;
    o.kv_unified = CTXFIT_CHOICE_OFF; /* a quarter for each prediction */
    plan = planned(model, hw, &o);
    c = constraint_of(plan, CTXFIT_LIMIT_SLOTS);
    assert_int_equal(c.limit_tokens, summary_of(plan).n_ctx_seq);
    assert_int_equal(c.limit_tokens, 1024);
    assert_int_equal(c.binding, 1);
    assert_string_equal(c.source, "a context of 4096 tokens divided among 4 sequences");
    /* the setting goes up to the trained length, which is divided too */
    assert_int_equal(summary_of(plan).max_ctx_seq_tokens, constraint_of(plan, CTXFIT_LIMIT_TRAINED).limit_tokens / 4);
    ctxfit_plan_free(plan);
    o.ctx_tokens = CTXFIT_CTX_LARGEST;
    o.sequences = 3; /* rounded up to 256 */
    plan = planned(model, hw, &o);
    assert_int_equal(summary_of(plan).max_ctx_seq_tokens, (constraint_of(plan, CTXFIT_LIMIT_TRAINED).limit_tokens / 3 + 255) / 256 * 256);
    assert_int_equal(summary_of(plan).n_ctx_seq, summary_of(plan).max_ctx_seq_tokens);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void engine_rounding_is_a_limit_of_its_own(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("mac-studio-m2-ultra-64gb");
    ctxfit_plan_options o = options_with(8192, 3);
    ctxfit_plan        *plan = planned(model, hw, &o);

    (void)state;
    /* 8192 / 3 = 2730, up to 2816: three of them are more than was asked for. */
    assert_int_equal(summary_of(plan).n_ctx, 8448);
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_ENGINE).limit_tokens, 2816);
    /* What binds is the division that was asked for, not the rounding in its favour. */
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_SLOTS).binding, 1);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void unified_memory_is_counted_once_against_the_machine(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("mac-studio-m2-ultra-64gb");
    ctxfit_plan_options o = options_with(262144, 1);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_plan_device  gpu = CTXFIT_PLAN_DEVICE_INIT, host = CTXFIT_PLAN_DEVICE_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &gpu), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_device(plan, 1, &host), CTXFIT_OK);
    assert_int_equal(host.kind, CTXFIT_DEVICE_HOST);
    assert_int_equal(host.free_bytes, (int64_t)(host.usable_bytes - host.total_bytes - gpu.total_bytes));
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void host_memory_that_is_not_stated_limits_nothing(void **state)
{
    ctxfit_model       *model = catalog_model("llama-3.1-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_plan_device  host = CTXFIT_PLAN_DEVICE_INIT;
    bool                warned = false;

    (void)state;
    assert_int_equal(ctxfit_plan_get_device(plan, 1, &host), CTXFIT_OK);
    assert_int_equal(host.usable_bytes, UINT64_MAX);
    assert_int_equal(constraint_of(plan, CTXFIT_LIMIT_HOST).limit_tokens, 0);
    for (uint32_t i = 0; ctxfit_plan_warning(plan, i) != NULL; i++)
        warned = warned || strstr(ctxfit_plan_warning(plan, i), "host memory is not stated") != NULL;
    assert_true(warned);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void reserve_is_kept_free(void **state)
{
    ctxfit_model       *model = catalog_model("llama-3.1-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("gpu(backend=cuda,mem=24GiB) host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_plan_device  d = CTXFIT_PLAN_DEVICE_INIT;
    static const struct {
        uint64_t reserve;
        uint64_t usable_mib;
    } cases[] = {{0, 23 * 1024}, {CTXFIT_RESERVE_NONE, 24 * 1024}, {UINT64_C(3) << 30, 21 * 1024}, {UINT64_C(99) << 30, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan *plan;

        o.reserve_bytes = cases[i].reserve;
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
        assert_int_equal(d.usable_bytes, cases[i].usable_mib << 20);
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void best_file_type_fits_and_every_better_one_does_not(void **state)
{
    ctxfit_model       *model = coder("BF16");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(32768, 1);
    ctxfit_file_type    best = 0;
    ctxfit_error        error;
    uint64_t            best_bytes;
    ctxfit_model       *as_best;
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_plan_best_file_type(model, hw, &o, NULL, &best, &error), CTXFIT_OK);
    assert_int_not_equal(best, 0);
    as_best = coder(ctxfit_file_type_name(best));
    assert_int_not_equal(plan_once(as_best, hw, &o).fit, CTXFIT_FIT_NONE);
    assert_int_equal(ctxfit_model_get_info(as_best, &info), CTXFIT_OK);
    best_bytes = info.tensor_bytes;
    ctxfit_model_free(as_best);
    /* Q5_K_M of this model is larger and must not fit, or it would have been chosen. */
    as_best = coder("Q6_K");
    assert_int_equal(ctxfit_model_get_info(as_best, &info), CTXFIT_OK);
    if (info.tensor_bytes > best_bytes)
        assert_int_equal(plan_once(as_best, hw, &o).fit, CTXFIT_FIT_NONE);
    ctxfit_model_free(as_best);
    ctxfit_hw_free(hw);
    hw = machine("gpu(backend=cuda,mem=4GiB) host:4GiB");
    assert_int_equal(ctxfit_plan_best_file_type(model, hw, &o, NULL, &best, &error), CTXFIT_OK);
    assert_int_equal(best, 0);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* A combination that the engine refuses is refused for every file type: no answer, not "none fits". */
static void best_file_type_of_a_refused_run_is_refused(void **state)
{
    ctxfit_model       *model = coder("BF16");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_file_type    best = 1;
    ctxfit_error        error;

    (void)state;
    o.kv_value = CTXFIT_QUANT_Q8_0;
    o.flash_attention = CTXFIT_CHOICE_OFF;
    assert_int_equal(ctxfit_plan_best_file_type(model, hw, &o, NULL, &best, &error), CTXFIT_E_REFUSED);
    assert_int_equal(error.status, CTXFIT_E_REFUSED);
    assert_int_equal(best, 0);
    assert_int_equal(ctxfit_plan_best_file_type(NULL, hw, &o, NULL, &best, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_best_file_type(model, NULL, NULL, NULL, &best, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_best_file_type(model, hw, NULL, NULL, NULL, &error), CTXFIT_E_INVALID_ARG);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void success_leaves_the_error_alone(void **state)
{
    ctxfit_model       *model = catalog_model("deepseek-v2-lite", "BF16");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_with(8192, 1);
    ctxfit_file_type    best;
    ctxfit_error        error, before;

    (void)state;
    memset(&error, 0x5a, sizeof error);
    before = error;
    assert_int_equal(ctxfit_plan_best_file_type(model, hw, &o, NULL, &best, &error), CTXFIT_OK);
    assert_memory_equal(&error, &before, sizeof error);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(largest_context_fits_and_the_next_step_does_not),
        cmocka_unit_test(most_sequences_fit_and_one_more_does_not),
        cmocka_unit_test(the_smallest_limit_comes_first_and_binds),
        cmocka_unit_test(slots_divide_the_context),
        cmocka_unit_test(a_shared_cache_is_not_divided),
        cmocka_unit_test(what_fits_is_within_the_limits),
        cmocka_unit_test(a_search_that_overflows_is_no_failure),
        cmocka_unit_test(the_largest_context_ends_where_the_engine_stops_counting),
        cmocka_unit_test(free_memory_of_a_unified_machine_is_the_limit),
        cmocka_unit_test(linked_machines_share_the_layers),
        cmocka_unit_test(options_that_move_nothing_leave_all_on_the_gpu),
        cmocka_unit_test(best_file_type_of_a_refused_run_is_refused),
        cmocka_unit_test(success_leaves_the_error_alone),
        cmocka_unit_test(a_default_of_the_engine_is_not_told_as_set_for_its_server),
        cmocka_unit_test(engine_rounding_is_a_limit_of_its_own),
        cmocka_unit_test(unified_memory_is_counted_once_against_the_machine),
        cmocka_unit_test(host_memory_that_is_not_stated_limits_nothing),
        cmocka_unit_test(reserve_is_kept_free),
        cmocka_unit_test(best_file_type_fits_and_every_better_one_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
