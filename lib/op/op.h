/* op.h: the operator table and the call that runs one operator.
 *
 * Adding an operator is one row in op.def and one function `int op_x(struct call *c)`. The same
 * function infers and computes: it reads its inputs' shapes, declares its outputs with call_out,
 * which returns NULL while shapes are inferred, and then fills them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_OP_H
#define OP_OP_H

#include "ir/ir.h"

enum op_id {
#define OP(id, ...) OP_##id,
#include "op/op.def"
    OP_COUNT
};

/* In which memory order an operator takes rank >= 3 tensors (see struct tensor). The engine permutes
 * before the call what does not fit. */
enum op_layout {
    LAYOUT_ROW,  /* every input row-major; outputs too */
    LAYOUT_CL,   /* input 0 channels-last, the others row-major */
    LAYOUT_ANY,  /* each input as it comes: the function looks at `cl` */
    LAYOUT_SAME, /* inputs of rank >= 3 and equal rank all alike: channels-last if any one is */
};

/* Which input is the weight that gets quantized, and along which axis its channels run. */
enum op_weight {
    WEIGHT_NONE,
    WEIGHT_CONV, /* input 1 (Cout, Cin/g, k…), bias input 2, channels on axis 0 */
    WEIGHT_CONVT, /* input 1 (Cin, Cout/g, k…), bias input 2, channels on axis 1 (per group: g * Cout/g) */
    WEIGHT_GEMM,   /* input 1 (K, N) or transB (N, K), bias input 2, channels = N */
    WEIGHT_MATMUL, /* input 1 (…, K, N), no bias, channels = N */
};

/* What an integer kernel does with the operator's float input 0 and output (DESIGN.md 5). */
enum op_point {
    POINT_NONE, /* float only: says nothing about its tensors */
    POINT_IO,   /* reads and writes quantized tensors of their own ranges */
    POINT_PASS, /* the output has the range of input 0 (MaxPool, Reshape, …) */
    POINT_PART, /* the output holds some of input 0's values: it has its own range where that is much
                 * finer, else input 0's (Slice, Split, Gather) */
    POINT_ACT,  /* fused into the node before it where that is its only reader (Relu, Clip);
                 * else like POINT_IO */
};

/* What is fused behind an operator: an elementwise activation y = f(x) as oneDNN has it (kind is a
 * dnnl_alg_kind_t), or ACT_RESIDUAL, the addition of another tensor. */
enum { ACT_RESIDUAL = 0 };
struct act {
    int kind;
    float alpha, beta;
};

struct call;

struct op {
    enum op_id id;
    const char *name; /* ONNX op_type */
    int (*run)(struct call *c);
    int minin, maxin; /* inputs; maxin -1 = any number */
    enum op_layout layout;
    enum op_weight weight;
    enum op_point point;
    bool (*act)(const struct node *n, const struct model *m, struct act *a); /* NULL: no post-op */
};

extern const struct op ops[OP_COUNT];
const struct op *op_find(const char *name); /* NULL if there is no such row */
static inline bool node_is(const struct node *n, enum op_id id)
{
    return n->op->id == id;
}

/* Whether the node has as many inputs and outputs as its row allows, none missing that must be there;
 * if not, `why` says what. */
bool node_arity(const struct node *n, char why[static 200]);

/* May this node's output go through fused activations? */
bool node_takes_post(const struct node *n);
/* The other operand of an Add `u` that could be fused behind node n, which writes `v`, or NULL. */
const struct value *node_residual(const struct node *n, const struct node *u,
                                  const struct value *v);
/* Fused activations on values in the cache, for operators that oneDNN does not run (op/act.c). */
void call_post(const struct call *c, float *y, size_t n);

/* The weight input of a quantizable node, or -1: a constant weight of a WEIGHT_ row. */
int node_weight(const struct node *n);
/* Its bias input or -1 (a row may have one that this node leaves out: then the index where it goes). */
int node_bias(const struct node *n);
/* What it reads there; NULL if nothing. */
const struct value *node_bias_value(const struct node *n);
/* The axis of input 0 along which the weight's input channels run; -1 = last. */
int node_channel_axis(const struct node *n);
/* The weight seen as (outer, channels, inner): element (o, c, i) belongs to output channel c. For a
 * grouped ConvTranspose channel = group * (Cout/g) + c: outer counts the rows of one group. */
struct weight_view {
    int axis;                       /* of the weight tensor */
    int64_t outer, channels, inner; /* outer * channels * inner = elements; groups = 1 */
    int64_t groups;                 /* ConvTranspose: channels = groups * dim[1] */
};
struct weight_view node_weight_view(const struct node *n);
/* The weight's elements in order come in runs of one channel: `inner` elements each, this many runs. */
int64_t weight_runs(const struct weight_view *w);
/* The channel of run r. */
int64_t weight_channel(const struct weight_view *w, int64_t r);

/* ---- one call ---- */

