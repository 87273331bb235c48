#include <inttypes.h>
#include <stdio.h>

#include "plan_internal.h"

typedef struct difference_words {
    char text[104];
} difference_words;

static bool is_paged(const ctxfit_plan *plan)
{
    return plan->answer.run.paged.tensor_ranks > 0;
}

static bool of_rest(const ctxfit_plan *plan)
{
    return plan->answer.run.paged.rest_fraction > 0;
}

static bool is_exllama(const ctxfit_plan *plan)
{
    return plan->answer.run.exllama.k_bits > 0;
}

static difference_words context_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    switch (plan->engine.ctx_source) {
    case CTXFIT_CTX_FROM_REQUEST: (void)snprintf(w.text, sizeof w.text, "as asked for"); break;
    case CTXFIT_CTX_FROM_FILE:    (void)snprintf(w.text, sizeof w.text, "of the model's own file"); break;
    case CTXFIT_CTX_FROM_SERVER:  (void)snprintf(w.text, sizeof w.text, "set for the server"); break;
    case CTXFIT_CTX_FROM_MEMORY:
        (void)snprintf(w.text, sizeof w.text, "default for %" PRIu64 " MiB of GPU memory", plan->engine.default_memory_bytes >> 20);
        break;
    default: (void)snprintf(w.text, sizeof w.text, "the trained length"); break;
    }
    return w;
}

static difference_words sequences_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    (void)snprintf(w.text, sizeof w.text, "%s",
                   plan->engine.serial            ? "one after the other with this architecture"
                   : plan->summary.kv_unified     ? "share one cache"
                   : plan->summary.n_seq > 1      ? "have a cache each"
                                                  : "one");
    return w;
}

static difference_words batch_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    (void)snprintf(w.text, sizeof w.text, "%" PRIu32 " tokens a pass%s", plan->summary.n_ubatch,
                   plan->answer.run.id == CFI_ENGINE_OLLAMA ? ", by context and free memory" : "");
    return w;
}

static difference_words weights_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    if (is_exllama(plan))
        (void)snprintf(w.text, sizeof w.text, "a matrix of its own for the output; token embedding on the host, %" PRIu32 " layers on GPUs",
                       plan->summary.gpu_layers);
    else if (is_paged(plan))
        (void)snprintf(w.text, sizeof w.text, "all on %" PRIu32 " x %" PRIu32 " GPUs, norms and routers on each", plan->engine.stages,
                       plan->engine.tensor_ranks);
    else
        (void)snprintf(w.text, sizeof w.text, "token embedding on the host, %" PRIu32 " layers on GPUs", plan->summary.gpu_layers);
    return w;
}

static difference_words cache_words(const ctxfit_plan *plan)
{
    const ctxfit_plan_summary *s = &plan->summary;
    difference_words           w = {""};

    if (is_exllama(plan))
        (void)snprintf(w.text, sizeof w.text, "K of %" PRIu32 " bits, V of %" PRIu32 ", %" PRIu64 " tokens of all requests",
                       plan->answer.run.exllama.k_bits, plan->answer.run.exllama.v_bits, s->kv_cells);
    else if (is_paged(plan))
        (void)snprintf(w.text, sizeof w.text, "%s, %" PRIu64 " blocks a request from %" PRIu32 " tokens on",
                       ctxfit_quant_name(plan->answer.run.type_k), plan->engine.request_blocks, plan->engine.block_tokens);
    else
        (void)snprintf(w.text, sizeof w.text, "%s, %" PRIu32 " x %" PRIu64 " cells, windows %" PRIu64,
                       ctxfit_quant_name(plan->answer.run.type_k), s->streams, s->kv_cells, s->swa_cells);
    return w;
}

static difference_words state_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    if (is_exllama(plan))
        (void)snprintf(w.text, sizeof w.text, "in %" PRIu32 " slots (max_batch_size)", plan->answer.run.exllama.slots);
    else
        (void)snprintf(w.text, sizeof w.text, "%s",
                       of_rest(plan)    ? "of all sequences of a batch"
                       : is_paged(plan) ? "in pages of the cache"
                                        : "F32, apart from the cache");
    return w;
}

static difference_words compute_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    if (is_exllama(plan) || plan->answer.run.grown_bits > 0)
        (void)snprintf(w.text, sizeof w.text, "what a chunk of %" PRIu32 " tokens needs, at most", plan->summary.n_ubatch);
    else if (is_paged(plan))
        (void)snprintf(w.text, sizeof w.text, "what profiling finds at most with %" PRIu32 " tokens", plan->summary.n_ubatch);
    else
        (void)snprintf(w.text, sizeof w.text, "graph of llama.cpp b%" PRIu32 " with %" PRIu32 " tokens, %s", plan->answer.run.build,
                       plan->summary.n_ubatch, plan->summary.compute_exact ? "exact" : "at most");
    return w;
}

