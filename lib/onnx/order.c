/* order.c: see order.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "onnx/order.h"

struct places {
    struct onnx_place *p;
    int n, cap;
};

static void place_graph(struct places *l, Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_node; i++) {
        Onnx__NodeProto *node = g->node[i];

        GROW(l->p, l->n, l->cap);
        l->p[l->n++] = (struct onnx_place){ node, g, i };
        for (size_t a = 0; a < node->n_attribute; a++) {
            if (node->attribute[a]->g != NULL)
                place_graph(l, node->attribute[a]->g);
            for (size_t k = 0; k < node->attribute[a]->n_graphs; k++)
                place_graph(l, node->attribute[a]->graphs[k]);
        }
    }
}

struct onnx_place *onnx_places(Onnx__GraphProto *g, int *n)
{
    struct places l = { 0 };

    place_graph(&l, g);
    *n = l.n;
    return l.p;
}

/* Names that are defined inside the subgraphs being looked at. */
struct inside {
    const struct inside *outer;
    struct names names;
};

static void report(const struct inside *in, const char *name, void (*f)(const char *, void *),
                   void *ctx)
{
    if (name == NULL || *name == '\0')
        return;
    for (; in != NULL; in = in->outer)
        if (names_get(&in->names, name) != NULL)
            return;
    f(name, ctx);
}

static void graph_reads(const Onnx__GraphProto *g, const struct inside *outer,
                        void (*f)(const char *, void *), void *ctx);

static void node_reads(const Onnx__NodeProto *node, const struct inside *in,
                       void (*f)(const char *, void *), void *ctx)
{
    for (size_t i = 0; i < node->n_input; i++)
        report(in, node->input[i], f, ctx);
    for (size_t a = 0; a < node->n_attribute; a++) {
        if (node->attribute[a]->g != NULL)
            graph_reads(node->attribute[a]->g, in, f, ctx);
        for (size_t k = 0; k < node->attribute[a]->n_graphs; k++)
            graph_reads(node->attribute[a]->graphs[k], in, f, ctx);
    }
}

static void graph_reads(const Onnx__GraphProto *g, const struct inside *outer,
                        void (*f)(const char *, void *), void *ctx)
{
    struct inside in = { .outer = outer };

    for (size_t i = 0; i < g->n_input; i++)
        if (g->input[i]->name != NULL)
            names_put(&in.names, g->input[i]->name, &in);
    for (size_t i = 0; i < g->n_initializer; i++)
        if (g->initializer[i]->name != NULL)
            names_put(&in.names, g->initializer[i]->name, &in);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            names_put(&in.names, g->node[i]->output[k], &in);
    for (size_t i = 0; i < g->n_node; i++)
        node_reads(g->node[i], &in, f, ctx);
    for (size_t i = 0; i < g->n_output; i++)
        report(&in, g->output[i]->name, f, ctx);
    names_release(&in.names);
}

void onnx_reads(const Onnx__NodeProto *node, void (*f)(const char *name, void *ctx), void *ctx)
{
    node_reads(node, NULL, f, ctx);
}

/* Depth-first over who writes what is read. */
enum { UNSEEN, OPEN, DONE };

struct order {
    const Onnx__GraphProto *g;
    struct names producers; /* tensor name -> index of its node, plus 1 */
    char *state;
    int *stack, nstack;
    int *list, n;
    bool ready;
    struct err *err;
    bool failed;
};

/* Opens the producer of a name that a node on the stack needs. */
static void open_producer(const char *name, void *ctx)
{
    struct order *o = ctx;
    size_t p = (size_t)(uintptr_t)names_get(&o->producers, name);

    if (p == 0 || o->failed || !o->ready || o->state[p - 1] == DONE)
        return;
    if (o->state[p - 1] == OPEN) {
        o->failed = true;
        err_set(o->err, "the nodes form a cycle through '%.200s'", name);
        return;
    }
    o->ready = false;
    o->state[p - 1] = OPEN;
    o->stack[o->nstack++] = (int)p - 1;
}

static void visit(struct order *o, int first)
{
    o->state[first] = OPEN;
    o->stack[o->nstack++] = first;
    while (o->nstack > 0 && !o->failed) {
        int top = o->stack[o->nstack - 1];

        o->ready = true;
        onnx_reads(o->g->node[top], open_producer, o);
        if (!o->ready || o->failed)
            continue;
        o->nstack--;
        o->state[top] = DONE;
        o->list[o->n++] = top;
    }
}

struct need {
    const struct order *o;
    char *live;
    int *stack, n;
};

static void need_name(const char *name, void *ctx)
{
    struct need *l = ctx;
    size_t p = (size_t)(uintptr_t)names_get(&l->o->producers, name);

    if (p > 0 && !l->live[p - 1]) {
        l->live[p - 1] = 1;
        l->stack[l->n++] = (int)p - 1;
    }
}

int *onnx_order(const Onnx__GraphProto *g, const char *const *outputs, int noutputs, int *n,
                struct err *e)
{
    struct order o = { .g = g, .err = e };
    struct need l = { .o = &o };

    o.state = NEW_ARRAY(char, g->n_node);
    o.stack = NEW_ARRAY(int, g->n_node);
    o.list = NEW_ARRAY(int, g->n_node);
    l.live = NEW_ARRAY(char, g->n_node);
    l.stack = NEW_ARRAY(int, g->n_node);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            if (*g->node[i]->output[k] != '\0')
                names_put(&o.producers, g->node[i]->output[k], (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < noutputs; i++)
        need_name(outputs[i], &l);
    while (l.n > 0)
        onnx_reads(g->node[l.stack[--l.n]], need_name, &l);
    for (size_t i = 0; i < g->n_node && !o.failed; i++)
        if (l.live[i] && o.state[i] == UNSEEN)
            visit(&o, (int)i);
    *n = o.n;
    names_release(&o.producers);
    free(o.state);
    free(o.stack);
    free(l.live);
    free(l.stack);
    if (o.failed) {
        free(o.list);
        return NULL;
    }
    return o.list;
}
