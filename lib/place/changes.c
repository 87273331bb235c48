/* Nothing fits: the least change of each kind with which it does. Every change is tried: it is a wish of its own. */
#include <inttypes.h>
#include <stdio.h>

#include "place_internal.h"

#define CHANGES_GIB      (UINT64_C(1) << 30)
#define CHANGES_MOST_GIB 4096u

typedef struct change_list {
    const cfi_wish   *wish;
    const cfi_choice *nearest;
    ctxfit_change    *out;
    uint32_t          count;
    uint32_t          evaluations;
} change_list;

static void changes_add(change_list *list, uint32_t kind, uint64_t now, uint64_t value, const char *fmt, ...) CFI_PRINTF(5, 6);

static void changes_add(change_list *list, uint32_t kind, uint64_t now, uint64_t value, const char *fmt, ...)
{
    ctxfit_change *c = &list->out[list->count++];
    va_list        args;

    memset(c, 0, sizeof *c);
    c->struct_size = (uint32_t)sizeof *c;
    c->kind = kind;
    c->now = now;
    c->value = value;
    va_start(args, fmt);
    (void)vsnprintf(c->text, sizeof c->text, fmt, args);
    va_end(args);
}

/* Solves a changed wish; what the engine refuses is no way. */
static ctxfit_status changes_try(change_list *list, const cfi_wish *wish, cfi_choice *out, ctxfit_error *error)
{
    ctxfit_status status = cfi_wish_solve(wish, out, error);

    if (status == CTXFIT_E_REFUSED || status == CTXFIT_E_OVERFLOW) {
        memset(out, 0, sizeof *out);
        return CTXFIT_OK;
    }
    list->evaluations += out->evaluations;
    cfi_choice_free(out);
    return status;
}

static ctxfit_status changes_cache_type(change_list *list, ctxfit_error *error)
{
    static const ctxfit_quant types[] = {CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_Q4_0};
    const cfi_run            *run = &list->nearest->placed.answer.run;
    uint64_t                  bytes;
    ctxfit_status             status = CTXFIT_OK;

    for (size_t i = 0; i < CFI_COUNT(types); i++) {
        cfi_wish   wish = *list->wish;
        cfi_choice choice;
        uint64_t   now;

        if (ctxfit_quant_row_bytes(types[i], 256, &bytes) != CTXFIT_OK || ctxfit_quant_row_bytes(run->type_k, 256, &now) != CTXFIT_OK ||
            bytes >= now)
            continue;
        wish.options.kv_key = wish.options.kv_value = types[i];
        wish.goal.open &= ~(uint32_t)CTXFIT_OPEN_CACHE_TYPE;
        status = changes_try(list, &wish, &choice, error);
        if (status != CTXFIT_OK)
            return status;
        if (choice.placed.found) {
            changes_add(list, CTXFIT_CHANGE_CACHE_TYPE, run->type_k, types[i], "cache type %s instead of %s", ctxfit_quant_name(types[i]),
                        ctxfit_quant_name(run->type_k));
            return CTXFIT_OK;
        }
    }
    return CTXFIT_OK;
}

static ctxfit_status changes_context(change_list *list, ctxfit_error *error)
{
    uint64_t      now = list->nearest->placed.answer.run.n_ctx_seq;
    cfi_wish      wish = *list->wish;
    cfi_choice    choice;
    ctxfit_status status;

    if (now <= CFI_CTX_STEP || list->nearest->placed.answer.run.kv_cells == 0)
        return CTXFIT_OK;
    wish.options.ctx_tokens = 0;
    if (wish.options.sequences == 0)
        wish.options.sequences = list->nearest->placed.answer.run.n_seq;
    wish.goal.open = (wish.goal.open | CTXFIT_OPEN_CONTEXT) & ~(uint32_t)CTXFIT_OPEN_SEQUENCES;
    wish.goal.objective = CTXFIT_OBJECTIVE_LARGEST_CONTEXT;
    wish.goal.least_ctx_seq_tokens = CFI_CTX_STEP;
    if (wish.goal.least_decode_tokens_per_s <= 0)
        wish.goal.least_decode_tokens_per_s = CFI_ANY_RATE;
    status = changes_try(list, &wish, &choice, error);
    if (status == CTXFIT_OK && choice.placed.found && choice.placed.answer.run.n_ctx_seq < now)
        changes_add(list, CTXFIT_CHANGE_CONTEXT, now, choice.placed.answer.run.n_ctx_seq,
                    "a context of %" PRIu64 " tokens per sequence instead of %" PRIu64, choice.placed.answer.run.n_ctx_seq, now);
    return status;
}

