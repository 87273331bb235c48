/**
 * @file quant.h
 * @brief Tensor formats (how many bytes a row takes) and file types (which format each tensor of a file gets).
 *
 * A *format* is what one tensor is stored in: Q4_K, BF16, MXFP4. A *file type* is what people download: Q4_K_M is a recipe that
 * gives most tensors Q4_K, some Q6_K. Ids are the library's own and start at 1, because ggml's numbers start at 0 and differ
 * between forks; 0 always means "default". Ids are never reused. All functions are pure and thread-safe.
 */
#ifndef CTXFIT_QUANT_H
#define CTXFIT_QUANT_H

#include "ctxfit/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A tensor format; 0 is "default" in every struct. @since 0.1.0 */
typedef uint32_t ctxfit_quant;

/** Formats that programs name; the whole list is ctxfit_quant_at(). Values are frozen. */
enum {
    CTXFIT_QUANT_DEFAULT = 0,
    CTXFIT_QUANT_F32     = 1,
    CTXFIT_QUANT_F16     = 2,
    CTXFIT_QUANT_BF16    = 3,
    CTXFIT_QUANT_Q4_0    = 4,
    CTXFIT_QUANT_Q4_1    = 5,
    CTXFIT_QUANT_Q5_0    = 6,
    CTXFIT_QUANT_Q5_1    = 7,
    CTXFIT_QUANT_Q8_0    = 8,
    CTXFIT_QUANT_Q2_K    = 10,
    CTXFIT_QUANT_Q3_K    = 11,
    CTXFIT_QUANT_Q4_K    = 12,
    CTXFIT_QUANT_Q5_K    = 13,
    CTXFIT_QUANT_Q6_K    = 14,
    CTXFIT_QUANT_IQ4_NL  = 20,
    CTXFIT_QUANT_MXFP4   = 39
};

/** Whose numbering a GGUF uses. */
enum { CTXFIT_DIALECT_GGML = 0, CTXFIT_DIALECT_IK = 1 };

/** Flags of #ctxfit_quant_info. */
enum {
    CTXFIT_QUANT_F_GGML    = 1u << 0, /**< a ggml tensor format (can be in a GGUF) */
    CTXFIT_QUANT_F_CACHE   = 1u << 1, /**< llama.cpp accepts it as a KV cache type */
    CTXFIT_QUANT_F_FLOAT   = 1u << 2, /**< a plain number format, not quantized */
    CTXFIT_QUANT_F_HF      = 1u << 3, /**< a format of Hugging Face or MLX checkpoints */
    CTXFIT_QUANT_F_RETIRED = 1u << 4, /**< once existed; files with it can no longer be loaded */
    CTXFIT_QUANT_F_INT     = 1u << 5, /**< a plain integer format, not quantized */
    CTXFIT_QUANT_F_IK      = 1u << 6, /**< only ik_llama.cpp knows it; `ggml_type` is a number of CTXFIT_DIALECT_IK */
    CTXFIT_QUANT_F_CACHE_OTHER = 1u << 7 /**< a KV cache type of ExLlamaV3 ("KV_4BIT", or as TabbyAPI says it: "Q4") or vLLM */
};

/** What a format is. @since 0.1.0 */
typedef struct ctxfit_quant_info {
    uint32_t     struct_size; /**< sizeof of this struct, as CTXFIT_QUANT_INFO_INIT sets it */
    ctxfit_quant quant;       /**< the format itself */
    uint32_t     block_elems; /**< elements per block */
    uint32_t     block_bytes; /**< bytes per block, its own scales included; what rows or tensors add is in ctxfit_quant_tensor_bytes() */
    uint32_t     flags;       /**< CTXFIT_QUANT_F_* */
    uint32_t     ggml_type;   /**< ggml's number, or UINT32_MAX */
} ctxfit_quant_info;
#define CTXFIT_QUANT_INFO_INIT { (uint32_t)sizeof(ctxfit_quant_info), 0, 0, 0, 0, 0 }

/** Number of formats. Retired ones are not in the list; their ids, names and numbers still resolve. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_quant_count(void);
/** The id at an index of the list, 0 past the end. @since 0.1.0 */
CTXFIT_API ctxfit_quant ctxfit_quant_at(uint32_t index);
/** Name as people write it ("Q4_K", "F16"), "default" for 0, "unknown" otherwise. Never NULL; lives for ever. @since 0.1.0 */
CTXFIT_API const char *ctxfit_quant_name(ctxfit_quant quant);
/** Format of that name, letters in any case ("q8_0"), or of an alias ("fp16"); 0 if unknown or NULL. @since 0.1.0 */
CTXFIT_API ctxfit_quant ctxfit_quant_from_name(const char *name);
/**
 * Format of a ggml type number in a dialect (CTXFIT_DIALECT_*); 0 if unknown. Retired numbers give their tombstone. A number that a
 * dialect does not define for itself means what it means to ggml. @since 0.1.0
 */
