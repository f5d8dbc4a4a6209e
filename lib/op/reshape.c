/* reshape.c: the same elements in the same order under another shape (no copy), type casts, and
 * Shape / Size. ONNX Reshape-14, Flatten-13, Squeeze-13, Unsqueeze-13, Cast-13, Shape-15.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/op.h"

int op_identity(struct call *c)
{
    return call_view(c, 0, 0, c->in[0]->dtype, &c->in[0]->shape, c->in[0]->cl);
}

int op_reshape(struct call *c)
{
    const struct shape *x = &c->in[0]->shape;
    bool zero_is_zero = attr_int(c->node, "allowzero", 0) != 0;
    struct shape y = { 0 };
    int64_t known = 1, total = shape_count(x);
    char text[200];
    int free_dim = -1;

    if (!call_ints(c, 1, y.dim, RANK_MAX, &y.rank))
        return c->failed ? -1 : call_unknown(c, 0, c->in[0]->dtype);
    for (int i = 0; i < y.rank; i++) {
        if (y.dim[i] == 0 && !zero_is_zero) {
            if (i >= x->rank)
                return call_fail(c, "dim %d is copied from an input of rank %d", i, x->rank);
            y.dim[i] = x->dim[i];
        }
        if (y.dim[i] == -1 && free_dim < 0)
            free_dim = i;
        else if (y.dim[i] < 0)
            return call_fail(c, "dim %d is %lld", i, (long long)y.dim[i]);
        else if (y.dim[i] > ((int64_t)1 << 48) / (known > 0 ? known : 1))
            return call_fail(c, "dim %d is %lld", i, (long long)y.dim[i]);
        else
            known *= y.dim[i];
    }
    if (free_dim >= 0)
        y.dim[free_dim] = known == 0 ? 0 : total / known;
    if (shape_count(&y) != total)
        return call_fail(c, "%lld elements do not fill %s", (long long)total, shape_text(&y, text));
    return call_view(c, 0, 0, c->in[0]->dtype, &y, false);
}

int op_flatten(struct call *c)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t axis = attr_int(c->node, "axis", 1);
    struct shape y = { .rank = 2, .dim = { 1, 1 } };

    if (axis < -x->rank || axis > x->rank)
        return call_fail(c, "axis %lld is outside a tensor of rank %d", (long long)axis, x->rank);
    axis = axis < 0 ? axis + x->rank : axis;
    for (int i = 0; i < x->rank; i++)
        y.dim[i < axis ? 0 : 1] *= x->dim[i];
    return call_view(c, 0, 0, c->in[0]->dtype, &y, false);
}

int op_squeeze(struct call *c)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t axes[RANK_MAX];
    bool gone[RANK_MAX] = { false };
    struct shape y = { 0 };
    int n = -1;

    if (call_has(c, 1) && !call_ints(c, 1, axes, RANK_MAX, &n))
        return c->failed ? -1 : call_unknown(c, 0, c->in[0]->dtype);
    for (int i = 0; i < x->rank && n < 0; i++)
        gone[i] = x->dim[i] == 1;
    for (int i = 0; i < n; i++) {
        int axis = call_axis(c, axes[i], x->rank);

        if (axis < 0)
            return -1;
        if (x->dim[axis] != 1)
            return call_fail(c, "dim %d is %lld, not 1", axis, (long long)x->dim[axis]);
        gone[axis] = true;
    }
    for (int i = 0; i < x->rank; i++)
        if (!gone[i])
            y.dim[y.rank++] = x->dim[i];
    return call_view(c, 0, 0, c->in[0]->dtype, &y, false);
}

int op_unsqueeze(struct call *c)
{
    const struct shape *x = &c->in[0]->shape;
    bool fresh[RANK_MAX] = { false };
    struct shape y = { 0 };
    int64_t axes[RANK_MAX];
    int n, from = 0;

    if (!call_ints(c, 1, axes, RANK_MAX, &n))
        return c->failed ? -1 : call_unknown(c, 0, c->in[0]->dtype);
    y.rank = x->rank + n;
    if (y.rank > RANK_MAX)
        return call_fail(c, "rank %d, at most %d", y.rank, RANK_MAX);
    for (int i = 0; i < n; i++) {
        int axis = call_axis(c, axes[i], y.rank);

        if (axis < 0)
            return -1;
        if (fresh[axis])
            return call_fail(c, "axis %d twice", axis);
        fresh[axis] = true;
    }
    for (int i = 0; i < y.rank; i++)
        y.dim[i] = fresh[i] ? 1 : x->dim[from++];
    return call_view(c, 0, 0, c->in[0]->dtype, &y, false);
}

/* Float to integer truncates; anything to bool is "not zero". */
static void cast(struct tensor *y, const struct tensor *x, size_t n)
{
    bool exact = !dtype_is_float(x->dtype) && !dtype_is_float(y->dtype);

    if (y->dtype == DT_F32)
        dtype_to_f32(y->data, x->data, x->dtype, n);
    else if (exact || (dtype_is_float(x->dtype) && !dtype_is_float(y->dtype) &&
                       y->dtype != DT_BOOL && y->dtype != DT_U64))
        for (size_t i = 0; i < n; i++)
            tensor_put_int(y, i, tensor_get_int(x, i));
    else
        for (size_t i = 0; i < n; i++)
            tensor_put(y, i, tensor_get(x, i));
}

int op_cast(struct call *c)
{
    const struct tensor *x = c->in[0];
    enum dtype to = (enum dtype)attr_int(c->node, "to", DT_F32);
    void *y;

    if (c->nin > 1) /* CastLike, until import knows the type of its second input */
        to = c->in[1]->dtype;
    if (to == DT_F16 || to == DT_BF16) { /* float16 and bfloat16 values are float32 in the IR */
        size_t n = (size_t)shape_count(&x->shape);
        uint16_t *half;

        y = call_out(c, 0, DT_F32, &x->shape, x->cl);
        if (y == NULL)
            return call_end(c);
        cast(c->out[0], x, n);
        half = c->ops->scratch(c, n * sizeof *half);
        dtype_from_f32(half, to, y, n);
        dtype_to_f32(y, half, to, n);
        return 0;
    }
    if (to == x->dtype)
        return call_view(c, 0, 0, to, &x->shape, x->cl);
    if (dtype_size(to) == 0 || dtype_size(to) > 8 || to == DT_C64)
        return call_unsupported(c, "to %s", dtype_name(to));
    y = call_out(c, 0, to, &x->shape, x->cl);
    if (y != NULL)
        cast(c->out[0], x, (size_t)shape_count(&x->shape));
    return call_end(c);
}

/* Shapes are known without data: while inferring too. */
int op_shape(struct call *c)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t from = attr_int(c->node, "start", 0), to = attr_int(c->node, "end", x->rank), *y;
    bool size = node_is(c->node, OP_SIZE);
    struct shape s = { .rank = size ? 0 : 1 };

    from = from < 0 ? from + x->rank : from;
    to = to < 0 ? to + x->rank : to;
    from = from < 0 ? 0 : from > x->rank ? x->rank : from;
    to = to < from ? from : to > x->rank ? x->rank : to;
    s.dim[0] = to - from;
    y = call_out(c, 0, DT_I64, &s, false);
    if (y == NULL && c->infer && !c->failed) {
        y = arena_alloc(c->arena, RANK_MAX * sizeof *y);
        c->out[0]->data = y;
    }
    if (y == NULL)
        return call_end(c);
    if (size)
        *y = shape_count(x);
    else
        memcpy(y, x->dim + from, (size_t)(to - from) * sizeof *y);
    return 0;
}
