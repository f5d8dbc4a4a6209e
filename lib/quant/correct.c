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
    int64_t area = 1, groups = attr_int(n, "group", 1),
            need; /* area: elements of one k at a time */
    const int8_t *q = pn->weight;
    double *mean;

    for (int i = 2; i < s->rank && n->op->weight == WEIGHT_CONV; i++)
        area *= s->dim[i];
    if (n->op->weight != WEIGHT_CONV && !(n->op->weight == WEIGHT_GEMM && v.axis == 0))
        area = v.inner; /* the whole run belongs to one input channel */
    need = n->op->weight == WEIGHT_CONV    ? s->dim[1] * groups
           : n->op->weight == WEIGHT_CONVT ? s->dim[0]
           : n->op->weight == WEIGHT_GEMM  ? s->dim[v.axis == 0 ? 1 : 0]
                                           : s->dim[s->rank - 2];
    if (input == NULL || input->channels.n != need || input->channels.count == 0)
        return false;
    mean = mem_alloc((size_t)need * sizeof *mean);
    for (int64_t k = 0; k < need; k++)
        mean[k] = fixed_value(input->channels.sum[k]) / (double)input->channels.count;
    for (int64_t c = 0; c < v.channels; c++)
        shift[c] = 0;
    for (int64_t r = 0; r < weight_runs(&v); r++) {
        int64_t c = weight_channel(&v, r), step, k = input_channel(n, &v, r, &step);
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
