/* emit.c: see emit.h. A plain copy of the source but for what the plan changes. Filters are permuted back
 * to TensorFlow's order: FRAMEWORKS.md 6 has the rules that make FakeQuant reproduce scale and zero point.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "tf/edit.h"
#include "tf/emit.h"

struct emitter {
    struct edit *d;
    const struct model *m;
    const struct plan *p;
    enum emit_as as;
    struct names written; /* constants of loops that have their values by now */
    struct err *err;
    int rc;
};

static struct place *place_at(struct emitter *x, int ordinal)
{
    return ordinal >= 0 && ordinal < x->d->nplaces ? &x->d->places[ordinal] : NULL;
}

/* The source's node that n is in some iteration of a loop (tf/loop.h names them), or NULL. */
static struct place *loop_place(struct emitter *x, const struct node *n)
{
    char *name = arena_strdup(&x->d->arena, n->name), *end;

    while (n->source < 0 && (end = strrchr(name, '/')) != NULL && end[1] == 'i' &&
           end[2 + strspn(end + 2, "0123456789")] == '\0') {
        struct place *at;

        *end = '\0';
        if ((at = names_get(&x->d->nodes, name)) != NULL)
            return at;
    }
    return NULL;
}

static bool flag(const NodeDef *p, const char *key)
{
    for (size_t i = 0; i < p->n_attr; i++)
        if (p->attr[i]->key != NULL && strcmp(p->attr[i]->key, key) == 0)
            return p->attr[i]->value != NULL && p->attr[i]->value->b;
    return false;
}

/* The planned weight as floats in the order and with the dims that the source's node reads. */
static float *source_weight(struct emitter *x, const struct node *n, const struct plan_node *pn,
                            const NodeDef *s, struct shape *dims)
{
    const struct shape *w = &n->in[1]->shape;
    struct weight_view view = node_weight_view(n);
    float *grid = arena_alloc(&x->d->arena, pn->nweights * sizeof *grid), *out;
    int64_t outer, a, b;

    plan_weight_grid(pn, &view, grid);
    *dims = *w;
    if (w->rank == 4 && n->op->weight != WEIGHT_GEMM && n->op->weight != WEIGHT_MATMUL) {
        int64_t spatial = w->dim[2] * w->dim[3], cin = w->dim[1], cout = w->dim[0];

        out = arena_alloc(&x->d->arena, pn->nweights * sizeof *out);
        for (int64_t o = 0; o < cout; o++) /* (o, i, s) -> (s, i, o) */
            for (int64_t i = 0; i < cin; i++)
                for (int64_t k = 0; k < spatial; k++)
                    out[(k * cin + i) * cout + o] = grid[(o * cin + i) * spatial + k];
        *dims = shape_of(4, (int64_t[]){ w->dim[2], w->dim[3], cin, cout });
        if (strcmp(s->op, "DepthwiseConv2dNative") == 0) {
            dims->dim[2] = attr_int(n, "group", 1);
            dims->dim[3] = cout / dims->dim[2];
        }
        return out;
    }
    if (!flag(s, "transpose_b") && !flag(s, "adj_y"))
        return grid;
    a = w->dim[w->rank - 2];
    b = w->dim[w->rank - 1];
    outer = shape_count(w) / (a * b);
    out = arena_alloc(&x->d->arena, pn->nweights * sizeof *out);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < a; i++)
            for (int64_t k = 0; k < b; k++)
                out[(o * b + k) * a + i] = grid[(o * a + i) * b + k];
    dims->dim[w->rank - 2] = b;
    dims->dim[w->rank - 1] = a;
    return out;
}

static void put_const(struct emitter *x, const struct node *n, const struct plan_node *pn,
                      const NodeDef *reader, NodeDef *own)
{
    int type = n->in[1]->constant->stored == DT_F16    ? 19
               : n->in[1]->constant->stored == DT_BF16 ? 14
                                                       : 1;
    struct shape dims;
    float *v = source_weight(x, n, pn, reader, &dims);

    edit_attr(x->d, own, "value")->tensor = edit_floats(x->d, type, dims.rank, dims.dim, v);
}

/* In a loop that import unrolled the constant alone is written, once for all iterations. */
static int put_loop_weight(struct emitter *x, const struct node *n, const struct plan_node *pn)
{
    struct place *at = loop_place(x, n);
    NodeDef *own = at == NULL || at->p->n_input < 2 || n->in[1]->constant->factor != NULL
                       ? NULL
                       : edit_own_const(x->d, at->p->input[1]);

    if (own == NULL)
        return err_unsupported(
            x->err, "node %s: its weight has no constant of its own in the source: use --to onnx",
            n->name);
    if (names_get(&x->written, own->name) == NULL)
        put_const(x, n, pn, at->p, own);
    names_put(&x->written, own->name, own);
    return 0;
}

/* In the constant's own place where nothing else reads it. */
static void put_weight(struct emitter *x, const struct node *n, const struct plan_node *pn,
                       struct place *at)
{
    NodeDef *own = edit_own_const(x->d, at->p->input[1]), *k;
    struct shape dims;
    float *v;

