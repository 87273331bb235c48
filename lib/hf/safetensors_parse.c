/* The header of one file: 8 bytes of length, little-endian, and JSON of that length; tensors follow without holes, to the end of the file.
 * Source: github.com/huggingface/safetensors 24b0b28 (2026-05-12) README.md, "Format"; safetensors/src/tensor.rs, read_metadata(),
 * validate(). */
#include <inttypes.h>
#include <stdlib.h>

#include "safetensors.h"

#define LENGTH_BYTES 8u
#define MAX_HEADER   ((uint64_t)64 << 20)
#define MAX_VALUES   ((uint64_t)4 << 20)

static const struct dtype_row {
    char     name[16];
    uint32_t id;
    uint32_t bits;
} dtypes[] = {
#define CFI_DTYPE(id, name, bits) {#name, id, bits},
#include "dtypes.def"
#undef CFI_DTYPE
};

const char *ctxfit_dtype_name(uint32_t dtype)
{
    for (size_t i = 0; i < CFI_COUNT(dtypes); i++)
        if (dtypes[i].id == dtype)
            return dtypes[i].name;
    return NULL;
}

static const struct dtype_row *find_dtype(const char *name)
{
    for (size_t i = 0; name != NULL && i < CFI_COUNT(dtypes); i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

static ctxfit_status broken(ctxfit_error *error, const char *name, const char *what)
{
    return cfi_fail(error, CTXFIT_E_MALFORMED, "tensor '%.100s': %s", name, what);
}

/* ---- one tensor ---- */

static ctxfit_status read_shape(const cfi_json_value *shape, ctxfit_hf_tensor *out, uint64_t *elements, const char *name,
                                ctxfit_error *error)
{
    if (cfi_json_kind_of(shape) != CFI_JSON_ARRAY)
        return broken(error, name, "shape is no list");
    if (cfi_json_count(shape) > CFI_COUNT(out->dims))
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "tensor '%.100s': %zu dimensions, at most 8 are read", name, cfi_json_count(shape));
    for (size_t i = 0; i < CFI_COUNT(out->dims); i++)
        out->dims[i] = 1;
    *elements = 1;
    for (cfi_json_iter it = cfi_json_items(shape); cfi_json_next(&it);) {
        if (!cfi_json_as_u64(it.value, &out->dims[out->n_dims]))
            return broken(error, name, "a dimension is no number");
        if (!cfi_mul_u64(*elements, out->dims[out->n_dims], elements))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensor '%.100s': more than 2^64 elements", name);
        out->n_dims++;
    }
    return CTXFIT_OK;
}

static ctxfit_status check_size(const struct dtype_row *dtype, uint64_t elements, const ctxfit_hf_tensor *t, const char *name,
                                ctxfit_error *error)
{
    uint64_t bits;

    if (!cfi_mul_u64(elements, dtype->bits, &bits))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensor '%.100s': more than 2^64 bits", name);
    if (bits % 8 != 0 || bits / 8 != t->bytes)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "tensor '%.100s': %" PRIu64 " bytes between its offsets, shape and type make %" PRIu64,
                        name, t->bytes, bits / 8);
    return CTXFIT_OK;
}

static ctxfit_status read_tensor_entry(const cfi_json_value *value, cfi_hf_entry *out, ctxfit_error *error)
{
    const cfi_json_value   *offsets = cfi_json_get(value, "data_offsets");
    const char             *type = cfi_json_as_text(cfi_json_get(value, "dtype"), NULL);
    const struct dtype_row *dtype = find_dtype(type);
    cfi_json_iter           it = cfi_json_items(offsets);
    uint64_t                elements = 0, end = 0;
    ctxfit_status           status;

    out->info.struct_size = (uint32_t)sizeof out->info;
    if (cfi_json_kind_of(value) != CFI_JSON_OBJECT || type == NULL)
        return broken(error, out->name, "no object with dtype, shape and data_offsets");
    if (dtype == NULL)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "tensor '%.100s': dtype '%.40s' is none that safetensors has", out->name, type);
    status = read_shape(cfi_json_get(value, "shape"), &out->info, &elements, out->name, error);
    if (status != CTXFIT_OK)
        return status;
    if (cfi_json_kind_of(offsets) != CFI_JSON_ARRAY || it.left != 2 || !cfi_json_next(&it) ||
        !cfi_json_as_u64(it.value, &out->info.offset) || !cfi_json_next(&it) || !cfi_json_as_u64(it.value, &end) || end < out->info.offset)
        return broken(error, out->name, "data_offsets are not a beginning and an end");
    out->info.bytes = end - out->info.offset;
    out->info.dtype = dtype->id;
    return check_size(dtype, elements, &out->info, out->name, error);
}

