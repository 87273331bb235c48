/* Memory of ExLlamaV3: weights, one cache, states in slots, and what a chunk of a prompt needs. Read: exllamav3 1.6.5, and the releases
 * before where a rule changed (lib/engine/exllamav3.def). */
#include "memory_internal.h"

#define MIB (UINT64_C(1) << 20)
#define GROUP          32u      /* elements of the cache that share a scale of 16 bits: cache/quant.py */
#define STAGED_TOKENS  65536u   /* _qc_staging_pages x PAGE_SIZE: attention_fn/triton_paged.py */
#define LOGIT_ROWS     32u      /* max_output_size: model/model_ls.py */
#define DIRECT_ROWS    144u     /* AUTO_RECONSTRUCT_THRESHOLD: modules/quant/exl3.py */
#define MOST_PEAK      (double)(UINT64_C(1) << 60)

/* Driver, kernels, workspaces and what torch's allocator leaves unused: by the rows of tests/data/engines/exllamav3.csv. */
#define CONTEXT_LOW_BYTES  (128 * MIB)
#define CONTEXT_HIGH_BYTES (768 * MIB)

/* ---- weights ---- */
/* The files' own bytes are at hand. */
static const ctxfit_checkpoint_info *checkpoint_of(const ctxfit_model *model)
{
    const ctxfit_checkpoint_info *c = model->checkpoint;

    if (c == NULL || c->quant != CTXFIT_CHECKPOINT_QUANT_EXL3 || model->checkpoint_layer == NULL ||
        model->info.file_type != cfi_exl3_type(c->quant_bits_hundredths, c->output_bits))
        return NULL;
    return c;
}

/* Other checkpoints are 16 bits of every weight. */
static uint64_t sums_bytes(const ctxfit_model *model, const cfi_tensor_sums *sums)
{
    if (cfi_exl3_is(model->info.file_type))
        return sums->bytes[0] + sums->bytes[1];
    return 2 * (sums->parameters[0] + sums->parameters[1]);
}

static uint64_t layer_experts(const ctxfit_model *model, uint32_t layer)
{
    return checkpoint_of(model) != NULL ? model->checkpoint_layer[layer].expert_bytes : model->layer_sums[layer].bytes[1];
}

static uint64_t layer_weights(const ctxfit_model *model, uint32_t layer)
{
    if (checkpoint_of(model) != NULL)
        return model->checkpoint_layer[layer].dense_bytes + model->checkpoint_layer[layer].expert_bytes;
    return sums_bytes(model, &model->layer_sums[layer]);
}

/* A matrix of its own where the model has the embeddings for it: the converter makes one, and 16 bits are loaded twice. */
static uint64_t output_weights(const ctxfit_model *model)
{
    static const ctxfit_quant by_bits[] = {CFI_QUANT_EXL3_1BIT, CFI_QUANT_EXL3_2BIT, CFI_QUANT_EXL3_3BIT, CFI_QUANT_EXL3_4BIT,
                                           CFI_QUANT_EXL3_5BIT, CFI_QUANT_EXL3_6BIT, CFI_QUANT_EXL3_7BIT, CFI_QUANT_EXL3_8BIT};
    uint64_t                  bytes = sums_bytes(model, &model->output_sums), head = 0;

    if (checkpoint_of(model) != NULL)
        return checkpoint_of(model)->output_bytes;
    if (model->has_output || model->token_embd == NULL)
        return bytes;
    head = 2 * model->token_embd->dims[0] * model->token_embd->dims[1];
    if (cfi_exl3_is(model->info.file_type))
        (void)cfi_quant_tensor_bytes(by_bits[cfi_exl3_head_bits(model->info.file_type) - 1], model->token_embd->dims, &head);
    return bytes + head; /* smaller than the tensors in 32 bits, whose sum fits */
}

/* ---- caches ---- */
static uint64_t cached_elems_bytes(uint64_t elems, uint32_t bits)
{
    return bits == 16 ? 2 * elems : elems / GROUP * (4 * (uint64_t)bits + 2);
}

/* Of a token. K and V are as wide as the keys; a latent cache has the compressed vector and the rotated part, which stays 16 bits. */
static uint64_t token_bytes(const ctxfit_layer_info *layer, const cfi_exllama *x)
{
    const uint64_t width = (uint64_t)layer->kv_heads * layer->key_size;

    if (layer->kv_rank > 0)
        return cached_elems_bytes(layer->kv_rank, x->k_bits) + 2 * (uint64_t)layer->rope_size;
    return cached_elems_bytes(width, x->k_bits) + cached_elems_bytes(width, x->v_bits);
}

