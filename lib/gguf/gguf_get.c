#include "gguf_internal.h"

uint32_t ctxfit_gguf_version(const ctxfit_gguf *gguf) { return gguf != NULL ? gguf->version : 0; }
uint32_t ctxfit_gguf_is_big_endian(const ctxfit_gguf *gguf) { return gguf != NULL && gguf->big_endian; }
uint32_t ctxfit_gguf_shard_count(const ctxfit_gguf *gguf) { return gguf != NULL ? gguf->shard_count : 0; }
uint32_t ctxfit_gguf_split_count(const ctxfit_gguf *gguf) { return gguf != NULL ? gguf->split_count : 0; }
uint64_t ctxfit_gguf_alignment(const ctxfit_gguf *gguf) { return gguf != NULL ? gguf->alignment : 0; }
uint64_t ctxfit_gguf_key_count(const ctxfit_gguf *gguf) { return gguf != NULL ? gguf->key_count : 0; }
uint64_t ctxfit_gguf_tensor_count(const ctxfit_gguf *gguf) { return gguf != NULL ? gguf->tensor_count : 0; }

uint64_t ctxfit_gguf_data_offset(const ctxfit_gguf *gguf, uint32_t shard)
{
    return gguf != NULL && shard < gguf->shard_count ? gguf->data_offsets[shard] : 0;
}

const char *ctxfit_gguf_key_name(const ctxfit_gguf *gguf, uint64_t index)
{
    return gguf != NULL && index < gguf->key_count ? gguf->keys[index].name : NULL;
}

ctxfit_status ctxfit_gguf_get_key(const ctxfit_gguf *gguf, uint64_t index, ctxfit_gguf_key *out)
{
    ctxfit_gguf_key     facts = CTXFIT_GGUF_KEY_INIT;
    const cfi_gguf_key *key;
    ctxfit_status       status;

    if (gguf == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_GGUF_KEY, CTXFIT_E_INVALID_ARG);
    if (index < gguf->key_count) {
        key = &gguf->keys[index];
        facts.type = key->type;
        facts.element_type = key->element_type;
        facts.count = key->count;
        facts.offset = key->offset;
        facts.bytes = key->bytes;
    }
    status = cfi_copy_out(out, &facts, sizeof facts, CFI_V1_GGUF_KEY);
    return status == CTXFIT_OK && index >= gguf->key_count ? CTXFIT_E_NOT_FOUND : status;
}

const cfi_gguf_key *cfi_gguf_find_key(const ctxfit_gguf *gguf, const char *name)
{
    uint32_t place = cfi_gguf_index_find(&gguf->key_index, name);

    return place != UINT32_MAX ? &gguf->keys[place] : NULL;
}

/* A missing key and NULL arguments, for every getter. */
static ctxfit_status look_up(const ctxfit_gguf *gguf, const char *name, const void *out, const cfi_gguf_key **key)
{
    if (gguf == NULL || name == NULL || out == NULL)
        return CTXFIT_E_INVALID_ARG;
    *key = cfi_gguf_find_key(gguf, name);
    return *key != NULL ? CTXFIT_OK : CTXFIT_E_NOT_FOUND;
}

ctxfit_status ctxfit_gguf_find_key(const ctxfit_gguf *gguf, const char *key, uint64_t *out_index)
{
    const cfi_gguf_key *found = NULL;
    ctxfit_status       status;

    if (out_index != NULL)
        *out_index = 0;
    status = look_up(gguf, key, out_index, &found);
    if (status == CTXFIT_OK)
        *out_index = (uint64_t)(found - gguf->keys);
    return status;
}

/* ---- values ---- */

/* An integer or bool of any width as sign and two's complement bits; false for other types. */
static bool load_integer(const unsigned char *from, uint32_t type, bool big_endian, bool *negative, uint64_t *bits)
{
    uint32_t bytes = cfi_gguf_type_bytes(type);
    uint64_t sign;

    *negative = false;
    switch (type) {
    case CTXFIT_GGUF_UINT8:
    case CTXFIT_GGUF_UINT16:
    case CTXFIT_GGUF_UINT32:
    case CTXFIT_GGUF_UINT64:
        *bits = cfi_gguf_load(from, bytes, big_endian);
        return true;
    case CTXFIT_GGUF_BOOL:
        *bits = cfi_gguf_load(from, bytes, big_endian) != 0;
        return true;
    case CTXFIT_GGUF_INT8:
    case CTXFIT_GGUF_INT16:
    case CTXFIT_GGUF_INT32:
    case CTXFIT_GGUF_INT64:
        sign = UINT64_C(1) << (8 * bytes - 1);
        *bits = cfi_gguf_load(from, bytes, big_endian);
        *negative = (*bits & sign) != 0;
        *bits = (*bits ^ sign) - sign;
        return true;
    default:
        return false;
    }
}

