/* In the place of json_read.c in a library that is built without yyjson: there are no documents, so there are no values. */
#include "json_read.h"

ctxfit_status cfi_json_read(const char *text, size_t len, const cfi_json_limits *limits, const ctxfit_allocator *allocator,
                            cfi_json_doc **out, ctxfit_error *error)
{
    (void)text;
    (void)len;
    (void)limits;
    (void)allocator;
    *out = NULL;
    return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "this library was built without JSON (CTXFIT_WITH_JSON), which needs yyjson");
}

void            cfi_json_free(cfi_json_doc *doc) { (void)doc; }
const cfi_json_value *cfi_json_root(const cfi_json_doc *doc) { return (const cfi_json_value *)doc; }

cfi_json_kind cfi_json_kind_of(const cfi_json_value *value)
{
    (void)value;
    return CFI_JSON_NONE;
}

const cfi_json_value *cfi_json_get(const cfi_json_value *object, const char *key)
{
    (void)object;
    (void)key;
    return NULL;
}

size_t cfi_json_count(const cfi_json_value *container)
{
    (void)container;
    return 0;
}

bool cfi_json_as_u64(const cfi_json_value *value, uint64_t *out)
{
    (void)value;
    (void)out;
    return false;
}

bool cfi_json_as_number(const cfi_json_value *value, double *out)
{
    (void)value;
    (void)out;
    return false;
}

bool cfi_json_is_true(const cfi_json_value *value)
{
    (void)value;
    return false;
}

const char *cfi_json_as_text(const cfi_json_value *value, size_t *out_len)
{
    (void)value;
    (void)out_len;
    return NULL;
}

cfi_json_iter cfi_json_items(const cfi_json_value *container)
{
    cfi_json_iter it = {0};

    (void)container;
    return it;
}

bool cfi_json_next(cfi_json_iter *it)
{
    (void)it;
    return false;
}
