/* The tables of configurations: sorted, unique, and every name in them is one that another table has. */
#include <stdbool.h>

#include "test_support.h"

#include "hf/hf_internal.h"
#include "model/recipe_internal.h"

typedef struct class_row {
    const char *name, *type, *arch, *family, *head;
} class_row;

static const class_row classes[] = {
#define CFI_HF_CLASS(name, type, arch, family, head) {name, type, arch, #family, #head},
#include "hf/hf_classes.def"
#undef CFI_HF_CLASS
};

static const char *const families[][5] = {
#define CFI_HF_FAMILY(name, parent, llama3, mxfp4, sections) {#name, #parent, #llama3, #mxfp4, #sections},
#include "hf/hf_families.def"
#undef CFI_HF_FAMILY
};

static const char *const rules[][4] = {
#define CFI_HF_RULE(family, key, op, expression) {#family, key, #op, expression},
#include "hf/hf_rules.def"
#undef CFI_HF_RULE
};

static const char *const words[][3] = {
#define CFI_HF_WORDS(family, key, text) {#family, key, text},
#include "hf/hf_words.def"
#undef CFI_HF_WORDS
};

static const char *const defaults[][2] = {
#define CFI_HF_DEFAULT(type, json) {type, json},
#include "hf/hf_defaults.def"
#undef CFI_HF_DEFAULT
};

/* What the columns of a family behind its parent may say. */
static const char *const family_words[] = {"- tensor", "- method dtype", "- implied"};

static bool is_among(const char *allowed, const char *word)
{
    const char *at = strstr(allowed, word);

    return *word != '\0' && at != NULL && (at == allowed || at[-1] == ' ') && (at[strlen(word)] == ' ' || at[strlen(word)] == '\0');
}

static bool is_family(const char *name)
{
    for (size_t i = 0; i < CFI_COUNT(families); i++)
        if (strcmp(families[i][0], name) == 0)
            return true;
    return false;
}

static void classes_are_sorted_and_name_architectures_with_a_recipe(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(classes); i++) {
        const char *arch = classes[i].arch + (classes[i].arch[0] == '~');

        if (i > 0 && strcmp(classes[i - 1].name, classes[i].name) > 0)
            fail_msg("%s is not behind %s", classes[i].name, classes[i - 1].name);
        if (cfi_recipe_find(arch) == NULL || cfi_arch_find(arch) == NULL)
            fail_msg("%s: no architecture %s", classes[i].name, arch);
        if (!is_family(classes[i].family))
            fail_msg("%s: no family %s", classes[i].name, classes[i].family);
        if (!is_among("- none tied", classes[i].head))
            fail_msg("%s: head is %s", classes[i].name, classes[i].head);
        if (i > 0 && strcmp(classes[i - 1].name, classes[i].name) == 0 &&
            (strcmp(classes[i].type, "-") == 0 || strcmp(classes[i - 1].type, "-") == 0))
            fail_msg("%s stands twice, without a model_type", classes[i].name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(classes[i].type, "-") != 0 && strcmp(classes[i].type, classes[k].type) == 0)
                fail_msg("model_type %s stands twice", classes[i].type);
    }
}

static void every_family_comes_from_base(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(families); i++) {
        const char *at = families[i][0];
        size_t      steps = 0;

        for (; strcmp(at, "base") != 0 && steps < 8; steps++)
            for (size_t k = 0; k < CFI_COUNT(families); k++)
                if (strcmp(families[k][0], at) == 0) {
                    at = families[k][1];
                    break;
                }
        for (size_t column = 2; column < CFI_COUNT(families[i]); column++)
            if (!is_among(family_words[column - 2], families[i][column]))
                fail_msg("%s: column %zu is %s", families[i][0], column, families[i][column]);
        if (strcmp(at, "base") != 0)
            fail_msg("%s: does not come from base in 8 steps", families[i][0]);
    }
}

static bool is_operation(const char *name)
{
    static const char *const names[] = {"VALUE", "FLAG", "BOOL", "WORD", "WHERE", "AT", "EVERY", "FIRST", "NONE"};

    for (size_t i = 0; i < CFI_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void every_rule_is_of_a_family_and_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rules); i++) {
        const char *expression = rules[i][3];
        bool        choice = strcmp(rules[i][2], "WHERE") == 0 || strcmp(rules[i][2], "EVERY") == 0;

        if (!is_family(rules[i][0]) || !is_operation(rules[i][2]))
            fail_msg("%s %s: %s is no family or %s no operation", rules[i][0], rules[i][1], rules[i][0], rules[i][2]);
        if (choice && (strchr(expression, '?') == NULL || strchr(expression, ':') == NULL ||
                       (strchr(expression, '=') == NULL && strchr(expression, ',') == NULL)))
            fail_msg("%s %s: '%s'", rules[i][0], rules[i][1], expression);
        if ((strcmp(rules[i][2], "NONE") == 0) != (*expression == '\0'))
            fail_msg("%s %s: '%s' with %s", rules[i][0], rules[i][1], expression, rules[i][2]);
    }
}

static void words_are_of_a_family_and_hold_those_that_its_rules_look_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(words); i++) {
        if (!is_family(words[i][0]))
            fail_msg("%s is no family", words[i][0]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(words[i][0], words[k][0]) == 0 && strcmp(words[i][1], words[k][1]) == 0)
                fail_msg("%s %s stands twice", words[i][0], words[i][1]);
        for (size_t k = 0; k < CFI_COUNT(rules); k++) {
            const char *equals = strchr(rules[k][3], '=');
            char        item[64];

            if (strcmp(rules[k][2], "WHERE") != 0 || strcmp(rules[k][0], words[i][0]) != 0 ||
                strncmp(rules[k][3], words[i][1], strlen(words[i][1])) != 0)
                continue;
            (void)snprintf(item, sizeof item, "%.*s", (int)strcspn(equals + 1, "|?"), equals + 1);
            if (strstr(words[i][2], item) == NULL)
                fail_msg("%s: a rule looks for %s, which is none of its words", words[i][0], item);
        }
    }
}

static void defaults_are_sorted_and_are_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(defaults); i++) {
        char          json[2048];
        cfi_json_doc *doc = NULL;
        ctxfit_error  error = {0};

        if (i > 0 && strcmp(defaults[i - 1][0], defaults[i][0]) >= 0)
            fail_msg("%s is not behind %s", defaults[i][0], defaults[i - 1][0]);
        (void)snprintf(json, sizeof json, "%s", defaults[i][1]);
        for (char *at = json; *at != '\0'; at++)
            *at = *at == '\'' ? '"' : *at;
        if (cfi_json_read(json, strlen(json), NULL, NULL, &doc, &error) == CTXFIT_E_UNSUPPORTED)
            continue; /* a library without JSON */
        if (cfi_json_kind_of(cfi_json_root(doc)) != CFI_JSON_OBJECT)
            fail_msg("%s: %s", defaults[i][0], error.message);
        cfi_json_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_sorted_and_name_architectures_with_a_recipe),
        cmocka_unit_test(every_family_comes_from_base),
        cmocka_unit_test(every_rule_is_of_a_family_and_well_formed),
        cmocka_unit_test(words_are_of_a_family_and_hold_those_that_its_rules_look_for),
        cmocka_unit_test(defaults_are_sorted_and_are_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
