/* What a program of someone else does first. Built against the installed library and against its source tree. */
#include <ctxfit.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    ctxfit_hw *hw = NULL;
    char       spec[64];

    if (ctxfit_version_number() != CTXFIT_VERSION_NUMBER)
        return 1;
    if (ctxfit_hw_parse("gpu(backend=cuda,mem=24GiB) host:64GiB", NULL, &hw, NULL) != CTXFIT_OK)
        return 2;
    if (ctxfit_hw_device_count(hw) != 2 || ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL) != CTXFIT_OK)
        return 3;
    printf("ctxfit %s: %s\n", ctxfit_version_string(), spec);
    ctxfit_hw_free(hw);
    return 0;
}
