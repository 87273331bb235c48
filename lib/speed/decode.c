/* Decode: every byte of the active weights and of the cache in sight is read once per token; each block costs a fixed time on top. */
#include "speed_internal.h"

static uint64_t visible_tokens(uint64_t depth_tokens, uint64_t window_tokens)
{
    return cfi_min_u64(depth_tokens, window_tokens);
}

/* Seconds that one token spends on a part; false: cannot be known. */
static bool decode_seconds(const cfi_speed_part *part, const cfi_speed_decode_constants *constants, uint64_t depth_tokens, double *out)
{
    double weights = (double)part->weight_bytes_active + (double)part->state_bytes;
    double cache = (double)part->kv_bytes_per_position * (double)depth_tokens +
                   (double)part->window_bytes_per_position * (double)visible_tokens(depth_tokens, part->window_tokens);

    *out = (double)part->blocks * constants->seconds_per_block;
    if (weights + cache <= 0.0)
        return true;
    if (!cfi_speed_usable(part->bandwidth_bytes_per_s))
        return false;
    *out += weights / (constants->weight_efficiency * part->bandwidth_bytes_per_s);
    *out += cache / (constants->cache_efficiency * part->bandwidth_bytes_per_s);
    return true;
}

static void decode_time(const cfi_speed_input *input, uint64_t depth_tokens, cfi_speed_time *out)
{
    memset(out, 0, sizeof *out);
    out->known = true;
    for (uint32_t i = 0; i < input->count; i++) {
        const cfi_speed_part             *part = &input->parts[i];
        const cfi_speed_decode_constants *constants = cfi_speed_decode_row(part->backend, input->experts != 0);
        double                            seconds;

        if (!decode_seconds(part, constants, depth_tokens, &seconds)) {
            out->known = false;
            return;
        }
        cfi_speed_add(out, seconds, constants->low, constants->high);
    }
}

void cfi_speed_decode(const cfi_speed_input *input, uint64_t depth_tokens, cfi_speed_estimate *out)
{
    const cfi_speed_measured *measured = &input->measured;
    cfi_speed_time            time;
    cfi_speed_estimate        there;
    double                    rate;

    decode_time(input, depth_tokens, &time);
    cfi_speed_to_estimate(&time, 1.0, out);
    if (!cfi_speed_usable(measured->decode_tokens_per_s))
        return;
    /* The measurement fixes the level, the formula the slope over depth. Without a formula the rate stands as it is. */
    decode_time(input, measured->decode_depth_tokens, &time);
    cfi_speed_to_estimate(&time, 1.0, &there);
    rate = measured->decode_tokens_per_s;
    if (out->tokens_per_s > 0.0 && there.tokens_per_s > 0.0)
        rate *= out->tokens_per_s / there.tokens_per_s;
    cfi_speed_set_estimate(out, rate, rate * cfi_speed_anchored_low, rate * cfi_speed_anchored_high);
}
