/* gather.c: elements chosen by index, and tensors made from numbers alone. ONNX Gather-13,
 * GatherElements-13, ConstantOfShape-9, Range-11.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/op.h"

int op_gather(struct call *c)
{
    const struct tensor *x = c->in[0], *index = c->in[1];
    int axis = call_axis(c, attr_int(c->node, "axis", 0), x->shape.rank);
    size_t size = dtype_size(x->dtype), part;
    int64_t outer = 1, inner = 1, n, count;
    struct shape y = { 0 };
    char *to;

    if (axis < 0)
        return -1;
    if (x->shape.rank - 1 + index->shape.rank > RANK_MAX)
        return call_fail(c, "result of rank %d, at most %d", x->shape.rank - 1 + index->shape.rank,
                         RANK_MAX);
    for (int i = 0; i < x->shape.rank; i++) {
        outer *= i < axis ? x->shape.dim[i] : 1;
        inner *= i > axis ? x->shape.dim[i] : 1;
        if (i != axis)
            y.dim[y.rank++] = x->shape.dim[i];
        for (int k = 0; i == axis && k < index->shape.rank; k++)
            y.dim[y.rank++] = index->shape.dim[k];
    }
    n = x->shape.dim[axis];
    count = shape_count(&index->shape);
    part = (size_t)inner * size;
    to = call_out(c, 0, x->dtype, &y, false);
    if (to == NULL)
        return call_end(c);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < count; k++, to += part) {
            int64_t at = tensor_get_int(index, (size_t)k);

            at = at < 0 ? at + n : at;
            if (at < 0 || at >= n)
                return call_fail(c, "index %lld is outside dim %d of %lld", (long long)at, axis,
                                 (long long)n);
            memcpy(to, (const char *)x->data + (size_t)(o * n + at) * part, part);
        }
    return 0;
}

int op_gatherelements(struct call *c)
{
    const struct tensor *x = c->in[0], *index = c->in[1];
    int axis = call_axis(c, attr_int(c->node, "axis", 0), x->shape.rank), rank = x->shape.rank;
    size_t size = dtype_size(x->dtype);
    int64_t total = shape_count(&index->shape), strides[RANK_MAX], stride = 1;
    char *to;

    if (axis < 0)
        return -1;
    if (index->shape.rank != rank)
        return call_fail(c, "indices of rank %d for data of rank %d", index->shape.rank, rank);
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= x->shape.dim[i];
        if (i != axis && index->shape.dim[i] > x->shape.dim[i])
            return call_fail(c, "indices are larger than the data along dim %d", i);
    }
    to = call_out(c, 0, x->dtype, &index->shape, false);
    if (to == NULL)
        return call_end(c);
    for (int64_t i = 0; i < total; i++) {
        int64_t rest = i, from = 0, at = tensor_get_int(index, (size_t)i), n = x->shape.dim[axis];

        at = at < 0 ? at + n : at;
        if (at < 0 || at >= n)
            return call_fail(c, "index %lld is outside dim %d of %lld", (long long)at, axis,
                             (long long)n);
        for (int d = rank - 1; d >= 0; d--) {
            from += (d == axis ? at : rest % index->shape.dim[d]) * strides[d];
            rest /= index->shape.dim[d];
        }
        memcpy(to + (size_t)i * size, (const char *)x->data + (size_t)from * size, size);
    }
    return 0;
}

int op_constantofshape(struct call *c)
{
    const struct attr *a = attr_find(c->node, "value");
    struct tensor one = { .dtype = DT_F32, .data = &(float){ 0 } };
    struct shape y = { 0 };
    size_t size;
    int64_t n;
    char *to;

    if (a != NULL && a->tensor != NULL)
        one = constant_view(c->model, a->tensor);
    size = dtype_size(one.dtype);
    if (!call_ints(c, 0, y.dim, RANK_MAX, &y.rank))
        return c->failed ? -1 : call_unknown(c, 0, one.dtype);
    to = call_out(c, 0, one.dtype, &y, false);
    n = shape_count(&y);
    for (int64_t i = 0; to != NULL && i < n; i++)
        memcpy(to + (size_t)i * size, one.data, size);
    return call_end(c);
}

int op_range(struct call *c)
{
    enum dtype t = c->in[0]->dtype;
    double start, limit, delta, count;
    void *y;

    if (t != DT_F32 && t != DT_F64 && t != DT_I32 && t != DT_I64)
        return call_unsupported(c, "%s", dtype_name(t));
    for (int i = 0; i < 3; i++)
        if (!call_has_data(c, i))
            return call_unknown(c, 0, t);
    start = tensor_get(c->in[0], 0);
    limit = tensor_get(c->in[1], 0);
    delta = tensor_get(c->in[2], 0);
    count = delta == 0 ? 0 : ceil((limit - start) / delta);
    count = count > 0 ? count : 0;
    if (count > 1e9)
        return call_fail(c, "%g elements", count);
    y = call_out(c, 0, t, &(struct shape){ 1, { (int64_t)count } }, false);
    for (int64_t i = 0; y != NULL && i < (int64_t)count; i++)
        if (t == DT_F32)
            ((float *)y)[i] = (float)start + (float)i * (float)delta;
        else if (t == DT_F64)
            ((double *)y)[i] = start + (double)i * delta;
        else if (t == DT_I32)
            ((int32_t *)y)[i] = (int32_t)start + (int32_t)i * (int32_t)delta;
        else
            ((int64_t *)y)[i] = (int64_t)start + i * (int64_t)delta;
    return call_end(c);
}
