/* What an image becomes for kinds with a rule of their own: llama.cpp b11118 tools/mtmd/mtmd-image.cpp, preprocess() of each. In float
 * where it is in float there. */
#include <math.h>

#include "clip_internal.h"

static uint32_t at_least_one(double n) { return n > 1.0 ? (uint32_t)n : 1; }

static uint64_t most_tokens(const cfi_clip *clip)
{
    uint64_t side = (uint64_t)clip->patch * clip->merge;

    return clip->max_pixels / (side * side);
}

static uint32_t side_of(uint64_t length) { return (uint32_t)cfi_min_u64(length, CFI_CLIP_MOST_LENGTH); }

static void one_of(cfi_clip_pictures *out, uint64_t width, uint64_t height)
{
    *out = (cfi_clip_pictures){{side_of(width), 0}, {side_of(height), 0}, {1, 0}};
}

/* ---- youtuvl ---- */
static uint64_t scaled_side(uint32_t side, float scale, uint32_t align)
{
    uint64_t up = (uint64_t)ceilf((float)side * scale / (float)align) * align;

    return up > align ? up : align;
}

static void by_steps(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    uint64_t most  = clip->max_pixels / ((uint64_t)clip->patch * clip->patch);
    uint32_t align = clip->patch * clip->merge;
    uint64_t w = 0, h = 0;

    for (float scale = 1.0f; scale > 0.0f; scale -= 0.02f) {
        w = scaled_side(width, scale, align);
        h = scaled_side(height, scale, align);
        if ((w / clip->patch) * (h / clip->patch) <= most)
            break;
    }
    one_of(out, w, h);
}

/* ---- muse-glimmer: of the four grids around the best one, the one whose ratio is nearest ---- */
static void by_ratio(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    uint32_t side   = clip->patch * clip->merge;
    double   most   = (double)most_tokens(clip);
    double   down   = (double)height / side, across = (double)width / side;
    double   ratio  = across / down, target = (double)height / width, least = 0;
    double   best_across = 0, best_down = 0;

    if (down * across > most) {
        down   = sqrt(most / ratio);
        across = down * ratio;
    }
    for (int i = 0; i < 4; i++) {
        double d   = i / 2 == 0 ? floor(down) : ceil(down), a = i % 2 == 0 ? floor(across) : ceil(across);
        double off = d > 0 && a > 0 ? fabs(d / a - target) : 0;

        if (d < 1 || a < 1 || d * a > most)
            continue;
        if (best_down == 0 || off < least || (!(off > least) && d * a > best_down * best_across)) {
            best_down   = d;
            best_across = a;
            least       = off;
        }
    }
    if (best_down == 0) {
        best_down   = at_least_one(round(down));
        best_across = at_least_one(round(across));
    }
    one_of(out, (uint64_t)best_across * side, (uint64_t)best_down * side);
}

/* ---- deepseek4v ---- */
#define WIDEST_RATIO 8u /* dsv4_max_wh_ratio */
#define LEAD_ROOM    3u /* tokens that may stand before the block */

static void solve_block(const cfi_clip *clip, uint32_t width, uint32_t height, int64_t tokens, uint64_t *to_width, uint64_t *to_height)
{
    double   ratio  = (double)height / width;
    double   across = sqrt((double)(tokens - 2) / ratio + 0.25) - 0.5, down = across * ratio;
    uint64_t wide   = (uint64_t)clip->patch * clip->merge;

    if (across < 1.0) {
        *to_width  = wide;
        *to_height = (uint64_t)((tokens - 2) / 2 / 2 * 2) * wide;
    } else if (down < 2.0) {
        *to_width  = (uint64_t)((tokens - 2) / 2 - 1 > 2 ? (tokens - 2) / 2 - 1 : 2) * wide;
        *to_height = 2 * wide;
    } else {
        double a    = floor(across) * (double)wide / width, d = floor(floor(down) / 2) * 2 * (double)wide / height;
        double beta = a < d ? a : d;

        *to_width  = (uint64_t)floor(width * beta / clip->patch) * clip->patch;
        *to_height = (uint64_t)floor(height * beta / clip->patch) * clip->patch;
    }
}

static uint32_t grown_side(uint32_t side, double by)
{
    double length = side * by;

    return length < CFI_CLIP_MOST_LENGTH ? (uint32_t)length : CFI_CLIP_MOST_LENGTH;
}

