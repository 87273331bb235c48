/* Writes the canonical spec: catalog ids, only what differs from the catalog and the rules, equal neighbours as N*, the host last. */
#include <inttypes.h>

#include "hw_internal.h"

typedef struct unit_of_size {
    uint64_t bytes;
    char     name[8];
} unit_of_size;

/* The largest unit that divides it, so that no digit is lost. */
static void write_with_unit(cfi_writer *w, uint64_t value, const unit_of_size *units, size_t count)
{
    size_t i = 0;

    while (i + 1 < count && (value == 0 || value % units[i].bytes != 0))
        i++;
    cfi_write(w, "%" PRIu64 "%s", value / units[i].bytes, units[i].name);
}

static void write_size(cfi_writer *w, uint64_t bytes)
{
    static const unit_of_size units[] = {{UINT64_C(1) << 30, "GiB"}, {UINT64_C(1) << 20, "MiB"}, {1, "B"}};

    write_with_unit(w, bytes, units, CFI_COUNT(units));
}

static void write_bandwidth(cfi_writer *w, uint64_t bytes_per_s)
{
    static const unit_of_size units[] = {{UINT64_C(1000000000), "GB/s"}, {UINT64_C(1000000), "MB/s"}, {1, "B/s"}};

    write_with_unit(w, bytes_per_s, units, CFI_COUNT(units));
}

static void write_rate(cfi_writer *w, double per_s)
{
    static const unit_of_size units[] = {{UINT64_C(1000000000000), "T"}, {UINT64_C(1000000000), "G"}, {UINT64_C(1000000), "M"}, {1, ""}};

    write_with_unit(w, (uint64_t)per_s, units, CFI_COUNT(units));
}

/* "(" before the first key, "," before the others */
static void write_key(cfi_writer *w, bool *open, const char *key)
{
    cfi_write(w, "%s%s=", *open ? "," : "(", key);
    *open = true;
}

/* What a spec of this id alone would give. */
static ctxfit_device defaults_of(const ctxfit_device *device, cfi_hw_rule *rule)
{
    ctxfit_device known;
    uint32_t      index = cfi_hw_find(device->id);

    memset(&known, 0, sizeof known);
    *rule = cfi_hw_default_rule(device->kind, device->backend);
    if (index != CFI_HW_NONE) {
        cfi_hw_catalog_device(index, &known);
        *rule = cfi_hw_rule_of(index);
    }
    return known;
}

static void write_keys(cfi_writer *w, const ctxfit_device *d, bool node)
{
    cfi_hw_rule   rule;
    ctxfit_device known = defaults_of(d, &rule);
    bool          open = false, host = strcmp(d->id, "host") == 0;

    if (d->backend != known.backend && d->backend != CTXFIT_BACKEND_CPU) {
        write_key(w, &open, "backend");
        cfi_write(w, "%s", cfi_hw_backend_name(d->backend));
    }
    if (d->memory_bytes != known.memory_bytes && !host) {
        write_key(w, &open, "mem");
        write_size(w, d->memory_bytes);
    }
    if (d->free_bytes != 0) {
        write_key(w, &open, "free");
        write_size(w, d->free_bytes);
    }
    if (d->kind == CTXFIT_DEVICE_UNIFIED && d->budget_bytes != cfi_hw_budget(rule, d->memory_bytes)) {
        write_key(w, &open, "budget");
        write_size(w, d->budget_bytes);
    }
    if (d->kind != CTXFIT_DEVICE_GPU && d->reserve_bytes != cfi_hw_reserve(d->memory_bytes)) {
        write_key(w, &open, "reserve");
        write_size(w, d->reserve_bytes);
    }
    if (d->bandwidth_bytes_per_s != known.bandwidth_bytes_per_s) {
        write_key(w, &open, "bw");
        write_bandwidth(w, d->bandwidth_bytes_per_s);
    }
    if ((uint64_t)d->fp16_flops_per_s != (uint64_t)known.fp16_flops_per_s) {
        write_key(w, &open, "fp16");
        write_rate(w, d->fp16_flops_per_s);
    }
    if ((uint64_t)d->int8_ops_per_s != (uint64_t)known.int8_ops_per_s) {
        write_key(w, &open, "int8");
        write_rate(w, d->int8_ops_per_s);
    }
    if (d->link_bytes_per_s != known.link_bytes_per_s) {
        write_key(w, &open, "link");
        write_bandwidth(w, d->link_bytes_per_s);
    }
    if (node) {
        write_key(w, &open, "node");
        cfi_write(w, "%u", (unsigned)d->node);
    }
    if (open)
        cfi_write(w, ")");
}

