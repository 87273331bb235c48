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

bool cfi_is_lfs_pointer(const void *data, size_t size)
{
    static const char start[] = "version "; /* the protocol requires it to be first */

    return size >= sizeof start - 1 && memcmp(data, start, sizeof start - 1) == 0;
}

bool cfi_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && memcmp(text + n - m, end, m) == 0;
}

size_t cfi_utf8_length(const char *text)
{
    static const unsigned char low[] = {0xA0, 0x90}, high[] = {0x9F, 0x8F};
    const unsigned char       *p = (const unsigned char *)text;
    size_t                     length = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;

    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < low[0]) || (p[0] == 0xED && p[1] > high[0]) || (p[0] == 0xF0 && p[1] < low[1]) ||
        (p[0] == 0xF4 && p[1] > high[1]))
        return 0;
    return length;
}

void cfi_slug(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    bool   gap = false;

    for (; *text != '\0' && n + 1 < cap; text++) {
        int c = cfi_ascii_lower((unsigned char)*text);

        if ((c >= 'a' && c <= 'z') || cfi_is_digit(c) || c == '.') {
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

    for (; cfi_is_digit(*p); p++)
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
    double value = 1;

    for (int n = 0; n < exponent; n++)
        value *= 10;
    return value;
}

bool cfi_parse_number(const char *text, const char **end, double *out)
{
    double      value = 0;
    int         fraction = 0, digits = 0;
    const char *p = text;

    for (; cfi_is_digit(*p); p++, digits++)
        value = value * 10 + (*p - '0');
    if (*p == '.') {
        for (p++; cfi_is_digit(*p); p++, digits++, fraction++)
            value = value * 10 + (*p - '0');
    }
    if (digits == 0 || digits > 300)
        return false;
    value /= power_of_ten(fraction);
    if ((*p == 'e' || *p == 'E') && (p[1] == '+' || p[1] == '-' || cfi_is_digit(p[1]))) {
        bool        negative = p[1] == '-';
        const char *start = p[1] == '+' || p[1] == '-' ? p + 2 : p + 1;
        const char *stop;
        uint64_t    exponent;

        if (cfi_parse_u64(start, &stop, &exponent) && exponent <= 300) {
            value = negative ? value / power_of_ten((int)exponent) : value * power_of_ten((int)exponent);
            p = stop;
        }
    }
    if (!cfi_is_finite(value))
        return false;
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
