#include <inttypes.h>

#include "gguf_internal.h"

#define START_BYTES       (4 + 4 + 8 + 8) /* magic, version, number of tensors, number of keys */
#define DEFAULT_ALIGNMENT 32              /* without general.alignment: GGUF_DEFAULT_ALIGNMENT, ggml b10472 ggml/include/gguf.h */

ctxfit_status cfi_gguf_resolve_options(const ctxfit_gguf_options *given, ctxfit_gguf_options *out, ctxfit_error *error)
{
    ctxfit_status status = cfi_copy_in(out, sizeof *out, CFI_V1_GGUF_OPTIONS, given);

    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    if ((out->flags & ~(uint32_t)CTXFIT_GGUF_F_HEADER_ONLY) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "options: flags 0x%" PRIx32 " holds an unknown flag", out->flags);
    if (out->dialect > CTXFIT_DIALECT_IK)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "options: dialect %" PRIu32 " is unknown", out->dialect);
    if (out->max_header_bytes == 0)
        out->max_header_bytes = UINT64_C(1) << 30;
    if (out->max_keys == 0)
        out->max_keys = UINT32_C(1) << 16;
    if (out->max_tensors == 0)
        out->max_tensors = UINT32_C(1) << 20;
    if (out->max_string_bytes == 0)
        out->max_string_bytes = UINT32_C(1) << 24;
    return CTXFIT_OK;
}

static ctxfit_status parse_magic(const cfi_gguf_reader *r)
{
    static const unsigned char magic[4] = {'G', 'G', 'U', 'F'};

    if (cfi_is_lfs_pointer(r->data, (size_t)r->size))
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, 0, 0, "a pointer of Git LFS stands for the file, which is not here: git lfs pull");
    for (uint64_t i = 0; i < sizeof magic && i < r->size; i++)
        if (r->data[i] != magic[i])
            return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, i, 0, "magic '%s', expected 'GGUF'",
                               cfi_gguf_label_of(r->data, cfi_min_u64(r->size, sizeof magic)).text);
    return CTXFIT_OK;
}

/* Versions are small, so one of the two byte orders has nothing in its lower half; ggml uses the same sign. */
static ctxfit_status parse_version(cfi_gguf_reader *r, ctxfit_gguf *gguf)
{
    uint64_t at = r->pos;

    r->big_endian = (cfi_gguf_load(r->data + at, 4, false) & 0xffff) == 0;
    gguf->big_endian = r->big_endian;
    gguf->version = (uint32_t)cfi_gguf_take(r, 4);
    if (gguf->version == 0)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "version 0, expected 2 or 3");
    if (gguf->version != 2 && gguf->version != 3)
        return cfi_fail_at(r->error, CTXFIT_E_UNSUPPORTED, at, 0, "GGUF version %" PRIu32 ", only 2 and 3 are read", gguf->version);
    return CTXFIT_OK;
}

static ctxfit_status parse_count(cfi_gguf_reader *r, uint32_t limit, const char *what, uint32_t *out)
{
    uint64_t at = r->pos, count = cfi_gguf_take(r, 8);

    if (count > limit)
        return cfi_fail_at(r->error, CTXFIT_E_LIMIT, at, limit, "%" PRIu64 " %s, the limit is %" PRIu32, count, what, limit);
    *out = (uint32_t)count;
    return CTXFIT_OK;
}

static ctxfit_status parse_start(cfi_gguf_reader *r, ctxfit_gguf *gguf, const ctxfit_gguf_options *options)
{
    ctxfit_status status = parse_magic(r);

    if (status == CTXFIT_OK)
        status = cfi_gguf_need(r, START_BYTES);
    if (status != CTXFIT_OK)
        return status;
    r->pos = 4;
    status = parse_version(r, gguf);
    if (status == CTXFIT_OK)
        status = parse_count(r, options->max_tensors, "tensors", &gguf->tensor_count);
    if (status == CTXFIT_OK)
        status = parse_count(r, options->max_keys, "keys", &gguf->key_count);
    return status;
}

static ctxfit_status find_alignment(const cfi_gguf_reader *r, ctxfit_gguf *gguf)
{
    const cfi_gguf_key *key = cfi_gguf_find_key(gguf, "general.alignment");

    gguf->alignment = DEFAULT_ALIGNMENT;
    if (key == NULL)
        return CTXFIT_OK;
    if (key->type != CTXFIT_GGUF_UINT32)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, key->offset, 0, "key 'general.alignment': type %s, expected uint32",
                           cfi_gguf_type_name(key->type));
    gguf->alignment = cfi_gguf_load(key->scalar, 4, r->big_endian);
    if (gguf->alignment == 0 || (gguf->alignment & (gguf->alignment - 1)) != 0)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, key->offset, 0, "key 'general.alignment': %" PRIu64 " is no power of two",
                           gguf->alignment);
    return CTXFIT_OK;
}

static ctxfit_status find_split_number(const cfi_gguf_reader *r, const ctxfit_gguf *gguf, const char *name, uint32_t limit, uint32_t *out)
{
    const cfi_gguf_key *key = cfi_gguf_find_key(gguf, name);
    uint64_t            value = 0;

    if (key != NULL && (ctxfit_gguf_get_u64(gguf, name, &value) != CTXFIT_OK || value > limit))
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, key->offset, 0, "key '%s': expected an integer from 0 to %" PRIu32, name, limit);
    *out = (uint32_t)value;
    return CTXFIT_OK;
}

