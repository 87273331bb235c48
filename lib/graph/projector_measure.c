/* The public measure of a projector: both encoders, their weights, the start and what comes later. */
#include "clip_internal.h"

#define BATCH_TOKENS  1024u  /* --mtmd-batch-max-tokens, b11118 tools/mtmd/mtmd.cpp:472 */
#define HOP_MS        10u    /* between frames of sound: 160 samples at 16 kHz, clip.cpp:1783 */
#define CHUNK_MS      30000u
#define WAVE_MS       40u    /* 640 samples, clip.cpp:1815 */
#define WINDOW_FRAMES 800u   /* n_window_infer of Qwen3-ASR, mtmd-audio.cpp */
#define HUNDRED       100u

typedef struct projector_question {
    const ctxfit_projector         *projector;
    const ctxfit_projector_options *options;
    uint32_t                        build;
    uint32_t                        backend; /* CTXFIT_BACKEND_CPU: runs on the host */
    cfi_arena                       scratch;
    ctxfit_error                   *error;
} projector_question;

static bool starts_with(const char *name, const char *start) { return strncmp(name, start, strlen(start)) == 0; }

/* Tensors that every encoder loads, whichever it is (clip.cpp:2064). */
static bool is_common(const char *name)
{
    static const char *const common[] = {"v.class_embd", "v.patch_embd.weight", "v.patch_embd.weight.1", "v.patch_embd.bias",
                                         "v.norm_embd.weight", "v.norm_embd.bias"};

    for (size_t i = 0; i < CFI_COUNT(common); i++) {
        if (strcmp(name, common[i]) == 0)
            return true;
    }
    return false;
}

/* Limits of clamped products are read as numbers. */
static bool is_number(const char *name)
{
    return cfi_ends_with(name, ".input_min") || cfi_ends_with(name, ".input_max") || cfi_ends_with(name, ".output_min") ||
           cfi_ends_with(name, ".output_max");
}

static bool loaded_by(const ctxfit_projector *p, const char *name, uint32_t sense)
{
    bool of_ears = starts_with(name, "a.") || starts_with(name, "mm.a.");

    if (is_number(name))
        return false;
    if (sense == CFI_EYES)
        return !of_ears;
    return of_ears || is_common(name) || !p->sense[CFI_EYES].there;
}

static ctxfit_status add_encoder_weights(const projector_question *q, uint32_t sense, ctxfit_projector_memory *out)
{
    bool        device  = q->backend != CTXFIT_BACKEND_CPU;
    bool        cuda    = q->backend == CTXFIT_BACKEND_CUDA || q->backend == CTXFIT_BACKEND_ROCM;
    uint64_t   *sum     = device ? &out->weight_bytes : &out->host_weight_bytes;
    uint64_t    bytes;

    for (uint32_t i = 0; i < q->projector->tensor_count; i++) {
        const cfi_tensor *tensor = &q->projector->tensor[i];

        if (!loaded_by(q->projector, tensor->name, sense))
            continue;
        if (!cfi_model_padded_bytes(tensor, cuda ? CFI_PADDING_CUDA : CFI_PADDING_32, &bytes) || !cfi_add_u64(*sum, bytes, sum))
            return cfi_fail(q->error, CTXFIT_E_OVERFLOW, "the tensors exceed 64 bits");
    }
    return CTXFIT_OK;
}

static ctxfit_status measure_at(projector_question *q, const cfi_clip *clip, uint64_t width, uint64_t height, uint64_t images,
                                bool overview, cfi_clip_bytes *out)
{
    cfi_clip_setup setup = {clip, q->backend, q->options->flash_attention, width, height, images, overview, &q->scratch};

    return cfi_clip_measure(&setup, out, q->error);
}

static void keep_more(cfi_clip_bytes *most, const cfi_clip_bytes *more)
{
    most->device = cfi_max_u64(most->device, more->device);
    most->host   = cfi_max_u64(most->host, more->host);
    most->bound |= more->bound;
}

