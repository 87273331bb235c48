#include "batch.h"

#include <stdlib.h>
#include <string.h>

static bool grow(batch_lines *lines)
{
    size_t cap = lines->cap > 0 ? lines->cap * 2 : 4096;
    char  *text = realloc(lines->text, cap);

    if (text == NULL)
        return false;
    lines->text = text;
    lines->cap = cap;
    return true;
}

/* One byte behind the text is kept for the NUL. */
static void append(batch_lines *lines, int c)
{
    if (lines->too_long || lines->out_of_memory)
        return;
    if (lines->length == BATCH_LINE_MAX)
        lines->too_long = true;
    else if (lines->length + 1 >= lines->cap && !grow(lines))
        lines->out_of_memory = true;
    else
        lines->text[lines->length++] = (char)c;
}

static void drop_byte_order_mark(batch_lines *lines)
{
    if (lines->number != 1 || lines->length < 3 || memcmp(lines->text, "\xEF\xBB\xBF", 3) != 0)
        return;
    lines->length -= 3;
    memmove(lines->text, lines->text + 3, lines->length);
}

bool batch_next_line(batch_lines *lines)
{
    int c = getc(lines->in);

    lines->length = 0;
    lines->too_long = lines->out_of_memory = false;
    if (c == EOF)
        return false;
    lines->number++;
    if (lines->cap == 0 && !grow(lines))
        lines->out_of_memory = true;
    for (; c != EOF && c != '\n'; c = getc(lines->in))
        append(lines, c);
    if (lines->out_of_memory)
        return true;
    drop_byte_order_mark(lines);
    if (lines->length > 0 && lines->text[lines->length - 1] == '\r')
        lines->length--;
    lines->text[lines->length] = '\0';
    return true;
}

void batch_lines_free(batch_lines *lines)
{
    free(lines->text);
}
