/* Behaviour of the speed formulas: order, unknowns, the user's measurements, extreme input. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "speed/speed_internal.h"

/* An 8B model of 32 layers on a card of 1 TB/s. */
static cfi_speed_part some_part(void)
{
    cfi_speed_part part;

    memset(&part, 0, sizeof part);
    part.backend = CTXFIT_BACKEND_CUDA;
    part.blocks = 64;
    part.bandwidth_bytes_per_s = 1e12;
    part.fp16_flops_per_s = 1e14;
    part.link_bytes_per_s = 3e10;
    part.weight_bytes_active = 4600000000u;
    part.weight_bytes_pass = 4600000000u;
    part.kv_bytes_per_position = 131072;
    part.flops_per_token = 1.4e10;
    part.attention_flops_per_position = 524288.0;
    return part;
}

static cfi_speed_input one(const cfi_speed_part *part)
{
    cfi_speed_input input;

    memset(&input, 0, sizeof input);
    input.parts = part;
    input.count = 1;
    return input;
}

static double decode_rate(const cfi_speed_part *part, uint64_t depth)
{
    cfi_speed_input input = one(part);
    cfi_speed_estimate e;

    cfi_speed_decode(&input, depth, &e);
    return e.tokens_per_s;
}

static double prompt_time(const cfi_speed_input *input, uint64_t n, uint64_t cached)
{
    cfi_speed_duration d;

    cfi_speed_prompt_seconds(input, n, cached, &d);
    return d.seconds;
}

static void assert_ordered(const cfi_speed_estimate *e)
{
    assert_true(e->low > 0.0);
    assert_true(e->low <= e->tokens_per_s);
    assert_true(e->tokens_per_s <= e->high);
    assert_true(e->high <= DBL_MAX);
}

static void assert_unknown(const cfi_speed_estimate *e)
{
    assert_true(e->tokens_per_s == 0.0 && e->low == 0.0 && e->high == 0.0);
}

static void decode_slows_with_depth(void **state)
{
    cfi_speed_part part = some_part();
    double before = decode_rate(&part, 0);

    (void)state;
    for (uint64_t depth = 1024; depth <= 262144; depth *= 2) {
        double rate = decode_rate(&part, depth);
        assert_true(rate < before);
        before = rate;
    }
}

static void decode_stays_level_beyond_a_window(void **state)
{
    cfi_speed_part part = some_part();

    (void)state;
    part.window_bytes_per_position = part.kv_bytes_per_position;
    part.kv_bytes_per_position = 0;
    part.window_tokens = 1024;
    assert_true(decode_rate(&part, 512) > decode_rate(&part, 1024));
    assert_true(decode_rate(&part, 1024) == decode_rate(&part, 100000));
}

static void decode_slows_with_bytes_and_blocks(void **state)
{
    cfi_speed_part part = some_part(), more = some_part();

    (void)state;
    more.weight_bytes_active *= 2;
    assert_true(decode_rate(&more, 0) < decode_rate(&part, 0));
    more = some_part();
    more.state_bytes = 1000000000u;
    assert_true(decode_rate(&more, 0) < decode_rate(&part, 0));
    more = some_part();
    more.blocks *= 2;
    assert_true(decode_rate(&more, 0) < decode_rate(&part, 0));
    more = some_part();
    more.bandwidth_bytes_per_s *= 2.0;
    assert_true(decode_rate(&more, 0) > decode_rate(&part, 0));
}

/* 4.6 GB a token cannot exceed the nominal bandwidth */
static void decode_stays_below_the_nominal_bandwidth(void **state)
{
    static const uint32_t backends[] = { CTXFIT_BACKEND_DEFAULT, CTXFIT_BACKEND_CPU, CTXFIT_BACKEND_CUDA, CTXFIT_BACKEND_METAL,
                                         CTXFIT_BACKEND_ROCM, CTXFIT_BACKEND_VULKAN, CTXFIT_BACKEND_SYCL, CTXFIT_BACKEND_RPC, 99 };
    cfi_speed_part part = some_part();

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(backends); i++) {
        part.backend = backends[i];
        assert_true(decode_rate(&part, 0) > 0.0);
        assert_true(decode_rate(&part, 0) * (double)part.weight_bytes_active < part.bandwidth_bytes_per_s);
    }
}

static void parts_take_their_time_one_after_the_other(void **state)
{
    cfi_speed_part parts[2] = { some_part(), some_part() };
    cfi_speed_input input = one(parts);
    cfi_speed_estimate alone, both;

    (void)state;
    cfi_speed_decode(&input, 4096, &alone);
    input.count = 2;
    cfi_speed_decode(&input, 4096, &both);
    assert_true(fabs(both.tokens_per_s * 2.0 / alone.tokens_per_s - 1.0) < 1e-12);
    parts[1].backend = CTXFIT_BACKEND_CPU;
    parts[1].bandwidth_bytes_per_s = 8e10;
    cfi_speed_decode(&input, 4096, &alone);
    assert_true(alone.tokens_per_s < both.tokens_per_s);
    assert_ordered(&alone);
}

