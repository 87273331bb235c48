/* Why two plans differ: for each of them the terms that a value follows from. */
#include <inttypes.h>
#include <stdio.h>

#include "plan_internal.h"

/* A text of one plan under construction. */
typedef struct difference_text {
    const ctxfit_plan *plan;
    cfi_writer         text;
    unsigned           finer; /* units below the usual one, where rounded sizes would be the same for both */
} difference_text;

static bool is_paged(const ctxfit_plan *plan)
{
    return plan->answer.run.paged.tensor_ranks > 0;
}

static bool is_exllama(const ctxfit_plan *plan)
{
    return plan->answer.run.exllama.k_bits > 0;
}

/* "22.1 GiB", by integers: a locale would change the point. */
static void say_size(difference_text *t, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned                 unit = 0;
    uint64_t                 tenths;

    while (unit + 1 < CFI_COUNT(units) && bytes >> (10 * (unit + 1)) != 0)
        unit++;
    unit -= t->finer < unit ? t->finer : unit;
    if (unit == 0) {
        cfi_write(&t->text, "%" PRIu64 " B", bytes);
        return;
    }
    tenths = ((bytes >> (10 * (unit - 1))) * 10 + 512) >> 10;
    cfi_write(&t->text, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[unit]);
}

/* The device with the least to spare. */
static const ctxfit_plan_device *tightest(const ctxfit_plan *plan)
{
    const ctxfit_plan_device *least = &plan->device[0];

    for (uint32_t i = 1; i < plan->summary.device_count; i++)
        if (plan->device[i].free_bytes < least->free_bytes)
            least = &plan->device[i];
    return least;
}

static void fit_words(difference_text *t)
{
    const ctxfit_plan_device *d = tightest(t->plan);

    if (t->plan->summary.fit == CTXFIT_FIT_NONE) {
        cfi_write(&t->text, "%s lacks ", d->name);
        say_size(t, UINT64_C(0) - (uint64_t)d->free_bytes);
        return;
    }
    cfi_write(&t->text, "%s", t->plan->summary.fit == CTXFIT_FIT_ALL ? "all of it fits" : "fits with a part on the host");
    if (d->free_bytes != INT64_MAX) {
        cfi_write(&t->text, ", ");
        say_size(t, (uint64_t)d->free_bytes);
        cfi_write(&t->text, " to spare on %s", d->name);
    }
}

/* What the largest context is limited by. */
static void longest_words(difference_text *t)
{
    const ctxfit_plan        *plan = t->plan;
    const ctxfit_plan_device *d = &plan->device[plan->longest_device];

    switch (plan->longest_kind) {
    case 0:
        cfi_write(&t->text, "not looked for");
        return;
    case CTXFIT_LIMIT_TRAINED:
        cfi_write(&t->text, "the trained length of %" PRIu64 " tokens", plan->summary.max_ctx_seq_tokens);
        return;
    case CTXFIT_LIMIT_ENGINE:
        cfi_write(&t->text, "the most that %s counts, %" PRIu64 " tokens", plan->summary.engine.name, plan->summary.max_ctx_seq_tokens);
        return;
    default:
        cfi_write(&t->text, "memory of %s, ", d->name);
        say_size(t, d->usable_bytes);
        cfi_write(&t->text, " usable, ");
        say_size(t, d->total_bytes - d->kv_bytes - d->kv_swa_bytes - d->kv_other_bytes);
        cfi_write(&t->text, " without caches");
    }
}

