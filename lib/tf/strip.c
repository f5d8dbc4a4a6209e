/* strip.c: large tensors out of a GraphDef; see strip.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cursor.h"
#include "base/wire.h"
#include "tensorflow.pb-c.h"
#include "tf/strip.h"

/* TensorProto's field numbers. */
enum { DTYPE = 1, CONTENT = 4, DATUM = 536870000 };

/* Smaller data at an odd address is copied, so that kernels may read it in place. */
enum { COPY_MAX = 16384 };

struct strip {
    struct model *m;
    struct err *err;
};

/* 1: `out` has the tensor without its bytes; 0: it stays as it is; -1 error. */
static int strip_tensor(struct strip *s, struct cursor c, struct buf *out)
{
    struct cursor look = c;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    struct field f;
    int contents = 0;

    while (cursor_field(&look, &f)) {
        if (f.number == DATUM)
            return err_set(s->err, "field %d of a TensorProto: not TensorFlow's", DATUM);
        if (f.number != CONTENT)
            continue;
        contents++;
        bytes = f.bytes.p;
        size = cursor_left(&f.bytes);
    }
    if (contents != 1 || size <= TF_INLINE)
        return 0;
    while (cursor_field(&c, &f))
        if (f.number != CONTENT)
            buf_put(out, f.start, (size_t)(c.p - f.start));
    if ((uintptr_t)bytes % 8 != 0 && size <= COPY_MAX)
        bytes = arena_copy(&s->m->arena, bytes, size);
    buf_varint(out, (uint64_t)DATUM << 3);
    buf_varint(out, (uint64_t)datum_add(s->m, bytes, size));
    return 1;
}

/* The same for any message: fields that hold messages are looked into. The bytes are checked. */
static int strip_message(struct strip *s, const ProtobufCMessageDescriptor *d, struct cursor c,
                         struct buf *out)
{
    struct buf inner = { 0 };
    struct field f;
    int changed = 0;

    if (d == &tensorflow__tensor_proto__descriptor)
        return strip_tensor(s, c, out);
    while (cursor_field(&c, &f)) {
        const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(d, f.number);
        int one = 0;

        inner.size = 0;
        if (fd != NULL && fd->type == PROTOBUF_C_TYPE_MESSAGE)
            one = strip_message(s, fd->descriptor, f.bytes, &inner);
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

int tf_strip(struct model *m, const struct blob *file, const char *path, struct err *e)
{
    const ProtobufCMessageDescriptor *d = &tensorflow__graph_def__descriptor;
    struct strip s = { m, e };
    struct buf out = { 0 };
    int rc = -1;

    if (wire_check(d, file->data, file->size, e) < 0)
        return -1;
    if (path != NULL && file->mapped)
        link_add(m, path, file, false);
    if (strip_message(&s, d, cursor_of(file->data, file->size), &out) < 0)
        goto out;
    m->source = arena_copy(&m->arena, out.data, out.size);
    m->sourcesize = out.size;
    rc = 0;
out:
    buf_release(&out);
    return rc;
}
