/* graph.c: tensors by name, and IR nodes for the NodeDef that is being imported; see context.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tf/context.h"

enum { NODES_MAX = 1 << 18 }; /* loops multiply them (dopt-import.1) */

int tf_fail(struct import *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(c->err, ERR_INPUT, fmt, ap);
    va_end(ap);
    c->failed = true;
    return c->p == NULL ? -1 : err_at(c->err, "node %s: %s", c->p->name, c->p->op);
}

int tf_issue(struct import *c, const char *fmt, ...)
{
    char msg[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    issues_add(&c->issues, "node %s: %s: %s", c->p->name, c->p->op, msg);
    return 0;
}

int tf_nin(const NodeDef *p)
{
    int n = 0;

    while (n < (int)p->n_input && p->input[n][0] != '^')
        n++;
    return n;
}

const char *tf_node_of(struct import *c, const char *tensor)
{
    const char *colon = strrchr(tensor, ':');

    tensor += *tensor == '^';
    return colon == NULL ? tensor : arena_strndup(&c->m->arena, tensor, (size_t)(colon - tensor));
}

const char *tf_tensor_name(struct import *c, const char *tensor)
{
    size_t n = strlen(tensor);

    return n > 2 && strcmp(tensor + n - 2, ":0") == 0 ? tf_node_of(c, tensor) : tensor;
}

struct ref *tf_ref(struct import *c, const char *name)
{
    struct ref *r;

    name = tf_tensor_name(c, name);
    r = names_get(&c->refs, name);
    if (r == NULL && strchr(name, ':') != NULL) { /* another output of a node that is dead */
        struct ref *node = names_get(&c->refs, tf_node_of(c, name));

        if (node != NULL && node->dead)
            return node;
    }
    if (r == NULL && c->issues.n > 0) { /* stands for something unsupported */
        r = arena_alloc(&c->m->arena, sizeof *r);
        r->tf =
            value_new(c->m, names_unique(&c->used, &c->m->arena, name), DT_NONE, shape_unknown());
        names_put(&c->refs, r->tf->name, r);
    }
    if (r == NULL)
        tf_fail(c, "reads '%s', which nothing writes", name);
    return r;
}

struct ref *tf_in(struct import *c, int i)
{
    return tf_ref(c, c->p->input[i]);
}

const char *tf_output(struct import *c, int port)
{
    return port == 0 ? c->p->name : arena_printf(&c->m->arena, "%s:%d", c->p->name, port);
}

void tf_alias(struct import *c, int port, const struct ref *r)
{
    names_put(&c->refs, tf_output(c, port), (void *)r);
}

const struct shape *tf_dims(struct import *c, const struct value *v)
{
    return &infer_known(c->infer, v)->shape;
}

int tf_rank(struct import *c, const struct value *v)
{
    return tf_dims(c, v)->rank;
}

/* ---- nodes ---- */

static struct node *named_node(struct import *c, enum op_id op, const char *name, int nin, int nout)
{
    return node_new(c->m, &ops[op], names_unique(&c->named, &c->m->arena, name), nin, nout);
}

static struct value *new_value(struct import *c, const char *name)
{
    return value_new(c->m, names_unique(&c->used, &c->m->arena, name), DT_NONE, shape_unknown());
}

int tf_insert(struct import *c, struct node *n)
{
    if (c->m->graph->nnodes >= NODES_MAX) {
        tf_fail(c, "more than %d nodes", NODES_MAX);
        c->err->status = ERR_UNSUPPORTED;
        return -1;
    }
    graph_add(c->m, c->m->graph, n);
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] != NULL)
            n->out[i]->producer = n;
    if (infer_node(c->infer, n, c->err) < 0) {
        c->failed = true;
        return -1;
    }
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] != NULL)
            n->out[i]->dtype = infer_known(c->infer, n->out[i])->dtype;
    return 0;
}

struct node *tf_inner(struct import *c, enum op_id op, const char *what, int nin,
                      struct value *const *in)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", c->p->name, what);
    struct node *n = named_node(c, op, name, nin, 1);

    if (nin > 0)
        memcpy(n->in, in, (size_t)nin * sizeof(struct value *));
    n->out[0] = new_value(c, name);
    return n;
}

void tf_widen(struct import *c, struct node *n, int nout)
{
    struct value *first = n->out[0];

    n->out = arena_alloc(&c->m->arena, (size_t)nout * sizeof(struct value *));
    n->nout = nout;
    n->out[0] = first;
    for (int i = 1; i < nout; i++)
        n->out[i] = new_value(c, arena_printf(&c->m->arena, "%s:%d", first->name, i));
}

struct value *tf_made(struct import *c, enum op_id op, const char *what, int nin,
                      struct value *const *in)
{
    struct node *n = tf_inner(c, op, what, nin, in);

