/* Lists of what runs beside a model: llama.cpp b10472 src/llama-adapter.cpp (pairs of an adapter), tools/mtmd/clip.cpp (one buffer). */
#include <stddef.h>
#include <stdio.h>

#include "plan_internal.h"

#define MOST_DRAFT_TOKENS 65535u /* more than any batch verifies */

ctxfit_status ctxfit_beside_new(const ctxfit_allocator *allocator, ctxfit_beside **out, ctxfit_error *error)
{
    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (!cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "a function of the allocator is NULL");
    *out = cfi_handle_new(sizeof **out, offsetof(ctxfit_beside, arena), allocator);
    return *out != NULL ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a list of what runs beside");
}

void ctxfit_beside_free(ctxfit_beside *beside)
{
    cfi_handle_free(beside, offsetof(ctxfit_beside, arena));
}

uint32_t ctxfit_beside_count(const ctxfit_beside *beside)
{
    return beside != NULL ? beside->count : 0;
}

const char *ctxfit_beside_name(uint32_t kind)
{
    switch (kind) {
    case CTXFIT_BESIDE_DRAFT:     return "draft";
    case CTXFIT_BESIDE_NEXTN:     return "nextn";
    case CTXFIT_BESIDE_ADAPTER:   return "adapter";
    case CTXFIT_BESIDE_PROJECTOR: return "projector";
    }
    return "unknown";
}

ctxfit_status ctxfit_beside_set_name(ctxfit_beside *beside, uint32_t index, const char *name, ctxfit_error *error)
{
    size_t length;

    if (beside == NULL || name == NULL || name[0] == '\0')
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "beside and name must not be NULL, nor the name empty");
    if (index >= beside->count)
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "entry %u of %u", (unsigned)index, (unsigned)beside->count);
    length = (size_t)cfi_min_u64(strlen(name), sizeof beside->item[index].name - 1);
    memcpy(beside->item[index].name, name, length);
    beside->item[index].name[length] = '\0';
    return CTXFIT_OK;
}

ctxfit_status ctxfit_beside_leave_out(ctxfit_beside *beside, uint32_t part, const char *name, uint64_t bytes, ctxfit_error *error)
{
    cfi_left_out *left;

    if (beside == NULL || name == NULL || name[0] == '\0' || part < CTXFIT_PART_MODEL || part > CTXFIT_PART_DRAFT)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "expected a list, the name of a file, and which part of a model it is");
    if (beside->left_count == CTXFIT_MAX_BESIDE)
        return cfi_fail(error, CTXFIT_E_LIMIT, "at most %u files are noted", (unsigned)CTXFIT_MAX_BESIDE);
    left = &beside->left[beside->left_count++];
    left->part = part;
    left->bytes = bytes;
    (void)snprintf(left->name, sizeof left->name, "%s", name);
    return CTXFIT_OK;
}

static bool drafts(uint32_t kind)
{
    return kind == CTXFIT_BESIDE_DRAFT || kind == CTXFIT_BESIDE_NEXTN;
}

/* llama-server has one draft, or drafts with the model's own blocks, and one projector. */
static ctxfit_status check_room(const ctxfit_beside *beside, uint32_t kind, ctxfit_error *error)
{
    if (beside->count == CTXFIT_MAX_BESIDE)
        return cfi_fail(error, CTXFIT_E_LIMIT, "at most %u run beside a model", (unsigned)CTXFIT_MAX_BESIDE);
    for (uint32_t i = 0; i < beside->count; i++) {
        uint32_t there = beside->item[i].kind;

        if (drafts(kind) && drafts(there))
            return cfi_fail(error, CTXFIT_E_LIMIT, "one draft at most: the list has one already");
        if (kind == CTXFIT_BESIDE_PROJECTOR && there == kind)
            return cfi_fail(error, CTXFIT_E_LIMIT, "one projector at most: the list has one already");
    }
    return CTXFIT_OK;
}

