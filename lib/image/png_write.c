/* png_write.c: an image as a PNG, unfiltered and compressed once: for looking at.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "image/image.h"

static void big32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void chunk_put(struct buf *out, const char *name, const void *body, size_t size)
{
    uint8_t word[4];

    big32(word, (uint32_t)size);
    buf_put(out, word, 4);
    buf_put(out, name, 4);
    buf_put(out, body, size);
    big32(word, (uint32_t)crc32_z(crc32_z(0, (const uint8_t *)name, 4), body, size));
    buf_put(out, word, 4);
}

void image_write_png(struct buf *out, const struct image *im)
{
    size_t pitch = (size_t)im->width * (size_t)im->channels, height = (size_t)im->height;
    uint8_t head[13] = { [8] = 8, im->channels == 3 ? 2 : 0 }; /* 8 bits; RGB or gray */
    uint8_t *rows = mem_alloc((pitch + 1) * height), *packed;
    uLongf size = compressBound((pitch + 1) * height);

    big32(head, (uint32_t)im->width);
    big32(head + 4, (uint32_t)im->height);
    for (size_t y = 0; y < height; y++) {
        rows[y * (pitch + 1)] = 0; /* no filter */
        memcpy(rows + y * (pitch + 1) + 1, im->data + y * pitch, pitch);
    }
    packed = mem_alloc(size);
    compress2(packed, &size, rows, (pitch + 1) * height, 6); /* it has the room that it needs */
    buf_put(out, "\x89PNG\r\n\x1a\n", 8);
    chunk_put(out, "IHDR", head, sizeof head);
    chunk_put(out, "IDAT", packed, size);
    chunk_put(out, "IEND", "", 0);
    free(packed);
    free(rows);
}
