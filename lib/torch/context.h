/* context.h: what the parts of the PyTorch importer share; only lib/torch includes it.
 *
 * Every value of the trace has its shape and type, so that a row only says which of the IR's operators
 * torch's is. What the kernels infer is held against the trace after each call.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_CONTEXT_H
#define TORCH_CONTEXT_H

#include "base/names.h"
#include "ir/ir.h"
#include "op/op.h"
#include "torch/source.h"
#include "torch/weights.h"

/* Channels, rows: more than that is damage. */
enum { TORCH_LIST_MAX = 1 << 24 };

struct import {
    struct model *m;
    Trace *trace;
    const struct torch_state *state;
    int *data, ndata;      /* source_data */
    struct value **values; /* by the trace's number; NULL until somebody reads it */
    struct names used;     /* value names taken */
    struct names named;    /* node names taken */
    struct infer *infer;
    struct issues issues;
    struct err *err;
    const Call *p; /* the call being imported */
    int ordinal;   /* its position */
    enum op_id op; /* what its row says */
};

/* ---- map.c ---- */

/* Imports c->p: 0, or -1 with c->err set. `op` is the row's: the operator that gets the call's name. */
struct torch_op {
    const char *name;
    int (*import)(struct import *c, int op);
    int op;
    int args; /* at least so many */
};
const struct torch_op *torch_op_find(const char *name);

/* ---- args.c: the arguments of the current call ---- */

/* An error that ends the import; -1. */
int torch_fail(struct import *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for what is not supported: noted, 0. */
int torch_issue(struct import *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const Arg *torch_arg(const struct import *c, int i); /* NULL where absent or None */
bool torch_none(const struct import *c, int i);
int64_t torch_int(const struct import *c, int i);
double torch_number(const struct import *c, int i);
const char *torch_string(const struct import *c, int i);
/* Integers of a list; how many, at most max are stored. */
int torch_ints(const struct import *c, int i, int64_t *out, int max);
/* Shape and type of an argument that is a tensor, or of result i. */
struct shape torch_dims(const struct import *c, int i);
enum dtype torch_type(const struct import *c, int i);
struct shape torch_result_dims(const struct import *c, int i);
enum dtype torch_result_type(const struct import *c, int i);

/* The value of argument i; NULL with the error set if it is none. */
struct value *torch_in(struct import *c, int i);
/* The same of any Arg. */
struct value *torch_value(struct import *c, const Arg *a);
/* The argument, a number made a constant of this type. */
struct value *torch_operand(struct import *c, int i, enum dtype t);
/* A weight, or NULL where it is None. */
struct value *torch_optional(struct import *c, int i);
/* Is it a literal of only this number? */
bool torch_is_filled(const struct import *c, const Arg *a, double with);

/* ---- graph.c: nodes ---- */

/* A node named after the call, not in the graph yet: set the attributes, then torch_put. */
struct node *torch_node(struct import *c, enum op_id op, int nin, struct value *const *in,
                        int nout);
/* Adds it and infers it; its output 0, or NULL with the error set. */
struct value *torch_put(struct import *c, struct node *n);
/* Both, for an operator without attributes. */
struct value *torch_step(struct import *c, enum op_id op, int nin, struct value *const *in);
struct value *torch_two(struct import *c, enum op_id op, struct value *a, struct value *b);
/* What was made is result i of the call; -1 if v is NULL or of another shape than the trace says. */
int torch_result(struct import *c, int i, struct value *v);
int torch_becomes(struct import *c, enum op_id op, int nin, struct value *const *in);

struct value *torch_const_ints(struct import *c, const int64_t *v, int n);
struct value *torch_const(struct import *c, enum dtype t, double v); /* a scalar */
struct value *torch_filled(struct import *c, int64_t n, float v);    /* n times the same */
struct value *torch_reshaped(struct import *c, struct value *v, int rank, const int64_t *dims);
struct value *torch_transposed(struct import *c, struct value *v, int rank, const int64_t *perm);
struct value *torch_sliced(struct import *c, struct value *v, int64_t axis, int64_t start,
                           int64_t end, int64_t step);
struct value *torch_joined(struct import *c, int n, struct value *const *v, int64_t axis);

#endif
