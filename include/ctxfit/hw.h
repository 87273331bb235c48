/**
 * @file hw.h
 * @brief Machines: the host, its accelerators, their memory, bandwidth, compute and links.
 *
 * A machine is written as one line of text, the *spec*, and every machine writes itself back as a spec that means the same:
 *
 *     2*rtx-4090 host:64GiB                     two catalog GPUs and 64 GiB of host memory
 *     gpu(backend=cuda,mem=24GiB,bw=1008GB/s)   a device by its numbers
 *     mac-studio-m2-ultra-64gb                  a catalog machine; unified memory is one device and the host at once
 *     2*dgx-spark(link=25GB/s)                  two linked machines
 *     host:64GiB                                CPU only
 *
 * Items are separated by spaces: `[N*]NAME[(key=value,...)]` or `host:SIZE[(key=value,...)]`. NAME is a catalog id, a name that
 * people type for one ("4090", "m3 max 64gb"), `gpu` (a device with memory of its own) or `unified` (one that shares the host's).
 *
 * | key       | value                                                | for                  |
 * |-----------|------------------------------------------------------|----------------------|
 * | `backend` | cuda, metal, rocm, vulkan, sycl, rpc, cpu            | all                  |
 * | `mem`     | size                                                 | gpu, unified, a CPU  |
 * | `free`    | size that is free now                                | all                  |
 * | `budget`  | size: what the GPU may use of unified memory         | unified              |
 * | `macos`   | legacy or recent: the budget by the rule of that age | unified, metal       |
 * | `reserve` | size kept for the operating system, 0 for none       | unified, host        |
 * | `bw`      | memory bandwidth, "1008GB/s"                         | all                  |
 * | `fp16`    | FLOP/s, "82.6T"                                      | all                  |
 * | `int8`    | OP/s, "660T"                                         | all                  |
 * | `link`    | bandwidth to the host or to a neighbour, "25GB/s"    | gpu, unified         |
 * | `node`    | number of the machine that it sits in                | gpu, unified         |
 *
 * Sizes take B, KiB, MiB, GiB, TiB (powers of 1024) or kB, MB, GB, TB (powers of 1000). Rules that the items follow:
 *
 *  - The host is always the last device. Where discrete GPUs come without `host:` its memory is 0, which means "not stated".
 *  - A unified device in node 0 *is* the machine: the host device repeats its memory, and both draw on the same bytes.
 *  - The n-th unified device sits in node n unless `node` says otherwise: `2*dgx-spark` is two linked machines, of which node 0
 *    lends the host device. Discrete GPUs sit in node 0.
 */
#ifndef CTXFIT_HW_H
#define CTXFIT_HW_H

#include "ctxfit/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A machine, or several linked ones. Immutable. @since 0.1.0 */
typedef struct ctxfit_hw ctxfit_hw;

/** Most devices of a machine, the host included. */
#define CTXFIT_HW_MAX_DEVICES 64
/** As `reserve_bytes` of ctxfit_hw_from_devices(): keep nothing (0 asks for the default). */
#define CTXFIT_HW_RESERVE_NONE UINT64_MAX

/** What a device is. */
enum {
    CTXFIT_DEVICE_HOST    = 1, /**< host memory and the CPU; always the last device */
    CTXFIT_DEVICE_GPU     = 2, /**< memory of its own */
    CTXFIT_DEVICE_UNIFIED = 3  /**< shares the host's memory, up to its budget */
};

/** Through which interface an engine drives a device. Values are frozen. */
enum {
    CTXFIT_BACKEND_DEFAULT = 0,
    CTXFIT_BACKEND_CPU     = 1,
    CTXFIT_BACKEND_CUDA    = 2,
    CTXFIT_BACKEND_METAL   = 3,
    CTXFIT_BACKEND_ROCM    = 4,
    CTXFIT_BACKEND_VULKAN  = 5,
    CTXFIT_BACKEND_SYCL    = 6,
    CTXFIT_BACKEND_RPC     = 7  /**< another host through a network; no properties of its own */
};

