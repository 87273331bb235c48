#include <stdio.h>

#include "base_internal.h"

void cfi_writer_init(cfi_writer *w, char *buf, size_t cap)
{
    w->buf = buf;
    w->cap = cap;
    w->len = 0;
}

void cfi_write_text(cfi_writer *w, const char *text, size_t len)
{
    if (w->len < w->cap) {
        size_t room = w->cap - w->len;

        memcpy(w->buf + w->len, text, len < room ? len : room);
    }
    w->len += len;
}

void cfi_write(cfi_writer *w, const char *fmt, ...)
{
    char    small[512]; /* longer pieces go through cfi_write_text */
    va_list args;
    int     n;

    va_start(args, fmt);
    n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n > 0)
        cfi_write_text(w, small, (size_t)n < sizeof small ? (size_t)n : sizeof small - 1);
}

ctxfit_status cfi_writer_finish(cfi_writer *w, size_t *out_len)
{
    if (out_len != NULL)
        *out_len = w->len;
    if (w->len < w->cap) {
        w->buf[w->len] = '\0';
        return CTXFIT_OK;
    }
    if (w->cap > 0)
        w->buf[w->cap - 1] = '\0';
    return CTXFIT_E_BUFFER_SIZE;
}

void cfi_write_number(cfi_writer *w, double value, int digits)
{
    char small[64];
    int  n = snprintf(small, sizeof small, "%.*g", digits, value);

    /* What is neither digit, sign nor exponent is the locale's decimal point, of one byte or more. */
    for (int i = 0; i < n;) {
        size_t plain = strspn(small + i, "0123456789+-e");

        cfi_write_text(w, small + i, plain);
        i += (int)plain;
        if (i < n) {
            cfi_write_text(w, ".", 1);
            i += (int)strcspn(small + i, "0123456789");
        }
    }
}
