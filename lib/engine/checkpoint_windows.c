/* Windows that engines of checkpoints read of config.json: of models whose windows llama.cpp has too, by the layers; else by the
 * configuration's own words (lib/hf/hf_stated.c). */
#include "engine_internal.h"

static bool windows_are_layers(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (cfi_engine_layer_windowed(&model->layer[i]))
            return true;
    return false;
}

cfi_config_windows cfi_engine_config_windows(const ctxfit_model *model)
{
    const uint32_t     window = cfi_fact_u32(model->fact, CFI_FACT_CONFIG_WINDOW);
    cfi_config_windows out = {0, false, 0};

    if (window == 0 || windows_are_layers(model))
        return out;
    out.tokens = window;
    out.listed = model->fact[CFI_FACT_CONFIG_WINDOW_LAYERS] > 0;
    for (uint32_t i = 0; i < model->info.layers; i++)
        out.layers += !out.listed || (model->layer_marks[i] & CFI_LAYER_CONFIG_WINDOW) != 0;
    return out;
}

bool cfi_engine_config_windowed(const ctxfit_model *model, const cfi_config_windows *windows, uint32_t layer)
{
    return windows->tokens != 0 && layer < model->info.layers && model->layer[layer].attention == CTXFIT_ATTENTION_FULL &&
           (!windows->listed || (model->layer_marks[layer] & CFI_LAYER_CONFIG_WINDOW) != 0);
}

uint32_t cfi_engine_stated_window(const ctxfit_model *model, const ctxfit_layer_info *layer)
{
    if (layer->attention == CTXFIT_ATTENTION_CHUNKED && model->fact[CFI_FACT_CONFIG_CHUNK] != CFI_FACT_UNSTATED)
        return cfi_fact_u32(model->fact, CFI_FACT_CONFIG_CHUNK);
    return cfi_engine_layer_windowed(layer) ? layer->window_tokens : 0;
}