/**
 * One device. What is 0 is unknown. As input of ctxfit_hw_from_devices() 0 means the catalog's value where `id` is a catalog id.
 * @since 0.1.0
 */
typedef struct ctxfit_device {
    uint32_t struct_size;           /**< sizeof of this struct, as CTXFIT_DEVICE_INIT sets it; also the stride of arrays */
    uint32_t kind;                  /**< CTXFIT_DEVICE_* */
    uint32_t backend;               /**< CTXFIT_BACKEND_* */
    uint32_t node;                  /**< machine it sits in, from 0, when several are linked */
    uint64_t memory_bytes;          /**< as reported by the driver, or the advertised size; host: 0 = not stated */
    uint64_t free_bytes;            /**< free now; 0 = not stated, then all of it */
    uint64_t budget_bytes;          /**< unified: what the GPU may use at most; otherwise the same as memory_bytes */
    uint64_t budget_recent_bytes;   /**< Apple: the larger budget of recent macOS, by observation; otherwise as budget_bytes */
    uint64_t reserve_bytes;         /**< host and unified: kept of the whole memory for the operating system */
    uint64_t bandwidth_bytes_per_s; /**< of its memory */
    uint64_t link_bytes_per_s;      /**< to the host (PCIe) or, for a linked machine, to its neighbour; one direction */
    double   fp16_flops_per_s;      /**< dense matrix rate with FP32 accumulation where known; a whole number */
    double   int8_ops_per_s;        /**< dense; a whole number */
    char     id[64];                /**< catalog id, or "gpu", "unified", "host" */
    char     name[64];              /**< for people; not part of a spec */
} ctxfit_device;
#define CTXFIT_DEVICE_INIT { (uint32_t)sizeof(ctxfit_device), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0} }

/**
 * Reads a spec (see the top of this header).
 * @param spec       NUL-terminated text.
 * @param allocator  NULL for malloc and free.
 * @param out        the machine, owned by the caller; NULL on failure.
 * @param error      may be NULL; `offset` is the byte of the spec at which the fault lies.
 * @return OK; E_NOT_FOUND (unknown name: the message suggests the nearest; or a name of several entries: the message lists them);
 *         E_MALFORMED (the message says what was expected at `offset`); E_LIMIT (more than #CTXFIT_HW_MAX_DEVICES devices);
 *         E_NO_MEMORY; E_INVALID_ARG (NULL, a broken allocator).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_parse(const char *spec, const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error);

/**
 * Makes a machine from a caller's devices (array stride is devices[0].struct_size). The host may be anywhere or absent. Fields
 * that are 0 get their default: from the catalog where `id` names an entry, else from the rules of the budget and the reserve.
 * `budget_recent_bytes` is always derived. The host of a unified machine repeats its memory: leave it out or give that size.
 * @param error  may be NULL; `detail` is the index of the faulty device.
 * @return OK; E_INVALID_ARG (NULL, count 0, two hosts, a device without memory, a value outside its range); E_NOT_FOUND (`id`);
 *         E_STRUCT_SIZE; E_NEWER_STRUCT; E_LIMIT (more than #CTXFIT_HW_MAX_DEVICES); E_NO_MEMORY.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_from_devices(const ctxfit_device *devices, size_t count, const ctxfit_allocator *allocator,
                                                ctxfit_hw **out, ctxfit_error *error);

/** Frees a machine; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_hw_free(ctxfit_hw *hw);
/** Number of devices, the host included (a unified machine counts its GPU and its host); 0 for NULL. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_hw_device_count(const ctxfit_hw *hw);
/** Facts of a device; the host is the last. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_hw_get_device(const ctxfit_hw *hw, uint32_t index, ctxfit_device *out);
/**
 * Writes the spec in its canonical form; parsing it gives the same machine, names of from_devices apart. Text rules of base.h.
 * @return OK, E_BUFFER_SIZE, E_INVALID_ARG (NULL).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_write_spec(const ctxfit_hw *hw, char *buf, size_t cap, size_t *out_len);

/* ---- the machine that this runs on ---- */

