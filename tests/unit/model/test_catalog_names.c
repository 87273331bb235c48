#include "test_support.h"

#include <ctype.h>

#include "ctxfit/model.h"
#include "model/catalog_internal.h"

/* What two names have in common when hyphens and colons do not count. */
static void squeeze(const char *name, char *out, size_t cap)
{
    size_t n = 0;

    for (; *name != '\0' && n + 1 < cap; name++)
        if (*name != '-' && *name != ':')
            out[n++] = (char)tolower((unsigned char)*name);
    out[n] = '\0';
}

static void ids_are_sorted_and_well_formed(void **state)
{
    uint32_t count = ctxfit_model_catalog_count();

    (void)state;
    assert_true(count >= 150);
    for (uint32_t i = 0; i < count; i++) {
        const char *id = ctxfit_model_catalog_id(i);

        assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-"), strlen(id));
        if (i > 0)
            assert_true(strcmp(ctxfit_model_catalog_id(i - 1), id) < 0);
    }
}

static void past_the_end_is_null(void **state)
{
    uint32_t count = ctxfit_model_catalog_count();

    (void)state;
    assert_null(ctxfit_model_catalog_id(count));
    assert_null(ctxfit_model_catalog_hf_id(count));
    assert_null(ctxfit_model_catalog_source(count));
    assert_null(ctxfit_model_catalog_id(UINT32_MAX));
}

typedef struct source_row {
    const char *name;
    const char *source;
    const char *as_of;
} source_row;

static const source_row sources[] = {
#define CFI_SOURCE(name, source, as_of) {#name, source, as_of},
#include "model/catalog_sources.def"
#undef CFI_SOURCE
};

static void check_source(const char *source, const char *as_of)
{
    assert_string_not_equal(source, "");
    assert_int_equal(strlen(as_of), strlen("2026-08"));
    assert_int_equal(as_of[4], '-');
}

static void sources_are_sorted_and_dated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        check_source(sources[i].source, sources[i].as_of);
        if (i > 0)
            assert_true(strcmp(sources[i - 1].name, sources[i].name) < 0);
    }
}

static void every_entry_gives_its_source(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ctxfit_model_catalog_count(); i++) {
        const char *source = ctxfit_model_catalog_source(i);
        bool        known = false;

        for (size_t k = 0; k < sizeof sources / sizeof sources[0]; k++)
            known = known || strcmp(source, sources[k].source) == 0;
        assert_true(known);
    }
}

static void a_row_that_is_the_same_as_another_has_its_text(void **state)
{
    cfi_catalog_entry r1, v3, entry;

    (void)state;
    assert_true(cfi_catalog_at(cfi_catalog_find("deepseek-r1"), &r1));
    assert_true(cfi_catalog_at(cfi_catalog_find("deepseek-v3"), &v3));
    assert_string_equal(r1.text, v3.text);
    for (uint32_t i = 0; cfi_catalog_at(i, &entry); i++)
        assert_int_not_equal(entry.text[0], '=');
}

static void no_two_ids_differ_in_hyphens_only(void **state)
{
    uint32_t count = ctxfit_model_catalog_count();
    char     a[128], b[128];

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        squeeze(ctxfit_model_catalog_id(i), a, sizeof a);
        for (uint32_t k = i + 1; k < count; k++) {
            squeeze(ctxfit_model_catalog_id(k), b, sizeof b);
            assert_string_not_equal(a, b);
        }
    }
}

static void ids_and_hugging_face_names_find_their_entry(void **state)
{
    cfi_catalog_entry entry;

    (void)state;
    for (uint32_t i = 0; cfi_catalog_at(i, &entry); i++) {
        assert_int_equal(cfi_catalog_find(entry.id), i);
        assert_non_null(strchr(entry.hf_id, '/'));
        assert_string_equal(entry.hf_id, ctxfit_model_catalog_hf_id(i));
        if (cfi_catalog_find(entry.hf_id) != i)
            fail_msg("%s is not found by %s", entry.id, entry.hf_id);
    }
}

/* The id that a name finds, "-" for none. */
static const char *id_of(const char *name)
{
    uint32_t index = cfi_catalog_find(name);

    return index != CFI_CATALOG_NONE ? ctxfit_model_catalog_id(index) : "-";
}

typedef struct alias_row {
    const char *name;
    const char *id;
    const char *source;
    const char *as_of;
} alias_row;

