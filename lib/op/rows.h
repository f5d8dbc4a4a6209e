/* rows.h: what the bodies of Loop and Scan give, iteration by iteration.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_ROWS_H
#define OP_ROWS_H

#include "op/op.h"

/* Collects one scan output: rows of equal shape and type, one an iteration. */
struct rows {
    struct tensor row; /* shape and type of a row; DT_NONE before the first */
    int64_t rows;
    struct buf bytes;
};

/* One more row of what scan output i collects. */
int rows_add(struct call *c, struct rows *s, const struct tensor *t, int i);
/* Output i: the rows that were collected, along a new dim `axis`, last first where reversed. Without
 * rows the body's declaration tells the rest of the shape. */
int rows_output(struct call *c, int i, const struct rows *s, const struct value *declared,
                int64_t axis, bool reversed);
/* Output i: a copy of the state s. */
int rows_state(struct call *c, int i, const struct tensor *s);

#endif