/* Where the setting comes from, and what the engine makes of it. */
static void context_words(difference_text *t)
{
    const ctxfit_plan         *plan = t->plan;
    const ctxfit_plan_summary *s = &plan->summary;
    const bool                 divided = s->n_seq > 1 && !s->kv_unified && !cfi_engine_traits_of(plan->answer.run.id)->per_sequence;

    if (plan->largest_asked) {
        cfi_write(&t->text, "the most that fits: ");
        longest_words(t);
        return;
    }
    switch (plan->engine.ctx_source) {
    case CTXFIT_CTX_FROM_REQUEST: cfi_write(&t->text, "as asked for"); break;
    case CTXFIT_CTX_FROM_FILE:    cfi_write(&t->text, "of the model's own file"); break;
    case CTXFIT_CTX_FROM_SERVER:
        cfi_write(&t->text, "%s", plan->answer.run.notes.ctx_default ? "the engine's default" : "set for the server");
        break;
    case CTXFIT_CTX_FROM_MEMORY:
        cfi_write(&t->text, "default for %" PRIu64 " MiB of GPU memory", plan->engine.default_memory_bytes >> 20);
        break;
    default: cfi_write(&t->text, "the trained length"); break;
    }
    if (divided)
        cfi_write(&t->text, ", divided among %" PRIu32 " sequences", s->n_seq);
    if (plan->engine.ctx_tokens != 0 && plan->engine.ctx_tokens != (divided ? s->n_ctx : s->n_ctx_seq))
        cfi_write(&t->text, ", %" PRIu64 " rounded to %" PRIu64, plan->engine.ctx_tokens, divided ? s->n_ctx : s->n_ctx_seq);
}

static void sequence_words(difference_text *t)
{
    const ctxfit_plan_summary *s = &t->plan->summary;

    cfi_write(&t->text, "%" PRIu32 "%s", s->n_seq,
              t->plan->engine.serial ? ", one after the other with this architecture"
              : s->n_seq == 1        ? ""
              : s->kv_unified        ? ", which share one cache"
                                     : ", with a cache each");
}

static void batch_words(difference_text *t)
{
    cfi_write(&t->text, "%" PRIu32 " tokens a pass%s", t->plan->summary.n_ubatch,
              t->plan->answer.run.id == CFI_ENGINE_OLLAMA ? ", by context and free memory" : "");
}

/* The share of the memory, or what is kept free, of the GPUs that take part. */
static void usable_words(difference_text *t)
{
    const ctxfit_plan *plan = t->plan;
    uint64_t           capacity = 0, usable = 0;
    uint32_t           count = 0;

    for (uint32_t i = 0; i + 1 < plan->summary.device_count; i++) {
        if (plan->device[i].total_bytes == 0)
            continue;
        count++; /* the sum was counted before: it is within 64 bits */
        capacity += plan->device[i].capacity_bytes;
        usable += plan->device[i].usable_bytes;
    }
    if (count == 0) {
        cfi_write(&t->text, "no GPU takes part");
        return;
    }
    say_size(t, capacity);
    cfi_write(&t->text, " of %" PRIu32 " GPU%s less ", count, count > 1 ? "s" : "");
    say_size(t, capacity - usable);
    if (plan->answer.run.paged.cache_bytes > 0) {
        cfi_write(&t->text, " beside a cache of stated size");
    } else if (plan->answer.run.paged.rest_fraction > 0) {
        cfi_write(&t->text, ": the cache gets ");
        cfi_write_number(&t->text, plan->answer.run.paged.rest_fraction, 3);
        cfi_write(&t->text, " of the rest");
    } else if (is_paged(plan)) {
        cfi_write(&t->text, " beyond the engine's ");
        cfi_write_number(&t->text, (double)usable / (double)capacity, 3);
    } else {
        cfi_write(&t->text, is_exllama(plan) ? ", which its loader keeps free" : ", the reserve");
    }
}

static void weights_words(difference_text *t)
{
    const ctxfit_plan *plan = t->plan;
    const uint64_t     tensors = plan->model.tensor_bytes, weights = plan->summary.weights_bytes;

    say_size(t, tensors);
    cfi_write(&t->text, " of tensors");
    if (weights > tensors) {
        cfi_write(&t->text, " and ");
        say_size(t, weights - tensors);
        cfi_write(&t->text, " of copies, padding or wider formats");
    } else if (weights < tensors) {
        cfi_write(&t->text, " less ");
        say_size(t, tensors - weights);
        cfi_write(&t->text, " not loaded or in narrower formats");
    }
    if (is_paged(plan))
        cfi_write(&t->text, ", on %" PRIu32 " x %" PRIu32 " GPUs", plan->engine.stages, plan->engine.tensor_ranks);
    else
        cfi_write(&t->text, ", %" PRIu32 " layers on GPUs", plan->summary.gpu_layers);
}

