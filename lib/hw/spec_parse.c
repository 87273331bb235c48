/* Reads a spec: `[N*]NAME[(key=value,...)]` and `host:SIZE[(...)]`, separated by spaces. */
#include <stdio.h>

#include "hw_internal.h"

#define NAME_BYTES (CFI_HW_NAME_BYTES + 1)
#define NAME_WORDS 8

/* macos= is a way to state the budget. */
static ctxfit_status settle_macos(const cfi_hw_reader *r, const char *at, cfi_hw_item *item)
{
    ctxfit_device known;
    uint64_t      memory, legacy;
    uint32_t      index = cfi_hw_find(item->device.id), backend = item->device.backend;
    cfi_hw_rule   rule = cfi_hw_default_rule(item->device.kind, backend);

    if (!item->macos_legacy && !item->macos_recent)
        return CTXFIT_OK;
    memset(&known, 0, sizeof known);
    if (index != CFI_HW_NONE) {
        cfi_hw_catalog_device(index, &known);
        rule = cfi_hw_rule_of(index);
    }
    memory = item->device.memory_bytes != 0 ? item->device.memory_bytes : known.memory_bytes;
    if (rule != CFI_HW_RULE_APPLE || (item->keys_seen & 1u << CFI_HW_KEY_BUDGET) != 0)
        return cfi_hw_refused(r, at, CTXFIT_E_MALFORMED, "macos is for unified memory with metal, and instead of budget");
    legacy = cfi_hw_budget(rule, memory);
    item->device.budget_bytes = item->macos_legacy ? legacy : cfi_hw_budget_recent(rule, memory, legacy);
    return CTXFIT_OK;
}

static ctxfit_status add_items(const cfi_hw_reader *r, const char *at, cfi_hw_item *item, uint64_t count)
{
    char          reason[CFI_HW_REASON];
    ctxfit_status status = settle_macos(r, at, item);

    for (uint64_t i = 0; i < count && status == CTXFIT_OK; i++) {
        status = cfi_hw_draft_add(r->draft, &item->device, !item->node_stated, reason);
        if (status != CTXFIT_OK)
            return cfi_hw_refused(r, at, status, reason);
        if (item->device.kind == CTXFIT_DEVICE_UNIFIED)
            item->device.node++;
    }
    return status;
}

/* "host:SIZE" */
static ctxfit_status read_host(cfi_hw_reader *r)
{
    const char   *at = r->at;
    cfi_hw_item   item;
    ctxfit_status status;

    memset(&item, 0, sizeof item);
    r->host_at = at;
    item.device.kind = CTXFIT_DEVICE_HOST;
    item.keys_seen = 1u << CFI_HW_KEY_MEM; /* it is the SIZE */
    memcpy(item.device.id, "host", sizeof "host");
    r->at += strlen("host:");
    status = cfi_hw_read_bytes(r, true, &item.device.memory_bytes);
    if (status == CTXFIT_OK)
        status = cfi_hw_read_keys(r, &item);
    if (status == CTXFIT_OK && !cfi_hw_at_delimiter(r->at))
        status = cfi_hw_expected(r, r->at, "a space");
    return status == CTXFIT_OK ? add_items(r, at, &item, 1) : status;
}

static ctxfit_status read_items(cfi_hw_reader *r);

/* A name for several devices: its spec is read in its place. */
static ctxfit_status read_rig(cfi_hw_reader *r, const char *at, const char *spec, uint64_t count)
{
    ctxfit_status status = CTXFIT_OK;

    if (*r->at == '(') {
        char reason[CFI_HW_REASON];

        (void)snprintf(reason, sizeof reason, "keys belong to its devices: write \"%s\" and give them there", spec);
        return cfi_hw_refused(r, r->at, CTXFIT_E_MALFORMED, reason);
    }
    for (uint64_t i = 0; i < count && status == CTXFIT_OK; i++) {
        cfi_hw_reader inner = *r;

        inner.at = spec;
        inner.rig_at = at;
        inner.host_at = NULL;
        status = read_items(&inner);
        r->host_at = inner.host_at != NULL ? at : r->host_at;
    }
    return status;
}

/* Where the words end that may be one name from here on. */
static size_t find_words(const char *at, const char *ends[NAME_WORDS])
{
    size_t words = 0;

    for (const char *p = at; words < NAME_WORDS && *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " \t\r\n(),:*=");

        if (n == 0 || (words > 0 && (p[n] == ':' || p[n] == '*' || p[n] == '=')) || (size_t)(p + n - at) >= NAME_BYTES)
            break;
        p += n;
        ends[words++] = p;
        if (*p != ' ')
            break;
    }
    return words;
}

/*
 * Takes a word that is an id, else the longest run of words that resolves: "rtx 4090" is one name, "rtx-4090 rtx-3090" are two.
 * On a failure `name` is what to complain about.
 */
static cfi_hw_match take_name(cfi_hw_reader *r, char name[NAME_BYTES], uint32_t *out_index)
{
    const char  *ends[NAME_WORDS];
    size_t       words = find_words(r->at, ends);
    cfi_hw_match match = CFI_HW_MATCH_NONE;

    if (words > 0) {
        (void)snprintf(name, NAME_BYTES, "%.*s", (int)(ends[0] - r->at), r->at);
        *out_index = cfi_hw_find(name);
        if (*out_index != CFI_HW_NONE) {
            r->at = ends[0];
            return CFI_HW_MATCH_ONE;
        }
    }
    for (size_t i = words; i > 0 && match == CFI_HW_MATCH_NONE; i--) {
        size_t n = (size_t)(ends[i - 1] - r->at);

        memcpy(name, r->at, n);
        name[n] = '\0';
        match = cfi_hw_resolve(name, out_index);
        if (match != CFI_HW_MATCH_NONE)
            r->at = ends[i - 1];
    }
    /* Complain about the first word where it looks like an id, else about all that may have been meant. */
    if (match == CFI_HW_MATCH_NONE && words > 0 && memchr(name, '-', strlen(name)) == NULL) {
        size_t n = (size_t)(ends[words - 1] - r->at);

        memcpy(name, r->at, n);
        name[n] = '\0';
    }
    if (words == 0)
        (void)snprintf(name, NAME_BYTES, "%.*s", NAME_BYTES - 1, r->at);
    return match;
}

