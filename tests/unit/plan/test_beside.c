/* Projectors beside a model, and what is told of all that runs beside one. */
#include "beside_fixture.h"

/* ---- projectors ---- */

static ctxfit_gguf *projector(void)
{
    const uint64_t dims[2] = {1152, 4304}, bias[1] = {10};
    ctxfit_gguf   *gguf = NULL;
    gguf_writer    w;

    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "clip");
    gw_key_text(&w, "general.type", "mmproj");
    gw_key_text(&w, "clip.projector_type", "gemma3");
    gw_key(&w, "clip.has_vision_encoder", CTXFIT_GGUF_BOOL);
    gw_number(&w, 1, 1);
    gw_key_u32(&w, "clip.vision.embedding_length", 1152);
    gw_key_u32(&w, "clip.vision.attention.head_count", 16);
    gw_key_u32(&w, "clip.vision.block_count", 1);
    gw_key_u32(&w, "clip.vision.image_size", 896);
    gw_key_u32(&w, "clip.vision.patch_size", 14);
    gw_tensor(&w, "v.blk.0.ffn_up.weight", 1, 2, dims, 1152 * 4304 * 2);
    gw_tensor(&w, "v.blk.0.ffn_up.bias", 0, 1, bias, 40);
    gw_end(&w);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    gw_free(&w);
    return gguf;
}

