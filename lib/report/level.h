/* level.h: a model in the channel scales of an equalized plan.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_LEVEL_H
#define REPORT_LEVEL_H

#include "quant/plan.h"

/* Gives m's float nodes the rescaled weights and biases that the plan's integers stand for, so that any of
 * them can be quantized alone. m computes what it did. */
void level_model(struct model *m, const struct plan *p);
/* Does the plan rescale anything? */
bool level_needed(const struct plan *p);

#endif
