/* bmp.c: Windows and OS/2 bitmaps: 1, 4 and 8-bit palettes, 24 and 32 bits, uncompressed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include "image/decode.h"

struct bmp {
    uint32_t offset; /* of the pixels */
    int64_t width, height;
    unsigned bits;
    bool top_down;
    uint8_t palette[256][3]; /* B, G, R; absent entries are black */
};

static int header(struct bmp *b, const uint8_t *p, size_t size, struct err *e)
{
    struct cursor c = cursor_of(p, size);
    uint32_t head, compression = 0, ncolors = 0;
    unsigned entry = 4;

    *b = (struct bmp){ 0 };
    cursor_skip(&c, 10);
    b->offset = cursor_u32(&c);
    head = cursor_u32(&c);
    if (head == 12) { /* OS/2 */
        b->width = cursor_u16(&c);
        b->height = cursor_u16(&c);
        cursor_skip(&c, 2);
        b->bits = cursor_u16(&c);
        entry = 3;
    } else {
        b->width = (int32_t)cursor_u32(&c);
        b->height = (int32_t)cursor_u32(&c);
        cursor_skip(&c, 2);
        b->bits = cursor_u16(&c);
        compression = cursor_u32(&c);
        cursor_skip(&c, 12);
        ncolors = cursor_u32(&c);
        cursor_skip(&c, 4);
    }
    if (c.bad)
        return err_set(e, "truncated");
    if (head != 12 && head < 40)
        return err_set(e, "a header of %u bytes is not a bitmap's", head);
    b->top_down = b->height < 0;
    if (b->top_down)
        b->height = -b->height;
    if (b->width <= 0 || b->height <= 0)
        return err_set(e, "an image of %lldx%lld pixels", (long long)b->width,
                       (long long)b->height);
    if (b->bits != 1 && b->bits != 4 && b->bits != 8 && b->bits != 24 && b->bits != 32)
        return err_set(e, "%u bits a pixel cannot be read yet; convert it to PNG", b->bits);
    c = cursor_of(p, size);
    cursor_skip(&c, 14 + (size_t)head);
    if (compression == 3 && b->bits == 32) { /* masks follow a 40-byte header, or are its end */
        struct cursor m = cursor_of(p, size);

        cursor_skip(&m, 14 + 40);
        if (cursor_u32(&m) != 0xff0000 || cursor_u32(&m) != 0xff00 || cursor_u32(&m) != 0xff)
            return err_set(e, "swapped color masks cannot be read yet; convert it to PNG");
    } else if (compression != 0) {
        return err_set(e, "compressed (%u) bitmaps cannot be read yet; convert it to PNG",
                       compression);
    }
    if (b->bits <= 8) {
        uint32_t n = ncolors == 0 || ncolors > 1u << b->bits ? 1u << b->bits : ncolors;

        for (uint32_t i = 0; i < n; i++) {
            for (int k = 0; k < 3; k++)
                b->palette[i][k] = cursor_u8(&c);
            cursor_skip(&c, entry - 3);
        }
    }
    return c.bad ? err_set(e, "truncated") : 0;
}

int bmp_decode(struct image *im, const uint8_t *p, size_t size, int channels, struct err *e)
{
    struct bmp b;
    uint64_t pitch;

    if (header(&b, p, size, e) < 0)
        return -1;
    pitch = ((uint64_t)b.width * b.bits + 31) / 32 * 4;
    if (b.offset > size || pitch > (size - b.offset) / (uint64_t)b.height)
        return err_set(e, "truncated: %lldx%lld pixels of %u bits do not fit in the file",
                       (long long)b.width, (long long)b.height, b.bits);
    if (image_init(im, (uint64_t)b.width, (uint64_t)b.height, channels, e) < 0)
        return -1;
    for (int y = 0; y < im->height; y++) {
        const uint8_t *row = p + b.offset + pitch * (uint64_t)(b.top_down ? y : im->height - 1 - y);
        uint8_t *out = im->data + (size_t)y * (size_t)im->width * (size_t)channels;

        for (int x = 0; x < im->width; x++, out += channels) {
            const uint8_t *q;

            if (b.bits == 24 || b.bits == 32)
                q = row + (size_t)x * (b.bits / 8);
            else if (b.bits == 8)
                q = b.palette[row[x]];
            else if (b.bits == 4)
                q = b.palette[row[x / 2] >> (x % 2 ? 0 : 4) & 15];
            else
                q = b.palette[row[x / 8] >> (7 - x % 8) & 1];
            pixel_put(out, channels, q[0], q[1], q[2]);
        }
    }
    return 0;
}