static bool load_u64(const unsigned char *from, uint32_t type, bool big_endian, uint64_t *out)
{
    bool     negative;
    uint64_t bits;

    if (!load_integer(from, type, big_endian, &negative, &bits) || negative)
        return false;
    *out = bits;
    return true;
}

static bool load_i64(const unsigned char *from, uint32_t type, bool big_endian, int64_t *out)
{
    bool     negative;
    uint64_t bits;

    if (!load_integer(from, type, big_endian, &negative, &bits) || (!negative && bits > INT64_MAX))
        return false;
    *out = negative ? -(int64_t)~bits - 1 : (int64_t)bits;
    return true;
}

static bool load_f64(const unsigned char *from, uint32_t type, bool big_endian, double *out)
{
    uint64_t bits64 = 0;
    uint32_t bits32;
    float    single;
    bool     negative;

    if (type == CTXFIT_GGUF_FLOAT32) {
        bits32 = (uint32_t)cfi_gguf_load(from, 4, big_endian);
        memcpy(&single, &bits32, sizeof single);
        *out = (double)single;
        return true;
    }
    if (type == CTXFIT_GGUF_FLOAT64) {
        bits64 = cfi_gguf_load(from, 8, big_endian);
        memcpy(out, &bits64, sizeof *out);
        return true;
    }
    if (type == CTXFIT_GGUF_BOOL || !load_integer(from, type, big_endian, &negative, &bits64))
        return false;
    *out = negative ? -(double)(~bits64 + 1) : (double)bits64;
    return true;
}

ctxfit_status ctxfit_gguf_get_u64(const ctxfit_gguf *gguf, const char *key, uint64_t *out)
{
    const cfi_gguf_key *found = NULL;
    ctxfit_status       status;

    if (out != NULL)
        *out = 0;
    status = look_up(gguf, key, out, &found);
    if (status == CTXFIT_OK && !load_u64(found->scalar, found->type, gguf->big_endian, out))
        status = CTXFIT_E_TYPE;
    return status;
}

ctxfit_status ctxfit_gguf_get_i64(const ctxfit_gguf *gguf, const char *key, int64_t *out)
{
    const cfi_gguf_key *found = NULL;
    ctxfit_status       status;

    if (out != NULL)
        *out = 0;
    status = look_up(gguf, key, out, &found);
    if (status == CTXFIT_OK && !load_i64(found->scalar, found->type, gguf->big_endian, out))
        status = CTXFIT_E_TYPE;
    return status;
}

ctxfit_status ctxfit_gguf_get_f64(const ctxfit_gguf *gguf, const char *key, double *out)
{
    const cfi_gguf_key *found = NULL;
    ctxfit_status       status;

    if (out != NULL)
        *out = 0;
    status = look_up(gguf, key, out, &found);
    if (status == CTXFIT_OK && !load_f64(found->scalar, found->type, gguf->big_endian, out))
        status = CTXFIT_E_TYPE;
    return status;
}

ctxfit_status ctxfit_gguf_get_bool(const ctxfit_gguf *gguf, const char *key, uint32_t *out)
{
    const cfi_gguf_key *found = NULL;
    ctxfit_status       status;

    if (out != NULL)
        *out = 0;
    status = look_up(gguf, key, out, &found);
    if (status == CTXFIT_OK && found->type != CTXFIT_GGUF_BOOL)
        status = CTXFIT_E_TYPE;
    if (status == CTXFIT_OK)
        *out = found->scalar[0] != 0;
    return status;
}

ctxfit_status ctxfit_gguf_get_string(const ctxfit_gguf *gguf, const char *key, const char **out, size_t *out_len)
{
    const cfi_gguf_key *found = NULL;
    ctxfit_status       status;

    if (out != NULL)
        *out = NULL;
    if (out_len != NULL)
        *out_len = 0;
    status = look_up(gguf, key, out, &found);
    if (status == CTXFIT_OK && found->type != CTXFIT_GGUF_STRING)
        status = CTXFIT_E_TYPE;
    if (status == CTXFIT_OK) {
        *out = (const char *)found->elements;
        if (out_len != NULL)
            *out_len = (size_t)(found->bytes - 8); /* without its length */
    }
    return status;
}

/* ---- arrays ---- */

static ctxfit_status look_up_array(const ctxfit_gguf *gguf, const char *name, const void *out, const cfi_gguf_key **key)
{
    ctxfit_status status = look_up(gguf, name, out, key);

    return status == CTXFIT_OK && (*key)->type != CTXFIT_GGUF_ARRAY ? CTXFIT_E_TYPE : status;
}

