/* Splits a name into its core and what tells variants apart. */
#include <stdio.h>

#include "hw_internal.h"

enum {
    FORM_PCIE        = 1,
    FORM_SXM         = 2,
    FORM_NVL         = 4,
    FORM_WORKSTATION = 8,
    FORM_SERVER      = 16
};

static const char vendors[][12] = {"nvidia", "geforce", "amd", "radeon", "instinct", "apple", "intel", "tesla", "google", "aws",
                                    "tenstorrent"};
static const char families[][12] = {"rtx", "gtx", "rx", "arc"};
static const char noise[][12] = {"gpu", "edition", "generation", "blackwell", "memory", "ram", "unified"};
static const struct {
    char     word[12];
    uint32_t form;
} form_words[] = {
    {"pcie", FORM_PCIE}, {"sxm", FORM_SXM}, {"nvl", FORM_NVL}, {"workstation", FORM_WORKSTATION}, {"server", FORM_SERVER},
};
static const struct {
    char typed[12];
    char meant[12];
} rewrites[] = {
    {"maxplus", "max"}, {"mobile", "laptop"},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_of(const char *token, uint32_t *out)
{
    size_t n = 0;

    *out = 0;
    while (is_digit(token[n]) && n < 7)
        *out = *out * 10 + (uint32_t)(token[n++] - '0');
    return n;
}

static bool is_word(const char *token, const char (*words)[12], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(token, words[i]) == 0)
            return true;
    return false;
}

/* The length of a leading vendor or family word that runs into a number, as in "rtx4090". */
static size_t glued_prefix(const char *token)
{
    for (size_t i = 0; i < CFI_COUNT(families); i++) {
        size_t n = strlen(families[i]);

        if (strncmp(token, families[i], n) == 0 && is_digit(token[n]))
            return n;
    }
    return 0;
}

static uint32_t form_of(const char *token)
{
    for (size_t i = 0; i < CFI_COUNT(form_words); i++) {
        size_t n = strlen(form_words[i].word);

        if (strncmp(token, form_words[i].word, n) == 0 && (token[n] == '\0' || (is_digit(token[n]) && token[n + 1] == '\0')))
            return form_words[i].form;
    }
    return 0;
}

/* Takes "64gb", "24c", "60g" and form words; false: the token belongs to the core. */
static bool take_qualifier(cfi_hw_key *key, const char *token, bool after_cpu_cores)
{
    uint32_t    number, form = form_of(token);
    const char *unit = token + digits_of(token, &number);

    if (form != 0) {
        key->forms |= form;
        return true;
    }
    if (unit == token || key->core[0] == '\0')
        return false;
    if (strcmp(unit, "gb") == 0 || strcmp(unit, "gib") == 0 || (strcmp(unit, "g") == 0 && !after_cpu_cores))
        key->memory_gib = number;
    else if (strcmp(unit, "g") == 0)
        key->gpu_cores = number;
    else if (strcmp(unit, "c") == 0)
        key->cpu_cores = number;
    else
        return false;
    return true;
}

static void append_core(cfi_hw_key *key, const char *token)
{
    size_t      used = strlen(key->core);
    uint32_t    number;
    const char *rest = token + digits_of(token, &number);

    key->last_number = rest != token && *rest == '\0' ? number : 0;
    key->last_at = used;
    (void)snprintf(key->core + used, sizeof key->core - used, "%s", token);
}

/* "76-core", "76-core-gpu", "24-core-cpu": the number is the end of the core so far. */
static void take_cores(cfi_hw_key *key, const char *next)
{
    if (key->last_number == 0)
        return;
    key->core[key->last_at] = '\0';
    if (strncmp(next, "cpu", 3) == 0)
        key->cpu_cores = key->last_number;
    else
        key->gpu_cores = key->last_number;
    key->last_number = 0;
}

static void take_token(cfi_hw_key *key, const char *token, const char *next, bool after_cpu_cores)
{
    for (size_t i = 0; i < CFI_COUNT(rewrites); i++)
        if (strcmp(token, rewrites[i].typed) == 0)
            token = rewrites[i].meant;
    if (key->core[0] == '\0') {
        if (is_word(token, vendors, CFI_COUNT(vendors)) || is_word(token, families, CFI_COUNT(families)))
            return;
        token += glued_prefix(token);
    }
    if (strcmp(token, "core") == 0 || strcmp(token, "cores") == 0)
        take_cores(key, next);
    else if (!is_word(token, noise, CFI_COUNT(noise)) && strcmp(token, "cpu") != 0 && !take_qualifier(key, token, after_cpu_cores))
        append_core(key, token);
}

bool cfi_hw_make_key(cfi_hw_key *key, const char *name)
{
    char        slug[CFI_HW_NAME_BYTES + 1], token[CFI_HW_NAME_BYTES + 1];
    const char *p = slug;
    bool        after_cpu_cores = false;

    memset(key, 0, sizeof *key);
    if (strlen(name) > CFI_HW_NAME_BYTES)
        return false;
    cfi_slug(name, slug, sizeof slug);
    while (*p != '\0') {
        size_t   n = strcspn(p, "-.");
        uint32_t cpu_cores = key->cpu_cores;

        memcpy(token, p, n);
        token[n] = '\0';
        p += n;
        p += *p != '\0';
        if (n > 0)
            take_token(key, token, p, after_cpu_cores);
        after_cpu_cores = key->cpu_cores != cpu_cores;
    }
    return key->core[0] != '\0';
}
