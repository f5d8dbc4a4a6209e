/* norm.c: normalizations. ONNX BatchNormalization-15 (inference), InstanceNormalization-6,
 * LayerNormalization-17, GroupNormalization-21, LRN-13, LpNormalization-1. BatchNormalization in training
 * mode normalizes by the batch and gives the running statistics too.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "op/strides.h"

static int need_f32(struct call *c)
{
    for (int i = 0; i < c->nin; i++)
        if (c->in[i] != NULL && c->in[i]->dtype != DT_F32)
            return call_unsupported(c, "%s input", dtype_name(c->in[i]->dtype));
    return 0;
}

/* Mean and (population) variance of each channel of the batch. */
static void batch_statistics(const struct tensor *x, int64_t channels, int64_t inner, float *mean,
                             float *var)
{
    int64_t total = shape_count(&x->shape), n = channels > 0 ? total / channels : 0;

    for (int64_t k = 0; k < channels; k++) {
        double sum = 0, squares = 0, m;

        for (int64_t i = 0; i < total; i++)
            if (i / inner % channels == k)
                sum += ((const float *)x->data)[i];
        m = sum / (double)n;
        for (int64_t i = 0; i < total; i++)
            if (i / inner % channels == k) {
                double d = ((const float *)x->data)[i] - m;

                squares += d * d;
            }
        mean[k] = (float)m;
        var[k] = (float)(squares / (double)n);
    }
}

enum { NORM_BLOCK = 4096 };

/* x (outer, channels, inner) */
CLONES static void scale_shift(float *y, const float *x, const float *scale, const float *shift,
                               int64_t outer, int64_t channels, int64_t inner)
{
    for (int64_t o = 0; o < outer; o++)
        if (inner == 1) {
            for (int64_t k = 0; k < channels; k++, y++, x++)
                *y = *x * scale[k] + shift[k];
        } else {
            for (int64_t k = 0; k < channels; k++)
                for (int64_t i = 0; i < inner; i++, y++, x++)
                    *y = *x * scale[k] + shift[k];
        }
}

int op_batchnorm(struct call *c)
{
    const struct tensor *x = c->in[0];
    float epsilon = attr_float(c->node, "epsilon", 1e-5f), *y, *scale, *shift, *running[2];
    float momentum = attr_float(c->node, "momentum", 0.9f);
    bool training = attr_int(c->node, "training_mode", 0) != 0;
    int64_t channels = x->shape.rank > 1 ? x->shape.dim[1] : 1, inner = 1,
            total = shape_count(&x->shape);
    struct shape one = { 1, { channels } };

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_batchnorm);
    if (need_f32(c) < 0)
        return -1;
    for (int i = 1; i < 5; i++)
        if (shape_count(&c->in[i]->shape) != channels)
            return call_fail(c, "input %d has not %lld elements", i, (long long)channels);
    y = call_out_over(c, 0, DT_F32, &x->shape, x->cl, training ? -1 : 0);
    for (int i = 0; i < 2; i++)
        running[i] = training ? call_out(c, 1 + i, DT_F32, &one, false) : NULL;
    if (y == NULL && running[0] == NULL && running[1] == NULL)
        return call_end(c);
    for (int i = 2; i < x->shape.rank && !x->cl; i++)
        inner *= x->shape.dim[i];
    scale = c->ops->scratch(c, 4 * (size_t)channels * sizeof *scale + 1);
    shift = scale + channels;
    if (training)
        batch_statistics(x, channels, inner, scale + 2 * channels, scale + 3 * channels);
    for (int64_t k = 0; k < channels; k++) {
        const float *g = c->in[1]->data, *b = c->in[2]->data,
                    *m = training ? scale + 2 * channels : c->in[3]->data,
                    *v = training ? scale + 3 * channels : c->in[4]->data;

        for (int i = 0; i < 2; i++)
            if (running[i] != NULL)
                running[i][k] = ((const float *)c->in[3 + i]->data)[k] * momentum +
                                (i == 0 ? m : v)[k] * (1 - momentum);
        scale[k] = g[k] / sqrtf(v[k] + epsilon);
        shift[k] = b[k] - m[k] * scale[k];
    }
    for (int64_t i = 0, some; i < total && y != NULL; i += some) {
        int64_t unit = inner * channels; /* whole rows of channels, still in the cache behind it */

        some = unit > NORM_BLOCK ? unit : NORM_BLOCK / unit * unit;
        some = total - i < some ? total - i : some;
        scale_shift(y + i, (const float *)x->data + i, scale, shift, some / unit, channels, inner);
        call_post(c, y + i, (size_t)some);
    }
    return 0;
}

/* y = (x - mean) / sqrt(var + epsilon) over n elements; returns 1 / sqrt(var + epsilon). */
static float standardize(float *y, const float *x, int64_t n, float epsilon, float *mean_out)
{
    double sum = 0, squares = 0, mean, scale;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    scale = 1 / sqrt(squares / (double)n + epsilon);
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)((x[i] - mean) * scale);
    *mean_out = (float)mean;
    return (float)scale;
}