static difference_words output_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    (void)snprintf(w.text, sizeof w.text, "%s",
                   is_paged(plan)     ? "counted as activations"
                   : is_exllama(plan) ? "counted with the chunk"
                                      : "a row of logits a sequence on the host");
    return w;
}

/* "draft Qwen3-0.6B, adapter llama" */
static difference_words beside_words(const ctxfit_plan *plan)
{
    difference_words w = {""};
    cfi_writer       text;

    cfi_writer_init(&text, w.text, sizeof w.text);
    for (uint32_t i = 0; i < plan->summary.beside_count; i++) {
        const ctxfit_plan_beside *b = &plan->beside[(size_t)i * (plan->summary.device_count + 1)];

        cfi_write(&text, "%s%s %.40s", i > 0 ? ", " : "", ctxfit_beside_name(b->kind), b->name);
    }
    if (plan->summary.beside_count == 0)
        cfi_write(&text, "nothing beside the model");
    (void)cfi_writer_finish(&text, NULL);
    return w;
}

static difference_words usable_words(const ctxfit_plan *plan)
{
    difference_words w = {""};

    if (of_rest(plan))
        (void)snprintf(w.text, sizeof w.text, "all of each GPU, the cache %.2f of what the rest leaves",
                       plan->answer.run.paged.rest_fraction);
    else
        (void)snprintf(w.text, sizeof w.text, "%s",
                       is_paged(plan)     ? "its part of each GPU"
                       : is_exllama(plan) ? "all but what its loader leaves free of each GPU"
                                          : "all but the reserve of each GPU");
    return w;
}

static difference_words limit_words_of(const ctxfit_plan *plan)
{
    difference_words w = {""};

    (void)snprintf(w.text, sizeof w.text, "limited by %s",
                   plan->summary.constraint_count > 0 ? ctxfit_limit_name(plan->constraint[0].kind) : "nothing");
    return w;
}

/* Of the GPUs that take part. */
static uint64_t usable_sum(const ctxfit_plan *plan)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i + 1 < plan->summary.device_count; i++) {
        if (plan->device[i].total_bytes > 0 && !cfi_add_u64(sum, plan->device[i].usable_bytes, &sum))
            return UINT64_MAX;
    }
    return sum;
}

static uint64_t value_of(const ctxfit_plan *plan, uint32_t kind)
{
    const ctxfit_plan_summary *s = &plan->summary;

    switch (kind) {
    case CTXFIT_DIFFERS_FIT:           return s->fit;
    case CTXFIT_DIFFERS_CONTEXT:       return s->n_ctx_seq;
    case CTXFIT_DIFFERS_SEQUENCES:     return s->n_seq;
    case CTXFIT_DIFFERS_BATCH:         return s->n_ubatch;
    case CTXFIT_DIFFERS_USABLE:        return usable_sum(plan);
    case CTXFIT_DIFFERS_WEIGHTS:       return s->weights_bytes;
    case CTXFIT_DIFFERS_CACHE:         return s->kv_bytes;
    case CTXFIT_DIFFERS_STATE:         return s->recurrent_bytes;
    case CTXFIT_DIFFERS_COMPUTE:       return s->compute_bytes;
    case CTXFIT_DIFFERS_OUTPUT:        return s->output_bytes;
    case CTXFIT_DIFFERS_BESIDE:        return s->beside_bytes;
    case CTXFIT_DIFFERS_TOTAL:         return s->total_bytes;
    case CTXFIT_DIFFERS_MAX_CONTEXT:   return s->max_ctx_seq_tokens;
    case CTXFIT_DIFFERS_MAX_SEQUENCES: return s->max_sequences;
    }
    return 0;
}

static difference_words words_of(const ctxfit_plan *plan, uint32_t kind)
{
    difference_words none = {"the sum of the above"};

    switch (kind) {
    case CTXFIT_DIFFERS_CONTEXT:       return context_words(plan);
    case CTXFIT_DIFFERS_SEQUENCES:     return sequences_words(plan);
    case CTXFIT_DIFFERS_BATCH:         return batch_words(plan);
    case CTXFIT_DIFFERS_USABLE:        return usable_words(plan);
    case CTXFIT_DIFFERS_WEIGHTS:       return weights_words(plan);
    case CTXFIT_DIFFERS_CACHE:         return cache_words(plan);
    case CTXFIT_DIFFERS_STATE:         return state_words(plan);
    case CTXFIT_DIFFERS_COMPUTE:       return compute_words(plan);
    case CTXFIT_DIFFERS_OUTPUT:        return output_words(plan);
    case CTXFIT_DIFFERS_BESIDE:        return beside_words(plan);
    case CTXFIT_DIFFERS_FIT:
    case CTXFIT_DIFFERS_MAX_CONTEXT:
    case CTXFIT_DIFFERS_MAX_SEQUENCES: return limit_words_of(plan);
    }
    return none;
}

