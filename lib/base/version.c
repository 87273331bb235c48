#include "base_internal.h"

#define CFI_TEXT(x) #x
#define CFI_VERSION_TEXT(major, minor, patch) CFI_TEXT(major) "." CFI_TEXT(minor) "." CFI_TEXT(patch)

uint32_t ctxfit_version_number(void)
{
    return CTXFIT_VERSION_NUMBER;
}

const char *ctxfit_version_string(void)
{
    return CFI_VERSION_TEXT(CTXFIT_VERSION_MAJOR, CTXFIT_VERSION_MINOR, CTXFIT_VERSION_PATCH);
}
