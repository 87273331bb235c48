/*
 * Detection inside the library. A platform's reader (detect_linux.c, detect_macos.c, detect_windows.c) writes what it reads into a
 * cfi_hw_scene: host memory and a list of findings. detect_match.c finds each in the catalog, detect_machine.c makes a machine of them.
 */
#ifndef CFI_DETECT_INTERNAL_H
#define CFI_DETECT_INTERNAL_H

#include "hw_internal.h"

#define CFI_HW_MAX_FINDINGS (CTXFIT_HW_MAX_DEVICES - 1) /* the host is one more */
#define CFI_HW_MAX_WARNINGS 24
#define CFI_HW_WARNING_BYTES 224
#define CFI_HW_REPORT_BYTES 16384
#define CFI_HW_FILE_BYTES 32768
#define CFI_HW_PATH_BYTES 768
#define CFI_HW_NO_REVISION UINT32_MAX

enum {
    CFI_PCI_AMD    = 0x1002,
    CFI_PCI_NVIDIA = 0x10de,
    CFI_PCI_INTEL  = 0x8086
};

/* One accelerator as it was read; what is 0 or empty was not. */
typedef struct cfi_hw_finding {
    uint32_t kind;           /* CTXFIT_DEVICE_GPU or _UNIFIED */
    uint32_t backend;
    uint32_t vendor;         /* PCI */
    uint32_t device;
    uint32_t revision;       /* or CFI_HW_NO_REVISION */
    uint32_t partition;      /* a slice of a card (MIG): the card's catalog entry is not its own */
    uint32_t free_known;
    uint32_t reserved0;
    uint64_t memory_bytes;   /* of its own; of a unified device: what firmware set aside for it, outside the host's total */
    uint64_t free_bytes;     /* of memory_bytes */
    uint64_t shared_bytes;   /* unified: what it may use of the host's memory, 0 = the rule of the catalog */
    uint64_t budget_bytes;   /* unified: stated by the system, 0 = own and shared memory, or the rule */
    uint64_t link_bytes_per_s; /* to the host, one direction */
    char     name[96];
    char     place[48];      /* for the report: "0000:01:00.0", "card1" */
} cfi_hw_finding;

typedef struct cfi_hw_scene {
    const ctxfit_hw_detect_options *options;
    uint64_t       memory_bytes;    /* of the system, 0 = not known */
    uint64_t       available_bytes;
    uint64_t       limit_bytes;     /* of this process's group or of the caller; UINT64_MAX = none */
    uint64_t       limit_free_bytes;
    uint64_t       swallowed;       /* findings for which there was no room */
    char           cpu[96];
    char           board[96];       /* "Raspberry Pi 5 Model B Rev 1.0" */
    cfi_hw_finding findings[CFI_HW_MAX_FINDINGS];
    uint32_t       finding_count;
    uint32_t       warning_count;
    char           warnings[CFI_HW_MAX_WARNINGS][CFI_HW_WARNING_BYTES];
    cfi_writer     report;
    char           report_text[CFI_HW_REPORT_BYTES];
    char           file[CFI_HW_FILE_BYTES]; /* the file read last */
} cfi_hw_scene;

/* ---- detect.c ---- */
/* A line of the report. */
void            cfi_hw_note(cfi_hw_scene *scene, const char *fmt, ...) CFI_PRINTF(2, 3);
/* A line that the user should see: what could not be read, or was left out. */
void            cfi_hw_warn(cfi_hw_scene *scene, const char *fmt, ...) CFI_PRINTF(2, 3);
/* A new finding; NULL where there is no more room, which is counted. */
cfi_hw_finding *cfi_hw_add_finding(cfi_hw_scene *scene, uint32_t kind, uint32_t backend);
/* Printable text without blanks at its ends; everything else is '?'. */
void            cfi_hw_copy_text(char *out, size_t cap, const char *text);
/*
 * Whether a list of visible devices ("1,0", "GPU-8f2a", "" = all) shows the device. "-1" hides all that stand behind it, as with CUDA.
 */
bool            cfi_hw_is_visible(const char *list, uint32_t index, const char *uuid);

/* Bytes per second, one direction, of a PCI Express link; 0 for a generation or width that there is not. */
uint64_t        cfi_hw_pcie_rate(unsigned int generation, unsigned int width);

/* ---- detect_match.c ---- */
/* The kind that the catalog gives a PCI id (CTXFIT_DEVICE_*), 0 = not in it. */
uint32_t        cfi_hw_pci_kind(uint32_t vendor, uint32_t device);
/* Bytes on the box of every device of the catalog with this PCI id, 0 = they differ, or there is none. */
uint64_t        cfi_hw_pci_memory(uint32_t vendor, uint32_t device);
/* The row of a finding, or CFI_HW_NONE; `common` gets what all remaining candidates agree on, `evidence` says why. */
#define CFI_HW_EVIDENCE 200
uint32_t        cfi_hw_match_finding(const cfi_hw_scene *scene, const cfi_hw_finding *finding, uint64_t memory_bytes, ctxfit_device *common,
                                     char evidence[CFI_HW_EVIDENCE]);
/* A host whose memory is soldered on and whose board the catalog knows. */
uint32_t        cfi_hw_match_host(const cfi_hw_scene *scene, char evidence[CFI_HW_EVIDENCE]);