static uint64_t at_once(const cfi_clip *clip, uint64_t pictures, uint64_t tokens)
{
    if (clip->apart != CFI_CLIP_TOGETHER)
        return 1;
    return cfi_max_u64(1, cfi_min_u64(pictures, tokens > 0 ? BATCH_TOKENS / tokens : 1));
}

static ctxfit_status measure_image(projector_question *q, const cfi_clip *clip, cfi_clip_bytes *most, ctxfit_projector_memory *out)
{
    const ctxfit_projector_options *o = q->options;
    cfi_clip_pictures               pictures;
    ctxfit_status                   status = CTXFIT_OK;

    if (!cfi_clip_make(clip, o->image_width, o->image_height, &pictures)) {
        out->flags |= CTXFIT_ENCODER_F_UNSIZED;
        pictures = (cfi_clip_pictures){{clip->warm_width, 0}, {clip->warm_height, 0}, {1, 0}};
    }
    for (uint32_t i = 0; i < 2 && status == CTXFIT_OK; i++) {
        uint64_t       tokens = i == 0 ? cfi_clip_overview_tokens(clip, pictures.width[i], pictures.height[i])
                                       : cfi_clip_tokens(clip, pictures.width[i], pictures.height[i]);
        uint64_t       images = cfi_max_u64(1, o->images);
        cfi_clip_bytes bytes;

        if (pictures.count[i] == 0)
            continue;
        status = measure_at(q, clip, pictures.width[i], pictures.height[i], at_once(clip, images * pictures.count[i], tokens),
                            i == 0, &bytes);
        if (status != CTXFIT_OK)
            break;
        keep_more(most, &bytes);
        if (!cfi_mul_u64(tokens, pictures.count[i], &tokens) || !cfi_add_u64(out->image_tokens, tokens, &out->image_tokens))
            return cfi_fail(q->error, CTXFIT_E_OVERFLOW, "the tokens of an image exceed 64 bits");
        out->image_pieces += pictures.count[i];
        if (i == 0 || (uint64_t)pictures.width[i] * pictures.height[i] > (uint64_t)out->picture_width * out->picture_height) {
            out->picture_width  = pictures.width[i];
            out->picture_height = pictures.height[i];
        }
        if (tokens == 0)
            out->flags |= CTXFIT_ENCODER_F_UNSIZED;
    }
    return status;
}

/* How a recording is cut: pieces of so many frames, the last rounded up to a multiple of `step`. */
typedef struct sound_cut {
    uint64_t frames;
    uint64_t most;
    uint64_t step;
} sound_cut;

/* Rules: b11118 tools/mtmd/mtmd-audio.cpp, preprocess() of each kind. False: not known. */
static bool cut_sound(const projector_question *q, const cfi_clip *clip, sound_cut *out)
{
    uint64_t frames = (uint64_t)q->options->audio_ms / HOP_MS;
    uint64_t chunk  = (uint64_t)CHUNK_MS / HOP_MS;
    uint64_t wave   = ((uint64_t)q->options->audio_ms + WAVE_MS - 1) / WAVE_MS;

    switch (clip->made) {
    case CFI_CLIP_MADE_CHUNKS: *out = (sound_cut){frames + 1 + chunk, chunk, 0}; return true;
    case CFI_CLIP_MADE_HALF_MINUTES: *out = (sound_cut){frames, chunk, 1}; return true;
    case CFI_CLIP_MADE_MINUTES: *out = (sound_cut){frames, 2 * chunk, 1}; return true;
    case CFI_CLIP_MADE_WHOLE_PAIRS: *out = (sound_cut){(frames + 1) / 2, frames / 2 + 1, 1}; return true;
    case CFI_CLIP_MADE_WAVE: *out = (sound_cut){wave, wave + 1, 1}; return true;
    case CFI_CLIP_MADE_WHOLE: *out = (sound_cut){frames + 1, frames + 1, 1}; return true;
    case CFI_CLIP_MADE_HUNDREDS: *out = (sound_cut){frames + 1, WINDOW_FRAMES, HUNDRED}; return true;
    default: return false;
    }
}

