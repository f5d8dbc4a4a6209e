/* worker.c: runs schedules: inputs in the memory order a kernel wants, outputs from the pool, every
 * value released after its last reader.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "op/pack.h"
#include "run/engine.h"
#include "run/pool.h"
#include "run/profile.h"

struct state {
    void *p;
    void (*free)(void *);
};

struct worker {
    const struct engine *g;
    struct pool pool;
    struct tensor *slots; /* by value id */
    struct state *states; /* by step index */
    struct frame *frames;
    struct arena arena; /* what the frames point to */
    void *scratch;
    size_t scratchsize;
    struct tensor *outputs; /* row-major results of the last run */
    worker_seen *seen;
    void *ctx;
    struct lane *lane; /* where its time is noted, or NULL */
    struct changes changes;
};

/* One step: the call and what it holds while it runs. Made once a worker; a step never runs inside
 * itself. The residual is input number nin. */
struct frame {
    struct call call;
    struct worker *w;
    struct tensor *in;   /* converted or plain copies of the inputs' tensors, [nin + 1] */
    struct tensor *out;  /* [nout] */
    struct block **temp; /* blocks that hold converted inputs, [nin + 1] */
    bool *last;          /* [nin + 1]: converted inputs are nobody else's */
};

static bool alloc(struct call *c, struct tensor *out, int over)
{
    struct frame *f = c->ctx;
    size_t size = tensor_size(out);

    if (over >= 0 && f->last[over]) {
        struct block *b = f->in[over].block;

        if (b != NULL && b->refs == 1 && b->size >= size && f->in[over].data == b->mem &&
            tensor_size(&f->in[over]) == size) {
            block_ref(b);
            out->block = b;
            out->data = b->mem;
            return true;
        }
    }
    out->block = pool_get(&f->w->pool, size);
    out->data = out->block->mem;
    return true;
}

static void view(struct call *c, struct tensor *out, const struct tensor *in)
{
    (void)c;
    out->data = in->data;
    out->block = in->block;
    if (out->block != NULL)
        block_ref(out->block);
}

static void *scratch(struct call *c, size_t size)
{
    struct worker *w = ((struct frame *)c->ctx)->w;

    if (size > w->scratchsize) {
        free(w->scratch);
        w->scratch = mem_aligned(64, size);
        w->scratchsize = size;
    }
    return w->scratch;
}

static int run_schedule(struct worker *w, const struct schedule *sc, struct err *e);

static void slot_release(struct worker *w, int id)
{
    block_unref(w->slots[id].block);
    w->slots[id] = (struct tensor){ 0 };
}

/* A value as a tensor: a constant, or what a step (of this or an outer graph) has left. */
static const struct tensor *value_tensor(const struct worker *w, const struct value *v)
{
    return v->constant != NULL ? &w->g->constants[v->id] : &w->slots[v->id];
}

/* Puts value `id` on its grid, in place where nobody else sees these bytes. */
static void snap(struct worker *w, int id)
{
    const struct snap *s = w->changes.snaps == NULL ? NULL : w->changes.snaps[id];
    struct tensor *t = &w->slots[id];
    const float *from = t->data;
    size_t n = tensor_size(t) / sizeof *from;
    struct block *b = t->block;

    if (s == NULL || t->dtype != DT_F32 || n == 0)
        return;
    if (b == NULL || b->refs > 1) {
        t->block = pool_get(&w->pool, tensor_size(t));
        t->data = t->block->mem;
    }
    snap_apply(t->data, from, n, s);
    if (t->block != b)
        block_unref(b);
}

static int subgraph(struct call *c, const struct graph *g, const struct tensor *const *in, int nin,
                    struct tensor *const *out, int nout)
{
    struct worker *w = ((struct frame *)c->ctx)->w;

