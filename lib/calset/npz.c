/* npz.c: zips of .npy files, see npy.h: read through libarchive, written by hand (libarchive's zip
 * writer depends on the time zone). PKWARE APPNOTE 6.3; numpy reads stored members.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/cursor.h"
#include "calset/npy.h"

bool npz_is(const void *bytes, size_t size)
{
    struct cursor c = cursor_of(bytes, size);
    const uint8_t *name;
    size_t n;

    if (cursor_u32(&c) != 0x04034b50) /* "PK", 3, 4: a file; its name's length is at 26 */
        return false;
    cursor_skip(&c, 22);
    n = cursor_u16(&c);
    cursor_skip(&c, 2);
    name = cursor_take(&c, n);
    return name != NULL && n > 4 && memcmp(name + n - 4, ".npy", 4) == 0;
}

static int member_read(struct npz_array *a, struct archive *ar, struct err *e)
{
    struct buf b = { 0 };
    const void *chunk;
    size_t size;
    int64_t offset;
    int r;

    while ((r = archive_read_data_block(ar, &chunk, &size, &offset)) == ARCHIVE_OK)
        if ((uint64_t)offset != b.size) {
            buf_release(&b);
            return err_set(e, "a sparse member");
        } else {
            buf_put(&b, chunk, size);
        }
    a->bytes = b.data;
    if (r != ARCHIVE_EOF)
        return err_set(e, "%s", archive_error_string(ar));
    return npy_read(&a->tensor, &a->owned, b.data, b.size, e);
}

int npz_read(struct npz *z, const void *bytes, size_t size, const char *only, struct err *e)
{
    struct archive *ar = archive_read_new();
    struct archive_entry *entry;
    int r, rc = -1;

    *z = (struct npz){ 0 };
    archive_read_support_format_zip_seekable(ar); /* by its directory: a cut file has none */
    if (archive_read_open_memory(ar, bytes, size) != ARCHIVE_OK) {
        err_set(e, "%s", archive_error_string(ar));
        goto out;
    }
    while ((r = archive_read_next_header(ar, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        struct npz_array *a;
        size_t n;

        z->arrays = mem_resize(z->arrays, z->narrays + 1, sizeof *z->arrays);
        a = &z->arrays[z->narrays++];
        *a = (struct npz_array){ .name = mem_strdup(name == NULL ? "?" : name) };
        n = strlen(a->name);
        if (n > 4 && strcmp(a->name + n - 4, ".npy") == 0)
            a->name[n - 4] = '\0';
        if (only != NULL && strcmp(a->name, only) != 0)
            continue;
        if (member_read(a, ar, e) < 0) {
            err_at(e, "%s", a->name);
            goto out;
        }
    }
    if (r != ARCHIVE_EOF)
        err_set(e, "%s", archive_error_string(ar));
    else
        rc = 0;
out:
    archive_read_free(ar);
    if (rc < 0)
        npz_release(z);
    return rc;
}

void npz_release(struct npz *z)
{
    for (size_t i = 0; i < z->narrays; i++) {
        free(z->arrays[i].name);
        free(z->arrays[i].bytes);
        free(z->arrays[i].owned);
    }
    free(z->arrays);
    *z = (struct npz){ 0 };
}

enum {
    DOS_DATE = 1 << 5 | 1, /* 1980-01-01 */
    UTF8 = 1 << 11,
    BIG = -1, /* in a 32-bit field: see the zip64 extra field */
};

static void buf_u16(struct buf *b, unsigned v)
{
    buf_put(b, (const uint8_t[]){ (uint8_t)v, (uint8_t)(v >> 8) }, 2);
}

static uint32_t or_big(uint64_t v)
{
    return v >= UINT32_MAX ? (uint32_t)BIG : (uint32_t)v;
}

/* What local header and directory entry have in common, from "version needed" to "extra length". */
static void put_common(struct buf *b, const char *name, uint32_t crc, uint64_t size, bool zip64,
                       size_t extra)
{
    buf_u16(b, zip64 ? 45 : 20);
    buf_u16(b, UTF8);
    buf_u16(b, 0); /* stored */
    buf_u16(b, 0);
    buf_u16(b, DOS_DATE);
    buf_u32(b, crc);
    buf_u32(b, or_big(size));
    buf_u32(b, or_big(size));
    buf_u16(b, (unsigned)strlen(name) + 4);
    buf_u16(b, (unsigned)extra);
}

void npz_begin(struct npz_out *z, struct out *out)
{
    *z = (struct npz_out){ .out = out, .start = out->offset };
}

void npz_put(struct npz_out *z, const char *name, const struct tensor *t)
{
    struct buf head = { 0 }, local = { 0 }, *d = &z->directory;
    uint64_t at = z->out->offset - z->start, size;
    bool big, far = at >= UINT32_MAX;
    uint32_t crc;

    npy_header(&head, t->dtype, &t->shape);
    size = head.size + tensor_size(t);
    big = size >= UINT32_MAX;
    crc = (uint32_t)crc32_z(crc32_z(0, head.data, head.size), t->data, tensor_size(t));

    buf_u32(&local, 0x04034b50);
    put_common(&local, name, crc, size, big, big ? 20 : 0);
    buf_printf(&local, "%s.npy", name);
    if (big) {
        buf_u16(&local, 1);
        buf_u16(&local, 16);
        buf_u64(&local, size);
        buf_u64(&local, size);
    }
    out_put(z->out, local.data, local.size);
    out_put(z->out, head.data, head.size);
    out_put(z->out, t->data, tensor_size(t));

    buf_u32(d, 0x02014b50);
    buf_u16(d, 45);
    put_common(d, name, crc, size, big || far,
               big || far ? 4u + (big ? 16 : 0) + (far ? 8 : 0) : 0);
    buf_put(d, (const uint8_t[10]){ 0 }, 10); /* comment, disk, attributes */
    buf_u32(d, or_big(at));
    buf_printf(d, "%s.npy", name);
    if (big || far) {
        buf_u16(d, 1);
        buf_u16(d, (big ? 16u : 0) + (far ? 8u : 0));
        if (big) {
            buf_u64(d, size);
            buf_u64(d, size);
        }
        if (far)
            buf_u64(d, at);
    }
    z->n++;
    buf_release(&local);
    buf_release(&head);
}

void npz_end(struct npz_out *z)
{
    uint64_t at = z->out->offset - z->start, size = z->directory.size;
    struct buf end = { 0 };

    if (at >= UINT32_MAX || size >= UINT32_MAX || z->n >= UINT16_MAX) {
        buf_u32(&end, 0x06064b50);
        buf_u64(&end, 44);
        buf_u16(&end, 45);
        buf_u16(&end, 45);
        buf_u64(&end, 0);
        buf_u64(&end, z->n);
        buf_u64(&end, z->n);
        buf_u64(&end, size);
        buf_u64(&end, at);
        buf_u32(&end, 0x07064b50);
        buf_u32(&end, 0);
        buf_u64(&end, at + size);
        buf_u32(&end, 1);
    }
    buf_u32(&end, 0x06054b50);
    buf_u32(&end, 0);
    buf_u16(&end, z->n >= UINT16_MAX ? UINT16_MAX : (unsigned)z->n);
    buf_u16(&end, z->n >= UINT16_MAX ? UINT16_MAX : (unsigned)z->n);
    buf_u32(&end, or_big(size));
    buf_u32(&end, or_big(at));
    buf_u16(&end, 0);
    out_put(z->out, z->directory.data, z->directory.size);
    out_put(z->out, end.data, end.size);
    buf_release(&end);
    buf_release(&z->directory);
}
