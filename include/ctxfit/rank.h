/**
 * @file rank.h
 * @brief Listings: which models of the catalog a machine runs, and which machines of the catalog run a model.
 *
 * Every row is a plan of its own, exact as plans are; nothing is interpolated. One thread takes tens of milliseconds for all models in one
 * file type and for all machines, a few times as much for the best file type of each model.
 *
 *     ctxfit_rank_row rows[400];
 *     size_t          count;
 *
 *     for (size_t i = 0; i < 400; i++)
 *         rows[i].struct_size = sizeof rows[i];
 *     ctxfit_hw_parse("rtx-4090 host:64GiB", NULL, &hw, NULL);
 *     ctxfit_rank_models(hw, 0, 0, &options, NULL, rows, 400, &count, NULL);
 *     printf("%s as %s\n", ctxfit_model_catalog_id(rows[0].place), ctxfit_file_type_name(rows[0].file_type));
 */
#ifndef CTXFIT_RANK_H
#define CTXFIT_RANK_H

#include "ctxfit/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One row of a listing. @since 0.1.0 */
typedef struct ctxfit_rank_row {
    uint32_t         struct_size;               /**< sizeof of this struct, as CTXFIT_RANK_ROW_INIT sets it; also the stride of arrays */
    uint32_t         place;                     /**< in the catalog of models, or of hardware */
    ctxfit_file_type file_type;                 /**< of the model */
    uint32_t         fit;                       /**< CTXFIT_FIT_*: never CTXFIT_FIT_NONE */
    uint32_t         cpu_experts;               /**< 1 where it fits with all experts on the host only (--cpu-moe) */
    uint32_t         compute_exact;             /**< 1 when compute buffers are exact, 0 for an upper bound */
    uint32_t         price_usd;                 /**< of a machine; 0 = not known */
    uint32_t         price_year;                /**< of the price */
    uint64_t         n_ctx_seq;                 /**< context of one sequence */
    uint64_t         trained_tokens;            /**< context that the model is made for; 0 = not stated */
    uint64_t         parameters;                /**< of the model */
    uint64_t         parameters_active;         /**< for one token */
    uint64_t         weights_bytes;             /**< over all devices */
    uint64_t         cache_bytes;               /**< caches and states, over all devices */
    uint64_t         total_bytes;               /**< everything, over all devices */
    int64_t          margin_bytes;              /**< smallest usable - total of all devices */
    double           decode_tokens_per_s;       /**< of one sequence at an empty context; 0 = not known */
    double           decode_full_tokens_per_s;  /**< of one sequence at a full context; 0 = not known */
    double           prompt_s;                  /**< seconds for a prompt as long as the context; 0 = not known */
} ctxfit_rank_row;
#define CTXFIT_RANK_ROW_INIT { (uint32_t)sizeof(ctxfit_rank_row), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * The models of the catalog that a machine runs: first those of which everything is on GPUs, then those that need the host; the largest
 * first, by parameters, of equal ones the better file type.
 * A model that is not made for the context is not among them. Where everything on GPUs is too much, experts on the host are tried; finer
 * placements are the business of place.h.
 * @param best      of each model the best (largest) file type that fits is taken, from this one on; 0 = from the largest that is published.
 * @param least     ... down to this one, which may be the same: then all are of one type, and those that cannot be had in it are left out;
 *                  0 = down to the smallest.
 * @param options   NULL = defaults; the context is the one asked for, or the trained one of each model. Limits are not searched.
 * @param rows      `cap` rows, the stride being rows[0].struct_size; the first are written. May be NULL when cap is 0.
 * @param out_count how many there are.
 * @return OK, also where there is no room for all; E_INVALID_ARG (NULL, CTXFIT_CTX_LARGEST, a value outside its range, `least` above
 *         `best`); E_NOT_FOUND (engine, file type); E_NO_MEMORY; E_STRUCT_SIZE; E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_rank_models(const ctxfit_hw *hw, ctxfit_file_type best, ctxfit_file_type least,
                                            const ctxfit_plan_options *options, const ctxfit_allocator *allocator, ctxfit_rank_row *rows,
                                            size_t cap, size_t *out_count, ctxfit_error *error);

/**
 * The machines of the catalog that run a model as it is, the cheapest first, those without a price last, of equal ones the faster.
 * @param filter    which machines; NULL = all that are whole machines.
 * @param options   as of ctxfit_rank_models().
 * @return as ctxfit_rank_models(); also E_NOT_FOUND where nothing has the filter's text.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_rank_machines(const ctxfit_model *model, const ctxfit_hw_filter *filter, const ctxfit_plan_options *options,
                                              const ctxfit_allocator *allocator, ctxfit_rank_row *rows, size_t cap, size_t *out_count,
                                              ctxfit_error *error);

#ifdef __cplusplus
}
#endif
#endif
