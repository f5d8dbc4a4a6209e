/* plan.c: see plan.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/wire.h"
#include "op/op.h"
#include "plan.pb-c.h"
#include "quant/plan.h"

void plan_release(struct plan *p)
{
    free(p->tensors);
    free(p->nodes);
    free(p->floats);
    arena_release(&p->arena);
    *p = (struct plan){ 0 };
}

const struct plan_tensor *plan_tensor(const struct plan *p, const char *name)
{
    int lo = 0, hi = p->ntensors;

    while (lo < hi) {
        int mid = (lo + hi) / 2, order = strcmp(p->tensors[mid].name, name);

        if (order == 0)
            return &p->tensors[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const struct plan_node *plan_node(const struct plan *p, const char *name)
{
    for (int i = 0; i < p->nnodes; i++)
        if (strcmp(p->nodes[i].name, name) == 0)
            return &p->nodes[i];
    return NULL;
}

/* Appends bytes at a multiple of 64; returns their offset. */
static uint64_t put_aligned(struct buf *b, const void *p, size_t size)
{
    static const uint8_t zeros[64];
    uint64_t at;

    buf_put(b, zeros, (size_t)(-b->size & 63));
    at = b->size;
    buf_put(b, p, size);
    return at;
}

static void pack_tensor(const struct plan_tensor *t, Dopt__Plan__Tensor *m)
{
    dopt__plan__tensor__init(m);
    m->name = (char *)t->name;
    m->scale = t->scale;
    m->zero_point = t->zero_point;
    m->is_signed = t->is_signed;
    m->min = t->min;
    m->max = t->max;
    m->low = t->low;
    m->high = t->high;
    m->how = (char *)t->how;
    m->clipped = t->clipped;
    m->sqnr = t->sqnr;
    m->n_factor = t->nfactors;
    m->factor = (double *)t->factor;
}

/* Where a weight lies; that of several nodes lies there once. `written`: weight name -> its last node. */
static uint64_t put_weight(struct buf *qdata, const struct plan_node *n,
                           const struct names *written)
{
    const Dopt__Plan__Node *other = names_get(written, n->weight_name);

    return other != NULL && other->weight_size == n->nweights &&
                   memcmp(qdata->data + other->weight_offset, n->weight, n->nweights) == 0
               ? other->weight_offset
               : put_aligned(qdata, n->weight, n->nweights);
}

static void pack_node(const struct plan *p, const struct plan_node *n, Dopt__Plan__Node *m,
                      struct buf *qdata, struct names *written)
{
    dopt__plan__node__init(m);
    m->name = (char *)n->name;
    m->weight_name = (char *)n->weight_name;
    m->input = (char *)n->input;
    m->tensor = (char *)p->tensors[n->tensor].name;
    m->n_weight_scale = (size_t)n->nscales;
    m->weight_scale = (float *)n->scales;
    m->weight_offset = put_weight(qdata, n, written);
    m->weight_size = n->nweights;
    names_put(written, n->weight_name, m);
    m->bias_size = n->nbias * sizeof *n->bias;
    m->bias_offset = n->nbias > 0 ? put_aligned(qdata, n->bias, n->nbias * sizeof *n->bias) : 0;
    m->corrected = n->float_bias != NULL;
    m->float_bias_offset =
        m->corrected ? put_aligned(qdata, n->float_bias, n->nbias * sizeof(float)) : 0;
}

static void pack_float(const struct plan_float *f, Dopt__Plan__Float *m)
{
    dopt__plan__float__init(m);
    m->name = (char *)f->name;
    m->weight_name = (char *)f->weight_name;
    m->why = (char *)f->why;
}

