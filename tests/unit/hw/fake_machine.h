/*
 * Made machines: one text file that holds the files of a system ("== /proc/meminfo" and what follows), the cards that a stand-in NVML
 * shows ("== nvml"), and what must be found ("== spec", "== warnings", "== report").
 */
#ifndef FAKE_MACHINE_H
#define FAKE_MACHINE_H

#include "hw_support.h"

#include "hw/detect_internal.h"

#define FAKE_FILES 1300
#define FAKE_CARDS 256

typedef struct fake_file {
    char        path[96];
    const char *text;
    size_t      len;
} fake_file;

typedef struct fake_machine {
    char     *all;
    fake_file files[FAKE_FILES];
    size_t    count;
} fake_machine;

/* ---- files ---- */
static inline void fake_add(fake_machine *m, const char *path, const char *text, size_t len)
{
    assert_true(m->count < FAKE_FILES);
    (void)snprintf(m->files[m->count].path, sizeof m->files[0].path, "%s", path);
    m->files[m->count].text = text;
    m->files[m->count++].len = len;
}

static inline const fake_file *fake_find(const fake_machine *m, const char *path)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->files[i].path, path) == 0)
            return &m->files[i];
    return NULL;
}

static inline bool fake_read(void *user, const char *path, char *out, size_t cap, size_t *out_len)
{
    const fake_file *file = fake_find(user, path);

    out[0] = '\0';
    *out_len = 0;
    if (file == NULL || file->text == NULL)
        return false;
    *out_len = file->len < cap ? file->len : cap - 1;
    memcpy(out, file->text, *out_len);
    out[*out_len] = '\0';
    return true;
}

/* "== /dev/dri/renderD128": total, and what is free, or 0 where the driver does not tell it. */
static inline bool fake_regions(void *user, const char *node, bool xe, cfi_hw_regions *out)
{
    const fake_file   *file = fake_find(user, node);
    unsigned long long total, free_now;

    (void)xe;
    if (file == NULL || sscanf(file->text, "%llu %llu", &total, &free_now) != 2)
        return false;
    out->total_bytes = total;
    out->free_bytes = free_now;
    out->free_known = free_now != 0;
    return true;
}

/* Cuts `all` at its headings. */
static inline void fake_parse(fake_machine *m)
{
    char *at = m->all;

    while (at != NULL && *at != '\0') {
        char *line_end = strchr(at, '\n'), *next = line_end;

        assert_non_null(line_end);
        if (strncmp(at, "== ", 3) == 0) {
            *line_end = '\0';
            next = line_end + 1;
            while (*next != '\0' && strncmp(next, "== ", 3) != 0) {
                next = strchr(next, '\n');
                assert_non_null(next);
                next++;
            }
            fake_add(m, at + 3, line_end + 1, (size_t)(next - line_end - 1));
            at = next;
        } else {
            at = line_end + 1;
        }
    }
}

static inline void fake_load(fake_machine *m, const char *path)
{
    FILE *file = fopen(path, "rb");
    long  size;

    memset(m, 0, sizeof *m);
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size > 0);
    rewind(file);
    m->all = calloc(1, (size_t)size + 1);
    assert_non_null(m->all);
    assert_int_equal(fread(m->all, 1, (size_t)size, file), (size_t)size);
    (void)fclose(file);
    fake_parse(m);
}

/* ---- NVML ---- */
struct cfi_nvml_device {
    uint32_t pci;
    uint32_t slice_of;  /* place of the card + 1; 0 = a card */
    uint32_t slices;
    int      code;
    uint64_t total;
    uint64_t free;
    uint32_t generation;
    uint32_t width;
    char     uuid[40];
    char     name[96];
};

static struct {
    struct cfi_nvml_device cards[FAKE_CARDS];
    uint32_t               count;
    uint32_t               calls;
    uint32_t               fail_at; /* this call, 0 = none */
    uint32_t               started;
    bool                   old;     /* has no version 2 of the memory call */
} fake_nvml;

static inline bool nvml_fails(void)
{
    return ++fake_nvml.calls == fake_nvml.fail_at;
}

static inline int fake_nvml_init(void)
{
    if (nvml_fails())
        return 9;
    fake_nvml.started++;
    return 0;
}

static inline int fake_nvml_shutdown(void)
{
    fake_nvml.started--;
    return 0;
}

static inline int fake_nvml_count(unsigned int *out)
{
    unsigned int n = 0;

    if (nvml_fails())
        return 999;
    for (uint32_t i = 0; i < fake_nvml.count; i++)
        n += fake_nvml.cards[i].slice_of == 0;
    *out = n;
    return 0;
}

static inline int fake_nvml_by_index(unsigned int index, cfi_nvml_handle *out)
{
    if (nvml_fails())
        return 999;
    for (uint32_t i = 0; i < fake_nvml.count; i++)
        if (fake_nvml.cards[i].slice_of == 0 && index-- == 0) {
            *out = &fake_nvml.cards[i];
            return 0;
        }
    return 2;
}

static inline int fake_nvml_memory(cfi_nvml_handle card, cfi_nvml_memory *out)
{
    if (nvml_fails())
        return 999;
    out->total = card->total;
    out->free = card->free;
    out->used = card->total - card->free;
    return card->code;
}

