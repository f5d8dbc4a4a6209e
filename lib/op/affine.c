/* affine.c: y = x * scale[c] + shift[c] behind a linear operator becomes part of it (DESIGN.md 3).
 *
 * The weight's bytes stay where they are: its constant gets a factor per output channel. The bias
 * is a new constant. What a BatchNorm was made of stays in node->bn.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "op/op.h"

struct affine {
    struct model *m;
    int nvalues;          /* when the pass began: what it makes has one reader */
    int *uses;            /* by value id; folding only takes readers away */
    struct node **reader; /* by value id: a node that reads it */
    struct graph **home;  /* by value id: the graph of that node */
    struct names names;
    struct graph *graph;
};

static void note_readers(struct graph *g, void *ctx)
{
    struct affine *a = ctx;

    for (int i = 0; i < g->nnodes; i++)
        for (int k = 0; k < g->nodes[i]->nin; k++)
            if (g->nodes[i]->in[k] != NULL) {
                a->reader[g->nodes[i]->in[k]->id] = g->nodes[i];
                a->home[g->nodes[i]->in[k]->id] = g;
            }
}

/* The only reader of v in this graph, Identity nodes between passed over and added to `passed`. */
static struct node *only_reader(const struct affine *a, const struct value *v, int *passed,
                                int *npassed, int max)
{
    *npassed = 0;
    for (;;) {
        struct node *n = a->reader[v->id];

        if (a->uses[v->id] != 1 || n == NULL || a->home[v->id] != a->graph)
            return NULL;
        if (!node_is(n, OP_IDENTITY))
            return n;
        if (*npassed == max || n->out[0] == NULL)
            return NULL;
        passed[(*npassed)++] = n->source;
        v = n->out[0];
    }
}

static bool float_constant(const struct value *v, int64_t count)
{
    return v != NULL && v->constant != NULL && v->dtype == DT_F32 &&
           shape_count(&v->shape) == count;
}

static float *floats(const struct affine *a, const struct value *v)
{
    float *f = mem_alloc((size_t)shape_count(&v->shape) * sizeof *f);

    constant_f32(a->m, v, f);
    return f;
}

/* The axis of the weight that one factor per output channel runs along, or -1. */
static int factor_axis(const struct node *n, int64_t *channels)
{
    struct weight_view w;

    if (node_weight(n) < 0 || n->op->weight == WEIGHT_MATMUL)
        return -1;
    w = node_weight_view(n);
    *channels = w.channels;
    if (w.groups == 1)
        return w.axis;
    return w.channels == w.groups && n->in[1]->shape.dim[0] == w.groups ? 0
                                                                        : -1; /* one row a group */
}

/* Whether scales and shifts can go into this node at all. */
static bool takes(const struct node *n, int64_t channels)
{
    const struct value *bias = n->nin > 2 ? n->in[2] : NULL;

    return n->bn == NULL && n->nout == 1 && n->out[0] != NULL &&
           (bias == NULL || float_constant(bias, channels)) && attr_float(n, "beta", 1) == 1;
}

/* A constant operand that is the same everywhere but along the channels of n's output. */
static bool per_channel(const struct node *n, const struct value *c, int64_t channels)
{
    int rank = n->op->weight == WEIGHT_GEMM ? 2 : n->in[1]->shape.rank, at;

    if (c == NULL || c->constant == NULL || c->dtype != DT_F32 || c->shape.rank > rank)
        return false;
    at = c->shape.rank - (rank - 1); /* where dim 1 of the output falls in c */
    for (int i = 0; i < c->shape.rank; i++)
        if (c->shape.dim[i] != 1 && (i != at || c->shape.dim[i] != channels))
            return false;
    return true;
}

static void scale_weight(struct affine *a, struct node *n, int axis, const float *scale,
                         int64_t channels)
{
    struct value *w = n->in[1];
    struct constant *k = arena_copy(&a->m->arena, w->constant, sizeof *k);
    float *factor = arena_copy(&a->m->arena, scale, (size_t)channels * sizeof *factor);

    for (int64_t i = 0; i < channels && k->factor != NULL; i++)
        factor[i] *= k->factor[i];
    k->factor = factor;
    k->axis = axis;
    if (w->id < a->nvalues && a->uses[w->id] > 1) /* others read the weight as it is */
        n->in[1] = w =
            value_new(a->m, names_unique(&a->names, &a->m->arena, w->name), w->dtype, w->shape);
    w->constant = k;
}

static void set_bias(struct affine *a, struct node *n, const float *bias, int64_t channels)
{
    const struct value *old = n->nin > 2 ? n->in[2] : NULL;
    const char *base = old != NULL ? old->name : arena_printf(&a->m->arena, "%s.bias", n->name);
    const char *name = names_unique(&a->names, &a->m->arena, base);
    struct value *v = constant_new(a->m, name, DT_F32, shape_of(1, &channels), bias);

    if (old != NULL)
        v->constant->name = old->constant->name;
    node_set_in(a->m, n, 2, v);
}

/* b * scale + shift, in double; scale NULL = 1. */
static void change_bias(struct affine *a, struct node *n, const double *scale, const double *shift,
                        int64_t channels)
{
    float *bias =
        n->nin > 2 && n->in[2] != NULL ? floats(a, n->in[2]) : NEW_ARRAY(float, (size_t)channels);

    for (int64_t i = 0; i < channels; i++)
        bias[i] = (float)(bias[i] * (scale == NULL ? 1 : scale[i]) + shift[i]);
    set_bias(a, n, bias, channels);
    free(bias);
}

