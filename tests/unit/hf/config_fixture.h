/* Configurations that the tests of config.json share. */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <stdbool.h>

#include "test_support.h"

#include "ctxfit.h"

#define SHAPE "\"hidden_size\": 4096, \"intermediate_size\": 11008, \"num_hidden_layers\": 4, \"num_attention_heads\": 32, " \
              "\"vocab_size\": 32000, \"max_position_embeddings\": 4096"
#define LLAMA "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", " SHAPE
#define OLMO3  "{\"architectures\": [\"Olmo3ForCausalLM\"], \"model_type\": \"olmo3\", \"sliding_window\": 512, " SHAPE

static inline ctxfit_model *open_text(const char *json)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", json, error.message);
    return model;
}

static inline ctxfit_model_info info_of(const ctxfit_model *model)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    return info;
}

static inline ctxfit_layer_info layer_of(const ctxfit_model *model, uint32_t index)
{
    ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

    assert_int_equal(ctxfit_model_get_layer(model, index, &layer), CTXFIT_OK);
    return layer;
}

static inline ctxfit_status refused(const char *json, ctxfit_error *error)
{
    ctxfit_model *model = (ctxfit_model *)1;
    ctxfit_status status = ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, error);

    assert_null(model);
    return status;
}

#endif
