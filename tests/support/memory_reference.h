/* Rows that llama.cpp measured, as requests and answers: one case is one configuration, its rows are the buffers. */
#ifndef MEMORY_REFERENCE_H
#define MEMORY_REFERENCE_H

#include "csv_reader.h"

#include "ctxfit/gguf.h"
#include "memory/memory_internal.h"

#define REFERENCE_MODELS 512
#define REFERENCE_KEY    768

typedef struct reference_model {
    char          name[64];
    char          file_type[16];
    ctxfit_model *model;
} reference_model;

typedef struct reference_models {
    char           *text; /* lines "name|text form" */
    const char     *headers; /* folder of GGUF headers, for names that end in .gguf */
    size_t          count;
    reference_model item[REFERENCE_MODELS];
} reference_models;

typedef struct reference_case {
    char                key[REFERENCE_KEY]; /* the configuration's columns */
    char                dev[16];
    const ctxfit_model *model;
    ctxfit_plan_options options;
    cfi_engine_device   devices[CFI_MAX_DEVICES];
    uint32_t            device_count;
    int                 resolved; /* the r_ columns are there */
    int                 has_output;
    uint64_t            n_ctx, n_ctx_seq, n_batch, n_ubatch, flash, pipeline, kv_cells, swa_cells;
    int                 bytes_by_part;  /* else only weights, the sum of the caches, compute */
    uint64_t            context[CFI_MAX_DEVICES + 1];
    cfi_memory_device   truth[CFI_MAX_DEVICES + 1]; /* the host is the last, as in cfi_memory */
} reference_case;

/* The text form of a model by name; NULL: not there. The line must not be cut yet. */
static inline char *reference_find(const char *text, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == '|') {
            size_t size = strcspn(line + len + 1, "\n");
            char  *copy = calloc(1, size + 1);

            if (copy != NULL)
                memcpy(copy, line + len + 1, size);
            return copy;
        }
    }
    return NULL;
}

static inline ctxfit_status reference_model_make(const reference_models *models, const char *name, const char *file_type,
                                                 ctxfit_model **out, ctxfit_error *error)
{
    char          path[512];
    char         *text = reference_find(models->text, name);
    ctxfit_gguf  *gguf = NULL;
    FILE         *f;
    void         *header;
    size_t        size;
    ctxfit_status status;

    if (text != NULL) {
        status = ctxfit_model_from_text(text, ctxfit_file_type_from_name(file_type), NULL, out, error);
        free(text);
        return status;
    }
    snprintf(path, sizeof path, "%s/%s", models->headers, name);
    f = fopen(path, "rb");
    header = f != NULL ? malloc(1u << 20) : NULL;
    size = header != NULL ? fread(header, 1, 1u << 20, f) : 0;
    if (f != NULL)
        fclose(f);
    status = ctxfit_gguf_parse(header, size, NULL, NULL, &gguf, error);
    if (status == CTXFIT_OK)
        status = ctxfit_model_from_gguf(gguf, NULL, out, error);
    free(header);
    ctxfit_gguf_free(gguf);
    return status;
}

static inline int reference_models_open(reference_models *models, const char *path, const char *headers)
{
    FILE *f = fopen(path, "rb");

    memset(models, 0, sizeof *models);
    models->headers = headers;
    models->text = calloc(1, 1u << 20);
    if (f != NULL && models->text != NULL)
        (void)!fread(models->text, 1, (1u << 20) - 1, f);
    if (f != NULL)
        fclose(f);
    return f != NULL && models->text != NULL && models->text[0] != '\0';
}

static inline void reference_models_close(reference_models *models)
{
    for (size_t i = 0; i < models->count; i++)
        ctxfit_model_free(models->item[i].model);
    free(models->text);
}

/* Kept for the next time. NULL with a message on stderr when it cannot be made. */
static inline const ctxfit_model *reference_model_get(reference_models *models, const char *name, const char *file_type)
{
    reference_model *item;
    ctxfit_error     error;

    for (size_t i = 0; i < models->count; i++) {
        if (strcmp(models->item[i].name, name) == 0 && strcmp(models->item[i].file_type, file_type) == 0)
            return models->item[i].model;
    }
    if (models->count == REFERENCE_MODELS)
        return NULL;
    item = &models->item[models->count];
    if (reference_model_make(models, name, file_type, &item->model, &error) != CTXFIT_OK) {
        fprintf(stderr, "%s %s: %s\n", name, file_type, error.message);
        return NULL;
    }
    snprintf(item->name, sizeof item->name, "%s", name);
    snprintf(item->file_type, sizeof item->file_type, "%s", file_type);
    models->count++;
    return item->model;
}

