/* vmath.h: exp, tanh, logistic and erf without branches or tables, so that loops over them vectorize
 * (in a CLONES function). Plain float32 additions and multiplications: the same bits at any width.
 * Coefficients: Moshier's Cephes library (expf, tanhf); Abramowitz and Stegun 7.1.26 (erf).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_VMATH_H
#define OP_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Within 2 units in the last place; below -87.33 (where results are denormal) 0, above 88.72 inf. */
static inline float vexp(float x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: rounds to an integer */
    float lo = x > -87.3365f ? x : -87.3365f,
          v = lo > 88.7228f ? 88.7228f : lo; /* NaN: any number */
    float n = (v * 1.44269504f + magic) - magic;
    float r = (v - n * 0.693359375f) + n * 2.12194440e-4f; /* ln 2 in two parts */
    float p = 1.9875691500e-4f, y;
    int32_t half = (int32_t)n >> 1,
            rest = (int32_t)n - half; /* 2^n as two factors: n reaches 128 */
    int32_t b0 = (half + 127) << 23, b1 = (rest + 127) << 23;
    float f0, f1;

    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    memcpy(&f0, &b0, sizeof f0);
    memcpy(&f1, &b1, sizeof f1);
    y = (p * (r * r) + r + 1) * f0 * f1;
    y = x < -87.3365f ? 0 : y;
    y = x > 88.7228f ? INFINITY : y;
    return x != x ? x : y;
}

static inline float vlogistic(float x)
{
    return 1 / (1 + vexp(-x));
}

static inline float vtanh(float x)
{
    float s = x * x, p = -5.70498872745e-3f, large = 1 - 2 / (vexp(2 * fabsf(x)) + 1);

    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    p = p * s * x + x;
    return fabsf(x) < 0.625f ? p : copysignf(large, x);
}

/* Absolute error below 2e-7, relative error below 1e-6 near 0. */
static inline float verf(float x)
{
    float a = fabsf(x), s = x * x, t = 1 / (1 + 0.3275911f * a), p = 1.061405429f,
          q = 5.22397763e-3f;

    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    p = 1 - p * t * vexp(-s);
    q = q * s - 2.68661707e-2f; /* Taylor's series: 2 / sqrt(pi) (x - x^3 / 3 + x^5 / 10 - ...) */
    q = q * s + 1.12837917e-1f;
    q = q * s - 3.76126389e-1f;
    q = q * s + 1.12837917f;
    return a < 0.5f ? q * x : copysignf(p, x);
}

#endif
