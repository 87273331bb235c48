/* Detection: the public calls, and what every platform's reader writes with. */
#include <stdio.h>

#include "detect_internal.h"

#define ALL_FLAGS (CTXFIT_HW_DETECT_NO_DRIVER | CTXFIT_HW_DETECT_WITH_INTEGRATED)

/* ---- notes, warnings, findings ---- */
void cfi_hw_note(cfi_hw_scene *scene, const char *fmt, ...)
{
    char    line[320];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    cfi_make_printable(line);
    cfi_write(&scene->report, "%s\n", line);
}

void cfi_hw_warn(cfi_hw_scene *scene, const char *fmt, ...)
{
    char   *warning;
    va_list args;

    if (scene->warning_count == CFI_HW_MAX_WARNINGS)
        return;
    warning = scene->warnings[scene->warning_count++];
    va_start(args, fmt);
    (void)vsnprintf(warning, CFI_HW_WARNING_BYTES, fmt, args);
    va_end(args);
    cfi_make_printable(warning);
    for (uint32_t i = 0; i + 1 < scene->warning_count; i++)
        if (strcmp(scene->warnings[i], warning) == 0) { /* of another card */
            scene->warning_count--;
            return;
        }
}

cfi_hw_finding *cfi_hw_add_finding(cfi_hw_scene *scene, uint32_t kind, uint32_t backend)
{
    cfi_hw_finding *finding;

    if (scene->finding_count == CFI_HW_MAX_FINDINGS) {
        scene->swallowed++;
        return NULL;
    }
    finding = &scene->findings[scene->finding_count++];
    memset(finding, 0, sizeof *finding);
    finding->kind = kind;
    finding->backend = backend;
    finding->revision = CFI_HW_NO_REVISION;
    return finding;
}