/** Accelerators that `device_limit_bytes` of #ctxfit_hw_detect_options can name. */
#define CTXFIT_HW_DETECT_LIMITS 16

/**
 * What ctxfit_hw_detect() should know; all 0 = this machine, everything that can be seen. The library reads no environment: a program
 * that wants to follow visibility variables hands their values over ("-1" for a variable that is set and empty).
 * @since 0.1.0
 */
typedef struct ctxfit_hw_detect_options {
    uint32_t struct_size;       /**< sizeof of this struct, as CTXFIT_HW_DETECT_OPTIONS_INIT sets it */
    uint32_t flags;             /**< CTXFIT_HW_DETECT_*; 0 */
    uint64_t host_limit_bytes;  /**< most of the host's memory that this process may use, as an orchestrator states it; 0 = not stated */
    char     root[512];         /**< Linux: folder under which `proc` and `sys` lie, for a mounted or a made system; "" = the running one */
    char     visible_cuda[256]; /**< value of CUDA_VISIBLE_DEVICES: numbers in PCI order, or UUIDs; "" = all */
    char     visible_rocm[256]; /**< value of ROCR_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES: numbers; "" = all */
    char     visible_sycl[256]; /**< value of ZE_AFFINITY_MASK: numbers, cards before integrated GPUs ("0", "0.1,1"); "" = all */
    char     nvml_library[256]; /**< library that is loaded in place of NVIDIA's own, for an alternative `root` too; "" = NVIDIA's */
    uint64_t device_limit_bytes[CTXFIT_HW_DETECT_LIMITS]; /**< most of the n-th accelerator's memory that this process may use, as an
                                     orchestrator states it; 0 = not stated */
} ctxfit_hw_detect_options;
#define CTXFIT_HW_DETECT_OPTIONS_INIT \
    { (uint32_t)sizeof(ctxfit_hw_detect_options), 0, 0, {0}, {0}, {0}, {0}, {0}, {0} }

/** Flags of #ctxfit_hw_detect_options. */
enum {
    CTXFIT_HW_DETECT_NO_DRIVER       = 1, /**< load no library of a driver (NVML): files only */
    CTXFIT_HW_DETECT_WITH_INTEGRATED = 2 /**< keep an integrated GPU beside discrete ones; it is left out otherwise */
};

/**
 * Describes the machine that it runs on: memory in total and free now, sizes rounded down to whole MiB, limits of containers, and every
 * accelerator, each as the catalog's device where its PCI id, its name and its memory say which one it is. What could not be read
 * stays 0 and is a warning of the machine (see ctxfit_hw_warning()). Needs no rights, starts no program, and takes a few milliseconds
 * where no driver has to wake a card. An alternative `root` is read without any driver but one that the options name.
 * @param options    NULL for all defaults.
 * @param allocator  NULL for malloc and free.
 * @param out        the machine, owned by the caller; NULL on failure.
 * @param error      may be NULL.
 * @return OK; E_UNSUPPORTED (no reader for this operating system, or the library was built without); E_IO (neither memory nor a device
 *         could be read); E_NO_MEMORY; E_INVALID_ARG (out is NULL, an unknown flag, a text without NUL, a broken allocator);
 *         E_STRUCT_SIZE; E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_detect(const ctxfit_hw_detect_options *options, const ctxfit_allocator *allocator, ctxfit_hw **out,
                                          ctxfit_error *error);
/**
 * What detection could not see or left out, one sentence each, by index; NULL past the end, for NULL, and for machines that were not
 * detected. Borrowed from `hw`. @since 0.1.0
 */
