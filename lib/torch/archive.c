/* archive.c: see archive.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "torch/archive.h"

enum {
    ALIGN = 64,
    VERSION = 45,            /* with zip64 */
    FLAGS = 0x800,           /* names are UTF-8 */
    DATE = 1 << 5 | 1,       /* the first of January 1980 */
    PAD_ID = 'F' | 'B' << 8, /* what torch calls its padding */
    ZIP64_ID = 1,
    HEADER = 30,
    MIN_EXTRA = 4,
    ZIP64_EXTRA = 20,
};
static const uint32_t MAX32 = 0xffffffff;

static void buf_u16(struct buf *b, uint32_t v)
{
    buf_put(b, (uint8_t[]){ (uint8_t)v, (uint8_t)(v >> 8) }, 2);
}

/* What local header and central directory have in common. */
static void put_facts(struct buf *b, uint32_t crc, uint64_t size, size_t name, size_t extra)
{
    uint32_t s = size >= MAX32 ? MAX32 : (uint32_t)size;

    buf_u16(b, VERSION);
    buf_u16(b, FLAGS);
    buf_u16(b, 0); /* stored */
    buf_u16(b, 0); /* time */
    buf_u16(b, DATE);
    buf_u32(b, crc);
    buf_u32(b, s);
    buf_u32(b, s);
    buf_u16(b, (uint32_t)name);
    buf_u16(b, (uint32_t)extra);
}

static void put_zip64(struct buf *b, uint64_t size, uint64_t at, bool offset)
{
    buf_u16(b, ZIP64_ID);
    buf_u16(b, offset ? 24 : 16);
    buf_u64(b, size);
    buf_u64(b, size);
    if (offset)
        buf_u64(b, at);
}

static void put_entry(struct archive *a, const char *name, uint32_t crc, uint64_t size, uint64_t at)
{
    struct buf *d = &a->directory;
    bool big = size >= MAX32 || at >= MAX32;

    buf_u32(d, 0x02014b50);
    buf_u16(d, VERSION);
    put_facts(d, crc, big ? MAX32 : size, strlen(name), big ? 28 : 0);
    buf_u16(d, 0); /* comment */
    buf_u16(d, 0); /* disk */
    buf_u16(d, 0);
    buf_u32(d, 0);
    buf_u32(d, big ? MAX32 : (uint32_t)at);
    buf_str(d, name);
    if (big)
        put_zip64(d, size, at, true);
}

static uint32_t crc_of(const uint8_t *p, uint64_t size)
{
    return (uint32_t)crc32_z(0, p, size);
}

void archive_begin(struct archive *a, struct out *o, const char *root)
{
    *a = (struct archive){ .out = o, .root = root, .start = o->offset };
}

void archive_put(struct archive *a, const char *name, const void *data, uint64_t size)
{
    char *path = mem_printf("%s/%s", a->root, name);
    uint64_t at = a->out->offset - a->start, big = size >= MAX32 ? ZIP64_EXTRA : 0;
    size_t length = strlen(path), pad;
    uint32_t crc = size == 0 ? 0 : crc_of(data, size);
    static const uint8_t zeros[ALIGN];
    struct buf h = { 0 };

    pad = (ALIGN - (at + HEADER + length + big + MIN_EXTRA) % ALIGN) % ALIGN;
    buf_u32(&h, 0x04034b50);
    put_facts(&h, crc, size, length, big + MIN_EXTRA + pad);
    buf_str(&h, path);
    if (big > 0)
        put_zip64(&h, size, 0, false);
    buf_u16(&h, PAD_ID);
    buf_u16(&h, (uint32_t)pad);
    buf_put(&h, zeros, pad);
    out_put(a->out, h.data, h.size);
    if (size > 0)
        out_put(a->out, data, size);
    put_entry(a, path, crc, size, at);
    a->n++;
    buf_release(&h);
    free(path);
}

void archive_end(struct archive *a)
{
    uint64_t at = a->out->offset - a->start, size = a->directory.size, end = at + size;
    struct buf b = { 0 };

    out_put(a->out, a->directory.data, a->directory.size);
    buf_u32(&b, 0x06064b50);
    buf_u64(&b, 44);
    buf_u16(&b, VERSION);
    buf_u16(&b, VERSION);
    buf_u32(&b, 0);
    buf_u32(&b, 0);
    buf_u64(&b, a->n);
    buf_u64(&b, a->n);
    buf_u64(&b, size);
    buf_u64(&b, at);
    buf_u32(&b, 0x07064b50);
    buf_u32(&b, 0);
    buf_u64(&b, end);
    buf_u32(&b, 1);
    buf_u32(&b, 0x06054b50);
    buf_u32(&b, 0);
    buf_u16(&b, a->n >= 0xffff ? 0xffff : (uint32_t)a->n);
    buf_u16(&b, a->n >= 0xffff ? 0xffff : (uint32_t)a->n);
    buf_u32(&b, size >= MAX32 ? MAX32 : (uint32_t)size);
    buf_u32(&b, at >= MAX32 ? MAX32 : (uint32_t)at);
    buf_u16(&b, 0);
    out_put(a->out, b.data, b.size);
    buf_release(&b);
    buf_release(&a->directory);
}
