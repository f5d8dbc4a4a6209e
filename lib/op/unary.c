/* unary.c: y = f(x) element by element, in any memory order. ONNX operators of the same names.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "op/op.h"
#include "op/vmath.h"

#define EACH(expr)                                                                                 \
    for (size_t i = 0; i < n; i++) {                                                               \
        float v = x[i];                                                                            \
        y[i] = (expr);                                                                             \
    }                                                                                              \
    break

static float softplus(float v)
{
    return (v > 0 ? v : 0) + log1pf(vexp(-fabsf(v)));
}

/* In double: all of double, and of float32 what no network spends time in. */
static double value(enum op_id id, const struct node *k, double v)
{
    double a, b;

    switch (id) {
    case OP_RELU:
        return v > 0 || v != v ? v : 0;
    case OP_LEAKYRELU:
        return v < 0 ? attr_float(k, "alpha", 0.01f) * v : v;
    case OP_SIGMOID:
        return 1 / (1 + exp(-v));
    case OP_TANH:
        return tanh(v);
    case OP_ELU:
        return v < 0 ? attr_float(k, "alpha", 1) * expm1(v) : v;
    case OP_CELU:
        a = attr_float(k, "alpha", 1);
        return v < 0 ? a * expm1(v / a) : v;
    case OP_SELU:
        a = attr_float(k, "alpha", 1.67326319217681884765625f);
        return attr_float(k, "gamma", 1.05070102214813232421875f) * (v < 0 ? a * expm1(v) : v);
    case OP_HARDSIGMOID:
        return fmax(0, fmin(1, attr_float(k, "alpha", 0.2f) * v + attr_float(k, "beta", 0.5f)));
    case OP_HARDSWISH:
        return v * fmax(0, fmin(1, v / 6 + 0.5));
    case OP_THRESHOLDEDRELU:
        return v > attr_float(k, "alpha", 1) ? v : 0;
    case OP_SHRINK:
        a = attr_float(k, "lambd", 0.5f);
        b = attr_float(k, "bias", 0);
        return v < -a ? v + b : v > a ? v - b : 0;
    case OP_SOFTPLUS:
        return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
    case OP_SOFTSIGN:
        return v / (1 + fabs(v));
    case OP_GELU:
        if (strcmp(attr_string(k, "approximate", "none"), "tanh") == 0)
            return 0.5 * v * (1 + tanh(M_2_SQRTPI * M_SQRT1_2 * (v + 0.044715 * v * v * v)));
        return 0.5 * v * (1 + erf(v * M_SQRT1_2));
    case OP_MISH:
        return v * tanh(v > 0 ? v + log1p(exp(-v)) : log1p(exp(v)));
    case OP_ABS:
        return fabs(v);
    case OP_NEG:
        return -v;
    case OP_EXP:
        return exp(v);
    case OP_LOG:
        return log(v);
    case OP_SQRT:
        return sqrt(v);
    case OP_RECIPROCAL:
        return 1 / v;
    case OP_ERF:
        return erf(v);
    case OP_SIN:
        return sin(v);
    case OP_COS:
        return cos(v);
    case OP_TAN:
        return tan(v);
    case OP_ASIN:
        return asin(v);
    case OP_ACOS:
        return acos(v);
    case OP_ATAN:
        return atan(v);
    case OP_SINH:
        return sinh(v);
    case OP_COSH:
        return cosh(v);
    case OP_ASINH:
        return asinh(v);
    case OP_ACOSH:
        return acosh(v);
    case OP_ATANH:
        return atanh(v);
    case OP_FLOOR:
        return floor(v);
    case OP_CEIL:
        return ceil(v);
    case OP_ROUND:
        return rint(v);
    default: /* OP_SIGN */
        return (v > 0) - (v < 0);
    }
}

