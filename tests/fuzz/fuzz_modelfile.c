/* Any text is refused with a reason or gives parts and parameters, at least one of them the weights. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/modelfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctxfit_modelfile *file = NULL;
    ctxfit_error      error = {0};

    if (ctxfit_modelfile_parse((const char *)data, size, NULL, &file, &error) != CTXFIT_OK) {
        require(file == NULL && error.message[0] != '\0');
        return 0;
    }
    require(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0) != NULL);
    for (uint32_t i = 0; i < ctxfit_modelfile_parameter_count(file); i++) {
        int64_t       value = 1;
        ctxfit_status status = ctxfit_modelfile_get_i64(file, ctxfit_modelfile_parameter_name(file, i), &value);

        require(ctxfit_modelfile_parameter_value(file, i) != NULL);
        require(status == CTXFIT_OK || (status == CTXFIT_E_TYPE && value == 0) || status == CTXFIT_E_NOT_FOUND);
    }
    ctxfit_modelfile_free(file);
    return 0;
}
