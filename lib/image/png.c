/* png.c: PNG (ISO/IEC 15948) through stb_image, which is given nothing else.
 *
 * A walk over the chunks comes first: it checks what stb_image does not (every critical chunk's
 * CRC, the end of the file) and notes the size, the depth and the EXIF orientation.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#pragma GCC diagnostic ignored "-Wunused-function" /* told at the end of the file: no pop */
#include <stb/stb_image.h>

#include "base/cursor.h"
#include "image/decode.h"

struct png {
    uint32_t width, height;
    int depth, orientation;
};

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int walk(struct png *png, const uint8_t *p, size_t size, struct err *e)
{
    struct cursor c = cursor_of(p, size);

    *png = (struct png){ .orientation = 1 };
    cursor_skip(&c, 8);
    for (bool first = true;; first = false) {
        const uint8_t *head = cursor_take(&c, 8), *body = NULL, *crc;
        uint32_t n = head == NULL ? 0 : big32(head);

        if (head != NULL)
            body = cursor_take(&c, n);
        crc = cursor_take(&c, 4);
        if (c.bad)
            return err_set(e, "truncated");
        if (!(head[4] & 0x20) && crc32_z(crc32_z(0, head + 4, 4), body, n) != big32(crc))
            return err_set(e, "chunk %.4s is damaged (its CRC is wrong)", (const char *)head + 4);
        if (first) {
            if (memcmp(head + 4, "IHDR", 4) != 0 || n != 13)
                return err_set(e, "the header chunk IHDR is missing");
            png->width = big32(body);
            png->height = big32(body + 4);
            png->depth = body[8];
        }
        if (memcmp(head + 4, "eXIf", 4) == 0)
            png->orientation = exif_orientation(body, n);
        if (memcmp(head + 4, "IEND", 4) == 0)
            return 0;
    }
}

/* libpng's luma: 15-bit coefficients of 0.299, 0.587 and the rest; equal channels stay as they are.
 */
static unsigned luma(unsigned r, unsigned g, unsigned b, unsigned half)
{
    return r == g && g == b ? r : (r * 9797 + g * 19234 + b * 3737 + half) >> 15;
}

static void from_stb(struct image *im, const void *pixels, bool wide, int n)
{
    size_t count = (size_t)im->width * (size_t)im->height, step = (size_t)n;
    const uint16_t *p16 = pixels;
    const uint8_t *p8 = pixels;
    uint8_t *out = im->data;

    for (size_t i = 0; i < count; i++, out += im->channels) {
        size_t at = i * step, g = n >= 3 ? 1 : 0, b = n >= 3 ? 2 : 0;

        if (im->channels == 3) {
            out[0] = wide ? (uint8_t)(p16[at + b] >> 8) : p8[at + b];
            out[1] = wide ? (uint8_t)(p16[at + g] >> 8) : p8[at + g];
            out[2] = wide ? (uint8_t)(p16[at] >> 8) : p8[at];
        } else if (wide) {
            out[0] = (uint8_t)(luma(p16[at], p16[at + g], p16[at + b], 16384) >> 8);
        } else {
            out[0] = (uint8_t)luma(p8[at], p8[at + g], p8[at + b], 0);
        }
    }
}

int png_decode(struct image *im, const uint8_t *p, size_t size, int channels, struct err *e)
{
    struct png png;
    int w, h, n;
    bool same;
    void *pixels;

    if (walk(&png, p, size, e) < 0 || image_init(im, png.width, png.height, channels, e) < 0)
        return -1;
    if (size > INT_MAX)
        return err_set(e, "is larger than 2 GiB");
    pixels = png.depth == 16 ? (void *)stbi_load_16_from_memory(p, (int)size, &w, &h, &n, 0)
                             : (void *)stbi_load_from_memory(p, (int)size, &w, &h, &n, 0);
    if (pixels == NULL)
        return err_set(e, "damaged: %s", stbi_failure_reason());
    same = w == im->width && h == im->height;
    if (same) {
        from_stb(im, pixels, png.depth == 16, n);
        image_orient(im, png.orientation);
    }
    stbi_image_free(pixels);
    return same ? 0 : err_set(e, "damaged: it has two headers");
}
