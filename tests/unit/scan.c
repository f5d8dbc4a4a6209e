/* scan.c: observe/scan.h and the live histogram against loops one can read, over sizes that do not
 * fill a vector, with zeros of both signs, denormals and the values of ReLU6.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "observe/hist.h"
#include "observe/scan.h"
#include "tap.h"

static float value(unsigned *seed)
{
    static const float odd[] = { 0, -0.0f, 6, 1e-41f, -3e38f, 1 };
    unsigned r = *seed = *seed * 1664525 + 1013904223;

    return r >> 29 == 0 ? odd[(r >> 20) % 6] : r >> 30 == 1 ? 0 : ((float)(r >> 8) - 8e6f) / 3e6f;
}

static int by_bits(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* What is left are the values that are not zero, each as often as in x (rows, n). */
static bool rest_right(struct scan_rest *rest, const float *x, size_t rows, size_t n, size_t stride)
{
    float want[SCAN_BLOCK];
    size_t k = 0;

    for (size_t i = 0; i < rows * n; i++)
        if (x[i / n * stride + i % n] != 0)
            want[k++] = x[i / n * stride + i % n];
    qsort(want, k, sizeof *want, by_bits);
    qsort(rest->x, rest->n, sizeof *rest->x, by_bits);
    return rest->n == k && memcmp(rest->x, want, k * sizeof *want) == 0;
}

static bool block_right(const float *x, size_t n)
{
    struct scan_rest rest;
    float min = INFINITY, max = -INFINITY;
    struct scan s = scan_begin();

    scan_block(&s, x, n, &rest);
    for (size_t i = 0; i < n; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    return rest_right(&rest, x, 1, n, n) && scan_min(&s) == min && scan_max(&s) == max;
}

static bool rows_right(const float *x, size_t rows, size_t n, size_t stride)
{
    double sum[100] = { 0 }, want[100] = { 0 };
    float min[100], max[100], all_lo = INFINITY, all_hi = -INFINITY;
    struct scan s = scan_begin();
    struct scan_rest rest;

    for (size_t c = 0; c < n; c++) {
        min[c] = INFINITY;
        max[c] = -INFINITY;
    }
    scan_rows(sum, min, max, x, rows, n, stride, &rest);
    scan_extrema(&s, min, max, n);
    for (size_t c = 0; c < n; c++) {
        float lo = INFINITY, hi = -INFINITY;

        for (size_t r = 0; r < rows; r++) {
            want[c] += (double)x[r * stride + c];
            lo = fminf(lo, x[r * stride + c]);
            hi = fmaxf(hi, x[r * stride + c]);
        }
        if (sum[c] != want[c] || lo != min[c] || hi != max[c])
            return false;
        all_lo = fminf(lo, all_lo);
        all_hi = fmaxf(hi, all_hi);
    }
    return rest_right(&rest, x, rows, n, stride) && scan_min(&s) == all_lo &&
           scan_max(&s) == all_hi;
}

static bool run_right(const float *x, size_t n)
{
    double sum = 0, lanes[16] = { 0 }, want = 0;
    float min = INFINITY, max = -INFINITY, lo = INFINITY, hi = -INFINITY;

    scan_run(&sum, &min, &max, x, n);
    for (size_t i = 0; i < n; i++) {
        lanes[i < n / 16 * 16 ? i % 16 : 0] += (double)x[i];
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
    }
    for (int k = 0; k < 16; k++)
        want += lanes[k];
    return sum == want && min == lo && max == hi;
}

/* Counts and low sums of every bin, by a second way. */
static bool hist_right(const float *x, size_t n)
{
    uint64_t *count = NEW_ARRAY(uint64_t, HIST_BINS), *low = NEW_ARRAY(uint64_t, HIST_BINS);
    struct hist_live *t = hist_live_new();
    struct hist h = { 0 };
    float min = INFINITY, max = -INFINITY;
    bool right = true;
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, x + i, sizeof bits);
        count[bits >> 16]++;
        low[bits >> 16] += bits & 0xffff;
        min = fminf(min, x[i]);
        max = fmaxf(max, x[i]);
    }
    hist_live_add(t, x, n);
    hist_live_zeros(t, 7);
    count[0] += 7;
    hist_live_drain(t, &h, min, max);
    for (uint32_t b = 0; b < HIST_BINS; b++)
        if (count[b] > 0)
            right = right && k < h.n && h.bins[k].index == b && h.bins[k].count == count[b] &&
                    h.bins[k++].low == low[b];
    right = right && k == h.n;
    hist_release(&h);
    hist_live_free(t);
    free(count);
    free(low);
    return right;
}

int main(void)
{
    static float x[17 * SCAN_BLOCK];
    bool blocks = true, rows = true, runs = true;
    unsigned seed = 1;

    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = value(&seed);
    for (size_t n = 1; n <= 70; n++) {
        blocks = blocks && block_right(x + n, n);
        runs = runs && run_right(x + 3 * n, n);
        for (size_t r = 1; r < 5; r++)
            rows = rows && rows_right(x + n, r, n, n) && rows_right(x + n, r, n, n + 5);
    }
    ok(blocks && block_right(x, SCAN_BLOCK) && block_right(x, SCAN_BLOCK - 1),
       "a block's extrema and zeros, and the values that a histogram needs");
    ok(rows, "sums and extrema of interleaved channels");
    ok(runs, "sums and extrema of one channel");
    ok(hist_right(x, sizeof x / sizeof *x), "counts and low sums of every bin");
    return tap_end();
}
