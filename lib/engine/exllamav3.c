/* ExLlamaV3, as TabbyAPI runs it: options to a run. Read: exllamav3 0.0.6 to 1.6.5, TabbyAPI e632af4 (2026-08),
 * backends/exllamav3/model.py. */
#include "engine_internal.h"

#define EXL3_PAGE    256u  /* constants.py, PAGE_SIZE */
#define EXL3_CHUNK   2048u /* chunk_size */
#define EXL3_CONTEXT 8192u /* max_seq_len_default, where the model states none */
#define EXL3_SLOTS   4u    /* default_mbs of models that keep states */

enum { NONE = 0, WINDOWS = 1 };

typedef struct exl3_arch {
    char     name[16];
    uint32_t release;
    uint32_t flags;
} exl3_arch;

static const exl3_arch exl3_archs[] = {
#define CFI_EXL3_CHANGE(name, release, source)
#define CFI_EXL3_ARCH(name, release, flags, classes) {name, release, flags},
#include "exllamav3.def"
#undef CFI_EXL3_CHANGE
#undef CFI_EXL3_ARCH
};

static const uint32_t exl3_releases[] = {
#define CFI_EXL3_CHANGE(name, release, source) release,
#define CFI_EXL3_ARCH(name, release, flags, classes)
#include "exllamav3.def"
#undef CFI_EXL3_CHANGE
#undef CFI_EXL3_ARCH
};

bool cfi_exl3_changed(uint32_t release, cfi_exl3_change change) { return release >= exl3_releases[change]; }

static const exl3_arch *exl3_arch_of(const char *name)
{
    for (size_t i = 0; i < CFI_COUNT(exl3_archs); i++)
        if (strcmp(exl3_archs[i].name, name) == 0)
            return &exl3_archs[i];
    return NULL;
}

/* modules/linear.py: FP8 and MXFP4 become 16 bits when they are loaded. */
static bool loads_checkpoint(const ctxfit_model *model)
{
    if (model->checkpoint == NULL || !model->as_stored)
        return true;
    switch (model->checkpoint->quant) {
    case CTXFIT_CHECKPOINT_QUANT_NONE:
    case CTXFIT_CHECKPOINT_QUANT_FP8:
    case CTXFIT_CHECKPOINT_QUANT_MXFP4: return true;
    }
    return false;
}

static ctxfit_status exl3_check_model(const ctxfit_model *model, const cfi_run *run, ctxfit_error *error)
{
    const exl3_arch *arch = exl3_arch_of(model->arch_name);
    uint32_t         type = model->info.file_type;

    if (arch == NULL)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 does not run the architecture '%s'", model->arch_name);
    if (arch->release > run->release)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 runs the architecture '%s' from %u.%u.%u on, this is %s", model->arch_name,
                        (unsigned)(arch->release / 10000), (unsigned)(arch->release / 100 % 100), (unsigned)(arch->release % 100),
                        run->engine.version);
    if (!cfi_exl3_is(type) && type != CFI_FILE_F16 && type != CFI_FILE_BF16 && type != CFI_FILE_F32)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 loads EXL3 (exl3-4.0bpw) and checkpoints of 16 bits, not %s",
                        type != 0 ? ctxfit_file_type_name(type) : "the formats of this file");
    if (run->cpu_expert_layers != 0 && !cfi_exl3_is(type)) /* load_cpu_offload() */
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 keeps experts on the host in EXL3 only");
    if (!loads_checkpoint(model))
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 does not load checkpoints of the method '%s'", model->checkpoint->quant_method);
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (model->layer[i].compress_ratio != 0 || model->layer[i].indexer_size != 0)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "exllamav3: sparse and compressed caches of '%s' are not modelled",
                            model->arch_name);
    return CTXFIT_OK;
}

