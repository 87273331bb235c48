/* Drafts beside a model, of another model and of its own blocks, count in its plan. */
#include "beside_fixture.h"

/* ---- drafts ---- */

/* The same context, sequences and batch, cache types of its own: F16 whatever the model has. */
static void a_draft_takes_what_it_takes_alone(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-32b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_hw          *hw = machine("2*rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(16384, 2), own;
    ctxfit_beside      *beside = besides();
    ctxfit_plan        *both, *alone;

    (void)state;
    options.kv_key = options.kv_value = CTXFIT_QUANT_Q8_0;
    own = options;
    own.kv_key = own.kv_value = CTXFIT_QUANT_F16;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    both = planned_beside(model, hw, &options, beside);
    ctxfit_beside_free(beside);
    alone = planned(draft, hw, &own);
    for (uint32_t d = 0; d < 3; d++) {
        ctxfit_plan_device small = device_of(alone, d), all = device_of(both, d);
        ctxfit_plan_beside b = entry_of(both, 0, d);

        assert_int_equal(b.weights_bytes, small.weights_bytes);
        assert_int_equal(b.kv_bytes, small.kv_bytes + small.kv_swa_bytes);
        assert_int_equal(b.compute_bytes, small.compute_bytes);
        assert_int_equal(b.output_bytes, small.output_bytes);
        assert_int_equal(b.total_bytes, small.total_bytes);
        assert_int_equal(all.beside_bytes, small.total_bytes);
        assert_int_equal(all.total_bytes, all.weights_bytes + all.kv_bytes + all.compute_bytes + all.output_bytes + all.beside_bytes);
        assert_int_equal(all.free_bytes, (int64_t)(all.usable_bytes - all.total_bytes));
    }
    assert_int_equal(entry_of(both, 0, UINT32_MAX).total_bytes, summary_of(alone).total_bytes);
    assert_int_equal(summary_of(both).beside_bytes, summary_of(alone).total_bytes);
    assert_int_equal(entry_of(both, 0, 0).n_ctx_seq, summary_of(both).n_ctx_seq);
    ctxfit_plan_free(alone);
    ctxfit_plan_free(both);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

/* The cache of the draft grows with that of the model: the search has to count both. */
static void the_largest_context_leaves_room_for_the_draft(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_hw          *hw = machine("rtx-4070 host:64GiB");
    ctxfit_plan_options options = options_with(4096, 1);
    ctxfit_beside      *beside = besides();
    ctxfit_plan        *plan;
    uint64_t            most, alone = plan_once(model, hw, &options).max_ctx_seq_tokens;

    (void)state;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    plan = planned_beside(model, hw, &options, beside);
    most = summary_of(plan).max_ctx_seq_tokens;
    ctxfit_plan_free(plan);
    assert_true(most > 0 && most < alone);
    options.ctx_tokens = most;
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(summary_of(plan).fit, CTXFIT_FIT_ALL);
    ctxfit_plan_free(plan);
    options.ctx_tokens = most + 256;
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(summary_of(plan).fit, CTXFIT_FIT_NONE);
    assert_non_null(strstr(ctxfit_plan_warning(plan, 0), "the model alone fits"));
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void a_draft_is_where_its_options_put_it(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_hw           *hw = machine("2*rtx-4090 host:64GiB");
    ctxfit_plan_options  options = options_with(8192, 1);
    ctxfit_draft_options second = CTXFIT_DRAFT_OPTIONS_INIT, host = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_beside       *beside = besides();
    ctxfit_plan         *plan;

    (void)state;
    second.devices = 1u << 1;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, &second, NULL), CTXFIT_OK);
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).total_bytes, 0);
    assert_int_equal(entry_of(plan, 0, 1).layers, 28);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    beside = besides();
    host.gpu_layers = CTXFIT_GPU_LAYERS_NONE;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, &host, NULL), CTXFIT_OK);
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).weights_bytes + entry_of(plan, 0, 1).weights_bytes, 0);
    assert_int_equal(entry_of(plan, 0, 2).layers, 28);
    assert_true(entry_of(plan, 0, 0).compute_bytes > 0); /* which matrices of the host are brought to */
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    beside = besides();
    host.gpu_layers = 0;
    host.devices = CTXFIT_DEVICES_NONE;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, &host, NULL), CTXFIT_OK);
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).total_bytes + entry_of(plan, 0, 1).total_bytes, 0);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void a_draft_that_cannot_draft_is_refused(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0"),
                        *other = catalog_model("gemma-3-1b", "Q8_0");
    ctxfit_plan_options  options = options_with(8192, 1);
    ctxfit_draft_options far = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_beside       *beside = besides();
    ctxfit_error         error;

    (void)state;
    assert_int_equal(ctxfit_beside_add_draft(beside, other, NULL, NULL), CTXFIT_OK);
    assert_int_equal(refused(model, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "target vocab size 151936 does not match draft vocab size 262144"));
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, &error), CTXFIT_E_LIMIT);
    ctxfit_beside_free(beside);
    beside = besides();
    far.devices = 1u << 1;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, &far, NULL), CTXFIT_OK);
    assert_int_equal(refused(model, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_INVALID_ARG);
    memcpy(options.engine, "tensorrt-llm", sizeof "tensorrt-llm");
    assert_int_equal(refused(model, "2*rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "draft"));
    assert_int_equal(ctxfit_beside_add_draft(beside, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    ctxfit_beside_free(beside);
    ctxfit_model_free(other);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

/* ---- the model's own prediction blocks ---- */

/* A hybrid of 40 layers and one block: the block's weights are what the file has beyond what is loaded without it, its cache is that of one
 * layer; recurrent states are kept once more for each drafted token (llama.cpp b10472 src/llama-memory-recurrent.cpp:99). */
static void own_blocks_draft_with_their_weights_and_a_cache_of_theirs(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3.5-35b-a3b", "Q8_0");
    ctxfit_hw           *hw = machine("2*rtx-4090 host:128GiB");
    ctxfit_plan_options  options = options_with(32768, 2);
    ctxfit_draft_options five = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_beside       *beside = besides();
    ctxfit_model_info    info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_layer_info    block = CTXFIT_LAYER_INFO_INIT;
    ctxfit_plan         *with, *without = planned(model, hw, &options);
    ctxfit_plan_beside   sum;

    (void)state;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    assert_int_equal(info.nextn_layers, 1);
    assert_int_equal(ctxfit_model_get_layer(model, info.layers, &block), CTXFIT_OK);
    five.draft_tokens = 5;
    five.kv_key = five.kv_value = CTXFIT_QUANT_Q8_0;
    assert_int_equal(ctxfit_beside_add_nextn(beside, &five, NULL), CTXFIT_OK);
    with = planned_beside(model, hw, &options, beside);
    sum = entry_of(with, 0, UINT32_MAX);
    assert_int_equal(sum.kind, CTXFIT_BESIDE_NEXTN);
    assert_int_equal(sum.draft_tokens, 5);
    assert_int_equal(sum.kv_bytes, (block.cache_k_elems + block.cache_v_elems) / 32 * 34 * 32768);
    assert_int_equal(entry_of(with, 0, 1).kv_bytes, sum.kv_bytes); /* behind the trunk: on the last device */
    assert_int_equal(summary_of(with).recurrent_bytes, 6 * summary_of(without).recurrent_bytes);
    assert_true(sum.weights_bytes > 0 && summary_of(with).weights_bytes == summary_of(without).weights_bytes);
    assert_true(sum.weights_bytes + summary_of(with).weights_bytes >= info.tensor_bytes);
    ctxfit_plan_free(with);
    ctxfit_plan_free(without);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* `draft_num_predict` of a Modelfile: v0.33.0-rc2 llm/llama_server.go:807. Logs of b9849 (docs/accuracy.md) have three states a slot. */
static void ollama_drafts_with_own_blocks_and_with_no_other_model(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3.6-27b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q4_K_M");
    ctxfit_hw           *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options  options = options_with(8192, 1);
    ctxfit_draft_options two = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_beside       *beside = besides();
    ctxfit_plan         *with, *without;
    ctxfit_error         error;

    (void)state;
    memcpy(options.engine, "ollama@0.31.0", sizeof "ollama@0.31.0");
    two.draft_tokens = 2;
    assert_int_equal(ctxfit_beside_add_nextn(beside, &two, NULL), CTXFIT_OK);
    with = planned_beside(model, hw, &options, beside);
    without = planned(model, hw, &options);
    assert_int_equal(summary_of(with).recurrent_bytes, 3 * summary_of(without).recurrent_bytes);
    assert_int_equal(entry_of(with, 0, UINT32_MAX).kv_bytes, UINT64_C(8192) * 4096);
    ctxfit_plan_free(with);
    ctxfit_plan_free(without);
    ctxfit_beside_free(beside);
    beside = besides();
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    assert_int_equal(refused(model, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_UNSUPPORTED);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void notes_of_a_draft_are_told_as_its_own(void **state)
{
    ctxfit_model       *model = catalog_model("gpt-oss-20b", "MXFP4_MOE"), *draft = catalog_model("gpt-oss-20b", "Q8_0");
    ctxfit_hw          *hw = machine("2*h100");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_beside      *beside = besides();
    ctxfit_plan        *plan;
    char                expected[512];
    uint32_t            found = 0;

    (void)state;
    assert_non_null(ctxfit_model_note(draft, 0)); /* what its experts take */
    snprintf(expected, sizeof expected, "draft: %s", ctxfit_model_note(draft, 0));
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    plan = planned_beside(model, hw, &options, beside);
    for (uint32_t i = 0; ctxfit_plan_warning(plan, i) != NULL; i++)
        found += strcmp(ctxfit_plan_warning(plan, i), expected) == 0;
    assert_int_equal(found, 1);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void models_without_own_blocks_do_not_draft_by_themselves(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3-14b", "Q4_K_M"), *glm = catalog_model("glm-4.5-air", "Q4_K_M");
    ctxfit_plan_options  options = options_with(8192, 1);
    ctxfit_draft_options o = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_beside       *beside = besides();
    ctxfit_error         error;

    (void)state;
    o.gpu_layers = 3;
    assert_int_equal(ctxfit_beside_add_nextn(beside, &o, &error), CTXFIT_E_INVALID_ARG);
    o.gpu_layers = 0;
    o.draft_tokens = 1u << 16;
    assert_int_equal(ctxfit_beside_add_nextn(beside, &o, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_add_nextn(beside, NULL, NULL), CTXFIT_OK);
    assert_int_equal(refused(model, "rtx-4090 host:64GiB", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "doesn't contain MTP layers"));
    memcpy(options.engine, "llama.cpp@b10472", sizeof "llama.cpp@b10472");
    assert_int_equal(refused(glm, "rtx-4090 host:128GiB", &options, beside, &error), CTXFIT_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "from build 11118 on"));
    ctxfit_beside_free(beside);
    ctxfit_model_free(glm);
    ctxfit_model_free(model);
}

/* llama.cpp b11118 gives a draft the context of the model; b10472, where none is asked for, its own trained length. */
static void without_a_context_older_builds_give_a_draft_its_own(void **state)
{
    ctxfit_model       *model = catalog_model("llama-3.1-8b", "Q4_K_M"), *draft = catalog_model("llama-3-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(0, 1);
    ctxfit_beside      *beside = besides();
    ctxfit_plan        *plan;

    (void)state;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).n_ctx_seq, 131072);
    ctxfit_plan_free(plan);
    memcpy(options.engine, "llama.cpp@b10472", sizeof "llama.cpp@b10472");
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, 0).n_ctx_seq, 8192);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

/* mlx-lm 0.32.2 generate.py, speculative_generate_step: both caches are quantized alike, and must be such as can be shortened. */
static void mlx_drafts_with_the_cache_type_of_the_model(void **state)
{
    ctxfit_model        *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0"),
                        *hybrid = catalog_model("qwen3-next-80b-a3b", "Q4_K_M");
    ctxfit_hw           *hw = machine("mac-studio-m2-ultra-64gb");
    ctxfit_plan_options  options = options_with(16384, 1);
    ctxfit_draft_options own = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_beside       *beside = besides(), *stated = besides();
    ctxfit_plan         *both, *alone;
    ctxfit_error         error;

    (void)state;
    memcpy(options.engine, "mlx-lm", sizeof "mlx-lm");
    options.kv_key = options.kv_value = CTXFIT_QUANT_Q8_0;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    both = planned_beside(model, hw, &options, beside);
    alone = planned(draft, hw, &options);
    assert_int_equal(entry_of(both, 0, 0).kv_bytes, device_of(alone, 0).kv_bytes);
    assert_int_equal(entry_of(both, 0, 0).weights_bytes, device_of(alone, 0).weights_bytes);
    assert_int_equal(refused(hybrid, "mac-studio-m2-ultra-192gb", &options, beside, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "trimmable"));
    own.kv_key = CTXFIT_QUANT_F16;
    assert_int_equal(ctxfit_beside_add_draft(stated, draft, &own, NULL), CTXFIT_OK);
    assert_int_equal(refused(model, "mac-studio-m2-ultra-64gb", &options, stated, &error), CTXFIT_E_REFUSED);
    ctxfit_plan_free(alone);
    ctxfit_plan_free(both);
    ctxfit_beside_free(stated);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(hybrid);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_takes_what_it_takes_alone),
        cmocka_unit_test(the_largest_context_leaves_room_for_the_draft),
        cmocka_unit_test(a_draft_is_where_its_options_put_it),
        cmocka_unit_test(a_draft_that_cannot_draft_is_refused),
        cmocka_unit_test(own_blocks_draft_with_their_weights_and_a_cache_of_theirs),
        cmocka_unit_test(ollama_drafts_with_own_blocks_and_with_no_other_model),
        cmocka_unit_test(notes_of_a_draft_are_told_as_its_own),
        cmocka_unit_test(models_without_own_blocks_do_not_draft_by_themselves),
        cmocka_unit_test(without_a_context_older_builds_give_a_draft_its_own),
        cmocka_unit_test(mlx_drafts_with_the_cache_type_of_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
