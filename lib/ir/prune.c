/* prune.c: what no output needs leaves the model; see model_prune in ir.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

struct prune {
    bool *needed; /* by value id */
    bool *named;  /* by value id: still part of the graph */
    int *datum;   /* old index -> new, -1 gone */
};

static void need(struct prune *p, const struct value *v)
{
    if (v != NULL)
        p->needed[v->id] = true;
}

static bool wanted(const struct prune *p, const struct node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] != NULL && p->needed[n->out[i]->id])
            return true;
    return false;
}

/* Backwards: a graph's outputs, then the inputs of every node that something behind it needs. What
 * a subgraph takes from outside is needed by the node that holds it. */
static void prune_graph(struct prune *p, struct graph *g)
{
    int kept = g->nnodes;

    for (int i = 0; i < g->nout; i++)
        need(p, g->out[i]);
    for (int i = g->nnodes - 1; i >= 0; i--) {
        struct node *n = g->nodes[i];

        if (!wanted(p, n))
            continue;
        for (int k = 0; k < n->nin; k++)
            need(p, n->in[k]);
        for (int a = 0; a < n->nattrs; a++)
            if (n->attrs[a].type == ATTR_GRAPH)
                prune_graph(p, n->attrs[a].graph);
        for (int k = 0; k < n->nout; k++)
            if (n->out[k] != NULL && !p->needed[n->out[k]->id])
                n->out[k] = NULL;
        g->nodes[--kept] = n;
    }
    if (g->nnodes > 0)
        memmove(g->nodes, g->nodes + kept, (size_t)(g->nnodes - kept) * sizeof *g->nodes);
    g->nnodes -= kept;
}

static void name_value(struct prune *p, const struct value *v)
{
    if (v != NULL)
        p->named[v->id] = true;
}

static void name_graph(struct graph *g, void *ctx)
{
    struct prune *p = ctx;

    for (int i = 0; i < g->nin; i++)
        name_value(p, g->in[i]);
    for (int i = 0; i < g->nout; i++)
        name_value(p, g->out[i]);
    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];

        for (int k = 0; k < n->nin; k++)
            name_value(p, n->in[k]);
        for (int k = 0; k < n->nout; k++)
            name_value(p, n->out[k]);
        for (int a = 0; a < n->nattrs; a++)
            name_value(p, n->attrs[a].tensor);
        if (n->bn != NULL) {
            name_value(p, n->bn->gamma);
            name_value(p, n->bn->beta);
            name_value(p, n->bn->mean);
            name_value(p, n->bn->var);
            name_value(p, n->bn->bias);
        }
    }
}

static void compact(struct model *m, const struct prune *p, int keep)
{
    int nvalues = 0, ndata = 0;

    for (int i = 0; i < m->ndata; i++)
        p->datum[i] = i < keep ? 0 : -1;
    for (int i = 0; i < m->nvalues; i++)
        if (p->named[i] && m->values[i]->constant != NULL)
            p->datum[m->values[i]->constant->datum] = 0;
    for (int i = 0; i < m->ndata; i++)
        if (p->datum[i] == 0) {
            m->data[ndata] = m->data[i];
            p->datum[i] = ndata++;
        }
    m->ndata = ndata;
    for (int i = 0; i < m->nvalues; i++) {
        struct value *v = m->values[i];

        if (!p->named[i])
            continue;
        if (v->constant != NULL)
            v->constant->datum = p->datum[v->constant->datum];
        v->id = nvalues;
        m->values[nvalues++] = v;
    }
    m->nvalues = nvalues;
}

void model_prune(struct model *m, int keep)
{
    struct prune p = { NEW_ARRAY(bool, (size_t)m->nvalues), NEW_ARRAY(bool, (size_t)m->nvalues),
                       NEW_ARRAY(int, (size_t)m->ndata) };

    prune_graph(&p, m->graph);
    graph_each(m->graph, name_graph, &p);
    compact(m, &p, keep);
    free(p.needed);
    free(p.named);
    free(p.datum);
    model_index(m);
}
