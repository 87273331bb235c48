/* What is read out of a config.json, case by case. */
#include "config_fixture.h"

static void a_plain_file_gives_its_shape(void **state)
{
    ctxfit_model     *model = open_text(LLAMA ", \"num_key_value_heads\": 8, \"torch_dtype\": \"float16\"}");
    ctxfit_model_info info = info_of(model);

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "llama");
    assert_int_equal(info.layers, 4);
    assert_int_equal(info.trained_tokens, 4096);
    assert_int_equal(layer_of(model, 0).kv_heads, 8);
    assert_int_equal(layer_of(model, 0).cache_k_elems, 8 * 128);
    assert_string_equal(ctxfit_file_type_name(info.file_type), "F16");
    assert_string_equal(ctxfit_model_name(model), "llama");
    assert_null(ctxfit_model_note(model, 0));
    ctxfit_model_free(model);
}

static void a_name_is_what_the_file_was_saved_from(void **state)
{
    ctxfit_model *model = open_text(LLAMA ", \"_name_or_path\": \"meta-llama/Llama-2-7b-hf\"}");

    (void)state;
    assert_string_equal(ctxfit_model_name(model), "Llama-2-7b-hf");
    ctxfit_model_free(model);
}

/* A LLaVA says of its decoder what differs from the defaults of its class. */
static void what_a_decoder_leaves_out_is_the_default_of_its_class(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"LlavaForConditionalGeneration\"], \"model_type\": \"llava\", \"text_config\": "
                                    "{\"model_type\": \"mistral\", \"vocab_size\": 32064}, \"vision_config\": {\"hidden_size\": 1024}}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "llama");
    assert_int_equal(info_of(model).embedding, 4096);
    assert_int_equal(info_of(model).vocabulary, 32064);
    assert_int_equal(layer_of(model, 31).kv_heads, 8);
    ctxfit_model_free(model);
}

/* 71 heads are the class's default, n_head is what an old file states. */
static void a_stated_key_comes_before_a_default_under_another_name(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"GPT2LMHeadModel\"], \"model_type\": \"gpt2\", \"n_embd\": 1024, "
                                    "\"n_head\": 16, \"n_layer\": 24, \"n_ctx\": 1024, \"vocab_size\": 50257}");

    (void)state;
    assert_int_equal(info_of(model).embedding, 1024);
    assert_int_equal(info_of(model).layers, 24);
    assert_true((info_of(model).flags & CTXFIT_MODEL_F_TIED) != 0);
    ctxfit_model_free(model);
}

static void rope_scaling_is_read_under_both_names(void **state)
{
    static const char *const forms[] = {
        LLAMA ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 1024}}",
        LLAMA ", \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024}}",
        LLAMA ", \"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024}}",
        LLAMA ", \"rope_parameters\": {\"full_attention\": {\"rope_type\": \"yarn\", \"factor\": 4}}, "
              "\"original_max_position_embeddings\": 1024}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        ctxfit_model     *model = open_text(forms[i]);
        ctxfit_model_info info = info_of(model);

        assert_int_equal(info.rope_scaling, CTXFIT_ROPE_SCALING_YARN);
        assert_true(info.rope_factor == 4.0);
        assert_int_equal(info.rope_original_tokens, 1024);
        ctxfit_model_free(model);
    }
}

#define QWEN3NEXT "{\"architectures\": [\"Qwen3NextForCausalLM\"], \"model_type\": \"qwen3_next\", \"num_key_value_heads\": 2, " SHAPE

static void windows_follow_layer_types(void **state)
{
    ctxfit_model *model = open_text(OLMO3 ", \"layer_types\": [\"full_attention\", \"sliding_attention\", \"full_attention\", "
                                          "\"sliding_attention\"]}");

    (void)state;
    assert_int_equal(layer_of(model, 0).attention, CTXFIT_ATTENTION_FULL);
    assert_int_equal(layer_of(model, 1).attention, CTXFIT_ATTENTION_SLIDING);
    assert_int_equal(layer_of(model, 1).window_tokens, 512);
    ctxfit_model_free(model);
}

static void a_window_that_is_not_used_is_none(void **state)
{
    ctxfit_model *model = open_text(OLMO3 ", \"use_sliding_window\": false}");

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(layer_of(model, i).attention, CTXFIT_ATTENTION_FULL);
    ctxfit_model_free(model);
}

static void a_window_that_llamacpp_does_not_have_is_noted(void **state)
{
    ctxfit_model *used = open_text(LLAMA ", \"sliding_window\": 1024}");
    ctxfit_model *unused = open_text(LLAMA ", \"sliding_window\": 1024, \"use_sliding_window\": false}");
    ctxfit_model *null = open_text(LLAMA ", \"sliding_window\": null}");

    (void)state;
    assert_non_null(strstr(ctxfit_model_note(used, 0), "sliding_window is 1024"));
    assert_null(ctxfit_model_note(unused, 0));
    assert_null(ctxfit_model_note(null, 0));
    ctxfit_model_free(used);
    ctxfit_model_free(unused);
    ctxfit_model_free(null);
}

