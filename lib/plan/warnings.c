#include <inttypes.h>
#include <stdio.h>

#include "plan_internal.h"

typedef cfi_warning_list warning_list;

static void warn(warning_list *list, const char *fmt, ...) CFI_PRINTF(2, 3);

static void warn(warning_list *list, const char *fmt, ...)
{
    char        text[512]; /* as the notes of a model */
    va_list     args;
    const char *copy;

    if (list->plan->summary.warning_count == CFI_MAX_WARNINGS)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (uint32_t i = 0; i < list->plan->summary.warning_count; i++)
        if (strcmp(list->plan->warning[i], text) == 0)
            return; /* of devices that are alike, say */
    copy = cfi_arena_copy(&list->plan->arena, text, strlen(text));
    if (copy == NULL)
        list->out_of_memory = true;
    else
        list->plan->warning[list->plan->summary.warning_count++] = copy;
}

void cfi_plan_warn(cfi_warning_list *list, const char *text) { warn(list, "%s", text); }

/* vLLM: config/model.py, _get_and_verify_max_len; SGLang: configs/model_config.py, _derive_context_length. */
static const char *consent_to_longer(const cfi_question *q)
{
    switch (q->engine.id) {
    case CFI_ENGINE_VLLM: return ": vllm refuses it unless VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 is set";
    case CFI_ENGINE_SGLANG: return ": sglang refuses it unless SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1 is set";
    default: return "";
    }
}

