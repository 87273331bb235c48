/* Any header is refused with a reason or gives a model whose facts fit together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static ctxfit_status from_header(const uint8_t *data, size_t size, ctxfit_model **model, ctxfit_error *error)
{
    ctxfit_gguf  *gguf = NULL;
    ctxfit_status status = ctxfit_gguf_parse(data, size, NULL, NULL, &gguf, error);

    *model = NULL;
    if (status == CTXFIT_OK)
        status = ctxfit_model_from_gguf(gguf, NULL, model, error);
    ctxfit_gguf_free(gguf);
    return status;
}

static void check(const ctxfit_model *model)
{
    ctxfit_model_info  info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;
    uint64_t           bytes = 0;

    require(ctxfit_model_get_info(model, &info) == CTXFIT_OK);
    require(info.layers > 0 && info.layers + info.nextn_layers <= 4096);
    require(info.parameters_active <= info.parameters && info.tensor_bytes <= info.data_bytes);
    for (uint32_t i = 0; i < info.layers + info.nextn_layers; i++) {
        ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

        require(ctxfit_model_get_layer(model, i, &layer) == CTXFIT_OK);
        require(layer.attention != CTXFIT_ATTENTION_NONE || (layer.flags & CTXFIT_LAYER_F_CACHE) == 0);
        require(layer.experts_used <= layer.experts && ((layer.flags & CTXFIT_LAYER_F_NEXTN) != 0) == (i >= info.layers));
    }
    for (uint64_t i = 0; i < info.tensor_count; i++) {
        require(ctxfit_model_get_tensor(model, i, &tensor) == CTXFIT_OK && ctxfit_model_tensor_name(model, i) != NULL);
        bytes += tensor.bytes;
    }
    require(bytes == info.tensor_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};
    ctxfit_status status = from_header(data, size, &model, &error);

    require((status == CTXFIT_OK) == (model != NULL));
    if (status == CTXFIT_OK)
        check(model);
    else
        require(error.status == status && memchr(error.message, '\0', sizeof error.message) != NULL);
    ctxfit_model_free(model);
    return 0;
}
