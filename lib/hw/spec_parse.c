/* Reads a spec: `[N*]NAME[(key=value,...)]` and `host:SIZE[(...)]`, separated by spaces. */
#include <stdio.h>

#include "hw_internal.h"

#define NAME_BYTES 128 /* of a name that may have spaces in it; longer ones are not names */
#define NAME_WORDS 8
#define MOST_DEPTH 8u
#define MIB (UINT64_C(1) << 20)

typedef struct spec_reader {
    const char   *start; /* of the whole spec, for offsets */
    const char   *at;
    cfi_hw_draft *draft;
    ctxfit_error *error;
    const char   *rig_at;  /* where in the caller's text the rig stands whose spec is read; NULL otherwise */
    const char   *host_at; /* where the host was stated */
    const ctxfit_hw_list *list; /* of the caller, NULL = none */
    uint32_t      list_count; /* entries of it that may be named here */
    uint32_t      depth;      /* names within names */
} spec_reader;

/* Keys, and which kinds of device take them. */
enum {
    KEY_BACKEND,
    KEY_MEM,
    KEY_FREE,
    KEY_BUDGET,
    KEY_MACOS,
    KEY_RESERVE,
    KEY_BW,
    KEY_FP16,
    KEY_INT8,
    KEY_LINK,
    KEY_NODE
};
#define KEY_LIST "backend, mem, free, budget, macos, reserve, bw, fp16, int8, link or node"
#define FOR_HOST (1u << CTXFIT_DEVICE_HOST)
#define FOR_GPU (1u << CTXFIT_DEVICE_GPU)
#define FOR_UNIFIED (1u << CTXFIT_DEVICE_UNIFIED)
static const struct {
    char     name[8];
    uint32_t kinds;
} keys[] = {
    {"backend", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    {"mem", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    {"free", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    {"budget", FOR_UNIFIED},
    {"macos", FOR_UNIFIED},
    {"reserve", FOR_HOST | FOR_UNIFIED},
    {"bw", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    {"fp16", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    {"int8", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    {"link", FOR_GPU | FOR_UNIFIED},
    {"node", FOR_GPU | FOR_UNIFIED},
};

/* What an item says before the catalog completes it. */
typedef struct spec_item {
    ctxfit_device device;
    uint32_t      keys_seen; /* bit of each key */
    bool          node_stated;
    bool          macos_recent;
    bool          macos_legacy;
} spec_item;

static uint64_t offset_of(const spec_reader *r, const char *at)
{
    return (uint64_t)((r->rig_at != NULL ? r->rig_at : at) - r->start);
}

static ctxfit_status expected(const spec_reader *r, const char *at, const char *what)
{
    char   found[24];
    size_t n = strcspn(at, " ,()");

    cfi_hw_quote(at, n > 0 ? n : 1, found, sizeof found);
    return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, offset_of(r, at), 0, "hardware spec, byte %zu: expected %s, found %s",
                       (size_t)offset_of(r, at), what, found);
}

static ctxfit_status refused(const spec_reader *r, const char *at, ctxfit_status status, const char *reason)
{
    /* A value out of its range is a fault of the text here. */
    if (status == CTXFIT_E_INVALID_ARG)
        status = CTXFIT_E_MALFORMED;
    return cfi_fail_at(r->error, status, offset_of(r, at), status == CTXFIT_E_LIMIT ? CTXFIT_HW_MAX_DEVICES : 0,
                       "hardware spec, byte %zu: %s", (size_t)offset_of(r, at), reason);
}

static void skip_spaces(spec_reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
        r->at++;
}

static bool at_delimiter(const char *at)
{
    return *at == '\0' || strchr(" \t\r\n,()", *at) != NULL;
}

/* ---- values ---- */
static const char backend_names[][8] = {"", "cpu", "cuda", "metal", "rocm", "vulkan", "sycl", "rpc"};
_Static_assert(CFI_COUNT(backend_names) == CTXFIT_BACKEND_RPC + 1, "one name for each backend");

const char *cfi_hw_backend_name(uint32_t backend)
{
    return backend < CFI_COUNT(backend_names) ? backend_names[backend] : "";
}

static ctxfit_status read_backend(spec_reader *r, uint32_t *out)
{
    size_t n = strcspn(r->at, " ,()");

    for (uint32_t i = 1; i < CFI_COUNT(backend_names); i++)
        if (strlen(backend_names[i]) == n && strncmp(r->at, backend_names[i], n) == 0) {
            *out = i;
            r->at += n;
            return CTXFIT_OK;
        }
    return expected(r, r->at, "a backend (cuda, metal, rocm, vulkan, sycl, rpc or cpu)");
}

/* A size. A small bare number is refused: "host:64" means GiB to its writer and bytes to the parser. */
static ctxfit_status read_bytes(spec_reader *r, bool zero_allowed, uint64_t *out)
{
    const char *end;

    if (!cfi_parse_bytes(r->at, &end, out) || !at_delimiter(end))
        return expected(r, r->at, "a size such as 24GiB");
    if (*out == 0 && !zero_allowed)
        return expected(r, r->at, "a size above 0");
    if (*out > 0 && *out < MIB && end[-1] >= '0' && end[-1] <= '9')
        return expected(r, r->at, "a size with its unit, such as 64GiB");
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_bandwidth(spec_reader *r, uint64_t *out)
{
    const char *end;

    if (!cfi_parse_bytes(r->at, &end, out) || *out == 0)
        return expected(r, r->at, "a bandwidth such as 1008GB/s");
    if (end[0] == '/' && end[1] == 's')
        end += 2;
    if (!at_delimiter(end))
        return expected(r, r->at, "a bandwidth such as 1008GB/s");
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_rate(spec_reader *r, double *out)
{
    static const struct {
        char     unit;
        uint64_t scale;
    } scales[] = {{'k', 1000}, {'M', 1000000}, {'G', 1000000000}, {'T', 1000000000000}, {'P', 1000000000000000}};
    const char *end, *whole_end;
    uint64_t    whole, scale = 1;

    if (!cfi_parse_number(r->at, &end, out))
        return expected(r, r->at, "a rate such as 82.6T");
    for (size_t i = 0; i < CFI_COUNT(scales); i++)
        if (*end == scales[i].unit)
            scale = scales[i].scale;
    /* Whole numbers stay exact. */
    if (cfi_parse_u64(r->at, &whole_end, &whole) && whole_end == end && cfi_mul_u64(whole, scale, &whole))
        *out = (double)whole;
    else
        *out *= (double)scale;
    end += scale != 1;
    if (!at_delimiter(end) || !(*out >= 1 && *out <= 1e18))
        return expected(r, r->at, "a rate such as 82.6T, above 0 and at most 1000P");
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_node(spec_reader *r, uint32_t *out)
{
    const char *end;
    uint64_t    node;

    if (!cfi_parse_u64(r->at, &end, &node) || !at_delimiter(end) || node >= CTXFIT_HW_MAX_DEVICES)
        return expected(r, r->at, "a node number from 0 to 63");
    *out = (uint32_t)node;
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_macos(spec_reader *r, spec_item *item)
{
    item->macos_legacy = strncmp(r->at, "legacy", 6) == 0 && at_delimiter(r->at + 6);
    item->macos_recent = strncmp(r->at, "recent", 6) == 0 && at_delimiter(r->at + 6);
    if (!item->macos_legacy && !item->macos_recent)
        return expected(r, r->at, "legacy or recent");
    r->at += 6;
    return CTXFIT_OK;
}

/* ---- keys ---- */
static ctxfit_status read_value(spec_reader *r, uint32_t key, spec_item *item)
{
    ctxfit_device *device = &item->device;
    ctxfit_status  status = CTXFIT_OK;

    switch (key) {
    case KEY_BACKEND:
        return read_backend(r, &device->backend);
    case KEY_MEM:
        return read_bytes(r, false, &device->memory_bytes);
    case KEY_FREE:
        return read_bytes(r, false, &device->free_bytes);
    case KEY_BUDGET:
        return read_bytes(r, false, &device->budget_bytes);
    case KEY_MACOS:
        return read_macos(r, item);
    case KEY_RESERVE:
        status = read_bytes(r, true, &device->reserve_bytes);
        if (status == CTXFIT_OK && device->reserve_bytes == 0)
            device->reserve_bytes = CTXFIT_HW_RESERVE_NONE;
        return status;
    case KEY_BW:
        return read_bandwidth(r, &device->bandwidth_bytes_per_s);
    case KEY_FP16:
        return read_rate(r, &device->fp16_flops_per_s);
    case KEY_INT8:
        return read_rate(r, &device->int8_ops_per_s);
    case KEY_LINK:
        return read_bandwidth(r, &device->link_bytes_per_s);
    default:
        item->node_stated = true;
        return read_node(r, &device->node);
    }
}

static ctxfit_status read_pair(spec_reader *r, spec_item *item)
{
    size_t        n;
    uint32_t      key = 0;
    ctxfit_status status;

    skip_spaces(r);
    n = strcspn(r->at, " =,()");
    while (key < CFI_COUNT(keys) && (strlen(keys[key].name) != n || strncmp(r->at, keys[key].name, n) != 0))
        key++;
    if (key == CFI_COUNT(keys))
        return expected(r, r->at, KEY_LIST);
    if ((keys[key].kinds & 1u << item->device.kind) == 0)
        return expected(r, r->at,
                        "a key of this kind of device (budget, macos: unified; reserve: unified, host; link, node: not the host)");
    if ((item->keys_seen & 1u << key) != 0)
        return expected(r, r->at, "each key once");
    item->keys_seen |= 1u << key;
    r->at += n;
    if (*r->at != '=')
        return expected(r, r->at, "'='");
    r->at++;
    status = read_value(r, key, item);
    if (status == CTXFIT_OK)
        skip_spaces(r);
    return status;
}

/* An optional "(key=value,...)". */
static ctxfit_status read_item_keys(spec_reader *r, spec_item *item)
{
    if (*r->at != '(')
        return CTXFIT_OK;
    do {
        ctxfit_status status;

        r->at++;
        status = read_pair(r, item);
        if (status != CTXFIT_OK)
            return status;
    } while (*r->at == ',');
    if (*r->at != ')')
        return expected(r, r->at, "',' or ')'");
    r->at++;
    return at_delimiter(r->at) && *r->at != '(' && *r->at != ')' && *r->at != ',' ? CTXFIT_OK : expected(r, r->at, "a space");
}

/* ---- items ---- */
/* macos= is a way to state the budget. */
static ctxfit_status settle_macos(const spec_reader *r, const char *at, spec_item *item)
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
    if (rule != CFI_HW_RULE_APPLE || (item->keys_seen & 1u << KEY_BUDGET) != 0)
        return refused(r, at, CTXFIT_E_MALFORMED, "macos is for unified memory with metal, and instead of budget");
    legacy = cfi_hw_budget(rule, memory);
    item->device.budget_bytes = item->macos_legacy ? legacy : cfi_hw_budget_recent(rule, memory, legacy);
    return CTXFIT_OK;
}

static ctxfit_status add_items(const spec_reader *r, const char *at, spec_item *item, uint64_t count)
{
    char          reason[CFI_HW_REASON];
    ctxfit_status status = settle_macos(r, at, item);

    for (uint64_t i = 0; i < count && status == CTXFIT_OK; i++) {
        status = cfi_hw_draft_add(r->draft, &item->device, !item->node_stated, reason);
        if (status != CTXFIT_OK)
            return refused(r, at, status, reason);
        if (item->device.kind == CTXFIT_DEVICE_UNIFIED)
            item->device.node++;
    }
    return status;
}

/* "host:SIZE" */
static ctxfit_status read_host(spec_reader *r)
{
    const char   *at = r->at;
    spec_item     item;
    ctxfit_status status;

    memset(&item, 0, sizeof item);
    r->host_at = at;
    item.device.kind = CTXFIT_DEVICE_HOST;
    item.keys_seen = 1u << KEY_MEM; /* it is the SIZE */
    memcpy(item.device.id, "host", sizeof "host");
    r->at += strlen("host:");
    status = read_bytes(r, true, &item.device.memory_bytes);
    if (status == CTXFIT_OK)
        status = read_item_keys(r, &item);
    if (status == CTXFIT_OK && !at_delimiter(r->at))
        status = expected(r, r->at, "a space");
    return status == CTXFIT_OK ? add_items(r, at, &item, 1) : status;
}

static ctxfit_status read_items(spec_reader *r);

/* A name for several devices: its spec is read in its place. */
static ctxfit_status read_rig(spec_reader *r, const char *at, const char *spec, uint32_t list_count, uint64_t count)
{
    ctxfit_status status = CTXFIT_OK;

    if (*r->at == '(') {
        char reason[CFI_HW_REASON];

        (void)snprintf(reason, sizeof reason, "keys belong to its devices: write \"%s\" and give them there", spec);
        return refused(r, r->at, CTXFIT_E_MALFORMED, reason);
    }
    if (r->depth == MOST_DEPTH)
        return refused(r, at, CTXFIT_E_MALFORMED, "names that stand for names, more than 8 within each other");
    for (uint64_t i = 0; i < count && status == CTXFIT_OK; i++) {
        spec_reader inner = *r;

        inner.at = spec;
        inner.rig_at = at;
        inner.host_at = NULL;
        inner.list_count = list_count;
        inner.depth++;
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
static cfi_hw_match take_name(spec_reader *r, char name[NAME_BYTES], uint32_t *out_index)
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

static bool starts_with_word(const char *at, const char *word)
{
    size_t n = strlen(word);

    return strncmp(at, word, n) == 0 && at_delimiter(at + n);
}

/* The entry of the caller's list that the word at hand names. */
static const ctxfit_hw_entry *take_own(spec_reader *r)
{
    size_t                 len = strcspn(r->at, " \t\r\n(),:*=");
    const ctxfit_hw_entry *entry = r->list != NULL ? cfi_hw_list_find(r->list, r->list_count, r->at, len) : NULL;

    if (entry != NULL)
        r->at += len;
    return entry;
}

/* "gpu", "unified", a name of the caller's list or of the catalog; then its keys. */
static ctxfit_status read_device(spec_reader *r, uint64_t count)
{
    const char   *at = r->at, *spec;
    char          name[NAME_BYTES] = "", text[192];
    spec_item     item;
    ctxfit_device known;
    uint32_t      index = CFI_HW_NONE;
    cfi_hw_match  match;
    ctxfit_status status;
    const ctxfit_hw_entry *own;

    memset(&item, 0, sizeof item);
    own = take_own(r);
    if (own != NULL && own->spec[0] != '\0')
        return read_rig(r, at, own->spec, (uint32_t)(own - r->list->entries), count);
    if (own != NULL) {
        item.device = cfi_hw_list_device(own);
    } else if (starts_with_word(at, "gpu") || starts_with_word(at, "unified")) {
        item.device.kind = *at == 'g' ? CTXFIT_DEVICE_GPU : CTXFIT_DEVICE_UNIFIED;
        r->at += *at == 'g' ? strlen("gpu") : strlen("unified");
        (void)snprintf(item.device.id, sizeof item.device.id, "%.*s", (int)(r->at - at), at);
    } else {
        match = take_name(r, name, &index);
        if (match != CFI_HW_MATCH_ONE) {
            cfi_hw_explain(name, match, text, sizeof text);
            return cfi_fail_at(r->error, CTXFIT_E_NOT_FOUND, offset_of(r, at), 0, "hardware spec, byte %zu: %s",
                               (size_t)offset_of(r, at), text);
        }
        spec = cfi_hw_rig_spec(index);
        if (spec != NULL)
            return read_rig(r, at, spec, 0, count);
        cfi_hw_catalog_device(index, &known);
        item.device.kind = known.kind;
        memcpy(item.device.id, known.id, sizeof item.device.id);
    }
    status = read_item_keys(r, &item);
    if (status == CTXFIT_OK && !at_delimiter(r->at))
        status = expected(r, r->at, "a space");
    return status == CTXFIT_OK ? add_items(r, at, &item, count) : status;
}

/* "2*", and "2x " or "2x-" before a name as people write it; `2x-rtx-4090` stays itself where the catalog has it. */
static ctxfit_status read_count(spec_reader *r, uint64_t *out_count)
{
    const char *end;
    uint32_t    index;
    char        word[NAME_BYTES];

    *out_count = 1;
    if (!cfi_parse_u64(r->at, &end, out_count))
        return *r->at >= '0' && *r->at <= '9' ? expected(r, r->at, "a count from 1 to 64") : CTXFIT_OK;
    if (*end != '*') {
        size_t n = strcspn(r->at, " \t\r\n(),:*=");

        (void)snprintf(word, sizeof word, "%.*s", (int)cfi_min_u64(n, sizeof word - 1), r->at);
        if (*end != 'x' || (end[1] != ' ' && end[1] != '-') || cfi_hw_resolve(word, &index) == CFI_HW_MATCH_ONE) {
            *out_count = 1;
            return CTXFIT_OK;
        }
    }
    if (*out_count == 0)
        return expected(r, r->at, "a count from 1 to 64");
    if (*out_count > CTXFIT_HW_MAX_DEVICES)
        return refused(r, r->at, CTXFIT_E_LIMIT, "more than 64 devices");
    r->at = end + 1 + strspn(end + 1, *end == 'x' ? " -" : " ");
    return CTXFIT_OK;
}

static ctxfit_status read_items(spec_reader *r)
{
    ctxfit_status status = CTXFIT_OK;

    for (skip_spaces(r); *r->at != '\0' && status == CTXFIT_OK; skip_spaces(r)) {
        uint64_t count;

        if (strncmp(r->at, "host:", 5) == 0) {
            status = read_host(r);
            continue;
        }
        status = read_count(r, &count);
        if (status == CTXFIT_OK && (at_delimiter(r->at) || strchr(":*=", *r->at) != NULL))
            status = expected(r, r->at, "a name, gpu, unified or host:SIZE");
        if (status == CTXFIT_OK)
            status = read_device(r, count);
    }
    return status;
}

ctxfit_status ctxfit_hw_parse(const char *spec, const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error)
{
    return cfi_hw_parse_with(spec, NULL, 0, allocator, out, error);
}

ctxfit_status ctxfit_hw_parse_with(const char *spec, const ctxfit_hw_list *list, const ctxfit_allocator *allocator, ctxfit_hw **out,
                                   ctxfit_error *error)
{
    return cfi_hw_parse_with(spec, list, list != NULL ? list->count : 0, allocator, out, error);
}

ctxfit_status cfi_hw_parse_with(const char *spec, const ctxfit_hw_list *list, uint32_t count, const ctxfit_allocator *allocator,
                                ctxfit_hw **out, ctxfit_error *error)
{
    char          reason[CFI_HW_REASON];
    cfi_hw_draft  draft;
    spec_reader   r = {spec, spec, &draft, error, NULL, NULL, list, count, 0};
    ctxfit_status status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (spec == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "spec is NULL, or the allocator lacks a function");
    skip_spaces(&r);
    if (*r.at == '\0')
        return expected(&r, r.at, "a name, gpu, unified or host:SIZE");
    status = cfi_hw_draft_begin(&draft, allocator);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "out of memory for a machine");
    status = read_items(&r);
    if (status != CTXFIT_OK) {
        ctxfit_hw_free(draft.hw);
        return status;
    }
    status = cfi_hw_draft_end(&draft, out, reason);
    return status == CTXFIT_OK ? status : refused(&r, r.host_at != NULL ? r.host_at : spec, status, reason);
}
