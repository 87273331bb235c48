/* Recipes against the tensor lists of small models of every architecture that llama.cpp can make without weights. */
#include "test_support.h"

#include "arch_models.h"
#include "model/recipe_internal.h"

#define MAX_LINE 4096

/* "NAME|TEXT|WITHOUT" of data/models/arch_texts.txt, cut into its parts. */
typedef struct arch_text {
    char  line[MAX_LINE];
    char *text;
    char *without;
} arch_text;

static bool find_text(const char *name, arch_text *out)
{
    FILE  *f = fopen(TEST_DATA "/models/arch_texts.txt", "r");
    size_t len = strlen(name);
    bool   found = false;

    assert_non_null(f);
    while (!found && fgets(out->line, sizeof out->line, f) != NULL)
        found = strncmp(out->line, name, len) == 0 && out->line[len] == '|';
    fclose(f);
    if (!found)
        return false;
    out->line[strcspn(out->line, "\n")] = '\0';
    out->text = out->line + len + 1;
    out->without = strchr(out->text, '|');
    assert_non_null(out->without);
    *out->without++ = '\0';
    return true;
}

static bool ends_in(const char *name, const char *end, size_t len)
{
    return strlen(name) >= len && memcmp(name + strlen(name) - len, end, len) == 0;
}

/* Does the list, separated by commas, have an end of the name? */
static bool listed(const char *name, const char *list)
{
    for (; *list != '\0'; list += strcspn(list, ",") + (list[strcspn(list, ",")] == ',')) {
        if (ends_in(name, list, strcspn(list, ",")))
            return true;
    }
    return false;
}

static const cfi_tensor *find_tensor(const ctxfit_model *model, const char *name)
{
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (strcmp(model->tensor[i].name, name) == 0)
            return &model->tensor[i];
    return NULL;
}

static size_t complain(const char *model, const char *tensor, const char *what)
{
    print_error("%s: %s: %s\n", model, tensor, what);
    return 1;
}

/* conversion/base.py:891-929 of llama.cpp b10472, as far as it goes by shape and ending */
static bool always_f32(const cfi_tensor *t)
{
    return t->n_dims == 1 || ends_in(t->name, "_norm.weight", strlen("_norm.weight")) || !ends_in(t->name, ".weight", strlen(".weight"));
}

static size_t compare(const arch_model *source, const ctxfit_model *model, const char *without)
{
    size_t   failures = 0;
    uint64_t seen = 0;

    for (uint64_t i = 0; i < ctxfit_gguf_tensor_count(source->gguf); i++) {
        ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;
        const char        *name = ctxfit_gguf_tensor_name(source->gguf, i);
        const cfi_tensor  *t = find_tensor(model, name);

        assert_int_equal(ctxfit_gguf_get_tensor(source->gguf, i, &info), CTXFIT_OK);
        if (t == NULL && (listed(name, ".scale,.input_scale,act.scales") || listed(name, without)))
            continue;
        if (t == NULL) {
            failures += complain(source->name, name, "is in the file only");
            continue;
        }
        seen++;
        if (memcmp(t->dims, info.dims, sizeof t->dims) != 0)
            failures += complain(source->name, name, "has another shape in the file");
        if (always_f32(t) && t->quant != CTXFIT_QUANT_F32)
            failures += complain(source->name, name, "is no matrix");
    }
    if (seen != model->info.tensor_count)
        failures += complain(source->name, "tensors", "some are not in the file");
    return failures;
}

static void text_of_an_architecture_gives_the_tensors_that_its_loader_takes(void **state)
{
    arch_models   models;
    arch_model    source = {0};
    ctxfit_error  error = {0};
    arch_text     line;
    size_t        compared = 0;
    size_t        failures = 0;

    (void)state;
    arch_models_open(&models, TEST_DATA "/models/archs.txt");
    while (arch_models_next(&models, &source)) {
        ctxfit_model *model = NULL;

        if (!find_text(source.name, &line))
            continue;
        if (ctxfit_model_from_text(line.text, 0, NULL, &model, &error) != CTXFIT_OK)
            fail_msg("%s: %s", source.name, error.message);
        failures += compare(&source, model, line.without);
        ctxfit_model_free(model);
        compared++;
    }
    arch_models_close(&models, &source);
    assert_int_equal(compared, 93);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_an_architecture_gives_the_tensors_that_its_loader_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
