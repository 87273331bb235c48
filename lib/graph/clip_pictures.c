/* The pictures that an image becomes, and the tokens that they take. Rules: llama.cpp b11118 tools/mtmd/mtmd-image.cpp and clip.cpp
 * (clip_n_output_tokens). Sizes are computed in float there, so here too. */
#include <math.h>

#include "clip_internal.h"

#define MOST_PIXELS 65536u     /* a side, of what is asked about */
#define MOST_PIECES INT32_MAX

/* ---- one picture of its own size (calc_size_preserved_ratio) ---- */
static uint32_t to_multiple(float x, uint32_t factor, float (*round_off)(float))
{
    float times = round_off(x / (float)factor), most = (float)(CFI_CLIP_MOST_LENGTH / factor);

    return (uint32_t)(times < most ? times : most) * factor;
}

static uint32_t at_least(uint32_t n, uint32_t least) { return n > least ? n : least; }

typedef struct fit_limits {
    uint32_t align;
    uint64_t min_pixels; /* 0: none */
    uint64_t max_pixels;
    uint32_t longest;
} fit_limits;

static void fit_size(uint32_t width, uint32_t height, const fit_limits *l, uint32_t *out_width, uint32_t *out_height)
{
    float w = (float)width, h = (float)height;

    if (l->longest > 0) {
        float a = (float)l->longest / w, b = (float)l->longest / h;
        float scale = a < b ? a : b;

        *out_width  = to_multiple(w * scale, l->align, ceilf);
        *out_height = to_multiple(h * scale, l->align, ceilf);
    } else {
        *out_width  = at_least(to_multiple(w, l->align, roundf), l->align);
        *out_height = at_least(to_multiple(h, l->align, roundf), l->align);
    }
    if (l->max_pixels > 0 && (uint64_t)*out_width * *out_height > l->max_pixels) {
        float beta = sqrtf(h * w / (float)l->max_pixels);

        *out_width  = at_least(to_multiple(w / beta, l->align, floorf), l->align);
        *out_height = at_least(to_multiple(h / beta, l->align, floorf), l->align);
    } else if (l->min_pixels > 0 && (uint64_t)*out_width * *out_height < l->min_pixels) {
        float beta = sqrtf((float)l->min_pixels / (h * w));

        *out_width  = to_multiple(w * beta, l->align, ceilf);
        *out_height = to_multiple(h * beta, l->align, ceilf);
    }
}

static void one_picture(cfi_clip_pictures *out, uint32_t width, uint32_t height)
{
    *out = (cfi_clip_pictures){{width, 0}, {height, 0}, {1, 0}};
}

/* ---- an overview and tiles of one size ---- */
static bool tiled(cfi_clip_pictures *out, uint32_t side, uint32_t width, uint32_t height)
{
    uint64_t across = ((uint64_t)width + side - 1) / side, down = ((uint64_t)height + side - 1) / side;

    if (down > 0 && across > MOST_PIECES / down)
        return false;
    *out = (cfi_clip_pictures){{side, side}, {side, side}, {1, (uint32_t)(across * down)}};
    return true;
}

/* The arrangement that wastes least of those that show most (select_best_resolution). */
typedef struct best_arrangement {
    int64_t  shown;
    int64_t  wasted;
    uint32_t width;
    uint32_t height;
} best_arrangement;

static void consider(best_arrangement *best, uint32_t width, uint32_t height, uint32_t to_width, uint32_t to_height)
{
    float   a = (float)to_width / (float)width, b = (float)to_height / (float)height;
    float   scale = a < b ? a : b;
    int64_t shown = (int64_t)((float)width * scale) * (int64_t)((float)height * scale);
    int64_t all   = (int64_t)width * height;
    int64_t wasted;

    shown  = shown < all ? shown : all;
    wasted = (int64_t)to_width * to_height - shown;
    if (shown > best->shown || (shown == best->shown && wasted < best->wasted))
        *best = (best_arrangement){shown, wasted, to_width, to_height};
}

