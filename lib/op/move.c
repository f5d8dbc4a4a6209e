/* move.c: operators that only move elements, through one strided copy. ONNX Transpose-13, Concat-13,
 * Split-13/18, Slice-13, Expand-13, Tile-13, CenterCropPad-18, DepthToSpace-13,
 * SpaceToDepth-13.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "op/strides.h"

struct copy {
    char *to;
    const char *from;
    size_t size; /* of an element */
};

static void copy_row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct copy *k = ctx;
    const char *from = k->from + at[0] * (int64_t)k->size;
    char *to = k->to + at[1] * (int64_t)k->size;

    (void)out;
    if (step[0] == 1 && step[1] == 1) {
        memcpy(to, from, (size_t)n * k->size);
    } else if (k->size == 4) {
        for (int64_t i = 0; i < n; i++)
            ((uint32_t *)(void *)to)[i * step[1]] =
                ((const uint32_t *)(const void *)from)[i * step[0]];
    } else {
        for (int64_t i = 0; i < n; i++)
            memcpy(to + i * step[1] * (int64_t)k->size, from + i * step[0] * (int64_t)k->size,
                   k->size);
    }
}

/* to[i·tstep] = from[i·fstep] for every index i below dim. The dim that is closest in `to` goes inside. */
static void copy_strided(void *to, const void *from, size_t size, int n, const int64_t *dim,
                         const int64_t *fstep, const int64_t *tstep)
{
    struct copy k = { to, from, size };
    int64_t d[RANK_MAX] = { 0 }, f[RANK_MAX] = { 0 }, t[RANK_MAX] = { 0 };
    struct walk w;

    for (int i = 0; i < n; i++) {
        int at = i;

        for (; at > 0 && t[at - 1] < tstep[i]; at--) {
            d[at] = d[at - 1];
            f[at] = f[at - 1];
            t[at] = t[at - 1];
        }
        d[at] = dim[i];
        f[at] = fstep[i];
        t[at] = tstep[i];
    }
    walk_dims(&w, n, d, 2, (const int64_t *[]){ f, t });
    walk_rows(&w, copy_row, &k);
}

/* The position of a logical axis in memory order, and strides for dims taken in memory order. */
static int memory_axis(const struct tensor *t, int axis)
{
    if (!t->cl || t->shape.rank < 3 || axis == 0)
        return axis;
    return axis == 1 ? t->shape.rank - 1 : axis - 1;
}

static struct shape memory_shape(const struct tensor *t)
{
    struct shape s = { .rank = t->shape.rank };

    for (int i = 0; i < s.rank; i++)
        s.dim[memory_axis(t, i)] = t->shape.dim[i];
    return s;
}

/* (outer, axis, inner) of a tensor in memory order. */
static void split_at(const struct shape *memory, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int i = 0; i < memory->rank; i++) {
        *outer *= i < axis ? memory->dim[i] : 1;
        *inner *= i > axis ? memory->dim[i] : 1;
    }
}

int op_transpose(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t perm[RANK_MAX], own[RANK_MAX], from[RANK_MAX], to[RANK_MAX];
    int rank = x->shape.rank, n = attr_ints(c->node, "perm", perm, RANK_MAX);
    bool seen[RANK_MAX] = { false }, free_row = true, free_cl = rank >= 3;
    struct shape y = { .rank = rank };
    struct tensor view;

    for (int i = 0; i < rank && n == 0; i++)
        perm[i] = rank - 1 - i;
    if (n != 0 && n != rank)
        return call_fail(c, "perm has %d entries for a tensor of rank %d", n, rank);
    for (int i = 0; i < rank; i++) {
        if (perm[i] < 0 || perm[i] >= rank || seen[perm[i]])
            return call_fail(c, "perm is not a permutation");
        seen[perm[i]] = true;
        y.dim[i] = x->shape.dim[perm[i]];
    }
    /* No copy where the memory order of x already is that of y, row-major or channels-last. */
    strides_of(x, own);
    view = (struct tensor){ .shape = y };
    for (int form = 0; form < 2; form++) {
        view.cl = form == 1 && rank >= 3;
        strides_of(&view, to);
        for (int i = 0; i < rank; i++)
            if (y.dim[i] != 1 && own[perm[i]] != to[i])
                *(form ? &free_cl : &free_row) = false;
    }
    if (free_row || free_cl)
        return call_view(c, 0, 0, x->dtype, &y, !free_row);
    if (call_out(c, 0, x->dtype, &y, false) == NULL)
        return call_end(c);
    strides_of(c->out[0], to);
    for (int i = 0; i < rank; i++)
        from[i] = own[perm[i]];
    copy_strided(c->out[0]->data, x->data, dtype_size(x->dtype), rank, y.dim, from, to);
    return 0;
}

