/* What an mmproj file states, for those who build its graphs. */
#ifndef CFI_PROJECTOR_INTERNAL_H
#define CFI_PROJECTOR_INTERNAL_H

#include "ctxfit/projector.h"
#include "model_internal.h"

typedef enum cfi_clip_key {
#define CFI_CLIP(name, key) CFI_CLIP_##name,
#include "clip_keys.def"
#undef CFI_CLIP
    CFI_CLIP_KEY_COUNT
} cfi_clip_key;

enum { CFI_EYES = 0, CFI_EARS, CFI_SENSES };
#define CFI_CLIP_LIST 64u /* numbers of a list that are kept */

typedef struct cfi_clip_list {
    uint32_t count;
    int32_t  value[CFI_CLIP_LIST];
} cfi_clip_list;

/* One encoder of the file. */
typedef struct cfi_sense {
    bool          there;
    char          type[32];                   /* "" where the file states none */
    bool          stated[CFI_CLIP_KEY_COUNT];
    uint32_t      value[CFI_CLIP_KEY_COUNT];  /* 0 where it is not stated */
    cfi_clip_list feature_layers;
    cfi_clip_list pinpoints;                  /* width, height, width, ... */
    cfi_clip_list full_layers;                /* that attend to all, of those that attend in windows */
    cfi_clip_list window_modes;               /* of each layer: -1 all, 0 by rows, 1 by columns */
} cfi_sense;

struct ctxfit_projector {
    cfi_arena        arena;                   /* unused where it is a part of something else */
    ctxfit_companion info;
    cfi_sense        sense[CFI_SENSES];
    cfi_tensor      *tensor;                  /* by name */
    uint32_t         tensor_count;
};

/* Reads a header; what it keeps is in the arena. As ctxfit_projector_from_gguf(). */
ctxfit_status     cfi_projector_read(ctxfit_projector *out, cfi_arena *arena, const ctxfit_gguf *gguf, ctxfit_error *error);
/* NULL: there is none. */
const cfi_tensor *cfi_projector_tensor(const ctxfit_projector *projector, const char *name);

#endif
