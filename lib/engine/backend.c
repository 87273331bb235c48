#include "engine_internal.h"

typedef struct backend_row {
    uint32_t           backend;
    cfi_engine_backend facts;
} backend_row;

static const backend_row backend_rows[] = {
#define CFI_ENGINE_BACKEND(name, pipeline, host_buffer, offload_batch, source) \
    {CTXFIT_BACKEND_##name, {pipeline, host_buffer, offload_batch}},
#include "backends.def"
#undef CFI_ENGINE_BACKEND
};

cfi_engine_backend cfi_engine_get_backend(uint32_t backend, uint32_t build)
{
    cfi_engine_backend facts = {false, false, 0};

    for (size_t i = 0; i < CFI_COUNT(backend_rows); i++) {
        if (backend_rows[i].backend == backend)
            facts = backend_rows[i].facts;
    }
    if (backend == CTXFIT_BACKEND_RPC && cfi_engine_changed(build, CFI_CHANGE_RPC_PIPELINE))
        facts.pipeline = true;
    return facts;
}

typedef struct flash_size {
    uint32_t key;
    uint32_t value;
    uint32_t ratio;
} flash_size;

static const flash_size flash_cuda[] = {
#define CFI_FLASH_CUDA(key, value, ratio) {key, value, ratio},
#include "flash.def"
#undef CFI_FLASH_CUDA
};

/* fattn.cu, ggml_cuda_fattn_kv_type_supported, without GGML_CUDA_FA_ALL_QUANTS (its default). SYCL is a port of the same kernels. */
static bool flash_on_cuda(const flash_size *heads, ctxfit_quant type_k, ctxfit_quant type_v)
{
    if (type_k != type_v)
        return false;
    if (type_k != CTXFIT_QUANT_F32 && type_k != CTXFIT_QUANT_F16 && type_k != CTXFIT_QUANT_BF16 && type_k != CTXFIT_QUANT_Q4_0 &&
        type_k != CTXFIT_QUANT_Q8_0)
        return false;
    for (size_t i = 0; i < CFI_COUNT(flash_cuda); i++) {
        const flash_size *row = &flash_cuda[i];

        if (row->key != heads->key || row->value != heads->value)
            continue;
        return row->ratio == 2 ? heads->ratio >= 2 : heads->ratio % row->ratio == 0;
    }
    return false;
}

/* ggml-metal-device.m:1273 */
static bool flash_on_metal(const flash_size *heads, ctxfit_quant type_k, ctxfit_quant type_v)
{
    static const uint32_t keys[] = {32, 40, 48, 64, 72, 80, 96, 112, 128, 192, 256, 320, 512, 576};

    if (type_k != type_v || type_k == CTXFIT_QUANT_IQ4_NL)
        return false;
    for (size_t i = 0; i < CFI_COUNT(keys); i++) {
        if (keys[i] == heads->key)
            return true;
    }
    return false;
}

/* ggml-vulkan.cpp:18044 */
static bool flash_on_vulkan(const flash_size *heads, ctxfit_quant type_k, ctxfit_quant type_v)
{
    return heads->key % 8 == 0 && heads->value % 8 == 0 && (type_k == CTXFIT_QUANT_BF16) == (type_v == CTXFIT_QUANT_BF16);
}

/* Latent attention runs in its absorbed form: one KV head, the query as wide as the cached vector, the result as wide as its rank. */
static flash_size flash_heads(const ctxfit_layer_info *layer)
{
    flash_size heads = {layer->key_size, layer->value_size, 1};

    if (layer->attention == CTXFIT_ATTENTION_LATENT) {
        heads.key = layer->cache_k_elems;
        heads.value = layer->kv_rank;
    }
    if (layer->kv_heads != 0)
        heads.ratio = layer->heads / layer->kv_heads;
    return heads;
}

static bool flash_kernel(uint32_t backend, const flash_size *heads, ctxfit_quant type_k, ctxfit_quant type_v)
{
    switch (backend) {
    case CTXFIT_BACKEND_CUDA:
    case CTXFIT_BACKEND_ROCM:
    case CTXFIT_BACKEND_SYCL:
        return flash_on_cuda(heads, type_k, type_v);
    case CTXFIT_BACKEND_METAL:
        return flash_on_metal(heads, type_k, type_v);
    case CTXFIT_BACKEND_VULKAN:
        return flash_on_vulkan(heads, type_k, type_v);
    default:
        return true;
    }
}

bool cfi_engine_flash_kernel(uint32_t backend, uint32_t key, uint32_t value, uint32_t ratio, ctxfit_quant type_k, ctxfit_quant type_v)
{
    const flash_size heads = {key, value, ratio};

    return flash_kernel(backend, &heads, type_k, type_v);
}

bool cfi_engine_flash_possible(uint32_t backend, const ctxfit_layer_info *layer, ctxfit_quant type_k, ctxfit_quant type_v)
{
    flash_size heads = flash_heads(layer);

    return flash_kernel(backend, &heads, type_k, type_v);
}
