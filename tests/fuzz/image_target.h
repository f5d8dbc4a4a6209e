/* image_target.h: one decoder: what it reads in color and gray is there, and resizes in every way. A target
 * of a format gives its first bytes, so that no other decoder gets the input.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_TARGET_H
#define IMAGE_TARGET_H

#include "fuzz.h"
#include "image/image.h"

enum { PIXELS = 1 << 20 }; /* larger pictures are refused: they only take time */

static inline void image_resizes(const struct image *im)
{
    for (int fit = FIT_STRETCH; fit <= FIT_LETTERBOX; fit++)
        for (int kernel = KERNEL_LINEAR; kernel <= KERNEL_CUBIC; kernel++) {
            struct image_options o = { .fit = (enum image_fit)fit,
                                       .kernel = (enum image_kernel)kernel };
            struct image small;

            image_resize(&small, im, 7, 5, &o);
            fuzz_touch(small.data, (size_t)7 * 5 * (size_t)im->channels);
            image_release(&small);
        }
}

static inline int image_target(const uint8_t *data, size_t size, const char *format)
{
    const char *is = image_format(data, size);

    if (format != NULL && (is == NULL || strcmp(is, format) != 0))
        return -1; /* not for the corpus */
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image im;
        struct err e = { 0 };
        int rc = image_read(&im, data, size, channels, PIXELS, &e);

        fuzz_check(rc, &e);
        if (rc < 0)
            continue;
        fuzz_touch(im.data, (size_t)im.width * (size_t)im.height * (size_t)channels);
        if (im.width * im.height < 1 << 12)
            image_resizes(&im);
        image_release(&im);
    }
    return 0;
}

#endif
