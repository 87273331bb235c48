/**
 * @file hf.h
 * @brief Reads the headers of safetensors files: name, type, shape and place of every tensor. No weight is read.
 *
 * The parser takes bytes, as the one of gguf.h: on a prefix that is too short it answers #CTXFIT_E_TRUNCATED and puts into
 * ctxfit_error.detail the length of the prefix that it wants next. A handle copies what it needs. Input is treated as hostile: counts,
 * lengths and offsets are checked before they are used.
 *
 * ctxfit_model_from_hf() of model.h makes a model of such headers and a config.json.
 */
#ifndef CTXFIT_HF_H
#define CTXFIT_HF_H

#include "ctxfit/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Headers of one file, or of all files of a checkpoint. Immutable. @since 0.1.0 */
typedef struct ctxfit_safetensors ctxfit_safetensors;

/** Types of elements. Numbers are for ever. */
enum {
    CTXFIT_DTYPE_UNKNOWN = 0, /* of no tensor: a header with another type is refused */
    CTXFIT_DTYPE_BOOL = 1, CTXFIT_DTYPE_U8 = 2, CTXFIT_DTYPE_I8 = 3, CTXFIT_DTYPE_U16 = 4, CTXFIT_DTYPE_I16 = 5,
    CTXFIT_DTYPE_U32 = 6, CTXFIT_DTYPE_I32 = 7, CTXFIT_DTYPE_U64 = 8, CTXFIT_DTYPE_I64 = 9, CTXFIT_DTYPE_F16 = 10, CTXFIT_DTYPE_BF16 = 11,
    CTXFIT_DTYPE_F32 = 12, CTXFIT_DTYPE_F64 = 13, CTXFIT_DTYPE_C64 = 14, CTXFIT_DTYPE_F8_E4M3 = 15, CTXFIT_DTYPE_F8_E5M2 = 16,
    CTXFIT_DTYPE_F8_E8M0 = 17, CTXFIT_DTYPE_F6_E2M3 = 18, CTXFIT_DTYPE_F6_E3M2 = 19, CTXFIT_DTYPE_F4 = 20, CTXFIT_DTYPE_F8_E4M3FNUZ = 21,
    CTXFIT_DTYPE_F8_E5M2FNUZ = 22
};

/** One tensor. @since 0.1.0 */
typedef struct ctxfit_hf_tensor {
    uint32_t struct_size; /**< sizeof of this struct, as CTXFIT_HF_TENSOR_INIT sets it */
    uint32_t dtype;       /**< CTXFIT_DTYPE_* */
    uint32_t n_dims;      /**< 0 to 8 */
    uint32_t shard;       /**< file of a checkpoint, from 0 */
    uint64_t dims[8];     /**< as in the file, the last runs fastest; unused ones are 1 */
    uint64_t offset;      /**< from the start of the data section of its file, bytes */
    uint64_t bytes;       /**< of its data */
} ctxfit_hf_tensor;
#define CTXFIT_HF_TENSOR_INIT { (uint32_t)sizeof(ctxfit_hf_tensor), 0, 0, 0, {0, 0, 0, 0, 0, 0, 0, 0}, 0, 0 }

/** How the weights of a checkpoint are quantized. */
enum {
    CTXFIT_CHECKPOINT_QUANT_NONE         = 0,
    CTXFIT_CHECKPOINT_QUANT_FP8          = 1,
    CTXFIT_CHECKPOINT_QUANT_AWQ          = 2,
    CTXFIT_CHECKPOINT_QUANT_GPTQ         = 3,
    CTXFIT_CHECKPOINT_QUANT_MXFP4        = 4,
    CTXFIT_CHECKPOINT_QUANT_NVFP4        = 5,
    CTXFIT_CHECKPOINT_QUANT_INTEGER      = 6, /**< compressed-tensors, integers */
    CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES = 7,
    CTXFIT_CHECKPOINT_QUANT_MLX          = 8,
    CTXFIT_CHECKPOINT_QUANT_OTHER        = 9, /**< a method that is not known */
    CTXFIT_CHECKPOINT_QUANT_EXL3         = 10 /**< ExLlamaV3 */
};

/** Flags of #ctxfit_checkpoint_info. */
enum {
    CTXFIT_CHECKPOINT_F_MEASURED   = 1u << 0, /**< the bytes were read from the files' headers; without it all are 0 */
    CTXFIT_CHECKPOINT_F_INCOMPLETE = 1u << 1, /**< files are missing, or shorter than their headers say: a download that did not end */
    CTXFIT_CHECKPOINT_F_DIFFERS    = 1u << 2  /**< the files hold something else than config.json describes; notes say what */
};

