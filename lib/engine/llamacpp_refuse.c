/* Cache types and flash attention: llama.cpp b10472 src/llama-context.cpp:3540-3596, common/arg.cpp:304. A refusal carries
 * llama.cpp's own message. */
#include "engine_internal.h"

typedef struct cache_type {
    ctxfit_quant quant;
    uint32_t     block;
    char         name[16]; /* as ggml writes it */
} cache_type;

static ctxfit_status cache_type_read(ctxfit_quant quant, cache_type *out, ctxfit_error *error)
{
    const cfi_quant_format *format;
    const char             *name;
    size_t                  len = 0;

    if (quant == CTXFIT_QUANT_DEFAULT)
        quant = CTXFIT_QUANT_F16;
    format = cfi_quant_format_of(quant);
    if (format == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "kv_key, kv_value: format %lu is unknown", (unsigned long)quant);
    name = ctxfit_quant_name(quant);
    for (; name[len] != '\0' && len + 1 < sizeof out->name; len++)
        out->name[len] = (char)cfi_ascii_lower((unsigned char)name[len]);
    out->name[len] = '\0';
    out->quant = quant;
    out->block = format->block_elems;
    if (!(format->flags & CTXFIT_QUANT_F_CACHE))
        return cfi_fail(error, CTXFIT_E_REFUSED, "Unsupported cache type: %s", out->name);
    return CTXFIT_OK;
}

/* The head sizes that hparams hold for every layer (n_embd_head_k, n_embd_head_v): those that the metadata state, but where windows
 * have their own. Latent attention computes with others. */
static bool refuse_by_layer(const ctxfit_layer_info *layer)
{
    return layer->attention != CTXFIT_ATTENTION_LATENT && layer->attention != CTXFIT_ATTENTION_NONE;
}

static ctxfit_status refuse_blocks(const ctxfit_model *model, const cache_type *k, const cache_type *v, ctxfit_error *error)
{
    for (uint32_t i = 0; k->block > 1 && i < model->info.layers; i += model->layer_run[i]) {
        uint32_t head = refuse_by_layer(&model->layer[i]) ? model->layer[i].key_size : model->stated_key_size;

        if (head % k->block != 0)
            return cfi_fail(error, CTXFIT_E_REFUSED, "K cache type %s with block size %u does not divide n_embd_head_k=%u", k->name,
                            (unsigned)k->block, (unsigned)head);
    }
    for (uint32_t i = 0; v->block > 1 && i < model->info.layers; i += model->layer_run[i]) {
        uint32_t head = refuse_by_layer(&model->layer[i]) ? model->layer[i].value_size : model->stated_value_size;

        if (head % v->block != 0)
            return cfi_fail(error, CTXFIT_E_REFUSED, "V cache type %s with block size %u does not divide n_embd_head_v=%u", v->name,
                            (unsigned)v->block, (unsigned)head);
    }
    return CTXFIT_OK;
}

static bool refuse_needs_same_types(const ctxfit_model *model)
{
    if (model->arch->flags & CFI_ARCH_SAME_KV_TYPE)
        return true;
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT)
            return true;
    }
    return false;
}

/* "auto" tries it, and gives it up when some layer's device has no kernel for it (resolve_fused_ops, :502-545). */
static bool flash_everywhere(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run)
{
    for (uint32_t i = run->first_layer[0]; i < model->info.layers; i += cfi_engine_layer_run(model, run, i)) {
        const ctxfit_layer_info *layer = &model->layer[i];
        uint32_t                 device = cfi_engine_layer_device(run, i);

        if (device != run->device_count && layer->attention != CTXFIT_ATTENTION_NONE &&
            !cfi_engine_flash_possible(devices[device].backend, layer, run->type_k, run->type_v))
            return false;
    }
    return true;
}

ctxfit_status cfi_engine_resolve_cache_types(const ctxfit_model *model, const ctxfit_plan_options *options,
                                             const cfi_engine_device *devices, cfi_run *run, ctxfit_error *error)
{
    uint32_t      choice = options->flash_attention;
    cache_type    k = {0};
    cache_type    v = {0};
    ctxfit_status status = cache_type_read(options->kv_key, &k, error);

    if (status == CTXFIT_OK)
        status = cache_type_read(options->kv_value, &v, error);
    if (status != CTXFIT_OK)
        return status;
    run->type_k = k.quant;
    run->type_v = v.quant;
    if (model->arch->flags & CFI_ARCH_NO_FLASH)
        choice = CTXFIT_CHOICE_OFF;
    if ((model->arch->flags & CFI_ARCH_FLASH_ABORTS) && choice != CTXFIT_CHOICE_OFF)
        return cfi_fail(error, CTXFIT_E_REFUSED, "llama.cpp aborts when it builds the graph of %.32s with flash attention: set it to off",
                        model->arch_name);
    if (k.quant != v.quant && refuse_needs_same_types(model))
        return cfi_fail(error, CTXFIT_E_REFUSED, "model does not support different K (%s) and V (%s) cache types", k.name, v.name);
    if (v.block > 1 && choice == CTXFIT_CHOICE_OFF)
        return cfi_fail(error, CTXFIT_E_REFUSED, "quantized V cache requires flash_attn to be enabled");
    if (v.block > 1)
        choice = CTXFIT_CHOICE_ON;
    if (choice != CTXFIT_CHOICE_OFF) {
        status = refuse_blocks(model, &k, &v, error);
        if (status != CTXFIT_OK)
            return status;
    }
    run->flash = choice == CTXFIT_CHOICE_ON || (choice == CTXFIT_CHOICE_DEFAULT && flash_everywhere(model, devices, run));
    return CTXFIT_OK;
}
