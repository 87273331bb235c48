/* Classes whose files say shapes in a way of their own: the sum of parameters is the published one, or that of the modules which the
 * repository's own code builds. */
#include <stdbool.h>

#include "test_support.h"

#include "ctxfit.h"

static ctxfit_model *open_text(const char *json)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", json, error.message);
    return model;
}

static uint64_t parameters_of(const ctxfit_model *model)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    return info.parameters;
}

static ctxfit_layer_info layer_of(const ctxfit_model *model, uint32_t index)
{
    ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

    assert_int_equal(ctxfit_model_get_layer(model, index, &layer), CTXFIT_OK);
    return layer;
}

#define OPENELM "{\"architectures\": [\"OpenELMForCausalLM\"], \"model_type\": \"openelm\", \"model_dim\": 1280, \"head_dim\": 64, " \
                "\"num_transformer_layers\": 16, \"vocab_size\": 32000, \"max_context_length\": 2048, \"ffn_dim_divisor\": 256, " \
                "\"num_kv_heads\": [3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5], " \
                "\"num_query_heads\": [12, 12, 12, 12, 12, 16, 16, 16, 16, 16, 16, 16, 20, 20, 20, 20], \"ffn_multipliers\": "

/* 271,527,168: apple/OpenELM-270M. */
static void openelm_multiplies_the_width_of_each_layer(void **state)
{
    ctxfit_model *model = open_text(OPENELM "[0.5, 0.73, 0.97, 1.2, 1.43, 1.67, 1.9, 2.13, 2.37, 2.6, 2.83, 3.07, 3.3, 3.53, 3.77, 4.0]}");
    ctxfit_model *none = NULL;
    ctxfit_error  error = {0};
    static const char short_list[] = OPENELM "[0.5, 4.0]}";

    (void)state;
    assert_int_equal(parameters_of(model), 271527168);
    assert_int_equal(layer_of(model, 1).ff_width, 1024); /* 0.73 x 1280 is 934.4 */
    assert_int_equal(layer_of(model, 15).kv_heads, 5);
    ctxfit_model_free(model);
    assert_int_equal(ctxfit_model_from_config(short_list, sizeof short_list - 1, 0, NULL, &none, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "'ffn_multipliers'"));
}

/* Modules of modeling_plamo.py of pfnet/plamo-2-8b. */
static void plamo2_attends_in_every_other_layer(void **state)
{
    const uint64_t width = 4096, inner = 64 * 128, state_size = 64, dt = 256, heads = 64, ff = 3 * UINT64_C(16384) * 4096;
    const uint64_t attention = width * (32 + 2 * 4) * 128 + 32 * 128 * width + 32 * 128 + 4 * 128;
    const uint64_t mamba = width * 2 * inner + 4 * inner + inner * (2 * state_size + dt) + dt * heads + 3 * heads + dt + 2 * state_size +
                           inner * width;
    ctxfit_model *model = open_text("{\"architectures\": [\"Plamo2ForCausalLM\"], \"model_type\": \"plamo2\", \"hidden_size\": 4096, "
                                    "\"hidden_size_per_head\": 128, \"intermediate_size\": 16384, \"mamba_d_conv\": 4, "
                                    "\"mamba_d_state\": 64, \"mamba_enabled\": true, \"mamba_num_heads\": 64, \"mamba_step\": 2, "
                                    "\"max_position_embeddings\": 10485760, \"num_attention_heads\": 32, \"num_hidden_layers\": 32, "
                                    "\"num_key_value_heads\": 4, \"vocab_size\": 100000, \"tie_word_embeddings\": true}");

    (void)state;
    assert_string_equal(ctxfit_model_arch(model), "plamo2");
    assert_null(ctxfit_model_note(model, 0));
    assert_int_equal(layer_of(model, 0).cache_k_elems, 0);
    assert_int_equal(layer_of(model, 1).cache_k_elems, 4 * 128);
    assert_int_equal(parameters_of(model), 100000 * width + 16 * (attention + mamba) + 32 * (ff + 4 * width) + width);
    ctxfit_model_free(model);
}

