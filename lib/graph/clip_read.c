/* What a build of llama.cpp makes of the numbers in an mmproj file. Source: b11118 tools/mtmd/clip.cpp, clip_model_loader::load_hparams. */
#include "clip_internal.h"

#define WARM_FRAMES 3000u /* warmup_audio_size, clip-model.h:98 */
#define MOST_SIDE   65536u
#define MOST_TILES  256u
#define WAVE_BINS   640u  /* samples of a frame of Gemma-4 without an encoder of sound, clip.cpp:1815 */
#define NAMES_KNOWN 11669u /* up to this build all names are in the table */

typedef struct clip_row {
    char     name[24];
    uint16_t since;
    uint16_t least;
    uint16_t most;
    uint8_t  merge;
    uint8_t  key;
    uint8_t  warm;
    uint8_t  pixels;
    uint8_t  made;
    uint8_t  counted;
    uint8_t  apart;
} clip_row;

static const clip_row rows[] = {
#define CFI_CLIP_TYPE(id, name, since, graph, merge, key, least, most, warm, pixels, made, counted, apart) \
    {name, since, least, most, merge, CFI_CLIP_MERGE_##key, warm, CFI_CLIP_PIXELS_##pixels, CFI_CLIP_MADE_##made, \
     CFI_CLIP_COUNTED_##counted, CFI_CLIP_##apart},
#define CFI_CLIP_BEFORE(id, ...)
#include "clip_types.def"
#undef CFI_CLIP_BEFORE
#undef CFI_CLIP_TYPE
};

/* Limits that a change replaced. */
static const struct {
    uint16_t type;
    uint16_t change;
    uint16_t least;
    uint16_t most;
} before[] = {
#define CFI_CLIP_TYPE(id, ...)
#define CFI_CLIP_BEFORE(id, change, least, most) {CFI_CLIP_TYPE_##id, CFI_CHANGE_##change, least, most},
#include "clip_types.def"
#undef CFI_CLIP_BEFORE
#undef CFI_CLIP_TYPE
};

uint64_t cfi_clip_root(uint64_t n)
{
    uint64_t low = 0, high = UINT32_MAX;

    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;

        if (middle <= n / middle)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static cfi_clip_type clip_type_of(const cfi_sense *sense)
{
    for (uint32_t i = 0; i < CFI_COUNT(rows); i++) {
        if (strcmp(rows[i].name, sense->type) == 0)
            return (cfi_clip_type)i;
    }
    return CFI_CLIP_TYPE_UNKNOWN;
}

bool cfi_clip_hears(const ctxfit_projector *projector)
{
    cfi_clip_type eyes = projector->sense[CFI_EYES].there ? clip_type_of(&projector->sense[CFI_EYES]) : CFI_CLIP_TYPE_UNKNOWN;

    return eyes == CFI_CLIP_TYPE_UNKNOWN || rows[eyes].apart != CFI_CLIP_DEAF;
}

/* A name that the build lacks is refused (clip.cpp:1281). What a build after those that were read has learned is not known. */
static ctxfit_status read_type(cfi_clip *c, ctxfit_error *error)
{
    c->type = clip_type_of(c->sense);
    if (c->type == CFI_CLIP_TYPE_UNKNOWN && c->build <= NAMES_KNOWN)
        return cfi_fail(error, CTXFIT_E_REFUSED, "unknown projector type: %s", c->sense->type);
    if (c->type != CFI_CLIP_TYPE_UNKNOWN && c->build < rows[c->type].since)
        return cfi_fail(error, CTXFIT_E_REFUSED, "unknown projector type: %s (known from build %u on, this is %u)", c->sense->type,
                        (unsigned)rows[c->type].since, (unsigned)c->build);
    return CTXFIT_OK;
}

static uint32_t stated(const cfi_clip *c, cfi_clip_key key, uint32_t otherwise)
{
    return c->sense->stated[key] ? c->sense->value[key] : otherwise;
}

static void read_merge(cfi_clip *c, const clip_row *row)
{
    c->merge = row->merge;
    if (row->key == CFI_CLIP_MERGE_SCALE)
        c->merge = stated(c, CFI_CLIP_SCALE_FACTOR, c->merge);
    else if (row->key == CFI_CLIP_MERGE_SPATIAL)
        c->merge = stated(c, CFI_CLIP_SPATIAL_MERGE, c->merge);
}

/* Least and most pixels by tokens: the caller's, or those of the kind. */
static ctxfit_status read_tokens(cfi_clip *c, uint32_t least, uint32_t most, ctxfit_error *error)
{
    uint64_t area = (uint64_t)c->patch * c->patch * c->merge * c->merge;

    if (!cfi_mul_u64(area, least, &c->min_pixels) || !cfi_mul_u64(area, most, &c->max_pixels))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "clip.vision: the pixels of an image exceed 64 bits");
    return CTXFIT_OK;
}

static void kind_tokens(const cfi_clip *c, const clip_row *row, uint32_t *least, uint32_t *most)
{
    *least = row->least;
    *most  = row->most;
    for (size_t i = 0; i < CFI_COUNT(before); i++) {
        if (before[i].type == (uint32_t)c->type && !cfi_engine_changed(c->build, (cfi_engine_change)before[i].change)) {
            *least = before[i].least;
            *most  = before[i].most;
        }
    }
}

static void read_tile_limits(cfi_clip *c, const clip_row *row)
{
    bool     ocr  = row->made == CFI_CLIP_MADE_OCR_ROWS || row->made == CFI_CLIP_MADE_OCR_TILES;
    uint32_t most = !ocr ? 12 : row->made == CFI_CLIP_MADE_OCR_ROWS ? 9 : 6;

    c->min_tiles = stated(c, CFI_CLIP_MIN_TILES, ocr ? 2 : 1);
    c->max_tiles = (uint32_t)cfi_min_u64(stated(c, CFI_CLIP_MAX_TILES, most), MOST_TILES);
}

/* Least and most pixels, and the square that is encoded when the model is loaded. */
static ctxfit_status read_limits(cfi_clip *c, const clip_row *row, uint32_t min_tokens, uint32_t max_tokens, ctxfit_error *error)
{
    bool          by_edge = row->made == CFI_CLIP_MADE_LONGEST || row->made == CFI_CLIP_MADE_LONG_TILES;
    uint64_t      warm    = c->image;
    ctxfit_status status  = CTXFIT_OK;
    uint32_t      least, most;

    kind_tokens(c, row, &least, &most);
    if (most > 0 || by_edge)
        status = read_tokens(c, min_tokens > 0 ? min_tokens : least, max_tokens > 0 ? max_tokens : most, error);
    if (status != CTXFIT_OK)
        return status;
    if (most > 0)
        warm = cfi_clip_root(c->max_pixels);
    if (row->pixels == CFI_CLIP_PIXELS_STATED ||
        (row->pixels == CFI_CLIP_PIXELS_PAIR && c->sense->value[CFI_CLIP_MIN_PIXELS] > 0 && c->sense->value[CFI_CLIP_MAX_PIXELS] > 0)) {
        c->min_pixels = c->sense->value[CFI_CLIP_MIN_PIXELS];
        c->max_pixels = c->sense->value[CFI_CLIP_MAX_PIXELS];
        warm          = row->pixels == CFI_CLIP_PIXELS_PAIR ? cfi_clip_root(c->max_pixels) : warm;
    }
    if (row->pixels == CFI_CLIP_PIXELS_LEAST) {
        if (min_tokens == 0)
            c->min_pixels = c->sense->value[CFI_CLIP_MIN_PIXELS];
        c->min_pixels = cfi_min_u64(c->min_pixels, c->max_pixels);
    }
    if (c->max_pixels > 0 && c->max_pixels < c->min_pixels)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "clip.vision: images of at least %llu and at most %llu pixels",
                        (unsigned long long)c->min_pixels, (unsigned long long)c->max_pixels);
    if (row->warm > 0)
        warm = (uint64_t)row->warm * c->patch * c->merge;
    c->warm_width = c->warm_height = (uint32_t)cfi_min_u64(warm, MOST_SIDE);
    read_tile_limits(c, row);
    return CTXFIT_OK;
}

