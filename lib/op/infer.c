/* infer.c: shapes and types of every value, by running the kernels' declarations (DESIGN.md 3).
 *
 * Small integer tensors (shapes, axes, indices) are followed by value, so that Shape–Gather–Concat–
 * Reshape chains come out with numbers. What depends on data or on a free dim stays unknown; a free
 * first dim of an input counts as 1 (infer_model) and stays free in the model.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "op/pack.h"

enum { KNOWN_MAX = 4096 }; /* bytes of a tensor followed by value */

struct infer {
    struct model *m;
    struct issues *issues;
    struct tensor *known; /* by value id: shape and, where small and known, data in the arena */
    int nknown;           /* values looked at so far */
    int cap;
    int64_t free_dim;
    struct packs *packs; /* of products of constants */
};

static int infer_graph(struct infer *f, const struct graph *g, struct err *e);
static void meet_values(struct infer *f);

/* Shapes of a subgraph's outputs, its inputs (if any) being given. */
static int infer_subgraph(struct call *c, const struct graph *g, const struct tensor *const *in,
                          int nin, struct tensor *const *out, int nout)
{
    struct infer *f = c->ctx;

    for (int i = 0; i < g->nin && i < nin; i++)
        f->known[g->in[i]->id] = *in[i];
    if (infer_graph(f, g, c->err) < 0)
        return -1;
    for (int i = 0; i < g->nout && i < nout; i++)
        if (out[i] != NULL)
            *out[i] = f->known[g->out[i]->id];
    return 0;
}

static const struct call_ops infer_ops = {
    call_arena_alloc, call_arena_view, call_arena_scratch, infer_subgraph, NULL, NULL
};

/* May the kernel compute here: all inputs known by value, and small? */
static bool by_value(const struct node *n, const struct tensor **in)
{
    for (int i = 0; i < n->nin; i++)
        if (in[i] != NULL && (in[i]->data == NULL || tensor_size(in[i]) > KNOWN_MAX))
            return false;
    for (int i = 0; i < n->nattrs; i++)
        if (n->attrs[i].type == ATTR_GRAPH)
            return false;
    return true;
}

static int run_node(struct infer *f, const struct node *n, struct err *e)
{
    const struct tensor **in = arena_alloc(&f->m->arena, (size_t)n->nin * sizeof *in);
    struct tensor **out = arena_alloc(&f->m->arena, (size_t)n->nout * sizeof *out);
    void *state = NULL;
    void (*state_free)(void *) = NULL;
    struct call c = { .model = f->m,
                      .node = n,
                      .nin = n->nin,
                      .nout = n->nout,
                      .in = in,
                      .out = out,
                      .infer = true,
                      .state = &state,
                      .state_free = &state_free,
                      .packs = f->packs,
                      .ops = &infer_ops,
                      .arena = &f->m->arena,
                      .ctx = f,
                      .err = e };
    int rc;

    for (int i = 0; i < n->nin; i++) {
        if (n->in[i] == NULL)
            continue;
        in[i] = &f->known[n->in[i]->id];
        if (!shape_known(&in[i]->shape))
            return 0; /* outputs stay unknown */
    }
    for (int i = 0; i < n->nout; i++)
        out[i] = n->out[i] == NULL ? NULL : &f->known[n->out[i]->id];
    rc = n->op->run(&c);
    /* Its outputs are declared now: where they are small, and everything is known, compute. */
    if (rc == 0 && n->nout > 0 && out[0] != NULL && shape_known(&out[0]->shape) &&
        out[0]->data == NULL && tensor_size(out[0]) <= KNOWN_MAX && by_value(n, in)) {
        c.infer = false;
        rc = n->op->run(&c);
    }
    if (state_free != NULL && state != NULL)
        state_free(state);
    return rc < 0 ? err_at(e, "node %s: %s", n->name, n->op->name) : 0;
}

/* The list says once that its entries are unsupported. */
static size_t without_verdict(const char *msg)
{
    static const char verdict[] = ": unsupported";
    size_t n = strlen(msg), cut = sizeof verdict - 1;

    return n > cut && strcmp(msg + n - cut, verdict) == 0 ? n - cut : n;
}

/* A node's outputs, or what the list is to say about it. */
int infer_node(struct infer *f, const struct node *n, struct err *e)
{
    meet_values(f);
    if (run_node(f, n, e) == 0)
        return 0;
    if (e->status != ERR_UNSUPPORTED)
        return -1;
    issues_add(f->issues, "%.*s", (int)without_verdict(e->msg), e->msg);
    for (int o = 0; o < n->nout; o++)
        if (n->out[o] != NULL)
            f->known[n->out[o]->id].shape = shape_unknown();
    return 0;
}

static int infer_graph(struct infer *f, const struct graph *g, struct err *e)
{
    for (int i = 0; i < g->nnodes; i++)
        if (infer_node(f, g->nodes[i], e) < 0)
            return -1;
    return 0;
}

static bool is_input(const struct graph *g, const struct value *v)
{
    for (int i = 0; i < g->nin; i++)
        if (g->in[i] == v)
            return true;
    return false;
}

/* What is known of a value before any node has run. */
static struct tensor assumed(const struct infer *f, const struct value *v)
{
    struct tensor t = { .dtype = v->dtype, .shape = shape_unknown() };

    if (v->constant != NULL) {
        t.shape = v->shape;
        if (v->constant->factor == NULL && v->constant->stored == v->dtype)
            t.data = (void *)f->m->data[v->constant->datum].p;
    } else if (is_input(f->m->graph, v)) {
        t.shape = v->shape;
        if (t.shape.rank > 0 && t.shape.dim[0] < 0)
            t.shape.dim[0] = f->free_dim;
    }
    return t;
}

/* Values made since the last look. */
static void meet_values(struct infer *f)
{
    while (f->nknown < f->m->nvalues) {
        GROW(f->known, f->nknown, f->cap);
        f->known[f->nknown] = assumed(f, f->m->values[f->nknown]);
        f->nknown++;
    }
}

const struct tensor *infer_known(struct infer *f, const struct value *v)
{
    meet_values(f);
    return &f->known[v->id];
}

struct infer *infer_new(struct model *m, struct issues *issues, int64_t free_dim)
{
    struct infer *f = NEW(struct infer);

    f->m = m;
    f->issues = issues;
    f->free_dim = free_dim;
    f->packs = packs_new();
    return f;
}

void infer_free(struct infer *f)
{
    if (f != NULL) {
        free(f->known);
        packs_free(f->packs);
    }
    free(f);
}

int infer_model(struct model *m, struct issues *issues, struct err *e)
{
    struct infer *f = infer_new(m, issues, 1);
    int rc = infer_graph(f, m->graph, e);

    meet_values(f);
    for (int i = 0; rc == 0 && i < m->nvalues; i++) {
        struct value *v = m->values[i];

        if (v->constant != NULL || v->producer == NULL)
            continue;
        if (f->known[i].dtype != DT_NONE)
            v->dtype = f->known[i].dtype;
        v->shape = f->known[i].shape;
    }
    infer_free(f);
    return rc;
}
