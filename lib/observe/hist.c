/* hist.c: see hist.h. One 64-bit addition a value: count in the upper 24 bits, the low 16 bits of the
 * value summed in the lower 40; drained into wide tables before the count can overflow.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cursor.h"
#include "observe/hist.h"

enum { SPILL_AT = (1 << 24) - 1 };

struct hist_live {
    size_t filled; /* values since the last spill */
    bool spilled;
    uint64_t *table;       /* [HIST_BINS] */
    uint64_t *count, *low; /* [HIST_BINS]: spilled; count[0] has the zeros too */
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

static void spill(struct hist_live *t)
{
    for (size_t k = 0; k < HIST_BINS; k++)
        if (t->table[k] != 0) {
            t->count[k] += t->table[k] >> 40;
            t->low[k] += t->table[k] & 0xffffffffff;
            t->table[k] = 0;
        }
    t->filled = 0;
    t->spilled = true;
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
    t->count[0] += n;
}

void hist_live_add(struct hist_live *t, const float *x, size_t n)
{
    while (n > 0) {
        size_t some = SPILL_AT - t->filled < n ? SPILL_AT - t->filled : n;

        add_some(t->table, x, some);
        x += some;
        n -= some;
        t->filled += some;
        if (t->filled == SPILL_AT)
            spill(t);
    }
}

/* Moves bins first .. end-1 into `bins`, or counts them where that is NULL. */
static size_t collect(struct hist_live *t, struct hist_bin *bins, size_t first, size_t end)
{
    size_t n = 0;

    for (size_t i = first; i < end; i++) {
        bool wide = (t->spilled || i == 0) && t->count[i] != 0;

        if (t->table[i] == 0 && !wide)
            continue;
        if (bins != NULL) {
            bins[n] =
                (struct hist_bin){ (uint32_t)i, t->table[i] >> 40, t->table[i] & 0xffffffffff };
            t->table[i] = 0;
        }
        if (bins != NULL && wide) {
            bins[n].count += t->count[i];
            bins[n].low += t->low[i];
            t->count[i] = t->low[i] = 0;
        }
        n++;
    }
    return n;
}

/* One past the bin of x. */
static size_t bin_end(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (bits >> 16) + 1;
}

void hist_live_drain(struct hist_live *t, struct hist *h, float min, float max)
{
    size_t half = HIST_BINS / 2, above = max > 0 ? bin_end(max) : 1;
    size_t below = min < 0 ? bin_end(min) : half;
    struct hist fresh = { 0 };

    fresh.bins =
        NEW_ARRAY(struct hist_bin, collect(t, NULL, 0, above) + collect(t, NULL, half, below));
    fresh.n = collect(t, fresh.bins, 0, above);
    fresh.n += collect(t, fresh.bins + fresh.n, half, below);
    t->filled = 0;
    t->spilled = false;
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
    struct hist sum = { .bins = mem_alloc((into->n + from->n) * sizeof *sum.bins) };
    size_t a = 0, b = 0;

    while (a < into->n && b < from->n) {
        const struct hist_bin *x = &into->bins[a], *y = &from->bins[b];
        bool both = x->index == y->index;

        a += x->index <= y->index;
        b += y->index <= x->index;
        sum.bins[sum.n++] =
            both ? (struct hist_bin){ x->index, x->count + y->count, x->low + y->low }
            : x->index < y->index ? *x
                                  : *y;
    }
    while (a < into->n)
        sum.bins[sum.n++] = into->bins[a++];
    while (b < from->n)
        sum.bins[sum.n++] = from->bins[b++];
    hist_release(into);
    *into = sum;
}

void hist_pack(const struct hist *h, struct buf *out)
{
    uint32_t last = 0;

    for (size_t i = 0; i < h->n; i++) {
        buf_varint(out, h->bins[i].index - last);
        buf_varint(out, h->bins[i].count);
        buf_varint(out, h->bins[i].low);
        last = h->bins[i].index;
    }
}

int hist_unpack(struct hist *h, const void *p, size_t size, struct err *e)
{
    struct cursor c = cursor_of(p, size);
    uint64_t index = 0;

    *h = (struct hist){ .bins =
                            mem_alloc((size / 3 + 1) * sizeof *h->bins) }; /* three varints a bin */
    while (cursor_left(&c) > 0) {
        uint64_t step = cursor_varint(&c), count = cursor_varint(&c), low = cursor_varint(&c);

        index += step;
        if (c.bad || step >= HIST_BINS || index >= HIST_BINS || (step == 0 && h->n > 0) ||
            count == 0 || low / count > 0xffff) {
            hist_release(h);
            return err_set(e, "histogram is damaged");
        }
        h->bins[h->n++] = (struct hist_bin){ (uint32_t)index, count, low };
    }
    return 0;
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
