#include "quant_internal.h"

/* Words of file_types.def; IMATRIX is no public flag but a member of the info. */
enum {
    NONE      = 0,
    NO_RECIPE = CTXFIT_FILE_TYPE_F_NO_RECIPE,
    UNCOMMON  = CTXFIT_FILE_TYPE_F_UNCOMMON,
    IMATRIX   = 1 << 16
};

typedef struct file_type_row {
    char     name[16]; /* "": no such id */
    uint32_t number;
    uint32_t base;
    uint32_t flags;
} file_type_row;

static const file_type_row file_type_by_id[] = {
#define CFI_FILE_TYPE(id, name, number, base, flags, source, as_of) [id] = {#name, number, CFI_QUANT_##base, flags},
#define CFI_FILE_TYPE_RETIRED(id, name, number, source, as_of) [id] = {#name, number, 0, CTXFIT_FILE_TYPE_F_RETIRED},
#include "file_types.def"
#undef CFI_FILE_TYPE
#undef CFI_FILE_TYPE_RETIRED
};

/* The list of ctxfit_file_type_at(): best first. */
static const uint8_t file_types_by_size[] = {
#define CFI_FILE_TYPE(id, name, number, base, flags, source, as_of) id,
#define CFI_FILE_TYPE_RETIRED(id, name, number, source, as_of)
#include "file_types.def"
#undef CFI_FILE_TYPE
#undef CFI_FILE_TYPE_RETIRED
};

static const struct {
    char     alias[16];
    uint32_t id;
} file_type_aliases[] = {
#define CFI_QUANT_ALIAS(alias, name)
#define CFI_FILE_TYPE_ALIAS(alias, name) {alias, CFI_FILE_##name},
#include "aliases.def"
#undef CFI_QUANT_ALIAS
#undef CFI_FILE_TYPE_ALIAS
};

static const file_type_row *find_file_type(ctxfit_file_type file_type)
{
    return file_type < CFI_COUNT(file_type_by_id) && file_type_by_id[file_type].name[0] != '\0' ? &file_type_by_id[file_type] : NULL;
}

uint32_t ctxfit_file_type_count(void)
{
    return (uint32_t)CFI_COUNT(file_types_by_size);
}

ctxfit_file_type ctxfit_file_type_at(uint32_t index)
{
    return index < CFI_COUNT(file_types_by_size) ? file_types_by_size[index] : 0;
}

const char *ctxfit_file_type_name(ctxfit_file_type file_type)
{
    const file_type_row *row = find_file_type(file_type);

    if (file_type == CTXFIT_FILE_TYPE_DEFAULT)
        return "default";
    if (cfi_exl3_is(file_type))
        return "EXL3";
    return row != NULL ? row->name : "unknown";
}

ctxfit_status ctxfit_file_type_write_name(ctxfit_file_type file_type, char *buf, size_t cap, size_t *out_len)
{
    cfi_writer w;

    if (out_len != NULL)
        *out_len = 0;
    if (buf == NULL && cap > 0)
        return CTXFIT_E_INVALID_ARG;
    cfi_writer_init(&w, buf, cap);
    cfi_write(&w, "%s", ctxfit_file_type_name(file_type));
    if (cfi_exl3_is(file_type))
        cfi_write(&w, "-%u.%02ubpw-h%u", (unsigned)(cfi_exl3_hundredths(file_type) / 100), (unsigned)(cfi_exl3_hundredths(file_type) % 100),
                  (unsigned)cfi_exl3_head_bits(file_type));
    return cfi_writer_finish(&w, out_len);
}

ctxfit_file_type ctxfit_file_type_from_name(const char *name)
{
    if (name == NULL)
        return 0;
    for (uint32_t id = 0; id < CFI_COUNT(file_type_by_id); id++)
        if (file_type_by_id[id].name[0] != '\0' && cfi_equal_nocase(file_type_by_id[id].name, name))
            return id;
    for (size_t i = 0; i < CFI_COUNT(file_type_aliases); i++)
        if (cfi_equal_nocase(file_type_aliases[i].alias, name))
            return file_type_aliases[i].id;
    return cfi_exl3_from_name(name);
}

ctxfit_file_type ctxfit_file_type_from_ggml(uint32_t ggml_ftype)
{
    for (uint32_t id = 0; id < CFI_COUNT(file_type_by_id); id++)
        if (file_type_by_id[id].name[0] != '\0' && file_type_by_id[id].number == ggml_ftype)
            return id;
    return 0;
}

ctxfit_status ctxfit_file_type_get_info(ctxfit_file_type file_type, ctxfit_file_type_info *out)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;
    const file_type_row  *row = find_file_type(file_type);
    ctxfit_status         status;

    if (out == NULL)
        return CTXFIT_E_INVALID_ARG;
    if (row != NULL) {
        info.file_type = file_type;
        info.ggml_ftype = row->number;
        info.base = row->base;
        info.needs_imatrix = (row->flags & IMATRIX) != 0;
        info.flags = row->flags & ~(uint32_t)IMATRIX;
    } else if (cfi_exl3_is(file_type)) {
        info.file_type = file_type;
        info.ggml_ftype = UINT32_MAX;
        info.base = cfi_exl3_base(file_type);
        info.flags = CTXFIT_FILE_TYPE_F_EXL3 | CTXFIT_FILE_TYPE_F_UNCOMMON;
    }
    status = cfi_copy_out(out, &info, sizeof info, CFI_V1_FILE_TYPE_INFO);
    return status == CTXFIT_OK && info.file_type == 0 ? CTXFIT_E_NOT_FOUND : status;
}
