/* ir.h: the model as every tool sees it: a graph of ONNX operators at opset 17 (DESIGN.md 3).
 *
 * Importers build it, passes change it, the dopt file carries it (format/, dopt-file(5)). Everything lives in the model's arena;
 * weights point into mapped files.
 * Whatever a value holds is known by asking it: `constant` (contents), `producer`, `dtype`, `shape`.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IR_IR_H
#define IR_IR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "ir/tensor.h"

enum { IR_OPSET = 17 };

struct op; /* a row of op/op.def; op/op.h */

enum framework {
    FRAMEWORK_NONE = 0,
    FRAMEWORK_TENSORFLOW = 3,
    FRAMEWORK_PYTORCH = 5,
    FRAMEWORK_ONNX = 6
};

/* Bytes of one tensor: borrowed from a mapped file or the arena, 64-byte aligned in the dopt file.
 * Constants and the SOURCE section (its external_data entries) refer to them by index. */
struct datum {
    const uint8_t *p;
    uint64_t size;
};

/* The contents of a value that is known before the graph runs. Read it through constant_f32 or
 * constant_tensor: the bytes may be float16 where the value is float32, and a BatchNorm folded into
 * a weight is kept as a factor per channel instead of a second copy of the weight. */
struct constant {
    int datum;         /* index into model->data */
    enum dtype stored; /* element type of the bytes; integers and bool always equal value->dtype */
    const char *name;  /* the initializer's name in the source: what users call the weight */
    const float
        *factor; /* NULL, or shape.dim[axis] factors: value = bytes * factor[index along axis] */
    int axis;
};

/* One edge: written by one node (or an input, or constant), read by any number, also inside
 * subgraphs. Names are unique in a model. */
struct value {
    const char *name;
    int id; /* index into model->values */
    enum dtype dtype;
    struct shape shape;
    enum dtype
        narrow; /* float16 or bfloat16 where the source says so of a float32 value, else NONE:
                        * what it is outside the tools, and what CastLike casts to */
    struct constant *constant; /* NULL if not constant */
    struct node *producer;     /* NULL for inputs and constants */
};

enum attr_type {
    ATTR_INT,
    ATTR_FLOAT,
    ATTR_STRING,
    ATTR_INTS,
    ATTR_FLOATS,
    ATTR_TENSOR,
    ATTR_GRAPH
};

struct attr {
    const char *name;
    enum attr_type type;
    int64_t i;
    float f;
    const char *s;
    int n; /* of ints or floats */
    const int64_t *ints;
    const float *floats;
    struct value *tensor; /* a constant value */
    struct graph *graph;
};

/* A BatchNorm that import folded into the node before it (y = gamma (x - mean) / sqrt(var + eps) +
 * beta): what equalization and excluded layers need. All are [C] float32 constants; `bias` is the
 * node's own bias before folding, or NULL. */
struct batchnorm {
    struct value *gamma, *beta, *mean, *var, *bias;
    float epsilon;
};

struct node {
    const struct op *op;
    const char *name; /* as the source has it; "Conv_12" where it has none; unique in the model */
    int id;           /* counts the nodes of the model in graph order, subgraphs included */
    int nin, nout;
    struct value **in, **out; /* in[i] is NULL where an optional input is left out */
    int nattrs;
    struct attr *attrs;
    int source;    /* ordinal of the node in SOURCE, -1 if import made it */
    int nabsorbed; /* ordinals of source nodes whose work this one took over, in order */
    int *absorbed; /* (BatchNormalization, a bias Add): the last one's output is this one's */
    struct batchnorm *bn; /* NULL if nothing was folded */
};

struct graph {
    const char *name;
    int nin, nout, nnodes;
    struct value **in, **out;
    struct node **nodes; /* in an order that can be executed */
    int capnodes;
};

/* A mapped file that data may lie in: the source model, and ONNX external data. With --link, DATA
 * points into it instead of copying it. */
struct link {
    const char *path; /* absolute where that could be found out */
    struct blob blob;
    bool owned; /* unmapped by model_release; else by whoever opened it */
};

struct model {
    struct arena arena;
    enum framework framework;
    struct graph *graph;
    int nvalues, capvalues;
    struct value **values;
    int nnodes; /* over all graphs */
    int ndata, capdata;
    struct datum *data;
    int nlinks, caplinks;
    struct link *links;
    char digest[33]; /* hex XXH3-128 that import stored; names the model in OBSERVED and PLAN */
    /* The source model with its large tensors replaced by references to `data` (ONNX, TensorFlow). */
    const uint8_t *source;
    size_t sourcesize;
};

void model_init(struct model *m);
void model_release(struct model *m);

/* A new value / node; names are copied. */
struct value *value_new(struct model *m, const char *name, enum dtype dtype, struct shape shape);
struct node *node_new(struct model *m, const struct op *op, const char *name, int nin, int nout);
void graph_add(struct model *m, struct graph *g, struct node *n);
struct graph *graph_new(struct model *m, const char *name);
/* Registers borrowed bytes and returns their index. */
int datum_add(struct model *m, const void *p, uint64_t size);
/* Registers a mapped file; the blob is copied. */
void link_add(struct model *m, const char *path, const struct blob *b, bool owned);
/* A constant value over a copy of `size` bytes in the arena. */
struct value *constant_new(struct model *m, const char *name, enum dtype dtype, struct shape shape,
                           const void *bytes);
/* Calls f for the graph and every graph inside it, outermost first. */
void graph_each(struct graph *g, void (*f)(struct graph *, void *), void *ctx);
/* Renumbers node ids in graph order and sets every value's producer. Call after changing nodes. */
void model_index(struct model *m);
/* Removes the nodes that no output needs and the values that nothing names any more, forgets outputs
 * that nobody reads (out[i] = NULL), and renumbers. Data below `keep` stay even where no constant
 * needs them: SOURCE may. */
void model_prune(struct model *m, int keep);
/* For every value id, how many node inputs and graph outputs (of all graphs) read it; caller frees. */
int *model_uses(const struct model *m);

/* The contents as float32 in logical row-major order, factors applied; `out` has room for all. */
void constant_f32(const struct model *m, const struct value *v, float *out);
/* Elements of an integer constant; false if v is NULL, not constant or not an integer. */
bool constant_ints(const struct model *m, const struct value *v, int64_t *out, int max, int *n);
/* A view of the stored bytes (no factor, stored type): data is borrowed. */
struct tensor constant_view(const struct model *m, const struct value *v);

/* Attributes, with the default where absent. attr_ints returns how many were copied, 0 if absent. */
const struct attr *attr_find(const struct node *n, const char *name);
int64_t attr_int(const struct node *n, const char *name, int64_t absent);
float attr_float(const struct node *n, const char *name, float absent);
const char *attr_string(const struct node *n, const char *name, const char *absent);
int attr_ints(const struct node *n, const char *name, int64_t *out, int max);
/* Adds or replaces. */
void attr_set_int(struct model *m, struct node *n, const char *name, int64_t i);
void attr_set_float(struct model *m, struct node *n, const char *name, float f);
void attr_set_ints(struct model *m, struct node *n, const char *name, const int64_t *v, int count);
void attr_set_string(struct model *m, struct node *n, const char *name, const char *s);
struct attr *attr_add(struct model *m, struct node *n, const char *name, enum attr_type type);
/* Input i, which may be one more than there are. */
void node_set_in(struct model *m, struct node *n, int i, struct value *v);
void attr_drop(struct node *n, const char *name);

#endif
