/* emit.c: see emit.h. Same-framework emission edits a copy of SOURCE: opset, nodes, names, metadata,
 * unknown fields and order stay. Below opset 13 there is no per-channel Q/DQ, and an operator that import
 * spelled out has no node of its own there: then the IR is written.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "onnx/cut.h"
#include "onnx/emit.h"
#include "onnx/qdq.h"
#include "onnx/strip.h"
#include "onnx/write.h"

struct emitter {
    struct edit *d;
    const struct model *m;
    const struct plan *p;
    const struct emit_options *o;
    bool from_ir, cut, damaged;
};

/* The element type that the source has where the value is float32 here. */
static enum dtype source_type(const struct value *v)
{
    return v->narrow != DT_NONE ? v->narrow : DT_F32;
}

/* Takes over the nodes that import folded into n: they go, their last output becomes n's, and n gets
 * the folded bias (which qdq replaces by an int32 one). A row added to a MatMul makes it a Gemm, which a
 * grid, where only weights change, does without. */
static void absorb(struct emitter *x, const struct node *n)
{
    struct edit *d = x->d;
    struct source_node *s = &d->nodes[d->ordinal[n->id]];
    const struct value *b = node_bias_value(n);

    if (n->nabsorbed == 0 || (x->o->as == EMIT_GRID && strcmp(s->proto->op_type, "MatMul") == 0))
        return;
    if (strcmp(s->proto->op_type, "MatMul") == 0)
        s->proto->op_type = (char *)"Gemm";
    for (int i = 0; i < n->nabsorbed; i++)
        d->nodes[n->absorbed[i]].dropped = true;
    s->proto->output[0] = d->nodes[n->absorbed[n->nabsorbed - 1]].proto->output[0];
    if (b != NULL)
        edit_set_input(d, s->proto, node_bias(n),
                       edit_constant(d, edit_name(d, b->constant->name, ""),
                                     source_type(n->in[node_weight(n)]), b->shape.rank,
                                     b->shape.dim,
                                     (struct fresh){ .kind = FRESH_F32, .value = b }));
}

/* Float weights on their int8 grid: in place where the initializer is this node's alone. */
static void grid_weight(struct edit *d, const struct node *n, const struct plan_node *pn)
{
    struct source_node *s = &d->nodes[d->ordinal[n->id]];
    const struct value *w = n->in[node_weight(n)];
    struct fresh data = { .kind = FRESH_GRID, .node = pn, .view = node_weight_view(n) };
    Onnx__TensorProto *own = edit_own_initializer(d, s->proto->input[1]);

    if (own != NULL && edit_find_weight(d, pn, "_grid") == NULL &&
        own->n_dims == (size_t)w->shape.rank &&
        memcmp(own->dims, w->shape.dim, own->n_dims * sizeof *own->dims) == 0)
        edit_refer(d, own, data);
    else
        edit_set_input(d, s->proto, 1,
                       edit_weight(d, pn, "_grid", source_type(w), &w->shape, data));
}

/* A corrected bias takes the place of the node's own. MatMul has none: its row is left as it is. */
static void grid_bias(struct edit *d, const struct node *n, const struct plan_node *pn)
{
    struct source_node *s = &d->nodes[d->ordinal[n->id]];
    const struct value *b = node_bias_value(n);
    int64_t count = (int64_t)pn->nbias;
    const char *base;

    if (pn->float_bias == NULL || strcmp(s->proto->op_type, "MatMul") == 0)
        return;
    base = b != NULL ? b->constant->name : arena_printf(&d->arena, "%s.bias", pn->name);
    edit_set_input(d, s->proto, node_bias(n),
                   edit_constant(d, edit_name(d, base, b != NULL ? "_corrected" : ""),
                                 source_type(n->in[node_weight(n)]), 1, &count,
                                 (struct fresh){ .kind = FRESH_FLOATS, .bytes = pn->float_bias }));
    for (size_t i = 0; i < s->proto->n_attribute; i++) /* beta is in the bias now */
        if (strcmp(s->proto->attribute[i]->name, "beta") == 0)
            s->proto->attribute[i]->f = 1;
}

static void edit_graph(struct graph *g, void *ctx)
{
    struct emitter *x = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(x->p, n->name);

        if (pn == NULL || x->d->ordinal[n->id] < 0)
            continue;
        if (!x->from_ir)
            absorb(x, n);
        if (x->o->as == EMIT_GRID) {
            grid_weight(x->d, n, pn);
            grid_bias(x->d, n, pn);
        } else {
            qdq_weights(x->d, n, x->p, pn);
        }
    }
}

/* Has the source node of that ordinal what n's takes from it? */
static bool in_source(const struct edit *d, int ordinal, size_t nin, size_t nout)
{
    return ordinal >= 0 && ordinal < d->nnodes && d->nodes[ordinal].proto->n_input >= nin &&
           d->nodes[ordinal].proto->n_output >= nout;
}

