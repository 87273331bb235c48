#include "json_read.h"

ctxfit_status cfi_json_scan(const char *text, size_t len, const cfi_json_limits *limits, ctxfit_error *error)
{
    uint64_t values = 1, depth = 0;
    size_t   i;
    bool     quoted = false;

    for (i = 0; i < len; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = false;
            continue;
        }
        switch (text[i]) {
        case '"':
            quoted = true;
            break;
        case '[':
        case '{':
            if (++depth > limits->max_depth)
                return cfi_fail_at(error, CTXFIT_E_LIMIT, i, limits->max_depth, "JSON: more than %u levels of nesting",
                                   (unsigned)limits->max_depth);
            values++;
            break;
        case ']':
        case '}':
            depth -= depth > 0;
            break;
        case ',':
        case ':':
            values++;
            break;
        default:
            break;
        }
        if (values > limits->max_values)
            return cfi_fail_at(error, CTXFIT_E_LIMIT, i, limits->max_values, "JSON: more than %llu values",
                               (unsigned long long)limits->max_values);
    }
    return CTXFIT_OK;
}

const char *cfi_json_kind_name(const cfi_json_value *value)
{
    switch (cfi_json_kind_of(value)) {
    case CFI_JSON_NONE: return "nothing";
    case CFI_JSON_NULL: return "null";
    case CFI_JSON_BOOL: return "true or false";
    case CFI_JSON_NUMBER: return "a number";
    case CFI_JSON_TEXT: return "text";
    case CFI_JSON_ARRAY: return "a list";
    case CFI_JSON_OBJECT: return "an object";
    }
    return "nothing";
}
