#include "test_support.h"

#include "quant/quant_internal.h"

#define MAX_TENSORS 2048
#define MAX_NAME 64
#define MAX_LINE 4096

typedef struct model_file {
    char             arch[MAX_NAME];
    cfi_quant_facts  facts;
    size_t           count;
    char             name[MAX_TENSORS][MAX_NAME];
    cfi_quant_tensor tensor[MAX_TENSORS];
    uint32_t         by_name[MAX_TENSORS]; /* indexes, ordered by name */
} model_file;

typedef struct tally {
    size_t models;
    size_t rows;
    size_t lists;
    size_t failures;
} tally;

/* ---- the text files of data/quant ---- */

typedef void visit_name(void *user, const char *name);

/* Calls visit for every name of a pattern such as "blk.{0-3,7}.attn_q.weight". */
static void each_name(const char *pattern, visit_name *visit, void *user)
{
    const char *open = strchr(pattern, '{'), *close = strchr(pattern, '}');
    char        name[MAX_NAME];
    char       *end;

    if (open == NULL) {
        visit(user, pattern);
        return;
    }
    assert_non_null(close);
    for (const char *p = open + 1;; p = end + 1) {
        unsigned long first = strtoul(p, &end, 10), last = first;

        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long i = first; i <= last; i++) {
            assert_in_range(snprintf(name, sizeof name, "%.*s%lu%s", (int)(open - pattern), pattern, i, close + 1), 1, MAX_NAME - 1);
            visit(user, name);
        }
        if (*end != ',')
            break;
    }
}

static uint64_t field(const char *line, const char *key)
{
    const char *p = strstr(line, key);

    assert_non_null(p);
    return strtoull(p + strlen(key), NULL, 10);
}

typedef struct tensor_line {
    model_file  *model;
    ctxfit_quant format;
    uint64_t     dims[4];
} tensor_line;

static void add_tensor(void *user, const char *name)
{
    const tensor_line *line  = user;
    model_file        *model = line->model;
    cfi_quant_tensor  *t     = &model->tensor[model->count];

    assert_in_range(model->count, 0, MAX_TENSORS - 1);
    snprintf(model->name[model->count], MAX_NAME, "%s", name);
    t->name = model->name[model->count++];
    t->from = line->format;
    memcpy(t->dims, line->dims, sizeof t->dims);
}

static void read_tensor_line(model_file *model, const char *line)
{
    tensor_line parsed = {model, 0, {1, 1, 1, 1}};
    char        format[MAX_NAME], dims[MAX_NAME], pattern[MAX_LINE];
    char       *p      = dims;

    assert_int_equal(sscanf(line, "tensor %63s %63s %4095s", format, dims, pattern), 3);
    parsed.format = ctxfit_quant_from_name(format);
    for (int i = 0; i < 4 && *p != '\0'; i++) {
        parsed.dims[i] = strtoull(p, &p, 10);
        p += *p == 'x';
    }
    each_name(pattern, add_tensor, &parsed);
}

static void read_model_line(model_file *model, const char *line)
{
    assert_int_equal(sscanf(line, "model %*s arch=%63s", model->arch), 1);
    model->facts.arch        = model->arch;
    model->facts.block_count = (uint32_t)field(line, " block_count=");
    model->facts.nextn       = (uint32_t)field(line, " nextn=");
    model->facts.heads       = (uint32_t)field(line, " heads=");
    model->facts.kv_heads    = (uint32_t)field(line, " kv_heads=");
    model->facts.experts     = (uint32_t)field(line, " experts=");
}

static FILE *open_data(const char *file)
{
    char  path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/quant/%s", TEST_DATA, file);
    f = fopen(path, "r");
    if (f == NULL)
        fail_msg("cannot open %s", path);
    return f;
}

static bool next_line(FILE *f, char line[MAX_LINE])
{
    if (fgets(line, MAX_LINE, f) == NULL)
        return false;
    assert_non_null(strchr(line, '\n'));
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* Reads up to the first line of a file type, which stays in `line`. */
static model_file *read_model(FILE *f, char line[MAX_LINE])
{
    model_file *model = calloc(1, sizeof *model);

    assert_non_null(model);
    while (next_line(f, line) && strncmp(line, "type ", 5) != 0) {
        if (strncmp(line, "model ", 6) == 0)
            read_model_line(model, line);
        else
            read_tensor_line(model, line);
    }
    return model;
}

static model_file *read_model_of(const char *file)
{
    char        line[MAX_LINE];
    FILE       *f     = open_data(file);
    model_file *model = read_model(f, line);

    fclose(f);
    return model;
}

/* ---- looking tensors up by name ---- */

static void order_by_name(model_file *model)
{
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t place = i;

        while (place > 0 && strcmp(model->name[model->by_name[place - 1]], model->name[i]) > 0) {
            model->by_name[place] = model->by_name[place - 1];
            place--;
        }
        model->by_name[place] = i;
    }
}

