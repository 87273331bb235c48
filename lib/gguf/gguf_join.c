#include <inttypes.h>

#include "gguf_internal.h"

static ctxfit_status no_memory(ctxfit_error *error)
{
    return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the joined header");
}

/* Puts the parts into the order of their split.no. */
static ctxfit_status order_parts(const ctxfit_gguf *const *parts, uint32_t count, const ctxfit_gguf **ordered, ctxfit_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        const ctxfit_gguf *part = parts[i];

        if (part == NULL)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "part %" PRIu32 " is NULL", i);
        if (part->shard_count != 1)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "part %" PRIu32 " is joined already", i);
        if (part->split_count != count)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "part %" PRIu32 ": split.count is %" PRIu32 ", but %" PRIu32 " parts are given", i,
                            part->split_count, count);
        if (part->big_endian != parts[0]->big_endian)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "part %" PRIu32 " has another byte order than part 0", i);
        if (ordered[part->split_no] != NULL)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "part %" PRIu32 ": split.no %" PRIu32 " is given twice", i, part->split_no);
        ordered[part->split_no] = part;
    }
    return CTXFIT_OK;
}

static bool copy_keys(ctxfit_gguf *to, const ctxfit_gguf *from)
{
    to->key_count = from->key_count;
    to->keys = cfi_arena_array(&to->arena, to->key_count, sizeof *to->keys);
    if (to->keys == NULL)
        return false;
    for (uint32_t i = 0; i < to->key_count; i++) {
        const cfi_gguf_key *key = &from->keys[i];
        /* of a string: the text, bytes without its length */
        size_t kept = key->type == CTXFIT_GGUF_STRING ? (size_t)(key->bytes - 8) : (size_t)key->bytes;

        to->keys[i] = *key;
        to->keys[i].name = cfi_arena_copy(&to->arena, key->name, strlen(key->name));
        if (to->keys[i].name == NULL)
            return false;
        if (key->elements != NULL) {
            to->keys[i].elements = (const unsigned char *)cfi_arena_copy(&to->arena, (const char *)key->elements, kept);
            if (to->keys[i].elements == NULL)
                return false;
        }
    }
    return cfi_gguf_index_make(&to->key_index, &to->arena, to->keys, sizeof *to->keys, to->key_count);
}

static bool append_tensors(ctxfit_gguf *to, const ctxfit_gguf *from, uint32_t shard)
{
    for (uint32_t i = 0; i < from->tensor_count; i++) {
        cfi_gguf_tensor *tensor = &to->tensors[to->tensor_count];

        *tensor = from->tensors[i];
        tensor->shard = shard;
        tensor->name = cfi_arena_copy(&to->arena, tensor->name, strlen(tensor->name));
        if (tensor->name == NULL)
            return false;
        to->tensor_count++;
    }
    return true;
}

/* llama.cpp compares the sum with the first shard's split.tensors.count; llama.cpp b10472 src/llama-model-loader.cpp:649-655 */
static ctxfit_status check_total(const ctxfit_gguf *first, uint64_t tensors, ctxfit_error *error)
{
    uint64_t expected = 0;

    if (first->split_count == 1)
        return CTXFIT_OK;
    if (ctxfit_gguf_get_u64(first, "split.tensors.count", &expected) != CTXFIT_OK)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "first shard: key 'split.tensors.count' is missing or no integer");
    if (expected != tensors)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "shards hold %" PRIu64 " tensors, split.tensors.count is %" PRIu64, tensors, expected);
    return CTXFIT_OK;
}

static ctxfit_status join_ordered(ctxfit_gguf *joined, const ctxfit_gguf *const *ordered, uint32_t count, ctxfit_error *error)
{
    uint64_t      tensors = 0;
    uint32_t      duplicate;
    ctxfit_status status;

    for (uint32_t i = 0; i < count; i++)
        tensors += ordered[i]->tensor_count; /* at most 2^16 times 2^32 */
    status = check_total(ordered[0], tensors, error);
    if (status != CTXFIT_OK)
        return status;
    if (tensors > UINT32_MAX)
        return cfi_fail_at(error, CTXFIT_E_LIMIT, CFI_NO_OFFSET, UINT32_MAX, "shards hold %" PRIu64 " tensors", tensors);
    if (!copy_keys(joined, ordered[0]))
        return no_memory(error);
    joined->tensors = cfi_arena_array(&joined->arena, (size_t)tensors, sizeof *joined->tensors);
    joined->data_offsets = cfi_arena_array(&joined->arena, count, sizeof *joined->data_offsets);
    if (joined->tensors == NULL || joined->data_offsets == NULL)
        return no_memory(error);
    for (uint32_t i = 0; i < count; i++) {
        joined->data_offsets[i] = ordered[i]->data_offsets[0];
        if (!append_tensors(joined, ordered[i], i))
            return no_memory(error);
    }
    joined->alignment = ordered[0]->alignment;
    joined->version = ordered[0]->version;
    joined->big_endian = ordered[0]->big_endian;
    joined->shard_count = count;
    joined->split_count = count;
    if (!cfi_gguf_index_make(&joined->tensor_index, &joined->arena, joined->tensors, sizeof *joined->tensors, joined->tensor_count))
        return no_memory(error);
    duplicate = cfi_gguf_index_duplicate(&joined->tensor_index);
    if (duplicate != UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "tensor '%s' is in two shards, the later is %" PRIu32,
                        cfi_gguf_label_of(joined->tensors[duplicate].name, strlen(joined->tensors[duplicate].name)).text,
                        joined->tensors[duplicate].shard);
    return CTXFIT_OK;
}

ctxfit_status ctxfit_gguf_join(const ctxfit_gguf *const *parts, size_t count, const ctxfit_allocator *allocator, ctxfit_gguf **out,
                               ctxfit_error *error)
{
    ctxfit_gguf        *joined;
    const ctxfit_gguf **ordered;
    ctxfit_status       status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (parts == NULL || count == 0 || count > CFI_GGUF_MAX_SPLIT_COUNT)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "%zu parts, expected 1 to %d", parts == NULL ? (size_t)0 : count,
                        CFI_GGUF_MAX_SPLIT_COUNT);
    if (!cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "allocator without alloc or release");
    joined = cfi_handle_new(sizeof *joined, offsetof(ctxfit_gguf, arena), allocator);
    if (joined == NULL)
        return no_memory(error);
    ordered = cfi_arena_array(&joined->arena, count, sizeof *ordered);
    status = ordered != NULL ? order_parts(parts, (uint32_t)count, ordered, error) : no_memory(error);
    if (status == CTXFIT_OK)
        status = join_ordered(joined, ordered, (uint32_t)count, error);
    if (status == CTXFIT_OK)
        *out = joined;
    else
        ctxfit_gguf_free(joined);
    return status;
}
