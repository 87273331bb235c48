/* Builds GGUF headers in memory, good ones and, by patching, bad ones. Every gw_ function that writes returns where it wrote. */
#ifndef GGUF_WRITER_H
#define GGUF_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit/gguf.h"

typedef struct gguf_writer {
    unsigned char *data;
    size_t         size;
    size_t         cap;
    bool           big_endian;
    uint64_t       alignment;
    uint64_t       data_bytes; /* of the tensors so far, padded */
    uint64_t       keys;
    uint64_t       tensors;
} gguf_writer;

static inline size_t gw_bytes(gguf_writer *w, const void *bytes, size_t n)
{
    size_t at = w->size;

    if (n > w->cap - w->size) {
        w->cap = 2 * w->cap + n + 256;
        w->data = realloc(w->data, w->cap);
        if (w->data == NULL)
            exit(99);
    }
    if (n > 0)
        memcpy(w->data + at, bytes, n);
    w->size += n;
    return at;
}

static inline void gw_encode(const gguf_writer *w, unsigned char *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[w->big_endian ? bytes - 1 - i : i] = (unsigned char)(value >> (8 * i));
}

static inline size_t gw_number(gguf_writer *w, uint64_t value, size_t bytes)
{
    unsigned char encoded[8];

    gw_encode(w, encoded, value, bytes);
    return gw_bytes(w, encoded, bytes);
}

static inline size_t gw_u32(gguf_writer *w, uint64_t value) { return gw_number(w, value, 4); }
static inline size_t gw_u64(gguf_writer *w, uint64_t value) { return gw_number(w, value, 8); }
static inline void gw_patch(gguf_writer *w, size_t at, uint64_t value, size_t bytes) { gw_encode(w, w->data + at, value, bytes); }

static inline size_t gw_text(gguf_writer *w, const char *text, size_t len)
{
    size_t at = gw_u64(w, len);

    gw_bytes(w, text, len);
    return at;
}

static inline void gw_free(gguf_writer *w)
{
    free(w->data);
    memset(w, 0, sizeof *w);
}

#define GW_AT_VERSION 4
#define GW_AT_TENSORS 8
#define GW_AT_KEYS    16

static inline void gw_begin(gguf_writer *w, uint32_t version, bool big_endian)
{
    memset(w, 0, sizeof *w);
    w->big_endian = big_endian;
    w->alignment = 32;
    gw_bytes(w, "GGUF", 4);
    gw_u32(w, version);
    gw_u64(w, 0);
    gw_u64(w, 0);
}

/* ---- keys; the value follows ---- */

static inline size_t gw_key(gguf_writer *w, const char *name, uint32_t type)
{
    size_t at = gw_text(w, name, strlen(name));

    gw_u32(w, type);
    gw_patch(w, GW_AT_KEYS, ++w->keys, 8);
    return at;
}

static inline size_t gw_key_array(gguf_writer *w, const char *name, uint32_t element_type, uint64_t count)
{
    size_t at = gw_key(w, name, CTXFIT_GGUF_ARRAY);

    gw_u32(w, element_type);
    gw_u64(w, count);
    return at;
}

static inline size_t gw_key_u32(gguf_writer *w, const char *name, uint32_t value)
{
    size_t at = gw_key(w, name, CTXFIT_GGUF_UINT32);

    gw_u32(w, value);
    return at;
}

static inline size_t gw_key_u16(gguf_writer *w, const char *name, uint32_t value)
{
    size_t at = gw_key(w, name, CTXFIT_GGUF_UINT16);

    gw_number(w, value, 2);
    return at;
}

static inline size_t gw_key_text(gguf_writer *w, const char *name, const char *text)
{
    size_t at = gw_key(w, name, CTXFIT_GGUF_STRING);

    gw_text(w, text, strlen(text));
    return at;
}

static inline void gw_f32(gguf_writer *w, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    gw_u32(w, bits);
}

static inline void gw_f64(gguf_writer *w, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    gw_u64(w, bits);
}

/* ---- tensors ---- */

static inline uint64_t gw_pad(const gguf_writer *w, uint64_t n) { return (n + w->alignment - 1) / w->alignment * w->alignment; }

