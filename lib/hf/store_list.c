/* What a store holds. */
#include <stdio.h>
#include <stdlib.h>

#include "store_internal.h"

#define MAX_STORED 65536u

ctxfit_status cfi_stored_add(ctxfit_store *store, const cfi_stored *entry, ctxfit_error *error, const char *fmt, ...)
{
    char        name[1024];
    cfi_stored  copy = *entry;
    cfi_stored *item;
    va_list     args;
    int         len;

    va_start(args, fmt);
    len = vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    if (len <= 0 || (size_t)len >= sizeof name)
        return CTXFIT_OK; /* longer than any name that is typed */
    if (store->count == MAX_STORED)
        return cfi_fail_at(error, CTXFIT_E_LIMIT, CFI_NO_OFFSET, MAX_STORED, "more than %u models", MAX_STORED);
    item = cfi_arena_grown(&store->arena, store->item, store->count, &store->cap, 16, sizeof *item);
    copy.name = cfi_arena_copy(&store->arena, name, (size_t)len);
    copy.path = cfi_arena_copy(&store->arena, entry->path, strlen(entry->path));
    if (item == NULL || copy.name == NULL || copy.path == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    store->item = item;
    store->item[store->count++] = copy;
    return CTXFIT_OK;
}

static int by_stored_name(const void *a, const void *b)
{
    const cfi_stored *first = a, *second = b;
    int               order = strcmp(first->name, second->name);

    return order != 0 ? order : strcmp(first->path, second->path);
}

static ctxfit_status list_repositories(uint32_t kind, cfi_store_index *index, ctxfit_store *out, ctxfit_error *error)
{
    ctxfit_status status = kind == CTXFIT_STORE_HF ? cfi_hub_index(index, error) : cfi_lmstudio_index(index, error);

    for (size_t i = 0; status == CTXFIT_OK && i < index->count; i++) {
        cfi_store_repo repo;

        if (index->item[i].indirect)
            continue; /* it names folders that are listed themselves */
        status = kind == CTXFIT_STORE_HF ? cfi_hub_open(index, &index->item[i], &repo, error)
                                         : cfi_lmstudio_open(index, &index->item[i], &repo, error);
        if (status == CTXFIT_OK)
            status = cfi_repo_list(&repo, out, error);
        else if (status == CTXFIT_E_INCOMPLETE)
            status = cfi_repo_list_unfinished(&repo, out, error);
        else if (status == CTXFIT_E_NOT_FOUND || status == CTXFIT_E_LIMIT)
            status = CTXFIT_OK; /* empty, or no model: a data set */
    }
    return status == CTXFIT_OK && kind == CTXFIT_STORE_HF ? cfi_hub_list_rest(index, out, error) : status;
}

ctxfit_status ctxfit_store_list(uint32_t kind, const char *root, const ctxfit_allocator *allocator, ctxfit_store **out, ctxfit_error *error)
{
    cfi_arena       scratch;
    cfi_store_index index = {&scratch, root, {NULL, 0, 0, 0}, NULL, 0, 0};
    ctxfit_store   *store;
    ctxfit_status   status;

    if (out != NULL)
        *out = NULL;
    if (root == NULL || out == NULL || !cfi_allocator_valid(allocator) || kind < CTXFIT_STORE_HF || kind > CTXFIT_STORE_OLLAMA)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_store_list: root and out must not be NULL, kind is 1 to 3");
    store = cfi_handle_new(sizeof *store, offsetof(ctxfit_store, arena), allocator);
    if (store == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    cfi_arena_init(&scratch, allocator);
    status = kind == CTXFIT_STORE_OLLAMA ? cfi_ollama_list(root, &scratch, store, error) : list_repositories(kind, &index, store, error);
    cfi_arena_free(&scratch);
    if (status != CTXFIT_OK) {
        ctxfit_store_free(store);
        return status;
    }
    if (store->count > 1)
        qsort(store->item, store->count, sizeof *store->item, by_stored_name);
    *out = store;
    return CTXFIT_OK;
}

void ctxfit_store_free(ctxfit_store *store) { cfi_handle_free(store, offsetof(ctxfit_store, arena)); }

uint32_t ctxfit_store_count(const ctxfit_store *store) { return store != NULL ? (uint32_t)store->count : 0; }

const char *ctxfit_store_name(const ctxfit_store *store, uint32_t index)
{
    return index < ctxfit_store_count(store) ? store->item[index].name : NULL;
}

const char *ctxfit_store_path(const ctxfit_store *store, uint32_t index)
{
    return index < ctxfit_store_count(store) ? store->item[index].path : NULL;
}

ctxfit_status ctxfit_store_get(const ctxfit_store *store, uint32_t index, ctxfit_stored_info *out)
{
    ctxfit_stored_info info = CTXFIT_STORED_INFO_INIT;

    if (store == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_STORED, CTXFIT_E_INVALID_ARG);
    if (index >= store->count)
        return cfi_copy_none(out, CFI_V1_STORED, CTXFIT_E_NOT_FOUND);
    info.flags = store->item[index].flags;
    info.bytes = store->item[index].bytes;
    info.files = store->item[index].files;
    return cfi_copy_out(out, &info, sizeof info, CFI_V1_STORED);
}
