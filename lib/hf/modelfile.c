/* Modelfiles. Source: Ollama fb307609 (2026-08-21) parser/parser.go. */
#include "modelfile_internal.h"

#define MAX_MODELFILE ((size_t)16 << 20)

ctxfit_modelfile *cfi_modelfile_new(const ctxfit_allocator *allocator)
{
    ctxfit_modelfile *file = cfi_handle_new(sizeof *file, offsetof(ctxfit_modelfile, arena), allocator);

    if (file != NULL)
        file->end = &file->first;
    return file;
}

ctxfit_status cfi_modelfile_add(ctxfit_modelfile *file, uint32_t kind, const char *name, const char *value, size_t value_len,
                                ctxfit_error *error)
{
    cfi_modelfile_item *item = cfi_arena_alloc(&file->arena, sizeof *item);

    if (item != NULL) {
        item->kind = kind;
        item->name = cfi_arena_copy(&file->arena, name, strlen(name));
        item->value = cfi_arena_copy(&file->arena, value, value_len);
    }
    if (item == NULL || item->name == NULL || item->value == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    *file->end = item;
    file->end = &item->next;
    file->parameters += kind == 0;
    return CTXFIT_OK;
}

void ctxfit_modelfile_free(ctxfit_modelfile *file) { cfi_handle_free(file, offsetof(ctxfit_modelfile, arena)); }

/* ---- what is in it ---- */

static const cfi_modelfile_item *find_item(const ctxfit_modelfile *file, uint32_t kind, uint32_t index)
{
    const cfi_modelfile_item *item = file != NULL ? file->first : NULL;

    for (; item != NULL; item = item->next)
        if (item->kind == kind && index-- == 0)
            break;
    return item;
}

const char *ctxfit_modelfile_part(const ctxfit_modelfile *file, uint32_t kind, uint32_t index)
{
    const cfi_modelfile_item *item = kind != 0 ? find_item(file, kind, index) : NULL;

    return item != NULL ? item->value : NULL;
}

uint32_t ctxfit_modelfile_parameter_count(const ctxfit_modelfile *file) { return file != NULL ? file->parameters : 0; }

const char *ctxfit_modelfile_parameter_name(const ctxfit_modelfile *file, uint32_t index)
{
    const cfi_modelfile_item *item = find_item(file, 0, index);

    return item != NULL ? item->name : NULL;
}

const char *ctxfit_modelfile_parameter_value(const ctxfit_modelfile *file, uint32_t index)
{
    const cfi_modelfile_item *item = find_item(file, 0, index);

    return item != NULL ? item->value : NULL;
}

ctxfit_status ctxfit_modelfile_get_i64(const ctxfit_modelfile *file, const char *parameter, int64_t *out)
{
    const char *value = NULL;
    const char *end;
    double      number;
    bool        negative;

    if (out != NULL)
        *out = 0;
    if (file == NULL || parameter == NULL || out == NULL)
        return CTXFIT_E_INVALID_ARG;
    for (const cfi_modelfile_item *item = file->first; item != NULL; item = item->next)
        if (item->kind == 0 && strcmp(item->name, parameter) == 0)
            value = item->value;
    if (value == NULL)
        return CTXFIT_E_NOT_FOUND;
    if (cfi_equal_nocase(value, "true") || cfi_equal_nocase(value, "false")) {
        *out = cfi_equal_nocase(value, "true");
        return CTXFIT_OK;
    }
    negative = *value == '-';
    if (!cfi_parse_number(value + negative, &end, &number) || *end != '\0' || number > 9007199254740992.0 ||
        (double)(int64_t)number != number)
        return CTXFIT_E_TYPE;
    *out = negative ? -(int64_t)number : (int64_t)number;
    return CTXFIT_OK;
}

/* ---- reading text ---- */

typedef struct modelfile_reader {
    const char   *text;
    size_t        size;
    size_t        at;
    ctxfit_error *error;
} modelfile_reader;

static ctxfit_status fail_here(const modelfile_reader *r, size_t at, const char *what, const char *word, size_t len)
{
    size_t line = 1;

    for (size_t i = 0; i < at; i++)
        line += r->text[i] == '\n';
    return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, at, 0, "Modelfile, line %zu: %s%.*s", line, what, (int)cfi_min_u64(len, 60), word);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static void skip_blanks(modelfile_reader *r)
{
    while (r->at < r->size && is_blank(r->text[r->at]))
        r->at++;
}

/* The rest of a line, or what stands between quotation marks: one, or three of them over several lines. */
static ctxfit_status take_argument(modelfile_reader *r, const char **out, size_t *out_len)
{
    const size_t begin = r->at;
    size_t       marks = 0;

    while (marks < 3 && r->at + marks < r->size && r->text[r->at + marks] == '"')
        marks++;
    if (marks == 2)
        marks = 1; /* nothing between two */
    if (marks == 0) {
        while (r->at < r->size && r->text[r->at] != '\n')
            r->at++;
        *out = r->text + begin;
        *out_len = r->at - begin;
        while (*out_len > 0 && is_blank((*out)[*out_len - 1]))
            (*out_len)--;
        return CTXFIT_OK;
    }
    for (size_t i = begin + marks; i + marks <= r->size; i++)
        if (memcmp(r->text + i, "\"\"\"", marks) == 0) {
            *out = r->text + begin + marks;
            *out_len = i - begin - marks;
            r->at = i + marks;
            return CTXFIT_OK;
        }
    return fail_here(r, begin, "a quotation does not end", "", 0);
}

static size_t word_length(const modelfile_reader *r)
{
    size_t len = 0;

    while (r->at + len < r->size && !is_blank(r->text[r->at + len]) && r->text[r->at + len] != '\n')
        len++;
    return len;
}

static bool word_is(const char *word, size_t len, const char *wanted)
{
    if (strlen(wanted) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (cfi_ascii_lower((unsigned char)word[i]) != cfi_ascii_lower((unsigned char)wanted[i]))
            return false;
    return true;
}

static ctxfit_status read_parameter(modelfile_reader *r, ctxfit_modelfile *file, size_t begin)
{
    char          name[64] = "";
    size_t        len = word_length(r);
    const char   *value = NULL;
    size_t        value_len = 0;
    ctxfit_status status;

    if (len == 0 || len >= sizeof name)
        return fail_here(r, begin, "PARAMETER needs a name and a value", "", 0);
    for (size_t i = 0; i < len; i++)
        name[i] = (char)cfi_ascii_lower((unsigned char)r->text[r->at + i]);
    r->at += len;
    skip_blanks(r);
    status = take_argument(r, &value, &value_len);
    if (status == CTXFIT_OK && value_len == 0)
        return fail_here(r, begin, "no value for parameter ", name, len);
    return status == CTXFIT_OK ? cfi_modelfile_add(file, 0, name, value, value_len, r->error) : status;
}

static ctxfit_status read_command(modelfile_reader *r, ctxfit_modelfile *file)
{
    static const struct command {
        char     name[12];
        uint32_t part; /* 0: passed over */
    } commands[] = {
        {"FROM", CTXFIT_PART_MODEL},       {"ADAPTER", CTXFIT_PART_ADAPTER}, {"DRAFT", CTXFIT_PART_DRAFT},
        {"TEMPLATE", CTXFIT_PART_TEMPLATE}, {"SYSTEM", CTXFIT_PART_SYSTEM},  {"LICENSE", 0}, {"MESSAGE", 0}, {"REQUIRES", 0},
        {"RENDERER", 0}, {"PARSER", 0},
    };
    const size_t begin = r->at;
    const size_t len = word_length(r);
    const char  *word = r->text + r->at;
    const char  *value = NULL;
    size_t       value_len = 0;

    r->at += len;
    skip_blanks(r);
    if (word_is(word, len, "PARAMETER"))
        return read_parameter(r, file, begin);
    for (size_t i = 0; i < CFI_COUNT(commands); i++)
        if (word_is(word, len, commands[i].name)) {
            ctxfit_status status;

            if (word_is(word, len, "MESSAGE")) { /* a role comes first */
                r->at += word_length(r);
                skip_blanks(r);
            }
            status = take_argument(r, &value, &value_len);

            if (status != CTXFIT_OK || commands[i].part == 0)
                return status;
            if (value_len == 0 && commands[i].part <= CTXFIT_PART_DRAFT)
                return fail_here(r, begin, "no value for ", commands[i].name, strlen(commands[i].name));
            return cfi_modelfile_add(file, commands[i].part, "", value, value_len, r->error);
        }
    return fail_here(r, begin, "unknown command ", word, len);
}

static ctxfit_status read_commands(modelfile_reader *r, ctxfit_modelfile *file)
{
    ctxfit_status status = CTXFIT_OK;

    while (status == CTXFIT_OK) {
        while (r->at < r->size && (is_blank(r->text[r->at]) || r->text[r->at] == '\n'))
            r->at++;
        if (r->at == r->size)
            break;
        if (r->text[r->at] == '#')
            while (r->at < r->size && r->text[r->at] != '\n')
                r->at++;
        else
            status = read_command(r, file);
    }
    if (status == CTXFIT_OK && ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0) == NULL)
        status = cfi_fail(r->error, CTXFIT_E_INCOMPLETE, "Modelfile: no FROM");
    return status;
}

/* ---- encodings ---- */

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The byte order mark says that it is UTF-16, as PowerShell writes it; what is no character becomes U+FFFD. Ollama fb30760
 * parser/parser.go:463. */
static bool from_utf16(modelfile_reader *r, cfi_arena *arena)
{
    const unsigned char *in = (const unsigned char *)r->text;
    const bool           little = r->size >= 2 && in[0] == 0xff && in[1] == 0xfe, big = r->size >= 2 && in[0] == 0xfe && in[1] == 0xff;
    size_t               size = 0;
    char                *out;

    if (!little && !big)
        return true;
    out = cfi_arena_alloc(arena, r->size / 2 * 3); /* at most three bytes of two */
    if (out == NULL)
        return false;
    for (size_t i = 2; i + 1 < r->size; i += 2) {
        uint32_t c = (uint32_t)in[i + big] | (uint32_t)in[i + little] << 8;

        if (c >= 0xd800 && c < 0xdc00 && i + 3 < r->size) {
            const uint32_t low = (uint32_t)in[i + 2 + big] | (uint32_t)in[i + 2 + little] << 8;

            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        size += put_utf8(c >= 0xd800 && c < 0xe000 ? 0xfffd : c, out + size);
    }
    r->text = out;
    r->size = size;
    return true;
}

ctxfit_status ctxfit_modelfile_parse(const char *text, size_t size, const ctxfit_allocator *allocator, ctxfit_modelfile **out,
                                     ctxfit_error *error)
{
    modelfile_reader  reader = {text, size, 0, error};
    ctxfit_modelfile *file;
    ctxfit_status     status;

    if (out != NULL)
        *out = NULL;
    if (text == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_modelfile_parse: text and out must not be NULL");
    if (size > MAX_MODELFILE)
        return cfi_fail(error, CTXFIT_E_LIMIT, "Modelfile: %zu bytes, at most 16 MiB are read", size);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        reader.at = 3;
    file = cfi_modelfile_new(allocator);
    if (file == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = from_utf16(&reader, &file->arena) ? read_commands(&reader, file) : cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    if (status != CTXFIT_OK) {
        ctxfit_modelfile_free(file);
        return status;
    }
    *out = file;
    return CTXFIT_OK;
}
