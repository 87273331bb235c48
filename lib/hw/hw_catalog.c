/*
 * The tables. Texts lie in one constant struct of char arrays and rows hold their offsets, so that the tables need neither pointers nor
 * relocations at load time. The member of a text is named after the line of its row.
 */
#include <stddef.h>
#include <stdio.h>

#include "hw_internal.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define MIB (UINT64_C(1) << 20)
#define MEGA UINT64_C(1000000)
#define GIGA 1e9

/* ---- sources ---- */
#define SOURCE(id, as_of, text) SOURCE_##id,
enum {
#include "hw_sources.def"
    SOURCE_COUNT
};
#undef SOURCE

#define SOURCE(id, as_of, text) char JOIN(t, __LINE__)[sizeof(text " (as of " as_of ")")];
static const struct source_texts {
#include "hw_sources.def"
#undef SOURCE
#define SOURCE(id, as_of, text) text " (as of " as_of ")",
} source_texts = {
#include "hw_sources.def"
};
#undef SOURCE

#define SOURCE(id, as_of, text) offsetof(struct source_texts, JOIN(t, __LINE__)),
static const uint16_t source_at[] = {
#include "hw_sources.def"
};
#undef SOURCE

/* ---- devices ---- */
enum {
    KIND_HOST = CTXFIT_DEVICE_HOST,
    KIND_GPU = CTXFIT_DEVICE_GPU,
    KIND_UNIFIED = CTXFIT_DEVICE_UNIFIED
};

#define DEVICE(id, name, ...) char JOIN(i, __LINE__)[sizeof(id)]; char JOIN(n, __LINE__)[sizeof(name)];
static const struct device_texts {
#include "devices.def"
#undef DEVICE
#define DEVICE(id, name, ...) id, name,
} device_texts = {
#include "devices.def"
};
#undef DEVICE

typedef struct device_row {
    uint16_t id_at;
    uint16_t name_at;
    uint8_t  backend;
    uint8_t  kind;
    uint8_t  rule;
    uint8_t  source;
    uint32_t memory_mib;
    uint32_t reported_mib;
    uint32_t bandwidth_mb_per_s;
    uint32_t fp16_gflops;
    uint32_t int8_gops;
    uint32_t link_mb_per_s;
    uint8_t  cpu_cores;
    uint8_t  gpu_cores;
} device_row;

