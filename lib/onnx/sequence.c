/* sequence.c: sequences of tensors are followed on import: whoever makes one is known, so that reading an
 * element is reading the tensor that went in. No sequence is left when the model runs. Where positions or
 * lengths are not constant, or a sequence crosses a subgraph's border, the model is unsupported.
 * ONNX SequenceConstruct-11, SequenceEmpty-11, SequenceInsert-11, SequenceErase-11, SequenceAt-11,
 * SequenceLength-11, ConcatFromSequence-11, SplitToSequence-11.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "onnx/expand.h"
#include "onnx/sequence.h"

static struct sequence *find(const struct import *c, const struct value *v)
{
    for (int i = 0; i < c->nsequences; i++)
        if (c->sequences[i].v == v)
            return &c->sequences[i];
    return NULL;
}

bool sequence_is(const struct import *c, const struct value *v)
{
    return v != NULL && find(c, v) != NULL;
}

bool sequence_reader(const char *op_type)
{
    static const char *const readers[] = { "SequenceInsert", "SequenceErase", "SequenceAt",
                                           "SequenceLength", "ConcatFromSequence" };

    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (strcmp(op_type, readers[i]) == 0)
            return true;
    return false;
}

/* Output 0 of n stands for these tensors; n itself is done. */
static int define(struct import *c, const struct node *n, struct value *const *items, int count)
{
    if (n->nout < 1 || n->out[0] == NULL)
        return 1;
    GROW(c->sequences, c->nsequences, c->capsequences);
    c->sequences[c->nsequences++] = (struct sequence){
        n->out[0], count, arena_copy(&c->m->arena, items, (size_t)count * sizeof(struct value *))
    };
    return 1;
}

static int refuse(struct import *c, const struct node *n, const char *type, const char *what)
{
    issues_add(&c->issues, "node %s: %s: %s", n->name, type, what);
    return 1;
}

/* n becomes an Identity of v. */
static int stands_for(struct import *c, struct graph *g, struct node *n, struct value *v)
{
    n->op = &ops[OP_IDENTITY];
    n->nin = 0;
    n->nattrs = 0;
    node_set_in(c->m, n, 0, v);
    if (n->out[0] != NULL)
        n->out[0]->dtype = v->dtype;
    graph_add(c->m, g, n);
    return 1;
}

/* The sequence that input 0 is, and the constant position in input i (the default where it is left
 * out), counted from the end where negative. NULL: noted. */
static struct sequence *read(struct import *c, const struct node *n, const char *type, int i,
                             int64_t absent, int64_t *position)
{
    struct sequence *s = n->nin > 0 ? find(c, n->in[0]) : NULL;
    int count;

    *position = absent;
    if (s == NULL) {
        refuse(c, n, type, "a sequence that import cannot follow");
        return NULL;
    }
    if (i > 0 && i < n->nin && n->in[i] != NULL &&
        !constant_ints(c->m, n->in[i], position, 1, &count)) {
        refuse(c, n, type, "a position that is computed");
        return NULL;
    }
    if (*position < 0)
        *position += s->n;
    return s;
}

int sequence_construct(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] == NULL)
            return import_fail(c, "node %s: SequenceConstruct: input %d is missing", n->name, i);
    return define(c, n, n->in, n->nin);
}

int sequence_insert(struct import *c, struct graph *g, struct node *n)
{
    int64_t at, end = n->nin > 0 && find(c, n->in[0]) != NULL ? find(c, n->in[0])->n : 0;
    struct sequence *s = read(c, n, "SequenceInsert", 2, end, &at);
    struct value **items;

    (void)g;
    if (s == NULL)
        return 1;
    if (n->nin < 2 || n->in[1] == NULL || at < 0 || at > s->n)
        return import_fail(c, "node %s: SequenceInsert: nothing, or nowhere to insert", n->name);
    items = arena_alloc(&c->m->arena, (size_t)(s->n + 1) * sizeof(struct value *));
    memcpy(items, s->items, (size_t)at * sizeof(struct value *));
    items[at] = n->in[1];
    memcpy(items + at + 1, s->items + at, (size_t)(s->n - at) * sizeof(struct value *));
    return define(c, n, items, s->n + 1);
}

int sequence_erase(struct import *c, struct graph *g, struct node *n)
{
    int64_t at;
    struct sequence *s = read(c, n, "SequenceErase", 1, -1, &at);
    struct value **items;

    (void)g;
    if (s == NULL)
        return 1;
    if (at < 0 || at >= s->n)
        return import_fail(c, "node %s: SequenceErase: no such element", n->name);
    items = arena_copy(&c->m->arena, s->items, (size_t)s->n * sizeof(struct value *));
    memmove(items + at, items + at + 1, (size_t)(s->n - at - 1) * sizeof(struct value *));
    return define(c, n, items, s->n - 1);
}

