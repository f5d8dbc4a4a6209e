/* collect.c: see collect.h. A step's sums run in a fixed order and are rounded once to the unit of
 * struct fixed, so that no order of steps changes a total.
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "observe/collect.h"
#include "observe/scan.h"
#include "observe/spread.h"

struct part {
    struct tensor_stats stats;
    struct hist_live *live;
};

struct collector {
    const struct model *m;
    const struct points *p;
    int workers;
    struct part *parts; /* [workers][nvalues] */
};

struct collector *collector_new(const struct model *m, const struct points *p, int workers)
{
    struct collector *c = NEW(struct collector);

    *c = (struct collector){ m, p, workers,
                             NEW_ARRAY(struct part, (size_t)workers * (size_t)m->nvalues) };
    return c;
}

void collector_free(struct collector *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < (size_t)c->workers * (size_t)c->m->nvalues; i++) {
        stats_release(&c->parts[i].stats);
        hist_live_free(c->parts[i].live);
    }
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

static void add_channels(struct channels *c, double *sum, struct split d, const float *x, size_t n)
{
    if (d.n > 0 && d.inner == 1)
        scan_rows(sum, c->min, c->max, x, n / d.n, d.n);
    else
        for (size_t k = 0; k * d.inner < n && d.n > 0; k++)
            scan_run(&sum[k % d.n], &c->min[k % d.n], &c->max[k % d.n], x + k * d.inner, d.inner);
}

/* Everything about n values while they are in the cache: the scan brings them there, the histogram
 * drives them out. */
static void add_block(struct part *p, struct scan *s, double *sum, struct split d, const float *x,
                      size_t n)
{
    float room[SCAN_BLOCK + 16];

    if (p->live == NULL)
        add_channels(&p->stats.channels, sum, d, x, n);
    for (size_t i = 0; i < n && p->live != NULL; i += SCAN_BLOCK) {
        size_t some = n - i < SCAN_BLOCK ? n - i : SCAN_BLOCK, rest;
        const float *left = scan_block(s, x + i, some, room, &rest);

        if (i + some == n)
            add_channels(&p->stats.channels, sum, d, x, n);
        hist_live_add(p->live, left, rest);
        hist_live_zeros(p->live, some - rest);
    }
}

/* Whole rows of channels at a time. */
static void add_blocks(struct part *p, struct scan *s, double *sum, struct split d,
                       const struct tensor *t)
{
    const float *x = t->data;
    size_t n = (size_t)shape_count(&t->shape), unit = d.n > 0 ? d.n * d.inner : 1;
    size_t block = unit < SCAN_BLOCK ? SCAN_BLOCK / unit * unit : unit;

    for (size_t i = 0; i < n; i += block)
        add_block(p, s, sum, d, x + i, n - i < block ? n - i : block);
}

/* Some values of every channel into its coarse histogram. */
static void add_spread(struct channels *c, struct split d, const float *x)
{
    if (c->spread == NULL)
        c->spread = NEW_ARRAY(uint32_t, d.n * SPREAD_BINS);
    if (d.inner == 1)
        spread_add_rows(c->spread, x, d.outer, d.n);
    else
        for (size_t o = 0; o < d.outer; o++)
            spread_add(c->spread, x + o * d.n * d.inner, d.n, d.inner);
}

static int stats_add(struct tensor_stats *stats, const struct scan *s, size_t n,
                     const struct collector_place *at, const struct value *v, struct err *e)
{
    struct tensor_stats now = { .samples = n > 0,
                                .count = n,
                                .zeros = s->zeros,
                                .min = scan_min(s),
                                .max = scan_max(s),
                                .min_step = at->step,
                                .max_step = at->step };

    if (s->top >= 0x7f800000)
        return err_set(e, "tensor %s: %s in sample %s: mend or leave out that sample", v->name,
                       s->top > 0x7f800000 ? "NaN" : "inf", at->sample);
    if (n > 0) {
        now.sum_min = fixed_of((double)now.min);
        now.sum_max = fixed_of((double)now.max);
    }
    stats_merge(stats, &now);
    return 0;
}

int collector_seen(void *place, const struct value *v, const struct tensor *t, struct err *e)
{
    const struct collector_place *at = place;
    struct collector *c = at->collector;
    struct part *p = &c->parts[(size_t)at->worker * (size_t)c->m->nvalues + (size_t)v->id];
    struct split d;
    struct scan s = scan_begin();
    double *sum = NULL;

    if (t->dtype != DT_F32)
        return 0;
    d = split_of(t, c->p->axis[v->id]);
    if (c->p->observed[v->id] && p->live == NULL)
        p->live = hist_live_new();
    if (d.n > 0) {
        if (channels_begin(&p->stats.channels, v, c->p->axis[v->id], d.n, e) < 0)
            return -1;
        sum = NEW_ARRAY(double, d.n);
    }
    add_blocks(p, &s, sum, d, t);
    if (d.n > 0)
        add_spread(&p->stats.channels, d, t->data);
    for (size_t k = 0; k < d.n; k++)
        p->stats.channels.sum[k] += fixed_of(sum[k]);
    p->stats.channels.count += d.n > 0 ? d.outer * d.inner : 0;
    free(sum);
    return p->live == NULL ? 0 : stats_add(&p->stats, &s, (size_t)shape_count(&t->shape), at, v, e);
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

int collector_finish(struct collector *c, struct observed *o, uint64_t first, uint64_t end,
                     struct err *e)
{
    struct observed fresh;
    int rc;

    observed_begin(&fresh, o->model, o->set, o->steps, o->all);
    snprintf(fresh.isa, sizeof fresh.isa, "%s", isa_name());
    if (end > first) {
        fresh.ranges = NEW(struct step_range);
        fresh.ranges[fresh.nranges++] = (struct step_range){ first, end };
    }
    fresh.tensors = NEW_ARRAY(struct tensor_stats, (size_t)c->m->nvalues);
    for (int i = 0; i < c->m->nvalues; i++) {
        struct tensor_stats *t = &fresh.tensors[fresh.n];

        for (int w = 0; w < c->workers; w++) {
            struct part *p = &c->parts[(size_t)w * (size_t)c->m->nvalues + (size_t)i];

            if (p->live != NULL)
                hist_live_drain(p->live, &p->stats.hist, p->stats.min, p->stats.max);
            stats_merge(t, &p->stats);
            stats_release(&p->stats);
            p->stats = (struct tensor_stats){ 0 };
        }
        if (t->samples > 0 || t->channels.n > 0) {
            t->name = arena_strdup(&fresh.arena, c->m->values[i]->name);
            fresh.n++;
        } else {
            stats_release(t);
        }
    }
    qsort(fresh.tensors, (size_t)fresh.n, sizeof *fresh.tensors, by_name);
    rc = observed_merge(o, &fresh, e);
    observed_release(&fresh);
    return rc;
}
