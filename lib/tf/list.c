/* list.c: TensorArrays and lists of tensors are followed on import: a flow or a list knows its items, so
 * that reading one is reading what was written. None is left when the graph runs. Items may be rows of a
 * tensor; all of them in order are that tensor again. `op` is the input that the list is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/ops.h"

enum { ITEMS_MAX = 1 << 13, INDICES_MAX = 1024 };

/* A list never changes: whoever writes makes a new one. */
struct items {
    int n;
    struct item {
        struct value *v; /* NULL: not written */
        int64_t row;     /* of v; -1: v itself */
    } * at;
};

bool tf_takes_lists(const char *op)
{
    static const char *const passing[] = { "Identity", "IdentityN", "Merge", "Switch" };

    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strcmp(passing[i], op) == 0)
            return true;
    return strncmp(op, "TensorArray", 11) == 0 || strncmp(op, "TensorList", 10) == 0;
}

/* Input i as a list; NULL: noted. */
static const struct items *list_arg(struct import *c, int i)
{
    const struct ref *r = tf_in(c, i);

    if (r != NULL && r->items == NULL)
        tf_issue(c, "a list that import cannot follow");
    return r == NULL ? NULL : r->items;
}

/* A copy with room for n items. */
static struct items *copy_items(struct import *c, const struct items *from, int n)
{
    struct items *l = arena_alloc(&c->m->arena, sizeof *l);
    int most = from != NULL && from->n > n ? from->n : n;

    l->n = most;
    l->at = arena_alloc(&c->m->arena, ((size_t)most + 1) * sizeof *l->at);
    if (from != NULL && from->n > 0)
        memcpy(l->at, from->at, (size_t)from->n * sizeof *l->at);
    return l;
}

/* Output `port` is that list. */
static int becomes_list(struct import *c, int port, const struct items *l)
{
    struct ref *r = arena_alloc(&c->m->arena, sizeof *r);

    r->items = l;
    tf_alias(c, port, r);
    return 0;
}

static int becomes_value(struct import *c, struct value *v)
{
    struct ref *r = arena_alloc(&c->m->arena, sizeof *r);

    r->tf = v;
    tf_alias(c, 0, r);
    return 0;
}

/* Is position i in the list? If not, that is an error. */
static bool within(struct import *c, const struct items *l, int64_t i)
{
    if (i < 0 || i >= l->n)
        tf_fail(c, "item %lld of a list of %d", (long long)i, l->n);
    else if (l->at[i].v == NULL)
        tf_issue(c, "item %lld was never written", (long long)i);
    return i >= 0 && i < l->n && l->at[i].v != NULL;
}

static struct value *scalar(struct import *c, const char *what, int64_t v)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", c->p->name, what);

    return constant_new(c->m, names_unique(&c->used, &c->m->arena, name), DT_I64, shape_of(0, NULL),
                        &v);
}

/* Item `at` of a list; numbered names are unique sooner. */
static struct value *item_value(struct import *c, const struct items *l, int64_t at)
{
    const struct item *it = &l->at[at];
    const char *row = arena_printf(&c->m->arena, "row%lld", (long long)at);

    return it->row < 0 ? it->v
                       : tf_two(c, OP_GATHER, row, it->v,
                                scalar(c, arena_printf(&c->m->arena, "%s/index", row), it->row));
}

/* How many rows a tensor has for certain, or -1: noted. */
static int rows_of(struct import *c, const struct value *v)
{
    const struct shape *s = tf_dims(c, v);

    const struct shape *other = c->free_batch ? &tf_other(c, v)->shape : s;

    if (s->rank < 1 || s->dim[0] < 0 || s->dim[0] > ITEMS_MAX || other->rank != s->rank ||
        other->dim[0] != s->dim[0]) {
        tf_issue(c,
                 "how many rows '%s' has is not known, or more than %d: give the inputs fixed "
                 "shapes with --input_shape",
                 v->name, ITEMS_MAX);
        return -1;
    }
    return (int)s->dim[0];
}

