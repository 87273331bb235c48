/* isatty, fileno */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#  include <io.h>
#  define is_terminal(stream) _isatty(_fileno(stream))
#else
#  include <unistd.h>
#  define is_terminal(stream) isatty(fileno(stream))
#endif

#define SLOT_BYTES 80

static char *slot(void)
{
    static char buffers[8][SLOT_BYTES];
    static int  next;

    next = (next + 1) % 8;
    return buffers[next];
}

static bool speaks_utf8(void)
{
    const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL || strstr(value, "utf-8") != NULL;
    }
    return false;
}

cli_style cli_style_of(FILE *stream)
{
    cli_style   style = {false, speaks_utf8(), 80};
    const char *no_color = getenv("NO_COLOR"), *columns = getenv("COLUMNS"), *term = getenv("TERM");
    uint64_t    width;

    style.color = is_terminal(stream) && (no_color == NULL || no_color[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0);
    if (columns != NULL && cli_parse_uint(columns, 400, &width) && width >= 60)
        style.width = (int)width;
    return style;
}

const char *cli_file_type(ctxfit_file_type type)
{
    char *text = slot();

    (void)ctxfit_file_type_write_name(type, text, SLOT_BYTES, NULL);
    return text;
}

const char *cli_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    char                    *text = slot();
    double                   value = (double)bytes;
    size_t                   unit = 0;

    while (value >= 1023.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(text, SLOT_BYTES, "%.*f %s", unit == 0 || value >= 999.95 ? 0 : 1, value, units[unit]);
    return text;
}

const char *cli_signed_bytes(int64_t bytes)
{
    const char *size = cli_bytes(bytes < 0 ? UINT64_C(0) - (uint64_t)bytes : (uint64_t)bytes);
    char       *text;

    if (bytes >= 0)
        return size;
    text = slot();
    text[0] = '-';
    memcpy(text + 1, size, strlen(size) + 1);
    return text;
}

const char *cli_count(uint64_t n)
{
    char  digits[24], *text = slot(), *out = text;
    int   count = snprintf(digits, sizeof digits, "%" PRIu64, n);

    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

/* One unit for a time and its band. */
static const char *write_times(char *text, double value, double low, double high)
{
    static const struct {
        double      below;
        double      seconds;
        const char *name;
        int         digits;
    } units[] = {{0.1, 0.001, "ms", 0}, {10, 1, "s", 1}, {1200, 1, "s", 0}, {7200, 60, "min", 0}, {0, 3600, "h", 1}};
    size_t u = 0;

    while (u + 1 < CLI_COUNT(units) && value >= units[u].below)
        u++;
    value /= units[u].seconds;
    if (low < 0)
        (void)snprintf(text, SLOT_BYTES, "%.*f %s", units[u].digits, value, units[u].name);
    else
        (void)snprintf(text, SLOT_BYTES, "%.*f %s (%.*f to %.*f)", units[u].digits, value, units[u].name, units[u].digits,
                       low / units[u].seconds, units[u].digits, high / units[u].seconds);
    return text;
}

const char *cli_seconds(double seconds)
{
    return write_times(slot(), seconds, -1, -1);
}

const char *cli_time_band(double seconds, double low, double high)
{
    return write_times(slot(), seconds, low, high);
}

const char *cli_rate(const ctxfit_estimate *e)
{
    char *text = slot();
    int   digits = e->value < 10 ? 1 : 0;

    if (e->basis == CTXFIT_BASIS_UNKNOWN)
        (void)snprintf(text, SLOT_BYTES, "unknown");
    else
        (void)snprintf(text, SLOT_BYTES, "%.*f tokens/s (%.*f to %.*f)", digits, e->value, digits, e->low, digits, e->high);
    return text;
}

size_t cli_utf8_length(const unsigned char *p)
{
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;

    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies above U+10FFFF. */
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return length;
}

/* C0 with DEL, and C1 as UTF-8 (U+0080 to U+009F). */
static bool is_control(const unsigned char *p)
{
    return p[0] < 0x20 || p[0] == 0x7F || (p[0] == 0xC2 && p[1] < 0xA0);
}

void cli_put(FILE *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p != '\0') {
        size_t length = cli_utf8_length(p);

        if (length == 0 || is_control(p))
            fputc('?', out);
        else
            fwrite(p, 1, length, out);
        p += length > 0 ? length : 1;
    }
}

void cli_clean(char *text)
{
    unsigned char *p = (unsigned char *)text;

    while (*p != '\0') {
        size_t length = cli_utf8_length(p);

        if (length == 0 || is_control(p))
            memset(p, '?', length > 0 ? length : 1);
        p += length > 0 ? length : 1;
    }
}

void cli_wrap(FILE *out, int width, int indent, const char *text)
{
    int column = indent;

    while (*text != '\0') {
        int length = (int)strcspn(text, " ");

        if (column > indent && column + 1 + length > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, (size_t)length, out);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}
