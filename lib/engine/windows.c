/* TensorRT-LLM with max_attention_window: a pool for each window size, whose bytes are divided once. Sources: _torch/pyexecutor/
 * resource_manager.py (calculate_max_num_blocks_from_cpp(), adjust_window_sizes_for_vswa()), cpp/tensorrt_llm/batch_manager/
 * kvCacheManager.cpp (calculateMaxNumBlocks(), calculateWindowSizeToShare(), calculateMaxBlockRequirementsPerBeam()). */
#include "engine_internal.h"

#define WINDOW_EXTRA_BLOCK 1u /* kSWAExtraBlock: where a sequence is longer than the window */

static uint64_t windows_ceil(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* Adds to the pool of that window, in order of windows. */
static bool windows_add(cfi_windows *out, uint64_t window, uint64_t token_bytes)
{
    uint32_t at = 0;

    while (at < out->count && out->pool[at].window < window)
        at++;
    if (at == out->count || out->pool[at].window != window) {
        for (uint32_t i = out->count++; i > at; i--)
            out->pool[i] = out->pool[i - 1];
        out->pool[at].window = window;
        out->pool[at].token_bytes = 0;
    }
    return cfi_add_u64(out->pool[at].token_bytes, token_bytes, &out->pool[at].token_bytes);
}

bool cfi_windows_of(const cfi_page_plan *plan, const uint32_t *stage_layers, uint64_t tokens, cfi_windows *out)
{
    memset(out, 0, sizeof *out);
    out->shares = plan->shares;
    out->tokens = tokens + plan->extra_tokens;
    out->block_tokens = plan->count > 0 ? plan->spec[0].block_tokens : 1;
    for (uint32_t i = 0; i < plan->count; i++) {
        const cfi_page_spec *spec = &plan->spec[i];
        uint64_t             window = spec->window != 0 ? cfi_min_u64(spec->window, out->tokens) : out->tokens;
        uint64_t             bytes;

        if (stage_layers[i] > 0 &&
            (!cfi_mul_u64(spec->page_bytes / out->block_tokens, stage_layers[i], &bytes) || !windows_add(out, window, bytes)))
            return false;
    }
    return true;
}

uint64_t cfi_windows_blocks(const cfi_windows *w, uint32_t at)
{
    const uint64_t window = w->pool[at].window;

    return windows_ceil(cfi_min_u64(w->tokens, window), w->block_tokens) + (w->tokens > window ? WINDOW_EXTRA_BLOCK : 0);
}

/* The share of a pool is part / whole. False where that is more than 64 bits. */
static bool windows_share(const cfi_windows *w, uint32_t at, uint64_t *part, uint64_t *whole)
{
    *part = 1;
    *whole = w->count;
    if (w->shares == CFI_SHARES_EQUAL)
        return true;
    *whole = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        uint64_t weight;

        if (!cfi_mul_u64(w->pool[i].window, w->pool[i].token_bytes, &weight) || !cfi_add_u64(*whole, weight, whole))
            return false;
        *part = i == at ? weight : *part;
    }
    return *whole <= UINT64_MAX / 2;
}

/* bytes x part / whole. The engine's own shares are 32 bits of floating point. */
static uint64_t windows_part(uint64_t bytes, uint64_t part, uint64_t whole)
{
    uint64_t rest;

    if (!cfi_mul_u64(bytes % whole, part, &rest))
        return (uint64_t)((double)bytes * ((double)part / (double)whole));
    return bytes / whole * part + rest / whole;
}

bool cfi_windows_divide(const cfi_windows *w, uint64_t bytes, uint64_t blocks[CFI_MAX_PAGE_SPECS])
{
    for (uint32_t i = 0; i < w->count; i++) {
        uint64_t part, whole;

        if (!windows_share(w, i, &part, &whole) || whole == 0 || w->pool[i].token_bytes == 0)
            return false;
        blocks[i] = windows_ceil(windows_part(bytes, part, whole) / w->pool[i].token_bytes, w->block_tokens);
    }
    return true;
}

static bool windows_hold(const cfi_windows *w, uint64_t bytes, uint64_t sequences)
{
    uint64_t blocks[CFI_MAX_PAGE_SPECS], whole = 0, need;

    for (uint32_t i = 0; i < w->count; i++)
        if (!cfi_mul_u64(w->pool[i].window, w->pool[i].token_bytes, &need) || !cfi_add_u64(whole, need, &whole))
            return false;
    if (whole >= bytes || !cfi_windows_divide(w, bytes, blocks)) /* adjust_window_sizes_for_vswa() would shrink them */
        return false;
    for (uint32_t i = 0; i < w->count; i++)
        if (!cfi_mul_u64(cfi_windows_blocks(w, i), sequences, &need) || need > blocks[i])
            return false;
    return true;
}

/* By halving: with bytes grow the blocks of every pool. */
bool cfi_windows_bytes(const cfi_windows *w, uint64_t sequences, uint64_t *out)
{
    uint64_t few = 0, enough = UINT64_C(1) << 20;

    *out = 0;
    if (w->count == 0)
        return true;
    while (!windows_hold(w, enough, sequences)) {
        if (enough >= UINT64_C(1) << 52)
            return false;
        few = enough;
        enough *= 2;
    }
    while (enough - few > 1) {
        uint64_t middle = few + (enough - few) / 2;

        if (windows_hold(w, middle, sequences))
            enough = middle;
        else
            few = middle;
    }
    *out = enough;
    return true;
}

uint64_t cfi_windows_adjust(cfi_windows *w, uint64_t bytes)
{
    uint64_t remaining = 0, all = 0, tokens = 0, before = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        remaining += w->pool[i].token_bytes; /* what windows_of() could add */
        all += w->pool[i].window * w->pool[i].token_bytes;
    }
    if (w->count == 0 || all < bytes)
        return w->count > 0 ? w->pool[w->count - 1].window : 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const uint64_t window = w->pool[i].window;

        if (bytes > 0) {
            uint64_t more = cfi_min_u64(bytes / remaining, window - before);

            tokens += more;
            bytes = tokens < window ? 0 : bytes - more * remaining;
        }
        remaining -= w->pool[i].token_bytes;
        before = window;
        w->pool[i].window = tokens;
    }
    return tokens;
}
