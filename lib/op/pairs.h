/* pairs.h: layers between which channels can be rescaled without changing what the network computes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_PAIRS_H
#define OP_PAIRS_H

#include "op/points.h"

/* `to` alone reads x, which `from` writes, through an activation with f(k x) = k f(x) or directly. */
struct pair {
    const struct node *from, *to;
    const struct value *x;
    int64_t channels;
    float ceiling; /* values of x that reach it were clipped; INFINITY: none are */
};
struct pairs {
    int n, cap;
    struct pair *list;
};
void pairs_find(struct pairs *p, const struct model *m, const struct points *points);
void pairs_release(struct pairs *p);

#endif