static void a_part_without_work_changes_nothing(void **state)
{
    cfi_speed_part parts[2];
    cfi_speed_input input;
    cfi_speed_estimate with, without;

    (void)state;
    parts[0] = some_part();
    memset(&parts[1], 0, sizeof parts[1]);
    parts[1].backend = CTXFIT_BACKEND_CPU;
    input = one(parts);
    cfi_speed_decode(&input, 100, &without);
    input.count = 2;
    cfi_speed_decode(&input, 100, &with);
    assert_memory_equal(&with, &without, sizeof with);
    cfi_speed_prefill(&input, 1000, 0, &with);
    input.count = 1;
    cfi_speed_prefill(&input, 1000, 0, &without);
    assert_memory_equal(&with, &without, sizeof with);
}

static void unknown_bandwidth_gives_unknown(void **state)
{
    static const double values[] = { 0.0, -1.0, (double)NAN, (double)INFINITY };
    cfi_speed_estimate e;
    cfi_speed_duration d;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(values); i++) {
        cfi_speed_part part = some_part();
        cfi_speed_input input = one(&part);

        part.bandwidth_bytes_per_s = values[i];
        cfi_speed_decode(&input, 0, &e);
        assert_unknown(&e);
        cfi_speed_prefill(&input, 100, 0, &e);
        assert_unknown(&e);
        part = some_part();
        part.fp16_flops_per_s = values[i];
        cfi_speed_decode(&input, 0, &e);
        assert_ordered(&e);
        cfi_speed_prefill(&input, 100, 0, &e);
        assert_unknown(&e);
        cfi_speed_prompt_seconds(&input, 100, 0, &d);
        assert_true(d.seconds == 0.0 && d.low == 0.0 && d.high == 0.0);
    }
}

static void one_unknown_part_makes_the_whole_unknown(void **state)
{
    cfi_speed_part parts[2] = { some_part(), some_part() };
    cfi_speed_input input = one(parts);
    cfi_speed_estimate e;

    (void)state;
    input.count = 2;
    parts[1].bandwidth_bytes_per_s = 0.0;
    cfi_speed_decode(&input, 0, &e);
    assert_unknown(&e);
}

static void prefill_on_a_cpu_is_unknown(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    cfi_speed_estimate e;

    (void)state;
    part.backend = CTXFIT_BACKEND_CPU;
    cfi_speed_prefill(&input, 100, 0, &e);
    assert_unknown(&e);
}

static void nothing_to_do_takes_no_time(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    cfi_speed_estimate e;

    (void)state;
    assert_true(prompt_time(&input, 0, 0) == 0.0);
    assert_true(prompt_time(&input, 500, 500) == 0.0);
    assert_true(prompt_time(&input, 500, 501) == 0.0);
    cfi_speed_prefill(&input, 0, 0, &e);
    assert_unknown(&e);
    input.count = 0;
    cfi_speed_decode(&input, 0, &e);
    assert_unknown(&e);
}

static void prompts_take_longer_the_longer_and_the_deeper(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    double before = 0.0;

    (void)state;
    for (uint64_t n = 1; n <= 1u << 20; n *= 2) {
        double seconds = prompt_time(&input, n, 0);
        assert_true(seconds > before);
        before = seconds;
    }
    assert_true(prompt_time(&input, 101000, 100000) > prompt_time(&input, 1000, 0));
    /* the second half costs more than the first */
    assert_true(prompt_time(&input, 65536, 0) > 2.0 * prompt_time(&input, 32768, 0));
    assert_true(prompt_time(&input, 65536, 32768) < prompt_time(&input, 65536, 0));
}

static void prompts_are_quicker_with_a_larger_ubatch(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    double standard = prompt_time(&input, 8192, 0);

    (void)state;
    input.ubatch_tokens = 512;
    assert_true(prompt_time(&input, 8192, 0) == standard);
    input.ubatch_tokens = 64;
    assert_true(prompt_time(&input, 8192, 0) > standard);
    input.ubatch_tokens = 2048;
    assert_true(prompt_time(&input, 8192, 0) < standard);
}

static void a_short_prompt_reads_no_more_experts_than_it_uses(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    double dense = prompt_time(&input, 1, 0);

    (void)state;
    part.weight_bytes_pass *= 100;
    assert_true(prompt_time(&input, 1, 0) == dense);
    assert_true(prompt_time(&input, 512, 0) > dense);
}

