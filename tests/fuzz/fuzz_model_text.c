/* Any text is refused with a reason or gives a model whose sums agree, and that can be quantized and described again. */
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

static void require_reason(const ctxfit_model *model, const ctxfit_error *error)
{
    require(model == NULL && error->message[0] != '\0' && memchr(error->message, '\0', sizeof error->message) != NULL);
}

static void check_tensors(const ctxfit_model *model)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;
    uint64_t          bytes = 0;

    require(ctxfit_model_get_info(model, &info) == CTXFIT_OK);
    for (uint64_t i = 0; i < info.tensor_count; i++) {
        ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;

        require(ctxfit_model_get_tensor(model, i, &tensor) == CTXFIT_OK && tensor.quant != 0);
        require(tensor.bytes > 0 && tensor.offset >= bytes && tensor.offset % 32 == 0);
        bytes = tensor.offset + tensor.bytes;
    }
    require(bytes <= info.data_bytes && info.tensor_bytes <= info.data_bytes);
    require(info.parameters_active <= info.parameters);
}

static void quantize(const ctxfit_model *model)
{
    ctxfit_model *other;
    ctxfit_error  error;

    if (ctxfit_model_requantize(model, ctxfit_file_type_from_name("Q4_K_M"), NULL, &other, &error) == CTXFIT_OK)
        check_tensors(other);
    else
        require_reason(other, &error);
    ctxfit_model_free(other);
}

static void describe_again(const ctxfit_model *model)
{
    ctxfit_model_info  info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_layer_info *layers;
    ctxfit_model      *other;
    ctxfit_error       error;
    uint32_t           count;

    require(ctxfit_model_get_info(model, &info) == CTXFIT_OK);
    count = info.layers + info.nextn_layers;
    layers = calloc(count, sizeof *layers);
    require(layers != NULL);
    for (uint32_t i = 0; i < count; i++) {
        layers[i].struct_size = (uint32_t)sizeof layers[i];
        require(ctxfit_model_get_layer(model, i, &layers[i]) == CTXFIT_OK);
    }
    if (ctxfit_model_from_layers("again", NULL, &info, layers, count, 0, NULL, &other, &error) == CTXFIT_OK)
        check_tensors(other);
    else
        require_reason(other, &error);
    ctxfit_model_free(other);
    free(layers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         *text = malloc(size + 1);
    ctxfit_model *model;
    ctxfit_error  error;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (ctxfit_model_from_text(text, 0, NULL, &model, &error) == CTXFIT_OK) {
        check_tensors(model);
        quantize(model);
        describe_again(model);
    } else {
        require_reason(model, &error);
    }
    ctxfit_model_free(model);
    free(text);
    return 0;
}