void plan_pack(const struct plan *p, struct buf *plan, struct buf *qdata)
{
    size_t nt = (size_t)p->ntensors, nn = (size_t)p->nnodes, nf = (size_t)p->nfloats;
    Dopt__Plan__Plan msg = DOPT__PLAN__PLAN__INIT;
    Dopt__Plan__Tensor *t = NEW_ARRAY(Dopt__Plan__Tensor, nt),
                       **pt = NEW_ARRAY(Dopt__Plan__Tensor *, nt);
    Dopt__Plan__Node *n = NEW_ARRAY(Dopt__Plan__Node, nn), **pn = NEW_ARRAY(Dopt__Plan__Node *, nn);
    Dopt__Plan__Float *f = NEW_ARRAY(Dopt__Plan__Float, nf),
                      **pf = NEW_ARRAY(Dopt__Plan__Float *, nf);
    struct names written = { 0 };

    for (size_t i = 0; i < nt; i++) {
        pack_tensor(&p->tensors[i], &t[i]);
        pt[i] = &t[i];
    }
    for (size_t i = 0; i < nn; i++) {
        pack_node(p, &p->nodes[i], &n[i], qdata, &written);
        pn[i] = &n[i];
    }
    for (size_t i = 0; i < nf; i++) {
        pack_float(&p->floats[i], &f[i]);
        pf[i] = &f[i];
    }
    msg.model = (char *)p->model;
    msg.config = (char *)p->config;
    msg.options = (char *)p->options;
    msg.n_tensor = nt;
    msg.tensor = pt;
    msg.n_node = nn;
    msg.node = pn;
    msg.n_float_node = nf;
    msg.float_node = pf;
    wire_pack(&msg.base, plan);
    names_release(&written);
    free(t);
    free(pt);
    free(n);
    free(pn);
    free(f);
    free(pf);
}

static int unpack_node(struct plan *p, const Dopt__Plan__Node *m, const uint8_t *qdata,
                       size_t qdatasize, struct err *e)
{
    struct plan_node *n = &p->nodes[p->nnodes++];
    const struct plan_tensor *t = plan_tensor(p, m->tensor);

    if (t == NULL || m->n_weight_scale == 0 || m->n_weight_scale > INT32_MAX ||
        m->weight_offset > qdatasize || m->weight_size > qdatasize - m->weight_offset ||
        m->bias_offset > qdatasize || m->bias_size > qdatasize - m->bias_offset ||
        m->float_bias_offset > qdatasize ||
        (m->corrected && m->bias_size > qdatasize - m->float_bias_offset))
        return err_set(e, "node %s: PLAN and QDATA do not fit", m->name);
    *n = (struct plan_node){ .name = arena_strdup(&p->arena, m->name),
                             .weight_name = arena_strdup(&p->arena, m->weight_name),
                             .input = arena_strdup(&p->arena, m->input),
                             .tensor = (int)(t - p->tensors),
                             .nscales = (int)m->n_weight_scale,
                             .scales = arena_copy(&p->arena, m->weight_scale,
                                                  m->n_weight_scale * sizeof(float)),
                             .weight = (const int8_t *)qdata + m->weight_offset,
                             .nweights = m->weight_size };
    if (m->bias_size > 0) {
        n->bias = arena_copy(&p->arena, qdata + m->bias_offset, m->bias_size);
        n->nbias = m->bias_size / sizeof *n->bias;
        if (m->corrected)
            n->float_bias = arena_copy(&p->arena, qdata + m->float_bias_offset, m->bias_size);
    }
    return 0;
}

int plan_unpack(struct plan *p, const void *plan, size_t plansize, const void *qdata,
                size_t qdatasize, struct err *e)
{
    Dopt__Plan__Plan *m = wire_unpack(&dopt__plan__plan__descriptor, plan, plansize, e);
    int rc = -1;

    *p = (struct plan){ 0 };
    if (m == NULL)
        return -1;
    if (strlen(m->model) >= sizeof p->model || strlen(m->config) >= sizeof p->config) {
        err_set(e, "PLAN section is damaged");
        goto out;
    }
    strcpy(p->model, m->model);
    strcpy(p->config, m->config);
    p->options = arena_strdup(&p->arena, m->options);
    p->tensors = NEW_ARRAY(struct plan_tensor, m->n_tensor);
    p->nodes = NEW_ARRAY(struct plan_node, m->n_node);
    p->floats = NEW_ARRAY(struct plan_float, m->n_float_node);
    for (size_t i = 0; i < m->n_tensor; i++) {
        const Dopt__Plan__Tensor *t = m->tensor[i];

        p->tensors[p->ntensors++] = (struct plan_tensor){ arena_strdup(&p->arena, t->name),
                                                          t->scale,
                                                          t->zero_point,
                                                          t->is_signed,
                                                          t->min,
                                                          t->max,
                                                          t->low,
                                                          t->high,
                                                          arena_strdup(&p->arena, t->how),
                                                          t->clipped,
                                                          t->sqnr,
                                                          NULL,
                                                          0 };
        if (t->n_factor > 0) {
            struct plan_tensor *pt = &p->tensors[p->ntensors - 1];

            pt->factor = arena_copy(&p->arena, t->factor, t->n_factor * sizeof *t->factor);
            pt->nfactors = t->n_factor;
        }
        if (!(t->scale > 0) || t->zero_point < -128 || t->zero_point > 255) {
            err_set(e, "tensor %s: PLAN section is damaged", t->name);
            goto out;
        }
    }
    for (size_t i = 0; i < m->n_node; i++)
        if (unpack_node(p, m->node[i], qdata, qdatasize, e) < 0)
            goto out;
    for (size_t i = 0; i < m->n_float_node; i++)
        p->floats[p->nfloats++] =
            (struct plan_float){ arena_strdup(&p->arena, m->float_node[i]->name),
                                 arena_strdup(&p->arena, m->float_node[i]->weight_name),
                                 arena_strdup(&p->arena, m->float_node[i]->why) };
    rc = 0;
out:
    dopt__plan__plan__free_unpacked(m, NULL);
    if (rc < 0)
        plan_release(p);
    return rc;
}

