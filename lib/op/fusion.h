/* fusion.h: nodes that are better run together than one after another; lib/run decides whether nothing
 * between them is wanted by itself.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_FUSION_H
#define OP_FUSION_H

#include "op/op.h"

enum { FUSION_MAX = 6 };

/* In graph order; what lies between them is read by them alone, the last one writes the result. */
struct fusion {
    int n;
    const struct node *nodes[FUSION_MAX];
    struct act act;             /* gate_find: the activation that they are together */
    int (*run)(struct call *c); /* shuffle_find: what runs them, called for nodes[0], … */
    enum op_layout layout;      /* … with its input in this order */
};

/* A graph, and how often each value is read (model_uses). */
struct readers {
    const struct model *m;
    const struct graph *g;
    const int *uses;
};
/* The only node of the graph, from position `from` on, that reads v; NULL if there are others. */
const struct node *readers_only(const struct readers *r, int from, const struct value *v);

/* v and what v alone computes, multiplied: x * sigmoid(x), x * hardsigmoid(x), also spelled out as
 * x * clip(x + 3, 0, 6) / 6. */
bool gate_find(struct fusion *f, const struct readers *r, int from, const struct value *v);
/* Reshape, Transpose, Reshape from node `at` on that interleave groups of channels (ShuffleNet). */
bool shuffle_find(struct fusion *f, const struct readers *r, int at);

#endif
