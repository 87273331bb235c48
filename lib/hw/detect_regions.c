/*
 * Memory of Intel's cards as the kernel's drivers answer it on a render node. Facts: kernel uapi/drm/i915_drm.h (query item
 * DRM_I915_QUERY_MEMORY_REGIONS; what is unallocated needs CAP_PERFMON, else it equals the total) and xe_drm.h
 * (DRM_XE_DEVICE_QUERY_MEM_REGIONS; what is used needs it too, else it is 0). Without that right the answer says the total alone.
 */
#define _DEFAULT_SOURCE

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "detect_internal.h"

#define ANSWER_BYTES 4096
#define REGION_BYTES 88 /* of both drivers */
#define CLASS_DEVICE 1  /* I915_MEMORY_CLASS_DEVICE, DRM_XE_MEM_REGION_CLASS_VRAM */

typedef struct i915_query_item {
    uint64_t id;
    int32_t  length;
    uint32_t flags;
    uint64_t data;
} i915_query_item;

typedef struct i915_query {
    uint32_t count;
    uint32_t flags;
    uint64_t items;
} i915_query;

typedef struct xe_query {
    uint64_t extensions;
    uint32_t id;
    uint32_t size;
    uint64_t data;
    uint64_t reserved[2];
} xe_query;

#if defined(__GLIBC__)
typedef unsigned long ioctl_request;
#else
typedef int ioctl_request; /* as POSIX has it */
#endif
#define I915_QUERY ((ioctl_request)_IOWR('d', 0x40 + 0x39, i915_query))
#define I915_QUERY_REGIONS 4
#define XE_QUERY ((ioctl_request)_IOWR('d', 0x40 + 0x00, xe_query))
#define XE_QUERY_REGIONS 1

static uint64_t u64_at(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static uint16_t u16_at(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

/* i915: u32 count, 3 words; then { u16 class, u16 instance, u32, u64 total, u64 unallocated, ... }. xe: u32 count, 1 word; used instead. */
bool cfi_hw_read_regions(const uint8_t *answer, size_t size, bool xe, cfi_hw_regions *out)
{
    const size_t head = xe ? 8 : 16;
    uint64_t     count = size >= head ? u32_at(answer) : 0;

    memset(out, 0, sizeof *out);
    for (uint64_t i = 0; i < count && (i + 1) * REGION_BYTES <= size - head; i++) {
        const uint8_t *region = answer + head + i * REGION_BYTES;
        uint64_t       total = u64_at(region + 8), other = u64_at(region + 16);
        uint64_t       free_now = xe ? total - cfi_min_u64(total, other) : cfi_min_u64(total, other);

        if (u16_at(region) != CLASS_DEVICE || total > UINT64_C(1) << 50)
            continue;
        out->total_bytes += total;
        out->free_bytes += free_now;
        out->free_known = out->free_known || free_now < total;
    }
    return out->total_bytes != 0;
}

/* Bytes of the answer, 0 = none. */
static size_t ask_i915(int fd, uint8_t answer[ANSWER_BYTES])
{
    i915_query_item item = {I915_QUERY_REGIONS, 0, 0, 0};
    i915_query      query = {1, 0, (uintptr_t)&item};

    if (ioctl(fd, I915_QUERY, &query) != 0 || item.length <= 0 || item.length > ANSWER_BYTES)
        return 0;
    item.data = (uintptr_t)answer;
    return ioctl(fd, I915_QUERY, &query) == 0 && item.length > 0 ? (size_t)item.length : 0;
}

static size_t ask_xe(int fd, uint8_t answer[ANSWER_BYTES])
{
    xe_query query = {0, XE_QUERY_REGIONS, 0, 0, {0, 0}};

    if (ioctl(fd, XE_QUERY, &query) != 0 || query.size == 0 || query.size > ANSWER_BYTES)
        return 0;
    query.data = (uintptr_t)answer;
    return ioctl(fd, XE_QUERY, &query) == 0 ? query.size : 0;
}

bool cfi_hw_ask_regions(const char *node, bool xe, cfi_hw_regions *out)
{
    uint8_t answer[ANSWER_BYTES];
    size_t  size;
    int     fd = open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return false;
    memset(answer, 0, sizeof answer);
    size = xe ? ask_xe(fd, answer) : ask_i915(fd, answer);
    (void)close(fd);
    return cfi_hw_read_regions(answer, size, xe, out);
}
