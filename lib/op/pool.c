/* pool.c: MaxPool, AveragePool, LpPool and the global pools, channels-last: the inner loop runs
 * over channels; MaxPool with Indices or of integers goes cell by cell. MaxUnpool. ONNX MaxPool-12,
 * AveragePool-11/19 (dilations), LpPool-18, MaxUnpool-11.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op/strides.h"
#include "op/window.h"

enum { POOL_NARROW = 8 }; /* fewer channels: rows are the inner loop */

/* Up to three spatial dims, missing ones leading as 1. */
struct pool3 {
    int64_t n, c, in[3], out[3], kernel[3], stride[3], dilation[3], begin[3], end[3];
    bool max, include_pad;
};

static void pool_init(struct pool3 *p, const struct call *c, const struct window *w)
{
    const struct shape *x = &c->in[0]->shape;

    *p = (struct pool3){ .n = x->dim[0],
                         .c = x->dim[1],
                         .max = node_is(c->node, OP_MAXPOOL),
                         .include_pad = attr_int(c->node, "count_include_pad", 0) != 0 };
    for (int i = 0; i < 3; i++) {
        int k = i - (3 - w->n);
        bool real = k >= 0;

        p->in[i] = real ? x->dim[k + 2] : 1;
        p->out[i] = real ? w->out[k] : 1;
        p->kernel[i] = real ? w->kernel[k] : 1;
        p->stride[i] = real ? w->stride[k] : 1;
        p->dilation[i] = real ? w->dilation[k] : 1;
        p->begin[i] = real ? w->begin[k] : 0;
        p->end[i] = real ? w->end[k] : 0;
    }
}

static void pool_tap(const struct pool3 *p, float *restrict y, const float *restrict x)
{
    if (p->max)
        for (int64_t c = 0; c < p->c; c++)
            y[c] = x[c] > y[c] || x[c] != x[c] ? x[c] : y[c];
    else
        for (int64_t c = 0; c < p->c; c++)
            y[c] += x[c];
}

/* Cells that count for an average: inside the input, or inside the padded input where pads count. */
static int64_t pool_size(const struct pool3 *p, const int64_t start[3])
{
    int64_t size = 1;

    for (int i = 0; i < 3; i++) {
        int64_t cells = 0;

        for (int64_t k = 0; k < p->kernel[i]; k++) {
            int64_t at = start[i] + k * p->dilation[i];

            cells += p->include_pad ? at < p->in[i] + p->end[i] : at >= 0 && at < p->in[i];
        }
        size *= cells;
    }
    return size;
}

/* One output cell: (C) channels. */
static void pool_cell(const struct pool3 *p, float *y, const float *x, const int64_t start[3])
{
    for (int64_t c = 0; c < p->c; c++)
        y[c] = p->max ? -INFINITY : 0;
    for (int64_t a = 0; a < p->kernel[0]; a++)
        for (int64_t b = 0; b < p->kernel[1]; b++)
            for (int64_t d = 0; d < p->kernel[2]; d++) {
                int64_t i = start[0] + a * p->dilation[0], j = start[1] + b * p->dilation[1];
                int64_t k = start[2] + d * p->dilation[2];

                if (i >= 0 && i < p->in[0] && j >= 0 && j < p->in[1] && k >= 0 && k < p->in[2])
                    pool_tap(p, y, x + ((i * p->in[1] + j) * p->in[2] + k) * p->c);
            }
    if (!p->max) {
        float scale = 1.0f / (float)pool_size(p, start);

        for (int64_t c = 0; c < p->c; c++)
            y[c] *= scale;
    }
}

/* y[k * ystep] (+ or max)= x[k * xstep]. */
static void row_tap(bool max, float *restrict y, int64_t ystep, const float *restrict x,
                    int64_t xstep, int64_t n)
{
    struct pool3 as_channels = { .c = n, .max = max };

    if (ystep == 1 && xstep == 1) {
        pool_tap(&as_channels, y, x);
        return;
    }
    for (int64_t k = 0; k < n && max; k++) {
        float v = x[k * xstep], *best = y + k * ystep;

        *best = ((v > *best) | (v != v)) ? v : *best; /* without a branch */
    }
    for (int64_t k = 0; k < n && !max; k++)
        y[k * ystep] += x[k * xstep];
}