static void an_unknown_type_is_read_as_a_plain_transformer_and_says_what_it_lacks(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"novel\", \"ssm_state_size\": 128, "
                                    "\"layers_block_type\": [\"mamba\", \"attention\"], \"use_cache\": true, " SHAPE "}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "novel");
    assert_true((info_of(model).flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0);
    assert_non_null(strstr(ctxfit_model_note(model, 0), "'novel' is not known"));
    assert_non_null(strstr(ctxfit_model_note(model, 1), "ssm_state_size, layers_block_type"));
    assert_null(strstr(ctxfit_model_note(model, 1), "use_cache"));
    assert_non_null(strstr(ctxfit_model_note(model, 2), "num_key_value_heads is missing"));
    assert_non_null(strstr(ctxfit_model_note(model, 3), "tie_word_embeddings is missing"));
    assert_null(ctxfit_model_note(model, 4));
    ctxfit_model_free(model);
}

/* Step-3 (the layers with experts are a list in text), JetMoE (kv_channels), HRM: names that sound like nothing else. */
static void keys_of_shapes_are_told_by_their_names(void **state)
{
    ctxfit_model *model = open_text("{\"model_type\": \"novel\", \"tie_word_embeddings\": false, \"moe_layers_enum\": \"4,5,6\", "
                                    "\"share_q_dim\": 2048, \"kv_channels\": 128, \"H_cycles\": 2, \"moe_kind\": \"plain\", "
                                    "\"num_key_value_heads\": 8, " SHAPE "}");

    (void)state;
    assert_non_null(strstr(ctxfit_model_note(model, 1), "not counted: moe_layers_enum, share_q_dim, kv_channels, H_cycles"));
    assert_null(strstr(ctxfit_model_note(model, 1), "moe_kind"));
    assert_null(ctxfit_model_note(model, 2));
    ctxfit_model_free(model);
}

#define LATENT "\"kv_lora_rank\": 512, \"q_lora_rank\": 1536, \"qk_rope_head_dim\": 64, \"qk_nope_head_dim\": 128"

static void an_unknown_type_that_states_latents_has_latent_attention(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"novel\", " SHAPE ", " LATENT
                                    ", \"v_head_dim\": 128}");
    ctxfit_model *lacks = open_text("{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"novel\", " SHAPE ", " LATENT "}");

    (void)state;
    assert_true((info_of(model).flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0);
    assert_int_equal(layer_of(model, 3).attention, CTXFIT_ATTENTION_LATENT);
    assert_int_equal(layer_of(model, 3).cache_k_elems, 512 + 64);
    assert_int_equal(layer_of(model, 3).cache_v_elems, 0);
    assert_non_null(strstr(ctxfit_model_note(model, 0), "transformer with latent attention"));
    assert_non_null(strstr(ctxfit_model_note(model, 1), "tie_word_embeddings is missing"));
    assert_int_equal(layer_of(lacks, 3).attention, CTXFIT_ATTENTION_FULL);
    assert_non_null(strstr(ctxfit_model_note(lacks, 1), "kv_lora_rank, q_lora_rank"));
    ctxfit_model_free(lacks);
    ctxfit_model_free(model);
}

/* LongCat-Flash-Chat has "560 billion total parameters" (its README): each of its 28 layers has two attentions and two dense parts, and
 * experts beside the first. Of its router the 256 experts that do nothing are not counted: 44 million. */
static void each_layer_of_longcat_flash_counts_as_two(void **state)
{
    ctxfit_model *model =
        open_text("{\"architectures\": [\"LongcatFlashForCausalLM\"], \"model_type\": \"longcat_flash\", \"vocab_size\": 131072, "
                  "\"hidden_size\": 6144, \"ffn_hidden_size\": 12288, \"expert_ffn_hidden_size\": 2048, \"num_layers\": 28, "
                  "\"num_attention_heads\": 64, " LATENT ", \"v_head_dim\": 128, \"n_routed_experts\": 512, "
                  "\"max_position_embeddings\": 131072, \"zero_expert_num\": 256, \"moe_topk\": 12, \"torch_dtype\": \"bfloat16\"}");

    (void)state;
    assert_int_equal(info_of(model).layers, 56);
    assert_in_range(info_of(model).parameters, UINT64_C(560) * 1000000000, UINT64_C(561) * 1000000000);
    assert_int_equal(layer_of(model, 0).experts, 512);
    assert_int_equal(layer_of(model, 1).experts, 0);
    assert_int_equal(layer_of(model, 1).cache_k_elems, 576);
    ctxfit_model_free(model);
}

static void notes_outlive_requantizing(void **state)
{
    ctxfit_model *model = open_text(LLAMA ", \"sliding_window\": 1024}");
    ctxfit_model *copy = NULL;

    (void)state;
    assert_int_equal(ctxfit_model_requantize(model, ctxfit_file_type_from_name("Q4_K_M"), NULL, &copy, NULL), CTXFIT_OK);
    ctxfit_model_free(model);
    assert_non_null(strstr(ctxfit_model_note(copy, 0), "sliding_window"));
    assert_null(ctxfit_model_note(copy, 1));
    assert_null(ctxfit_model_note(NULL, 0));
    ctxfit_model_free(copy);
}

static void what_is_read_as_something_else_is_noted(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {LLAMA ", \"torch_dtype\": \"float3\"}", "dtype 'float3'"},
        {LLAMA ", \"num_attention_heads\": 24, \"num_key_value_heads\": 8}", "a width of 4096 does not divide by 24 heads: 170 each"},
        {"{\"model_type\": \"novel\", \"num_key_value_heads\": 8, \"head_dim\": 0, " SHAPE "}", "'head_dim' is 0: not counted"},
        {"{\"architectures\": [\"LlamaForRewardModel\"], \"model_type\": \"llama\", " SHAPE "}",
         "class 'LlamaForRewardModel' is not known: it is read as one of its model_type 'llama'"},
        {"{\"architectures\": [\"Gemma2ForCausalLM\"], \"model_type\": \"gemma2\", \"head_dim\": 256, \"sliding_window\": 1024, "
         "\"layer_types\": [\"sliding_attention\", \"sliding_attention\", \"full_attention\", \"full_attention\"], " SHAPE "}",
         "layer_types has 'sliding_attention' for layer 1; counted is what llama.cpp's gemma2 always has there, the whole context"},
        {QWEN3NEXT ", \"layer_types\": [\"linear_attention\", \"full_attention\", \"linear_attention\", \"linear_attention\"]}",
         "layer_types is not full attention in every 2th layer"},
        {LLAMA ", \"rope_scaling\": {\"type\": \"spiral\", \"factor\": 4}}", "rope type 'spiral'"},
        {LLAMA ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": -2}}", "a rope cannot be scaled by -2"},
        {LLAMA ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 1e308}}", "a rope cannot be scaled by 1e+308"},
        {LLAMA ", \"max_position_embeddings\": 0}", "max_position_embeddings is 0: nothing says"},
        {"{\"architectures\": [\"NemotronHForCausalLM\"], \"model_type\": \"nemotron_h\", \"num_key_value_heads\": 8, "
         "\"hybrid_override_pattern\": \"M*-M-\", " SHAPE "}", "num_hidden_layers is 4, the list of blocks has 5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model *model = open_text(cases[i].text);
        uint32_t      n = 0;

        while (ctxfit_model_note(model, n) != NULL && strstr(ctxfit_model_note(model, n), cases[i].said) == NULL)
            n++;
        if (ctxfit_model_note(model, n) == NULL)
            fail_msg("%s: no note says '%s'", cases[i].text, cases[i].said);
        ctxfit_model_free(model);
    }
}

