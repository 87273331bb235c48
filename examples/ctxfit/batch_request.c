#include <string.h>

#include "batch.h"

/* Numbers are read as their text, so that none is rounded: one reader of settings serves the command line and JSON. */
#define NUMBER_TEXT_MAX 64u
#define SETTINGS_MAX    128u

void batch_fail(batch_fault *fault, ctxfit_status status, const char *key, const char *message)
{
    fault->status = status;
    fault->key = key;
    fault->offset = UINT64_MAX;
    (void)snprintf(fault->message, sizeof fault->message, "%s", message);
}

static const cli_setting *find_key(const char *key, uint32_t *out_index)
{
    const cli_setting *s;

    for (uint32_t i = 0; i < SETTINGS_MAX && (s = cli_setting_at(i)) != NULL; i++) {
        if (s->json != 0 && strcmp(s->key, key) == 0) {
            *out_index = i;
            return s;
        }
    }
    return NULL;
}

static bool fail_unknown(batch_fault *fault, const char *key)
{
    cli_nearest nearest;
    char        names[192], message[320];

    cli_nearest_init(&nearest, key);
    for (uint32_t i = 0; cli_setting_at(i) != NULL; i++)
        if (cli_setting_at(i)->json != 0)
            cli_nearest_offer(&nearest, cli_setting_at(i)->key, strlen(cli_setting_at(i)->key));
    cli_nearest_write(&nearest, names, sizeof names);
    (void)snprintf(message, sizeof message, "unknown key '%.80s'%s", key, names);
    batch_fail(fault, CTXFIT_E_NOT_FOUND, key, message);
    return false;
}

static const char *type_name(yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_BOOL: return "true or false";
    case YYJSON_TYPE_STR:  return "a string";
    case YYJSON_TYPE_ARR:  return "an array";
    case YYJSON_TYPE_OBJ:  return "an object";
    case YYJSON_TYPE_NULL: return "null";
    default:               return "a number";
    }
}

static bool fail_type(batch_fault *fault, const cli_setting *s, yyjson_val *value)
{
    char message[192], types[96];

    (void)snprintf(types, sizeof types, "%s%s%s%s", (s->json & CLI_JSON_NUMBER) != 0 ? "a number or " : "",
                   (s->json & CLI_JSON_BOOL) != 0 ? "true or false or " : "",
                   (s->json & CLI_JSON_ARRAY) != 0 ? "an array of numbers or " : "", "a string");
    if (yyjson_is_str(value))
        (void)snprintf(message, sizeof message, "%s: a string with a NUL character", s->key);
    else
        (void)snprintf(message, sizeof message, "%s is %s, expected %s", s->key, type_name(value), types);
    batch_fail(fault, CTXFIT_E_TYPE, s->key, message);
    return false;
}

/* "[3, 1]" as "3,1"; false when it is no array of numbers, or too long a one. */
static bool join_numbers(yyjson_val *array, char *out, size_t cap)
{
    yyjson_arr_iter items = yyjson_arr_iter_with(array);
    yyjson_val     *item;
    size_t          used = 0;

    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        size_t length = yyjson_get_len(item);

        if (!yyjson_is_raw(item) || used + length + 2 > cap)
            return false;
        if (used > 0)
            out[used++] = ',';
        memcpy(out + used, yyjson_get_raw(item), length);
        used += length;
    }
    out[used] = '\0';
    return used > 0;
}

/* The value as the text that the setting reads: strings borrow, the rest is put into buf. NULL: not a type that it has. */
static const char *value_text(const cli_setting *s, yyjson_val *value, char *buf, size_t cap)
{
    if (yyjson_is_str(value) && (s->json & CLI_JSON_TEXT) != 0)
        return strlen(yyjson_get_str(value)) == yyjson_get_len(value) ? yyjson_get_str(value) : NULL;
    if (yyjson_is_bool(value) && (s->json & CLI_JSON_BOOL) != 0)
        return yyjson_get_bool(value) ? "1" : "0";
    if (yyjson_is_arr(value) && (s->json & CLI_JSON_ARRAY) != 0)
        return join_numbers(value, buf, cap) ? buf : NULL;
    if (yyjson_is_raw(value) && (s->json & CLI_JSON_NUMBER) != 0 && yyjson_get_len(value) < NUMBER_TEXT_MAX) {
        memcpy(buf, yyjson_get_raw(value), yyjson_get_len(value));
        buf[yyjson_get_len(value)] = '\0';
        return buf;
    }
    return NULL;
}

static bool read_member(cli_request *request, const cli_setting *s, yyjson_val *value, batch_fault *fault)
{
    char        buf[CTXFIT_MAX_SPLIT * 32], message[384];
    const char *text = value_text(s, value, buf, sizeof buf);

    if (text == NULL)
        return fail_type(fault, s, value);
    if (text[0] == '\0' && (s->json & CLI_JSON_MAY_BE_EMPTY) != 0)
        return true;
    if (cli_set(request, s, text))
        return true;
    (void)snprintf(message, sizeof message, "%s '%.80s': expected %s", s->key, text, request->expected);
    batch_fail(fault, strcmp(s->key, "quant") == 0 ? CTXFIT_E_NOT_FOUND : CTXFIT_E_INVALID_ARG, s->key, message);
    return false;
}

bool batch_read_request(yyjson_val *object, cli_request *request, batch_fault *fault)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    yyjson_val     *name;
    bool            seen[SETTINGS_MAX] = {false};
    const char     *missing;

    cli_request_init(request);
    while ((name = yyjson_obj_iter_next(&members)) != NULL) {
        yyjson_val        *value = yyjson_obj_iter_get_val(name);
        const char        *key = yyjson_get_str(name);
        uint32_t           index;
        const cli_setting *s;

        if (strcmp(key, "id") == 0)
            continue;
        s = strlen(key) == yyjson_get_len(name) ? find_key(key, &index) : NULL;
        if (s == NULL)
            return fail_unknown(fault, key);
        if (seen[index]) {
            batch_fail(fault, CTXFIT_E_MALFORMED, s->key, "the key stands twice in the object");
            return false;
        }
        seen[index] = true;
        /* null is as good as absent */
        if (!yyjson_is_null(value) && !read_member(request, s, value, fault))
            return false;
    }
    missing = cli_request_fault(request);
    if (missing != NULL) {
        char message[384];

        (void)snprintf(message, sizeof message, "%s: expected %s", missing, request->expected);
        batch_fail(fault, CTXFIT_E_INVALID_ARG, missing, message);
    }
    return missing == NULL;
}
