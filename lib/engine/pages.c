/* Paged caches: layers to groups that share a pool of blocks, and how many blocks a request takes. Source: vLLM 0.33.0
 * vllm/v1/core/kv_cache_planning.py, vllm/v1/kv_cache_interface.py; what earlier versions do otherwise is in vllm.def. */
#include "engine_internal.h"

static uint64_t pages_ceil(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static bool pages_alike(const cfi_page_spec *a, const cfi_page_spec *b)
{
    return a->kind == b->kind && a->latent == b->latent && a->block_tokens == b->block_tokens && a->window == b->window &&
           a->state_pages == b->state_pages && a->page_bytes == b->page_bytes;
}

uint32_t cfi_pages_add(cfi_page_plan *plan, const cfi_page_spec *spec)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (pages_alike(&plan->spec[i], spec)) {
            plan->spec[i].layers += spec->layers;
            return i;
        }
    }
    if (plan->count == CFI_MAX_PAGE_SPECS)
        return UINT32_MAX;
    plan->spec[plan->count] = *spec;
    return plan->count++;
}

/* Layers that always need the same number of blocks may have pages of different size in one group: is_uniform_with_collection(). */
static bool pages_uniform(const cfi_page_plan *plan)
{
    const cfi_page_spec *first = &plan->spec[0];

    for (uint32_t i = 1; i < plan->count; i++) {
        const cfi_page_spec *spec = &plan->spec[i];

        if (spec->kind != first->kind || spec->block_tokens != first->block_tokens || spec->window != first->window ||
            spec->state_pages != first->state_pages || (spec->kind == CFI_PAGE_STATE && spec->page_bytes != first->page_bytes))
            return false;
    }
    return true;
}

/* unify_kv_cache_spec_page_size(): smaller pages get longer blocks; state, and since 0.33 what does not divide, is padded. */
static ctxfit_status pages_unify(cfi_page_plan *plan, bool pads, ctxfit_error *error)
{
    uint64_t largest = 0;

    for (uint32_t i = 0; i < plan->count; i++)
        largest = cfi_max_u64(largest, plan->spec[i].page_bytes);
    for (uint32_t i = 0; i < plan->count; i++) {
        cfi_page_spec *spec = &plan->spec[i];
        uint64_t       ratio = largest / spec->page_bytes;

        if (spec->kind != CFI_PAGE_STATE && largest % spec->page_bytes == 0) {
            if (ratio > UINT32_MAX / spec->block_tokens)
                return cfi_fail(error, CTXFIT_E_OVERFLOW, "pages: blocks of more than 32 bits of tokens");
            spec->block_tokens *= (uint32_t)ratio;
        } else if (spec->kind != CFI_PAGE_STATE && (!pads || spec->latent)) {
            return cfi_fail(error, CTXFIT_E_REFUSED,
                            "vLLM cannot unify the page sizes of this model's caches: %llu bytes do not divide %llu",
                            (unsigned long long)spec->page_bytes, (unsigned long long)largest);
        }
        spec->page_bytes = largest;
    }
    return CTXFIT_OK;
}

/* _try_get_full_allocation_fallback_groups(): beside latent attention, whose pages are not padded, windows are cached as the whole context
 * is, in blocks of as many tokens. */
static bool pages_promote(cfi_page_plan *plan)
{
    uint32_t tokens = 0;
    bool     latent = false, sliding = false;

    for (uint32_t i = 0; i < plan->count; i++) {
        const cfi_page_spec *spec = &plan->spec[i];

        if (spec->kind == CFI_PAGE_CHUNKED || spec->kind == CFI_PAGE_STATE || (spec->kind == CFI_PAGE_SLIDING && spec->latent) ||
            (spec->kind == CFI_PAGE_FULL && tokens != 0 && spec->block_tokens != tokens))
            return false;
        tokens = spec->kind == CFI_PAGE_FULL ? spec->block_tokens : tokens;
        latent |= spec->latent;
        sliding |= spec->kind == CFI_PAGE_SLIDING;
    }
    if (!latent || !sliding)
        return false;
    for (uint32_t i = 0; i < plan->count; i++) {
        cfi_page_spec *spec = &plan->spec[i];

        spec->page_bytes = spec->page_bytes / spec->block_tokens * tokens;
        spec->block_tokens = tokens;
        spec->kind = CFI_PAGE_FULL;
        spec->window = 0;
    }
    return true;
}

static ctxfit_status pages_one_group(cfi_page_plan *plan)
{
    plan->uniform = true;
    plan->groups = 1;
    for (uint32_t i = 0; i < plan->count; i++)
        plan->spec[i].groups = i == 0;
    return CTXFIT_OK;
}