CLONES static int unary_f32(struct call *c, float *y, const float *x, size_t n)
{
    const struct node *k = c->node;
    float a, b;

    switch (k->op->id) {
    case OP_RELU:
        EACH(v > 0 ? v : (v != v ? v : 0));
    case OP_LEAKYRELU:
        a = attr_float(k, "alpha", 0.01f);
        EACH(v < 0 ? a * v : v);
    case OP_SIGMOID:
        EACH(vlogistic(v));
    case OP_TANH:
        EACH(vtanh(v));
    case OP_ELU:
        a = attr_float(k, "alpha", 1);
        EACH(v < 0 ? a * expm1f(v) : v);
    case OP_CELU:
        a = attr_float(k, "alpha", 1);
        EACH(v < 0 ? a * expm1f(v / a) : v);
    case OP_SELU:
        a = attr_float(k, "alpha", 1.67326319217681884765625f);
        b = attr_float(k, "gamma", 1.05070102214813232421875f);
        EACH(b * (v < 0 ? a * expm1f(v) : v));
    case OP_HARDSIGMOID:
        a = attr_float(k, "alpha", 0.2f);
        b = attr_float(k, "beta", 0.5f);
        EACH(a * v + b < 0 ? 0 : a * v + b > 1 ? 1 : a * v + b);
    case OP_HARDSWISH:
        EACH(v * (v < -3 ? 0 : v > 3 ? 1 : v * (1 / 6.0f) + 0.5f));
    case OP_THRESHOLDEDRELU:
        a = attr_float(k, "alpha", 1);
        EACH(v > a ? v : 0);
    case OP_SOFTPLUS:
        EACH(softplus(v));
    case OP_SOFTSIGN:
        EACH(v / (1 + fabsf(v)));
    case OP_GELU:
        if (strcmp(attr_string(k, "approximate", "none"), "tanh") == 0) {
            EACH(0.5f * v * (1 + vtanh(0.7978845608f * (v + 0.044715f * v * v * v))));
        }
        EACH(0.5f * v * (1 + verf(v * 0.7071067812f)));
    case OP_MISH:
        EACH(v * vtanh(softplus(v)));
    case OP_ABS:
        EACH(fabsf(v));
    case OP_NEG:
        EACH(-v);
    case OP_EXP:
        EACH(vexp(v));
    case OP_LOG:
        EACH(logf(v));
    case OP_SQRT:
        EACH(sqrtf(v));
    case OP_RECIPROCAL:
        EACH(1 / v);
    case OP_ERF:
        EACH(verf(v));
    case OP_SIN:
        EACH(sinf(v));
    case OP_COS:
        EACH(cosf(v));
    case OP_FLOOR:
        EACH(floorf(v));
    case OP_CEIL:
        EACH(ceilf(v));
    case OP_ROUND:
        EACH(rintf(v));
    case OP_SIGN:
        EACH((float)((v > 0) - (v < 0)));
    default:
        EACH((float)value(k->op->id, k, v));
    }
    return 0;
}

/* Any integer type; unsigned 64-bit numbers go as their bits, which Abs, Relu and Sign see to. */
static void unary_int(const struct node *k, struct tensor *y, const struct tensor *x, size_t n)
{
    bool big = x->dtype == DT_U64;

    for (size_t i = 0; i < n; i++) {
        int64_t v = tensor_get_int(x, i);

        switch (k->op->id) {
        case OP_ABS:
            v = v < 0 && !big ? (int64_t) - (uint64_t)v : v;
            break;
        case OP_NEG:
            v = (int64_t) - (uint64_t)v;
            break;
        case OP_SIGN:
            v = big ? v != 0 : (v > 0) - (v < 0);
            break;
        case OP_RELU:
            v = v > 0 || big ? v : 0;
            break;
        case OP_BITWISENOT:
            v = ~v;
            break;
        case OP_SHRINK:
            v = (int64_t)value(OP_SHRINK, k, (double)v);
            break;
        default: /* OP_NOT */
            v = !v;
        }
        tensor_put_int(y, i, v);
    }
}

static bool has_type(enum op_id id, enum dtype t)
{
    bool is_float = t == DT_F32 || t == DT_F64;

    switch (id) {
    case OP_ABS:
    case OP_NEG:
    case OP_SIGN:
    case OP_RELU:
    case OP_SHRINK:
    case OP_ISNAN:
    case OP_ISINF:
        return true;
    case OP_BITWISENOT:
    case OP_NOT:
        return !is_float;
    default:
        return is_float;
    }
}

