/* Rows of a comma-separated file, quotes allowed, by column name. */
#ifndef CSV_READER_H
#define CSV_READER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CSV_COLUMNS 64

typedef struct csv_reader {
    char  *data;
    char  *next;
    size_t columns;
    char  *name[CSV_COLUMNS];
    size_t fields;
    char  *field[CSV_COLUMNS];
    size_t row; /* 1 for the first behind the header */
} csv_reader;

/* Cuts the line at *at into fields in place. */
static inline size_t csv_cut(char **at, char *field[CSV_COLUMNS])
{
    char  *in = *at;
    char  *out = in;
    size_t count = 0;

    while (count < CSV_COLUMNS) {
        int quoted = *in == '"';
        int last;

        in += quoted;
        field[count++] = out;
        while (*in != '\0' && (quoted ? *in != '"' : *in != ',' && *in != '\n'))
            *out++ = *in++;
        in += quoted && *in == '"';
        last = *in != ',';
        in += *in != '\0';
        *out++ = '\0';
        if (last)
            break;
    }
    *at = in;
    return count;
}

static inline int csv_open(csv_reader *csv, const char *path)
{
    FILE *f = fopen(path, "rb");
    long  size;

    memset(csv, 0, sizeof *csv);
    if (f == NULL)
        return 0;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0) {
        csv->data = calloc(1, (size_t)size + 2);
        if (csv->data != NULL && fread(csv->data, 1, (size_t)size, f) != (size_t)size) {
            free(csv->data);
            csv->data = NULL;
        }
    }
    fclose(f);
    if (csv->data == NULL)
        return 0;
    csv->next = csv->data;
    csv->columns = csv_cut(&csv->next, csv->name);
    return 1;
}

static inline int csv_read(csv_reader *csv)
{
    if (*csv->next == '\0')
        return 0;
    csv->fields = csv_cut(&csv->next, csv->field);
    csv->row++;
    return 1;
}

static inline void csv_close(csv_reader *csv)
{
    free(csv->data);
    memset(csv, 0, sizeof *csv);
}

/* "" for a column that the file does not have */
static inline const char *csv_text(const csv_reader *csv, const char *name)
{
    for (size_t i = 0; i < csv->columns && i < csv->fields; i++) {
        if (strcmp(csv->name[i], name) == 0)
            return csv->field[i];
    }
    return "";
}

static inline long long csv_number(const csv_reader *csv, const char *name)
{
    return strtoll(csv_text(csv, name), NULL, 10);
}

static inline double csv_real(const csv_reader *csv, const char *name)
{
    return strtod(csv_text(csv, name), NULL);
}

#endif
