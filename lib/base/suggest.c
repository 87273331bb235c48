#include <stdio.h>

#include "base_internal.h"

#define LONGEST 64u
#define FAR UINT32_MAX

/* What a mistake costs, next to a letter that is only not typed yet: "qwen3-codr" is nearer to "qwen3-coder-30b-a3b" than to
 * "qwen3-14b". */
#define MISTAKE 4u

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Mistakes (a letter too many, too few, another one, two exchanged; without case) that lead from what was typed to the beginning of a
 * name, and the rest of the name: the best of all beginnings. Of both the first LONGEST bytes count. */
static uint32_t name_distance(const char *typed, const char *name)
{
    uint32_t rows[3][LONGEST + 1];
    size_t   nt = strlen(typed), nn = strlen(name);
    uint32_t best = FAR;

    nt = nt < LONGEST ? nt : LONGEST;
    nn = nn < LONGEST ? nn : LONGEST;
    for (size_t j = 0; j <= nn; j++)
        rows[0][j] = (uint32_t)j;
    for (size_t i = 1; i <= nt; i++) {
        uint32_t       *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        int             a = cfi_ascii_lower((unsigned char)typed[i - 1]);

        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= nn; j++) {
            int b = cfi_ascii_lower((unsigned char)name[j - 1]);

            row[j] = least(above[j - 1] + (a != b), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a == cfi_ascii_lower((unsigned char)name[j - 2]) && b == cfi_ascii_lower((unsigned char)typed[i - 2]))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    for (size_t j = 0; j <= nn; j++)
        best = least(best, MISTAKE * rows[nt % 3][j] + (uint32_t)(nn - j));
    return best;
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
    uint32_t distance = name_distance(s->wanted, name);
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
