/* What differs between two plans; why is in compare_words.c. */
#include <stdio.h>

#include "plan_internal.h"

#define WORDS_MAX 112u /* two of these and two names of engines are a reason */
#define UNITS     5u   /* from TiB to bytes */

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

static bool same_engine(const ctxfit_engine_info *a, const ctxfit_engine_info *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0;
}

static bool is_part(uint32_t kind)
{
    return (kind >= CTXFIT_DIFFERS_WEIGHTS && kind <= CTXFIT_DIFFERS_OUTPUT) || kind == CTXFIT_DIFFERS_BESIDE;
}

static bool is_bytes(uint32_t kind)
{
    return is_part(kind) || kind == CTXFIT_DIFFERS_TOTAL || kind == CTXFIT_DIFFERS_USABLE;
}

/* The words of a plan whose engine's name stands before them; `value` where all else is the same. */
static void say_why(const ctxfit_plan *plan, uint32_t kind, unsigned finer, bool value, char out[WORDS_MAX])
{
    const uint64_t bytes = value_of(plan, kind);
    size_t         used = 0;

    if (value && !is_bytes(kind))
        used = (size_t)snprintf(out, WORDS_MAX, "%llu: ", (unsigned long long)bytes);
    cfi_compare_words(plan, kind, finer, value && is_bytes(kind) ? &bytes : NULL, out + used, WORDS_MAX - used);
}

/* "ollama: default for 24576 MiB of GPU memory; vllm: the trained length" */
static void write_reason(const ctxfit_plan *a, const ctxfit_plan *b, uint32_t kind, char *out, size_t cap)
{
    const ctxfit_engine_info *ea = &a->summary.engine, *eb = &b->summary.engine;
    const bool                versions = strcmp(ea->name, eb->name) == 0;
    char                      wa[WORDS_MAX], wb[WORDS_MAX];

    if (kind == CTXFIT_DIFFERS_TOTAL) {
        (void)snprintf(out, cap, "the sum of the parts above");
        return;
    }
    for (unsigned detail = 0; detail < 2 * UNITS; detail++) {
        say_why(a, kind, detail % UNITS, detail >= UNITS, wa);
        say_why(b, kind, detail % UNITS, detail >= UNITS, wb);
        if (strcmp(wa, wb) != 0)
            break;
    }
    if (same_engine(ea, eb))
        (void)snprintf(out, cap, "%s; %s", wa, wb);
    else
        (void)snprintf(out, cap, "%s%s%s: %s; %s%s%s: %s", ea->name, versions ? " " : "", versions ? ea->version : "", wa, eb->name,
                       versions ? " " : "", versions ? eb->version : "", wb);
}

static int64_t bytes_between(uint64_t a, uint64_t b)
{
    return b >= a ? (int64_t)cfi_min_u64(b - a, INT64_MAX) : -(int64_t)cfi_min_u64(a - b, INT64_MAX);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

#define KINDS 14u

/* Kinds in which the plans differ: settings, parts with the largest difference first, their total, what the rest allows. */
static uint32_t list_kinds(const ctxfit_plan *a, const ctxfit_plan *b, uint8_t kinds[KINDS])
{
    static const uint8_t order[KINDS] = {
        CTXFIT_DIFFERS_FIT,     CTXFIT_DIFFERS_CONTEXT, CTXFIT_DIFFERS_SEQUENCES, CTXFIT_DIFFERS_BATCH,  CTXFIT_DIFFERS_WEIGHTS,
        CTXFIT_DIFFERS_CACHE,   CTXFIT_DIFFERS_STATE,   CTXFIT_DIFFERS_COMPUTE,   CTXFIT_DIFFERS_OUTPUT, CTXFIT_DIFFERS_BESIDE,
        CTXFIT_DIFFERS_TOTAL,   CTXFIT_DIFFERS_USABLE,  CTXFIT_DIFFERS_MAX_CONTEXT, CTXFIT_DIFFERS_MAX_SEQUENCES,
    };
    uint32_t count = 0;

    for (size_t i = 0; i < KINDS; i++) {
        const uint64_t far = distance(value_of(a, order[i]), value_of(b, order[i]));
        uint32_t       at = count;

        if (far == 0)
            continue;
        for (; at > 0 && is_part(order[i]) && is_part(kinds[at - 1]) &&
               distance(value_of(a, kinds[at - 1]), value_of(b, kinds[at - 1])) < far;
             at--)
            kinds[at] = kinds[at - 1];
        kinds[at] = order[i];
        count++;
    }
    return count;
}

ctxfit_status ctxfit_plan_compare(const ctxfit_plan *a, const ctxfit_plan *b, uint32_t index, ctxfit_difference *out)
{
    ctxfit_difference d = CTXFIT_DIFFERENCE_INIT;
    uint8_t           kinds[KINDS];

    if (a == NULL || b == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_DIFFERENCE, CTXFIT_E_INVALID_ARG);
    if (index >= list_kinds(a, b, kinds))
        return cfi_copy_none(out, CFI_V1_DIFFERENCE, CTXFIT_E_NOT_FOUND);
    d.kind = kinds[index];
    d.a = value_of(a, d.kind);
    d.b = value_of(b, d.kind);
    d.bytes = is_bytes(d.kind) ? bytes_between(d.a, d.b) : 0;
    write_reason(a, b, d.kind, d.reason, sizeof d.reason);
    return cfi_copy_out(out, &d, sizeof d, CFI_V1_DIFFERENCE);
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
