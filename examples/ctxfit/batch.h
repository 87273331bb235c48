/* ctxfit batch: what its files share. */
#ifndef CTXFIT_BATCH_H
#define CTXFIT_BATCH_H

#include <yyjson.h>

#include "cli.h"

/* Longest line that is read, bytes. */
#define BATCH_LINE_MAX (16u << 20)

/* ---- batch_lines.c: lines of any bytes ---- */
typedef struct batch_lines {
    FILE    *in;
    char    *text; /* of the line, without its end; NUL-terminated */
    size_t   length;
    size_t   cap;
    uint64_t number;
    bool     too_long;
    bool     out_of_memory;
} batch_lines;

/* The next line; false at the end of the input. A line too long is passed over and says so. */
bool batch_next_line(batch_lines *lines);
void batch_lines_free(batch_lines *lines);

/* ---- batch_store.c: models and machines that are kept between lines ---- */
typedef struct batch_store batch_store;

batch_store  *batch_store_new(void); /* NULL without memory */
void          batch_store_free(batch_store *store);
/* With the files that come with it. */
ctxfit_status batch_model(batch_store *store, const cli_model_source *source, const ctxfit_model **out, const cli_parts **out_parts,
                          ctxfit_error *error);
ctxfit_status batch_hw(batch_store *store, const char *spec, const ctxfit_hw **out, ctxfit_error *error);

/* ---- batch_request.c ---- */
/* Why a line has no plan. */
typedef struct batch_fault {
    ctxfit_status status;
    const char   *key; /* NULL: the line as a whole */
    uint64_t      offset; /* in the line, or UINT64_MAX */
    char          message[384];
} batch_fault;

/* Reads one object into a request that borrows from it; false after *fault was filled. */
bool batch_read_request(yyjson_val *object, cli_request *request, batch_fault *fault);
void batch_fail(batch_fault *fault, ctxfit_status status, const char *key, const char *message);

#endif
