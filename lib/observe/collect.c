/* collect.c: see collect.h. A step's sums run in a fixed order and are rounded once to the unit of
 * struct fixed, so that no order of steps changes a total.
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "base/clones.h"
#include "observe/collect.h"

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

/* One pass over a block that stays in the cache: extrema, zeros, and the largest magnitude's bits,
 * which tell NaN and inf. Extrema are taken on integers that order like the floats (the magnitude's
 * bits, inverted where negative), because those the compiler may take in any order. */
struct scan {
    int32_t min, max;
    uint64_t zeros;
    int32_t top;
};

static int32_t float_order(float x)
{
    int32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

static float order_float(int32_t o)
{
    int32_t bits = o ^ ((o >> 31) & 0x7fffffff);
    float x;

    memcpy(&x, &bits, sizeof x);
    return x + 0.0f; /* -0 is 0 */
}

CLONES static void scan_block(struct scan *s, const float *x, size_t n)
{
    int32_t min = s->min, max = s->max, top = s->top, zeros = 0;

    for (size_t i = 0; i < n; i++) {
        int32_t bits, order, magnitude;

        memcpy(&bits, &x[i], sizeof bits);
        order = bits ^ ((bits >> 31) & 0x7fffffff);
        magnitude = bits & 0x7fffffff;
        min = order < min ? order : min;
        max = order > max ? order : max;
        top = magnitude > top ? magnitude : top;
        zeros += magnitude == 0;
    }
    *s = (struct scan){ min, max, s->zeros + (uint64_t)zeros, top };
}

static int seen_values(struct part *p, const struct collector_place *at, const struct value *v,
                       const struct tensor *t, struct err *e)
{
    struct scan s = { float_order(INFINITY), float_order(-INFINITY), 0, 0 };
    struct tensor_stats *stats = &p->stats, now;
    size_t n = (size_t)shape_count(&t->shape);
    const float *x = t->data;

    if (p->live == NULL)
        p->live = hist_live_new();
    for (size_t i = 0; i < n; i += 4096) {
        size_t some = n - i < 4096 ? n - i : 4096;

        scan_block(&s, x + i, some);
        hist_live_add(p->live, x + i, some);
    }
    if (s.top >= 0x7f800000)
        return err_set(e, "tensor %s: %s in sample %s: mend or leave out that sample", v->name,
                       s.top > 0x7f800000 ? "NaN" : "inf", at->sample);
    now = (struct tensor_stats){ .samples = 1,
                                 .count = n,
                                 .zeros = s.zeros,
                                 .min = order_float(s.min),
                                 .max = order_float(s.max),
                                 .min_step = at->step,
                                 .max_step = at->step };
    if (n > 0) {
        now.sum_min = fixed_of((double)now.min);
        now.sum_max = fixed_of((double)now.max);
    }
    stats_merge(stats, &now);
    return 0;
}

/* rows of n channels, one behind the other */
CLONES static void add_rows(double *restrict sum, float *restrict min, float *restrict max,
                            const float *restrict x, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++, x += n)
        for (size_t c = 0; c < n; c++) {
            sum[c] += (double)x[c];
            min[c] = x[c] < min[c] ? x[c] : min[c];
            max[c] = x[c] > max[c] ? x[c] : max[c];
        }
}

/* n values of one channel */
static void add_run(double *sum, float *min, float *max, const float *x, size_t n)
{
    double s = 0;

    for (size_t i = 0; i < n; i++) {
        s += (double)x[i];
        *min = x[i] < *min ? x[i] : *min;
        *max = x[i] > *max ? x[i] : *max;
    }
    *sum += s;
}

static int seen_channels(struct part *p, const struct value *v, const struct tensor *t, int axis,
                         struct err *e)
{
    struct channels *c = &p->stats.channels;
    size_t n, outer = 1, inner = 1;
    const float *x = t->data;
    double *sum;

    axis = axis < 0 ? axis + t->shape.rank : axis;
    if (axis < 0 || axis >= t->shape.rank || shape_count(&t->shape) <= 0)
        return 0;
    n = (size_t)t->shape.dim[axis];
    if (c->n == 0) {
        *c = (struct channels){
            axis, (int64_t)n, 0, NEW_ARRAY(fixed, n), NEW_ARRAY(float, n), NEW_ARRAY(float, n)
        };
        for (size_t i = 0; i < n; i++) {
            c->min[i] = INFINITY;
            c->max[i] = -INFINITY;
        }
    }
    if (c->n != (int64_t)n)
        return err_set(e, "tensor %s: %zu channels, before %lld", v->name, n, (long long)c->n);
    for (int i = 0; i < t->shape.rank; i++) {
        outer *= i < axis || (t->cl && i > axis) ? (size_t)t->shape.dim[i] : 1;
        inner *= i > axis && !t->cl ? (size_t)t->shape.dim[i] : 1;
    }
    sum = NEW_ARRAY(double, n);
    if (inner == 1)
        add_rows(sum, c->min, c->max, x, outer, n);
    else
        for (size_t o = 0; o < outer; o++)
            for (size_t k = 0; k < n; k++, x += inner)
                add_run(&sum[k], &c->min[k], &c->max[k], x, inner);
    for (size_t k = 0; k < n; k++)
        c->sum[k] += fixed_of(sum[k]);
    c->count += outer * inner;
    free(sum);
    return 0;
}

int collector_seen(void *place, const struct value *v, const struct tensor *t, struct err *e)
{
    const struct collector_place *at = place;
    struct collector *c = at->collector;
    struct part *p = &c->parts[(size_t)at->worker * (size_t)c->m->nvalues + (size_t)v->id];

    if (t->dtype != DT_F32)
        return 0;
    if (c->p->observed[v->id] && seen_values(p, at, v, t, e) < 0)
        return -1;
    /* Channels run along axis 1 where memory is channels-last; any other axis only occurs row-major. */
    if (c->p->axis[v->id] != INT_MIN && (!t->cl || c->p->axis[v->id] == 1))
        return seen_channels(p, v, t, c->p->axis[v->id], e);
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

int collector_finish(struct collector *c, struct observed *o, uint64_t steps, uint64_t first,
                     uint64_t end, bool all, struct err *e)
{
    struct observed fresh = { .steps = steps, .all = all };
    int rc;

    snprintf(fresh.model, sizeof fresh.model, "%s", c->m->digest);
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
