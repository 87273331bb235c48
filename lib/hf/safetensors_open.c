/* Files: one by one, or all that an index names. */
#define _FILE_OFFSET_BITS 64 /* on 32-bit systems: files past 2 GiB open too */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "safetensors.h"

#define MAX_INDEX_BYTES ((uint64_t)64 << 20)
#define MAX_SHARDS      65536u

static ctxfit_status not_opened(ctxfit_error *error, ctxfit_status status, const char *path)
{
    return cfi_fail_at(error, status, CFI_NO_OFFSET, (uint64_t)errno, "cannot open '%s' (errno %d)", path, errno);
}

static uint64_t bytes_of_file(FILE *file)
{
#ifdef _WIN32
    long long end = _fseeki64(file, 0, SEEK_END) == 0 ? _ftelli64(file) : -1;
#else
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
#endif

    rewind(file);
    return end > 0 ? (uint64_t)end : 0;
}

/* The first `wanted` bytes, in the arena; *out_size may be less at the end of the file. */
static unsigned char *read_prefix(FILE *file, uint64_t wanted, cfi_arena *arena, size_t *out_size)
{
    unsigned char *data = wanted < SIZE_MAX ? cfi_arena_alloc(arena, (size_t)wanted + 1) : NULL;

    *out_size = 0;
    if (data != NULL) {
        rewind(file);
        *out_size = fread(data, 1, (size_t)wanted, file);
    }
    return data;
}

static ctxfit_status parse_open_file(FILE *file, bool *cut, const ctxfit_allocator *allocator, ctxfit_safetensors **out,
                                     ctxfit_error *error)
{
    const uint64_t file_bytes = bytes_of_file(file);
    uint64_t       wanted = 8;
    ctxfit_error   found = {0};
    ctxfit_status  status;

    for (int attempt = 0; attempt < 2; attempt++) {
        cfi_arena      arena;
        size_t         size;
        unsigned char *data;

        cfi_arena_init(&arena, allocator);
        data = read_prefix(file, wanted, &arena, &size);
        if (data == NULL)
            status = cfi_fail(&found, CTXFIT_E_NO_MEMORY, "out of memory for a header of %llu bytes", (unsigned long long)wanted);
        else
            status = cfi_safetensors_parse(data, size, file_bytes, cut, allocator, out, &found);
        cfi_arena_free(&arena);
        if (status != CTXFIT_E_TRUNCATED)
            break;
        wanted = found.detail;
    }
    if (status == CTXFIT_E_TRUNCATED) {
        status = cfi_fail(&found, CTXFIT_E_MALFORMED, "the file ends within its header");
        if (cut != NULL)
            *cut = true;
    }
    if (status != CTXFIT_OK && error != NULL)
        *error = found;
    return status;
}

ctxfit_status cfi_safetensors_open_file(const char *path, ctxfit_status unopened, bool *cut, const ctxfit_allocator *allocator,
                                        ctxfit_safetensors **out, ctxfit_error *error)
{
    FILE         *file = fopen(path, "rb");
    ctxfit_status status;

    *out = NULL;
    if (cut != NULL)
        *cut = false;
    if (file == NULL)
        return not_opened(error, unopened, path);
    status = parse_open_file(file, cut, allocator, out, error);
    (void)fclose(file);
    return status;
}

/* ---- an index: weight_map says which file holds a tensor ---- */

size_t cfi_folder_length(const char *path)
{
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] != '/' && path[len - 1] != '\\')
        len--;
    return len;
}