static void check_projector_as(const ctxfit_plan_options *as, const char *spec, const ctxfit_projector_options *o, uint32_t device,
                               uint64_t bytes)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M");
    ctxfit_hw          *hw = machine(spec);
    ctxfit_gguf        *gguf = projector();
    ctxfit_plan_options options = *as;
    ctxfit_beside      *beside = besides();
    ctxfit_plan        *plan;

    assert_int_equal(ctxfit_beside_add_projector(beside, gguf, o, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_projector(beside, gguf, o, NULL), CTXFIT_E_LIMIT);
    ctxfit_gguf_free(gguf);
    plan = planned_beside(model, hw, &options, beside);
    assert_int_equal(entry_of(plan, 0, device).weights_bytes, bytes);
    assert_int_equal(entry_of(plan, 0, UINT32_MAX).weights_bytes, bytes);
    assert_int_equal(entry_of(plan, 0, device).compute_exact, 0); /* the file lacks most of its tensors */
    assert_true(entry_of(plan, 0, device).compute_bytes > 0);
    assert_int_equal(device_of(plan, device).beside_bytes, entry_of(plan, 0, device).total_bytes);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void check_projector(const char *spec, const ctxfit_projector_options *o, uint32_t device, uint64_t bytes)
{
    const ctxfit_plan_options options = options_with(8192, 1);

    check_projector_as(&options, spec, o, device, bytes);
}

/* 9,916,416 bytes of a matrix and 40 of a bias, which CUDA pads to 128 and the host to 32. */
static void a_projector_is_on_the_first_gpu_or_where_it_is_put(void **state)
{
    ctxfit_projector_options host = CTXFIT_PROJECTOR_OPTIONS_INIT, second = CTXFIT_PROJECTOR_OPTIONS_INIT;
    const uint64_t           matrix = 1152 * 4304 * 2;

    (void)state;
    host.flags = CTXFIT_PROJECTOR_F_HOST;
    second.devices = 1u << 1;
    check_projector("2*rtx-4090 host:64GiB", NULL, 0, matrix + 128);
    check_projector("2*rtx-4090 host:64GiB", &second, 1, matrix + 128);
    check_projector("2*rtx-4090 host:64GiB", &host, 2, matrix + 64);
    check_projector("host:64GiB", NULL, 0, matrix + 64);
    check_projector("gpu(backend=rpc,mem=24GiB) rtx-4090 host:64GiB", NULL, 1, matrix + 128);
}

static void ollama_keeps_a_projector_on_the_host_where_layers_are_or_a_gpu_is_small(void **state)
{
    ctxfit_plan_options options = options_with(8192, 1);
    const uint64_t      matrix = 1152 * 4304 * 2;

    (void)state;
    memcpy(options.engine, "ollama", sizeof "ollama");
    check_projector_as(&options, "rtx-4090 host:64GiB", NULL, 0, matrix + 128);
    options.gpu_layers = 20;
    check_projector_as(&options, "rtx-4090 host:64GiB", NULL, 1, matrix + 64);
    memcpy(options.engine, "ollama@0.30.0", sizeof "ollama@0.30.0");
    options.gpu_layers = 41;
    check_projector_as(&options, "rtx-4090 host:64GiB", NULL, 0, matrix + 128);
    check_projector_as(&options, "rtx-3080-10gb host:64GiB", NULL, 1, matrix + 64);
}

static void a_file_of_the_other_kind_is_refused(void **state)
{
    ctxfit_beside *beside = besides();
    ctxfit_gguf   *gguf = projector();
    ctxfit_projector_options both = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_error   error;

    (void)state;
    assert_int_equal(ctxfit_beside_add_adapter(beside, gguf, &error), CTXFIT_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "a projector, expected an adapter"));
    both.devices = 3;
    assert_int_equal(ctxfit_beside_add_projector(beside, gguf, &both, &error), CTXFIT_E_INVALID_ARG);
    both.devices = 0;
    both.flags = 8;
    assert_int_equal(ctxfit_beside_add_projector(beside, gguf, &both, &error), CTXFIT_E_INVALID_ARG);
    both.struct_size = 8;
    assert_int_equal(ctxfit_beside_add_projector(beside, gguf, &both, &error), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_beside_add_projector(beside, NULL, NULL, &error), CTXFIT_E_INVALID_ARG);
    ctxfit_gguf_free(gguf);
    ctxfit_beside_free(beside);
    ctxfit_beside_free(NULL);
    assert_int_equal(ctxfit_beside_count(NULL), 0);
    assert_int_equal(ctxfit_beside_new(NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
}

/* ---- answers ---- */

static void two_plans_differ_by_what_runs_beside(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_beside      *beside = besides();
    ctxfit_plan        *a = planned(model, hw, &options), *b;
    ctxfit_difference   d = CTXFIT_DIFFERENCE_INIT;
    ctxfit_plan_beside  entry = CTXFIT_PLAN_BESIDE_INIT;
    bool                named = false;

    (void)state;
    assert_int_equal(ctxfit_beside_add_draft(beside, draft, NULL, NULL), CTXFIT_OK);
    b = planned_beside(model, hw, &options, beside);
    for (uint32_t i = 0; ctxfit_plan_compare(a, b, i, &d) == CTXFIT_OK; i++) {
        if (d.kind != CTXFIT_DIFFERS_BESIDE)
            continue;
        named = true;
        assert_int_equal(d.a, 0);
        assert_int_equal(d.b, summary_of(b).beside_bytes);
        assert_non_null(strstr(d.reason, "draft Qwen3"));
    }
    assert_true(named);
    assert_int_equal(ctxfit_plan_get_beside(a, 0, 0, &entry), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_plan_get_beside(b, 0, 2, &entry), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_plan_get_beside(b, 1, 0, &entry), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_plan_get_beside(NULL, 0, 0, &entry), CTXFIT_E_INVALID_ARG);
    entry.struct_size = 8;
    assert_int_equal(ctxfit_plan_get_beside(b, 0, 0, &entry), CTXFIT_E_STRUCT_SIZE);
    assert_string_equal(ctxfit_beside_name(CTXFIT_BESIDE_NEXTN), "nextn");
    assert_string_equal(ctxfit_beside_name(0), "unknown");
    ctxfit_plan_free(b);
    ctxfit_plan_free(a);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void memory_that_runs_out_is_reported(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-14b", "Q4_K_M"), *draft = catalog_model("qwen3-0.6b", "Q8_0");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(8192, 1);
    test_failing        f = {0};

    (void)state;
    options.flags = CTXFIT_PLAN_F_NO_LIMITS | CTXFIT_PLAN_F_BOUND;
    while (test_failing_next(&f)) {
        ctxfit_beside *beside = NULL;
        ctxfit_plan   *plan = NULL;
        gguf_writer    w;

        f.status = ctxfit_beside_new(&f.allocator, &beside, NULL);
        adapter_begin(&w, "qwen3");
        adapter_layer(&w, 0);
        if (f.status == CTXFIT_OK)
            f.status = add_adapter(beside, &w, NULL);
        else
            gw_free(&w);
        if (f.status == CTXFIT_OK)
            f.status = ctxfit_beside_add_draft(beside, draft, NULL, NULL);
        if (f.status == CTXFIT_OK)
            f.status = ctxfit_plan_make_beside(model, hw, &options, beside, &f.allocator, &plan, NULL);
        ctxfit_plan_free(plan);
        ctxfit_beside_free(beside);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_projector_is_on_the_first_gpu_or_where_it_is_put),
        cmocka_unit_test(ollama_keeps_a_projector_on_the_host_where_layers_are_or_a_gpu_is_small),
        cmocka_unit_test(a_file_of_the_other_kind_is_refused),
        cmocka_unit_test(two_plans_differ_by_what_runs_beside),
        cmocka_unit_test(memory_that_runs_out_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
