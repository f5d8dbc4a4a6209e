/* wire.c: see wire.h. Wire format: protobuf.dev/programming-guides/encoding.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/cursor.h"
#include "base/wire.h"

/* The wire type of one element. */
static unsigned wire_type(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 5;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 1;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return 2;
    default:
        return 0;
    }
}

/* A packed list: whole elements only. */
static bool packed_ok(struct cursor c, unsigned wire)
{
    if (wire != 0)
        return cursor_left(&c) % (wire == 5 ? 4 : 8) == 0;
    while (cursor_left(&c) > 0 && !c.bad)
        cursor_varint(&c);
    return !c.bad;
}

struct check {
    const uint8_t *base;
    struct err *err;
};

static int check_message(const struct check *k, const ProtobufCMessageDescriptor *d,
                         struct cursor c, int depth)
{
    struct field f;

    while (cursor_field(&c, &f)) {
        const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(d, f.number);
        unsigned wire = fd == NULL ? f.wire : wire_type(fd->type);
        long long at = f.start - k->base;

        if (fd == NULL)
            continue;
        if (f.wire == 2 && wire != 2 && fd->label == PROTOBUF_C_LABEL_REPEATED) {
            if (!packed_ok(f.bytes, wire))
                return err_set(k->err, "byte %lld: field %s of %s: damaged list", at, fd->name,
                               d->short_name);
        } else if (f.wire != wire) {
            return err_set(k->err, "byte %lld: field %s of %s: wire type %u, not %u", at, fd->name,
                           d->short_name, f.wire, wire);
        } else if (fd->type == PROTOBUF_C_TYPE_MESSAGE) {
            if (depth == WIRE_DEPTH)
                return err_set(k->err, "byte %lld: more than %d messages inside one another", at,
                               WIRE_DEPTH);
            if (check_message(k, fd->descriptor, f.bytes, depth + 1) < 0)
                return -1;
        }
    }
    if (c.bad)
        return err_set(k->err, "byte %lld: damaged or cut off (in %s)",
                       (long long)(f.start - k->base), d->short_name);
    return 0;
}

int wire_check(const ProtobufCMessageDescriptor *d, const void *p, size_t size, struct err *e)
{
    struct check k = { p, e };

    return check_message(&k, d, cursor_of(p, size), 0);
}

void *wire_unpack(const ProtobufCMessageDescriptor *d, const void *p, size_t size, struct err *e)
{
    void *m;

    if (wire_check(d, p, size, e) < 0)
        return NULL;
    m = protobuf_c_message_unpack(d, NULL, size, p);
    if (m == NULL)
        err_set(e, "not a valid %s", d->short_name);
    return m;
}

void wire_pack(const ProtobufCMessage *m, struct buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(m);
    uint8_t *p = mem_alloc(size);

    protobuf_c_message_pack(m, p);
    buf_put(out, p, size);
    free(p);
}
