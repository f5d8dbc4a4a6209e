/* trial.c: see trial.h. Every (variant, sample) is a step of one job; sums are added up in order, so that
 * figures do not depend on the number of workers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/trial.h"

double decibel(double signal, double noise)
{
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

static struct tensor tensor_copy(const struct tensor *t)
{
    struct tensor c = *t;

    c.block = NULL;
    c.data = memcpy(mem_alloc(tensor_size(t)), t->data, tensor_size(t));
    return c;
}

/* ---- the first pass: float, then all quantized ---- */

/* A kept value as it was seen in float, however often it was (loops): one after another. */
struct seen {
    float *x;
    size_t n, cap, at; /* at: how much the quantized run has passed */
};

struct pass {
    struct trial *t;
    struct changes all;
    struct loss *losses; /* [steps][values] */
};

struct watch {
    struct pass *p;
    struct seen *seen; /* by value id */
    struct loss *losses;
    float *grid; /* scratch */
    size_t capgrid;
};

static int see_float(void *ctx, const struct value *v, const struct tensor *t, struct err *e)
{
    struct watch *w = ctx;
    struct seen *s = &w->seen[v->id];
    size_t n = tensor_size(t) / sizeof(float);

    (void)e;
    if (t->dtype != DT_F32)
        return 0;
    if (s->n + n > s->cap) {
        s->cap = 2 * s->cap > s->n + n ? 2 * s->cap : s->n + n;
        s->x = mem_resize(s->x, s->cap, sizeof *s->x);
    }
    memcpy(s->x + s->n, t->data, n * sizeof *s->x);
    s->n += n;
    return 0;
}

