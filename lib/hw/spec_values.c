/* The parts of a spec item: places of faults, values, keys. */
#include <stdio.h>

#include "hw_internal.h"

#define MIB (UINT64_C(1) << 20)

uint64_t cfi_hw_offset_of(const cfi_hw_reader *r, const char *at)
{
    return (uint64_t)((r->rig_at != NULL ? r->rig_at : at) - r->start);
}

ctxfit_status cfi_hw_expected(const cfi_hw_reader *r, const char *at, const char *what)
{
    char   found[24];
    size_t n = strcspn(at, " ,()");

    cfi_hw_quote(at, n > 0 ? n : 1, found, sizeof found);
    return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, cfi_hw_offset_of(r, at), 0, "hardware spec, byte %zu: expected %s, found %s",
                       (size_t)cfi_hw_offset_of(r, at), what, found);
}

ctxfit_status cfi_hw_refused(const cfi_hw_reader *r, const char *at, ctxfit_status status, const char *reason)
{
    /* A value out of its range is a fault of the text here. */
    if (status == CTXFIT_E_INVALID_ARG)
        status = CTXFIT_E_MALFORMED;
    return cfi_fail_at(r->error, status, cfi_hw_offset_of(r, at), status == CTXFIT_E_LIMIT ? CTXFIT_HW_MAX_DEVICES : 0,
                       "hardware spec, byte %zu: %s", (size_t)cfi_hw_offset_of(r, at), reason);
}

void cfi_hw_skip_spaces(cfi_hw_reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
        r->at++;
}

bool cfi_hw_at_delimiter(const char *at)
{
    return *at == '\0' || strchr(" \t\r\n,()", *at) != NULL;
}

/* ---- values ---- */
static const char backend_names[][8] = {"", "cpu", "cuda", "metal", "rocm", "vulkan", "sycl", "rpc"};
_Static_assert(CFI_COUNT(backend_names) == CTXFIT_BACKEND_RPC + 1, "one name for each backend");

const char *cfi_hw_backend_name(uint32_t backend)
{
    return backend < CFI_COUNT(backend_names) ? backend_names[backend] : "";
}

static ctxfit_status read_backend(cfi_hw_reader *r, uint32_t *out)
{
    size_t n = strcspn(r->at, " ,()");

    for (uint32_t i = 1; i < CFI_COUNT(backend_names); i++)
        if (strlen(backend_names[i]) == n && strncmp(r->at, backend_names[i], n) == 0) {
            *out = i;
            r->at += n;
            return CTXFIT_OK;
        }
    return cfi_hw_expected(r, r->at, "a backend (cuda, metal, rocm, vulkan, sycl, rpc or cpu)");
}