/* One output row (W, C) where C is small: the inner loop runs over the row instead. The taps of a cell
 * come in the same order as above, so that the sums are the same to the bit. */
static void pool_row(const struct pool3 *p, float *restrict y, const float *restrict x, int64_t i0,
                     int64_t j0)
{
    int64_t width = p->in[2], step = p->stride[2];

    for (int64_t k = 0; k < p->out[2] * p->c; k++)
        y[k] = p->max ? -INFINITY : 0;
    for (int64_t a = 0; a < p->kernel[0]; a++)
        for (int64_t b = 0; b < p->kernel[1]; b++)
            for (int64_t d = 0; d < p->kernel[2]; d++) {
                int64_t i = i0 + a * p->dilation[0], j = j0 + b * p->dilation[1];
                int64_t off = d * p->dilation[2] - p->begin[2]; /* column k reads k * step + off */
                int64_t lo = off < 0 ? (-off + step - 1) / step : 0;
                int64_t hi = off < width ? (width - 1 - off) / step + 1 : 0;
                const float *row = x + (i * p->in[1] + j) * width * p->c;

                if (i < 0 || i >= p->in[0] || j < 0 || j >= p->in[1])
                    continue;
                hi = hi < p->out[2] ? hi : p->out[2];
                for (int64_t c = 0; c < p->c && lo < hi; c++)
                    row_tap(p->max, y + lo * p->c + c, p->c, row + (lo * step + off) * p->c + c,
                            step * p->c, hi - lo);
            }
    for (int64_t k = 0; k < p->out[2] && !p->max; k++) {
        float scale = 1.0f / (float)pool_size(p, (int64_t[]){ i0, j0, k * step - p->begin[2] });

        for (int64_t c = 0; c < p->c; c++)
            y[k * p->c + c] *= scale;
    }
}

/* The window over input cells of output cell `out`, one tap after the other: the offset of the tap's
 * cell, or -1 outside. */
static int64_t tap_cell(const struct pool3 *p, const int64_t out[3], int64_t tap)
{
    int64_t cell = 0, rest = tap, k[3];

    for (int i = 2; i >= 0; i--) {
        k[i] = rest % p->kernel[i];
        rest /= p->kernel[i];
    }
    for (int i = 0; i < 3; i++) {
        int64_t at = out[i] * p->stride[i] - p->begin[i] + k[i] * p->dilation[i];

        if (at < 0 || at >= p->in[i])
            return -1;
        cell = cell * p->in[i] + at;
    }
    return cell;
}

/* The index that Indices has for a cell: flat in (N, C, spatial…), columns first with storage_order. */
static int64_t flat_index(const struct pool3 *p, int64_t plane, int64_t cell, bool columns)
{
    int64_t cells = p->in[0] * p->in[1] * p->in[2], at[3];

    if (!columns)
        return plane * cells + cell;
    at[2] = cell % p->in[2];
    at[1] = cell / p->in[2] % p->in[1];
    at[0] = cell / p->in[2] / p->in[1];
    return plane * cells + (at[2] * p->in[1] + at[1]) * p->in[0] + at[0];
}

/* The maximum of a window that lies in the pads. */
static void put_least(struct tensor *y, size_t i)
{
    if (dtype_is_float(y->dtype))
        tensor_put(y, i, -INFINITY);
    else
        tensor_put_int(y, i, dtype_least(y->dtype));
}

/* MaxPool of any type, with Indices if wanted (row-major). */
static void max_plain(const struct pool3 *p, struct call *c, int64_t *indices)
{
    const struct tensor *x = c->in[0];
    bool columns = attr_int(c->node, "storage_order", 0) != 0, whole = !dtype_is_float(x->dtype);
    int64_t cells = p->in[0] * p->in[1] * p->in[2], outs = p->out[0] * p->out[1] * p->out[2],
            taps = p->kernel[0] * p->kernel[1] * p->kernel[2];
    size_t size = dtype_size(x->dtype);

    for (int64_t i = 0; i < p->n * outs * p->c; i++) { /* in the output's memory order */
        int64_t ch = i % p->c, o = i / p->c % outs, n = i / p->c / outs, best = -1, cell = 0;
        int64_t out[3] = { o / p->out[2] / p->out[1], o / p->out[2] % p->out[1], o % p->out[2] };

        for (int64_t t = 0; t < taps; t++) {
            int64_t k = tap_cell(p, out, t), at = (n * cells + k) * p->c + ch;

            if (k >= 0 && (best < 0 ||
                           (whole ? tensor_get_int(x, (size_t)at) > tensor_get_int(x, (size_t)best)
                                  : tensor_get(x, (size_t)at) > tensor_get(x, (size_t)best)))) {
                best = at;
                cell = k;
            }
        }
        if (best >= 0 && c->out[0] != NULL)
            memcpy((char *)c->out[0]->data + (size_t)i * size,
                   (const char *)x->data + (size_t)best * size, size);
        else if (c->out[0] != NULL)
            put_least(c->out[0], (size_t)i);
        if (indices != NULL)
            indices[(n * p->c + ch) * outs + o] = flat_index(p, n * p->c + ch, cell, columns);
    }
}

