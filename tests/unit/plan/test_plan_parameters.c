/* Parameters of a model in Ollama as options, and what it brings along as what runs beside it. Files are written where the test runs. */
#include "plan_fixture.h"

#include "gguf_writer.h"

static ctxfit_modelfile *modelfile(const char *text)
{
    ctxfit_modelfile *file;
    ctxfit_error      error;

    if (ctxfit_modelfile_parse(text, strlen(text), NULL, &file, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return file;
}

static ctxfit_plan_options options_of(const char *engine)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    return o;
}

/* What a Modelfile of these parameters sets. */
static uint32_t applied(const char *text, const char *of_base, ctxfit_plan_options *options)
{
    ctxfit_modelfile *file = modelfile(text), *base = of_base != NULL ? modelfile(of_base) : NULL;
    uint32_t          set = UINT32_MAX;

    assert_int_equal(ctxfit_plan_apply_parameters(options, file, base, &set, NULL), CTXFIT_OK);
    ctxfit_modelfile_free(file);
    ctxfit_modelfile_free(base);
    return set;
}

static void parameters_fill_what_options_leave_open(void **state)
{
    const char         *text = "FROM a\nPARAMETER num_ctx 8192\nPARAMETER num_batch 256\nPARAMETER num_gpu 7\nPARAMETER use_mmap false\n";
    ctxfit_plan_options open = options_of("ollama"), stated = options_of("ollama@0.31.0");

    (void)state;
    assert_int_equal(applied(text, NULL, &open),
                     CTXFIT_PARAMETER_NUM_CTX | CTXFIT_PARAMETER_NUM_BATCH | CTXFIT_PARAMETER_NUM_GPU | CTXFIT_PARAMETER_USE_MMAP);
    assert_int_equal(open.model_ctx_tokens, 8192);
    assert_int_equal(open.ctx_tokens, 0);
    assert_int_equal(open.batch_tokens, 256);
    assert_int_equal(open.gpu_layers, 7);
    assert_int_equal(open.mmap, CTXFIT_CHOICE_OFF);
    stated.ctx_tokens = 4096;
    stated.gpu_layers = CTXFIT_GPU_LAYERS_NONE;
    stated.mmap = CTXFIT_CHOICE_ON;
    assert_int_equal(applied(text, NULL, &stated), CTXFIT_PARAMETER_NUM_BATCH);
    assert_int_equal(stated.model_ctx_tokens, 0);
    assert_int_equal(stated.gpu_layers, CTXFIT_GPU_LAYERS_NONE);
    assert_int_equal(stated.mmap, CTXFIT_CHOICE_ON);
}

static void values_are_those_that_ollama_makes_of_them(void **state)
{
    static const struct {
        const char *parameter;
        uint64_t    ctx;
        uint32_t    batch, layers;
    } cases[] = {
        {"num_ctx 1", 4, 0, 0},          {"num_ctx -5", 4, 0, 0},      {"num_batch 0", 0, 0, 0},
        {"num_gpu -1", 0, 0, 0},         {"num_gpu 99999999999", 0, 0, UINT32_MAX - 1},
        {"num_gpu 0", 0, 0, CTXFIT_GPU_LAYERS_NONE}, {"num_ctx 1e400", 0, 0, 0}, {"num_ctx 4k", 0, 0, 0}, {"num_ctx 2048.5", 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_plan_options o = options_of("ollama");
        char                text[64];

        (void)snprintf(text, sizeof text, "FROM a\nPARAMETER %s\n", cases[i].parameter);
        (void)applied(text, NULL, &o);
        assert_int_equal(o.model_ctx_tokens, cases[i].ctx);
        assert_int_equal(o.batch_tokens, cases[i].batch);
        assert_int_equal(o.gpu_layers, cases[i].layers);
    }
}

static void a_base_counts_where_the_model_is_silent(void **state)
{
    ctxfit_plan_options o = options_of("ollama");

    (void)state;
    assert_int_equal(applied("FROM a\nPARAMETER num_gpu -1\nPARAMETER num_batch 64\nPARAMETER num_batch 128\n",
                             "FROM b\nPARAMETER num_gpu 3\nPARAMETER num_ctx 512\n", &o),
                     CTXFIT_PARAMETER_NUM_CTX | CTXFIT_PARAMETER_NUM_BATCH | CTXFIT_PARAMETER_NUM_GPU);
    assert_int_equal(o.model_ctx_tokens, 512);
    assert_int_equal(o.batch_tokens, 128); /* the last */
    assert_int_equal(o.gpu_layers, 0);     /* its own says that they are chosen */
}

static void other_engines_take_no_parameters(void **state)
{
    static const char *const engines[] = {"", "llama.cpp", "vllm", "lm-studio"};

    (void)state;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        ctxfit_plan_options o = options_of(engines[i]), before = o;

        assert_int_equal(applied("FROM a\nPARAMETER num_ctx 8192\n", NULL, &o), 0);
        assert_memory_equal(&o, &before, sizeof o);
    }
}

static void wrong_calls_change_nothing(void **state)
{
    ctxfit_modelfile   *file = modelfile("FROM a\nPARAMETER num_ctx 8192\n");
    ctxfit_plan_options o = options_of("olama"), before = o;
    ctxfit_beside      *beside;
    uint32_t            set = 1;

    (void)state;
    assert_int_equal(ctxfit_plan_apply_parameters(&o, file, NULL, &set, NULL), CTXFIT_E_NOT_FOUND);
    assert_int_equal(set, 0);
    assert_memory_equal(&o, &before, sizeof o);
    assert_int_equal(ctxfit_plan_apply_parameters(NULL, file, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_plan_apply_parameters(&o, NULL, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    o.struct_size = 12;
    assert_int_equal(ctxfit_plan_apply_parameters(&o, file, NULL, NULL, NULL), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_parts(NULL, file, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_add_parts(beside, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_add_parts(beside, file, NULL, NULL), CTXFIT_OK); /* nothing comes with it */
    assert_int_equal(ctxfit_beside_count(beside), 0);
    ctxfit_beside_free(beside);
    ctxfit_modelfile_free(file);
}

/* ---- what it brings along ---- */

/* A LoRA of rank 16 beside a matrix of 5120 by 5120: Qwen3 14B's. */
static void write_adapter(const char *path)
{
    static const uint64_t a[] = {5120, 16}, b[] = {16, 5120};
    const uint64_t        bytes = 5120 * 16 * 4;
    gguf_writer           w;
    FILE                 *file = fopen(path, "wb");

    assert_non_null(file);
    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "qwen3");
    gw_key_text(&w, "general.type", "adapter");
    gw_key_text(&w, "adapter.type", "lora");
    gw_tensor(&w, "blk.0.attn_q.weight.lora_a", 0, 2, a, bytes);
    gw_tensor(&w, "blk.0.attn_q.weight.lora_b", 0, 2, b, bytes);
    gw_end(&w);
    assert_int_equal(fwrite(w.data, 1, w.size, file), w.size); /* the header is all that is read */
    assert_int_equal(fclose(file), 0);
    gw_free(&w);
}

static void files_that_come_along_are_added(void **state)
{
    ctxfit_modelfile *file = modelfile("FROM a\nADAPTER parts.gguf\nPARAMETER draft_num_predict 5\n");
    ctxfit_model     *plain = catalog_model("qwen3-14b", "Q4_K_M");
    test_failing      f = {0};

    (void)state;
    write_adapter("parts.gguf");
    while (test_failing_next(&f)) {
        ctxfit_beside *beside;

        f.status = ctxfit_beside_new(&f.allocator, &beside, NULL);
        if (f.status != CTXFIT_OK)
            continue;
        f.status = ctxfit_beside_add_parts(beside, file, plain, NULL);
        assert_int_equal(ctxfit_beside_count(beside), f.status == CTXFIT_OK); /* the model has no blocks */
        ctxfit_beside_free(beside);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    (void)remove("parts.gguf");
    ctxfit_modelfile_free(file);
    ctxfit_model_free(plain);
}

static uint32_t parts_of(const char *text, const ctxfit_model *model, ctxfit_status wanted)
{
    ctxfit_modelfile *file = modelfile(text);
    ctxfit_beside    *beside;
    uint32_t          count;

    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_parts(beside, file, model, NULL), wanted);
    count = ctxfit_beside_count(beside);
    ctxfit_beside_free(beside);
    ctxfit_modelfile_free(file);
    return count;
}

/* Ollama v0.33.0-rc2 llm/llama_server.go:807 */
static void own_blocks_draft_as_draft_num_predict_says(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3.6-27b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_modelfile   *file = modelfile("FROM a\nPARAMETER draft_num_predict 5\n");
    ctxfit_plan_beside  sum = CTXFIT_PLAN_BESIDE_INIT;
    ctxfit_beside      *beside;
    ctxfit_plan        *plan;

    (void)state;
    (void)snprintf(options.engine, sizeof options.engine, "ollama");
    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_parts(beside, file, model, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_make_beside(model, hw, &options, beside, NULL, &plan, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_beside(plan, 0, UINT32_MAX, &sum), CTXFIT_OK);
    assert_int_equal(sum.kind, CTXFIT_BESIDE_NEXTN);
    assert_int_equal(sum.draft_tokens, 5);
    assert_int_equal(parts_of("FROM a\nPARAMETER draft_num_predict 0\n", model, CTXFIT_OK), 0);
    assert_int_equal(parts_of("FROM a\nPARAMETER draft_num_predict 5\n", NULL, CTXFIT_OK), 0);
    assert_int_equal(parts_of("FROM a\nDRAFT d.gguf\nPARAMETER draft_num_predict 5\n", model, CTXFIT_OK), 0); /* the draft would */
    assert_int_equal(parts_of("FROM a\nPARAMETER draft_num_predict 65536\n", model, CTXFIT_E_INVALID_ARG), 0);
    assert_int_equal(parts_of("FROM a\nADAPTER none.gguf\n", model, CTXFIT_E_IO), 0);
    ctxfit_plan_free(plan);
    ctxfit_beside_free(beside);
    ctxfit_modelfile_free(file);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static bool tells(const ctxfit_plan *plan, const char *text)
{
    const char *warning;

    for (uint32_t i = 0; (warning = ctxfit_plan_warning(plan, i)) != NULL; i++)
        if (strcmp(warning, text) == 0)
            return true;
    return false;
}

static void what_is_left_out_is_a_warning_of_every_plan(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "Q4_K_M");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options options = options_with(8192, 1);
    ctxfit_modelfile   *file = modelfile("FROM a\nDRAFT folder/none.gguf\n");
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_beside      *beside;
    ctxfit_plan        *plan;

    (void)state;
    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_parts(beside, file, model, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_leave_out(beside, CTXFIT_PART_PROJECTOR, "eyes.gguf", (UINT64_C(3) << 20) + 1, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_count(beside), 0);
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(options.engine, sizeof options.engine, "%s", i == 0 ? "ollama" : "vllm"); /* which runs no projector of a file */
        assert_int_equal(ctxfit_plan_make_beside(model, hw, &options, beside, NULL, &plan, NULL), CTXFIT_OK);
        assert_true(tells(plan, "not counted: a draft model, 'none.gguf': its memory comes on top"));
        assert_true(tells(plan, "not counted: a projector, 'eyes.gguf': its tensors alone take 4 MiB on top"));
        assert_int_equal(ctxfit_plan_get_summary(plan, &summary), CTXFIT_OK);
        assert_int_equal(summary.beside_count, 0);
        ctxfit_plan_free(plan);
    }
    assert_int_equal(ctxfit_beside_leave_out(beside, CTXFIT_PART_TEMPLATE, "a", 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_leave_out(beside, 0, "a", 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_leave_out(beside, CTXFIT_PART_DRAFT, "", 0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_beside_leave_out(NULL, CTXFIT_PART_DRAFT, "a", 0, NULL), CTXFIT_E_INVALID_ARG);
    for (unsigned i = 2; i < CTXFIT_MAX_BESIDE; i++)
        assert_int_equal(ctxfit_beside_leave_out(beside, CTXFIT_PART_MODEL, "a", 0, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_leave_out(beside, CTXFIT_PART_MODEL, "a", 0, NULL), CTXFIT_E_LIMIT);
    ctxfit_beside_free(beside);
    ctxfit_modelfile_free(file);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_fill_what_options_leave_open),
        cmocka_unit_test(values_are_those_that_ollama_makes_of_them),
        cmocka_unit_test(a_base_counts_where_the_model_is_silent),
        cmocka_unit_test(other_engines_take_no_parameters),
        cmocka_unit_test(wrong_calls_change_nothing),
        cmocka_unit_test(files_that_come_along_are_added),
        cmocka_unit_test(own_blocks_draft_as_draft_num_predict_says),
        cmocka_unit_test(what_is_left_out_is_a_warning_of_every_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
