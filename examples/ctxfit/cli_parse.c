#include "cli.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Above this a double no longer holds every whole number. */
#define EXACT_LIMIT 9007199254740992.0

/* A number and the text behind it; no sign, no "inf", no hexadecimal. */
static bool parse_number(const char *text, const char **end, double *out)
{
    char *stop;

    if ((*text < '0' || *text > '9') && *text != '.')
        return false;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return false;
    *out = strtod(text, &stop);
    *end = stop;
    return stop != text && *out <= DBL_MAX;
}

static bool parse_digits(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *out = value;
    return *text == '\0';
}

bool cli_parse_uint(const char *text, uint64_t most, uint64_t *out)
{
    const char *end;
    double      real;

    if (!parse_digits(text, out)) {
        /* Programs that know only doubles write "4096.0". */
        if (!parse_number(text, &end, &real) || *end != '\0' || real >= EXACT_LIMIT || floor(real) != real)
            return false;
        *out = (uint64_t)real;
    }
    return *out <= most;
}

bool cli_parse_real(const char *text, double *out)
{
    const char *end;

    return parse_number(text, &end, out) && *end == '\0';
}

bool cli_parse_tokens(const char *text, uint64_t *out)
{
    const char *end;
    double      value, scale;

    if (cli_parse_uint(text, UINT64_MAX - 1, out))
        return true;
    if (!parse_number(text, &end, &value))
        return false;
    if (strcmp(end, "k") == 0 || strcmp(end, "K") == 0)
        scale = 1024;
    else if (strcmp(end, "m") == 0 || strcmp(end, "M") == 0)
        scale = 1048576;
    else
        return false;
    if (value * scale >= EXACT_LIMIT)
        return false;
    *out = (uint64_t)(value * scale + 0.5);
    return true;
}

bool cli_parse_bytes(const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        double      bytes;
    } units[] = {
        {"", 1}, {"B", 1}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
        {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
    };
    const char *end;
    double      value;

    if (!parse_number(text, &end, &value) || (*end == '\0' && floor(value) != value))
        return false; /* half a byte: the unit was forgotten */
    for (size_t i = 0; i < CLI_COUNT(units); i++) {
        if (strcmp(end, units[i].name) == 0 && value * units[i].bytes < EXACT_LIMIT) {
            *out = (uint64_t)(value * units[i].bytes + 0.5);
            return true;
        }
    }
    return false;
}
