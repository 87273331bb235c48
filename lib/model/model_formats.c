/* Formats of a model's tensors when there is no file that says them. */
#include <stdio.h>

#include "recipe_internal.h"

/* What llama-quantize asks of a model. Blocks are those of the file: layers that are passed several times count once. */
static cfi_quant_facts facts_of(const ctxfit_model *model, ctxfit_file_type source)
{
    cfi_quant_facts facts;

    memset(&facts, 0, sizeof facts);
    facts.arch = model->arch_name;
    facts.source = source;
    facts.nextn = model->info.nextn_layers;
    facts.heads = model->stated_heads;
    facts.kv_heads = model->stated_kv_heads;
    for (uint32_t i = 0; i < model->info.layers + model->info.nextn_layers; i++)
        if (model->layer[i].experts > facts.experts)
            facts.experts = model->layer[i].experts;
    for (uint64_t n = 0; n < model->info.tensor_count; n++)
        if (model->tensor[n].layer >= (int32_t)facts.block_count)
            facts.block_count = (uint32_t)model->tensor[n].layer + 1;
    return facts;
}

/* llama-quantize makes something else of published MXFP4 with --allow-requantize only; files that others publish mostly keep it. */
static ctxfit_status note_mxfp4(ctxfit_model *model, const cfi_quant_tensor *work, size_t count, ctxfit_error *error)
{
    uint64_t made = 0;
    uint64_t kept = 0;
    uint64_t bytes;
    uint32_t notes = 0;
    char     text[192];

    for (size_t n = 0; n < count; n++)
        if (work[n].from == CTXFIT_QUANT_MXFP4 && work[n].to != CTXFIT_QUANT_MXFP4) {
            if (cfi_quant_tensor_bytes(work[n].to, work[n].dims, &bytes) != CTXFIT_OK || !cfi_add_u64(made, bytes, &made) ||
                cfi_quant_tensor_bytes(CTXFIT_QUANT_MXFP4, work[n].dims, &bytes) != CTXFIT_OK || !cfi_add_u64(kept, bytes, &kept))
                return CTXFIT_OK; /* too many to count: the layout says so */
        }
    while (notes < CFI_MODEL_NOTES && model->note[notes] != NULL)
        notes++;
    if (made == 0 || notes == CFI_MODEL_NOTES)
        return CTXFIT_OK;
    (void)snprintf(text, sizeof text, "experts published in MXFP4 take %.2f GiB as llama-quantize --allow-requantize makes them, "
                   "%.2f GiB in a file that keeps them", (double)made / (1u << 30), (double)kept / (1u << 30));
    model->note[notes] = model->format_note = cfi_arena_copy(&model->arena, text, strlen(text));
    return model->format_note != NULL ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a note");
}

static ctxfit_status quantize(ctxfit_model *model, ctxfit_file_type file_type, ctxfit_file_type source, cfi_quant_tensor *work,
                              ctxfit_error *error)
{
    cfi_quant_facts facts = facts_of(model, source);
    size_t          count = (size_t)model->info.tensor_count;
    ctxfit_status   status;

    for (size_t n = 0; n < count; n++) {
        work[n].name = model->tensor[n].name;
        memcpy(work[n].dims, model->tensor[n].dims, sizeof work[n].dims);
        work[n].from = model->tensor[n].quant;
        work[n].parts = 1;
    }
    if (cfi_exl3_is(file_type))
        status = cfi_exl3_apply(file_type, &facts, work, count, &model->arena.allocator, error);
    else
        status = cfi_quant_recipe_apply(file_type, &facts, work, count, &model->arena.allocator, NULL, error);
    if (status == CTXFIT_OK && !cfi_exl3_is(file_type))
        status = note_mxfp4(model, work, count, error);
    for (size_t n = 0; n < count && status == CTXFIT_OK; n++) {
        model->tensor[n].quant = work[n].to;
        model->tensor[n].parts = work[n].parts;
    }
    return status;
}

