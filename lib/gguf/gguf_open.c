/* On 32-bit systems: files past 2 GiB open too. No effect elsewhere. */
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "gguf_internal.h"

#define FIRST_READ_BYTES UINT64_C(65536)

/* "-00001-of-00005.gguf" with up to five digits each; llama.cpp b10472 src/llama.cpp:537 */
#define SUFFIX_CAP 24

/* The beginning of a file, in memory of the caller's allocator. */
typedef struct file_prefix {
    ctxfit_allocator allocator;
    FILE            *file;
    unsigned char   *data;
    size_t           size;
    size_t           cap;
    uint64_t         file_bytes; /* UINT64_MAX: unknown */
} file_prefix;

/* UINT64_MAX when the system cannot tell, as for a pipe: then the end shows by reading. */
static uint64_t size_of_file(FILE *file)
{
#ifdef _WIN32
    long long end = _fseeki64(file, 0, SEEK_END) == 0 ? _ftelli64(file) : -1;
    int       back = _fseeki64(file, 0, SEEK_SET);
#else
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    int  back = fseek(file, 0, SEEK_SET);
#endif

    clearerr(file);
    return end > 0 && back == 0 ? (uint64_t)end : UINT64_MAX;
}

static ctxfit_status read_until(file_prefix *prefix, uint64_t wanted, const char *path, ctxfit_error *error)
{
    unsigned char *grown;
    size_t         size;

    if (wanted > SIZE_MAX)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "header of %" PRIu64 " bytes does not fit into memory", wanted);
    size = (size_t)wanted;
    grown = prefix->allocator.alloc(prefix->allocator.user, size);
    if (grown == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for %zu bytes of the header", size);
    if (prefix->data != NULL) {
        memcpy(grown, prefix->data, prefix->size);
        prefix->allocator.release(prefix->allocator.user, prefix->data, prefix->cap);
    }
    prefix->data = grown;
    prefix->cap = size;
    prefix->size += fread(grown + prefix->size, 1, size - prefix->size, prefix->file);
    if (ferror(prefix->file))
        return cfi_fail_at(error, CTXFIT_E_IO, prefix->size, (uint64_t)errno, "cannot read '%s' (errno %d)", path, errno);
    if (prefix->size < prefix->cap)
        prefix->file_bytes = prefix->size;
    return CTXFIT_OK;
}

static ctxfit_status parse_file(file_prefix *prefix, const char *path, const ctxfit_gguf_options *options,
                                const ctxfit_allocator *allocator, ctxfit_gguf **out, ctxfit_error *error)
{
    uint64_t      wanted = FIRST_READ_BYTES;
    ctxfit_error  found;
    ctxfit_status status;

    for (;;) {
        status = read_until(prefix, cfi_min_u64(wanted, prefix->file_bytes), path, error);
        if (status != CTXFIT_OK)
            return status;
        status = cfi_gguf_parse_prefix(prefix->data, prefix->size, prefix->file_bytes, options, allocator, out, &found);
        if (status != CTXFIT_E_TRUNCATED)
            break;
        /* A pipe is not believed: what it claims to need is read, and allocated, step by step. */
        wanted = prefix->file_bytes != UINT64_MAX ? found.detail : cfi_min_u64(found.detail, 2 * (uint64_t)prefix->size);
    }
    if (status != CTXFIT_OK && error != NULL)
        *error = found;
    return status;
}

/* `unopened`: status of a file that cannot be opened */
static ctxfit_status open_file(const char *path, ctxfit_status unopened, const ctxfit_gguf_options *options,
                               const ctxfit_allocator *allocator, ctxfit_gguf **out, ctxfit_error *error)
{
    file_prefix   prefix = {.allocator = cfi_allocator_or_default(allocator), .file = fopen(path, "rb")};
    ctxfit_status status;

    if (prefix.file == NULL)
        return cfi_fail_at(error, unopened, CFI_NO_OFFSET, (uint64_t)errno, "cannot open '%s' (errno %d)", path, errno);
    prefix.file_bytes = size_of_file(prefix.file);
    status = parse_file(&prefix, path, options, allocator, out, error);
    if (prefix.data != NULL)
        prefix.allocator.release(prefix.allocator.user, prefix.data, prefix.cap);
    (void)fclose(prefix.file);
    return status;
}

/* ---- split models ---- */

static void write_suffix(char *out, uint32_t shard, uint32_t count)
{
    (void)snprintf(out, SUFFIX_CAP, "-%05u-of-%05u.gguf", (unsigned)(shard + 1) % 100000, (unsigned)count % 100000);
}

/* Length of the name in front of the suffix of a shard, 0 if the name does not end in it. */
static size_t split_prefix_length(const char *path, uint32_t shard, uint32_t count)
{
    char   suffix[SUFFIX_CAP];
    size_t len = strlen(path), suffix_len;

    write_suffix(suffix, shard, count);
    suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(path + len - suffix_len, suffix) == 0 ? len - suffix_len : 0;
}

