/* hist.h: a histogram on a grid that does not depend on the data: a value's bin is the upper 16 bits
 * of its float32 (sign, exponent, 7 mantissa bits). Counts and the sum of the low 16 bits are
 * integers, so histograms add up exactly in any order, and the mean of a bin is exact (DESIGN.md 5).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OBSERVE_HIST_H
#define OBSERVE_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

enum { HIST_BINS = 65536 };

/* Sparse: occupied bins by ascending index. */
struct hist_bin {
    uint32_t index;
    uint64_t count, low; /* values, and the sum of their low 16 bits */
};
struct hist {
    size_t n;
    struct hist_bin *bins;
};
void hist_release(struct hist *h);
void hist_merge(struct hist *into, const struct hist *from);
/* The bytes of proto/observed.proto, and back. */
void hist_pack(const struct hist *h, struct buf *out);
int hist_unpack(struct hist *h, const void *p, size_t size, struct err *e);

/* Occupied bins by ascending value: `mean` is the exact mean of the bin's values, [lo, hi] the bin. */
struct hist_point {
    double mean, lo, hi;
    double weight; /* count */
    uint64_t count;
};
/* n points, malloc'ed. */
struct hist_point *hist_points(const struct hist *h, size_t *n);

/* The table that is being filled: 8 bytes a bin, so that what a tensor occupies stays in the cache.
 * Its pages come from the kernel as they are touched. */
struct hist_live;
struct hist_live *hist_live_new(void);
void hist_live_free(struct hist_live *t);
void hist_live_add(struct hist_live *t, const float *x, size_t n);
void hist_live_zeros(struct hist_live *t, uint64_t n); /* n times 0, of either sign */
/* Adds what the table holds, values from min to max, to h and empties it. */
void hist_live_drain(struct hist_live *t, struct hist *h, float min, float max);

#endif