static inline uint32_t reference_choice(const char *text)
{
    if (strcmp(text, "on") == 0 || strcmp(text, "1") == 0)
        return CTXFIT_CHOICE_ON;
    return strcmp(text, "off") == 0 || strcmp(text, "0") == 0 ? CTXFIT_CHOICE_OFF : CTXFIT_CHOICE_DEFAULT;
}

static inline void reference_overrides(const char *text, ctxfit_plan_options *options)
{
    if (strcmp(text, "cmoe") == 0)
        options->cpu_expert_layers = CTXFIT_ALL_LAYERS;
    else if (strncmp(text, "ncmoe=", 6) == 0)
        options->cpu_expert_layers = (uint32_t)strtoul(text + 6, NULL, 10);
    else if (strncmp(text, "ot=", 3) == 0)
        snprintf(options->overrides, sizeof options->overrides, "%s", text + 3);
}

/* A plain device has no properties at all, as RPC devices had none before 0.7.0. */
static inline uint32_t reference_backend(const char *dev, const char *engine)
{
    if (strncmp(dev, "cuda", 4) == 0)
        return CTXFIT_BACKEND_CUDA;
    return strncmp(dev, "plain", 5) == 0 && strstr(engine, "@0.7.0") != NULL ? CTXFIT_BACKEND_CPU : CTXFIT_BACKEND_RPC;
}

/* "cuda:2" with free memory "24,12" in GiB */
static inline uint32_t reference_devices(const char *dev, const char *mem, const char *engine, cfi_engine_device *devices)
{
    uint32_t count = strchr(dev, ':') != NULL ? (uint32_t)strtoul(strchr(dev, ':') + 1, NULL, 10) : 0;

    for (uint32_t d = 0; d < count; d++) {
        devices[d].backend = reference_backend(dev, engine);
        devices[d].free_bytes = (uint64_t)strtoull(mem, NULL, 10) << 30;
        if (strchr(mem, ',') != NULL)
            mem = strchr(mem, ',') + 1;
    }
    return count;
}

/* Options of the row that is being read. */
static inline void reference_options(const csv_reader *csv, const char *engine, ctxfit_plan_options *options)
{
    const ctxfit_plan_options init = CTXFIT_PLAN_OPTIONS_INIT;
    long long                 layers = csv_number(csv, "ngl");
    long long                 outputs = csv_number(csv, "n_outputs_max");
    const char               *split = csv_text(csv, "tensor_split");

    *options = init;
    snprintf(options->engine, sizeof options->engine, "%s", engine);
    options->ctx_tokens = (uint64_t)csv_number(csv, "n_ctx");
    options->sequences = (uint32_t)csv_number(csv, "n_seq");
    options->batch_tokens = (uint32_t)csv_number(csv, "n_batch");
    options->ubatch_tokens = (uint32_t)csv_number(csv, "n_ubatch");
    options->outputs_max = outputs == 0 ? UINT32_MAX : (uint32_t)outputs;
    options->kv_key = ctxfit_quant_from_name(csv_text(csv, "type_k"));
    options->kv_value = ctxfit_quant_from_name(csv_text(csv, "type_v"));
    options->flash_attention = reference_choice(csv_text(csv, "flash_attn"));
    options->kv_unified = reference_choice(csv_text(csv, "kv_unified"));
    options->swa_full = reference_choice(csv_text(csv, "swa_full"));
    options->kv_offload = reference_choice(csv_text(csv, "offload_kqv"));
    options->op_offload = reference_choice(csv_text(csv, "op_offload"));
    options->mmap = CTXFIT_CHOICE_OFF;
    options->repack = reference_choice(csv_text(csv, "repack"));
    options->split_mode = strcmp(csv_text(csv, "split_mode"), "none") == 0 ? CTXFIT_SPLIT_NONE : CTXFIT_SPLIT_LAYER;
    options->gpu_layers = layers < 0 ? 0 : layers == 0 ? CTXFIT_GPU_LAYERS_NONE : (uint32_t)layers;
    for (size_t i = 0; i < CTXFIT_MAX_SPLIT && *split != '\0'; i++) {
        options->tensor_split[i] = strtod(split, NULL);
        split += strcspn(split, ",");
        split += *split == ',';
    }
    reference_overrides(csv_text(csv, "overrides"), options);
}

static inline const char *reference_dev(const csv_reader *csv)
{
    const char *dev = csv_text(csv, "dev");

    return *dev != '\0' ? dev : csv_text(csv, "devices");
}

