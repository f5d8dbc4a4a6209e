/* context.h: what the parts of the ONNX importer share; only lib/onnx includes it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_CONTEXT_H
#define ONNX_CONTEXT_H

#include "base/names.h"
#include "ir/ir.h"
#include "onnx.pb-c.h"
#include "onnx/import.h"

/* The names that one graph defines; lookups go on outwards. */
struct scope {
    const struct scope *outer;
    struct names values;       /* -> struct value */
    struct names initializers; /* -> Onnx__TensorProto, a value once somebody reads it */
    struct names types;        /* -> Onnx__TypeProto of value_info and outputs */
};

/* A value that stands for a sequence of tensors. */
struct sequence {
    const struct value *v;
    int n;
    struct value **items;
};

struct import {
    struct model *m;
    Onnx__ModelProto *model;
    int64_t opset;
    struct issues issues;
    struct names used;  /* value names taken */
    struct names nodes; /* node names taken */
    struct names read;  /* tensor names that some node or output reads */
    int ordinal;        /* of the next node to be met */
    int nsequences, capsequences;
    struct sequence *sequences; /* sequence.h */
    bool failed;
    bool late; /* a node waits for upgrade_late */
    struct err *err;
};

/* An error that ends the import; the innermost function writes it. Returns -1. */
int import_fail(struct import *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- map.c: the operators ---- */

/* One row per operator name; those of other domains are "domain.name". `attrs` lists the attributes that the operator has in any opset,
 * "name:type" with type i f s t g I F S, and "name:i=0" for one that must have this value. */
struct onnx_op {
    const char *name;
    int op; /* enum op_id */
    int maxout;
    const char *attrs;
    int (*upgrade)(struct import *c, struct graph *g, struct node *n);
};
const struct onnx_op *onnx_op_find(const char *domain, const char *name); /* NULL: unsupported */
bool onnx_standard(const char *domain);

/* ---- tensor.c ---- */

/* A constant value with a TensorProto's contents, or NULL if it is unsupported (noted) or damaged
 * (c->failed). `name` is made unique; users know it as `name`. */
struct value *import_tensor(struct import *c, const Onnx__TensorProto *t, const char *name);
/* A dtype as the IR has it: float16 and bfloat16 are float32 there. DT_NONE if it cannot be held.
 */
enum dtype import_dtype(int32_t type);
const char *import_type_name(int32_t type);
/* float16 or bfloat16 if the type is one of them: struct value's `narrow`. */
enum dtype import_narrow(const Onnx__TypeProto *t);
/* Element type and dims of a TypeProto; false if it is no tensor that the IR can hold. */
bool import_type(const Onnx__TypeProto *t, enum dtype *dtype, struct shape *shape);

/* ---- attrs.c ---- */

/* Copies a node's attributes, checked against its row; what does not fit is noted. */
int import_attrs(struct import *c, struct node *n, const Onnx__NodeProto *p,
                 const struct onnx_op *row, struct scope *scope);

/* ---- graph.c ---- */

/* A graph whose nodes are those that `outputs` (names) need. */
int import_graph(struct import *c, struct graph *g, Onnx__GraphProto *p, const struct scope *outer,
                 const char *const *outputs, int noutputs);
/* A value with a name that is made unique. */
struct value *import_value(struct import *c, const char *name, enum dtype dtype,
                           struct shape shape);
/* A made constant "NODE/what". */
struct value *import_ints(struct import *c, const struct node *n, const char *what,
                          const int64_t *v, int count);
struct value *import_float(struct import *c, const struct node *n, const char *what, float v);
/* A node "BY/what" of operator `op` (enum op_id) with one output, not yet in a graph. */
struct node *import_made(struct import *c, int op, const struct node *by, const char *what,
                         int nin);

/* ---- select.c ---- */

/* The tensors that --out_nodes asks for, or the graph's outputs. Caller frees the list. */
const char **select_outputs(struct import *c, const struct out_nodes *o, int *n);
/* The dims that --input_shape asks for, and the order of inputs. */
int select_shapes(struct import *c, const struct shapes *s);

/* ---- upgrade.c ---- */

/* What needs ranks: called after shapes are inferred. */
void upgrade_late(struct import *c);

#endif
