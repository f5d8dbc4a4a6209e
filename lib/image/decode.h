/* decode.h: what the decoders of lib/image share; private to this folder.
 *
 * A decoder turns the bytes of one format into an image of the channels wanted (3 or 1). On an error
 * the caller releases the image.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_DECODE_H
#define IMAGE_DECODE_H

#include "image/image.h"

/* What is wanted of an image. */
struct want {
    int channels;
    int64_t pixels_max;
};

typedef int decode_fn(struct image *im, const uint8_t *p, size_t size, const struct want *w,
                      struct err *e);
decode_fn jpeg_decode, png_decode, bmp_decode, pnm_decode, webp_decode, tiff_decode;

/* Checks the size against the limit and allocates. */
int image_init(struct image *im, uint64_t width, uint64_t height, const struct want *w,
               struct err *e);

/* Stores one B, G, R pixel in the image's channels; gray in 14-bit fixed point, as OpenCV's own readers
 * do. */
static inline uint8_t gray_of(unsigned b, unsigned g, unsigned r)
{
    return (uint8_t)((b * 1868 + g * 9617 + r * 4899 + 8192) >> 14);
}

static inline void pixel_put(uint8_t *out, int channels, unsigned b, unsigned g, unsigned r)
{
    if (channels == 1) {
        out[0] = gray_of(b, g, r);
    } else {
        out[0] = (uint8_t)b;
        out[1] = (uint8_t)g;
        out[2] = (uint8_t)r;
    }
}

/* Orientation 1..8 of the first directory of an EXIF (TIFF) block; 1 if it has none. */
int exif_orientation(const uint8_t *p, size_t size);
void image_orient(struct image *im, int orientation);

#endif