int op_instancenorm(struct call *c)
{
    const struct tensor *x = c->in[0];
    float epsilon = attr_float(c->node, "epsilon", 1e-5f), *y, mean;
    const float *from = x->data, *gamma = c->in[1]->data, *beta = c->in[2]->data;
    int64_t inner = 1, channels;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_instancenorm);
    if (need_f32(c) < 0)
        return -1;
    if (x->shape.rank < 3)
        return call_fail(c, "input of rank %d, at least 3", x->shape.rank);
    channels = x->shape.dim[1];
    for (int i = 1; i < 3; i++)
        if (shape_count(&c->in[i]->shape) != channels)
            return call_fail(c, "input %d has not %lld elements", i, (long long)channels);
    y = call_out_over(c, 0, DT_F32, &x->shape, false, 0);
    if (y == NULL)
        return call_end(c);
    for (int i = 2; i < x->shape.rank; i++)
        inner *= x->shape.dim[i];
    for (int64_t k = 0; k < x->shape.dim[0] * channels; k++, y += inner, from += inner) {
        standardize(y, from, inner, epsilon, &mean);
        for (int64_t i = 0; i < inner; i++)
            y[i] = y[i] * gamma[k % channels] + beta[k % channels];
    }
    return 0;
}

/* Scales and shifts of one group, or of one channel, each. */
int op_groupnorm(struct call *c)
{
    const struct tensor *x = c->in[0];
    float epsilon = attr_float(c->node, "epsilon", 1e-5f), *y, mean;
    const float *from = x->data, *gamma = c->in[1]->data, *beta = c->in[2]->data;
    int64_t groups = attr_int(c->node, "num_groups", 0), many, inner, n;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_groupnorm);
    if (need_f32(c) < 0)
        return -1;
    many = shape_count(&c->in[1]->shape);
    if (x->shape.rank < 2 || groups < 1 || x->shape.dim[1] % groups != 0 ||
        (many != groups && many != x->shape.dim[1]) || shape_count(&c->in[2]->shape) != many)
        return call_fail(c, "%lld groups do not fit the input", (long long)groups);
    y = call_out_over(c, 0, DT_F32, &x->shape, false, 0);
    if (y == NULL || shape_count(&x->shape) == 0)
        return call_end(c);
    n = shape_inner(&x->shape, 1) * (x->shape.dim[1] / groups);
    inner = many == groups ? n : shape_inner(&x->shape, 1);
    for (int64_t k = 0; k < x->shape.dim[0] * groups; k++, y += n, from += n) {
        standardize(y, from, n, epsilon, &mean);
        for (int64_t i = 0; i < n; i++) {
            int64_t at = k % groups * (n / inner) + i / inner;

            y[i] = y[i] * gamma[at] + beta[at];
        }
    }
    return 0;
}

struct spread {
    float *to;
    const float *from;
};

static void spread_row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct spread *s = ctx;

    for (int64_t i = 0; i < n; i++)
        s->to[out + i] = s->from[at[0] + i * step[0]];
}

/* Input i as x's shape has it, where it has not just the normalized dims. NULL + error if it does not
 * broadcast. The caller frees it. */
static float *spread(struct call *c, int i)
{
    const struct tensor *x = c->in[0];
    struct shape all;
    struct spread s;
    struct walk w;

    if (!shape_broadcast(&all, &x->shape, &c->in[i]->shape) || !shape_equal(&all, &x->shape)) {
        call_fail(c, "input %d does not broadcast to the input", i);
        return NULL;
    }
    s = (struct spread){ mem_alloc(tensor_size(x) + 1), c->in[i]->data };
    walk_init(&w, &x->shape, false, (const struct tensor *[]){ c->in[i] }, 1);
    walk_rows(&w, spread_row, &s);
    return s.to;
}

/* What gamma (0) and beta (1) are read from, and how far they move from row to row. */
struct affine {
    const float *from[2];
    float *own[2];
    int64_t step[2];
};

/* Are these the last dims of x as they stand, n elements, so that every row takes the same ones? */
static bool is_plain(const struct shape *s, const struct shape *x, int64_t n)
{
    bool plain = shape_count(s) == n;

    for (int i = 1; i <= s->rank && plain; i++)
        plain = i <= x->rank ? s->dim[s->rank - i] == x->dim[x->rank - i] || n == 1
                             : s->dim[s->rank - i] == 1;
    return plain;
}

static int affine_init(struct call *c, struct affine *a, int64_t n)
{
    *a = (struct affine){ 0 };
    for (int i = 0; i < 2; i++) {
        if (!call_has(c, 1 + i))
            continue;
        a->from[i] = c->in[1 + i]->data;
        if (is_plain(&c->in[1 + i]->shape, &c->in[0]->shape, n))
            continue;
        a->own[i] = spread(c, 1 + i);
        a->from[i] = a->own[i];
        a->step[i] = n;
        if (a->own[i] == NULL)
            return -1;
    }
    return 0;
}

