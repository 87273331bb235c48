/* The machines that run a model. */
#include "rank_internal.h"

static ctxfit_status add_machine(cfi_rank *rank, const ctxfit_model *model, uint32_t place, ctxfit_error *error)
{
    ctxfit_rank_row *row = &rank->rows[rank->count];
    ctxfit_hw_entry  entry;
    ctxfit_hw       *hw;
    bool             fits = false;
    ctxfit_status    status;

    cfi_hw_catalog_entry(place, &entry);
    if (entry.memory_bytes == 0) /* a processor of which only the channels are known */
        return CTXFIT_OK;
    status = ctxfit_hw_parse(entry.id, &rank->allocator, &hw, error);
    if (status != CTXFIT_OK)
        return status;
    memset(row, 0, sizeof *row);
    if (model->info.tensor_bytes <= cfi_rank_usable(hw, false)) {
        status = cfi_rank_try(rank, model, hw, false, row, &fits, error);
        if (status == CTXFIT_OK && !fits)
            status = cfi_rank_try(rank, model, hw, true, row, &fits, error);
    }
    ctxfit_hw_free(hw);
    if (status == CTXFIT_OK && fits) {
        row->place = place;
        row->price_usd = entry.price_usd;
        row->price_year = entry.price_year;
        rank->count++;
    }
    return status;
}

static bool is_cheaper(const ctxfit_rank_row *a, const ctxfit_rank_row *b)
{
    if (a->price_usd != b->price_usd)
        return a->price_usd != 0 && (b->price_usd == 0 || a->price_usd < b->price_usd);
    if (a->decode_tokens_per_s > b->decode_tokens_per_s || a->decode_tokens_per_s < b->decode_tokens_per_s)
        return a->decode_tokens_per_s > b->decode_tokens_per_s;
    return a->place < b->place;
}

ctxfit_status ctxfit_rank_machines(const ctxfit_model *model, const ctxfit_hw_filter *filter, const ctxfit_plan_options *options,
                                   const ctxfit_allocator *allocator, ctxfit_rank_row *rows, size_t cap, size_t *out_count,
                                   ctxfit_error *error)
{
    cfi_rank         rank;
    ctxfit_hw_filter whole = CTXFIT_HW_FILTER_INIT;
    uint32_t         places[CFI_HW_MOST_ENTRIES];
    size_t           found = 0;
    ctxfit_status    status;

    whole.machines = CTXFIT_ENTRY_MACHINES;
    if (out_count != NULL)
        *out_count = 0;
    if (model == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "model is NULL");
    status = ctxfit_hw_catalog_search(filter != NULL ? filter : &whole, places, CFI_COUNT(places), &found, error);
    if (status != CTXFIT_OK)
        return status;
    status = cfi_rank_begin(&rank, found + 1, options, allocator, rows, cap, out_count, error);
    if (status != CTXFIT_OK)
        return status;
    for (size_t i = 0; i < found && status == CTXFIT_OK; i++)
        status = add_machine(&rank, model, places[i], error);
    return cfi_rank_end(&rank, status, is_cheaper, rows, cap, out_count);
}
