/* The bound of the compute buffers against every row that llama.cpp measured: never below, and how far above. */
#include "test_support.h"

#include "memory_reference.h"
#include "model/arch_internal.h"

#define ROWS_MAX 200000

/* How a buffer is used decides how tight its bound is. */
enum { GROUP_ONE_DEVICE, GROUP_ITS_HOST, GROUP_CPU_ONLY, GROUP_SEVERAL, GROUP_PARTIAL, GROUP_COUNT };

static const char *const group_names[GROUP_COUNT] = {"one device", "its host", "CPU only", "several devices", "partial offload"};

typedef struct compute_row {
    const char *arch;
    int         group;
    double      ratio;
} compute_row;

typedef struct compute_rows {
    size_t      count;
    size_t      unplanned;
    size_t      below;
    size_t      band; /* rows below the low end of the band */
    compute_row row[ROWS_MAX];
} compute_rows;

static reference_models models;
static compute_rows     rows;

static int group_of(const reference_case *c, const cfi_run *run, uint32_t device)
{
    if (c->device_count == 0)
        return GROUP_CPU_ONLY;
    if (run->gpu_layers <= c->model->info.layers || run->overrides[0] != '\0' || run->cpu_expert_layers != 0 || !run->kv_offload)
        return GROUP_PARTIAL;
    if (c->device_count > 1)
        return GROUP_SEVERAL;
    return device == c->device_count ? GROUP_ITS_HOST : GROUP_ONE_DEVICE;
}

/* The models under a name that has no rules of its own. */
static bool     as_unknown;
static cfi_arch unknown_archs[REFERENCE_MODELS];

static void make_unknown(const ctxfit_model *model)
{
    for (size_t i = 0; i < models.count; i++) {
        ctxfit_model *own = models.item[i].model;

        if (own != model || (own->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH))
            continue;
        unknown_archs[i] = *own->arch;
        snprintf(unknown_archs[i].name, sizeof unknown_archs[i].name, "%s", "unknown");
        own->arch = &unknown_archs[i];
        own->info.flags |= CTXFIT_MODEL_F_UNKNOWN_ARCH;
    }
}

static void take_row(const reference_case *c, const cfi_run *run, const cfi_memory *memory, uint32_t device)
{
    const uint64_t bound = memory->device[device].compute;
    const uint64_t truth = c->truth[device].compute;
    compute_row   *row;

    if (bound < truth && rows.below++ < 12)
        fprintf(stderr, "%s device %u: bound %llu, measured %llu\n", c->key, (unsigned)device, (unsigned long long)bound,
                (unsigned long long)truth);
    if (memory->device[device].compute_low > truth && rows.band++ < 12)
        fprintf(stderr, "%s device %u: low end %llu, measured %llu\n", c->key, (unsigned)device,
                (unsigned long long)memory->device[device].compute_low, (unsigned long long)truth);
    if (truth == 0 || rows.count == ROWS_MAX)
        return;
    row = &rows.row[rows.count++];
    row->arch = c->model->arch_name;
    row->group = group_of(c, run, device);
    row->ratio = (double)bound / (double)truth;
}

static bool as_bound(cfi_run *run)
{
    run->bound_compute = true;
    return true;
}

static void take_case(void *user, reference_case *c, size_t count)
{
    cfi_run           run;
    static cfi_memory memory;
    ctxfit_error      error;

    (void)user;
    (void)count;
    error.message[0] = '\0';
    if (as_unknown)
        make_unknown(c->model);
    if (c->model == NULL || cfi_engine_resolve(c->model, &c->options, c->devices, c->device_count, &run, &error) != CTXFIT_OK ||
        !as_bound(&run) || cfi_memory_measure(c->model, c->devices, &run, &memory, &error) != CTXFIT_OK) {
        if (rows.unplanned++ < 12)
            fprintf(stderr, "%s: %s\n", c->key, error.message);
        return;
    }
    for (uint32_t d = 0; d <= c->device_count; d++)
        take_row(c, &run, &memory, d);
}

static int by_arch_and_group(const void *a, const void *b)
{
    const compute_row *x = a;
    const compute_row *y = b;
    int                order = strcmp(x->arch, y->arch);

    if (order == 0)
        order = x->group - y->group;
    if (order == 0)
        order = (x->ratio > y->ratio) - (x->ratio < y->ratio);
    return order;
}

static int by_group(const void *a, const void *b)
{
    const compute_row *x = a;
    const compute_row *y = b;

    return x->group != y->group ? x->group - y->group : (x->ratio > y->ratio) - (x->ratio < y->ratio);
}

static void print_line(const char *name, int group, const compute_row *row, size_t count)
{
    printf("%-18s %-16s %6zu  %6.3f  %6.3f  %7.3f\n", name, group_names[group], count, row[count / 2].ratio, row[count * 9 / 10].ratio,
           row[count - 1].ratio);
}

static void print_table(const char *title, int each_arch)
{
    size_t from = 0;

    printf("%s\n%-18s %-16s %6s  %6s  %6s  %7s\n", title, "", "", "rows", "median", "90 %", "most");
    for (size_t i = 1; i <= rows.count; i++) {
        if (i < rows.count && rows.row[i].group == rows.row[from].group &&
            (!each_arch || strcmp(rows.row[i].arch, rows.row[from].arch) == 0))
            continue;
        print_line(each_arch ? rows.row[from].arch : "all", rows.row[from].group, &rows.row[from], i - from);
        from = i;
    }
}

static void take_file(const char *file, const char *engine)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", REFERENCE_DATA, file);
    assert_int_not_equal(reference_walk(path, engine, &models, take_case, NULL), 0);
}

static void print_and_check(const char *title)
{
    qsort(rows.row, rows.count, sizeof rows.row[0], by_arch_and_group);
    print_table(title, 1);
    qsort(rows.row, rows.count, sizeof rows.row[0], by_group);
    print_table(title, 0);
    printf("%zu rows, %zu below the measured size\n", rows.count, rows.below);
    assert_int_equal(rows.unplanned, 0);
    assert_int_equal(rows.below, 0);
    assert_int_equal(rows.band, 0);
    memset(&rows, 0, sizeof rows);
}

static void bound_is_never_below_real_models(void **state)
{
    (void)state;
    take_file("memory.csv", "llama.cpp@b10472");
    take_file("memory_rpc.csv", "llama.cpp@b10472");
    print_and_check("Real models, b10472");
    take_file("memory_070.csv", "llama.cpp@0.7.0");
    print_and_check("Real models, 0.7.0");
}

static void bound_is_never_below_small_models_of_every_architecture(void **state)
{
    (void)state;
    take_file("archs.csv", "llama.cpp@b10472");
    take_file("archs_070.csv", "llama.cpp@0.7.0");
    print_and_check("Small models, b10472 and 0.7.0");
}

static void bound_is_never_below_where_the_architecture_is_unknown(void **state)
{
    (void)state;
    as_unknown = true;
    take_file("memory.csv", "llama.cpp@b10472");
    take_file("archs.csv", "llama.cpp@b10472");
    as_unknown = false;
    print_and_check("All models, taken as of an unknown architecture");
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
        cmocka_unit_test(bound_is_never_below_real_models),
        cmocka_unit_test(bound_is_never_below_small_models_of_every_architecture),
        cmocka_unit_test(bound_is_never_below_where_the_architecture_is_unknown),
    };

    return cmocka_run_group_tests(tests, open_models, close_models);
}
