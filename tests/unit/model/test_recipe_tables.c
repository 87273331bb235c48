/* The tables of recipes: order, and what switches tensors on and off. */
#include "test_support.h"

#include "model/recipe_internal.h"

#define LLAMA                                                                                                                      \
    "llama block_count=2 embedding_length=64 feed_forward_length=128 attention.head_count=4 attention.head_count_kv=2 vocab_size=100 "

static ctxfit_model *make(const char *text)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_text(text, 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", text, error.message);
    return model;
}

static const cfi_tensor *find_tensor(const ctxfit_model *model, const char *name)
{
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (strcmp(model->tensor[i].name, name) == 0)
            return &model->tensor[i];
    return NULL;
}

static bool has_tensor(const char *text, const char *name)
{
    ctxfit_model *model = make(text);
    bool          found = find_tensor(model, name) != NULL;

    ctxfit_model_free(model);
    return found;
}

static void recipes_are_sorted_and_of_architectures_that_have_a_layout(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cfi_recipe_count(); i++) {
        const cfi_recipe *recipe = cfi_recipe_at(i);

        if (i > 0)
            assert_true(strcmp(cfi_recipe_at(i - 1)->arch, recipe->arch) < 0);
        assert_ptr_equal(cfi_recipe_find(recipe->arch), recipe);
        assert_non_null(cfi_arch_find(recipe->arch));
        assert_true(recipe->block[0] == CFI_BLOCK_EMBED || recipe->block[0] == CFI_BLOCK_DRAFTER); /* which has some or borrows them */
        assert_int_equal(recipe->block[CFI_RECIPE_BLOCKS - 1], CFI_BLOCK_END);
    }
    assert_null(cfi_recipe_at(cfi_recipe_count()));
    assert_null(cfi_recipe_find("no-such-architecture"));
}

static void recipes_name_no_block_twice(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cfi_recipe_count(); i++) {
        const uint8_t *block = cfi_recipe_at(i)->block;

        for (size_t a = 0; block[a] != CFI_BLOCK_END; a++)
            for (size_t b = a + 1; block[b] != CFI_BLOCK_END; b++)
                assert_int_not_equal(block[a], block[b]);
    }
}

static void keys_switch_optional_tensors(void **state)
{
    static const struct {
        const char *key;
        const char *tensor;
    } rows[] = {
        {"attention.qkv_bias", "blk.1.attn_v.bias"}, {"attention.output_bias", "blk.0.attn_output.bias"},
        {"feed_forward_bias", "blk.0.ffn_gate.bias"}, {"norm_bias", "output_norm.bias"},
        {"output_bias", "output.bias"},               {"rope_freqs", "rope_freqs.weight"},
        {"rope_factors", "rope_factors_long.weight"},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        snprintf(text, sizeof text, LLAMA "%s", rows[i].key);
        assert_true(has_tensor(text, rows[i].tensor));
        snprintf(text, sizeof text, LLAMA "%s=false", rows[i].key);
        assert_false(has_tensor(text, rows[i].tensor));
        assert_false(has_tensor(LLAMA, rows[i].tensor));
    }
    assert_true(has_tensor(LLAMA, "output.weight"));
    assert_false(has_tensor(LLAMA "tie_word_embeddings", "output.weight"));
}

static void defaults_of_an_architecture_can_be_turned_off(void **state)
{
#define SIZES "block_count=2 embedding_length=64 feed_forward_length=128 attention.head_count=4 vocab_size=100 "
    (void)state;
    assert_true(has_tensor("qwen2 " SIZES, "blk.0.attn_q.bias"));
    assert_false(has_tensor("qwen2 " SIZES "attention.qkv_bias=false", "blk.0.attn_q.bias"));
    assert_true(has_tensor("qwen3 " SIZES, "blk.0.attn_q_norm.weight"));
    assert_false(has_tensor("qwen3 " SIZES "attention.qk_norm=false", "blk.0.attn_q_norm.weight"));
    assert_false(has_tensor("gemma " SIZES, "output.weight"));
    assert_true(has_tensor("gemma " SIZES "tie_word_embeddings=false", "output.weight"));
    assert_true(has_tensor("stablelm " SIZES, "blk.0.ffn_norm.bias"));
    assert_false(has_tensor("stablelm " SIZES "use_parallel_residual", "blk.0.ffn_norm.weight"));
    assert_false(has_tensor("falcon " SIZES, "blk.0.attn_norm_2.weight"));
    assert_true(has_tensor("falcon " SIZES "attention.norm_2", "blk.0.attn_norm_2.bias"));
#undef SIZES
}

static void longrope_brings_its_factors(void **state)
{
    (void)state;
    assert_true(has_tensor(LLAMA "rope.scaling.type=longrope", "rope_factors_short.weight"));
    assert_false(has_tensor(LLAMA "rope.scaling.type=yarn", "rope_factors_short.weight"));
}

#define LATENT                                                                                                                             \
    "deepseek2 block_count=3 embedding_length=64 feed_forward_length=128 leading_dense_block_count=1 attention.head_count=4 "              \
    "attention.head_count_kv=1 attention.key_length=48 attention.value_length=32 attention.key_length_mla=24 "                             \
    "attention.value_length_mla=16 attention.kv_lora_rank=32 rope.dimension_count=16 expert_count=4 expert_used_count=2 "                  \
    "expert_feed_forward_length=32 expert_shared_count=1 vocab_size=100 "

