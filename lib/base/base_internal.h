/* What every module uses: errors, allocation, checked arithmetic, text, struct versions. */
#ifndef CFI_BASE_INTERNAL_H
#define CFI_BASE_INTERNAL_H

#include <float.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "ctxfit/base.h"

#define CFI_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CFI_NO_OFFSET UINT64_MAX

#if defined(__MINGW32__) && !defined(__clang__)
#  define CFI_PRINTF(fmt, first) __attribute__((format(gnu_printf, fmt, first))) /* with __USE_MINGW_ANSI_STDIO */
#elif defined(__GNUC__)
#  define CFI_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#  define CFI_PRINTF(fmt, first)
#endif

/* ---- errors: fills *error (may be NULL) and returns status, so that `return cfi_fail(...)` reads well. Control characters and
 * what is no UTF-8, as names from files may hold, become '?' in the message. ---- */
ctxfit_status cfi_fail(ctxfit_error *error, ctxfit_status status, const char *fmt, ...) CFI_PRINTF(3, 4);
ctxfit_status cfi_fail_at(ctxfit_error *error, ctxfit_status status, uint64_t offset, uint64_t detail, const char *fmt, ...)
    CFI_PRINTF(5, 6);

/* ---- checked arithmetic: false on overflow, *out untouched ---- */
static inline bool cfi_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

static inline bool cfi_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* alignment: any number above 0 */
static inline bool cfi_align_u64(uint64_t n, uint64_t alignment, uint64_t *out)
{
    uint64_t rest = n % alignment;

    if (rest == 0) {
        *out = n;
        return true;
    }
    return cfi_add_u64(n, alignment - rest, out);
}

static inline uint64_t cfi_min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t cfi_max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* isfinite() of some systems converts its argument to float on the way. */
static inline bool cfi_is_finite(double value) { return value >= -DBL_MAX && value <= DBL_MAX; }

/* ---- memory ---- */
ctxfit_allocator cfi_allocator_or_default(const ctxfit_allocator *allocator);
bool             cfi_allocator_valid(const ctxfit_allocator *allocator); /* NULL is valid */

/* An arena hands out zeroed, max-aligned memory that is freed all at once. */
typedef struct cfi_arena_chunk cfi_arena_chunk;
typedef struct cfi_arena {
    ctxfit_allocator allocator;
    cfi_arena_chunk *chunks;
} cfi_arena;

void  cfi_arena_init(cfi_arena *arena, const ctxfit_allocator *allocator);
void *cfi_arena_alloc(cfi_arena *arena, size_t size);                  /* NULL: out of memory */
void *cfi_arena_array(cfi_arena *arena, size_t count, size_t size);    /* NULL also when count * size overflows */
/* `items`, or where all *room of them are in use a copy with room for twice as many (`first` at first). NULL: out of memory. */
void *cfi_arena_grown(cfi_arena *arena, void *items, size_t count, size_t *room, size_t first, size_t size);
char *cfi_arena_copy(cfi_arena *arena, const char *text, size_t len);  /* NUL-terminated copy */
void  cfi_arena_free(cfi_arena *arena);
/* Takes back all that was handed out and keeps the memory, in one piece where that can be had, for what comes next. */
void  cfi_arena_reset(cfi_arena *arena);
/* Makes a handle of `size` bytes that holds its own arena at `arena_offset`; NULL: out of memory. Free it with cfi_handle_free. */
void *cfi_handle_new(size_t size, size_t arena_offset, const ctxfit_allocator *allocator);
void  cfi_handle_free(void *handle, size_t arena_offset);

/* ---- structs that grow (DESIGN section 4) ---- */
#define CFI_STRUCT_MAX 65536u
/* `v1` below: bytes of a struct in the release that brings it, the least that any caller has. A member that is added behind that release
 * leaves it. */
