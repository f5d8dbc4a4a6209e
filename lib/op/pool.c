/* pool.c: MaxPool, AveragePool and the global pools, channels-last: the inner loop runs over
 * channels. ONNX MaxPool-12, AveragePool-11/19 (dilations).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

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

int op_pool(struct call *c)
{
    const struct tensor *x = c->in[0];
    struct shape s = x->shape;
    struct window w;
    struct pool3 p;
    const float *from;
    float *y;

    if (c->nout > 1 && c->out[1] != NULL)
        return call_unsupported(c, "the Indices output");
    if (x->dtype != DT_F32)
        return call_unsupported(c, "%s input", dtype_name(x->dtype));
    if (window_of(&w, c, NULL) < 0)
        return -1;
    memcpy(s.dim + 2, w.out, (size_t)w.n * sizeof *w.out);
    y = call_out(c, 0, DT_F32, &s, true);
    if (y == NULL)
        return call_end(c);
    pool_init(&p, c, &w);
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

int op_globalpool(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool max = node_is(c->node, OP_GLOBALMAXPOOL);
    struct shape s = x->shape;
    int64_t cells = 1, channels;
    const float *from = x->data;
    float *y;

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
        for (int64_t i = 0; i < cells; i++, from += channels)
            pool_tap(&p, y, from);
        for (int64_t k = 0; k < channels && !max; k++)
            y[k] /= (float)cells;
    }
    return 0;
}
