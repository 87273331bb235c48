/*
 * Everything on devices where whole layers do not divide well enough: of the last layer of a device some matrices are on the next one. An
 * override also switches off the engine's pipeline, whose copies of inputs are what compute buffers mostly consist of with several devices.
 */
#include "place_internal.h"

static uint64_t bridge_whole(const cfi_divide *divide, uint32_t layer, cfi_padding padding)
{
    const cfi_ledger_sum *a = &divide->ledger->sum[layer], *b = &divide->ledger->sum[layer + 1];

    return b->kept[padding] - a->kept[padding] + b->moved[padding] - a->moved[padding] + b->cache[padding] - a->cache[padding];
}

static uint64_t bridge_pieces(const cfi_divide *divide, uint32_t layer, uint32_t pieces, cfi_padding padding)
{
    uint64_t total = 0;

    for (uint32_t p = 0; p < CFI_PIECE_COUNT; p++)
        total += (pieces >> p & 1) != 0 ? divide->ledger->layer[layer].piece[p][padding] : 0;
    return total;
}

static uint32_t bridge_existing(const cfi_divide *divide, uint32_t layer)
{
    uint32_t set = 0;

    for (uint32_t p = 0; p < CFI_PIECE_COUNT; p++)
        set |= divide->ledger->layer[layer].piece[p][CFI_PADDING_32] > 0 ? 1u << p : 0;
    return set;
}

/* The fewest bytes of a layer that have to go for the rest to fit; 0: it cannot, or nothing would stay. */
static uint32_t bridge_choose(const cfi_divide *divide, uint32_t layer, cfi_padding padding, uint64_t room)
{
    uint32_t all = bridge_existing(divide, layer), best = 0;
    uint64_t whole = bridge_whole(divide, layer, padding), least = UINT64_MAX;

    for (uint32_t set = 1; set < 1u << CFI_PIECE_COUNT; set++) {
        uint64_t bytes = bridge_pieces(divide, layer, set, padding);

        if ((set & ~all) == 0 && set != all && whole - bytes <= room && bytes < least) {
            best = set;
            least = bytes;
        }
    }
    return best;
}

/* No layer is cut, so the pipeline would be on: one matrix crosses to where there is room for it. */
static void bridge_force(const cfi_divide *divide, cfi_bridge *b, const uint64_t *left)
{
    for (uint32_t d = 0; d + 1 < divide->count && !b->any; d++) {
        uint32_t layer = b->first[d + 1] - 1, all;

        if (b->first[d] == b->first[d + 1] || b->first[d + 1] == b->first[d + 2])
            continue;
        all = bridge_existing(divide, layer);
        for (uint32_t p = 0; p < CFI_PIECE_COUNT && !b->any; p++) {
            uint64_t bytes = bridge_pieces(divide, layer, 1u << p, divide->device[d + 1].padding);

            if ((all >> p & 1) != 0 && all != 1u << p && bytes <= left[d + 1]) {
                b->pieces[d] = 1u << p;
                b->any = true;
            }
        }
    }
}

bool cfi_bridge_solve(const cfi_divide *divide, cfi_bridge *out)
{
    uint64_t carried = 0, left[CFI_MAX_DEVICES];
    uint32_t at = 0;

    memset(out, 0, sizeof *out);
    for (uint32_t d = 0; d < divide->count; d++) {
        const cfi_divide_device *device = &divide->device[d];
        uint64_t                 stands = divide->ledger->rope[device->padding];

        out->first[d] = at;
        if (!cfi_add_u64(stands, carried, &stands) || stands > device->budget)
            return false;
        left[d] = device->budget - stands;
        carried = 0;
        while (at < divide->ledger->entries && bridge_whole(divide, at, device->padding) <= left[d])
            left[d] -= bridge_whole(divide, at++, device->padding);
        if (at + 1 >= divide->ledger->entries || d + 1 == divide->count)
            continue;
        out->pieces[d] = bridge_choose(divide, at, device->padding, left[d]);
        if (out->pieces[d] == 0)
            continue;
        left[d] -= bridge_whole(divide, at, device->padding) - bridge_pieces(divide, at, out->pieces[d], device->padding);
        carried = bridge_pieces(divide, at, out->pieces[d], divide->device[d + 1].padding);
        out->any = true;
        at++;
    }
    out->first[divide->count] = at;
    if (at == divide->ledger->entries)
        bridge_force(divide, out, left);
    return at == divide->ledger->entries && out->any;
}

bool cfi_bridge_write(const cfi_bridge *bridge, const cfi_divide *divide, const cfi_engine_device *devices, ctxfit_plan_options *options)
{
    cfi_writer w;
    size_t     len;
    char       name[24];

    cfi_writer_init(&w, options->overrides, sizeof options->overrides);
    for (uint32_t d = 0; d < divide->count; d++) {
        if (d < CTXFIT_MAX_SPLIT)
            options->tensor_split[d] = (double)(bridge->first[d + 1] - bridge->first[d]);
        if (bridge->pieces[d] == 0)
            continue;
        cfi_memory_device_name(devices, d + 1, name, sizeof name);
        cfi_spread_write_pattern(&w, divide->ledger->experts, bridge->first[d + 1] - 1, bridge->pieces[d], name);
    }
    options->gpu_layers = divide->ledger->entries;
    options->cpu_expert_layers = 0;
    return cfi_writer_finish(&w, &len) == CTXFIT_OK;
}
