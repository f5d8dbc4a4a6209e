/* resize.c: to another size with one of OpenCV's kernels; cropped or padded where proportions shall stay.
 * SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "image/scale.h"

static void nearest(struct image *out, const struct image *in)
{
    double fx = 1. / ((double)out->width / in->width), fy = 1. / ((double)out->height / in->height);
    size_t c = (size_t)in->channels;
    uint8_t *q = out->data;

    for (int y = 0; y < out->height; y++) {
        const uint8_t *row =
            in->data + (size_t)scale_clip((int)floor(y * fy), in->height) * (size_t)in->width * c;

        for (int x = 0; x < out->width; x++, q += c)
            memcpy(q, row + (size_t)scale_clip((int)floor(x * fx), in->width) * c, c);
    }
}

/* Where a side grows, INTER_AREA is a kind of linear. A factor is whole if OpenCV's arithmetic says so. */
static void area(struct image *out, const struct image *in)
{
    double sx = 1. / ((double)out->width / in->width), sy = 1. / ((double)out->height / in->height);
    int fx = (int)rint(sx), fy = (int)rint(sy);

    if (sx < 1 || sy < 1)
        scale_linear(out, in, true);
    else if (fabs(sx - fx) < DBL_EPSILON && fabs(sy - fy) < DBL_EPSILON)
        scale_whole(out, in, fx, fy);
    else
        scale_area(out, in);
}

static void stretch(struct image *out, const struct image *in, int width, int height,
                    enum image_kernel kernel)
{
    *out = (struct image){ width, height, in->channels, NULL };
    out->data = mem_alloc((size_t)width * (size_t)height * (size_t)in->channels);
    if (width == in->width && height == in->height)
        memcpy(out->data, in->data, (size_t)width * (size_t)height * (size_t)in->channels);
    else if (kernel == KERNEL_NEAREST)
        nearest(out, in);
    else if (kernel == KERNEL_CUBIC)
        scale_cubic(out, in);
    else if (2 * width == in->width && 2 * height == in->height)
        scale_halve(out, in);
    else if (kernel == KERNEL_AREA)
        area(out, in);
    else
        scale_linear(out, in, false);
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
                  const struct image_options *o)
{
    bool wide =
        (int64_t)in->width * height > (int64_t)in->height * width; /* wider than asked for */
    struct image mid;

    if (o->fit == FIT_CROP) {
        cut(&mid, in, wide ? side(in->height, width, height, in->width) : in->width,
            wide ? in->height : side(in->width, height, width, in->height));
        stretch(out, &mid, width, height, o->kernel);
    } else if (o->fit == FIT_LETTERBOX) {
        stretch(&mid, in, wide ? width : side(in->width, height, in->height, width),
                wide ? side(in->height, width, in->width, height) : height, o->kernel);
        pad(out, &mid, width, height);
    } else {
        stretch(out, in, width, height, o->kernel);
        return;
    }
    image_release(&mid);
}
