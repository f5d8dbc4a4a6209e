/* equalize.c: see equalize.h. DFQ balances the weights' ranges alone. Here the factors are those with the
 * least noise behind the second layer, as the observations let expect it, in units of the network before:
 *
 *   sum over c of  w_c live_c s_c^2 (A / 255)^2           rounding x: A the range of all x_c / s_c
 *                + e_c / s_c^2 (R2 / 127)^2 k2_c          rounding the second weight
 *                + w_c live_c s_c^2 (R1 / 127)^2 e1_c     rounding the first, if it has one scale alone
 *                + 12 w_c clip_c(s_c)                     what a Clip between cuts off then, or does no more
 *
 * where e = E[x^2], e1 that of what row c of the first weight reads, live the share of values but 0, w what noise
 * in a channel costs: the squared norm of what multiplies it, through all layers of the chain. The last term
 * counts three times (the least loss on mobilenet_v1_025 of 0.1, 0.3, 1, 3, 10: what goes on behind is clipped
 * in many layers). The sum is convex in log s but for the last term, the maxima being norms to the power of 24,
 * and goes down channel by channel on a grid of eighths of an octave.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "observe/spread.h"
#include "op/pairs.h"
#include "quant/equalize.h"
#include "quant/weight.h"

enum { NORM = 24, EIGHTHS = 8, MOST = 7 * EIGHTHS, GRID = 2 * MOST + 1, ROUNDS = 4, SWEEPS = 3 };
static const double WORTH = 0.9; /* factors that leave more of the noise than this are not taken */

/* One pair while its factors are searched; arrays by channel of x. Ranges, rows and columns are relative to
 * the largest, whose square is in what they weigh. */
struct balance {
    const struct pair *pair;
    int *at;               /* log2 of the factor, in eighths */
    double *range, *up;    /* of x, and what s^2 range^2 weighs */
    double *column, *down; /* the largest weight behind x, and what column^2 / s^2 weighs */
    double *row, *row_up;  /* the largest weight before x */
    double *live_weight;   /* the same times the share of values but 0 */
    double *weight;        /* squared norm of what multiplies x */
    double *clip;          /* [channels][GRID]: squared error of x, or NULL */
    double *factor;        /* the result */
};

/* What the noise is made of. */
struct sums {
    double range, row, column; /* NORM-th powers */
    double up, row_up, down, clip;
};

/* 2^(at / 8) */
static double power(int at)
{
    static const double eighth[EIGHTHS] = { 1,
                                            0x1.172b83c7d517bp+0,
                                            0x1.306fe0a31b715p+0,
                                            0x1.4bfdad5362a27p+0,
                                            0x1.6a09e667f3bcdp+0,
                                            0x1.8ace5422aa0dbp+0,
                                            0x1.ae89f995ad3adp+0,
                                            0x1.d5818dcfba487p+0 };

    int octave = (at + MOST) / EIGHTHS - MOST / EIGHTHS;
    double part = eighth[(at + MOST) % EIGHTHS];

    return octave < 0 ? part / (1 << -octave) : part * (1 << octave);
}

/* x^24 */
static double norm_power(double x)
{
    double x2 = x * x, x4 = x2 * x2, x8 = x4 * x4;

    return x8 * x8 * x8;
}

static void sums_add(struct sums *t, const struct balance *b, int64_t c, int at, double sign)
{
    double s = power(at);

    t->range += sign * norm_power(b->range[c] / s);
    t->up += sign * b->up[c] * s * s;
    t->column += sign * norm_power(b->column[c] * s);
    t->down += sign * b->down[c] / (s * s);
    t->row += sign * norm_power(b->row[c] / s);
    t->row_up += sign * b->row_up[c] * s * s;
    if (b->clip != NULL)
        t->clip += sign * b->weight[c] * b->clip[c * GRID + at + MOST];
}

static double square(double powers)
{
    return powers > 0 ? pow(powers, 2.0 / NORM) : 0;
}

static double sums_noise(const struct sums *t)
{
    return square(t->range) * t->up + square(t->column) * t->down + square(t->row) * t->row_up +
           t->clip;
}

static struct sums balance_sums(const struct balance *b)
{
    struct sums t = { 0 };

    for (int64_t c = 0; c < b->pair->channels; c++)
        sums_add(&t, b, c, b->at[c], 1);
    return t;
}

