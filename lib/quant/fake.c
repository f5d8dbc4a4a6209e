/* fake.c: see fake.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "quant/fake.h"

/* The weight on its grid: the plan's own bytes and a factor a channel, where the axis has one. */
static struct value *grid_weight(struct fake *f, const struct node *n, const struct plan_node *pn)
{
    const struct value *w = n->in[node_weight(n)];
    struct weight_view v = node_weight_view(n);
    struct model *m = f->m;
    struct value *fresh;
    struct constant *c;
    float *factor;

    if (v.groups > 1) { /* channels of a grouped ConvTranspose: no axis */
        float *grid = mem_alloc(pn->nweights * sizeof *grid);

        plan_weight_grid(pn, &v, grid);
        fresh = constant_new(m, w->name, DT_F32, w->shape, grid);
        free(grid);
        return fresh;
    }
    factor = arena_alloc(&m->arena, (size_t)v.channels * sizeof *factor);
    for (int64_t i = 0; i < v.channels; i++)
        factor[i] = pn->scales[pn->nscales == 1 ? 0 : i];
    c = arena_alloc(&m->arena, sizeof *c);
    *c = (struct constant){ .datum = datum_add(m, pn->weight, pn->nweights),
                            .stored = DT_I8,
                            .name = w->constant->name,
                            .factor = factor,
                            .axis = v.axis };
    fresh = value_new(m, w->name, DT_F32, w->shape);
    fresh->constant = c;
    return fresh;
}

static struct value *row(struct model *m, const char *base, enum dtype t, int64_t n,
                         const void *bytes)
{
    return constant_new(m, arena_printf(&m->arena, "%s/%s", base, dtype_name(t)), t,
                        shape_of(1, &n), bytes);
}

/* A copy of n with inputs and attributes of its own. */
static struct node *copy_node(struct model *m, const struct node *n)
{
    struct node *t = arena_copy(&m->arena, n, sizeof *n);

    t->in = arena_copy(&m->arena, n->in, (size_t)n->nin * sizeof *n->in);
    if (n->nattrs > 0)
        t->attrs = arena_copy(&m->arena, n->attrs, (size_t)n->nattrs * sizeof *n->attrs);
    return t;
}

static struct node *float_twin(struct fake *f, const struct node *n, const struct plan_node *pn)
{
    float scale = f->p->tensors[pn->tensor].scale, *bias;
    struct node *t = copy_node(f->m, n);

    t->in[node_weight(n)] = grid_weight(f, n, pn);
    if (pn->nbias == 0)
        return t;
    bias = mem_alloc(pn->nbias * sizeof *bias);
    for (size_t c = 0; c < pn->nbias; c++)
        bias[c] = (float)pn->bias[c] * (scale * pn->scales[pn->nscales == 1 ? 0 : c]);
    node_set_in(f->m, t, node_bias(n), row(f->m, n->name, DT_F32, (int64_t)pn->nbias, bias));
    attr_drop(t, "beta"); /* it is in the bias */
    free(bias);
    return t;
}

/* The operator that computes n in integers (op/quantized.c), or NULL. */
static const struct op *integer_op(const struct node *n, const struct plan_node *pn)
{
    const struct shape *w = &n->in[node_weight(n)]->shape;

    if (pn->nbias == 0 && node_bias_value(n) != NULL)
        return NULL; /* one that is not a constant row */
    switch (n->op->weight) {
    case WEIGHT_CONV:
        return &ops[OP_QCONV];
    case WEIGHT_CONVT:
        return &ops[OP_QCONVTRANSPOSE];
    case WEIGHT_GEMM:
        return attr_int(n, "transA", 0) == 0 && attr_float(n, "alpha", 1) == 1 ? &ops[OP_QPRODUCT]
                                                                               : NULL;
    case WEIGHT_MATMUL:
        return w->rank == 2 ? &ops[OP_QPRODUCT] : NULL;
    default:
        return NULL;
    }
}

