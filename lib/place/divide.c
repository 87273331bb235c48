/*
 * Which range of layers each device gets. Devices keep their order and ranges are contiguous, as the engine splits; what is left of a
 * device's budget after the layers' own tensors takes pieces, the rest of the pieces is on the host. With sums over layers the time of a
 * range is known at once, so the best division is found by going over all ends of all ranges.
 */
#include "place_internal.h"

/* Models of more layers than this are divided in steps of several. */
#define DIVIDE_POINTS 512u

/* Ties are broken towards devices that are filled alike: a thousandth of the time. */
#define DIVIDE_BALANCE 1e-3

static uint32_t divide_step(const cfi_ledger *ledger)
{
    return (ledger->entries + DIVIDE_POINTS - 1) / DIVIDE_POINTS;
}

uint32_t cfi_divide_points(const cfi_ledger *ledger)
{
    return (ledger->entries + divide_step(ledger) - 1) / divide_step(ledger);
}

/* Layer at which a point is; the last point is the end. */
static uint32_t divide_layer(const cfi_ledger *ledger, uint32_t point)
{
    return (uint32_t)cfi_min_u64((uint64_t)point * divide_step(ledger), ledger->entries);
}

bool cfi_divide_cost(const cfi_divide *divide, uint32_t device, uint32_t first, uint32_t end, double *out)
{
    const cfi_ledger_sum    *a = &divide->ledger->sum[first], *b = &divide->ledger->sum[end];
    const cfi_divide_device *d = &divide->device[device], *host = &divide->device[divide->count];
    uint64_t                 kept = b->kept[d->padding] - a->kept[d->padding] + b->cache[d->padding] - a->cache[d->padding];
    uint64_t                 moved = b->moved[d->padding] - a->moved[d->padding], fill;
    double                   share, used, read;

    *out = 0;
    if (first == end)
        return true;
    if (!cfi_add_u64(kept, divide->ledger->rope[d->padding], &kept) || kept > d->budget)
        return false;
    fill = cfi_min_u64(moved, d->budget - kept);
    if ((divide->all_on_devices || divide->whole) && fill < moved)
        return false;
    share = moved > 0 ? (double)fill / (double)moved : 1;
    used = d->budget > 0 ? (double)(kept + fill) / (double)d->budget : 0;
    if (divide->least_host) {
        *out = (double)(moved - fill) + used;
        return true;
    }
    read = b->read_moved - a->read_moved;
    *out = (b->read_kept - a->read_kept + read * share) * d->weight_s + (b->read_cache - a->read_cache) * d->cache_s +
           (double)(b->blocks - a->blocks) * d->block_s + read * (1 - share) * host->weight_s;
    *out += DIVIDE_BALANCE * used * used * divide->ledger->sum[divide->ledger->entries].read_kept * d->weight_s;
    if (d->remote)
        *out += 2 * DIVIDE_BALANCE * divide->ledger->sum[divide->ledger->entries].read_kept * d->weight_s;
    return true;
}

static double divide_host_cost(const cfi_divide *divide, uint32_t layers)
{
    const cfi_ledger_sum    *sum = &divide->ledger->sum[layers];
    const cfi_divide_device *host = &divide->device[divide->count];

    if (divide->least_host)
        return (double)sum->kept[CFI_PADDING_32] + (double)sum->moved[CFI_PADDING_32] + (double)sum->cache[CFI_PADDING_32];
    return (sum->read_kept + sum->read_moved) * host->weight_s + sum->read_cache * host->cache_s + (double)sum->blocks * host->block_s;
}

static bool divide_may_keep(const cfi_divide *divide, uint32_t layers)
{
    if (divide->host_layers != UINT32_MAX)
        return layers == divide->host_layers;
    return !divide->all_on_devices || layers == 0;
}

/* Points where a fixed number of host layers falls are no step's: such models are small enough, or the number is rounded up. */
static void divide_begin(const cfi_divide *divide, uint32_t points)
{
    for (uint32_t e = 0; e <= points; e++) {
        uint32_t layers = divide_layer(divide->ledger, e);

        divide->best[e] = divide_may_keep(divide, layers) ? divide_host_cost(divide, layers) : -1;
    }
}

/* best[d + 1][e]: the least cost of the host and devices 0 to d with layers [0, e); -1: no way. */
static void divide_add_device(const cfi_divide *divide, uint32_t d, uint32_t points)
{
    const double *before = divide->best + (size_t)d * (points + 1);
    double       *best = divide->best + (size_t)(d + 1) * (points + 1), cost;
    uint32_t     *from = divide->from + (size_t)(d + 1) * (points + 1);

    for (uint32_t e = 0; e <= points; e++) {
        best[e] = -1;
        for (uint32_t s = e + 1; s-- > 0;) {
            if (!cfi_divide_cost(divide, d, divide_layer(divide->ledger, s), divide_layer(divide->ledger, e), &cost))
                break; /* longer ranges fit even less */
            if (before[s] >= 0 && (best[e] < 0 || before[s] + cost < best[e])) {
                best[e] = before[s] + cost;
                from[e] = s;
            }
        }
    }
}

bool cfi_divide_solve(const cfi_divide *divide, uint32_t first[CFI_MAX_DEVICES + 1])
{
    const uint32_t points = cfi_divide_points(divide->ledger);
    uint32_t       e = points;

    divide_begin(divide, points);
    for (uint32_t d = 0; d < divide->count; d++)
        divide_add_device(divide, d, points);
    if (divide->best[(size_t)divide->count * (points + 1) + points] < 0)
        return false;
    for (uint32_t d = divide->count; d > 0; d--) {
        first[d] = divide_layer(divide->ledger, e);
        e = divide->from[(size_t)d * (points + 1) + e];
    }
    first[0] = divide_layer(divide->ledger, e);
    return true;
}
