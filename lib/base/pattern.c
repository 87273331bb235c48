/* Regular expressions: std::regex_search with ECMAScript syntax, as far as names of tensors and modules need it, in time linear in the
 * name. All patterns of a set run side by side as one non-deterministic automaton (Thompson, CACM 11(6), 1968). */
#include "base_internal.h"

#define PATTERN_DEPTH 64u

typedef enum pattern_op {
    PATTERN_CHAR,
    PATTERN_ANY,
    PATTERN_CLASS, /* x: place of the '[' in the text */
    PATTERN_SPLIT, /* x, y: both ways on */
    PATTERN_JUMP,  /* x */
    PATTERN_BEGIN,
    PATTERN_END,
    PATTERN_WORD,
    PATTERN_NOT_WORD,
    PATTERN_MATCH  /* x: which pattern */
} pattern_op;

typedef struct pattern_parser {
    cfi_pattern_set *set;
    const char      *text;
    const char      *at;
    const char      *end;
    const char      *what; /* NULL while all is well */
    ctxfit_status    status;
    uint32_t         limit; /* of CTXFIT_E_LIMIT */
    uint32_t         depth;
} pattern_parser;

static void parse_alternatives(pattern_parser *p);

static void parser_fail(pattern_parser *p, ctxfit_status status, const char *what)
{
    if (p->what != NULL)
        return;
    p->what = what;
    p->status = status;
}

static void parser_limit(pattern_parser *p, uint32_t limit, const char *what)
{
    if (p->what == NULL)
        p->limit = limit;
    parser_fail(p, CTXFIT_E_LIMIT, what);
}

static bool parser_has(const pattern_parser *p)
{
    return p->what == NULL && p->at < p->end;
}

/* Makes room for `count` steps at `place`; ways are relative, so what moves as a whole stays right. */
static cfi_pattern_step *parser_insert(pattern_parser *p, uint32_t place, uint32_t count)
{
    cfi_pattern_set *set = p->set;

    if (count > CFI_PATTERN_STEPS - set->count) {
        parser_limit(p, CFI_PATTERN_STEPS, "the patterns are too large");
        return NULL;
    }
    memmove(&set->step[place + count], &set->step[place], (set->count - place) * sizeof set->step[0]);
    memset(&set->step[place], 0, count * sizeof set->step[0]);
    set->count += count;
    return &set->step[place];
}

static void parser_emit(pattern_parser *p, uint32_t place, pattern_op op, int32_t x, int32_t y)
{
    cfi_pattern_step *step = parser_insert(p, place, 1);

    if (step == NULL)
        return;
    step->op = (uint8_t)op;
    step->x = (int16_t)x;
    step->y = (int16_t)y;
}

static void parser_emit_char(pattern_parser *p, char c)
{
    uint32_t place = p->set->count;

    parser_emit(p, place, PATTERN_CHAR, 0, 0);
    if (p->what == NULL)
        p->set->step[place].c = c;
}

