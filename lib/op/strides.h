/* strides.h: walking tensors of any memory order side by side.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_STRIDES_H
#define OP_STRIDES_H

#include "op/op.h"

enum { WALK_MAX = 4 };

/* A loop nest over the elements of an output in its memory order. Operand k moves by step[k][d]
 * elements along dim d; neighbouring dims that move alike are merged. n >= 1. */
struct walk {
    int n, noperands;
    int64_t dim[RANK_MAX];
    int64_t step[WALK_MAX][RANK_MAX];
};

/* Elements from one index of each logical dim to the next. */
void strides_of(const struct tensor *t, int64_t out[RANK_MAX]);
/* Elements of the dims before and behind one: x is (outer, dim[axis], inner). */
int64_t shape_outer(const struct shape *s, int axis);
int64_t shape_inner(const struct shape *s, int axis);
/* The numpy broadcast of two shapes; false if they do not fit. */
bool shape_broadcast(struct shape *out, const struct shape *a, const struct shape *b);
/* The nest over `out` (channels-last or not) for operands that broadcast to it. */
void walk_init(struct walk *w, const struct shape *out, bool cl, const struct tensor *const *in,
               int nin);
/* The nest over logical dims in the given order of dims: for transposes, slices and reductions. */
void walk_dims(struct walk *w, int n, const int64_t *dim, int noperands,
               const int64_t *const *step);
/* Calls row(ctx, offset of each operand, elements, step of each operand along the row) for every
 * innermost row, in order; `out` counts the output elements passed before. */
void walk_rows(const struct walk *w,
               void (*row)(void *ctx, const int64_t *at, int64_t out, int64_t n,
                           const int64_t *step),
               void *ctx);
/* The output's memory order when operands of this rank disagree: that of the largest. */
bool walk_order(const struct call *c, int rank);

#endif
