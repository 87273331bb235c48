/*
 * The running Windows system: memory, the adapters that DXGI lists, NVIDIA's through NVML. Facts: Microsoft's references of
 * GlobalMemoryStatusEx, IDXGIFactory1 and IDXGIAdapter3; "HardwareInformation.qwMemorySize", which display drivers write into the class key
 * of display adapters, is all 64 bits of what DXGI tells a 32-bit program in 32. DXGI is loaded at run time, so that nothing but kernel32
 * and advapi32 is linked.
 */
#define COBJMACROS
#define WIN32_LEAN_AND_MEAN
#include <initguid.h>
#include <windows.h>
#include <dxgi1_4.h>

#include <stdio.h>

#include "detect_internal.h"

#define MOST_ADAPTERS 64u
#define DISPLAY_CLASS "SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}"
#define MIB (UINT64_C(1) << 20)
#define INTEGRATED_MOST (512 * MIB) /* of memory of its own that firmware gives a GPU without any */

typedef HRESULT(WINAPI *make_factory)(REFIID id, void **factory);

static void read_windows_memory(cfi_hw_scene *scene)
{
    MEMORYSTATUSEX status;

    memset(&status, 0, sizeof status);
    status.dwLength = sizeof status;
    if (!GlobalMemoryStatusEx(&status)) {
        cfi_hw_warn(scene, "the host's memory is not known: GlobalMemoryStatusEx fails");
        return;
    }
    scene->memory_bytes = status.ullTotalPhys;
    scene->available_bytes = cfi_min_u64(status.ullAvailPhys, status.ullTotalPhys);
    cfi_hw_note(scene, "GlobalMemoryStatusEx: %llu in total, %llu available bytes", (unsigned long long)status.ullTotalPhys,
                (unsigned long long)status.ullAvailPhys);
}

static void read_windows_cpu(cfi_hw_scene *scene)
{
    char  name[96] = "";
    DWORD size = sizeof name - 1;

    if (RegGetValueA(HKEY_LOCAL_MACHINE, "HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0", "ProcessorNameString", RRF_RT_REG_SZ, NULL,
                     name, &size) == ERROR_SUCCESS)
        cfi_hw_copy_text(scene->cpu, sizeof scene->cpu, name);
    cfi_hw_note(scene, "registry: processor %s", scene->cpu[0] != '\0' ? scene->cpu : "has no name");
}

/* ---- what drivers wrote into the registry ---- */
typedef struct display_record {
    uint32_t vendor;
    uint32_t device;
    uint64_t memory_bytes;
    char     name[96];
} display_record;

/* The hexadecimal number behind "VEN_" or "DEV_" of "pci\\ven_10de&dev_2684&...", in any case; 0: none. */
static uint32_t id_behind(const char *text, const char *word)
{
    uint32_t value = 0;

    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (word[i] != '\0' && cfi_ascii_lower((unsigned char)text[i]) == word[i])
            i++;
        if (word[i] != '\0')
            continue;
        for (int digit = 0; digit < 4; digit++) {
            int c = cfi_ascii_lower((unsigned char)text[i++]);

            if (!cfi_is_digit(c) && (c < 'a' || c > 'f'))
                return 0;
            value = value << 4 | (uint32_t)(cfi_is_digit(c) ? c - '0' : c - 'a' + 10);
        }
        return value;
    }
    return 0;
}

/* False: there is no adapter with this number, or its driver says nothing. */
static bool read_record(uint32_t number, display_record *out)
{
    char  key[128], id[256] = "", name[96] = "";
    DWORD id_size = sizeof id - 1, name_size = sizeof name - 1, size = sizeof out->memory_bytes;

    memset(out, 0, sizeof *out);
    (void)snprintf(key, sizeof key, "%s\\%04u", DISPLAY_CLASS, (unsigned)number);
    if (RegGetValueA(HKEY_LOCAL_MACHINE, key, "MatchingDeviceId", RRF_RT_REG_SZ, NULL, id, &id_size) != ERROR_SUCCESS ||
        RegGetValueA(HKEY_LOCAL_MACHINE, key, "HardwareInformation.qwMemorySize", RRF_RT_QWORD, NULL, &out->memory_bytes, &size) !=
            ERROR_SUCCESS)
        return false;
    if (RegGetValueA(HKEY_LOCAL_MACHINE, key, "DriverDesc", RRF_RT_REG_SZ, NULL, name, &name_size) == ERROR_SUCCESS)
        cfi_hw_copy_text(out->name, sizeof out->name, name);
    out->vendor = id_behind(id, "ven_");
    out->device = id_behind(id, "dev_");
    return out->vendor != 0 && out->memory_bytes > 0 && out->memory_bytes < UINT64_C(1) << 50;
}

