/* weight.c: see weight.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "quant/range.h"
#include "quant/weight.h"

void weight_peaks(const float *w, const struct weight_view *v, bool per_tensor, float *peak)
{
    for (int64_t r = 0; r < weight_runs(v); r++, w += v->inner) {
        int64_t c = per_tensor ? 0 : weight_channel(v, r);
        float top = peak[c];

        for (int64_t i = 0; i < v->inner; i++)
            top = fabsf(w[i]) > top ? fabsf(w[i]) : top;
        peak[c] = top;
    }
}

int weight_scales(float *scales, int nscales, const double *need, int64_t channels)
{
    int raised = 0;

    for (int64_t c = 0; c < channels; c++) {
        int64_t k = nscales == 1 ? 0 : c;
        double s = (double)scales[k] / 127, least = fmax(need[c] / 2147483647.0, 1e-8);

        if (s < least) {
            s = least;
            raised += least > 1e-8; /* a channel of zeros alone is nothing to speak of */
        }
        if (nscales == 1)
            scales[0] = (float)(s * 127); /* rounded below, once */
        else
            scales[k] = scale_round(s);
    }
    if (nscales == 1)
        scales[0] = scale_round((double)scales[0] / 127);
    return raised;
}

int64_t weight_inputs(const struct node *n, int64_t *area)
{
    struct weight_view v = node_weight_view(n);
    const struct shape *s = &n->in[1]->shape;

    *area = v.inner; /* a whole run belongs to one input channel */
    if (n->op->weight == WEIGHT_CONV || (n->op->weight == WEIGHT_GEMM && v.axis == 0))
        *area = 1;
    for (int i = 2; i < s->rank && n->op->weight == WEIGHT_CONV; i++)
        *area *= s->dim[i];
    switch (n->op->weight) {
    case WEIGHT_CONVT:
        return s->dim[0];
    case WEIGHT_GEMM:
        return s->dim[v.axis == 0 ? 1 : 0];
    case WEIGHT_MATMUL:
        return s->dim[s->rank - 2];
    default:
        return s->dim[1] * attr_int(n, "group", 1);
    }
}

int64_t weight_input(const struct node *n, const struct weight_view *v, int64_t r, int64_t *step)
{
    const struct shape *s = &n->in[1]->shape;
    int64_t groups = attr_int(n, "group", 1);

    *step = 0;
    switch (n->op->weight) {
    case WEIGHT_CONVT: /* (Cin, Cout/g, k…): runs by (cin, cout) */
        return r / (v->channels / v->groups);
    case WEIGHT_GEMM:
        if (v->axis == 0) { /* (N, K): a run is a row */
            *step = 1;
            return 0;
        }
        return r / v->channels;
    case WEIGHT_MATMUL:
        return r / v->channels % s->dim[s->rank - 2];
    default: /* (M, C/g, k…): a run is all of channel m, spatial innermost */
        *step = 1;
        return r / (s->dim[0] / groups) * s->dim[1];
    }
}

/* |w| / s is at most 127, so the magic number rounds half to even. */
void weight_round(int8_t *q, const float *w, const struct weight_view *v, const float *scales,
                  int nscales)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23 */

    for (int64_t r = 0; r < weight_runs(v); r++, w += v->inner, q += v->inner) {
        float s = scales[nscales == 1 ? 0 : weight_channel(v, r)];

        for (int64_t i = 0; i < v->inner; i++) {
            float x = (w[i] / s + magic) - magic;

            q[i] = (int8_t)(x < -127 ? -127 : x > 127 ? 127 : x);
        }
    }
}

/* Correlation of the inputs that a kernel sees at once. */
static const double ALIKE = 0.75;

/* One kernel: `count` weights. The expected squared error is (1 - ALIKE) sum e^2 + ALIKE (sum e)^2 in squares
 * of the step, e = q - w / scale; the weight that errs most goes to its other neighbour while that is less. */
static void kernel_balance(int8_t *q, const float *w, int64_t count, float scale)
{
    double sum = 0;

    for (int64_t i = 0; i < count; i++)
        sum += q[i] - (double)w[i] / (double)scale;
    for (int sign = sum > 0 ? 1 : -1;; sum -= sign) {
        int64_t at = -1;
        double most = 0;

        for (int64_t i = 0; i < count; i++) {
            double off = sign * (q[i] - (double)w[i] / (double)scale);

            if (off > most && q[i] - sign >= -127 && q[i] - sign <= 127) {
                most = off;
                at = i;
            }
        }
        if (at < 0 || (1 - ALIKE) * (1 - 2 * most) + ALIKE * (1 - 2 * sign * sum) >= 0)
            break;
        q[at] = (int8_t)(q[at] - sign);
    }
}

void weight_balance(int8_t *q, const float *w, const struct node *n, const float *scales,
                    int nscales)
{
    struct weight_view v = node_weight_view(n);
    int64_t area;

    weight_inputs(n, &area);
    for (int64_t r = 0; r < weight_runs(&v) && area > 1; r++)
        for (int64_t i = 0; i < v.inner; i += area, w += area, q += area)
            kernel_balance(q, w, area, scales[nscales == 1 ? 0 : weight_channel(&v, r)]);
}

void bias_round(int32_t *q, const float *b, int64_t n, const float *scales, int nscales,
                float input_scale)
{
    for (int64_t c = 0; c < n; c++) {
        double r =
            rint((double)b[c] / ((double)input_scale * (double)scales[nscales == 1 ? 0 : c]));

        q[c] = (int32_t)(r < -2147483647.0 ? -2147483647.0 : r > 2147483647.0 ? 2147483647.0 : r);
    }
}

bool bias_read(const struct model *m, const struct node *n, int64_t channels, float *out)
{
    const struct value *b = node_bias_value(n);
    int64_t count = b == NULL ? 0 : shape_count(&b->shape);
    float beta = n->op->weight == WEIGHT_GEMM ? attr_float(n, "beta", 1) : 1;

    if (b == NULL || b->constant == NULL || (count != channels && count != 1))
        return false;
    constant_f32(m, b, out);
    for (int64_t c = channels - 1; c >= 0; c--)
        out[c] = beta * out[count == 1 ? 0 : c];
    return true;
}
