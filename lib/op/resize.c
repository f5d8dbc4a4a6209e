/* resize.c: Resize-19, any dims and types, every mode: nearest, linear, cubic, antialiased or not, every
 * coordinate transformation. Separable: one dim after the other in memory order (channels-last feature
 * maps), each from a table of taps per output index. Where a length in the source is no integer
 * (align_corners after fractional scales), the fraction counts, as in the operator's reference.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

/* How one dim is resized. */
struct axis {
    int64_t in, out;
    double scale, length; /* length: in * scale, unrounded */
    double from, to;      /* the part of it that tf_crop_and_resize takes, 0 … 1 */
    bool resized;
};

/* Taps of all output indices of one dim: n each, index and weight. An index of -1 is outside and reads
 * the extrapolation value. */
struct taps {
    int n;
    int64_t *at;
    float *weight;
};

enum coordinates { HALF_PIXEL, SYMMETRIC, PYTORCH, ALIGN, ASYMMETRIC, HALF_PIXEL_NN, CROP };
enum mode { NEAREST, LINEAR, CUBIC };
enum rounding { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL };

struct how {
    enum coordinates coordinates;
    enum mode mode;
    enum rounding rounding;
    double cubic_a;
    bool exclude_outside, antialias;
    float outside; /* extrapolation_value */
};

/* Where output index i reads in the input. */
static double coordinate(const struct how *h, int64_t i, const struct axis *a)
{
    double x = (double)i;

    switch (h->coordinates) {
    case ASYMMETRIC:
        return x / a->scale;
    case ALIGN:
        return a->length == 1 || a->out == 1 ? 0 : x * (double)(a->in - 1) / (a->length - 1);
    case PYTORCH:
        return a->out > 1 ? (x + 0.5) / a->scale - 0.5 : 0;
    case HALF_PIXEL_NN:
        return (x + 0.5) / a->scale;
    case SYMMETRIC:
        return (double)a->in / 2 * (1 - (double)a->out / a->length) + (x + 0.5) / a->scale - 0.5;
    case CROP:
        return a->out > 1 ? a->from * (double)(a->in - 1) +
                                x * (a->to - a->from) * (double)(a->in - 1) / (double)(a->out - 1)
                          : 0.5 * (a->from + a->to) * (double)(a->in - 1);
    default:
        return (x + 0.5) / a->scale - 0.5;
    }
}

