/*
 * Graphics cards of AMD and Intel through Linux's files. Facts: kernel documentation gpu/amdgpu/driver-misc.rst (mem_info_*), drm/xe sysfs
 * (tileN/physical_vram_size_bytes), i915 of vendor kernels (lmem_total_bytes), amdkfd topology (gfx_target_version).
 */
#include <inttypes.h>
#include <stdio.h>

#include "detect_internal.h"

#define MOST_CARDS 256u /* minors of /sys/class/drm/cardN */
#define MOST_NODES 256u /* of the topology, processors included */
#define MOST_TILES 8u
#define FIRST_RENDER 128u /* minors of renderD */
#define MOST_RENDER 64u
#define MOST_BRIDGES 8u /* from a card to its root port */
#define BARS 6
#define CARD_PATH 48
#define GIB (UINT64_C(1) << 30)
#define SMALL_WINDOW (UINT64_C(256) << 20) /* of a card without resizable BAR */

typedef struct drm_card {
    const cfi_hw_files *files;
    char                folder[CARD_PATH];
    uint32_t            number;
    uint32_t            vendor;
    uint32_t            device;
    uint32_t            revision;
} drm_card;

/* Counted per call: the place in the list of visible devices of AMD's runtime. */
typedef struct drm_state {
    uint32_t amd_seen;
    uint32_t intel_cards;      /* with memory of their own, counted beforehand: they come first in Intel's order */
    uint32_t intel_cards_seen;
    uint32_t intel_shared_seen;
    uint32_t other_nvidia;
} drm_state;

/* "0x744c"; false: none */
static bool read_hex(cfi_hw_scene *scene, const cfi_hw_files *files, const char *path, uint32_t *out)
{
    uint32_t value = 0;
    size_t   i = 2;

    if (!cfi_hw_read_file(scene, files, path) || scene->file[0] != '0' || scene->file[1] != 'x')
        return false;
    for (; i < 10; i++) {
        int c = cfi_ascii_lower((unsigned char)scene->file[i]);

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint32_t)(c - 'a' + 10);
        else
            break;
    }
    *out = value;
    return i > 2;
}

static bool card_path(const drm_card *card, const char *name, char out[CFI_HW_PATH_BYTES])
{
    return (size_t)snprintf(out, CFI_HW_PATH_BYTES, "%s/%s", card->folder, name) < CFI_HW_PATH_BYTES;
}

static bool card_number(cfi_hw_scene *scene, const drm_card *card, const char *name, uint64_t *out)
{
    char     path[CFI_HW_PATH_BYTES];
    uint64_t value;

    if (!card_path(card, name, path) || !cfi_hw_read_number(scene, card->files, path, &value))
        return false;
    if (value > UINT64_C(1) << 50) {
        cfi_hw_warn(scene, "%s says %" PRIu64 " bytes: not believed", path, value);
        return false;
    }
    *out = value;
    return true;
}

static bool card_has(cfi_hw_scene *scene, const drm_card *card, const char *name)
{
    char path[CFI_HW_PATH_BYTES];

    return card_path(card, name, path) && cfi_hw_read_file(scene, card->files, path);
}

static cfi_hw_finding *add_drm_finding(cfi_hw_scene *scene, const drm_card *card, uint32_t kind, uint32_t backend)
{
    cfi_hw_finding *finding = cfi_hw_add_finding(scene, kind, backend);

    if (finding != NULL) {
        finding->vendor = card->vendor;
        finding->device = card->device;
        finding->revision = card->revision;
        (void)snprintf(finding->place, sizeof finding->place, "card%u", (unsigned)card->number);
    }
    return finding;
}

/* ---- the link to the host ---- */
/* "16.0 GT/s PCIe" as generation; 0: another text. */
static unsigned int generation_of(const char *text)
{
    static const char rates[][6] = {"2.5 ", "5.0 ", "8.0 ", "16.0 ", "32.0 ", "64.0 "};
    static const char old_rates[][6] = {"2.5 ", "5 ", "8 ", "16 ", "32 ", "64 "}; /* kernels before 5.7 */

    for (unsigned int i = 0; i < CFI_COUNT(rates); i++)
        if (strncmp(text, rates[i], strlen(rates[i])) == 0 || strncmp(text, old_rates[i], strlen(old_rates[i])) == 0)
            return i + 1;
    return 0;
}

