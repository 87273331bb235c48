/* What other modules use of formats, file types and recipes beyond the public header. */
#ifndef CFI_QUANT_INTERNAL_H
#define CFI_QUANT_INTERNAL_H

#include "base/base_internal.h"
#include "ctxfit/quant.h"

/* ---- formats ---- */
/* CFI_QUANT_Q4_K and so on: the ids of formats.def by name. */
enum {
#define CFI_GGML(id, name, number, elems, bytes, layout, flags, source, as_of) CFI_QUANT_##name = id,
#define CFI_IK(id, name, number, elems, bytes, row, matrix, layout, source, as_of) CFI_QUANT_##name = id,
#define CFI_HF(id, name, elems, bytes, row, matrix, column, columns, rows, tile, layout, source, as_of) CFI_QUANT_##name = id,
#define CFI_RETIRED(id, name, number, source, as_of) CFI_QUANT_##name = id,
#include "quant/formats.def"
#undef CFI_GGML
#undef CFI_IK
#undef CFI_HF
#undef CFI_RETIRED
    CFI_QUANT_NONE = 0
};

typedef struct cfi_quant_format {
    const char *name;         /* NULL: no such id */
    uint32_t    block_elems;  /* 0: retired */
    uint32_t    block_bytes;
    uint32_t    row_bytes;    /* of each row, besides its blocks */
    uint32_t    matrix_bytes; /* of each matrix */
    uint32_t    column_bytes; /* of each column of a matrix */
    uint32_t    tile_columns; /* a tile of the matrix; 0: none */
    uint32_t    tile_rows;    /* 0: tile_columns is a run of elements of the whole matrix */
    uint32_t    tile_bytes;
    uint32_t    ggml_type;    /* UINT32_MAX: none */
    uint32_t    flags;        /* CTXFIT_QUANT_F_* */
} cfi_quant_format;

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

#endif
