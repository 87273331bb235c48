/* Recurrent states that share a pool with the cache, in slots: SGLang 0.5.23 mem_cache/kv_cache_configurator.py, _handle_max_mamba_cache();
 * what earlier releases do otherwise is in sglang.def. */
#include "engine_internal.h"

/* n x a / b, rounded down, where n x a may not fit and a is at most b. */
static uint64_t slots_part(uint64_t n, uint64_t a, uint64_t b)
{
    return n / b * a + n % b * a / b;
}

/* Of the running requests, states after each drafted token; in slots. */
static uint64_t slots_between(const cfi_state_slots *s, uint64_t slots)
{
    uint64_t requests = s->most_requests;

    if (s->together)
        requests = cfi_min_u64(requests, slots / s->each);
    return (requests + s->padding) * s->drafted;
}

uint64_t cfi_slots_of(const cfi_state_slots *s, uint64_t bytes)
{
    const uint64_t first = s->padding * (uint64_t)(1 + s->drafted);

    if (s->slot_bytes == 0 || s->fixed != 0)
        return s->fixed;
    if (!s->together)
        return slots_part(bytes - cfi_min_u64(bytes, slots_between(s, 0) * s->slot_bytes), s->percent, 100 + s->percent) / s->slot_bytes;
    bytes = slots_part(bytes, s->percent, 100 + s->percent);
    bytes -= cfi_min_u64(bytes, first * s->slot_bytes);
    return slots_part(bytes, s->each, s->slot_bytes * (s->each + s->drafted));
}

uint64_t cfi_slots_cache(const cfi_state_slots *s, uint64_t bytes)
{
    uint64_t slots, taken;

    if (s->slot_bytes == 0)
        return bytes;
    slots = cfi_slots_of(s, bytes);
    taken = slots + s->padding + slots_between(s, slots);
    return slots == 0 || taken > bytes / s->slot_bytes ? 0 : bytes - taken * s->slot_bytes;
}

/* n x a / b, rounded up. */
static bool slots_up(uint64_t n, uint64_t a, uint64_t b, uint64_t *out)
{
    if (!cfi_mul_u64(n, a, out) || !cfi_add_u64(*out, b - 1, out))
        return false;
    *out /= b;
    return true;
}

/* From this pool on the cache has its bytes: states are at most their part, and where fewer requests run than it has slots for, at most
 * the slots of that part and what those requests draft. */
static bool pool_for_cache(const cfi_state_slots *s, uint64_t cache, uint64_t *out)
{
    const uint64_t all = (uint64_t)(100 + s->percent) * (s->each + s->drafted);
    uint64_t       beside, capped;

    if (!cfi_mul_u64((s->most_requests + (uint64_t)s->padding) * s->drafted + s->padding, s->slot_bytes, &beside) ||
        !cfi_add_u64(beside, cache, &capped))
        return false;
    if (!s->together)
        return slots_up(cache, 100 + s->percent, 100, out) && cfi_add_u64(*out, beside, out);
    if (!slots_up(cache, 100 + s->percent, 100, out) || !slots_up(capped, all, all - (uint64_t)s->percent * s->each, &capped))
        return false;
    *out = cfi_min_u64(*out, capped);
    return true;
}

bool cfi_slots_pool(const cfi_state_slots *s, uint64_t cache, uint32_t requests, uint64_t *out)
{
    uint64_t slots, part;

    *out = cache;
    if (s->slot_bytes == 0)
        return true;
    if (s->fixed != 0)
        return cfi_mul_u64(s->fixed + (uint64_t)s->padding + slots_between(s, s->fixed), s->slot_bytes, &part) &&
               cfi_add_u64(cache, part, out);
    slots = (uint64_t)requests * s->each;
    if (s->together)
        slots += s->padding * (uint64_t)(1 + s->drafted) + (uint64_t)requests * s->drafted;
    if (!pool_for_cache(s, cache, out) || !cfi_mul_u64(slots, s->slot_bytes, &part) ||
        !slots_up(part, 100 + s->percent, s->percent, &part))
        return false;
    if (!s->together && !cfi_add_u64(part, slots_between(s, 0) * s->slot_bytes, &part))
        return false;
    *out = cfi_max_u64(*out, part);
    return true;
}
