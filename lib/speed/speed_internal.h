/*
 * How fast a placement decodes and takes a prompt. Formulas, fit and accuracy: docs/speed.md.
 *
 * The caller says per memory that takes part what is read and computed there; this module knows neither models nor machines. Every
 * number is an estimate with a band; where a bandwidth or a matrix rate is unknown the answer is unknown (all zero), never a guess.
 */
#ifndef CFI_SPEED_INTERNAL_H
#define CFI_SPEED_INTERNAL_H

#include "base/base_internal.h"
#include "ctxfit/hw.h"

/* One memory and what computes on it. All zero: takes no part. */
typedef struct cfi_speed_part {
    uint32_t backend;                   /* CTXFIT_BACKEND_* */
    uint32_t blocks;                    /* mixers + feed-forwards here: twice the layers, once where a layer is one of the two */
    double   bandwidth_bytes_per_s;     /* nominal; 0 = unknown */
    double   fp16_flops_per_s;          /* dense matrix rate, FP32 accumulation where known; 0 = unknown */
    double   int8_ops_per_s;            /* dense; 0 = unknown */
    double   link_bytes_per_s;          /* from the host's memory; needed for copied_bytes_per_pass */
    uint64_t weight_bytes_active;       /* read for one decoded token: experts in use only, one row of an embedding table */
    uint64_t weight_bytes_pass;         /* read for one pass of a whole micro-batch: all experts */
    uint64_t link_bytes_per_token;      /* hidden states, results and logits that cross its link for a decoded token */
    uint64_t copied_bytes_per_pass;     /* weights kept in host memory that each pass of a prompt copies here and computes here */
    uint64_t state_bytes;               /* recurrent state, read and written per token */
    uint64_t kv_bytes_per_position;     /* cache read per decoded token and position: layers that see every position */
    uint64_t window_bytes_per_position; /* the same of layers that see at most window_tokens positions */
    uint64_t window_tokens;
    double   flops_per_token;           /* 2 x active parameters without embedding and output: a prompt needs one output row */
    double   attention_flops_per_position;        /* per prompt token and position it attends to */
    double   window_attention_flops_per_position; /* the same of windowed layers */
} cfi_speed_part;

/* What the user measured on this very machine and model; 0 = not measured. Goes before the table. */
typedef struct cfi_speed_measured {
    double   decode_tokens_per_s;
    uint64_t decode_depth_tokens; /* where that was */
    double   prefill_tokens_per_s; /* average over a prompt; used as it is for prompts of any length */
} cfi_speed_measured;

typedef struct cfi_speed_input {
    const cfi_speed_part *parts;     /* they work one after the other */
    uint32_t              count;
    uint32_t              experts;   /* not 0: a mixture of experts */
    uint32_t              ubatch_tokens; /* 0 = 512 */
    uint32_t              pipelined; /* not 0: prompt passes overlap over the parts (llama.cpp: split by layers, all on GPUs) */
    cfi_speed_measured    measured;
} cfi_speed_input;

/* tokens_per_s 0 = unknown, then all are 0. low <= tokens_per_s <= high. */
typedef struct cfi_speed_estimate {
    double tokens_per_s;
    double low;
    double high;
} cfi_speed_estimate;

/* seconds 0 = unknown (or nothing to do), then all are 0. low <= seconds <= high. */
typedef struct cfi_speed_duration {
    double seconds;
    double low;
    double high;
} cfi_speed_duration;

/* One token's rate when `depth_tokens` are in the context. */
void cfi_speed_decode(const cfi_speed_input *input, uint64_t depth_tokens, cfi_speed_estimate *out);
/* Average rate of a prompt of n tokens that starts after depth_tokens others. */
void cfi_speed_prefill(const cfi_speed_input *input, uint64_t n_tokens, uint64_t depth_tokens, cfi_speed_estimate *out);
/* Time until a prompt of n_tokens is in the cache, of which the first cached_tokens are there already. */
void cfi_speed_prompt_seconds(const cfi_speed_input *input, uint64_t n_tokens, uint64_t cached_tokens, cfi_speed_duration *out);

/* ---- constants (calibration.def) ---- */
typedef struct cfi_speed_decode_constants {
    double weight_efficiency; /* share of the nominal bandwidth at which weights are read */
    double cache_efficiency;
    double seconds_per_block;
    double low, high;         /* the band, as factors on the rate */
} cfi_speed_decode_constants;

typedef struct cfi_speed_prefill_constants {
    double matrix_efficiency; /* share of the matrix rate */
    double attention_efficiency;
    double low, high;
} cfi_speed_prefill_constants;

const cfi_speed_decode_constants *cfi_speed_decode_row(uint32_t backend, bool experts);
/* NULL: none, for a CPU. */
const cfi_speed_prefill_constants *cfi_speed_prefill_row(uint32_t backend, bool experts);
extern const double cfi_speed_anchored_low;
extern const double cfi_speed_anchored_high;
extern const double cfi_speed_pipeline_loss;

/* ---- shared by the formulas ---- */
/* A sum of times with its band; `known` turns false for good once a term is unknown. */
typedef struct cfi_speed_time {
    double mid;
    double fast;
    double slow;
    bool   known;
} cfi_speed_time;

bool   cfi_speed_usable(double value); /* a finite number above 0 */
/* The rate that matrix products of weights can reach: engines multiply quantised weights as INT8, or FP16 without FP32 accumulation. */
double cfi_speed_matrix_rate(const cfi_speed_part *part);
void   cfi_speed_add(cfi_speed_time *sum, double seconds, double rate_low, double rate_high);
/* All zero unless the three are usable. */
void   cfi_speed_set_estimate(cfi_speed_estimate *out, double rate, double low, double high);
void   cfi_speed_to_estimate(const cfi_speed_time *time, double tokens, cfi_speed_estimate *out);

#endif