static ctxfit_status exl3_check_machine(const cfi_engine_machine *machine, ctxfit_error *error)
{
    if (machine->count == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 needs a GPU of NVIDIA; the machine has none");
    for (uint32_t d = 0; d < machine->count; d++)
        if (machine->device[d].backend != CTXFIT_BACKEND_CUDA)
            return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 runs on CUDA; device %lu has another backend", (unsigned long)d);
    return CTXFIT_OK;
}

static ctxfit_status exl3_check_options(const ctxfit_plan_options *options, const cfi_run *run, ctxfit_error *error)
{
    if (options->kv_unified == CTXFIT_CHOICE_OFF)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 has one cache, which all requests share (cache_size)");
    if (options->tensor_parallel > 1)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "exllamav3: tensor_parallel is not modelled: it divides by free memory");
    if (options->cpu_expert_layers != 0 && !cfi_exl3_changed(run->release, CFI_EXL3_HOST_EXPERTS))
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3 keeps experts on the host from 1.2.0 on, this is %s", run->engine.version);
    return CTXFIT_OK;
}

/* Bits of an element of the cache; 0: it has no such type. */
static uint32_t exl3_bits(ctxfit_quant quant)
{
    switch (quant) {
    case CTXFIT_QUANT_DEFAULT:
    case CFI_QUANT_F16:
    case CFI_QUANT_BF16: return 16;
    case CFI_QUANT_Q8_0: return 8;
    case CFI_QUANT_Q6_0: return 6;
    case CFI_QUANT_Q5_0: return 5;
    case CFI_QUANT_Q4_0: return 4;
    }
    return quant >= CFI_QUANT_KV_2BIT && quant <= CFI_QUANT_KV_8BIT ? quant - CFI_QUANT_KV_2BIT + 2 : 0;
}

static ctxfit_status exl3_cache_bits(const ctxfit_plan_options *options, cfi_run *run, ctxfit_error *error)
{
    cfi_exllama *x = &run->exllama;

    x->k_bits = exl3_bits(options->kv_key);
    x->v_bits = exl3_bits(options->kv_value);
    if (x->k_bits == 0 || x->v_bits == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3: cache type %s: expected f16, or 2 to 8 bits (q2 to q8)",
                        ctxfit_quant_name(x->k_bits == 0 ? options->kv_key : options->kv_value));
    if ((x->k_bits == 16) != (x->v_bits == 16))
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3: of K and V both are quantized, or none (cache_mode)");
    run->type_k = options->kv_key != 0 ? options->kv_key : CTXFIT_QUANT_F16;
    run->type_v = options->kv_value != 0 ? options->kv_value : CTXFIT_QUANT_F16;
    return CTXFIT_OK;
}

/* cache_size and max_seq_len are one here: a request may take the whole cache. */
static ctxfit_status exl3_context(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run, ctxfit_error *error)
{
    const uint64_t length = cfi_engine_length_of(model, run->id, run->release).by_default;
    uint64_t       tokens = options->ctx_tokens;

    run->notes.ctx_source = CTXFIT_CTX_FROM_REQUEST;
    if (tokens == 0) {
        run->notes.ctx_source = length != 0 ? CTXFIT_CTX_FROM_MODEL : CTXFIT_CTX_FROM_SERVER;
        run->notes.ctx_default = length == 0;
        tokens = length != 0 ? length : EXL3_CONTEXT;
    }
    run->notes.ctx_tokens = tokens;
    if (tokens > UINT32_MAX / EXL3_PAGE * EXL3_PAGE)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens %llu: more than 32 bits", (unsigned long long)tokens);
    run->n_ctx = (tokens + EXL3_PAGE - 1) / EXL3_PAGE * EXL3_PAGE; /* adjust_cache_size */
    run->n_ctx_seq = run->n_ctx;
    run->kv_cells = run->n_ctx;
    run->streams = 1;
    run->unified = true;
    run->n_seq = options->sequences != 0 ? options->sequences : 1;
    if (run->n_seq > cfi_engine_traits_of(run->id)->most_sequences)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3: %lu sequences at the same time: at most %lu here", (unsigned long)run->n_seq,
                        (unsigned long)cfi_engine_traits_of(run->id)->most_sequences);
    return CTXFIT_OK;
}

