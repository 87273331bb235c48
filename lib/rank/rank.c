/* What both listings share. */
#include "rank_internal.h"

ctxfit_status cfi_rank_begin(cfi_rank *rank, size_t room, const ctxfit_plan_options *options, const ctxfit_allocator *allocator,
                             const ctxfit_rank_row *rows, size_t cap, const size_t *out_count, ctxfit_error *error)
{
    uint32_t      stride;
    ctxfit_status status;

    memset(rank, 0, sizeof *rank);
    if (out_count == NULL || (rows == NULL && cap > 0) || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out_count, rows or a function of the allocator is NULL");
    if (cap > 0 && cfi_struct_size(rows, CFI_V1_RANK_ROW, &stride) != CTXFIT_OK)
        return cfi_fail(error, CTXFIT_E_STRUCT_SIZE, "rows: struct_size is not that of ctxfit_rank_row");
    status = cfi_copy_in(&rank->options, sizeof rank->options, CFI_V1_PLAN_OPTIONS, options);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    if (rank->options.ctx_tokens == CTXFIT_CTX_LARGEST)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctx_tokens: a listing is for a context, not for the largest one");
    status = cfi_engine_choose(rank->options.engine, &rank->engine, error);
    if (status != CTXFIT_OK)
        return status;
    rank->options.struct_size = (uint32_t)sizeof rank->options;
    rank->options.flags |= CTXFIT_PLAN_F_NO_LIMITS;
    rank->allocator = cfi_allocator_or_default(allocator);
    rank->room = room;
    rank->rows = rank->allocator.alloc(rank->allocator.user, room * sizeof *rank->rows);
    return rank->rows != NULL ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a listing");
}

static void fill_row(ctxfit_rank_row *row, const ctxfit_model *model, const ctxfit_plan *plan, const ctxfit_plan_summary *s)
{
    ctxfit_estimate   e = CTXFIT_ESTIMATE_INIT;
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    (void)ctxfit_model_get_info(model, &info);
    row->struct_size = (uint32_t)sizeof *row;
    row->file_type = info.file_type;
    row->fit = s->fit;
    row->compute_exact = s->compute_exact;
    row->n_ctx_seq = s->n_ctx_seq;
    row->trained_tokens = info.trained_tokens;
    row->parameters = info.parameters;
    row->parameters_active = info.parameters_active;
    row->weights_bytes = s->weights_bytes;
    row->cache_bytes = s->kv_bytes + s->recurrent_bytes;
    row->total_bytes = s->total_bytes;
    row->margin_bytes = s->margin_bytes;
    if (ctxfit_plan_get_decode_rate(plan, 0, &e) == CTXFIT_OK)
        row->decode_tokens_per_s = e.value;
    if (ctxfit_plan_get_decode_rate(plan, s->n_ctx_seq, &e) == CTXFIT_OK)
        row->decode_full_tokens_per_s = e.value;
    if (ctxfit_plan_get_prompt_time(plan, s->n_ctx_seq, 0, &e) == CTXFIT_OK)
        row->prompt_s = e.value;
}

/* What says that this pair has no plan, not that the question is wrong. */
static bool is_no_answer(ctxfit_status status)
{
    return status == CTXFIT_E_REFUSED || status == CTXFIT_E_OVERFLOW || status == CTXFIT_E_UNSUPPORTED;
}

/* Whether it is too large even where every compute buffer has the least size that it may have. */
static bool is_too_large_at_best(const ctxfit_plan *plan)
{
    ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;
    uint64_t           band = 0;
    int64_t            least = 0;

    for (uint32_t i = 0; ctxfit_plan_get_device(plan, i, &device) == CTXFIT_OK; i++) {
        if (!cfi_add_u64(band, device.compute_bytes - device.compute_low_bytes, &band))
            return false;
        least = device.free_bytes < least ? device.free_bytes : least;
    }
    return least < 0 && 0 - (uint64_t)least > band;
}

/* Most of what does not fit is told by bounds, which cost a fraction of an exact plan. */
static ctxfit_status plan_by_bounds(cfi_rank *rank, const ctxfit_model *model, const ctxfit_hw *hw, ctxfit_plan_options *options,
                                    bool *out_hopeless, ctxfit_error *error)
{
    ctxfit_plan  *plan;
    ctxfit_status status;

    *out_hopeless = false;
    options->flags |= CTXFIT_PLAN_F_BOUND;
    status = ctxfit_plan_make(model, hw, options, &rank->allocator, &plan, error);
    options->flags = rank->options.flags;
    if (status != CTXFIT_OK)
        return status;
    *out_hopeless = is_too_large_at_best(plan);
    ctxfit_plan_free(plan);
    return CTXFIT_OK;
}

ctxfit_status cfi_rank_try(cfi_rank *rank, const ctxfit_model *model, const ctxfit_hw *hw, bool experts_on_host, ctxfit_rank_row *row,
                           bool *out_fits, ctxfit_error *error)
{
    ctxfit_plan_options options = rank->options;
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan        *plan;
    ctxfit_error        found;
    ctxfit_status       status;
    bool                hopeless = false;

    *out_fits = false;
    if (experts_on_host) {
        if (model->info.experts == 0 || options.cpu_expert_layers != 0 || ctxfit_hw_device_count(hw) < 2)
            return CTXFIT_OK;
        options.cpu_expert_layers = CTXFIT_ALL_LAYERS;
    }
    status = plan_by_bounds(rank, model, hw, &options, &hopeless, &found);
    if (status == CTXFIT_OK && !hopeless)
        status = ctxfit_plan_make(model, hw, &options, &rank->allocator, &plan, &found);
    if (is_no_answer(status) || (status == CTXFIT_OK && hopeless))
        return CTXFIT_OK;
    if (status != CTXFIT_OK) {
        if (error != NULL)
            *error = found;
        return status;
    }
    (void)ctxfit_plan_get_summary(plan, &summary);
    *out_fits = summary.fit != CTXFIT_FIT_NONE;
    if (*out_fits) {
        fill_row(row, model, plan, &summary);
        row->cpu_experts = experts_on_host;
    }
    ctxfit_plan_free(plan);
    return CTXFIT_OK;
}

/* Unified memory counts once, as its host's. */
uint64_t cfi_rank_usable(const ctxfit_hw *hw, bool gpus)
{
    uint32_t             count;
    const ctxfit_device *devices = cfi_hw_devices(hw, &count);
    uint64_t             sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t memory = devices[i].free_bytes != 0 ? devices[i].free_bytes : devices[i].memory_bytes;

        if (devices[i].kind == CTXFIT_DEVICE_HOST && (cfi_hw_host_is_unified(hw) || (gpus && count > 1)))
            continue;
        if (memory == 0 || !cfi_add_u64(sum, memory, &sum))
            return UINT64_MAX;
    }
    return sum;
}

