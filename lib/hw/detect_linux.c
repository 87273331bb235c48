/*
 * A Linux system through its files: memory, limits, processor, board; the cards are detect_drm.c's and detect_nvml.c's. Facts: kernel
 * documentation proc(5), filesystems/proc.rst; WSL names itself in osrelease.
 */
#include <stdio.h>

#include "detect_internal.h"

#define KIB UINT64_C(1024)
#define MOST_MEMORY (UINT64_C(1) << 54) /* 16 PiB; whoever states more is broken */

/* ---- files ---- */
bool cfi_hw_read_file(cfi_hw_scene *scene, const cfi_hw_files *files, const char *path)
{
    size_t len = 0;

    scene->file[0] = '\0';
    return files->read(files->user, path, scene->file, sizeof scene->file, &len) && len > 0;
}

bool cfi_hw_read_number(cfi_hw_scene *scene, const cfi_hw_files *files, const char *path, uint64_t *out)
{
    char        text[64], shown[40];
    const char *end;
    size_t      len = 0;

    if (!files->read(files->user, path, text, sizeof text, &len) || len == 0)
        return false;
    cfi_hw_copy_text(shown, sizeof shown, text);
    cfi_hw_note(scene, "%s: %s", path, shown);
    return cfi_parse_u64(text, &end, out) && (*end == '\0' || *end == '\n');
}

