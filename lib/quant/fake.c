/* fake.c: see fake.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "quant/fake.h"

struct faker {
    struct model *m;
    const struct plan *p;
    const struct plan_tensor *
        *carry;             /* by value id: quantized where it is computed; NULL entries: not */
    struct value **through; /* by value id: the value behind its Q/DQ */
    int nvalues;            /* of the model before */
    struct graph *done;     /* nodes in their new order */
};

static struct value *scalar(struct model *m, const char *base, const char *suffix, enum dtype t,
                            const void *bytes)
{
    return constant_new(m, arena_printf(&m->arena, "%s%s", base, suffix), t, (struct shape){ 0 },
                        bytes);
}

/* Appends Q and DQ of v to graph `to`; returns the value behind them. */
static struct value *add_pair(struct faker *f, struct graph *to, struct value *v,
                              const struct plan_tensor *t)
{
    struct model *m = f->m;
    uint8_t zero = (uint8_t)t->zero_point;
    struct value *scale = scalar(m, v->name, "/scale", DT_F32, &t->scale);
    struct value *z = scalar(m, v->name, "/zero_point", t->is_signed ? DT_I8 : DT_U8, &zero);
    struct value *q =
        value_new(m, arena_printf(&m->arena, "%s/quantized", v->name), z->dtype, v->shape);
    struct value *dq =
        value_new(m, arena_printf(&m->arena, "%s/dequantized", v->name), DT_F32, v->shape);
    struct node *quant =
        node_new(m, &ops[OP_QUANTIZELINEAR], arena_printf(&m->arena, "%s/Q", v->name), 3, 1);
    struct node *dequant =
        node_new(m, &ops[OP_DEQUANTIZELINEAR], arena_printf(&m->arena, "%s/DQ", v->name), 3, 1);

    memcpy(quant->in, (struct value *[]){ v, scale, z }, 3 * sizeof(struct value *));
    memcpy(dequant->in, (struct value *[]){ q, scale, z }, 3 * sizeof(struct value *));
    quant->out[0] = q;
    dequant->out[0] = dq;
    graph_add(m, to, quant);
    graph_add(m, to, dequant);
    return dq;
}

/* The weight as plain floats on the grid, the bias as multiples of its step. */
static void fake_weights(struct faker *f, struct node *n, const struct plan_node *pn)
{
    struct value *w = n->in[node_weight(n)], *fresh;
    struct weight_view v = node_weight_view(n);
    float *grid = mem_alloc(pn->nweights * sizeof *grid), *bias;
    float scale = f->p->tensors[pn->tensor].scale;
    int at = node_bias(n);

    plan_weight_grid(pn, &v, grid);
    fresh = constant_new(f->m, w->name, DT_F32, w->shape, grid);
    fresh->constant->name = w->constant->name;
    n->in[1] = fresh;
    free(grid);
    if (pn->nbias == 0)
        return;
    bias = mem_alloc(pn->nbias * sizeof *bias);
    for (size_t c = 0; c < pn->nbias; c++)
        bias[c] = (float)pn->bias[c] * (scale * pn->scales[pn->nscales == 1 ? 0 : c]);
    node_set_in(f->m, n, at,
                constant_new(f->m, arena_printf(&f->m->arena, "%s/bias", n->name), DT_F32,
                             shape_of(1, (int64_t[]){ (int64_t)pn->nbias }), bias));
    free(bias);
    attr_drop(n, "beta");
}

static void fake_graph(struct faker *f, struct graph *g)
{
    struct graph fresh = { .name = g->name };

    for (int i = 0; i < g->nin; i++)
        if (f->carry[g->in[i]->id] != NULL)
            f->through[g->in[i]->id] = add_pair(f, &fresh, g->in[i], f->carry[g->in[i]->id]);
    for (int i = 0; i < g->nnodes; i++) {
        struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(f->p, n->name);

        if (pn != NULL)
            fake_weights(f, n, pn);
        for (int k = 0; k < n->nin; k++)
            if (n->in[k] != NULL && n->in[k]->id < f->nvalues && f->through[n->in[k]->id] != NULL)
                n->in[k] = f->through[n->in[k]->id];
        for (int a = 0; a < n->nattrs; a++)
            if (n->attrs[a].type == ATTR_GRAPH)
                fake_graph(f, n->attrs[a].graph);
        graph_add(f->m, &fresh, n);
        for (int o = 0; o < n->nout; o++)
            if (n->out[o] != NULL && f->carry[n->out[o]->id] != NULL)
                f->through[n->out[o]->id] = add_pair(f, &fresh, n->out[o], f->carry[n->out[o]->id]);
    }
    for (int i = 0; i < g->nout; i++)
        if (g->out[i]->id < f->nvalues && f->through[g->out[i]->id] != NULL)
            g->out[i] = f->through[g->out[i]->id];
    g->nodes = fresh.nodes;
    g->nnodes = fresh.nnodes;
    g->capnodes = fresh.capnodes;
}

int fake_quantize(struct model *m, const struct plan *p, enum chain chain, struct err *e)
{
    struct faker f = { .m = m, .p = p, .nvalues = m->nvalues };

    if (strcmp(m->digest, p->model) != 0)
        return err_set(e, "the plan is of model %s, this is model %s", p->model, m->digest);
    if (plan_fits(p, m, e) < 0)
        return -1;
    f.through = NEW_ARRAY(struct value *, (size_t)m->nvalues);
    f.carry = chain_find(m, p, chain);
    fake_graph(&f, m->graph);
    model_index(m);
    free(f.through);
    free(f.carry);
    return 0;
}
