/* rle.c: the run lengths of bitmaps (BI_RLE4, BI_RLE8), with OpenCV's reading of their corners.
 *
 * Pairs of bytes: a run (length, colors), or 0 and: 0 end of line, 1 end of bitmap, 2 a jump (dx, dy
 * follow), n >= 3 that many literal pixels. What is jumped over gets color 0. Rows come in the file's
 * order. In RLE8 a run that reaches the end of a line begins the next one, and the end-of-line behind
 * it counts for nothing; in RLE4 a jump goes only to the right, and the end of the bitmap ends a line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include "image/bmp.h"

struct rle {
    struct image *im;
    const struct bmp *b;
    struct cursor c;
    int x, y;
    bool wrapped; /* RLE8: the code before was a run that ended its line */
};

static void put(struct rle *r, int color)
{
    const struct image *im = r->im;
    int row = r->b->top_down ? r->y : im->height - 1 - r->y;
    const uint8_t *q = r->b->palette[color];

    pixel_put(im->data + ((size_t)row * (size_t)im->width + (size_t)r->x) * (size_t)im->channels,
              im->channels, q[0], q[1], q[2]);
    r->x++;
}

/* n pixels of one color, over the ends of lines. */
static void fill(struct rle *r, int64_t n, int color)
{
    do {
        for (; n > 0 && r->x < r->im->width; n--)
            put(r, color);
        if (r->x >= r->im->width) {
            r->x = 0;
            if (++r->y >= r->im->height)
                return;
        }
    } while (n > 0);
}

static void literal(struct rle *r, int n)
{
    bool four = r->b->bits == 4;
    size_t size = four ? ((size_t)n + 1) / 2 : (size_t)n;
    const uint8_t *p = cursor_take(&r->c, (size + 1) & ~(size_t)1);

    for (int i = 0; p != NULL && i < n; i++)
        put(r, !four ? p[i] : i % 2 ? p[i / 2] & 15 : p[i / 2] >> 4);
}

static void run(struct rle *r, int n, int colors)
{
    int y = r->y;

    if (r->b->bits == 8) {
        fill(r, n, colors);
        r->wrapped = r->y != y;
        return;
    }
    for (int i = 0; i < n; i++)
        put(r, i % 2 ? colors & 15 : colors >> 4);
}

static void escape(struct rle *r, int code)
{
    int width = r->im->width;
    int64_t dx = width - r->x, dy = r->im->height - r->y;
    bool nothing = r->b->bits == 8 && code == 0 && r->wrapped && r->x == 0;

    r->wrapped = false;
    if (nothing)
        return;
    if (code == 2) {
        dx = cursor_u8(&r->c);
        dy = cursor_u8(&r->c);
    }
    if (r->b->bits == 8 && code != 0)
        dx += dy * width;
    fill(r, dx, 0);
}

int rle_decode(struct image *im, const struct bmp *b, const uint8_t *p, size_t size, struct err *e)
{
    struct rle r = { im, b, cursor_of(p, size), 0, 0, false };

    while (r.y < im->height) {
        int n = cursor_u8(&r.c), code = cursor_u8(&r.c);
        int pixels = n > 0 ? n : code > 2 ? code : 0;

        if (r.c.bad)
            return err_set(e, "truncated in row %d", r.y);
        if (pixels > im->width - r.x)
            return err_set(e, "damaged: a run of %d pixels leaves row %d", pixels, r.y);
        if (n > 0) {
            run(&r, n, code);
        } else if (code > 2) {
            literal(&r, code);
            r.wrapped = false;
        } else {
            escape(&r, code);
        }
    }
    return r.c.bad ? err_set(e, "truncated in row %d", r.y) : 0;
}
