/* Pairs of a config.json and the header of its GGUF: what tests/reference/make_pairs.py writes, one pair after the other. */
#ifndef PAIR_MODELS_H
#define PAIR_MODELS_H

#include "arch_models.h"

#define PAIR_LINE (1 << 17)

typedef struct pair_models {
    FILE *file;
    char *line;
    char  name[128];    /* of the pair that was read last */
    char  next[128];
    char *config;       /* its config.json; empty where it lies in a file of its own */
    bool  has_tensors;
    char *keys;         /* "ARCH KEY=VALUE ...": the header's keys in the text form of models, for a header without tensors */
    gguf_writer  header;
    ctxfit_gguf *gguf;
} pair_models;

static inline void pair_free(pair_models *pairs)
{
    ctxfit_gguf_free(pairs->gguf);
    gw_free(&pairs->header);
    free(pairs->config);
    free(pairs->keys);
    pairs->gguf = NULL;
    pairs->config = pairs->keys = NULL;
}

static inline char *pair_copy(const char *text)
{
    char *copy = malloc(strlen(text) + 1);

    arch_check(copy != NULL, "memory");
    return memcpy(copy, text, strlen(text) + 1);
}

/* "KEY TYPE VALUE" behind the others, as the text form has it. */
static inline void pair_add_key(char *keys, const char *record)
{
    char   name[100], type[16];
    int    at = 0;
    size_t len = strlen(keys);

    arch_check(sscanf(record, "%99s %15s %n", name, type, &at) == 2 && at > 0, record);
    if (strcmp(name, "general.architecture") == 0)
        (void)snprintf(keys, PAIR_LINE, "%s", record + at);
    else if (strcmp(type, "tokens") == 0)
        (void)snprintf(keys + len, PAIR_LINE - len, " vocab_size=%s", record + at);
    else if (strstr(type, "[]") != NULL)
        (void)snprintf(keys + len, PAIR_LINE - len, " %s=[%s]", name, record + at);
    else if (strcmp(name, "vocab_size") != 0 && strpbrk(record + at, " \t\"") == NULL)
        (void)snprintf(keys + len, PAIR_LINE - len, " %s=%s", name, record + at);
}

/* The part of the line behind "KIND ", NULL when it is of another kind. */
static inline const char *pair_record(const pair_models *pairs, const char *kind)
{
    size_t len = strlen(kind);

    return strncmp(pairs->line, kind, len) == 0 && pairs->line[len] == ' ' ? pairs->line + len + 1 : NULL;
}

static inline bool pair_line(pair_models *pairs)
{
    do {
        if (fgets(pairs->line, PAIR_LINE, pairs->file) == NULL)
            return false;
        arch_check(strchr(pairs->line, '\n') != NULL, "a line is too long");
        pairs->line[strcspn(pairs->line, "\n")] = '\0';
    } while (pairs->line[0] == '#');
    return true;
}

static inline void pair_models_open(pair_models *pairs, const char *path)
{
    memset(pairs, 0, sizeof *pairs);
    pairs->file = fopen(path, "r");
    pairs->line = malloc(PAIR_LINE);
    arch_check(pairs->file != NULL && pairs->line != NULL, path);
    arch_check(pair_line(pairs) && pair_record(pairs, "model") != NULL, path);
    (void)snprintf(pairs->next, sizeof pairs->next, "%.127s", pair_record(pairs, "model"));
}

static inline void pair_models_close(pair_models *pairs)
{
    pair_free(pairs);
    free(pairs->line);
    fclose(pairs->file);
}

/* The next pair. False at the end. */
static inline bool pair_models_next(pair_models *pairs)
{
    char        arch[64] = "";
    const char *record;

    pair_free(pairs);
    if (pairs->next[0] == '\0')
        return false;
    memcpy(pairs->name, pairs->next, sizeof pairs->name);
    pairs->next[0] = '\0';
    pairs->config = pair_copy("");
    pairs->keys = calloc(1, PAIR_LINE);
    arch_check(pairs->keys != NULL, "memory");
    pairs->has_tensors = false;
    gw_begin(&pairs->header, 3, false);
    while (pair_line(pairs)) {
        if ((record = pair_record(pairs, "model")) != NULL) {
            (void)snprintf(pairs->next, sizeof pairs->next, "%.127s", record);
            break;
        }
        if ((record = pair_record(pairs, "key")) != NULL) {
            (void)sscanf(record, "general.architecture str %63s", arch);
            arch_write_key(arch, &pairs->header, record);
            pair_add_key(pairs->keys, record);
        } else if ((record = pair_record(pairs, "tensor")) != NULL) {
            arch_write_tensor(&pairs->header, record);
            pairs->has_tensors = true;
        } else if ((record = pair_record(pairs, "config")) != NULL) {
            free(pairs->config);
            pairs->config = pair_copy(record);
        }
    }
    arch_check(arch[0] != '\0', pairs->name);
    gw_end(&pairs->header);
    arch_check(ctxfit_gguf_parse(pairs->header.data, pairs->header.size, NULL, NULL, &pairs->gguf, NULL) == CTXFIT_OK, pairs->name);
    return true;
}

#endif
