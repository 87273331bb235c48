#include <stdio.h>

#include "arch_internal.h"

/* The longest key that is asked for has 45 characters; an architecture's name that does not fit has no keys. */
#define KEY_BYTES 256

void cfi_meta_fail(cfi_meta *meta, ctxfit_status status, const char *fmt, ...)
{
    char    message[232]; /* as in ctxfit_error */
    va_list args;

    if (meta->status != CTXFIT_OK)
        return;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    meta->status = cfi_fail(meta->error, status, "%s", message);
}

static bool has_own_prefix(const char *key)
{
    return strncmp(key, "general.", 8) == 0 || strncmp(key, "tokenizer.", 10) == 0;
}

const char *cfi_meta_key_name(const cfi_meta *meta, const char *key, char *buf, size_t cap)
{
    cfi_writer w;

    cfi_writer_init(&w, buf, cap);
    if (meta->gguf != NULL && !has_own_prefix(key))
        cfi_write(&w, "%s.%s", meta->arch, key);
    else
        cfi_write(&w, "%s", key);
    (void)cfi_writer_finish(&w, NULL);
    return buf;
}

ctxfit_status cfi_meta_open_gguf(cfi_meta *meta, const ctxfit_gguf *gguf, ctxfit_error *error)
{
    size_t len;

    memset(meta, 0, sizeof *meta);
    meta->gguf = gguf;
    meta->error = error;
    meta->arch = "";
    if (!cfi_meta_has(meta, "general.architecture"))
        cfi_meta_fail(meta, CTXFIT_E_INCOMPLETE, "key 'general.architecture' is missing: the file does not say what model it is");
    else
        meta->arch = cfi_meta_string(meta, "general.architecture", &len);
    return meta->status;
}

static const cfi_gguf_key *find(const cfi_meta *meta, const char *key, char *name)
{
    return cfi_gguf_find_key(meta->gguf, cfi_meta_key_name(meta, key, name, KEY_BYTES));
}

bool cfi_meta_has(const cfi_meta *meta, const char *key)
{
    char name[KEY_BYTES];

    return meta->gguf != NULL ? find(meta, key, name) != NULL : cfi_meta_find_entry(meta, key) != NULL;
}

static void fail_type(cfi_meta *meta, const char *name, const char *type, const char *expected)
{
    cfi_meta_fail(meta, CTXFIT_E_TYPE, "key '%s': %s, expected %s", name, type, expected);
}

/* ---- one value: false when absent or failed ---- */

/* A value that is no list, of a file or of a text; `name` is the key in full. */
typedef struct scalar {
    char                  name[KEY_BYTES];
    const cfi_gguf_key   *key;
    const cfi_meta_entry *entry;
} scalar;

static bool find_scalar(cfi_meta *meta, const char *key, scalar *out)
{
    memset(out, 0, sizeof *out);
    if (meta->status != CTXFIT_OK)
        return false;
    (void)cfi_meta_key_name(meta, key, out->name, sizeof out->name);
    if (meta->gguf != NULL) {
        out->key = cfi_gguf_find_key(meta->gguf, out->name);
        return out->key != NULL && out->key->type != CTXFIT_GGUF_ARRAY;
    }
    out->entry = cfi_meta_find_entry(meta, key);
    return out->entry != NULL && out->entry->value[0] != '[';
}

static bool fail_scalar(cfi_meta *meta, const scalar *found, const char *expected)
{
    fail_type(meta, found->name, found->key != NULL ? cfi_gguf_type_name(found->key->type) : "something else", expected);
    return false;
}

static bool get_number(cfi_meta *meta, const char *key, double *out)
{
    scalar found;

    if (!find_scalar(meta, key, &found))
        return false;
    if (found.key != NULL ? ctxfit_gguf_get_f64(meta->gguf, found.name, out) == CTXFIT_OK : cfi_meta_entry_f64(found.entry, out))
        return true;
    return fail_scalar(meta, &found, "a number");
}

static bool get_integer(cfi_meta *meta, const char *key, int64_t *out)
{
    scalar found;

    if (!find_scalar(meta, key, &found))
        return false;
    if (found.key != NULL ? ctxfit_gguf_get_i64(meta->gguf, found.name, out) == CTXFIT_OK : cfi_meta_entry_i64(found.entry, out))
        return true;
    return fail_scalar(meta, &found, "an integer");
}

static uint32_t checked_u32(cfi_meta *meta, const char *key, int64_t value)
{
    char name[KEY_BYTES];

    if (value >= 0 && value <= (int64_t)UINT32_MAX)
        return (uint32_t)value;
    cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "key '%s': %lld, expected 0 to 4294967295", cfi_meta_key_name(meta, key, name, sizeof name),
                  (long long)value);
    return 0;
}

uint32_t cfi_meta_u32(cfi_meta *meta, const char *key, uint32_t fallback)
{
    int64_t value;

    return get_integer(meta, key, &value) ? checked_u32(meta, key, value) : fallback;
}

double cfi_meta_f64(cfi_meta *meta, const char *key, double fallback)
{
    double value;

    return get_number(meta, key, &value) ? value : fallback;
}

