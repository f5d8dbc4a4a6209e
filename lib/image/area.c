/* area.c: INTER_AREA where both sides shrink, as OpenCV 4.6 does it for 8 bits: a whole factor is a sum
 * of integers times 1/area in float; others are float sums of the cells' covered parts, along a row
 * first. Halving both sides is an integer mean (and is what INTER_LINEAR does, too).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/scale.h"

void scale_halve(struct image *out, const struct image *in)
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

static uint8_t byte_of(float v)
{
    long n = lrintf(v);

    return (uint8_t)(n < 0 ? 0 : n > 255 ? 255 : n);
}

void scale_whole(struct image *out, const struct image *in, int fx, int fy)
{
    size_t c = (size_t)in->channels, pitch = (size_t)in->width * c;
    float scale = 1.f / (float)(fx * fy);
    uint8_t *q = out->data;

    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            for (size_t k = 0; k < c; k++) {
                const uint8_t *p =
                    in->data + (size_t)y * (size_t)fy * pitch + (size_t)x * (size_t)fx * c + k;
                int sum = 0;

                for (int i = 0; i < fy; i++, p += pitch)
                    for (int j = 0; j < fx; j++)
                        sum += p[(size_t)j * c];
                *q++ = byte_of((float)sum * scale);
            }
}

/* A source position that an output position covers, and how much of it. */
struct part {
    int to, from;
    float weight;
};

static int parts_set(struct part *parts, int to, int from)
{
    double scale = 1. / ((double)to / from);
    int n = 0;

    for (int i = 0; i < to; i++) {
        double begin = i * scale, end = begin + scale;
        double cell = scale < from - begin ? scale : from - begin;
        int first = (int)ceil(begin), last = (int)floor(end);

        last = last < from - 1 ? last : from - 1;
        first = first < last ? first : last;
        if (first - begin > 1e-3)
            parts[n++] = (struct part){ i, first - 1, (float)((first - begin) / cell) };
        for (int k = first; k < last; k++)
            parts[n++] = (struct part){ i, k, (float)(1. / cell) };
        if (end - last > 1e-3) {
            double rest = end - last < 1. ? end - last : 1.;

            parts[n++] = (struct part){ i, last, (float)((rest < cell ? rest : cell) / cell) };
        }
    }
    return n;
}

/* A source row in float, (width, channels) -> (out_width, channels). */
static void row_shrink(float *row, const uint8_t *in, const struct part *parts, int n, int channels)
{
    for (int i = 0, to; i < n; row += channels) {
        float sum[3] = { 0 };

        for (to = parts[i].to; i < n && parts[i].to == to; i++) {
            const uint8_t *p = in + (size_t)parts[i].from * (size_t)channels;
            float w = parts[i].weight;

            sum[0] += (float)p[0] * w;
            if (channels == 3) {
                sum[1] += (float)p[1] * w;
                sum[2] += (float)p[2] * w;
            }
        }
        for (int k = 0; k < channels; k++)
            row[k] = sum[k];
    }
}

void scale_area(struct image *out, const struct image *in)
{
    size_t n = (size_t)out->width * (size_t)in->channels,
           pitch = (size_t)in->width * (size_t)in->channels;
    struct part *cols = mem_alloc(((size_t)in->width + 2 * (size_t)out->width) * sizeof *cols);
    struct part *rows = mem_alloc(((size_t)in->height + 2 * (size_t)out->height) * sizeof *rows);
    float *row = mem_alloc(n * sizeof *row), *sum = mem_zero(n, sizeof *sum);
    int ncols = parts_set(cols, out->width, in->width);
    int nrows = parts_set(rows, out->height, in->height);

    for (int r = 0; r < nrows; r++) {
        float weight = rows[r].weight;
        bool first = r == 0 || rows[r].to != rows[r - 1].to;
        bool last = r == nrows - 1 || rows[r].to != rows[r + 1].to;

        row_shrink(row, in->data + (size_t)rows[r].from * pitch, cols, ncols, in->channels);
        for (size_t i = 0; i < n; i++)
            sum[i] = first ? weight * row[i] : sum[i] + weight * row[i];
        for (size_t i = 0; last && i < n; i++)
            out->data[(size_t)rows[r].to * n + i] = byte_of(sum[i]);
    }
    free(sum);
    free(row);
    free(rows);
    free(cols);
}