/* n takes over u: its ordinal (after those passed over), its output. */
static void absorb(struct affine *a, struct node *n, struct node *u, const int *passed, int npassed)
{
    int *list = arena_alloc(&a->m->arena, (size_t)(n->nabsorbed + npassed + 1) * sizeof *list);

    if (n->nabsorbed > 0)
        memcpy(list, n->absorbed, (size_t)n->nabsorbed * sizeof *list);
    if (npassed > 0)
        memcpy(list + n->nabsorbed, passed, (size_t)npassed * sizeof *list);
    n->nabsorbed += npassed;
    list[n->nabsorbed++] = u->source;
    n->absorbed = list;
    n->out[0] = u->out[0];
    u->out[0] = NULL; /* nothing needs u any more */
}

static bool fold_batchnorm(struct affine *a, struct node *n, struct node *u, int axis,
                           int64_t channels)
{
    float *p[4], *factor;
    double *scale, *shift, epsilon = attr_float(u, "epsilon", 1e-5f);

    for (int i = 0; i < 4; i++)
        if (!float_constant(u->in[1 + i], channels))
            return false;
    for (int i = 0; i < 4; i++)
        p[i] = floats(a, u->in[1 + i]);
    scale = mem_alloc((size_t)channels * sizeof *scale);
    shift = mem_alloc((size_t)channels * sizeof *shift);
    factor = mem_alloc((size_t)channels * sizeof *factor);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = p[0][c] / sqrt(p[3][c] + epsilon);
        shift[c] = p[1][c] - p[2][c] * scale[c];
        factor[c] = (float)scale[c];
    }
    n->bn = arena_alloc(&a->m->arena, sizeof *n->bn);
    *n->bn = (struct batchnorm){
        u->in[1], u->in[2], u->in[3], u->in[4], n->nin > 2 ? n->in[2] : NULL, (float)epsilon
    };
    scale_weight(a, n, axis, factor, channels);
    change_bias(a, n, scale, shift, channels);
    for (int i = 0; i < 4; i++)
        free(p[i]);
    free(scale);
    free(shift);
    free(factor);
    return true;
}

/* A constant's value for every channel. */
static double *spread(const struct affine *a, const struct value *c, int64_t channels, double sign)
{
    double *d = mem_alloc((size_t)channels * sizeof *d);
    float *f = floats(a, c);

    for (int64_t i = 0; i < channels; i++)
        d[i] = sign * f[shape_count(&c->shape) == 1 ? 0 : i];
    free(f);
    return d;
}

static bool fold_binary(struct affine *a, struct node *n, const struct node *u, int axis,
                        int64_t channels)
{
    const struct value *c = u->in[0]->constant == NULL ? u->in[1] : u->in[0];
    double *d;

    if (u->nin != 2 || n->op->weight == WEIGHT_GEMM || !per_channel(n, c, channels))
        return false;
    if (node_is(u, OP_SUB) && u->in[0] == c)
        return false;
    d = spread(a, c, channels, node_is(u, OP_SUB) ? -1 : 1);
    if (!node_is(u, OP_MUL)) {
        change_bias(a, n, NULL, d, channels);
    } else {
        float *factor = mem_alloc((size_t)channels * sizeof *factor);
        double *zero = NEW_ARRAY(double, (size_t)channels);

        for (int64_t i = 0; i < channels; i++)
            factor[i] = (float)d[i];
        scale_weight(a, n, axis, factor, channels);
        if (n->nin > 2 && n->in[2] != NULL)
            change_bias(a, n, d, zero, channels);
        free(factor);
        free(zero);
    }
    free(d);
    return true;
}

static void fold_graph(struct graph *g, void *ctx)
{
    struct affine *a = ctx;

    a->graph = g;
    for (int i = 0; i < g->nnodes; i++) {
        struct node *n = g->nodes[i], *u;
        int passed[16], npassed, axis;
        int64_t channels;

        while ((axis = factor_axis(n, &channels)) >= 0 && takes(n, channels)) {
            bool done = false;

            u = only_reader(a, n->out[0], passed, &npassed, 16);
            if (u == NULL || u->nout < 1 || u->out[0] == NULL)
                break;
            if (node_is(u, OP_BATCHNORMALIZATION))
                done = fold_batchnorm(a, n, u, axis, channels);
            else if (node_is(u, OP_ADD) || node_is(u, OP_SUB) || node_is(u, OP_MUL))
                done = fold_binary(a, n, u, axis, channels);
            if (!done)
                break;
            absorb(a, n, u, passed, npassed);
        }
    }
}

static bool gone(const struct node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] != NULL)
            return false;
    return true;
}

static void sweep(struct graph *g, void *ctx)
{
    int kept = 0;

    (void)ctx;
    for (int i = 0; i < g->nnodes; i++)
        if (!gone(g->nodes[i]))
            g->nodes[kept++] = g->nodes[i];
    g->nnodes = kept;
}

void fold_affine(struct model *m)
{
    struct affine a = { .m = m, .nvalues = m->nvalues, .uses = model_uses(m) };

    a.reader = NEW_ARRAY(struct node *, (size_t)m->nvalues);
    a.home = NEW_ARRAY(struct graph *, (size_t)m->nvalues);
    for (int i = 0; i < m->nvalues; i++)
        names_put(&a.names, m->values[i]->name, &a);
    graph_each(m->graph, note_readers, &a);
    graph_each(m->graph, fold_graph, &a);
    graph_each(m->graph, sweep, NULL);
    free(a.uses);
    free(a.reader);
    free(a.home);
    names_release(&a.names);
    model_index(m);
}
