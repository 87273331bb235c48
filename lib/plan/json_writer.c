#include "json_writer.h"

#include <inttypes.h>
#include <math.h>

static void write_text(cfi_json *j, const char *text)
{
    cfi_write_text(&j->text, text, strlen(text));
}

/* Bytes of the UTF-8 sequence at p, 0 if it is none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *p)
{
    static const unsigned char low[] = {0xA0, 0x90}, high[] = {0x9F, 0x8F};
    size_t                     length = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;

    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < low[0]) || (p[0] == 0xED && p[1] > high[0]) || (p[0] == 0xF0 && p[1] < low[1]) ||
        (p[0] == 0xF4 && p[1] > high[1]))
        return 0;
    return length;
}

static void write_quoted(cfi_json *j, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    write_text(j, "\"");
    while (*p != '\0') {
        size_t length = utf8_length(p);

        if (length == 0) {
            write_text(j, "\\ufffd"); /* names in files may hold anything */
            length = 1;
        } else if (*p == '"' || *p == '\\') {
            cfi_write(&j->text, "\\%c", *p);
        } else if (*p < 0x20) {
            cfi_write(&j->text, "\\u%04x", (unsigned)*p);
        } else {
            cfi_write_text(&j->text, (const char *)p, length);
        }
        p += length;
    }
    write_text(j, "\"");
}

static void before(cfi_json *j, const char *name)
{
    if (j->comma)
        write_text(j, ",");
    j->comma = true;
    if (name != NULL) {
        write_quoted(j, name);
        write_text(j, ":");
    }
}

void cfi_json_begin(cfi_json *j, const char *name, char bracket)
{
    before(j, name);
    cfi_write_text(&j->text, &bracket, 1);
    j->comma = false;
}

void cfi_json_end(cfi_json *j, char bracket)
{
    cfi_write_text(&j->text, &bracket, 1);
    j->comma = true;
}

void cfi_json_u64(cfi_json *j, const char *name, uint64_t value)
{
    before(j, name);
    if (value == UINT64_MAX)
        write_text(j, "null");
    else
        cfi_write(&j->text, "%" PRIu64, value);
}

void cfi_json_i64(cfi_json *j, const char *name, int64_t value)
{
    before(j, name);
    if (value == INT64_MAX)
        write_text(j, "null");
    else
        cfi_write(&j->text, "%" PRId64, value);
}

void cfi_json_number(cfi_json *j, const char *name, double value)
{
    before(j, name);
    if (isfinite(value))
        cfi_write_number(&j->text, value, 6);
    else
        write_text(j, "null");
}

void cfi_json_bool(cfi_json *j, const char *name, bool value)
{
    before(j, name);
    write_text(j, value ? "true" : "false");
}

void cfi_json_string(cfi_json *j, const char *name, const char *value)
{
    before(j, name);
    write_quoted(j, value);
}
