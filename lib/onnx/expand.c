/* expand.c: see expand.h. Operators without a row become those that have one, as their specifications
 * spell them out: functions of the default domain, and what ONNX Runtime's optimizer and its quantizer
 * write (domain com.microsoft, github.com/microsoft/onnxruntime/docs/ContribOperators.md).
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "onnx/expand.h"
#include "op/op.h"

struct value *expand_node(struct import *c, struct graph *g, const struct node *by, enum op_id op,
                          const char *what, int nin, struct value *const *in)
{
    struct node *n = import_made(c, op, by, what, nin);

    memcpy(n->in, in, (size_t)nin * sizeof *in);
    n->out[0]->dtype = nin > 0 && in[0] != NULL ? in[0]->dtype : DT_NONE;
    graph_add(c->m, g, n);
    return n->out[0];
}

static struct value *two(struct import *c, struct graph *g, const struct node *by, enum op_id op,
                         const char *what, struct value *a, struct value *b)
{
    return expand_node(c, g, by, op, what, 2, (struct value *[]){ a, b });
}

static struct value *input(const struct node *n, int i)
{
    return i < n->nin ? n->in[i] : NULL;
}

/* n becomes the last node of what it stands for: it keeps name, source and output. */
static int finish(struct import *c, struct graph *g, struct node *n, enum op_id op, int nin,
                  struct value *const *in)
{
    n->op = &ops[op];
    n->nin = 0;
    for (int i = 0; i < nin; i++)
        node_set_in(c->m, n, i, in[i]);
    n->nout = n->nout > 1 ? 1 : n->nout;
    graph_add(c->m, g, n);
    return 1;
}

/* Node `op` behind n: n writes a value of its own from now on, the new node what n wrote. */
static struct node *behind(struct import *c, struct node *n, enum op_id op, const char *what,
                           int nin)
{
    struct node *last = import_made(c, op, n, what, nin);
    struct value *out = n->out[0];

    last->in[0] = n->out[0] = last->out[0];
    n->out[0]->dtype = out->dtype;
    last->out[0] = out;
    return last;
}

static int need_inputs(struct import *c, const struct node *n, const char *type, int least)
{
    for (int i = 0; i < least; i++)
        if (input(n, i) == NULL)
            return import_fail(c, "node %s: %s: input %d is missing", n->name, type, i);
    if (n->nout < 1)
        return import_fail(c, "node %s: %s: no output", n->name, type);
    return 0;
}

/* (x - mean) / (sqrt(mean(x^2) - mean^2) + 1e-9) over axes */
int expand_mvn(struct import *c, struct graph *g, struct node *n)
{
    static const int64_t usual[] = { 0, 2, 3 };
    const struct attr *a = attr_find(n, "axes");
    struct value *axes, *x, *mean, *var, *deviation;

    if (need_inputs(c, n, "MeanVarianceNormalization", 1) < 0)
        return -1;
    x = n->in[0];
    axes = import_ints(c, n, "axes", a == NULL ? usual : a->ints, a == NULL ? 3 : a->n);
    mean = two(c, g, n, OP_REDUCEMEAN, "mean", x, axes);
    var = two(c, g, n, OP_REDUCEMEAN, "squares", two(c, g, n, OP_MUL, "square", x, x), axes);
    var = two(c, g, n, OP_SUB, "variance", var, two(c, g, n, OP_MUL, "mean2", mean, mean));
    deviation = expand_node(c, g, n, OP_SQRT, "deviation", 1, &var);
    deviation = two(c, g, n, OP_ADD, "epsilon", deviation, import_float(c, n, "tiny", 1e-9f));
    attr_drop(n, "axes");
    return finish(c, g, n, OP_DIV, 2,
                  (struct value *[]){ two(c, g, n, OP_SUB, "centred", x, mean), deviation });
}

/* Conv, then the sum with input 3, then an activation. */
int expand_fusedconv(struct import *c, struct graph *g, struct node *n)
{
    const struct attr *params = attr_find(n, "activation_params");
    const char *activation = attr_string(n, "activation", "");
    struct node *sum = NULL, *act = NULL;
    struct value *z = input(n, 3);
    float p[2] = { 0, 0 };

    if (need_inputs(c, n, "FusedConv", 2) < 0)
        return -1;
    for (int i = 0; params != NULL && i < params->n && i < 2; i++)
        p[i] = params->floats[i];
    attr_drop(n, "activation");
    attr_drop(n, "activation_params");
    n->nin = n->nin > 3 ? 3 : n->nin;
    if (*activation != '\0') {
        const struct op *op = op_find(activation);

        if (op == NULL || (op->act == NULL && op->id != OP_HARDSIGMOID)) {
            issues_add(&c->issues, "node %s: FusedConv: activation %s", n->name, activation);
            return 0;
        }
        act = behind(c, n, op->id, "activation", 1);
        if (op->id == OP_CLIP) {
            node_set_in(c->m, act, 1, import_float(c, n, "min", p[0]));
            node_set_in(c->m, act, 2, import_float(c, n, "max", p[1]));
        } else if (params != NULL) {
            attr_set_float(c->m, act, "alpha", p[0]);
            if (op->id == OP_HARDSIGMOID)
                attr_set_float(c->m, act, "beta", p[1]);
        }
    }
    if (z != NULL) {
        sum = behind(c, n, OP_ADD, "sum", 2);
        sum->in[1] = z;
    }
    graph_add(c->m, g, n);
    if (sum != NULL)
        graph_add(c->m, g, sum);
    if (act != NULL)
        graph_add(c->m, g, act);
    return 1;
}

