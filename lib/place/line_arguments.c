/* The arguments of llama.cpp's programs, as texts one behind the other: words of value, effect, what it is, names. */
#include "line_internal.h"

#define LINE_JOIN2(a, b) a##b
#define LINE_JOIN(a, b)  LINE_JOIN2(a, b)
#define LINE_EFFECT_NO_SIZE      "n"
#define LINE_EFFECT_NOT_COUNTED  "c"
#define LINE_EFFECT_NOT_FOLLOWED "f"

typedef struct line_followed {
    char    names[40];
    uint8_t words;
    uint8_t what;
} line_followed;

static const line_followed followed[] = {
#define CFI_LINE_FOLLOWED(names, words, what) {names, words, CFI_LINE_##what},
#include "line_followed.def"
#undef CFI_LINE_FOLLOWED
};

typedef struct line_texts {
#define CFI_LINE_OTHER(names, words, effect) char LINE_JOIN(row, __LINE__)[sizeof(#words LINE_EFFECT_##effect names)];
#include "line_others.def"
#undef CFI_LINE_OTHER
} line_texts;

static const line_texts others = {
#define CFI_LINE_OTHER(names, words, effect) #words LINE_EFFECT_##effect names,
#include "line_others.def"
#undef CFI_LINE_OTHER
};

static bool line_has_name(const char *names, const char *name, size_t len)
{
    while (*names != '\0') {
        size_t length = strcspn(names, " ");

        if (length == len && memcmp(names, name, len) == 0)
            return true;
        names += length;
        names += *names == ' ';
    }
    return false;
}

static uint32_t line_effect(char letter)
{
    return letter == 'n' ? CTXFIT_ARGUMENT_NO_SIZE : letter == 'c' ? CTXFIT_ARGUMENT_NOT_COUNTED : CTXFIT_ARGUMENT_NOT_FOLLOWED;
}

cfi_line_argument cfi_line_find(const char *name, size_t len)
{
    cfi_line_argument none = {CTXFIT_ARGUMENT_UNKNOWN, 0, CFI_LINE_NOTHING};
    const char       *end = (const char *)&others + sizeof others;

    for (size_t i = 0; i < CFI_COUNT(followed); i++) {
        cfi_line_argument found = {CTXFIT_ARGUMENT_FOLLOWED, followed[i].words, followed[i].what};

        if (line_has_name(followed[i].names, name, len))
            return found;
    }
    for (const char *row = (const char *)&others; row < end; row += strlen(row) + 1) {
        cfi_line_argument found = {line_effect(row[1]), (uint32_t)(row[0] - '0'), CFI_LINE_NOTHING};

        if (line_has_name(row + 2, name, len))
            return found;
    }
    return none;
}

/* Suggestions borrow their names: one that none of them borrows. */
static char *line_free_slot(const cfi_suggest *suggest, char (*slots)[32])
{
    for (int i = 0; i < 3; i++)
        if (suggest->name[0] != slots[i] && suggest->name[1] != slots[i] && suggest->name[2] != slots[i])
            return slots[i];
    return slots[3];
}

static void line_offer(cfi_suggest *suggest, const char *names, char (*slots)[32])
{
    while (*names != '\0') {
        size_t length = strcspn(names, " ");
        char  *slot = line_free_slot(suggest, slots);

        if (length < sizeof slots[0]) {
            memcpy(slot, names, length);
            slot[length] = '\0';
            cfi_suggest_offer(suggest, slot);
        }
        names += length;
        names += *names == ' ';
    }
}

void cfi_line_suggest(const char *name, char *out, size_t cap)
{
    cfi_suggest suggest;
    char        slots[4][32];
    const char *end = (const char *)&others + sizeof others;

    cfi_suggest_init(&suggest, name);
    for (size_t i = 0; i < CFI_COUNT(followed); i++)
        line_offer(&suggest, followed[i].names, slots);
    for (const char *row = (const char *)&others; row < end; row += strlen(row) + 1)
        line_offer(&suggest, row + 2, slots);
    cfi_suggest_write(&suggest, out, cap);
}

uint32_t ctxfit_place_find_argument(const char *name, uint32_t *out_words)
{
    cfi_line_argument found = {CTXFIT_ARGUMENT_UNKNOWN, 0, CFI_LINE_NOTHING};

    if (name != NULL && *name != '\0')
        found = cfi_line_find(name, strlen(name));
    if (out_words != NULL)
        *out_words = found.words == CFI_LINE_MAYBE && found.what == CFI_LINE_FLASH ? 1 : found.words;
    return found.effect;
}
