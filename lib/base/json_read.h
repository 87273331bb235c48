/* Reading JSON that others wrote. Whatever the text holds: memory stays within a small multiple of its length, nothing recurses, and
 * nothing is quadratic but looking up many keys in one object, for which there is iteration. */
#ifndef CFI_JSON_READ_H
#define CFI_JSON_READ_H

#include "base_internal.h"

typedef struct cfi_json_doc   cfi_json_doc;
typedef struct cfi_json_value cfi_json_value; /* a value in a document; NULL stands for "there is none" everywhere below */

typedef enum cfi_json_kind {
    CFI_JSON_NONE = 0, /* no value */
    CFI_JSON_NULL,
    CFI_JSON_BOOL,
    CFI_JSON_NUMBER,
    CFI_JSON_TEXT,
    CFI_JSON_ARRAY,
    CFI_JSON_OBJECT
} cfi_json_kind;

/* 0 = the default in parentheses */
typedef struct cfi_json_limits {
    uint64_t max_bytes;  /* of the text (16 MiB) */
    uint64_t max_values; /* keys, values and containers together (262,144) */
    uint32_t max_depth;  /* containers within containers (32) */
} cfi_json_limits;

/* As Python's json module reads: NaN and Infinity are numbers, of keys that repeat the last one counts.
 * E_MALFORMED with the byte's offset, E_LIMIT, E_NO_MEMORY, E_UNSUPPORTED (built without JSON). */
ctxfit_status cfi_json_read(const char *text, size_t len, const cfi_json_limits *limits, const ctxfit_allocator *allocator,
                            cfi_json_doc **out, ctxfit_error *error);
void                  cfi_json_free(cfi_json_doc *doc);
const cfi_json_value *cfi_json_root(const cfi_json_doc *doc);

cfi_json_kind         cfi_json_kind_of(const cfi_json_value *value);
const char           *cfi_json_kind_name(const cfi_json_value *value); /* "an object", "text": for messages */
const cfi_json_value *cfi_json_get(const cfi_json_value *object, const char *key);
size_t                cfi_json_count(const cfi_json_value *container); /* elements of an array, members of an object, else 0 */
bool                  cfi_json_is_true(const cfi_json_value *value);   /* exactly the value true */
/* A whole number from 0 on, also one that is written 4096.0. */
bool                  cfi_json_as_u64(const cfi_json_value *value, uint64_t *out);
bool                  cfi_json_as_number(const cfi_json_value *value, double *out);
/* NULL for another kind, and for text with a NUL in it. out_len may be NULL. */
const char           *cfi_json_as_text(const cfi_json_value *value, size_t *out_len);

/* for (cfi_json_iter it = cfi_json_items(v); cfi_json_next(&it);) ... it.value, and it.key in an object */
typedef struct cfi_json_iter {
    const char     *key; /* NULL in arrays; a key with a NUL in it ends there */
    size_t          key_len;
    const cfi_json_value *value;
    const void     *next;
    size_t          left;
    bool            object;
} cfi_json_iter;

cfi_json_iter cfi_json_items(const cfi_json_value *container);
bool          cfi_json_next(cfi_json_iter *it);

/* One pass over the text before anything is allocated: how deep it nests and how many values it may hold. What is no JSON is left to
 * the parser. `limits` are all set. E_LIMIT. */
ctxfit_status cfi_json_scan(const char *text, size_t len, const cfi_json_limits *limits, ctxfit_error *error);

#endif
