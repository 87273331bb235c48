/* Detection where the library has no reader for the operating system, or was built without. */
#include "detect_internal.h"

#if defined(CTXFIT_WITHOUT_DETECT)
ctxfit_status ctxfit_hw_detect(const ctxfit_hw_detect_options *options, const ctxfit_allocator *allocator, ctxfit_hw **out,
                               ctxfit_error *error)
{
    (void)options;
    (void)allocator;
    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "the library was built without hardware detection");
}

const char *ctxfit_hw_warning(const ctxfit_hw *hw, uint32_t index)
{
    (void)hw;
    (void)index;
    return NULL;
}

ctxfit_status ctxfit_hw_write_report(const ctxfit_hw *hw, char *buf, size_t cap, size_t *out_len)
{
    if (out_len != NULL)
        *out_len = 0;
    return hw == NULL || (buf == NULL && cap > 0) ? CTXFIT_E_INVALID_ARG : CTXFIT_E_NOT_FOUND;
}
#else
ctxfit_status cfi_hw_read_system(cfi_hw_scene *scene)
{
    (void)scene;
    return CTXFIT_E_UNSUPPORTED;
}
#endif
