#include <inttypes.h>

#include "gguf_internal.h"

/* Longer arrays of numbers are the vocabulary's, which no plan reads; per-layer arrays are far shorter. Promised by gguf.h. */
#define KEPT_ELEMENTS 4096

static const struct {
    const char *name;
    uint32_t    bytes; /* of a value; 0: it varies */
} value_types[] = {
    [CTXFIT_GGUF_UINT8] = {"uint8", 1},     [CTXFIT_GGUF_INT8] = {"int8", 1},     [CTXFIT_GGUF_UINT16] = {"uint16", 2},
    [CTXFIT_GGUF_INT16] = {"int16", 2},     [CTXFIT_GGUF_UINT32] = {"uint32", 4}, [CTXFIT_GGUF_INT32] = {"int32", 4},
    [CTXFIT_GGUF_FLOAT32] = {"float32", 4}, [CTXFIT_GGUF_BOOL] = {"bool", 1},     [CTXFIT_GGUF_STRING] = {"string", 0},
    [CTXFIT_GGUF_ARRAY] = {"array", 0},     [CTXFIT_GGUF_UINT64] = {"uint64", 8}, [CTXFIT_GGUF_INT64] = {"int64", 8},
    [CTXFIT_GGUF_FLOAT64] = {"float64", 8},
};

const char *cfi_gguf_type_name(uint32_t type)
{
    return type < CFI_COUNT(value_types) ? value_types[type].name : "unknown";
}

uint32_t cfi_gguf_type_bytes(uint32_t type)
{
    return type < CFI_COUNT(value_types) ? value_types[type].bytes : 0;
}

cfi_gguf_label cfi_gguf_label_of(const void *name, uint64_t len)
{
    const unsigned char *from = name;
    cfi_gguf_label       label;
    size_t               n = 0;

    for (; n < len && n < 64; n++)
        label.text[n] = from[n] >= 0x20 && from[n] < 0x7f ? (char)from[n] : '?';
    if (n < len)
        for (int dots = 0; dots < 3; dots++)
            label.text[n++] = '.';
    label.text[n] = '\0';
    return label;
}

static ctxfit_status out_of_memory(const cfi_gguf_reader *r)
{
    return cfi_fail(r->error, CTXFIT_E_NO_MEMORY, "out of memory for the keys of the header");
}

static ctxfit_status parse_key_name(cfi_gguf_reader *r, cfi_arena *arena, cfi_gguf_key *key)
{
    const unsigned char *name = NULL;
    size_t               len = 0;
    uint64_t             at = r->pos;
    ctxfit_status        status = cfi_gguf_take_string(r, r->max_string_bytes, "name of a key", &name, &len);

    if (status != CTXFIT_OK)
        return status;
    if (len == 0)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "name of a key is empty");
    if (memchr(name, '\0', len) != NULL)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "key '%s': NUL in the name", cfi_gguf_label_of(name, len).text);
    key->name = cfi_arena_copy(arena, (const char *)name, len);
    return key->name != NULL ? CTXFIT_OK : out_of_memory(r);
}

static ctxfit_status parse_key_type(cfi_gguf_reader *r, cfi_gguf_key *key)
{
    uint64_t       at = r->pos;
    cfi_gguf_label label = cfi_gguf_label_of(key->name, strlen(key->name));
    ctxfit_status  status = cfi_gguf_need(r, 4);

    if (status != CTXFIT_OK)
        return status;
    key->type = (uint32_t)cfi_gguf_take(r, 4);
    key->element_type = key->type;
    key->count = 1;
    if (key->type == CTXFIT_GGUF_ARRAY) {
        at = r->pos;
        status = cfi_gguf_need(r, 4 + 8);
        if (status != CTXFIT_OK)
            return status;
        key->element_type = (uint32_t)cfi_gguf_take(r, 4);
        key->count = cfi_gguf_take(r, 8);
        if (key->element_type == CTXFIT_GGUF_ARRAY)
            return cfi_fail_at(r->error, CTXFIT_E_UNSUPPORTED, at, 0, "key '%s': array of arrays, which ggml refuses too", label.text);
        if (key->count > CFI_GGUF_MAX_ARRAY_ELEMENTS)
            return cfi_fail_at(r->error, CTXFIT_E_LIMIT, at + 4, CFI_GGUF_MAX_ARRAY_ELEMENTS,
                               "key '%s': array of %" PRIu64 " elements, ggml stops at %" PRIu64, label.text, key->count,
                               CFI_GGUF_MAX_ARRAY_ELEMENTS);
    }
    if (key->element_type >= CFI_COUNT(value_types))
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "key '%s': type %" PRIu32 ", expected 0 to %zu", label.text,
                           key->element_type, CFI_COUNT(value_types) - 1);
    return CTXFIT_OK;
}

