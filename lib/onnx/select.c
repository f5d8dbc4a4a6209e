/* select.c: what the command line asks of a model: --out_nodes and --input_shape.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "onnx/context.h"

struct wish {
    struct import *c;
    const Onnx__GraphProto *g;
    const char **names;
    int n, cap;
};

static void add(struct wish *w, const char *name)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->names[i], name) == 0)
            return;
    GROW(w->names, w->n, w->cap);
    w->names[w->n++] = name;
}

static bool is_tensor(const struct wish *w, const char *name)
{
    for (size_t i = 0; i < w->g->n_node; i++)
        for (size_t k = 0; k < w->g->node[i]->n_output; k++)
            if (strcmp(w->g->node[i]->output[k], name) == 0)
                return true;
    for (size_t i = 0; i < w->g->n_input; i++)
        if (w->g->input[i]->name != NULL && strcmp(w->g->input[i]->name, name) == 0)
            return true;
    return false;
}

/* A tensor of that name, else all outputs of the node of that name. */
static int find(struct wish *w, const char *name)
{
    struct suggest s = { .wanted = name };
    int before = w->n;

    if (is_tensor(w, name)) {
        add(w, name);
        return 0;
    }
    for (size_t i = 0; i < w->g->n_node; i++) {
        const Onnx__NodeProto *p = w->g->node[i];

        for (size_t k = 0; k < p->n_output; k++) {
            if (p->name != NULL && strcmp(p->name, name) == 0 && *p->output[k] != '\0')
                add(w, p->output[k]);
            suggest_offer(&s, p->output[k]);
        }
        if (p->name != NULL && *p->name != '\0')
            suggest_offer(&s, p->name);
    }
    if (w->n > before)
        return 0;
    return import_fail(w->c, "--out_nodes: no node or tensor '%s'%s", name, suggest_text(&s));
}

const char **select_outputs(struct import *c, const struct out_nodes *o, int *n)
{
    struct wish w = { .c = c, .g = c->model->graph };

    if (o != NULL)
        for (int i = 0; i < o->n; i++)
            if (find(&w, o->names[i]) < 0) {
                free(w.names);
                return NULL;
            }
    for (size_t i = 0; w.n == 0 && i < w.g->n_output; i++) {
        if (w.g->output[i]->name == NULL || *w.g->output[i]->name == '\0') {
            import_fail(c, "graph output %zu has no name", i);
            free(w.names);
            return NULL;
        }
    }
    if (w.n == 0)
        for (size_t i = 0; i < w.g->n_output; i++)
            add(&w, w.g->output[i]->name);
    if (w.n == 0) {
        import_fail(c, "the model has no outputs: name some with --out_nodes");
        return NULL;
    }
    *n = w.n;
    return w.names;
}

static int merge(struct import *c, struct value *v, const struct shape *want)
{
    char a[200], b[200];
    bool fits = v->shape.rank < 0 || v->shape.rank == want->rank;

    for (int i = 0; fits && i < v->shape.rank; i++)
        fits = v->shape.dim[i] < 0 || want->dim[i] < 0 || v->shape.dim[i] == want->dim[i];
    if (!fits)
        return import_fail(c, "--input_shape: %s: %s does not fit the model's %s", v->name,
                           shape_text(want, a), shape_text(&v->shape, b));
    if (v->shape.rank < 0)
        v->shape = *want;
    for (int i = 0; i < v->shape.rank; i++)
        if (v->shape.dim[i] < 0)
            v->shape.dim[i] = want->dim[i];
    return 0;
}

/* "a, b, c", the first few. */
static const char *input_names(struct import *c, const struct graph *g)
{
    const char *names = "";

    for (int i = 0; i < g->nin && i < 8; i++)
        names = arena_printf(&c->m->arena, "%s%s'%s'", names, i == 0 ? "" : ", ", g->in[i]->name);
    return g->nin > 8 ? arena_printf(&c->m->arena, "%s, …", names) : names;
}

/* Inputs that are named come first, in the order they are named: config.prototxt's blocks follow
 * it. */
int select_shapes(struct import *c, const struct shapes *s)
{
    struct graph *g = c->m->graph;

    for (int i = 0; s != NULL && i < s->n; i++) {
        struct value *v = NULL;
        int k;

        for (k = 0; k < g->nin && v == NULL; k++)
            if (strcmp(g->in[k]->name, s->items[i].name) == 0)
                v = g->in[k];
        if (v == NULL)
            return import_fail(c, "--input_shape: no input '%s'; the model's: %s", s->items[i].name,
                               input_names(c, g));
        if (k - 1 < i)
            return import_fail(c, "--input_shape: input '%s' twice", v->name);
        if (merge(c, v, &s->items[i].shape) < 0)
            return -1;
        memmove(g->in + i + 1, g->in + i, (size_t)(k - 1 - i) * sizeof *g->in);
        g->in[i] = v;
    }
    return 0;
}
