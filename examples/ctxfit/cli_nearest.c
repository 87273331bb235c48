#include "cli.h"

#include <string.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Letters to insert, delete or replace; two rows of the table. */
static uint32_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    uint32_t row[CLI_NAME_MAX + 1];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = (uint32_t)j;
    for (size_t i = 1; i <= a_length; i++) {
        uint32_t diagonal = row[0];

        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_length; j++) {
            uint32_t above = row[j], best = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));

            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b_length];
}

void cli_nearest_init(cli_nearest *n, const char *wanted)
{
    memset(n, 0, sizeof *n);
    n->wanted = wanted;
    /* Further away than half of its letters, a name is another word. */
    for (int i = 0; i < CLI_NEAREST; i++)
        n->distance[i] = (uint32_t)(strlen(wanted) / 2) + 1;
}

void cli_nearest_offer(cli_nearest *n, const char *name, size_t length)
{
    size_t   wanted = strlen(n->wanted);
    uint32_t distance;
    int      at = CLI_NEAREST;

    if (length >= CLI_NAME_MAX || wanted > 2 * CLI_NAME_MAX)
        return;
    distance = edit_distance(n->wanted, wanted, name, length);
    while (at > 0 && distance < n->distance[at - 1])
        at--;
    if (at == CLI_NEAREST)
        return;
    for (int i = CLI_NEAREST - 1; i > at; i--) {
        memcpy(n->name[i], n->name[i - 1], CLI_NAME_MAX);
        n->distance[i] = n->distance[i - 1];
    }
    memcpy(n->name[at], name, length);
    n->name[at][length] = '\0';
    n->distance[at] = distance;
}

void cli_nearest_write(const cli_nearest *n, char *out, size_t cap)
{
    const char *a = n->name[0], *b = n->name[1], *c = n->name[2];

    if (*a == '\0')
        (void)snprintf(out, cap, "%s", "");
    else if (*b == '\0')
        (void)snprintf(out, cap, "; did you mean %s?", a);
    else if (*c == '\0')
        (void)snprintf(out, cap, "; did you mean %s or %s?", a, b);
    else
        (void)snprintf(out, cap, "; did you mean %s, %s or %s?", a, b, c);
}
