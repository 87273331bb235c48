/* Compute buffers by the engine's graphs against every row that llama.cpp measured: how many are equal, per architecture and build; a
 * number that falls below what tests/data/graph/counts.txt records fails, and so does a buffer predicted too small. */
#include "test_support.h"

#include "memory_reference.h"
#include "model/arch_internal.h"

#define ARCHS_MAX 200

typedef struct arch_count {
    char     arch[32];
    char     file[24];
    unsigned total;
    unsigned equal;
    unsigned below;
    unsigned far_above; /* by 5 % or more */
} arch_count;

static reference_models models;
static reference_models drawn; /* of drawn shapes */
static arch_count       counts[ARCHS_MAX * 4];
static size_t           count_used;
static const char      *file_now;
static unsigned         shown;

static arch_count *count_of(const char *arch)
{
    for (size_t i = 0; i < count_used; i++) {
        if (strcmp(counts[i].arch, arch) == 0 && strcmp(counts[i].file, file_now) == 0)
            return &counts[i];
    }
    assert_true(count_used < CFI_COUNT(counts));
    snprintf(counts[count_used].arch, sizeof counts[0].arch, "%s", arch);
    snprintf(counts[count_used].file, sizeof counts[0].file, "%s", file_now);
    return &counts[count_used++];
}

static const char *only(void) { return getenv("CTXFIT_ARCH"); }

static void compare(const reference_case *c, const cfi_memory *memory, uint32_t d)
{
    arch_count *n         = count_of(c->model->arch_name);
    uint64_t    predicted = memory->device[d].compute;
    uint64_t    truth     = c->truth[d].compute;

    n->total++;
    n->equal += predicted == truth;
    n->below += predicted < truth;
    n->far_above += predicted > truth + truth / 20;
    if (predicted != truth && only() != NULL && strcmp(only(), c->model->arch_name) == 0 && shown++ < 40)
        fprintf(stderr, "%s device %u: predicted %llu, measured %llu (%+lld)\n", c->key, (unsigned)d, (unsigned long long)predicted,
                (unsigned long long)truth, (long long)(predicted - truth));
}

static void take_case(void *user, reference_case *c, size_t rows)
{
    cfi_run           run;
    static cfi_memory memory;
    ctxfit_error      error;

    (void)user;
    (void)rows;
    if (c->model == NULL || !cfi_graph_known(c->model) || (only() != NULL && strcmp(only(), c->model->arch_name) != 0))
        return;
    assert_int_equal(cfi_engine_resolve(c->model, &c->options, c->devices, c->device_count, &run, &error), CTXFIT_OK);
    assert_int_equal(cfi_memory_measure(c->model, c->devices, &run, &memory, &error), CTXFIT_OK);
    if (!memory.compute_exact) { /* a bound counts as unequal */
        count_of(c->model->arch_name)->total += c->device_count + 1;
        return;
    }
    for (uint32_t d = 0; d <= c->device_count; d++)
        compare(c, &memory, d);
}

static void take_file(const char *file, const char *engine, reference_models *from)
{
    char path[512];

    file_now = file;
    snprintf(path, sizeof path, "%s/%s", REFERENCE_DATA, file);
    assert_int_not_equal(reference_walk(path, engine, from, take_case, NULL), 0);
}

static int by_file_and_arch(const void *a, const void *b)
{
    const arch_count *x     = a;
    const arch_count *y     = b;
    int               order = strcmp(x->file, y->file);

    return order != 0 ? order : strcmp(x->arch, y->arch);
}

/* What was equal when the file was last written. */
static unsigned recorded(const arch_count *n)
{
    FILE    *file = fopen(TEST_DATA "/graph/counts.txt", "r");
    char     line[128];
    char     name[24];
    char     arch[32];
    unsigned equal = 0;
    unsigned found = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%23s %31s %u", name, arch, &equal) == 3 && strcmp(name, n->file) == 0 && strcmp(arch, n->arch) == 0)
            found = equal;
    }
    fclose(file);
    return found;
}

static void compute_buffers_equal_the_measured_ones(void **state)
{
    unsigned total = 0;
    unsigned equal = 0;
    unsigned fell  = 0;

    (void)state;
    take_file("memory.csv", "llama.cpp@b10472", &models);
    take_file("memory_rpc.csv", "llama.cpp@b10472", &models);
    take_file("archs.csv", "llama.cpp@b10472", &models);
    take_file("memory_070.csv", "llama.cpp@0.7.0", &models);
    take_file("archs_070.csv", "llama.cpp@0.7.0", &models);
    take_file("drawn.csv", "llama.cpp@b10472", &drawn);
    take_file("drawn_070.csv", "llama.cpp@0.7.0", &drawn);
    qsort(counts, count_used, sizeof counts[0], by_file_and_arch);
    for (size_t i = 0; i < count_used; i++) {
        const arch_count *n = &counts[i];

        printf("%-16s %-20s %6u of %6u, %u below, %u above by 5 %%\n", n->file, n->arch, n->equal, n->total, n->below, n->far_above);
        total += n->total;
        equal += n->equal;
        if (only() == NULL && n->equal < recorded(n)) {
            fprintf(stderr, "%s %s: %u equal, recorded %u\n", n->file, n->arch, n->equal, recorded(n));
            fell++;
        }
    }
    printf("%u of %u compute buffers equal\n", equal, total);
    assert_int_equal(fell, 0);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(compute_buffers_equal_the_measured_ones)};

    return cmocka_run_group_tests(tests, open_models, close_models);
}
