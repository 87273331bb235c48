/*
 * NVIDIA's cards through its management library (NVML), whose functions the caller has found. Facts: NVML API reference, driver 535 to 580
 * (nvmlDeviceGetMemoryInfo_v2 counts what the driver keeps apart from what is used; _v1 counts it as used). NVML is not told of
 * CUDA_VISIBLE_DEVICES and lists by PCI address.
 */
#include <stdio.h>

#include "detect_internal.h"

#define MOST_CARDS 1024u /* a broken library must not keep us busy */
#define MOST_SLICES 16u  /* a card has at most 7 */

typedef struct nvml_card {
    cfi_nvml_handle handle;
    cfi_nvml_pci    pci;
    char            name[96];
    char            uuid[96];
    uint64_t        link_bytes_per_s;
} nvml_card;

static bool is_absurd(uint64_t bytes)
{
    return bytes > UINT64_C(1) << 50; /* 1 PiB on one card */
}

/* Total and free bytes. NOT_SUPPORTED also stands for a total of 0: there is no memory of its own (GB10, Jetson). */
static int read_memory(const cfi_nvml *nvml, cfi_nvml_handle handle, uint64_t *total, uint64_t *free_now)
{
    cfi_nvml_memory_v2 v2;
    cfi_nvml_memory    v1;
    int                code = CFI_NVML_NOT_SUPPORTED;

    memset(&v2, 0, sizeof v2);
    memset(&v1, 0, sizeof v1);
    if (nvml->memory_v2 != NULL) {
        v2.version = (unsigned int)sizeof v2 | 2u << 24; /* NVML_STRUCT_VERSION(Memory, 2) */
        code = nvml->memory_v2(handle, &v2);
        *total = v2.total;
        *free_now = v2.free;
    }
    if (code != CFI_NVML_OK && nvml->memory != NULL) {
        code = nvml->memory(handle, &v1);
        *total = v1.total;
        *free_now = v1.free;
    }
    if (code != CFI_NVML_OK)
        return code;
    if (*total == 0)
        return CFI_NVML_NOT_SUPPORTED;
    *free_now = cfi_min_u64(*free_now, *total);
    return CFI_NVML_OK;
}

static void read_texts(const cfi_nvml *nvml, nvml_card *card)
{
    char text[96];

    memset(text, 0, sizeof text);
    if (nvml->name != NULL && nvml->name(card->handle, text, sizeof text - 1) == CFI_NVML_OK)
        cfi_hw_copy_text(card->name, sizeof card->name, text);
    memset(text, 0, sizeof text);
    if (nvml->uuid != NULL && nvml->uuid(card->handle, text, sizeof text - 1) == CFI_NVML_OK)
        cfi_hw_copy_text(card->uuid, sizeof card->uuid, text);
    if (nvml->pci != NULL && nvml->pci(card->handle, &card->pci) != CFI_NVML_OK)
        memset(&card->pci, 0, sizeof card->pci);
}

/* What the link can do at most: now it may sleep. */
static void read_link(cfi_hw_scene *scene, const cfi_nvml *nvml, nvml_card *card)
{
    unsigned int generation = 0, width = 0;

    if (nvml->pcie_generation == NULL || nvml->pcie_width == NULL || nvml->pcie_generation(card->handle, &generation) != CFI_NVML_OK ||
        nvml->pcie_width(card->handle, &width) != CFI_NVML_OK)
        return;
    card->link_bytes_per_s = cfi_hw_pcie_rate(generation, width);
    cfi_hw_note(scene, "  link: PCIe %u x%u", generation, width);
}

static cfi_hw_finding *add_card(cfi_hw_scene *scene, const nvml_card *card, uint32_t kind)
{
    cfi_hw_finding *finding = cfi_hw_add_finding(scene, kind, CTXFIT_BACKEND_CUDA);

    if (finding == NULL)
        return NULL;
    if ((card->pci.device_and_vendor & 0xffff) == CFI_PCI_NVIDIA) {
        finding->vendor = CFI_PCI_NVIDIA;
        finding->device = card->pci.device_and_vendor >> 16;
    }
    memcpy(finding->name, card->name, sizeof finding->name);
    finding->link_bytes_per_s = card->link_bytes_per_s;
    (void)snprintf(finding->place, sizeof finding->place, "%04x:%02x:%02x.0", (unsigned)card->pci.domain, (unsigned)card->pci.bus,
                   (unsigned)card->pci.device);
    return finding;
}

