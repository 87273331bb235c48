/* Any text is refused at a place inside it, or is a line whose options write the same line again once they were written and read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static char *written(const ctxfit_plan_options *options, const char *path)
{
    size_t len;
    char  *text;

    require(ctxfit_place_write_line(options, NULL, path, NULL, 0, &len) == CTXFIT_E_BUFFER_SIZE);
    text = malloc(len + 1);
    require(text != NULL);
    require(ctxfit_place_write_line(options, NULL, path, text, len + 1, NULL) == CTXFIT_OK);
    return text;
}

static void check_again(const ctxfit_plan_options *options, const char *path)
{
    ctxfit_plan_options back = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_line         line = CTXFIT_LINE_INIT;
    char               *first = written(options, path), *second;

    require(ctxfit_place_read_line(first, &back, &line, NULL) == CTXFIT_OK);
    require(strcmp(line.model, path) == 0);
    second = written(&back, line.model);
    require(strcmp(first, second) == 0);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_line         line = CTXFIT_LINE_INIT;
    ctxfit_error        error;
    char               *text = malloc(size + 1);
    ctxfit_status       status;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    status = ctxfit_place_read_line(text, &options, &line, &error);
    if (status == CTXFIT_OK)
        check_again(&options, line.model[0] != '\0' ? line.model : "m.gguf");
    else
        require(error.offset <= strlen(text) && error.message[0] != '\0');
    free(text);
    return 0;
}
