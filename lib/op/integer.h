/* integer.h: matrix products of the types that oneDNN does not take (op/integer.c).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_INTEGER_H
#define OP_INTEGER_H

#include "op/op.h"

/* Is there a product of this type: double, and integers of 32 and 64 bits? */
bool product_has(enum dtype t);
/* y = a b over shapes of one rank >= 2, whose batch dims broadcast. */
void product_batches(enum dtype t, void *y, const void *a, const void *b, const struct shape *as,
                     const struct shape *bs, const struct shape *ys);
/* Output 0 = alpha a b + beta C of a Gemm call; y (rows, cols), k the inner dim. */
void product_gemm(struct call *c, const struct shape *y, int64_t k, bool ta, bool tb, double alpha,
                  double beta);

#endif
