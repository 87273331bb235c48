#include <inttypes.h>

#include "gguf_internal.h"

/* GGML_MAX_DIMS and GGML_MAX_NAME, the latter with the NUL; ggml b10472 ggml/include/ggml.h:222-229 */
#define MAX_DIMS       4
#define MAX_NAME_BYTES 63

static cfi_gguf_label label_of_tensor(const cfi_gguf_tensor *tensor)
{
    return cfi_gguf_label_of(tensor->name, strlen(tensor->name));
}

static ctxfit_status parse_tensor_name(cfi_gguf_reader *r, cfi_arena *arena, cfi_gguf_tensor *tensor)
{
    const unsigned char *name = NULL;
    size_t               len = 0;
    uint64_t             at = r->pos;
    ctxfit_status        status = cfi_gguf_take_string(r, r->max_string_bytes, "name of a tensor", &name, &len);

    if (status != CTXFIT_OK)
        return status;
    if (len > MAX_NAME_BYTES)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "tensor '%s': name of %zu bytes, ggml allows %d",
                           cfi_gguf_label_of(name, len).text, len, MAX_NAME_BYTES);
    if (len > 0 && memchr(name, '\0', len) != NULL)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "tensor '%s': NUL in the name", cfi_gguf_label_of(name, len).text);
    tensor->name = cfi_arena_copy(arena, (const char *)name, len);
    if (tensor->name == NULL)
        return cfi_fail(r->error, CTXFIT_E_NO_MEMORY, "out of memory for the name of a tensor");
    return CTXFIT_OK;
}

static ctxfit_status parse_tensor_shape(cfi_gguf_reader *r, cfi_gguf_tensor *tensor)
{
    uint64_t      at = r->pos, elements;
    ctxfit_status status = cfi_gguf_need(r, 4);

    if (status != CTXFIT_OK)
        return status;
    tensor->n_dims = (uint32_t)cfi_gguf_take(r, 4);
    if (tensor->n_dims > MAX_DIMS)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "tensor '%s': %" PRIu32 " dimensions, expected at most %d",
                           label_of_tensor(tensor).text, tensor->n_dims, MAX_DIMS);
    status = cfi_gguf_need(r, (uint64_t)tensor->n_dims * 8);
    if (status != CTXFIT_OK)
        return status;
    for (uint32_t i = 0; i < MAX_DIMS; i++) {
        tensor->dims[i] = i < tensor->n_dims ? cfi_gguf_take(r, 8) : 1;
        if (tensor->dims[i] == 0 || tensor->dims[i] > INT64_MAX)
            return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->pos - 8, 0,
                               "tensor '%s': dimension %" PRIu32 " is %" PRIu64 ", expected 1 to %" PRIi64, label_of_tensor(tensor).text, i,
                               tensor->dims[i], INT64_MAX);
    }
    /* The bound is ggml's, quotients and all; ggml b10472 ggml/src/gguf.cpp:619-621 */
    elements = tensor->dims[0];
    for (uint32_t i = 1; i < MAX_DIMS; i++) {
        if (elements >= (uint64_t)INT64_MAX / tensor->dims[i])
            return cfi_fail_at(r->error, CTXFIT_E_OVERFLOW, at, 0,
                               "tensor '%s': number of elements of %" PRIu64 " x %" PRIu64 " x %" PRIu64 " x %" PRIu64 " overflows",
                               label_of_tensor(tensor).text, tensor->dims[0], tensor->dims[1], tensor->dims[2], tensor->dims[3]);
        elements *= tensor->dims[i];
    }
    return CTXFIT_OK;
}

/* An unknown number leaves quant and bytes 0: newer formats than this library's still list. */
static ctxfit_status parse_tensor_format(cfi_gguf_reader *r, cfi_gguf_tensor *tensor, uint32_t dialect)
{
    uint64_t      at = r->pos, bytes = 0;
    ctxfit_status status = cfi_gguf_need(r, 4);

    if (status != CTXFIT_OK)
        return status;
    tensor->ggml_type = (uint32_t)cfi_gguf_take(r, 4);
    tensor->quant = ctxfit_quant_from_ggml(tensor->ggml_type, dialect);
    if (tensor->quant == CTXFIT_QUANT_DEFAULT)
        return CTXFIT_OK;
    status = ctxfit_quant_row_bytes(tensor->quant, tensor->dims[0], &bytes);
    if (status == CTXFIT_E_NOT_FOUND)
        return cfi_fail_at(r->error, CTXFIT_E_UNSUPPORTED, at, 0, "tensor '%s': format %s was retired, ggml no longer reads it",
                           label_of_tensor(tensor).text, ctxfit_quant_name(tensor->quant));
    if (status == CTXFIT_E_INVALID_ARG)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "tensor '%s': row of %" PRIu64 " elements is no multiple of %s's block",
                           label_of_tensor(tensor).text, tensor->dims[0], ctxfit_quant_name(tensor->quant));
    if (status != CTXFIT_OK || !cfi_mul_u64(bytes, tensor->dims[1], &bytes) || !cfi_mul_u64(bytes, tensor->dims[2], &bytes) ||
        !cfi_mul_u64(bytes, tensor->dims[3], &bytes))
        return cfi_fail_at(r->error, CTXFIT_E_OVERFLOW, at, 0, "tensor '%s': bytes overflow", label_of_tensor(tensor).text);
    tensor->bytes = bytes;
    return CTXFIT_OK;
}