/* modules/gated_delta_net.py, GDNLayerState (also of Mamba-2); modules/short_conv.py. False on overflow. */
static bool state_bytes(const ctxfit_layer_info *layer, const cfi_run *run, uint64_t *out)
{
    const cfi_exllama *x = &run->exllama;
    const bool         half = cfi_exl3_changed(run->release, CFI_EXL3_HALF_STATES);
    const uint64_t     width = layer->conv_kernel > 1 ? layer->conv_state_elems / (layer->conv_kernel - 1) : 0;
    const uint64_t     gates = (uint64_t)layer->state_heads * (layer->state == CTXFIT_STATE_KDA ? layer->state_size : 1);
    uint64_t           slot = 2 * width * ((uint64_t)layer->conv_kernel + x->history), one = 4 * (uint64_t)layer->recurrent_elems;

    *out = 0;
    if (layer->state == CTXFIT_STATE_NONE)
        return true;
    if (half && layer->state != CTXFIT_STATE_MAMBA2)
        one /= 2;
    slot += half ? 2 * one : (x->history + UINT64_C(1)) * one;
    if (half && layer->recurrent_elems > 0) /* what a rewind replays */
        slot += (x->history + UINT64_C(1)) * (2 * width + 2 * (uint64_t)layer->state_heads + 4 * gates);
    return cfi_mul_u64(slot, x->slots, out);
}

/* Whether the layer's experts are on the host; `*seen` counts the layers that have some. */
static bool is_offloaded(const ctxfit_model *model, const cfi_run *run, uint32_t index, uint32_t *seen)
{
    return model->layer[index].experts > 0 && ++*seen <= run->cpu_expert_layers;
}

/* The bytes of a layer with its caches on its GPU, by their kinds. */
static bool layer_memory(const ctxfit_model *model, const cfi_run *run, uint32_t index, bool offloaded, cfi_memory_device *out)
{
    const ctxfit_layer_info *layer = &model->layer[index];
    const uint64_t           width = (uint64_t)layer->kv_heads * layer->key_size;
    bool                     windowed = cfi_engine_layer_windowed(layer) && run->exllama.window_states;

    memset(out, 0, sizeof *out);
    out->weights = layer_weights(model, index) - (offloaded ? layer_experts(model, index) : 0);
    if (!state_bytes(layer, run, &out->recurrent))
        return false;
    if (layer->attention == CTXFIT_ATTENTION_NONE || (layer->flags & CTXFIT_LAYER_F_CACHE) == 0)
        return true;
    if (windowed) /* K and V of 16 bits */
        return cfi_mul_u64(4 * width, cfi_exl3_window(run, layer->window_tokens), &out->kv_swa) &&
               cfi_mul_u64(out->kv_swa, run->exllama.slots, &out->kv_swa);
    return cfi_mul_u64(token_bytes(layer, &run->exllama), run->kv_cells, &out->kv);
}

/* ---- what a chunk needs, while it passes the widest module ---- */
typedef struct chunk_peak {
    double low;
    double high;
} chunk_peak;

static void peak_add(chunk_peak *peak, double low, double high)
{
    peak->low = peak->low > low ? peak->low : low;
    peak->high = peak->high > high ? peak->high : high;
}

/* A matrix of more rows than the kernel takes is made 16 bits first (reconstruct_hgemm). */
static double sixteen_bit_matrix(const cfi_run *run, double columns, double rows)
{
    return run->n_ubatch > DIRECT_ROWS ? 2 * columns * (rows < 32768 ? rows : 32768) : 0;
}

static void peak_of_layer(const ctxfit_model *model, const cfi_run *run, const ctxfit_layer_info *layer, chunk_peak *peak)
{
    const double t = run->n_ubatch, h = model->info.embedding, q = (double)layer->heads * layer->key_size;
    const double kv = (double)layer->kv_heads * (layer->key_size + (double)layer->value_size);
    const double inner = layer->state_inner, width = layer->conv_kernel > 1 ? layer->conv_state_elems / (layer->conv_kernel - 1.0) : 0;
    const double ff = layer->ff_width > layer->shared_width ? layer->ff_width : layer->shared_width;
    const double used = layer->experts_used, expert = layer->expert_width;

    /* The stream in 32 bits, its norm in 16, what the module makes in 16 or 32. */
    peak_add(peak, t * (6 * h + 4 * q + 2 * kv) + sixteen_bit_matrix(run, h, q),
             t * (10 * h + 8 * q + 4 * kv) + sixteen_bit_matrix(run, h, 2 * q));
    peak_add(peak, t * (6 * h + 4 * (width + inner)) + sixteen_bit_matrix(run, h, width),
             t * (10 * h + 12 * (width + inner)) + sixteen_bit_matrix(run, h, width));
    peak_add(peak, t * (6 * h + 4 * ff) + sixteen_bit_matrix(run, h, ff), t * (10 * h + 10 * ff) + sixteen_bit_matrix(run, h, ff));
    if (used > 0)
        peak_add(peak, t * 10 * h, t * (14 * h + used * (6 * h + 8 * expert)) + 3 * sixteen_bit_matrix(run, h, expert));
}

