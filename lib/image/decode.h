/* decode.h: what the decoders of lib/image share; private to this folder.
 *
 * A decoder turns the bytes of one format into an image of `channels` (3 or 1). On an error the
 * caller releases the image.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_DECODE_H
#define IMAGE_DECODE_H

#include "image/image.h"

int jpeg_decode(struct image *im, const uint8_t *p, size_t size, int channels, struct err *e);
int png_decode(struct image *im, const uint8_t *p, size_t size, int channels, struct err *e);
int bmp_decode(struct image *im, const uint8_t *p, size_t size, int channels, struct err *e);
int pnm_decode(struct image *im, const uint8_t *p, size_t size, int channels, struct err *e);

/* Checks the size against IMAGE_PIXELS_MAX and allocates. */
int image_init(struct image *im, uint64_t width, uint64_t height, int channels, struct err *e);

/* Stores one B, G, R pixel in the image's channels; gray in 14-bit fixed point, as OpenCV does. */
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
