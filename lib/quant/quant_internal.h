/* What other modules use of formats, file types and recipes beyond the public header. */
#ifndef CFI_QUANT_INTERNAL_H
#define CFI_QUANT_INTERNAL_H

#include "base/base_internal.h"
#include "ctxfit/quant.h"

/* ---- formats ---- */
/* CFI_QUANT_Q4_K and so on: the ids of formats.def by name. */
enum {
#define CFI_GGML(id, name, ...) CFI_QUANT_##name = id,
#define CFI_IK CFI_GGML
#define CFI_HF CFI_GGML
#define CFI_TRELLIS CFI_GGML
#define CFI_KV CFI_GGML
#define CFI_CACHE CFI_GGML
#define CFI_RETIRED CFI_GGML
#include "quant/formats.def"
    CFI_QUANT_NONE = 0
};

typedef struct cfi_quant_format {
    char        name[20];     /* "": no such id */
    uint16_t    block_elems;  /* 0: retired */
    uint16_t    block_bytes;
    uint16_t    row_bytes;    /* of each row, besides its blocks */
    uint16_t    matrix_bytes; /* of each matrix */
    uint16_t    column_bytes; /* of each column of a matrix */
    uint16_t    tile_columns; /* a tile of the matrix; 0: none */
    uint16_t    tile_rows;    /* 0: tile_columns is a run of elements of the whole matrix */
    uint16_t    tile_bytes;
    uint16_t    padding;      /* rows and columns of a matrix are padded to a multiple of it; 0: they are not */
    uint16_t    ggml_type;    /* UINT16_MAX: none */
    uint16_t    flags;        /* CTXFIT_QUANT_F_* */
} cfi_quant_format;

/* UINT32_MAX: none. */
static inline uint32_t cfi_quant_ggml_type(const cfi_quant_format *f) { return f->ggml_type != UINT16_MAX ? f->ggml_type : UINT32_MAX; }
/* NULL: unknown or retired. */
const cfi_quant_format *cfi_quant_format_of(ctxfit_quant quant);
/* Same contract as ctxfit_quant_tensor_bytes, pointers not NULL. */
ctxfit_status cfi_quant_tensor_bytes(ctxfit_quant quant, const uint64_t dims[4], uint64_t *out);

/* ---- file types ---- */
/* CFI_FILE_Q4_K_M and so on: the ids of file_types.def by name. */
enum {
#define CFI_FILE_TYPE(id, name, number, base, flags, source, as_of) CFI_FILE_##name = id,
#define CFI_FILE_TYPE_RETIRED(id, name, number, source, as_of) CFI_FILE_##name = id,
#include "quant/file_types.def"
#undef CFI_FILE_TYPE
#undef CFI_FILE_TYPE_RETIRED
    CFI_FILE_NONE = 0
};

/* ---- EXL3 ---- */
bool             cfi_exl3_is(ctxfit_file_type type);
uint32_t         cfi_exl3_hundredths(ctxfit_file_type type); /* bits per weight */
uint32_t         cfi_exl3_head_bits(ctxfit_file_type type);
ctxfit_file_type cfi_exl3_type(uint64_t hundredths, uint64_t head_bits); /* 0: no such bits */
ctxfit_file_type cfi_exl3_from_name(const char *name);                   /* 0: none */
ctxfit_quant     cfi_exl3_base(ctxfit_file_type type);                   /* the fewest bits that a matrix gets */
/* Those that people publish, the most bits first; 0 past the end. */
ctxfit_file_type cfi_exl3_published(uint32_t index);
/* Bytes of a tensor that is several matrices on each other in a checkpoint. As cfi_quant_tensor_bytes. */
ctxfit_status    cfi_quant_parts_bytes(ctxfit_quant quant, const uint64_t dims[4], uint32_t parts, uint64_t *out);

