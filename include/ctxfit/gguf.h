/**
 * @file gguf.h
 * @brief Reads the header of a GGUF file: keys, and the name, shape, format and place of every tensor. No weight is read.
 *
 * The parser takes bytes, not files: a whole file, a mapping or the first 64 KiB of a remote one. On a prefix that is too short
 * it answers #CTXFIT_E_TRUNCATED and puts into ctxfit_error.detail the length of the prefix that it wants next, so that any
 * transport works. A handle copies what it needs; the input may be freed after the call. Input is treated as hostile: every
 * count, length and offset is checked before it is used, and nothing is allocated per vocabulary entry.
 */
#ifndef CTXFIT_GGUF_H
#define CTXFIT_GGUF_H

#include "ctxfit/quant.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A parsed header (of one file, or of all shards of a split model). Immutable. @since 0.1.0 */
typedef struct ctxfit_gguf ctxfit_gguf;

/** Types of a metadata value, as numbered in the format. */
enum {
    CTXFIT_GGUF_UINT8 = 0, CTXFIT_GGUF_INT8, CTXFIT_GGUF_UINT16, CTXFIT_GGUF_INT16, CTXFIT_GGUF_UINT32, CTXFIT_GGUF_INT32,
    CTXFIT_GGUF_FLOAT32, CTXFIT_GGUF_BOOL, CTXFIT_GGUF_STRING, CTXFIT_GGUF_ARRAY, CTXFIT_GGUF_UINT64, CTXFIT_GGUF_INT64,
    CTXFIT_GGUF_FLOAT64
};

/** Flags of #ctxfit_gguf_options. */
enum {
    CTXFIT_GGUF_F_HEADER_ONLY = 1u << 0 /**< the file may lack tensor data: a header saved alone, a download that goes on */
};

/** How to parse; every field: 0 = default. @since 0.1.0 */
typedef struct ctxfit_gguf_options {
    uint32_t struct_size;      /**< sizeof of this struct, as CTXFIT_GGUF_OPTIONS_INIT sets it */
    uint32_t flags;            /**< CTXFIT_GGUF_F_* */
    uint64_t file_bytes;       /**< whole file size if known: tensor data is checked against it; 0 = unknown. Unused by open */
    uint64_t max_header_bytes; /**< default 1 GiB */
    uint32_t max_keys;         /**< default 65,536 */
    uint32_t max_tensors;      /**< default 1,048,576 */
    uint32_t max_string_bytes; /**< of keys, tensor names and kept strings; default 16 MiB */
    uint32_t dialect;          /**< CTXFIT_DIALECT_* */
} ctxfit_gguf_options;
#define CTXFIT_GGUF_OPTIONS_INIT { (uint32_t)sizeof(ctxfit_gguf_options), 0, 0, 0, 0, 0, 0, 0 }

/** One key. @since 0.1.0 */
typedef struct ctxfit_gguf_key {
    uint32_t struct_size;  /**< sizeof of this struct, as CTXFIT_GGUF_KEY_INIT sets it */
    uint32_t type;         /**< CTXFIT_GGUF_* */
    uint32_t element_type; /**< of an array, otherwise the same as `type` */
    uint32_t reserved0;    /**< 0 */
    uint64_t count;        /**< elements of an array, otherwise 1 */
    uint64_t offset;       /**< of the value's first byte in the file: a string's length, an array's first element */
    uint64_t bytes;        /**< from there: a string's length and text, an array's elements */
} ctxfit_gguf_key;
#define CTXFIT_GGUF_KEY_INIT { (uint32_t)sizeof(ctxfit_gguf_key), 0, 0, 0, 0, 0, 0 }

/** One tensor. @since 0.1.0 */
typedef struct ctxfit_tensor_info {
    uint32_t     struct_size; /**< sizeof of this struct, as CTXFIT_TENSOR_INFO_INIT sets it */
    uint32_t     n_dims;      /**< 0 to 4 */
    uint64_t     dims[4];     /**< unused ones are 1 */
    uint64_t     offset;      /**< from the start of the data section of its file, bytes */
    uint64_t     bytes;       /**< without padding */
    ctxfit_quant quant;       /**< 0 when the number is unknown: then `bytes` is 0 too */
    uint32_t     ggml_type;   /**< as in the file */
    uint32_t     shard;       /**< file of a split model, from 0 */
    uint32_t     reserved0;   /**< 0 */
} ctxfit_tensor_info;
#define CTXFIT_TENSOR_INFO_INIT { (uint32_t)sizeof(ctxfit_tensor_info), 0, {0, 0, 0, 0}, 0, 0, 0, 0, 0, 0 }