/* A heap: n log n whatever the order, and nothing is allocated. No two rows are equal, their places are not. */
static void sift(ctxfit_rank_row *rows, size_t root, size_t count, bool (*before)(const ctxfit_rank_row *, const ctxfit_rank_row *))
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        ctxfit_rank_row row = rows[root];

        if (child + 1 < count && before(&rows[child], &rows[child + 1]))
            child++;
        if (!before(&row, &rows[child]))
            return;
        rows[root] = rows[child];
        rows[child] = row;
    }
}

static void sort_rows(ctxfit_rank_row *rows, size_t count, bool (*before)(const ctxfit_rank_row *, const ctxfit_rank_row *))
{
    for (size_t i = count / 2; i-- > 0;)
        sift(rows, i, count, before);
    for (size_t end = count; end-- > 1;) {
        ctxfit_rank_row last = rows[0];

        rows[0] = rows[end];
        rows[end] = last;
        sift(rows, 0, end, before);
    }
}

ctxfit_status cfi_rank_end(cfi_rank *rank, ctxfit_status status, bool (*before)(const ctxfit_rank_row *, const ctxfit_rank_row *),
                           ctxfit_rank_row *rows, size_t cap, size_t *out_count)
{
    if (status == CTXFIT_OK) {
        sort_rows(rank->rows, rank->count, before);
        *out_count = rank->count;
        for (size_t i = 0; i < rank->count && i < cap && status == CTXFIT_OK; i++) {
            void *row = (char *)rows + i * rows->struct_size;

            memcpy(row, &rows->struct_size, sizeof rows->struct_size);
            status = cfi_copy_out(row, &rank->rows[i], sizeof *rank->rows, CFI_V1_RANK_ROW);
        }
    }
    rank->allocator.release(rank->allocator.user, rank->rows, rank->room * sizeof *rank->rows);
    return status;
}
