/* From what was read to a machine: which findings count, what is free, what each is called, and the report. */
#include <inttypes.h>
#include <stdio.h>

#include "detect_internal.h"

#define MIB (UINT64_C(1) << 20)

/* Sizes are whole MiB: free memory moves by more between two calls, and specs stay readable. What is known is not 0, which is unknown. */
static uint64_t known_mib(uint64_t bytes)
{
    return cfi_max_u64(bytes / MIB, 1) * MIB;
}

/*
 * What the system keeps of all memory. A process with a limit has no system within it: there only what the limit would take of the
 * system's share is kept.
 */
static uint64_t reserve_within(uint64_t all_memory, uint64_t limited_memory)
{
    uint64_t whole = known_mib(all_memory), usable = whole - cfi_min_u64(whole, cfi_hw_reserve(whole));

    return limited_memory > usable ? limited_memory - usable : CTXFIT_HW_RESERVE_NONE;
}

static uint64_t host_memory(const cfi_hw_scene *scene)
{
    return cfi_min_u64(scene->memory_bytes, scene->limit_bytes);
}

static uint64_t host_free(const cfi_hw_scene *scene)
{
    return cfi_min_u64(cfi_min_u64(scene->available_bytes, scene->limit_free_bytes), host_memory(scene));
}

/* ---- which findings count ---- */
static bool is_left_out(cfi_hw_scene *scene, const cfi_hw_finding *finding, bool discrete, bool unified_taken)
{
    if (finding->kind != CTXFIT_DEVICE_UNIFIED)
        return false;
    if (unified_taken) {
        cfi_hw_warn(scene, "a second device that shares the host's memory (%s) is left out", finding->place);
        return true;
    }
    if (discrete && finding->backend != CTXFIT_BACKEND_CUDA && (scene->options->flags & CTXFIT_HW_DETECT_WITH_INTEGRATED) == 0) {
        cfi_hw_warn(scene, "the integrated GPU (%s, %04x:%04x) is left out, as engines do beside a card", finding->place,
                    (unsigned)finding->vendor, (unsigned)finding->device);
        return true;
    }
    if (scene->memory_bytes == 0) {
        cfi_hw_warn(scene, "a device shares the host's memory (%s), of which nothing is known: left out", finding->place);
        return true;
    }
    return false;
}

/* ---- one device ---- */
/* Tables and formulas round in their own ways: a link that is the catalog's but for that is the catalog's. */
static void keep_known_link(ctxfit_device *device, uint32_t index)
{
    ctxfit_device known;
    uint64_t      a, b;

    cfi_hw_catalog_device(index, &known);
    a = cfi_max_u64(device->link_bytes_per_s, known.link_bytes_per_s);
    b = cfi_min_u64(device->link_bytes_per_s, known.link_bytes_per_s);
    if (a - b < a / 50)
        device->link_bytes_per_s = 0;
}

static void name_device(cfi_hw_scene *scene, ctxfit_device *device, const cfi_hw_finding *finding, uint32_t index,
                        const ctxfit_device *common, const char *evidence)
{
    const char *called = finding->name[0] != '\0' ? finding->name : finding->place;

    device->kind = finding->kind;
    device->link_bytes_per_s = finding->link_bytes_per_s;
    cfi_hw_note(scene, "%s %04x:%04x '%s': %s (%s)", finding->place, (unsigned)finding->vendor, (unsigned)finding->device, finding->name,
                index != CFI_HW_NONE ? ctxfit_hw_catalog_id(index) : "unknown", evidence);
    if (index != CFI_HW_NONE) {
        (void)snprintf(device->id, sizeof device->id, "%s", ctxfit_hw_catalog_id(index));
        keep_known_link(device, index);
        return;
    }
    device->backend = common->backend != CTXFIT_BACKEND_DEFAULT ? common->backend : finding->backend;
    device->bandwidth_bytes_per_s = common->bandwidth_bytes_per_s;
    if (device->link_bytes_per_s == 0)
        device->link_bytes_per_s = common->link_bytes_per_s;
    device->fp16_flops_per_s = common->fp16_flops_per_s;
    device->int8_ops_per_s = common->int8_ops_per_s;
    (void)snprintf(device->name, sizeof device->name, "%s", called);
    cfi_hw_warn(scene, "%s: %.150s%s", called, evidence,
                common->bandwidth_bytes_per_s == 0 ? "; its bandwidth is unknown" : "; what they share is taken");
}

