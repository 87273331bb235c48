/* Rows of plans, gathered and put in order. */
#ifndef CFI_RANK_INTERNAL_H
#define CFI_RANK_INTERNAL_H

#include "ctxfit/rank.h"
#include "plan/plan_internal.h"

typedef struct cfi_rank {
    ctxfit_plan_options options; /* complete; no limits are searched */
    cfi_engine_choice   engine;
    ctxfit_allocator    allocator;
    ctxfit_rank_row    *rows;
    size_t              count;
    size_t              room;
} cfi_rank;

/* Checks what both listings take and makes room. On success free it with cfi_rank_end. */
ctxfit_status cfi_rank_begin(cfi_rank *rank, size_t room, const ctxfit_plan_options *options, const ctxfit_allocator *allocator,
                             const ctxfit_rank_row *rows, size_t cap, const size_t *out_count, ctxfit_error *error);
/*
 * Plans the model on the machine; `*out_fits` false, and no row, where it does not fit or the engine does not run it. With
 * `experts_on_host` only where that is a difference.
 */
ctxfit_status cfi_rank_try(cfi_rank *rank, const ctxfit_model *model, const ctxfit_hw *hw, bool experts_on_host, ctxfit_rank_row *row,
                           bool *out_fits, ctxfit_error *error);
/* The most that all devices, or all GPUs where there are any, can hold together; UINT64_MAX where one does not say. */
uint64_t      cfi_rank_usable(const ctxfit_hw *hw, bool gpus);
/* Sorts, hands out, frees. */
ctxfit_status cfi_rank_end(cfi_rank *rank, ctxfit_status status, bool (*before)(const ctxfit_rank_row *, const ctxfit_rank_row *),
                           ctxfit_rank_row *rows, size_t cap, size_t *out_count);

#endif
