/* What a parsed header is made of, for the model module; below that, what the files of this module share. */
#ifndef CFI_GGUF_INTERNAL_H
#define CFI_GGUF_INTERNAL_H

#include "base/base_internal.h"
#include "ctxfit/gguf.h"

/* Both records start with their name: the index below relies on it. Names hold no NUL. */
typedef struct cfi_gguf_key {
    const char          *name;
    uint32_t             type;
    uint32_t             element_type;
    uint64_t             count;
    uint64_t             offset;
    uint64_t             bytes;
    const unsigned char *elements;  /* kept array, in the byte order of the file; or the text of a string; or NULL */
    unsigned char        scalar[8]; /* in the byte order of the file */
} cfi_gguf_key;

typedef struct cfi_gguf_tensor {
    const char  *name;
    uint64_t     dims[4];
    uint64_t     offset;
    uint64_t     bytes;
    uint32_t     n_dims;
    ctxfit_quant quant;
    uint32_t     ggml_type;
    uint32_t     shard;
} cfi_gguf_tensor;

/* Records in the order of their names. Sorted rather than hashed: no choice of names makes it slow. */
typedef struct cfi_gguf_index {
    const void *records;
    size_t      stride;
    uint32_t   *order;
    uint32_t    count;
} cfi_gguf_index;

struct ctxfit_gguf {
    cfi_arena        arena;
    cfi_gguf_key    *keys;
    cfi_gguf_tensor *tensors;
    uint64_t        *data_offsets; /* one a shard */
    cfi_gguf_index   key_index;
    cfi_gguf_index   tensor_index;
    uint64_t         alignment;
    uint32_t         key_count;
    uint32_t         tensor_count;
    uint32_t         shard_count;
    uint32_t         version;
    uint32_t         split_no;
    uint32_t         split_count; /* 1: not split */
    bool             big_endian;
};

/* ---- for other modules ---- */
const cfi_gguf_tensor *cfi_gguf_tensors(const ctxfit_gguf *gguf, size_t *out_count); /* in file order, shard after shard */
const cfi_gguf_tensor *cfi_gguf_find_tensor(const ctxfit_gguf *gguf, const char *name); /* NULL: none */
const cfi_gguf_key    *cfi_gguf_find_key(const ctxfit_gguf *gguf, const char *name);    /* NULL: none */
/* "uint32", "string", ...; "unknown" for any other number */
const char *cfi_gguf_type_name(uint32_t type);
/* A name from a file, made fit for a message: printable ASCII, cut at 64 bytes. */
typedef struct cfi_gguf_label {
    char text[68];
} cfi_gguf_label;
cfi_gguf_label cfi_gguf_label_of(const void *name, uint64_t len);

/* ---- inside this module ---- */

/* ggml refuses longer strings and arrays; ggml b10472 ggml/src/gguf.cpp:14-15 (GGUF_MAX_STRING_LENGTH, GGUF_MAX_ARRAY_ELEMENTS) */
#define CFI_GGUF_MAX_STRING_BYTES   (UINT64_C(1) << 30)
#define CFI_GGUF_MAX_ARRAY_ELEMENTS (UINT64_C(1) << 30)
/* The least that a key takes: length and one byte of its name, type, a value of one byte. */
#define CFI_GGUF_MIN_KEY_BYTES      (8 + 1 + 4 + 1)
/* The least that a tensor takes: length of its name, number of dimensions, format, offset. */
#define CFI_GGUF_MIN_TENSOR_BYTES   (8 + 4 + 4 + 8)
/* split.no and split.count are uint16; llama.cpp b10472 src/llama-model-loader.cpp:582 */
#define CFI_GGUF_MAX_SPLIT_COUNT    UINT16_MAX

/* A place in the prefix of a file. */
typedef struct cfi_gguf_reader {
    const unsigned char *data;
    uint64_t             size;             /* of the prefix, max_header_bytes at most */
    uint64_t             pos;
    uint64_t             pending_bytes;    /* the least that the header takes after the record that is being read */
    uint64_t             file_bytes;       /* UINT64_MAX: unknown */
    uint64_t             max_header_bytes;
    uint32_t             max_string_bytes;
    bool                 big_endian;
    ctxfit_error        *error;
} cfi_gguf_reader;

/* The prefix is too short for `bytes` more: E_TRUNCATED, or why no longer prefix will do. */
ctxfit_status cfi_gguf_want(const cfi_gguf_reader *r, uint64_t bytes);

static inline ctxfit_status cfi_gguf_need(const cfi_gguf_reader *r, uint64_t bytes)
{
    return bytes <= r->size - r->pos ? CTXFIT_OK : cfi_gguf_want(r, bytes);
}

/* An unsigned number of 1 to 8 bytes. */
uint64_t cfi_gguf_load(const unsigned char *from, uint32_t bytes, bool big_endian);
/* The next number; the caller has made sure that it is there. */
uint64_t cfi_gguf_take(cfi_gguf_reader *r, uint32_t bytes);
/* A string of at most `max_bytes`, not copied. `what` is for the message. */
ctxfit_status cfi_gguf_take_string(cfi_gguf_reader *r, uint64_t max_bytes, const char *what, const unsigned char **out, size_t *out_len);
/* Passes over `count` strings. */
ctxfit_status cfi_gguf_skip_strings(cfi_gguf_reader *r, uint64_t count);

/* Parses with the size of the whole file, UINT64_MAX if unknown, in place of options->file_bytes; options are complete. */
ctxfit_status cfi_gguf_resolve_options(const ctxfit_gguf_options *given, ctxfit_gguf_options *out, ctxfit_error *error);
ctxfit_status cfi_gguf_parse_prefix(const void *data, uint64_t size, uint64_t file_bytes, const ctxfit_gguf_options *options,
                                    const ctxfit_allocator *allocator, ctxfit_gguf **out, ctxfit_error *error);
ctxfit_status cfi_gguf_parse_keys(cfi_gguf_reader *r, ctxfit_gguf *gguf, uint64_t pending_bytes);
ctxfit_status cfi_gguf_parse_tensors(cfi_gguf_reader *r, ctxfit_gguf *gguf, uint32_t dialect);

/* Bytes of one value of a number type or bool; 0 for strings, arrays and unknown types. */
uint32_t cfi_gguf_type_bytes(uint32_t type);

/* Sorts; false: out of memory. `records` start with a `const char *` to their name. */
bool cfi_gguf_index_make(cfi_gguf_index *index, cfi_arena *arena, const void *records, size_t stride, uint32_t count);
/* Place of a record, or UINT32_MAX. */
uint32_t cfi_gguf_index_find(const cfi_gguf_index *index, const char *name);
/* Place of a record whose name an earlier one has, or UINT32_MAX. */
uint32_t cfi_gguf_index_duplicate(const cfi_gguf_index *index);

#endif
