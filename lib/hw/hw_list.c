/* A caller's own hardware: entries from JSON, by the names of ctxfit_hw_entry's members. */
#include <stdio.h>

#include "base/json_read.h"
#include "hw_internal.h"

/* ---- members ---- */
typedef enum member_type {
    MEMBER_U32,
    MEMBER_U64,
    MEMBER_RATE,
    MEMBER_TEXT,
    MEMBER_BOOL,
    MEMBER_KIND,
    MEMBER_BACKEND,
    MEMBER_FORM,
    MEMBER_CONFIDENCE
} member_type;

typedef struct member {
    char     name[28];
    uint16_t offset;
    uint16_t size; /* of a text */
    uint32_t type;
} member;

#define MEMBER(name, type) {#name, offsetof(ctxfit_hw_entry, name), sizeof(((ctxfit_hw_entry *)0)->name), MEMBER_##type}
static const member members[] = {
    MEMBER(id, TEXT), MEMBER(name, TEXT), MEMBER(kind, KIND), MEMBER(backend, BACKEND), MEMBER(form, FORM), MEMBER(is_machine, BOOL),
    MEMBER(confidence, CONFIDENCE), MEMBER(device_count, U32), MEMBER(node_count, U32), MEMBER(cpu_cores, U32), MEMBER(gpu_cores, U32),
    MEMBER(released, U32), MEMBER(power_w, U32), MEMBER(price_usd, U32), MEMBER(price_year, U32), MEMBER(memory_bus_bits, U32),
    MEMBER(memory_mtps, U32), MEMBER(advertised_bytes, U64), MEMBER(memory_bytes, U64), MEMBER(budget_bytes, U64),
    MEMBER(host_memory_bytes, U64), MEMBER(bandwidth_bytes_per_s, U64), MEMBER(host_link_bytes_per_s, U64),
    MEMBER(peer_link_bytes_per_s, U64), MEMBER(node_link_bytes_per_s, U64), MEMBER(l2_bytes, U64), MEMBER(last_level_bytes, U64),
    MEMBER(matrix_flops_per_s, RATE), MEMBER(fp32_flops_per_s, RATE), MEMBER(fp16_flops_per_s, RATE),
    MEMBER(fp16_fp32acc_flops_per_s, RATE), MEMBER(bf16_flops_per_s, RATE), MEMBER(fp8_flops_per_s, RATE), MEMBER(int8_ops_per_s, RATE),
    MEMBER(fp4_flops_per_s, RATE), MEMBER(vendor, TEXT), MEMBER(family, TEXT), MEMBER(chip, TEXT), MEMBER(memory_type, TEXT),
    MEMBER(host_interface, TEXT), MEMBER(peer_interconnect, TEXT), MEMBER(node_interconnect, TEXT), MEMBER(compute_target, TEXT),
    MEMBER(price_note, TEXT), MEMBER(rate_note, TEXT), MEMBER(note, TEXT), MEMBER(spec, TEXT), MEMBER(source, TEXT),
};

static const char kind_words[][12] = {"", "host", "gpu", "unified"};
static const char confidence_words[][12] = {"", "single", "checked", "vendor"};
static const char form_words[][12] = {"",        "card",   "datacenter", "soc",      "igpu",   "cpu",    "npu",
                                      "desktop", "laptop", "server",     "embedded", "tablet", "cluster"};
static const char backend_words[][12] = {"", "cpu", "cuda", "metal", "rocm", "vulkan", "sycl", "rpc"};
_Static_assert(CFI_COUNT(form_words) == CTXFIT_FORM_CLUSTER + 1 && CFI_COUNT(backend_words) == CTXFIT_BACKEND_RPC + 1 &&
                   CFI_COUNT(confidence_words) == CTXFIT_CONFIDENCE_VENDOR + 1 && CFI_COUNT(kind_words) == CTXFIT_DEVICE_UNIFIED + 1,
               "one word for each");

static const struct {
    const char (*words)[12];
    uint32_t count;
} word_lists[] = {
    {kind_words, CFI_COUNT(kind_words)},
    {backend_words, CFI_COUNT(backend_words)},
    {form_words, CFI_COUNT(form_words)},
    {confidence_words, CFI_COUNT(confidence_words)},
};

/* ---- reading one value ---- */
typedef struct list_reader {
    ctxfit_hw_list *list;
    ctxfit_error   *error;
    uint32_t        place; /* of the entry */
} list_reader;

static ctxfit_status entry_fault(const list_reader *r, ctxfit_status status, const char *key, const char *why)
{
    char shown[64];

    cfi_hw_quote(key, strlen(key), shown, sizeof shown);
    return cfi_fail_at(r->error, status, CFI_NO_OFFSET, r->place, "hardware entry %u, member %s: %s", (unsigned)r->place, shown, why);
}

