/* image.c: JPEG, PNG, BMP, PNM; decoded in color and gray, then resized.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image im = { 0 }, small;
        struct err e = { 0 };
        int rc = image_read(&im, data, size, channels, &e);

        fuzz_check(rc, &e);
        if (rc < 0)
            continue;
        fuzz_touch(im.data, (size_t)im.width * (size_t)im.height * (size_t)channels);
        for (enum image_fit fit = FIT_STRETCH;
             fit <= FIT_LETTERBOX && im.width * im.height < 1 << 16; fit++) {
            image_resize(&small, &im, 7, 5, fit);
            image_release(&small);
        }
        image_release(&im);
    }
    return 0;
}
