/* equalize.h: cross-layer equalization: weights and activations made even over their channels without
 * changing what the network computes.
 *
 * Where one layer reads what another writes, with at most a ReLU or a Clip from 0 between, channel c may be
 * divided by any s_c > 0 in the first (row c of the weight, and bias) and multiplied by it in the second
 * (Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019, 4.1).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_EQUALIZE_H
#define QUANT_EQUALIZE_H

#include "observe/observed.h"
#include "op/points.h"
#include "quant/plan.h"

/* By value id: what each of the value's channels is divided by, or NULL. */
struct factors {
    const double **of;
    float *ceiling; /* by value id: what a Clip lets through of a rescaled value */
};
struct factors factors_none(const struct model *m);
void factors_release(struct factors *f);
/* The factors with the least expected noise (equalize.c) between the nodes that p plans. */
void equalize_find(struct factors *f, const struct model *m, const struct points *points,
                   const struct observed *o, const struct plan *p, bool per_tensor,
                   struct arena *a);

/* The node's weight with the factors of its input and of its output; its bias with those of its output. */
void equalize_weight(const struct factors *f, const struct node *n, float *weight);
void equalize_bias(const struct factors *f, const struct node *n, int64_t channels, float *bias);

#endif
