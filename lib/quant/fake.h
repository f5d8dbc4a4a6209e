/* fake.h: what the quantized model computes, without another model: nodes to be run in place of the model's
 * own (weights on their grids, biases in int32 steps), and the grids that values between them are put on.
 * In float as QuantizeLinear and DequantizeLinear nodes would, or in integers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_FAKE_H
#define QUANT_FAKE_H

#include "ir/ir.h"
#include "quant/chain.h"
#include "run/engine.h"

/* For engine_new_twins and worker_change. */
struct fake {
    struct model *m;
    const struct plan *p;
    enum chain chain;
    const struct node **twins; /* by node id */
    int *node;                 /* by plan node: its node's id */
    struct snap *grids;        /* by plan tensor */
    bool *keep;                /* by value id: it is on a grid when all is quantized */
};

/* Adds constants to m, whose graphs stay as they are; p is borrowed. integer: products of integers, for the
 * nodes that have them (not a transposed input, a batch of weights, or another alpha than 1). */
int fake_init(struct fake *f, struct model *m, const struct plan *p, enum chain chain, bool integer,
              struct err *e);
void fake_release(struct fake *f);

/* The changes that quantize plan node i where in[i] (NULL: all): what a Q/DQ model would compute that is
 * emitted with this chain and the others excluded. */
void fake_changes(const struct fake *f, const bool *in, struct changes *c);
void fake_changes_release(struct changes *c);

#endif
