/* Encoders of images and sound beside a model (libmtmd): what they read of a file, the pictures that they encode, their graphs. */
#ifndef CFI_CLIP_INTERNAL_H
#define CFI_CLIP_INTERNAL_H

#include "graph_internal.h"
#include "model/projector_internal.h"

typedef enum cfi_clip_type {
#define CFI_CLIP_TYPE(id, ...) CFI_CLIP_TYPE_##id,
#define CFI_CLIP_BEFORE(id, ...)
#include "clip_types.def"
#undef CFI_CLIP_BEFORE
#undef CFI_CLIP_TYPE
    CFI_CLIP_TYPE_UNKNOWN
} cfi_clip_type;

enum { CFI_CLIP_RELU_SQR = 1 };
enum { CFI_CLIP_MERGE_NONE = 0, CFI_CLIP_MERGE_SCALE, CFI_CLIP_MERGE_SPATIAL };
/* Least and most pixels of an image: not in the file; there; there, both, or as the tokens say; the least is there. */
enum { CFI_CLIP_PIXELS_NONE = 0, CFI_CLIP_PIXELS_STATED, CFI_CLIP_PIXELS_PAIR, CFI_CLIP_PIXELS_LEAST };
/* How an image becomes what is encoded. */
enum {
    CFI_CLIP_MADE_UNKNOWN = 0,
    CFI_CLIP_MADE_FIXED,      /* a square of one size */
    CFI_CLIP_MADE_PINPOINTS,  /* the same, or tiles of it in one of the file's arrangements */
    CFI_CLIP_MADE_UHD,        /* an overview and slices */
    CFI_CLIP_MADE_UHD_FITTED, /* the same; a small image keeps its ratio where two patches a side become one */
    CFI_CLIP_MADE_TILES_OF_3, /* of at most three tiles */
    CFI_CLIP_MADE_GRID,       /* of as many tiles as the file says */
    CFI_CLIP_MADE_LONG_TILES, /* tiles of an image whose longest edge is given */
    CFI_CLIP_MADE_LFM2_TILES,
    CFI_CLIP_MADE_DYNAMIC,    /* one of its own size, between least and most pixels */
    CFI_CLIP_MADE_LONGEST,    /* one whose longest edge is given */
    CFI_CLIP_MADE_STEP3,      /* an overview and windows */
    CFI_CLIP_MADE_OCR_ROWS,   /* an overview of 1024 and rows of tiles of 640 */
    CFI_CLIP_MADE_OCR_TILES,  /* an overview of 1024 and tiles of 768 */
    CFI_CLIP_MADE_YOUTU,      /* one, in steps of 2 % less until it is within the most */
    CFI_CLIP_MADE_GLIMMER,    /* one, of whole tokens at about its ratio */
    CFI_CLIP_MADE_BLOCK,      /* one whose block of tokens is within the most */
    CFI_CLIP_MADE_CHUNKS,     /* sound: 30 seconds at once, of which one is added behind */
    CFI_CLIP_MADE_HALF_MINUTES, /* sound: 30 seconds at once, the last as long as it is */
    CFI_CLIP_MADE_MINUTES,    /* the same, 60 seconds */
    CFI_CLIP_MADE_WHOLE,      /* sound: all at once */
    CFI_CLIP_MADE_WHOLE_PAIRS, /* the same, two frames as one */
    CFI_CLIP_MADE_WAVE,       /* the same, pieces of the wave as frames */
    CFI_CLIP_MADE_HUNDREDS    /* sound: 8 seconds at once, in hundreds of frames */
};
enum {
    CFI_CLIP_COUNTED_UNKNOWN = 0,
    CFI_CLIP_COUNTED_PATCHES,
    CFI_CLIP_COUNTED_QUARTER,
    CFI_CLIP_COUNTED_QUARTER_ENDS,
    CFI_CLIP_COUNTED_ENDS,
    CFI_CLIP_COUNTED_QUERIES,
    CFI_CLIP_COUNTED_PAIRS,
    CFI_CLIP_COUNTED_MERGED,
    CFI_CLIP_COUNTED_ALIGNED,
    CFI_CLIP_COUNTED_GROUPS,
    CFI_CLIP_COUNTED_ROW_BREAKS,
    CFI_CLIP_COUNTED_ROW_ENDS,
    CFI_CLIP_COUNTED_FRAMES,
    CFI_CLIP_COUNTED_STACKED,
    CFI_CLIP_COUNTED_STACKED_ENDS,
    CFI_CLIP_COUNTED_HUNDREDS,
    CFI_CLIP_COUNTED_HALVED_TWICE,
    CFI_CLIP_COUNTED_EACH_FRAME,
    CFI_CLIP_COUNTED_SIDE,
    CFI_CLIP_COUNTED_CELLS,
    CFI_CLIP_COUNTED_BLOCK,
    CFI_CLIP_COUNTED_EIGHTHS,
    CFI_CLIP_COUNTED_OCR_ROWS,
    CFI_CLIP_COUNTED_OCR_TILES,
    CFI_CLIP_COUNTED_SIXTY_FOUR,
    CFI_CLIP_COUNTED_WINDOWS
};
/* What sets a kind apart. */
enum {
    CFI_CLIP_USUAL = 0,
    CFI_CLIP_OLD,      /* files of old converters have the two matrices of a feed-forward under each other's name */
    CFI_CLIP_TOGETHER, /* pictures of one size are encoded at once (support_batch) */
    CFI_CLIP_HALVED,   /* two frames leave the layers as one (audio_has_avgpool) */
    CFI_CLIP_BARE,     /* no layers: of images convolutions, of which the first merges; of sound the wave itself */
    CFI_CLIP_DEAF      /* what a file has for sound is not used */
};

