/* scan.c: see scan.h. Where the processor has AVX-512 it is used by name: compilers do not find the
 * compressing store, nor keep a row's sums in registers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/clones.h"
#include "observe/scan.h"

#ifdef __x86_64__
#include <immintrin.h>
#define AVX512 __attribute__((target("avx512f")))
#endif

static int32_t float_order(float x)
{
    int32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

static float order_float(int32_t o)
{
    int32_t bits = o ^ ((o >> 31) & 0x7fffffff);
    float x;

    memcpy(&x, &bits, sizeof x);
    return x + 0.0f; /* -0 is 0 */
}

struct scan scan_begin(void)
{
    return (struct scan){ float_order(INFINITY), float_order(-INFINITY), 0 };
}

float scan_min(const struct scan *s)
{
    return order_float(s->min);
}

float scan_max(const struct scan *s)
{
    return order_float(s->max);
}

CLONES static void block_plain(struct scan *s, const float *x, size_t n)
{
    int32_t min = s->min, max = s->max, top = s->top;

    for (size_t i = 0; i < n; i++) {
        int32_t bits, order, magnitude;

        memcpy(&bits, &x[i], sizeof bits);
        order = bits ^ ((bits >> 31) & 0x7fffffff);
        magnitude = bits & 0x7fffffff;
        min = order < min ? order : min;
        max = order > max ? order : max;
        top = magnitude > top ? magnitude : top;
    }
    *s = (struct scan){ min, max, top };
}

CLONES static void rows_plain(double *restrict sum, float *restrict min, float *restrict max,
                              const float *restrict x, size_t rows, size_t n, size_t stride)
{
    for (size_t r = 0; r < rows; r++, x += stride)
        for (size_t c = 0; c < n; c++) {
            sum[c] += (double)x[c];
            min[c] = x[c] < min[c] ? x[c] : min[c];
            max[c] = x[c] > max[c] ? x[c] : max[c];
        }
}

static float *keep_plain(float *to, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &x[i], sizeof bits);
        *to = x[i];
        to += bits << 1 != 0;
    }
    return to;
}

#ifdef __x86_64__

static bool avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}

/* The lanes that take part when n values are left. */
static inline __mmask16 lanes(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1);
}

/* Moves what is not zero to `to`, which it returns moved on; lanes that take no part must be zero. */
AVX512 static inline float *keep(float *to, __m512i bits)
{
    __mmask16 kept = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x7fffffff));

    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(kept, bits));
    return to + __builtin_popcount(kept);
}

AVX512 static void block_avx512(struct scan *s, const float *x, size_t n, struct scan_rest *rest)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i min = _mm512_set1_epi32(s->min), max = _mm512_set1_epi32(s->max);
    __m512i top = _mm512_set1_epi32(s->top);
    float *end = rest->x;

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 in = lanes(n - i);
        __m512i bits = _mm512_maskz_loadu_epi32(in, x + i);
        __m512i order =
            _mm512_xor_si512(bits, _mm512_and_si512(_mm512_srai_epi32(bits, 31), magnitude));

        min = _mm512_mask_min_epi32(min, in, min, order);
        max = _mm512_mask_max_epi32(max, in, max, order);
        top = _mm512_max_epi32(top, _mm512_and_si512(bits, magnitude));
        end = keep(end, bits);
    }
    rest->n = (size_t)(end - rest->x);
    *s = (struct scan){ _mm512_reduce_min_epi32(min), _mm512_reduce_max_epi32(max),
                        _mm512_reduce_max_epi32(top) };
}

/* Sixteen channels at a time, their sums in registers over all rows. */
AVX512 static void rows_avx512(double *restrict sum, float *restrict min, float *restrict max,
                               const float *restrict x, size_t rows, size_t n, size_t stride,
                               struct scan_rest *rest)
{
    float *end = rest->x;

    for (size_t c = 0; c < n; c += 16) {
        __mmask16 in = lanes(n - c);
        __mmask8 in0 = (__mmask8)in, in1 = (__mmask8)(in >> 8);
        __m512 lo = _mm512_maskz_loadu_ps(in, min + c), hi = _mm512_maskz_loadu_ps(in, max + c);
        __m512d sum0 = _mm512_maskz_loadu_pd(in0, sum + c);
        __m512d sum1 = _mm512_maskz_loadu_pd(in1, sum + c + 8);

        for (size_t r = 0; r < rows; r++) {
            __m512 v = _mm512_maskz_loadu_ps(in, x + r * stride + c);
            __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));

            lo = _mm512_min_ps(v, lo);
            hi = _mm512_max_ps(v, hi);
            sum0 = _mm512_add_pd(sum0, _mm512_cvtps_pd(_mm512_castps512_ps256(v)));
            sum1 = _mm512_add_pd(sum1, _mm512_cvtps_pd(upper));
            end = keep(end, _mm512_castps_si512(v));
        }
        _mm512_mask_storeu_ps(min + c, in, lo);
        _mm512_mask_storeu_ps(max + c, in, hi);
        _mm512_mask_storeu_pd(sum + c, in0, sum0);
        _mm512_mask_storeu_pd(sum + c + 8, in1, sum1);
    }
    rest->n = (size_t)(end - rest->x);
}

#else

static bool avx512(void)
{
    return false;
}
#define block_avx512(s, x, n, rest)                          ((void)0)
#define rows_avx512(sum, min, max, x, rows, n, stride, rest) ((void)0)

#endif

void scan_block(struct scan *s, const float *x, size_t n, struct scan_rest *rest)
{
    if (avx512()) {
        block_avx512(s, x, n, rest);
        return;
    }
    block_plain(s, x, n);
    rest->n = (size_t)(keep_plain(rest->x, x, n) - rest->x);
}

void scan_rows(double *restrict sum, float *restrict min, float *restrict max,
               const float *restrict x, size_t rows, size_t n, size_t stride,
               struct scan_rest *rest)
{
    float *end = rest->x;

    if (avx512()) {
        rows_avx512(sum, min, max, x, rows, n, stride, rest);
        return;
    }
    rows_plain(sum, min, max, x, rows, n, stride);
    for (size_t r = 0; r < rows; r++)
        end = keep_plain(end, x + r * stride, n);
    rest->n = (size_t)(end - rest->x);
}

void scan_extrema(struct scan *s, const float *min, const float *max, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t low = float_order(min[i]), high = float_order(max[i]);

        s->min = low < s->min ? low : s->min;
        s->max = high > s->max ? high : s->max;
    }
}

CLONES void scan_run(double *sum, float *min, float *max, const float *x, size_t n)
{
    enum { LANES = 16 };
    double s[LANES] = { 0 };
    float lo[LANES], hi[LANES];
    size_t i = 0;

    for (size_t k = 0; k < LANES; k++) {
        lo[k] = *min;
        hi[k] = *max;
    }
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            float v = x[i + k];

            s[k] += (double)v;
            lo[k] = v < lo[k] ? v : lo[k];
            hi[k] = v > hi[k] ? v : hi[k];
        }
    for (; i < n; i++) {
        s[0] += (double)x[i];
        lo[0] = x[i] < lo[0] ? x[i] : lo[0];
        hi[0] = x[i] > hi[0] ? x[i] : hi[0];
    }
    for (size_t k = 0; k < LANES; k++) {
        *sum += s[k];
        *min = lo[k] < *min ? lo[k] : *min;
        *max = hi[k] > *max ? hi[k] : *max;
    }
}
