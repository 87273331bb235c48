/*
 * The running Mac: memory, chip, GPU cores, and what the GPU may wire. Facts: sysctl(3), mach/host_info.h, the registry entry of the
 * accelerator ("gpu-core-count"), MTLDevice.recommendedMaxWorkingSetSize. The budget is iogpu.wired_limit_mb where somebody set it, else
 * what Metal recommends, else a rule of budget.c. The frameworks are loaded for the one question that needs each, so that programs link
 * none of them.
 */
#include <dlfcn.h>
#include <mach/mach.h>
#include <sys/sysctl.h>
#include <sys/types.h>

#include <stdio.h>

#include "detect_internal.h"

#define MIB (UINT64_C(1) << 20)

static bool sysctl_number(const char *name, uint64_t *out)
{
    uint64_t wide = 0;
    size_t   size = sizeof wide;

    if (sysctlbyname(name, &wide, &size, NULL, 0) != 0)
        return false;
    if (size == sizeof(uint32_t)) {
        uint32_t narrow;

        memcpy(&narrow, &wide, sizeof narrow);
        wide = narrow;
    }
    *out = wide;
    return true;
}

/* What can be had without pressing others: as Activity Monitor counts, all but active, wired and compressed memory. */
static uint64_t macos_available(uint64_t total)
{
    mach_port_t            host = mach_host_self();
    vm_statistics64_data_t vm;
    mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
    vm_size_t              page = 0;
    uint64_t               used;
    bool                   known;

    memset(&vm, 0, sizeof vm);
    known = host_page_size(host, &page) == KERN_SUCCESS &&
            host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&vm, &count) == KERN_SUCCESS;
    (void)mach_port_deallocate(mach_task_self(), host);
    if (!known)
        return 0;
    used = (uint64_t)vm.active_count + vm.inactive_count + vm.speculative_count + vm.wire_count + vm.compressor_page_count;
    used -= cfi_min_u64(used, (uint64_t)vm.purgeable_count + vm.external_page_count);
    return total - cfi_min_u64(total, used * page);
}

/* What is used of the two frameworks; their types are pointers and ports. Constants: CFString.h, CFNumber.h, IOKitLib.h. */
typedef struct frameworks {
    void *core;
    void *kit;
    const void *(*string)(const void *allocator, const char *text, uint32_t encoding);
    unsigned long (*type_of)(const void *value);
    unsigned long (*type_of_numbers)(void);
    unsigned char (*number)(const void *value, long type, void *out);
    void (*release)(const void *value);
    void *(*matching)(const char *name);
    mach_port_t (*find)(mach_port_t main_port, const void *matching); /* takes the dictionary */
    const void *(*search)(mach_port_t entry, const char *plane, const void *key, const void *allocator, uint32_t options);
    int (*release_object)(mach_port_t object);
} frameworks;

#define STRING_UTF8 0x08000100u
#define NUMBER_SINT32 3
#define RECURSIVELY 1u

static bool find_in_framework(void *library, const char *name, void *out, size_t size)
{
    void *found = library != NULL ? dlsym(library, name) : NULL;

    if (found == NULL || size != sizeof found)
        return false;
    memcpy(out, &found, size);
    return true;
}

#define FIND(library, member, name) find_in_framework(f->library, name, &f->member, sizeof f->member)

static bool open_frameworks(frameworks *f)
{
    memset(f, 0, sizeof *f);
    f->core = dlopen("/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation", RTLD_LAZY | RTLD_LOCAL);
    f->kit = dlopen("/System/Library/Frameworks/IOKit.framework/IOKit", RTLD_LAZY | RTLD_LOCAL);
    return FIND(core, string, "CFStringCreateWithCString") && FIND(core, type_of, "CFGetTypeID") &&
           FIND(core, type_of_numbers, "CFNumberGetTypeID") && FIND(core, number, "CFNumberGetValue") && FIND(core, release, "CFRelease") &&
           FIND(kit, matching, "IOServiceMatching") && FIND(kit, find, "IOServiceGetMatchingService") &&
           FIND(kit, search, "IORegistryEntrySearchCFProperty") && FIND(kit, release_object, "IOObjectRelease");
}

static void close_frameworks(frameworks *f)
{
    if (f->core != NULL)
        (void)dlclose(f->core);
    if (f->kit != NULL)
        (void)dlclose(f->kit);
}

static uint32_t ask_core_count(const frameworks *f)
{
    void       *matching = f->matching("AGXAccelerator");
    mach_port_t service = matching != NULL ? f->find(MACH_PORT_NULL, matching) : MACH_PORT_NULL;
    const void *key, *value = NULL;
    int32_t     cores = 0;

    if (service == MACH_PORT_NULL)
        return 0;
    key = f->string(NULL, "gpu-core-count", STRING_UTF8);
    if (key != NULL)
        value = f->search(service, "IOService", key, NULL, RECURSIVELY);
    if (value != NULL && (f->type_of(value) != f->type_of_numbers() || !f->number(value, NUMBER_SINT32, &cores) || cores < 0))
        cores = 0;
    if (value != NULL)
        f->release(value);
    if (key != NULL)
        f->release(key);
    (void)f->release_object(service);
    return (uint32_t)cores;
}