/* An encoder, as a build of llama.cpp reads its file. */
typedef struct cfi_clip {
    const ctxfit_projector *projector;
    const cfi_sense        *sense;
    cfi_clip_type           type;
    bool                    ears;
    uint32_t                build;
    uint32_t                embedding;
    uint32_t                heads;
    uint32_t                kv_heads;
    uint32_t                head_size;
    uint32_t                layers;
    uint32_t                patch;
    uint32_t                merge;
    uint32_t                image;       /* pixels a side, as the file states */
    uint64_t                min_pixels;  /* 0: none */
    uint64_t                max_pixels;
    uint32_t                min_tiles;
    uint32_t                max_tiles;
    uint32_t                made;
    uint32_t                counted;
    uint32_t                apart;
    uint32_t                warm_width;  /* what it is loaded with: pixels, or frames and bins */
    uint32_t                warm_height;
} cfi_clip;

#define CFI_CLIP_MOST_LENGTH 16777216u /* a side, of what is encoded: from there on float has no odd numbers */

/* Sizes that are encoded one after another. */
typedef struct cfi_clip_pictures {
    uint32_t width[2];  /* of overview or whole, of tiles */
    uint32_t height[2];
    uint32_t count[2];
} cfi_clip_pictures;

/* Tiles of that side, of which an image may become so many. */
typedef struct cfi_clip_grids {
    uint32_t side;
    uint32_t least;
    uint32_t most;
} cfi_clip_grids;

/* Least and most tokens that the caller wants, 0: as the file and the build say. E_REFUSED (a kind that the build does not know),
 * E_UNSUPPORTED (sizes that llama.cpp refuses), E_INCOMPLETE (a key is missing). */
ctxfit_status cfi_clip_read(const ctxfit_projector *projector, uint32_t sense, uint32_t build, uint32_t min_tokens, uint32_t max_tokens,
                            cfi_clip *out, ctxfit_error *error);
/* Whether the file's sound is used (clip.cpp:3995). */
bool          cfi_clip_hears(const ctxfit_projector *projector);
/* The largest number whose square is not more. */
uint64_t      cfi_clip_root(uint64_t n);
/* What an image of so many pixels becomes. False: not known. */
bool          cfi_clip_make(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out);
/* The same for kinds whose rule is none of the usual ones. */
bool          cfi_clip_make_own(const cfi_clip *clip, uint32_t width, uint32_t height, cfi_clip_pictures *out);
void          cfi_clip_nearest_grid(const cfi_clip_grids *grids, uint32_t width, uint32_t height, uint32_t *across, uint32_t *down);
/* Tokens of one picture; 0: not known. */
uint64_t      cfi_clip_tokens(const cfi_clip *clip, uint64_t width, uint64_t height);
/* The same of the overview of an image, which some kinds mark. */
uint64_t      cfi_clip_overview_tokens(const cfi_clip *clip, uint64_t width, uint64_t height);

typedef struct cfi_clip_setup {
    const cfi_clip *clip;
    uint32_t        backend;  /* CTXFIT_BACKEND_* of the device; CPU: none */
    uint32_t        flash;    /* CTXFIT_CHOICE_* */
    uint64_t        width;
    uint64_t        height;
    uint64_t        images;
    bool            overview; /* as cfi_clip_tokens() */
    cfi_arena      *scratch;
} cfi_clip_setup;

typedef struct cfi_clip_bytes {
    uint64_t device;
    uint64_t host;
    bool     flash;  /* attention is by flash attention */
    bool     bound;  /* no graph: an upper bound */
    uint64_t width;  /* of what it hands over for a token; 0: no graph says it */
} cfi_clip_bytes;

/* Compute buffers for pictures of a size. E_OVERFLOW, E_LIMIT, E_NO_MEMORY. */
ctxfit_status cfi_clip_measure(const cfi_clip_setup *setup, cfi_clip_bytes *out, ctxfit_error *error);

/* ---- for the plan module ---- */
/* The caller's options, checked. E_INVALID_ARG, E_STRUCT_SIZE, E_NEWER_STRUCT. */
ctxfit_status cfi_projector_options_read(const ctxfit_projector_options *options, ctxfit_projector_options *out, ctxfit_error *error);
/* As ctxfit_projector_measure(). */
ctxfit_status cfi_projector_measure(const ctxfit_projector *projector, uint32_t build, uint32_t backend,
                                    const ctxfit_projector_options *options, const ctxfit_allocator *allocator,
                                    ctxfit_projector_memory *out, ctxfit_error *error);

#endif