static bool is_test(const struct node *n)
{
    return node_is(n, OP_ISNAN) || node_is(n, OP_ISINF);
}

static void test(const struct node *k, uint8_t *y, const struct tensor *x, size_t n)
{
    bool nan = node_is(k, OP_ISNAN), up = attr_int(k, "detect_positive", 1) != 0,
         down = attr_int(k, "detect_negative", 1) != 0;

    for (size_t i = 0; i < n; i++) {
        double v = tensor_get(x, i);

        y[i] = nan ? isnan(v) : isinf(v) && (v > 0 ? up : down);
    }
}

int op_unary(struct call *c)
{
    const struct tensor *x = c->in[0];
    size_t n = (size_t)shape_count(&x->shape);
    bool tests = is_test(c->node);
    void *y;

    if (!has_type(c->node->op->id, x->dtype))
        return call_unsupported(c, "%s input", dtype_name(x->dtype));
    y = call_out_over(c, 0, tests ? DT_BOOL : x->dtype, &x->shape, x->cl, tests ? -1 : 0);
    if (y == NULL)
        return call_end(c);
    if (tests)
        test(c->node, y, x, n);
    else if (x->dtype == DT_F32)
        return unary_f32(c, y, x->data, n);
    else if (x->dtype == DT_F64)
        for (size_t i = 0; i < n; i++)
            ((double *)y)[i] = value(c->node->op->id, c->node, ((const double *)x->data)[i]);
    else
        unary_int(c->node, c->out[0], x, n);
    return 0;
}

static void clip_int(struct call *c, size_t n)
{
    const struct tensor *x = c->in[0];
    int64_t sign = x->dtype == DT_U64 ? INT64_MIN : 0; /* unsigned order by flipping the top bit */
    bool low = call_has(c, 1), high = call_has(c, 2);
    int64_t lo = low ? tensor_get_int(c->in[1], 0) ^ sign : INT64_MIN;
    int64_t hi = high ? tensor_get_int(c->in[2], 0) ^ sign : INT64_MAX;

    for (size_t i = 0; i < n; i++) {
        int64_t v = tensor_get_int(x, i) ^ sign;

        v = v < lo ? lo : v;
        tensor_put_int(c->out[0], i, (v > hi ? hi : v) ^ sign);
    }
}

CLONES static void clip_f32(float *y, const float *x, size_t n, float lo, float hi)
{
    for (size_t i = 0; i < n; i++) {
        float v = x[i] < lo ? lo : x[i];

        y[i] = v > hi ? hi : v;
    }
}

int op_clip(struct call *c)
{
    const struct tensor *x = c->in[0];
    size_t n = (size_t)shape_count(&x->shape);
    void *y;

    for (int i = 1; i < 3; i++)
        if (call_has(c, i) && shape_count(&c->in[i]->shape) != 1)
            return call_fail(c, "input %d has not one element", i);
    y = call_out_over(c, 0, x->dtype, &x->shape, x->cl, 0);
    if (y == NULL)
        return call_end(c);
    if (x->dtype == DT_F32) {
        float lo = call_has(c, 1) ? (float)tensor_get(c->in[1], 0) : -INFINITY;
        float hi = call_has(c, 2) ? (float)tensor_get(c->in[2], 0) : INFINITY;

        clip_f32(y, x->data, n, lo, hi);
        return 0;
    }
    if (x->dtype == DT_F64) {
        double lo = call_has(c, 1) ? tensor_get(c->in[1], 0) : -INFINITY;
        double hi = call_has(c, 2) ? tensor_get(c->in[2], 0) : INFINITY;

        for (size_t i = 0; i < n; i++) {
            double v = ((const double *)x->data)[i];

            v = v < lo ? lo : v;
            ((double *)y)[i] = v > hi ? hi : v;
        }
        return 0;
    }
    clip_int(c, n);
    return 0;
}
