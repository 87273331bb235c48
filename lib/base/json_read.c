#include "json_read.h"

/* yyjson's own source, where the build has it: its functions are then as private as those below, and users of the library need
 * nothing. Otherwise the system's package. */
#ifdef CFI_YYJSON_SOURCE
#  define yyjson_api static
#  define yyjson_inline inline /* the compiler's choice: yyjson insists on it, which makes it three times as large */
#  include <yyjson.c>
#else
#  include <yyjson.h>
#endif

struct cfi_json_doc {
    ctxfit_allocator allocator;
    yyjson_doc      *parsed;
};

/* ---- memory: the allocator of the library is told sizes when it frees, yyjson does not keep them ---- */

typedef union sized_block {
    size_t      size; /* of the whole block */
    long long   integer;
    long double real;
    void       *pointer;
} sized_block;

static void *json_alloc(void *user, size_t size)
{
    const ctxfit_allocator *allocator = user;
    sized_block            *block;

    if (size > SIZE_MAX - sizeof *block)
        return NULL;
    block = allocator->alloc(allocator->user, sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = sizeof *block + size;
    return block + 1;
}

static void json_release(void *user, void *ptr)
{
    const ctxfit_allocator *allocator = user;
    sized_block            *block = ptr;

    if (ptr != NULL) {
        block--;
        allocator->release(allocator->user, block, block->size);
    }
}

static void *json_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    void *moved = json_alloc(user, size);

    if (moved == NULL)
        return NULL;
    if (ptr != NULL) {
        memcpy(moved, ptr, old_size < size ? old_size : size);
        json_release(user, ptr);
    }
    return moved;
}

/* ---- documents ---- */

static cfi_json_limits limits_or_default(const cfi_json_limits *given)
{
    cfi_json_limits limits = {0};

    if (given != NULL)
        limits = *given;
    if (limits.max_bytes == 0)
        limits.max_bytes = (uint64_t)16 << 20;
    if (limits.max_values == 0)
        limits.max_values = (uint64_t)1 << 18;
    if (limits.max_depth == 0)
        limits.max_depth = 32;
    return limits;
}