/* The decoder of deepseek-ai/deepseek-vl2-tiny: DeepSeek-V2's class without latents. */
static void deepseek_without_latents_has_plain_attention(void **state)
{
    static const char decoder[] =
        "{\"architectures\": [\"DeepseekVLV2ForCausalLM\"], \"model_type\": \"deepseek_vl_v2\", \"language_config\": {\"architectures\": "
        "[\"DeepseekV2ForCausalLM\"], \"model_type\": \"deepseek_v2\", \"first_k_dense_replace\": 1, \"hidden_size\": 1280, "
        "\"intermediate_size\": 6848, \"kv_lora_rank\": null, \"max_position_embeddings\": 4096, \"moe_intermediate_size\": 896, "
        "\"n_routed_experts\": 64, \"n_shared_experts\": 2, \"num_attention_heads\": 10, \"num_experts_per_tok\": 6, "
        "\"num_hidden_layers\": 12, \"num_key_value_heads\": 10, \"q_lora_rank\": null, \"qk_nope_head_dim\": 0, \"qk_rope_head_dim\": 0, "
        "\"use_mla\": false, \"v_head_dim\": 0, \"vocab_size\": 129280}}";
    const uint64_t width = 1280;
    const uint64_t experts = 64 * 3 * width * 896 + 3 * width * 2 * 896 + 64 * width;
    ctxfit_model  *model = open_text(decoder);

    (void)state;
    assert_int_equal(layer_of(model, 0).cache_k_elems, width);
    assert_int_equal(layer_of(model, 0).cache_v_elems, width);
    assert_int_equal(parameters_of(model),
                     2 * 129280 * width + 12 * (4 * width * width + 2 * width) + 3 * width * 6848 + 11 * experts + width);
    assert_non_null(strstr(ctxfit_model_note(model, 0), "'deepseek_v2' without latent attention"));
    ctxfit_model_free(model);
}

/* Converters of llama.cpp b10472: conversion/plamo.py, codeshell.py, chameleon.py. */
static void classes_that_llamacpp_converts_are_known(void **state)
{
#define SHAPE "\"hidden_size\": 1024, \"intermediate_size\": 2048, \"num_hidden_layers\": 16, \"vocab_size\": 1000"
    static const struct {
        const char *json, *arch;
        uint32_t    kv_heads, windows;
    } cases[] = {
        {"{\"architectures\": [\"PlamoForCausalLM\"], \"n_shared_head\": 8, \"num_attention_heads\": 16, \"num_key_value_heads\": 16, "
         SHAPE "}", "plamo", 2, 0},
        {"{\"architectures\": [\"Plamo3ForCausalLM\"], \"num_attention_heads\": 16, \"num_key_value_heads\": 4, \"head_dim\": 128, "
         "\"window_size\": 2048, \"sliding_window_pattern\": 8, \"max_position_embeddings\": 4096, " SHAPE "}", "plamo3", 4, 14},
        {"{\"architectures\": [\"CodeShellForCausalLM\"], \"n_embd\": 1024, \"n_head\": 16, \"n_layer\": 16, \"n_positions\": 8192, "
         "\"num_query_groups\": 8, \"vocab_size\": 1000}", "codeshell", 8, 0},
        {"{\"architectures\": [\"ChameleonForConditionalGeneration\"], \"model_type\": \"chameleon\", \"num_attention_heads\": 16, "
         "\"num_key_value_heads\": 8, \"max_position_embeddings\": 4096, " SHAPE "}", "chameleon", 8, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model *model = open_text(cases[i].json);
        uint32_t      windows = 0;

        assert_string_equal(ctxfit_model_arch(model), cases[i].arch);
        assert_null(ctxfit_model_note(model, 0));
        assert_int_equal(layer_of(model, 0).kv_heads, cases[i].kv_heads);
        for (uint32_t k = 0; k < 16; k++)
            windows += layer_of(model, k).attention == CTXFIT_ATTENTION_SLIDING;
        assert_int_equal(windows, cases[i].windows);
        ctxfit_model_free(model);
    }
}

/* The heads of EAGLE-3 for Llama-3.1-8B: 15 tensors in F16 without embeddings, of which t2d (one byte a token) is read by nothing. */
static void an_eagle3_head_has_few_tokens_and_no_embeddings(void **state)
{
#define HEAD "\"hidden_size\": 4096, \"intermediate_size\": 14336, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, " \
             "\"num_hidden_layers\": 1, \"vocab_size\": 128256, \"max_position_embeddings\": 2048"
    static const char *const spellings[] = {
        "{\"architectures\": [\"LlamaForCausalLMEagle3\"], \"model_type\": \"llama\", \"draft_vocab_size\": 32000, " HEAD "}",
        "{\"architectures\": [\"Eagle3Speculator\"], \"speculators_model_type\": \"eagle3\", \"draft_vocab_size\": 32000, "
        "\"transformer_layer_config\": {\"model_type\": \"llama\", " HEAD "}}",
    };
    const uint64_t width = 4096, attention = 2 * width * (4096 + 2 * 1024) + 4096 * width;

    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        ctxfit_model *model = open_text(spellings[i]);

        assert_string_equal(ctxfit_model_arch(model), "eagle3");
        assert_null(ctxfit_model_note(model, 0));
        assert_int_equal(layer_of(model, 0).cache_k_elems, 1024);
        assert_int_equal(parameters_of(model), 3 * width * width + 32000 * width + 32000 + attention + 3 * width * 14336 + 4 * width);
        ctxfit_model_free(model);
    }
}

