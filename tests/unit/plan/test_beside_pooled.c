/* Drafts whose caches are in the pool of the model: vLLM 0.33.0, SGLang 0.5.23. Expected bytes are products of the models' shapes. */
#include "plan_fixture.h"

#include "csv_reader.h"

#define QWEN3_HEADS UINT64_C(8) /* of keys, of 128 elements, in 32B (64 layers) and 0.6B (28 layers) */

typedef struct pooled {
    ctxfit_plan_engine engine;
    ctxfit_plan_beside draft;  /* on the first device */
    uint64_t           weights[2];
} pooled;

static ctxfit_plan_options engine_options(const char *engine, uint32_t ranks, uint32_t draft_tokens)
{
    ctxfit_plan_options o = options_with(8192, 1);

    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    o.tensor_parallel = ranks;
    o.draft_tokens = draft_tokens;
    return o;
}

static ctxfit_status plan_with(const char *model_name, ctxfit_model *draft, const char *spec, const ctxfit_plan_options *options,
                               const ctxfit_draft_options *draft_options, pooled *out, ctxfit_error *error)
{
    ctxfit_model  *model = catalog_model(model_name, "BF16");
    ctxfit_hw     *hw = machine(spec);
    ctxfit_beside *beside = NULL;
    ctxfit_plan   *plan = NULL;
    ctxfit_status  status;

    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    if (draft != NULL)
        assert_int_equal(ctxfit_beside_add_draft(beside, draft, draft_options, NULL), CTXFIT_OK);
    status = ctxfit_plan_make_beside(model, hw, options, beside, NULL, &plan, error);
    if (status == CTXFIT_OK) {
        *out = (pooled){CTXFIT_PLAN_ENGINE_INIT, CTXFIT_PLAN_BESIDE_INIT, {0, 0}};
        assert_int_equal(ctxfit_plan_get_engine(plan, &out->engine), CTXFIT_OK);
        if (draft != NULL)
            assert_int_equal(ctxfit_plan_get_beside(plan, 0, 0, &out->draft), CTXFIT_OK);
        for (uint32_t d = 0; d < 2; d++) {
            ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;

            assert_int_equal(ctxfit_plan_get_device(plan, d, &device), CTXFIT_OK);
            out->weights[d] = device.weights_bytes;
        }
        ctxfit_plan_free(plan);
    }
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
    return status;
}

static ctxfit_status plan_drafted(const char *model_name, const char *draft_name, const char *spec, const ctxfit_plan_options *options,
                                  const ctxfit_draft_options *draft_options, pooled *out, ctxfit_error *error)
{
    ctxfit_model *draft = draft_name != NULL ? catalog_model(draft_name, "BF16") : NULL;

    return plan_with(model_name, draft, spec, options, draft_options, out, error);
}

