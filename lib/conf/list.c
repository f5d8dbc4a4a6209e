/* list.c: see list.h. Full-width forms: U+FF0C ，  U+FF1B ；  U+FF1A ： as UTF-8.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conf/list.h"

size_t list_separator(const char *p, const char *end, char ascii)
{
    const char *wide = ascii == ','   ? "\xef\xbc\x8c"
                       : ascii == ';' ? "\xef\xbc\x9b"
                                      : "\xef\xbc\x9a";

    if (p < end && *p == ascii)
        return 1;
    return end - p >= 3 && memcmp(p, wide, 3) == 0 ? 3 : 0;
}

static size_t space_at(const char *p, const char *end)
{
    if (p < end && *p != '\0' && strchr(" \t\r\n\f\v", *p) != NULL)
        return 1;
    return end - p >= 3 && memcmp(p, "\xe3\x80\x80", 3) == 0 ? 3 : 0;
}

void list_trim(const char **p, const char **end)
{
    size_t n;

    while ((n = space_at(*p, *end)) > 0)
        *p += n;
    while (*end > *p) {
        if (space_at(*end - 1, *end) == 1)
            *end -= 1;
        else if (*end - *p >= 3 && space_at(*end - 3, *end) == 3)
            *end -= 3;
        else
            break;
    }
}

void list_split(struct arena *a, const char *text, const char ***names, int *n)
{
    const char *end = text + strlen(text), *p = text;

    while (p < end) {
        const char *q = p, *from = p, *to;
        size_t sep;

        while (q < end && list_separator(q, end, ';') == 0)
            q++;
        sep = list_separator(q, end, ';');
        to = q;
        list_trim(&from, &to);
        if (from < to) {
            *names = mem_resize(*names, (size_t)*n + 1, sizeof **names);
            (*names)[(*n)++] = arena_strndup(a, from, (size_t)(to - from));
        }
        p = q + sep;
    }
}
