/* reduce.c: sums, means, extrema and norms over axes, and ArgMax / ArgMin. ONNX Reduce*-13/18.
 * Sums run in double in a fixed order. Axes come as attribute or, from opset 13/18 on, as input 1.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/strides.h"

struct reduce {
    enum op_id id;
    const struct tensor *x;
    struct walk inner; /* over the reduced elements of one output */
    double acc;        /* of floats */
    int64_t whole; /* of integers; unsigned 64-bit ones with the top bit flipped in Max and Min */
    bool any;
    int64_t base;
};

static bool is_extremum(enum op_id id)
{
    return id == OP_REDUCEMAX || id == OP_REDUCEMIN;
}

/* Integers stay integers where the result is one of sums, products and extrema. */
static bool is_whole(const struct reduce *r)
{
    return !dtype_is_float(r->x->dtype) && r->id != OP_REDUCEL2 && r->id != OP_REDUCELOGSUM &&
           r->id != OP_REDUCELOGSUMEXP;
}

static void whole_row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct reduce *r = ctx;
    int64_t flip = r->x->dtype == DT_U64 && is_extremum(r->id) ? INT64_MIN : 0;

    (void)out;
    for (int64_t i = 0; i < n; i++) {
        int64_t v = tensor_get_int(r->x, (size_t)(r->base + at[0] + i * step[0])) ^ flip;

        switch (r->id) {
        case OP_REDUCEMAX:
            r->whole = !r->any || v > r->whole ? v : r->whole;
            break;
        case OP_REDUCEMIN:
            r->whole = !r->any || v < r->whole ? v : r->whole;
            break;
        case OP_REDUCEPROD:
            r->whole = (int64_t)((uint64_t)r->whole * (uint64_t)v);
            break;
        case OP_REDUCEL1:
            r->whole = (int64_t)((uint64_t)r->whole +
                                 (v < 0 && r->x->dtype != DT_U64 ? -(uint64_t)v : (uint64_t)v));
            break;
        case OP_REDUCESUMSQUARE:
            r->whole = (int64_t)((uint64_t)r->whole + (uint64_t)v * (uint64_t)v);
            break;
        default:
            r->whole = (int64_t)((uint64_t)r->whole + (uint64_t)v);
        }
        r->any = true;
    }
}

static void gather_row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct reduce *r = ctx;
    double acc = r->acc;

    (void)out;
    for (int64_t i = 0; i < n; i++) {
        size_t k = (size_t)(r->base + at[0] + i * step[0]);
        double v =
            r->x->dtype == DT_F32 ? (double)((const float *)r->x->data)[k] : tensor_get(r->x, k);

        switch (r->id) {
        case OP_REDUCEMAX:
            acc = v > acc || v != v ? v : acc;
            break;
        case OP_REDUCEMIN:
            acc = v < acc || v != v ? v : acc;
            break;
        case OP_REDUCEPROD:
            acc *= v;
            break;
        case OP_REDUCEL1:
            acc += fabs(v);
            break;
        case OP_REDUCEL2:
        case OP_REDUCESUMSQUARE:
            acc += v * v;
            break;
        case OP_REDUCELOGSUMEXP:
            acc += exp(v);
            break;
        default:
            acc += v;
        }
    }
    r->acc = acc;
}

static double start(enum op_id id)
{
    switch (id) {
    case OP_REDUCEMAX:
        return -INFINITY;
    case OP_REDUCEMIN:
        return INFINITY;
    case OP_REDUCEPROD:
        return 1;
    default:
        return 0;
    }
}

static double finish(enum op_id id, double acc, int64_t n)
{
    switch (id) {
    case OP_REDUCEMEAN:
        return acc / (double)n;
    case OP_REDUCEL2:
        return sqrt(acc);
    case OP_REDUCELOGSUM:
    case OP_REDUCELOGSUMEXP:
        return log(acc);
    default:
        return acc;
    }
}

/* Which dims go; false on an error. An empty list means all, or none with noop_with_empty_axes. */
static bool reduced_axes(struct call *c, bool gone[RANK_MAX], bool *noop)
{
    int rank = c->in[0]->shape.rank, n;
    int64_t axes[RANK_MAX];

    *noop = false;
    if (call_has(c, 1)) {
        if (!call_ints(c, 1, axes, RANK_MAX, &n))
            return false;
    } else {
        n = attr_ints(c->node, "axes", axes, RANK_MAX);
    }
    for (int i = 0; i < rank; i++)
        gone[i] = n == 0;
    if (n == 0 && attr_int(c->node, "noop_with_empty_axes", 0))
        *noop = true;
    for (int i = 0; i < n; i++) {
        int axis = call_axis(c, axes[i], rank);

        if (axis < 0)
            return false;
        gone[axis] = true;
    }
    return true;
}

