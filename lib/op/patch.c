/* patch.c: ONNX Col2Im-18 and DeformConv-19: windows that are added up into an image, and windows whose
 * taps lie anywhere.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/strides.h"

struct patch {
    int n; /* spatial dims */
    int64_t kernel[RANK_MAX], stride[RANK_MAX], dilation[RANK_MAX], pads[2 * RANK_MAX];
    int64_t in[RANK_MAX], out[RANK_MAX]; /* the image, and how many windows fit */
};

/* Strides, dilations and pads over an image and a kernel; p->n, in and kernel are set. */
static int read_patch(struct call *c, struct patch *p)
{
    for (int i = 0; i < p->n; i++)
        p->stride[i] = p->dilation[i] = 1;
    attr_ints(c->node, "strides", p->stride, p->n);
    attr_ints(c->node, "dilations", p->dilation, p->n);
    attr_ints(c->node, "pads", p->pads, 2 * p->n);
    for (int i = 0; i < p->n; i++) {
        int64_t reach, room;

        for (int k = 0; k < 2; k++)
            if (p->pads[i + k * p->n] < 0 || p->pads[i + k * p->n] > 1 << 20)
                return call_fail(c, "pad %lld", (long long)p->pads[i + k * p->n]);
        if (p->kernel[i] < 1 || p->stride[i] < 1 || p->dilation[i] < 1 || p->kernel[i] > 1 << 20 ||
            p->stride[i] > 1 << 20 || p->dilation[i] > 1 << 20 || p->in[i] < 1 ||
            p->in[i] > INT32_MAX)
            return call_fail(c, "image, kernel, stride or dilation below 1 or absurdly large");
        reach = (p->kernel[i] - 1) * p->dilation[i] + 1;
        room = p->in[i] + p->pads[i] + p->pads[p->n + i] - reach;
        if (room < 0)
            return call_fail(c, "the window (%lld) is larger than the padded image",
                             (long long)reach);
        p->out[i] = room / p->stride[i] + 1;
    }
    return 0;
}

/* The product of dims, or INT64_MAX, which fits no tensor, where it is too large. */
static int64_t count(const int64_t *dim, int n)
{
    int64_t all = 1;

    for (int i = 0; i < n; i++)
        if (__builtin_mul_overflow(all, dim[i], &all))
            return INT64_MAX;
    return all;
}

/* The pixel that tap k of window l reads, or -1 in the pads. */
static int64_t pixel(const struct patch *p, int64_t k, int64_t l)
{
    int64_t at = 0, step = 1;

    for (int i = p->n - 1; i >= 0; i--) {
        int64_t x = l % p->out[i] * p->stride[i] - p->pads[i] + k % p->kernel[i] * p->dilation[i];

        if (x < 0 || x >= p->in[i])
            return -1;
        at += x * step;
        step *= p->in[i];
        l /= p->out[i];
        k /= p->kernel[i];
    }
    return at;
}

int op_col2im(struct call *c)
{
    const struct tensor *x = c->in[0];
    struct patch p = { 0 };
    int64_t taps, windows, pixels, channels;
    struct shape s = { 0 };
    int n;
    float *y;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_col2im);
    if (!call_ints(c, 1, p.in, RANK_MAX - 2, &p.n) || !call_ints(c, 2, p.kernel, RANK_MAX - 2, &n))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (n != p.n || x->shape.rank != 3 || x->dtype != DT_F32)
        return call_fail(c, "input, image_shape and block_shape do not fit");
    if (read_patch(c, &p) < 0)
        return -1;
    taps = count(p.kernel, p.n);
    windows = count(p.out, p.n);
    if (taps > 1 << 24 || x->shape.dim[1] % taps != 0 || x->shape.dim[2] != windows)
        return call_fail(c, "%lld windows of %lld taps do not fit the input", (long long)windows,
                         (long long)taps);
    channels = x->shape.dim[1] / taps;
    s.dim[s.rank++] = x->shape.dim[0];
    s.dim[s.rank++] = channels;
    for (int i = 0; i < p.n; i++)
        s.dim[s.rank++] = p.in[i];
    y = call_out(c, 0, DT_F32, &s, false);
    if (y == NULL)
        return call_end(c);
    memset(y, 0, tensor_size(c->out[0]));
    pixels = count(p.in, p.n);
    for (int64_t i = 0; i < s.dim[0] * channels; i++)
        for (int64_t k = 0; k < taps; k++)
            for (int64_t l = 0; l < windows; l++) {
                int64_t at = pixel(&p, k, l);

                if (at >= 0)
                    y[i * pixels + at] += ((const float *)x->data)[(i * taps + k) * windows + l];
            }
    return 0;
}

/* Bilinear, zero outside. */
static float sample(const float *x, int64_t h, int64_t w, float y, float z)
{
    float fy = floorf(y), fz = floorf(z), sum = 0;

    if (!(y > -1 && z > -1 && y < (float)h && z < (float)w))
        return 0;
    for (int k = 0; k < 4; k++) {
        int64_t i = (int64_t)fy + k / 2, j = (int64_t)fz + k % 2;
        float weight = (k / 2 ? y - fy : 1 - (y - fy)) * (k % 2 ? z - fz : 1 - (z - fz));

        if (i >= 0 && i < h && j >= 0 && j < w)
            sum += weight * x[i * w + j];
    }
    return sum;
}

