/* correct.c: see correct.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "observe/spread.h"
#include "quant/correct.h"
#include "quant/weight.h"

/* E[xq - x] of a channel, divided by its factor, on the grid of plan tensor t: the mean over the sampled
 * values, or 0 where that is within three times what chance alone makes of it (the variance of an error spread
 * evenly over a step is scale^2 / 12). */
static double drift_of(const struct channels *ch, int64_t c, double factor,
                       const struct plan_tensor *t)
{
    const uint32_t *bins = ch->spread + c * SPREAD_BINS;

    double low = (double)t->low, high = (double)t->high, scale = (double)t->scale, sum = 0,
           n = bins[0], mean, chance;

    for (int b = 1; b < SPREAD_BINS; b++)
        for (int k = 0; k < SPREAD_SPLIT && bins[b] > 0; k++) {
            double x = spread_part(b, k, ch->min[c], ch->max[c]) / factor,
                   q = rint(x / scale) * scale;

            q = q < low ? low : q > high ? high : q;
            sum += bins[b] * (q - x) / SPREAD_SPLIT;
            n += (double)bins[b] / SPREAD_SPLIT;
        }
    mean = n > 0 ? sum / n : 0;
    chance = n > 0 ? scale * scale / (12 * n) : 0;
    return mean * mean > 9 * chance ? mean : 0;
}

bool correct_shift(const struct node *n, const struct tensor_stats *input, const double *factor,
                   const struct plan_tensor *grid, const float *weight, const struct plan_node *pn,
                   double *shift)
{
    struct weight_view v = node_weight_view(n);
    int64_t area, need = weight_inputs(n, &area);
    const int8_t *q = pn->weight;
    double *mean, *drift;

    if (input == NULL || input->channels.n != need || input->channels.count == 0)
        return false;
    mean = mem_alloc((size_t)need * sizeof *mean);
    for (int64_t k = 0; k < need; k++)
        mean[k] = fixed_value(input->channels.sum[k]) / (double)input->channels.count /
                  (factor == NULL ? 1 : factor[k]);
    drift = NEW_ARRAY(double, (size_t)need);
    for (int64_t k = 0; k < need && input->channels.spread != NULL; k++)
        drift[k] = drift_of(&input->channels, k, factor == NULL ? 1 : factor[k], grid);
    for (int64_t c = 0; c < v.channels; c++)
        shift[c] = 0;
    for (int64_t r = 0; r < weight_runs(&v); r++) {
        int64_t c = weight_channel(&v, r), step, k = weight_input(n, &v, r, &step);
        double scale = (double)pn->scales[pn->nscales == 1 ? 0 : c];

        for (int64_t i = 0; i < v.inner; i += area, k += step, weight += area, q += area) {
            double rounded = 0, plain = 0;

            for (int64_t j = 0; j < area; j++) {
                rounded += (double)q[j] * scale;
                plain += (double)weight[j];
            }
            shift[c] += (rounded - plain) * mean[k] + rounded * drift[k];
        }
    }
    free(mean);
    free(drift);
    return true;
}