/* Tokens that are held, and what each takes in all caches together. */
static void cache_words(difference_text *t)
{
    const ctxfit_plan         *plan = t->plan;
    const ctxfit_plan_summary *s = &plan->summary;
    const cfi_run             *run = &plan->answer.run;
    const uint64_t             tokens = s->kv_unified ? s->n_ctx_seq : s->n_ctx_seq * s->n_seq;

    if (is_exllama(plan))
        cfi_write(&t->text, "%" PRIu32 " and %" PRIu32 " bits", run->exllama.k_bits, run->exllama.v_bits);
    else if (run->type_k == run->type_v)
        cfi_write(&t->text, "%s", ctxfit_quant_name(run->type_k));
    else
        cfi_write(&t->text, "%s and %s", ctxfit_quant_name(run->type_k), ctxfit_quant_name(run->type_v));
    cfi_write(&t->text, ", %" PRIu64 " tokens of ", tokens);
    say_size(t, tokens > 0 ? s->kv_bytes / tokens : 0);
    if (is_paged(plan))
        cfi_write(&t->text, ", in %" PRIu64 " blocks a request", plan->engine.request_blocks);
    else if (s->swa_cells > 0)
        cfi_write(&t->text, ", windows of %" PRIu64, s->swa_cells);
}

static void state_words(difference_text *t)
{
    const ctxfit_plan *plan = t->plan;

    if (is_exllama(plan))
        cfi_write(&t->text, "in %" PRIu32 " slots (max_batch_size)", plan->answer.run.exllama.slots);
    else if (plan->answer.run.paged.rest_fraction > 0)
        cfi_write(&t->text, "of all %" PRIu32 " sequences of a batch", plan->answer.run.paged.batch_sequences);
    else if (is_paged(plan))
        cfi_write(&t->text, "%s", plan->summary.recurrent_bytes > 0 ? "beside the pool" : "in pages of the cache");
    else
        cfi_write(&t->text, "of %" PRIu32 " sequence%s, apart from the cache", plan->summary.n_seq, plan->summary.n_seq > 1 ? "s" : "");
}

/* What each engine reserves by its rule, on a GPU: cfi_profile. */
static void profile_words(difference_text *t)
{
    const cfi_paged   *paged = &t->plan->answer.run.paged;
    const cfi_profile *profile = &t->plan->answer.memory.profile;

    cfi_write(&t->text, "at most ");
    if (paged->profiled) {
        say_size(t, profile->activations);
        if (!profile->of_logits)
            cfi_write(&t->text, " activations of %" PRIu32 " tokens, ", t->plan->summary.n_ubatch);
        else if (paged->logit_copies > 1)
            cfi_write(&t->text, " logits (%" PRIu32 " x %" PRIu32 " sequences), ", paged->logit_copies, paged->peak_sequences);
        else
            cfi_write(&t->text, " logits of %" PRIu32 " sequences, ", paged->peak_sequences);
    }
    say_size(t, profile->context);
    cfi_write(&t->text, " driver and buffers");
    if (profile->graphs > 0) {
        cfi_write(&t->text, ", ");
        say_size(t, profile->graphs);
        cfi_write(&t->text, " graphs");
    }
    if (profile->ranks > 0) {
        cfi_write(&t->text, ", ");
        say_size(t, profile->ranks);
        cfi_write(&t->text, " NCCL a GPU");
    }
    if (profile->seen > 0) {
        cfi_write(&t->text, ", ");
        say_size(t, profile->seen);
        cfi_write(&t->text, " of what eyes and ears give");
    }
    if (!paged->profiled)
        cfi_write(&t->text, ", activations are outside of its part");
}

static void compute_words(difference_text *t)
{
    const ctxfit_plan         *plan = t->plan;
    const ctxfit_plan_summary *s = &plan->summary;

    if (is_exllama(plan) || plan->answer.run.grown_bits > 0)
        cfi_write(&t->text, "what a chunk of %" PRIu32 " tokens needs at most", s->n_ubatch);
    else if (is_paged(plan))
        profile_words(t);
    else
        cfi_write(&t->text, "graph of llama.cpp b%" PRIu32 ", %" PRIu32 " tokens a pass of %" PRIu64 ", %" PRIu32 " sequence%s%s, %s",
                  plan->answer.run.build, s->n_ubatch, s->n_ctx, s->n_seq, s->n_seq > 1 ? "s" : "",
                  s->flash_attention ? "" : ", no flash attention", s->compute_exact ? "exact" : "at most");
}

