/* The type of vLLM's cache: what is asked for, what it chooses, and what a token takes in it. */
#include "engine_internal.h"

#define ANY    UINT16_MAX
#define SM(m)  (1u << (m))

typedef struct cache_row {
    uint8_t  format;
    bool     sparse;
    uint16_t since;
    uint16_t majors;
} cache_row;

/* Attention is sparse in all layers where one has an indexer, as others take its choice: models/deepseek_v2.py, is_v32. */
static bool is_sparse(const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT && model->layer[i].indexer_size != 0)
            return true;
    return false;
}

static ctxfit_status refuse(const cfi_run *run, ctxfit_quant type, const char *lacks, ctxfit_error *error)
{
    return cfi_fail(error, CTXFIT_E_REFUSED, "%s: cache type %s: %s", run->engine.name, ctxfit_quant_name(type), lacks);
}

/* Whether the type runs at all; E_REFUSED says what it lacks. */
static ctxfit_status check_cache(const ctxfit_model *model, const cfi_engine_machine *machine, const cfi_run *run, ctxfit_quant type,
                                 ctxfit_error *error)
{
    enum { SPARSE = 1, HEADS = 0 };
    static const cache_row rows[] = {
#define CFI_VLLM_CACHE(format, since, caches, majors, where) {CFI_QUANT_##format, caches, since, majors},
#include "vllm_caches.def"
#undef CFI_VLLM_CACHE
    };
    const uint32_t major = cfi_ranks_capability(machine, run) / 10;
    const bool     cuda = machine->device[0].backend == CTXFIT_BACKEND_CUDA;
    const char    *lacks = "expected the model's own (auto), bfloat16, float16 or fp8";

    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        if (rows[i].format != type)
            continue;
        if (rows[i].sparse ? !is_sparse(model) : cfi_ranks_latent(model))
            return refuse(run, type, rows[i].sparse ? "only latent attention that chooses tokens has it (DeepSeek-V3.2, GLM-5)"
                                                    : "latent attention has no such cache", error);
        if (run->release < rows[i].since)
            lacks = "this release does not have it";
        else if (rows[i].majors != ANY && (!cuda || (major != 0 && (rows[i].majors & SM(major)) == 0)))
            lacks = "no attention backend of this GPU has it";
        else
            return CTXFIT_OK;
    }
    return refuse(run, type, lacks, error);
}

/* What a token takes in each layer where latent attention is sparse and packed; 0: it is not. FlashMLA packs FP8 with scales, FlashInfer
 * of compute capability 10 and ROCm's kernels do not, FlashInfer of 12 packs whatever is not asked for otherwise (platforms/cuda.py;
 * mla_attention.py, _canonicalize_sparse_mla_kv_cache_dtype()). */
static uint32_t packed_bytes(const ctxfit_plan_options *options, const cfi_engine_machine *machine, const cfi_run *run, ctxfit_quant type)
{
    const uint32_t          major = machine->memory != NULL ? machine->memory[0].capability / 10 : 0;
    const cfi_quant_format *packed = cfi_quant_format_of(CFI_QUANT_FP8_DS_MLA);

    if (type == CFI_QUANT_FP8_DS_MLA || type == CFI_QUANT_NVFP4_DS_MLA)
        return cfi_quant_format_of(type)->block_bytes;
    if (machine->device[0].backend != CTXFIT_BACKEND_CUDA)
        return 0;
    if (major == 12 && options->kv_key == CTXFIT_QUANT_DEFAULT && cfi_vllm_changed(run->release, CFI_VLLM_SPARSE_SM120))
        return packed->block_bytes;
    if (type != CFI_QUANT_FP8_E4M3 || (major == 10 && cfi_vllm_changed(run->release, CFI_VLLM_SPARSE_RAW)))
        return 0;
    return packed->block_bytes;
}

/* models/config.py, GlmMoeDsaForCausalLM */
static bool defaults_to_fp8(const ctxfit_model *model, const cfi_engine_machine *machine, const cfi_run *run)
{
    return strcmp(model->arch_name, "glm-dsa") == 0 && machine->device[0].backend == CTXFIT_BACKEND_CUDA && machine->memory != NULL &&
           machine->memory[0].capability / 10 == 10 && cfi_vllm_changed(run->release, CFI_VLLM_SPARSE_GLM_FP8);
}

ctxfit_status cfi_vllm_cache_of(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                const cfi_run *run, cfi_vllm_cache *out, ctxfit_error *error)
{
    ctxfit_quant            type = cfi_ranks_cache_type(model, options, run);
    const cfi_quant_format *format;

    if (options->kv_key != options->kv_value)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s has one type for K and V (--kv-cache-dtype)", run->engine.name);
    if (type == CTXFIT_QUANT_DEFAULT)
        type = defaults_to_fp8(model, machine, run) ? CFI_QUANT_FP8_E4M3 : CTXFIT_QUANT_BF16;
    if (type != CTXFIT_QUANT_F16 && type != CTXFIT_QUANT_BF16 && type != CFI_QUANT_FP8_E4M3) {
        ctxfit_status status = check_cache(model, machine, run, type, error);

        if (status != CTXFIT_OK)
            return status;
    }
    out->packed_bytes = is_sparse(model) ? packed_bytes(options, machine, run, type) : 0;
    out->type = out->packed_bytes == cfi_quant_format_of(CFI_QUANT_FP8_DS_MLA)->block_bytes ? CFI_QUANT_FP8_DS_MLA : type;
    format = cfi_quant_format_of(type);
    out->block_elems = format->block_elems;
    out->block_bytes = format->block_bytes;
    out->head_bytes = format->row_bytes;
    return CTXFIT_OK;
}

uint64_t cfi_vllm_token_bytes(const ctxfit_layer_info *layer, const cfi_vllm_cache *cache, cfi_cache_form form, uint32_t ranks)
{
    if (layer->attention == CTXFIT_ATTENTION_LATENT && cache->packed_bytes != 0)
        return cache->packed_bytes;
    return cfi_engine_cache_elems(layer, form, ranks) / cache->block_elems * cache->block_bytes +
           2 * (uint64_t)cfi_ranks_kv_heads(layer, ranks) * cache->head_bytes;
}