static ctxfit_device card_device(cfi_hw_scene *scene, const cfi_hw_finding *finding)
{
    ctxfit_device device = CTXFIT_DEVICE_INIT, common;
    char          evidence[CFI_HW_EVIDENCE];
    uint32_t      index = cfi_hw_match_finding(scene, finding, finding->memory_bytes, &common, evidence);

    name_device(scene, &device, finding, index, &common, evidence);
    device.memory_bytes = known_mib(finding->memory_bytes);
    if (finding->free_known)
        device.free_bytes = cfi_min_u64(known_mib(finding->free_bytes), device.memory_bytes);
    else
        cfi_hw_warn(scene, "what is free on %s is not known: all of it is taken as free", finding->place);
    return device;
}

/*
 * What firmware set aside is missing from the system's total, so both make the whole; where only the system's total is a size that the
 * device is sold with (MI300A), the two are the same bytes.
 */
static ctxfit_device unified_device(cfi_hw_scene *scene, const cfi_hw_finding *finding)
{
    ctxfit_device device = CTXFIT_DEVICE_INIT, common;
    char          evidence[CFI_HW_EVIDENCE], evidence2[CFI_HW_EVIDENCE];
    uint64_t      own = finding->memory_bytes, own_free = finding->free_known ? finding->free_bytes : own;
    uint32_t      index = cfi_hw_match_finding(scene, finding, scene->memory_bytes + own, &common, evidence), second;

    if (index == CFI_HW_NONE && own > 0) {
        ctxfit_device common2;

        second = cfi_hw_match_finding(scene, finding, scene->memory_bytes, &common2, evidence2);
        if (second != CFI_HW_NONE) {
            index = second;
            memcpy(evidence, evidence2, sizeof evidence);
            own = own_free = 0;
        }
    }
    name_device(scene, &device, finding, index, &common, evidence);
    device.memory_bytes = known_mib(host_memory(scene) + own);
    device.free_bytes = cfi_min_u64(known_mib(host_free(scene) + own_free), device.memory_bytes);
    device.reserve_bytes = reserve_within(scene->memory_bytes + own, device.memory_bytes);
    if (finding->budget_bytes != 0)
        device.budget_bytes = cfi_min_u64(known_mib(finding->budget_bytes), device.memory_bytes);
    else if (finding->shared_bytes != 0)
        device.budget_bytes = cfi_min_u64(known_mib(own + finding->shared_bytes), device.memory_bytes);
    if (own > scene->memory_bytes)
        cfi_hw_warn(scene, "firmware set %" PRIu64 " MiB aside for the GPU: the processor alone can use %" PRIu64 " MiB", own / MIB,
                    scene->memory_bytes / MIB);
    return device;
}

static ctxfit_device host_device(cfi_hw_scene *scene)
{
    ctxfit_device device = CTXFIT_DEVICE_INIT;
    char          evidence[CFI_HW_EVIDENCE];
    uint32_t      index = cfi_hw_match_host(scene, evidence);

    device.kind = CTXFIT_DEVICE_HOST;
    device.memory_bytes = known_mib(host_memory(scene));
    device.free_bytes = cfi_min_u64(known_mib(host_free(scene)), device.memory_bytes);
    device.reserve_bytes = reserve_within(scene->memory_bytes, device.memory_bytes);
    if (index != CFI_HW_NONE) {
        (void)snprintf(device.id, sizeof device.id, "%s", ctxfit_hw_catalog_id(index));
        cfi_hw_note(scene, "host: %s (%s)", device.id, evidence);
    } else {
        cfi_hw_warn(scene, "the bandwidth of the host's memory is not known: no speed for what runs there");
    }
    return device;
}

/* ---- the machine ---- */
static ctxfit_status add_device(cfi_hw_scene *scene, cfi_hw_draft *draft, const ctxfit_device *device)
{
    char          reason[CFI_HW_REASON] = "";
    ctxfit_status status = cfi_hw_draft_add(draft, device, false, reason);

    if (status != CTXFIT_OK)
        cfi_hw_warn(scene, "%s is left out: %.120s", device->name[0] != '\0' ? device->name : device->id, reason);
    return status;
}

/* The budget of unified memory that nothing states. */
static uint64_t rule_budget(const ctxfit_device *device)
{
    uint32_t index = cfi_hw_find(device->id);

    return cfi_hw_budget(index != CFI_HW_NONE ? cfi_hw_rule_of(index) : cfi_hw_default_rule(device->kind, device->backend),
                         device->memory_bytes);
}

