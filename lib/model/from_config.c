/* A model from config.json: its facts in the words of the text form (lib/hf), which the same reader takes. */
#include "checkpoint_internal.h"
#include "hf/checkpoint_files.h"
#include "recipe_internal.h"

_Static_assert(CFI_HF_NOTES <= CFI_MODEL_NOTES, "a model keeps the notes of its configuration");

/* The shape of Llama is what the facts are read as; nothing of its own is claimed. */
static ctxfit_status make_unknown(ctxfit_model *model, const cfi_hf_config *c, ctxfit_error *error)
{
    const char *name = *c->model_type != '\0' ? c->model_type : c->class_name;

    model->arch_name = cfi_arena_copy(&model->arena, name, strlen(name));
    if (model->arch_name == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a model");
    model->info.flags |= CTXFIT_MODEL_F_UNKNOWN_ARCH;
    model->arch = cfi_arch_generic();
    return CTXFIT_OK;
}

/* Engines of checkpoints choose a class by it. */
static ctxfit_status keep_types(ctxfit_model *model, const cfi_hf_config *c, ctxfit_error *error)
{
    const char *outer = cfi_json_as_text(cfi_json_get(c->outer, "model_type"), NULL);

    outer = outer != NULL ? outer : "";
    model->config_type = cfi_arena_copy(&model->arena, outer, strlen(outer));
    model->decoder_type = cfi_arena_copy(&model->arena, c->model_type, strlen(c->model_type));
    if (model->config_type == NULL || model->decoder_type == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a model");
    return CTXFIT_OK;
}

static bool sees_a_window(const ctxfit_layer_info *layer)
{
    return layer->attention == CTXFIT_ATTENTION_SLIDING || layer->attention == CTXFIT_ATTENTION_CHUNKED;
}

/* Some architectures of llama.cpp have windows at fixed places. A model without any is told of elsewhere (lib/hf/hf_notes.c). */
static void note_fixed_windows(const ctxfit_model *model, cfi_hf_config *c)
{
    cfi_json_iter kinds = cfi_json_items(cfi_hf_get_stated(c, "layer_types"));
    uint32_t      layer = 0;
    bool          any = false;

    for (uint32_t i = 0; i < model->info.layers; i++)
        any = any || sees_a_window(&model->layer[i]);
    for (; any && c->known && layer < model->info.layers && cfi_json_next(&kinds); layer++) {
        const char *kind = cfi_json_as_text(kinds.value, NULL);
        bool        stated = kind != NULL && (strcmp(kind, "sliding_attention") == 0 || strcmp(kind, "chunked_attention") == 0);

        if (stated != sees_a_window(&model->layer[layer])) {
            cfi_hf_note(c, "layer_types has '%s' for layer %u; counted is what llama.cpp's %s always has there, %s",
                        kind != NULL ? kind : "", layer, c->arch, stated ? "the whole context" : "a window");
            return;
        }
    }
}

static ctxfit_status count_towers(ctxfit_model *model, const cfi_hf_config *c)
{
    cfi_hf_towers_found found;
    ctxfit_status       status = cfi_hf_towers(c, &found);

    model->towers = found.note;
    model->towers_counted = found.counted;
    model->tower_matrices = found.count.matrices;
    model->tower_rest = found.count.rest;
    model->tower_matrix_bytes = found.matrix_bytes;
    return status;
}

static bool has_embeddings(const ctxfit_safetensors *weights)
{
    uint64_t block;

    for (uint64_t i = 0; weights != NULL && i < weights->count; i++)
        if (cfi_checkpoint_part_of(weights->entry[i].name, 1, &block) == CFI_CHECKPOINT_EMBEDDING)
            return true;
    return false;
}

static ctxfit_status make_from_config(ctxfit_model *model, const cfi_hf_files *files, ctxfit_file_type file_type, ctxfit_error *error)
{
    cfi_hf_config c;
    const char   *line;
    ctxfit_status status = cfi_hf_config_open(&c, files->config, files->config_size, &model->arena, error);

    if (status == CTXFIT_OK && files->quant != NULL)
        status = cfi_hf_config_add_quant(&c, files->quant_name, files->quant, files->quant_size);
    if (status == CTXFIT_OK && file_type == 0) {
        cfi_hf_quant quant;

        cfi_hf_read_quant(&c, &quant); /* no precision of the plain checkpoint is known: these are its bits */
        file_type = quant.kind == CTXFIT_CHECKPOINT_QUANT_EXL3 ? cfi_exl3_type(quant.hundredths, quant.output_bits) : 0;
    }
    if (status == CTXFIT_OK) {
        c.embeddings = has_embeddings(files->weights);
        line = cfi_hf_config_line(&c);
        status = line != NULL ? cfi_model_make_from_text(model, line, file_type, error) : c.status;
    }
    if (status == CTXFIT_OK)
        note_fixed_windows(model, &c);
    if (status == CTXFIT_OK && !c.known)
        status = make_unknown(model, &c, error);
    if (status == CTXFIT_OK)
        status = keep_types(model, &c, error);
    model->as_stored = file_type == 0;
    if (status == CTXFIT_OK)
        status = cfi_model_set_checkpoint(model, &c, files->weights, error);
    if (status == CTXFIT_OK && model->stored == NULL)
        status = count_towers(model, &c);
    memcpy(model->note, c.note, sizeof c.note); /* they lie in the model's arena */
    model->window_note = c.window_note;
    cfi_hf_config_close(&c);
    return status;
}

static ctxfit_status model_from_files(const cfi_hf_files *files, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                      ctxfit_model **out, ctxfit_error *error)
{
    ctxfit_model *model = cfi_model_new(allocator);
    ctxfit_status status;

    if (model == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a model");
    status = make_from_config(model, files, file_type, error);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(model);
        return status;
    }
    *out = model;
    return CTXFIT_OK;
}

ctxfit_status ctxfit_model_from_hf(const char *json, size_t size, const ctxfit_safetensors *weights, ctxfit_file_type file_type,
                                   const ctxfit_allocator *allocator, ctxfit_model **out, ctxfit_error *error)
{
    const cfi_hf_files files = {.config = json, .config_size = size, .weights = weights};
    ctxfit_status      status;

    if (out != NULL)
        *out = NULL;
    if (json == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "a model from config.json: %s",
                        json == NULL ? "json is NULL" : out == NULL ? "out is NULL" : "the allocator lacks a function");
    status = cfi_model_check_file_type(file_type, error);
    return status == CTXFIT_OK ? model_from_files(&files, file_type, allocator, out, error) : status;
}

ctxfit_status ctxfit_model_open_checkpoint(const char *path, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                           ctxfit_model **out, ctxfit_error *error)
{
    cfi_arena           arena;
    cfi_hf_files        files = {0};
    ctxfit_safetensors *weights = NULL;
    ctxfit_status       status;

    if (out != NULL)
        *out = NULL;
    if (path == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_model_open_checkpoint: path and out must not be NULL");
    status = cfi_model_check_file_type(file_type, error);
    if (status != CTXFIT_OK)
        return status;
    cfi_arena_init(&arena, allocator);
    status = cfi_hf_open_files(path, &arena, &files, &weights, error);
    if (status == CTXFIT_OK)
        status = model_from_files(&files, file_type, allocator, out, error);
    ctxfit_safetensors_free(weights);
    cfi_arena_free(&arena);
    return status;
}

ctxfit_status ctxfit_model_from_config(const char *json, size_t size, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                       ctxfit_model **out, ctxfit_error *error)
{
    return ctxfit_model_from_hf(json, size, NULL, file_type, allocator, out, error);
}