static double square_error(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

static int see_quantized(void *ctx, const struct value *v, const struct tensor *t, struct err *e)
{
    struct watch *w = ctx;
    struct seen *s = &w->seen[v->id];
    const struct snap *grid = w->p->all.snaps[v->id];
    size_t n = tensor_size(t) / sizeof(float);
    struct loss *l = &w->losses[v->id];
    const float *x = s->x + s->at;

    (void)e;
    if (t->dtype != DT_F32 || s->at + n > s->n || grid == NULL)
        return 0; /* a loop that ran more often */
    s->at += n;
    if (n > w->capgrid) {
        w->capgrid = n;
        w->grid = mem_resize(w->grid, n, sizeof *w->grid);
    }
    snap_apply(w->grid, x, n, grid);
    for (size_t i = 0; i < n; i++)
        l->signal += (double)x[i] * (double)x[i];
    l->own += square_error(x, w->grid, n);
    l->all += square_error(x, t->data, n);
    return 0;
}

static int first_step(struct worker *w, int worker, long step, void *ctx, struct err *e)
{
    struct pass *p = ctx;
    struct trial *t = p->t;
    int nin = t->m->graph->nin, nout = t->m->graph->nout, nvalues = t->m->nvalues;
    struct tensor *in = &t->in[step * nin];
    struct watch watch = { .p = p,
                           .seen = NEW_ARRAY(struct seen, (size_t)nvalues),
                           .losses = &p->losses[step * nvalues] };
    int rc = t->feed.step(t->feed.ctx, step, in, e);

    (void)worker;
    worker_change(w, NULL);
    if (rc == 0)
        rc = worker_run(w, in, see_float, &watch, e);
    for (int i = 0; i < nout && rc == 0; i++)
        t->out[step * nout + i] = tensor_copy(worker_output(w, i));
    worker_change(w, &p->all);
    if (rc == 0)
        rc = worker_run(w, in, see_quantized, &watch, e);
    for (int i = 0; i < nvalues; i++)
        free(watch.seen[i].x);
    free(watch.seen);
    free(watch.grid);
    return rc;
}

static int first_pass(struct trial *t, struct err *e)
{
    size_t nvalues = (size_t)t->m->nvalues, steps = (size_t)t->feed.steps;
    struct pass p = { .t = t, .losses = NEW_ARRAY(struct loss, steps * nvalues) };
    struct job job = { .engine = t->engine,
                       .end = t->feed.steps,
                       .workers = t->feed.workers,
                       .run = first_step,
                       .ctx = &p };
    int rc;

    fake_changes(&t->fake, NULL, &p.all);
    rc = job_run(&job, e);
    for (size_t s = 0; s < steps; s++)
        for (size_t i = 0; i < nvalues; i++) {
            const struct loss *l = &p.losses[s * nvalues + i];

            t->losses[i].signal += l->signal;
            t->losses[i].own += l->own;
            t->losses[i].all += l->all;
        }
    fake_changes_release(&p.all);
    free(p.losses);
    return rc;
}

int trial_init(struct trial *t, struct model *m, const struct plan *p, enum chain chain,
               const struct feed *f, struct err *e)
{
    size_t steps = (size_t)f->steps;

    *t = (struct trial){ .p = p, .m = m, .feed = *f };
    if (fake_init(&t->fake, m, p, chain, false, e) < 0)
        return -1;
    t->in = NEW_ARRAY(struct tensor, steps * (size_t)m->graph->nin);
    t->out = NEW_ARRAY(struct tensor, steps * (size_t)m->graph->nout);
    t->losses = NEW_ARRAY(struct loss, (size_t)m->nvalues);
    t->engine = engine_new_twins(m, t->fake.keep, t->fake.twins);
    return steps == 0 ? 0 : first_pass(t, e);
}

void trial_release(struct trial *t)
{
    const struct graph *g = t->m == NULL ? NULL : t->m->graph;

    for (long i = 0; t->in != NULL && i < t->feed.steps * g->nin; i++)
        free(t->in[i].data);
    for (long i = 0; t->out != NULL && i < t->feed.steps * g->nout; i++)
        free(t->out[i].data);
    free(t->in);
    free(t->out);
    free(t->losses);
    engine_free(t->engine);
    fake_release(&t->fake);
    *t = (struct trial){ 0 };
}

/* ---- variants ---- */

/* Variants run as forks of one run, in float or all quantized, whatever they have in common with it longer. */
struct variants {
    struct trial *t;
    const struct changes *base[2];
    struct fork *forks[2];
    int *which[2]; /* the variant of a fork */
    int n[2];
    double *signal, *noise; /* [variants][steps][outputs] */
};

/* Values that are not numbers in float say nothing. */
static void compare(const struct tensor *y, const struct tensor *q, double *signal, double *noise)
{
    size_t n = (size_t)shape_count(&y->shape);
    bool same = shape_equal(&y->shape, &q->shape) && y->dtype == q->dtype;

    for (size_t i = 0; i < n; i++) {
        double a = tensor_get(y, i), b = same ? tensor_get(q, i) : 0;

        if (!isfinite(a))
            continue;
        *signal += a * a;
        *noise += isfinite(b) ? (a - b) * (a - b) : a * a;
    }
}

/* One sample on the way through the forks of a base. */
struct forking {
    struct variants *v;
    int base, first; /* first: how many forks were runs of their own */
    long step;
};

static int fork_done(void *ctx, int k, struct worker *w, struct err *e)
{
    const struct forking *f = ctx;
    const struct trial *t = f->v->t;
    long nout = t->m->graph->nout,
         at = (f->v->which[f->base][f->first + k] * t->feed.steps + f->step) * nout;

    (void)e;
    for (int i = 0; i < nout; i++)
        compare(&t->out[f->step * nout + i], worker_output(w, i), &f->v->signal[at + i],
                &f->v->noise[at + i]);
    return 0;
}

static int variant_step(struct worker *w, int worker, long k, void *ctx, struct err *e)
{
    struct variants *v = ctx;
    struct trial *t = v->t;
    struct forking f = { v, (int)(k % 2), 0, k / 2 };
    const struct tensor *in = &t->in[f.step * t->m->graph->nin];
    const struct fork *forks = v->forks[f.base];
    int n = v->n[f.base];

    (void)worker;
    for (; f.first < n && forks[f.first].from < 0; f.first++) { /* their inputs differ already */
        worker_change(w, forks[f.first].changes);
        if (worker_run(w, in, NULL, NULL, e) < 0 || fork_done(&f, 0, w, e) < 0)
            return -1;
    }
    worker_change(w, v->base[f.base]);
    return worker_forks(w, in, forks + f.first, n - f.first, fork_done, &f, e);
}

/* To the base that each has more in common with; by ascending step. */
static void add_forks(struct variants *v, const struct changes *changes, int n)
{
    for (int k = 0; k < n; k++) {
        int from[2], b, at;

        for (b = 0; b < 2; b++)
            from[b] = engine_differ(v->t->engine, v->base[b], &changes[k]);
        b = from[1] > from[0];
        for (at = v->n[b]++; at > 0 && v->forks[b][at - 1].from > from[b]; at--) {
            v->forks[b][at] = v->forks[b][at - 1];
            v->which[b][at] = v->which[b][at - 1];
        }
        v->forks[b][at] = (struct fork){ from[b], &changes[k] };
        v->which[b][at] = k;
    }
}

static int run_forks(struct variants *v, const struct changes *changes, int n, struct err *e)
{
    struct trial *t = v->t;
    struct job job = { .engine = t->engine,
                       .end = 2 * t->feed.steps,
                       .workers = t->feed.workers,
                       .run = variant_step,
                       .tick = t->feed.tick,
                       .ctx = v };
    struct changes none = { 0 }, all;
    int rc;

    fake_changes(&t->fake, NULL, &all);
    v->base[0] = &none;
    v->base[1] = &all;
    for (int b = 0; b < 2; b++) {
        v->forks[b] = NEW_ARRAY(struct fork, (size_t)n);
        v->which[b] = NEW_ARRAY(int, (size_t)n);
    }
    add_forks(v, changes, n);
    rc = job_run(&job, e);
    for (int b = 0; b < 2; b++) {
        free(v->forks[b]);
        free(v->which[b]);
    }
    fake_changes_release(&all);
    return rc;
}

int trial_run(struct trial *t, const bool *const *in, int n, double *noise, struct err *e)
{
    long steps = t->feed.steps, nout = t->m->graph->nout;
    size_t cells = (size_t)(n * steps * nout);
    struct changes *changes = NEW_ARRAY(struct changes, (size_t)n);
    struct variants v = { .t = t,
                          .signal = NEW_ARRAY(double, cells),
                          .noise = NEW_ARRAY(double, cells) };
    int rc;

    for (int k = 0; k < n; k++)
        fake_changes(&t->fake, in[k], &changes[k]);
    rc = run_forks(&v, changes, n, e);
    for (long k = 0; k < n; k++)
        for (long i = 0; i < nout; i++) {
            double s = 0, d = 0;

            for (long step = 0; step < steps; step++) {
                s += v.signal[(k * steps + step) * nout + i];
                d += v.noise[(k * steps + step) * nout + i];
            }
            noise[k * nout + i] = s > 0 ? d / s : d > 0 ? 1 : 0;
        }
    for (int k = 0; k < n; k++)
        fake_changes_release(&changes[k]);
    free(changes);
    free(v.signal);
    free(v.noise);
    return rc;
}

bool trial_counts(const struct trial *t, int output)
{
    const struct graph *g = t->m->graph;
    bool floats = false;

    for (int i = 0; i < g->nout; i++)
        floats |= g->out[i]->dtype == DT_F32;
    return !floats || g->out[output]->dtype == DT_F32;
}

double trial_sqnr(const struct trial *t, const double *noise)
{
    double sum = 0;
    int n = 0;

    for (int i = 0; i < t->m->graph->nout; i++)
        if (trial_counts(t, i)) {
            sum += noise[i];
            n++;
        }
    return decibel(n, sum);
}
