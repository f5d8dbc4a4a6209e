/* fold.c: constant folding: a node whose inputs are all constant becomes its result.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "op/op.h"
#include "op/pack.h"

enum { FOLD_FREE = 1 << 20 }; /* results up to this many bytes are always folded */

static const struct call_ops fold_ops = { call_arena_alloc, call_arena_view, call_arena_scratch, NULL, NULL, NULL };

static bool constant_inputs(const struct node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] != NULL && (n->in[i]->constant == NULL || n->in[i]->constant->factor != NULL ||
                                 n->in[i]->constant->stored != n->in[i]->dtype))
            return false;
    for (int i = 0; i < n->nattrs; i++)
        if (n->attrs[i].type == ATTR_GRAPH)
            return false;
    return true;
}

/* The user knows a weight by the name of the initializer it came from, whatever was done to it. */
static const char *weight_name(const struct node *n, const struct value *out)
{
    return n->nin > 0 && n->in[0] != NULL && n->op->point == POINT_PASS ? n->in[0]->constant->name : out->name;
}

static void make_constant(struct model *m, struct value *v, const struct tensor *t, const char *name)
{
    v->dtype = t->dtype;
    v->shape = t->shape;
    v->constant = arena_alloc(&m->arena, sizeof *v->constant);
    v->constant->datum = datum_add(m, t->data, tensor_size(t));
    v->constant->stored = t->dtype;
    v->constant->name = name;
    v->producer = NULL;
}

/* 1 folded, 0 left, -1 error. */
static int fold_node(struct model *m, const struct node *n, struct err *e)
{
    struct tensor *outs = arena_alloc(&m->arena, (size_t)n->nout * sizeof *outs);
    struct tensor *ins = arena_alloc(&m->arena, (size_t)n->nin * sizeof *ins);
    struct tensor **out = arena_alloc(&m->arena, (size_t)n->nout * sizeof *out);
    const struct tensor **in = arena_alloc(&m->arena, (size_t)n->nin * sizeof *in);
    void *state = NULL;
    void (*state_free)(void *) = NULL;
    struct call c = { .model = m, .node = n, .nin = n->nin, .nout = n->nout, .in = in, .out = out,
                      .infer = true, .state = &state, .state_free = &state_free, .ops = &fold_ops,
                      .packs = packs_new(), .arena = &m->arena, .err = e };
    size_t from = FOLD_FREE, to = 0;
    int rc;

    for (int i = 0; i < n->nin; i++)
        if (n->in[i] != NULL) {
            ins[i] = constant_view(m, n->in[i]);
            in[i] = &ins[i];
            from += 2 * tensor_size(&ins[i]);
        }
    for (int i = 0; i < n->nout; i++)
        out[i] = n->out[i] == NULL ? NULL : &outs[i];
    rc = n->op->run(&c);
    for (int i = 0; rc == 0 && i < n->nout; i++)
        if (out[i] != NULL && shape_known(&outs[i].shape))
            to += tensor_size(&outs[i]);
    c.infer = false;
    if (rc == 0 && to <= from)
        rc = n->op->run(&c);
    if (state_free != NULL && state != NULL)
        state_free(state);
    packs_free(c.packs);
    if (rc < 0)
        return err_at(e, "node %s: %s", n->name, n->op->name);
    if (to > from)
        return 0;
    for (int i = 0; i < n->nout; i++)
        if (out[i] != NULL)
            make_constant(m, n->out[i], &outs[i], weight_name(n, n->out[i]));
    return 1;
}

static int fold_graph(struct model *m, struct graph *g, struct err *e)
{
    int kept = 0;

    for (int i = 0; i < g->nnodes; i++) {
        struct node *n = g->nodes[i];
        int folded = constant_inputs(n) ? fold_node(m, n, e) : 0;

        if (folded < 0)
            return -1;
        for (int a = 0; a < n->nattrs; a++)
            if (n->attrs[a].type == ATTR_GRAPH && fold_graph(m, n->attrs[a].graph, e) < 0)
                return -1;
        if (!folded)
            g->nodes[kept++] = n;
    }
    g->nnodes = kept;
    return 0;
}

int fold_constants(struct model *m, struct err *e)
{
    int rc = fold_graph(m, m->graph, e);

    model_index(m);
    return rc;
}
