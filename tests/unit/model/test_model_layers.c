/* ctxfit_model_from_layers: a caller's own description. */
#include "test_support.h"

#include "model/recipe_internal.h"

#define MAX_LINE 4096

static ctxfit_layer_info dense_layer(void)
{
    ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

    layer.flags = CTXFIT_LAYER_F_CACHE;
    layer.attention = CTXFIT_ATTENTION_FULL;
    layer.feed_forward = CTXFIT_FF_GATED;
    layer.heads = 4;
    layer.kv_heads = 2;
    layer.key_size = 64;
    layer.value_size = 64;
    layer.rope_size = 64;
    layer.cache_k_elems = 128;
    layer.cache_v_elems = 128;
    layer.ff_width = 512;
    return layer;
}

static ctxfit_model_info small_info(void)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    info.embedding = 256;
    info.vocabulary = 1000;
    info.trained_tokens = 4096;
    return info;
}

static ctxfit_model *make(const char *arch, const ctxfit_model_info *info, const ctxfit_layer_info *layers, size_t count)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_layers("mine", arch, info, layers, count, 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static bool has_tensor(const ctxfit_model *model, const char *name)
{
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (strcmp(model->tensor[i].name, name) == 0)
            return true;
    return false;
}

static void assert_same_tensors(const char *name, const ctxfit_model *a, const ctxfit_model *b)
{
    if (a->info.tensor_count != b->info.tensor_count || a->info.tensor_bytes != b->info.tensor_bytes ||
        a->info.data_bytes != b->info.data_bytes || a->info.parameters_active != b->info.parameters_active)
        fail_msg("%s: %llu tensors of %llu bytes, expected %llu of %llu", name, (unsigned long long)a->info.tensor_count,
                 (unsigned long long)a->info.tensor_bytes, (unsigned long long)b->info.tensor_count,
                 (unsigned long long)b->info.tensor_bytes);
    for (uint64_t i = 0; i < a->info.tensor_count; i++) {
        assert_string_equal(a->tensor[i].name, b->tensor[i].name);
        assert_memory_equal(a->tensor[i].dims, b->tensor[i].dims, sizeof a->tensor[i].dims);
        assert_int_equal(a->tensor[i].role, b->tensor[i].role);
    }
}

static void numbers_of_a_model_give_the_model_again(void **state)
{
    /* models whose text states nothing that layers do not */
    static const char *const names[] = {
        "Llama-3-8B",         "Mixtral-8x7B",       "Qwen2.5-7B",    "Qwen3-32B",     "Qwen3-30B-A3B", "Gemma-2-9B",
        "Gemma-3-27B",        "gpt-oss-20b",        "OLMo-2-13B",    "Gemma-3n-E4B",  "Gemma-4-E4B",   "Qwen3-Next-80B-A3B",
        "Qwen3.5-35B-A3B",    "MiMo-V2-Flash",      "GLM-4.5-Air",   "MiniMax-M2.5",  "Mamba-2.8B",    "Jamba-v0.1",
        "Granite-4.0-H-Small", "Falcon-H1-7B",      "LFM2-1.2B",     "Kimi-Linear-48B-A3B", "Nemotron-3-Nano-30B-A3B", "DeepSeek-V2-Lite",
    };
    FILE  *f = fopen(TEST_DATA "/models/reference_models.txt", "r");
    char   line[MAX_LINE];
    size_t seen = 0;

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        char         *text = strchr(line, '|');
        ctxfit_model *model = NULL;
        ctxfit_model *again;
        bool          wanted = false;

        line[strcspn(line, "\n")] = '\0';
        assert_non_null(text);
        *text++ = '\0';
        for (size_t i = 0; i < CFI_COUNT(names); i++)
            wanted = wanted || strcmp(names[i], line) == 0;
        if (!wanted)
            continue;
        assert_int_equal(ctxfit_model_from_text(text, 0, NULL, &model, NULL), CTXFIT_OK);
        again = make(ctxfit_model_arch(model), &model->info, model->layer, model->info.layers + model->info.nextn_layers);
        assert_same_tensors(line, again, model);
        ctxfit_model_free(again);
        ctxfit_model_free(model);
        seen++;
    }
    fclose(f);
    assert_int_equal(seen, CFI_COUNT(names));
}

