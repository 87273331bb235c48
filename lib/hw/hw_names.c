/*
 * What people type for a catalog id. A name is split into its core ("4090", "m3max", "h100") and what tells variants apart: memory
 * size, cores, form factor. Cores must be equal; a qualifier that was typed must fit; one that was not may be anything, as long as
 * the remaining entries agree in memory and bandwidth. Where they do not, the answer is the list, never a guess.
 */
#include <stdio.h>

#include "hw_internal.h"

#define NAME_MAX_BYTES 96
#define CORE_BYTES 64

enum {
    FORM_PCIE        = 1,
    FORM_SXM         = 2,
    FORM_NVL         = 4,
    FORM_WORKSTATION = 8,
    FORM_SERVER      = 16
};

typedef struct name_key {
    char     core[CORE_BYTES];
    uint32_t memory_gib; /* 0 = not said, in all of these */
    uint32_t cpu_cores;
    uint32_t gpu_cores;
    uint32_t forms;
    uint32_t last_number; /* a bare number at the end, which may be a memory size: "m3 max 64" */
    size_t   last_at;     /* where it starts in core */
} name_key;

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

/* "h100" is a whole name, qualifiers included; "strix-halo" is a way to say "ryzen-ai-max-395" and keeps what was typed with it. */
#define ALIAS(typed, id) {typed, id},
#define SAME_AS(typed, words)
static const struct {
    char typed[40];
    char id[40];
} aliases[] = {
#include "hw_aliases.def"
};
#undef ALIAS
#undef SAME_AS
#define ALIAS(typed, id)
#define SAME_AS(typed, words) {typed, words},
static const struct {
    char typed[40];
    char words[40];
} synonyms[] = {
#include "hw_aliases.def"
};
#undef ALIAS
#undef SAME_AS

static size_t digits_of(const char *token, uint32_t *out)
{
    size_t n = 0;

    *out = 0;
    while (cfi_is_digit(token[n]) && n < 7)
        *out = *out * 10 + (uint32_t)(token[n++] - '0');
    return n;
}

static bool is_one_of(const char *token, const char (*words)[12], size_t count)
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

        if (strncmp(token, families[i], n) == 0 && cfi_is_digit(token[n]))
            return n;
    }
    return 0;
}

static uint32_t form_of(const char *token)
{
    for (size_t i = 0; i < CFI_COUNT(form_words); i++) {
        size_t n = strlen(form_words[i].word);

        if (strncmp(token, form_words[i].word, n) == 0 && (token[n] == '\0' || (cfi_is_digit(token[n]) && token[n + 1] == '\0')))
            return form_words[i].form;
    }
    return 0;
}

/* Takes "64gb", "24c", "60g" and form words; false: the token belongs to the core. */
static bool take_qualifier(name_key *key, const char *token, bool after_cpu_cores)
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

static void append_core(name_key *key, const char *token)
{
    size_t      used = strlen(key->core);
    uint32_t    number;
    const char *rest = token + digits_of(token, &number);

    key->last_number = rest != token && *rest == '\0' ? number : 0;
    key->last_at = used;
    (void)snprintf(key->core + used, sizeof key->core - used, "%s", token);
}

/* "76-core", "76-core-gpu", "24-core-cpu": the number is the end of the core so far. */
static void take_cores(name_key *key, const char *next)
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

static void take_token(name_key *key, const char *token, const char *next, bool after_cpu_cores)
{
    for (size_t i = 0; i < CFI_COUNT(rewrites); i++)
        if (strcmp(token, rewrites[i].typed) == 0)
            token = rewrites[i].meant;
    if (key->core[0] == '\0') {
        if (is_one_of(token, vendors, CFI_COUNT(vendors)) || is_one_of(token, families, CFI_COUNT(families)))
            return;
        token += glued_prefix(token);
    }
    if (strcmp(token, "core") == 0 || strcmp(token, "cores") == 0)
        take_cores(key, next);
    else if (!is_one_of(token, noise, CFI_COUNT(noise)) && strcmp(token, "cpu") != 0 && !take_qualifier(key, token, after_cpu_cores))
        append_core(key, token);
}