void cfi_hw_copy_text(char *out, size_t cap, const char *text)
{
    size_t n = 0;

    while (*text == ' ' || *text == '\t')
        text++;
    for (; *text != '\0' && *text != '\n' && n + 1 < cap; text++)
        out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

/* Whether the entry of a list, up to its comma, names the device. */
static bool entry_names(const char *entry, size_t len, uint32_t index, const char *uuid)
{
    const char *end;
    uint64_t    number;

    if (cfi_parse_u64(entry, &end, &number) && ((size_t)(end - entry) == len || *end == '.')) /* "0.1": a tile of the first */
        return number == index;
    return len > 4 && strncmp(uuid, entry, len) == 0; /* CUDA takes any beginning of a UUID: "GPU-8f2a" */
}

bool cfi_hw_is_visible(const char *list, uint32_t index, const char *uuid)
{
    if (*list == '\0')
        return true;
    while (*list != '\0') {
        size_t len;

        list += strspn(list, " ");
        len = strcspn(list, ", ");
        if (len == 0 || *list == '-')
            return false;
        if (entry_names(list, len, index, uuid))
            return true;
        list += len;
        list += strspn(list, " ");
        list += *list == ',' ? 1 : 0;
    }
    return false;
}

/*
 * PCI Express Base Specification 6.0: 2.5 and 5 GT/s carry 8 bits in 10, 8 to 32 GT/s 128 in 130; 64 GT/s 242 bytes of 256 in a flit.
 * Whole MB/s, as in the catalog.
 */
uint64_t cfi_hw_pcie_rate(unsigned int generation, unsigned int width)
{
    static const uint32_t lane_kb_per_s[] = {0, 250000, 500000, 984615, 1969231, 3938462, 7562500};
    const uint64_t        kilo = 1000, mega = 1000000;

    if (generation >= CFI_COUNT(lane_kb_per_s) || width > 32)
        return 0;
    return lane_kb_per_s[generation] * kilo * width / mega * mega;
}

/* ---- the calls ---- */
static ctxfit_status take_options(const ctxfit_hw_detect_options *options, ctxfit_hw_detect_options *out, ctxfit_error *error)
{
    ctxfit_status status = cfi_copy_in(out, sizeof *out, CFI_V1_HW_DETECT, options);

    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    if ((out->flags & ~(uint32_t)ALL_FLAGS) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "options.flags: 0x%x holds a bit that is not defined", (unsigned)out->flags);
    if (memchr(out->root, '\0', sizeof out->root) == NULL || memchr(out->visible_cuda, '\0', sizeof out->visible_cuda) == NULL ||
        memchr(out->visible_rocm, '\0', sizeof out->visible_rocm) == NULL ||
        memchr(out->visible_sycl, '\0', sizeof out->visible_sycl) == NULL ||
        memchr(out->nvml_library, '\0', sizeof out->nvml_library) == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "options: a text has no terminating NUL");
    return CTXFIT_OK;
}

/* A UUID is as good as a serial number, which a report should not hold. */
static void note_list(cfi_hw_scene *scene, const char *backend, const char *list)
{
    if (*list != '\0')
        cfi_hw_note(scene, "visible to %s: %s", backend, strspn(list, "0123456789,.- ") == strlen(list) ? list : "a list with UUIDs");
}

static void begin_scene(cfi_hw_scene *scene, const ctxfit_hw_detect_options *options)
{
    scene->options = options;
    scene->limit_bytes = options->host_limit_bytes != 0 ? options->host_limit_bytes : UINT64_MAX;
    scene->limit_free_bytes = scene->limit_bytes;
    cfi_writer_init(&scene->report, scene->report_text, sizeof scene->report_text);
    cfi_hw_note(scene, "ctxfit %s hardware report", ctxfit_version_string());
    if (options->host_limit_bytes != 0)
        cfi_hw_note(scene, "stated limit of host memory: %llu bytes", (unsigned long long)options->host_limit_bytes);
    note_list(scene, "CUDA", options->visible_cuda);
    note_list(scene, "ROCm", options->visible_rocm);
    note_list(scene, "SYCL", options->visible_sycl);
    if (options->nvml_library[0] != '\0')
        cfi_hw_note(scene, "nvml: a library that the caller stated");
}

/* `files` NULL: the machine that this runs on. */
static ctxfit_status detect(const cfi_hw_files *files, const cfi_nvml *nvml, const ctxfit_hw_detect_options *options,
                            const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error)
{
    ctxfit_hw_detect_options known;
    ctxfit_allocator         memory;
    cfi_hw_scene            *scene;
    ctxfit_status            status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (!cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "the allocator lacks a function");
    status = take_options(options, &known, error);
    if (status != CTXFIT_OK)
        return status;
    memory = cfi_allocator_or_default(allocator);
    scene = memory.alloc(memory.user, sizeof *scene);
    if (scene == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for detection");
    memset(scene, 0, sizeof *scene);
    begin_scene(scene, &known);
#if defined(CTXFIT_DETECT_LINUX)
    if (files != NULL)
        cfi_hw_read_linux(scene, files, nvml);
    else
        status = cfi_hw_read_system(scene);
#else
    (void)files;
    (void)nvml;
    status = cfi_hw_read_system(scene);
#endif
    if (status == CTXFIT_OK)
        status = cfi_hw_scene_machine(scene, allocator, out, error);
    else
        (void)cfi_fail(error, status, "hardware detection is not built for this operating system");
    memory.release(memory.user, scene, sizeof *scene);
    return status;
}

ctxfit_status ctxfit_hw_detect(const ctxfit_hw_detect_options *options, const ctxfit_allocator *allocator, ctxfit_hw **out,
                               ctxfit_error *error)
{
    return detect(NULL, NULL, options, allocator, out, error);
}

ctxfit_status cfi_hw_detect_with(const cfi_hw_files *files, const cfi_nvml *nvml, const ctxfit_hw_detect_options *options,
                                 const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error)
{
    return detect(files, nvml, options, allocator, out, error);
}

const char *ctxfit_hw_warning(const ctxfit_hw *hw, uint32_t index)
{
    return hw != NULL && index < hw->warning_count ? hw->warnings[index] : NULL;
}

ctxfit_status ctxfit_hw_write_report(const ctxfit_hw *hw, char *buf, size_t cap, size_t *out_len)
{
    cfi_writer w;

    if (out_len != NULL)
        *out_len = 0;
    if (hw == NULL || (buf == NULL && cap > 0))
        return CTXFIT_E_INVALID_ARG;
    if (hw->report == NULL)
        return CTXFIT_E_NOT_FOUND;
    cfi_writer_init(&w, buf, cap);
    cfi_write_text(&w, hw->report, strlen(hw->report));
    return cfi_writer_finish(&w, out_len);
}
