/* matrix.c: operators on the last two dims, and along one: ONNX EyeLike-9, Trilu-14, Det-11,
 * CumSum-14, ReverseSequence-10.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/strides.h"

int op_eyelike(struct call *c)
{
    const struct tensor *x = c->in[0];
    enum dtype t = (enum dtype)attr_int(c->node, "dtype", x->dtype);
    int64_t k = attr_int(c->node, "k", 0);
    struct tensor *y = c->out[0];

    if (x->shape.rank != 2)
        return call_fail(c, "input of rank %d, not 2", x->shape.rank);
    if (k < INT32_MIN || k > INT32_MAX)
        return call_fail(c, "k %lld", (long long)k);
    if (t == DT_F16 || t == DT_BF16) /* float32 in the IR */
        t = DT_F32;
    if (call_out(c, 0, t, &x->shape, false) == NULL)
        return call_end(c);
    memset(y->data, 0, tensor_size(y));
    for (int64_t i = 0; i < x->shape.dim[0]; i++)
        if (i + k >= 0 && i + k < x->shape.dim[1])
            tensor_put_int(y, (size_t)(i * x->shape.dim[1] + i + k), 1);
    return 0;
}

int op_trilu(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool upper = attr_int(c->node, "upper", 1) != 0;
    size_t size = dtype_size(x->dtype);
    int rank = x->shape.rank, n;
    int64_t k = 0, rows, cols, batch;
    char *y;

    if (call_has(c, 1) && !call_ints(c, 1, &k, 1, &n) && !c->infer)
        return call_fail(c, "k is not known");
    if (rank < 2)
        return call_fail(c, "input of rank %d, at least 2", rank);
    y = call_out(c, 0, x->dtype, &x->shape, false);
    if (y == NULL || shape_count(&x->shape) == 0)
        return call_end(c);
    rows = x->shape.dim[rank - 2];
    cols = x->shape.dim[rank - 1];
    batch = shape_count(&x->shape) / (rows * cols);
    memset(y, 0, tensor_size(x));
    for (int64_t b = 0; b < batch; b++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) {
                size_t at = (size_t)((b * rows + i) * cols + j) * size;

                if (upper ? j - i >= k : j - i <= k)
                    memcpy(y + at, (const char *)x->data + at, size);
            }
    return 0;
}

/* By elimination with partial pivoting, in double. */
static double determinant(double *a, int64_t n)
{
    double det = 1;

    for (int64_t k = 0; k < n; k++) {
        int64_t top = k;

        for (int64_t i = k + 1; i < n; i++)
            top = fabs(a[i * n + k]) > fabs(a[top * n + k]) ? i : top;
        if (a[top * n + k] == 0)
            return 0;
        for (int64_t j = 0; j < n && top != k; j++) {
            double t = a[k * n + j];

            a[k * n + j] = a[top * n + j];
            a[top * n + j] = t;
        }
        det *= top != k ? -a[k * n + k] : a[k * n + k];
        for (int64_t i = k + 1; i < n; i++)
            for (int64_t j = n - 1; j >= k; j--)
                a[i * n + j] -= a[i * n + k] / a[k * n + k] * a[k * n + j];
    }
    return det;
}

int op_det(struct call *c)
{
    const struct tensor *x = c->in[0];
    struct shape s = x->shape;
    double *a;
    int64_t n, count;

    if (s.rank < 2 || s.dim[s.rank - 1] != s.dim[s.rank - 2] || !dtype_is_float(x->dtype))
        return call_fail(c, "the input holds no square float matrices");
    n = s.dim[s.rank - 1];
    s.rank -= 2;
    if (call_out(c, 0, x->dtype, &s, false) == NULL)
        return call_end(c);
    a = c->ops->scratch(c, (size_t)(n * n) * sizeof *a + 1);
    count = shape_count(&s);
    for (int64_t k = 0; k < count; k++) {
        for (int64_t i = 0; i < n * n; i++)
            a[i] = tensor_get(x, (size_t)(k * n * n + i));
        tensor_put(c->out[0], (size_t)k, determinant(a, n));
    }
    return 0;
}

int op_cumsum(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool exclusive = attr_int(c->node, "exclusive", 0) != 0,
         back = attr_int(c->node, "reverse", 0) != 0, whole = !dtype_is_float(x->dtype);
    int64_t axis = 0, n, outer, inner;
    int count;

    if (call_out(c, 0, x->dtype, &x->shape, false) == NULL)
        return call_end(c);
    if (!call_ints(c, 1, &axis, 1, &count) || count != 1)
        return call_fail(c, "the axis is not known");
    axis = call_axis(c, axis, x->shape.rank);
    if (axis < 0)
        return -1;
    n = x->shape.dim[axis];
    outer = shape_outer(&x->shape, (int)axis);
    inner = shape_inner(&x->shape, (int)axis);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            double sum = 0;
            uint64_t total = 0;

            for (int64_t j = 0; j < n; j++) {
                size_t at = (size_t)((o * n + (back ? n - 1 - j : j)) * inner + i);
                double before = sum;
                uint64_t earlier = total;

                if (whole) {
                    total += (uint64_t)tensor_get_int(x, at);
                    tensor_put_int(c->out[0], at, (int64_t)(exclusive ? earlier : total));
                } else {
                    sum += tensor_get(x, at);
                    tensor_put(c->out[0], at, exclusive ? before : sum);
                }
            }
        }
    return 0;
}

int op_reversesequence(struct call *c)
{
    const struct tensor *x = c->in[0], *lengths = c->in[1];
    int64_t batch = attr_int(c->node, "batch_axis", 1), time = attr_int(c->node, "time_axis", 0);
    int64_t b, t, part;
    char *y;

    if (x->shape.rank < 2 || batch + time != 1 || batch < 0 || batch > 1)
        return call_fail(c, "batch_axis and time_axis must be dims 0 and 1");
    b = x->shape.dim[batch];
    t = x->shape.dim[time];
    if (shape_count(&lengths->shape) != b)
        return call_fail(c, "sequence_lens has not %lld elements", (long long)b);
    y = call_out(c, 0, x->dtype, &x->shape, false);
    if (y == NULL)
        return call_end(c);
    part = shape_inner(&x->shape, 1) * (int64_t)dtype_size(x->dtype);
    for (int64_t k = 0; k < b; k++) {
        int64_t n = tensor_get_int(lengths, (size_t)k);

        if (n < 0 || n > t)
            return call_fail(c, "a sequence of %lld of %lld steps", (long long)n, (long long)t);
        for (int64_t i = 0; i < t; i++) {
            int64_t from = i < n ? n - 1 - i : i;
            int64_t at = batch == 0 ? k * t + i : i * b + k,
                    src = batch == 0 ? k * t + from : from * b + k;

            memcpy(y + at * part, (const char *)x->data + src * part, (size_t)part);
        }
    }
    return 0;
}
