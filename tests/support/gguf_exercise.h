/* Parses hostile bytes and, if they parse, asks for everything. Used by the mutation test and by the fuzz target. */
#ifndef GGUF_EXERCISE_H
#define GGUF_EXERCISE_H

#include <stdint.h>
#include <stdlib.h>

#include "ctxfit/gguf.h"

#define GGUF_REQUIRE(condition) ((condition) ? (void)0 : abort())

static inline void gguf_exercise_key(const ctxfit_gguf *gguf, uint64_t index)
{
    const char     *name = ctxfit_gguf_key_name(gguf, index);
    ctxfit_gguf_key key = CTXFIT_GGUF_KEY_INIT;
    uint64_t        place, u64, count;
    int64_t         i64;
    double          f64;
    uint32_t        flag;
    const char     *text;
    size_t          len;

    GGUF_REQUIRE(name != NULL && ctxfit_gguf_get_key(gguf, index, &key) == CTXFIT_OK);
    GGUF_REQUIRE(ctxfit_gguf_find_key(gguf, name, &place) == CTXFIT_OK && place == index);
    (void)ctxfit_gguf_get_u64(gguf, name, &u64);
    (void)ctxfit_gguf_get_i64(gguf, name, &i64);
    (void)ctxfit_gguf_get_f64(gguf, name, &f64);
    (void)ctxfit_gguf_get_bool(gguf, name, &flag);
    if (ctxfit_gguf_get_string(gguf, name, &text, &len) == CTXFIT_OK)
        GGUF_REQUIRE(text[len] == '\0');
    if (ctxfit_gguf_get_array_count(gguf, name, &count) == CTXFIT_OK && count > 0) {
        (void)ctxfit_gguf_get_array_i64(gguf, name, count - 1, &i64);
        (void)ctxfit_gguf_get_array_f64(gguf, name, 0, &f64);
    }
}

/* 1 if the bytes are a header. `file_bytes`: 0 = unknown */
static inline unsigned gguf_exercise(const void *data, size_t size, uint64_t file_bytes)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_tensor_info  info = CTXFIT_TENSOR_INFO_INIT;
    ctxfit_gguf        *gguf = NULL;
    ctxfit_error        error;
    ctxfit_status       status;
    uint64_t            place;

    options.file_bytes = file_bytes;
    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    status = ctxfit_gguf_parse(data, size, &options, NULL, &gguf, &error);
    GGUF_REQUIRE((status == CTXFIT_OK) == (gguf != NULL));
    if (status != CTXFIT_OK) {
        GGUF_REQUIRE(error.status == status && error.message[0] != '\0');
        GGUF_REQUIRE(status != CTXFIT_E_TRUNCATED || error.detail > size);
        return 0;
    }
    GGUF_REQUIRE(ctxfit_gguf_data_offset(gguf, 0) >= 24);
    for (uint64_t i = 0; i < ctxfit_gguf_key_count(gguf); i++)
        gguf_exercise_key(gguf, i);
    for (uint64_t i = 0; i < ctxfit_gguf_tensor_count(gguf); i++) {
        GGUF_REQUIRE(ctxfit_gguf_get_tensor(gguf, i, &info) == CTXFIT_OK);
        GGUF_REQUIRE(ctxfit_gguf_find_tensor(gguf, ctxfit_gguf_tensor_name(gguf, i), &place) == CTXFIT_OK && place == i);
    }
    ctxfit_gguf_free(gguf);
    return 1;
}

#endif
