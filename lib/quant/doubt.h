/* doubt.h: warnings about observations that ranges cannot be trusted to.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_DOUBT_H
#define QUANT_DOUBT_H

#include "observe/observed.h"
#include "quant/plan.h"

/* One line for each: fewer than 10 steps; tensors that never change; one step that alone sets the ranges
 * of many tensors, far beyond what the others reach. */
void doubt_warn(const struct observed *o);
/* One line where operators read tensors of which 8 bits keep little: how many, and the worst. */
void doubt_plan(const struct plan *p);

#endif