static bool same_engine(const ctxfit_engine_info *a, const ctxfit_engine_info *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0;
}

/* "ollama: default for 24576 MiB of GPU memory; vllm: the trained length" */
static void write_reason(const ctxfit_plan *a, const ctxfit_plan *b, uint32_t kind, char *out, size_t cap)
{
    difference_words          wa = words_of(a, kind), wb = words_of(b, kind);
    const ctxfit_engine_info *ea = &a->summary.engine, *eb = &b->summary.engine;

    if (kind == CTXFIT_DIFFERS_TOTAL)
        (void)snprintf(out, cap, "%s", wa.text);
    else if (same_engine(ea, eb))
        (void)snprintf(out, cap, "%s; %s", wa.text, wb.text);
    else
        (void)snprintf(out, cap, "%s%s%s: %s; %s%s%s: %s", ea->name, strcmp(ea->name, eb->name) == 0 ? " " : "",
                       strcmp(ea->name, eb->name) == 0 ? ea->version : "", wa.text, eb->name,
                       strcmp(ea->name, eb->name) == 0 ? " " : "", strcmp(ea->name, eb->name) == 0 ? eb->version : "", wb.text);
}

/* A total stands behind its parts. */
static const uint8_t difference_order[] = {
    CTXFIT_DIFFERS_FIT,     CTXFIT_DIFFERS_CONTEXT, CTXFIT_DIFFERS_SEQUENCES, CTXFIT_DIFFERS_BATCH,  CTXFIT_DIFFERS_USABLE,
    CTXFIT_DIFFERS_WEIGHTS, CTXFIT_DIFFERS_CACHE,   CTXFIT_DIFFERS_STATE,     CTXFIT_DIFFERS_COMPUTE, CTXFIT_DIFFERS_OUTPUT,
    CTXFIT_DIFFERS_BESIDE,  CTXFIT_DIFFERS_TOTAL,   CTXFIT_DIFFERS_MAX_CONTEXT, CTXFIT_DIFFERS_MAX_SEQUENCES,
};

ctxfit_status ctxfit_plan_compare(const ctxfit_plan *a, const ctxfit_plan *b, uint32_t index, ctxfit_difference *out)
{
    ctxfit_difference d = CTXFIT_DIFFERENCE_INIT;

    if (a == NULL || b == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_DIFFERENCE, CTXFIT_E_INVALID_ARG);
    for (size_t i = 0; i < CFI_COUNT(difference_order); i++) {
        const uint32_t kind = difference_order[i];

        if (value_of(a, kind) == value_of(b, kind) || index-- > 0)
            continue;
        d.kind = kind;
        d.a = value_of(a, kind);
        d.b = value_of(b, kind);
        write_reason(a, b, kind, d.reason, sizeof d.reason);
        return cfi_copy_out(out, &d, sizeof d, CFI_V1_DIFFERENCE);
    }
    return cfi_copy_none(out, CFI_V1_DIFFERENCE, CTXFIT_E_NOT_FOUND);
}

const char *ctxfit_difference_name(uint32_t kind)
{
    switch (kind) {
    case CTXFIT_DIFFERS_FIT:           return "fit";
    case CTXFIT_DIFFERS_CONTEXT:       return "n_ctx_seq";
    case CTXFIT_DIFFERS_SEQUENCES:     return "n_seq";
    case CTXFIT_DIFFERS_BATCH:         return "n_ubatch";
    case CTXFIT_DIFFERS_USABLE:        return "usable_bytes";
    case CTXFIT_DIFFERS_WEIGHTS:       return "weights_bytes";
    case CTXFIT_DIFFERS_CACHE:         return "kv_bytes";
    case CTXFIT_DIFFERS_STATE:         return "recurrent_bytes";
    case CTXFIT_DIFFERS_COMPUTE:       return "compute_bytes";
    case CTXFIT_DIFFERS_OUTPUT:        return "output_bytes";
    case CTXFIT_DIFFERS_BESIDE:        return "beside_bytes";
    case CTXFIT_DIFFERS_TOTAL:         return "total_bytes";
    case CTXFIT_DIFFERS_MAX_CONTEXT:   return "max_ctx_seq";
    case CTXFIT_DIFFERS_MAX_SEQUENCES: return "max_sequences";
    }
    return "unknown";
}