/* TensorArrayV3(size), TensorListReserve(shape, size), EmptyTensorList: `size` is the input. */
int tf_list_new(struct import *c, int size)
{
    int64_t count = 0;
    int n;

    if (size >= 0 && !tf_ints(c, size, &count, 1, &n))
        return c->failed ? -1 : 0;
    if (count < 0 || count > ITEMS_MAX)
        return tf_issue(c, "a list of %lld items, at most %d", (long long)count, ITEMS_MAX);
    becomes_list(c, 1, copy_items(c, NULL, (int)count)); /* a TensorArray's flow */
    return becomes_list(c, 0, copy_items(c, NULL, (int)count));
}

/* TensorListFromTensor(value), TensorArrayScatterV3(…, indices, value, list) */
int tf_list_from(struct import *c, int list)
{
    const struct items *old = list == 0 ? NULL : list_arg(c, list);
    struct value *v = tf_arg(c, list == 0 ? 0 : 2);
    int64_t index[INDICES_MAX];
    struct items *l;
    int n, count;

    if (v == NULL || (list > 0 && old == NULL) || (n = rows_of(c, v)) < 0)
        return c->failed || v == NULL ? -1 : 0;
    if (list > 0 && !tf_ints(c, 1, index, INDICES_MAX, &count))
        return c->failed ? -1 : 0;
    if (list > 0 && count != n)
        return tf_fail(c, "%d indices for %d rows", count, n);
    l = copy_items(c, old, n);
    for (int i = 0; i < n; i++) {
        int64_t to = list > 0 ? index[i] : i;

        if (to < 0 || to >= l->n)
            return tf_fail(c, "item %lld of a list of %d", (long long)to, l->n);
        l->at[to] = (struct item){ v, i };
    }
    return becomes_list(c, 0, l);
}

/* (…, index, …) */
int tf_list_read(struct import *c, int list)
{
    const struct items *l = list_arg(c, list);
    int64_t i;
    int n;

    if (l == NULL || !tf_ints(c, 1, &i, 1, &n) || !within(c, l, i))
        return c->failed ? -1 : 0;
    if (l->at[i].row < 0)
        return becomes_value(c, l->at[i].v);
    return tf_becomes(c, OP_GATHER, 2,
                      (struct value *[]){ l->at[i].v, scalar(c, "index", l->at[i].row) }, false);
}

/* (…, index, value, …); a TensorArray may grow. */
int tf_list_write(struct import *c, int list)
{
    const struct items *old = list_arg(c, list);
    struct value *v = tf_arg(c, 2);
    struct items *l;
    int64_t i;
    int n;

    if (old == NULL || v == NULL || !tf_ints(c, 1, &i, 1, &n))
        return c->failed || v == NULL ? -1 : 0;
    if (i < 0 || i >= ITEMS_MAX || (list == 0 && i >= old->n))
        return tf_fail(c, "item %lld of a list of %d", (long long)i, old->n);
    l = copy_items(c, old, (int)i + 1);
    l->at[i] = (struct item){ v, -1 };
    return becomes_list(c, 0, l);
}

/* TensorListPushBack(list, value) */
int tf_list_push(struct import *c, int list)
{
    const struct items *old = list_arg(c, list);
    struct value *v = tf_arg(c, 1);
    struct items *l;

    if (old == NULL || v == NULL)
        return v == NULL ? -1 : 0;
    if (old->n >= ITEMS_MAX)
        return tf_issue(c, "a list of more than %d items", ITEMS_MAX);
    l = copy_items(c, old, old->n + 1);
    l->at[old->n] = (struct item){ v, -1 };
    return becomes_list(c, 0, l);
}