static ctxfit_status check_sizes(const cfi_clip *c, ctxfit_error *error)
{
    static const cfi_clip_key needed[] = {CFI_CLIP_EMBEDDING, CFI_CLIP_HEADS, CFI_CLIP_LAYERS};
    const char *sense = c->ears ? "audio" : "vision";

    for (size_t i = 0; i < CFI_COUNT(needed); i++) {
        if (!c->sense->stated[needed[i]])
            return cfi_fail(error, CTXFIT_E_INCOMPLETE, "clip.%s: embedding_length, attention.head_count or block_count is missing", sense);
    }
    if (c->merge == 0 || c->merge > 64 || c->image > MOST_SIDE || c->sense->value[CFI_CLIP_LONGEST_EDGE] > MOST_SIDE)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "clip.%s: images of %u pixels a side, %u at most, %u patches merged", sense,
                        (unsigned)c->image, (unsigned)c->sense->value[CFI_CLIP_LONGEST_EDGE], (unsigned)c->merge);
    if (c->apart == CFI_CLIP_BARE)
        return c->embedding > 0 && c->embedding <= MOST_SIDE && c->patch > 0 && c->patch < MOST_SIDE && c->merge == 1
                   ? CTXFIT_OK
                   : cfi_fail(error, CTXFIT_E_UNSUPPORTED, "clip.%s: width %u, patches of %u", sense, (unsigned)c->embedding,
                              (unsigned)c->patch);
    if (c->embedding == 0 || c->heads == 0 || c->layers == 0 || c->layers > 1024 || c->embedding > MOST_SIDE || c->heads > c->embedding)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "clip.%s: %u layers of width %u with %u heads", sense, (unsigned)c->layers,
                        (unsigned)c->embedding, (unsigned)c->heads);
    if (c->patch == 0 || c->patch >= MOST_SIDE)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "clip.%s: patches of %u pixels a side", sense, (unsigned)c->patch);
    if (c->ears && (c->warm_height == 0 || c->warm_height > 1024))
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "clip.audio.num_mel_bins: %u, expected 1 to 1024", (unsigned)c->warm_height);
    return CTXFIT_OK;
}

