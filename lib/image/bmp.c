/* bmp.c: Windows and OS/2 bitmaps: palettes of 1, 4 and 8 bits, 16, 24 and 32 bits; run lengths of 4
 * and 8 bits in rle.c.
 *
 * As OpenCV has it: color masks count for 16 bits only (5-5-5 or 5-6-5, behind the header), and values
 * of 5 and 6 bits are shifted up, not scaled.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include "image/bmp.h"

enum { RGB, RLE8, RLE4, MASKS }; /* the compression field */

/* Two bytes a pixel: where the masks are, which may be none. */
static int masks_read(struct bmp *b, struct cursor *c, struct err *e)
{
    uint32_t red, green, blue;

    if (b->compression == RGB) {
        b->bits = 15;
        return 0;
    }
    red = cursor_u32(c);
    green = cursor_u32(c);
    blue = cursor_u32(c);
    if (blue == 0x1f && green == 0x3e0 && red == 0x7c00)
        b->bits = 15;
    else if (c->bad || blue != 0x1f || green != 0x7e0 || red != 0xf800)
        return err_set(e, "color masks other than 5-5-5 and 5-6-5 bits are not read; convert it "
                          "to PNG");
    return 0;
}

static int palette_read(struct bmp *b, struct cursor *c, uint32_t ncolors, unsigned entry,
                        struct err *e)
{
    uint32_t n = ncolors == 0 || ncolors > 1u << b->bits ? 1u << b->bits : ncolors;

    if (ncolors > 256)
        return err_set(e, "a palette of %u colors", ncolors);
    for (uint32_t i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++)
            b->palette[i][k] = cursor_u8(c);
        cursor_skip(c, entry - 3);
    }
    return 0;
}

static int kind_check(const struct bmp *b, struct err *e)
{
    bool plain = b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 ||
                 b->bits == 32;

    if (b->width <= 0 || b->height == 0 || b->height == INT32_MIN)
        return err_set(e, "an image of %lldx%lld pixels", (long long)b->width,
                       (long long)b->height);
    if (!plain)
        return err_set(e, "%u bits a pixel", b->bits);
    if (b->compression == RGB || (b->compression == MASKS && (b->bits == 16 || b->bits == 32)) ||
        (b->compression == RLE8 && b->bits == 8) || (b->compression == RLE4 && b->bits == 4))
        return 0;
    return err_set(e, "compression %u at %u bits a pixel is not read; convert it to PNG",
                   b->compression, b->bits);
}

static int header(struct bmp *b, const uint8_t *p, size_t size, struct err *e)
{
    struct cursor c = cursor_of(p, size);
    uint32_t head, ncolors = 0, image_size = 0;

    *b = (struct bmp){ 0 };
    cursor_skip(&c, 10);
    b->offset = cursor_u32(&c);
    head = cursor_u32(&c);
    if (head == 12) { /* OS/2 */
        b->width = cursor_u16(&c);
        b->height = cursor_u16(&c);
        cursor_skip(&c, 2);
        b->bits = cursor_u16(&c);
    } else {
        b->width = (int32_t)cursor_u32(&c);
        b->height = (int32_t)cursor_u32(&c);
        cursor_skip(&c, 2);
        b->bits = cursor_u16(&c);
        b->compression = cursor_u32(&c);
        image_size = cursor_u32(&c);
        cursor_skip(&c, 8);
        ncolors = cursor_u32(&c);
        cursor_skip(&c, 4);
    }
    if (c.bad)
        return err_set(e, "truncated");
    if (head != 12 && head < 40)
        return err_set(e, "a header of %u bytes is not a bitmap's", head);
    if (kind_check(b, e) < 0)
        return -1;
    b->top_down = b->height < 0;
    if (b->top_down)
        b->height = -b->height;
    c = cursor_of(p, size);
    cursor_skip(&c, 14 + (size_t)head);
    if (b->bits == 16 && masks_read(b, &c, e) < 0)
        return -1;
    if (b->bits <= 8 && palette_read(b, &c, ncolors, head == 12 ? 3 : 4, e) < 0)
        return -1;
    if (c.bad || b->offset > size ||
        (b->compression != RGB && b->compression != MASKS && image_size > size - b->offset))
        return err_set(e, "truncated");
    return 0;
}

static void row_put(const struct bmp *b, uint8_t *out, const uint8_t *row, int width, int channels)
{
    for (int x = 0; x < width; x++, out += channels) {
        const uint8_t *q = row;
        uint8_t bgr[3];

        if (b->bits == 15 || b->bits == 16) {
            unsigned v = row[2 * x] | (unsigned)row[2 * x + 1] << 8;

            bgr[0] = (uint8_t)(v << 3 & 0xf8);
            bgr[1] = (uint8_t)(b->bits == 15 ? v >> 2 & 0xf8 : v >> 3 & 0xfc);
            bgr[2] = (uint8_t)(b->bits == 15 ? v >> 7 & 0xf8 : v >> 8 & 0xf8);
            q = bgr;
        } else if (b->bits >= 24) {
            q = row + (size_t)x * (b->bits / 8);
        } else if (b->bits == 8) {
            q = b->palette[row[x]];
        } else if (b->bits == 4) {
            q = b->palette[row[x / 2] >> (x % 2 ? 0 : 4) & 15];
        } else {
            q = b->palette[row[x / 8] >> (7 - x % 8) & 1];
        }
        pixel_put(out, channels, q[0], q[1], q[2]);
    }
}

int bmp_decode(struct image *im, const uint8_t *p, size_t size, const struct want *w, struct err *e)
{
    struct bmp b;
    uint64_t pitch;

    if (header(&b, p, size, e) < 0)
        return -1;
    if (b.compression == RLE8 || b.compression == RLE4)
        return image_init(im, (uint64_t)b.width, (uint64_t)b.height, w, e) < 0
                   ? -1
                   : rle_decode(im, &b, p + b.offset, size - b.offset, e);
    pitch = ((uint64_t)b.width * (b.bits == 15 ? 16 : b.bits) + 31) / 32 * 4;
    if (pitch > (size - b.offset) / (uint64_t)b.height)
        return err_set(e, "truncated: %lldx%lld pixels of %u bits do not fit in the file",
                       (long long)b.width, (long long)b.height, b.bits);
    if (image_init(im, (uint64_t)b.width, (uint64_t)b.height, w, e) < 0)
        return -1;
    for (int y = 0; y < im->height; y++)
        row_put(&b,
                im->data + (size_t)(b.top_down ? y : im->height - 1 - y) * (size_t)im->width *
                               (size_t)im->channels,
                p + b.offset + pitch * (uint64_t)y, im->width, im->channels);
    return 0;
}