    if (own != NULL) {
        put_const(x, n, pn, at->p, own);
        return;
    }
    v = source_weight(x, n, pn, at->p, &dims);
    k = edit_const(x->d, arena_printf(&x->d->arena, "%s/dopt_grid", pn->weight_name), dims.rank,
                   dims.dim, v);
    edit_before(x->d, at, k);
    at->p->input[1] = k->name;
}

/* Float biases: corrected, or with int32 rounding where the tensors are quantized too; NULL: none. */
static float *bias_of(struct emitter *x, const struct node *n, const struct plan_node *pn,
                      int64_t *count)
{
    const struct value *b = node_bias_value(n);
    float *v;

    *count = b != NULL ? shape_count(&b->shape) : (int64_t)pn->nbias;
    if (b == NULL && pn->float_bias == NULL)
        return NULL;
    v = arena_alloc(&x->d->arena, (size_t)*count * sizeof *v);
    if (x->as == EMIT_QDQ && pn->bias != NULL)
        for (int64_t c = 0; c < *count; c++)
            v[c] = (float)pn->bias[c] *
                   (x->p->tensors[pn->tensor].scale * pn->scales[pn->nscales == 1 ? 0 : c]);
    else if (pn->float_bias != NULL)
        memcpy(v, pn->float_bias, (size_t)*count * sizeof *v);
    else
        constant_f32(x->m, b, v);
    return v;
}

static void copy_attr(struct edit *d, NodeDef *to, const NodeDef *from, const char *key)
{
    for (size_t i = 0; i < from->n_attr; i++)
        if (from->attr[i]->key != NULL && strcmp(from->attr[i]->key, key) == 0)
            *edit_attr(d, to, key) = *from->attr[i]->value;
}

/* `p` becomes BiasAdd(from, bias), or Identity(from) without one; its name stays. */
static void make_bias(struct emitter *x, struct place *at, NodeDef *p, const NodeDef *conv,
                      const char *from, const float *bias, int64_t count)
{
    NodeDef *k;

    p->n_attr = 0;
    copy_attr(x->d, p, conv, "T");
    p->op = (char *)(bias == NULL ? "Identity" : "BiasAdd");
    p->n_input = bias == NULL ? 1 : 2;
    p->input = arena_alloc(&x->d->arena, 2 * sizeof *p->input);
    p->input[0] = (char *)from;
    if (bias == NULL)
        return;
    copy_attr(x->d, p, conv, "data_format");
    k = edit_const(x->d, arena_printf(&x->d->arena, "%s/dopt_bias", p->name), 1, &count, bias);
    edit_before(x->d, at, k);
    p->input[1] = k->name;
}

/* What import folded into n goes where its last node was; a corrected bias gets a node of its own. */
static int put_bias(struct emitter *x, const struct node *n, const struct plan_node *pn,
                    struct place *at)
{
    int64_t count;
    float *bias = bias_of(x, n, pn, &count);
    struct place *last;
    const char *name;
    NodeDef *p;

    if (n->nabsorbed > 0) {
        last = place_at(x, n->absorbed[n->nabsorbed - 1]);
        if (last == NULL)
            return err_unsupported(
                x->err,
                "node %s: what follows it was folded into it and cannot be written as TensorFlow "
                "has it: use --to onnx",
                n->name);
        make_bias(x, last, last->p, at->p, at->p->name, bias, count);
        return 0;
    }
    if (bias == NULL)
        return 0;
    name = at->p->name;
    at->p->name = (char *)edit_free_name(x->d, arena_printf(&x->d->arena, "%s/dopt_float", name));
    p = edit_new(x->d, "BiasAdd", name, 0, NULL);
    make_bias(x, at, p, at->p, at->p->name, bias, count);
    edit_after(x->d, at, p);
    at->writer = p;
    return 0;
}

static void edit_graph(struct graph *g, void *ctx)
{
    struct emitter *x = ctx;

    for (int i = 0; i < g->nnodes && x->rc == 0; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(x->p, n->name);
        struct place *at;

        if (pn == NULL)
            continue;
        at = place_at(x, n->source);
        if (at == NULL || at->p->n_input < 2)
            x->rc = put_loop_weight(x, n, pn);
        else {
            put_weight(x, n, pn, at);
            x->rc = put_bias(x, n, pn, at);
        }
    }
}

/* ---- activations ---- */

/* The source's tensor that holds v's elements, in whatever order: nodes that import made only move
 * them. NULL if there is none. */
static const char *source_tensor(struct emitter *x, const struct value *v, struct place **at)
{
    while (v != NULL) {
        const struct node *n = v->producer;
        int port = 0;

        if (n == NULL) {
            *at = names_get(&x->d->nodes, v->name);
            return *at == NULL ? NULL : v->name;
        }
        while (port < n->nout && n->out[port] != v)
            port++;
        *at = place_at(x, n->nabsorbed > 0 ? n->absorbed[n->nabsorbed - 1] : n->source);
        if (*at != NULL)
            return port == 0 ? (*at)->name : arena_printf(&x->d->arena, "%s:%d", (*at)->name, port);
        if (n->op->point != POINT_PASS)
            return NULL;
        v = n->in[0];
    }
    return NULL;
}

