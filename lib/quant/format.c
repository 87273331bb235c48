#include "quant_internal.h"

/* Words of formats.def. */
enum {
    HALF    = 2,
    WORD    = 4,
    NONE    = 0,
    FLOAT   = CTXFIT_QUANT_F_FLOAT,
    INT     = CTXFIT_QUANT_F_INT,
    CACHE   = CTXFIT_QUANT_F_CACHE,
    HF      = CTXFIT_QUANT_F_HF,
    KV      = CTXFIT_QUANT_F_CACHE_OTHER,
    GGML    = CTXFIT_QUANT_F_GGML,
    IK      = CTXFIT_QUANT_F_GGML | CTXFIT_QUANT_F_IK,
    NO_TYPE = UINT16_MAX
};

#define CFI_GGML(id, name, number, elems, bytes, layout, flags, source, as_of) \
    _Static_assert((bytes) == (layout), #name ": bytes of a block differ from its layout");
#define CFI_IK(id, name, number, elems, bytes, row, matrix, layout, source, as_of) CFI_GGML(id, name, number, elems, bytes, layout, 0, 0, 0)
#define CFI_HF(id, name, elems, bytes, row, matrix, column, columns, rows, tile, layout, source, as_of) \
    CFI_GGML(id, name, 0, elems, bytes, layout, 0, 0, 0)
#define CFI_CACHE(id, name, elems, bytes, row, layout, source, as_of) CFI_GGML(id, name, 0, elems, bytes, layout, 0, 0, 0)
#include "formats.def"

#define TRELLIS_PADDING 128u /* exllamav3 modules/linear.py, pad_to */
#define KV_GROUP        32u

static const cfi_quant_format format_by_id[] = {
#define CFI_GGML(id, name, number, elems, bytes, layout, flags, source, as_of) \
    [id] = {#name, elems, bytes, 0, 0, 0, 0, 0, 0, 0, number, (uint32_t)(flags) | GGML},
#define CFI_IK(id, name, number, elems, bytes, row, matrix, layout, source, as_of) \
    [id] = {#name, elems, bytes, row, matrix, 0, 0, 0, 0, 0, number, IK},
#define CFI_HF(id, name, elems, bytes, row, matrix, column, columns, rows, tile, layout, source, as_of) \
    [id] = {#name, elems, bytes, row, matrix, column, columns, rows, tile, 0, NO_TYPE, HF},
#define CFI_TRELLIS(id, name, halves, source, as_of) \
    [id] = {#name, TRELLIS_PADDING, TRELLIS_PADDING * (halves) / 16, HALF, WORD, HALF, 0, 0, 0, TRELLIS_PADDING, NO_TYPE, HF},
#define CFI_KV(id, name, bits, source, as_of) \
    [id] = {#name, KV_GROUP, HALF + KV_GROUP * (bits) / 8, 0, 0, 0, 0, 0, 0, 0, NO_TYPE, HF | KV},
#define CFI_CACHE(id, name, elems, bytes, row, layout, source, as_of) \
    [id] = {#name, elems, bytes, row, 0, 0, 0, 0, 0, 0, NO_TYPE, HF | KV},
#define CFI_RETIRED(id, name, number, source, as_of) [id] = {#name, 0, 0, 0, 0, 0, 0, 0, 0, 0, number, GGML | CTXFIT_QUANT_F_RETIRED},
#include "formats.def"
};

/* The list of ctxfit_quant_at(), in the order of the table. */
static const uint8_t live_ids[] = {
#define CFI_GGML(id, name, ...) id,
#define CFI_IK CFI_GGML
#define CFI_HF CFI_GGML
#define CFI_TRELLIS CFI_GGML
#define CFI_KV CFI_GGML
#define CFI_CACHE CFI_GGML
#include "formats.def"
};

static const uint8_t id_by_ggml[] = {
#define CFI_GGML(id, name, number, elems, bytes, layout, flags, source, as_of) [number] = id,
#define CFI_RETIRED(id, name, number, source, as_of) [number] = id,
#include "formats.def"
};

static const uint8_t id_by_ik[] = {
#define CFI_IK(id, name, number, elems, bytes, row, matrix, layout, source, as_of) [number] = id,
#include "formats.def"
};
#undef CFI_HF
#undef CFI_TRELLIS
#undef CFI_KV
#undef CFI_CACHE

static const struct {
    const char *alias;
    uint8_t     id;
} aliases[] = {
#define CFI_QUANT_ALIAS(alias, name) {alias, CFI_QUANT_##name},
#define CFI_FILE_TYPE_ALIAS(alias, name)
#include "aliases.def"
#undef CFI_QUANT_ALIAS
#undef CFI_FILE_TYPE_ALIAS
};

/* NULL: no such id; retired formats are found. */
static const cfi_quant_format *find_format(ctxfit_quant quant)
{
    return quant < CFI_COUNT(format_by_id) && format_by_id[quant].name[0] != '\0' ? &format_by_id[quant] : NULL;
}

const cfi_quant_format *cfi_quant_format_of(ctxfit_quant quant)
{
    const cfi_quant_format *f = find_format(quant);

    return f != NULL && f->block_elems != 0 ? f : NULL;
}

uint32_t ctxfit_quant_count(void)
{
    return (uint32_t)CFI_COUNT(live_ids);
}

ctxfit_quant ctxfit_quant_at(uint32_t index)
{
    return index < CFI_COUNT(live_ids) ? live_ids[index] : 0;
}

const char *ctxfit_quant_name(ctxfit_quant quant)
{
    const cfi_quant_format *f = find_format(quant);

    if (quant == CTXFIT_QUANT_DEFAULT)
        return "default";
    return f != NULL ? f->name : "unknown";
}

ctxfit_quant ctxfit_quant_from_name(const char *name)
{
    if (name == NULL)
        return 0;
    for (uint32_t id = 0; id < CFI_COUNT(format_by_id); id++)
        if (format_by_id[id].name[0] != '\0' && cfi_equal_nocase(format_by_id[id].name, name))
            return id;
    for (size_t i = 0; i < CFI_COUNT(aliases); i++)
        if (cfi_equal_nocase(aliases[i].alias, name))
            return aliases[i].id;
    return 0;
}

ctxfit_quant ctxfit_quant_from_ggml(uint32_t ggml_type, uint32_t dialect)
{
    if (dialect != CTXFIT_DIALECT_GGML && dialect != CTXFIT_DIALECT_IK)
        return 0;
    if (dialect == CTXFIT_DIALECT_IK && ggml_type < CFI_COUNT(id_by_ik) && id_by_ik[ggml_type] != 0)
        return id_by_ik[ggml_type];
    return ggml_type < CFI_COUNT(id_by_ggml) ? id_by_ggml[ggml_type] : 0;
}

ctxfit_status ctxfit_quant_get_info(ctxfit_quant quant, ctxfit_quant_info *out)
{
    ctxfit_quant_info       info = CTXFIT_QUANT_INFO_INIT;
    const cfi_quant_format *f = find_format(quant);
    ctxfit_status           status;

    if (out == NULL)
        return CTXFIT_E_INVALID_ARG;
    if (f != NULL) {
        info.quant = quant;
        info.block_elems = f->block_elems;
        info.block_bytes = f->block_bytes;
        info.flags = f->flags;
        info.ggml_type = cfi_quant_ggml_type(f);
    }
    status = cfi_copy_out(out, &info, sizeof info, CFI_V1_QUANT_INFO);
    return status == CTXFIT_OK && f == NULL ? CTXFIT_E_NOT_FOUND : status;
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* How many tiles a matrix has; false on overflow. */
static bool count_tiles(const cfi_quant_format *f, uint64_t columns, uint64_t rows, uint64_t *out)
{
    uint64_t elems;

    if (f->tile_columns == 0) {
        *out = 0;
        return true;
    }
    if (f->tile_rows != 0)
        return cfi_mul_u64(ceil_div(columns, f->tile_columns), ceil_div(rows, f->tile_rows), out);
    if (!cfi_mul_u64(columns, rows, &elems))
        return false;
    *out = ceil_div(elems, f->tile_columns);
    return true;
}

static bool matrix_bytes(const cfi_quant_format *f, uint64_t columns, uint64_t rows, uint64_t *out)
{
    uint64_t row, rows_bytes, column_bytes, tiles;

    if (f->padding != 0 && (!cfi_align_u64(columns, f->padding, &columns) || !cfi_align_u64(rows, f->padding, &rows)))
        return false;
    return cfi_mul_u64(columns / f->block_elems, f->block_bytes, &row) && cfi_add_u64(row, f->row_bytes, &row) &&
           cfi_mul_u64(row, rows, &rows_bytes) && cfi_mul_u64(columns, f->column_bytes, &column_bytes) &&
           count_tiles(f, columns, rows, &tiles) && cfi_mul_u64(tiles, f->tile_bytes, &tiles) &&
           cfi_add_u64(rows_bytes, column_bytes, out) && cfi_add_u64(*out, tiles, out) && cfi_add_u64(*out, f->matrix_bytes, out);
}

ctxfit_status cfi_quant_tensor_bytes(ctxfit_quant quant, const uint64_t dims[4], uint64_t *out)
{
    const cfi_quant_format *f = cfi_quant_format_of(quant);
    uint64_t                bytes;

    *out = 0;
    if (f == NULL)
        return CTXFIT_E_NOT_FOUND;
    for (int i = 0; i < 4; i++)
        if (dims[i] == 0)
            return CTXFIT_E_INVALID_ARG;
    if (f->padding == 0 && dims[0] % f->block_elems != 0)
        return CTXFIT_E_INVALID_ARG;
    if (!matrix_bytes(f, dims[0], dims[1], &bytes) || !cfi_mul_u64(bytes, dims[2], &bytes) || !cfi_mul_u64(bytes, dims[3], &bytes))
        return CTXFIT_E_OVERFLOW;
    *out = bytes;
    return CTXFIT_OK;
}

ctxfit_status ctxfit_quant_tensor_bytes(ctxfit_quant quant, const uint64_t dims[4], uint64_t *out_bytes)
{
    if (out_bytes == NULL)
        return CTXFIT_E_INVALID_ARG;
    *out_bytes = 0;
    return dims != NULL ? cfi_quant_tensor_bytes(quant, dims, out_bytes) : CTXFIT_E_INVALID_ARG;
}

ctxfit_status ctxfit_quant_row_bytes(ctxfit_quant quant, uint64_t elems, uint64_t *out_bytes)
{
    const uint64_t dims[4] = {elems, 1, 1, 1};

    if (out_bytes != NULL && elems == 0 && cfi_quant_format_of(quant) != NULL) {
        *out_bytes = 0;
        return CTXFIT_OK;
    }
    return ctxfit_quant_tensor_bytes(quant, dims, out_bytes);
}