/* Moves each channel's factor by 2^(+-step/8) where that is better; returns whether any was. */
static bool balance_step(struct balance *b, int step)
{
    struct sums now = balance_sums(b);
    double best = sums_noise(&now);
    bool moved = false;

    for (int64_t c = 0; c < b->pair->channels; c++)
        for (int sign = -1; sign <= 1; sign += 2) {
            int at = b->at[c] + sign * step;
            struct sums next = now;
            double noise;

            if (at < -MOST || at > MOST)
                continue;
            sums_add(&next, b, c, b->at[c], -1);
            sums_add(&next, b, c, at, 1);
            noise = sums_noise(&next);
            if (noise < best) {
                best = noise;
                now = next;
                b->at[c] = at;
                moved = true;
                break;
            }
        }
    return moved;
}

/* Returns what is left of the noise without factors. */
static double balance_search(struct balance *b)
{
    struct sums t = { 0 };
    double before, left;

    for (int64_t c = 0; c < b->pair->channels; c++)
        sums_add(&t, b, c, 0, 1);
    before = sums_noise(&t);
    for (int step = EIGHTHS; step > 0; step /= 2)
        for (int i = 0; i < SWEEPS && balance_step(b, step); i++)
            ;
    t = balance_sums(b);
    left = sums_noise(&t);
    return before > 0 ? left / before : 1;
}

/* A weight by kernels: all elements of one output and one input channel. */
struct kernels {
    const struct node *n;
    struct weight_view v;
    int64_t inputs, per_run, area;
    float *peak, *square; /* the largest magnitude, and the sum of squares */
};

struct search {
    const struct model *m;
    const struct observed *o;
    const struct plan *p;
    struct arena *arena;
    struct factors *f;
    bool per_tensor;
    struct kernels *kernels; /* by node id */
    double **energy;         /* by value id: E[x^2] of each channel */
    const double *
        *importance; /* by value id: what noise of each channel costs at the end of the chain */
};

static const struct kernels *kernels_of(struct search *s, const struct node *n)
{
    struct kernels *k = &s->kernels[n->id];
    int64_t count, i = 0;
    float *w;

    if (k->n != NULL)
        return k;
    k->n = n;
    k->v = node_weight_view(n);
    k->inputs = weight_inputs(n, &k->area);
    k->per_run = k->v.inner / k->area;
    count = weight_runs(&k->v) * k->per_run;
    k->peak = NEW_ARRAY(float, (size_t)count);
    k->square = NEW_ARRAY(float, (size_t)count);
    w = mem_alloc((size_t)(count * k->area) * sizeof *w);
    constant_f32(s->m, n->in[1], w);
    for (int64_t j = 0; j < count; j++)
        for (int64_t end = i + k->area; i < end; i++) {
            k->peak[j] = fabsf(w[i]) > k->peak[j] ? fabsf(w[i]) : k->peak[j];
            k->square[j] += w[i] * w[i];
        }
    free(w);
    return k;
}

static double factor_at(const double *f, int64_t c)
{
    return f == NULL ? 1 : f[c];
}

/* E[x^2] of a channel, and *live: the share of its values that are not 0. Without its histogram a guess. */
static double energy(const struct tensor_stats *t, int64_t c, double *live)
{
    const struct channels *ch = &t->channels;
    const uint32_t *bins = ch->spread == NULL ? NULL : ch->spread + c * SPREAD_BINS;
    double n = 0, sum = 0;

    *live = 1;
    if (bins == NULL) {
        double mean = fixed_value(ch->sum[c]) / (double)ch->count;
        double deviation = ((double)ch->max[c] - (double)ch->min[c]) / 6;

        return mean * mean + deviation * deviation;
    }
    for (int b = 0; b < SPREAD_BINS; b++)
        if (bins[b] > 0) {
            n += bins[b];
            sum += bins[b] * spread_value(b) * spread_value(b);
        }
    *live = n > 0 ? 1 - bins[0] / n : 0;
    return n > 0 ? sum / n : 0;
}

/* By channel of what n reads; NULL where it was not recorded. */
static const double *energies(struct search *s, const struct node *n, int64_t channels)
{
    const struct tensor_stats *t = observed_find(s->o, n->in[0]->name);
    double **e = &s->energy[n->in[0]->id], live;

    if (*e != NULL || t == NULL || t->channels.n != channels || t->channels.count == 0)
        return *e;
    *e = arena_alloc(s->arena, (size_t)channels * sizeof **e);
    for (int64_t c = 0; c < channels; c++)
        (*e)[c] = energy(t, c, &live);
    return *e;
}

/* Divides by the largest, which is returned. */
static double normalize(double *x, int64_t n)
{
    double top = 0;

    for (int64_t c = 0; c < n; c++)
        top = x[c] > top ? x[c] : top;
    for (int64_t c = 0; c < n && top > 0; c++)
        x[c] /= top;
    return top;
}

