/* The words of the line, and writing it. */
#include <stdio.h>

#include "hf_internal.h"

#define WORD_BYTES 32

void cfi_hf_set(cfi_hf_line *line, const char *key, const char *value)
{
    for (uint32_t i = 0; i < line->count; i++)
        if (strcmp(line->word[i].key, key) == 0) {
            line->word[i].value = value;
            return;
        }
    if (value == NULL)
        return;
    if (line->count == CFI_HF_MAX_WORDS) {
        cfi_hf_fail(line->c, CTXFIT_E_LIMIT, "more than %u facts", CFI_HF_MAX_WORDS);
        return;
    }
    line->word[line->count++] = (cfi_hf_word){key, value};
}

static char *new_word(cfi_hf_line *line)
{
    char *text = cfi_arena_alloc(line->c->arena, WORD_BYTES);

    if (text == NULL)
        cfi_hf_fail(line->c, CTXFIT_E_NO_MEMORY, "out of memory");
    return text;
}

void cfi_hf_set_u64(cfi_hf_line *line, const char *key, uint64_t value)
{
    char *text = new_word(line);

    if (text == NULL)
        return;
    (void)snprintf(text, WORD_BYTES, "%llu", (unsigned long long)value);
    cfi_hf_set(line, key, text);
}

void cfi_hf_set_number(cfi_hf_line *line, const char *key, double value)
{
    char      *text = new_word(line);
    cfi_writer w;

    if (text == NULL)
        return;
    cfi_writer_init(&w, text, WORD_BYTES);
    cfi_write_number(&w, value, 9);
    (void)cfi_writer_finish(&w, NULL);
    cfi_hf_set(line, key, text);
}

uint64_t *cfi_hf_layer_list(cfi_hf_line *line, uint64_t count)
{
    const bool within = count > 0 && count <= 2 * CFI_HF_MAX_LAYERS;
    uint64_t  *list = within ? cfi_arena_array(line->c->arena, (size_t)count, sizeof *list) : NULL;

    if (list == NULL)
        cfi_hf_fail(line->c, within ? CTXFIT_E_NO_MEMORY : CTXFIT_E_MALFORMED, "%llu layers", (unsigned long long)count);
    return list;
}

void cfi_hf_set_list(cfi_hf_line *line, const char *key, const uint64_t *values, uint64_t count)
{
    cfi_writer w;
    char      *text;
    bool       equal = strcmp(key, "attention.sliding_window_pattern") != 0; /* a number there is a period */

    for (uint64_t i = 1; i < count; i++)
        equal = equal && values[i] == values[0];
    if (equal && count > 0) {
        cfi_hf_set_u64(line, key, values[0]);
        return;
    }
    text = cfi_arena_array(line->c->arena, (size_t)count + 1, WORD_BYTES);
    if (text == NULL) {
        cfi_hf_fail(line->c, CTXFIT_E_NO_MEMORY, "out of memory");
        return;
    }
    cfi_writer_init(&w, text, ((size_t)count + 1) * WORD_BYTES);
    for (uint64_t i = 0; i < count; i++)
        cfi_write(&w, "%s%llu", i == 0 ? "[" : ",", (unsigned long long)values[i]);
    cfi_write(&w, "%s", count > 0 ? "]" : "[]");
    (void)cfi_writer_finish(&w, NULL);
    cfi_hf_set(line, key, text);
}

const char *cfi_hf_word_of(const cfi_hf_line *line, const char *key)
{
    for (uint32_t i = 0; i < line->count; i++)
        if (strcmp(line->word[i].key, key) == 0)
            return line->word[i].value;
    return NULL;
}

bool cfi_hf_word_u64(const cfi_hf_line *line, const char *key, uint64_t *out)
{
    const char *text = cfi_hf_word_of(line, key);
    const char *end;

    return text != NULL && cfi_parse_u64(text, &end, out) && *end == '\0';
}

static void write_words(const cfi_hf_line *line, cfi_writer *w)
{
    cfi_write(w, "%s", line->c->arch);
    for (uint32_t i = 0; i < line->count; i++)
        if (line->word[i].value != NULL)
            cfi_write(w, " %s=%s", line->word[i].key, line->word[i].value);
}

const char *cfi_hf_config_line(cfi_hf_config *c)
{
    cfi_hf_line *line = cfi_arena_alloc(c->arena, sizeof *line);
    cfi_writer   w;
    char        *text = NULL;
    size_t       len;

    if (line != NULL) {
        line->c = c;
        cfi_hf_apply_rules(line);
        cfi_hf_check_values(line);
        cfi_hf_apply_common(line);
        cfi_hf_apply_special(line);
        cfi_hf_settle(line);
        cfi_hf_state(line);
        cfi_hf_check_needed(line);
        cfi_hf_write_notes(line);
        if (c->status != CTXFIT_OK)
            return NULL;
        cfi_writer_init(&w, NULL, 0);
        write_words(line, &w);
        (void)cfi_writer_finish(&w, &len);
        text = cfi_arena_alloc(c->arena, len + 1);
    }
    if (text == NULL) {
        cfi_hf_fail(c, CTXFIT_E_NO_MEMORY, "out of memory");
        return NULL;
    }
    cfi_writer_init(&w, text, len + 1);
    write_words(line, &w);
    (void)cfi_writer_finish(&w, NULL);
    return text;
}
