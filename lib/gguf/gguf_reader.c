#include <inttypes.h>

#include "gguf_internal.h"

/* What a remote reader is asked for at least: a request costs more than these bytes. */
#define LEAST_PREFIX_BYTES UINT64_C(65536)

ctxfit_status cfi_gguf_want(const cfi_gguf_reader *r, uint64_t bytes)
{
    uint64_t least, wanted;

    if (!cfi_add_u64(r->pos, bytes, &least) || !cfi_add_u64(least, r->pending_bytes, &least))
        least = UINT64_MAX;
    if (least > r->file_bytes)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->pos, 0,
                           "file is truncated: its header takes at least %" PRIu64 " bytes, the file has %" PRIu64, least, r->file_bytes);
    if (least > r->max_header_bytes)
        return cfi_fail_at(r->error, CTXFIT_E_LIMIT, r->pos, r->max_header_bytes,
                           "header takes at least %" PRIu64 " bytes, max_header_bytes is %" PRIu64, least, r->max_header_bytes);
    /* Doubling bounds the number of requests by a logarithm, whatever the strings of a vocabulary turn out to take. */
    wanted = r->size > UINT64_MAX / 2 ? least : cfi_max_u64(least, 2 * r->size);
    wanted = cfi_max_u64(wanted, LEAST_PREFIX_BYTES);
    wanted = cfi_min_u64(wanted, cfi_min_u64(r->file_bytes, r->max_header_bytes));
    return cfi_fail_at(r->error, CTXFIT_E_TRUNCATED, r->pos, wanted,
                       "prefix of %" PRIu64 " bytes ends inside the header, which takes at least %" PRIu64, r->size, least);
}

uint64_t cfi_gguf_load(const unsigned char *from, uint32_t bytes, bool big_endian)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < bytes; i++)
        value |= (uint64_t)from[big_endian ? bytes - 1 - i : i] << (8 * i);
    return value;
}

uint64_t cfi_gguf_take(cfi_gguf_reader *r, uint32_t bytes)
{
    uint64_t value = cfi_gguf_load(r->data + r->pos, bytes, r->big_endian);

    r->pos += bytes;
    return value;
}

ctxfit_status cfi_gguf_take_string(cfi_gguf_reader *r, uint64_t max_bytes, const char *what, const unsigned char **out, size_t *out_len)
{
    uint64_t      at = r->pos, len;
    ctxfit_status status = cfi_gguf_need(r, 8);

    if (status != CTXFIT_OK)
        return status;
    len = cfi_gguf_take(r, 8);
    if (len > max_bytes)
        return cfi_fail_at(r->error, CTXFIT_E_LIMIT, at, max_bytes, "%s of %" PRIu64 " bytes, the limit is %" PRIu64, what, len, max_bytes);
    status = cfi_gguf_need(r, len);
    if (status != CTXFIT_OK)
        return status;
    *out = r->data + r->pos;
    *out_len = (size_t)len;
    r->pos += len;
    return CTXFIT_OK;
}

/* Spelled out because compilers make one load of it. */
static inline uint64_t load_length(const unsigned char *p, bool big_endian)
{
    if (big_endian)
        return (uint64_t)p[7] | (uint64_t)p[6] << 8 | (uint64_t)p[5] << 16 | (uint64_t)p[4] << 24 | (uint64_t)p[3] << 32 |
               (uint64_t)p[2] << 40 | (uint64_t)p[1] << 48 | (uint64_t)p[0] << 56;
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* Number of strings that were passed; fewer than `count` when the next one is not whole or too long. */
static inline uint64_t walk_strings(cfi_gguf_reader *r, uint64_t count, bool big_endian)
{
    const unsigned char *p = r->data + r->pos;
    uint64_t             left = r->size - r->pos, passed = 0;

    for (; passed < count && left >= 8; passed++) {
        uint64_t len = load_length(p, big_endian);

        if (len > left - 8 || len > CFI_GGUF_MAX_STRING_BYTES)
            break;
        p += 8 + len;
        left -= 8 + len;
    }
    r->pos = r->size - left;
    return passed;
}

ctxfit_status cfi_gguf_skip_strings(cfi_gguf_reader *r, uint64_t count)
{
    uint64_t passed = r->big_endian ? walk_strings(r, count, true) : walk_strings(r, count, false);
    uint64_t needed, len;

    if (passed == count)
        return CTXFIT_OK;
    needed = 8 * (count - passed); /* every string has a length at least; count is bounded by CFI_GGUF_MAX_ARRAY_ELEMENTS */
    if (r->size - r->pos >= 8) {
        len = load_length(r->data + r->pos, r->big_endian);
        if (len > CFI_GGUF_MAX_STRING_BYTES)
            return cfi_fail_at(r->error, CTXFIT_E_LIMIT, r->pos, CFI_GGUF_MAX_STRING_BYTES,
                               "string %" PRIu64 " of an array takes %" PRIu64 " bytes, the format's reader stops at %" PRIu64, passed, len,
                               CFI_GGUF_MAX_STRING_BYTES);
        needed += len;
    }
    return cfi_gguf_want(r, needed);
}