/* (sum |x|^p)^(1/p) over the window. */
static void lp_plain(const struct pool3 *p, const struct tensor *x, float *y, double power)
{
    int64_t cells = p->in[0] * p->in[1] * p->in[2], outs = p->out[0] * p->out[1] * p->out[2],
            taps = p->kernel[0] * p->kernel[1] * p->kernel[2];

    for (int64_t i = 0; i < p->n * outs * p->c; i++) {
        int64_t ch = i % p->c, o = i / p->c % outs, n = i / p->c / outs;
        int64_t out[3] = { o / p->out[2] / p->out[1], o / p->out[2] % p->out[1], o % p->out[2] };
        double sum = 0;

        for (int64_t t = 0; t < taps; t++) {
            int64_t k = tap_cell(p, out, t);

            if (k >= 0)
                sum +=
                    pow(fabs((double)((const float *)x->data)[(n * cells + k) * p->c + ch]), power);
        }
        y[i] = (float)pow(sum, 1 / power);
    }
}

/* `p` is an integer, and a float in opset 1. */
static double power_of(const struct call *c)
{
    const struct attr *a = attr_find(c->node, "p");

    return a == NULL ? 2 : a->type == ATTR_FLOAT ? (double)a->f : (double)a->i;
}

int op_pool(struct call *c)
{
    const struct tensor *x = c->in[0];
    struct shape s = x->shape;
    struct window w;
    struct pool3 p;
    const float *from;
    float *y;
    int64_t *indices = NULL;
    bool plain = x->dtype != DT_F32 || (c->nout > 1 && c->out[1] != NULL);

    if (plain && !node_is(c->node, OP_MAXPOOL))
        return x->dtype == DT_F64 ? call_as_f32(c, op_pool)
                                  : call_unsupported(c, "%s input", dtype_name(x->dtype));
    if (window_of(&w, c, NULL) < 0)
        return -1;
    memcpy(s.dim + 2, w.out, (size_t)w.n * sizeof *w.out);
    y = call_out(c, 0, x->dtype, &s, true);
    if (c->nout > 1)
        indices = call_out(c, 1, DT_I64, &s, false);
    if (c->infer || c->failed || shape_count(&s) == 0 || (y == NULL && indices == NULL))
        return call_end(c);
    pool_init(&p, c, &w);
    if (plain) {
        max_plain(&p, c, indices);
        return 0;
    }
    if (node_is(c->node, OP_LPPOOL)) {
        lp_plain(&p, x, y, power_of(c));
        return 0;
    }
    from = x->data;
    for (int64_t n = 0; n < p.n; n++, from += p.in[0] * p.in[1] * p.in[2] * p.c)
        for (int64_t i = 0; i < p.out[0]; i++)
            for (int64_t j = 0; j < p.out[1]; j++) {
                int64_t start[3] = { i * p.stride[0] - p.begin[0], j * p.stride[1] - p.begin[1],
                                     -p.begin[2] };

                if (p.c < POOL_NARROW)
                    pool_row(&p, y, from, start[0], start[1]);
                for (int64_t k = 0; k < p.out[2]; k++, y += p.c, start[2] += p.stride[2])
                    if (p.c >= POOL_NARROW)
                        pool_cell(&p, y, from, start);
            }
    return 0;
}

/* Puts every element where MaxPool's Indices found it, zeros elsewhere. The indices are of the shape
 * that kernel, strides and pads give back; a larger output_shape has zeros behind it. */
