/* expand.h: operators that are spelled out on import. Each function is a row's `upgrade` in map.c (see
 * upgrade.h); it returns 1: all nodes are in the graph.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_EXPAND_H
#define ONNX_EXPAND_H

#include "onnx/context.h"
#include "op/op.h"

/* Adds a node "BY/what" that reads `in` and returns what it writes. */
struct value *expand_node(struct import *c, struct graph *g, const struct node *by, enum op_id op,
                          const char *what, int nin, struct value *const *in);

int expand_mvn(struct import *c, struct graph *g, struct node *n);
int expand_fusedconv(struct import *c, struct graph *g, struct node *n);
int expand_fusedmatmul(struct import *c, struct graph *g, struct node *n);
int expand_biasgelu(struct import *c, struct graph *g, struct node *n);
int expand_fastgelu(struct import *c, struct graph *g, struct node *n);
int expand_quickgelu(struct import *c, struct graph *g, struct node *n);
int expand_skiplayernorm(struct import *c, struct graph *g, struct node *n);
int expand_qlinearconv(struct import *c, struct graph *g, struct node *n);
int expand_qlinearmatmul(struct import *c, struct graph *g, struct node *n);
int expand_qlinearadd(struct import *c, struct graph *g, struct node *n);
int expand_qlinearmul(struct import *c, struct graph *g, struct node *n);
int expand_qlinearunary(struct import *c, struct graph *g, struct node *n);
int expand_qlinearconcat(struct import *c, struct graph *g, struct node *n);

#endif
