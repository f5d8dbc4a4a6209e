/* exif.c: the orientation tag of an EXIF block (CIPA DC-008, a TIFF file inside), and turning an
 * image by it. Only the first directory counts; anything damaged means "as stored".
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "image/decode.h"

static unsigned u16(const uint8_t *p, bool big)
{
    return big ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}

int exif_orientation(const uint8_t *p, size_t size)
{
    size_t at, n;
    bool big;

    if (size < 14 || p[0] != p[1] || (p[0] != 'I' && p[0] != 'M'))
        return 1;
    big = p[0] == 'M';
    if (u16(p + 2, big) != 42)
        return 1;
    at = big ? (size_t)u16(p + 4, big) << 16 | u16(p + 6, big)
             : (size_t)u16(p + 6, big) << 16 | u16(p + 4, big);
    if (at > size - 2)
        return 1;
    n = u16(p + at, big);
    for (at += 2; n > 0 && at + 12 <= size; n--, at += 12)
        if (u16(p + at, big) == 0x0112) {
            unsigned v = u16(p + at + 8, big);

            return v >= 1 && v <= 8 ? (int)v : 1;
        }
    return 1;
}

/* Orientations 5..8 swap the sides; 3, 4, 7, 8 and 2, 3, 6, 7 turn rows and columns around. */
void image_orient(struct image *im, int orientation)
{
    bool swap = orientation >= 5;
    bool flip_rows = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    bool flip_cols = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    int w = swap ? im->height : im->width, h = swap ? im->width : im->height, c = im->channels;
    uint8_t *out, *q;

    if (orientation == 1)
        return;
    q = out = mem_alloc((size_t)w * (size_t)h * (size_t)c);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, q += c) {
            int fy = flip_rows ? h - 1 - y : y, fx = flip_cols ? w - 1 - x : x;
            size_t from = swap ? (size_t)fx * (size_t)im->width + (size_t)fy
                               : (size_t)fy * (size_t)im->width + (size_t)fx;

            for (int k = 0; k < c; k++)
                q[k] = im->data[from * (size_t)c + (size_t)k];
        }
    free(im->data);
    *im = (struct image){ w, h, c, out };
}