int op_concat(struct call *c)
{
    struct shape y = c->in[0]->shape, memory;
    int axis = call_axis(c, attr_int(c->node, "axis", 0), y.rank);
    size_t size = dtype_size(c->in[0]->dtype);
    int64_t outer, inner, row;
    char *to;

    if (axis < 0)
        return -1;
    y.dim[axis] = 0;
    for (int i = 0; i < c->nin; i++) {
        const struct shape *s = &c->in[i]->shape;

        if (s->rank != y.rank || c->in[i]->dtype != c->in[0]->dtype)
            return call_fail(c, "input %d is of another rank or type", i);
        for (int d = 0; d < y.rank; d++)
            if (d != axis && s->dim[d] != y.dim[d])
                return call_fail(c, "dim %d of input %d is %lld, not %lld", d, i,
                                 (long long)s->dim[d], (long long)y.dim[d]);
        y.dim[axis] += s->dim[axis];
    }
    to = call_out(c, 0, c->in[0]->dtype, &y, c->in[0]->cl);
    if (to == NULL)
        return call_end(c);
    memory = memory_shape(c->out[0]);
    split_at(&memory, memory_axis(c->out[0], axis), &outer, &inner);
    row = y.dim[axis] * inner;
    for (int i = 0; i < c->nin; i++) {
        size_t part = (size_t)(c->in[i]->shape.dim[axis] * inner) * size;
        const char *from = c->in[i]->data;

        for (int64_t o = 0; o < outer && part > 0; o++)
            memcpy(to + (size_t)(o * row) * size, from + (size_t)o * part, part);
        to += part;
    }
    return 0;
}

int op_split(struct call *c)
{
    const struct tensor *x = c->in[0];
    int axis = call_axis(c, attr_int(c->node, "axis", 0), x->shape.rank), n = -1;
    int64_t parts[1024], outer, inner, start = 0, row, whole;
    size_t size = dtype_size(x->dtype);
    struct shape memory = memory_shape(x);

    if (axis < 0)
        return -1;
    if (c->nout > 1024)
        return call_fail(c, "more than 1024 outputs");
    whole = x->shape.dim[axis];
    if (call_has(c, 1)) {
        if (!call_ints(c, 1, parts, 1024, &n))
            return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    } else {
        int64_t each = (whole + c->nout - 1) / c->nout;

        for (n = 0; n < c->nout; n++)
            parts[n] = each * (n + 1) <= whole ? each : whole > each * n ? whole - each * n : 0;
    }
    if (n != c->nout)
        return call_fail(c, "%d sizes for %d outputs", n, c->nout);
    for (int i = 0; i < n; i++)
        start += parts[i] < 0 ? whole + 1 : parts[i];
    if (start != whole)
        return call_fail(c, "the parts do not add up to %lld", (long long)whole);
    split_at(&memory, memory_axis(x, axis), &outer, &inner);
    row = whole * inner;
    start = 0;
    for (int i = 0; i < n; i++) {
        struct shape y = x->shape;
        size_t part = (size_t)(parts[i] * inner) * size;
        char *to;

        y.dim[axis] = parts[i];
        to = call_out(c, i, x->dtype, &y, x->cl);
        for (int64_t o = 0; o < outer && to != NULL && part > 0; o++)
            memcpy(to + (size_t)o * part, (const char *)x->data + (size_t)(o * row + start) * size,
                   part);
        start += parts[i] * inner;
    }
    return call_end(c);
}

/* One axis of a slice: first index, step and count as ONNX clamps them. */
static int64_t slice_axis(int64_t n, int64_t *start, int64_t end, int64_t step)
{
    int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? n : n - 1, count;

    *start = *start < 0 ? (*start < -n ? lo : *start + n) : *start;
    *start = *start > hi ? hi : *start < 0 ? 0 : *start;
    end = end < 0 ? (end < -n ? -1 : end + n) : end;
    end = end > n ? n : end < lo ? lo : end;
    count = step > 0 ? (end - *start + step - 1) / step : (*start - end - step - 1) / -step;
    return count > 0 ? count : 0;
}