    for (int i = 0; i < nin && i < g->nin; i++) {
        w->slots[g->in[i]->id] = *in[i];
        if (in[i]->block != NULL)
            block_ref(in[i]->block);
        snap(w, g->in[i]->id);
    }
    if (run_schedule(w, engine_schedule(w->g, g), c->err) < 0)
        return -1;
    for (int i = 0; i < nout && i < g->nout; i++) {
        const struct tensor *t = value_tensor(w, g->out[i]);

        if (out[i] == NULL)
            continue;
        *out[i] = *t;
        if (t->block != NULL)
            block_ref(t->block);
    }
    /* What the subgraph itself computed is done; what it passes through belongs to the outer graph. */
    for (int i = 0; i < g->nout; i++)
        if (g->out[i]->producer != NULL && g->out[i]->constant == NULL)
            for (int k = 0; k < g->nnodes; k++)
                if (g->nodes[k] == g->out[i]->producer) {
                    slot_release(w, g->out[i]->id);
                    break;
                }
    for (int i = 0; i < g->nin; i++)
        slot_release(w, g->in[i]->id);
    return 0;
}

static void hold(struct call *c, const struct tensor *t)
{
    (void)c;
    if (t->block != NULL)
        block_ref(t->block);
}

static void drop(struct call *c, struct tensor *t)
{
    (void)c;
    block_unref(t->block);
    *t = (struct tensor){ 0 };
}

static const struct call_ops run_ops = { alloc, view, scratch, subgraph, hold, drop };

static void convert(struct frame *f, int i, bool cl)
{
    struct tensor *t = &f->in[i];
    size_t size = tensor_size(t);
    struct block *b;

    if (t->cl == cl || t->shape.rank < 3 || size == 0) {
        t->cl = t->shape.rank >= 3 && cl;
        return;
    }
    b = pool_get(&f->w->pool, size);
    (cl ? layout_to_cl : layout_from_cl)(b->mem, t->data, &t->shape, dtype_size(t->dtype));
    t->data = b->mem;
    t->block = f->temp[i] = b;
    t->cl = cl;
    f->last[i] = true;
}

static bool any_cl(const struct frame *f, int n, int rank)
{
    for (int i = 0; i < n; i++)
        if (f->call.in[i] != NULL && f->in[i].shape.rank == rank && f->in[i].cl)
            return true;
    return false;
}

static void arrange(struct frame *f, enum op_layout layout)
{
    int n = f->call.nin, rank = n > 0 && f->call.in[0] != NULL ? f->in[0].shape.rank : 0;
    bool same_cl = layout == LAYOUT_SAME && any_cl(f, n, rank);

    for (int i = 0; i < n; i++) {
        if (f->call.in[i] == NULL)
            continue;
        if (layout == LAYOUT_ROW)
            convert(f, i, false);
        else if (layout == LAYOUT_CL && i <= 0)
            convert(f, i, true);
        else if (layout == LAYOUT_CL)
            convert(f, i, false);
        else if (layout == LAYOUT_SAME)
            convert(f, i, same_cl && f->in[i].shape.rank == rank);
    }
    if (f->call.residual != NULL) /* as the output: channels-last where the kernel works so */
        convert(f, n, layout == LAYOUT_CL);
}

static const struct value *step_input(const struct step *s, int i)
{
    return i < s->node->nin ? s->node->in[i] : s->residual;
}

static void frame_init(struct frame *f, struct worker *w, const struct step *s)
{
    const struct node *n = s->node;
    size_t nin = (size_t)n->nin + 1, nout = (size_t)n->nout + 1;
    const struct tensor **in = arena_alloc(&w->arena, nin * sizeof *in);
    struct tensor **out = arena_alloc(&w->arena, nout * sizeof *out);
    struct state *state = &w->states[s->index];

    *f = (struct frame){ .w = w,
                         .in = arena_alloc(&w->arena, nin * sizeof *f->in),
                         .out = arena_alloc(&w->arena, nout * sizeof *f->out),
                         .temp = arena_alloc(&w->arena, nin * sizeof *f->temp),
                         .last = arena_alloc(&w->arena, nin * sizeof *f->last) };
    for (int i = 0; i <= n->nin; i++)
        in[i] = step_input(s, i) == NULL ? NULL : &f->in[i];
    for (int i = 0; i < n->nout; i++)
        out[i] = s->out[i] == NULL ? NULL : &f->out[i];
    f->call = (struct call){ .model = w->g->model,
                             .node = n,
                             .nin = n->nin,
                             .nout = n->nout,
                             .in = in,
                             .out = out,
                             .last = f->last,
                             .npost = s->npost,
                             .post = s->post,
                             .residual = in[n->nin],
                             .state = &state->p,
                             .state_free = &state->free,
                             .packs = w->g->packs,
                             .ops = &run_ops,
                             .ctx = f };
}

