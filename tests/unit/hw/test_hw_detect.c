/* Made machines of tests/data/hw/machines are found as what they are. */
#define _POSIX_C_SOURCE 200809L

#include "fake_machine.h"

#include <dirent.h>

#define MACHINES TEST_DATA "/hw/machines"

static bool has_warning(const ctxfit_hw *hw, const char *start)
{
    for (uint32_t i = 0; ctxfit_hw_warning(hw, i) != NULL; i++)
        if (strncmp(ctxfit_hw_warning(hw, i), start, strlen(start)) == 0)
            return true;
    return false;
}

static const char *section(const fake_machine *m, const char *name, char *out, size_t cap)
{
    const fake_file *file = fake_find(m, name);

    (void)snprintf(out, cap, "%.*s", file != NULL ? (int)file->len : 0, file != NULL ? file->text : "");
    return out;
}

static int check_machine(const char *name)
{
    static fake_machine m;
    char                path[512], want[2048], spec[2048], report[CFI_HW_REPORT_BYTES], *line;
    ctxfit_hw          *hw = NULL, *again;
    ctxfit_error        error;
    int                 faults = 0;

    (void)snprintf(path, sizeof path, "%s/%s", MACHINES, name);
    fake_load(&m, path);
    (void)fake_nvml_of(&m);
    if (fake_detect(&m, NULL, NULL, &hw, &error) != CTXFIT_OK)
        fail_msg("%s: %s", name, error.message);
    assert_int_equal(ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_write_report(hw, report, sizeof report, NULL), CTXFIT_OK);
    section(&m, "spec", want, sizeof want);
    want[strcspn(want, "\n")] = '\0';
    if (strcmp(spec, want) != 0) {
        print_error("%s:\n  found    %s\n  expected %s\n%s", name, spec, want, report);
        faults++;
    }
    again = must_parse(spec); /* what was found can be written down and read again */
    ctxfit_hw_free(again);
    section(&m, "warnings", want, sizeof want);
    for (line = strtok(want, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (!has_warning(hw, line)) {
            print_error("%s: no warning '%s'\n%s", name, line, report);
            faults++;
        }
    section(&m, "report", want, sizeof want);
    for (line = strtok(want, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strstr(report, line) == NULL) {
            print_error("%s: '%s' is not in the report\n%s", name, line, report);
            faults++;
        }
    assert_int_equal(fake_nvml.started, 0);
    ctxfit_hw_free(hw);
    free(m.all);
    return faults;
}

static void made_machines_are_found_as_what_they_are(void **state)
{
    DIR           *folder = opendir(MACHINES);
    struct dirent *entry;
    int            faults = 0, machines = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        if (strstr(entry->d_name, ".machine") != NULL) {
            faults += check_machine(entry->d_name);
            machines++;
        }
    (void)closedir(folder);
    assert_true(machines >= 30);
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_machines_are_found_as_what_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
