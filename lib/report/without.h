/* without.h: a plan that leaves more operators float.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_WITHOUT_H
#define REPORT_WITHOUT_H

#include "observe/observed.h"
#include "quant/plan.h"

/* What p is without the nodes i where !in[i]; borrows from p. An equalized plan is made anew, as dopt-quant
 * with p's options and these excludes would (m: as imported). */
int plan_without(struct plan *out, const struct model *m, const struct observed *o,
                 const struct plan *p, const bool *in, struct err *e);

#endif