/* Equal but for the node, which rises by one from unified device to unified device. */
static bool repeats(const ctxfit_device *a, const ctxfit_device *b)
{
    uint32_t step = a->kind == CTXFIT_DEVICE_UNIFIED ? 1 : 0;

    return strcmp(a->id, b->id) == 0 && a->kind == b->kind && a->backend == b->backend && a->node + step == b->node &&
           a->memory_bytes == b->memory_bytes && a->free_bytes == b->free_bytes && a->budget_bytes == b->budget_bytes &&
           a->reserve_bytes == b->reserve_bytes && a->bandwidth_bytes_per_s == b->bandwidth_bytes_per_s &&
           a->link_bytes_per_s == b->link_bytes_per_s && (uint64_t)a->fp16_flops_per_s == (uint64_t)b->fp16_flops_per_s &&
           (uint64_t)a->int8_ops_per_s == (uint64_t)b->int8_ops_per_s;
}

/* A host that nobody described has nothing but its kind. */
static bool host_is_silent(const ctxfit_hw *hw)
{
    const ctxfit_device *host = &hw->devices[hw->count - 1];

    return cfi_hw_host_is_unified(hw) || (strcmp(host->id, "host") == 0 && host->memory_bytes == 0 &&
                                          host->bandwidth_bytes_per_s == 0 && (uint64_t)host->fp16_flops_per_s == 0 &&
                                          (uint64_t)host->int8_ops_per_s == 0);
}

static void write_devices(cfi_writer *w, const ctxfit_hw *hw)
{
    uint32_t unified = 0; /* the node that the next unified device has unless it says otherwise */

    for (uint32_t i = 0; i + 1 < hw->count;) {
        const ctxfit_device *d = &hw->devices[i];
        bool                 is_unified = d->kind == CTXFIT_DEVICE_UNIFIED;
        uint32_t             n = 1;

        while (i + n + 1 < hw->count && repeats(&hw->devices[i + n - 1], &hw->devices[i + n]))
            n++;
        cfi_write(w, "%s", i > 0 ? " " : "");
        if (n > 1)
            cfi_write(w, "%u*", (unsigned)n);
        cfi_write(w, "%s", d->id);
        write_keys(w, d, d->node != (is_unified ? unified : 0));
        unified += is_unified ? n : 0;
        i += n;
    }
}

ctxfit_status ctxfit_hw_write_spec(const ctxfit_hw *hw, char *buf, size_t cap, size_t *out_len)
{
    const ctxfit_device *host;
    cfi_writer           w;

    if (out_len != NULL)
        *out_len = 0;
    if (buf != NULL && cap > 0)
        buf[0] = '\0';
    if (hw == NULL || (buf == NULL && cap > 0))
        return CTXFIT_E_INVALID_ARG;
    cfi_writer_init(&w, buf, cap);
    write_devices(&w, hw);
    if (!host_is_silent(hw)) {
        host = &hw->devices[hw->count - 1];
        cfi_write(&w, "%s%s", hw->count > 1 ? " " : "", host->id);
        if (strcmp(host->id, "host") == 0) {
            cfi_write(&w, ":");
            write_size(&w, host->memory_bytes);
        }
        write_keys(&w, host, false);
    }
    return cfi_writer_finish(&w, out_len);
}