/**
 * Parses the header of one file from memory.
 * @param data      first `size` bytes of the file
 * @param options   NULL = defaults
 * @param allocator NULL = malloc and free
 * @param out       owned by the caller, see ctxfit_gguf_free()
 * @param error     may be NULL
 * @return OK; E_TRUNCATED (`detail`: prefix length wanted, always larger than `size` and never past `file_bytes`; of a file that
 *         turns out to be shorter, pass the whole and its size); E_MALFORMED (`offset`; a file that ends too early, by
 *         `file_bytes`, is malformed too); E_UNSUPPORTED (version, retired format, array of arrays); E_LIMIT; E_OVERFLOW;
 *         E_NO_MEMORY; E_INVALID_ARG; E_STRUCT_SIZE; E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_gguf_parse(const void *data, size_t size, const ctxfit_gguf_options *options,
                                           const ctxfit_allocator *allocator, ctxfit_gguf **out, ctxfit_error *error);

/**
 * Opens a file by path and parses its header; for the first shard of a split model (`-00001-of-00005.gguf`) all shards beside it.
 * Reads headers only; memory for them comes from `allocator` too. `path` is in the encoding of fopen().
 * @return as ctxfit_gguf_parse() without E_TRUNCATED, and E_IO (`detail`: errno), E_NOT_FOUND (a shard is missing, or not found
 *         because the name lacks the pattern), E_INVALID_ARG (also for a later shard: the message names the first).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_gguf_open(const char *path, const ctxfit_gguf_options *options, const ctxfit_allocator *allocator,
                                          ctxfit_gguf **out, ctxfit_error *error);

/**
 * Joins the headers of a split model, in the order of their `split.no`, into one. The parts stay the caller's, in any order.
 * Keys are those of the first shard.
 * @return OK; E_INVALID_ARG (NULL, count 0, not parts of one split); E_MALFORMED (tensor named twice, wrong total); E_LIMIT
 *         (more than 2^32 tensors); E_NO_MEMORY.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_gguf_join(const ctxfit_gguf *const *parts, size_t count, const ctxfit_allocator *allocator,
                                          ctxfit_gguf **out, ctxfit_error *error);

/** Frees a header; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_gguf_free(ctxfit_gguf *gguf);

/** Version of the format: 2 or 3; 0 for NULL, as all numbers below. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_gguf_version(const ctxfit_gguf *gguf);
/** 1 when the file is big-endian. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_gguf_is_big_endian(const ctxfit_gguf *gguf);
/** Number of files that this header speaks for: 1, or the shards that were joined. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_gguf_shard_count(const ctxfit_gguf *gguf);
/** Number of shards that the model is split into, by `split.count`; 1 if it is not split. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_gguf_split_count(const ctxfit_gguf *gguf);
/** Bytes of the header of a shard, padding included: its data section starts there. 0 past the end. @since 0.1.0 */
CTXFIT_API uint64_t ctxfit_gguf_data_offset(const ctxfit_gguf *gguf, uint32_t shard);
/** Alignment of tensor data, bytes (`general.alignment`, 32 by default). @since 0.1.0 */
CTXFIT_API uint64_t ctxfit_gguf_alignment(const ctxfit_gguf *gguf);

/** Number of keys. @since 0.1.0 */
CTXFIT_API uint64_t ctxfit_gguf_key_count(const ctxfit_gguf *gguf);
/** Name of a key by index; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_gguf_key_name(const ctxfit_gguf *gguf, uint64_t index);
/** Facts of a key by index. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_key(const ctxfit_gguf *gguf, uint64_t index, ctxfit_gguf_key *out);
/** Place of a key by name. @return OK, E_NOT_FOUND, E_INVALID_ARG. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_find_key(const ctxfit_gguf *gguf, const char *key, uint64_t *out_index);

/*
 * Typed getters. The last parameter is zeroed on failure. All return OK; E_NOT_FOUND; E_TYPE (the key has another type, or a value
 * that does not fit; ctxfit_gguf_get_key() tells its type); E_INVALID_ARG (NULL).
 */

/** Value of any integer type, or bool as 0 or 1, when it is not negative. @return as above. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_u64(const ctxfit_gguf *gguf, const char *key, uint64_t *out);
/** Value of any integer type, or bool as 0 or 1, when it fits. @return as above. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_i64(const ctxfit_gguf *gguf, const char *key, int64_t *out);
/** Value of a float or integer type, rounded to double. @return as above. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_f64(const ctxfit_gguf *gguf, const char *key, double *out);
/** Value of type bool, 0 or 1. @return as above. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_bool(const ctxfit_gguf *gguf, const char *key, uint32_t *out);
/** String value, borrowed; NUL-terminated, may hold NULs (`out_len`, may be NULL). @return as above. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_string(const ctxfit_gguf *gguf, const char *key, const char **out, size_t *out_len);
/**
 * Element of an array of integers or bools. Arrays of up to 4,096 numbers are kept; longer ones and arrays of strings (the
 * vocabulary) are kept as type, count and place only: E_UNSUPPORTED.
 * @return OK, E_NOT_FOUND (key, or past the end), E_TYPE, E_UNSUPPORTED, E_INVALID_ARG. @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_array_i64(const ctxfit_gguf *gguf, const char *key, uint64_t index, int64_t *out);
/** Element of an array of floats or integers. @return as ctxfit_gguf_get_array_i64(). @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_array_f64(const ctxfit_gguf *gguf, const char *key, uint64_t index, double *out);
/** Number of elements of an array of any kind (the vocabulary's size, say). @return OK, E_NOT_FOUND, E_TYPE,
 *  E_INVALID_ARG. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_array_count(const ctxfit_gguf *gguf, const char *key, uint64_t *out);

/** Number of tensors, of all shards. @since 0.1.0 */
CTXFIT_API uint64_t ctxfit_gguf_tensor_count(const ctxfit_gguf *gguf);
/** Name of a tensor by index, in file order; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_gguf_tensor_name(const ctxfit_gguf *gguf, uint64_t index);
/** Place of a tensor by name. @return OK, E_NOT_FOUND, E_INVALID_ARG. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_find_tensor(const ctxfit_gguf *gguf, const char *name, uint64_t *out_index);
/** Facts of a tensor by index. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_gguf_get_tensor(const ctxfit_gguf *gguf, uint64_t index, ctxfit_tensor_info *out);

#ifdef __cplusplus
}
#endif
#endif