/* A quantized cache is read as 16 bits: once for the whole length of a layer, later in slices of a fixed length. */
static void staging_of_layer(const cfi_run *run, const ctxfit_layer_info *layer, chunk_peak *staging)
{
    const double width = (double)layer->kv_heads * layer->key_size, cells = (double)run->kv_cells;
    const bool   slices = cfi_exl3_changed(run->release, CFI_EXL3_STAGED_SLICES);

    if (run->exllama.k_bits == 16 || layer->attention == CTXFIT_ATTENTION_NONE || layer->kv_rank > 0 ||
        (run->exllama.window_states && cfi_engine_layer_windowed(layer)))
        return;
    if (slices)
        peak_add(staging, 0, 4 * width * STAGED_TOKENS + 4.0 * run->n_ubatch * layer->heads * layer->key_size);
    else
        peak_add(staging, 0, 4 * width * cells);
}

static chunk_peak chunk_bytes(const ctxfit_model *model, const cfi_run *run)
{
    chunk_peak peak = {0, 0}, staging = {0, 0};
    double     rows = LOGIT_ROWS < run->n_ubatch ? LOGIT_ROWS : run->n_ubatch;

    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i]) {
        peak_of_layer(model, run, &model->layer[i], &peak);
        staging_of_layer(run, &model->layer[i], &staging);
    }
    peak_add(&peak, 0, rows * (double)model->info.vocabulary * 10);
    peak.low += CONTEXT_LOW_BYTES;
    peak.high += staging.high + CONTEXT_HIGH_BYTES;
    peak.low = peak.low < MOST_PEAK ? peak.low : MOST_PEAK;
    peak.high = peak.high < MOST_PEAK ? peak.high : MOST_PEAK;
    return peak;
}

/* ---- devices ---- */
static bool device_add(cfi_memory_device *device, const cfi_memory_device *layer)
{
    return cfi_add_u64(device->weights, layer->weights, &device->weights) && cfi_add_u64(device->kv, layer->kv, &device->kv) &&
           cfi_add_u64(device->kv_swa, layer->kv_swa, &device->kv_swa) &&
           cfi_add_u64(device->recurrent, layer->recurrent, &device->recurrent);
}

/* Modules are loaded one after the other, each on the first GPU that holds it beside the largest need of a chunk (_load_autosplit). What is
 * too much for all of them is left on the last. */
ctxfit_status cfi_memory_split_exllamav3(const ctxfit_model *model, const uint64_t *usable, cfi_run *run, ctxfit_error *error)
{
    const uint32_t    end = model->info.layers + model->info.nextn_layers;
    const chunk_peak  peak = chunk_bytes(model, run);
    cfi_memory_device part = {0};
    uint64_t          used = (uint64_t)peak.high, bytes;
    uint32_t          device = 0, seen = 0;

    for (uint32_t d = 1; d <= run->device_count; d++)
        run->first_layer[d] = run->gpu_layers;
    for (uint32_t i = 0; i <= model->info.layers; i++) {
        bool output = i == model->info.layers;

        if (output)
            bytes = output_weights(model);
        else if (layer_memory(model, run, i, is_offloaded(model, run, i, &seen), &part))
            bytes = cfi_memory_device_total(&part);
        else
            bytes = UINT64_MAX;
        if (bytes == UINT64_MAX || !cfi_add_u64(used, bytes, &used))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "layer %lu: more than 64 bits", (unsigned long)i);
        while (used > usable[device] && device + 1 < run->device_count) {
            run->first_layer[++device] = output ? end : i;
            if (!cfi_add_u64((uint64_t)peak.high, bytes, &used))
                return cfi_fail(error, CTXFIT_E_OVERFLOW, "layer %lu: more than 64 bits", (unsigned long)i);
        }
    }
    run->output_device = device;
    return CTXFIT_OK;
}

ctxfit_status cfi_memory_measure_exllamav3(const ctxfit_model *model, const cfi_run *run, cfi_memory *out, ctxfit_error *error)
{
    const chunk_peak   peak = chunk_bytes(model, run);
    cfi_memory_device *host = &out->device[run->device_count];
    bool               fits = true;
    uint32_t           seen = 0;

    for (uint32_t i = 0; i < model->info.layers && fits; i++) {
        cfi_memory_device *device = &out->device[cfi_engine_layer_device(run, i)], part;
        bool               offloaded = is_offloaded(model, run, i, &seen);

        fits = layer_memory(model, run, i, offloaded, &part) && device_add(device, &part);
        host->weights += offloaded ? layer_experts(model, i) : 0; /* a part of the files' sum */
        device->layers++;
    }
    fits = fits && cfi_add_u64(out->device[run->output_device].weights, output_weights(model), &out->device[run->output_device].weights);
    /* prefer_cpu: modules/embedding.py */
    host->weights += model->input_sums.padded[CFI_PADDING_32][0] + model->input_sums.padded[CFI_PADDING_32][1];
    for (uint32_t d = 0; d < run->device_count; d++) {
        if (out->device[d].weights == 0)
            continue;
        out->device[d].compute = (uint64_t)peak.high;
        out->device[d].compute_low = (uint64_t)peak.low;
    }
    return fits ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_OVERFLOW, "caches: more than 64 bits");
}
