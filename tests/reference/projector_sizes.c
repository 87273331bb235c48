/* Prints what the library has an encoder take for pictures of given sizes: to be held against llama.cpp (projectors.py).
 *
 *   projector_sizes FILE.gguf [dev=none|cuda|rpc] [fa=auto|on|off] [build=11669] [min=TOKENS] [max=TOKENS] REQUEST...
 *   requests: load, img=WIDTHxHEIGHT[xCOUNT] (a picture as it is encoded), ov=WIDTHxHEIGHT[xCOUNT] (the same, the overview of an image),
 *   aud=FRAMESxBINS, pre=WIDTHxHEIGHT (an image before) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "graph/clip_internal.h"

typedef struct settings {
    uint32_t backend;
    uint32_t flash;
    uint32_t build;
    uint32_t min_tokens;
    uint32_t max_tokens;
} settings;

static bool read_setting(const char *word, settings *s)
{
    const char *value = strchr(word, '=');

    if (value++ == NULL)
        return false;
    if (strncmp(word, "dev=", 4) == 0)
        s->backend = strcmp(value, "cuda") == 0 ? CTXFIT_BACKEND_CUDA : strcmp(value, "rpc") == 0 ? CTXFIT_BACKEND_RPC : CTXFIT_BACKEND_CPU;
    else if (strncmp(word, "fa=", 3) == 0)
        s->flash = strcmp(value, "on") == 0 ? CTXFIT_CHOICE_ON : strcmp(value, "off") == 0 ? CTXFIT_CHOICE_OFF : CTXFIT_CHOICE_DEFAULT;
    else if (strncmp(word, "build=", 6) == 0)
        s->build = (uint32_t)strtoul(value, NULL, 10);
    else if (strncmp(word, "min=", 4) == 0)
        s->min_tokens = (uint32_t)strtoul(value, NULL, 10);
    else if (strncmp(word, "max=", 4) == 0)
        s->max_tokens = (uint32_t)strtoul(value, NULL, 10);
    else
        return false;
    return true;
}

static void print_pictures(const cfi_clip *clip, const char *request, uint32_t width, uint32_t height)
{
    cfi_clip_pictures p;
    uint32_t          last;

    printf("P %s", request);
    if (cfi_clip_make(clip, width, height, &p)) {
        last = p.count[1] > 0 ? 1 : 0; /* the engine's list leaves an overview out */
        printf(" %ux%u*%u tokens=%" PRIu64, (unsigned)p.width[last], (unsigned)p.height[last], (unsigned)p.count[last],
               cfi_clip_tokens(clip, p.width[last], p.height[last]));
    }
    printf("\n");
}

static void answer(const ctxfit_projector *projector, uint32_t sense, const char *request, const settings *s)
{
    unsigned       width = 0, height = 0, count = 1;
    ctxfit_error   error;
    cfi_clip       clip;
    cfi_clip_bytes bytes;
    cfi_arena      arena;
    cfi_clip_setup setup = {&clip, s->backend, s->flash, 0, 0, 1, strncmp(request, "ov=", 3) == 0, &arena};

    if (cfi_clip_read(projector, sense, s->build, s->min_tokens, s->max_tokens, &clip, &error) != CTXFIT_OK) {
        printf("E %s\n", error.message);
        return;
    }
    width  = clip.warm_width;
    height = clip.warm_height;
    if (strchr(request, '=') != NULL)
        (void)sscanf(strchr(request, '=') + 1, "%ux%ux%u", &width, &height, &count);
    if (strncmp(request, "pre=", 4) == 0) {
        print_pictures(&clip, request, width, height);
        return;
    }
    setup.width  = width;
    setup.height = height;
    setup.images = count;
    cfi_arena_init(&arena, NULL);
    if (cfi_clip_measure(&setup, &bytes, &error) != CTXFIT_OK)
        printf("E %s\n", error.message);
    else
        printf("G %s host=%" PRIu64 " device=%" PRIu64, request, bytes.host, bytes.device);
    if (strcmp(request, "load") != 0)
        printf(" tokens=%" PRIu64, setup.overview ? cfi_clip_overview_tokens(&clip, width, height) : cfi_clip_tokens(&clip, width, height));
    printf("%s\n", bytes.bound ? " bound" : "");
    cfi_arena_free(&arena);
}

int main(int argc, char **argv)
{
    settings            s       = {CTXFIT_BACKEND_CPU, CTXFIT_CHOICE_DEFAULT, 11669, 0, 0};
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf    = NULL;
    ctxfit_projector   *projector;
    ctxfit_error        error;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    if (argc < 3)
        return 2;
    if (ctxfit_gguf_open(argv[1], &options, NULL, &gguf, &error) != CTXFIT_OK ||
        ctxfit_projector_from_gguf(gguf, NULL, &projector, &error) != CTXFIT_OK) {
        printf("E %s\n", error.message);
        ctxfit_gguf_free(gguf);
        return 1;
    }
    ctxfit_gguf_free(gguf);
    for (int i = 2; i < argc; i++) {
        bool ears = strncmp(argv[i], "aud=", 4) == 0;

        if (read_setting(argv[i], &s))
            continue;
        for (uint32_t sense = 0; sense < CFI_SENSES; sense++) {
            if (projector->sense[sense].there && (strcmp(argv[i], "load") == 0 || ears == (sense == CFI_EARS)))
                answer(projector, sense, argv[i], &s);
        }
    }
    ctxfit_projector_free(projector);
    return 0;
}
