#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cli_is_readable(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file != NULL)
        (void)fclose(file);
    return file != NULL;
}

ctxfit_status cli_refuse(ctxfit_error *error, ctxfit_status status, const char *message)
{
    memset(error, 0, sizeof *error);
    error->status = status;
    (void)snprintf(error->message, sizeof error->message, "%s", message);
    return status;
}

ctxfit_status cli_open_gguf(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf;
    ctxfit_model       *as_stored;
    ctxfit_status       status;

    options.flags = source->header_only ? CTXFIT_GGUF_F_HEADER_ONLY : 0;
    status = ctxfit_gguf_open(source->name, &options, NULL, &gguf, error);
    if (status == CTXFIT_E_MALFORMED && !source->header_only) {
        /* A download under way, or a header that was cut off on purpose: a plan needs no more. */
        options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
        if (ctxfit_gguf_open(source->name, &options, NULL, &gguf, NULL) == CTXFIT_OK) {
            fputs("ctxfit: note: '", stderr);
            cli_put(stderr, source->name);
            fputs("': ", stderr);
            cli_put(stderr, error->message);
            fputs("; the header is enough for a plan\n", stderr);
            status = CTXFIT_OK;
        }
    }
    if (status != CTXFIT_OK)
        return status;
    status = ctxfit_model_from_gguf(gguf, NULL, &as_stored, error);
    ctxfit_gguf_free(gguf);
    if (status != CTXFIT_OK || source->file_type == 0) {
        *out = as_stored;
        return status;
    }
    status = ctxfit_model_requantize(as_stored, source->file_type, NULL, out, error);
    ctxfit_model_free(as_stored);
    return status;
}

cli_model_source cli_source_of(const cli_request *r)
{
    cli_model_source source = {r->model, r->file_type, r->header_only == CTXFIT_CHOICE_ON, NULL};

    return source;
}

ctxfit_status cli_open_model(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error)
{
    const char *name = source->name;
    char        path[4096];
    cli_folder  folder;

    *out = NULL;
    if (cli_names_a_source(name))
        return cli_open_source(source, out, error);
    if (cli_ends_with(name, ".gguf"))
        return cli_open_gguf(source, out, error);
    if (ctxfit_model_from_catalog(name, source->file_type, NULL, out, error) == CTXFIT_OK)
        return CTXFIT_OK;
    if (error->status == CTXFIT_E_NOT_FOUND && (folder = cli_find_gguf(name, path, sizeof path, error)) != CLI_FOLDER_NONE) {
        cli_model_source found = *source;

        found.name = path;
        return folder == CLI_FOLDER_ONE ? cli_open_gguf(&found, out, error) : error->status;
    }
    /* A file with another ending; otherwise the catalog's answer, with its suggestions, says more. */
    if (error->status == CTXFIT_E_NOT_FOUND && cli_is_readable(name))
        return cli_open_gguf(source, out, error);
    return error->status;
}

int cli_fail(const char *what, const char *name, ctxfit_status status, const ctxfit_error *error)
{
    fputs("ctxfit: ", stderr);
    if (strstr(error->message, name) == NULL) {
        fprintf(stderr, "%s '", what);
        cli_put(stderr, name);
        fputs("': ", stderr);
    }
    cli_put(stderr, error->message);
    if (error->offset != UINT64_MAX && error->offset != 0)
        fprintf(stderr, " (at byte %llu)", (unsigned long long)error->offset);
    fprintf(stderr, " [%s]\n", ctxfit_status_name(status));
    return CLI_BAD_INPUT;
}
