/* range.c: see range.h. Each method reads the same histogram; ranges always contain 0.
 *
 * minmax      the observed extrema
 * mean        the means over the samples of their smallest and of their largest value (NNCF's default for
 *             activations)
 * percentile  cuts (100 - p) / 200 of the values from each side (ONNX Runtime's rule)
 * entropy     the clip of |x| whose 8-bit distribution is closest to the real one in Kullback-Leibler
 *             divergence: 2048 equal bins of |x|, thresholds from 128 bins up (256 one-sided), tail added to the last
 *             bin (Migacz, "8-bit inference with TensorRT", GTC 2017)
 * mse         the range with the least squared error, both ends searched
 * lp          the same for the error to the power of 1.75: outliers of single samples count for less.
 *             Of 1.25, 1.5, 1.6, 1.7, 1.75, 2 and 2.5 the best over nine real tasks; l2 is better yet
 * ifmr        the least squared error, both ends from 0.7 to 1.3 times the millionth of all values (AMCT)
 * auto        between l2 and mse where what is cut off counts six times (AIMET's tf_enhanced: four times): a
 *             quarter of the way in log scale. Of 0, 1/4, 1/3 and 1/2, judged by real networks: the further, the
 *             better on average, and the worse where single samples reach far beyond the others (lprnet)
 * l2          the least error of values spread evenly over 2048 equal bins (torch's HistogramObserver and
 *             AMCT's HFMG)
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "quant/range.h"

static const char *const names[] = { "minmax", "mean", "percentile", "entropy", "mse",
                                     "lp",     "ifmr", "l2",         "auto" };

int range_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

const char *range_method_name(enum range_method m)
{
    return names[m];
}

float scale_round(double s)
{
    float f = (float)s;
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    bits = (bits + 0x80) & 0xffffff00;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* The same towards 0: a range that ends at an activation's bound (ReLU6) must not pass it, or kernels
 * cannot leave the activation out. */
static float scale_floor(double s)
{
    float f = (float)s;
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    bits &= 0xffffff00;
    memcpy(&f, &bits, sizeof f);
    return f;
}

struct grid grid_of(double low, double high, bool is_signed, bool symmetric)
{
    struct grid g = { .qmin = is_signed ? -128 : 0, .qmax = is_signed ? 127 : 255 };
    double top, s;

    low = low < 0 ? low : 0;
    high = high > 0 ? high : 0;
    top = -low > high ? -low : high;
    s = symmetric ? top / 127 : (high - low) / 255;
    s = s > 1e38 ? 1e38 : s;
    g.scale = s < 1.2e-38 ? 1 : scale_floor(s); /* never 0, a denormal or inf */
    if (symmetric)
        g.zero_point = is_signed ? 0 : 128;
    else
        g.zero_point = (int)rint(g.qmin - low / (double)g.scale);
    g.zero_point = g.zero_point < g.qmin ? g.qmin : g.zero_point > g.qmax ? g.qmax : g.zero_point;
    g.low = (float)(g.qmin - g.zero_point) * g.scale;
    g.high = (float)(g.qmax - g.zero_point) * g.scale;
    return g;
}

struct points {
    struct hist_point *p;
    size_t n;
    double *mean, *weight; /* of the points side by side, [lanes]; those beyond n weigh nothing */
    size_t lanes;          /* n rounded up to LANES */
    double min, max, mean_min, mean_max; /* mean: over the samples */
    const struct range_options *o;
};

enum { LANES = 8 };

static void points_begin(struct points *s, const struct tensor_stats *t)
{
    s->p = hist_points(&t->hist, &s->n);
    s->lanes = (s->n + LANES - 1) / LANES * LANES;
    s->mean = NEW_ARRAY(double, s->lanes);
    s->weight = NEW_ARRAY(double, s->lanes);
    for (size_t i = 0; i < s->n; i++) {
        s->mean[i] = s->p[i].mean;
        s->weight[i] = s->p[i].weight;
    }
}

static void points_release(struct points *s)
{
    free(s->p);
    free(s->mean);
    free(s->weight);
}

/* x to the nearest integer, half to even; |x| < 2^51. */
static inline double nearest(double x)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */

    return (x + magic) - magic;
}