static void copied_experts_cost_link_time_each_pass(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    double without = prompt_time(&input, 1024, 0), with;
    cfi_speed_estimate e;

    (void)state;
    part.copied_bytes_per_pass = 30000000000u;
    with = prompt_time(&input, 1024, 0);
    assert_true(fabs(with - without - 2.0) < 1e-9); /* two passes of 30 GB at 30 GB/s */
    part.link_bytes_per_s = 0.0;
    cfi_speed_prefill(&input, 1024, 0, &e);
    assert_unknown(&e);
}

static void a_pipeline_lies_between_its_sum_and_its_slowest_part(void **state)
{
    cfi_speed_part parts[4] = { some_part(), some_part(), some_part(), some_part() };
    cfi_speed_input input = one(parts);
    double slowest = prompt_time(&input, 8192, 0), sum, pipelined;

    (void)state;
    input.count = 4;
    sum = prompt_time(&input, 8192, 0);
    input.pipelined = 1;
    pipelined = prompt_time(&input, 8192, 0);
    assert_true(pipelined > slowest);
    assert_true(pipelined < sum);
    input.pipelined = 0;
    sum = prompt_time(&input, 512, 0);
    input.pipelined = 1;
    assert_true(fabs(prompt_time(&input, 512, 0) / sum - 1.0) < 1e-12); /* one pass: nothing overlaps */
}

static void the_matrix_rate_is_the_better_of_fp16_and_half_of_int8(void **state)
{
    cfi_speed_part part = some_part();

    (void)state;
    part.int8_ops_per_s = 1e14;
    assert_true(cfi_speed_matrix_rate(&part) == 1e14);
    part.int8_ops_per_s = 4e14;
    assert_true(cfi_speed_matrix_rate(&part) == 2e14);
    part.fp16_flops_per_s = 0.0;
    assert_true(cfi_speed_matrix_rate(&part) == 2e14);
}

static void a_measured_prefill_rate_is_used_as_it_is(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    cfi_speed_duration d;
    cfi_speed_estimate e;

    (void)state;
    part.bandwidth_bytes_per_s = part.fp16_flops_per_s = 0.0; /* nothing is known of the machine but the measurement */
    input.measured.prefill_tokens_per_s = 400.0;
    cfi_speed_prompt_seconds(&input, 146760, 0, &d);
    assert_true(fabs(d.seconds - 366.9) < 1e-9);
    assert_true(d.low < d.seconds && d.seconds < d.high);
    cfi_speed_prompt_seconds(&input, 146760, 100000, &d);
    assert_true(fabs(d.seconds - 46760.0 / 400.0) < 1e-9);
    cfi_speed_prefill(&input, 10, 0, &e);
    assert_true(e.tokens_per_s == 400.0);
    assert_ordered(&e);
    cfi_speed_decode(&input, 0, &e);
    assert_unknown(&e);
}

static void a_measured_decode_rate_sets_the_level_and_narrows_the_band(void **state)
{
    cfi_speed_part part = some_part();
    cfi_speed_input input = one(&part);
    cfi_speed_estimate table, e;
    double slope;

    (void)state;
    cfi_speed_decode(&input, 65536, &table);
    slope = decode_rate(&part, 65536) / decode_rate(&part, 1000);
    input.measured.decode_tokens_per_s = 77.0;
    input.measured.decode_depth_tokens = 1000;
    cfi_speed_decode(&input, 1000, &e);
    assert_true(fabs(e.tokens_per_s - 77.0) < 1e-9);
    cfi_speed_decode(&input, 65536, &e);
    assert_true(fabs(e.tokens_per_s - 77.0 * slope) < 1e-9);
    assert_ordered(&e);
    assert_true(e.high / e.low < table.high / table.low);
    part.bandwidth_bytes_per_s = 0.0;
    cfi_speed_decode(&input, 65536, &e);
    assert_true(e.tokens_per_s == 77.0);
}

static void every_backend_and_class_has_constants_in_range(void **state)
{
    (void)state;
    for (uint32_t backend = 0; backend < 10; backend++) {
        for (int experts = 0; experts < 2; experts++) {
            const cfi_speed_decode_constants *d = cfi_speed_decode_row(backend, experts != 0);
            const cfi_speed_prefill_constants *p = cfi_speed_prefill_row(backend, experts != 0);

            assert_non_null(d);
            assert_true(d->weight_efficiency > 0.0 && d->weight_efficiency < 1.0);
            assert_true(d->cache_efficiency > 0.0 && d->cache_efficiency <= d->weight_efficiency);
            assert_true(d->seconds_per_block >= 0.0 && d->seconds_per_block < 1e-3);
            assert_true(d->low > 0.0 && d->low <= 1.0 && d->high >= 1.0);
            assert_true((p == NULL) == (backend == CTXFIT_BACKEND_CPU));
            if (p == NULL)
                continue;
            assert_true(p->matrix_efficiency > 0.0 && p->matrix_efficiency < 1.0);
            assert_true(p->attention_efficiency > 0.0 && p->attention_efficiency < 1.0);
            assert_true(p->low > 0.0 && p->low <= 1.0 && p->high >= 1.0);
        }
    }
}

