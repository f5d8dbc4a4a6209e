/* correct.c: see correct.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "quant/correct.h"
#include "quant/weight.h"

bool correct_shift(const struct node *n, const struct tensor_stats *input, const double *factor,
                   const float *weight, const struct plan_node *pn, double *shift)
{
    struct weight_view v = node_weight_view(n);
    int64_t area, need = weight_inputs(n, &area);
    const int8_t *q = pn->weight;
    double *mean;

    if (input == NULL || input->channels.n != need || input->channels.count == 0)
        return false;
    mean = mem_alloc((size_t)need * sizeof *mean);
    for (int64_t k = 0; k < need; k++)
        mean[k] = fixed_value(input->channels.sum[k]) / (double)input->channels.count /
                  (factor == NULL ? 1 : factor[k]);
    for (int64_t c = 0; c < v.channels; c++)
        shift[c] = 0;
    for (int64_t r = 0; r < weight_runs(&v); r++) {
        int64_t c = weight_channel(&v, r), step, k = weight_input(n, &v, r, &step);
        double scale = (double)pn->scales[pn->nscales == 1 ? 0 : c];

        for (int64_t i = 0; i < v.inner; i += area, k += step, weight += area, q += area) {
            double error = 0;

            for (int64_t j = 0; j < area; j++)
                error += (double)q[j] * scale - (double)weight[j];
            shift[c] += error * mean[k];
        }
    }
    free(mean);
    return true;
}
