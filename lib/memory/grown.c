/* Memory of mlx-lm: weights as they are, caches as long as what is in them. 0.32.2, mlx_lm/models/cache.py. */
#include "memory_internal.h"

#define MIB (UINT64_C(1) << 20)
#define QUANTIZED_GROUP 64u /* kv_group_size, generate.py:325; a scale and a bias of 16 bits each */

/* The band of the rest, by rows of tests/unit/plan/test_plan_mlx.c: the widest step of a prompt, halved, and two and a half times. */
#define REST_HIGH_BYTES (64 * MIB)

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

static uint64_t grown_peak(const ctxfit_model *model, const cfi_run *run)
{
    uint64_t widest = 0;

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        const ctxfit_layer_info *layer = &model->layer[i];

        widest = cfi_max_u64(widest, 3 * ((uint64_t)layer->ff_width + layer->shared_width) +
                                         layer->experts_used * ((uint64_t)model->info.embedding + 3 * (uint64_t)layer->expert_width));
    }
    if (!cfi_mul_u64(2 * (uint64_t)run->n_ubatch, widest + 2 * (uint64_t)model->info.embedding, &widest))
        return UINT64_MAX / 8;
    return cfi_min_u64(widest, UINT64_MAX / 8);
}

ctxfit_status cfi_memory_measure_grown(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    cfi_memory_device *device = &out->device[0];
    uint64_t           copied = 0, peak = grown_peak(model, run);
    bool               fits = true;

    for (uint64_t i = 0; i < model->info.tensor_count && fits; i++) {
        const cfi_tensor *tensor = &model->tensor[i];

        if (tensor->role != CFI_ROLE_UNUSED && tensor->role != CFI_ROLE_ROPE)
            fits = cfi_add_u64(device->weights, run->widened ? tensor->bytes : cfi_model_stored_bytes(model, tensor), &device->weights);
    }
    fits = fits && grown_add_caches(model, run, device, &copied);
    device->compute_low = peak / 2;
    fits = fits && cfi_add_u64(5 * (peak / 2) + REST_HIGH_BYTES, copied, &device->compute);
    device->layers = model->info.layers;
    return fits ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_OVERFLOW, "caches: more than 64 bits");
}