static struct node *integer_twin(struct fake *f, const struct node *n, const struct plan_node *pn,
                                 const struct op *op)
{
    const struct plan_tensor *x = &f->p->tensors[pn->tensor];
    const struct value *w = n->in[node_weight(n)];
    struct node *t = copy_node(f->m, n);
    float *scales = mem_alloc((size_t)pn->nscales * sizeof *scales);
    uint8_t zero = (uint8_t)x->zero_point;
    struct value *weight = value_new(f->m, w->name, DT_I8, w->shape);

    weight->constant = arena_alloc(&f->m->arena, sizeof *weight->constant);
    *weight->constant = (struct constant){ .datum = datum_add(f->m, pn->weight, pn->nweights),
                                           .stored = DT_I8,
                                           .name = w->constant->name };
    for (int i = 0; i < pn->nscales; i++)
        scales[i] = x->scale * pn->scales[i];
    t->op = op;
    t->nin = 6;
    t->in = arena_copy(
        &f->m->arena,
        (struct value *[]){
            n->in[0], weight,
            pn->nbias == 0 ? NULL : row(f->m, n->name, DT_I32, (int64_t)pn->nbias, pn->bias),
            row(f->m, n->name, DT_F32, pn->nscales, scales),
            row(f->m, x->name, DT_F32, 1, &x->scale),
            row(f->m, x->name, x->is_signed ? DT_I8 : DT_U8, 1, &zero) },
        6 * sizeof(struct value *));
    free(scales);
    return t;
}

struct making {
    struct fake *f;
    bool integer;
};

static void make_twins(struct graph *g, void *ctx)
{
    struct making *x = ctx;
    struct fake *f = x->f;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(f->p, n->name);
        const struct op *op;

        if (pn == NULL)
            continue;
        op = x->integer ? integer_op(n, pn) : NULL;
        f->node[pn - f->p->nodes] = n->id;
        f->twins[n->id] = op != NULL ? integer_twin(f, n, pn, op) : float_twin(f, n, pn);
    }
}

int fake_init(struct fake *f, struct model *m, const struct plan *p, enum chain chain, bool integer,
              struct err *e)
{
    struct making x;
    const struct plan_tensor **carry;

    *f = (struct fake){ .m = m, .p = p, .chain = chain };
    x = (struct making){ f, integer };
    if (strcmp(m->digest, p->model) != 0)
        return err_set(e, "the plan is of model %s, this is model %s", p->model, m->digest);
    if (plan_fits(p, m, e) < 0)
        return -1;
    f->twins = NEW_ARRAY(const struct node *, (size_t)m->nnodes);
    f->node = NEW_ARRAY(int, (size_t)p->nnodes);
    f->grids = NEW_ARRAY(struct snap, (size_t)p->ntensors);
    for (int i = 0; i < p->ntensors; i++) {
        const struct plan_tensor *t = &p->tensors[i];

        f->grids[i] = (struct snap){ t->scale, t->zero_point, t->is_signed ? -128 : 0,
                                     t->is_signed ? 127 : 255 };
    }
    graph_each(m->graph, make_twins, &x);
    carry = chain_find(m, p, chain);
    f->keep = NEW_ARRAY(bool, (size_t)m->nvalues);
    for (int i = 0; i < m->nvalues; i++)
        f->keep[i] = carry[i] != NULL;
    free(carry);
    return 0;
}

void fake_release(struct fake *f)
{
    free(f->twins);
    free(f->node);
    free(f->grids);
    free(f->keep);
    *f = (struct fake){ 0 };
}

void fake_changes(const struct fake *f, const bool *in, struct changes *c)
{
    struct plan part = *f->p;
    const struct plan_tensor **carry;
    const struct snap **snaps = NEW_ARRAY(const struct snap *, (size_t)f->m->nvalues);
    bool *twins = NEW_ARRAY(bool, (size_t)f->m->nnodes);

    part.nodes = NEW_ARRAY(struct plan_node, (size_t)f->p->nnodes);
    part.nnodes = 0;
    for (int i = 0; i < f->p->nnodes; i++)
        if (in == NULL || in[i]) {
            part.nodes[part.nnodes++] = f->p->nodes[i];
            twins[f->node[i]] = true;
        }
    carry = chain_find(f->m, &part, f->chain);
    for (int i = 0; i < f->m->nvalues; i++)
        if (carry[i] != NULL && f->m->values[i]->constant == NULL)
            snaps[i] = &f->grids[carry[i] - f->p->tensors];
    free(part.nodes);
    free(carry);
    *c = (struct changes){ twins, snaps };
}

void fake_changes_release(struct changes *c)
{
    free((void *)c->twins);
    free((void *)c->snaps);
    *c = (struct changes){ 0 };
}
