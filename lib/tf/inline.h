/* inline.h: a GraphDef without calls and fused nodes.
 *
 * A call of a library function (PartitionedCall, StatefulPartitionedCall, the function's own name, If with
 * a constant condition) becomes the function's nodes, CALL/NODE, and CALL an IdentityN of its results.
 * While becomes a loop of Enter, Merge, Switch, NextIteration and Exit around calls of its two functions.
 * _FusedConv2D and its kind become Conv2D, BiasAdd and activation. The importer and the emitter do both to
 * their copies of the source: ordinals count what comes out, where the source's own nodes stand first.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_INLINE_H
#define TF_INLINE_H

#include "base/err.h"
#include "base/mem.h"
#include "tensorflow.pb-c.h"

/* Everything new lives in the arena, as the graph does. Returns 1 if anything changed, 0, or -1. */
int tf_inline(struct arena *a, Tensorflow__GraphDef *g, struct err *e);

/* protobuf-c's allocator over an arena. */
ProtobufCAllocator tf_allocator(struct arena *a);

#endif
