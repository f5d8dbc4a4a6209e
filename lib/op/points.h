/* points.h: which values of a model are quantization points, and which share one (DESIGN.md 5).
 *
 * A point is a float activation that an integer kernel could read or write after fusion. It does not
 * depend on exclude_op or on the range method, so changing those never observes again.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_POINTS_H
#define OP_POINTS_H

#include "op/op.h"

struct points {
    int *root; /* by value id: the value whose range this one has (itself for an observed one), or
                     * -1: never quantized (merged into an activation, or read and written by float
                     * operators only) */
    int *part; /* by value id: the root whose values an observed one holds some of, or -1 */
    bool *observed; /* by value id: its range is recorded */
    int *axis;  /* by value id: it feeds a quantizable node: the axis whose channels are recorded
                     * (>= 0; from the end where negative: -1 = last), or INT_MIN */
    bool *keep; /* by value id: observed or with channels: what the engine must not fuse away */
};

/* `all`: every float activation is observed, whatever reads it. */
void points_find(struct points *p, const struct model *m, bool all);
void points_release(struct points *p);

#endif