/* false: too long to be a name */
static bool make_key(name_key *key, const char *name)
{
    char        slug[NAME_MAX_BYTES + 1], token[NAME_MAX_BYTES + 1];
    const char *p = slug;
    bool        after_cpu_cores = false;

    memset(key, 0, sizeof *key);
    if (strlen(name) > NAME_MAX_BYTES)
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

/* False where `name` cannot have this core, which is made of some of its bytes in their order: cheaper than making its key. */
static bool may_have_core(const char *name, const char *core)
{
    for (; *name != '\0' && *core != '\0'; name++)
        core += *name == *core;
    return *core == '\0';
}

static void entry_key(name_key *key, uint32_t index)
{
    (void)make_key(key, ctxfit_hw_catalog_id(index));
    key->memory_gib = cfi_hw_catalog_advertised_mib(index) / 1024;
    cfi_hw_catalog_cores(index, &key->cpu_cores, &key->gpu_cores);
}

static bool fits(const name_key *typed, const name_key *entry)
{
    return strcmp(typed->core, entry->core) == 0 && (typed->memory_gib == 0 || typed->memory_gib == entry->memory_gib) &&
           (typed->cpu_cores == 0 || typed->cpu_cores == entry->cpu_cores) &&
           (typed->gpu_cores == 0 || typed->gpu_cores == entry->gpu_cores) && (typed->forms & entry->forms) == typed->forms;
}

/*
 * Entries that fit. Those of equal memory and bandwidth are one answer: the slowest of them, because a name without its number of
 * cores promises no more than the smallest bin. Rigs count only where no device or machine has the name.
 */
static cfi_hw_match search(const name_key *typed, uint32_t *out_index)
{
    ctxfit_device best = CTXFIT_DEVICE_INIT, other;
    cfi_hw_match  match = CFI_HW_MATCH_NONE;

    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        name_key entry;

        if (!may_have_core(ctxfit_hw_catalog_id(i), typed->core))
            continue;
        entry_key(&entry, i);
        if (!fits(typed, &entry) || (match != CFI_HW_MATCH_NONE && cfi_hw_rig_spec(i) != NULL))
            continue;
        cfi_hw_catalog_device(i, &other);
        if (match == CFI_HW_MATCH_NONE) {
            match = CFI_HW_MATCH_ONE;
            *out_index = i;
            best = other;
        } else if (other.memory_bytes != best.memory_bytes || other.bandwidth_bytes_per_s != best.bandwidth_bytes_per_s) {
            return CFI_HW_MATCH_SEVERAL;
        } else if (other.fp16_flops_per_s > 0 && other.fp16_flops_per_s < best.fp16_flops_per_s) {
            *out_index = i;
            best = other;
        }
    }
    return match;
}

static bool same_key(const name_key *a, const name_key *b)
{
    return strcmp(a->core, b->core) == 0 && a->memory_gib == b->memory_gib && a->cpu_cores == b->cpu_cores &&
           a->gpu_cores == b->gpu_cores && a->forms == b->forms;
}

/* The id itself but for vendor words and spelling: "geforce-rtx-2060" is rtx-2060, though there is a rtx-2060-12gb. */
static uint32_t find_spelled(const name_key *typed)
{
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        name_key key;

        if (!may_have_core(ctxfit_hw_catalog_id(i), typed->core))
            continue;
        (void)make_key(&key, ctxfit_hw_catalog_id(i));
        if (same_key(typed, &key))
            return i;
    }
    return CFI_HW_NONE;
}

static uint32_t find_alias(const name_key *typed)
{
    for (size_t i = 0; i < CFI_COUNT(aliases); i++) {
        name_key key;

        if (!may_have_core(aliases[i].typed, typed->core))
            continue;
        (void)make_key(&key, aliases[i].typed);
        if (same_key(typed, &key))
            return cfi_hw_find(aliases[i].id);
    }
    return CFI_HW_NONE;
}

/* Replaces the core by that of a synonym. "macbook-pro-m3-max" is the M3 Max: the leading words name a case, not the memory. */
static bool rename_core(name_key *key)
{
    for (size_t i = 0; i < CFI_COUNT(synonyms); i++) {
        name_key    from, to;
        size_t      n;

        (void)make_key(&from, synonyms[i].typed);
        n = strlen(from.core);
        if (synonyms[i].words[0] == '\0') {
            if (strncmp(key->core, from.core, n) != 0 || key->core[n] == '\0')
                continue;
            memmove(key->core, key->core + n, strlen(key->core + n) + 1);
            return true;
        }
        (void)make_key(&to, synonyms[i].words);
        if (strcmp(key->core, from.core) == 0) {
            memcpy(key->core, to.core, sizeof key->core);
            return true;
        }
    }
    return false;
}

