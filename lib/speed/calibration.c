#include "speed_internal.h"

#include <float.h>

enum { CLASS_ANY, CLASS_DENSE, CLASS_MOE };

typedef struct {
    uint32_t                   backend;
    uint32_t                   class_id;
    cfi_speed_decode_constants constants;
} decode_row;

typedef struct {
    uint32_t                    backend;
    uint32_t                    class_id;
    cfi_speed_prefill_constants constants;
} prefill_row;

#define CFI_SPEED_PREFILL(...)
#define CFI_SPEED_ANCHORED(...)
#define CFI_SPEED_PIPELINE(...)
#define CFI_SPEED_DECODE(backend, class_name, weights, cache, us_per_block, low, high, rows, machines, median) \
    { CTXFIT_BACKEND_##backend, CLASS_##class_name, { weights, cache, (us_per_block) * 1e-6, low, high } },
static const decode_row decode_rows[] = {
#include "calibration.def"
};
#undef CFI_SPEED_DECODE
#undef CFI_SPEED_PREFILL

#define CFI_SPEED_DECODE(...)
#define CFI_SPEED_PREFILL(backend, class_name, matrix, attention, low, high, rows, machines, median) \
    { CTXFIT_BACKEND_##backend, CLASS_##class_name, { matrix, attention, low, high } },
static const prefill_row prefill_rows[] = {
#include "calibration.def"
};
#undef CFI_SPEED_PREFILL
#undef CFI_SPEED_ANCHORED
#undef CFI_SPEED_PIPELINE

#define CFI_SPEED_PREFILL(...)
#define CFI_SPEED_ANCHORED(low, high, rows) \
    const double cfi_speed_anchored_low = low; \
    const double cfi_speed_anchored_high = high;
#define CFI_SPEED_PIPELINE(loss, rows) const double cfi_speed_pipeline_loss = loss;
#include "calibration.def"

/* 0: not this row; higher fits better: the pooled row, the backend, the backend and its class */
static int row_fit(uint32_t row_backend, uint32_t row_class, uint32_t backend, bool experts)
{
    if (row_backend == backend && row_class == (experts ? (uint32_t)CLASS_MOE : (uint32_t)CLASS_DENSE))
        return 3;
    if (row_class != CLASS_ANY)
        return 0;
    if (row_backend == backend)
        return 2;
    return row_backend == CTXFIT_BACKEND_DEFAULT ? 1 : 0;
}

const cfi_speed_decode_constants *cfi_speed_decode_row(uint32_t backend, bool experts)
{
    const cfi_speed_decode_constants *best = NULL;
    int                               best_fit = 0;

    for (size_t i = 0; i < CFI_COUNT(decode_rows); i++) {
        int fit = row_fit(decode_rows[i].backend, decode_rows[i].class_id, backend, experts);
        if (fit > best_fit) {
            best_fit = fit;
            best = &decode_rows[i].constants;
        }
    }
    return best;
}

const cfi_speed_prefill_constants *cfi_speed_prefill_row(uint32_t backend, bool experts)
{
    const cfi_speed_prefill_constants *best = NULL;
    int                                best_fit = 0;

    if (backend == CTXFIT_BACKEND_CPU) /* the pooled row speaks for GPUs, and no source states a CPU's matrix rate */
        return NULL;
    for (size_t i = 0; i < CFI_COUNT(prefill_rows); i++) {
        int fit = row_fit(prefill_rows[i].backend, prefill_rows[i].class_id, backend, experts);
        if (fit > best_fit) {
            best_fit = fit;
            best = &prefill_rows[i].constants;
        }
    }
    return best;
}

bool cfi_speed_usable(double value)
{
    return value > 0.0 && value <= DBL_MAX;
}

double cfi_speed_matrix_rate(const cfi_speed_part *part)
{
    double fp16 = cfi_speed_usable(part->fp16_flops_per_s) ? part->fp16_flops_per_s : 0.0;
    double int8 = cfi_speed_usable(part->int8_ops_per_s) ? part->int8_ops_per_s / 2.0 : 0.0;

    return fp16 > int8 ? fp16 : int8;
}

void cfi_speed_add(cfi_speed_time *sum, double seconds, double rate_low, double rate_high)
{
    sum->mid += seconds;
    sum->fast += seconds / rate_high;
    sum->slow += seconds / rate_low;
}

void cfi_speed_set_estimate(cfi_speed_estimate *out, double rate, double low, double high)
{
    memset(out, 0, sizeof *out);
    if (!cfi_speed_usable(rate) || !cfi_speed_usable(low) || !cfi_speed_usable(high))
        return;
    out->tokens_per_s = rate;
    out->low = low;
    out->high = high;
}

void cfi_speed_to_estimate(const cfi_speed_time *time, double tokens, cfi_speed_estimate *out)
{
    memset(out, 0, sizeof *out);
    if (time->known && cfi_speed_usable(time->fast))
        cfi_speed_set_estimate(out, tokens / time->mid, tokens / time->slow, tokens / time->fast);
}
