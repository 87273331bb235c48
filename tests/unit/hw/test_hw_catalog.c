#include "hw_support.h"

static void every_entry_has_id_name_and_dated_source(void **state)
{
    uint32_t n = ctxfit_hw_catalog_count();

    (void)state;
    assert_true(n > 400);
    for (uint32_t i = 0; i < n; i++) {
        const char *id = ctxfit_hw_catalog_id(i), *source = ctxfit_hw_catalog_source(i);
        char        slug[128];

        cfi_slug(id, slug, sizeof slug);
        assert_string_equal(id, slug);
        assert_in_range(strlen(id), 2, sizeof((ctxfit_device *)0)->id - 1);
        assert_in_range(strlen(ctxfit_hw_catalog_name(i)), 2, sizeof((ctxfit_device *)0)->name - 1);
        assert_non_null(strstr(source, " (as of 20"));
        assert_true(source[0] != ' ');
    }
    assert_null(ctxfit_hw_catalog_id(n));
    assert_null(ctxfit_hw_catalog_name(n));
    assert_null(ctxfit_hw_catalog_source(n));
    assert_null(ctxfit_hw_catalog_id(UINT32_MAX));
}

static void ids_ascend_within_each_list_and_are_unique(void **state)
{
    uint32_t breaks = 0;

    (void)state;
    for (uint32_t i = 1; i < ctxfit_hw_catalog_count(); i++)
        if (strcmp(ctxfit_hw_catalog_id(i - 1), ctxfit_hw_catalog_id(i)) >= 0)
            breaks++;
    assert_int_equal(breaks, 2); /* devices, machines, rigs */
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++)
        assert_int_equal(cfi_hw_find(ctxfit_hw_catalog_id(i)), i);
}

static void every_device_and_machine_is_in_range(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        ctxfit_device d;
        uint64_t      advertised = (uint64_t)cfi_hw_catalog_advertised_mib(i) << 20;

        if (cfi_hw_rig_spec(i) != NULL)
            continue;
        cfi_hw_catalog_device(i, &d);
        assert_string_equal(d.id, ctxfit_hw_catalog_id(i));
        assert_in_range(d.kind, CTXFIT_DEVICE_HOST, CTXFIT_DEVICE_UNIFIED);
        assert_true((d.kind == CTXFIT_DEVICE_HOST) == (d.backend == CTXFIT_BACKEND_CPU));
        if (d.kind != CTXFIT_DEVICE_HOST || d.memory_bytes != 0)
            assert_in_range(d.memory_bytes, UINT64_C(2) << 30, UINT64_C(2) << 40);
        /* Drivers report up to 8 % less than the box says, never more. */
        assert_true(d.memory_bytes <= advertised && d.memory_bytes >= advertised / 100 * 92);
        if (d.bandwidth_bytes_per_s != 0)
            assert_in_range(d.bandwidth_bytes_per_s, UINT64_C(10000000000), UINT64_C(10000000000000));
        assert_true(d.fp16_flops_per_s >= 0 && d.fp16_flops_per_s < 1e16);
        assert_true(d.link_bytes_per_s <= UINT64_C(200000000000));
        assert_true(d.kind == CTXFIT_DEVICE_UNIFIED || cfi_hw_rule_of(i) == CFI_HW_RULE_ALL);
    }
}

/* One line of tests/data/hw/published.csv; empty cells are 0. */
typedef struct published {
    char     long_name[80];
    char     id[64];
    uint64_t advertised_bytes;
    uint64_t bus_bits;
    double   rate_mtps;
    double   fraction;
    double   recent;
} published;

static const char *next_cell(const char *p, char *cell, size_t cap)
{
    size_t n = strcspn(p, ",\r\n");

    assert_true(n < cap);
    memcpy(cell, p, n);
    cell[n] = '\0';
    return p[n] == ',' ? p + n + 1 : p + n;
}

static double number(const char *cell)
{
    double value = 0;

    if (cell[0] != '\0')
        assert_true(cfi_parse_number(cell, NULL, &value));
    return value;
}

