#include "json_writer.h"

#include <inttypes.h>

static void write_text(cfi_json *j, const char *text)
{
    cfi_write_text(&j->text, text, strlen(text));
}

static void write_quoted(cfi_json *j, const char *text)
{
    const char *p = text;

    write_text(j, "\"");
    while (*p != '\0') {
        size_t length = cfi_utf8_length(p);

        if (length == 0) {
            write_text(j, "\\ufffd"); /* names in files may hold anything */
            length = 1;
        } else if (*p == '"' || *p == '\\') {
            cfi_write(&j->text, "\\%c", *p);
        } else if ((unsigned char)*p < 0x20) {
            cfi_write(&j->text, "\\u%04x", (unsigned)(unsigned char)*p);
        } else {
            cfi_write_text(&j->text, p, length);
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
    if (cfi_is_finite(value))
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
