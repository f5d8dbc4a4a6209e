/* engine.c: from a model to schedules: what is fused, and when each value is read last.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/fusion.h"
#include "op/pack.h"
#include "run/engine.h"

struct compile {
    struct engine *g;
    int *uses;
    int *position; /* by value id: index of the node that computes it in its graph, -1 for inputs */
    bool *fused;   /* by node id: runs as part of another step */
};

static void count_graphs(struct graph *g, void *ctx)
{
    (void)g;
    ++*(int *)ctx;
}

static bool is_output(const struct graph *g, const struct value *v)
{
    for (int i = 0; i < g->nout; i++)
        if (g->out[i] == v)
            return true;
    return false;
}

/* Must v exist by itself: observed, or an output? */
static bool is_wanted(const struct compile *c, const struct graph *g, const struct value *v)
{
    return is_output(g, v) || (c->g->keep != NULL && c->g->keep[v->id]);
}

/* May the nodes of f run as one? Nothing between them is wanted. */
static bool may_fuse(const struct compile *c, const struct graph *g, const struct fusion *f)
{
    for (int i = 0; i < f->n - 1; i++)
        if (is_wanted(c, g, f->nodes[i]->out[0]))
            return false;
    return true;
}

static const struct value *take_nodes(struct compile *c, const struct fusion *f, int first)
{
    for (int i = first; i < f->n; i++)
        c->fused[f->nodes[i]->id] = true;
    return f->nodes[f->n - 1]->out[0];
}

/* What can go behind value v of the step: an activation, an addition, a gate. The value that then comes
 * out, or NULL. */
static const struct value *fuse_one(struct compile *c, const struct readers *r, int at,
                                    struct step *s, const struct value *v, struct act *a)
{
    const struct node *u = readers_only(r, at + 1, v);
    const struct value *other;
    struct fusion f;

    if (is_wanted(c, r->g, v))
        return NULL;
    if (u == NULL) {
        if (!gate_find(&f, r, at + 1, v) || !may_fuse(c, r->g, &f))
            return NULL;
        *a = f.act;
        return take_nodes(c, &f, 0);
    }
    if (u->op->act != NULL && u->in[0] == v && u->op->act(u, c->g->model, a)) {
        /* an activation */
    } else if (s->residual == NULL && (other = node_residual(s->node, u, v)) != NULL &&
               c->position[other->id] < at && v->dtype == DT_F32) {
        s->residual = other;
        a->kind = ACT_RESIDUAL;
    } else {
        return NULL;
    }
    c->fused[u->id] = true;
    return u->out[0];
}

static void fuse(struct compile *c, const struct graph *g, int at, struct step *s)
{
    struct readers r = { c->g->model, g, c->uses };
    const struct value *v = s->node->out[0], *next;
    struct act post[16];
    struct fusion f;

    if (shuffle_find(&f, &r, at) && may_fuse(c, g, &f)) {
        v = take_nodes(c, &f, 1);
        s->run = f.run;
        s->layout = f.layout;
    }
    while (s->npost < 16 && v != NULL && node_takes_post(s->node) &&
           (next = fuse_one(c, &r, at, s, v, &post[s->npost])) != NULL) {
        s->npost++;
        v = next;
    }
    s->post = arena_copy(&c->g->arena, post, (size_t)s->npost * sizeof *post);
    s->out = arena_copy(&c->g->arena, s->node->out, (size_t)s->node->nout * sizeof *s->out);
    s->out[0] = (struct value *)v;
}

/* Notes that v is read here; true if this is the last read (seen backwards). Constants stay. */
static bool read_last(bool *alive, const struct value *v)
{
    bool last = v != NULL && v->constant == NULL && !alive[v->id];

    if (v != NULL)
        alive[v->id] = true;
    return last;
}

static const struct value *operand(const struct step *s, int k)
{
    return k < s->node->nin ? s->node->in[k] : s->residual;
}

/* Does the step read input k's value as another input too? Then it may not be written over. */
static bool read_twice(const struct step *s, int k)
{
    for (int i = 0; i <= s->node->nin; i++)
        if (i != k && operand(s, i) == operand(s, k))
            return true;
    return false;
}

struct reads {
    bool *alive;
    struct step *s;
    const struct engine *g;
};

static void release_after(struct step *s, struct engine *g, const struct value *v)
{
    int *grown = arena_alloc(&g->arena, (size_t)(s->nrelease + 1) * sizeof *grown);

    if (s->nrelease > 0)
        memcpy(grown, s->release, (size_t)s->nrelease * sizeof *grown);
    grown[s->nrelease++] = v->id;
    s->release = grown;
}

static void subgraph_reads(struct graph *sub, void *ctx)
{
    struct reads *r = ctx;

    for (int i = 0; i < sub->nnodes; i++)
        for (int k = 0; k < sub->nodes[i]->nin; k++)
            if (read_last(r->alive, sub->nodes[i]->in[k]))
                release_after(r->s, (struct engine *)r->g, sub->nodes[i]->in[k]);
    for (int i = 0; i < sub->nout; i++)
        if (read_last(r->alive, sub->out[i]))
            release_after(r->s, (struct engine *)r->g, sub->out[i]);
}

