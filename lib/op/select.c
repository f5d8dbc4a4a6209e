/* select.c: elements chosen by what they hold: ONNX Compress-11, NonZero-13, Unique-11, TopK-11,
 * OneHot-11. How many come out is known only with the data.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/strides.h"

int op_compress(struct call *c)
{
    const struct tensor *x = c->in[0], *cond = c->in[1];
    bool flat = attr_find(c->node, "axis") == NULL;
    struct shape y = flat ? shape_of(1, (int64_t[]){ shape_count(&x->shape) }) : x->shape, all = y;
    int axis = flat ? 0 : call_axis(c, attr_int(c->node, "axis", 0), y.rank);
    int64_t n = shape_count(&cond->shape), outer, part, kept = 0;
    size_t size = dtype_size(x->dtype);
    char *to;

    if (axis < 0)
        return -1;
    if (!call_has_data(c, 1))
        return call_unknown(c, 0, x->dtype);
    if (cond->dtype != DT_BOOL || n > y.dim[axis])
        return call_fail(c, "a condition of %lld elements of %s for a dim of %lld", (long long)n,
                         dtype_name(cond->dtype), (long long)y.dim[axis]);
    for (int64_t k = 0; k < n; k++)
        kept += ((const uint8_t *)cond->data)[k] != 0;
    y.dim[axis] = kept;
    to = call_out(c, 0, x->dtype, &y, false);
    if (to == NULL)
        return call_end(c);
    outer = shape_outer(&all, axis);
    part = shape_inner(&all, axis) * (int64_t)size;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < n; k++)
            if (((const uint8_t *)cond->data)[k]) {
                memcpy(to, (const char *)x->data + (o * all.dim[axis] + k) * part, (size_t)part);
                to += part;
            }
    return 0;
}

int op_nonzero(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t n = shape_count(&x->shape), found = 0, *y;
    int rank = x->shape.rank > 0 ? x->shape.rank : 1;
    struct shape s = { .rank = 2, .dim = { rank } };

    if (!call_has_data(c, 0))
        return call_unknown(c, 0, DT_I64);
    for (int64_t i = 0; i < n; i++)
        s.dim[1] += tensor_get(x, (size_t)i) != 0;
    y = call_out(c, 0, DT_I64, &s, false);
    for (int64_t i = 0; y != NULL && i < n; i++) {
        int64_t rest = i;

        if (tensor_get(x, (size_t)i) == 0)
            continue;
        for (int d = rank - 1; d >= 0; d--) {
            int64_t dim = x->shape.rank > 0 ? x->shape.dim[d] : 1;

            y[d * s.dim[1] + found] = rest % dim;
            rest /= dim;
        }
        found++;
    }
    return call_end(c);
}

/* Elements of a tensor in order: integers exactly, floats with NaN as the greatest. */
static int compare(const struct tensor *x, int64_t i, int64_t j)
{
    if (x->dtype == DT_U64) {
        uint64_t a = ((const uint64_t *)x->data)[i], b = ((const uint64_t *)x->data)[j];

        return (a > b) - (a < b);
    }
    if (!dtype_is_float(x->dtype)) {
        int64_t a = tensor_get_int(x, (size_t)i), b = tensor_get_int(x, (size_t)j);

        return (a > b) - (a < b);
    } else {
        double a = tensor_get(x, (size_t)i), b = tensor_get(x, (size_t)j);

        if (a != a || b != b)
            return (a != a) - (b != b);
        return (a > b) - (a < b);
    }
}

struct top {
    const struct tensor *x;
    int64_t base, step;
    bool largest;
};

static int by_rank(const void *a, const void *b, void *ctx)
{
    const struct top *t = ctx;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    int order = compare(t->x, t->base + i * t->step, t->base + j * t->step);

    if (order == 0)
        return (i > j) - (i < j);
    return t->largest ? -order : order;
}

int op_topk(struct call *c)
{
    const struct tensor *x = c->in[0];
    int axis = call_axis(c, attr_int(c->node, "axis", -1), x->shape.rank), n;
    int64_t k, dim, outer, inner, *order, *index;
    struct top t = { .x = x, .largest = attr_int(c->node, "largest", 1) != 0 };
    struct shape s = x->shape;
    size_t size = dtype_size(x->dtype);
    char *values;

    if (axis < 0)
        return -1;
    if (!call_ints(c, 1, &k, 1, &n)) {
        if (c->nout > 1)
            call_unknown(c, 1, DT_I64);
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    }
    dim = s.dim[axis];
    if (n != 1 || k < 0 || k > dim)
        return call_fail(c, "the %lld greatest of %lld", (long long)k, (long long)dim);
    s.dim[axis] = k;
    values = call_out(c, 0, x->dtype, &s, false);
    index = call_out(c, 1, DT_I64, &s, false);
    if (c->infer || c->failed || shape_count(&s) == 0)
        return call_end(c);
    order = c->ops->scratch(c, (size_t)dim * sizeof *order);
    outer = shape_outer(&s, axis);
    t.step = inner = shape_inner(&s, axis);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            t.base = o * dim * inner + i;
            for (int64_t j = 0; j < dim; j++)
                order[j] = j;
            qsort_r(order, (size_t)dim, sizeof *order, by_rank, &t);
            for (int64_t j = 0; j < k; j++) {
                int64_t at = (o * k + j) * inner + i;

                if (index != NULL)
                    index[at] = order[j];
                if (values != NULL)
                    memcpy(values + (size_t)at * size,
                           (const char *)x->data + (size_t)(t.base + order[j] * inner) * size,
                           size);
            }
        }
    return 0;
}

