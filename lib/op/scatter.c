/* scatter.c: elements written or read by index: ONNX ScatterElements-18, ScatterND-18 (reductions none,
 * add, mul, min, max), GatherND-13. Updates run in order.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "op/strides.h"

enum how { REPLACE, ADD, MUL, MIN, MAX };

static int read_how(struct call *c, enum how *how)
{
    static const char *const names[] = { "none", "add", "mul", "min", "max" };
    const char *s = attr_string(c->node, "reduction", "none");

    for (int i = 0; i < 5; i++)
        if (strcmp(s, names[i]) == 0) {
            *how = (enum how)i;
            return 0;
        }
    return call_unsupported(c, "reduction %s", s);
}

/* y[at] = y[at] how u[k] */
static void combine(struct tensor *y, int64_t at, const struct tensor *u, int64_t k, enum how how)
{
    if (how == REPLACE) {
        size_t size = dtype_size(y->dtype);

        memcpy((char *)y->data + (size_t)at * size, (const char *)u->data + (size_t)k * size, size);
    } else if (dtype_is_float(y->dtype)) {
        double a = tensor_get(y, (size_t)at), b = tensor_get(u, (size_t)k);

        tensor_put(y, (size_t)at,
                   how == ADD   ? a + b
                   : how == MUL ? a * b
                   : how == MIN ? (b < a ? b : a)
                                : (b > a ? b : a));
    } else {
        int64_t a = tensor_get_int(y, (size_t)at), b = tensor_get_int(u, (size_t)k);
        int64_t flip = y->dtype == DT_U64 ? INT64_MIN : 0; /* unsigned order */
        bool less = (b ^ flip) < (a ^ flip);

        tensor_put_int(y, (size_t)at,
                       how == ADD   ? (int64_t)((uint64_t)a + (uint64_t)b)
                       : how == MUL ? (int64_t)((uint64_t)a * (uint64_t)b)
                                    : ((how == MIN) == less ? b : a));
    }
}

/* Output 0 as a copy of input 0; NULL while inferring or on an error. */
static struct tensor *copied(struct call *c)
{
    const struct tensor *x = c->in[0];
    void *y = call_out_over(c, 0, x->dtype, &x->shape, false, 0);

    if (y != NULL && y != x->data && tensor_size(x) > 0)
        memcpy(y, x->data, tensor_size(x));
    return y == NULL ? NULL : c->out[0];
}

int op_scatterelements(struct call *c)
{
    const struct tensor *x = c->in[0], *index = c->in[1], *u = c->in[2];
    int rank = x->shape.rank, axis = call_axis(c, attr_int(c->node, "axis", 0), rank);
    int64_t own[RANK_MAX], n = shape_count(&index->shape);
    struct tensor *y;
    enum how how = REPLACE;

    if (axis < 0 || read_how(c, &how) < 0)
        return -1;
    if (index->shape.rank != rank || !shape_equal(&index->shape, &u->shape) || u->dtype != x->dtype)
        return call_fail(c, "indices, updates and data do not fit");
    for (int d = 0; d < rank; d++)
        if (d != axis && index->shape.dim[d] > x->shape.dim[d])
            return call_fail(c, "indices exceed the data in dim %d", d);
    y = copied(c);
    if (y == NULL)
        return call_end(c);
    strides_of(x, own);
    for (int64_t k = 0; k < n; k++) {
        int64_t i = tensor_get_int(index, (size_t)k), rest = k, at = 0;

        i = i < 0 ? i + x->shape.dim[axis] : i;
        if (i < 0 || i >= x->shape.dim[axis])
            return call_fail(c, "index %lld outside a dim of %lld",
                             (long long)tensor_get_int(index, (size_t)k),
                             (long long)x->shape.dim[axis]);
        for (int d = rank - 1; d >= 0; d--) {
            at += (d == axis ? i : rest % index->shape.dim[d]) * own[d];
            rest /= index->shape.dim[d];
        }
        combine(y, at, u, k, how);
    }
    return 0;
}

