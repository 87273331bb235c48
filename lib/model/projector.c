/* Projectors: the numbers and tensors of an mmproj file. Source: llama.cpp b11118 tools/mtmd/clip.cpp, clip_model_loader. */
#include <stdlib.h>

#include "arch_internal.h"
#include "projector_internal.h"

static const char clip_keys[][32] = {
#define CFI_CLIP(name, key) key,
#include "clip_keys.def"
#undef CFI_CLIP
};

static const char *sense_key(char *buf, size_t cap, const char *pattern, const char *sense)
{
    cfi_writer w;

    cfi_writer_init(&w, buf, cap);
    if (strncmp(pattern, "%s", 2) == 0)
        cfi_write(&w, "%s%s", sense, pattern + 2);
    else
        cfi_write(&w, "%s", pattern);
    (void)cfi_writer_finish(&w, NULL);
    return buf;
}

static void read_list(cfi_meta *meta, const char *sense, const char *pattern, cfi_clip_list *out)
{
    cfi_meta_list list;
    char          key[64];
    int64_t       value;

    if (!cfi_meta_list_open(&list, meta, sense_key(key, sizeof key, pattern, sense)))
        return;
    while (cfi_meta_list_next(&list, &value)) {
        if (out->count == CFI_CLIP_LIST || value < INT32_MIN || value > INT32_MAX) {
            cfi_meta_fail(meta, CTXFIT_E_LIMIT, "key 'clip.%s': more than %u numbers, or one too large", key, CFI_CLIP_LIST);
            return;
        }
        out->value[out->count++] = (int32_t)value;
    }
}

/* The type is that of the file, or each encoder has its own; qwen2.5o names two at once. */
static void read_kind(cfi_meta *meta, const char *sense, cfi_sense *out)
{
    char        key[64];
    size_t      len  = 0;
    const char *type = cfi_meta_string(meta, "projector_type", &len);
    cfi_writer  w;

    if (type == NULL || len == 0)
        type = cfi_meta_string(meta, sense_key(key, sizeof key, "%s.projector_type", sense), &len);
    cfi_writer_init(&w, out->type, sizeof out->type);
    if (type != NULL)
        cfi_write_text(&w, type, len);
    (void)cfi_writer_finish(&w, NULL);
    cfi_make_printable(out->type);
    if (strcmp(out->type, "qwen2.5o") == 0 && strcmp(sense, "vision") == 0)
        memcpy(out->type, "qwen2.5vl_merger", sizeof "qwen2.5vl_merger");
    else if (strcmp(out->type, "qwen2.5o") == 0)
        memcpy(out->type, "qwen2a", sizeof "qwen2a");
}

static void read_sense(cfi_meta *meta, const char *sense, cfi_sense *out)
{
    char key[64];

    read_kind(meta, sense, out);
    for (uint32_t i = 0; i < CFI_CLIP_KEY_COUNT; i++) {
        (void)sense_key(key, sizeof key, clip_keys[i], sense);
        out->stated[i] = cfi_meta_has(meta, key);
        if (i == CFI_CLIP_USE_GELU || i == CFI_CLIP_USE_SILU)
            out->value[i] = cfi_meta_bool(meta, key, false);
        else
            out->value[i] = cfi_meta_u32(meta, key, 0);
    }
    read_list(meta, sense, "%s.feature_layer", &out->feature_layers);
    read_list(meta, sense, "%s.image_grid_pinpoints", &out->pinpoints);
    read_list(meta, sense, "%s.wa_layer_indexes", &out->full_layers);
    read_list(meta, sense, "%s.wa_pattern_mode", &out->window_modes);
}

static int order_of_names(const void *a, const void *b)
{
    return strcmp(((const cfi_tensor *)a)->name, ((const cfi_tensor *)b)->name);
}

