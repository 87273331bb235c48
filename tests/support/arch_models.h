/* The models of tests/data/models/archs.txt as parsed GGUF headers, with what llama.cpp measured for them. The records are described in
 * tests/reference/prepare_archs.py. */
#ifndef ARCH_MODELS_H
#define ARCH_MODELS_H

#include <inttypes.h>

#include "gguf_writer.h"

enum {
    ARCH_CELLS, ARCH_WINDOW_CELLS, ARCH_KV, ARCH_KV_WINDOW, ARCH_RECURRENT, ARCH_OTHER, ARCH_WEIGHTS, ARCH_HOST_WEIGHTS, ARCH_MEASURES
};

typedef struct arch_model {
    char         name[64];
    gguf_writer  header; /* 0 before the first arch_models_next, which frees it and the next, as arch_models_close does */
    ctxfit_gguf *gguf;
    uint64_t     measured[ARCH_MEASURES];
} arch_model;

#define ARCH_KEYS 128
#define ARCH_LINE 512

typedef struct arch_models {
    FILE *file;
    char  common[ARCH_KEYS][ARCH_LINE]; /* "NAME TYPE VALUE" */
    char  key[ARCH_KEYS][ARCH_LINE];    /* of this model */
    int   commons, keys;
    char  arch[64];
    char  next[64]; /* name of the next model */
    char  line[ARCH_LINE];
} arch_models;

static inline void arch_check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "archs.txt: %s\n", what);
        exit(98);
    }
}

/* The next line, without its end; false at the end of the file. */
static inline bool arch_line(arch_models *models)
{
    do {
        if (fgets(models->line, sizeof models->line, models->file) == NULL)
            return false;
        arch_check(strchr(models->line, '\n') != NULL, "a line is too long");
        models->line[strcspn(models->line, "\n")] = '\0';
    } while (models->line[0] == '#');
    return true;
}

static inline const char *arch_record(const arch_models *models, const char *kind)
{
    size_t len = strlen(kind);

    return strncmp(models->line, kind, len) == 0 && models->line[len] == ' ' ? models->line + len + 1 : NULL;
}

static inline bool arch_same_key(const char *a, const char *b)
{
    size_t len = strcspn(a, " ");

    return strcspn(b, " ") == len && memcmp(a, b, len) == 0;
}

static inline void arch_models_open(arch_models *models, const char *path)
{
    memset(models, 0, sizeof *models);
    models->file = fopen(path, "r");
    arch_check(models->file != NULL, path);
    while (arch_line(models) && arch_record(models, "model") == NULL) {
        arch_check(arch_record(models, "common") != NULL && models->commons < ARCH_KEYS, "expected common keys");
        memcpy(models->common[models->commons++], arch_record(models, "common"), strlen(arch_record(models, "common")) + 1);
    }
    (void)snprintf(models->next, sizeof models->next, "%.63s", arch_record(models, "model"));
}

static inline void arch_write_list(gguf_writer *w, const char *name, const char *type, const char *value)
{
    uint64_t count = 1;
    char    *end;

    for (const char *at = value; *at != '\0'; at++)
        count += *at == ',';
    gw_key_array(w, name, type[0] == 'b' ? CTXFIT_GGUF_BOOL : type[0] == 'u' ? CTXFIT_GGUF_UINT32 : CTXFIT_GGUF_INT32, count);
    for (; count > 0; count--, value = end + 1)
        gw_number(w, (uint64_t)strtoll(value, &end, 10), type[0] == 'b' ? 1 : 4);
}

