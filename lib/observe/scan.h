/* scan.h: one pass over values that are in the cache: extrema, zeros, NaN and inf, sums a channel.
 * The fast ways give the same bits as the plain loops: extrema are order-free, sums keep their order.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OBSERVE_SCAN_H
#define OBSERVE_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum { SCAN_BLOCK = 4096 }; /* values at a time: 16 KiB, half of the smallest first-level cache */

/* Extrema are taken on integers that order like the floats (the magnitude's bits, inverted where
 * negative); `top` is the largest magnitude's bits, which tell NaN and inf. */
struct scan {
    int32_t min, max, top;
    uint64_t zeros; /* of either sign */
};
struct scan scan_begin(void);
float scan_min(const struct scan *s); /* -0 is 0; inf if nothing was scanned */
float scan_max(const struct scan *s);

/* n <= SCAN_BLOCK values. Half of what a ReLU writes is zeros, which need no histogram: returns the
 * values that are left, *rest of them, in their order (in `room`, or x itself; +0 may be left too). */
const float *scan_block(struct scan *s, const float *x, size_t n,
                        float room[static SCAN_BLOCK + 16], size_t *rest);

/* x (rows, n): adds each of the n channels' values to its sum, row by row, and to its extrema. */
void scan_rows(double *restrict sum, float *restrict min, float *restrict max,
               const float *restrict x, size_t rows, size_t n);
/* The same for n values of one channel, whose sum runs in 16 lanes that are added up at the end. */
void scan_run(double *sum, float *min, float *max, const float *x, size_t n);

#endif