static bool is_output(const struct model *m, const char *name)
{
    for (int i = 0; i < m->graph->nout; i++)
        if (strcmp(m->graph->out[i]->name, name) == 0)
            return true;
    return false;
}

static char *range_const(struct emitter *x, struct place *at, const char *base, const char *end,
                         float v)
{
    NodeDef *k = edit_const(x->d, arena_printf(&x->d->arena, "%s/%s", base, end), 0, NULL, &v);

    edit_after(x->d, at, k);
    return k->name;
}

/* min = -z s and max = (255 - z) s: exact for scales of 16 bits. An output keeps its name. */
static void fake_quant(struct emitter *x, struct place *at, const char *tensor,
                       const struct plan_tensor *t)
{
    int zero = t->zero_point + (t->is_signed ? 128 : 0);
    const char *colon = strrchr(tensor, ':'), *base, *in[3], *name;
    NodeDef *p;

    base = colon == NULL ? arena_printf(&x->d->arena, "%s/dopt_fq", tensor)
                         : arena_printf(&x->d->arena, "%.*s_%s/dopt_fq", (int)(colon - tensor),
                                        tensor, colon + 1);
    in[1] = range_const(x, at, base, "min", (float)-zero * t->scale);
    in[2] = range_const(x, at, base, "max", (float)(255 - zero) * t->scale);
    if (is_output(x->m, tensor) && colon == NULL) {
        name = tensor;
        in[0] = at->writer->name =
            (char *)edit_free_name(x->d, arena_printf(&x->d->arena, "%s/dopt_float", tensor));
    } else {
        name = edit_free_name(x->d, base);
        in[0] = tensor;
        edit_redirect(x->d, tensor, name);
    }
    p = edit_new(x->d, "FakeQuantWithMinMaxVars", name, 3, in);
    edit_attr(x->d, p, "narrow_range")->has_b = 1;
    {
        Tensorflow__AttrValue *bits = edit_attr(x->d, p, "num_bits");

        bits->has_i = 1;
        bits->i = 8;
    }
    edit_after(x->d, at, p);
}

/* What a quantized node reads out of a loop has its name there: FakeQuant goes behind that. */
static void put_loop_results(struct emitter *x, const struct plan_tensor *const *carry,
                             struct names *done)
{
    const struct graph *g = x->m->graph;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        struct place *at = node_weight(n) < 0 ? NULL : place_at(x, n->source), *from = NULL;
        const char *tensor;

        if (at == NULL || at->p->n_input < 1 || n->in[0] == NULL || carry[n->in[0]->id] == NULL ||
            source_tensor(x, n->in[0], &from) != NULL)
            continue;
        tensor = at->p->input[0];
        from = names_get(&x->d->nodes, tensor);
        if (from == NULL || names_get(done, tensor) != NULL)
            continue;
        names_put(done, tensor, x);
        fake_quant(x, from, tensor, carry[n->in[0]->id]);
    }
}

static void put_activations(struct emitter *x, enum chain chain)
{
    const struct plan_tensor **carry = chain_find(x->m, x->p, chain);
    struct names done = { 0 };

    for (int i = 0; i < x->m->nvalues; i++) {
        struct place *at = NULL;
        const char *tensor = carry[i] == NULL || x->m->values[i]->constant != NULL
                                 ? NULL
                                 : source_tensor(x, x->m->values[i], &at);

        if (tensor == NULL || names_get(&done, tensor) != NULL)
            continue;
        names_put(&done, tensor, x);
        fake_quant(x, at, tensor, carry[i]);
    }
    put_loop_results(x, carry, &done);
    names_release(&done);
    free(carry);
}

/* With --out_nodes the graph ends earlier than its source. */
static bool is_cut(struct emitter *x)
{
    for (int i = 0; i < x->m->graph->nout; i++) {
        const struct place *at = names_get(&x->d->nodes, x->m->graph->out[i]->name);

        if (at == NULL || at->read)
            return true;
    }
    return false;
}

int tf_emit(const struct model *m, const struct plan *p, const struct emit_options *options,
            struct out *o, struct err *e)
{
    const char **outputs = NEW_ARRAY(const char *, (size_t)m->graph->nout + 1);
    struct edit d = { 0 };
    struct emitter x = { .d = &d, .m = m, .p = p, .as = options->as, .err = e };
    bool cut;
    int rc = -1;

    if ((p != NULL && plan_fits(p, m, e) < 0) || edit_open(&d, m, options->as == EMIT_FLOAT, e) < 0)
        goto out;
    cut = is_cut(&x);
    for (int i = 0; i < m->graph->nout; i++)
        outputs[i] = m->graph->out[i]->name;
    if (options->as != EMIT_FLOAT)
        graph_each(m->graph, edit_graph, &x);
    if (x.rc < 0)
        goto out;
    if (options->as == EMIT_QDQ)
        put_activations(&x, options->chain);
    edit_finish(&d, cut ? outputs : NULL, m->graph->nout);
    rc = edit_write(&d, o, e);
out:
    free(outputs);
    names_release(&x.written);
    edit_close(&d);
    return rc;
}
