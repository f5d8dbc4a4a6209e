/* bin.c: see bin.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cursor.h"
#include "calset/bin.h"

static int format_of(const void *bytes, size_t size)
{
    struct cursor c = cursor_of(bytes, size);
    uint32_t v = cursor_u32(&c);

    return v == 510 || v == 610 ? (int)v : 0;
}

bool bin_is(const void *bytes, size_t size)
{
    return format_of(bytes, size) != 0;
}

int bin_read(struct bin *b, const void *bytes, size_t size, struct err *e)
{
    struct cursor c = cursor_of(bytes, size);
    int64_t count;
    uint32_t rank = 4;
    char s[200];

    *b = (struct bin){ .format = format_of(bytes, size) };
    if (b->format == 0)
        return err_set(e, size < 4
                              ? "is too short for a calibration bin"
                              : "is no calibration bin: its first word is neither 510 nor 610");
    cursor_skip(&c, 4);
    if (b->format == 610)
        rank = cursor_u32(&c);
    if (rank > RANK_MAX)
        return err_set(e, "rank %u; at most %d dims can be used", rank, RANK_MAX);
    b->shape.rank = (int)rank;
    for (uint32_t i = 0; i < rank; i++) {
        b->shape.dim[i] = (int32_t)cursor_u32(&c);
        if (!c.bad && b->shape.dim[i] < 1)
            return err_set(e, "dim %u of its header is %d", i + 1, (int)b->shape.dim[i]);
    }
    if (c.bad)
        return err_set(e, "truncated in its header");
    count = shape_count(&b->shape);
    if (count < 0)
        return err_set(e, "its header says %s, more than any file holds", shape_text(&b->shape, s));
    if (cursor_left(&c) != (uint64_t)count * 4)
        return err_set(e, "its header says %s, which is %lld bytes of data, but %zu follow",
                       shape_text(&b->shape, s), (long long)count * 4, cursor_left(&c));
    b->data = (const void *)c.p;
    return 0;
}

void bin_header(struct buf *out, int format, const struct shape *s)
{
    buf_u32(out, (uint32_t)format);
    if (format == 610)
        buf_u32(out, (uint32_t)s->rank);
    for (int i = 0; i < s->rank; i++)
        buf_u32(out, (uint32_t)s->dim[i]);
}