/** The checkpoint that a model was made of, in its own format. @since 0.1.0 */
typedef struct ctxfit_checkpoint_info {
    uint32_t struct_size;     /**< sizeof of this struct, as CTXFIT_CHECKPOINT_INFO_INIT sets it */
    uint32_t flags;           /**< CTXFIT_CHECKPOINT_F_* */
    uint32_t quant;           /**< CTXFIT_CHECKPOINT_QUANT_* */
    uint32_t quant_bits;      /**< of a quantized weight, 0 = unknown or none */
    uint32_t quant_group;     /**< elements along a row that share a scale, 0 = a whole row or tensor */
    uint32_t shards;          /**< files */
    uint64_t tensors;         /**< in all files */
    uint64_t total_bytes;     /**< of all tensors: the sum of the following */
    uint64_t layer_bytes;     /**< of the trunk's layers, without routed experts */
    uint64_t expert_bytes;    /**< routed experts of the trunk */
    uint64_t embedding_bytes; /**< token embeddings */
    uint64_t output_bytes;    /**< output matrix and norm */
    uint64_t nextn_bytes;     /**< blocks for next-token prediction */
    uint64_t other_bytes;     /**< eyes, ears, and what else is not of the decoder */
    char     quant_method[32]; /**< as the configuration states it, "" for none */
    uint32_t quant_bits_hundredths; /**< EXL3: bits of a weight on average, 425 for 4.25; else 0 */
    uint32_t output_bits;           /**< EXL3: bits of the output matrix; else 0 */
    uint32_t kv_quant;              /**< ctxfit_quant of the cache that it is calibrated for, which is then the default; 0 = none */
    uint32_t reserved0;             /**< 0 */
} ctxfit_checkpoint_info;
#define CTXFIT_CHECKPOINT_INFO_INIT { (uint32_t)sizeof(ctxfit_checkpoint_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0, 0, 0 }

/** What one layer holds in a checkpoint, bytes. @since 0.1.0 */
typedef struct ctxfit_checkpoint_layer {
    uint32_t struct_size;  /**< sizeof of this struct, as CTXFIT_CHECKPOINT_LAYER_INIT sets it */
    uint32_t reserved0;    /**< 0 */
    uint64_t dense_bytes;  /**< without routed experts */
    uint64_t expert_bytes; /**< routed experts */
} ctxfit_checkpoint_layer;
#define CTXFIT_CHECKPOINT_LAYER_INIT { (uint32_t)sizeof(ctxfit_checkpoint_layer), 0, 0, 0 }

/**
 * Parses the header of one file from memory.
 * @param data       first `size` bytes of the file
 * @param file_bytes whole file size if known: data is checked against it; 0 = unknown
 * @return OK; E_TRUNCATED (`detail`: prefix length wanted, 8 for less than that, else the header's end); E_MALFORMED (no JSON, an offset
 *         outside, holes or overlaps, bytes behind the last tensor, a size that shape and type contradict, a name that stands twice,
 *         metadata that is no text); E_UNSUPPORTED (a type that the format does not have; more than 8 dimensions; a library without
 *         JSON); E_LIMIT (a header of more than 64 MiB or 4,194,304 values); E_OVERFLOW; E_NO_MEMORY; E_INVALID_ARG.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_safetensors_parse(const void *data, size_t size, uint64_t file_bytes, const ctxfit_allocator *allocator,
                                                  ctxfit_safetensors **out, ctxfit_error *error);

/**
 * Opens a file by path and parses its header; of a `.safetensors.index.json` the files beside it that its weight_map names. `path` is
 * in the encoding of fopen().
 * @return as ctxfit_safetensors_parse() without E_TRUNCATED, and E_IO (`detail`: errno), E_NOT_FOUND (a file of the index is missing),
 *         E_MALFORMED (also: an index without weight_map, a file in another folder, a tensor that its file does not have).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_safetensors_open(const char *path, const ctxfit_allocator *allocator, ctxfit_safetensors **out,
                                                 ctxfit_error *error);

/**
 * Joins the headers of the files of a checkpoint into one; shards are numbered as the parts stand. The parts stay the caller's.
 * @return OK; E_INVALID_ARG (NULL, count 0); E_MALFORMED (a tensor in two files); E_OVERFLOW; E_NO_MEMORY.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_safetensors_join(const ctxfit_safetensors *const *parts, size_t count, const ctxfit_allocator *allocator,
                                                 ctxfit_safetensors **out, ctxfit_error *error);

/** Frees headers; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_safetensors_free(ctxfit_safetensors *tensors);

/** Number of files that they are of; 0 for NULL, as all numbers below. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_safetensors_shard_count(const ctxfit_safetensors *tensors);
/** Number of tensors. @since 0.1.0 */
CTXFIT_API uint64_t ctxfit_safetensors_tensor_count(const ctxfit_safetensors *tensors);
/** Bytes of all tensors. @since 0.1.0 */
CTXFIT_API uint64_t ctxfit_safetensors_tensor_bytes(const ctxfit_safetensors *tensors);
/** Name of a tensor by index, sorted as strcmp does; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_safetensors_tensor_name(const ctxfit_safetensors *tensors, uint64_t index);
/** Place of a tensor by name. @return OK, E_NOT_FOUND, E_INVALID_ARG. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_safetensors_find_tensor(const ctxfit_safetensors *tensors, const char *name, uint64_t *out_index);
/** Facts of a tensor by index. @return OK, E_INVALID_ARG, E_NOT_FOUND (past the end), E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_safetensors_get_tensor(const ctxfit_safetensors *tensors, uint64_t index, ctxfit_hf_tensor *out);
/** Name of a type of elements as files spell it ("F8_E4M3"), NULL for an unknown number. Lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_dtype_name(uint32_t dtype);

#ifdef __cplusplus
}
#endif
#endif
