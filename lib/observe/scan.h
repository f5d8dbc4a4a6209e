/* scan.h: one pass over values that are in the cache: extrema, NaN and inf, sums a channel, and what is
 * left for the histogram. The fast ways give the same bits as the plain loops: extrema are order-free,
 * sums keep their order.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OBSERVE_SCAN_H
#define OBSERVE_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum { SCAN_BLOCK = 4096 }; /* values at a time: 16 KiB, half of the smallest first-level cache */

/* Half of what a ReLU writes is zeros, which need no histogram: what is not zero (of either sign) is moved
 * together here, in any order. */
struct scan_rest {
    size_t n;
    float x[SCAN_BLOCK + 16];
};

/* Extrema are taken on integers that order like the floats (the magnitude's bits, inverted where
 * negative); `top` is the largest magnitude's bits, which tell NaN and inf. */
struct scan {
    int32_t min, max, top;
};
struct scan scan_begin(void);
float scan_min(const struct scan *s); /* -0 is 0; inf if nothing was scanned */
float scan_max(const struct scan *s);
/* n <= SCAN_BLOCK values. */
void scan_block(struct scan *s, const float *x, size_t n, struct scan_rest *rest);

/* x (rows, n) whose rows are `stride` values apart, rows * n <= SCAN_BLOCK: adds each of the n channels'
 * values to its sum, row by row, and to its extrema, which leave out NaN. */
void scan_rows(double *restrict sum, float *restrict min, float *restrict max,
               const float *restrict x, size_t rows, size_t n, size_t stride,
               struct scan_rest *rest);
/* Takes in what scan_rows found of n channels. */
void scan_extrema(struct scan *s, const float *min, const float *max, size_t n);
/* Sum and extrema of n values of one channel; the sum runs in 16 lanes that are added up at the end. */
void scan_run(double *sum, float *min, float *max, const float *x, size_t n);

#endif
