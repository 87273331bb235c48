/* The table of what architectures do differently is searched by halves: order, and names that exist. */
#include "test_support.h"

#include "memory/compute_internal.h"

typedef struct table_row {
    const char *name;
    const char *source;
} table_row;

static const table_row table[] = {
#define CFI_COMPUTE_ARCH(name, kept, flags, source) {name, source},
#include "memory/compute_archs.def"
#undef CFI_COMPUTE_ARCH
};

static void compute_archs_are_sorted_known_and_sourced(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(table); i++) {
        if (cfi_arch_find(table[i].name) == NULL)
            fail_msg("%s: no architecture of archs.def", table[i].name);
        assert_true(table[i].source[0] != '\0');
        if (i > 0 && strcmp(table[i - 1].name, table[i].name) >= 0)
            fail_msg("%s stands behind %s", table[i].name, table[i - 1].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compute_archs_are_sorted_known_and_sourced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
