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

int cli_hw(int argc, char **argv)
{
    ctxfit_hw    *hw;
    ctxfit_error  error;
    ctxfit_status status;
    char          spec[4096];

    if (argc > 1 || (argc == 1 && argv[0][0] == '-')) {
        fputs("ctxfit: usage: ctxfit hw [SPEC]; quote a machine of several parts: ctxfit hw \"2*rtx-4090 host:64GiB\"\n", stderr);
        return CLI_USAGE;
    }
    if (argc == 0)
        return list_machines();
    status = ctxfit_hw_parse(argv[0], NULL, &hw, &error);
    if (status != CTXFIT_OK)
        return cli_fail("hardware", argv[0], status, &error);
    if (ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL) == CTXFIT_OK)
        printf("%s\n", spec);
    for (uint32_t i = 0; i < ctxfit_hw_device_count(hw); i++) {
        ctxfit_device d = CTXFIT_DEVICE_INIT;

        if (ctxfit_hw_get_device(hw, i, &d) == CTXFIT_OK)
            print_device(&d);
    }
    ctxfit_hw_free(hw);
    return CLI_FITS;
}
