/* graph.c: GraphProto and NodeProto to struct graph and struct node. A name is looked up in its own
 * graph first, then outwards; values are unique in the model, so that a subgraph's captured values
 * are simply the outer ones.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/context.h"
#include "onnx/order.h"
#include "onnx/sequence.h"
#include "op/op.h"

int import_fail(struct import *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(c->err, ERR_INPUT, fmt, ap);
    va_end(ap);
    c->failed = true;
    return -1;
}

struct value *import_value(struct import *c, const char *name, enum dtype dtype, struct shape shape)
{
    return value_new(c->m, names_unique(&c->used, &c->m->arena, name), dtype, shape);
}

struct value *import_ints(struct import *c, const struct node *n, const char *what,
                          const int64_t *v, int count)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", n->name, what);

    return constant_new(c->m, names_unique(&c->used, &c->m->arena, name), DT_I64,
                        shape_of(1, (int64_t[]){ count }), v);
}

struct value *import_float(struct import *c, const struct node *n, const char *what, float v)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", n->name, what);

    return constant_new(c->m, names_unique(&c->used, &c->m->arena, name), DT_F32, shape_of(0, NULL),
                        &v);
}

/* Stands for something unsupported, so that the rest of the model can be looked at. */
static struct value *placeholder(struct import *c, const char *name)
{
    return import_value(c, name, DT_NONE, shape_unknown());
}

/* The value behind a name, or NULL with the error set. Initializers become values when first read.
 */
static struct value *find_value(struct import *c, const struct scope *s, const char *name,
                                const char *reader)
{
    for (; s != NULL; s = s->outer) {
        struct value *v = names_get(&s->values, name);
        const Onnx__TensorProto *t = v != NULL ? NULL : names_get(&s->initializers, name);

        if (t != NULL) {
            v = import_tensor(c, t, name);
            if (c->failed)
                return NULL;
            if (v == NULL)
                v = placeholder(c, name);
            names_put((struct names *)&s->values, name, v);
        }
        if (v != NULL)
            return v;
    }
    import_fail(c, "%s reads '%s', which nothing writes", reader, name);
    return NULL;
}

/* An output's value, with the type that the file declares (inference may know better). */
static struct value *define(struct import *c, struct scope *s, const char *name)
{
    enum dtype dtype;
    struct shape shape;
    struct value *v;

    if (names_get(&s->values, name) != NULL) {
        import_fail(c, "'%s' is written twice", name);
        return NULL;
    }
    import_type(names_get(&s->types, name), &dtype, &shape);
    v = import_value(c, name, dtype, shape_unknown());
    v->narrow = import_narrow(names_get(&s->types, name));
    names_put(&s->values, name, v);
    return v;
}

static int define_outputs(struct import *c, struct scope *s, struct node *n,
                          const Onnx__NodeProto *p, int maxout)
{
    for (int i = 0; i < n->nout; i++) {
        const char *name = p->output[i];

        if (*name == '\0' || names_get(&c->read, name) == NULL)
            continue;
        if (i >= maxout)
            issues_add(&c->issues, "node %s: %s: output %d", n->name, p->op_type, i);
        n->out[i] = define(c, s, name);
        if (n->out[i] == NULL)
            return -1;
    }
    n->nout = n->nout > maxout ? maxout : n->nout;
    return 0;
}

/* Constant's attribute as a value; NULL if unsupported (noted) or c->failed. */
static struct value *constant_value(struct import *c, const Onnx__NodeProto *p, const char *node)
{
    const Onnx__AttributeProto *a = p->n_attribute > 0 ? p->attribute[0] : NULL;
    const char *name = a == NULL || a->name == NULL ? "" : a->name, *out = p->output[0];
    const char *unique;

    if (strcmp(name, "value") == 0 && a->t != NULL)
        return import_tensor(c, a->t, out);
    if (strncmp(name, "value_int", 9) != 0 && strncmp(name, "value_float", 11) != 0) {
        issues_add(&c->issues, "node %s: Constant: attribute %s", node,
                   *name ? name : "value is missing");
        return NULL;
    }
    unique = names_unique(&c->used, &c->m->arena, out);
    if (strcmp(name, "value_int") == 0)
        return constant_new(c->m, unique, DT_I64, shape_of(0, NULL), &a->i);
    if (strcmp(name, "value_float") == 0)
        return constant_new(c->m, unique, DT_F32, shape_of(0, NULL), &a->f);
    if (strcmp(name, "value_ints") == 0)
        return constant_new(c->m, unique, DT_I64, shape_of(1, (int64_t[]){ (int64_t)a->n_ints }),
                            a->ints);
    return constant_new(c->m, unique, DT_F32, shape_of(1, (int64_t[]){ (int64_t)a->n_floats }),
                        a->floats);
}