/* Walks the schedule backwards. In a subgraph, what comes from outside is never released. */
static void lifetimes(struct compile *c, struct schedule *sc, bool inner)
{
    struct engine *g = c->g;
    bool *alive = NEW_ARRAY(bool, (size_t)g->model->nvalues);

    if (inner) {
        memset(alive, 1, (size_t)g->model->nvalues);
        for (int i = 0; i < sc->nsteps; i++)
            for (int o = 0; o < sc->steps[i].node->nout; o++)
                if (sc->steps[i].out[o] != NULL)
                    alive[sc->steps[i].out[o]->id] = false;
        for (int i = 0; i < sc->graph->nin; i++)
            alive[sc->graph->in[i]->id] = false;
    }
    for (int i = 0; i < sc->graph->nout; i++)
        alive[sc->graph->out[i]->id] = true;
    for (int i = sc->nsteps - 1; i >= 0; i--) {
        struct step *s = &sc->steps[i];
        const struct node *n = s->node;
        struct reads r = { alive, s, g };

        s->last = arena_alloc(&g->arena, (size_t)(n->nin + 1) * sizeof *s->last);
        for (int o = 0; o < n->nout; o++)
            if (s->out[o] != NULL && !alive[s->out[o]->id])
                release_after(s, g, s->out[o]);
        for (int a = 0; a < n->nattrs; a++)
            if (n->attrs[a].type == ATTR_GRAPH)
                graph_each(n->attrs[a].graph, subgraph_reads, &r);
        for (int k = 0; k < n->nin; k++)
            if (read_last(alive, n->in[k])) {
                s->last[k] = true;
                release_after(s, g, n->in[k]);
            }
        if (read_last(alive, s->residual)) {
            s->last[n->nin] = true;
            release_after(s, g, s->residual);
        }
        for (int k = 0; k <= n->nin; k++)
            s->last[k] = s->last[k] && !read_twice(s, k);
    }
    free(alive);
}

static void schedule_graph(struct graph *graph, void *ctx)
{
    struct compile *c = ctx;
    struct engine *g = c->g;
    struct schedule *sc = &g->schedules[g->nschedules++];

    sc->graph = graph;
    sc->steps = arena_alloc(&g->arena, (size_t)graph->nnodes * sizeof *sc->steps);
    for (int i = 0; i < graph->nnodes; i++)
        for (int o = 0; o < graph->nodes[i]->nout; o++)
            if (graph->nodes[i]->out[o] != NULL)
                c->position[graph->nodes[i]->out[o]->id] = i;
    for (int i = 0; i < graph->nnodes; i++) {
        struct step *s = &sc->steps[sc->nsteps];

        if (c->fused[graph->nodes[i]->id])
            continue;
        *s = (struct step){ .node = graph->nodes[i],
                            .run = graph->nodes[i]->op->run,
                            .layout = graph->nodes[i]->op->layout,
                            .index = g->nsteps++ };
        sc->nsteps++;
        fuse(c, graph, i, s);
    }
    lifetimes(c, sc, graph != g->model->graph);
}

/* Weights lie in a linked model file at any address; kernels read elements in place. */
static bool misaligned(const struct tensor *t)
{
    return t->data != NULL && dtype_size(t->dtype) > 0 &&
           (uintptr_t)t->data % dtype_size(t->dtype) != 0;
}

static void constant_prepare(struct engine *g, const struct value *v)
{
    struct tensor *t = v == NULL || v->constant == NULL ? NULL : &g->constants[v->id];

    if (t == NULL || shape_count(&t->shape) == 0)
        return;
    if (misaligned(t)) {
        t->data = arena_copy(&g->arena, t->data, tensor_size(t));
    } else if (t->data == NULL) {
        t->data = arena_alloc(&g->arena, (size_t)shape_count(&t->shape) * sizeof(float));
        constant_f32(g->model, v, t->data);
    }
}

static void constants_prepare(struct engine *g, const struct node *n)
{
    for (int k = 0; k < n->nin; k++)
        if (k != node_weight(n))
            constant_prepare(g, n->in[k]);
}

/* Constants as the kernels read them: float16 weights of float32 values are widened here, folded
 * factors applied, odd addresses left, unless the only reader prepares the weight itself. */
