/* cost.c: what observing costs over bare inference, for `make bench`: milliseconds a sample of one
 * thread, the least of three rounds.
 *
 * usage: cost MODEL.dopt IN.npy STEPS
 * bare: nothing is observed, everything fuses. kept: what would be observed exists by itself. Then
 * extrema of it; extrema and histograms; histograms and channel sums (what dopt-observe does).
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "calset/calset.h"
#include "format/model.h"
#include "observe/collect.h"
#include "observe/scan.h"
#include "run/engine.h"

enum what { BARE, KEPT, EXTREMA, HISTOGRAM, CHANNELS, KINDS };

struct run {
    struct calset *set;
    struct collector *collector; /* or NULL: extrema only */
    enum what what;
};

static int seen_extrema(void *ctx, const struct value *v, const struct tensor *t, struct err *e)
{
    static struct scan_rest rest;
    size_t n = (size_t)shape_count(&t->shape);
    struct scan s = scan_begin();

    (void)ctx, (void)v, (void)e;
    for (size_t i = 0; i < n; i += SCAN_BLOCK)
        scan_block(&s, (const float *)t->data + i, n - i < SCAN_BLOCK ? n - i : SCAN_BLOCK, &rest);
    return 0;
}

static int step(struct worker *w, int worker, long i, void *ctx, struct err *e)
{
    struct run *r = ctx;
    struct collector_place place = { r->collector, worker, (uint64_t)i, "" };
    struct tensor in;
    int rc;

    if (calset_step(r->set, i, 0, &in, e) < 0)
        return -1;
    rc = worker_run(w, &in,
                    r->what < EXTREMA    ? NULL
                    : r->what == EXTREMA ? seen_extrema
                                         : collector_seen,
                    &place, e);
    free(in.data);
    return rc;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Milliseconds a step, without the first two, which make primitives. */
static double measure(const struct model *m, struct calset *set, enum what what, long steps)
{
    struct err e;
    struct points p;
    struct run r = { .set = set, .what = what };
    struct engine *g;
    struct job job;
    double start, took;

    points_find(&p, m, false);
    for (int i = 0; i < m->nvalues && what < CHANNELS; i++)
        p.axis[i] = INT_MIN;
    r.collector = collector_new(m, &p, 1);
    g = engine_new(m, what == BARE ? NULL : p.keep);
    job = (struct job){ .engine = g, .end = 2, .workers = 1, .run = step, .ctx = &r };
    start = seconds();
    if (job_run(&job, &e) < 0)
        goto fail;
    took = seconds() - start;
    job.end = steps + 2;
    start = seconds();
    if (job_run(&job, &e) < 0)
        goto fail;
    took = seconds() - start - took;
    collector_free(r.collector);
    engine_free(g);
    points_release(&p);
    return took * 1e3 / (double)steps;
fail:
    fprintf(stderr, "cost: %s\n", e.msg);
    exit(1);
}

int main(int argc, char **argv)
{
    static const char *const name[KINDS] = { "bare", "kept", "extrema", "histogram", "channels" };
    double best[KINDS];
    struct dopt_file f;
    struct model m;
    struct calset *set;
    struct err e;

    dopt_init(&f);
    model_init(&m);
    if (argc != 4 || dopt_open(&f, (const char *const *)argv + 1, 1, &e) < 0 ||
        model_read(&m, &f, &e) < 0 ||
        calset_open_files(&set, (const char *const *)argv + 2, 1,
                          &(struct calset_input){ m.graph->in[0]->name, m.graph->in[0]->dtype,
                                                  m.graph->in[0]->shape },
                          1, &(struct calset_options){ 0 }, &e) < 0) {
        fprintf(stderr, "cost: %s\n", argc != 4 ? "usage: cost MODEL.dopt IN.npy STEPS" : e.msg);
        return 1;
    }
    for (int round = 0; round < 3; round++)
        for (int k = 0; k < KINDS; k++) {
            double ms = measure(&m, set, (enum what)k, atol(argv[3]));

            best[k] = round == 0 || ms < best[k] ? ms : best[k];
        }
    for (int k = 0; k < KINDS; k++)
        printf("%s %.3f\n", name[k], best[k]);
    calset_free(set);
    model_release(&m);
    dopt_release(&f);
    return 0;
}