/* What a model's source left open; `whose` before it. */
static void warn_of_source(warning_list *list, const ctxfit_model *model, const char *whose)
{
    const cfi_run *run = &list->plan->answer.run;
    const bool     own_loader = run->paged.tensor_ranks > 0 || run->grown_bits > 0 || run->exllama.k_bits > 0;

    for (size_t i = 0; i < CFI_MODEL_NOTES && model->note[i] != NULL; i++)
        if (!own_loader || model->note[i] != model->window_note)
            warn(list, "%s%s", whose, model->note[i]);
    if ((model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0)
        warn(list, "%sarchitecture '%s' is unknown: weights %s, caches follow the generic rule, compute is only a band", whose,
             model->arch_name,
             (model->info.flags & CTXFIT_MODEL_F_FROM_FILE) != 0 ? "are exact"
             : cfi_ranks_latent(model)                           ? "are those of a decoder with latent attention"
                                                                 : "are those of a plain decoder");
}

static void warn_of_model(warning_list *list, const cfi_question *q)
{
    const uint64_t most = q->length.most, step = cfi_engine_traits_of(q->engine.id)->ctx_step;

    warn_of_source(list, q->model, "");
    if (most == 0)
        warn(list, "the model states no trained length: nothing but memory limits the context here");
    else if (list->plan->summary.n_ctx_seq > (most + step - 1) / step * step)
        warn(list, "the context of %" PRIu64 " tokens is beyond the %" PRIu64 " that the model is made for%s",
             list->plan->summary.n_ctx_seq, most, consent_to_longer(q));
}

/* Of the cache that the checkpoint has scales for. */
static void warn_of_stated_cache(warning_list *list, const cfi_question *q)
{
    const ctxfit_checkpoint_info *c = q->model->checkpoint;
    const cfi_run                *run = &list->plan->answer.run;

    if (c == NULL || !q->model->as_stored || c->kv_quant == CTXFIT_QUANT_DEFAULT || q->options.kv_key != CTXFIT_QUANT_DEFAULT ||
        run->paged.tensor_ranks == 0)
        return;
    if (run->type_k == c->kv_quant || run->type_k == CFI_QUANT_FP8_DS_MLA)
        warn(list, "the cache is of %s, as the checkpoint states%s", ctxfit_quant_name(c->kv_quant),
             q->engine.id == CFI_ENGINE_TRTLLM ? "" : ": --kv-cache-dtype bfloat16 keeps 16 bits");
    else
        warn(list, "the checkpoint states a cache of %s: counted are 16 bits, as %s has it%s", ctxfit_quant_name(c->kv_quant),
             list->plan->summary.engine.name,
             q->engine.id == CFI_ENGINE_VLLM && c->kv_quant != CFI_QUANT_FP8_E4M3 ? " where it does not know that type" : "");
}

static void warn_of_deprecated(warning_list *list, const cfi_question *q)
{
    if (cfi_ranks_deprecates(q->model, q->engine.id, list->plan->answer.run.release))
        warn(list, "%s loads the quantization method %s with --allow-deprecated-quantization alone", list->plan->summary.engine.name,
             q->model->checkpoint->quant_method);
}

static void warn_of_latents(warning_list *list, const cfi_question *q)
{
    if (!cfi_engine_keeps_latents(q->model, q->engine.id, list->plan->answer.run.release))
        warn(list, "%s knows no latent attention of model_type '%s': its cache is that of keys and values of every head",
             list->plan->summary.engine.name, q->model->arch_name);
}

/* What is beside the decoder. */
static void warn_of_towers(warning_list *list, const cfi_question *q)
{
    const cfi_tower_bytes bytes = cfi_model_towers_bytes(q->model, true);
    const uint64_t        seen = list->plan->answer.memory.profile.seen;
    const char           *counted = q->model->towers_counted;

    if (list->plan->answer.run.paged.text_only)
        return;
    if ((q->options.flags & CTXFIT_PLAN_F_TEXT_ONLY) != 0 && bytes.divided > 0)
        warn(list, "text only (--language-model-only) is not heard by this release: eyes and ears are loaded in any case");
    if (seen > 0)
        warn(list,
             "what eyes and ears give for a batch of %" PRIu32 " tokens is in the band (%" PRIu64 " bytes); what they compute with goes by "
             "the largest picture of their processor and is not. With --limit-mm-per-prompt of 0 vLLM has neither",
             list->plan->answer.run.n_batch, seen);
    if (q->model->towers != NULL)
        warn(list, "%s", q->model->towers);
    if (counted == NULL)
        return;
    if (bytes.divided + bytes.whole > 0)
        warn(list, "of the weights, %s of config.json has %" PRIu64 " parameters: %" PRIu64 " bytes%s", counted,
             q->model->tower_matrices + q->model->tower_rest, bytes.divided + bytes.whole,
             bytes.divided == 2 * q->model->tower_matrices ? " in 16 bits" : ", quantized as quantization_config excepts none of it");
    else
        warn(list, "the weights of %s in config.json are not counted: of a GGUF they are a file of their own", counted);
}

/* Engines of GGUF files load another file than the checkpoint; the others what it has. */
static void warn_of_checkpoint(warning_list *list, const cfi_question *q)
{
    const cfi_run   *run = &list->plan->answer.run;
    const cfi_stored stored = cfi_model_stored(q->model);

    if (run->paged.tensor_ranks > 0)
        warn_of_towers(list, q);
    if ((q->model->info.flags & CTXFIT_MODEL_F_FROM_FILE) != 0 &&
        (q->engine.id == CFI_ENGINE_EXLLAMAV3 || q->engine.id == CFI_ENGINE_TRTLLM || q->engine.id == CFI_ENGINE_MLX))
        warn(list, "%s loads no GGUF files: planned is a checkpoint with these tensors", q->engine.info.name);
    if (stored == CFI_STORED_PLAIN || cfi_exl3_is(q->model->info.file_type))
        return;
    if (q->engine.id == CFI_ENGINE_EXLLAMAV3)
        warn(list, "the checkpoint is quantized (%s): planned in 16 bits, as exllamav3 loads it; --quant exl3-4.0bpw plans EXL3",
             q->model->checkpoint->quant_method);
    else if (run->widened)
        warn(list, "the checkpoint is quantized (%s): planned in 16 bits, which %s makes of it when it loads this model",
             q->model->checkpoint->quant_method, q->engine.info.name);
    else if (run->paged.tensor_ranks == 0 && run->grown_bits == 0)
        warn(list, "the checkpoint is quantized (%s): planned is its plain form; a file type plans a GGUF of it (--quant)",
             q->model->checkpoint->quant_method);
    else if (stored == CFI_STORED_ESTIMATED)
        warn(list, "weights follow from quantization_config (%s, %" PRIu32 " bits), an estimate: the checkpoint's files say them exactly",
             q->model->checkpoint->quant_method, q->model->checkpoint->quant_bits);
    else if (stored == CFI_STORED_UNKNOWN)
        warn(list, "how '%s' stores weights is not known without the checkpoint's files: counted as if not quantized",
             q->model->checkpoint->quant_method);
}

static void warn_of_hardware(warning_list *list, const cfi_question *q)
{
    const ctxfit_device *host = cfi_plan_hw_device(q, q->device_count);

    if (host->memory_bytes == 0)
        warn(list, "host memory is not stated: nothing is held against it (add host:64GiB to the hardware)");
    for (uint32_t i = 0; i < q->device_count; i++) {
        const ctxfit_device *d = cfi_plan_hw_device(q, i);

        if (d->bandwidth_bytes_per_s == 0)
            warn(list, "the memory bandwidth of %s is unknown: no decode rate", d->name);
    }
}

/* GPUs that hold nothing, in one sentence. */
static void warn_of_unused(warning_list *list, const cfi_question *q)
{
    const ctxfit_plan *plan = list->plan;
    char               names[256];
    cfi_writer         text;
    uint32_t           unused = 0;

    if (plan->summary.gpu_layers == 0 || q->engine.id == CFI_ENGINE_LLAMACPP)
        return;
    cfi_writer_init(&text, names, sizeof names);
    for (uint32_t i = 0; i < q->device_count; i++) {
        if (plan->device[i].total_bytes > 0)
            continue;
        if (unused < 8)
            cfi_write(&text, "%s%.24s", unused > 0 ? ", " : "", plan->device[i].name);
        unused++;
    }
    (void)cfi_writer_finish(&text, NULL);
    if (unused == 1)
        warn(list, "%s leaves %s unused", plan->summary.engine.name, names);
    else if (unused > 1)
        warn(list, "%s leaves %" PRIu32 " GPUs unused: %s%s", plan->summary.engine.name, unused, names, unused > 8 ? ", ..." : "");
}

/* The context that was asked for, by the request, the model's file or the server. */
static uint64_t asked_ctx(const ctxfit_plan_options *o)
{
    return o->ctx_tokens != 0 ? o->ctx_tokens : o->model_ctx_tokens != 0 ? o->model_ctx_tokens : o->default_ctx_tokens;
}

static void warn_of_ollama_ctx(warning_list *list, const cfi_question *q)
{
    const ctxfit_plan_summary *s = &list->plan->summary;
    const cfi_engine_notes    *notes = &list->plan->answer.run.notes;
    const uint64_t             asked = asked_ctx(&q->options);
    const bool                 images = q->takes_images || (q->options.flags & CTXFIT_PLAN_F_VISION) != 0;

    if (notes->ctx_source == CTXFIT_CTX_FROM_MODEL && asked != CTXFIT_CTX_LARGEST && asked > notes->ctx_tokens)
        warn(list, "%s cuts the context of %" PRIu64 " tokens to the %" PRIu64 " that the model is made for", s->engine.name, asked,
             notes->ctx_tokens);
    if (asked != 0 && asked < notes->ctx_tokens)
        warn(list, "%s raises the context of %" PRIu64 " to %" PRIu64 " tokens, its least%s", s->engine.name, asked, notes->ctx_tokens,
             images ? " for a model that takes images" : "");
    if (q->projector_kept)
        warn(list, "%s %s keeps the projector on the host (--no-mmproj-offload): it does where layers of the model are there, and where a "
                   "GPU is small for it", s->engine.name, s->engine.version);
    if (notes->no_flash)
        warn(list, "without flash attention: %s %s has it not for every model, and not on every backend", s->engine.name,
             s->engine.version);
    if (notes->cache_plain)
        warn(list, "the cache is of F16: %s %s takes q8_0 and q4_0, and those with flash attention alone (-fa on, where the model can)",
             s->engine.name, s->engine.version);
    if (list->plan->answer.run.own_graph)
        warn(list,
             "Ollama's own engine runs '%s': its compute buffers are a band here, whose upper end, half more than llama.cpp's bound, is "
             "counted; what it reserves for an image, where the file has eyes, is not",
             q->model->arch_name);
    if (notes->ctx_tokens < s->n_ctx_seq)
        warn(list, "requests have %" PRIu64 " tokens; the cache is padded to %" PRIu64, notes->ctx_tokens, s->n_ctx_seq);
}

/* What the engine does other than it was asked. */
static void warn_of_engine(warning_list *list, const cfi_question *q)
{
    const ctxfit_plan_summary *s = &list->plan->summary;
    const cfi_engine_notes    *notes = &list->plan->answer.run.notes;

    if (!s->engine.known)
        warn(list, "%s %s is not a version whose rules were measured or read: those of %s are used", s->engine.name, s->engine.version,
             q->engine.rules);
    if (notes->serial)
        warn(list, "%s runs one request at a time with '%s': %" PRIu32 " sequences were asked for", s->engine.name, q->model->arch_name,
             q->options.sequences);
    if (q->engine.id == CFI_ENGINE_OLLAMA)
        warn_of_ollama_ctx(list, q);
    else if (notes->ctx_source == CTXFIT_CTX_FROM_MODEL && q->options.ctx_tokens != CTXFIT_CTX_LARGEST &&
             q->options.ctx_tokens > notes->ctx_tokens)
        warn(list, "%s cuts the context of %" PRIu64 " tokens to the %" PRIu64 " that the model is made for", s->engine.name,
             q->options.ctx_tokens, notes->ctx_tokens);
    if (cfi_ranks_engine(q->engine.id) && q->options.batch_sequences != 0 && s->n_seq > q->options.batch_sequences)
        warn(list, "%s runs %" PRIu32 " sequences at the same time (batch_sequences): the others of %" PRIu32 " wait", s->engine.name,
             q->options.batch_sequences, s->n_seq);
    if (list->plan->answer.run.paged.profiled && q->options.batch_sequences != 0 && !list->plan->answer.memory.profile.of_logits)
        warn(list, "what %s reserves for a pass follows from its %" PRIu32 " tokens, which take more than the logits of %" PRIu32
             " sequences (batch_sequences)", s->engine.name, s->n_ubatch, list->plan->answer.run.paged.peak_sequences);
    if (notes->ctx_source == CTXFIT_CTX_FROM_MEMORY && s->fit == CTXFIT_FIT_NONE && notes->ctx_tokens > 4096)
        warn(list, "where loading fails, %s tries once more with its next smaller default, %d tokens", s->engine.name,
             notes->ctx_tokens > 32768 ? 32768 : 4096); /* nextLowerAutoNumCtx, fb30760 server/sched.go:917 */
    if (q->fit_cpu_expert_layers > 0)
        warn(list, "too much for the GPUs: llama-server keeps the experts of %" PRIu32 " layers on the host", q->fit_cpu_expert_layers);
    if (q->fit_gpu_layers > 0)
        warn(list, "too much for the GPUs: %s keeps %" PRIu32 " of %" PRIu32 " layers on the host",
             cfi_ollama_changed(q->engine.release, CFI_OLLAMA_LLAMA_SERVER) ? "llama-server" : s->engine.name,
             q->model->info.layers + q->model->info.nextn_layers + 1 - s->gpu_layers,
             q->model->info.layers + q->model->info.nextn_layers + 1);
    if (list->plan->answer.run.grown_bits > 0) {
        warn(list, "no speeds: they are calibrated for llama.cpp. Caches grow with what is in them: what does not fit fails late");
        if (list->plan->summary.weights_bytes > list->plan->device[0].capacity_bytes / 10 * 9) /* generate.py:255 */
            warn(list, "the weights are more than 90 %% of the GPU's budget: %s warns that this can be slow", s->engine.name);
    }
    if (list->plan->answer.run.paged.drafts && q->model->info.nextn_layers == 0 && cfi_engine_dropped_nextn(q->model) == 0)
        warn(list, "'%s' has no blocks here that draft: neither weights nor a cache of a draft are counted", q->model->name);
    else if (list->plan->answer.run.paged.drafts && q->model->info.nextn_layers == 0)
        warn(list, "blocks of '%s' that draft are counted by its last layer: a GGUF of it does not have them", q->model->name);
    if (list->plan->answer.run.exllama.history > 0)
        warn(list, "of a draft only the states that it needs are counted: its weights and its cache come on top");
    if (list->plan->answer.run.exllama.k_bits > 0)
        warn(list,
             "no speeds: they are calibrated for llama.cpp. What a chunk of %" PRIu32 " tokens and CUDA need is a band here; its upper "
             "end is counted",
             s->n_ubatch);
    if (list->plan->answer.run.paged.tensor_ranks > 0)
        warn(list,
             "no speeds: they are calibrated for llama.cpp. What %s finds when it profiles itself (activations, graphs, driver) is a "
             "band here; its upper end is counted",
             s->engine.name);
    if (q->engine.id == CFI_ENGINE_TRTLLM && s->n_ctx_seq > s->n_batch) /* _check_arguments(), llmapi/llm.py */
        warn(list, "%s refuses prompts of more than %" PRIu32 " tokens (max_num_tokens) unless enable_chunked_prefill is on",
             s->engine.name, s->n_batch);
    warn_of_unused(list, q);
}

static unsigned long long mib(uint64_t bytes) { return (unsigned long long)(bytes >> 20); }

static void warn_of_repacking(warning_list *list, const cfi_question *q)
{
    const cfi_run *run = &list->plan->answer.run;
    uint64_t       bytes;

    if (run->paged.tensor_ranks > 0 || run->grown_bits > 0 || run->exllama.k_bits > 0)
        return;
    bytes = cfi_memory_repacked_on_arm(q->model, q->engine_device, run);
    if (bytes >= UINT64_C(1) << 20)
        warn(list,
             "an ARM CPU repacks the output matrix and keeps the embedding beside it: %llu MiB more than counted there "
             "(--no-repack: not)",
             mib(bytes));
}

static void warn_of_left_out(warning_list *list, const cfi_question *q)
{
    for (uint32_t i = 0; q->left_out != NULL && i < q->left_out->left_count; i++) {
        const cfi_left_out *left = &q->left_out->left[i];
        const char         *what = left->part == CTXFIT_PART_DRAFT       ? "a draft model"
                                   : left->part == CTXFIT_PART_ADAPTER   ? "an adapter"
                                   : left->part == CTXFIT_PART_PROJECTOR ? "a projector"
                                                                         : "another file of weights";

        if (left->bytes > 0)
            warn(list, "not counted: %s, '%s': its tensors alone take %llu MiB on top", what, left->name, mib(left->bytes - 1) + 1);
        else
            warn(list, "not counted: %s, '%s': its memory comes on top", what, left->name);
    }
}

/* Where the model alone would fit: what runs beside it is what is too much. */
static void warn_of_beside(warning_list *list, const cfi_question *q)
{
    const ctxfit_plan *plan = list->plan;
    cfi_memory         alone = plan->answer.memory;
    uint32_t           worst = 0;

    warn_of_left_out(list, q);
    if (plan->summary.beside_count == 0)
        return;
    for (uint32_t i = 0; i < q->beside->count; i++)
        if (q->beside->item[i].kind == CTXFIT_BESIDE_DRAFT)
            warn_of_source(list, q->beside->item[i].draft, "draft: ");
    for (uint32_t d = 0; d < cfi_plan_device_count(q); d++) {
        alone.device[d].beside = 0;
        if (plan->device[d].free_bytes < plan->device[worst].free_bytes)
            worst = d;
    }
    if (plan->summary.fit == CTXFIT_FIT_NONE && cfi_plan_margin(q, &alone) >= 0)
        warn(list, "the model alone fits: what runs beside it takes %llu MiB of %s, where %llu MiB are missing",
             mib(plan->device[worst].beside_bytes), plan->device[worst].name, mib((uint64_t)-plan->device[worst].free_bytes) + 1);
    if (q->speculation.draft_tokens > 0 && plan->answer.run.grown_bits == 0 && plan->answer.run.paged.tensor_ranks == 0)
        warn(list, "speeds are those of the model without drafts: how many of them are accepted is not known");
}

/* What CUDA takes beside what is counted. */
static ctxfit_status warn_of_cuda(warning_list *list, const cfi_question *q, ctxfit_error *error)
{
    cfi_cuda_notes notes;
    ctxfit_status  status = cfi_plan_cuda_notes(q, &list->plan->answer, &notes, error);

    if (status != CTXFIT_OK)
        return status;
    if (notes.fused_bytes >= UINT64_C(1) << 20)
        warn(list, "CUDA keeps tensors to run experts as one operation: the compute buffer of %s may be %llu MiB larger than counted",
             list->plan->device[notes.fused_device].name, mib(notes.fused_bytes));
    else if (notes.fuses && !list->plan->summary.compute_exact)
        warn(list, "CUDA keeps tensors to run experts as one operation: compute buffers were up to 73 %% larger with that than without");
    if (notes.pool_bytes >= UINT64_C(1) << 20)
        warn(list, "without flash attention CUDA's pool grows with the prompt, after loading, to about %llu MiB a device: not counted",
             mib(notes.pool_bytes));
    if (notes.copied_bytes >= UINT64_C(1) << 20)
        warn(list, "until b9489 CUDA's pool holds F16 copies of a quantized cache, after loading, to about %llu MiB a device: not counted",
             mib(notes.copied_bytes));
    if (notes.indexer_bytes > 0)
        warn(list, "CUDA has no indexer for this model with keys of that type: scores are written out, about %llu MiB more than counted",
             mib(notes.indexer_bytes));
    if (notes.scan_refused)
        warn(list, "CUDA has no scan for this model's states: ssm_a stays on the CPU, and compute buffers differ from what is counted");
    return CTXFIT_OK;
}

/* Inputs by position: MiniMax-M3's graph is that of an empty cache at the load, and is made anew as positions are used. */
static ctxfit_status warn_of_filling(warning_list *list, const cfi_question *q, ctxfit_error *error)
{
    const cfi_answer *answer = &list->plan->answer;
    cfi_answer        filled;
    ctxfit_status     status;
    uint64_t          most   = 0;
    uint32_t          device = 0;

    if ((q->model->arch->flags & CFI_ARCH_INDEXER_VALUES) == 0 || !answer->memory.compute_exact || !answer->run.flash)
        return CTXFIT_OK;
    status = cfi_plan_answer_filled(q, answer->run.n_ctx, answer->run.n_seq, &filled, error);
    for (uint32_t d = 0; status == CTXFIT_OK && d < cfi_plan_device_count(q); d++) {
        uint64_t before = answer->memory.device[d].compute;
        uint64_t after  = filled.memory.device[d].compute;

        if (after > before && after - before > most) {
            most   = after - before;
            device = d;
        }
    }
    if (most >= UINT64_C(1) << 20)
        warn(list, "the compute buffer is that of the load: on %s it grows by %llu MiB until the cache is full",
             list->plan->device[device].name, mib(most));
    return status;
}

ctxfit_status cfi_plan_warnings(ctxfit_plan *plan, const cfi_question *q, ctxfit_error *error)
{
    warning_list  list = {plan, false};
    ctxfit_status status;

    warn_of_engine(&list, q);
    cfi_plan_warn_of_settings(&list, q);
    warn_of_model(&list, q);
    warn_of_checkpoint(&list, q);
    warn_of_latents(&list, q);
    warn_of_deprecated(&list, q);
    warn_of_stated_cache(&list, q);
    warn_of_hardware(&list, q);
    warn_of_repacking(&list, q);
    warn_of_beside(&list, q);
    status = warn_of_cuda(&list, q, error);
    if (status == CTXFIT_OK)
        status = warn_of_filling(&list, q, error);
    if (status != CTXFIT_OK)
        return status;
    if (list.out_of_memory)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the warnings of a plan");
    return CTXFIT_OK;
}
