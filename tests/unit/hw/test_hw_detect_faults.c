/* Detection on systems that are broken, huge or hostile, and under failures of every call that it makes. */
#define _POSIX_C_SOURCE 200809L

#include "fake_machine.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static void add_text(fake_machine *m, const char *path, const char *text)
{
    fake_add(m, path, text, strlen(text));
}

static void start(fake_machine *m)
{
    memset(m, 0, sizeof *m);
    memset(&fake_nvml, 0, sizeof fake_nvml);
}

static const char small_meminfo[] = "MemTotal: 32768000 kB\nMemAvailable: 20480000 kB\n";

static void load(fake_machine *m, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/hw/machines/%s.machine", TEST_DATA, name);
    fake_load(m, path);
    (void)fake_nvml_of(m);
}

static void spec_of(const ctxfit_hw *hw, char *out, size_t cap)
{
    assert_int_equal(ctxfit_hw_write_spec(hw, out, cap, NULL), CTXFIT_OK);
}

static void every_allocation_may_fail(void **state)
{
    static fake_machine m;
    test_failing        f = {0};

    (void)state;
    load(&m, "desktop-rtx-4090");
    while (test_failing_next(&f)) {
        ctxfit_hw *hw = (ctxfit_hw *)&f;

        f.status = fake_detect(&m, NULL, &f.allocator, &hw, NULL);
        assert_true((hw != NULL) == (f.status == CTXFIT_OK));
        ctxfit_hw_free(hw);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds > 2);
    free(m.all);
}

static void every_call_of_nvml_may_fail(void **state)
{
    static const char names[][24] = {"two-unequal-cards", "mig-a100", "dgx-spark"};
    static fake_machine m;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(names); i++)
        for (uint32_t fail_at = 1, calls = 2; fail_at <= calls; fail_at++) {
            ctxfit_hw *hw = NULL;

            load(&m, names[i]);
            fake_nvml.fail_at = fail_at;
            assert_int_equal(fake_detect(&m, NULL, NULL, &hw, NULL), CTXFIT_OK);
            calls = fake_nvml.calls > calls ? fake_nvml.calls : calls;
            assert_int_equal(fake_nvml.started, 0);
            assert_true(ctxfit_hw_device_count(hw) >= 1);
            ctxfit_hw_free(hw);
            free(m.all);
        }
}

static void an_old_driver_tells_memory_in_its_first_form(void **state)
{
    static fake_machine m;
    char                spec[512];
    ctxfit_hw          *hw;

    (void)state;
    load(&m, "two-unequal-cards");
    fake_nvml.old = true;
    assert_int_equal(fake_detect(&m, NULL, NULL, &hw, NULL), CTXFIT_OK);
    spec_of(hw, spec, sizeof spec);
    assert_string_equal(spec, "rtx-3090(free=24210MiB) rtx-3060-12gb(free=11900MiB) host:125GiB(free=100000MiB)");
    ctxfit_hw_free(hw);
    free(m.all);
}

static void visible_devices_are_those_of_the_list(void **state)
{
    static const struct {
        char list[32];
        char spec[120];
    } cases[] = {
        {"0", "rtx-3090(free=24210MiB) host:125GiB(free=100000MiB)"},
        {"1", "rtx-3060-12gb(free=11900MiB) host:125GiB(free=100000MiB)"},
        {"GPU-2", "rtx-3060-12gb(free=11900MiB) host:125GiB(free=100000MiB)"},
        {"-1", "host:125GiB(free=100000MiB)"},
        {"0,-1,1", "rtx-3090(free=24210MiB) host:125GiB(free=100000MiB)"},
        {"7", "host:125GiB(free=100000MiB)"},
        {"0x1", "host:125GiB(free=100000MiB)"},
    };
    static fake_machine m;

    (void)state;
    load(&m, "two-unequal-cards");
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
        char                     spec[512];
        ctxfit_hw               *hw;

        (void)snprintf(options.visible_cuda, sizeof options.visible_cuda, "%s", cases[i].list);
        assert_int_equal(fake_detect(&m, &options, NULL, &hw, NULL), CTXFIT_OK);
        spec_of(hw, spec, sizeof spec);
        assert_string_equal(spec, cases[i].spec);
        ctxfit_hw_free(hw);
    }
    free(m.all);
}