static void a_sigmoid_router_brings_its_correction(void **state)
{
    (void)state;
    assert_true(has_tensor(LATENT "expert_gating_func=2", "blk.1.exp_probs_b.bias"));
    assert_false(has_tensor(LATENT "expert_gating_func=1", "blk.1.exp_probs_b.bias"));
    assert_true(has_tensor(LATENT "expert_gating_func=1 expert_bias", "blk.1.exp_probs_b.bias"));
    assert_false(has_tensor(LATENT "expert_gating_func=2", "blk.0.exp_probs_b.bias"));
}

static void latent_attention_has_a_rank_for_queries_only_when_stated(void **state)
{
    (void)state;
    assert_true(has_tensor(LATENT, "blk.0.attn_q.weight"));
    assert_false(has_tensor(LATENT, "blk.0.attn_q_a.weight"));
    assert_false(has_tensor(LATENT "attention.q_lora_rank=40", "blk.0.attn_q.weight"));
    assert_true(has_tensor(LATENT "attention.q_lora_rank=40", "blk.0.attn_q_b.weight"));
}

static void expert_layers_say_where_experts_are(void **state)
{
#define JAMBA                                                                                                                              \
    "jamba block_count=4 embedding_length=64 feed_forward_length=128 attention.head_count=4 attention.head_count_kv=[0,2,0,0] "            \
    "ssm.conv_kernel=4 ssm.inner_size=128 ssm.state_size=16 ssm.time_step_rank=4 expert_count=4 expert_used_count=2 vocab_size=100 "
    (void)state;
    assert_true(has_tensor(JAMBA "expert_layers=[0,1,0,1]", "blk.3.ffn_gate_exps.weight"));
    assert_true(has_tensor(JAMBA "expert_layers=[0,1,0,1]", "blk.2.ffn_gate.weight"));
    assert_false(has_tensor(JAMBA "expert_layers=[0,1,0,1]", "blk.3.ffn_gate.weight"));
    assert_true(has_tensor(JAMBA "expert_layers=[0,1,0,1]", "blk.1.attn_q.weight"));
    assert_true(has_tensor(JAMBA "expert_layers=[0,1,0,1]", "blk.0.ssm_in.weight"));
#undef JAMBA
}

static void window_layers_keep_their_values_when_keys_serve_as_values(void **state)
{
#define GEMMA4                                                                                                                             \
    "gemma4 block_count=2 embedding_length=64 feed_forward_length=128 attention.head_count=4 attention.head_count_kv=[2,1] "               \
    "attention.key_length=32 attention.value_length=32 attention.key_length_swa=16 attention.value_length_swa=16 "                        \
    "attention.sliding_window=8 attention.sliding_window_pattern=[1,0] embedding_length_per_layer_input=0 vocab_size=100 "
    (void)state;
    assert_true(has_tensor(GEMMA4, "blk.1.attn_v.weight"));
    assert_true(has_tensor(GEMMA4 "attention.k_eq_v", "blk.0.attn_v.weight"));
    assert_false(has_tensor(GEMMA4 "attention.k_eq_v", "blk.1.attn_v.weight"));
#undef GEMMA4
}

static void sizes_of_deepseek4_follow_its_ratios(void **state)
{
    ctxfit_model     *model = make("deepseek4 block_count=4 embedding_length=64 attention.head_count=4 attention.head_count_kv=1 "
                                   "attention.key_length=32 attention.value_length=32 attention.q_lora_rank=24 "
                                   "attention.sliding_window=8 attention.compress_ratios=[0,4,128,4] attention.indexer.head_count=2 "
                                   "attention.indexer.key_length=16 attention.output_group_count=2 attention.output_lora_rank=8 "
                                   "hyper_connection.count=4 hash_layer_count=1 expert_count=4 expert_used_count=2 "
                                   "expert_feed_forward_length=32 expert_shared_count=1 vocab_size=100");
    const cfi_tensor *t;

    (void)state;
    assert_null(find_tensor(model, "blk.0.attn_compressor_kv.weight"));
    t = find_tensor(model, "blk.1.attn_compressor_kv.weight");
    assert_non_null(t);
    assert_int_equal(t->dims[1], 64);
    t = find_tensor(model, "blk.2.attn_compressor_ape.weight");
    assert_non_null(t);
    assert_int_equal(t->dims[0], 32);
    assert_int_equal(t->dims[1], 128);
    assert_null(find_tensor(model, "blk.2.indexer.proj.weight"));
    assert_non_null(find_tensor(model, "blk.3.indexer.proj.weight"));
    t = find_tensor(model, "blk.0.ffn_gate_tid2eid.weight");
    assert_non_null(t);
    assert_int_equal(t->quant, CFI_QUANT_I32);
    assert_null(find_tensor(model, "blk.0.exp_probs_b.bias"));
    assert_non_null(find_tensor(model, "blk.1.exp_probs_b.bias"));
    t = find_tensor(model, "blk.1.ffn_up_exps.weight");
    assert_int_equal(t->quant, CTXFIT_QUANT_MXFP4);
    t = find_tensor(model, "blk.1.attn_q_a.weight");
    assert_int_equal(t->quant, CTXFIT_QUANT_Q8_0);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes_are_sorted_and_of_architectures_that_have_a_layout),
        cmocka_unit_test(recipes_name_no_block_twice),
        cmocka_unit_test(keys_switch_optional_tensors),
        cmocka_unit_test(defaults_of_an_architecture_can_be_turned_off),
        cmocka_unit_test(longrope_brings_its_factors),
        cmocka_unit_test(a_sigmoid_router_brings_its_correction),
        cmocka_unit_test(latent_attention_has_a_rank_for_queries_only_when_stated),
        cmocka_unit_test(expert_layers_say_where_experts_are),
        cmocka_unit_test(window_layers_keep_their_values_when_keys_serve_as_values),
        cmocka_unit_test(sizes_of_deepseek4_follow_its_ratios),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
