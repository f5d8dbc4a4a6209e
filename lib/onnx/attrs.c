/* attrs.c: AttributeProto to struct attr, checked against what the operator's row lists: an
 * attribute that no kernel knows could change the result, so it is not passed over.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "onnx/context.h"

/* The letter of an attribute's type; from its contents where old exporters left the type out. */
static char type_letter(const Onnx__AttributeProto *a)
{
    static const char letters[] = "?fistgFISTG";

    if (a->has_type && a->type > 0)
        return a->type < (int)sizeof letters - 1 ? letters[a->type] : '?';
    return a->has_f       ? 'f'
           : a->has_i     ? 'i'
           : a->has_s     ? 's'
           : a->t != NULL ? 't'
           : a->g != NULL ? 'g'
           : a->n_floats  ? 'F'
           : a->n_ints    ? 'I'
           : a->n_strings ? 'S'
           : a->n_tensors ? 'T'
           : a->n_graphs  ? 'G'
                          : '?';
}

/* Finds "name:" in a list of "name:t" or "name:t=value", where t is one letter or several; NULL if it
 * is not there. */
static const char *spec_find(const char *specs, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = specs; p != NULL && *p != '\0'; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (strncmp(p, name, n) == 0 && p[n] == ':')
            return p + n + 1;
    }
    return NULL;
}

static const char *text(struct import *c, ProtobufCBinaryData s)
{
    return arena_strndup(&c->m->arena, (const char *)s.data, s.len);
}

/* Lists of strings are one string in the IR, joined by spaces. */
static const char *joined(struct import *c, const Onnx__AttributeProto *a)
{
    struct buf b = { 0 };
    const char *s;

    for (size_t i = 0; i < a->n_strings; i++) {
        buf_str(&b, i > 0 ? " " : "");
        buf_put(&b, a->strings[i].data, a->strings[i].len);
    }
    s = arena_strndup(&c->m->arena, (const char *)b.data, b.size);
    buf_release(&b);
    return s;
}

static int subgraph(struct import *c, struct attr *out, const Onnx__AttributeProto *a,
                    struct scope *scope)
{
    const char **outputs = NEW_ARRAY(const char *, a->g->n_output);
    int rc;

    for (size_t i = 0; i < a->g->n_output; i++)
        outputs[i] = a->g->output[i]->name == NULL ? "" : a->g->output[i]->name;
    out->graph = graph_new(c->m, a->g->name == NULL ? out->name : a->g->name);
    rc = import_graph(c, out->graph, a->g, scope, outputs, (int)a->g->n_output);
    free(outputs);
    return rc;
}

static int import_attr(struct import *c, struct node *n, const Onnx__AttributeProto *a, char letter,
                       struct scope *scope)
{
    struct attr out = { .name = a->name };
    struct value *v;

    switch (letter) {
    case 'i':
        attr_set_int(c->m, n, a->name, a->i);
        return 0;
    case 'f':
        attr_set_float(c->m, n, a->name, a->f);
        return 0;
    case 's':
        attr_set_string(c->m, n, a->name, text(c, a->s));
        return 0;
    case 'S':
        attr_set_string(c->m, n, a->name, joined(c, a));
        return 0;
    case 'I':
        attr_set_ints(c->m, n, a->name, a->ints, (int)a->n_ints);
        return 0;
    case 'F':
        out.floats = arena_copy(&c->m->arena, a->floats, a->n_floats * sizeof *a->floats);
        out.n = (int)a->n_floats;
        attr_add(c->m, n, a->name, ATTR_FLOATS)->floats = out.floats;
        n->attrs[n->nattrs - 1].n = out.n;
        return 0;
    case 't':
        if (a->t == NULL)
            return import_fail(c, "node %s: attribute %s has no tensor", n->name, a->name);
        v = import_tensor(c, a->t, arena_printf(&c->m->arena, "%s/%s", n->name, a->name));
        attr_add(c->m, n, a->name, ATTR_TENSOR)->tensor = v;
        return c->failed ? -1 : 0;
    default:
        if (a->g == NULL)
            return import_fail(c, "node %s: attribute %s has no graph", n->name, a->name);
        if (subgraph(c, &out, a, scope) < 0)
            return -1;
        attr_add(c->m, n, a->name, ATTR_GRAPH)->graph = out.graph;
        return 0;
    }
}

int import_attrs(struct import *c, struct node *n, const Onnx__NodeProto *p,
                 const struct onnx_op *row, struct scope *scope)
{
    for (size_t i = 0; i < p->n_attribute; i++) {
        const Onnx__AttributeProto *a = p->attribute[i];
        char letter = type_letter(a);
        const char *spec;

        if (a->name == NULL)
            return import_fail(c, "node %s: an attribute without a name", n->name);
        spec = spec_find(row->attrs, a->name);
        if (c->opset < 6 && strcmp(a->name, "consumed_inputs") == 0)
            continue; /* which inputs could be overwritten, says nothing about results */
        if (spec == NULL || letter == '?' ||
            (memchr(spec, letter, strcspn(spec, " =")) == NULL && a->ref_attr_name == NULL)) {
            issues_add(&c->issues, "node %s: %s: attribute %s%s", n->name, p->op_type, a->name,
                       spec == NULL ? "" : " of this type");
        } else if (spec[strcspn(spec, " =")] == '=' &&
                   a->i != strtoll(strchr(spec, '=') + 1, NULL, 10)) {
            issues_add(&c->issues, "node %s: %s: %s %lld", n->name, p->op_type, a->name,
                       (long long)a->i);
        } else if (import_attr(c, n, a, letter, scope) < 0) {
            return -1;
        }
    }
    return 0;
}