struct call {
    const struct model *model;
    const struct node *node;
    int nin, nout;
    const struct tensor *
        *in; /* NULL where left out; ->data is NULL while inferring, unless known */
    struct tensor **out;
    bool infer;
    const bool *last; /* in[i] is not read after this call; NULL = none */
    int npost;        /* fused activations and one residual addition, applied to out[0] in order */
    const struct act *post;
    const struct tensor
        *residual;               /* the other operand of a fused Add; NULL if none; it is in[nin] to
                                    * call_out_over and `last` */
    void **state;                /* this worker's scratch for this step, kept between calls; … */
    void (**state_free)(void *); /* … released with this */
    struct packs *packs;         /* prepared weights shared by all workers (op/pack.h) */
    const struct call_ops *ops;  /* how outputs and scratch are allocated: set by run/ or infer */
    struct arena *arena;         /* where arena_ops allocates */
    void *ctx;
    struct err *err;
    bool failed;
};

struct call_ops {
    /* Allocates out->data for out->shape, or reuses input `over` (-1 = none) where it is the last
     * reader and large enough. false on error. */
    bool (*alloc)(struct call *c, struct tensor *out, int over);
    /* Lets out share in's bytes. */
    void (*view)(struct call *c, struct tensor *out, const struct tensor *in);
    /* Scratch of at least `size` bytes, 64-byte aligned, valid until the call returns. */
    void *(*scratch)(struct call *c, size_t size);
    /* Runs a subgraph whose inputs are given; results go to out[0 … n-1]. */
    int (*subgraph)(struct call *c, const struct graph *g, const struct tensor *const *in, int nin,
                    struct tensor *const *out, int nout);
    /* One more and one less reference to what a subgraph returned. */
    void (*hold)(struct call *c, const struct tensor *t);
    void (*drop)(struct call *c, struct tensor *t);
};

/* Allocation in c->arena, without subgraphs: for import, where results stay. */
bool call_arena_alloc(struct call *c, struct tensor *out, int over);
void call_arena_view(struct call *c, struct tensor *out, const struct tensor *in);
void *call_arena_scratch(struct call *c, size_t size);

/* Declares output i; returns its memory, or NULL while inferring, on an error, or where the output is
 * not wanted: then `return call_end(c)`. A zero-element output gets a non-NULL pointer. */
void *call_out(struct call *c, int i, enum dtype dtype, const struct shape *shape, bool cl);
/* The same, reusing input `over` in place where possible (elementwise operators). */
void *call_out_over(struct call *c, int i, enum dtype dtype, const struct shape *shape, bool cl,
                    int over);
/* Declares output i as input k's bytes under another shape (no copy). */
int call_view(struct call *c, int i, int k, enum dtype dtype, const struct shape *shape, bool cl);
/* Declares that output i has this type but a shape that only running tells. */
int call_unknown(struct call *c, int i, enum dtype dtype);
/* 0, or -1 if something failed. */
int call_end(const struct call *c);
/* An error of this call: the node and operator are named by the caller. */
int call_fail(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for what is valid but not supported (exit status 3). */
int call_unsupported(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The integers (or floats, truncated) of small input i. false where the input is absent or, while
 * inferring, not known; *n is set to -1 for "absent". */
bool call_ints(struct call *c, int i, int64_t *out, int max, int *n);
/* True where input i exists (and, call_has_data, its contents can be read now). */
bool call_has(const struct call *c, int i);
bool call_has_data(const struct call *c, int i);
/* Which of the n words of `list` a string attribute is (`absent` where it is left out), or -1 with an
 * error. */
int call_word(struct call *c, const char *name, const char *const *list, int n, int absent);
/* An axis in -rank … rank-1 as 0 … rank-1, or -1 with an error. */
int call_axis(struct call *c, int64_t axis, int rank);
/* The call with double operands rounded to float32, its float32 results widened (op/narrow.c). */
int call_as_f32(struct call *c, int (*run)(struct call *c));
/* Puts a fused residual into `out` before a primitive adds to it (its shape must be the output's). */
int call_residual(struct call *c, void *out, const struct shape *shape);

/* ---- passes over a model ---- */

/* Runs every kernel on shapes alone: dtypes, ranks and dims of the outputs, and the contents of small
 * outputs where the inputs' are known. What kernels do not support is added to `issues`. */
int infer_model(struct model *m, struct issues *issues, struct err *e);

/* The same node by node, for an importer that must know ranks and small contents while it builds the
 * graph. infer_known: what is known so far; data is NULL where the contents are not. The pointer is
 * valid until the next call. A free first dim of an input counts as `free_dim`. */
struct infer;
struct infer *infer_new(struct model *m, struct issues *issues, int64_t free_dim);
void infer_free(struct infer *f);
int infer_node(struct infer *f, const struct node *n, struct err *e);
const struct tensor *infer_known(struct infer *f, const struct value *v);

/* Replaces every node whose inputs are all constant by its result (op/fold.c), unless that is much
 * larger than what it comes from. */
int fold_constants(struct model *m, struct err *e);

/* BatchNormalization, and constants added or multiplied per channel, into the Conv, ConvTranspose or
 * Gemm whose only reader they are (op/affine.c): a factor on the weight's constant, a new bias. */
void fold_affine(struct model *m);

/* MatMul of matrices and the constant row added to it become one Gemm (op/gemm.c). */
void fuse_gemm(struct model *m);

/* Lets the readers of an Identity read its input (op/identity.c), except where it names an output of
 * the model. */
void remove_identities(struct model *m);

/* Declares every kernel. */
#define OP(id, name, fn, ...) int fn(struct call *c);
#include "op/op.def"

#endif