static pooled must_plan(const char *model_name, const char *draft_name, const char *spec, const ctxfit_plan_options *options)
{
    pooled       p;
    ctxfit_error error;

    if (plan_drafted(model_name, draft_name, spec, options, NULL, &p, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return p;
}

static void refuses(const char *model_name, const char *draft_name, const ctxfit_plan_options *options,
                    const ctxfit_draft_options *draft_options, ctxfit_status expected, const char *words)
{
    pooled       p;
    ctxfit_error error;

    assert_int_equal(plan_drafted(model_name, draft_name, "2*h100 host:256GiB", options, draft_options, &p, &error), expected);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' lacks '%s'", error.message, words);
}

/* A block holds the tokens of both; each rank has its part of the draft's weights. */
static void a_draft_of_vllm_shares_the_blocks(void **state)
{
    ctxfit_plan_options o = engine_options("vllm", 2, 5), alone = engine_options("vllm", 2, 0);
    pooled              both, without, draft;

    (void)state;
    o.flags = alone.flags = CTXFIT_PLAN_F_EAGER; /* drafts of several tokens have more graphs */
    both = must_plan("qwen3-32b", "qwen3-0.6b", "2*h100 host:256GiB", &o);
    without = must_plan("qwen3-32b", NULL, "2*h100 host:256GiB", &alone);
    draft = must_plan("qwen3-0.6b", NULL, "2*h100 host:256GiB", &alone);
    assert_int_equal(without.engine.block_bytes, 16 * 64 * (QWEN3_HEADS / 2) * 256 * 2);
    assert_int_equal(both.engine.block_bytes, 16 * (64 + 28) * (QWEN3_HEADS / 2) * 256 * 2);
    assert_int_equal(both.draft.weights_bytes, draft.weights[0]);
    assert_int_equal(both.weights[0], without.weights[0]);
    assert_int_equal(both.draft.draft_tokens, 5);
    assert_int_equal(both.engine.pool_bytes, without.engine.pool_bytes - draft.weights[0]);
}

static ctxfit_model *head_of(const char *name)
{
    char          path[256], json[4096];
    size_t        size;
    FILE         *file;
    ctxfit_model *head;

    (void)snprintf(path, sizeof path, TEST_DATA "/engines/%s.json", name);
    file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(json, 1, sizeof json, file);
    (void)fclose(file);
    assert_int_equal(ctxfit_model_from_config(json, size, ctxfit_file_type_from_name("BF16"), NULL, &head, NULL), CTXFIT_OK);
    return head;
}

/* Heads of EAGLE-3: logs round the bytes of the cache to a hundredth of a GiB, both ends of which enclose their tokens. */
static void blocks_hold_the_layers_of_a_head_too(void **state)
{
    csv_reader csv;
    int        rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/vllm_drafts.csv"));
    for (; csv_read(&csv); rows++) {
        pooled   ends[2];
        uint64_t tokens = (uint64_t)csv_real(&csv, "tokens");

        for (int e = 0; e < 2; e++) {
            char                engine[32];
            ctxfit_plan_options o;
            ctxfit_error        error;

            (void)snprintf(engine, sizeof engine, "vllm@%s", csv_text(&csv, "version"));
            o = engine_options(engine, 1, (uint32_t)csv_real(&csv, "draft"));
            o.ctx_tokens = (uint64_t)csv_real(&csv, "context");
            o.kv_cache_bytes = (uint64_t)((csv_real(&csv, "cache_gib") + (e == 0 ? -0.005 : 0.005)) * 1073741824.0);
            if (plan_with(csv_text(&csv, "model"), head_of(csv_text(&csv, "head")), "2*h200 host:256GiB", &o, NULL, &ends[e], &error) !=
                CTXFIT_OK)
                fail_msg("%s", error.message);
        }
        if (ends[0].engine.pool_tokens > tokens || ends[1].engine.pool_tokens < tokens)
            fail_msg("%s: %llu to %llu tokens", csv_text(&csv, "id"), (unsigned long long)ends[0].engine.pool_tokens,
                     (unsigned long long)ends[1].engine.pool_tokens);
    }
    assert_true(rows >= 3);
    csv_close(&csv);
}

/* All of it is on the last stage. */
static void a_draft_is_on_the_last_stage(void **state)
{
    ctxfit_plan_options o = engine_options("vllm", 1, 5);
    pooled              both;

    (void)state;
    o.pipeline_parallel = 2;
    both = must_plan("qwen3-32b", "qwen3-0.6b", "2*h100 host:256GiB", &o);
    assert_int_equal(both.draft.weights_bytes, 0);
}

static void what_vllm_does_not_draft_with_is_refused(void **state)
{
    ctxfit_plan_options  o = engine_options("vllm", 2, 5), old = engine_options("vllm@0.14.0", 2, 5), none = engine_options("vllm", 2, 0);
    ctxfit_plan_options  other = engine_options("tensorrt-llm", 2, 5), odd = engine_options("vllm", 0, 65);
    ctxfit_draft_options typed = CTXFIT_DRAFT_OPTIONS_INIT;

    (void)state;
    typed.kv_key = typed.kv_value = ctxfit_quant_from_name("Q8_0");
    refuses("qwen3-32b", "qwen3-0.6b", &old, NULL, CTXFIT_E_REFUSED, "draft model is not supported yet");
    refuses("qwen3-32b", "qwen3-0.6b", &none, NULL, CTXFIT_E_REFUSED, "`num_speculative_tokens` was not provided");
    refuses("qwen3-32b", "llama-3.2-1b", &o, NULL, CTXFIT_E_REFUSED, "same vocabulary size. Target model vocab_size=151936");
    refuses("qwen3-32b", "qwen3-0.6b", &o, &typed, CTXFIT_E_REFUSED, "one setting of it");
    refuses("gemma-3-27b", "gemma-3-4b", &o, NULL, CTXFIT_E_REFUSED, "the same kv cache group");
    refuses("qwen3.5-27b", "qwen3.5-2b", &o, NULL, CTXFIT_E_UNSUPPORTED, "the states of 'qwen35'");
    refuses("qwen3-32b", "qwen3-0.6b", &other, NULL, CTXFIT_E_UNSUPPORTED, "draft");
    refuses("qwen3-32b", "qwen3-0.6b", &odd, NULL, CTXFIT_E_INVALID_ARG, "draft_tokens");
}

/* pool_configurator.py: as many more layers of the model as the draft has. */
static void a_draft_of_sglang_is_priced_as_layers_of_the_model(void **state)
{
    ctxfit_plan_options o = engine_options("sglang", 2, 0);
    pooled              both = must_plan("qwen3-32b", "qwen3-0.6b", "2*h100 host:256GiB", &o);
    pooled              draft = must_plan("qwen3-0.6b", NULL, "2*h100 host:256GiB", &o);

    (void)state;
    assert_int_equal(both.engine.block_bytes, (64 + 28) * (QWEN3_HEADS / 2) * 256 * 2);
    assert_int_equal(both.draft.weights_bytes, draft.weights[0]);
    refuses("qwen3-32b", "llama-3.2-1b", &o, NULL, CTXFIT_E_REFUSED, "the same vocabulary as the target model");
}

/* Embeddings and output matrix of 248,320 tokens, 2.54 GB each (sgl-project/sglang issue 36452), beside what vLLM has of the blocks. */
static void sglang_sizes_its_pool_beside_the_copies_of_own_blocks(void **state)
{
    const uint64_t      copies = UINT64_C(2) * 248320 * 5120 * 2;
    ctxfit_plan_options with = engine_options("sglang", 1, 4), without = engine_options("sglang", 1, 0);
    ctxfit_plan_options vllm_with = engine_options("vllm", 1, 4), vllm_without = engine_options("vllm", 1, 0);
    const char         *spec = "2*h200 host:256GiB";
    uint64_t            blocks = must_plan("qwen3.5-27b", NULL, spec, &vllm_with).weights[0] -
                      must_plan("qwen3.5-27b", NULL, spec, &vllm_without).weights[0];
    uint64_t            more = must_plan("qwen3.5-27b", NULL, spec, &with).weights[0] -
                    must_plan("qwen3.5-27b", NULL, spec, &without).weights[0];

    (void)state;
    assert_int_equal(more, blocks + copies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_of_vllm_shares_the_blocks),
        cmocka_unit_test(blocks_hold_the_layers_of_a_head_too),
        cmocka_unit_test(a_draft_is_on_the_last_stage),
        cmocka_unit_test(what_vllm_does_not_draft_with_is_refused),
        cmocka_unit_test(a_draft_of_sglang_is_priced_as_layers_of_the_model),
        cmocka_unit_test(sglang_sizes_its_pool_beside_the_copies_of_own_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
