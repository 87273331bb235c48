#include <stdio.h>

#include "base_internal.h"

_Static_assert(sizeof(ctxfit_error) == 256, "ctxfit_error is 256 bytes for ever");

void cfi_make_printable(char *text)
{
    while (*text != '\0') {
        size_t length = cfi_utf8_length(text);

        if (length == 0 || (unsigned char)*text < 0x20 || *text == 0x7f)
            *text++ = '?';
        else
            text += length;
    }
}

static ctxfit_status fill_error(ctxfit_error *error, ctxfit_status status, uint64_t offset, uint64_t detail, const char *fmt, va_list args)
    CFI_PRINTF(5, 0);

static ctxfit_status fill_error(ctxfit_error *error, ctxfit_status status, uint64_t offset, uint64_t detail, const char *fmt, va_list args)
{
    if (error != NULL) {
        memset(error, 0, sizeof *error);
        error->status = status;
        error->offset = offset;
        error->detail = detail;
        (void)vsnprintf(error->message, sizeof error->message, fmt, args);
        cfi_make_printable(error->message);
    }
    return status;
}

ctxfit_status cfi_fail(ctxfit_error *error, ctxfit_status status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fill_error(error, status, CFI_NO_OFFSET, 0, fmt, args);
    va_end(args);
    return status;
}

ctxfit_status cfi_fail_at(ctxfit_error *error, ctxfit_status status, uint64_t offset, uint64_t detail, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fill_error(error, status, offset, detail, fmt, args);
    va_end(args);
    return status;
}