static struct value *swapped(struct import *c, struct graph *g, struct node *n, const char *what,
                             struct value *v)
{
    struct value *y = expand_node(c, g, n, OP_EINSUM, what, 1, &v);

    attr_set_string(c->m, g->nodes[g->nnodes - 1], "equation", "...ij->...ji");
    return y;
}

int expand_fusedmatmul(struct import *c, struct graph *g, struct node *n)
{
    float alpha = attr_float(n, "alpha", 1);
    struct value *a, *b;

    if (need_inputs(c, n, "FusedMatMul", 2) < 0)
        return -1;
    a = attr_int(n, "transA", 0) ? swapped(c, g, n, "transposeA", n->in[0]) : n->in[0];
    b = attr_int(n, "transB", 0) ? swapped(c, g, n, "transposeB", n->in[1]) : n->in[1];
    n->nattrs = 0;
    if (alpha == 1)
        return finish(c, g, n, OP_MATMUL, 2, (struct value *[]){ a, b });
    a = two(c, g, n, OP_MATMUL, "product", a, b);
    return finish(c, g, n, OP_MUL, 2, (struct value *[]){ a, import_float(c, n, "alpha", alpha) });
}

/* Gelu of x + bias: BiasGelu, and FastGelu in its tanh form. */
int expand_biasgelu(struct import *c, struct graph *g, struct node *n)
{
    struct value *x;

    if (need_inputs(c, n, "BiasGelu", 1) < 0)
        return -1;
    x = input(n, 1) == NULL ? n->in[0] : two(c, g, n, OP_ADD, "bias", n->in[0], n->in[1]);
    return finish(c, g, n, OP_GELU, 1, &x);
}

int expand_fastgelu(struct import *c, struct graph *g, struct node *n)
{
    attr_set_string(c->m, n, "approximate", "tanh");
    return expand_biasgelu(c, g, n);
}

/* x sigmoid(alpha x) */
int expand_quickgelu(struct import *c, struct graph *g, struct node *n)
{
    float alpha = attr_float(n, "alpha", 1.702f);
    struct value *x, *gate;

    if (need_inputs(c, n, "QuickGelu", 1) < 0)
        return -1;
    x = n->in[0];
    gate = two(c, g, n, OP_MUL, "scaled", x, import_float(c, n, "alpha", alpha));
    gate = expand_node(c, g, n, OP_SIGMOID, "gate", 1, &gate);
    attr_drop(n, "alpha");
    return finish(c, g, n, OP_MUL, 2, (struct value *[]){ x, gate });
}

/* LayerNormalization of input + skip (+ bias), which may be an output too (the fourth). */
int expand_skiplayernorm(struct import *c, struct graph *g, struct node *n)
{
    struct value *sum, *gamma = input(n, 2), *beta = input(n, 3), *bias = input(n, 4),
                       *sum_out = n->nout > 3 ? n->out[3] : NULL;

    if (need_inputs(c, n, "SkipLayerNormalization", 3) < 0)
        return -1;
    sum = two(c, g, n, OP_ADD, "skip", n->in[0], n->in[1]);
    if (bias != NULL)
        sum = two(c, g, n, OP_ADD, "bias", sum, bias);
    if (sum_out != NULL) {
        g->nodes[g->nnodes - 1]->out[0] = sum_out;
        sum = sum_out;
    }
    for (int i = 1; i < n->nout && i < 3; i++)
        if (n->out[i] != NULL)
            issues_add(&c->issues, "node %s: SkipLayerNormalization: output %d", n->name, i);
    if (attr_find(n, "epsilon") == NULL)
        attr_set_float(c->m, n, "epsilon", 1e-12f);
    return finish(c, g, n, OP_LAYERNORMALIZATION, beta == NULL ? 2 : 3,
                  (struct value *[]){ sum, gamma, beta });
}

/* ---- QLinear…: dequantize, compute in float, quantize ---- */

static struct value *dequantize(struct import *c, struct graph *g, const struct node *by,
                                const char *what, struct value *const q[3], int64_t axis)
{
    struct value *x = expand_node(c, g, by, OP_DEQUANTIZELINEAR, what, q[2] == NULL ? 2 : 3, q);

    attr_set_int(c->m, g->nodes[g->nnodes - 1], "axis", axis);
    x->dtype = DT_F32;
    return x;
}