/* An orchestrator's word counts for what a device may hold, whatever is free beyond it. */
static void limit_device(const cfi_hw_scene *scene, ctxfit_device *device, uint32_t place)
{
    uint64_t limit = place < CTXFIT_HW_DETECT_LIMITS ? scene->options->device_limit_bytes[place] : 0;

    if (limit == 0 || limit >= device->memory_bytes)
        return;
    limit = known_mib(limit);
    if (device->kind == CTXFIT_DEVICE_UNIFIED)
        device->budget_bytes = cfi_min_u64(device->budget_bytes != 0 ? device->budget_bytes : rule_budget(device), limit);
    else
        device->free_bytes = device->free_bytes != 0 ? cfi_min_u64(device->free_bytes, limit) : limit;
}

static void add_findings(cfi_hw_scene *scene, cfi_hw_draft *draft, bool *out_unified)
{
    bool discrete = false;

    *out_unified = false;
    for (uint32_t i = 0; i < scene->finding_count; i++)
        discrete = discrete || scene->findings[i].kind == CTXFIT_DEVICE_GPU;
    for (uint32_t i = 0; i < scene->finding_count; i++) {
        const cfi_hw_finding *finding = &scene->findings[i];
        bool                  unified = finding->kind == CTXFIT_DEVICE_UNIFIED;
        ctxfit_device         device;

        if (is_left_out(scene, finding, discrete, *out_unified))
            continue;
        device = unified ? unified_device(scene, finding) : card_device(scene, finding);
        limit_device(scene, &device, draft->hw->count);
        if (add_device(scene, draft, &device) == CTXFIT_OK)
            *out_unified = *out_unified || unified;
    }
}

/* The report and the warnings go where the machine lives. */
static ctxfit_status keep_texts(cfi_hw_scene *scene, ctxfit_hw *hw)
{
    char spec[2048];

    for (uint32_t i = 0; i < scene->warning_count; i++)
        cfi_hw_note(scene, "warning: %s", scene->warnings[i]);
    if (ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL) == CTXFIT_OK)
        cfi_write(&scene->report, "spec: %s\n", spec);
    (void)cfi_writer_finish(&scene->report, NULL);
    hw->report = cfi_arena_copy(&hw->arena, scene->report_text, strlen(scene->report_text));
    hw->warnings = cfi_arena_array(&hw->arena, (size_t)scene->warning_count + 1, sizeof *hw->warnings);
    if (hw->report == NULL || hw->warnings == NULL)
        return CTXFIT_E_NO_MEMORY;
    for (; hw->warning_count < scene->warning_count; hw->warning_count++) {
        const char *warning = scene->warnings[hw->warning_count];

        hw->warnings[hw->warning_count] = cfi_arena_copy(&hw->arena, warning, strlen(warning));
        if (hw->warnings[hw->warning_count] == NULL)
            return CTXFIT_E_NO_MEMORY;
    }
    return CTXFIT_OK;
}

ctxfit_status cfi_hw_scene_machine(cfi_hw_scene *scene, const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error)
{
    char          reason[CFI_HW_REASON] = "";
    cfi_hw_draft  draft;
    ctxfit_hw    *hw = NULL;
    bool          unified;
    ctxfit_status status = cfi_hw_draft_begin(&draft, allocator);

    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "out of memory for a machine");
    add_findings(scene, &draft, &unified);
    if (scene->swallowed > 0)
        cfi_hw_warn(scene, "%" PRIu64 " more devices: a machine has at most %d", scene->swallowed, CTXFIT_HW_MAX_DEVICES);
    if (!unified && scene->memory_bytes != 0) {
        ctxfit_device host = host_device(scene);

        (void)add_device(scene, &draft, &host);
    }
    if (draft.hw->count == 0 && !draft.host_stated) {
        ctxfit_hw_free(draft.hw);
        return cfi_fail(error, CTXFIT_E_IO, "neither the host's memory nor a device could be read");
    }
    status = cfi_hw_draft_end(&draft, &hw, reason);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "%s", reason);
    status = keep_texts(scene, hw);
    if (status != CTXFIT_OK) {
        ctxfit_hw_free(hw);
        return cfi_fail(error, status, "out of memory for a report");
    }
    *out = hw;
    return CTXFIT_OK;
}