/* The second layer: its columns, and what multiplies each channel. */
static void weigh_second(struct search *s, struct balance *b, const struct tensor_stats *t)
{
    const struct kernels *k = kernels_of(s, b->pair->to);
    const double *out = s->f->of[b->pair->to->out[0]->id];
    const double *importance = s->importance[b->pair->to->out[0]->id];
    int64_t runs = weight_runs(&k->v), at = 0;
    bool alone =
        runs * k->per_run == k->v.channels && !s->per_tensor; /* its scales follow any factor */
    double *row = NEW_ARRAY(double, (size_t)k->v.channels), top = 0, live;

    for (int64_t r = 0; r < runs; r++)
        for (int64_t i = 0; i < k->per_run; i++) {
            int64_t c = weight_channel(&k->v, r);

            row[c] = fmax(row[c], (double)k->peak[at++] / factor_at(out, c));
        }
    for (int64_t c = 0; c < k->v.channels && s->per_tensor; c++)
        top = fmax(top, row[c]);
    at = 0;
    for (int64_t r = 0; r < runs; r++) {
        int64_t c = weight_channel(&k->v, r), step, in = weight_input(k->n, &k->v, r, &step);
        double scale = s->per_tensor ? top : row[c], noise = scale * factor_at(out, c) / 127;

        for (int64_t i = 0; i < k->per_run; i++, at++, in += step) {
            b->weight[in] += (double)k->square[at] * factor_at(importance, c);
            if (alone || scale <= 0)
                continue;
            b->column[in] = fmax(b->column[in], (double)k->peak[at] / factor_at(out, c) / scale);
            b->down[in] += noise * noise * (double)k->area * factor_at(importance, c);
        }
    }
    free(row);
    for (int64_t c = 0; c < b->pair->channels; c++) {
        b->down[c] *= energy(t, c, &live);
        b->row_up[c] = b->up[c] = b->live_weight[c] = b->weight[c] * live;
    }
}

/* The first layer, where it has one scale for all of its rows. */
static void weigh_first(struct search *s, struct balance *b)
{
    const struct node *n = b->pair->from;
    const struct kernels *k = kernels_of(s, n);
    const double *e = energies(s, n, k->inputs);
    const double *in = s->f->of[n->in[0]->id];
    double *reads = NEW_ARRAY(double, (size_t)b->pair->channels), top;
    int64_t at = 0;

    for (int64_t r = 0; r < weight_runs(&k->v); r++) {
        int64_t c = weight_channel(&k->v, r), step, i = weight_input(n, &k->v, r, &step);

        for (int64_t j = 0; j < k->per_run; j++, at++, i += step) {
            double f = factor_at(in, i);

            b->row[c] = fmax(b->row[c], (double)k->peak[at] * f);
            if (e != NULL)
                reads[c] += (double)k->area * e[i] / (f * f);
        }
    }
    top = normalize(b->row, b->pair->channels) / 127;
    for (int64_t c = 0; c < b->pair->channels; c++)
        b->row_up[c] *= reads[c] * top * top;
    free(reads);
}

/* What a Clip at `ceiling` does wrong at each factor: values that it cuts off and did not before, or the
 * other way round, then taken for as far beyond as they can be. */
static void weigh_clip(struct search *s, struct balance *b, const struct tensor_stats *t)
{
    double ceiling = (double)b->pair->ceiling, limit[GRID];

    for (int at = -MOST; at <= MOST; at++)
        limit[at + MOST] = ceiling * power(at);
    b->clip = arena_alloc(s->arena, (size_t)(b->pair->channels * GRID) * sizeof *b->clip);
    for (int64_t c = 0; c < b->pair->channels; c++) {
        const uint32_t *bins = t->channels.spread + c * SPREAD_BINS;
        double n = 0, *clip = b->clip + c * GRID, norm;

        for (int i = 0; i < SPREAD_BINS; i++)
            n += bins[i];
        norm = n > 0 ? 36 / n : 0;
        for (int i = 1; i <= SPREAD_SIDE; i++) {
            double v = fmin(spread_value(i), ceiling);

            for (int at = -MOST; at <= MOST && bins[i] > 0; at++) {
                double beyond = v - limit[at + MOST];

                if (at < 0 ? beyond > 0 : v >= ceiling && at > 0)
                    clip[at + MOST] += norm * bins[i] * beyond * beyond;
            }
        }
    }
}

