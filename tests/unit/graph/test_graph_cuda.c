/* llama.cpp's own CUDA code, compiled without a device (tests/data/graph/README.md), against what is computed here and against the rules of
 * where it does otherwise. */
#include "test_support.h"

#include "memory_reference.h"
#include "plan/plan_internal.h"

typedef struct tally {
    unsigned buffers;
    unsigned equal;
    unsigned unlike;    /* cases that differ from the stand-in's row, or not, against the rule */
    unsigned refused;   /* cases in which CUDA refuses an operation */
    unsigned overrides; /* cases that differ for tensors that an override moved */
    unsigned changed;   /* buffers that are other bytes when operations are run as one */
    unsigned changed_equal;
} tally;

static reference_models models;
static tally            found;

static bool measured(const reference_case *c, cfi_run *run, cfi_memory *memory)
{
    ctxfit_error error;

    if (c->model == NULL)
        return false;
    assert_int_equal(cfi_engine_resolve(c->model, &c->options, c->devices, c->device_count, run, &error), CTXFIT_OK);
    assert_int_equal(cfi_memory_measure(c->model, c->devices, run, memory, &error), CTXFIT_OK);
    return true;
}

static bool refuses(const reference_case *c, const cfi_run *run)
{
    for (uint32_t i = 0; i < c->model->info.layers; i++) {
        if (cfi_cuda_refuses_scan(c->model, run->build, i) || cfi_cuda_refuses_indexer(c->model, run, i))
            return true;
    }
    return false;
}

/* The two rows in which CUDA allocates less than the stand-in: rope factors that an override moved to another device. */
static bool moved_factors(const reference_case *c)
{
    return strcmp(c->options.overrides, "blk\\.1\\..*=CUDA1;blk\\.2\\.=CPU") == 0 &&
           (strncmp(c->key, "Llama-3.1-405B,", 15) == 0 || strncmp(c->key, "Phi-3.5-mini,", 13) == 0);
}

static void take_refused(void *user, reference_case *c, size_t rows)
{
    static cfi_memory memory;
    cfi_run           run;
    bool              differs = false;
    bool              rule;

    (void)user;
    (void)rows;
    if (!measured(c, &run, &memory))
        return;
    for (uint32_t d = 0; d <= c->device_count; d++)
        differs = differs || c->truth[d].compute != c->truth[d].compute_low || c->truth[d].weights != memory.device[d].weights;
    rule = refuses(c, &run);
    found.refused += rule;
    found.overrides += moved_factors(c);
    if ((rule || moved_factors(c)) != differs) {
        fprintf(stderr, "%s %s\n", c->key, differs ? "differs" : "does not differ");
        found.unlike++;
    }
    for (uint32_t d = 0; !differs && memory.compute_exact && d <= c->device_count; d++) {
        found.buffers++;
        found.equal += memory.device[d].compute == c->truth[d].compute;
    }
}

static void take_kept(void *user, reference_case *c, size_t rows)
{
    static cfi_memory plain;
    static cfi_memory fused;
    cfi_run           run;
    ctxfit_error      error;

    (void)user;
    (void)rows;
    if (!measured(c, &run, &plain) || !plain.compute_exact)
        return;
    run.fused_compute = true;
    assert_int_equal(cfi_memory_measure(c->model, c->devices, &run, &fused, &error), CTXFIT_OK);
    for (uint32_t d = 0; d <= c->device_count; d++) {
        bool equal = fused.device[d].compute == c->truth[d].compute;

        if (plain.device[d].compute != c->truth[d].compute_low)
            continue; /* the graph of that build is another */
        found.buffers++;
        found.equal += equal;
        found.changed += c->truth[d].compute != c->truth[d].compute_low;
        found.changed_equal += equal && c->truth[d].compute != c->truth[d].compute_low;
        if (!equal)
            fprintf(stderr, "%s device %u: predicted %llu, %llu by CUDA\n", c->key, (unsigned)d,
                    (unsigned long long)fused.device[d].compute, (unsigned long long)c->truth[d].compute);
    }
}

/* Of b10472: an operation that CUDA refuses changes every buffer's row, nothing else does. */
static void cuda_differs_where_it_refuses_an_operation(void **state)
{
    (void)state;
    memset(&found, 0, sizeof found);
    assert_int_not_equal(reference_walk(REFERENCE_DATA "/cuda.csv", "llama.cpp@b10472", &models, take_refused, NULL), 0);
    printf("%u of %u buffers equal; %u cases refused, %u overrides, %u against the rule\n", found.equal, found.buffers, found.refused,
           found.overrides, found.unlike);
    assert_int_equal(found.unlike, 0);
    assert_int_not_equal(found.refused, 0);
    assert_int_equal(found.overrides, 2);
    assert_true(found.equal * 100 >= found.buffers * 95); /* test_graph_rows counts what is left, by architecture */
}

/* Of 0c1e57098, whose graphs are those of b11118 but for some: where the bytes without fusion are known, those with it are. Of all rows
 * 1,094 of 1,102 were equal on 2026-11-20; the others are in the selection: second devices of two without a pipeline. */
static void tensors_that_cuda_keeps_are_counted(void **state)
{
    (void)state;
    memset(&found, 0, sizeof found);
    assert_int_not_equal(reference_walk(REFERENCE_DATA "/cuda_kept.csv", "llama.cpp@b11118", &models, take_kept, NULL), 0);
    printf("%u of %u buffers equal, %u of %u that change\n", found.equal, found.buffers, found.changed_equal, found.changed);
    assert_int_not_equal(found.changed, 0);
    assert_true(found.changed_equal * 10 >= found.changed * 9);
    assert_true(found.equal * 100 >= found.buffers * 95);
}

static int open_models(void **state)
{
    (void)state;
    return reference_models_open(&models, TEST_DATA "/models/reference_models.txt", REFERENCE_DATA "/archs") ? 0 : -1;
}

static int close_models(void **state)
{
    (void)state;
    reference_models_close(&models);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuda_differs_where_it_refuses_an_operation),
        cmocka_unit_test(tensors_that_cuda_keeps_are_counted),
    };

    return cmocka_run_group_tests(tests, open_models, close_models);
}
