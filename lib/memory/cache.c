/* Caches, state and output buffer: llama.cpp b10472 src/llama-kv-cache.cpp:208-232, src/llama-memory-recurrent.cpp:85-101,
 * src/llama-kv-cache-dsa.cpp:38, src/llama-context.cpp:2089. */
#include "memory_internal.h"

#define CUDA_ROW_ELEMS 512u /* MATRIX_ROW_PADDING, ggml-cuda/common.cuh:176 */

typedef struct cache_format {
    uint64_t block_elems;
    uint64_t block_bytes;
} cache_format;

static const cache_format cache_f32 = {1, sizeof(float)};

/* Equal layers in a row on one device, and what their tensors are made of. */
typedef struct cache_run {
    const ctxfit_model      *model;
    const cfi_run           *run;
    cache_format             k;
    cache_format             v;
    uint32_t                 index; /* of the first */
    uint32_t                 layers;
    cfi_padding              padding;
    cfi_memory_device       *device;
} cache_run;

/* The bytes of a cache tensor of `rows` rows of `elems` elements in a buffer of that padding. */
static bool cache_tensor_bytes(const cache_format *format, uint64_t elems, uint64_t rows, cfi_padding padding, uint64_t *out)
{
    uint64_t blocks = elems / format->block_elems; /* ggml_row_size */
    uint64_t bytes;

    if (!cfi_mul_u64(blocks * format->block_bytes, rows, &bytes))
        return false;
    if (padding == CFI_PADDING_CUDA && format->block_elems > 1 && elems % CUDA_ROW_ELEMS != 0) {
        blocks = (CUDA_ROW_ELEMS - elems % CUDA_ROW_ELEMS) / format->block_elems;
        if (!cfi_add_u64(bytes, blocks * format->block_bytes, &bytes))
            return false;
    }
    return cfi_align_u64(bytes, cfi_memory_alignment(padding), out);
}

/* A tensor in each layer of the run. */
static bool cache_add(const cache_run *c, const cache_format *format, uint64_t elems, uint64_t rows, uint64_t *total)
{
    uint64_t bytes;

    if (elems == 0)
        return true;
    return cache_tensor_bytes(format, elems, rows, c->padding, &bytes) && cfi_mul_u64(bytes, c->layers, &bytes) &&
           cfi_add_u64(*total, bytes, total);
}

static ctxfit_status cache_format_read(ctxfit_quant quant, cache_format *out, ctxfit_error *error)
{
    const cfi_quant_format *format = cfi_quant_format_of(quant);

    if (format == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "cache type %lu is unknown", (unsigned long)quant);
    out->block_elems = format->block_elems;
    out->block_bytes = format->block_bytes;
    return CTXFIT_OK;
}

/* Without flash attention V is kept transposed and every layer is as wide as the widest (TAG_V_CACHE_VARIABLE). */
static uint64_t cache_v_elems(const ctxfit_model *model, const cfi_run *run, const ctxfit_layer_info *layer)
{
    if (layer->attention == CTXFIT_ATTENTION_LATENT && !cfi_engine_changed(run->build, CFI_CHANGE_LATENT_VALUELESS))
        return layer->kv_rank;
    if (run->flash || run->own_graph || layer->cache_v_elems == 0)
        return layer->cache_v_elems;
    return model->max_cache_v;
}

/* Only hybrid models keep the layers that do not attend out of the cache. Elsewhere such a layer (Nemotron 49B, 253B) has an empty K,
 * and without flash attention a V as wide as the widest. */
static uint64_t cache_idle_v_elems(const ctxfit_model *model, const cfi_run *run, const ctxfit_layer_info *layer)
{
    const uint32_t other_memory = CFI_ARCH_HYBRID | CFI_ARCH_RECURRENT | CFI_ARCH_NO_CACHE;

    if (run->flash || run->own_graph || layer->attention != CTXFIT_ATTENTION_NONE || (model->arch->flags & other_memory) != 0)
        return 0;
    return model->max_cache_v;
}

/* The indexer's cache is made as any other, with one head: src/llama-kv-cache-msa.cpp:40. Where V follows from hparams it is there. */
static uint64_t cache_indexer_v_elems(const ctxfit_model *model, const ctxfit_layer_info *layer)
{
    return layer->indexer_size != 0 && (model->arch->flags & CFI_ARCH_INDEXER_VALUES) ? layer->value_size : 0;
}

/* DeepSeek-V4: an entry for each `compress_ratio` tokens (one head, K only), the compressor's rows and scores of each sequence, and
 * where entries overlap an indexer with the same. src/llama-kv-cache-dsv4.cpp:18, :871, :1219-1277. */
#define CACHE_PAD_CELLS     256u
#define CACHE_OVERLAP_RATIO 4u /* DSV4_CSA_RATIO */

