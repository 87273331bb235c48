#include <stdio.h>

#include "base_internal.h"

#define LONGEST 64u
#define FAR UINT32_MAX

/* Levenshtein distance of the first LONGEST bytes, letters compared without case. */
static uint32_t edit_distance(const char *a, const char *b)
{
    uint32_t row[LONGEST + 1];
    size_t   na = strlen(a), nb = strlen(b);

    na = na < LONGEST ? na : LONGEST;
    nb = nb < LONGEST ? nb : LONGEST;
    for (size_t j = 0; j <= nb; j++)
        row[j] = (uint32_t)j;
    for (size_t i = 1; i <= na; i++) {
        uint32_t diagonal = row[0];

        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= nb; j++) {
            bool     same = cfi_ascii_lower((unsigned char)a[i - 1]) == cfi_ascii_lower((unsigned char)b[j - 1]);
            uint32_t replace = diagonal + (same ? 0 : 1);
            uint32_t insert = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = replace < insert ? replace : insert;
        }
    }
    return row[nb];
}

void cfi_suggest_init(cfi_suggest *s, const char *wanted)
{
    s->wanted = wanted;
    for (size_t i = 0; i < CFI_COUNT(s->name); i++) {
        s->name[i] = NULL;
        s->distance[i] = FAR;
    }
}

void cfi_suggest_offer(cfi_suggest *s, const char *name)
{
    uint32_t distance = edit_distance(s->wanted, name);
    size_t   at = CFI_COUNT(s->name);

    for (size_t i = 0; i < CFI_COUNT(s->name); i++)
        if (s->name[i] != NULL && strcmp(s->name[i], name) == 0)
            return;
    while (at > 0 && distance < s->distance[at - 1])
        at--;
    if (at == CFI_COUNT(s->name))
        return;
    for (size_t i = CFI_COUNT(s->name) - 1; i > at; i--) {
        s->name[i] = s->name[i - 1];
        s->distance[i] = s->distance[i - 1];
    }
    s->name[at] = name;
    s->distance[at] = distance;
}

void cfi_suggest_write(const cfi_suggest *s, char *out, size_t cap)
{
    const char *a = s->name[0], *b = s->name[1], *c = s->name[2];

    if (cap == 0)
        return;
    out[0] = '\0';
    if (c != NULL)
        (void)snprintf(out, cap, "did you mean %s, %s or %s?", a, b, c);
    else if (b != NULL)
        (void)snprintf(out, cap, "did you mean %s or %s?", a, b);
    else if (a != NULL)
        (void)snprintf(out, cap, "did you mean %s?", a);
}
