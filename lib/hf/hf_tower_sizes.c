/* Formulas of hf_towers.def: what their letters stand for is read from a configuration, then they are worked out. */
#include "hf_towers.h"

#include <math.h>

#define MOST_OF_A_SIZE  16777216.0       /* of a number that a formula takes; an absurd one gives no count */
#define MOST_PARAMETERS 1125899906842624.0 /* 2^50: whole numbers up to here are exact in a double */

/* A key of a row: what stands until one of `ends`. */
static const char *until(const char *at, const char *ends)
{
    return at + strcspn(at, ends);
}

/* `key` is cut at its dots. */
static const cfi_json_value *find_key(const cfi_hf_config *c, const cfi_json_value *part, char *key)
{
    static const char text[] = "text.", model[] = "model.";
    char             *dot;

    if (strncmp(key, text, sizeof text - 1) == 0)
        return cfi_hf_get(c, key + sizeof text - 1);
    if (strncmp(key, model, sizeof model - 1) == 0) {
        part = cfi_hf_around_tower(c);
        key += sizeof model - 1;
    }
    for (; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
        *dot = '\0';
        part = cfi_json_get(part, key);
    }
    return cfi_json_get(part, key);
}

/* Heights and widths that differ are of no formula here. */
static bool one_of_list(const cfi_json_value *list, double *out)
{
    double number;
    bool   any = false;

    for (cfi_json_iter it = cfi_json_items(list); cfi_json_next(&it); any = true) {
        if (!cfi_json_as_number(it.value, &number) || (any && number != *out))
            return false;
        *out = number;
    }
    return any;
}

static bool element_of(const cfi_json_value *list, size_t place, double *out)
{
    for (cfi_json_iter it = cfi_json_items(list); cfi_json_next(&it);)
        if (place-- == 0)
            return cfi_json_as_number(it.value, out);
    return false;
}

typedef enum found { ABSENT, FOUND, UNREADABLE } found;

/* `key`, `key#` for the length of a list or 1, `key@1` for its second element, `key=word` for whether it says that. */
static found read_key(const cfi_hf_config *c, const cfi_json_value *part, const char *from, const char *to, double *out)
{
    char                  key[64];
    const size_t          len = (size_t)(to - from);
    char                 *word, *mark, sign;
    const cfi_json_value *value;
    cfi_json_kind         kind;

    memcpy(key, from, len < sizeof key ? len : sizeof key - 1);
    key[len < sizeof key ? len : sizeof key - 1] = '\0';
    word = strchr(key, '=');
    if (word != NULL)
        *word++ = '\0';
    mark = key + strcspn(key, "#@");
    sign = *mark;
    *mark = '\0';
    value = find_key(c, part, key);
    kind = cfi_json_kind_of(value);
    if (kind == CFI_JSON_NONE || kind == CFI_JSON_NULL)
        return ABSENT;
    if (word != NULL) {
        *out = kind == CFI_JSON_TEXT && strcmp(cfi_json_as_text(value, NULL), word) == 0;
        return kind == CFI_JSON_TEXT ? FOUND : UNREADABLE;
    }
    if (sign == '@')
        return element_of(value, (size_t)(mark[1] - '0'), out) ? FOUND : UNREADABLE;
    if (sign == '#') {
        *out = kind == CFI_JSON_ARRAY ? (double)cfi_json_count(value) : 1;
        return kind == CFI_JSON_ARRAY || kind == CFI_JSON_NUMBER ? FOUND : UNREADABLE;
    }
    if (kind == CFI_JSON_ARRAY)
        return one_of_list(value, out) ? FOUND : UNREADABLE;
    return cfi_hf_as_number(value, out) ? FOUND : UNREADABLE;
}

static double sum_of(const char **at, const double letter[CFI_HF_LETTERS]);

/* NaN, which stays what it is, where a formula divides by zero. */
static double factor_of(const char **at, const double letter[CFI_HF_LETTERS])
{
    double value = 0;

    if (**at == '(') {
        ++*at;
        value = sum_of(at, letter);
        ++*at;
        return value;
    }
    if (**at >= 'a' && **at <= 'z')
        return letter[*(*at)++ - 'a'];
    return cfi_parse_number(*at, at, &value) ? value : (double)NAN;
}

/* What is divided is rounded down. */
static double product_of(const char **at, const double letter[CFI_HF_LETTERS])
{
    double value = factor_of(at, letter);

    while (**at == '*' || **at == '/') {
        const char   sign = *(*at)++;
        const double other = factor_of(at, letter);

        if (sign == '*')
            value *= other;
        else
            value = other > 0 ? floor(value / other) : (double)NAN;
    }
    return value;
}

static double sum_of(const char **at, const double letter[CFI_HF_LETTERS])
{
    double value = product_of(at, letter);

    while (**at == '+' || **at == '-') {
        const char   sign = *(*at)++;
        const double other = product_of(at, letter);

        value += sign == '+' ? other : -other;
    }
    return value;
}

/* `w=hidden_size|width:768`: the first key that is stated, else what the default is. Whole, unless that is not. */
static bool read_letter(const cfi_hf_config *c, const cfi_json_value *part, const char *at, double letter[CFI_HF_LETTERS])
{
    double     *out = &letter[at[0] - 'a'];
    found       what = ABSENT;
    bool        parts = false;
    const char *end = at + 1;

    while (what == ABSENT && *end != ':' && *end != ' ' && *end != '\0') {
        at = end + 1;
        end = until(at, "|: ");
        what = read_key(c, part, at, end, out);
    }
    end = until(end, ": ");
    if (*end == ':') {
        double by_default;

        end++;
        by_default = sum_of(&end, letter);
        parts = floor(by_default) != by_default;
        *out = what == ABSENT ? by_default : *out;
        what = what == ABSENT ? FOUND : what;
    }
    return what == FOUND && *out >= 0 && *out <= MOST_OF_A_SIZE && (parts || floor(*out) == *out);
}

static bool work_out(const char *formula, const double letter[CFI_HF_LETTERS], uint64_t *out)
{
    const char  *at = formula;
    const double value = sum_of(&at, letter);

    if (!(value >= 0 && value <= MOST_PARAMETERS) || floor(value) != value || *at != '\0')
        return false;
    *out = (uint64_t)value;
    return true;
}

bool cfi_hf_tower_size(const cfi_hf_config *c, const cfi_json_value *part, const char *letters, double letter[CFI_HF_LETTERS],
                       cfi_hf_tower_count *out)
{
    const char *matrices = cfi_hf_column(letters, 1), *at = letters;

    while (*at != '\0') {
        if (!read_letter(c, part, at, letter))
            return false;
        at = until(at, " ");
        at += *at == ' ';
    }
    return work_out(matrices, letter, &out->matrices) && work_out(cfi_hf_column(matrices, 1), letter, &out->rest);
}