/* A size. A small bare number is refused: "host:64" means GiB to its writer and bytes to the parser. */
ctxfit_status cfi_hw_read_bytes(cfi_hw_reader *r, bool zero_allowed, uint64_t *out)
{
    const char *end;

    if (!cfi_parse_bytes(r->at, &end, out) || !cfi_hw_at_delimiter(end))
        return cfi_hw_expected(r, r->at, "a size such as 24GiB");
    if (*out == 0 && !zero_allowed)
        return cfi_hw_expected(r, r->at, "a size above 0");
    if (*out > 0 && *out < MIB && end[-1] >= '0' && end[-1] <= '9')
        return cfi_hw_expected(r, r->at, "a size with its unit, such as 64GiB");
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_bandwidth(cfi_hw_reader *r, uint64_t *out)
{
    const char *end;

    if (!cfi_parse_bytes(r->at, &end, out) || *out == 0)
        return cfi_hw_expected(r, r->at, "a bandwidth such as 1008GB/s");
    if (end[0] == '/' && end[1] == 's')
        end += 2;
    if (!cfi_hw_at_delimiter(end))
        return cfi_hw_expected(r, r->at, "a bandwidth such as 1008GB/s");
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_rate(cfi_hw_reader *r, double *out)
{
    static const struct {
        char     unit;
        uint64_t scale;
    } scales[] = {{'k', 1000}, {'M', 1000000}, {'G', 1000000000}, {'T', 1000000000000}, {'P', 1000000000000000}};
    const char *end, *whole_end;
    uint64_t    whole, scale = 1;

    if (!cfi_parse_number(r->at, &end, out))
        return cfi_hw_expected(r, r->at, "a rate such as 82.6T");
    for (size_t i = 0; i < CFI_COUNT(scales); i++)
        if (*end == scales[i].unit)
            scale = scales[i].scale;
    /* Whole numbers stay exact. */
    if (cfi_parse_u64(r->at, &whole_end, &whole) && whole_end == end && cfi_mul_u64(whole, scale, &whole))
        *out = (double)whole;
    else
        *out *= (double)scale;
    end += scale != 1;
    if (!cfi_hw_at_delimiter(end) || !(*out >= 1 && *out <= 1e18))
        return cfi_hw_expected(r, r->at, "a rate such as 82.6T, above 0 and at most 1000P");
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_node(cfi_hw_reader *r, uint32_t *out)
{
    const char *end;
    uint64_t    node;

    if (!cfi_parse_u64(r->at, &end, &node) || !cfi_hw_at_delimiter(end) || node >= CTXFIT_HW_MAX_DEVICES)
        return cfi_hw_expected(r, r->at, "a node number from 0 to 63");
    *out = (uint32_t)node;
    r->at = end;
    return CTXFIT_OK;
}

static ctxfit_status read_macos(cfi_hw_reader *r, cfi_hw_item *item)
{
    item->macos_legacy = strncmp(r->at, "legacy", 6) == 0 && cfi_hw_at_delimiter(r->at + 6);
    item->macos_recent = strncmp(r->at, "recent", 6) == 0 && cfi_hw_at_delimiter(r->at + 6);
    if (!item->macos_legacy && !item->macos_recent)
        return cfi_hw_expected(r, r->at, "legacy or recent");
    r->at += 6;
    return CTXFIT_OK;
}

/* ---- keys: which kinds of device take which ---- */
#define KEY_LIST "backend, mem, free, budget, macos, reserve, bw, fp16, int8, link or node"
#define FOR_HOST (1u << CTXFIT_DEVICE_HOST)
#define FOR_GPU (1u << CTXFIT_DEVICE_GPU)
#define FOR_UNIFIED (1u << CTXFIT_DEVICE_UNIFIED)
static const struct {
    char     name[8];
    uint32_t kinds;
} keys[] = {
    [CFI_HW_KEY_BACKEND] = {"backend", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    [CFI_HW_KEY_MEM] = {"mem", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    [CFI_HW_KEY_FREE] = {"free", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    [CFI_HW_KEY_BUDGET] = {"budget", FOR_UNIFIED},
    [CFI_HW_KEY_MACOS] = {"macos", FOR_UNIFIED},
    [CFI_HW_KEY_RESERVE] = {"reserve", FOR_HOST | FOR_UNIFIED},
    [CFI_HW_KEY_BW] = {"bw", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    [CFI_HW_KEY_FP16] = {"fp16", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    [CFI_HW_KEY_INT8] = {"int8", FOR_HOST | FOR_GPU | FOR_UNIFIED},
    [CFI_HW_KEY_LINK] = {"link", FOR_GPU | FOR_UNIFIED},
    [CFI_HW_KEY_NODE] = {"node", FOR_GPU | FOR_UNIFIED},
};

static ctxfit_status read_value(cfi_hw_reader *r, uint32_t key, cfi_hw_item *item)
{
    ctxfit_device *device = &item->device;
    ctxfit_status  status = CTXFIT_OK;

    switch (key) {
    case CFI_HW_KEY_BACKEND:
        return read_backend(r, &device->backend);
    case CFI_HW_KEY_MEM:
        return cfi_hw_read_bytes(r, false, &device->memory_bytes);
    case CFI_HW_KEY_FREE:
        return cfi_hw_read_bytes(r, false, &device->free_bytes);
    case CFI_HW_KEY_BUDGET:
        return cfi_hw_read_bytes(r, false, &device->budget_bytes);
    case CFI_HW_KEY_MACOS:
        return read_macos(r, item);
    case CFI_HW_KEY_RESERVE:
        status = cfi_hw_read_bytes(r, true, &device->reserve_bytes);
        if (status == CTXFIT_OK && device->reserve_bytes == 0)
            device->reserve_bytes = CTXFIT_HW_RESERVE_NONE;
        return status;
    case CFI_HW_KEY_BW:
        return read_bandwidth(r, &device->bandwidth_bytes_per_s);
    case CFI_HW_KEY_FP16:
        return read_rate(r, &device->fp16_flops_per_s);
    case CFI_HW_KEY_INT8:
        return read_rate(r, &device->int8_ops_per_s);
    case CFI_HW_KEY_LINK:
        return read_bandwidth(r, &device->link_bytes_per_s);
    default:
        item->node_stated = true;
        return read_node(r, &device->node);
    }
}

static ctxfit_status read_pair(cfi_hw_reader *r, cfi_hw_item *item)
{
    size_t        n;
    uint32_t      key = 0;
    ctxfit_status status;

    cfi_hw_skip_spaces(r);
    n = strcspn(r->at, " =,()");
    while (key < CFI_COUNT(keys) && (strlen(keys[key].name) != n || strncmp(r->at, keys[key].name, n) != 0))
        key++;
    if (key == CFI_COUNT(keys))
        return cfi_hw_expected(r, r->at, KEY_LIST);
    if ((keys[key].kinds & 1u << item->device.kind) == 0)
        return cfi_hw_expected(r, r->at,
                               "a key of this kind of device (budget, macos: unified; reserve: unified, host; link, node: not the host)");
    if ((item->keys_seen & 1u << key) != 0)
        return cfi_hw_expected(r, r->at, "each key once");
    item->keys_seen |= 1u << key;
    r->at += n;
    if (*r->at != '=')
        return cfi_hw_expected(r, r->at, "'='");
    r->at++;
    status = read_value(r, key, item);
    if (status == CTXFIT_OK)
        cfi_hw_skip_spaces(r);
    return status;
}

ctxfit_status cfi_hw_read_keys(cfi_hw_reader *r, cfi_hw_item *item)
{
    if (*r->at != '(')
        return CTXFIT_OK;
    do {
        ctxfit_status status;

        r->at++;
        status = read_pair(r, item);
        if (status != CTXFIT_OK)
            return status;
    } while (*r->at == ',');
    if (*r->at != ')')
        return cfi_hw_expected(r, r->at, "',' or ')'");
    r->at++;
    if (!cfi_hw_at_delimiter(r->at) || (*r->at != '\0' && strchr("(),", *r->at) != NULL))
        return cfi_hw_expected(r, r->at, "a space");
    return CTXFIT_OK;
}
