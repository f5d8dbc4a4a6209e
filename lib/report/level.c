/* level.c: see level.h; the factors are those of quant/equalize.h, as the plan's tensors keep them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "quant/equalize.h"
#include "quant/weight.h"
#include "report/level.h"

struct leveling {
    struct model *m;
    const struct plan *p;
    struct factors f;
};

bool level_needed(const struct plan *p)
{
    for (int i = 0; i < p->ntensors; i++)
        if (p->tensors[i].factor != NULL)
            return true;
    return false;
}

/* The factors of a tensor, on the way up to the node that writes it (behind it a ReLU or Clip at most). */
static void note_factors(struct leveling *l, const struct value *v, const double *factor)
{
    while (v != NULL && l->f.of[v->id] == NULL) {
        l->f.of[v->id] = factor;
        if (v->producer == NULL || v->producer->op->weight != WEIGHT_NONE)
            return;
        v = v->producer->in[0];
    }
}

static void note_graph(struct graph *g, void *ctx)
{
    struct leveling *l = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(l->p, n->name);
        const struct plan_tensor *t = pn == NULL ? NULL : &l->p->tensors[pn->tensor];
        int64_t area;

        if (t != NULL && t->factor != NULL && weight_inputs(n, &area) == (int64_t)t->nfactors)
            note_factors(l, n->in[0], t->factor);
    }
}

static struct value *fresh(struct leveling *l, const struct value *old, struct shape shape,
                           const float *data)
{
    struct value *v = constant_new(l->m, old->name, DT_F32, shape, data);

    v->constant->name = old->constant->name;
    return v;
}

static void level_graph(struct graph *g, void *ctx)
{
    struct leveling *l = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        struct node *n = g->nodes[i];
        const struct value *w, *b = node_bias_value(n);
        int64_t channels;
        float *weight, *bias;
        bool has_bias;

        if (node_weight(n) < 0 || plan_node(l->p, n->name) == NULL ||
            (l->f.of[n->in[0]->id] == NULL && l->f.of[n->out[0]->id] == NULL))
            continue;
        w = n->in[node_weight(n)];
        channels = node_weight_view(n).channels;
        weight = mem_alloc((size_t)shape_count(&w->shape) * sizeof *weight);
        bias = mem_alloc((size_t)channels * sizeof *bias);
        constant_f32(l->m, w, weight);
        has_bias = bias_read(l->m, n, channels, bias);
        equalize_weight(&l->f, n, weight);
        n->in[node_weight(n)] = fresh(l, w, w->shape, weight);
        if (has_bias) {
            equalize_bias(&l->f, n, channels, bias);
            node_set_in(l->m, n, node_bias(n), fresh(l, b, shape_of(1, &channels), bias));
            attr_drop(n, "beta"); /* it is in the bias */
        }
        free(weight);
        free(bias);
    }
}

void level_model(struct model *m, const struct plan *p)
{
    struct leveling l = { m, p, factors_none(m) };

    if (level_needed(p)) {
        graph_each(m->graph, note_graph, &l);
        graph_each(m->graph, level_graph, &l);
    }
    factors_release(&l.f);
}
