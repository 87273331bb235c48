/* What is known of parsed headers, and joining them. */
#include "safetensors.h"

#include <stdlib.h>

static int by_name(const void *a, const void *b)
{
    const cfi_hf_entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

ctxfit_status cfi_safetensors_finish(ctxfit_safetensors *tensors, ctxfit_error *error)
{
    if (tensors->count > 1)
        qsort(tensors->entry, (size_t)tensors->count, sizeof *tensors->entry, by_name);
    tensors->bytes = 0;
    for (uint64_t i = 0; i < tensors->count; i++) {
        if (i > 0 && strcmp(tensors->entry[i - 1].name, tensors->entry[i].name) == 0)
            return cfi_fail(error, CTXFIT_E_MALFORMED, "tensor '%.100s' stands twice", tensors->entry[i].name);
        if (!cfi_add_u64(tensors->bytes, tensors->entry[i].info.bytes, &tensors->bytes))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "the tensors exceed 64 bits");
    }
    return CTXFIT_OK;
}

static ctxfit_status copy_part(ctxfit_safetensors *whole, const ctxfit_safetensors *part, ctxfit_error *error)
{
    for (uint64_t i = 0; i < part->count; i++) {
        cfi_hf_entry *e = &whole->entry[whole->count++];

        *e = part->entry[i];
        e->info.shard += whole->shards;
        e->name = cfi_arena_copy(&whole->arena, part->entry[i].name, strlen(part->entry[i].name));
        if (e->name == NULL)
            return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for the names of tensors");
    }
    whole->shards += part->shards;
    return CTXFIT_OK;
}

static ctxfit_status join(ctxfit_safetensors *whole, const ctxfit_safetensors *const *parts, size_t count, ctxfit_error *error)
{
    uint64_t      total = 1;
    ctxfit_status status = CTXFIT_OK;

    for (size_t i = 0; i < count; i++)
        total += parts[i] != NULL ? parts[i]->count : 0; /* each is an array in memory */
    whole->entry = cfi_arena_array(&whole->arena, (size_t)total, sizeof *whole->entry);
    if (whole->entry == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for %llu tensors", (unsigned long long)total);
    for (size_t i = 0; i < count && status == CTXFIT_OK; i++)
        if (parts[i] != NULL)
            status = copy_part(whole, parts[i], error);
    return status;
}

static int by_name_and_shard(const void *a, const void *b)
{
    const cfi_hf_entry *x = a, *y = b;
    int                 diff = strcmp(x->name, y->name);

    return diff != 0 ? diff : (x->info.shard > y->info.shard) - (x->info.shard < y->info.shard);
}

ctxfit_status cfi_safetensors_join_once(ctxfit_safetensors *whole, ctxfit_safetensors *const *part, size_t count, uint64_t *twice,
                                        ctxfit_error *error)
{
    ctxfit_status status = join(whole, (const ctxfit_safetensors *const *)part, count, error);
    uint64_t      kept = 0;

    if (status != CTXFIT_OK)
        return status;
    if (whole->count > 1)
        qsort(whole->entry, (size_t)whole->count, sizeof *whole->entry, by_name_and_shard);
    for (uint64_t i = 0; i < whole->count; i++)
        if (kept == 0 || strcmp(whole->entry[kept - 1].name, whole->entry[i].name) != 0)
            whole->entry[kept++] = whole->entry[i];
    *twice = whole->count - kept;
    whole->count = kept;
    return cfi_safetensors_finish(whole, error);
}

ctxfit_status ctxfit_safetensors_join(const ctxfit_safetensors *const *parts, size_t count, const ctxfit_allocator *allocator,
                                      ctxfit_safetensors **out, ctxfit_error *error)
{
    ctxfit_safetensors *whole;
    ctxfit_status       status;
    bool                missing = parts == NULL || count == 0 || count > UINT32_MAX;

    if (out != NULL)
        *out = NULL;
    for (size_t i = 0; !missing && i < count; i++)
        missing = parts[i] == NULL;
    if (missing || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_safetensors_join: parts and out must not be NULL, count not 0");
    whole = cfi_handle_new(sizeof *whole, offsetof(ctxfit_safetensors, arena), allocator);
    if (whole == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = join(whole, parts, count, error);
    if (status == CTXFIT_OK)
        status = cfi_safetensors_finish(whole, error);
    if (status != CTXFIT_OK) {
        ctxfit_safetensors_free(whole);
        return status;
    }
    *out = whole;
    return CTXFIT_OK;
}

void ctxfit_safetensors_free(ctxfit_safetensors *tensors) { cfi_handle_free(tensors, offsetof(ctxfit_safetensors, arena)); }

uint32_t ctxfit_safetensors_shard_count(const ctxfit_safetensors *tensors) { return tensors != NULL ? tensors->shards : 0; }
uint64_t ctxfit_safetensors_tensor_count(const ctxfit_safetensors *tensors) { return tensors != NULL ? tensors->count : 0; }
uint64_t ctxfit_safetensors_tensor_bytes(const ctxfit_safetensors *tensors) { return tensors != NULL ? tensors->bytes : 0; }

const char *ctxfit_safetensors_tensor_name(const ctxfit_safetensors *tensors, uint64_t index)
{
    return tensors != NULL && index < tensors->count ? tensors->entry[index].name : NULL;
}

ctxfit_status ctxfit_safetensors_find_tensor(const ctxfit_safetensors *tensors, const char *name, uint64_t *out_index)
{
    const cfi_hf_entry  wanted = {name, CTXFIT_HF_TENSOR_INIT};
    const cfi_hf_entry *found;

    if (out_index != NULL)
        *out_index = 0;
    if (tensors == NULL || name == NULL || out_index == NULL)
        return CTXFIT_E_INVALID_ARG;
    found = bsearch(&wanted, tensors->entry, (size_t)tensors->count, sizeof wanted, by_name);
    if (found == NULL)
        return CTXFIT_E_NOT_FOUND;
    *out_index = (uint64_t)(found - tensors->entry);
    return CTXFIT_OK;
}

ctxfit_status ctxfit_safetensors_get_tensor(const ctxfit_safetensors *tensors, uint64_t index, ctxfit_hf_tensor *out)
{
    if (tensors == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_HF_TENSOR, CTXFIT_E_INVALID_ARG);
    if (index >= tensors->count)
        return cfi_copy_none(out, CFI_V1_HF_TENSOR, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &tensors->entry[index].info, sizeof tensors->entry[index].info, CFI_V1_HF_TENSOR);
}
