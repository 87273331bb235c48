/* Everything that has a closed form, against every row that llama.cpp measured. tests/data/memory/README.md says where they come from. */
#include "test_support.h"

#include "memory_reference.h"

enum { COLUMN_RESOLVED, COLUMN_WEIGHTS, COLUMN_CACHES, COLUMN_OUTPUT, COLUMN_COMPUTE, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {"resolved", "weights", "caches", "output", "compute never below"};

typedef struct tally {
    size_t cases;
    size_t rows;
    size_t broken; /* no model, or refused */
    size_t equal[COLUMN_COUNT];
    size_t different[COLUMN_COUNT];
    FILE  *dump;
} tally;

static reference_models models;
static reference_models drawn; /* of drawn shapes */

static void count(tally *t, int column, bool equal, const reference_case *c, const char *what, uint64_t got, uint64_t want)
{
    t->equal[column] += equal;
    t->different[column] += !equal;
    if (!equal && t->different[column] <= 12)
        fprintf(stderr, "%s: %s %llu, measured %llu: %s\n", column_names[column], what, (unsigned long long)got,
                (unsigned long long)want, c->key);
}

static bool has_kv(const reference_case *c)
{
    for (uint32_t d = 0; d <= c->device_count; d++) {
        if (c->truth[d].kv != 0)
            return true;
    }
    return false;
}

static void check_resolved(tally *t, const reference_case *c, const cfi_run *run)
{
    count(t, COLUMN_RESOLVED, run->pipeline == (c->pipeline != 0), c, "pipeline", run->pipeline, c->pipeline);
    if (!c->resolved)
        return;
    count(t, COLUMN_RESOLVED, run->n_ctx == c->n_ctx, c, "n_ctx", run->n_ctx, c->n_ctx);
    count(t, COLUMN_RESOLVED, run->n_ctx_seq == c->n_ctx_seq, c, "n_ctx_seq", run->n_ctx_seq, c->n_ctx_seq);
    count(t, COLUMN_RESOLVED, run->n_batch == c->n_batch, c, "n_batch", run->n_batch, c->n_batch);
    count(t, COLUMN_RESOLVED, run->n_ubatch == c->n_ubatch, c, "n_ubatch", run->n_ubatch, c->n_ubatch);
    count(t, COLUMN_RESOLVED, run->flash == (c->flash != 0), c, "flash_attn", run->flash, c->flash);
    if (c->kv_cells != 0 || !has_kv(c)) /* some kinds of cache did not tell their cells */
        count(t, COLUMN_RESOLVED, run->kv_cells == c->kv_cells, c, "kv_cells", run->kv_cells, c->kv_cells);
    count(t, COLUMN_RESOLVED, run->swa_cells == c->swa_cells, c, "swa_cells", run->swa_cells, c->swa_cells);
}

static void check_caches(tally *t, const reference_case *c, uint32_t d, const cfi_memory_device *got)
{
    const cfi_memory_device *want = &c->truth[d];
    uint64_t                 all = got->kv + got->kv_swa + got->recurrent + got->kv_other;

    if (!c->bytes_by_part) {
        count(t, COLUMN_CACHES, all == c->context[d], c, "all caches", all, c->context[d]);
        return;
    }
    count(t, COLUMN_CACHES, got->kv == want->kv, c, "kv", got->kv, want->kv);
    count(t, COLUMN_CACHES, got->kv_swa == want->kv_swa, c, "kv_swa", got->kv_swa, want->kv_swa);
    count(t, COLUMN_CACHES, got->recurrent == want->recurrent, c, "recurrent", got->recurrent, want->recurrent);
    count(t, COLUMN_CACHES, got->kv_other == want->kv_other, c, "kv_other", got->kv_other, want->kv_other);
    if (c->has_output)
        count(t, COLUMN_OUTPUT, got->output == want->output, c, "output", got->output, want->output);
}

static void check_case(void *user, reference_case *c, size_t rows)
{
    tally       *t = user;
    cfi_run      run;
    cfi_memory   memory;
    ctxfit_error error;

    t->cases++;
    t->rows += rows;
    error.message[0] = '\0';
    if (c->model == NULL || cfi_engine_resolve(c->model, &c->options, c->devices, c->device_count, &run, &error) != CTXFIT_OK ||
        cfi_memory_measure(c->model, c->devices, &run, &memory, &error) != CTXFIT_OK) {
        if (++t->broken <= 12)
            fprintf(stderr, "%s: %s\n", error.message, c->key);
        return;
    }
    check_resolved(t, c, &run);
    for (uint32_t d = 0; d <= c->device_count; d++) {
        const cfi_memory_device *got = &memory.device[d];

        count(t, COLUMN_WEIGHTS, got->weights == c->truth[d].weights, c, "weights", got->weights, c->truth[d].weights);
        check_caches(t, c, d, got);
        if (got->compute != 0)
            count(t, COLUMN_COMPUTE, got->compute >= c->truth[d].compute, c, "compute", got->compute, c->truth[d].compute);
        if (t->dump != NULL)
            fprintf(t->dump, "%s|%s|%u|%u|%llu|%llu|%llu|%d\n", c->key, c->dev, (unsigned)d, (unsigned)c->device_count,
                    (unsigned long long)c->truth[d].compute, (unsigned long long)got->compute, (unsigned long long)got->compute_low,
                    memory.compute_exact);
    }
}

static void check_file(const char *file, const char *engine, reference_models *from)
{
    char   path[512];
    tally *t = calloc(1, sizeof *t);
    size_t wrong = 0;

    assert_non_null(t);
    snprintf(path, sizeof path, "%s/%s", REFERENCE_DATA, file);
    if (getenv("CTXFIT_TEST_DUMP") != NULL) {
        char dump[512];

        snprintf(dump, sizeof dump, "%s/%s", getenv("CTXFIT_TEST_DUMP"), file);
        t->dump = fopen(dump, "w");
    }
    assert_int_not_equal(reference_walk(path, engine, from, check_case, t), 0);
    printf("%s as %s: %zu configurations, %zu rows, %zu not planned\n", file, engine, t->cases, t->rows, t->broken);
    for (int i = 0; i < COLUMN_COUNT; i++) {
        printf("  %-20s %zu equal, %zu different\n", column_names[i], t->equal[i], t->different[i]);
        wrong += t->different[i];
    }
    wrong += t->broken;
    if (t->dump != NULL)
        fclose(t->dump);
    free(t);
    assert_int_equal(wrong, 0);
}

static void core_rows_are_exact(void **state)
{
    (void)state;
    check_file("memory_core.csv", "llama.cpp@b10472", &models);
}

static void all_rows_are_exact(void **state)
{
    (void)state;
    check_file("memory.csv", "llama.cpp@b10472", &models);
}

static void rpc_rows_are_exact(void **state)
{
    (void)state;
    check_file("memory_rpc.csv", "llama.cpp@b10472", &models);
}

static void rows_of_0_7_0_are_exact(void **state)
{
    (void)state;
    check_file("memory_070.csv", "llama.cpp@0.7.0", &models);
}

static void small_rows_of_every_architecture_are_exact(void **state)
{
    (void)state;
    check_file("archs.csv", "llama.cpp@b10472", &models);
}

static void small_rows_of_every_architecture_as_0_7_0_are_exact(void **state)
{
    (void)state;
    check_file("archs_070.csv", "llama.cpp@0.7.0", &models);
}

static void rows_of_drawn_models_are_exact(void **state)
{
    (void)state;
    check_file("drawn.csv", "llama.cpp@b10472", &drawn);
}

static void rows_of_drawn_models_as_0_7_0_are_exact(void **state)
{
    (void)state;
    check_file("drawn_070.csv", "llama.cpp@0.7.0", &drawn);
}

static int open_models(void **state)
{
    (void)state;
    return reference_models_open(&models, TEST_DATA "/models/reference_models.txt", REFERENCE_DATA "/archs") &&
                   reference_models_open(&drawn, TEST_DATA "/models/reference_models.txt", REFERENCE_DATA "/drawn")
               ? 0
               : -1;
}

static int close_models(void **state)
{
    (void)state;
    reference_models_close(&models);
    reference_models_close(&drawn);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_rows_are_exact),
        cmocka_unit_test(all_rows_are_exact),
        cmocka_unit_test(rpc_rows_are_exact),
        cmocka_unit_test(rows_of_0_7_0_are_exact),
        cmocka_unit_test(small_rows_of_every_architecture_are_exact),
        cmocka_unit_test(small_rows_of_every_architecture_as_0_7_0_are_exact),
        cmocka_unit_test(rows_of_drawn_models_are_exact),
        cmocka_unit_test(rows_of_drawn_models_as_0_7_0_are_exact),
    };

    return cmocka_run_group_tests(tests, open_models, close_models);
}