static bool is_plain(const char *at, const char *word)
{
    size_t n = strlen(word);

    return strncmp(at, word, n) == 0 && cfi_hw_at_delimiter(at + n);
}

/* "gpu", "unified" or a name of the catalog; then its keys. */
static ctxfit_status read_device(cfi_hw_reader *r, uint64_t count)
{
    const char   *at = r->at, *spec;
    char          name[NAME_BYTES] = "", text[192];
    cfi_hw_item   item;
    ctxfit_device known;
    uint32_t      index = CFI_HW_NONE;
    cfi_hw_match  match;
    ctxfit_status status;

    memset(&item, 0, sizeof item);
    if (is_plain(at, "gpu") || is_plain(at, "unified")) {
        item.device.kind = *at == 'g' ? CTXFIT_DEVICE_GPU : CTXFIT_DEVICE_UNIFIED;
        r->at += *at == 'g' ? strlen("gpu") : strlen("unified");
        (void)snprintf(item.device.id, sizeof item.device.id, "%.*s", (int)(r->at - at), at);
    } else {
        match = take_name(r, name, &index);
        if (match != CFI_HW_MATCH_ONE) {
            cfi_hw_explain(name, match, text, sizeof text);
            return cfi_fail_at(r->error, CTXFIT_E_NOT_FOUND, cfi_hw_offset_of(r, at), 0, "hardware spec, byte %zu: %s",
                               (size_t)cfi_hw_offset_of(r, at), text);
        }
        spec = cfi_hw_rig_spec(index);
        if (spec != NULL)
            return read_rig(r, at, spec, count);
        cfi_hw_catalog_device(index, &known);
        item.device.kind = known.kind;
        memcpy(item.device.id, known.id, sizeof item.device.id);
    }
    status = cfi_hw_read_keys(r, &item);
    if (status == CTXFIT_OK && !cfi_hw_at_delimiter(r->at))
        status = cfi_hw_expected(r, r->at, "a space");
    return status == CTXFIT_OK ? add_items(r, at, &item, count) : status;
}

/* "2*", and "2x " or "2x-" before a name as people write it; `2x-rtx-4090` stays itself where the catalog has it. */
static ctxfit_status read_count(cfi_hw_reader *r, uint64_t *out_count)
{
    const char *end;
    uint32_t    index;
    char        word[NAME_BYTES];

    *out_count = 1;
    if (!cfi_parse_u64(r->at, &end, out_count))
        return *r->at >= '0' && *r->at <= '9' ? cfi_hw_expected(r, r->at, "a count from 1 to 64") : CTXFIT_OK;
    if (*end != '*') {
        size_t n = strcspn(r->at, " \t\r\n(),:*=");

        (void)snprintf(word, sizeof word, "%.*s", (int)cfi_min_u64(n, sizeof word - 1), r->at);
        if (*end != 'x' || (end[1] != ' ' && end[1] != '-') || cfi_hw_resolve(word, &index) == CFI_HW_MATCH_ONE) {
            *out_count = 1;
            return CTXFIT_OK;
        }
    }
    if (*out_count == 0)
        return cfi_hw_expected(r, r->at, "a count from 1 to 64");
    if (*out_count > CTXFIT_HW_MAX_DEVICES)
        return cfi_hw_refused(r, r->at, CTXFIT_E_LIMIT, "more than 64 devices");
    r->at = end + 1 + strspn(end + 1, *end == 'x' ? " -" : " ");
    return CTXFIT_OK;
}

static ctxfit_status read_items(cfi_hw_reader *r)
{
    ctxfit_status status = CTXFIT_OK;

    for (cfi_hw_skip_spaces(r); *r->at != '\0' && status == CTXFIT_OK; cfi_hw_skip_spaces(r)) {
        uint64_t count;

        if (strncmp(r->at, "host:", 5) == 0) {
            status = read_host(r);
            continue;
        }
        status = read_count(r, &count);
        if (status == CTXFIT_OK && (cfi_hw_at_delimiter(r->at) || strchr(":*=", *r->at) != NULL))
            status = cfi_hw_expected(r, r->at, "a name, gpu, unified or host:SIZE");
        if (status == CTXFIT_OK)
            status = read_device(r, count);
    }
    return status;
}

ctxfit_status ctxfit_hw_parse(const char *spec, const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error)
{
    char          reason[CFI_HW_REASON];
    cfi_hw_draft  draft;
    cfi_hw_reader r = {spec, spec, &draft, error, NULL, NULL};
    ctxfit_status status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (spec == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "spec is NULL, or the allocator lacks a function");
    cfi_hw_skip_spaces(&r);
    if (*r.at == '\0')
        return cfi_hw_expected(&r, r.at, "a name, gpu, unified or host:SIZE");
    status = cfi_hw_draft_begin(&draft, allocator);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "out of memory for a machine");
    status = read_items(&r);
    if (status != CTXFIT_OK) {
        ctxfit_hw_free(draft.hw);
        return status;
    }
    status = cfi_hw_draft_end(&draft, out, reason);
    return status == CTXFIT_OK ? status : cfi_hw_refused(&r, r.host_at != NULL ? r.host_at : spec, status, reason);
}
