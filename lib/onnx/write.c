/* write.c: see write.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "onnx/strip.h"
#include "onnx/write.h"

struct writer {
    struct edit *d;
    const struct model *m;
    bool (*unfold)(const struct node *n, const void *ctx);
    const void *ctx;
    int64_t opset;            /* the source's, at least the IR's, and what its operators need */
    bool *declared;           /* by value id: its initializer is written */
    Onnx__NodeProto **protos; /* by node id */
};

/* Operators of the IR that are newer than its opset. */
static int64_t since(const struct node *n)
{
    switch (n->op->id) {
    case OP_MISH:
    case OP_BITWISEAND:
    case OP_BITWISEOR:
    case OP_BITWISEXOR:
    case OP_BITWISENOT:
    case OP_COL2IM:
    case OP_CENTERCROPPAD:
        return 18;
    case OP_DEFORMCONV:
        return 19;
    case OP_GELU:
    case OP_AFFINEGRID:
        return 20;
    case OP_GROUPNORMALIZATION:
        return 21;
    default:
        return IR_OPSET;
    }
}

static void find_opset(struct graph *g, void *ctx)
{
    int64_t *opset = ctx;

    for (int i = 0; i < g->nnodes; i++)
        *opset = since(g->nodes[i]) > *opset ? since(g->nodes[i]) : *opset;
}

static void *grow(struct writer *w, void *items, size_t *n, void *p)
{
    void **grown = arena_alloc(&w->d->arena, (*n + 1) * sizeof *grown);

    if (items != NULL)
        memcpy(grown, items, *n * sizeof *grown);
    grown[(*n)++] = p;
    return grown;
}

/* An input's or output's declaration: SOURCE's own where there is one, so that free dims stay free. */
static Onnx__ValueInfoProto *declaration(struct writer *w, const Onnx__GraphProto *source,
                                         const struct value *v)
{
    for (size_t i = 0; source != NULL && i < source->n_input; i++)
        if (strcmp(source->input[i]->name, v->name) == 0 && v->dtype != DT_F32)
            return source->input[i];
    for (size_t i = 0; source != NULL && i < source->n_input + source->n_output; i++) {
        Onnx__ValueInfoProto *info =
            i < source->n_input ? source->input[i] : source->output[i - source->n_input];

        if (strcmp(info->name, v->name) != 0)
            continue;
        if (info->type != NULL &&
            info->type->tensor_type != NULL) /* float16 is written as float32 */
            info->type->tensor_type->elem_type = (int32_t)(v->dtype == DT_NONE ? DT_F32 : v->dtype);
        return info;
    }
    return edit_declare(w->d, v->name, v->dtype, &v->shape);
}

static Onnx__TensorProto *constant_proto(struct writer *w, const struct value *v, bool unfolded)
{
    const struct constant *c = v->constant;
    struct fresh f = { .kind = FRESH_BYTES, .bytes = w->m->data[c->datum].p };

    if ((c->factor != NULL && !unfolded) || c->stored != v->dtype)
        f = (struct fresh){ .kind = FRESH_F32, .value = v };
    return edit_tensor(w->d, v->name, v->dtype, v->shape.rank, v->shape.dim, f);
}

static void write_constant(struct writer *w, const struct value *v, bool unfolded)
{
    Onnx__GraphProto *g = w->d->proto->graph;

    if (w->declared[v->id])
        return;
    w->declared[v->id] = true;
    g->initializer = grow(w, g->initializer, &g->n_initializer, constant_proto(w, v, unfolded));
}

static Onnx__GraphProto *write_graph(struct writer *w, const struct graph *g,
                                     Onnx__GraphProto *out);

static void strings_attr(struct writer *w, Onnx__AttributeProto *a, const char *s)
{
    a->type = 8;
    while (*s != '\0') {
        size_t n = strcspn(s, " ");
        ProtobufCBinaryData *grown = arena_alloc(&w->d->arena, (a->n_strings + 1) * sizeof *grown);

        if (a->n_strings > 0)
            memcpy(grown, a->strings, a->n_strings * sizeof *grown);
        grown[a->n_strings++] =
            (ProtobufCBinaryData){ n, (uint8_t *)arena_strndup(&w->d->arena, s, n) };
        a->strings = grown;
        s += n + (s[n] == ' ');
    }
}

