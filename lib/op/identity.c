/* identity.c: Identity nodes leave the graph: whoever read their output reads their input.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "op/op.h"

struct aliases {
    const struct model *m;
    struct value **of; /* by value id: what it stands for */
};

static struct value *resolve(const struct aliases *a, struct value *v)
{
    while (v != NULL && a->of[v->id] != v)
        v = a->of[v->id];
    return v;
}

/* The names of the model's outputs are its interface; a subgraph's outputs go by position. */
static bool is_model_output(const struct model *m, const struct value *v)
{
    for (int i = 0; i < m->graph->nout; i++)
        if (m->graph->out[i] == v)
            return true;
    return false;
}

static void find_identities(struct graph *g, void *ctx)
{
    struct aliases *a = ctx;
    int kept = 0;

    for (int i = 0; i < g->nnodes; i++) {
        struct node *n = g->nodes[i];

        if (node_is(n, OP_IDENTITY) && n->out[0] != NULL && !is_model_output(a->m, n->out[0]))
            a->of[n->out[0]->id] = n->in[0];
        else
            g->nodes[kept++] = n;
    }
    g->nnodes = kept;
}

static void rename_readers(struct graph *g, void *ctx)
{
    const struct aliases *a = ctx;

    for (int i = 0; i < g->nnodes; i++)
        for (int k = 0; k < g->nodes[i]->nin; k++)
            g->nodes[i]->in[k] = resolve(a, g->nodes[i]->in[k]);
    for (int i = 0; i < g->nout; i++)
        g->out[i] = resolve(a, g->out[i]);
}

void remove_identities(struct model *m)
{
    struct aliases a = { m, NEW_ARRAY(struct value *, (size_t)m->nvalues) };

    for (int i = 0; i < m->nvalues; i++)
        a.of[i] = m->values[i];
    graph_each(m->graph, find_identities, &a);
    graph_each(m->graph, rename_readers, &a);
    free(a.of);
    model_index(m);
}