static void constants_load(struct engine *g)
{
    const struct model *m = g->model;

    g->constants = arena_alloc(&g->arena, (size_t)m->nvalues * sizeof *g->constants);
    for (int i = 0; i < m->nvalues; i++) {
        const struct value *v = m->values[i];
        struct tensor *t = &g->constants[i];

        if (v->constant == NULL)
            continue;
        *t = constant_view(m, v);
        t->dtype = v->dtype;
        if (v->constant->factor != NULL || v->constant->stored != v->dtype)
            t->data = NULL;
    }
    for (int s = 0; s < g->nschedules; s++) {
        const struct graph *graph = g->schedules[s].graph;

        for (int i = 0; i < g->schedules[s].nsteps; i++) {
            const struct step *step = &g->schedules[s].steps[i];

            constants_prepare(g, step->node);
            if (step->twin != NULL)
                constants_prepare(g, step->twin->node);
        }
        for (int i = 0; i < graph->nout; i++)
            constant_prepare(g, graph->out[i]);
    }
}

/* The step that runs twin n in place of s. What n has more of are constants, which are never released. */
static struct step *twin_of(struct engine *g, const struct step *s, const struct node *n)
{
    struct step *t = arena_copy(&g->arena, s, sizeof *s);
    int nin = s->node->nin;

    t->node = n;
    t->run = n->op->run;
    t->layout = n->op->layout;
    t->index = g->nsteps++;
    t->last = arena_alloc(&g->arena, (size_t)(n->nin + 1) * sizeof *t->last);
    for (int k = 0; k < nin && k < n->nin; k++)
        t->last[k] = s->last[k];
    t->last[n->nin] = s->last[nin];
    return t;
}

static void add_twins(struct engine *g, const struct node *const *twins)
{
    for (int k = 0; k < g->nschedules; k++)
        for (int i = 0; i < g->schedules[k].nsteps; i++) {
            struct step *s = &g->schedules[k].steps[i];

            if (twins[s->node->id] != NULL)
                s->twin = twin_of(g, s, twins[s->node->id]);
        }
}

struct engine *engine_new(const struct model *m, const bool *keep)
{
    return engine_new_twins(m, keep, NULL);
}

struct engine *engine_new_twins(const struct model *m, const bool *keep,
                                const struct node *const *twins)
{
    struct engine *g = NEW(struct engine);
    struct compile c = { .g = g, .uses = model_uses(m) };
    int ngraphs = 0;

    g->model = m;
    g->keep = keep;
    g->packs = packs_new();
    graph_each(m->graph, count_graphs, &ngraphs);
    g->schedules = arena_alloc(&g->arena, (size_t)ngraphs * sizeof *g->schedules);
    c.position = mem_alloc((size_t)m->nvalues * sizeof *c.position);
    memset(c.position, -1, (size_t)m->nvalues * sizeof *c.position);
    c.fused = NEW_ARRAY(bool, (size_t)m->nnodes);
    graph_each(m->graph, schedule_graph, &c);
    if (twins != NULL)
        add_twins(g, twins);
    constants_load(g);
    free(c.uses);
    free(c.position);
    free(c.fused);
    return g;
}

struct differing {
    const struct changes *a, *b;
    bool found;
};

static bool snaps_differ(const struct differing *d, const struct value *v)
{
    const struct snap *a = v == NULL || d->a->snaps == NULL ? NULL : d->a->snaps[v->id],
                      *b = v == NULL || d->b->snaps == NULL ? NULL : d->b->snaps[v->id];

    return a != b;
}

static bool node_differs(const struct differing *d, const struct node *n, struct value **out)
{
    bool a = d->a->twins != NULL && d->a->twins[n->id],
         b = d->b->twins != NULL && d->b->twins[n->id];

    for (int o = 0; o < n->nout; o++)
        if (snaps_differ(d, out[o]))
            return true;
    return a != b;
}

static void differ_graph(struct graph *g, void *ctx)
{
    struct differing *d = ctx;

    for (int i = 0; i < g->nin; i++)
        d->found |= snaps_differ(d, g->in[i]);
    for (int i = 0; i < g->nnodes; i++)
        d->found |= node_differs(d, g->nodes[i], g->nodes[i]->out);
}

int engine_differ(const struct engine *g, const struct changes *a, const struct changes *b)
{
    const struct schedule *sc = &g->schedules[0];
    struct differing d = { a, b, false };

    for (int i = 0; i < sc->graph->nin; i++)
        if (snaps_differ(&d, sc->graph->in[i]))
            return -1;
    for (int i = 0; i < sc->nsteps; i++) {
        const struct step *s = &sc->steps[i];

        for (int k = 0; k < s->node->nattrs; k++)
            if (s->node->attrs[k].type == ATTR_GRAPH)
                graph_each(s->node->attrs[k].graph, differ_graph, &d);
        if (d.found || node_differs(&d, s->node, s->out))
            return i;
    }
    return sc->nsteps;
}

void engine_free(struct engine *g)
{
    if (g == NULL)
        return;
    packs_free(g->packs);
    arena_release(&g->arena);
    free(g);
}

const struct schedule *engine_schedule(const struct engine *g, const struct graph *graph)
{
    for (int i = 0; i < g->nschedules; i++)
        if (g->schedules[i].graph == graph)
            return &g->schedules[i];
    return NULL;
}
