#include <stdlib.h>
#include <string.h>

#include "batch.h"

/* Neighbouring lines ask for few models and machines: the last ones are kept, the one not asked for the longest goes. */
#define KEPT 8

typedef struct kept {
    char             *name;
    cli_model_source  source; /* of a model; its name is the one above */
    uint64_t          used;   /* when, 0 = empty */
    ctxfit_model     *model;
    ctxfit_hw        *hw;
    cli_parts        *parts;  /* that come with a model */
} kept;

struct batch_store {
    uint64_t clock;
    kept     models[KEPT];
    kept     machines[KEPT];
};

batch_store *batch_store_new(void)
{
    return calloc(1, sizeof(batch_store));
}

static void forget(kept *k)
{
    free(k->name);
    ctxfit_model_free(k->model);
    ctxfit_hw_free(k->hw);
    free(k->parts);
    memset(k, 0, sizeof *k);
}

void batch_store_free(batch_store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < KEPT; i++) {
        forget(&store->models[i]);
        forget(&store->machines[i]);
    }
    free(store);
}

static kept *find(batch_store *store, kept *all, const cli_model_source *source)
{
    for (int i = 0; i < KEPT; i++) {
        const cli_model_source *s = &all[i].source;

        if (all[i].used != 0 && s->file_type == source->file_type && s->header_only == source->header_only &&
            strcmp(s->name, source->name) == 0) {
            all[i].used = ++store->clock;
            return &all[i];
        }
    }
    return NULL;
}

/* An empty place under that name; NULL without memory. */
static kept *place(batch_store *store, kept *all, const cli_model_source *source)
{
    size_t size = strlen(source->name) + 1;
    kept  *oldest = &all[0];

    for (int i = 1; i < KEPT; i++)
        if (all[i].used < oldest->used)
            oldest = &all[i];
    forget(oldest);
    oldest->name = malloc(size);
    if (oldest->name == NULL)
        return NULL;
    memcpy(oldest->name, source->name, size);
    oldest->source = *source;
    oldest->source.name = oldest->name;
    oldest->used = ++store->clock;
    return oldest;
}

static ctxfit_status no_memory(ctxfit_error *error)
{
    memset(error, 0, sizeof *error);
    error->status = CTXFIT_E_NO_MEMORY;
    error->offset = UINT64_MAX;
    (void)snprintf(error->message, sizeof error->message, "%s", ctxfit_status_message(CTXFIT_E_NO_MEMORY));
    return CTXFIT_E_NO_MEMORY;
}

ctxfit_status batch_model(batch_store *store, const cli_model_source *source, const ctxfit_model **out, const cli_parts **out_parts,
                          ctxfit_error *error)
{
    kept            *k = find(store, store->models, source);
    cli_model_source whole = *source;
    ctxfit_model    *model;
    ctxfit_status    status;

    *out = NULL;
    if (k == NULL) {
        whole.parts = calloc(1, sizeof *whole.parts);
        if (whole.parts == NULL)
            return no_memory(error);
        status = cli_open_model(&whole, &model, error);
        if (status != CTXFIT_OK) {
            free(whole.parts);
            return status;
        }
        k = place(store, store->models, source);
        if (k == NULL) {
            free(whole.parts);
            ctxfit_model_free(model);
            return no_memory(error);
        }
        k->model = model;
        k->parts = whole.parts;
    }
    *out = k->model;
    *out_parts = k->parts;
    return CTXFIT_OK;
}

ctxfit_status batch_hw(batch_store *store, const char *spec, const ctxfit_hw **out, ctxfit_error *error)
{
    cli_model_source source = {spec, 0, false, NULL};
    kept            *k = find(store, store->machines, &source);
    ctxfit_hw       *hw;
    ctxfit_status    status;

    *out = NULL;
    if (k == NULL) {
        status = ctxfit_hw_parse(spec, NULL, &hw, error);
        if (status != CTXFIT_OK)
            return status;
        k = place(store, store->machines, &source);
        if (k == NULL) {
            ctxfit_hw_free(hw);
            return no_memory(error);
        }
        k->hw = hw;
    }
    *out = k->hw;
    return CTXFIT_OK;
}
