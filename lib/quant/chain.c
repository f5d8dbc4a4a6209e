/* chain.c: see chain.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/points.h"
#include "quant/chain.h"

struct search {
    const struct model *m;
    const struct plan *p;
    struct points points;
    const struct plan_tensor **of;     /* what a value could carry */
    const struct plan_tensor **chosen; /* what it does */
    bool *output;
    bool *read, *refused; /* by value id of a root: by a quantized node, by one that stays float */
    enum chain mode;
};

int chain_find_name(const char *name)
{
    static const char *const names[] = { "none", "safe", "all" };

    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* The value a convolution's kernel writes: behind the activation merged into it. */
static const struct value *written(const struct search *s, const struct graph *g,
                                   const struct value *v)
{
    while (s->points.root[v->id] < 0) {
        const struct node *reader = NULL;

        for (int i = 0; i < g->nnodes && reader == NULL; i++)
            if (g->nodes[i]->nin > 0 && g->nodes[i]->in[0] == v)
                reader = g->nodes[i];
        if (reader == NULL || reader->op->point != POINT_ACT)
            break;
        v = reader->out[0];
    }
    return v;
}

/* What quantizable nodes read, whether they are quantized or not. */
static void note_reads(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        int root = node_weight(n) < 0 ? -1 : s->points.root[n->in[0]->id];

        if (root >= 0)
            (plan_node(s->p, n->name) != NULL ? s->read : s->refused)[root] = true;
    }
}

/* A value that only an excluded node would read as integers stays float: its range may be why. */
static bool kept_float(const struct search *s, const struct value *v)
{
    int root = s->points.root[v->id];

    return root >= 0 && s->refused[root] && !s->read[root];
}

static void seed(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nout; i++)
        s->output[g->out[i]->id] = true;
    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = n->op->weight == WEIGHT_NONE ? NULL : plan_node(s->p, n->name);
        const struct value *out;

        if (pn == NULL)
            continue;
        s->chosen[n->in[0]->id] = &s->p->tensors[pn->tensor];
        if (n->op->weight != WEIGHT_CONV)
            continue;
        out = written(s, g, n->out[0]);
        if (!kept_float(s, out))
            s->chosen[out->id] = s->of[out->id];
    }
}

/* All float operands are quantized, and there is one. */
static bool operands_chosen(const struct search *s, const struct node *n)
{
    int chosen = 0;

    for (int i = 0; i < n->nin; i++) {
        const struct value *v = n->in[i];

        if (v == NULL || (v->dtype != DT_F32 && v->dtype != DT_NONE))
            continue;
        if (s->chosen[v->id] == NULL)
            return false;
        chosen++;
    }
    return chosen > 0;
}

static bool same_grid(const struct plan_tensor *a, const struct plan_tensor *b)
{
    return a != NULL && b != NULL && a->scale == b->scale && a->zero_point == b->zero_point;
}

/* Output k of a node in between: does a kernel on integers write it? */
static void extend_output(struct search *s, const struct graph *g, const struct node *n,
                          const struct value *out)
{
    bool moves = n->op->point == POINT_PASS || n->op->point == POINT_PART;
    const struct plan_tensor *t;

    if (out == NULL || s->output[out->id])
        return;
    out = written(s, g, out);
    t = s->of[out->id];
    if (t == NULL || s->output[out->id] || kept_float(s, out))
        return;
    if (moves && n->in[0] != NULL && same_grid(s->chosen[n->in[0]->id], t))
        s->chosen[out->id] = t;
    if (n->op->point == POINT_IO && n->nout == 1 && operands_chosen(s, n) &&
        (s->mode == CHAIN_ALL || t->sqnr >= CHAIN_SAFE_SQNR))
        s->chosen[out->id] = t;
}

static void extend(struct graph *g, void *ctx)
{
    struct search *s = ctx;

    for (int i = 0; i < g->nnodes; i++)
        for (int k = 0; k < g->nodes[i]->nout && g->nodes[i]->op->weight == WEIGHT_NONE; k++)
            extend_output(s, g, g->nodes[i], g->nodes[i]->out[k]);
}

const struct plan_tensor **chain_find(const struct model *m, const struct plan *p, enum chain mode)
{
    size_t n = (size_t)m->nvalues;
    struct search s = { .m = m,
                        .p = p,
                        .mode = mode,
                        .of = NEW_ARRAY(const struct plan_tensor *, n),
                        .chosen = NEW_ARRAY(const struct plan_tensor *, n),
                        .output = NEW_ARRAY(bool, n),
                        .read = NEW_ARRAY(bool, n),
                        .refused = NEW_ARRAY(bool, n) };

    points_find(&s.points, m, false);
    for (size_t i = 0; i < n; i++)
        if (s.points.root[i] >= 0)
            s.of[i] = plan_tensor(p, m->values[s.points.root[i]]->name);
    graph_each(m->graph, note_reads, &s);
    graph_each(m->graph, seed, &s);
    if (mode != CHAIN_NONE)
        graph_each(m->graph, extend, &s);
    points_release(&s.points);
    free(s.of);
    free(s.output);
    free(s.read);
    free(s.refused);
    return s.chosen;
}