bool cfi_hw_find_number(const char *text, const char *key, uint64_t *out)
{
    const char *end;
    size_t      n = strlen(key);

    while (text != NULL) {
        if (strncmp(text, key, n) == 0 && (text[n] == ' ' || text[n] == '\t'))
            return cfi_parse_u64(text + n + strspn(text + n, " \t"), &end, out);
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return false;
}

/* ---- memory ---- */
static uint64_t in_bytes(uint64_t kilobytes)
{
    uint64_t bytes;

    return cfi_mul_u64(kilobytes, KIB, &bytes) && bytes <= MOST_MEMORY ? bytes : 0;
}

static uint64_t meminfo(const char *text, const char *key)
{
    uint64_t value = 0;

    return cfi_hw_find_number(text, key, &value) ? in_bytes(value) : 0;
}

static void read_meminfo(cfi_hw_scene *scene, const cfi_hw_files *files)
{
    uint64_t kilobytes = 0, pages = 0;

    if (cfi_hw_read_file(scene, files, "/proc/meminfo"))
        scene->memory_bytes = meminfo(scene->file, "MemTotal:");
    if (scene->memory_bytes == 0) {
        cfi_hw_warn(scene, "the host's memory is not known: /proc/meminfo has no usable MemTotal");
        return;
    }
    if (cfi_hw_find_number(scene->file, "MemAvailable:", &kilobytes))
        scene->available_bytes = in_bytes(kilobytes);
    else /* kernels before 3.14 */
        scene->available_bytes =
            meminfo(scene->file, "MemFree:") + meminfo(scene->file, "Buffers:") + meminfo(scene->file, "Cached:");
    scene->available_bytes = cfi_min_u64(scene->available_bytes, scene->memory_bytes);
    cfi_hw_note(scene, "/proc/meminfo: MemTotal %llu, available %llu bytes", (unsigned long long)scene->memory_bytes,
                (unsigned long long)scene->available_bytes);
    if (cfi_hw_find_number(scene->file, "HugePages_Total:", &pages) && pages > 0)
        cfi_hw_warn(scene, "%llu huge pages are set aside: their memory is not counted as available", (unsigned long long)pages);
}

/* ---- what machine it is ---- */
static void read_cpu(cfi_hw_scene *scene, const cfi_hw_files *files)
{
    static const char keys[][12] = {"model name", "Hardware"};
    const char       *line, *colon;

    if (!cfi_hw_read_file(scene, files, "/proc/cpuinfo"))
        return;
    for (size_t i = 0; i < CFI_COUNT(keys) && scene->cpu[0] == '\0'; i++) {
        line = strstr(scene->file, keys[i]);
        colon = line != NULL ? strchr(line, ':') : NULL;
        if (colon != NULL)
            cfi_hw_copy_text(scene->cpu, sizeof scene->cpu, colon + 1);
    }
    cfi_hw_note(scene, "/proc/cpuinfo: %s", scene->cpu[0] != '\0' ? scene->cpu : "no name");
}

static void read_board(cfi_hw_scene *scene, const cfi_hw_files *files)
{
    if (!cfi_hw_read_file(scene, files, "/proc/device-tree/model"))
        return;
    cfi_hw_copy_text(scene->board, sizeof scene->board, scene->file);
    cfi_hw_note(scene, "/proc/device-tree/model: %s", scene->board);
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (i < n && cfi_ascii_lower((unsigned char)text[i]) == word[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static bool read_kernel(cfi_hw_scene *scene, const cfi_hw_files *files)
{
    char release[96] = "";
    bool wsl;

    if (cfi_hw_read_file(scene, files, "/proc/sys/kernel/osrelease"))
        cfi_hw_copy_text(release, sizeof release, scene->file);
    wsl = has_word(release, "microsoft");
    cfi_hw_note(scene, "kernel: Linux %s%s", release[0] != '\0' ? release : "(not known)", wsl ? ", WSL" : "");
    return wsl;
}

/* Tegra's GPU is no PCI device and its older systems have no NVML: the board's name is what there is. */
static void add_tegra(cfi_hw_scene *scene)
{
    cfi_hw_finding *finding;

    if (strncmp(scene->board, "NVIDIA", 6) != 0)
        return;
    for (uint32_t i = 0; i < scene->finding_count; i++)
        if (scene->findings[i].kind == CTXFIT_DEVICE_UNIFIED && scene->findings[i].backend == CTXFIT_BACKEND_CUDA)
            return;
    if (!cfi_hw_is_visible(scene->options->visible_cuda, 0, ""))
        return;
    finding = cfi_hw_add_finding(scene, CTXFIT_DEVICE_UNIFIED, CTXFIT_BACKEND_CUDA);
    if (finding != NULL)
        memcpy(finding->name, scene->board, sizeof finding->name);
}

static void warn_of_wsl(cfi_hw_scene *scene)
{
    bool nvidia = false;

    for (uint32_t i = 0; i < scene->finding_count; i++)
        nvidia = nvidia || scene->findings[i].backend == CTXFIT_BACKEND_CUDA;
    cfi_hw_warn(scene, "this is WSL: the host memory is the virtual machine's share (.wslconfig), not all of the computer's");
    if (!nvidia)
        cfi_hw_warn(scene, "this is WSL: graphics cards of AMD and Intel cannot be seen from here");
}

/*
 * A card on the bus that nothing has shown memory of. Lines of /proc/bus/pci/devices begin with bus and slot, then vendor and device as
 * one number of eight hexadecimal digits.
 */
static void warn_of_undriven_nvidia(cfi_hw_scene *scene, const cfi_hw_files *files)
{
    const char *line;

    if (!cfi_hw_read_file(scene, files, "/proc/bus/pci/devices"))
        return;
    for (line = scene->file; line != NULL; line = strchr(line, '\n')) {
        uint32_t device = 0;
        size_t   i;

        line += *line == '\n' ? 1 : 0;
        if (strlen(line) < 13 || line[4] != '\t' || strncmp(line + 5, "10de", 4) != 0)
            continue;
        for (i = 9; i < 13; i++) {
            int c = cfi_ascii_lower((unsigned char)line[i]);

            device = device << 4 | (uint32_t)(c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= '0' && c <= '9' ? c - '0' : 0);
        }
        if (cfi_hw_pci_kind(CFI_PCI_NVIDIA, device) == 0)
            continue;
        cfi_hw_note(scene, "/proc/bus/pci/devices: 10de:%04x", (unsigned)device);
        cfi_hw_warn(scene, "an NVIDIA GPU (10de:%04x) is on the bus, but its driver's library could not be asked: left out",
                    (unsigned)device);
    }
}

void cfi_hw_read_linux(cfi_hw_scene *scene, const cfi_hw_files *files, const cfi_nvml *nvml)
{
    bool wsl, seen;

    if (scene->options->root[0] != '\0')
        cfi_hw_note(scene, "root: a folder that the caller stated");
    wsl = read_kernel(scene, files);
    read_cpu(scene, files);
    read_board(scene, files);
    read_meminfo(scene, files);
    cfi_hw_read_cgroups(scene, files);
    if (nvml == NULL)
        cfi_hw_note(scene, "nvml: not loaded");
    seen = nvml != NULL && cfi_hw_read_nvml(scene, nvml);
    cfi_hw_read_drm(scene, files, seen);
    add_tegra(scene);
    if (!seen)
        warn_of_undriven_nvidia(scene, files);
    if (wsl)
        warn_of_wsl(scene);
}
