#include "catalog_internal.h"

#include "ctxfit/model.h"

#define NAME_MAX_BYTES 96u /* twice the longest name of the tables */

static const cfi_catalog_entry entries[] = {
#define CFI_CATALOG(id, hf_id, text, source, as_of) {id, hf_id, text, source, as_of},
#include "catalog.def"
#undef CFI_CATALOG
};

static const cfi_catalog_alias aliases[] = {
#define CFI_ALIAS(name, id, source, as_of) {name, id, source, as_of},
#include "catalog_aliases.def"
#undef CFI_ALIAS
};

/* Words of a repository's name that say how it was tuned or packed, not what it computes; and publishers before a name. */
static const char *const tuning_words[] = {"instruct", "it", "chat", "hf", "base", "pt", "gguf", "bf16", "fp8", "nvfp4", "latest"};
static const char *const publishers[] = {"ai21", "c4ai", "meta", "nvidia"};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *last_component(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

/* Lower case; what separates words is '-', but for "3_3", which is "3.3" where a dot is not allowed. False when too long. */
static bool canonical_name(const char *name, char out[NAME_MAX_BYTES])
{
    size_t len = strlen(name);

    if (len == 0 || len >= NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = (char)cfi_ascii_lower((unsigned char)name[i]);

        if (c == '_' && i > 0 && is_digit(name[i - 1]) && is_digit(name[i + 1]))
            c = '.';
        else if (c == '_' || c == ':' || c == ' ')
            c = '-';
        out[i] = c;
    }
    out[len] = '\0';
    return true;
}

static bool word_in(const char *word, size_t len, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == len && memcmp(list[i], word, len) == 0)
            return true;
    return false;
}

/* Removes publishers at the start and words of tuning behind it, in place; false when there were none. */
static bool drop_words(char *name)
{
    char *to = name;
    bool  dropped = false;

    for (const char *from = name; *from != '\0';) {
        size_t len = strcspn(from, "-");
        bool   last = from[len] == '\0';
        bool   drop = to == name ? !last && word_in(from, len, publishers, CFI_COUNT(publishers))
                                 : word_in(from, len, tuning_words, CFI_COUNT(tuning_words));

        if (drop) {
            dropped = true;
        } else {
            if (to != name)
                *to++ = '-';
            memmove(to, from, len);
            to += len;
        }
        from += last ? len : len + 1;
    }
    *to = '\0';
    return dropped;
}

/* "llama3.1-8b" is "llama-3.1-8b": hyphens do not count, nor does what a canonical name has in their place. */
static bool same_name(const char *canonical, const char *name)
{
    for (;;) {
        while (*canonical == '-')
            canonical++;
        while (*name == '-' || *name == ':')
            name++;
        if (*canonical != *name)
            return false;
        if (*canonical == '\0')
            return true;
        canonical++;
        name++;
    }
}

static const cfi_catalog_entry *entry_by_name(const char *canonical)
{
    for (size_t i = 0; i < CFI_COUNT(entries); i++)
        if (same_name(canonical, entries[i].id))
            return &entries[i];
    return NULL;
}

static const cfi_catalog_entry *entry_by_alias(const char *canonical)
{
    for (size_t i = 0; i < CFI_COUNT(aliases); i++)
        if (same_name(canonical, aliases[i].name))
            return entry_by_name(aliases[i].id);
    return NULL;
}

/* Tags of Ollama's library, colon and all: "qwen:7b" is not Qwen-7B. */
static const cfi_catalog_entry *entry_by_tag(const char *name)
{
    if (strchr(name, ':') == NULL)
        return NULL;
    for (size_t i = 0; i < CFI_COUNT(aliases); i++)
        if (cfi_equal_nocase(name, aliases[i].name))
            return entry_by_name(aliases[i].id);
    return NULL;
}

const cfi_catalog_entry *cfi_catalog_find(const char *name)
{
    const cfi_catalog_entry *entry;
    char                     canonical[NAME_MAX_BYTES];

    name = last_component(name);
    entry = entry_by_tag(name);
    if (entry != NULL || !canonical_name(name, canonical))
        return entry;
    entry = entry_by_name(canonical);
    if (entry == NULL)
        entry = entry_by_alias(canonical);
    if (entry == NULL && drop_words(canonical)) {
        entry = entry_by_name(canonical);
        if (entry == NULL)
            entry = entry_by_alias(canonical);
    }
    return entry;
}

void cfi_catalog_suggest(const char *name, char *out, size_t cap)
{
    cfi_suggest suggest;

    cfi_suggest_init(&suggest, last_component(name));
    for (size_t i = 0; i < CFI_COUNT(entries); i++)
        cfi_suggest_offer(&suggest, entries[i].id);
    for (size_t i = 0; i < CFI_COUNT(aliases); i++)
        cfi_suggest_offer(&suggest, aliases[i].name);
    cfi_suggest_write(&suggest, out, cap);
}

const cfi_catalog_entry *cfi_catalog_at(uint32_t index)
{
    return index < CFI_COUNT(entries) ? &entries[index] : NULL;
}

const cfi_catalog_alias *cfi_catalog_alias_at(uint32_t index)
{
    return index < CFI_COUNT(aliases) ? &aliases[index] : NULL;
}

uint32_t ctxfit_model_catalog_count(void)
{
    return (uint32_t)CFI_COUNT(entries);
}

const char *ctxfit_model_catalog_id(uint32_t index)
{
    return index < CFI_COUNT(entries) ? entries[index].id : NULL;
}

const char *ctxfit_model_catalog_hf_id(uint32_t index)
{
    return index < CFI_COUNT(entries) ? entries[index].hf_id : NULL;
}

const char *ctxfit_model_catalog_source(uint32_t index)
{
    return index < CFI_COUNT(entries) ? entries[index].source : NULL;
}
