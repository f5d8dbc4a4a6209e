/* pnm.c: PBM, PGM and PPM (netpbm's pnm(5)), text P1–P3 and raw P4–P6, any maxval up to 65535.
 *
 * As OpenCV has it: text values are scaled from maxval to 255, raw ones are taken as they are, and
 * of two-byte ones the upper byte. A number ends with the byte behind it, whatever that is, and a text
 * file whose last number has none is cut.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>

#include "base/cursor.h"
#include "image/decode.h"

struct pnm {
    struct cursor c;
    char kind; /* '1'..'6' */
    unsigned maxval;
};

/* The next number, after white space and # comments; -1 if there is none. Whatever byte ends it is taken
 * too, so there must be one; a P1 pixel is one digit, and nothing ends it. */
static long number(struct cursor *c, bool digit)
{
    int code = cursor_u8(c);
    long v = 0;

    while (!c->bad && (isspace(code) || code == '#')) {
        if (code == '#')
            while (!c->bad && code != '\n' && code != '\r')
                code = cursor_u8(c);
        code = cursor_u8(c);
    }
    if (!isdigit(code))
        return -1;
    if (digit)
        return code - '0';
    for (; isdigit(code) && v <= INT32_MAX; code = cursor_u8(c))
        v = v * 10 + (code - '0');
    return c->bad || v > INT32_MAX ? -1 : v;
}

/* One stored value of 0..255; a row of P4 is read by bits in bits_row. */
static int value(struct pnm *p)
{
    long v;

    switch (p->kind) {
    case '1':
        v = number(&p->c, true);
        return v < 0 ? -1 : v ? 0 : 255;
    case '2':
    case '3':
        v = number(&p->c, false);
        if (v > (long)p->maxval)
            v = (long)p->maxval;
        if (v >= 0)
            v = p->maxval > 255 ? v >> 8 : v * 255 / (long)p->maxval;
        return (int)v;
    default:
        v = cursor_u8(&p->c);
        if (p->maxval > 255)
            cursor_skip(&p->c, 1);
        return p->c.bad ? -1 : (int)v;
    }
}

static int row_read(struct pnm *p, uint8_t *out, int width, int channels)
{
    bool color = p->kind == '3' || p->kind == '6';

    if (p->kind == '4') {
        const uint8_t *bits = cursor_take(&p->c, ((size_t)width + 7) / 8);

        for (int x = 0; bits != NULL && x < width; x++, out += channels) {
            unsigned v = bits[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;

            pixel_put(out, channels, v, v, v);
        }
        return bits == NULL ? -1 : 0;
    }
    for (int x = 0; x < width; x++, out += channels) {
        int r = value(p), g = color ? value(p) : r, b = color ? value(p) : r;

        if (r < 0 || g < 0 || b < 0)
            return -1;
        pixel_put(out, channels, (unsigned)b, (unsigned)g, (unsigned)r);
    }
    return 0;
}

int pnm_decode(struct image *im, const uint8_t *bytes, size_t size, const struct want *w,
               struct err *e)
{
    struct pnm p = { .c = cursor_of(bytes + 2, size - 2), .kind = (char)bytes[1], .maxval = 1 };
    bool bits = p.kind == '1' || p.kind == '4', color = p.kind == '3' || p.kind == '6';
    long width = number(&p.c, false), height = number(&p.c, false);
    long maxval = bits ? 1 : number(&p.c, false);
    uint64_t row; /* the fewest bytes of one; in text, a digit and what ends it are a value */

    if (width <= 0 || height <= 0 || maxval <= 0 || maxval > 65535 || !isspace(bytes[2]))
        return err_set(e, "the header is truncated or damaged");
    p.maxval = (unsigned)maxval;
    row = (uint64_t)width * (color ? 3 : 1) *
          (p.kind == '2' || p.kind == '3' || maxval > 255 ? 2 : 1);
    if (p.kind == '4')
        row = ((uint64_t)width + 7) / 8;
    if ((uint64_t)height > cursor_left(&p.c) / row)
        return err_set(e, "truncated: %ldx%ld pixels do not fit in the file", width, height);
    if (image_init(im, (uint64_t)width, (uint64_t)height, w, e) < 0)
        return -1;
    for (int y = 0; y < im->height; y++)
        if (row_read(&p, im->data + (size_t)y * (size_t)im->width * (size_t)w->channels, im->width,
                     w->channels) < 0)
            return err_set(e, "truncated or damaged in row %d", y);
    return 0;
}
