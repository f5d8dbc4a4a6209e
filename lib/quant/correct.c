/* correct.c: see correct.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "quant/correct.h"

/* The input channel that run r of the weight multiplies; `step` more for every element of the run. */
static int64_t input_channel(const struct node *n, const struct weight_view *v, int64_t r,
                             int64_t *step)
{
    const struct shape *s = &n->in[1]->shape;
    int64_t groups = attr_int(n, "group", 1);

    *step = 0;
    switch (n->op->weight) {
    case WEIGHT_CONVT: /* (Cin, Cout/g, k…): runs by (cin, cout) */
        return r / (v->channels / v->groups);
    case WEIGHT_GEMM:
        if (v->axis == 0) { /* (N, K): a run is a row */
            *step = 1;
            return 0;
        }
        return r / v->channels;
    case WEIGHT_MATMUL:
        return r / v->channels % s->dim[s->rank - 2];
    default: /* (M, C/g, k…): a run is all of channel m, spatial innermost */
        *step = 1;
        return r / (s->dim[0] / groups) * s->dim[1];
    }
}

bool correct_shift(const struct node *n, const struct tensor_stats *input, const float *weight,
                   const struct plan_node *pn, double *shift)
{
    struct weight_view v = node_weight_view(n);
    const struct shape *s = &n->in[1]->shape;
    int64_t spatial = 1, groups = attr_int(n, "group", 1), need;
    const int8_t *q = pn->weight;

    for (int i = 2; i < s->rank && (n->op->weight == WEIGHT_CONV || n->op->weight == WEIGHT_CONVT);
         i++)
        spatial *= s->dim[i];
    need = n->op->weight == WEIGHT_CONV    ? s->dim[1] * groups
           : n->op->weight == WEIGHT_CONVT ? s->dim[0]
           : n->op->weight == WEIGHT_GEMM  ? s->dim[v.axis == 0 ? 1 : 0]
                                           : s->dim[s->rank - 2];
    if (input == NULL || input->channels.n != need || input->channels.count == 0)
        return false;
    for (int64_t c = 0; c < v.channels; c++)
        shift[c] = 0;
    for (int64_t r = 0; r < weight_runs(&v); r++, weight += v.inner, q += v.inner) {
        int64_t c = weight_channel(&v, r), step, first = input_channel(n, &v, r, &step);
        double scale = (double)pn->scales[pn->nscales == 1 ? 0 : c], sum = 0;

        for (int64_t i = 0; i < v.inner; i++) {
            int64_t k = first + step * (i / (n->op->weight == WEIGHT_CONV ? spatial : 1));

            sum += ((double)q[i] * scale - (double)weight[i]) * fixed_value(input->channels.sum[k]);
        }
        shift[c] += sum / (double)input->channels.count;
    }
    return true;
}