static void a_stated_limit_bounds_the_host(void **state)
{
    static fake_machine      m;
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    char                     spec[512];
    ctxfit_hw               *hw;

    (void)state;
    start(&m);
    add_text(&m, "/proc/meminfo", small_meminfo);
    options.host_limit_bytes = 8192 * MIB;
    assert_int_equal(fake_detect(&m, &options, NULL, &hw, NULL), CTXFIT_OK);
    spec_of(hw, spec, sizeof spec);
    assert_string_equal(spec, "host:8GiB(free=8GiB,reserve=0B)");
    ctxfit_hw_free(hw);
}

static void stated_limits_bound_the_accelerators(void **state)
{
    static fake_machine      m;
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    char                     spec[512];
    ctxfit_hw               *hw;

    (void)state;
    load(&m, "two-unequal-cards");
    options.device_limit_bytes[0] = 8192 * MIB;
    options.device_limit_bytes[1] = 64 * 1024 * MIB; /* more than there is */
    assert_int_equal(fake_detect(&m, &options, NULL, &hw, NULL), CTXFIT_OK);
    spec_of(hw, spec, sizeof spec);
    assert_string_equal(spec, "rtx-3090(free=8GiB) rtx-3060-12gb(free=11900MiB) host:125GiB(free=100000MiB)");
    ctxfit_hw_free(hw);
    free(m.all);
    load(&m, "strix-halo-small-carve-out"); /* unified: what the GPU may use */
    options.device_limit_bytes[0] = 32 * 1024 * MIB;
    assert_int_equal(fake_detect(&m, &options, NULL, &hw, NULL), CTXFIT_OK);
    spec_of(hw, spec, sizeof spec);
    assert_string_equal(spec, "ryzen-ai-max-395-128gb(mem=130462MiB,free=110412MiB,budget=32GiB)");
    ctxfit_hw_free(hw);
    free(m.all);
}

/* Level Zero counts cards before the processor's own GPU. */
static void the_mask_of_level_zero_hides_devices_of_intel(void **state)
{
    static const struct {
        char mask[16];
        char spec[120];
    } cases[] = {
        {"0", "arc-b580 host:64000MiB(free=50000MiB)"},
        {"1.0", "arc-a770-16gb(mem=16276MiB,free=16000MiB) host:64000MiB(free=50000MiB)"},
        {"-1", "host:64000MiB(free=50000MiB)"},
    };
    static fake_machine m;

    (void)state;
    load(&m, "arc-pair-with-integrated");
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
        char                     spec[512];
        ctxfit_hw               *hw;

        (void)snprintf(options.visible_sycl, sizeof options.visible_sycl, "%s", cases[i].mask);
        assert_int_equal(fake_detect(&m, &options, NULL, &hw, NULL), CTXFIT_OK);
        spec_of(hw, spec, sizeof spec);
        assert_string_equal(spec, cases[i].spec);
        ctxfit_hw_free(hw);
    }
    free(m.all);
}

/* AMD's runtime counts in the order of the compute topology, here the other way round than the cards. */
static void visible_devices_of_amd_are_numbered_by_the_topology(void **state)
{
    static const struct {
        char list[8];
        char spec[120];
    } cases[] = {
        {"0", "rx-6800-xt(mem=16368MiB) host:32000MiB(free=20000MiB)"},
        {"1", "rx-7900-xtx(mem=24560MiB) host:32000MiB(free=20000MiB)"},
        {"2", "host:32000MiB(free=20000MiB)"},
        {"1,0", "rx-7900-xtx(mem=24560MiB) rx-6800-xt(mem=16368MiB) host:32000MiB(free=20000MiB)"},
    };
    static fake_machine m;

    (void)state;
    start(&m);
    add_text(&m, "/proc/meminfo", small_meminfo);
    add_text(&m, "/sys/class/drm/card0/device/vendor", "0x1002\n");
    add_text(&m, "/sys/class/drm/card0/device/device", "0x744c\n");
    add_text(&m, "/sys/class/drm/card0/device/revision", "0xc8\n");
    add_text(&m, "/sys/class/drm/card0/device/mem_info_vram_total", "25753026560\n");
    add_text(&m, "/sys/class/drm/card0/device/uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:0c:00.0\n");
    add_text(&m, "/sys/class/drm/card1/device/vendor", "0x1002\n");
    add_text(&m, "/sys/class/drm/card1/device/device", "0x73bf\n");
    add_text(&m, "/sys/class/drm/card1/device/revision", "0xc1\n");
    add_text(&m, "/sys/class/drm/card1/device/mem_info_vram_total", "17163091968\n");
    add_text(&m, "/sys/class/drm/card1/device/uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n");
    add_text(&m, "/sys/class/kfd/kfd/topology/nodes/0/properties", "cpu_cores_count 16\ngfx_target_version 0\nlocation_id 0\n");
    add_text(&m, "/sys/class/kfd/kfd/topology/nodes/1/properties", "gfx_target_version 100300\nlocation_id 768\ndomain 0\n");
    add_text(&m, "/sys/class/kfd/kfd/topology/nodes/2/properties", "gfx_target_version 110000\nlocation_id 3072\ndomain 0\n");
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
        char                     spec[512];
        ctxfit_hw               *hw;

        (void)snprintf(options.visible_rocm, sizeof options.visible_rocm, "%s", cases[i].list);
        assert_int_equal(fake_detect(&m, &options, NULL, &hw, NULL), CTXFIT_OK);
        spec_of(hw, spec, sizeof spec);
        assert_string_equal(spec, cases[i].spec);
        ctxfit_hw_free(hw);
    }
}

