/* collect.c: see collect.h. A step's sums run in a fixed order and are rounded once to the unit of
 * struct fixed, so that no order of steps changes a total.
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "base/ordered.h"
#include "observe/collect.h"
#include "observe/scan.h"
#include "observe/spread.h"

struct part {
    struct tensor_stats stats;
    struct hist_live *live;
    struct spread_log log;
};

/* What one worker finds in one tensor of one step. */
struct pass {
    size_t n, room;   /* channels; what the arrays have room for */
    double *sum;      /* [n] */
    float *min, *max; /* [n] */
    struct scan
        scan; /* of the whole tensor; without the channels' extrema where those were scanned */
    uint64_t zeros;
    struct scan_rest rest;
};

struct collector {
    const struct model *m;
    const struct points *p;
    int workers;
    struct part *parts;  /* [workers][nvalues] */
    struct pass *passes; /* [workers] */
};

struct collector *collector_new(const struct model *m, const struct points *p, int workers)
{
    struct collector *c = NEW(struct collector);

    *c = (struct collector){ m, p, workers,
                             NEW_ARRAY(struct part, (size_t)workers * (size_t)m->nvalues),
                             NEW_ARRAY(struct pass, (size_t)workers) };
    return c;
}

void collector_free(struct collector *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < (size_t)c->workers * (size_t)c->m->nvalues; i++) {
        stats_release(&c->parts[i].stats);
        hist_live_free(c->parts[i].live);
        free(c->parts[i].log.bins);
    }
    for (int w = 0; w < c->workers; w++) {
        free(c->passes[w].sum);
        free(c->passes[w].min);
        free(c->passes[w].max);
    }
    free(c->passes);
    free(c->parts);
    free(c);
}

/* How a tensor's memory divides into channels: `outer` times n channels of `inner` neighbours. */
struct split {
    size_t outer, n, inner;
};

/* n = 0 where the tensor has no such axis, or no elements. Channels run along axis 1 where memory is
 * channels-last; any other axis only occurs row-major. */
static struct split split_of(const struct tensor *t, int axis)
{
    struct split s = { 1, 0, 1 };

    if (axis == INT_MIN || (t->cl && axis != 1))
        return s;
    axis = axis < 0 ? axis + t->shape.rank : axis;
    if (axis < 0 || axis >= t->shape.rank || shape_count(&t->shape) <= 0)
        return s;
    for (int i = 0; i < t->shape.rank; i++) {
        s.outer *= i < axis || (t->cl && i > axis) ? (size_t)t->shape.dim[i] : 1;
        s.inner *= i > axis && !t->cl ? (size_t)t->shape.dim[i] : 1;
    }
    s.n = (size_t)t->shape.dim[axis];
    return s;
}

static int channels_begin(struct channels *c, const struct value *v, int axis, size_t n,
                          struct err *e)
{
    if (c->n == 0) {
        *c = (struct channels){
            axis, (int64_t)n, 0, NEW_ARRAY(fixed, n), NEW_ARRAY(float, n), NEW_ARRAY(float, n), NULL
        };
        for (size_t i = 0; i < n; i++) {
            c->min[i] = INFINITY;
            c->max[i] = -INFINITY;
        }
    }
    if (c->n != (int64_t)n)
        return err_set(e, "tensor %s: %zu channels, before %lld", v->name, n, (long long)c->n);
    return 0;
}

static void pass_begin(struct pass *w, size_t n)
{
    if (n > w->room) {
        free(w->sum);
        free(w->min);
        free(w->max);
        *w = (struct pass){ .room = n,
                            .sum = mem_alloc(n * sizeof(double)),
                            .min = mem_alloc(n * sizeof(float)),
                            .max = mem_alloc(n * sizeof(float)) };
    }
    w->n = n;
    w->scan = scan_begin();
    w->zeros = 0;
    for (size_t i = 0; i < n; i++) {
        w->sum[i] = 0;
        w->min[i] = INFINITY;
        w->max[i] = -INFINITY;
    }
}

static void add_rest(struct pass *w, struct hist_live *live, size_t n)
{
    w->zeros += n - w->rest.n;
    hist_live_add(live, w->rest.x, w->rest.n);
    hist_live_zeros(live, n - w->rest.n);
}

