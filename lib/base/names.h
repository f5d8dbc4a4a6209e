/* names.h: a map from names to pointers, and the closest known name to a mistyped one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"

struct names {
    struct name_slot *slots;
    size_t nslots, n;
};
/* Keys are borrowed and must outlive the map. A second put of a key replaces the value. */
void names_put(struct names *m, const char *key, void *value);
void *names_get(const struct names *m, const char *key); /* NULL if absent */
void names_release(struct names *m);
/* A key that the map does not have yet, now in it: `base`, or "base#2", "base#3", … Lives in `a`. */
const char *names_unique(struct names *m, struct arena *a, const char *base);

/* Prints a text, in one line whatever names are in it: control characters come out as \xNN. */
void names_print(FILE *f, const char *text);

/* Keeps the three names closest to `wanted` by edit distance (case-insensitive; a contained
 * part counts as close); feed candidates one by one, then print with suggest_text. */
struct suggest {
    const char *wanted;
    const char *best[3];
    unsigned distance[3];
};
void suggest_offer(struct suggest *s, const char *candidate);
/* ", closest: 'a', 'b'" or "" if nothing is near. The result is valid until the next call. */
const char *suggest_text(const struct suggest *s);

#endif
