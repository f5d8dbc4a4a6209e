/* fake.h: a model that computes what the quantized one would, in float: every quantized node reads its
 * input through Q/DQ, its weight is on the grid, its bias in int32 steps.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_FAKE_H
#define QUANT_FAKE_H

#include "ir/ir.h"
#include "quant/chain.h"

/* Changes m in place: the values that an emitted Q/DQ model of this chain quantizes go through Q/DQ. */
int fake_quantize(struct model *m, const struct plan *p, enum chain chain, struct err *e);

#endif
