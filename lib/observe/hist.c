/* hist.c: see hist.h. One 64-bit addition a value: count in the upper 24 bits, the low 16 bits of the
 * value summed in the lower 40; drained into wide tables before the count can overflow.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <zlib.h>

#include "base/cursor.h"
#include "observe/hist.h"

enum { DRAIN_AT = (1 << 24) - 1 };

struct hist_live {
    size_t filled; /* values since the last drain */
    uint64_t zeros;
    uint64_t *table;       /* [HIST_BINS] */
    uint64_t *count, *low; /* [HIST_BINS]: drained */
};

static uint64_t *pages(size_t n)
{
    void *p = mmap(NULL, n * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? mem_zero(SIZE_MAX, 1) : p;
}

struct hist_live *hist_live_new(void)
{
    struct hist_live *t = NEW(struct hist_live);

    t->table = pages(3 * HIST_BINS);
    t->count = t->table + HIST_BINS;
    t->low = t->count + HIST_BINS;
    return t;
}

void hist_live_free(struct hist_live *t)
{
    if (t == NULL)
        return;
    munmap(t->table, 3 * HIST_BINS * sizeof *t->table);
    free(t);
}

/* Bins first .. end-1 into the wide tables. */
static void spill(struct hist_live *t, size_t first, size_t end)
{
    for (size_t k = first; k < end; k++)
        if (t->table[k] != 0) {
            t->count[k] += t->table[k] >> 40;
            t->low[k] += t->table[k] & 0xffffffffff;
            t->table[k] = 0;
        }
}

/* The halves of a value are loaded by themselves: cheaper than taking one word apart. */
static void add_some(uint64_t *table, const float *x, size_t n)
{
    const char *p = (const char *)x;
    uint16_t low, bin;

    for (size_t i = 0; i < n; i++, p += sizeof *x) {
        memcpy(&low, p, sizeof low);
        memcpy(&bin, p + sizeof low, sizeof bin);
        table[bin] += ((uint64_t)1 << 40) + low;
    }
}

void hist_live_zeros(struct hist_live *t, uint64_t n)
{
    t->zeros += n;
}

void hist_live_add(struct hist_live *t, const float *x, size_t n)
{
    while (n > 0) {
        size_t some = DRAIN_AT - t->filled < n ? DRAIN_AT - t->filled : n;

        add_some(t->table, x, some);
        x += some;
        n -= some;
        t->filled += some;
        if (t->filled == DRAIN_AT) {
            spill(t, 0, HIST_BINS);
            t->filled = 0;
        }
    }
}

static void collect(struct hist_live *t, struct hist *h, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (t->count[i] != 0) {
            h->bins[h->n++] = (struct hist_bin){ (uint32_t)i, t->count[i], t->low[i] };
            t->count[i] = t->low[i] = 0;
        }
}

void hist_live_drain(struct hist_live *t, struct hist *h, float min, float max)
{
    struct hist fresh = { .bins = NEW_ARRAY(struct hist_bin, HIST_BINS) };
    size_t half = HIST_BINS / 2, above = 0,
           below = half; /* ends of the occupied part of each half */
    uint32_t bits;

    if (max >= 0) {
        memcpy(&bits, &max, sizeof bits);
        above = (bits >> 16) + 1;
    }
    if (min <= 0) { /* -0 has a bin among the negative ones */
        memcpy(&bits, &min, sizeof bits);
        below = (bits >> 16 | half) + 1;
    }
    spill(t, 0, above);
    spill(t, half, below);
    t->count[0] += t->zeros;
    t->filled = t->zeros = 0;
    collect(t, &fresh, 0, above);
    collect(t, &fresh, half, below);
    hist_merge(h, &fresh);
    hist_release(&fresh);
}

void hist_release(struct hist *h)
{
    free(h->bins);
    *h = (struct hist){ 0 };
}

void hist_merge(struct hist *into, const struct hist *from)
{
    struct hist sum = { .bins = NEW_ARRAY(struct hist_bin, into->n + from->n) };
    size_t a = 0, b = 0;

    while (a < into->n || b < from->n) {
        struct hist_bin *s = &sum.bins[sum.n++];
        bool take_a = b == from->n || (a < into->n && into->bins[a].index <= from->bins[b].index);
        bool take_b = a == into->n || (b < from->n && from->bins[b].index <= into->bins[a].index);

        s->index = take_a ? into->bins[a].index : from->bins[b].index;
        if (take_a) {
            s->count += into->bins[a].count;
            s->low += into->bins[a++].low;
        }
        if (take_b) {
            s->count += from->bins[b].count;
            s->low += from->bins[b++].low;
        }
    }
    hist_release(into);
    *into = sum;
}

void hist_pack(const struct hist *h, struct buf *out)
{
    struct buf plain = { 0 };
    uint32_t last = 0;
    uLongf size;
    uint8_t *packed;

    for (size_t i = 0; i < h->n; i++) {
        buf_varint(&plain, h->bins[i].index - last);
        buf_varint(&plain, h->bins[i].count);
        buf_varint(&plain, h->bins[i].low);
        last = h->bins[i].index;
    }
    size = compressBound(plain.size);
    packed = mem_alloc(size);
    compress2(packed, &size, plain.data, plain.size, 6);
    buf_varint(out, plain.size);
    buf_put(out, packed, size);
    free(packed);
    buf_release(&plain);
}

int hist_unpack(struct hist *h, const void *p, size_t size, struct err *e)
{
    struct cursor c = cursor_of(p, size), b;
    uint64_t plainsize = cursor_varint(&c), index = 0;
    uLongf got = plainsize;
    uint8_t *plain;
    int rc = -1;

    *h = (struct hist){ 0 };
    if (c.bad || plainsize > HIST_BINS * 24)
        return err_set(e, "histogram is damaged");
    plain = mem_alloc(plainsize);
    if (uncompress(plain, &got, c.p, cursor_left(&c)) != Z_OK || got != plainsize) {
        err_set(e, "histogram is damaged");
        goto out;
    }
    h->bins = NEW_ARRAY(struct hist_bin, HIST_BINS);
    for (b = cursor_of(plain, plainsize); cursor_left(&b) > 0;) {
        struct hist_bin bin;

        index += cursor_varint(&b);
        bin = (struct hist_bin){ (uint32_t)index, cursor_varint(&b), 0 };
        bin.low = cursor_varint(&b);
        if (b.bad || index >= HIST_BINS || h->n == HIST_BINS || bin.count == 0 ||
            (h->n > 0 && bin.index <= h->bins[h->n - 1].index) || bin.low / bin.count > 0xffff) {
            hist_release(h);
            err_set(e, "histogram is damaged");
            goto out;
        }
        h->bins[h->n++] = bin;
    }
    rc = 0;
out:
    free(plain);
    return rc;
}

static double bits_value(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

struct hist_point *hist_points(const struct hist *h, size_t *n)
{
    struct hist_point *p = NEW_ARRAY(struct hist_point, h->n);
    size_t split = 0, at = 0;

    while (split < h->n && h->bins[split].index < HIST_BINS / 2)
        split++;
    /* Negative values: the index grows with the magnitude, so they come in reverse. */
    for (size_t i = 0; i < h->n; i++) {
        const struct hist_bin *b =
            i < h->n - split ? &h->bins[h->n - 1 - i] : &h->bins[i - (h->n - split)];
        double first = bits_value(b->index << 16), next = bits_value((b->index << 16) | 0xffff);
        double mean = first + (next - first) * ((double)b->low / (double)b->count / 0xffff);

        p[at++] = (struct hist_point){ mean, first < next ? first : next,
                                       first < next ? next : first, (double)b->count, b->count };
    }
    *n = at;
    return p;
}
