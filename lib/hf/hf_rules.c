/* Evaluates hf_rules.def: docs/tables-hf.md. */
#include "hf_internal.h"

#define ROW_OF_LINE(line) CFI_PASTE(row_, line)
#define CFI_PASTE(a, b) a##b

static const struct rule_texts {
#define CFI_HF_RULE(family, key, op, expression) char ROW_OF_LINE(__LINE__)[sizeof(#family "\0" key "\0" #op "\0" expression)];
#include "hf_rules.def"
#undef CFI_HF_RULE
    char end[1];
} rule_texts = {
#define CFI_HF_RULE(family, key, op, expression) #family "\0" key "\0" #op "\0" expression,
#include "hf_rules.def"
#undef CFI_HF_RULE
    ""
};

static const struct family_texts {
#define CFI_HF_FAMILY(name, parent, llama3, mxfp4, sections) \
    char ROW_OF_LINE(__LINE__)[sizeof(#name "\0" #parent "\0" #llama3 "\0" #mxfp4 "\0" #sections)];
#include "hf_families.def"
#undef CFI_HF_FAMILY
    char end[1];
} family_texts = {
#define CFI_HF_FAMILY(name, parent, llama3, mxfp4, sections) #name "\0" #parent "\0" #llama3 "\0" #mxfp4 "\0" #sections,
#include "hf_families.def"
#undef CFI_HF_FAMILY
    ""
};

#define MAX_ANCESTRY 8u

/* ---- expressions ---- */

static bool is_path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || cfi_is_digit(c) || c == '_' || c == '.' || c == '@';
}

/* A name of `KEY|KEY|...`; *at moves behind it. */
static void take_path(const char **at, char name[CFI_HF_KEY])
{
    size_t len = 0;

    for (; is_path_char(**at); (*at)++)
        if (len < CFI_HF_KEY - 1)
            name[len++] = **at;
    name[len] = '\0';
}

/* KEY|KEY|...: the first that the file states, else the first that has a default. *at moves behind all of them, and *number becomes
 * the text of a number among them, which is what holds when there is neither. */
static void choose_source(const cfi_hf_config *c, const char **at, char number[CFI_HF_KEY], cfi_hf_source *out)
{
    memset(out, 0, sizeof *out);
    number[0] = '\0';
    for (;; (*at)++) {
        const cfi_json_value *value;
        char                  name[CFI_HF_KEY];

        take_path(at, name);
        if (cfi_is_digit(name[0]))
            memcpy(number, name, sizeof name);
        else if (out->value == NULL || out->by_default) {
            value = cfi_hf_get_stated(c, name);
            out->by_default = value == NULL && (out->value != NULL || cfi_hf_get(c, name) != NULL);
            if (out->key[0] == '\0' || value != NULL || (out->by_default && out->value == NULL))
                memcpy(out->key, name, sizeof name);
            if (value != NULL || out->value == NULL)
                out->value = value != NULL ? value : cfi_hf_get(c, name);
        }
        if (**at != '|')
            return;
    }
}

static const cfi_json_value *take_value(const cfi_hf_config *c, const char **at, char number[CFI_HF_KEY])
{
    cfi_hf_source source;

    choose_source(c, at, number, &source);
    return source.value;
}

/* A list counts as its value where all are equal. */
static bool number_of(const cfi_json_value *value, double *out)
{
    double first, other;
    bool   found = false;

    if (cfi_json_kind_of(value) != CFI_JSON_ARRAY)
        return cfi_hf_as_number(value, out);
    for (cfi_json_iter it = cfi_json_items(value); cfi_json_next(&it); found = true) {
        if (!cfi_hf_as_number(it.value, &other) || (found && other != first))
            return false;
        first = other;
    }
    if (found)
        *out = first;
    return found;
}

static bool take_factor(cfi_hf_config *c, const char **at, double *out)
{
    char          number[CFI_HF_KEY];
    const char   *end;
    cfi_hf_source source;

    choose_source(c, at, number, &source);
    if (source.value == NULL)
        return number[0] != '\0' && cfi_parse_number(number, &end, out);
    cfi_hf_expect_number(c, source.key, source.value);
    return number_of(source.value, out);
}

#define EXACT_WHOLE 9007199254740992.0 /* 2^53: whole numbers are exact up to there */

static double combine(double left, char operation, double right)
{
    switch (operation) {
    case '*': return left * right;
    case '+': return left + right;
    case '-': return left - right;
    default: break;
    }
    left = right != 0 ? left / right : 0;
    return left > -EXACT_WHOLE && left < EXACT_WHOLE ? (double)(int64_t)left : left;
}

/* Up to " or " or the end. */
static bool take_alternative(cfi_hf_config *c, const char **at, double *out)
{
    bool   found = take_factor(c, at, out);
    double right;

    while (**at == '*' || **at == '/' || **at == '+' || **at == '-') {
        char operation = *(*at)++;

        if (!take_factor(c, at, &right))
            found = false;
        if (found)
            *out = combine(*out, operation, right);
        if (found && !(*out >= 0 && *out <= EXACT_WHOLE))
            found = false;
    }
    return found;
}

static bool evaluate(cfi_hf_config *c, const char *expression, uint64_t *out)
{
    double value = 0;
    bool   found = take_alternative(c, &expression, &value);

    while (!found && strncmp(expression, " or ", 4) == 0) {
        expression += 4;
        found = take_alternative(c, &expression, &value);
    }
    if (!found || !(value >= 0 && value <= EXACT_WHOLE))
        return false;
    *out = (uint64_t)value;
    return true;
}

/* The value itself, where the expression is but one or several keys. */
static const cfi_json_value *plain_value(const cfi_hf_config *c, const char *expression)
{
    char number[CFI_HF_KEY];

    return take_value(c, &expression, number);
}

/* ---- operations ---- */

static uint64_t *new_list(cfi_hf_line *line, size_t count)
{
    uint64_t *list = count > 0 && count <= CFI_HF_MAX_LAYERS ? cfi_arena_array(line->c->arena, count, sizeof *list) : NULL;

    if (list == NULL && count > CFI_HF_MAX_LAYERS)
        cfi_hf_fail(line->c, CTXFIT_E_LIMIT, "a list of %zu values, at most %u are read", count, CFI_HF_MAX_LAYERS);
    else if (list == NULL && count > 0)
        cfi_hf_fail(line->c, CTXFIT_E_NO_MEMORY, "out of memory");
    return list;
}

static void set_number_list(cfi_hf_line *line, const char *key, const cfi_json_value *array)
{
    const uint32_t layers = line->c->layers;
    uint64_t      *list = new_list(line, cfi_json_count(array));
    uint32_t       count = 0;

    if (list == NULL)
        return;
    for (cfi_json_iter it = cfi_json_items(array); cfi_json_next(&it) && (layers == 0 || count < layers); count++)
        if (cfi_json_kind_of(it.value) == CFI_JSON_BOOL)
            list[count] = cfi_json_is_true(it.value);
        else if (cfi_json_kind_of(it.value) == CFI_JSON_NULL)
            list[count] = 0;
        else if (!cfi_json_as_u64(it.value, &list[count]))
            return; /* of something else: the key is not what this rule reads */
    cfi_hf_set_list(line, key, list, count);
}

static void apply_value(cfi_hf_line *line, const char *key, const char *expression)
{
    const cfi_json_value *plain = plain_value(line->c, expression);
    uint64_t              value;

    if (cfi_json_kind_of(plain) == CFI_JSON_ARRAY)
        set_number_list(line, key, plain);
    else if (evaluate(line->c, expression, &value) && value <= UINT32_MAX) /* an "endless" length of a tokenizer is no length */
        cfi_hf_set_u64(line, key, value);
}

static void apply_bool(cfi_hf_line *line, const char *key, const char *path)
{
    double value;

    if (cfi_hf_number(line->c, path, &value))
        cfi_hf_set(line, key, value > 0 ? "true" : "false");
}

/* ITEM|ITEM|...? */
static bool item_is(const cfi_json_value *item, const char *wanted)
{
    size_t      text_len;
    const char *text = cfi_json_as_text(item, &text_len);

    for (const char *end; text != NULL; wanted = end + 1) {
        end = wanted + strcspn(wanted, "|?");
        if ((size_t)(end - wanted) == text_len && memcmp(text, wanted, text_len) == 0)
            return true;
        if (*end != '|')
            return false;
    }
    return false;
}

/* Both values of `?a:b`; false, with a failure, where one of them is not there. */
static bool take_choice(cfi_hf_line *line, const char *choice, uint64_t *yes, uint64_t *no)
{
    const char *otherwise = strchr(choice, ':');

    if (evaluate(line->c, choice + 1, yes) && evaluate(line->c, otherwise + 1, no))
        return true;
    cfi_hf_fail(line->c, CTXFIT_E_INCOMPLETE, "'%.*s' is missing, or no whole number", (int)strcspn(choice + 1, "|:"), choice + 1);
    return false;
}

/* KEY=ITEM?a:b */
static void apply_where(cfi_hf_line *line, const char *key, const char *rule)
{
    const char           *equals = strchr(rule, '=');
    const char           *item = equals + 1;
    const cfi_json_value *array = plain_value(line->c, rule);
    uint64_t              yes = 0, no = 0;
    uint64_t             *list;
    uint32_t              count = 0;

    if (cfi_json_kind_of(array) != CFI_JSON_ARRAY || !take_choice(line, strchr(item, '?'), &yes, &no))
        return;
    list = new_list(line, cfi_json_count(array));
    if (list == NULL)
        return;
    for (cfi_json_iter it = cfi_json_items(array); cfi_json_next(&it); count++)
        list[count] = item_is(it.value, item) ? yes : no;
    if (line->c->layers > 0 && count > line->c->layers)
        count = line->c->layers;
    cfi_hf_set_list(line, key, list, count);
}

/* KEY?a:b */
static void apply_at(cfi_hf_line *line, const char *key, const char *rule)
{
    const char           *at = rule;
    char                  name[CFI_HF_KEY];
    const cfi_json_value *array;
    uint64_t              yes = 0, no = 0, layer;
    uint64_t             *list;

    take_path(&at, name);
    array = cfi_hf_get(line->c, name);
    if (cfi_json_kind_of(array) != CFI_JSON_ARRAY || line->c->layers == 0 || !take_choice(line, at, &yes, &no))
        return;
    list = new_list(line, line->c->layers);
    if (list == NULL)
        return;
    for (uint32_t i = 0; i < line->c->layers; i++)
        list[i] = no;
    for (cfi_json_iter it = cfi_json_items(array); cfi_json_next(&it);)
        if (cfi_json_as_u64(it.value, &layer) && layer < line->c->layers)
            list[layer] = yes;
        else {
            char shown[CFI_HF_SHOWN];

            cfi_hf_show(it.value, shown);
            cfi_hf_fail(line->c, CTXFIT_E_MALFORMED, "'%s' has %s: expected layers from 0 to %u", name, shown, line->c->layers - 1);
        }
    cfi_hf_set_list(line, key, list, line->c->layers);
}

/* PERIOD,OFFSET?a:b */
static void apply_every(cfi_hf_line *line, const char *key, const char *rule)
{
    const char *at = rule;
    double      period = 0, offset = 0;
    uint64_t    yes = 0, no = 0;
    uint64_t   *list;
    bool        found = take_factor(line->c, &at, &period);

    at++;
    if (!take_factor(line->c, &at, &offset) || !found || !(period >= 1 && period <= CFI_HF_MAX_LAYERS) || line->c->layers == 0 ||
        !take_choice(line, at, &yes, &no))
        return;
    list = new_list(line, line->c->layers);
    if (list == NULL)
        return;
    for (uint32_t i = 0; i < line->c->layers; i++)
        list[i] = (double)(i % (uint32_t)period) == offset ? yes : no; /* no layer's where it is no remainder */
    cfi_hf_set_list(line, key, list, line->c->layers);
}

static void apply_first(cfi_hf_line *line, const char *key, const char *path)
{
    uint64_t place = 0;

    for (cfi_json_iter it = cfi_json_items(cfi_hf_get(line->c, path)); cfi_json_next(&it); place++) {
        double number;

        if (cfi_json_is_true(it.value) || (cfi_json_as_number(it.value, &number) && number > 0))
            break;
    }
    cfi_hf_set_u64(line, key, place);
}

static void apply(cfi_hf_line *line, const char *key, const char *operation, const char *expression)
{
    uint64_t layers;

    if (strcmp(operation, "VALUE") == 0)
        apply_value(line, key, expression);
    else if (strcmp(operation, "FLAG") == 0 && cfi_json_kind_of(plain_value(line->c, expression)) != CFI_JSON_NONE) {
        double number;

        if (take_factor(line->c, &expression, &number) && number > 0)
            cfi_hf_set(line, key, "true");
    } else if (strcmp(operation, "BOOL") == 0)
        apply_bool(line, key, expression);
    else if (strcmp(operation, "WORD") == 0)
        cfi_hf_set(line, key, expression);
    else if (strcmp(operation, "WHERE") == 0)
        apply_where(line, key, expression);
    else if (strcmp(operation, "AT") == 0)
        apply_at(line, key, expression);
    else if (strcmp(operation, "EVERY") == 0)
        apply_every(line, key, expression);
    else if (strcmp(operation, "FIRST") == 0)
        apply_first(line, key, expression);
    else if (strcmp(operation, "NONE") == 0)
        cfi_hf_set(line, key, NULL);
    if (strcmp(key, "block_count") == 0 && cfi_hf_word_u64(line, key, &layers) && layers <= CFI_HF_MAX_LAYERS)
        line->c->layers = (uint32_t)layers;
}

const char *cfi_hf_family(const char *family, cfi_hf_family_column column)
{
    for (const char *row = (const char *)&family_texts; *row != '\0'; row = cfi_hf_column(row, CFI_HF_FAMILY_COLUMNS))
        if (strcmp(row, family) == 0)
            return cfi_hf_column(row, (int)column);
    return "base";
}

/* The family first, the oldest of those that it comes from last; at most MAX_ANCESTRY. */
static size_t list_ancestry(const char *family, const char **ancestry)
{
    size_t depth = 0;

    ancestry[depth++] = family;
    while (strcmp(ancestry[depth - 1], "base") != 0 && depth < MAX_ANCESTRY) {
        ancestry[depth] = cfi_hf_family(ancestry[depth - 1], CFI_HF_FAMILY_PARENT);
        depth++;
    }
    return depth;
}

size_t cfi_hf_distance(const char *family, const char *ancestor)
{
    const char *ancestry[MAX_ANCESTRY];
    size_t      depth = list_ancestry(family, ancestry);

    for (size_t i = 0; i < depth; i++)
        if (strcmp(ancestry[i], ancestor) == 0)
            return i;
    return SIZE_MAX;
}

void cfi_hf_apply_rules(cfi_hf_line *line)
{
    const char *ancestry[MAX_ANCESTRY];
    size_t      depth = list_ancestry(line->c->family, ancestry);

    while (depth-- > 0)
        for (const char *row = (const char *)&rule_texts; *row != '\0'; row = cfi_hf_column(row, 4))
            if (strcmp(row, ancestry[depth]) == 0)
                apply(line, cfi_hf_column(row, 1), cfi_hf_column(row, 2), cfi_hf_column(row, 3));
}

/* The rule that has the last word on a key of the line, NULL if there is none. */
static const char *last_rule(const char *family, const char *key)
{
    const char *ancestry[MAX_ANCESTRY];
    size_t      depth = list_ancestry(family, ancestry);
    const char *found = NULL;

    for (size_t i = 0; i < depth && found == NULL; i++)
        for (const char *row = (const char *)&rule_texts; *row != '\0'; row = cfi_hf_column(row, 4))
            if (strcmp(row, ancestry[i]) == 0 && strcmp(cfi_hf_column(row, 1), key) == 0)
                found = row;
    return found;
}

bool cfi_hf_find_source(const cfi_hf_line *line, const char *key, cfi_hf_source *out)
{
    const char *row = last_rule(line->c->family, key);
    const char *at = row != NULL ? cfi_hf_column(row, 3) : "";
    char        number[CFI_HF_KEY];

    memset(out, 0, sizeof *out);
    if (row == NULL || strcmp(cfi_hf_column(row, 2), "VALUE") != 0 || cfi_is_digit(*at))
        return false;
    choose_source(line->c, &at, number, out);
    out->plain = *at == '\0' || (out->value != NULL && *at == ' ');
    return true;
}

/* `key` as a whole word of an expression, or as the object in `key.member`. */
static bool names_key(const char *expression, const char *key)
{
    size_t len = strlen(key);

    for (const char *at = strstr(expression, key); at != NULL; at = strstr(at + 1, key))
        if ((at == expression || !is_path_char(at[-1]) || at[-1] == '@') && (!is_path_char(at[len]) || at[len] == '.'))
            return true;
    return false;
}

bool cfi_hf_reads(const char *family, const char *key)
{
    const char *ancestry[MAX_ANCESTRY];
    size_t      depth = list_ancestry(family, ancestry);

    for (const char *row = (const char *)&rule_texts; *row != '\0'; row = cfi_hf_column(row, 4))
        for (size_t i = 0; i < depth; i++)
            if (strcmp(row, ancestry[i]) == 0 && names_key(cfi_hf_column(row, 3), key))
                return true;
    return false;
}