static void note_source(struct graph *g, void *ctx)
{
    struct emitter *x = ctx;
    struct edit *d = x->d;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        bool fits = n->source < 0 || in_source(d, n->source, node_weight(n) < 0 ? 0 : 2, 1);

        for (int k = 0; k < n->nabsorbed; k++)
            fits = fits && in_source(d, n->absorbed[k], 0, 1);
        x->damaged |= !fits;
        d->ordinal[n->id] = fits && n->source >= 0 ? n->source : -1;
    }
}

static bool stays_float(const struct node *n, const void *ctx)
{
    return n->nabsorbed == 1 && (ctx == NULL || plan_node(ctx, n->name) == NULL);
}

/* float16 tensors cannot be quantized directly before opset 19. */
static bool has_half(const struct model *m)
{
    for (int i = 0; i < m->nvalues; i++)
        if (m->values[i]->narrow != DT_NONE ||
            (m->values[i]->constant != NULL &&
             m->values[i]->constant->stored != m->values[i]->dtype))
            return true;
    return false;
}

struct spelled {
    const struct emitter *x;
    bool found;
};

/* A node with a planned weight that SOURCE has not: import spelled an operator out (onnx/expand.c). */
static void find_spelled(struct graph *g, void *ctx)
{
    struct spelled *s = ctx;
    const struct edit *d = s->x->d;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        int at = n->source < d->nnodes ? n->source : -1;
        const char *type = at < 0 ? "" : d->nodes[at].proto->op_type;

        s->found |= node_weight(n) >= 0 && s->x->p != NULL && plan_node(s->x->p, n->name) != NULL &&
                    strcmp(type, n->op->name) != 0 && strcmp(type, "MatMul") != 0;
    }
}

static bool has_spelled(const struct emitter *x)
{
    struct spelled s = { x, false };

    graph_each(x->m->graph, find_spelled, &s);
    return s.found;
}

static int open_edit(struct emitter *x, struct err *e)
{
    if (x->m->framework == FRAMEWORK_ONNX) {
        if (edit_init(x->d, x->m, x->m->source, x->m->sourcesize, e) < 0)
            return -1;
        x->from_ir = (x->o->as == EMIT_QDQ && (onnx_opset(x->d->proto) < 13 || has_half(x->m))) ||
                     has_spelled(x);
        if (x->from_ir)
            edit_release(x->d);
    } else {
        x->from_ir = true;
    }
    if (x->from_ir)
        return onnx_write(x->d, x->m, stays_float, x->p, e);
    x->d->ordinal = mem_alloc((size_t)x->m->nnodes * sizeof *x->d->ordinal);
    graph_each(x->m->graph, note_source, x);
    if (x->damaged)
        return err_set(e, "MODEL and SOURCE do not fit: the file is damaged");
    x->cut = edit_cut(x->d);
    return 0;
}

static uint64_t datum_size(void *ctx, int64_t datum)
{
    const struct edit *d = ctx;

    return datum < d->m->ndata ? d->m->data[datum].size : d->fresh[datum - d->m->ndata].size;
}

static int datum_put(void *ctx, int64_t datum, struct out *o, struct err *e)
{
    const struct edit *d = ctx;

    (void)e;
    if (datum < d->m->ndata)
        out_put(o, d->m->data[datum].p, d->m->data[datum].size);
    else
        fresh_put(&d->fresh[datum - d->m->ndata], d->m, o);
    return 0;
}

static int fill(const struct edit *d, const uint8_t *bytes, size_t size, struct out *o,
                const char *path, struct err *e)
{
    struct fill f = { .size = datum_size, .put = datum_put, .ctx = (void *)d, .path = path };

    return onnx_fill(o, bytes, size, &f, e);
}

int onnx_emit(const struct model *m, const struct plan *p, const struct emit_options *options,
              struct out *o, const char *path, struct err *e)
{
    struct edit d = { .m = m };
    struct emitter x = { .d = &d, .m = m, .p = p, .o = options };
    const struct plan_tensor **carry = NULL;
    uint8_t *packed = NULL;
    size_t size;
    int rc = -1;

    if ((p != NULL && plan_fits(p, m, e) < 0) || open_edit(&x, e) < 0)
        goto out;
    if (options->as == EMIT_FLOAT && !x.from_ir && !x.cut) { /* byte for byte what came */
        rc = fill(&d, m->source, m->sourcesize, o, path, e);
        goto out;
    }
    if (options->as != EMIT_FLOAT)
        graph_each(m->graph, edit_graph, &x);
    if (options->as == EMIT_QDQ) {
        carry = chain_find(m, p, options->chain);
        qdq_activations(&d, carry);
    }
    edit_apply(&d);
    size = onnx__model_proto__get_packed_size(d.proto);
    packed = mem_alloc(size);
    onnx__model_proto__pack(d.proto, packed);
    rc = fill(&d, packed, size, o, path, e);
out:
    free(packed);
    free(carry);
    edit_release(&d);
    return rc;
}