int op_slice(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t starts[RANK_MAX], ends[RANK_MAX], axes[RANK_MAX] = { 0 }, steps[RANK_MAX] = { 0 };
    int64_t own[RANK_MAX] = { 0 }, to[RANK_MAX], offset = 0;
    struct shape y = x->shape;
    int n, nends, naxes = 0, nsteps = 0;

    if (!call_ints(c, 1, starts, RANK_MAX, &n) || !call_ints(c, 2, ends, RANK_MAX, &nends))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (call_has(c, 3) && !call_ints(c, 3, axes, RANK_MAX, &naxes))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (call_has(c, 4) && !call_ints(c, 4, steps, RANK_MAX, &nsteps))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (n != nends || (call_has(c, 3) && naxes != n) || (call_has(c, 4) && nsteps != n) ||
        n > x->shape.rank)
        return call_fail(c, "starts, ends, axes and steps are not alike");
    strides_of(x, own);
    for (int i = 0; i < n; i++) {
        int axis = call_axis(c, call_has(c, 3) ? axes[i] : i, x->shape.rank);
        int64_t step = call_has(c, 4) ? steps[i] : 1;

        if (axis < 0)
            return -1;
        if (step == 0 || step == INT64_MIN)
            return call_fail(c, "step 0");
        if (x->shape.dim[axis] == 0)
            continue;
        if (step > x->shape.dim[axis]) /* one element at most: keeps the arithmetic in range */
            step = x->shape.dim[axis];
        if (step < -x->shape.dim[axis])
            step = -x->shape.dim[axis];
        y.dim[axis] = slice_axis(x->shape.dim[axis], &starts[i], ends[i], step);
        offset += starts[i] * own[axis];
        own[axis] *= step;
    }
    if (call_out(c, 0, x->dtype, &y, x->cl) == NULL || shape_count(&y) == 0)
        return call_end(c);
    strides_of(c->out[0], to);
    copy_strided(c->out[0]->data, (const char *)x->data + offset * (int64_t)dtype_size(x->dtype),
                 dtype_size(x->dtype), y.rank, y.dim, own, to);
    return 0;
}

/* Each of the axes is cropped, or padded with zeros, at both ends alike (one more behind). */
int op_centercroppad(struct call *c)
{
    const struct tensor *x = c->in[0];
    int rank = x->shape.rank, naxes = rank, n;
    int64_t axes[RANK_MAX], want[RANK_MAX], own[RANK_MAX], to[RANK_MAX], dim[RANK_MAX], from = 0,
                                                                                        at = 0;
    size_t size = dtype_size(x->dtype);
    struct shape y = x->shape;

    if (!call_ints(c, 1, want, RANK_MAX, &n))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    for (int i = 0; i < RANK_MAX; i++)
        axes[i] = i;
    if (attr_find(c->node, "axes") != NULL)
        naxes = attr_ints(c->node, "axes", axes, RANK_MAX);
    if (n != naxes)
        return call_fail(c, "%d dims are not as many as the axes", n);
    for (int i = 0; i < n; i++) {
        int axis = call_axis(c, axes[i], rank);

        if (axis < 0)
            return -1;
        if (want[i] < 0)
            return call_fail(c, "dim %lld of axis %lld", (long long)want[i], (long long)axes[i]);
        y.dim[axis] = want[i];
    }
    if (call_out(c, 0, x->dtype, &y, false) == NULL || shape_count(&y) == 0)
        return call_end(c);
    memset(c->out[0]->data, 0, tensor_size(c->out[0]));
    strides_of(x, own);
    strides_of(c->out[0], to);
    for (int i = 0; i < rank; i++) {
        int64_t a = x->shape.dim[i], b = y.dim[i];

        dim[i] = a < b ? a : b;
        from += a > b ? (a - b) / 2 * own[i] : 0;
        at += b > a ? (b - a) / 2 * to[i] : 0;
    }
    copy_strided((char *)c->out[0]->data + (size_t)at * size,
                 (const char *)x->data + (size_t)from * size, size, rank, dim, own, to);
    return 0;
}

int op_expand(struct call *c)
{
    const struct tensor *x = c->in[0];
    struct shape y = { 0 };
    struct copy k = { .from = x->data, .size = dtype_size(x->dtype) };
    int64_t to[RANK_MAX], from[RANK_MAX] = { 0 }, own[RANK_MAX];

    if (!call_ints(c, 1, y.dim, RANK_MAX, &y.rank))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (!shape_broadcast(&y, &y, &x->shape))
        return call_fail(c, "the shapes do not broadcast");
    k.to = call_out(c, 0, x->dtype, &y, false);
    if (k.to == NULL || shape_count(&y) == 0)
        return call_end(c);
    strides_of(c->out[0], to);
    strides_of(x, own);
    for (int i = 0; i < x->shape.rank; i++)
        from[i + y.rank - x->shape.rank] = x->shape.dim[i] == 1 ? 0 : own[i];
    copy_strided(k.to, k.from, k.size, y.rank, y.dim, from, to);
    return 0;
}