static ctxfit_status changes_sequences(change_list *list, ctxfit_error *error)
{
    const cfi_run *run = &list->nearest->placed.answer.run;
    cfi_wish       wish = *list->wish;
    cfi_choice     choice;
    ctxfit_status  status;

    if (run->n_seq < 2)
        return CTXFIT_OK;
    wish.options.sequences = 0;
    wish.options.ctx_tokens = run->n_ctx_seq;
    wish.goal.open = (wish.goal.open | CTXFIT_OPEN_SEQUENCES) & ~(uint32_t)CTXFIT_OPEN_CONTEXT;
    wish.goal.objective = CTXFIT_OBJECTIVE_MOST_SEQUENCES;
    if (wish.goal.least_decode_tokens_per_s <= 0)
        wish.goal.least_decode_tokens_per_s = CFI_ANY_RATE;
    status = changes_try(list, &wish, &choice, error);
    if (status == CTXFIT_OK && choice.placed.found && choice.placed.answer.run.n_seq < run->n_seq)
        changes_add(list, CTXFIT_CHANGE_SEQUENCES, run->n_seq, choice.placed.answer.run.n_seq,
                    "%" PRIu32 " sequences of %" PRIu64 " tokens each instead of %" PRIu32, choice.placed.answer.run.n_seq,
                    run->n_ctx_seq, run->n_seq);
    return status;
}

static ctxfit_status changes_file_type(change_list *list, ctxfit_error *error)
{
    const ctxfit_model *now = list->nearest->model != NULL ? list->nearest->model : list->wish->model;

    for (uint32_t i = 0; i < ctxfit_file_type_count(); i++) {
        ctxfit_file_type type = ctxfit_file_type_at(i);
        cfi_wish         wish = *list->wish;
        cfi_choice       choice = {0};
        ctxfit_model    *model;
        ctxfit_status    status;

        if (!cfi_plan_is_published(type))
            continue;
        status = ctxfit_model_requantize(list->wish->model, type, &wish.allocator, &model, error);
        if (status == CTXFIT_E_REFUSED)
            continue;
        if (status != CTXFIT_OK)
            return status;
        wish.model = model;
        wish.goal.open &= ~(uint32_t)CTXFIT_OPEN_FILE_TYPE;
        if (model->info.tensor_bytes < now->info.tensor_bytes)
            status = changes_try(list, &wish, &choice, error);
        ctxfit_model_free(model);
        if (status != CTXFIT_OK)
            return status;
        if (choice.placed.found) {
            changes_add(list, CTXFIT_CHANGE_FILE_TYPE, now->info.file_type, type, "file type %s instead of %s", ctxfit_file_type_name(type),
                        now->info.file_type != 0 ? ctxfit_file_type_name(now->info.file_type) : "the one at hand");
            return CTXFIT_OK;
        }
    }
    return CTXFIT_OK;
}

static ctxfit_status changes_placement(change_list *list, ctxfit_error *error)
{
    const uint32_t       all = CTXFIT_OPEN_GPU_LAYERS | CTXFIT_OPEN_TENSOR_SPLIT | CTXFIT_OPEN_HOST_TENSORS;
    cfi_wish             wish = *list->wish;
    cfi_choice           choice;
    ctxfit_plan_options *o = &choice.placed.options;
    uint64_t             now = list->nearest->placed.answer.run.gpu_layers;
    ctxfit_status        status;

    if ((wish.goal.open & all) == all || list->nearest->placed.answer.run.device_count == 0)
        return CTXFIT_OK;
    wish.options.gpu_layers = 0;
    wish.options.cpu_expert_layers = 0;
    wish.options.overrides[0] = '\0';
    memset(wish.options.tensor_split, 0, sizeof wish.options.tensor_split);
    wish.goal.open |= all;
    status = changes_try(list, &wish, &choice, error);
    if (status != CTXFIT_OK || !choice.placed.found)
        return status;
    changes_add(list, CTXFIT_CHANGE_PLACEMENT, now, choice.placed.answer.run.gpu_layers,
                "%" PRIu32 " layers on GPUs instead of %" PRIu64 "%s", choice.placed.answer.run.gpu_layers, now,
                o->cpu_expert_layers != 0 || o->overrides[0] != '\0' ? ", and some matrices on the host" : "");
    return CTXFIT_OK;
}

