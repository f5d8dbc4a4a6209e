/* context.h: what the parts of the TensorFlow importer share; only lib/tf includes it.
 *
 * A tensor of the graph is a `ref`: its value in TensorFlow's own order (`tf`), or channels first (`cf`,
 * rank 4 only), or both, the second made by a Transpose when somebody asks for it. Operators that have
 * spatial dims write `cf`; elementwise ones stay in the order they get. A channels-first value lies in
 * memory as NHWC, so that such a Transpose costs nothing at run time.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_CONTEXT_H
#define TF_CONTEXT_H

#include "base/names.h"
#include "ir/ir.h"
#include "op/op.h"
#include "tensorflow.pb-c.h"
#include "tf/import.h"

typedef Tensorflow__NodeDef NodeDef; /* protobuf-c's name for it */

/* Sizes, strides and pads beyond this are damage. */
enum { TF_SIZE_MAX = 1 << 20 };

/* A tensor between SpaceToBatchND and BatchToSpaceND: the convolution between them is a dilated one. */
struct spread {
    int64_t block[2], pads[4]; /* pads: top, left, bottom, right, less what is cropped */
};

struct ref {
    struct value *tf, *cf;
    bool dead;                 /* of a branch that is not taken: neither value is there */
    bool first;                /* cf is the one that was computed */
    struct spread *spread;     /* NULL: none; the value is what SpaceToBatchND read */
    const struct items *items; /* NULL: none; a list of tensors (list.c), which has no value */
};

struct import {
    struct model *m;
    struct arena protos; /* the graph's */
    Tensorflow__GraphDef *graph;
    struct names nodes;    /* -> NodeDef */
    struct names ordinals; /* -> 1 + position in the graph, as a pointer */
    struct names refs;     /* "name" or "name:port" -> struct ref */
    struct names used;     /* value names taken */
    struct names named;    /* IR node names taken */
    struct names inputs;   /* tensors that --input_shape makes inputs -> struct named_shape */
    struct names readers;  /* node name -> its only reader; NULL if there are several */
    struct names clones;   /* node name -> struct clone: a node of an iteration (loop.c) */
    struct names loops;    /* frame and scope -> struct loop */
    struct infer *infer;
    struct issues issues;
    bool free_batch; /* some input has a free first dim; c->infer takes it for 1, … */
    struct {         /* … this for 2: what both know is certain */
        struct infer *infer;
        struct issues issues; /* not of interest */
        int n;                /* nodes looked at so far */
    } other;
    bool failed;
    struct err *err;
    const NodeDef *p; /* the node being imported */
    int ordinal;      /* its position */
};

/* An error that ends the import; returns -1. */
int tf_fail(struct import *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An unsupported thing of the current node; returns 0, so that the rest is looked at. */
int tf_issue(struct import *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- map.c: the operators ---- */

/* Imports c->p, whose inputs are there: 0, or -1 after tf_fail. `op` is the row's (enum op_id). */
struct tf_op {
    const char *name;
    int (*import)(struct import *c, int op);
    int op;
    int minin, maxin; /* data inputs; maxin -1 = any number */
};
const struct tf_op *tf_op_find(const char *name);

/* ---- list.c ---- */

/* May an input of that operator be a list of tensors? */
bool tf_takes_lists(const char *op);

/* ---- attrs.c ---- */

const Tensorflow__AttrValue *tf_attr(const NodeDef *p, const char *name);
int64_t tf_int(const NodeDef *p, const char *name, int64_t absent);
float tf_float(const NodeDef *p, const char *name, float absent);
bool tf_bool(const NodeDef *p, const char *name, bool absent);
int tf_type(const NodeDef *p, const char *name, int absent);
/* Is the string attribute this? `absent` is what it is where it is left out. */
bool tf_is(const NodeDef *p, const char *name, const char *value, const char *absent);
/* The integers of a list attribute; returns how many (0 if absent), at most max are stored. */
int tf_list(const NodeDef *p, const char *name, int64_t *out, int max);

/* ---- tensor.c ---- */

/* A TensorFlow DataType as the IR has it; DT_NONE if it cannot be held. */
enum dtype tf_dtype(int type);
const char *tf_type_name(int type);
/* DT_FLOAT and so on; 0 if there is no such type. */
int tf_type_named(const char *name, size_t size);
struct shape tf_shape(const Tensorflow__TensorShapeProto *s);
/* A constant value, or NULL if it is unsupported (noted) or damaged (c->failed). */
struct value *tf_tensor(struct import *c, const Tensorflow__TensorProto *t, const char *name);

/* ---- graph.c ---- */

/* "a" of "a", "a:1" and "^a"; "a" of "a:0". */
const char *tf_node_of(struct import *c, const char *tensor);
const char *tf_tensor_name(struct import *c, const char *tensor);
/* What a tensor name ("a", "a:1") stands for; NULL with the error set if nothing. */
struct ref *tf_ref(struct import *c, const char *name);
/* Data input i of the current node. */
struct ref *tf_in(struct import *c, int i);
/* The number of data inputs: control inputs ("^a") come last. */
int tf_nin(const NodeDef *p);
/* The tensor in TensorFlow's order; channels first. */
struct value *tf_rows(struct import *c, struct ref *r);
struct value *tf_channels(struct import *c, struct ref *r);
/* Data input i in TensorFlow's order. */
struct value *tf_arg(struct import *c, int i);
/* Rank as far as known, else -1. */
int tf_rank(struct import *c, const struct value *v);
const struct shape *tf_dims(struct import *c, const struct value *v);
/* The same with free first dims taken for 2. */
const struct tensor *tf_other(struct import *c, const struct value *v);
/* Is the value known before the graph runs, whatever free first dims become? */
bool tf_certain(struct import *c, const struct value *v);
/* The integers of an input that is; false (noted as an issue) if not. */
bool tf_ints(struct import *c, int i, int64_t *out, int max, int *n);

/* A node NAME/what with one output, added to the graph and inferred. */
struct value *tf_made(struct import *c, enum op_id op, const char *what, int nin,
                      struct value *const *in);
struct value *tf_two(struct import *c, enum op_id op, const char *what, struct value *a,
                     struct value *b);
struct value *tf_transposed(struct import *c, const char *what, struct value *v, int rank,
                            const int64_t *perm);
/* The same in two steps, with attributes set between. */
struct node *tf_inner(struct import *c, enum op_id op, const char *what, int nin,
                      struct value *const *in);
int tf_insert(struct import *c, struct node *n);
/* Gives a node that is not in the graph yet `nout` outputs. */
void tf_widen(struct import *c, struct node *n, int nout);
/* A made constant. */
struct value *tf_const_ints(struct import *c, const char *what, const int64_t *v, int n);
struct value *tf_const_float(struct import *c, const char *what, float v);
/* The node that the current one becomes: its name, its ordinal; output 0. Not yet in the graph: set the
 * attributes, then tf_add. */
struct node *tf_node(struct import *c, enum op_id op, int nin, struct value *const *in);
/* Adds it; its outputs (nout) become the current node's, channels first or not. */
int tf_add(struct import *c, struct node *n, bool cf);
/* tf_node and tf_add for an operator without attributes. */
int tf_becomes(struct import *c, enum op_id op, int nin, struct value *const *in, bool cf);
/* Output `port` of the current node is what r stands for. */
void tf_alias(struct import *c, int port, const struct ref *r);
/* What the current node's output 0 stands for by now. */
struct ref *tf_written(struct import *c);
/* The name of output `port` of the current node. */
const char *tf_output(struct import *c, int port);

#endif
