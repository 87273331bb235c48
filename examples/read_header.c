/* Prints the keys and tensors of a GGUF file: ./read_header model.gguf */
#include <inttypes.h>
#include <stdio.h>

#include <ctxfit/gguf.h>

static void print_key(const ctxfit_gguf *gguf, uint64_t index)
{
    const char     *name = ctxfit_gguf_key_name(gguf, index);
    ctxfit_gguf_key key = CTXFIT_GGUF_KEY_INIT; /* structs that the library fills must say their size */
    const char     *text;
    int64_t         integer;
    uint64_t        large;
    double          number;

    /* The typed getters answer CTXFIT_E_TYPE when the value is of another kind. */
    if (ctxfit_gguf_get_string(gguf, name, &text, NULL) == CTXFIT_OK)
        printf("%s = \"%.60s\"\n", name, text);
    else if (ctxfit_gguf_get_i64(gguf, name, &integer) == CTXFIT_OK)
        printf("%s = %" PRIi64 "\n", name, integer);
    else if (ctxfit_gguf_get_u64(gguf, name, &large) == CTXFIT_OK)
        printf("%s = %" PRIu64 "\n", name, large);
    else if (ctxfit_gguf_get_f64(gguf, name, &number) == CTXFIT_OK)
        printf("%s = %g\n", name, number);
    else if (ctxfit_gguf_get_key(gguf, index, &key) == CTXFIT_OK)
        /* An array. The vocabulary is not kept: its place in the file is. */
        printf("%s = %" PRIu64 " elements at byte %" PRIu64 "\n", name, key.count, key.offset);
}

static void print_tensor(const ctxfit_gguf *gguf, uint64_t index)
{
    ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;

    if (ctxfit_gguf_get_tensor(gguf, index, &tensor) != CTXFIT_OK)
        return;
    printf("%-40s %-8s %12" PRIu64 " bytes  [", ctxfit_gguf_tensor_name(gguf, index), ctxfit_quant_name(tensor.quant), tensor.bytes);
    for (uint32_t i = 0; i < tensor.n_dims; i++)
        printf("%s%" PRIu64, i > 0 ? ", " : "", tensor.dims[i]);
    printf("]\n");
}

int main(int argc, char **argv)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT; /* all zero: the defaults */
    ctxfit_gguf        *gguf;
    ctxfit_error        error; /* needs no initialisation */

    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL.gguf\n", argv[0]);
        return 2;
    }
    options.flags = CTXFIT_GGUF_F_HEADER_ONLY; /* an unfinished download will do */

    /* NULL: memory from malloc. All shards of a split model are opened by the first. */
    if (ctxfit_gguf_open(argv[1], &options, NULL, &gguf, &error) != CTXFIT_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], error.message);
        return 3;
    }
    printf("GGUF version %" PRIu32 ", %" PRIu32 " file(s)\n", ctxfit_gguf_version(gguf), ctxfit_gguf_shard_count(gguf));
    for (uint64_t i = 0; i < ctxfit_gguf_key_count(gguf); i++)
        print_key(gguf, i);
    for (uint64_t i = 0; i < ctxfit_gguf_tensor_count(gguf); i++)
        print_tensor(gguf, i);
    ctxfit_gguf_free(gguf); /* and with it every string that was borrowed */
    return 0;
}