/* ---- memory ---- */
/* A machine like the wish's with one more GPU, or with that much host (or unified) memory in all. */
static ctxfit_status changes_machine(const change_list *list, bool host, uint64_t bytes, ctxfit_hw **out, ctxfit_error *error)
{
    ctxfit_device        devices[CTXFIT_HW_MAX_DEVICES];
    ctxfit_device        added = CTXFIT_DEVICE_INIT;
    uint32_t             count;
    const ctxfit_device *all = cfi_hw_devices(list->wish->hw, &count);
    bool                 unified = cfi_hw_host_is_unified(list->wish->hw);
    uint32_t             kept = unified ? count - 1 : count;

    memcpy(devices, all, kept * sizeof *devices);
    if (host) {
        ctxfit_device *d = &devices[unified ? 0 : count - 1];

        for (uint32_t i = 0; unified && i < kept; i++)
            if (devices[i].kind == CTXFIT_DEVICE_UNIFIED && devices[i].node == 0)
                d = &devices[i];
        if (d->free_bytes != 0) /* what others hold, they still do */
            d->free_bytes += bytes - d->memory_bytes;
        d->memory_bytes = bytes;
        d->budget_bytes = 0;
        d->reserve_bytes = 0;
        return ctxfit_hw_from_devices(devices, kept, &list->wish->allocator, out, error);
    }
    added = all[0];
    if (count == 1)
        added.backend = CTXFIT_BACKEND_CUDA;
    added.kind = CTXFIT_DEVICE_GPU;
    added.memory_bytes = bytes;
    added.free_bytes = 0;
    added.budget_bytes = 0;
    added.reserve_bytes = 0;
    (void)snprintf(added.id, sizeof added.id, "gpu");
    devices[kept] = devices[kept - 1];
    devices[kept - 1] = added;
    return ctxfit_hw_from_devices(devices, kept + 1, &list->wish->allocator, out, error);
}

static ctxfit_status changes_fits_with(change_list *list, bool host, uint64_t gib, bool *out, ctxfit_error *error)
{
    cfi_wish      wish = *list->wish;
    cfi_choice    choice;
    ctxfit_hw    *hw;
    ctxfit_status status = changes_machine(list, host, gib * CHANGES_GIB, &hw, error);

    *out = false;
    if (status != CTXFIT_OK)
        return status;
    wish.hw = hw;
    status = changes_try(list, &wish, &choice, error);
    ctxfit_hw_free(hw);
    *out = status == CTXFIT_OK && choice.placed.found;
    return status;
}

/* The least whole number of GiB above `from` with which it fits; 0: none up to the most. */
static ctxfit_status changes_least_gib(change_list *list, bool host, uint64_t from, uint64_t *out, ctxfit_error *error)
{
    uint64_t      too_small = from, enough = CHANGES_MOST_GIB;
    bool          fits;
    ctxfit_status status = changes_fits_with(list, host, enough, &fits, error);

    *out = 0;
    if (status != CTXFIT_OK || !fits)
        return status;
    while (enough - too_small > 1) {
        uint64_t middle = too_small + (enough - too_small) / 2;

        status = changes_fits_with(list, host, middle, &fits, error);
        if (status != CTXFIT_OK)
            return status;
        if (fits)
            enough = middle;
        else
            too_small = middle;
    }
    *out = enough;
    return CTXFIT_OK;
}

static ctxfit_status changes_device(change_list *list, ctxfit_error *error)
{
    uint32_t      count;
    uint64_t      gib;
    ctxfit_status status;

    (void)cfi_hw_devices(list->wish->hw, &count);
    if (cfi_hw_host_is_unified(list->wish->hw) || count >= CTXFIT_HW_MAX_DEVICES || count > CTXFIT_MAX_SPLIT)
        return CTXFIT_OK;
    status = changes_least_gib(list, false, 0, &gib, error);
    if (status == CTXFIT_OK && gib != 0)
        changes_add(list, CTXFIT_CHANGE_DEVICE, 0, gib * CHANGES_GIB, "one more GPU with %" PRIu64 " GiB", gib);
    return status;
}

static ctxfit_status changes_host(change_list *list, ctxfit_error *error)
{
    uint32_t             count;
    const ctxfit_device *all = cfi_hw_devices(list->wish->hw, &count);
    uint64_t             now = all[count - 1].memory_bytes, gib;
    bool                 unified = cfi_hw_host_is_unified(list->wish->hw);
    ctxfit_status        status;

    if (now == 0 || now / CHANGES_GIB >= CHANGES_MOST_GIB)
        return CTXFIT_OK;
    status = changes_least_gib(list, true, now / CHANGES_GIB, &gib, error);
    if (status == CTXFIT_OK && gib != 0)
        changes_add(list, CTXFIT_CHANGE_HOST, now, gib * CHANGES_GIB, "%" PRIu64 " GiB of %s memory instead of %" PRIu64, gib,
                    unified ? "unified" : "host", now / CHANGES_GIB);
    return status;
}

ctxfit_status cfi_changes_find(const cfi_wish *wish, const cfi_choice *nearest, ctxfit_change out[CFI_MAX_CHANGES], uint32_t *count,
                               uint32_t *evaluations, ctxfit_error *error)
{
    ctxfit_status (*const kinds[])(change_list *, ctxfit_error *) = {
        changes_placement, changes_cache_type, changes_context, changes_sequences, changes_file_type, changes_device, changes_host,
    };
    change_list   list = {.wish = wish, .nearest = nearest, .out = out};
    ctxfit_status status = CTXFIT_OK;

    for (size_t i = 0; i < CFI_COUNT(kinds) && status == CTXFIT_OK; i++)
        status = kinds[i](&list, error);
    *count = list.count;
    *evaluations += list.evaluations;
    return status;
}
