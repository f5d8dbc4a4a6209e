/* ir.c: building, indexing and reading a model; see ir.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

void model_init(struct model *m)
{
    *m = (struct model){ 0 };
    m->graph = graph_new(m, "main");
}

void model_release(struct model *m)
{
    for (int i = 0; i < m->nlinks; i++)
        if (m->links[i].owned)
            blob_release(&m->links[i].blob);
    free(m->values);
    free(m->data);
    free(m->links);
    arena_release(&m->arena);
    *m = (struct model){ 0 };
}

struct value *value_new(struct model *m, const char *name, enum dtype dtype, struct shape shape)
{
    struct value *v = arena_alloc(&m->arena, sizeof *v);

    GROW(m->values, m->nvalues, m->capvalues);
    v->name = arena_strdup(&m->arena, name);
    v->id = m->nvalues;
    v->dtype = dtype;
    v->shape = shape;
    m->values[m->nvalues++] = v;
    return v;
}

struct node *node_new(struct model *m, const struct op *op, const char *name, int nin, int nout)
{
    struct node *n = arena_alloc(&m->arena, sizeof *n);

    n->op = op;
    n->name = arena_strdup(&m->arena, name);
    n->id = -1;
    n->source = -1;
    n->nin = nin;
    n->nout = nout;
    n->in = arena_alloc(&m->arena, (size_t)nin * sizeof(struct value *));
    n->out = arena_alloc(&m->arena, (size_t)nout * sizeof(struct value *));
    return n;
}

struct graph *graph_new(struct model *m, const char *name)
{
    struct graph *g = arena_alloc(&m->arena, sizeof *g);

    g->name = arena_strdup(&m->arena, name);
    return g;
}

void graph_add(struct model *m, struct graph *g, struct node *n)
{
    if (g->nnodes == g->capnodes) {
        struct node **old = g->nodes;

        g->capnodes = g->capnodes ? 2 * g->capnodes : 16;
        g->nodes = arena_alloc(&m->arena, (size_t)g->capnodes * sizeof(struct node *));
        if (g->nnodes > 0)
            memcpy(g->nodes, old, (size_t)g->nnodes * sizeof(struct node *));
    }
    g->nodes[g->nnodes++] = n;
}

int datum_add(struct model *m, const void *p, uint64_t size)
{
    GROW(m->data, m->ndata, m->capdata);
    m->data[m->ndata] = (struct datum){ p, size };
    return m->ndata++;
}

void link_add(struct model *m, const char *path, const struct blob *b, bool owned)
{
    char *real = realpath(path, NULL);

    GROW(m->links, m->nlinks, m->caplinks);
    m->links[m->nlinks++] =
        (struct link){ arena_strdup(&m->arena, real != NULL ? real : path), *b, owned };
    free(real);
}

struct value *constant_new(struct model *m, const char *name, enum dtype dtype, struct shape shape,
                           const void *bytes)
{
    struct value *v = value_new(m, name, dtype, shape);
    size_t size = (size_t)shape_count(&shape) * dtype_size(dtype);

    v->constant = arena_alloc(&m->arena, sizeof *v->constant);
    v->constant->datum = datum_add(m, arena_copy(&m->arena, bytes, size), size);
    v->constant->stored = dtype;
    v->constant->name = v->name;
    return v;
}

void graph_each(struct graph *g, void (*f)(struct graph *, void *), void *ctx)
{
    f(g, ctx);
    for (int i = 0; i < g->nnodes; i++)
        for (int a = 0; a < g->nodes[i]->nattrs; a++)
            if (g->nodes[i]->attrs[a].type == ATTR_GRAPH)
                graph_each(g->nodes[i]->attrs[a].graph, f, ctx);
}

static void index_graph(struct graph *g, void *ctx)
{
    struct model *m = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        struct node *n = g->nodes[i];

        n->id = m->nnodes++;
        for (int o = 0; o < n->nout; o++)
            if (n->out[o] != NULL)
                n->out[o]->producer = n;
    }
}

void model_index(struct model *m)
{
    for (int i = 0; i < m->nvalues; i++)
        m->values[i]->producer = NULL;
    m->nnodes = 0;
    graph_each(m->graph, index_graph, m);
}

static void count_uses(struct graph *g, void *ctx)
{
    int *uses = ctx;

    for (int i = 0; i < g->nnodes; i++)
        for (int k = 0; k < g->nodes[i]->nin; k++)
            if (g->nodes[i]->in[k] != NULL)
                uses[g->nodes[i]->in[k]->id]++;
    for (int i = 0; i < g->nout; i++)
        uses[g->out[i]->id]++;
}

int *model_uses(const struct model *m)
{
    int *uses = NEW_ARRAY(int, (size_t)m->nvalues);

    graph_each(m->graph, count_uses, uses);
    return uses;
}

struct tensor constant_view(const struct model *m, const struct value *v)
{
    return (struct tensor){ .dtype = v->constant->stored,
                            .shape = v->shape,
                            .data = (void *)m->data[v->constant->datum].p };
}

void constant_f32(const struct model *m, const struct value *v, float *out)
{
    struct tensor t = constant_view(m, v);
    const float *factor = v->constant->factor;
    size_t n = (size_t)shape_count(&v->shape), inner = 1, channels;

    dtype_to_f32(out, t.data, t.dtype, n);
    if (factor == NULL)
        return;
    channels = (size_t)v->shape.dim[v->constant->axis];
    for (int i = v->constant->axis + 1; i < v->shape.rank; i++)
        inner *= (size_t)v->shape.dim[i];
    for (size_t i = 0; i < n; i++)
        out[i] *= factor[i / inner % channels];
}

bool constant_ints(const struct model *m, const struct value *v, int64_t *out, int max, int *n)
{
    struct tensor t;
    int64_t count;

    if (v == NULL || v->constant == NULL || v->dtype == DT_F32 || v->dtype == DT_F64)
        return false;
    t = constant_view(m, v);
    count = shape_count(&v->shape);
    if (count < 0 || count > max)
        return false;
    for (int64_t i = 0; i < count; i++)
        out[i] = tensor_get_int(&t, (size_t)i);
    *n = (int)count;
    return true;
}

void node_set_in(struct model *m, struct node *n, int i, struct value *v)
{
    if (i >= n->nin) {
        struct value **in = arena_alloc(&m->arena, (size_t)(i + 1) * sizeof *in);

        if (n->nin > 0)
            memcpy(in, n->in, (size_t)n->nin * sizeof *in);
        n->in = in;
        n->nin = i + 1;
    }
    n->in[i] = v;
}

const struct attr *attr_find(const struct node *n, const char *name)
{
    for (int i = 0; i < n->nattrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

int64_t attr_int(const struct node *n, const char *name, int64_t absent)
{
    const struct attr *a = attr_find(n, name);

    return a == NULL || a->type != ATTR_INT ? absent : a->i;
}

float attr_float(const struct node *n, const char *name, float absent)
{
    const struct attr *a = attr_find(n, name);

    return a == NULL || a->type != ATTR_FLOAT ? absent : a->f;
}

const char *attr_string(const struct node *n, const char *name, const char *absent)
{
    const struct attr *a = attr_find(n, name);

    return a == NULL || a->type != ATTR_STRING ? absent : a->s;
}

int attr_ints(const struct node *n, const char *name, int64_t *out, int max)
{
    const struct attr *a = attr_find(n, name);
    int count = a == NULL || a->type != ATTR_INTS ? 0 : a->n;

    if (count > max)
        count = max;
    for (int i = 0; i < count; i++)
        out[i] = a->ints[i];
    return count;
}

struct attr *attr_add(struct model *m, struct node *n, const char *name, enum attr_type type)
{
    struct attr *a = (struct attr *)attr_find(n, name);

    if (a == NULL) {
        struct attr *grown = arena_alloc(&m->arena, (size_t)(n->nattrs + 1) * sizeof *grown);

        if (n->nattrs > 0)
            memcpy(grown, n->attrs, (size_t)n->nattrs * sizeof *grown);
        n->attrs = grown;
        a = &n->attrs[n->nattrs++];
    }
    *a = (struct attr){ .name = arena_strdup(&m->arena, name), .type = type };
    return a;
}

void attr_set_int(struct model *m, struct node *n, const char *name, int64_t i)
{
    attr_add(m, n, name, ATTR_INT)->i = i;
}

void attr_set_float(struct model *m, struct node *n, const char *name, float f)
{
    attr_add(m, n, name, ATTR_FLOAT)->f = f;
}

void attr_set_string(struct model *m, struct node *n, const char *name, const char *s)
{
    attr_add(m, n, name, ATTR_STRING)->s = arena_strdup(&m->arena, s);
}

void attr_set_ints(struct model *m, struct node *n, const char *name, const int64_t *v, int count)
{
    const int64_t *copy = arena_copy(&m->arena, v, (size_t)count * sizeof *v);
    struct attr *a = attr_add(m, n, name, ATTR_INTS);

    a->ints = copy;
    a->n = count;
}

void attr_drop(struct node *n, const char *name)
{
    for (int i = 0; i < n->nattrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            n->attrs[i--] = n->attrs[--n->nattrs];
}
