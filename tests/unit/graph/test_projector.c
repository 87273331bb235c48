/* The public measure of projectors: what it adds up, what it says of what it does not know, what it refuses. */
#include "projector_rows.h"

#include "ctxfit/beside.h"
#include "ctxfit/hw.h"
#include "ctxfit/plan.h"
#include "ctxfit/projector.h"

static projector_rows rows;

static int open_rows(void **state)
{
    (void)state;
    rows = projector_rows_read(TEST_DATA "/projectors/rows.txt");
    return 0;
}

static int close_rows(void **state)
{
    (void)state;
    projector_rows_free(&rows);
    return 0;
}

static ctxfit_projector *projector_of(const char *name, const char *without)
{
    ctxfit_gguf      *gguf = projector_gguf(projector_find(&rows, name), without);
    ctxfit_projector *projector;
    ctxfit_error      error;

    if (ctxfit_projector_from_gguf(gguf, NULL, &projector, &error) != CTXFIT_OK)
        fail_msg("%s: %s", name, error.message);
    ctxfit_gguf_free(gguf);
    return projector;
}

static ctxfit_projector_memory measured(const ctxfit_projector *projector, uint32_t backend, const ctxfit_projector_options *o)
{
    ctxfit_projector_memory m = CTXFIT_PROJECTOR_MEMORY_INIT;
    ctxfit_error            error;

    if (ctxfit_projector_measure(projector, NULL, backend, o, &m, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return m;
}

static void what_is_on_the_gpu_is_not_on_the_host(void **state)
{
    ctxfit_projector        *projector = projector_of("qwen3vl.0", NULL);
    ctxfit_projector_options host = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_companion         info = CTXFIT_COMPANION_INIT;
    ctxfit_projector_memory  on, off;

    (void)state;
    host.flags = CTXFIT_PROJECTOR_F_HOST;
    on  = measured(projector, CTXFIT_BACKEND_CUDA, NULL);
    off = measured(projector, CTXFIT_BACKEND_CUDA, &host);
    assert_int_equal(ctxfit_projector_get_info(projector, &info), CTXFIT_OK);
    assert_string_equal(info.name, "qwen3vl_merger");
    assert_true((on.flags & CTXFIT_ENCODER_F_DEVICE) != 0 && (off.flags & CTXFIT_ENCODER_F_DEVICE) == 0);
    assert_true(on.weight_bytes >= info.weight_bytes && on.host_weight_bytes == 0);
    assert_int_equal(off.host_weight_bytes, info.weight_bytes);
    assert_int_equal(off.weight_bytes, 0);
    assert_int_equal(off.load_bytes, 0);
    assert_true(on.load_bytes > 0 && on.host_load_bytes > 0 && off.host_load_bytes > on.host_load_bytes);
    assert_int_equal(on.compute_bytes, on.load_bytes);
    assert_int_equal(on.image_tokens, 0);
    ctxfit_projector_free(projector);
}

/* Qwen3-VL: 46 x 46 patches of 2 x 2 are reserved; an image of 2048 x 2048 has 64 x 64 of these. */
static void buffers_grow_with_an_image_and_never_shrink(void **state)
{
    ctxfit_projector        *projector = projector_of("qwen3vl.0", NULL);
    ctxfit_projector_options small = CTXFIT_PROJECTOR_OPTIONS_INIT, large = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_projector_memory  m;
    uint64_t                 start;

    (void)state;
    small.image_width = small.image_height = 320;
    large.image_width = large.image_height = 2048;
    m = measured(projector, CTXFIT_BACKEND_CUDA, &small);
    start = m.load_bytes;
    assert_int_equal(m.compute_bytes, start);
    assert_int_equal(m.image_tokens, 100);
    assert_int_equal(m.picture_width, 320);
    m = measured(projector, CTXFIT_BACKEND_CUDA, &large);
    assert_int_equal(m.load_bytes, start);
    assert_true(m.compute_bytes > start);
    assert_int_equal(m.image_tokens, 4096);
    assert_int_equal(m.image_pieces, 1);
    large.image_max_tokens = 100;
    m = measured(projector, CTXFIT_BACKEND_CUDA, &large);
    assert_int_equal(m.image_tokens, 100);
    ctxfit_projector_free(projector);
}

/* An overview and tiles of 512. */
static void pieces_of_an_image_add_up(void **state)
{
    ctxfit_projector        *projector = projector_of("lfm2.0", NULL);
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_projector_memory  m;

    (void)state;
    o.image_width  = 1024;
    o.image_height = 1024;
    m = measured(projector, 0, &o);
    assert_int_equal(m.image_pieces, 5);
    assert_int_equal(m.image_tokens, 5 * 256);
    assert_int_equal(m.picture_width, 512);
    ctxfit_projector_free(projector);
}

/* Whisper: 30 seconds are 3000 frames, whatever the recording's length; two convolutions and a pool leave 750. Half a minute of silence is
 * added behind, so that a recording of exactly one chunk has two (0.7.0, mtmd_debug_preprocess_audio). Qwen3-ASR: windows of 800. */
static void sound_comes_in_chunks_of_half_a_minute(void **state)
{
    static const uint32_t    chunks[][2] = {{500, 1}, {29000, 1}, {29990, 2}, {30000, 2}, {60000, 3}, {61000, 3}};
    static const uint32_t    windows[][2] = {{990, 13}, {1000, 26}, {7990, 104}, {8000, 117}, {30000, 403}};
    ctxfit_projector        *projector = projector_of("qwen2a.0", NULL);
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_projector_memory  m;

    (void)state;
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        o.audio_ms = chunks[i][0];
        m = measured(projector, CTXFIT_BACKEND_CUDA, &o);
        assert_int_equal(m.audio_tokens, chunks[i][1] * 750);
        assert_int_equal(m.compute_bytes, m.load_bytes);
    }
    ctxfit_projector_free(projector);
    projector = projector_of("qwen3a.0", NULL);
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        o.audio_ms = windows[i][0];
        assert_int_equal(measured(projector, 0, &o).audio_tokens, windows[i][1]);
    }
    ctxfit_projector_free(projector);
}