static ctxfit_status wrong_type(const list_reader *r, const char *key, const cfi_json_value *value, const char *expected)
{
    char why[96];

    (void)snprintf(why, sizeof why, "expected %s, found %s", expected, cfi_json_kind_name(value));
    return entry_fault(r, CTXFIT_E_TYPE, key, why);
}

static ctxfit_status read_word(const list_reader *r, const member *m, const cfi_json_value *value, uint32_t *out)
{
    const char *text = cfi_json_as_text(value, NULL);
    char        why[160];
    cfi_writer  w;
    size_t      which = m->type - MEMBER_KIND;

    if (text == NULL)
        return wrong_type(r, m->name, value, "a word");
    for (uint32_t i = 1; i < word_lists[which].count; i++)
        if (strcmp(word_lists[which].words[i], text) == 0) {
            *out = i;
            return CTXFIT_OK;
        }
    cfi_writer_init(&w, why, sizeof why);
    cfi_write(&w, "expected one of");
    for (uint32_t i = 1; i < word_lists[which].count; i++)
        cfi_write(&w, "%s %s", i > 1 ? "," : "", word_lists[which].words[i]);
    (void)cfi_writer_finish(&w, NULL);
    return entry_fault(r, CTXFIT_E_MALFORMED, m->name, why);
}

static ctxfit_status read_member_text(const list_reader *r, const member *m, const cfi_json_value *value, char *out)
{
    size_t      len;
    const char *text = cfi_json_as_text(value, &len);

    if (text == NULL)
        return wrong_type(r, m->name, value, "text");
    if (len >= m->size)
        return entry_fault(r, CTXFIT_E_MALFORMED, m->name, "the text is too long");
    memcpy(out, text, len);
    cfi_make_printable(out);
    return CTXFIT_OK;
}

static ctxfit_status read_number(const list_reader *r, const member *m, const cfi_json_value *value, void *out)
{
    uint64_t whole;
    double   number;

    if (m->type == MEMBER_RATE) {
        if (!cfi_json_as_number(value, &number))
            return wrong_type(r, m->name, value, "a number");
        if (!(number >= 0 && number <= 1e18))
            return entry_fault(r, CTXFIT_E_MALFORMED, m->name, "expected a rate from 0 to 1e18");
        memcpy(out, &number, sizeof number);
        return CTXFIT_OK;
    }
    if (!cfi_json_as_u64(value, &whole))
        return wrong_type(r, m->name, value, "a whole number, not negative");
    if (m->type == MEMBER_U32 && whole > UINT32_MAX)
        return entry_fault(r, CTXFIT_E_MALFORMED, m->name, "the number is too large");
    if (m->type == MEMBER_U32)
        memcpy(out, &(uint32_t){(uint32_t)whole}, sizeof(uint32_t));
    else
        memcpy(out, &whole, sizeof whole);
    return CTXFIT_OK;
}

static ctxfit_status read_member(const list_reader *r, const char *key, const cfi_json_value *value, ctxfit_hw_entry *entry)
{
    const member *m = NULL;
    cfi_suggest   suggest;
    char          why[160];
    uint32_t      word = 0;

    for (size_t i = 0; i < CFI_COUNT(members) && m == NULL; i++)
        if (strcmp(members[i].name, key) == 0)
            m = &members[i];
    if (m == NULL) {
        cfi_suggest_init(&suggest, key);
        for (size_t i = 0; i < CFI_COUNT(members); i++)
            cfi_suggest_offer(&suggest, members[i].name);
        (void)snprintf(why, sizeof why, "there is no such member; ");
        cfi_suggest_write(&suggest, why + strlen(why), sizeof why - strlen(why));
        return entry_fault(r, CTXFIT_E_MALFORMED, key, why);
    }
    if (m->type == MEMBER_TEXT)
        return read_member_text(r, m, value, (char *)entry + m->offset);
    if (m->type == MEMBER_BOOL) {
        if (cfi_json_kind_of(value) != CFI_JSON_BOOL)
            return wrong_type(r, m->name, value, "true or false");
        word = cfi_json_is_true(value);
    } else if (m->type < MEMBER_BOOL) {
        return read_number(r, m, value, (char *)entry + m->offset);
    } else {
        ctxfit_status status = read_word(r, m, value, &word);

        if (status != CTXFIT_OK)
            return status;
    }
    memcpy((char *)entry + m->offset, &word, sizeof word);
    return CTXFIT_OK;
}

/* ---- one entry ---- */
static bool equal_word(const char *a, const char *word, size_t len)
{
    size_t i = 0;

    while (i < len && cfi_ascii_lower((unsigned char)a[i]) == cfi_ascii_lower((unsigned char)word[i]) && a[i] != '\0')
        i++;
    return i == len && a[len] == '\0';
}