int sequence_at(struct import *c, struct graph *g, struct node *n)
{
    int64_t at;
    struct sequence *s = read(c, n, "SequenceAt", 1, 0, &at);

    if (s == NULL)
        return 1;
    if (at < 0 || at >= s->n)
        return import_fail(c, "node %s: SequenceAt: no such element", n->name);
    return stands_for(c, g, n, s->items[at]);
}

int sequence_length(struct import *c, struct graph *g, struct node *n)
{
    int64_t none, length;
    struct sequence *s = read(c, n, "SequenceLength", 0, 0, &none);
    const char *name;

    if (s == NULL)
        return 1;
    length = s->n;
    name = names_unique(&c->used, &c->m->arena, arena_printf(&c->m->arena, "%s/length", n->name));
    return stands_for(c, g, n, constant_new(c->m, name, DT_I64, shape_of(0, NULL), &length));
}

int sequence_concat(struct import *c, struct graph *g, struct node *n)
{
    int64_t none, axis = attr_int(n, "axis", 0);
    struct sequence *s = read(c, n, "ConcatFromSequence", 0, 0, &none);
    struct value *axes;

    if (s == NULL)
        return 1;
    n->op = &ops[OP_CONCAT];
    n->nin = 0;
    axes = attr_int(n, "new_axis", 0) ? import_ints(c, n, "axes", &axis, 1) : NULL;
    for (int i = 0; i < s->n; i++)
        node_set_in(c->m, n, i,
                    axes == NULL ? s->items[i]
                                 : expand_node(c, g, n, OP_UNSQUEEZE, "unsqueeze", 2,
                                               (struct value *[]){ s->items[i], axes }));
    if (n->nin == 0)
        return refuse(c, n, "ConcatFromSequence", "an empty sequence");
    attr_drop(n, "new_axis");
    graph_add(c->m, g, n);
    return 1;
}

/* How many parts, and the lengths for Split's input 1 (NULL: equal ones). -1: not known on import. */
static int parts_of(struct import *c, const struct node *n, int64_t axis, struct value **lengths)
{
    const struct shape *x = &n->in[0]->shape;
    struct value *split = n->nin > 1 ? n->in[1] : NULL;
    int64_t dim, size, each[1024];
    int count;

    *lengths = split;
    if (split != NULL && split->shape.rank == 1 && split->shape.dim[0] > 0)
        return split->shape.dim[0] <= 1024 ? (int)split->shape.dim[0] : -1;
    axis += axis < 0 ? x->rank : 0;
    if (axis < 0 || axis >= x->rank || (dim = x->dim[axis]) < 1)
        return -1;
    size = 1;
    if (split != NULL && (!constant_ints(c->m, split, &size, 1, &count) || size < 1))
        return -1;
    for (count = 0; dim > 0; dim -= size) {
        if (count == 1024)
            return -1;
        each[count++] = size < dim ? size : dim;
    }
    *lengths = import_ints(c, n, "lengths", each, count);
    return count;
}

int sequence_split(struct import *c, struct graph *g, struct node *n)
{
    int64_t axis = attr_int(n, "axis", 0);
    bool squeeze = attr_int(n, "keepdims", 1) == 0 && (n->nin < 2 || n->in[1] == NULL);
    struct value *lengths, **items, *axes;
    struct node *split;
    int count;

    if (n->nin < 1 || n->in[0] == NULL)
        return import_fail(c, "node %s: SplitToSequence: no input", n->name);
    count = parts_of(c, n, axis, &lengths);
    if (count < 0)
        return refuse(c, n, "SplitToSequence", "a length that is not known on import");
    split = node_new(c->m, &ops[OP_SPLIT], n->name, 2, count);
    split->in[0] = n->in[0];
    split->in[1] = lengths;
    attr_set_int(c->m, split, "axis", axis);
    items = arena_alloc(&c->m->arena, (size_t)count * sizeof(struct value *));
    for (int i = 0; i < count; i++)
        items[i] = split->out[i] = import_value(c, arena_printf(&c->m->arena, "%s/part", n->name),
                                                n->in[0]->dtype, shape_unknown());
    graph_add(c->m, g, split);
    axes = import_ints(c, n, "axes", &axis, 1);
    for (int i = 0; i < count && squeeze; i++)
        items[i] =
            expand_node(c, g, n, OP_SQUEEZE, "squeeze", 2, (struct value *[]){ items[i], axes });
    return define(c, n, items, count);
}
