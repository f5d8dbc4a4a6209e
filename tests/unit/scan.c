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

static bool block_right(const float *x, size_t n)
{
    float room[SCAN_BLOCK + 16], min = INFINITY, max = -INFINITY;
    size_t rest, zeros = 0, kept = 0, k = 0;
    struct scan s = scan_begin();
    const float *left = scan_block(&s, x, n, room, &rest);

    for (size_t i = 0; i < n; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
        zeros += x[i] == 0;
    }
    for (size_t i = 0; i < n; i++) { /* nothing but +0 may be missing, and the order stays */
        bool plus0 = x[i] == 0 && !signbit(x[i]);

        if (k < rest && left[k] == x[i] && signbit(left[k]) == signbit(x[i]))
            k++;
        else if (!plus0)
            return false;
        kept += !plus0;
    }
    return k == rest && rest >= kept && s.zeros == zeros && scan_min(&s) == min &&
           scan_max(&s) == max;
}

static bool rows_right(const float *x, size_t rows, size_t n)
{
    double sum[100] = { 0 }, want[100] = { 0 };
    float min[100], max[100];

    for (size_t c = 0; c < n; c++) {
        min[c] = INFINITY;
        max[c] = -INFINITY;
    }
    scan_rows(sum, min, max, x, rows, n);
    for (size_t c = 0; c < n; c++) {
        float lo = INFINITY, hi = -INFINITY;

        for (size_t r = 0; r < rows; r++) {
            want[c] += (double)x[r * n + c];
            lo = fminf(lo, x[r * n + c]);
            hi = fmaxf(hi, x[r * n + c]);
        }
        if (sum[c] != want[c] || lo != min[c] || hi != max[c])
            return false;
    }
    return true;
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
            rows = rows && rows_right(x + n, r, n);
    }
    ok(blocks && block_right(x, SCAN_BLOCK) && block_right(x, SCAN_BLOCK - 1),
       "a block's extrema and zeros, and the values that a histogram needs");
    ok(rows, "sums and extrema of interleaved channels");
    ok(runs, "sums and extrema of one channel");
    ok(hist_right(x, sizeof x / sizeof *x), "counts and low sums of every bin");
    return tap_end();
}