static void assert_finite_estimate(const cfi_speed_estimate *e)
{
    assert_true(e->tokens_per_s >= 0.0 && e->tokens_per_s <= DBL_MAX);
    assert_true(e->low >= 0.0 && e->low <= e->tokens_per_s);
    assert_true(e->high >= e->tokens_per_s && e->high <= DBL_MAX);
}

static void try_extreme(cfi_speed_input *input, uint64_t tokens, uint64_t depth)
{
    cfi_speed_estimate e;
    cfi_speed_duration d;

    cfi_speed_decode(input, depth, &e);
    assert_finite_estimate(&e);
    cfi_speed_prefill(input, tokens, depth, &e);
    assert_finite_estimate(&e);
    cfi_speed_prompt_seconds(input, tokens, depth, &d);
    assert_true(d.low >= 0.0 && d.low <= d.seconds && d.seconds <= d.high && d.high <= DBL_MAX);
}

static void extreme_input_gives_finite_numbers(void **state)
{
    static const uint64_t counts[] = { 0, 1, UINT64_MAX };
    static const double rates[] = { 0.0, DBL_MIN, 1e-320, 1e12, DBL_MAX, (double)INFINITY, (double)NAN, -1.0 };

    (void)state;
    for (size_t c = 0; c < CFI_COUNT(counts); c++) {
        for (size_t r = 0; r < CFI_COUNT(rates); r++) {
            for (size_t f = 0; f < CFI_COUNT(rates); f++) {
                cfi_speed_part part = some_part();
                cfi_speed_input input = one(&part);

                part.weight_bytes_active = part.weight_bytes_pass = part.kv_bytes_per_position = part.state_bytes = counts[c];
                part.window_bytes_per_position = part.window_tokens = part.copied_bytes_per_pass = counts[c];
                part.blocks = counts[c] > UINT32_MAX ? UINT32_MAX : (uint32_t)counts[c];
                part.bandwidth_bytes_per_s = part.fp16_flops_per_s = part.link_bytes_per_s = rates[r];
                part.flops_per_token = part.attention_flops_per_position = rates[f];
                input.pipelined = 1;
                for (size_t t = 0; t < CFI_COUNT(counts); t++)
                    for (size_t d = 0; d < CFI_COUNT(counts); d++)
                        try_extreme(&input, counts[t], counts[d]);
                input.measured.decode_tokens_per_s = input.measured.prefill_tokens_per_s = rates[f];
                try_extreme(&input, UINT64_MAX, 1);
                try_extreme(&input, 1, UINT64_MAX);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_slows_with_depth),
        cmocka_unit_test(decode_stays_level_beyond_a_window),
        cmocka_unit_test(decode_slows_with_bytes_and_blocks),
        cmocka_unit_test(decode_stays_below_the_nominal_bandwidth),
        cmocka_unit_test(parts_take_their_time_one_after_the_other),
        cmocka_unit_test(a_part_without_work_changes_nothing),
        cmocka_unit_test(unknown_bandwidth_gives_unknown),
        cmocka_unit_test(one_unknown_part_makes_the_whole_unknown),
        cmocka_unit_test(prefill_on_a_cpu_is_unknown),
        cmocka_unit_test(nothing_to_do_takes_no_time),
        cmocka_unit_test(prompts_take_longer_the_longer_and_the_deeper),
        cmocka_unit_test(prompts_are_quicker_with_a_larger_ubatch),
        cmocka_unit_test(a_short_prompt_reads_no_more_experts_than_it_uses),
        cmocka_unit_test(copied_experts_cost_link_time_each_pass),
        cmocka_unit_test(a_pipeline_lies_between_its_sum_and_its_slowest_part),
        cmocka_unit_test(the_matrix_rate_is_the_better_of_fp16_and_half_of_int8),
        cmocka_unit_test(a_measured_prefill_rate_is_used_as_it_is),
        cmocka_unit_test(a_measured_decode_rate_sets_the_level_and_narrows_the_band),
        cmocka_unit_test(every_backend_and_class_has_constants_in_range),
        cmocka_unit_test(extreme_input_gives_finite_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
