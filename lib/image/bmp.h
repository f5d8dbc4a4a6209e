/* bmp.h: what bmp.c and rle.c share; private to this folder.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_BMP_H
#define IMAGE_BMP_H

#include "image/decode.h"

struct bmp {
    uint32_t offset; /* of the pixels */
    int64_t width, height;
    unsigned bits; /* 15: 16 of which 5-5-5 count */
    uint32_t compression;
    bool top_down;
    uint8_t palette[256][3]; /* B, G, R; absent entries are black */
};

/* The run lengths of 4 or 8 bits at p into an allocated image. */
int rle_decode(struct image *im, const struct bmp *b, const uint8_t *p, size_t size, struct err *e);

#endif
