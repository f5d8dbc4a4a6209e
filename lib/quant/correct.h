/* correct.h: bias correction: what quantizing a weight shifts the mean of each output channel by.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_CORRECT_H
#define QUANT_CORRECT_H

#include "observe/observed.h"
#include "op/op.h"
#include "quant/plan.h"

/* shift[c] = sum over k of (Wq - W)[c, k] * E[x_k], from the recorded means of the input's channels
 * (analytic bias correction, Nagel et al., "Data-free quantization through weight equalization and bias
 * correction", 2019, 4.2 with measured means; borders padded with zeros are neglected). factor: what
 * equalization divides the channels by, or NULL. false where the means were not recorded or do not fit. */
bool correct_shift(const struct node *n, const struct tensor_stats *input, const double *factor,
                   const struct plan_tensor *grid, const float *weight, const struct plan_node *pn,
                   double *shift);

#endif