/* Pieces of a minute, of which half is reserved at the start (0.7.0, mtmd_debug_preprocess_audio). */
static void buffers_grow_with_a_recording_whose_pieces_are_longer_than_what_is_reserved(void **state)
{
    static const uint32_t    minutes[][2] = {{500, 7}, {30000, 375}, {60000, 750}, {61000, 763}, {125000, 1563}};
    ctxfit_projector        *projector = projector_of("dots3note_a.0", NULL);
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof minutes / sizeof minutes[0]; i++) {
        ctxfit_projector_memory m;

        o.audio_ms = minutes[i][0];
        m          = measured(projector, 0, &o);
        assert_int_equal(m.audio_tokens, minutes[i][1]);
        assert_true((m.host_compute_bytes > m.host_load_bytes) == (minutes[i][0] > 30000));
    }
    ctxfit_projector_free(projector);
}

/* The whole recording at once; of Granite two frames are one, of Gemma-4 a piece of the wave is a token (0.7.0,
 * mtmd_debug_preprocess_audio). */
static void sound_may_come_in_one_piece(void **state)
{
    static const struct {
        const char *name;
        uint32_t    ms, tokens;
    } row[] = {
        {"lfm2a.0", 500, 7},           {"lfm2a.0", 995, 13},
        {"lfm2a.0", 30000, 376},       {"lfm2a.0", 65000, 813},
        {"granite_speech.0", 505, 10}, {"granite_speech.0", 30000, 500},
        {"granite_speech.0", 30010, 505}, {"granite_speech.0", 65005, 1085},
        {"gemma4ua.0", 505, 13},       {"gemma4ua.0", 30000, 750},
        {"gemma4ua.0", 30010, 751},    {"gemma4ua.0", 65005, 1626},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        ctxfit_projector        *projector = projector_of(row[i].name, NULL);
        ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;

        o.audio_ms = row[i].ms;
        assert_int_equal(measured(projector, 0, &o).audio_tokens, row[i].tokens);
        ctxfit_projector_free(projector);
    }
}