int op_layernorm(struct call *c)
{
    const struct tensor *x = c->in[0];
    int axis = call_axis(c, attr_int(c->node, "axis", -1), x->shape.rank);
    float epsilon = attr_float(c->node, "epsilon", 1e-5f), *y, *means, *inverses;
    const float *from = x->data;
    struct shape stats = x->shape;
    int64_t rows = 1, n = 1, step;
    struct affine a;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_layernorm);
    if (axis < 0 || need_f32(c) < 0)
        return -1;
    for (int i = 0; i < x->shape.rank; i++) {
        rows *= i < axis ? x->shape.dim[i] : 1;
        n *= i >= axis ? x->shape.dim[i] : 1;
        stats.dim[i] = i < axis ? x->shape.dim[i] : 1;
    }
    step = n;
    y = call_out_over(c, 0, DT_F32, &x->shape, false, 0);
    means = c->nout > 1 ? call_out(c, 1, DT_F32, &stats, false) : NULL;
    inverses = c->nout > 2 ? call_out(c, 2, DT_F32, &stats, false) : NULL;
    if (y == NULL && means == NULL && inverses == NULL)
        return call_end(c);
    if (y == NULL) { /* only the statistics are wanted */
        y = c->ops->scratch(c, (size_t)n * sizeof *y + 1);
        step = 0;
    }
    if (affine_init(c, &a, n) == 0)
        for (int64_t r = 0; r < rows; r++, y += step, from += n) {
            const float *gamma = a.from[0] + r * a.step[0],
                        *beta = a.from[1] == NULL ? NULL : a.from[1] + r * a.step[1];
            float mean, inverse = standardize(y, from, n, epsilon, &mean);

            for (int64_t i = 0; i < n; i++)
                y[i] = y[i] * gamma[i] + (beta != NULL ? beta[i] : 0);
            if (means != NULL)
                means[r] = mean;
            if (inverses != NULL)
                inverses[r] = inverse;
        }
    free(a.own[0]);
    free(a.own[1]);
    return call_end(c);
}

int op_lrn(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t size = attr_int(c->node, "size", 1), inner = 1, channels;
    float alpha = attr_float(c->node, "alpha", 1e-4f), beta = attr_float(c->node, "beta", 0.75f);
    float bias = attr_float(c->node, "bias", 1), *y;
    const float *from = x->data;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_lrn);
    if (need_f32(c) < 0)
        return -1;
    if (x->shape.rank < 2 || size < 1)
        return call_fail(c, "input of rank %d with size %lld", x->shape.rank, (long long)size);
    y = call_out(c, 0, DT_F32, &x->shape, false);
    if (y == NULL)
        return call_end(c);
    channels = x->shape.dim[1];
    for (int i = 2; i < x->shape.rank; i++)
        inner *= x->shape.dim[i];
    for (int64_t n = 0; n < x->shape.dim[0]; n++, y += channels * inner, from += channels * inner)
        for (int64_t k = 0; k < channels; k++)
            for (int64_t i = 0; i < inner; i++) {
                int64_t lo = k - (size - 1) / 2, hi = k + size / 2;
                float squares = 0;

                for (int64_t j = lo < 0 ? 0 : lo; j <= hi && j < channels; j++)
                    squares += from[j * inner + i] * from[j * inner + i];
                y[k * inner + i] =
                    from[k * inner + i] / powf(bias + alpha / (float)size * squares, beta);
            }
    return 0;
}

int op_lpnorm(struct call *c)
{
    const struct tensor *x = c->in[0];
    int axis = call_axis(c, attr_int(c->node, "axis", -1), x->shape.rank);
    int64_t p = attr_int(c->node, "p", 2), outer = 1, inner = 1, n;
    const float *from = x->data;
    float *y;

    if (x->dtype == DT_F64)
        return call_as_f32(c, op_lpnorm);
    if (axis < 0 || need_f32(c) < 0)
        return -1;
    y = call_out(c, 0, DT_F32, &x->shape, false);
    if (y == NULL)
        return call_end(c);
    for (int i = 0; i < x->shape.rank; i++) {
        outer *= i < axis ? x->shape.dim[i] : 1;
        inner *= i > axis ? x->shape.dim[i] : 1;
    }
    n = x->shape.dim[axis];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t base = o * n * inner + i;
            double norm = 0;

            for (int64_t k = 0; k < n; k++) {
                double v = from[base + k * inner];

                norm += p == 1 ? fabs(v) : v * v;
            }
            norm = p == 1 ? norm : sqrt(norm);
            for (int64_t k = 0; k < n; k++)
                y[base + k * inner] = norm == 0 ? 0 : (float)(from[base + k * inner] / norm);
        }
    return 0;
}
