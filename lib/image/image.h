/* image.h: 8-bit images as OpenCV's imread gives them, and its resize.
 *
 * Rows top-down without padding, channels interleaved: 3 = B, G, R; 1 = gray.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct image {
    int width, height, channels;
    uint8_t *data;
};

/* A picture of more pixels is refused, unless another limit is asked for: it is a bomb or a mistake. */
enum { IMAGE_PIXELS_MAX = 1 << 28 };

enum image_fit {
    FIT_STRETCH,   /* both sides to the size asked for */
    FIT_CROP,      /* the middle that has the right proportions, then stretch */
    FIT_LETTERBOX, /* scale to fit inside, then pad with IMAGE_PAD on both sides */
};
enum { IMAGE_PAD = 114 };
enum image_kernel { KERNEL_LINEAR, KERNEL_AREA, KERNEL_NEAREST, KERNEL_CUBIC };

/* What the one who wants pixels may choose; all zeros is the default. */
struct image_options {
    enum image_fit fit;
    enum image_kernel kernel;
    bool no_resize;     /* another size is an error */
    int64_t pixels_max; /* 0: IMAGE_PIXELS_MAX */
};
bool image_fit_from(enum image_fit *fit, const char *name); /* "stretch", "crop", "letterbox" */
bool image_kernel_from(enum image_kernel *k,
                       const char *name); /* "linear", "area", "nearest", "cubic" */

/* channels 3 as IMREAD_COLOR, 1 as IMREAD_GRAYSCALE: alpha dropped, upper byte of 16 bits,
 * orientation applied. The content decides on the format. Truncated files are errors. */
int image_read(struct image *im, const void *bytes, size_t size, int channels, int64_t pixels_max,
               struct err *e);
void image_release(struct image *im);

/* What the bytes are by their first ones, readable or not: "JPEG", "GIF"; NULL: no image. */
const char *image_format(const void *bytes, size_t size);
/* Whether a file's name ends in one of the 24 extensions of dopt-calset(5). */
bool image_extension(const char *name);

/* Bit-identical to OpenCV 4.6's INTER_LINEAR, INTER_AREA, INTER_NEAREST, INTER_CUBIC on 8-bit images.
 * `out` is allocated; sizes >= 1. */
void image_resize(struct image *out, const struct image *in, int width, int height,
                  const struct image_options *o);

/* Appends a PNG (the channels as they are stored: 3 = R, G, B here). */
void image_write_png(struct buf *out, const struct image *im);

#endif
