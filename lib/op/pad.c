/* pad.c: Pad-13/18 (constant, reflect, edge, wrap), any memory order.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "op/strides.h"

enum mode { CONSTANT, REFLECT, EDGE, WRAP };

/* Where output index i of a dim of n elements reads, or -1 for the constant. */
static int64_t source(int64_t i, int64_t n, enum mode mode)
{
    int64_t period = 2 * n - 2;

    if (i >= 0 && i < n)
        return i;
    switch (mode) {
    case EDGE:
        return i < 0 ? 0 : n - 1;
    case REFLECT:
        if (period == 0)
            return 0;
        i = (i % period + period) % period;
        return i < n ? i : period - i;
    case WRAP:
        return (i % n + n) % n;
    default:
        return -1;
    }
}

struct padding {
    const struct tensor *x;
    struct tensor *y;
    int64_t begin[RANK_MAX], own[RANK_MAX], out[RANK_MAX];
    int order[RANK_MAX]; /* logical dims as memory has them */
    enum mode mode;
    char fill[8];
    size_t size;
};

static void pad_dim(const struct padding *p, int level, int64_t from, int64_t to, bool filled)
{
    const struct shape *xs = &p->x->shape, *ys = &p->y->shape;
    int d = p->order[level];
    bool innermost = level == ys->rank - 1;
    int64_t lo = p->begin[d] > 0 ? p->begin[d] : 0, hi = p->begin[d] + xs->dim[d];

    hi = hi < ys->dim[d] ? hi : ys->dim[d];
    if (innermost && !filled &&
        lo < hi) /* lo to hi is input as it lies: neighbours stay neighbours */
        memcpy((char *)p->y->data + (size_t)(to + lo) * p->size,
               (const char *)p->x->data + (size_t)(from + lo - p->begin[d]) * p->size,
               (size_t)(hi - lo) * p->size);
    for (int64_t i = 0; i < ys->dim[d]; i++) {
        int64_t k, f, t;

        if (innermost && !filled && i == lo && lo < hi)
            i = hi;
        if (i == ys->dim[d])
            break;
        k = filled ? -1 : source(i - p->begin[d], xs->dim[d], p->mode);
        f = k < 0 ? 0 : from + k * p->own[d];
        t = to + i * p->out[d];

        if (!innermost)
            pad_dim(p, level + 1, f, t, k < 0);
        else
            memcpy((char *)p->y->data + (size_t)t * p->size,
                   k < 0 ? p->fill : (const char *)p->x->data + (size_t)f * p->size, p->size);
    }
}

static int read_mode(struct call *c, enum mode *mode)
{
    static const char *const name[] = { "constant", "reflect", "edge", "wrap" };
    const char *s = attr_string(c->node, "mode", "constant");

    for (int i = 0; i < 4; i++)
        if (strcmp(s, name[i]) == 0) {
            *mode = (enum mode)i;
            return 0;
        }
    return call_unsupported(c, "mode %s", s);
}

int op_pad(struct call *c)
{
    const struct tensor *x = c->in[0];
    struct padding p = { .x = x, .size = dtype_size(x->dtype) };
    int64_t pads[2 * RANK_MAX], axes[RANK_MAX];
    struct shape y = x->shape;
    int n, naxes = x->shape.rank;

    if (read_mode(c, &p.mode) < 0)
        return -1;
    if (!call_ints(c, 1, pads, 2 * RANK_MAX, &n))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    for (int i = 0; i < naxes; i++)
        axes[i] = i;
    if (call_has(c, 3) && !call_ints(c, 3, axes, RANK_MAX, &naxes))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (n != 2 * naxes)
        return call_fail(c, "%d pads for %d axes", n, naxes);
    for (int i = 0; i < naxes; i++) {
        int axis = call_axis(c, axes[i], x->shape.rank);

        if (axis < 0)
            return -1;
        p.begin[axis] = pads[i];
        y.dim[axis] += pads[i] + pads[naxes + i];
        if (y.dim[axis] < 0)
            return call_fail(c, "negative pads leave nothing of dim %d", axis);
        if (p.mode != CONSTANT && x->shape.dim[axis] == 0)
            return call_fail(c, "cannot %s an empty dim", attr_string(c->node, "mode", ""));
    }
    if (call_out(c, 0, x->dtype, &y, x->cl) == NULL || shape_count(&y) == 0)
        return call_end(c);
    if (call_has(c, 2) && shape_count(&c->in[2]->shape) > 0 && c->in[2]->dtype == x->dtype)
        memcpy(p.fill, c->in[2]->data, p.size);
    p.y = c->out[0];
    strides_of(x, p.own);
    strides_of(p.y, p.out);
    for (int i = 0; i < y.rank; i++)
        p.order[i] = p.y->cl && i > 0 ? (i == y.rank - 1 ? 1 : i + 1) : i;
    if (y.rank == 0)
        memcpy(p.y->data, x->data, p.size);
    else
        pad_dim(&p, 0, 0, 0, false);
    return 0;
}