/* What a step between card and root port can do at most: now the link may sleep, but lanes do not come back. */
static uint64_t step_rate(cfi_hw_scene *scene, const drm_card *card, const char *folder)
{
    char         path[CFI_HW_PATH_BYTES];
    unsigned int generation = 0;
    uint64_t     width = 0;

    if ((size_t)snprintf(path, sizeof path, "%s/max_link_speed", folder) < sizeof path && cfi_hw_read_file(scene, card->files, path))
        generation = generation_of(scene->file);
    if (generation == 0 || (size_t)snprintf(path, sizeof path, "%s/current_link_width", folder) >= sizeof path ||
        !cfi_hw_read_number(scene, card->files, path, &width) || width > 32)
        return 0;
    cfi_hw_note(scene, "  link: PCIe %u x%u", generation, (unsigned)width);
    return cfi_hw_pcie_rate(generation, (unsigned int)width);
}

/*
 * The least of all steps, since a card's own bridge may be wider than the slot. Tunnels of Thunderbolt and USB4 call themselves PCIe 1
 * x4 whatever they carry: 32 Gbit/s of PCI Express at most in versions 3 and 4, as PCIe 3 x4.
 */
static uint64_t link_of_card(cfi_hw_scene *scene, const drm_card *card)
{
    char     folder[CFI_HW_PATH_BYTES], path[CFI_HW_PATH_BYTES];
    uint64_t least = UINT64_MAX;
    bool     removable = false;

    (void)snprintf(folder, sizeof folder, "%s/device", card->folder);
    for (uint32_t step = 0; step < MOST_BRIDGES; step++) {
        uint64_t rate = step_rate(scene, card, folder);
        size_t   len = strlen(folder);

        if (rate == 0)
            break;
        (void)snprintf(path, sizeof path, "%s/removable", folder);
        removable = removable || (cfi_hw_read_file(scene, card->files, path) && strncmp(scene->file, "removable", 9) == 0);
        least = cfi_min_u64(least, rate);
        if (len + 4 >= sizeof folder)
            break;
        memcpy(folder + len, "/..", 4);
    }
    if (removable) {
        cfi_hw_warn(scene, "card%u is behind an external port: its link is taken as PCIe 3 x4", (unsigned)card->number);
        return cfi_hw_pcie_rate(3, 4);
    }
    return least != UINT64_MAX ? least : 0;
}

/* ---- AMD ---- */
/* Targets of the compute runtime that are processors with graphics (LLVM AMDGPU usage, "APU"); 110501 is gfx1151. */
static const uint32_t apu_targets[] = {90002, 90009, 90012, 100103, 100303, 100305, 100306, 110003, 110500, 110501, 110502, 110503};

/* The compute topology knows a card by its device id; 0 = it does not. */
static uint64_t gfx_target(cfi_hw_scene *scene, const drm_card *card)
{
    for (uint32_t node = 0; node < MOST_NODES; node++) {
        char     path[96];
        uint64_t vendor = 0, device = 0, target = 0;

        (void)snprintf(path, sizeof path, "/sys/class/kfd/kfd/topology/nodes/%u/properties", (unsigned)node);
        if (!cfi_hw_read_file(scene, card->files, path))
            return 0;
        if (cfi_hw_find_number(scene->file, "vendor_id", &vendor) && cfi_hw_find_number(scene->file, "device_id", &device) &&
            cfi_hw_find_number(scene->file, "gfx_target_version", &target) && vendor == card->vendor && device == card->device)
            return target;
    }
    return 0;
}

/* What the catalog says of the id; else what only cards have; else the target; else the proportion that firmware leaves on an APU. */
static bool is_apu(cfi_hw_scene *scene, const drm_card *card, uint64_t vram, uint64_t gtt)
{
    uint32_t kind = cfi_hw_pci_kind(card->vendor, card->device);
    uint64_t target;

    if (kind != 0)
        return kind == CTXFIT_DEVICE_UNIFIED;
    target = gfx_target(scene, card);
    if (target != 0) {
        cfi_hw_note(scene, "  compute target %" PRIu64, target);
        for (size_t i = 0; i < CFI_COUNT(apu_targets); i++)
            if (apu_targets[i] == target)
                return true;
    }
    if (card_has(scene, card, "device/mem_info_vram_vendor") || card_has(scene, card, "device/board_info"))
        return false;
    return vram <= 4 * GIB && gtt >= 8 * GIB && gtt / 4 >= vram;
}

