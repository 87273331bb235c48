#include "cli.h"

#include <string.h>

static void list_file_types(void)
{
    printf("File types (what a file is quantized to), best first\n\n  %-16s %s\n", "name", "mostly");
    for (uint32_t i = 0; i < ctxfit_file_type_count(); i++) {
        ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

        (void)ctxfit_file_type_get_info(ctxfit_file_type_at(i), &info);
        if (info.needs_imatrix)
            printf("  %-16s %-10s needs an importance matrix\n", ctxfit_file_type_name(info.file_type), ctxfit_quant_name(info.base));
        else
            printf("  %-16s %s\n", ctxfit_file_type_name(info.file_type), ctxfit_quant_name(info.base));
    }
}

static void list_formats(void)
{
    printf("\nTensor formats\n\n  %-16s %6s %6s %10s\n", "name", "block", "bytes", "bits");
    for (uint32_t i = 0; i < ctxfit_quant_count(); i++) {
        ctxfit_quant_info info = CTXFIT_QUANT_INFO_INIT;

        if (ctxfit_quant_get_info(ctxfit_quant_at(i), &info) != CTXFIT_OK || (info.flags & CTXFIT_QUANT_F_RETIRED) != 0)
            continue;
        printf("  %-16s %6u %6u %10.4g%s%s\n", ctxfit_quant_name(info.quant), (unsigned)info.block_elems, (unsigned)info.block_bytes,
               8.0 * info.block_bytes / info.block_elems, (info.flags & CTXFIT_QUANT_F_CACHE) != 0 ? "  cache type" : "",
               (info.flags & CTXFIT_QUANT_F_HF) != 0 ? "  checkpoint format" : "");
    }
}

/* `ctxfit quant MODEL`: the size of a model in every file type. */
static int list_sizes(const char *name)
{
    cli_model_source source = {name, 0, true, NULL};
    ctxfit_model    *model;
    ctxfit_error     error;
    ctxfit_status    status = cli_open_model(&source, &model, &error);

    if (status != CTXFIT_OK)
        return cli_fail("model", name, status, &error);
    cli_put(stdout, ctxfit_model_name(model));
    printf("\n\n  %-16s %20s\n", "file type", "bytes of tensors");
    for (uint32_t i = 0; i < ctxfit_file_type_count(); i++) {
        ctxfit_model     *other;
        ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

        if (ctxfit_model_requantize(model, ctxfit_file_type_at(i), NULL, &other, NULL) != CTXFIT_OK)
            continue;
        (void)ctxfit_model_get_info(other, &info);
        printf("  %-16s %20s %12s\n", ctxfit_file_type_name(ctxfit_file_type_at(i)), cli_count(info.tensor_bytes),
               cli_bytes(info.tensor_bytes));
        ctxfit_model_free(other);
    }
    ctxfit_model_free(model);
    return CLI_FITS;
}

int cli_quant(int argc, char **argv)
{
    if (argc > 1 || (argc == 1 && argv[0][0] == '-')) {
        fprintf(stderr, "ctxfit: argument '%.80s': expected one model or nothing: ctxfit quant [MODEL]\n", argv[argc - 1]);
        return CLI_USAGE;
    }
    if (argc == 1)
        return list_sizes(argv[0]);
    list_file_types();
    list_formats();
    return CLI_FITS;
}
