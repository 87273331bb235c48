/* The estimates against published measurements (tests/data/speed/speed_fit.csv, written by tests/reference/prepare_speed.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "speed/speed_internal.h"

/* What docs/speed.md promises. */
#define LEAST_COVERAGE 0.75
#define WORST_MEDIAN_DECODE 0.12
#define WORST_MEDIAN_PREFILL 0.15
#define WORST_MEDIAN_SEVERAL_DECODE 0.10
#define WORST_MEDIAN_SEVERAL_PREFILL 0.35

enum { MAX_COLUMNS = 40, MAX_ROWS = 4000, MAX_PARTS = 8 };

typedef struct {
    double   error[MAX_ROWS]; /* how far the larger of measured and estimated is above the smaller */
    uint32_t rows, inside;
} tally;

static char  *column_name[MAX_COLUMNS];
static char   header[1024];
static uint32_t column_count;

/* Splits a line of comma-separated values in place; quoted fields may hold commas. */
static uint32_t split_line(char *line, char **field)
{
    uint32_t count = 0;
    char *p = line;

    while (count < MAX_COLUMNS) {
        bool quoted = *p == '"';
        char end;

        p += quoted ? 1 : 0;
        field[count++] = p;
        while (*p != '\0' && *p != '\n' && *p != (quoted ? '"' : ','))
            p++;
        if (quoted && *p == '"')
            *p++ = '\0';
        end = *p;
        *p++ = '\0';
        if (end != ',')
            break;
    }
    return count;
}

static const char *text_of(char **field, const char *name)
{
    for (uint32_t i = 0; i < column_count; i++)
        if (strcmp(column_name[i], name) == 0)
            return field[i];
    fail_msg("no column %s", name);
    return "";
}

static double number_of(char **field, const char *name)
{
    return strtod(text_of(field, name), NULL);
}

static uint64_t count_of(char **field, const char *name)
{
    return (uint64_t)number_of(field, name);
}

static uint32_t backend_of(const char *text)
{
    static const char *const names[] = { "", "cpu", "cuda", "metal", "rocm", "vulkan", "sycl" };

    for (uint32_t i = 1; i < CFI_COUNT(names); i++)
        if (strcmp(names[i], text) == 0)
            return i;
    fail_msg("backend %s", text);
    return 0;
}

/* One of `shares` equal parts of the model of a row. */
static cfi_speed_part part_of(char **field, uint32_t shares)
{
    cfi_speed_part part;

    memset(&part, 0, sizeof part);
    part.backend = backend_of(text_of(field, "backend"));
    part.blocks = (uint32_t)count_of(field, "blocks") / shares;
    part.bandwidth_bytes_per_s = number_of(field, "bandwidth_gb_s") * 1e9;
    part.fp16_flops_per_s = number_of(field, "fp16_tflops") * 1e12;
    part.int8_ops_per_s = number_of(field, "int8_tops") * 1e12;
    part.weight_bytes_active = count_of(field, "weight_bytes_active") / shares;
    part.weight_bytes_pass = count_of(field, "weight_bytes_total") / shares;
    part.state_bytes = count_of(field, "state_bytes") / shares;
    part.kv_bytes_per_position = count_of(field, "kv_bytes_per_pos") / shares;
    part.window_bytes_per_position = count_of(field, "window_bytes_per_pos") / shares;
    part.window_tokens = count_of(field, "window");
    part.flops_per_token = number_of(field, "flops_per_token") / shares;
    part.attention_flops_per_position = number_of(field, "attn_flops_per_pos") / shares;
    part.window_attention_flops_per_position = number_of(field, "window_flops_per_pos") / shares;
    return part;
}

