/* linear.c: INTER_LINEAR in the fixed-point arithmetic of OpenCV 4.6 for 8 bits: coefficients of 11
 * bits, horizontal sums kept in 4 bits less, products cut to 16 bits, rounded once.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/scale.h"

/* Where an output coordinate lies: between source positions at and at + 1 with weights w0 and w1.
 */
struct tap {
    int at;
    int16_t w0, w1;
};

/* area: INTER_AREA's weights where a side grows. */
static void taps_set(struct tap *taps, int to, int from, bool clamp, bool area)
{
    double ratio = (double)to / from, scale = 1. / ratio;

    for (int i = 0; i < to; i++) {
        float f = (float)((i + 0.5) * scale - 0.5);
        int at = (int)floorf(f);

        f -= (float)at;
        if (area) {
            at = (int)floor(i * scale);
            f = (float)((i + 1) - (at + 1) * ratio);
            f = f <= 0 ? 0 : f - floorf(f);
        }
        if (clamp && at < 0) {
            at = 0;
            f = 0;
        }
        if (clamp && at >= from - 1) {
            at = from - 1;
            f = 0;
        }
        taps[i].at = at;
        taps[i].w0 = (int16_t)lrintf((1.f - f) * SCALE_ONE);
        taps[i].w1 = (int16_t)lrintf(f * SCALE_ONE);
    }
}

/* One source row, (width, channels) -> (out_width, channels), scaled by SCALE_ONE / 16. */
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

void scale_linear(struct image *out, const struct image *in, bool area)
{
    size_t n = (size_t)out->width * (size_t)in->channels,
           pitch = (size_t)in->width * (size_t)in->channels;
    struct tap *cols = mem_alloc((size_t)out->width * sizeof *cols);
    struct tap *rows = mem_alloc((size_t)out->height * sizeof *rows);
    int16_t *line[2] = { mem_alloc(n * sizeof **line), mem_alloc(n * sizeof **line) };
    int held[2] = { -1, -1 }; /* which source row each line is */

    taps_set(cols, out->width, in->width, true, area);
    taps_set(rows, out->height, in->height, false, area);
    for (int y = 0; y < out->height; y++) {
        int want[2] = { scale_clip(rows[y].at, in->height),
                        scale_clip(rows[y].at + 1, in->height) };

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
