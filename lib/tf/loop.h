/* loop.h: loops are unrolled on import. What leaves a loop (Exit) asks for the iterations one after the
 * other, as long as the condition, which must be known before the graph runs, holds; node NAME is imported
 * as NAME/iK in iteration K, as NAME/iJ/iK in a loop within iteration J.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_LOOP_H
#define TF_LOOP_H

#include "tf/context.h"

/* Gives a node its inputs, as far as it is one of an iteration: those are made when somebody reads them. */
int loop_enter(struct import *c, const NodeDef *p);
/* What the Exit p needs next: the conditions one by one, at last what it lets out; NULL once p stands for
 * that. `left` is this Exit's own, false at first. -1 after tf_fail. */
int loop_next(struct import *c, const NodeDef *p, bool *left, const char **want);
/* Is it a node that only makes sense inside a loop? */
bool loop_inner(const NodeDef *p);

#endif
