#include <stdlib.h>

#include "base_internal.h"

/* Big enough that a model or a header of everyday size needs a handful of calls to the allocator. */
#define CHUNK_BYTES ((size_t)16384)

/* Aligned for whatever the library keeps; not every C11 library has max_align_t (Microsoft's C has not). */
typedef union aligned_unit {
    long long   integer;
    long double real;
    void       *pointer;
    void (*function)(void);
} aligned_unit;

struct cfi_arena_chunk {
    cfi_arena_chunk *next;
    size_t           size; /* of the whole chunk, as allocated */
    size_t           used;
    aligned_unit     data[];
};

static void *default_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void default_release(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

ctxfit_allocator cfi_allocator_or_default(const ctxfit_allocator *allocator)
{
    ctxfit_allocator standard = {default_alloc, default_release, NULL};

    return allocator != NULL ? *allocator : standard;
}

bool cfi_allocator_valid(const ctxfit_allocator *allocator)
{
    return allocator == NULL || (allocator->alloc != NULL && allocator->release != NULL);
}

void cfi_arena_init(cfi_arena *arena, const ctxfit_allocator *allocator)
{
    arena->allocator = cfi_allocator_or_default(allocator);
    arena->chunks = NULL;
}

static cfi_arena_chunk *add_chunk(cfi_arena *arena, size_t payload)
{
    size_t           size;
    cfi_arena_chunk *chunk;

    if (payload > SIZE_MAX - sizeof(cfi_arena_chunk))
        return NULL;
    size = sizeof(cfi_arena_chunk) + payload;
    chunk = arena->allocator.alloc(arena->allocator.user, size);
    if (chunk == NULL)
        return NULL;
    chunk->size = size;
    chunk->used = sizeof(cfi_arena_chunk);
    /* An oversized chunk is full at once: it goes behind the current one, which may still have room. */
    if (payload > CHUNK_BYTES && arena->chunks != NULL) {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

void *cfi_arena_alloc(cfi_arena *arena, size_t size)
{
    const size_t     alignment = _Alignof(aligned_unit);
    cfi_arena_chunk *chunk = arena->chunks;
    void            *memory;

    if (size > SIZE_MAX - alignment)
        return NULL;
    size = (size + alignment - 1) / alignment * alignment;
    if (size == 0)
        size = alignment;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        chunk = add_chunk(arena, size > CHUNK_BYTES ? size : CHUNK_BYTES);
        if (chunk == NULL)
            return NULL;
    }
    memory = (char *)chunk + chunk->used;
    chunk->used += size;
    memset(memory, 0, size);
    return memory;
}

void *cfi_arena_array(cfi_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    return cfi_arena_alloc(arena, count * size);
}

void *cfi_arena_grown(cfi_arena *arena, void *items, size_t count, size_t *room, size_t first, size_t size)
{
    const size_t more = *room > 0 ? *room * 2 : first;
    void        *grown;

    if (count < *room)
        return items;
    grown = more > *room ? cfi_arena_array(arena, more, size) : NULL;
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, items, count * size);
    *room = more;
    return grown;
}

char *cfi_arena_copy(cfi_arena *arena, const char *text, size_t len)
{
    char *copy = len == SIZE_MAX ? NULL : cfi_arena_alloc(arena, len + 1);

    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

void cfi_arena_free(cfi_arena *arena)
{
    cfi_arena_chunk *chunk = arena->chunks;

    arena->chunks = NULL;
    while (chunk != NULL) {
        cfi_arena_chunk *next = chunk->next;

        arena->allocator.release(arena->allocator.user, chunk, chunk->size);
        chunk = next;
    }
}

void cfi_arena_reset(cfi_arena *arena)
{
    size_t payload = 0;

    if (arena->chunks == NULL)
        return;
    if (arena->chunks->next == NULL) {
        arena->chunks->used = sizeof(cfi_arena_chunk);
        return;
    }
    for (const cfi_arena_chunk *chunk = arena->chunks; chunk != NULL; chunk = chunk->next)
        payload += chunk->size - sizeof(cfi_arena_chunk);
    cfi_arena_free(arena);
    (void)add_chunk(arena, payload); /* without it, the next piece that is asked for is got as usual */
}

void *cfi_handle_new(size_t size, size_t arena_offset, const ctxfit_allocator *allocator)
{
    cfi_arena arena;
    char     *handle;

    cfi_arena_init(&arena, allocator);
    handle = cfi_arena_alloc(&arena, size);
    if (handle != NULL)
        memcpy(handle + arena_offset, &arena, sizeof arena);
    return handle;
}

void cfi_handle_free(void *handle, size_t arena_offset)
{
    cfi_arena arena;

    if (handle == NULL)
        return;
    memcpy(&arena, (char *)handle + arena_offset, sizeof arena);
    cfi_arena_free(&arena);
}