static Onnx__AttributeProto *attribute(struct writer *w, const struct attr *from)
{
    Onnx__AttributeProto *a = arena_alloc(&w->d->arena, sizeof *a);

    onnx__attribute_proto__init(a);
    a->name = (char *)from->name;
    a->has_type = 1;
    switch (from->type) {
    case ATTR_INT:
        a->type = 2;
        a->has_i = 1;
        a->i = from->i;
        break;
    case ATTR_FLOAT:
        a->type = 1;
        a->has_f = 1;
        a->f = from->f;
        break;
    case ATTR_STRING:
        if (strcmp(from->name, "activations") == 0) { /* kept as one string, see op/rnn.c */
            strings_attr(w, a, from->s);
            break;
        }
        a->type = 3;
        a->has_s = 1;
        a->s = (ProtobufCBinaryData){ strlen(from->s), (uint8_t *)from->s };
        break;
    case ATTR_INTS:
        a->type = 7;
        a->n_ints = (size_t)from->n;
        a->ints = (int64_t *)from->ints;
        break;
    case ATTR_FLOATS:
        a->type = 6;
        a->n_floats = (size_t)from->n;
        a->floats = (float *)from->floats;
        break;
    case ATTR_TENSOR:
        a->type = 4;
        a->t = constant_proto(w, from->tensor, false);
        break;
    case ATTR_GRAPH:
        a->type = 5;
        a->g = arena_alloc(&w->d->arena, sizeof *a->g);
        onnx__graph_proto__init(a->g);
        write_graph(w, from->graph, a->g);
        break;
    }
    return a;
}

/* The BatchNormalization that import folded, behind the node it was folded into. */
static Onnx__NodeProto *batchnorm_node(struct writer *w, const struct node *n, const char *in,
                                       const char *out)
{
    const struct batchnorm *b = n->bn;
    const struct value *const params[] = { b->gamma, b->beta, b->mean, b->var };
    const char *ins[5] = { in };
    Onnx__NodeProto *p;
    Onnx__AttributeProto *a = arena_alloc(&w->d->arena, sizeof *a);

    for (int i = 0; i < 4; i++) {
        write_constant(w, params[i], false);
        ins[i + 1] = params[i]->name;
    }
    p = edit_node(w->d, "BatchNormalization", edit_name(w->d, n->name, "_bn"), 5, ins, out);
    onnx__attribute_proto__init(a);
    a->name = (char *)"epsilon";
    a->has_type = 1;
    a->type = 1;
    a->has_f = 1;
    a->f = b->epsilon;
    p->attribute = grow(w, p->attribute, &p->n_attribute, a);
    return p;
}

static Onnx__AttributeProto *take_attribute(Onnx__NodeProto *p, const char *name)
{
    for (size_t i = 0; i < p->n_attribute; i++)
        if (strcmp(p->attribute[i]->name, name) == 0) {
            Onnx__AttributeProto *a = p->attribute[i];

            p->attribute[i] = p->attribute[--p->n_attribute];
            return a;
        }
    return NULL;
}

/* What opset 18 and 20 spell differently from the IR. */
static void modernize(struct writer *w, const struct node *n, Onnx__NodeProto *p)
{
    enum op_id id = n->op->id;

    if (w->opset >= 18 && id >= OP_REDUCEMEAN && id <= OP_REDUCELOGSUMEXP && p->n_input == 1) {
        Onnx__AttributeProto *axes = take_attribute(p, "axes");

        if (axes != NULL)
            p->input = grow(
                w, p->input, &p->n_input,
                (void *)edit_constant(w->d, edit_name(w->d, n->name, "_axes"), DT_I64, 1,
                                      (int64_t[]){ (int64_t)axes->n_ints },
                                      (struct fresh){ .kind = FRESH_BYTES, .bytes = axes->ints }));
    }
    if (w->opset >= 18 && id == OP_SPLIT && p->n_input == 1) {
        const struct attr parts = { .name = "num_outputs", .type = ATTR_INT, .i = n->nout };

        p->attribute = grow(w, p->attribute, &p->n_attribute, attribute(w, &parts));
    }
    if (w->opset >= 20 && id == OP_DFT) {
        Onnx__AttributeProto *axis = take_attribute(p, "axis");

        while (axis != NULL && p->n_input < 2)
            p->input = grow(w, p->input, &p->n_input, (void *)"");
        if (axis != NULL)
            p->input = grow(
                w, p->input, &p->n_input,
                (void *)edit_constant(w->d, edit_name(w->d, n->name, "_axis"), DT_I64, 0, NULL,
                                      (struct fresh){ .kind = FRESH_BYTES, .bytes = &axis->i }));
    }
    for (size_t i = 0; i < p->n_attribute && id == OP_GRIDSAMPLE; i++) {
        ProtobufCBinaryData *mode = &p->attribute[i]->s;

        if (w->opset >= 20 && mode->len > 2 && memcmp(mode->data, "bi", 2) == 0) {
            mode->data += 2; /* bilinear, bicubic */
            mode->len -= 2;
        }
    }
}