static ctxfit_status look_up_element(const ctxfit_gguf *gguf, const char *name, uint64_t index, const void *out,
                                     const cfi_gguf_key **key, const unsigned char **element)
{
    ctxfit_status status = look_up_array(gguf, name, out, key);

    if (status != CTXFIT_OK)
        return status;
    if (index >= (*key)->count)
        return CTXFIT_E_NOT_FOUND;
    if ((*key)->elements == NULL)
        return CTXFIT_E_UNSUPPORTED;
    *element = (*key)->elements + (size_t)index * cfi_gguf_type_bytes((*key)->element_type);
    return CTXFIT_OK;
}

ctxfit_status ctxfit_gguf_get_array_i64(const ctxfit_gguf *gguf, const char *key, uint64_t index, int64_t *out)
{
    const cfi_gguf_key  *found = NULL;
    const unsigned char *element = NULL;
    ctxfit_status        status;

    if (out != NULL)
        *out = 0;
    status = look_up_element(gguf, key, index, out, &found, &element);
    if (status == CTXFIT_OK && !load_i64(element, found->element_type, gguf->big_endian, out))
        status = CTXFIT_E_TYPE;
    return status;
}

ctxfit_status ctxfit_gguf_get_array_f64(const ctxfit_gguf *gguf, const char *key, uint64_t index, double *out)
{
    const cfi_gguf_key  *found = NULL;
    const unsigned char *element = NULL;
    ctxfit_status        status;

    if (out != NULL)
        *out = 0;
    status = look_up_element(gguf, key, index, out, &found, &element);
    if (status == CTXFIT_OK && !load_f64(element, found->element_type, gguf->big_endian, out))
        status = CTXFIT_E_TYPE;
    return status;
}

ctxfit_status ctxfit_gguf_get_array_count(const ctxfit_gguf *gguf, const char *key, uint64_t *out)
{
    const cfi_gguf_key *found = NULL;
    ctxfit_status       status;

    if (out != NULL)
        *out = 0;
    status = look_up_array(gguf, key, out, &found);
    if (status == CTXFIT_OK)
        *out = found->count;
    return status;
}

/* ---- tensors ---- */

const cfi_gguf_tensor *cfi_gguf_tensors(const ctxfit_gguf *gguf, size_t *out_count)
{
    *out_count = gguf->tensor_count;
    return gguf->tensors;
}

const cfi_gguf_tensor *cfi_gguf_find_tensor(const ctxfit_gguf *gguf, const char *name)
{
    uint32_t place = cfi_gguf_index_find(&gguf->tensor_index, name);

    return place != UINT32_MAX ? &gguf->tensors[place] : NULL;
}

const char *ctxfit_gguf_tensor_name(const ctxfit_gguf *gguf, uint64_t index)
{
    return gguf != NULL && index < gguf->tensor_count ? gguf->tensors[index].name : NULL;
}

ctxfit_status ctxfit_gguf_find_tensor(const ctxfit_gguf *gguf, const char *name, uint64_t *out_index)
{
    const cfi_gguf_tensor *found;

    if (out_index != NULL)
        *out_index = 0;
    if (gguf == NULL || name == NULL || out_index == NULL)
        return CTXFIT_E_INVALID_ARG;
    found = cfi_gguf_find_tensor(gguf, name);
    if (found == NULL)
        return CTXFIT_E_NOT_FOUND;
    *out_index = (uint64_t)(found - gguf->tensors);
    return CTXFIT_OK;
}

ctxfit_status ctxfit_gguf_get_tensor(const ctxfit_gguf *gguf, uint64_t index, ctxfit_tensor_info *out)
{
    ctxfit_tensor_info     facts = CTXFIT_TENSOR_INFO_INIT;
    const cfi_gguf_tensor *tensor;
    ctxfit_status          status;

    if (gguf == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_TENSOR_INFO, CTXFIT_E_INVALID_ARG);
    if (index < gguf->tensor_count) {
        tensor = &gguf->tensors[index];
        facts.n_dims = tensor->n_dims;
        memcpy(facts.dims, tensor->dims, sizeof facts.dims);
        facts.offset = tensor->offset;
        facts.bytes = tensor->bytes;
        facts.quant = tensor->quant;
        facts.ggml_type = tensor->ggml_type;
        facts.shard = tensor->shard;
    }
    status = cfi_copy_out(out, &facts, sizeof facts, CFI_V1_TENSOR_INFO);
    return status == CTXFIT_OK && index >= gguf->tensor_count ? CTXFIT_E_NOT_FOUND : status;
}