/* ---- detect_machine.c: the machine of a scene ---- */
ctxfit_status   cfi_hw_scene_machine(cfi_hw_scene *scene, const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error);

/* ---- detect_nvml.c ---- */
typedef struct cfi_nvml_device *cfi_nvml_handle; /* NVIDIA's, never looked into */

typedef struct cfi_nvml_pci {
    char     legacy_bus_id[16];
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t device_and_vendor; /* device id << 16 | vendor id */
    uint32_t subsystem;
    char     bus_id[32];
} cfi_nvml_pci;

typedef struct cfi_nvml_memory {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
} cfi_nvml_memory;

typedef struct cfi_nvml_memory_v2 {
    unsigned int       version;
    unsigned long long total;
    unsigned long long reserved;
    unsigned long long free;
    unsigned long long used;
} cfi_nvml_memory_v2;

enum {
    CFI_NVML_OK            = 0,
    CFI_NVML_NOT_SUPPORTED = 3
};

/* The functions of NVIDIA's management library that are used; any may be NULL but the first five. */
typedef struct cfi_nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned int *count);
    int (*by_index)(unsigned int index, cfi_nvml_handle *out);
    int (*memory)(cfi_nvml_handle device, cfi_nvml_memory *out);
    int (*memory_v2)(cfi_nvml_handle device, cfi_nvml_memory_v2 *out);
    int (*name)(cfi_nvml_handle device, char *out, unsigned int cap);
    int (*uuid)(cfi_nvml_handle device, char *out, unsigned int cap);
    int (*pci)(cfi_nvml_handle device, cfi_nvml_pci *out);
    int (*mig_mode)(cfi_nvml_handle device, unsigned int *current, unsigned int *pending);
    int (*mig_count)(cfi_nvml_handle device, unsigned int *count);
    int (*mig_by_index)(cfi_nvml_handle device, unsigned int index, cfi_nvml_handle *out);
    int (*driver)(char *out, unsigned int cap);
    int (*pcie_generation)(cfi_nvml_handle device, unsigned int *out); /* the most that card and slot have in common */
    int (*pcie_width)(cfi_nvml_handle device, unsigned int *out);
} cfi_nvml;

/* Adds what NVML shows; true when it showed a device, also one that had to be left out. */
bool cfi_hw_read_nvml(cfi_hw_scene *scene, const cfi_nvml *nvml);

/* ---- nvml_load.c: the library of this machine, loaded for the time of one call ---- */
typedef struct cfi_nvml_library {
    cfi_nvml nvml;
    void    *handle;
} cfi_nvml_library;

bool cfi_nvml_open(cfi_nvml_library *library, const char *path); /* path "": the driver's own; false: there is none */
void cfi_nvml_close(cfi_nvml_library *library);

/* ---- detect_linux.c, detect_cgroup.c, detect_drm.c: a Linux system through its files ---- */
/* ---- detect_regions.c: what a driver of Intel's answers on a render node ---- */
typedef struct cfi_hw_regions {
    uint64_t total_bytes;
    uint64_t free_bytes;
    bool     free_known;
} cfi_hw_regions;

bool cfi_hw_read_regions(const uint8_t *answer, size_t size, bool xe, cfi_hw_regions *out); /* false: no memory of its own in it */
bool cfi_hw_ask_regions(const char *node, bool xe, cfi_hw_regions *out);

typedef struct cfi_hw_files {
    void *user;
    /* Asks the driver of a render node ("/dev/dri/renderD128"); NULL: it is not to be asked. */
    bool (*regions)(void *user, const char *node, bool xe, cfi_hw_regions *out);
    /* The beginning of a file, NUL-terminated, at most cap - 1 bytes; false: there is none that can be read. */
    bool (*read)(void *user, const char *path, char *out, size_t cap, size_t *out_len);
} cfi_hw_files;

void cfi_hw_read_linux(cfi_hw_scene *scene, const cfi_hw_files *files, const cfi_nvml *nvml);
void cfi_hw_read_cgroups(cfi_hw_scene *scene, const cfi_hw_files *files);
void cfi_hw_read_drm(cfi_hw_scene *scene, const cfi_hw_files *files, bool nvml_saw_cards);
/* The file into scene->file, or a number at its start; both leave a note when they succeed. */
bool cfi_hw_read_file(cfi_hw_scene *scene, const cfi_hw_files *files, const char *path);
bool cfi_hw_read_number(cfi_hw_scene *scene, const cfi_hw_files *files, const char *path, uint64_t *out);
/* The value behind `key` and blanks at the start of a line, such as "MemTotal:"; false: none. */
bool cfi_hw_find_number(const char *text, const char *key, uint64_t *out);

/* ---- detect_system.c of each platform ---- */
/* Fills the scene from the machine it runs on; E_UNSUPPORTED where there is no reader for it. */
ctxfit_status cfi_hw_read_system(cfi_hw_scene *scene);

/* As ctxfit_hw_detect(), of a made Linux machine. */
ctxfit_status cfi_hw_detect_with(const cfi_hw_files *files, const cfi_nvml *nvml, const ctxfit_hw_detect_options *options,
                                 const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error);

#endif