/* A kind without a graph, and a known one that lacks a tensor: more than the graph, and said so. */
static void what_is_not_known_is_bounded_and_said(void **state)
{
    ctxfit_projector       *whole = projector_of("gemma3.0", NULL), *part = projector_of("gemma3.0", "mm.input_projection");
    ctxfit_projector_memory exact = measured(whole, CTXFIT_BACKEND_CUDA, NULL), bound = measured(part, CTXFIT_BACKEND_CUDA, NULL);

    (void)state;
    assert_int_equal(exact.flags & CTXFIT_ENCODER_F_BOUND, 0);
    assert_true((bound.flags & CTXFIT_ENCODER_F_BOUND) != 0);
    assert_true(bound.load_bytes >= exact.load_bytes && bound.host_load_bytes >= exact.host_load_bytes);
    ctxfit_projector_free(whole);
    ctxfit_projector_free(part);
}

static ctxfit_status refusal(const ctxfit_projector *p, const char *engine, const ctxfit_projector_options *o, const char *words)
{
    ctxfit_projector_memory m = CTXFIT_PROJECTOR_MEMORY_INIT;
    ctxfit_error            error = {0};
    ctxfit_status           status = ctxfit_projector_measure(p, engine, CTXFIT_BACKEND_CUDA, o, &m, &error);

    assert_non_null(strstr(error.message, words));
    assert_int_equal(m.weight_bytes, 0);
    return status;
}

/* libmtmd.so.0.7.0: "load_hparams: unknown projector type: ". What a build after it has learned nobody knows. */
static void a_file_without_a_kind_is_refused_by_known_builds_and_bounded_for_later_ones(void **state)
{
    ctxfit_projector        *projector = projector_of("janus_pro.0", "clip.projector_type");
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_projector_memory  m = CTXFIT_PROJECTOR_MEMORY_INIT;

    (void)state;
    o.image_width = o.image_height = 400;
    assert_int_equal(refusal(projector, NULL, &o, "unknown projector type: "), CTXFIT_E_REFUSED);
    assert_int_equal(refusal(projector, "lm-studio", &o, "unknown projector type: "), CTXFIT_E_REFUSED);
    assert_int_equal(ctxfit_projector_measure(projector, "llama.cpp@b11670", 0, &o, &m, NULL), CTXFIT_OK);
    assert_true((m.flags & CTXFIT_ENCODER_F_BOUND) != 0 && (m.flags & CTXFIT_ENCODER_F_UNSIZED) != 0);
    assert_true(m.host_load_bytes > 0);
    ctxfit_projector_free(projector);
}

