/* Machines inside the library: the handle, the catalog, names, and the rules of unified memory. */
#ifndef CFI_HW_INTERNAL_H
#define CFI_HW_INTERNAL_H

#include "base/base_internal.h"
#include "ctxfit/hw.h"

/* ---- machine.c: the handle ---- */
struct ctxfit_hw {
    cfi_arena      arena;
    ctxfit_device *devices; /* complete; the host is the last */
    uint32_t       count;
    uint32_t       warning_count;
    const char   **warnings; /* of a detected machine */
    const char    *report;   /* NULL unless detected */
};

static inline const ctxfit_device *cfi_hw_devices(const ctxfit_hw *hw, uint32_t *out_count)
{
    *out_count = hw->count;
    return hw->devices;
}

/* True where the host device is the memory of a unified device of the same node. */
bool cfi_hw_host_is_unified(const ctxfit_hw *hw);

/* A machine while it is being put together: room for every device in `devices`, the host apart. */
typedef struct cfi_hw_draft {
    ctxfit_hw    *hw;
    ctxfit_device host;
    bool          host_stated;
    uint32_t      unified;      /* unified devices so far */
    uint64_t      nodes_taken;  /* bit n: node n has a unified device */
    uint32_t      reserved0;
} cfi_hw_draft;

#define CFI_HW_REASON 160
/* hw_device.c: fills in what is 0 (see ctxfit_hw_from_devices) and checks the rest. On failure `reason` says why. */
ctxfit_status cfi_hw_device_complete(ctxfit_device *device, char reason[CFI_HW_REASON]);
ctxfit_status cfi_hw_draft_begin(cfi_hw_draft *draft, const ctxfit_allocator *allocator);
/*
 * Completes a device (0 = default) and adds it; `auto_node` lets a unified device take the next node. On failure `reason` says why.
 */
ctxfit_status cfi_hw_draft_add(cfi_hw_draft *draft, const ctxfit_device *device, bool auto_node, char reason[CFI_HW_REASON]);
/* Adds the host and returns the machine; the draft is spent either way. */
ctxfit_status cfi_hw_draft_end(cfi_hw_draft *draft, ctxfit_hw **out, char reason[CFI_HW_REASON]);

/* ---- budget.c ---- */
typedef enum cfi_hw_rule {
    CFI_HW_RULE_ALL,
    CFI_HW_RULE_HALF,
    CFI_HW_RULE_THREE_QUARTERS,
    CFI_HW_RULE_APPLE
} cfi_hw_rule;

uint64_t    cfi_hw_budget(cfi_hw_rule rule, uint64_t memory_bytes);
uint64_t    cfi_hw_budget_recent(cfi_hw_rule rule, uint64_t memory_bytes, uint64_t budget_bytes);
cfi_hw_rule cfi_hw_default_rule(uint32_t kind, uint32_t backend);
uint64_t    cfi_hw_reserve(uint64_t memory_bytes);

/* ---- hw_catalog.c: the tables ---- */
#define CFI_HW_NONE UINT32_MAX
#define CFI_HW_MOST_ENTRIES 1024u
uint32_t    cfi_hw_find(const char *id);          /* place of exactly this id, or CFI_HW_NONE */
const char *cfi_hw_rig_spec(uint32_t index);      /* NULL unless the entry stands for several devices */
cfi_hw_rule cfi_hw_rule_of(uint32_t index);
/* What the tables say of a device or machine: memory, bandwidth, rates, link, cores; budget and reserve are not filled. */
void        cfi_hw_catalog_device(uint32_t index, ctxfit_device *out);
/* MiB on the box, also where a driver reports less; 0 for rigs. */
uint32_t    cfi_hw_catalog_advertised_mib(uint32_t index);
/* The row of devices.def behind a device or a machine of one device. */
uint32_t    cfi_hw_catalog_part(uint32_t index);
void        cfi_hw_catalog_cores(uint32_t index, uint32_t *out_cpu_cores, uint32_t *out_gpu_cores);

/* ---- hw_facts.c ---- */
void        cfi_hw_catalog_entry(uint32_t index, ctxfit_hw_entry *out);
/* CTXFIT_DEVICE_* of an entry, of a name for several devices that of the first. */
uint32_t    cfi_hw_catalog_kind(uint32_t index);

/* ---- hw_names.c: what people type ---- */
typedef enum cfi_hw_match {
    CFI_HW_MATCH_NONE,
    CFI_HW_MATCH_ONE,
    CFI_HW_MATCH_SEVERAL
} cfi_hw_match;

cfi_hw_match cfi_hw_resolve(const char *name, uint32_t *out_index);
/* Every entry that a name may mean. */
typedef struct cfi_hw_named {
    bool is[CFI_HW_MOST_ENTRIES]; /* by place in the catalog */
} cfi_hw_named;
void         cfi_hw_find_named(const char *name, cfi_hw_named *out);
/* "no such hardware: 'x'; did you mean ...?" or "'x' is several: a, b; say which" */
void         cfi_hw_explain(const char *name, cfi_hw_match match, char *out, size_t cap);

/* 'text' in quotes, bytes that are not printable ASCII as '?', cut to fit; "the end" for "". */
void         cfi_hw_quote(const char *text, size_t len, char *out, size_t cap);

/* ---- hw_list.c: a caller's own entries ---- */
struct ctxfit_hw_list {
    cfi_arena        arena;
    ctxfit_hw_entry *entries;
    uint32_t         count;
    uint32_t         reserved0;
};

/* The entry of the first `count` that a word names, letters in any case; NULL: none. */
const ctxfit_hw_entry *cfi_hw_list_find(const ctxfit_hw_list *list, uint32_t count, const char *word, size_t len);
/* The device that an entry without a spec describes, as gpu, unified or host with its numbers. */
ctxfit_device          cfi_hw_list_device(const ctxfit_hw_entry *entry);

/* ---- spec_parse.c ---- */
/* As ctxfit_hw_parse_with(), with the first `count` entries of the list. */
ctxfit_status cfi_hw_parse_with(const char *spec, const ctxfit_hw_list *list, uint32_t count, const ctxfit_allocator *allocator,
                                ctxfit_hw **out, ctxfit_error *error);
const char *cfi_hw_backend_name(uint32_t backend);

#endif