const ctxfit_hw_entry *cfi_hw_list_find(const ctxfit_hw_list *list, uint32_t count, const char *word, size_t len)
{
    for (uint32_t i = 0; len > 0 && i < count; i++)
        if (equal_word(list->entries[i].id, word, len))
            return &list->entries[i];
    return NULL;
}

static double best_rate(const ctxfit_hw_entry *e)
{
    const double rates[] = {e->matrix_flops_per_s, e->fp16_fp32acc_flops_per_s, e->bf16_flops_per_s, e->fp16_flops_per_s,
                            e->fp32_flops_per_s};

    for (size_t i = 0; i < CFI_COUNT(rates); i++)
        if (rates[i] > 0)
            return rates[i];
    return 0;
}

ctxfit_device cfi_hw_list_device(const ctxfit_hw_entry *e)
{
    ctxfit_device device = CTXFIT_DEVICE_INIT;

    device.kind = e->kind;
    device.backend = e->backend;
    device.memory_bytes = e->memory_bytes;
    device.budget_bytes = e->kind == CTXFIT_DEVICE_UNIFIED ? e->budget_bytes : 0;
    device.bandwidth_bytes_per_s = e->bandwidth_bytes_per_s;
    if (e->kind == CTXFIT_DEVICE_GPU)
        device.link_bytes_per_s = e->host_link_bytes_per_s;
    else if (e->kind == CTXFIT_DEVICE_UNIFIED)
        device.link_bytes_per_s = e->node_link_bytes_per_s != 0 ? e->node_link_bytes_per_s : e->peer_link_bytes_per_s;
    device.fp16_flops_per_s = best_rate(e);
    device.int8_ops_per_s = e->int8_ops_per_s;
    (void)snprintf(device.id, sizeof device.id, "%s", kind_words[e->kind]);
    (void)snprintf(device.name, sizeof device.name, "%s", e->name);
    return device;
}

static ctxfit_status check_id(const list_reader *r, const ctxfit_hw_entry *e)
{
    size_t len = strlen(e->id);

    if (len == 0)
        return entry_fault(r, CTXFIT_E_INCOMPLETE, "id", "it is missing");
    if (strcspn(e->id, " \t\r\n(),:*=?") != len || cfi_is_digit(e->id[0]))
        return entry_fault(r, CTXFIT_E_MALFORMED, "id", "expected a word without blanks, ( ) , : * =, that begins with a letter");
    for (size_t i = 1; i < CFI_COUNT(kind_words); i++)
        if (equal_word(e->id, kind_words[i], strlen(kind_words[i])))
            return entry_fault(r, CTXFIT_E_MALFORMED, "id", "gpu, unified and host mean themselves in a spec");
    if (cfi_hw_list_find(r->list, r->place, e->id, len) != NULL)
        return entry_fault(r, CTXFIT_E_MALFORMED, "id", "another entry has it");
    return CTXFIT_OK;
}

/* What the entry stands for must be a machine by itself, or, of a host without memory, with any memory. */
static ctxfit_status check_machine(const list_reader *r, ctxfit_hw_entry *e)
{
    ctxfit_device device;
    ctxfit_hw    *hw;
    ctxfit_error  found;
    char          reason[CFI_HW_REASON] = "";
    ctxfit_status status;

    if (e->spec[0] != '\0') {
        if (e->kind != 0)
            return entry_fault(r, CTXFIT_E_MALFORMED, "kind", "a name for several devices has none");
        status = cfi_hw_parse_with(e->spec, r->list, r->place, &r->list->arena.allocator, &hw, &found);
        ctxfit_hw_free(status == CTXFIT_OK ? hw : NULL);
        if (status == CTXFIT_E_NO_MEMORY)
            return cfi_fail(r->error, status, "out of memory for a list of hardware");
        return status == CTXFIT_OK ? status : entry_fault(r, CTXFIT_E_MALFORMED, "spec", found.message);
    }
    if (e->kind == 0)
        return entry_fault(r, CTXFIT_E_INCOMPLETE, "kind", "it is missing (gpu, unified, host, or a spec)");
    if (e->memory_bytes == 0)
        e->memory_bytes = e->advertised_bytes;
    if (e->memory_bytes == 0 && e->kind != CTXFIT_DEVICE_HOST)
        return entry_fault(r, CTXFIT_E_INCOMPLETE, "memory_bytes", "it is missing");
    if (e->device_count > 1)
        return entry_fault(r, CTXFIT_E_MALFORMED, "device_count", "several devices need a spec");
    device = cfi_hw_list_device(e);
    status = cfi_hw_device_complete(&device, reason);
    return status == CTXFIT_OK ? status : entry_fault(r, CTXFIT_E_MALFORMED, "kind", reason);
}