static int import_constant(struct import *c, struct scope *s, const Onnx__NodeProto *p,
                           const char *name)
{
    struct value *v;

    if (p->n_output != 1)
        return import_fail(c, "node %s: Constant: %zu outputs", name, p->n_output);
    if (names_get(&s->values, p->output[0]) != NULL)
        return import_fail(c, "'%s' is written twice", p->output[0]);
    v = constant_value(c, p, name);
    if (c->failed)
        return -1;
    names_put(&s->values, p->output[0], v == NULL ? placeholder(c, p->output[0]) : v);
    return 0;
}

static int unknown_operator(struct import *c, struct scope *s, const Onnx__NodeProto *p,
                            const char *name)
{
    const char *type = p->op_type == NULL ? "?" : p->op_type;
    bool local = false;

    for (size_t i = 0; i < c->model->n_functions; i++)
        local |=
            c->model->functions[i]->name != NULL && strcmp(c->model->functions[i]->name, type) == 0;
    if (onnx_standard(p->domain))
        issues_add(&c->issues, "node %s: %s: no such operator", name, type);
    else
        issues_add(&c->issues, "node %s: %s.%s: %s", name, p->domain, type,
                   local ? "model-local functions are not expanded" : "no such operator");
    for (size_t i = 0; i < p->n_output; i++)
        if (*p->output[i] != '\0' && define(c, s, p->output[i]) == NULL)
            return -1;
    return 0;
}

static int import_inputs(struct import *c, struct scope *s, struct node *n,
                         const Onnx__NodeProto *p)
{
    char reader[400];

    snprintf(reader, sizeof reader, "node %.300s", n->name);
    for (int i = 0; i < n->nin; i++) {
        n->in[i] = NULL;
        if (*p->input[i] == '\0')
            continue;
        n->in[i] = find_value(c, s, p->input[i], reader);
        if (n->in[i] == NULL)
            return -1;
        if (sequence_is(c, n->in[i]) && (i > 0 || !sequence_reader(p->op_type)))
            issues_add(&c->issues, "node %s: %s: reads a sequence", n->name, p->op_type);
    }
    while (n->nin > 0 && n->in[n->nin - 1] == NULL)
        n->nin--;
    return 0;
}

static int import_node(struct import *c, struct graph *g, struct scope *s, const Onnx__NodeProto *p,
                       int ordinal)
{
    bool standard = onnx_standard(p->domain) && p->op_type != NULL,
         named = p->name != NULL && *p->name != '\0';
    const struct onnx_op *row = onnx_op_find(p->domain, p->op_type);
    const char *name =
        named ? p->name
              : arena_printf(&c->m->arena, "%s_%d", p->op_type == NULL ? "?" : p->op_type, ordinal);
    struct node *n;
    char why[200];

    name = names_unique(&c->nodes, &c->m->arena, name);
    if (standard && strcmp(p->op_type, "Constant") == 0)
        return import_constant(c, s, p, name);
    if (row == NULL)
        return unknown_operator(c, s, p, name);
    n = node_new(c->m, &ops[row->op], name, (int)p->n_input, (int)p->n_output);
    n->source = ordinal;
    c->ordinal = ordinal + 1; /* of the first node inside */
    if (import_inputs(c, s, n, p) < 0)
        return -1;
    if (import_attrs(c, n, p, row, s) < 0 || define_outputs(c, s, n, p, row->maxout) < 0)
        return -1;
    if (row->upgrade != NULL) {
        int rc = row->upgrade(c, g, n);

        if (rc != 0)
            return rc < 0 ? -1 : 0; /* 1: in the graph already, with nodes around it */
    }
    if (!node_arity(n, why))
        return import_fail(c, "node %s: %s: %s", n->name, p->op_type, why);
    graph_add(c->m, g, n);
    return 0;
}

