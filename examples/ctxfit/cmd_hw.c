#include "cli.h"

#include <string.h>

static const char *backend_name(uint32_t backend)
{
    static const char *const names[] = {"", "cpu", "cuda", "metal", "rocm", "vulkan", "sycl", "rpc"};

    return backend < sizeof names / sizeof names[0] ? names[backend] : "?";
}

static int list_machines(void)
{
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++)
        printf("%-36s %s\n", ctxfit_hw_catalog_id(i), ctxfit_hw_catalog_name(i));
    return CLI_FITS;
}

static void print_device(const ctxfit_device *d)
{
    printf("  %-28s %-6s memory %s", d->name, backend_name(d->backend), d->memory_bytes != 0 ? cli_bytes(d->memory_bytes) : "not stated");
    if (d->kind == CTXFIT_DEVICE_UNIFIED)
        printf(", GPU budget %s", cli_bytes(d->budget_bytes));
    if (d->free_bytes != 0)
        printf(", free %s", cli_bytes(d->free_bytes));
    if (d->reserve_bytes != 0)
        printf(", reserve %s", cli_bytes(d->reserve_bytes));
    if (d->bandwidth_bytes_per_s != 0)
        printf(", %.0f GB/s", (double)d->bandwidth_bytes_per_s / 1e9);
    if (d->fp16_flops_per_s > 0)
        printf(", %.1f TFLOP/s", d->fp16_flops_per_s / 1e12);
    if (d->link_bytes_per_s != 0)
        printf(", link %.1f GB/s", (double)d->link_bytes_per_s / 1e9);
    putchar('\n');
}

static void print_machine(const ctxfit_hw *hw)
{
    char spec[4096];

    if (ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL) == CTXFIT_OK)
        printf("%s\n", spec);
    for (uint32_t i = 0; i < ctxfit_hw_device_count(hw); i++) {
        ctxfit_device d = CTXFIT_DEVICE_INIT;

        if (ctxfit_hw_get_device(hw, i, &d) == CTXFIT_OK)
            print_device(&d);
    }
}

static void print_report(const ctxfit_hw *hw)
{
    char report[32768]; /* a report is bounded at half of it */

    if (ctxfit_hw_write_report(hw, report, sizeof report, NULL) == CTXFIT_OK)
        fputs(report, stdout); /* printable, but for its newlines */
}

/* The machine of a spec, or, without one, this machine. */
static int describe_machine(const char *spec, bool report)
{
    ctxfit_hw    *hw;
    ctxfit_error  error;
    ctxfit_status status = spec != NULL ? ctxfit_hw_parse(spec, NULL, &hw, &error) : cli_detect(&hw, &error);

    if (status != CTXFIT_OK)
        return cli_fail("hardware", spec != NULL ? spec : "this machine", status, &error);
    if (report) {
        print_report(hw);
    } else {
        print_machine(hw);
        cli_render_unseen(hw, stdout);
    }
    ctxfit_hw_free(hw);
    return CLI_FITS;
}

int cli_hw(int argc, char **argv)
{
    if (argc == 0)
        return describe_machine(NULL, false);
    if (argc == 1 && strcmp(argv[0], "--list") == 0)
        return list_machines();
    if (argc == 1 && strcmp(argv[0], "--report") == 0)
        return describe_machine(NULL, true);
    if (argc == 1 && argv[0][0] != '-')
        return describe_machine(argv[0], false);
    fputs("ctxfit: usage: ctxfit hw [SPEC | --list | --report]; quote a machine of several parts: ctxfit hw \"2*rtx-4090 host:64GiB\"\n",
          stderr);
    return CLI_USAGE;
}