bool cfi_meta_bool(cfi_meta *meta, const char *key, bool fallback)
{
    int64_t value;

    return get_integer(meta, key, &value) ? value != 0 : fallback;
}

uint32_t cfi_meta_need_u32(cfi_meta *meta, const char *key)
{
    char name[KEY_BYTES];

    if (!cfi_meta_has(meta, key))
        cfi_meta_fail(meta, CTXFIT_E_INCOMPLETE, "key '%s' is missing: architecture %s needs it",
                      cfi_meta_key_name(meta, key, name, sizeof name), meta->arch);
    return cfi_meta_u32(meta, key, 0);
}

const char *cfi_meta_string(cfi_meta *meta, const char *key, size_t *len)
{
    char        name[KEY_BYTES];
    const char *text = NULL;

    *len = 0;
    if (meta->status != CTXFIT_OK)
        return NULL;
    if (meta->gguf != NULL) {
        const cfi_gguf_key *found = find(meta, key, name);

        if (found != NULL && ctxfit_gguf_get_string(meta->gguf, name, &text, len) != CTXFIT_OK)
            fail_type(meta, name, cfi_gguf_type_name(found->type), "a string");
    } else {
        const cfi_meta_entry *entry = cfi_meta_find_entry(meta, key);

        if (entry != NULL) {
            text = entry->value;
            *len = entry->value_len;
        }
    }
    return text;
}

/* ---- lists ---- */

uint64_t cfi_meta_count(cfi_meta *meta, const char *key)
{
    char name[KEY_BYTES];

    if (meta->gguf != NULL) {
        const cfi_gguf_key *found = find(meta, key, name);

        return found != NULL && found->type == CTXFIT_GGUF_ARRAY ? found->count : 0;
    } else {
        const cfi_meta_entry *entry = cfi_meta_find_entry(meta, key);

        return entry != NULL ? cfi_meta_entry_count(entry) : 0;
    }
}

bool cfi_meta_list_open(cfi_meta_list *list, cfi_meta *meta, const char *key)
{
    memset(list, 0, sizeof *list);
    list->meta = meta;
    list->key = key;
    if (meta->status != CTXFIT_OK)
        return false;
    list->count = cfi_meta_count(meta, key);
    if (list->count > 0 && meta->gguf == NULL)
        list->at = cfi_meta_find_entry(meta, key)->value + 1;
    return list->count > 0;
}

bool cfi_meta_list_number(cfi_meta_list *list, double *out)
{
    char    name[KEY_BYTES];
    int64_t value;
    bool    more;

    if (list->meta->gguf == NULL) {
        more = cfi_meta_list_next(list, &value);
        *out = more ? (double)value : 0;
        return more;
    }
    if (list->index == list->count || list->meta->status != CTXFIT_OK)
        return false;
    cfi_meta_key_name(list->meta, list->key, name, sizeof name);
    if (ctxfit_gguf_get_array_f64(list->meta->gguf, name, list->index, out) != CTXFIT_OK) {
        fail_type(list->meta, name, "no list of numbers", "one");
        return false;
    }
    list->index++;
    return true;
}

bool cfi_meta_list_next(cfi_meta_list *list, int64_t *out)
{
    char name[KEY_BYTES];

    if (list->index == list->count || list->meta->status != CTXFIT_OK)
        return false;
    if (list->meta->gguf != NULL) {
        cfi_meta_key_name(list->meta, list->key, name, sizeof name);
        if (ctxfit_gguf_get_array_i64(list->meta->gguf, name, list->index, out) != CTXFIT_OK) {
            fail_type(list->meta, name, "no list of integers", "one");
            return false;
        }
    } else {
        while (list->repeat == 0) /* an item may be repeated 0 times */
            (void)cfi_meta_take_item(&list->at, &list->value, &list->repeat);
        list->repeat--;
        *out = list->value;
    }
    list->index++;
    return true;
}

static void fill_layers(uint32_t *out, size_t stride, uint32_t from, uint32_t count, uint32_t value)
{
    for (uint32_t i = from; i < count; i++)
        memcpy((char *)out + i * stride, &value, sizeof value);
}

bool cfi_meta_layers_u32(cfi_meta *meta, const char *key, uint32_t count, uint32_t fallback, uint32_t *out, size_t stride)
{
    char          name[KEY_BYTES];
    cfi_meta_list list;
    int64_t       value;

    if (!cfi_meta_list_open(&list, meta, key)) {
        bool has = get_integer(meta, key, &value);

        fill_layers(out, stride, 0, count, has ? checked_u32(meta, key, value) : fallback);
        return has;
    }
    fill_layers(out, stride, 0, count, fallback);
    if (list.count != meta->blocks && list.count != meta->trunk) {
        cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "key '%s': a list of %llu values, expected one for each of %u layers",
                      cfi_meta_key_name(meta, key, name, sizeof name), (unsigned long long)list.count, (unsigned)meta->blocks);
        return false;
    }
    for (uint32_t i = 0; i < count && cfi_meta_list_next(&list, &value); i++)
        fill_layers(out, stride, i, i + 1, checked_u32(meta, key, value));
    return true;
}