enum {
    CFI_V1_QUANT_INFO     = 24,
    CFI_V1_FILE_TYPE_INFO = 24,
    CFI_V1_GGUF_OPTIONS   = 40,
    CFI_V1_GGUF_KEY       = 40,
    CFI_V1_TENSOR_INFO    = 72,
    CFI_V1_HF_TENSOR      = 96,
    CFI_V1_CHECKPOINT     = 136,
    CFI_V1_CHECKPOINT_LAYER = 24,
    CFI_V1_COMPANION      = 136,
    CFI_V1_STORED         = 24,
    CFI_V1_PROJECTOR_MEMORY = 88,
    CFI_V1_MODEL_INFO     = 120,
    CFI_V1_LAYER_INFO     = 120,
    CFI_V1_DEVICE         = 216,
    CFI_V1_HW_ENTRY       = 1680,
    CFI_V1_HW_FILTER      = 168,
    CFI_V1_HW_DETECT      = 1680,
    CFI_V1_RANK_ROW       = 120,
    CFI_V1_ENGINE_INFO    = 80, /* for ever: it is a member of ctxfit_plan_summary */
    CFI_V1_PLAN_OPTIONS   = 1656,
    CFI_V1_PLAN_SUMMARY   = 256,
    CFI_V1_PLAN_DEVICE    = 256,
    CFI_V1_PLAN_ENGINE    = 144,
    CFI_V1_DIFFERENCE     = 288,
    CFI_V1_CONSTRAINT     = 232,
    CFI_V1_ESTIMATE       = 32,
    CFI_V1_REQUEST        = 40,
    CFI_V1_CHECK          = 72,
    CFI_V1_GOAL           = 48,
    CFI_V1_PLACE_SUMMARY  = 144,
    CFI_V1_PLAN_PART      = 64,
    CFI_V1_CHANGE         = 216,
    CFI_V1_LINE           = 1104,
    CFI_V1_DRAFT_OPTIONS  = 1064,
    CFI_V1_PROJECTOR_OPTIONS = 48,
    CFI_V1_PLAN_BESIDE    = 152
};
/* Copies a caller's struct in: dst gets `known` bytes, what the caller does not have is 0; src NULL = all defaults. */
ctxfit_status cfi_copy_in(void *dst, size_t known, size_t v1, const void *src);
/* Copies a result out: at most the caller's struct_size, the rest of the caller's struct is zeroed, struct_size kept. */
ctxfit_status cfi_copy_out(void *dst, const void *src, size_t known, size_t v1);
/* For a result that there is none of: zeroes the caller's struct (may be NULL), struct_size kept, and returns `why`, or E_STRUCT_SIZE. */
ctxfit_status cfi_copy_none(void *dst, size_t v1, ctxfit_status why);
/* The stride and validity of a caller's array of structs. */
ctxfit_status cfi_struct_size(const void *src, size_t v1, uint32_t *out_size);

/* ---- text ---- */
/* Writes into a caller's buffer by the snprintf rules of base.h; never past cap, always counts. */
typedef struct cfi_writer {
    char  *buf;
    size_t cap;
    size_t len;
} cfi_writer;

void          cfi_writer_init(cfi_writer *w, char *buf, size_t cap);
void          cfi_write(cfi_writer *w, const char *fmt, ...) CFI_PRINTF(2, 3);
void          cfi_write_text(cfi_writer *w, const char *text, size_t len);
ctxfit_status cfi_writer_finish(cfi_writer *w, size_t *out_len); /* terminates; OK or E_BUFFER_SIZE */

/* Locale-independent: C's "%g" and strtod follow the locale, these do not. Shortest form with at most `digits` significant digits. */
void cfi_write_number(cfi_writer *w, double value, int digits);
bool cfi_parse_number(const char *text, const char **end, double *out); /* digits[.digits][e[+-]digits]; no sign, no inf */

bool cfi_parse_u64(const char *text, const char **end, uint64_t *out);  /* decimal digits only; false on none or overflow */
/* "24GiB", "64 GB", "512MiB", "1.5TiB", "4096": bytes. A bare number is bytes. */
bool cfi_parse_bytes(const char *text, const char **end, uint64_t *out);

/* Bytes of the UTF-8 sequence at the start of a NUL-terminated text, 0 if it is none (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF). */
size_t cfi_utf8_length(const char *text);

/* Names from files end up in messages, and messages on terminals and in logs: control characters and what is no UTF-8 become '?'. */
void cfi_make_printable(char *text);
int  cfi_ascii_lower(int c);
bool cfi_ends_with(const char *text, const char *end);
/* Does a file begin as what Git LFS leaves in its place? https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
bool cfi_is_lfs_pointer(const void *data, size_t size);
static inline bool cfi_is_digit(int c) { return c >= '0' && c <= '9'; }
bool cfi_equal_nocase(const char *a, const char *b);
/* Canonical form of a name that people type: lower case, every run of other characters than [a-z0-9.] is one '-'. Truncates at cap. */
void cfi_slug(const char *text, char *out, size_t cap);

/* The nearest names to what was typed, for "did you mean". Names come one by one; the three best stay. */
typedef struct cfi_suggest {
    const char *wanted;
    const char *name[3];
    uint32_t    distance[3];
} cfi_suggest;

void cfi_suggest_init(cfi_suggest *s, const char *wanted);
void cfi_suggest_offer(cfi_suggest *s, const char *name);
/* "did you mean a, b or c?" or "" */
void cfi_suggest_write(const cfi_suggest *s, char *out, size_t cap);

/* ---- regular expressions ---- */
#define CFI_PATTERN_STEPS 2048u
#define CFI_PATTERN_NONE  UINT32_MAX

typedef struct cfi_pattern_step {
    uint8_t op;
    char    c;
    int16_t x;
    int16_t y;
} cfi_pattern_step;

typedef struct cfi_pattern_set {
    const char      *text; /* what every pattern of the set is part of; must stay */
    const char      *text_end;
    uint32_t         count;
    uint32_t         patterns;
    cfi_pattern_step step[CFI_PATTERN_STEPS];
} cfi_pattern_set;

void cfi_pattern_set_init(cfi_pattern_set *set, const char *text);
/* Adds `len` bytes inside the set's text. E_INVALID_ARG (offset in the text) for what is no pattern, E_LIMIT when it is too large. */
ctxfit_status cfi_pattern_set_add(cfi_pattern_set *set, const char *pattern, size_t len, ctxfit_error *error);
/* The first pattern added that is found anywhere in the name, or CFI_PATTERN_NONE. */
uint32_t cfi_pattern_set_search(const cfi_pattern_set *set, const char *name);

#endif