static void making_survives_the_nth_failed_allocation(void **state)
{
    const char *json = "{\"architectures\": [\"NovelForCausalLM\"], \"model_type\": \"gemma3_text\", \"text_config\": {\"model_type\": "
                       "\"gemma3_text\", \"sliding_window\": 1024}}";
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model = NULL;

        f.status = ctxfit_model_from_config(json, strlen(json), 0, &f.allocator, &model, NULL);
        assert_true((model != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_file_gives_its_shape),
        cmocka_unit_test(a_name_is_what_the_file_was_saved_from),
        cmocka_unit_test(what_a_decoder_leaves_out_is_the_default_of_its_class),
        cmocka_unit_test(a_stated_key_comes_before_a_default_under_another_name),
        cmocka_unit_test(rope_scaling_is_read_under_both_names),
        cmocka_unit_test(windows_follow_layer_types),
        cmocka_unit_test(a_window_that_is_not_used_is_none),
        cmocka_unit_test(a_window_that_llamacpp_does_not_have_is_noted),
        cmocka_unit_test(an_unknown_type_is_read_as_a_plain_transformer_and_says_what_it_lacks),
        cmocka_unit_test(keys_of_shapes_are_told_by_their_names),
        cmocka_unit_test(an_unknown_type_that_states_latents_has_latent_attention),
        cmocka_unit_test(each_layer_of_longcat_flash_counts_as_two),
        cmocka_unit_test(notes_outlive_requantizing),
        cmocka_unit_test(what_is_read_as_something_else_is_noted),
        cmocka_unit_test(making_survives_the_nth_failed_allocation),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
