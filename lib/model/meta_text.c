#include "arch_internal.h"

/* More words than any model has keys: keeps the search for duplicates, which is quadratic, short. */
#define MAX_WORDS  256u
#define MAX_REPEAT UINT64_C(65536)

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static const char *after_spaces(const char *at)
{
    while (is_space(*at))
        at++;
    return at;
}

static bool value_is(const cfi_meta_entry *entry, const char *text)
{
    return entry->value_len == strlen(text) && memcmp(entry->value, text, entry->value_len) == 0;
}

/* An integer, also as 1e6 or 4096.0; `true` and `false` are 1 and 0. Stops where it ends. */
static bool take_integer(const char *at, const char **end, int64_t *out)
{
    bool     negative = *at == '-';
    double   number;
    uint64_t whole;

    if (strncmp(at, "true", 4) == 0 || strncmp(at, "false", 5) == 0) {
        *out = *at == 't';
        *end = at + (*at == 't' ? 4 : 5);
        return true;
    }
    if (negative)
        at++;
    if (!cfi_parse_number(at, end, &number) || number > 9007199254740992.0) /* 2^53: whole numbers are exact up to there */
        return false;
    whole = (uint64_t)number;
    if ((double)whole != number)
        return false;
    *out = negative ? -(int64_t)whole : (int64_t)whole;
    return true;
}

bool cfi_meta_take_item(const char **at, int64_t *value, uint64_t *times)
{
    const char *end;

    if (!take_integer(*at, &end, value))
        return false;
    *times = 1;
    if (*end == '*' && (!cfi_parse_u64(end + 1, &end, times) || *times > MAX_REPEAT))
        return false;
    if (*end == ',')
        end++;
    else if (*end != ']')
        return false;
    *at = end;
    return true;
}

uint64_t cfi_meta_entry_count(const cfi_meta_entry *entry)
{
    const char *at = entry->value + 1;
    int64_t     value;
    uint64_t    times;
    uint64_t    count = 0;

    if (entry->value[0] != '[')
        return 0;
    while (*at != ']' && cfi_meta_take_item(&at, &value, &times))
        count += times;
    return count;
}

bool cfi_meta_entry_i64(const cfi_meta_entry *entry, int64_t *out)
{
    const char *end;

    return take_integer(entry->value, &end, out) && end == entry->value + entry->value_len;
}

bool cfi_meta_entry_f64(const cfi_meta_entry *entry, double *out)
{
    const char *end;

    return cfi_parse_number(entry->value, &end, out) && end == entry->value + entry->value_len;
}

const cfi_meta_entry *cfi_meta_find_entry(const cfi_meta *meta, const char *key)
{
    size_t len = strlen(key);

    for (uint32_t i = 0; i < meta->entry_count; i++)
        if (meta->entry[i].key_len == len && memcmp(meta->entry[i].key, key, len) == 0)
            return &meta->entry[i];
    return NULL;
}

/* ---- parsing ---- */

static ctxfit_status malformed(cfi_meta *meta, const char *at, const char *expected)
{
    size_t offset = (size_t)(at - meta->text);

    meta->status = cfi_fail_at(meta->error, CTXFIT_E_MALFORMED, offset, 0, "model text: at byte %zu: expected %s", offset, expected);
    return meta->status;
}

static ctxfit_status check_list(cfi_meta *meta, const char *at, const char **end)
{
    int64_t  value;
    uint64_t times;
    uint64_t count = 0;

    at++;
    while (*at != ']') {
        if (!cfi_meta_take_item(&at, &value, &times))
            return malformed(meta, at, "integers, [a,b*3,...]");
        count += times;
        if (count > MAX_REPEAT)
            return malformed(meta, at, "a list of at most 65536 values");
        if (at[0] == ']' && at[-1] == ',')
            return malformed(meta, at, "a value behind ','");
    }
    if (count == 0)
        return malformed(meta, at, "a value in the list");
    *end = at + 1;
    return CTXFIT_OK;
}