static inline const char *reference_model_name(const csv_reader *csv)
{
    const char *name = csv_text(csv, "model");

    return *name != '\0' ? name : csv_text(csv, "file");
}

/* The columns before "device" that ask. */
static inline void reference_key(const csv_reader *csv, char key[REFERENCE_KEY])
{
    size_t at = 0;

    for (size_t i = 0; i < csv->columns && strcmp(csv->name[i], "device") != 0 && at < REFERENCE_KEY; i++) {
        if (strncmp(csv->name[i], "r_", 2) != 0)
            at += (size_t)snprintf(key + at, REFERENCE_KEY - at, "%s,", csv->field[i]);
    }
}

static inline void reference_add_row(const csv_reader *csv, reference_case *c)
{
    const char        *device = csv_text(csv, "device");
    size_t             len = strlen(device);
    cfi_memory_device *to = &c->truth[c->device_count];
    uint64_t          *context = &c->context[c->device_count];

    if (len > 0 && device[len - 1] >= '0' && device[len - 1] <= '9') {
        to = &c->truth[device[len - 1] - '0'];
        context = &c->context[device[len - 1] - '0'];
    }
    if (*csv_text(csv, "weights_bytes") != '\0') {
        to->weights += (uint64_t)csv_number(csv, "weights_bytes");
        to->compute += (uint64_t)csv_number(csv, "compute_bytes");
        to->compute_low += (uint64_t)csv_number(csv, "plain_bytes");
        *context += (uint64_t)csv_number(csv, "context_bytes");
        return;
    }
    c->bytes_by_part = 1;
    to->weights += (uint64_t)csv_number(csv, "weights");
    to->kv += (uint64_t)csv_number(csv, "kv");
    to->kv_swa += (uint64_t)csv_number(csv, "kv_swa");
    to->recurrent += (uint64_t)csv_number(csv, "recurrent");
    to->kv_other += (uint64_t)csv_number(csv, "kv_other");
    to->compute += (uint64_t)csv_number(csv, "compute");
    to->output += (uint64_t)csv_number(csv, "output_buffer");
}

static inline void reference_begin(const csv_reader *csv, const char *engine, reference_case *c)
{
    memset(c, 0, sizeof *c);
    reference_key(csv, c->key);
    snprintf(c->dev, sizeof c->dev, "%s", reference_dev(csv));
    reference_options(csv, engine, &c->options);
    c->device_count = reference_devices(c->dev, csv_text(csv, "dev_mem_gib"), engine, c->devices);
    c->resolved = *csv_text(csv, "r_n_ctx") != '\0';
    c->has_output = *csv_text(csv, "output_buffer") != '\0';
    c->n_ctx = (uint64_t)csv_number(csv, "r_n_ctx");
    c->n_ctx_seq = (uint64_t)csv_number(csv, "r_n_ctx_seq");
    c->n_batch = (uint64_t)csv_number(csv, "r_n_batch");
    c->n_ubatch = (uint64_t)csv_number(csv, "r_n_ubatch");
    c->flash = (uint64_t)csv_number(csv, "r_flash_attn");
    c->pipeline = (uint64_t)csv_number(csv, "sched_copies") > 1;
    c->kv_cells = (uint64_t)csv_number(csv, "kv_cells");
    c->swa_cells = (uint64_t)csv_number(csv, "swa_cells");
}

typedef void (*reference_visit)(void *user, reference_case *c, size_t rows);

/* Reads every case of a file; rows of one configuration stand together. Returns rows, 0 when there is no file. */
static inline size_t reference_walk(const char *path, const char *engine, reference_models *models, reference_visit visit, void *user)
{
    static reference_case c;
    csv_reader            csv;
    char                  key[REFERENCE_KEY];
    size_t                rows = 0;
    size_t                total;

    if (!csv_open(&csv, path))
        return 0;
    while (csv_read(&csv)) {
        reference_key(&csv, key);
        if (rows > 0 && strcmp(key, c.key) == 0) {
            reference_add_row(&csv, &c);
            rows++;
            continue;
        }
        if (rows > 0)
            visit(user, &c, rows);
        reference_begin(&csv, engine, &c);
        c.model = reference_model_get(models, reference_model_name(&csv), csv_text(&csv, "ftype"));
        reference_add_row(&csv, &c);
        rows = 1;
    }
    if (rows > 0)
        visit(user, &c, rows);
    total = csv.row;
    csv_close(&csv);
    return total;
}

#endif
