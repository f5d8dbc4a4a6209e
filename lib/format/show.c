/* show.c: see show.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/show.h"
#include "onnx/quantized.h"
#include "op/op.h"

enum { VALUES_MAX = 8 }; /* elements of a constant that are printed */

struct show {
    const struct model *m;
    struct buf *out;
    int depth;
};

static void put_type(struct buf *out, const struct value *v)
{
    char text[200];

    if (v->dtype != DT_F32)
        buf_printf(out, ":%s", v->dtype == DT_NONE ? "?" : dtype_name(v->dtype));
    buf_printf(out, "[%s]", shape_text(&v->shape, text));
}

/* x[1x3x32x32], axes:int64[2]{2,3} */
static void put_value(const struct show *s, const struct value *v)
{
    int64_t ints[VALUES_MAX];
    int n;

    if (v == NULL) {
        buf_str(s->out, "-");
        return;
    }
    buf_str(s->out, v->name);
    put_type(s->out, v);
    if (v->constant != NULL && v->constant->factor != NULL)
        buf_str(s->out, "*");
    if (constant_ints(s->m, v, ints, VALUES_MAX, &n)) {
        for (int i = 0; i < n; i++)
            buf_printf(s->out, "%s%" PRId64, i ? "," : "{", ints[i]);
        buf_str(s->out, n ? "}" : "{}");
    } else if (v->constant != NULL && v->dtype == DT_F32 && shape_count(&v->shape) == 1) {
        float f;

        constant_f32(s->m, v, &f);
        buf_printf(s->out, "{%.9g}", (double)f);
    }
}

static void put_list(const struct show *s, struct value *const *v, int n)
{
    for (int i = 0; i < n; i++) {
        buf_str(s->out, i ? ", " : "");
        put_value(s, v[i]);
    }
}

static void put_attr(const struct show *s, const struct attr *a)
{
    buf_printf(s->out, " %s=", a->name);
    switch (a->type) {
    case ATTR_INT:
        buf_printf(s->out, "%" PRId64, a->i);
        break;
    case ATTR_FLOAT:
        buf_printf(s->out, "%.9g", (double)a->f);
        break;
    case ATTR_STRING:
        buf_str(s->out, a->s);
        break;
    case ATTR_TENSOR:
        put_value(s, a->tensor);
        break;
    case ATTR_GRAPH:
        buf_str(s->out, "{}");
        break;
    default:
        for (int i = 0; i < a->n; i++)
            if (a->type == ATTR_INTS)
                buf_printf(s->out, "%s%" PRId64, i ? "," : "", a->ints[i]);
            else
                buf_printf(s->out, "%s%.9g", i ? "," : "", (double)a->floats[i]);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct attr *const *)a)->name, (*(const struct attr *const *)b)->name);
}

static void put_graph(struct show *s, const struct graph *g);

static void put_node(struct show *s, const struct node *n)
{
    const struct attr **sorted = NEW_ARRAY(const struct attr *, (size_t)n->nattrs);

    buf_printf(s->out, "%*snode %s: ", 2 * s->depth, "", n->name);
    put_list(s, n->out, n->nout);
    buf_printf(s->out, " = %s(", n->op->name);
    put_list(s, n->in, n->nin);
    buf_str(s->out, ")");
    for (int i = 0; i < n->nattrs; i++)
        sorted[i] = &n->attrs[i];
    qsort(sorted, (size_t)n->nattrs, sizeof *sorted, by_name);
    for (int i = 0; i < n->nattrs; i++)
        put_attr(s, sorted[i]);
    if (node_weight(n) >= 0)
        buf_printf(s->out, "; weight %s", n->in[node_weight(n)]->constant->name);
    if (n->source >= 0)
        buf_printf(s->out, "; source %d", n->source);
    for (int i = 0; i < n->nabsorbed && n->source >= 0; i++)
        buf_printf(s->out, "+%d", n->absorbed[i]);
    if (n->bn != NULL)
        buf_str(s->out, "; batchnorm folded");
    buf_str(s->out, "\n");
    s->depth++;
    for (int i = 0; i < n->nattrs; i++)
        if (sorted[i]->type == ATTR_GRAPH) {
            buf_printf(s->out, "%*sgraph %s\n", 2 * s->depth, "", sorted[i]->name);
            s->depth++;
            put_graph(s, sorted[i]->graph);
            s->depth--;
        }
    s->depth--;
    free(sorted);
}

static void put_graph(struct show *s, const struct graph *g)
{
    for (int i = 0; i < g->nin; i++) {
        buf_printf(s->out, "%*sinput ", 2 * s->depth, "");
        put_value(s, g->in[i]);
        buf_str(s->out, "\n");
    }
    for (int i = 0; i < g->nout; i++) {
        buf_printf(s->out, "%*soutput ", 2 * s->depth, "");
        put_value(s, g->out[i]);
        buf_str(s->out, "\n");
    }
    for (int i = 0; i < g->nnodes; i++)
        put_node(s, g->nodes[i]);
}

static const char *framework_name(enum framework f)
{
    switch (f) {
    case FRAMEWORK_TENSORFLOW:
        return "TensorFlow";
    case FRAMEWORK_PYTORCH:
        return "PyTorch";
    case FRAMEWORK_ONNX:
        return "ONNX";
    default:
        return "unknown";
    }
}

void model_show(const struct model *m, struct buf *out)
{
    struct show s = { .m = m, .out = out };

    buf_printf(out, "model from %s, %d nodes, digest %s\n", framework_name(m->framework), m->nnodes,
               m->digest);
    for (int i = 0; i < m->nlinks; i++)
        buf_printf(out, "link %s, %zu bytes\n", m->links[i].path, m->links[i].blob.size);
    put_graph(&s, m->graph);
    onnx_quantized(m, out);
}

static void put_names(struct graph *g, void *ctx)
{
    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];

        if (node_weight(n) >= 0)
            buf_printf(ctx, "%s\t%s\n", n->name, n->in[node_weight(n)]->constant->name);
    }
}

void model_show_names(const struct model *m, struct buf *out)
{
    graph_each(m->graph, put_names, out);
}
