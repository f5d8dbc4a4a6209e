/* webp.c: WebP (lossy VP8, lossless VP8L, with alpha, which is dropped) through libwebp.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <webp/decode.h>

#include "base/cursor.h"
#include "base/mem.h"
#include "image/decode.h"

/* OpenCV turns the color picture to gray with cvtColor: 15 bits. */
static void to_gray(uint8_t *out, const uint8_t *bgr, size_t n)
{
    for (size_t i = 0; i < n; i++, bgr += 3)
        out[i] = (uint8_t)((bgr[0] * 3735 + bgr[1] * 19235 + bgr[2] * 9798 + 16384) >> 15);
}

/* The container's own size: libwebp reads a picture whose last chunks are cut off. */
static bool is_whole(const uint8_t *p, size_t size)
{
    struct cursor c = cursor_of(p, size);

    cursor_skip(&c, 4);
    return (uint64_t)cursor_u32(&c) + 8 <= size && !c.bad;
}

int webp_decode(struct image *im, const uint8_t *p, size_t size, const struct want *w,
                struct err *e)
{
    WebPBitstreamFeatures f;
    struct want color = { 3, w->pixels_max };
    struct image gray;
    VP8StatusCode status = WebPGetFeatures(p, size, &f);
    size_t pitch;

    if (status == VP8_STATUS_NOT_ENOUGH_DATA || !is_whole(p, size))
        return err_set(e, "truncated");
    if (status != VP8_STATUS_OK)
        return err_set(e, "damaged");
    if (f.has_animation)
        return err_set(e, "an animation is not read; convert a frame of it to PNG");
    if (image_init(im, (uint64_t)f.width, (uint64_t)f.height, &color, e) < 0)
        return -1;
    pitch = (size_t)im->width * 3;
    if (WebPDecodeBGRInto(p, size, im->data, pitch * (size_t)im->height, (int)pitch) == NULL)
        return err_set(e, "damaged or truncated");
    if (w->channels == 1) {
        if (image_init(&gray, (uint64_t)f.width, (uint64_t)f.height, w, e) < 0)
            return -1;
        to_gray(gray.data, im->data, (size_t)im->width * (size_t)im->height);
        image_release(im);
        *im = gray;
    }
    return 0;
}
