/* gate.c: activations that multiply x by a gate of x; see fusion.h. Ramachandran et al., "Searching for
 * activation functions", 2017 (swish); Howard et al., "Searching for MobileNetV3", 2019 (h-swish).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include <oneapi/dnnl/dnnl_types.h>

#include "op/fusion.h"

const struct node *readers_only(const struct readers *r, int from, const struct value *v)
{
    if (r->uses[v->id] != 1)
        return NULL;
    for (int i = from; i < r->g->nnodes; i++)
        for (int k = 0; k < r->g->nodes[i]->nin; k++)
            if (r->g->nodes[i]->in[k] == v)
                return r->g->nodes[i];
    return NULL; /* read inside a subgraph, or an output */
}

/* The operand of a node of two that is not v. */
static const struct value *other(const struct node *n, const struct value *v)
{
    return n->in[0] == v ? n->in[1] : n->in[0];
}

/* Is v a constant of one element, about x, that widens no shape? */
static bool is_number(const struct model *m, const struct value *v, float x)
{
    float is;

    if (v == NULL || v->constant == NULL || v->dtype != DT_F32 || v->shape.rank > 1 ||
        shape_count(&v->shape) != 1)
        return false;
    constant_f32(m, v, &is);
    return fabsf(is - x) <= 1e-6f * fabsf(x);
}

static bool by_six(const struct readers *r, const struct node *n, const struct value *v)
{
    return (node_is(n, OP_DIV) && n->in[0] == v && is_number(r->m, n->in[1], 6)) ||
           (node_is(n, OP_MUL) && is_number(r->m, other(n, v), 1 / 6.0f));
}

static void add(struct fusion *f, const struct node *n)
{
    f->nodes[f->n++] = n;
}

/* clip(v + 3, 0, 6), and / 6 where that comes before the product; the last value of it, or NULL. */
static const struct value *spelled_gate(struct fusion *f, const struct readers *r, int from,
                                        const struct node *u, const struct value *v, bool *divided)
{
    const struct node *clip, *six;
    struct act a;

    if (!node_is(u, OP_ADD) || !is_number(r->m, other(u, v), 3))
        return NULL;
    clip = readers_only(r, from, u->out[0]);
    if (clip == NULL || clip->op->act == NULL || clip->in[0] != u->out[0] ||
        !clip->op->act(clip, r->m, &a) || a.kind != dnnl_eltwise_clip || a.alpha != 0 ||
        a.beta != 6)
        return NULL;
    add(f, u);
    add(f, clip);
    six = readers_only(r, from, clip->out[0]);
    *divided = six != NULL && by_six(r, six, clip->out[0]);
    if (!*divided)
        return clip->out[0];
    add(f, six);
    return six->out[0];
}

/* The gate that u begins, as an activation of v; its value, or NULL. */
static const struct value *gate_of(struct fusion *f, const struct readers *r, int from,
                                   const struct node *u, const struct value *v, bool *divided)
{
    *divided = true;
    if (node_is(u, OP_SIGMOID)) {
        f->act = (struct act){ dnnl_eltwise_swish, 1, 0 };
    } else if (node_is(u, OP_HARDSIGMOID) &&
               fabsf(attr_float(u, "alpha", 0.2f) - 1 / 6.0f) < 1e-6f &&
               attr_float(u, "beta", 0.5f) == 0.5f) {
        f->act = (struct act){ dnnl_eltwise_hardswish, 0, 0 };
    } else {
        f->act = (struct act){ dnnl_eltwise_hardswish, 0, 0 };
        return spelled_gate(f, r, from, u, v, divided);
    }
    add(f, u);
    return u->out[0];
}

bool gate_find(struct fusion *f, const struct readers *r, int from, const struct value *v)
{
    const struct node *product = NULL, *begin = NULL, *six;
    const struct value *gate;
    bool divided;

    *f = (struct fusion){ 0 };
    if (r->uses[v->id] != 2)
        return false;
    for (int i = from, found = 0; i < r->g->nnodes && found < 2; i++)
        for (int k = 0; k < r->g->nodes[i]->nin; k++)
            if (r->g->nodes[i]->in[k] == v) {
                *(found++ == 0 ? &begin : &product) = r->g->nodes[i];
                break;
            }
    if (product == NULL || product == begin || !node_is(product, OP_MUL))
        return false;
    gate = gate_of(f, r, from, begin, v, &divided);
    if (gate == NULL || readers_only(r, from, gate) != product)
        return false;
    add(f, product);
    if (divided)
        return true;
    six = readers_only(r, from, product->out[0]);
    if (six == NULL || !by_six(r, six, product->out[0]))
        return false;
    add(f, six);
    return true;
}