static uint32_t gpu_core_count(void)
{
    frameworks f;
    uint32_t   cores = open_frameworks(&f) ? ask_core_count(&f) : 0;

    close_frameworks(&f);
    return cores;
}

/* ---- Metal, through the Objective-C runtime ---- */
typedef struct metal {
    void *framework;
    void *runtime;
    void *(*create)(void);                               /* MTLCreateSystemDefaultDevice: owned by the caller */
    void *(*selector)(const char *name);                 /* sel_registerName */
    uint64_t (*ask_number)(void *object, void *message); /* objc_msgSend, as for a message that answers a number */
    void (*tell)(void *object, void *message);           /* objc_msgSend, as for one that answers nothing */
} metal;

static bool open_metal(metal *m)
{
    memset(m, 0, sizeof *m);
    m->framework = dlopen("/System/Library/Frameworks/Metal.framework/Metal", RTLD_LAZY | RTLD_LOCAL);
    m->runtime = dlopen("/usr/lib/libobjc.A.dylib", RTLD_LAZY | RTLD_LOCAL);
    return find_in_framework(m->framework, "MTLCreateSystemDefaultDevice", &m->create, sizeof m->create) &&
           find_in_framework(m->runtime, "sel_registerName", &m->selector, sizeof m->selector) &&
           find_in_framework(m->runtime, "objc_msgSend", &m->ask_number, sizeof m->ask_number) &&
           find_in_framework(m->runtime, "objc_msgSend", &m->tell, sizeof m->tell);
}

/* What Metal lets a process hold at once on this Mac; 0 = it does not say. The frameworks stay: Metal does not unload. */
static uint64_t recommended_working_set(void)
{
    metal    m;
    void    *device;
    uint64_t bytes;

    if (!open_metal(&m))
        return 0;
    device = m.create();
    if (device == NULL)
        return 0;
    bytes = m.ask_number(device, m.selector("recommendedMaxWorkingSetSize"));
    m.tell(device, m.selector("release"));
    return bytes;
}

/* iogpu.wired_limit_mb holds for what is planned next, also where Metal was asked before it was set. */
static void read_budget(cfi_hw_scene *scene, cfi_hw_finding *finding)
{
    uint64_t wired = 0, recommended;

    if (sysctl_number("iogpu.wired_limit_mb", &wired) && wired > 0 && wired < UINT64_MAX / MIB) {
        cfi_hw_note(scene, "iogpu.wired_limit_mb: %llu", (unsigned long long)wired);
        finding->budget_bytes = wired * MIB;
        return;
    }
    recommended = (scene->options->flags & CTXFIT_HW_DETECT_NO_DRIVER) == 0 ? recommended_working_set() : 0;
    cfi_hw_note(scene, "Metal recommends a working set of at most %llu bytes", (unsigned long long)recommended);
    if (recommended > 0 && recommended <= scene->memory_bytes)
        finding->budget_bytes = recommended;
    else
        cfi_hw_warn(scene, "what the GPU may use was not read: taken by the rule of older versions of macOS");
}

static void add_apple_gpu(cfi_hw_scene *scene)
{
    cfi_hw_finding *finding;
    uint32_t        cores;

    if (strncmp(scene->cpu, "Apple", 5) != 0) {
        cfi_hw_warn(scene, "graphics cards of Macs with Intel processors are not counted");
        return;
    }
    finding = cfi_hw_add_finding(scene, CTXFIT_DEVICE_UNIFIED, CTXFIT_BACKEND_METAL);
    if (finding == NULL)
        return;
    (void)snprintf(finding->place, sizeof finding->place, "GPU");
    (void)snprintf(finding->name, sizeof finding->name, "%.60s", scene->cpu);
    cores = gpu_core_count();
    if (cores > 0) /* the chip's name does not say which of its variants it is */
        (void)snprintf(finding->name, sizeof finding->name, "%.60s %u-core GPU", scene->cpu, (unsigned)cores);
    read_budget(scene, finding);
}

ctxfit_status cfi_hw_read_system(cfi_hw_scene *scene)
{
    char   brand[96] = "", version[32] = "";
    size_t size = sizeof brand - 1, version_size = sizeof version - 1;

    if (scene->options->root[0] != '\0')
        return CTXFIT_E_UNSUPPORTED;
    if (sysctlbyname("machdep.cpu.brand_string", brand, &size, NULL, 0) == 0)
        cfi_hw_copy_text(scene->cpu, sizeof scene->cpu, brand);
    (void)sysctlbyname("kern.osproductversion", version, &version_size, NULL, 0);
    cfi_hw_note(scene, "system: macOS %s, %s", version, scene->cpu);
    if (sysctl_number("hw.memsize", &scene->memory_bytes))
        scene->available_bytes = macos_available(scene->memory_bytes);
    cfi_hw_note(scene, "hw.memsize: %llu, available %llu bytes", (unsigned long long)scene->memory_bytes,
                (unsigned long long)scene->available_bytes);
    add_apple_gpu(scene);
    return CTXFIT_OK;
}
