#include "catalog_internal.h"
#include "model_internal.h"

static ctxfit_status not_found(const char *name, ctxfit_error *error)
{
    char hint[160];

    cfi_catalog_suggest(name, hint, sizeof hint);
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "no model '%.60s' in the catalog; %s", name, hint);
}

/* The name for people is that of the repository, without its owner. */
static ctxfit_status set_name(ctxfit_model *model, const char *hf_id, ctxfit_error *error)
{
    const char *slash = strrchr(hf_id, '/');
    const char *name = slash != NULL ? slash + 1 : hf_id;

    model->name = cfi_arena_copy(&model->arena, name, strlen(name));
    return model->name != NULL ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for the name of a model");
}

ctxfit_status ctxfit_model_from_catalog(const char *name, ctxfit_file_type file_type, const ctxfit_allocator *allocator,
                                        ctxfit_model **out, ctxfit_error *error)
{
    cfi_catalog_entry entry;
    ctxfit_model     *model;
    ctxfit_status     status;

    if (out != NULL)
        *out = NULL;
    if (name == NULL || out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_model_from_catalog: %s is NULL", name == NULL ? "name" : "out");
    if (!cfi_catalog_at(cfi_catalog_find(name), &entry))
        return not_found(name, error);
    status = ctxfit_model_from_text(entry.text, file_type, allocator, &model, error);
    if (status != CTXFIT_OK)
        return status;
    status = set_name(model, entry.hf_id, error);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(model);
        return status;
    }
    *out = model;
    return CTXFIT_OK;
}
