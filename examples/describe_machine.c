/* Describes a machine by its spec, or lists the catalog: ./describe_machine "2*rtx-4090 host:64GiB"   ./describe_machine */
#include <inttypes.h>
#include <stdio.h>

#include <ctxfit/hw.h>

static double gib(uint64_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0 * 1024.0);
}

static void print_device(const ctxfit_device *device)
{
    static const char *const kinds[] = {"?", "host", "gpu", "unified"};

    printf("%-8s node %" PRIu32 "  %s\n", kinds[device->kind <= CTXFIT_DEVICE_UNIFIED ? device->kind : 0], device->node, device->name);
    if (device->memory_bytes == 0) /* only a host that the spec does not mention */
        printf("         memory not stated\n");
    else
        printf("         %.2f GiB, of which the GPU may use %.2f, the system keeps %.2f\n", gib(device->memory_bytes),
               gib(device->budget_bytes), gib(device->reserve_bytes));
    if (device->budget_recent_bytes > device->budget_bytes)
        printf("         recent macOS lets the GPU use %.2f GiB\n", gib(device->budget_recent_bytes));
    if (device->bandwidth_bytes_per_s != 0) /* 0 = not known, in every figure */
        printf("         %.0f GB/s\n", (double)device->bandwidth_bytes_per_s / 1e9);
    if (device->fp16_flops_per_s > 0)
        printf("         %.1f TFLOP/s\n", device->fp16_flops_per_s / 1e12);
}

static int list_catalog(void)
{
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++)
        printf("%-44s %s\n", ctxfit_hw_catalog_id(i), ctxfit_hw_catalog_name(i));
    return 0;
}

int main(int argc, char **argv)
{
    ctxfit_hw   *hw;
    ctxfit_error error;
    char         spec[1024];

    if (argc < 2)
        return list_catalog();
    if (ctxfit_hw_parse(argv[1], NULL, &hw, &error) != CTXFIT_OK) {
        fprintf(stderr, "%s\n", error.message); /* says where, what was expected, and the nearest names */
        return 3;
    }
    /* The canonical form: it names the same machine wherever it is read. */
    if (ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL) == CTXFIT_OK)
        printf("%s\n", spec);
    for (uint32_t i = 0; i < ctxfit_hw_device_count(hw); i++) {
        ctxfit_device device = CTXFIT_DEVICE_INIT; /* says how much of the struct we know */

        if (ctxfit_hw_get_device(hw, i, &device) == CTXFIT_OK)
            print_device(&device);
    }
    ctxfit_hw_free(hw);
    return 0;
}