/* Its only layer is called "midlayer"; embeddings of its own count where the files have some. */
static void an_eagle3_head_counts_as_its_files_have_it(void **state)
{
    static const char config[] = "{\"architectures\": [\"LlamaForCausalLMEagle3\"], \"model_type\": \"llama\", \"draft_vocab_size\": 100, "
                                 "\"hidden_size\": 64, \"intermediate_size\": 128, \"num_attention_heads\": 2, \"num_hidden_layers\": 1, "
                                 "\"num_key_value_heads\": 1, \"vocab_size\": 256, \"max_position_embeddings\": 2048, "
                                 "\"torch_dtype\": \"float16\"}";
    static const struct {
        char     name[40];
        unsigned rows, columns;
    } tensors[] = {{"fc", 64, 192},                        {"norm", 64, 1},                         {"midlayer.hidden_norm", 64, 1},
                   {"midlayer.input_layernorm", 64, 1},    {"midlayer.post_attention_layernorm", 64, 1},
                   {"midlayer.self_attn.q_proj", 64, 128}, {"midlayer.self_attn.k_proj", 32, 128}, {"midlayer.self_attn.v_proj", 32, 128},
                   {"midlayer.self_attn.o_proj", 64, 64},  {"midlayer.mlp.gate_proj", 128, 64},    {"midlayer.mlp.up_proj", 128, 64},
                   {"midlayer.mlp.down_proj", 64, 128},    {"lm_head", 100, 64},                   {"embed_tokens", 256, 64}};
    const size_t count = sizeof tensors / sizeof tensors[0];

    (void)state;
    for (size_t lacks = 0; lacks < 2; lacks++) { /* the last one: embeddings */
        unsigned char          file[4096] = {0};
        size_t                 len = (size_t)snprintf((char *)file + 8, sizeof file - 8, "{");
        uint64_t               bytes = 0;
        ctxfit_safetensors    *weights = NULL;
        ctxfit_model          *model = NULL;
        ctxfit_error           error = {0};
        ctxfit_checkpoint_info info = CTXFIT_CHECKPOINT_INFO_INIT;
        ctxfit_model_info      made = CTXFIT_MODEL_INFO_INIT;

        for (size_t i = 0; i < count - lacks; i++) {
            const uint64_t size = 2 * (uint64_t)tensors[i].rows * tensors[i].columns;

            len += (size_t)snprintf((char *)file + 8 + len, sizeof file - 8 - len,
                                    "%s\"%s.weight\": {\"dtype\": \"F16\", \"shape\": [%u, %u], \"data_offsets\": [%llu, %llu]}",
                                    i > 0 ? ", " : "", tensors[i].name, tensors[i].rows, tensors[i].columns, (unsigned long long)bytes,
                                    (unsigned long long)(bytes + size));
            bytes += size;
        }
        len += (size_t)snprintf((char *)file + 8 + len, sizeof file - 8 - len, "}");
        file[0] = (unsigned char)(len & 0xff);
        file[1] = (unsigned char)(len >> 8);
        if (ctxfit_safetensors_parse(file, 8 + len, 0, NULL, &weights, &error) != CTXFIT_OK ||
            ctxfit_model_from_hf(config, sizeof config - 1, weights, 0, NULL, &model, &error) != CTXFIT_OK)
            fail_msg("%s", error.message);
        assert_int_equal(ctxfit_model_get_checkpoint(model, &info), CTXFIT_OK);
        assert_int_equal(ctxfit_model_get_info(model, &made), CTXFIT_OK);
        assert_int_equal(info.flags, CTXFIT_CHECKPOINT_F_MEASURED);
        assert_int_equal(info.layer_bytes, 2 * (64 * 128 + 2 * 32 * 128 + 64 * 64 + 3 * 128 * 64 + 3 * 64));
        assert_int_equal(info.embedding_bytes, lacks ? 0 : 2 * 256 * 64);
        assert_int_equal(made.tensor_count, lacks ? 14 : 15);
        assert_null(ctxfit_model_note(model, 0));
        ctxfit_model_free(model);
        ctxfit_safetensors_free(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openelm_multiplies_the_width_of_each_layer),
        cmocka_unit_test(plamo2_attends_in_every_other_layer),
        cmocka_unit_test(deepseek_without_latents_has_plain_attention),
        cmocka_unit_test(an_eagle3_head_has_few_tokens_and_no_embeddings),
        cmocka_unit_test(an_eagle3_head_counts_as_its_files_have_it),
        cmocka_unit_test(classes_that_llamacpp_converts_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
