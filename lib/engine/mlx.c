/* mlx-lm: caches that grow. 0.32.2, mlx_lm/models/cache.py, mlx_lm/generate.py. */
#include "engine_internal.h"

#define MLX_CACHE_STEP     256u  /* KVCache.step */
#define MLX_PREFILL_TOKENS 2048u /* prefill_step_size, generate.py:323 */

cfi_grown_windows cfi_grown_windows_of(const ctxfit_model *model)
{
    static const struct {
        char    arch[16];
        uint8_t listed;
    } rows[] = {
#define CFI_MLX_WINDOWS(arch, listed, source) {arch, listed},
#include "mlx_windows.def"
#undef CFI_MLX_WINDOWS
    };
    cfi_grown_windows out = {false, {0, false, 0}};

    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        if (strcmp(model->arch_name, rows[i].arch) != 0)
            continue;
        out.layers = true;
        if (rows[i].listed)
            out.stated = cfi_engine_config_windows(model);
    }
    if (!out.stated.listed)
        out.stated.tokens = 0;
    return out;
}

uint32_t cfi_grown_layer_window(const ctxfit_model *model, const cfi_grown_windows *windows, uint32_t layer)
{
    if (windows->layers && cfi_engine_layer_windowed(&model->layer[layer]))
        return cfi_engine_stated_window(model, &model->layer[layer]);
    return cfi_engine_config_windowed(model, &windows->stated, layer) ? windows->stated.tokens : 0;
}

static ctxfit_status mlx_cache_bits(const ctxfit_model *model, const ctxfit_plan_options *options, uint32_t *out, ctxfit_error *error)
{
    const cfi_grown_windows windows = cfi_grown_windows_of(model);

    *out = 16;
    if (options->kv_key != options->kv_value)
        return cfi_fail(error, CTXFIT_E_REFUSED, "mlx-lm has one number of bits for K and V (--kv-bits)");
    if (options->kv_key == CTXFIT_QUANT_DEFAULT || options->kv_key == CTXFIT_QUANT_F16 || options->kv_key == CTXFIT_QUANT_BF16)
        return CTXFIT_OK;
    if (options->kv_key != CTXFIT_QUANT_Q8_0 && options->kv_key != CTXFIT_QUANT_Q4_0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "mlx-lm: cache type %s: expected 16 bits, 8 (q8_0) or 4 (q4_0)",
                        ctxfit_quant_name(options->kv_key));
    *out = options->kv_key == CTXFIT_QUANT_Q8_0 ? 8 : 4;
    for (uint32_t i = 0; i < model->info.layers; i++) {
        if (cfi_grown_layer_window(model, &windows, i) != 0)
            return cfi_fail(error, CTXFIT_E_REFUSED, "mlx-lm: RotatingKVCache Quantization NYI"); /* its own words, cache.py */
        if (model->layer[i].attention == CTXFIT_ATTENTION_LATENT &&
            cfi_engine_cache_form(model, CFI_ENGINE_MLX, 0) != CFI_CACHE_HEADS)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "mlx-lm: quantized caches of latent attention are not modelled");
    }
    return CTXFIT_OK;
}

static void mlx_place(const ctxfit_model *model, uint32_t device_count, cfi_run *run)
{
    run->device_count = device_count;
    run->split_devices = 1;
    run->gpu_layers = model->info.layers + model->info.nextn_layers + 1;
    for (uint32_t d = 0; d <= device_count; d++)
        run->first_layer[d] = d == 0 ? 0 : run->gpu_layers;
    run->output_device = 0;
}

ctxfit_status cfi_engine_resolve_mlx(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                     cfi_run *run, ctxfit_error *error)
{
    const cfi_grown_windows windows = cfi_grown_windows_of(model);
    ctxfit_status           status = CTXFIT_OK;

    if (machine->count == 0 || machine->device[0].backend != CTXFIT_BACKEND_METAL)
        status = cfi_fail(error, CTXFIT_E_UNSUPPORTED, "mlx-lm: only the GPU of an Apple machine is modelled");
    if (status == CTXFIT_OK)
        status = cfi_mlx_check_model(model, &run->widened, error);
    if (status == CTXFIT_OK)
        status = cfi_ranks_context(model, options, run, error);
    if (status == CTXFIT_OK)
        status = mlx_cache_bits(model, options, &run->grown_bits, error);
    if (status != CTXFIT_OK)
        return status;
    run->n_ctx_seq = (run->n_ctx_seq + MLX_CACHE_STEP - 1) / MLX_CACHE_STEP * MLX_CACHE_STEP;
    run->n_ctx = run->n_ctx_seq * run->n_seq;
    run->kv_cells = run->n_ctx_seq;
    run->n_batch = (uint32_t)cfi_min_u64(options->batch_tokens != 0 ? options->batch_tokens : MLX_PREFILL_TOKENS, run->n_ctx_seq);
    run->n_ubatch = run->n_batch;
    run->flash = true;
    run->kv_offload = true;
    run->type_k = options->kv_key != 0 ? options->kv_key : CTXFIT_QUANT_BF16;
    run->type_v = run->type_k;
    run->overrides = options->overrides;
    for (uint32_t i = 0; i < model->info.layers; i++) {
        uint32_t window = cfi_grown_layer_window(model, &windows, i);

        if (window != 0)
            run->swa_cells = cfi_max_u64(run->swa_cells, cfi_grown_window(run, window));
    }
    mlx_place(model, machine->count, run);
    return CTXFIT_OK;
}

/* RotatingKVCache: during a prompt the window and the tokens of a step, so that every token sees a whole window (_update_concat) */
uint64_t cfi_grown_window(const cfi_run *run, uint32_t window)
{
    return cfi_min_u64(run->kv_cells, (window > 0 ? window - 1 : 0) + (uint64_t)run->n_ubatch);
}
