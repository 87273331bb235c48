/*
 * What is known of entries of the catalog beyond what plans use. Texts lie in structs of char arrays and rows hold their numbers, as in
 * hw_catalog.c.
 */
#include <stddef.h>
#include <stdio.h>

#include "hw_internal.h"

#define MIB (UINT64_C(1) << 20)
#define KIB UINT64_C(1024)
#define MEGA UINT64_C(1000000)
#define GIGA 1e9

/* ---- texts ---- */
#define WORD(id, text) WORD_##id,
enum {
    WORD_NONE,
#include "hw_words.def"
    WORD_COUNT
};
#undef WORD

#define WORD(id, text) char w_##id[sizeof(text)];
static const struct word_texts {
    char w_NONE[1];
#include "hw_words.def"
#undef WORD
#define WORD(id, text) text,
} word_texts = {
    "",
#include "hw_words.def"
};
#undef WORD

#define WORD(id, text) offsetof(struct word_texts, w_##id),
static const uint16_t word_at[] = {
    0,
#include "hw_words.def"
};
#undef WORD

#define NOTE(id, text) NOTE_##id,
enum {
    NOTE_NONE,
#include "hw_notes.def"
    NOTE_COUNT
};
#undef NOTE

#define NOTE(id, text) char n_##id[sizeof(text)];
static const struct note_texts {
    char n_NONE[1];
#include "hw_notes.def"
#undef NOTE
#define NOTE(id, text) text,
} note_texts = {
    "",
#include "hw_notes.def"
};
#undef NOTE

#define NOTE(id, text) offsetof(struct note_texts, n_##id),
static const uint16_t note_at[] = {
    0,
#include "hw_notes.def"
};
#undef NOTE
_Static_assert(sizeof word_texts <= UINT16_MAX && sizeof note_texts <= UINT16_MAX, "offsets of texts have 16 bits");
_Static_assert(CFI_COUNT(word_at) == WORD_COUNT && CFI_COUNT(note_at) == NOTE_COUNT && NOTE_COUNT <= UINT8_MAX, "one number each");

/* ---- rows ---- */
enum {
    GRADE_A = CTXFIT_CONFIDENCE_VENDOR,
    GRADE_B = CTXFIT_CONFIDENCE_CHECKED,
    GRADE_C = CTXFIT_CONFIDENCE_SINGLE
};

typedef struct device_facts {
    uint32_t released;
    uint32_t fp32, fp16, fp16a32, bf16, fp8, fp4; /* GFLOP/s */
    uint32_t l2_kib, llc_kib;
    uint32_t price_usd;
    uint32_t peer_link_mb_per_s;
    uint16_t vendor, family, chip, memory, interface, peer, target; /* words */
    uint16_t bus_bits, rate_mtps, power_w, price_year;
    uint8_t  form, grade;
    uint8_t  price_note, basis, note;
} device_facts;

