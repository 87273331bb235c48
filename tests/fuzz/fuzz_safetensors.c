/* Any bytes are refused with a reason, ask for a longer prefix, or give tensors that cover their data without holes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/hf.h"
#include "ctxfit/model.h"
#include "hf/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_tensors(const ctxfit_safetensors *tensors)
{
    uint64_t sum = 0, furthest = 0;

    for (uint64_t i = 0; i < ctxfit_safetensors_tensor_count(tensors); i++) {
        ctxfit_hf_tensor t = CTXFIT_HF_TENSOR_INIT;
        uint64_t         place = UINT64_MAX;

        require(ctxfit_safetensors_get_tensor(tensors, i, &t) == CTXFIT_OK && t.n_dims <= 8 && t.shard == 0);
        require(ctxfit_safetensors_find_tensor(tensors, ctxfit_safetensors_tensor_name(tensors, i), &place) == CTXFIT_OK && place == i);
        sum += t.bytes;
        furthest = t.offset + t.bytes > furthest ? t.offset + t.bytes : furthest;
    }
    require(sum == ctxfit_safetensors_tensor_bytes(tensors) && sum == furthest);
}

static void make_model(const ctxfit_safetensors *tensors)
{
    static const char config[] = "{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"vocab_size\": 64, \"hidden_size\": 64, "
                                 "\"intermediate_size\": 64, \"num_attention_heads\": 2}";
    ctxfit_checkpoint_info c = CTXFIT_CHECKPOINT_INFO_INIT;
    ctxfit_model          *model = NULL;

    require(ctxfit_model_from_hf(config, sizeof config - 1, tensors, 0, NULL, &model, NULL) == CTXFIT_OK);
    require(ctxfit_model_get_checkpoint(model, &c) == CTXFIT_OK && c.total_bytes == ctxfit_safetensors_tensor_bytes(tensors));
    require(c.layer_bytes + c.expert_bytes + c.embedding_bytes + c.output_bytes + c.nextn_bytes + c.other_bytes == c.total_bytes);
    ctxfit_model_free(model);
}

/* As a whole file, which may be cut off: then the header still gives tensors, or is not whole. */
static void parse_file(const uint8_t *data, size_t size)
{
    ctxfit_safetensors *strict = NULL, *tensors = NULL;
    bool                cut = false;
    ctxfit_status       status = ctxfit_safetensors_parse(data, size, size, NULL, &strict, NULL);

    require(status != CTXFIT_E_TRUNCATED);
    require(cfi_safetensors_parse(data, size, size, &cut, NULL, &tensors, NULL) == status || (cut && status == CTXFIT_E_MALFORMED));
    require((strict != NULL) == (status == CTXFIT_OK) && (strict == NULL || (tensors != NULL && !cut)));
    if (tensors != NULL)
        make_model(tensors);
    ctxfit_safetensors_free(tensors);
    ctxfit_safetensors_free(strict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctxfit_safetensors *tensors = NULL;
    ctxfit_error        error = {0};
    ctxfit_status       status;

    if (size == 0)
        return 0;
    parse_file(data, size);
    status = ctxfit_safetensors_parse(data, size, 0, NULL, &tensors, &error);
    if (status == CTXFIT_OK) {
        check_tensors(tensors);
        make_model(tensors);
        ctxfit_safetensors_free(tensors);
        return 0;
    }
    require(tensors == NULL && error.message[0] != '\0' && memchr(error.message, '\0', sizeof error.message) != NULL);
    require(status != CTXFIT_E_TRUNCATED || error.detail > size);
    return 0;
}
