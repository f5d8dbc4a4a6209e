/* norm.c: normalizations. ONNX BatchNormalization-15 (inference), InstanceNormalization-6,
 * LayerNormalization-17, LRN-13, LpNormalization-1.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "op/op.h"

static int need_f32(struct call *c)
{
    for (int i = 0; i < c->nin; i++)
        if (c->in[i] != NULL && c->in[i]->dtype != DT_F32)
            return call_unsupported(c, "%s input", dtype_name(c->in[i]->dtype));
    return 0;
}

int op_batchnorm(struct call *c)
{
    const struct tensor *x = c->in[0];
    float epsilon = attr_float(c->node, "epsilon", 1e-5f), *y, *scale, *shift;
    int64_t channels = x->shape.rank > 1 ? x->shape.dim[1] : 1, inner = 1,
            total = shape_count(&x->shape);

    if (need_f32(c) < 0)
        return -1;
    if (attr_int(c->node, "training_mode", 0) != 0)
        return call_unsupported(c, "training_mode 1");
    for (int i = 1; i < 5; i++)
        if (shape_count(&c->in[i]->shape) != channels)
            return call_fail(c, "input %d has not %lld elements", i, (long long)channels);
    y = call_out_over(c, 0, DT_F32, &x->shape, x->cl, 0);
    if (y == NULL)
        return call_end(c);
    for (int i = 2; i < x->shape.rank && !x->cl; i++)
        inner *= x->shape.dim[i];
    scale = c->ops->scratch(c, 2 * (size_t)channels * sizeof *scale);
    shift = scale + channels;
    for (int64_t k = 0; k < channels; k++) {
        const float *g = c->in[1]->data, *b = c->in[2]->data, *m = c->in[3]->data,
                    *v = c->in[4]->data;

        scale[k] = g[k] / sqrtf(v[k] + epsilon);
        shift[k] = b[k] - m[k] * scale[k];
    }
    for (int64_t i = 0; i < total; i++) {
        int64_t k = i / inner % channels;

        y[i] = ((const float *)x->data)[i] * scale[k] + shift[k];
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

int op_layernorm(struct call *c)
{
    const struct tensor *x = c->in[0];
    int axis = call_axis(c, attr_int(c->node, "axis", -1), x->shape.rank);
    float epsilon = attr_float(c->node, "epsilon", 1e-5f), *y, *means, *inverses;
    const float *from = x->data, *gamma = c->in[1]->data,
                *beta = call_has(c, 2) ? c->in[2]->data : NULL;
    struct shape stats = x->shape;
    int64_t rows = 1, n = 1;

    if (axis < 0 || need_f32(c) < 0)
        return -1;
    for (int i = 0; i < x->shape.rank; i++) {
        rows *= i < axis ? x->shape.dim[i] : 1;
        n *= i >= axis ? x->shape.dim[i] : 1;
        stats.dim[i] = i < axis ? x->shape.dim[i] : 1;
    }
    for (int i = 1; i < 3; i++)
        if (call_has(c, i) && shape_count(&c->in[i]->shape) != n)
            return call_unsupported(c, "input %d that is broadcast", i);
    y = call_out_over(c, 0, DT_F32, &x->shape, false, 0);
    means = c->nout > 1 ? call_out(c, 1, DT_F32, &stats, false) : NULL;
    inverses = c->nout > 2 ? call_out(c, 2, DT_F32, &stats, false) : NULL;
    if (y == NULL)
        return call_end(c);
    for (int64_t r = 0; r < rows; r++, y += n, from += n) {
        float mean, inverse = standardize(y, from, n, epsilon, &mean);

        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] * gamma[i] + (beta != NULL ? beta[i] : 0);
        if (means != NULL)
            means[r] = mean;
        if (inverses != NULL)
            inverses[r] = inverse;
    }
    return call_end(c);
}

int op_lrn(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t size = attr_int(c->node, "size", 1), inner = 1, channels;
    float alpha = attr_float(c->node, "alpha", 1e-4f), beta = attr_float(c->node, "beta", 0.75f);
    float bias = attr_float(c->node, "bias", 1), *y;
    const float *from = x->data;

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
