/* Memory of mlx-lm: weights as they are, caches as long as what is in them. 0.32.2, mlx_lm/models/cache.py. */
#include "memory_internal.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define SCAN_TOKENS      256u     /* of Mamba-2, models/ssm.py: ssm_attn() makes of each token and head as many, this often */
#define SCAN_MATRICES    7u
#define SOFTCAPPED       "gemma2" /* models/gemma2.py caps its scores, one operation after the other */
#define NEWER_FUSED_HEAD 256u     /* has a fused kernel on an M5 in MLX since 714a7efcb (2026-08-19) */

#define QUANTIZED_GROUP 64u /* kv_group_size, generate.py:325; a scale and a bias of 16 bits each */

/* The band of the rest, by tests/data/engines/mlx.csv: half of the widest step of a feed-forward, and all outputs of three layers: buffers
 * of a command buffer stay until it has run (MLX 0.32.2, backend/metal/eval.cpp), and the next layers are encoded meanwhile. */
#define REST_HIGH_BYTES  (64 * MIB)
#define REST_HIGH_LAYERS 3u

static bool grown_cache_bytes(const cfi_run *run, uint64_t elems, uint64_t tokens, uint64_t *out)
{
    uint64_t bits = run->grown_bits == 16 ? elems * 16 : elems * run->grown_bits + elems / QUANTIZED_GROUP * 32;

    return cfi_mul_u64(bits / 8, tokens, out) && cfi_mul_u64(*out, run->n_seq, out);
}

/* A cache grows by making a longer one and copying: while it does, one layer is there twice. */
static bool grown_add_caches(const ctxfit_model *model, const cfi_run *run, cfi_memory_device *device, uint64_t *copied)
{
    const cfi_grown_windows windows = cfi_grown_windows_of(model);
    const cfi_cache_form    form = cfi_engine_cache_form(model, run->id, run->release);

    *copied = 0;
    for (uint32_t i = 0; i < model->info.layers; i++) {
        const ctxfit_layer_info *layer = &model->layer[i];
        const uint32_t           window = cfi_grown_layer_window(model, &windows, i);
        uint64_t                 elems = (uint64_t)layer->cache_k_elems + layer->cache_v_elems, bytes;
        uint64_t                 state = ((uint64_t)layer->conv_state_elems * 2 + (uint64_t)layer->recurrent_elems * 4) * run->n_seq;

        if (!cfi_add_u64(device->recurrent, state, &device->recurrent))
            return false;
        if (layer->attention == CTXFIT_ATTENTION_NONE || (layer->flags & CTXFIT_LAYER_F_CACHE) == 0)
            continue;
        if (form != CFI_CACHE_AS_LAYER)
            elems = cfi_engine_cache_elems(layer, form, 1);
        if (!grown_cache_bytes(run, elems, window != 0 ? cfi_grown_window(run, window) : run->kv_cells, &bytes) ||
            !cfi_add_u64(window != 0 ? device->kv_swa : device->kv, bytes, window != 0 ? &device->kv_swa : &device->kv))
            return false;
        /* Indexer of models/deepseek_v32.py: values as wide as the keys, of zeros. */
        if (!grown_cache_bytes(run, 2 * (uint64_t)layer->indexer_size, run->kv_cells, &state) ||
            !cfi_add_u64(device->kv_other, state, &device->kv_other))
            return false;
        *copied = cfi_max_u64(*copied, bytes);
    }
    return true;
}

/* Elements that the layers make of a token: `inner`, of the widest feed-forward; `outputs`, of the layer with most, each step of
 * attention, state and experts (models/switch_layers.py sorts tokens by their experts) kept. */
typedef struct grown_widths {
    uint64_t inner;
    uint64_t outputs;
} grown_widths;

static grown_widths grown_widest(const ctxfit_model *model)
{
    const uint64_t embedding = model->info.embedding;
    grown_widths   widest = {0, 0};

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        const ctxfit_layer_info *layer = &model->layer[i];
        const uint64_t           dense = 3 * ((uint64_t)layer->ff_width + layer->shared_width);
        const uint64_t           channels = layer->conv_kernel > 1 ? layer->conv_state_elems / (layer->conv_kernel - 1) : 0;
        uint64_t                 outputs = 6 * embedding + dense + 4 * (channels + layer->state_inner);

        outputs += layer->experts_used * (4 * embedding + 3 * (uint64_t)layer->expert_width);
        outputs += (uint64_t)layer->heads * (3 * (uint64_t)layer->key_size + layer->value_size) +
                   (uint64_t)layer->kv_heads * (3 * (uint64_t)layer->key_size + layer->value_size);
        if (layer->state == CTXFIT_STATE_MAMBA2)
            outputs += SCAN_MATRICES * SCAN_TOKENS * (uint64_t)layer->state_heads;
        widest.inner = cfi_max_u64(widest.inner, dense + layer->experts_used * (embedding + 3 * (uint64_t)layer->expert_width));
        widest.outputs = cfi_max_u64(widest.outputs, outputs);
    }
    widest.inner += 2 * embedding;
    return widest;
}

