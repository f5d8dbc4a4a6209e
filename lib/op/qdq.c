/* qdq.c: QuantizeLinear-21, DequantizeLinear-21 and DynamicQuantizeLinear-11: q = saturate(rint(x / scale)
 * + zero_point), half to even; x = (q - zero_point) * scale; per tensor, along `axis`, or in blocks of
 * `block_size` along it. 8-bit, 16-bit and (dequantized) 32-bit integers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "op/strides.h"

/* Scale index of element i, whose index along the axis is k: outer * count * inner + … */
struct axis {
    int64_t channels, inner, block; /* block elements of the axis share a scale */
    bool whole;                     /* one scale for all */
};

/* How many blocks cover a dim. */
static int64_t blocks_of(int64_t dim, int64_t block)
{
    return dim / block + (dim % block != 0);
}

static int scale_axis(struct call *c, struct axis *a)
{
    const struct shape *x = &c->in[0]->shape, *s = &c->in[1]->shape;
    int64_t n = shape_count(s), block = attr_int(c->node, "block_size", 0);
    bool blocks;
    int axis;

    if (call_has(c, 2) && shape_count(&c->in[2]->shape) != n && shape_count(&c->in[2]->shape) != 1)
        return call_fail(c, "scales and zero points differ in number");
    if (block < 0)
        return call_fail(c, "block_size %lld", (long long)block);
    *a = (struct axis){ 1, 1, 1, n == 1 && block == 0 };
    if (a->whole)
        return 0;
    axis = call_axis(c, attr_int(c->node, "axis", 1), x->rank);
    if (axis < 0)
        return -1;
    a->channels = x->dim[axis];
    a->inner = shape_inner(x, axis);
    blocks = s->rank == x->rank && s->rank > 1;
    if (blocks && block == 0 && s->dim[axis] > 0)
        block = blocks_of(x->dim[axis], s->dim[axis]);
    for (int i = 0; i < x->rank && blocks; i++)
        blocks = s->dim[i] == (i == axis && block > 0 ? blocks_of(x->dim[i], block) : x->dim[i]);
    if (blocks) {
        a->block = block;
        return c->in[0]->cl ? call_unsupported(c, "blocks of a feature map") : 0;
    }
    if (s->rank != 1 || n != x->dim[axis])
        return call_fail(c, "the scales do not fit axis %d", axis);
    a->block = 0; /* one a channel */
    if (c->in[0]->cl && axis != 1 && axis != 0)
        return call_unsupported(c, "axis %d of a feature map", axis);
    if (c->in[0]->cl) /* (N, spatial…, C) */
        a->inner = axis == 1 ? 1 : shape_inner(x, 0);
    return 0;
}

static size_t scale_index(const struct axis *a, int64_t i)
{
    int64_t k;

    if (a->whole)
        return 0;
    k = i / a->inner % a->channels;
    if (a->block == 0)
        return (size_t)k;
    return (size_t)((i / a->inner / a->channels * blocks_of(a->channels, a->block) + k / a->block) *
                        a->inner +
                    i % a->inner);
}

/* The zero point of scale k: input 2 has one for all, or as many as there are scales. */
static size_t zero_index(const struct call *c, size_t k)
{
    return shape_count(&c->in[2]->shape) == 1 ? 0 : k;
}

static bool range_of(enum dtype t, float *lo, float *hi)
{
    *lo = t == DT_I8 ? -128 : t == DT_I16 ? -32768 : 0;
    *hi = t == DT_U8 ? 255 : t == DT_I8 ? 127 : t == DT_U16 ? 65535 : 32767;
    return t == DT_U8 || t == DT_I8 || t == DT_U16 || t == DT_I16;
}

int op_quantizelinear(struct call *c)
{
    const struct tensor *x = c->in[0];
    enum dtype t =
        call_has(c, 2) ? c->in[2]->dtype : (enum dtype)attr_int(c->node, "output_dtype", DT_U8);
    int64_t n = shape_count(&x->shape);
    struct axis a;
    float lo, hi;

    if (t == DT_NONE)
        t = DT_U8;
    if (scale_axis(c, &a) < 0)
        return -1;
    if (!range_of(t, &lo, &hi))
        return call_unsupported(c, "%s to %s", dtype_name(x->dtype), dtype_name(t));
    if (call_out(c, 0, t, &x->shape, x->cl) == NULL)
        return call_end(c);
    for (int64_t i = 0; i < n; i++) {
        size_t k = scale_index(&a, i);
        float zero = call_has(c, 2) ? (float)tensor_get(c->in[2], zero_index(c, k)) : 0;
        float v =
            x->dtype == DT_F32 ? ((const float *)x->data)[i] : (float)tensor_get(x, (size_t)i);

        v = rintf(v / (float)tensor_get(c->in[1], k)) + zero;
        v = !(v > lo) ? lo : v > hi ? hi : v; /* NaN is the least */
        tensor_put_int(c->out[0], (size_t)i, (int64_t)v);
    }
    return 0;
}

int op_dequantizelinear(struct call *c)
{
    const struct tensor *q = c->in[0];
    int64_t n = shape_count(&q->shape);
    enum dtype t = c->in[1]->dtype;
    struct axis a;
    float lo, hi;

    if (scale_axis(c, &a) < 0)
        return -1;
    if (!range_of(q->dtype, &lo, &hi) && q->dtype != DT_I32)
        return call_unsupported(c, "%s input", dtype_name(q->dtype));
    if (call_out(c, 0, t, &q->shape, q->cl) == NULL)
        return call_end(c);
    for (int64_t i = 0; i < n; i++) {
        size_t k = scale_index(&a, i);
        int64_t zero = call_has(c, 2) ? tensor_get_int(c->in[2], zero_index(c, k)) : 0,
                v = tensor_get_int(q, (size_t)i) - zero;

        if (t == DT_F32)
            ((float *)c->out[0]->data)[i] = (float)v * ((const float *)c->in[1]->data)[k];
        else
            tensor_put(c->out[0], (size_t)i, (double)v * tensor_get(c->in[1], k));
    }
    return 0;
}

/* uint8 over the input's own range, which is extended to contain 0. */
int op_dynamicquantizelinear(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t n = shape_count(&x->shape);
    float lo = 0, hi = 0, s, z, *scale;
    struct shape one = { 0 };
    uint8_t *y, *zero;

    if (x->dtype != DT_F32)
        return call_unsupported(c, "%s input", dtype_name(x->dtype));
    y = call_out(c, 0, DT_U8, &x->shape, x->cl);
    scale = call_out(c, 1, DT_F32, &one, false);
    zero = call_out(c, 2, DT_U8, &one, false);
    if (c->infer || c->failed)
        return call_end(c);
    for (int64_t i = 0; i < n; i++) {
        lo = fminf(lo, ((const float *)x->data)[i]);
        hi = fmaxf(hi, ((const float *)x->data)[i]);
    }
    s = hi > lo ? (hi - lo) / 255 : 1;
    z = rintf(fmaxf(0, fminf(255, -lo / s)));
    if (scale != NULL)
        *scale = s;
    if (zero != NULL)
        *zero = (uint8_t)z;
    for (int64_t i = 0; y != NULL && i < n; i++)
        y[i] = (uint8_t)fmaxf(0, fminf(255, rintf(((const float *)x->data)[i] / s) + z));
    return 0;
}