static bool by_arrangement(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    best_arrangement     best = {0, INT64_MAX, 0, 0};
    const cfi_clip_list *list = &clip->sense->pinpoints;
    uint32_t             most = clip->made == CFI_CLIP_MADE_TILES_OF_3 ? 3 : clip->max_tiles;

    if (width <= clip->image && height <= clip->image) {
        one_picture(out, clip->image, clip->image);
        return true;
    }
    for (uint32_t i = 0; clip->made == CFI_CLIP_MADE_PINPOINTS && i + 1 < list->count; i += 2) {
        if (list->value[i] > 0 && list->value[i + 1] > 0)
            consider(&best, width, height, (uint32_t)list->value[i], (uint32_t)list->value[i + 1]);
    }
    for (uint32_t x = 1; clip->made != CFI_CLIP_MADE_PINPOINTS && x <= most; x++) {
        for (uint32_t y = 1; y <= most; y++) {
            if (clip->made == CFI_CLIP_MADE_TILES_OF_3 ? x * y > 1 : x * y >= clip->min_tiles && x * y <= most)
                consider(&best, width, height, x * clip->image, y * clip->image);
        }
    }
    return tiled(out, clip->image, best.width, best.height);
}

/* ---- slices of about the size of the overview (llava-uhd as MiniCPM-V uses it) ---- */
#define UHD_SLICES 9 /* max_slice_nums, mtmd-image.cpp:573 */

static bool even_slices(const cfi_clip *clip)
{
    return clip->made == CFI_CLIP_MADE_UHD_FITTED && cfi_engine_changed(clip->build, CFI_CHANGE_CLIP_SLICES_EVEN);
}

static uint32_t ensure_divide(const cfi_clip *clip, uint32_t length, uint32_t by)
{
    float times = (float)length / (float)by;

    return at_least((uint32_t)((even_slices(clip) ? nearbyintf(times) : roundf(times)) * (float)by), by);
}

static void best_resize(const cfi_clip *clip, uint32_t *width, uint32_t *height, bool grow)
{
    uint32_t patch = clip->patch * (even_slices(clip) ? 4 : clip->merge);

    if (grow || (uint64_t)*width * *height > (uint64_t)clip->image * clip->image) {
        float ratio = (float)*width / (float)*height;

        *height = (uint32_t)((float)clip->image / sqrtf(ratio));
        *width  = (uint32_t)((float)*height * ratio);
    }
    *width  = ensure_divide(clip, *width, patch);
    *height = ensure_divide(clip, *height, patch);
}

static void best_grid(int multiple, float log_ratio, uint32_t *across, uint32_t *down)
{
    float least = HUGE_VALF;

    *across = *down = 1;
    for (int n = multiple - 1; n <= multiple + 1; n++) {
        for (int m = 1; n != 1 && n <= UHD_SLICES && m <= n; m++) {
            float error = (float)fabs((double)log_ratio - log((double)m / (n / m)));

            if (n % m == 0 && error < least) {
                least   = error;
                *across = (uint32_t)m;
                *down   = (uint32_t)(n / m);
            }
        }
    }
}

static void by_slices(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    float    ratio = (float)width * (float)height / (float)((uint64_t)clip->image * clip->image);
    uint32_t across, down, w = width, h = height;

    if (clip->made == CFI_CLIP_MADE_UHD_FITTED && clip->merge == 2 && ratio <= 1.0f && !even_slices(clip)) {
        best_resize(clip, &w, &h, true);
        one_picture(out, w, h);
        return;
    }
    if ((width <= clip->image && height <= clip->image) || (ratio <= 1.0f && even_slices(clip))) {
        one_picture(out, clip->image, clip->image);
        return;
    }
    best_resize(clip, &w, &h, false);
    one_picture(out, w, h);
    best_grid((int)fmin(ceil((double)ratio), UHD_SLICES), (float)log((double)((float)width / (float)height)), &across, &down);
    w = ensure_divide(clip, width, across) / across;
    h = ensure_divide(clip, height, down) / down;
    best_resize(clip, &w, &h, true);
    out->width[1]  = w;
    out->height[1] = h;
    out->count[1]  = across * down;
}