static const alias_row aliases[] = {
#define CFI_ALIAS(name, id, source, as_of) {name, id, source, as_of},
#include "model/catalog_aliases.def"
#undef CFI_ALIAS
};

static void aliases_are_sorted_and_lead_to_their_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strcmp(id_of(aliases[i].name), aliases[i].id) != 0)
            fail_msg("%s does not lead to %s", aliases[i].name, aliases[i].id);
        check_source(aliases[i].source, aliases[i].as_of);
        if (i > 0)
            assert_true(strcmp(aliases[i - 1].name, aliases[i].name) < 0);
    }
}

/* An alias that is an id but for hyphens would only hide the rule; one with a colon may contradict it. */
static void no_alias_is_an_id(void **state)
{
    char a[128], b[128];

    (void)state;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        squeeze(aliases[i].name, a, sizeof a);
        for (uint32_t k = 0; k < ctxfit_model_catalog_count() && strchr(aliases[i].name, ':') == NULL; k++) {
            squeeze(ctxfit_model_catalog_id(k), b, sizeof b);
            assert_string_not_equal(a, b);
        }
    }
}

static void names_that_people_type_are_found(void **state)
{
    char     line[256], name[128], id[128];
    uint32_t found = 0;
    FILE    *file = fopen(TEST_DATA "/models/names.txt", "r");

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || sscanf(line, "%127s %127s", name, id) != 2)
            continue;
        if (strcmp(id_of(name), id) != 0)
            fail_msg("%s: expected %s, found %s", name, id, id_of(name));
        found += strcmp(id, "-") != 0;
    }
    (void)fclose(file);
    assert_true(found >= 150);
}

static void odd_names_find_nothing(void **state)
{
    char longest[4096];

    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(cfi_catalog_find(longest), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find(""), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find("/"), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find("Qwen/"), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find("-"), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find(":"), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find("---"), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find("meta-"), CFI_CATALOG_NONE);
    assert_int_equal(cfi_catalog_find("\xff\xfe_\x80"), CFI_CATALOG_NONE);
}

static void check_suggestion(const char *name, const char *expected)
{
    char text[200];

    cfi_catalog_suggest(name, text, sizeof text);
    if (strstr(text, expected) == NULL)
        fail_msg("%s: expected %s, got: %s", name, expected, text);
}

static void unknown_name_suggests_the_nearest(void **state)
{
    (void)state;
    check_suggestion("Qwen/qwen3-coder-30b-a3", "qwen3-coder-30b-a3b");
    check_suggestion("mixtral-8x7", "mixtral-8x7b");
    check_suggestion("Qwen3-Codr-30B", "qwen3-coder-30b");
    check_suggestion("", "did you mean");
}

static void family_suggests_its_models(void **state)
{
    (void)state;
    check_suggestion("llama3.1", "did you mean llama-3.1-8b, llama-3.1-70b or llama-3.1-405b?");
    check_suggestion("gpt-oss", "did you mean gpt-oss-20b or gpt-oss-120b?");
    check_suggestion("qwen3-coder", "qwen3-coder-30b-a3b");
}

static void name_with_a_format_suggests_the_model(void **state)
{
    (void)state;
    check_suggestion("qwen2.5:32b-instruct-q4_K_M", "did you mean qwen2.5-32b?");
    check_suggestion("llama-3.1-8b-q4", "did you mean llama-3.1-8b?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_sorted_and_well_formed),
        cmocka_unit_test(past_the_end_is_null),
        cmocka_unit_test(sources_are_sorted_and_dated),
        cmocka_unit_test(every_entry_gives_its_source),
        cmocka_unit_test(a_row_that_is_the_same_as_another_has_its_text),
        cmocka_unit_test(no_two_ids_differ_in_hyphens_only),
        cmocka_unit_test(ids_and_hugging_face_names_find_their_entry),
        cmocka_unit_test(aliases_are_sorted_and_lead_to_their_id),
        cmocka_unit_test(no_alias_is_an_id),
        cmocka_unit_test(names_that_people_type_are_found),
        cmocka_unit_test(odd_names_find_nothing),
        cmocka_unit_test(unknown_name_suggests_the_nearest),
        cmocka_unit_test(family_suggests_its_models),
        cmocka_unit_test(name_with_a_format_suggests_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
