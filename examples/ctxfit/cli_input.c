#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_readable(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file != NULL)
        (void)fclose(file);
    return file != NULL;
}

static ctxfit_status refuse(ctxfit_error *error, ctxfit_status status, const char *message)
{
    memset(error, 0, sizeof *error);
    error->status = status;
    (void)snprintf(error->message, sizeof error->message, "%s", message);
    return status;
}

static ctxfit_status open_gguf(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error)
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
            cli_clean(error->message);
            fprintf(stderr, "ctxfit: note: %s; the header is enough for a plan\n", error->message);
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

/* The whole of a file that is not large, for the caller to free; NULL with the reason in *error. */
static char *read_whole(const char *path, size_t *size, ctxfit_error *error)
{
    const size_t most = (size_t)16 << 20; /* of a config.json; ctxfit_model_from_config() refuses what is longer */
    FILE        *file = fopen(path, "rb");
    char        *text = file != NULL ? malloc(most + 1) : NULL;
    int          failed = 1;

    *size = 0;
    if (file == NULL) {
        (void)refuse(error, CTXFIT_E_IO, "the file cannot be opened");
        return NULL;
    }
    if (text != NULL) {
        *size = fread(text, 1, most + 1, file);
        failed = ferror(file);
    }
    (void)fclose(file);
    if (text == NULL || failed) {
        (void)refuse(error, text == NULL ? CTXFIT_E_NO_MEMORY : CTXFIT_E_IO, text == NULL ? "out of memory" : "the file cannot be read");
        free(text);
        return NULL;
    }
    return text;
}

static ctxfit_status open_config(const char *path, ctxfit_file_type file_type, ctxfit_model **out, ctxfit_error *error)
{
    size_t        size;
    char         *text = read_whole(path, &size, error);
    ctxfit_status status;

    if (text == NULL)
        return error->status;
    status = ctxfit_model_from_config(text, size, file_type, NULL, out, error);
    free(text);
    return status;
}

/* The config.json of a folder, if the name is that of a folder with one. */
static bool find_config(const char *folder, char *path, size_t cap)
{
    size_t len = strlen(folder);
    bool   slash = len > 0 && (folder[len - 1] == '/' || folder[len - 1] == '\\');

    return snprintf(path, cap, "%s%sconfig.json", folder, slash ? "" : "/") < (int)cap && is_readable(path);
}

cli_model_source cli_source_of(const cli_request *r)
{
    cli_model_source source = {r->model, r->file_type, r->header_only == CTXFIT_CHOICE_ON};

    return source;
}

ctxfit_status cli_open_model(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error)
{
    const char *name = source->name;
    char        config[4096];

    *out = NULL;
    if (ends_with(name, ".gguf"))
        return open_gguf(source, out, error);
    if (starts_with(name, "ollama:") || starts_with(name, "http://") || starts_with(name, "https://"))
        return refuse(error, CTXFIT_E_UNSUPPORTED, "this version reads GGUF files, config.json and names (ctxfit model lists them)");
    if (ends_with(name, ".json"))
        return open_config(name, source->file_type, out, error);
    if (find_config(name, config, sizeof config))
        return open_config(config, source->file_type, out, error);
    if (ctxfit_model_from_catalog(name, source->file_type, NULL, out, error) == CTXFIT_OK)
        return CTXFIT_OK;
    /* A file with another ending; otherwise the catalog's answer, with its suggestions, says more. */
    if (error->status == CTXFIT_E_NOT_FOUND && is_readable(name))
        return open_gguf(source, out, error);
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
