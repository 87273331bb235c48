/* The tables of the module: sorted, without doubles, about architectures that exist. */
#include "test_support.h"

#include "model/arch_internal.h"

typedef struct row {
    const char *name;
    const char *second; /* "" where a name stands once */
} row;

#define CFI_WINDOW(name, kind, when, layers, period, window, flags, blocks) {name, ""},
static const row windows[] = {
#include "model/windows.def"
};
#define CFI_NEXTN(arch, tensor) {arch, tensor},
static const row nextn[] = {
#include "model/nextn.def"
};
#define CFI_ROLE(name, role) {name, ""},
static const row roles[] = {
#include "model/roles.def"
};

static void assert_sorted(const row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int order = strcmp(rows[i - 1].name, rows[i].name);

        if (order > 0 || (order == 0 && strcmp(rows[i - 1].second, rows[i].second) >= 0))
            fail_msg("%s %s stands behind %s %s", rows[i].name, rows[i].second, rows[i - 1].name, rows[i - 1].second);
    }
}

static void assert_known(const row *rows, size_t count, uint32_t flag)
{
    for (size_t i = 0; i < count; i++) {
        const cfi_arch *arch = cfi_arch_find(rows[i].name);

        if (arch == NULL || (arch->flags & flag) != flag)
            fail_msg("%s: not such an architecture", rows[i].name);
    }
}

static void tables_are_sorted(void **state)
{
    (void)state;
    assert_sorted(windows, CFI_COUNT(windows));
    assert_sorted(nextn, CFI_COUNT(nextn));
    assert_sorted(roles, CFI_COUNT(roles));
}

static void tables_are_about_architectures_that_exist(void **state)
{
    (void)state;
    assert_known(windows, CFI_COUNT(windows), 0);
    assert_known(nextn, CFI_COUNT(nextn), CFI_ARCH_NEXTN);
}

static void only_architectures_with_prediction_blocks_cache_for_them(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cfi_arch_count(); i++)
        if ((cfi_arch_at(i)->flags & (CFI_ARCH_NEXTN_CACHED | CFI_ARCH_NEXTN_PROBED)) != 0)
            assert_true((cfi_arch_at(i)->flags & CFI_ARCH_NEXTN) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_sorted),
        cmocka_unit_test(tables_are_about_architectures_that_exist),
        cmocka_unit_test(only_architectures_with_prediction_blocks_cache_for_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
