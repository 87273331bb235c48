/**
 * @file base.h
 * @brief Version, status codes, errors and allocators: what every other header uses.
 *
 * Conventions of the whole library, stated once:
 *
 *  - **Handles** (`ctxfit_gguf`, `ctxfit_model`, `ctxfit_hw`, `ctxfit_plan`, ...) are opaque and immutable once made. Any number of
 *    threads may read one handle at the same time; a `ctxfit_beside` alone is filled step by step, by one thread, and read afterwards.
 *    Every function may be called from any thread. There is no library initialisation, no global state, no lock.
 *  - **Structs** that cross the boundary start with `struct_size`. A caller sets it to `sizeof` of the struct it was compiled
 *    with (the `*_INIT` macros do); in options every other field may stay 0, which always means "the default".
 *  - **Functions that can fail** return a #ctxfit_status. On failure every output is zeroed, a struct but for its `struct_size`.
 *    The optional #ctxfit_error says what, where and what was expected. "It does not fit" is a result, never an error.
 *  - **Ownership**: `**out` belongs to the caller and is freed by the type's `_free`, which takes NULL. Strings and handles that are
 *    returned are borrowed and live as long as the handle they came from (or for ever, where the function takes no handle).
 *  - **Lists** are asked by index, from 0: one past the end is NULL, 0 or #CTXFIT_E_NOT_FOUND.
 *  - **Text into a buffer** follows snprintf: at most `cap` bytes are written, NUL included; `*out_len` (may be NULL) is the whole
 *    length without the NUL; #CTXFIT_E_BUFFER_SIZE when it did not fit. `buf` may be NULL when `cap` is 0.
 *  - Sizes are bytes, contexts are tokens, rates are per second, bandwidths are decimal bytes per second.
 */
#ifndef CTXFIT_BASE_H
#define CTXFIT_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(CTXFIT_STATIC)
#  define CTXFIT_API
#elif defined(_WIN32)
#  if defined(CTXFIT_BUILDING)
#    define CTXFIT_API __declspec(dllexport)
#  else
#    define CTXFIT_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define CTXFIT_API __attribute__((visibility("default")))
#else
#  define CTXFIT_API
#endif

#define CTXFIT_VERSION_MAJOR 0
#define CTXFIT_VERSION_MINOR 1
#define CTXFIT_VERSION_PATCH 0
/** Version of the headers as one comparable number: major << 16 | minor << 8 | patch. */
#define CTXFIT_VERSION_NUMBER (CTXFIT_VERSION_MAJOR << 16 | CTXFIT_VERSION_MINOR << 8 | CTXFIT_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/** Version of the library that runs, in the form of #CTXFIT_VERSION_NUMBER. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_version_number(void);

/** Version of the library that runs, such as "0.1.0". Never NULL; lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_version_string(void);

/** Outcome of a call: 0 is success, negative values are errors. Values are frozen. @since 0.1.0 */
typedef int32_t ctxfit_status;

/** Values of #ctxfit_status. */
enum {
    CTXFIT_OK              = 0,
    CTXFIT_E_INVALID_ARG   = -1,  /**< NULL where a pointer is needed, or a value outside its range */
    CTXFIT_E_NO_MEMORY     = -2,  /**< the allocator returned NULL */
    CTXFIT_E_NOT_FOUND     = -3,  /**< unknown name or missing key; the message holds the nearest names */
    CTXFIT_E_BUFFER_SIZE   = -4,  /**< `*out_len` says how many bytes (without the NUL) are needed */
    CTXFIT_E_STRUCT_SIZE   = -5,  /**< `struct_size` unset or absurd */
    CTXFIT_E_NEWER_STRUCT  = -6,  /**< the caller set a field that this library does not know */
    CTXFIT_E_OVERFLOW      = -7,  /**< a byte count does not fit in 64 bits */
    CTXFIT_E_IO            = -8,  /**< a file could not be opened or read; `detail` is errno */
    CTXFIT_E_TRUNCATED     = -10, /**< more input is needed: `detail` is the prefix length wanted, bytes */
    CTXFIT_E_MALFORMED     = -11, /**< broken input: `offset` says where */
    CTXFIT_E_UNSUPPORTED   = -12, /**< well-formed but beyond this version */
    CTXFIT_E_LIMIT         = -13, /**< a limit of the options was hit; `detail` is the limit */
    CTXFIT_E_TYPE          = -14, /**< the key exists with another type; the message names both */
    CTXFIT_E_INCOMPLETE    = -15, /**< a model lacks a required fact; the message names it */
    CTXFIT_E_REFUSED       = -16  /**< the engine refuses this combination; the message is its reason */
};

/** Symbolic name such as "CTXFIT_E_TYPE", or "CTXFIT_E_UNKNOWN". Never NULL; lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_status_name(ctxfit_status status);

/** One sentence in English for people. Never NULL; lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_status_message(ctxfit_status status);

/**
 * Details of a failure. Owned by the caller, filled by the callee, needs no initialisation; untouched on success.
 * 256 bytes for ever. @since 0.1.0
 */
typedef struct ctxfit_error {
    ctxfit_status status;       /**< as returned */
    uint32_t      reserved0;    /**< 0 */
    uint64_t      offset;       /**< byte offset in the input, or UINT64_MAX */
    uint64_t      detail;       /**< see the status; otherwise 0 */
    char          message[232]; /**< UTF-8, NUL-terminated; for people, not for matching */
} ctxfit_error;

/**
 * Memory functions of one handle. Copied by the callee; NULL instead of a pointer to one means malloc and free.
 * `alloc` returns memory aligned for any type, or NULL; `release` gets the size that was asked for. @since 0.1.0
 */
typedef struct ctxfit_allocator {
    void *(*alloc)(void *user, size_t size);              /**< `size` bytes, or NULL */
    void  (*release)(void *user, void *ptr, size_t size); /**< takes back what `alloc` gave, with the same size */
    void   *user;                                         /**< handed to both functions; may be NULL */
} ctxfit_allocator;

#ifdef __cplusplus
}
#endif
#endif