/* The node that computes: n's attributes and name; what it writes is quantized behind it. */
static int quantized(struct import *c, struct graph *g, struct node *n, enum op_id op, int nin,
                     struct value *const *in, struct value *scale, struct value *zero)
{
    struct node *q;

    if (scale == NULL)
        return import_fail(c, "node %s: no output scale", n->name);
    if (n->nout < 1 || n->out[0] == NULL)
        return 0;
    q = behind(c, n, OP_QUANTIZELINEAR, "quantize", zero == NULL ? 2 : 3);
    n->out[0]->dtype = DT_F32;
    q->in[1] = scale;
    if (zero != NULL)
        q->in[2] = zero;
    finish(c, g, n, op, nin, in);
    graph_add(c->m, g, q);
    return 1;
}

/* x, its scale and zero point, w …, y's; B is int32 of scale x * w. */
int expand_qlinearconv(struct import *c, struct graph *g, struct node *n)
{
    struct value *in[3] = { NULL }, *ys, *yz;
    int nin = 2;

    if (need_inputs(c, n, "QLinearConv", 7) < 0)
        return -1;
    ys = n->in[6];
    yz = input(n, 7);
    in[0] = dequantize(c, g, n, "x", n->in, 1);
    in[1] = dequantize(c, g, n, "w", n->in + 3, 0);
    if (input(n, 8) != NULL) {
        struct value *scale = two(c, g, n, OP_MUL, "bias_scale", n->in[1], n->in[4]);

        in[nin++] = dequantize(c, g, n, "b", (struct value *[]){ n->in[8], scale, NULL }, 0);
    }
    return quantized(c, g, n, OP_CONV, nin, in, ys, yz);
}

/* (a, scale, zero, b, scale, zero, y's scale, zero): MatMul, Add, Mul */
static int qlinear_pair(struct import *c, struct graph *g, struct node *n, const char *type,
                        enum op_id op, int64_t axis_a, int64_t axis_b)
{
    struct value *in[2], *ys, *yz;

    if (need_inputs(c, n, type, 2) < 0 || input(n, 4) == NULL || n->nin < 7)
        return import_fail(c, "node %s: %s: an input is missing", n->name, type);
    ys = n->in[6];
    yz = input(n, 7);
    in[0] = dequantize(c, g, n, "a", n->in, axis_a);
    in[1] = dequantize(c, g, n, "b", n->in + 3, axis_b);
    return quantized(c, g, n, op, 2, in, ys, yz);
}

int expand_qlinearmatmul(struct import *c, struct graph *g, struct node *n)
{
    return qlinear_pair(c, g, n, "QLinearMatMul", OP_MATMUL, -2, -1);
}

int expand_qlinearadd(struct import *c, struct graph *g, struct node *n)
{
    return qlinear_pair(c, g, n, "QLinearAdd", OP_ADD, 0, 0);
}

int expand_qlinearmul(struct import *c, struct graph *g, struct node *n)
{
    return qlinear_pair(c, g, n, "QLinearMul", OP_MUL, 0, 0);
}

/* (x, scale, zero, y's scale, zero): the row's own operator says which */
int expand_qlinearunary(struct import *c, struct graph *g, struct node *n)
{
    struct value *x, *ys, *yz;

    if (need_inputs(c, n, n->op->name, 2) < 0 || input(n, 3) == NULL)
        return import_fail(c, "node %s: an input is missing", n->name);
    if (attr_int(n, "channels_last", 0) != 0)
        issues_add(&c->issues, "node %s: QLinear%s: channels_last", n->name, n->op->name);
    attr_drop(n, "channels_last");
    attr_drop(n, "opset");
    ys = n->in[3];
    yz = input(n, 4);
    while (n->nin < 3)
        node_set_in(c->m, n, n->nin, NULL);
    x = dequantize(c, g, n, "x", n->in, 0);
    return quantized(c, g, n, n->op->id, 1, &x, ys, yz);
}

/* (y's scale, zero, then x, scale, zero of each) */
int expand_qlinearconcat(struct import *c, struct graph *g, struct node *n)
{
    struct value *ys = input(n, 0), *yz = input(n, 1);
    int count = (n->nin - 2) / 3;
    struct value **in;

    if (count < 1 || (n->nin - 2) % 3 != 0)
        return import_fail(c, "node %s: QLinearConcat: %d inputs", n->name, n->nin);
    in = arena_alloc(&c->m->arena, (size_t)count * sizeof(struct value *));
    for (int i = 0; i < count; i++) {
        if (n->in[2 + 3 * i] == NULL || n->in[3 + 3 * i] == NULL)
            return import_fail(c, "node %s: QLinearConcat: an input is missing", n->name);
        in[i] = dequantize(c, g, n, "x", n->in + 2 + 3 * i, 0);
    }
    return quantized(c, g, n, OP_CONCAT, count, in, ys, yz);
}