/* What the registry says of the memory of a device; 0: nothing. */
static uint64_t recorded_memory(uint32_t vendor, uint32_t device)
{
    display_record record;

    for (uint32_t number = 0; number < MOST_ADAPTERS; number++)
        if (read_record(number, &record) && record.vendor == vendor && record.device == device)
            return record.memory_bytes;
    return 0;
}

static bool is_of_interest(uint32_t vendor, bool nvml_saw_cards)
{
    return vendor == CFI_PCI_AMD || vendor == CFI_PCI_INTEL || (vendor == CFI_PCI_NVIDIA && !nvml_saw_cards);
}

/* Without DXGI: cards by what their drivers wrote down, of which nothing says what is free. */
static void read_records(cfi_hw_scene *scene, bool nvml_saw_cards)
{
    for (uint32_t number = 0; number < MOST_ADAPTERS; number++) {
        display_record  record;
        cfi_hw_finding *finding;

        if (!read_record(number, &record) || !is_of_interest(record.vendor, nvml_saw_cards) ||
            cfi_hw_pci_kind(record.vendor, record.device) == CTXFIT_DEVICE_UNIFIED)
            continue;
        finding = cfi_hw_add_finding(scene, CTXFIT_DEVICE_GPU,
                                     record.vendor == CFI_PCI_NVIDIA ? CTXFIT_BACKEND_CUDA : CTXFIT_BACKEND_VULKAN);
        if (finding == NULL)
            return;
        finding->vendor = record.vendor;
        finding->device = record.device;
        finding->memory_bytes = record.memory_bytes;
        memcpy(finding->name, record.name, sizeof finding->name);
        (void)snprintf(finding->place, sizeof finding->place, "display %u", (unsigned)number);
        cfi_hw_note(scene, "registry, display %u: '%s' pci %04x:%04x, memory %llu", (unsigned)number, record.name, (unsigned)record.vendor,
                    (unsigned)record.device, (unsigned long long)record.memory_bytes);
    }
}

/* ---- DXGI ---- */
/* What this process may take of an adapter's own memory, less what it uses: what others use is already missing from the budget. */
static bool adapter_free(IDXGIAdapter1 *adapter, uint64_t *out)
{
    IDXGIAdapter3               *newer = NULL;
    DXGI_QUERY_VIDEO_MEMORY_INFO info;
    bool                         found;

    memset(&info, 0, sizeof info);
    if (FAILED(IDXGIAdapter1_QueryInterface(adapter, &IID_IDXGIAdapter3, (void **)&newer)))
        return false;
    found = SUCCEEDED(IDXGIAdapter3_QueryVideoMemoryInfo(newer, 0, DXGI_MEMORY_SEGMENT_GROUP_LOCAL, &info));
    (void)IDXGIAdapter3_Release(newer);
    *out = info.Budget - cfi_min_u64(info.Budget, info.CurrentUsage);
    return found;
}

