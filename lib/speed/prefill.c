/* Prefill: matrix products at a share of the matrix rate, attention that grows with depth, and one read of the weights per micro-batch. */
#include "speed_internal.h"

#define DEFAULT_UBATCH_TOKENS 512u /* llama.cpp b10472 common/common.h: n_ubatch */

/* Spread of a prefill rate that the user measured: repeated runs, and prompts of other lengths, differ by about this share. */
#define MEASURED_SPREAD 0.10

/* Passes of micro-batches and what one holds at most. */
typedef struct {
    double passes;
    double tokens_per_pass;
} pass_shape;

static pass_shape shape_of(const cfi_speed_input *input, uint64_t n_tokens)
{
    uint64_t   ubatch = input->ubatch_tokens != 0 ? input->ubatch_tokens : DEFAULT_UBATCH_TOKENS;
    pass_shape shape;

    shape.passes = (double)(n_tokens / ubatch + (n_tokens % ubatch != 0 ? 1u : 0u));
    shape.tokens_per_pass = (double)cfi_min_u64(n_tokens, ubatch);
    return shape;
}

/* Bytes of weights that one pass reads: no more than all, no more than each of its tokens alone would. */
static double pass_bytes(const cfi_speed_part *part, pass_shape shape)
{
    double all = (double)part->weight_bytes_pass;
    double alone = (double)part->weight_bytes_active * shape.tokens_per_pass;

    return all < alone ? all : alone;
}

/* Operations of attention when n tokens follow depth others: each sees the mean of what is before it, or its window. */
static double prompt_attention_flops(const cfi_speed_part *part, double n_tokens, double depth_tokens)
{
    double mean = depth_tokens + n_tokens / 2.0;
    double window = (double)part->window_tokens;

    return n_tokens * (part->attention_flops_per_position * mean +
                       part->window_attention_flops_per_position * (mean < window ? mean : window));
}

/* Seconds that the whole prompt spends on a part; false: cannot be known. */
static bool prefill_seconds(const cfi_speed_input *input, const cfi_speed_part *part, uint64_t n_tokens, uint64_t depth_tokens,
                            const cfi_speed_prefill_constants *constants, double *out)
{
    pass_shape shape = shape_of(input, n_tokens);
    double     rate = cfi_speed_matrix_rate(part);
    double     flops = part->flops_per_token * (double)n_tokens;
    double     attention = prompt_attention_flops(part, (double)n_tokens, (double)depth_tokens);
    double     bytes = pass_bytes(part, shape);

    *out = 0.0;
    if (flops > 0.0 || attention > 0.0) {
        if (constants == NULL || rate <= 0.0)
            return false;
        *out += flops / (constants->matrix_efficiency * rate) + attention / (constants->attention_efficiency * rate);
    }
    if (bytes > 0.0) {
        const cfi_speed_decode_constants *read = cfi_speed_decode_row(part->backend, input->experts != 0);

        if (!cfi_speed_usable(part->bandwidth_bytes_per_s))
            return false;
        *out += shape.passes * bytes / (read->weight_efficiency * part->bandwidth_bytes_per_s);
    }
    if (part->copied_bytes_per_pass > 0) {
        if (!cfi_speed_usable(part->link_bytes_per_s))
            return false;
        *out += shape.passes * (double)part->copied_bytes_per_pass / part->link_bytes_per_s;
    }
    return true;
}

/* Parts that overlap: after the first pass the slowest sets the pace, less what the calibration found to be lost. */
static double overlapped(double whole, double slowest, double passes)
{
    double best = whole / passes + slowest * (passes - 1.0) / passes;

    return best + cfi_speed_pipeline_loss * (whole - best);
}

static void prefill_time(const cfi_speed_input *input, uint64_t n_tokens, uint64_t depth_tokens, cfi_speed_time *out)
{
    double slowest = 0.0;

    memset(out, 0, sizeof *out);
    out->known = n_tokens > 0;
    for (uint32_t i = 0; i < input->count && out->known; i++) {
        const cfi_speed_part              *part = &input->parts[i];
        const cfi_speed_prefill_constants *constants = cfi_speed_prefill_row(part->backend, input->experts != 0);
        double                             seconds;

        out->known = prefill_seconds(input, part, n_tokens, depth_tokens, constants, &seconds);
        if (!out->known || constants == NULL)
            continue;
        cfi_speed_add(out, seconds, constants->low, constants->high);
        slowest = seconds > slowest ? seconds : slowest;
    }
    if (out->known && input->pipelined != 0 && cfi_speed_usable(out->mid)) {
        double faster = overlapped(out->mid, slowest, shape_of(input, n_tokens).passes) / out->mid;

        out->mid *= faster;
        out->fast *= faster;
        out->slow *= faster;
    }
}

void cfi_speed_prefill(const cfi_speed_input *input, uint64_t n_tokens, uint64_t depth_tokens, cfi_speed_estimate *out)
{
    double         measured = input->measured.prefill_tokens_per_s;
    cfi_speed_time time;

    if (cfi_speed_usable(measured)) {
        cfi_speed_set_estimate(out, measured, measured * (1.0 - MEASURED_SPREAD), measured * (1.0 + MEASURED_SPREAD));
        return;
    }
    prefill_time(input, n_tokens, depth_tokens, &time);
    cfi_speed_to_estimate(&time, (double)n_tokens, out);
}

void cfi_speed_prompt_seconds(const cfi_speed_input *input, uint64_t n_tokens, uint64_t cached_tokens, cfi_speed_duration *out)
{
    cfi_speed_estimate rate;
    uint64_t           rest = n_tokens > cached_tokens ? n_tokens - cached_tokens : 0;

    memset(out, 0, sizeof *out);
    if (rest == 0)
        return;
    cfi_speed_prefill(input, rest, cached_tokens, &rate);
    if (rate.tokens_per_s <= 0.0 || !cfi_speed_usable((double)rest / rate.low))
        return;
    out->seconds = (double)rest / rate.tokens_per_s;
    out->low = (double)rest / rate.high;
    out->high = (double)rest / rate.low;
}