static ctxfit_status parse_tensor(cfi_gguf_reader *r, cfi_arena *arena, cfi_gguf_tensor *tensor, uint32_t dialect)
{
    ctxfit_status status = parse_tensor_name(r, arena, tensor);

    if (status == CTXFIT_OK)
        status = parse_tensor_shape(r, tensor);
    if (status == CTXFIT_OK)
        status = parse_tensor_format(r, tensor, dialect);
    if (status == CTXFIT_OK)
        status = cfi_gguf_need(r, 8);
    if (status == CTXFIT_OK)
        tensor->offset = cfi_gguf_take(r, 8);
    return status;
}

/* ggml's rule: each tensor starts where the one before it ends, padded (ggml b10472 ggml/src/gguf.cpp:717-737). After a tensor
 * of unknown size the sum is lost: the next one must be aligned and further on, and the sum goes on from there. */
static ctxfit_status check_offset(const cfi_gguf_reader *r, const cfi_gguf_tensor *tensor, const cfi_gguf_tensor *before,
                                  uint64_t alignment, uint64_t *end)
{
    if (before != NULL && before->quant == CTXFIT_QUANT_DEFAULT) {
        if (tensor->offset <= before->offset || tensor->offset % alignment != 0)
            return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->pos - 8, 0,
                               "tensor '%s': offset %" PRIu64 ", expected a multiple of %" PRIu64 " above %" PRIu64,
                               label_of_tensor(tensor).text, tensor->offset, alignment, before->offset);
    } else if (tensor->offset != *end) {
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->pos - 8, 0, "tensor '%s': offset %" PRIu64 ", expected %" PRIu64,
                           label_of_tensor(tensor).text, tensor->offset, *end);
    }
    if (!cfi_align_u64(tensor->bytes, alignment, end) || !cfi_add_u64(*end, tensor->offset, end))
        return cfi_fail_at(r->error, CTXFIT_E_OVERFLOW, r->pos - 8, 0, "tensor '%s': end of its data overflows",
                           label_of_tensor(tensor).text);
    return CTXFIT_OK;
}

ctxfit_status cfi_gguf_parse_tensors(cfi_gguf_reader *r, ctxfit_gguf *gguf, uint32_t dialect)
{
    uint64_t end = 0;
    uint32_t duplicate;

    gguf->tensors = cfi_arena_array(&gguf->arena, gguf->tensor_count, sizeof *gguf->tensors);
    if (gguf->tensors == NULL)
        return cfi_fail(r->error, CTXFIT_E_NO_MEMORY, "out of memory for %" PRIu32 " tensors", gguf->tensor_count);
    for (uint32_t i = 0; i < gguf->tensor_count; i++) {
        cfi_gguf_tensor *tensor = &gguf->tensors[i];
        ctxfit_status    status;

        r->pending_bytes = (uint64_t)(gguf->tensor_count - i - 1) * CFI_GGUF_MIN_TENSOR_BYTES;
        status = parse_tensor(r, &gguf->arena, tensor, dialect);
        if (status == CTXFIT_OK)
            status = check_offset(r, tensor, i > 0 ? tensor - 1 : NULL, gguf->alignment, &end);
        if (status != CTXFIT_OK)
            return status;
    }
    if (!cfi_gguf_index_make(&gguf->tensor_index, &gguf->arena, gguf->tensors, sizeof *gguf->tensors, gguf->tensor_count))
        return cfi_fail(r->error, CTXFIT_E_NO_MEMORY, "out of memory for %" PRIu32 " tensors", gguf->tensor_count);
    duplicate = cfi_gguf_index_duplicate(&gguf->tensor_index);
    if (duplicate != UINT32_MAX)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->pos, 0, "tensor '%s' is there twice",
                           label_of_tensor(&gguf->tensors[duplicate]).text);
    return CTXFIT_OK;
}
