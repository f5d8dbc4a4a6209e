/* doubt.c: see doubt.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "quant/doubt.h"

enum { FEW = 10, FAR = 4, NOISY = 15 /* dB */ };

/* How many times the mean over the steps of the largest magnitude the largest of all is, and its step. */
static double reach(const struct tensor_stats *t, uint64_t *step)
{
    double n = (double)t->samples, min = fixed_value(t->sum_min) / n,
           max = fixed_value(t->sum_max) / n;
    bool high = (double)t->max >= -(double)t->min;
    double mean = max > -min ? max : -min, top = high ? (double)t->max : -(double)t->min;

    *step = high ? t->max_step : t->min_step;
    return mean > 0 ? top / mean : 1;
}

static int by_step(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The step that is most often among n sorted ones; *count: how often. */
static uint64_t most_frequent(const uint64_t *steps, int n, int *count)
{
    uint64_t best = 0;

    *count = 0;
    for (int i = 0, run = 0; i < n; i++) {
        run = i > 0 && steps[i] == steps[i - 1] ? run + 1 : 1;
        if (run > *count) {
            *count = run;
            best = steps[i];
        }
    }
    return best;
}

static void warn_outlier(const struct observed *o)
{
    uint64_t *steps = NEW_ARRAY(uint64_t, (size_t)o->n), step;
    double sum = 0;
    int far = 0, count, all = 0;

    for (int i = 0; i < o->n; i++) {
        double times;

        if (o->tensors[i].count == 0)
            continue;
        all++;
        times = reach(&o->tensors[i], &step);
        if (times >= FAR) {
            steps[far++] = step;
            sum += times;
        }
    }
    qsort(steps, (size_t)far, sizeof *steps, by_step);
    step = most_frequent(steps, far, &count);
    if (count > 1 && count > all / 2)
        warn("step %llu of the calibration set alone sets the range of %d of %d tensors, on "
             "average %.0f "
             "times what the others reach: is that sample like the others?",
             (unsigned long long)step, count, all, sum / far);
    free(steps);
}

static void warn_constant(const struct observed *o)
{
    const char *first = NULL;
    int n = 0;

    for (int i = 0; i < o->n; i++) {
        const struct tensor_stats *t = &o->tensors[i];

        if (t->count > 1 && t->min == t->max && t->min != 0) {
            first = first == NULL ? t->name : first;
            n++;
        }
    }
    if (n > 0)
        warn("%d tensor%s the same value everywhere on this calibration set (%s%s)", n,
             n > 1 ? "s have" : " has", first, n > 1 ? ", \xe2\x80\xa6" : "");
}

void doubt_warn(const struct observed *o)
{
    uint64_t steps = observed_steps_done(o);

    if (steps < FEW)
        warn("only %llu step%s of the calibration set: ranges may not hold for other samples",
             (unsigned long long)steps, steps > 1 ? "s" : "");
    warn_constant(o);
    if (steps >= FEW)
        warn_outlier(o);
}

void doubt_plan(const struct plan *p)
{
    const struct plan_tensor *worst = NULL;
    const char *node = NULL;
    int n = 0;

    for (int i = 0; i < p->nnodes; i++) {
        const struct plan_tensor *t = &p->tensors[p->nodes[i].tensor];

        if (t->sqnr >= NOISY || (t->min == 0 && t->max == 0))
            continue;
        n++;
        if (worst == NULL || t->sqnr < worst->sqnr) {
            worst = t;
            node = p->nodes[i].name;
        }
    }
    if (n > 0)
        warn("%d operator%s read%s a tensor that keeps less than %d dB in 8 bits (node %s: %.1f "
             "dB): "
             "another --method, or --exclude, may help",
             n, n > 1 ? "s" : "", n > 1 ? "" : "s", NOISY, node, worst->sqnr);
}