static void write_node(struct writer *w, const struct node *n, Onnx__GraphProto *g)
{
    bool unfolded = n->bn != NULL && w->unfold(n, w->ctx);
    int bias = node_bias(n), weight = node_weight(n);
    const char *in[n->nin + 1];
    Onnx__NodeProto *p;

    for (int i = 0; i < n->nin; i++) {
        const struct value *v = n->in[i];

        if (unfolded && i == bias)
            v = n->bn->bias;
        in[i] = v == NULL ? "" : v->name;
        if (v != NULL && v->constant != NULL)
            write_constant(w, v, unfolded && i == weight);
    }
    p = edit_node(w->d, n->op->name, n->name, n->nin, in, n->out[0] == NULL ? "" : n->out[0]->name);
    p->output = arena_alloc(&w->d->arena, (size_t)n->nout * sizeof *p->output);
    p->n_output = (size_t)n->nout;
    for (int i = 0; i < n->nout; i++)
        p->output[i] = (char *)(n->out[i] == NULL ? "" : n->out[i]->name);
    while (p->n_input > 0 && p->input[p->n_input - 1][0] == '\0')
        p->n_input--;
    for (int i = 0; i < n->nattrs; i++)
        p->attribute = grow(w, p->attribute, &p->n_attribute, attribute(w, &n->attrs[i]));
    modernize(w, n, p);
    g->node = grow(w, g->node, &g->n_node, p);
    w->protos[n->id] = p;
    if (unfolded) {
        const char *raw = edit_name(w->d, p->output[0], "_before_bn");
        Onnx__NodeProto *bn = batchnorm_node(w, n, raw, p->output[0]);

        p->output[0] = (char *)raw;
        g->node = grow(w, g->node, &g->n_node, bn);
    }
}

static Onnx__GraphProto *write_graph(struct writer *w, const struct graph *g, Onnx__GraphProto *out)
{
    bool main_graph = g == w->m->graph;

    out->name = (char *)g->name;
    for (int i = 0; i < g->nnodes; i++)
        write_node(w, g->nodes[i], out);
    for (int i = 0; i < g->nout; i++)
        if (g->out[i]->constant != NULL)
            write_constant(w, g->out[i], false);
    for (int i = 0; i < g->nin && !main_graph; i++)
        out->input = grow(w, out->input, &out->n_input,
                          edit_declare(w->d, g->in[i]->name, g->in[i]->dtype, &g->in[i]->shape));
    for (int i = 0; i < g->nout && !main_graph; i++) {
        Onnx__ValueInfoProto *info =
            edit_declare(w->d, g->out[i]->name, g->out[i]->dtype, &g->out[i]->shape);

        info->type->tensor_type->shape = NULL;
        out->output = grow(w, out->output, &out->n_output, info);
    }
    return out;
}

int onnx_write(struct edit *d, const struct model *m,
               bool (*unfold)(const struct node *n, const void *ctx), const void *ctx,
               struct err *e)
{
    struct writer w = { d,
                        m,
                        unfold,
                        ctx,
                        IR_OPSET,
                        NEW_ARRAY(bool, (size_t)m->nvalues),
                        NEW_ARRAY(Onnx__NodeProto *, (size_t)m->nnodes) };
    Onnx__OperatorSetIdProto *opset;
    Onnx__GraphProto *source;
    int rc = -1;

    if (m->framework == FRAMEWORK_ONNX) {
        if (edit_init(d, m, m->source, m->sourcesize, e) < 0)
            goto out;
        if (onnx_opset(d->proto) > w.opset)
            w.opset = onnx_opset(d->proto);
    } else {
        *d = (struct edit){ .m = m };
    }
    source = d->proto == NULL ? NULL : d->proto->graph;
    names_release(&d->taken);
    for (int i = 0; i < m->nvalues; i++)
        names_put(&d->taken, m->values[i]->name, d);
    d->proto = arena_alloc(&d->arena, sizeof *d->proto);
    onnx__model_proto__init(d->proto);
    d->proto->has_ir_version = 1;
    d->proto->ir_version = 8;
    d->proto->producer_name = (char *)"dopt";
    opset = arena_alloc(&d->arena, sizeof *opset);
    onnx__operator_set_id_proto__init(opset);
    opset->domain = (char *)"";
    opset->has_version = 1;
    graph_each(m->graph, find_opset, &w.opset);
    opset->version = w.opset;
    d->proto->opset_import = grow(&w, NULL, &d->proto->n_opset_import, opset);
    d->proto->graph = arena_alloc(&d->arena, sizeof *d->proto->graph);
    onnx__graph_proto__init(d->proto->graph);
    for (int i = 0; i < m->graph->nin; i++)
        d->proto->graph->input = grow(&w, d->proto->graph->input, &d->proto->graph->n_input,
                                      declaration(&w, source, m->graph->in[i]));
    for (int i = 0; i < m->graph->nout; i++)
        d->proto->graph->output = grow(&w, d->proto->graph->output, &d->proto->graph->n_output,
                                       declaration(&w, source, m->graph->out[i]));
    write_graph(&w, m->graph, d->proto->graph);
    edit_index(d);
    d->ordinal = NEW_ARRAY(int, (size_t)m->nnodes);
    for (int i = 0; i < d->nnodes; i++)
        for (int id = 0; id < m->nnodes; id++)
            if (w.protos[id] == d->nodes[i].proto)
                d->ordinal[id] = i;
    rc = 0;
out:
    free(w.declared);
    free(w.protos);
    return rc;
}