CTXFIT_API const char *ctxfit_hw_warning(const ctxfit_hw *hw, uint32_t index);
/**
 * Writes what a report of a fault needs: which files and drivers were read and what they said, and what was matched by which evidence.
 * For people; the form may change. Names of folders of containers are in it, serial numbers are not. Text rules of base.h.
 * @return OK, E_BUFFER_SIZE, E_NOT_FOUND (not a detected machine), E_INVALID_ARG (NULL).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_write_report(const ctxfit_hw *hw, char *buf, size_t cap, size_t *out_len);

/* ---- the catalog ---- */

/** What an entry of the catalog is. */
enum {
    CTXFIT_FORM_UNKNOWN    = 0,
    CTXFIT_FORM_CARD       = 1,  /**< a graphics card, of a laptop too */
    CTXFIT_FORM_DATACENTER = 2,  /**< an accelerator for servers */
    CTXFIT_FORM_SOC        = 3,  /**< processor and GPU in one, made to share fast memory */
    CTXFIT_FORM_IGPU       = 4,  /**< a processor with a GPU on the system's memory */
    CTXFIT_FORM_CPU        = 5,  /**< a processor alone */
    CTXFIT_FORM_NPU        = 6,  /**< an accelerator that is no GPU */
    CTXFIT_FORM_DESKTOP    = 7,  /**< from here on: whole machines */
    CTXFIT_FORM_LAPTOP     = 8,
    CTXFIT_FORM_SERVER     = 9,
    CTXFIT_FORM_EMBEDDED   = 10, /**< a board */
    CTXFIT_FORM_TABLET     = 11,
    CTXFIT_FORM_CLUSTER    = 12  /**< several linked machines */
};

/** How well the figures of an entry are known. */
enum {
    CTXFIT_CONFIDENCE_UNKNOWN = 0,
    CTXFIT_CONFIDENCE_SINGLE  = 1, /**< a single secondary source, or an estimate */
    CTXFIT_CONFIDENCE_CHECKED = 2, /**< a database that other sources agree with */
    CTXFIT_CONFIDENCE_VENDOR  = 3  /**< cited from the vendor */
};

/**
 * An entry of the catalog, or of a caller's own list. What is 0 or "" is not known, which never means "none" or "unsupported". Rates are
 * those of dense matrices, of one device. @since 0.1.0
 */
