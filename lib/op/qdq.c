/* qdq.c: QuantizeLinear and DequantizeLinear (opset 13): q = saturate(rint(x / scale) + zero_point),
 * half to even; x = (q - zero_point) * scale; per tensor or along `axis`.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "op/op.h"

struct axis {
    int64_t channels, inner; /* scale index of element i = i / inner % channels */
};

static int scale_axis(struct call *c, struct axis *a)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t n = shape_count(&c->in[1]->shape);
    int axis;

    *a = (struct axis){ 1, 1 };
    if (n == 1)
        return 0;
    axis = call_axis(c, attr_int(c->node, "axis", 1), x->rank);
    if (axis < 0)
        return -1;
    if (c->in[1]->shape.rank != 1 || n != x->dim[axis])
        return call_unsupported(c, "scales of shape other than the axis (blocks)");
    a->channels = n;
    for (int i = axis + 1; i < x->rank; i++)
        a->inner *= x->dim[i];
    if (c->in[0]->cl) /* (N, spatial…, C): only axis 1 is handled there */
        a->inner = 1;
    return c->in[0]->cl && axis != 1 ? call_unsupported(c, "axis %d of a feature map", axis) : 0;
}

int op_quantizelinear(struct call *c)
{
    const struct tensor *x = c->in[0];
    enum dtype t = call_has(c, 2) ? c->in[2]->dtype : DT_U8;
    int64_t n = shape_count(&x->shape);
    struct axis a;
    void *q;

    if (scale_axis(c, &a) < 0)
        return -1;
    if (x->dtype != DT_F32 || (t != DT_U8 && t != DT_I8))
        return call_unsupported(c, "%s to %s", dtype_name(x->dtype), dtype_name(t));
    q = call_out(c, 0, t, &x->shape, x->cl);
    for (int64_t i = 0; q != NULL && i < n; i++) {
        size_t k = (size_t)(i / a.inner % a.channels);
        float zero = call_has(c, 2) ? (float)tensor_get(c->in[2], k) : 0;
        float v = rintf(((const float *)x->data)[i] / ((const float *)c->in[1]->data)[k]) + zero;

        if (t == DT_U8)
            ((uint8_t *)q)[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        else
            ((int8_t *)q)[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
    }
    return call_end(c);
}

int op_dequantizelinear(struct call *c)
{
    const struct tensor *q = c->in[0];
    int64_t n = shape_count(&q->shape);
    struct axis a;
    float *x;

    if (scale_axis(c, &a) < 0)
        return -1;
    if (q->dtype != DT_U8 && q->dtype != DT_I8 && q->dtype != DT_I32)
        return call_unsupported(c, "%s input", dtype_name(q->dtype));
    x = call_out(c, 0, DT_F32, &q->shape, q->cl);
    for (int64_t i = 0; x != NULL && i < n; i++) {
        size_t k = (size_t)(i / a.inner % a.channels);
        int64_t zero = call_has(c, 2) ? tensor_get_int(c->in[2], k) : 0;

        x[i] = (float)(tensor_get_int(q, (size_t)i) - zero) * ((const float *)c->in[1]->data)[k];
    }
    return call_end(c);
}