static void add_item(ctxfit_beside *beside, const cfi_beside_item *item)
{
    beside->item[beside->count++] = *item;
}

static ctxfit_status read_draft_options(const ctxfit_draft_options *options, ctxfit_draft_options *out, ctxfit_error *error)
{
    ctxfit_status status = cfi_copy_in(out, sizeof *out, CFI_V1_DRAFT_OPTIONS, options);

    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    if (out->draft_tokens > MOST_DRAFT_TOKENS)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "draft_tokens %u: at most %u", (unsigned)out->draft_tokens, MOST_DRAFT_TOKENS);
    out->overrides[sizeof out->overrides - 1] = '\0';
    return CTXFIT_OK;
}

ctxfit_status ctxfit_beside_add_draft(ctxfit_beside *beside, const ctxfit_model *draft, const ctxfit_draft_options *options,
                                      ctxfit_error *error)
{
    cfi_beside_item item = {.kind = CTXFIT_BESIDE_DRAFT, .draft = draft};
    ctxfit_status   status;

    if (beside == NULL || draft == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "beside and draft must not be NULL");
    status = read_draft_options(options, &item.draft_options, error);
    if (status != CTXFIT_OK)
        return status;
    status = check_room(beside, item.kind, error);
    if (status == CTXFIT_OK)
        add_item(beside, &item);
    return status;
}

ctxfit_status ctxfit_beside_add_nextn(ctxfit_beside *beside, const ctxfit_draft_options *options, ctxfit_error *error)
{
    cfi_beside_item             item = {.kind = CTXFIT_BESIDE_NEXTN};
    const ctxfit_draft_options *o = &item.draft_options;
    ctxfit_status               status;

    if (beside == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "beside is NULL");
    status = read_draft_options(options, &item.draft_options, error);
    if (status != CTXFIT_OK)
        return status;
    if (o->ctx_tokens != 0 || o->devices != 0 || o->gpu_layers != 0 || o->cpu_expert_layers != 0 || o->overrides[0] != '\0')
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "options: the model's own blocks draft with its context and are where it is: only "
                                                     "draft_tokens, kv_key and kv_value are theirs");
    status = check_room(beside, item.kind, error);
    if (status == CTXFIT_OK)
        add_item(beside, &item);
    return status;
}

/* ---- files ---- */

/* Adds a tensor as each kind of buffer pads it. */
static bool add_padded(const cfi_gguf_tensor *t, uint64_t padded[CFI_PADDING_COUNT])
{
    cfi_tensor tensor = {.bytes = t->bytes, .quant = t->quant};

    memcpy(tensor.dims, t->dims, sizeof tensor.dims);
    for (int p = 0; p < CFI_PADDING_COUNT; p++) {
        uint64_t bytes;

        if (!cfi_model_padded_bytes(&tensor, (cfi_padding)p, &bytes) || !cfi_add_u64(padded[p], bytes, &padded[p]))
            return false;
    }
    return true;
}

ctxfit_status ctxfit_beside_add_projector(ctxfit_beside *beside, const ctxfit_gguf *gguf, const ctxfit_projector_options *options,
                                          ctxfit_error *error)
{
    cfi_beside_item item = {.kind = CTXFIT_BESIDE_PROJECTOR};
    ctxfit_status   status;

    if (beside == NULL || gguf == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "beside and gguf must not be NULL");
    status = cfi_projector_options_read(options, &item.projector_options, error);
    if (status == CTXFIT_OK && (item.projector_options.devices & (item.projector_options.devices - 1)) != 0)
        status = cfi_fail(error, CTXFIT_E_INVALID_ARG, "devices: a projector is on one device");
    if (status == CTXFIT_OK)
        status = check_room(beside, item.kind, error);
    if (status == CTXFIT_OK)
        status = cfi_projector_read(&item.projector, &beside->arena, gguf, error);
    if (status == CTXFIT_OK)
        add_item(beside, &item);
    return status;
}

/* ---- adapters ---- */

