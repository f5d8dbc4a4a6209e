/* resize.c: Resize-13/18 on the spatial dims, channels-last: nearest, linear, cubic, with every
 * coordinate transformation but tf_crop_and_resize. Separable: one dim after the other, from a table
 * of taps per output index.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/op.h"

enum { TAPS = 4 };

struct taps {
    int64_t at[TAPS];
    float weight[TAPS];
    int n;
};

struct how {
    const char *mode, *coordinates, *nearest;
    float cubic_a;
    bool exclude_outside;
};

/* Where output index i of a dim reads in the input. */
static double coordinate(const struct how *h, int64_t i, int64_t in, int64_t out, double scale)
{
    if (strcmp(h->coordinates, "asymmetric") == 0)
        return (double)i / scale;
    if (strcmp(h->coordinates, "align_corners") == 0)
        return out == 1 ? 0 : (double)i * (double)(in - 1) / (double)(out - 1);
    if (strcmp(h->coordinates, "pytorch_half_pixel") == 0 && out <= 1)
        return 0;
    return ((double)i + 0.5) / scale - 0.5;
}

static int64_t nearest(const struct how *h, double x)
{
    if (strcmp(h->nearest, "floor") == 0)
        return (int64_t)floor(x);
    if (strcmp(h->nearest, "ceil") == 0)
        return (int64_t)ceil(x);
    if (strcmp(h->nearest, "round_prefer_ceil") == 0)
        return (int64_t)floor(x + 0.5);
    return (int64_t)ceil(x - 0.5);
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static void taps_of(struct taps *t, const struct how *h, int64_t i, int64_t in, int64_t out,
                    double scale)
{
    double x = coordinate(h, i, in, out, scale), f = x - floor(x), a = h->cubic_a;
    int64_t base = (int64_t)floor(x);
    float sum = 0;

    if (strcmp(h->mode, "nearest") == 0) {
        *t = (struct taps){ { clamp(nearest(h, x), in) }, { 1 }, 1 };
        return;
    }
    if (strcmp(h->mode, "linear") == 0) {
        *t = (struct taps){ { clamp(base, in), clamp(base + 1, in) },
                            { (float)(1 - f), (float)f },
                            2 };
        return;
    }
    t->n = TAPS; /* Keys' cubic convolution at distances 1 + f, f, 1 - f, 2 - f */
    t->weight[0] = (float)(((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a);
    t->weight[1] = (float)(((a + 2) * f - (a + 3)) * f * f + 1);
    t->weight[2] = (float)(((a + 2) * (1 - f) - (a + 3)) * (1 - f) * (1 - f) + 1);
    t->weight[3] = (float)(((a * (2 - f) - 5 * a) * (2 - f) + 8 * a) * (2 - f) - 4 * a);
    for (int k = 0; k < TAPS; k++) {
        int64_t at = base - 1 + k;

        if (h->exclude_outside && (at < 0 || at >= in))
            t->weight[k] = 0;
        t->at[k] = clamp(at, in);
        sum += t->weight[k];
    }
    for (int k = 0; k < TAPS && h->exclude_outside; k++)
        t->weight[k] /= sum;
}

/* (outer, in, inner) -> (outer, out, inner) */
static void resize_dim(float *y, const float *x, int64_t outer, int64_t in, int64_t out,
                       int64_t inner, const struct taps *taps)
{
    for (int64_t o = 0; o < outer; o++, x += in * inner)
        for (int64_t i = 0; i < out; i++, y += inner) {
            const struct taps *t = &taps[i];

            if (t->n == 1) {
                memcpy(y, x + t->at[0] * inner, (size_t)inner * sizeof *y);
                continue;
            }
            for (int64_t k = 0; k < inner; k++)
                y[k] =
                    t->weight[0] * x[t->at[0] * inner + k] + t->weight[1] * x[t->at[1] * inner + k];
            for (int j = 2; j < t->n; j++)
                for (int64_t k = 0; k < inner; k++)
                    y[k] += t->weight[j] * x[t->at[j] * inner + k];
        }
}

/* Output dims and scales; 1 on success, 0 not known yet, -1 error. */
static int target(struct call *c, struct shape *y, double scale[RANK_MAX])
{
    const struct shape *x = &c->in[0]->shape;
    int64_t sizes[RANK_MAX];
    int n;

    *y = *x;
    if (call_has(c, 3) && shape_count(&c->in[3]->shape) > 0) {
        if (!call_ints(c, 3, sizes, RANK_MAX, &n))
            return c->failed ? -1 : 0;
        if (n != x->rank)
            return call_fail(c, "%d sizes for a tensor of rank %d", n, x->rank);
        for (int i = 0; i < n; i++) {
            y->dim[i] = sizes[i];
            scale[i] = (double)sizes[i] / (double)x->dim[i];
        }
        return 1;
    }
    if (!call_has(c, 2) || shape_count(&c->in[2]->shape) != x->rank)
        return call_fail(c, "neither scales nor sizes fit a tensor of rank %d", x->rank);
    if (!call_has_data(c, 2))
        return 0;
    for (int i = 0; i < x->rank; i++) {
        scale[i] = tensor_get(c->in[2], (size_t)i);
        if (!(scale[i] > 0 && scale[i] * (double)x->dim[i] < 1e12))
            return call_fail(c, "scale %g", scale[i]);
        y->dim[i] = (int64_t)floor((double)x->dim[i] * scale[i]);
    }
    return 1;
}

static int read_how(struct call *c, struct how *h)
{
    *h = (struct how){ attr_string(c->node, "mode", "nearest"),
                       attr_string(c->node, "coordinate_transformation_mode", "half_pixel"),
                       attr_string(c->node, "nearest_mode", "round_prefer_floor"),
                       attr_float(c->node, "cubic_coeff_a", -0.75f),
                       attr_int(c->node, "exclude_outside", 0) != 0 };
    if (strcmp(h->coordinates, "tf_crop_and_resize") == 0 ||
        strcmp(h->coordinates, "half_pixel_symmetric") == 0)
        return call_unsupported(c, "coordinate_transformation_mode %s", h->coordinates);
    if (attr_int(c->node, "antialias", 0) != 0)
        return call_unsupported(c, "antialias 1");
    if (attr_find(c->node, "axes") != NULL)
        return call_unsupported(c, "attribute axes");
    if (strcmp(attr_string(c->node, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0)
        return call_unsupported(c, "keep_aspect_ratio_policy");
    return 0;
}

int op_resize(struct call *c)
{
    const struct tensor *x = c->in[0];
    double scale[RANK_MAX];
    struct shape y, stage;
    struct how h;
    float *out, *buffers, *from;
    size_t most, ntaps = 0;
    struct taps *taps;
    int known;

    if (read_how(c, &h) < 0 || (known = target(c, &y, scale)) < 0)
        return -1;
    if (!known)
        return call_unknown(c, 0, x->dtype);
    if (x->dtype != DT_F32)
        return call_unsupported(c, "%s input", dtype_name(x->dtype));
    if (x->shape.rank < 3 || y.dim[0] != x->shape.dim[0] || y.dim[1] != x->shape.dim[1])
        return call_unsupported(c, "resizing batch or channels");
    out = call_out(c, 0, DT_F32, &y, true);
    if (out == NULL || shape_count(&y) == 0 || shape_count(&x->shape) == 0)
        return call_end(c);
    most = 1;
    stage = x->shape;
    for (int i = 2; i < y.rank; i++) { /* an intermediate may be larger than both ends */
        stage.dim[i] = y.dim[i];
        most = i < y.rank - 1 && (size_t)shape_count(&stage) > most ? (size_t)shape_count(&stage)
                                                                    : most;
        ntaps = (size_t)y.dim[i] > ntaps ? (size_t)y.dim[i] : ntaps;
    }
    taps = c->ops->scratch(c, ntaps * sizeof *taps + 2 * most * sizeof *buffers + 64);
    buffers = (float *)(void *)(taps + ntaps);
    from = x->data;
    for (int d = 2; d < y.rank; d++) {
        int64_t outer = x->shape.dim[0], inner = x->shape.dim[1];
        float *to = d == y.rank - 1 ? out : buffers + (size_t)(d % 2) * most;

        for (int i = 2; i < y.rank; i++) {
            outer *= i < d ? y.dim[i] : 1;
            inner *= i > d ? x->shape.dim[i] : 1;
        }
        for (int64_t i = 0; i < y.dim[d]; i++)
            taps_of(&taps[i], &h, i, x->shape.dim[d], y.dim[d], scale[d]);
        resize_dim(to, from, outer, x->shape.dim[d], y.dim[d], inner, taps);
        from = to;
    }
    return 0;
}
