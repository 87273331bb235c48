/* Looking for entries of the catalog: by a name that people type, by words, by what they are, have and cost. */
#include "hw_internal.h"

#define HAYSTACK_BYTES 256

/* Letters and digits of a text, lower case, and a blank that no word has. */
static size_t squeeze(const char *text, char *out, size_t at, size_t cap)
{
    for (; *text != '\0' && at + 2 < cap; text++) {
        int c = cfi_ascii_lower((unsigned char)*text);

        if (cfi_is_digit(c) || (c >= 'a' && c <= 'z'))
            out[at++] = (char)c;
    }
    out[at++] = ' ';
    out[at] = '\0';
    return at;
}

/* Whether every word is somewhere in what the entry is called: "blackwell laptop", "7900xtx". */
static bool has_words(const ctxfit_hw_entry *e, const char *words)
{
    const char *const fields[] = {e->id, e->name, e->vendor, e->family, e->chip};
    char              haystack[HAYSTACK_BYTES], word[CFI_COUNT(((ctxfit_hw_filter *)0)->text) + 2];
    size_t            at = 0;

    for (size_t i = 0; i < CFI_COUNT(fields); i++)
        at = squeeze(fields[i], haystack, at, sizeof haystack);
    while (*words != '\0') {
        size_t len = strcspn(words, " "), n = 0;

        for (size_t i = 0; i < len; i++) {
            int c = cfi_ascii_lower((unsigned char)words[i]);

            if (cfi_is_digit(c) || (c >= 'a' && c <= 'z'))
                word[n++] = (char)c;
        }
        word[n] = '\0';
        if (strstr(haystack, word) == NULL)
            return false;
        words += len;
        words += *words == ' ' ? 1 : 0;
    }
    return true;
}

static bool in_range(uint64_t value, uint64_t least, uint64_t most)
{
    if (least == 0 && most == 0)
        return true;
    return value != 0 && value >= least && (most == 0 || value <= most);
}

static bool passes(const ctxfit_hw_filter *f, uint32_t index, const ctxfit_hw_entry *e)
{
    return (f->kind == 0 || cfi_hw_catalog_kind(index) == f->kind) && (f->form == 0 || e->form == f->form) &&
           (f->machines == 0 || (f->machines == CTXFIT_ENTRY_MACHINES) == (e->is_machine == 1)) &&
           (f->vendor[0] == '\0' || cfi_equal_nocase(f->vendor, e->vendor)) &&
           in_range(e->price_usd, f->price_least_usd, f->price_most_usd) &&
           in_range(e->advertised_bytes, f->memory_least_bytes, f->memory_most_bytes) &&
           in_range(e->bandwidth_bytes_per_s, f->bandwidth_least_bytes_per_s, 0);
}

static ctxfit_status check_filter(const ctxfit_hw_filter *filter, ctxfit_hw_filter *out, ctxfit_error *error)
{
    ctxfit_status status = cfi_copy_in(out, sizeof *out, CFI_V1_HW_FILTER, filter);

    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "filter: %s", ctxfit_status_message(status));
    if (out->kind > CTXFIT_DEVICE_UNIFIED || out->form > CTXFIT_FORM_CLUSTER || out->machines > CTXFIT_ENTRY_MACHINES)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "filter: kind, form or machines is outside its constants");
    if (memchr(out->vendor, '\0', sizeof out->vendor) == NULL || memchr(out->text, '\0', sizeof out->text) == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "filter: a text has no terminating NUL");
    return CTXFIT_OK;
}

static ctxfit_status nothing_has(const char *text, ctxfit_error *error)
{
    char why[192];

    cfi_hw_explain(text, CFI_HW_MATCH_NONE, why, sizeof why);
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "%s", why);
}

ctxfit_status ctxfit_hw_catalog_search(const ctxfit_hw_filter *filter, uint32_t *places, size_t cap, size_t *out_count,
                                       ctxfit_error *error)
{
    ctxfit_hw_filter f;
    cfi_hw_named     named;
    ctxfit_status    status;
    bool             text_found = false;
    size_t           count = 0;

    if (out_count == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out_count is NULL");
    *out_count = 0;
    if (places == NULL && cap > 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "places is NULL");
    status = check_filter(filter, &f, error);
    if (status != CTXFIT_OK)
        return status;
    cfi_hw_find_named(f.text, &named);
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        ctxfit_hw_entry entry;

        cfi_hw_catalog_entry(i, &entry);
        if (!named.is[i] && !has_words(&entry, f.text))
            continue;
        text_found = true;
        if (!passes(&f, i, &entry))
            continue;
        if (count < cap)
            places[count] = i;
        count++;
    }
    *out_count = count;
    if (!text_found)
        return nothing_has(f.text, error);
    if (count > cap && cap > 0)
        return cfi_fail(error, CTXFIT_E_BUFFER_SIZE, "%zu entries pass, there is room for %zu", count, cap);
    return CTXFIT_OK;
}

ctxfit_status ctxfit_hw_catalog_find(const char *name, uint32_t *out_index, ctxfit_error *error)
{
    char         why[192];
    cfi_hw_match match;

    if (name == NULL || out_index == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "name or out_index is NULL");
    match = cfi_hw_resolve(name, out_index);
    if (match == CFI_HW_MATCH_ONE)
        return CTXFIT_OK;
    *out_index = CFI_HW_NONE;
    cfi_hw_explain(name, match, why, sizeof why);
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "%s", why);
}