/* What follows from what was said. */
static void complete_entry(ctxfit_hw_entry *e)
{
    e->struct_size = (uint32_t)sizeof *e;
    if (e->name[0] == '\0')
        memcpy(e->name, e->id, sizeof e->name);
    if (e->advertised_bytes == 0)
        e->advertised_bytes = e->memory_bytes;
    if (e->spec[0] != '\0')
        return;
    e->device_count = e->kind != CTXFIT_DEVICE_HOST;
    e->node_count = 1;
    e->matrix_flops_per_s = best_rate(e);
    if (e->kind != CTXFIT_DEVICE_GPU)
        e->host_memory_bytes = e->memory_bytes;
    if (e->budget_bytes == 0)
        e->budget_bytes = e->kind == CTXFIT_DEVICE_UNIFIED ? cfi_hw_budget(cfi_hw_default_rule(e->kind, e->backend), e->memory_bytes)
                                                           : e->memory_bytes;
}

static ctxfit_status read_own_entry(const list_reader *r, const cfi_json_value *object)
{
    ctxfit_hw_entry *entry = &r->list->entries[r->place];
    ctxfit_status    status = CTXFIT_OK;

    if (cfi_json_kind_of(object) != CFI_JSON_OBJECT)
        return cfi_fail_at(r->error, CTXFIT_E_TYPE, CFI_NO_OFFSET, r->place, "hardware entry %u: expected an object, found %s",
                           (unsigned)r->place, cfi_json_kind_name(object));
    for (cfi_json_iter it = cfi_json_items(object); status == CTXFIT_OK && cfi_json_next(&it);)
        status = read_member(r, it.key, it.value, entry);
    if (status == CTXFIT_OK)
        status = check_id(r, entry);
    if (status == CTXFIT_OK)
        status = check_machine(r, entry);
    if (status == CTXFIT_OK)
        complete_entry(entry);
    return status;
}

/* ---- the list ---- */
static ctxfit_status read_own_entries(list_reader *r, const cfi_json_value *root)
{
    const cfi_json_value *array = cfi_json_kind_of(root) == CFI_JSON_OBJECT ? cfi_json_get(root, "hardware") : root;
    size_t          count = cfi_json_count(array);
    ctxfit_status   status = CTXFIT_OK;

    if (cfi_json_kind_of(array) != CFI_JSON_ARRAY)
        return cfi_fail(r->error, CTXFIT_E_TYPE, "hardware: expected an array of objects, or {\"hardware\": [...]}");
    if (count > CTXFIT_HW_LIST_MAX)
        return cfi_fail_at(r->error, CTXFIT_E_LIMIT, CFI_NO_OFFSET, CTXFIT_HW_LIST_MAX, "hardware: %zu entries, at most %d", count,
                           CTXFIT_HW_LIST_MAX);
    r->list->entries = cfi_arena_array(&r->list->arena, count + 1, sizeof *r->list->entries);
    if (r->list->entries == NULL)
        return cfi_fail(r->error, CTXFIT_E_NO_MEMORY, "out of memory for a list of hardware");
    for (cfi_json_iter it = cfi_json_items(array); status == CTXFIT_OK && cfi_json_next(&it); r->place++)
        status = read_own_entry(r, it.value);
    r->list->count = r->place;
    return status;
}

ctxfit_status ctxfit_hw_list_from_json(const char *text, size_t size, const ctxfit_allocator *allocator, ctxfit_hw_list **out,
                                       ctxfit_error *error)
{
    list_reader   r = {NULL, error, 0};
    cfi_json_doc *doc = NULL;
    ctxfit_status status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (text == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "text is NULL, or the allocator lacks a function");
    status = cfi_json_read(text, size, NULL, allocator, &doc, error);
    if (status != CTXFIT_OK)
        return status;
    r.list = cfi_handle_new(sizeof *r.list, offsetof(ctxfit_hw_list, arena), allocator);
    status = r.list != NULL ? read_own_entries(&r, cfi_json_root(doc))
                            : cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a list of hardware");
    cfi_json_free(doc);
    if (status != CTXFIT_OK) {
        ctxfit_hw_list_free(r.list);
        return status;
    }
    *out = r.list;
    return CTXFIT_OK;
}

void ctxfit_hw_list_free(ctxfit_hw_list *list)
{
    cfi_handle_free(list, offsetof(ctxfit_hw_list, arena));
}

uint32_t ctxfit_hw_list_count(const ctxfit_hw_list *list)
{
    return list != NULL ? list->count : 0;
}

ctxfit_status ctxfit_hw_list_get(const ctxfit_hw_list *list, uint32_t index, ctxfit_hw_entry *out)
{
    if (list == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_HW_ENTRY, CTXFIT_E_INVALID_ARG);
    if (index >= list->count)
        return cfi_copy_none(out, CFI_V1_HW_ENTRY, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &list->entries[index], sizeof *out, CFI_V1_HW_ENTRY);
}
