#include "gguf_internal.h"

static const char *name_at(const cfi_gguf_index *index, uint32_t place)
{
    const char *name;

    memcpy(&name, (const char *)index->records + place * index->stride, sizeof name);
    return name;
}

/* By name, then by place. */
static bool sorts_before(const cfi_gguf_index *index, uint32_t a, uint32_t b)
{
    int order = strcmp(name_at(index, a), name_at(index, b));

    return order < 0 || (order == 0 && a < b);
}

static void sift_down(const cfi_gguf_index *index, uint32_t root, uint32_t count)
{
    uint32_t *heap = index->order;

    for (;;) {
        uint64_t child = 2 * (uint64_t)root + 1;
        uint32_t moved = heap[root];

        if (child >= count)
            return;
        if (child + 1 < count && sorts_before(index, heap[child], heap[child + 1]))
            child++;
        if (!sorts_before(index, moved, heap[child]))
            return;
        heap[root] = heap[child];
        heap[child] = moved;
        root = (uint32_t)child;
    }
}

/* Heapsort: qsort() may be quadratic and may allocate. */
bool cfi_gguf_index_make(cfi_gguf_index *index, cfi_arena *arena, const void *records, size_t stride, uint32_t count)
{
    uint32_t *order = cfi_arena_array(arena, count, sizeof *order);

    if (order == NULL)
        return false;
    index->records = records;
    index->stride = stride;
    index->order = order;
    index->count = count;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count / 2; i > 0; i--)
        sift_down(index, i - 1, count);
    for (uint32_t last = count; last > 1; last--) {
        uint32_t largest = order[0];

        order[0] = order[last - 1];
        order[last - 1] = largest;
        sift_down(index, 0, last - 1);
    }
    return true;
}

uint32_t cfi_gguf_index_find(const cfi_gguf_index *index, const char *name)
{
    uint32_t low = 0, high = index->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int      order = strcmp(name, name_at(index, index->order[middle]));

        if (order == 0)
            return index->order[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return UINT32_MAX;
}

uint32_t cfi_gguf_index_duplicate(const cfi_gguf_index *index)
{
    for (uint32_t i = 1; i < index->count; i++)
        if (strcmp(name_at(index, index->order[i - 1]), name_at(index, index->order[i])) == 0)
            return index->order[i];
    return UINT32_MAX;
}