/* Sum over all values of |x - grid(x)|^2, or to the power of 1.75; what is cut off counts `cut` times. */
CLONES static double noise_of(const struct points *s, const struct grid *g, bool lp, double cut)
{
    double inverse = 1 / (double)g->scale, scale = (double)g->scale, lanes[LANES] = { 0 }, sum = 0;
    double low = g->qmin - g->zero_point, high = g->qmax - g->zero_point;

    for (size_t i = 0; i < s->lanes; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            double x = s->mean[i + k], q = x * inverse, d, e;
            double times = q < low - 0.5 || q > high + 0.5 ? cut : 1;

            q = nearest(q);
            q = q < low ? low : q > high ? high : q;
            d = fabs(x - q * scale);
            e = lp ? d * sqrt(d) * sqrt(sqrt(d)) : d * d;
            lanes[k] += s->weight[i + k] * times * e;
        }
    for (size_t k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum;
}

/* Rounding errors average out over the values that a layer adds up; what is cut off all errs to one side. */
static const double CUT = 6;
/* How far from l2's ends to those of the search the method auto goes, in log scale. */
static const double BETWEEN = 0.25;

/* What the method minimizes. */
static double cost_of(const struct points *s, const struct grid *g)
{
    return noise_of(s, g, s->o->method == RANGE_LP, s->o->method == RANGE_AUTO ? CUT : 1);
}

static struct grid grid_at(const struct points *s, double low, double high)
{
    return grid_of(low, high, s->o->is_signed, s->o->symmetric);
}

/* The value below which `share` of all values lie, within the observed extrema. */
static double quantile(const struct points *s, double share)
{
    double total = 0, seen = 0;

    for (size_t i = 0; i < s->n; i++)
        total += (double)s->p[i].count;
    for (size_t i = 0; i < s->n; i++) {
        double count = (double)s->p[i].count, want = share * total - seen;

        if (want <= count) {
            double at = s->p[i].lo + (s->p[i].hi - s->p[i].lo) * (want > 0 ? want / count : 0);

            return at < s->min ? s->min : at > s->max ? s->max : at;
        }
        seen += count;
    }
    return s->max;
}

static struct grid by_percentile(const struct points *s)
{
    double cut = (100 - s->o->percentile) / 200;

    return grid_at(s, quantile(s, cut), quantile(s, 1 - cut));
}

/* Scans one end over a span of ratios of its observed value; *best holds the least noise so far. */
static void scan_end(const struct points *s, double *low, double *high, bool scan_high, double from,
                     double to, int steps, double *best)
{
    double end = scan_high ? s->max : s->min, keep = scan_high ? *high : *low;

    for (int i = 0; i <= steps; i++) {
        double at = end * (from + (to - from) * i / steps), noise;
        struct grid g = grid_at(s, scan_high ? *low : at, scan_high ? at : *high);

        noise = cost_of(s, &g);
        if (noise < *best) {
            *best = noise;
            keep = at;
        }
    }
    *(scan_high ? high : low) = keep;
}

/* Coordinate descent over both ends: coarse over the whole span, then fine around the best. */
static struct grid by_search(const struct points *s)
{
    double low = s->min < 0 ? s->min : 0, high = s->max > 0 ? s->max : 0;
    struct grid all = grid_at(s, low, high);
    double best = cost_of(s, &all);

    for (int round = 0; round < 3; round++) {
        double before = best, fine = 0.03;

        for (int end = 0; end < 2; end++) {
            double value = end ? s->max : s->min, ratio;

            if (end ? value <= 0 : value >= 0)
                continue;
            if (round == 0)
                scan_end(s, &low, &high, end, 0.02, 1, 49, &best);
            ratio = (end ? high : low) / value;
            scan_end(s, &low, &high, end, ratio - fine, ratio + fine > 1 ? 1 : ratio + fine, 24,
                     &best);
        }
        if (round > 0 && best >= before * (1 - 1e-6))
            break;
    }
    return grid_at(s, low, high);
}

enum { IFMR_STEPS = 60 };

static double ifmr_ratio(int i)
{
    return 0.7 + 0.01 * i;
}

/* The least squared error over 60 x 60 ranges, 0.7 to 1.29 times what 0.999999 of all values stay within;
 * the first of equals. */
static struct grid by_ifmr(const struct points *s)
{
    double low = quantile(s, 1e-6), high = quantile(s, 1 - 1e-6), best = INFINITY;
    struct grid chosen = grid_at(s, low, high);

    for (int i = 0; i < (low < 0 ? IFMR_STEPS : 1); i++)
        for (int k = 0; k < (high > 0 ? IFMR_STEPS : 1); k++) {
            struct grid g = grid_at(s, low * ifmr_ratio(i), high * ifmr_ratio(k));
            double noise = noise_of(s, &g, false, 1);

            if (noise < best) {
                best = noise;
                chosen = g;
            }
        }
    return chosen;
}

enum { L2_BINS = 2048, L2_LEVELS = 256 };

/* All values in equal bins from min to max; a log bin that spans several is spread evenly. */
static double equal_bins(const struct points *s, double bins[L2_BINS])
{
    double width = (s->max - s->min) / L2_BINS;

    memset(bins, 0, L2_BINS * sizeof *bins);
    for (size_t i = 0; i < s->n; i++) {
        int first = (int)((s->p[i].lo - s->min) / width),
            last = (int)((s->p[i].hi - s->min) / width);

        first = first < 0 ? 0 : first > L2_BINS - 1 ? L2_BINS - 1 : first;
        last = last < first ? first : last > L2_BINS - 1 ? L2_BINS - 1 : last;
        for (int k = first; k <= last; k++)
            bins[k] += (double)s->p[i].count / (last - first + 1);
    }
    return width;
}

static double cube(double x)
{
    return x * x * x;
}

/* Squared error, in units of bins, of values spread evenly over each bin when bins first .. last become
 * 256 levels and what lies outside goes to the outermost. The error of a bin is the difference of a
 * function F at its ends, where F(x), the integral from 0 to x, takes in whole levels and a part of one;
 * it is continuous, so it does not matter to which level an end on the border counts. */
CLONES static double l2_error(const double bins[L2_BINS], int first, int last)
{
    double level = (last - first + 1) / (double)L2_LEVELS, inverse = 1 / level, half = level / 2;
    double whole = 2 * cube(half), lanes[8] = { 0 }, f[L2_BINS + 8], sum = 0;

    for (int i = 0; i <= L2_BINS; i++) {
        double x = i - first, k = floor(x * inverse);

        k = k < 0 ? 0 : k > L2_LEVELS - 1 ? L2_LEVELS - 1 : k;
        f[i] = whole * k + cube(x - k * level - half);
    }
    for (int i = 0; i < L2_BINS; i += 8)
        for (int k = 0; k < 8; k++)
            lanes[k] += bins[i + k] * (f[i + k + 1] - f[i + k]);
    for (int k = 0; k < 8; k++)
        sum += lanes[k];
    return sum / 3;
}

/* Values beyond one end of a range: how many, the sum of their places (each at its bin's border towards the
 * range, in bins) and of the squares. */
struct tail {
    double n, x, xx;
};

/* The least squared error that clipping them at `end` makes. It only grows as the range shrinks. */
static double tail_error(const struct tail *t, double end)
{
    return end * end * t->n - 2 * end * t->x + t->xx;
}

static struct tail tail_with(struct tail t, double n, double x)
{
    return (struct tail){ t.n + n, t.x + n * x, t.xx + n * x * x };
}

/* Both ends move in by quantile steps of 1e-5, whichever then skips more bins; the least error of all
 * (HFMG; torch's HistogramObserver stops at the first increase). Once the tails alone are above the best,
 * nothing narrower can be. */
static struct grid by_l2(const struct points *s)
{
    double bins[L2_BINS], width, total = 0, best, error, step;
    struct tail below = { 0 }, above = { 0 };
    int left = 0, right = L2_BINS - 1, first = left, last = right;

    if (s->max <= s->min)
        return grid_at(s, s->min, s->max);
    width = equal_bins(s, bins);
    for (int i = 0; i < L2_BINS; i++)
        total += bins[i];
    step = total / 1e5 > 1 ? ceil(total / 1e5) : 1;
    best = l2_error(bins, left, right);
    while (right - left > L2_BINS / 4 &&
           tail_error(&below, left) + tail_error(&above, right + 1) <= best * (1 + 1e-6)) {
        struct tail skip_below = below, skip_above = above;
        int l = left, r = right;

        for (; l < right && skip_below.n < below.n + step; l++)
            skip_below = tail_with(skip_below, bins[l], l + 1);
        for (; r > left && skip_above.n < above.n + step; r--)
            skip_above = tail_with(skip_above, bins[r], r);
        if (right - r >= l - left) {
            right = r;
            above = skip_above;
        } else {
            left = l;
            below = skip_below;
        }
        error = right > left ? l2_error(bins, left, right) : INFINITY;
        if (error < best) {
            best = error;
            first = left;
            last = right;
        }
    }
    return grid_at(s, first == 0 ? s->min : s->min + first * width,
                   last == L2_BINS - 1 ? s->max : s->min + (last + 1) * width);
}

enum { KL_BINS = 2048, KL_STEP = 8 };

/* |x| in equal bins up to the largest magnitude; a log bin that spans several is spread evenly. */
static double magnitudes(const struct points *s, double bins[KL_BINS])
{
    double top = -s->min > s->max ? -s->min : s->max, width = top / KL_BINS;

    memset(bins, 0, KL_BINS * sizeof *bins);
    for (size_t i = 0; i < s->n; i++) {
        double a = fabs(s->p[i].lo), b = fabs(s->p[i].hi), lo = a < b ? a : b, hi = a < b ? b : a;
        int first = (int)(lo / width), last = (int)(hi / width);

        first = first > KL_BINS - 1 ? KL_BINS - 1 : first;
        last = last > KL_BINS - 1 ? KL_BINS - 1 : last;
        for (int k = first; k <= last; k++)
            bins[k] += (double)s->p[i].count / (last - first + 1);
    }
    return width;
}

/* KL(P || Q) where P is the first n bins with the tail in the last, and Q the same bins in `levels`
 * groups, each group's mass spread over its occupied bins. */
static double divergence(const double *bins, int n, double tail, double inside, int levels)
{
    double kl = 0, total = inside + tail;

    for (int g = 0; g < levels; g++) {
        int from = (int)((int64_t)g * n / levels), to = (int)((int64_t)(g + 1) * n / levels),
            occupied = 0;
        double mass = 0;

        for (int i = from; i < to; i++) {
            mass += bins[i];
            occupied += bins[i] > 0;
        }
        for (int i = from; i < to; i++) {
            double p = (bins[i] + (i == n - 1 ? tail : 0)) / total;
            double q = bins[i] > 0 ? mass / occupied / inside : 1e-12;

            if (p > 0)
                kl += p * log(p / (q > 0 ? q : 1e-12));
        }
    }
    return kl;
}

static struct grid by_entropy(const struct points *s)
{
    double bins[KL_BINS], width = magnitudes(s, bins), inside = 0, total = 0, best = INFINITY,
                          t = 0;
    int levels = s->min < 0 && s->max > 0 ? 128 : 256;

    bins[0] = bins[1]; /* exact zeros of ReLU would drown everything else */
    for (int i = 0; i < KL_BINS; i++)
        total += bins[i];
    for (int n = 1; n <= KL_BINS; n++) {
        double kl;

        inside += bins[n - 1];
        if (n < levels || n % KL_STEP != 0 || inside <= 0)
            continue;
        kl = divergence(bins, n, total - inside, inside, levels);
        if (kl <= best) {
            best = kl;
            t = n * width;
        }
    }
    return grid_at(s, s->min < -t ? -t : s->min, s->max > t ? t : s->max);
}

static double between(double from, double to)
{
    return from * to > 0 ? from * pow(to / from, BETWEEN) : to;
}

static struct grid by_both(const struct points *s)
{
    struct grid l2 = by_l2(s), mse = by_search(s);

    return grid_at(s, between((double)l2.low, (double)mse.low),
                   between((double)l2.high, (double)mse.high));
}

static struct grid choose(const struct points *s)
{
    if (s->max <= s->min && s->max == 0)
        return grid_at(s, 0, 0);
    switch (s->o->method) {
    case RANGE_MEAN:
        return grid_at(s, s->mean_min, s->mean_max);
    case RANGE_IFMR:
        return by_ifmr(s);
    case RANGE_L2:
        return by_l2(s);
    case RANGE_PERCENTILE:
        return by_percentile(s);
    case RANGE_ENTROPY:
        return by_entropy(s);
    case RANGE_MSE:
    case RANGE_LP:
        return by_search(s);
    case RANGE_AUTO:
        return by_both(s);
    default:
        return grid_at(s, s->min, s->max);
    }
}

struct grid range_choose(const struct tensor_stats *t, const struct range_options *o)
{
    double samples = t->samples > 0 ? (double)t->samples : 1;
    struct points s = { .min = (double)t->min,
                        .max = (double)t->max,
                        .mean_min = fixed_value(t->sum_min) / samples,
                        .mean_max = fixed_value(t->sum_max) / samples,
                        .o = o };
    struct grid g;

    points_begin(&s, t);
    g = choose(&s);
    points_release(&s);
    return g;
}

struct range_effect range_effect(const struct tensor_stats *t, const struct grid *g)
{
    struct points s = { .min = (double)t->min, .max = (double)t->max };
    struct range_effect e = { 0 };

    points_begin(&s, t);
    for (size_t i = 0; i < s.n; i++) {
        const struct hist_point *p = &s.p[i];

        e.signal += (double)p->count * p->mean * p->mean;
        if (p->mean < (double)g->low - (double)g->scale / 2 ||
            p->mean > (double)g->high + (double)g->scale / 2)
            e.clipped += (double)p->count;
    }
    e.clipped = t->count > 0 ? e.clipped / (double)t->count : 0;
    e.noise = noise_of(&s, g, false, 1);
    points_release(&s);
    return e;
}