static const char suffix_a[] = ".lora_a", suffix_b[] = ".lora_b", norm[] = "_norm.weight";

/* A tensor and its counterpart, whose name differs in the last letter. */
static ctxfit_status read_halves(ctxfit_beside *beside, const ctxfit_gguf *gguf, const cfi_gguf_tensor *a, cfi_beside_pair *out,
                               ctxfit_error *error)
{
    size_t                 len = strlen(a->name);
    char                  *name = cfi_arena_copy(&beside->arena, a->name, len);
    const cfi_gguf_tensor *b;

    if (name == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for an adapter");
    name[len - 1] = suffix_b[sizeof suffix_b - 2];
    b = cfi_gguf_find_tensor(gguf, name);
    name[len - strlen(suffix_a)] = '\0';
    if (b == NULL)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "LoRA tensor pair for '%.64s' is missing one component", name);
    out->name = name;
    memcpy(out->a, a->dims, sizeof out->a);
    memcpy(out->b, b->dims, sizeof out->b);
    out->quant_a = (uint32_t)a->quant;
    out->quant_b = (uint32_t)b->quant;
    if (!add_padded(a, out->padded) || !add_padded(b, out->padded))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "the tensors exceed 64 bits");
    return CTXFIT_OK;
}

/* As many .lora_a as .lora_b, each with its counterpart, or an error. Norms are passed over, as by llama.cpp. */
static ctxfit_status read_pairs(ctxfit_beside *beside, const ctxfit_gguf *gguf, cfi_beside_item *item, ctxfit_error *error)
{
    size_t                 count, halves = 0;
    const cfi_gguf_tensor *tensors = cfi_gguf_tensors(gguf, &count);
    ctxfit_status          status = CTXFIT_OK;

    item->pair = cfi_arena_array(&beside->arena, count / 2 + 1, sizeof *item->pair);
    if (item->pair == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for an adapter");
    for (size_t i = 0; i < count && status == CTXFIT_OK; i++) {
        if (cfi_ends_with(tensors[i].name, suffix_b))
            halves++;
        else if (cfi_ends_with(tensors[i].name, suffix_a) && item->pair_count <= count / 2)
            status = read_halves(beside, gguf, &tensors[i], &item->pair[item->pair_count++], error);
        else if (!cfi_ends_with(tensors[i].name, norm))
            status = cfi_fail(error, CTXFIT_E_MALFORMED, "LoRA tensor '%.64s' has unexpected suffix", tensors[i].name);
    }
    if (status == CTXFIT_OK && halves != item->pair_count)
        status = cfi_fail(error, CTXFIT_E_MALFORMED, "%zu tensors .lora_b and %u .lora_a: pairs are missing one component", halves,
                          (unsigned)item->pair_count);
    return status;
}

static ctxfit_status read_adapter_info(const ctxfit_gguf *gguf, ctxfit_companion *out, ctxfit_error *error)
{
    ctxfit_status status;

    *out = (ctxfit_companion)CTXFIT_COMPANION_INIT;
    status = ctxfit_companion_from_gguf(gguf, out, error);
    if (status == CTXFIT_OK && out->kind != CTXFIT_COMPANION_ADAPTER)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "the file is a projector, expected an adapter");
    return status;
}

ctxfit_status ctxfit_beside_add_adapter(ctxfit_beside *beside, const ctxfit_gguf *gguf, ctxfit_error *error)
{
    cfi_beside_item item = {.kind = CTXFIT_BESIDE_ADAPTER};
    ctxfit_status   status;

    if (beside == NULL || gguf == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "beside and gguf must not be NULL");
    status = check_room(beside, item.kind, error);
    if (status == CTXFIT_OK)
        status = read_adapter_info(gguf, &item.companion, error);
    if (status == CTXFIT_OK)
        status = read_pairs(beside, gguf, &item, error);
    if (status == CTXFIT_OK)
        add_item(beside, &item);
    return status;
}