/* A hexadecimal number at *at, which goes behind it and the character after it. */
static uint64_t take_hex(const char **at)
{
    uint64_t value = 0;

    for (int digit = 0; digit < 8; digit++, (*at)++) {
        int c = cfi_ascii_lower((unsigned char)**at);

        if (!cfi_is_digit(c) && (c < 'a' || c > 'f'))
            break;
        value = value << 4 | (uint64_t)(cfi_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    *at += **at != '\0' ? 1 : 0;
    return value;
}

/* Domain and location as the compute topology counts them, of "PCI_SLOT_NAME=0000:03:00.0" in the uevent; false: not there. */
static bool pci_place(cfi_hw_scene *scene, const cfi_hw_files *files, const char *folder, uint64_t *domain, uint64_t *location)
{
    static const char key[] = "PCI_SLOT_NAME=";
    char              path[CFI_HW_PATH_BYTES];
    const char       *at = NULL;

    if ((size_t)snprintf(path, sizeof path, "%s/device/uevent", folder) < sizeof path && cfi_hw_read_file(scene, files, path))
        at = strstr(scene->file, key);
    if (at == NULL)
        return false;
    at += strlen(key);
    *domain = take_hex(&at);
    *location = take_hex(&at) << 8;
    *location |= take_hex(&at) << 3;
    *location |= take_hex(&at);
    return true;
}

/*
 * The card's place in the list of visible devices: AMD's runtime counts the GPUs of the compute topology in its order, which may be
 * another than that of the cards. Without a topology the cards' own order stands; a card that is not in it has no number.
 */
static uint32_t rocm_place(cfi_hw_scene *scene, const drm_card *card, uint32_t seen)
{
    uint64_t domain = 0, location = 0, value, at;
    uint32_t gpus = 0;

    if (scene->options->visible_rocm[0] == '\0' || !pci_place(scene, card->files, card->folder, &domain, &location))
        return seen;
    for (uint32_t node = 0; node < MOST_NODES; node++) {
        char path[96];

        (void)snprintf(path, sizeof path, "/sys/class/kfd/kfd/topology/nodes/%u/properties", (unsigned)node);
        if (!cfi_hw_read_file(scene, card->files, path))
            return node == 0 ? seen : UINT32_MAX;
        if (!cfi_hw_find_number(scene->file, "gfx_target_version", &value) || value == 0)
            continue; /* a processor */
        if (cfi_hw_find_number(scene->file, "location_id", &at) && at == location &&
            (!cfi_hw_find_number(scene->file, "domain", &value) || value == domain))
            return gpus;
        gpus++;
    }
    return UINT32_MAX;
}

static void read_amd(cfi_hw_scene *scene, const drm_card *card, drm_state *state)
{
    uint64_t        vram = 0, vram_used = 0, gtt = 0, gtt_used = 0;
    bool            has_vram = card_number(scene, card, "device/mem_info_vram_total", &vram);
    bool            has_used = card_number(scene, card, "device/mem_info_vram_used", &vram_used);
    uint32_t        place = rocm_place(scene, card, state->amd_seen++);
    cfi_hw_finding *finding;
    bool            apu;
    char            path[CFI_HW_PATH_BYTES];

    if (!has_vram || vram == 0) {
        cfi_hw_warn(scene, "an AMD GPU (1002:%04x) does not tell its memory: left out", (unsigned)card->device);
        return;
    }
    (void)card_number(scene, card, "device/mem_info_gtt_total", &gtt);
    (void)card_number(scene, card, "device/mem_info_gtt_used", &gtt_used);
    apu = is_apu(scene, card, vram, gtt);
    cfi_hw_note(scene, "  %s", apu ? "integrated: shares the host's memory" : "a card with memory of its own");
    if (!cfi_hw_is_visible(scene->options->visible_rocm, place, "")) {
        cfi_hw_note(scene, "  hidden by the list of visible devices");
        return;
    }
    finding = add_drm_finding(scene, card, apu ? CTXFIT_DEVICE_UNIFIED : CTXFIT_DEVICE_GPU,
                              apu ? CTXFIT_BACKEND_VULKAN : CTXFIT_BACKEND_ROCM);
    if (finding == NULL)
        return;
    finding->memory_bytes = vram;
    finding->free_bytes = vram - cfi_min_u64(vram, vram_used);
    finding->free_known = has_used;
    finding->shared_bytes = apu ? gtt : 0;
    finding->link_bytes_per_s = apu ? 0 : link_of_card(scene, card);
    if (card_path(card, "device/product_name", path) && cfi_hw_read_file(scene, card->files, path))
        cfi_hw_copy_text(finding->name, sizeof finding->name, scene->file);
}

/* ---- Intel ---- */
/* The largest window of the card onto its memory: lines "start end flags" in hexadecimal. */
static uint64_t largest_window(cfi_hw_scene *scene, const drm_card *card)
{
    char        path[CFI_HW_PATH_BYTES];
    const char *at = scene->file;
    uint64_t    largest = 0;

    if (!card_path(card, "device/resource", path) || !cfi_hw_read_file(scene, card->files, path))
        return 0;
    for (int bar = 0; bar < BARS && at != NULL; bar++) {
        uint64_t ends[2] = {0, 0};

        for (size_t i = 0; i < 2; i++) {
            at += strspn(at, " ");
            at += at[0] == '0' && at[1] == 'x' ? 2 : 0;
            for (int digit = 0; digit < 16; digit++, at++) {
                int c = cfi_ascii_lower((unsigned char)*at);

                if (c >= '0' && c <= '9')
                    ends[i] = ends[i] << 4 | (uint64_t)(c - '0');
                else if (c >= 'a' && c <= 'f')
                    ends[i] = ends[i] << 4 | (uint64_t)(c - 'a' + 10);
                else
                    break;
            }
        }
        if (ends[1] > ends[0] && ends[1] - ends[0] < UINT64_C(1) << 50)
            largest = cfi_max_u64(largest, ends[1] - ends[0] + 1);
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    if (largest != 0)
        cfi_hw_note(scene, "%s: largest window %" PRIu64, path, largest);
    return largest;
}

static bool read_tiles(cfi_hw_scene *scene, const drm_card *card, uint64_t *out)
{
    uint64_t sum = 0, tile_bytes;
    char     name[48];

    for (unsigned tile = 0; tile < MOST_TILES; tile++) {
        (void)snprintf(name, sizeof name, "device/tile%u/physical_vram_size_bytes", tile);
        if (!card_number(scene, card, name, &tile_bytes))
            break;
        sum += tile_bytes; /* each is at most 2^50 */
    }
    *out = sum;
    return sum != 0;
}

/* The driver's own answer, on the render node that is at the same place as the card. */
static bool ask_intel(cfi_hw_scene *scene, const drm_card *card, cfi_hw_regions *out)
{
    uint64_t domain, location, other_domain, other_location;
    bool     xe;

    if (card->files->regions == NULL || !pci_place(scene, card->files, card->folder, &domain, &location))
        return false;
    xe = strstr(scene->file, "DRIVER=xe") != NULL;
    for (uint32_t minor = FIRST_RENDER; minor < FIRST_RENDER + MOST_RENDER; minor++) {
        char node[48];

        (void)snprintf(node, sizeof node, "/sys/class/drm/renderD%u", (unsigned)minor);
        if (!pci_place(scene, card->files, node, &other_domain, &other_location) || other_domain != domain || other_location != location)
            continue;
        (void)snprintf(node, sizeof node, "/dev/dri/renderD%u", (unsigned)minor);
        if (!card->files->regions(card->files->user, node, xe, out))
            return false;
        cfi_hw_note(scene, "%s: total %" PRIu64 ", free %" PRIu64 "%s", node, out->total_bytes, out->free_bytes,
                    out->free_known ? "" : " (as far as it tells)");
        return true;
    }
    return false;
}

static bool intel_is_hidden(cfi_hw_scene *scene, drm_state *state, bool own)
{
    uint32_t place = own ? state->intel_cards_seen++ : state->intel_cards + state->intel_shared_seen++;

    if (cfi_hw_is_visible(scene->options->visible_sycl, place, ""))
        return false;
    cfi_hw_note(scene, "  hidden by the list of visible devices");
    return true;
}

static void read_intel(cfi_hw_scene *scene, const drm_card *card, drm_state *state)
{
    uint32_t        kind = cfi_hw_pci_kind(card->vendor, card->device);
    uint64_t        memory = 0, free_now = 0;
    bool            own = card_number(scene, card, "lmem_total_bytes", &memory) && memory > 0;
    bool            free_known = own && card_number(scene, card, "lmem_avail_bytes", &free_now);
    cfi_hw_finding *finding;
    cfi_hw_regions  regions;

    own = own || read_tiles(scene, card, &memory);
    if (!free_known && kind != CTXFIT_DEVICE_UNIFIED && ask_intel(scene, card, &regions)) {
        memory = own ? memory : regions.total_bytes;
        own = true;
        free_known = regions.free_known;
        free_now = regions.free_bytes;
    }
    if (!own && kind == CTXFIT_DEVICE_GPU) {
        memory = largest_window(scene, card);
        own = memory > SMALL_WINDOW;
        if (!own && (memory = cfi_hw_pci_memory(card->vendor, card->device)) != 0) {
            own = true;
            cfi_hw_warn(scene, "an Intel GPU (8086:%04x) does not tell its memory: what the catalog says is taken", (unsigned)card->device);
        }
        if (!own) {
            cfi_hw_warn(scene, "an Intel GPU (8086:%04x) does not tell its memory: left out", (unsigned)card->device);
            return;
        }
    }
    if (!own && kind == 0) {
        cfi_hw_note(scene, "  integrated, not in the catalog");
        cfi_hw_warn(scene, "an integrated Intel GPU (8086:%04x) is not in the catalog: only the processor is counted",
                    (unsigned)card->device);
        return;
    }
    if (intel_is_hidden(scene, state, own))
        return;
    finding = add_drm_finding(scene, card, own ? CTXFIT_DEVICE_GPU : CTXFIT_DEVICE_UNIFIED, CTXFIT_BACKEND_SYCL);
    if (finding == NULL || !own)
        return;
    finding->link_bytes_per_s = link_of_card(scene, card);
    finding->memory_bytes = memory;
    finding->free_bytes = cfi_min_u64(free_now, memory);
    finding->free_known = free_known;
}

/* ---- all cards ---- */
static void read_drm_card(cfi_hw_scene *scene, const cfi_hw_files *files, uint32_t number, drm_state *state)
{
    drm_card card;
    char     path[CFI_HW_PATH_BYTES];

    memset(&card, 0, sizeof card);
    card.files = files;
    card.number = number;
    card.revision = CFI_HW_NO_REVISION;
    (void)snprintf(card.folder, sizeof card.folder, "/sys/class/drm/card%u", (unsigned)number);
    if (!card_path(&card, "device/vendor", path) || !read_hex(scene, files, path, &card.vendor))
        return;
    if (!card_path(&card, "device/device", path) || !read_hex(scene, files, path, &card.device))
        return;
    if (card_path(&card, "device/revision", path))
        (void)read_hex(scene, files, path, &card.revision);
    cfi_hw_note(scene, "%s: pci %04x:%04x", card.folder, (unsigned)card.vendor, (unsigned)card.device);
    if (card.revision != CFI_HW_NO_REVISION)
        cfi_hw_note(scene, "  revision %02x", (unsigned)card.revision);
    if (card.vendor == CFI_PCI_AMD)
        read_amd(scene, &card, state);
    else if (card.vendor == CFI_PCI_INTEL)
        read_intel(scene, &card, state);
    else if (card.vendor == CFI_PCI_NVIDIA)
        state->other_nvidia++;
}

static bool is_intel_card(cfi_hw_scene *scene, const cfi_hw_files *files, uint32_t number)
{
    char     path[96];
    uint32_t vendor = 0, device = 0;

    (void)snprintf(path, sizeof path, "/sys/class/drm/card%u/device/vendor", (unsigned)number);
    if (!read_hex(scene, files, path, &vendor) || vendor != CFI_PCI_INTEL)
        return false;
    (void)snprintf(path, sizeof path, "/sys/class/drm/card%u/device/device", (unsigned)number);
    return read_hex(scene, files, path, &device) && cfi_hw_pci_kind(vendor, device) == CTXFIT_DEVICE_GPU;
}

void cfi_hw_read_drm(cfi_hw_scene *scene, const cfi_hw_files *files, bool nvml_saw_cards)
{
    drm_state state = {0, 0, 0, 0, 0};

    if (scene->options->visible_sycl[0] != '\0')
        for (uint32_t number = 0; number < MOST_CARDS; number++)
            state.intel_cards += is_intel_card(scene, files, number);
    for (uint32_t number = 0; number < MOST_CARDS; number++)
        read_drm_card(scene, files, number, &state);
    if (state.other_nvidia > 0 && !nvml_saw_cards)
        cfi_hw_warn(scene, "%u NVIDIA GPUs are driven by the kernel, but NVIDIA's management library shows none: left out",
                    (unsigned)state.other_nvidia);
}
