/* Any header is refused with a reason or gives a projector whose sizes fit together, for every picture and recording that may come. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/plan.h"
#include "ctxfit/projector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static ctxfit_status from_header(const uint8_t *data, size_t size, ctxfit_projector **projector, ctxfit_error *error)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf = NULL;
    ctxfit_status       status;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    *projector = NULL;
    status = ctxfit_gguf_parse(data, size, &options, NULL, &gguf, error);
    if (status == CTXFIT_OK)
        status = ctxfit_projector_from_gguf(gguf, NULL, projector, error);
    ctxfit_gguf_free(gguf);
    return status;
}

static void measure(const ctxfit_projector *projector, const char *engine, uint32_t backend, const ctxfit_projector_options *options)
{
    ctxfit_projector_memory memory = CTXFIT_PROJECTOR_MEMORY_INIT;
    ctxfit_error            error = {0};
    ctxfit_status           status = ctxfit_projector_measure(projector, engine, backend, options, &memory, &error);
    bool                    host = backend == CTXFIT_BACKEND_CPU || (options->flags & CTXFIT_PROJECTOR_F_HOST) != 0;

    if (status != CTXFIT_OK) {
        require(error.status == status && error.message[0] != '\0' && memchr(error.message, '\0', sizeof error.message) != NULL);
        require(memory.flags == 0 && memory.weight_bytes == 0 && memory.host_compute_bytes == 0 && memory.image_tokens == 0);
        return;
    }
    require(memory.compute_bytes >= memory.load_bytes && memory.host_compute_bytes >= memory.host_load_bytes);
    require(host == ((memory.flags & CTXFIT_ENCODER_F_DEVICE) == 0));
    require(!host || (memory.weight_bytes == 0 && memory.compute_bytes == 0));
    require((memory.image_tokens == 0 && memory.image_pieces == 0) || options->image_width > 0);
    require(memory.audio_tokens == 0 || options->audio_ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t sizes[][3] = {{1280, 720, 31000}, {65536, 1, UINT32_MAX}, {1, 65536, 1}};
    ctxfit_projector_options options = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_projector        *projector = NULL;
    ctxfit_error             error = {0};
    ctxfit_status            status = from_header(data, size, &projector, &error);

    require((status == CTXFIT_OK) == (projector != NULL));
    if (status != CTXFIT_OK)
        require(error.status == status && memchr(error.message, '\0', sizeof error.message) != NULL);
    for (size_t i = 0; projector != NULL && i < sizeof sizes / sizeof sizes[0]; i++) {
        options.image_width  = sizes[i][0];
        options.image_height = sizes[i][1];
        options.audio_ms     = sizes[i][2];
        measure(projector, NULL, CTXFIT_BACKEND_CUDA, &options);
    }
    if (projector != NULL) {
        options.flags            = CTXFIT_PROJECTOR_F_HOST;
        options.flash_attention  = CTXFIT_CHOICE_OFF;
        options.images           = UINT32_MAX;
        options.image_max_tokens = UINT32_MAX;
        measure(projector, "llama.cpp@b10472", CTXFIT_BACKEND_VULKAN, &options);
        measure(projector, "llama.cpp@b99999", CTXFIT_BACKEND_CPU, &options);
    }
    ctxfit_projector_free(projector);
    return 0;
}