/* The offset that index tuple `k` names in x, whose first `skip` dims are batch dims; -1 + error. */
static int64_t offset_of(struct call *c, const struct tensor *x, int64_t k, int64_t width, int skip,
                         const int64_t *own)
{
    int64_t at = 0;

    for (int64_t d = 0; d < width; d++) {
        int64_t dim = x->shape.dim[skip + d], i = tensor_get_int(c->in[1], (size_t)(k * width + d));

        i = i < 0 ? i + dim : i;
        if (i < 0 || i >= dim)
            return call_fail(c, "index %lld outside a dim of %lld",
                             (long long)(i < 0 ? i - dim : i), (long long)dim);
        at += i * own[skip + d];
    }
    return at;
}

int op_scatternd(struct call *c)
{
    const struct tensor *x = c->in[0], *u = c->in[2];
    const struct shape *index = &c->in[1]->shape;
    int64_t own[RANK_MAX], width, n, part = 1;
    struct shape want = { 0 };
    struct tensor *y;
    enum how how = REPLACE;

    if (read_how(c, &how) < 0)
        return -1;
    width = index->rank > 0 ? index->dim[index->rank - 1] : 0;
    if (index->rank < 1 || width > x->shape.rank || u->dtype != x->dtype ||
        index->rank - 1 + x->shape.rank - width > RANK_MAX)
        return call_fail(c, "indices, updates and data do not fit");
    for (int d = 0; d < index->rank - 1; d++)
        want.dim[want.rank++] = index->dim[d];
    for (int d = (int)width; d < x->shape.rank; d++) {
        want.dim[want.rank++] = x->shape.dim[d];
        part *= x->shape.dim[d];
    }
    if (!shape_equal(&want, &u->shape))
        return call_fail(c, "indices, updates and data do not fit");
    y = copied(c);
    if (y == NULL)
        return call_end(c);
    strides_of(x, own);
    n = part > 0 ? shape_count(&u->shape) / part : 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t at = offset_of(c, x, k, width, 0, own);

        if (at < 0)
            return -1;
        for (int64_t i = 0; i < part; i++)
            combine(y, at + i, u, k * part + i, how);
    }
    return 0;
}

int op_gathernd(struct call *c)
{
    const struct tensor *x = c->in[0];
    const struct shape *index = &c->in[1]->shape;
    int64_t skip = attr_int(c->node, "batch_dims", 0), own[RANK_MAX], width, n, per, part;
    size_t size = dtype_size(x->dtype);
    struct shape y = { 0 };
    char *to;

    width = index->rank > 0 ? index->dim[index->rank - 1] : 0;
    if (skip < 0 || skip >= index->rank || skip + width > x->shape.rank ||
        index->rank - 1 + x->shape.rank - skip - width > RANK_MAX)
        return call_fail(c, "indices do not fit the data");
    for (int d = 0; d < skip; d++)
        if (index->dim[d] != x->shape.dim[d])
            return call_fail(c, "batch dim %d of data and indices differs", d);
    for (int d = 0; d < index->rank - 1; d++)
        y.dim[y.rank++] = index->dim[d];
    for (int d = (int)(skip + width); d < x->shape.rank; d++)
        y.dim[y.rank++] = x->shape.dim[d];
    to = call_out(c, 0, x->dtype, &y, false);
    if (to == NULL || shape_count(&y) == 0)
        return call_end(c);
    strides_of(x, own);
    part = shape_inner(&x->shape, (int)(skip + width) - 1);
    n = shape_count(&y) / part;
    per = n / shape_outer(&x->shape, (int)skip); /* tuples of each batch entry */
    for (int64_t k = 0; k < n; k++, to += (size_t)part * size) {
        int64_t at = offset_of(c, x, k, width, (int)skip, own);

        if (at < 0)
            return -1;
        at += k / per * shape_inner(&x->shape, (int)skip - 1);
        memcpy(to, (const char *)x->data + (size_t)at * size, (size_t)part * size);
    }
    return 0;
}