/* ---- classes: read again from the text whenever they are held against a character ---- */
static bool is_white(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_word(int c) { return cfi_is_digit(c) || c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z' && c < 128); }

static int hex_digit(int c)
{
    if (cfi_is_digit(c))
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads what follows a backslash. A class letter gives its own kind in *kind, a plain character 0. False: no such escape. */
static bool escape_read(const char **at, const char *end, int *c, char *kind)
{
    static const char from[] = "tnvfr0";
    static const char to[] = "\t\n\v\f\r\0";
    const char       *found;

    if (*at >= end)
        return false;
    *c = (unsigned char)*(*at)++;
    *kind = 0;
    if (strchr("dDwWsS", *c) != NULL) {
        *kind = (char)*c;
        return true;
    }
    if (*c == 'x') {
        if (end - *at < 2 || hex_digit((*at)[0]) < 0 || hex_digit((*at)[1]) < 0)
            return false;
        *c = hex_digit((*at)[0]) * 16 + hex_digit((*at)[1]);
        *at += 2;
        return true;
    }
    found = strchr(from, *c);
    if (found != NULL)
        *c = to[found - from];
    else if (is_word(*c) && *c != '_')
        return false; /* back references and letters without a meaning */
    return true;
}

static bool kind_has(char kind, int c)
{
    switch (kind) {
    case 'd': return cfi_is_digit(c);
    case 'D': return !cfi_is_digit(c);
    case 'w': return is_word(c);
    case 'W': return !is_word(c);
    case 's': return is_white(c);
    default: return !is_white(c);
    }
}

/* One member of a class; *kind as above. */
static bool member_read(const char **at, const char *end, int *c, char *kind)
{
    *kind = 0;
    if (*at >= end)
        return false;
    *c = (unsigned char)*(*at)++;
    if (*c != '\\')
        return true;
    if (*at < end && **at == 'b') {
        (*at)++;
        *c = '\b';
        return true;
    }
    return escape_read(at, end, c, kind);
}

/* Walks the class that starts behind its '['; leaves *at behind the ']'. False: broken. */
static bool class_walk(const char **at, const char *end, int wanted, bool *has)
{
    bool negated = *at < end && **at == '^';
    bool found = false;

    if (negated)
        (*at)++;
    while (*at < end && **at != ']') {
        int  low;
        int  high;
        char kind;
        char kind_high = 0;

        if (**at == '[' && end - *at > 1 && ((*at)[1] == ':' || (*at)[1] == '.' || (*at)[1] == '='))
            return false;
        if (!member_read(at, end, &low, &kind))
            return false;
        high = low;
        if (end - *at > 1 && (*at)[0] == '-' && (*at)[1] != ']') {
            (*at)++;
            if (!member_read(at, end, &high, &kind_high) || kind != 0 || kind_high != 0 || high < low)
                return false;
        }
        found = found || (kind != 0 ? kind_has(kind, wanted) : wanted >= low && wanted <= high);
    }
    if (*at >= end)
        return false;
    (*at)++;
    *has = found != negated;
    return true;
}

/* ---- grammar ---- */
static void parse_group(pattern_parser *p)
{
    if (p->end - p->at >= 2 && p->at[0] == '?') {
        if (p->at[1] != ':') {
            parser_fail(p, CTXFIT_E_INVALID_ARG, "look-ahead is not supported");
            return;
        }
        p->at += 2;
    }
    if (++p->depth > PATTERN_DEPTH) {
        parser_limit(p, PATTERN_DEPTH, "too many groups inside each other");
        return;
    }
    parse_alternatives(p);
    p->depth--;
    if (p->what != NULL)
        return;
    if (p->at >= p->end)
        parser_fail(p, CTXFIT_E_INVALID_ARG, "a '(' is not closed");
    else
        p->at++;
}

static void parse_class(pattern_parser *p)
{
    int32_t place = (int32_t)(p->at - p->text);
    bool    has;

    if (!class_walk(&p->at, p->end, 0, &has))
        parser_fail(p, CTXFIT_E_INVALID_ARG, "a broken '[' class");
    else
        parser_emit(p, p->set->count, PATTERN_CLASS, place, 0);
}

/* \d and its like become a class of one member: the two characters stand in the text. */
static void parse_escape(pattern_parser *p)
{
    const char *start = p->at;
    int         c;
    char        kind;

    if (!escape_read(&p->at, p->end, &c, &kind)) {
        parser_fail(p, CTXFIT_E_INVALID_ARG, "an unknown escape");
        return;
    }
    if (kind == 0) {
        parser_emit_char(p, (char)c);
        return;
    }
    parser_emit(p, p->set->count, PATTERN_CLASS, (int32_t)(start - p->text), 1);
}

/* Parses an assertion, which nothing can repeat; false when there is none here. */
static bool parse_assertion(pattern_parser *p)
{
    if (*p->at == '^') {
        parser_emit(p, p->set->count, PATTERN_BEGIN, 0, 0);
    } else if (*p->at == '$') {
        parser_emit(p, p->set->count, PATTERN_END, 0, 0);
    } else if (*p->at == '\\' && p->end - p->at >= 2 && (p->at[1] == 'b' || p->at[1] == 'B')) {
        parser_emit(p, p->set->count, p->at[1] == 'b' ? PATTERN_WORD : PATTERN_NOT_WORD, 0, 0);
        p->at++;
    } else {
        return false;
    }
    p->at++;
    return true;
}

static void parse_atom(pattern_parser *p)
{
    char c = *p->at++;

    switch (c) {
    case '.': parser_emit(p, p->set->count, PATTERN_ANY, 0, 0); break;
    case '(': parse_group(p); break;
    case '[': parse_class(p); break;
    case '\\': parse_escape(p); break;
    case '*':
    case '+':
    case '?':
    case '{':
        p->at--;
        parser_fail(p, CTXFIT_E_INVALID_ARG, "nothing to repeat");
        break;
    default: parser_emit_char(p, c); break;
    }
}

/* Appends a copy of the steps [start, start + length). */
static void repeat_copy(pattern_parser *p, uint32_t start, uint32_t length)
{
    uint32_t place = p->set->count;

    if (parser_insert(p, place, length) != NULL)
        memcpy(&p->set->step[place], &p->set->step[start], length * sizeof p->set->step[0]);
}

/* Turns the atom [start, count) into `low` to `high` of it; high UINT32_MAX: without end. */
static void repeat_atom(pattern_parser *p, uint32_t start, uint32_t low, uint32_t high)
{
    uint32_t length = p->set->count - start;
    int32_t  step = (int32_t)length;

    if (length == 0)
        return;
    if (high == 0) {
        p->set->count = start;
        return;
    }
    for (uint32_t i = 1; i < low && p->what == NULL; i++)
        repeat_copy(p, start, length);
    if (high == UINT32_MAX) {
        if (low == 0) {
            parser_emit(p, start, PATTERN_SPLIT, 1, step + 2);
            parser_emit(p, p->set->count, PATTERN_JUMP, -(step + 1), 0);
        } else {
            parser_emit(p, p->set->count, PATTERN_SPLIT, -step, 1);
        }
        return;
    }
    if (low == 0) {
        parser_emit(p, start, PATTERN_SPLIT, 1, step + 1);
        for (uint32_t i = 1; i < high && p->what == NULL; i++)
            repeat_copy(p, start, length + 1);
        return;
    }
    for (uint32_t i = low; i < high && p->what == NULL; i++) {
        parser_emit(p, p->set->count, PATTERN_SPLIT, 1, step + 1);
        repeat_copy(p, start, length);
    }
}

static bool parse_counts(pattern_parser *p, uint32_t *low, uint32_t *high)
{
    uint64_t    number;
    const char *at = p->at + 1;

    if (!cfi_parse_u64(at, &at, &number) || number > CFI_PATTERN_STEPS)
        return false;
    *low = *high = (uint32_t)number;
    if (at < p->end && *at == ',') {
        at++;
        *high = UINT32_MAX;
        if (at < p->end && *at != '}') {
            if (!cfi_parse_u64(at, &at, &number) || number > CFI_PATTERN_STEPS || number < *low)
                return false;
            *high = (uint32_t)number;
        }
    }
    if (at >= p->end || *at != '}')
        return false;
    p->at = at + 1;
    return true;
}

static void parse_repeat(pattern_parser *p, uint32_t start)
{
    uint32_t low = 0;
    uint32_t high = UINT32_MAX;

    if (!parser_has(p))
        return;
    switch (*p->at) {
    case '*': p->at++; break;
    case '+': p->at++; low = 1; break;
    case '?': p->at++; high = 1; break;
    case '{':
        if (!parse_counts(p, &low, &high)) {
            parser_fail(p, CTXFIT_E_INVALID_ARG, "a broken '{' count");
            return;
        }
        break;
    default: return;
    }
    if (parser_has(p) && *p->at == '?') /* as few as possible: the same set of matches */
        p->at++;
    repeat_atom(p, start, low, high);
}

static void parse_sequence(pattern_parser *p)
{
    while (parser_has(p) && *p->at != '|' && !(*p->at == ')' && p->depth > 0)) {
        uint32_t start = p->set->count;

        if (*p->at == ')') {
            parser_fail(p, CTXFIT_E_INVALID_ARG, "a ')' without a '('");
            return;
        }
        if (parse_assertion(p))
            continue;
        parse_atom(p);
        parse_repeat(p, start);
    }
}

/* a|b|c: each but the last is SPLIT(it, the rest), it, JUMP(end); an unfinished JUMP goes nowhere (x == 0). */
static void parse_alternatives(pattern_parser *p)
{
    uint32_t first = p->set->count;
    uint32_t start = first;

    parse_sequence(p);
    while (parser_has(p) && *p->at == '|') {
        p->at++;
        parser_emit(p, start, PATTERN_SPLIT, 1, (int32_t)(p->set->count - start) + 2);
        parser_emit(p, p->set->count, PATTERN_JUMP, 0, 0);
        start = p->set->count;
        parse_sequence(p);
    }
    for (uint32_t i = first; i < p->set->count; i++) {
        if (p->set->step[i].op == PATTERN_JUMP && p->set->step[i].x == 0)
            p->set->step[i].x = (int16_t)(p->set->count - i);
    }
}

void cfi_pattern_set_init(cfi_pattern_set *set, const char *text)
{
    set->text = text;
    set->text_end = text + strlen(text);
    set->count = 0;
    set->patterns = 0;
}

ctxfit_status cfi_pattern_set_add(cfi_pattern_set *set, const char *pattern, size_t len, ctxfit_error *error)
{
    pattern_parser p = {set, set->text, pattern, pattern + len, NULL, CTXFIT_OK, 0, 0};
    uint32_t       start = set->count;

    if (p.end - p.text > INT16_MAX)
        parser_limit(&p, INT16_MAX, "the text is too long");
    else
        parse_alternatives(&p);
    parser_emit(&p, set->count, PATTERN_MATCH, (int32_t)set->patterns, 0);
    parser_emit(&p, start, PATTERN_SPLIT, 1, (int32_t)(set->count - start) + 1);
    if (p.what != NULL)
        return cfi_fail_at(error, p.status, (uint64_t)(p.at - set->text), p.limit, "pattern '%.*s': %s at %lu",
                           (int)cfi_min_u64(len, 80), pattern, p.what, (unsigned long)(p.at - pattern));
    set->patterns++;
    return CTXFIT_OK;
}

/* ---- search ---- */
typedef struct pattern_threads {
    uint32_t count;
    uint16_t place[CFI_PATTERN_STEPS + 1];
} pattern_threads;

typedef struct pattern_search {
    const cfi_pattern_set *set;
    const char            *name;
    uint32_t               best; /* smallest pattern that matched */
    uint32_t               generation;
    uint32_t               seen[CFI_PATTERN_STEPS + 1];
    uint16_t               stack[CFI_PATTERN_STEPS + 1];
} pattern_search;

static bool search_at_word_edge(const char *name, size_t at)
{
    bool before = at > 0 && is_word((unsigned char)name[at - 1]);
    bool after = is_word((unsigned char)name[at]);

    return before != after;
}

static bool search_consumes(const cfi_pattern_set *set, const cfi_pattern_step *step, char c)
{
    const char *at = set->text + step->x;
    bool        has = false;
    int         plain;
    char        kind;

    switch ((pattern_op)step->op) {
    case PATTERN_CHAR: return step->c == c;
    case PATTERN_ANY: return c != '\n' && c != '\r';
    case PATTERN_CLASS:
        if (step->y == 0)
            return class_walk(&at, set->text_end, (unsigned char)c, &has) && has;
        return escape_read(&at, set->text_end, &plain, &kind) && kind_has(kind, (unsigned char)c);
    default: return false;
    }
}

/* Adds every step that is reached from `place` without reading a character. Each is added once per position. */
static void search_add(pattern_search *s, pattern_threads *threads, uint32_t place, size_t at)
{
    uint32_t depth = 0;

    s->stack[depth++] = (uint16_t)place;
    while (depth > 0) {
        uint32_t                i = s->stack[--depth];
        const cfi_pattern_step *step = &s->set->step[i];
        bool                    on = false;

        if (i >= s->set->count || s->seen[i] == s->generation)
            continue;
        s->seen[i] = s->generation;
        switch ((pattern_op)step->op) {
        case PATTERN_MATCH: s->best = (uint32_t)cfi_min_u64(s->best, (uint64_t)step->x); break;
        case PATTERN_JUMP: s->stack[depth++] = (uint16_t)((int32_t)i + step->x); break;
        case PATTERN_SPLIT:
            s->stack[depth++] = (uint16_t)((int32_t)i + step->y);
            s->stack[depth++] = (uint16_t)((int32_t)i + step->x);
            break;
        case PATTERN_BEGIN: on = at == 0; break;
        case PATTERN_END: on = s->name[at] == '\0'; break;
        case PATTERN_WORD: on = search_at_word_edge(s->name, at); break;
        case PATTERN_NOT_WORD: on = !search_at_word_edge(s->name, at); break;
        default: threads->place[threads->count++] = (uint16_t)i; break;
        }
        if (on)
            s->stack[depth++] = (uint16_t)(i + 1);
    }
}

uint32_t cfi_pattern_set_search(const cfi_pattern_set *set, const char *name)
{
    pattern_threads  lists[2];
    pattern_threads *now = &lists[0];
    pattern_threads *next = &lists[1];
    pattern_threads *swap;
    pattern_search   s;

    if (set->patterns == 0)
        return CFI_PATTERN_NONE;
    s.set = set;
    s.name = name;
    s.best = CFI_PATTERN_NONE;
    s.generation = 1;
    memset(s.seen, 0, set->count * sizeof s.seen[0]);
    now->count = 0;
    for (size_t at = 0; s.best != 0; at++) {
        search_add(&s, now, 0, at);
        if (name[at] == '\0')
            break;
        s.generation++;
        next->count = 0;
        for (uint32_t i = 0; i < now->count; i++) {
            if (search_consumes(set, &set->step[now->place[i]], name[at]))
                search_add(&s, next, now->place[i] + 1u, at + 1);
        }
        swap = now;
        now = next;
        next = swap;
    }
    return s.best;
}
