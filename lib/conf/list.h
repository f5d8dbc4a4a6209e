/* list.h: the separators that people type, ASCII and full-width, and lists of names split at them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_LIST_H
#define CONF_LIST_H

#include <stddef.h>

#include "base/mem.h"

/* Bytes of the separator `ascii` (one of , ; :) at p, also in its full-width form; 0 = none. */
size_t list_separator(const char *p, const char *end, char ascii);

/* Moves both ends inwards over white space, the ideographic space U+3000 included. */
void list_trim(const char **p, const char **end);

/* "a; b；c" -> a, b, c: trimmed, empty ones dropped. Appends to *names (malloc'ed, to be freed);
 * the strings live in the arena. */
void list_split(struct arena *a, const char *text, const char ***names, int *n);

#endif