/* In float32, where 4.5 reached through a scale of 2.3 is the tie that it is meant to be. */
static int64_t nearest(const struct how *h, double exact)
{
    float x = (float)exact;

    switch (h->rounding) {
    case FLOOR:
        return (int64_t)floorf(x);
    case CEIL:
        return (int64_t)ceilf(x);
    case PREFER_CEIL:
        return (int64_t)floorf(x + 0.5f);
    default:
        return (int64_t)ceilf(x - 0.5f);
    }
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* The kernel at distance x: a triangle, or Keys' cubic convolution. */
static double kernel(const struct how *h, double x)
{
    double a = h->cubic_a;

    x = fabs(x);
    if (h->mode == LINEAR)
        return x < 1 ? 1 - x : 0;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Antialiasing stretches the kernel over what one output index covers. */
static double stretch(const struct how *h, const struct axis *a)
{
    return h->antialias && a->scale < 1 ? a->scale : 1;
}

static int64_t first_tap(const struct how *h, const struct axis *a)
{
    return (int64_t)floor(-(h->mode == CUBIC ? 2 : 1) / stretch(h, a)) + 1;
}

static int tap_count(const struct how *h, const struct axis *a)
{
    return h->mode == NEAREST ? 1 : (int)(2 - 2 * first_tap(h, a));
}

static void taps_of(const struct taps *t, const struct how *h, int64_t i, const struct axis *a)
{
    double x = coordinate(h, i, a), f = x - floor(x), sum = 0;
    int64_t *at = t->at + i * t->n, base = (int64_t)floor(x) + first_tap(h, a);
    float *weight = t->weight + i * t->n;

    if (h->coordinates == CROP && !(x >= 0 && x <= (double)(a->in - 1))) {
        for (int k = 0; k < t->n; k++) {
            at[k] = -1;
            weight[k] = k == 0;
        }
        return;
    }
    if (h->mode == NEAREST) {
        *at = clamp(nearest(h, x), a->in);
        *weight = 1;
        return;
    }
    for (int k = 0; k < t->n; k++) {
        double w = kernel(h, ((double)(first_tap(h, a) + k) - f) * stretch(h, a));

        if (h->exclude_outside && (base + k < 0 || base + k >= a->in))
            w = 0;
        at[k] = clamp(base + k, a->in);
        weight[k] = (float)w;
        sum += w;
    }
    for (int k = 0; k < t->n && (h->exclude_outside || h->antialias) && sum != 0; k++)
        weight[k] = (float)(weight[k] / sum);
}

/* (outer, in, inner) -> (outer, out, inner) */
static void resize_f32(float *y, const float *x, int64_t outer, const struct axis *a, int64_t inner,
                       const struct taps *t, float outside)
{
    for (int64_t o = 0; o < outer; o++, x += a->in * inner)
        for (int64_t i = 0; i < a->out; i++, y += inner) {
            const int64_t *at = t->at + i * t->n;
            const float *w = t->weight + i * t->n;

            if (at[0] < 0) {
                for (int64_t k = 0; k < inner; k++)
                    y[k] = outside;
                continue;
            }
            if (t->n == 1) {
                memcpy(y, x + at[0] * inner, (size_t)inner * sizeof *y);
                continue;
            }
            for (int64_t k = 0; k < inner; k++)
                y[k] = w[0] * x[at[0] * inner + k] + w[1] * x[at[1] * inner + k];
            for (int j = 2; j < t->n; j++)
                for (int64_t k = 0; k < inner; k++)
                    y[k] += w[j] * x[at[j] * inner + k];
        }
}

/* Which dims `scales`, `sizes` and `roi` speak of. */
static int read_axes(struct call *c, int64_t axes[RANK_MAX])
{
    int rank = c->in[0]->shape.rank, n = attr_ints(c->node, "axes", axes, RANK_MAX);

    if (attr_find(c->node, "axes") == NULL)
        for (n = 0; n < rank; n++)
            axes[n] = n;
    for (int i = 0; i < n; i++)
        if ((axes[i] = call_axis(c, axes[i], rank)) < 0)
            return -1;
    return n;
}

static int by_sizes(struct call *c, struct axis *a, const int64_t *axes, int naxes)
{
    static const char *const policies[] = { "stretch", "not_larger", "not_smaller" };
    int policy = call_word(c, "keep_aspect_ratio_policy", policies, 3, 0);
    bool stretched = policy == 0, larger = policy == 2;
    int64_t sizes[RANK_MAX];
    double one = 0;
    int n;

    if (policy < 0 || !call_ints(c, 3, sizes, RANK_MAX, &n))
        return c->failed ? -1 : 0;
    if (n != naxes)
        return call_fail(c, "%d sizes for %d dims", n, naxes);
    for (int i = 0; i < n; i++) {
        struct axis *d = &a[axes[i]];

        if (sizes[i] < 0 || sizes[i] > (int64_t)1 << 40)
            return call_fail(c, "size %lld", (long long)sizes[i]);
        d->out = sizes[i];
        d->scale = (double)sizes[i] / (double)d->in;
        one = i == 0 || (larger ? d->scale > one : d->scale < one) ? d->scale : one;
    }
    for (int i = 0; i < n && !stretched; i++) {
        a[axes[i]].scale = one;
        a[axes[i]].out = (int64_t)floor(one * (double)a[axes[i]].in + 0.5);
    }
    return 1;
}

/* Fills one struct axis a dim; 1 on success, 0 not known yet, -1 error. */
static int target(struct call *c, const struct how *h, struct axis *a)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t axes[RANK_MAX];
    int n = read_axes(c, axes), known;

    if (n < 0)
        return -1;
    for (int i = 0; i < x->rank; i++)
        a[i] = (struct axis){ x->dim[i], x->dim[i], 1, (double)x->dim[i], 0, 1, false };
    if (call_has(c, 3) && shape_count(&c->in[3]->shape) > 0) {
        if ((known = by_sizes(c, a, axes, n)) <= 0)
            return known;
    } else {
        if (!call_has(c, 2) || shape_count(&c->in[2]->shape) != n)
            return call_fail(c, "neither scales nor sizes fit %d dims", n);
        if (!call_has_data(c, 2))
            return 0;
        for (int i = 0; i < n; i++) {
            struct axis *d = &a[axes[i]];

            d->scale = tensor_get(c->in[2], (size_t)i);
            if (!(d->scale > 0 && d->scale * (double)d->in < 1e12))
                return call_fail(c, "scale %g", d->scale);
            d->out = (int64_t)floor((double)d->in * d->scale);
        }
    }
    if (h->coordinates == CROP) {
        if (!call_has(c, 1) || shape_count(&c->in[1]->shape) != 2 * n)
            return call_fail(c, "tf_crop_and_resize without a roi for %d dims", n);
        for (int i = 0; i < n && call_has_data(c, 1); i++) {
            a[axes[i]].from = tensor_get(c->in[1], (size_t)i);
            a[axes[i]].to = tensor_get(c->in[1], (size_t)(n + i));
        }
    }
    for (int i = 0; i < x->rank; i++) {
        if (a[i].out < 0 || (a[i].in == 0 && a[i].out > 0))
            return call_fail(c, "dim %d of %lld cannot become %lld", i, (long long)a[i].in,
                             (long long)a[i].out);
        a[i].length = a[i].scale * (double)a[i].in;
        a[i].resized = a[i].in != a[i].out || a[i].scale != 1 || a[i].from != 0 || a[i].to != 1;
    }
    return 1;
}

static int read_how(struct call *c, struct how *h)
{
    static const char *const coordinates[] = { "half_pixel",         "half_pixel_symmetric",
                                               "pytorch_half_pixel", "align_corners",
                                               "asymmetric",         "tf_half_pixel_for_nn",
                                               "tf_crop_and_resize" };
    static const char *const modes[] = { "nearest", "linear", "cubic" };
    static const char *const roundings[] = { "round_prefer_floor", "round_prefer_ceil", "floor",
                                             "ceil" };
    int coordinate_mode = call_word(c, "coordinate_transformation_mode", coordinates, 7, 0),
        mode = call_word(c, "mode", modes, 3, 0),
        rounding = call_word(c, "nearest_mode", roundings, 4, 0);

    *h = (struct how){ (enum coordinates)coordinate_mode,
                       (enum mode)mode,
                       (enum rounding)rounding,
                       attr_float(c->node, "cubic_coeff_a", -0.75f),
                       attr_int(c->node, "exclude_outside", 0) != 0,
                       attr_int(c->node, "antialias", 0) != 0 && mode != NEAREST,
                       attr_float(c->node, "extrapolation_value", 0) };
    return call_end(c);
}

/* Dims in memory order: channels last where the tensor lies so. */
static int memory_dim(const struct tensor *x, int i)
{
    if (!x->cl || i == 0)
        return i;
    return i == x->shape.rank - 1 ? 1 : i + 1;
}

/* Elements over the dims [from, to) in memory order, before or after they are resized. */
static int64_t extent(const struct tensor *x, const struct axis *a, int from, int to, bool resized)
{
    int64_t n = 1;

    for (int i = from; i < to; i++)
        n *= resized ? a[memory_dim(x, i)].out : a[memory_dim(x, i)].in;
    return n;
}

/* Bytes of the taps and of the two buffers between dims. */
struct plan {
    size_t taps, most;
};

static struct plan plan_of(const struct tensor *x, const struct how *h, const struct axis *a)
{
    struct plan p = { 0, 1 };
    int rank = x->shape.rank;

    for (int i = 0; i < x->shape.rank; i++) { /* an intermediate may be larger than both ends */
        const struct axis *d = &a[memory_dim(x, i)];
        size_t n = (size_t)d->out * (size_t)tap_count(h, d);
        int64_t elements = extent(x, a, 0, i + 1, true) * extent(x, a, i + 1, rank, false);

        p.taps = n > p.taps ? n : p.taps;
        p.most = (size_t)elements > p.most ? (size_t)elements : p.most;
    }
    return p;
}

static void run(struct call *c, const struct tensor *x, const struct how *h, const struct axis *a,
                float *out)
{
    struct plan p = plan_of(x, h, a);
    char *scratch = c->ops->scratch(c, p.taps * (sizeof(int64_t) + sizeof(float)) +
                                           2 * p.most * sizeof(float) + 64);
    struct taps t = { .at = (int64_t *)(void *)scratch };
    float *buffers;
    const float *from = x->data;
    int64_t outer = 1, left = 0, turn = 0;

    t.weight = (float *)(void *)(t.at + p.taps);
    buffers = t.weight + p.taps;
    for (int i = 0; i < x->shape.rank; i++)
        left += a[i].resized;
    if (left == 0)
        memcpy(out, from, tensor_size(x));
    for (int i = 0; i < x->shape.rank; i++) {
        const struct axis *d = &a[memory_dim(x, i)];
        float *to;

        if (d->resized) {
            to = --left == 0 ? out : buffers + (size_t)(turn++ % 2) * p.most;
            t.n = tap_count(h, d);
            for (int64_t k = 0; k < d->out; k++)
                taps_of(&t, h, k, d);
            resize_f32(to, from, outer, d, extent(x, a, i + 1, x->shape.rank, false), &t,
                       h->outside);
            from = to;
        }
        outer *= d->out;
    }
}

/* Other types go through float32 and are rounded and saturated on their way back. */
static int resize_as_f32(struct call *c, const struct how *h, const struct axis *a)
{
    struct tensor wide = *c->in[0], *y = c->out[0];
    size_t nin = (size_t)shape_count(&wide.shape), nout = (size_t)shape_count(&y->shape);
    float *in = mem_alloc((nin + nout) * sizeof *in), *out = in + nin;

    dtype_to_f32(in, wide.data, wide.dtype, nin);
    wide.data = in;
    wide.dtype = DT_F32;
    run(c, &wide, h, a, out);
    dtype_from_f32(y->data, y->dtype, out, nout);
    free(in);
    return 0;
}

int op_resize(struct call *c)
{
    const struct tensor *x = c->in[0];
    struct axis a[RANK_MAX] = { 0 };
    struct shape y = x->shape;
    struct how h;
    int known;

    if (read_how(c, &h) < 0 || (known = target(c, &h, a)) < 0)
        return -1;
    if (!known)
        return call_unknown(c, 0, x->dtype);
    for (int i = 0; i < y.rank; i++)
        y.dim[i] = a[i].out;
    if (call_out(c, 0, x->dtype, &y, x->cl) == NULL || shape_count(&y) == 0)
        return call_end(c);
    if (x->dtype != DT_F32)
        return resize_as_f32(c, &h, a);
    run(c, x, &h, a, c->out[0]->data);
    return 0;
}
