/* Files that come beside a model: projectors (eyes, ears) and LoRA adapters.
 * Source: llama.cpp b10472 tools/mtmd/clip.cpp (keys of clip), src/llama-adapter.cpp (llama_adapter_lora_init_impl), src/llama-graph.cpp
 * (build_lora_mm). */
#include "arch_internal.h"

static bool name_is(const char *text, size_t len, const char *wanted)
{
    return text != NULL && len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

static void copy_text(char *out, size_t cap, const char *text, size_t len)
{
    cfi_writer w;

    cfi_writer_init(&w, out, cap);
    if (text != NULL)
        cfi_write_text(&w, text, len);
    (void)cfi_writer_finish(&w, NULL);
    cfi_make_printable(out);
}

/* ---- projectors ---- */

static uint32_t first_u32(cfi_meta *meta, const char *first, const char *second)
{
    return cfi_meta_u32(meta, first, cfi_meta_u32(meta, second, 0));
}

static void read_projector(cfi_meta *meta, ctxfit_companion *out)
{
    size_t      len = 0;
    const char *type = cfi_meta_string(meta, "projector_type", &len);

    if (type == NULL)
        type = cfi_meta_string(meta, "vision.projector_type", &len);
    if (type == NULL)
        type = cfi_meta_string(meta, "audio.projector_type", &len);
    out->kind = CTXFIT_COMPANION_PROJECTOR;
    copy_text(out->name, sizeof out->name, type, len);
    if (cfi_meta_bool(meta, "has_vision_encoder", false))
        out->flags |= CTXFIT_COMPANION_F_VISION;
    if (cfi_meta_bool(meta, "has_audio_encoder", false))
        out->flags |= CTXFIT_COMPANION_F_AUDIO;
    out->layers = first_u32(meta, "vision.block_count", "audio.block_count");
    out->embedding = first_u32(meta, "vision.embedding_length", "audio.embedding_length");
    out->output = first_u32(meta, "vision.projection_dim", "audio.projection_dim");
    out->image_size = cfi_meta_u32(meta, "vision.image_size", 0);
    out->patch_size = cfi_meta_u32(meta, "vision.patch_size", 0);
}

/* ---- adapters ---- */

/* A token passes both matrices of each pair; while a pair is added, its product and the narrow one before it are held beside the result. */
static ctxfit_status read_adapter(cfi_meta *meta, ctxfit_companion *out, const cfi_gguf_tensor *tensors, size_t count, ctxfit_error *error)
{
    size_t      len = 0;
    const char *type = NULL;
    uint64_t    width = 0;

    (void)ctxfit_gguf_get_string(meta->gguf, "adapter.type", &type, &len); /* a key without the architecture before it */
    if (!name_is(type, len, "lora"))
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "adapter.type is '%.*s', expected lora", (int)cfi_min_u64(len, 32),
                        type != NULL ? type : "");
    out->kind = CTXFIT_COMPANION_ADAPTER;
    copy_text(out->name, sizeof out->name, meta->arch, strlen(meta->arch));
    for (size_t i = 0; i < count; i++) {
        const cfi_gguf_tensor *t = &tensors[i];
        uint64_t               flops;

        if (!cfi_mul_u64(t->dims[0], t->dims[1], &flops) || !cfi_mul_u64(flops, 2, &flops) ||
            !cfi_add_u64(out->flops_per_token, flops, &out->flops_per_token))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensor '%.64s': too large", t->name);
        if (cfi_ends_with(t->name, ".lora_a") && t->dims[1] <= UINT32_MAX)
            out->rank = (uint32_t)cfi_max_u64(out->rank, t->dims[1]);
        else if (cfi_ends_with(t->name, ".lora_b"))
            width = cfi_max_u64(width, t->dims[1]);
    }
    if (!cfi_add_u64(width, out->rank, &width) || !cfi_mul_u64(width, sizeof(float), &out->compute_bytes_per_token))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "the adapter is too wide");
    return CTXFIT_OK;
}

/* ---- both ---- */

static ctxfit_status add_companion_bytes(const cfi_gguf_tensor *tensors, size_t count, uint64_t alignment, ctxfit_companion *out,
                                         ctxfit_error *error)
{
    out->tensors = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t padded;

        if (tensors[i].quant == 0)
            return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "tensor '%.64s': unknown format %u, so its size is unknown", tensors[i].name,
                            (unsigned)tensors[i].ggml_type);
        if (!cfi_align_u64(tensors[i].bytes, alignment, &padded) || !cfi_add_u64(out->weight_bytes, padded, &out->weight_bytes))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "the tensors exceed 64 bits");
    }
    return CTXFIT_OK;
}

ctxfit_status ctxfit_companion_from_gguf(const ctxfit_gguf *gguf, ctxfit_companion *out, ctxfit_error *error)
{
    ctxfit_companion       found = CTXFIT_COMPANION_INIT;
    const cfi_gguf_tensor *tensors;
    cfi_meta               meta;
    size_t                 count, len = 0;
    const char            *type;
    ctxfit_status          status;

    if (gguf == NULL || out == NULL)
        return cfi_fail(error, cfi_copy_none(out, CFI_V1_COMPANION, CTXFIT_E_INVALID_ARG), "gguf and out must not be NULL");
    status = cfi_meta_open_gguf(&meta, gguf, error);
    if (status != CTXFIT_OK)
        return cfi_copy_none(out, CFI_V1_COMPANION, status);
    tensors = cfi_gguf_tensors(gguf, &count);
    type = cfi_meta_string(&meta, "general.type", &len);
    if (name_is(type, len, "adapter"))
        status = read_adapter(&meta, &found, tensors, count, error);
    else if (strcmp(meta.arch, "clip") == 0)
        read_projector(&meta, &found);
    else
        status = cfi_fail(error, CTXFIT_E_UNSUPPORTED, "neither a projector nor an adapter: a model (ctxfit_model_from_gguf)");
    if (status == CTXFIT_OK)
        status = meta.status;
    if (status == CTXFIT_OK)
        status = add_companion_bytes(tensors, count, 32, &found, error); /* as memory pads them where it pads least: ggml-backend.cpp */
    if (status != CTXFIT_OK)
        return cfi_copy_none(out, CFI_V1_COMPANION, status);
    return cfi_copy_out(out, &found, sizeof found, CFI_V1_COMPANION);
}