static bool cache_add_compressed(const cache_run *c)
{
    const ctxfit_layer_info *layer = &c->model->layer[c->index];
    const uint64_t           ratio = layer->compress_ratio;
    const uint64_t           overlap = ratio == CACHE_OVERLAP_RATIO ? 2 : 1;
    uint64_t                 cells = cfi_max_u64(1, (c->run->kv_cells + ratio - 1) / ratio);
    uint64_t                 rows = overlap * ratio * c->run->n_seq * (1 + (uint64_t)c->run->rollback);

    cells = (cells + CACHE_PAD_CELLS - 1) / CACHE_PAD_CELLS * CACHE_PAD_CELLS;
    for (int part = 0; part < 2; part++) { /* rows and scores */
        if (!cache_add(c, &cache_f32, overlap * layer->key_size, rows, &c->device->recurrent) ||
            !cache_add(c, &cache_f32, overlap * layer->indexer_size, rows, &c->device->recurrent))
            return false;
    }
    return cache_add(c, &c->k, layer->cache_k_elems, cells * c->run->streams, &c->device->kv) &&
           cache_add(c, &c->k, layer->indexer_size, cells * c->run->streams, &c->device->kv_other);
}

static bool cache_add_attention(const cache_run *c)
{
    const ctxfit_layer_info *layer = &c->model->layer[c->index];
    bool                     windowed = cfi_engine_layer_windowed(layer);
    uint64_t                 rows = (windowed ? c->run->swa_cells : c->run->kv_cells) * c->run->streams; /* both fit 32 bits */
    uint64_t                *total = windowed ? &c->device->kv_swa : &c->device->kv;

    if (!cfi_engine_layer_caches(c->model, c->run, c->index))
        return cache_add(c, &c->v, cache_idle_v_elems(c->model, c->run, layer), rows, total);
    return cache_add(c, &c->k, layer->cache_k_elems, rows, total) &&
           cache_add(c, &c->v, cache_v_elems(c->model, c->run, layer), rows, total);
}

static bool cache_add_layers(const cache_run *c)
{
    const ctxfit_layer_info *layer = &c->model->layer[c->index];
    uint64_t                 rows = c->run->kv_cells * c->run->streams;
    uint64_t                 copies = 1 + (uint64_t)c->run->rollback + c->run->checkpoints; /* src/llama-memory-recurrent.cpp:99 */
    uint64_t                 states = c->run->n_seq * copies;

    if (!cache_add_attention(c))
        return false;
    if (layer->flags & CTXFIT_LAYER_F_NEXTN)
        return true;
    if (layer->compress_ratio != 0)
        return cache_add_compressed(c);
    return cache_add(c, &c->k, layer->indexer_size, rows, &c->device->kv_other) &&
           cache_add(c, &c->v, cache_indexer_v_elems(c->model, layer), rows, &c->device->kv_other) &&
           cache_add(c, &cache_f32, layer->conv_state_elems, states, &c->device->recurrent) &&
           cache_add(c, &cache_f32, layer->recurrent_elems, states, &c->device->recurrent);
}

ctxfit_status cfi_memory_add_layer_caches(const ctxfit_model *model, const cfi_run *run, uint32_t layer, cfi_padding padding,
                                          cfi_memory_device *out, ctxfit_error *error)
{
    cache_run     c = {.model = model, .run = run, .index = layer, .layers = 1, .padding = padding, .device = out};
    ctxfit_status status = cache_format_read(run->type_k, &c.k, error);

    if (status == CTXFIT_OK)
        status = cache_format_read(run->type_v, &c.v, error);
    if (status != CTXFIT_OK)
        return status;
    return cache_add_layers(&c) ? CTXFIT_OK
                                : cfi_fail(error, CTXFIT_E_OVERFLOW, "cache of layer %lu: more than 64 bits", (unsigned long)layer);
}

ctxfit_status cfi_memory_add_caches(const ctxfit_model *model, const cfi_engine_device *devices, const cfi_run *run, cfi_memory *out,
                                    ctxfit_error *error)
{
    const uint32_t all = model->info.layers + model->info.nextn_layers;
    cache_run      c = {0};
    ctxfit_status  status = cache_format_read(run->type_k, &c.k, error);

    if (status == CTXFIT_OK)
        status = cache_format_read(run->type_v, &c.v, error);
    if (status != CTXFIT_OK)
        return status;
    c.model = model;
    c.run = run;
    for (; c.index < all; c.index += c.layers) {
        uint32_t device = run->kv_offload ? cfi_engine_layer_device(run, c.index) : run->device_count;

        c.layers = cfi_engine_layer_run(model, run, c.index);
        c.padding = device < run->device_count ? cfi_memory_padding(devices[device].backend) : CFI_PADDING_32;
        c.device = &out->device[device];
        if (!cache_add_layers(&c))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "cache of layer %lu: more than 64 bits", (unsigned long)c.index);
    }
    return CTXFIT_OK;
}

/* Logits of one row per sequence, perhaps with its state; it grows when a batch asks for more. On the host, perhaps pinned. */
ctxfit_status cfi_memory_add_output(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    uint64_t *output = &out->device[run->device_count].output;
    uint64_t  row = (uint64_t)model->info.vocabulary + (run->outputs_states ? model->info.embedding : 0);

    if (!cfi_mul_u64(row * run->outputs_buffer, sizeof(float), output))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "output buffer: more than 64 bits");
    return CTXFIT_OK;
}