/* ---- tiles of an image whose longest edge is given (idefics3) ---- */
static bool by_longest(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    uint32_t   longest = clip->sense->value[CFI_CLIP_LONGEST_EDGE];
    fit_limits l       = {clip->image, clip->min_pixels, clip->max_pixels, longest};
    uint32_t   w, h;

    if (longest > 0 && clip->min_pixels == 0 && clip->max_pixels == 0) {
        double ratio = (double)width / (double)height;

        w = width >= height ? longest : (uint32_t)(longest * ratio);
        h = width >= height ? (uint32_t)(longest / ratio) : longest;
        w += width >= height ? 0 : w % 2;
        h += width >= height ? h % 2 : 0;
    } else {
        fit_size(width, height, &l, &w, &h);
    }
    return tiled(out, clip->image, w, h);
}

/* ---- tiles of 512 where the image is too large for one (lfm2) ---- */
#define LFM2_TILE  512u
#define LFM2_LEAST 2u
#define LFM2_MOST  10u

static void by_lfm2(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    uint32_t   align = clip->patch * clip->merge, across, down;
    fit_limits l     = {align, clip->min_pixels, clip->max_pixels, 0};
    double     w     = nearbyint((double)width / align) * align;
    double     h     = nearbyint((double)height / align) * align;

    one_picture(out, 0, 0);
    fit_size(width, height, &l, &out->width[0], &out->height[0]);
    if ((w > clip->patch ? w : clip->patch) * (h > clip->patch ? h : clip->patch) <= (double)clip->max_pixels * 2.0)
        return;
    cfi_clip_nearest_grid(&(cfi_clip_grids){LFM2_TILE, LFM2_LEAST, LFM2_MOST}, width, height, &across, &down);
    out->width[1] = out->height[1] = LFM2_TILE;
    out->count[1] = across * down;
}

bool cfi_clip_make(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out)
{
    fit_limits l = {clip->patch * clip->merge, clip->min_pixels, clip->max_pixels, 0};

    if (width == 0 || height == 0 || width > MOST_PIXELS || height > MOST_PIXELS)
        return false;
    one_picture(out, clip->image, clip->image);
    switch (clip->made) {
    case CFI_CLIP_MADE_FIXED: return clip->image > 0;
    case CFI_CLIP_MADE_LONGEST:
        l.longest = clip->sense->value[CFI_CLIP_LONGEST_EDGE] > 0 ? clip->sense->value[CFI_CLIP_LONGEST_EDGE] : clip->image;
        fit_size(width, height, &l, &out->width[0], &out->height[0]);
        return l.longest > 0;
    case CFI_CLIP_MADE_DYNAMIC:
        fit_size(width, height, &l, &out->width[0], &out->height[0]);
        return clip->min_pixels > 0 && clip->max_pixels > 0;
    default: break;
    }
    if (cfi_clip_make_own(clip, width, height, out))
        return true;
    if (clip->image == 0)
        return false;
    switch (clip->made) {
    case CFI_CLIP_MADE_PINPOINTS:
        return clip->sense->pinpoints.count == 0 || by_arrangement(clip, width, height, out);
    case CFI_CLIP_MADE_TILES_OF_3:
    case CFI_CLIP_MADE_GRID: return by_arrangement(clip, width, height, out);
    case CFI_CLIP_MADE_UHD:
    case CFI_CLIP_MADE_UHD_FITTED: by_slices(clip, width, height, out); return true;
    case CFI_CLIP_MADE_LONG_TILES: return by_longest(clip, width, height, out);
    case CFI_CLIP_MADE_LFM2_TILES: by_lfm2(clip, width, height, out); return true;
    default: return false;
    }
}

/* ---- tokens ---- */
static uint64_t up(uint64_t n, uint64_t by) { return (n + by - 1) / by; }

static uint64_t frame_tokens(const cfi_clip *clip, uint64_t frames)
{
    uint64_t stack = cfi_max_u64(1, clip->sense->value[CFI_CLIP_STACK_FACTOR]);

    if (clip->counted == CFI_CLIP_COUNTED_STACKED_ENDS)
        return frames / 2 / stack + 2;
    if (clip->counted == CFI_CLIP_COUNTED_STACKED)
        frames = up(frames, stack);
    return frames / 2 / (clip->apart == CFI_CLIP_HALVED ? 2 : 1);
}