static int compare_texts(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* A file beside the index; nothing else is opened for it. */
static bool is_plain_name(const char *name)
{
    return *name != '\0' && strpbrk(name, "/\\:") == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* The names of the files, sorted, each once; *out_count of them. */
static ctxfit_status list_files(const cfi_json_value *map, cfi_arena *arena, const char ***out, size_t *out_count, ctxfit_error *error)
{
    const char **names = cfi_arena_array(arena, cfi_json_count(map) + 1, sizeof *names);
    size_t       count = 0, kept = 0;

    if (names == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for an index");
    for (cfi_json_iter it = cfi_json_items(map); cfi_json_next(&it);) {
        const char *name = cfi_json_as_text(it.value, NULL);

        if (name == NULL || !is_plain_name(name))
            return cfi_fail(error, CTXFIT_E_MALFORMED, "index: tensor '%.100s' is in '%.60s', which is no file beside it", it.key,
                            name != NULL ? name : cfi_json_kind_name(it.value));
        names[count++] = name;
    }
    qsort(names, count, sizeof *names, compare_texts);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    if (kept == 0 || kept > MAX_SHARDS)
        return cfi_fail(error, kept == 0 ? CTXFIT_E_MALFORMED : CTXFIT_E_LIMIT, "index: %zu files", kept);
    *out = names;
    *out_count = kept;
    return CTXFIT_OK;
}

static ctxfit_status check_map(const cfi_json_value *map, const ctxfit_safetensors *whole, ctxfit_error *error)
{
    for (cfi_json_iter it = cfi_json_items(map); cfi_json_next(&it);) {
        uint64_t index;

        if (ctxfit_safetensors_find_tensor(whole, it.key, &index) != CTXFIT_OK)
            return cfi_fail(error, CTXFIT_E_MALFORMED, "index: tensor '%.100s' is in none of the files", it.key);
    }
    return CTXFIT_OK;
}

static ctxfit_status open_files(const char *path, const cfi_hf_index *index, cfi_arena *arena, const ctxfit_allocator *allocator,
                                ctxfit_safetensors **out, ctxfit_error *error)
{
    const size_t         folder = cfi_folder_length(path), count = index->count;
    ctxfit_safetensors **parts = cfi_arena_array(arena, count, sizeof *parts);
    ctxfit_status        status = parts != NULL ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for %zu files", count);

    for (size_t i = 0; i < count && status == CTXFIT_OK; i++) {
        char *name = cfi_arena_alloc(arena, folder + strlen(index->name[i]) + 1);

        if (name == NULL) {
            status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the name of a file");
            break;
        }
        memcpy(name, path, folder);
        memcpy(name + folder, index->name[i], strlen(index->name[i]));
        status = cfi_safetensors_open_file(name, CTXFIT_E_NOT_FOUND, NULL, allocator, &parts[i], error);
    }
    if (status == CTXFIT_OK)
        status = ctxfit_safetensors_join((const ctxfit_safetensors *const *)parts, count, allocator, out, error);
    if (status == CTXFIT_OK)
        status = check_map(index->map, *out, error);
    for (size_t i = 0; parts != NULL && i < count; i++)
        ctxfit_safetensors_free(parts[i]);
    return status;
}

ctxfit_status cfi_safetensors_read_index(const char *path, cfi_arena *arena, cfi_hf_index *out, ctxfit_error *error)
{
    const cfi_json_limits limits = {MAX_INDEX_BYTES, (uint64_t)4 << 20, 8};
    FILE                 *file = fopen(path, "rb");
    unsigned char        *text;
    size_t                size;
    ctxfit_status         status;

    memset(out, 0, sizeof *out);
    if (file == NULL)
        return not_opened(error, CTXFIT_E_IO, path);
    text = read_prefix(file, cfi_min_u64(bytes_of_file(file), MAX_INDEX_BYTES + 1), arena, &size);
    (void)fclose(file);
    if (text == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for an index");
    status = cfi_json_read((const char *)text, size, &limits, &arena->allocator, &out->doc, error);
    if (status != CTXFIT_OK)
        return status;
    out->map = cfi_json_get(cfi_json_root(out->doc), "weight_map");
    (void)cfi_json_as_u64(cfi_json_get(cfi_json_get(cfi_json_root(out->doc), "metadata"), "total_size"), &out->total_bytes);
    if (cfi_json_kind_of(out->map) != CFI_JSON_OBJECT)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "index: weight_map is %s, expected an object", cfi_json_kind_name(out->map));
    return list_files(out->map, arena, &out->name, &out->count, error);
}

static ctxfit_status open_index(const char *path, const ctxfit_allocator *allocator, ctxfit_safetensors **out, ctxfit_error *error)
{
    cfi_arena     arena;
    cfi_hf_index  index;
    ctxfit_status status;

    cfi_arena_init(&arena, allocator);
    status = cfi_safetensors_read_index(path, &arena, &index, error);
    if (status == CTXFIT_OK)
        status = open_files(path, &index, &arena, allocator, out, error);
    if (status != CTXFIT_OK) {
        ctxfit_safetensors_free(*out);
        *out = NULL;
    }
    cfi_json_free(index.doc);
    cfi_arena_free(&arena);
    return status;
}

ctxfit_status ctxfit_safetensors_open(const char *path, const ctxfit_allocator *allocator, ctxfit_safetensors **out, ctxfit_error *error)
{
    if (out != NULL)
        *out = NULL;
    if (path == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_safetensors_open: path and out must not be NULL");
    return cfi_ends_with(path, ".json") ? open_index(path, allocator, out, error)
                                        : cfi_safetensors_open_file(path, CTXFIT_E_IO, NULL, allocator, out, error);
}
