/* Blocks of vLLM by release and GPU, of latent attention and of hybrid models, as its platforms and attention backends state them: the
 * sources of vllm_blocks.def. */
#include "plan_fixture.h"

typedef struct block_case {
    const char *model, *version, *hw;
    const char *kv;
    uint32_t    ranks, tokens;
} block_case;

static void check_block(const block_case *c)
{
    ctxfit_model       *model = catalog_model(c->model, "BF16");
    ctxfit_hw          *hw = machine(c->hw);
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
    ctxfit_plan        *plan;

    (void)snprintf(o.engine, sizeof o.engine, "vllm@%s", c->version);
    o.ctx_tokens = 8192;
    o.tensor_parallel = c->ranks;
    o.kv_cache_bytes = UINT64_C(20) << 30;
    if (c->kv != NULL)
        o.kv_key = o.kv_value = ctxfit_quant_from_name(c->kv);
    plan = planned(model, hw, &o);
    assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
    if (e.block_tokens != c->tokens)
        fail_msg("%s, %s on %s%s%s: blocks of %u, expected %u", c->model, c->version, c->hw, c->kv != NULL ? ", " : "",
                 c->kv != NULL ? c->kv : "", (unsigned)e.block_tokens, (unsigned)c->tokens);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void latent_attention_has_the_blocks_of_its_kernels(void **state)
{
    static const block_case cases[] = {
        {"deepseek-v3", "0.9.2", "8*h200", NULL, 8, 64},       /* FlashMLA */
        {"deepseek-v3", "0.17.1", "8*h200", NULL, 8, 64},
        {"deepseek-v3", "0.18.0", "8*h200", NULL, 8, 16},      /* FLASH_ATTN_MLA */
        {"deepseek-v3", "0.33.0", "8*h200", NULL, 8, 16},
        {"deepseek-v3", "0.33.0", "8*h200", "FP8_E4M3", 8, 64}, /* which has no FP8: FLASHMLA */
        {"deepseek-v3", "0.17.1", "8*a100-80gb", NULL, 8, 16}, /* TRITON_MLA */
        {"deepseek-v3", "0.33.0", "8*a100-80gb", NULL, 8, 16},
        {"deepseek-v3", "0.33.0", "8*rtx-pro-6000-blackwell", NULL, 8, 16},
        {"deepseek-v3", "0.33.0", "8*mi300x", NULL, 8, 16},
        {"deepseek-v3", "0.12.0", "8*b200", NULL, 8, 128},     /* CUTLASS_MLA */
        {"deepseek-v3", "0.12.0", "8*b300", NULL, 8, 16},      /* asked for 10.0 */
        {"deepseek-v3", "0.14.0", "8*b300", NULL, 8, 128},
        {"deepseek-v3", "0.16.0", "8*b200", NULL, 8, 64},      /* FLASHINFER_MLA, raised to 64 */
        {"deepseek-v3", "0.18.0", "8*b200", NULL, 8, 32},      /* the least of 32 and 64 */
        {"glm-4.7-flash", "0.16.0", "b200", NULL, 1, 128},     /* 192 elements that are not rotated: pull request 32614 */
        {"glm-4.7-flash", "0.18.0", "b200", NULL, 1, 128},
        {"glm-4.7-flash", "0.20.0", "b200", NULL, 1, 32},
        {"deepseek-v3.2", "0.33.0", "8*h200", NULL, 8, 64},    /* the indexer's */
        {"deepseek-v3.2", "0.33.0", "8*b200", NULL, 8, 64},
        {"qwen3-8b", "0.33.0", "b200", NULL, 1, 16},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_block(&cases[i]);
}

/* Kimi-Linear on two ranks: a state of 1,085,440 bytes, tokens of 1,152. Qwen3-Next on four: 274,432 and 1,024. */
static void blocks_of_hybrid_models_are_multiples_of_what_kernels_take(void **state)
{
    static const block_case cases[] = {
        {"kimi-linear-48b-a3b", "0.19.1", "2*h200", NULL, 2, 960}, /* of 64 */
        {"kimi-linear-48b-a3b", "0.26.0", "2*h200", NULL, 2, 944}, /* of the backend's 16, */
        {"kimi-linear-48b-a3b", "0.26.0", "2*b200", NULL, 2, 960}, /* and 32 */
        {"kimi-linear-48b-a3b", "0.27.1", "2*h200", NULL, 2, 1024}, /* of 128 */
        {"qwen3-next-80b-a3b", "0.12.0", "4*h200", NULL, 4, 272},
        {"qwen3-next-80b-a3b", "0.12.0", "4*b200", NULL, 4, 288}, /* heads of 256 there: of 32 */
        {"qwen3-next-80b-a3b", "0.12.0", "4*b300", NULL, 4, 272},
        {"qwen3-next-80b-a3b", "0.19.1", "4*b300", NULL, 4, 288},
        {"qwen3-next-80b-a3b", "0.20.0", "4*b200", NULL, 4, 272},
        {"nemotron-3-nano-30b-a3b", "0.19.1", "b200", NULL, 1, 2096}, /* heads of 128 */
        {"qwen3.5-0.8b", "0.33.0", "a100-80gb", NULL, 1, 544}, /* tests/v1/worker/test_gpu_model_runner.py of 0.33.0, */
        {"qwen3.5-0.8b", "0.33.0", "h200", NULL, 1, 576},      /* test_blocks_land_on_the_mamba_checkpoint_grid */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_block(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latent_attention_has_the_blocks_of_its_kernels),
        cmocka_unit_test(blocks_of_hybrid_models_are_multiples_of_what_kernels_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