static void without_an_architecture_numbers_imply_the_tensors(void **state)
{
    ctxfit_model_info  info = small_info();
    ctxfit_layer_info  layers[6];
    ctxfit_layer_info *l;
    ctxfit_model      *model;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(layers); i++)
        layers[i] = dense_layer();
    l = &layers[1];
    l->feed_forward = CTXFIT_FF_PLAIN;
    l = &layers[2];
    l->feed_forward = CTXFIT_FF_MOE;
    l->ff_width = 0;
    l->experts = 8;
    l->experts_used = 2;
    l->expert_width = 64;
    l->shared_width = 32;
    l = &layers[3];
    l->flags = 0;
    l->attention = CTXFIT_ATTENTION_NONE;
    l->heads = 0;
    l->state = CTXFIT_STATE_MAMBA;
    l->conv_kernel = 4;
    l->state_inner = 512;
    l->state_size = 16;
    l->state_heads = 16;
    l = &layers[4];
    l->attention = CTXFIT_ATTENTION_LATENT;
    l->kv_heads = 1;
    l->kv_rank = 128;
    l->key_size = 96;
    l->cache_k_elems = 192;
    l->cache_v_elems = 0;
    l = &layers[5];
    l->flags |= CTXFIT_LAYER_F_NEXTN;
    model = make(NULL, &info, layers, CFI_COUNT(layers));
    assert_int_equal(model->info.layers, 5);
    assert_int_equal(model->info.nextn_layers, 1);
    assert_int_not_equal(model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH, 0);
    assert_string_equal(ctxfit_model_arch(model), "");
    assert_string_equal(ctxfit_model_name(model), "mine");
    assert_true(has_tensor(model, "blk.0.ffn_gate.weight"));
    assert_false(has_tensor(model, "blk.1.ffn_gate.weight"));
    assert_true(has_tensor(model, "blk.1.ffn_up.weight"));
    assert_true(has_tensor(model, "blk.2.ffn_gate_exps.weight"));
    assert_true(has_tensor(model, "blk.2.ffn_up_shexp.weight"));
    assert_true(has_tensor(model, "blk.3.ssm_out.weight"));
    assert_false(has_tensor(model, "blk.3.attn_q.weight"));
    assert_true(has_tensor(model, "blk.4.attn_k_b.weight"));
    assert_true(has_tensor(model, "blk.5.nextn.eh_proj.weight"));
    assert_true(has_tensor(model, "output.weight"));
    ctxfit_model_free(model);
}

static void tied_models_have_no_head(void **state)
{
    ctxfit_model_info info = small_info();
    ctxfit_layer_info layer = dense_layer();
    ctxfit_model     *model;

    (void)state;
    info.flags = CTXFIT_MODEL_F_TIED;
    model = make("llama", &info, &layer, 1);
    assert_false(has_tensor(model, "output.weight"));
    assert_int_not_equal(model->info.flags & CTXFIT_MODEL_F_TIED, 0);
    ctxfit_model_free(model);
}

static void what_the_library_derives_is_not_taken_from_the_caller(void **state)
{
    ctxfit_model_info info = small_info();
    ctxfit_layer_info layer = dense_layer();
    ctxfit_model     *model;
    ctxfit_model     *plain;

    (void)state;
    plain = make("llama", &info, &layer, 1);
    info.layers = 77;
    info.parameters = 1;
    info.tensor_bytes = 1;
    info.heads = 99;
    info.flags = CTXFIT_MODEL_F_FROM_FILE | CTXFIT_MODEL_F_RECURRENT;
    model = make("llama", &info, &layer, 1);
    assert_memory_equal(&model->info, &plain->info, sizeof model->info);
    ctxfit_model_free(model);
    ctxfit_model_free(plain);
}

static void structs_of_a_later_caller_are_read_by_their_stride(void **state)
{
    struct later {
        ctxfit_layer_info layer;
        uint64_t          added;
    } later[2];
    ctxfit_model_info info = small_info();
    ctxfit_layer_info layers[2];
    ctxfit_model     *model = NULL;
    ctxfit_model     *expected;

    (void)state;
    for (int i = 0; i < 2; i++) {
        layers[i] = dense_layer();
        later[i].layer = dense_layer();
        later[i].layer.struct_size = (uint32_t)sizeof later[i];
        later[i].added = 0;
    }
    expected = make("llama", &info, layers, 2);
    model = make("llama", &info, &later[0].layer, 2);
    assert_same_tensors("later", model, expected);
    ctxfit_model_free(model);
    ctxfit_model_free(expected);
    later[1].added = 1;
    assert_int_equal(ctxfit_model_from_layers("", "llama", &info, &later[0].layer, 2, 0, NULL, &model, NULL), CTXFIT_E_NEWER_STRUCT);
}

/* ---- failures ---- */

typedef struct attempt {
    ctxfit_model_info info;
    ctxfit_layer_info layer[3];
    const char       *arch;
    size_t            count;
    ctxfit_file_type  file_type;
} attempt;

static attempt good_attempt(void)
{
    attempt a = {small_info(), {dense_layer(), dense_layer(), dense_layer()}, "llama", 3, 0};

    return a;
}

static void assert_refused(const attempt *a, ctxfit_status expected, const char *reason)
{
    ctxfit_model *model = (ctxfit_model *)&model;
    ctxfit_error  error = {0};
    ctxfit_status status = ctxfit_model_from_layers("mine", a->arch, &a->info, a->layer, a->count, a->file_type, NULL, &model, &error);

    if (status != expected || strstr(error.message, reason) == NULL)
        fail_msg("expected %s with '%s': %s: %s", ctxfit_status_name(expected), reason, ctxfit_status_name(status), error.message);
    assert_null(model);
}