/* EXAONE 4.5 came with b9453, one build after that of Ollama 0.30 (upstream's 48b88c3b0). */
static void a_kind_is_refused_by_builds_before_it(void **state)
{
    ctxfit_projector       *projector = projector_of("exaone4_5.0", NULL);
    ctxfit_projector_memory m = CTXFIT_PROJECTOR_MEMORY_INIT;

    (void)state;
    assert_int_equal(refusal(projector, "llama.cpp@b9452", NULL, "exaone4_5 (known from build 9453 on, this is 9452)"), CTXFIT_E_REFUSED);
    assert_int_equal(refusal(projector, "ollama@0.30.0", NULL, "unknown projector type"), CTXFIT_E_REFUSED);
    assert_int_equal(ctxfit_projector_measure(projector, "llama.cpp@b9453", 0, NULL, &m, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_projector_measure(projector, "ollama@0.31.0", 0, NULL, &m, NULL), CTXFIT_OK);
    ctxfit_projector_free(projector);
}

static ctxfit_status plan_beside(const char *model_text, ctxfit_error *error)
{
    ctxfit_gguf   *gguf   = projector_gguf(projector_find(&rows, "qwen3vl.0"), NULL);
    ctxfit_beside *beside = NULL;
    ctxfit_model  *model  = NULL;
    ctxfit_hw     *hw     = NULL;
    ctxfit_plan   *plan   = NULL;
    ctxfit_status  status;

    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_beside_add_projector(beside, gguf, NULL, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_model_from_text(model_text, 0, NULL, &model, error), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_parse("host:64GiB", NULL, &hw, NULL), CTXFIT_OK);
    status = ctxfit_plan_make_beside(model, hw, NULL, beside, NULL, &plan, error);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    ctxfit_beside_free(beside);
    ctxfit_gguf_free(gguf);
    return status;
}

#define LAYERS "layers=2 ctx=4096 ff=512 heads=4 kv_heads=4 vocab=1000 "

/* The file's mm.2.bias has 256 elements, and one deepstack layer comes on top: clip.cpp, clip_n_mmproj_embd(). */
static void a_projector_of_another_width_is_refused(void **state)
{
    ctxfit_projector *projector = projector_of("qwen3vl.0", NULL);
    ctxfit_error      error;

    (void)state;
    assert_int_equal(measured(projector, CTXFIT_BACKEND_CPU, NULL).embedding, 512);
    assert_int_equal(plan_beside("qwen3vl " LAYERS "width=256 n_deepstack_layers=1", &error), CTXFIT_OK);
    assert_int_equal(plan_beside("qwen3vl " LAYERS "width=512 n_deepstack_layers=1", &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "(n_embd = 1024) and mmproj (n_embd = 512)"));
    ctxfit_projector_free(projector);
}

static void wrong_questions_are_refused(void **state)
{
    ctxfit_projector        *projector = projector_of("gemma3.0", NULL);
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_projector_memory  m = CTXFIT_PROJECTOR_MEMORY_INIT;

    (void)state;
    assert_int_equal(refusal(projector, "vllm", NULL, "runs no llama.cpp"), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(refusal(projector, "no-such", NULL, "no-such"), CTXFIT_E_NOT_FOUND);
    o.image_width = 100;
    assert_int_equal(refusal(projector, "", &o, "a width and a height"), CTXFIT_E_INVALID_ARG);
    o.image_width     = 0;
    o.flash_attention = 7;
    assert_int_equal(refusal(projector, "", &o, "flash_attention"), CTXFIT_E_INVALID_ARG);
    o.flash_attention = 0;
    o.flags           = 2;
    assert_int_equal(refusal(projector, "", &o, "unknown bits"), CTXFIT_E_INVALID_ARG);
    o.flags       = 0;
    o.struct_size = 8;
    assert_int_equal(refusal(projector, "", &o, "options"), CTXFIT_E_STRUCT_SIZE);
    o           = (ctxfit_projector_options)CTXFIT_PROJECTOR_OPTIONS_INIT;
    o.reserved0 = 1;
    assert_int_equal(refusal(projector, "", &o, "reserved0"), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_projector_measure(projector, NULL, CTXFIT_BACKEND_RPC + 1, NULL, &m, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_projector_measure(NULL, NULL, 0, NULL, &m, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_projector_measure(projector, NULL, 0, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_projector_get_info(NULL, NULL), CTXFIT_E_INVALID_ARG);
    ctxfit_projector_free(projector);
    ctxfit_projector_free(NULL);
}

/* Windows over fewer patches than a group has: the engine stops; here nothing is divided by their number. */
static void an_image_of_less_than_a_patch_is_no_crash(void **state)
{
    ctxfit_projector        *projector = projector_of("qwen25vl.0", NULL);
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;

    (void)state;
    o.image_width = o.image_height = 1;
    o.image_min_tokens = o.image_max_tokens = 1;
    (void)measured(projector, CTXFIT_BACKEND_CUDA, &o);
    ctxfit_projector_free(projector);
}

/* Least pixels that a caller asks for may be more than any side has. */
static void a_side_of_a_picture_ends_where_float_has_no_odd_numbers(void **state)
{
    static const char *const names[] = {"deepseek4v.0", "qwen3vl.0"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ctxfit_projector        *projector = projector_of(names[i], NULL);
        ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;
        ctxfit_projector_memory  m;

        o.image_width      = 1;
        o.image_height     = 65536;
        o.image_min_tokens = o.image_max_tokens = UINT32_MAX;
        m = measured(projector, CTXFIT_BACKEND_CUDA, &o);
        assert_true(m.picture_height <= 16777216 && m.picture_height > 65536);
        ctxfit_projector_free(projector);
    }
}

static ctxfit_status from_text(const char *name, const char *without, const char *words)
{
    ctxfit_gguf             *gguf = projector_gguf(projector_find(&rows, name), without);
    ctxfit_projector        *projector = NULL;
    ctxfit_projector_memory  m = CTXFIT_PROJECTOR_MEMORY_INIT;
    ctxfit_error             error = {0};
    ctxfit_status            status = ctxfit_projector_from_gguf(gguf, NULL, &projector, &error);

    if (status == CTXFIT_OK)
        status = ctxfit_projector_measure(projector, NULL, 0, NULL, &m, &error);
    assert_non_null(strstr(error.message, words));
    ctxfit_projector_free(projector);
    ctxfit_gguf_free(gguf);
    return status;
}

static void files_that_llama_cpp_does_not_load_are_refused(void **state)
{
    (void)state;
    assert_int_equal(from_text("gemma3.0", "has_vision_encoder", "has_vision_encoder"), CTXFIT_E_INCOMPLETE);
    assert_int_equal(from_text("gemma3.0", "block_count", "block_count"), CTXFIT_E_INCOMPLETE);
    assert_int_equal(from_text("gemma3.0", "patch_size", "patches of 0"), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(from_text("qwen2a.0", "num_mel_bins", "num_mel_bins"), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(from_text("gemma3.0", "general.architecture", "general.architecture"), CTXFIT_E_INCOMPLETE);
}

/* The same file with these lines in place of those that begin alike, or behind them. */
static ctxfit_status altered(const char *name, const char *const *lines, const ctxfit_projector_options *o, const char *words)
{
    const projector_text    *whole = projector_find(&rows, name);
    projector_text           text = *whole;
    ctxfit_projector        *projector = NULL;
    ctxfit_projector_memory  m = CTXFIT_PROJECTOR_MEMORY_INIT;
    ctxfit_error             error = {0};
    ctxfit_gguf             *gguf;
    ctxfit_status            status;

    text.line = calloc((size_t)whole->lines + 8, sizeof *text.line);
    assert_non_null(text.line);
    memcpy(text.line, whole->line, whole->lines * sizeof *text.line);
    for (; *lines != NULL; lines++) {
        size_t   key = strcspn(*lines + 2, " ") + 3;
        uint32_t at = 0;

        while (at < text.lines && strncmp(text.line[at], *lines, key) != 0)
            at++;
        text.line[at] = (char *)(uintptr_t)*lines;
        text.lines += at == text.lines;
    }
    gguf   = projector_gguf(&text, NULL);
    status = ctxfit_projector_from_gguf(gguf, NULL, &projector, &error);
    if (status == CTXFIT_OK)
        status = ctxfit_projector_measure(projector, NULL, CTXFIT_BACKEND_CUDA, o, &m, &error);
    assert_non_null(strstr(error.message, words));
    ctxfit_projector_free(projector);
    ctxfit_gguf_free(gguf);
    free(text.line);
    return status;
}

static void sizes_that_nothing_can_be_divided_by_are_refused(void **state)
{
    static const char *const ears[] = {"k clip.projector_type idefics3", "k clip.audio.projector.scale_factor 0", NULL};
    static const char *const eyes[] = {"k clip.vision.projector.scale_factor 0", NULL};
    static const char *const edge[] = {"k clip.vision.preproc_image_size 4000000000", NULL};
    static const char *const bins[] = {"k clip.audio.num_mel_bins 1025", NULL};

    (void)state;
    assert_int_equal(altered("qwen2a.0", ears, NULL, "0 patches merged"), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(altered("idefics3.0", eyes, NULL, "0 patches merged"), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(altered("idefics3.0", edge, NULL, "4000000000 at most"), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(altered("qwen2a.0", bins, NULL, "expected 1 to 1024"), CTXFIT_E_UNSUPPORTED);
}

static void limits_of_an_image_that_contradict_are_refused(void **state)
{
    static const char *const stated[] = {"k clip.vision.image_max_pixels 12543", NULL};
    static const char *const none[] = {"k clip.vision.image_max_pixels 0", NULL};
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;

    (void)state;
    assert_int_equal(altered("phi4.0", stated, NULL, "at least 12544 and at most 12543"), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(altered("phi4.0", none, NULL, ""), CTXFIT_OK);
    o.image_min_tokens = 100;
    o.image_max_tokens = 99;
    assert_int_equal(altered("qwen3vl.0", none, &o, "at least"), CTXFIT_E_UNSUPPORTED);
}

static void sizes_beyond_64_bits_are_an_error_and_no_small_number(void **state)
{
    static const char *const patches[] = {"k clip.vision.patch_size 65535", "k clip.vision.spatial_merge_size 64", NULL};
    static const char *const strange[] = {"k clip.projector_type ling3vl", "k clip.vision.image_size 65536", "k clip.vision.patch_size 1",
                                          NULL};
    static const char *const pieces[] = {"k clip.projector_type idefics3", "k clip.vision.image_size 1", "k clip.vision.patch_size 1",
                                         "k clip.vision.preproc_image_size 65536", NULL};
    static const char *const as_is[] = {NULL};
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;

    (void)state;
    assert_int_equal(altered("idefics3.0", strange, NULL, "64 bits"), CTXFIT_E_OVERFLOW);
    o.image_width = o.image_height = 65536;
    assert_int_equal(altered("idefics3.0", pieces, &o, ""), CTXFIT_OK); /* 65536 x 65536 pieces: not known */
    o.image_height     = 1;
    o.image_min_tokens = o.image_max_tokens = UINT32_MAX;
    assert_int_equal(altered("qwen3vl.0", patches, &o, "64 bits"), CTXFIT_E_OVERFLOW);
    assert_int_equal(altered("qwen3vl.0", as_is, &o, ""), CTXFIT_OK); /* a side of 2^29 ends at 2^24 */
}

static ctxfit_status measured_within(const ctxfit_gguf *gguf, const ctxfit_allocator *allocator, uint32_t backend)
{
    ctxfit_projector        *projector = NULL;
    ctxfit_projector_memory  m = CTXFIT_PROJECTOR_MEMORY_INIT;
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_status            status = ctxfit_projector_from_gguf(gguf, allocator, &projector, NULL);

    o.image_width = 640;
    o.image_height = 480;
    assert_true((projector != NULL) == (status == CTXFIT_OK));
    if (status == CTXFIT_OK)
        status = ctxfit_projector_measure(projector, NULL, backend, &o, &m, NULL);
    ctxfit_projector_free(projector);
    return status;
}

/* One file of each kind. */
static void every_failing_allocation_is_reported(void **state)
{
    char     last[48] = "";
    uint32_t kinds = 0;

    (void)state;
    for (uint32_t i = 0; i < rows.count; i++) {
        const size_t len = strcspn(rows.text[i].name, ".");
        ctxfit_gguf *gguf;
        test_failing f = {0};

        if (strncmp(rows.text[i].name, last, len) == 0 && last[len] == '\0')
            continue;
        (void)snprintf(last, sizeof last, "%.*s", (int)len, rows.text[i].name);
        gguf = projector_gguf(&rows.text[i], NULL);
        while (test_failing_next(&f))
            f.status = measured_within(gguf, &f.allocator, CTXFIT_BACKEND_CUDA);
        if (f.status != CTXFIT_OK)
            fail_msg("%s: status %d", rows.text[i].name, (int)f.status);
        assert_true(f.rounds > 2);
        ctxfit_gguf_free(gguf);
        kinds++;
    }
    assert_true(kinds > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_on_the_gpu_is_not_on_the_host),
        cmocka_unit_test(buffers_grow_with_an_image_and_never_shrink),
        cmocka_unit_test(pieces_of_an_image_add_up),
        cmocka_unit_test(sound_comes_in_chunks_of_half_a_minute),
        cmocka_unit_test(buffers_grow_with_a_recording_whose_pieces_are_longer_than_what_is_reserved),
        cmocka_unit_test(sound_may_come_in_one_piece),
        cmocka_unit_test(what_is_not_known_is_bounded_and_said),
        cmocka_unit_test(a_file_without_a_kind_is_refused_by_known_builds_and_bounded_for_later_ones),
        cmocka_unit_test(a_kind_is_refused_by_builds_before_it),
        cmocka_unit_test(a_projector_of_another_width_is_refused),
        cmocka_unit_test(wrong_questions_are_refused),
        cmocka_unit_test(an_image_of_less_than_a_patch_is_no_crash),
        cmocka_unit_test(a_side_of_a_picture_ends_where_float_has_no_odd_numbers),
        cmocka_unit_test(files_that_llama_cpp_does_not_load_are_refused),
        cmocka_unit_test(sizes_that_nothing_can_be_divided_by_are_refused),
        cmocka_unit_test(limits_of_an_image_that_contradict_are_refused),
        cmocka_unit_test(sizes_beyond_64_bits_are_an_error_and_no_small_number),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, open_rows, close_rows);
}