void plan_weight_grid(const struct plan_node *n, const struct weight_view *v, float *out)
{
    const int8_t *q = n->weight;

    for (int64_t r = 0; r < weight_runs(v); r++, q += v->inner, out += v->inner) {
        float s = n->scales[n->nscales == 1 ? 0 : weight_channel(v, r)];

        for (int64_t i = 0; i < v->inner; i++)
            out[i] = (float)q[i] * s;
    }
}

struct fit {
    const struct plan *p;
    struct err *e;
    int seen;
    bool bad;
};

static void fit_graph(struct graph *g, void *ctx)
{
    struct fit *f = ctx;

    for (int i = 0; i < g->nnodes && !f->bad; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(f->p, n->name);
        struct weight_view v;

        if (pn == NULL)
            continue;
        v = node_weight_view(n);
        f->seen++;
        if ((int64_t)pn->nweights != shape_count(&n->in[1]->shape) ||
            (pn->nscales != 1 && pn->nscales != v.channels) ||
            (pn->nbias != 0 && ((int64_t)pn->nbias != v.channels || node_bias(n) < 0))) {
            err_set(f->e, "node %s: the plan does not fit it: PLAN is damaged", n->name);
            f->bad = true;
        }
    }
}

int plan_fits(const struct plan *p, const struct model *m, struct err *e)
{
    struct fit f = { .p = p, .e = e };

    graph_each(m->graph, fit_graph, &f);
    if (!f.bad && f.seen != p->nnodes)
        return err_set(e, "the plan names nodes that the model has not: PLAN is damaged");
    return f.bad ? -1 : 0;
}

void plan_show(const struct plan *p, struct buf *out)
{
    buf_printf(out, "plan model %s, config %s\n", p->model, p->config);
    buf_printf(out, "options %s\n", p->options);
    for (int i = 0; i < p->ntensors; i++) {
        const struct plan_tensor *t = &p->tensors[i];

        buf_printf(out,
                   "tensor %s: %s scale %.9g zero_point %d, saw %.9g to %.9g, covers %.9g to %.9g "
                   "(%s, %.4g%% clipped, %.1f dB)\n",
                   t->name, t->is_signed ? "int8" : "uint8", (double)t->scale, t->zero_point,
                   (double)t->min, (double)t->max, (double)t->low, (double)t->high, t->how,
                   100 * t->clipped, t->sqnr);
    }
    for (int i = 0; i < p->nnodes; i++) {
        const struct plan_node *n = &p->nodes[i];

        buf_printf(out, "node %s: weight %s, input %s as %s, %d weight scales %.9g", n->name,
                   n->weight_name, n->input, p->tensors[n->tensor].name, n->nscales,
                   (double)n->scales[0]);
        buf_printf(out, n->nscales > 1 ? " …%s\n" : "%s\n",
                   n->float_bias != NULL ? ", corrected int32 bias"
                   : n->nbias > 0        ? ", int32 bias"
                                         : "");
    }
    for (int i = 0; i < p->nfloats; i++)
        buf_printf(out, "float %s: weight %s, %s\n", p->floats[i].name, p->floats[i].weight_name,
                   p->floats[i].why);
}