/* ---- file recipes: which format each tensor gets when llama-quantize makes a file type ---- */
typedef struct cfi_quant_facts {
    const char      *arch;        /* general.architecture */
    ctxfit_file_type source;      /* what the file is that gets quantized; 0: F16 */
    uint32_t         block_count; /* blocks of the file, those for next-token prediction included */
    uint32_t         nextn;       /* how many of them are for next-token prediction */
    uint32_t         heads;       /* of the first block, as the file says (0 in recurrent ones) */
    uint32_t         kv_heads;
    uint32_t         experts;     /* 0: dense */
    bool             imatrix;     /* an importance matrix is at hand */
} cfi_quant_facts;

typedef struct cfi_quant_tensor {
    const char  *name;
    uint64_t     dims[4]; /* those that it does not have are 1 */
    ctxfit_quant from;
    ctxfit_quant to; /* the result */
    uint32_t     parts; /* of EXL3: matrices of the checkpoint that are one here */
} cfi_quant_tensor;

typedef struct cfi_quant_outcome {
    uint32_t fallbacks;     /* tensors whose rows do not suit the format that they should get */
    uint32_t needs_imatrix; /* tensors without which llama-quantize refuses when there is no importance matrix */
    uint32_t requantized;   /* tensors that were quantized already: llama-quantize wants --allow-requantize */
} cfi_quant_outcome;

/*
 * Sets `to` of every tensor. A file type equal to `facts->source`, and 0, keep every format. Tensors come in any order.
 * OK, E_NOT_FOUND (unknown file type), E_UNSUPPORTED (retired, or llama-quantize does not make it), E_REFUSED (llama-quantize stops at a
 * tensor), E_INVALID_ARG (a tensor without name), E_NO_MEMORY. outcome may be NULL.
 */
ctxfit_status cfi_quant_recipe_apply(ctxfit_file_type type, const cfi_quant_facts *facts, cfi_quant_tensor *tensors, size_t count,
                                     const ctxfit_allocator *allocator, cfi_quant_outcome *outcome, ctxfit_error *error);

/* What ExLlamaV3's converter does: sets `to` and `parts` of every tensor. E_LIMIT, E_NO_MEMORY, E_OVERFLOW. */
ctxfit_status cfi_exl3_apply(ctxfit_file_type type, const cfi_quant_facts *facts, cfi_quant_tensor *tensors, size_t count,
                             const ctxfit_allocator *allocator, ctxfit_error *error);

/*
 * The recipes in two steps, for many file types of one model: what does not depend on the file type is done once, and the second step
 * neither allocates nor compares names.
 */
typedef struct cfi_quant_slot {
    uint32_t tensor;      /* index of the tensor; slots are in the order in which llama-quantize goes */
    int32_t  layer;       /* -1: not of a block */
    uint8_t  category;
    uint8_t  quantizable;
    uint8_t  reserved[2];
} cfi_quant_slot;

ctxfit_status cfi_quant_recipe_prepare(const cfi_quant_tensor *tensors, size_t count, cfi_quant_slot *slots,
                                       const ctxfit_allocator *allocator, ctxfit_error *error);
ctxfit_status cfi_quant_recipe_run(ctxfit_file_type type, const cfi_quant_facts *facts, const cfi_quant_slot *slots,
                                   cfi_quant_tensor *tensors, size_t count, cfi_quant_outcome *outcome, ctxfit_error *error);

/* Categories of recipe.def, in cfi_quant_slot. */
typedef enum cfi_quant_category {
    CFI_CATEGORY_OTHER = 0,
    CFI_CATEGORY_OUTPUT,
    CFI_CATEGORY_TOKEN_EMBD,
    CFI_CATEGORY_ATTN_VALUE, /* attn_v, attn_qkv, attn_kv_b */
    CFI_CATEGORY_ATTN_KEY,
    CFI_CATEGORY_ATTN_QUERY,
    CFI_CATEGORY_ATTN_OUTPUT,
    CFI_CATEGORY_FFN_UP,
    CFI_CATEGORY_FFN_GATE,
    CFI_CATEGORY_FFN_DOWN,
    CFI_CATEGORY_COUNT,
    CFI_CATEGORY_EVERY = CFI_CATEGORY_COUNT /* in rules only */
} cfi_quant_category;

#endif