static void put(uint8_t *at, uint64_t value, size_t size)
{
    const uint32_t word = (uint32_t)value;
    const uint16_t half = (uint16_t)value;

    memcpy(at, size == 8 ? (const void *)&value : size == 4 ? (const void *)&word : (const void *)&half, size);
}

/* Made answers, laid out as the kernel's headers say. */
static void answers_of_intels_drivers_are_read(void **state)
{
    uint8_t        answer[16 + 3 * 88];
    cfi_hw_regions regions;

    (void)state;
    memset(answer, 0, sizeof answer);
    put(answer, 2, 4); /* i915: system memory, device memory */
    put(answer + 16 + 8, 32768 * MIB, 8);
    put(answer + 16 + 16, 32768 * MIB, 8);
    put(answer + 16 + 88, 1, 2);
    put(answer + 16 + 88 + 8, 16288 * MIB, 8);
    put(answer + 16 + 88 + 16, 10000 * MIB, 8);
    assert_true(cfi_hw_read_regions(answer, 16 + 2 * 88, false, &regions));
    assert_true(regions.total_bytes == 16288 * MIB && regions.free_bytes == 10000 * MIB && regions.free_known);
    put(answer + 16 + 88 + 16, 16288 * MIB, 8); /* without the right to know */
    assert_true(cfi_hw_read_regions(answer, 16 + 2 * 88, false, &regions) && !regions.free_known);
    assert_false(cfi_hw_read_regions(answer, 16 + 88, false, &regions)); /* cut off before the second */
    assert_false(cfi_hw_read_regions(answer, 3, false, &regions));
    put(answer, UINT32_MAX, 4); /* more than there is */
    assert_true(cfi_hw_read_regions(answer, sizeof answer, false, &regions) && regions.total_bytes == 16288 * MIB);
    memset(answer, 0, sizeof answer);
    put(answer, 2, 4); /* xe: two tiles, and what is used */
    for (size_t tile = 0; tile < 2; tile++) {
        put(answer + 8 + tile * 88, 1, 2);
        put(answer + 8 + tile * 88 + 8, 8192 * MIB, 8);
        put(answer + 8 + tile * 88 + 16, tile * 1024 * MIB, 8);
    }
    assert_true(cfi_hw_read_regions(answer, 8 + 2 * 88, true, &regions));
    assert_true(regions.total_bytes == 16384 * MIB && regions.free_bytes == 15360 * MIB && regions.free_known);
    assert_false(cfi_hw_ask_regions("/dev/null", false, &regions)); /* answers no such question */
    assert_false(cfi_hw_ask_regions("/dev/null", true, &regions));
    assert_false(cfi_hw_ask_regions("/nonexistent", true, &regions));
}

/* PCI Express: 16 lanes of the third generation carry 15.75 GB/s in each direction, each later one twice as much. */
static void rates_of_links_are_those_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(cfi_hw_pcie_rate(1, 4), UINT64_C(1000000000));
    assert_in_range(cfi_hw_pcie_rate(3, 16), UINT64_C(15750000000), UINT64_C(15760000000));
    assert_in_range(cfi_hw_pcie_rate(4, 8), UINT64_C(15750000000), UINT64_C(15760000000));
    assert_in_range(cfi_hw_pcie_rate(5, 16), UINT64_C(63010000000), UINT64_C(63020000000));
    assert_int_equal(cfi_hw_pcie_rate(0, 16), 0);
    assert_int_equal(cfi_hw_pcie_rate(7, 16), 0);
    assert_int_equal(cfi_hw_pcie_rate(4, UINT32_MAX), 0);
}

