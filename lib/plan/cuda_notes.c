/* Where CUDA takes other memory than the compute buffers that are counted. Rules: llama.cpp's ggml-cuda b10472 (d32676d) and 0c1e57098,
 * read and compiled without a device, 2026-11-20 (docs/compute-buffer.md). */
#include "plan_internal.h"

static bool is_cuda(const cfi_question *q, uint32_t device)
{
    return device < q->device_count && (q->engine_device[device].backend == CTXFIT_BACKEND_CUDA ||
                                        q->engine_device[device].backend == CTXFIT_BACKEND_ROCM);
}

/* ---- operations that CUDA refuses ---- */
/* llama.cpp asks a device for the scan that `ssm_a` is listed with before it places the tensor there (b10472
 * src/llama-model-loader.cpp:989, ggml-cuda.cu:5074). */
bool cfi_cuda_refuses_scan(const ctxfit_model *model, uint32_t build, uint32_t layer)
{
    const ctxfit_layer_info *info = &model->layer[layer];
    const cfi_tensor        *a    = cfi_model_weight(model, layer, CFI_STACK_MAIN, CFI_W_SSM_A, CFI_PART_WEIGHT);
    uint64_t                 head;

    if (info->state == CTXFIT_STATE_KDA)
        return a != NULL && !cfi_engine_changed(build, CFI_CHANGE_KDA_NOSCAN);
    if (a == NULL || (info->state != CTXFIT_STATE_MAMBA && info->state != CTXFIT_STATE_MAMBA2) || a->dims[1] == 0)
        return false;
    head = info->state_inner / a->dims[1];
    if (a->dims[0] != 1)
        return a->dims[0] != 16 || head != 1 || a->dims[1] % 128 != 0 || info->state_groups > 1;
    if (info->state_size == 96 && cfi_engine_changed(build, CFI_CHANGE_SCAN_96))
        return head % 16 != 0;
    return (info->state_size != 128 && info->state_size != 256) || head % 16 != 0;
}

static bool index_key_type(ctxfit_quant type)
{
    return type == CFI_QUANT_F32 || type == CFI_QUANT_F16 || type == CFI_QUANT_BF16 || type == CFI_QUANT_Q8_0 || type == CFI_QUANT_Q4_0 ||
           type == CFI_QUANT_Q4_1 || type == CFI_QUANT_Q5_0 || type == CFI_QUANT_Q5_1;
}

/* DeepSeek-V3.2's, DeepSeek-V4's and GLM-5's: b10472 ggml-cuda/lightning-indexer.cu:536. */
bool cfi_cuda_refuses_indexer(const ctxfit_model *model, const cfi_run *run, uint32_t layer)
{
    const ctxfit_layer_info *info = &model->layer[layer];

    if (info->indexer_heads == 0 || (info->attention != CTXFIT_ATTENTION_LATENT && info->compress_ratio == 0))
        return false;
    return info->indexer_size != 128 || (info->indexer_heads != 32 && info->indexer_heads != 64) || !index_key_type(run->type_k);
}

/* ---- sizes ---- */
static uint64_t product(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t out;

    return cfi_mul_u64(a, b, &out) && cfi_mul_u64(out, c, &out) && cfi_mul_u64(out, d, &out) ? out : UINT64_MAX;
}

/* The soft-maxed scores as the product with the values wants them: what the pool of scratch memory grows to. */
static uint64_t scores_bytes(const ctxfit_layer_info *layer, const cfi_run *run)
{
    uint64_t cells = cfi_engine_layer_windowed(layer) ? run->swa_cells : run->kv_cells;

    if (run->flash || !run->kv_offload || run->type_v == CFI_QUANT_F32 || (layer->flags & CTXFIT_LAYER_F_CACHE) == 0)
        return 0;
    return product(2, layer->heads, cells, run->graph_tokens);
}

/* The F16 copies of a quantized cache that flash attention reads: in the pool until they came into the compute buffer. */
static uint64_t copied_bytes(const ctxfit_layer_info *layer, const cfi_run *run)
{
    uint64_t cells = cfi_engine_layer_windowed(layer) ? run->swa_cells : run->kv_cells;
    uint64_t elems = (run->type_k != CFI_QUANT_F16 ? (uint64_t)layer->cache_k_elems : 0) +
                     (run->type_v != CFI_QUANT_F16 ? layer->cache_v_elems : 0);

    if (!run->flash || !run->kv_offload || (layer->flags & CTXFIT_LAYER_F_CACHE) == 0 ||
        cfi_engine_changed(run->build, CFI_CHANGE_FLASH_COPIES))
        return 0;
    return product(2, elems, cells, run->streams);
}

static uint64_t indexed_cells(const ctxfit_layer_info *layer, const cfi_run *run)
{
    return run->kv_cells / cfi_max_u64(1, layer->compress_ratio);
}

static void note_layers(const cfi_question *q, const cfi_run *run, cfi_cuda_notes *out)
{
    bool has_cuda = false;

    for (uint32_t d = 0; d < q->device_count; d++)
        has_cuda = has_cuda || is_cuda(q, d);
    for (uint32_t i = 0; i < q->model->info.layers; i++) {
        const ctxfit_layer_info *layer  = &q->model->layer[i];
        uint32_t                 device = cfi_engine_layer_device(run, i);

        if (!is_cuda(q, device) && (device < q->device_count || !has_cuda))
            continue;
        /* Layers of the host too: what CUDA refuses is not in its pinned memory and is not computed there for long prompts. */
        out->scan_refused |= cfi_cuda_refuses_scan(q->model, run->build, i);
        /* Scores of all heads, and once more with their weights. */
        if (cfi_cuda_refuses_indexer(q->model, run, i))
            out->indexer_bytes = cfi_max_u64(out->indexer_bytes,
                                             product(8, layer->indexer_heads, indexed_cells(layer, run), run->graph_tokens));
        if (device == q->device_count)
            continue;
        out->pool_bytes = cfi_max_u64(out->pool_bytes, scores_bytes(layer, run));
        out->copied_bytes = cfi_max_u64(out->copied_bytes, copied_bytes(layer, run));
        out->has_experts |= layer->experts > 0;
    }
}

static ctxfit_status note_fused(const cfi_question *q, const cfi_answer *answer, cfi_cuda_notes *out, ctxfit_error *error)
{
    cfi_answer    fused;
    ctxfit_status status;

    status = cfi_plan_answer_fused(q, answer->run.n_ctx, answer->run.n_seq, &fused, error);
    for (uint32_t d = 0; status == CTXFIT_OK && d < q->device_count; d++) {
        uint64_t plain = answer->memory.device[d].compute;
        uint64_t bytes = fused.memory.device[d].compute;

        if (bytes > plain && bytes - plain > out->fused_bytes) {
            out->fused_bytes  = bytes - plain;
            out->fused_device = d;
        }
    }
    return status;
}

ctxfit_status cfi_plan_cuda_notes(const cfi_question *q, const cfi_answer *answer, cfi_cuda_notes *out, ctxfit_error *error)
{
    memset(out, 0, sizeof *out);
    if (answer->run.paged.tensor_ranks > 0 || answer->run.exllama.k_bits > 0)
        return CTXFIT_OK;
    note_layers(q, &answer->run, out);
    if (!out->has_experts || !cfi_engine_changed(answer->run.build, CFI_CHANGE_FUSED_KEPT))
        return CTXFIT_OK;
    out->fuses = true;
    return answer->memory.compute_exact ? note_fused(q, answer, out, error) : CTXFIT_OK;
}
