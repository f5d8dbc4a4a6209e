/* unary.c: y = f(x) element by element, in any memory order. ONNX operators of the same names.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/op.h"

#define EACH(expr)                                                                                 \
    for (size_t i = 0; i < n; i++) {                                                               \
        float v = x[i];                                                                            \
        y[i] = (expr);                                                                             \
    }                                                                                              \
    break

static float gelu(float v, bool tanh_form)
{
    if (tanh_form)
        return 0.5f * v * (1 + tanhf(0.7978845608f * (v + 0.044715f * v * v * v)));
    return 0.5f * v * (1 + erff(v * 0.7071067812f));
}

static float softplus(float v)
{
    return v > 0 ? v + log1pf(expf(-v)) : log1pf(expf(v));
}

static int unary_f32(struct call *c, float *y, const float *x, size_t n)
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
        EACH(1 / (1 + expf(-v)));
    case OP_TANH:
        EACH(tanhf(v));
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
        EACH(fmaxf(0, fminf(1, a * v + b)));
    case OP_HARDSWISH:
        EACH(v * fmaxf(0, fminf(1, v * (1 / 6.0f) + 0.5f)));
    case OP_THRESHOLDEDRELU:
        a = attr_float(k, "alpha", 1);
        EACH(v > a ? v : 0);
    case OP_SOFTPLUS:
        EACH(softplus(v));
    case OP_SOFTSIGN:
        EACH(v / (1 + fabsf(v)));
    case OP_GELU: {
        bool form = strcmp(attr_string(k, "approximate", "none"), "tanh") == 0;
        EACH(gelu(v, form));
    }
    case OP_MISH:
        EACH(v * tanhf(softplus(v)));
    case OP_ABS:
        EACH(fabsf(v));
    case OP_NEG:
        EACH(-v);
    case OP_EXP:
        EACH(expf(v));
    case OP_LOG:
        EACH(logf(v));
    case OP_SQRT:
        EACH(sqrtf(v));
    case OP_RECIPROCAL:
        EACH(1 / v);
    case OP_ERF:
        EACH(erff(v));
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
        return call_unsupported(c, "float32");
    }
    return 0;
}

static int unary_i64(struct call *c, int64_t *y, const int64_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (c->node->op->id) {
        case OP_ABS:
            y[i] = x[i] < 0 ? -x[i] : x[i];
            break;
        case OP_NEG:
            y[i] = -x[i];
            break;
        case OP_SIGN:
            y[i] = (x[i] > 0) - (x[i] < 0);
            break;
        case OP_RELU:
            y[i] = x[i] > 0 ? x[i] : 0;
            break;
        default:
            return call_unsupported(c, "int64");
        }
    return 0;
}

int op_unary(struct call *c)
{
    const struct tensor *x = c->in[0];
    size_t n = (size_t)shape_count(&x->shape);
    bool test = node_is(c->node, OP_ISNAN);
    void *y = call_out_over(c, 0, test ? DT_BOOL : x->dtype, &x->shape, x->cl, test ? -1 : 0);

    if (y == NULL)
        return call_end(c);
    if (test && x->dtype == DT_F32) {
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)y)[i] = isnan(((const float *)x->data)[i]);
        return 0;
    }
    if (node_is(c->node, OP_NOT) && x->dtype == DT_BOOL) {
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)y)[i] = !((const uint8_t *)x->data)[i];
        return 0;
    }
    if (x->dtype == DT_F32)
        return unary_f32(c, y, x->data, n);
    if (x->dtype == DT_I64)
        return unary_i64(c, y, x->data, n);
    return call_unsupported(c, "%s", dtype_name(x->dtype));
}

int op_clip(struct call *c)
{
    const struct tensor *x = c->in[0];
    size_t n = (size_t)shape_count(&x->shape);
    void *y = call_out_over(c, 0, x->dtype, &x->shape, x->cl, 0);

    if (y == NULL)
        return call_end(c);
    if (x->dtype == DT_F32) {
        float lo = call_has(c, 1) ? *(const float *)c->in[1]->data : -INFINITY;
        float hi = call_has(c, 2) ? *(const float *)c->in[2]->data : INFINITY;
        const float *from = x->data;
        float *to = y;

        for (size_t i = 0; i < n; i++) {
            float v = from[i] < lo ? lo : from[i];

            to[i] = v > hi ? hi : v;
        }
        return 0;
    }
    if (x->dtype == DT_I64) {
        int64_t lo = call_has(c, 1) ? tensor_get_int(c->in[1], 0) : INT64_MIN;
        int64_t hi = call_has(c, 2) ? tensor_get_int(c->in[2], 0) : INT64_MAX;
        const int64_t *from = x->data;

        for (size_t i = 0; i < n; i++) {
            int64_t v = from[i] < lo ? lo : from[i];

            ((int64_t *)y)[i] = v > hi ? hi : v;
        }
        return 0;
    }
    return call_unsupported(c, "%s", dtype_name(x->dtype));
}