static void balance_weigh(struct search *s, struct balance *b)
{
    const struct tensor_stats *t = observed_find(s->o, b->pair->x->name);
    size_t n = (size_t)b->pair->channels;
    double range, column, *fresh[] = { b->up, b->column, b->down, b->row, b->row_up, b->weight };

    for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++)
        memset(fresh[i], 0, n * sizeof(double));
    for (size_t c = 0; c < n; c++)
        b->range[c] = fmax((double)t->channels.max[c], 0) - fmin((double)t->channels.min[c], 0);
    weigh_second(s, b, t);
    if (b->pair->ceiling < INFINITY && b->clip == NULL)
        weigh_clip(s, b, t);
    if (s->per_tensor)
        weigh_first(s, b);
    range = normalize(b->range, b->pair->channels) / 255;
    column = normalize(b->column, b->pair->channels);
    for (size_t c = 0; c < n; c++) {
        b->up[c] *= range * range;
        b->down[c] *= column * column;
    }
}

static bool balance_init(struct search *s, struct balance *b, const struct pair *p)
{
    const struct tensor_stats *t = observed_find(s->o, p->x->name);
    size_t n = (size_t)p->channels;
    double **arrays[] = { &b->range,  &b->up,     &b->column,      &b->down,  &b->row,
                          &b->row_up, &b->weight, &b->live_weight, &b->factor };

    if (t == NULL || t->channels.spread == NULL || t->channels.n != p->channels ||
        plan_node(s->p, p->from->name) == NULL || plan_node(s->p, p->to->name) == NULL)
        return false;
    *b = (struct balance){ .pair = p };
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = arena_alloc(s->arena, n * sizeof(double));
    b->at = arena_alloc(s->arena, n * sizeof *b->at);
    for (size_t c = 0; c < n; c++)
        b->factor[c] = 1;
    return true;
}

/* Takes the factors, or leaves the pair as it is where they do not help. */
static void balance_take(struct search *s, struct balance *b)
{
    bool worth;

    balance_weigh(s, b);
    worth = balance_search(b) < WORTH;
    for (int64_t c = 0; c < b->pair->channels; c++)
        b->factor[c] = worth ? power(b->at[c]) : 1;
    s->f->ceiling[b->pair->x->id] = b->pair->ceiling;
    s->importance[b->pair->from->out[0]->id] = b->live_weight;
    s->f->of[b->pair->x->id] = s->f->of[b->pair->from->out[0]->id] = worth ? b->factor : NULL;
}

struct factors factors_none(const struct model *m)
{
    return (struct factors){ NEW_ARRAY(const double *, (size_t)m->nvalues),
                             NEW_ARRAY(float, (size_t)m->nvalues) };
}

void factors_release(struct factors *f)
{
    free(f->of);
    free(f->ceiling);
    *f = (struct factors){ 0 };
}

void equalize_find(struct factors *f, const struct model *m, const struct points *points,
                   const struct observed *o, const struct plan *p, bool per_tensor, struct arena *a)
{
    struct search s = { m,
                        o,
                        p,
                        a,
                        f,
                        per_tensor,
                        NEW_ARRAY(struct kernels, (size_t)m->nnodes),
                        NEW_ARRAY(double *, (size_t)m->nvalues),
                        NEW_ARRAY(const double *, (size_t)m->nvalues) };
    struct pairs pairs = { 0 };
    struct balance *b;
    int n = 0;

    pairs_find(&pairs, m, points);
    b = NEW_ARRAY(struct balance, (size_t)pairs.n);
    for (int i = 0; i < pairs.n; i++)
        n += balance_init(&s, &b[n], &pairs.list[i]);
    for (int round = 0; round < (per_tensor ? ROUNDS : 1); round++)
        for (int i = n - 1; i >= 0; i--)
            balance_take(&s, &b[i]);
    for (int i = 0; i < m->nnodes; i++) {
        free(s.kernels[i].peak);
        free(s.kernels[i].square);
    }
    free(s.kernels);
    free(s.energy);
    free(s.importance);
    free(b);
    pairs_release(&pairs);
}

void equalize_weight(const struct factors *f, const struct node *n, float *weight)
{
    const double *in = f->of[n->in[0]->id], *out = f->of[n->out[0]->id];
    struct weight_view v = node_weight_view(n);
    int64_t area;

    if (in == NULL && out == NULL)
        return;
    weight_inputs(n, &area);
    for (int64_t r = 0; r < weight_runs(&v); r++) {
        int64_t c = weight_channel(&v, r), step, k = weight_input(n, &v, r, &step);

        for (int64_t i = 0; i < v.inner; i += area, k += step)
            for (int64_t j = 0; j < area; j++, weight++)
                *weight = (float)((double)*weight * factor_at(in, k) / factor_at(out, c));
    }
}

void equalize_bias(const struct factors *f, const struct node *n, int64_t channels, float *bias)
{
    const double *out = f->of[n->out[0]->id];

    for (int64_t c = 0; c < channels && out != NULL; c++)
        bias[c] = (float)((double)bias[c] / out[c]);
}