enum { WIDTH = 256 }; /* channels at a time: 16 rows of them at least */

/* Channels lie side by side: x (rows, w->n). */
static void scan_matrix(struct pass *w, struct hist_live *live, const float *x, size_t rows)
{
    size_t n = w->n, width = n < WIDTH ? n : WIDTH, height = SCAN_BLOCK / width;

    for (size_t r = 0; r < rows; r += height)
        for (size_t c = 0; c < n; c += width) {
            size_t h = rows - r < height ? rows - r : height, v = n - c < width ? n - c : width;

            scan_rows(w->sum + c, w->min + c, w->max + c, x + r * n + c, h, v, n, &w->rest);
            if (live != NULL)
                add_rest(w, live, h * v);
        }
    scan_extrema(&w->scan, w->min, w->max, n);
}

/* Channels are runs of `inner` values, or there are none: x (n). Everything about a block while it is in
 * the cache. */
static void scan_runs(struct pass *w, struct hist_live *live, const float *x, size_t n,
                      size_t inner)
{
    size_t unit = w->n > 0 ? w->n * inner : 1;
    size_t block = unit < SCAN_BLOCK ? SCAN_BLOCK / unit * unit : unit;

    for (size_t i = 0; i < n; i += block) {
        size_t end = n - i < block ? n : i + block;

        for (size_t k = i; k < end; k += SCAN_BLOCK) {
            size_t some = end - k < SCAN_BLOCK ? end - k : SCAN_BLOCK;

            scan_block(&w->scan, x + k, some, &w->rest);
            if (live != NULL)
                add_rest(w, live, some);
        }
        for (size_t k = i; k < end && w->n > 0; k += inner) {
            size_t c = k / inner % w->n;

            scan_run(&w->sum[c], &w->min[c], &w->max[c], x + k, inner);
        }
    }
}

/* NaN and inf reach the sums; which of both it was, only a second look tells. */
static int check_finite(struct pass *w, const float *x, size_t n, const struct value *v,
                        const char *sample, struct err *e)
{
    bool finite = w->scan.top < 0x7f800000;

    for (size_t i = 0; i < w->n; i++)
        finite &= isfinite(w->sum[i]) != 0;
    if (finite)
        return 0;
    for (size_t i = 0; i < n; i += SCAN_BLOCK)
        scan_block(&w->scan, x + i, n - i < SCAN_BLOCK ? n - i : SCAN_BLOCK, &w->rest);
    return err_set(e, "tensor %s: %s in sample %s: mend or leave out that sample", v->name,
                   w->scan.top > 0x7f800000 ? "NaN" : "inf", sample);
}

/* -0 becomes 0, so that no order of steps shows in a sign. */
static void channels_add(struct channels *c, const struct pass *w, size_t each)
{
    for (size_t i = 0; i < w->n; i++) {
        c->sum[i] += fixed_of(w->sum[i]);
        c->min[i] = w->min[i] < c->min[i] ? w->min[i] + 0.0f : c->min[i];
        c->max[i] = w->max[i] > c->max[i] ? w->max[i] + 0.0f : c->max[i];
    }
    c->count += w->n > 0 ? each : 0;
}

static void stats_add(struct tensor_stats *stats, const struct pass *w, size_t n, uint64_t step)
{
    struct tensor_stats now = { .samples = n > 0,
                                .count = n,
                                .zeros = w->zeros,
                                .min = scan_min(&w->scan),
                                .max = scan_max(&w->scan),
                                .min_step = step,
                                .max_step = step };

    if (n > 0) {
        now.sum_min = fixed_of((double)now.min);
        now.sum_max = fixed_of((double)now.max);
    }
    stats_merge(stats, &now);
}

