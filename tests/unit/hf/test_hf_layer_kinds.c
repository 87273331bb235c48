/* Lists of transformers 5 that say what kind each layer is, in the place of keys that files had before: either way it is one model. */
#include "config_fixture.h"

static void are_one_model(const char *former, const char *latter)
{
    ctxfit_model     *a = open_text(former), *b = open_text(latter);
    ctxfit_model_info one = info_of(a), other = info_of(b);

    assert_string_equal(ctxfit_model_arch(a), ctxfit_model_arch(b));
    assert_memory_equal(&one, &other, sizeof one);
    for (uint32_t i = 0; i < one.layers; i++) {
        ctxfit_layer_info left = layer_of(a, i), right = layer_of(b, i);

        assert_memory_equal(&left, &right, sizeof left);
    }
    ctxfit_model_free(a);
    ctxfit_model_free(b);
}

#define MIMO "{\"architectures\": [\"MiMoV2FlashForCausalLM\"], \"model_type\": \"mimo_v2_flash\", \"num_hidden_layers\": 6, " \
             "\"hidden_size\": 4096, \"num_attention_heads\": 64, \"num_key_value_heads\": 4, \"head_dim\": 192, \"v_head_dim\": 128, " \
             "\"intermediate_size\": 16384, \"vocab_size\": 152576, \"max_position_embeddings\": 262144, " \
             "\"moe_intermediate_size\": 2048, \"n_routed_experts\": 256, \"num_experts_per_tok\": 8, "

/* The window of transformers counts the token itself: 129 of it are 128 of the published file. */
static void mimo_has_windows_and_experts_in_either_spelling(void **state)
{
    (void)state;
    are_one_model(MIMO "\"sliding_window\": 128, \"sliding_window_size\": 128, \"swa_num_key_value_heads\": 8, "
                       "\"partial_rotary_factor\": 0.334, \"hybrid_layer_pattern\": [0, 1, 1, 1, 1, 0], "
                       "\"moe_layer_freq\": [0, 1, 1, 1, 1, 1]}",
                  MIMO "\"sliding_window\": 129, \"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\", "
                       "\"sliding_attention\", \"sliding_attention\", \"full_attention\"], \"mlp_layer_types\": [\"dense\", \"sparse\", "
                       "\"sparse\", \"sparse\", \"sparse\", \"sparse\"], \"rope_parameters\": {\"full_attention\": {\"rope_type\": "
                       "\"default\", \"partial_rotary_factor\": 0.334}, \"sliding_attention\": {\"rope_type\": \"default\"}}}");
}

/* MiMoV2FlashForCausalLM of transformers 5.23.0 with the defaults of its class has 308,778,768,832 parameters; llama.cpp has an expert
 * bias beside them in 47 layers. */
static void mimo_of_transformers_has_all_its_experts(void **state)
{
    static char  text[8192];
    int          at = snprintf(text, sizeof text, "%s", strstr(MIMO, "\"hidden_size\"")); /* all but the six layers */
    char         whole[16384];
    ctxfit_model *model;
    uint64_t     blocks = 0;

    (void)state;
    at += snprintf(text + at, sizeof text - (size_t)at, "\"sliding_window\": 129, \"layer_types\": [");
    for (int i = 0; i < 48; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s\"%s\"", i > 0 ? "," : "",
                       i == 0 || (i + 1) % 6 == 0 ? "full_attention" : "sliding_attention");
    at += snprintf(text + at, sizeof text - (size_t)at, "], \"mlp_layer_types\": [\"dense\"");
    for (int i = 1; i < 48; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, ",\"sparse\"");
    (void)snprintf(whole, sizeof whole, "{\"architectures\": [\"MiMoV2FlashForCausalLM\"], \"model_type\": \"mimo_v2_flash\", "
                   "\"num_hidden_layers\": 48, %s]}", text);
    model = open_text(whole);
    for (uint32_t i = 0; i < 48; i++)
        blocks += layer_of(model, i).experts;
    assert_int_equal(blocks, 47 * 256);
    assert_int_equal(info_of(model).parameters, UINT64_C(308778768832) + 47 * 256);
    ctxfit_model_free(model);
}

#define KIMI "{\"architectures\": [\"KimiLinearForCausalLM\"], \"model_type\": \"kimi_linear\", \"num_hidden_layers\": 5, " \
             "\"hidden_size\": 2304, \"intermediate_size\": 9216, \"moe_intermediate_size\": 1024, \"num_attention_heads\": 32, " \
             "\"num_key_value_heads\": 32, \"num_experts\": 256, \"num_experts_per_token\": 8, \"num_shared_experts\": 1, " \
             "\"kv_lora_rank\": 512, \"q_lora_rank\": null, \"qk_nope_head_dim\": 128, \"qk_rope_head_dim\": 64, \"v_head_dim\": 128, " \
             "\"head_dim\": 64, \"model_max_length\": 1048576, \"vocab_size\": 163840, "

static void kimi_linear_keeps_states_in_either_spelling(void **state)
{
    (void)state;
    are_one_model(KIMI "\"first_k_dense_replace\": 1, \"linear_attn_config\": {\"full_attn_layers\": [4], \"kda_layers\": [1, 2, 3, 5], "
                       "\"head_dim\": 128, \"num_heads\": 32, \"short_conv_kernel_size\": 4}}",
                  KIMI "\"linear_head_dim\": 128, \"linear_num_heads\": 32, \"linear_conv_kernel_dim\": 4, \"layer_types\": "
                       "[\"linear_attention\", \"linear_attention\", \"linear_attention\", \"full_attention\", \"linear_attention\"], "
                       "\"mlp_layer_types\": [\"dense\", \"sparse\", \"sparse\", \"sparse\", \"sparse\"]}");
}

/* HYV3ForCausalLM of transformers 5.23.0 builds the layer that the list names, wherever it stands. */
static void a_dense_layer_may_stand_behind_one_with_experts(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"HYV3ForCausalLM\"], \"model_type\": \"hy_v3\", \"num_hidden_layers\": 4, "
                                    "\"hidden_size\": 4096, \"num_attention_heads\": 64, \"num_key_value_heads\": 8, "
                                    "\"head_dim\": 128, \"intermediate_size\": 13312, \"moe_intermediate_size\": 1536, "
                                    "\"num_local_experts\": 192, \"num_experts_per_tok\": 8, \"vocab_size\": 120832, "
                                    "\"mlp_layer_types\": [\"dense\", \"sparse\", \"dense\", \"sparse\"]}");

    (void)state;
    assert_int_equal(layer_of(model, 0).experts, 0);
    assert_int_not_equal(layer_of(model, 1).experts, 0);
    assert_int_equal(layer_of(model, 2).experts, 0);
    assert_int_not_equal(layer_of(model, 3).experts, 0);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mimo_has_windows_and_experts_in_either_spelling),
        cmocka_unit_test(mimo_of_transformers_has_all_its_experts),
        cmocka_unit_test(kimi_linear_keeps_states_in_either_spelling),
        cmocka_unit_test(a_dense_layer_may_stand_behind_one_with_experts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