/* Bytes of each tensor, and its place when they follow each other in the file. */
static ctxfit_status lay_out(ctxfit_model *model, ctxfit_error *error)
{
    uint64_t offset = 0;

    for (uint64_t n = 0; n < model->info.tensor_count; n++) {
        cfi_tensor   *t = &model->tensor[n];
        ctxfit_status status = cfi_quant_parts_bytes(t->quant, t->dims, t->parts, &t->bytes);

        if (status != CTXFIT_OK)
            return cfi_fail(error, status, "tensor '%s': %llu x %llu x %llu x %llu elements in %s have no size in bytes", t->name,
                            (unsigned long long)t->dims[0], (unsigned long long)t->dims[1], (unsigned long long)t->dims[2],
                            (unsigned long long)t->dims[3], ctxfit_quant_name(t->quant));
        t->ggml_type = cfi_quant_ggml_type(cfi_quant_format_of(t->quant));
        t->offset = offset;
        if (!cfi_add_u64(offset, t->bytes, &offset) || !cfi_align_u64(offset, model->alignment, &offset))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensor '%s': the tensors together have more than 2^64 bytes", t->name);
    }
    return CTXFIT_OK;
}

ctxfit_status cfi_model_apply_file_type(ctxfit_model *model, ctxfit_file_type file_type, ctxfit_file_type source,
                                        ctxfit_error *error)
{
    ctxfit_allocator  allocator = model->arena.allocator;
    size_t            size;
    cfi_quant_tensor *work;
    ctxfit_status     status = CTXFIT_OK;

    if (file_type != 0) {
        size = (size_t)model->info.tensor_count * sizeof *work; /* smaller than the tensors, which are there */
        work = allocator.alloc(allocator.user, size);
        if (work == NULL)
            return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for the formats of %llu tensors",
                            (unsigned long long)model->info.tensor_count);
        status = quantize(model, file_type, source, work, error);
        allocator.release(allocator.user, work, size);
    }
    return status == CTXFIT_OK ? lay_out(model, error) : status;
}

ctxfit_status cfi_model_check_file_type(ctxfit_file_type file_type, ctxfit_error *error)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

    if (file_type == 0 || ctxfit_file_type_get_info(file_type, &info) == CTXFIT_OK)
        return CTXFIT_OK;
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "file type %u: no such id", (unsigned)file_type);
}

static bool is_float(ctxfit_quant quant)
{
    const cfi_quant_format *format = cfi_quant_format_of(quant);

    return format != NULL && (format->flags & CTXFIT_QUANT_F_FLOAT) != 0;
}

static bool has_mxfp4(const ctxfit_model *model)
{
    for (uint64_t n = 0; n < model->info.tensor_count; n++)
        if (model->tensor[n].quant == CTXFIT_QUANT_MXFP4)
            return true;
    return false;
}

ctxfit_status cfi_model_build(ctxfit_model *model, const cfi_recipe *recipe, cfi_meta *meta, ctxfit_file_type published,
                              ctxfit_file_type file_type, ctxfit_error *error)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;
    ctxfit_quant          source = CTXFIT_QUANT_F16; /* what the reference sizes of file types were made from */
    ctxfit_status         status;

    if (meta != NULL && meta->status != CTXFIT_OK)
        return meta->status;
    if (file_type == 0 && ctxfit_file_type_get_info(published, &info) == CTXFIT_OK && is_float(info.base))
        source = info.base;
    else if (file_type == 0)
        file_type = published;
    status = cfi_recipe_make_tensors(recipe, meta, model, source, file_type == 0, error);
    if (status == CTXFIT_OK)
        status = cfi_model_apply_file_type(model, file_type, CFI_FILE_F16, error);
    if (status != CTXFIT_OK)
        return status;
    if (file_type == 0)
        file_type = has_mxfp4(model) ? CFI_FILE_MXFP4_MOE : published;
    model->info.file_type = file_type;
    return cfi_model_finish(model, error);
}
