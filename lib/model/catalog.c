#include "catalog_internal.h"

#include <stddef.h>

#include "ctxfit/model.h"

#define NAME_MAX_BYTES 96u /* twice the longest name of the tables */

/* The texts of a table lie in one struct, a member for each row, and rows are places in it: pointers would have to be written
 * one by one when the library is loaded. */
#define ROW_OF_LINE(line) CFI_PASTE(row_, line)
#define CFI_PASTE(a, b) a##b

static const struct source_texts {
#define CFI_SOURCE(name, source, as_of) char name[sizeof(source)];
#include "catalog_sources.def"
#undef CFI_SOURCE
} source_texts = {
#define CFI_SOURCE(name, source, as_of) source,
#include "catalog_sources.def"
#undef CFI_SOURCE
};

static const struct entry_texts {
#define CFI_CATALOG(id, hf_id, source, text) char ROW_OF_LINE(__LINE__)[sizeof(id "\0" hf_id "\0" text)];
#include "catalog.def"
#undef CFI_CATALOG
} entry_texts = {
#define CFI_CATALOG(id, hf_id, source, text) id "\0" hf_id "\0" text,
#include "catalog.def"
#undef CFI_CATALOG
};

static const struct entry_place {
    uint32_t texts;
    uint32_t source;
} entries[] = {
#define CFI_CATALOG(id, hf_id, source, text) {offsetof(struct entry_texts, ROW_OF_LINE(__LINE__)), offsetof(struct source_texts, source)},
#include "catalog.def"
#undef CFI_CATALOG
};

static const struct alias_texts {
#define CFI_ALIAS(name, id, source, as_of) char ROW_OF_LINE(__LINE__)[sizeof(name "\0" id)];
#include "catalog_aliases.def"
#undef CFI_ALIAS
} alias_texts = {
#define CFI_ALIAS(name, id, source, as_of) name "\0" id,
#include "catalog_aliases.def"
#undef CFI_ALIAS
};

static const uint32_t aliases[] = {
#define CFI_ALIAS(name, id, source, as_of) offsetof(struct alias_texts, ROW_OF_LINE(__LINE__)),
#include "catalog_aliases.def"
#undef CFI_ALIAS
};

static const char *entry_id(uint32_t index)
{
    return (const char *)&entry_texts + entries[index].texts;
}

static const char *alias_name(uint32_t index)
{
    return (const char *)&alias_texts + aliases[index];
}

static const char *next_text(const char *text)
{
    return text + strlen(text) + 1;
}

/* Words of a repository's name that say how it was tuned or packed, not what it computes; and publishers before a name. */
static const char *const tuning_words[] = {"instruct", "it", "chat", "hf", "base", "pt", "gguf", "bf16", "fp8", "nvfp4", "latest"};
static const char *const publishers[] = {"ai21", "c4ai", "meta", "nvidia"};

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

        if (c == '_' && i > 0 && cfi_is_digit(name[i - 1]) && cfi_is_digit(name[i + 1]))
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

static const char *skip_separators(const char *at)
{
    while (*at == '-' || *at == ':')
        at++;
    return at;
}

/* Walks over what two names have in common, where separators do not count: "llama3.1-8b" is "llama-3.1-8b". */
static void skip_common(const char **a, const char **b)
{
    for (;;) {
        *a = skip_separators(*a);
        *b = skip_separators(*b);
        if (**a != **b || **a == '\0')
            return;
        ++*a;
        ++*b;
    }
}

static bool same_name(const char *a, const char *b)
{
    skip_common(&a, &b);
    return *a == '\0' && *b == '\0';
}

/* One begins with the other: "llama3.1" is the family of "llama-3.1-8b", and that the model of "llama-3.1-8b-q4". */
static bool related_name(const char *a, const char *b)
{
    skip_common(&a, &b);
    return *a == '\0' || *b == '\0';
}

static uint32_t entry_by_name(const char *canonical)
{
    for (uint32_t i = 0; i < CFI_COUNT(entries); i++)
        if (same_name(canonical, entry_id(i)))
            return i;
    return CFI_CATALOG_NONE;
}

static uint32_t entry_by_alias(const char *canonical)
{
    for (uint32_t i = 0; i < CFI_COUNT(aliases); i++)
        if (same_name(canonical, alias_name(i)))
            return entry_by_name(next_text(alias_name(i)));
    return CFI_CATALOG_NONE;
}

/* Tags of Ollama's library, colon and all: "qwen:7b" is not Qwen-7B. */
static uint32_t entry_by_tag(const char *name)
{
    if (strchr(name, ':') == NULL)
        return CFI_CATALOG_NONE;
    for (uint32_t i = 0; i < CFI_COUNT(aliases); i++)
        if (cfi_equal_nocase(name, alias_name(i)))
            return entry_by_name(next_text(alias_name(i)));
    return CFI_CATALOG_NONE;
}

uint32_t cfi_catalog_find(const char *name)
{
    uint32_t found;
    char     canonical[NAME_MAX_BYTES];

    name = last_component(name);
    found = entry_by_tag(name);
    if (found != CFI_CATALOG_NONE || !canonical_name(name, canonical))
        return found;
    found = entry_by_name(canonical);
    if (found == CFI_CATALOG_NONE)
        found = entry_by_alias(canonical);
    if (found == CFI_CATALOG_NONE && drop_words(canonical)) {
        found = entry_by_name(canonical);
        if (found == CFI_CATALOG_NONE)
            found = entry_by_alias(canonical);
    }
    return found;
}

void cfi_catalog_suggest(const char *name, char *out, size_t cap)
{
    cfi_suggest suggest;
    bool        related = false;
    char        canonical[NAME_MAX_BYTES] = "";

    if (canonical_name(last_component(name), canonical))
        (void)drop_words(canonical);
    cfi_suggest_init(&suggest, canonical);
    for (uint32_t i = 0; canonical[0] != '\0' && i < CFI_COUNT(entries); i++)
        if (related_name(canonical, entry_id(i))) {
            cfi_suggest_offer(&suggest, entry_id(i));
            related = true;
        }
    for (uint32_t i = 0; !related && i < CFI_COUNT(entries); i++)
        cfi_suggest_offer(&suggest, entry_id(i));
    for (uint32_t i = 0; !related && i < CFI_COUNT(aliases); i++)
        cfi_suggest_offer(&suggest, alias_name(i));
    cfi_suggest_write(&suggest, out, cap);
}

bool cfi_catalog_at(uint32_t index, cfi_catalog_entry *out)
{
    uint32_t same;

    if (index >= CFI_COUNT(entries))
        return false;
    out->id = entry_id(index);
    out->hf_id = next_text(out->id);
    out->text = next_text(out->hf_id);
    if (out->text[0] == '=' && (same = entry_by_name(out->text + 1)) != CFI_CATALOG_NONE)
        out->text = next_text(next_text(entry_id(same)));
    out->source = (const char *)&source_texts + entries[index].source;
    return true;
}

uint32_t ctxfit_model_catalog_count(void)
{
    return (uint32_t)CFI_COUNT(entries);
}

const char *ctxfit_model_catalog_id(uint32_t index)
{
    return index < CFI_COUNT(entries) ? entry_id(index) : NULL;
}

const char *ctxfit_model_catalog_hf_id(uint32_t index)
{
    cfi_catalog_entry entry;

    return cfi_catalog_at(index, &entry) ? entry.hf_id : NULL;
}

const char *ctxfit_model_catalog_source(uint32_t index)
{
    cfi_catalog_entry entry;

    return cfi_catalog_at(index, &entry) ? entry.source : NULL;
}
