/* shapes.c: see shapes.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "conf/list.h"
#include "conf/shapes.h"

/* Characters, not bytes: a full-width separator is one column. */
static int column(const char *text, const char *p)
{
    int n = 1;

    for (; text < p; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static const char *find(const char *p, const char *end, char sep)
{
    while (p < end && list_separator(p, end, sep) == 0)
        p++;
    return p;
}

static int dim_read(struct shape *s, const char *text, const char *p, const char *end,
                    struct err *e)
{
    char digits[24], *rest;
    long long v;
    int at = column(text, p);

    list_trim(&p, &end);
    if (p < end)
        at = column(text, p);
    if (s->rank == RANK_MAX)
        return err_set(e, "column %d: more than %d dims", at, RANK_MAX);
    if (p == end)
        return err_set(e, "column %d: a dim is missing here (a number, or -1 for a free dim)", at);
    if (end - p == 1 && *p == '?') {
        s->dim[s->rank++] = -1;
        return 0;
    }
    if ((size_t)(end - p) < sizeof digits) {
        memcpy(digits, p, (size_t)(end - p));
        digits[end - p] = '\0';
        v = strtoll(digits, &rest, 10);
        if (*rest == '\0' && (v == -1 || (v >= 1 && v <= (long long)1 << 40))) {
            s->dim[s->rank++] = v;
            return 0;
        }
    }
    return err_set(e,
                   "column %d: '%.*s' is not a dim: a number of at least 1, or -1 for a free dim",
                   at, (int)(end - p), p);
}

static int dims_read(struct shape *s, const char *text, const char *p, const char *end,
                     struct err *e)
{
    const char *from = p, *to = end;

    list_trim(&from, &to);
    if (from == to)
        return 0; /* a scalar */
    for (;;) {
        const char *q = find(p, end, ',');

        if (dim_read(s, text, p, q, e) < 0)
            return -1;
        if (q == end)
            return 0;
        p = q + list_separator(q, end, ',');
    }
}

static int entry_read(struct shapes *s, const char *text, const char *p, const char *end,
                      struct err *e)
{
    struct named_shape *item;
    const char *colon = end, *name = p, *name_end;

    for (const char *q = p; q < end; q++)
        if (list_separator(q, end, ':') > 0)
            colon = q;
    name_end = colon;
    list_trim(&name, &name_end);
    if (colon == end)
        return err_set(e, "column %d: '%.*s' has no ':' between the name and its dims",
                       column(text, name), (int)(name_end - name), name);
    if (name == name_end)
        return err_set(e, "column %d: the name of an input is missing before ':'",
                       column(text, colon));
    s->items = mem_resize(s->items, (size_t)s->n + 1, sizeof *s->items);
    item = &s->items[s->n];
    *item =
        (struct named_shape){ arena_strndup(&s->arena, name, (size_t)(name_end - name)), { 0 } };
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->items[i].name, item->name) == 0)
            return err_set(e, "column %d: '%s' is given twice", column(text, name), item->name);
    s->n++;
    return dims_read(&item->shape, text, colon + list_separator(colon, end, ':'), end, e);
}

int shapes_read(struct shapes *s, const char *text, struct err *e)
{
    const char *p = text, *end = text + strlen(text);

    *s = (struct shapes){ 0 };
    while (p < end) {
        const char *q = find(p, end, ';'), *from = p, *to = q;

        list_trim(&from, &to);
        if (from < to && entry_read(s, text, from, to, e) < 0)
            return -1;
        p = q + list_separator(q, end, ';');
    }
    if (s->n == 0)
        return err_set(e, "column 1: no input is named; write it as \"name: 1,3,224,224\"");
    return 0;
}

void shapes_release(struct shapes *s)
{
    free(s->items);
    arena_release(&s->arena);
    *s = (struct shapes){ 0 };
}

int out_nodes_read(struct out_nodes *o, const char *text, struct err *e)
{
    *o = (struct out_nodes){ 0 };
    list_split(&o->arena, text, &o->names, &o->n);
    for (int i = 0; i < o->n; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(o->names[i], o->names[j]) == 0)
                return err_set(e, "'%s' is given twice", o->names[i]);
    return 0;
}

void out_nodes_release(struct out_nodes *o)
{
    free(o->names);
    arena_release(&o->arena);
    *o = (struct out_nodes){ 0 };
}
