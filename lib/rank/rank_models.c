/* The models that a machine runs. */
#include "rank_internal.h"

#define MOST_TYPES 64u

/* File types to recommend, from the best to the smallest, with the bits that a weight takes in most of their tensors. */
typedef struct type_list {
    uint32_t         count;
    ctxfit_file_type type[MOST_TYPES];
    double           bits[MOST_TYPES];
} type_list;

static bool is_recommended(ctxfit_file_type file_type, ctxfit_file_type_info *info)
{
    return ctxfit_file_type_get_info(file_type, info) == CTXFIT_OK && info->base != CTXFIT_QUANT_F32 &&
           (info->flags & (CTXFIT_FILE_TYPE_F_UNCOMMON | CTXFIT_FILE_TYPE_F_NO_RECIPE | CTXFIT_FILE_TYPE_F_RETIRED)) == 0;
}

/* The place of a type in the list of all; `otherwise` for 0. */
static bool place_of(ctxfit_file_type file_type, uint32_t otherwise, uint32_t *out)
{
    *out = otherwise;
    for (uint32_t i = 0; file_type != 0 && i < ctxfit_file_type_count(); i++)
        if (ctxfit_file_type_at(i) == file_type) {
            *out = i;
            return true;
        }
    return file_type == 0;
}

static void add_type(type_list *list, ctxfit_file_type type, double bits)
{
    list->type[list->count] = type;
    list->bits[list->count++] = bits;
}

/* What ExLlamaV3 runs: 16 bits where no best type is asked for, and EXL3 of the bits that people publish, from those of `best` to those of
 * `least`, of a GGUF's type the whole ones of most of its tensors. */
static ctxfit_status list_exl3(type_list *list, ctxfit_file_type best, ctxfit_file_type least, ctxfit_error *error)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;
    ctxfit_quant_info     quant = CTXFIT_QUANT_INFO_INIT;
    uint32_t              most = cfi_exl3_is(best) ? cfi_exl3_hundredths(best) : 800, fewest = 100;
    ctxfit_file_type      type;

    if (cfi_exl3_is(least))
        fewest = cfi_exl3_hundredths(least);
    else if (least != 0 && ctxfit_file_type_get_info(least, &info) == CTXFIT_OK && ctxfit_quant_get_info(info.base, &quant) == CTXFIT_OK)
        fewest = 8 * quant.block_bytes / quant.block_elems * 100;
    if (cfi_exl3_is(best) && fewest > most)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "least has more bits than best");
    list->count = 0;
    if (best == 0)
        add_type(list, CTXFIT_FILE_TYPE_BF16, 16);
    if (cfi_exl3_is(best))
        add_type(list, best, most / 100.0);
    for (uint32_t i = 0; (type = cfi_exl3_published(i)) != 0; i++)
        if (cfi_exl3_hundredths(type) <= most && cfi_exl3_hundredths(type) >= fewest && type != best)
            add_type(list, type, cfi_exl3_hundredths(type) / 100.0);
    return CTXFIT_OK;
}

/* What is recommended of the types from `best` to `least`; these two are what the caller wants, recommended or not. */
static ctxfit_status list_types(type_list *list, ctxfit_file_type best, ctxfit_file_type least, ctxfit_error *error)
{
    uint32_t first, last;

    if (cfi_exl3_is(best) || cfi_exl3_is(least))
        return list_exl3(list, best, least, error);
    list->count = 0;
    if (!place_of(best, 0, &first) || !place_of(least, ctxfit_file_type_count() - 1, &last))
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "best or least is no file type that there is");
    if (last < first)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "least (%s) is better than best (%s)", ctxfit_file_type_name(least),
                        ctxfit_file_type_name(best));
    for (uint32_t i = first; i <= last && list->count < MOST_TYPES; i++) {
        ctxfit_file_type      type = ctxfit_file_type_at(i);
        ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;
        ctxfit_quant_info     quant = CTXFIT_QUANT_INFO_INIT;

        if ((!is_recommended(type, &info) && type != best && type != least) || ctxfit_quant_get_info(info.base, &quant) != CTXFIT_OK ||
            quant.block_elems == 0)
            continue;
        add_type(list, type, 8.0 * quant.block_bytes / quant.block_elems);
    }
    return CTXFIT_OK;
}

typedef enum type_answer {
    TYPE_NOT_MADE, /* llama-quantize does not make it of this model */
    TYPE_TOO_LARGE,
    TYPE_FITS
} type_answer;

static ctxfit_status try_type(cfi_rank *rank, const ctxfit_model *published, const ctxfit_hw *hw, ctxfit_file_type file_type,
                              bool experts_on_host, ctxfit_rank_row *row, type_answer *out, ctxfit_error *error)
{
    ctxfit_rank_row tried;
    ctxfit_model   *model;
    ctxfit_error    found;
    bool            fits;
    ctxfit_status   status = ctxfit_model_requantize(published, file_type, &rank->allocator, &model, &found);

    *out = TYPE_NOT_MADE;
    if (status == CTXFIT_E_REFUSED || status == CTXFIT_E_UNSUPPORTED)
        return CTXFIT_OK;
    if (status != CTXFIT_OK) {
        if (error != NULL)
            *error = found;
        return status;
    }
    memset(&tried, 0, sizeof tried);
    status = cfi_rank_try(rank, model, hw, experts_on_host, &tried, &fits, error);
    ctxfit_model_free(model);
    *out = fits ? TYPE_FITS : TYPE_TOO_LARGE;
    if (fits)
        *row = tried;
    return status;
}