static bool grown_fused(const ctxfit_model *model, const ctxfit_layer_info *layer, const cfi_run *run)
{
    const uint32_t head = layer->key_size;

    if (run->grown_bits != 16 || head != layer->value_size || strcmp(model->arch_name, SOFTCAPPED) == 0)
        return false;
    return head == 64 || head == 72 || head == 80 || head == 96 || head == 128;
}

/* What attention makes at once of the tokens of a step and all cells, bytes of a token and a cell: scores of every head and a mask. The
 * kernel of Metal that does without has only heads of these sizes, and none for quantized caches (MLX 0.32.2,
 * backend/metal/scaled_dot_product_attention.cpp, use_fallback(); mlx_lm/models/base.py). Latents (models/deepseek_v3.py): scores of the
 * rotated part, which mask those of the other, as they are and masked. */
static uint64_t grown_scores_of(const ctxfit_model *model, const cfi_run *run, const ctxfit_layer_info *layer, bool latent)
{
    if (layer->attention == CTXFIT_ATTENTION_NONE || (!latent && grown_fused(model, layer, run)))
        return 0;
    return (2 * (uint64_t)layer->heads + 1) * (latent ? 2 : 1) * run->n_seq;
}

/* The widest of a layer. A prompt's last whole step has more of it than the rest behind that, if fewer cells. Latents: and keys and values
 * of every head, each copied. */
static bool grown_scores(const ctxfit_model *model, const cfi_run *run, uint64_t of_cells, uint64_t *low, uint64_t *high)
{
    const cfi_grown_windows windows = cfi_grown_windows_of(model);
    const cfi_cache_form    form = cfi_engine_cache_form(model, run->id, run->release);

    *low = *high = 0;
    for (uint32_t i = 0; i < model->info.layers; i++) {
        const ctxfit_layer_info *layer = &model->layer[i];
        const uint32_t           window = cfi_grown_layer_window(model, &windows, i);
        const uint64_t           cells = window != 0 ? cfi_grown_window(run, window) : run->kv_cells;
        const uint64_t           last = window != 0 ? 0 : cells % run->n_ubatch;
        const bool               latent = layer->attention == CTXFIT_ATTENTION_LATENT && form != CFI_CACHE_HEADS;
        uint64_t                 bytes, of_last, keys = 0;

        if (latent)
            keys = 4 * (uint64_t)layer->heads * ((uint64_t)layer->key_size - layer->rope_size + layer->value_size) * run->n_seq;
        if (!cfi_mul_u64(grown_scores_of(model, run, layer, latent), cells, &bytes) || !cfi_mul_u64(bytes, run->n_ubatch, &bytes) ||
            !cfi_mul_u64(keys, cells, &keys) || !cfi_add_u64(bytes, keys, &bytes))
            return false;
        of_last = (bytes - keys) / run->n_ubatch * last + keys;
        bytes = cfi_max_u64(of_last, bytes - bytes / cells * last);
        *high = cfi_max_u64(*high, bytes);
        if (!latent && layer->key_size == NEWER_FUSED_HEAD && run->grown_bits == 16)
            continue;
        *low = cfi_max_u64(*low, cfi_max_u64(of_last, bytes - cfi_min_u64(bytes, of_cells / cells * last)));
    }
    return true;
}

ctxfit_status cfi_memory_measure_grown(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    cfi_memory_device *device = &out->device[0];
    const grown_widths widest = grown_widest(model);
    uint64_t           copied = 0, low = 0, high = 0, inner, outputs;
    bool               fits = true;

    for (uint64_t i = 0; i < model->info.tensor_count && fits; i++) {
        const cfi_tensor *tensor = &model->tensor[i];

        if (tensor->role != CFI_ROLE_UNUSED && tensor->role != CFI_ROLE_ROPE)
            fits = cfi_add_u64(device->weights, run->widened ? tensor->bytes : cfi_model_stored_bytes(model, tensor), &device->weights);
    }
    fits = fits && grown_add_caches(model, run, device, &copied) && grown_scores(model, run, device->kv, &low, &high) &&
           cfi_mul_u64(run->n_ubatch, widest.inner, &inner) && cfi_add_u64(low, inner, &device->compute_low) &&
           cfi_mul_u64(2 * REST_HIGH_LAYERS * (uint64_t)run->n_ubatch, widest.outputs, &outputs) &&
           cfi_add_u64(outputs + REST_HIGH_BYTES, 2 * copied, &device->compute) && cfi_add_u64(device->compute, high, &device->compute);
    device->layers = model->info.layers;
    return fits ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_OVERFLOW, "caches: more than 64 bits");
}
