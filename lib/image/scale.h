/* scale.h: the kernels of image_resize; private to this folder. `out` has its size and its memory, and
 * another size than `in`.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_SCALE_H
#define IMAGE_SCALE_H

#include "image/image.h"

enum { SCALE_ONE = 1 << 11 }; /* what coefficients are multiplied with */

void scale_linear(struct image *out, const struct image *in, bool area);
void scale_cubic(struct image *out, const struct image *in);
void scale_halve(struct image *out, const struct image *in);
/* Both sides by whole factors; both sides by any factor of at least 1. */
void scale_whole(struct image *out, const struct image *in, int fx, int fy);
void scale_area(struct image *out, const struct image *in);

static inline int scale_clip(int v, int n)
{
    return v < 0 ? 0 : v < n ? v : n - 1;
}

#endif
