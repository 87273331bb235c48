/* Any text is refused with a reason or gives a model whose sums agree, and whose notes are text; reading it twice gives the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_model(const ctxfit_model *model)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;
    const char       *note;

    require(ctxfit_model_get_info(model, &info) == CTXFIT_OK);
    require(info.layers > 0 && info.tensor_count > 0 && info.parameters_active <= info.parameters);
    require(info.tensor_bytes <= info.data_bytes);
    for (uint32_t i = 0; (note = ctxfit_model_note(model, i)) != NULL; i++)
        require(note[0] != '\0' && i < 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctxfit_model *model = NULL, *again = NULL;
    ctxfit_error  error = {0};
    ctxfit_status status = ctxfit_model_from_config((const char *)data, size, 0, NULL, &model, &error);

    require(ctxfit_model_from_config((const char *)data, size, ctxfit_file_type_from_name("Q4_K_M"), NULL, &again, NULL) == status ||
            status == CTXFIT_OK);
    ctxfit_model_free(again);
    if (status != CTXFIT_OK) {
        require(model == NULL && error.message[0] != '\0' && memchr(error.message, '\0', sizeof error.message) != NULL);
        return 0;
    }
    check_model(model);
    ctxfit_model_free(model);
    return 0;
}
