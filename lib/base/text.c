#include "base_internal.h"

int cfi_ascii_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool cfi_equal_nocase(const char *a, const char *b)
{
    while (*a != '\0' && cfi_ascii_lower((unsigned char)*a) == cfi_ascii_lower((unsigned char)*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

void cfi_slug(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    bool   gap = false;

    for (; *text != '\0' && n + 1 < cap; text++) {
        int c = cfi_ascii_lower((unsigned char)*text);

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.') {
            if (gap && n > 0 && n + 2 < cap)
                out[n++] = '-';
            gap = false;
            out[n++] = (char)c;
        } else {
            gap = true;
        }
    }
    if (cap > 0)
        out[n] = '\0';
}

bool cfi_parse_u64(const char *text, const char **end, uint64_t *out)
{
    uint64_t    value = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++)
        if (!cfi_mul_u64(value, 10, &value) || !cfi_add_u64(value, (uint64_t)(*p - '0'), &value))
            return false;
    if (p == text)
        return false;
    *out = value;
    if (end != NULL)
        *end = p;
    return true;
}

static double power_of_ten(int exponent)
{
    double value = 1, base = exponent < 0 ? 0.1 : 10;

    for (int n = exponent < 0 ? -exponent : exponent; n > 0; n--)
        value *= base;
    return value;
}

bool cfi_parse_number(const char *text, const char **end, double *out)
{
    double      value = 0;
    int         fraction = 0, digits = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++, digits++)
        value = value * 10 + (*p - '0');
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++, digits++, fraction++)
            value = value * 10 + (*p - '0');
    }
    if (digits == 0 || digits > 300)
        return false;
    value /= power_of_ten(fraction);
    if ((*p == 'e' || *p == 'E') && (p[1] == '+' || p[1] == '-' || (p[1] >= '0' && p[1] <= '9'))) {
        bool        negative = p[1] == '-';
        const char *start = p[1] == '+' || p[1] == '-' ? p + 2 : p + 1;
        const char *stop;
        uint64_t    exponent;

        if (cfi_parse_u64(start, &stop, &exponent) && exponent <= 300) {
            value = negative ? value / power_of_ten((int)exponent) : value * power_of_ten((int)exponent);
            p = stop;
        }
    }
    *out = value;
    if (end != NULL)
        *end = p;
    return true;
}

static const struct {
    const char *name;
    uint64_t    bytes;
} units[] = {
    {"KiB", UINT64_C(1) << 10}, {"MiB", UINT64_C(1) << 20}, {"GiB", UINT64_C(1) << 30}, {"TiB", UINT64_C(1) << 40},
    {"kB", UINT64_C(1000)}, {"KB", UINT64_C(1000)}, {"MB", UINT64_C(1000000)}, {"GB", UINT64_C(1000000000)},
    {"TB", UINT64_C(1000000000000)}, {"B", UINT64_C(1)},
};

bool cfi_parse_bytes(const char *text, const char **end, uint64_t *out)
{
    const char *p, *unit;
    double      value;
    uint64_t    whole, scale = 1;

    if (!cfi_parse_number(text, &p, &value))
        return false;
    unit = p;
    while (*unit == ' ')
        unit++;
    for (size_t i = 0; i < CFI_COUNT(units); i++) {
        size_t n = strlen(units[i].name);

        if (strncmp(unit, units[i].name, n) == 0) {
            scale = units[i].bytes;
            p = unit + n;
            break;
        }
    }
    /* Whole numbers stay exact; only fractions pass through floating point. */
    if (cfi_parse_u64(text, &unit, &whole) && *unit != '.' && *unit != 'e' && *unit != 'E') {
        if (!cfi_mul_u64(whole, scale, &whole))
            return false;
    } else {
        value *= (double)scale;
        if (value >= 18446744073709551616.0)
            return false;
        whole = (uint64_t)(value + 0.5);
    }
    *out = whole;
    if (end != NULL)
        *end = p;
    return true;
}