/* Says of which shard an error speaks. */
static void name_shard(ctxfit_error *error, uint32_t shard, uint32_t count)
{
    ctxfit_error plain;
    cfi_writer   w;

    if (error == NULL)
        return;
    plain = *error;
    cfi_writer_init(&w, error->message, sizeof error->message);
    cfi_write(&w, "shard %" PRIu32 " of %" PRIu32 ": %s", shard + 1, count, plain.message);
    (void)cfi_writer_finish(&w, NULL);
}

static ctxfit_status open_shard(const char *path, uint32_t shard, uint32_t count, const ctxfit_gguf_options *options,
                                const ctxfit_allocator *allocator, ctxfit_gguf **out, ctxfit_error *error)
{
    ctxfit_status status = open_file(path, CTXFIT_E_NOT_FOUND, options, allocator, out, error);

    if (status == CTXFIT_OK && ((*out)->split_count != count || (*out)->split_no != shard))
        status = cfi_fail(error, CTXFIT_E_MALFORMED, "'%s' calls itself shard %" PRIu32 " of %" PRIu32, path, (*out)->split_no + 1,
                          (*out)->split_count);
    if (status != CTXFIT_OK)
        name_shard(error, shard, count);
    return status;
}

/* shards[0] is open; opens the others beside it. */
static ctxfit_status open_others(ctxfit_gguf **shards, uint32_t count, cfi_arena *arena, const char *path,
                                 const ctxfit_gguf_options *options, const ctxfit_allocator *allocator, ctxfit_error *error)
{
    size_t        prefix_len = split_prefix_length(path, 0, count);
    char         *name;
    ctxfit_status status = CTXFIT_OK;

    if (prefix_len == 0)
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "first of %" PRIu32 " shards, but its name does not end in -00001-of-%05" PRIu32 ".gguf",
                        count, count);
    name = cfi_arena_copy(arena, path, strlen(path));
    if (name == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the name of a shard");
    for (uint32_t i = 1; i < count && status == CTXFIT_OK; i++) {
        write_suffix(name + prefix_len, i, count);
        status = open_shard(name, i, count, options, allocator, &shards[i], error);
    }
    return status;
}

/* Takes over `first`. */
static ctxfit_status open_split(ctxfit_gguf *first, const char *path, const ctxfit_gguf_options *options,
                                const ctxfit_allocator *allocator, ctxfit_gguf **out, ctxfit_error *error)
{
    uint32_t      count = first->split_count;
    cfi_arena     arena;
    ctxfit_gguf **shards;
    ctxfit_status status;

    cfi_arena_init(&arena, allocator);
    shards = cfi_arena_array(&arena, count, sizeof *shards);
    if (shards == NULL) {
        ctxfit_gguf_free(first);
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for %" PRIu32 " shards", count);
    }
    shards[0] = first;
    status = open_others(shards, count, &arena, path, options, allocator, error);
    if (status == CTXFIT_OK)
        status = ctxfit_gguf_join((const ctxfit_gguf *const *)shards, count, allocator, out, error);
    for (uint32_t i = 0; i < count; i++)
        ctxfit_gguf_free(shards[i]);
    cfi_arena_free(&arena);
    return status;
}

static ctxfit_status refuse_later_shard(const ctxfit_gguf *shard, const char *path, ctxfit_error *error)
{
    size_t prefix_len = split_prefix_length(path, shard->split_no, shard->split_count);
    char   suffix[SUFFIX_CAP];

    write_suffix(suffix, 0, shard->split_count);
    return cfi_fail(error, CTXFIT_E_INVALID_ARG, "this is shard %" PRIu32 " of %" PRIu32 ", open the first: '%.*s%s'", shard->split_no + 1,
                    shard->split_count, (int)cfi_min_u64(prefix_len, 4096), path, suffix);
}

ctxfit_status ctxfit_gguf_open(const char *path, const ctxfit_gguf_options *options, const ctxfit_allocator *allocator,
                               ctxfit_gguf **out, ctxfit_error *error)
{
    ctxfit_gguf_options known;
    ctxfit_gguf        *gguf = NULL;
    ctxfit_status       status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (path == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, path == NULL ? "path is NULL" : "allocator without alloc or release");
    status = cfi_gguf_resolve_options(options, &known, error);
    if (status != CTXFIT_OK)
        return status;
    status = open_file(path, CTXFIT_E_IO, &known, allocator, &gguf, error);
    if (status != CTXFIT_OK)
        return status;
    if (gguf->split_count == 1) {
        *out = gguf;
        return CTXFIT_OK;
    }
    if (gguf->split_no == 0)
        return open_split(gguf, path, &known, allocator, out, error);
    status = refuse_later_shard(gguf, path, error);
    ctxfit_gguf_free(gguf);
    return status;
}
