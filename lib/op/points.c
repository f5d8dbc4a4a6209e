/* points.c: see points.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "op/points.h"

struct search {
    struct points *p;
    const struct model *m;
    int *uses;
    bool *needed, *output;
    bool all;
};

static bool is_float(const struct value *v)
{
    return v != NULL && v->constant == NULL && (v->dtype == DT_F32 || v->dtype == DT_NONE);
}

/* Weights and biases are not activations, whatever else the node reads is. */
static bool is_operand(const struct node *n, int i)
{
    return is_float(n->in[i]) && i != node_weight(n) && i != node_bias(n);
}

/* An activation that its producer takes over: nothing integer ever sees the value between them. */
static bool merged(const struct search *s, const struct node *n)
{
    const struct value *x = n->in[0];
    struct act a;

    return n->op->point == POINT_ACT && is_float(x) && x->producer != NULL && s->uses[x->id] == 1 &&
           !s->output[x->id] &&
           (x->producer->op->point == POINT_IO || x->producer->op->point == POINT_ACT) &&
           n->op->act != NULL && n->op->act(n, s->m, &a);
}

static void mark_outputs(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nout; i++)
        s->output[g->out[i]->id] = true;
}

static void mark_needed(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        bool io = n->op->point == POINT_IO || n->op->point == POINT_ACT;

        for (int k = 0; k < n->nin; k++)
            if ((io || s->all) && is_operand(n, k))
                s->needed[n->in[k]->id] = true;
        for (int k = 0; k < n->nout; k++)
            if ((io || s->all) && is_float(n->out[k]))
                s->needed[n->out[k]->id] = true;
    }
}

/* In graph order: an output that has its input's range points to the input's root. */
static void set_roots(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        const struct value *x = n->nin > 0 ? n->in[0] : NULL;

        for (int k = 0; k < n->nout; k++) {
            bool pass = n->op->point == POINT_PASS && is_float(x) && x->dtype == DT_F32 && !s->all;

            if (is_float(n->out[k]))
                s->p->root[n->out[k]->id] =
                    pass && s->p->root[x->id] >= 0 ? s->p->root[x->id] : n->out[k]->id;
            if (is_float(n->out[k]) && n->op->point == POINT_PART && is_float(x))
                s->p->part[n->out[k]->id] = s->p->root[x->id];
        }
    }
}

static void drop_merged(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nnodes; i++)
        if (!s->all && merged(s, g->nodes[i]))
            s->p->root[g->nodes[i]->in[0]->id] = -1;
}

static void set_axes(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];

        if (node_weight(n) >= 0 && is_float(n->in[0]))
            s->p->axis[n->in[0]->id] = node_channel_axis(n);
    }
}

void points_find(struct points *p, const struct model *m, bool all)
{
    size_t n = (size_t)m->nvalues;
    struct search s = { p, m, model_uses(m), NEW_ARRAY(bool, n), NEW_ARRAY(bool, n), all };

    *p = (struct points){ NEW_ARRAY(int, n), NEW_ARRAY(int, n), NEW_ARRAY(bool, n),
                          NEW_ARRAY(int, n), NEW_ARRAY(bool, n) };
    for (size_t i = 0; i < n; i++) {
        p->root[i] = p->part[i] = -1;
        p->axis[i] = INT_MIN;
    }
    for (int i = 0; i < m->graph->nin; i++)
        if (is_float(m->graph->in[i]))
            p->root[m->graph->in[i]->id] = m->graph->in[i]->id;
    graph_each(m->graph, mark_outputs, &s);
    graph_each(m->graph, mark_needed, &s);
    graph_each(m->graph, set_roots, &s);
    graph_each(m->graph, drop_merged, &s);
    graph_each(m->graph, set_axes, &s);
    for (size_t i = 0; i < n; i++)
        if (s.needed[i] && p->root[i] >= 0)
            p->observed[p->root[i]] = true;
    for (size_t i = 0; i < n; i++) {
        if (p->root[i] >= 0 && !p->observed[p->root[i]])
            p->root[i] = -1;
        p->keep[i] = p->observed[i] || p->axis[i] != INT_MIN;
    }
    free(s.uses);
    free(s.needed);
    free(s.output);
}

void points_release(struct points *p)
{
    free(p->root);
    free(p->part);
    free(p->observed);
    free(p->axis);
    free(p->keep);
    *p = (struct points){ 0 };
}