static ctxfit_status copy_encoder_tensors(ctxfit_projector *p, cfi_arena *arena, const ctxfit_gguf *gguf, ctxfit_error *error)
{
    size_t                 count;
    const cfi_gguf_tensor *from = cfi_gguf_tensors(gguf, &count);

    p->tensor = cfi_arena_array(arena, count + 1, sizeof *p->tensor);
    for (size_t i = 0; p->tensor != NULL && i < count; i++) {
        cfi_tensor *to = &p->tensor[i];

        to->name   = cfi_arena_copy(arena, from[i].name, strlen(from[i].name));
        to->n_dims = from[i].n_dims;
        to->bytes  = from[i].bytes;
        to->quant  = from[i].quant;
        for (uint32_t d = 0; d < 4; d++)
            to->dims[d] = d < from[i].n_dims ? from[i].dims[d] : 1;
        if (to->name == NULL)
            p->tensor = NULL;
    }
    if (p->tensor == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for %zu tensors", count);
    p->tensor_count = (uint32_t)count;
    qsort(p->tensor, count, sizeof *p->tensor, order_of_names);
    return CTXFIT_OK;
}

const cfi_tensor *cfi_projector_tensor(const ctxfit_projector *projector, const char *name)
{
    uint32_t first = 0;
    uint32_t count = projector->tensor_count;

    while (count > 0) {
        uint32_t half = count / 2;
        int      side = strcmp(projector->tensor[first + half].name, name);

        if (side == 0)
            return &projector->tensor[first + half];
        first = side < 0 ? first + half + 1 : first;
        count = side < 0 ? count - half - 1 : half;
    }
    return NULL;
}

ctxfit_status cfi_projector_read(ctxfit_projector *p, cfi_arena *arena, const ctxfit_gguf *gguf, ctxfit_error *error)
{
    cfi_meta      meta;
    ctxfit_status status;

    p->info = (ctxfit_companion)CTXFIT_COMPANION_INIT;
    status  = ctxfit_companion_from_gguf(gguf, &p->info, error);
    if (status == CTXFIT_OK && p->info.kind != CTXFIT_COMPANION_PROJECTOR)
        status = cfi_fail(error, CTXFIT_E_UNSUPPORTED, "the file is an adapter, expected a projector");
    if (status == CTXFIT_OK)
        status = cfi_meta_open_gguf(&meta, gguf, error);
    if (status != CTXFIT_OK)
        return status;
    p->sense[CFI_EYES].there = (p->info.flags & CTXFIT_COMPANION_F_VISION) != 0;
    p->sense[CFI_EARS].there = (p->info.flags & CTXFIT_COMPANION_F_AUDIO) != 0;
    if (!p->sense[CFI_EYES].there && !p->sense[CFI_EARS].there)
        return cfi_fail(error, CTXFIT_E_INCOMPLETE, "neither clip.has_vision_encoder nor clip.has_audio_encoder is set");
    if (p->sense[CFI_EYES].there)
        read_sense(&meta, "vision", &p->sense[CFI_EYES]);
    if (p->sense[CFI_EARS].there)
        read_sense(&meta, "audio", &p->sense[CFI_EARS]);
    return meta.status == CTXFIT_OK ? copy_encoder_tensors(p, arena, gguf, error) : meta.status;
}

ctxfit_status ctxfit_projector_from_gguf(const ctxfit_gguf *gguf, const ctxfit_allocator *allocator, ctxfit_projector **out,
                                         ctxfit_error *error)
{
    ctxfit_projector *p;
    ctxfit_status     status;

    if (out != NULL)
        *out = NULL;
    if (gguf == NULL || out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "gguf and out must not be NULL");
    p = cfi_handle_new(sizeof *p, offsetof(ctxfit_projector, arena), allocator);
    if (p == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = cfi_projector_read(p, &p->arena, gguf, error);
    if (status != CTXFIT_OK) {
        ctxfit_projector_free(p);
        return status;
    }
    *out = p;
    return CTXFIT_OK;
}

void ctxfit_projector_free(ctxfit_projector *projector) { cfi_handle_free(projector, offsetof(ctxfit_projector, arena)); }

ctxfit_status ctxfit_projector_get_info(const ctxfit_projector *projector, ctxfit_companion *out)
{
    if (projector == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_COMPANION, CTXFIT_E_INVALID_ARG);
    return cfi_copy_out(out, &projector->info, sizeof projector->info, CFI_V1_COMPANION);
}