/* What Python's json module does not take either, in words that help. */
static ctxfit_status check_start(const char *text, size_t len, ctxfit_error *error)
{
    if (len == 0)
        return cfi_fail_at(error, CTXFIT_E_MALFORMED, 0, 0, "JSON: the text is empty");
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        return cfi_fail_at(error, CTXFIT_E_MALFORMED, 0, 0, "JSON: begins with a byte order mark (BOM): expected UTF-8 without one");
    if (len >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
        return cfi_fail_at(error, CTXFIT_E_MALFORMED, 0, 0, "JSON: is UTF-16: expected UTF-8");
    return CTXFIT_OK;
}

static ctxfit_status parse(cfi_json_doc *doc, const char *text, size_t len, ctxfit_error *error)
{
    yyjson_alc      alc = {json_alloc, json_realloc, json_release, &doc->allocator};
    yyjson_read_err why = {0};

    /* Without the flag for reading in place the text is not written to. */
    doc->parsed = yyjson_read_opts((char *)(uintptr_t)text, len, YYJSON_READ_ALLOW_INF_AND_NAN, &alc, &why);
    if (doc->parsed != NULL)
        return CTXFIT_OK;
    if (why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    return cfi_fail_at(error, CTXFIT_E_MALFORMED, why.pos, 0, "JSON: %s", why.msg != NULL ? why.msg : "broken");
}

ctxfit_status cfi_json_read(const char *text, size_t len, const cfi_json_limits *given, const ctxfit_allocator *allocator,
                            cfi_json_doc **out, ctxfit_error *error)
{
    const cfi_json_limits  limits = limits_or_default(given);
    const ctxfit_allocator memory = cfi_allocator_or_default(allocator);
    cfi_json_doc          *doc;
    ctxfit_status          status;

    *out = NULL;
    if (len > limits.max_bytes)
        return cfi_fail_at(error, CTXFIT_E_LIMIT, CFI_NO_OFFSET, limits.max_bytes, "JSON: %zu bytes, at most %llu are read", len,
                           (unsigned long long)limits.max_bytes);
    status = check_start(text, len, error);
    if (status == CTXFIT_OK)
        status = cfi_json_scan(text, len, &limits, error);
    if (status != CTXFIT_OK)
        return status;
    doc = memory.alloc(memory.user, sizeof *doc);
    if (doc == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    doc->allocator = memory;
    doc->parsed = NULL;
    status = parse(doc, text, len, error);
    if (status != CTXFIT_OK) {
        cfi_json_free(doc);
        return status;
    }
    *out = doc;
    return CTXFIT_OK;
}

void cfi_json_free(cfi_json_doc *doc)
{
    if (doc != NULL) {
        const ctxfit_allocator memory = doc->allocator;

        yyjson_doc_free(doc->parsed);
        memory.release(memory.user, doc, sizeof *doc);
    }
}

const cfi_json_value *cfi_json_root(const cfi_json_doc *doc)
{
    return doc != NULL ? (const cfi_json_value *)yyjson_doc_get_root(doc->parsed) : NULL;
}

/* ---- values ---- */

/* yyjson takes no const, and writes nothing. */
static yyjson_val *as_yyjson(const cfi_json_value *value) { return (yyjson_val *)(uintptr_t)value; }

cfi_json_kind cfi_json_kind_of(const cfi_json_value *value)
{
    switch (yyjson_get_type(as_yyjson(value))) {
    case YYJSON_TYPE_NULL: return CFI_JSON_NULL;
    case YYJSON_TYPE_BOOL: return CFI_JSON_BOOL;
    case YYJSON_TYPE_NUM: return CFI_JSON_NUMBER;
    case YYJSON_TYPE_STR: return CFI_JSON_TEXT;
    case YYJSON_TYPE_ARR: return CFI_JSON_ARRAY;
    case YYJSON_TYPE_OBJ: return CFI_JSON_OBJECT;
    default: return CFI_JSON_NONE;
    }
}

const cfi_json_value *cfi_json_get(const cfi_json_value *object, const char *key)
{
    const cfi_json_value *found = NULL;
    const size_t    len = strlen(key);

    if (yyjson_is_obj(as_yyjson(object)))
        for (cfi_json_iter it = cfi_json_items(object); cfi_json_next(&it);)
            if (it.key_len == len && memcmp(it.key, key, len) == 0)
                found = it.value;
    return found;
}

size_t cfi_json_count(const cfi_json_value *container)
{
    return yyjson_is_ctn(as_yyjson(container)) ? unsafe_yyjson_get_len(as_yyjson(container)) : 0;
}

bool cfi_json_as_u64(const cfi_json_value *value, uint64_t *out)
{
    yyjson_val *v = as_yyjson(value);
    double      real;

    if (yyjson_is_uint(v)) {
        *out = yyjson_get_uint(v);
        return true;
    }
    if (!yyjson_is_real(v))
        return false;
    real = yyjson_get_real(v);
    if (!(real >= 0 && real <= 9007199254740992.0) || (double)(uint64_t)real != real) /* 2^53: whole numbers are exact up to there */
        return false;
    *out = (uint64_t)real;
    return true;
}

bool cfi_json_as_number(const cfi_json_value *value, double *out)
{
    if (!yyjson_is_num(as_yyjson(value)))
        return false;
    *out = yyjson_get_num(as_yyjson(value));
    return true;
}

bool cfi_json_is_true(const cfi_json_value *value) { return yyjson_is_true(as_yyjson(value)); }

const char *cfi_json_as_text(const cfi_json_value *value, size_t *out_len)
{
    const char  *text = yyjson_get_str(as_yyjson(value));
    const size_t length = yyjson_get_len(as_yyjson(value));

    if (text == NULL || strlen(text) != length)
        return NULL;
    if (out_len != NULL)
        *out_len = length;
    return text;
}

cfi_json_iter cfi_json_items(const cfi_json_value *container)
{
    cfi_json_iter it = {0};

    it.left = cfi_json_count(container);
    it.object = yyjson_is_obj(as_yyjson(container));
    if (it.left > 0)
        it.next = unsafe_yyjson_get_first(as_yyjson(container));
    return it;
}

bool cfi_json_next(cfi_json_iter *it)
{
    yyjson_val *v = as_yyjson(it->next);

    if (it->left == 0)
        return false;
    it->left--;
    if (it->object) {
        it->key = unsafe_yyjson_get_str(v);
        it->key_len = unsafe_yyjson_get_len(v);
        v++; /* the value stands behind its key */
    }
    it->value = (const cfi_json_value *)v;
    it->next = unsafe_yyjson_get_next(v);
    return true;
}