static ctxfit_status parse_value(cfi_meta *meta, const char *at, cfi_meta_entry *entry, const char **end)
{
    ctxfit_status status = CTXFIT_OK;

    entry->value = at;
    if (*at == '[') {
        status = check_list(meta, at, &at);
        entry->value_len = (uint32_t)(at - entry->value);
    } else if (*at == '"') {
        entry->value = ++at;
        while (*at != '"' && *at != '\0')
            at++;
        if (*at != '"')
            return malformed(meta, at, "'\"' at the end of the string");
        entry->value_len = (uint32_t)(at++ - entry->value);
    } else {
        while (*at != '\0' && !is_space(*at))
            at++;
        entry->value_len = (uint32_t)(at - entry->value);
        if (entry->value_len == 0)
            return malformed(meta, at, "a value behind '='");
    }
    if (status == CTXFIT_OK && *at != '\0' && !is_space(*at))
        return malformed(meta, at, "a space behind the value");
    *end = at;
    return status;
}

/* A key under its GGUF name, also where it was given by its short word. */
static void name_key(cfi_meta_entry *entry, const char *word, size_t len)
{
    static const struct {
        char word[16];
        char key[40];
    } short_words[] = {
#define CFI_TEXT_KEY(word, key) {word, key},
#include "text_keys.def"
#undef CFI_TEXT_KEY
    };

    entry->key = word;
    entry->key_len = (uint32_t)len;
    for (size_t i = 0; i < CFI_COUNT(short_words); i++) {
        if (strlen(short_words[i].word) != len || memcmp(short_words[i].word, word, len) != 0)
            continue;
        entry->key = short_words[i].key;
        entry->key_len = (uint32_t)strlen(short_words[i].key);
        return;
    }
}

static ctxfit_status parse_word(cfi_meta *meta, const char *at, cfi_meta_entry *entry, const char **end)
{
    const char *start = at;

    while (is_key_char(*at))
        at++;
    name_key(entry, start, (size_t)(at - start));
    if (at == start || (*at != '=' && *at != '\0' && !is_space(*at)))
        return malformed(meta, at, "key=value or a flag");
    for (uint32_t i = 0; i < meta->entry_count; i++)
        if (meta->entry[i].key_len == entry->key_len && memcmp(meta->entry[i].key, entry->key, entry->key_len) == 0)
            return malformed(meta, start, "each key once");
    *end = at;
    if (*at == '=')
        return parse_value(meta, at + 1, entry, end);
    entry->value = "true";
    entry->value_len = 4;
    return CTXFIT_OK;
}

static uint32_t count_words(const char *at)
{
    uint32_t count = 0;

    for (at = after_spaces(at); *at != '\0' && count <= MAX_WORDS; at = after_spaces(at)) {
        count++;
        while (*at != '\0' && !is_space(*at))
            at++;
    }
    return count;
}

ctxfit_status cfi_meta_open_text(cfi_meta *meta, const char *text, cfi_arena *arena, ctxfit_error *error)
{
    const char     *at = after_spaces(text);
    const char     *arch = at;
    cfi_meta_entry *entry;
    uint32_t        count;

    memset(meta, 0, sizeof *meta);
    meta->text = text;
    meta->error = error;
    while (is_key_char(*at))
        at++;
    if (at == arch || (*at != '\0' && !is_space(*at)))
        return malformed(meta, at, "the name of an architecture");
    count = count_words(at);
    if (count > MAX_WORDS)
        return malformed(meta, at, "at most 256 words");
    meta->arch = cfi_arena_copy(arena, arch, (size_t)(at - arch));
    entry = cfi_arena_array(arena, count, sizeof *entry);
    if (meta->arch == NULL || entry == NULL)
        return meta->status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "model text: out of memory");
    meta->entry = entry;
    for (at = after_spaces(at); *at != '\0'; at = after_spaces(at)) {
        if (parse_word(meta, at, &entry[meta->entry_count], &at) != CTXFIT_OK)
            return meta->status;
        meta->entry_count++;
    }
    for (uint32_t i = 0; i < meta->entry_count; i++)
        if (value_is(&entry[i], ""))
            return malformed(meta, entry[i].value, "a string that is not empty");
    return CTXFIT_OK;
}