static bool estimate_row(char **field, cfi_speed_estimate *out)
{
    cfi_speed_part parts[MAX_PARTS];
    cfi_speed_input input;
    uint64_t tokens = count_of(field, "tokens"), depth = count_of(field, "depth");

    memset(&input, 0, sizeof input);
    input.parts = parts;
    input.count = (uint32_t)count_of(field, "n_devices");
    if (input.count > MAX_PARTS)
        return false;
    for (uint32_t i = 0; i < input.count; i++)
        parts[i] = part_of(field, input.count);
    input.experts = count_of(field, "moe_layers") > 0;
    input.ubatch_tokens = (uint32_t)count_of(field, "ubatch");
    input.pipelined = input.count > 1;
    if (strcmp(text_of(field, "kind"), "decode") == 0)
        cfi_speed_decode(&input, depth + tokens / 2, out); /* a run of n tokens has a mean depth of n / 2 above its start */
    else
        cfi_speed_prefill(&input, tokens, depth, out);
    return out->tokens_per_s > 0.0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void add_row(tally *t, double measured, const cfi_speed_estimate *e)
{
    double ratio = measured / e->tokens_per_s;

    assert_true(t->rows < MAX_ROWS);
    t->error[t->rows++] = (ratio > 1.0 ? ratio : 1.0 / ratio) - 1.0;
    t->inside += measured >= e->low && measured <= e->high;
}

/* Goes over the rows of a kind: on one device, or on several CUDA cards. */
static void tally_rows(const char *kind, bool several, tally *out)
{
    static char line[2048];
    char *field[MAX_COLUMNS];
    FILE *file = fopen(TEST_DATA "/speed/speed_fit.csv", "r");

    assert_non_null(file);
    memset(out, 0, sizeof *out);
    assert_non_null(fgets(header, sizeof header, file));
    column_count = split_line(header, column_name);
    while (fgets(line, sizeof line, file) != NULL) {
        cfi_speed_estimate e;

        assert_int_equal(split_line(line, field), column_count);
        if (strcmp(text_of(field, "kind"), kind) != 0 || (number_of(field, "n_devices") > 1.0) != several)
            continue;
        if (several ? strcmp(text_of(field, "backend"), "cuda") != 0 : text_of(field, "hold")[0] != '\0')
            continue;
        if (estimate_row(field, &e))
            add_row(out, number_of(field, "tokens_per_s"), &e);
    }
    fclose(file);
}

static void check(const char *kind, bool several, uint32_t least_rows, double worst_median, double least_coverage)
{
    static tally t;
    double median, coverage;

    tally_rows(kind, several, &t);
    assert_true(t.rows >= least_rows);
    qsort(t.error, t.rows, sizeof t.error[0], by_value);
    median = t.error[t.rows / 2];
    coverage = (double)t.inside / (double)t.rows;
    print_message("%s, %s: %u rows, median error %.1f %%, in band %.1f %%\n", kind, several ? "several cards" : "one device",
                  (unsigned)t.rows, 100.0 * median, 100.0 * coverage);
    assert_true(median <= worst_median);
    assert_true(coverage >= least_coverage);
}

static void decode_agrees_with_measured_rows(void **state)
{
    (void)state;
    check("decode", false, 500, WORST_MEDIAN_DECODE, LEAST_COVERAGE);
}

static void prefill_agrees_with_measured_rows(void **state)
{
    (void)state;
    check("prefill", false, 300, WORST_MEDIAN_PREFILL, LEAST_COVERAGE);
}

static void decode_agrees_on_several_cards(void **state)
{
    (void)state;
    check("decode", true, 100, WORST_MEDIAN_SEVERAL_DECODE, LEAST_COVERAGE);
}

static void prefill_agrees_on_several_cards(void **state)
{
    (void)state;
    check("prefill", true, 100, WORST_MEDIAN_SEVERAL_PREFILL, LEAST_COVERAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_agrees_with_measured_rows),
        cmocka_unit_test(prefill_agrees_with_measured_rows),
        cmocka_unit_test(decode_agrees_on_several_cards),
        cmocka_unit_test(prefill_agrees_on_several_cards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