static void an_integrated_gpu_stays_when_it_is_wanted(void **state)
{
    static fake_machine      m;
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    ctxfit_device            device = CTXFIT_DEVICE_INIT;
    ctxfit_hw               *hw;

    (void)state;
    load(&m, "laptop-hybrid");
    options.flags = CTXFIT_HW_DETECT_WITH_INTEGRATED;
    assert_int_equal(fake_detect(&m, &options, NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_device_count(hw), 3);
    assert_int_equal(ctxfit_hw_get_device(hw, 1, &device), CTXFIT_OK);
    assert_string_equal(device.id, "ryzen-7-7840hs-32gb");
    ctxfit_hw_free(hw);
    free(m.all);
}

static void cards_beyond_the_most_are_counted_not_kept(void **state)
{
    static fake_machine m;
    ctxfit_hw          *hw;
    bool                warned = false;

    (void)state;
    start(&m);
    add_text(&m, "/proc/meminfo", small_meminfo);
    for (int i = 0; i < 200; i++)
        fake_nvml_add("10de:2204 | 24576MiB | 24210MiB | GPU-1 | NVIDIA GeForce RTX 3090");
    assert_int_equal(fake_detect(&m, NULL, NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_device_count(hw), CTXFIT_HW_MAX_DEVICES);
    for (uint32_t i = 0; ctxfit_hw_warning(hw, i) != NULL; i++)
        warned = warned || strcmp(ctxfit_hw_warning(hw, i), "137 more devices: a machine has at most 64") == 0;
    assert_true(warned);
    ctxfit_hw_free(hw);
}

static void binary_files_are_read_as_nothing(void **state)
{
    static const char paths[][64] = {
        "/proc/cpuinfo", "/proc/self/cgroup", "/proc/mounts", "/proc/device-tree/model", "/proc/sys/kernel/osrelease",
        "/proc/bus/pci/devices", "/sys/class/drm/card0/device/vendor", "/sys/class/kfd/kfd/topology/nodes/0/properties",
    };
    static fake_machine m;
    static char         noise[40000], report[CFI_HW_REPORT_BYTES];
    char                spec[512];
    uint32_t            seed = 1;

    (void)state;
    for (int round = 0; round < 64; round++) {
        ctxfit_hw *hw;

        for (size_t i = 0; i < sizeof noise; i++) {
            seed = seed * 1664525 + 1013904223;
            noise[i] = (char)(seed >> 24);
        }
        start(&m);
        add_text(&m, "/proc/meminfo", small_meminfo);
        for (size_t i = 0; i < CFI_COUNT(paths); i++)
            fake_add(&m, paths[i], noise + i * 7, round == 0 ? 0 : sizeof noise >> (round % 16));
        assert_int_equal(fake_detect(&m, NULL, NULL, &hw, NULL), CTXFIT_OK);
        spec_of(hw, spec, sizeof spec);
        assert_string_equal(spec, "host:32000MiB(free=20000MiB)");
        assert_int_equal(ctxfit_hw_write_report(hw, report, sizeof report, NULL), CTXFIT_OK);
        for (const char *c = report; *c != '\0'; c++)
            assert_true(((unsigned char)*c >= ' ' && *c != 0x7f) || *c == '\n'); /* steers no terminal */
        ctxfit_hw_free(hw);
    }
}

static void a_system_that_shows_nothing_is_an_error(void **state)
{
    static fake_machine m;
    ctxfit_hw          *hw = (ctxfit_hw *)&m;
    ctxfit_error        error;

    (void)state;
    start(&m);
    assert_int_equal(fake_detect(&m, NULL, NULL, &hw, &error), CTXFIT_E_IO);
    assert_null(hw);
}

static void a_card_without_a_known_host_is_a_machine(void **state)
{
    static fake_machine m;
    char                spec[512];
    ctxfit_hw          *hw;

    (void)state;
    start(&m);
    add_text(&m, "/proc/meminfo", "MemTotal: 18446744073709551615 kB\n");
    fake_nvml_add("10de:2204 | 24576MiB | 24210MiB | GPU-1 | NVIDIA GeForce RTX 3090");
    assert_int_equal(fake_detect(&m, NULL, NULL, &hw, NULL), CTXFIT_OK);
    spec_of(hw, spec, sizeof spec);
    assert_string_equal(spec, "rtx-3090(free=24210MiB)");
    ctxfit_hw_free(hw);
}

static void arguments_are_checked(void **state)
{
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    ctxfit_allocator         broken = {NULL, NULL, NULL};
    ctxfit_hw               *hw, *parsed = must_parse("rtx-4090");
    char                     text[8];
    size_t                   len;

    (void)state;
    assert_int_equal(ctxfit_hw_detect(&options, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_detect(&options, &broken, &hw, NULL), CTXFIT_E_INVALID_ARG);
    options.flags = 1u << 31;
    assert_int_equal(ctxfit_hw_detect(&options, NULL, &hw, NULL), CTXFIT_E_INVALID_ARG);
    options.flags = 0;
    memset(options.root, 'x', sizeof options.root);
    assert_int_equal(ctxfit_hw_detect(&options, NULL, &hw, NULL), CTXFIT_E_INVALID_ARG);
    options.struct_size = 0;
    assert_int_equal(ctxfit_hw_detect(&options, NULL, &hw, NULL), CTXFIT_E_STRUCT_SIZE);
    assert_null(ctxfit_hw_warning(NULL, 0));
    assert_null(ctxfit_hw_warning(parsed, 0));
    assert_int_equal(ctxfit_hw_write_report(NULL, text, sizeof text, &len), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_write_report(parsed, NULL, 1, &len), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_write_report(parsed, text, sizeof text, &len), CTXFIT_E_NOT_FOUND);
    ctxfit_hw_free(parsed);
}

/* ---- files of a real folder ---- */
static void write_file(const char *folder, const char *path, const char *text)
{
    char  full[600];
    FILE *file;

    (void)snprintf(full, sizeof full, "%s%s", folder, path);
    for (char *slash = strchr(full + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    file = fopen(full, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    (void)fclose(file);
}

static void odd_files_of_a_folder_are_survived(void **state)
{
    char                     folder[] = "detect-XXXXXX", path[600], spec[512], command[64];
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    ctxfit_hw               *hw;

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file(folder, "/proc/meminfo", small_meminfo);
    write_file(folder, "/sys/class/drm/card0/device/vendor", "0x1002");
    write_file(folder, "/sys/class/drm/card0/device/device", "0x744c");
    (void)snprintf(path, sizeof path, "%s/sys/class/drm/card0/device/mem_info_vram_total", folder);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes: reading must not wait */
    (void)snprintf(path, sizeof path, "%s/sys/class/drm/card0/device/revision", folder);
    assert_int_equal(symlink("revision", path), 0); /* a loop */
    (void)snprintf(path, sizeof path, "%s/sys/class/drm/card1", folder);
    assert_int_equal(symlink(".", path), 0);
    (void)snprintf(path, sizeof path, "%s/proc/cpuinfo", folder);
    assert_int_equal(mkdir(path, 0700), 0); /* a folder in a file's place */
    write_file(folder, "/proc/mounts", "");
    (void)snprintf(path, sizeof path, "%s/proc/mounts", folder);
    assert_int_equal(chmod(path, 0), 0);
    (void)snprintf(options.root, sizeof options.root, "%s", folder);
    assert_int_equal(ctxfit_hw_detect(&options, NULL, &hw, NULL), CTXFIT_OK);
    spec_of(hw, spec, sizeof spec);
    assert_string_equal(spec, "host:32000MiB(free=20000MiB)");
    ctxfit_hw_free(hw);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* The public call, a folder for the files, and a library that is really loaded. */
static void a_library_in_place_of_nvml_is_loaded(void **state)
{
    char                     folder[] = "detect-XXXXXX", spec[512], command[64];
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    ctxfit_hw               *hw;

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file(folder, "/proc/meminfo", small_meminfo);
    (void)snprintf(options.root, sizeof options.root, "%s", folder);
    (void)snprintf(options.nvml_library, sizeof options.nvml_library, "%s", NVML_STANDIN);
    assert_int_equal(ctxfit_hw_detect(&options, NULL, &hw, NULL), CTXFIT_OK);
    spec_of(hw, spec, sizeof spec);
    assert_string_equal(spec, "rtx-4090(mem=24564MiB,free=12000MiB,link=15753MB/s) "
                              "gpu(backend=cuda,mem=40192MiB,free=40000MiB,link=31507MB/s) "
                              "gpu(backend=cuda,mem=19968MiB,free=19900MiB,link=31507MB/s) host:32000MiB(free=20000MiB)");
    ctxfit_hw_free(hw);
    options.flags = CTXFIT_HW_DETECT_NO_DRIVER;
    assert_int_equal(ctxfit_hw_detect(&options, NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_device_count(hw), 1);
    ctxfit_hw_free(hw);
    options.flags = 0;
    (void)snprintf(options.nvml_library, sizeof options.nvml_library, "%s/proc/meminfo", folder); /* no library */
    assert_int_equal(ctxfit_hw_detect(&options, NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_device_count(hw), 1);
    ctxfit_hw_free(hw);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* Whatever this machine is, it is found quickly; 50 ms are for the slowest of test machines, under a sanitizer. */
static void the_machine_of_this_test_is_found_quickly(void **state)
{
    ctxfit_hw_detect_options options = CTXFIT_HW_DETECT_OPTIONS_INIT;
    struct timespec          before, after;
    double                   best = 1e9;

    (void)state;
    options.flags = CTXFIT_HW_DETECT_NO_DRIVER;
    for (int i = 0; i < 5; i++) {
        ctxfit_hw   *hw;
        ctxfit_error error;
        double       ms;

        (void)clock_gettime(CLOCK_MONOTONIC, &before);
        if (ctxfit_hw_detect(&options, NULL, &hw, &error) != CTXFIT_OK)
            fail_msg("%s", error.message);
        (void)clock_gettime(CLOCK_MONOTONIC, &after);
        ctxfit_hw_free(hw);
        ms = (double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6;
        best = ms < best ? ms : best;
    }
    assert_true(best < 50);
}

static void pci_ids_lead_to_devices_of_the_catalog(void **state)
{
#define PCI(id, pci_ids) {id, pci_ids},
    static const struct {
        char id[40];
        char ids[80];
    } rows[] = {
#include "hw/pci_ids.def"
    };
#undef PCI
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        const char   *at = rows[i].ids;
        uint32_t      index = cfi_hw_find(rows[i].id);
        ctxfit_device device;

        if (index == CFI_HW_NONE || cfi_hw_rig_spec(index) != NULL)
            fail_msg("%s is no device", rows[i].id);
        if (i > 0 && strcmp(rows[i - 1].id, rows[i].id) >= 0)
            fail_msg("%s is not in its place", rows[i].id);
        cfi_hw_catalog_device(index, &device);
        while (*at != '\0') {
            unsigned vendor = 0, number = 0, revision = 0;
            int      end = 0, longer = 0;

            if (sscanf(at, "%4x:%4x%n/%2x%n", &vendor, &number, &end, &revision, &longer) < 2 || end != 9 ||
                strspn(at, "0123456789abcdef:/") != (size_t)(longer > 0 ? longer : end) || (longer > 0 && longer != 12))
                fail_msg("%s: '%s' is no PCI id", rows[i].id, at);
            assert_true(vendor == CFI_PCI_AMD || vendor == CFI_PCI_NVIDIA || vendor == CFI_PCI_INTEL);
            if (cfi_hw_pci_kind(vendor, number) != device.kind)
                fail_msg("%s: %04x:%04x is of devices of two kinds", rows[i].id, vendor, number);
            at += longer > 0 ? longer : end;
            at += *at == ' ' ? 1 : 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_call_of_nvml_may_fail),
        cmocka_unit_test(an_old_driver_tells_memory_in_its_first_form),
        cmocka_unit_test(visible_devices_are_those_of_the_list),
        cmocka_unit_test(a_stated_limit_bounds_the_host),
        cmocka_unit_test(stated_limits_bound_the_accelerators),
        cmocka_unit_test(the_mask_of_level_zero_hides_devices_of_intel),
        cmocka_unit_test(visible_devices_of_amd_are_numbered_by_the_topology),
        cmocka_unit_test(answers_of_intels_drivers_are_read),
        cmocka_unit_test(rates_of_links_are_those_of_the_standard),
        cmocka_unit_test(a_library_in_place_of_nvml_is_loaded),
        cmocka_unit_test(an_integrated_gpu_stays_when_it_is_wanted),
        cmocka_unit_test(cards_beyond_the_most_are_counted_not_kept),
        cmocka_unit_test(binary_files_are_read_as_nothing),
        cmocka_unit_test(a_system_that_shows_nothing_is_an_error),
        cmocka_unit_test(a_card_without_a_known_host_is_a_machine),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(odd_files_of_a_folder_are_survived),
        cmocka_unit_test(the_machine_of_this_test_is_found_quickly),
        cmocka_unit_test(pci_ids_lead_to_devices_of_the_catalog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