static uint64_t queries(const cfi_clip *clip)
{
    uint32_t version = clip->sense->value[CFI_CLIP_MINICPMV_VERSION];

    if (clip->sense->value[CFI_CLIP_MINICPMV_QUERIES] > 0)
        return clip->sense->value[CFI_CLIP_MINICPMV_QUERIES];
    return (version >= 3 && version <= 6) || version == 100045 ? 64 : 96;
}

/* dsv4_get_block_layout(), clip-impl.h:789: rows end with a mark, two and two of them are interleaved, marks at both ends. */
static uint64_t block_tokens(uint64_t across, uint64_t down)
{
    uint64_t rows = down + down % 2;

    return rows * (across + 1) + rows / 2 * (across + 1) % 2 * 2 + 2;
}

static uint64_t query_tokens(const cfi_clip *clip, uint64_t frames)
{
    uint64_t window = clip->sense->value[CFI_CLIP_QUERY_WINDOW], rate = clip->sense->value[CFI_CLIP_QUERY_RATE];

    return window > 0 && rate > 0 ? up(frames, window) * (window / rate) : 0;
}

uint64_t cfi_clip_tokens(const cfi_clip *clip, uint64_t width, uint64_t height)
{
    uint64_t px = width / clip->patch, py = height / clip->patch;
    uint64_t merge = clip->merge, wide = (uint64_t)clip->patch * merge;

    switch (clip->counted) {
    case CFI_CLIP_COUNTED_PATCHES: return px * py;
    case CFI_CLIP_COUNTED_QUARTER: return px * py / 4;
    case CFI_CLIP_COUNTED_QUARTER_ENDS: return px * py / 4 + 2;
    case CFI_CLIP_COUNTED_ENDS: return px * py + 2;
    case CFI_CLIP_COUNTED_QUERIES: return queries(clip);
    case CFI_CLIP_COUNTED_PAIRS: return (px / 2) * (py / 2);
    case CFI_CLIP_COUNTED_MERGED: return px * py / (merge * merge);
    case CFI_CLIP_COUNTED_ALIGNED: return up(width, wide) * up(height, wide);
    case CFI_CLIP_COUNTED_GROUPS: return up(px * py, merge * merge);
    case CFI_CLIP_COUNTED_ROW_BREAKS:
        if (cfi_projector_tensor(clip->projector, "v.token_embd.img_break") == NULL || py / merge == 0)
            return (px / merge) * (py / merge);
        return (px / merge) * (py / merge) + py / merge - 1;
    case CFI_CLIP_COUNTED_ROW_ENDS: return (px / merge + 1) * (py / merge) + 2;
    case CFI_CLIP_COUNTED_FRAMES:
    case CFI_CLIP_COUNTED_STACKED:
    case CFI_CLIP_COUNTED_STACKED_ENDS: return frame_tokens(clip, width);
    case CFI_CLIP_COUNTED_HUNDREDS: return width / 100 * 13;
    case CFI_CLIP_COUNTED_HALVED_TWICE: return up(up(width, 2), 2);
    case CFI_CLIP_COUNTED_EACH_FRAME: return width;
    case CFI_CLIP_COUNTED_SIDE: return clip->image / clip->patch;
    case CFI_CLIP_COUNTED_CELLS: return (width / wide) * (height / wide);
    case CFI_CLIP_COUNTED_BLOCK: return block_tokens(up(px, merge), up(py, merge));
    case CFI_CLIP_COUNTED_EIGHTHS: return up(width, 8);
    case CFI_CLIP_COUNTED_OCR_ROWS: return (py / 4 + 1) * (px / 4);
    case CFI_CLIP_COUNTED_OCR_TILES: return px * py / 16;
    case CFI_CLIP_COUNTED_SIXTY_FOUR: return 64;
    case CFI_CLIP_COUNTED_WINDOWS: return query_tokens(clip, width);
    default: return 0;
    }
}

uint64_t cfi_clip_overview_tokens(const cfi_clip *clip, uint64_t width, uint64_t height)
{
    bool marked = clip->counted == CFI_CLIP_COUNTED_OCR_ROWS || clip->counted == CFI_CLIP_COUNTED_OCR_TILES;

    return cfi_clip_tokens(clip, width, height) + marked;
}