#define FACTS(id, vendor, form, family, chip, released, memory, bus, rate, fp32, fp16, fp16a32, bf16, fp8, fp4, l2, llc, power, price,    \
              year, price_note, interface, peer, peer_link, target, grade, basis, note)                                               \
    {released, fp32, fp16, fp16a32, bf16, fp8, fp4, l2, llc, price, peer_link, WORD_##vendor, WORD_##family, WORD_##chip,              \
     WORD_##memory, WORD_##interface, WORD_##peer, WORD_##target, bus, rate, power, year, CTXFIT_FORM_##form, GRADE_##grade,           \
     NOTE_##price_note, NOTE_##basis, NOTE_##note},
static const device_facts device_rows[] = {
#include "device_facts.def"
};
#undef FACTS

typedef struct system_facts {
    uint32_t device_link_mb_per_s, node_link_mb_per_s;
    uint32_t power_w, price_usd;
    uint16_t device_link, node_link; /* words */
    uint16_t price_year;
    uint8_t  form, price_note, note;
} system_facts;

#define SYSTEM(id, form, device_link, device_rate, node_link, node_rate, power, price, year, price_note, note)                             \
    {device_rate, node_rate, power, price, WORD_##device_link, WORD_##node_link, year, CTXFIT_FORM_##form, NOTE_##price_note, NOTE_##note},
static const system_facts system_rows[] = {
#include "system_facts.def"
};
#undef SYSTEM

/* A row for each row of the other two tables, in their order, which the tests look at. */
#define DEVICE(...) +1
#define MACHINE(...) +1
#define RIG(...) +1
enum {
    DEVICE_COUNT = 0
#include "devices.def"
    ,
    SYSTEM_COUNT = 0
#include "systems.def"
};
#undef DEVICE
#undef MACHINE
#undef RIG
_Static_assert(CFI_COUNT(device_rows) == DEVICE_COUNT && CFI_COUNT(system_rows) == SYSTEM_COUNT, "one row of facts for each");

static const char *word_text(uint16_t word)
{
    return (const char *)&word_texts + word_at[word];
}

static const char *note_text(uint8_t note)
{
    return (const char *)&note_texts + note_at[note];
}

static void put(char *out, size_t cap, const char *text)
{
    (void)snprintf(out, cap, "%s", text);
}

/* ---- entries ---- */
static void put_device_facts(ctxfit_hw_entry *e, const device_facts *f)
{
    e->form = f->form;
    e->confidence = f->grade;
    e->released = f->released;
    e->price_usd = f->price_usd;
    e->price_year = f->price_year;
    e->power_w = f->power_w;
    e->memory_bus_bits = f->bus_bits;
    e->memory_mtps = f->rate_mtps;
    e->l2_bytes = KIB * f->l2_kib;
    e->last_level_bytes = KIB * f->llc_kib;
    e->peer_link_bytes_per_s = MEGA * f->peer_link_mb_per_s;
    e->fp32_flops_per_s = GIGA * f->fp32;
    e->fp16_flops_per_s = GIGA * f->fp16;
    e->fp16_fp32acc_flops_per_s = GIGA * f->fp16a32;
    e->bf16_flops_per_s = GIGA * f->bf16;
    e->fp8_flops_per_s = GIGA * f->fp8;
    e->fp4_flops_per_s = GIGA * f->fp4;
    put(e->vendor, sizeof e->vendor, word_text(f->vendor));
    put(e->family, sizeof e->family, word_text(f->family));
    put(e->chip, sizeof e->chip, word_text(f->chip));
    put(e->memory_type, sizeof e->memory_type, word_text(f->memory));
    put(e->host_interface, sizeof e->host_interface, word_text(f->interface));
    put(e->peer_interconnect, sizeof e->peer_interconnect, word_text(f->peer));
    put(e->compute_target, sizeof e->compute_target, word_text(f->target));
    put(e->price_note, sizeof e->price_note, note_text(f->price_note));
    put(e->rate_note, sizeof e->rate_note, note_text(f->basis));
    put(e->note, sizeof e->note, note_text(f->note));
}

/* A machine's own price, power and form; what a part costs is not what the machine costs. */
static void put_system_facts(ctxfit_hw_entry *e, const system_facts *f)
{
    e->form = f->form;
    e->released = 0;
    e->price_usd = f->price_usd;
    e->price_year = f->price_year;
    e->power_w = f->power_w;
    if (f->device_link != WORD_NONE) {
        e->peer_link_bytes_per_s = MEGA * f->device_link_mb_per_s;
        put(e->peer_interconnect, sizeof e->peer_interconnect, word_text(f->device_link));
    }
    e->node_link_bytes_per_s = MEGA * f->node_link_mb_per_s;
    put(e->node_interconnect, sizeof e->node_interconnect, word_text(f->node_link));
    put(e->price_note, sizeof e->price_note, note_text(f->price_note));
    put(e->note, sizeof e->note, note_text(f->note));
}

static void put_device(ctxfit_hw_entry *e, uint32_t index, uint32_t count)
{
    ctxfit_device device;

    cfi_hw_catalog_device(index, &device);
    e->kind = device.kind;
    e->backend = device.backend;
    e->device_count = device.kind == CTXFIT_DEVICE_HOST ? 0 : count;
    e->node_count = device.kind == CTXFIT_DEVICE_UNIFIED ? count : 1;
    cfi_hw_catalog_cores(index, &e->cpu_cores, &e->gpu_cores);
    e->advertised_bytes = MIB * cfi_hw_catalog_advertised_mib(index) * count;
    e->memory_bytes = device.memory_bytes * count;
    e->host_memory_bytes = device.kind == CTXFIT_DEVICE_GPU ? 0 : device.memory_bytes;
    e->budget_bytes = device.kind == CTXFIT_DEVICE_UNIFIED ? cfi_hw_budget(cfi_hw_rule_of(index), device.memory_bytes) * count
                                                           : e->memory_bytes;
    e->bandwidth_bytes_per_s = device.bandwidth_bytes_per_s;
    e->host_link_bytes_per_s = device.kind == CTXFIT_DEVICE_GPU ? device.link_bytes_per_s : 0;
    e->int8_ops_per_s = device.int8_ops_per_s;
    e->matrix_flops_per_s = device.fp16_flops_per_s;
    put_device_facts(e, &device_rows[cfi_hw_catalog_part(index)]);
}

/* Adds what stands behind the first of several devices: "2*rtx-4090 rtx-3090 host:64GiB". Specs of the catalog have no keys. */
static void put_rig(ctxfit_hw_entry *e, const char *spec)
{
    bool first = true;

    while (*spec != '\0') {
        size_t          len = strcspn(spec, " ");
        uint64_t        count = 1;
        const char     *end;
        char            id[64];
        ctxfit_hw_entry part;

        if (strncmp(spec, "host:", 5) == 0) {
            (void)cfi_parse_bytes(spec + 5, NULL, &e->host_memory_bytes);
        } else {
            const char *name = cfi_parse_u64(spec, &end, &count) && *end == '*' ? end + 1 : spec;

            count = name == spec ? 1 : count;
            (void)snprintf(id, sizeof id, "%.*s", (int)(spec + len - name), name);
            memset(&part, 0, sizeof part);
            put_device(&part, cfi_hw_find(id), (uint32_t)count);
            if (first) {
                *e = part;
            } else {
                e->device_count += part.device_count;
                e->advertised_bytes += part.advertised_bytes;
                e->memory_bytes += part.memory_bytes;
                e->budget_bytes += part.budget_bytes;
            }
            first = false;
        }
        spec += len;
        spec += *spec == ' ' ? 1 : 0;
    }
}

void cfi_hw_catalog_entry(uint32_t index, ctxfit_hw_entry *out)
{
    const char *spec = cfi_hw_rig_spec(index);

    memset(out, 0, sizeof *out);
    if (spec != NULL)
        put_rig(out, spec);
    else
        put_device(out, index, 1);
    if (index >= CFI_COUNT(device_rows)) {
        put_system_facts(out, &system_rows[index - CFI_COUNT(device_rows)]);
        out->is_machine = 1;
    }
    if (spec != NULL) {
        put(out->spec, sizeof out->spec, spec);
        out->kind = 0;
    }
    out->struct_size = (uint32_t)sizeof *out;
    put(out->id, sizeof out->id, ctxfit_hw_catalog_id(index));
    put(out->name, sizeof out->name, ctxfit_hw_catalog_name(index));
    put(out->source, sizeof out->source, ctxfit_hw_catalog_source(index));
}

uint32_t cfi_hw_catalog_kind(uint32_t index)
{
    ctxfit_hw_entry entry;
    const char     *spec = cfi_hw_rig_spec(index);

    memset(&entry, 0, sizeof entry);
    if (spec != NULL)
        put_rig(&entry, spec);
    else
        put_device(&entry, index, 1);
    return entry.kind;
}

ctxfit_status ctxfit_hw_catalog_get(uint32_t index, ctxfit_hw_entry *out)
{
    ctxfit_hw_entry entry;

    if (out == NULL)
        return CTXFIT_E_INVALID_ARG;
    if (index >= ctxfit_hw_catalog_count())
        return cfi_copy_none(out, CFI_V1_HW_ENTRY, CTXFIT_E_NOT_FOUND);
    cfi_hw_catalog_entry(index, &entry);
    return cfi_copy_out(out, &entry, sizeof entry, CFI_V1_HW_ENTRY);
}