/* The slices of a card that is partitioned; what the card itself reports is what they share. */
static void read_slices(cfi_hw_scene *scene, const cfi_nvml *nvml, const nvml_card *card, bool visible)
{
    unsigned int count = 0;
    uint32_t     found = 0;

    if (nvml->mig_count == NULL || nvml->mig_by_index == NULL || nvml->mig_count(card->handle, &count) != CFI_NVML_OK)
        count = 0;
    for (unsigned int i = 0; i < count && i < MOST_SLICES; i++) {
        nvml_card       slice;
        cfi_hw_finding *finding;
        uint64_t        total, free_now;

        memset(&slice, 0, sizeof slice);
        if (nvml->mig_by_index(card->handle, i, &slice.handle) != CFI_NVML_OK)
            continue;
        read_texts(nvml, &slice);
        slice.pci = card->pci;
        slice.link_bytes_per_s = card->link_bytes_per_s;
        found++;
        if (!visible && !cfi_hw_is_visible(scene->options->visible_cuda, UINT32_MAX, slice.uuid))
            continue;
        if (read_memory(nvml, slice.handle, &total, &free_now) != CFI_NVML_OK || is_absurd(total)) {
            cfi_hw_warn(scene, "a MIG instance of %s does not tell its memory: left out", card->name);
            continue;
        }
        finding = add_card(scene, &slice, CTXFIT_DEVICE_GPU);
        if (finding == NULL)
            return;
        finding->partition = 1;
        finding->memory_bytes = total;
        finding->free_bytes = free_now;
        finding->free_known = 1;
        cfi_hw_note(scene, "  MIG instance %u '%s': total %llu, free %llu", i, finding->name, (unsigned long long)total,
                    (unsigned long long)free_now);
    }
    if (found == 0)
        cfi_hw_warn(scene, "%s is in MIG mode and shows no instance that this process may use: left out", card->name);
}

static void read_whole_card(cfi_hw_scene *scene, const cfi_nvml *nvml, const nvml_card *card)
{
    uint64_t        total = 0, free_now = 0;
    int             code = read_memory(nvml, card->handle, &total, &free_now);
    cfi_hw_finding *finding;

    if (code == CFI_NVML_NOT_SUPPORTED && cfi_hw_pci_kind(CFI_PCI_NVIDIA, card->pci.device_and_vendor >> 16) != CTXFIT_DEVICE_GPU) {
        cfi_hw_note(scene, "  no memory of its own: it uses the host's");
        (void)add_card(scene, card, CTXFIT_DEVICE_UNIFIED);
        return;
    }
    if (code != CFI_NVML_OK || is_absurd(total)) {
        cfi_hw_note(scene, "  memory: NVML error %d, total %llu", code, (unsigned long long)total);
        cfi_hw_warn(scene, "%s does not tell its memory (NVML error %d): left out", card->name[0] != '\0' ? card->name : "a card", code);
        return;
    }
    cfi_hw_note(scene, "  total %llu, free %llu", (unsigned long long)total, (unsigned long long)free_now);
    finding = add_card(scene, card, CTXFIT_DEVICE_GPU);
    if (finding != NULL) {
        finding->memory_bytes = total;
        finding->free_bytes = free_now;
        finding->free_known = 1;
    }
}

static void read_card(cfi_hw_scene *scene, const cfi_nvml *nvml, uint32_t index)
{
    nvml_card    card;
    unsigned int mig = 0, pending = 0;
    bool         visible;
    int          code;

    memset(&card, 0, sizeof card);
    code = nvml->by_index(index, &card.handle);
    if (code != CFI_NVML_OK) {
        cfi_hw_warn(scene, "NVML shows a card that it does not let this process read (error %d): left out", code);
        return;
    }
    read_texts(nvml, &card);
    cfi_hw_note(scene, "nvml %u: '%s', pci %04x:%04x", (unsigned)index, card.name, (unsigned)(card.pci.device_and_vendor & 0xffff),
                (unsigned)(card.pci.device_and_vendor >> 16));
    read_link(scene, nvml, &card);
    visible = cfi_hw_is_visible(scene->options->visible_cuda, index, card.uuid);
    if (nvml->mig_mode != NULL && nvml->mig_mode(card.handle, &mig, &pending) == CFI_NVML_OK && mig == 1) {
        read_slices(scene, nvml, &card, visible);
        return;
    }
    if (!visible) {
        cfi_hw_note(scene, "  hidden by the list of visible devices");
        return;
    }
    read_whole_card(scene, nvml, &card);
}

/* CUDA counts the fastest card first unless CUDA_DEVICE_ORDER says PCI_BUS_ID; nobody but CUDA knows its idea of fast. */
static void warn_of_order(cfi_hw_scene *scene, uint32_t count)
{
    const char *list = scene->options->visible_cuda;

    if (count > 1 && *list >= '0' && *list <= '9')
        cfi_hw_warn(scene, "the numbers of visible CUDA devices were taken in PCI order; CUDA itself may count the fastest card first");
}

bool cfi_hw_read_nvml(cfi_hw_scene *scene, const cfi_nvml *nvml)
{
    unsigned int count = 0;
    char         driver[96];
    int          code = nvml->init();

    if (code != CFI_NVML_OK) {
        cfi_hw_note(scene, "nvml: nvmlInit fails with %d", code);
        cfi_hw_warn(scene, "NVIDIA's driver library is there but does not start (NVML error %d): its cards are not seen", code);
        return false;
    }
    memset(driver, 0, sizeof driver);
    if (nvml->driver != NULL && nvml->driver(driver, sizeof driver - 1) == CFI_NVML_OK)
        cfi_hw_note(scene, "nvml: driver %s", driver);
    code = nvml->count(&count);
    if (code != CFI_NVML_OK) {
        cfi_hw_warn(scene, "NVIDIA's driver library does not count its cards (NVML error %d): they are not seen", code);
        count = 0;
    }
    for (uint32_t i = 0; i < count && i < MOST_CARDS; i++)
        read_card(scene, nvml, i);
    warn_of_order(scene, count);
    (void)nvml->shutdown();
    return count > 0;
}
