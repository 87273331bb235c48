/* Models made from text, held against the tensor lists and sizes of real files (data/quant, data/models). */
#include "test_support.h"

#include "model/model_internal.h"

#define MAX_TENSORS 2048
#define MAX_NAME    64
#define MAX_LINE    4096

typedef struct expected_tensor {
    char     name[MAX_NAME];
    uint64_t dims[4];
    bool     f32;
} expected_tensor;

typedef struct expected_model {
    size_t          count;
    expected_tensor tensor[MAX_TENSORS];
} expected_model;

/* ---- the files ---- */

static FILE *open_data(const char *folder, const char *name, const char *suffix)
{
    char  path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s/%s%s", TEST_DATA, folder, name, suffix);
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

static void add_expected(expected_model *model, const expected_tensor *shape, const char *head, int head_len, const char *number,
                         const char *tail)
{
    expected_tensor *t = &model->tensor[model->count];

    assert_in_range(model->count, 0, MAX_TENSORS - 1);
    *t = *shape;
    assert_in_range(snprintf(t->name, sizeof t->name, "%.*s%s%s", head_len, head, number, tail), 1, MAX_NAME - 1);
    model->count++;
}

/* "blk.{0-3,7}.attn_q.weight" is five tensors. */
static void add_pattern(expected_model *model, const expected_tensor *shape, const char *pattern)
{
    const char *open = strchr(pattern, '{');
    const char *close = strchr(pattern, '}');
    char       *end = NULL;
    char        number[24];

    if (open == NULL) {
        add_expected(model, shape, pattern, (int)strlen(pattern), "", "");
        return;
    }
    for (const char *at = open + 1; at < close; at = end + 1) {
        unsigned long first = strtoul(at, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

        for (unsigned long i = first; i <= last; i++) {
            snprintf(number, sizeof number, "%lu", i);
            add_expected(model, shape, pattern, (int)(open - pattern), number, close + 1);
        }
    }
}

static void read_tensor_line(expected_model *model, const char *line)
{
    expected_tensor shape = {"", {1, 1, 1, 1}, false};
    char            format[MAX_NAME];
    char            dims[MAX_NAME];
    char            pattern[MAX_LINE];
    char           *at = dims;

    assert_int_equal(sscanf(line, "tensor %63s %63s %4095s", format, dims, pattern), 3);
    shape.f32 = strcmp(format, "f32") == 0;
    for (int i = 0; i < 4 && *at != '\0'; i++) {
        shape.dims[i] = strtoull(at, &at, 10);
        at += *at == 'x';
    }
    add_pattern(model, &shape, pattern);
}

/* Up to the first line of a file type, which stays in `line`. */
static expected_model *read_expected(FILE *f, char line[MAX_LINE])
{
    expected_model *model = calloc(1, sizeof *model);

    assert_non_null(model);
    while (next_line(f, line) && strncmp(line, "type ", 5) != 0)
        if (strncmp(line, "tensor ", 7) == 0)
            read_tensor_line(model, line);
    return model;
}

/* Splits "NAME|TEXT"; *text points into the line. */
static bool next_model(FILE *f, char line[MAX_LINE], const char **text)
{
    char *bar;

    if (!next_line(f, line))
        return false;
    bar = strchr(line, '|');
    assert_non_null(bar);
    *bar = '\0';
    *text = bar + 1;
    return true;
}

/* ---- comparing ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const expected_tensor *)a)->name, ((const expected_tensor *)b)->name);
}

static size_t differ(const char *model, const char *tensor, const char *what)
{
    print_error("%s: %s: %s\n", model, tensor, what);
    return 1;
}

static size_t compare_tensors(const char *name, expected_model *expected, const ctxfit_model *model)
{
    size_t failures = 0;
    size_t seen = 0;

    qsort(expected->tensor, expected->count, sizeof expected->tensor[0], by_name);
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor      *t = &model->tensor[i];
        expected_tensor        key = {"", {0, 0, 0, 0}, false};
        const expected_tensor *e;

        snprintf(key.name, sizeof key.name, "%s", t->name);
        e = bsearch(&key, expected->tensor, expected->count, sizeof key, by_name);
        if (e == NULL) {
            failures += differ(name, t->name, "is not in the file");
            continue;
        }
        seen++;
        if (memcmp(e->dims, t->dims, sizeof e->dims) != 0)
            failures += differ(name, t->name, "has another shape in the file");
        if (e->f32 != (t->quant == CTXFIT_QUANT_F32))
            failures += differ(name, t->name, e->f32 ? "is F32 in the file" : "is a matrix in the file");
    }
    if (seen != expected->count) {
        print_error("%s: %zu of %zu tensors of the file found\n", name, seen, expected->count);
        failures++;
    }
    return failures;
}

static size_t compare_figure(const char *model, const char *what, uint64_t found, uint64_t expected)
{
    if (found == expected)
        return 0;
    print_error("%s: %s: found %llu, expected %llu\n", model, what, (unsigned long long)found, (unsigned long long)expected);
    return 1;
}

static ctxfit_model *make(const char *name, const char *text, ctxfit_file_type file_type)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    if (ctxfit_model_from_text(text, file_type, NULL, &model, &error) != CTXFIT_OK)
        print_error("%s: %s\n", name, error.message);
    return model;
}

/* ---- tests ---- */

static void text_of_every_reference_model_gives_the_tensors_of_its_file(void **state)
{
    FILE       *list = open_data("models", "reference_models", ".txt");
    char        line[MAX_LINE];
    const char *text;
    size_t      models = 0;
    size_t      failures = 0;

    (void)state;
    while (next_model(list, line, &text)) {
        char            types[MAX_LINE];
        FILE           *f = open_data("quant", line, ".txt");
        expected_model *expected = read_expected(f, types);
        ctxfit_model   *model = make(line, text, 0);

        failures += model == NULL ? 1 : compare_tensors(line, expected, model);
        ctxfit_model_free(model);
        free(expected);
        fclose(f);
        models++;
    }
    fclose(list);
    assert_int_equal(models, 43);
    assert_int_equal(failures, 0);
}

static size_t check_type_line(const char *name, const char *text, const char *line, ctxfit_model *as_published)
{
    char               type[MAX_NAME];
    unsigned long long tensor_bytes;
    unsigned long long data_bytes;
    size_t             failures = 0;
    ctxfit_file_type   file_type;
    ctxfit_model      *model;
    ctxfit_model      *again = NULL;

    assert_int_equal(sscanf(line, "type %63s tensor_bytes=%llu data_bytes=%llu", type, &tensor_bytes, &data_bytes), 3);
    file_type = ctxfit_file_type_from_name(type);
    assert_int_not_equal(file_type, 0);
    model = make(name, text, file_type);
    assert_int_equal(ctxfit_model_requantize(as_published, file_type, NULL, &again, NULL), CTXFIT_OK);
    if (model == NULL)
        return 1;
    failures += compare_figure(name, type, model->info.tensor_bytes, tensor_bytes);
    failures += compare_figure(name, type, model->info.data_bytes, data_bytes);
    failures += compare_figure(name, type, model->info.file_type, file_type);
    failures += compare_figure(name, "requantized", again->info.tensor_bytes, tensor_bytes);
    failures += compare_figure(name, "requantized", again->info.data_bytes, data_bytes);
    failures += compare_figure(name, "requantized: parameters", again->info.parameters, model->info.parameters);
    ctxfit_model_free(again);
    ctxfit_model_free(model);
    return failures;
}

static void every_file_type_has_the_bytes_of_its_reference(void **state)
{
    FILE       *list = open_data("models", "reference_models", ".txt");
    char        line[MAX_LINE];
    const char *text;
    size_t      rows = 0;
    size_t      failures = 0;

    (void)state;
    while (next_model(list, line, &text)) {
        char          types[MAX_LINE];
        FILE         *f = open_data("quant", line, ".txt");
        ctxfit_model *as_published = make(line, text, 0);

        assert_non_null(as_published);
        while (next_line(f, types)) {
            if (strncmp(types, "type ", 5) != 0)
                continue;
            failures += check_type_line(line, text, types, as_published);
            rows++;
        }
        ctxfit_model_free(as_published);
        fclose(f);
    }
    fclose(list);
    print_message("%zu files\n", rows);
    assert_true(rows > 1000);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_every_reference_model_gives_the_tensors_of_its_file),
        cmocka_unit_test(every_file_type_has_the_bytes_of_its_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