CTXFIT_API ctxfit_quant ctxfit_quant_from_ggml(uint32_t ggml_type, uint32_t dialect);
/** Facts of a format. @return OK, E_INVALID_ARG (NULL), E_NOT_FOUND, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_quant_get_info(ctxfit_quant quant, ctxfit_quant_info *out);
/**
 * Bytes of one row of `elems` elements, alone. A few formats of checkpoints share scales between rows (FP8_E4M3_B128, AWQ, GPTQ); a
 * matrix of them is smaller than its rows: ctxfit_quant_tensor_bytes().
 * @return OK, E_NOT_FOUND (unknown or retired format), E_INVALID_ARG (`elems` is no multiple of the block, or NULL), E_OVERFLOW.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_quant_row_bytes(ctxfit_quant quant, uint64_t elems, uint64_t *out_bytes);
/**
 * Bytes of a tensor, unpadded. `dims[0]` is the length of a row (input features), dimensions that it does not have are 1.
 * @return OK, E_NOT_FOUND (unknown or retired format), E_INVALID_ARG (a row is no multiple of the block, a dimension is 0, or NULL),
 *         E_OVERFLOW.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_quant_tensor_bytes(ctxfit_quant quant, const uint64_t dims[4], uint64_t *out_bytes);

/** A file type such as Q4_K_M; 0 is "as the model is". @since 0.1.0 */
typedef uint32_t ctxfit_file_type;

/** File types that programs name; the whole list is ctxfit_file_type_at(). Values are frozen. */
enum {
    CTXFIT_FILE_TYPE_DEFAULT   = 0,
    CTXFIT_FILE_TYPE_F32       = 1,
    CTXFIT_FILE_TYPE_F16       = 2,
    CTXFIT_FILE_TYPE_Q4_0      = 3,
    CTXFIT_FILE_TYPE_Q8_0      = 8,
    CTXFIT_FILE_TYPE_Q2_K      = 11,
    CTXFIT_FILE_TYPE_Q3_K_M    = 13,
    CTXFIT_FILE_TYPE_Q4_K_S    = 15,
    CTXFIT_FILE_TYPE_Q4_K_M    = 16,
    CTXFIT_FILE_TYPE_Q5_K_M    = 18,
    CTXFIT_FILE_TYPE_Q6_K      = 19,
    CTXFIT_FILE_TYPE_IQ4_XS    = 31,
    CTXFIT_FILE_TYPE_BF16      = 33,
    CTXFIT_FILE_TYPE_MXFP4_MOE = 39
};

/** Flags of #ctxfit_file_type_info. */
enum {
    CTXFIT_FILE_TYPE_F_RETIRED   = 1u << 0, /**< once existed; llama.cpp no longer makes or loads it */
    CTXFIT_FILE_TYPE_F_NO_RECIPE = 1u << 1, /**< llama-quantize does not make it, so no rule says which tensor gets which format */
    CTXFIT_FILE_TYPE_F_UNCOMMON  = 1u << 2, /**< superseded, or for models trained in that format: nothing to recommend for any model */
    CTXFIT_FILE_TYPE_F_EXL3      = 1u << 3  /**< ExLlamaV3's, of any number of bits: not in the list of ctxfit_file_type_at() */
};

/** What a file type is. @since 0.1.0 */
typedef struct ctxfit_file_type_info {
    uint32_t         struct_size;     /**< sizeof of this struct, as CTXFIT_FILE_TYPE_INFO_INIT sets it */
    ctxfit_file_type file_type;       /**< the file type itself */
    uint32_t         ggml_ftype;      /**< number in general.file_type, or UINT32_MAX */
    ctxfit_quant     base;            /**< format that most tensors get */
    uint32_t         needs_imatrix;   /**< 1: llama-quantize refuses it without an importance matrix for some tensors */
    uint32_t         flags;           /**< CTXFIT_FILE_TYPE_F_* */
} ctxfit_file_type_info;
#define CTXFIT_FILE_TYPE_INFO_INIT { (uint32_t)sizeof(ctxfit_file_type_info), 0, 0, 0, 0, 0 }

/**
 * Number of file types, ordered from best (largest) to smallest. Retired ones are not in the list; their ids, names and numbers still
 * resolve. @since 0.1.0
 */
CTXFIT_API uint32_t ctxfit_file_type_count(void);
/** The id at an index of the list, 0 past the end. @since 0.1.0 */
CTXFIT_API ctxfit_file_type ctxfit_file_type_at(uint32_t index);
/**
 * Name ("Q4_K_M"), "default" for 0, "unknown" otherwise; "EXL3" for all of ExLlamaV3's, of which ctxfit_file_type_write_name() says more.
 * Never NULL; lives for ever. @since 0.1.0
 */
CTXFIT_API const char *ctxfit_file_type_name(ctxfit_file_type file_type);
/**
 * Writes the name as ctxfit_file_type_from_name() reads it, of EXL3 with its bits ("EXL3-4.25bpw-h6"). Text rules of base.h.
 * @return OK, E_BUFFER_SIZE, E_INVALID_ARG (buf NULL with cap above 0). @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_file_type_write_name(ctxfit_file_type file_type, char *buf, size_t cap, size_t *out_len);
/**
 * File type of that name ("q4_k_m", letters in any case) or of an alias ("q4_k", "fp16", "mxfp4"); 0 if unknown or NULL. EXL3 is named
 * with its bits per weight, 1 to 8 with two decimals at most, and those of the output matrix, 1 to 8 (6 where it is not said):
 * "exl3-4.25bpw-h8", "exl3-4.0bpw", "exl3:4", "4.0bpw_h6".
 * @since 0.1.0
 */
CTXFIT_API ctxfit_file_type ctxfit_file_type_from_name(const char *name);
/** File type of a number in `general.file_type`; 0 if unknown. Retired numbers give their tombstone. @since 0.1.0 */
CTXFIT_API ctxfit_file_type ctxfit_file_type_from_ggml(uint32_t ggml_ftype);
/** Facts of a file type. @return OK, E_INVALID_ARG (NULL), E_NOT_FOUND, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_file_type_get_info(ctxfit_file_type file_type, ctxfit_file_type_info *out);

#ifdef __cplusplus
}
#endif
#endif