typedef struct ctxfit_hw_entry {
    uint32_t struct_size;              /**< sizeof of this struct, as CTXFIT_HW_ENTRY_INIT sets it */
    uint32_t kind;                     /**< CTXFIT_DEVICE_*; 0 = a name for several devices, see `spec` */
    uint32_t backend;                  /**< CTXFIT_BACKEND_* of the (first) device */
    uint32_t form;                     /**< CTXFIT_FORM_* */
    uint32_t is_machine;               /**< 1 for something that is bought and run as it is, 0 for a part */
    uint32_t confidence;               /**< CTXFIT_CONFIDENCE_* */
    uint32_t device_count;             /**< accelerators; 0 for a processor alone */
    uint32_t node_count;               /**< machines that are linked */
    uint32_t cpu_cores;                /**< where they tell variants apart */
    uint32_t gpu_cores;                /**< where they tell variants apart; AMD: compute units */
    uint32_t released;                 /**< yyyymmdd, month or day 0 where not known */
    uint32_t power_w;                  /**< of board, chip or machine, as its source labels it */
    uint32_t price_usd;                /**< see `price_note` */
    uint32_t price_year;               /**< of the price */
    uint32_t memory_bus_bits;          /**< of the whole interface */
    uint32_t memory_mtps;              /**< million transfers per pin and second */
    uint64_t advertised_bytes;         /**< on the box, of all devices together */
    uint64_t memory_bytes;             /**< as drivers report it, of all devices together; a processor: its memory */
    uint64_t budget_bytes;             /**< what GPUs may use of it by default */
    uint64_t host_memory_bytes;        /**< that of the host; unified: the same bytes as `memory_bytes` of one device */
    uint64_t bandwidth_bytes_per_s;    /**< of the memory of one device */
    uint64_t host_link_bytes_per_s;    /**< to the host, one direction */
    uint64_t peer_link_bytes_per_s;    /**< to another device, one direction */
    uint64_t node_link_bytes_per_s;    /**< to another machine, one direction */
    uint64_t l2_bytes;                 /**< second level of caches */
    uint64_t last_level_bytes;         /**< a cache of all memory behind it */
    double   matrix_flops_per_s;       /**< what plans count with: FP16 with FP32 accumulation, else the best rate known below it */
    double   fp32_flops_per_s;         /**< without matrix units */
    double   fp16_flops_per_s;         /**< fastest accumulation */
    double   fp16_fp32acc_flops_per_s; /**< accumulation in FP32 */
    double   bf16_flops_per_s;         /**< accumulation in FP32 */
    double   fp8_flops_per_s;          /**< fastest accumulation */
    double   int8_ops_per_s;           /**< OP/s */
    double   fp4_flops_per_s;          /**< fastest accumulation */
    char     id[64];                   /**< what a spec calls it */
    char     name[64];                 /**< for people */
    char     vendor[24];               /**< "NVIDIA"; "" for parts of many vendors */
    char     family[32];               /**< architecture: "Ada" */
    char     chip[40];                 /**< die or SoC: "AD102" */
    char     memory_type[24];          /**< "GDDR6X" */
    char     host_interface[24];       /**< "PCIe 4.0 x16" */
    char     peer_interconnect[40];    /**< between devices: "NVLink 4.0" */
    char     node_interconnect[56];    /**< between machines */
    char     compute_target[16];       /**< "sm_89", "gfx1151", "Apple9" */
    char     price_note[96];           /**< what the price is of: "launch MSRP", "GPUs only, at launch price" */
    char     rate_note[128];           /**< where the rates come from */
    char     note[336];                /**< what else was found, and what contradicts */
    char     spec[192];                /**< of a name for several devices: what it stands for */
    char     source[336];              /**< where the figures come from and when they were read */
} ctxfit_hw_entry;
#define CTXFIT_HW_ENTRY_INIT                                                                                               \
    { (uint32_t)sizeof(ctxfit_hw_entry), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
      0, 0, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0} }

/** Number of catalog entries: devices, machines, and names for machines of several devices. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_hw_catalog_count(void);
/** Catalog id by index ("rtx-4090"), NULL past the end. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_hw_catalog_id(uint32_t index);
/** Name for people by index ("GeForce RTX 4090"), NULL past the end. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_hw_catalog_name(uint32_t index);
/** Where the entry's figures come from and when they were read, NULL past the end. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_hw_catalog_source(uint32_t index);
/** All facts of an entry by index. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_hw_catalog_get(uint32_t index, ctxfit_hw_entry *out);
/**
 * The index of the one entry that a name leads to, by the same rules as in a spec ("4090", "m3 max 64gb", "strix halo 128").
 * @param error may be NULL; the message lists the variants or suggests the nearest names.
 * @return OK; E_NOT_FOUND (an unknown name, or one of several entries that differ); E_INVALID_ARG (NULL).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_catalog_find(const char *name, uint32_t *out_index, ctxfit_error *error);

/** Which entries a filter passes. */
enum { CTXFIT_ENTRY_ANY = 0, CTXFIT_ENTRY_PARTS = 1, CTXFIT_ENTRY_MACHINES = 2 };