static int run_step(struct worker *w, const struct step *s, struct err *e)
{
    const struct node *n = s->node;
    struct timing timing = { 0 };
    struct frame *f;
    int rc;

    if (s->twin != NULL && w->changes.twins != NULL && w->changes.twins[n->id]) {
        s = s->twin;
        n = s->node;
    }
    f = &w->frames[s->index];
    for (int i = 0; i <= n->nin; i++) {
        if (f->call.in[i] != NULL)
            f->in[i] = *value_tensor(w, step_input(s, i));
        f->temp[i] = NULL;
        f->last[i] = s->last[i];
    }
    for (int i = 0; i < n->nout; i++)
        f->out[i] = (struct tensor){ 0 };
    f->call.err = e;
    f->call.failed = false;
    if (w->lane != NULL)
        timing = lane_begin(w->lane);
    arrange(f, s->layout);
    rc = s->run(&f->call);
    if (w->lane != NULL)
        lane_end(w->lane, s, timing, &f->call);
    for (int i = 0; i <= n->nin; i++)
        block_unref(f->temp[i]);
    for (int i = 0; i < n->nout; i++)
        if (f->call.out[i] != NULL)
            w->slots[s->out[i]->id] = f->out[i];
    if (rc < 0)
        return err_at(e, "node %s: %s", n->name, n->op->name);
    for (int i = 0; i < n->nout; i++)
        if (f->call.out[i] != NULL)
            snap(w, s->out[i]->id);
    for (int i = 0; i < n->nout && w->g->keep != NULL && w->seen != NULL; i++)
        if (s->out[i] != NULL && w->g->keep[s->out[i]->id] &&
            w->seen(w->ctx, s->out[i], &w->slots[s->out[i]->id], e) < 0)
            return -1;
    for (int i = 0; i < s->nrelease; i++)
        slot_release(w, s->release[i]);
    return 0;
}

static int run_steps(struct worker *w, const struct schedule *sc, int from, int to, struct err *e)
{
    for (int i = from; i < to; i++)
        if (run_step(w, &sc->steps[i], e) < 0)
            return -1;
    return 0;
}

static int run_schedule(struct worker *w, const struct schedule *sc, struct err *e)
{
    return run_steps(w, sc, 0, sc->nsteps, e);
}

struct worker *worker_new(const struct engine *g)
{
    struct worker *w = NEW(struct worker);

    w->g = g;
    w->slots = NEW_ARRAY(struct tensor, (size_t)g->model->nvalues);
    w->states = NEW_ARRAY(struct state, (size_t)g->nsteps);
    w->frames = NEW_ARRAY(struct frame, (size_t)g->nsteps);
    for (int k = 0; k < g->nschedules; k++)
        for (int i = 0; i < g->schedules[k].nsteps; i++) {
            const struct step *s = &g->schedules[k].steps[i];

            frame_init(&w->frames[s->index], w, s);
            if (s->twin != NULL)
                frame_init(&w->frames[s->twin->index], w, s->twin);
        }
    w->outputs = NEW_ARRAY(struct tensor, (size_t)g->model->graph->nout);
    return w;
}

