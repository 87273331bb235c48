#include <math.h>

#include "plan_internal.h"

/* Blocks of a rank's pool: what is left of the memory that the engine may take, or what was stated. */
static uint64_t rank_blocks(const cfi_question *q, const cfi_answer *answer, uint32_t device, uint64_t compute, uint64_t *out_bytes)
{
    const cfi_paged *paged = &answer->run.paged;
    uint64_t         block = answer->memory.device[device].block_bytes;
    uint64_t         cache;

    *out_bytes = cfi_plan_pool_bytes(q, &answer->memory, device, compute);
    cache = cfi_slots_cache(&paged->slots, *out_bytes);
    return block != 0 ? cache / block : 0;
}

/* Every rank takes the fewest blocks of all; `compute` at the upper end of its band leaves the least. */
static uint64_t pool_blocks(const cfi_question *q, const cfi_answer *answer, bool least, uint64_t *out_bytes)
{
    const cfi_paged *paged = &answer->run.paged;
    uint64_t         blocks = UINT64_MAX;

    for (uint32_t d = 0; d < paged->tensor_ranks * paged->stages; d++) {
        const cfi_memory_device *m = &answer->memory.device[d];
        uint64_t                 bytes, have = rank_blocks(q, answer, d, least ? m->compute : m->compute_low, &bytes);

        if (have < blocks) {
            blocks = have;
            *out_bytes = bytes;
        }
    }
    return blocks;
}

/* One pool for each window: what is said is that of the widest. Requests at once are those that every pool holds. */
static void window_pool(const cfi_question *q, const cfi_answer *answer, uint32_t device, ctxfit_plan_engine *out)
{
    const cfi_run           *run = &answer->run;
    const cfi_memory_device *m = &answer->memory.device[device];
    const uint32_t          *layers = run->paged.stage_layers[device / run->paged.tensor_ranks];
    uint64_t                 bytes = cfi_plan_pool_bytes(q, &answer->memory, device, m->compute);
    uint64_t                 least[CFI_MAX_PAGE_SPECS], most[CFI_MAX_PAGE_SPECS];
    cfi_windows              w;
    uint32_t                 widest;

    if (!cfi_windows_of(&run->paged.pages, layers, run->n_ctx_seq, &w) || w.count == 0 || !cfi_windows_divide(&w, bytes, least) ||
        !cfi_windows_divide(&w, cfi_plan_pool_bytes(q, &answer->memory, device, m->compute_low), most))
        return;
    widest = w.count - 1;
    if (device > 0 && out->pool_blocks <= least[widest])
        return;
    out->pool_bytes = bytes;
    out->pool_blocks = least[widest];
    out->pool_most_blocks = most[widest];
    out->block_tokens = w.block_tokens;
    out->block_bytes = w.pool[widest].token_bytes * w.block_tokens;
    out->request_blocks = cfi_windows_blocks(&w, widest);
    out->pool_tokens = least[widest] * w.block_tokens;
    out->pool_most_tokens = most[widest] * w.block_tokens;
    out->concurrency = (double)least[0] / (double)cfi_windows_blocks(&w, 0);
    for (uint32_t i = 1; i < w.count; i++) {
        double requests = (double)least[i] / (double)cfi_windows_blocks(&w, i);

        out->concurrency = requests < out->concurrency ? requests : out->concurrency;
    }
    out->groups = w.count;
    out->longest_tokens = cfi_windows_adjust(&w, bytes);
    out->longest_tokens = cfi_min_u64(run->n_ctx_seq, cfi_min_u64(out->longest_tokens, out->pool_tokens));
}

void cfi_plan_pool(const cfi_question *q, const cfi_answer *answer, ctxfit_plan_engine *out)
{
    const cfi_run       *run = &answer->run;
    const cfi_page_plan *pages = &run->paged.pages;
    uint64_t             spare, most_bytes;

    if (run->paged.tensor_ranks == 0 || pages->count == 0)
        return;
    for (uint32_t d = 0; pages->shares != CFI_SHARES_NONE && d < run->paged.tensor_ranks * run->paged.stages; d++)
        window_pool(q, answer, d, out);
    if (pages->shares != CFI_SHARES_NONE)
        return;
    out->pool_blocks = pool_blocks(q, answer, true, &out->pool_bytes);
    out->pool_most_blocks = pool_blocks(q, answer, false, &most_bytes);
    out->request_blocks = cfi_pages_request_blocks(pages, run->n_ctx_seq, run->paged.in_flight);
    out->pool_tokens = cfi_pages_tokens(pages, out->pool_blocks, run->n_ctx_seq, run->paged.in_flight, run->paged.tokens_by_groups);
    out->pool_most_tokens =
        cfi_pages_tokens(pages, out->pool_most_blocks, run->n_ctx_seq, run->paged.in_flight, run->paged.tokens_by_groups);
    out->concurrency = (double)out->pool_blocks / (double)out->request_blocks;
    if (run->paged.slots.slot_bytes != 0) {
        out->state_slots = cfi_slots_of(&run->paged.slots, out->pool_bytes);
        out->concurrency = fmin(out->concurrency, (double)(out->state_slots / run->paged.slots.each));
    }
    spare = out->pool_blocks > run->paged.null_blocks ? out->pool_blocks - run->paged.null_blocks : 0;
    out->longest_tokens = cfi_pages_longest(pages, spare, run->paged.in_flight, run->n_ctx_seq);
    out->block_tokens = pages->spec[0].block_tokens;
    for (uint32_t i = 1; i < pages->count; i++)
        out->block_tokens = pages->spec[i].block_tokens < out->block_tokens ? pages->spec[i].block_tokens : out->block_tokens;
    out->groups = pages->groups;
    (void)cfi_pages_block_bytes(pages, run->paged.stage_layers[0], &out->block_bytes);
}