/* Slices of x along the axis: slice k is (outer, 1, inner). Without an axis every element is one. */
struct slices {
    const struct tensor *x;
    int64_t outer, n, inner;
};

static int slice_compare(const struct slices *s, int64_t i, int64_t j)
{
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t k = 0; k < s->inner; k++) {
            int order = compare(s->x, (o * s->n + i) * s->inner + k, (o * s->n + j) * s->inner + k);

            if (order != 0)
                return order;
        }
    return 0;
}

static int by_slice(const void *a, const void *b, void *ctx)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    int order = slice_compare(ctx, i, j);

    return order != 0 ? order : (i > j) - (i < j);
}

static int by_index(const void *a, const void *b)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;

    return (i > j) - (i < j);
}

/* first[g] = first slice of group g, group[k] = the group of slice k; returns how many groups. */
static int64_t find_groups(struct slices *s, bool sorted, int64_t *first, int64_t *group)
{
    int64_t *order = mem_zero((size_t)s->n + 1, sizeof *order), n = 0, *head;

    head = mem_zero((size_t)s->n + 1, sizeof *head); /* of each slice: the first one like it */
    for (int64_t k = 0; k < s->n; k++)
        order[k] = k;
    qsort_r(order, (size_t)s->n, sizeof *order, by_slice, s);
    for (int64_t k = 0; k < s->n; k++) {
        bool fresh = k == 0 || slice_compare(s, order[k - 1], order[k]) != 0;

        head[order[k]] = fresh ? order[k] : head[order[k - 1]];
        if (fresh)
            first[n++] = order[k];
    }
    if (!sorted)
        qsort(first, (size_t)n, sizeof *first, by_index);
    for (int64_t g = 0; g < n; g++)
        group[first[g]] = g;
    for (int64_t k = 0; k < s->n; k++)
        group[k] = group[head[k]]; /* the head comes before k */
    free(order);
    free(head);
    return n;
}

int op_unique(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool flat = attr_find(c->node, "axis") == NULL;
    struct shape all = flat ? shape_of(1, (int64_t[]){ shape_count(&x->shape) }) : x->shape,
                 y = all;
    int axis = flat ? 0 : call_axis(c, attr_int(c->node, "axis", 0), all.rank);
    struct slices s = { .x = x };
    int64_t *first, *group, n, *out;
    size_t size = dtype_size(x->dtype), part;
    struct shape per_group = { .rank = 1 }, per_slice = { .rank = 1 };
    char *to;

    if (axis < 0)
        return -1;
    if (!call_has_data(c, 0)) {
        for (int i = 1; i < c->nout; i++)
            call_unknown(c, i, DT_I64);
        return call_unknown(c, 0, x->dtype);
    }
    s.n = all.dim[axis];
    s.outer = shape_outer(&all, axis);
    s.inner = shape_inner(&all, axis);
    first = mem_zero((size_t)s.n + 1, sizeof *first);
    group = mem_zero((size_t)s.n + 1, sizeof *group);
    n = find_groups(&s, attr_int(c->node, "sorted", 1) != 0, first, group);
    y.dim[axis] = per_group.dim[0] = n;
    per_slice.dim[0] = s.n;
    to = call_out(c, 0, x->dtype, &y, false);
    part = (size_t)s.inner * size;
    for (int64_t o = 0; to != NULL && o < s.outer; o++)
        for (int64_t g = 0; g < n; g++, to += part)
            memcpy(to, (const char *)x->data + (size_t)(o * s.n + first[g]) * part, part);
    out = call_out(c, 1, DT_I64, &per_group, false);
    if (out != NULL)
        memcpy(out, first, (size_t)n * sizeof *out);
    out = call_out(c, 2, DT_I64, &per_slice, false);
    if (out != NULL)
        memcpy(out, group, (size_t)s.n * sizeof *out);
    out = call_out(c, 3, DT_I64, &per_group, false);
    if (out != NULL) {
        memset(out, 0, (size_t)n * sizeof *out);
        for (int64_t k = 0; k < s.n; k++)
            out[group[k]]++;
    }
    free(first);
    free(group);
    return call_end(c);
}

int op_onehot(struct call *c)
{
    const struct tensor *index = c->in[0], *values = c->in[2];
    int rank = index->shape.rank, axis = call_axis(c, attr_int(c->node, "axis", -1), rank + 1), n;
    size_t size = dtype_size(values->dtype);
    struct shape y = { .rank = rank + 1 };
    int64_t depth, outer, inner;
    char *to;

    if (axis < 0)
        return -1;
    if (!call_ints(c, 1, &depth, 1, &n))
        return c->failed ? -1 : call_unknown(c, 0, values->dtype);
    if (y.rank > RANK_MAX || n != 1 || depth < 0 || shape_count(&values->shape) != 2)
        return call_fail(c, "depth, values or rank do not fit");
    for (int i = 0; i < y.rank; i++)
        y.dim[i] = i == axis ? depth : index->shape.dim[i - (i > axis)];
    to = call_out(c, 0, values->dtype, &y, false);
    if (to == NULL)
        return call_end(c);
    outer = shape_outer(&y, axis);
    inner = shape_inner(&y, axis);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t d = 0; d < depth; d++)
            for (int64_t i = 0; i < inner; i++, to += size) {
                int64_t at = tensor_get_int(index, (size_t)(o * inner + i));
                bool on = (at < 0 ? at + depth : at) == d;

                memcpy(to, (const char *)values->data + (on ? size : 0), size);
            }
    return 0;
}
