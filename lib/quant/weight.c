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
