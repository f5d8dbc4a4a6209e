/* names.c: open addressing over XXH3; Levenshtein distance for suggestions.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <xxhash.h>

#include "base/mem.h"
#include "base/names.h"

struct name_slot {
    const char *key;
    void *value;
};

static struct name_slot *slot_of(const struct names *m, const char *key)
{
    size_t i = XXH3_64bits(key, strlen(key)) & (m->nslots - 1);

    while (m->slots[i].key != NULL && strcmp(m->slots[i].key, key) != 0)
        i = (i + 1) & (m->nslots - 1);
    return &m->slots[i];
}

void names_put(struct names *m, const char *key, void *value)
{
    struct name_slot *s;

    if (2 * (m->n + 1) > m->nslots) {
        struct names bigger = { .nslots = m->nslots ? 2 * m->nslots : 64 };

        bigger.slots = NEW_ARRAY(struct name_slot, bigger.nslots);
        for (size_t i = 0; i < m->nslots; i++)
            if (m->slots[i].key != NULL)
                *slot_of(&bigger, m->slots[i].key) = m->slots[i];
        bigger.n = m->n;
        free(m->slots);
        *m = bigger;
    }
    s = slot_of(m, key);
    m->n += s->key == NULL;
    *s = (struct name_slot){ key, value };
}

void *names_get(const struct names *m, const char *key)
{
    return m->nslots == 0 ? NULL : slot_of(m, key)->value;
}

void names_release(struct names *m)
{
    free(m->slots);
    *m = (struct names){ 0 };
}

const char *names_unique(struct names *m, struct arena *a, const char *base)
{
    const char *name = arena_strdup(a, base);

    for (int n = 2; names_get(m, name) != NULL; n++)
        name = arena_printf(a, "%s#%d", base, n);
    names_put(m, name, m);
    return name;
}

void names_print(FILE *f, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(f, (unsigned char)*text < 32 || *text == 127 ? "\\x%02x" : "%c",
                (unsigned char)*text);
}

enum { SUGGEST_LEN = 120 };

static unsigned distance(const char *a, const char *b)
{
    unsigned row[SUGGEST_LEN + 1];
    size_t na = strnlen(a, SUGGEST_LEN), nb = strnlen(b, SUGGEST_LEN);

    for (size_t j = 0; j <= nb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned up = row[j], best;
            int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);

            best = diagonal + (same ? 0 : 1);
            if (up + 1 < best)
                best = up + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = up;
            row[j] = best;
        }
    }
    if (na >= 3 && strcasestr(b, a) != NULL)
        return 1;
    return row[nb];
}

void suggest_offer(struct suggest *s, const char *candidate)
{
    unsigned d = distance(s->wanted, candidate);
    int i;

    for (i = 0; i < 3; i++)
        if (s->best[i] != NULL && strcmp(s->best[i], candidate) == 0)
            return;
    for (i = 2; i >= 0 && (s->best[i] == NULL || d < s->distance[i]); i--)
        if (i < 2) {
            s->best[i + 1] = s->best[i];
            s->distance[i + 1] = s->distance[i];
        }
    if (i < 2) {
        s->best[i + 1] = candidate;
        s->distance[i + 1] = d;
    }
}

const char *suggest_text(const struct suggest *s)
{
    static _Thread_local char text[600];
    size_t n = 0, limit = 2 + strlen(s->wanted) / 2;

    text[0] = '\0';
    for (int i = 0; i < 3; i++)
        if (s->best[i] != NULL && (s->distance[i] <= limit) && n < sizeof text)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s'%.150s'",
                                  n == 0 ? "; closest: " : ", ", s->best[i]);
    return text;
}
