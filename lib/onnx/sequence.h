/* sequence.h: operators on sequences, resolved on import. Each function is a row's `upgrade` in map.c (see
 * upgrade.h); it returns 1: nothing is left to add to the graph.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_SEQUENCE_H
#define ONNX_SEQUENCE_H

#include "onnx/context.h"

/* Does v stand for a sequence? Only input 0 of a sequence_reader may. */
bool sequence_is(const struct import *c, const struct value *v);
bool sequence_reader(const char *op_type);

int sequence_construct(struct import *c, struct graph *g, struct node *n); /* and SequenceEmpty */
int sequence_insert(struct import *c, struct graph *g, struct node *n);
int sequence_erase(struct import *c, struct graph *g, struct node *n);
int sequence_at(struct import *c, struct graph *g, struct node *n);
int sequence_length(struct import *c, struct graph *g, struct node *n);
int sequence_concat(struct import *c, struct graph *g, struct node *n);
int sequence_split(struct import *c, struct graph *g, struct node *n);

#endif
