/* Files that come with a model and that no plan counts. */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static const char *part_name(uint32_t part)
{
    switch (part) {
    case CTXFIT_PART_DRAFT: return "draft";
    case CTXFIT_PART_ADAPTER: return "adapter";
    case CTXFIT_PART_PROJECTOR: return "projector";
    default: return "model";
    }
}

/* Of the tensors of a file; 0 where that is not known. */
static uint64_t tensor_bytes(const char *path)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_tensor_info  tensor = CTXFIT_TENSOR_INFO_INIT;
    ctxfit_gguf        *gguf;
    uint64_t            sum = 0;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    if (ctxfit_gguf_open(path, &options, NULL, &gguf, NULL) != CTXFIT_OK)
        return 0;
    for (uint64_t i = 0; ctxfit_gguf_get_tensor(gguf, i, &tensor) == CTXFIT_OK; i++)
        sum = tensor.bytes <= UINT64_MAX - sum ? sum + tensor.bytes : UINT64_MAX;
    ctxfit_gguf_free(gguf);
    return sum;
}

void cli_leave_out(cli_parts *parts, uint32_t kind, const char *path)
{
    cli_left_out *left = &parts->left[parts->left_count];

    if (parts->left_count == CLI_COUNT(parts->left) || strlen(path) >= sizeof left->path)
        return;
    left->kind = kind;
    memcpy(left->path, path, strlen(path) + 1);
    left->bytes = tensor_bytes(path);
    parts->left_count++;
}

/* What a plan would count, where none does; false past the end. */
static bool uncounted_at(const cli_parts *parts, uint32_t index, uint32_t *kind, const char **path)
{
    const uint32_t projectors = parts->projector[0] != '\0';

    if (index >= projectors + parts->adapter_count)
        return false;
    *kind = index < projectors ? CTXFIT_PART_PROJECTOR : CTXFIT_PART_ADAPTER;
    *path = index < projectors ? parts->projector : parts->adapter[index - projectors];
    return true;
}

bool cli_left_out_at(const cli_parts *parts, bool counted, uint32_t index, uint32_t *kind, const char **path, uint64_t *bytes)
{
    if (index < parts->left_count) {
        *kind = parts->left[index].kind;
        *path = parts->left[index].path;
        *bytes = parts->left[index].bytes;
        return true;
    }
    if (counted || !uncounted_at(parts, index - parts->left_count, kind, path))
        return false;
    *bytes = tensor_bytes(*path);
    return true;
}

void cli_write_left_out(const cli_parts *parts, bool counted, FILE *out)
{
    uint32_t    kind, i = 0;
    const char *path;
    uint64_t    bytes;

    for (; cli_left_out_at(parts, counted, i, &kind, &path, &bytes); i++) {
        fprintf(out, "%s{\"kind\":\"%s\",\"path\":", i == 0 ? ",\"left_out\":[" : ",", part_name(kind));
        cli_write_json_string(path, out);
        fprintf(out, ",\"bytes\":%" PRIu64 "}", bytes);
    }
    if (i > 0)
        fputc(']', out);
}
