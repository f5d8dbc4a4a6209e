/* pairs.c: see pairs.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "op/act.h"
#include "op/pairs.h"

struct search {
    struct pairs *p;
    const struct model *m;
    const struct points *points;
    int *uses;
    int *readers; /* by datum: nodes that have it as their weight */
};

/* The only reader of v, in the same graph, or NULL. */
static const struct node *reader(const struct search *s, const struct graph *g,
                                 const struct value *v)
{
    for (int i = 0; i < g->nnodes && s->uses[v->id] == 1; i++)
        for (int k = 0; k < g->nodes[i]->nin; k++)
            if (g->nodes[i]->in[k] == v)
                return g->nodes[i];
    return NULL;
}

static void count_readers(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nnodes; i++)
        if (node_weight(g->nodes[i]) >= 0)
            s->readers[g->nodes[i]->in[1]->constant->datum]++;
}

/* A convolution whose weight is its own. */
static bool is_conv(const struct search *s, const struct node *n)
{
    return node_weight(n) >= 0 && (n->op->weight == WEIGHT_CONV || n->op->weight == WEIGHT_CONVT) &&
           s->readers[n->in[1]->constant->datum] == 1;
}

/* The bias can be rewritten: it is constant, or there is none. */
static bool bias_free(const struct node *n)
{
    const struct value *b = node_bias_value(n);

    return b == NULL ||
           (b->constant != NULL && shape_count(&b->shape) == node_weight_view(n).channels);
}

static int64_t inputs(const struct node *n)
{
    const struct shape *w = &n->in[1]->shape;

    return n->op->weight == WEIGHT_CONVT ? w->dim[0] : w->dim[1] * attr_int(n, "group", 1);
}

static void try_pair(struct search *s, const struct graph *g, const struct node *n)
{
    const struct value *y = n->out[0];
    const struct node *next = reader(s, g, y);
    struct pair p = {
        .from = n, .x = y, .channels = node_weight_view(n).channels, .ceiling = INFINITY
    };
    struct act a;

    if (next != NULL && next->op->act != NULL) { /* merged: nothing quantized lies between */
        if (s->points->root[y->id] >= 0 || !next->op->act(next, s->m, &a) ||
            !act_scales(&a, &p.ceiling))
            return;
        p.x = next->out[0];
        next = reader(s, g, p.x);
    }
    if (next == NULL || !is_conv(s, next) || next->in[0] != p.x || inputs(next) != p.channels ||
        s->points->root[p.x->id] != p.x->id)
        return;
    p.to = next;
    GROW(s->p->list, s->p->n, s->p->cap);
    s->p->list[s->p->n++] = p;
}

static void find(struct graph *g, void *ctx)
{
    for (int i = 0; i < g->nnodes; i++)
        if (is_conv(ctx, g->nodes[i]) && bias_free(g->nodes[i]))
            try_pair(ctx, g, g->nodes[i]);
}

void pairs_find(struct pairs *p, const struct model *m, const struct points *points)
{
    struct search s = { p, m, points, model_uses(m), NEW_ARRAY(int, (size_t)m->ndata) };

    *p = (struct pairs){ 0 };
    graph_each(m->graph, count_readers, &s);
    graph_each(m->graph, find, &s);
    free(s.uses);
    free(s.readers);
}

void pairs_release(struct pairs *p)
{
    free(p->list);
    *p = (struct pairs){ 0 };
}