static void clear(struct worker *w)
{
    for (int i = 0; i < w->g->model->nvalues; i++)
        if (w->slots[i].block != NULL)
            slot_release(w, i);
    for (int i = 0; i < w->g->model->graph->nout; i++) {
        block_unref(w->outputs[i].block);
        w->outputs[i] = (struct tensor){ 0 };
    }
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    clear(w);
    for (int i = 0; i < w->g->nsteps; i++)
        if (w->states[i].p != NULL)
            w->states[i].free(w->states[i].p);
    pool_release(&w->pool);
    free(w->slots);
    free(w->states);
    free(w->frames);
    arena_release(&w->arena);
    free(w->outputs);
    free(w->scratch);
    free(w);
    prim_thread_end();
}

/* Results leave row-major. */
static void collect(struct worker *w, int i)
{
    const struct tensor *t = value_tensor(w, w->g->model->graph->out[i]);
    struct tensor *out = &w->outputs[i];

    *out = *t;
    if (!t->cl) {
        if (out->block != NULL)
            block_ref(out->block);
        return;
    }
    out->cl = false;
    if (tensor_size(t) == 0)
        return;
    out->block = pool_get(&w->pool, tensor_size(t));
    out->data = out->block->mem;
    layout_from_cl(out->data, t->data, &t->shape, dtype_size(t->dtype));
}

static int take_inputs(struct worker *w, const struct tensor *in, worker_seen *seen, void *ctx,
                       struct err *e)
{
    const struct graph *graph = w->g->model->graph;

    clear(w);
    w->seen = seen;
    w->ctx = ctx;
    for (int i = 0; i < graph->nin; i++) {
        struct tensor *t = &w->slots[graph->in[i]->id];

        *t = in[i];
        t->block = NULL;
        snap(w, graph->in[i]->id);
        if (w->g->keep != NULL && seen != NULL && w->g->keep[graph->in[i]->id] &&
            seen(ctx, graph->in[i], t, e) < 0)
            return -1;
    }
    return 0;
}

int worker_run(struct worker *w, const struct tensor *in, worker_seen *seen, void *ctx,
               struct err *e)
{
    if (take_inputs(w, in, seen, ctx, e) < 0 || run_schedule(w, &w->g->schedules[0], e) < 0)
        return -1;
    for (int i = 0; i < w->g->model->graph->nout; i++)
        collect(w, i);
    return 0;
}

/* What has been computed so far, held: nothing is written over that two hold. */
static struct tensor *slots_save(const struct worker *w)
{
    size_t n = (size_t)w->g->model->nvalues;
    struct tensor *saved = mem_alloc(n * sizeof *saved);

    memcpy(saved, w->slots, n * sizeof *saved);
    for (size_t i = 0; i < n; i++)
        if (saved[i].block != NULL)
            block_ref(saved[i].block);
    return saved;
}

static void slots_restore(struct worker *w, struct tensor *saved)
{
    clear(w);
    memcpy(w->slots, saved, (size_t)w->g->model->nvalues * sizeof *saved);
    free(saved);
}

int worker_forks(struct worker *w, const struct tensor *in, const struct fork *forks, int n,
                 int (*done)(void *ctx, int k, struct worker *w, struct err *e), void *ctx,
                 struct err *e)
{
    const struct schedule *sc = &w->g->schedules[0];
    struct changes base = w->changes;
    int at = 0, rc = take_inputs(w, in, NULL, NULL, e);

    for (int k = 0; k < n && rc == 0; k++) {
        struct tensor *saved;

        rc = run_steps(w, sc, at, forks[k].from, e);
        at = forks[k].from;
        saved = slots_save(w);
        w->changes = *forks[k].changes;
        if (rc == 0)
            rc = run_steps(w, sc, at, sc->nsteps, e);
        for (int i = 0; i < w->g->model->graph->nout && rc == 0; i++)
            collect(w, i);
        if (rc == 0)
            rc = done(ctx, k, w, e);
        w->changes = base;
        slots_restore(w, saved);
    }
    return rc;
}

void worker_change(struct worker *w, const struct changes *c)
{
    w->changes = c == NULL ? (struct changes){ 0 } : *c;
}

void worker_time(struct worker *w, struct lane *l)
{
    w->lane = l;
}

const struct tensor *worker_output(struct worker *w, int i)
{
    return &w->outputs[i];
}