static void add_adapter(cfi_hw_scene *scene, IDXGIAdapter1 *adapter, const DXGI_ADAPTER_DESC1 *desc, uint32_t number)
{
    uint32_t        kind = cfi_hw_pci_kind(desc->VendorId, desc->DeviceId);
    uint64_t        free_now = 0;
    bool            free_known = adapter_free(adapter, &free_now);
    uint64_t        memory = desc->DedicatedVideoMemory, recorded = recorded_memory(desc->VendorId, desc->DeviceId);
    cfi_hw_finding *finding;
    char            name[128];

    if (kind == 0)
        kind = memory > INTEGRATED_MOST ? CTXFIT_DEVICE_GPU : CTXFIT_DEVICE_UNIFIED;
    finding = cfi_hw_add_finding(scene, kind, desc->VendorId == CFI_PCI_NVIDIA ? CTXFIT_BACKEND_CUDA : CTXFIT_BACKEND_VULKAN);
    if (finding == NULL)
        return;
    finding->vendor = desc->VendorId;
    finding->device = desc->DeviceId;
    finding->revision = desc->Revision;
    if (sizeof desc->DedicatedVideoMemory < sizeof memory && recorded > memory && kind == CTXFIT_DEVICE_GPU) {
        memory = recorded; /* DXGI's number has 32 bits here */
        free_known = false;
    }
    finding->memory_bytes = memory;
    finding->free_known = free_known && kind == CTXFIT_DEVICE_GPU;
    finding->free_bytes = cfi_min_u64(free_now, memory);
    finding->shared_bytes = kind == CTXFIT_DEVICE_UNIFIED ? desc->SharedSystemMemory : 0;
    if (WideCharToMultiByte(CP_UTF8, 0, desc->Description, -1, name, (int)sizeof name, NULL, NULL) > 0)
        cfi_hw_copy_text(finding->name, sizeof finding->name, name);
    (void)snprintf(finding->place, sizeof finding->place, "adapter %u", (unsigned)number);
    cfi_hw_note(scene, "dxgi %u: '%s' pci %04x:%04x, dedicated %llu, shared %llu, by the registry %llu", (unsigned)number, finding->name,
                (unsigned)desc->VendorId, (unsigned)desc->DeviceId, (unsigned long long)desc->DedicatedVideoMemory,
                (unsigned long long)desc->SharedSystemMemory, (unsigned long long)recorded);
}

static void read_adapters(cfi_hw_scene *scene, IDXGIFactory1 *factory, bool nvml_saw_cards)
{
    for (UINT i = 0; i < MOST_ADAPTERS; i++) {
        IDXGIAdapter1     *adapter = NULL;
        DXGI_ADAPTER_DESC1 desc;

        memset(&desc, 0, sizeof desc);
        if (FAILED(IDXGIFactory1_EnumAdapters1(factory, i, &adapter)))
            return;
        if (SUCCEEDED(IDXGIAdapter1_GetDesc1(adapter, &desc)) && (desc.Flags & DXGI_ADAPTER_FLAG_SOFTWARE) == 0 &&
            is_of_interest(desc.VendorId, nvml_saw_cards))
            add_adapter(scene, adapter, &desc, i);
        (void)IDXGIAdapter1_Release(adapter);
    }
}

static void read_dxgi(cfi_hw_scene *scene, bool nvml_saw_cards)
{
    HMODULE        library = LoadLibraryExA("dxgi.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    FARPROC        found = library != NULL ? GetProcAddress(library, "CreateDXGIFactory1") : NULL;
    IDXGIFactory1 *factory = NULL;
    make_factory   make = NULL;

    if (found != NULL)
        memcpy(&make, &found, sizeof make);
    if (make != NULL && SUCCEEDED(make(&IID_IDXGIFactory1, (void **)&factory))) {
        read_adapters(scene, factory, nvml_saw_cards);
        (void)IDXGIFactory1_Release(factory);
    } else {
        cfi_hw_warn(scene, "the graphics cards could not be asked (there is no DXGI): counted as the registry names them");
        read_records(scene, nvml_saw_cards);
    }
    if (library != NULL)
        (void)FreeLibrary(library);
}

ctxfit_status cfi_hw_read_system(cfi_hw_scene *scene)
{
    cfi_nvml_library library;
    bool             seen = false;

    if (scene->options->root[0] != '\0')
        return CTXFIT_E_UNSUPPORTED;
    cfi_hw_note(scene, "system: Windows");
    read_windows_cpu(scene);
    read_windows_memory(scene);
    if ((scene->options->flags & CTXFIT_HW_DETECT_NO_DRIVER) == 0 && cfi_nvml_open(&library, scene->options->nvml_library)) {
        seen = cfi_hw_read_nvml(scene, &library.nvml);
        cfi_nvml_close(&library);
    }
    read_dxgi(scene, seen);
    return CTXFIT_OK;
}