/** What to look for in the catalog; every field: 0 or "" = any. @since 0.1.0 */
typedef struct ctxfit_hw_filter {
    uint32_t struct_size;                   /**< sizeof of this struct, as CTXFIT_HW_FILTER_INIT sets it */
    uint32_t kind;                          /**< CTXFIT_DEVICE_*, also of machines of several devices: the first one's */
    uint32_t form;                          /**< CTXFIT_FORM_* */
    uint32_t machines;                      /**< CTXFIT_ENTRY_* */
    uint32_t price_least_usd;               /**< an entry without a price does not pass once a price is asked for */
    uint32_t price_most_usd;                /**< US$ */
    uint64_t memory_least_bytes;            /**< of all devices, as on the box */
    uint64_t memory_most_bytes;             /**< of all devices, as on the box */
    uint64_t bandwidth_least_bytes_per_s;   /**< of one device */
    char     vendor[24];                    /**< letters in any case: "nvidia" */
    char     text[96];                      /**< a name that people type, or words that are all in id, name, vendor, family or chip */
} ctxfit_hw_filter;
#define CTXFIT_HW_FILTER_INIT { (uint32_t)sizeof(ctxfit_hw_filter), 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0} }
/**
 * Indexes of the entries that pass a filter, in the order of the catalog.
 * @param filter    NULL = all.
 * @param places    room for `cap` indexes; may be NULL when cap is 0.
 * @param out_count how many pass, also where there was no room for all of them.
 * @param error     may be NULL; for a `text` that nothing has, the message suggests the nearest names.
 * @return OK; E_BUFFER_SIZE (more than `cap`, which is not 0: the first are written); E_NOT_FOUND (nothing has `text`); E_INVALID_ARG
 *         (NULL, a text without NUL, a value outside its range); E_STRUCT_SIZE; E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_catalog_search(const ctxfit_hw_filter *filter, uint32_t *places, size_t cap, size_t *out_count,
                                                  ctxfit_error *error);

/* ---- a caller's own hardware ---- */

/** Entries of a caller's own: cards that are not in the catalog, or are another than there. Immutable. @since 0.1.0 */
typedef struct ctxfit_hw_list ctxfit_hw_list;

/** Most entries of a list. */
#define CTXFIT_HW_LIST_MAX 4096

/**
 * Reads a list from JSON text (UTF-8): an array of objects, or `{"hardware": [...]}`, whose members have the names of #ctxfit_hw_entry and
 * its units; `kind` and `backend` are words as in a spec ("gpu", "unified", "host"; "cuda"), `form` and `confidence` those of the
 * constants in lower case ("laptop", "vendor"). Needed are `id`, and `kind` with `memory_bytes`, or `spec` for a name for several devices,
 * which may name entries further up. An unknown member is a fault, since it may be a misspelt one.
 * @param error may be NULL; `offset` is the byte of the text, `detail` the index of the entry.
 * @return OK; E_MALFORMED (no JSON; an unknown member, an id that a spec cannot hold or that is there twice, a value that contradicts
 *         another; the message names entry and member); E_TYPE; E_INCOMPLETE (a member is missing); E_LIMIT (more than
 *         #CTXFIT_HW_LIST_MAX entries, text above 16 MiB, nesting); E_NO_MEMORY; E_INVALID_ARG (NULL, a broken
 *         allocator); E_UNSUPPORTED (the library was built without JSON).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_list_from_json(const char *text, size_t size, const ctxfit_allocator *allocator, ctxfit_hw_list **out,
                                                  ctxfit_error *error);
/** Frees a list; NULL is fine. Machines that were made with it stay. @since 0.1.0 */
CTXFIT_API void ctxfit_hw_list_free(ctxfit_hw_list *list);
/** Number of entries; 0 for NULL. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_hw_list_count(const ctxfit_hw_list *list);
/** An entry by index. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_hw_list_get(const ctxfit_hw_list *list, uint32_t index, ctxfit_hw_entry *out);
/**
 * Reads a spec as ctxfit_hw_parse() does, with the entries of a list in front of the catalog's: a word that is an `id` of the list (letters
 * in any case) means that entry. Such a device is called `gpu`, `unified` or `host` in the machine and carries its numbers, so that the
 * machine's spec can be read without the list.
 * @param list NULL = the catalog alone.
 * @return as ctxfit_hw_parse().
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_hw_parse_with(const char *spec, const ctxfit_hw_list *list, const ctxfit_allocator *allocator,
                                              ctxfit_hw **out, ctxfit_error *error);

#ifdef __cplusplus
}
#endif
#endif