/* A piece that is longer than what is reserved at the start lets buffers grow. */
static ctxfit_status measure_sound(projector_question *q, const cfi_clip *clip, cfi_clip_bytes *most, ctxfit_projector_memory *out)
{
    cfi_clip_bytes bytes;
    ctxfit_status  status;
    sound_cut      cut;
    uint64_t       whole, rest, tokens;

    if (!cut_sound(q, clip, &cut)) {
        out->flags |= CTXFIT_ENCODER_F_UNSIZED;
        return CTXFIT_OK;
    }
    whole  = cut.frames / cut.most;
    rest   = cut.step > 0 ? (cut.frames % cut.most + cut.step - 1) / cut.step * cut.step : 0;
    tokens = cfi_clip_tokens(clip, cut.most, clip->warm_height);
    if (!cfi_mul_u64(whole, tokens, &out->audio_tokens) ||
        (rest > 0 && !cfi_add_u64(out->audio_tokens, cfi_clip_tokens(clip, rest, clip->warm_height), &out->audio_tokens)))
        return cfi_fail(q->error, CTXFIT_E_OVERFLOW, "the tokens of a recording exceed 64 bits");
    if (cfi_max_u64(rest, whole > 0 ? cut.most : 0) <= clip->warm_width)
        return CTXFIT_OK;
    status = measure_at(q, clip, whole > 0 ? cut.most : rest, clip->warm_height, 1, false, &bytes);
    if (status == CTXFIT_OK)
        keep_more(most, &bytes);
    return status;
}

static ctxfit_status measure_sense(projector_question *q, uint32_t sense, ctxfit_projector_memory *out)
{
    const ctxfit_projector_options *o = q->options;
    cfi_clip_bytes start, most;
    cfi_clip       clip;
    ctxfit_status  status = cfi_clip_read(q->projector, sense, q->build, o->image_min_tokens, o->image_max_tokens, &clip, q->error);

    if (status == CTXFIT_OK)
        status = add_encoder_weights(q, sense, out);
    if (status == CTXFIT_OK)
        status = measure_at(q, &clip, clip.warm_width, clip.warm_height, 1, false, &start);
    if (status != CTXFIT_OK)
        return status;
    most = start;
    if (sense == CFI_EYES) {
        out->picture_width  = clip.warm_width;
        out->picture_height = clip.warm_height;
        if (o->image_width > 0)
            status = measure_image(q, &clip, &most, out);
    } else if (o->audio_ms > 0) {
        status = measure_sound(q, &clip, &most, out);
    }
    if (status != CTXFIT_OK)
        return status;
    if (start.flash && (sense == CFI_EYES || !q->projector->sense[CFI_EYES].there))
        out->flags |= CTXFIT_ENCODER_F_FLASH;
    if (most.bound)
        out->flags |= CTXFIT_ENCODER_F_BOUND;
    out->embedding = start.width <= UINT32_MAX ? (uint32_t)start.width : 0;
    if (!cfi_add_u64(out->load_bytes, start.device, &out->load_bytes) ||
        !cfi_add_u64(out->host_load_bytes, start.host, &out->host_load_bytes) ||
        !cfi_add_u64(out->compute_bytes, most.device, &out->compute_bytes) ||
        !cfi_add_u64(out->host_compute_bytes, most.host, &out->host_compute_bytes))
        return cfi_fail(q->error, CTXFIT_E_OVERFLOW, "the compute buffers exceed 64 bits");
    return CTXFIT_OK;
}

