/* quant.h: model + observations -> plan.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_QUANT_H
#define QUANT_QUANT_H

#include "ir/ir.h"
#include "observe/observed.h"
#include "quant/plan.h"
#include "quant/range.h"

struct quant_options {
    struct range_options range;
    bool no_correction;   /* leave biases as they are */
    bool no_equalization; /* leave channels as they are scaled */
    bool per_tensor;      /* one weight scale a layer instead of one a channel */
    int nexclude;
    const char *const *exclude; /* weight or node names */
};

/* Fills p (released by the caller also on error). Nodes that stay float are listed in it and warned
 * about; an exclude name that fits nothing is an error with the closest ones. */
int quantize(struct plan *p, const struct model *m, const struct observed *o,
             const struct quant_options *q, struct err *e);

#endif