/*
 * Bits per weight above which the weights alone are too much. Where all layers go to GPUs, only the embeddings of the input stay on the
 * host; where options move more, and for experts there, all memory counts.
 */
static double most_bits(const cfi_rank *rank, const ctxfit_model *model, const ctxfit_hw *hw, bool experts_on_host)
{
    const ctxfit_plan_options *o = &rank->options;
    bool                       moved = experts_on_host || o->gpu_layers != 0 || o->cpu_expert_layers != 0 || o->overrides[0] != '\0';
    double                     weights = (double)model->info.parameters;

    if (!moved)
        weights -= (double)model->info.vocabulary * (model->info.embedding + (double)model->info.layers * model->info.per_layer_embedding);
    return (double)cfi_rank_usable(hw, !moved) * 8 / (weights > 1 ? weights : 1);
}

/* A type may have fewer bits in all than the format of most of its tensors: IQ3_XS has 3.3 of 3.44. */
#define FEWEST_BITS 0.85

/* The best type that fits: down the list from the first of which the weights alone can be held at all. */
static ctxfit_status find_best(cfi_rank *rank, const ctxfit_model *published, const ctxfit_hw *hw, const type_list *types,
                               bool experts_on_host, ctxfit_rank_row *row, bool *out_fits, ctxfit_error *error)
{
    const double  budget = most_bits(rank, published, hw, experts_on_host);
    uint32_t      guess = 0;
    type_answer   answer = TYPE_TOO_LARGE;
    ctxfit_status status = CTXFIT_OK;

    while (guess + 1 < types->count && types->bits[guess] * FEWEST_BITS > budget)
        guess++;
    for (uint32_t at = guess; at < types->count && status == CTXFIT_OK && answer != TYPE_FITS; at++)
        status = try_type(rank, published, hw, types->type[at], experts_on_host, row, &answer, error);
    *out_fits = answer == TYPE_FITS;
    return status;
}

/* A sequence of what is asked for is longer than the engine takes the model for. */
static bool is_too_long(const cfi_rank *rank, const ctxfit_model *model)
{
    uint64_t       asked = rank->options.ctx_tokens;
    const uint64_t most = cfi_engine_length_of(model, rank->engine.id, rank->engine.release).most;

    if (!cfi_engine_traits_of(rank->engine.id)->per_sequence && rank->options.sequences > 1 &&
        rank->options.kv_unified != CTXFIT_CHOICE_ON)
        asked /= rank->options.sequences;
    return most != 0 && asked > most;
}

static ctxfit_status add_model(cfi_rank *rank, const ctxfit_hw *hw, uint32_t place, const type_list *types, ctxfit_error *error)
{
    ctxfit_rank_row *row = &rank->rows[rank->count];
    ctxfit_model    *model;
    ctxfit_error     found;
    ctxfit_file_type only = types->count == 1 ? types->type[0] : 0;
    bool             fits = false, too_long;
    ctxfit_status    status =
        ctxfit_model_from_catalog(ctxfit_model_catalog_id(place), only, &rank->allocator, &model, &found);

    if (status == CTXFIT_E_REFUSED || status == CTXFIT_E_UNSUPPORTED)
        return CTXFIT_OK;
    if (status != CTXFIT_OK) {
        if (error != NULL)
            *error = found;
        return status;
    }
    memset(row, 0, sizeof *row);
    too_long = is_too_long(rank, model);
    for (int experts = 0; experts < 2 && status == CTXFIT_OK && !fits && !too_long; experts++)
        status = only != 0 ? cfi_rank_try(rank, model, hw, experts == 1, row, &fits, error)
                 : experts == 1 && model->info.experts == 0
                     ? CTXFIT_OK : find_best(rank, model, hw, types, experts == 1, row, &fits, error);
    ctxfit_model_free(model);
    if (status == CTXFIT_OK && fits) {
        row->place = place;
        rank->count++;
    }
    return status;
}

static bool is_larger(const ctxfit_rank_row *a, const ctxfit_rank_row *b)
{
    if ((a->fit == CTXFIT_FIT_ALL) != (b->fit == CTXFIT_FIT_ALL))
        return a->fit == CTXFIT_FIT_ALL;
    if (a->parameters != b->parameters)
        return a->parameters > b->parameters;
    if (a->weights_bytes != b->weights_bytes)
        return a->weights_bytes > b->weights_bytes;
    return a->place < b->place;
}

ctxfit_status ctxfit_rank_models(const ctxfit_hw *hw, ctxfit_file_type best, ctxfit_file_type least, const ctxfit_plan_options *options,
                                 const ctxfit_allocator *allocator, ctxfit_rank_row *rows, size_t cap, size_t *out_count,
                                 ctxfit_error *error)
{
    cfi_rank      rank;
    type_list     types;
    ctxfit_status status;

    if (out_count != NULL)
        *out_count = 0;
    if (hw == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "hw is NULL");
    status = list_types(&types, best, least, error);
    if (status == CTXFIT_OK)
        status = cfi_rank_begin(&rank, ctxfit_model_catalog_count(), options, allocator, rows, cap, out_count, error);
    if (status != CTXFIT_OK)
        return status;
    if (status == CTXFIT_OK && rank.engine.id == CFI_ENGINE_EXLLAMAV3)
        status = list_exl3(&types, cfi_exl3_is(best) ? best : 0, least, error);
    for (uint32_t i = 0; i < ctxfit_model_catalog_count() && status == CTXFIT_OK; i++)
        status = add_model(&rank, hw, i, &types, error);
    return cfi_rank_end(&rank, status, is_larger, rows, cap, out_count);
}
