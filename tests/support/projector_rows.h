/* tests/data/projectors/rows.txt: projectors as text, and what llama.cpp has them take. */
#ifndef PROJECTOR_ROWS_H
#define PROJECTOR_ROWS_H

#include "gguf_writer.h"
#include "test_support.h"

#define PROJECTOR_LINE 256

typedef struct projector_text {
    char     name[48];
    char   **line;    /* of the file: "k key value", "t name type dims" */
    uint32_t lines;
    char   **answer;  /* "r config... request key=value...", "p ..." */
    uint32_t answers;
} projector_text;

typedef struct projector_rows {
    projector_text *text;
    uint32_t        count;
} projector_rows;

static inline char *projector_copy(const char *line)
{
    size_t len  = strcspn(line, "\r\n");
    char  *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, line, len);
    copy[len] = '\0';
    return copy;
}

static inline void projector_append(char ***list, uint32_t *count, const char *line)
{
    *list = realloc(*list, (*count + 1) * sizeof **list);
    assert_non_null(*list);
    (*list)[(*count)++] = projector_copy(line);
}

static inline projector_rows projector_rows_read(const char *path)
{
    projector_rows rows = {NULL, 0};
    char           line[PROJECTOR_LINE];
    FILE          *file = fopen(path, "r");

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '=') {
            rows.text = realloc(rows.text, (rows.count + 1) * sizeof *rows.text);
            assert_non_null(rows.text);
            memset(&rows.text[rows.count], 0, sizeof *rows.text);
            (void)sscanf(line, "= %47s", rows.text[rows.count++].name);
        } else if (line[0] == 'k' || line[0] == 't') {
            projector_append(&rows.text[rows.count - 1].line, &rows.text[rows.count - 1].lines, line);
        } else {
            projector_append(&rows.text[rows.count - 1].answer, &rows.text[rows.count - 1].answers, line);
        }
    }
    fclose(file);
    return rows;
}

static inline void projector_rows_free(projector_rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        for (uint32_t j = 0; j < rows->text[i].lines; j++)
            free(rows->text[i].line[j]);
        for (uint32_t j = 0; j < rows->text[i].answers; j++)
            free(rows->text[i].answer[j]);
        free(rows->text[i].line);
        free(rows->text[i].answer);
    }
    free(rows->text);
}

static inline const projector_text *projector_find(const projector_rows *rows, const char *name)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->text[i].name, name) == 0)
            return &rows->text[i];
    }
    fail_msg("no projector %s", name);
    return NULL;
}

static inline bool projector_is_bool(const char *key)
{
    return strstr(key, "has_") != NULL || strstr(key, "use_") != NULL;
}

static inline void projector_write_key(gguf_writer *w, const char *line)
{
    char     key[96], value[160];
    char    *at  = value;
    uint64_t count = 1;
    size_t   where;

    assert_int_equal(sscanf(line, "k %95s %159s", key, value), 2);
    for (const char *c = value; *c != '\0'; c++)
        count += *c == ',';
    if (strspn(value, "0123456789,-") != strlen(value)) {
        gw_key_text(w, key, value);
    } else if (count > 1 || strstr(key, "feature_layer") != NULL || strstr(key, ".wa_layer_indexes") != NULL) {
        where = gw_key_array(w, key, CTXFIT_GGUF_INT32, count);
        (void)where;
        for (uint64_t i = 0; i < count; i++, at++)
            gw_u32(w, (uint32_t)strtol(at, &at, 10));
    } else if (projector_is_bool(key)) {
        gw_key(w, key, CTXFIT_GGUF_BOOL);
        gw_number(w, strtoul(value, NULL, 10), 1);
    } else {
        gw_key_u32(w, key, (uint32_t)strtoul(value, NULL, 10));
    }
}

static inline void projector_write_one(gguf_writer *w, const char *name, bool half, const char *dims)
{
    uint64_t ne[4], bytes = half ? 2 : 4;
    uint32_t n = 0;
    char    *end;

    while (n < 4) {
        ne[n]  = strtoul(dims, &end, 10);
        bytes *= ne[n++];
        if (*end != ',')
            break;
        dims = end + 1;
    }
    gw_tensor(w, name, half ? 1 : 0, n, ne, bytes);
}

/* "v.blk.*.NAME": one of each block. */
static inline void projector_write_tensor(gguf_writer *w, const char *line, uint32_t blocks)
{
    char        name[96], full[128], kind[8], dims[64];
    const char *star;

    assert_int_equal(sscanf(line, "t %95s %7s %63s", name, kind, dims), 3);
    star = strchr(name, '*');
    for (uint32_t i = 0; i < (star != NULL ? blocks : 1); i++) {
        if (star != NULL)
            snprintf(full, sizeof full, "%.*s%u%s", (int)(star - name), name, (unsigned)i, star + 1);
        projector_write_one(w, star != NULL ? full : name, strcmp(kind, "f16") == 0, dims);
    }
}

/* The header, the caller's to free; `without`: lines that contain it are left out, NULL: none. */
static inline gguf_writer projector_header(const projector_text *text, const char *without)
{
    uint32_t    blocks = 0;
    gguf_writer w;

    gw_begin(&w, 3, false);
    for (int tensors = 0; tensors < 2; tensors++) {
        for (uint32_t i = 0; i < text->lines; i++) {
            const char *line = text->line[i];

            if ((line[0] == 't') != (tensors == 1) || (without != NULL && strstr(line, without) != NULL))
                continue;
            if (strstr(line, ".block_count ") != NULL)
                blocks = (uint32_t)strtoul(strstr(line, ".block_count ") + 13, NULL, 10);
            if (tensors == 1)
                projector_write_tensor(&w, line, blocks);
            else
                projector_write_key(&w, line);
        }
    }
    gw_end(&w);
    return w;
}

static inline ctxfit_gguf *projector_gguf(const projector_text *text, const char *without)
{
    gguf_writer  w    = projector_header(text, without);
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    if (ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, &error) != CTXFIT_OK)
        fail_msg("%s: %s", text->name, error.message);
    gw_free(&w);
    return gguf;
}

#endif