static ctxfit_status exl3_slots(const ctxfit_model *model, const ctxfit_plan_options *options, cfi_run *run, ctxfit_error *error)
{
    const exl3_arch *arch = exl3_arch_of(model->arch_name);
    cfi_exllama     *x = &run->exllama;

    x->window_states = (arch->flags & WINDOWS) != 0 && cfi_exl3_changed(run->release, CFI_EXL3_WINDOW_STATES);
    x->history = options->draft_tokens;
    x->slots = run->n_seq;
    if (!cfi_exl3_changed(run->release, CFI_EXL3_STATE_SLOTS))
        return CTXFIT_OK;
    if (options->batch_sequences != 0 && options->batch_sequences < run->n_seq)
        return cfi_fail(error, CTXFIT_E_REFUSED, "exllamav3: %lu requests at once with a max_batch_size of %lu", (unsigned long)run->n_seq,
                        (unsigned long)options->batch_sequences);
    x->slots = options->batch_sequences != 0 ? options->batch_sequences : (uint32_t)cfi_max_u64(run->n_seq, EXL3_SLOTS);
    return CTXFIT_OK;
}

static void exl3_place(const ctxfit_model *model, const cfi_engine_machine *machine, cfi_run *run)
{
    run->device_count = machine->count;
    run->split_devices = machine->count;
    run->gpu_layers = model->info.layers + model->info.nextn_layers + 1;
    for (uint32_t d = 0; d <= machine->count; d++)
        run->first_layer[d] = d == 0 ? 0 : run->gpu_layers;
    run->output_device = 0;
}

ctxfit_status cfi_engine_resolve_exllamav3(const ctxfit_model *model, const ctxfit_plan_options *options,
                                           const cfi_engine_machine *machine, cfi_run *run, ctxfit_error *error)
{
    uint64_t      chunk = options->batch_tokens != 0 ? options->batch_tokens : EXL3_CHUNK;
    ctxfit_status status = exl3_check_options(options, run, error);

    run->cpu_expert_layers = options->cpu_expert_layers; /* the first of those that have experts */
    if (status == CTXFIT_OK)
        status = exl3_check_machine(machine, error);
    if (status == CTXFIT_OK)
        status = exl3_check_model(model, run, error);
    if (status == CTXFIT_OK)
        status = exl3_cache_bits(options, run, error);
    if (status == CTXFIT_OK)
        status = exl3_context(model, options, run, error);
    if (status == CTXFIT_OK)
        status = exl3_slots(model, options, run, error);
    if (status != CTXFIT_OK)
        return status;
    chunk = (chunk + EXL3_PAGE - 1) / EXL3_PAGE * EXL3_PAGE; /* adjust_chunk_size */
    run->n_batch = (uint32_t)cfi_min_u64(chunk, UINT32_MAX / EXL3_PAGE * EXL3_PAGE);
    run->n_ubatch = run->n_batch;
    run->flash = true;
    run->kv_offload = true;
    run->overrides = options->overrides;
    for (uint32_t i = 0; i < model->info.layers && run->exllama.window_states; i += model->layer_run[i])
        if (cfi_engine_layer_windowed(&model->layer[i]))
            run->swa_cells = cfi_max_u64(run->swa_cells, cfi_exl3_window(run, model->layer[i].window_tokens));
    exl3_place(model, machine, run);
    return CTXFIT_OK;
}

/* modules/sliding_attn.py, kv_state_size: the window and two pages more */
uint64_t cfi_exl3_window(const cfi_run *run, uint32_t window)
{
    uint64_t tokens = (uint64_t)window + 2 * EXL3_PAGE;

    return cfi_exl3_changed(run->release, CFI_EXL3_WHOLE_PAGES) ? (tokens + EXL3_PAGE - 1) / EXL3_PAGE * EXL3_PAGE : tokens;
}

/* autosplit_reserve of TabbyAPI is 96 MiB of the first GPU; load_gen() keeps half a GiB of the others. Later releases want a margin of
 * 256 MiB free on each. */
uint64_t cfi_exl3_reserve(uint32_t release, uint32_t device)
{
    const uint64_t mib = UINT64_C(1) << 20;
    uint64_t       reserve = (device == 0 ? 96 : 512) * mib;

    return cfi_exl3_changed(release, CFI_EXL3_AUTOSPLIT_MARGIN) ? cfi_max_u64(reserve, 256 * mib) : reserve;
}
