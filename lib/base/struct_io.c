#include "base_internal.h"

ctxfit_status cfi_struct_size(const void *src, size_t v1, uint32_t *out_size)
{
    uint32_t given;

    memcpy(&given, src, sizeof given);
    if (given < v1 || given > CFI_STRUCT_MAX || given % 8 != 0)
        return CTXFIT_E_STRUCT_SIZE;
    *out_size = given;
    return CTXFIT_OK;
}

ctxfit_status cfi_copy_in(void *dst, size_t known, size_t v1, const void *src)
{
    uint32_t      given;
    ctxfit_status status;

    if (src == NULL) {
        memset(dst, 0, known);
        return CTXFIT_OK;
    }
    status = cfi_struct_size(src, v1, &given);
    if (status != CTXFIT_OK)
        return status;
    for (size_t i = known; i < given; i++)
        if (((const unsigned char *)src)[i] != 0)
            return CTXFIT_E_NEWER_STRUCT;
    memcpy(dst, src, given < known ? given : known);
    if (given < known)
        memset((char *)dst + given, 0, known - given);
    return CTXFIT_OK;
}

ctxfit_status cfi_copy_out(void *dst, const void *src, size_t known, size_t v1)
{
    uint32_t      given;
    ctxfit_status status = cfi_struct_size(dst, v1, &given);

    if (status != CTXFIT_OK)
        return status;
    memcpy(dst, src, given < known ? given : known);
    if (given > known)
        memset((char *)dst + known, 0, given - known);
    memcpy(dst, &given, sizeof given);
    return CTXFIT_OK;
}

ctxfit_status cfi_copy_none(void *dst, size_t v1, ctxfit_status why)
{
    uint32_t      given;
    ctxfit_status status;

    if (dst == NULL)
        return why;
    status = cfi_struct_size(dst, v1, &given);
    if (status != CTXFIT_OK)
        return status;
    memset(dst, 0, given);
    memcpy(dst, &given, sizeof given);
    return why;
}