int op_maxunpool(struct call *c)
{
    const struct tensor *x = c->in[0], *index = c->in[1];
    int64_t kernel[RANK_MAX], stride[RANK_MAX], pads[2 * RANK_MAX] = { 0 }, sizes[RANK_MAX];
    int rank = x->shape.rank, n = rank - 2, given = 0;
    size_t size = dtype_size(x->dtype);
    struct shape from = x->shape, y;
    int64_t own[RANK_MAX], total;
    char *to;

    if (n < 1 || !shape_equal(&x->shape, &index->shape) ||
        attr_ints(c->node, "kernel_shape", kernel, n) != n)
        return call_fail(c, "input, indices and kernel_shape do not fit");
    for (int i = 0; i < n; i++)
        stride[i] = 1;
    attr_ints(c->node, "strides", stride, n);
    attr_ints(c->node, "pads", pads, 2 * n);
    for (int i = 0; i < n; i++)
        if (kernel[i] < 1 || kernel[i] > 1 << 20 || stride[i] < 1 || stride[i] > 1 << 20 ||
            llabs(pads[i]) > 1 << 20 || llabs(pads[n + i]) > 1 << 20)
            return call_fail(c, "kernel, stride or pads absurdly large or below 1");
    for (int i = 0; i < n; i++)
        from.dim[2 + i] = (x->shape.dim[2 + i] - 1) * stride[i] + kernel[i] - pads[i] - pads[n + i];
    y = from;
    if (call_has(c, 2) && !call_ints(c, 2, sizes, RANK_MAX, &given))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (given != 0 && given != rank)
        return call_fail(c, "output_shape has not %d entries", rank);
    for (int i = 0; i < rank; i++) {
        if (given != 0)
            y.dim[i] = sizes[i];
        if (y.dim[i] < from.dim[i] || from.dim[i] < 0)
            return call_fail(c, "dim %d of %lld is too small", i, (long long)y.dim[i]);
    }
    to = call_out(c, 0, x->dtype, &y, false);
    if (to == NULL || shape_count(&x->shape) == 0)
        return call_end(c);
    memset(to, 0, tensor_size(c->out[0]));
    strides_of(c->out[0], own);
    total = shape_count(&from);
    for (int64_t k = 0; k < shape_count(&x->shape); k++) {
        int64_t rest = tensor_get_int(index, (size_t)k), at = 0;

        if (rest < 0 || rest >= total)
            return call_fail(c, "index %lld of %lld", (long long)rest, (long long)total);
        for (int d = rank - 1; d >= 0; d--) {
            at += rest % from.dim[d] * own[d];
            rest /= from.dim[d];
        }
        memcpy(to + (size_t)at * size, (const char *)x->data + (size_t)k * size, size);
    }
    return 0;
}

int op_globalpool(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool max = node_is(c->node, OP_GLOBALMAXPOOL), lp = node_is(c->node, OP_GLOBALLPPOOL);
    double power = power_of(c);
    struct shape s = x->shape;
    int64_t cells = 1, channels;
    const float *from = x->data;
    float *y;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_globalpool);
    if (x->shape.rank < 3)
        return call_fail(c, "input of rank %d, at least 3", x->shape.rank);
    if (x->dtype != DT_F32)
        return call_unsupported(c, "%s input", dtype_name(x->dtype));
    for (int i = 2; i < s.rank; i++) {
        cells *= s.dim[i];
        s.dim[i] = 1;
    }
    channels = s.dim[1];
    y = call_out(c, 0, DT_F32, &s, true);
    if (y == NULL)
        return call_end(c);
    for (int64_t n = 0; n < s.dim[0]; n++, y += channels) {
        struct pool3 p = { .c = channels, .max = max };

        for (int64_t k = 0; k < channels; k++)
            y[k] = max ? -INFINITY : 0;
        for (int64_t i = 0; i < cells; i++, from += channels) {
            for (int64_t k = 0; k < channels && lp; k++)
                y[k] += (float)pow(fabs((double)from[k]), power);
            if (!lp)
                pool_tap(&p, y, from);
        }
        for (int64_t k = 0; k < channels && !max; k++)
            y[k] = lp ? (float)pow(y[k], 1 / power) : y[k] / (float)cells;
    }
    return 0;
}
