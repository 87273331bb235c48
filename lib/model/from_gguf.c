#include "arch_internal.h"

/* ---- files that are no language model ---- */

static ctxfit_status check_kind(cfi_meta *meta)
{
    size_t      len;
    const char *type = cfi_meta_string(meta, "general.type", &len);

    if (meta->status != CTXFIT_OK)
        return meta->status;
    if (type != NULL && strcmp(type, "model") != 0)
        cfi_meta_fail(meta, CTXFIT_E_UNSUPPORTED, "general.type is '%.32s': not a model", type);
    else if (strcmp(meta->arch, "clip") == 0)
        cfi_meta_fail(meta, CTXFIT_E_UNSUPPORTED, "general.architecture is 'clip': a vision or audio projector, not a language model");
    else if (ctxfit_gguf_shard_count(meta->gguf) < ctxfit_gguf_split_count(meta->gguf))
        cfi_meta_fail(meta, CTXFIT_E_INCOMPLETE, "%u of %u shards: join them all first", (unsigned)ctxfit_gguf_shard_count(meta->gguf),
                      (unsigned)ctxfit_gguf_split_count(meta->gguf));
    return meta->status;
}

/* ---- tensors ---- */

static ctxfit_status take_tensor(ctxfit_model *model, cfi_tensor *to, const cfi_gguf_tensor *from, ctxfit_error *error)
{
    if (from->quant == 0)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "tensor '%.64s': unknown format %u, so its size is unknown", from->name,
                        (unsigned)from->ggml_type);
    to->name = cfi_arena_copy(&model->arena, from->name, strlen(from->name));
    if (to->name == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "model: out of memory");
    memcpy(to->dims, from->dims, sizeof to->dims);
    to->bytes = from->bytes;
    to->offset = from->offset;
    to->n_dims = from->n_dims;
    to->quant = from->quant;
    to->ggml_type = from->ggml_type;
    to->shard = from->shard;
    return CTXFIT_OK;
}

static ctxfit_status take_tensors(ctxfit_model *model, const ctxfit_gguf *gguf, ctxfit_error *error)
{
    size_t                 count;
    const cfi_gguf_tensor *tensors = cfi_gguf_tensors(gguf, &count);

    if (count == 0)
        return cfi_fail(error, CTXFIT_E_INCOMPLETE, "the file has no tensors");
    model->tensor = cfi_arena_array(&model->arena, count, sizeof *model->tensor);
    if (model->tensor == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "model: out of memory for %zu tensors", count);
    for (size_t i = 0; i < count; i++) {
        ctxfit_status status = take_tensor(model, &model->tensor[i], &tensors[i], error);

        if (status != CTXFIT_OK)
            return status;
    }
    model->info.tensor_count = count;
    return CTXFIT_OK;
}

static ctxfit_status check_embedding(const ctxfit_model *model, const ctxfit_gguf *gguf, ctxfit_error *error)
{
    const cfi_gguf_tensor *embedding = cfi_gguf_find_tensor(gguf, "token_embd.weight");

    if (embedding == NULL || embedding->dims[0] == model->info.embedding || (model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0)
        return CTXFIT_OK;
    return cfi_fail(error, CTXFIT_E_MALFORMED, "tensor 'token_embd.weight': rows of %llu, expected embedding_length %u",
                    (unsigned long long)embedding->dims[0], (unsigned)model->info.embedding);
}

/* ---- the model ---- */

static ctxfit_status build(ctxfit_model *model, cfi_meta *meta)
{
    ctxfit_status status = check_kind(meta);

    if (status == CTXFIT_OK)
        status = cfi_model_describe(model, meta);
    if (status == CTXFIT_OK)
        status = check_embedding(model, meta->gguf, meta->error);
    if (status == CTXFIT_OK)
        status = take_tensors(model, meta->gguf, meta->error);
    if (status == CTXFIT_OK)
        status = cfi_model_refine(model, meta->error);
    if (status != CTXFIT_OK)
        return status;
    model->alignment = ctxfit_gguf_alignment(meta->gguf);
    model->info.flags |= CTXFIT_MODEL_F_FROM_FILE;
    model->info.file_type = ctxfit_file_type_from_ggml(cfi_meta_u32(meta, "general.file_type", UINT32_MAX));
    if (meta->status != CTXFIT_OK)
        return meta->status;
    return cfi_model_finish(model, meta->error);
}

ctxfit_status ctxfit_model_from_gguf(const ctxfit_gguf *gguf, const ctxfit_allocator *allocator, ctxfit_model **out, ctxfit_error *error)
{
    cfi_meta      meta;
    ctxfit_model *model;
    ctxfit_status status;

    if (out != NULL)
        *out = NULL;
    if (gguf == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "gguf and out must not be NULL, an allocator needs both functions");
    status = cfi_meta_open_gguf(&meta, gguf, error);
    if (status != CTXFIT_OK)
        return status;
    model = cfi_model_new(allocator);
    if (model == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "model: out of memory");
    status = build(model, &meta);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(model);
        return status;
    }
    *out = model;
    return CTXFIT_OK;
}