static inline void arch_write_key(const char *arch, gguf_writer *w, const char *record)
{
    char        name[180], type[16];
    const char *value;
    int         at = 0, prefix = 0;

    if (strncmp(record, "general.", 8) != 0 && strncmp(record, "tokenizer.", 10) != 0)
        prefix = snprintf(name, sizeof name, "%.64s.", arch);
    arch_check(sscanf(record, "%100s %15s %n", name + prefix, type, &at) == 2 && at > 0, record);
    value = record + at;
    if (strstr(type, "[]") != NULL) {
        arch_write_list(w, name, type, value);
    } else if (strcmp(type, "tokens") == 0) {
        uint64_t count = strtoull(value, NULL, 10);

        for (gw_key_array(w, name, CTXFIT_GGUF_STRING, count); count > 0; count--)
            gw_text(w, "t", 1);
    } else if (strcmp(type, "str") == 0) {
        gw_key_text(w, name, value);
    } else if (strcmp(type, "f32") == 0) {
        gw_key(w, name, CTXFIT_GGUF_FLOAT32);
        gw_f32(w, strtof(value, NULL));
    } else {
        gw_key(w, name, strcmp(type, "bool") == 0 ? CTXFIT_GGUF_BOOL : type[0] == 'u' ? CTXFIT_GGUF_UINT32 : CTXFIT_GGUF_INT32);
        gw_number(w, (uint64_t)strtoll(value, NULL, 10), strcmp(type, "bool") == 0 ? 1 : 4);
    }
}

static inline void arch_write_keys(arch_models *models, gguf_writer *w)
{
    for (int i = 0; i < models->commons; i++) {
        bool own = false;

        for (int k = 0; k < models->keys; k++)
            own = own || arch_same_key(models->key[k], models->common[i]);
        if (!own)
            arch_write_key(models->arch, w, models->common[i]);
    }
    for (int k = 0; k < models->keys; k++)
        if (strchr(models->key[k], ' ') != NULL) /* no value: it lacks the common key */
            arch_write_key(models->arch, w, models->key[k]);
}

static inline void arch_write_tensor(gguf_writer *w, const char *record)
{
    char     name[100];
    uint32_t type, n_dims = 0;
    uint64_t dims[4] = {1, 1, 1, 1}, row = 0;
    int      at = 0;
    char    *end = NULL;

    arch_check(sscanf(record, "%99s %" SCNu32 " %n", name, &type, &at) == 2 && at > 0, record);
    do {
        dims[n_dims++] = strtoull(end == NULL ? record + at : end + 1, &end, 10);
    } while (*end == ',' && n_dims < 4);
    arch_check(ctxfit_quant_row_bytes(ctxfit_quant_from_ggml(type, CTXFIT_DIALECT_GGML), dims[0], &row) == CTXFIT_OK, record);
    gw_tensor(w, name, type, n_dims, dims, row * dims[1] * dims[2] * dims[3]);
}

static inline void arch_read_measured(const char *record, uint64_t measured[ARCH_MEASURES])
{
    char *end;

    for (int i = 0; i < ARCH_MEASURES; i++, record = end)
        measured[i] = strtoull(record, &end, 10);
}

static inline void arch_model_free(arch_model *model)
{
    ctxfit_gguf_free(model->gguf);
    gw_free(&model->header);
    memset(model, 0, sizeof *model);
}

/* The next model, false at the end. */
static inline bool arch_models_next(arch_models *models, arch_model *model)
{
    gguf_writer *w = &model->header;
    bool         keys_done = false;
    const char  *record;

    arch_model_free(model);
    if (models->next[0] == '\0')
        return false;
    memcpy(model->name, models->next, sizeof model->name);
    models->next[0] = '\0';
    models->keys = 0;
    gw_begin(w, 3, false);
    while (arch_line(models)) {
        if ((record = arch_record(models, "model")) != NULL) {
            (void)snprintf(models->next, sizeof models->next, "%.63s", record);
            break;
        }
        if ((record = arch_record(models, "key")) != NULL || (record = arch_record(models, "drop")) != NULL) {
            arch_check(models->keys < ARCH_KEYS && !keys_done, "too many keys, or keys behind tensors");
            memcpy(models->key[models->keys++], record, strlen(record) + 1);
            (void)sscanf(record, "general.architecture str %63s", models->arch);
        } else if ((record = arch_record(models, "tensor")) != NULL) {
            if (!keys_done)
                arch_write_keys(models, w);
            keys_done = true;
            arch_write_tensor(w, record);
        } else if ((record = arch_record(models, "measured")) != NULL) {
            arch_read_measured(record, model->measured);
        }
    }
    gw_end(w);
    arch_check(ctxfit_gguf_parse(w->data, w->size, NULL, NULL, &model->gguf, NULL) == CTXFIT_OK, model->name);
    return true;
}

static inline void arch_models_close(arch_models *models, arch_model *model)
{
    arch_model_free(model);
    fclose(models->file);
}

#endif
