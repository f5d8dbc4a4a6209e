/* weight.h: weights and biases as integers. Formulas: DESIGN.md 6; Jacob et al., "Quantization and
 * training of neural networks for efficient integer-arithmetic-only inference", 2018.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_WEIGHT_H
#define QUANT_WEIGHT_H

#include "op/op.h"

/* How many input channels the node's weight multiplies; *area: how many neighbouring elements of a run
 * (op/op.h) belong to one of them. */
int64_t weight_inputs(const struct node *n, int64_t *area);
/* The input channel that the first `area` elements of run r multiply; *step more for every further ones. */
int64_t weight_input(const struct node *n, const struct weight_view *v, int64_t r, int64_t *step);

/* The largest magnitude of each channel (or of all, in peak[0]), where it is above what peak holds. */
void weight_peaks(const float *w, const struct weight_view *v, bool per_tensor, float *peak);
/* Peaks become scales: s_w = max(amax / 127, 1e-8, need / (2^31 - 1)), where need = |b| / s_x, the largest
 * of all nodes that share the weight: it keeps a finite bias beside a weight of zeros inside int32.
 * Returns how many channels needed that. */
int weight_scales(float *scales, int nscales, const double *need, int64_t channels);
/* q = clamp(rint(w / s), -127, 127) */
void weight_round(int8_t *q, const float *w, const struct weight_view *v, const float *scales,
                  int nscales);

/* Rounds again for inputs that are alike within each kernel (the elements that multiply one input channel):
 * then it is the sum of the errors that is felt behind (SQuant-K, Guo et al., "SQuant: on-the-fly data-free
 * quantization via diagonal Hessian approximation", 2022, 3.3; there the inputs are all the same, and sums
 * go below half a step). */
void weight_balance(int8_t *q, const float *w, const struct node *n, const float *scales,
                    int nscales);

/* A node's bias as float32, one a channel (a scalar Gemm C is spread). false if there is none, or if it
 * is not constant or has another shape: the node then keeps it as it is. */
bool bias_read(const struct model *m, const struct node *n, int64_t channels, float *out);
/* q = rint(b / (s_x s_w)), saturated */
void bias_round(int32_t *q, const float *b, int64_t n, const float *scales, int nscales,
                float input_scale);

#endif