static ctxfit_status check_options(const ctxfit_projector_options *o, ctxfit_error *error)
{
    if ((o->flags & ~(uint32_t)CTXFIT_PROJECTOR_F_HOST) != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "flags: 0x%x has unknown bits", (unsigned)o->flags);
    if (o->flash_attention > CTXFIT_CHOICE_OFF)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "flash_attention: %u is no CTXFIT_CHOICE_*", (unsigned)o->flash_attention);
    if ((o->image_width == 0) != (o->image_height == 0))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "an image has a width and a height");
    if (o->reserved0 != 0)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "reserved0: %u, expected 0", (unsigned)o->reserved0);
    return CTXFIT_OK;
}

ctxfit_status cfi_projector_options_read(const ctxfit_projector_options *options, ctxfit_projector_options *out, ctxfit_error *error)
{
    ctxfit_status status = cfi_copy_in(out, sizeof *out, CFI_V1_PROJECTOR_OPTIONS, options);

    return status == CTXFIT_OK ? check_options(out, error) : cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
}

ctxfit_status cfi_projector_measure(const ctxfit_projector *projector, uint32_t build, uint32_t backend,
                                    const ctxfit_projector_options *options, const ctxfit_allocator *allocator,
                                    ctxfit_projector_memory *out, ctxfit_error *error)
{
    projector_question q      = {.projector = projector, .options = options, .build = build, .error = error};
    ctxfit_status      status = CTXFIT_OK;

    *out      = (ctxfit_projector_memory)CTXFIT_PROJECTOR_MEMORY_INIT;
    q.backend = backend;
    if (backend == CTXFIT_BACKEND_DEFAULT || (options->flags & CTXFIT_PROJECTOR_F_HOST) != 0)
        q.backend = CTXFIT_BACKEND_CPU;
    cfi_arena_init(&q.scratch, allocator);
    if (q.backend != CTXFIT_BACKEND_CPU)
        out->flags |= CTXFIT_ENCODER_F_DEVICE;
    if (q.backend != CTXFIT_BACKEND_CPU && q.backend != CTXFIT_BACKEND_CUDA && q.backend != CTXFIT_BACKEND_RPC)
        out->flags |= CTXFIT_ENCODER_F_UNCHECKED;
    for (uint32_t sense = 0; sense < CFI_SENSES && status == CTXFIT_OK; sense++) {
        if (projector->sense[sense].there && (sense == CFI_EYES || cfi_clip_hears(projector)))
            status = measure_sense(&q, sense, out);
    }
    cfi_arena_free(&q.scratch);
    return status;
}

ctxfit_status ctxfit_projector_measure(const ctxfit_projector *projector, const char *engine, uint32_t backend,
                                       const ctxfit_projector_options *options, ctxfit_projector_memory *out, ctxfit_error *error)
{
    ctxfit_projector_options o;
    ctxfit_projector_memory  found;
    cfi_engine_choice        choice;
    ctxfit_status            status;

    if (projector == NULL || out == NULL)
        return cfi_fail(error, cfi_copy_none(out, CFI_V1_PROJECTOR_MEMORY, CTXFIT_E_INVALID_ARG), "projector and out must not be NULL");
    status = cfi_projector_options_read(options, &o, error);
    if (status == CTXFIT_OK && backend > CTXFIT_BACKEND_RPC)
        status = cfi_fail(error, CTXFIT_E_INVALID_ARG, "backend: %u is no CTXFIT_BACKEND_*", (unsigned)backend);
    if (status == CTXFIT_OK)
        status = cfi_engine_choose(engine, &choice, error);
    if (status == CTXFIT_OK && choice.info.build == 0)
        status = cfi_fail(error, CTXFIT_E_UNSUPPORTED, "engine '%.32s' runs no llama.cpp, whose mmproj files are",
                          choice.info.name);
    if (status == CTXFIT_OK)
        status = cfi_projector_measure(projector, choice.info.build, backend, &o, &projector->arena.allocator, &found, error);
    if (status != CTXFIT_OK)
        return cfi_copy_none(out, CFI_V1_PROJECTOR_MEMORY, status);
    return cfi_copy_out(out, &found, sizeof found, CFI_V1_PROJECTOR_MEMORY);
}