/* `bytes`: what the tensor takes; the offset follows from those before it */
static inline size_t gw_tensor(gguf_writer *w, const char *name, uint32_t ggml_type, uint32_t n_dims, const uint64_t *dims, uint64_t bytes)
{
    size_t at = gw_text(w, name, strlen(name));

    gw_u32(w, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        gw_u64(w, dims[i]);
    gw_u32(w, ggml_type);
    gw_u64(w, w->data_bytes);
    w->data_bytes += gw_pad(w, bytes);
    gw_patch(w, GW_AT_TENSORS, ++w->tensors, 8);
    return at;
}

/* Pads in front of the data, which is not written. */
static inline void gw_end(gguf_writer *w)
{
    while (w->size % w->alignment != 0)
        gw_bytes(w, "", 1);
}

/* ---- a good file, with the places that tests break ---- */

typedef struct gw_places {
    size_t keys_end, tensors_end;
    size_t key_layers;     /* uint32, the first key */
    size_t key_name;       /* string */
    size_t key_tokens;     /* array of strings */
    size_t key_heads;      /* array of uint32 */
    size_t tensor_embd;    /* the first, F32 [8,4] */
    size_t tensor_q;       /* the second, Q4_0 [32,4] */
    size_t tensor_norm;    /* the third and last, F32 [8] */
    size_t q_dims, q_type, q_offset, norm_offset;
} gw_places;

#define GW_GOOD_KEYS    18
#define GW_GOOD_TENSORS 3

static inline gw_places gw_good(gguf_writer *w, uint32_t version, bool big_endian)
{
    static const uint64_t embd[] = {8, 4}, q[] = {32, 4}, norm[] = {8};
    static const char     blob[] = {'a', '\0', 'b'};
    gw_places             at;

    gw_begin(w, version, big_endian);
    at.key_layers = gw_key_u32(w, "test.block_count", 2);
    at.key_name = gw_key_text(w, "general.architecture", "test");
    gw_key(w, "t.u8", CTXFIT_GGUF_UINT8), gw_number(w, 200, 1);
    gw_key(w, "t.i8", CTXFIT_GGUF_INT8), gw_number(w, (uint64_t)-100, 1);
    gw_key_u16(w, "t.u16", 60000);
    gw_key(w, "t.i16", CTXFIT_GGUF_INT16), gw_number(w, (uint64_t)-30000, 2);
    gw_key(w, "t.i32", CTXFIT_GGUF_INT32), gw_u32(w, (uint64_t)-2000000000);
    gw_key(w, "t.u64", CTXFIT_GGUF_UINT64), gw_u64(w, UINT64_MAX);
    gw_key(w, "t.i64", CTXFIT_GGUF_INT64), gw_u64(w, (uint64_t)INT64_MIN);
    gw_key(w, "t.f32", CTXFIT_GGUF_FLOAT32), gw_f32(w, 1.5f);
    gw_key(w, "t.f64", CTXFIT_GGUF_FLOAT64), gw_f64(w, -2.25);
    gw_key(w, "t.bool", CTXFIT_GGUF_BOOL), gw_number(w, 2, 1);
    gw_key(w, "t.blob", CTXFIT_GGUF_STRING), gw_text(w, blob, sizeof blob);
    at.key_tokens = gw_key_array(w, "tokenizer.ggml.tokens", CTXFIT_GGUF_STRING, 3);
    gw_text(w, "<s>", 3), gw_text(w, "", 0), gw_text(w, "token", 5);
    at.key_heads = gw_key_array(w, "test.heads", CTXFIT_GGUF_UINT32, 2);
    gw_u32(w, 8), gw_u32(w, 4);
    gw_key_array(w, "t.floats", CTXFIT_GGUF_FLOAT32, 1);
    gw_f32(w, 0.5f);
    gw_key_array(w, "t.flags", CTXFIT_GGUF_BOOL, 2);
    gw_number(w, 0, 1), gw_number(w, 0xff, 1);
    gw_key_array(w, "t.empty", CTXFIT_GGUF_BOOL, 0);
    at.keys_end = w->size;
    at.tensor_embd = gw_tensor(w, "token_embd.weight", 0, 2, embd, 8 * 4 * 4);
    at.tensor_q = gw_tensor(w, "blk.0.attn_q.weight", 2, 2, q, 4 * 18);
    at.q_dims = at.tensor_q + 8 + strlen("blk.0.attn_q.weight");
    at.q_type = at.q_dims + 4 + 2 * 8;
    at.q_offset = at.q_type + 4;
    at.tensor_norm = gw_tensor(w, "output_norm.weight", 0, 1, norm, 8 * 4);
    at.norm_offset = w->size - 8;
    at.tensors_end = w->size;
    gw_end(w);
    return at;
}

/* Keys and tensors whose records, names and values take many allocations. */
static inline void gw_crowd(gguf_writer *w, unsigned first, unsigned count)
{
    char name[64], text[8192];

    memset(text, 'x', sizeof text);
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof name, "text%u", i);
        gw_key(w, name, CTXFIT_GGUF_STRING), gw_text(w, text, sizeof text);
        (void)snprintf(name, sizeof name, "numbers%u", i);
        gw_key_array(w, name, CTXFIT_GGUF_UINT16, sizeof text / 2), gw_bytes(w, text, sizeof text);
    }
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "a.key.with.a.name.that.takes.its.place.%u", i);
        gw_key_u32(w, name, i);
    }
    for (unsigned i = first; i < first + count; i++) {
        (void)snprintf(name, sizeof name, "a.tensor.with.a.name.that.takes.its.place.%u", i);
        gw_tensor(w, name, 0, 0, NULL, 4);
    }
}

/* A header as large as real ones: `tokens` tokens with types, `merges` merges. */
static inline void gw_vocabulary(gguf_writer *w, uint32_t tokens, uint32_t merges)
{
    static const uint64_t norm[] = {8};
    char                  text[32];

    gw_begin(w, 3, false);
    gw_key_text(w, "general.architecture", "test");
    gw_key_array(w, "tokenizer.ggml.tokens", CTXFIT_GGUF_STRING, tokens);
    for (uint32_t i = 0; i < tokens; i++)
        gw_text(w, text, (size_t)snprintf(text, sizeof text, "t%.*u", (int)(i % 9) + 1, i));
    gw_key_array(w, "tokenizer.ggml.token_type", CTXFIT_GGUF_INT32, tokens);
    for (uint32_t i = 0; i < tokens; i++)
        gw_u32(w, 1);
    gw_key_array(w, "tokenizer.ggml.merges", CTXFIT_GGUF_STRING, merges);
    for (uint32_t i = 0; i < merges; i++)
        gw_text(w, text, (size_t)snprintf(text, sizeof text, "%u %u", i % 9973, i / 31));
    gw_tensor(w, "output_norm.weight", 0, 1, norm, 8 * 4);
    gw_end(w);
}

#endif