static ctxfit_status find_split(const cfi_gguf_reader *r, ctxfit_gguf *gguf)
{
    ctxfit_status status = find_split_number(r, gguf, "split.count", CFI_GGUF_MAX_SPLIT_COUNT, &gguf->split_count);

    if (status != CTXFIT_OK)
        return status;
    if (gguf->split_count <= 1) {
        gguf->split_count = 1;
        return CTXFIT_OK;
    }
    if (cfi_gguf_find_key(gguf, "split.no") == NULL)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->pos, 0, "split.count is %" PRIu32 ", but key 'split.no' is missing",
                           gguf->split_count);
    return find_split_number(r, gguf, "split.no", gguf->split_count - 1, &gguf->split_no);
}

/* llama.cpp refuses such a file as corrupt or incomplete; llama.cpp b10472 src/llama-model-loader.h (llama_tensor_weight) */
static ctxfit_status check_data(const cfi_gguf_reader *r, const ctxfit_gguf *gguf)
{
    for (uint32_t i = 0; i < gguf->tensor_count; i++) {
        const cfi_gguf_tensor *tensor = &gguf->tensors[i];
        uint64_t               end;

        if (!cfi_add_u64(gguf->data_offsets[0], tensor->offset, &end) || !cfi_add_u64(end, tensor->bytes, &end))
            return cfi_fail_at(r->error, CTXFIT_E_OVERFLOW, r->pos, 0, "tensor '%s': end of its data overflows",
                               cfi_gguf_label_of(tensor->name, strlen(tensor->name)).text);
        if (end > r->file_bytes)
            return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->file_bytes, 0,
                               "file is truncated: tensor '%s' ends at byte %" PRIu64 ", the file has %" PRIu64,
                               cfi_gguf_label_of(tensor->name, strlen(tensor->name)).text, end, r->file_bytes);
    }
    return CTXFIT_OK;
}

static ctxfit_status parse_header(cfi_gguf_reader *r, ctxfit_gguf *gguf, const ctxfit_gguf_options *options)
{
    uint64_t      tensor_bytes;
    ctxfit_status status = parse_start(r, gguf, options);

    if (status != CTXFIT_OK)
        return status;
    /* Nothing is allocated for counts that the prefix cannot hold. */
    tensor_bytes = (uint64_t)gguf->tensor_count * CFI_GGUF_MIN_TENSOR_BYTES;
    status = cfi_gguf_need(r, (uint64_t)gguf->key_count * CFI_GGUF_MIN_KEY_BYTES + tensor_bytes);
    if (status == CTXFIT_OK)
        status = cfi_gguf_parse_keys(r, gguf, tensor_bytes);
    if (status == CTXFIT_OK)
        status = find_alignment(r, gguf);
    if (status == CTXFIT_OK)
        status = find_split(r, gguf);
    r->pending_bytes = 0;
    if (status == CTXFIT_OK)
        status = cfi_gguf_need(r, tensor_bytes);
    if (status == CTXFIT_OK)
        status = cfi_gguf_parse_tensors(r, gguf, options->dialect);
    return status;
}

/* The end of what was parsed is the start of the data; ggml pads in front of tensors only. */
static ctxfit_status finish_header(const cfi_gguf_reader *r, ctxfit_gguf *gguf, const ctxfit_gguf_options *options)
{
    gguf->data_offsets[0] = r->pos;
    if (gguf->tensor_count > 0 && !cfi_align_u64(r->pos, gguf->alignment, &gguf->data_offsets[0]))
        return cfi_fail_at(r->error, CTXFIT_E_OVERFLOW, r->pos, 0, "start of the data overflows");
    return (options->flags & CTXFIT_GGUF_F_HEADER_ONLY) != 0 ? CTXFIT_OK : check_data(r, gguf);
}

ctxfit_status cfi_gguf_parse_prefix(const void *data, uint64_t size, uint64_t file_bytes, const ctxfit_gguf_options *options,
                                    const ctxfit_allocator *allocator, ctxfit_gguf **out, ctxfit_error *error)
{
    cfi_gguf_reader r = {.data = data, .size = cfi_min_u64(size, options->max_header_bytes), .file_bytes = file_bytes,
                         .max_header_bytes = options->max_header_bytes, .max_string_bytes = options->max_string_bytes, .error = error};
    ctxfit_gguf    *gguf = cfi_handle_new(sizeof *gguf, offsetof(ctxfit_gguf, arena), allocator);
    ctxfit_status   status;

    if (gguf == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a header");
    gguf->shard_count = 1;
    gguf->data_offsets = cfi_arena_alloc(&gguf->arena, sizeof *gguf->data_offsets);
    if (gguf->data_offsets == NULL)
        status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a header");
    else
        status = parse_header(&r, gguf, options);
    if (status == CTXFIT_OK)
        status = finish_header(&r, gguf, options);
    if (status == CTXFIT_OK)
        *out = gguf;
    else
        ctxfit_gguf_free(gguf);
    return status;
}

ctxfit_status ctxfit_gguf_parse(const void *data, size_t size, const ctxfit_gguf_options *options, const ctxfit_allocator *allocator,
                                ctxfit_gguf **out, ctxfit_error *error)
{
    ctxfit_gguf_options known;
    ctxfit_status       status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if ((data == NULL && size > 0) || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, data == NULL && size > 0 ? "data is NULL" : "allocator without alloc or release");
    status = cfi_gguf_resolve_options(options, &known, error);
    if (status != CTXFIT_OK)
        return status;
    if (known.file_bytes != 0 && size > known.file_bytes)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "prefix of %zu bytes, but file_bytes is %" PRIu64, size, known.file_bytes);
    return cfi_gguf_parse_prefix(data, size, known.file_bytes != 0 ? known.file_bytes : UINT64_MAX, &known, allocator, out, error);
}

void ctxfit_gguf_free(ctxfit_gguf *gguf)
{
    cfi_handle_free(gguf, offsetof(ctxfit_gguf, arena));
}
