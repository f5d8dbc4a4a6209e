/* image.h: 8-bit images as OpenCV's imread gives them, and its bilinear resize.
 *
 * Rows top-down without padding, channels interleaved: 3 = B, G, R; 1 = gray.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct image {
    int width, height, channels;
    uint8_t *data;
};

/* A picture of more pixels is refused: it is a bomb or a mistake. */
enum { IMAGE_PIXELS_MAX = 1 << 28 };

/* channels 3 as IMREAD_COLOR, 1 as IMREAD_GRAYSCALE: alpha dropped, upper byte of 16 bits, EXIF
 * orientation applied. The content decides on the format. Truncated files are errors. */
int image_read(struct image *im, const void *bytes, size_t size, int channels, struct err *e);
void image_release(struct image *im);

/* Whether a file's name ends in one of the 24 extensions of dopt-calset(5). */
bool image_extension(const char *name);

enum image_fit {
    FIT_STRETCH,   /* both sides to the size asked for */
    FIT_CROP,      /* the middle that has the right proportions, then stretch */
    FIT_LETTERBOX, /* scale to fit inside, then pad with IMAGE_PAD on both sides */
};
enum { IMAGE_PAD = 114 };
bool image_fit_from(enum image_fit *fit, const char *name); /* "stretch", "crop", "letterbox" */

/* Bit-identical to OpenCV 4.6's INTER_LINEAR on 8-bit images. `out` is allocated; sizes >= 1. */
void image_resize(struct image *out, const struct image *in, int width, int height,
                  enum image_fit fit);

#endif
