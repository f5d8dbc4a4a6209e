/* softmax.c: Softmax, LogSoftmax and Hardmax along one axis (ONNX Softmax-13; older opsets' flattening
 * semantics become Reshape around it on import).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "op/strides.h"
#include "op/vmath.h"

/* One row of n values, `step` apart. The sum runs in 16 lanes, which are added up at the end. */
CLONES static void softmax(float *restrict y, const float *restrict x, int64_t n, int64_t step,
                           bool logs)
{
    float top = -INFINITY, sum = 0, lanes[16] = { 0 };
    int64_t whole = n / 16 * 16;

    for (int64_t k = 0; k < n; k++)
        top = x[k * step] > top ? x[k * step] : top;
    if (step == 1)
        for (int64_t k = 0; k < n; k++)
            y[k] = vexp(x[k] - top);
    else
        for (int64_t k = 0; k < n; k++)
            y[k * step] = vexp(x[k * step] - top);
    for (int64_t k = 0; k < whole; k += 16)
        for (int j = 0; j < 16; j++)
            lanes[j] += y[(k + j) * step];
    for (int64_t k = whole; k < n; k++)
        lanes[k - whole] += y[k * step];
    for (int j = 0; j < 16; j++)
        sum += lanes[j];
    if (logs) {
        float log_sum = logf(sum);

        for (int64_t k = 0; k < n; k++)
            y[k * step] = x[k * step] - top - log_sum;
    } else {
        for (int64_t k = 0; k < n; k++)
            y[k * step] /= sum;
    }
}

int op_softmax(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool logs = node_is(c->node, OP_LOGSOFTMAX);
    int axis = call_axis(c, attr_int(c->node, "axis", -1), x->shape.rank);
    int64_t outer = 1, inner = 1, n;
    const float *from;
    float *y;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_softmax);
    if (axis < 0)
        return -1;
    if (x->dtype != DT_F32)
        return call_unsupported(c, "%s", dtype_name(x->dtype));
    y = call_out(c, 0, DT_F32, &x->shape, false);
    if (y == NULL)
        return call_end(c);
    for (int i = 0; i < x->shape.rank; i++) {
        outer *= i < axis ? x->shape.dim[i] : 1;
        inner *= i > axis ? x->shape.dim[i] : 1;
    }
    n = x->shape.dim[axis];
    from = x->data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            softmax(y + o * n * inner + i, from + o * n * inner + i, n, inner, logs);
    return 0;
}

/* 1 at the first of the greatest, 0 elsewhere. */
int op_hardmax(struct call *c)
{
    const struct tensor *x = c->in[0];
    int axis = call_axis(c, attr_int(c->node, "axis", -1), x->shape.rank);
    int64_t outer, inner, n;

    if (axis < 0 || call_out(c, 0, x->dtype, &x->shape, false) == NULL)
        return call_end(c);
    memset(c->out[0]->data, 0, tensor_size(x));
    outer = shape_outer(&x->shape, axis);
    inner = shape_inner(&x->shape, axis);
    n = x->shape.dim[axis];
    for (int64_t o = 0; o < outer && n > 0; o++)
        for (int64_t i = 0; i < inner; i++) {
            size_t from = (size_t)(o * n * inner + i), best = from;

            for (int64_t k = 1; k < n; k++) {
                size_t at = from + (size_t)(k * inner);

                best = tensor_get(x, at) > tensor_get(x, best) ? at : best;
            }
            tensor_put_int(c->out[0], best, 1);
        }
    return 0;
}