/* How many nodes a node stands for in ordinals: itself and everything inside it. */
static int span(const Onnx__NodeProto *p)
{
    int n = 1;

    for (size_t a = 0; a < p->n_attribute; a++) {
        const Onnx__AttributeProto *at = p->attribute[a];

        for (size_t i = 0; at->g != NULL && i < at->g->n_node; i++)
            n += span(at->g->node[i]);
        for (size_t k = 0; k < at->n_graphs; k++)
            for (size_t i = 0; i < at->graphs[k]->n_node; i++)
                n += span(at->graphs[k]->node[i]);
    }
    return n;
}

static int import_nodes(struct import *c, struct graph *g, struct scope *s,
                        const Onnx__GraphProto *p, const char *const *outputs, int noutputs)
{
    int n, rc = -1, *order = onnx_order(p, outputs, noutputs, &n, c->err);
    int *ordinals = NEW_ARRAY(int, p->n_node), end = c->ordinal;

    if (order == NULL) {
        c->failed = true;
        goto out;
    }
    for (size_t i = 0; i < p->n_node; i++) {
        ordinals[i] = end;
        end += span(p->node[i]);
    }
    for (int i = 0; i < n; i++)
        if (import_node(c, g, s, p->node[order[i]], ordinals[order[i]]) < 0)
            goto out;
    c->ordinal = end;
    rc = 0;
out:
    free(order);
    free(ordinals);
    return rc;
}

/* Inputs that are not initializers. */
static int import_inputs_of(struct import *c, struct graph *g, struct scope *s,
                            const Onnx__GraphProto *p)
{
    g->in = arena_alloc(&c->m->arena, p->n_input * sizeof *g->in);
    for (size_t i = 0; i < p->n_input; i++) {
        const Onnx__ValueInfoProto *in = p->input[i];
        enum dtype dtype;
        struct shape shape;
        struct value *v;

        if (in->name == NULL || *in->name == '\0')
            return import_fail(c, "graph input %zu has no name", i);
        if (names_get(&s->initializers, in->name) != NULL)
            continue;
        if (names_get(&s->values, in->name) != NULL)
            return import_fail(c, "input '%s' is there twice", in->name);
        if (!import_type(in->type, &dtype, &shape) &&
            (s->outer == NULL || names_get(&c->read, in->name) != NULL))
            issues_add(&c->issues,
                       "input %s: not a tensor of up to %d dims of a type that dopt has", in->name,
                       RANK_MAX);
        v = import_value(c, in->name, dtype, shape);
        v->narrow = import_narrow(in->type);
        names_put(&s->values, in->name, v);
        g->in[g->nin++] = v;
    }
    return 0;
}

int import_graph(struct import *c, struct graph *g, Onnx__GraphProto *p, const struct scope *outer,
                 const char *const *outputs, int noutputs)
{
    struct scope s = { .outer = outer };
    int rc = -1;

    for (size_t i = 0; i < p->n_initializer; i++)
        if (p->initializer[i]->name != NULL)
            names_put(&s.initializers, p->initializer[i]->name, p->initializer[i]);
    for (size_t i = 0; i < p->n_value_info; i++)
        if (p->value_info[i]->name != NULL && p->value_info[i]->type != NULL)
            names_put(&s.types, p->value_info[i]->name, p->value_info[i]->type);
    for (size_t i = 0; i < p->n_output; i++)
        if (p->output[i]->name != NULL && p->output[i]->type != NULL)
            names_put(&s.types, p->output[i]->name, p->output[i]->type);
    if (import_inputs_of(c, g, &s, p) < 0 || import_nodes(c, g, &s, p, outputs, noutputs) < 0)
        goto out;
    g->out = arena_alloc(&c->m->arena, (size_t)noutputs * sizeof *g->out);
    for (int i = 0; i < noutputs; i++) {
        g->out[i] = find_value(c, &s, outputs[i],
                               outer == NULL ? "the output list" : "a subgraph's output list");
        if (g->out[i] == NULL)
            goto out;
        if (sequence_is(c, g->out[i]))
            issues_add(&c->issues, "output %s: is a sequence", outputs[i]);
        g->nout++;
    }
    rc = 0;
out:
    names_release(&s.values);
    names_release(&s.initializers);
    names_release(&s.types);
    return rc;
}