ctxfit_status cfi_clip_read(const ctxfit_projector *projector, uint32_t sense, uint32_t build, uint32_t min_tokens, uint32_t max_tokens,
                            cfi_clip *out, ctxfit_error *error)
{
    static const clip_row none = {.merge = 1, .key = CFI_CLIP_MERGE_SCALE};
    cfi_clip        c    = {.projector = projector, .sense = &projector->sense[sense], .build = build, .ears = sense == CFI_EARS};
    const clip_row *row;
    ctxfit_status   status;

    status = read_type(&c, error);
    if (status != CTXFIT_OK)
        return status;
    row          = c.type == CFI_CLIP_TYPE_UNKNOWN ? &none : &rows[c.type];
    c.made       = row->made;
    c.counted    = row->counted;
    c.apart      = row->apart;
    c.embedding  = c.sense->value[CFI_CLIP_EMBEDDING];
    c.heads      = c.sense->value[CFI_CLIP_HEADS];
    c.kv_heads   = stated(&c, CFI_CLIP_KV_HEADS, c.heads);
    c.layers     = c.sense->value[CFI_CLIP_LAYERS];
    c.patch      = c.ears ? 1 : c.sense->value[CFI_CLIP_PATCH_SIZE];
    c.image      = c.ears ? 0 : c.sense->value[CFI_CLIP_IMAGE_SIZE];
    read_merge(&c, row);
    if (c.made == CFI_CLIP_MADE_OCR_ROWS || c.made == CFI_CLIP_MADE_OCR_TILES) { /* whatever the file states, clip.cpp:1891 */
        c.patch = 16;
        c.image = 1024;
    }
    if (c.apart == CFI_CLIP_BARE && !c.ears && c.merge > 0 && c.merge <= 64) {
        c.patch = (uint32_t)cfi_min_u64((uint64_t)c.patch * c.merge, MOST_SIDE);
        c.merge = 1;
    }
    c.warm_width  = WARM_FRAMES;
    c.warm_height = c.apart == CFI_CLIP_BARE ? WAVE_BINS : c.sense->value[CFI_CLIP_MEL_BINS];
    status        = check_sizes(&c, error);
    if (status != CTXFIT_OK)
        return status;
    c.head_size = stated(&c, CFI_CLIP_HEAD_SIZE, 0);
    if (c.head_size == 0)
        c.head_size = c.heads > 0 ? c.embedding / c.heads : 0;
    if (!c.ears)
        status = read_limits(&c, row, min_tokens, max_tokens, error);
    *out = c;
    return status;
}