static void by_block(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    int64_t  most = (int64_t)most_tokens(clip) - LEAD_ROOM;
    uint64_t w, h;

    if (width > (uint64_t)height * WIDEST_RATIO)
        width = height * WIDEST_RATIO;
    if ((uint64_t)width * height < clip->min_pixels) {
        double grow = sqrt((double)clip->min_pixels / ((double)width * height));

        width  = grown_side(width, grow);
        height = grown_side(height, grow);
    }
    w = ((uint64_t)width + clip->patch - 1) / clip->patch * clip->patch;
    h = ((uint64_t)height + clip->patch - 1) / clip->patch * clip->patch;
    for (int64_t budget = most; budget > 2 && cfi_clip_tokens(clip, w, h) > (uint64_t)most; budget--)
        solve_block(clip, width, height, budget, &w, &h);
    one_of(out, w, h);
}

/* ---- step3vl: windows of a fixed side over an image whose longest edge is limited ---- */
#define STEP3_LONGEST 3024u
#define STEP3_WINDOW  504u

static uint32_t step3_window(const cfi_clip *clip, uint32_t longer, uint32_t shorter)
{
    float ratio = (float)longer / (float)shorter;

    if (longer <= clip->image)
        return ratio > 1.5f ? shorter : 0;
    return ratio > 4.0f && shorter < STEP3_WINDOW ? shorter : STEP3_WINDOW;
}

/* Windows along a side: a rest of more than a fifth is one more. */
static uint32_t step3_windows(uint32_t length, uint32_t window)
{
    float ratio = (float)length / (float)window;
    float whole = floorf(ratio);

    if (ratio < 1.0f)
        return 1;
    return (uint32_t)whole + (ratio - whole > 0.2f);
}

static void by_windows(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    uint32_t longest = clip->sense->value[CFI_CLIP_LONGEST_EDGE] > 0 ? clip->sense->value[CFI_CLIP_LONGEST_EDGE] : STEP3_LONGEST;
    uint32_t longer  = width > height ? width : height, shorter = width > height ? height : width;
    float    ratio   = (float)width / (float)height;
    uint32_t window;

    if (shorter < 32 && (ratio > 4.0f || ratio < 0.25f))
        width = height = shorter = longer; /* padded to a square */
    if (longer > longest) {
        float scale = (float)longest / (float)longer;

        width   = at_least_one(floorf((float)width * scale));
        height  = at_least_one(floorf((float)height * scale));
        longer  = width > height ? width : height;
        shorter = width > height ? height : width;
    }
    one_of(out, clip->image, clip->image);
    window = step3_window(clip, longer, shorter);
    if (window == 0)
        return;
    out->width[1] = out->height[1] = STEP3_WINDOW;
    out->count[1] = step3_windows(width, window) * step3_windows(height, window);
}

/* ---- of the grids of so many tiles, the one whose ratio is nearest; of equal ones a larger where the image is ---- */
void cfi_clip_nearest_grid(const cfi_clip_grids *grids, uint32_t width, uint32_t height, uint32_t *across, uint32_t *down)
{
    float ratio = (float)width / (float)height, least = FLT_MAX, area = (float)width * (float)height;

    *across = *down = 1;
    for (uint32_t tiles = grids->least; tiles <= grids->most; tiles++) { /* fewer tiles first */
        for (uint32_t w = 1; w <= tiles; w++) {
            uint32_t h   = tiles / w;
            float    off = fabsf(ratio - (float)w / (float)h);

            if (w * h != tiles)
                continue;
            if (off < least || (off <= least && area > 0.5f * (float)(grids->side * grids->side * tiles))) {
                *across = w;
                *down   = h;
            }
            least = off < least ? off : least;
        }
    }
}

/* ---- deepseekocr ---- */
#define OCR_ROW_TILE 640u
#define OCR_TILE     768u

static void by_grid(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    bool     rows = clip->made == CFI_CLIP_MADE_OCR_ROWS;
    uint32_t tile = rows ? OCR_ROW_TILE : OCR_TILE, across, down;

    one_of(out, clip->image, clip->image);
    if (width <= tile && height <= tile)
        return;
    cfi_clip_nearest_grid(&(cfi_clip_grids){tile, clip->min_tiles, clip->max_tiles}, width, height, &across, &down);
    out->width[1]  = tile;
    out->height[1] = rows ? tile * across : tile;
    out->count[1]  = rows ? down : across * down;
}

bool cfi_clip_make_own(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    switch (clip->made) {
    case CFI_CLIP_MADE_YOUTU: by_steps(clip, width, height, out); return true;
    case CFI_CLIP_MADE_GLIMMER: by_ratio(clip, width, height, out); return true;
    case CFI_CLIP_MADE_BLOCK: by_block(clip, width, height, out); return true;
    case CFI_CLIP_MADE_OCR_ROWS:
    case CFI_CLIP_MADE_OCR_TILES: by_grid(clip, width, height, out); return true;
    case CFI_CLIP_MADE_STEP3: by_windows(clip, width, height, out); return clip->image > 0;
    default: return false;
    }
}