static bool next_published(FILE *file, published *out)
{
    char        line[256], cells[7][80];
    const char *p = line;

    do {
        if (fgets(line, sizeof line, file) == NULL)
            return false;
    } while (line[0] == '#' || strncmp(line, "long_name,", 10) == 0);
    for (int i = 0; i < 7; i++)
        p = next_cell(p, cells[i], sizeof cells[i]);
    memcpy(out->long_name, cells[0], sizeof out->long_name);
    memcpy(out->id, cells[1], sizeof out->id);
    assert_true(cfi_parse_u64(cells[2], NULL, &out->advertised_bytes));
    out->bus_bits = (uint64_t)number(cells[3]);
    out->rate_mtps = number(cells[4]);
    out->fraction = number(cells[5]);
    out->recent = number(cells[6]);
    return true;
}

static bool near(double a, double b, double tolerance)
{
    double difference = a > b ? a - b : b - a;

    return difference <= tolerance * b;
}

static void devices_agree_with_published_facts(void **state)
{
    FILE     *file = fopen(TEST_DATA "/hw/published.csv", "r");
    published fact;
    uint32_t  checked = 0, bandwidths = 0, fractions = 0;

    (void)state;
    assert_non_null(file);
    while (next_published(file, &fact)) {
        uint32_t      index = cfi_hw_find(fact.id), resolved;
        ctxfit_device d;
        double        memory = (double)fact.advertised_bytes;

        if (index == CFI_HW_NONE)
            fail_msg("%s is not in the catalog", fact.id);
        cfi_hw_catalog_device(index, &d);
        assert_int_equal((uint64_t)cfi_hw_catalog_advertised_mib(index) << 20, fact.advertised_bytes);
        if (fact.bus_bits != 0 && fact.rate_mtps > 0 && d.bandwidth_bytes_per_s != 0) {
            /* Vendors round: Apple 400 for 409.6, NVIDIA 8 TB/s. */
            if (!near((double)d.bandwidth_bytes_per_s, (double)fact.bus_bits / 8 * fact.rate_mtps * 1e6, 0.035))
                fail_msg("%s: bandwidth is not bus width x rate", fact.id);
            bandwidths++;
        }
        if (fact.fraction > 0 && d.kind == CTXFIT_DEVICE_UNIFIED && cfi_hw_rule_of(index) != CFI_HW_RULE_ALL) {
            uint64_t budget = cfi_hw_budget(cfi_hw_rule_of(index), d.memory_bytes);

            if (!near((double)budget, fact.fraction * memory, 0.0001))
                fail_msg("%s: budget is not the published fraction", fact.id);
            if (fact.recent > 0 &&
                !near((double)cfi_hw_budget_recent(cfi_hw_rule_of(index), d.memory_bytes, budget), fact.recent * memory, 0.0001))
                fail_msg("%s: recent budget is not the published fraction", fact.id);
            fractions++;
        }
        if (fact.long_name[0] != '\0' && (cfi_hw_resolve(fact.long_name, &resolved) != CFI_HW_MATCH_ONE || resolved != index))
            fail_msg("%s does not lead to %s", fact.long_name, fact.id);
        checked++;
    }
    fclose(file);
    assert_true(checked >= 370 && bandwidths > 340 && fractions > 90);
}

static void rigs_consist_of_canonical_items(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        const char *spec = cfi_hw_rig_spec(i);
        char        written[512];

        if (spec == NULL)
            continue;
        assert_round_trip(spec, written, sizeof written);
        assert_string_equal(written, spec);
        assert_round_trip(ctxfit_hw_catalog_id(i), written, sizeof written);
        assert_string_equal(written, spec);
    }
}

/* Host CPUs of which only the memory channels are known need mem= to be a machine. */
static void every_device_and_machine_writes_back_its_id(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        const char   *id = ctxfit_hw_catalog_id(i);
        ctxfit_device d;
        char          spec[128], written[512];

        if (cfi_hw_rig_spec(i) != NULL)
            continue;
        cfi_hw_catalog_device(i, &d);
        (void)snprintf(spec, sizeof spec, "%s%s", id, d.memory_bytes == 0 ? "(mem=64GiB)" : "");
        assert_round_trip(spec, written, sizeof written);
        assert_string_equal(written, spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_has_id_name_and_dated_source),
        cmocka_unit_test(ids_ascend_within_each_list_and_are_unique),
        cmocka_unit_test(every_device_and_machine_is_in_range),
        cmocka_unit_test(devices_agree_with_published_facts),
        cmocka_unit_test(rigs_consist_of_canonical_items),
        cmocka_unit_test(every_device_and_machine_writes_back_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
