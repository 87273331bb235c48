/* Any text is refused with a reason or gives a model whose sums agree, and whose notes are text; reading it twice gives the same. Beside a
 * configuration it says how weights are quantized, or is refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/model.h"
#include "hf/hf_internal.h"

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
        require(note[0] != '\0' && i < CFI_HF_NOTES);
}

static void read_beside(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"hf_quant_config.json", "quantize_config.json", "quant_config.json"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cfi_arena     arena;
        cfi_hf_config c;
        cfi_hf_quant  q;
        ctxfit_error  error = {0};

        cfi_arena_init(&arena, NULL);
        if (cfi_hf_config_open(&c, "{\"quantization_config\": null}", 29, &arena, &error) == CTXFIT_OK &&
            cfi_hf_config_add_quant(&c, names[i], (const char *)data, size) == CTXFIT_OK) {
            cfi_hf_read_quant(&c, &q);
            cfi_hf_note_quant(&c);
            require(q.kind <= CTXFIT_CHECKPOINT_QUANT_EXL3 && q.method != NULL && q.group <= UINT16_MAX);
        } else {
            require(error.message[0] != '\0');
        }
        cfi_hf_config_close(&c);
        cfi_arena_free(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctxfit_model *model = NULL, *again = NULL;
    ctxfit_error  error = {0};
    ctxfit_status status = ctxfit_model_from_config((const char *)data, size, 0, NULL, &model, &error);

    require(ctxfit_model_from_config((const char *)data, size, ctxfit_file_type_from_name("Q4_K_M"), NULL, &again, NULL) == status ||
            status == CTXFIT_OK);
    ctxfit_model_free(again);
    if (size > 0)
        read_beside(data, size);
    if (status != CTXFIT_OK) {
        require(model == NULL && error.message[0] != '\0' && memchr(error.message, '\0', sizeof error.message) != NULL);
        return 0;
    }
    check_model(model);
    ctxfit_model_free(model);
    return 0;
}
