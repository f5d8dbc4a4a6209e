/* qdq.c: see qdq.h. Patterns that ONNX Runtime turns into integer kernels: FRAMEWORKS.md 7; one Q and
 * one DQ a tensor, shared by all its consumers; no node without a name.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "onnx/qdq.h"

static const char *scalar_f32(struct edit *d, const char *name, const float *v)
{
    return edit_constant(
        d, name, DT_F32, 0, NULL,
        (struct fresh){ .kind = FRESH_BYTES, .bytes = arena_copy(&d->arena, v, sizeof *v) });
}

static const char *zero_point(struct edit *d, const char *name, int z, bool is_signed)
{
    uint8_t byte = (uint8_t)z;

    return edit_constant(
        d, name, is_signed ? DT_I8 : DT_U8, 0, NULL,
        (struct fresh){ .kind = FRESH_BYTES, .bytes = arena_copy(&d->arena, &byte, 1) });
}

/* Q and DQ nodes from tensor `from` to tensor `to`, named after `base`. */
static void pair(struct edit *d, struct list *l, const char *base, const char *from, const char *to,
                 const struct plan_tensor *t)
{
    const char *scale = scalar_f32(d, edit_name(d, base, "_scale"), &t->scale);
    const char *zero =
        zero_point(d, edit_name(d, base, "_zero_point"), t->zero_point, t->is_signed);
    const char *q = edit_name(d, base, "_quantized");

    edit_add(d, l,
             edit_node(d, "QuantizeLinear", edit_name(d, base, "_QuantizeLinear"), 3,
                       (const char *[]){ from, scale, zero }, q));
    edit_add(d, l,
             edit_node(d, "DequantizeLinear", edit_name(d, base, "_DequantizeLinear"), 3,
                       (const char *[]){ q, scale, zero }, to));
}

static bool is_output(const struct edit *d, const char *name)
{
    const Onnx__GraphProto *g = d->proto->graph;

    for (size_t i = 0; i < g->n_output; i++)
        if (strcmp(g->output[i]->name, name) == 0)
            return true;
    return false;
}

static void quantize_output(struct edit *d, const struct value *v, const struct plan_tensor *t)
{
    const struct node *n = v->producer;
    struct source_node *s;
    const char *name, *raw;

    for (int i = 0; i < n->nout; i++) {
        if (n->out[i] != v || d->ordinal[n->id] < 0)
            continue;
        s = &d->nodes[d->ordinal[n->id]];
        name = s->proto->output[i];
        raw = edit_name(d, name, "_float");
        pair(d, &s->after, name, raw, name, t);
        s->proto->output[i] = (char *)raw;
    }
}

static void quantize_input(struct edit *d, const struct value *v, const struct plan_tensor *t)
{
    const char *to = edit_name(d, v->name, "_dequantized");

    edit_rename_uses(d, v->name, to);
    pair(d, &d->front, v->name, v->name, to, t);
}

void qdq_activations(struct edit *d, const struct plan_tensor *const *carry)
{
    const struct model *m = d->m;

    for (int i = 0; i < m->nvalues; i++) {
        const struct value *v = m->values[i];

        if (carry[i] == NULL || v->constant != NULL)
            continue;
        if (v->producer != NULL)
            quantize_output(d, v, carry[i]);
        else if (!is_output(d, v->name))
            quantize_input(d, v, carry[i]);
    }
}

/* A DQ before node `s` from int data and its scales; returns what it writes. */
static const char *dequantized(struct edit *d, struct source_node *s, const char *base,
                               const char *q, enum dtype t, const float *scales, int nscales,
                               int axis)
{
    int64_t n = nscales;
    size_t zeros = (size_t)nscales * dtype_size(t);
    const char *scale =
        edit_constant(d, edit_name(d, base, "_scale"), DT_F32, nscales > 1 || axis == 0, &n,
                      (struct fresh){ .kind = FRESH_BYTES, .bytes = scales });
    const char *zero = edit_constant(
        d, edit_name(d, base, "_zero_point"), t, nscales > 1 || axis == 0, &n,
        (struct fresh){ .kind = FRESH_BYTES, .bytes = arena_alloc(&d->arena, zeros) });
    const char *out = edit_name(d, base, "_dequantized");
    Onnx__NodeProto *dq = edit_node(d, "DequantizeLinear", edit_name(d, base, "_DequantizeLinear"),
                                    3, (const char *[]){ q, scale, zero }, out);

    if (nscales > 1 || axis == 0)
        edit_attr_int(d, dq, "axis", axis);
    edit_add(d, &s->before, dq);
    return out;
}

static void weight_dq(struct edit *d, const struct node *n, const struct plan_node *pn,
                      struct source_node *s)
{
    const struct value *w = n->in[node_weight(n)];
    struct weight_view v = node_weight_view(n);
    const char *q;

    /* A grouped ConvTranspose has no axis of these channels; ONNX Runtime's MatMul takes scales a column
     * of matrices only. */
    if (pn->nscales > 1 &&
        (v.groups > 1 || (n->op->weight == WEIGHT_MATMUL && w->shape.rank > 2))) {
        edit_set_input(d, s->proto, 1,
                       edit_weight(d, pn, "_grid", DT_F32, &w->shape,
                                   (struct fresh){ .kind = FRESH_GRID, .node = pn, .view = v }));
        return;
    }
    q = edit_weight(d, pn, "_quantized", DT_I8, &w->shape,
                    (struct fresh){ .kind = FRESH_BYTES, .bytes = pn->weight });
    edit_set_input(d, s->proto, 1,
                   dequantized(d, s, pn->weight_name, q, DT_I8, pn->scales, pn->nscales,
                               pn->nscales > 1 ? v.axis : -1));
}

static void bias_dq(struct edit *d, const struct node *n, const struct plan *p,
                    const struct plan_node *pn, struct source_node *s)
{
    const struct value *b = node_bias_value(n);
    float *scales = arena_alloc(&d->arena, pn->nbias * sizeof *scales);
    int64_t count = (int64_t)pn->nbias;
    const char *base = b != NULL ? b->constant->name : arena_printf(&d->arena, "%s.bias", pn->name),
               *q;

    for (size_t c = 0; c < pn->nbias; c++)
        scales[c] = p->tensors[pn->tensor].scale * pn->scales[pn->nscales == 1 ? 0 : c];
    q = edit_constant(d, edit_name(d, base, "_quantized"), DT_I32, 1, &count,
                      (struct fresh){ .kind = FRESH_BYTES, .bytes = pn->bias });
    edit_set_input(d, s->proto, node_bias(n),
                   dequantized(d, s, base, q, DT_I32, scales, (int)pn->nbias, 0));
    for (size_t i = 0; i < s->proto->n_attribute; i++) /* beta is in the bias now */
        if (strcmp(s->proto->attribute[i]->name, "beta") == 0)
            s->proto->attribute[i]->f = 1;
}

void qdq_weights(struct edit *d, const struct node *n, const struct plan *p,
                 const struct plan_node *pn)
{
    struct source_node *s = &d->nodes[d->ordinal[n->id]];

    weight_dq(d, n, pn, s);
    if (pn->nbias > 0)
        bias_dq(d, n, p, pn, s);
}
