/* source.c: see source.h. DESIGN.md 2.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/wire.h"
#include "ir/source.h"

/* Any message: fields that hold messages are looked into. The bytes are checked. As source_kind.strip. */
static int strip_message(const struct source_kind *kind, const ProtobufCMessageDescriptor *d,
                         struct cursor c, void *ctx, struct buf *out)
{
    struct buf inner = { 0 };
    struct field f;
    int changed = 0;

    if (d == kind->tensor)
        return kind->strip(ctx, c, out);
    while (cursor_field(&c, &f)) {
        const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(d, f.number);
        int one = 0;

        inner.size = 0;
        if (fd != NULL && fd->type == PROTOBUF_C_TYPE_MESSAGE)
            one = strip_message(kind, fd->descriptor, f.bytes, ctx, &inner);
        if (one < 0) {
            changed = -1;
            break;
        }
        changed |= one;
        if (one) {
            buf_varint(out, f.number << 3 | 2);
            buf_varint(out, inner.size);
            buf_put(out, inner.data, inner.size);
        } else {
            buf_put(out, f.start, (size_t)(c.p - f.start));
        }
    }
    buf_release(&inner);
    return changed;
}

int source_strip(struct model *m, const struct blob *file, const char *path,
                 const struct source_kind *kind, void *ctx, struct err *e)
{
    struct buf out = { 0 };
    int rc;

    if (wire_check(kind->file, file->data, file->size, e) < 0)
        return -1;
    if (path != NULL && file->mapped)
        link_add(m, path, file, false);
    rc = strip_message(kind, kind->file, cursor_of(file->data, file->size), ctx, &out);
    if (rc >= 0) {
        m->source = arena_copy(&m->arena, out.data, out.size);
        m->sourcesize = out.size;
    }
    buf_release(&out);
    return rc < 0 ? -1 : 0;
}

enum { COPY_MAX = 16384 };

int source_datum(struct model *m, const void *p, size_t size, size_t align)
{
    if (align > 1 && (uintptr_t)p % align != 0 && size <= COPY_MAX)
        p = arena_copy(&m->arena, p, size);
    return datum_add(m, p, size);
}
