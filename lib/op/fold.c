/* fold.c: constant folding: a node whose inputs are all constant becomes its result.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "op/op.h"
#include "op/pack.h"

enum { FOLD_FREE = 1 << 20 }; /* results up to this many bytes are always folded */

static const struct call_ops fold_ops = {
    call_arena_alloc, call_arena_view, call_arena_scratch, NULL, NULL, NULL
};

static bool constant_inputs(const struct node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] != NULL && (n->in[i]->constant == NULL || n->in[i]->constant->factor != NULL))
            return false;
    for (int i = 0; i < n->nattrs; i++)
        if (n->attrs[i].type == ATTR_GRAPH)
            return false;
    return true;
}

/* The user knows a weight by the name of the initializer it came from, whatever was done to it. */
static const char *weight_name(const struct node *n, const struct value *out)
{
    bool same =
        n->op->point == POINT_PASS || n->op->point == POINT_PART || node_is(n, OP_DEQUANTIZELINEAR);

    return n->nin > 0 && n->in[0] != NULL && same ? n->in[0]->constant->name : out->name;
}

/* The index of the bytes at p: those of an input where the result only has another shape. */
static int datum_of(struct model *m, const struct node *n, const void *p, size_t size)
{
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] != NULL) {
            const struct datum *d = &m->data[n->in[i]->constant->datum];

            if (d->p == p && d->size == size)
                return n->in[i]->constant->datum;
        }
    return datum_add(m, p, size);
}

static void make_constant(struct model *m, const struct node *n, struct value *v, struct tensor *t)
{
    if (t->cl) { /* constants are row-major */
        void *rows = arena_alloc(&m->arena, tensor_size(t));

        layout_from_cl(rows, t->data, &t->shape, dtype_size(t->dtype));
        t->data = rows;
        t->cl = false;
    }
    v->dtype = t->dtype;
    v->shape = t->shape;
    v->constant = arena_alloc(&m->arena, sizeof *v->constant);
    v->constant->datum = datum_of(m, n, t->data, tensor_size(t));
    v->constant->stored = t->dtype;
    v->constant->name = weight_name(n, v);
    v->producer = NULL;
}

/* An input as the kernel may read it: half floats are widened, bytes at odd addresses moved. */
static struct tensor input(struct model *m, const struct value *v)
{
    struct tensor t = constant_view(m, v);
    size_t size = tensor_size(&t), elem = dtype_size(t.dtype);

    if (v->constant->stored != v->dtype) {
        t.dtype = DT_F32;
        t.data = arena_alloc(&m->arena, tensor_size(&t));
        constant_f32(m, v, t.data);
    } else if (elem > 1 && (uintptr_t)t.data % elem != 0) {
        t.data = arena_copy(&m->arena, t.data, size);
    }
    return t;
}

/* An Identity of a constant is that constant, bytes and all. */
static bool fold_identity(struct model *m, const struct node *n)
{
    struct value *v = n->out[0];

    if (!node_is(n, OP_IDENTITY) || v == NULL)
        return false;
    v->dtype = n->in[0]->dtype;
    v->shape = n->in[0]->shape;
    v->constant = arena_copy(&m->arena, n->in[0]->constant, sizeof *v->constant);
    v->producer = NULL;
    return true;
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
    struct call c = { .model = m,
                      .node = n,
                      .nin = n->nin,
                      .nout = n->nout,
                      .in = in,
                      .out = out,
                      .infer = true,
                      .state = &state,
                      .state_free = &state_free,
                      .ops = &fold_ops,
                      .packs = packs_new(),
                      .arena = &m->arena,
                      .err = e };
    size_t from = FOLD_FREE, to = 0;
    int rc;

    if (fold_identity(m, n)) {
        packs_free(c.packs);
        return 1;
    }
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] != NULL) {
            ins[i] = input(m, n->in[i]);
            in[i] = &ins[i];
            from += 4 * tensor_size(&ins[i]);
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
    if (rc < 0 && e->status == ERR_UNSUPPORTED)
        return 0; /* infer_model reports it, with all the others */
    if (rc < 0)
        return err_at(e, "node %s: %s", n->name, n->op->name);
    if (to > from)
        return 0;
    for (int i = 0; i < n->nout; i++)
        if (out[i] != NULL)
            make_constant(m, n, n->out[i], &outs[i]);
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