static void missing_facts_are_named(void **state)
{
    attempt a = good_attempt();

    (void)state;
    a.info.embedding = 0;
    assert_refused(&a, CTXFIT_E_INCOMPLETE, "embedding");
    a = good_attempt();
    a.info.vocabulary = 0;
    assert_refused(&a, CTXFIT_E_INCOMPLETE, "vocabulary");
    a = good_attempt();
    a.layer[1].heads = 0;
    assert_refused(&a, CTXFIT_E_INCOMPLETE, "blk.1.attn_q.weight");
    a = good_attempt();
    a.layer[2].ff_width = 0;
    assert_refused(&a, CTXFIT_E_INCOMPLETE, "feed-forward length");
    a = good_attempt();
    a.layer[1].cache_k_elems = 0;
    assert_refused(&a, CTXFIT_E_INCOMPLETE, "layer 1: cache_k_elems");
    a = good_attempt();
    a.layer[0].feed_forward = CTXFIT_FF_MOE;
    assert_refused(&a, CTXFIT_E_INCOMPLETE, "experts_used");
}

static void impossible_layers_are_refused(void **state)
{
    attempt a = good_attempt();

    (void)state;
    a.layer[1].attention = 99;
    assert_refused(&a, CTXFIT_E_INVALID_ARG, "layer 1");
    a = good_attempt();
    a.layer[1].flags |= CTXFIT_LAYER_F_NEXTN;
    assert_refused(&a, CTXFIT_E_INVALID_ARG, "layer 2: a layer of the trunk");
    a = good_attempt();
    for (int i = 0; i < 3; i++)
        a.layer[i].flags |= CTXFIT_LAYER_F_NEXTN;
    assert_refused(&a, CTXFIT_E_INVALID_ARG, "no layer of the trunk");
    a = good_attempt();
    a.count = 0;
    assert_refused(&a, CTXFIT_E_INVALID_ARG, "0 layers");
    a.count = CFI_MAX_LAYERS + 1;
    assert_refused(&a, CTXFIT_E_INVALID_ARG, "4097 layers");
    a = good_attempt();
    a.layer[0].heads = UINT32_MAX;
    a.layer[0].key_size = UINT32_MAX;
    assert_refused(&a, CTXFIT_E_OVERFLOW, "blk.0.attn_q.weight");
}

static void structs_of_no_known_size_are_refused(void **state)
{
    attempt a = good_attempt();

    (void)state;
    a.info.struct_size = 0;
    assert_refused(&a, CTXFIT_E_STRUCT_SIZE, "info");
    a = good_attempt();
    a.layer[0].struct_size = 0;
    assert_refused(&a, CTXFIT_E_STRUCT_SIZE, "layer 0");
    a = good_attempt();
    a.layer[1].struct_size = 8;
    assert_refused(&a, CTXFIT_E_STRUCT_SIZE, "layer 1");
}

static void unknown_names_are_refused(void **state)
{
    attempt a = good_attempt();

    (void)state;
    a.arch = "lama";
    assert_refused(&a, CTXFIT_E_NOT_FOUND, "llama");
    a = good_attempt();
    a.file_type = 1000000;
    assert_refused(&a, CTXFIT_E_NOT_FOUND, "file type");
}

static void null_arguments_are_refused(void **state)
{
    attempt          a = good_attempt();
    ctxfit_allocator half = {NULL, test_release, NULL};
    ctxfit_model    *model = NULL;

    (void)state;
    assert_int_equal(ctxfit_model_from_layers("", NULL, NULL, a.layer, 1, 0, NULL, &model, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_layers("", NULL, &a.info, NULL, 1, 0, NULL, &model, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_layers("", NULL, &a.info, a.layer, 1, 0, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_layers("", NULL, &a.info, a.layer, 1, 0, &half, &model, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_layers(NULL, NULL, &a.info, a.layer, 1, 0, NULL, &model, NULL), CTXFIT_OK);
    assert_string_equal(ctxfit_model_name(model), "");
    ctxfit_model_free(model);
}

static void out_of_memory_is_reported_and_nothing_leaks(void **state)
{
    attempt      a = good_attempt();
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model = NULL;

        f.status = ctxfit_model_from_layers("mine", "llama", &a.info, a.layer, 3, CFI_FILE_Q4_K_M, &f.allocator, &model, NULL);
        assert_true((model != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_a_model_give_the_model_again),
        cmocka_unit_test(without_an_architecture_numbers_imply_the_tensors),
        cmocka_unit_test(tied_models_have_no_head),
        cmocka_unit_test(what_the_library_derives_is_not_taken_from_the_caller),
        cmocka_unit_test(structs_of_a_later_caller_are_read_by_their_stride),
        cmocka_unit_test(missing_facts_are_named),
        cmocka_unit_test(impossible_layers_are_refused),
        cmocka_unit_test(structs_of_no_known_size_are_refused),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(null_arguments_are_refused),
        cmocka_unit_test(out_of_memory_is_reported_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