#define DEVICE(id, name, backend, kind, memory, reported, bw, fp16, int8, link, budget, cpu, gpu, source)               \
    {offsetof(struct device_texts, JOIN(i, __LINE__)), offsetof(struct device_texts, JOIN(n, __LINE__)),                \
     CTXFIT_BACKEND_##backend, KIND_##kind, CFI_HW_RULE_##budget, SOURCE_##source, memory, reported, bw, fp16, int8, link, cpu, gpu},
static const device_row device_rows[] = {
#include "devices.def"
};
#undef DEVICE

/* ---- machines of one device ---- */
#define RIG(id, name, spec, source)
#define MACHINE(id, name, part, ...) \
    char JOIN(i, __LINE__)[sizeof(id)]; char JOIN(n, __LINE__)[sizeof(name)]; char JOIN(p, __LINE__)[sizeof(part)];
static const struct machine_texts {
#include "systems.def"
#undef MACHINE
#define MACHINE(id, name, part, ...) id, name, part,
} machine_texts = {
#include "systems.def"
};
#undef MACHINE

typedef struct machine_row {
    uint16_t id_at;
    uint16_t name_at;
    uint16_t part_at;
    uint16_t source;
    uint32_t memory_mib;
    uint32_t link_mb_per_s;
} machine_row;

#define MACHINE(id, name, part, memory, link, source)                                                                     \
    {offsetof(struct machine_texts, JOIN(i, __LINE__)), offsetof(struct machine_texts, JOIN(n, __LINE__)),                \
     offsetof(struct machine_texts, JOIN(p, __LINE__)), SOURCE_##source, memory, link},
static const machine_row machine_rows[] = {
#include "systems.def"
};
#undef MACHINE
#undef RIG

/* ---- names for several devices ---- */
#define MACHINE(id, name, part, memory, link, source)
#define RIG(id, name, spec, source) \
    char JOIN(i, __LINE__)[sizeof(id)]; char JOIN(n, __LINE__)[sizeof(name)]; char JOIN(s, __LINE__)[sizeof(spec)];
static const struct rig_texts {
#include "systems.def"
#undef RIG
#define RIG(id, name, spec, source) id, name, spec,
} rig_texts = {
#include "systems.def"
};
#undef RIG

typedef struct rig_row {
    uint16_t id_at;
    uint16_t name_at;
    uint16_t spec_at;
    uint16_t source;
} rig_row;

#define RIG(id, name, spec, source)                                                                                \
    {offsetof(struct rig_texts, JOIN(i, __LINE__)), offsetof(struct rig_texts, JOIN(n, __LINE__)),                 \
     offsetof(struct rig_texts, JOIN(s, __LINE__)), SOURCE_##source},
static const rig_row rig_rows[] = {
#include "systems.def"
};
#undef RIG
#undef MACHINE

_Static_assert(sizeof device_texts <= UINT16_MAX && sizeof machine_texts <= UINT16_MAX && sizeof rig_texts <= UINT16_MAX &&
                   sizeof source_texts <= UINT16_MAX && SOURCE_COUNT <= UINT8_MAX,
               "offsets of texts have 16 bits, sources of devices 8");

/* ---- one list of all: devices, then machines, then rigs ---- */
#define DEVICES ((uint32_t)CFI_COUNT(device_rows))
#define MACHINES ((uint32_t)CFI_COUNT(machine_rows))
#define RIGS ((uint32_t)CFI_COUNT(rig_rows))
_Static_assert(CFI_COUNT(device_rows) + CFI_COUNT(machine_rows) + CFI_COUNT(rig_rows) <= CFI_HW_MOST_ENTRIES, "room in cfi_hw_named");

static const char *text_at(const void *texts, uint16_t at)
{
    return (const char *)texts + at;
}

uint32_t ctxfit_hw_catalog_count(void)
{
    return DEVICES + MACHINES + RIGS;
}

const char *ctxfit_hw_catalog_id(uint32_t index)
{
    if (index < DEVICES)
        return text_at(&device_texts, device_rows[index].id_at);
    if (index < DEVICES + MACHINES)
        return text_at(&machine_texts, machine_rows[index - DEVICES].id_at);
    if (index < DEVICES + MACHINES + RIGS)
        return text_at(&rig_texts, rig_rows[index - DEVICES - MACHINES].id_at);
    return NULL;
}

const char *ctxfit_hw_catalog_name(uint32_t index)
{
    if (index < DEVICES)
        return text_at(&device_texts, device_rows[index].name_at);
    if (index < DEVICES + MACHINES)
        return text_at(&machine_texts, machine_rows[index - DEVICES].name_at);
    if (index < DEVICES + MACHINES + RIGS)
        return text_at(&rig_texts, rig_rows[index - DEVICES - MACHINES].name_at);
    return NULL;
}

const char *ctxfit_hw_catalog_source(uint32_t index)
{
    uint32_t source;

    if (index < DEVICES)
        source = device_rows[index].source;
    else if (index < DEVICES + MACHINES)
        source = machine_rows[index - DEVICES].source;
    else if (index < DEVICES + MACHINES + RIGS)
        source = rig_rows[index - DEVICES - MACHINES].source;
    else
        return NULL;
    return text_at(&source_texts, source_at[source]);
}

const char *cfi_hw_rig_spec(uint32_t index)
{
    if (index < DEVICES + MACHINES || index >= DEVICES + MACHINES + RIGS)
        return NULL;
    return text_at(&rig_texts, rig_rows[index - DEVICES - MACHINES].spec_at);
}

/* Ids of [from, to) ascend. */
static uint32_t find_between(const char *id, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int      order = strcmp(id, ctxfit_hw_catalog_id(middle));

        if (order == 0)
            return middle;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return CFI_HW_NONE;
}

uint32_t cfi_hw_find(const char *id)
{
    uint32_t found = find_between(id, 0, DEVICES);

    if (found == CFI_HW_NONE)
        found = find_between(id, DEVICES, DEVICES + MACHINES);
    if (found == CFI_HW_NONE)
        found = find_between(id, DEVICES + MACHINES, DEVICES + MACHINES + RIGS);
    return found;
}

uint32_t cfi_hw_catalog_part(uint32_t index)
{
    if (index >= DEVICES && index < DEVICES + MACHINES)
        return find_between(text_at(&machine_texts, machine_rows[index - DEVICES].part_at), 0, DEVICES);
    return index;
}

/* The device row behind an entry; NULL for rigs. */
static const device_row *row_of(uint32_t index)
{
    index = cfi_hw_catalog_part(index);
    return index < DEVICES ? &device_rows[index] : NULL;
}

cfi_hw_rule cfi_hw_rule_of(uint32_t index)
{
    const device_row *row = row_of(index);

    return row != NULL ? (cfi_hw_rule)row->rule : CFI_HW_RULE_ALL;
}

void cfi_hw_catalog_cores(uint32_t index, uint32_t *out_cpu_cores, uint32_t *out_gpu_cores)
{
    const device_row *row = row_of(index);

    *out_cpu_cores = row != NULL ? row->cpu_cores : 0;
    *out_gpu_cores = row != NULL ? row->gpu_cores : 0;
}

uint32_t cfi_hw_catalog_advertised_mib(uint32_t index)
{
    const device_row *row = row_of(index);

    if (row == NULL)
        return 0;
    if (index >= DEVICES && machine_rows[index - DEVICES].memory_mib != 0)
        return machine_rows[index - DEVICES].memory_mib;
    return row->memory_mib;
}

void cfi_hw_catalog_device(uint32_t index, ctxfit_device *out)
{
    const device_row *row = row_of(index);
    ctxfit_device     empty = CTXFIT_DEVICE_INIT;

    *out = empty;
    if (row == NULL)
        return;
    out->kind = row->kind;
    out->backend = row->backend;
    out->memory_bytes = MIB * (row->reported_mib != 0 ? row->reported_mib : row->memory_mib);
    out->bandwidth_bytes_per_s = MEGA * row->bandwidth_mb_per_s;
    out->link_bytes_per_s = MEGA * row->link_mb_per_s;
    out->fp16_flops_per_s = GIGA * row->fp16_gflops;
    out->int8_ops_per_s = GIGA * row->int8_gops;
    if (index >= DEVICES) {
        const machine_row *machine = &machine_rows[index - DEVICES];

        if (machine->memory_mib != 0)
            out->memory_bytes = MIB * machine->memory_mib;
        if (machine->link_mb_per_s != 0)
            out->link_bytes_per_s = MEGA * machine->link_mb_per_s;
    }
    (void)snprintf(out->id, sizeof out->id, "%s", ctxfit_hw_catalog_id(index));
    (void)snprintf(out->name, sizeof out->name, "%s", ctxfit_hw_catalog_name(index));
}