struct outer {
    struct reduce *r;
    struct tensor *y;
    int64_t count;
};

static void reduce_row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct outer *o = ctx;

    for (int64_t i = 0; i < n; i++) {
        struct reduce *r = o->r;
        size_t k = (size_t)(out + i);

        r->base = at[0] + i * step[0];
        r->any = false;
        if (is_whole(r)) {
            r->whole = r->id == OP_REDUCEPROD;
            walk_rows(&r->inner, whole_row, r);
            if (r->id == OP_REDUCEMEAN && o->count > 0)
                r->whole /= o->count;
            if (is_extremum(r->id) && r->x->dtype == DT_U64)
                r->whole ^= INT64_MIN;
            if (is_extremum(r->id) && !r->any) /* of nothing, as numpy's initial values have it */
                r->whole =
                    r->id == OP_REDUCEMAX ? dtype_least(r->x->dtype) : ~dtype_least(r->x->dtype);
            tensor_put_int(o->y, k, r->whole);
        } else {
            r->acc = start(r->id);
            walk_rows(&r->inner, gather_row, r);
            tensor_put(o->y, k, finish(r->id, r->acc, o->count));
        }
    }
}

int op_reduce(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool keep = attr_int(c->node, "keepdims", 1) != 0, gone[RANK_MAX], noop;
    int64_t strides[RANK_MAX], kept_dim[RANK_MAX], kept_step[RANK_MAX], in_dim[RANK_MAX],
        in_step[RANK_MAX];
    struct reduce r = { .id = c->node->op->id, .x = x };
    struct outer o = { .r = &r, .count = 1 };
    struct walk outer;
    struct shape y = { 0 };
    int nkept = 0, nin = 0;

    if (!reduced_axes(c, gone, &noop))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (noop)
        return call_view(c, 0, 0, x->dtype, &x->shape, x->cl);
    strides_of(x, strides);
    for (int i = 0; i < x->shape.rank; i++) {
        if (gone[i]) {
            in_dim[nin] = x->shape.dim[i];
            in_step[nin++] = strides[i];
            o.count *= x->shape.dim[i];
        } else {
            kept_dim[nkept] = x->shape.dim[i];
            kept_step[nkept++] = strides[i];
        }
        if (keep || !gone[i])
            y.dim[y.rank++] = gone[i] ? 1 : x->shape.dim[i];
    }
    if (call_out(c, 0, x->dtype, &y, false) == NULL || shape_count(&y) == 0)
        return call_end(c);
    o.y = c->out[0];
    walk_dims(&r.inner, nin, in_dim, 1, (const int64_t *[]){ in_step });
    walk_dims(&outer, nkept, kept_dim, 1, (const int64_t *[]){ kept_step });
    walk_rows(&outer, reduce_row, &o);
    return 0;
}

int op_argminmax(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool keep = attr_int(c->node, "keepdims", 1) != 0, max = node_is(c->node, OP_ARGMAX);
    bool last = attr_int(c->node, "select_last_index", 0) != 0;
    int axis = call_axis(c, attr_int(c->node, "axis", 0), x->shape.rank);
    int64_t outer = 1, inner = 1, n, *y;
    struct shape s = { 0 };

    if (axis < 0)
        return -1;
    for (int i = 0; i < x->shape.rank; i++) {
        if (i != axis || keep)
            s.dim[s.rank++] = i == axis ? 1 : x->shape.dim[i];
        outer *= i < axis ? x->shape.dim[i] : 1;
        inner *= i > axis ? x->shape.dim[i] : 1;
    }
    n = x->shape.dim[axis];
    y = call_out(c, 0, DT_I64, &s, false);
    if (y == NULL)
        return call_end(c);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t best = 0;
            double top = tensor_get(x, (size_t)(o * n * inner + i));

            for (int64_t k = 1; k < n; k++) {
                double v = tensor_get(x, (size_t)((o * n + k) * inner + i));

                if (max ? v > top : v < top) {
                    best = k;
                    top = v;
                } else if (last && v == top) {
                    best = k;
                }
            }
            y[o * inner + i] = best;
        }
    return 0;
}
