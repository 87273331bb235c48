/* NVML, loaded at run time: the driver's library is on machines with NVIDIA's driver only, so nothing may link it. */
#include "detect_internal.h"

#if defined(_WIN32)
#  define WIN32_LEAN_AND_MEAN
#  include <windows.h>
#else
#  include <dlfcn.h>
#endif

#if defined(_WIN32)
/* From the system's folder only: never from the current one. */
static void *load_library(const char *path)
{
    return (void *)(*path != '\0' ? LoadLibraryExA(path, NULL, 0) : LoadLibraryExA("nvml.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32));
}

static void find_function(void *library, const char *name, void *out, size_t size)
{
    FARPROC found = GetProcAddress((HMODULE)library, name);

    if (found != NULL && sizeof found == size)
        memcpy(out, &found, size);
}

static void unload_library(void *library)
{
    (void)FreeLibrary((HMODULE)library);
}
#else
static void *load_library(const char *path)
{
    /* The second is where WSL2 puts the host's driver when the linker's cache does not know it. */
    static const char names[][36] = {"libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"};
    void             *library = NULL;

    if (*path != '\0')
        return dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    for (size_t i = 0; i < CFI_COUNT(names) && library == NULL; i++)
        library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
    return library;
}

/* POSIX gives functions as objects; ISO C has no cast between the two. */
static void find_function(void *library, const char *name, void *out, size_t size)
{
    void *found = dlsym(library, name);

    if (found != NULL && sizeof found == size)
        memcpy(out, &found, size);
}

static void unload_library(void *library)
{
    (void)dlclose(library);
}
#endif

#define FIND(member, name) find_function(library->handle, name, &library->nvml.member, sizeof library->nvml.member)

bool cfi_nvml_open(cfi_nvml_library *library, const char *path)
{
    memset(library, 0, sizeof *library);
    library->handle = load_library(path);
    if (library->handle == NULL)
        return false;
    FIND(init, "nvmlInit_v2");
    FIND(shutdown, "nvmlShutdown");
    FIND(count, "nvmlDeviceGetCount_v2");
    FIND(by_index, "nvmlDeviceGetHandleByIndex_v2");
    FIND(memory, "nvmlDeviceGetMemoryInfo");
    FIND(memory_v2, "nvmlDeviceGetMemoryInfo_v2");
    FIND(name, "nvmlDeviceGetName");
    FIND(uuid, "nvmlDeviceGetUUID");
    FIND(pci, "nvmlDeviceGetPciInfo_v3");
    FIND(mig_mode, "nvmlDeviceGetMigMode");
    FIND(mig_count, "nvmlDeviceGetMaxMigDeviceCount");
    FIND(mig_by_index, "nvmlDeviceGetMigDeviceHandleByIndex");
    FIND(driver, "nvmlSystemGetDriverVersion");
    FIND(pcie_generation, "nvmlDeviceGetMaxPcieLinkGeneration");
    FIND(pcie_width, "nvmlDeviceGetMaxPcieLinkWidth");
    if (library->nvml.init != NULL && library->nvml.shutdown != NULL && library->nvml.count != NULL && library->nvml.by_index != NULL &&
        library->nvml.memory != NULL)
        return true;
    cfi_nvml_close(library);
    return false;
}

void cfi_nvml_close(cfi_nvml_library *library)
{
    if (library->handle != NULL)
        unload_library(library->handle);
    memset(library, 0, sizeof *library);
}