int collector_seen(void *place, const struct value *v, const struct tensor *t, struct err *e)
{
    const struct collector_place *at = place;
    struct collector *c = at->collector;
    struct part *p = &c->parts[(size_t)at->worker * (size_t)c->m->nvalues + (size_t)v->id];
    struct pass *w = &c->passes[at->worker];
    size_t n = t->dtype == DT_F32 ? (size_t)shape_count(&t->shape) : 0;
    struct split d;

    if (t->dtype != DT_F32)
        return 0;
    d = split_of(t, c->p->axis[v->id]);
    if (c->p->observed[v->id] && p->live == NULL)
        p->live = hist_live_new();
    if (d.n > 0 && channels_begin(&p->stats.channels, v, c->p->axis[v->id], d.n, e) < 0)
        return -1;
    pass_begin(w, d.n);
    if (d.n > 0 && d.inner == 1)
        scan_matrix(w, p->live, t->data, n / d.n);
    else
        scan_runs(w, p->live, t->data, n, d.inner);
    if (check_finite(w, t->data, n, v, at->sample, e) < 0)
        return -1;
    channels_add(&p->stats.channels, w, d.outer * d.inner);
    if (d.n > 0)
        spread_add(&p->log, &p->stats.channels.spread, t->data, d.outer, d.n, d.inner);
    if (p->live != NULL)
        stats_add(&p->stats, w, n, at->step);
    return 0;
}

static const char *isa_name(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
        return "SSE4.1";
    case dnnl_cpu_isa_avx:
        return "AVX";
    case dnnl_cpu_isa_avx2:
    case dnnl_cpu_isa_avx2_vnni:
        return "AVX2";
    default:
        return dnnl_get_effective_cpu_isa() < dnnl_cpu_isa_avx512_core ? "generic" : "AVX-512";
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor_stats *)a)->name, ((const struct tensor_stats *)b)->name);
}

struct finish {
    struct collector *c;
    struct observed *fresh;
};

/* What all workers have seen of value i. */
static int finish_value(void *ctx, long i, void *item, struct err *e)
{
    const struct collector *c = ((struct finish *)ctx)->c;
    struct tensor_stats *t = item;

    (void)e;
    *t = (struct tensor_stats){ 0 };
    for (int w = 0; w < c->workers; w++) {
        struct part *p = &c->parts[(size_t)w * (size_t)c->m->nvalues + (size_t)i];

        if (p->live != NULL)
            hist_live_drain(p->live, &p->stats.hist, p->stats.min, p->stats.max);
        if (t->samples == 0 && t->channels.n == 0) {
            *t = p->stats;
        } else {
            stats_merge(t, &p->stats);
            stats_release(&p->stats);
        }
        spread_log_drain(&p->log, &t->channels.spread, (size_t)t->channels.n);
        p->stats = (struct tensor_stats){ 0 };
    }
    return 0;
}

static void take_value(void *ctx, long i, const void *item)
{
    const struct finish *f = ctx;
    struct tensor_stats t = *(const struct tensor_stats *)item;

    if (t.samples == 0 && t.channels.n == 0) {
        stats_release(&t);
        return;
    }
    t.name = arena_strdup(&f->fresh->arena, f->c->m->values[i]->name);
    f->fresh->tensors[f->fresh->n++] = t;
}

int collector_finish(struct collector *c, struct observed *o, uint64_t first, uint64_t end,
                     struct err *e)
{
    struct observed fresh;
    struct finish f = { c, &fresh };
    struct ordered values = { .make = finish_value, .take = take_value, .ctx = &f };
    int rc;

    observed_begin(&fresh, o->model, o->set, o->steps, o->all);
    snprintf(fresh.isa, sizeof fresh.isa, "%s", isa_name());
    if (end > first) {
        fresh.ranges = NEW(struct step_range);
        fresh.ranges[fresh.nranges++] = (struct step_range){ first, end };
    }
    fresh.tensors = NEW_ARRAY(struct tensor_stats, (size_t)c->m->nvalues);
    rc = ordered_run(&values, c->m->nvalues, sizeof(struct tensor_stats), c->workers, e);
    qsort(fresh.tensors, (size_t)fresh.n, sizeof *fresh.tensors, by_name);
    if (rc == 0 && o->nranges == 0) {
        observed_release(o);
        *o = fresh;
        return 0;
    }
    if (rc == 0)
        rc = observed_merge(o, &fresh, e);
    observed_release(&fresh);
    return rc;
}
