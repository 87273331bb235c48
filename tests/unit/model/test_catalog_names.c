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

static void every_entry_states_source_and_date(void **state)
{
    const cfi_catalog_entry *entry;

    (void)state;
    for (uint32_t i = 0; (entry = cfi_catalog_at(i)) != NULL; i++) {
        assert_string_not_equal(entry->source, "");
        assert_int_equal(strlen(entry->as_of), strlen("2026-08"));
        assert_string_equal(entry->source, ctxfit_model_catalog_source(i));
    }
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
    const cfi_catalog_entry *entry;

    (void)state;
    for (uint32_t i = 0; (entry = cfi_catalog_at(i)) != NULL; i++) {
        assert_ptr_equal(cfi_catalog_find(entry->id), entry);
        assert_non_null(strchr(entry->hf_id, '/'));
        if (cfi_catalog_find(entry->hf_id) != entry)
            fail_msg("%s is not found by %s", entry->id, entry->hf_id);
    }
}

/* An alias that a rule finds anyway would only hide a change of the rules; one with a colon may contradict them. */
static void aliases_are_sorted_needed_and_lead_to_an_id(void **state)
{
    const cfi_catalog_alias *alias;
    char                     a[128], b[128];

    (void)state;
    for (uint32_t i = 0; (alias = cfi_catalog_alias_at(i)) != NULL; i++) {
        const cfi_catalog_entry *entry = cfi_catalog_find(alias->name);

        if (entry == NULL || strcmp(entry->id, alias->id) != 0)
            fail_msg("%s does not lead to %s", alias->name, alias->id);
        assert_string_not_equal(alias->source, "");
        if (i > 0)
            assert_true(strcmp(cfi_catalog_alias_at(i - 1)->name, alias->name) < 0);
        squeeze(alias->name, a, sizeof a);
        for (uint32_t k = 0; (entry = cfi_catalog_at(k)) != NULL; k++) {
            squeeze(entry->id, b, sizeof b);
            if (strcmp(a, b) == 0 && strchr(alias->name, ':') == NULL)
                fail_msg("alias %s is an id", alias->name);
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
        const cfi_catalog_entry *entry;

        if (line[0] == '#' || sscanf(line, "%127s %127s", name, id) != 2)
            continue;
        entry = cfi_catalog_find(name);
        if (strcmp(entry != NULL ? entry->id : "-", id) != 0)
            fail_msg("%s: expected %s, found %s", name, id, entry != NULL ? entry->id : "-");
        found += entry != NULL;
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
    assert_null(cfi_catalog_find(longest));
    assert_null(cfi_catalog_find(""));
    assert_null(cfi_catalog_find("/"));
    assert_null(cfi_catalog_find("Qwen/"));
    assert_null(cfi_catalog_find("-"));
    assert_null(cfi_catalog_find(":"));
    assert_null(cfi_catalog_find("---"));
    assert_null(cfi_catalog_find("meta-"));
    assert_null(cfi_catalog_find("\xff\xfe_\x80"));
}

static void unknown_name_suggests_the_nearest(void **state)
{
    char text[200];

    (void)state;
    cfi_catalog_suggest("Qwen/qwen3-coder-30b-a3", text, sizeof text);
    assert_non_null(strstr(text, "qwen3-coder-30b-a3b"));
    cfi_catalog_suggest("mixtral-8x7", text, sizeof text);
    assert_non_null(strstr(text, "mixtral-8x7b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_sorted_and_well_formed),
        cmocka_unit_test(past_the_end_is_null),
        cmocka_unit_test(every_entry_states_source_and_date),
        cmocka_unit_test(no_two_ids_differ_in_hyphens_only),
        cmocka_unit_test(ids_and_hugging_face_names_find_their_entry),
        cmocka_unit_test(aliases_are_sorted_needed_and_lead_to_an_id),
        cmocka_unit_test(names_that_people_type_are_found),
        cmocka_unit_test(odd_names_find_nothing),
        cmocka_unit_test(unknown_name_suggests_the_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