struct deform {
    struct patch p;
    int64_t taps, windows, groups, each; /* offset groups, and channels of one */
    const float *offset, *mask;
};

/* Every tap of every window of one channel: (taps, windows). */
static void sample_channel(const struct deform *d, float *to, const float *x, int64_t n, int64_t ch)
{
    const struct patch *p = &d->p;
    int64_t group = n * d->groups + ch / d->each;

    for (int64_t k = 0; k < d->taps; k++)
        for (int64_t l = 0; l < d->windows; l++) {
            int64_t at = (group * d->taps + k) * d->windows + l;
            const float *by = d->offset + 2 * (group * d->taps + k) * d->windows + l;
            int64_t row = l / p->out[1] * p->stride[0] - p->pads[0] +
                          k / p->kernel[1] * p->dilation[0],
                    col = l % p->out[1] * p->stride[1] - p->pads[1] +
                          k % p->kernel[1] * p->dilation[1];

            *to++ = sample(x, p->in[0], p->in[1], (float)row + by[0], (float)col + by[d->windows]) *
                    (d->mask != NULL ? d->mask[at] : 1);
        }
}

static int deform_init(struct call *c, struct deform *d, int64_t groups)
{
    const struct shape *x = &c->in[0]->shape, *w = &c->in[1]->shape, *o = &c->in[2]->shape;
    bool fits;

    for (int i = 0; i < c->nin; i++)
        if (call_has(c, i) && c->in[i]->dtype != DT_F32)
            return call_unsupported(c, "%s input", dtype_name(c->in[i]->dtype));
    if (x->rank != 4 || w->rank != 4 || o->rank != 4)
        return call_unsupported(c, "inputs of other ranks than 4");
    *d = (struct deform){ .groups = attr_int(c->node, "offset_group", 1) };
    d->p.n = 2;
    for (int i = 0; i < 2; i++) {
        d->p.in[i] = x->dim[2 + i];
        d->p.kernel[i] = w->dim[2 + i];
    }
    if (read_patch(c, &d->p) < 0)
        return -1;
    d->taps = d->p.kernel[0] * d->p.kernel[1];
    d->windows = d->p.out[0] * d->p.out[1];
    fits = groups > 0 && d->groups > 0 && w->dim[0] % groups == 0 &&
           w->dim[1] * groups == x->dim[1] && x->dim[1] % d->groups == 0 &&
           o->dim[0] == x->dim[0] && o->dim[1] == d->groups * d->taps * 2 &&
           o->dim[2] == d->p.out[0] && o->dim[3] == d->p.out[1];
    if (!fits || (call_has(c, 4) && 2 * shape_count(&c->in[4]->shape) != shape_count(o)) ||
        (call_has(c, 3) && shape_count(&c->in[3]->shape) != w->dim[0]))
        return call_fail(c, "input, weight, offset, bias and mask do not fit");
    d->each = x->dim[1] / d->groups;
    d->offset = c->in[2]->data;
    d->mask = call_has(c, 4) ? c->in[4]->data : NULL;
    return 0;
}

int op_deformconv(struct call *c)
{
    const struct shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    int64_t groups = attr_int(c->node, "group", 1), rows, cells;
    const float *weight = c->in[1]->data;
    struct deform d;
    struct shape s;
    float *y, *columns;

    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_deformconv);
    if (deform_init(c, &d, groups) < 0)
        return -1;
    s = shape_of(4, (int64_t[]){ x->dim[0], w->dim[0], d.p.out[0], d.p.out[1] });
    y = call_out(c, 0, DT_F32, &s, false);
    if (y == NULL || shape_count(&s) == 0)
        return call_end(c);
    cells = d.p.in[0] * d.p.in[1];
    rows = w->dim[1] * d.taps;
    columns = c->ops->scratch(c, (size_t)(x->dim[1] * d.taps * d.windows) * sizeof *columns + 1);
    for (int64_t n = 0; n < x->dim[0]; n++) {
        for (int64_t ch = 0; ch < x->dim[1]; ch++)
            sample_channel(&d, columns + ch * d.taps * d.windows,
                           (const float *)c->in[0]->data + (n * x->dim[1] + ch) * cells, n, ch);
        for (int64_t m = 0; m < w->dim[0]; m++, y += d.windows) {
            const float *from = columns + m / (w->dim[0] / groups) * rows * d.windows;

            for (int64_t l = 0; l < d.windows; l++)
                y[l] = call_has(c, 3) ? ((const float *)c->in[3]->data)[m] : 0;
            for (int64_t k = 0; k < rows; k++)
                for (int64_t l = 0; l < d.windows; l++)
                    y[l] += weight[m * rows + k] * from[k * d.windows + l];
        }
    }
    return 0;
}