static ctxfit_status parse_numbers(cfi_gguf_reader *r, cfi_arena *arena, cfi_gguf_key *key)
{
    uint64_t       bytes = key->count * value_types[key->element_type].bytes; /* count: 2^30 at most */
    unsigned char *kept;
    ctxfit_status  status = cfi_gguf_need(r, bytes);

    if (status != CTXFIT_OK)
        return status;
    if (key->type != CTXFIT_GGUF_ARRAY) {
        memcpy(key->scalar, r->data + r->pos, (size_t)bytes);
    } else if (key->count <= KEPT_ELEMENTS) {
        kept = cfi_arena_alloc(arena, (size_t)bytes);
        if (kept == NULL)
            return out_of_memory(r);
        if (bytes > 0)
            memcpy(kept, r->data + r->pos, (size_t)bytes);
        key->elements = kept;
    }
    r->pos += bytes;
    return CTXFIT_OK;
}

static ctxfit_status parse_key_value(cfi_gguf_reader *r, cfi_arena *arena, cfi_gguf_key *key)
{
    const unsigned char *text = NULL;
    size_t               len = 0;
    ctxfit_status        status;

    key->offset = r->pos;
    if (key->element_type != CTXFIT_GGUF_STRING) {
        status = parse_numbers(r, arena, key);
    } else if (key->type == CTXFIT_GGUF_ARRAY) {
        status = cfi_gguf_skip_strings(r, key->count);
    } else {
        status = cfi_gguf_take_string(r, r->max_string_bytes, "value of a key", &text, &len);
        if (status == CTXFIT_OK) {
            key->elements = (const unsigned char *)cfi_arena_copy(arena, (const char *)text, len);
            if (key->elements == NULL)
                status = out_of_memory(r);
        }
    }
    key->bytes = r->pos - key->offset;
    return status;
}

ctxfit_status cfi_gguf_parse_keys(cfi_gguf_reader *r, ctxfit_gguf *gguf, uint64_t pending_bytes)
{
    uint32_t duplicate;

    gguf->keys = cfi_arena_array(&gguf->arena, gguf->key_count, sizeof *gguf->keys);
    if (gguf->keys == NULL)
        return out_of_memory(r);
    for (uint32_t i = 0; i < gguf->key_count; i++) {
        cfi_gguf_key *key = &gguf->keys[i];
        ctxfit_status status;

        r->pending_bytes = pending_bytes + (uint64_t)(gguf->key_count - i - 1) * CFI_GGUF_MIN_KEY_BYTES;
        status = parse_key_name(r, &gguf->arena, key);
        if (status == CTXFIT_OK)
            status = parse_key_type(r, key);
        if (status == CTXFIT_OK)
            status = parse_key_value(r, &gguf->arena, key);
        if (status != CTXFIT_OK)
            return status;
    }
    if (!cfi_gguf_index_make(&gguf->key_index, &gguf->arena, gguf->keys, sizeof *gguf->keys, gguf->key_count))
        return out_of_memory(r);
    duplicate = cfi_gguf_index_duplicate(&gguf->key_index);
    if (duplicate != UINT32_MAX) {
        const cfi_gguf_key *key = &gguf->keys[duplicate];

        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, key->offset, 0, "key '%s' is there twice",
                           cfi_gguf_label_of(key->name, strlen(key->name)).text);
    }
    return CTXFIT_OK;
}
