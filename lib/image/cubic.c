/* cubic.c: INTER_CUBIC as OpenCV 4.6 does it for 8 bits: coefficients (a = -0.75) of 11 bits, a row's
 * sums in integers; columns in float, eight at a time, and the rest of a row in integers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/scale.h"

enum { TAPS = 4, LANES = 8 };

/* Source positions at - 1 … at + 2. */
struct taps {
    int at;
    int16_t w[TAPS];
};

static void taps_set(struct taps *taps, int to, int from)
{
    const float a = -0.75f;
    double scale = 1. / ((double)to / from);

    for (int i = 0; i < to; i++) {
        float x = (float)((i + 0.5) * scale - 0.5), w[TAPS];

        taps[i].at = (int)floorf(x);
        x -= (float)taps[i].at;
        w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
        w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
        w[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
        w[3] = 1.f - w[0] - w[1] - w[2];
        for (int k = 0; k < TAPS; k++)
            taps[i].w[k] = (int16_t)lrintf(w[k] * SCALE_ONE);
    }
}

static void row_scale(int *out, const uint8_t *in, const struct taps *taps, int to, int from,
                      int channels)
{
    for (int x = 0; x < to; x++)
        for (int c = 0; c < channels; c++) {
            int sum = 0;

            for (int k = 0; k < TAPS; k++)
                sum += in[scale_clip(taps[x].at - 1 + k, from) * channels + c] * taps[x].w[k];
            *out++ = sum;
        }
}

static uint8_t byte_of(long v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void rows_mix(uint8_t *out, int *const row[TAPS], const int16_t w[TAPS], size_t n)
{
    const float scale = 1.f / (SCALE_ONE * SCALE_ONE);
    float f[TAPS];
    size_t i = 0;

    for (int k = 0; k < TAPS; k++)
        f[k] = (float)w[k] * scale;
    for (; i < n / LANES * LANES; i++) {
        float v = (float)row[3][i] * f[3];

        for (int k = TAPS - 2; k >= 0; k--)
            v = (float)row[k][i] * f[k] + v;
        out[i] = byte_of(lrintf(v));
    }
    for (; i < n; i++) {
        int v = 0;

        for (int k = 0; k < TAPS; k++)
            v += row[k][i] * w[k];
        out[i] = byte_of((v + SCALE_ONE * SCALE_ONE / 2) >> 22);
    }
}

void scale_cubic(struct image *out, const struct image *in)
{
    size_t n = (size_t)out->width * (size_t)in->channels,
           pitch = (size_t)in->width * (size_t)in->channels;
    struct taps *cols = mem_alloc((size_t)out->width * sizeof *cols);
    struct taps *rows = mem_alloc((size_t)out->height * sizeof *rows);
    int *line[TAPS], *row[TAPS], held[TAPS]; /* source row r is in line r % TAPS */

    taps_set(cols, out->width, in->width);
    taps_set(rows, out->height, in->height);
    for (int k = 0; k < TAPS; k++) {
        line[k] = mem_alloc(n * sizeof *line[k]);
        held[k] = -1;
    }
    for (int y = 0; y < out->height; y++) {
        for (int k = 0; k < TAPS; k++) {
            int r = scale_clip(rows[y].at - 1 + k, in->height), at = r % TAPS;

            if (held[at] != r)
                row_scale(line[at], in->data + (size_t)r * pitch, cols, out->width, in->width,
                          in->channels);
            held[at] = r;
            row[k] = line[at];
        }
        rows_mix(out->data + (size_t)y * n, row, rows[y].w, n);
    }
    for (int k = 0; k < TAPS; k++)
        free(line[k]);
    free(rows);
    free(cols);
}