static inline int fake_nvml_memory_v2(cfi_nvml_handle card, cfi_nvml_memory_v2 *out)
{
    if (nvml_fails())
        return 999;
    if (fake_nvml.old || out->version != (unsigned int)(sizeof *out | 2u << 24))
        return 25; /* NVML_ERROR_ARGUMENT_VERSION_MISMATCH */
    out->total = card->total;
    out->free = card->free;
    return card->code;
}

static inline int fake_nvml_name(cfi_nvml_handle card, char *out, unsigned int cap)
{
    if (nvml_fails())
        return 999;
    (void)snprintf(out, cap, "%s", card->name);
    return 0;
}

static inline int fake_nvml_uuid(cfi_nvml_handle card, char *out, unsigned int cap)
{
    if (nvml_fails())
        return 999;
    (void)snprintf(out, cap, "%s", card->uuid);
    return 0;
}

static inline int fake_nvml_pci(cfi_nvml_handle card, cfi_nvml_pci *out)
{
    if (nvml_fails())
        return 999;
    out->device_and_vendor = card->pci;
    out->bus = (uint32_t)(card - fake_nvml.cards) + 1;
    return 0;
}

static inline int fake_nvml_mig_mode(cfi_nvml_handle card, unsigned int *current, unsigned int *pending)
{
    if (nvml_fails())
        return 999;
    *current = *pending = card->slices > 0;
    return 0;
}

static inline int fake_nvml_mig_count(cfi_nvml_handle card, unsigned int *out)
{
    (void)card;
    *out = 7;
    return nvml_fails() ? 999 : 0;
}

static inline int fake_nvml_mig_by_index(cfi_nvml_handle card, unsigned int index, cfi_nvml_handle *out)
{
    if (nvml_fails())
        return 999;
    if (index >= card->slices)
        return 6;
    *out = card + 1 + index;
    return 0;
}

static inline int fake_nvml_generation(cfi_nvml_handle card, unsigned int *out)
{
    *out = card->generation;
    return nvml_fails() ? 999 : card->generation != 0 ? 0 : CFI_NVML_NOT_SUPPORTED;
}

static inline int fake_nvml_width(cfi_nvml_handle card, unsigned int *out)
{
    *out = card->width;
    return nvml_fails() ? 999 : 0;
}

static const cfi_nvml fake_nvml_functions = {
    fake_nvml_init, fake_nvml_shutdown, fake_nvml_count, fake_nvml_by_index, fake_nvml_memory, fake_nvml_memory_v2, fake_nvml_name,
    fake_nvml_uuid, fake_nvml_pci, fake_nvml_mig_mode, fake_nvml_mig_count, fake_nvml_mig_by_index, NULL, fake_nvml_generation,
    fake_nvml_width,
};

/*
 * "10de:2684 | 24564MiB | 24100MiB | GPU-1 | NVIDIA GeForce RTX 4090"; "mig" instead of the id: a slice of the card above. The name may end
 * in " @ PCIe 4 x8".
 */
static inline void fake_nvml_add(const char *line)
{
    struct cfi_nvml_device *card = &fake_nvml.cards[fake_nvml.count];
    char                    id[16], total[32], free_now[32];
    const char             *end;
    char                   *link;
    unsigned                vendor = 0, device = 0;

    assert_true(fake_nvml.count < FAKE_CARDS);
    memset(card, 0, sizeof *card);
    assert_int_equal(sscanf(line, "%15s | %31s | %31s | %39s | %95[^\n]", id, total, free_now, card->uuid, card->name), 5);
    link = strstr(card->name, " @ PCIe ");
    if (link != NULL) {
        assert_int_equal(sscanf(link, " @ PCIe %u x%u", &card->generation, &card->width), 2);
        *link = '\0';
    }
    if (strcmp(id, "mig") == 0) {
        uint32_t parent = fake_nvml.count - 1;

        while (fake_nvml.cards[parent].slice_of != 0)
            parent--;
        card->slice_of = parent + 1;
        fake_nvml.cards[parent].slices++;
        card->pci = fake_nvml.cards[parent].pci;
    } else {
        assert_int_equal(sscanf(id, "%4x:%4x", &vendor, &device), 2);
        card->pci = device << 16 | vendor;
    }
    if (strcmp(total, "unsupported") == 0)
        card->code = CFI_NVML_NOT_SUPPORTED;
    else if (strncmp(total, "error", 5) == 0)
        card->code = atoi(total + 5);
    else
        assert_true(cfi_parse_bytes(total, &end, &card->total) && cfi_parse_bytes(free_now, &end, &card->free));
    fake_nvml.count++;
}

/* The cards of the machine; NULL: it has no NVML. */
static inline const cfi_nvml *fake_nvml_of(const fake_machine *m)
{
    const fake_file *file = fake_find(m, "nvml");
    const char      *line = file != NULL ? file->text : NULL, *end = file != NULL ? file->text + file->len : NULL;

    memset(&fake_nvml, 0, sizeof fake_nvml);
    if (file == NULL)
        return NULL;
    for (; line < end; line = strchr(line, '\n') + 1)
        fake_nvml_add(line);
    return &fake_nvml_functions;
}

static inline ctxfit_status fake_detect(fake_machine *m, const ctxfit_hw_detect_options *options, const ctxfit_allocator *allocator,
                                        ctxfit_hw **out, ctxfit_error *error)
{
    cfi_hw_files files = {m, fake_regions, fake_read};

    return cfi_hw_detect_with(&files, fake_nvml.count > 0 ? &fake_nvml_functions : NULL, options, allocator, out, error);
}

#endif