static void output_words(difference_text *t)
{
    const ctxfit_plan *plan = t->plan;

    if (is_paged(plan))
        cfi_write(&t->text, "counted as activations");
    else if (is_exllama(plan) || plan->answer.run.grown_bits > 0)
        cfi_write(&t->text, "counted with the chunk");
    else
        cfi_write(&t->text, "logits on the host, %" PRIu32 " sequence%s", plan->summary.n_seq, plan->summary.n_seq > 1 ? "s" : "");
}

/* "draft Qwen3-0.6B, adapter llama" */
static void beside_words(difference_text *t)
{
    const ctxfit_plan *plan = t->plan;

    for (uint32_t i = 0; i < plan->summary.beside_count; i++) {
        const ctxfit_plan_beside *b = &plan->beside[(size_t)i * (plan->summary.device_count + 1)];

        cfi_write(&t->text, "%s%s %.40s", i > 0 ? ", " : "", ctxfit_beside_name(b->kind), b->name);
    }
    if (plan->summary.beside_count == 0)
        cfi_write(&t->text, "nothing beside the model");
}

/* What one sequence takes, and where one more does not fit. */
static void most_words(difference_text *t)
{
    const ctxfit_plan         *plan = t->plan;
    const ctxfit_plan_summary *s = &plan->summary;
    const ctxfit_plan_device  *d;
    uint64_t                   caches;

    if (plan->sequences_kind == 0) {
        cfi_write(&t->text, "not looked for");
        return;
    }
    if (plan->sequences_kind == CTXFIT_LIMIT_ENGINE) {
        cfi_write(&t->text, "the most that %s runs at once, %" PRIu32, s->engine.name, s->max_sequences);
        return;
    }
    d = &plan->device[plan->sequences_device];
    caches = d->kv_bytes + d->kv_swa_bytes + d->kv_other_bytes + d->recurrent_bytes;
    cfi_write(&t->text, "memory of %s, ", d->name);
    say_size(t, d->free_bytes >= 0 ? caches + (uint64_t)d->free_bytes
                                   : caches - cfi_min_u64(caches, UINT64_C(0) - (uint64_t)d->free_bytes));
    cfi_write(&t->text, " for caches, ");
    say_size(t, caches / (s->kv_unified ? 1 : s->n_seq));
    cfi_write(&t->text, " a sequence");
}

void cfi_compare_words(const ctxfit_plan *plan, uint32_t kind, unsigned finer, const uint64_t *bytes, char *out, size_t cap)
{
    difference_text t = {plan, {NULL, 0, 0}, finer};

    cfi_writer_init(&t.text, out, cap);
    if (bytes != NULL) {
        say_size(&t, *bytes);
        cfi_write(&t.text, ": ");
    }
    switch (kind) {
    case CTXFIT_DIFFERS_FIT:           fit_words(&t); break;
    case CTXFIT_DIFFERS_CONTEXT:       context_words(&t); break;
    case CTXFIT_DIFFERS_SEQUENCES:     sequence_words(&t); break;
    case CTXFIT_DIFFERS_BATCH:         batch_words(&t); break;
    case CTXFIT_DIFFERS_USABLE:        usable_words(&t); break;
    case CTXFIT_DIFFERS_WEIGHTS:       weights_words(&t); break;
    case CTXFIT_DIFFERS_CACHE:         cache_words(&t); break;
    case CTXFIT_DIFFERS_STATE:         state_words(&t); break;
    case CTXFIT_DIFFERS_COMPUTE:       compute_words(&t); break;
    case CTXFIT_DIFFERS_OUTPUT:        output_words(&t); break;
    case CTXFIT_DIFFERS_BESIDE:        beside_words(&t); break;
    case CTXFIT_DIFFERS_MAX_CONTEXT:   longest_words(&t); break;
    case CTXFIT_DIFFERS_MAX_SEQUENCES: most_words(&t); break;
    default:                           break;
    }
    (void)cfi_writer_finish(&t.text, NULL);
}