int op_tile(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t repeats[RANK_MAX], dim[2 * RANK_MAX], from[2 * RANK_MAX], to[2 * RANK_MAX],
        own[RANK_MAX], out[RANK_MAX];
    struct shape y = x->shape;
    int n, used = 0;

    if (!call_ints(c, 1, repeats, RANK_MAX, &n))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (n != x->shape.rank || 2 * n > RANK_MAX)
        return call_fail(c, "%d repeats for a tensor of rank %d", n, x->shape.rank);
    for (int i = 0; i < n; i++) {
        if (repeats[i] < 0 || repeats[i] > INT32_MAX || y.dim[i] > INT32_MAX)
            return call_fail(c, "%lld repeats of a dim of %lld", (long long)repeats[i],
                             (long long)y.dim[i]);
        y.dim[i] *= repeats[i];
    }
    if (call_out(c, 0, x->dtype, &y, false) == NULL || shape_count(&y) == 0)
        return call_end(c);
    strides_of(x, own);
    strides_of(c->out[0], out);
    for (int i = 0; i < n; i++) { /* each dim is seen as (repeats, dim) */
        dim[used] = repeats[i];
        from[used] = 0;
        to[used++] = out[i] * x->shape.dim[i];
        dim[used] = x->shape.dim[i];
        from[used] = own[i];
        to[used++] = out[i];
    }
    copy_strided(c->out[0]->data, x->data, dtype_size(x->dtype), used, dim, from, to);
    return 0;
}

/* x (N, C, H, W) seen as six dims, permuted. */
static int blocks(struct call *c, const int64_t dim[6], const int perm[6], const struct shape *y)
{
    const struct tensor *x = c->in[0];
    int64_t own[6], from[6], to[6], pdim[6], stride = 1;

    if (call_out(c, 0, x->dtype, y, false) == NULL || shape_count(y) == 0)
        return call_end(c);
    for (int i = 5; i >= 0; i--) {
        own[i] = stride;
        stride *= dim[i];
    }
    stride = 1;
    for (int i = 5; i >= 0; i--) {
        pdim[i] = dim[perm[i]];
        from[i] = own[perm[i]];
        to[i] = stride;
        stride *= pdim[i];
    }
    copy_strided(c->out[0]->data, x->data, dtype_size(x->dtype), 6, pdim, from, to);
    return 0;
}

int op_depthtospace(struct call *c)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t b = attr_int(c->node, "blocksize", 0);
    bool crd = strcmp(attr_string(c->node, "mode", "DCR"), "CRD") == 0;
    struct shape y;

    if (x->rank != 4 || b < 1 || b > 1 << 15 || x->dim[1] % (b * b) != 0)
        return call_fail(c, "blocksize %lld does not fit the input", (long long)b);
    y = shape_of(4, (int64_t[]){ x->dim[0], x->dim[1] / (b * b), x->dim[2] * b, x->dim[3] * b });
    if (crd)
        return blocks(c, (int64_t[]){ x->dim[0], y.dim[1], b, b, x->dim[2], x->dim[3] },
                      (int[]){ 0, 1, 4, 2, 5, 3 }, &y);
    return blocks(c, (int64_t[]){ x->dim[0], b, b, y.dim[1], x->dim[2], x->dim[3] },
                  (int[]){ 0, 3, 4, 1, 5, 2 }, &y);
}

int op_spacetodepth(struct call *c)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t b = attr_int(c->node, "blocksize", 0);
    struct shape y;

    if (x->rank != 4 || b < 1 || x->dim[2] % b != 0 || x->dim[3] % b != 0)
        return call_fail(c, "blocksize %lld does not fit the input", (long long)b);
    y = shape_of(4, (int64_t[]){ x->dim[0], x->dim[1] * b * b, x->dim[2] / b, x->dim[3] / b });
    return blocks(c, (int64_t[]){ x->dim[0], x->dim[1], y.dim[2], b, y.dim[3], b },
                  (int[]){ 0, 3, 5, 1, 2, 4 }, &y);
}