/* One tensor of the items: TensorListStack(list), or those that input 1 lists. */
int tf_list_stack(struct import *c, int list)
{
    const struct items *l = list_arg(c, list);
    bool all = strcmp(c->p->op, "TensorListStack") == 0, whole = true;
    int64_t index[INDICES_MAX];
    struct value **v;
    int n = l == NULL ? 0 : l->n;

    if (l == NULL || (!all && !tf_ints(c, 1, index, INDICES_MAX, &n)))
        return c->failed ? -1 : 0;
    if (n == 0)
        return tf_issue(c, "an empty list");
    for (int i = 0; i < n; i++) {
        int64_t at = all ? i : index[i];

        if (!within(c, l, at))
            return c->failed ? -1 : 0;
        whole &= l->at[at].row == i && l->at[at].v == l->at[all ? 0 : index[0]].v;
    }
    if (whole && tf_dims(c, l->at[all ? 0 : index[0]].v)->dim[0] == n)
        return becomes_value(c, l->at[all ? 0 : index[0]].v);
    v = arena_alloc(&c->m->arena, (size_t)n * sizeof(struct value *));
    for (int i = 0; i < n; i++)
        v[i] = item_value(c, l, all ? i : index[i]);
    return tf_stacked(c, n, v, 0);
}

int tf_list_size(struct import *c, int list)
{
    const struct items *l = list_arg(c, list);
    int32_t n = l == NULL ? 0 : l->n;

    if (l == NULL)
        return c->failed ? -1 : 0;
    return becomes_value(
        c, constant_new(c->m,
                        names_unique(&c->used, &c->m->arena,
                                     arena_printf(&c->m->arena, "%s/length", c->p->name)),
                        DT_I32, shape_of(0, NULL), &n));
}

/* (tensor, rows of each item) */
int tf_list_concat(struct import *c, int list)
{
    const struct items *l = list_arg(c, list);
    struct value **v;
    int64_t *rows;
    struct ref *lengths = arena_alloc(&c->m->arena, sizeof *lengths);
    struct node *n;

    if (l == NULL)
        return c->failed ? -1 : 0;
    if (l->n == 0)
        return tf_issue(c, "an empty list");
    v = arena_alloc(&c->m->arena, (size_t)l->n * sizeof(struct value *));
    rows = arena_alloc(&c->m->arena, (size_t)l->n * sizeof *rows);
    for (int i = 0; i < l->n; i++) {
        int count;

        if (!within(c, l, i))
            return c->failed ? -1 : 0;
        v[i] = item_value(c, l, i);
        if ((count = rows_of(c, v[i])) < 0)
            return c->failed ? -1 : 0;
        rows[i] = count;
    }
    lengths->tf = tf_const_ints(c, "lengths", rows, l->n);
    tf_alias(c, 1, lengths);
    n = tf_node(c, OP_CONCAT, l->n, v);
    attr_set_int(c->m, n, "axis", 0);
    return tf_add(c, n, false);
}

/* TensorArraySplitV3(handle, value, lengths, flow), TensorListSplit(value, shape, lengths) */
int tf_list_split(struct import *c, int list)
{
    struct value *v = tf_arg(c, list == 0 ? 0 : 1);
    int64_t length[INDICES_MAX], total = 0;
    struct items *l;
    struct node *n;
    int count, rows;

    if (v == NULL || !tf_ints(c, 2, length, INDICES_MAX, &count) || (rows = rows_of(c, v)) < 0)
        return c->failed || v == NULL ? -1 : 0;
    for (int i = 0; i < count; i++) {
        if (length[i] < 0 || length[i] > rows - total)
            return tf_fail(c, "item %d of %lld rows, %lld are left", i, (long long)length[i],
                           (long long)(rows - total));
        total += length[i];
    }
    if (total != rows || count == 0)
        return tf_fail(c, "%d items of %lld rows in all, but %d are there", count, (long long)total,
                       rows);
    n = tf_inner(c, OP_SPLIT, "items", 2,
                 (struct value *[]){ v, tf_const_ints(c, "sizes", length, count) });
    tf_widen(c, n, count);
    attr_set_int(c->m, n, "axis", 0);
    if (tf_insert(c, n) < 0)
        return -1;
    l = copy_items(c, NULL, count);
    for (int i = 0; i < count; i++)
        l->at[i] = (struct item){ n->out[i], -1 };
    return becomes_list(c, 0, l);
}

/* Frees a TensorArray. */
int tf_list_close(struct import *c, int op)
{
    (void)c;
    return op;
}
