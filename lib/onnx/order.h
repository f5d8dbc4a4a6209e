/* order.h: the nodes of a ModelProto in numbers: ordinals that import stores in node->source and
 * the emitter finds its nodes by, and an order in which the nodes of a graph can run.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_ORDER_H
#define ONNX_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/names.h"
#include "onnx.pb-c.h"

/* A node of the whole model. */
struct onnx_place {
    Onnx__NodeProto *node;
    Onnx__GraphProto *graph; /* that holds it */
    size_t index;            /* graph->node[index] == node */
};

/* Every node of the graph and the graphs inside it. The position is the ordinal: the first node of
 * the main graph is 0, and the nodes of a nested graph follow the node that holds it (attributes in
 * order, `g` before `graphs`). Caller frees. */
struct onnx_place *onnx_places(Onnx__GraphProto *g, int *n);

/* The nodes of g that the named tensors need, in an order that can run: the file's own, unless it
 * is not sorted. Caller frees; NULL with the error set if the nodes form a cycle. */
int *onnx_order(const Onnx__GraphProto *g, const char *const *outputs, int noutputs, int *n,
                struct err *e);

/* The names that a node reads from the graph it is in or from outside: its inputs, and what its
 * subgraphs take. Calls f for each; "" is left out. */
void onnx_reads(const Onnx__NodeProto *node, void (*f)(const char *name, void *ctx), void *ctx);

#endif