ctxfit_status cfi_pages_group(cfi_page_plan *plan, bool pads, ctxfit_error *error)
{
    const cfi_page_plan before = *plan;
    uint32_t            least = UINT32_MAX, most = 0;
    ctxfit_status       status;

    plan->groups = 0;
    plan->group_layers = 0;
    if (plan->count == 0)
        return CTXFIT_OK;
    if (pages_uniform(plan))
        return pages_one_group(plan);
    status = pages_unify(plan, pads, error);
    if (status == CTXFIT_E_REFUSED && before.promotes) {
        *plan = before;
        if (pages_promote(plan))
            return pages_one_group(plan);
    }
    if (status != CTXFIT_OK)
        return status;
    for (uint32_t i = 0; i < plan->count; i++) {
        least = plan->spec[i].layers < least ? plan->spec[i].layers : least;
        most = plan->spec[i].layers > most ? plan->spec[i].layers : most;
    }
    plan->group_layers = 2 * (uint64_t)most < 3 * (uint64_t)least ? most : least; /* 1.5 */
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->spec[i].groups = (uint32_t)pages_ceil(plan->spec[i].layers, plan->group_layers);
        plan->groups += plan->spec[i].groups;
    }
    return CTXFIT_OK;
}

/* Of the layers that a pipeline stage has of each spec, every group holds an equal share (layers[i::groups]). */
bool cfi_pages_block_bytes(const cfi_page_plan *plan, const uint32_t *stage_layers, uint64_t *out)
{
    *out = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        uint64_t layers = stage_layers != NULL ? stage_layers[i] : plan->spec[i].layers;
        uint64_t bytes;

        if (!plan->uniform)
            layers = pages_ceil(layers, plan->spec[i].groups);
        if (!cfi_mul_u64(plan->spec[i].page_bytes, layers, &bytes))
            return false;
        if (!plan->uniform)
            *out = cfi_max_u64(*out, bytes);
        else if (!cfi_add_u64(*out, bytes, out))
            return false;
    }
    return true;
}

/* max_memory_usage_bytes() of a spec, in pages. `in_flight`: tokens that are scheduled and not yet settled. */
static uint64_t pages_of_request(const cfi_page_spec *spec, uint64_t tokens, uint64_t in_flight)
{
    switch (spec->kind) {
    case CFI_PAGE_SLIDING:
        return pages_ceil(cfi_min_u64((spec->window > 0 ? spec->window - 1 : 0) + in_flight, tokens), spec->block_tokens) + 1;
    case CFI_PAGE_CHUNKED:
        return pages_ceil(cfi_min_u64(spec->window + in_flight, tokens), spec->block_tokens);
    case CFI_PAGE_STATE:
        return spec->state_pages;
    default:
        return pages_ceil(tokens, spec->block_tokens);
    }
}

uint64_t cfi_pages_request_blocks(const cfi_page_plan *plan, uint64_t tokens, uint64_t in_flight)
{
    uint64_t blocks = 0;

    tokens += plan->extra_tokens;
    for (uint32_t i = 0; i < plan->count; i++)
        blocks += plan->spec[i].groups * pages_of_request(&plan->spec[i], tokens, in_flight);
    return blocks;
}

/* _estimate_max_model_len_from_groups(): halving */
uint64_t cfi_pages_longest(const cfi_page_plan *plan, uint64_t blocks, uint64_t in_flight, uint64_t most_tokens)
{
    uint64_t fits = 0;

    while (fits < most_tokens) {
        uint64_t middle = fits + (most_tokens - fits + 1) / 2;

        if (cfi_pages_request_blocks(plan, middle, in_flight) <= blocks)
            fits = middle;
        else
            most_tokens = middle - 1;
    }
    return fits;
}

/* What the log calls the size of the cache. Until 0.19 the blocks were divided among the groups; since, it is the concurrency times the
 * length of a request (get_kv_cache_capacity()). */
uint64_t cfi_pages_tokens(const cfi_page_plan *plan, uint64_t blocks, uint64_t tokens, uint64_t in_flight, bool by_groups)
{
    uint64_t request = cfi_pages_request_blocks(plan, tokens, in_flight);
    uint32_t least = UINT32_MAX;

    if (plan->count == 0 || request == 0)
        return 0;
    if (!by_groups)
        return (uint64_t)((double)blocks / (double)request * (double)tokens);
    for (uint32_t i = 0; i < plan->count; i++)
        least = plan->spec[i].block_tokens < least ? plan->spec[i].block_tokens : least;
    return blocks / plan->groups * least;
}
