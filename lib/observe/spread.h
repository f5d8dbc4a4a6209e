/* spread.h: a coarse histogram for every channel of a tensor, so that its channels can be rescaled later:
 * sign, 32 binary orders of magnitude and 3 mantissa bits of evenly sampled values. Counts are integers and
 * the bins do not depend on the data: spreads add up exactly in any order (DESIGN.md 5).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OBSERVE_SPREAD_H
#define OBSERVE_SPREAD_H

#include "base/err.h"
#include "base/mem.h"
#include "observe/hist.h"

enum {
    SPREAD_SIDE = 256, /* 2^-20 … 2^12, 8 bins an octave; what is beyond: the outermost */
    SPREAD_BINS = 1 + 2 * SPREAD_SIDE, /* 0 (and below 2^-20), positive, negative */
    SPREAD_SAMPLES = 16,               /* about so many values of a channel are taken in a step */
};

/* Bins of values that were sampled but not counted yet: rows of one bin a channel. Counting touches all bins
 * of all channels, so it is done for many rows at once. */
struct spread_log {
    size_t rows;
    uint16_t *bins; /* free() it */
};
/* x (outer, n, inner): adds some values of each of the n channels; *bins, [n][SPREAD_BINS], is made when it
 * is first needed. */
void spread_add(struct spread_log *l, uint32_t **bins, const float *x, size_t outer, size_t n,
                size_t inner);
/* Counts what is left in the log. */
void spread_log_drain(struct spread_log *l, uint32_t **bins, size_t n);
/* n channels, as varints (proto/observed.proto). */
void spread_pack(const uint32_t *bins, int64_t n, struct buf *out);
/* malloc'ed, [n][SPREAD_BINS]; NULL on an error. */
uint32_t *spread_unpack(int64_t n, const void *p, size_t size, struct err *e);

/* The values of a bin: their middle; 0 for bin 0. */
double spread_value(int bin);
/* A bin's values are taken for SPREAD_SPLIT values evenly over it, within the channel's extrema (where a Clip
 * was at work many equal the largest): value k. */
enum { SPREAD_SPLIT = 4 };
double spread_part(int bin, int k, float min, float max);
/* The histogram of all channels together, channel c divided by factor[c]. Counts are SPREAD_SPLIT times the
 * sampled ones. */
void spread_hist(struct hist *h, const uint32_t *bins, int64_t n, const float *min,
                 const float *max, const double *factor);

#endif
