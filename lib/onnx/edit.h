/* edit.h: a ModelProto being changed: nodes by ordinal, insertions, new initializers, and data that
 * are made while the file is written.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_EDIT_H
#define ONNX_EDIT_H

#include "base/names.h"
#include "base/file.h"
#include "ir/ir.h"
#include "onnx.pb-c.h"
#include "op/op.h"
#include "quant/plan.h"

/* Bytes that the emitted file has and the model's data have not. */
struct fresh {
    enum { FRESH_BYTES, FRESH_FLOATS, FRESH_GRID, FRESH_F32 } kind;
    const void *bytes;            /* FRESH_BYTES, FRESH_FLOATS (written as dtype): borrowed */
    const struct plan_node *node; /* FRESH_GRID: its int8 weight times its scales … */
    struct weight_view view;      /* … whose channels lie so */
    const struct value *value;    /* FRESH_F32: this constant, widened, factors applied */
    enum dtype dtype;             /* set by edit_tensor, like size */
    uint64_t size;
};

struct list { /* of nodes to insert */
    int n, cap;
    Onnx__NodeProto **items;
};

struct source_node {
    Onnx__NodeProto *proto;
    struct list before, after;
    bool dropped;
};

struct edit {
    struct arena arena; /* holds the whole proto */
    const struct model *m;
    Onnx__ModelProto *proto;
    int nnodes;
    struct source_node *nodes; /* by ordinal, depth first */
    int *ordinal;              /* by IR node id; -1 where the proto has no such node */
    struct list front;         /* inserted at the start of the main graph */
    struct names taken;        /* every tensor and node name */
    struct names replaced;     /* initializers that lost a reader */
    struct names weights;      /* what edit_weight made, by weight and suffix -> its plan node */
    int nfresh, capfresh;
    struct fresh *fresh;
};

/* Takes the serialized ModelProto (SOURCE, or what write.c made). */
int edit_init(struct edit *d, const struct model *m, const void *bytes, size_t size, struct err *e);
void edit_release(struct edit *d);
/* Numbers the nodes; after the proto's nodes are in place. */
void edit_index(struct edit *d);
/* Carries out insertions and removals, drops initializers nobody reads any more. */
void edit_apply(struct edit *d);

const char *edit_name(struct edit *d, const char *base, const char *suffix); /* unused so far */
Onnx__TensorProto *edit_tensor(struct edit *d, const char *name, enum dtype dtype, int rank,
                               const int64_t *dims, struct fresh data);
/* Gives an existing tensor other contents, of its type and dims. */
void edit_refer(struct edit *d, Onnx__TensorProto *t, struct fresh data);
/* The same, as an initializer of the main graph; returns its name. */
const char *edit_constant(struct edit *d, const char *name, enum dtype dtype, int rank,
                          const int64_t *dims, struct fresh data);
/* The same for a planned weight, named after it; nodes that share weight and scales share it.
 * edit_find_weight: what was made for an earlier node, or NULL. */
const char *edit_find_weight(struct edit *d, const struct plan_node *pn, const char *suffix);
const char *edit_weight(struct edit *d, const struct plan_node *pn, const char *suffix,
                        enum dtype dtype, const struct shape *shape, struct fresh data);
/* A declaration of that type; unknown dims get a name of their own. The name is borrowed. */
Onnx__ValueInfoProto *edit_declare(struct edit *d, const char *name, enum dtype dtype,
                                   const struct shape *shape);
Onnx__NodeProto *edit_node(struct edit *d, const char *op, const char *name, int nin,
                           const char *const *in, const char *out);
void edit_attr_int(struct edit *d, Onnx__NodeProto *n, const char *name, int64_t i);
void edit_add(struct edit *d, struct list *l, Onnx__NodeProto *n);
void edit_set_input(struct edit *d, Onnx__NodeProto *n, int i, const char *name);
/* The initializer of that name, if nothing but one input of one node reads it; else NULL. */
Onnx__TensorProto *edit_own_initializer(struct edit *d, const char *name);
/* Every node input called `from`, in all graphs, is called `to`. */
void edit_rename_uses(struct edit *d, const char *from, const char *to);

/* The opset of the default domain. */
int64_t onnx_opset(const Onnx__ModelProto *m);

/* Puts f's bytes. */
void fresh_put(const struct fresh *f, const struct model *m, struct out *o);

#endif
