/* Writes JSON into a buffer by the text rules of base.h: commas, escapes, UTF-8. */
#ifndef CFI_JSON_WRITER_H
#define CFI_JSON_WRITER_H

#include "base/base_internal.h"

typedef struct cfi_json {
    cfi_writer text;
    bool       comma; /* something stands before the next member or element */
} cfi_json;

void cfi_json_begin(cfi_json *j, const char *name, char bracket); /* name NULL: an element; bracket '{' or '[' */
void cfi_json_end(cfi_json *j, char bracket);                      /* '}' or ']' */
void cfi_json_u64(cfi_json *j, const char *name, uint64_t value);  /* UINT64_MAX, "not stated": null */
void cfi_json_i64(cfi_json *j, const char *name, int64_t value);   /* INT64_MAX, "not stated": null */
void cfi_json_number(cfi_json *j, const char *name, double value); /* not finite: null */
void cfi_json_bool(cfi_json *j, const char *name, bool value);
void cfi_json_string(cfi_json *j, const char *name, const char *value);

/* json.c: a plan as an object; `id` may be NULL. */
struct ctxfit_plan;
void cfi_plan_write(cfi_json *j, const char *name, const struct ctxfit_plan *plan, const char *id);

#endif
