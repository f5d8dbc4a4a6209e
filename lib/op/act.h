/* act.h: activations as oneDNN post-ops: the last column of op.def.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_ACT_H
#define OP_ACT_H

#include "op/op.h"

/* Each gives the post-op that equals the node, or false where there is none (Clip with a bound that
 * is not constant). */
bool act_relu(const struct node *n, const struct model *m, struct act *a);
bool act_clip(const struct node *n, const struct model *m, struct act *a);
bool act_leakyrelu(const struct node *n, const struct model *m, struct act *a);
bool act_sigmoid(const struct node *n, const struct model *m, struct act *a);
bool act_tanh(const struct node *n, const struct model *m, struct act *a);
bool act_elu(const struct node *n, const struct model *m, struct act *a);
bool act_hardswish(const struct node *n, const struct model *m, struct act *a);

/* Is f(k x) = k f(x) for every k > 0, as long as x stays below *ceiling (INFINITY: everywhere)? */
bool act_scales(const struct act *a, float *ceiling);
/* y = f(y), in place. */
void act_apply(const struct act *a, float *y, size_t n);

#endif
