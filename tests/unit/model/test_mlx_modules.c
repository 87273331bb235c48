/* Modules of MLX checkpoints, which may have a format each: every name of the table is found, the longest too. */
#include "test_support.h"

#include "ctxfit/model.h"
#include "model/model_internal.h"

static const char *const modules[][2] = {
#define CFI_MLX_MODULE(module, tensor) {module, tensor},
#include "model/mlx_modules.def"
#undef CFI_MLX_MODULE
};

/* Between them they have every tensor of the table, in layer 1: attention by heads and by latents, a dense part, experts, shared ones. */
static const char *const shapes[] = {
    "{\"architectures\": [\"Qwen3ForCausalLM\"], \"model_type\": \"qwen3\", \"hidden_size\": 512, \"intermediate_size\": 1024, "
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 2, \"head_dim\": 64, \"vocab_size\": 1024, "
    "\"max_position_embeddings\": 4096",
    "{\"architectures\": [\"DeepseekV3ForCausalLM\"], \"model_type\": \"deepseek_v3\", \"hidden_size\": 512, \"intermediate_size\": 1024, "
    "\"moe_intermediate_size\": 256, \"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 8, "
    "\"q_lora_rank\": 128, \"kv_lora_rank\": 64, \"qk_nope_head_dim\": 64, \"qk_rope_head_dim\": 32, \"v_head_dim\": 64, "
    "\"n_routed_experts\": 8, \"num_experts_per_tok\": 2, \"n_shared_experts\": 1, \"first_k_dense_replace\": 1, \"vocab_size\": 1024, "
    "\"max_position_embeddings\": 4096",
    "{\"architectures\": [\"Qwen2MoeForCausalLM\"], \"model_type\": \"qwen2_moe\", \"hidden_size\": 512, "
    "\"intermediate_size\": 1024, \"moe_intermediate_size\": 256, \"shared_expert_intermediate_size\": 512, "
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 2, \"num_experts\": 8, "
    "\"num_experts_per_tok\": 2, \"vocab_size\": 1024, \"max_position_embeddings\": 4096",
    "{\"architectures\": [\"MiniCPM3ForCausalLM\"], \"model_type\": \"minicpm3\", \"hidden_size\": 512, "
    "\"intermediate_size\": 1024, \"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 8, "
    "\"q_lora_rank\": 128, \"kv_lora_rank\": 64, \"qk_nope_head_dim\": 64, \"qk_rope_head_dim\": 32, \"v_head_dim\": 64, "
    "\"vocab_size\": 1024, \"max_position_embeddings\": 4096",
};

static ctxfit_model *model_of(const char *shape, const char *modules_text)
{
    char          json[2048];
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    (void)snprintf(json, sizeof json, "%s, \"quantization\": {\"bits\": 4, \"group_size\": 64, %s}}", shape, modules_text);
    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", json, error.message);
    return model;
}

/* Bytes of a weight of blk.1.`base`.weight where it has a format of its own; 0 where it has none, -1 where there is no such tensor. */
static double own_bytes(const ctxfit_model *model, const char *base)
{
    char name[64];

    (void)snprintf(name, sizeof name, "blk.1.%s.weight", base);
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (strcmp(model->tensor[i].name, name) == 0)
            return (double)model->module_bytes[i];
    return -1;
}

static void every_module_of_the_table_has_a_format_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(modules); i++) {
        char text[128];
        bool found = false;

        (void)snprintf(text, sizeof text, "\"model.layers.1.%s\": {\"bits\": 8, \"group_size\": 64}", modules[i][0]);
        for (size_t k = 0; k < CFI_COUNT(shapes); k++) {
            ctxfit_model *model = model_of(shapes[k], text);
            const double  bytes = own_bytes(model, modules[i][1]);

            found = found || bytes >= 0;
            if (bytes >= 0 && bytes != 1 + 4.0 / 64) /* a scale and a bias of 16 bits for 64 weights */
                fail_msg("%s: %g bytes of %s", modules[i][0], bytes, modules[i][1]);
            ctxfit_model_free(model);
        }
        if (!found)
            fail_msg("%s: no model here has %s", modules[i][0], modules[i][1]);
    }
}

static void a_module_of_another_layer_or_a_longer_name_is_none_of_them(void **state)
{
    static const char *const names[] = {"model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj2", "model.layers.1.mlp.down_pro",
                                        "model.layers.01x.mlp.down_proj", "mlp.down_proj"};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(names); i++) {
        char          text[128];
        ctxfit_model *model;

        (void)snprintf(text, sizeof text, "\"%s\": {\"bits\": 8, \"group_size\": 64}", names[i]);
        model = model_of(shapes[0], text);
        if (own_bytes(model, "ffn_down") != 0)
            fail_msg("%s: %g bytes", names[i], own_bytes(model, "ffn_down"));
        ctxfit_model_free(model);
    }
}

/* With eyes, an ear, and modules that no table has. */
static void making_survives_the_nth_failed_allocation(void **state)
{
    static const char json[] =
        "{\"architectures\": [\"Qwen3ForCausalLM\"], \"model_type\": \"qwen3\", \"hidden_size\": 512, \"intermediate_size\": 1024, "
        "\"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 2, \"head_dim\": 64, \"vocab_size\": 1024, "
        "\"max_position_embeddings\": 4096, \"vision_config\": {\"hidden_size\": 64, \"intermediate_size\": 256, "
        "\"num_hidden_layers\": 2, \"patch_size\": 14}, \"audio_config\": {\"d_model\": 64, \"encoder_ffn_dim\": 256, "
        "\"encoder_layers\": 2, \"num_mel_bins\": 80}, \"quantization\": {\"bits\": 4, \"group_size\": 64, "
        "\"model.layers.1.mlp.down_proj\": {\"bits\": 8}, \"model.layers.1.novel\": false}}";
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model = NULL;

        f.status = ctxfit_model_from_config(json, strlen(json), 0, &f.allocator, &model, NULL);
        assert_true((model != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_module_of_the_table_has_a_format_of_its_own),
        cmocka_unit_test(a_module_of_another_layer_or_a_longer_name_is_none_of_them),
        cmocka_unit_test(making_survives_the_nth_failed_allocation),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