/* ---- the file ---- */

static int by_offset(const void *a, const void *b)
{
    const cfi_hf_entry *x = a, *y = b;

    if (x->info.offset != y->info.offset)
        return x->info.offset < y->info.offset ? -1 : 1;
    return x->info.bytes < y->info.bytes ? -1 : x->info.bytes > y->info.bytes; /* empty ones stand before what begins there too */
}

/* Tensors cover the data section, each byte once. With `cut` the file may be shorter than that. */
static ctxfit_status check_layout(ctxfit_safetensors *tensors, uint64_t data_bytes, bool *cut, ctxfit_error *error)
{
    uint64_t at = 0;

    if (tensors->count > 1)
        qsort(tensors->entry, (size_t)tensors->count, sizeof *tensors->entry, by_offset);
    for (uint64_t i = 0; i < tensors->count; i++) {
        const cfi_hf_entry *e = &tensors->entry[i];

        if (e->info.offset != at)
            return broken(error, e->name, e->info.offset > at ? "a hole before its data" : "its data overlap another's");
        at += e->info.bytes; /* as an end in the file it fits */
    }
    if (data_bytes == UINT64_MAX || at == data_bytes)
        return CTXFIT_OK;
    if (at < data_bytes)
        return cfi_fail(error, CTXFIT_E_MALFORMED,
                        "tensors of %" PRIu64 " bytes, and %" PRIu64 " bytes behind the last that belong to none", at,
                        data_bytes - at);
    if (cut == NULL)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "tensors of %" PRIu64 " bytes, the file has %" PRIu64 " of them", at, data_bytes);
    *cut = true;
    return CTXFIT_OK;
}

/* Free text, and nothing else. */
static ctxfit_status check_metadata(const cfi_json_value *metadata, ctxfit_error *error)
{
    if (cfi_json_kind_of(metadata) != CFI_JSON_OBJECT && cfi_json_kind_of(metadata) != CFI_JSON_NULL)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "__metadata__ is %s, expected an object", cfi_json_kind_name(metadata));
    for (cfi_json_iter it = cfi_json_items(metadata); cfi_json_next(&it);)
        if (cfi_json_kind_of(it.value) != CFI_JSON_TEXT)
            return cfi_fail(error, CTXFIT_E_MALFORMED, "__metadata__: '%.100s' is %s, expected text", it.key, cfi_json_kind_name(it.value));
    return CTXFIT_OK;
}

