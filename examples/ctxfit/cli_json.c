#include "cli.h"

#include <inttypes.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

void cli_write_json_string(const char *text, FILE *out)
{
    const unsigned char *p = (const unsigned char *)text;

    fputc('"', out);
    while (*p != '\0') {
        size_t length = cli_utf8_length(p);

        if (length == 0) {
            fputs("\\ufffd", out);
            length = 1;
        } else if (*p == '"' || *p == '\\') {
            fprintf(out, "\\%c", *p);
        } else if (*p < 0x20) {
            fprintf(out, "\\u%04x", (unsigned)*p);
        } else {
            fwrite(p, 1, length, out);
        }
        p += length;
    }
    fputc('"', out);
}

static void write_seconds(const char *name, double seconds, FILE *out)
{
    /* 0 is the library's "unknown". */
    if (seconds > 0 && seconds <= DBL_MAX)
        fprintf(out, ",\"%s\":%.6g", name, seconds);
    else
        fprintf(out, ",\"%s\":null", name);
}

static void write_check(const ctxfit_check *c, FILE *out)
{
    fprintf(out, ",\"check\":{\"ok\":%s,\"overflow\":%s,\"too_slow\":%s,\"no_fit\":%s", c->outcome == CTXFIT_CHECK_OK ? "true" : "false",
            (c->outcome & CTXFIT_CHECK_OVERFLOW) != 0 ? "true" : "false", (c->outcome & CTXFIT_CHECK_TOO_SLOW) != 0 ? "true" : "false",
            (c->outcome & CTXFIT_CHECK_NO_FIT) != 0 ? "true" : "false");
    fprintf(out, ",\"overflow_tokens\":%" PRIu64 ",\"limit_tokens\":", c->overflow_tokens);
    if (c->limit_tokens == UINT64_MAX)
        fputs("null", out);
    else
        fprintf(out, "%" PRIu64, c->limit_tokens);
    fprintf(out, ",\"limit_kind\":\"%s\"", ctxfit_limit_name(c->limit_kind));
    write_seconds("expected_s", c->expected_s, out);
    write_seconds("expected_low_s", c->expected_low_s, out);
    write_seconds("expected_high_s", c->expected_high_s, out);
    fprintf(out, ",\"late_s\":%.6g", c->late_s);
    if (c->largest_prompt_tokens == UINT64_MAX)
        fputs(",\"largest_prompt_tokens\":null}", out);
    else
        fprintf(out, ",\"largest_prompt_tokens\":%" PRIu64 "}", c->largest_prompt_tokens);
}

/* The library writes one object whose first member is the schema: "id" goes behind it, the others before the last brace. */
bool cli_write_plan_json(const ctxfit_plan *plan, const cli_plan_extras *extras, FILE *out)
{
    size_t length = 0, schema;
    char  *text;

    (void)ctxfit_plan_write_json(plan, NULL, NULL, 0, &length);
    text = malloc(length + 1);
    if (text == NULL)
        return false;
    (void)ctxfit_plan_write_json(plan, NULL, text, length + 1, NULL);
    schema = strcspn(text, ",");
    fwrite(text, 1, schema, out);
    if (extras->id_json != NULL)
        fprintf(out, ",\"id\":%s", extras->id_json);
    fwrite(text + schema, 1, length - 1 - schema, out);
    if (extras->parts != NULL)
        cli_write_left_out(extras->parts, extras->counted, out);
    if (extras->check != NULL)
        write_check(extras->check, out);
    fputs("}\n", out);
    free(text);
    return true;
}