    tf_insert(c, n);
    return n->out[0];
}

struct value *tf_two(struct import *c, enum op_id op, const char *what, struct value *a,
                     struct value *b)
{
    return tf_made(c, op, what, 2, (struct value *[]){ a, b });
}

struct value *tf_transposed(struct import *c, const char *what, struct value *v, int rank,
                            const int64_t *perm)
{
    struct node *n = tf_inner(c, OP_TRANSPOSE, what, 1, &v);

    attr_set_ints(c->m, n, "perm", perm, rank);
    tf_insert(c, n);
    return n->out[0];
}

/* A Transpose named after what it reads. */
static struct value *permuted(struct import *c, struct value *v, const char *suffix, int rank,
                              const int64_t *perm)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", v->name, suffix);
    struct node *n = named_node(c, OP_TRANSPOSE, name, 1, 1);

    n->in[0] = v;
    n->out[0] = new_value(c, name);
    attr_set_ints(c->m, n, "perm", perm, rank);
    tf_insert(c, n);
    return n->out[0];
}

struct value *tf_const_ints(struct import *c, const char *what, const int64_t *v, int n)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", c->p->name, what);

    return constant_new(c->m, names_unique(&c->used, &c->m->arena, name), DT_I64,
                        shape_of(1, (int64_t[]){ n }), v);
}

struct value *tf_const_float(struct import *c, const char *what, float v)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", c->p->name, what);

    return constant_new(c->m, names_unique(&c->used, &c->m->arena, name), DT_F32, shape_of(0, NULL),
                        &v);
}

struct node *tf_node(struct import *c, enum op_id op, int nin, struct value *const *in)
{
    struct node *n = named_node(c, op, c->p->name, nin, 1);

    if (nin > 0)
        memcpy(n->in, in, (size_t)nin * sizeof(struct value *));
    n->source = c->ordinal;
    n->out[0] = new_value(c, tf_output(c, 0));
    return n;
}

int tf_add(struct import *c, struct node *n, bool cf)
{
    for (int i = 0; i < n->nout; i++) {
        struct ref *r = arena_alloc(&c->m->arena, sizeof *r);

        *(cf ? &r->cf : &r->tf) = n->out[i];
        r->first = cf;
        tf_alias(c, i, r);
    }
    return tf_insert(c, n);
}

int tf_becomes(struct import *c, enum op_id op, int nin, struct value *const *in, bool cf)
{
    return tf_add(c, tf_node(c, op, nin, in), cf);
}

/* ---- order of dims ---- */

struct value *tf_rows(struct import *c, struct ref *r)
{
    if (r->tf == NULL)
        r->tf = permuted(c, r->cf, "NHWC", 4, (int64_t[]){ 0, 2, 3, 1 });
    return r->tf;
}

struct value *tf_channels(struct import *c, struct ref *r)
{
    if (r->cf == NULL)
        r->cf = permuted(c, r->tf, "NCHW", 4, (int64_t[]){ 0, 3, 1, 2 });
    return r->cf;
}

struct ref *tf_written(struct import *c)
{
    return names_get(&c->refs, c->p->name);
}

struct value *tf_arg(struct import *c, int i)
{
    struct ref *r = tf_in(c, i);

    return r == NULL ? NULL : tf_rows(c, r);
}

const struct tensor *tf_other(struct import *c, const struct value *v)
{
    const struct graph *g = c->m->graph;
    struct err ignored;

    for (; c->other.n < g->nnodes; c->other.n++)
        infer_node(c->other.infer, g->nodes[c->other.n], &ignored);
    return infer_known(c->other.infer, v);
}

bool tf_certain(struct import *c, const struct value *v)
{
    const struct tensor *a = infer_known(c->infer, v), *b;

    if (a->data == NULL || !c->free_batch || v->constant != NULL)
        return a->data != NULL;
    b = tf_other(c, v);
    return b->data != NULL && shape_equal(&a->shape, &b->shape) &&
           memcmp(a->data, b->data, tensor_size(a)) == 0;
}

bool tf_ints(struct import *c, int i, int64_t *out, int max, int *n)
{
    const struct value *v = tf_arg(c, i);
    const struct tensor *t = v == NULL ? NULL : infer_known(c->infer, v);
    int64_t count = t == NULL ? -1 : shape_count(&t->shape);

    *n = 0;
    if (v == NULL)
        return false;
    if (count < 0 || count > max || !tf_certain(c, v)) {
        tf_issue(c, "input %d (%s) is not known before the graph runs", i, c->p->input[i]);
        return false;
    }
    for (; *n < (int)count; (*n)++)
        out[*n] = tensor_get_int(t, (size_t)*n);
    return true;
}