static cfi_hw_match resolve_key(const name_key *typed, uint32_t *out_index)
{
    name_key     renamed = *typed;
    cfi_hw_match match, other;
    uint32_t     other_index = CFI_HW_NONE;

    *out_index = find_spelled(typed);
    if (*out_index == CFI_HW_NONE)
        *out_index = find_alias(typed);
    if (*out_index != CFI_HW_NONE)
        return CFI_HW_MATCH_ONE;
    match = search(typed, out_index);
    if (!rename_core(&renamed))
        return match;
    other = search(&renamed, &other_index);
    if (match == CFI_HW_MATCH_NONE) {
        *out_index = other_index;
        return other;
    }
    /* "macbook-pro-m3-max" without a size is not the one size that the table happens to have. */
    return typed->memory_gib == 0 && other == CFI_HW_MATCH_SEVERAL ? other : match;
}

/* As typed, and with a bare number at the end taken as GiB. */
static cfi_hw_match resolve_typed(name_key *key, uint32_t *out_index)
{
    cfi_hw_match match = resolve_key(key, out_index);

    if (match == CFI_HW_MATCH_NONE && key->last_number != 0 && key->memory_gib == 0 && key->last_at > 0) {
        key->memory_gib = key->last_number;
        key->core[key->last_at] = '\0';
        match = resolve_key(key, out_index);
    }
    return match;
}

cfi_hw_match cfi_hw_resolve(const char *name, uint32_t *out_index)
{
    char     slug[NAME_MAX_BYTES + 1];
    name_key key;

    *out_index = CFI_HW_NONE;
    if (!make_key(&key, name))
        return CFI_HW_MATCH_NONE;
    cfi_slug(name, slug, sizeof slug);
    *out_index = cfi_hw_find(slug);
    return *out_index != CFI_HW_NONE ? CFI_HW_MATCH_ONE : resolve_typed(&key, out_index);
}

void cfi_hw_quote(const char *text, size_t len, char *out, size_t cap)
{
    size_t n = 0;

    if (*text == '\0' || len == 0 || cap < 4) {
        (void)snprintf(out, cap, "the end");
        return;
    }
    out[n++] = '\'';
    for (size_t i = 0; i < len && text[i] != '\0' && n + 2 < cap; i++)
        out[n++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    out[n++] = '\'';
    out[n] = '\0';
}

void cfi_hw_find_named(const char *name, cfi_hw_named *out)
{
    name_key key, renamed, entry;
    uint32_t index;
    bool     any = false;

    memset(out, 0, sizeof *out);
    if (!make_key(&key, name))
        return;
    if (resolve_typed(&key, &index) == CFI_HW_MATCH_ONE)
        out->is[index] = true;
    renamed = key;
    (void)rename_core(&renamed);
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        entry_key(&entry, i);
        if ((!fits(&key, &entry) && !fits(&renamed, &entry)) || (any && cfi_hw_rig_spec(i) != NULL))
            continue;
        out->is[i] = any = true;
    }
}

/* The ids that a name fits, in a sentence; what does not find room is counted. */
static void list_variants(const char *name, char *out, size_t cap)
{
    cfi_hw_named named;
    cfi_writer   w;
    uint32_t     left_out = 0, listed = 0;
    char         typed[44];

    cfi_hw_find_named(name, &named);
    cfi_writer_init(&w, out, cap);
    cfi_hw_quote(name, strlen(name), typed, sizeof typed);
    cfi_write(&w, "%s names several: ", typed);
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        if (!named.is[i])
            continue;
        if (left_out > 0 || w.len + strlen(ctxfit_hw_catalog_id(i)) + sizeof ", and 99 more; say which" > cap)
            left_out++;
        else
            cfi_write(&w, "%s%s", listed++ > 0 ? ", " : "", ctxfit_hw_catalog_id(i));
    }
    if (left_out > 0)
        cfi_write(&w, " and %u more", (unsigned)left_out);
    cfi_write(&w, "; say which");
    (void)cfi_writer_finish(&w, NULL);
}

void cfi_hw_explain(const char *name, cfi_hw_match match, char *out, size_t cap)
{
    cfi_suggest suggest;
    size_t      used;
    char        typed[52];

    if (match == CFI_HW_MATCH_SEVERAL) {
        list_variants(name, out, cap);
        return;
    }
    cfi_hw_quote(name, strlen(name), typed, sizeof typed);
    cfi_suggest_init(&suggest, name);
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++)
        cfi_suggest_offer(&suggest, ctxfit_hw_catalog_id(i));
    (void)snprintf(out, cap, "no hardware is called %s; ", typed);
    used = strlen(out);
    cfi_suggest_write(&suggest, out + used, cap - used);
}
