/* spread.c: see spread.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/cursor.h"
#include "observe/spread.h"

enum { LEAST = (127 - 20) << 3 }; /* exponent and mantissa bits of 2^-20 */

static inline uint16_t bin_of(float x)
{
    uint32_t bits;
    int32_t at;

    memcpy(&bits, &x, sizeof bits);
    at = (int32_t)(bits >> 20 & 0x7ff) - LEAST;
    at = at < SPREAD_SIDE ? at : SPREAD_SIDE - 1;
    return (uint16_t)(at < 0 ? 0 : 1 + at + (int32_t)(bits >> 31) * SPREAD_SIDE);
}

/* An odd distance, so that no power of two among the dims is in step with it. */
static size_t distance(size_t n)
{
    return n / SPREAD_SAMPLES | 1;
}

enum { ROWS = 512 };

/* Room for n more channels' bins. */
static uint16_t *log_row(struct spread_log *l, uint32_t **bins, size_t n)
{
    if (l->rows == ROWS)
        spread_log_drain(l, bins, n);
    if (l->bins == NULL)
        l->bins = mem_alloc(ROWS * n * sizeof *l->bins);
    return l->bins + l->rows++ * n;
}

CLONES static void row_bins(uint16_t *to, const float *x, size_t n, size_t step)
{
    for (size_t c = 0; c < n; c++)
        to[c] = bin_of(x[c * step]);
}

void spread_add(struct spread_log *l, uint32_t **bins, const float *x, size_t outer, size_t n,
                size_t inner)
{
    size_t count = inner == 1 ? outer : inner;

    for (size_t o = 0; o < (inner == 1 ? 1 : outer); o++)
        for (size_t i = 0; i < count; i += distance(count))
            row_bins(log_row(l, bins, n), inner == 1 ? x + i * n : x + o * n * inner + i, n, inner);
}

void spread_log_drain(struct spread_log *l, uint32_t **bins, size_t n)
{
    enum { SOME = 16 }; /* channels whose bins stay in the cache */

    if (*bins == NULL && l->rows > 0)
        *bins = NEW_ARRAY(uint32_t, n * SPREAD_BINS);
    for (size_t from = 0; from < n; from += SOME)
        for (size_t r = 0; r < l->rows; r++)
            for (size_t c = from; c < from + SOME && c < n; c++)
                (*bins)[c * SPREAD_BINS + l->bins[r * n + c]]++;
    l->rows = 0;
}

/* The ends of a bin but bin 0, by magnitude. */
static void ends(int bin, float *from, float *to)
{
    uint32_t at = (uint32_t)((bin - 1) % SPREAD_SIDE + LEAST) << 20, next = at + (1u << 20);

    memcpy(from, &at, sizeof *from);
    memcpy(to, &next, sizeof *to);
    if (bin > SPREAD_SIDE) {
        *from = -*from;
        *to = -*to;
    }
}

double spread_part(int bin, int k, float min, float max)
{
    float from, to;
    double v;

    if (bin == 0)
        return 0;
    ends(bin, &from, &to);
    v = (double)from + ((double)to - (double)from) * (k + 0.5) / SPREAD_SPLIT;
    return v > (double)max ? (double)max : v < (double)min ? (double)min : v;
}

double spread_value(int bin)
{
    float from, to;

    if (bin == 0)
        return 0;
    ends(bin, &from, &to);
    return ((double)from + (double)to) / 2;
}

static void add_value(struct hist_bin *dense, double v, uint64_t count)
{
    float f = (float)v;
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    dense[bits >> 16].count += count;
    dense[bits >> 16].low += count * (bits & 0xffff);
}

void spread_hist(struct hist *h, const uint32_t *bins, int64_t n, const float *min,
                 const float *max, const double *factor)
{
    struct hist_bin *dense = NEW_ARRAY(struct hist_bin, HIST_BINS);

    for (int64_t c = 0; c < n; c++, bins += SPREAD_BINS) {
        dense[0].count += (uint64_t)bins[0] * SPREAD_SPLIT;
        for (int b = 1; b < SPREAD_BINS; b++)
            for (int k = 0; k < SPREAD_SPLIT && bins[b] > 0; k++)
                add_value(dense, spread_part(b, k, min[c], max[c]) / factor[c], bins[b]);
    }
    h->n = 0;
    for (uint32_t i = 0; i < HIST_BINS; i++)
        if (dense[i].count > 0)
            dense[h->n++] = (struct hist_bin){ i, dense[i].count, dense[i].low };
    h->bins = dense;
}

void spread_pack(const uint32_t *bins, int64_t n, struct buf *out)
{
    int64_t last = -1, total = n * SPREAD_BINS;

    for (int64_t i = 0; i < total; i++)
        if (bins[i] > 0) {
            buf_varint(out, (uint64_t)(i - last));
            buf_varint(out, bins[i]);
            last = i;
        }
}

uint32_t *spread_unpack(int64_t n, const void *p, size_t size, struct err *e)
{
    struct cursor c = cursor_of(p, size);
    uint64_t at = 0, total = (uint64_t)n * SPREAD_BINS;
    uint32_t *bins = NEW_ARRAY(uint32_t, total);

    while (cursor_left(&c) > 0) {
        uint64_t step = cursor_varint(&c), count = cursor_varint(&c);

        if (c.bad || step == 0 || step > total - at || count == 0 || count > UINT32_MAX) {
            free(bins);
            err_set(e, "histograms of channels are damaged");
            return NULL;
        }
        at += step;
        bins[at - 1] = (uint32_t)count;
    }
    return bins;
}
