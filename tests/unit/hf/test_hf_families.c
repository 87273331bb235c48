/* Architectures whose config.json is read by a rule of their own, held against the parameters that are published. */
#include <math.h>

#include "config_fixture.h"

/* transformers 5 writes "linear_attention" and "full_attention" where files had "mamba" and "attention". */
static void both_names_of_a_kind_of_layer_are_one(void **state)
{
    static const char nemotron[] = "{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", "
                                   "\"num_key_value_heads\": 8, \"layers_block_type\": [\"%s\", \"%s\", \"mlp\", \"%s\"], " SHAPE "}";
    static const char granite[] = "{\"architectures\": [\"GraniteMoeHybridForCausalLM\"], \"model_type\": \"granitemoehybrid\", "
                                  "\"num_key_value_heads\": 8, \"num_local_experts\": 0, \"mamba_n_heads\": 128, \"mamba_d_head\": 64, "
                                  "\"layer_types\": [\"%s\", \"%s\", \"%s\", \"%s\"], " SHAPE "}";
    static const char *const kinds[][2] = {{"mamba", "attention"}, {"linear_attention", "full_attention"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char   *m = kinds[i][0], *a = kinds[i][1];
        char          json[2048];
        ctxfit_model *model;

        (void)snprintf(json, sizeof json, nemotron, m, a, m);
        model = open_text(json);
        assert_int_equal(layer_of(model, 0).kv_heads, 0);
        assert_int_equal(layer_of(model, 1).kv_heads, 8);
        assert_true(layer_of(model, 3).cache_k_elems == 0);
        ctxfit_model_free(model);
        (void)snprintf(json, sizeof json, granite, m, m, a, m);
        model = open_text(json);
        assert_int_equal(layer_of(model, 1).kv_heads, 0);
        assert_int_equal(layer_of(model, 2).kv_heads, 8);
        ctxfit_model_free(model);
    }
}

/* Bamba counts its layers with attention, LFM2 did before it had layer_types: of both the sum of parameters is the published one. */
static void layers_with_attention_may_be_counted_up(void **state)
{
    ctxfit_model *bamba = open_text("{\"architectures\": [\"BambaForCausalLM\"], \"model_type\": \"bamba\", \"hidden_size\": 4096, "
                                    "\"intermediate_size\": 14336, \"num_hidden_layers\": 32, \"num_attention_heads\": 32, "
                                    "\"num_key_value_heads\": 8, \"vocab_size\": 128256, \"attn_layer_indices\": [9, 18, 27], "
                                    "\"mamba_d_conv\": 4, \"mamba_d_head\": 64, \"mamba_d_state\": 128, \"mamba_expand\": 2, "
                                    "\"mamba_n_groups\": 1, \"mamba_n_heads\": 128, \"tie_word_embeddings\": false}");
    ctxfit_model *lfm2 = open_text("{\"architectures\": [\"Lfm2ForCausalLM\"], \"model_type\": \"lfm2\", \"hidden_size\": 1024, "
                                   "\"num_hidden_layers\": 16, \"num_attention_heads\": 16, \"num_key_value_heads\": 8, "
                                   "\"vocab_size\": 65536, "
                                   "\"block_ff_dim\": 6656, \"block_auto_adjust_ff_dim\": true, \"block_multiple_of\": 256, "
                                   "\"conv_L_cache\": 3, \"full_attn_idxs\": [2, 5, 8, 10, 12, 14]}");
    ctxfit_error  error = {0};

    (void)state;
    assert_true(fabs((double)info_of(bamba).parameters / 9.78e9 - 1) < 0.001);
    assert_int_equal(layer_of(bamba, 9).kv_heads, 8);
    assert_int_equal(layer_of(bamba, 10).kv_heads, 0);
    assert_true(fabs((double)info_of(lfm2).parameters / 0.354e9 - 1) < 0.002);
    ctxfit_model_free(lfm2);
    ctxfit_model_free(bamba);
    assert_int_equal(refused("{\"architectures\": [\"Lfm2ForCausalLM\"], \"model_type\": \"lfm2\", \"num_key_value_heads\": 8, "
                             "\"full_attn_idxs\": [2, 4], " SHAPE "}", &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "'full_attn_idxs' has 4: expected layers from 0 to 3"));
}

/* Mistral-Small-4 has the class of Mistral-Small-3 around another decoder; 119 billion parameters are published. */
static void a_class_may_wrap_decoders_of_several_architectures(void **state)
{
    ctxfit_model *model = open_text(
        "{\"architectures\": [\"Mistral3ForConditionalGeneration\"], \"model_type\": \"mistral3\", \"tie_word_embeddings\": false, "
        "\"text_config\": {\"model_type\": \"mistral4\", \"hidden_size\": 4096, \"num_hidden_layers\": 36, \"num_attention_heads\": 32, "
        "\"intermediate_size\": 12288, \"moe_intermediate_size\": 2048, \"n_routed_experts\": 128, \"n_shared_experts\": 1, "
        "\"num_experts_per_tok\": 4, \"kv_lora_rank\": 256, \"q_lora_rank\": 1024, \"qk_nope_head_dim\": 64, \"qk_rope_head_dim\": 64, "
        "\"v_head_dim\": 128, \"vocab_size\": 131072, \"max_position_embeddings\": 1048576, \"tie_word_embeddings\": false}}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "mistral4");
    assert_true(fabs((double)info_of(model).parameters / 119e9 - 1) < 0.005);
    assert_int_equal(layer_of(model, 0).cache_k_elems, 256 + 64);
    ctxfit_model_free(model);
}

/* DeepSeek-OCR: 3.34 billion parameters are published, of which 0.4 are the eyes'. */
static void a_whole_may_be_built_otherwise_than_its_decoders_class(void **state)
{
    ctxfit_model *model = open_text(
        "{\"architectures\": [\"DeepseekOCRForCausalLM\"], \"model_type\": \"deepseek_vl_v2\", \"language_config\": {"
        "\"architectures\": [\"DeepseekV2ForCausalLM\"], \"model_type\": \"deepseek_v2\", \"use_mla\": false, \"kv_lora_rank\": null, "
        "\"q_lora_rank\": null, \"qk_nope_head_dim\": 0, \"qk_rope_head_dim\": 0, \"v_head_dim\": 0, \"hidden_size\": 1280, "
        "\"num_hidden_layers\": 12, \"num_attention_heads\": 10, \"num_key_value_heads\": 10, \"intermediate_size\": 6848, "
        "\"moe_intermediate_size\": 896, \"n_routed_experts\": 64, \"n_shared_experts\": 2, \"num_experts_per_tok\": 6, "
        "\"first_k_dense_replace\": 1, \"vocab_size\": 129280, \"max_position_embeddings\": 8192}}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "deepseek2-ocr");
    assert_true(fabs((double)info_of(model).parameters / 2.935e9 - 1) < 0.001);
    assert_int_equal(layer_of(model, 0).cache_k_elems, 1280);
    assert_int_equal(layer_of(model, 0).attention, CTXFIT_ATTENTION_FULL);
    ctxfit_model_free(model);
}

/* Grok-2 has a dense part beside its experts, Grok-1 none: 269.5 and 314 billion parameters are published. */
static void grok_has_a_dense_part_where_experts_have_a_width(void **state)
{
    static const char grok[] = "{\"architectures\": [\"Grok1ForCausalLM\"], \"model_type\": \"git\", \"hidden_size\": %d, "
                               "\"num_hidden_layers\": 64, \"num_attention_heads\": %d, \"num_key_value_heads\": 8, \"head_dim\": 128, "
                               "\"vocab_size\": 131072, \"intermediate_size\": 32768, \"num_local_experts\": 8, "
                               "\"num_experts_per_tok\": 2, \"max_position_embeddings\": 8192%s}";
    char              json[1024];
    ctxfit_model     *model;

    (void)state;
    (void)snprintf(json, sizeof json, grok, 8192, 64, ", \"moe_intermediate_size\": 16384");
    model = open_text(json);
    assert_true(fabs((double)info_of(model).parameters / 269.5e9 - 1) < 0.001);
    ctxfit_model_free(model);
    (void)snprintf(json, sizeof json, grok, 6144, 48, ", \"tie_word_embeddings\": true");
    model = open_text(json);
    assert_true(fabs((double)info_of(model).parameters / 314e9 - 1) < 0.02);
    ctxfit_model_free(model);
}

/* gpt-oss-20b is published in MXFP4; copies in BF16 have 20.9 billion parameters in 2 bytes each, for every engine and as a GGUF. */
static void experts_of_gpt_oss_are_plain_where_nothing_is_packed(void **state)
{
    static const char gpt_oss[] = "{\"architectures\": [\"GptOssForCausalLM\"], \"model_type\": \"gpt_oss\", \"hidden_size\": 2880, "
                                  "\"intermediate_size\": 2880, \"num_hidden_layers\": 24, \"num_attention_heads\": 64, "
                                  "\"num_key_value_heads\": 8, \"head_dim\": 64, \"vocab_size\": 201088, \"num_local_experts\": 32, "
                                  "\"num_experts_per_tok\": 4, \"sliding_window\": 128, \"max_position_embeddings\": 131072%s}";
    static const struct {
        const char *more;
        double      least, most;
        const char *type;
    } cases[] = {
        {", \"quantization_config\": {\"quant_method\": \"mxfp4\"}", 13e9, 14e9, "MXFP4_MOE"},
        {"", 41.7e9, 41.9e9, "BF16"},
        {", \"quantization_config\": {\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}", 41.7e9, 41.9e9, "BF16"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char              json[1024];
        ctxfit_model     *model;
        ctxfit_model_info info;

        (void)snprintf(json, sizeof json, gpt_oss, cases[i].more);
        model = open_text(json);
        info = info_of(model);
        assert_true((double)info.data_bytes > cases[i].least && (double)info.data_bytes < cases[i].most);
        assert_string_equal(ctxfit_file_type_name(info.file_type), cases[i].type);
        ctxfit_model_free(model);
    }
}

/* transformers' FalconAttention: num_kv_heads counts in the later form alone. */
static void falcons_multi_query_is_one_kv_head(void **state)
{
    static const char falcon[] = "{\"architectures\": [\"FalconForCausalLM\"], \"model_type\": \"falcon\", \"num_kv_heads\": 32, "
                                 "\"multi_query\": %s, \"new_decoder_architecture\": %s, " SHAPE "}";
    static const struct {
        const char *multi, *later;
        uint32_t    heads;
    } cases[] = {{"true", "false", 1}, {"true", "true", 32}, {"false", "false", 32}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          json[1024];
        ctxfit_model *model;

        (void)snprintf(json, sizeof json, falcon, cases[i].multi, cases[i].later);
        model = open_text(json);
        assert_int_equal(layer_of(model, 0).kv_heads, cases[i].heads);
        ctxfit_model_free(model);
    }
}

/* attn_layer_period and _offset of Jamba: layer i attends where i % period is the offset, and none does where no remainder is. */
static void a_layer_is_named_by_a_period_and_an_offset(void **state)
{
    static const struct {
        const char *offset;
        uint32_t    attending;
    } cases[] = {{"0", 4}, {"1", 4}, {"2", 0}, {"1.5", 0}, {"-1", 0}, {"1e104", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          json[1024];
        ctxfit_model *model;
        uint32_t      attending = 0;

        (void)snprintf(json, sizeof json,
                       "{\"architectures\": [\"JambaForCausalLM\"], \"model_type\": \"jamba\", \"hidden_size\": 64, "
                       "\"intermediate_size\": 128, \"num_hidden_layers\": 8, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, "
                       "\"vocab_size\": 256, \"mamba_d_conv\": 4, \"mamba_d_state\": 16, \"mamba_dt_rank\": 4, \"mamba_expand\": 2, "
                       "\"num_experts\": 2, \"num_experts_per_tok\": 1, \"expert_layer_period\": 2, \"expert_layer_offset\": 1, "
                       "\"attn_layer_period\": 2, \"attn_layer_offset\": %s}", cases[i].offset);
        model = open_text(json);
        for (uint32_t k = 0; k < 8; k++) {
            ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

            assert_int_equal(ctxfit_model_get_layer(model, k, &layer), CTXFIT_OK);
            attending += layer.attention != CTXFIT_ATTENTION_NONE;
        }
        if (attending != cases[i].attending)
            fail_msg("offset %s: %u layers attend", cases[i].offset, (unsigned)attending);
        ctxfit_model_free(model);
    }
}

/* A plan for vLLM sees it: Qwen3.5 asks for F32 and a checkpoint of it may ask for the model's type. */
static void the_type_of_the_recurrent_state_is_kept(void **state)
{
    static const struct {
        const char *key;
        uint32_t    block_tokens;
    } cases[] = {
        {"\"mamba_ssm_dtype\": \"float32\"", 528},
        {"\"mamba_ssm_dtype\": \"bfloat16\"", 272},
        {"\"mamba_ssm_cache_dtype\": \"float16\"", 272},
        {"\"mamba_ssm_dtype\": 32", 528}, /* not a name: as those of its kind */
    };
    ctxfit_hw   *hw = NULL;
    ctxfit_error error;

    (void)state;
    assert_int_equal(ctxfit_hw_parse("h200", NULL, &hw, &error), CTXFIT_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char                json[1024];
        ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
        ctxfit_plan_engine  e = CTXFIT_PLAN_ENGINE_INIT;
        ctxfit_plan        *plan = NULL;
        ctxfit_model       *model;

        (void)snprintf(json, sizeof json,
                       "{\"model_type\": \"qwen3_5_text\", \"architectures\": [\"Qwen3_5ForCausalLM\"], \"hidden_size\": 4096, "
                       "\"intermediate_size\": 12288, \"num_hidden_layers\": 4, \"num_attention_heads\": 16, \"num_key_value_heads\": 4, "
                       "\"head_dim\": 256, \"vocab_size\": 248320, \"max_position_embeddings\": 262144, \"linear_conv_kernel_dim\": 4, "
                       "\"linear_key_head_dim\": 128, \"linear_num_key_heads\": 16, \"linear_num_value_heads\": 32, "
                       "\"linear_value_head_dim\": 128, \"full_attention_interval\": 4, %s}", cases[i].key);
        model = open_text(json);
        (void)snprintf(o.engine, sizeof o.engine, "vllm@0.19.1");
        if (ctxfit_plan_make(model, hw, &o, NULL, &plan, &error) != CTXFIT_OK)
            fail_msg("%s", error.message);
        assert_int_equal(ctxfit_plan_get_engine(plan, &e), CTXFIT_OK);
        assert_int_equal(e.block_tokens, cases[i].block_tokens);
        ctxfit_plan_free(plan);
        ctxfit_model_free(model);
    }
    ctxfit_hw_free(hw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_names_of_a_kind_of_layer_are_one),
        cmocka_unit_test(layers_with_attention_may_be_counted_up),
        cmocka_unit_test(a_class_may_wrap_decoders_of_several_architectures),
        cmocka_unit_test(a_whole_may_be_built_otherwise_than_its_decoders_class),
        cmocka_unit_test(grok_has_a_dense_part_where_experts_have_a_width),
        cmocka_unit_test(experts_of_gpt_oss_are_plain_where_nothing_is_packed),
        cmocka_unit_test(falcons_multi_query_is_one_kv_head),
        cmocka_unit_test(a_layer_is_named_by_a_period_and_an_offset),
        cmocka_unit_test(the_type_of_the_recurrent_state_is_kept),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