static cfi_quant_tensor *find_tensor(model_file *model, const char *name)
{
    size_t low = 0, high = model->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int    order  = strcmp(model->name[model->by_name[middle]], name);

        if (order == 0)
            return &model->tensor[model->by_name[middle]];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- comparison with the reference ---- */

typedef struct list_check {
    model_file  *model;
    const char  *where;
    ctxfit_quant expected;
    size_t       named;
    size_t       different;
} list_check;

static void check_listed(void *user, const char *name)
{
    list_check             *check = user;
    const cfi_quant_tensor *t     = find_tensor(check->model, name);

    check->named++;
    if (t != NULL && t->to == check->expected)
        return;
    if (check->different++ < 3)
        print_error("%s: %s is %s, expected %s\n", check->where, name, t != NULL ? ctxfit_quant_name(t->to) : "missing",
                    ctxfit_quant_name(check->expected));
}

static void check_list_line(list_check *check, char *line)
{
    char *names = strchr(line, ':');

    assert_non_null(names);
    *names          = '\0';
    check->expected = ctxfit_quant_from_name(line);
    for (char *name = strtok(names + 1, " "); name != NULL; name = strtok(NULL, " "))
        each_name(name, check_listed, check);
}

static size_t compare_figure(const char *where, const char *what, uint64_t found, uint64_t expected)
{
    if (found == expected)
        return 0;
    print_error("%s: %s %llu, expected %llu\n", where, what, (unsigned long long)found, (unsigned long long)expected);
    return 1;
}

static void sum_bytes(const model_file *model, uint64_t *out_bytes, uint64_t *out_padded)
{
    *out_bytes = *out_padded = 0;
    for (size_t i = 0; i < model->count; i++) {
        uint64_t bytes, padded = 0;

        assert_int_equal(cfi_quant_tensor_bytes(model->tensor[i].to, model->tensor[i].dims, &bytes), CTXFIT_OK);
        assert_true(cfi_align_u64(bytes, 32, &padded));
        *out_bytes += bytes;
        *out_padded += padded;
    }
}

/* One row of quant.csv, and the list that may follow it. Leaves the next row in `line`; false at the end of the file. */
static bool check_row(model_file *model, const char *model_name, FILE *f, char line[MAX_LINE], tally *all)
{
    char              type[MAX_NAME], where[2 * MAX_NAME];
    list_check        check = {model, where, 0, 0, 0};
    cfi_quant_outcome outcome;
    ctxfit_error      error;
    uint64_t          bytes, padded;
    size_t            failures = 0;
    bool              more;

    assert_int_equal(sscanf(line, "type %63s", type), 1);
    snprintf(where, sizeof where, "%.60s %s", model_name, type);
    if (cfi_quant_recipe_apply(ctxfit_file_type_from_name(type), &model->facts, model->tensor, model->count, NULL, &outcome, &error) != 0)
        fail_msg("%s: %s", where, error.message);
    sum_bytes(model, &bytes, &padded);
    failures += compare_figure(where, "tensor bytes", bytes, field(line, " tensor_bytes="));
    failures += compare_figure(where, "data section bytes", padded, field(line, " data_bytes="));
    failures += compare_figure(where, "needs imatrix", outcome.needs_imatrix != 0, field(line, " imatrix="));
    failures += compare_figure(where, "fallbacks", outcome.fallbacks, field(line, " fallbacks="));
    all->rows++;
    while ((more = next_line(f, line)) && strncmp(line, "type ", 5) != 0)
        check_list_line(&check, line);
    if (check.named != 0) {
        all->lists++;
        failures += check.different != 0;
        failures += compare_figure(where, "tensors listed", check.named, model->count);
    }
    all->failures += failures;
    return more;
}

static void every_reference_file_is_reproduced(void **state)
{
    FILE *index = open_data("index.txt");
    tally all   = {0, 0, 0, 0};
    char  file[MAX_LINE], line[MAX_LINE];

    (void)state;
    while (next_line(index, file)) {
        FILE       *f     = open_data(file);
        model_file *model = read_model(f, line);

        order_by_name(model);
        while (check_row(model, file, f, line, &all))
            ;
        all.models++;
        free(model);
        fclose(f);
    }
    fclose(index);
    print_message("%zu models: %zu rows and %zu lists compared, %zu differences\n", all.models, all.rows, all.lists, all.failures);
    assert_int_equal(all.failures, 0);
    assert_int_equal(all.models, 43);
    assert_int_equal(all.rows, 1333);
    assert_int_equal(all.lists, 1032);
}

/* ---- what holds for all of them ---- */

static void order_of_the_tensors_does_not_matter(void **state)
{
    model_file  *model = read_model_of("Qwen3-30B-A3B.txt"), *shuffled = calloc(1, sizeof *shuffled);
    unsigned int random = 1;

    (void)state;
    assert_non_null(shuffled);
    memcpy(shuffled, model, sizeof *model);
    for (size_t i = model->count - 1; i > 0; i--) {
        cfi_quant_tensor swap = shuffled->tensor[i];
        size_t           j    = (random = random * 1103515245u + 12345u) / 65536u % (i + 1);

        shuffled->tensor[i] = shuffled->tensor[j];
        shuffled->tensor[j] = swap;
    }
    order_by_name(model);
    for (uint32_t t = 0; t < ctxfit_file_type_count(); t++) {
        const ctxfit_file_type type   = ctxfit_file_type_at(t);
        const ctxfit_status    status = cfi_quant_recipe_apply(type, &model->facts, model->tensor, model->count, NULL, NULL, NULL);

        assert_int_equal(cfi_quant_recipe_apply(type, &model->facts, shuffled->tensor, model->count, NULL, NULL, NULL), status);
        for (size_t i = 0; i < model->count; i++)
            assert_int_equal(shuffled->tensor[i].to, find_tensor(model, shuffled->tensor[i].name)->to);
    }
    free(shuffled);
    free(model);
}

static void list_of_file_types_goes_from_large_to_small(void **state)
{
    model_file *model    = read_model_of("Qwen3-30B-A3B.txt");
    uint64_t    previous = UINT64_MAX;

    (void)state;
    for (uint32_t t = 0; t < ctxfit_file_type_count(); t++) {
        const ctxfit_file_type type   = ctxfit_file_type_at(t);
        const ctxfit_status    status = cfi_quant_recipe_apply(type, &model->facts, model->tensor, model->count, NULL, NULL, NULL);
        uint64_t               bytes, padded;

        if (status == CTXFIT_E_UNSUPPORTED)
            continue;
        assert_int_equal(status, CTXFIT_OK);
        sum_bytes(model, &bytes, &padded);
        if (bytes > previous)
            fail_msg("%s is larger than the file type before it", ctxfit_file_type_name(type));
        previous = bytes;
    }
    free(model);
}

/* The flag says whether some tensor may need the matrix, so it must be set exactly if one of the reference models needs it. */
static void imatrix_flag_agrees_with_the_reference(void **state)
{
    bool  needed[64] = {false};
    FILE *index      = open_data("index.txt");
    char  file[MAX_LINE], line[MAX_LINE], name[MAX_NAME];

    (void)state;
    while (next_line(index, file)) {
        FILE *f = open_data(file);

        while (next_line(f, line))
            if (sscanf(line, "type %63s", name) == 1)
                needed[ctxfit_file_type_from_name(name)] |= field(line, " imatrix=") != 0;
        fclose(f);
    }
    fclose(index);
    for (uint32_t t = 0; t < ctxfit_file_type_count(); t++) {
        ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

        assert_int_equal(ctxfit_file_type_get_info(ctxfit_file_type_at(t), &info), CTXFIT_OK);
        assert_int_equal(info.needs_imatrix, needed[info.file_type]);
    }
}

static void out_of_memory_is_reported_and_nothing_leaks(void **state)
{
    model_file  *model = read_model_of("Llama-3-8B.txt");
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f))
        f.status = cfi_quant_recipe_apply(CTXFIT_FILE_TYPE_Q4_K_M, &model->facts, model->tensor, model->count, &f.allocator, NULL, NULL);
    assert_int_equal(f.status, CTXFIT_OK);
    assert_in_range(f.rounds, 2, 16);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reference_file_is_reproduced),
        cmocka_unit_test(order_of_the_tensors_does_not_matter),
        cmocka_unit_test(list_of_file_types_goes_from_large_to_small),
        cmocka_unit_test(imatrix_flag_agrees_with_the_reference),
        cmocka_unit_test(out_of_memory_is_reported_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
