/* shapes.h: the arguments of --input_shape and --out_nodes.
 *
 * "a: 1,3,224,224; b:0: -1,10; sr:" : names may contain ':' (the last one of an entry separates),
 * no dims mean a scalar, -1 or ? a free dim; full-width ，；： count as ,;: everywhere.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_SHAPES_H
#define CONF_SHAPES_H

#include "base/err.h"
#include "base/mem.h"
#include "ir/tensor.h"

struct named_shape {
    const char *name;
    struct shape shape;
};

struct shapes {
    struct named_shape *items; /* in the order given */
    int n;
    struct arena arena;
};
/* Errors say "column N: …", counted in characters from 1. Release also after an error. */
int shapes_read(struct shapes *s, const char *text, struct err *e);
void shapes_release(struct shapes *s);

struct out_nodes {
    const char **names;
    int n; /* 0: an empty list, every output */
    struct arena arena;
};
int out_nodes_read(struct out_nodes *o, const char *text, struct err *e);
void out_nodes_release(struct out_nodes *o);

#endif
