/* resize.c: bilinear interpolation in the fixed-point arithmetic of OpenCV 4.6 (INTER_LINEAR, 8
 * bit): coefficients of 11 bits, horizontal sums kept in 4 bits less, products cut to 16 bits,
 * rounded once. Halving both sides exactly is the mean of four pixels there, and so it is here.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/image.h"

enum { ONE = 1 << 11 };

/* Where an output coordinate lies: between source positions at and at + 1 with weights w0 and w1.
 */
struct tap {
    int at;
    int16_t w0, w1;
};

static void taps_set(struct tap *taps, int to, int from, bool clamp)
{
    double scale = 1. / ((double)to / from);

    for (int i = 0; i < to; i++) {
        float f = (float)((i + 0.5) * scale - 0.5);
        int at = (int)floorf(f);

        f -= (float)at;
        if (clamp && at < 0) {
            at = 0;
            f = 0;
        }
        if (clamp && at >= from - 1) {
            at = from - 1;
            f = 0;
        }
        taps[i].at = at;
        taps[i].w0 = (int16_t)lrintf((1.f - f) * ONE);
        taps[i].w1 = (int16_t)lrintf(f * ONE);
    }
}

/* One source row, (width, channels) -> (out_width, channels), scaled by ONE / 16. */
static void row_resize(int16_t *out, const uint8_t *in, const struct tap *taps, int out_width,
                       int width, int channels)
{
    for (int x = 0; x < out_width; x++) {
        const uint8_t *p = in + taps[x].at * channels;
        int w0 = taps[x].w0, w1 = taps[x].w1, next = taps[x].at + 1 < width ? channels : 0;

        if (channels == 3) {
            out[0] = (int16_t)((p[0] * w0 + p[next] * w1) >> 4);
            out[1] = (int16_t)((p[1] * w0 + p[next + 1] * w1) >> 4);
            out[2] = (int16_t)((p[2] * w0 + p[next + 2] * w1) >> 4);
            out += 3;
        } else {
            *out++ = (int16_t)((p[0] * w0 + p[next] * w1) >> 4);
        }
    }
}

static void rows_mix(uint8_t *restrict out, const int16_t *restrict a, const int16_t *restrict b,
                     int16_t wa, int16_t wb, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int16_t hi = (int16_t)((a[i] * wa) >> 16), lo = (int16_t)((b[i] * wb) >> 16);

        out[i] = (uint8_t)((int16_t)(hi + lo + 2) >> 2);
    }
}

static void halve(struct image *out, const struct image *in)
{
    size_t c = (size_t)in->channels, pitch = (size_t)in->width * c;
    uint8_t *q = out->data;

    for (int y = 0; y < out->height; y++) {
        const uint8_t *p = in->data + 2 * (size_t)y * pitch;

        for (int x = 0; x < out->width; x++, p += 2 * c)
            for (size_t k = 0; k < c; k++)
                *q++ = (uint8_t)((p[k] + p[k + c] + p[k + pitch] + p[k + c + pitch] + 2) >> 2);
    }
}

static int clip(int v, int n)
{
    return v < 0 ? 0 : v < n ? v : n - 1;
}

static void bilinear(struct image *out, const struct image *in)
{
    size_t n = (size_t)out->width * (size_t)in->channels,
           pitch = (size_t)in->width * (size_t)in->channels;
    struct tap *cols = mem_alloc((size_t)out->width * sizeof *cols);
    struct tap *rows = mem_alloc((size_t)out->height * sizeof *rows);
    int16_t *line[2] = { mem_alloc(n * sizeof **line), mem_alloc(n * sizeof **line) };
    int held[2] = { -1, -1 }; /* which source row each line is */

    taps_set(cols, out->width, in->width, true);
    taps_set(rows, out->height, in->height, false);
    for (int y = 0; y < out->height; y++) {
        int want[2] = { clip(rows[y].at, in->height), clip(rows[y].at + 1, in->height) };

        if (held[1] == want[0]) { /* going down: the lower row becomes the upper one */
            int16_t *t = line[0];

            line[0] = line[1];
            line[1] = t;
            held[1] = held[0];
            held[0] = want[0];
        }
        for (int k = 0; k < 2; k++)
            if (held[k] != want[k]) {
                row_resize(line[k], in->data + (size_t)want[k] * pitch, cols, out->width, in->width,
                           in->channels);
                held[k] = want[k];
            }
        rows_mix(out->data + (size_t)y * n, line[0], line[1], rows[y].w0, rows[y].w1, n);
    }
    free(line[0]);
    free(line[1]);
    free(rows);
    free(cols);
}

static void stretch(struct image *out, const struct image *in, int width, int height)
{
    *out = (struct image){ width, height, in->channels, NULL };
    out->data = mem_alloc((size_t)width * (size_t)height * (size_t)in->channels);
    if (width == in->width && height == in->height)
        memcpy(out->data, in->data, (size_t)width * (size_t)height * (size_t)in->channels);
    else if (2 * width == in->width && 2 * height == in->height)
        halve(out, in);
    else
        bilinear(out, in);
}

/* The middle of an image, w x h of it. */
static void cut(struct image *out, const struct image *in, int w, int h)
{
    size_t c = (size_t)in->channels, x0 = (size_t)(in->width - w) / 2,
           y0 = (size_t)(in->height - h) / 2;

    *out = (struct image){ w, h, in->channels, mem_alloc((size_t)w * (size_t)h * c) };
    for (size_t y = 0; y < (size_t)h; y++)
        memcpy(out->data + y * (size_t)w * c, in->data + ((y0 + y) * (size_t)in->width + x0) * c,
               (size_t)w * c);
}

/* An image into the middle of a larger one. */
static void pad(struct image *out, const struct image *in, int width, int height)
{
    size_t c = (size_t)in->channels, w = (size_t)in->width;
    size_t x0 = (size_t)(width - in->width) / 2, y0 = (size_t)(height - in->height) / 2;

    *out = (struct image){ width, height, in->channels,
                           mem_alloc((size_t)width * (size_t)height * c) };
    memset(out->data, IMAGE_PAD, (size_t)width * (size_t)height * c);
    for (size_t y = 0; y < (size_t)in->height; y++)
        memcpy(out->data + ((y0 + y) * (size_t)width + x0) * c, in->data + y * w * c, w * c);
}

/* a * num / den rounded, within 1..max. */
static int side(int a, int num, int den, int max)
{
    double v = rint((double)a * num / den);

    return v < 1 ? 1 : v > max ? max : (int)v;
}

void image_resize(struct image *out, const struct image *in, int width, int height,
                  enum image_fit fit)
{
    bool wide =
        (int64_t)in->width * height > (int64_t)in->height * width; /* wider than asked for */
    struct image mid;

    if (fit == FIT_CROP) {
        cut(&mid, in, wide ? side(in->height, width, height, in->width) : in->width,
            wide ? in->height : side(in->width, height, width, in->height));
        stretch(out, &mid, width, height);
    } else if (fit == FIT_LETTERBOX) {
        stretch(&mid, in, wide ? width : side(in->width, height, in->height, width),
                wide ? side(in->height, width, in->width, height) : height);
        pad(out, &mid, width, height);
    } else {
        stretch(out, in, width, height);
        return;
    }
    image_release(&mid);
}