static ctxfit_status read_all_tensors(ctxfit_safetensors *tensors, const cfi_json_value *root, ctxfit_error *error)
{
    ctxfit_status status = CTXFIT_OK;

    tensors->entry = cfi_arena_array(&tensors->arena, cfi_json_count(root) + 1, sizeof *tensors->entry);
    if (tensors->entry == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for %zu tensors", cfi_json_count(root));
    for (cfi_json_iter it = cfi_json_items(root); cfi_json_next(&it) && status == CTXFIT_OK;) {
        cfi_hf_entry *e = &tensors->entry[tensors->count];

        if (it.key_len == 12 && memcmp(it.key, "__metadata__", 12) == 0) {
            status = check_metadata(it.value, error);
            continue;
        }
        if (strlen(it.key) != it.key_len)
            return cfi_fail(error, CTXFIT_E_MALFORMED, "a tensor's name has a NUL in it");
        e->name = cfi_arena_copy(&tensors->arena, it.key, it.key_len);
        if (e->name == NULL)
            return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for the names of tensors");
        status = read_tensor_entry(it.value, e, error);
        tensors->count++;
    }
    return status;
}

static ctxfit_status parse_tensors(ctxfit_safetensors *tensors, const char *json, size_t len, uint64_t data_bytes, bool *cut,
                                   ctxfit_error *error)
{
    const cfi_json_limits limits = {MAX_HEADER, MAX_VALUES, 8};
    cfi_json_doc         *doc = NULL;
    ctxfit_status         status;

    if (len > 0 && json[0] != '{')
        return cfi_fail_at(error, CTXFIT_E_MALFORMED, LENGTH_BYTES, 0, "the header does not begin with '{'");
    while (len > 0 && json[len - 1] == ' ') /* padding to the alignment of the data */
        len--;
    status = cfi_json_read(json, len, &limits, &tensors->arena.allocator, &doc, error);
    if (status != CTXFIT_OK)
        return status;
    if (cfi_json_kind_of(cfi_json_root(doc)) != CFI_JSON_OBJECT)
        status = cfi_fail(error, CTXFIT_E_MALFORMED, "the header is %s, expected an object", cfi_json_kind_name(cfi_json_root(doc)));
    if (status == CTXFIT_OK)
        status = read_all_tensors(tensors, cfi_json_root(doc), error);
    cfi_json_free(doc);
    if (status == CTXFIT_OK)
        status = check_layout(tensors, data_bytes, cut, error);
    tensors->shards = 1;
    return status == CTXFIT_OK ? cfi_safetensors_finish(tensors, error) : status;
}

static ctxfit_status truncated(ctxfit_error *error, uint64_t wanted, size_t size)
{
    return cfi_fail_at(error, CTXFIT_E_TRUNCATED, size, wanted, "the header is %" PRIu64 " bytes long, %zu are here", wanted, size);
}

static ctxfit_status ends_early(bool *cut, ctxfit_error *error, uint64_t wanted, uint64_t file_bytes)
{
    if (cut != NULL)
        *cut = true;
    return cfi_fail(error, CTXFIT_E_MALFORMED, "the header ends at byte %" PRIu64 ", the file at %" PRIu64, wanted, file_bytes);
}

/* Where the header ends. */
static ctxfit_status find_end(const unsigned char *data, size_t size, uint64_t file_bytes, bool *cut, uint64_t *out_end,
                              ctxfit_error *error)
{
    uint64_t length = 0;

    if (file_bytes != 0 && file_bytes < LENGTH_BYTES)
        return ends_early(cut, error, LENGTH_BYTES, file_bytes);
    if (size < LENGTH_BYTES)
        return truncated(error, LENGTH_BYTES, size);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | data[i];
    if (cfi_is_lfs_pointer(data, size))
        return cfi_fail(error, CTXFIT_E_MALFORMED, "a pointer of Git LFS stands for the file, which is not here: git lfs pull");
    if (length > MAX_HEADER)
        return cfi_fail_at(error, length > ((uint64_t)1 << 40) ? CTXFIT_E_MALFORMED : CTXFIT_E_LIMIT, 0, MAX_HEADER,
                           "a header of %" PRIu64 " bytes: no safetensors file, or beyond the limit of 64 MiB", length);
    *out_end = LENGTH_BYTES + length;
    if (file_bytes != 0 && *out_end > file_bytes)
        return ends_early(cut, error, *out_end, file_bytes);
    return size < *out_end ? truncated(error, *out_end, size) : CTXFIT_OK;
}

ctxfit_status cfi_safetensors_parse(const void *data, size_t size, uint64_t file_bytes, bool *cut, const ctxfit_allocator *allocator,
                                    ctxfit_safetensors **out, ctxfit_error *error)
{
    ctxfit_safetensors *tensors;
    uint64_t            end = 0;
    ctxfit_status       status = find_end(data, size, file_bytes, cut, &end, error);

    *out = NULL;
    if (status != CTXFIT_OK)
        return status;
    tensors = cfi_handle_new(sizeof *tensors, offsetof(ctxfit_safetensors, arena), allocator);
    if (tensors == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = parse_tensors(tensors, (const char *)data + LENGTH_BYTES, (size_t)(end - LENGTH_BYTES),
                          file_bytes != 0 ? file_bytes - end : UINT64_MAX, cut, error);
    if (status != CTXFIT_OK) {
        ctxfit_safetensors_free(tensors);
        return status;
    }
    *out = tensors;
    return CTXFIT_OK;
}

ctxfit_status ctxfit_safetensors_parse(const void *data, size_t size, uint64_t file_bytes, const ctxfit_allocator *allocator,
                                       ctxfit_safetensors **out, ctxfit_error *error)
{
    if (out != NULL)
        *out = NULL;
    if (data == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_safetensors_parse: data and out must not be NULL");
    return cfi_safetensors_parse(data, size, file_bytes, NULL, allocator, out, error);
}
