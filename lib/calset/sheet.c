/* sheet.c: see sheet.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "calset/sheet.h"

enum {
    TILE_MIN = 8,
    TILE_MAX = 160,
    GAP = 4,
    ZOOM = 2,
    GLYPH_W = 3,
    GLYPH_H = 5,
    LINE = (GLYPH_H + 2) * ZOOM
};

struct sheet {
    int channels, height, width; /* of a sample, as it is drawn */
    int tile_h, tile_w;
    size_t pixel_step, row_step, channel_step; /* of its elements */
    int n;
    float *tiles[SHEET_MAX]; /* tile_h x tile_w x 3 */
    float min, max;
};

struct sheet *sheet_new(const struct shape *sample, bool nhwc)
{
    struct sheet *s = NEW(struct sheet);
    const int64_t *d = sample->dim;
    int64_t count = shape_count(sample), last = sample->rank > 0 ? d[sample->rank - 1] : 1;
    int64_t channels = sample->rank == 3 ? d[nhwc ? 2 : 0] : 1;
    bool picture = sample->rank == 3 && (channels == 1 || channels == 3);
    int64_t width = picture && nhwc ? d[1] : last;
    int side;

    s->channels = picture ? (int)channels : 1;
    s->width = (int)(width > 0 ? width : 1);
    s->height = (int)(count / (s->width * s->channels));
    s->pixel_step = picture && nhwc ? (size_t)channels : 1;
    s->row_step = s->pixel_step * (size_t)s->width;
    s->channel_step = picture && nhwc ? 1 : s->row_step * (size_t)s->height;
    side = s->width > s->height ? s->width : s->height;
    s->tile_w = side <= TILE_MAX ? s->width : (int)((int64_t)s->width * TILE_MAX / side);
    s->tile_h = side <= TILE_MAX ? s->height : (int)((int64_t)s->height * TILE_MAX / side);
    s->tile_w += s->tile_w == 0;
    s->tile_h += s->tile_h == 0;
    if (side < TILE_MIN) {
        s->tile_w *= (TILE_MIN + side - 1) / side;
        s->tile_h *= (TILE_MIN + side - 1) / side;
    }
    s->min = INFINITY;
    s->max = -INFINITY;
    return s;
}

void sheet_add(struct sheet *s, const float *sample)
{
    size_t count = (size_t)s->width * (size_t)s->height * (size_t)s->channels;
    float *q = mem_alloc((size_t)s->tile_h * (size_t)s->tile_w * 3 * sizeof *q);

    for (size_t i = 0; i < count; i++)
        if (isfinite(sample[i])) {
            s->min = sample[i] < s->min ? sample[i] : s->min;
            s->max = sample[i] > s->max ? sample[i] : s->max;
        }
    s->tiles[s->n++] = q;
    for (int y = 0; y < s->tile_h; y++)
        for (int x = 0; x < s->tile_w; x++)
            for (int c = 0; c < 3; c++) {
                int fy = (int)((int64_t)y * s->height / s->tile_h);
                int fx = (int)((int64_t)x * s->width / s->tile_w);

                *q++ = sample[(size_t)fy * s->row_step + (size_t)fx * s->pixel_step +
                              (s->channels == 3 ? (size_t)c * s->channel_step : 0)];
            }
}

/* What black and white stand for. */
static void range_set(const struct sheet *s, float *black, float *white)
{
    *black = s->min;
    *white = s->max;
    if (s->min >= 0 && s->max <= 255)
        *black = 0, *white = s->max <= 1 ? 1 : 255;
    if (!(*black < *white)) /* all alike, or nothing finite */
        *black = 0, *white = 1;
}

static void pixel_draw(uint8_t *out, const float *v, float black, float white)
{
    static const uint8_t magenta[] = { 255, 0, 255 };

    for (int c = 0; c < 3; c++) {
        float x = rintf((v[c] - black) / (white - black) * 255);

        if (isnan(v[c])) {
            memcpy(out, magenta, 3);
            return;
        }
        out[c] = (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
    }
}

/* Three columns of five bits each, the lowest bit on top. */
static void text_draw(struct image *im, int x, int y, const char *text)
{
    static const char known[] = "0123456789.-+e";
    static const uint8_t glyphs[][GLYPH_W] = {
        { 31, 17, 31 }, { 0, 31, 0 },   { 29, 21, 23 }, { 21, 21, 31 }, { 7, 4, 31 },
        { 23, 21, 29 }, { 31, 21, 29 }, { 1, 1, 31 },   { 31, 21, 31 }, { 23, 21, 31 },
        { 0, 16, 0 },   { 4, 4, 4 },    { 4, 14, 4 },   { 30, 21, 22 },
    };

    for (; *text != '\0'; text++, x += (GLYPH_W + 1) * ZOOM) {
        const char *at = strchr(known, *text);

        for (int k = 0; at != NULL && k < GLYPH_W * GLYPH_H * ZOOM * ZOOM; k++) {
            int gx = k % (GLYPH_W * ZOOM), gy = k / (GLYPH_W * ZOOM);

            if (glyphs[at - known][gx / ZOOM] >> (gy / ZOOM) & 1 && x + gx < im->width)
                memset(im->data + ((size_t)(y + gy) * (size_t)im->width + (size_t)(x + gx)) * 3,
                       255, 3);
        }
    }
}

void sheet_draw(const struct sheet *s, struct image *out)
{
    int cols = (int)ceil(sqrt(s->n)), rows = (s->n + cols - 1) / cols;
    int digits = s->n > 10 ? 2 : 1, index_w = digits * (GLYPH_W + 1) * ZOOM;
    int cell_w = (s->tile_w > index_w ? s->tile_w : index_w) + GAP, cell_h = s->tile_h + LINE + GAP;
    char text[64];
    float black, white;

    range_set(s, &black, &white);
    snprintf(text, sizeof text, "%.4g .. %.4g", (double)black, (double)white);
    *out = (struct image){ cols * cell_w + GAP, rows * cell_h + GAP + LINE, 3, NULL };
    if (out->width < (int)strlen(text) * (GLYPH_W + 1) * ZOOM + 2 * GAP)
        out->width = (int)strlen(text) * (GLYPH_W + 1) * ZOOM + 2 * GAP;
    out->data = mem_alloc((size_t)out->width * (size_t)out->height * 3);
    memset(out->data, 48, (size_t)out->width * (size_t)out->height * 3);
    text_draw(out, GAP, rows * cell_h + GAP, text);
    for (int i = 0; i < s->n; i++) {
        int x0 = GAP + i % cols * cell_w, y0 = GAP + i / cols * cell_h;
        const float *v = s->tiles[i];

        for (int y = 0; y < s->tile_h; y++)
            for (int x = 0; x < s->tile_w; x++, v += 3)
                pixel_draw(out->data +
                               ((size_t)(y0 + y) * (size_t)out->width + (size_t)(x0 + x)) * 3,
                           v, black, white);
        snprintf(text, sizeof text, "%d", i);
        text_draw(out, x0, y0 + s->tile_h + ZOOM, text);
    }
}

void sheet_free(struct sheet *s)
{
    for (int i = 0; i < s->n; i++)
        free(s->tiles[i]);
    free(s);
}
